#include "proto/envelope.h"

#include "base/codec.h"
#include "proto/fields.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TYPE_SIZE = sizeof(((struct envelope *)0)->type),
    KEYID_LEN = 2 * HASH_LEN,
    PAE_EXTRA = 64, /* "DSSEv1", blanks and two lengths */
    /* The largest envelope: payload in base64, signatures with their members' names. */
    ENVELOPE_TEXT_MAX = BASE64_LEN(ENVELOPE_PAYLOAD_MAX) + ENVELOPE_SIGNATURES_MAX * 256 + 512,
};

void envelope_init(struct envelope *e)
{
    *e = (struct envelope){.count = 0};
    buffer_init(&e->payload, ENVELOPE_PAYLOAD_MAX);
}

void envelope_done(struct envelope *e)
{
    buffer_done(&e->payload);
    e->count = 0;
}

static result signature_parse(const struct json *v, const char *path, unsigned index, struct envelope_signature *ret,
                              struct why *why)
{
    struct fields f;
    struct slice keyid = {0}, sig;
    char here[JSON_PATH_MAX];
    (void)snprintf(here, sizeof here, "%s/signatures/%u", path, index);
    TRY(fields_open(v, here, &f, why));
    TRY(may_text(&f, "keyid", KEYID_LEN, &keyid));
    TRY(need_text(&f, "sig", BASE64_LEN(SIGNATURE_LEN), &sig));
    TRY(fields_close(&f));
    uint8_t hash[HASH_LEN];
    if (keyid.len && !hex_parse(keyid, hash, HASH_LEN)) {
        fields_path(&f, "keyid", here);
        return FAIL_AT(why, MALFORMED, here, "a key id is 64 hex digits");
    }
    if (!base64_parse_exact(sig, ret->sig, SIGNATURE_LEN)) {
        fields_path(&f, "sig", here);
        return FAIL_AT(why, MALFORMED, here, "a signature is the base64 of %d bytes (r and s)", (int)SIGNATURE_LEN);
    }
    ret->keyid[0] = 0;
    if (keyid.len) /* in one form, so that ids compare as texts */
        hex_print(slice_of(hash, HASH_LEN), ret->keyid, sizeof ret->keyid);
    return DONE;
}

/* Of these documents any of many keys may be a signer's: without key ids each would be tried with every signature. */
static bool has_many_keys(const char *type)
{
    return strcmp(type, TYPE_TRUST) == 0 || strcmp(type, TYPE_PERMIT) == 0 || strcmp(type, TYPE_QUERY) == 0 || strcmp(type, TYPE_LOG_SUCCESSION) == 0;
}

static result parse_into(const struct json *v, const char *path, const char *type, struct envelope *e, struct why *why)
{
    struct fields f;
    struct slice payload, named;
    const struct json *signatures;
    char here[JSON_PATH_MAX];
    TRY(fields_open(v, path, &f, why));
    TRY(need_text(&f, "payloadType", TYPE_SIZE - 1, &named));
    if (!slice_is(named, type)) {
        fields_path(&f, "payloadType", here);
        return FAIL_AT(why, MALFORMED, here, "the payload type must be %s", type);
    }
    TRY(need_text(&f, "payload", BASE64_LEN(ENVELOPE_PAYLOAD_MAX), &payload));
    TRY(need_array(&f, "signatures", ENVELOPE_SIGNATURES_MAX, &signatures));
    TRY(fields_close(&f));
    if (!is_ok(base64_parse(payload, &e->payload, why))) {
        fields_path(&f, "payload", here);
        return FAIL_AT(why, MALFORMED, here, "the payload must be base64 of at most %d bytes", (int)ENVELOPE_PAYLOAD_MAX);
    }
    for (size_t i = 0; i < json_size(signatures); i++) {
        TRY(signature_parse(json_item(signatures, i), path, (unsigned)i, &e->signatures[i], why));
        if (e->signatures[i].keyid[0] || !has_many_keys(type))
            continue;
        (void)snprintf(here, sizeof here, "%.40s/signatures/%zu/keyid", path, i);
        return FAIL_AT(why, MALFORMED, here, "a signature that one of many keys may have made names its key: \"keyid\" is the SHA-256 of the key");
    }
    e->count = (unsigned)json_size(signatures);
    memcpy(e->type, named.at, named.len);
    e->type[named.len] = 0;
    return DONE;
}

result envelope_parse(const struct json *v, const char *path, const char *type, struct envelope *ret, struct why *why)
{
    struct envelope e;
    envelope_init(&e);
    result r = parse_into(v, path, type, &e, why);
    if (!is_ok(r)) {
        envelope_done(&e);
        return r;
    }
    *ret = e;
    return DONE;
}

result envelope_parse_text(struct slice text, const char *type, struct envelope *ret, struct why *why)
{
    struct json *v CLEANUP(json_freep) = NULL;
    TRY(json_parse(text, ENVELOPE_TEXT_MAX, &v, why));
    return envelope_parse(v, "", type, ret, why);
}

result envelope_pae(const char *type, struct slice payload, struct buffer *to, struct why *why)
{
    size_t len = to->len;
    result r = buffer_printf(to, why, "DSSEv1 %zu %s %zu ", strlen(type), type, payload.len);
    if (is_ok(r))
        r = buffer_add(to, payload, why);
    if (!is_ok(r))
        to->len = len;
    return r;
}

static result pae_of(const struct envelope *e, struct buffer *ret, struct why *why)
{
    buffer_init(ret, ENVELOPE_PAYLOAD_MAX + TYPE_SIZE + PAE_EXTRA);
    result r = envelope_pae(e->type, buffer_slice(&e->payload), ret, why);
    if (!is_ok(r))
        buffer_done(ret);
    return r;
}

bool envelope_signed_by(const struct envelope *e, const struct public_key *key)
{
    char keyid[KEYID_LEN + 1];
    struct buffer pae;
    bool holds = false;
    if (!key->der_len || !e->count)
        return false;
    public_key_id(key, keyid);
    buffer_init(&pae, 0);
    for (unsigned i = 0; i < e->count && !holds; i++) {
        const struct envelope_signature *s = &e->signatures[i];
        if (s->keyid[0] && strcmp(s->keyid, keyid) != 0)
            continue;
        if (!pae.len && !is_ok(pae_of(e, &pae, NULL))) /* built once, and only for a key that a signature names */
            return false;
        holds = is_ok(p256_verify(key, buffer_slice(&pae), s->sig, NULL));
    }
    buffer_done(&pae);
    return holds;
}

result envelope_make(const char *type, struct slice payload, struct envelope *ret, struct why *why)
{
    struct envelope e;
    if (strlen(type) >= TYPE_SIZE)
        abort(); /* types are constants of ours */
    envelope_init(&e);
    TRY(buffer_add(&e.payload, payload, why));
    memcpy(e.type, type, strlen(type) + 1);
    *ret = e;
    return DONE;
}

static result append(struct envelope *e, const struct public_key *key, const uint8_t sig[SIGNATURE_LEN], struct why *why)
{
    if (e->count == ENVELOPE_SIGNATURES_MAX)
        return FAIL(why, LIMIT, "an envelope holds at most %d signatures", (int)ENVELOPE_SIGNATURES_MAX);
    struct envelope_signature *s = &e->signatures[e->count++];
    public_key_id(key, s->keyid);
    memcpy(s->sig, sig, SIGNATURE_LEN);
    return DONE;
}

result envelope_sign(struct envelope *e, const struct signing_key *key, struct why *why)
{
    struct public_key public;
    struct buffer pae;
    uint8_t sig[SIGNATURE_LEN];
    TRY(signing_key_public(key, &public, why));
    TRY(pae_of(e, &pae, why));
    result r = key_sign(key, buffer_slice(&pae), sig, why);
    buffer_done(&pae);
    TRY(r);
    return append(e, &public, sig, why);
}

result envelope_add(struct envelope *e, const struct public_key *key, const uint8_t sig[SIGNATURE_LEN], struct why *why)
{
    struct buffer pae;
    TRY(pae_of(e, &pae, why));
    result r = p256_verify(key, buffer_slice(&pae), sig, why);
    buffer_done(&pae);
    TRY(r);
    return append(e, key, sig, why);
}

struct json *envelope_json(const struct envelope *e)
{
    struct json *v = json_object(), *signatures = json_array();
    for (unsigned i = 0; i < e->count; i++) {
        struct json *s = json_object();
        if (e->signatures[i].keyid[0])
            json_set(s, "keyid", json_of_str(e->signatures[i].keyid));
        json_set(s, "sig", json_of_base64(slice_of(e->signatures[i].sig, SIGNATURE_LEN)));
        json_add(signatures, s);
    }
    json_set(v, "payload", json_of_base64(buffer_slice(&e->payload)));
    json_set(v, "payloadType", json_of_str(e->type));
    json_set(v, "signatures", signatures);
    return v;
}

result envelope_print(const struct envelope *e, struct buffer *to, struct why *why)
{
    struct json *v CLEANUP(json_freep) = envelope_json(e);
    return json_print(v, to, why);
}

struct hash envelope_hash(const struct envelope *e)
{
    return sha256(buffer_slice(&e->payload));
}
