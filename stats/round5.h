/*
 * round5.h - a result's counts as multiples of 5, for printing (docs/decisions/2026-11-22-round5.md).  Pure.
 * What is rounded is a number that its reader holds: nothing is learnt by it.  The draw hangs on the data set, the cell's
 * box and the number, so that a number is rounded alike in every table and by everybody, and is unbiased over cells.
 */
#ifndef INNSYN_STATS_ROUND5_H
#define INNSYN_STATS_ROUND5_H

#include "proto/question.h"

/* site: whose number it is; empty: of all together. */
MUST_CHECK result round5_of(struct slice dataset, struct slice site, struct slice box, int64_t v, int64_t *ret, struct why *why);

/* Rounds every count of a result/1 document's `result` and `by_site`.  q: its question.
 * DENIED: a summary (its n stand beside means).  MALFORMED: not the question's result; the document may then be half rounded. */
MUST_CHECK result round5_document(const struct question *q, struct json *document, struct why *why);

#endif
