/*
 * log_proof.h - what can be carried away from the log and checked without it.  Pure.
 *   a proof (c2sp.org/tlog-proof@v1): an entry, as `extra`, is in a log whose checkpoint goes with it
 *   evidence (log-evidence/1, written by an agent): two checkpoints that the log's key signed and nothing joins
 */
#ifndef INNSYN_CLIENT_LOG_LOG_PROOF_H
#define INNSYN_CLIENT_LOG_LOG_PROOF_H

#include "client/log/log_policy.h"
#include "proto/json.h"
#include "proto/merkle.h"

enum { PROOF_ENTRY_MAX = 64 * 1024, PROOF_BYTES_MAX = 160 * 1024 };

struct log_proof {
    uint64_t index;
    struct buffer entry;        /* empty: the file has no `extra` */
    struct merkle_proof proof;
    struct slice checkpoint;    /* borrowed from the text */
};
void log_proof_init(struct log_proof *p);
void log_proof_done(struct log_proof *p);
MUST_CHECK result log_proof_parse(struct slice text, struct log_proof *ret, struct why *why);
MUST_CHECK result log_proof_print(const struct log_proof *p, struct buffer *to, struct why *why);
/* DENIED: the entry is not proven to be there, or the checkpoint does not satisfy the policy. */
MUST_CHECK result log_proof_check(const struct log_proof *p, const struct log_policy *policy, struct policy_verdict *ret, struct why *why);

struct log_evidence {
    struct checkpoint held, shown;
    bool by_roots; /* one size, two roots: no proof can join them; else the proof that was shown does not */
};
/* DENIED: it proves no fork (another log's key, a signature that does not hold, or the two do belong together). */
MUST_CHECK result log_evidence_check(const struct json *document, const struct note_key *log, struct log_evidence *ret, struct why *why);

#endif
