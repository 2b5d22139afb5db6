/* command_proof.h - what `audit verify` and `result verify` share with the commands on the log's public formats. */
#ifndef INNSYN_CLIENT_COMMAND_PROOF_H
#define INNSYN_CLIENT_COMMAND_PROOF_H

#include "client/command.h"
#include "client/log_policy.h"

/* --policy FILE, else a majority of the pinned trust document's witnesses. */
int log_policy_get(struct client *c, const struct arguments *a, struct log_policy *ret);
/* Who has cosigned, and who is missing. */
MUST_CHECK result log_cosigners_words(const struct log_policy *p, const struct policy_verdict *v, struct buffer *to, struct why *why);
void log_cosigners_json(const struct log_policy *p, const struct policy_verdict *v, struct json *to);

/* audit verify --proof, --evidence, --folder */
int log_verify_proof(struct client *c, const struct arguments *a);
int log_verify_evidence(struct client *c, const struct arguments *a);
int log_verify_folder(struct client *c, const struct arguments *a);

#endif
