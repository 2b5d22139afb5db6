/*
 * journal.h - the site's own record of what was asked of it and what it answered: hashes, sizes and
 * reason classes, never data.  Append-only, one canonical JSON entry a line, hashed as a Merkle tree
 * (R-60's form) whose root the site's key signs from time to time.
 *
 *   <folder>/00000000.jsonl ...   entries, JOURNAL_SEGMENT_ENTRIES a file
 *   <folder>/head.json            the tree's right edge at the start of the last segment but one
 *   <folder>/checkpoint.json      signed: size and root
 *
 * An entry is synced before journal_append returns, with all notes before it.  A crash leaves at most a torn
 * last line, which the next opening cuts off: it was never acted on.
 */
#ifndef INNSYN_AGENTS_GUARD_JOURNAL_H
#define INNSYN_AGENTS_GUARD_JOURNAL_H

#include "base/host.h"
#include "proto/envelope.h"
#include "proto/id.h"
#include "proto/merkle.h"

enum { JOURNAL_ENTRY_BYTES_MAX = 4096, JOURNAL_SEGMENT_ENTRIES = 4096,
       JOURNAL_SEGMENT_BYTES_MAX = JOURNAL_ENTRY_BYTES_MAX * JOURNAL_SEGMENT_ENTRIES, JOURNAL_FOLDER_MAX = 512 };

#define TYPE_JOURNAL_CHECKPOINT "application/vnd.innsyn.journal-checkpoint.v1+json"

struct journal;

/* Called for entries in their order.  line: canonical JSON without the newline, borrowed. */
typedef result journal_fn(void *self, uint64_t index, struct slice line, const struct json *entry, struct why *why);

/* Opens or begins the journal in a folder that exists, and shows the recent entries (the last one or two
 * segments) to `recent` (may be NULL).  host and key are borrowed for the journal's life.
 * BROKEN: names the file that contradicts itself. */
MUST_CHECK result journal_open(const struct host *host, const char *folder, const struct site_id *site,
                               const struct signing_key *site_key, journal_fn *recent, void *self,
                               struct journal **ret, struct why *why);
void journal_free(struct journal *j); /* NULL is welcome */
void journal_freep(struct journal **j);

/* Appends {"innsyn":"journal/1","at":now,"type":type, ...fields}; takes over fields (NULL: none).
 * UNAVAILABLE: not synced, and nothing was appended. */
MUST_CHECK result journal_append(struct journal *j, const char *type, struct json *fields, struct why *why);

/* The same for what nobody relies on: not synced, so that a power cut may lose it.  The next entry that is
 * synced, or the signature, makes it last. */
MUST_CHECK result journal_note(struct journal *j, const char *type, struct json *fields, struct why *why);

/* Signs and writes size and root, if there is anything new since the last time. */
MUST_CHECK result journal_sign(struct journal *j, struct why *why);

uint64_t journal_size(const struct journal *j);
struct hash journal_root(const struct journal *j);

struct journal_facts {
    uint64_t size, signed_size; /* entries, and how many of them the signed checkpoint covers */
    struct hash root;           /* of all entries */
};
/* Reads everything from the first entry and recomputes the tree.  BROKEN: a line is no entry, the tree
 * is not what the site's key signed, or the checkpoint covers more than there is. */
MUST_CHECK result journal_verify(const struct host *host, const char *folder, const struct site_id *site,
                                 const struct public_key *site_key, journal_fn *each, void *self,
                                 struct journal_facts *ret, struct why *why);

#endif
