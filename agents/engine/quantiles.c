/*
 * Values are counted in a hash table of bounded room for each variable and group.  One that overflows is given up, and
 * counted in a second pass in cells between the extremes that the first has seen.
 */
#include "agents/engine/quantiles.h"

#include <math.h>
#include <stdlib.h>

#include "agents/engine/cells.h"
#include "agents/engine/cohort.h"
#include "agents/engine/cube.h"

/* Of one variable in one group. */
struct gathering {
    double smallest, largest;
    bool many;          /* more values than its share: counted in cells */
    uint32_t count;     /* values, or cells */
    double *at;         /* hashed, NAN where free; then the edges */
    uint64_t *persons;
};

struct gatherings {
    const struct snapshot *snapshot;
    const struct question *question;
    struct cohort cohort;
    struct cells by;
    unsigned groups;
    uint32_t share, room; /* room: a power of two, above the share */
    struct gathering *all; /* [group][variable] */
};

static void gatherings_done(struct gatherings *g)
{
    cohort_done(&g->cohort);
    for (size_t i = 0; g->all && i < (size_t)g->groups * g->question->variable_count; i++) {
        free(g->all[i].at);
        free(g->all[i].persons);
    }
    free(g->all);
}

static uint32_t hash_of(double value, uint32_t room)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits *= UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(bits >> 32) & (room - 1);
}

static void take_value(const struct gatherings *g, struct gathering *o, double value)
{
    value += 0.0; /* no negative zero */
    o->smallest = fmin(o->smallest, value);
    o->largest = fmax(o->largest, value);
    if (o->many)
        return;
    uint32_t i = hash_of(value, g->room);
    while (!isnan(o->at[i]) && (o->at[i] < value || o->at[i] > value))
        i = (i + 1) & (g->room - 1); /* more than half of the room is free */
    if (isnan(o->at[i])) {
        o->many = o->count == g->share;
        if (o->many)
            return;
        o->at[i] = value;
        o->count++;
    }
    o->persons[i]++;
}

static void take_cell(const struct gatherings *g, struct gathering *o, double value)
{
    (void)g;
    if (!o->many)
        return;
    double width = (o->at[o->count] - o->at[0]) / o->count, place = floor((value - o->at[0]) / width);
    uint32_t i = place < 0 ? 0 : place >= o->count ? o->count - 1 : (uint32_t)place;
    while (i > 0 && value < o->at[i])
        i--;
    while (i + 1 < o->count && value >= o->at[i + 1])
        i++;
    o->persons[i]++;
}

typedef void take_fn(const struct gatherings *g, struct gathering *o, double value);

static void pass(const struct gatherings *g, take_fn *take)
{
    const struct question *q = g->question;
    const uint64_t rows = g->snapshot->facts.rows;
    uint32_t group[CHUNK_ROWS];
    uint8_t fails[CHUNK_ROWS];
    for (uint64_t first = 0; first < rows; first += CHUNK_ROWS) {
        size_t n = rows - first < CHUNK_ROWS ? (size_t)(rows - first) : CHUNK_ROWS;
        memset(group, 0, n * sizeof *group);
        if (q->by >= 0)
            cells_chunk(&g->by, first, n, group);
        cohort_chunk(&g->cohort, first, n, fails, NULL);
        for (unsigned v = 0; v < q->variable_count; v++) {
            const double *values = (const double *)g->snapshot->columns[q->variables[v]].at + first;
            for (size_t i = 0; i < n; i++) {
                if (fails[i] || isnan(values[i]) || (q->by >= 0 && group[i] == 0))
                    continue;
                uint32_t at = q->by >= 0 ? group[i] - 1 : 0; /* state 0: no value of `by` */
                take(g, &g->all[(size_t)at * q->variable_count + v], values[i]);
            }
        }
    }
}

static result make_cells(struct gathering *o, uint32_t cells_max, struct why *why)
{
    double first, each, unit = fmax(o->largest - o->smallest, fmax(fabs(o->largest), fabs(o->smallest)) * 1e-12);
    double step = pow(10, floor(log10(unit)) - 6); /* cells of 1, 2 or 5 times a power of ten, far below the range */
    o->count = quantile_steps(o->smallest, o->largest, 0, step, cells_max, &first, &each);
    free(o->at);
    free(o->persons);
    o->at = calloc(o->count + 1u, sizeof *o->at);
    o->persons = calloc(o->count + 1u, sizeof *o->persons);
    if (!o->at || !o->persons)
        return FAIL(why, LIMIT, "no memory for the values of a variable");
    if (!o->count)
        return FAIL(why, BROKEN, "the values of a variable have no range");
    for (uint32_t i = 0; i <= o->count; i++)
        o->at[i] = (first + i * each) * step;
    o->at[0] = fmin(o->at[0], o->smallest); /* as rounding may have it */
    o->at[o->count] = fmax(o->at[o->count], o->largest);
    return DONE;
}

struct pair {
    double at;
    uint64_t persons;
};

static int by_value(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static result sorted(const struct gathering *o, uint32_t room, struct value_counts *ret, struct why *why)
{
    struct pair *pairs = calloc(o->count + 1u, sizeof *pairs);
    ret->at = calloc(o->count + 1u, sizeof *ret->at);
    ret->persons = calloc(o->count + 1u, sizeof *ret->persons);
    if (!pairs || !ret->at || !ret->persons) {
        free(pairs);
        return FAIL(why, LIMIT, "no memory for the values of a variable");
    }
    for (uint32_t i = 0; i < room; i++)
        if (!isnan(o->at[i]))
            pairs[ret->count++] = (struct pair){o->at[i], o->persons[i]};
    qsort(pairs, ret->count, sizeof *pairs, by_value);
    for (uint32_t i = 0; i < ret->count; i++) {
        ret->at[i] = pairs[i].at;
        ret->persons[i] = pairs[i].persons;
    }
    free(pairs);
    return DONE;
}

static result room_for(struct gatherings *g, size_t count, struct why *why)
{
    g->share = QUANTILE_VALUES_MAX / (uint32_t)(count ? count : 1);
    g->share = g->share ? g->share : 1;
    for (g->room = 4; g->room < 2 * g->share + 2; g->room *= 2)
        ;
    g->all = calloc(count + 1, sizeof *g->all);
    if (!g->all)
        return FAIL(why, LIMIT, "no memory for the values of a variable");
    for (size_t i = 0; i < count; i++) {
        struct gathering *o = &g->all[i];
        o->smallest = INFINITY;
        o->largest = -INFINITY;
        o->at = malloc(g->room * sizeof *o->at);
        o->persons = calloc(g->room, sizeof *o->persons);
        if (!o->at || !o->persons)
            return FAIL(why, LIMIT, "no memory for the values of a variable");
        for (uint32_t k = 0; k < g->room; k++)
            o->at[k] = (double)NAN;
    }
    return DONE;
}

result quantile_values(const struct snapshot *s, const struct question *q, struct engine_answer *ret, struct why *why)
{
    struct gatherings g CLEANUP(gatherings_done) = {.snapshot = s, .question = q, .groups = question_groups(q)};
    size_t count = (size_t)g.groups * q->variable_count;
    bool many = false;
    if (q->by >= 0)
        cells_init_category(&g.by, s, (unsigned)q->by, q->by_grouping);
    TRY(cohort_init(&g.cohort, s, q, why));
    TRY(room_for(&g, count, why));
    pass(&g, take_value);
    for (size_t i = 0; i < count; i++) {
        if (g.all[i].many)
            TRY(make_cells(&g.all[i], g.share < QUANTILE_CELLS_OPEN_MAX ? g.share : QUANTILE_CELLS_OPEN_MAX, why));
        many = many || g.all[i].many;
    }
    if (many)
        pass(&g, take_cell);
    ret->values = calloc(count + 1, sizeof *ret->values);
    if (!ret->values)
        return FAIL(why, LIMIT, "no memory for the values of a variable");
    ret->value_count = count;
    for (size_t i = 0; i < count; i++) {
        struct gathering *o = &g.all[i];
        if (!o->many) {
            TRY(sorted(o, g.room, &ret->values[i], why));
            continue;
        }
        ret->values[i] = (struct value_counts){true, o->count, o->at, o->persons};
        o->at = NULL;
        o->persons = NULL;
    }
    return DONE;
}

result quantile_histograms(const struct snapshot *s, const struct question *q, struct engine_answer *ret, struct why *why)
{
    ret->histograms = calloc(q->variable_count, sizeof *ret->histograms);
    if (!ret->histograms)
        return FAIL(why, LIMIT, "no memory to count in");
    for (unsigned v = 0; v < q->variable_count; v++) {
        struct summary_histogram h;
        TRY(summary_histogram(q, v, &h, why));
        ret->histogram_count = v + 1;
        TRY(cube_count(s, &h.question, true, &ret->histograms[v], why));
    }
    return DONE;
}
