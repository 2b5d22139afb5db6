#include "agents/engine/cohort.h"

#include <math.h>
#include <stdlib.h>

static result level_fails(struct cohort *c, unsigned i, struct why *why)
{
    const struct value_set *set = &c->question->box[i];
    unsigned levels = c->snapshot->dictionary->variables[set->variable].level_count;
    uint8_t *fails = malloc(levels + 1u);
    if (!fails)
        return FAIL(why, LIMIT, "no memory for a cohort");
    memset(fails, 1, levels + 1u);
    fails[0] = !set->missing;
    for (unsigned k = 0; k < set->level_count; k++)
        fails[set->levels[k] + 1] = 0;
    c->fails[i] = fails;
    return DONE;
}

result cohort_init(struct cohort *c, const struct snapshot *s, const struct question *q, struct why *why)
{
    *c = (struct cohort){.snapshot = s, .question = q};
    for (unsigned i = 0; i < q->box_count; i++) {
        enum variable_type type = s->dictionary->variables[q->box[i].variable].type;
        if (type == VARIABLE_CATEGORY || type == VARIABLE_CODE) {
            result r = level_fails(c, i, why);
            if (!is_ok(r)) {
                cohort_done(c);
                return r;
            }
        }
    }
    return DONE;
}

void cohort_done(struct cohort *c)
{
    for (unsigned i = 0; i < BOX_VARIABLES_MAX; i++)
        free(c->fails[i]);
    *c = (struct cohort){0};
}

static void fail_u8(const uint8_t *restrict at, const uint8_t *restrict table, size_t n, uint8_t *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = table[at[i]];
}

static void fail_u16(const uint16_t *restrict at, const uint8_t *restrict table, size_t n, uint8_t *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = table[at[i]];
}

static void fail_u32(const uint32_t *restrict at, const uint8_t *restrict table, size_t n, uint8_t *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = table[at[i]];
}

/* NaN lies in no range: every comparison with it is false. */
static void fail_double(const double *restrict at, const struct value_set *set, size_t n, uint8_t *restrict out)
{
    uint8_t missing = !set->missing;
    for (size_t i = 0; i < n; i++)
        out[i] = isnan(at[i]) ? missing : 1;
    for (unsigned k = 0; k < set->range_count; k++) {
        double from = set->ranges[k].from, to = set->ranges[k].to;
        for (size_t i = 0; i < n; i++)
            out[i] &= (uint8_t)!((at[i] >= from) & (at[i] < to));
    }
}

static void fail_day(const int32_t *restrict at, const struct value_set *set, size_t n, uint8_t *restrict out)
{
    uint8_t missing = !set->missing;
    for (size_t i = 0; i < n; i++)
        out[i] = at[i] == SNAPSHOT_DATE_MISSING ? missing : 1;
    for (unsigned k = 0; k < set->range_count; k++) {
        double from = set->ranges[k].from, to = set->ranges[k].to;
        for (size_t i = 0; i < n; i++)
            out[i] &= (uint8_t)!((at[i] != SNAPSHOT_DATE_MISSING) & ((double)at[i] >= from) & ((double)at[i] < to));
    }
}

static void fail_one(const struct cohort *c, unsigned b, uint64_t first, size_t n, uint8_t *restrict out)
{
    const struct value_set *set = &c->question->box[b];
    const struct snapshot_column *column = &c->snapshot->columns[set->variable];
    switch (column->kind) {
    case COLUMN_U8:
        fail_u8((const uint8_t *)column->at + first, c->fails[b], n, out);
        return;
    case COLUMN_U16:
        fail_u16((const uint16_t *)column->at + first, c->fails[b], n, out);
        return;
    case COLUMN_U32:
        fail_u32((const uint32_t *)column->at + first, c->fails[b], n, out);
        return;
    case COLUMN_DOUBLE:
        fail_double((const double *)column->at + first, set, n, out);
        return;
    case COLUMN_DAY:
        fail_day((const int32_t *)column->at + first, set, n, out);
        return;
    case COLUMN_NONE:
        break;
    }
    abort(); /* question_read refuses the person key */
}

bool cohort_is_all(const struct cohort *c)
{
    return c->question->box_count == 0 && c->snapshot->left_out_count == 0;
}

/* A person left out fails everything, the parents too. */
static void fail_left_out(const struct snapshot *s, uint64_t first, size_t n, uint8_t *restrict fails)
{
    size_t low = 0, high = s->left_out_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->left_out[middle] < first)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < s->left_out_count && s->left_out[low] < first + n; low++)
        fails[s->left_out[low] - first] = COHORT_LEFT_OUT;
}

void cohort_chunk(const struct cohort *c, uint64_t first, size_t n, uint8_t *restrict fails, uint8_t *restrict which)
{
    uint8_t one[CHUNK_ROWS];
    memset(fails, 0, n);
    for (unsigned b = 0; b < c->question->box_count; b++) {
        fail_one(c, b, first, n, one);
        for (size_t i = 0; i < n; i++)
            fails[i] = (uint8_t)(fails[i] + one[i]);
        if (which)
            for (size_t i = 0; i < n; i++)
                which[i] = one[i] ? (uint8_t)b : which[i];
    }
    fail_left_out(c->snapshot, first, n, fails);
}
