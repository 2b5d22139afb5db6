/*
 * fee.h - what a decision costs, estimated from a schedule before it is made (EHDS Article 62: shown
 * before the permit, with the right to withdraw and then to pay only what was done).  Whole units of the
 * schedule's currency.  Pure.
 */
#ifndef INNSYN_POLICY_FEE_H
#define INNSYN_POLICY_FEE_H

#include "policy/workflow.h"

enum { FEE_MAX = 100 * 1000 * 1000 };

/* The rule, as data: a changed one gets a new name, so that every estimate says what it was made from. */
struct fee_schedule {
    const char *name, *currency;
    int64_t handling; /* one application */
    int64_t dataset;  /* each dataset asked for */
    int64_t site;     /* each site that must speak and answer */
    unsigned done_percent[APPLICATION_STATES]; /* what is paid by one who withdraws in that state */
};
const struct fee_schedule *fee_schedule(void);

int64_t fee_estimate(unsigned datasets, unsigned sites);
/* What one who withdraws now pays of the estimate, rounded down. */
int64_t fee_incurred(int64_t estimate, enum application_state state);

#endif
