#include "agents/disclosure/quantile.h"

#include <math.h>

#include "agents/parameters.h"

bool quantile_allowed(uint64_t n, double q)
{
    return q > 0 && q < 1 && (double)n * fmin(q, 1 - q) >= QUANTILE_PERSONS_MIN;
}

double quantile_of_histogram(const double *breaks, const int64_t *counts, size_t cells, double q)
{
    double all = 0, below = 0;
    for (size_t i = 0; i < cells; i++)
        all += counts[i] > 0 ? (double)counts[i] : 0;
    if (!(all > 0))
        return NAN;
    size_t last = 0;
    for (size_t i = 0; i < cells; i++) {
        double in = counts[i] > 0 ? (double)counts[i] : 0;
        if (in > 0 && below + in >= q * all)
            return breaks[i] + (breaks[i + 1] - breaks[i]) * fmax(0, (q * all - below) / in);
        below += in;
        last = in > 0 ? i : last;
    }
    return breaks[last + 1]; /* rounding only: q is at most 1 */
}
