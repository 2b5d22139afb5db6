/*
 * recombine.h - what a broker released, made again from what the sites signed.  Pure.
 * Nothing here is believed because the broker says it: each site's envelope is held to the trust document's key
 * of that site and to this query, and the document is made by the very code that releases (stats/combine.h).
 */
#ifndef INNSYN_CLIENT_LOG_RECOMBINE_H
#define INNSYN_CLIENT_LOG_RECOMBINE_H

#include "proto/permit.h"
#include "proto/question.h"
#include "proto/trust.h"
#include "stats/combine.h"

struct recombined {
    char query[DOCUMENT_ID_LEN + 1];
    struct hash question;         /* of the canonical question, as each answer names it */
    struct json *document;        /* owned: the result/1 document without its receipt */
    struct hash hash;             /* SHA-256 of its canonical text */
    struct site_said said[PERMIT_SITES_MAX];
    struct hash payloads[PERMIT_SITES_MAX]; /* SHA-256 of what the site signed, where payload is not NULL */
    unsigned count, answered;
    struct json *trees[PERMIT_SITES_MAX];   /* owned: the payloads */
    struct question *asked;       /* owned */
};
void recombined_init(struct recombined *r);
void recombined_done(struct recombined *r);

/* site_results: the answer of GET /v1/queries/{id}/site-results; d: the dataset's published dictionary.
 * MALFORMED: it is not of that form, or a statistic has not the form that the question asks.
 * DENIED: an envelope that the site's key has not signed, or that is of another query, question, site or network;
 * names the site. */
MUST_CHECK result recombine(const struct json *site_results, const struct trust *t, const struct dictionary *d, struct recombined *ret,
                            struct why *why);

/* The log's release entry names this query and question, and exactly these sites with their editions and hashes.
 * DENIED: names what differs.  *ret_same: its result_sha256 is that of the document made here. */
MUST_CHECK result recombine_check_release(const struct recombined *r, struct slice entry, bool *ret_same, struct why *why);
/* A site_result entry of the log names what the site signed.  DENIED: names the site.  Entries of other queries pass. */
MUST_CHECK result recombine_check_answer(const struct recombined *r, const struct json *entry, struct why *why);

/* Every value of the two documents (receipts left out), one by one: appends to `differences`
 * {"at":"/result/cells/3","released":…,"combined":…} where they differ, at most DIFFERENCES_MAX; *ret_values counts all. */
enum { DIFFERENCES_MAX = 10000 };
void recombine_compare(const struct json *released, const struct json *combined, struct json *differences, uint64_t *ret_values);

#endif
