#include "agents/disclosure/cohorts.h"

#include <math.h>
#include <stdlib.h>

#include "agents/disclosure/cells.h"
#include "base/secret.h"

void cohorts_done(struct cohorts_asked *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct cohort_asked *one = &c->at[i];
        if (one->box)
            wipe(one->box, sizeof *one->box + one->box->term_count * sizeof one->box->terms[0]);
        free(one->box);
        audit_done(&one->audit);
        buffer_done(&one->text);
    }
    c->count = 0;
}

/* --- those with a value -------------------------------------------------------------------------- */

static int in_box(const struct question *q, unsigned variable)
{
    for (unsigned b = 0; b < q->box_count; b++)
        if (q->box[b].variable == variable)
            return (int)b;
    return -1;
}

/* Of a cube of summary_counts: persons with a value, in all groups, or without one. */
static uint64_t persons(const struct cube *c, bool with)
{
    struct part all = {{CELL_FREE, CELL_FREE, CELL_FREE, CELL_FREE}}, there = all;
    there.at[c->dimension_count - 1] = CELL_INSIDE;
    uint64_t have = part_sum(c, &there).persons;
    return with ? have : part_sum(c, &all).persons - have;
}

static bool somebody_lacks(const struct question *q, const struct engine_answer *counts, int own)
{
    bool lacks = persons(&counts->base, false) > 0;
    for (unsigned b = 0; b < q->box_count; b++)
        lacks |= (int)b != own && persons(&counts->parents[b], false) > 0;
    return lacks;
}

/* The box with the variable's values only.  False: the question's own box says so already, or allows none. */
static bool narrowed(const struct question *q, unsigned variable, struct value_set to[BOX_VARIABLES_MAX + 1], struct question *ret)
{
    static struct range everything = {-INFINITY, INFINITY};
    const struct dictionary *d = q->dictionary;
    unsigned n = 0;
    int own = in_box(q, variable);
    if (own >= 0 && (!q->box[own].missing || q->box[own].range_count == 0))
        return false;
    for (unsigned b = 0; b < q->box_count; b++) {
        if (own < 0 && n == b && slice_compare(d->variables[q->box[b].variable].name, d->variables[variable].name) > 0)
            to[n++] = (struct value_set){.variable = variable, .ranges = &everything, .range_count = 1};
        to[n] = q->box[b];
        to[n++].missing = q->box[b].missing && (int)b != own;
    }
    if (own < 0 && n == q->box_count)
        to[n++] = (struct value_set){.variable = variable, .ranges = &everything, .range_count = 1};
    *ret = *q; /* borrows all but the box */
    ret->box = to;
    ret->box_count = n;
    return true;
}

static void count_valued(const struct question *q, const struct engine_answer *a, const struct engine_answer *counts, int own,
                         const struct question *narrow, struct audited_box *box)
{
    box->persons = persons(&counts->base, true);
    for (unsigned t = 0; t < box->term_count; t++) {
        int b = in_box(q, narrow->box[t].variable);
        if (b >= 0 && b != own)
            box->terms[t].persons = persons(&counts->parents[b], true);
        else
            box->terms[t].persons = b < 0 ? a->cohort : a->parent_cohorts[own];
    }
}

static result add_valued(const struct question *q, const struct engine_answer *a, unsigned v, struct cohorts_asked *c, struct why *why)
{
    const struct engine_answer *counts = &a->counts[v];
    const unsigned variable = q->variables[v];
    struct value_set left[BOX_VARIABLES_MAX + 1];
    struct question narrow;
    int own = in_box(q, variable);
    if (!narrowed(q, variable, left, &narrow) || !somebody_lacks(q, counts, own))
        return DONE;
    struct cohort_asked *one = &c->at[c->count++];
    *one = (struct cohort_asked){.variable = variable};
    buffer_init(&one->text, QUESTION_BYTES_MAX);
    TRY(question_cohort(&narrow, &one->text, why));
    TRY(audited_box_of(&narrow, &one->box, why));
    one->box->base = c->at[0].box->whole;
    one->box->valued = audited_variable(q->dictionary->variables[variable].name);
    count_valued(q, a, counts, own, &narrow, one->box);
    return DONE;
}

static result fill(const struct question *q, const struct engine_answer *a, struct cohorts_asked *c, struct why *why)
{
    struct cohort_asked *own = &c->at[c->count++];
    *own = (struct cohort_asked){0};
    buffer_init(&own->text, QUESTION_BYTES_MAX);
    TRY(question_cohort(q, &own->text, why));
    TRY(audited_box_of(q, &own->box, why));
    TRY(audited_box_count(own->box, a, why));
    if (q->statistic != STATISTIC_SUMMARY || !a->counts)
        return DONE; /* the true moments of an attack's rig have none */
    if (a->counts_count != q->variable_count)
        return FAIL(why, BROKEN, "the engine's summary does not fit the question");
    for (unsigned v = 0; v < q->variable_count; v++)
        TRY(add_valued(q, a, v, c, why));
    return DONE;
}

result cohorts_of(const struct question *q, const struct engine_answer *a, struct cohorts_asked *ret, struct why *why)
{
    ret->count = 0;
    result r = fill(q, a, ret, why);
    if (!is_ok(r))
        cohorts_done(ret);
    return r;
}

result cohort_with_value(struct slice text, const char *variable, struct buffer *to, struct why *why)
{
    struct json *v CLEANUP(json_freep) = NULL;
    TRY(json_parse(text, QUESTION_BYTES_MAX, &v, why));
    const struct json *old = json_get(v, "where"), *sets, *set = json_get(old, variable);
    struct json *where = json_object(), *values = json_array();
    struct slice name;
    for (size_t i = 0; i < (json_kind(set) == JSON_ARRAY ? json_size(set) : 0); i++)
        if (json_kind(json_item(set, i)) != JSON_NULL)
            json_add(values, json_share(json_item(set, i)));
    bool nobody = set && json_size(values) == 0;
    for (size_t i = 0; json_next(old, &i, &name, &sets);) {
        char key[VARIABLE_MAX + 1];
        if (slice_copy_str(name, key, sizeof key))
            json_set(where, key, json_share(sets));
    }
    if (!set)
        json_set(where, variable, json_object()); /* any value */
    else if (json_size(values) == 1)
        json_set(where, variable, json_share(json_item(values, 0)));
    else
        json_set(where, variable, json_hold(values));
    json_free(values);
    json_set(v, "where", where);
    return nobody ? FAIL(why, MALFORMED, "nobody in the box has a value") : json_print(v, to, why);
}

/* --- beside the earlier ones ------------------------------------------------------------------- */

result cohorts_compare(struct cohorts_asked *c, struct audited_box *const *before, const struct slice *texts, size_t count, bool events,
                       struct why *why)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct cohort_asked *one = &c->at[i];
        TRY(audit_compare(one->box, before, count, AUDIT_EXACT_BELOW, &one->audit, why));
        if (!events)
            audit_leave_disjoint(&one->audit, buffer_slice(&one->text), texts);
    }
    return DONE;
}

uint64_t cohorts_least(const struct cohorts_asked *c)
{
    uint64_t least = AUDIT_EXACT_BELOW;
    for (unsigned i = 0; i < c->count; i++) {
        uint64_t one = audit_least(&c->at[i].audit);
        least = one < least ? one : least;
    }
    return least;
}

result cohorts_decide(const struct cohorts_asked *c, struct cellkey *key, struct slice edition, const struct slice *texts, bool *ret_holds,
                      struct why *why)
{
    bool holds = true, one;
    for (unsigned i = 0; i < c->count; i++) {
        TRY(audit_decide(&c->at[i].audit, key, edition, buffer_slice(&c->at[i].text), texts, &one, why));
        holds &= one;
    }
    *ret_holds = holds;
    return DONE;
}
