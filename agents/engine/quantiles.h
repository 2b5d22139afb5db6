/* quantiles.h - what quantiles of a summary are read from (stats/quantile.h). */
#ifndef INNSYN_AGENTS_ENGINE_QUANTILES_H
#define INNSYN_AGENTS_ENGINE_QUANTILES_H

#include "agents/engine/plan.h"
#include "agents/snapshot/snapshot.h"

/* Profile open.  Fills `values`.  QUANTILE_VALUES_MAX is shared evenly by groups and variables; one that has more values
 * than its share is counted in cells.  LIMIT: no memory. */
MUST_CHECK result quantile_values(const struct snapshot *s, const struct question *q, struct engine_answer *ret, struct why *why);

/* Under protection.  Fills `histograms`: each is what the table of summary_histogram is answered with.
 * LIMIT: too many slots, or no memory.  MALFORMED: a variable has no grid. */
MUST_CHECK result quantile_histograms(const struct snapshot *s, const struct question *q, struct engine_answer *ret, struct why *why);

#endif
