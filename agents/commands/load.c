/*
 * `innsyn-agent load`: a CSV file becomes a snapshot.  Two processes: the loader reads strangers' bytes and
 * holds no secret; keying holds the site's secret and turns persons' keys into record keys, and reads no file.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/commands/commands.h"
#include "agents/disclosure/cellkey.h"
#include "agents/loader/load.h"
#include "agents/snapshot/snapshot.h"
#include "base/channel.h"
#include "base/role.h"
#include "base/sandbox.h"
#include "base/wire.h"
#include "policy/access_rules.h"

enum { KEYS_ASK = 1, KEYS_ANSWER = 2, KEYS_WAIT_MS = 60 * 1000, KEYS_FRAME_MAX = 8 * 1024 * 1024, LOAD_PATH_MAX = 1024 };
static const double CLAMP_MAX = 9007199254740992.0; /* 2^53, as in a dictionary */

struct load_command {
    struct agent_settings settings;
    const char *csv_path;
    bool publish_persons;
    bool dry_run;
    struct dictionary *dictionary;
    int keying_fd, loader_fd;
    int csv_fd;
};

/* --- keying --- */

static result read_secret(const struct load_command *l, struct secret **ret, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer bytes CLEANUP(buffer_wipe) = {0};
    buffer_init(&bytes, SITE_SECRET_LEN);
    agent_path(&l->settings, "keys/secret", path);
    TRY(host_read_file(host_real(), path, SITE_SECRET_LEN, &bytes, why));
    if (bytes.len != SITE_SECRET_LEN)
        return FAIL(why, BROKEN, "%s is not %d bytes long", path, SITE_SECRET_LEN);
    return secret_new(buffer_slice(&bytes), ret, why);
}

static result answer_keys(struct recordkey *rk, struct slice dataset, const struct message *m, struct channel *c, struct why *why)
{
    struct buffer out CLEANUP(buffer_wipe) = {0};
    struct reader r = reader_of(m->payload);
    uint32_t count;
    buffer_init(&out, KEYS_FRAME_MAX);
    if (m->kind != KEYS_ASK || !reader_u32(&r, &count) || count > LOAD_BATCH_ROWS)
        return FAIL(why, MALFORMED, "the loader sent nonsense");
    for (uint32_t i = 0; i < count; i++) {
        struct slice person;
        uint64_t key;
        if (!reader_bytes(&r, LOAD_PERSON_BYTES_MAX, &person))
            return FAIL(why, MALFORMED, "the loader sent nonsense");
        TRY(recordkey_of(rk, dataset, person, &key, why));
        TRY(wire_u64(&out, key, why));
    }
    return reader_ends(&r) ? channel_send_now(c, KEYS_ANSWER, m->tag, buffer_slice(&out), why)
                           : FAIL(why, MALFORMED, "the loader sent nonsense");
}

static result key_persons(const struct load_command *l, struct why *why)
{
    struct secret *secret CLEANUP(secret_freep) = NULL;
    struct recordkey *rk CLEANUP(recordkey_freep) = NULL;
    struct channel *c;
    TRY(read_secret(l, &secret, why));
    TRY(recordkey_new(secret, LABEL_RECORD_KEY, &rk, why));
    TRY(channel_new(NULL, l->keying_fd, NULL, NULL, NULL, &c, why));
    TRY(sandbox_enter(0, why));
    for (;;) { /* ends with the loader */
        struct message m;
        result r = channel_receive(c, KEYS_WAIT_MS, &m, why);
        if (r.code == LIMIT)
            continue;
        if (r.code == UNAVAILABLE)
            return DONE;
        TRY(r);
        TRY(answer_keys(rk, slice_str(l->dictionary->dataset.text), &m, c, why));
    }
}

static int keying_main(void *self)
{
    struct why why = {0};
    process_hide();
    return command_end("load", key_persons(self, &why), &why);
}

/* --- loader --- */

static result ask_keys(void *self, const struct slice *persons, size_t count, uint64_t *ret_keys, struct why *why)
{
    struct channel *c = self;
    struct buffer out CLEANUP(buffer_wipe) = {0};
    struct message m;
    buffer_init(&out, KEYS_FRAME_MAX);
    TRY(wire_u32(&out, (uint32_t)count, why));
    for (size_t i = 0; i < count; i++)
        TRY(wire_bytes(&out, persons[i], why));
    TRY(channel_send_now(c, KEYS_ASK, 1, buffer_slice(&out), why));
    TRY(channel_receive(c, KEYS_WAIT_MS, &m, why));
    struct reader r = reader_of(m.payload);
    for (size_t i = 0; i < count; i++)
        if (m.kind != KEYS_ANSWER || !reader_u64(&r, &ret_keys[i]))
            return FAIL(why, UNAVAILABLE, "the process that makes record keys sent nonsense");
    return reader_ends(&r) ? DONE : FAIL(why, UNAVAILABLE, "the process that makes record keys sent nonsense");
}

static void show_fault(void *self, const struct load_fault *f)
{
    const struct load_command *l = self;
    fprintf(stderr, "%s: %s%s%s%s\n", l->csv_path, f->text, f->shown[0] ? ": \"" : "", f->shown, f->shown[0] ? "\"" : "");
}

static void show_progress(void *self, uint64_t rows, uint64_t bytes, int64_t elapsed_ms)
{
    const struct load_command *l = self;
    fprintf(stderr, "%s: %llu rows, %llu MB, %lld s\n", l->dictionary->dataset.text, (unsigned long long)rows,
            (unsigned long long)(bytes / 1000000), (long long)(elapsed_ms / 1000));
}

static void show_report(const struct load_command *l, const struct load_report *r)
{
    char name[2 * HASH_LEN + 1];
    hash_print(&r->snapshot, name);
    if (l->dry_run)
        printf("%s: %llu rows of %llu persons would be loaded; nothing was written\n", l->dictionary->dataset.text,
               (unsigned long long)r->rows, (unsigned long long)r->persons);
    else
        printf("%s: %llu rows of %llu persons are loaded under profile %s; snapshot %s%s\n", l->dictionary->dataset.text,
               (unsigned long long)r->rows, (unsigned long long)r->persons, profile_name(l->dictionary->profile), name,
               !l->publish_persons ? "" : l->dictionary->profile == PROFILE_OPEN ? "; the catalogue says how many persons" :
               "; the catalogue says about how many persons, in hundreds");
}

/* Answers under ck and strict are the same for ever and draw on nothing fresh: beside them dp would promise what is not so. */
static result profile_may_follow(const struct load_command *l, const char *folder, struct why *why)
{
    struct hash name;
    struct snapshot_facts facts;
    struct dictionary *before = NULL;
    result r = snapshot_current(host_real(), folder, &name, why);
    if (r.code == ABSENT)
        return DONE;
    TRY(r);
    TRY(snapshot_describe(host_real(), folder, &name, &facts, &before, why));
    enum profile was = before->profile, is = l->dictionary->profile;
    dictionary_free(before);
    if (was != is && (was == PROFILE_DP || is == PROFILE_DP))
        return FAIL(why, DENIED, "'%s' was loaded under profile %s: profile dp cannot share a dataset with another; load it under another name (--as)",
                    l->dictionary->dataset.text, profile_name(was));
    return DONE;
}

static result load(struct load_command *l, struct why *why)
{
    char folder[LOAD_PATH_MAX];
    struct channel *c;
    struct load_report report = {0};
    snprintf(folder, sizeof folder, "%s/data/%s", l->settings.dir, l->dictionary->dataset.text);
    TRY(channel_new(NULL, l->loader_fd, NULL, NULL, NULL, &c, why));
    TRY(profile_may_follow(l, folder, why));
    if (!l->dry_run)
        TRY(host_make_folder(host_real(), folder, 0700, why));
    TRY(sandbox_enter(SANDBOX_FILES_READ | SANDBOX_FILES_WRITE, why));
    struct load_options options = {.dataset_folder = folder, .dry_run = l->dry_run, .publish_persons = l->publish_persons, .keys = ask_keys, .keys_self = c,
                                   .fault = show_fault, .progress = show_progress, .self = l};
    result r = loader_run(host_real(), l->dictionary, (struct csv_source){csv_read_fd, &l->csv_fd}, &options, &report, why);
    if (is_ok(r))
        show_report(l, &report);
    return r; /* the channel ends with the process: keying goes when it does, and must not go before this one has said how it went */
}

static int loader_main(void *self)
{
    struct load_command *l = self;
    struct why why = {0};
    process_hide();
    return command_end("load", load(l, &why), &why);
}

/* --- the command --- */

static result read_dictionary(struct load_command *l, const char *path, const char *as, const char *profile, bool public_data, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *tree CLEANUP(json_freep) = NULL;
    enum profile wanted = PROFILE_CK;
    buffer_init(&text, DICTIONARY_BYTES_MAX);
    if (profile)
        TRY(profile_parse(slice_str(profile), &wanted, why));
    if (wanted == PROFILE_OPEN && !public_data)
        return FAIL(why, DENIED, "profile open publishes true counts: it is only for data that are public anyway; if they are, add --public-data");
    TRY(host_read_file(host_real(), path, DICTIONARY_BYTES_MAX, &text, why));
    struct why inner = {0};
    result r = json_parse(buffer_slice(&text), DICTIONARY_BYTES_MAX, &tree, &inner);
    if (is_ok(r))
        r = dictionary_read(tree, as, wanted, &l->dictionary, &inner);
    if (!is_ok(r))
        return FAIL_AT(why, r.code, path, "%s%s%s", inner.field, inner.field[0] ? ": " : "", inner.text);
    struct access_rules *rules CLEANUP(access_rules_freep) = NULL;
    r = access_rules_read(l->dictionary->rules, "/access_rules", &rules, &inner);
    if (!is_ok(r))
        return FAIL_AT(why, r.code, path, "%s: %s", inner.field, inner.text);
    enum profile said = l->dictionary->profile;
    if (said == PROFILE_DP && l->dictionary->event_table)
        return FAIL_AT(why, DENIED, path, "/profile: dp counts persons, each once; the rows of this table are events: ck and strict are offered");
    if (said == PROFILE_OPEN && !public_data && json_get(tree, "innsyn")) /* the published form does not say that data are public */
        return FAIL_AT(why, DENIED, path, "/profile: open publishes true counts; if the data are public anyway, add --public-data");
    if (profile && said != wanted)
        return FAIL_AT(why, DENIED, path, "the dictionary says profile %s, which --profile %s cannot change", profile_name(said), profile);
    return DONE;
}

/* --clamps age=0:120,chol=0:700: the public bounds that means and variances are clamped to. */
static result set_clamps(struct dictionary *d, const char *text, struct why *why)
{
    while (text && *text) {
        char name[VARIABLE_MAX + 1], *end;
        size_t len = strcspn(text, "=");
        if (len >= sizeof name || text[len] != '=')
            return FAIL(why, MALFORMED, "--clamps takes NAME=LOW:HIGH, several joined by commas");
        memcpy(name, text, len);
        name[len] = 0;
        int at = dictionary_find(d, slice_str(name));
        if (at < 0 || (d->variables[at].type != VARIABLE_INTEGER && d->variables[at].type != VARIABLE_NUMBER))
            return FAIL(why, MALFORMED, "--clamps: '%s' is no integer or number of the dictionary", name);
        struct variable *v = &d->variables[at];
        double low = strtod(text + len + 1, &end);
        double high = *end == ':' ? strtod(end + 1, &end) : low;
        if (!(low < high) || fabs(low) > CLAMP_MAX || fabs(high) > CLAMP_MAX || (*end != 0 && *end != ',') ||
            (v->type == VARIABLE_INTEGER && (low != floor(low) || high != floor(high))))
            return FAIL(why, MALFORMED, "--clamps: the bounds of '%s' are LOW:HIGH, LOW below HIGH, whole for an integer", name);
        v->has_clamps = true;
        v->clamp_low = low;
        v->clamp_high = high;
        text = *end ? end + 1 : end;
    }
    return DONE;
}

int command_load(int argc, char **argv)
{
    static const char usage[] = "load DIR DICTIONARY.json FILE.csv [--as NAME] [--profile ck|strict|dp|open] [--clamps NAME=LOW:HIGH,...] [--public-data] [--publish-persons] [--dry-run]";
    const char *words[3], *as = NULL, *profile = NULL, *clamps = NULL;
    bool public_data = false;
    struct load_command l = {.csv_fd = -1};
    const struct option_spec options[] = {{"--as", &as, NULL}, {"--profile", &profile, NULL}, {"--clamps", &clamps, NULL}, {"--public-data", NULL, &public_data}, {"--publish-persons", NULL, &l.publish_persons},
                                          {"--dry-run", NULL, &l.dry_run}, {0}};
    struct why why = {0};
    int fds[2];
    if (!arguments_read(argc, argv, options, words, 3, usage))
        return EXIT_USAGE;
    l.csv_path = words[2];
    result r = agent_settings_read(host_real(), words[0], &l.settings, &why);
    if (is_ok(r))
        r = read_dictionary(&l, words[1], as, profile, public_data, &why);
    if (is_ok(r) && l.publish_persons && l.dictionary->profile == PROFILE_DP)
        r = FAIL(&why, DENIED, "--publish-persons: under profile dp no figure leaves but for its budget; whoever asks a count is told about how many there are");
    if (is_ok(r))
        r = set_clamps(l.dictionary, clamps, &why);
    if (is_ok(r)) {
        l.csv_fd = open(l.csv_path, O_RDONLY | O_CLOEXEC);
        if (l.csv_fd < 0)
            r = FAIL(&why, ABSENT, "%s: %s", l.csv_path, strerror(errno));
    }
    if (is_ok(r))
        r = channel_pair(fds, &why);
    if (!is_ok(r)) {
        dictionary_free(l.dictionary);
        return command_end("load", r, &why);
    }
    l.keying_fd = fds[0];
    l.loader_fd = fds[1];
    const struct role roles[] = {
        {.name = "keying", .main = keying_main, .self = &l, .keep_fds = {fds[0], -1}},
        {.name = "loader", .main = loader_main, .self = &l, .keep_fds = {fds[1], l.csv_fd, -1}},
    };
    int status = roles_run(roles, 2, NULL);
    dictionary_free(l.dictionary);
    return status == 0 ? EXIT_DONE : EXIT_FAILED;
}
