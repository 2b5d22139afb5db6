/*
 * audit.h - rebuilding the log, entry by entry, in bounded memory.  Pure.
 * What is checked: each entry is canonical JSON of the form entry/1 with a type and a time that never
 * decreases; the tree at the size of the checkpoint seen last time has the root seen then; the whole
 * tree has the root of the checkpoint at hand.
 */
#ifndef INNSYN_CLIENT_LOG_AUDIT_H
#define INNSYN_CLIENT_LOG_AUDIT_H

#include "client/log/entry_scan.h"
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
    char day[12];           /* of the last entry, as written, and its first moment: parsing is dear */
    int64_t day_ms;
    struct entry_shapes *shapes; /* borrowed; NULL: every entry is scanned in full */
};
void audit_init(struct audit *a, const struct checkpoint *seen); /* seen: NULL the first time */
/* DENIED: the entry breaks a rule, or the tree is not the one seen before; names the index. */
MUST_CHECK result audit_add(struct audit *a, struct slice entry, struct why *why);
MUST_CHECK result audit_add_hashed(struct audit *a, struct slice entry, const struct hash *leaf, struct why *why); /* its leaf hash is known */
/* In parts: each part's entries are checked on their own (a: fresh from audit_init(a, NULL) for each part),
 * and the parts are joined in their order.  index is only for words. */
enum { AUDIT_PART_LEVEL = 10, AUDIT_PART = 1 << AUDIT_PART_LEVEL };
MUST_CHECK result audit_form(struct audit *a, struct slice entry, uint64_t index, struct why *why);
/* leaves: of the part's `count` entries; root: of all of them, when there are AUDIT_PART.  Every part but
 * the last has AUDIT_PART entries. */
MUST_CHECK result audit_join(struct audit *a, const struct audit *part, const struct hash *leaves, unsigned count,
                             const struct hash *root, struct why *why);
/* DENIED: the entries do not make the checkpoint's root, or there are fewer than were seen before. */
MUST_CHECK result audit_end(const struct audit *a, const struct checkpoint *now, struct why *why);

#endif
