#include "policy/assess.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/instant.h"
#include "policy/duo.h"

enum rule { RULE_PURPOSE, RULE_PROHIBITED, RULE_DATA_USE, RULE_ORGANISATION, RULE_TRAINING, RULE_TERMS, RULE_COUNTRY, RULE_VARIABLES,
            RULE_STATISTICS, RULE_PERIOD, RULE_BUDGET, RULES };
static const char *const RULE_NAMES[RULES] = {"purpose", "prohibited_use", "data_use", "organisation", "training", "terms", "country",
                                              "variables", "statistics", "period", "budget"};
/* Which part of the access rules speaks under which rule. */
static const struct {
    enum rule rule;
    enum access_part part;
} PARTS[] = {
    {RULE_PURPOSE, ACCESS_PURPOSE},   {RULE_ORGANISATION, ACCESS_ORGANISATION}, {RULE_TRAINING, ACCESS_TRAINING},
    {RULE_TERMS, ACCESS_TERMS},       {RULE_COUNTRY, ACCESS_COUNTRY},           {RULE_VARIABLES, ACCESS_VARIABLES},
    {RULE_STATISTICS, ACCESS_STATISTICS}, {RULE_PERIOD, ACCESS_PERIOD},         {RULE_BUDGET, ACCESS_BUDGET},
};
enum { PART_COUNT = sizeof PARTS / sizeof PARTS[0] };

struct assessing {
    const struct assess_facts *f;
    struct research research;
    struct organisation unknown;
    struct label people[ASSESS_PEOPLE_MAX];
    unsigned people_count;
    int64_t from_ms, to_ms; /* 0: not filled in */
    struct slice variables[VARIABLES_MAX];
    bool statistics[STATISTIC_KINDS];
    struct verdict rules[RULES];
};

static struct slice text_of(const struct assessing *a, const char *key)
{
    return json_text(json_get(a->f->form, key));
}

static const struct organisation *organisation_of(const struct assessing *a)
{
    return a->f->organisation ? a->f->organisation : &a->unknown;
}

static void check_purpose(struct assessing *a)
{
    struct verdict *v = &a->rules[RULE_PURPOSE];
    const struct organisation *o = organisation_of(a);
    const struct purpose *p = purpose_find(text_of(a, "purpose"));
    if (p && p->public_bodies && !o->given)
        verdict_add(v, VERDICT_REVIEW, "purpose_not_allowed", "/purpose", NULL,
                    "%s is for public bodies, or for who acts under the mandate of one (Article 53(2)); the applicant's organisation is not registered", p->code);
    else if (p && p->public_bodies && o->kind != ORGANISATION_PUBLIC && !o->mandate && text_of(a, "mandate").len)
        verdict_add(v, VERDICT_REVIEW, "purpose_not_allowed", "/mandate", NULL, "the mandate that the form describes is not registered with the organisation");
    else
        purpose_check(text_of(a, "purpose"), (enum organisation_kind)o->kind, o->mandate, v);
}

static void check_uses(struct assessing *a)
{
    const struct json *uses = json_get(a->f->form, "prohibited_uses");
    for (size_t i = 0; i < json_size(uses); i++)
        prohibited_use_check(json_text(json_item(uses, i)), &a->rules[RULE_PROHIBITED]);
}

static void read_lists(struct assessing *a)
{
    const struct json *people = json_get(a->f->form, "people");
    for (size_t i = 0; i < json_size(people) && a->people_count < ASSESS_PEOPLE_MAX; i++)
        if (is_ok(label_parse(json_text(json_item(people, i)), &a->people[a->people_count], NULL)))
            a->people_count++;
    if (!instant_parse(text_of(a, "from"), &a->from_ms) || !instant_parse(text_of(a, "to"), &a->to_ms))
        a->from_ms = a->to_ms = 0;
}

/* Of whom training and terms are known. */
static unsigned known_people(const struct assessing *a, const struct label **ret)
{
    const struct label *only = a->f->attestations_of;
    *ret = only ? only : a->people;
    if (!only)
        return a->people_count;
    for (unsigned i = 0; i < a->people_count; i++)
        if (label_equal(&a->people[i], only))
            return 1;
    return 0;
}

static struct access_ask ask_of(const struct assessing *a)
{
    const struct label *people;
    unsigned count = known_people(a, &people);
    return (struct access_ask){.purpose = text_of(a, "purpose"), .organisation = organisation_of(a), .from_ms = a->from_ms, .to_ms = a->to_ms,
                               .people = people, .people_count = count,
                               .attestations = a->f->attestations, .attestation_count = a->f->attestation_count, .now_ms = a->f->now_ms};
}

static void check_rules(struct assessing *a, const struct access_rules *r, const struct access_ask *ask, const char *level, const char *field)
{
    for (unsigned i = 0; i < PART_COUNT; i++) {
        bool of_dataset = PARTS[i].part == ACCESS_VARIABLES || PARTS[i].part == ACCESS_STATISTICS;
        access_rules_check(r, PARTS[i].part, ask, level, of_dataset ? field : "", &a->rules[PARTS[i].rule]);
    }
}

/* The network's rules on what is asked of one dataset; on all else they were heard once. */
static void check_network(struct assessing *a, const struct access_ask *ask, const char *field)
{
    if (!a->f->network)
        return;
    access_rules_check(a->f->network, ACCESS_VARIABLES, ask, "the network", field, &a->rules[RULE_VARIABLES]);
    access_rules_check(a->f->network, ACCESS_STATISTICS, ask, "the network", field, &a->rules[RULE_STATISTICS]);
}

static void read_dataset(struct assessing *a, const struct json *item, struct access_ask *ask)
{
    const struct json *variables = json_get(item, "variables"), *statistics = json_get(item, "statistics");
    memset(a->statistics, 0, sizeof a->statistics);
    for (size_t i = 0; i < json_size(statistics); i++)
        for (unsigned k = 0; k < STATISTIC_KINDS; k++)
            if (slice_is(json_text(json_item(statistics, i)), statistic_name((enum statistic)k)))
                a->statistics[k] = true;
    ask->statistics = a->statistics;
    if (json_size(variables) == 1 && slice_is(json_text(json_item(variables, 0)), "*"))
        return;
    ask->variables = a->variables;
    for (size_t i = 0; i < json_size(variables) && i < VARIABLES_MAX; i++)
        a->variables[ask->variable_count++] = json_text(json_item(variables, i));
}

static result check_dataset(struct assessing *a, const struct json *item, unsigned index, struct why *why)
{
    char field[32], level[LABEL_MAX + 16];
    const struct dictionary *d = a->f->dictionaries[index];
    struct access_ask ask = ask_of(a);
    struct access_rules *rules CLEANUP(access_rules_freep) = NULL;
    const struct duo_request r = {.research = &a->research, .organisation = organisation_of(a), .users = a->people, .user_count = a->people_count,
                                  .from_ms = a->from_ms, .until_ms = a->to_ms};
    (void)snprintf(field, sizeof field, "/datasets/%u", index);
    read_dataset(a, item, &ask);
    ask.dictionary = d;
    check_network(a, &ask, field);
    if (!d) {
        verdict_add(&a->rules[RULE_DATA_USE], VERDICT_REVIEW, "unknown_dataset", field, NULL, "no site publishes the dataset: its conditions are not known");
        return DONE;
    }
    duo_check(&r, &d->use_conditions, NULL, field, &a->rules[RULE_DATA_USE]);
    TRY(access_rules_read(d->rules, "/access_rules", &rules, why));
    (void)snprintf(level, sizeof level, "dataset '%s'", d->dataset.text);
    check_rules(a, rules, &ask, level, field);
    return DONE;
}

static result check_all(struct assessing *a, struct why *why)
{
    const struct json *datasets = json_get(a->f->form, "datasets");
    TRY(research_read(json_get(a->f->form, "research"), text_of(a, "purpose"), "/research", &a->research, why));
    read_lists(a);
    check_purpose(a);
    check_uses(a);
    duo_check_topics(&a->research, &a->rules[RULE_DATA_USE]);
    const struct access_ask ask = ask_of(a);
    if (a->f->network)
        check_rules(a, a->f->network, &ask, "the network", "");
    for (unsigned i = 0; i < json_size(datasets) && i < ASSESS_DATASETS_MAX; i++)
        TRY(check_dataset(a, json_item(datasets, i), i, why));
    return DONE;
}

static struct json *print(const struct assessing *a, enum verdict_kind *ret_kind)
{
    struct json *v = json_object(), *list = json_array();
    *ret_kind = VERDICT_PERMIT;
    for (unsigned i = 0; i < RULES; i++) {
        struct json *one = verdict_json(&a->rules[i]);
        json_set(one, "rule", json_of_str(RULE_NAMES[i]));
        json_add(list, one);
        if (a->rules[i].kind > *ret_kind)
            *ret_kind = a->rules[i].kind;
    }
    json_set(v, "verdict", json_of_str(verdict_name(*ret_kind)));
    json_set(v, "rules", list);
    return v;
}

result assess(const struct assess_facts *f, struct json **ret, enum verdict_kind *ret_kind, struct why *why)
{
    struct assessing *a = calloc(1, sizeof *a); /* large */
    if (!a)
        return FAIL(why, LIMIT, "no memory for an assessment");
    a->f = f;
    for (unsigned i = 0; i < RULES; i++)
        verdict_init(&a->rules[i]);
    result r = check_all(a, why);
    if (is_ok(r))
        *ret = print(a, ret_kind);
    free(a);
    return r;
}
