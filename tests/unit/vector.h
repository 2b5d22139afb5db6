/* vector.h - reading test data: files under TEST_DATA, and all files of a folder in order. */
#ifndef INNSYN_TESTS_UNIT_VECTOR_H
#define INNSYN_TESTS_UNIT_VECTOR_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "check.h"

enum { VECTOR_BYTES_MAX = 4 * 1024 * 1024, VECTOR_PATH_MAX = 512 };

/* The file's bytes, appended; the test fails if it cannot be read. */
static inline void vector_read(const char *path, struct buffer *to)
{
    char whole[VECTOR_PATH_MAX];
    (void)snprintf(whole, sizeof whole, "%s/%s", TEST_DATA, path);
    FILE *f = fopen(whole, "rb");
    if (!f) {
        print_error("%s cannot be opened\n", whole);
        fail();
        return;
    }
    buffer_init(to, VECTOR_BYTES_MAX);
    uint8_t part[8192];
    size_t n;
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        assert_ok(buffer_add(to, slice_of(part, n), NULL));
    fclose(f);
}

static inline int vector_wanted(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

typedef void vector_fn(const char *path);

/* Calls fn for every file below the folder (path as for vector_read), by name; the number of files. */
static inline unsigned vector_each(const char *folder, vector_fn *fn)
{
    char whole[VECTOR_PATH_MAX], path[VECTOR_PATH_MAX];
    struct dirent **entries;
    unsigned count = 0;
    int len = snprintf(whole, sizeof whole, "%s/%s", TEST_DATA, folder);
    assert_true(len > 0 && (size_t)len < sizeof whole);
    int n = scandir(whole, &entries, vector_wanted, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        len = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        assert_true(len > 0 && (size_t)len < sizeof path);
        if (entries[i]->d_type == DT_DIR) {
            count += vector_each(path, fn);
        } else {
            fn(path);
            count++;
        }
        free(entries[i]);
    }
    free(entries);
    return count;
}

#endif
