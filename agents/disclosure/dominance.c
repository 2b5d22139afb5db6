#include "agents/disclosure/dominance.h"

#include "agents/parameters.h"

struct dominance_limits dominance_limits_default(void)
{
    return (struct dominance_limits){DOMINANCE_P_PERCENT, DOMINANCE_K_PERCENT, SUMMARY_PERSONS_MIN};
}

struct dominance dominance_of(const struct contributions *c, const struct dominance_limits *l)
{
    struct dominance d = {.too_few = c->persons < l->persons_min};
    _Static_assert(DOMINANCE_LARGEST == 2, "the two largest are what the engine hands over");
    if (!(c->smallest >= 0)) { /* NaN too */
        d.undefined = d.unsafe = true;
        return d;
    }
    /* Multiplied out by 100, so that a boundary of whole numbers is decided exactly. */
    double two = c->largest + c->second;
    d.p_percent = 100 * (c->total - two) < l->p_percent * c->largest;
    d.nk = c->total > 0 && 100 * two > l->k_percent * c->total;
    d.unsafe = d.p_percent || d.nk || d.too_few;
    return d;
}
