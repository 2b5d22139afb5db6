/*
 * release.h - what leaves of an engine's answer: each statistic by its own rules, as the dataset's profile has them
 * (sections 1 and 1.3).  Profile dp is dp_counts.h.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_RELEASE_H
#define INNSYN_AGENTS_DISCLOSURE_RELEASE_H

#include "agents/disclosure/counts.h"

/* Profiles ck and strict.  edition: the edition's name, as text.  *ret: the caller ends it with published_done.
 * DENIED: a rule refuses the whole, the statistic is not released under the profile, or the profile is another; the text
 * never depends on the data beyond that.  BROKEN: the engine's answer does not fit the question. */
MUST_CHECK result release_protected(const struct question *q, const struct engine_answer *a, struct cellkey *key, struct slice edition,
                                    struct published *ret, struct why *why);
/* Profile open: the true figures.  DENIED: the profile is another. */
MUST_CHECK result release_open(const struct question *q, const struct engine_answer *a, struct published *ret, struct why *why);

#endif
