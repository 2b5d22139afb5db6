/*
 * texts.c - free text stays out of the log (I11).  An entry holds a commitment, SHA-256(salt || text);
 * salt and text lie in a table of their own.  When they are erased the entry stands as it was and the
 * log still verifies, but nobody can tell any more what the text was, not even by guessing it.
 */
#include "broker/audit/audit.h"
#include "proto/fields.h"

enum { SALT_LEN = 16, ERASE_BATCH_MAX = 1000 };

result text_commit(struct core *c, const char *document, const char *account, const char *kind, struct slice text,
                   char ret[2 * HASH_LEN + 1], struct why *why)
{
    uint8_t salt[SALT_LEN];
    TRY(host_random(c->host, salt, sizeof salt, why));
    struct hash h = sha256_two(slice_of(salt, sizeof salt), text);
    hash_print(&h, ret);
    return RUN(c, TEXT_ADD, NULL, why, store_bytes(slice_of(h.at, HASH_LEN)), store_str(document), store_str(account), store_str(kind),
               store_bytes(slice_of(salt, sizeof salt)), store_text(text), store_integer(host_now_ms(c->host)));
}

/* The free text of an application goes; what was asked for (datasets, purpose, period) stays. */
static result erase_application(struct core *c, struct slice id, struct slice body, struct why *why)
{
    static const char *const kept[] = {"form", "purpose", "from", "to", "datasets", "people"};
    struct json *v CLEANUP(json_freep) = NULL, *less CLEANUP(json_freep) = json_object();
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, APPLICATION_BYTES_MAX);
    TRY(json_parse(body, APPLICATION_BYTES_MAX, &v, why));
    json_set(less, "title", json_of_str("(erased)"));
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (json_get(v, kept[i])) /* a draft may lack any of them */
            json_set(less, kept[i], json_hold((struct json *)(uintptr_t)json_get(v, kept[i])));
    TRY(json_print(less, &text, why));
    return RUN(c, APPLICATION_BODY, NULL, why, store_text(id), store_text(buffer_slice(&text)));
}

static result erase_applications(struct core *c, enum statement which, const char *of, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, which, &rows, why, store_str(of), store_integer(ERASE_BATCH_MAX)));
    while (rows_next(rows))
        TRY(erase_application(c, rows_text(rows, 0), rows_text(rows, 1), why));
    return DONE;
}

/* Of an enquiry nothing is left but that there was one. */
static result erase_enquiries(struct core *c, enum statement which, const char *of, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, which, &rows, why, store_str(of), store_integer(ERASE_BATCH_MAX)));
    while (rows_next(rows))
        TRY(RUN(c, ENQUIRY_BODY, NULL, why, store_text(rows_text(rows, 0)), store_str("{\"title\":\"(erased)\",\"question\":\"(erased)\"}")));
    return DONE;
}

static result erase_account(struct core *c, const char *account, uint64_t *ret_texts, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL, *known CLEANUP(rows_freep) = NULL, *files CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, ACCOUNT_GET, &known, why, store_str(account)));
    if (!rows_next(known))
        return no_such_thing(why);
    TRY(RUN(c, TEXTS_OF_ACCOUNT_ERASE, &rows, why, store_str(account)));
    TRY(RUN(c, ATTACHMENTS_OF_ACCOUNT_ERASE, &files, why, store_str(account)));
    *ret_texts = rows_count(rows) + rows_count(files);
    TRY(erase_applications(c, APPLICATIONS_OF_ACCOUNT, account, why));
    TRY(erase_enquiries(c, ENQUIRIES_OF_ACCOUNT, account, why));
    TRY(RUN(c, ENQUIRY_EVENTS_OF_ACCOUNT_ERASE, NULL, why, store_str(account)));
    TRY(RUN(c, OPINIONS_OF_ACCOUNT_ERASE, NULL, why, store_str(account)));
    TRY(RUN(c, DECISIONS_OF_ACCOUNT_ERASE, NULL, why, store_str(account)));
    TRY(RUN(c, DEVIATIONS_OF_ACCOUNT_ERASE, NULL, why, store_str(account)));
    TRY(RUN(c, EVENTS_OF_ACCOUNT_ERASE, NULL, why, store_str(account)));
    TRY(RUN(c, TOKENS_OF_ACCOUNT_DROP, NULL, why, store_str(account)));
    return RUN(c, ACCOUNT_ERASE, NULL, why, store_str(account));
}

static result erase_document(struct core *c, const char *document, uint64_t *ret_texts, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL, *files CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, TEXTS_OF_DOCUMENT_ERASE, &rows, why, store_str(document)));
    TRY(RUN(c, ATTACHMENTS_OF_DOCUMENT_ERASE, &files, why, store_str(document)));
    *ret_texts = rows_count(rows) + rows_count(files);
    if (*ret_texts == 0)
        return no_such_thing(why);
    TRY(erase_applications(c, APPLICATION_OF_ID, document, why));
    TRY(erase_enquiries(c, ENQUIRY_OF_ID, document, why));
    TRY(RUN(c, ENQUIRY_EVENTS_OF_DOCUMENT_ERASE, NULL, why, store_str(document)));
    TRY(RUN(c, EVENTS_OF_DOCUMENT_ERASE, NULL, why, store_str(document)));
    TRY(RUN(c, OPINIONS_OF_DOCUMENT_ERASE, NULL, why, store_str(document)));
    TRY(RUN(c, DEVIATION_OF_DOCUMENT_ERASE, NULL, why, store_str(document)));
    return RUN(c, DECISION_OF_DOCUMENT_ERASE, NULL, why, store_str(document));
}

result texts_erase(struct call *c, struct why *why)
{
    struct fields f;
    struct slice account = {0}, document = {0};
    char of[LABEL_MAX + 1];
    uint64_t texts = 0;
    TRY(call_fields(c, &f, why));
    TRY(may_text(&f, "account", LABEL_MAX, &account));
    TRY(may_text(&f, "document", DOCUMENT_ID_LEN, &document));
    TRY(fields_close(&f));
    if ((account.len == 0) == (document.len == 0) || !slice_copy_str(account.len ? account : document, of, sizeof of))
        return FAIL_AT(why, MALFORMED, "/account", "name an account or a document whose texts are to be erased, one of them");
    if (account.len && slice_is(account, c->who.account.text))
        return FAIL_CODE(why, DENIED, "conflict", "/account", "nobody erases the account that is signed in: another operator does");
    TRY(account.len ? erase_account(c->core, of, &texts, why) : erase_document(c->core, of, &texts, why));
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, account.len ? "of" : "document", json_of_str(of));
    json_set(entry, "texts", json_of_integer((int64_t)texts));
    TRY(log_append(c->core, "erasure", entry, NULL, why));
    json_set(c->answer, account.len ? "account" : "document", json_of_str(of));
    json_set(c->answer, "texts", json_of_integer((int64_t)texts));
    return DONE;
}
