/*
 * rules.c - `site sign-rules`: a holder signs the rules of the own site.  They are read first with the parser that
 * the site uses, so that nothing is signed that the site would refuse; the site puts them in force (innsyn-agent rules set).
 */
#include "client/command.h"

#include <stdio.h>

#include "policy/site_rules.h"

int site_sign_rules(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    const char *out;
    struct json *tree CLEANUP(json_freep) = NULL;
    struct site_rules *rules CLEANUP(site_rules_freep) = NULL;
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    struct envelope e CLEANUP(envelope_done);
    struct buffer payload CLEANUP(buffer_done) = {0}, text CLEANUP(buffer_done) = {0};
    envelope_init(&e);
    buffer_init(&payload, SITE_RULES_BYTES_MAX);
    buffer_init(&text, 2 * SITE_RULES_BYTES_MAX);
    result r = arguments_need(a, "out", &out, &why);
    if (r.code == OK)
        r = profile_key(c->host, &c->profile, &key, &why);
    if (r.code != OK)
        return client_fail(EXIT_USAGE, &why);
    int code = client_read_json(c, a->words[0], &tree);
    if (code != EXIT_DONE)
        return code;
    if (!json_get(tree, "issued"))
        json_set(tree, "issued", json_of_instant(host_now_ms(c->host)));
    r = site_rules_read(tree, &rules, &why);
    if (r.code == OK)
        r = json_print(tree, &payload, &why);
    if (r.code == OK)
        r = envelope_make(TYPE_SITE_RULES, buffer_slice(&payload), &e, &why);
    if (r.code == OK)
        r = envelope_sign(&e, key, &why);
    if (r.code == OK)
        r = envelope_print(&e, &text, &why);
    if (r.code == OK)
        r = host_write_file(c->host, out, 0644, buffer_slice(&text), &why);
    if (r.code != OK)
        return client_fail(EXIT_USAGE, &why);
    char hash[2 * HASH_LEN + 1];
    struct hash h = envelope_hash(&e);
    hash_print(&h, hash);
    client_say(c, "Signed version %llu; lay it down at the site: innsyn-agent rules set DIR %s", (unsigned long long)site_rules_version(rules), out);
    struct json *said CLEANUP(json_freep) = json_object();
    json_set(said, "version", json_of_integer((int64_t)site_rules_version(rules)));
    json_set(said, "sha256", json_of_str(hash));
    if (c->json)
        return client_print_json(said);
    buffer_clear(&text);
    return buffer_printf(&text, &why, "%s\n", hash).code == OK ? client_print(&text) : client_fail(EXIT_USAGE, &why);
}
