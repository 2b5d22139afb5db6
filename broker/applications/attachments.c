/*
 * attachments.c - files of an application: kept in the store, never in the log, which holds for each
 * SHA-256(salt || content).  Who may see the application may read them; salt and content go when it is
 * detached or erased, and then nobody can tell any more what it was.
 */
#include "broker/applications/applications.h"
#include "broker/audit/audit.h"

#include "policy/attachment.h"
#include "policy/form.h"

enum { SALT_LEN = 16 };

static struct json *attachments_json(struct rows *rows)
{
    struct json *list = json_array();
    while (rows_next(rows)) {
        struct json *item = json_object();
        json_set(item, "id", json_of_text(rows_text(rows, 0)));
        json_set(item, "account", json_of_text(rows_text(rows, 1)));
        json_set(item, "name", json_of_text(rows_text(rows, 2)));
        json_set(item, "type", json_of_text(rows_text(rows, 3)));
        json_set(item, "size", json_of_integer(rows_integer(rows, 4)));
        json_set(item, "at", json_of_instant(rows_integer(rows, 5)));
        json_set(item, "sha256", json_of_hex(rows_bytes(rows, 6)));
        json_add(list, item);
    }
    return list;
}

result attachments_of(struct core *c, const struct application *a, struct json **ret, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, ATTACHMENT_LIST, &rows, why, store_str(a->id.text), store_integer(ATTACHMENTS_MAX)));
    *ret = attachments_json(rows);
    return DONE;
}

static result keep(struct call *c, const struct application *a, const char *name, const char *type, struct document_id *ret,
                   struct json *fields, struct why *why)
{
    uint8_t salt[SALT_LEN];
    struct slice content = c->request->body;
    TRY(document_id_new(c->core->host, 'f', ret, why));
    TRY(host_random(c->core->host, salt, sizeof salt, why));
    struct hash commitment = sha256_two(slice_of(salt, sizeof salt), content), h = sha256(content);
    TRY(RUN(c->core, ATTACHMENT_ADD, NULL, why, store_str(ret->text), store_str(a->id.text), store_str(c->who.account.text), store_str(name),
            store_str(type), store_integer((int64_t)content.len), store_integer(c->now_ms), store_bytes(slice_of(commitment.at, HASH_LEN)),
            store_bytes(slice_of(salt, sizeof salt)), store_bytes(slice_of(h.at, HASH_LEN)), store_bytes(content)));
    json_set(fields, "attachment", json_of_str(ret->text));
    json_set(fields, "attachment_commitment", json_of_hex(slice_of(commitment.at, HASH_LEN)));
    json_set(c->answer, "attachment", json_of_str(ret->text));
    json_set(c->answer, "sha256", json_of_hex(slice_of(h.at, HASH_LEN)));
    json_set(c->answer, "type", json_of_str(type));
    return DONE;
}

result attachment_add(struct call *c, struct why *why)
{
    struct application a CLEANUP(application_done) = {0};
    struct json *form CLEANUP(json_freep) = NULL, *fields CLEANUP(json_freep) = json_object(), *there CLEANUP(json_freep) = NULL;
    const struct workflow_row *row;
    const char *type;
    struct slice raw = {0}, form_name;
    struct document_id id;
    char name[ATTACHMENT_NAME_MAX + 1] = "";
    uint64_t version;
    TRY(application_of_call(c, &a, why));
    TRY(call_number(c, "version", UINT64_C(1) << 52, true, 0, &version, why));
    if (!call_parameter(c, "name", &raw) || !query_text_decode(raw, name, sizeof name))
        return FAIL_AT(why, MALFORMED, "name", "must be a plain file's name of 1 to %d bytes", ATTACHMENT_NAME_MAX);
    TRY(application_step_check(c, &a, STEP_ATTACH, (int64_t)version, &row, why));
    form_name = json_text(json_get(a.body, "form"));
    TRY(form_open(form_name.len ? form_name : slice_str("request-1"), &form, why));
    TRY(attachment_check(form, slice_str(name), c->request->body, &type, why));
    TRY(attachments_of(c->core, &a, &there, why));
    if (json_size(there) >= (size_t)json_integer(json_get(json_get(form, "attachments"), "count")) || json_size(there) >= ATTACHMENTS_MAX)
        return FAIL_CODE(why, DENIED, "conflict", "", "it has as many attachments as the form takes");
    TRY(keep(c, &a, name, type, &id, fields, why));
    TRY(application_write(c, &a, STEP_ATTACH, row->next, slice_str(""), MOVE(fields), why));
    c->pending->status = 201;
    snprintf(c->pending->location, sizeof c->pending->location, "/v1/attachments/%s", id.text);
    json_set(c->answer, "id", json_of_str(a.id.text));
    json_set(c->answer, "state", json_of_str(application_state_name(a.state)));
    json_set(c->answer, "version", json_of_integer(a.version));
    return DONE;
}

result attachment_drop(struct call *c, const struct application *a, const struct document_id *id, struct json *fields, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, ATTACHMENT_DROP, &rows, why, store_str(id->text), store_str(a->id.text)));
    if (!rows_next(rows))
        return FAIL_CODE(why, DENIED, "conflict", "/attachment", "the application has no such attachment");
    json_set(fields, "attachment", json_of_str(id->text));
    return DONE;
}

result attachment_get(struct call *c, struct why *why)
{
    struct document_id id, of;
    struct application a CLEANUP(application_done) = {0};
    struct rows *found CLEANUP(rows_freep) = NULL, *rows CLEANUP(rows_freep) = NULL;
    TRY(call_document_id(c, 'f', &id, why));
    TRY(RUN(c->core, ATTACHMENT_OF, &found, why, store_str(id.text)));
    if (!rows_next(found))
        return no_such_thing(why);
    TRY(document_id_parse(rows_text(found, 0), 'a', &of, why));
    TRY(application_visible(c, &of, &a, why));
    TRY(RUN(c->core, ATTACHMENT_GET, &rows, why, store_str(id.text)));
    if (!rows_next(rows))
        return no_such_thing(why);
    TRY(buffer_add(&c->pending->body, rows_bytes(rows, 2), why));
    c->pending->content_type = "application/octet-stream"; /* a browser saves it, and never shows it under our name */
    return DONE;
}
