/*
 * `innsyn-agent enrol`: with a one-time token the site gets its certificate.  The token pins the
 * broker's CA and the first trust document, so nothing here rests on who happens to answer.
 */
#include <stdio.h>

#include "agents/commands/commands.h"
#include "agents/guard/store.h"
#include "agents/link/transport.h"
#include "base/codec.h"
#include "proto/certificate.h"
#include "proto/fields.h"
#include "proto/trust.h"

enum { TOKEN_BYTES_MAX = 64 * 1024, ENROL_ANSWER_BYTES_MAX = 4 * 1024 * 1024, ENROL_TIMEOUT_MS = 30000 };
#define TOKEN_PREFIX "innsyn-enrol:"

struct token {
    struct json *tree;
    struct label network;
    struct site_id site;
    char url[AGENT_URL_MAX + 1];
    struct slice ca, secret; /* borrowed from tree */
    struct hash trust;
    int64_t expires_ms;
};

static result token_read(struct slice text, struct token *ret, struct why *why)
{
    struct buffer bytes CLEANUP(buffer_wipe) = {0};
    struct fields f;
    struct slice network, site, url;
    buffer_init(&bytes, TOKEN_BYTES_MAX);
    if (!slice_starts(text, TOKEN_PREFIX))
        return FAIL(why, MALFORMED, "a token begins with %s; copy it whole", TOKEN_PREFIX);
    TRY(base64_parse(slice_part(text, sizeof TOKEN_PREFIX - 1, text.len), &bytes, why));
    TRY(json_parse(buffer_slice(&bytes), TOKEN_BYTES_MAX, &ret->tree, why));
    TRY(fields_open(ret->tree, "", &f, why));
    TRY(need_text(&f, "network", LABEL_MAX, &network));
    TRY(need_text(&f, "site", SITE_ID_MAX, &site));
    TRY(need_text(&f, "url", AGENT_URL_MAX, &url));
    TRY(need_text(&f, "ca", CERTIFICATE_PEM_MAX, &ret->ca));
    TRY(need_hash(&f, "trust", ret->trust.at));
    TRY(need_text(&f, "secret", 64, &ret->secret));
    TRY(need_instant(&f, "expires", &ret->expires_ms));
    TRY(fields_close(&f));
    TRY(label_parse(network, &ret->network, why));
    TRY(site_id_parse(site, &ret->site, why));
    if (!slice_starts(url, "https://") || !slice_copy_str(url, ret->url, sizeof ret->url))
        return FAIL_AT(why, MALFORMED, "/url", "an https address is asked for");
    return DONE;
}

static result check_token(const struct token *t, const struct agent_settings *s, struct why *why)
{
    if (!site_id_equal(&t->site, &s->site))
        return FAIL(why, DENIED, "the token is for site %s, this is %s", t->site.text, s->site.text);
    if (s->network.text[0] && !label_equal(&t->network, &s->network))
        return FAIL(why, DENIED, "the token is for network %s, this site is of %s", t->network.text, s->network.text);
    if (t->expires_ms <= host_now_ms(host_real()))
        return FAIL(why, DENIED, "the token has expired; ask the operator for a new one: innsyn site add");
    return DONE;
}

struct granted {
    struct json *tree;
    struct slice certificate, agents_url; /* borrowed from tree */
    const struct json *trust;
};

static result granted_read(struct slice text, struct granted *ret, struct why *why)
{
    struct fields f;
    TRY(json_parse(text, ENROL_ANSWER_BYTES_MAX, &ret->tree, why));
    TRY(fields_open(ret->tree, "", &f, why));
    TRY(need_text(&f, "certificate", CERTIFICATE_PEM_MAX, &ret->certificate));
    TRY(need_text(&f, "agents_url", AGENT_URL_MAX, &ret->agents_url));
    TRY(need_object(&f, "trust", &ret->trust));
    return fields_close(&f);
}

static result ask(const struct token *t, const struct agent_settings *s, const struct signing_key *tls, struct buffer *ret, struct why *why)
{
    struct buffer csr CLEANUP(buffer_done) = {0}, body CLEANUP(buffer_wipe) = {0};
    struct json *v CLEANUP(json_freep) = json_object();
    unsigned status = 0;
    buffer_init(&csr, CERTIFICATE_PEM_MAX);
    buffer_init(&body, TOKEN_BYTES_MAX);
    TRY(certificate_request(tls, &s->site, &csr, why));
    json_set(v, "secret", json_of_text(t->secret));
    json_set(v, "site", json_of_str(s->site.text));
    json_set(v, "request", json_of_text(buffer_slice(&csr)));
    TRY(json_print(v, &body, why));
    struct transport_settings broker = {.url = t->url, .ca_pem = t->ca, .proxy = s->proxy};
    struct transport_request r = {TRANSPORT_POST, slice_str("/v1/enrol"), buffer_slice(&body), ENROL_TIMEOUT_MS};
    TRY(transport_once(&broker, &r, &status, ret, why));
    if (status == 200 || status == 201)
        return DONE;
    struct json *problem CLEANUP(json_freep) = NULL;
    if (!is_ok(json_parse(buffer_slice(ret), ENROL_ANSWER_BYTES_MAX, &problem, NULL)))
        return FAIL(why, DENIED, "the broker refused with status %u", status);
    return FAIL(why, DENIED, "the broker refused: %.*s (%.*s)", SLICE_ARG(json_text(json_get(problem, "detail"))),
                SLICE_ARG(json_text(json_get(problem, "code"))));
}

/* The certificate must be ours, the trust document the pinned one. */
static result check_granted(const struct granted *g, const struct token *t, const struct agent_settings *s,
                            const struct signing_key *tls, struct trust **ret_trust, struct why *why)
{
    struct certificate_facts facts;
    struct public_key key;
    struct envelope e CLEANUP(envelope_done) = {0};
    TRY(certificate_read(g->certificate, &facts, why));
    TRY(signing_key_public(tls, &key, why));
    if (!site_id_equal(&facts.site, &s->site) || !public_key_equal(&facts.key, &key))
        return FAIL(why, DENIED, "the broker's certificate is not for this site and key");
    TRY(envelope_parse(g->trust, "/trust", TYPE_TRUST, &e, why));
    TRY(trust_open(&e, NULL, &t->trust, ret_trust, why));
    if (!label_equal(&(*ret_trust)->network, &t->network))
        return FAIL(why, DENIED, "the trust document is of network %s", (*ret_trust)->network.text);
    return slice_starts(g->agents_url, "https://") ? DONE : FAIL_AT(why, MALFORMED, "/agents_url", "an https address is asked for");
}

/* A site that enrols again keeps a later trust document (R-11: nobody goes back). */
static result keep_trust(const struct store *store, const struct granted *g, const struct trust *t, struct why *why)
{
    struct agent_state *state = NULL;
    struct buffer text CLEANUP(buffer_done) = {0};
    static struct agent_state held; /* large */
    state = &held;
    TRY(store_read_state(store, state, why));
    if (state->trust_version > t->version)
        return DONE;
    buffer_init(&text, ENROL_ANSWER_BYTES_MAX);
    TRY(json_print(g->trust, &text, why));
    return store_write_trust(store, buffer_slice(&text), why);
}

static result keep(struct agent_settings *s, const struct granted *g, const struct token *t, const struct trust *trust, struct why *why)
{
    const struct host *h = host_real();
    struct store store;
    char path[AGENT_PATH_SIZE];
    agent_path(s, "guard", path);
    TRY(store_open(h, path, &store, why));
    TRY(keep_trust(&store, g, trust, why));
    agent_path(s, "tls/ca.pem", path);
    TRY(host_write_file(h, path, 0644, t->ca, why)); /* the token's: it came by another way than the answer */
    agent_path(s, "tls/certificate.pem", path);
    TRY(host_write_file(h, path, 0644, g->certificate, why));
    s->network = t->network;
    if (!slice_copy_str(g->agents_url, s->agents_url, sizeof s->agents_url))
        return FAIL_AT(why, MALFORMED, "/agents_url", "too long");
    return agent_settings_write(h, s, why);
}

static result enrol(struct agent_settings *s, const char *text, struct token *t, struct granted *g, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct signing_key *tls CLEANUP(signing_key_freep) = NULL;
    struct trust *trust CLEANUP(trust_freep) = NULL;
    struct buffer answer CLEANUP(buffer_done) = {0};
    buffer_init(&answer, ENROL_ANSWER_BYTES_MAX);
    TRY(token_read(slice_str(text), t, why));
    TRY(check_token(t, s, why));
    agent_path(s, "keys/tls.pem", path);
    TRY(signing_key_load(host_real(), path, KEY_P256, &tls, why));
    TRY(ask(t, s, tls, &answer, why));
    TRY(granted_read(buffer_slice(&answer), g, why));
    TRY(check_granted(g, t, s, tls, &trust, why));
    return keep(s, g, t, trust, why);
}

int command_enrol(int argc, char **argv)
{
    const char *dir, *token = NULL;
    const struct option_spec options[] = {{"--token", &token, NULL}, {0}};
    static const char usage[] = "enrol DIR --token TOKEN";
    struct agent_settings s;
    struct token t = {0};
    struct granted g = {0};
    struct why why = {0};
    if (!arguments_read(argc, argv, options, &dir, 1, usage))
        return EXIT_USAGE;
    if (!token) {
        fprintf(stderr, "innsyn-agent enrol: give the operator's --token\nusage: innsyn-agent %s\n", usage);
        return EXIT_USAGE;
    }
    result r = agent_settings_read(host_real(), dir, &s, &why);
    if (is_ok(r))
        r = enrol(&s, token, &t, &g, &why);
    if (is_ok(r))
        printf("site %s is enrolled in network %s with the broker at %s\n", s.site.text, s.network.text, s.agents_url);
    json_free(t.tree);
    json_free(g.tree);
    return command_end("enrol", r, &why);
}
