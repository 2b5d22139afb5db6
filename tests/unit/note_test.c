/* Aim: notes and checkpoints are those of C2SP, so that tools which no one here wrote can check ours.
 * Method: published notes and keys, the checkpoints and tiles of another log rebuilt, each byte altered. */
#include "proto/note.h"
#include "base/codec.h"
#include "proto/json.h"
#include "proto/merkle.h"
#include "vector.h"

static struct why why;
static struct json *vectors;

static int load(void **state)
{
    (void)state;
    struct buffer file;
    vector_read("vectors/signed-note/vectors.json", &file);
    assert_ok(json_parse(buffer_slice(&file), VECTOR_BYTES_MAX, &vectors, &why));
    buffer_done(&file);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_freep(&vectors);
    return 0;
}

static void published_notes(void **state)
{
    (void)state;
    const struct json *list = json_get(vectors, "published");
    unsigned notes = 0, refused = 0;
    for (size_t i = 0; i < json_size(list); i++) {
        const struct json *v = json_item(list, i);
        struct slice vkey = json_text(json_get(v, "vkey")), text = json_text(json_get(v, "note"));
        struct note_key key;
        char again[VKEY_TEXT_MAX + 1];
        if (!slice_is(json_text(json_get(v, "want")), "valid")) {
            assert_status(note_key_parse(vkey, &key, &why), MALFORMED);
            refused++;
            continue;
        }
        assert_ok(note_key_parse(vkey, &key, &why));
        note_key_print(&key, again);
        assert_slice(vkey, again);
        struct note n;
        if (!slice_starts(text, "see ")) {
            assert_ok(note_parse(text, &n, &why));
            assert_ok(note_verify(&n, &key, &why));
            notes++;
        }
    }
    assert_int_equal(notes, 2);
    assert_int_equal(refused, 2);
}

static void sign_as_published(void **state)
{
    (void)state;
    /* Ed25519 is deterministic: Go's example comes out byte for byte. */
    const struct json *v = json_item(json_get(vectors, "published"), 1);
    struct slice skey = json_text(json_get(v, "skey")), want = json_text(json_get(v, "note"));
    struct note_key key;
    struct signing_key *signer;
    uint8_t seed[33];
    assert_true(base64_parse_exact(slice_part(skey, skey.len - 44, skey.len), seed, 33));
    assert_ok(signing_key_from_seed(seed + 1, &signer, &why));
    assert_ok(note_key_parse(json_text(json_get(v, "vkey")), &key, &why));
    struct note n;
    struct buffer b;
    buffer_init(&b, CHECKPOINT_NOTE_MAX);
    assert_ok(note_parse(want, &n, &why));
    assert_ok(note_sign(n.text, &key, signer, &b, &why));
    assert_true(slice_equal(buffer_slice(&b), want));
    /* Not as someone else, not what is no text, and nothing is left behind. */
    struct note_key other = key;
    other.key[0] ^= 1;
    size_t len = b.len;
    assert_status(note_sign(n.text, &other, signer, &b, &why), MALFORMED);
    assert_status(note_sign(slice_str("no newline"), &key, signer, &b, &why), MALFORMED);
    assert_status(note_sign(slice_str("a\tb\n"), &key, signer, &b, &why), MALFORMED);
    assert_status(note_sign(slice_of(NULL, 0), &key, signer, &b, &why), MALFORMED);
    b.max = b.len + 60;
    assert_status(note_sign(slice_str("x\n"), &key, signer, &b, &why), LIMIT);
    assert_int_equal(b.len, len);
    buffer_done(&b);
    signing_key_free(signer);
}

static void cosignature(void **state)
{
    (void)state;
    const struct json *v = json_get(vectors, "self_generated_not_official");
    struct slice text = json_text(json_get(v, "signed_checkpoint"));
    struct note_key log, witness;
    struct note n;
    struct checkpoint c;
    assert_ok(note_key_parse(json_text(json_get(v, "log_vkey")), &log, &why));
    assert_ok(note_key_parse(json_text(json_get(v, "cosigner_vkey")), &witness, &why));
    assert_int_equal(witness.type, NOTE_COSIGNATURE);
    assert_ok(note_parse(text, &n, &why));
    assert_int_equal(n.count, 2);
    assert_ok(note_verify(&n, &log, &why));
    assert_ok(note_verify(&n, &witness, &why));
    assert_ok(checkpoint_open(text, &log, &c, &why));
    assert_string_equal(c.origin, "broker.example/audit");
    assert_int_equal(c.size, 3);
    struct merkle_frontier f;
    merkle_frontier_init(&f);
    const struct json *entries = json_get(v, "entries");
    for (size_t i = 0; i < json_size(entries); i++) {
        struct hash leaf = merkle_leaf(json_text(json_item(entries, i)));
        assert_ok(merkle_append(&f, &leaf, NULL, NULL, &why));
    }
    struct hash root = merkle_root(&f);
    assert_true(hash_equal(&root, &c.root));
    n.signatures[1].bytes[7] ^= 1; /* another time */
    assert_status(note_verify(&n, &witness, &why), DENIED);
    assert_ok(note_verify(&n, &log, &why));
    n.signatures[1].len = 64;
    assert_status(note_verify(&n, &witness, &why), DENIED);
    /* The witness's checkpoint is not the log's. */
    assert_status(checkpoint_open(text, &witness, &c, &why), DENIED);
}

static void another_logs_checkpoints(void **state)
{
    (void)state;
    struct note_key log;
    struct checkpoint before = {.size = 0};
    assert_ok(note_key_parse(json_text(json_get(json_item(json_get(vectors, "published"), 4), "vkey")), &log, &why));
    for (unsigned size = 0; size <= 15; size++) {
        struct buffer file, tile = {0}, bundle = {0};
        struct checkpoint c;
        struct merkle_frontier f;
        char path[100];
        (void)snprintf(path, sizeof path, "vectors/tlog-tiles/log/checkpoint.%u", size);
        vector_read(path, &file);
        assert_ok(checkpoint_open(buffer_slice(&file), &log, &c, &why));
        assert_int_equal(c.size, size);
        merkle_frontier_init(&f);
        if (size) {
            (void)snprintf(path, sizeof path, "vectors/tlog-tiles/log/tile/0/000.p/%u", size);
            vector_read(path, &tile);
            (void)snprintf(path, sizeof path, "vectors/tlog-tiles/log/tile/entries/000.p/%u", size);
            vector_read(path, &bundle);
        }
        assert_int_equal(tile.len, size * HASH_LEN);
        size_t at = 0;
        for (unsigned i = 0; i < size; i++) {
            size_t len = (size_t)bundle.at[at] << 8 | bundle.at[at + 1];
            struct hash leaf = merkle_leaf(slice_part(buffer_slice(&bundle), at + 2, at + 2 + len));
            assert_memory_equal(leaf.at, tile.at + i * HASH_LEN, HASH_LEN);
            assert_ok(merkle_append(&f, &leaf, NULL, NULL, &why));
            at += 2 + len;
        }
        assert_int_equal(at, bundle.len);
        struct hash root = merkle_root(&f);
        assert_true(hash_equal(&root, &c.root));
        /* Our own text of it is the same. */
        struct note n;
        struct buffer b;
        buffer_init(&b, 1000);
        assert_ok(checkpoint_print(&c, &b, &why));
        assert_ok(note_parse(buffer_slice(&file), &n, &why));
        assert_true(slice_equal(buffer_slice(&b), n.text));
        before = c;
        buffer_done(&b);
        buffer_done(&file);
        buffer_done(&tile);
        buffer_done(&bundle);
    }
    assert_int_equal(before.size, 15);
}

static void every_byte_counts(void **state)
{
    (void)state;
    struct slice text = json_text(json_get(json_get(vectors, "self_generated_not_official"), "signed_checkpoint"));
    struct note_key log;
    struct buffer b;
    buffer_init(&b, CHECKPOINT_NOTE_MAX);
    assert_ok(note_key_parse(json_text(json_get(json_get(vectors, "self_generated_not_official"), "log_vkey")), &log, &why));
    size_t own = text.len; /* the log's part: up to the end of its line */
    for (size_t i = 0, lines = 0; i < text.len; i++)
        if (text.at[i] == '\n' && ++lines == 5)
            own = i;
    for (size_t i = 0; i < own; i++) {
        struct checkpoint c = {.size = 77};
        buffer_clear(&b);
        assert_ok(buffer_add(&b, text, NULL));
        b.at[i] ^= 1;
        result r = checkpoint_open(buffer_slice(&b), &log, &c, &why);
        if (is_ok(r)) {
            print_error("byte %zu may be altered\n", i);
            fail();
        }
        assert_int_equal(c.size, 77);
    }
    buffer_done(&b);
}

static void refused_notes(void **state)
{
    (void)state;
    const char *bad[] = {
        "", "\n", "\n\n", "text\n", "text\n\n", "text\n\n\n", "text\n\n\xe2\x80\x94 a\n", "text\n\n\xe2\x80\x94 a AAAAAA==\n", /* id only */
        "text\n\n\xe2\x80\x94 a AAAAAAA=", "text\n\n- a AAAAAAA=\n", "text\n\n\xe2\x80\x94  AAAAAAA=\n", "text\n\n\xe2\x80\x94 a+b AAAAAAA=\n",
        "text\n\n\xe2\x80\x94 a AAAAAAA\n", "te\txt\n\n\xe2\x80\x94 a AAAAAAA=\n", "te\xffxt\n\n\xe2\x80\x94 a AAAAAAA=\n", "te\rxt\n\n\xe2\x80\x94 a AAAAAAA=\n",
        "text\n\n\xe2\x80\x94 a AAAAAAA= \n", "text\n\n\xe2\x80\x94 a\xc2\xa0z AAAAAAA=\n", "text\n\n\xe2\x80\x94 \xff AAAAAAA=\n",
        "text\n\xe2\x80\x94 a AAAAAAA=\n",
    };
    struct note n;
    n.count = 99;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        result r = note_parse(slice_str(bad[i]), &n, &why);
        if (r.code != MALFORMED) {
            print_error("note %zu: %s\n", i, status_name(r.code));
            fail();
        }
    }
    assert_int_equal(n.count, 99);
    assert_ok(note_parse(slice_str("text\n\n\xe2\x80\x94 a AAAAAAA=\n"), &n, &why));
    assert_int_equal(n.count, 1);
    assert_int_equal(n.signatures[0].len, 1);
    assert_slice(n.text, "text\n");
    /* An empty line in the text: the last one divides. */
    assert_ok(note_parse(slice_str("a\n\nb\n\n\xe2\x80\x94 a AAAAAAA=\n"), &n, &why));
    assert_slice(n.text, "a\n\nb\n");
    /* Longer signatures of kinds unknown here are left to others. */
    struct buffer b;
    buffer_init(&b, 100000);
    assert_ok(buffer_add_str(&b, "text\n\n\xe2\x80\x94 pq ", NULL));
    for (int i = 0; i < 200; i++)
        assert_ok(buffer_add_str(&b, "AAAA", NULL));
    assert_ok(buffer_add_str(&b, "\n\xe2\x80\x94 a AAAAAAA=\n", NULL));
    assert_ok(note_parse(buffer_slice(&b), &n, &why));
    assert_int_equal(n.count, 1);
    buffer_clear(&b);
    assert_ok(buffer_add_str(&b, "text\n\n", NULL));
    for (int i = 0; i < NOTE_SIGNATURES_MAX; i++)
        assert_ok(buffer_add_str(&b, "\xe2\x80\x94 a AAAAAAA=\n", NULL));
    assert_ok(note_parse(buffer_slice(&b), &n, &why));
    assert_int_equal(n.count, NOTE_SIGNATURES_MAX);
    assert_ok(buffer_add_str(&b, "\xe2\x80\x94 a AAAAAAA=\n", NULL));
    assert_status(note_parse(buffer_slice(&b), &n, &why), LIMIT);
    while (b.len <= CHECKPOINT_NOTE_MAX)
        assert_ok(buffer_add_str(&b, "\n", NULL));
    assert_status(note_parse(buffer_slice(&b), &n, &why), LIMIT);
    buffer_done(&b);
}

/* What is cosigned here verifies here, at its time, for its witness and over its text alone; a line that cannot be
 * read counts as missing where that is asked for. */
static void cosignatures_of_our_own(void **state)
{
    (void)state;
    static const uint8_t seed[32] = {7};
    static const char text[] = "innsyn.demo/log\n3\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n";
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    struct note_key witness, log_like;
    uint8_t public[ED25519_KEY_LEN];
    struct buffer b CLEANUP(buffer_done) = {0};
    struct note n;
    unsigned unreadable = 0;
    int64_t time_s = 0;
    assert_ok(signing_key_from_seed(seed, &key, NULL));
    assert_ok(signing_key_ed25519(key, public, NULL));
    assert_ok(note_key_make("innsyn.site.cleveland", NOTE_COSIGNATURE, public, &witness, NULL));
    assert_ok(note_key_make("innsyn.site.cleveland", NOTE_ED25519, public, &log_like, NULL));
    buffer_init(&b, CHECKPOINT_NOTE_MAX);
    assert_ok(buffer_printf(&b, NULL, "%s\n", text));
    size_t head = b.len;
    assert_status(note_cosign(slice_str(text), &log_like, key, 1700000000, &b, NULL), MALFORMED);
    assert_status(note_cosign(slice_str(text), &witness, key, 0, &b, NULL), MALFORMED);
    assert_int_equal(b.len, head);
    assert_ok(note_cosign(slice_str(text), &witness, key, 1700000000, &b, NULL));
    assert_ok(note_parse(buffer_slice(&b), &n, NULL));
    assert_ok(note_verify(&n, &witness, NULL));
    assert_ok(note_cosigned(&n, &witness, &time_s, NULL));
    assert_true(time_s == 1700000000);
    assert_int_equal(witnesses_count(&n, &witness, 1, 1700000000, 1700000000), 1);
    assert_int_equal(witnesses_count(&n, &witness, 1, 1700000001, 1800000000), 0);
    assert_int_equal(witnesses_count(&n, &witness, 1, 0, 1699999999), 0);
    assert_status(note_cosigned(&n, &log_like, &time_s, NULL), DENIED);
    /* Every byte of the line: it no longer counts, however it fails. */
    for (size_t i = head; i < b.len; i++) {
        b.at[i] ^= 1;
        if (is_ok(note_parse_readable(buffer_slice(&b), &n, &unreadable, NULL)))
            assert_int_equal(witnesses_count(&n, &witness, 1, 0, INT64_MAX), 0);
        b.at[i] ^= 1;
    }
    b.at[head + 40] = '!';
    assert_status(note_parse(buffer_slice(&b), &n, NULL), MALFORMED);
    assert_ok(note_parse_readable(buffer_slice(&b), &n, &unreadable, NULL));
    assert_int_equal(unreadable, 1);
    assert_int_equal(n.count, 0);
    assert_int_equal(witnesses_majority(0), 0);
    assert_int_equal(witnesses_majority(1), 1);
    assert_int_equal(witnesses_majority(4), 3);
    assert_int_equal(witnesses_majority(5), 3);
}

static void refused_checkpoints(void **state)
{
    (void)state;
#define ROOT "Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk="
    const struct {
        const char *text, *says;
    } bad[] = {
        {"o\n3\n" ROOT, "newline"}, {"\n3\n" ROOT "\n", "line 1"}, {"o\n", "line 2"}, {"o\n03\n" ROOT "\n", "line 2"},
        {"o\n-3\n" ROOT "\n", "line 2"}, {"o\n+3\n" ROOT "\n", "line 2"}, {"o\n3 \n" ROOT "\n", "line 2"},
        {"o\n9223372036854775808\n" ROOT "\n", "line 2"}, {"o\n\n" ROOT "\n", "line 2"}, {"o\n3\n", "line 3"},
        {"o\n3\nAAAA\n", "line 3"}, {"o\n3\n" ROOT "A\n", "line 3"}, {"o\n3\n" ROOT "\n\nx\n", "empty line"},
    };
    struct checkpoint c = {.size = 77};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_status(checkpoint_parse(slice_str(bad[i].text), &c, &why), MALFORMED);
        assert_non_null(strstr(why.text, bad[i].says));
    }
    assert_int_equal(c.size, 77);
    assert_ok(checkpoint_parse(slice_str("o\n0\n" ROOT "\n"), &c, &why));
    assert_ok(checkpoint_parse(slice_str("o\n9223372036854775807\n" ROOT "\nextension one\ntwo\n"), &c, &why));
    assert_true(c.size == INT64_MAX);
}

static void keys(void **state)
{
    (void)state;
    struct note_key k;
    uint8_t key[32] = {1};
    char text[VKEY_TEXT_MAX + 1], longest[NOTE_NAME_MAX + 2];
    memset(longest, 'n', sizeof longest);
    longest[NOTE_NAME_MAX + 1] = 0;
    assert_status(note_key_make(longest, NOTE_ED25519, key, &k, &why), MALFORMED);
    longest[NOTE_NAME_MAX] = 0;
    assert_ok(note_key_make(longest, NOTE_ED25519, key, &k, &why));
    note_key_print(&k, text);
    struct note_key back;
    assert_ok(note_key_parse(slice_str(text), &back, &why));
    assert_memory_equal(&k, &back, sizeof k);
    assert_status(note_key_make("a b", NOTE_ED25519, key, &k, &why), MALFORMED);
    assert_status(note_key_make("a+b", NOTE_ED25519, key, &k, &why), MALFORMED);
    assert_status(note_key_make("", NOTE_ED25519, key, &k, &why), MALFORMED);
    assert_status(note_key_make("a", 2, key, &k, &why), MALFORMED);
    const char *bad[] = {"", "a", "a+b", "a+12345678", "+00000000+AAAA", "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
                         "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_status(note_key_parse(slice_str(bad[i]), &k, &why), MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_notes), cmocka_unit_test(sign_as_published), cmocka_unit_test(cosignature),
        cmocka_unit_test(another_logs_checkpoints), cmocka_unit_test(every_byte_counts), cmocka_unit_test(refused_notes),
        cmocka_unit_test(cosignatures_of_our_own), cmocka_unit_test(refused_checkpoints), cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
