/*
 * merkle.h - the Merkle tree of RFC 6962 section 2.1 (= RFC 9162), SHA-256.
 * leaf = SHA-256(0x00 || entry), node = SHA-256(0x01 || left || right), empty root = SHA-256("").
 * Pure: no clock, no files.  Proofs are made from a function that gives the hash of any complete
 * aligned subtree, so that a store, a file of tiles or an array can stand under it.
 */
#ifndef INNSYN_PROTO_MERKLE_H
#define INNSYN_PROTO_MERKLE_H

#include "proto/crypto.h"

enum { MERKLE_PROOF_MAX = 65 /* a consistency proof in a tree of over 2^63 */ };

struct merkle_proof {
    struct hash hashes[MERKLE_PROOF_MAX];
    unsigned count;
};

struct hash merkle_leaf(struct slice entry);
struct hash merkle_node(const struct hash *left, const struct hash *right);
struct hash merkle_empty_root(void);

/* The right edge of a tree: enough to append and to give the root. */
struct merkle_frontier {
    uint64_t size;
    struct hash peaks[64]; /* peaks[i] holds the complete subtree of 2^i leaves where bit i of size is set */
};
/* A complete subtree that an append closed: the node `index` at `level` (level 0 are leaves). */
typedef result merkle_closed_fn(void *self, unsigned level, uint64_t index, const struct hash *h, struct why *why);
void merkle_frontier_init(struct merkle_frontier *f);
/* Calls closed (may be NULL) for each subtree of level >= 1 that became complete.  On failure f is as it was. */
MUST_CHECK result merkle_append(struct merkle_frontier *f, const struct hash *leaf, merkle_closed_fn *closed, void *self, struct why *why);
/* Appends 2^level leaves at once, given their root.  DENIED: the tree's size is no multiple of 2^level. */
MUST_CHECK result merkle_append_subtree(struct merkle_frontier *f, unsigned level, const struct hash *root, struct why *why);
struct hash merkle_root(const struct merkle_frontier *f);

/* The hash of the complete subtree `index` at `level`.  ABSENT or BROKEN from the source is passed on. */
typedef result merkle_node_fn(void *self, unsigned level, uint64_t index, struct hash *ret, struct why *why);
MUST_CHECK result merkle_root_at(merkle_node_fn *node, void *self, uint64_t size, struct hash *ret, struct why *why);
/* LIMIT: index >= size. */
MUST_CHECK result merkle_prove_inclusion(merkle_node_fn *node, void *self, uint64_t index, uint64_t size, struct merkle_proof *ret, struct why *why);
/* LIMIT: old > size.  old == 0 or old == size gives an empty proof. */
MUST_CHECK result merkle_prove_consistency(merkle_node_fn *node, void *self, uint64_t old, uint64_t size, struct merkle_proof *ret, struct why *why);

/* DENIED: the proof does not hold.  (RFC 9162 2.1.3.2) */
MUST_CHECK result merkle_check_inclusion(const struct hash *leaf, uint64_t index, uint64_t size,
                                         const struct merkle_proof *proof, const struct hash *root, struct why *why);
/* DENIED: the proof does not hold; also for old == 0, which callers treat before (RFC 9162 2.1.4.2). */
MUST_CHECK result merkle_check_consistency(uint64_t old, uint64_t size, const struct merkle_proof *proof,
                                           const struct hash *old_root, const struct hash *root, struct why *why);

#endif
