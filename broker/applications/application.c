/*
 * application.c - an application as it is stored: read, and taken one version further, with the event, the log entry and
 * the notices that this owes.  Free text stays in these tables; the log names accounts and hashes (I11).
 */
#include "broker/applications/applications.h"
#include "broker/audit/audit.h"
#include "broker/outbox/outbox.h"
#include "proto/fields.h"

void application_done(struct application *a)
{
    rows_free(a->rows);
    json_free(a->body);
    json_free(a->assessment);
    a->assessment = NULL;
    a->rows = NULL;
    a->body = NULL;
}

result application_load(struct core *c, const struct document_id *id, struct application *ret, struct why *why)
{
    struct application a CLEANUP(application_done) = {.id = *id};
    TRY(RUN(c, APPLICATION_GET, &a.rows, why, store_str(id->text)));
    if (!rows_next(a.rows))
        return no_such_thing(why);
    const struct rows *r = a.rows;
    if (!is_ok(application_state_parse(rows_text(r, 1), &a.state, why)) || !is_ok(json_parse(rows_text(r, 2), APPLICATION_BYTES_MAX, &a.body, why)))
        return FAIL(why, BROKEN, "a stored application cannot be read");
    a.account = rows_text(r, 0);
    a.created_ms = rows_integer(r, 3);
    a.decided_ms = rows_integer(r, 4);
    a.decided_by = rows_text(r, 5);
    a.reason = rows_text(r, 6);
    a.permit = rows_text(r, 7);
    a.version = rows_integer(r, 8);
    a.changed_ms = rows_integer(r, 9);
    a.received_ms = rows_integer(r, 10);
    a.due_ms = rows_integer(r, 11);
    a.left_ms = rows_integer(r, 12);
    a.extended = rows_integer(r, 13) != 0;
    a.opinions_due_ms = rows_integer(r, 14);
    a.answer_due_ms = rows_integer(r, 15);
    a.outcome = rows_text(r, 16);
    a.origin = rows_text(r, 17);
    a.succeeds = rows_text(r, 18);
    a.fee = rows_integer(r, 19);
    a.fee_agreed = rows_integer(r, 20);
    a.ground = rows_text(r, 21);
    a.appealed_ms = rows_integer(r, 22);
    *ret = a;
    a = (struct application){0};
    return DONE;
}

result application_visible(struct call *c, const struct document_id *id, struct application *ret, struct why *why)
{
    struct application a CLEANUP(application_done) = {0};
    TRY(party_check(c, slice_str(id->text), why));
    TRY(application_load(c->core, id, &a, why));
    if (a.received_ms == 0) { /* a draft is its people's own */
        unsigned actors;
        TRY(actors_of(c, slice_str(id->text), a.account, &actors, why));
        if (!(actors & ACTORS_ASKING))
            return no_such_thing(why);
    }
    *ret = a;
    a = (struct application){0};
    return DONE;
}

result application_of_call(struct call *c, struct application *ret, struct why *why)
{
    struct document_id id;
    TRY(call_document_id(c, 'a', &id, why));
    return application_visible(c, &id, ret, why);
}

result entry_text(struct core *c, struct json *entry, const struct application *a, const char *account, const char *kind,
                  struct slice text, struct why *why)
{
    char key[64], commitment[2 * HASH_LEN + 1];
    TRY(text_commit(c, a->id.text, account, kind, text, commitment, why));
    (void)snprintf(key, sizeof key, "%s_commitment", kind);
    json_set(entry, key, json_of_str(commitment));
    return DONE;
}

static result write_row(struct call *c, struct application *a, enum step step, const char *account, struct slice text,
                        struct json *fields, struct why *why)
{
    struct core *core = c->core;
    struct json *entry CLEANUP(json_freep) = fields ? fields : json_object();
    struct buffer body CLEANUP(buffer_done) = {0};
    int64_t now = host_now_ms(core->host);
    const char *state = application_state_name(a->state);
    buffer_init(&body, APPLICATION_BYTES_MAX);
    a->version++;
    TRY(json_print(a->body, &body, why));
    TRY(RUN(core, APPLICATION_SET, NULL, why, store_str(a->id.text), store_str(state), store_text(buffer_slice(&body)),
            store_integer(a->version), store_integer(now), store_integer(a->received_ms), store_integer(a->due_ms),
            store_integer(a->left_ms), store_integer(a->extended), store_integer(a->opinions_due_ms), store_integer(a->answer_due_ms),
            store_integer(a->fee), store_integer(a->fee_agreed), store_integer(a->appealed_ms), store_text(json_text(json_get(a->body, "purpose"))),
            store_text(json_get(a->body, "form") ? json_text(json_get(a->body, "form")) : slice_str("request-1"))));
    TRY(RUN(core, EVENT_ADD, NULL, why, store_str(a->id.text), store_integer(a->version), store_integer(now), store_str(account),
            store_str(step_name(step)), store_str(state), store_text(text)));
    if (a->rewritten)
        TRY(entry_text(core, entry, a, account, "application", buffer_slice(&body), why));
    json_set(entry, "account", json_of_str(account));
    json_set(entry, "application", json_of_str(a->id.text));
    json_set(entry, "command", json_of_str(step_name(step)));
    json_set(entry, "state", json_of_str(state));
    json_set(entry, "version", json_of_integer(a->version));
    if (text.len)
        TRY(entry_text(core, entry, a, account, step == STEP_GRANT || step == STEP_REFUSE ? "reason" : "text", text, why));
    const struct stepped stepped = {a->id.text, a->version, a->answer_due_ms, a->opinions_due_ms};
    TRY(outbox_of_step(core, &stepped, step, account, why));
    if (step == STEP_ACCEPT || step == STEP_DECLINE)
        TRY(outbox_of_acceptance(core, &stepped, a->account, step == STEP_ACCEPT, account, why));
    return log_append(core, step == STEP_OPINION ? "opinion" : "application", MOVE(entry), NULL, why);
}

result application_write(struct call *c, struct application *a, enum step step, enum application_state next,
                         struct slice text, struct json *fields, struct why *why)
{
    a->state = next;
    return write_row(c, a, step, c->who.account.text, text, fields, why);
}

result application_submit(struct call *c, struct application *a, struct why *why)
{
    TRY(fee_of(c->core, json_get(a->body, "datasets"), &a->fee, why)); /* the draft showed it: who submits has agreed */
    a->fee_agreed = a->fee;
    struct json *fields = json_object();
    json_set(fields, "purpose", json_deep_copy(json_get(a->body, "purpose")));
    json_set(fields, "fee", json_of_integer(a->fee));
    a->received_ms = c->now_ms;
    return application_write(c, a, STEP_SUBMIT, APPLICATION_SUBMITTED, slice_str(""), fields, why);
}

result applications_lapse(struct core *c, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct call nobody = {.core = c, .now_ms = host_now_ms(c->host)};
    int64_t limit_ms = nobody.now_ms - (int64_t)DRAFT_MONTHS * 30 * DAY_MS;
    TRY(RUN(c, APPLICATIONS_IDLE, &rows, why, store_integer(limit_ms), store_integer(DUE_BATCH_MAX)));
    while (rows_next(rows)) {
        struct document_id id;
        struct application a CLEANUP(application_done) = {0};
        TRY(document_id_parse(rows_text(rows, 0), 'a', &id, why));
        TRY(application_load(c, &id, &a, why));
        const struct workflow_row *row = workflow_find(a.state, STEP_LAPSE);
        if (!row)
            continue;
        a.state = row->next;
        TRY(write_row(&nobody, &a, STEP_LAPSE, "", slice_str(""), NULL, why));
    }
    return DONE;
}
