/*
 * quantile.h - what quantiles are read from under protection: the histogram on the public grid, never values (section
 * 1.3).  Its cells are a table's: the same box, record keys and noise as when a table or a histogram asks for them, the
 * same parent rule.  A group's histogram that is mostly small cells is withheld as such a table is refused.  The rule
 * n min(p, 1-p) is not kept here but where the quantile is read (stats/quantile.h): by published counts, which are
 * nobody's secret, so that it tells nothing.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_QUANTILE_H
#define INNSYN_AGENTS_DISCLOSURE_QUANTILE_H

#include "agents/disclosure/counts.h"

/* Fills quantiles of *p, whose group_count and variable_count are set.  BROKEN: the engine's answer does not fit. */
MUST_CHECK result quantiles_protect(const struct question *q, const struct engine_answer *a, struct cellkey *key, struct slice edition,
                                    struct published *p, struct why *why);
/* Profile open. */
MUST_CHECK result quantiles_open(const struct question *q, const struct engine_answer *a, struct published *p, struct why *why);

#endif
