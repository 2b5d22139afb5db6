#include "stats/aggregate.h"

#include <math.h>

#include "base/arith.h"

void moments_init(struct moments *m)
{
    *m = (struct moments){0};
}

void moments_combine(struct moments *into, const struct moments *other)
{
    into->n_missing += other->n_missing;
    if (!other->n)
        return;
    if (!into->n) {
        into->n = other->n;
        into->mean = other->mean;
        into->m2 = other->m2;
        return;
    }
    /* Chan, Golub, LeVeque (1983): no sum of squares, so nothing large is subtracted from something large. */
    double a = (double)into->n, b = (double)other->n, delta = other->mean - into->mean;
    into->mean += delta * (b / (a + b));
    into->m2 += other->m2 + delta * delta * (a * (b / (a + b)));
    into->n += other->n;
}

double moments_variance(const struct moments *m)
{
    return m->n < 2 ? NAN : m->m2 / (double)(m->n - 1);
}

void cells_combine(int64_t *into, unsigned *missing, const int64_t *other, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (other[i] == CELL_WITHHELD)
            missing[i]++;
        else if (into[i] == CELL_WITHHELD)
            into[i] = other[i];
        else if (!ck_add(into[i], other[i], &into[i]))
            into[i] = INT64_MAX; /* sites are bounded to 2^53 each; this holds whatever they say */
    }
}
