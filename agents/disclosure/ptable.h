/*
 * ptable.h - the law of the noise: for each true count n a distribution over -8..8 with mean exactly 0,
 * that never publishes 1..4 and leaves 0 alone.  Integers only; weights are shares of 2^32.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_PTABLE_H
#define INNSYN_AGENTS_DISCLOSURE_PTABLE_H

#include <stdint.h>

enum { PTABLE_NOISE_MAX = 8, PTABLE_SMALLEST_PUBLISHED = 5, PTABLE_VALUES_MAX = 2 * PTABLE_NOISE_MAX + 1, PTABLE_ROWS = 13 };

/* Variance of the noise of every count of at least PTABLE_ROWS. */
#define PTABLE_VARIANCE 7

struct ptable_row {
    unsigned count;
    int8_t v[PTABLE_VALUES_MAX];            /* ascending */
    uint64_t cumulative[PTABLE_VALUES_MAX]; /* the last is 2^32 */
};

/* The row of true count n: row min(n, PTABLE_ROWS).  n must not be 0. */
const struct ptable_row *ptable_row(uint64_t n);

/* The noise of count n for 32 uniform bits; 0 when n is 0 (no false positives). */
int ptable_noise(uint64_t n, uint32_t r);

#endif
