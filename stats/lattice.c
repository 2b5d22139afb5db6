#include "stats/lattice.h"

#include <math.h>

result lattice_of(const struct variable *v, struct lattice *ret, struct why *why)
{
    double distance = v->clamp_high - v->clamp_low;
    if (!v->has_clamps || !isfinite(distance) || !(distance > 0))
        return FAIL(why, MALFORMED, "'%.*s' has no clamps to be summed between", SLICE_ARG(v->name));
    double step = distance / LATTICE_REACH_MAX;
    if (v->type == VARIABLE_INTEGER)
        step = fmax(1, ceil(step));
    double reach = fmax(1, ceil(distance / step));
    if (!(step > 0) || reach > LATTICE_REACH_MAX)
        return FAIL(why, MALFORMED, "the clamps of '%.*s' are too near to one another", SLICE_ARG(v->name));
    struct lattice l = {.low = v->clamp_low, .unit = step / 2, .reach = (int32_t)reach};
    l.centre = l.low + reach * l.unit;
    int64_t square = (int64_t)l.reach * l.reach;
    while ((square >> l.square_shift) >= LATTICE_REACH_MAX)
        l.square_shift++;
    l.square_reach = (int32_t)((square + (l.square_shift ? INT64_C(1) << (l.square_shift - 1) : 0)) >> l.square_shift);
    *ret = l;
    return DONE;
}
