/* moments.h - n, missing, mean and sum of squares of numbers, by group. */
#ifndef INNSYN_AGENTS_ENGINE_MOMENTS_H
#define INNSYN_AGENTS_ENGINE_MOMENTS_H

#include "agents/engine/plan.h"
#include "agents/snapshot/snapshot.h"

/* Fills summary, summary_groups and summary_variables of an initialised answer: moments over the rows of
 * the cohort, of each variable in each group.  Two passes: the mean, then the squares about it, corrected by the
 * sum of the deviations; what a few thousand rows add up to is then added in long double.  So 10 million rows
 * keep 1e-12 whatever their offset.  Categories are refused by question_read.
 * LIMIT: no memory. */
MUST_CHECK result moments_summary(const struct snapshot *s, const struct question *q, struct engine_answer *ret, struct why *why);

#endif
