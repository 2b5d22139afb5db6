/* `innsyn-agent init`: a folder with keys, and the public halves for the trust ceremony. */
#include <stdio.h>
#include <string.h>

#include "agents/commands/commands.h"
#include "base/codec.h"
#include "proto/json.h"
#include "proto/note.h"

static result make_folders(const struct host *h, const struct agent_settings *s, struct why *why)
{
    static const char *const names[] = {"keys", "tls", "guard", "data"};
    char path[AGENT_PATH_SIZE];
    snprintf(path, sizeof path, "%s", s->dir);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        TRY(host_make_folder(h, path, 0755, why));
        *slash = '/';
    }
    TRY(host_make_folder(h, s->dir, 0700, why));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        agent_path(s, names[i], path);
        TRY(host_make_folder(h, path, 0700, why));
    }
    return DONE;
}

static result make_key(const struct host *h, const struct agent_settings *s, const char *name, enum key_kind kind,
                       struct signing_key **ret, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    TRY(signing_key_new(kind, &key, why));
    agent_path(s, name, path);
    TRY(signing_key_save(h, path, key, why));
    *ret = MOVE(key);
    return DONE;
}

static result make_secret(const struct host *h, const struct agent_settings *s, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    uint8_t secret[SITE_SECRET_LEN];
    TRY(host_random(h, secret, sizeof secret, why));
    agent_path(s, "keys/secret", path);
    result r = host_write_file(h, path, 0600, slice_of(secret, sizeof secret), why);
    wipe(secret, sizeof secret);
    return r;
}

/* */
static result write_public(const struct host *h, const struct agent_settings *s, const struct signing_key *site,
                           const struct signing_key *witness, const struct signing_key *optout, struct why *why)
{
    char path[AGENT_PATH_SIZE], name[NOTE_NAME_MAX + 1], vkey[VKEY_TEXT_MAX + 1];
    struct public_key key, optout_key;
    uint8_t witness_key[ED25519_KEY_LEN];
    struct note_key note;
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = json_object();
    buffer_init(&text, SETTINGS_BYTES_MAX);
    TRY(signing_key_public(site, &key, why));
    TRY(signing_key_public(optout, &optout_key, why));
    TRY(signing_key_ed25519(witness, witness_key, why));
    snprintf(name, sizeof name, "innsyn.site.%.100s", s->site.text);
    TRY(note_key_make(name, NOTE_COSIGNATURE, witness_key, &note, why));
    note_key_print(&note, vkey);
    json_set(v, "site", json_of_str(s->site.text));
    json_set(v, "key", json_of_base64(slice_of(key.der, key.der_len)));
    json_set(v, "witness", json_of_str(vkey));
    json_set(v, "optout_key", json_of_base64(slice_of(optout_key.der, optout_key.der_len)));
    TRY(json_print(v, &text, why));
    TRY(buffer_add_byte(&text, '\n', why));
    agent_path(s, "site-public.json", path);
    return host_write_file(h, path, 0644, buffer_slice(&text), why);
}

static result init(const struct agent_settings *s, struct why *why)
{
    const struct host *h = host_real();
    struct signing_key *site CLEANUP(signing_key_freep) = NULL, *tls CLEANUP(signing_key_freep) = NULL,
                       *witness CLEANUP(signing_key_freep) = NULL, *optout CLEANUP(signing_key_freep) = NULL;
    struct agent_settings there;
    result r = agent_settings_read(h, s->dir, &there, why);
    if (r.code != ABSENT)
        return FAIL(why, DENIED, "%s holds an agent already; its keys are not overwritten", s->dir);
    TRY(make_folders(h, s, why));
    TRY(make_key(h, s, "keys/site.pem", KEY_P256, &site, why));
    TRY(make_key(h, s, "keys/tls.pem", KEY_P256, &tls, why));
    TRY(make_key(h, s, "keys/witness.pem", KEY_ED25519, &witness, why));
    TRY(make_key(h, s, "keys/optout.pem", KEY_P256, &optout, why));
    TRY(make_secret(h, s, why));
    TRY(write_public(h, s, site, witness, optout, why));
    return agent_settings_write(h, s, why); /* last: a folder without settings is no agent, and can be made again */
}

int command_init(int argc, char **argv)
{
    static const char usage[] = "init DIR --site ID [--network NETWORK] [--proxy URL]";
    const char *dir, *site = NULL, *network = NULL, *proxy = NULL;
    const struct option_spec options[] = {{"--site", &site, NULL}, {"--network", &network, NULL}, {"--proxy", &proxy, NULL}, {0}};
    struct agent_settings s = {.poll_wait_ms = POLL_WAIT_DEFAULT_MS,
                               .optout_batch_ms = OPTOUT_BATCH_DAYS_MAX * DAY_MS,
                               .optout_age_max_ms = OPTOUT_AGE_HOURS_DEFAULT * HOUR_MS};
    struct why why = {0};
    if (!arguments_read(argc, argv, options, &dir, 1, usage))
        return EXIT_USAGE;
    if (!site) {
        fprintf(stderr, "innsyn-agent init: which site is this? give --site ID\nusage: innsyn-agent %s\n", usage);
        return EXIT_USAGE;
    }
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    result r = slice_copy_str(slice_of(dir, len), s.dir, sizeof s.dir) && len > 0
                   ? DONE : FAIL(&why, LIMIT, "the folder's name has 1 to %d bytes", AGENT_DIR_MAX);
    if (is_ok(r))
        r = site_id_parse(slice_str(site), &s.site, &why);
    if (is_ok(r) && network)
        r = label_parse(slice_str(network), &s.network, &why);
    if (is_ok(r) && proxy && !slice_copy_str(slice_str(proxy), s.proxy, sizeof s.proxy))
        r = FAIL(&why, LIMIT, "the proxy's address is too long");
    if (is_ok(r))
        r = init(&s, &why);
    if (is_ok(r))
        printf("site %s: keys made in %s/keys; give %s/site-public.json to the trust ceremony\n", s.site.text, s.dir, s.dir);
    return command_end("init", r, &why);
}
