/*
 * weakened.h - defences taken out, so that an attack can be seen to win without them (tests/attack/run).
 * In test builds only (-Dtest_hooks=true, which no release build takes): INNSYN_TEST_DEFENCES_OFF is one of
 *   all     true values leave, at once; nothing is audited, charged or withheld
 *   noise   the noise and the parent rule alone: nothing is audited or charged
 *   set     as noise, and noise and weights hang on the persons alone, not on what was asked for
 *   memory  no answer is remembered, and each is a fresh draw
 *   alike   a count below 5 is refused at once and says so
 *   cast    profile dp's noise is a Gaussian in floating point, cast to a whole number
 */
#ifndef INNSYN_AGENTS_WEAKENED_H
#define INNSYN_AGENTS_WEAKENED_H

#ifdef INNSYN_TEST_HOOKS
#include <stdbool.h>
bool weakened(const char *what);
#else
#define weakened(what) false
#endif

#endif
