#include "agents/disclosure/quantile.h"

#include <assert.h>
#include <stdlib.h>

#include "agents/disclosure/profile.h"
#include "agents/parameters.h"

static_assert((int)QUANTILE_PERSONS_MIN == (int)QUANTILE_SIDE_MIN, "the rule that a data holder reads is the one that is kept");
static_assert((int)QUANTILE_GRID_CELLS == (int)QUANTILE_CELLS_MAX, "the cells that a data holder reads of are those that are made");

static result room_for(struct published_quantiles *to, unsigned at, unsigned counts, struct why *why)
{
    to->at = calloc(at + 1, sizeof *to->at);
    to->counts = calloc(counts + 1, sizeof *to->counts);
    return to->at && to->counts ? DONE : FAIL(why, LIMIT, "no memory for a histogram of %u cells", counts);
}

/* One group of one variable.  All cells are made, also of what is then withheld. */
static result publish_group(const struct counts_context *x, int group, struct published_quantiles *to, struct why *why)
{
    unsigned last = x->q->dimension_count - 1, cells = dimension_cells(x->q, last);
    const struct dimension *d = &x->q->dimensions[last];
    struct part part = {{CELL_FREE, CELL_FREE, CELL_FREE, CELL_FREE}};
    if (last > 0)
        part.at[0] = group;
    TRY(room_for(to, cells + 1, cells, why));
    to->cells = true;
    for (unsigned i = 0; i <= cells; i++)
        to->at[i] = d->breaks[i];
    for (unsigned i = 0; i < cells; i++) {
        part.at[last] = (int)i;
        TRY(counts_publish_part(x, &part, &to->counts[i], why));
    }
    part.at[last] = (int)cells;
    TRY(counts_publish_part(x, &part, &to->below, why));
    part.at[last] = (int)cells + 1;
    TRY(counts_publish_part(x, &part, &to->above, why));
    to->count = counts_too_sparse(to->counts, cells, x->rules->small_published_max) ? 0 : cells;
    return DONE;
}

static result room_for_all(struct published *p, struct why *why)
{
    p->quantiles = calloc((size_t)p->group_count * p->variable_count, sizeof *p->quantiles);
    return p->quantiles ? DONE : FAIL(why, LIMIT, "no memory for quantiles");
}

result quantiles_protect(const struct question *q, const struct engine_answer *a, struct cellkey *key, struct slice edition,
                         struct published *p, struct why *why)
{
    if (a->histogram_count != q->variable_count)
        return FAIL(why, BROKEN, "the engine's histograms do not fit the question");
    TRY(room_for_all(p, why));
    for (unsigned v = 0; v < q->variable_count; v++) {
        struct summary_histogram h;
        TRY(summary_histogram(q, v, &h, why));
        struct counts_context x = {&h.question, &a->histograms[v], key, profile_rules(q->dictionary->profile), edition};
        TRY(counts_check(&x, why));
        for (unsigned g = 0; g < p->group_count; g++)
            TRY(publish_group(&x, (int)g, &p->quantiles[(size_t)g * p->variable_count + v], why));
    }
    return DONE;
}

result quantiles_open(const struct question *q, const struct engine_answer *a, struct published *p, struct why *why)
{
    size_t count = (size_t)p->group_count * p->variable_count;
    if (a->value_count != count || p->variable_count != q->variable_count)
        return FAIL(why, BROKEN, "the engine's values do not fit the question");
    TRY(room_for_all(p, why));
    for (size_t i = 0; i < count; i++) {
        const struct value_counts *v = &a->values[i];
        struct published_quantiles *to = &p->quantiles[i];
        unsigned ends = v->count + (v->cells ? 1 : 0);
        TRY(room_for(to, ends, v->count, why));
        to->cells = v->cells;
        to->count = v->count;
        for (unsigned k = 0; k < ends; k++)
            to->at[k] = v->at[k];
        for (unsigned k = 0; k < v->count; k++)
            to->counts[k] = (int64_t)v->persons[k];
    }
    return DONE;
}
