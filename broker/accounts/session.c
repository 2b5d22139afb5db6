/*
 * session.c - signing in, sessions, API tokens.
 * A token is 32 random bytes, shown once, stored as SHA-256.  An unknown account takes the same time
 * and gets the same answer as a wrong password, and is slowed down alike.
 */
#include "broker/accounts/accounts.h"
#include "broker/audit/audit.h"

#include <stdlib.h>

#include "base/codec.h"
#include "proto/fields.h"

enum {
    TOKEN_BYTES = 32, TOKEN_PREFIX_LEN = 4,
    SESSION_LIFE_MS = 12 * 60 * 60 * 1000, API_TOKEN_DAYS_MAX = 366, TOKEN_NAME_MAX = 64,
    SESSIONS_PER_ACCOUNT_MAX = 20, API_TOKENS_PER_ACCOUNT_MAX = 20,
    FAILURES_FREE = 5, BACKOFF_FIRST_MS = 1000, BACKOFF_MAX_MS = 15 * 60 * 1000,
    GUARD_SLOTS = 4096,
};
#define TOKEN_PREFIX "inn_"

/* --- back-off: by the name that was tried, whether there is such an account or not --- */

struct guard_slot {
    struct hash name; /* of what was tried, so that a password typed in the wrong field is not kept */
    unsigned failures;
    int64_t until_ms; /* monotonic: no try before */
    int64_t last_ms;
};
struct login_guard {
    const struct host *host;
    char dummy[160]; /* the hash of a random password: what unknown accounts are checked against */
    struct guard_slot slots[GUARD_SLOTS];
};

result login_guard_new(const struct host *host, struct login_guard **ret, struct why *why)
{
    struct login_guard *g = calloc(1, sizeof *g);
    if (!g)
        return FAIL(why, LIMIT, "no memory for the login guard");
    g->host = host;
    uint8_t random[TOKEN_BYTES];
    result r = host_random(host, random, sizeof random, why);
    if (is_ok(r))
        r = password_hash(slice_of(random, sizeof random), g->dummy, sizeof g->dummy, why);
    if (!is_ok(r)) {
        free(g);
        return r;
    }
    *ret = g;
    return DONE;
}

void login_guard_free(struct login_guard *g)
{
    free(g);
}

/* The slot of this name, or the least recent one, emptied.  An attacker who tries 4096 names at once
 * can make the guard forget; the hashing of passwords is bounded all the same. */
static struct guard_slot *guard_slot(struct login_guard *g, struct slice name)
{
    struct hash h = sha256(name);
    struct guard_slot *oldest = &g->slots[0];
    for (size_t i = 0; i < GUARD_SLOTS; i++) {
        if (g->slots[i].last_ms && hash_equal(&g->slots[i].name, &h))
            return &g->slots[i];
        if (g->slots[i].last_ms < oldest->last_ms)
            oldest = &g->slots[i];
    }
    *oldest = (struct guard_slot){.name = h};
    return oldest;
}

static void guard_failed(struct login_guard *g, struct slice name)
{
    struct guard_slot *slot = guard_slot(g, name);
    int64_t now = host_monotonic_ms(g->host);
    slot->last_ms = now + 1;
    slot->failures++;
    if (slot->failures < FAILURES_FREE)
        return;
    unsigned doublings = slot->failures - FAILURES_FREE;
    int64_t wait = doublings > 10 ? BACKOFF_MAX_MS : (int64_t)BACKOFF_FIRST_MS << doublings;
    slot->until_ms = now + (wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS);
}

/* --- tokens --- */

static void token_hash(struct slice token, struct hash *ret)
{
    *ret = sha256(token);
}

static result token_make(struct call *c, const char *account, const char *name, bool api, unsigned scopes,
                         int64_t expires_ms, char ret[HTTP_TOKEN_MAX + 1], struct document_id *ret_id, struct why *why)
{
    uint8_t random[TOKEN_BYTES];
    struct hash h;
    TRY(host_random(c->core->host, random, sizeof random, why));
    memcpy(ret, TOKEN_PREFIX, TOKEN_PREFIX_LEN);
    hex_print(slice_of(random, sizeof random), ret + TOKEN_PREFIX_LEN, HTTP_TOKEN_MAX + 1 - TOKEN_PREFIX_LEN);
    wipe(random, sizeof random);
    TRY(document_id_new(c->core->host, 'k', ret_id, why));
    token_hash(slice_str(ret), &h);
    return RUN(c->core, TOKEN_ADD, NULL, why, store_bytes(slice_of(h.at, HASH_LEN)), store_str(ret_id->text), store_str(account),
               store_str(name), store_integer(api), store_integer(scopes), store_integer(c->now_ms), store_integer(expires_ms));
}

result session_identify(struct call *c, struct why *why)
{
    if (c->request->token.len == 0)
        return DONE;
    struct hash h;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    token_hash(c->request->token, &h);
    TRY(RUN(c->core, TOKEN_GET, &rows, why, store_bytes(slice_of(h.at, HASH_LEN))));
    if (!rows_next(rows) || rows_integer(rows, 4) <= c->now_ms) {
        if (c->anyone)
            return DONE;
        return FAIL_CODE(why, DENIED, "not_signed_in", "", "the token is unknown or has expired; sign in again");
    }
    TRY(document_id_parse(rows_text(rows, 0), 'k', &c->who.token_id, why));
    TRY(label_parse(rows_text(rows, 1), &c->who.account, why));
    c->who.scopes = (unsigned)rows_integer(rows, 3);
    c->who.expires_ms = rows_integer(rows, 4);
    c->who.roles = (unsigned)rows_integer(rows, 5);
    return DONE;
}

static result wrong_login(struct call *c, struct slice name, bool known, struct why *why)
{
    guard_failed(c->core->guard, name);
    c->refusal_type = "login_failed";
    c->refusal_entry = json_object();
    /* A name that is no account may be a password typed in the wrong field: it is not kept. */
    if (known)
        json_set(c->refusal_entry, "account", json_of_text(name));
    return FAIL_CODE(why, DENIED, "not_signed_in", "", "the account or the password is wrong");
}

result session_login(struct call *c, struct why *why)
{
    struct fields f;
    struct slice name, password;
    bool cookie = false;
    TRY(call_fields(c, &f, why));
    TRY(need_text(&f, "account", 256, &name));
    TRY(need_text(&f, "password", 1024, &password));
    TRY(may_bool(&f, "cookie", &cookie));
    TRY(fields_close(&f));
    struct guard_slot *slot = guard_slot(c->core->guard, name);
    int64_t wait = slot->until_ms - host_monotonic_ms(c->core->host);
    if (slot->last_ms && wait > 0 && !c->pending->worked) {
        c->pending->retry_after_s = (unsigned)((wait + 999) / 1000);
        return FAIL_CODE(why, LIMIT, "too_many_requests", "", "too many wrong passwords for this account; wait %u seconds",
                         c->pending->retry_after_s);
    }
    struct label account;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    bool known = is_ok(label_parse(name, &account, NULL));
    if (known) {
        TRY(RUN(c->core, ACCOUNT_GET, &rows, why, store_text(name)));
        known = rows_next(rows) && !slice_is(rows_text(rows, 0), ACCOUNT_ERASED);
    }
    if (!c->pending->worked) {
        char encoded[160];
        if (!slice_copy_str(known ? rows_text(rows, 0) : slice_str(c->core->guard->dummy), encoded, sizeof encoded))
            return FAIL(why, BROKEN, "a stored password hash is too long");
        TRY(password_job_new(password, encoded, &c->pending->job, why));
        c->pending->outcome = OUTCOME_WORK;
        return DONE;
    }
    if (!is_ok(c->pending->job->outcome))
        return FAIL(why, LIMIT, "there was no memory to check the password; try again");
    if (!known || !c->pending->job->holds)
        return wrong_login(c, name, known, why);
    slot->failures = 0;
    slot->until_ms = 0;

    unsigned roles = (unsigned)rows_integer(rows, 1);
    int64_t expires_ms = c->now_ms + SESSION_LIFE_MS;
    struct rows *count CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, TOKEN_COUNT, &count, why, store_text(name), store_integer(0), store_integer(c->now_ms)));
    if (rows_next(count) && rows_integer(count, 0) >= SESSIONS_PER_ACCOUNT_MAX)
        TRY(RUN(c->core, TOKEN_OLDEST_DROP, NULL, why, store_text(name)));
    char token[HTTP_TOKEN_MAX + 1];
    struct document_id id;
    TRY(token_make(c, account.text, "session", false, SCOPE_ALL, expires_ms, token, &id, why));
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(account.text));
    json_set(entry, "token", json_of_str(id.text));
    TRY(log_append(c->core, "login", entry, NULL, why));
    if (cookie)
        memcpy(c->pending->cookie, token, sizeof token);
    else
        json_set(c->answer, "token", json_of_str(token));
    wipe(token, sizeof token);
    json_set(c->answer, "account", json_of_str(account.text));
    json_set(c->answer, "roles", roles_json(roles));
    json_set(c->answer, "expires", json_of_instant(expires_ms));
    return DONE;
}

static result drop(struct call *c, const char *id, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, TOKEN_DROP, &rows, why, store_str(id), store_str(c->who.account.text)));
    if (!rows_next(rows))
        return no_such_thing(why);
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "token", json_of_str(id));
    json_set(entry, "dropped", json_of_bool(true));
    return log_append(c->core, "token", entry, NULL, why);
}

result session_logout(struct call *c, struct why *why)
{
    snprintf(c->pending->cookie, sizeof c->pending->cookie, "clear");
    return drop(c, c->who.token_id.text, why);
}

result session_me(struct call *c, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, ACCOUNT_GET, &rows, why, store_str(c->who.account.text)));
    if (!rows_next(rows))
        return no_such_thing(why);
    json_set(c->answer, "account", json_of_str(c->who.account.text));
    json_set(c->answer, "roles", roles_json(c->who.roles));
    json_set(c->answer, "organisation", json_of_text(rows_text(rows, 2)));
    json_set(c->answer, "expires", json_of_instant(c->who.expires_ms));
    struct rows *contact CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, CONTACT_GET, &contact, why, store_str(c->who.account.text)));
    if (rows_next(contact)) {
        json_set(c->answer, "mail", json_of_text(rows_text(contact, 0)));
        json_set(c->answer, "language", json_of_text(rows_text(contact, 1)));
    }
    struct rows *sites CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, HOLDER_SITES, &sites, why, store_str(c->who.account.text)));
    struct json *list = json_array();
    while (rows_next(sites))
        json_add(list, json_of_text(rows_text(sites, 0)));
    json_set(c->answer, "sites", list);
    return DONE;
}

/* --- API tokens --- */

static const char *const scope_names[] = {"read", "query", "apply", "decide", "admin", "account", NULL};

static struct json *scopes_json(unsigned scopes)
{
    struct json *v = json_array();
    for (unsigned i = 0; scope_names[i]; i++)
        if (scopes >> i & 1)
            json_add(v, json_of_str(scope_names[i]));
    return v;
}

static result scopes_read(const struct json *array, unsigned *ret, struct why *why)
{
    unsigned scopes = 0;
    for (size_t i = 0; i < json_size(array); i++) {
        unsigned k = 0;
        while (scope_names[k] && !slice_is(json_text(json_item(array, i)), scope_names[k]))
            k++;
        if (!scope_names[k])
            return FAIL_AT(why, MALFORMED, "/scopes", "a scope is one of read, query, apply, decide, admin, account");
        scopes |= 1u << k;
    }
    if (!scopes)
        return FAIL_AT(why, MALFORMED, "/scopes", "name at least one scope: read, query, apply, decide, admin, account");
    *ret = scopes;
    return DONE;
}

result token_create(struct call *c, struct why *why)
{
    struct fields f;
    struct slice name;
    const struct json *array;
    int64_t days;
    unsigned scopes;
    TRY(call_fields(c, &f, why));
    TRY(need_text(&f, "name", TOKEN_NAME_MAX, &name));
    TRY(need_array(&f, "scopes", 8, &array));
    TRY(need_integer(&f, "days", 1, API_TOKEN_DAYS_MAX, &days));
    TRY(fields_close(&f));
    TRY(scopes_read(array, &scopes, why));
    if (scopes & ~c->who.scopes)
        return FAIL_CODE(why, DENIED, "wrong_role", "/scopes", "a token can only give what the one at hand has");
    struct rows *count CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, TOKEN_COUNT, &count, why, store_str(c->who.account.text), store_integer(1), store_integer(c->now_ms)));
    if (rows_next(count) && rows_integer(count, 0) >= API_TOKENS_PER_ACCOUNT_MAX)
        return FAIL_CODE(why, LIMIT, "too_many_requests", "", "an account has at most %d tokens; drop one first", API_TOKENS_PER_ACCOUNT_MAX);
    char token[HTTP_TOKEN_MAX + 1], label[TOKEN_NAME_MAX + 1];
    struct document_id id;
    if (!slice_copy_str(name, label, sizeof label))
        return FAIL_AT(why, MALFORMED, "/name", "a name has no NUL");
    TRY(token_make(c, c->who.account.text, label, true, scopes, c->now_ms + days * DAY_MS, token, &id, why));
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "token", json_of_str(id.text));
    json_set(entry, "scopes", scopes_json(scopes));
    TRY(log_append(c->core, "token", entry, NULL, why));
    c->pending->status = 201;
    json_set(c->answer, "id", json_of_str(id.text));
    json_set(c->answer, "token", json_of_str(token));
    json_set(c->answer, "scopes", scopes_json(scopes));
    json_set(c->answer, "expires", json_of_instant(c->now_ms + days * DAY_MS));
    wipe(token, sizeof token);
    return DONE;
}

result token_list(struct call *c, struct why *why)
{
    struct page page;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(page_read_names(c, &page, why));
    TRY(RUN(c->core, TOKEN_LIST, &rows, why, store_str(c->who.account.text), store_text(page.after), store_integer(page.limit)));
    struct json *items = json_array();
    char last[DOCUMENT_ID_LEN + 1] = "";
    while (rows_next(rows)) {
        struct json *item = json_object();
        json_set(item, "id", json_of_text(rows_text(rows, 0)));
        json_set(item, "name", json_of_text(rows_text(rows, 1)));
        json_set(item, "scopes", scopes_json((unsigned)rows_integer(rows, 2)));
        json_set(item, "created", json_of_instant(rows_integer(rows, 3)));
        json_set(item, "expires", json_of_instant(rows_integer(rows, 4)));
        json_add(items, item);
        slice_copy_str(rows_text(rows, 0), last, sizeof last);
    }
    json_free(c->answer);
    c->answer = page_json(&page, items, last);
    return DONE;
}

result token_drop(struct call *c, struct why *why)
{
    struct document_id id;
    TRY(call_document_id(c, 'k', &id, why));
    return drop(c, id.text, why);
}
