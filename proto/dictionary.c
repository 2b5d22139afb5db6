#include "proto/dictionary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/instant.h"
#include "proto/fields.h"

enum { TEXT_MAX = 20000, UNIT_MAX = 100, NEAREST_EDITS_MAX = 2 };

static const struct {
    const char *name;
    enum variable_type type;
} TYPES[] = {
    {"id", VARIABLE_ID},          {"category", VARIABLE_CATEGORY}, {"categorical", VARIABLE_CATEGORY},
    {"integer", VARIABLE_INTEGER}, {"number", VARIABLE_NUMBER},     {"real", VARIABLE_NUMBER},
    {"date", VARIABLE_DATE},      {"code", VARIABLE_CODE},
};
enum { TYPE_NAMES = sizeof TYPES / sizeof TYPES[0] };

static const char *const PROFILES[] = {"ck", "strict", "dp", "open", NULL};

const char *profile_name(enum profile p)
{
    return p <= PROFILE_OPEN ? PROFILES[p] : "?";
}

result profile_parse(struct slice text, enum profile *ret, struct why *why)
{
    for (unsigned i = 0; PROFILES[i]; i++) {
        if (slice_is(text, PROFILES[i])) {
            *ret = (enum profile)i;
            return DONE;
        }
    }
    return FAIL(why, MALFORMED, "'%.*s' is no profile: it must be ck, strict, dp or open", SLICE_ARG(text));
}

static bool has_levels(enum variable_type t)
{
    return t == VARIABLE_CATEGORY || t == VARIABLE_CODE;
}

static bool has_grid(enum variable_type t)
{
    return t == VARIABLE_INTEGER || t == VARIABLE_NUMBER || t == VARIABLE_DATE;
}

/* --- reading ---------------------------------------------------------------------------------- */

static result read_grid(struct fields *f, struct variable *v)
{
    const struct json *grid = NULL;
    TRY(may_object(f, "grid", &grid));
    v->grid_origin = 0;
    v->grid_step = v->type == VARIABLE_NUMBER ? 0 : 1;
    if (!grid)
        return DONE;
    char path[JSON_PATH_MAX];
    fields_path(f, "grid", path);
    if (!has_grid(v->type))
        return FAIL_AT(f->why, MALFORMED, path, "a variable of type %s has no grid", variable_type_name(v->type));
    struct fields g;
    const struct json *origin = NULL, *step = NULL;
    TRY(fields_open(grid, path, &g, f->why));
    TRY(may_any(&g, "origin", &origin));
    TRY(need_any(&g, "step", &step));
    TRY(fields_close(&g));
    if (origin) {
        fields_path(&g, "origin", path);
        TRY(axis_read(origin, v->type, path, &v->grid_origin, f->why));
    }
    fields_path(&g, "step", path);
    TRY(axis_read(step, v->type == VARIABLE_DATE ? VARIABLE_INTEGER : v->type, path, &v->grid_step, f->why));
    if (!(v->grid_step > 0))
        return FAIL_AT(f->why, MALFORMED, path, "the step of a grid must be above 0");
    return DONE;
}

static result read_clamps(struct fields *f, struct variable *v)
{
    const struct json *clamps = NULL;
    TRY(may_array(f, "clamps", 2, &clamps));
    if (!clamps)
        return DONE;
    char path[JSON_PATH_MAX];
    fields_path(f, "clamps", path);
    if (!has_grid(v->type) || json_size(clamps) != 2)
        return FAIL_AT(f->why, MALFORMED, path, "clamps are [low, high] of an integer, number or date");
    TRY(axis_read(json_item(clamps, 0), v->type, path, &v->clamp_low, f->why));
    TRY(axis_read(json_item(clamps, 1), v->type, path, &v->clamp_high, f->why));
    if (v->clamp_low >= v->clamp_high)
        return FAIL_AT(f->why, MALFORMED, path, "the low clamp must be below the high one");
    v->has_clamps = true;
    return DONE;
}

static result read_levels(struct fields *f, struct variable *v)
{
    const struct json *levels = NULL;
    char path[JSON_PATH_MAX];
    fields_path(f, "levels", path);
    TRY(may_array(f, "levels", LEVELS_MAX, &levels));
    if (!has_levels(v->type)) {
        if (levels && json_size(levels))
            return FAIL_AT(f->why, MALFORMED, path, "a variable of type %s has no levels", variable_type_name(v->type));
        return DONE;
    }
    size_t count = levels ? json_size(levels) : 0;
    if (!count)
        return FAIL_AT(f->why, MALFORMED, path, "a variable of type %s needs its levels: [{\"code\", \"label\"}, ...]",
                       variable_type_name(v->type));
    v->levels = calloc(count, sizeof *v->levels);
    v->level_labels = calloc(count, sizeof *v->level_labels);
    if (!v->levels || !v->level_labels)
        return FAIL(f->why, LIMIT, "no memory for %zu levels", count);
    for (size_t i = 0; i < count; i++) {
        char at[JSON_PATH_MAX];
        struct fields l;
        (void)snprintf(at, sizeof at, "%.80s/%u", path, (unsigned)i);
        TRY(fields_open(json_item(levels, i), at, &l, f->why));
        TRY(need_text(&l, "code", LEVEL_CODE_MAX, &v->levels[i]));
        v->level_labels[i] = v->levels[i];
        TRY(may_text(&l, "label", LABEL_TEXT_MAX, &v->level_labels[i]));
        TRY(fields_close(&l));
        if (!v->levels[i].len)
            return FAIL_AT(f->why, MALFORMED, at, "a level's code may not be empty");
    }
    v->level_count = (unsigned)count;
    v->level_order = texts_order(v->levels, v->level_count);
    if (!v->level_order)
        return FAIL(f->why, LIMIT, "no memory for %zu levels", count);
    for (unsigned i = 1; i < v->level_count; i++) {
        struct slice code = v->levels[v->level_order[i]];
        if (slice_equal(code, v->levels[v->level_order[i - 1]]))
            return FAIL_AT(f->why, MALFORMED, path, "level '%.*s' is there twice", SLICE_ARG(code));
    }
    return DONE;
}

static result read_missing_codes(struct fields *f, struct variable *v)
{
    const struct json *codes = NULL;
    bool empty = false;
    TRY(may_array(f, "missing_codes", MISSING_CODES_MAX - 1, &codes));
    for (size_t i = 0; codes && i < json_size(codes); i++) {
        char path[JSON_PATH_MAX];
        fields_path(f, "missing_codes", path);
        const struct json *code = json_item(codes, i);
        if (json_kind(code) != JSON_STRING || json_text(code).len > LEVEL_CODE_MAX)
            return FAIL_AT(f->why, MALFORMED, path, "missing codes are texts of at most %d bytes, as they stand in the data",
                           LEVEL_CODE_MAX);
        v->missing_codes[v->missing_count++] = json_text(code);
        empty = empty || !json_text(code).len;
    }
    if (!empty) /* an empty field is never a value */
        v->missing_codes[v->missing_count++] = slice_of("", 0);
    return DONE;
}

static result read_type(struct fields *f, enum variable_type *ret)
{
    struct slice text;
    TRY(need_text(f, "type", 32, &text));
    for (unsigned i = 0; i < TYPE_NAMES; i++) {
        if (slice_is(text, TYPES[i].name)) {
            *ret = TYPES[i].type;
            return DONE;
        }
    }
    char path[JSON_PATH_MAX];
    fields_path(f, "type", path);
    return FAIL_AT(f->why, MALFORMED, path, "'%.*s' is no type: id, category, integer, number, date or code", SLICE_ARG(text));
}

static result read_variable(const struct json *json, const char *path, bool published, struct variable *v, struct why *why)
{
    struct fields f;
    struct slice role = {0}, text = {0};
    TRY(fields_open(json, path, &f, why));
    TRY(need_text(&f, "name", VARIABLE_MAX, &v->name));
    if (!variable_name_valid(v->name)) {
        char at[JSON_PATH_MAX];
        fields_path(&f, "name", at);
        return FAIL_AT(why, MALFORMED, at, "a name is a letter or '_', then at most %d letters, digits, '_', '.' or '-'",
                       VARIABLE_MAX - 1);
    }
    v->label = v->name;
    TRY(may_text(&f, "label", LABEL_TEXT_MAX, &v->label));
    TRY(read_type(&f, &v->type));
    TRY(may_text(&f, "unit", UNIT_MAX, &v->unit));
    TRY(read_levels(&f, v));
    TRY(read_grid(&f, v));
    TRY(read_clamps(&f, v));
    TRY(groupings_read(&f, v));
    if (!published) {
        TRY(read_missing_codes(&f, v));
        TRY(may_text(&f, "role", 64, &role));
        TRY(may_text(&f, "derived", TEXT_MAX, &text)); /* for people: neither is read on */
        TRY(may_text(&f, "note", TEXT_MAX, &text));
    } else {
        v->missing_codes[v->missing_count++] = slice_of("", 0);
    }
    v->sensitive = slice_is(role, "sensitive");
    TRY(may_bool(&f, "sensitive", &v->sensitive));
    return fields_close(&f);
}

static result read_variables(const struct json *array, bool published, struct dictionary *d, struct why *why)
{
    size_t count = json_size(array);
    if (!count)
        return FAIL_AT(why, MALFORMED, "/variables", "a dictionary needs at least one variable");
    d->variables = calloc(count, sizeof *d->variables);
    if (!d->variables)
        return FAIL(why, LIMIT, "no memory for %zu variables", count);
    d->variable_count = (unsigned)count;
    d->key = -1;
    for (unsigned i = 0; i < d->variable_count; i++) {
        char path[JSON_PATH_MAX];
        (void)snprintf(path, sizeof path, "/variables/%u", i);
        TRY(read_variable(json_item(array, i), path, published, &d->variables[i], why));
        if (d->variables[i].type != VARIABLE_ID)
            continue;
        if (d->key >= 0)
            return FAIL_AT(why, MALFORMED, path, "'%.*s' is a second variable of type id: a dataset has at most one person key",
                           SLICE_ARG(d->variables[i].name));
        d->key = (int)i;
    }
    struct slice *names = calloc(count, sizeof *names);
    if (!names)
        return FAIL(why, LIMIT, "no memory for %zu variables", count);
    for (unsigned i = 0; i < d->variable_count; i++)
        names[i] = d->variables[i].name;
    d->order = texts_order(names, d->variable_count);
    free(names);
    if (!d->order)
        return FAIL(why, LIMIT, "no memory for %zu variables", count);
    for (unsigned i = 1; i < d->variable_count; i++) {
        struct slice name = d->variables[d->order[i]].name;
        if (slice_equal(name, d->variables[d->order[i - 1]].name))
            return FAIL_AT(why, MALFORMED, "/variables", "variable '%.*s' is there twice", SLICE_ARG(name));
    }
    return DONE;
}

/* `open` gives no protection, so a data set's own form must also say that it is public. */
static result read_profile(struct fields *f, bool published, enum profile profile_default, struct dictionary *d)
{
    unsigned choice = profile_default;
    bool public = false;
    if (published) {
        TRY(need_choice(f, "profile", PROFILES, &choice));
        public = true;
    } else {
        bool named = json_get(f->object, "profile") && json_kind(json_get(f->object, "profile")) != JSON_NULL;
        TRY(may_choice(f, "profile", PROFILES, &choice));
        TRY(may_bool(f, "public", &public));
        public = public || !named;
    }
    d->profile = (enum profile)choice;
    if (d->profile == PROFILE_OPEN && !public)
        return FAIL_AT(f->why, MALFORMED, "/profile", "profile open gives no protection: the dictionary must also say \"public\": true");
    return DONE;
}

result dictionary_read(struct json *tree, const char *dataset_as, enum profile profile_default, struct dictionary **ret,
                       struct why *why)
{
    struct fields f;
    struct slice kind = {0}, dataset, text = {0};
    const struct json *variables = NULL, *conditions = NULL;
    static const char *const DESCRIPTIONS[] = {"description", "source", "version", "license", NULL};

    TRY(fields_open(tree, "", &f, why));
    struct dictionary *d CLEANUP(dictionary_freep) = calloc(1, sizeof *d);
    if (!d)
        return FAIL(why, LIMIT, "no memory for a dictionary");
    d->tree = json_hold(tree);
    TRY(may_text(&f, "innsyn", 32, &kind));
    bool published = kind.len > 0;
    if (published && !slice_is(kind, "dictionary/1"))
        return FAIL_AT(why, MALFORMED, "/innsyn", "must be \"dictionary/1\" (or be left out in a data set's own dictionary)");
    TRY(need_text(&f, "dataset", LABEL_MAX, &dataset));
    result r = label_parse(dataset_as ? slice_str(dataset_as) : dataset, &d->dataset, why);
    if (!is_ok(r)) {
        if (why && !dataset_as)
            (void)snprintf(why->field, sizeof why->field, "/dataset");
        return r;
    }
    d->title = dataset;
    TRY(may_text(&f, "title", LABEL_TEXT_MAX, &d->title));
    TRY(read_profile(&f, published, profile_default, d));
    TRY(may_bool(&f, "event_table", &d->event_table));
    TRY(may_bool(&f, "round5", &d->round5));
    TRY(may_array(&f, "use_conditions", USE_CONDITIONS_MAX, &conditions));
    TRY(use_conditions_read(conditions, "/use_conditions", false, &d->use_conditions, why));
    TRY(may_object(&f, "access_rules", &d->rules));
    for (unsigned i = 0; DESCRIPTIONS[i]; i++)
        TRY(may_text(&f, DESCRIPTIONS[i], TEXT_MAX, &text));
    TRY(need_array(&f, "variables", VARIABLES_MAX, &variables));
    if (published)
        TRY(fields_close(&f)); /* the other form may hold any descriptive member */
    TRY(read_variables(variables, published, d, why));
    *ret = MOVE(d);
    return DONE;
}

void dictionary_free(struct dictionary *d)
{
    if (!d)
        return;
    for (unsigned i = 0; d->variables && i < d->variable_count; i++) {
        free(d->variables[i].levels);
        free(d->variables[i].level_labels);
        free(d->variables[i].level_order);
        groupings_done(&d->variables[i]);
    }
    free(d->variables);
    free(d->order);
    json_free(d->tree);
    free(d);
}

void dictionary_freep(struct dictionary **d)
{
    dictionary_free(*d);
    *d = NULL;
}

/* --- looking ---------------------------------------------------------------------------------- */

int dictionary_find(const struct dictionary *d, struct slice variable)
{
    unsigned low = 0, high = d->variable_count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int c = slice_compare(variable, d->variables[d->order[middle]].name);
        if (c == 0)
            return (int)d->order[middle];
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Levenshtein distance, letters of either case being equal; both at most VARIABLE_MAX long. */
static unsigned distance(struct slice a, struct slice b)
{
    unsigned row[VARIABLE_MAX + 1];
    for (unsigned j = 0; j <= b.len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned best = corner + (lower(a.at[i - 1]) != lower(b.at[j - 1]));
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            corner = row[j];
            row[j] = best;
        }
    }
    return row[b.len];
}

struct slice dictionary_nearest(const struct dictionary *d, struct slice variable)
{
    struct slice nearest = {0};
    unsigned least = NEAREST_EDITS_MAX + 1;
    if (!variable.len || variable.len > VARIABLE_MAX)
        return nearest;
    for (unsigned i = 0; i < d->variable_count; i++) {
        struct slice name = d->variables[i].name;
        unsigned n = distance(variable, name);
        /* Not everything short is near everything else short. */
        if (n < least && n < name.len) {
            least = n;
            nearest = name;
        }
    }
    return nearest;
}

/* --- the published form (R-22) ---------------------------------------------------------------- */

static struct json *variable_json(const struct variable *v)
{
    struct json *o = json_object();
    json_set(o, "name", json_of_text(v->name));
    json_set(o, "label", json_of_text(v->label));
    json_set(o, "type", json_of_str(variable_type_name(v->type)));
    if (v->unit.len)
        json_set(o, "unit", json_of_text(v->unit));
    if (v->level_count) {
        struct json *levels = json_array();
        for (unsigned i = 0; i < v->level_count; i++) {
            struct json *level = json_object();
            json_set(level, "code", json_of_text(v->levels[i]));
            json_set(level, "label", json_of_text(v->level_labels[i]));
            json_add(levels, level);
        }
        json_set(o, "levels", levels);
    }
    if (has_grid(v->type) && v->grid_step > 0) {
        struct json *grid = json_object();
        json_set(grid, "origin", axis_json_of(v->type, v->grid_origin));
        json_set(grid, "step", json_of_number(v->grid_step));
        json_set(o, "grid", grid);
    }
    if (v->has_clamps) {
        struct json *clamps = json_array();
        json_add(clamps, axis_json_of(v->type, v->clamp_low));
        json_add(clamps, axis_json_of(v->type, v->clamp_high));
        json_set(o, "clamps", clamps);
    }
    if (v->grouping_count)
        json_set(o, "groupings", groupings_json(v));
    json_set(o, "sensitive", json_of_bool(v->sensitive));
    return o;
}

struct json *dictionary_json(const struct dictionary *d)
{
    static const char *const DESCRIPTIONS[] = {"description", "source", "version", "license", NULL};
    struct json *o = json_object(), *variables = json_array();
    json_set(o, "innsyn", json_of_str("dictionary/1"));
    json_set(o, "dataset", json_of_str(d->dataset.text));
    json_set(o, "title", json_of_text(d->title));
    json_set(o, "profile", json_of_str(profile_name(d->profile)));
    json_set(o, "event_table", json_of_bool(d->event_table));
    if (d->round5)
        json_set(o, "round5", json_of_bool(true));
    for (unsigned i = 0; DESCRIPTIONS[i]; i++) {
        const struct json *text = json_get(d->tree, DESCRIPTIONS[i]);
        if (json_kind(text) == JSON_STRING)
            json_set(o, DESCRIPTIONS[i], json_of_text(json_text(text)));
    }
    if (d->use_conditions.count)
        json_set(o, "use_conditions", use_conditions_json(&d->use_conditions));
    if (d->rules)
        json_set(o, "access_rules", json_share(d->rules));
    for (unsigned i = 0; i < d->variable_count; i++)
        json_add(variables, variable_json(&d->variables[i]));
    json_set(o, "variables", variables);
    return o;
}
