/*
 * dp_sums.h - a summary under profile dp: for each variable in each group the persons with a value and without one, the
 * sum and the sum of squares, whole numbers from the engine on (stats/lattice.h), each with discrete Gaussian noise.
 *
 * What a question spends is split evenly over its variables, and each variable's part in DP_SUMMARY_SHARES shares: so
 * many for the count, the sum and the squares as DP_SHARES_COUNT, DP_SHARES_SUM and DP_SHARES_SQUARES say.  A person lies in one
 * group, so groups cost nothing more; a person has a value or lacks it, so the count of those who lack it carries the same
 * noise as the other count and costs nothing more.  Nobody divides here: mean and variance are made of the noised
 * numbers, where the answers are put together (stats/noised.h).
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_DP_SUMS_H
#define INNSYN_AGENTS_DISCLOSURE_DP_SUMS_H

#include "agents/disclosure/counts.h"
#include "agents/disclosure/dp_noise.h"
#include "agents/disclosure/zcdp.h"

/* The noise of one of so many variables, for a question that spends `units`.  MALFORMED: the variable has no clamps that values can
 * be summed between.  DENIED: too few units for so many. */
MUST_CHECK result dp_lattice(const struct variable *v, unsigned variables, uint64_t units, struct published_lattice *ret, struct why *why);

/* For `units` of budget, which the caller has reserved durably before.  DENIED: another statistic or profile; an event table; as above.
 * BROKEN: the engine's answer does not fit the question, or a sum is more than its persons can make.  LIMIT: no memory, or noise that did not
 * fit.  On failure nothing is handed out. */
MUST_CHECK result dp_summary(const struct question *q, const struct engine_answer *a, uint64_t units, const struct random_words *w,
                             struct published *ret, struct why *why);

#endif
