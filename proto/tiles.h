/*
 * tiles.h - the arithmetic and the names of C2SP tlog-tiles: a log as files of 256 hashes or entries.
 *   tile/<L>/<N>[.p/<W>]        W (256 when left out) hashes of level 8 L: the roots of 256^L entries each
 *   tile/entries/<N>[.p/<W>]    W entries, each behind its length as two big-endian bytes
 * N in groups of three digits, all but the last behind an x: 1234067 is x001/x234/067.
 * Pure: no clock, no files.
 */
#ifndef INNSYN_PROTO_TILES_H
#define INNSYN_PROTO_TILES_H

#include "base/buffer.h"
#include "proto/merkle.h"

enum {
    TILE_WIDTH = 256,
    TILE_LEVEL_BITS = 8,
    TILE_LEVEL_MAX = 7, /* a level above holds no hash of a log below 2^63 entries */
    TILE_PATH_SIZE = 64,
    BUNDLE_ENTRY_MAX = 65535,
};

struct tile {
    bool entries;      /* a bundle; level is 0 then */
    unsigned level;
    uint64_t index;
    unsigned width;    /* 1..256 */
};

/* What stands behind "tile/": "0/x001/067.p/3", "entries/000".  MALFORMED: no such name; a number has one form only. */
MUST_CHECK result tile_parse(struct slice name, struct tile *ret, struct why *why);
/* "tile/0/x001/067.p/3" */
void tile_print(const struct tile *t, char to[TILE_PATH_SIZE]);

/* How many hashes of this level a log of `size` entries has. */
uint64_t tile_hashes(unsigned level, uint64_t size);
/* Is every hash (entry) of the tile in a log of this size? */
bool tile_is_in(const struct tile *t, uint64_t size);
/* The tile `index` of a level as wide as a log of this size fills it; width 0: there is none. */
struct tile tile_of(bool entries, unsigned level, uint64_t index, uint64_t size);

/* Appends an entry to a bundle.  LIMIT: longer than BUNDLE_ENTRY_MAX. */
MUST_CHECK result bundle_add(struct buffer *to, struct slice entry, struct why *why);
/* Takes the next entry off the bundle (borrowed); false: it ends in the middle.  On failure *rest is as it was. */
bool bundle_next(struct slice *rest, struct slice *ret);

#endif
