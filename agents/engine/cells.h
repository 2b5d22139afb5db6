/*
 * cells.h - which cell of a dimension each row falls in.
 * Inside a kernel a dimension has `states`, numbered so that a column's stored codes are used as they are:
 *   category   0 missing, 1.. the levels, or the groups of a grouping
 *   breaks     0 below, 1 .. break_count-1 the cells, break_count above, break_count+1 missing
 * cells_slot brings a state to its slot in the cube (agents/engine/plan.h).
 */
#ifndef INNSYN_AGENTS_ENGINE_CELLS_H
#define INNSYN_AGENTS_ENGINE_CELLS_H

#include "agents/snapshot/snapshot.h"
#include "proto/question.h"

enum { CELLS_BUCKETS = 1024 };

struct cells {
    const struct snapshot_column *column;
    uint32_t states, cells;
    const unsigned *cell_of; /* of a grouping: the state of a stored code; NULL: the code is the state */
    /* breaks only: the state of a value is how many edges lie at or below it */
    uint32_t edge_count; /* 0: a category */
    double first, scale;
    bool crowded;                         /* some bucket holds more than one edge */
    uint16_t bucket[CELLS_BUCKETS + 1];   /* edges in the buckets before */
    double edges[BREAKS_MAX + 1];         /* the breaks, the last moved above its closed end; then infinity */
};

/* Borrows the column. */
void cells_init(struct cells *c, const struct snapshot *s, const struct dimension *d);
/* A category without a dimension (summary's `by`); grouping: NULL for its levels, else borrowed. */
void cells_init_category(struct cells *c, const struct snapshot *s, unsigned variable, const struct grouping *grouping);

/* index[i] = index[i] * states + state of row first+i. */
void cells_chunk(const struct cells *c, uint64_t first, size_t n, uint32_t *restrict index);

uint32_t cells_slot(const struct cells *c, uint32_t state);

#endif
