/*
 * audit.h - rebuilding the log, entry by entry, in bounded memory.  Pure.
 * What is checked: each entry is canonical JSON of the form entry/1 with a type and a time that never
 * decreases; the tree at the size of the checkpoint seen last time has the root seen then; the whole
 * tree has the root of the checkpoint at hand.
 */
#ifndef INNSYN_CLIENT_AUDIT_H
#define INNSYN_CLIENT_AUDIT_H

#include "proto/json.h"
#include "proto/merkle.h"
#include "proto/note.h"

enum { AUDIT_TYPES_MAX = 64, AUDIT_TYPE_MAX = 32, AUDIT_ENTRY_MAX = 16 * 1024 };

struct audit {
    struct merkle_frontier tree;
    int64_t last_at_ms, first_at_ms;
    bool has_seen;          /* a checkpoint of an earlier verification */
    struct checkpoint seen;
    struct {
        char name[AUDIT_TYPE_MAX + 1];
        uint64_t count;
    } types[AUDIT_TYPES_MAX]; /* kinds beyond the last are counted in it as "..." */
    unsigned type_count;
};
void audit_init(struct audit *a, const struct checkpoint *seen); /* seen: NULL the first time */
/* DENIED: the entry breaks a rule, or the tree is not the one seen before; names the index. */
MUST_CHECK result audit_add(struct audit *a, struct slice entry, struct why *why);
/* DENIED: the entries do not make the checkpoint's root, or there are fewer than were seen before. */
MUST_CHECK result audit_end(const struct audit *a, const struct checkpoint *now, struct why *why);

#endif
