#include "agents/engine/cells.h"

#include <math.h>
#include <stdlib.h>

/* The bucket of a value in [first, last): rises with it, whatever the rounding. */
static inline uint32_t bucket_of(const struct cells *c, double v)
{
    double b = (v - c->first) * c->scale;
    return b < CELLS_BUCKETS ? (uint32_t)b : CELLS_BUCKETS;
}

void cells_init_category(struct cells *c, const struct snapshot *s, unsigned variable)
{
    *c = (struct cells){.column = &s->columns[variable]};
    c->cells = s->dictionary->variables[variable].level_count;
    c->states = c->cells + 1;
}

void cells_init(struct cells *c, const struct snapshot *s, const struct dimension *d)
{
    if (!d->breaks) {
        cells_init_category(c, s, d->variable);
        return;
    }
    *c = (struct cells){.column = &s->columns[d->variable], .breaks = d->breaks, .break_count = d->break_count};
    c->cells = d->break_count - 1;
    c->states = d->break_count + 2;
    c->first = d->breaks[0];
    c->last = nextafter(d->breaks[d->break_count - 1], INFINITY);
    c->scale = CELLS_BUCKETS / (c->last - c->first);
    /* All breaks of lower buckets lie at or below a value: counting up from there finds its cell. */
    for (uint32_t b = 0, k = 0; b <= CELLS_BUCKETS; b++) {
        while (k + 1 < c->break_count && bucket_of(c, c->breaks[k]) < b)
            k++;
        c->bucket[b] = (uint16_t)k;
    }
}

uint32_t cells_slot(const struct cells *c, uint32_t state)
{
    if (!c->breaks)
        return state == 0 ? c->cells + 2 : state - 1;
    if (state == 0)
        return c->cells;
    return state <= c->cells ? state - 1 : state == c->break_count ? c->cells + 1 : c->cells + 2;
}

/* How many breaks lie at or below v; the last counts only where v is above it (its cell is closed). */
static inline uint32_t state_of(const struct cells *c, double v)
{
    if (!(v >= c->first))
        return isnan(v) ? c->break_count + 1 : 0;
    if (v >= c->last)
        return c->break_count;
    uint32_t k = c->bucket[bucket_of(c, v)];
    while (k + 1 < c->break_count && v >= c->breaks[k])
        k++;
    return k;
}

void cells_chunk(const struct cells *c, uint64_t first, size_t n, uint32_t *restrict index)
{
    const uint32_t states = c->states;
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
    case COLUMN_DOUBLE: {
        const double *restrict at = (const double *)c->column->at + first;
        for (size_t i = 0; i < n; i++)
            index[i] = index[i] * states + state_of(c, at[i]);
        return;
    }
    case COLUMN_DAY: {
        const int32_t *restrict at = (const int32_t *)c->column->at + first;
        for (size_t i = 0; i < n; i++)
            index[i] = index[i] * states + state_of(c, at[i] == SNAPSHOT_DATE_MISSING ? (double)NAN : (double)at[i]);
        return;
    }
    case COLUMN_NONE:
        break;
    }
    abort(); /* question_read refuses the person key */
}
