/*
 * cells.h - sums over parts of a cube: what margins, totals and parents are made of.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_CELLS_H
#define INNSYN_AGENTS_DISCLOSURE_CELLS_H

#include "agents/engine/plan.h"

/* A part of a cube: for each dimension one slot, or CELL_FREE (every slot), or CELL_INSIDE (the cells
 * without below, above and missing). */
struct part {
    int at[TABLE_DIMENSIONS_MAX];
};

struct part part_of_slot(const struct cube *c, uint64_t slot); /* the coordinates of one slot */

struct part_sum {
    uint64_t persons;      /* sum of the slots' persons */
    uint64_t persons_most; /* the largest slot: what is certain when a person may lie in several slots */
    uint64_t key_sum;      /* mod 2^64; 0 when the cube has none */
};
struct part_sum part_sum(const struct cube *c, const struct part *p);

#endif
