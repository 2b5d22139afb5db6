/*
 * summary.h - n, mean and variance under protection (section 1.3): n is a count like any other, of the group where
 * hardly anybody lacks a value (else each variable would be a fresh draw of nearly the same set); mean and variance have
 * jittered weights and few digits, and are withheld where they would be about few persons, about one who dominates, or
 * where everybody has the same value.  A count that the parent rule withholds takes its mean with it.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_SUMMARY_H
#define INNSYN_AGENTS_DISCLOSURE_SUMMARY_H

#include "agents/disclosure/counts.h"

/* May mean and variance of these persons leave?  All rules are evaluated. */
bool summary_allowed(const struct weighted *w);

/* How many persons are off the smallest value, or off the largest: the fewer of the two. */
uint64_t summary_off_the_ends(const struct weighted *w);
/* A person's part of the sum, and of the sum of squared deviations, is at most 1/contributors of it.  Not for fewer than 2. */
bool summary_is_spread(const struct weighted *w, double contributors);

/* What of one variable in one group is shown.  x: of summary_counts; group: a slot, or CELL_FREE without `by`. */
struct summary_shown {
    bool apart; /* enough lack a value: n is of those who have one; else n is the group's, which a count tells too */
    bool mean;
};
MUST_CHECK result summary_shown_of(const struct counts_context *x, int group, const struct weighted *w, struct summary_shown *ret, struct why *why);
/* Those of a group with a value, or without, as a part of summary_counts. */
struct part summary_part(const struct counts_context *x, int group, bool with);

/* x to RELEASED_DIGITS significant digits. */
double released_digits(double x);

/* Profiles ck and strict.  DENIED: the question is no summary, or the profile is another.  BROKEN: the engine's answer
 * does not fit it. */
MUST_CHECK result summary_protect(const struct question *q, const struct engine_answer *a, struct cellkey *key, struct slice edition,
                                  struct published *ret, struct why *why);

/* Profile open: the engine's own figures, and quantiles where they are asked.  Errors as for summary_protect. */
MUST_CHECK result summary_open(const struct question *q, const struct engine_answer *a, struct published *ret, struct why *why);

#endif
