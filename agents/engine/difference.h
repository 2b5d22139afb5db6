/*
 * difference.h - how many persons lie in exactly one of two boxes: sets of persons as bitmaps, kept between
 * questions (one per snapshot and box) within BITMAPS_BYTES_MAX; what was let go is made again from the rows.
 */
#ifndef INNSYN_AGENTS_ENGINE_DIFFERENCE_H
#define INNSYN_AGENTS_ENGINE_DIFFERENCE_H

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

/* All pairs of a request, in its order; *ret is its pair_count numbers, owned by the caller. */
MUST_CHECK result difference_compute(struct bitmaps *b, const struct snapshot *s, const struct difference_plan *p,
                                     uint64_t **ret, struct why *why);

#endif
