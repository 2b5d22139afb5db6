#include "policy/scope.h"

#include <stdio.h>

#include "base/instant.h"

enum { LIST_SIZE = 240 };

/* Names joined by ", ", cut with ", ..." where they do not fit. */
struct list {
    char text[LIST_SIZE];
    size_t len;
};

static void list_add(struct list *l, struct slice name)
{
    enum { TAIL = sizeof ", ..." };
    if (l->len + name.len + 2 + TAIL > sizeof l->text) {
        if (!slice_ends(slice_of(l->text, l->len), "..."))
            l->len += (size_t)snprintf(l->text + l->len, sizeof l->text - l->len, "%s...", l->len ? ", " : "");
        return;
    }
    l->len += (size_t)snprintf(l->text + l->len, sizeof l->text - l->len, "%s%.*s", l->len ? ", " : "", SLICE_ARG(name));
}

static void check_person(const struct scope_facts *f, struct verdict *v)
{
    for (unsigned i = 0; i < f->permit->person_count; i++)
        if (label_equal(&f->permit->people[i].account, f->account))
            return;
    verdict_add(v, VERDICT_DENY, "not_a_person_of_the_permit", "", NULL, "'%s' is not a person of permit %s", f->account->text,
                f->permit->id.text);
}

static void check_period(const struct scope_facts *f, struct verdict *v)
{
    char at[INSTANT_TEXT_SIZE];
    if (f->state != PERMIT_LIVE)
        verdict_add(v, VERDICT_DENY, f->state == PERMIT_EXPIRED ? "permit_expired" : "permit_not_live", "", NULL, "permit %s is %s",
                    f->permit->id.text, permit_state_name(f->state));
    if (f->now_ms < f->permit->from_ms) {
        instant_print(f->permit->from_ms, at);
        verdict_add(v, VERDICT_DENY, "permit_not_live", "", NULL, "permit %s begins at %s", f->permit->id.text, at);
    }
    if (f->now_ms >= f->permit->to_ms) {
        instant_print(f->permit->to_ms, at);
        verdict_add(v, VERDICT_DENY, "permit_expired", "", NULL, "permit %s ended at %s", f->permit->id.text, at);
    }
}

static void check_sites(const struct scope_facts *f, const struct permit_dataset *d, struct verdict *v)
{
    struct list allowed = {0};
    for (unsigned i = 0; i < d->site_count; i++)
        list_add(&allowed, slice_str(d->sites[i].text));
    if (!f->site_count)
        verdict_add(v, VERDICT_DENY, "outside_scope", "/sites", allowed.text, "the question goes to no site");
    for (unsigned i = 0; i < f->site_count; i++)
        if (!permit_dataset_covers_site(d, &f->sites[i]))
            verdict_add(v, VERDICT_DENY, "outside_scope", "/sites", allowed.text, "the permit does not cover '%s' at site '%s'",
                        d->dataset.text, f->sites[i].text);
    for (unsigned i = 0; i < f->question->site_count; i++) {
        struct site_id site;
        if (!is_ok(site_id_parse(f->question->sites[i], &site, NULL)) || !permit_dataset_covers_site(d, &site))
            verdict_add(v, VERDICT_DENY, "outside_scope", "/question/where/site", allowed.text,
                        "the permit does not cover '%s' at site '%.*s'", d->dataset.text, SLICE_ARG(f->question->sites[i]));
    }
}

static void check_statistic(const struct scope_facts *f, const struct permit_dataset *d, struct verdict *v)
{
    struct list allowed = {0};
    if (d->statistics[f->question->statistic])
        return;
    for (unsigned i = 0; i < STATISTIC_KINDS; i++)
        if (d->statistics[i])
            list_add(&allowed, slice_str(statistic_name((enum statistic)i)));
    verdict_add(v, VERDICT_DENY, "outside_scope", "/question/statistic", allowed.text, "the permit does not cover %s of '%s'",
                statistic_name(f->question->statistic), d->dataset.text);
}

static void check_variable(const struct scope_facts *f, const struct permit_dataset *d, unsigned variable, const char *field,
                           struct verdict *v)
{
    struct list allowed = {0};
    struct slice name = f->question->dictionary->variables[variable].name;
    if (permit_dataset_covers_variable(d, name))
        return;
    for (unsigned i = 0; i < d->variable_count; i++)
        list_add(&allowed, d->variables[i]);
    verdict_add(v, VERDICT_DENY, "outside_scope", field, allowed.text, "the permit does not cover variable '%.*s' of '%s'", SLICE_ARG(name),
                d->dataset.text);
}

static void check_variables(const struct scope_facts *f, const struct permit_dataset *d, struct verdict *v)
{
    const struct question *q = f->question;
    char field[96];
    for (unsigned i = 0; i < q->box_count; i++) {
        (void)snprintf(field, sizeof field, "/question/where/%.*s", SLICE_ARG(q->dictionary->variables[q->box[i].variable].name));
        check_variable(f, d, q->box[i].variable, field, v);
    }
    for (unsigned i = 0; i < q->dimension_count; i++) {
        if (q->statistic == STATISTIC_HISTOGRAM)
            (void)snprintf(field, sizeof field, "/question/statistic/histogram/variable");
        else
            (void)snprintf(field, sizeof field, "/question/statistic/table/by/%u", i);
        check_variable(f, d, q->dimensions[i].variable, field, v);
    }
    for (unsigned i = 0; i < q->variable_count; i++) {
        (void)snprintf(field, sizeof field, "/question/statistic/summary/variables/%u", i);
        check_variable(f, d, q->variables[i], field, v);
    }
    if (q->by >= 0)
        check_variable(f, d, (unsigned)q->by, "/question/statistic/summary/by", v);
}

void scope_check(const struct scope_facts *f, struct verdict *v)
{
    const struct permit_dataset *d = permit_find_dataset(f->permit, &f->question->dictionary->dataset);
    check_person(f, v);
    check_period(f, v);
    if (!d) {
        struct list allowed = {0};
        for (unsigned i = 0; i < f->permit->dataset_count; i++)
            list_add(&allowed, slice_str(f->permit->datasets[i].dataset.text));
        verdict_add(v, VERDICT_DENY, "outside_scope", "/question/dataset", allowed.text, "the permit does not cover dataset '%s'",
                    f->question->dictionary->dataset.text);
        return; /* the other parts of the scope are said by dataset */
    }
    check_sites(f, d, v);
    check_statistic(f, d, v);
    check_variables(f, d, v);
}
