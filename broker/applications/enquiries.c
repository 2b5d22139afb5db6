/*
 * enquiries.c - the desk for those who do not know yet what they need: anybody with an account asks, from
 * whatever organisation and country; an officer answers; an application can be made of it, with what was
 * said carried over.  Which step is whose: policy/workflow.c.  Text stays here, the log has commitments.
 */
#include "broker/applications/applications.h"
#include "broker/audit/audit.h"
#include "broker/outbox/outbox.h"
#include "broker/sites/sites.h"

#include "policy/purpose.h"
#include "proto/fields.h"

enum { TITLE_MAX = 300, QUESTION_MAX = 8000, ANSWER_MAX = 8000, DATASETS_MAX = 64, NAMES_MAX = 1000, OPEN_ENQUIRIES_MAX = 20, EVENTS_MAX = 500,
       ENQUIRY_BYTES_MAX = 128 * 1024 };

struct enquiry {
    struct rows *rows; /* owned; the slices are its */
    struct json *body; /* owned */
    struct document_id id;
    enum enquiry_state state;
    int64_t version, created_ms;
    struct slice account, application;
};

static void enquiry_done(struct enquiry *e)
{
    rows_free(e->rows);
    json_free(e->body);
}

/* --- what is asked --- */

static result check_names(const struct fields *f, const char *key, const struct json *array, size_t bytes_max, struct why *why)
{
    char path[JSON_PATH_MAX];
    fields_path(f, key, path);
    for (size_t i = 0; i < json_size(array); i++) {
        struct slice name = json_text(json_item(array, i));
        if (name.len == 0 || name.len > bytes_max)
            return FAIL_AT(why, MALFORMED, path, "must be a list of names of 1 to %zu bytes", bytes_max);
    }
    return DONE;
}

/* Names need not be in the catalogue: what is missing there is what the answer is about. */
static result check_dataset(const struct json *item, size_t index, struct why *why)
{
    char path[JSON_PATH_MAX];
    struct fields f;
    struct slice name;
    const struct json *sites = NULL, *variables = NULL, *statistics = NULL;
    snprintf(path, sizeof path, "/datasets/%zu", index);
    TRY(fields_open(item, path, &f, why));
    TRY(need_text(&f, "dataset", LABEL_MAX, &name));
    TRY(may_array(&f, "sites", PERMIT_SITES_MAX, &sites));
    TRY(may_array(&f, "variables", NAMES_MAX, &variables));
    TRY(may_array(&f, "statistics", STATISTIC_KINDS, &statistics));
    TRY(check_names(&f, "sites", sites, SITE_ID_MAX, why));
    TRY(check_names(&f, "variables", variables, VARIABLE_MAX, why));
    TRY(check_names(&f, "statistics", statistics, 32, why));
    return fields_close(&f);
}

static result check_country(struct slice country, struct why *why)
{
    bool good = country.len == 0 || country.len == 2;
    for (size_t i = 0; i < country.len; i++)
        good = good && country.at[i] >= 'A' && country.at[i] <= 'Z';
    return good ? DONE : FAIL_AT(why, MALFORMED, "/country", "is two capital letters (ISO 3166-1), as NO or SE");
}

static result check_body(struct call *c, struct why *why)
{
    static const char *const kinds[] = {"public", "research", "company", NULL};
    struct fields f;
    struct slice title, question, country = {0}, purpose = {0};
    const struct json *datasets = NULL;
    unsigned kind;
    int64_t from_ms = 0, to_ms = 0;
    TRY(call_fields(c, &f, why));
    TRY(need_text(&f, "title", TITLE_MAX, &title));
    TRY(need_text(&f, "question", QUESTION_MAX, &question));
    TRY(may_choice(&f, "organisation_kind", kinds, &kind));
    TRY(may_text(&f, "country", 8, &country));
    TRY(may_text(&f, "purpose", 32, &purpose));
    TRY(may_array(&f, "datasets", DATASETS_MAX, &datasets));
    TRY(may_instant(&f, "from", &from_ms));
    TRY(may_instant(&f, "to", &to_ms));
    TRY(fields_close(&f));
    if (title.len == 0 || question.len == 0)
        return FAIL_AT(why, MALFORMED, title.len ? "/question" : "/title", "is needed");
    TRY(check_country(country, why));
    if (purpose.len && !purpose_find(purpose))
        return FAIL_CODE(why, MALFORMED, "purpose_unknown", "/purpose", "a purpose is a code of EHDS Article 53, as 53.1.e");
    if (from_ms && to_ms && to_ms <= from_ms)
        return FAIL_AT(why, MALFORMED, "/to", "must be after 'from'");
    for (size_t i = 0; i < json_size(datasets); i++)
        TRY(check_dataset(json_item(datasets, i), i, why));
    return DONE;
}

/* --- loading and writing --- */

static result enquiry_load(struct call *c, struct enquiry *ret, struct why *why)
{
    struct enquiry e CLEANUP(enquiry_done) = {0};
    TRY(call_document_id(c, 'e', &e.id, why));
    TRY(RUN(c->core, ENQUIRY_GET, &e.rows, why, store_str(e.id.text)));
    if (!rows_next(e.rows))
        return no_such_thing(why);
    e.account = rows_text(e.rows, 0);
    if (!slice_is(e.account, c->who.account.text) && !(c->who.roles & (ROLE_OFFICER | ROLE_AUDITOR)))
        return no_such_thing(why);
    if (!is_ok(enquiry_state_parse(rows_text(e.rows, 1), &e.state, why)) || !is_ok(json_parse(rows_text(e.rows, 2), ENQUIRY_BYTES_MAX, &e.body, why)))
        return FAIL(why, BROKEN, "a stored enquiry cannot be read");
    e.created_ms = rows_integer(e.rows, 3);
    e.version = rows_integer(e.rows, 4);
    e.application = rows_text(e.rows, 5);
    *ret = e;
    e = (struct enquiry){0};
    return DONE;
}

/* The event and the entry of what became of it. */
static result note(struct call *c, const struct enquiry *e, const char *command, struct slice text, struct json *fields, struct why *why)
{
    struct json *entry CLEANUP(json_freep) = fields;
    char commitment[2 * HASH_LEN + 1];
    const char *state = enquiry_state_name(e->state);
    TRY(RUN(c->core, ENQUIRY_EVENT_ADD, NULL, why, store_str(e->id.text), store_integer(e->version), store_integer(c->now_ms),
            store_str(c->who.account.text), store_str(command), store_str(state), store_text(text)));
    if (text.len) {
        TRY(text_commit(c->core, e->id.text, c->who.account.text, "text", text, commitment, why));
        json_set(entry, "text_commitment", json_of_str(commitment));
    }
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "enquiry", json_of_str(e->id.text));
    json_set(entry, "command", json_of_str(command));
    json_set(entry, "state", json_of_str(state));
    json_set(entry, "version", json_of_integer(e->version));
    return log_append(c->core, "enquiry", MOVE(entry), NULL, why);
}

result enquiry_create(struct call *c, struct why *why)
{
    struct enquiry e = {.state = ENQUIRY_OPEN, .version = 1};
    struct rows *open CLEANUP(rows_freep) = NULL;
    struct buffer text CLEANUP(buffer_done) = {0};
    char commitment[2 * HASH_LEN + 1];
    buffer_init(&text, ENQUIRY_BYTES_MAX);
    TRY(check_body(c, why));
    TRY(RUN(c->core, ENQUIRIES_OPEN_COUNT, &open, why, store_str(c->who.account.text)));
    if (rows_next(open) && rows_integer(open, 0) >= OPEN_ENQUIRIES_MAX)
        return FAIL_CODE(why, LIMIT, "too_many_requests", "", "an account has at most %d open enquiries; close one first", OPEN_ENQUIRIES_MAX);
    TRY(document_id_new(c->core->host, 'e', &e.id, why));
    TRY(json_print(c->body, &text, why));
    TRY(RUN(c->core, ENQUIRY_ADD, NULL, why, store_str(e.id.text), store_str(c->who.account.text), store_text(buffer_slice(&text)),
            store_integer(c->now_ms), store_integer(c->now_ms)));
    TRY(text_commit(c->core, e.id.text, c->who.account.text, "enquiry", buffer_slice(&text), commitment, why));
    struct json *entry = json_object();
    json_set(entry, "enquiry_commitment", json_of_str(commitment));
    TRY(note(c, &e, "ask", slice_str(""), entry, why));
    TRY(outbox_of_enquiry(c->core, e.id.text, e.version, slice_str(c->who.account.text), true, ENQUIRY_ANSWER, c->who.account.text, why));
    c->pending->status = 201;
    snprintf(c->pending->location, sizeof c->pending->location, "/v1/enquiries/%s", e.id.text);
    json_set(c->answer, "id", json_of_str(e.id.text));
    json_set(c->answer, "state", json_of_str(enquiry_state_name(e.state)));
    json_set(c->answer, "version", json_of_integer(e.version));
    return DONE;
}

/* --- steps --- */

/* The data of the enquiry as an application asks for them: what the catalogue does not have is left out. */
static result carry_dataset(struct core *c, const struct json *from, struct json *to, struct why *why)
{
    struct label name;
    struct dataset_entry *e;
    struct json *one = json_object(), *sites = json_array(), *variables = json_array();
    const struct json *asked_sites = json_get(from, "sites"), *asked = json_get(from, "variables"), *statistics = json_get(from, "statistics");
    json_set(one, "sites", sites);
    json_set(one, "variables", variables);
    struct json *held CLEANUP(json_freep) = one;
    if (!is_ok(label_parse(json_text(json_get(from, "dataset")), &name, NULL)))
        return DONE;
    result r = catalogue_find(c, &name, "", &e, why);
    if (!is_ok(r))
        return r.code == MALFORMED ? DONE : r;
    for (unsigned i = 0; i < e->site_count; i++) {
        bool wanted = json_size(asked_sites) == 0;
        for (size_t k = 0; k < json_size(asked_sites) && !wanted; k++)
            wanted = slice_is(json_text(json_item(asked_sites, k)), e->sites[i].text);
        if (wanted)
            json_add(sites, json_of_str(e->sites[i].text));
    }
    for (size_t i = 0; i < json_size(asked); i++)
        if (dictionary_find(e->dictionary, json_text(json_item(asked, i))) >= 0)
            json_add(variables, json_of_text(json_text(json_item(asked, i))));
    if (json_size(variables) == 0)
        json_add(variables, json_of_str("*"));
    json_set(one, "dataset", json_of_str(name.text));
    json_set(one, "statistics", statistics ? json_deep_copy(statistics) : json_array());
    if (json_size(json_get(one, "statistics")) == 0)
        json_add((struct json *)(uintptr_t)json_get(one, "statistics"), json_of_str("count"));
    if (json_size(sites))
        json_add(to, MOVE(held));
    return DONE;
}

static result carry_over(struct call *c, const struct enquiry *e, struct json *to, struct why *why)
{
    static const char *const same[] = {"title", "purpose", "from", "to"};
    const struct json *asked = json_get(e->body, "datasets");
    struct json *datasets = json_array(), *people = json_array();
    json_set(to, "form", json_of_str("request-1"));
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        if (json_get(e->body, same[i]))
            json_set(to, same[i], json_deep_copy(json_get(e->body, same[i])));
    json_set(to, "summary", json_deep_copy(json_get(e->body, "question")));
    json_set(to, "datasets", datasets);
    json_set(to, "people", people);
    json_add(people, json_of_str(c->who.account.text));
    for (size_t i = 0; i < json_size(asked); i++)
        TRY(carry_dataset(c->core, json_item(asked, i), datasets, why));
    return DONE;
}

static result take_apply(struct call *c, struct enquiry *e, struct json *fields, struct document_id *ret, struct why *why)
{
    struct json *body CLEANUP(json_freep) = json_object();
    struct application a CLEANUP(application_done) = {0};
    struct rows *account CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, ACCOUNT_GET, &account, why, store_str(c->who.account.text)));
    if (!(c->who.roles & ROLE_RESEARCHER) || !rows_next(account) || rows_is_null(account, 3))
        return FAIL_CODE(why, DENIED, "wrong_role", "/command", "a researcher's account with a key applies: ask the unit for one, and enquire from it");
    TRY(carry_over(c, e, body, why));
    const struct application applicant = {.account = slice_str(c->who.account.text)};
    TRY(application_check(c, body, &applicant, false, why));
    TRY(application_add(c, body, "granted", slice_str(""), &a, why));
    json_set(fields, "application", json_of_str(a.id.text));
    json_set(c->answer, "application", json_of_str(a.id.text));
    *ret = a.id;
    return DONE;
}

static result take(struct call *c, struct enquiry *e, const struct enquiry_workflow_row *row, struct slice text, struct why *why)
{
    struct json *fields CLEANUP(json_freep) = json_object();
    struct document_id made = {""};
    if (row->text && text.len == 0)
        return FAIL_AT(why, MALFORMED, "/text", "'%s' needs a text", enquiry_step_name(row->step));
    if (row->step == ENQUIRY_APPLY)
        TRY(take_apply(c, e, fields, &made, why));
    e->state = row->next;
    e->version++;
    TRY(RUN(c->core, ENQUIRY_SET, NULL, why, store_str(e->id.text), store_str(enquiry_state_name(e->state)), store_integer(e->version),
            store_integer(c->now_ms), store_str(made.text)));
    TRY(outbox_of_enquiry(c->core, e->id.text, e->version, e->account, false, row->step, c->who.account.text, why));
    return note(c, e, enquiry_step_name(row->step), text, MOVE(fields), why);
}

static unsigned actors_towards(const struct call *c, const struct enquiry *e)
{
    if (slice_is(e->account, c->who.account.text))
        return ACTOR_APPLICANT; /* an officer who asks is one who asks */
    return c->who.roles & ROLE_OFFICER ? ACTOR_OFFICER : 0;
}

result enquiry_step(struct call *c, struct why *why)
{
    static const char *const steps[] = {"answer", "reply", "apply", "close", NULL}; /* in the order of the enum */
    struct enquiry e CLEANUP(enquiry_done) = {0};
    struct buffer allowed CLEANUP(buffer_done) = {0};
    struct fields f;
    struct slice text = {0};
    unsigned step;
    int64_t version;
    buffer_init(&allowed, 256);
    TRY(enquiry_load(c, &e, why));
    TRY(call_fields(c, &f, why));
    TRY(need_choice(&f, "command", steps, &step));
    TRY(need_integer(&f, "version", 1, INT64_C(1) << 52, &version));
    TRY(may_text(&f, "text", ANSWER_MAX, &text));
    TRY(fields_close(&f));
    unsigned actors = actors_towards(c, &e), may = enquiry_workflow_actors((enum enquiry_step)step);
    if (!(actors & may))
        return refuse_actor(steps[step], may, why);
    if (!(c->who.scopes & (actors & ACTOR_APPLICANT ? SCOPE_APPLY : SCOPE_DECIDE)))
        return FAIL_CODE(why, DENIED, "wrong_role", "", "the token's scopes do not cover this step");
    const struct standing stands = {"enquiry", e.id.text, enquiry_state_name(e.state), e.version};
    if (version != e.version)
        return refuse_stale(c, &stands, version, ENQUIRY_EVENT_LIST, why);
    const struct enquiry_workflow_row *row = enquiry_workflow_find(e.state, (enum enquiry_step)step);
    if (!row || !(row->actors & actors)) {
        TRY(enquiry_workflow_allowed(e.state, actors, &allowed, why));
        return refuse_step(c, &stands, steps[step], &allowed, why);
    }
    TRY(take(c, &e, row, text, why));
    json_set(c->answer, "id", json_of_str(e.id.text));
    json_set(c->answer, "state", json_of_str(enquiry_state_name(e.state)));
    json_set(c->answer, "version", json_of_integer(e.version));
    return DONE;
}

/* --- reading --- */

result enquiry_of_application(struct core *c, const char *application, struct json **ret, struct why *why)
{
    struct rows *found CLEANUP(rows_freep) = NULL, *rows CLEANUP(rows_freep) = NULL, *events CLEANUP(rows_freep) = NULL;
    struct json *v = NULL;
    *ret = NULL;
    TRY(RUN(c, ENQUIRY_OF_APPLICATION, &found, why, store_str(application)));
    if (!rows_next(found)) {
        *ret = json_of_null();
        return DONE;
    }
    TRY(RUN(c, ENQUIRY_GET, &rows, why, store_text(rows_text(found, 0))));
    TRY(RUN(c, ENQUIRY_EVENT_LIST, &events, why, store_text(rows_text(found, 0)), store_integer(0), store_integer(EVENTS_MAX)));
    if (!rows_next(rows) || !is_ok(json_parse(rows_text(rows, 2), ENQUIRY_BYTES_MAX, &v, why)))
        return FAIL(why, BROKEN, "a stored enquiry cannot be read");
    json_set(v, "id", json_of_text(rows_text(found, 0)));
    json_set(v, "account", json_of_text(rows_text(rows, 0)));
    json_set(v, "history", events_json(events, true));
    *ret = v;
    return DONE;
}

result enquiry_list(struct call *c, struct why *why)
{
    struct page page;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(page_read(c, &page, why));
    TRY(RUN(c->core, ENQUIRY_LIST, &rows, why, store_integer(page.before_ms), store_integer(page.before_ms), store_text(page.after),
            store_integer(c->who.roles & (ROLE_OFFICER | ROLE_AUDITOR) ? 1 : 0), store_str(c->who.account.text), store_integer(page.limit)));
    struct json *items = json_array();
    int64_t last_ms = 0;
    struct slice last = slice_str("");
    while (rows_next(rows)) {
        struct json *item = json_object(), *body CLEANUP(json_freep) = NULL;
        json_add(items, item);
        if (!is_ok(json_parse(rows_text(rows, 3), ENQUIRY_BYTES_MAX, &body, why))) {
            json_free(items);
            return FAIL(why, BROKEN, "a stored enquiry cannot be read");
        }
        json_set(item, "id", json_of_text(rows_text(rows, 0)));
        json_set(item, "account", json_of_text(rows_text(rows, 1)));
        json_set(item, "state", json_of_text(rows_text(rows, 2)));
        json_set(item, "title", json_of_text(json_text(json_get(body, "title"))));
        json_set(item, "created", json_of_instant(rows_integer(rows, 4)));
        json_set(item, "version", json_of_integer(rows_integer(rows, 5)));
        if (rows_text(rows, 6).len)
            json_set(item, "application", json_of_text(rows_text(rows, 6)));
        last_ms = rows_integer(rows, 4);
        last = rows_text(rows, 0);
    }
    json_free(c->answer);
    c->answer = page_json_newest(&page, items, last_ms, last);
    return DONE;
}

result enquiry_get(struct call *c, struct why *why)
{
    struct enquiry e CLEANUP(enquiry_done) = {0};
    struct rows *events CLEANUP(rows_freep) = NULL;
    struct buffer allowed CLEANUP(buffer_done) = {0};
    struct json *estimate = NULL;
    buffer_init(&allowed, 256);
    TRY(enquiry_load(c, &e, why));
    TRY(enquiry_workflow_allowed(e.state, actors_towards(c, &e), &allowed, why));
    TRY(RUN(c->core, ENQUIRY_EVENT_LIST, &events, why, store_str(e.id.text), store_integer(0), store_integer(EVENTS_MAX)));
    TRY(feasibility(c->core, json_get(e.body, "datasets"), &estimate, why));
    json_free(c->answer);
    c->answer = json_deep_copy(e.body);
    struct json *v = c->answer;
    json_set(v, "feasibility", estimate);
    json_set(v, "id", json_of_str(e.id.text));
    json_set(v, "account", json_of_text(e.account));
    json_set(v, "state", json_of_str(enquiry_state_name(e.state)));
    json_set(v, "version", json_of_integer(e.version));
    json_set(v, "created", json_of_instant(e.created_ms));
    json_set(v, "allowed", json_of_text(buffer_slice(&allowed)));
    if (e.application.len)
        json_set(v, "application", json_of_text(e.application));
    json_set(v, "history", events_json(events, true));
    return DONE;
}
