/*
 * applications.c - asking for access, the holders' opinions, the decision.
 *
 *   state      event    next
 *   submitted  grant    granted   (makes the permit's draft)
 *   submitted  refuse   refused
 *
 * Free text stays in these tables; the log names accounts and hashes (I11).
 */
#include "broker/core/call.h"

enum {
    TITLE_BYTES_MAX = 300, TEXT_BYTES_MAX = 20000, REASON_BYTES_MAX = 4000, APPLICATION_BYTES_MAX = 256 * 1024,
    NAMES_MAX = 1000,
};
#define PERIOD_MS_MAX (3653 * DAY_MS) /* EHDS Article 68: ten years */

static const char *const purposes[] = {
    "53.1.a", "53.1.b", "53.1.c", "53.1.d", "53.1.e", "53.1.e.i", "53.1.e.ii", "53.1.f", NULL,
};

result party_check(struct call *c, struct slice document, struct why *why)
{
    if (c->who.roles & (ROLE_OFFICER | ROLE_AUDITOR))
        return DONE;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, PARTY_IS, &rows, why, store_text(document), store_str(c->who.account.text),
            store_str(c->who.roles & ROLE_HOLDER ? c->who.account.text : "")));
    return rows_next(rows) ? DONE : no_such_thing(why);
}

static result add_party(struct core *c, const char *document, int kind, struct slice name, struct why *why)
{
    return RUN(c, PARTY_ADD, NULL, why, store_str(document), store_integer(kind), store_text(name));
}

/* --- submitting --- */

static result read_sites(struct call *c, const struct json *array, const char *path, const struct dataset_entry *e,
                         const char *document, struct why *why)
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
        TRY(add_party(c->core, document, PARTY_SITE, slice_str(site.text), why));
    }
    return DONE;
}

static result read_variables(const struct json *array, const char *path, const struct dataset_entry *e, struct why *why)
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

static result read_statistics(const struct json *array, const char *path, struct why *why)
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

static result read_dataset(struct call *c, const struct json *item, size_t index, const char *document, struct why *why)
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
    TRY(read_sites(c, sites, field, e, document, why));
    fields_path(&f, "variables", field);
    TRY(read_variables(variables, field, e, why));
    fields_path(&f, "statistics", field);
    return read_statistics(statistics, field, why);
}

static result read_people(struct call *c, const struct json *array, const char *document, struct why *why)
{
    bool self = false;
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
        self = self || label_equal(&account, &c->who.account);
        TRY(add_party(c->core, document, PARTY_ACCOUNT, slice_str(account.text), why));
    }
    if (!self)
        return FAIL_AT(why, MALFORMED, "/people", "the applicant must be one of the people");
    return DONE;
}

result application_create(struct call *c, struct why *why)
{
    struct fields f;
    struct slice title, summary = {0}, basis = {0}, ethics = {0};
    unsigned purpose;
    int64_t from_ms, to_ms;
    const struct json *datasets, *people;
    struct document_id id;
    TRY(call_fields(c, &f, why));
    TRY(need_text(&f, "title", TITLE_BYTES_MAX, &title));
    TRY(may_text(&f, "summary", TEXT_BYTES_MAX, &summary));
    TRY(need_choice(&f, "purpose", purposes, &purpose));
    TRY(may_text(&f, "legal_basis", TEXT_BYTES_MAX, &basis));
    TRY(may_text(&f, "ethics", TEXT_BYTES_MAX, &ethics));
    TRY(need_instant(&f, "from", &from_ms));
    TRY(need_instant(&f, "to", &to_ms));
    TRY(need_array(&f, "datasets", PERMIT_DATASETS_MAX, &datasets));
    TRY(need_array(&f, "people", PERMIT_PEOPLE_MAX, &people));
    TRY(fields_close(&f));
    if (title.len == 0)
        return FAIL_AT(why, MALFORMED, "/title", "an application needs a title");
    if (to_ms <= from_ms || to_ms - from_ms > PERIOD_MS_MAX)
        return FAIL_AT(why, MALFORMED, "/to", "must be after 'from', by at most ten years");
    if (json_size(datasets) == 0)
        return FAIL_AT(why, MALFORMED, "/datasets", "name at least one dataset");
    TRY(document_id_new(c->core->host, 'a', &id, why));
    for (size_t i = 0; i < json_size(datasets); i++) {
        for (size_t k = 0; k < i; k++)
            if (slice_equal(json_text(json_get(json_item(datasets, k), "dataset")), json_text(json_get(json_item(datasets, i), "dataset"))))
                return FAIL_AT(why, MALFORMED, "/datasets", "a dataset is named twice");
        TRY(read_dataset(c, json_item(datasets, i), i, id.text, why));
    }
    TRY(read_people(c, people, id.text, why));
    struct buffer body CLEANUP(buffer_done);
    buffer_init(&body, APPLICATION_BYTES_MAX);
    TRY(json_print(c->body, &body, why));
    TRY(RUN(c->core, APPLICATION_ADD, NULL, why, store_str(id.text), store_str(c->who.account.text),
            store_text(buffer_slice(&body)), store_integer(c->now_ms)));
    char commitment[2 * HASH_LEN + 1];
    TRY(text_commit(c->core, id.text, c->who.account.text, "application", buffer_slice(&body), commitment, why));
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "application", json_of_str(id.text));
    json_set(entry, "application_commitment", json_of_str(commitment));
    json_set(entry, "purpose", json_of_str(purposes[purpose]));
    TRY(log_append(c->core, "application", entry, NULL, why));
    c->pending->status = 201;
    snprintf(c->pending->location, sizeof c->pending->location, "/v1/applications/%s", id.text);
    json_set(c->answer, "id", json_of_str(id.text));
    json_set(c->answer, "state", json_of_str("submitted"));
    return DONE;
}

/* --- reading --- */

static result sees_all(const struct call *c)
{
    return (result){c->who.roles & (ROLE_OFFICER | ROLE_AUDITOR) ? OK : DENIED};
}

result application_list(struct call *c, struct why *why)
{
    struct page page;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(page_read(c, &page, why));
    TRY(RUN(c->core, APPLICATION_LIST, &rows, why, store_integer(page.before_ms), store_integer(page.before_ms), store_text(page.after),
            store_integer(is_ok(sees_all(c))), store_str(c->who.account.text),
            store_str(c->who.roles & ROLE_HOLDER ? c->who.account.text : ""), store_integer(page.limit)));
    struct json *items = json_array();
    int64_t last_ms = 0;
    struct slice last = slice_str("");
    while (rows_next(rows)) {
        struct json *item = json_object(), *body = NULL;
        TRY(json_parse(rows_text(rows, 3), APPLICATION_BYTES_MAX, &body, why));
        json_set(item, "id", json_of_text(rows_text(rows, 0)));
        json_set(item, "account", json_of_text(rows_text(rows, 1)));
        json_set(item, "state", json_of_text(rows_text(rows, 2)));
        json_set(item, "title", json_of_text(json_text(json_get(body, "title"))));
        json_set(item, "purpose", json_of_text(json_text(json_get(body, "purpose"))));
        json_set(item, "created", json_of_instant(rows_integer(rows, 4)));
        if (rows_text(rows, 5).len)
            json_set(item, "permit", json_of_text(rows_text(rows, 5)));
        json_free(body);
        json_add(items, item);
        last_ms = rows_integer(rows, 4);
        last = rows_text(rows, 0);
    }
    json_free(c->answer);
    c->answer = page_json_newest(&page, items, last_ms, last);
    return DONE;
}

static result opinions_json(struct core *c, struct slice id, struct json **ret, bool *ret_denied, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, OPINION_LIST, &rows, why, store_text(id)));
    struct json *list = json_array();
    *ret_denied = false;
    while (rows_next(rows)) {
        struct json *item = json_object();
        json_set(item, "site", json_of_text(rows_text(rows, 0)));
        json_set(item, "account", json_of_text(rows_text(rows, 1)));
        json_set(item, "opinion", json_of_text(rows_text(rows, 2)));
        json_set(item, "text", json_of_text(rows_text(rows, 3)));
        json_set(item, "at", json_of_instant(rows_integer(rows, 4)));
        *ret_denied = *ret_denied || slice_is(rows_text(rows, 2), "deny");
        json_add(list, item);
    }
    *ret = list;
    return DONE;
}

result application_get(struct call *c, struct why *why)
{
    struct document_id id;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(call_document_id(c, 'a', &id, why));
    TRY(party_check(c, c->id, why));
    TRY(RUN(c->core, APPLICATION_GET, &rows, why, store_str(id.text)));
    if (!rows_next(rows))
        return no_such_thing(why);
    struct json *body = NULL, *opinions = NULL;
    bool denied;
    TRY(json_parse(rows_text(rows, 2), APPLICATION_BYTES_MAX, &body, why));
    json_free(c->answer);
    c->answer = body; /* the application's own members, and what became of it */
    json_set(body, "id", json_of_str(id.text));
    json_set(body, "account", json_of_text(rows_text(rows, 0)));
    json_set(body, "state", json_of_text(rows_text(rows, 1)));
    json_set(body, "created", json_of_instant(rows_integer(rows, 3)));
    if (rows_integer(rows, 4)) {
        struct json *decision = json_object();
        json_set(decision, "at", json_of_instant(rows_integer(rows, 4)));
        json_set(decision, "account", json_of_text(rows_text(rows, 5)));
        json_set(decision, "reason", json_of_text(rows_text(rows, 6)));
        json_set(body, "decision", decision);
    }
    if (rows_text(rows, 7).len)
        json_set(body, "permit", json_of_text(rows_text(rows, 7)));
    TRY(opinions_json(c->core, c->id, &opinions, &denied, why));
    json_set(body, "opinions", opinions);
    return DONE;
}

/* --- opinion and decision --- */

static result load_submitted(struct call *c, struct document_id *ret_id, struct rows **ret, struct why *why)
{
    TRY(call_document_id(c, 'a', ret_id, why));
    TRY(party_check(c, c->id, why));
    TRY(RUN(c->core, APPLICATION_GET, ret, why, store_str(ret_id->text)));
    if (!rows_next(*ret))
        return no_such_thing(why);
    if (!slice_is(rows_text(*ret, 1), "submitted"))
        return FAIL_CODE(why, DENIED, "conflict", "", "the application is %.*s already", SLICE_ARG(rows_text(*ret, 1)));
    return DONE;
}

result application_opinion(struct call *c, struct why *why)
{
    static const char *const opinions[] = {"approve", "deny", NULL};
    struct fields f;
    struct slice site, text = {0};
    unsigned opinion;
    struct document_id id;
    struct rows *rows CLEANUP(rows_freep) = NULL, *sites CLEANUP(rows_freep) = NULL, *mine CLEANUP(rows_freep) = NULL;
    TRY(call_fields(c, &f, why));
    TRY(need_text(&f, "site", SITE_ID_MAX, &site));
    TRY(need_choice(&f, "opinion", opinions, &opinion));
    TRY(may_text(&f, "text", REASON_BYTES_MAX, &text));
    TRY(fields_close(&f));
    TRY(load_submitted(c, &id, &rows, why));
    TRY(RUN(c->core, PARTY_LIST, &sites, why, store_str(id.text), store_integer(PARTY_SITE)));
    TRY(RUN(c->core, HOLDER_SITES, &mine, why, store_str(c->who.account.text)));
    bool concerned = false, speaks = false;
    while (rows_next(sites))
        concerned = concerned || slice_equal(rows_text(sites, 0), site);
    while (rows_next(mine))
        speaks = speaks || slice_equal(rows_text(mine, 0), site);
    if (!concerned || !speaks)
        return FAIL_CODE(why, DENIED, "not_yours", "/site", "the application does not ask for that site, or the trust document does not name you as its holder");
    TRY(RUN(c->core, OPINION_PUT, NULL, why, store_str(id.text), store_text(site), store_str(c->who.account.text),
            store_str(opinions[opinion]), store_text(text), store_integer(c->now_ms)));
    char commitment[2 * HASH_LEN + 1];
    TRY(text_commit(c->core, id.text, c->who.account.text, "opinion", text, commitment, why));
    struct json *entry = json_object();
    json_set(entry, "text_commitment", json_of_str(commitment));
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "application", json_of_str(id.text));
    json_set(entry, "site", json_of_text(site));
    json_set(entry, "opinion", json_of_str(opinions[opinion]));
    return log_append(c->core, "opinion", entry, NULL, why);
}

result application_decide(struct call *c, struct why *why)
{
    static const char *const decisions[] = {"grant", "refuse", NULL};
    struct fields f;
    struct slice reason = {0};
    unsigned decision;
    struct document_id id, permit = {""};
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct json *body CLEANUP(json_freep) = NULL, *opinions CLEANUP(json_freep) = NULL;
    bool denied = false;
    TRY(call_fields(c, &f, why));
    TRY(need_choice(&f, "decision", decisions, &decision));
    TRY(may_text(&f, "reason", REASON_BYTES_MAX, &reason));
    TRY(fields_close(&f));
    TRY(load_submitted(c, &id, &rows, why));
    TRY(json_parse(rows_text(rows, 2), APPLICATION_BYTES_MAX, &body, why));
    bool grant = decision == 0;
    if (!grant && reason.len == 0)
        return FAIL_AT(why, MALFORMED, "/reason", "a refusal has a reason");
    TRY(opinions_json(c->core, c->id, &opinions, &denied, why));
    if (grant && denied)
        return FAIL_CODE(why, DENIED, "conflict", "/decision", "a data holder has denied; ask for an application without that site");
    if (grant)
        TRY(permit_draft(c, &id, body, &permit, why));
    TRY(RUN(c->core, APPLICATION_DECIDE, NULL, why, store_str(id.text), store_str(grant ? "granted" : "refused"),
            store_integer(c->now_ms), store_str(c->who.account.text), store_text(reason), store_str(permit.text)));
    char commitment[2 * HASH_LEN + 1];
    TRY(text_commit(c->core, id.text, c->who.account.text, "reason", reason, commitment, why));
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "application", json_of_str(id.text));
    json_set(entry, "decision", json_of_str(decisions[decision]));
    json_set(entry, "reason_commitment", json_of_str(commitment));
    TRY(log_append(c->core, "application", entry, NULL, why));
    json_set(c->answer, "id", json_of_str(id.text));
    json_set(c->answer, "state", json_of_str(grant ? "granted" : "refused"));
    if (grant)
        json_set(c->answer, "permit", json_of_str(permit.text));
    return DONE;
}
