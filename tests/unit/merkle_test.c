/* Aim: roots and proofs are those of RFC 6962, and no other proof passes.
 * Method: published hashes and vectors; then every size to 64 with every index and every older size, our
 * three ways to a root against one written straight from the definition, and every hash of a proof altered. */
#include "proto/merkle.h"
#include "base/codec.h"
#include "proto/json.h"
#include "vector.h"

enum { SIZE_MAX_TRIED = 64 };

static struct why why;
static struct hash leaves[SIZE_MAX_TRIED];
static unsigned vectors_run;

/* RFC 6962 2.1, word for word. */
static struct hash root_by_definition(unsigned start, unsigned size)
{
    if (size == 0)
        return merkle_empty_root();
    if (size == 1)
        return leaves[start];
    unsigned k = 1;
    while (2 * k < size)
        k *= 2;
    struct hash left = root_by_definition(start, k), right = root_by_definition(start + k, size - k);
    return merkle_node(&left, &right);
}

/* Complete subtrees, as a store keeps them: filled by merkle_append's callback. */
struct nodes {
    struct hash at[7][SIZE_MAX_TRIED];
    bool there[7][SIZE_MAX_TRIED];
    unsigned asked, fail_at;
};

static result keep(void *self, unsigned level, uint64_t index, const struct hash *h, struct why *w)
{
    struct nodes *n = self;
    (void)w;
    assert_true(level < 7 && index < SIZE_MAX_TRIED && !n->there[level][index]);
    n->at[level][index] = *h;
    n->there[level][index] = true;
    return DONE;
}

static result give(void *self, unsigned level, uint64_t index, struct hash *ret, struct why *w)
{
    struct nodes *n = self;
    if (n->fail_at && ++n->asked == n->fail_at)
        return FAIL(w, BROKEN, "no node");
    assert_true(level < 7 && index < SIZE_MAX_TRIED && n->there[level][index]);
    *ret = n->at[level][index];
    return DONE;
}

static void assert_hash(struct hash h, const char *hex)
{
    char text[2 * HASH_LEN + 1];
    hash_print(&h, text);
    assert_string_equal(text, hex);
}

static void published_hashes(void **state)
{
    (void)state;
    assert_hash(merkle_empty_root(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_hash(merkle_leaf(slice_of(NULL, 0)), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    assert_hash(merkle_leaf(slice_str("L123456")), "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
    struct buffer node; /* the published node hash is of short texts, which our node does not take */
    buffer_init(&node, 100);
    assert_ok(buffer_add_str(&node, "\x01N123N456", NULL));
    assert_hash(sha256(buffer_slice(&node)), "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb");
    buffer_done(&node);
}

static void exhaustive(void **state)
{
    (void)state;
    static struct nodes nodes;
    struct merkle_frontier f;
    struct hash roots[SIZE_MAX_TRIED + 1];
    merkle_frontier_init(&f);
    for (unsigned i = 0; i < SIZE_MAX_TRIED; i++) {
        char text[8];
        (void)snprintf(text, sizeof text, "e%u", i);
        leaves[i] = merkle_leaf(slice_str(text));
    }
    unsigned proofs = 0;
    for (unsigned size = 0; size <= SIZE_MAX_TRIED; size++) {
        if (size) {
            nodes.at[0][size - 1] = leaves[size - 1];
            nodes.there[0][size - 1] = true;
            assert_ok(merkle_append(&f, &leaves[size - 1], keep, &nodes, &why));
        }
        assert_int_equal(f.size, size);
        struct hash want = root_by_definition(0, size), got = merkle_root(&f), stored;
        assert_true(hash_equal(&got, &want));
        assert_ok(merkle_root_at(give, &nodes, size, &stored, &why));
        assert_true(hash_equal(&stored, &want));
        roots[size] = want;
        for (unsigned old = 0; old <= size; old++) { /* an older root from the newer store */
            assert_ok(merkle_root_at(give, &nodes, old, &stored, &why));
            assert_true(hash_equal(&stored, &roots[old]));
        }
        struct merkle_proof proof;
        for (unsigned index = 0; index < size; index++, proofs++) {
            assert_ok(merkle_prove_inclusion(give, &nodes, index, size, &proof, &why));
            assert_ok(merkle_check_inclusion(&leaves[index], index, size, &proof, &want, &why));
            /* Any other place, leaf, root, or hash: no. */
            for (unsigned other = 0; other < size; other++) {
                if (other == index)
                    continue;
                assert_status(merkle_check_inclusion(&leaves[index], other, size, &proof, &want, &why), DENIED);
                assert_status(merkle_check_inclusion(&leaves[other], index, size, &proof, &want, &why), DENIED);
            }
            for (unsigned i = 0; i < proof.count; i++) {
                proof.hashes[i].at[i % HASH_LEN] ^= 1;
                assert_status(merkle_check_inclusion(&leaves[index], index, size, &proof, &want, &why), DENIED);
                proof.hashes[i].at[i % HASH_LEN] ^= 1;
            }
            if (proof.count) {
                proof.count--;
                assert_status(merkle_check_inclusion(&leaves[index], index, size, &proof, &want, &why), DENIED);
                proof.count++;
            }
            proof.hashes[proof.count++] = want;
            assert_status(merkle_check_inclusion(&leaves[index], index, size, &proof, &want, &why), DENIED);
        }
        assert_status(merkle_prove_inclusion(give, &nodes, size, size, &proof, &why), LIMIT);
        assert_status(merkle_check_inclusion(&leaves[0], size, size, &proof, &want, &why), DENIED);
        for (unsigned old = 0; old <= size; old++, proofs++) {
            assert_ok(merkle_prove_consistency(give, &nodes, old, size, &proof, &why));
            if (!old) { /* from nothing: an empty proof that proves nothing */
                assert_int_equal(proof.count, 0);
                assert_status(merkle_check_consistency(old, size, &proof, &roots[old], &want, &why), DENIED);
                continue;
            }
            assert_ok(merkle_check_consistency(old, size, &proof, &roots[old], &want, &why));
            assert_true(old < size || proof.count == 0);
            struct hash bad = want, bad_old = roots[old];
            bad.at[0] ^= 1;
            bad_old.at[31] ^= 1;
            assert_status(merkle_check_consistency(old, size, &proof, &roots[old], &bad, &why), DENIED);
            assert_status(merkle_check_consistency(old, size, &proof, &bad_old, &want, &why), DENIED);
            for (unsigned other = 1; other <= size; other++)
                if (other != old) {
                    assert_status(merkle_check_consistency(other, size, &proof, &roots[old], &want, &why), DENIED);
                    assert_status(merkle_check_consistency(other, size, &proof, &roots[other], &want, &why), DENIED);
                }
            for (unsigned i = 0; i < proof.count; i++) {
                proof.hashes[i].at[i % HASH_LEN] ^= 0x80;
                assert_status(merkle_check_consistency(old, size, &proof, &roots[old], &want, &why), DENIED);
                proof.hashes[i].at[i % HASH_LEN] ^= 0x80;
            }
            if (proof.count) {
                proof.count--;
                assert_status(merkle_check_consistency(old, size, &proof, &roots[old], &want, &why), DENIED);
                proof.count++;
            }
            proof.hashes[proof.count++] = want;
            assert_status(merkle_check_consistency(old, size, &proof, &roots[old], &want, &why), DENIED);
        }
        assert_status(merkle_prove_consistency(give, &nodes, size + 1, size, &proof, &why), LIMIT);
        assert_status(merkle_check_consistency(size + 1, size, &proof, &roots[0], &want, &why), DENIED);
    }
    /* The source's failure is passed on, and nothing is given. */
    struct merkle_proof untouched = {.count = 63};
    struct hash h = leaves[0];
    for (nodes.fail_at = 1; nodes.fail_at < 6; nodes.fail_at++) {
        nodes.asked = 0;
        assert_status(merkle_prove_inclusion(give, &nodes, 5, 63, &untouched, &why), BROKEN);
        nodes.asked = 0;
        assert_status(merkle_prove_consistency(give, &nodes, 37, 63, &untouched, &why), BROKEN);
        nodes.asked = 0;
        assert_status(merkle_root_at(give, &nodes, 63, &h, &why), BROKEN);
    }
    assert_int_equal(untouched.count, 63);
    assert_true(hash_equal(&h, &leaves[0]));
    print_message("%u proofs made, checked and altered\n", proofs);
}

static result refuse(void *self, unsigned level, uint64_t index, const struct hash *h, struct why *w)
{
    (void)h;
    (void)index;
    unsigned *left = self;
    if (level > *left)
        return FAIL(w, UNAVAILABLE, "disk full");
    return DONE;
}

static void append_fails_whole(void **state)
{
    (void)state;
    struct merkle_frontier f, before;
    merkle_frontier_init(&f);
    struct hash leaf = merkle_leaf(slice_str("x"));
    for (unsigned i = 0; i < 7; i++)
        assert_ok(merkle_append(&f, &leaf, NULL, NULL, &why));
    before = f;
    for (unsigned level = 0; level < 3; level++) {
        assert_status(merkle_append(&f, &leaf, refuse, &level, &why), UNAVAILABLE);
        assert_memory_equal(&f, &before, sizeof f);
    }
    unsigned level = 3;
    assert_ok(merkle_append(&f, &leaf, refuse, &level, &why));
    assert_int_equal(f.size, 8);
    f.size = UINT64_MAX;
    assert_status(merkle_append(&f, &leaf, NULL, NULL, &why), LIMIT);
}

/* A made-up hash for every node: proofs in trees too large to build still have bounded length. */
static result made_up(void *self, unsigned level, uint64_t index, struct hash *ret, struct why *w)
{
    (void)self;
    (void)w;
    uint64_t place[2] = {level, index};
    assert_true(level < 64);
    *ret = sha256(slice_of(place, sizeof place));
    return DONE;
}

static void huge_trees(void **state)
{
    (void)state;
    const uint64_t sizes[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 1, (UINT64_C(1) << 40) + 3};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct merkle_proof proof;
        assert_ok(merkle_prove_inclusion(made_up, NULL, sizes[i] - 1, sizes[i], &proof, &why));
        assert_true(proof.count <= MERKLE_PROOF_MAX);
        assert_ok(merkle_prove_inclusion(made_up, NULL, 0, sizes[i], &proof, &why));
        assert_true(proof.count <= MERKLE_PROOF_MAX);
        for (uint64_t old = 1; old && old < sizes[i]; old = old * 2 + 1) {
            assert_ok(merkle_prove_consistency(made_up, NULL, old, sizes[i], &proof, &why));
            assert_true(proof.count <= MERKLE_PROOF_MAX);
        }
    }
}

/* Some consistency vectors hold texts that are no hashes, where none is looked at or two are only
 * compared: each stands for a hash of its own. */
static struct hash hash_of(const struct json *v)
{
    struct hash h;
    struct buffer b;
    if (base64_parse_exact(json_text(v), h.at, HASH_LEN))
        return h;
    buffer_init(&b, 1000);
    assert_ok(base64_parse(json_text(v), &b, &why));
    h = sha256_two(slice_str("no hash: "), buffer_slice(&b));
    buffer_done(&b);
    return h;
}

/* False: the proof holds something that is no hash; our reader of proofs refuses it before. */
static bool proof_of(const struct json *v, struct merkle_proof *ret)
{
    ret->count = 0;
    for (size_t i = 0; i < json_size(v); i++)
        if (ret->count == MERKLE_PROOF_MAX ||
            !base64_parse_exact(json_text(json_item(v, i)), ret->hashes[ret->count++].at, HASH_LEN))
            return false;
    return true;
}

/* Sizes and indexes go up to 2^64 - 1 in the vectors, which our JSON rightly refuses: they are taken from
 * the text and blanked there. */
static uint64_t take_number(struct buffer *file, const char *key)
{
    char *at = (char *)(uintptr_t)strstr(buffer_str(file), key), *end;
    assert_non_null(at);
    at += strlen(key);
    uint64_t n = strtoull(at, &end, 10);
    assert_true(end > at);
    while (end > at)
        *--end = ' ';
    at[1] = '0';
    return n;
}

static void run_vector(const char *path)
{
    struct buffer file;
    struct json *v;
    struct merkle_proof proof;
    vector_read(path, &file);
    bool inclusion = strstr(path, "/inclusion/") != NULL;
    uint64_t first = take_number(&file, inclusion ? "\"leafIdx\":" : "\"size1\":");
    uint64_t size = take_number(&file, inclusion ? "\"treeSize\":" : "\"size2\":");
    assert_ok(json_parse(buffer_slice(&file), VECTOR_BYTES_MAX, &v, &why));
    bool want = !json_truth(json_get(v, "wantErr")), got = proof_of(json_get(v, "proof"), &proof);
    if (inclusion) {
        /* What is no hash does not get past the reader. */
        struct hash leaf, root;
        got = got && base64_parse_exact(json_text(json_get(v, "leafHash")), leaf.at, HASH_LEN) &&
              base64_parse_exact(json_text(json_get(v, "root")), root.at, HASH_LEN) && is_ok(merkle_check_inclusion(&leaf, first, size, &proof, &root, &why));
    } else {
        struct hash old_root = hash_of(json_get(v, "root1")), root = hash_of(json_get(v, "root2"));
        got = got && is_ok(merkle_check_consistency(first, size, &proof, &old_root, &root, &why));
    }
    if (got != want) {
        print_error("%s: %s\n", path, got ? "accepted" : why.text);
        fail();
    }
    vectors_run++;
    json_free(v);
    buffer_done(&file);
}

static void published_vectors(void **state)
{
    (void)state;
    assert_int_equal(vector_each("vectors/merkle/inclusion", run_vector), 98);
    assert_int_equal(vector_each("vectors/merkle/consistency", run_vector), 98);
    assert_int_equal(vectors_run, 196);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_hashes), cmocka_unit_test(exhaustive), cmocka_unit_test(append_fails_whole),
        cmocka_unit_test(huge_trees), cmocka_unit_test(published_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
