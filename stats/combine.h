/*
 * combine.h - the sites' statistics put together, and the result/1 document that is made of them.
 * Pure: the broker releases with it, and an auditor repeats with it what was released.
 */
#ifndef INNSYN_STATS_COMBINE_H
#define INNSYN_STATS_COMBINE_H

#include "proto/id.h"
#include "proto/question.h"

/* One site's statistic, for combine(). */
struct site_answer {
    struct slice site;
    const struct json *statistic;
};
/* Refuses a statistic that has not the form that the question asks: MALFORMED, at `path`. */
MUST_CHECK result combine_check(const struct question *q, const struct json *statistic, const char *path, struct why *why);
/* The statistics were checked.  withheld: what some of them lack.  LIMIT: no memory. */
MUST_CHECK result combine(const struct question *q, const struct site_answer *answers, unsigned count,
                          struct json **ret_result, struct json **ret_withheld, struct why *why);

/* What became of a site's task: its signed payload if it said anything. */
struct site_said {
    struct site_id site;
    const char *status;          /* answered, refused, missing, cancelled */
    bool answered;
    const struct json *payload;  /* borrowed; NULL: nothing came */
};
/* The result without its receipt: what `result_sha256` of the release entry stands for.  `said` in the
 * order of the tasks, at most PERMIT_SITES_MAX; the statistics of those who answered were checked. */
MUST_CHECK result combine_document(const struct question *q, const struct json *question, const struct site_said *said, unsigned count,
                                   struct json **ret, struct why *why);

#endif
