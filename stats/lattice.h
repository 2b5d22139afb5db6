/*
 * lattice.h - where values lie when they are summed as whole numbers (profile dp).
 * The clamps [low, high] are cut into `reach` steps.  A value is rounded to the nearest of the reach + 1 points and
 * counts as 2k - reach for the k-th of them: a whole number between -reach and reach, in units of half a step, with 0 in
 * the middle.  So one person moves a sum by `reach` at most, half of what an uncentred sum would be moved by; and whole
 * numbers add up to the same in any order, which sums in floating point do not (Casacuberta, Shoemate, Vadhan and
 * Wagaman 2022: there order and rounding make one person's part larger than the clamps say).
 * The square of that number, in units of 2^square_shift, is centred in the same way: between -square_reach and square_reach.
 *
 * All of it is public: it follows from the clamps and the type, never from the data (a number's decimals are the data's,
 * so its steps are a fraction of the clamps).
 */
#ifndef INNSYN_STATS_LATTICE_H
#define INNSYN_STATS_LATTICE_H

#include "proto/dictionary.h"

enum { LATTICE_REACH_MAX = 1 << 18 }; /* of values and of squares */

struct lattice {
    double low, centre; /* the first point, the middle */
    double unit;        /* half a step */
    int32_t reach;      /* 1 .. LATTICE_REACH_MAX */
    int32_t square_reach;
    unsigned square_shift;
};

/* An integer's steps are 1, or the least whole number that makes them few enough; a number's are the clamps' distance
 * over LATTICE_REACH_MAX.  MALFORMED: no clamps, or no finite distance between them. */
MUST_CHECK result lattice_of(const struct variable *v, struct lattice *ret, struct why *why);

/* x: no NaN; what lies outside counts as the nearest clamp, infinities too. */
static inline int32_t lattice_place(const struct lattice *l, double x)
{
    double k = (x - l->low) / (2 * l->unit);
    k = k > 0 ? k : 0;
    k = k < l->reach ? k : l->reach;
    return 2 * (int32_t)(k + 0.5) - l->reach;
}

/* place: lattice_place's. */
static inline int32_t lattice_square(const struct lattice *l, int32_t place)
{
    int64_t square = (int64_t)place * place, half = l->square_shift ? INT64_C(1) << (l->square_shift - 1) : 0;
    return 2 * (int32_t)((square + half) >> l->square_shift) - l->square_reach;
}

#endif
