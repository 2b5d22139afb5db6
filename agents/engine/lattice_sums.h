/* lattice_sums.h - n, missing, and sums of values and of their squares as whole numbers (stats/lattice.h), by group: what
 * profile dp puts its noise on.  Each person's part is rounded and bounded on its own before anything is added, in 64
 * bits that SNAPSHOT_ROWS_MAX persons cannot fill; so order and number of threads change nothing, and one person
 * moves a sum by `reach` at most. */
#ifndef INNSYN_AGENTS_ENGINE_LATTICE_SUMS_H
#define INNSYN_AGENTS_ENGINE_LATTICE_SUMS_H

#include "agents/engine/plan.h"
#include "agents/snapshot/snapshot.h"

/* Fills base, lattice_sums, summary_groups and summary_variables of an initialised answer.  The question is a summary of a
 * person table whose variables have clamps (question_read sees to it).  LIMIT: no memory.  DENIED: an event table;
 * quantiles.  MALFORMED: clamps too wide or too near.  On failure the answer is empty. */
MUST_CHECK result lattice_summary(const struct snapshot *s, const struct question *q, struct engine_answer *ret, struct why *why);

#endif
