#include "policy/access_rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy/duo.h"
#include "policy/workflow.h"
#include "proto/document.h"
#include "proto/fields.h"

enum { ALLOWED_SIZE = 240, MONTHS_MAX = 120, QUESTIONS_MAX = 1000000, NAME_MAX_BYTES = 100 };

struct names {
    bool given;
    struct slice at[ACCESS_NAMES_MAX];
    unsigned count;
};
struct combination {
    struct slice variables[ACCESS_COMBINED_MAX];
    unsigned count;
    enum verdict_kind effect;
};
struct access_set {
    bool given;
    enum verdict_kind effect, sensitive;
    struct names purposes, countries, training, terms, review, deny;
    bool has_statistics, statistics[STATISTIC_KINDS];
    int64_t months_max, variables_max, questions_max; /* 0: no rule */
    struct combination combinations[ACCESS_COMBINATIONS_MAX];
    unsigned combination_count;
};
struct access_rules {
    struct json *tree; /* owned: what the slices point into */
    struct access_set all, of[ORGANISATION_KINDS];
};

static const char *const EFFECTS[] = {"permit", "review", "deny", NULL}; /* in the order of verdict_kind */
static const char *const PARTS[ACCESS_PARTS] = {"purpose", "organisation", "training", "terms", "country", "variables", "statistics", "period", "budget"};

const char *access_part_name(enum access_part p)
{
    return p < ACCESS_PARTS ? PARTS[p] : "?";
}

/* --- reading ------------------------------------------------------------------------------------- */

static bool name_valid(const char *key, struct slice text)
{
    if (strcmp(key, "purposes") == 0)
        return purpose_find(text) != NULL;
    if (strcmp(key, "countries") == 0)
        return country_valid(text) || slice_is(text, "EEA");
    if (strcmp(key, "training") == 0 || strcmp(key, "terms") == 0) {
        struct label name;
        return is_ok(label_parse(text, &name, NULL));
    }
    return variable_name_valid(text);
}

static result read_names(struct fields *f, const char *key, struct names *ret)
{
    const struct json *array = NULL;
    TRY(may_array(f, key, ACCESS_NAMES_MAX, &array));
    ret->given = array != NULL;
    for (; ret->count < json_size(array); ret->count++) {
        char path[JSON_PATH_MAX];
        struct slice text = json_text(json_item(array, ret->count));
        path_of_item(f, key, ret->count, path);
        if (!name_valid(key, text))
            return FAIL_AT(f->why, MALFORMED, path, "%s",
                           strcmp(key, "purposes") == 0    ? "must be a purpose such as 53.1.e"
                           : strcmp(key, "countries") == 0 ? "must be a country's two letters, EU or EEA"
                                                           : "must be a name");
        ret->at[ret->count] = text;
    }
    return DONE;
}

static result read_effect(struct fields *f, const char *key, enum verdict_kind *ret)
{
    unsigned effect = *ret;
    TRY(may_choice(f, key, EFFECTS, &effect));
    *ret = (enum verdict_kind)effect;
    return DONE;
}

static result read_statistics(struct fields *f, struct access_set *s)
{
    const struct json *list = NULL;
    TRY(may_array(f, "statistics", STATISTIC_KINDS, &list));
    s->has_statistics = list != NULL;
    for (size_t i = 0; i < json_size(list); i++) {
        unsigned kind = 0;
        char path[JSON_PATH_MAX];
        while (kind < STATISTIC_KINDS && !slice_is(json_text(json_item(list, i)), statistic_name((enum statistic)kind)))
            kind++;
        path_of_item(f, "statistics", i, path);
        if (kind == STATISTIC_KINDS)
            return FAIL_AT(f->why, MALFORMED, path, "must be a statistic such as count or table");
        s->statistics[kind] = true;
    }
    return DONE;
}

static result read_variables(struct fields *f, struct access_set *s)
{
    const struct json *object = NULL;
    struct fields o;
    char path[JSON_PATH_MAX];
    TRY(may_object(f, "variables", &object));
    if (!object)
        return DONE;
    fields_path(f, "variables", path);
    TRY(fields_open(object, path, &o, f->why));
    TRY(read_names(&o, "review", &s->review));
    TRY(read_names(&o, "deny", &s->deny));
    return fields_close(&o);
}

static result read_combinations(struct fields *f, struct access_set *s)
{
    const struct json *list = NULL, *variables;
    TRY(may_array(f, "combinations", ACCESS_COMBINATIONS_MAX, &list));
    for (; s->combination_count < json_size(list); s->combination_count++) {
        struct combination *one = &s->combinations[s->combination_count];
        struct fields o;
        char path[JSON_PATH_MAX];
        one->effect = VERDICT_DENY;
        TRY(open_item(f, "combinations", list, s->combination_count, &o));
        TRY(need_array(&o, "variables", ACCESS_COMBINED_MAX, &variables));
        TRY(read_effect(&o, "effect", &one->effect));
        TRY(fields_close(&o));
        fields_path(&o, "variables", path);
        if (json_size(variables) < 2)
            return FAIL_AT(f->why, MALFORMED, path, "a combination has at least two variables");
        for (; one->count < json_size(variables); one->count++) {
            one->variables[one->count] = json_text(json_item(variables, one->count));
            if (!variable_name_valid(one->variables[one->count]))
                return FAIL_AT(f->why, MALFORMED, path, "must be names of variables");
        }
    }
    return DONE;
}

static result read_members(struct fields *f, struct access_set *s)
{
    s->given = true;
    TRY(read_effect(f, "effect", &s->effect));
    TRY(read_effect(f, "sensitive", &s->sensitive));
    TRY(read_names(f, "purposes", &s->purposes));
    TRY(read_names(f, "countries", &s->countries));
    TRY(read_names(f, "training", &s->training));
    TRY(read_names(f, "terms", &s->terms));
    TRY(read_statistics(f, s));
    TRY(read_variables(f, s));
    TRY(read_combinations(f, s));
    TRY(may_integer(f, "months_max", 1, MONTHS_MAX, &s->months_max));
    TRY(may_integer(f, "variables_max", 1, VARIABLES_MAX, &s->variables_max));
    return may_integer(f, "questions_max", 1, QUESTIONS_MAX, &s->questions_max);
}

static result read_organisations(struct fields *f, struct access_rules *r)
{
    const struct json *object = NULL;
    struct fields o, one;
    char path[JSON_PATH_MAX];
    TRY(may_object(f, "organisations", &object));
    if (!object)
        return DONE;
    fields_path(f, "organisations", path);
    TRY(fields_open(object, path, &o, f->why));
    for (unsigned k = 0; k < ORGANISATION_KINDS; k++) {
        const char *kind = organisation_kind_name((enum organisation_kind)k);
        const struct json *members = NULL;
        TRY(may_object(&o, kind, &members));
        if (!members)
            continue;
        fields_path(&o, kind, path);
        TRY(fields_open(members, path, &one, f->why));
        TRY(read_members(&one, &r->of[k]));
        TRY(fields_close(&one));
    }
    return fields_close(&o);
}

result access_rules_read(const struct json *v, const char *path, struct access_rules **ret, struct why *why)
{
    struct fields f;
    struct slice title = {0};
    struct access_rules *r CLEANUP(access_rules_freep) = calloc(1, sizeof *r);
    if (!r)
        return FAIL(why, LIMIT, "no memory for the rules");
    if (json_kind(v) != JSON_NULL) {
        TRY(fields_open(v, path, &f, why));
        TRY(need_kind(&f, "access-rules/1"));
        TRY(may_text(&f, "title", NAME_MAX_BYTES * 2, &title));
        TRY(read_members(&f, &r->all));
        TRY(read_organisations(&f, r));
        TRY(fields_close(&f));
        r->tree = json_share(v);
    }
    *ret = MOVE(r);
    return DONE;
}

void access_rules_free(struct access_rules *r)
{
    if (!r)
        return;
    json_free(r->tree);
    free(r);
}

void access_rules_freep(struct access_rules **r)
{
    access_rules_free(*r);
    *r = NULL;
}

/* --- checking ------------------------------------------------------------------------------------ */

/* What one check needs to speak. */
struct checking {
    const struct access_set *set;
    const struct access_ask *ask;
    const char *level, *whom, *field; /* "the network", " of company organisations", "/datasets/0" */
    struct verdict *v;
};

static bool has(const struct names *n, struct slice text)
{
    for (unsigned i = 0; i < n->count; i++)
        if (slice_equal(n->at[i], text))
            return true;
    return false;
}

static const char *joined(const struct names *n, char to[ALLOWED_SIZE])
{
    size_t len = 0;
    to[0] = 0;
    for (unsigned i = 0; i < n->count && len + n->at[i].len + 3 < ALLOWED_SIZE; i++)
        len += (size_t)snprintf(to + len, ALLOWED_SIZE - len, "%s%.*s", i ? ", " : "", SLICE_ARG(n->at[i]));
    return to;
}

static void say(const struct checking *c, enum verdict_kind effect, const char *member, const char *allowed, const char *what)
{
    char field[96];
    if (effect == VERDICT_PERMIT)
        return;
    (void)snprintf(field, sizeof field, "%.60s%s", c->field, member);
    verdict_add(c->v, effect, "rule_not_met", field, allowed, "rules of %s%s: %s", c->level, c->whom, what);
}

static void check_purpose(const struct checking *c)
{
    char allowed[ALLOWED_SIZE], what[120];
    if (!c->set->purposes.given || has(&c->set->purposes, c->ask->purpose))
        return;
    (void)snprintf(what, sizeof what, "not for purpose %.*s", SLICE_ARG(slice_part(c->ask->purpose, 0, 16)));
    say(c, VERDICT_DENY, "/purpose", joined(&c->set->purposes, allowed), what);
}

static void check_country(const struct checking *c)
{
    char allowed[ALLOWED_SIZE], what[120];
    const struct organisation *o = c->ask->organisation;
    if (!c->set->countries.given)
        return;
    if (!o || !o->given) {
        say(c, VERDICT_REVIEW, "/organisation", joined(&c->set->countries, allowed), "the applicant's organisation and its country are not registered");
        return;
    }
    if (region_has(c->set->countries.at, c->set->countries.count, o->country))
        return;
    (void)snprintf(what, sizeof what, "not from %.*s", SLICE_ARG(o->country));
    say(c, VERDICT_DENY, "/organisation/country", joined(&c->set->countries, allowed), what);
}

static bool attested(const struct access_ask *a, const struct label *account, struct slice name, bool terms)
{
    for (unsigned i = 0; i < a->attestation_count; i++) {
        const struct attestation *t = &a->attestations[i];
        if (t->terms == terms && label_equal(&t->account, account) && slice_equal(t->name, name) && (!t->until_ms || t->until_ms > a->now_ms))
            return true;
    }
    return false;
}

static void check_attested(const struct checking *c, const struct names *wanted, bool terms)
{
    for (unsigned p = 0; p < c->ask->people_count; p++)
        for (unsigned i = 0; i < wanted->count; i++) {
            char what[240], field[32];
            if (attested(c->ask, &c->ask->people[p], wanted->at[i], terms))
                continue;
            (void)snprintf(field, sizeof field, "/people/%u", p % 1000);
            (void)snprintf(what, sizeof what, "'%s' has not %s '%.*s'%s", c->ask->people[p].text, terms ? "signed the terms" : "done the training",
                           SLICE_ARG(wanted->at[i]), terms ? "" : ", or it is no longer valid");
            say(c, VERDICT_DENY, field, terms ? "innsyn terms sign NAME" : "training that an operator records", what);
        }
}

static bool asks_variable(const struct access_ask *a, struct slice name)
{
    for (unsigned i = 0; i < a->variable_count; i++)
        if (slice_equal(a->variables[i], name))
            return true;
    return !a->variables && a->dictionary && dictionary_find(a->dictionary, name) >= 0;
}

static void check_named(const struct checking *c, const struct names *n, enum verdict_kind effect)
{
    char what[120];
    for (unsigned i = 0; i < n->count; i++) {
        if (!asks_variable(c->ask, n->at[i]))
            continue;
        (void)snprintf(what, sizeof what, "variable '%.*s' %s", SLICE_ARG(n->at[i]), effect == VERDICT_DENY ? "is not given" : "must be looked at by a human");
        say(c, effect, "/variables", NULL, what);
    }
}

static void check_combinations(const struct checking *c)
{
    for (unsigned i = 0; i < c->set->combination_count && c->ask->one_question; i++) {
        const struct combination *one = &c->set->combinations[i];
        struct names n = {.given = true};
        unsigned asked = 0;
        char all[ALLOWED_SIZE], what[240];
        for (; n.count < one->count; n.count++) {
            n.at[n.count] = one->variables[n.count];
            asked += asks_variable(c->ask, one->variables[n.count]);
        }
        if (asked < one->count)
            continue;
        (void)snprintf(what, sizeof what, "not together in one question: %.200s", joined(&n, all));
        say(c, one->effect, "/variables", NULL, what);
    }
}

static void check_variables(const struct checking *c)
{
    const struct access_ask *a = c->ask;
    char what[120], allowed[32];
    unsigned count = a->variables || !a->dictionary ? a->variable_count : a->dictionary->variable_count;
    if (c->set->variables_max && count > c->set->variables_max) {
        (void)snprintf(what, sizeof what, "%u variables are more than it gives", count);
        (void)snprintf(allowed, sizeof allowed, "%lld", (long long)c->set->variables_max);
        say(c, VERDICT_DENY, "/variables", allowed, what);
    }
    for (unsigned i = 0; a->dictionary && c->set->sensitive != VERDICT_PERMIT && i < a->dictionary->variable_count; i++) {
        const struct variable *v = &a->dictionary->variables[i];
        if (!v->sensitive || !asks_variable(a, v->name))
            continue;
        (void)snprintf(what, sizeof what, "variable '%.*s' is sensitive", SLICE_ARG(v->name));
        say(c, c->set->sensitive, "/variables", NULL, what);
    }
    check_named(c, &c->set->review, VERDICT_REVIEW);
    check_named(c, &c->set->deny, VERDICT_DENY);
    check_combinations(c);
}

static void check_statistics(const struct checking *c)
{
    struct names n = {.given = true};
    char allowed[ALLOWED_SIZE], what[64];
    if (!c->set->has_statistics || !c->ask->statistics)
        return;
    for (unsigned i = 0; i < STATISTIC_KINDS; i++)
        if (c->set->statistics[i])
            n.at[n.count++] = slice_str(statistic_name((enum statistic)i));
    for (unsigned i = 0; i < STATISTIC_KINDS; i++) {
        if (!c->ask->statistics[i] || c->set->statistics[i])
            continue;
        (void)snprintf(what, sizeof what, "no %s", statistic_name((enum statistic)i));
        say(c, VERDICT_DENY, "/statistics", joined(&n, allowed), what);
    }
}

static void check_period(const struct checking *c)
{
    char allowed[64];
    const struct access_ask *a = c->ask;
    if (!c->set->months_max || !a->from_ms || !a->to_ms || a->to_ms <= add_months(a->from_ms, (unsigned)c->set->months_max))
        return;
    (void)snprintf(allowed, sizeof allowed, "%lld months", (long long)c->set->months_max);
    say(c, VERDICT_DENY, "/to", allowed, "the period is too long");
}

static void check_budget(const struct checking *c)
{
    char allowed[64], field[96];
    long long most = (long long)c->set->questions_max;
    if (!most || c->ask->questions < (uint64_t)most)
        return;
    (void)snprintf(allowed, sizeof allowed, "%lld questions", most);
    (void)snprintf(field, sizeof field, "%.60s", c->field);
    verdict_add(c->v, VERDICT_DENY, "questions_used_up", field, allowed,
                "rules of %s%s: %lld questions under one permit, %llu were asked; whose rule it is can allow more, and an amended permit has its own count",
                c->level, c->whom, most, (unsigned long long)c->ask->questions);
}

static void check_set(const struct checking *c, enum access_part part)
{
    if (!c->set->given)
        return;
    switch (part) {
    case ACCESS_PURPOSE: check_purpose(c); break;
    case ACCESS_ORGANISATION:
        say(c, c->set->effect, "/organisation", NULL, c->set->effect == VERDICT_DENY ? "no access" : "a human must look");
        break;
    case ACCESS_TRAINING: check_attested(c, &c->set->training, false); break;
    case ACCESS_TERMS: check_attested(c, &c->set->terms, true); break;
    case ACCESS_COUNTRY: check_country(c); break;
    case ACCESS_VARIABLES: check_variables(c); break;
    case ACCESS_STATISTICS: check_statistics(c); break;
    case ACCESS_PERIOD: check_period(c); break;
    case ACCESS_BUDGET: check_budget(c); break;
    case ACCESS_PARTS: break;
    }
}

bool access_rules_count_questions(const struct access_rules *r)
{
    bool counts = r->all.questions_max > 0;
    for (unsigned k = 0; k < ORGANISATION_KINDS; k++)
        counts = counts || r->of[k].questions_max > 0;
    return counts;
}

void access_rules_check(const struct access_rules *r, enum access_part part, const struct access_ask *a, const char *level, const char *field,
                        struct verdict *v)
{
    char whom[64] = "";
    struct checking c = {.set = &r->all, .ask = a, .level = level, .whom = whom, .field = field, .v = v};
    const struct organisation *o = a->organisation;
    bool any = false;
    check_set(&c, part);
    for (unsigned k = 0; k < ORGANISATION_KINDS; k++)
        any = any || r->of[k].given;
    if (o && o->given && o->kind < ORGANISATION_KINDS) {
        (void)snprintf(whom, sizeof whom, " for %s organisations", organisation_kind_name((enum organisation_kind)o->kind));
        c.set = &r->of[o->kind];
        check_set(&c, part);
    } else if (any && part == ACCESS_ORGANISATION) {
        say(&c, VERDICT_REVIEW, "/organisation", NULL, "the applicant's organisation is not registered, and its kind matters");
    }
}
