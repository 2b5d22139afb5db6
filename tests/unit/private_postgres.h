/* private_postgres.h - a PostgreSQL server of the test's own, by tests/pg_private.sh: a unix socket in a scratch folder. */
#ifndef INNSYN_TESTS_UNIT_PRIVATE_POSTGRES_H
#define INNSYN_TESTS_UNIT_PRIVATE_POSTGRES_H

#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <sys/wait.h>

#include "scratch.h"

enum { POSTGRES_STORE = 200, POSTGRES_MISSING = 77 };
#define POSTGRES_SECONDS_MAX "120" /* to start or to end */

/* pg_private.sh WHAT DIR/pg MODE; its exit code, -1 when it has none. */
static inline int private_postgres(const char *what, const char *dir, const char *mode)
{
    char place[PATH_MAX];
    snprintf(place, sizeof place, "%s/pg", dir);
    const char *argv[] = {"timeout", POSTGRES_SECONDS_MAX, SOURCE_DIR "/tests/pg_private.sh", what, place, mode, NULL};
    posix_spawn_file_actions_t files;
    pid_t pid = 0;
    int status = 0;
    assert_int_equal(posix_spawn_file_actions_init(&files), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0), 0);
    int spawned = posix_spawnp(&pid, argv[0], &files, NULL, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    if (spawned != 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/*
 * A server below dir; store: where a store in it is ("postgres:host=..."), empty when the distribution's
 * server is not installed, which is said with what the test then leaves out.
 */
static inline void private_postgres_start(const char *dir, char store[POSTGRES_STORE], const char *left_out)
{
    int code = private_postgres("start", dir, "fast");
    *store = 0;
    if (code == 0)
        snprintf(store, POSTGRES_STORE, "postgres:host=%s/pg user=innsyn dbname=postgres", dir);
    else if (code == POSTGRES_MISSING)
        print_message("PostgreSQL's server package is not installed: %s\n", left_out);
    else
        fail_msg("a private PostgreSQL server did not start (exit %d)", code);
}

/* Also when none was started. */
static inline void private_postgres_stop(const char *dir, const char *store)
{
    if (*store)
        assert_int_equal(private_postgres("stop", dir, "immediate"), 0);
}

#endif
