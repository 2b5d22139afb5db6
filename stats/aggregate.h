/*
 * aggregate.h - what a site may hand out, and how sites are put together.  Pure.
 * The same forms are made by agents, combined by the broker and read by the client.
 */
#ifndef INNSYN_STATS_AGGREGATE_H
#define INNSYN_STATS_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

/* Moments of one variable in one group: enough to combine exactly (Chan, Golub, LeVeque 1983). */
struct moments {
    uint64_t n;
    uint64_t n_missing;
    double mean;       /* 0 when n is 0 */
    double m2;         /* sum of squared deviations from the mean */
};
void moments_init(struct moments *m);
void moments_combine(struct moments *into, const struct moments *other);
/* NAN when n < 2. */
double moments_variance(const struct moments *m);

/* Counts of cells; a withheld cell is CELL_WITHHELD.  Under profile dp a count with its noise may be negative. */
#define CELL_WITHHELD INT64_MIN
/* Sums `other` into `into`; a withheld cell adds nothing and is marked in `missing[i]` (count of sites
 * that withheld it).  `into` starts as CELL_WITHHELD and stays so while no site published the cell. */
void cells_combine(int64_t *into, unsigned *missing, const int64_t *other, size_t count);

#endif
