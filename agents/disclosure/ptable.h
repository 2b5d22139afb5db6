/*
 * ptable.h - the law of the noise: for each true count n a distribution over -D..D with mean exactly 0,
 * that never publishes 1..js and leaves 0 alone.  Integers only; weights are shares of 2^32.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_PTABLE_H
#define INNSYN_AGENTS_DISCLOSURE_PTABLE_H

#include <stdint.h>

#include "base/slice.h"

enum { PTABLE_NOISE_MAX = 15, PTABLE_VALUES_MAX = 2 * PTABLE_NOISE_MAX + 1 };

struct ptable_row {
    unsigned count;
    int8_t v[PTABLE_VALUES_MAX];            /* ascending */
    uint64_t cumulative[PTABLE_VALUES_MAX]; /* the last is 2^32 */
};

struct ptable {
    const char *name;
    int noise_max;          /* D */
    double variance;        /* V: of the noise of every count of at least row_count; below no more */
    int smallest_published; /* js + 1 */
    unsigned row_count;
    const struct ptable_row *rows;
};

/* By the name of its parameter set: "default_k5" (profile ck), "strict_k10" (profile strict), and the four
 * that other systems' papers use, for comparison.  NULL: there is no such set. */
const struct ptable *ptable_find(struct slice name);

/* The row of true count n: row min(n, row_count).  n must not be 0. */
const struct ptable_row *ptable_row(const struct ptable *t, uint64_t n);

/* The noise of count n for 32 uniform bits; 0 when n is 0 (no false positives). */
int ptable_noise(const struct ptable *t, uint64_t n, uint32_t r);

#endif
