/*
 * weakened.h - defences taken out, so that an attack can be seen to win without them (tests/attack/run).
 * In test builds only (-Dtest_hooks=true, which no release build takes): INNSYN_TEST_DEFENCES_OFF is one of
 *   all     true counts leave, at once; nothing is audited, charged or withheld
 *   memory  no answer is remembered, and each is a fresh draw
 *   alike   a count below 5 is refused at once and says so
 */
#ifndef INNSYN_AGENTS_GUARD_WEAKENED_H
#define INNSYN_AGENTS_GUARD_WEAKENED_H

#include "agents/disclosure/counts.h"

#ifdef INNSYN_TEST_HOOKS
bool weakened(const char *what);
/* The true counts, as under profile open. */
MUST_CHECK result weakened_counts(const struct question *q, const struct engine_answer *a, struct published *ret, struct why *why);
#else
#define weakened(what) false
#define weakened_counts(q, a, ret, why) (DONE)
#endif

#endif
