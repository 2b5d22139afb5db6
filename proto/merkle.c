/*
 * The Merkle tree of RFC 6962 2.1.  A tree of n leaves is cut where the largest power of two below n
 * ends; so it is a row of complete subtrees, one for each set bit of n, largest first.
 * Everything here walks that row; no depth exceeds 64, no loop is longer than that.
 */
#include "proto/merkle.h"


enum { LEVELS = 64 };

struct hash merkle_leaf(struct slice entry)
{
    return sha256_prefixed(0x00, entry);
}

struct hash merkle_node(const struct hash *left, const struct hash *right)
{
    uint8_t bytes[2 * HASH_LEN];
    memcpy(bytes, left->at, HASH_LEN);
    memcpy(bytes + HASH_LEN, right->at, HASH_LEN);
    return sha256_prefixed(0x01, slice_of(bytes, sizeof bytes));
}

struct hash merkle_empty_root(void)
{
    return sha256(slice_of(NULL, 0));
}

/* --- the right edge ---------------------------------------------------------------------------- */

void merkle_frontier_init(struct merkle_frontier *f)
{
    *f = (struct merkle_frontier){.size = 0};
}

result merkle_append(struct merkle_frontier *f, const struct hash *leaf, merkle_closed_fn *closed, void *self,
                     struct why *why)
{
    if (f->size == UINT64_MAX)
        return FAIL(why, LIMIT, "the tree is full");
    struct hash h = *leaf;
    unsigned level = 0;
    for (; f->size >> level & 1; level++) {
        h = merkle_node(&f->peaks[level], &h);
        if (closed)
            TRY(closed(self, level + 1, f->size >> (level + 1), &h, why));
    }
    f->peaks[level] = h;
    f->size++;
    return DONE;
}

result merkle_append_subtree(struct merkle_frontier *f, unsigned level, const struct hash *root, struct why *why)
{
    uint64_t many = UINT64_C(1) << level;
    if (f->size & (many - 1))
        return FAIL(why, DENIED, "a subtree does not begin here");
    if (f->size > UINT64_MAX - many)
        return FAIL(why, LIMIT, "the tree is full");
    struct hash h = *root;
    for (; f->size >> level & 1; level++)
        h = merkle_node(&f->peaks[level], &h);
    f->peaks[level] = h;
    f->size += many;
    return DONE;
}

struct hash merkle_root(const struct merkle_frontier *f)
{
    struct hash root = {{0}};
    bool first = true;
    for (unsigned level = 0; level < LEVELS; level++) {
        if (!(f->size >> level & 1))
            continue;
        root = first ? f->peaks[level] : merkle_node(&f->peaks[level], &root);
        first = false;
    }
    return first ? merkle_empty_root() : root;
}

/* --- roots and proofs from stored subtrees ----------------------------------------------------- */

/* The root of the leaves [start, start + size), 0 < size, where start is a multiple of the largest
 * power of two that size holds: the complete subtrees of the row, folded from the right. */
static result range_root(merkle_node_fn *node, void *self, uint64_t start, uint64_t size, struct hash *ret,
                         struct why *why)
{
    struct hash root = {{0}}, h;
    bool first = true;
    for (unsigned level = 0; level < LEVELS; level++) {
        if (!(size >> level & 1))
            continue;
        /* The subtrees of higher levels lie to the left of this one. */
        uint64_t higher = level + 1 < LEVELS ? size >> (level + 1) << (level + 1) : 0;
        TRY(node(self, level, (start + higher) >> level, &h, why));
        root = first ? h : merkle_node(&h, &root);
        first = false;
    }
    *ret = root;
    return DONE;
}

result merkle_root_at(merkle_node_fn *node, void *self, uint64_t size, struct hash *ret, struct why *why)
{
    if (!size) {
        *ret = merkle_empty_root();
        return DONE;
    }
    return range_root(node, self, 0, size, ret, why);
}

/* Largest power of two below n, n > 1. */
static uint64_t split(uint64_t n)
{
    return UINT64_C(1) << (LEVELS - 1 - __builtin_clzll(n - 1));
}

/* Puts the proof, gathered from the root down, into the order of proofs: from the leaf up. */
static void turn_around(struct merkle_proof *proof)
{
    for (unsigned i = 0; i < proof->count / 2; i++) {
        struct hash h = proof->hashes[i];
        proof->hashes[i] = proof->hashes[proof->count - 1 - i];
        proof->hashes[proof->count - 1 - i] = h;
    }
}

result merkle_prove_inclusion(merkle_node_fn *node, void *self, uint64_t index, uint64_t size,
                              struct merkle_proof *ret, struct why *why)
{
    if (index >= size)
        return FAIL(why, LIMIT, "entry %llu is not among the first %llu", (unsigned long long)index,
                    (unsigned long long)size);
    struct merkle_proof proof = {.count = 0};
    uint64_t start = 0;
    while (size > 1) {
        uint64_t k = split(size);
        struct hash *to = &proof.hashes[proof.count++];
        if (index - start < k) {
            TRY(range_root(node, self, start + k, size - k, to, why));
            size = k;
        } else {
            TRY(range_root(node, self, start, k, to, why));
            start += k;
            size -= k;
        }
    }
    turn_around(&proof);
    *ret = proof;
    return DONE;
}

result merkle_prove_consistency(merkle_node_fn *node, void *self, uint64_t old, uint64_t size,
                                struct merkle_proof *ret, struct why *why)
{
    if (old > size)
        return FAIL(why, LIMIT, "a log of %llu entries has no %llu", (unsigned long long)size,
                    (unsigned long long)old);
    struct merkle_proof proof = {.count = 0};
    uint64_t start = 0;
    bool whole = true; /* the old root itself is a subtree here, which the checker has */
    /* SUBPROOF of RFC 6962 2.1.2 without recursion. */
    while (old && old < size) {
        uint64_t k = split(size);
        struct hash *to = &proof.hashes[proof.count++];
        if (old <= k) {
            TRY(range_root(node, self, start + k, size - k, to, why));
            size = k;
        } else {
            TRY(range_root(node, self, start, k, to, why));
            start += k;
            old -= k;
            size -= k;
            whole = false;
        }
    }
    if (!whole)
        TRY(range_root(node, self, start, size, &proof.hashes[proof.count++], why));
    turn_around(&proof);
    *ret = proof;
    return DONE;
}

/* --- checking ---------------------------------------------------------------------------------- */

result merkle_check_inclusion(const struct hash *leaf, uint64_t index, uint64_t size,
                              const struct merkle_proof *proof, const struct hash *root, struct why *why)
{
    if (index >= size)
        return FAIL(why, DENIED, "entry %llu cannot be among the first %llu", (unsigned long long)index,
                    (unsigned long long)size);
    uint64_t node = index, last = size - 1;
    struct hash h = *leaf;
    for (unsigned i = 0; i < proof->count; i++) {
        if (!last)
            return FAIL(why, DENIED, "the inclusion proof is too long");
        if (node & 1 || node == last) {
            h = merkle_node(&proof->hashes[i], &h);
            while (!(node & 1) && node) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            h = merkle_node(&h, &proof->hashes[i]);
        }
        node >>= 1;
        last >>= 1;
    }
    if (last)
        return FAIL(why, DENIED, "the inclusion proof is too short");
    if (!hash_equal(&h, root))
        return FAIL(why, DENIED, "the inclusion proof does not lead to the checkpoint's root");
    return DONE;
}

result merkle_check_consistency(uint64_t old, uint64_t size, const struct merkle_proof *proof,
                                const struct hash *old_root, const struct hash *root, struct why *why)
{
    if (!old)
        return FAIL(why, DENIED, "nothing is proven from an empty log");
    if (old > size)
        return FAIL(why, DENIED, "a log of %llu entries cannot continue one of %llu", (unsigned long long)size,
                    (unsigned long long)old);
    if (old == size) {
        if (proof->count || !hash_equal(old_root, root))
            return FAIL(why, DENIED, "two logs of %llu entries that differ", (unsigned long long)size);
        return DONE;
    }
    unsigned i = 0;
    struct hash from, to;
    if ((old & (old - 1)) == 0) { /* a power of two: the old root begins the proof */
        from = to = *old_root;
    } else {
        if (!proof->count)
            return FAIL(why, DENIED, "the consistency proof is too short");
        from = to = proof->hashes[i++];
    }
    uint64_t node = old - 1, last = size - 1;
    while (node & 1) {
        node >>= 1;
        last >>= 1;
    }
    for (; i < proof->count; i++) {
        const struct hash *c = &proof->hashes[i];
        if (!last)
            return FAIL(why, DENIED, "the consistency proof is too long");
        if (node & 1 || node == last) {
            from = merkle_node(c, &from);
            to = merkle_node(c, &to);
            while (!(node & 1) && node) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            to = merkle_node(&to, c);
        }
        node >>= 1;
        last >>= 1;
    }
    if (last)
        return FAIL(why, DENIED, "the consistency proof is too short");
    if (!hash_equal(&from, old_root))
        return FAIL(why, DENIED, "the log's first %llu entries are not the ones seen before", (unsigned long long)old);
    if (!hash_equal(&to, root))
        return FAIL(why, DENIED, "the consistency proof does not lead to the checkpoint's root");
    return DONE;
}
