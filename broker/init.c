#include "broker/init.h"

#include <stdio.h>

#include "broker/keys/signer.h"
#include "proto/certificate.h"
#include "proto/envelope.h"
#include "proto/json.h"
#include "proto/succession.h"

enum { INIT_PATH_SIZE = 512, PUBLIC_BYTES_MAX = 64 * 1024 };

static const char *path_of(const struct broker_settings *s, const char *name, char to[INIT_PATH_SIZE])
{
    (void)snprintf(to, INIT_PATH_SIZE, "%s/%s", s->dir, name);
    return to;
}

static result make_key(const struct host *host, const struct broker_settings *s, const char *name, enum key_kind kind,
                       struct signing_key **ret, struct why *why)
{
    char path[INIT_PATH_SIZE];
    TRY(signing_key_new(kind, ret, why));
    return signing_key_save(host, path_of(s, name, path), *ret, why);
}

static result make_ca(const struct host *host, const struct broker_settings *s, const char *key_name, const char *name, const char *title,
                      struct buffer *ret_pem, struct why *why)
{
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    char path[INIT_PATH_SIZE], common_name[120];
    (void)snprintf(common_name, sizeof common_name, "Innsyn %s %s", s->network, title);
    TRY(make_key(host, s, key_name, KEY_P256, &key, why));
    TRY(certificate_make_ca(key, common_name, host_now_ms(host), ret_pem, why));
    return host_write_file(host, path_of(s, name, path), 0644, buffer_slice(ret_pem), why);
}

/* "localhost,127.0.0.1" cut at its commas, in place. */
static result split_names(char *names, const char *ret[SERVER_NAMES_MAX + 1], struct why *why)
{
    unsigned count = 0;
    for (char *at = names; at; count++) {
        char *comma = strchr(at, ',');
        if (comma)
            *comma = '\0';
        if (count == SERVER_NAMES_MAX || *at == '\0')
            return FAIL_AT(why, MALFORMED, "/names", "1 to %d names, separated by commas", SERVER_NAMES_MAX);
        ret[count] = at;
        at = comma ? comma + 1 : NULL;
    }
    ret[count] = NULL;
    return DONE;
}

static result make_server(const struct host *host, const struct broker_settings *s, struct why *why)
{
    struct signing_key *ca CLEANUP(signing_key_freep) = NULL, *key CLEANUP(signing_key_freep) = NULL;
    struct buffer ca_pem CLEANUP(buffer_done) = {0}, pem CLEANUP(buffer_done) = {0};
    const char *names[SERVER_NAMES_MAX + 1];
    char path[INIT_PATH_SIZE], copy[sizeof s->names];
    buffer_init(&ca_pem, CERTIFICATE_PEM_MAX);
    buffer_init(&pem, CERTIFICATE_PEM_MAX);
    memcpy(copy, s->names, sizeof copy);
    TRY(split_names(copy, names, why));
    TRY(signing_key_load(host, path_of(s, SERVER_CA_KEY_FILE, path), KEY_P256, &ca, why));
    TRY(host_read_file(host, path_of(s, SERVER_CA_FILE, path), CERTIFICATE_PEM_MAX, &ca_pem, why));
    TRY(signing_key_new(KEY_P256, &key, why));
    TRY(certificate_issue_server(key, names, ca, buffer_slice(&ca_pem), host, SERVER_CERTIFICATE_DAYS, &pem, why));
    TRY(signing_key_save(host, path_of(s, SERVER_KEY_FILE, path), key, why));
    return host_write_file(host, path_of(s, SERVER_CERTIFICATE_FILE, path), 0644, buffer_slice(&pem), why);
}

static result write_public(const struct host *host, const struct broker_settings *s, const struct signing_key *log,
                           const struct signing_key *seal, const struct buffer *site_ca, const struct buffer *server_ca, struct why *why)
{
    struct json *tree CLEANUP(json_freep) = json_object();
    struct buffer text CLEANUP(buffer_done) = {0};
    struct note_key log_name;
    struct public_key seal_public;
    char path[INIT_PATH_SIZE], vkey[VKEY_TEXT_MAX + 1];
    buffer_init(&text, PUBLIC_BYTES_MAX);
    TRY(signer_log_name(log, s->network, 1, &log_name, why));
    TRY(signing_key_public(seal, &seal_public, why));
    note_key_print(&log_name, vkey);
    json_set(tree, "log", json_of_str(vkey));
    json_set(tree, "seal", json_of_base64(slice_of(seal_public.der, seal_public.der_len)));
    json_set(tree, "site_ca", json_of_text(buffer_slice(site_ca)));
    json_set(tree, "server_ca", json_of_text(buffer_slice(server_ca)));
    TRY(json_print(tree, &text, why));
    TRY(buffer_add_byte(&text, '\n', why));
    return host_write_file(host, path_of(s, "broker-public.json", path), 0644, buffer_slice(&text), why);
}

result broker_init(const struct host *host, const struct broker_settings *s, struct why *why)
{
    struct signing_key *log CLEANUP(signing_key_freep) = NULL, *seal CLEANUP(signing_key_freep) = NULL;
    struct buffer site_ca CLEANUP(buffer_done) = {0}, server_ca CLEANUP(buffer_done) = {0}, there CLEANUP(buffer_done) = {0};
    struct label network;
    char path[INIT_PATH_SIZE];
    buffer_init(&site_ca, CERTIFICATE_PEM_MAX);
    buffer_init(&server_ca, CERTIFICATE_PEM_MAX);
    buffer_init(&there, 1);
    TRY(label_parse(slice_str(s->network), &network, why));
    if (host_read_file(host, path_of(s, "broker.json", path), 1, &there, NULL).code != ABSENT)
        return FAIL(why, DENIED, "%s holds a broker already; its keys are not overwritten", s->dir);
    TRY(host_make_folder(host, path_of(s, "keys", path), 0700, why));
    TRY(host_make_folder(host, path_of(s, "tls", path), 0700, why));
    TRY(make_key(host, s, LOG_KEY_FILE, KEY_ED25519, &log, why));
    TRY(make_key(host, s, SEAL_KEY_FILE, KEY_P256, &seal, why));
    TRY(make_ca(host, s, SITE_CA_KEY_FILE, SITE_CA_FILE, "sites", &site_ca, why));
    TRY(make_ca(host, s, SERVER_CA_KEY_FILE, SERVER_CA_FILE, "server", &server_ca, why));
    TRY(make_server(host, s, why));
    TRY(signer_first_memory(host, s->dir, why)); /* from now on its absence is a loss, not a beginning */
    TRY(write_public(host, s, log, seal, &site_ca, &server_ca, why));
    return broker_settings_write(host, s, why);
}

result broker_renew_server(const struct host *host, const struct broker_settings *s, struct why *why)
{
    return make_server(host, s, why);
}

/* --- another log ------------------------------------------------------------------------------------- */

/* The newest checkpoint of the log that anyone saw: what was signed here last, what the store holds (committed, and
 * not signed before a crash), or a note that a site or an auditor holds. */
static result newest_seen(const struct signer *s, const struct checkpoint *here, struct slice note, struct checkpoint *ret, struct why *why)
{
    struct checkpoint newest = s->last.size > here->size ? s->last : *here, held;
    if (s->last.size == here->size && s->last.size > 0 && !hash_equal(&s->last.root, &here->root))
        return FAIL(why, DENIED, "the store's entries are not those that were signed here: this store belongs to another log");
    if (note.len > 0) {
        TRY(checkpoint_open(note, &s->log_name, &held, why));
        if (held.size == newest.size && !hash_equal(&held.root, &newest.root))
            return FAIL(why, DENIED, "the checkpoint given has another root at %llu entries than what was signed here", (unsigned long long)held.size);
        if (held.size > newest.size)
            newest = held;
    }
    *ret = newest;
    return DONE;
}

static result write_successor(const struct host *host, const struct broker_settings *s, const struct succession *next, struct why *why)
{
    struct envelope e CLEANUP(envelope_done);
    struct json *tree CLEANUP(json_freep) = NULL;
    struct buffer payload CLEANUP(buffer_done) = {0}, text CLEANUP(buffer_done) = {0}, public CLEANUP(buffer_done) = {0};
    char path[INIT_PATH_SIZE], vkey[VKEY_TEXT_MAX + 1];
    envelope_init(&e);
    buffer_init(&payload, SUCCESSION_BYTES_MAX);
    buffer_init(&text, PUBLIC_BYTES_MAX);
    buffer_init(&public, PUBLIC_BYTES_MAX);
    TRY(succession_print(next, &payload, why));
    TRY(envelope_make(TYPE_LOG_SUCCESSION, buffer_slice(&payload), &e, why));
    TRY(envelope_print(&e, &text, why));
    TRY(host_write_file(host, path_of(s, "succession.json", path), 0644, buffer_slice(&text), why));
    buffer_clear(&text);
    TRY(host_read_file(host, path_of(s, "broker-public.json", path), PUBLIC_BYTES_MAX, &text, why));
    TRY(json_parse(buffer_slice(&text), PUBLIC_BYTES_MAX, &tree, why));
    note_key_print(&next->new_log, vkey);
    json_set(tree, "log", json_of_str(vkey));
    TRY(json_print(tree, &public, why));
    TRY(buffer_add_byte(&public, '\n', why));
    return host_write_file(host, path_of(s, "successor-public.json", path), 0644, buffer_slice(&public), why);
}

result broker_successor(const struct host *host, const struct broker_settings *settings, const struct checkpoint *here, struct slice note,
                        struct succession *ret, struct why *why)
{
    struct signer s;
    struct succession next = {.issued_ms = host_now_ms(host), .start = *here};
    TRY(signer_open(host, settings->dir, settings->network, &s, why));
    next.network = s.network;
    next.old_log = s.log_name;
    result r = s.trust ? DONE : FAIL(why, DENIED, "there is no trust document yet: nobody holds this log to anything");
    if (is_ok(r) && here->size == 0)
        r = FAIL(why, DENIED, "the store holds no entry: a successor begins with entries of the old log");
    if (is_ok(r))
        r = newest_seen(&s, here, note, &next.last, why);
    if (is_ok(r))
        r = signer_successor(&s, &next.new_log, why);
    signer_done(&s);
    TRY(r);
    TRY(write_successor(host, settings, &next, why));
    *ret = next;
    return DONE;
}
