/* renewal.c - amending and renewing a permit: a draft application with the old form. */
#include "broker/applications/applications.h"
#include "broker/permits/permits.h"

#include "base/instant.h"
#include "proto/fields.h"

static result follow(struct call *c, enum permit_step step, const char *origin, struct json *changes, struct why *why)
{
    struct document_id id;
    struct permit_row p CLEANUP(permit_row_done) = {0};
    struct application old CLEANUP(application_done) = {0}, a CLEANUP(application_done) = {0};
    int64_t renewals;
    unsigned actors;
    TRY(call_document_id(c, 'p', &id, why));
    TRY(party_check(c, c->id, why));
    TRY(permit_load(c->core, c->id, &p, why));
    TRY(actors_of(c, c->id, slice_str(""), &actors, why));
    const struct permit_workflow_row *row = permit_workflow_find((enum permit_stage)p.state, step);
    if (!row || !(row->actors & actors))
        return refuse_stage(p.state, step, actors, "", why);
    TRY(check_predecessor(c->core, slice_str(origin), c->id, &renewals, why));
    if (step == PERMIT_RENEW && p.permit->to_ms - c->now_ms < RENEWAL_NOTICE_DAYS * DAY_MS)
        return FAIL_CODE(why, DENIED, "conflict", "", "a renewal is asked for at least %d days before the permit's end", RENEWAL_NOTICE_DAYS);
    TRY(application_load(c->core, &p.permit->application, &old, why));
    struct json *body CLEANUP(json_freep) = json_deep_copy(old.body);
    size_t index = 0;
    struct slice key;
    const struct json *v;
    while (json_next(changes, &index, &key, &v)) {
        char name[16];
        if (slice_copy_str(key, name, sizeof name))
            json_set(body, name, json_deep_copy(v));
    }
    TRY(application_add(c, body, origin, c->id, &a, why));
    application_say_made(c, &a);
    return DONE;
}

result permit_amend(struct call *c, struct why *why)
{
    struct fields f;
    struct json *none CLEANUP(json_freep) = json_object();
    TRY(call_fields(c, &f, why));
    TRY(fields_close(&f));
    return follow(c, PERMIT_AMEND, "amended", none, why);
}

result permit_renew(struct call *c, struct why *why)
{
    struct fields f;
    int64_t to_ms;
    struct document_id id;
    struct permit_row p CLEANUP(permit_row_done) = {0};
    struct json *changes CLEANUP(json_freep) = json_object();
    TRY(call_fields(c, &f, why));
    TRY(need_instant(&f, "to", &to_ms));
    TRY(fields_close(&f));
    TRY(call_document_id(c, 'p', &id, why));
    TRY(party_check(c, c->id, why));
    TRY(permit_load(c->core, c->id, &p, why));
    if (to_ms <= p.permit->to_ms)
        return FAIL_AT(why, MALFORMED, "/to", "must be after the permit's end");
    json_set(changes, "from", json_of_instant(p.permit->to_ms));
    json_set(changes, "to", json_of_instant(to_ms));
    return follow(c, PERMIT_RENEW, "renewed", changes, why);
}
