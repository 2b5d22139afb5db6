/*
 * access.c - what decides who may ask, as data: the network's access rules, the organisations that people belong to,
 * the training they have done and the terms they have signed.  How they are read: policy/access_rules.h.
 */
#include "broker/accounts/accounts.h"
#include "broker/audit/audit.h"

#include <stdlib.h>

#include "policy/purpose.h"
#include "proto/document.h"
#include "proto/fields.h"

enum { ORGANISATION_TEXT_MAX = 4096, ATTESTATION_DAYS_MAX = 3653 };

/* --- the network's rules ------------------------------------------------------------------------- */

void rules_forget(struct core *c)
{
    access_rules_free(c->rules);
    c->rules = NULL;
    c->rules_version = 0;
}

/* The newest version is looked up each time (another broker may have taken it), parsed once. */
result rules_current(struct core *c, const struct access_rules **ret, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct json *tree CLEANUP(json_freep) = NULL;
    *ret = NULL;
    TRY(core_run(c, RULES_LAST, NULL, 0, &rows, why));
    if (!rows_next(rows))
        return DONE;
    if (!c->rules || c->rules_version != rows_integer(rows, 0)) {
        rules_forget(c);
        if (!is_ok(json_parse(rows_text(rows, 1), ACCESS_RULES_BYTES_MAX, &tree, why)) || !is_ok(access_rules_read(tree, "", &c->rules, why)))
            return FAIL(why, BROKEN, "the stored access rules cannot be read");
        c->rules_version = rows_integer(rows, 0);
    }
    *ret = c->rules;
    return DONE;
}

result policy_get(struct call *c, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct json *tree = NULL;
    TRY(core_run(c->core, RULES_LAST, NULL, 0, &rows, why));
    bool any = rows_next(rows);
    json_set(c->answer, "version", json_of_integer(any ? rows_integer(rows, 0) : 0));
    if (!any)
        return DONE;
    if (!is_ok(json_parse(rows_text(rows, 1), ACCESS_RULES_BYTES_MAX, &tree, why)))
        return FAIL(why, BROKEN, "the stored access rules cannot be read");
    json_set(c->answer, "rules", tree);
    json_set(c->answer, "rules_sha256", json_of_hex(rows_bytes(rows, 2)));
    json_set(c->answer, "at", json_of_instant(rows_integer(rows, 3)));
    return DONE;
}

result policy_put(struct call *c, struct why *why)
{
    struct fields f;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct access_rules *rules CLEANUP(access_rules_freep) = NULL;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, ACCESS_RULES_BYTES_MAX);
    TRY(call_fields(c, &f, why));
    TRY(access_rules_read(c->body, "", &rules, why));
    TRY(json_print(c->body, &text, why));
    TRY(core_run(c->core, RULES_LAST, NULL, 0, &rows, why));
    int64_t version = rows_next(rows) ? rows_integer(rows, 0) + 1 : 1;
    struct hash hash = sha256(buffer_slice(&text));
    TRY(RUN(c->core, RULES_ADD, NULL, why, store_integer(version), store_text(buffer_slice(&text)), store_bytes(slice_of(hash.at, HASH_LEN)),
            store_integer(c->now_ms)));
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "version", json_of_integer(version));
    json_set(entry, "rules_sha256", json_of_hex(slice_of(hash.at, HASH_LEN)));
    json_set(c->answer, "version", json_of_integer(version));
    json_set(c->answer, "rules_sha256", json_of_hex(slice_of(hash.at, HASH_LEN)));
    return log_append(c->core, "rules", entry, NULL, why);
}

/* --- organisations ------------------------------------------------------------------------------- */

result organisation_put(struct call *c, struct why *why)
{
    struct fields f;
    struct organisation o;
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = NULL;
    buffer_init(&text, ORGANISATION_TEXT_MAX);
    TRY(call_fields(c, &f, why));
    TRY(organisation_read(c->body, "", &o, why));
    v = organisation_json(&o);
    TRY(json_print(v, &text, why));
    TRY(RUN(c->core, ORGANISATION_PUT, NULL, why, store_str(o.id.text), store_text(buffer_slice(&text)), store_integer(c->now_ms)));
    struct hash hash = sha256(buffer_slice(&text));
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "organisation", json_of_str(o.id.text));
    json_set(entry, "kind", json_of_str(organisation_kind_name((enum organisation_kind)o.kind)));
    json_set(entry, "country", json_of_text(o.country));
    json_set(entry, "mandate", json_of_bool(o.mandate));
    json_set(entry, "organisation_sha256", json_of_hex(slice_of(hash.at, HASH_LEN)));
    TRY(log_append(c->core, "organisation", entry, NULL, why));
    c->pending->status = 201;
    json_free(c->answer);
    c->answer = MOVE(v);
    return DONE;
}

result organisation_list(struct call *c, struct why *why)
{
    struct page page;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(page_read_names(c, &page, why));
    TRY(RUN(c->core, ORGANISATION_LIST, &rows, why, store_text(page.after), store_integer(page.limit)));
    struct json *items = json_array();
    char last[LABEL_MAX + 1] = "";
    while (rows_next(rows)) {
        struct json *v = NULL;
        if (!is_ok(json_parse(rows_text(rows, 1), ORGANISATION_TEXT_MAX, &v, why))) {
            json_free(items);
            return FAIL(why, BROKEN, "a stored organisation cannot be read");
        }
        json_add(items, v);
        slice_copy_str(rows_text(rows, 0), last, sizeof last);
    }
    json_free(c->answer);
    c->answer = page_json(&page, items, last);
    return DONE;
}

result organisation_of(struct core *c, struct slice account, struct json **ret_tree, struct organisation *ret, struct why *why)
{
    struct rows *known CLEANUP(rows_freep) = NULL, *rows CLEANUP(rows_freep) = NULL;
    struct json *v CLEANUP(json_freep) = NULL;
    *ret = (struct organisation){.given = false};
    *ret_tree = NULL;
    TRY(RUN(c, ACCOUNT_GET, &known, why, store_text(account)));
    if (!rows_next(known) || !rows_text(known, 2).len)
        return DONE;
    TRY(RUN(c, ORGANISATION_GET, &rows, why, store_text(rows_text(known, 2))));
    if (!rows_next(rows))
        return DONE;
    if (!is_ok(json_parse(rows_text(rows, 0), ORGANISATION_TEXT_MAX, &v, why)) || !is_ok(organisation_read(v, "", ret, why)))
        return FAIL(why, BROKEN, "a stored organisation cannot be read");
    *ret_tree = MOVE(v);
    return DONE;
}

/* --- training and terms -------------------------------------------------------------------------- */

/* What is withdrawn ends now; what was never there has nothing to end. */
static result check_there(struct call *c, const struct label *account, bool terms, const struct label *name, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, ATTESTATIONS_OF, &rows, why, store_str(account->text), store_integer(ATTESTATIONS_MAX)));
    while (rows_next(rows))
        if ((rows_integer(rows, 0) != 0) == terms && slice_is(rows_text(rows, 1), name->text))
            return DONE;
    return FAIL_AT(why, MALFORMED, terms ? "/terms" : "/training", "'%s' has not %s '%s'", account->text, terms ? "signed" : "done", name->text);
}

static result attest(struct call *c, const struct label *account, bool terms, const struct label *name, int64_t until_ms, bool withdrawn, struct why *why)
{
    if (withdrawn)
        TRY(check_there(c, account, terms, name, why));
    TRY(RUN(c->core, ATTESTATION_PUT, NULL, why, store_str(account->text), store_integer(terms), store_str(name->text), store_integer(c->now_ms),
            store_integer(until_ms), store_str(c->who.account.text)));
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(account->text));
    json_set(entry, "by", json_of_str(c->who.account.text));
    json_set(entry, terms ? "terms" : "training", json_of_str(name->text));
    json_set(c->answer, "account", json_of_str(account->text));
    json_set(c->answer, terms ? "terms" : "training", json_of_str(name->text));
    if (withdrawn)
        json_set(entry, "withdrawn", json_of_bool(true));
    if (until_ms) {
        json_set(entry, "until", json_of_instant(until_ms));
        json_set(c->answer, "until", json_of_instant(until_ms));
    }
    c->pending->status = 201;
    return log_append(c->core, "attestation", entry, NULL, why);
}

/* Training that somebody has done, as the operator has seen proof of it; or that counts no longer. */
result training_add(struct call *c, struct why *why)
{
    struct fields f;
    struct label account, name;
    int64_t until_ms = 0;
    bool withdrawn = false;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(call_fields(c, &f, why));
    TRY(need_label(&f, "account", &account));
    TRY(need_label(&f, "training", &name));
    TRY(may_instant(&f, "until", &until_ms));
    TRY(may_bool(&f, "withdrawn", &withdrawn));
    TRY(fields_close(&f));
    if (withdrawn && until_ms)
        return FAIL_AT(why, MALFORMED, "/until", "what is withdrawn ends now");
    if (until_ms && (until_ms <= c->now_ms || until_ms > c->now_ms + ATTESTATION_DAYS_MAX * DAY_MS))
        return FAIL_AT(why, MALFORMED, "/until", "must lie in the future, at most ten years away");
    TRY(RUN(c->core, ACCOUNT_GET, &rows, why, store_str(account.text)));
    if (!rows_next(rows))
        return FAIL_AT(why, MALFORMED, "/account", "there is no account '%s'", account.text);
    return attest(c, &account, false, &name, withdrawn ? c->now_ms : until_ms, withdrawn, why);
}

/* Everyone signs for himself or herself, and may take it back. */
result terms_sign(struct call *c, struct why *why)
{
    struct fields f;
    struct label name;
    bool withdrawn = false;
    TRY(call_fields(c, &f, why));
    TRY(need_label(&f, "terms", &name));
    TRY(may_bool(&f, "withdrawn", &withdrawn));
    TRY(fields_close(&f));
    return attest(c, &c->who.account, true, &name, withdrawn ? c->now_ms : 0, withdrawn, why);
}

/* ?account=: another's, for those who decide or run things. */
result attestation_list(struct call *c, struct why *why)
{
    struct slice of = slice_str(c->who.account.text);
    struct rows *rows CLEANUP(rows_freep) = NULL;
    bool named = call_parameter(c, "account", &of);
    if (named && !slice_is(of, c->who.account.text) && !(c->who.roles & (ROLE_OFFICER | ROLE_HOLDER | ROLE_AUDITOR | ROLE_OPERATOR)))
        return FAIL_CODE(why, DENIED, "not_yours", "account", "one sees one's own training and terms");
    TRY(RUN(c->core, ATTESTATIONS_OF, &rows, why, store_text(of), store_integer(ATTESTATIONS_MAX)));
    struct json *items = json_array();
    while (rows_next(rows)) {
        struct json *item = json_object();
        json_set(item, rows_integer(rows, 0) ? "terms" : "training", json_of_text(rows_text(rows, 1)));
        json_set(item, "at", json_of_instant(rows_integer(rows, 2)));
        if (rows_integer(rows, 3))
            json_set(item, "until", json_of_instant(rows_integer(rows, 3)));
        json_set(item, "by", json_of_text(rows_text(rows, 4)));
        json_add(items, item);
    }
    json_set(c->answer, "items", items);
    return DONE;
}
