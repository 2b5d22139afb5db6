/*
 * cohort.h - which rows lie in a question's box, a chunk of rows at a time.
 * Everything above works in chunks, so that what one step leaves behind is still in the cache for the next.
 */
#ifndef INNSYN_AGENTS_ENGINE_COHORT_H
#define INNSYN_AGENTS_ENGINE_COHORT_H

#include "agents/snapshot/snapshot.h"
#include "proto/question.h"

enum { CHUNK_ROWS = 2048, COHORT_LEFT_OUT = 255 };

struct cohort {
    const struct snapshot *snapshot;
    const struct question *question;
    uint8_t *fails[BOX_VARIABLES_MAX]; /* categories: by stored code, 1 outside the set; NULL for ranges */
};

/* Borrows both.  LIMIT: no memory. */
MUST_CHECK result cohort_init(struct cohort *c, const struct snapshot *s, const struct question *q, struct why *why);
void cohort_done(struct cohort *c); /* zeroed cohorts are welcome */

/* Every row is in the cohort: an empty box, and nobody is left out.  Only then may a kernel go without cohort_chunk. */
bool cohort_is_all(const struct cohort *c);

/* For rows first .. first+n-1 (n <= CHUNK_ROWS): how many box variables each fails, 0 for the cohort, COHORT_LEFT_OUT
 * for a person whom the edition leaves out; and in
 * which[i], unless NULL, the index in the box of one that it fails (of no meaning where fails[i] is 0). */
void cohort_chunk(const struct cohort *c, uint64_t first, size_t n, uint8_t *restrict fails, uint8_t *restrict which);

#endif
