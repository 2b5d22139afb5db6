/* `innsyn-agent rules`: lays down the holder's signed rules, shows those in force, says what they would do with a question. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agents/commands/commands.h"
#include "agents/guard/datasets.h"
#include "agents/guard/store.h"
#include "base/codec.h"
#include "policy/purpose.h"
#include "policy/site_rules.h"

enum { RULES_FILE_MAX = 2 * SITE_RULES_BYTES_MAX, SET_WAIT_MS = 5000, SET_LOOK_MS = 100 };

static const char usage[] = "rules set DIR SIGNED.json | show DIR [--json] | "
                            "explain DIR QUESTION.json [--purpose P] [--organisation public|research|company] [--account A] [--permit ID]";

struct in_force {
    struct agent_state *state;
    struct trust *trust;
    struct site_rules *rules; /* NULL: none */
    struct datasets *datasets;
};

static void in_force_done(struct in_force *f)
{
    site_rules_free(f->rules);
    trust_free(f->trust);
    free(f->state);
    if (f->datasets)
        datasets_done(f->datasets);
    free(f->datasets);
}

static result read_trust(const struct store *store, struct trust **ret, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done) = {0};
    buffer_init(&text, 2 * TRUST_BYTES_MAX);
    result r = store_read_trust(store, &text, why);
    if (r.code == ABSENT)
        return FAIL(why, ABSENT, "this site is not enrolled: it does not know yet whose signature counts");
    TRY(r);
    TRY(envelope_parse_text(buffer_slice(&text), TYPE_TRUST, &e, why));
    return trust_open(&e, NULL, NULL, ret, why);
}

static result read_rules(const struct agent_settings *s, struct in_force *f, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done) = {0};
    struct json *tree CLEANUP(json_freep) = NULL;
    buffer_init(&text, RULES_FILE_MAX);
    agent_path(s, "guard/site-rules.json", path);
    result r = host_read_file(host_real(), path, RULES_FILE_MAX, &text, why);
    if (r.code == ABSENT)
        return DONE;
    TRY(r);
    TRY(envelope_parse_text(buffer_slice(&text), TYPE_SITE_RULES, &e, why));
    TRY(json_parse(buffer_slice(&e.payload), SITE_RULES_BYTES_MAX, &tree, why));
    return site_rules_read(tree, &f->rules, why);
}

static result look(const struct agent_settings *s, struct in_force *f, struct why *why)
{
    struct store store;
    char path[AGENT_PATH_SIZE];
    f->state = calloc(1, sizeof *f->state);
    if (!f->state)
        return FAIL(why, LIMIT, "no memory");
    agent_path(s, "guard", path);
    TRY(store_open(host_real(), path, &store, why));
    TRY(store_read_state(&store, f->state, why));
    TRY(read_trust(&store, &f->trust, why));
    return read_rules(s, f, why);
}

/* --- set --- */

/* What is loaded decides, too; and where the rule for the whole site does not reach, the holder reads it. */
static result check_datasets(const struct agent_settings *s, const struct site_rules *rules, struct why *why)
{
    static struct datasets d; /* large */
    char path[AGENT_PATH_SIZE];
    bool changed;
    struct why left_out = {0};
    agent_path(s, "data", path);
    TRY(datasets_refresh(host_real(), path, &d, &changed, &left_out));
    result r = datasets_allow_rules(&d, rules, why);
    for (unsigned i = 0; i < d.count && is_ok(r); i++)
        if (d.held[i].dictionary->profile != PROFILE_OPEN && site_rules_optouts_at_grant(rules, &d.held[i].dictionary->dataset))
            printf("at_grant is not for '%s', which is loaded under profile %s: it always follows its batch\n", d.held[i].dictionary->dataset.text,
                   profile_name(d.held[i].dictionary->profile));
    datasets_done(&d);
    return r;
}

/* Checked here as guard will check it, so that the holder reads at once what is wrong. */
static result set(const struct agent_settings *s, struct in_force *f, const char *file, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct site_rules *rules CLEANUP(site_rules_freep) = NULL;
    struct hash hash;
    TRY(look(s, f, why));
    buffer_init(&text, RULES_FILE_MAX);
    TRY(host_read_file(host_real(), file, RULES_FILE_MAX, &text, why));
    TRY(site_rules_open(buffer_slice(&text), f->trust, &s->site, f->state->rules_version, &f->state->rules_hash, &rules, &hash, why));
    TRY(check_datasets(s, rules, why));
    agent_path(s, "site-rules.json", path);
    TRY(host_write_file(host_real(), path, 0644, buffer_slice(&text), why));
    for (int64_t waited = 0; waited < SET_WAIT_MS; waited += SET_LOOK_MS) {
        struct timespec t = {0, SET_LOOK_MS * 1000000L};
        struct in_force now = {0};
        result r = look(s, &now, why);
        bool there = is_ok(r) && now.state->rules_version == site_rules_version(rules) && hash_equal(&now.state->rules_hash, &hash);
        in_force_done(&now);
        if (there) {
            printf("version %llu of the rules of site %s is in force\n", (unsigned long long)site_rules_version(rules), s->site.text);
            return DONE;
        }
        nanosleep(&t, NULL);
    }
    printf("laid down; the agent does not run, and puts it in force when it starts\n");
    return DONE;
}

/* --- show --- */

static result show(const struct agent_settings *s, struct in_force *f, bool as_json, struct why *why)
{
    char hash[2 * HASH_LEN + 1];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct slice key;
    const struct json *value;
    TRY(look(s, f, why));
    buffer_init(&text, RULES_FILE_MAX);
    if (!f->rules) {
        printf(as_json ? "null\n" : "site %s has no rules of its own: what permit and network allow is answered\n", s->site.text);
        return DONE;
    }
    if (as_json) {
        TRY(json_print(site_rules_tree(f->rules), &text, why));
        printf("%.*s\n", SLICE_ARG(buffer_slice(&text)));
        return DONE;
    }
    hash_print(&f->state->rules_hash, hash);
    printf("%-18s %s\n", "SHA-256", hash);
    for (size_t i = 0; json_next(site_rules_tree(f->rules), &i, &key, &value);) {
        buffer_clear(&text);
        TRY(json_print(value, &text, why));
        printf("%-18.*s %.*s\n", SLICE_ARG(key), SLICE_ARG(buffer_slice(&text)));
    }
    return DONE;
}

/* --- explain --- */

static result read_question(const struct agent_settings *s, struct in_force *f, const char *file, struct question **ret, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = NULL;
    struct label name;
    bool changed;
    buffer_init(&text, QUESTION_BYTES_MAX);
    TRY(host_read_file(host_real(), file, QUESTION_BYTES_MAX, &text, why));
    TRY(json_parse(buffer_slice(&text), QUESTION_BYTES_MAX, &v, why));
    TRY(question_dataset(v, &name, why));
    f->datasets = calloc(1, sizeof *f->datasets);
    if (!f->datasets)
        return FAIL(why, LIMIT, "no memory");
    agent_path(s, "data", path);
    TRY(datasets_refresh(host_real(), path, f->datasets, &changed, why));
    for (unsigned i = 0; i < f->datasets->count; i++)
        if (label_equal(&f->datasets->held[i].dictionary->dataset, &name))
            return question_read(v, f->datasets->held[i].dictionary, ret, why);
    return FAIL(why, ABSENT, "no dataset %s is loaded here", name.text);
}

struct asked {
    const char *purpose, *kind, *account, *permit;
};

static result explain(const struct agent_settings *s, struct in_force *f, const char *file, const struct asked *by, bool *ret_denied, struct why *why)
{
    struct question *q CLEANUP(question_freep) = NULL;
    struct document_id permit;
    struct label account;
    struct verdict *v = NULL;
    TRY(look(s, f, why));
    TRY(read_question(s, f, file, &q, why));
    TRY(label_parse(slice_str(by->account ? by->account : "somebody"), &account, why));
    if (by->permit)
        TRY(document_id_parse(slice_str(by->permit), 'p', &permit, why));
    if (by->purpose && !purpose_find(slice_str(by->purpose)))
        return FAIL(why, MALFORMED, "'%.20s' is no purpose of Article 53(1)", by->purpose);
    v = calloc(1, sizeof *v);
    if (!v)
        return FAIL(why, LIMIT, "no memory");
    const struct site_rules_ask a = {.purpose = slice_str(by->purpose ? by->purpose : ""), .kind = slice_str(by->kind ? by->kind : ""),
                                     .permit = by->permit ? &permit : NULL, .account = &account, .question = q};
    verdict_init(v);
    if (f->rules)
        site_rules_check_ask(f->rules, &a, v);
    printf("by version %llu of the rules of site %s: %s\n", (unsigned long long)site_rules_version(f->rules), s->site.text,
           v->kind == VERDICT_PERMIT ? "answered" : v->kind == VERDICT_REVIEW ? "answered once the holder releases it" : "not answered");
    for (unsigned i = 0; i < v->count; i++)
        printf("  %-24s %s%s%s\n", v->reasons[i].code->code, v->reasons[i].text, v->reasons[i].allowed[0] ? "; allowed: " : "", v->reasons[i].allowed);
    printf("(what permit, network and disclosure control say comes beside this)\n");
    *ret_denied = v->kind == VERDICT_DENY;
    free(v);
    return DONE;
}

int command_rules(int argc, char **argv)
{
    const char *words[3] = {NULL};
    struct asked by = {0};
    bool json = false, denied = false;
    const struct option_spec options[] = {{"--json", NULL, &json},           {"--purpose", &by.purpose, NULL}, {"--organisation", &by.kind, NULL},
                                          {"--account", &by.account, NULL}, {"--permit", &by.permit, NULL},   {0}};
    struct agent_settings s;
    struct in_force f = {0};
    struct why why = {0};
    bool shows = argc > 1 && strcmp(argv[1], "show") == 0;
    if (!arguments_read(argc, argv, options, words, shows ? 2 : 3, usage))
        return EXIT_USAGE;
    bool sets = strcmp(words[0], "set") == 0, explains = strcmp(words[0], "explain") == 0;
    if (!shows && !sets && !explains) {
        fprintf(stderr, "usage: innsyn-agent %s\n", usage);
        return EXIT_USAGE;
    }
    result r = agent_settings_read(host_real(), words[1], &s, &why);
    if (is_ok(r))
        r = shows ? show(&s, &f, json, &why) : sets ? set(&s, &f, words[2], &why) : explain(&s, &f, words[2], &by, &denied, &why);
    in_force_done(&f);
    int code = command_end("rules", r, &why);
    return code == EXIT_DONE && denied ? EXIT_FAILED : code;
}
