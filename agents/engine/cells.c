#include "agents/engine/cells.h"

#include <math.h>
#include <stdlib.h>

enum { STRETCH = 512 };

/* The bucket of a value: rises with it, whatever the rounding.  Below the first edge and for NaN it is 0. */
static inline uint32_t bucket_of(const struct cells *c, double v)
{
    double b = (v - c->first) * c->scale;
    b = b > 0 ? b : 0;
    return (uint32_t)(int32_t)(b < CELLS_BUCKETS ? b : CELLS_BUCKETS);
}

void cells_init_category(struct cells *c, const struct snapshot *s, unsigned variable, const struct grouping *grouping)
{
    *c = (struct cells){.column = &s->columns[variable], .cell_of = grouping ? grouping->cell_of : NULL};
    c->cells = grouping ? grouping->group_count : s->dictionary->variables[variable].level_count;
    c->states = c->cells + 1;
}

void cells_init(struct cells *c, const struct snapshot *s, const struct dimension *d)
{
    if (!d->breaks) {
        cells_init_category(c, s, d->variable, d->grouping);
        return;
    }
    memset(c, 0, sizeof *c);
    c->column = &s->columns[d->variable];
    c->edge_count = d->break_count;
    c->cells = d->break_count - 1;
    c->states = d->break_count + 2;
    memcpy(c->edges, d->breaks, d->break_count * sizeof *d->breaks);
    double *last = &c->edges[d->break_count - 1];
    *last = nextafter(*last, INFINITY);
    c->edges[d->break_count] = INFINITY;
    c->first = c->edges[0];
    c->scale = CELLS_BUCKETS / (*last - c->first);
    for (uint32_t b = 0, k = 0; b <= CELLS_BUCKETS; b++) {
        uint32_t before = k;
        while (k < c->edge_count && bucket_of(c, c->edges[k]) < b)
            k++;
        c->bucket[b] = (uint16_t)k;
        c->crowded = c->crowded || k > before + 1;
    }
    c->crowded = c->crowded || c->edge_count > c->bucket[CELLS_BUCKETS] + 1u;
}

uint32_t cells_slot(const struct cells *c, uint32_t state)
{
    if (!c->edge_count)
        return state == 0 ? c->cells + 2 : state - 1;
    if (state == 0)
        return c->cells;
    return state <= c->cells ? state - 1 : state == c->edge_count ? c->cells + 1 : c->cells + 2;
}

/* The states of up to STRETCH values, in steps that each are a loop without a branch (which values of a person
 * to the next would not let the processor foresee).  Where no bucket holds two edges, one comparison is enough. */
static void states_of(const struct cells *c, const double *restrict at, size_t n, uint32_t *restrict states)
{
    double scaled[STRETCH];
    const double first = c->first, scale = c->scale;
    const uint32_t missing = c->edge_count + 1;
    for (size_t i = 0; i < n; i++) {
        double b = (at[i] - first) * scale;
        scaled[i] = b > 0 ? b : 0; /* NaN becomes 0 too */
    }
    for (size_t i = 0; i < n; i++) {
        double b = scaled[i] < CELLS_BUCKETS ? scaled[i] : CELLS_BUCKETS;
        states[i] = (uint32_t)(int32_t)b;
    }
    if (c->crowded)
        for (size_t i = 0; i < n; i++) {
            uint32_t k = c->bucket[states[i]];
            while (at[i] >= c->edges[k]) /* ends at infinity: values are finite */
                k++;
            states[i] = k;
        }
    else
        for (size_t i = 0; i < n; i++) {
            uint32_t k = c->bucket[states[i]];
            states[i] = k + (at[i] >= c->edges[k]);
        }
    for (size_t i = 0; i < n; i++)
        states[i] = isnan(at[i]) ? missing : states[i];
}

static void doubles_of_days(const int32_t *restrict at, size_t n, double *restrict to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = at[i] == SNAPSHOT_DATE_MISSING ? (double)NAN : (double)at[i];
}

static void breaks_chunk(const struct cells *c, uint64_t first, size_t n, uint32_t *restrict index)
{
    double days[STRETCH];
    uint32_t states[STRETCH];
    for (size_t done = 0; done < n; done += STRETCH) {
        size_t m = n - done < STRETCH ? n - done : STRETCH;
        const double *at = days;
        if (c->column->kind == COLUMN_DAY)
            doubles_of_days((const int32_t *)c->column->at + first + done, m, days);
        else
            at = (const double *)c->column->at + first + done;
        states_of(c, at, m, states);
        for (size_t i = 0; i < m; i++)
            index[done + i] = index[done + i] * c->states + states[i];
    }
}

/* Levels are stored as codes of their own, so groups take one more look-up a row. */
static void groups_chunk(const struct cells *c, uint64_t first, size_t n, uint32_t *restrict index)
{
    const uint32_t states = c->states;
    const unsigned *restrict cell_of = c->cell_of;
    if (c->column->kind == COLUMN_U8) {
        const uint8_t *restrict at = (const uint8_t *)c->column->at + first;
        for (size_t i = 0; i < n; i++)
            index[i] = index[i] * states + cell_of[at[i]];
    } else if (c->column->kind == COLUMN_U16) {
        const uint16_t *restrict at = (const uint16_t *)c->column->at + first;
        for (size_t i = 0; i < n; i++)
            index[i] = index[i] * states + cell_of[at[i]];
    } else if (c->column->kind == COLUMN_U32) {
        const uint32_t *restrict at = (const uint32_t *)c->column->at + first;
        for (size_t i = 0; i < n; i++)
            index[i] = index[i] * states + cell_of[at[i]];
    } else {
        abort(); /* only categories and codes have groups */
    }
}

void cells_chunk(const struct cells *c, uint64_t first, size_t n, uint32_t *restrict index)
{
    const uint32_t states = c->states;
    if (c->cell_of) {
        groups_chunk(c, first, n, index);
        return;
    }
    switch (c->column->kind) {
    case COLUMN_U8: {
        const uint8_t *restrict at = (const uint8_t *)c->column->at + first;
        for (size_t i = 0; i < n; i++)
            index[i] = index[i] * states + at[i];
        return;
    }
    case COLUMN_U16: {
        const uint16_t *restrict at = (const uint16_t *)c->column->at + first;
        for (size_t i = 0; i < n; i++)
            index[i] = index[i] * states + at[i];
        return;
    }
    case COLUMN_U32: {
        const uint32_t *restrict at = (const uint32_t *)c->column->at + first;
        for (size_t i = 0; i < n; i++)
            index[i] = index[i] * states + at[i];
        return;
    }
    case COLUMN_DOUBLE:
    case COLUMN_DAY:
        breaks_chunk(c, first, n, index);
        return;
    case COLUMN_NONE:
        break;
    }
    abort(); /* question_read refuses the person key */
}
