/*
 * held.h - answers that wait for the holder's hand, as files (rule `release: ask`, policy/site_rules.h).
 *
 *   <dir>/guard/held/<query id>.json   the answer, signed, as it would leave; who asked what under which permit
 *   <dir>/guard/held/<query id>.act    what the holder decided (innsyn-agent inbox); guard takes it within a second
 *
 * An answer is held before the broker is told that it waits, and ends in exactly one of: released (these very bytes
 * leave), refused by the holder, lapsed (nobody decided in time), cancelled (the query or its permit ended).
 */
#ifndef INNSYN_AGENTS_GUARD_HELD_H
#define INNSYN_AGENTS_GUARD_HELD_H

#include "agents/settings.h"
#include "proto/json.h"
#include "proto/merkle.h"

enum { HELD_ANSWERS_MAX = 256, HELD_BYTES_MAX = 10 * 1024 * 1024, HELD_REASON_MAX = 200, HELD_ACT_BYTES_MAX = 2048 };

struct held_answer {
    struct document_id task, query, permit;
    struct label account;
    struct hash query_hash, question_hash, permit_hash;
    struct hash result;        /* of the payload of the site-result that waits */
    int64_t held_ms, until_ms; /* wall clock; nobody decided by then: lapsed */
    struct json *record;       /* the whole file, owned; NULL where only the figures above are kept */
    struct held_answer *next;
};
void held_answer_done(struct held_answer *h);

/* Members of the record besides the figures: "dataset" and "why" (texts), "permit_document" (what the permit says), "question" (the
 * question asked) and "result" (the envelope). */
MUST_CHECK result held_write(const struct host *host, const struct agent_settings *s, const struct held_answer *h, struct why *why);
/* ABSENT: nothing waits under this query.  BROKEN: the file contradicts itself, or its result is not the one it names. */
MUST_CHECK result held_read(const struct host *host, const struct agent_settings *s, const struct document_id *query,
                            struct held_answer *ret, struct why *why);
/* Forgets answer and act. */
MUST_CHECK result held_remove(const struct host *host, const struct agent_settings *s, const struct document_id *query, struct why *why);
/* Ids of what waits, at most HELD_ANSWERS_MAX, in no order. */
MUST_CHECK result held_list(const struct agent_settings *s, struct document_id *ret, unsigned *ret_count, struct why *why);

struct held_act {
    bool release;                     /* else refuse */
    struct hash result;               /* what the holder was shown */
    char reason[HELD_REASON_MAX + 1]; /* refuse: told to who asked */
};
MUST_CHECK result held_act_write(const struct host *host, const struct agent_settings *s, const struct document_id *query,
                                 const struct held_act *a, struct why *why);
/* ABSENT: the holder has not decided.  MALFORMED: no act. */
MUST_CHECK result held_act_read(const struct host *host, const struct agent_settings *s, const struct document_id *query,
                                struct held_act *ret, struct why *why);
MUST_CHECK result held_act_remove(const struct host *host, const struct agent_settings *s, const struct document_id *query, struct why *why);

#endif
