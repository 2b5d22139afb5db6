/*
 * combine.c - the sites' statistics put together: counts are summed over the sites that
 * published them, moments exactly.  What some sites withheld is listed.
 */
#include "stats/combine.h"

#include <math.h>
#include <stdlib.h>

#include "base/instant.h"
#include "proto/fields.h"
#include "proto/permit.h"
#include "stats/aggregate.h"
#include "stats/noised.h"
#include "stats/quantile.h"

/* --- checking one site's statistic --- */

#define COUNT_MAX (INT64_C(1) << 48)

/* Under profile dp a count carries noise that may be more than itself. */
static result check_count(const struct question *q, const struct json *v, const char *path, struct why *why)
{
    int64_t least = q->dictionary->profile == PROFILE_DP ? -COUNT_MAX : 0;
    if (json_kind(v) == JSON_NULL)
        return DONE; /* withheld */
    if (json_kind(v) != JSON_INTEGER || json_integer(v) < least || json_integer(v) > COUNT_MAX)
        return FAIL_AT(why, MALFORMED, path, "must be a count or null");
    return DONE;
}

static result check_counts(const struct question *q, const struct json *array, uint64_t count, const char *path, struct why *why)
{
    if (json_kind(array) != JSON_ARRAY || json_size(array) != count)
        return FAIL_AT(why, MALFORMED, path, "must have %llu cells, as the question asks", (unsigned long long)count);
    for (size_t i = 0; i < count; i++)
        TRY(check_count(q, json_item(array, i), path, why));
    return DONE;
}

static bool has_margins(const struct question *q)
{
    return q->statistic == STATISTIC_TABLE && q->dimension_count > 1;
}

static result check_cells(const struct question *q, const struct json *v, const char *path, struct why *why)
{
    struct fields f;
    const struct json *cells, *margins = NULL, *count;
    TRY(fields_open(v, path, &f, why));
    TRY(need_any(&f, "cells", &cells));
    TRY(check_counts(q, cells, question_cells(q), path, why));
    TRY(may_array(&f, "margins", TABLE_DIMENSIONS_MAX, &margins));
    if (q->statistic == STATISTIC_HISTOGRAM) {
        count = NULL;
        TRY(may_any(&f, "below", &count));
        TRY(check_count(q, count, path, why));
        count = NULL;
        TRY(may_any(&f, "above", &count));
        TRY(check_count(q, count, path, why));
    }
    count = NULL;
    TRY(may_any(&f, "total", &count));
    TRY(check_count(q, count, path, why));
    count = NULL;
    TRY(may_any(&f, "n_missing", &count));
    TRY(check_count(q, count, path, why));
    if (has_margins(q)) {
        if (json_size(margins) != q->dimension_count)
            return FAIL_AT(why, MALFORMED, path, "must have a margin for each dimension");
        for (unsigned d = 0; d < q->dimension_count; d++)
            TRY(check_counts(q, json_item(margins, d), dimension_cells(q, d), path, why));
    }
    return fields_close(&f);
}

static unsigned group_count(const struct question *q)
{
    return question_groups(q);
}

/* Under protection each may be withheld; mean and variance together. */
static result check_protected(const struct question *q, struct fields *one, const char *path, struct why *why)
{
    const struct json *n, *n_missing, *mean, *variance;
    TRY(need_any(one, "n", &n));
    TRY(check_count(q, n, path, why));
    TRY(need_any(one, "n_missing", &n_missing));
    TRY(check_count(q, n_missing, path, why));
    TRY(need_any(one, "mean", &mean));
    TRY(need_any(one, "variance", &variance));
    bool numbers = json_is_number(mean) && json_is_number(variance) && json_kind(n) == JSON_INTEGER && json_number(variance) >= 0;
    bool nulls = json_kind(mean) == JSON_NULL && json_kind(variance) == JSON_NULL;
    return numbers || nulls ? DONE : FAIL_AT(why, MALFORMED, path, "mean and variance are numbers, or both withheld");
}

#define NOISED_MAX (INT64_C(1) << 53) /* what readers of JSON keep exactly */

/* Profile dp: whole numbers with noise. */
static result check_noised(struct fields *one)
{
    int64_t x;
    TRY(need_integer(one, "n", -COUNT_MAX, COUNT_MAX, &x));
    TRY(need_integer(one, "n_missing", -COUNT_MAX, COUNT_MAX, &x));
    TRY(need_integer(one, "sum", -NOISED_MAX, NOISED_MAX, &x));
    return need_integer(one, "squares", -NOISED_MAX, NOISED_MAX, &x);
}

static result check_lattice(const struct json *v, const char *path, struct why *why)
{
    struct fields f, noise;
    const struct json *of;
    double centre, unit;
    int64_t x;
    TRY(fields_open(v, path, &f, why));
    TRY(need_number(&f, "centre", &centre));
    TRY(need_number(&f, "unit", &unit));
    TRY(need_integer(&f, "reach", 1, COUNT_MAX, &x));
    TRY(need_integer(&f, "square_reach", 1, COUNT_MAX, &x));
    TRY(need_integer(&f, "square_unit", 1, COUNT_MAX, &x));
    TRY(need_object(&f, "noise", &of));
    TRY(fields_close(&f));
    TRY(fields_open(of, path, &noise, why));
    TRY(need_integer(&noise, "n", 1, NOISED_MAX, &x));
    TRY(need_integer(&noise, "sum", 1, NOISED_MAX, &x));
    TRY(need_integer(&noise, "squares", 1, NOISED_MAX, &x));
    TRY(fields_close(&noise));
    return unit > 0 ? DONE : FAIL_AT(why, MALFORMED, path, "a unit is above 0");
}

static result check_lattices(const struct question *q, struct fields *f, const char *path, struct why *why)
{
    const struct json *lattices;
    TRY(need_array(f, "lattice", SUMMARY_VARIABLES_MAX, &lattices));
    if (json_size(lattices) != q->variable_count)
        return FAIL_AT(why, MALFORMED, path, "must have a lattice for each variable");
    for (size_t i = 0; i < q->variable_count; i++)
        TRY(check_lattice(json_item(lattices, i), path, why));
    return DONE;
}

/* Numbers that rise. */
static result check_rising(const struct json *array, size_t least, size_t most, const char *path, struct why *why)
{
    if (json_kind(array) != JSON_ARRAY || json_size(array) < least || json_size(array) > most)
        return FAIL_AT(why, MALFORMED, path, "quantiles are read from at most %zu values or cells", most);
    for (size_t i = 0; i < json_size(array); i++) {
        const struct json *x = json_item(array, i);
        if (!json_is_number(x) || !isfinite(json_number(x)) || (i && !(json_number(x) > json_number(json_item(array, i - 1)))))
            return FAIL_AT(why, MALFORMED, path, "values and edges of cells must be numbers that rise");
    }
    return DONE;
}

/* What quantiles of one variable in one group are read from: cells, or under open values; null: withheld. */
static result check_quantiles(const struct question *q, const struct json *v, const char *path, struct why *why)
{
    struct fields f;
    const struct json *at = NULL, *counts = NULL, *below = NULL, *above = NULL;
    bool open = q->dictionary->profile == PROFILE_OPEN;
    size_t cells_max = open ? QUANTILE_CELLS_OPEN_MAX : QUANTILE_CELLS_MAX;
    if (json_kind(v) == JSON_NULL && !open)
        return DONE;
    TRY(fields_open(v, path, &f, why));
    if (open && json_get(v, "values")) {
        TRY(need_any(&f, "values", &at));
        TRY(need_any(&f, "counts", &counts));
        TRY(check_rising(at, 0, QUANTILE_VALUES_MAX, path, why));
        TRY(check_counts(q, counts, json_size(at), path, why));
        for (size_t i = 0; i < json_size(counts); i++)
            if (json_kind(json_item(counts, i)) != JSON_INTEGER)
                return FAIL_AT(why, MALFORMED, path, "no count of a value is withheld under open");
        return fields_close(&f);
    }
    TRY(need_any(&f, "breaks", &at));
    TRY(need_any(&f, "cells", &counts));
    TRY(need_any(&f, "below", &below));
    TRY(need_any(&f, "above", &above));
    TRY(check_rising(at, 2, cells_max + 1, path, why));
    TRY(check_counts(q, counts, json_size(at) - 1, path, why));
    TRY(check_count(q, below, path, why));
    TRY(check_count(q, above, path, why));
    return fields_close(&f);
}

static result check_summary(const struct question *q, const struct json *v, const char *path, struct why *why)
{
    struct fields f;
    const struct json *groups;
    TRY(fields_open(v, path, &f, why));
    TRY(need_array(&f, "groups", LEVELS_MAX, &groups));
    if (q->dictionary->profile == PROFILE_DP)
        TRY(check_lattices(q, &f, path, why));
    TRY(fields_close(&f));
    if (json_size(groups) != group_count(q))
        return FAIL_AT(why, MALFORMED, path, "must have %u groups", group_count(q));
    for (size_t g = 0; g < json_size(groups); g++) {
        struct fields group;
        const struct json *variables;
        TRY(fields_open(json_item(groups, g), path, &group, why));
        TRY(need_array(&group, "variables", SUMMARY_VARIABLES_MAX, &variables));
        TRY(fields_close(&group));
        if (json_size(variables) != q->variable_count)
            return FAIL_AT(why, MALFORMED, path, "must have %u variables in each group", q->variable_count);
        for (size_t i = 0; i < q->variable_count; i++) {
            struct fields one;
            int64_t n;
            double x;
            const struct json *quantiles = NULL;
            TRY(fields_open(json_item(variables, i), path, &one, why));
            if (q->dictionary->profile == PROFILE_OPEN) {
                TRY(need_integer(&one, "n", 0, INT64_C(1) << 48, &n));
                TRY(need_integer(&one, "n_missing", 0, INT64_C(1) << 48, &n));
                TRY(need_number(&one, "mean", &x));
                TRY(need_number(&one, "m2", &x));
            } else if (q->dictionary->profile == PROFILE_DP) {
                TRY(check_noised(&one));
            } else {
                TRY(check_protected(q, &one, path, why));
            }
            if (q->quantile_count) {
                TRY(need_any(&one, "quantiles", &quantiles));
                TRY(check_quantiles(q, quantiles, path, why));
            }
            TRY(fields_close(&one));
        }
    }
    return DONE;
}

result combine_check(const struct question *q, const struct json *statistic, const char *path, struct why *why)
{
    return q->statistic == STATISTIC_SUMMARY ? check_summary(q, statistic, path, why) : check_cells(q, statistic, path, why);
}

/* --- summing --- */

static int64_t count_of(const struct json *v)
{
    return json_kind(v) == JSON_INTEGER ? json_integer(v) : CELL_WITHHELD;
}

static struct json *count_json(int64_t v)
{
    return v == CELL_WITHHELD ? json_of_null() : json_of_integer(v);
}

static struct json *counts_json(const int64_t *v, size_t count)
{
    struct json *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_add(array, count_json(v[i]));
    return array;
}

/* Where a value stands: {"cell":i}, {"margin":d,"cell":i}, {"total":true} ... */
struct place {
    const char *name; /* "total", "below", ...; NULL: cells or a margin */
    int margin;       /* -1: cells */
};

static const struct json *pick(const struct json *statistic, const struct place *p)
{
    if (p->name)
        return json_get(statistic, p->name);
    if (p->margin >= 0)
        return json_item(json_get(statistic, "margins"), (size_t)p->margin);
    return json_get(statistic, "cells");
}

static void note_withheld(const struct place *p, size_t cell, const struct site_answer *answers, unsigned count,
                          struct json *withheld)
{
    struct json *sites = json_array(), *item = json_object();
    for (unsigned i = 0; i < count; i++) {
        const struct json *v = pick(answers[i].statistic, p);
        if (count_of(p->name ? v : json_item(v, cell)) == CELL_WITHHELD)
            json_add(sites, json_of_text(answers[i].site));
    }
    if (p->name)
        json_set(item, p->name, json_of_bool(true));
    else
        json_set(item, "cell", json_of_integer((int64_t)cell));
    if (p->margin >= 0)
        json_set(item, "margin", json_of_integer(p->margin));
    json_set(item, "sites", sites);
    json_add(withheld, item);
}

/* Sums one array (or one number) over the sites into `into` (room for count). */
static result sum(const struct site_answer *answers, unsigned sites, const struct place *p, size_t count, int64_t *into,
                  struct json *withheld, struct why *why)
{
    unsigned *missing = calloc(count + 1, sizeof *missing);
    int64_t *one = calloc(count + 1, sizeof *one);
    result r = missing && one ? DONE : FAIL(why, LIMIT, "no memory to combine");
    for (size_t i = 0; i < count; i++)
        into[i] = CELL_WITHHELD;
    for (unsigned s = 0; s < sites && is_ok(r); s++) {
        const struct json *v = pick(answers[s].statistic, p);
        for (size_t i = 0; i < count; i++)
            one[i] = count_of(p->name ? v : json_item(v, i));
        cells_combine(into, missing, one, count);
    }
    for (size_t i = 0; i < count && is_ok(r); i++)
        if (missing[i])
            note_withheld(p, i, answers, sites, withheld);
    free(missing);
    free(one);
    return r;
}

static result sum_one(const struct site_answer *answers, unsigned sites, const char *name, struct json *to, struct json *withheld,
                      struct why *why)
{
    int64_t v;
    struct place p = {.name = name, .margin = -1};
    TRY(sum(answers, sites, &p, 1, &v, withheld, why));
    json_set(to, name, count_json(v));
    return DONE;
}

static result sum_array(const struct site_answer *answers, unsigned sites, int margin, size_t count, struct json **ret,
                        struct json *withheld, struct why *why)
{
    struct place p = {.margin = margin};
    int64_t *values = calloc(count + 1, sizeof *values);
    if (!values)
        return FAIL(why, LIMIT, "no memory to combine");
    result r = sum(answers, sites, &p, count, values, withheld, why);
    if (is_ok(r))
        *ret = counts_json(values, count);
    free(values);
    return r;
}

/* --- the forms of the result (design 6) --- */

static struct json *breaks_json(const struct question *q, const struct dimension *d)
{
    struct json *array = json_array();
    bool date = q->dictionary->variables[d->variable].type == VARIABLE_DATE;
    for (unsigned i = 0; i < d->break_count; i++) {
        char text[DATE_TEXT_SIZE];
        if (date)
            date_print((int32_t)d->breaks[i], text);
        json_add(array, date ? json_of_str(text) : json_of_number(d->breaks[i]));
    }
    return array;
}

static void set_label(struct json *to, const struct json *label)
{
    if (label)
        json_set(to, "label", json_share(label));
}

static struct json *levels_json(const struct variable *v, const struct group *group)
{
    struct json *levels = json_array();
    for (unsigned i = 0; i < group->level_count; i++)
        json_add(levels, json_of_text(v->levels[group->levels[i]]));
    return levels;
}

/* `levels` of a grouping's dimension are its groups' codes; `groups` says what they stand for. */
static struct json *grouped_json(const struct variable *v, const struct grouping *g, struct json *o)
{
    struct json *codes = json_array(), *groups = json_array();
    for (unsigned i = 0; i < g->group_count; i++) {
        struct json *group = json_object();
        json_add(codes, json_of_text(g->groups[i].code));
        json_set(group, "code", json_of_text(g->groups[i].code));
        set_label(group, g->groups[i].label);
        json_set(group, "levels", levels_json(v, &g->groups[i]));
        json_add(groups, group);
    }
    json_set(o, "levels", codes);
    json_set(o, "groups", groups);
    return o;
}

static struct json *dimension_json(const struct question *q, const struct dimension *d)
{
    const struct variable *v = &q->dictionary->variables[d->variable];
    struct json *o = json_object();
    json_set(o, "variable", json_of_text(v->name));
    if (d->grouping) {
        json_set(o, "grouping", json_of_text(d->grouping->name));
        set_label(o, d->grouping->label);
    }
    if (d->breaks) {
        json_set(o, "breaks", breaks_json(q, d));
        return o;
    }
    if (d->grouping)
        return grouped_json(v, d->grouping, o);
    struct json *levels = json_array();
    for (unsigned i = 0; i < v->level_count; i++)
        json_add(levels, json_of_text(v->levels[i]));
    json_set(o, "levels", levels);
    return o;
}

static result table(const struct question *q, const struct site_answer *answers, unsigned count, struct json *to,
                    struct json *withheld, struct why *why)
{
    struct json *dimensions = json_array(), *margins = json_object(), *cells = NULL;
    json_set(to, "dimensions", dimensions);
    json_set(to, "margins", margins);
    TRY(sum_array(answers, count, -1, question_cells(q), &cells, withheld, why));
    json_set(to, "cells", cells);
    for (unsigned d = 0; d < q->dimension_count; d++) {
        char name[VARIABLE_MAX + 1];
        struct json *margin = NULL;
        json_add(dimensions, dimension_json(q, &q->dimensions[d]));
        if (has_margins(q))
            TRY(sum_array(answers, count, (int)d, dimension_cells(q, d), &margin, withheld, why));
        else
            margin = json_hold(cells);
        if (slice_copy_str(q->dictionary->variables[q->dimensions[d].variable].name, name, sizeof name))
            json_set(margins, name, margin);
        else
            json_free(margin);
    }
    TRY(sum_one(answers, count, "total", to, withheld, why));
    return sum_one(answers, count, "n_missing", to, withheld, why);
}

static result histogram(const struct question *q, const struct site_answer *answers, unsigned count, struct json *to,
                        struct json *withheld, struct why *why)
{
    struct json *counts = NULL;
    json_set(to, "variable", json_of_text(q->dictionary->variables[q->dimensions[0].variable].name));
    if (q->dimensions[0].grouping) {
        json_set(to, "grouping", json_of_text(q->dimensions[0].grouping->name));
        set_label(to, q->dimensions[0].grouping->label);
    }
    json_set(to, "breaks", breaks_json(q, &q->dimensions[0]));
    TRY(sum_array(answers, count, -1, question_cells(q), &counts, withheld, why));
    json_set(to, "counts", counts);
    TRY(sum_one(answers, count, "below", to, withheld, why));
    TRY(sum_one(answers, count, "above", to, withheld, why));
    return sum_one(answers, count, "n_missing", to, withheld, why);
}

static struct json *finite_json(double v)
{
    return isfinite(v) ? json_of_number(v) : json_of_null();
}

static const struct json *said_of(const struct site_answer *a, size_t group, size_t variable)
{
    return json_item(json_get(json_item(json_get(a->statistic, "groups"), group), "variables"), variable);
}

/* One site's values or cells.  What lies beyond the outermost cells counts at their edges; blank cells as nobody. */
static result pool_site(const struct json *from, double lattice, struct quantile_pool *pool, bool *ret_blanks, struct why *why)
{
    const struct json *at = json_get(from, "values"), *counts = json_get(from, at ? "counts" : "cells");
    bool cells = !at;
    at = cells ? json_get(from, "breaks") : at;
    *ret_blanks = false;
    for (size_t i = 0; i < json_size(counts); i++) {
        int64_t n = count_of(json_item(counts, i));
        double low = json_number(json_item(at, i)), persons = n == CELL_WITHHELD ? 0 : (double)n;
        *ret_blanks = *ret_blanks || n == CELL_WITHHELD;
        if (cells)
            TRY(quantile_pool_cell(pool, low, json_number(json_item(at, i + 1)), lattice, persons, why));
        else
            TRY(quantile_pool_value(pool, low, persons, why));
    }
    if (!cells)
        return DONE;
    int64_t below = count_of(json_get(from, "below")), above = count_of(json_get(from, "above"));
    *ret_blanks = *ret_blanks || below == CELL_WITHHELD || above == CELL_WITHHELD;
    TRY(quantile_pool_value(pool, json_number(json_item(at, 0)), below == CELL_WITHHELD ? 0 : (double)below, why));
    return quantile_pool_value(pool, json_number(json_item(at, json_size(at) - 1)), above == CELL_WITHHELD ? 0 : (double)above, why);
}

/* kind: "quantiles": the site withheld all; "quantile_cells": some of its cells. */
static void note_quantiles(const struct question *q, size_t group, unsigned variable, const char *kind, struct json *sites, struct json *withheld)
{
    struct json *item = json_object();
    if (json_size(sites) == 0) {
        json_free(sites);
        json_free(item);
        return;
    }
    json_set(item, "variable", json_of_text(q->dictionary->variables[q->variables[variable]].name));
    if (q->by >= 0)
        json_set(item, "level", json_of_text(question_group_code(q, (unsigned)group)));
    json_set(item, kind, json_of_bool(true));
    json_set(item, "sites", sites);
    json_add(withheld, item);
}

static result pool_sites(const struct question *q, const struct site_answer *answers, unsigned count, size_t group, unsigned variable,
                         struct quantile_pool *pool, struct json *withheld, struct why *why)
{
    struct json *silent = json_array(), *blank = json_array();
    double lattice = variable_lattice(&q->dictionary->variables[q->variables[variable]]);
    result r = DONE;
    for (unsigned s = 0; s < count && is_ok(r); s++) {
        const struct json *from = json_get(said_of(&answers[s], group, variable), "quantiles");
        bool blanks = false;
        if (json_kind(from) == JSON_NULL)
            json_add(silent, json_of_text(answers[s].site));
        else
            r = pool_site(from, lattice, pool, &blanks, why);
        if (blanks)
            json_add(blank, json_of_text(answers[s].site));
    }
    note_quantiles(q, group, variable, "quantiles", silent, withheld);
    note_quantiles(q, group, variable, "quantile_cells", blank, withheld);
    return is_ok(r) ? quantile_pool_settle(pool, why) : r;
}

/* The rule n min(p, 1-p) looks at published counts: what it withholds, everybody who has them could withhold. */
static struct json *quantile_json(const struct question *q, const struct quantile_pool *pool, double p)
{
    struct json *one = json_object();
    bool open = q->dictionary->profile == PROFILE_OPEN, shown = pool->persons > 0 && (open || quantile_allowed(pool->persons, p));
    json_set(one, "p", json_of_number(p));
    json_set(one, "value", shown ? json_of_number(quantile_pool_at(pool, p)) : json_of_null());
    if (!shown)
        json_set(one, "why", json_of_str(pool->persons > 0 ? "few_persons" : "nobody"));
    return one;
}

/* Beside the quantiles, how they were made. */
static result quantiles(const struct question *q, const struct site_answer *answers, unsigned count, size_t group, unsigned variable,
                        struct json *to, struct json *withheld, struct why *why)
{
    struct json *array = json_array(), *from = json_object();
    struct quantile_pool pool CLEANUP(quantile_pool_done);
    quantile_pool_init(&pool);
    json_set(to, "quantiles", array);
    if (!q->quantile_count) {
        json_free(from);
        return DONE;
    }
    json_set(to, "quantiles_from", from);
    TRY(pool_sites(q, answers, count, group, variable, &pool, withheld, why));
    bool cells = pool.cells || q->dictionary->profile != PROFILE_OPEN;
    json_set(from, "form", json_of_str(cells ? "cells" : "values"));
    json_set(from, "n", json_of_integer((int64_t)pool.persons));
    if (cells)
        json_set(from, "width", pool.width > 0 ? json_of_number(pool.width) : json_of_null());
    for (unsigned i = 0; i < q->quantile_count; i++)
        json_add(array, quantile_json(q, &pool, q->quantiles[i]));
    return DONE;
}

/* What a site says of a variable in a group; false: it withholds the mean. */
static bool moments_of(const struct json *v, struct moments *ret)
{
    const struct json *variance = json_get(v, "variance");
    double n = (double)json_integer(json_get(v, "n"));
    *ret = (struct moments){.n = (uint64_t)json_integer(json_get(v, "n")), .mean = json_number(json_get(v, "mean"))};
    ret->m2 = variance ? json_number(variance) * fmax(n - 1, 0) : json_number(json_get(v, "m2"));
    if (json_kind(json_get(v, "n_missing")) == JSON_INTEGER)
        ret->n_missing = (uint64_t)json_integer(json_get(v, "n_missing"));
    return json_is_number(json_get(v, "mean"));
}

static void note_moments(const struct question *q, const struct site_answer *answers, unsigned count, size_t group, unsigned variable,
                         struct json *withheld)
{
    struct json *sites = json_array(), *item = json_object();
    for (unsigned s = 0; s < count; s++) {
        struct moments one;
        if (!moments_of(json_item(json_get(json_item(json_get(answers[s].statistic, "groups"), group), "variables"), variable), &one))
            json_add(sites, json_of_text(answers[s].site));
    }
    json_set(item, "variable", json_of_text(q->dictionary->variables[q->variables[variable]].name));
    if (q->by >= 0)
        json_set(item, "level", json_of_text(question_group_code(q, (unsigned)group)));
    json_set(item, "sites", sites);
    json_add(withheld, item);
}

static result variables(const struct question *q, const struct site_answer *answers, unsigned count, size_t group, struct json *to,
                        struct json *withheld, struct why *why)
{
    for (unsigned i = 0; i < q->variable_count; i++) {
        struct moments all;
        unsigned lacking = 0;
        moments_init(&all);
        for (unsigned s = 0; s < count; s++) {
            struct moments one;
            if (moments_of(said_of(&answers[s], group, i), &one))
                moments_combine(&all, &one); /* n and mean are of the same sites */
            else
                lacking++;
        }
        if (lacking)
            note_moments(q, answers, count, group, i, withheld);
        struct json *o = json_object();
        double variance = moments_variance(&all);
        json_add(to, o);
        json_set(o, "variable", json_of_text(q->dictionary->variables[q->variables[i]].name));
        json_set(o, "n", lacking && lacking == count ? json_of_null() : json_of_integer((int64_t)all.n));
        json_set(o, "n_missing", lacking && lacking == count ? json_of_null() : json_of_integer((int64_t)all.n_missing));
        json_set(o, "mean", all.n ? finite_json(all.mean) : json_of_null());
        json_set(o, "variance", finite_json(variance));
        json_set(o, "sd", finite_json(variance >= 0 ? sqrt(variance) : NAN));
        TRY(quantiles(q, answers, count, group, i, o, withheld, why));
    }
    return DONE;
}

/* --- under profile dp --- */

static struct noised_site noised_of(const struct json *statistic, size_t group, unsigned variable)
{
    const struct json *v = json_item(json_get(json_item(json_get(statistic, "groups"), group), "variables"), variable);
    const struct json *l = json_item(json_get(statistic, "lattice"), variable), *noise = json_get(l, "noise");
    return (struct noised_site){
        .n = json_integer(json_get(v, "n")), .n_missing = json_integer(json_get(v, "n_missing")),
        .sum = json_integer(json_get(v, "sum")), .squares = json_integer(json_get(v, "squares")),
        .centre = json_number(json_get(l, "centre")), .unit = json_number(json_get(l, "unit")),
        .square_reach = json_number(json_get(l, "square_reach")), .square_unit = json_number(json_get(l, "square_unit")),
        .noise_n = json_number(json_get(noise, "n")), .noise_sum = json_number(json_get(noise, "sum")),
        .noise_squares = json_number(json_get(noise, "squares"))};
}

/* No site lacks it: what all of them say together is too little beside its noise. */
static void note_noise(const struct question *q, const struct site_answer *answers, unsigned count, size_t group, unsigned variable,
                       const char *figure, struct json *withheld)
{
    struct json *sites = json_array(), *item = json_object();
    for (unsigned s = 0; s < count; s++)
        json_add(sites, json_of_text(answers[s].site));
    json_set(item, "variable", json_of_text(q->dictionary->variables[q->variables[variable]].name));
    if (q->by >= 0)
        json_set(item, "level", json_of_text(question_group_code(q, (unsigned)group)));
    json_set(item, "noise", json_of_str(figure));
    json_set(item, "sites", sites);
    json_add(withheld, item);
}

static double between(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static struct json *noised_json(const struct question *q, unsigned variable, const struct noised_moments *m)
{
    const struct variable *v = &q->dictionary->variables[q->variables[variable]];
    struct json *o = json_object(), *sd = json_object();
    double mean = between(m->mean, v->clamp_low, v->clamp_high), variance = noised_digits(m->variance, m->variance_sd);
    bool varies = m->has_variance && variance > 0;
    json_set(o, "variable", json_of_text(v->name));
    json_set(o, "n", json_of_integer(m->n));
    json_set(o, "n_missing", json_of_integer(m->n_missing));
    json_set(o, "mean", m->has_mean ? finite_json(noised_digits(mean, m->mean_sd)) : json_of_null());
    json_set(o, "variance", varies ? finite_json(variance) : json_of_null());
    json_set(o, "sd", varies ? finite_json(noised_digits(sqrt(variance), m->variance_sd / (2 * sqrt(variance)))) : json_of_null());
    json_set(o, "quantiles", json_array());
    json_set(sd, "n", json_of_number(noised_digits(m->n_sd, m->n_sd)));
    json_set(sd, "mean", m->has_mean ? finite_json(noised_digits(m->mean_sd, m->mean_sd)) : json_of_null());
    json_set(sd, "variance", varies ? finite_json(noised_digits(m->variance_sd, m->variance_sd)) : json_of_null());
    json_set(o, "noise_sd", sd);
    return o;
}

static result noised_variables(const struct question *q, const struct site_answer *answers, unsigned count, size_t group, struct json *to,
                               struct json *withheld, struct why *why)
{
    (void)why;
    for (unsigned i = 0; i < q->variable_count; i++) {
        struct noised_site sites[PERMIT_SITES_MAX];
        struct noised_moments m;
        for (unsigned s = 0; s < count && s < PERMIT_SITES_MAX; s++)
            sites[s] = noised_of(answers[s].statistic, group, i);
        noised_combine(sites, count < PERMIT_SITES_MAX ? count : PERMIT_SITES_MAX, &m);
        struct json *o = noised_json(q, i, &m);
        if (json_kind(json_get(o, "variance")) == JSON_NULL && count)
            note_noise(q, answers, count, group, i, m.has_mean ? "variance" : "mean", withheld);
        json_add(to, o);
    }
    return DONE;
}

static result summary(const struct question *q, const struct site_answer *answers, unsigned count, struct json *to, struct json *withheld,
                      struct why *why)
{
    struct json *list = json_array();
    if (q->by < 0) {
        json_set(to, "variables", list);
        return (q->dictionary->profile == PROFILE_DP ? noised_variables : variables)(q, answers, count, 0, list, withheld, why);
    }
    json_free(list);
    const struct variable *by = &q->dictionary->variables[q->by];
    struct json *groups = json_array();
    json_set(to, "by", json_of_text(by->name));
    if (q->by_grouping) {
        json_set(to, "grouping", json_of_text(q->by_grouping->name));
        set_label(to, q->by_grouping->label);
    }
    json_set(to, "groups", groups);
    for (unsigned g = 0; g < question_groups(q); g++) {
        struct json *group = json_object();
        json_set(group, "level", json_of_text(question_group_code(q, g)));
        if (q->by_grouping) {
            set_label(group, q->by_grouping->groups[g].label);
            json_set(group, "levels", levels_json(by, &q->by_grouping->groups[g]));
        }
        json_add(groups, group);
        list = json_array();
        json_set(group, "variables", list);
        TRY((q->dictionary->profile == PROFILE_DP ? noised_variables : variables)(q, answers, count, g, list, withheld, why));
    }
    return DONE;
}

static result put_together(const struct question *q, const struct site_answer *answers, unsigned count, struct json *to,
                           struct json *withheld, struct why *why)
{
    struct json *cells = NULL;
    switch (q->statistic) {
    case STATISTIC_COUNT:
        TRY(sum_array(answers, count, -1, 1, &cells, withheld, why));
        json_set(to, "count", json_hold((struct json *)(uintptr_t)json_item(cells, 0)));
        json_free(cells);
        return DONE;
    case STATISTIC_TABLE: return table(q, answers, count, to, withheld, why);
    case STATISTIC_HISTOGRAM: return histogram(q, answers, count, to, withheld, why);
    case STATISTIC_SUMMARY: return summary(q, answers, count, to, withheld, why);
    case STATISTIC_KINDS: break;
    }
    return FAIL(why, BROKEN, "no such statistic");
}

result combine(const struct question *q, const struct site_answer *answers, unsigned count, struct json **ret_result,
               struct json **ret_withheld, struct why *why)
{
    struct json *v CLEANUP(json_freep) = json_object(), *withheld CLEANUP(json_freep) = json_array();
    TRY(put_together(q, answers, count, v, withheld, why));
    *ret_result = MOVE(v);
    *ret_withheld = MOVE(withheld);
    return DONE;
}

/* --- the document --- */

static struct json *held(const struct json *v)
{
    return json_hold((struct json *)(uintptr_t)v);
}

static struct json *sites_json(const struct site_said *said, unsigned count)
{
    struct json *sites = json_array();
    for (unsigned i = 0; i < count; i++) {
        struct json *site = json_object();
        const struct json *edition = said[i].answered ? json_get(said[i].payload, "edition") : NULL;
        const struct json *reason = said[i].answered ? NULL : json_get(said[i].payload, "reason");
        json_set(site, "site", json_of_str(said[i].site.text));
        json_set(site, "status", json_of_str(said[i].status));
        json_set(site, "edition", edition ? held(edition) : json_of_null());
        json_set(site, "reason", reason ? held(reason) : json_of_null());
        json_add(sites, site);
    }
    return sites;
}

/* What the sites say is left of the permit's budget; null: none said so. */
static struct json *budget_json(const struct site_said *said, unsigned count)
{
    struct json *all = NULL;
    for (unsigned i = 0; i < count; i++) {
        const struct json *budget = said[i].answered ? json_get(said[i].payload, "budget") : NULL;
        if (!budget)
            continue;
        struct json *left = json_object();
        json_set(left, "site", json_of_str(said[i].site.text));
        if (json_get(budget, "rho")) { /* profile dp */
            json_set(left, "rho", json_of_number(json_number(json_get(budget, "rho"))));
            json_set(left, "rho_left", json_of_number(json_number(json_get(budget, "rho_left"))));
        } else {
            json_set(left, "variable", json_of_text(json_text(json_get(budget, "variable"))));
            json_set(left, "left", json_of_number(json_number(json_get(budget, "left"))));
        }
        all = all ? all : json_array();
        json_add(all, left);
    }
    return all ? all : json_of_null();
}

/* The profile's noise, as a reader of the result must know it. */
static struct json *protection(const struct question *q, struct json *withheld, struct json *budget)
{
    struct json *v = json_object();
    enum profile profile = q->dictionary->profile;
    json_set(v, "profile", json_of_str(profile_name(profile)));
    bool sums = profile == PROFILE_DP && q->statistic == STATISTIC_SUMMARY; /* its figures say their own */
    /* The square roots of the variances that parameters.inc of the agents gives, to two decimals; rounding to multiples of
     * 5 adds 4 to them (the mean of r(5 - r) over the rests). */
    bool rounded = q->dictionary->round5 && (profile == PROFILE_CK || profile == PROFILE_STRICT);
    if (rounded)
        json_set(v, "rounded_to", json_of_integer(5));
    json_set(v, "noise_sd_per_site", profile == PROFILE_CK       ? json_of_number(rounded ? 3.32 : 2.65)
                                     : profile == PROFILE_STRICT ? json_of_number(rounded ? 5.83 : 5.48)
                                     : profile == PROFILE_DP && !sums ? json_of_number(10)
                                                                 : json_of_null());
    json_set(v, "withheld", withheld);
    json_set(v, "budget", budget);
    return v;
}

static result by_site(const struct question *q, const struct site_answer *answers, unsigned count, struct json *document, struct why *why)
{
    struct json *all = json_object();
    json_set(document, "by_site", all);
    for (unsigned i = 0; i < count; i++) {
        struct json *one = NULL, *withheld = NULL;
        char site[SITE_ID_MAX + 1];
        TRY(combine(q, &answers[i], 1, &one, &withheld, why));
        json_free(withheld);
        if (slice_copy_str(answers[i].site, site, sizeof site))
            json_set(all, site, one);
        else
            json_free(one);
    }
    return DONE;
}

result combine_document(const struct question *q, const struct json *question, const struct site_said *said, unsigned count,
                        struct json **ret, struct why *why)
{
    struct json *v CLEANUP(json_freep) = json_object(), *combined = NULL, *withheld = NULL;
    struct site_answer answers[PERMIT_SITES_MAX];
    unsigned answered = 0;
    if (count > PERMIT_SITES_MAX)
        return FAIL(why, LIMIT, "a query has at most %d sites", (int)PERMIT_SITES_MAX);
    for (unsigned i = 0; i < count; i++)
        if (said[i].answered)
            answers[answered++] = (struct site_answer){slice_str(said[i].site.text), json_get(said[i].payload, "statistic")};
    json_set(v, "innsyn", json_of_str("result/1"));
    json_set(v, "question", held(question));
    json_set(v, "sites", sites_json(said, count));
    TRY(combine(q, answers, answered, &combined, &withheld, why));
    json_set(v, "result", combined);
    json_set(v, "protection", protection(q, withheld, budget_json(said, count)));
    if (q->by_site)
        TRY(by_site(q, answers, answered, v, why));
    *ret = MOVE(v);
    return DONE;
}
