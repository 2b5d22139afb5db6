/*
 * km_grid.h - a survival curve on a public grid (section 1.3): no times leave, no step of one event; events,
 * censored and at risk of an interval are cells; the curve ends before the first interval with fewer than
 * KM_RISK_MIN at risk.  Actuarial: those censored count half.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_KM_GRID_H
#define INNSYN_AGENTS_DISCLOSURE_KM_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The statistic's names in the cell key (cellkey_draw) of the three cells of an interval. */
#define CELL_STATISTIC_KM_RISK "kmN"
#define CELL_STATISTIC_KM_EVENTS "kmD"
#define CELL_STATISTIC_KM_CENSORED "kmC"

struct km_interval {
    uint64_t at_risk, events, censored; /* true counts, or published ones for km_survival */
};

/* How many of the intervals may be released: those before the first with fewer than KM_RISK_MIN at risk. */
size_t km_released(const struct km_interval *intervals, size_t count);

/* S at the end of each interval, from whatever counts are given; 0 from where nobody is left. */
void km_survival(const struct km_interval *intervals, size_t count, double *ret_survival);

#endif
