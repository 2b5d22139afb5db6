#include "policy/scope.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/instant.h"
#include "policy/duo.h"

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

/* The dataset's conditions of use as they are now.  Its people and the unit's have looked at those that the permit carries;
 * what was added or changed since, and what a machine denies, asks for an amendment. */
static void check_conditions(const struct scope_facts *f, const struct permit_dataset *d, struct verdict *v)
{
    static const struct use_conditions NONE = {.count = 0};
    const struct permit *p = f->permit;
    const struct duo_request r = {.research = &p->research, .organisation = &p->organisation, .users = f->account, .user_count = 1,
                                  .from_ms = p->from_ms, .until_ms = f->now_ms};
    struct verdict said;
    verdict_init(&said);
    duo_check(&r, &f->question->dictionary->use_conditions, d->use_conditions ? d->use_conditions : &NONE, "/question/dataset", &said);
    for (unsigned i = 0; i < said.count; i++)
        verdict_add(v, VERDICT_DENY, "use_condition", "/question/dataset", "what an amended permit carries", "%s", said.reasons[i].text);
}

/* Every variable that the question names, once. */
static unsigned variables_of(const struct question *q, struct slice to[VARIABLES_MAX])
{
    unsigned count = 0;
    bool *seen = calloc(q->dictionary->variable_count + 1u, sizeof *seen);
    if (!seen)
        return VARIABLES_MAX + 1;
    for (unsigned i = 0; i < q->box_count; i++)
        seen[q->box[i].variable] = true;
    for (unsigned i = 0; i < q->dimension_count; i++)
        seen[q->dimensions[i].variable] = true;
    for (unsigned i = 0; i < q->variable_count; i++)
        seen[q->variables[i]] = true;
    if (q->by >= 0)
        seen[q->by] = true;
    for (unsigned i = 0; i < q->dictionary->variable_count && count < VARIABLES_MAX; i++)
        if (seen[i])
            to[count++] = q->dictionary->variables[i].name;
    free(seen);
    return count;
}

void scope_check_rules(const struct access_rules *r, const struct scope_facts *f, uint64_t questions, const char *level, struct verdict *v)
{
    static const enum access_part PARTS[] = {ACCESS_PURPOSE, ACCESS_ORGANISATION, ACCESS_TRAINING, ACCESS_TERMS, ACCESS_COUNTRY, ACCESS_VARIABLES,
                                             ACCESS_STATISTICS, ACCESS_BUDGET};
    struct slice variables[VARIABLES_MAX];
    bool statistics[STATISTIC_KINDS] = {false};
    struct verdict said;
    unsigned count = variables_of(f->question, variables);
    if (count > VARIABLES_MAX) {
        verdict_add(v, VERDICT_DENY, "refused", "", NULL, "no memory to decide");
        return;
    }
    statistics[f->question->statistic] = true;
    const struct access_ask ask = {.purpose = f->permit->purpose, .organisation = &f->permit->organisation, .dictionary = f->question->dictionary,
                                   .variables = variables, .variable_count = count, .one_question = true, .statistics = statistics,
                                   .from_ms = f->permit->from_ms, .to_ms = f->permit->to_ms, .questions = questions, .people = f->account, .people_count = f->attested ? 1 : 0,
                                   .attestations = f->attestations, .attestation_count = f->attestation_count, .now_ms = f->now_ms};
    verdict_init(&said);
    for (unsigned i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++)
        access_rules_check(r, PARTS[i], &ask, level, "/question", &said);
    for (unsigned i = 0; i < said.count; i++)
        if (said.reasons[i].effect == VERDICT_DENY)
            verdict_add(v, VERDICT_DENY, said.reasons[i].code->code, said.reasons[i].field, said.reasons[i].allowed, "%s", said.reasons[i].text);
}

static void check_rules(const struct scope_facts *f, struct verdict *v)
{
    char level[LABEL_MAX + 16];
    struct access_rules *rules CLEANUP(access_rules_freep) = NULL;
    const struct dictionary *d = f->question->dictionary;
    if (!d->rules)
        return;
    (void)snprintf(level, sizeof level, "dataset '%s'", d->dataset.text);
    if (is_ok(access_rules_read(d->rules, "/access_rules", &rules, NULL)))
        scope_check_rules(rules, f, f->questions, level, v);
    else /* fail closed */
        verdict_add(v, VERDICT_DENY, "rule_not_met", "/question/dataset", NULL, "the dataset's access rules cannot be read");
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
    check_conditions(f, d, v);
    check_rules(f, v);
    check_sites(f, d, v);
    check_statistic(f, d, v);
    check_variables(f, d, v);
}
