/*
 * true_values.h - what would leave without disclosure control, for attacks that must be seen to win without it.
 * In test builds only, like agents/weakened.h.
 */
#ifndef INNSYN_AGENTS_GUARD_TRUE_VALUES_H
#define INNSYN_AGENTS_GUARD_TRUE_VALUES_H

#include "agents/disclosure/counts.h"

#ifdef INNSYN_TEST_HOOKS
/* As under profile open, whatever the dataset's is. */
MUST_CHECK result true_values(const struct question *q, const struct engine_answer *a, struct published *ret, struct why *why);
#else
#define true_values(q, a, ret, why) (DONE)
#endif

#endif
