/*
 * query.h - a researcher's signed question under a permit, and the task that carries it to a site.
 */
#ifndef INNSYN_PROTO_QUERY_H
#define INNSYN_PROTO_QUERY_H

#include "proto/permit.h"

enum { QUERY_LIFE_MAX_MS = 24 * 60 * 60 * 1000, CLOCK_SKEW_MAX_MS = 2 * 60 * 1000 };

struct query {
    struct document_id id;
    struct label network;
    struct document_id permit;
    struct site_id sites[PERMIT_SITES_MAX]; /* sorted; at least one */
    unsigned site_count;
    int64_t issued_ms, expires_ms;
    const struct json *question; /* borrowed from tree: question_read() it with the dictionary */
    struct hash hash;            /* of the payload */
    struct json *tree;
};
MUST_CHECK result query_read(struct slice payload, struct query **ret, struct why *why);
void query_free(struct query *q);
void query_freep(struct query **q);
/* Which of the permit's people signed: NULL if none did. */
const struct permit_person *query_signer(const struct envelope *e, const struct permit *p);

struct task {
    struct document_id id;
    struct label network;
    struct site_id site;
    struct document_id query, permit;
    struct hash query_hash, permit_hash;
    int64_t issued_ms, expires_ms;
    uint64_t entry; /* index of its dispatch entry in the log */
};
/* Verifies the seal and reads. */
MUST_CHECK result task_open(const struct envelope *e, const struct trust *t, struct task *ret, struct why *why);
MUST_CHECK result task_print(const struct task *t, struct buffer *to, struct why *why);

/* Does a dispatch entry (canonical JSON) say exactly what the task says?  DENIED names the field that differs. */
MUST_CHECK result task_check_entry(const struct task *t, const struct hash *question_hash, struct slice entry, struct why *why);
/* The account a dispatch entry names: the caller compares it with the query's signer, or the log would
 * lie about who asked.  MALFORMED: not an entry with an account. */
MUST_CHECK result entry_account(struct slice entry, struct label *ret, struct why *why);
/* That entry, for the broker that writes it. */
struct json *task_entry(const struct task *t, const struct label *account, const struct hash *question_hash, int64_t at_ms);

#endif
