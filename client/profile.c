#include "client/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "proto/fields.h"
#include "proto/json.h"

enum { PERMIT_FILE_MAX = 256 };

static result join(const char *dir, const char *name, char to[PROFILE_PATH_MAX], struct why *why)
{
    int len = name[0] == '/' ? snprintf(to, PROFILE_PATH_MAX, "%s", name) : snprintf(to, PROFILE_PATH_MAX, "%s/%s", dir, name);
    if (len < 0 || len >= PROFILE_PATH_MAX)
        return FAIL(why, LIMIT, "the path %.60s... is too long", dir);
    return DONE;
}

result profile_path(const struct profile_settings *p, const char *name, char to[PROFILE_PATH_MAX], struct why *why)
{
    return join(p->dir, name, to, why);
}

result profile_default_dir(char to[PROFILE_PATH_MAX], struct why *why)
{
    const char *given = getenv("INNSYN_PROFILE"), *home = getenv("HOME");
    int len = given && given[0]  ? snprintf(to, PROFILE_PATH_MAX, "%s", given)
              : home && home[0] ? snprintf(to, PROFILE_PATH_MAX, "%s/.config/innsyn/default", home)
                                : -1;
    if (len < 0 || len >= PROFILE_PATH_MAX)
        return FAIL(why, MALFORMED, "no profile: give --profile DIR or set INNSYN_PROFILE");
    return DONE;
}

/* The default permit of a folder of people: RUN/people/<profile> finds RUN/people/permit or RUN/permit.
 * A file that holds anything else is not ours and is left alone. */
static void find_permit(const struct host *host, struct profile_settings *p)
{
    static const char *const places[] = {"../permit", "../../permit"};
    for (unsigned i = 0; i < 2 && !p->permit.text[0]; i++) {
        char path[PROFILE_PATH_MAX];
        struct buffer text CLEANUP(buffer_done) = {0};
        buffer_init(&text, PERMIT_FILE_MAX);
        if (join(p->dir, places[i], path, NULL).code != OK || host_read_file(host, path, PERMIT_FILE_MAX, &text, NULL).code != OK)
            continue;
        struct slice id = buffer_slice(&text);
        while (id.len > 0 && id.at[id.len - 1] <= ' ')
            id.len--;
        tolerate(document_id_parse(id, 'p', &p->permit, NULL));
    }
}

static result read_fields(const struct json *tree, struct profile_settings *p, struct why *why)
{
    struct fields f;
    struct slice url, ca, account, network = {0}, trust = {0}, permit = {0};
    TRY(fields_open(tree, "", &f, why));
    TRY(need_text(&f, "url", PROFILE_URL_MAX, &url));
    TRY(need_text(&f, "ca", PROFILE_PATH_MAX - 1, &ca));
    TRY(need_text(&f, "account", LABEL_MAX, &account));
    TRY(may_text(&f, "network", LABEL_MAX, &network));
    TRY(may_text(&f, "trust", (size_t)2 * HASH_LEN, &trust));
    TRY(may_text(&f, "permit", DOCUMENT_ID_LEN, &permit));
    TRY(fields_close(&f));
    TRY(label_parse(account, &p->account, why));
    if (network.len > 0)
        TRY(label_parse(network, &p->network, why));
    if (permit.len > 0)
        TRY(document_id_parse(permit, 'p', &p->permit, why));
    if (trust.len > 0 && !hex_parse(trust, p->trust.at, HASH_LEN))
        return FAIL_AT(why, MALFORMED, "/trust", "must be the SHA-256 of the trust document, 64 hex digits");
    p->has_trust = trust.len > 0;
    if (!slice_copy_str(url, p->url, sizeof p->url) || !slice_copy_str(ca, p->ca, sizeof p->ca))
        return FAIL(why, MALFORMED, "url and ca must be texts without NUL");
    return DONE;
}

result profile_read(const struct host *host, const char *dir, struct profile_settings *ret, struct why *why)
{
    struct profile_settings p = {0};
    char path[PROFILE_PATH_MAX];
    if (!slice_copy_str(slice_str(dir), p.dir, sizeof p.dir))
        return FAIL(why, LIMIT, "the profile's path is too long");
    TRY(join(dir, "profile.json", path, why));
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, PROFILE_BYTES_MAX);
    result r = host_read_file(host, path, PROFILE_BYTES_MAX, &text, why);
    if (r.code == ABSENT)
        return FAIL(why, ABSENT, "there is no profile at %.120s: make one with `innsyn profile create`", dir);
    TRY(r);
    struct json *tree CLEANUP(json_freep) = NULL;
    TRY(json_parse(buffer_slice(&text), PROFILE_BYTES_MAX, &tree, why));
    TRY(read_fields(tree, &p, why));
    if (!p.permit.text[0])
        find_permit(host, &p);
    *ret = p;
    return DONE;
}

result profile_write(const struct host *host, const struct profile_settings *p, struct why *why)
{
    char path[PROFILE_PATH_MAX];
    struct json *tree CLEANUP(json_freep) = json_object();
    json_set(tree, "url", json_of_str(p->url));
    json_set(tree, "ca", json_of_str(p->ca));
    json_set(tree, "account", json_of_str(p->account.text));
    if (p->network.text[0])
        json_set(tree, "network", json_of_str(p->network.text));
    if (p->has_trust)
        json_set(tree, "trust", json_of_hex(slice_of(p->trust.at, HASH_LEN)));
    if (p->permit.text[0])
        json_set(tree, "permit", json_of_str(p->permit.text));
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, PROFILE_BYTES_MAX);
    TRY(json_print(tree, &text, why));
    TRY(buffer_add_byte(&text, '\n', why));
    TRY(join(p->dir, "profile.json", path, why));
    return host_write_file(host, path, 0644, buffer_slice(&text), why);
}

result profile_token(const struct host *host, const struct profile_settings *p, struct secret **ret, struct why *why)
{
    char path[PROFILE_PATH_MAX];
    TRY(join(p->dir, "token", path, why));
    struct buffer text CLEANUP(buffer_wipe) = {0};
    buffer_init(&text, TOKEN_BYTES_MAX);
    result r = host_read_file(host, path, TOKEN_BYTES_MAX, &text, why);
    if (r.code == ABSENT)
        return FAIL(why, ABSENT, "not signed in: run `innsyn login`");
    TRY(r);
    struct slice token = buffer_slice(&text);
    while (token.len > 0 && token.at[token.len - 1] <= ' ')
        token.len--;
    for (size_t i = 0; i < token.len; i++)
        if (token.at[i] <= ' ' || token.at[i] >= 0x7F)
            return FAIL(why, MALFORMED, "the token file holds something else: run `innsyn login`");
    return secret_new(token, ret, why);
}

result profile_key(const struct host *host, const struct profile_settings *p, struct signing_key **ret, struct why *why)
{
    char path[PROFILE_PATH_MAX];
    struct stat facts;
    TRY(join(p->dir, "key.pem", path, why));
    if (stat(path, &facts) != 0)
        return FAIL(why, ABSENT, "there is no signing key at %.120s: make one with `innsyn key new`", path);
    if (facts.st_mode & (S_IRWXG | S_IRWXO))
        return FAIL(why, DENIED, "others may read %.120s: run `chmod 600` on it", path);
    return signing_key_load(host, path, KEY_P256, ret, why);
}
