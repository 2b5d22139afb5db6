/*
 * Aim: no byte of a stored log can change without `audit verify` finding it and naming the first bad entry.
 * Method: a log of 1,000 entries in memory as checkpoint, tiles and bundles, signed and cosigned; each byte in
 * turn is changed (every one with INNSYN_EVERY_BYTE=1, else each 41st), and the check that reads it must fail
 * and name the entry.  At every 1,009th the whole log is walked as well, to show that the walk fails alike.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "client/log/audit_tiles.h"
#include "client/log/log_proof.h"

enum { ENTRIES = 1000, FILES_MAX = 16, WITNESSES = 4, STRIDE = 41, WHOLE_EVERY = 1009, NAMED_AT_ONCE = 1 };

struct file {
    char path[TILE_PATH_SIZE];
    struct buffer bytes;
};
struct stored {
    struct file files[FILES_MAX];
    unsigned count;
    struct log_policy policy;
};
static struct stored log_stored;

static result read_file(void *self, const char *path, size_t max, struct buffer *to, struct why *why)
{
    struct stored *s = self;
    for (unsigned i = 0; i < s->count; i++)
        if (strcmp(s->files[i].path, path) == 0)
            return s->files[i].bytes.len > max ? FAIL(why, LIMIT, "%s", path) : buffer_add(to, buffer_slice(&s->files[i].bytes), why);
    return FAIL(why, ABSENT, "%s is not there", path);
}

static struct file *new_file(struct stored *s, const char *path)
{
    assert_true(s->count < FILES_MAX);
    struct file *f = &s->files[s->count++];
    snprintf(f->path, sizeof f->path, "%s", path);
    buffer_init(&f->bytes, 1 << 22);
    return f;
}

static struct file *find_file(struct stored *s, const char *path)
{
    for (unsigned i = 0; i < s->count; i++)
        if (strcmp(s->files[i].path, path) == 0)
            return &s->files[i];
    return NULL;
}

static struct file *file_of(struct stored *s, const struct tile *t)
{
    char path[TILE_PATH_SIZE];
    tile_print(t, path);
    struct file *f = find_file(s, path);
    return f ? f : new_file(s, path);
}

static void add_witness(struct trust *t, unsigned i, struct signing_key **ret)
{
    uint8_t seed[32] = {(uint8_t)(i + 10)}, public[ED25519_KEY_LEN];
    char name[32];
    snprintf(name, sizeof name, "innsyn.site.s%u", i);
    assert_ok(signing_key_from_seed(seed, ret, NULL));
    assert_ok(signing_key_ed25519(*ret, public, NULL));
    assert_ok(note_key_make(name, NOTE_COSIGNATURE, public, &t->witnesses[i], NULL));
}

static int make_log(void **state)
{
    (void)state;
    static const uint8_t seed[32] = {1};
    struct stored *s = &log_stored;
    struct signing_key *key CLEANUP(signing_key_freep) = NULL, *witness_keys[WITNESSES];
    struct note_key witnesses[WITNESSES];
    struct trust t = {.witnesses = witnesses, .witness_count = WITNESSES};
    uint8_t public[ED25519_KEY_LEN];
    struct merkle_frontier tree;
    struct level1 {
        struct merkle_frontier f;
    } below = {0};
    merkle_frontier_init(&tree);
    merkle_frontier_init(&below.f);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        char entry[160];
        struct tile hashes = tile_of(false, 0, i / TILE_WIDTH, ENTRIES), entries = tile_of(true, 0, i / TILE_WIDTH, ENTRIES);
        snprintf(entry, sizeof entry, "{\"account\":\"a%u\",\"at\":\"2026-01-01T00:%02u:%02u.000Z\",\"innsyn\":\"entry/1\",\"type\":\"login\"}",
                 (unsigned)i, (unsigned)i / 60, (unsigned)i % 60);
        struct hash leaf = merkle_leaf(slice_str(entry));
        assert_ok(bundle_add(&file_of(s, &entries)->bytes, slice_str(entry), NULL));
        assert_ok(buffer_add(&file_of(s, &hashes)->bytes, slice_of(leaf.at, HASH_LEN), NULL));
        assert_ok(merkle_append(&tree, &leaf, NULL, NULL, NULL));
        assert_ok(merkle_append(&below.f, &leaf, NULL, NULL, NULL));
        if (below.f.size == TILE_WIDTH) {
            struct tile upper = tile_of(false, 1, 0, ENTRIES);
            struct hash root = merkle_root(&below.f);
            assert_ok(buffer_add(&file_of(s, &upper)->bytes, slice_of(root.at, HASH_LEN), NULL));
            merkle_frontier_init(&below.f);
        }
    }
    assert_ok(signing_key_from_seed(seed, &key, NULL));
    assert_ok(signing_key_ed25519(key, public, NULL));
    assert_ok(note_key_make("innsyn.demo/log", NOTE_ED25519, public, &t.log, NULL));
    struct checkpoint c = {.origin = "innsyn.demo/log", .size = ENTRIES, .root = merkle_root(&tree)};
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 4096);
    assert_ok(checkpoint_print(&c, &text, NULL));
    struct file *checkpoint = new_file(s, "checkpoint");
    assert_ok(note_sign(buffer_slice(&text), &t.log, key, &checkpoint->bytes, NULL));
    for (unsigned i = 0; i < WITNESSES; i++) {
        add_witness(&t, i, &witness_keys[i]);
        assert_ok(note_cosign(buffer_slice(&text), &witnesses[i], witness_keys[i], 1767225600 + i, &checkpoint->bytes, NULL));
        signing_key_free(witness_keys[i]);
    }
    assert_ok(policy_of_trust(&t, &s->policy, NULL));
    return 0;
}

static result walk_all(struct policy_verdict *v, struct why *why)
{
    static struct audit audit;
    audit_init(&audit, NULL);
    return audit_tiles(read_file, NULL, &log_stored, &log_stored.policy, &audit, v, why);
}

static void the_log_as_it_is_holds(void **state)
{
    (void)state;
    struct policy_verdict v;
    struct why why = {0};
    if (!is_ok(walk_all(&v, &why)))
        fail_msg("%s", why.text);
    assert_int_equal(v.checkpoint.size, ENTRIES);
    assert_int_equal(v.cosigned, WITNESSES);
    assert_true(v.quorum);
}

/* The entry that a failure must name: the one whose bytes or hash lie there. */
static uint64_t entry_at(const struct file *f, const struct tile *t, size_t at)
{
    if (!t->entries)
        return (t->index * TILE_WIDTH + at / HASH_LEN) << (TILE_LEVEL_BITS * t->level);
    struct slice rest = buffer_slice(&f->bytes), entry;
    uint64_t index = t->index * TILE_WIDTH;
    while (bundle_next(&rest, &entry) && f->bytes.len - rest.len <= at)
        index++;
    return index;
}

/* Just the check that reads this file. */
static result check_alone(struct stored *s, const struct tile *t, struct why *why)
{
    struct tile hashes = *t, entries = *t;
    struct policy_verdict v;
    if (t->level > 0)
        return walk_all(&v, why);
    hashes.entries = false;
    entries.entries = true;
    return audit_bundle(buffer_slice(&file_of(s, &entries)->bytes), buffer_slice(&file_of(s, &hashes)->bytes), t->index * TILE_WIDTH, t->width, why);
}

static void every_byte_of_tiles_and_bundles(void **state)
{
    (void)state;
    struct stored *s = &log_stored;
    bool every = getenv("INNSYN_EVERY_BYTE") != NULL;
    unsigned long tried = 0, whole = 0;
    time_t began = time(NULL);
    for (unsigned i = 0; i < s->count; i++) {
        struct file *f = &s->files[i];
        struct tile t;
        if (!is_ok(tile_parse(slice_part(slice_str(f->path), strlen("tile/"), strlen(f->path)), &t, NULL)))
            continue;
        for (size_t at = 0; at < f->bytes.len; at += every || t.level > 0 ? 1 : STRIDE) {
            char want[32];
            struct why why = {0};
            struct policy_verdict v;
            snprintf(want, sizeof want, "entry %llu", (unsigned long long)entry_at(f, &t, at));
            f->bytes.at[at] ^= (uint8_t)(1u << at % 8);
            result r = check_alone(s, &t, &why);
            if (is_ok(r) || strncmp(why.text, want, strlen(want)) != 0 || (why.text[strlen(want)] >= '0' && why.text[strlen(want)] <= '9'))
                fail_msg("%s byte %zu: wanted %s, got %s %s", f->path, at, want, status_name(r.code), why.text);
            tried++;
            if (tried % WHOLE_EVERY == NAMED_AT_ONCE) {
                struct why all = {0};
                assert_false(is_ok(walk_all(&v, &all)));
                assert_string_equal(all.text, why.text);
                whole++;
            }
            f->bytes.at[at] ^= (uint8_t)(1u << at % 8);
        }
    }
    print_message("%lu bytes of tiles and bundles changed one at a time, each found at its entry; %lu times the whole log was walked; %ld s\n", tried,
                  whole, (long)(time(NULL) - began));
    the_log_as_it_is_holds(NULL);
}

/* Of the checkpoint: found too, or a cosignature is missing that was there. */
static void every_byte_of_the_checkpoint(void **state)
{
    (void)state;
    struct file *f = find_file(&log_stored, "checkpoint");
    unsigned refused = 0, missing = 0;
    for (size_t at = 0; at < f->bytes.len; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct policy_verdict v;
            f->bytes.at[at] ^= (uint8_t)(1u << bit);
            result r = policy_read(&log_stored.policy, buffer_slice(&f->bytes), &v, NULL);
            if (!is_ok(r))
                refused++;
            else if (v.cosigned < WITNESSES)
                missing++;
            else
                fail_msg("byte %zu, bit %u of the checkpoint was changed and nothing said", at, bit);
            f->bytes.at[at] ^= (uint8_t)(1u << bit);
        }
    print_message("%u bits of the checkpoint changed one at a time: %u refused, %u reported as a missing cosignature\n", refused + missing, refused, missing);
    assert_true(missing > 0 && refused > 0);
}

static void policies_are_read(void **state)
{
    (void)state;
    struct buffer text CLEANUP(buffer_done) = {0}, again CLEANUP(buffer_done) = {0};
    static struct log_policy p;
    buffer_init(&text, POLICY_BYTES_MAX);
    buffer_init(&again, POLICY_BYTES_MAX);
    assert_ok(policy_print(&log_stored.policy, &text, NULL));
    assert_ok(policy_parse(buffer_slice(&text), &p, NULL));
    assert_ok(policy_print(&p, &again, NULL));
    assert_true(slice_equal(buffer_slice(&text), buffer_slice(&again)));
    assert_int_equal(p.parts[p.quorum].needs, 3);
    static const char *const bad[] = {"", "quorum none\n", "log x\nquorum none\n", "frog\n", "group g 1 nobody\n", "quorum nobody\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_status(policy_parse(slice_str(bad[i]), &p, NULL), MALFORMED);
    /* Each line that is there twice, or cut, is refused. */
    struct slice rest = buffer_slice(&text);
    for (size_t end = slice_find(rest, '\n'); end < rest.len; end = slice_find(rest, '\n')) {
        buffer_clear(&again);
        assert_ok(buffer_add(&again, buffer_slice(&text), NULL));
        assert_ok(buffer_add(&again, slice_part(rest, 0, end + 1), NULL));
        assert_status(policy_parse(buffer_slice(&again), &p, NULL), MALFORMED);
        rest = slice_part(rest, end + 1, rest.len);
    }
    /* Three of four hold the quorum, two do not. */
    struct file *f = find_file(&log_stored, "checkpoint");
    struct policy_verdict v;
    size_t len = f->bytes.len;
    for (unsigned cosigned = WITNESSES; cosigned > 0; cosigned--) {
        assert_ok(policy_read(&log_stored.policy, buffer_slice(&f->bytes), &v, NULL));
        assert_int_equal(v.cosigned, cosigned);
        assert_true(v.quorum == (cosigned >= 3));
        assert_true(is_ok(policy_check(&log_stored.policy, buffer_slice(&f->bytes), &v, NULL)) == (cosigned >= 3));
        do
            f->bytes.len--;
        while (f->bytes.at[f->bytes.len - 1] != '\n');
    }
    f->bytes.len = len;
}

/* A proof file made of the log holds, both ways; none of its lines can change. */
static void proofs_hold(void **state)
{
    (void)state;
    struct log_proof p, q;
    struct policy_verdict v;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, PROOF_BYTES_MAX);
    log_proof_init(&p);
    log_proof_init(&q);
    /* the last entry's proof: the roots of the complete trees to its left */
    struct tile e = tile_of(true, 0, 3, ENTRIES), h = tile_of(false, 0, 0, ENTRIES);
    struct slice rest = buffer_slice(&file_of(&log_stored, &e)->bytes), entry = {0};
    while (bundle_next(&rest, &entry))
        continue;
    struct merkle_frontier tree;
    merkle_frontier_init(&tree);
    for (uint64_t i = 0; i < ENTRIES - 1; i++) {
        struct hash leaf;
        h = tile_of(false, 0, i / TILE_WIDTH, ENTRIES);
        memcpy(leaf.at, file_of(&log_stored, &h)->bytes.at + i % TILE_WIDTH * HASH_LEN, HASH_LEN);
        assert_ok(merkle_append(&tree, &leaf, NULL, NULL, NULL));
    }
    p.index = ENTRIES - 1;
    for (unsigned i = 0; i < 64; i++)
        if (tree.size >> i & 1)
            p.proof.hashes[p.proof.count++] = tree.peaks[i];
    p.checkpoint = buffer_slice(&find_file(&log_stored, "checkpoint")->bytes);
    assert_ok(buffer_add(&p.entry, entry, NULL));
    assert_ok(log_proof_check(&p, &log_stored.policy, &v, NULL));
    assert_ok(log_proof_print(&p, &text, NULL));
    assert_ok(log_proof_parse(buffer_slice(&text), &q, NULL));
    assert_ok(log_proof_check(&q, &log_stored.policy, &v, NULL));
    assert_true(q.index == ENTRIES - 1 && slice_equal(buffer_slice(&q.entry), entry));
    size_t tail = text.len - p.checkpoint.len;
    for (size_t at = 0; at < tail; at++) {
        struct log_proof changed;
        log_proof_init(&changed);
        text.at[at] ^= 1;
        if (is_ok(log_proof_parse(buffer_slice(&text), &changed, NULL)) && is_ok(log_proof_check(&changed, &log_stored.policy, &v, NULL)))
            fail_msg("byte %zu of the proof can change", at);
        text.at[at] ^= 1;
        log_proof_done(&changed);
    }
    log_proof_done(&p);
    log_proof_done(&q);
}

static int drop_log(void **state)
{
    (void)state;
    for (unsigned i = 0; i < log_stored.count; i++)
        buffer_done(&log_stored.files[i].bytes);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_as_it_is_holds),       cmocka_unit_test(every_byte_of_tiles_and_bundles),
        cmocka_unit_test(every_byte_of_the_checkpoint), cmocka_unit_test(policies_are_read),
        cmocka_unit_test(proofs_hold),
    };
    return cmocka_run_group_tests(tests, make_log, drop_log);
}
