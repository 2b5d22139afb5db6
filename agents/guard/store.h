/*
 * store.h - what guard must remember over a crash, in files that are synced before the call returns.
 *
 *   <folder>/state.json            checkpoint, time floor, trust version, rules in force, permit statuses seen
 *   <folder>/trust.json            the trust document in force (an envelope)
 *   <folder>/statistics/<hash>     what was published for a question on an edition: the same question has
 *                                  the same answer for every user, permit and day (I6)
 *   <folder>/answers/              the signed answers, as they were or will be sent (I8): answers.h
 *
 * Order: verify - journal "asked" - compute - statistic and answer stored - journal "answered" - sent.
 * After a crash a stored answer is sent again; what was never stored was never sent and may be computed.
 */
#ifndef INNSYN_AGENTS_GUARD_STORE_H
#define INNSYN_AGENTS_GUARD_STORE_H

#include "base/host.h"
#include "proto/permit.h"

enum { STATE_STATUSES_MAX = 4096, STATE_BYTES_MAX = 2 * 1024 * 1024, STATISTIC_STORED_MAX = 8 * 1024 * 1024, STORE_FOLDER_MAX = 480 };

struct agent_state {
    struct checkpoint checkpoint; /* size 0: none accepted yet */
    int64_t time_floor_ms;
    uint64_t trust_version;
    uint64_t rules_version; /* of the site's own rules in force; 0: none */
    struct hash rules_hash;
    struct permit_status statuses[STATE_STATUSES_MAX]; /* the newest of each permit */
    unsigned status_count;
};
/* NULL if this permit's status was never seen. */
const struct permit_status *state_status(const struct agent_state *s, const struct document_id *permit);
/* Remembers a status, if it is newer than the one held (of the same serial: sealed later).  DENIED: a lower serial,
 * or a higher one of an earlier moment; or sealed more than CLOCK_SKEW_MAX_MS after now_ms: it would shut out all later ones.
 * LIMIT: STATE_STATUSES_MAX permits; the state is as it was then.  *ret_changed: its serial or state is new. */
MUST_CHECK result state_see(struct agent_state *s, const struct permit_status *status, int64_t now_ms, bool *ret_changed, struct why *why);

struct store {
    const struct host *host;
    char folder[STORE_FOLDER_MAX];
};
/* Makes the folders. */
MUST_CHECK result store_open(const struct host *host, const char *folder, struct store *ret, struct why *why);

/* A missing file reads as the empty state.  BROKEN: it is not what store_write_state wrote. */
MUST_CHECK result store_read_state(const struct store *s, struct agent_state *ret, struct why *why);
MUST_CHECK result store_write_state(const struct store *s, const struct agent_state *state, struct why *why);

/* The envelope's JSON text.  ABSENT: none yet. */
MUST_CHECK result store_read_trust(const struct store *s, struct buffer *ret, struct why *why);
MUST_CHECK result store_write_trust(const struct store *s, struct slice text, struct why *why);

/* What was decided for (question, edition): canonical JSON, whatever guard puts there.  ABSENT: not asked yet. */
MUST_CHECK result store_read_statistic(const struct store *s, const struct hash *question, const struct hash *edition,
                                       struct buffer *ret, struct why *why);
MUST_CHECK result store_write_statistic(const struct store *s, const struct hash *question, const struct hash *edition,
                                        struct slice text, struct why *why);

#endif
