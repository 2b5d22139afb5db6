#include "base/role.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/host.h"
#include "base/instant.h"

enum { ROLE_END_MS_MAX = 10 * 1000, ROLE_FOLLOW_MS = 3000, PID_FILE_BYTES_MAX = 4096, FIRST_FD = 3 };

struct running {
    const struct role *roles;
    pid_t pid[ROLES_MAX]; /* 0: has ended */
    unsigned count, left;
    bool stopping;
    int status; /* of the program */
};

static int ascending(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Closes every descriptor from 3 on that is not kept. */
static void close_others(const int keep_fds[ROLE_FDS_MAX])
{
    int keep[ROLE_FDS_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < ROLE_FDS_MAX && keep_fds[i] >= 0; i++)
        if (keep_fds[i] >= FIRST_FD)
            keep[n++] = keep_fds[i];
    qsort(keep, n, sizeof keep[0], ascending);
    unsigned from = FIRST_FD;
    for (unsigned i = 0; i < n; i++) {
        unsigned kept = (unsigned)keep[i];
        if (kept > from && close_range(from, kept - 1, 0) != 0)
            abort(); /* a role must not start with what belongs to another */
        if (kept >= from)
            from = kept + 1;
    }
    if (close_range(from, ~0u, 0) != 0)
        abort();
}

/* What belongs to the roles: held here too, no channel would ever end, and whoever asks a role that died would wait. */
static void hand_over(const struct role *roles, unsigned count)
{
    int fds[ROLES_MAX * ROLE_FDS_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < ROLE_FDS_MAX && roles[i].keep_fds[k] >= 0; k++)
            if (roles[i].keep_fds[k] >= FIRST_FD)
                fds[n++] = roles[i].keep_fds[k];
    qsort(fds, n, sizeof fds[0], ascending);
    for (unsigned i = 0; i < n; i++)
        if (i == 0 || fds[i] != fds[i - 1])
            (void)close(fds[i]);
}

_Noreturn static void live(const struct role *role, pid_t parent, const sigset_t *mask)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
        _exit(EXIT_FAILURE); /* the parent ended before it could be watched */
    (void)prctl(PR_SET_NAME, role->name, 0, 0, 0);
    close_others(role->keep_fds);
    (void)signal(SIGPIPE, SIG_IGN);
    /* Ctrl-C reaches the whole process group; the parent turns it into one orderly end. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of the write that wanted it */
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    exit(role->main(role->self));
}

static void tell_all(const struct running *r, int signal_number)
{
    for (unsigned i = 0; i < r->count; i++)
        if (r->pid[i])
            (void)kill(r->pid[i], signal_number);
}

static void reap(struct running *r)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 0; i < r->count; i++) {
            if (r->pid[i] != pid)
                continue;
            int own = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            if (r->stopping && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)
                own = 0; /* a role that has nothing to tidy up may leave SIGTERM to the kernel */
            if (WIFSIGNALED(status) && !r->stopping)
                (void)fprintf(stderr, "roles: %s was ended by signal %d (%s)\n", r->roles[i].name, WTERMSIG(status),
                              strsignal(WTERMSIG(status)));
            r->pid[i] = 0;
            r->left--;
            if (r->status == 0)
                r->status = own;
        }
    }
}

static void stop(struct running *r)
{
    if (!r->stopping)
        tell_all(r, SIGTERM);
    r->stopping = true;
}

static void watch(struct running *r, const sigset_t *signals)
{
    const struct host *host = host_real();
    int64_t deadline_ms = 0, follow_ms = INT64_MAX;
    while (r->left) {
        bool was_stopping = r->stopping;
        struct timespec wait = {.tv_sec = 1};
        int got = sigtimedwait(signals, NULL, &wait);
        reap(r);
        /* One that ended well may have seen another's end, which is not over yet and has a status to give. */
        if (r->left < r->count && follow_ms == INT64_MAX)
            follow_ms = host_monotonic_ms(host) + ROLE_FOLLOW_MS;
        if (got == SIGTERM || got == SIGINT || r->status != 0 || host_monotonic_ms(host) >= follow_ms)
            stop(r);
        if (r->stopping && !was_stopping)
            deadline_ms = host_monotonic_ms(host) + ROLE_END_MS_MAX;
        else if (r->stopping && host_monotonic_ms(host) >= deadline_ms)
            tell_all(r, SIGKILL);
    }
}

static result write_pids(const struct running *r, const struct role *roles, const char *path, struct why *why)
{
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, PID_FILE_BYTES_MAX);
    TRY(buffer_printf(&b, why, "%d parent\n", (int)getpid()));
    for (unsigned i = 0; i < r->count; i++)
        TRY(buffer_printf(&b, why, "%d %s\n", (int)r->pid[i], roles[i].name));
    return host_write_file(host_real(), path, 0644, buffer_slice(&b), why);
}

int roles_run(const struct role *roles, unsigned count, const char *pid_file)
{
    struct running r = {.roles = roles, .count = 0};
    sigset_t signals, before;
    struct sigaction interrupt;
    pid_t parent = getpid();
    if (count > ROLES_MAX) {
        (void)fprintf(stderr, "roles: %u of them, at most %d are allowed\n", count, ROLES_MAX);
        return EXIT_FAILURE;
    }
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGCHLD);
    /* A shell starts background commands with SIGINT ignored; that is to stay so. */
    if (sigaction(SIGINT, NULL, &interrupt) == 0 && interrupt.sa_handler != SIG_IGN)
        (void)sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, &before);
    (void)fflush(NULL); /* or each role would print it again */
    for (; r.count < count; r.count++) {
        pid_t pid = fork();
        if (pid == 0)
            live(&roles[r.count], parent, &before);
        if (pid < 0) {
            (void)fprintf(stderr, "roles: %s cannot be started: %s\n", roles[r.count].name, strerrordesc_np(errno));
            r.status = EXIT_FAILURE;
            stop(&r);
            break;
        }
        r.pid[r.count] = pid;
        r.left++;
    }
    hand_over(roles, count);
    struct why why;
    if (pid_file && !r.stopping && !is_ok(write_pids(&r, roles, pid_file, &why))) {
        (void)fprintf(stderr, "roles: %s\n", why.text);
        r.status = EXIT_FAILURE;
        stop(&r);
    }
    watch(&r, &signals);
    if (pid_file)
        (void)unlink(pid_file);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return r.status;
}
