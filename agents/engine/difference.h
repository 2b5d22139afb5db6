/*
 * difference.h - how many persons lie in exactly one of two boxes.
 *
 * The audit asks this of a new cohort and very many earlier ones, most of which have little to do with it.  In a person
 * table the new cohort's projections are made in one round over the rows; the others are only ever looked at where that
 * is needed: first at persons of the new cohort, a few thousand, in an order of no meaning, until DIFFERENCE_FAR of them
 * are found to lie outside; where that does not settle it, at all rows, chunk by chunk, until as many differ.  Nothing
 * of the earlier cohorts is kept.  Event tables, and whoever needs the exact number, use sets of persons as bitmaps,
 * kept between questions (one per snapshot and box) within BITMAPS_BYTES_MAX.
 */
#ifndef INNSYN_AGENTS_ENGINE_DIFFERENCE_H
#define INNSYN_AGENTS_ENGINE_DIFFERENCE_H

#include "agents/parameters.h"
#include "agents/engine/plan.h"
#include "agents/snapshot/snapshot.h"

enum { BITMAPS_MAX = 4096, BITMAPS_BYTES_MAX = 256 * 1024 * 1024 };

struct bitmaps; /* counts of persons can be made from it: wiped when freed */
MUST_CHECK result bitmaps_new(struct bitmaps **ret, struct why *why);
void bitmaps_free(struct bitmaps *b); /* NULL is welcome */
void bitmaps_freep(struct bitmaps **b);
size_t bitmaps_bytes(const struct bitmaps *b);

/* A question's box without one variable; "" drops none, and so does one that the box does not name. */
struct projection {
    struct slice question; /* text of a question on the snapshot's dataset */
    struct slice without;  /* a variable's name */
};

/* Persons in exactly one of the two.  MALFORMED: a text is no question on this snapshot.  LIMIT: no memory. */
MUST_CHECK result bitmaps_difference(struct bitmaps *b, const struct snapshot *s, const struct projection *x,
                                     const struct projection *y, uint64_t *ret, struct why *why);

/* All pairs of a request, in its order; *ret is its pair_count numbers, owned by the caller.  A number below
 * DIFFERENCE_SURE is exact; one from there to DIFFERENCE_FAR is, or is short of the true one by what is not known of the
 * persons that lie in the earlier cohort alone; DIFFERENCE_FAR and above is at least that. */
enum { DIFFERENCE_SURE = 64, DIFFERENCE_FAR = AUDIT_EXACT_BELOW };
MUST_CHECK result difference_compute(struct bitmaps *b, const struct snapshot *s, const struct difference_plan *p,
                                     uint64_t **ret, struct why *why);

#endif
