#include "proto/grouping.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/variable.h"

/* --- labels ------------------------------------------------------------------------------------ */

static result read_label(struct fields *f, const struct json **ret)
{
    const struct json *label = NULL;
    TRY(may_any(f, "label", &label));
    if (!label || json_kind(label) == JSON_STRING) {
        struct slice text;
        TRY(may_text(f, "label", LABEL_TEXT_MAX, &text));
        *ret = label;
        return DONE;
    }
    char path[JSON_PATH_MAX];
    struct fields l;
    struct slice text;
    fields_path(f, "label", path);
    TRY(fields_open(label, path, &l, f->why));
    TRY(need_text(&l, "nb", LABEL_TEXT_MAX, &text));
    TRY(need_text(&l, "en", LABEL_TEXT_MAX, &text));
    TRY(fields_close(&l));
    *ret = label;
    return DONE;
}

/* --- groups of levels --------------------------------------------------------------------------- */

/* One grouping of a category while it is read. */
struct dividing {
    struct variable *v;
    struct grouping *g;
    unsigned *group_of; /* by level; UINT32_MAX: none yet */
    struct why *why;
};

static result take_level(struct dividing *x, unsigned group, unsigned level, const char *path)
{
    unsigned before = x->group_of[level];
    if (before != UINT32_MAX)
        return FAIL_AT(x->why, MALFORMED, path, "level '%.*s' lies in the groups '%.*s' and '%.*s': each level belongs to exactly one",
                       SLICE_ARG(x->v->levels[level]), SLICE_ARG(x->g->groups[before].code), SLICE_ARG(x->g->groups[group].code));
    x->group_of[level] = group;
    x->g->groups[group].level_count++;
    return DONE;
}

/* `levels` holds codes of levels, or of groups of the groupings before. */
static result take_levels(struct dividing *x, unsigned group, const struct json *levels, const char *path)
{
    for (size_t i = 0; i < json_size(levels); i++) {
        const struct json *item = json_item(levels, i);
        char at[JSON_PATH_MAX];
        (void)snprintf(at, sizeof at, "%.80s/%u", path, (unsigned)i);
        if (json_kind(item) != JSON_STRING)
            return FAIL_AT(x->why, MALFORMED, at, "the levels of a group are codes of levels, or of groups of the groupings before");
        struct slice code = json_text(item);
        int level = variable_find_level(x->v, code), name = level < 0 ? variable_find_group(x->v, code) : -1;
        if (level < 0 && name < 0)
            return FAIL_AT(x->why, MALFORMED, at, "'%.*s' is no level of '%.*s', and no group of a grouping before", SLICE_ARG(slice_part(code, 0, LEVEL_CODE_MAX)),
                           SLICE_ARG(x->v->name));
        if (level >= 0)
            TRY(take_level(x, group, (unsigned)level, at));
        for (unsigned k = 0; name >= 0 && k < x->v->group_names[name].group->level_count; k++)
            TRY(take_level(x, group, x->v->group_names[name].group->levels[k], at));
    }
    return DONE;
}

static result read_group(struct dividing *x, const struct json *json, const char *path, unsigned at)
{
    struct group *group = &x->g->groups[at];
    struct fields f;
    const struct json *levels;
    char field[JSON_PATH_MAX];
    TRY(fields_open(json, path, &f, x->why));
    TRY(need_text(&f, "code", LEVEL_CODE_MAX, &group->code));
    TRY(read_label(&f, &group->label));
    TRY(need_array(&f, "levels", LEVELS_MAX, &levels));
    TRY(fields_close(&f));
    fields_path(&f, "levels", field);
    if (!group->code.len || !json_size(levels))
        return FAIL_AT(x->why, MALFORMED, path, "a group needs a code, and at least one level");
    return take_levels(x, at, levels, field);
}

/* Each group's levels, in both orders; the map of the engine. */
static result list_levels(struct dividing *x)
{
    const struct variable *v = x->v;
    struct grouping *g = x->g;
    unsigned *room = g->level_room = calloc(2 * (size_t)v->level_count, sizeof *room);
    g->cell_of = calloc(v->level_count + 1u, sizeof *g->cell_of);
    if (!room || !g->cell_of)
        return FAIL(x->why, LIMIT, "no memory for %u levels", v->level_count);
    for (unsigned i = 0; i < g->group_count; i++) {
        g->groups[i].levels = room;
        g->groups[i].by_code = room + g->groups[i].level_count;
        room += 2 * (size_t)g->groups[i].level_count;
        g->groups[i].level_count = 0;
    }
    for (unsigned l = 0; l < v->level_count; l++) {
        struct group *group = &g->groups[x->group_of[l]];
        group->levels[group->level_count++] = l;
        g->cell_of[l + 1] = x->group_of[l] + 1;
    }
    for (unsigned i = 0; i < g->group_count; i++)
        g->groups[i].level_count = 0; /* filled a second time */
    for (unsigned k = 0; k < v->level_count; k++) {
        struct group *group = &g->groups[x->group_of[v->level_order[k]]];
        group->by_code[group->level_count++] = v->level_order[k];
    }
    return DONE;
}

/* Whole groups of the one before, and fewer. */
static result check_nested(const struct dividing *x, const struct grouping *finer, const char *path)
{
    const struct variable *v = x->v;
    unsigned cells = finer ? finer->group_count : v->level_count;
    if (x->g->group_count < 2 || x->g->group_count >= cells)
        return FAIL_AT(x->why, MALFORMED, path, "a grouping has at least two groups, and fewer than what it groups has (%u): this has %u", cells,
                       x->g->group_count);
    for (unsigned i = 0; finer && i < finer->group_count; i++) {
        const struct group *whole = &finer->groups[i];
        for (unsigned k = 1; k < whole->level_count; k++)
            if (x->group_of[whole->levels[k]] != x->group_of[whole->levels[0]])
                return FAIL_AT(x->why, MALFORMED, path,
                               "'%.*s' of '%.*s' is torn: levels '%.*s' and '%.*s' are apart here; list groupings from the finest to the coarsest, each of whole "
                               "groups of the one before",
                               SLICE_ARG(whole->code), SLICE_ARG(finer->name), SLICE_ARG(v->levels[whole->levels[0]]), SLICE_ARG(v->levels[whole->levels[k]]));
    }
    return DONE;
}

static result divide(struct dividing *x, const struct json *groups, const struct grouping *finer, const char *path)
{
    const struct variable *v = x->v;
    for (unsigned l = 0; l < v->level_count; l++)
        x->group_of[l] = UINT32_MAX;
    for (unsigned i = 0; i < x->g->group_count; i++) {
        char at[JSON_PATH_MAX];
        (void)snprintf(at, sizeof at, "%.80s/%u", path, i);
        TRY(read_group(x, json_item(groups, i), at, i));
    }
    for (unsigned l = 0; l < v->level_count; l++)
        if (x->group_of[l] == UINT32_MAX)
            return FAIL_AT(x->why, MALFORMED, path, "level '%.*s' lies in no group: each level belongs to exactly one", SLICE_ARG(v->levels[l]));
    TRY(list_levels(x));
    return check_nested(x, finer, path);
}

static result read_groups(struct variable *v, const struct json *groups, const struct grouping *finer, const char *path, struct grouping *g,
                          struct why *why)
{
    struct dividing x = {.v = v, .g = g, .why = why};
    if (!json_size(groups))
        return FAIL_AT(why, MALFORMED, path, "a grouping has at least two groups");
    g->group_count = (unsigned)json_size(groups);
    g->groups = calloc(g->group_count, sizeof *g->groups);
    x.group_of = calloc(v->level_count, sizeof *x.group_of);
    result r = g->groups && x.group_of ? divide(&x, groups, finer, path) : FAIL(why, LIMIT, "no memory for a grouping");
    free(x.group_of);
    return r;
}

static struct json *groups_json(const struct variable *v, const struct grouping *g, bool labels)
{
    struct json *groups = json_array();
    for (unsigned i = 0; i < g->group_count; i++) {
        struct json *group = json_object(), *levels = json_array();
        json_set(group, "code", json_of_text(g->groups[i].code));
        if (g->groups[i].label && labels)
            json_set(group, "label", json_share(g->groups[i].label));
        for (unsigned k = 0; k < g->groups[i].level_count; k++)
            json_add(levels, json_of_text(v->levels[g->groups[i].levels[k]]));
        json_set(group, "levels", levels);
        json_add(groups, group);
    }
    return groups;
}

static result define(const struct variable *v, struct grouping *g, struct why *why)
{
    struct json *groups CLEANUP(json_freep) = groups_json(v, g, false);
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, DICTIONARY_BYTES_MAX);
    TRY(json_print(groups, &text, why));
    g->definition = sha256(buffer_slice(&text));
    return DONE;
}

/* --- the codes ------------------------------------------------------------------------------------ */

static int by_code(const void *a, const void *b)
{
    return slice_compare(((const struct group_name *)a)->code, ((const struct group_name *)b)->code);
}

static bool same_levels(const struct group *a, const struct group *b)
{
    return a->level_count == b->level_count && memcmp(a->levels, b->levels, a->level_count * sizeof *a->levels) == 0;
}

/* The last grouping's codes join the others. */
static result name_groups(struct variable *v, const char *path, struct why *why)
{
    const struct grouping *g = &v->groupings[v->grouping_count - 1];
    struct group_name *all = realloc(v->group_names, (v->group_name_count + (size_t)g->group_count) * sizeof *all);
    if (!all)
        return FAIL(why, LIMIT, "no memory for a grouping");
    v->group_names = all;
    unsigned count = v->group_name_count, kept = 0;
    for (unsigned i = 0; i < g->group_count; i++) {
        const struct group *group = &g->groups[i];
        int level = variable_find_level(v, group->code);
        if (level >= 0 && (group->level_count != 1 || group->levels[0] != (unsigned)level))
            return FAIL_AT(why, MALFORMED, path, "'%.*s' is a level and a group of others: give the group a code of its own", SLICE_ARG(group->code));
        all[count++] = (struct group_name){group->code, group};
    }
    qsort(all, count, sizeof *all, by_code);
    for (unsigned i = 0; i < count; i++) {
        bool again = kept && slice_equal(all[i].code, all[kept - 1].code);
        if (again && !same_levels(all[i].group, all[kept - 1].group))
            return FAIL_AT(why, MALFORMED, path, "'%.*s' stands for two groups with other levels: a code has one meaning in all groupings of a variable",
                           SLICE_ARG(all[i].code));
        if (!again)
            all[kept++] = all[i];
    }
    v->group_name_count = kept;
    return DONE;
}

int variable_find_group(const struct variable *v, struct slice code)
{
    struct group_name wanted = {.code = code};
    if (!v->group_name_count)
        return -1;
    const struct group_name *found = bsearch(&wanted, v->group_names, v->group_name_count, sizeof *v->group_names, by_code);
    return found ? (int)(found - v->group_names) : -1;
}

/* --- sets of breaks ------------------------------------------------------------------------------- */

static result read_breaks(const struct variable *v, const struct json *breaks, const struct grouping *finer, const char *path, struct grouping *g,
                          struct why *why)
{
    size_t count = json_size(breaks);
    if (count < 2)
        return FAIL_AT(why, MALFORMED, path, "at least two breaks make a cell");
    g->breaks = calloc(count, sizeof *g->breaks);
    if (!g->breaks)
        return FAIL(why, LIMIT, "no memory for a grouping");
    g->break_count = (unsigned)count;
    for (unsigned i = 0, k = 0; i < count; i++) {
        char at[JSON_PATH_MAX];
        double below, above;
        (void)snprintf(at, sizeof at, "%.80s/%u", path, i);
        TRY(variable_read_axis(v, json_item(breaks, i), at, &g->breaks[i], why));
        (void)variable_on_grid(v, g->breaks[i], &g->breaks[i], &below, &above); /* one cut has one double; off the grid it is as it is */
        if (i && g->breaks[i] <= g->breaks[i - 1])
            return FAIL_AT(why, MALFORMED, at, "breaks must rise strictly");
        while (finer && k < finer->break_count && finer->breaks[k] < g->breaks[i])
            k++;
        if (finer && (k == finer->break_count || finer->breaks[k] > g->breaks[i]))
            return FAIL_AT(why, MALFORMED, at, "not a break of '%.*s': list groupings from the finest to the coarsest, each with some of the breaks of the one before",
                           SLICE_ARG(finer->name));
    }
    if (finer && g->break_count == finer->break_count)
        return FAIL_AT(why, MALFORMED, path, "the same breaks as '%.*s'", SLICE_ARG(finer->name));
    return DONE;
}

/* --- the hierarchy -------------------------------------------------------------------------------- */

static result read_grouping(struct variable *v, const struct json *json, const char *path, struct grouping *g, struct why *why)
{
    const struct grouping *finer = g == v->groupings ? NULL : g - 1;
    const struct json *groups = NULL, *breaks = NULL;
    struct fields f;
    char at[JSON_PATH_MAX];
    TRY(fields_open(json, path, &f, why));
    TRY(need_text(&f, "name", VARIABLE_MAX, &g->name));
    TRY(read_label(&f, &g->label));
    TRY(may_array(&f, "groups", LEVELS_MAX, &groups));
    TRY(may_array(&f, "breaks", GROUPING_BREAKS_MAX, &breaks));
    TRY(fields_close(&f));
    fields_path(&f, "name", at);
    if (!variable_name_valid(g->name))
        return FAIL_AT(why, MALFORMED, at, "a name is a letter or '_', then at most %d letters, digits, '_', '.' or '-'", VARIABLE_MAX - 1);
    for (const struct grouping *other = v->groupings; other < g; other++)
        if (slice_equal(other->name, g->name))
            return FAIL_AT(why, MALFORMED, at, "grouping '%.*s' is there twice", SLICE_ARG(g->name));
    if ((v->levels ? groups : breaks) == NULL || (v->levels ? breaks : groups))
        return FAIL_AT(why, MALFORMED, path, "a grouping of a variable of type %s has %s", variable_type_name(v->type),
                       v->levels ? "groups: [{\"code\", \"levels\": [...]}, ...]" : "breaks: [...]");
    fields_path(&f, v->levels ? "groups" : "breaks", at);
    if (v->levels) {
        TRY(read_groups(v, groups, finer, at, g, why));
        TRY(define(v, g, why));
        v->grouping_count++;
        return name_groups(v, at, why);
    }
    TRY(read_breaks(v, breaks, finer, at, g, why));
    v->grouping_count++;
    return DONE;
}

result groupings_read(struct fields *f, struct variable *v)
{
    const struct json *groupings = NULL;
    char path[JSON_PATH_MAX];
    TRY(may_array(f, "groupings", GROUPINGS_MAX, &groupings));
    if (!groupings || !json_size(groupings))
        return DONE;
    fields_path(f, "groupings", path);
    if (v->type == VARIABLE_ID)
        return FAIL_AT(f->why, MALFORMED, path, "a variable of type id has no groupings");
    v->groupings = calloc(json_size(groupings), sizeof *v->groupings);
    if (!v->groupings)
        return FAIL(f->why, LIMIT, "no memory for groupings");
    for (unsigned i = 0; i < json_size(groupings); i++) {
        char at[JSON_PATH_MAX];
        (void)snprintf(at, sizeof at, "%.80s/%u", path, i);
        v->grouping_room = i + 1;
        TRY(read_grouping(v, json_item(groupings, i), at, &v->groupings[i], f->why));
    }
    return DONE;
}

void groupings_done(struct variable *v)
{
    for (unsigned i = 0; i < v->grouping_room; i++) {
        free(v->groupings[i].groups);
        free(v->groupings[i].level_room);
        free(v->groupings[i].cell_of);
        free(v->groupings[i].breaks);
    }
    free(v->groupings);
    free(v->group_names);
}

/* --- looking -------------------------------------------------------------------------------------- */

const struct grouping *variable_find_grouping(const struct variable *v, struct slice name)
{
    for (unsigned i = 0; i < v->grouping_count; i++)
        if (slice_equal(v->groupings[i].name, name))
            return &v->groupings[i];
    return NULL;
}

const struct grouping *variable_find_breaks(const struct variable *v, const double *breaks, unsigned count)
{
    for (unsigned i = 0; i < v->grouping_count; i++) {
        const struct grouping *g = &v->groupings[i];
        bool equal = g->breaks && g->break_count == count;
        for (unsigned k = 0; equal && k < count; k++)
            equal = g->breaks[k] >= breaks[k] && g->breaks[k] <= breaks[k];
        if (equal)
            return g;
    }
    return NULL;
}

/* --- the published form --------------------------------------------------------------------------- */

struct json *groupings_json(const struct variable *v)
{
    if (!v->grouping_count)
        return NULL;
    struct json *all = json_array();
    for (unsigned i = 0; i < v->grouping_count; i++) {
        const struct grouping *g = &v->groupings[i];
        struct json *o = json_object();
        json_set(o, "name", json_of_text(g->name));
        if (g->label)
            json_set(o, "label", json_share(g->label));
        if (g->groups)
            json_set(o, "groups", groups_json(v, g, true));
        struct json *breaks = g->breaks ? json_array() : NULL;
        for (unsigned k = 0; k < g->break_count; k++)
            json_add(breaks, variable_axis_json(v, g->breaks[k]));
        if (breaks)
            json_set(o, "breaks", breaks);
        json_add(all, o);
    }
    return all;
}
