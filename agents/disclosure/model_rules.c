#include "agents/disclosure/model_rules.h"

#include <math.h>

#include "agents/parameters.h"

/* Leverages are computed in long double; balanced designs lie exactly on a third. */
static const double LEVERAGE_ROUNDING = 1e-9;

struct found {
    struct model_violation *at;
    unsigned max, count;
};

static void note(struct found *f, bool fired, struct model_violation v)
{
    if (!fired)
        return;
    if (f->count < f->max)
        f->at[f->count] = v;
    f->count++;
}

static void check_pairs(const struct model_facts *m, unsigned a, struct found *f)
{
    static const unsigned order[] = {3, 2, 1, 0};
    for (unsigned b = a + 1; b < m->columns; b++) {
        if (!m->column[b].zero_one)
            continue;
        for (unsigned k = 0; k < 4; k++) {
            uint64_t count = model_pair(m, a, b)[order[k]];
            note(f, count > 0 && count < MODEL_PAIR_MIN, (struct model_violation){MODEL_PAIR_CELL, a, b, order[k], count});
        }
    }
}

static double effective_persons(const struct model_facts *m)
{
    return m->weight_squares > 0 ? m->weight_sum * m->weight_sum / m->weight_squares : 0;
}

unsigned model_check(const struct model_facts *m, struct model_violation *ret, unsigned max)
{
    struct found f = {ret, max, 0};
    uint64_t n = m->persons, wanted = (uint64_t)MODEL_PERSONS_A_COLUMN * m->columns;
    note(&f, n < MODEL_PERSONS_MIN, (struct model_violation){.rule = MODEL_FEW_PERSONS, .count = n});
    note(&f, n < wanted, (struct model_violation){.rule = MODEL_FEW_A_COLUMN, .count = n});
    note(&f, n < (uint64_t)m->columns + MODEL_FREEDOM_MIN, (struct model_violation){.rule = MODEL_LITTLE_FREEDOM, .count = n});
    note(&f, m->columns > MODEL_COLUMNS_MAX, (struct model_violation){.rule = MODEL_MANY_COLUMNS, .count = m->columns});
    note(&f, m->singular, (struct model_violation){.rule = MODEL_SINGULAR});
    note(&f, !m->singular && !(m->leverage_max <= 1.0 / MODEL_LEVERAGE_INVERSE_MIN + LEVERAGE_ROUNDING),
         (struct model_violation){.rule = MODEL_LEVERAGE});
    for (unsigned a = 0; a < m->columns; a++)
        note(&f, !m->column[a].constant && m->column[a].off_mode < MODEL_OFF_MODE_MIN,
             (struct model_violation){.rule = MODEL_COLUMN_NEAR_CONSTANT, .column = a, .count = m->column[a].off_mode});
    for (unsigned a = 0; a < m->columns; a++) {
        if (!m->column[a].zero_one)
            continue;
        check_pairs(m, a, &f);
        for (unsigned v = 0; v < 2 && m->family == MODEL_BINOMIAL; v++)
            note(&f, m->column[a].with[v] < MODEL_EVENTS_MIN,
                 (struct model_violation){MODEL_COLUMN_EVENTS, a, 0, v, m->column[a].with[v]});
    }
    note(&f, m->family == MODEL_BINOMIAL && m->smaller_outcome < MODEL_OUTCOME_MIN,
         (struct model_violation){.rule = MODEL_OUTCOME_CLASS, .count = m->smaller_outcome});
    double least = fmax(MODEL_PERSONS_MIN, (double)wanted);
    note(&f, !(effective_persons(m) >= least), (struct model_violation){.rule = MODEL_WEIGHTS});
    return f.count;
}

bool model_round_allowed(unsigned round, const double *beta, unsigned p)
{
    bool zero = true, finite = true;
    for (unsigned i = 0; i < p; i++) {
        zero = zero && beta[i] >= 0 && beta[i] <= 0;
        finite = finite && isfinite(beta[i]);
    }
    return finite && round < MODEL_ITERATIONS_MAX && (round > 0 || zero);
}

double model_eta(double eta)
{
    return isnan(eta) ? 0 : fmax(-MODEL_ETA_MAX, fmin(MODEL_ETA_MAX, eta));
}
