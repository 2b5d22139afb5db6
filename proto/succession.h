/*
 * succession.h - log-succession/1: how a network's log is followed by another, yearly or after a lost backup.
 * Signed by the root quorum and carried in the trust document that names the new log.  The successor begins
 * with entries of the old log, under a key and a name of its own: nobody who saw the old one is shown a fork, and
 * proofs and searches reach across both.
 */
#ifndef INNSYN_PROTO_SUCCESSION_H
#define INNSYN_PROTO_SUCCESSION_H

#include "proto/envelope.h"
#include "proto/id.h"
#include "proto/note.h"

enum { SUCCESSIONS_MAX = 64, SUCCESSION_BYTES_MAX = 4096 };

struct succession {
    struct label network;
    int64_t issued_ms;
    struct note_key old_log, new_log;
    struct checkpoint last;  /* of the old log: the newest that anyone saw */
    struct checkpoint start; /* of the new log: the entries it begins with; fewer than last.size: the rest was lost */
    struct hash hash;        /* of the payload */
};

/* The name of a network's n-th log: "innsyn.<network>/log", then "/log-2", "/log-3", ... */
void log_name_print(const struct label *network, unsigned generation, char to[NOTE_NAME_MAX + 1]);

/* Reads the payload; whose signatures it carries is the caller's to check.  MALFORMED names the field. */
MUST_CHECK result succession_read(const struct envelope *e, struct succession *ret, struct why *why);
/* Appends the payload of s. */
MUST_CHECK result succession_print(const struct succession *s, struct buffer *to, struct why *why);

/* May whoever holds this checkpoint of the old log (size 0: none) go over to the new one?  DENIED: it holds more
 * than the document says there was, or another history. */
MUST_CHECK result succession_allows(const struct succession *s, const struct checkpoint *held, struct why *why);

#endif
