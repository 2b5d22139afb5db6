#include "policy/fee.h"

static const struct fee_schedule SCHEDULE = {
    .name = "fees-1",
    .currency = "NOK",
    .handling = 3000,
    .dataset = 1500,
    .site = 1000,
    /* A draft and what was only received cost nothing; screening is a quarter of the work, processing the rest
     * but for the permit itself. */
    .done_percent = {[APPLICATION_PRE_SCREENING] = 25, [APPLICATION_PROCESSING] = 75, [APPLICATION_AWAITING] = 50, [APPLICATION_DECIDED] = 100,
                     [APPLICATION_APPEALED] = 100},
};

const struct fee_schedule *fee_schedule(void)
{
    return &SCHEDULE;
}

int64_t fee_estimate(unsigned datasets, unsigned sites)
{
    return SCHEDULE.handling + SCHEDULE.dataset * datasets + SCHEDULE.site * sites;
}

int64_t fee_incurred(int64_t estimate, enum application_state state)
{
    return state < APPLICATION_STATES ? estimate * SCHEDULE.done_percent[state] / 100 : 0;
}
