/*
 * host.h - the outside world as a parameter: clock, randomness, files.
 * One is real (host_real), one fails on its n-th call (tests/unit/fault_host.h).
 * Library code asks the host and never the system.
 */
#ifndef INNSYN_BASE_HOST_H
#define INNSYN_BASE_HOST_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/result.h"
#include "base/slice.h"

struct host {
    const struct host_calls *calls;
    void *self;
};

struct host_calls {
    int64_t (*now_ms)(void *self);       /* wall clock, ms since 1970 UTC */
    int64_t (*monotonic_ms)(void *self); /* never goes back; only differences mean anything */
    result (*random)(void *self, uint8_t *to, size_t len, struct why *why);
    /* A whole file of at most max bytes, appended to `to`.  ABSENT: no such file.  LIMIT: larger. */
    result (*read_file)(void *self, const char *path, size_t max, struct buffer *to, struct why *why);
    /* Writes aside, syncs, renames, syncs the folder: afterwards the file is old or new, never torn.
     * mode: 0600 or 0644. */
    result (*write_file)(void *self, const char *path, unsigned mode, struct slice bytes, struct why *why);
    /* Appends and syncs (fdatasync) the file before it returns, also what append_later left; creates the file
     * if need be.  On failure what was appended is cut off again. */
    result (*append_file)(void *self, const char *path, unsigned mode, struct slice bytes, struct why *why);
    /* Appends without a sync: it lasts as the next append_file to the same file does. */
    result (*append_later)(void *self, const char *path, unsigned mode, struct slice bytes, struct why *why);
    result (*remove_file)(void *self, const char *path, struct why *why);
    result (*make_folder)(void *self, const char *path, unsigned mode, struct why *why); /* OK if it is there */
    result (*rename)(void *self, const char *from, const char *to, struct why *why);     /* and sync the folder */
};

/* The real world.  In builds with -Dtest_hooks=true, INNSYN_TEST_CLOCK="+SECONDS" or "-SECONDS"
 * shifts now_ms, and INNSYN_TEST_CLOCK_FILE names a file of 8 bytes, the shift in ms (int64, the machine's byte
 * order), which a test may rewrite while programs run; in a release build neither is looked at. */
const struct host *host_real(void);

int64_t host_now_ms(const struct host *h);
int64_t host_monotonic_ms(const struct host *h);
MUST_CHECK result host_random(const struct host *h, uint8_t *to, size_t len, struct why *why);
MUST_CHECK result host_read_file(const struct host *h, const char *path, size_t max, struct buffer *to,
                                 struct why *why);
MUST_CHECK result host_write_file(const struct host *h, const char *path, unsigned mode, struct slice bytes,
                                  struct why *why);
MUST_CHECK result host_append_file(const struct host *h, const char *path, unsigned mode, struct slice bytes,
                                   struct why *why);
MUST_CHECK result host_append_later(const struct host *h, const char *path, unsigned mode, struct slice bytes,
                                    struct why *why);
MUST_CHECK result host_remove_file(const struct host *h, const char *path, struct why *why);
MUST_CHECK result host_make_folder(const struct host *h, const char *path, unsigned mode, struct why *why);
MUST_CHECK result host_rename(const struct host *h, const char *from, const char *to, struct why *why);

#endif
