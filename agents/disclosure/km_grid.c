#include "agents/disclosure/km_grid.h"

#include "agents/parameters.h"

size_t km_released(const struct km_interval *intervals, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (intervals[i].at_risk < KM_RISK_MIN)
            return i;
    return count;
}

void km_survival(const struct km_interval *intervals, size_t count, double *ret_survival)
{
    double s = 1;
    for (size_t i = 0; i < count; i++) {
        double at_risk = (double)intervals[i].at_risk - (double)intervals[i].censored / 2;
        double left = at_risk > 0 ? 1 - (double)intervals[i].events / at_risk : 0;
        s *= left > 0 ? left : 0; /* noised events may be more than those at risk */
        ret_survival[i] = s;
    }
}
