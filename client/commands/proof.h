/* proof.h - what `audit verify` and `result verify` share with the commands on the log's public formats. */
#ifndef INNSYN_CLIENT_COMMANDS_PROOF_H
#define INNSYN_CLIENT_COMMANDS_PROOF_H

#include "client/command.h"
#include "client/log/log_policy.h"
#include "client/log/log_proof.h"

/* --policy FILE, else a majority of the pinned trust document's witnesses. */
int log_policy_get(struct client *c, const struct arguments *a, struct log_policy *ret);
/* Who has cosigned, and who is missing. */
MUST_CHECK result log_cosigners_words(const struct log_policy *p, const struct policy_verdict *v, struct buffer *to, struct why *why);
void log_cosigners_json(const struct log_policy *p, const struct policy_verdict *v, struct json *to);

/* The log's entry at proof->index (auditor), into proof->entry. */
int log_entry_at(struct client *c, uint64_t index, struct log_proof *proof);
/* Proves proof->entry at proof->index in the log's newest checkpoint, which p must hold for quorate: fills the proof, and
 * `note` (by buffer_init'ed with CHECKPOINT_NOTE_MAX), from which proof->checkpoint borrows. */
int log_prove(struct client *c, const struct log_policy *p, struct log_proof *proof, struct buffer *note, struct policy_verdict *ret);

/* The broker's own proof that the log only grew from `seen` to `now`.  EXIT_UNVERIFIED: it does not hold. */
int log_joined(struct client *c, const struct checkpoint *seen, const struct checkpoint *now);

/* audit verify --proof, --evidence, --folder */
int log_verify_proof(struct client *c, const struct arguments *a);
int log_verify_evidence(struct client *c, const struct arguments *a);
int log_verify_folder(struct client *c, const struct arguments *a);

#endif
