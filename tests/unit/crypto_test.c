/* Aim: hashes and MACs equal the standards', signatures hold exactly when they should.
 * Method: RFC and FIPS vectors, the CCTV Ed25519 edge cases, every bit of a signature flipped. */
#include "proto/crypto.h"
#include "proto/crypto_held.h"
#include "base/codec.h"
#include "proto/json.h"
#include "vector.h"

#include <stdlib.h>
#include <unistd.h>

static struct why why;

static void assert_hash(struct hash h, const char *hex)
{
    char text[2 * HASH_LEN + 1];
    hash_print(&h, text);
    assert_string_equal(text, hex);
}

static void hashes(void **state)
{
    (void)state;
    assert_hash(sha256(slice_of(NULL, 0)), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_hash(sha256(slice_str("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct hasher *h;
    assert_ok(hasher_new(&h, &why));
    for (int round = 0; round < 2; round++) { /* and ready for the next */
        for (int i = 0; i < 1000000; i += 1000) {
            char part[1000];
            memset(part, 'a', sizeof part);
            hasher_add(h, slice_of(part, sizeof part));
        }
        assert_hash(hasher_end(h), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
    assert_hash(hasher_end(h), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hasher_free(h);
    hasher_free(NULL);
}

/* Every length around the ends of blocks, and beyond what is padded here: the same as in two pieces. */
static void prefixed_hashes(void **state)
{
    (void)state;
    static uint8_t bytes[2500];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        uint8_t prefix = (uint8_t)(len % 3);
        struct hash one = sha256_prefixed(prefix, slice_of(bytes, len)), two = sha256_two(slice_of(&prefix, 1), slice_of(bytes, len));
        if (!hash_equal(&one, &two))
            fail_msg("%zu bytes hash differently", len);
    }
}

static void macs(void **state)
{
    (void)state;
    uint8_t aa[131], dd[50], cd[50], counting[25];
    memset(aa, 0xaa, sizeof aa);
    memset(dd, 0xdd, sizeof dd);
    memset(cd, 0xcd, sizeof cd);
    for (uint8_t i = 0; i < 25; i++)
        counting[i] = (uint8_t)(i + 1);
    uint8_t b0[20];
    memset(b0, 0x0b, sizeof b0);
    const struct { /* RFC 4231 */
        struct slice key, message;
        const char *mac;
    } rows[] = {
        {slice_of(b0, 20), slice_str("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {slice_str("Jefe"), slice_str("what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {slice_of(aa, 20), slice_of(dd, 50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {slice_of(counting, 25), slice_of(cd, 50), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {slice_of(aa, 131), slice_str("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {slice_of(aa, 131),
         slice_str("This is a test using a larger than block-size key and a larger than block-size data. The key needs to be "
                   "hashed before being used by the HMAC algorithm."),
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
        {slice_of(NULL, 0), slice_of(NULL, 0), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct mac *m;
        assert_hash(hmac_sha256(rows[i].key, rows[i].message), rows[i].mac);
        assert_ok(mac_new(rows[i].key, &m, &why));
        (void)mac_of(m, slice_str("another before"));
        assert_hash(mac_of(m, rows[i].message), rows[i].mac);
        assert_hash(mac_of(m, rows[i].message), rows[i].mac);
        mac_free(m);
    }
    mac_free(NULL);
}

static void p256_signatures(void **state)
{
    (void)state;
    struct signing_key *k, *other;
    struct public_key pub, pub2;
    uint8_t sig[SIGNATURE_LEN], bad[SIGNATURE_LEN];
    struct slice text = slice_str("the bytes that were signed");
    assert_ok(signing_key_new(KEY_P256, &k, &why));
    assert_ok(signing_key_new(KEY_P256, &other, &why));
    assert_ok(signing_key_public(k, &pub, &why));
    assert_ok(signing_key_public(other, &pub2, &why));
    assert_false(public_key_equal(&pub, &pub2));
    for (int i = 0; i < 50; i++) { /* short r and s come by chance; all must survive r||s */
        assert_ok(key_sign(k, text, sig, &why));
        assert_ok(p256_verify(&pub, text, sig, &why));
    }
    assert_status(p256_verify(&pub2, text, sig, &why), DENIED);
    assert_status(p256_verify(&pub, slice_str("the bytes that were signeD"), sig, &why), DENIED);
    assert_status(p256_verify(&pub, slice_of(NULL, 0), sig, &why), DENIED);
    for (unsigned bit = 0; bit < 8 * SIGNATURE_LEN; bit++) {
        memcpy(bad, sig, sizeof bad);
        bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_status(p256_verify(&pub, text, bad, &why), DENIED);
    }
    /* r or s zero, or the group's order. */
    uint8_t order[32], zero[32] = {0};
    assert_true(hex_parse(slice_str("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"), order, 32));
    for (int i = 0; i < 4; i++) {
        memcpy(bad, sig, sizeof bad);
        memcpy(bad + (i & 1 ? 32 : 0), i & 2 ? order : zero, 32);
        assert_status(p256_verify(&pub, text, bad, &why), DENIED);
    }
    memset(bad, 0, sizeof bad);
    assert_status(p256_verify(&pub, text, bad, &why), DENIED);
    struct public_key none = {.der_len = 0};
    assert_status(p256_verify(&none, text, sig, &why), DENIED);
    assert_false(public_key_equal(&none, &none)); /* no key equals no key */
    signing_key_free(k);
    signing_key_freep(&other);
    assert_null(other);
}

static void p256_vector(void **state)
{
    (void)state;
    /* RFC 6979 A.2.5, SHA-256, message "sample" */
    uint8_t x[32], y[32], sig[64];
    struct public_key k;
    assert_true(hex_parse(slice_str("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"), x, 32));
    assert_true(hex_parse(slice_str("7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"), y, 32));
    assert_true(hex_parse(slice_str("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
                                    "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"), sig, 64));
    assert_ok(public_key_from_xy(x, y, &k, &why));
    assert_ok(p256_verify(&k, slice_str("sample"), sig, &why));
    assert_status(p256_verify(&k, slice_str("test"), sig, &why), DENIED);
}

static void public_keys(void **state)
{
    (void)state;
    struct signing_key *k;
    struct public_key pub, again, untouched = {.der_len = 0};
    assert_ok(signing_key_new(KEY_P256, &k, &why));
    assert_ok(signing_key_public(k, &pub, &why));
    assert_int_equal(pub.der_len, 91);
    assert_ok(public_key_parse(slice_of(pub.der, pub.der_len), &again, &why));
    assert_true(public_key_equal(&pub, &again));
    char text[BASE64_LEN(91) + 1], id[65];
    base64_print_str(slice_of(pub.der, pub.der_len), text, sizeof text);
    assert_ok(public_key_parse_base64(slice_str(text), &again, &why));
    assert_true(public_key_equal(&pub, &again));
    public_key_id(&pub, id);
    assert_hash(sha256(slice_of(pub.der, pub.der_len)), id);

    uint8_t der[128];
    for (size_t len = 0; len < 91; len++)
        assert_status(public_key_parse(slice_of(pub.der, len), &untouched, &why), MALFORMED);
    memcpy(der, pub.der, 91);
    der[91] = 0;
    assert_status(public_key_parse(slice_of(der, 92), &untouched, &why), MALFORMED);
    der[90] ^= 1; /* off the curve */
    assert_status(public_key_parse(slice_of(der, 91), &untouched, &why), MALFORMED);
    assert_non_null(strstr(why.text, "not on the curve"));
    memset(der + 27, 0, 64); /* (0, 0) */
    assert_status(public_key_parse(slice_of(der, 91), &untouched, &why), MALFORMED);
    memset(der + 27, 0xFF, 64); /* not below p */
    assert_status(public_key_parse(slice_of(der, 91), &untouched, &why), MALFORMED);
    for (size_t i = 0; i < 27; i++) { /* any other curve, algorithm or form */
        memcpy(der, pub.der, 91);
        der[i] ^= 2;
        assert_status(public_key_parse(slice_of(der, 91), &untouched, &why), MALFORMED);
    }
    assert_status(public_key_parse_base64(slice_str("AAAA"), &untouched, &why), MALFORMED);
    assert_int_equal(untouched.der_len, 0);
    signing_key_free(k);
}

static void many_public_keys(void **state)
{
    (void)state;
    /* More than are kept, so that some are pushed out and come again. */
    enum { MANY = 300 };
    static struct public_key pub[MANY];
    static uint8_t sig[MANY][SIGNATURE_LEN];
    for (unsigned i = 0; i < MANY; i++) {
        struct signing_key *k;
        assert_ok(signing_key_new(KEY_P256, &k, &why));
        assert_ok(signing_key_public(k, &pub[i], &why));
        assert_ok(key_sign(k, slice_str("x"), sig[i], &why));
        signing_key_free(k);
    }
    for (unsigned i = 0; i < MANY; i++) {
        assert_ok(p256_verify(&pub[i], slice_str("x"), sig[i], &why));
        assert_status(p256_verify(&pub[i], slice_str("x"), sig[(i + 1) % MANY], &why), DENIED);
    }
}

/* What held before is not computed again, and nothing that differs in a byte passes for it. */
static void a_signature_that_held(void **state)
{
    (void)state;
    struct signing_key *k, *other;
    struct public_key pub, pub_other;
    uint8_t sig[SIGNATURE_LEN], raw[ED25519_KEY_LEN], bad[SIGNATURE_LEN];
    for (int kind = KEY_P256; kind <= KEY_ED25519; kind++) {
        assert_ok(signing_key_new((enum key_kind)kind, &k, &why));
        assert_ok(key_sign(k, slice_str("bytes"), sig, &why));
        struct slice key;
        if (kind == KEY_P256) {
            assert_ok(signing_key_public(k, &pub, &why));
            key = slice_of(pub.der, pub.der_len);
        } else {
            assert_ok(signing_key_ed25519(k, raw, &why));
            key = slice_of(raw, sizeof raw);
        }
        struct hash what = held_what((enum key_kind)kind, key, slice_str("bytes"), sig);
        assert_false(held_before(&what));
        for (int times = 0; times < 2; times++) {
            assert_ok(kind == KEY_P256 ? p256_verify(&pub, slice_str("bytes"), sig, &why) : ed25519_verify(raw, slice_str("bytes"), sig, &why));
            assert_true(held_before(&what));
        }
        for (size_t i = 0; i < SIGNATURE_LEN; i++) {
            memcpy(bad, sig, sizeof bad);
            bad[i] ^= 1;
            assert_status(kind == KEY_P256 ? p256_verify(&pub, slice_str("bytes"), bad, &why) : ed25519_verify(raw, slice_str("bytes"), bad, &why), DENIED);
            struct hash not_held = held_what((enum key_kind)kind, key, slice_str("bytes"), bad);
            assert_false(held_before(&not_held));
        }
        assert_status(kind == KEY_P256 ? p256_verify(&pub, slice_str("byteS"), sig, &why) : ed25519_verify(raw, slice_str("byteS"), sig, &why), DENIED);
        if (kind == KEY_P256) { /* another key, or half of this one */
            assert_ok(signing_key_new(KEY_P256, &other, &why));
            assert_ok(signing_key_public(other, &pub_other, &why));
            assert_status(p256_verify(&pub_other, slice_str("bytes"), sig, &why), DENIED);
            pub.der_len--;
            assert_status(p256_verify(&pub, slice_str("bytes"), sig, &why), DENIED);
            signing_key_free(other);
        }
        signing_key_free(k);
    }
}

static void keys_in_files(void **state)
{
    (void)state;
    const struct host *host = host_real();
    char folder[] = "/tmp/innsyn-crypto-XXXXXX", path[64], path2[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/key.pem", folder);
    (void)snprintf(path2, sizeof path2, "%s/other.pem", folder);
    for (int kind = KEY_P256; kind <= KEY_ED25519; kind++) {
        struct signing_key *k, *again = NULL;
        assert_ok(signing_key_new((enum key_kind)kind, &k, &why));
        assert_ok(signing_key_save(host, path, k, &why));
        assert_ok(signing_key_load(host, path, (enum key_kind)kind, &again, &why));
        uint8_t sig[SIGNATURE_LEN], raw[ED25519_KEY_LEN];
        assert_ok(key_sign(again, slice_str("x"), sig, &why));
        struct public_key pub;
        if (kind == KEY_P256) {
            assert_ok(signing_key_public(k, &pub, &why));
            assert_ok(p256_verify(&pub, slice_str("x"), sig, &why));
            assert_status(signing_key_ed25519(k, raw, &why), MALFORMED);
        } else {
            assert_ok(signing_key_ed25519(k, raw, &why));
            assert_ok(ed25519_verify(raw, slice_str("x"), sig, &why));
            assert_status(signing_key_public(k, &pub, &why), MALFORMED);
        }
        signing_key_free(again);
        again = NULL;
        assert_status(signing_key_load(host, path, kind == KEY_P256 ? KEY_ED25519 : KEY_P256, &again, &why), MALFORMED);
        assert_null(again);
        signing_key_free(k);
    }
    struct signing_key *none = NULL;
    assert_status(signing_key_load(host, path2, KEY_P256, &none, &why), ABSENT);
    assert_ok(host_write_file(host, path2, 0600, slice_str("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), &why));
    assert_status(signing_key_load(host, path2, KEY_P256, &none, &why), MALFORMED);
    assert_ok(host_write_file(host, path2, 0600, slice_of(NULL, 0), &why));
    assert_status(signing_key_load(host, path2, KEY_P256, &none, &why), MALFORMED);
    assert_null(none);
    (void)unlink(path);
    (void)unlink(path2);
    (void)rmdir(folder);
}

static void ed25519_rfc8032(void **state)
{
    (void)state;
    const struct {
        const char *seed, *key, *message, *sig;
        size_t len;
    } rows[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b", 0},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "\x72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00", 1},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "\xaf\x82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a", 2},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t seed[32], key[32], got[32], want[64], sig[64];
        assert_true(hex_parse(slice_str(rows[i].seed), seed, 32) && hex_parse(slice_str(rows[i].key), key, 32) &&
                    hex_parse(slice_str(rows[i].sig), want, 64));
        struct signing_key *k;
        struct slice message = slice_of(rows[i].message, rows[i].len);
        assert_ok(signing_key_from_seed(seed, &k, &why));
        assert_ok(signing_key_ed25519(k, got, &why));
        assert_memory_equal(got, key, 32);
        assert_ok(key_sign(k, message, sig, &why));
        assert_memory_equal(sig, want, 64);
        assert_ok(ed25519_verify(key, message, sig, &why));
        assert_status(ed25519_verify(key, slice_str("other"), sig, &why), DENIED);
        for (unsigned bit = 0; bit < 512; bit++) {
            sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_status(ed25519_verify(key, message, sig, &why), DENIED);
            sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        /* S + L: the same equation, but malleable; must be refused. */
        static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9,
                                          0xde, 0x14, [31] = 0x10};
        unsigned carry = 0;
        for (unsigned b = 0; b < 32; b++) {
            carry += (unsigned)sig[32 + b] + order[b];
            sig[32 + b] = (uint8_t)carry;
            carry >>= 8;
        }
        assert_status(ed25519_verify(key, message, sig, &why), DENIED);
        signing_key_free(k);
    }
}

/*
 * The CCTV edge cases.  Each is valid under some reading of RFC 8032; its flags say which liberty it
 * needs.  Ours: no cofactor (a residue of low order fails), R compared as bytes (not canonical fails, and
 * so does k computed over other bytes than those sent), A canonical and not of low order.  Points
 * that merely have a component of low order, or an R of low order, need no liberty and pass.
 */
static void ed25519_edge_cases(void **state)
{
    (void)state;
    const char *liberties[] = {"low_order_residue", "non_canonical_R", "reencoded_k", "non_canonical_A", "low_order_A"};
    struct buffer file;
    struct json *list;
    vector_read("vectors/ed25519/ed25519vectors.json", &file);
    assert_ok(json_parse(buffer_slice(&file), VECTOR_BYTES_MAX, &list, &why));
    assert_int_equal(json_size(list), 914);
    unsigned accepted = 0, wrong = 0;
    for (size_t i = 0; i < json_size(list); i++) {
        const struct json *v = json_item(list, i), *flags = json_get(v, "flags");
        uint8_t key[32], sig[64];
        assert_true(hex_parse(json_text(json_get(v, "key")), key, 32) && hex_parse(json_text(json_get(v, "sig")), sig, 64));
        bool want = true;
        for (size_t f = 0; f < json_size(flags); f++)
            for (size_t l = 0; l < COUNT_OF(liberties); l++)
                want &= !slice_is(json_text(json_item(flags, f)), liberties[l]);
        bool got = is_ok(ed25519_verify(key, json_text(json_get(v, "msg")), sig, &why));
        accepted += got;
        if (got != want) {
            print_error("case %lld: %s\n", (long long)json_integer(json_get(v, "number")), got ? "accepted" : "refused");
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    print_message("%u of %zu edge cases accepted\n", accepted, json_size(list));
    json_free(list);
    buffer_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes), cmocka_unit_test(prefixed_hashes), cmocka_unit_test(macs), cmocka_unit_test(p256_signatures), cmocka_unit_test(p256_vector),
        cmocka_unit_test(public_keys), cmocka_unit_test(many_public_keys), cmocka_unit_test(a_signature_that_held),
        cmocka_unit_test(keys_in_files),
        cmocka_unit_test(ed25519_rfc8032), cmocka_unit_test(ed25519_edge_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
