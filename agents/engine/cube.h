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

/* Under protection a slot counts persons and sums their record keys: side by side, so that one addition does both. */
typedef uint64_t tally __attribute__((vector_size(16)));

/* The protected answer to a question of a person table from tallies made elsewhere: blocks of as many as the product of
 * the dimensions' states (cells.h); block 0 the cohort, 1+b the rows that fail nothing but box variable b.  As cube_count. */
MUST_CHECK result cube_of_tallies(const struct snapshot *s, const struct question *q, tally *tallies, struct engine_answer *ret,
                                  struct why *why);

#endif
