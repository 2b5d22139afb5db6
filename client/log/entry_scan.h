/*
 * entry_scan.h - the quick look at a log entry: is it, beyond doubt, canonical JSON of the form entry/1?
 * Most entries are plain ASCII with whole numbers, and building a tree of each would cost more than
 * hashing it.  Whatever is not plain is left to the parser, so that "no" here means only "look closer".
 */
#ifndef INNSYN_CLIENT_LOG_ENTRY_SCAN_H
#define INNSYN_CLIENT_LOG_ENTRY_SCAN_H

#include <stdbool.h>

#include "base/slice.h"

/* true: entry is canonical JSON, an object with innsyn "entry/1", type and at; both are texts in it. */
bool entry_scan(struct slice entry, struct slice *ret_type, struct slice *ret_at);

/* Entries of a kind differ only inside their texts, mostly of the same lengths (hashes, ids, moments).  A
 * shape is an entry that was scanned, and which of its bytes stand inside a text: an entry of the same
 * length that has the same bytes everywhere else, and plain ones there, is scanned by that. */
enum { SHAPES = 256, SHAPE_BYTES_MAX = 640, SHAPE_BYTES_MIN = 32 };
struct entry_shape {
    uint16_t len; /* 0: none yet */
    uint16_t type_at, type_len, at_at, at_len;
    uint8_t bytes[SHAPE_BYTES_MAX], fixed[SHAPE_BYTES_MAX]; /* fixed: 0xff, or 0 inside a text that may differ */
};
struct entry_shapes {
    struct entry_shape places[SHAPES]; /* by length and last bytes; the newest takes the place */
};
/* As entry_scan, with what it learned of entries before.  shapes: zeroed at first; NULL: nothing is learned. */
bool entry_scan_again(struct entry_shapes *shapes, struct slice entry, struct slice *ret_type, struct slice *ret_at);

#endif
