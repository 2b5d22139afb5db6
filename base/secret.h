/*
 * secret.h - bytes that must not be paged out, dumped or printed.
 * Kept in pages of their own: mlock'ed where the limit allows, MADV_DONTDUMP and
 * MADV_WIPEONFORK, overwritten before they are given back.
 */
#ifndef INNSYN_BASE_SECRET_H
#define INNSYN_BASE_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "base/slice.h"

enum { SECRET_BYTES_MAX = 4000 };

struct secret; /* opaque: there is no way to print one by accident */

/* LIMIT: len is over SECRET_BYTES_MAX, or no memory.  The copy is the callee's;
 * wipe your own with wipe(). */
MUST_CHECK result secret_new(struct slice bytes, struct secret **ret, struct why *why);
void secret_free(struct secret *s); /* NULL is welcome */
void secret_freep(struct secret **s);
struct slice secret_bytes(const struct secret *s); /* borrowed; do not copy into logs */

void wipe(void *at, size_t len); /* not removed by the optimiser */
bool equal_constant_time(struct slice a, struct slice b);

/* No core files, no ptrace by others, for the calling process (prctl PR_SET_DUMPABLE, RLIMIT_CORE). */
void process_hide(void);

#endif
