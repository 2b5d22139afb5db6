#include "client/trust_make.h"

#include "client/document.h"

enum { OFFICERS_MIN = 2 };

void trust_parts_init(struct trust_parts *p)
{
    *p = (struct trust_parts){json_array(), json_array(), json_array(), json_array(), json_array(), json_array(), json_array()};
}

void trust_parts_done(struct trust_parts *p)
{
    json_free(p->roots);
    json_free(p->officers);
    json_free(p->desks);
    json_free(p->holders);
    json_free(p->sites);
    json_free(p->witnesses);
    json_free(p->successions);
    *p = (struct trust_parts){0};
}

static struct slice trimmed(struct slice text)
{
    while (text.len > 0 && text.at[text.len - 1] <= ' ')
        text.len--;
    while (text.len > 0 && text.at[0] <= ' ')
        text = slice_part(text, 1, text.len);
    return text;
}

static result check_key(struct slice *spki, const char *whose, struct why *why)
{
    struct public_key key;
    *spki = trimmed(*spki);
    if (public_key_parse_base64(*spki, &key, NULL).code != OK)
        return FAIL_AT(why, MALFORMED, whose, "the file must hold a P-256 public key as base64 (innsyn key show)");
    return DONE;
}

result trust_add_root(struct trust_parts *p, struct slice spki, struct why *why)
{
    TRY(check_key(&spki, "/root/keys", why));
    for (size_t i = 0; i < json_size(p->roots); i++)
        if (slice_equal(json_text(json_item(p->roots, i)), spki))
            return FAIL_AT(why, MALFORMED, "/root/keys", "a root key is given twice");
    json_add(p->roots, json_of_text(spki));
    return DONE;
}

static bool has(const struct json *list, const char *key, struct slice value, const char *key2, struct slice value2)
{
    for (size_t i = 0; i < json_size(list); i++)
        if (slice_equal(json_text(json_get(json_item(list, i), key)), value) &&
            (!key2 || slice_equal(json_text(json_get(json_item(list, i), key2)), value2)))
            return true;
    return false;
}

/* to: the member `field` of the document; what: whose key it is, for people. */
static result add_person(struct json *to, const char *field, const char *what, struct slice account, struct slice spki, struct why *why)
{
    struct label name;
    TRY(label_parse(account, &name, why));
    TRY(check_key(&spki, field, why));
    if (has(to, "account", account, "key", spki))
        return FAIL_AT(why, MALFORMED, field, "%s '%s' is given twice with one key", what, name.text);
    struct json *o = json_object();
    json_set(o, "account", json_of_str(name.text));
    json_set(o, "key", json_of_text(spki));
    json_add(to, o);
    return DONE;
}

result trust_add_officer(struct trust_parts *p, struct slice account, struct slice spki, struct why *why)
{
    return add_person(p->officers, "/officers", "officer", account, spki, why);
}

result trust_add_desk(struct trust_parts *p, struct slice account, struct slice spki, struct why *why)
{
    return add_person(p->desks, "/desks", "desk", account, spki, why);
}

result trust_add_holder(struct trust_parts *p, struct slice account, struct slice site, struct slice spki, struct why *why)
{
    struct label name;
    struct site_id id;
    TRY(label_parse(account, &name, why));
    TRY(site_id_parse(site, &id, why));
    TRY(check_key(&spki, "/holders", why));
    struct json *h = json_object();
    json_set(h, "account", json_of_str(name.text));
    json_set(h, "site", json_of_str(id.text));
    json_set(h, "key", json_of_text(spki));
    json_add(p->holders, h);
    return DONE;
}

result trust_add_witness(struct trust_parts *p, struct slice vkey, struct why *why)
{
    struct note_key parsed;
    TRY(note_key_parse(vkey, &parsed, why));
    if (parsed.type != NOTE_COSIGNATURE)
        return FAIL_AT(why, MALFORMED, "/witnesses", "'%s' is no witness's key: it is not of type 4 (cosignature/v1)", parsed.name);
    json_add(p->witnesses, json_of_text(vkey));
    return DONE;
}

result trust_add_succession(struct trust_parts *p, const struct json *envelope, struct why *why)
{
    struct envelope e CLEANUP(envelope_done);
    struct succession s;
    envelope_init(&e);
    TRY(envelope_parse(envelope, "/successions", TYPE_LOG_SUCCESSION, &e, why));
    TRY(succession_read(&e, &s, why));
    if (e.count == 0)
        return FAIL_AT(why, MALFORMED, "/successions", "the succession to '%s' is not signed yet (innsyn trust sign)", s.new_log.name);
    json_add(p->successions, json_copy(envelope));
    return DONE;
}

result trust_add_site(struct trust_parts *p, const struct json *site_public, struct why *why)
{
    struct site_id id;
    struct slice spki = json_text(json_get(site_public, "key")), witness = json_text(json_get(site_public, "witness"));
    TRY(site_id_parse(json_text(json_get(site_public, "site")), &id, why));
    TRY(check_key(&spki, "/sites", why));
    if (has(p->sites, "site", slice_str(id.text), NULL, spki))
        return FAIL_AT(why, MALFORMED, "/sites", "site '%.60s' is given twice", id.text);
    if (witness.len > 0)
        TRY(trust_add_witness(p, witness, why));
    struct json *s = json_object();
    json_set(s, "site", json_of_str(id.text));
    json_set(s, "key", json_of_text(spki));
    struct slice optout = json_text(json_get(site_public, "optout_key"));
    if (optout.len > 0) {
        result r = check_key(&optout, "/sites", why);
        if (r.code != OK) {
            json_free(s);
            return r;
        }
        json_set(s, "optout_key", json_of_text(optout));
    }
    json_add(p->sites, s);
    return DONE;
}

static result check_whole(const struct trust_parts *p, unsigned threshold, const struct json *broker, struct why *why)
{
    static const char *const texts[] = {"log", "seal", "site_ca"};
    if (threshold < 1 || threshold > json_size(p->roots))
        return FAIL_AT(why, MALFORMED, "/root/threshold", "%u of %zu root keys cannot be met", threshold, json_size(p->roots));
    if (json_size(p->officers) < OFFICERS_MIN)
        return FAIL_AT(why, MALFORMED, "/officers", "a permit needs two officers: name at least two");
    for (size_t i = 0; i < json_size(p->sites); i++) {
        struct slice site = json_text(json_get(json_item(p->sites, i), "site"));
        if (!has(p->holders, "site", site, NULL, site))
            return FAIL_AT(why, MALFORMED, "/holders", "site '%.*s' has no holder: no permit could name it", SLICE_ARG(site));
    }
    for (size_t i = 0; i < 3; i++)
        if (json_text(json_get(broker, texts[i])).len == 0)
            return FAIL_AT(why, MALFORMED, texts[i], "is missing in the broker's public file");
    struct note_key log;
    struct slice seal = json_text(json_get(broker, "seal"));
    TRY(note_key_parse(json_text(json_get(broker, "log")), &log, why));
    return check_key(&seal, "/seal", why);
}

result trust_make_envelope(struct trust_parts *p, struct slice network, uint64_t version, unsigned threshold,
                           const struct json *broker, int64_t issued_ms, struct envelope *ret, struct why *why)
{
    struct label name;
    TRY(label_parse(network, &name, why));
    TRY(check_whole(p, threshold, broker, why));
    struct json *t CLEANUP(json_freep) = json_object(), *root = json_object();
    json_set(root, "threshold", json_of_integer(threshold));
    json_set(root, "keys", json_hold(p->roots));
    json_set(t, "innsyn", json_of_str("trust/1"));
    json_set(t, "network", json_of_str(name.text));
    json_set(t, "version", json_of_integer((int64_t)version));
    json_set(t, "issued", json_of_instant(issued_ms));
    json_set(t, "root", root);
    json_set(t, "officers", json_hold(p->officers));
    if (json_size(p->desks))
        json_set(t, "desks", json_hold(p->desks));
    json_set(t, "holders", json_hold(p->holders));
    json_set(t, "sites", json_hold(p->sites));
    json_set(t, "log", json_copy(json_get(broker, "log")));
    json_set(t, "witnesses", json_hold(p->witnesses));
    if (json_size(p->successions))
        json_set(t, "successions", json_hold(p->successions));
    json_set(t, "seal", json_copy(json_get(broker, "seal")));
    json_set(t, "site_ca", json_copy(json_get(broker, "site_ca")));
    struct buffer payload CLEANUP(buffer_done) = {0};
    buffer_init(&payload, TRUST_BYTES_MAX);
    TRY(json_print(t, &payload, why));
    return envelope_make(TYPE_TRUST, buffer_slice(&payload), ret, why);
}
