/*
 * applications.c - making, copying and reading applications.  What may be done with one, and when, is
 * application_steps.c and policy/workflow.c.
 */
#include "broker/applications/applications.h"
#include "broker/audit/audit.h"
#include "proto/fields.h"

enum { EVENTS_MAX = 500 };

/* --- making --- */

result application_add(struct call *c, const struct json *body, const char *origin, struct slice succeeds,
                       struct application *ret, struct why *why)
{
    struct document_id id;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, APPLICATION_BYTES_MAX);
    TRY(document_id_new(c->core->host, 'a', &id, why));
    TRY(json_print(body, &text, why));
    TRY(RUN(c->core, APPLICATION_ADD, NULL, why, store_str(id.text), store_str(c->who.account.text), store_text(buffer_slice(&text)),
            store_integer(c->now_ms), store_integer(c->now_ms), store_str(origin), store_text(succeeds)));
    TRY(application_parties(c, body, &id, slice_str(c->who.account.text), why));
    struct json *entry CLEANUP(json_freep) = json_object();
    const struct application made = {.id = id};
    TRY(entry_text(c->core, entry, &made, c->who.account.text, "application", buffer_slice(&text), why));
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "application", json_of_str(id.text));
    json_set(entry, "command", json_of_str("create"));
    json_set(entry, "state", json_of_str(application_state_name(APPLICATION_DRAFT)));
    json_set(entry, "version", json_of_integer(1));
    if (succeeds.len)
        json_set(entry, "succeeds", json_of_text(succeeds));
    TRY(log_append(c->core, "application", MOVE(entry), NULL, why));
    TRY(RUN(c->core, EVENT_ADD, NULL, why, store_str(id.text), store_integer(1), store_integer(c->now_ms), store_str(c->who.account.text),
            store_str("create"), store_str(application_state_name(APPLICATION_DRAFT)), store_str("")));
    return application_load(c->core, &id, ret, why);
}

void application_say_made(struct call *c, const struct application *a)
{
    c->pending->status = 201;
    snprintf(c->pending->location, sizeof c->pending->location, "/v1/applications/%s", a->id.text);
    json_set(c->answer, "id", json_of_str(a->id.text));
    json_set(c->answer, "state", json_of_str(application_state_name(a->state)));
    json_set(c->answer, "version", json_of_integer(a->version));
}

/* With ?draft=1 it stays a draft; else it is submitted in the same breath. */
result application_create(struct call *c, struct why *why)
{
    struct fields f;
    uint64_t draft;
    struct application a CLEANUP(application_done) = {0};
    TRY(call_fields(c, &f, why));
    TRY(call_number(c, "draft", 1, false, 0, &draft, why));
    const struct application applicant = {.account = slice_str(c->who.account.text)};
    TRY(application_check(c, c->body, &applicant, draft == 0, why));
    TRY(application_add(c, c->body, "granted", slice_str(""), &a, why));
    if (!draft)
        TRY(application_submit(c, &a, why));
    application_say_made(c, &a);
    return DONE;
}

/* Copy as new: the filled form, for whoever may read it and may apply. */
result application_copy(struct call *c, struct why *why)
{
    struct application old CLEANUP(application_done) = {0}, a CLEANUP(application_done) = {0};
    TRY(application_of_call(c, &old, why));
    TRY(application_add(c, old.body, "granted", slice_str(""), &a, why));
    application_say_made(c, &a);
    return DONE;
}

/* --- reading --- */

static result item_of(struct core *c, const struct rows *row, struct json *item, struct why *why)
{
    (void)c;
    struct json *body CLEANUP(json_freep) = NULL;
    TRY(json_parse(rows_text(row, 3), APPLICATION_BYTES_MAX, &body, why));
    json_set(item, "id", json_of_text(rows_text(row, 0)));
    json_set(item, "account", json_of_text(rows_text(row, 1)));
    json_set(item, "state", json_of_text(rows_text(row, 2)));
    json_set(item, "title", json_of_text(json_text(json_get(body, "title"))));
    json_set(item, "purpose", json_of_text(json_text(json_get(body, "purpose"))));
    json_set(item, "created", json_of_instant(rows_integer(row, 4)));
    json_set(item, "version", json_of_integer(rows_integer(row, 6)));
    if (rows_integer(row, 7))
        json_set(item, "due", json_of_instant(rows_integer(row, 7)));
    if (rows_text(row, 8).len)
        json_set(item, "outcome", json_of_text(rows_text(row, 8)));
    if (rows_text(row, 5).len)
        json_set(item, "permit", json_of_text(rows_text(row, 5)));
    return DONE;
}

/* With ?state=processing only those. */
result application_list(struct call *c, struct why *why)
{
    static const struct newest_first list = {APPLICATION_LIST, APPLICATION_LIST_IN_STATE, APPLICATIONS_OF_PARTY,
                                             APPLICATIONS_OF_HOLDER_IN_STATE, APPLICATION_HEAD, 4, item_of};
    struct slice wanted = slice_str("");
    enum application_state state = APPLICATION_DECIDED;
    if (call_parameter(c, "state", &wanted) && !is_ok(application_state_parse(wanted, &state, NULL)))
        return FAIL_AT(why, MALFORMED, "state", "'%.*s' is no state of an application", SLICE_ARG(slice_part(wanted, 0, 40)));
    return newest_list(c, &list, wanted, why);
}

static result opinions_json(struct core *c, const struct application *a, struct json *to, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, OPINION_LIST, &rows, why, store_str(a->id.text)));
    struct json *list = json_array();
    while (rows_next(rows)) {
        struct json *item = json_object();
        json_set(item, "site", json_of_text(rows_text(rows, 0)));
        json_set(item, "account", json_of_text(rows_text(rows, 1)));
        json_set(item, "opinion", json_of_text(rows_text(rows, 2)));
        json_set(item, "text", json_of_text(rows_text(rows, 3)));
        json_set(item, "at", json_of_instant(rows_integer(rows, 4)));
        json_add(list, item);
    }
    json_set(to, "opinions", list);
    return DONE;
}

static result members_json(struct core *c, const struct application *a, struct json *to, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, MEMBER_LIST, &rows, why, store_str(a->id.text)));
    struct json *list = json_array();
    while (rows_next(rows)) {
        struct json *item = json_object();
        json_set(item, "account", json_of_text(rows_text(rows, 0)));
        json_set(item, "accepted", json_of_bool(rows_integer(rows, 1) != 0));
        json_add(list, item);
    }
    json_set(to, "members", list);
    return DONE;
}

static result history_json(struct core *c, const struct application *a, struct json *to, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, EVENT_LIST, &rows, why, store_str(a->id.text), store_integer(0), store_integer(EVENTS_MAX)));
    json_set(to, "history", events_json(rows, true));
    return DONE;
}

static void set_moment(struct json *to, const char *key, int64_t at_ms)
{
    if (at_ms)
        json_set(to, key, json_of_instant(at_ms));
}

static struct json *decision_json(const struct application *a)
{
    struct json *decision = json_object();
    json_set(decision, "at", json_of_instant(a->decided_ms));
    json_set(decision, "account", json_of_text(a->decided_by));
    json_set(decision, "outcome", json_of_text(a->outcome));
    json_set(decision, "reason", json_of_text(a->reason));
    if (a->ground.len)
        json_set(decision, "ground", json_of_text(a->ground));
    if (slice_is(a->outcome, "refused") && !a->appealed_ms)
        json_set(decision, "appeal_until", json_of_instant(a->decided_ms + APPEAL_DAYS * DAY_MS));
    set_moment(decision, "appealed", a->appealed_ms);
    return decision;
}

result application_json(struct call *c, const struct application *a, struct json **ret, struct why *why)
{
    struct buffer allowed CLEANUP(buffer_done) = {0};
    unsigned actors;
    struct json *fee = NULL, *attachments = NULL;
    buffer_init(&allowed, 512);
    TRY(actors_of(c, slice_str(a->id.text), a->account, &actors, why));
    TRY(workflow_allowed(a->state, actors, &allowed, why));
    TRY(fee_of_application(c->core, a, &fee, why));
    result r = attachments_of(c->core, a, &attachments, why);
    if (!is_ok(r)) {
        json_free(fee);
        return r;
    }
    struct json *v CLEANUP(json_freep) = json_deep_copy(a->body); /* the application's own members, and what became of it */
    json_set(v, "fee", fee);
    json_set(v, "attachments", attachments);
    json_set(v, "id", json_of_str(a->id.text));
    json_set(v, "account", json_of_text(a->account));
    json_set(v, "state", json_of_str(application_state_name(a->state)));
    json_set(v, "version", json_of_integer(a->version));
    json_set(v, "created", json_of_instant(a->created_ms));
    set_moment(v, "received", a->received_ms);
    set_moment(v, "due", a->due_ms);
    set_moment(v, "opinions_due", a->opinions_due_ms);
    set_moment(v, "answer_due", a->answer_due_ms);
    json_set(v, "allowed", json_of_text(buffer_slice(&allowed)));
    if (a->succeeds.len) {
        json_set(v, "origin", json_of_text(a->origin));
        json_set(v, "succeeds", json_of_text(a->succeeds));
    }
    if (a->decided_ms)
        json_set(v, "decision", decision_json(a));
    if (a->permit.len)
        json_set(v, "permit", json_of_text(a->permit));
    TRY(opinions_json(c->core, a, v, why));
    TRY(members_json(c->core, a, v, why));
    TRY(history_json(c->core, a, v, why));
    *ret = MOVE(v);
    return DONE;
}

result application_get(struct call *c, struct why *why)
{
    struct application a CLEANUP(application_done) = {0};
    struct json *v = NULL;
    TRY(application_of_call(c, &a, why));
    TRY(application_json(c, &a, &v, why));
    json_free(c->answer);
    c->answer = v;
    return DONE;
}
