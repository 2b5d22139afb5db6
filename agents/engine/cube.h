/* cube.h - persons counted over the dimensions of a question. */
#ifndef INNSYN_AGENTS_ENGINE_CUBE_H
#define INNSYN_AGENTS_ENGINE_CUBE_H

#include "agents/engine/plan.h"
#include "agents/snapshot/snapshot.h"

/* Fills base, margins, cohort and, with protect, key sums and parents of an initialised answer.
 * The question must have been read with the snapshot's dictionary.  LIMIT: over CUBE_SLOTS_MAX, or no
 * memory; the answer is empty then. */
MUST_CHECK result cube_count(const struct snapshot *s, const struct question *q, bool protect, struct engine_answer *ret,
                             struct why *why);

#endif
