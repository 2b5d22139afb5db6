/*
 * trust.c - the trust document at hand: which keys mean what.  A new version must carry the root
 * quorum of the one before; keys checks it too, before the commit.
 */
#include "broker/audit/audit.h"
#include "broker/sites/sites.h"

static result trust_hold(struct core *c, struct trust *t, struct why *why)
{
    trust_free(c->trust);
    c->trust = t;
    return offer_trust_changed(c, why);
}

/* Opens every version in turn, so that a store that was tampered with is not believed. */
result trust_load(struct core *c, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct trust *held CLEANUP(trust_freep) = NULL;
    TRY(store_run(c->store, TRUST_ALL, NULL, 0, &rows, why));
    buffer_clear(&c->trust_text);
    while (rows_next(rows)) {
        struct envelope e;
        struct trust *next = NULL;
        envelope_init(&e);
        result r = envelope_parse_text(rows_text(rows, 1), TYPE_TRUST, &e, why);
        if (is_ok(r))
            r = trust_open(&e, held, NULL, &next, why);
        envelope_done(&e);
        if (!is_ok(r))
            return FAIL(why, BROKEN, "the store's trust document does not hold");
        trust_free(held);
        held = next;
        buffer_clear(&c->trust_text);
        TRY(buffer_add(&c->trust_text, rows_text(rows, 1), why));
    }
    return trust_hold(c, MOVE(held), why);
}

result trust_get(struct call *c, struct why *why)
{
    if (!c->core->trust)
        return no_such_thing(why);
    return buffer_add(&c->pending->body, buffer_slice(&c->core->trust_text), why);
}

static result store_holders(struct core *c, const struct trust *t, struct why *why)
{
    TRY(core_run(c, HOLDERS_CLEAR, NULL, 0, NULL, why));
    for (unsigned i = 0; i < t->holder_count; i++)
        TRY(RUN(c, HOLDER_ADD, NULL, why, store_str(t->holders[i].account.text), store_str(t->holders[i].site.text)));
    return DONE;
}

result trust_keep(struct core *c, const struct envelope *e, const struct trust *t, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 2 * TRUST_BYTES_MAX);
    TRY(envelope_print(e, &text, why));
    TRY(RUN(c, TRUST_PUT, NULL, why, store_integer((int64_t)t->version), store_text(buffer_slice(&text)),
            store_bytes(slice_of(t->hash.at, HASH_LEN)), store_integer(host_now_ms(c->host))));
    return store_holders(c, t, why);
}

static result take(struct call *c, const struct envelope *e, struct why *why)
{
    struct core *core = c->core;
    struct trust *next CLEANUP(trust_freep) = NULL;
    TRY(trust_open(e, core->trust, NULL, &next, why));
    if (!label_equal(&next->network, &core->network))
        return FAIL_CODE(why, DENIED, "wrong_network", "/network", "this broker serves the network '%s'", core->network.text);
    json_set(c->answer, "version", json_of_integer((int64_t)next->version));
    if (core->trust && next->version == core->trust->version)
        return DONE; /* the same bytes again: trust_open refuses others */
    struct buffer text CLEANUP(buffer_done) = {0}, none CLEANUP(buffer_done) = {0};
    buffer_init(&text, 2 * TRUST_BYTES_MAX);
    buffer_init(&none, 64);
    TRY(envelope_print(e, &text, why));
    TRY(core_keys(core, MESSAGE_TRUST, buffer_slice(&text), &none, why));
    TRY(trust_keep(core, e, next, why));
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "version", json_of_integer((int64_t)next->version));
    json_set(entry, "trust_sha256", json_of_hex(slice_of(next->hash.at, HASH_LEN)));
    TRY(log_append(core, "trust", entry, NULL, why));
    c->touched |= TOUCHED_TRUST;
    buffer_clear(&core->trust_text);
    TRY(buffer_add(&core->trust_text, buffer_slice(&text), why));
    TRY(trust_hold(core, MOVE(next), why));
    lines_wake(core);
    return DONE;
}

result trust_put(struct call *c, struct why *why)
{
    struct envelope e;
    envelope_init(&e);
    result r = envelope_parse_text(c->request->body, TYPE_TRUST, &e, why);
    if (is_ok(r))
        r = take(c, &e, why);
    if (r.code == DENIED && why && !why->code)
        why->code = "unknown_key";
    envelope_done(&e);
    return r;
}
