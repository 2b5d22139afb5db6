#include "proto/question.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/instant.h"
#include "proto/fields.h"
#include "proto/json_number.h"

/* All arrays of one question; the largest are level sets (BOX_VARIABLES_MAX * LEVELS_MAX indices). */
enum { QUESTION_MEMORY_MAX = 16 * 1024 * 1024 };
static const double CUT_MAX = 9007199254740992.0; /* 2^53: what strict JSON reads back as it was printed */

static const char *const STATISTICS[STATISTIC_KINDS + 1] = {"count", "table", "summary", "histogram", NULL};

const char *statistic_name(enum statistic s)
{
    return s < STATISTIC_KINDS ? STATISTICS[s] : "?";
}

static bool is_set_of_levels(const struct variable *v)
{
    return v->levels != NULL;
}

static bool is_axis(const struct variable *v)
{
    return v->type == VARIABLE_INTEGER || v->type == VARIABLE_NUMBER || v->type == VARIABLE_DATE;
}

/* --- reading: variables, cuts, sets ------------------------------------------------------------ */

struct reading {
    const struct dictionary *d;
    struct question *q;
    struct why *why;
};

static result no_memory(struct why *why)
{
    return FAIL_CODE(why, LIMIT, "too_large", "", "the question needs more than %d bytes of memory", QUESTION_MEMORY_MAX);
}

static result find_variable(struct reading *r, struct slice name, const char *path, unsigned *ret)
{
    int i = dictionary_find(r->d, name);
    if (i < 0) {
        struct slice near = dictionary_nearest(r->d, name);
        if (near.len)
            return FAIL_CODE(r->why, MALFORMED, "unknown_variable", path, "'%s' has no variable '%.*s'; did you mean '%.*s'?",
                             r->d->dataset.text, SLICE_ARG(slice_part(name, 0, VARIABLE_MAX)), SLICE_ARG(near));
        return FAIL_CODE(r->why, MALFORMED, "unknown_variable", path, "'%s' has no variable '%.*s'; the catalogue lists them",
                         r->d->dataset.text, SLICE_ARG(slice_part(name, 0, VARIABLE_MAX)));
    }
    if (r->d->variables[i].type == VARIABLE_ID)
        return FAIL_CODE(r->why, MALFORMED, "unknown_variable", path, "'%.*s' is the person key: nothing can be asked about it",
                         SLICE_ARG(name));
    *ret = (unsigned)i;
    return DONE;
}

static void cut_text(const struct variable *v, double x, char to[JSON_NUMBER_TEXT_SIZE])
{
    if (v->type == VARIABLE_DATE && fabs(x) < INT32_MAX)
        date_print((int32_t)x, to);
    else
        json_number_text(x, to);
}

/* A cut as it is written; on the grid unless the profile is open, or it is one of registered breaks. */
static result read_cut(struct reading *r, const struct variable *v, const struct json *json, const char *path, bool registered, double *ret)
{
    double x;
    int32_t day;
    if (v->type == VARIABLE_DATE) {
        if (json_kind(json) != JSON_STRING || !date_parse(json_text(json), &day))
            return FAIL_AT(r->why, MALFORMED, path, "a cut of the date '%.*s' is a day, written \"YYYY-MM-DD\"", SLICE_ARG(v->name));
        x = day;
    } else {
        if (!json_is_number(json))
            return FAIL_AT(r->why, MALFORMED, path, "a cut of '%.*s' is a number, not %s", SLICE_ARG(v->name),
                           json_kind_name(json_kind(json)));
        x = json_number(json) + 0.0; /* no negative zero */
        if (!isfinite(x) || fabs(x) > CUT_MAX)
            return FAIL_AT(r->why, MALFORMED, path, "a cut must lie within 2^53 of zero");
    }
    if (r->d->profile != PROFILE_OPEN && !registered) {
        double below, above;
        if (!(v->grid_step > 0))
            return FAIL_CODE(r->why, MALFORMED, "off_grid", path, "no public grid is known for '%.*s', so it takes no cuts",
                             SLICE_ARG(v->name));
        if (!variable_on_grid(v, x, &x, &below, &above)) {
            char a[JSON_NUMBER_TEXT_SIZE], b[JSON_NUMBER_TEXT_SIZE];
            cut_text(v, below, a);
            cut_text(v, above, b);
            return FAIL_CODE(r->why, MALFORMED, "off_grid", path, "not on the public grid of '%.*s'; the nearest cuts are %s and %s",
                             SLICE_ARG(v->name), a, b);
        }
    }
    *ret = x;
    return DONE;
}

/* The smallest value at or above x that the variable can take. */
static double lattice_from(const struct variable *v, double x)
{
    return variable_lattice(v) > 0 ? ceil(x) + 0.0 : x;
}

/* The end of [.., x] as the end of [.., end): R-35. */
static double lattice_after(const struct variable *v, double x)
{
    return variable_lattice(v) > 0 ? floor(x) + 1 : nextafter(x, INFINITY);
}

static result read_range(struct reading *r, const struct variable *v, const struct json *json, const char *path, struct range *ret)
{
    struct fields f;
    const struct json *from = NULL, *to = NULL;
    char at[JSON_PATH_MAX];
    struct range range = {-INFINITY, INFINITY};
    TRY(fields_open(json, path, &f, r->why));
    TRY(may_any(&f, "from", &from));
    TRY(may_any(&f, "to", &to));
    TRY(fields_close(&f));
    if (from) {
        fields_path(&f, "from", at);
        TRY(read_cut(r, v, from, at, false, &range.from));
    }
    if (to) {
        fields_path(&f, "to", at);
        TRY(read_cut(r, v, to, at, false, &range.to));
    }
    range.from = lattice_from(v, range.from);
    range.to = lattice_from(v, range.to);
    if (range.from >= range.to)
        return FAIL_AT(r->why, MALFORMED, path, "the range holds no value: `from` is included, `to` is not, so `from` must be below `to`");
    *ret = range;
    return DONE;
}

static int range_order(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

static result read_ranges(struct reading *r, const struct json *json, const char *path, struct value_set *set)
{
    const struct variable *v = &r->d->variables[set->variable];
    bool one = json_kind(json) != JSON_ARRAY;
    size_t count = one ? 1 : json_size(json);
    if (count > RANGES_ASKED_MAX)
        return FAIL_CODE(r->why, LIMIT, "too_large", path, "at most %d ranges may be given", RANGES_ASKED_MAX);
    set->ranges = arena_take_many(r->q->memory, count ? count : 1, sizeof *set->ranges);
    if (!set->ranges)
        return no_memory(r->why);
    unsigned n = 0;
    for (size_t i = 0; i < count; i++) {
        char at[JSON_PATH_MAX];
        const struct json *item = one ? json : json_item(json, i);
        if (!one && json_kind(item) == JSON_NULL) {
            set->missing = true;
            continue;
        }
        if (json_kind(item) != JSON_OBJECT)
            return FAIL_AT(r->why, MALFORMED, path, "the values of '%.*s' are a range {\"from\", \"to\"}, or an array of ranges and null",
                           SLICE_ARG(v->name));
        (void)snprintf(at, sizeof at, one ? "%.95s" : "%.80s/%u", path, (unsigned)i);
        TRY(read_range(r, v, item, at, &set->ranges[n]));
        n++;
    }
    if (!n && !set->missing)
        return FAIL_AT(r->why, MALFORMED, path, "an empty set holds nobody: give at least one range, or leave '%.*s' out",
                       SLICE_ARG(v->name));
    qsort(set->ranges, n, sizeof *set->ranges, range_order);
    for (unsigned i = 0; i < n; i++) {
        struct range *last = set->range_count ? &set->ranges[set->range_count - 1] : NULL;
        if (last && set->ranges[i].from <= last->to)
            last->to = fmax(last->to, set->ranges[i].to);
        else
            set->ranges[set->range_count++] = set->ranges[i];
    }
    if (set->range_count > RANGES_MAX)
        return FAIL_CODE(r->why, LIMIT, "too_large", path, "at most %d separate ranges may be asked for", RANGES_MAX);
    return DONE;
}

static result unknown_level(struct reading *r, const struct variable *v, struct slice code, const char *path)
{
    char known[120];
    size_t used = 0;
    known[0] = 0;
    for (unsigned i = 0; i < v->level_count; i++) {
        if (used + v->levels[i].len + 8 > sizeof known) {
            (void)snprintf(known + used, sizeof known - used, ", ...");
            break;
        }
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%.*s", i ? ", " : "", SLICE_ARG(v->levels[i]));
    }
    return FAIL_CODE(r->why, MALFORMED, "unknown_level", path, "'%.*s' has no level%s '%.*s'; it has %s", SLICE_ARG(v->name),
                     v->grouping_count ? " or group" : "", SLICE_ARG(slice_part(code, 0, LEVEL_CODE_MAX)), known);
}

/* A level's code, or the code of a registered group for all of its levels.  seen: of the groups, so that one that is
 * named again costs nothing again. */
static bool take_code(const struct variable *v, struct slice code, bool *in, bool *seen)
{
    int level = variable_find_level(v, code), name = level < 0 ? variable_find_group(v, code) : -1;
    if (level >= 0)
        in[level] = true;
    if (name < 0)
        return level >= 0;
    const struct group *group = v->group_names[name].group;
    for (unsigned k = 0; !seen[name] && k < group->level_count; k++)
        in[group->levels[k]] = true;
    return seen[name] = true;
}

static result read_levels(struct reading *r, const struct json *json, const char *path, struct value_set *set)
{
    const struct variable *v = &r->d->variables[set->variable];
    if (json_kind(json) != JSON_ARRAY)
        return FAIL_AT(r->why, MALFORMED, path, "the values of '%.*s' are an array of its level codes (and null: no value)",
                       SLICE_ARG(v->name));
    bool *in = arena_take_many(r->q->memory, v->level_count, sizeof *in);
    bool *seen = arena_take_many(r->q->memory, v->group_name_count + (size_t)1, sizeof *seen);
    set->levels = arena_take_many(r->q->memory, v->level_count, sizeof *set->levels);
    if (!in || !seen || !set->levels)
        return no_memory(r->why);
    for (size_t i = 0; i < json_size(json); i++) {
        const struct json *item = json_item(json, i);
        char at[JSON_PATH_MAX];
        (void)snprintf(at, sizeof at, "%.80s/%u", path, (unsigned)i);
        if (json_kind(item) == JSON_NULL) {
            set->missing = true;
            continue;
        }
        if (json_kind(item) != JSON_STRING)
            return FAIL_AT(r->why, MALFORMED, at, "level codes are texts (\"1\", not 1), or null for rows without a value");
        if (!take_code(v, json_text(item), in, seen))
            return unknown_level(r, v, json_text(item), at);
    }
    for (unsigned i = 0; i < v->level_count; i++)
        if (in[i])
            set->levels[set->level_count++] = i;
    if (!set->level_count && !set->missing)
        return FAIL_AT(r->why, MALFORMED, path, "an empty set holds nobody: give at least one code, or leave '%.*s' out",
                       SLICE_ARG(v->name));
    return DONE;
}

static bool set_is_complete(const struct dictionary *d, const struct value_set *s)
{
    const struct variable *v = &d->variables[s->variable];
    if (!s->missing)
        return false;
    if (is_set_of_levels(v))
        return s->level_count == v->level_count;
    return s->range_count == 1 && s->ranges[0].from == -INFINITY && s->ranges[0].to == INFINITY;
}

static int slice_order(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static result read_sites(struct reading *r, const struct json *json)
{
    struct question *q = r->q;
    if (json_kind(json) != JSON_ARRAY || !json_size(json) || json_size(json) > SITES_ASKED_MAX)
        return FAIL_AT(r->why, MALFORMED, "/where/site", "`site` takes an array of 1 to %d site ids", SITES_ASKED_MAX);
    unsigned n = 0;
    for (size_t i = 0; i < json_size(json); i++) {
        struct site_id site;
        char at[JSON_PATH_MAX];
        (void)snprintf(at, sizeof at, "/where/site/%u", (unsigned)i);
        if (json_kind(json_item(json, i)) != JSON_STRING)
            return FAIL_AT(r->why, MALFORMED, at, "a site id is a text");
        result parsed = site_id_parse(json_text(json_item(json, i)), &site, r->why);
        if (!is_ok(parsed)) {
            if (r->why)
                (void)snprintf(r->why->field, sizeof r->why->field, "%s", at);
            return parsed;
        }
        const char *text = arena_str(q->memory, slice_str(site.text));
        if (!text)
            return no_memory(r->why);
        q->sites[n++] = slice_str(text);
    }
    qsort(q->sites, n, sizeof q->sites[0], slice_order);
    for (unsigned i = 0; i < n; i++)
        if (!i || !slice_equal(q->sites[i], q->sites[q->site_count - 1]))
            q->sites[q->site_count++] = q->sites[i];
    return DONE;
}

static result read_where(struct reading *r, const struct json *where)
{
    struct question *q = r->q;
    size_t members = json_size(where), index = 0;
    struct slice key;
    const struct json *value;
    if (members > BOX_VARIABLES_MAX + 1)
        return FAIL_CODE(r->why, LIMIT, "too_large", "/where", "a cohort names at most %d variables", BOX_VARIABLES_MAX);
    q->box = arena_take_many(q->memory, members ? members : 1, sizeof *q->box);
    if (!q->box)
        return no_memory(r->why);
    while (json_next(where, &index, &key, &value)) {
        char path[JSON_PATH_MAX];
        (void)snprintf(path, sizeof path, "/where/%.*s", (int)(key.len > VARIABLE_MAX ? VARIABLE_MAX : key.len), (const char *)key.at);
        if (slice_is(key, "site")) {
            TRY(read_sites(r, value));
            continue;
        }
        struct value_set set = {0};
        TRY(find_variable(r, key, path, &set.variable));
        if (is_set_of_levels(&r->d->variables[set.variable]))
            TRY(read_levels(r, value, path, &set));
        else
            TRY(read_ranges(r, value, path, &set));
        if (set_is_complete(r->d, &set))
            continue;
        /* Insertion keeps the box sorted by name; there are at most BOX_VARIABLES_MAX. */
        unsigned at = q->box_count++;
        for (; at && slice_compare(r->d->variables[q->box[at - 1].variable].name, key) > 0; at--)
            q->box[at] = q->box[at - 1];
        q->box[at] = set;
    }
    if (q->box_count > BOX_VARIABLES_MAX)
        return FAIL_CODE(r->why, LIMIT, "too_large", "/where", "a cohort names at most %d variables", BOX_VARIABLES_MAX);
    return DONE;
}

/* --- reading: the statistic -------------------------------------------------------------------- */

static result read_breaks(struct reading *r, const struct json *breaks, const char *path, struct dimension *ret)
{
    const struct variable *v = &r->d->variables[ret->variable];
    if (!is_axis(v))
        return FAIL_AT(r->why, MALFORMED, path, "'%.*s' is of type %s and takes no breaks: its cells are its levels", SLICE_ARG(v->name),
                       variable_type_name(v->type));
    size_t count = json_size(breaks);
    if (count < 2)
        return FAIL_AT(r->why, MALFORMED, path, "at least two breaks make a cell");
    ret->breaks = arena_take_many(r->q->memory, count, sizeof *ret->breaks);
    if (!ret->breaks)
        return no_memory(r->why);
    for (size_t i = 0; i < count; i++) {
        char at[JSON_PATH_MAX];
        (void)snprintf(at, sizeof at, "%.80s/%u", path, (unsigned)i);
        TRY(read_cut(r, v, json_item(breaks, i), at, true, &ret->breaks[i]));
        if (i && ret->breaks[i] <= ret->breaks[i - 1])
            return FAIL_AT(r->why, MALFORMED, at, "breaks must rise strictly");
    }
    ret->break_count = (unsigned)count;
    for (size_t i = 0; !variable_find_breaks(v, ret->breaks, ret->break_count) && i < count; i++) {
        char at[JSON_PATH_MAX];
        (void)snprintf(at, sizeof at, "%.80s/%u", path, (unsigned)i);
        TRY(read_cut(r, v, json_item(breaks, i), at, false, &ret->breaks[i]));
    }
    ret->grouping = variable_find_breaks(v, ret->breaks, ret->break_count); /* named or not, it is that grouping */
    return DONE;
}

/* A grouping that the dictionary registers; others are not taken (docs/DISCLOSURE.md, 1.3). */
static result find_grouping(struct reading *r, const struct variable *v, struct slice name, const char *path, const struct grouping **ret)
{
    char known[120];
    size_t used = 0;
    known[0] = 0;
    *ret = variable_find_grouping(v, name);
    if (*ret)
        return DONE;
    if (!v->grouping_count)
        return FAIL_CODE(r->why, MALFORMED, "unknown_grouping", path, "no groupings are registered for '%.*s'; its data holders may in the dictionary",
                         SLICE_ARG(v->name));
    for (unsigned i = 0; i < v->grouping_count && used + VARIABLE_MAX + 2 < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%.*s", i ? ", " : "", SLICE_ARG(v->groupings[i].name));
    return FAIL_CODE(r->why, MALFORMED, "unknown_grouping", path, "'%.*s' has no grouping '%.*s'; it has %s", SLICE_ARG(v->name),
                     SLICE_ARG(slice_part(name, 0, VARIABLE_MAX)), known);
}

/* Which groups were meant, where the question says so: a site whose dictionary has others by that name must not answer. */
static result check_definition(struct reading *r, const struct grouping *g, struct slice definition, const char *path)
{
    char text[2 * HASH_LEN + 1];
    if (!definition.at)
        return DONE;
    hash_print(&g->definition, text);
    return g->groups && slice_is(definition, text)
               ? DONE
               : FAIL_CODE(r->why, MALFORMED, "unknown_grouping", path, "the grouping '%.*s' has other groups here than the question means; leave `definition` out to ask for these",
                           SLICE_ARG(g->name));
}

/* Named breaks are those breaks: the canonical form is theirs. */
static void take_breaks(const struct grouping *g, struct dimension *ret)
{
    ret->grouping = g;
    ret->breaks = g->breaks;
    ret->break_count = g->break_count;
}

static result read_dimension(struct reading *r, const struct json *json, const char *path, struct dimension *ret)
{
    char at[JSON_PATH_MAX];
    struct slice name, grouping = {0}, definition = {0};
    const struct json *breaks = NULL;
    if (json_kind(json) == JSON_STRING) {
        (void)snprintf(at, sizeof at, "%s", path);
        name = json_text(json);
    } else {
        struct fields f;
        TRY(fields_open(json, path, &f, r->why));
        TRY(need_text(&f, "variable", VARIABLE_MAX, &name));
        TRY(may_array(&f, "breaks", BREAKS_MAX, &breaks));
        TRY(may_text(&f, "grouping", VARIABLE_MAX, &grouping));
        TRY(may_text(&f, "definition", 2 * HASH_LEN, &definition));
        TRY(fields_close(&f));
        fields_path(&f, "variable", at);
    }
    TRY(find_variable(r, name, at, &ret->variable));
    if ((breaks && grouping.at) || (definition.at && !grouping.at))
        return FAIL_AT(r->why, MALFORMED, path, "breaks or a grouping make the cells, not both");
    if (grouping.at) {
        (void)snprintf(at, sizeof at, "%.80s/grouping", path);
        TRY(find_grouping(r, &r->d->variables[ret->variable], grouping, at, &ret->grouping));
        TRY(check_definition(r, ret->grouping, definition, at));
        take_breaks(ret->grouping, ret);
        return DONE;
    }
    if (breaks) {
        (void)snprintf(at, sizeof at, "%.80s/breaks", path);
        return read_breaks(r, breaks, at, ret);
    }
    if (is_axis(&r->d->variables[ret->variable]))
        return FAIL_AT(r->why, MALFORMED, at, "'%.*s' is of type %s: give its cells as {\"variable\", \"breaks\": [...]}", SLICE_ARG(name),
                       variable_type_name(r->d->variables[ret->variable].type));
    return DONE;
}

static result check_cells(struct reading *r, const char *path)
{
    uint64_t max = r->d->profile == PROFILE_OPEN ? TABLE_CELLS_OPEN_MAX : TABLE_CELLS_MAX, cells = 1;
    for (unsigned i = 0; i < r->q->dimension_count; i++) {
        cells *= dimension_cells(r->q, i); /* at most 1e5 * 2e4: no overflow */
        if (cells > max)
            return FAIL_CODE(r->why, LIMIT, "too_many_cells", path, "the table has more than %u cells; use coarser breaks or fewer dimensions",
                             (unsigned)max);
    }
    return DONE;
}

static result read_table(struct reading *r, struct fields *f)
{
    struct question *q = r->q;
    const struct json *by;
    TRY(need_array(f, "by", TABLE_DIMENSIONS_MAX, &by));
    if (!json_size(by))
        return FAIL_AT(r->why, MALFORMED, "/statistic/table/by", "a table has 1 to %d dimensions", TABLE_DIMENSIONS_MAX);
    for (size_t i = 0; i < json_size(by); i++) {
        char path[JSON_PATH_MAX];
        (void)snprintf(path, sizeof path, "/statistic/table/by/%u", (unsigned)i);
        TRY(read_dimension(r, json_item(by, i), path, &q->dimensions[i]));
        for (size_t j = 0; j < i; j++)
            if (q->dimensions[j].variable == q->dimensions[i].variable)
                return FAIL_AT(r->why, MALFORMED, path, "'%.*s' is a dimension already",
                               SLICE_ARG(r->d->variables[q->dimensions[i].variable].name));
        q->dimension_count++;
    }
    return check_cells(r, "/statistic/table/by");
}

static result read_histogram(struct reading *r, struct fields *f)
{
    struct slice name, grouping = {0};
    const struct json *breaks = NULL;
    struct dimension *d = &r->q->dimensions[0];
    TRY(need_text(f, "variable", VARIABLE_MAX, &name));
    TRY(may_text(f, "grouping", VARIABLE_MAX, &grouping));
    TRY((grouping.at ? may_array : need_array)(f, "breaks", BREAKS_MAX, &breaks));
    TRY(find_variable(r, name, "/statistic/histogram/variable", &d->variable));
    if (breaks && grouping.at)
        return FAIL_AT(r->why, MALFORMED, "/statistic/histogram", "breaks or a grouping make the cells, not both");
    if (breaks)
        TRY(read_breaks(r, breaks, "/statistic/histogram/breaks", d));
    else
        TRY(find_grouping(r, &r->d->variables[d->variable], grouping, "/statistic/histogram/grouping", &d->grouping));
    if (!breaks && !d->grouping->breaks)
        return FAIL_AT(r->why, MALFORMED, "/statistic/histogram/grouping", "a histogram is of a number; ask for a table by this grouping of '%.*s'", SLICE_ARG(name));
    if (!breaks)
        take_breaks(d->grouping, d);
    r->q->dimension_count = 1;
    return check_cells(r, "/statistic/histogram/breaks");
}

static int number_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static result read_quantiles(struct reading *r, const struct json *quantiles)
{
    struct question *q = r->q;
    size_t count = json_size(quantiles);
    q->quantiles = arena_take_many(q->memory, count ? count : 1, sizeof *q->quantiles);
    if (!q->quantiles)
        return no_memory(r->why);
    for (size_t i = 0; i < count; i++) {
        const struct json *p = json_item(quantiles, i);
        if (!json_is_number(p) || !(json_number(p) >= 0 && json_number(p) <= 1))
            return FAIL_AT(r->why, MALFORMED, "/statistic/summary/quantiles", "quantiles are probabilities from 0 to 1");
        q->quantiles[i] = json_number(p) + 0.0;
    }
    qsort(q->quantiles, count, sizeof *q->quantiles, number_order);
    for (size_t i = 0; i < count; i++)
        if (!i || q->quantiles[i] > q->quantiles[q->quantile_count - 1])
            q->quantiles[q->quantile_count++] = q->quantiles[i];
    return DONE;
}

/* protected moments are of persons, and of values that public bounds hold. */
static result summary_is_released(const struct reading *r)
{
    const char *profile = profile_name(r->d->profile);
    if (r->d->event_table)
        return FAIL_CODE(r->why, DENIED, "summary_not_released", "/statistic/summary",
                         "a summary of '%s' is not released under its profile %s, since its rows are events, not persons; count, table and histogram are", r->d->dataset.text, profile);
    for (unsigned i = 0; i < r->q->variable_count; i++) {
        const struct variable *v = &r->d->variables[r->q->variables[i]];
        char path[JSON_PATH_MAX];
        (void)snprintf(path, sizeof path, "/statistic/summary/variables/%u", i);
        if (!v->has_clamps)
            return FAIL_CODE(r->why, DENIED, "summary_not_released", path,
                             "under profile %s '%.*s' needs clamps: public bounds that its data holder names in the dictionary (or with load --clamps)",
                             profile, SLICE_ARG(v->name));
    }
    return DONE;
}

/* quantiles come from cells of the public grid where persons are protected, and are never the smallest or the largest. */
static result quantiles_are_released(const struct reading *r)
{
    const struct question *q = r->q;
    static const char at[] = "/statistic/summary/quantiles";
    bool open = r->d->profile == PROFILE_OPEN;
    unsigned max = open ? QUANTILE_VALUES_MAX : TABLE_CELLS_MAX;
    if (!q->quantile_count)
        return DONE;
    if ((uint64_t)question_groups(q) * q->variable_count * QUANTILE_CELLS_MAX > max)
        return FAIL_CODE(r->why, LIMIT, "too_many_cells", at, "quantiles of at most %u groups times variables at once; ask for fewer groups, or for some of the variables",
                         max / QUANTILE_CELLS_MAX);
    if (open)
        return DONE;
    if (r->d->profile == PROFILE_DP)
        return FAIL_CODE(r->why, DENIED, "quantile_not_released", at, "quantiles are not released under profile dp; ask for a histogram, which shows where they lie");
    if (q->quantiles[0] <= 0 || q->quantiles[q->quantile_count - 1] >= 1)
        return FAIL_CODE(r->why, DENIED, "quantile_not_released", at,
                         "the smallest and the largest value (0 and 1) are never released under profile %s; ask for 0.05 and 0.95", profile_name(r->d->profile));
    for (unsigned i = 0; i < q->variable_count; i++) {
        const struct variable *v = &r->d->variables[q->variables[i]];
        if (!(v->grid_step > 0))
            return FAIL_CODE(r->why, DENIED, "quantile_not_released", at,
                             "no public grid is known for '%.*s', so it has no cells to read quantiles from; its data holder can name one in the dictionary",
                             SLICE_ARG(v->name));
    }
    return DONE;
}

/* Those with a value of a variable are a cohort too, which names it. */
static result summary_leaves_room(struct reading *r)
{
    const struct question *q = r->q;
    bool all_named = true;
    for (unsigned v = 0; v < q->variable_count; v++) {
        bool named = false;
        for (unsigned b = 0; b < q->box_count; b++)
            named = named || q->box[b].variable == q->variables[v];
        all_named = all_named && named;
    }
    if (!all_named && q->box_count == BOX_VARIABLES_MAX)
        return FAIL_CODE(r->why, LIMIT, "too_large", "/where", "a summary's cohort names at most %d variables", BOX_VARIABLES_MAX - 1);
    return DONE;
}

/* `by` is a category's name, or {"variable", "grouping"}. */
static result read_by(struct reading *r, const struct json *json, unsigned variables)
{
    struct question *q = r->q;
    struct slice name, grouping = {0}, definition = {0};
    unsigned variable;
    const char *at = "/statistic/summary/by";
    if (json_kind(json) == JSON_STRING) {
        name = json_text(json);
    } else {
        struct fields f;
        TRY(fields_open(json, at, &f, r->why));
        TRY(need_text(&f, "variable", VARIABLE_MAX, &name));
        TRY(need_text(&f, "grouping", VARIABLE_MAX, &grouping));
        TRY(may_text(&f, "definition", 2 * HASH_LEN, &definition));
        TRY(fields_close(&f));
    }
    TRY(find_variable(r, name, at, &variable));
    const struct variable *v = &r->d->variables[variable];
    if (!is_set_of_levels(v))
        return FAIL_AT(r->why, MALFORMED, at, "'%.*s' is of type %s: groups are made by a category", SLICE_ARG(name), variable_type_name(v->type));
    if (grouping.at)
        TRY(find_grouping(r, v, grouping, "/statistic/summary/by/grouping", &q->by_grouping));
    if (grouping.at)
        TRY(check_definition(r, q->by_grouping, definition, "/statistic/summary/by/grouping"));
    q->by = (int)variable;
    if ((uint64_t)variables * question_groups(q) > TABLE_CELLS_OPEN_MAX)
        return FAIL_CODE(r->why, LIMIT, "too_many_cells", at, "groups times variables is more than %d", TABLE_CELLS_OPEN_MAX);
    return DONE;
}

static result read_summary(struct reading *r, struct fields *f)
{
    struct question *q = r->q;
    const struct json *variables, *quantiles = NULL, *by = NULL;
    TRY(need_array(f, "variables", SUMMARY_VARIABLES_MAX, &variables));
    TRY(may_any(f, "by", &by));
    TRY(may_array(f, "quantiles", QUANTILES_MAX, &quantiles));
    size_t count = json_size(variables);
    if (!count)
        return FAIL_AT(r->why, MALFORMED, "/statistic/summary/variables", "name 1 to %d variables", SUMMARY_VARIABLES_MAX);
    q->variables = arena_take_many(q->memory, count, sizeof *q->variables);
    if (!q->variables)
        return no_memory(r->why);
    for (size_t i = 0; i < count; i++) {
        char path[JSON_PATH_MAX];
        (void)snprintf(path, sizeof path, "/statistic/summary/variables/%u", (unsigned)i);
        if (json_kind(json_item(variables, i)) != JSON_STRING)
            return FAIL_AT(r->why, MALFORMED, path, "must be a variable's name");
        TRY(find_variable(r, json_text(json_item(variables, i)), path, &q->variables[i]));
        const struct variable *v = &r->d->variables[q->variables[i]];
        if (v->type != VARIABLE_INTEGER && v->type != VARIABLE_NUMBER)
            return FAIL_AT(r->why, MALFORMED, path, "'%.*s' is of type %s: only integers and numbers have a mean", SLICE_ARG(v->name),
                           variable_type_name(v->type));
        for (size_t j = 0; j < i; j++)
            if (q->variables[j] == q->variables[i])
                return FAIL_AT(r->why, MALFORMED, path, "'%.*s' is named twice", SLICE_ARG(v->name));
    }
    q->variable_count = (unsigned)count;
    if (by)
        TRY(read_by(r, by, (unsigned)count));
    if (quantiles)
        TRY(read_quantiles(r, quantiles));
    TRY(summary_leaves_room(r));
    if (r->d->profile != PROFILE_OPEN)
        TRY(summary_is_released(r));
    return quantiles_are_released(r);
}

static result read_statistic(struct reading *r, const struct json *statistic)
{
    struct slice name = {0};
    const struct json *parameters = NULL;
    size_t index = 0;
    if (json_size(statistic) != 1 || !json_next(statistic, &index, &name, &parameters))
        return FAIL_AT(r->why, MALFORMED, "/statistic", "a question asks for exactly one statistic: count, table, summary or histogram");
    unsigned kind = 0;
    while (kind < STATISTIC_KINDS && !slice_is(name, STATISTICS[kind]))
        kind++;
    if (kind == STATISTIC_KINDS)
        return FAIL_CODE(r->why, MALFORMED, "unknown_statistic", "/statistic", "'%.*s' is no statistic: count, table, summary or histogram",
                         SLICE_ARG(slice_part(name, 0, 40)));
    r->q->statistic = (enum statistic)kind;
    char path[JSON_PATH_MAX];
    struct fields f;
    (void)snprintf(path, sizeof path, "/statistic/%s", STATISTICS[kind]);
    TRY(fields_open(parameters, path, &f, r->why));
    switch (r->q->statistic) {
    case STATISTIC_TABLE: TRY(read_table(r, &f)); break;
    case STATISTIC_SUMMARY: TRY(read_summary(r, &f)); break;
    case STATISTIC_HISTOGRAM: TRY(read_histogram(r, &f)); break;
    case STATISTIC_COUNT:
    case STATISTIC_KINDS: break;
    }
    return fields_close(&f);
}

/* --- the canonical form (R-31) ----------------------------------------------------------------- */

static struct json *cut_json(const struct variable *v, double x)
{
    char text[JSON_NUMBER_TEXT_SIZE];
    if (v->type != VARIABLE_DATE)
        return json_of_number(x);
    cut_text(v, x, text);
    return json_of_str(text);
}

static struct json *range_json(const struct variable *v, const struct range *range)
{
    struct json *o = json_object();
    if (isfinite(range->from))
        json_set(o, "from", cut_json(v, range->from));
    if (isfinite(range->to))
        json_set(o, "to", cut_json(v, range->to));
    return o;
}

static struct json *set_json(const struct variable *v, const struct value_set *s)
{
    if (!is_set_of_levels(v) && s->range_count == 1 && !s->missing)
        return range_json(v, &s->ranges[0]);
    struct json *a = json_array();
    for (unsigned i = 0; i < s->level_count; i++)
        json_add(a, json_of_text(v->levels[s->levels[i]]));
    for (unsigned i = 0; i < s->range_count; i++)
        json_add(a, range_json(v, &s->ranges[i]));
    if (s->missing)
        json_add(a, json_of_null());
    return a;
}

static struct json *breaks_json(const struct variable *v, const struct dimension *dimension)
{
    struct json *a = json_array();
    for (unsigned i = 0; i < dimension->break_count; i++)
        json_add(a, cut_json(v, dimension->breaks[i]));
    return a;
}

static struct json *grouping_json(const struct variable *v, const struct grouping *g)
{
    struct json *o = json_object();
    json_set(o, "variable", json_of_text(v->name));
    json_set(o, "grouping", json_of_text(g->name));
    json_set(o, "definition", json_of_hex(slice_of(g->definition.at, HASH_LEN)));
    return o;
}

static struct json *parameters_json(const struct question *q)
{
    const struct variable *variables = q->dictionary->variables;
    struct json *o = json_object(), *a;
    switch (q->statistic) {
    case STATISTIC_TABLE:
        a = json_array();
        for (unsigned i = 0; i < q->dimension_count; i++) {
            const struct dimension *d = &q->dimensions[i];
            const struct variable *v = &variables[d->variable];
            if (!d->breaks) {
                json_add(a, d->grouping ? grouping_json(v, d->grouping) : json_of_text(v->name));
                continue;
            }
            struct json *by = json_object();
            json_set(by, "variable", json_of_text(v->name));
            json_set(by, "breaks", breaks_json(v, d));
            json_add(a, by);
        }
        json_set(o, "by", a);
        break;
    case STATISTIC_HISTOGRAM:
        json_set(o, "variable", json_of_text(variables[q->dimensions[0].variable].name));
        json_set(o, "breaks", breaks_json(&variables[q->dimensions[0].variable], &q->dimensions[0]));
        break;
    case STATISTIC_SUMMARY:
        a = json_array();
        for (unsigned i = 0; i < q->variable_count; i++)
            json_add(a, json_of_text(variables[q->variables[i]].name));
        json_set(o, "variables", a);
        if (q->by >= 0)
            json_set(o, "by", q->by_grouping ? grouping_json(&variables[q->by], q->by_grouping) : json_of_text(variables[q->by].name));
        if (q->quantile_count) {
            a = json_array();
            for (unsigned i = 0; i < q->quantile_count; i++)
                json_add(a, json_of_number(q->quantiles[i]));
            json_set(o, "quantiles", a);
        }
        break;
    case STATISTIC_COUNT:
    case STATISTIC_KINDS: break;
    }
    return o;
}

static struct json *question_json(const struct question *q)
{
    struct json *o = json_object(), *statistic = json_object();
    json_set(o, "innsyn", json_of_str("question/1"));
    json_set(o, "dataset", json_of_str(q->dictionary->dataset.text));
    if (q->box_count || q->site_count) {
        struct json *where = json_object();
        for (unsigned i = 0; i < q->box_count; i++) {
            const struct variable *v = &q->dictionary->variables[q->box[i].variable];
            char name[VARIABLE_MAX + 1];
            (void)slice_copy_str(v->name, name, sizeof name);
            json_set(where, name, set_json(v, &q->box[i]));
        }
        if (q->site_count) {
            struct json *sites = json_array();
            for (unsigned i = 0; i < q->site_count; i++)
                json_add(sites, json_of_text(q->sites[i]));
            json_set(where, "site", sites);
        }
        json_set(o, "where", where);
    }
    json_set(statistic, STATISTICS[q->statistic], parameters_json(q));
    json_set(o, "statistic", statistic);
    if (q->by_site)
        json_set(o, "by_site", json_of_bool(true));
    return o;
}

result question_cohort(const struct question *q, struct buffer *to, struct why *why)
{
    struct question count = *q; /* borrows everything */
    count.statistic = STATISTIC_COUNT;
    count.by_site = false;
    count.site_count = 0;
    struct json *v CLEANUP(json_freep) = question_json(&count);
    return json_print(v, to, why);
}

/* --- life -------------------------------------------------------------------------------------- */

result question_dataset(const struct json *v, struct label *ret, struct why *why)
{
    struct fields f;
    struct slice text;
    TRY(fields_open(v, "", &f, why));
    TRY(need_text(&f, "dataset", LABEL_MAX, &text));
    result r = label_parse(text, ret, why);
    if (!is_ok(r) && why)
        (void)snprintf(why->field, sizeof why->field, "/dataset");
    return r;
}

static result question_new(const struct dictionary *d, struct question **ret, struct why *why)
{
    struct question *q CLEANUP(question_freep) = calloc(1, sizeof *q);
    if (!q)
        return no_memory(why);
    q->dictionary = d;
    q->by = -1;
    buffer_init(&q->canonical, QUESTION_BYTES_MAX);
    q->memory = calloc(1, sizeof *q->memory);
    if (!q->memory)
        return no_memory(why);
    arena_init(q->memory, QUESTION_MEMORY_MAX);
    *ret = MOVE(q);
    return DONE;
}

result question_read(const struct json *v, const struct dictionary *d, struct question **ret, struct why *why)
{
    struct fields f;
    struct slice kind;
    struct label dataset;
    const struct json *where = NULL, *statistic;
    struct question *q CLEANUP(question_freep) = NULL;
    struct json *canonical CLEANUP(json_freep) = NULL;

    TRY(question_new(d, &q, why));
    struct reading r = {d, q, why};
    TRY(question_dataset(v, &dataset, why));
    if (!label_equal(&dataset, &d->dataset))
        return FAIL_AT(why, MALFORMED, "/dataset", "the dataset is '%s' here, not '%s'", d->dataset.text, dataset.text);
    TRY(fields_open(v, "", &f, why));
    TRY(need_text(&f, "innsyn", 32, &kind));
    if (!slice_is(kind, "question/1"))
        return FAIL_AT(why, MALFORMED, "/innsyn", "must be \"question/1\"");
    TRY(need_any(&f, "dataset", &where));
    where = NULL;
    TRY(may_object(&f, "where", &where));
    TRY(need_object(&f, "statistic", &statistic));
    TRY(may_bool(&f, "by_site", &q->by_site));
    TRY(fields_close(&f));
    if (where)
        TRY(read_where(&r, where));
    TRY(read_statistic(&r, statistic));
    canonical = question_json(q);
    TRY(json_print(canonical, &q->canonical, why));
    q->hash = sha256(buffer_slice(&q->canonical));
    *ret = MOVE(q);
    return DONE;
}

void question_free(struct question *q)
{
    if (!q)
        return;
    buffer_done(&q->canonical);
    if (q->memory)
        arena_done(q->memory);
    free(q->memory);
    free(q);
}

void question_freep(struct question **q)
{
    question_free(*q);
    *q = NULL;
}

unsigned dimension_cells(const struct question *q, unsigned dimension)
{
    const struct dimension *d = &q->dimensions[dimension];
    return d->breaks ? d->break_count - 1 : d->grouping ? d->grouping->group_count : q->dictionary->variables[d->variable].level_count;
}

unsigned question_groups(const struct question *q)
{
    return q->by < 0 ? 1 : q->by_grouping ? q->by_grouping->group_count : q->dictionary->variables[q->by].level_count;
}

struct slice question_group_code(const struct question *q, unsigned group)
{
    return q->by_grouping ? q->by_grouping->groups[group].code : q->dictionary->variables[q->by].levels[group];
}

uint64_t question_cells(const struct question *q)
{
    uint64_t cells = 1;
    for (unsigned i = 0; i < q->dimension_count; i++)
        cells *= dimension_cells(q, i);
    return cells;
}

/* --- the box of a cell (R-35) ------------------------------------------------------------------ */

/* What a cell leaves of one variable: a single level, or one range, or everything present, or missing. */
struct narrowing {
    bool narrowed;
    bool values;  /* rows with a value can be in it */
    bool missing; /* rows without one can be in it */
    int level;    /* categories: this level only; -1: any */
    const struct group *group; /* or these levels only; NULL: any */
    struct range range;
};

static result narrow(const struct question *q, unsigned dimension, int slot, struct narrowing *ret, struct why *why)
{
    const struct dimension *d = &q->dimensions[dimension];
    const struct variable *v = &q->dictionary->variables[d->variable];
    int cells = (int)dimension_cells(q, dimension), below = cells, above = cells + 1, missing = cells + 2;
    if (slot < CELL_INSIDE || slot > missing)
        return FAIL(why, LIMIT, "dimension %u has no slot %d", dimension, slot);
    *ret = (struct narrowing){.narrowed = true, .level = -1, .range = {-INFINITY, INFINITY}};
    ret->missing = slot == missing;
    ret->values = slot != missing;
    if (!d->breaks) {
        if (slot == below || slot == above)
            ret->values = false; /* levels have no outside */
        else if (slot >= 0 && slot < cells && d->grouping)
            ret->group = &d->grouping->groups[slot];
        else if (slot >= 0 && slot < cells)
            ret->level = slot;
        return DONE;
    }
    double first = lattice_from(v, d->breaks[0]), end = lattice_after(v, d->breaks[cells]);
    if (slot == below) {
        ret->range.to = first;
    } else if (slot == above) {
        ret->range.from = end;
    } else if (slot == CELL_INSIDE) {
        ret->range = (struct range){first, end};
    } else if (slot != missing) {
        ret->range.from = lattice_from(v, d->breaks[slot]);
        ret->range.to = slot + 1 == cells ? end : lattice_from(v, d->breaks[slot + 1]);
    }
    return DONE;
}

/* Codes may hold any byte: those that separate are escaped, so that no two sets share a text. */
static result add_code(struct buffer *to, struct slice code, struct why *why)
{
    for (size_t i = 0; i < code.len; i++) {
        uint8_t c = code.at[i];
        if (c == '%' || c == ',' || c == ';' || c == '?')
            TRY(buffer_printf(to, why, "%%%02X", (unsigned)c));
        else
            TRY(buffer_add_byte(to, c, why));
    }
    return DONE;
}

static int index_order(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

static bool set_has_level(const struct value_set *s, unsigned level)
{
    return !s || bsearch(&level, s->levels, s->level_count, sizeof level, index_order);
}

static result add_levels(struct buffer *to, const struct variable *v, const struct value_set *s, const struct narrowing *n,
                         bool *first, struct why *why)
{
    if (n->level >= 0) {
        if (!set_has_level(s, (unsigned)n->level))
            return DONE;
        *first = false;
        return add_code(to, v->levels[n->level], why);
    }
    const unsigned *order = n->group ? n->group->by_code : v->level_order;
    unsigned count = n->group ? n->group->level_count : v->level_count;
    for (unsigned i = 0; i < count; i++) {
        if (!set_has_level(s, order[i]))
            continue;
        if (!*first)
            TRY(buffer_add_byte(to, ',', why));
        *first = false;
        TRY(add_code(to, v->levels[order[i]], why));
    }
    return DONE;
}

static void end_text(double x, char to[JSON_NUMBER_TEXT_SIZE])
{
    if (isfinite(x))
        json_number_text(x, to);
    else
        (void)snprintf(to, JSON_NUMBER_TEXT_SIZE, "%s", x < 0 ? "-inf" : "inf");
}

static result add_ranges(struct buffer *to, const struct value_set *s, const struct narrowing *n, bool *first, struct why *why)
{
    static const struct range ALL = {-INFINITY, INFINITY};
    const struct range *ranges = s ? s->ranges : &ALL;
    unsigned count = s ? s->range_count : 1;
    for (unsigned i = 0; i < count; i++) {
        char from[JSON_NUMBER_TEXT_SIZE], end[JSON_NUMBER_TEXT_SIZE];
        struct range r = {fmax(ranges[i].from, n->range.from), fmin(ranges[i].to, n->range.to)};
        if (r.from >= r.to)
            continue;
        end_text(r.from, from);
        end_text(r.to, end);
        TRY(buffer_printf(to, why, "%s[%s,%s)", *first ? "" : ",", from, end));
        *first = false;
    }
    return DONE;
}

static result add_set(struct buffer *to, const struct variable *v, const struct value_set *s, const struct narrowing *n, struct why *why)
{
    bool first = true;
    TRY(buffer_add(to, v->name, why));
    TRY(buffer_add_byte(to, '=', why));
    if (n->values && is_set_of_levels(v))
        TRY(add_levels(to, v, s, n, &first, why));
    else if (n->values)
        TRY(add_ranges(to, s, n, &first, why));
    if (n->missing && (!s || s->missing)) {
        if (!first)
            TRY(buffer_add_byte(to, ',', why));
        TRY(buffer_add_byte(to, '?', why));
    }
    return DONE;
}

result question_cell_box(const struct question *q, const int index[TABLE_DIMENSIONS_MAX], struct buffer *to, struct why *why)
{
    const struct variable *variables = q->dictionary->variables;
    unsigned order[BOX_VARIABLES_MAX + TABLE_DIMENSIONS_MAX], count = 0;
    struct narrowing narrowings[TABLE_DIMENSIONS_MAX];
    size_t start = to->len;

    for (unsigned i = 0; i < q->box_count; i++)
        order[count++] = q->box[i].variable;
    for (unsigned i = 0; i < q->dimension_count; i++) {
        narrowings[i].narrowed = false;
        if (index[i] == CELL_FREE)
            continue;
        TRY(narrow(q, i, index[i], &narrowings[i], why));
        unsigned variable = q->dimensions[i].variable, at = 0;
        while (at < count && slice_compare(variables[order[at]].name, variables[variable].name) < 0)
            at++;
        if (at < count && order[at] == variable)
            continue;
        memmove(&order[at + 1], &order[at], (count - at) * sizeof order[0]);
        order[at] = variable;
        count++;
    }
    for (unsigned i = 0; i < count; i++) {
        const struct value_set *set = NULL;
        struct narrowing n = {.values = true, .missing = true, .level = -1, .range = {-INFINITY, INFINITY}};
        for (unsigned j = 0; j < q->box_count; j++)
            if (q->box[j].variable == order[i])
                set = &q->box[j];
        for (unsigned j = 0; j < q->dimension_count; j++)
            if (q->dimensions[j].variable == order[i] && narrowings[j].narrowed)
                n = narrowings[j];
        result r = i ? buffer_add_byte(to, ';', why) : DONE;
        if (is_ok(r))
            r = add_set(to, &variables[order[i]], set, &n, why);
        if (!is_ok(r)) {
            to->len = start; /* all or nothing */
            return r;
        }
    }
    return DONE;
}
