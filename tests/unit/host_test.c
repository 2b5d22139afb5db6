/* Aim: files are old or new and never torn, sizes are kept, refusals are told apart.  Method: a folder of our own. */
#include "base/host.h"
#include "check.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

static char folder[] = "/tmp/innsyn-host-XXXXXX";

static const char *in_folder(const char *name)
{
    static char paths[32][128];
    static unsigned turn;
    char *path = paths[turn++ % 32];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int enter(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    return rmdir(folder); /* fails, and so does the suite, if a test left something behind */
}

static unsigned names_in_folder(void)
{
    unsigned n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

static void assert_holds(const char *path, const char *text)
{
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, 1 << 20);
    assert_ok(host_read_file(host_real(), path, 1 << 20, &b, NULL));
    assert_slice(buffer_slice(&b), text);
}

static void writes_reads_removes(void **state)
{
    (void)state;
    const struct host *h = host_real();
    const char *path = in_folder("a");
    struct stat st;
    struct why why;
    assert_ok(host_write_file(h, path, 0600, slice_str("one"), NULL));
    assert_holds(path, "one");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    mode_t old = umask(0077);
    assert_ok(host_write_file(h, path, 0644, slice_str("two"), NULL));
    (void)umask(old);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_ok(host_append_file(h, path, 0644, slice_str("+three"), NULL));
    assert_holds(path, "two+three");
    assert_ok(host_rename(h, path, in_folder("b"), NULL));
    assert_status(host_rename(h, path, in_folder("c"), NULL), ABSENT);
    assert_ok(host_append_file(h, in_folder("c"), 0600, slice_str("new"), NULL));
    assert_holds(in_folder("c"), "new");
    assert_int_equal(names_in_folder(), 2);
    assert_ok(host_remove_file(h, in_folder("b"), NULL));
    assert_ok(host_remove_file(h, in_folder("c"), NULL));
    assert_status(host_remove_file(h, in_folder("c"), &why), ABSENT);
    assert_non_null(strstr(why.text, "/c"));
    assert_ok(host_make_folder(h, in_folder("d"), 0700, NULL));
    assert_ok(host_make_folder(h, in_folder("d"), 0700, NULL));
    assert_int_equal(rmdir(in_folder("d")), 0);
    assert_status(host_make_folder(h, in_folder("no/d"), 0700, NULL), ABSENT);
    assert_status(host_write_file(h, in_folder("no/d"), 0600, slice_str("x"), NULL), ABSENT);
    assert_ok(host_write_file(h, path, 0600, slice_str("x"), NULL));
    assert_status(host_make_folder(h, path, 0700, NULL), UNAVAILABLE);
    assert_ok(host_remove_file(h, path, NULL));
}

static void reads_up_to_the_maximum(void **state)
{
    (void)state;
    const struct host *h = host_real();
    const char *path = in_folder("big");
    static uint8_t bytes[200000];
    struct buffer b CLEANUP(buffer_done) = {0};
    memset(bytes, 'x', sizeof bytes);
    assert_ok(host_write_file(h, path, 0600, slice_of(bytes, sizeof bytes), NULL));
    buffer_init(&b, sizeof bytes + 4);
    assert_ok(buffer_add_str(&b, "kept", NULL));
    assert_status(host_read_file(h, path, sizeof bytes - 1, &b, NULL), LIMIT);
    assert_slice(buffer_slice(&b), "kept");
    assert_ok(host_read_file(h, path, sizeof bytes, &b, NULL));
    assert_int_equal(b.len, sizeof bytes + 4);
    struct buffer small CLEANUP(buffer_done) = {0};
    buffer_init(&small, 100);
    assert_status(host_read_file(h, path, sizeof bytes, &small, NULL), LIMIT);
    assert_int_equal(small.len, 0);
    assert_status(host_read_file(h, in_folder("none"), 9, &b, NULL), ABSENT);
    assert_status(host_read_file(h, folder, 9, &b, NULL), UNAVAILABLE);
    assert_ok(host_write_file(h, path, 0600, slice_str(""), NULL));
    assert_ok(host_read_file(h, path, 0, &b, NULL));
    assert_ok(host_remove_file(h, path, NULL));
}

/* A file size limit stands for a full disk: the write stops half way. */
static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    const struct host *h = host_real();
    const char *path = in_folder("f");
    static uint8_t bytes[10000];
    struct rlimit had, small = {5000, RLIM_INFINITY};
    assert_ok(host_write_file(h, path, 0600, slice_str("old"), NULL));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &had), 0);
    small.rlim_max = had.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    result w = host_write_file(h, path, 0600, slice_of(bytes, sizeof bytes), NULL);
    result a = host_append_file(h, path, 0600, slice_of(bytes, sizeof bytes), NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &had), 0);
    assert_status(w, UNAVAILABLE);
    assert_status(a, UNAVAILABLE);
    assert_holds(path, "old");
    assert_int_equal(names_in_folder(), 1);
    assert_ok(host_remove_file(h, path, NULL));
}

static void clocks_and_randomness(void **state)
{
    (void)state;
    const struct host *h = host_real();
    uint8_t a[32] = {0}, b[32] = {0};
    assert_ok(host_random(h, a, sizeof a, NULL));
    assert_ok(host_random(h, b, sizeof b, NULL));
    assert_memory_not_equal(a, b, sizeof a);
    int64_t m = host_monotonic_ms(h), t = host_now_ms(h);
    assert_true(host_monotonic_ms(h) >= m);
    assert_true(t > INT64_C(1700000000000));
    assert_int_equal(setenv("INNSYN_TEST_CLOCK", "+86400", 1), 0);
    int64_t shifted = host_now_ms(h) - t;
#ifdef INNSYN_TEST_HOOKS
    assert_true(shifted >= 86400000 && shifted < 86400000 + 60000);
#else
    assert_true(shifted < 60000);
#endif
    assert_int_equal(unsetenv("INNSYN_TEST_CLOCK"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_reads_removes),
        cmocka_unit_test(reads_up_to_the_maximum),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(clocks_and_randomness),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
