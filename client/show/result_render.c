#include "client/show/result_render.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/clean_text.h"
#include "client/show/table_print.h"
#include "proto/json_number.h"
#include "proto/question.h"

enum {
    CROSS_COLUMNS_MAX = 40, /* a last dimension with more cells than this becomes a column of rows */
    BAR_MIN = 10,
    BAR_MAX = 60,
    CELL_TEXT = 48,
};

/* What the footnotes must explain. */
struct seen {
    bool withheld, small, partial, few;
};

/* What a published 0 means under each profile (docs/DISCLOSURE.md). */
enum { FLOOR_CK = 5, FLOOR_STRICT = 10 };

struct page {
    const struct json *document, *dictionary;
    const struct json *withheld; /* protection.withheld */
    const struct render_options *options;
    bool protected, private; /* private: profile dp */
    int floor; /* the smallest count above 0 that is published; 0: a 0 stands for itself */
    struct seen seen;
    struct buffer *to;
    struct why *why;
};

struct axis {
    struct slice variable;
    const struct json *levels, *breaks; /* one of them */
    const struct json *label, *groups;  /* of a grouping, with the result; NULL: none */
    size_t cells;
};

/* --- names ---------------------------------------------------------------------------------- */

static const struct json *find_variable(const struct page *p, struct slice name)
{
    const struct json *all = json_get(p->dictionary, "variables");
    for (size_t i = 0; i < json_size(all); i++)
        if (slice_equal(json_text(json_get(json_item(all, i), "name")), name))
            return json_item(all, i);
    return NULL;
}

/* The variable's label with its unit, or its name. */
static result variable_title(const struct page *p, struct slice name, struct buffer *to)
{
    const struct json *v = find_variable(p, name);
    struct slice label = json_text(json_get(v, "label")), unit = json_text(json_get(v, "unit"));
    TRY(buffer_add(to, label.len > 0 ? label : name, p->why));
    if (unit.len == 0)
        return DONE;
    return buffer_printf(to, p->why, " (%.*s)", SLICE_ARG(unit));
}

static struct slice level_title(const struct page *p, struct slice variable, struct slice code)
{
    const struct json *levels = json_get(find_variable(p, variable), "levels");
    for (size_t i = 0; i < json_size(levels); i++) {
        struct slice label = json_text(json_get(json_item(levels, i), "label"));
        if (label.len > 0 && slice_equal(json_text(json_get(json_item(levels, i), "code")), code))
            return label;
    }
    return code;
}

/* A text, or the English one of two. */
static struct slice label_of(const struct json *v)
{
    return json_text(json_kind(v) == JSON_OBJECT ? json_get(v, "en") : v);
}

/* The label of a group, or its code. */
static struct slice group_title(const struct json *group, const char *code)
{
    struct slice label = label_of(json_get(group, "label"));
    return label.len > 0 ? label : json_text(json_get(group, code));
}

static result break_text(const struct json *b, struct buffer *to, struct why *why)
{
    char text[JSON_NUMBER_TEXT_SIZE];
    if (json_kind(b) == JSON_STRING)
        return buffer_add(to, json_text(b), why);
    json_number_text(json_number(b), text);
    return buffer_add_str(to, text, why);
}

static result interval(const struct json *breaks, size_t cell, struct buffer *to, struct why *why)
{
    bool last = cell + 2 == json_size(breaks);
    TRY(buffer_add_byte(to, '[', why));
    TRY(break_text(json_item(breaks, cell), to, why));
    TRY(buffer_add_byte(to, ',', why));
    TRY(break_text(json_item(breaks, cell + 1), to, why));
    return buffer_add_byte(to, last ? ']' : ')', why);
}

static result cell_title(const struct page *p, const struct axis *a, size_t cell, struct buffer *to)
{
    if (a->breaks)
        return interval(a->breaks, cell, to, p->why);
    if (a->groups)
        return buffer_add(to, group_title(json_item(a->groups, cell), "code"), p->why);
    return buffer_add(to, level_title(p, a->variable, json_text(json_item(a->levels, cell))), p->why);
}

/* --- cells ---------------------------------------------------------------------------------- */

/* Does protection.withheld say that some site left this figure out?  what: "cell" or "total"; margin -1: none. */
static bool is_partial(const struct page *p, int64_t margin, int64_t cell)
{
    for (size_t i = 0; i < json_size(p->withheld); i++) {
        const struct json *w = json_item(p->withheld, i), *m = json_get(w, "margin"), *k = json_get(w, "cell");
        if (cell < 0 ? json_truth(json_get(w, "total"))
                     : json_kind(k) == JSON_INTEGER && json_integer(k) == cell && (margin < 0 ? !m : m && json_integer(m) == margin))
            return true;
    }
    return false;
}

/* The same for a figure that has a name of its own: "n_missing", "below", "above". */
static bool is_named_partial(const struct page *p, const char *name)
{
    for (size_t i = 0; i < json_size(p->withheld); i++)
        if (json_truth(json_get(json_item(p->withheld, i), name)))
            return true;
    return false;
}

static void count_text(struct page *p, const struct json *v, bool partial, char to[CELL_TEXT])
{
    const char *mark = partial ? "*" : "";
    if (json_kind(v) != JSON_INTEGER && json_kind(v) != JSON_REAL) {
        p->seen.withheld = true;
        (void)snprintf(to, CELL_TEXT, "%s", p->options->utf8 ? "\u00b7" : ".");
        return;
    }
    p->seen.partial = p->seen.partial || partial;
    if (p->floor > 0 && json_number(v) == 0) {
        p->seen.small = true;
        (void)snprintf(to, CELL_TEXT, "<%d%s", p->floor, mark);
    } else {
        char text[JSON_NUMBER_TEXT_SIZE];
        json_number_text(json_number(v), text);
        (void)snprintf(to, CELL_TEXT, "%s%s", text, mark);
    }
}

static result add_count(struct page *p, struct table *t, const struct json *v, bool partial)
{
    char text[CELL_TEXT];
    count_text(p, v, partial, text);
    return table_cell_str(t, text, p->why);
}

/* --- count ---------------------------------------------------------------------------------- */

static result render_count(struct page *p, const struct json *r, bool of_site)
{
    char text[CELL_TEXT];
    unsigned answered, asked;
    const struct json *n = json_get(r, "count");
    count_text(p, n, !of_site && is_partial(p, -1, 0), text);
    result_count_sites(p->document, &answered, &asked);
    if (json_kind(n) == JSON_NULL)
        TRY(buffer_add_str(p->to, "The number is withheld", p->why));
    else if (p->floor > 0 && json_number(n) == 0)
        TRY(buffer_printf(p->to, p->why, "Fewer than %d persons at each site", p->floor));
    else
        TRY(buffer_printf(p->to, p->why, "%s%s %s", p->protected ? "About " : "", text, json_number(n) == 1 ? "person" : "persons"));
    const struct json *question = json_get(p->document, "question");
    if (of_site)
        return buffer_add_str(p->to, ".\n", p->why);
    TRY(buffer_add_str(p->to, " in ", p->why));
    TRY(clean_text(json_text(json_get(question, "dataset")), p->to, p->why));
    if (json_size(json_get(question, "where")) > 0)
        TRY(buffer_add_str(p->to, " fulfil the conditions", p->why));
    TRY(buffer_printf(p->to, p->why, " (%u of %u sites", answered, asked));
    const struct json *sd = json_get(json_get(p->document, "protection"), "noise_sd_per_site");
    if (p->protected && json_is_number(sd))
        TRY(buffer_printf(p->to, p->why, "; noise with standard deviation %.2g", json_number(sd) * sqrt(answered)));
    return buffer_add_str(p->to, ").\n", p->why);
}

/* --- table ---------------------------------------------------------------------------------- */

static result open_axis(const struct json *d, struct axis *ret, struct why *why)
{
    *ret = (struct axis){.variable = json_text(json_get(d, "variable")), .levels = json_get(d, "levels"), .breaks = json_get(d, "breaks"),
                          .label = json_get(d, "label"), .groups = json_get(d, "groups")};
    if (json_kind(ret->breaks) != JSON_ARRAY)
        ret->breaks = NULL;
    size_t n = json_size(ret->breaks ? ret->breaks : ret->levels);
    if (ret->breaks ? n < 2 : n < 1)
        return FAIL_AT(why, MALFORMED, "/result/dimensions", "a dimension has no cells");
    ret->cells = ret->breaks ? n - 1 : n;
    return DONE;
}

/* A grouping's own label stands for the variable's. */
static result axis_title(const struct page *p, const struct axis *a, struct buffer *to)
{
    struct slice label = label_of(a->label);
    return label.len > 0 && !a->breaks ? buffer_add(to, label, p->why) : variable_title(p, a->variable, to);
}

static result add_title(struct page *p, struct table *t, const struct axis *a, int64_t cell, enum table_align align)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 4096);
    TRY(cell < 0 ? axis_title(p, a, &text) : cell_title(p, a, (size_t)cell, &text));
    return table_column(t, buffer_slice(&text), align, p->why);
}

static result add_label(struct page *p, struct table *t, const struct axis *a, size_t cell)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 4096);
    TRY(cell_title(p, a, cell, &text));
    return table_cell(t, buffer_slice(&text), p->why);
}

/* A margin's figures by the name of its variable; NULL when there are none. */
static const struct json *margin_of(const struct json *r, const struct axis *a)
{
    char name[VARIABLE_MAX + 1];
    return slice_copy_str(a->variable, name, sizeof name) ? json_get(json_get(r, "margins"), name) : NULL;
}

struct grid {
    struct axis axes[TABLE_DIMENSIONS_MAX];
    unsigned count;       /* dimensions */
    unsigned row_axes;    /* the first of them label rows; the rest (none or one) label columns */
    size_t rows, columns; /* columns of figures, the total not counted */
    const struct json *result;
    bool of_site;
};

static result grid_columns(struct page *p, struct table *t, const struct grid *g)
{
    for (unsigned i = 0; i < g->row_axes; i++)
        TRY(add_title(p, t, &g->axes[i], -1, ALIGN_LEFT));
    if (g->row_axes == g->count)
        return table_column(t, slice_str("persons"), ALIGN_RIGHT, p->why);
    for (size_t k = 0; k < g->columns; k++)
        TRY(add_title(p, t, &g->axes[g->count - 1], (int64_t)k, ALIGN_RIGHT));
    if (g->count == 2)
        TRY(table_column(t, slice_str("total"), ALIGN_RIGHT, p->why));
    return DONE;
}

static result grid_row(struct page *p, struct table *t, const struct grid *g, size_t row)
{
    TRY(table_row(t, p->why));
    size_t rest = row, labels[TABLE_DIMENSIONS_MAX] = {0};
    for (unsigned i = g->row_axes; i-- > 0;) {
        labels[i] = rest % g->axes[i].cells;
        rest /= g->axes[i].cells;
    }
    for (unsigned i = 0; i < g->row_axes; i++)
        TRY(add_label(p, t, &g->axes[i], labels[i]));
    const struct json *cells = json_get(g->result, "cells");
    for (size_t k = 0; k < g->columns; k++) {
        size_t cell = row * g->columns + k;
        TRY(add_count(p, t, json_item(cells, cell), !g->of_site && is_partial(p, -1, (int64_t)cell)));
    }
    if (g->count == 2 && g->row_axes == 1)
        TRY(add_count(p, t, json_item(margin_of(g->result, &g->axes[0]), row), !g->of_site && is_partial(p, 0, (int64_t)row)));
    return DONE;
}

static result grid_totals(struct page *p, struct table *t, const struct grid *g)
{
    const struct json *columns = g->row_axes < g->count ? margin_of(g->result, &g->axes[g->count - 1]) : NULL;
    const struct json *total = json_get(g->result, "total");
    if (g->row_axes < g->count && !columns)
        return DONE;
    TRY(table_row(t, p->why));
    for (unsigned i = 0; i < g->row_axes; i++)
        TRY(table_cell_str(t, i == 0 ? "total" : "", p->why));
    if (g->row_axes == g->count)
        return add_count(p, t, total, !g->of_site && is_partial(p, 0, -1));
    for (size_t k = 0; k < g->columns; k++)
        TRY(add_count(p, t, json_item(columns, k), !g->of_site && is_partial(p, (int64_t)g->count - 1, (int64_t)k)));
    if (g->count == 2)
        TRY(add_count(p, t, total, !g->of_site && is_partial(p, 0, -1)));
    return DONE;
}

/* Margins that the grid itself has no line for: one small table each. */
static result other_margins(struct page *p, const struct grid *g)
{
    for (unsigned d = 0; d < g->count; d++) {
        const struct json *margin = margin_of(g->result, &g->axes[d]);
        if (g->count <= 2 ? g->row_axes < g->count || g->count == 1 : g->row_axes < g->count && d + 1 == g->count)
            continue;
        if (json_size(margin) != g->axes[d].cells)
            continue;
        struct table *t CLEANUP(table_freep) = NULL;
        TRY(table_new(&t, p->why));
        TRY(add_title(p, t, &g->axes[d], -1, ALIGN_LEFT));
        TRY(table_column(t, slice_str("persons"), ALIGN_RIGHT, p->why));
        for (size_t k = 0; k < g->axes[d].cells; k++) {
            TRY(table_row(t, p->why));
            TRY(add_label(p, t, &g->axes[d], k));
            TRY(add_count(p, t, json_item(margin, k), !g->of_site && is_partial(p, (int64_t)d, (int64_t)k)));
        }
        TRY(buffer_add_byte(p->to, '\n', p->why));
        TRY(table_print(t, true, p->to, p->why));
    }
    return DONE;
}

static result missing_line(struct page *p, const struct json *r, bool of_site)
{
    const struct json *n = json_get(r, "n_missing");
    char text[CELL_TEXT];
    if (!n)
        return DONE;
    count_text(p, n, !of_site && is_named_partial(p, "n_missing"), text);
    return buffer_printf(p->to, p->why, "Without a value: %s\n", text);
}

static result open_grid(const struct json *r, bool of_site, struct grid *ret, struct why *why)
{
    const struct json *dimensions = json_get(r, "dimensions");
    struct grid g = {.result = r, .of_site = of_site, .count = (unsigned)json_size(dimensions)};
    if (g.count < 1 || g.count > TABLE_DIMENSIONS_MAX)
        return FAIL_AT(why, MALFORMED, "/result/dimensions", "a table has 1 to %d dimensions", TABLE_DIMENSIONS_MAX);
    size_t cells = 1;
    for (unsigned i = 0; i < g.count; i++) {
        TRY(open_axis(json_item(dimensions, i), &g.axes[i], why));
        if (g.axes[i].cells > TABLE_CELLS_OPEN_MAX / cells)
            return FAIL_AT(why, LIMIT, "/result/dimensions", "more than %d cells", TABLE_CELLS_OPEN_MAX);
        cells *= g.axes[i].cells;
    }
    if (json_size(json_get(r, "cells")) != cells)
        return FAIL_AT(why, MALFORMED, "/result/cells", "%zu cells, the dimensions make %zu", json_size(json_get(r, "cells")), cells);
    bool crossed = g.count > 1 && g.axes[g.count - 1].cells <= CROSS_COLUMNS_MAX;
    g.row_axes = crossed ? g.count - 1 : g.count;
    g.columns = crossed ? g.axes[g.count - 1].cells : 1;
    g.rows = cells / g.columns;
    *ret = g;
    return DONE;
}

static result render_table(struct page *p, const struct json *r, bool of_site)
{
    struct grid g;
    TRY(open_grid(r, of_site, &g, p->why));
    struct table *t CLEANUP(table_freep) = NULL;
    TRY(table_new(&t, p->why));
    if (g.row_axes < g.count) {
        struct buffer title CLEANUP(buffer_done) = {0};
        buffer_init(&title, 4096);
        TRY(variable_title(p, g.axes[g.count - 1].variable, &title));
        TRY(buffer_add_str(p->to, "Persons; columns: ", p->why));
        TRY(clean_text(buffer_slice(&title), p->to, p->why));
        TRY(buffer_add_byte(p->to, '\n', p->why));
    }
    TRY(grid_columns(p, t, &g));
    for (size_t row = 0; row < g.rows; row++)
        TRY(grid_row(p, t, &g, row));
    TRY(grid_totals(p, t, &g));
    TRY(table_print(t, true, p->to, p->why));
    TRY(other_margins(p, &g));
    if (g.count > 2 && g.row_axes < g.count) { /* the grid's last line has no room for it */
        char total[CELL_TEXT];
        count_text(p, json_get(r, "total"), !of_site && is_partial(p, 0, -1), total);
        TRY(buffer_printf(p->to, p->why, "Total: %s\n", total));
    }
    return missing_line(p, r, of_site);
}

/* --- summary -------------------------------------------------------------------------------- */

static result add_figure(struct page *p, struct table *t, const struct json *v)
{
    char text[CELL_TEXT] = "-";
    if (json_is_number(v))
        (void)snprintf(text, sizeof text, "%.6g", json_number(v));
    return table_cell_str(t, text, p->why);
}

/* Profile dp says of a mean how far the noise may have moved it. */
static result add_noised(struct page *p, struct table *t, const struct json *v, const struct json *sd)
{
    char text[CELL_TEXT];
    if (!json_is_number(v) || !json_is_number(sd))
        return add_figure(p, t, v);
    (void)snprintf(text, sizeof text, p->options->utf8 ? "%.6g \u00b1%.6g" : "%.6g +-%.6g", json_number(v), json_number(sd));
    return table_cell_str(t, text, p->why);
}

/* The columns of quantiles follow the first variable that has some. */
static const struct json *find_quantiles(const struct json *variables)
{
    for (size_t i = 0; i < json_size(variables); i++)
        if (json_size(json_get(json_item(variables, i), "quantiles")) > 0)
            return json_get(json_item(variables, i), "quantiles");
    return NULL;
}

static result summary_columns(struct page *p, struct table *t, bool grouped, const struct json *quantiles)
{
    static const char *const figures[] = {"n", "missing", "mean", "sd", "variance"};
    if (grouped)
        TRY(table_column(t, slice_str("group"), ALIGN_LEFT, p->why));
    TRY(table_column(t, slice_str("variable"), ALIGN_LEFT, p->why));
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        TRY(table_column(t, slice_str(figures[i]), ALIGN_RIGHT, p->why));
    for (size_t i = 0; i < json_size(quantiles); i++) {
        char title[CELL_TEXT];
        (void)snprintf(title, sizeof title, "%.4g%%", 100 * json_number(json_get(json_item(quantiles, i), "p")));
        TRY(table_column(t, slice_str(title), ALIGN_RIGHT, p->why));
    }
    return DONE;
}

static result summary_rows(struct page *p, struct table *t, const struct slice *group, const struct json *variables, size_t quantiles)
{
    for (size_t i = 0; i < json_size(variables); i++) {
        const struct json *v = json_item(variables, i);
        struct buffer title CLEANUP(buffer_done) = {0};
        buffer_init(&title, 4096);
        TRY(table_row(t, p->why));
        if (group)
            TRY(table_cell(t, *group, p->why));
        TRY(variable_title(p, json_text(json_get(v, "variable")), &title));
        TRY(table_cell(t, buffer_slice(&title), p->why));
        TRY(add_count(p, t, json_get(v, "n"), false));
        TRY(add_count(p, t, json_get(v, "n_missing"), false));
        TRY(add_noised(p, t, json_get(v, "mean"), json_get(json_get(v, "noise_sd"), "mean")));
        TRY(add_figure(p, t, json_get(v, "sd")));
        TRY(add_noised(p, t, json_get(v, "variance"), json_get(json_get(v, "noise_sd"), "variance")));
        for (size_t k = 0; k < quantiles; k++) {
            const struct json *one = json_item(json_get(v, "quantiles"), k);
            p->seen.few = p->seen.few || slice_is(json_text(json_get(one, "why")), "few_persons");
            TRY(add_figure(p, t, json_get(one, "value")));
        }
    }
    return DONE;
}

/* How quantiles were made (R-50), a line for each variable: a reader must know how fine they can be. */
static result quantile_lines(struct page *p, const struct json *variables, const struct json *groups)
{
    for (size_t i = 0; i < json_size(variables); i++) {
        const struct json *v = json_item(variables, i);
        bool values = slice_is(json_text(json_get(json_get(v, "quantiles_from"), "form")), "values");
        double width = json_number(json_get(json_get(v, "quantiles_from"), "width"));
        for (size_t g = 0; g < json_size(groups); g++) {
            const struct json *from = json_get(json_item(json_get(json_item(groups, g), "variables"), i), "quantiles_from");
            values = values && slice_is(json_text(json_get(from, "form")), "values");
            width = fmax(width, json_number(json_get(from, "width")));
        }
        if (!values && !(width > 0))
            continue; /* no quantiles, or nothing to read them from */
        char text[JSON_NUMBER_TEXT_SIZE];
        json_number_text(width, text);
        TRY(buffer_add_str(p->to, "Quantiles of ", p->why));
        TRY(clean_text(json_text(json_get(v, "variable")), p->to, p->why));
        if (values)
            TRY(buffer_add_str(p->to, ": exact, over all sites (type 7)\n", p->why));
        else
            TRY(buffer_printf(p->to, p->why, ": read from counts in cells of width %s, between their edges by linear interpolation\n", text));
    }
    return DONE;
}

static result render_summary(struct page *p, const struct json *r)
{
    const struct json *groups = json_get(r, "groups");
    const struct json *first = groups ? json_get(json_item(groups, 0), "variables") : json_get(r, "variables");
    const struct json *quantiles = find_quantiles(first);
    struct slice by = json_text(json_get(r, "by"));
    struct table *t CLEANUP(table_freep) = NULL;
    TRY(table_new(&t, p->why));
    TRY(summary_columns(p, t, groups != NULL, quantiles));
    if (!groups)
        TRY(summary_rows(p, t, NULL, first, json_size(quantiles)));
    for (size_t i = 0; i < json_size(groups); i++) {
        const struct json *group = json_item(groups, i);
        struct slice level = json_get(group, "levels") ? group_title(group, "level") : level_title(p, by, json_text(json_get(group, "level")));
        TRY(summary_rows(p, t, &level, json_get(json_item(groups, i), "variables"), json_size(quantiles)));
    }
    TRY(table_print(t, true, p->to, p->why));
    return quantile_lines(p, first, groups);
}

/* --- histogram ------------------------------------------------------------------------------ */

static result bar(struct page *p, double share, unsigned width)
{
    static const char *const eighths[] = {"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589"};
    unsigned parts = p->options->utf8 ? (unsigned)(share * width * 8 + 0.5) : (unsigned)(share * width + 0.5) * 8;
    for (unsigned i = 0; i < parts / 8; i++)
        TRY(buffer_add_str(p->to, p->options->utf8 ? "\u2588" : "#", p->why));
    return buffer_add_str(p->to, eighths[parts % 8], p->why);
}

static result render_histogram(struct page *p, const struct json *r, bool of_site)
{
    const struct json *breaks = json_get(r, "breaks"), *counts = json_get(r, "counts");
    size_t n = json_size(counts), label_width = 0, count_width = 0;
    if (n < 1 || json_size(breaks) != n + 1 || n >= BREAKS_MAX)
        return FAIL_AT(p->why, MALFORMED, "/result/breaks", "%zu counts need %zu breaks", n, n + 1);
    double most = 0;
    struct buffer label CLEANUP(buffer_done) = {0};
    buffer_init(&label, 4096);
    for (size_t i = 0; i < n; i++) {
        char text[CELL_TEXT];
        buffer_clear(&label);
        TRY(interval(breaks, i, &label, p->why));
        label_width = label.len > label_width ? label.len : label_width;
        count_text(p, json_item(counts, i), !of_site && is_partial(p, -1, (int64_t)i), text);
        count_width = strlen(text) > count_width ? strlen(text) : count_width;
        most = fmax(most, json_number(json_item(counts, i)));
    }
    unsigned used = (unsigned)(label_width + count_width + 4), width = p->options->width > used + BAR_MIN ? p->options->width - used : BAR_MIN;
    width = width > BAR_MAX ? BAR_MAX : width;
    buffer_clear(&label);
    TRY(variable_title(p, json_text(json_get(r, "variable")), &label));
    TRY(clean_text(buffer_slice(&label), p->to, p->why));
    TRY(buffer_add_byte(p->to, '\n', p->why));
    for (size_t i = 0; i < n; i++) {
        char text[CELL_TEXT];
        double count = json_number(json_item(counts, i));
        buffer_clear(&label);
        TRY(interval(breaks, i, &label, p->why));
        count_text(p, json_item(counts, i), !of_site && is_partial(p, -1, (int64_t)i), text);
        /* The dot of a withheld cell is one column but two bytes. */
        size_t shown = json_is_number(json_item(counts, i)) ? strlen(text) : 1;
        TRY(clean_text(buffer_slice(&label), p->to, p->why));
        TRY(buffer_printf(p->to, p->why, "%*s%s", (int)(label_width - label.len + 2 + (count_width > shown ? count_width - shown : 0)), "", text));
        if (count > 0) {
            TRY(buffer_add_str(p->to, "  ", p->why));
            TRY(bar(p, count / most, width));
        }
        TRY(buffer_add_byte(p->to, '\n', p->why));
    }
    static const struct {
        const char *key, *say;
    } outside[] = {{"below", "Below the first break"}, {"above", "Above the last break"}};
    for (size_t i = 0; i < 2; i++) {
        char text[CELL_TEXT];
        const struct json *v = json_get(r, outside[i].key);
        if (!v || (!p->protected && json_is_number(v) && json_number(v) == 0))
            continue;
        count_text(p, v, !of_site && is_named_partial(p, outside[i].key), text);
        TRY(buffer_printf(p->to, p->why, "%s: %s\n", outside[i].say, text));
    }
    return missing_line(p, r, of_site);
}

/* --- the page ------------------------------------------------------------------------------- */

static result render_statistic(struct page *p, const struct json *r, bool of_site)
{
    if (json_get(r, "count"))
        return render_count(p, r, of_site);
    if (json_get(r, "cells"))
        return render_table(p, r, of_site);
    if (json_get(r, "counts"))
        return render_histogram(p, r, of_site);
    if (json_get(r, "variables") || json_get(r, "groups"))
        return render_summary(p, r);
    return FAIL_AT(p->why, MALFORMED, "/result", "this client does not know the statistic: use --json");
}

static result render_by_site(struct page *p)
{
    struct slice site;
    const struct json *r;
    for (size_t i = 0; json_next(json_get(p->document, "by_site"), &i, &site, &r);) {
        if (json_kind(r) != JSON_OBJECT)
            continue;
        TRY(buffer_add_str(p->to, "\nAt ", p->why));
        TRY(clean_text(site, p->to, p->why));
        TRY(buffer_add_str(p->to, ":\n", p->why));
        TRY(render_statistic(p, r, true));
    }
    return DONE;
}

/* What is left of the permit's budget, in the words of each meter. */
static result render_budget(struct page *p)
{
    const struct json *budget = json_get(json_get(p->document, "protection"), "budget");
    for (size_t i = 0; i < json_size(budget); i++) {
        const struct json *b = json_item(budget, i), *rho = json_get(b, "rho"), *left = json_get(b, rho ? "rho_left" : "left");
        TRY(buffer_add_str(p->to, "Budget at ", p->why));
        TRY(clean_text(json_text(json_get(b, "site")), p->to, p->why));
        if (rho) {
            double questions = json_number(rho) > 0 ? floor(json_number(left) / json_number(rho) + 1e-6) : 0;
            TRY(buffer_printf(p->to, p->why, ": this question took %.4g of rho, %.4g is left to the permit: %.0f more such question%s; what was answered stays free\n",
                              json_number(rho), json_number(left), questions, questions == 1 ? "" : "s"));
        } else {
            TRY(buffer_printf(p->to, p->why, ": %.3g is left to the permit for ", json_number(left)));
            TRY(clean_text(json_text(json_get(b, "variable")), p->to, p->why));
            TRY(buffer_add_str(p->to, ", the variable with the least\n", p->why));
        }
    }
    return DONE;
}

/* A summary under profile dp: what its noise is, and what it was too large for. */
static result render_sums(struct page *p)
{
    const struct json *r = json_get(p->document, "result"), *groups = json_get(r, "groups");
    const struct json *first = json_item(json_get(groups ? json_item(groups, 0) : r, "variables"), 0), *sd = json_get(json_get(first, "noise_sd"), "n");
    TRY(buffer_add_str(p->to, ": n, sums and squares carry noise before they leave, and means are made of them", p->why));
    if (json_is_number(sd))
        TRY(buffer_printf(p->to, p->why, "; the standard deviation of the noise is %.3g for n, and of a mean or variance what stands behind it", json_number(sd)));
    return json_size(p->withheld) ? buffer_add_str(p->to, "; - where the noise is too large beside it", p->why) : DONE;
}

/* Sites that are not in some quantile, or not with all their cells. */
static result withheld_quantiles(struct page *p)
{
    static const struct {
        const char *key, *say;
    } kinds[] = {{"quantiles", "withheld by"}, {"quantile_cells", "cells of few persons count as nobody at"}};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (size_t i = 0; i < json_size(p->withheld); i++) {
            const struct json *w = json_item(p->withheld, i), *sites = json_get(w, "sites");
            if (!json_truth(json_get(w, kinds[k].key)))
                continue;
            TRY(buffer_add_str(p->to, "Quantiles of ", p->why));
            TRY(clean_text(json_text(json_get(w, "variable")), p->to, p->why));
            if (json_get(w, "level")) {
                TRY(buffer_add_str(p->to, ", group ", p->why));
                TRY(clean_text(json_text(json_get(w, "level")), p->to, p->why));
            }
            TRY(buffer_printf(p->to, p->why, ": %s", kinds[k].say));
            for (size_t s = 0; s < json_size(sites); s++) {
                TRY(buffer_add_str(p->to, s ? ", " : " ", p->why));
                TRY(clean_text(json_text(json_item(sites, s)), p->to, p->why));
            }
            TRY(buffer_add_byte(p->to, '\n', p->why));
        }
    return DONE;
}

static result render_notes(struct page *p)
{
    const struct json *protection = json_get(p->document, "protection"), *sd = json_get(protection, "noise_sd_per_site");
    TRY(buffer_add_byte(p->to, '\n', p->why));
    if (!p->protected) {
        TRY(buffer_add_str(p->to, "No protection: the dataset is public (profile open).\n", p->why));
    } else {
        TRY(buffer_add_str(p->to, "Protected (profile ", p->why));
        TRY(clean_text(json_text(json_get(protection, "profile")), p->to, p->why));
        TRY(buffer_add_str(p->to, ")", p->why));
        if (json_is_number(sd) && p->private)
            TRY(buffer_printf(p->to, p->why, ": every cell carries noise of its own, standard deviation %.3g a site, also where nobody is, so it may be below 0; a sum of k cells, as margins and totals are, has %.3g times the root of k", json_number(sd), json_number(sd)));
        else if (p->private)
            TRY(render_sums(p));
        else if (json_is_number(sd))
            TRY(buffer_printf(p->to, p->why, ": every figure carries its own noise, standard deviation %.3g a site; margins do not add up", json_number(sd)));
        TRY(buffer_add_str(p->to, ".\n", p->why));
        TRY(render_budget(p));
    }
    if (p->seen.small)
        TRY(buffer_printf(p->to, p->why, "<%d%s published as 0: a small number or none\n", p->floor, p->floor < 10 ? " " : ""));
    if (json_kind(json_get(protection, "rounded_to")) == JSON_INTEGER)
        TRY(buffer_printf(p->to, p->why, "Each site rounds its counts to multiples of %d, up or down by chance; the noise stated includes it.\n",
                          (int)json_integer(json_get(protection, "rounded_to"))));
    if (p->seen.withheld)
        TRY(buffer_printf(p->to, p->why, "%s   withheld: the group, or a group it would reveal, is too small\n", p->options->utf8 ? "\u00b7" : "."));
    if (p->seen.few)
        TRY(buffer_add_str(p->to, "-   a quantile needs 10 persons on either side, by the published counts: n x min(p, 1 - p)\n", p->why));
    TRY(withheld_quantiles(p));
    if (p->seen.partial)
        TRY(buffer_add_str(p->to, "*   some sites withheld this figure; the sum of the others is shown\n", p->why));
    return DONE;
}

static result render_sites(struct page *p)
{
    const struct json *sites = json_get(p->document, "sites");
    for (size_t i = 0; i < json_size(sites); i++) {
        const struct json *s = json_item(sites, i), *reason = json_get(s, "reason");
        if (slice_is(json_text(json_get(s, "status")), "answered"))
            continue;
        TRY(buffer_add_str(p->to, "Site ", p->why));
        TRY(clean_text(json_text(json_get(s, "site")), p->to, p->why));
        TRY(buffer_add_str(p->to, ": ", p->why));
        TRY(clean_text(json_text(json_get(s, "status")), p->to, p->why));
        struct slice text = json_kind(reason) == JSON_OBJECT ? json_text(json_get(reason, "text")) : json_text(reason);
        struct slice code = json_text(json_get(reason, "code"));
        if (text.len > 0 || code.len > 0) {
            TRY(buffer_add_str(p->to, ", ", p->why));
            TRY(clean_text(text.len > 0 ? text : code, p->to, p->why));
        }
        if (text.len > 0 && code.len > 0) {
            TRY(buffer_add_str(p->to, " [", p->why));
            TRY(clean_text(code, p->to, p->why));
            TRY(buffer_add_byte(p->to, ']', p->why));
        }
        TRY(buffer_add_byte(p->to, '\n', p->why));
    }
    return DONE;
}

static result render_receipt(struct page *p)
{
    const struct json *receipt = json_get(p->document, "receipt");
    if (json_kind(receipt) != JSON_OBJECT)
        return DONE;
    static const char *const shown[] = {"permit", "query", "question_sha256"};
    static const char *const names[] = {"permit", "query", "question"};
    TRY(buffer_add_str(p->to, "\nReceipt\n", p->why));
    for (size_t i = 0; i < 3; i++) {
        TRY(buffer_printf(p->to, p->why, "  %-10s", names[i]));
        TRY(clean_text(json_text(json_get(receipt, shown[i])), p->to, p->why));
        TRY(buffer_add_byte(p->to, '\n', p->why));
    }
    TRY(buffer_printf(p->to, p->why, "  %-10s%lld, ", "log entry", (long long)json_integer(json_get(json_get(receipt, "entry"), "index"))));
    TRY(clean_text(json_text(json_get(receipt, "at")), p->to, p->why));
    return buffer_add_byte(p->to, '\n', p->why);
}

void result_count_sites(const struct json *document, unsigned *ret_answered, unsigned *ret_asked)
{
    const struct json *sites = json_get(document, "sites");
    *ret_answered = 0;
    *ret_asked = (unsigned)json_size(sites);
    for (size_t i = 0; i < json_size(sites); i++)
        *ret_answered += slice_is(json_text(json_get(json_item(sites, i), "status")), "answered");
}

result result_render(const struct json *document, const struct json *dictionary, const struct render_options *options,
                     struct buffer *to, struct why *why)
{
    struct page p = {.document = document, .dictionary = dictionary, .options = options, .to = to, .why = why};
    const struct json *protection = json_get(document, "protection"), *r = json_get(document, "result");
    p.withheld = json_get(protection, "withheld");
    /* What does not say that it is open is treated as protected. */
    p.protected = !slice_is(json_text(json_get(protection, "profile")), "open");
    /* Under open and dp a 0 is a 0 (under dp with its noise, as any other figure). */
    p.private = slice_is(json_text(json_get(protection, "profile")), "dp");
    p.floor = !p.protected || p.private ? 0 : slice_is(json_text(json_get(protection, "profile")), "strict") ? FLOOR_STRICT : FLOOR_CK;
    if (json_kind(r) == JSON_OBJECT) {
        TRY(render_statistic(&p, r, false));
        TRY(render_by_site(&p));
        TRY(render_notes(&p));
    } else {
        TRY(buffer_add_str(to, "No site answered.\n", why));
    }
    TRY(render_sites(&p));
    return render_receipt(&p);
}
