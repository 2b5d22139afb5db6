#include "agents/engine/weighted.h"

#include <math.h>
#include <stdlib.h>

#include "agents/engine/cells.h"
#include "agents/engine/cohort.h"
#include "agents/engine/cube.h"
#include "base/secret.h"

enum { BOX_TEXT_MAX = 256 * 1024 };

struct weighing {
    const struct snapshot *snapshot;
    const struct question *question;
    struct jitter *jitter;
    struct slice edition;
    struct cohort cohort;
    struct cells by;
    uint32_t groups; /* as states: 0 missing, 1.. levels; one without `by` */
    struct one {
        struct weighted w;
        uint64_t key_sum; /* the cohort key: of those with a value, and of the box they are asked by */
        struct jittered sums;
    } *one;          /* [group][variable] */
};

static struct one *at(const struct weighing *x, uint32_t group, unsigned variable)
{
    return &x->one[(size_t)group * x->question->variable_count + variable];
}

static void weighing_done(struct weighing *x)
{
    cohort_done(&x->cohort);
    if (x->one)
        wipe(x->one, (size_t)x->groups * x->question->variable_count * sizeof *x->one);
    free(x->one);
}

/* The first pass: who is counted, and the extremes. */
static void look(struct one *o, double value, uint64_t key)
{
    struct weighted *w = &o->w;
    if (w->n == 0) {
        w->smallest = w->largest = value;
        w->second = 0;
    } else if (value > w->largest) {
        w->second = w->largest;
        w->largest = value;
    } else {
        w->second = w->n == 1 || value > w->second ? value : w->second;
        w->smallest = value < w->smallest ? value : w->smallest;
    }
    w->n++;
    w->total += value;
    o->key_sum += key;
}

static void pass(const struct weighing *x, bool second)
{
    const struct snapshot *s = x->snapshot;
    const struct question *q = x->question;
    uint32_t group[CHUNK_ROWS];
    uint8_t fails[CHUNK_ROWS];
    for (uint64_t first = 0; first < s->facts.rows; first += CHUNK_ROWS) {
        size_t n = s->facts.rows - first < CHUNK_ROWS ? (size_t)(s->facts.rows - first) : CHUNK_ROWS;
        memset(group, 0, n * sizeof *group);
        if (q->by >= 0)
            cells_chunk(&x->by, first, n, group);
        cohort_chunk(&x->cohort, first, n, fails, NULL);
        for (unsigned v = 0; v < q->variable_count; v++) {
            const struct variable *variable = &q->dictionary->variables[q->variables[v]];
            const double *values = (const double *)s->columns[q->variables[v]].at + first;
            for (size_t i = 0; i < n; i++) {
                if (fails[i] || isnan(values[i]))
                    continue;
                struct one *o = at(x, group[i], v);
                double value = fmin(fmax(values[i], variable->clamp_low), variable->clamp_high);
                uint64_t key = s->keys[first + i];
                if (second)
                    jittered_add(&o->sums, value, jitter_plus(x->jitter, x->edition, o->key_sum, key));
                else
                    look(o, value, key);
            }
        }
    }
}

/* Weights that hung on the persons alone would tell two equal sets by equal means: one box is another's without a
 * person, the means are the same, so he was not in the first either.  So the box is in the key, as it is in a cell's;
 * it is public, and the sum it is added to is not.  The variable is not: a set has one weight a person for all. */
static result bind_to_boxes(struct weighing *x, struct why *why)
{
    for (uint32_t g = 0; g < x->groups; g++)
        for (unsigned v = 0; v < x->question->variable_count; v++) {
            struct question counted = summary_counts(x->question, v);
            int slot[TABLE_DIMENSIONS_MAX] = {CELL_FREE, CELL_FREE, CELL_FREE, CELL_FREE};
            struct buffer box CLEANUP(buffer_done) = {0};
            uint64_t mark = 0;
            if (x->question->by >= 0) /* missing comes first here, and last among a dimension's slots */
                slot[0] = g == 0 ? (int)dimension_cells(&counted, 0) + CUBE_SLOTS_EXTRA - 1 : (int)g - 1;
            buffer_init(&box, BOX_TEXT_MAX);
            TRY(question_cell_box(&counted, slot, &box, why));
            struct hash h = sha256(buffer_slice(&box));
            memcpy(&mark, h.at, sizeof mark);
            at(x, g, v)->key_sum += mark;
        }
    return DONE;
}

static void finish(const struct weighing *x, struct weighted *ret)
{
    for (uint32_t g = 0; g < x->groups; g++) {
        /* levels first, missing last */
        uint32_t slot = x->question->by < 0 ? g : g == 0 ? x->groups - 1 : g - 1;
        for (unsigned v = 0; v < x->question->variable_count; v++) {
            struct one *o = at(x, g, v);
            jittered_moments(&o->sums, &o->w.mean, &o->w.variance);
            ret[(size_t)slot * x->question->variable_count + v] = o->w;
        }
    }
}

static result weigh(struct weighing *x, struct engine_answer *ret, struct why *why)
{
    const struct question *q = x->question;
    TRY(cohort_init(&x->cohort, x->snapshot, q, why));
    size_t count = (size_t)x->groups * q->variable_count;
    x->one = calloc(count, sizeof *x->one);
    ret->weighted = calloc(count, sizeof *ret->weighted);
    if (!x->one || !ret->weighted)
        return FAIL(why, LIMIT, "no memory to sum in");
    ret->summary_groups = x->groups;
    ret->summary_variables = q->variable_count;
    pass(x, false);
    TRY(bind_to_boxes(x, why));
    for (size_t i = 0; i < count; i++)
        x->one[i].sums.centre = x->one[i].w.n ? x->one[i].w.total / (double)x->one[i].w.n : 0;
    pass(x, true);
    finish(x, ret->weighted);
    return DONE;
}

/* Persons with and without a value of each variable, with the groups that the parent rule asks for. */
static result count(const struct snapshot *s, const struct question *q, struct engine_answer *ret, struct why *why)
{
    ret->counts = calloc(q->variable_count, sizeof *ret->counts);
    if (!ret->counts)
        return FAIL(why, LIMIT, "no memory to count in");
    for (unsigned v = 0; v < q->variable_count; v++) {
        struct question one = summary_counts(q, v);
        ret->counts_count = v + 1;
        TRY(cube_count(s, &one, true, &ret->counts[v], why));
    }
    return DONE;
}

result weighted_summary(const struct snapshot *s, const struct question *q, struct jitter *jitter, struct slice edition,
                        struct engine_answer *ret, struct why *why)
{
    if (q->statistic != STATISTIC_SUMMARY || q->quantile_count || s->person)
        return FAIL_CODE(why, DENIED, "statistic_not_allowed", "/statistic/summary", "only a summary of persons, without quantiles, is released");
    struct weighing x CLEANUP(weighing_done) = {.snapshot = s, .question = q, .jitter = jitter, .edition = edition, .groups = 1};
    for (unsigned v = 0; v < q->variable_count; v++)
        if (s->columns[q->variables[v]].kind != COLUMN_DOUBLE || !q->dictionary->variables[q->variables[v]].has_clamps)
            return FAIL(why, BROKEN, "a variable of a summary has no clamps");
    if (q->by >= 0) {
        cells_init_category(&x.by, s, (unsigned)q->by);
        x.groups = x.by.states;
    }
    result r = cube_count(s, q, true, ret, why); /* the cohort and its parents */
    if (is_ok(r))
        r = weigh(&x, ret, why);
    if (is_ok(r))
        r = count(s, q, ret, why);
    if (!is_ok(r))
        engine_answer_done(ret);
    return r;
}
