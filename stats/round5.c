#include "stats/round5.h"

#include "proto/crypto.h"

enum { BASE = 5, BOX_TEXT_MAX = 256 * 1024 };
#define ROUND5_NAME "innsyn round5"

result round5_of(struct slice dataset, struct slice site, struct slice box, int64_t v, int64_t *ret, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, BOX_TEXT_MAX + 1024);
    TRY(buffer_add_str(&text, ROUND5_NAME, why));
    TRY(buffer_add_byte(&text, 0, why));
    TRY(buffer_add(&text, dataset, why));
    TRY(buffer_add_byte(&text, 0, why));
    TRY(buffer_add(&text, site, why));
    TRY(buffer_add_byte(&text, 0, why));
    TRY(buffer_add(&text, box, why));
    TRY(buffer_printf(&text, why, "%c%lld", 0, (long long)v));
    struct hash h = sha256(buffer_slice(&text));
    uint32_t draw = (uint32_t)h.at[0] << 24 | (uint32_t)h.at[1] << 16 | (uint32_t)h.at[2] << 8 | h.at[3];
    int64_t rest = (v % BASE + BASE) % BASE; /* under dp a count may be negative */
    *ret = v - rest + ((int64_t)((uint64_t)draw * BASE >> 32) < rest ? BASE : 0);
    return DONE;
}

/* One object of figures: the result, or a site's. */
struct rounding {
    const struct question *q;
    struct slice site;
    struct json *figures;
    struct why *why;
};

static result round_one(const struct rounding *x, const int at[TABLE_DIMENSIONS_MAX], bool missing_of_any, const struct json *v, struct json **ret)
{
    struct buffer box CLEANUP(buffer_done) = {0};
    int64_t rounded;
    if (json_kind(v) != JSON_INTEGER) { /* withheld */
        *ret = json_of_null();
        return DONE;
    }
    buffer_init(&box, BOX_TEXT_MAX);
    TRY(question_cell_box(x->q, at, &box, x->why));
    for (unsigned d = 0; missing_of_any && d < x->q->dimension_count; d++)
        TRY(buffer_printf(&box, x->why, ";%.*s=any?", SLICE_ARG(x->q->dictionary->variables[x->q->dimensions[d].variable].name)));
    TRY(round5_of(slice_str(x->q->dictionary->dataset.text), x->site, buffer_slice(&box), json_integer(v), &rounded, x->why));
    *ret = json_of_integer(rounded);
    return DONE;
}

/* Cells in row-major order over the dimensions from `first` on to `end`; the others are CELL_INSIDE. */
static result round_cells(const struct rounding *x, const struct json *cells, unsigned first, unsigned end, struct json **ret)
{
    struct json *array CLEANUP(json_freep) = json_array();
    uint64_t count = 1;
    for (unsigned d = first; d < end; d++)
        count *= dimension_cells(x->q, d);
    if (json_kind(cells) != JSON_ARRAY || json_size(cells) != count)
        return FAIL_AT(x->why, MALFORMED, "/result", "the result is not that of its question");
    for (uint64_t i = 0; i < count; i++) {
        int at[TABLE_DIMENSIONS_MAX] = {CELL_INSIDE, CELL_INSIDE, CELL_INSIDE, CELL_INSIDE};
        uint64_t rest = i;
        struct json *one = NULL;
        for (unsigned d = end; d-- > first; rest /= dimension_cells(x->q, d))
            at[d] = (int)(rest % dimension_cells(x->q, d));
        TRY(round_one(x, at, false, json_item(cells, i), &one));
        json_add(array, one);
    }
    *ret = MOVE(array);
    return DONE;
}

static result round_named(const struct rounding *x, const char *name, int slot, bool missing_of_any)
{
    int at[TABLE_DIMENSIONS_MAX] = {CELL_FREE, CELL_FREE, CELL_FREE, CELL_FREE};
    struct json *one = NULL;
    for (unsigned d = 0; d < x->q->dimension_count; d++)
        at[d] = slot;
    TRY(round_one(x, at, missing_of_any, json_get(x->figures, name), &one));
    json_set(x->figures, name, one);
    return DONE;
}

static result round_table(const struct rounding *x)
{
    const struct question *q = x->q;
    struct json *cells = NULL, *margins = json_object();
    result r = round_cells(x, json_get(x->figures, "cells"), 0, q->dimension_count, &cells);
    if (is_ok(r))
        json_set(x->figures, "cells", cells);
    for (unsigned d = 0; is_ok(r) && d < q->dimension_count; d++) {
        char name[VARIABLE_MAX + 1];
        struct json *margin = NULL;
        if (!slice_copy_str(q->dictionary->variables[q->dimensions[d].variable].name, name, sizeof name))
            continue;
        r = round_cells(x, json_get(json_get(x->figures, "margins"), name), d, d + 1, &margin);
        if (is_ok(r))
            json_set(margins, name, margin);
    }
    if (!is_ok(r)) {
        json_free(margins);
        return r;
    }
    json_set(x->figures, "margins", margins);
    TRY(round_named(x, "total", CELL_INSIDE, false));
    return round_named(x, "n_missing", q->dimension_count == 1 ? (int)dimension_cells(q, 0) + 2 : CELL_FREE, q->dimension_count > 1);
}

static result round_figures(const struct rounding *x)
{
    struct json *counts = NULL;
    switch (x->q->statistic) {
    case STATISTIC_COUNT: return round_named(x, "count", CELL_FREE, false);
    case STATISTIC_TABLE: return round_table(x);
    case STATISTIC_HISTOGRAM: {
        int cells = (int)dimension_cells(x->q, 0);
        TRY(round_cells(x, json_get(x->figures, "counts"), 0, 1, &counts));
        json_set(x->figures, "counts", counts);
        TRY(round_named(x, "below", cells, false));
        TRY(round_named(x, "above", cells + 1, false));
        return round_named(x, "n_missing", cells + 2, false);
    }
    case STATISTIC_SUMMARY:
    case STATISTIC_KINDS: break;
    }
    return FAIL(x->why, DENIED, "counts, tables and histograms can be rounded, a %s cannot", statistic_name(x->q->statistic));
}

/* The document is the caller's own copy. */
static struct json *own(const struct json *v)
{
    return (struct json *)(uintptr_t)v;
}

result round5_document(const struct question *q, struct json *document, struct why *why)
{
    const struct json *result_figures = json_get(document, "result"), *sites = json_get(document, "by_site"), *figures;
    struct rounding x = {q, {0}, own(result_figures), why};
    size_t index = 0;
    if (json_kind(result_figures) == JSON_OBJECT)
        TRY(round_figures(&x));
    while (json_kind(sites) == JSON_OBJECT && json_next(sites, &index, &x.site, &figures)) {
        x.figures = own(figures);
        if (json_kind(figures) == JSON_OBJECT)
            TRY(round_figures(&x));
    }
    return DONE;
}
