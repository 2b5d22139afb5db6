#include "client/trust_store.h"

enum { TRUST_FILE_MAX = 2 * TRUST_BYTES_MAX };

result trust_store_accept(const struct envelope *offered, const struct trust *held, const struct hash *pin,
                          struct trust **ret, struct why *why)
{
    if (!held && !pin)
        return FAIL(why, DENIED, "the profile pins no trust document: get its hash from the unit by another way, then `innsyn trust pin HASH`");
    struct trust *t CLEANUP(trust_freep) = NULL;
    TRY(trust_open(offered, held, held ? NULL : pin, &t, why));
    if (held && t->version < held->version)
        return FAIL(why, DENIED, "the broker offers trust version %llu, this profile has accepted %llu", (unsigned long long)t->version,
                    (unsigned long long)held->version);
    *ret = MOVE(t);
    return DONE;
}

/* What this profile accepted before; *ret stays NULL when it has accepted none. */
static int load_held(struct client *c, struct trust **ret)
{
    struct why why = {0};
    char path[PROFILE_PATH_MAX];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done);
    envelope_init(&e);
    buffer_init(&text, TRUST_FILE_MAX);
    if (profile_path(&c->profile, "trust.json", path, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    result r = host_read_file(c->host, path, TRUST_FILE_MAX, &text, &why);
    if (r.code == ABSENT)
        return EXIT_DONE;
    if (r.code == OK)
        r = envelope_parse_text(buffer_slice(&text), TYPE_TRUST, &e, &why);
    if (r.code == OK) /* it was verified when it was stored; its own quorum is checked again */
        r = trust_open(&e, NULL, NULL, ret, &why);
    return r.code == OK ? EXIT_DONE : client_fail(EXIT_UNVERIFIED, &why);
}

static int store(struct client *c, const struct envelope *e)
{
    struct why why = {0};
    char path[PROFILE_PATH_MAX];
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, TRUST_FILE_MAX);
    if (envelope_print(e, &text, &why).code != OK || profile_path(&c->profile, "trust.json", path, &why).code != OK ||
        host_write_file(c->host, path, 0600, buffer_slice(&text), &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    return EXIT_DONE;
}

int trust_store_get(struct client *c, bool refresh, struct trust **ret)
{
    struct why why = {0};
    struct trust *held CLEANUP(trust_freep) = NULL, *now CLEANUP(trust_freep) = NULL;
    struct json *document CLEANUP(json_freep) = NULL;
    struct envelope e CLEANUP(envelope_done);
    envelope_init(&e);
    int code = load_held(c, &held);
    if (code != EXIT_DONE)
        return code;
    if (held && !refresh) {
        *ret = MOVE(held);
        return EXIT_DONE;
    }
    code = client_call(c, &(struct call){.method = "GET", .path = "/v1/trust", .anonymous = true}, &document);
    if (code != EXIT_DONE)
        return code;
    result r = envelope_parse(document, "", TYPE_TRUST, &e, &why);
    if (r.code == OK)
        r = trust_store_accept(&e, held, c->profile.has_trust ? &c->profile.trust : NULL, &now, &why);
    if (r.code != OK)
        return client_fail(EXIT_UNVERIFIED, &why);
    if (c->profile.network.text[0] && !label_equal(&now->network, &c->profile.network)) {
        tolerate(FAIL(&why, DENIED, "the trust document is of network '%s', the profile says '%s'", now->network.text, c->profile.network.text));
        return client_fail(EXIT_UNVERIFIED, &why);
    }
    if (!held || !hash_equal(&held->hash, &now->hash)) {
        code = store(c, &e);
        if (code != EXIT_DONE)
            return code;
    }
    *ret = MOVE(now);
    return EXIT_DONE;
}
