/*
 * noised.h - mean and variance from counts and sums that carry noise (profile dp), and how uncertain the noise makes them.
 * Everything here is made of numbers that have left their sites; nothing is divided by a true count.
 */
#ifndef INNSYN_STATS_NOISED_H
#define INNSYN_STATS_NOISED_H

#include <stdbool.h>
#include <stdint.h>

enum { NOISED_DIVISOR_SDS = 5 }; /* a mean is given where n is so many standard deviations of its noise, or more */

/* What one site says of one variable in one group (docs/PROTOCOL.md, R-45); the numbers in the units of its lattice (stats/lattice.h). */
struct noised_site {
    int64_t n, n_missing, sum, squares;
    double centre, unit, square_reach, square_unit; /* unit, square_unit above 0 */
    double noise_n, noise_sum, noise_squares;       /* variances */
};

struct noised_moments {
    int64_t n, n_missing;
    double n_sd;              /* of the noise; of n_missing too */
    bool has_mean, has_variance;
    double mean, mean_sd;
    double variance, variance_sd;
};

/* With A and B the noised sums of (x - c) and (x - c)^2 about one centre c, m = A/n and e = B/n:
 *   mean      c + m, variance (e - m^2) n/(n - 1)
 *   of noise  (dA - m dn)/n and (dB - 2 m dA - (e - 2 m^2) dn)/n, to first order (the delta method),
 * whose variances are summed over the sites' three independent noises.
 * No mean where n is below NOISED_DIVISOR_SDS of its noise; no variance where there is no mean, or none above 0. */
void noised_combine(const struct noised_site *sites, unsigned count, struct noised_moments *ret);

/* x without the digits that noise of that standard deviation makes meaningless: two of sd's own are kept.  sd: above 0. */
double noised_digits(double x, double sd);

#endif
