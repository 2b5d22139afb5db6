/* Aim: each permission opens what it names and nothing else.  Method: every deed in a child of its own, once with
 * what it needs and once without. */
#include "base/sandbox.h"
#include "base/buffer.h"
#include "base/host.h"
#include "base/loop.h"
#include "base/secret.h"
#include "base/worker.h"
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int listener;
static char file[] = "/tmp/innsyn-sandbox-XXXXXX";

/* --- deeds: 0 if they went as they should when permitted ------------------------------------------ */

static void stop(void *self)
{
    loop_stop(self);
}

static int bytewise(const void *a, const void *b)
{
    return memcmp(a, b, 1);
}

/* What the C library looks up in files the first time it is asked. */
static int lazy_life(void)
{
    enum { MANY = 4 << 20 };
    time_t now = 1000000000;
    struct tm tm;
    char text[64], *many = calloc(1, MANY);
    if (!many || !gmtime_r(&now, &tm) || tm.tm_year != 101 || !strftime(text, sizeof text, "%a, %d %b %Y", &tm))
        return 1;
    qsort(many, MANY, 1, bytewise);
    free(many);
    return localtime_r(&now, &tm) && strerror(ENOENT) && snprintf(text, sizeof text, "%.17g", 0.1) > 0 ? 0 : 2;
}

static int plain_life(void)
{
    struct loop *l;
    struct loop_watch *timer;
    struct secret *s;
    uint8_t random[16];
    void *large = malloc(8 << 20);
    if (!large || !is_ok(host_random(host_real(), random, sizeof random, NULL)))
        return 1;
    free(large);
    if (!is_ok(secret_new(slice_of(random, sizeof random), &s, NULL)))
        return 2;
    secret_free(s);
    if (!is_ok(loop_new(&l, NULL)) || !is_ok(loop_timer(l, stop, l, &timer, NULL)))
        return 3;
    loop_timer_set(timer, 1);
    loop_run(l);
    loop_unwatch(timer);
    loop_free(l);
    return fprintf(stderr, "%s", "") == 0 && host_now_ms(host_real()) > 0 ? 0 : 4;
}

static int open_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : 1;
}

static int connect_by_name(void)
{
    struct sockaddr_in to;
    socklen_t len = sizeof to;
    struct addrinfo *found, hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    if (getsockname(listener, (struct sockaddr *)&to, &len) != 0)
        return 1;
    if (getaddrinfo("localhost", "80", &hints, &found) != 0)
        return 2;
    ((struct sockaddr_in *)(void *)found->ai_addr)->sin_port = to.sin_port;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return connect(fd, found->ai_addr, found->ai_addrlen) == 0 ? 0 : 3;
}

static int accept_one(void)
{
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK) >= 0 || errno == EAGAIN ? 0 : 1;
}

static int read_a_file(void)
{
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, 100);
    return is_ok(host_read_file(host_real(), file, 100, &b, NULL)) ? 0 : 1;
}

static int write_a_file(void)
{
    const struct host *h = host_real();
    return is_ok(host_write_file(h, file, 0600, slice_str("x"), NULL)) &&
                   is_ok(host_append_file(h, file, 0600, slice_str("y"), NULL))
               ? read_a_file()
               : 1;
}

static int open_to_write(void)
{
    return open(file, O_RDWR) >= 0 ? 0 : 1;
}

static int remove_a_file(void)
{
    return unlink("/tmp/innsyn-no-such-file") != 0 && errno == ENOENT ? 0 : 1;
}

enum { THREADS = 12 }; /* more than malloc has arenas for without counting the processors */

static void *allocate(void *self)
{
    void *at = malloc(1000);
    (void)pthread_barrier_wait(self);
    free(at);
    return at ? self : NULL;
}

static int start_threads(void)
{
    pthread_t t[THREADS];
    pthread_barrier_t all;
    (void)pthread_barrier_init(&all, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&t[i], NULL, allocate, &all) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++) {
        void *got;
        if (pthread_join(t[i], &got) != 0 || !got)
            return 2;
    }
    return 0;
}

static int start_process(void)
{
    return fork() >= 0 ? 0 : 1;
}

static int become_a_program(void)
{
    return execl("/bin/true", "true", (char *)NULL);
}

static int trace_someone(void)
{
    return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int signal_someone(void)
{
    return kill(getppid(), 0);
}

static int make_code(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED || mprotect(at, 4096, PROT_READ | PROT_EXEC) == 0 || errno != EACCES)
        return 1;
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 0 : 2;
}

static int end_by_abort(void)
{
    abort();
}

enum { ALL = SANDBOX_FILES_READ | SANDBOX_FILES_WRITE | SANDBOX_SERVE | SANDBOX_CONNECT | SANDBOX_THREADS };

/* How a child ended: its exit status, or 128 and the signal. */
static int end_of(unsigned allow, int (*deed)(void))
{
    pid_t child = fork();
    if (child == 0) {
        process_hide(); /* a filtered child is not to leave a core file */
        (void)alarm(20);
        if (!is_ok(sandbox_enter(allow, NULL)))
            _exit(99);
        _exit(deed());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Sanitizers need calls that no role does; their builds are made without the filter. */
static void needs_the_filter(void)
{
#ifdef INNSYN_NO_SANDBOX
    skip();
#endif
}

static void each_permission_opens_its_door_only(void **state)
{
    (void)state;
    needs_the_filter();
    const struct {
        const char *name;
        int (*deed)(void);
        unsigned needs;
        unsigned also; /* a wider permission that includes it */
    } rows[] = {
        {"socket", open_socket, SANDBOX_CONNECT, 0},
        {"connect by name", connect_by_name, SANDBOX_CONNECT, 0},
        {"accept", accept_one, SANDBOX_SERVE, 0},
        {"read", read_a_file, SANDBOX_FILES_READ, SANDBOX_FILES_WRITE | SANDBOX_CONNECT},
        {"write", write_a_file, SANDBOX_FILES_WRITE, 0},
        {"open to write", open_to_write, SANDBOX_FILES_WRITE, 0},
        {"remove", remove_a_file, SANDBOX_FILES_WRITE, 0},
        {"threads", start_threads, SANDBOX_THREADS, SANDBOX_CONNECT},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int with = end_of(rows[i].needs, rows[i].deed);
        int without = end_of(ALL & ~(rows[i].needs | rows[i].also), rows[i].deed);
        if (with != 0 || without != 128 + SIGSYS)
            fail_msg("%s: %d with its permission, %d without", rows[i].name, with, without);
    }
}

static void some_doors_stay_shut(void **state)
{
    (void)state;
    needs_the_filter();
    int (*const deeds[])(void) = {start_process, become_a_program, trace_someone, signal_someone};
    for (size_t i = 0; i < COUNT_OF(deeds); i++)
        assert_int_equal(end_of(ALL, deeds[i]), 128 + SIGSYS);
}

static void plain_life_needs_no_permission(void **state)
{
    (void)state;
    needs_the_filter();
    assert_int_equal(end_of(0, plain_life), 0);
    assert_int_equal(end_of(0, lazy_life), 0);
    assert_int_equal(end_of(0, make_code), 0);
    assert_int_equal(end_of(0, end_by_abort), 128 + SIGABRT);
}

/* Threads started before the filter are under it too. */
static void run_socket(void *job)
{
    (void)job;
    (void)open_socket();
}

static void never(void *job)
{
    (void)job;
}

static void filters_earlier_threads(void **state)
{
    (void)state;
    needs_the_filter();
    pid_t child = fork();
    if (child == 0) {
        struct loop *l;
        struct workers *w;
        process_hide();
        if (!is_ok(loop_new(&l, NULL)) || !is_ok(workers_new(l, 1, &w, NULL)) || !is_ok(sandbox_enter(0, NULL)) ||
            !is_ok(workers_run(w, run_socket, never, NULL, NULL)))
            _exit(99);
        for (int i = 0; i < 100; i++)
            loop_turn(l, 100);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static int has_given_up(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1;
}

/* With the filter the question itself is refused. */
static void gives_up_new_privileges(void **state)
{
    (void)state;
#ifdef INNSYN_NO_SANDBOX
    assert_int_equal(end_of(0, has_given_up), 0);
#else
    assert_int_equal(end_of(ALL, has_given_up), 128 + SIGSYS);
#endif
}

static int enter(void **state)
{
    (void)state;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = mkstemp(file);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    return fd >= 0 && close(fd) == 0 && bind(listener, (const struct sockaddr *)&any, sizeof any) == 0 &&
                   listen(listener, 5) == 0
               ? 0
               : -1;
}

static int leave(void **state)
{
    (void)state;
    (void)close(listener);
    return unlink(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(some_doors_stay_shut),
        cmocka_unit_test(each_permission_opens_its_door_only),
        cmocka_unit_test(filters_earlier_threads),
        cmocka_unit_test(gives_up_new_privileges),
        cmocka_unit_test(plain_life_needs_no_permission),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
