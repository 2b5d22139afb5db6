#include "agents/disclosure/zcdp.h"

#include <assert.h>
#include <math.h>

enum { HALVINGS = 120, DOUBLINGS_MAX = 200 };

result zcdp_units(uint64_t num, uint64_t den, uint64_t *ret, struct why *why)
{
    if (den == 0)
        return FAIL(why, MALFORMED, "a share of nothing");
    unsigned __int128 units = ((unsigned __int128)num * ZCDP_UNITS_A_RHO + den - 1) / den;
    if (units >> 60)
        return FAIL(why, LIMIT, "more than any budget");
    *ret = (uint64_t)units;
    return DONE;
}

uint64_t zcdp_left(const struct zcdp_budget *b)
{
    assert(b->spent <= b->cap);
    return b->cap - b->spent;
}

result zcdp_spend(struct zcdp_budget *b, uint64_t units, struct why *why)
{
    if (units > zcdp_left(b))
        return FAIL(why, DENIED, "the privacy budget does not allow it");
    b->spent += units;
    return DONE;
}

uint64_t zcdp_sigma2(uint64_t units)
{
    assert(units > 0);
    return (ZCDP_UNITS_A_RHO + 2 * units - 1) / (2 * units);
}

uint64_t zcdp_sigma2_of(uint64_t units, uint64_t reach)
{
    assert(units >> 20 && reach <= UINT64_C(1) << 18);
    unsigned __int128 squared = (unsigned __int128)reach * reach * ZCDP_UNITS_A_RHO;
    return (uint64_t)((squared + 2 * units - 1) / (2 * units));
}

double zcdp_epsilon_standard(double rho, double delta)
{
    return rho + 2 * sqrt(-rho * log(delta));
}

/* ln of exp((a-1)(a rho - eps)) (1-1/a)^a / (a-1), smallest over a > 1; it is convex in a, and its derivative's sign is
 * that of (2a-1) rho - eps + ln(1-1/a). */
static long double least_ln_delta(long double rho, long double eps)
{
    long double low = 1 + 1e-12L, high = (eps + 1) / (2 * rho) + 2;
    for (unsigned i = 0; i < DOUBLINGS_MAX && (2 * high - 1) * rho - eps + log1pl(-1 / high) < 0; i++)
        high *= 2;
    for (unsigned i = 0; i < HALVINGS; i++) {
        long double a = (low + high) / 2;
        if ((2 * a - 1) * rho - eps + log1pl(-1 / a) < 0)
            low = a;
        else
            high = a;
    }
    return (high - 1) * (high * rho - eps) + high * log1pl(-1 / high) - logl(high - 1);
}

double zcdp_epsilon(double rho, double delta)
{
    long double low = 0, high = zcdp_epsilon_standard(rho, delta), want = logl(delta);
    for (unsigned i = 0; i < HALVINGS; i++) {
        long double eps = (low + high) / 2;
        if (least_ln_delta(rho, eps) <= want)
            high = eps;
        else
            low = eps;
    }
    return (double)high;
}

double zcdp_rho(double epsilon, double delta)
{
    long double low = 1e-12L, high = (long double)epsilon + 1, want = logl(delta);
    for (unsigned i = 0; i < HALVINGS; i++) {
        long double rho = (low + high) / 2;
        if (least_ln_delta(rho, epsilon) <= want)
            low = rho;
        else
            high = rho;
    }
    return (double)low;
}

/* Sum of exp(-x^2 / 2 sigma2) over x >= from, as far as anything is added. */
static long double tail(long double sigma2, long double from)
{
    long double sum = 0, least = sqrtl(2 * sigma2 * 120);
    for (long double x = from; x <= fmaxl(from, 0) + least; x += 1)
        sum += expl(-x * x / (2 * sigma2));
    return sum;
}

double zcdp_gaussian_delta(double sigma2, double epsilon)
{
    long double s = sigma2, eps = epsilon;
    long double all = 2 * tail(s, 1) + 1;
    return (double)((tail(s, floorl(eps * s - 0.5L) + 1) - expl(eps) * tail(s, floorl(eps * s + 0.5L) + 1)) / all);
}
