/* `innsyn-agent metadata preview` and `check`: what the broker would be told, and whether all is in order. */
#include <stdio.h>
#include <string.h>

#include "agents/commands/commands.h"
#include "agents/disclosure/cellkey.h"
#include "agents/guard/datasets.h"
#include "agents/guard/journal.h"
#include "agents/guard/optouts.h"
#include "agents/guard/store.h"
#include "agents/link/transport.h"
#include "base/codec.h"
#include "base/instant.h"
#include "proto/certificate.h"

enum { HELD_FILE_MAX = 4 * 1024 * 1024, CHECK_TIMEOUT_MS = 15000, LEVELS_SHOWN = 8 };

/* --- metadata preview --- */

static void show_variable(const struct variable *v)
{
    printf("  %-20.*s %-9s", SLICE_ARG(v->name), variable_type_name(v->type));
    if (v->levels) {
        printf("%u levels:", v->level_count);
        for (unsigned i = 0; i < v->level_count && i < LEVELS_SHOWN; i++)
            printf(" %.*s", SLICE_ARG(v->levels[i]));
        printf(v->level_count > LEVELS_SHOWN ? " ..." : "");
    } else if (v->grid_step > 0) {
        printf("cuts at %g + k * %g", v->grid_origin, v->grid_step);
    }
    if (v->has_clamps)
        printf(", clamped to %g..%g", v->clamp_low, v->clamp_high);
    printf("%s\n", v->sensitive ? ", sensitive" : "");
    for (unsigned i = 0; i < v->grouping_count; i++) {
        const struct grouping *g = &v->groupings[i];
        printf("  %-20s grouping  %.*s:", "", SLICE_ARG(g->name));
        for (unsigned k = 0; k < g->group_count && k < LEVELS_SHOWN; k++)
            printf(" %.*s (%u)", SLICE_ARG(g->groups[k].code), g->groups[k].level_count);
        for (unsigned k = 0; k < g->break_count && k < LEVELS_SHOWN; k++)
            printf(" %g", g->breaks[k]);
        printf("%s\n", g->group_count + g->break_count > LEVELS_SHOWN ? " ..." : "");
    }
}

static result read_key(const struct agent_settings *s, struct cellkey **ret, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer bytes CLEANUP(buffer_wipe) = {0};
    struct secret *secret CLEANUP(secret_freep) = NULL;
    buffer_init(&bytes, SITE_SECRET_LEN);
    agent_path(s, "keys/secret", path);
    TRY(host_read_file(host_real(), path, SITE_SECRET_LEN, &bytes, why));
    TRY(secret_new(buffer_slice(&bytes), &secret, why));
    return cellkey_new(secret, LABEL_CELL_KEY, ret, why);
}

/* As it is published: {"count"}, {"about"} or {"below"}. */
static void show_persons(const struct json *persons)
{
    if (json_get(persons, "below"))
        printf("  fewer than %lld persons\n", (long long)json_integer(json_get(persons, "below")));
    else if (json_get(persons, "about"))
        printf("  about %lld persons\n", (long long)json_integer(json_get(persons, "about")));
    else if (json_get(persons, "count"))
        printf("  %lld persons\n", (long long)json_integer(json_get(persons, "count")));
}

static void show_dataset(const struct held_dataset *h, const struct json *persons)
{
    char edition[2 * HASH_LEN + 1], at[INSTANT_TEXT_SIZE];
    const struct dictionary *d = h->dictionary;
    hash_print(&h->edition, edition);
    instant_print(h->snapshot_at_ms, at);
    printf("%s: %.*s\n  profile %s%s, loaded %s\n  edition %s\n", d->dataset.text, SLICE_ARG(d->title), profile_name(d->profile),
           d->round5 && (d->profile == PROFILE_CK || d->profile == PROFILE_STRICT) ? ", counts rounded to multiples of 5" : "", at, edition);
    show_persons(persons);
    for (unsigned i = 0; i < d->variable_count; i++)
        if (d->variables[i].type != VARIABLE_ID)
            show_variable(&d->variables[i]);
}

static result preview(const struct agent_settings *s, bool json, struct why *why)
{
    static struct datasets d; /* large */
    char path[AGENT_PATH_SIZE];
    bool changed;
    struct why left_out = {0};
    agent_path(s, "data", path);
    TRY(datasets_refresh(host_real(), path, &d, &changed, &left_out));
    if (left_out.text[0])
        fprintf(stderr, "innsyn-agent metadata: a dataset is left out: %s\n", left_out.text);
    struct optouts *optouts = NULL;
    TRY(optouts_open(host_real(), s, NULL, &optouts, why));
    result named = optouts_name_editions(optouts, &d, false, &changed, why);
    optouts_free(optouts);
    TRY(named);
    struct json *catalogue CLEANUP(json_freep) = NULL;
    struct cellkey *key CLEANUP(cellkey_freep) = NULL;
    TRY(read_key(s, &key, why));
    TRY(datasets_catalogue(&d, key, &catalogue, why));
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, TRANSPORT_ANSWER_BYTES_MAX);
    TRY(json_print(catalogue, &text, why));
    if (json) {
        printf("%.*s\n", (int)text.len, (const char *)text.at);
    } else {
        printf("This and nothing else is published of this site's data (--json shows the exact bytes):\n\n");
        for (unsigned i = 0; i < d.count; i++)
            show_dataset(&d.held[i], json_get(json_item(json_get(catalogue, "datasets"), i), "persons"));
        if (d.count == 0)
            printf("nothing is loaded; use: innsyn-agent load %s DICTIONARY.json FILE.csv\n", s->dir);
    }
    datasets_done(&d);
    return DONE;
}

int command_metadata(int argc, char **argv)
{
    static const char usage[] = "metadata preview DIR [--json]";
    const char *words[2];
    bool json = false;
    const struct option_spec options[] = {{"--json", NULL, &json}, {0}};
    struct agent_settings s;
    struct why why = {0};
    if (!arguments_read(argc, argv, options, words, 2, usage))
        return EXIT_USAGE;
    if (strcmp(words[0], "preview") != 0) {
        fprintf(stderr, "usage: innsyn-agent %s\n", usage);
        return EXIT_USAGE;
    }
    result r = agent_settings_read(host_real(), words[1], &s, &why);
    if (is_ok(r))
        r = preview(&s, json, &why);
    return command_end("metadata", r, &why);
}

/* --- check --- */

struct checking {
    struct agent_settings s;
    struct trust *trust;
    struct public_key site_key, tls_key;
};

static result check_keys(struct checking *c, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct signing_key *site CLEANUP(signing_key_freep) = NULL, *tls CLEANUP(signing_key_freep) = NULL;
    struct buffer secret CLEANUP(buffer_wipe) = {0};
    buffer_init(&secret, SITE_SECRET_LEN);
    agent_path(&c->s, "keys/site.pem", path);
    TRY(signing_key_load(host_real(), path, KEY_P256, &site, why));
    TRY(signing_key_public(site, &c->site_key, why));
    agent_path(&c->s, "keys/tls.pem", path);
    TRY(signing_key_load(host_real(), path, KEY_P256, &tls, why));
    TRY(signing_key_public(tls, &c->tls_key, why));
    agent_path(&c->s, "keys/secret", path);
    TRY(host_read_file(host_real(), path, SITE_SECRET_LEN, &secret, why));
    return secret.len == SITE_SECRET_LEN ? DONE : FAIL(why, BROKEN, "%s is not %d bytes long", path, SITE_SECRET_LEN);
}

static result check_certificate(struct checking *c, struct why *why)
{
    char path[AGENT_PATH_SIZE], ends[INSTANT_TEXT_SIZE];
    struct buffer pem CLEANUP(buffer_done) = {0};
    struct certificate_facts facts;
    buffer_init(&pem, CERTIFICATE_PEM_MAX);
    agent_path(&c->s, "tls/certificate.pem", path);
    result r = host_read_file(host_real(), path, CERTIFICATE_PEM_MAX, &pem, why);
    if (r.code == ABSENT)
        return FAIL(why, ABSENT, "this site is not enrolled; run: innsyn-agent enrol %s --token TOKEN", c->s.dir);
    TRY(r);
    TRY(certificate_read(buffer_slice(&pem), &facts, why));
    instant_print(facts.not_after_ms, ends);
    if (!site_id_equal(&facts.site, &c->s.site) || !public_key_equal(&facts.key, &c->tls_key))
        return FAIL(why, DENIED, "%s is of another site or key", path);
    if (facts.not_after_ms <= host_now_ms(host_real()))
        return FAIL(why, DENIED, "the certificate ended at %s; let the broker's operator run: innsyn site add %s, then: innsyn-agent enrol %.60s --token TOKEN",
                    ends, c->s.site.text, c->s.dir);
    return DONE;
}

static result check_trust(struct checking *c, struct why *why)
{
    struct store store;
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done) = {0};
    buffer_init(&text, 2 * TRUST_BYTES_MAX);
    agent_path(&c->s, "guard", path);
    TRY(store_open(host_real(), path, &store, why));
    TRY(store_read_trust(&store, &text, why));
    TRY(envelope_parse_text(buffer_slice(&text), TYPE_TRUST, &e, why));
    TRY(trust_open(&e, NULL, NULL, &c->trust, why));
    const struct public_key *mine = trust_site_key(c->trust, &c->s.site);
    if (!mine || !public_key_equal(mine, &c->site_key))
        return FAIL(why, DENIED, "trust version %llu does not name this site's signing key; give site-public.json to the trust ceremony",
                    (unsigned long long)c->trust->version);
    return DONE;
}

static result check_clock(struct checking *c, struct why *why)
{
    static struct agent_state state; /* large */
    struct store store;
    char path[AGENT_PATH_SIZE], floor[INSTANT_TEXT_SIZE];
    agent_path(&c->s, "guard", path);
    TRY(store_open(host_real(), path, &store, why));
    TRY(store_read_state(&store, &state, why));
    instant_print(state.time_floor_ms, floor);
    if (host_now_ms(host_real()) < state.time_floor_ms - CLOCK_SKEW_MAX_MS)
        return FAIL(why, DENIED, "the clock is behind %s, which the unit has signed; set the clock", floor);
    return DONE;
}

static result check_datasets(struct checking *c, struct why *why)
{
    static struct datasets d; /* large */
    char path[AGENT_PATH_SIZE];
    bool changed;
    struct why left_out = {0};
    agent_path(&c->s, "data", path);
    TRY(datasets_refresh(host_real(), path, &d, &changed, &left_out));
    unsigned count = d.count;
    datasets_done(&d);
    if (left_out.text[0])
        return FAIL(why, BROKEN, "%s", left_out.text);
    return count > 0 ? DONE : FAIL(why, ABSENT, "nothing is loaded; use: innsyn-agent load %s DICTIONARY.json FILE.csv", c->s.dir);
}

static result check_journal(struct checking *c, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct journal_facts facts;
    agent_path(&c->s, "guard/journal", path);
    return journal_verify(host_real(), path, &c->s.site, &c->site_key, NULL, NULL, &facts, why);
}

/* What a fork left behind stops the site until people have looked at it. */
static result check_log(struct checking *c, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, EVIDENCE_BYTES_MAX);
    agent_path(&c->s, EVIDENCE_FILE, path);
    result r = host_read_file(host_real(), path, EVIDENCE_BYTES_MAX, &text, why);
    if (r.code == ABSENT)
        return DONE;
    return FAIL(why, DENIED, "this site has seen a fork of the broker's log and answers nothing; have it confirmed: "
                             "innsyn audit verify --evidence %s, and tell the unit and the other sites", path);
}

/* Any answer over mutual TLS will do: it shows name, firewall, proxy, both certificates. */
static result check_connection(struct checking *c, struct why *why)
{
    char ca[AGENT_PATH_SIZE], certificate[AGENT_PATH_SIZE], key[AGENT_PATH_SIZE];
    struct buffer answer CLEANUP(buffer_done) = {0};
    unsigned status;
    buffer_init(&answer, TRANSPORT_ANSWER_BYTES_MAX);
    agent_path(&c->s, "tls/ca.pem", ca);
    agent_path(&c->s, "tls/certificate.pem", certificate);
    agent_path(&c->s, "keys/tls.pem", key);
    struct transport_settings t = {.url = c->s.agents_url, .ca_path = ca, .certificate_path = certificate, .key_path = key, .proxy = c->s.proxy};
    struct transport_request r = {TRANSPORT_GET, slice_str("/v1/log/checkpoint"), {0}, CHECK_TIMEOUT_MS};
    return transport_once(&t, &r, &status, &answer, why);
}

int command_check(int argc, char **argv)
{
    static const struct {
        const char *name;
        result (*check)(struct checking *c, struct why *why);
    } checks[] = {{"keys", check_keys}, {"certificate", check_certificate}, {"trust", check_trust}, {"clock", check_clock},
                  {"log", check_log}, {"datasets", check_datasets}, {"journal", check_journal}, {"connection", check_connection}};
    const char *dir;
    struct checking c = {0};
    struct why why = {0};
    int status = EXIT_DONE;
    if (!arguments_read(argc, argv, NULL, &dir, 1, "check DIR"))
        return EXIT_USAGE;
    result r = agent_settings_read(host_real(), dir, &c.s, &why);
    if (!is_ok(r))
        return command_end("check", r, &why);
    printf("%-12s ok   site %s of network %s\n", "settings", c.s.site.text, c.s.network.text[0] ? c.s.network.text : "(not enrolled)");
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        struct why reason = {0};
        r = checks[i].check(&c, &reason);
        printf("%-12s %-4s %s\n", checks[i].name, is_ok(r) ? "ok" : "FAIL", is_ok(r) ? "" : reason.text);
        if (!is_ok(r))
            status = EXIT_FAILED;
    }
    trust_free(c.trust);
    return status;
}

/* --- checkpoint --- */

/* The note itself, as the log signed it: whoever gets it checks the signature. */
static result show_checkpoint(const struct agent_settings *s, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0}, note CLEANUP(buffer_done) = {0};
    struct slice last = {0};
    buffer_init(&text, HELD_FILE_MAX);
    buffer_init(&note, CHECKPOINT_NOTE_MAX);
    agent_path(s, "guard/checkpoint", path);
    result r = host_read_file(host_real(), path, HELD_FILE_MAX, &text, why);
    if (r.code == ABSENT)
        return FAIL(why, ABSENT, "this site has seen no checkpoint yet");
    TRY(r);
    for (struct slice rest = buffer_slice(&text); slice_find(rest, '\n') < rest.len; rest = slice_part(rest, slice_find(rest, '\n') + 1, rest.len))
        last = slice_part(rest, 0, slice_find(rest, '\n'));
    TRY(base64_parse(last, &note, why));
    if (note.len == 0)
        return FAIL(why, ABSENT, "this site has seen no checkpoint yet");
    printf("%.*s", (int)note.len, (const char *)note.at);
    return DONE;
}

int command_checkpoint(int argc, char **argv)
{
    const char *dir;
    const struct option_spec options[] = {{0}};
    struct agent_settings s;
    struct why why = {0};
    if (!arguments_read(argc, argv, options, &dir, 1, "checkpoint DIR"))
        return EXIT_USAGE;
    result r = agent_settings_read(host_real(), dir, &s, &why);
    if (is_ok(r))
        r = show_checkpoint(&s, &why);
    return command_end("checkpoint", r, &why);
}
