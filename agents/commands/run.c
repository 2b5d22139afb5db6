/* `innsyn-agent run`, `pause`, `resume`, `journal`. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agents/commands/commands.h"
#include "agents/engine/engine.h"
#include "agents/guard/journal.h"
#include "agents/roles.h"
#include "base/channel.h"
#include "base/role.h"
#include "proto/crypto.h"

enum { REASON_BYTES_MAX = 1000 };

/* --- run --- */

/* One running agent a folder: two would answer with one journal. */
static result take_lock(const struct agent_settings *s, int *ret_fd, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    agent_path(s, "lock", path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return FAIL(why, UNAVAILABLE, "%s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return FAIL(why, DENIED, "an agent is running from %s already", s->dir);
    }
    *ret_fd = fd;
    return DONE;
}

int command_run(int argc, char **argv)
{
    const char *dir;
    char data[AGENT_PATH_SIZE], pids[AGENT_PATH_SIZE];
    struct agent_settings s;
    struct why why = {0};
    int link_fds[2], engine_fds[2], lock = -1;
    if (!arguments_read(argc, argv, NULL, &dir, 1, "run DIR"))
        return EXIT_USAGE;
    result r = agent_settings_read(host_real(), dir, &s, &why);
    if (is_ok(r) && !s.agents_url[0])
        r = FAIL(&why, ABSENT, "this site is not enrolled; run: innsyn-agent enrol %s --token TOKEN", dir);
    if (is_ok(r))
        r = take_lock(&s, &lock, &why);
    if (is_ok(r))
        r = channel_pair(link_fds, &why);
    if (is_ok(r))
        r = channel_pair(engine_fds, &why);
    if (!is_ok(r))
        return command_end("run", r, &why);
    agent_path(&s, "data", data);
    agent_path(&s, "pids", pids);
    struct link_start link = {.settings = &s, .guard_fd = link_fds[0]};
    struct guard_start guard = {.settings = &s, .link_fd = link_fds[1], .engine_fd = engine_fds[0]};
    struct engine_start engine = {.host = host_real(), .data_folder = data, .channel_fd = engine_fds[1]};
    const struct role roles[] = {
        {.name = "link", .main = link_main, .self = &link, .keep_fds = {link_fds[0], -1}},
        {.name = "guard", .main = guard_main, .self = &guard, .keep_fds = {link_fds[1], engine_fds[0], -1}},
        {.name = "engine", .main = engine_main, .self = &engine, .keep_fds = {engine_fds[1], -1}},
    };
    int status = roles_run(roles, 3, pids);
    tolerate(host_remove_file(host_real(), pids, NULL)); /* a stale one only misleads */
    close(lock);
    return status == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* --- pause and resume --- */

int command_pause(int argc, char **argv)
{
    const char *dir, *reason = "";
    const struct option_spec options[] = {{"--reason", &reason, NULL}, {0}};
    char path[AGENT_PATH_SIZE];
    struct agent_settings s;
    struct why why = {0};
    if (!arguments_read(argc, argv, options, &dir, 1, "pause DIR [--reason TEXT]"))
        return EXIT_USAGE;
    result r = agent_settings_read(host_real(), dir, &s, &why);
    if (is_ok(r) && strlen(reason) > REASON_BYTES_MAX)
        r = FAIL(&why, LIMIT, "a reason has at most %d bytes", REASON_BYTES_MAX);
    if (is_ok(r)) {
        agent_path(&s, "paused", path);
        r = host_write_file(host_real(), path, 0644, slice_str(reason), &why);
    }
    if (is_ok(r))
        printf("site %s is paused: it answers no new task; go on with: innsyn-agent resume %s\n", s.site.text, dir);
    return command_end("pause", r, &why);
}

int command_resume(int argc, char **argv)
{
    const char *dir;
    char path[AGENT_PATH_SIZE];
    struct agent_settings s;
    struct why why = {0};
    if (!arguments_read(argc, argv, NULL, &dir, 1, "resume DIR"))
        return EXIT_USAGE;
    result r = agent_settings_read(host_real(), dir, &s, &why);
    if (is_ok(r)) {
        agent_path(&s, "paused", path);
        r = host_remove_file(host_real(), path, &why);
        if (r.code == ABSENT)
            r = DONE;
    }
    if (is_ok(r))
        printf("site %s answers again\n", s.site.text);
    return command_end("resume", r, &why);
}

/* --- journal --- */

static void show_member(struct slice key, const struct json *value)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, JOURNAL_ENTRY_BYTES_MAX);
    if (slice_is(key, "innsyn") || slice_is(key, "at") || slice_is(key, "type") || !is_ok(json_print(value, &text, NULL)))
        return;
    printf(" %.*s=%.*s", SLICE_ARG(key), SLICE_ARG(buffer_slice(&text)));
}

static result show_entry(void *self, uint64_t index, struct slice line, const struct json *entry, struct why *why)
{
    const bool *json = self;
    (void)why;
    if (*json) {
        printf("%.*s\n", SLICE_ARG(line));
        return DONE;
    }
    printf("%6llu %.*s %.*s", (unsigned long long)index, SLICE_ARG(json_text(json_get(entry, "at"))), SLICE_ARG(json_text(json_get(entry, "type"))));
    size_t i = 0;
    struct slice key;
    for (const struct json *value; json_next(entry, &i, &key, &value);)
        show_member(key, value);
    printf("\n");
    return DONE;
}

static result show_journal(const struct agent_settings *s, bool json, struct why *why)
{
    char path[AGENT_PATH_SIZE], root[2 * HASH_LEN + 1];
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    struct public_key site;
    struct journal_facts facts;
    agent_path(s, "keys/site.pem", path);
    TRY(signing_key_load(host_real(), path, KEY_P256, &key, why));
    TRY(signing_key_public(key, &site, why));
    agent_path(s, "guard/journal", path);
    TRY(journal_verify(host_real(), path, &s->site, &site, show_entry, &json, &facts, why));
    hash_print(&facts.root, root);
    fprintf(json ? stderr : stdout, "%llu entries, of which the site's key has signed %llu; the tree holds, root %s\n",
            (unsigned long long)facts.size, (unsigned long long)facts.signed_size, root);
    return DONE;
}

int command_journal(int argc, char **argv)
{
    const char *dir;
    bool json = false;
    const struct option_spec options[] = {{"--json", NULL, &json}, {0}};
    struct agent_settings s;
    struct why why = {0};
    if (!arguments_read(argc, argv, options, &dir, 1, "journal DIR [--json]"))
        return EXIT_USAGE;
    result r = agent_settings_read(host_real(), dir, &s, &why);
    if (is_ok(r))
        r = show_journal(&s, json, &why);
    return command_end("journal", r, &why);
}
