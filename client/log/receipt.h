/*
 * receipt.h - does a result hold?  (docs/PROTOCOL.md)
 * With the log's public key alone: the document hashes to what its release entry says, every field of
 * the receipt equals the entry's, and the entry is proven to be in a checkpoint the log signed.  Pure.
 */
#ifndef INNSYN_CLIENT_LOG_RECEIPT_H
#define INNSYN_CLIENT_LOG_RECEIPT_H

#include "proto/json.h"
#include "proto/merkle.h"
#include "proto/note.h"

enum { ENTRY_BYTES_MAX = 16 * 1024, RECEIPT_SITES_MAX = 64 };

struct receipt_facts {
    uint64_t entry;        /* index of the release entry */
    uint64_t log_size;     /* of the checkpoint it is proven in */
    struct hash result;    /* of the document without its receipt */
    char permit[32], query[32], at[32];
};
/* MALFORMED: not a result/1 document with a receipt (names the field).
 * DENIED: it does not hold (names the field that differs). */
MUST_CHECK result receipt_check(const struct json *document, const struct note_key *log, struct receipt_facts *ret, struct why *why);

/* SHA-256 of the canonical document without `receipt`, as the release entry names it. */
MUST_CHECK result receipt_result_hash(const struct json *document, struct hash *ret, struct why *why);

#endif
