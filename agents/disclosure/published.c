/* The form in which published values leave. */
#include <math.h>
#include <stdlib.h>

#include "agents/disclosure/counts.h"

void published_init(struct published *p)
{
    *p = (struct published){.total = CELL_WITHHELD, .n_missing = CELL_WITHHELD, .below = CELL_WITHHELD, .above = CELL_WITHHELD};
}

void published_done(struct published *p)
{
    free(p->cells);
    for (unsigned d = 0; d < TABLE_DIMENSIONS_MAX; d++)
        free(p->margins[d]);
    free(p->moments);
    free(p->protected_moments);
    free(p->sums);
    free(p->lattices);
    for (size_t i = 0; p->quantiles && i < (size_t)p->group_count * p->variable_count; i++) {
        free(p->quantiles[i].at);
        free(p->quantiles[i].counts);
    }
    free(p->quantiles);
    published_init(p);
}

static struct json *cell_json(int64_t v)
{
    return v == CELL_WITHHELD ? json_of_null() : json_of_integer(v);
}

static struct json *cells_json(const int64_t *cells, uint64_t count)
{
    struct json *a = json_array();
    for (uint64_t i = 0; i < count; i++)
        json_add(a, cell_json(cells[i]));
    return a;
}

static struct json *quantiles_json(const struct published_quantiles *q)
{
    if (q->cells && q->count == 0)
        return json_of_null(); /* withheld */
    struct json *o = json_object(), *at = json_array();
    for (unsigned i = 0; i < q->count + (q->cells ? 1 : 0); i++)
        json_add(at, json_of_number(q->at[i]));
    json_set(o, q->cells ? "breaks" : "values", at);
    json_set(o, q->cells ? "cells" : "counts", cells_json(q->counts, q->count));
    if (q->cells) {
        json_set(o, "below", cell_json(q->below));
        json_set(o, "above", cell_json(q->above));
    }
    return o;
}

static struct json *moments_json(const struct published *p, unsigned group, unsigned variable)
{
    size_t i = (size_t)group * p->variable_count + variable;
    struct json *o = json_object();
    if (p->sums) {
        const struct published_sums *s = &p->sums[i];
        json_set(o, "n", json_of_integer(s->n));
        json_set(o, "n_missing", json_of_integer(s->n_missing));
        json_set(o, "sum", json_of_integer(s->sum));
        json_set(o, "squares", json_of_integer(s->squares));
        return o;
    }
    if (p->protected_moments) {
        const struct published_moments *m = &p->protected_moments[i];
        bool withheld = isnan(m->mean);
        json_set(o, "n", cell_json(m->n));
        json_set(o, "n_missing", cell_json(m->n_missing));
        json_set(o, "mean", withheld ? json_of_null() : json_of_number(m->mean));
        json_set(o, "variance", withheld ? json_of_null() : json_of_number(m->variance));
        return o;
    }
    const struct moments *m = &p->moments[i];
    json_set(o, "n", json_of_integer((int64_t)m->n));
    json_set(o, "n_missing", json_of_integer((int64_t)m->n_missing));
    json_set(o, "mean", json_of_number(m->mean));
    json_set(o, "m2", json_of_number(m->m2));
    return o;
}

static struct json *lattices_json(const struct published *p)
{
    struct json *all = json_array();
    for (unsigned v = 0; v < p->variable_count; v++) {
        const struct published_lattice *l = &p->lattices[v];
        struct json *o = json_object(), *noise = json_object();
        json_set(o, "centre", json_of_number(l->centre));
        json_set(o, "unit", json_of_number(l->unit));
        json_set(o, "reach", json_of_integer(l->reach));
        json_set(o, "square_reach", json_of_integer(l->square_reach));
        json_set(o, "square_unit", json_of_integer(l->square_unit));
        json_set(noise, "n", json_of_integer((int64_t)l->noise_n));
        json_set(noise, "sum", json_of_integer((int64_t)l->noise_sum));
        json_set(noise, "squares", json_of_integer((int64_t)l->noise_squares));
        json_set(o, "noise", noise);
        json_add(all, o);
    }
    return all;
}

static struct json *summary_json(const struct published *p)
{
    struct json *groups = json_array();
    for (unsigned g = 0; g < p->group_count; g++) {
        struct json *variables = json_array();
        for (unsigned v = 0; v < p->variable_count; v++) {
            struct json *one = moments_json(p, g, v);
            if (p->quantiles)
                json_set(one, "quantiles", quantiles_json(&p->quantiles[(size_t)g * p->variable_count + v]));
            json_add(variables, one);
        }
        struct json *group = json_object();
        json_set(group, "variables", variables);
        json_add(groups, group);
    }
    struct json *o = json_object();
    json_set(o, "groups", groups);
    if (p->sums)
        json_set(o, "lattice", lattices_json(p));
    return o;
}

struct json *published_json(const struct published *p)
{
    if (p->statistic == STATISTIC_SUMMARY)
        return summary_json(p);
    struct json *o = json_object();
    json_set(o, "cells", cells_json(p->cells, p->cell_count));
    json_set(o, "n_missing", cell_json(p->n_missing));
    if (p->statistic == STATISTIC_HISTOGRAM) {
        json_set(o, "below", cell_json(p->below));
        json_set(o, "above", cell_json(p->above));
        return o;
    }
    json_set(o, "total", cell_json(p->total));
    if (p->margin_count > 0) {
        struct json *margins = json_array();
        for (unsigned d = 0; d < p->margin_count; d++)
            json_add(margins, cells_json(p->margins[d], p->margin_cells[d]));
        json_set(o, "margins", margins);
    }
    return o;
}
