#include "client/command.h"

#include <stdio.h>

#include "base/codec.h"
#include "base/instant.h"
#include "client/trust_make.h"
#include "client/trust_store.h"

enum { TRUST_FILE_BYTES_MAX = 2 * TRUST_BYTES_MAX, CEREMONY_FILES_MAX = 256 };

/* What root keys sign: a trust document, or the succession of a log. */
static int read_envelope(struct client *c, const char *path, struct envelope *ret)
{
    struct why why = {0};
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = NULL;
    int code = client_read_file(c, path, &text);
    if (code != EXIT_DONE)
        return code;
    result r = json_parse(buffer_slice(&text), TRUST_FILE_BYTES_MAX, &v, &why);
    bool succession = slice_is(json_text(json_get(v, "payloadType")), TYPE_LOG_SUCCESSION);
    if (r.code == OK)
        r = envelope_parse(v, "", succession ? TYPE_LOG_SUCCESSION : TYPE_TRUST, ret, &why);
    return r.code == OK ? EXIT_DONE : client_fail(EXIT_USAGE, &why);
}

static int write_envelope(struct client *c, const char *path, const struct envelope *e)
{
    struct why why = {0};
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, TRUST_FILE_BYTES_MAX);
    if (envelope_print(e, &text, &why).code != OK || host_write_file(c->host, path, 0644, buffer_slice(&text), &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    return EXIT_DONE;
}

/* The hash by which people compare and pin the document: the one line on standard output. */
static int print_hash(struct client *c, const struct envelope *e)
{
    struct why why = {0};
    char hash[2 * HASH_LEN + 1];
    struct hash h = envelope_hash(e);
    hash_print(&h, hash);
    if (c->json) {
        struct json *document CLEANUP(json_freep) = json_object();
        json_set(document, "trust", json_of_str(hash));
        json_set(document, "signatures", json_of_integer(e->count));
        return client_print_json(document);
    }
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 128);
    return buffer_printf(&text, &why, "%s\n", hash).code == OK ? client_print(&text) : client_fail(EXIT_USAGE, &why);
}

/* What the broker offers to a profile that trusts nothing yet: shown, not believed. */
static int show_offer(struct client *c)
{
    struct why why = {0};
    struct json *document CLEANUP(json_freep) = NULL;
    struct envelope e CLEANUP(envelope_done);
    envelope_init(&e);
    int code = client_call(c, &(struct call){.method = "GET", .path = "/v1/trust", .anonymous = true}, &document);
    if (code != EXIT_DONE)
        return code;
    if (envelope_parse(document, "", TYPE_TRUST, &e, &why).code != OK)
        return client_fail(EXIT_UNVERIFIED, &why);
    char hash[2 * HASH_LEN + 1];
    struct hash h = envelope_hash(&e);
    hash_print(&h, hash);
    (void)fprintf(stderr,
                  "innsyn: NOT VERIFIED: the profile pins no trust document.\n  The broker offers one with the hash %s\n"
                  "  next     compare it with what the unit published by another way, then: innsyn trust pin %s\n",
                  hash, hash);
    return EXIT_UNVERIFIED;
}

static result person_lines(const char *title, const struct json *list, const char *extra, struct buffer *to, struct why *why)
{
    for (size_t i = 0; i < json_size(list); i++) {
        const struct json *o = json_item(list, i);
        TRY(buffer_printf(to, why, "%-10s ", title));
        TRY(document_line(json_get(o, json_get(o, "account") ? "account" : "site"), to, why));
        if (extra) {
            TRY(buffer_add_str(to, " for ", why));
            TRY(document_line(json_get(o, extra), to, why));
        }
        struct public_key key;
        char id[2 * HASH_LEN + 1] = "";
        TRY(public_key_parse_base64(json_text(json_get(o, "key")), &key, why));
        public_key_id(&key, id);
        TRY(buffer_printf(to, why, ", key %.16s...\n", id));
    }
    return DONE;
}

static result trust_words(const struct trust *t, struct buffer *to, struct why *why)
{
    char hash[2 * HASH_LEN + 1], issued[INSTANT_TEXT_SIZE];
    hash_print(&t->hash, hash);
    instant_print(t->issued_ms, issued);
    TRY(buffer_printf(to, why, "Trust document of network %s, version %llu, issued %s\nSHA-256    %s\nroot       %u of %u keys sign\n", t->network.text,
                      (unsigned long long)t->version, issued, hash, t->root_threshold, t->root_count));
    TRY(person_lines("officer", json_get(t->tree, "officers"), NULL, to, why));
    TRY(person_lines("desk", json_get(t->tree, "desks"), NULL, to, why));
    TRY(person_lines("holder", json_get(t->tree, "holders"), "site", to, why));
    TRY(person_lines("site", json_get(t->tree, "sites"), NULL, to, why));
    TRY(buffer_add_str(to, "log        ", why));
    TRY(document_line(json_get(t->tree, "log"), to, why));
    for (unsigned i = 0; i < t->succession_count; i++)
        TRY(buffer_printf(to, why, "\nsucceeds   %s, which had %llu entries, %llu of them lost", t->successions[i].old_log.name,
                          (unsigned long long)t->successions[i].last.size,
                          (unsigned long long)(t->successions[i].last.size - t->successions[i].start.size)));
    return buffer_printf(to, why, "\nwitnesses  %u\n", t->witness_count);
}

int trust_show(struct client *c, const struct arguments *a)
{
    (void)a;
    struct why why = {0};
    struct trust *t CLEANUP(trust_freep) = NULL;
    char path[PROFILE_PATH_MAX];
    if (!c->profile.has_trust)
        return show_offer(c);
    int code = trust_store_get(c, true, &t);
    if (code != EXIT_DONE)
        return code;
    if (c->json) { /* the envelope that was just verified */
        struct json *envelope CLEANUP(json_freep) = NULL;
        if (profile_path(&c->profile, "trust.json", path, &why).code != OK)
            return client_fail(EXIT_USAGE, &why);
        code = client_read_json(c, path, &envelope);
        return code == EXIT_DONE ? client_print_json(envelope) : code;
    }
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    return trust_words(t, &text, &why).code == OK ? client_print(&text) : client_fail(EXIT_UNVERIFIED, &why);
}

int trust_pin(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    struct hash pin;
    if (!hex_parse(slice_str(a->words[0]), pin.at, HASH_LEN))
        return client_usage("the pin is the SHA-256 of a trust document: 64 hex digits");
    if (c->profile.has_trust && !hash_equal(&pin, &c->profile.trust))
        return client_usage("the profile pins another trust document already; make a new profile to change whom you trust");
    c->profile.has_trust = true;
    c->profile.trust = pin;
    return profile_write(c->host, &c->profile, &why).code == OK ? EXIT_DONE : client_fail(EXIT_USAGE, &why);
}

int trust_publish(struct client *c, const struct arguments *a)
{
    struct json *document CLEANUP(json_freep) = NULL;
    int code = client_read_json(c, a->words[0], &document);
    if (code != EXIT_DONE)
        return code;
    return send_and_show(c, &(struct call){.method = "PUT", .path = "/v1/trust", .body = document});
}

/* "ACCOUNT=FILE" or "ACCOUNT@SITE=FILE": the file's text in *ret_text. */
static int open_pair(struct client *c, const char *option, const char *pair, struct slice *ret_name, struct slice *ret_site, struct buffer *ret_text)
{
    struct slice whole = slice_str(pair);
    size_t equals = slice_find(whole, '=');
    struct slice name = slice_part(whole, 0, equals);
    size_t at = slice_find(name, '@');
    if (equals == whole.len || (ret_site && at == name.len)) {
        buffer_init(ret_text, 0);
        return client_usage("--%s takes %s=FILE, got '%.80s'", option, ret_site ? "ACCOUNT@SITE" : "ACCOUNT", pair);
    }
    *ret_name = slice_part(name, 0, at);
    if (ret_site)
        *ret_site = slice_part(name, at + 1, name.len);
    return client_read_file(c, pair + equals + 1, ret_text);
}

static int add_people(struct client *c, const struct arguments *a, struct trust_parts *parts)
{
    for (unsigned i = 0; i < CEREMONY_FILES_MAX; i++) {
        struct why why = {0};
        struct slice name = {0}, site = {0};
        const char *desk = arguments_nth(a, "desk", i), *officer = arguments_nth(a, "officer", i), *holder = arguments_nth(a, "holder", i), *root = arguments_nth(a, "root-public", i);
        if (!officer && !holder && !root && !desk)
            break;
        struct buffer o CLEANUP(buffer_done) = {0}, h CLEANUP(buffer_done) = {0}, r CLEANUP(buffer_done) = {0}, d CLEANUP(buffer_done) = {0};
        buffer_init(&d, 0);
        buffer_init(&o, 0);
        buffer_init(&h, 0);
        buffer_init(&r, 0);
        int code = EXIT_DONE;
        result added = DONE;
        if (officer && (code = open_pair(c, "officer", officer, &name, NULL, &o)) == EXIT_DONE)
            added = trust_add_officer(parts, name, buffer_slice(&o), &why);
        if (code == EXIT_DONE && added.code == OK && desk && (code = open_pair(c, "desk", desk, &name, NULL, &d)) == EXIT_DONE)
            added = trust_add_desk(parts, name, buffer_slice(&d), &why);
        if (code == EXIT_DONE && added.code == OK && holder && (code = open_pair(c, "holder", holder, &name, &site, &h)) == EXIT_DONE)
            added = trust_add_holder(parts, name, site, buffer_slice(&h), &why);
        if (code == EXIT_DONE && added.code == OK && root && (code = client_read_file(c, root, &r)) == EXIT_DONE)
            added = trust_add_root(parts, buffer_slice(&r), &why);
        if (code != EXIT_DONE)
            return code;
        if (added.code != OK)
            return client_fail(EXIT_USAGE, &why);
    }
    return EXIT_DONE;
}

/* Standalone witnesses, by their verifier keys. */
static int add_witnesses(const struct arguments *a, struct trust_parts *parts)
{
    const char *vkey;
    for (unsigned i = 0; i < CEREMONY_FILES_MAX && (vkey = arguments_nth(a, "witness", i)) != NULL; i++) {
        struct why why = {0};
        if (trust_add_witness(parts, slice_str(vkey), &why).code != OK)
            return client_fail(EXIT_USAGE, &why);
    }
    return EXIT_DONE;
}

static int add_sites(struct client *c, const struct arguments *a, struct trust_parts *parts)
{
    const char *file;
    for (unsigned i = 0; i < CEREMONY_FILES_MAX && (file = arguments_nth(a, "site-public", i)) != NULL; i++) {
        struct why why = {0};
        struct json *site CLEANUP(json_freep) = NULL;
        int code = client_read_json(c, file, &site);
        if (code != EXIT_DONE)
            return code;
        if (trust_add_site(parts, site, &why).code != OK)
            return client_fail(EXIT_USAGE, &why);
    }
    return EXIT_DONE;
}

static int add_successions(struct client *c, const struct arguments *a, struct trust_parts *parts)
{
    const char *file;
    for (unsigned i = 0; i < CEREMONY_FILES_MAX && (file = arguments_nth(a, "succession", i)) != NULL; i++) {
        struct why why = {0};
        struct json *v CLEANUP(json_freep) = NULL;
        int code = client_read_json(c, file, &v);
        if (code != EXIT_DONE)
            return code;
        if (trust_add_succession(parts, v, &why).code != OK)
            return client_fail(EXIT_USAGE, &why);
    }
    return EXIT_DONE;
}

int trust_make(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    const char *network, *broker_file, *out;
    uint64_t version = 1, threshold = 2;
    struct json *broker CLEANUP(json_freep) = NULL;
    struct trust_parts parts CLEANUP(trust_parts_done);
    struct envelope e CLEANUP(envelope_done);
    trust_parts_init(&parts);
    envelope_init(&e);
    result r = arguments_need(a, "network", &network, &why);
    if (r.code == OK)
        r = arguments_need(a, "broker-public", &broker_file, &why);
    if (r.code == OK)
        r = arguments_need(a, "out", &out, &why);
    if (r.code == OK)
        r = arguments_number(a, "version", 1, INT32_MAX, &version, &why);
    if (r.code == OK)
        r = arguments_number(a, "threshold", 1, TRUST_ROOTS_MAX, &threshold, &why);
    if (r.code != OK)
        return client_fail(EXIT_USAGE, &why);
    int code = client_read_json(c, broker_file, &broker);
    if (code == EXIT_DONE)
        code = add_people(c, a, &parts);
    if (code == EXIT_DONE)
        code = add_sites(c, a, &parts);
    if (code == EXIT_DONE)
        code = add_witnesses(a, &parts);
    if (code == EXIT_DONE)
        code = add_successions(c, a, &parts);
    if (code != EXIT_DONE)
        return code;
    if (json_size(parts.witnesses) == 0)
        client_say(c, "No witness is named: nobody will notice a split view of the log.");
    r = trust_make_envelope(&parts, slice_str(network), version, (unsigned)threshold, broker, host_now_ms(c->host), &e, &why);
    if (r.code != OK)
        return client_fail(EXIT_USAGE, &why);
    code = write_envelope(c, out, &e);
    if (code != EXIT_DONE)
        return code;
    client_say(c, "Wrote %s, unsigned.  Next: innsyn trust sign %s --key ROOTKEY, with %llu root keys.  Its hash:", out, out, (unsigned long long)threshold);
    return print_hash(c, &e);
}

int trust_sign(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    const char *key_file;
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    struct envelope e CLEANUP(envelope_done);
    envelope_init(&e);
    result r = arguments_need(a, "key", &key_file, &why);
    if (r.code == OK)
        r = signing_key_load(c->host, key_file, KEY_P256, &key, &why);
    if (r.code != OK)
        return client_fail(EXIT_USAGE, &why);
    int code = read_envelope(c, a->words[0], &e);
    if (code != EXIT_DONE)
        return code;
    if (envelope_sign(&e, key, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    code = write_envelope(c, a->words[0], &e);
    if (code != EXIT_DONE)
        return code;
    if (strcmp(e.type, TYPE_LOG_SUCCESSION) == 0) {
        client_say(c, "Signed; %u signatures.  Its hash:", e.count);
        return print_hash(c, &e);
    }
    client_say(c, "Signed; %u signatures.  The hash to pin:", e.count);
    return print_hash(c, &e);
}
