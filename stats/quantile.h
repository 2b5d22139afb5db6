/*
 * quantile.h - quantiles of what sites release about a variable: how often each value is there (under `open`), or how
 * many persons lie in each cell of the public grid (where persons are protected; never values).  Pure.
 */
#ifndef INNSYN_STATS_QUANTILE_H
#define INNSYN_STATS_QUANTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "proto/question.h"

enum {
    QUANTILE_SIDE_MIN = 10, /* persons; agents/parameters.inc has it too, for those who read the parameters */
    QUANTILE_CELLS_OPEN_MAX = 1000, /* of a variable with more values than may leave */
    QUANTILE_POOL_PIECES_MAX = 64 * QUANTILE_VALUES_MAX,
};

/* True if n min(p, 1-p) >= QUANTILE_SIDE_MIN; n: the persons who were counted, as published. */
bool quantile_allowed(double n, double p);

/* Cells of one width, 1, 2 or 5 times a power of ten of `step`, as few as fit in cells_max, that hold low to high.
 * step: above 0; edges are origin + k step for whole k, *ret_first and *ret_each in steps. */
unsigned quantile_steps(double low, double high, double origin, double step, unsigned cells_max, double *ret_first, double *ret_each);

/* The cells of a protected variable with clamps and a grid: they hang on its dictionary alone.  breaks: room for
 * QUANTILE_CELLS_MAX + 1.  Returns how many breaks there are: 0 where there is no grid or no clamp, else at least 2. */
unsigned quantile_breaks(const struct variable *v, double *breaks);

/* --- putting together ------------------------------------------------------------------------------ */

/* So many persons from `from` up to `to`, evenly; or, where both are the same, with this very value. */
struct quantile_piece {
    double from, to, persons;
};
struct quantile_pool {
    struct quantile_piece *pieces; /* sorted once settled */
    size_t count, room;
    bool cells;      /* some came as cells: the quantiles are interpolated */
    double width;    /* of the widest cell; 0: none */
    double persons;
    /* once settled */
    double *edges;   /* every end of a piece, rising */
    double *on, *inside; /* persons at edges[i], and between it and the next */
    size_t edge_count;
};
void quantile_pool_init(struct quantile_pool *p);
void quantile_pool_done(struct quantile_pool *p);
/* LIMIT: no memory, or more than QUANTILE_POOL_PIECES_MAX. */
MUST_CHECK result quantile_pool_value(struct quantile_pool *p, double value, double persons, struct why *why);
/* lattice: of the variable (variable_lattice).  The cell [from, to) of whole numbers holds from to to - 1 and is read as
 * from - 1/2 to to - 1/2; a cell of one of them is that number. */
MUST_CHECK result quantile_pool_cell(struct quantile_pool *p, double from, double to, double lattice, double persons, struct why *why);
/* After the last piece, before the first quantile.  LIMIT: no memory. */
MUST_CHECK result quantile_pool_settle(struct quantile_pool *p, struct why *why);
/* The value at p, 0 to 1: of values as R's type 7, x[(n-1)p] between neighbours; of cells by linear interpolation inside
 * the cell where p of the persons are reached.  NAN where nobody is counted. */
double quantile_pool_at(const struct quantile_pool *p, double at);

#endif
