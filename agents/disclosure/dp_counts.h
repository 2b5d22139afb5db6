/*
 * dp_counts.h - counts under profile dp: each slot of a cube gets its own discrete Gaussian noise; margins, totals and
 * everything else are sums of noised slots, which cost nothing more.  A person lies in one slot of a person table, so
 * adding or removing one changes the whole by 1.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_DP_COUNTS_H
#define INNSYN_AGENTS_DISCLOSURE_DP_COUNTS_H

#include "agents/disclosure/cells.h"
#include "agents/disclosure/counts.h"
#include "agents/disclosure/dp_noise.h"
#include "agents/disclosure/zcdp.h"

/* Noises every slot (below, above and missing too) for `units` of budget, which the caller has reserved durably
 * before.  *ret_slots: slot_count values, also negative ones: cutting them off would add persons that are not there.
 * DENIED: an event table, where one person lies in many slots.  LIMIT: a count over 2^62, no memory.
 * On failure nothing is handed out.  The caller frees. */
MUST_CHECK result dp_counts(const struct question *q, const struct cube *c, uint64_t units, const struct random_words *w,
                            int64_t **ret_slots, struct why *why);

/* Sum of noised slots over a part: a cell, a margin's cell, the total. */
int64_t dp_part(const struct cube *c, const int64_t *slots, const struct part *p);

/* Count, table or histogram as it leaves: cells, margins, total, below, above and missing are sums of the noised slots.
 * A summary goes to dp_sums.h.  Nothing is withheld: what nobody is in has its noise too.  The statuses of dp_counts; DENIED: another statistic. */
MUST_CHECK result dp_protect(const struct question *q, const struct engine_answer *a, uint64_t units, const struct random_words *w,
                             struct published *ret, struct why *why);

#endif
