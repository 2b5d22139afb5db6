/* Aim: the roles live and end together, each with its own descriptors only.  Method: the whole runs in a child. */
#include "base/role.h"
#include "base/host.h"
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int ends_with(void *self)
{
    const int *status = self;
    return *status;
}

static int waits(void *self)
{
    (void)self;
    (void)alarm(60); /* so that a failed test leaves nothing behind */
    while (pause() != 0)
        continue;
    return 0;
}

static int zero = 0, three = 3;

static int run(const struct role *roles, unsigned count)
{
    pid_t child = fork();
    if (child == 0)
        _exit(roles_run(roles, count, NULL));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void one_end_ends_all(void **state)
{
    (void)state;
    const struct role well[] = {{"a", ends_with, &zero, {-1}}, {"b", ends_with, &zero, {-1}}};
    assert_int_equal(run(well, 2), 0);
    const struct role dies[] = {{"a", waits, NULL, {-1}}, {"b", ends_with, &three, {-1}}, {"c", waits, NULL, {-1}}};
    assert_int_equal(run(dies, 3), 3);
    const struct role leaves[] = {{"a", waits, NULL, {-1}}, {"b", ends_with, &zero, {-1}}};
    assert_int_equal(run(leaves, 2), 0);
    static struct role many[ROLES_MAX + 1];
    assert_int_not_equal(run(many, ROLES_MAX + 1), 0);
}

static int is_killed(void *self)
{
    (void)self;
    (void)raise(SIGKILL);
    return 0;
}

static void a_killed_role_is_told(void **state)
{
    (void)state;
    const struct role roles[] = {{"a", waits, NULL, {-1}}, {"b", is_killed, NULL, {-1}}};
    assert_int_equal(run(roles, 2), 128 + SIGKILL);
}

struct fds {
    int kept, other;
};

static int looks_around(void *self)
{
    const struct fds *f = self;
    char name[17] = "";
    struct sigaction pipe_action;
    if (fcntl(f->kept, F_GETFD) < 0)
        return 1;
    if (fcntl(f->other, F_GETFD) >= 0 || errno != EBADF)
        return 2;
    if (prctl(PR_GET_NAME, name, 0, 0, 0) != 0 || strcmp(name, "looker") != 0)
        return 3;
    if (sigaction(SIGPIPE, NULL, &pipe_action) != 0 || pipe_action.sa_handler != SIG_IGN)
        return 4;
    if (fcntl(0, F_GETFD) < 0 || fcntl(1, F_GETFD) < 0 || fcntl(2, F_GETFD) < 0)
        return 5;
    return 0;
}

static void keeps_only_its_own(void **state)
{
    (void)state;
    int low[2], high[2];
    assert_int_equal(pipe(low), 0);
    assert_int_equal(pipe(high), 0);
    struct fds cases[] = {{low[0], low[1]}, {low[1], low[0]}, {high[1], high[0]}, {high[0], low[1]}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct role roles[] = {{"looker", looks_around, &cases[i], {cases[i].kept, -1}}};
        assert_int_equal(run(roles, 1), 0);
    }
    for (int i = 0; i < 2; i++) {
        (void)close(low[i]);
        (void)close(high[i]);
    }
}

/* Starts roles that wait and hold the pipe's write end; the returned read end tells when all are gone. */
static int start_waiting(pid_t *ret_parent, const char *pid_file)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    *ret_parent = fork();
    if (*ret_parent == 0) {
        const struct role roles[] = {{"a", waits, NULL, {ends[1], -1}}, {"b", waits, NULL, {ends[1], -1}}};
        (void)close(ends[0]);
        _exit(roles_run(roles, 2, pid_file));
    }
    (void)close(ends[1]);
    return ends[0];
}

static void assert_all_gone(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte;
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(read(fd, &byte, 1), 0);
    (void)close(fd);
}

static void an_orderly_end_is_zero(void **state)
{
    (void)state;
    char path[] = "/tmp/innsyn-pids-XXXXXX", text[256] = "", want[64];
    pid_t parent;
    int status, file = mkstemp(path);
    assert_true(file >= 0);
    (void)close(file);
    int fd = start_waiting(&parent, path);
    for (int i = 0; i < 500 && !strstr(text, " b\n"); i++) {
        (void)usleep(10000);
        file = open(path, O_RDONLY);
        assert_true(file >= 0);
        (void)!read(file, text, sizeof text - 1);
        (void)close(file);
    }
    (void)snprintf(want, sizeof want, "%d parent\n", (int)parent);
    assert_ptr_equal(strstr(text, want), text);
    assert_non_null(strstr(text, " a\n"));
    assert_int_equal(kill(parent, SIGTERM), 0);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_int_equal(status, 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_all_gone(fd);
}

static void roles_die_with_their_parent(void **state)
{
    (void)state;
    pid_t parent;
    int status, fd = start_waiting(&parent, NULL);
    (void)usleep(50000);
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_all_gone(fd);
}

/* Ends when the pipe does, whatever it is told. */
static int waits_for_the_end(void *self)
{
    const int *fd = self;
    char byte;
    (void)signal(SIGTERM, SIG_IGN);
    return read(*fd, &byte, 1) == 0 ? 0 : 1;
}

/* What a role held ends with it: the parent holds nothing of it, or who waits for an answer would wait until it is killed. */
static void an_end_is_seen_by_the_others(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const struct role roles[] = {{"asks", waits_for_the_end, &ends[0], {ends[0], -1}}, {"dies", ends_with, &three, {ends[1], -1}}};
    int64_t began = host_monotonic_ms(host_real());
    pid_t child = fork();
    int status;
    if (child == 0)
        _exit(roles_run(roles, 2, NULL));
    (void)close(ends[0]);
    (void)close(ends[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3); /* its own, not of whoever noticed */
    assert_true(host_monotonic_ms(host_real()) - began < 8000); /* after 10 s it would have been killed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_end_ends_all),       cmocka_unit_test(a_killed_role_is_told),
        cmocka_unit_test(keeps_only_its_own),     cmocka_unit_test(an_orderly_end_is_zero),
        cmocka_unit_test(roles_die_with_their_parent), cmocka_unit_test(an_end_is_seen_by_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
