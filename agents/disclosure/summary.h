/*
 * summary.h - n, mean and variance under protection (section 1.3): n is a count like any other; mean and variance have
 * jittered weights and few digits, and are withheld where they would be about few persons, about one who dominates, or
 * where everybody has the same value.  A count that the parent rule withholds takes its mean with it.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_SUMMARY_H
#define INNSYN_AGENTS_DISCLOSURE_SUMMARY_H

#include "agents/disclosure/counts.h"

/* May mean and variance of these persons leave?  All rules are evaluated. */
bool summary_allowed(const struct weighted *w);

/* x to RELEASED_DIGITS significant digits. */
double released_digits(double x);

/* Profiles ck and strict.  DENIED: the question is no summary, or the profile is another.  BROKEN: the engine's answer
 * does not fit it. */
MUST_CHECK result summary_protect(const struct question *q, const struct engine_answer *a, struct cellkey *key, struct slice edition,
                                  struct published *ret, struct why *why);

#endif
