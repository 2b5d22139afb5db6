/*
 * scratch.h - what a test puts down and takes away: a folder of its own, and copies of files.  No shell
 * between: a path with a blank in it is only a path.
 */
#ifndef INNSYN_TESTS_UNIT_SCRATCH_H
#define INNSYN_TESTS_UNIT_SCRATCH_H

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

enum { SCRATCH_PATH = 64, SCRATCH_FILES_OPEN = 16, SCRATCH_COPY = 64 * 1024 };

/* dir becomes "/tmp/innsyn-NAME-XXXXXX", made.  Others may pass through it: a database server is another user. */
static inline void scratch_make(char dir[SCRATCH_PATH], const char *name)
{
    assert_true(snprintf(dir, SCRATCH_PATH, "/tmp/innsyn-%s-XXXXXX", name) < SCRATCH_PATH);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chmod(dir, 0711), 0);
}

static inline int scratch_drop_(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s;
    (void)type;
    (void)at;
    return remove(path);
}

/* The folder and all that is in it go; a link in it goes, not what it leads to. */
static inline void scratch_remove(const char *dir)
{
    assert_int_equal(nftw(dir, scratch_drop_, SCRATCH_FILES_OPEN, FTW_DEPTH | FTW_PHYS), 0);
}

/* The folder stays, empty. */
static inline void scratch_empty(const char *dir)
{
    scratch_remove(dir);
    assert_int_equal(mkdir(dir, 0711), 0);
}

static inline void scratch_copy(const char *from, const char *to)
{
    static char bytes[SCRATCH_COPY];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
    (void)fclose(in);
}

#endif
