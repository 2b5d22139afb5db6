/*
 * application_form.c - is a filled form good?  The form itself (policy/forms) says which fields there are;
 * here stands what only the broker knows: datasets, sites, variables, accounts, and the permit that an
 * amendment or a renewal follows.
 */
#include "broker/applications/applications.h"
#include "broker/outbox/outbox.h"
#include "broker/permits/permits.h"
#include "broker/sites/sites.h"

#include "policy/form.h"
#include "proto/fields.h"

enum { NAMES_MAX = 1000 };
#define PERIOD_MS_MAX (3653 * DAY_MS) /* EHDS Article 68: ten years */

static result check_sites(const struct json *array, const char *path, const struct dataset_entry *e, struct why *why)
{
    if (json_size(array) == 0)
        return FAIL_AT(why, MALFORMED, path, "name at least one site");
    for (size_t i = 0; i < json_size(array); i++) {
        struct site_id site;
        TRY(site_id_parse(json_text(json_item(array, i)), &site, why));
        if (!catalogue_has_site(e, &site))
            return FAIL_CODE(why, MALFORMED, "outside_scope", path, "the site '%s' does not publish '%s'", site.text, e->dataset.text);
        for (size_t k = 0; k < i; k++)
            if (slice_is(json_text(json_item(array, k)), site.text))
                return FAIL_AT(why, MALFORMED, path, "the site '%s' is named twice", site.text);
    }
    return DONE;
}

static result check_variables(const struct json *array, const char *path, const struct dataset_entry *e, struct why *why)
{
    if (json_size(array) == 0)
        return FAIL_AT(why, MALFORMED, path, "name variables, or [\"*\"] for all");
    for (size_t i = 0; i < json_size(array); i++) {
        struct slice name = json_text(json_item(array, i));
        if (slice_is(name, "*") && json_size(array) == 1)
            return DONE;
        if (dictionary_find(e->dictionary, name) < 0) {
            struct slice near = dictionary_nearest(e->dictionary, name);
            return FAIL_CODE(why, MALFORMED, "unknown_variable", path, "'%s' has no variable '%.*s'%s%.*s", e->dataset.text,
                             SLICE_ARG(name), near.len ? "; nearest: " : "", SLICE_ARG(near));
        }
    }
    return DONE;
}

static result check_statistics(const struct json *array, const char *path, struct why *why)
{
    if (json_size(array) == 0)
        return FAIL_AT(why, MALFORMED, path, "name at least one statistic");
    for (size_t i = 0; i < json_size(array); i++) {
        unsigned k = 0;
        while (k < STATISTIC_KINDS && !slice_is(json_text(json_item(array, i)), statistic_name((enum statistic)k)))
            k++;
        if (k == STATISTIC_KINDS)
            return FAIL_CODE(why, MALFORMED, "unknown_statistic", path, "a statistic is one of count, table, summary, histogram");
    }
    return DONE;
}

static result check_dataset(struct call *c, const struct json *item, size_t index, struct why *why)
{
    char path[JSON_PATH_MAX], field[JSON_PATH_MAX];
    struct fields f;
    struct slice name;
    const struct json *sites, *variables, *statistics;
    struct label dataset;
    struct dataset_entry *e;
    snprintf(path, sizeof path, "/datasets/%zu", index);
    TRY(fields_open(item, path, &f, why));
    TRY(need_text(&f, "dataset", LABEL_MAX, &name));
    TRY(need_array(&f, "sites", PERMIT_SITES_MAX, &sites));
    TRY(need_array(&f, "variables", NAMES_MAX, &variables));
    TRY(need_array(&f, "statistics", STATISTIC_KINDS, &statistics));
    TRY(fields_close(&f));
    TRY(label_parse(name, &dataset, why));
    fields_path(&f, "dataset", field);
    TRY(catalogue_find(c->core, &dataset, field, &e, why));
    fields_path(&f, "sites", field);
    TRY(check_sites(sites, field, e, why));
    fields_path(&f, "variables", field);
    TRY(check_variables(variables, field, e, why));
    fields_path(&f, "statistics", field);
    return check_statistics(statistics, field, why);
}

static result check_datasets(struct call *c, const struct json *datasets, struct why *why)
{
    for (size_t i = 0; i < json_size(datasets); i++) {
        struct slice name = json_text(json_get(json_item(datasets, i), "dataset"));
        for (size_t k = 0; k < i; k++)
            if (slice_equal(json_text(json_get(json_item(datasets, k), "dataset")), name))
                return FAIL_AT(why, MALFORMED, "/datasets", "a dataset is named twice");
        TRY(check_dataset(c, json_item(datasets, i), i, why));
    }
    return DONE;
}

static bool is_among(const struct json *array, struct slice text)
{
    for (size_t i = 0; i < json_size(array); i++)
        if (slice_equal(json_text(json_item(array, i)), text))
            return true;
    return false;
}

static result check_people(struct call *c, const struct json *body, struct slice applicant, bool whole, struct why *why)
{
    const struct json *array = json_get(body, "people");
    for (size_t i = 0; i < json_size(array); i++) {
        char path[JSON_PATH_MAX];
        struct label account;
        struct rows *rows CLEANUP(rows_freep) = NULL;
        snprintf(path, sizeof path, "/people/%zu", i);
        TRY(label_parse(json_text(json_item(array, i)), &account, why));
        for (size_t k = 0; k < i; k++)
            if (slice_is(json_text(json_item(array, k)), account.text))
                return FAIL_AT(why, MALFORMED, path, "'%s' is named twice", account.text);
        TRY(RUN(c->core, ACCOUNT_GET, &rows, why, store_str(account.text)));
        if (!rows_next(rows) || !(rows_integer(rows, 1) & ROLE_RESEARCHER) || rows_is_null(rows, 3))
            return FAIL_AT(why, MALFORMED, path, "'%s' is not a researcher's account with a key", account.text);
    }
    if (whole && !is_among(array, applicant))
        return FAIL_AT(why, MALFORMED, "/people", "the applicant must be one of the people");
    struct slice leader = json_text(json_get(body, "principal_investigator"));
    if (whole && leader.len && !is_among(array, leader))
        return FAIL_AT(why, MALFORMED, "/principal_investigator", "must be one of the people");
    return DONE;
}

static result check_period(const struct json *body, struct why *why)
{
    int64_t from_ms, to_ms;
    if (!instant_parse(json_text(json_get(body, "from")), &from_ms) || !instant_parse(json_text(json_get(body, "to")), &to_ms))
        return DONE; /* a draft that has not got so far */
    if (to_ms <= from_ms || to_ms - from_ms > PERIOD_MS_MAX)
        return FAIL_AT(why, MALFORMED, "/to", "must be after 'from', by at most ten years");
    return DONE;
}

static result same_member(const struct json *a, const struct json *b, const char *key, struct why *why)
{
    char path[JSON_PATH_MAX];
    struct buffer left CLEANUP(buffer_done) = {0}, right CLEANUP(buffer_done) = {0};
    buffer_init(&left, APPLICATION_BYTES_MAX);
    buffer_init(&right, APPLICATION_BYTES_MAX);
    TRY(json_print(json_get(a, key), &left, why));
    TRY(json_print(json_get(b, key), &right, why));
    snprintf(path, sizeof path, "/%s", key);
    if (!slice_equal(buffer_slice(&left), buffer_slice(&right)))
        return FAIL_AT(why, MALFORMED, path, "a renewal changes only the period: amend the permit for anything else");
    return DONE;
}

/* An amendment keeps the end; a renewal keeps all but the period, which begins at the old end. */
static result check_succession(struct call *c, const struct json *body, const struct application *a, struct why *why)
{
    struct permit_row p CLEANUP(permit_row_done) = {0};
    int64_t from_ms = 0, to_ms = 0;
    TRY(permit_load(c->core, a->succeeds, &p, why));
    if (!instant_parse(json_text(json_get(body, "from")), &from_ms) || !instant_parse(json_text(json_get(body, "to")), &to_ms))
        return DONE; /* form_check spoke */
    if (slice_is(a->origin, "amended"))
        return to_ms <= p.permit->to_ms ? DONE : FAIL_AT(why, MALFORMED, "/to", "an amendment keeps the permit's end: renew it to go on longer");
    if (from_ms != p.permit->to_ms)
        return FAIL_AT(why, MALFORMED, "/from", "a renewal begins where the permit ends");
    struct document_id before;
    struct application old CLEANUP(application_done) = {0};
    before = p.permit->application;
    TRY(application_load(c->core, &before, &old, why));
    TRY(same_member(body, old.body, "purpose", why));
    TRY(same_member(body, old.body, "people", why));
    return same_member(body, old.body, "datasets", why);
}

result application_check(struct call *c, const struct json *body, const struct application *a, bool whole, struct why *why)
{
    struct json *form CLEANUP(json_freep) = NULL;
    struct slice name = json_text(json_get(body, "form"));
    TRY(form_open(name.len ? name : slice_str("request-1"), &form, why));
    TRY(form_check(form, body, whole, why));
    TRY(check_period(body, why));
    TRY(check_datasets(c, json_get(body, "datasets"), why));
    TRY(check_people(c, body, a->account, whole, why));
    if (whole && a->succeeds.len)
        return check_succession(c, body, a, why);
    return DONE;
}

static result add_party(struct core *c, const char *document, int kind, struct slice name, int64_t created_ms, struct why *why)
{
    return RUN(c, PARTY_ADD, NULL, why, store_str(document), store_integer(kind), store_text(name), store_integer(created_ms));
}

static result created(struct core *c, const struct document_id *id, int64_t *ret_ms, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, APPLICATION_HEAD, &rows, why, store_str(id->text)));
    *ret_ms = rows_next(rows) ? rows_integer(rows, 4) : host_now_ms(c->host);
    return DONE;
}

result application_parties(struct call *c, const struct json *body, const struct document_id *id, struct slice applicant, struct why *why)
{
    struct core *core = c->core;
    const struct json *datasets = json_get(body, "datasets"), *people = json_get(body, "people");
    struct rows *members CLEANUP(rows_freep) = NULL;
    int64_t created_ms;
    TRY(created(core, id, &created_ms, why));
    TRY(RUN(core, PARTY_CLEAR, NULL, why, store_str(id->text)));
    TRY(add_party(core, id->text, PARTY_ACCOUNT, applicant, created_ms, why));
    for (size_t i = 0; i < json_size(datasets); i++) {
        const struct json *sites = json_get(json_item(datasets, i), "sites");
        for (size_t k = 0; k < json_size(sites); k++)
            TRY(add_party(core, id->text, PARTY_SITE, json_text(json_item(sites, k)), created_ms, why));
    }
    TRY(RUN(core, MEMBER_LIST, &members, why, store_str(id->text)));
    while (rows_next(members))
        if (!is_among(people, rows_text(members, 0)))
            TRY(RUN(core, MEMBER_DROP, NULL, why, store_str(id->text), store_text(rows_text(members, 0))));
    for (size_t i = 0; i < json_size(people); i++) {
        struct slice person = json_text(json_item(people, i));
        TRY(add_party(core, id->text, PARTY_ACCOUNT, person, created_ms, why));
        struct rows *added CLEANUP(rows_freep) = NULL;
        if (slice_equal(person, applicant))
            continue;
        TRY(RUN(core, MEMBER_ADD, &added, why, store_str(id->text), store_text(person)));
        if (rows_next(added))
            TRY(outbox_of_invitation(core, id->text, person, c->who.account.text, why));
    }
    return DONE;
}

result form_list(struct call *c, struct why *why)
{
    struct json *items = json_array();
    for (unsigned i = 0; i < form_count(); i++) {
        struct json *form = NULL;
        TRY(form_open(slice_str(form_name(i)), &form, why));
        json_add(items, form);
    }
    json_set(c->answer, "items", items);
    return DONE;
}
