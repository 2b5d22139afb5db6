#include "client/command.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/codec.h"

static result copy_ca(struct client *c, const char *from, struct why *why)
{
    char path[PROFILE_PATH_MAX];
    struct buffer pem CLEANUP(buffer_done) = {0};
    buffer_init(&pem, 64 * 1024);
    TRY(host_read_file(c->host, from, 64 * 1024, &pem, why));
    TRY(profile_path(&c->profile, "ca.pem", path, why));
    return host_write_file(c->host, path, 0644, buffer_slice(&pem), why);
}

/* Every folder on the way, as mkdir -p. */
static result make_folders(struct client *c, const char *dir, struct why *why)
{
    char part[PROFILE_PATH_MAX];
    if (!slice_copy_str(slice_str(dir), part, sizeof part))
        return FAIL(why, LIMIT, "the path is too long");
    for (char *at = part + 1; *at; at++)
        if (*at == '/') {
            *at = '\0';
            TRY(host_make_folder(c->host, part, 0755, why));
            *at = '/';
        }
    return host_make_folder(c->host, part, 0700, why);
}

static result create(struct client *c, const struct arguments *a, struct why *why)
{
    struct profile_settings *p = &c->profile;
    const char *url, *ca, *account, *network = arguments_value(a, "network"), *trust = arguments_value(a, "trust");
    TRY(arguments_need(a, "url", &url, why));
    TRY(arguments_need(a, "ca", &ca, why));
    TRY(arguments_need(a, "account", &account, why));
    TRY(label_parse(slice_str(account), &p->account, why));
    if (network)
        TRY(label_parse(slice_str(network), &p->network, why));
    if (trust && !hex_parse(slice_str(trust), p->trust.at, HASH_LEN))
        return FAIL(why, MALFORMED, "--trust must be the SHA-256 of the trust document, 64 hex digits");
    p->has_trust = trust != NULL;
    if (!slice_copy_str(slice_str(a->words[0]), p->dir, sizeof p->dir) || !slice_copy_str(slice_str(url), p->url, sizeof p->url))
        return FAIL(why, LIMIT, "the path or the address is too long");
    struct transport *probe = NULL; /* holds the address to its form; nothing is sent */
    TRY(transport_new(url, ca, &probe, why));
    transport_free(probe);
    memcpy(p->ca, "ca.pem", sizeof "ca.pem");
    char existing[PROFILE_PATH_MAX];
    struct stat facts;
    TRY(profile_path(p, "profile.json", existing, why));
    if (stat(existing, &facts) == 0)
        return FAIL(why, DENIED, "there is a profile at %.120s already", p->dir);
    TRY(make_folders(c, p->dir, why));
    TRY(copy_ca(c, ca, why));
    return profile_write(c->host, p, why);
}

int profile_create(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    if (create(c, a, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    client_say(c, "Made %s.  Next: innsyn --profile %s key new; innsyn --profile %s login", c->profile.dir, c->profile.dir, c->profile.dir);
    return EXIT_DONE;
}

static int print_public(struct client *c, const struct signing_key *key)
{
    struct why why = {0};
    struct public_key public;
    char base64[BASE64_LEN(PUBLIC_KEY_DER_MAX) + 1], id[2 * HASH_LEN + 1];
    if (signing_key_public(key, &public, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    base64_print_str(slice_of(public.der, public.der_len), base64, sizeof base64);
    public_key_id(&public, id);
    if (c->json) {
        struct json *document CLEANUP(json_freep) = json_object();
        json_set(document, "key", json_of_str(base64));
        json_set(document, "keyid", json_of_str(id));
        return client_print_json(document);
    }
    client_say(c, "Key id %s", id);
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 1024);
    return buffer_printf(&text, &why, "%s\n", base64).code == OK ? client_print(&text) : client_fail(EXIT_USAGE, &why);
}

int key_new(struct client *c, const struct arguments *a)
{
    (void)a;
    struct why why = {0};
    char path[PROFILE_PATH_MAX];
    struct stat facts;
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    result r = profile_path(&c->profile, "key.pem", path, &why);
    if (r.code == OK && stat(path, &facts) == 0)
        r = FAIL(&why, DENIED, "there is a key at %.120s already; move it away first", path);
    if (r.code == OK)
        r = signing_key_new(KEY_P256, &key, &why);
    if (r.code == OK)
        r = signing_key_save(c->host, path, key, &why);
    return r.code == OK ? print_public(c, key) : client_fail(EXIT_USAGE, &why);
}

int key_show(struct client *c, const struct arguments *a)
{
    (void)a;
    struct why why = {0};
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    if (profile_key(c->host, &c->profile, &key, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    return print_public(c, key);
}

int trust_root_key(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    struct stat facts;
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    result r = DONE;
    if (stat(a->words[0], &facts) == 0)
        r = FAIL(&why, DENIED, "there is a file at %.120s already", a->words[0]);
    if (r.code == OK)
        r = signing_key_new(KEY_P256, &key, &why);
    if (r.code == OK)
        r = signing_key_save(c->host, a->words[0], key, &why);
    return r.code == OK ? print_public(c, key) : client_fail(EXIT_USAGE, &why);
}
