/*
 * log.c - the broker's log: canonical JSON entries in a Merkle tree.
 * An entry is written in the transaction of its effect; the frontier in memory moves with it and is
 * put back by whoever rolls back (core.c).  A checkpoint is signed only after the commit.
 */
#include "broker/audit/audit.h"

#include <inttypes.h>

#include "base/codec.h"
#include "base/wire.h"
#include "broker/audit/entries.h"

enum { ENTRY_BYTES_MAX = 16 * 1024, ENTRIES_A_CALL_MAX = 1000, EDGE_ENTRIES = 16 };

static struct log_node_known *known(struct core *c, unsigned level, uint64_t index)
{
    return level < LOG_LEVELS_KNOWN ? &c->log_nodes[level][index % LOG_NODES_KNOWN] : NULL;
}

static void know(struct core *c, unsigned level, uint64_t index, const struct hash *h)
{
    struct log_node_known *k = known(c, level, index);
    if (k)
        *k = (struct log_node_known){index + 1, *h};
}

void log_forget_nodes(struct core *c)
{
    memset(c->log_nodes, 0, sizeof c->log_nodes);
}

result log_node(void *self, unsigned level, uint64_t index, struct hash *ret, struct why *why)
{
    struct core *c = self;
    const struct log_node_known *k = known(c, level, index);
    if (k && k->after == index + 1) {
        *ret = k->hash;
        return DONE;
    }
    struct rows *rows CLEANUP(rows_freep) = NULL;
    unsigned column = 0;
    if (level == 0) {
        TRY(STORE_RUN(c->store, LOG_ENTRY, &rows, why, store_integer((int64_t)index)));
        column = 1;
    } else
        TRY(STORE_RUN(c->store, LOG_NODE_GET, &rows, why, store_integer(level), store_integer((int64_t)index)));
    if (!rows_next(rows) || rows_bytes(rows, column).len != HASH_LEN)
        return FAIL(why, BROKEN, "the log lacks node %" PRIu64 " of level %u", index, level);
    memcpy(ret->at, rows_bytes(rows, column).at, HASH_LEN);
    know(c, level, index, ret);
    return DONE;
}

result log_load(struct core *c, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    log_forget_nodes(c);
    TRY(store_run(c->store, LOG_LAST, NULL, 0, &rows, why));
    struct merkle_frontier f;
    merkle_frontier_init(&f);
    int64_t last_ms = 0;
    if (rows_next(rows)) {
        f.size = (uint64_t)rows_integer(rows, 0) + 1;
        last_ms = rows_integer(rows, 1);
    }
    for (unsigned level = 0; level < 64; level++)
        if (f.size >> level & 1)
            TRY(log_node(c, level, (f.size >> level) - 1, &f.peaks[level], why));
    c->log.frontier = f;
    c->log.last_ms = last_ms;
    return DONE;
}

static result node_closed(void *self, unsigned level, uint64_t index, const struct hash *h, struct why *why)
{
    struct core *c = self;
    TRY(RUN(c, LOG_NODE_PUT, NULL, why, store_integer(level), store_integer((int64_t)index), store_bytes(slice_of(h->at, HASH_LEN))));
    know(c, level, index, h);
    return DONE;
}

int64_t log_time(const struct core *c)
{
    int64_t now = host_now_ms(c->host);
    return now > c->log.last_ms ? now : c->log.last_ms;
}

result log_append_entry(struct core *c, const char *type, int64_t at_ms, struct json *entry, uint64_t *ret_index, struct why *why)
{
    struct json *owned CLEANUP(json_freep) = entry;
    struct buffer body CLEANUP(buffer_done) = {0};
    buffer_init(&body, ENTRY_BYTES_MAX);
    TRY(entry_check(type, owned, why));
    TRY(json_print(owned, &body, why));
    struct hash leaf = merkle_leaf(buffer_slice(&body));
    uint64_t index = c->log.frontier.size;
    TRY(RUN(c, LOG_APPEND, NULL, why, store_integer((int64_t)index), store_integer(at_ms), store_str(type),
            store_bytes(buffer_slice(&body)), store_bytes(slice_of(leaf.at, HASH_LEN))));
    TRY(merkle_append(&c->log.frontier, &leaf, node_closed, c, why));
    know(c, 0, index, &leaf);
    TRY(index_add(c, index, owned, why));
    c->log.last_ms = at_ms;
    if (strcmp(type, "dispatch") == 0)
        c->log.offer_wanted = true;
    if (ret_index)
        *ret_index = index;
    return DONE;
}

result log_append(struct core *c, const char *type, struct json *fields, uint64_t *ret_index, struct why *why)
{
    int64_t at_ms = log_time(c);
    json_set(fields, "innsyn", json_of_str("entry/1"));
    json_set(fields, "at", json_of_instant(at_ms));
    json_set(fields, "type", json_of_str(type));
    if (c->asking.text[0])
        json_set(fields, "request", json_of_str(c->asking.text));
    return log_append_entry(c, type, at_ms, fields, ret_index, why);
}

/* --- checkpoints --- */

result log_sign(struct core *c, struct why *why)
{
    uint64_t size = c->log.frontier.size;
    if (size == c->log.signed_size && c->log.note.len)
        return DONE;
    struct hash root = merkle_root(&c->log.frontier);
    struct merkle_proof proof = {.count = 0};
    if (c->log.signed_size && c->log.signed_size < size)
        TRY(merkle_prove_consistency(log_node, c, c->log.signed_size, size, &proof, why));
    struct buffer ask CLEANUP(buffer_done) = {0}, note CLEANUP(buffer_done) = {0};
    buffer_init(&ask, 8192);
    buffer_init(&note, CHECKPOINT_NOTE_MAX);
    TRY(wire_u64(&ask, size, why));
    TRY(wire_bytes(&ask, slice_of(root.at, HASH_LEN), why));
    TRY(wire_u8(&ask, (uint8_t)proof.count, why));
    for (unsigned i = 0; i < proof.count; i++)
        TRY(wire_bytes(&ask, slice_of(proof.hashes[i].at, HASH_LEN), why));
    TRY(core_keys(c, MESSAGE_SIGN_CHECKPOINT, buffer_slice(&ask), &note, why));
    buffer_clear(&c->log.note);
    TRY(buffer_add(&c->log.note, buffer_slice(&note), why));
    c->log.signed_size = size;
    c->log.signed_root = root;
    return DONE;
}

/* What keys will sign for the first time, and the newest entries in any case: their bodies are what the tree holds. */
static result check_edge(struct core *c, uint64_t signed_size, struct why *why)
{
    uint64_t size = c->log.frontier.size, newest = size > EDGE_ENTRIES ? size - EDGE_ENTRIES : 0;
    for (uint64_t at = signed_size < newest ? signed_size : newest; at < size;) {
        struct rows *bodies CLEANUP(rows_freep) = NULL, *leaves CLEANUP(rows_freep) = NULL;
        int64_t from = (int64_t)at, to = (int64_t)(at + ENTRIES_A_CALL_MAX < size ? at + ENTRIES_A_CALL_MAX : size);
        TRY(STORE_RUN(c->store, LOG_RANGE, &bodies, why, store_integer(from), store_integer(to)));
        TRY(STORE_RUN(c->store, LOG_LEAVES, &leaves, why, store_integer(from), store_integer(to)));
        for (; rows_next(bodies) && rows_next(leaves); at++) {
            struct hash leaf = merkle_leaf(rows_bytes(bodies, 0));
            if (!slice_equal(slice_of(leaf.at, HASH_LEN), rows_bytes(leaves, 0)))
                return FAIL(why, BROKEN, "log entry %" PRIu64 " is not the one that its leaf hash was made of: the store was altered or is damaged; "
                            "restore a backup", at);
        }
        if (at != (uint64_t)to)
            return FAIL(why, BROKEN, "the log lacks entry %" PRIu64, at);
    }
    return DONE;
}

/* Keys remember durably what they signed: a store that is behind it was restored from a backup and
 * would fork the log; one that is ahead was committed just before a crash and is signed now. */
result log_agree_with_keys(struct core *c, struct why *why)
{
    struct buffer answer CLEANUP(buffer_done) = {0};
    buffer_init(&answer, 256);
    TRY(core_keys(c, MESSAGE_LAST_CHECKPOINT, slice_str(""), &answer, why));
    struct reader r = reader_of(buffer_slice(&answer));
    uint64_t size;
    struct slice root;
    if (!reader_u64(&r, &size) || !reader_bytes(&r, HASH_LEN, &root) || root.len != HASH_LEN || !reader_ends(&r))
        return FAIL(why, BROKEN, "keys' last checkpoint cannot be read");
    if (size > c->log.frontier.size)
        return FAIL(why, DENIED,
                    "the store holds %" PRIu64 " log entries, but a checkpoint over %" PRIu64 " was signed: the store is older than "
                    "its log (a restored backup?); restore a newer copy, or succeed the log by the root quorum",
                    c->log.frontier.size, size);
    if (size > 0) {
        struct hash here;
        TRY(merkle_root_at(log_node, c, size, &here, why));
        if (!slice_equal(slice_of(here.at, HASH_LEN), root))
            return FAIL(why, DENIED,
                        "the store's first %" PRIu64 " log entries are not those of the checkpoint that was signed: "
                        "this store belongs to another log", size);
        c->log.signed_root = here;
    }
    c->log.signed_size = size;
    return check_edge(c, size, why);
}

/* --- proofs and reading --- */

result log_entry_bytes(struct core *c, uint64_t index, struct buffer *to, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(STORE_RUN(c->store, LOG_ENTRY, &rows, why, store_integer((int64_t)index)));
    if (!rows_next(rows))
        return FAIL(why, BROKEN, "the log lacks entry %" PRIu64, index);
    return buffer_add(to, rows_bytes(rows, 0), why);
}

static struct json *proof_json(const struct merkle_proof *p)
{
    struct json *array = json_array();
    for (unsigned i = 0; i < p->count; i++)
        json_add(array, json_of_base64(slice_of(p->hashes[i].at, HASH_LEN)));
    return array;
}

result log_inclusion_json(struct core *c, uint64_t index, uint64_t size, struct json **ret, struct why *why)
{
    struct merkle_proof proof = {.count = 0};
    TRY(merkle_prove_inclusion(log_node, c, index, size, &proof, why));
    *ret = proof_json(&proof);
    return DONE;
}

result log_consistency_json(struct core *c, uint64_t from, uint64_t to, struct json **ret, struct why *why)
{
    struct merkle_proof proof = {.count = 0};
    if (from > 0 && from < to)
        TRY(merkle_prove_consistency(log_node, c, from, to, &proof, why));
    *ret = proof_json(&proof);
    return DONE;
}
