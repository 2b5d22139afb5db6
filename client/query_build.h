/*
 * query_build.h - from a bare question to the signed query/1 that travels.  Pure but for the host.
 */
#ifndef INNSYN_CLIENT_QUERY_BUILD_H
#define INNSYN_CLIENT_QUERY_BUILD_H

#include "proto/query.h"

struct query_plan {
    struct label network;
    struct document_id permit;
    struct site_id sites[PERMIT_SITES_MAX]; /* sorted and unique after query_plan_sites */
    unsigned site_count;
    int64_t life_ms; /* from now to `expires`; at most QUERY_LIFE_MAX_MS */
};

/* The sites to ask: `chosen` ("a,b", as named: whether the permit covers them is the broker's to say) or, when
 * NULL, the permit's sites for the dataset, narrowed to the question's own `where.site`.
 * MALFORMED: not a site id.  DENIED: the permit does not cover the dataset (names what it covers). */
MUST_CHECK result query_plan_sites(struct query_plan *plan, const struct permit *permit, const struct json *question,
                                   const char *chosen, struct why *why);
/* Fresh id, issued now; signs with key.  *ret: the caller's, already initialised. */
MUST_CHECK result query_build(const struct query_plan *plan, const struct json *question, const struct signing_key *key,
                              const struct host *host, struct document_id *ret_id, struct envelope *ret, struct why *why);

#endif
