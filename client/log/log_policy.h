/*
 * log_policy.h - whom a verifier believes about the log: its key, witnesses, and how many of them must have
 * cosigned (a C2SP policy file, or what the pinned trust document says).  Pure.
 *   log <vkey> [url]
 *   witness <name> <vkey> [url]
 *   group <name> <k|any|all> <member>...     members are witnesses and groups named before
 *   quorum <name|none>
 */
#ifndef INNSYN_CLIENT_LOG_LOG_POLICY_H
#define INNSYN_CLIENT_LOG_LOG_POLICY_H

#include "proto/note.h"
#include "proto/trust.h"

enum { POLICY_NAMES_MAX = 96, POLICY_NAME_MAX = 127, POLICY_BYTES_MAX = 64 * 1024 };

struct policy_part {
    char name[POLICY_NAME_MAX + 1];
    bool is_witness;
    struct note_key key;                /* a witness */
    unsigned needs, member_count;       /* a group */
    uint8_t members[POLICY_NAMES_MAX];
};
struct log_policy {
    struct note_key log;
    struct policy_part parts[POLICY_NAMES_MAX]; /* members stand before their groups */
    unsigned count;
    int quorum; /* index of the part that must be satisfied; -1: none */
};
/* MALFORMED names the line. */
MUST_CHECK result policy_parse(struct slice text, struct log_policy *ret, struct why *why);
/* A majority of the trust document's witnesses. */
MUST_CHECK result policy_of_trust(const struct trust *t, struct log_policy *ret, struct why *why);
MUST_CHECK result policy_print(const struct log_policy *p, struct buffer *to, struct why *why);

struct policy_verdict {
    struct checkpoint checkpoint;
    bool holds[POLICY_NAMES_MAX]; /* by part: its cosignature holds, or its group has enough */
    unsigned witnesses, cosigned; /* how many the policy names, and how many of them cosigned */
    unsigned unreadable;          /* signature lines that cannot be read: whose they were is missing */
    bool quorum;
};
/* DENIED: the log's own signature is missing or does not hold.  That witnesses are missing is in the verdict. */
MUST_CHECK result policy_read(const struct log_policy *p, struct slice note, struct policy_verdict *ret, struct why *why);
/* The same, and DENIED without the quorum: names who is missing. */
MUST_CHECK result policy_check(const struct log_policy *p, struct slice note, struct policy_verdict *ret, struct why *why);

#endif
