/*
 * quantile.h - quantiles from the published histogram on the public grid, never from values (section 1.3).
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_QUANTILE_H
#define INNSYN_AGENTS_DISCLOSURE_QUANTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if n min(q, 1-q) >= QUANTILE_PERSONS_MIN; n: true persons with a value. */
bool quantile_allowed(uint64_t n, double q);

/* The value at q by linear interpolation inside the cell [breaks[i], breaks[i+1]); counts are published ones,
 * withheld cells (negative) count as nobody.  NAN when nobody is counted. */
double quantile_of_histogram(const double *breaks, const int64_t *counts, size_t cells, double q);

#endif
