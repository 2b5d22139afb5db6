/*
 * model_rules.h - may a fit leave (section 1.4)?  Decided a site and a round, before masking, over facts of the design
 * matrix that the engine hands over (agents/engine/model_facts.h).  All rules are evaluated, whatever fails first; what
 * fired stays at the site, the answer is only that it did.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_MODEL_RULES_H
#define INNSYN_AGENTS_DISCLOSURE_MODEL_RULES_H

#include "agents/engine/model_facts.h"

enum model_rule {
    MODEL_FEW_PERSONS,         /* n < 50 */
    MODEL_FEW_A_COLUMN,        /* n < 10 p */
    MODEL_LITTLE_FREEDOM,      /* n - p < 10 */
    MODEL_MANY_COLUMNS,        /* p > 50 */
    MODEL_SINGULAR,
    MODEL_LEVERAGE,            /* some person's h > 1/3 */
    MODEL_COLUMN_NEAR_CONSTANT, /* column: count persons off its mode, < 10 */
    MODEL_PAIR_CELL,           /* column, other, cell (0..3: 2*first + second): count, 1..4 */
    MODEL_COLUMN_EVENTS,       /* column, cell: outcome 0 or 1: count < 5 */
    MODEL_OUTCOME_CLASS,       /* count < 10 */
    MODEL_WEIGHTS,             /* effective sample size < max(50, 10 p): the broker chooses beta, and with it weights */
};

struct model_violation {
    enum model_rule rule;
    unsigned column, other, cell;
    uint64_t count;
};

/* Writes up to `max` violations in the order above (pairs and events by column), returns how many there are;
 * 0: the fit may leave. */
unsigned model_check(const struct model_facts *f, struct model_violation *ret, unsigned max);

/* Round `round` (from 0) with coefficients beta[p]: the first starts at 0, none is not finite, there are at most
 * MODEL_ITERATIONS_MAX. */
bool model_round_allowed(unsigned round, const double *beta, unsigned p);
/* The linear predictor cut off at MODEL_ETA_MAX on either side. */
double model_eta(double eta);

#endif
