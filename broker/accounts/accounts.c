/*
 * accounts.c - who there is, and in which roles.  Roles are apart (I9): who decides cannot query,
 * auditors only read.
 */
#include "broker/accounts/accounts.h"
#include "broker/audit/audit.h"

#include "base/codec.h"
#include "base/log.h"
#include "proto/fields.h"

enum { ORGANISATION_BYTES_MAX = 200 };

struct json *roles_json(unsigned roles)
{
    struct json *v = json_array();
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        if (roles >> i & 1)
            json_add(v, json_of_str(role_name(1u << i)));
    return v;
}

result roles_read(const struct json *array, const char *field, unsigned *ret, struct why *why)
{
    unsigned roles = 0;
    for (size_t i = 0; i < json_size(array); i++) {
        unsigned role = 0;
        TRY(role_parse(json_text(json_item(array, i)), &role, why));
        roles |= role;
    }
    if (!roles)
        return FAIL_AT(why, MALFORMED, field, "name at least one role");
    TRY(roles_check_apart(roles, why));
    *ret = roles;
    return DONE;
}

static result add(struct core *c, const struct label *account, const char *encoded, unsigned roles, struct slice organisation,
                  const struct public_key *key, const char *by, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, ACCOUNT_ADD, &rows, why, store_str(account->text), store_str(encoded), store_integer(roles),
            store_text(organisation), key->der_len ? store_bytes(slice_of(key->der, key->der_len)) : store_null(),
            store_integer(host_now_ms(c->host))));
    if (!rows_next(rows))
        return FAIL_CODE(why, DENIED, "conflict", "/account", "there is an account '%s' already", account->text);
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(account->text));
    json_set(entry, "roles", roles_json(roles));
    json_set(entry, "by", json_of_str(by));
    if (key->der_len) {
        char id[2 * HASH_LEN + 1];
        public_key_id(key, id);
        json_set(entry, "key", json_of_str(id));
    }
    return log_append(c, "account", entry, NULL, why);
}

result account_create(struct call *c, struct why *why)
{
    struct fields f;
    struct slice name, password, organisation = {0}, key_text = {0};
    const struct json *array;
    struct label account;
    struct public_key key = {.der_len = 0};
    unsigned roles;
    TRY(call_fields(c, &f, why));
    TRY(need_text(&f, "account", LABEL_MAX, &name));
    TRY(need_text(&f, "password", 1024, &password));
    TRY(need_array(&f, "roles", 8, &array));
    TRY(may_text(&f, "organisation", ORGANISATION_BYTES_MAX, &organisation));
    TRY(may_text(&f, "key", 4 * PUBLIC_KEY_DER_MAX, &key_text));
    TRY(fields_close(&f));
    TRY(label_parse(name, &account, why));
    TRY(password_check_form(password, "/password", why));
    TRY(roles_read(array, "/roles", &roles, why));
    if (key_text.len)
        TRY(public_key_parse_base64(key_text, &key, why));
    if (!c->pending->worked) {
        TRY(password_job_new(password, NULL, &c->pending->job, why));
        c->pending->outcome = OUTCOME_WORK;
        return DONE;
    }
    if (!is_ok(c->pending->job->outcome))
        return FAIL(why, LIMIT, "there was no memory to hash the password; try again");
    TRY(add(c->core, &account, c->pending->job->encoded, roles, organisation, &key, c->who.account.text, why));
    c->pending->status = 201;
    json_set(c->answer, "account", json_of_str(account.text));
    json_set(c->answer, "roles", roles_json(roles));
    return DONE;
}

result account_list(struct call *c, struct why *why)
{
    struct page page;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(page_read_names(c, &page, why));
    TRY(RUN(c->core, ACCOUNT_LIST, &rows, why, store_text(page.after), store_integer(page.limit)));
    struct json *items = json_array();
    char last[LABEL_MAX + 1] = "";
    while (rows_next(rows)) {
        struct json *item = json_object();
        json_set(item, "account", json_of_text(rows_text(rows, 0)));
        json_set(item, "roles", roles_json((unsigned)rows_integer(rows, 1)));
        json_set(item, "organisation", json_of_text(rows_text(rows, 2)));
        if (!rows_is_null(rows, 3))
            json_set(item, "key", json_of_base64(rows_bytes(rows, 3)));
        json_set(item, "created", json_of_instant(rows_integer(rows, 4)));
        json_add(items, item);
        slice_copy_str(rows_text(rows, 0), last, sizeof last);
    }
    json_free(c->answer);
    c->answer = page_json(&page, items, last);
    return DONE;
}

/* --- the first operator, offline --- */

static result bootstrap(struct core *c, const struct label *account, struct slice password, struct why *why)
{
    char encoded[160];
    struct public_key none = {.der_len = 0};
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(store_migrate(c->store, why));
    TRY(log_load(c, why));
    TRY(password_hash(password, encoded, sizeof encoded, why));
    TRY(store_begin(c->store, why));
    TRY(RUN(c, ACCOUNT_WITH_ROLE, &rows, why, store_integer(ROLE_OPERATOR)));
    if (rows_next(rows))
        return FAIL(why, DENIED, "there is an operator account already: %.*s", SLICE_ARG(rows_text(rows, 0)));
    TRY(add(c, account, encoded, ROLE_OPERATOR, slice_str(""), &none, "bootstrap", why));
    return store_commit(c->store, why);
}

result core_bootstrap(const struct host *host, const struct broker_settings *settings, struct slice account,
                      struct slice password, struct why *why)
{
    struct core c = {.settings = settings, .host = host};
    struct label name;
    TRY(label_parse(account, &name, why));
    TRY(password_check_form(password, "password", why));
    TRY(store_open(host, settings->store, &c.store, why));
    result r = bootstrap(&c, &name, password, why);
    store_close(c.store);
    return r;
}
