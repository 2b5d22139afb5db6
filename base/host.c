#include "base/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/instant.h"

enum { READ_STEP_BYTES = 64 * 1024, TEST_CLOCK_SECONDS_MAX = 1000000000 };

static result refused(struct why *why, const char *deed, const char *path, int error)
{
    enum status code = error == ENOENT || error == ENOTDIR ? ABSENT : UNAVAILABLE;
    return FAIL(why, code, "cannot %s %s: %s", deed, path, strerrordesc_np(error));
}

static void fd_close(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

/* --- time ------------------------------------------------------------------------------------- */

static int64_t clock_ms(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        abort(); /* both clocks exist on every Linux */
    return (int64_t)t.tv_sec * SECOND_MS + t.tv_nsec / 1000000;
}

#ifdef INNSYN_TEST_HOOKS
/* The shift of INNSYN_TEST_CLOCK_FILE, mapped: a test writes another number there, and every process that has
 * the file open is at another hour at once.  NULL: no such file. */
static const volatile int64_t *moved_ms;

static void test_clock_open(void)
{
    static bool tried;
    const char *path = getenv("INNSYN_TEST_CLOCK_FILE");
    if (tried || !path)
        return;
    tried = true;
    int fd CLEANUP(fd_close) = open(path, O_RDONLY | O_CLOEXEC);
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *moved_ms, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        abort(); /* a test that believes to move the clock and does not would prove nothing */
    moved_ms = at;
}

static int64_t test_shift_ms(void)
{
    uint64_t seconds;
    if (moved_ms)
        return *moved_ms;
    const char *text = getenv("INNSYN_TEST_CLOCK");
    if (!text || (text[0] != '+' && text[0] != '-') ||
        !slice_parse_u64(slice_str(text + 1), TEST_CLOCK_SECONDS_MAX, &seconds))
        return 0;
    return (text[0] == '-' ? -1 : 1) * (int64_t)seconds * SECOND_MS;
}
#else
static void test_clock_open(void)
{
}

static int64_t test_shift_ms(void)
{
    return 0;
}
#endif

static int64_t real_now_ms(void *self)
{
    (void)self;
    return clock_ms(CLOCK_REALTIME) + test_shift_ms();
}

static int64_t real_monotonic_ms(void *self)
{
    (void)self;
    return clock_ms(CLOCK_MONOTONIC);
}

/* --- randomness ------------------------------------------------------------------------------- */

static result real_random(void *self, uint8_t *to, size_t len, struct why *why)
{
    (void)self;
    while (len) {
        ssize_t n = getrandom(to, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FAIL(why, UNAVAILABLE, "the kernel gives no randomness: %s", strerrordesc_np(errno));
        to += n;
        len -= (size_t)n;
    }
    return DONE;
}

/* --- files ------------------------------------------------------------------------------------ */

static result read_all(int fd, const char *path, size_t max, struct buffer *to, struct why *why)
{
    for (size_t total = 0;;) {
        uint8_t over, *at = &over;
        size_t want = READ_STEP_BYTES;
        if (want > max - total)
            want = max - total;
        if (want > to->max - to->len)
            want = to->max - to->len;
        /* When full, one byte more is asked for, to tell a file that ends here from a larger one. */
        bool full = want == 0;
        if (full)
            want = 1;
        else
            TRY(buffer_reserve(to, want, &at, why));
        ssize_t n = read(fd, at, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return refused(why, "read", path, errno);
        if (n == 0)
            return DONE;
        if (full)
            return FAIL(why, LIMIT, "%s is larger than %zu bytes", path, total);
        buffer_commit(to, (size_t)n);
        total += (size_t)n;
    }
}

static result real_read_file(void *self, const char *path, size_t max, struct buffer *to, struct why *why)
{
    (void)self;
    int fd CLEANUP(fd_close) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return refused(why, "open", path, errno);
    size_t before = to->len;
    result r = read_all(fd, path, max, to, why);
    if (!is_ok(r))
        to->len = before;
    return r;
}

/* The folder that holds path, open. */
static result open_parent(const char *path, int *ret_fd, struct why *why)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct slice name = slash == path ? slice_str("/") : slice_of(path, slash ? (size_t)(slash - path) : 0);
    if (!slice_copy_str(name.len ? name : slice_str("."), folder, sizeof folder))
        return FAIL(why, LIMIT, "the path of a file is longer than %d bytes", PATH_MAX - 1);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return refused(why, "open the folder", folder, errno);
    *ret_fd = fd;
    return DONE;
}

static result sync_parent(const char *path, struct why *why)
{
    int fd CLEANUP(fd_close) = -1;
    TRY(open_parent(path, &fd, why));
    if (fsync(fd) != 0)
        return refused(why, "sync the folder of", path, errno);
    return DONE;
}

static result write_all(int fd, const char *path, struct slice bytes, struct why *why)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.at, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return refused(why, "write", path, errno);
        bytes = slice_part(bytes, (size_t)n, bytes.len);
    }
    return DONE;
}

static result write_new(const char *path, unsigned mode, struct slice bytes, struct why *why)
{
    /* A name left by a crash is taken again; one planted by someone else is not followed. */
    (void)unlink(path);
    int fd CLEANUP(fd_close) = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return refused(why, "create", path, errno);
    if (fchmod(fd, mode) != 0) /* whatever the umask */
        return refused(why, "set the mode of", path, errno);
    TRY(write_all(fd, path, bytes, why));
    if (fsync(fd) != 0)
        return refused(why, "sync", path, errno);
    return DONE;
}

static result real_write_file(void *self, const char *path, unsigned mode, struct slice bytes, struct why *why)
{
    (void)self;
    char aside[PATH_MAX];
    /* The thread's number: two writers at once must not share a name, and names must not pile up. */
    int len = snprintf(aside, sizeof aside, "%s.new-%d", path, (int)gettid());
    if (len < 0 || (size_t)len >= sizeof aside)
        return FAIL(why, LIMIT, "the path of a file is longer than %d bytes", PATH_MAX - 1);
    result r = write_new(aside, mode, bytes, why);
    if (is_ok(r) && rename(aside, path) != 0)
        r = refused(why, "put in place", path, errno);
    if (!is_ok(r)) {
        (void)unlink(aside);
        return r;
    }
    return sync_parent(path, why);
}

static result append(int fd, const char *path, struct slice bytes, bool sync, struct why *why)
{
    TRY(write_all(fd, path, bytes, why));
    if (sync && fdatasync(fd) != 0)
        return refused(why, "sync", path, errno);
    return DONE;
}

static result append_whole(const char *path, unsigned mode, struct slice bytes, bool sync, struct why *why)
{
    struct stat before;
    int fd CLEANUP(fd_close) = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, mode);
        if (fd >= 0)
            TRY(sync_parent(path, why));
    }
    if (fd < 0)
        return refused(why, "open", path, errno);
    if (fstat(fd, &before) != 0)
        return refused(why, "look at", path, errno);
    result r = append(fd, path, bytes, sync, why);
    if (!is_ok(r) && ftruncate(fd, before.st_size) != 0)
        return FAIL(why, BROKEN, "%s ends in a part of an append that failed, and cannot be cut: %s", path,
                    strerrordesc_np(errno));
    return r;
}

static result real_append_file(void *self, const char *path, unsigned mode, struct slice bytes, struct why *why)
{
    (void)self;
    return append_whole(path, mode, bytes, true, why);
}

static result real_append_later(void *self, const char *path, unsigned mode, struct slice bytes, struct why *why)
{
    (void)self;
    return append_whole(path, mode, bytes, false, why);
}

static result real_remove_file(void *self, const char *path, struct why *why)
{
    (void)self;
    if (unlink(path) != 0)
        return refused(why, "remove", path, errno);
    return sync_parent(path, why);
}

static result real_make_folder(void *self, const char *path, unsigned mode, struct why *why)
{
    (void)self;
    struct stat there;
    if (mkdir(path, mode) == 0)
        return sync_parent(path, why);
    if (errno != EEXIST)
        return refused(why, "make the folder", path, errno);
    if (stat(path, &there) != 0 || !S_ISDIR(there.st_mode))
        return FAIL(why, UNAVAILABLE, "%s is there and is not a folder", path);
    return DONE;
}

static result real_rename(void *self, const char *from, const char *to, struct why *why)
{
    (void)self;
    if (rename(from, to) != 0)
        return refused(why, "rename", from, errno);
    TRY(sync_parent(to, why));
    return sync_parent(from, why);
}

const struct host *host_real(void)
{
    static const struct host_calls calls = {
        .now_ms = real_now_ms,
        .monotonic_ms = real_monotonic_ms,
        .random = real_random,
        .read_file = real_read_file,
        .write_file = real_write_file,
        .append_file = real_append_file,
        .append_later = real_append_later,
        .remove_file = real_remove_file,
        .make_folder = real_make_folder,
        .rename = real_rename,
    };
    static const struct host real = {&calls, NULL};
    test_clock_open(); /* before a role closes itself in */
    return &real;
}

/* --- the calls -------------------------------------------------------------------------------- */

int64_t host_now_ms(const struct host *h)
{
    return h->calls->now_ms(h->self);
}

int64_t host_monotonic_ms(const struct host *h)
{
    return h->calls->monotonic_ms(h->self);
}

result host_random(const struct host *h, uint8_t *to, size_t len, struct why *why)
{
    return h->calls->random(h->self, to, len, why);
}

result host_read_file(const struct host *h, const char *path, size_t max, struct buffer *to, struct why *why)
{
    return h->calls->read_file(h->self, path, max, to, why);
}

result host_write_file(const struct host *h, const char *path, unsigned mode, struct slice bytes, struct why *why)
{
    return h->calls->write_file(h->self, path, mode, bytes, why);
}

result host_append_file(const struct host *h, const char *path, unsigned mode, struct slice bytes, struct why *why)
{
    return h->calls->append_file(h->self, path, mode, bytes, why);
}

result host_append_later(const struct host *h, const char *path, unsigned mode, struct slice bytes, struct why *why)
{
    return h->calls->append_later(h->self, path, mode, bytes, why);
}

result host_remove_file(const struct host *h, const char *path, struct why *why)
{
    return h->calls->remove_file(h->self, path, why);
}

result host_make_folder(const struct host *h, const char *path, unsigned mode, struct why *why)
{
    return h->calls->make_folder(h->self, path, mode, why);
}

result host_rename(const struct host *h, const char *from, const char *to, struct why *why)
{
    return h->calls->rename(h->self, from, to, why);
}
