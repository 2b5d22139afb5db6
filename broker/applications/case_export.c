/*
 * case_export.c - a whole case in one document: the application with its history, the enquiry it came of,
 * the permit with its signatures, the letters, and which entries of the log speak of it, each with its leaf
 * hash, under a signed checkpoint.  What a holder or an applicant may not see of a case they are not given.
 */
#include "broker/applications/applications.h"
#include "broker/audit/audit.h"
#include "broker/permits/permits.h"

enum { CASE_ENTRIES_MAX = 5000, CASE_ENTRY_BYTES_MAX = 16 * 1024 };

/* --- the log's entries --- */

static result add_entries(struct core *c, const char *term, const char *type, struct json *by_index, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, LOG_SEARCH_UP, &rows, why, store_str(term), store_integer(0), store_integer((int64_t)c->log.signed_size), store_str(type),
            store_str(""), store_str(""), store_str(""), store_str(""), store_str(""), store_str(""), store_str(""), store_str(""),
            store_integer(CASE_ENTRIES_MAX)));
    while (rows_next(rows)) {
        struct json *entry CLEANUP(json_freep) = NULL, *item = json_object();
        struct hash leaf = merkle_leaf(rows_bytes(rows, 1));
        char key[24];
        snprintf(key, sizeof key, "%020lld", (long long)rows_integer(rows, 0)); /* members of an object are ordered */
        json_set(by_index, key, item);
        TRY(json_parse(rows_bytes(rows, 1), CASE_ENTRY_BYTES_MAX, &entry, why));
        json_set(item, "index", json_of_integer(rows_integer(rows, 0)));
        json_set(item, "type", json_deep_copy(json_get(entry, "type")));
        json_set(item, "at", json_deep_copy(json_get(entry, "at")));
        json_set(item, "leaf", json_of_hex(slice_of(leaf.at, HASH_LEN)));
    }
    return DONE;
}

static result log_json(struct core *c, const struct application *a, const struct json *enquiry, struct json **ret, struct why *why)
{
    static const char *const types[] = {"type=permit_signature", "type=permit_status"};
    struct json *v CLEANUP(json_freep) = json_object(), *by_index CLEANUP(json_freep) = json_object(), *list = json_array();
    char term[64];
    json_set(v, "entries", list);
    snprintf(term, sizeof term, "application=%s", a->id.text);
    TRY(add_entries(c, term, "", by_index, why));
    snprintf(term, sizeof term, "permit=%.*s", SLICE_ARG(a->permit));
    for (size_t i = 0; a->permit.len && i < sizeof types / sizeof types[0]; i++)
        TRY(add_entries(c, term, types[i], by_index, why));
    snprintf(term, sizeof term, "enquiry=%.*s", SLICE_ARG(json_text(json_get(enquiry, "id"))));
    if (json_kind(enquiry) == JSON_OBJECT)
        TRY(add_entries(c, term, "", by_index, why));
    size_t index = 0;
    struct slice key;
    const struct json *item;
    while (json_next(by_index, &index, &key, &item))
        json_add(list, json_share(item));
    json_set(v, "checkpoint", json_of_text(buffer_slice(&c->log.note)));
    *ret = MOVE(v);
    return DONE;
}

/* --- the rest --- */

static result permit_json(struct core *c, struct slice id, struct json **ret, struct why *why)
{
    struct permit_row p CLEANUP(permit_row_done) = {0};
    struct json *v CLEANUP(json_freep) = json_object(), *document = NULL;
    TRY(permit_load(c, id, &p, why));
    json_set(v, "id", json_of_text(id));
    json_set(v, "state", json_of_str(stage_name((enum permit_stage)p.state)));
    json_set(v, "serial", json_of_integer((int64_t)p.serial));
    json_set(v, "origin", json_of_text(p.origin));
    if (p.succeeds.len)
        json_set(v, "succeeds", json_of_text(p.succeeds));
    if (p.renewed_by.len)
        json_set(v, "renewed_by", json_of_text(p.renewed_by));
    /* Signed, or still waiting for signatures. */
    TRY(json_parse(p.envelope.len ? p.envelope : p.payload, 2 * PERMIT_BYTES_MAX, &document, why));
    json_set(v, p.envelope.len ? "envelope" : "draft", document);
    *ret = MOVE(v);
    return DONE;
}

static result letters_json(struct core *c, const struct application *a, struct json *to, struct why *why)
{
    static const char *const languages[] = {"nb", "en"};
    struct json *letters = json_object();
    json_set(to, "letters", letters);
    for (size_t i = 0; i < 2; i++) {
        struct buffer text CLEANUP(buffer_done) = {0};
        buffer_init(&text, LETTER_BYTES_MAX);
        TRY(letter_write(c, a, languages[i], &text, why));
        json_set(letters, languages[i], json_of_text(buffer_slice(&text)));
    }
    return DONE;
}

result application_export(struct call *c, struct why *why)
{
    struct application a CLEANUP(application_done) = {0};
    struct json *v CLEANUP(json_freep) = json_object(), *part = NULL;
    TRY(application_of_call(c, &a, why));
    if (a.received_ms == 0)
        return FAIL_CODE(why, DENIED, "conflict", "", "a draft is no case yet: it becomes one when it is submitted");
    json_set(v, "innsyn", json_of_str("case/1"));
    json_set(v, "network", json_of_str(c->core->network.text));
    json_set(v, "at", json_of_instant(c->now_ms));
    TRY(application_json(c, &a, &part, why));
    json_set(v, "application", part);
    TRY(enquiry_of_application(c->core, a.id.text, &part, why));
    json_set(v, "enquiry", part);
    const struct json *enquiry = json_get(v, "enquiry");
    if (a.permit.len) {
        TRY(permit_json(c->core, a.permit, &part, why));
        json_set(v, "permit", part);
    }
    TRY(letters_json(c->core, &a, v, why));
    TRY(log_json(c->core, &a, enquiry, &part, why));
    json_set(v, "log", part);
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "application", json_of_str(a.id.text));
    json_set(entry, "entries", json_of_integer((int64_t)json_size(json_get(part, "entries"))));
    TRY(log_append(c->core, "case_export", entry, NULL, why));
    json_free(c->answer);
    c->answer = MOVE(v);
    return DONE;
}
