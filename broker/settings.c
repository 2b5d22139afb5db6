#include "broker/roles.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "broker/messages.h"
#include "proto/fields.h"
#include "proto/id.h"
#include "proto/json.h"

enum {
    SETTINGS_BYTES_MAX = 64 * 1024,
    SETTINGS_PATH_SIZE = 300,
    POLL_WAIT_MS_DEFAULT = 25 * 1000,
    LEASE_MS_DEFAULT = 60 * 1000,
    QUERY_DEADLINE_MS_DEFAULT = 10 * 60 * 1000,
    DAY_OF_MS = 24 * 60 * 60 * 1000,
};

static result text(struct fields *f, const char *key, bool needed, char *to, size_t size)
{
    struct slice value = {0};
    TRY(needed ? need_text(f, key, size - 1, &value) : may_text(f, key, size - 1, &value));
    if (!slice_copy_str(value, to, size)) {
        char path[JSON_PATH_MAX];
        fields_path(f, key, path);
        return FAIL_AT(f->why, MALFORMED, path, "holds a NUL");
    }
    return DONE;
}

static result number(struct fields *f, const char *key, unsigned min, unsigned max, unsigned *ret)
{
    int64_t value = *ret;
    TRY(may_integer(f, key, min, max, &value));
    *ret = (unsigned)value;
    return DONE;
}

result broker_settings_check_mail(const struct broker_settings *s, struct why *why)
{
    if (!s->mail_url[0])
        return DONE;
    if (!slice_starts(slice_str(s->mail_url), "smtp://") && !slice_starts(slice_str(s->mail_url), "smtps://"))
        return FAIL_AT(why, MALFORMED, "/mail_url", "must be smtp://HOST:PORT or smtps://HOST:PORT");
    if (s->mail_tls[0] && strcmp(s->mail_tls, "required") != 0 && strcmp(s->mail_tls, "none") != 0)
        return FAIL_AT(why, MALFORMED, "/mail_tls", "must be required or none");
    if (strcmp(s->mail_tls, "none") == 0 && s->mail_user[0])
        return FAIL_AT(why, MALFORMED, "/mail_user", "no password goes over a line without TLS");
    return mail_address_check(slice_str(s->mail_from), "/mail_from", why);
}

static result read_fields(const struct json *tree, struct broker_settings *s, struct why *why)
{
    struct fields f;
    struct label network;
    TRY(fields_open(tree, "", &f, why));
    TRY(text(&f, "network", true, s->network, sizeof s->network));
    TRY(label_parse(slice_str(s->network), &network, why));
    TRY(text(&f, "agents_listen", true, s->agents_listen, sizeof s->agents_listen));
    TRY(text(&f, "people_listen", true, s->people_listen, sizeof s->people_listen));
    TRY(text(&f, "agents_url", false, s->agents_url, sizeof s->agents_url));
    TRY(text(&f, "people_url", false, s->people_url, sizeof s->people_url));
    TRY(text(&f, "store", true, s->store, sizeof s->store));
    TRY(text(&f, "portal_dir", false, s->portal_dir, sizeof s->portal_dir));
    TRY(text(&f, "names", false, s->names, sizeof s->names));
    TRY(number(&f, "net_processes", 1, NET_PROCESSES_MAX, &s->net_processes));
    TRY(number(&f, "poll_wait_ms_max", 100, 5 * 60 * 1000, &s->poll_wait_ms_max));
    TRY(number(&f, "lease_ms", 1000, DAY_OF_MS, &s->lease_ms));
    TRY(number(&f, "query_deadline_ms", 1000, DAY_OF_MS, &s->query_deadline_ms));
    TRY(text(&f, "mail_url", false, s->mail_url, sizeof s->mail_url));
    TRY(text(&f, "mail_tls", false, s->mail_tls, sizeof s->mail_tls));
    TRY(text(&f, "mail_from", false, s->mail_from, sizeof s->mail_from));
    TRY(text(&f, "mail_user", false, s->mail_user, sizeof s->mail_user));
    TRY(text(&f, "mail_password_file", false, s->mail_password_file, sizeof s->mail_password_file));
    TRY(text(&f, "mail_ca", false, s->mail_ca, sizeof s->mail_ca));
    TRY(fields_close(&f));
    TRY(broker_settings_check_mail(s, why));
    if (!slice_starts(slice_str(s->store), "sqlite:") && !slice_starts(slice_str(s->store), "postgres:"))
        return FAIL_AT(why, MALFORMED, "/store", "must be sqlite:<path> or postgres:<conninfo>");
    return DONE;
}

result broker_settings_read(const struct host *host, const char *dir, struct broker_settings *ret, struct why *why)
{
    struct broker_settings s = {.net_processes = 1, .poll_wait_ms_max = POLL_WAIT_MS_DEFAULT, .lease_ms = LEASE_MS_DEFAULT,
                                .query_deadline_ms = QUERY_DEADLINE_MS_DEFAULT};
    struct buffer bytes CLEANUP(buffer_done) = {0};
    struct json *tree CLEANUP(json_freep) = NULL;
    char path[SETTINGS_PATH_SIZE];
    buffer_init(&bytes, SETTINGS_BYTES_MAX);
    char *whole = realpath(dir, NULL);
    bool fits = whole && slice_copy_str(slice_str(whole), s.dir, sizeof s.dir);
    int error = errno;
    free(whole);
    if (!fits)
        return FAIL(why, ABSENT, "folder %s: %s", dir, whole ? "its path is too long" : strerror(error));
    (void)snprintf(path, sizeof path, "%s/broker.json", s.dir);
    TRY(host_read_file(host, path, SETTINGS_BYTES_MAX, &bytes, why));
    TRY(json_parse(buffer_slice(&bytes), SETTINGS_BYTES_MAX, &tree, why));
    TRY(read_fields(tree, &s, why));
    *ret = s;
    return DONE;
}

result broker_settings_write(const struct host *host, const struct broker_settings *s, struct why *why)
{
    struct json *tree CLEANUP(json_freep) = json_object();
    struct buffer bytes CLEANUP(buffer_done) = {0};
    char path[SETTINGS_PATH_SIZE];
    buffer_init(&bytes, SETTINGS_BYTES_MAX);
    json_set(tree, "network", json_of_str(s->network));
    json_set(tree, "agents_listen", json_of_str(s->agents_listen));
    json_set(tree, "people_listen", json_of_str(s->people_listen));
    json_set(tree, "agents_url", json_of_str(s->agents_url));
    json_set(tree, "people_url", json_of_str(s->people_url));
    json_set(tree, "store", json_of_str(s->store));
    json_set(tree, "portal_dir", json_of_str(s->portal_dir));
    json_set(tree, "names", json_of_str(s->names));
    json_set(tree, "net_processes", json_of_integer(s->net_processes ? s->net_processes : 1));
    json_set(tree, "poll_wait_ms_max", json_of_integer(s->poll_wait_ms_max ? s->poll_wait_ms_max : POLL_WAIT_MS_DEFAULT));
    json_set(tree, "lease_ms", json_of_integer(s->lease_ms ? s->lease_ms : LEASE_MS_DEFAULT));
    json_set(tree, "query_deadline_ms", json_of_integer(s->query_deadline_ms ? s->query_deadline_ms : QUERY_DEADLINE_MS_DEFAULT));
    const struct {
        const char *key, *value;
    } mail[] = {{"mail_url", s->mail_url},   {"mail_tls", s->mail_tls}, {"mail_from", s->mail_from},
                {"mail_user", s->mail_user}, {"mail_password_file", s->mail_password_file}, {"mail_ca", s->mail_ca}};
    for (size_t i = 0; i < sizeof mail / sizeof mail[0]; i++)
        if (mail[i].value[0])
            json_set(tree, mail[i].key, json_of_str(mail[i].value));
    TRY(json_print(tree, &bytes, why));
    TRY(buffer_add_byte(&bytes, '\n', why));
    (void)snprintf(path, sizeof path, "%s/broker.json", s->dir);
    return host_write_file(host, path, 0600, buffer_slice(&bytes), why);
}
