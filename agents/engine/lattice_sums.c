#include "agents/engine/lattice_sums.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "agents/engine/cells.h"
#include "agents/engine/cohort.h"
#include "agents/engine/cube.h"
#include "base/secret.h"
#include "stats/lattice.h"

static_assert(SNAPSHOT_ROWS_MAX <= (INT64_C(1) << 62) / LATTICE_REACH_MAX - 1, "a sum over every row that may be fits 64 bits");

struct adding {
    const struct snapshot *snapshot;
    const struct question *question;
    struct cohort cohort;
    struct cells by;
    uint32_t groups; /* as states: 0 missing, 1.. levels; one without `by` */
    unsigned variables;
    struct lattice lattices[SUMMARY_VARIABLES_MAX];
    struct lattice_sums *sums; /* [group][variable] */
};

static void adding_done(struct adding *x)
{
    cohort_done(&x->cohort);
    if (x->sums)
        wipe(x->sums, (size_t)x->groups * x->variables * sizeof *x->sums);
    free(x->sums);
}

/* One group, without a branch: who is not there adds 0. */
static void add_all(struct lattice_sums *to, const struct lattice *l, const double *restrict at, size_t n, const uint8_t *restrict fails)
{
    struct lattice_sums s = *to;
    for (size_t i = 0; i < n; i++) {
        bool in = !fails || !fails[i], there = in && !isnan(at[i]);
        int32_t place = lattice_place(l, there ? at[i] : 0);
        s.n += there;
        s.n_missing += in && !there;
        s.sum += there ? place : 0;
        s.squares += there ? lattice_square(l, place) : 0;
    }
    *to = s;
}

static void add_groups(const struct adding *x, unsigned v, const double *at, size_t n, const uint32_t *group, const uint8_t *fails)
{
    const struct lattice *l = &x->lattices[v];
    for (size_t i = 0; i < n; i++) {
        if (fails[i])
            continue;
        struct lattice_sums *s = &x->sums[(size_t)group[i] * x->variables + v];
        if (isnan(at[i])) {
            s->n_missing++;
            continue;
        }
        int32_t place = lattice_place(l, at[i]);
        s->n++;
        s->sum += place;
        s->squares += lattice_square(l, place);
    }
}

static void add_chunk(const struct adding *x, uint64_t first, size_t n)
{
    uint32_t group[CHUNK_ROWS];
    uint8_t fails[CHUNK_ROWS];
    bool grouped = x->question->by >= 0, boxed = !cohort_is_all(&x->cohort);
    if (grouped) {
        memset(group, 0, n * sizeof *group);
        cells_chunk(&x->by, first, n, group);
    }
    if (grouped || boxed)
        cohort_chunk(&x->cohort, first, n, fails, NULL);
    for (unsigned v = 0; v < x->variables; v++) {
        const double *at = (const double *)x->snapshot->columns[x->question->variables[v]].at + first;
        if (grouped)
            add_groups(x, v, at, n, group, fails);
        else
            add_all(&x->sums[v], &x->lattices[v], at, n, boxed ? fails : NULL);
    }
}

static result begin(struct adding *x, struct why *why)
{
    const struct question *q = x->question;
    for (unsigned v = 0; v < x->variables; v++) {
        if (x->snapshot->columns[q->variables[v]].kind != COLUMN_DOUBLE)
            return FAIL(why, BROKEN, "a variable of a summary is no number");
        TRY(lattice_of(&q->dictionary->variables[q->variables[v]], &x->lattices[v], why));
    }
    if (q->by >= 0) {
        cells_init_category(&x->by, x->snapshot, (unsigned)q->by, q->by_grouping);
        x->groups = x->by.states;
    }
    TRY(cohort_init(&x->cohort, x->snapshot, q, why));
    x->sums = calloc((size_t)x->groups * x->variables, sizeof *x->sums);
    return x->sums ? DONE : FAIL(why, LIMIT, "no memory to sum in");
}

static result hand_over(const struct adding *x, struct engine_answer *ret, struct why *why)
{
    ret->lattice_sums = calloc((size_t)x->groups * x->variables, sizeof *ret->lattice_sums);
    if (!ret->lattice_sums)
        return FAIL(why, LIMIT, "no memory to sum in");
    ret->summary_groups = x->groups;
    ret->summary_variables = x->variables;
    for (uint32_t g = 0; g < x->groups; g++) {
        /* levels first, missing last */
        uint32_t slot = x->question->by < 0 ? g : g == 0 ? x->groups - 1 : g - 1;
        memcpy(&ret->lattice_sums[(size_t)slot * x->variables], &x->sums[(size_t)g * x->variables], x->variables * sizeof *x->sums);
    }
    return DONE;
}

result lattice_summary(const struct snapshot *s, const struct question *q, struct engine_answer *ret, struct why *why)
{
    if (q->statistic != STATISTIC_SUMMARY || q->quantile_count || s->person || s->facts.rows > SNAPSHOT_ROWS_MAX)
        return FAIL_CODE(why, DENIED, "statistic_not_allowed", "/statistic/summary", "only a summary of persons, without quantiles, is released");
    struct adding x CLEANUP(adding_done) = {.snapshot = s, .question = q, .groups = 1, .variables = q->variable_count};
    TRY(begin(&x, why));
    for (uint64_t first = 0; first < s->facts.rows; first += CHUNK_ROWS)
        add_chunk(&x, first, s->facts.rows - first < CHUNK_ROWS ? (size_t)(s->facts.rows - first) : CHUNK_ROWS);
    TRY(cube_count(s, q, false, ret, why));
    result r = hand_over(&x, ret, why);
    if (!is_ok(r))
        engine_answer_done(ret);
    return r;
}
