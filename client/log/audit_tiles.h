/*
 * audit_tiles.h - a whole log from its checkpoint, tiles and bundles, wherever they lie: every entry is held
 * against its hash tile, every tile against those below it, all against the signed root.  In bounded memory; pure.
 */
#ifndef INNSYN_CLIENT_LOG_AUDIT_TILES_H
#define INNSYN_CLIENT_LOG_AUDIT_TILES_H

#include "client/log/audit.h"
#include "client/log/log_policy.h"
#include "proto/tiles.h"

enum { BUNDLE_BYTES_MAX = TILE_WIDTH * (BUNDLE_ENTRY_MAX + 2), TILE_BYTES = TILE_WIDTH * HASH_LEN };

/* Reads "checkpoint", "tile/0/000", ... ; appends at most max bytes. */
typedef result audit_read_fn(void *self, const char *path, size_t max, struct buffer *to, struct why *why);
typedef void audit_progress_fn(void *self, uint64_t done, uint64_t of);

/* Each entry of a bundle against its hash tile.  DENIED names the first entry that is not the one whose hash
 * stands there.  count, first: how many entries, and the index of the first. */
MUST_CHECK result audit_bundle(struct slice bundle, struct slice hashes, uint64_t first, unsigned count, struct why *why);

/* All of it.  a: by audit_init.  DENIED names the first entry that is wrong, or the tile or checkpoint. */
MUST_CHECK result audit_tiles(audit_read_fn *read, audit_progress_fn *progress, void *self, const struct log_policy *p,
                              struct audit *a, struct policy_verdict *ret, struct why *why);

#endif
