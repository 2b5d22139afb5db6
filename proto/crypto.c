/*
 * Keys and signatures over OpenSSL 3.
 *
 * Decoding a public key costs more than using it, so the last ones are kept in a small table.
 * What OpenSSL does not check of an Ed25519 key is checked here: one canonical encoding, no low order
 * (such a key "signs" everything).
 */
#include "proto/crypto_held.h"
#include "proto/crypto_key.h"

#include "base/codec.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

enum { COORDINATE_LEN = 32, POINT_LEN = 65, SPKI_LEN = 91, ECDSA_DER_MAX = 72, KEYS_KEPT = 256 };

/* SubjectPublicKeyInfo { id-ecPublicKey, prime256v1 }, BIT STRING, before the uncompressed point.
 * Only this form is taken: keys are compared by their bytes. */
static const uint8_t spki_head[SPKI_LEN - POINT_LEN] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

struct signing_key {
    EVP_PKEY *pkey;
    enum key_kind kind;
};

/* What OpenSSL says is for the operator; it never holds key material. */
const char *openssl_says(void)
{
    static _Thread_local char text[160];
    unsigned long code = ERR_get_error();
    ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return code ? text : "no reason given";
}

/* --- public keys ------------------------------------------------------------------------------- */

bool public_key_equal(const struct public_key *a, const struct public_key *b)
{
    return a->der_len == b->der_len && a->der_len && memcmp(a->der, b->der, a->der_len) == 0;
}

void public_key_id(const struct public_key *k, char to[2 * HASH_LEN + 1])
{
    struct hash h = sha256(slice_of(k->der, k->der_len));
    hash_print(&h, to);
}

/* A new reference, or NULL: the point is not on the curve (or memory is out). */
static EVP_PKEY *key_from_point(const uint8_t point[POINT_LEN])
{
    char group[] = "prime256v1";
    uint8_t bytes[POINT_LEN];
    memcpy(bytes, point, sizeof bytes);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                           OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, bytes, sizeof bytes),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *pkey = NULL;
    if (!c || EVP_PKEY_fromdata_init(c) <= 0 || EVP_PKEY_fromdata(c, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        pkey = NULL;
    EVP_PKEY_CTX_free(c);
    return pkey;
}

static bool is_p256_spki(const uint8_t *der, size_t len)
{
    return len == SPKI_LEN && memcmp(der, spki_head, sizeof spki_head) == 0 && der[sizeof spki_head] == 0x04;
}

/* The last public keys, each at the place its bytes name; a newer one takes an older one's. */
static struct {
    uint8_t bytes[POINT_LEN];
    size_t len; /* POINT_LEN: P-256; ED25519_KEY_LEN: Ed25519 */
    EVP_PKEY *pkey;
} kept[KEYS_KEPT];
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

/* A new reference, or NULL: the bytes are no key. */
static EVP_PKEY *key_of_bytes(const uint8_t *bytes, size_t len)
{
    unsigned place = (unsigned)(bytes[1] ^ bytes[2] ^ bytes[len - 1]) % KEYS_KEPT;
    EVP_PKEY *pkey = NULL;
    (void)pthread_mutex_lock(&kept_lock);
    if (kept[place].pkey && kept[place].len == len && memcmp(kept[place].bytes, bytes, len) == 0) {
        pkey = kept[place].pkey;
    } else if ((pkey = len == POINT_LEN ? key_from_point(bytes) : EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, len))) {
        EVP_PKEY_free(kept[place].pkey);
        kept[place].pkey = pkey;
        kept[place].len = len;
        memcpy(kept[place].bytes, bytes, len);
    }
    if (pkey && !EVP_PKEY_up_ref(pkey))
        pkey = NULL;
    (void)pthread_mutex_unlock(&kept_lock);
    return pkey;
}

/* A new reference, or NULL: not a P-256 key. */
static EVP_PKEY *key_of(const struct public_key *k)
{
    return is_p256_spki(k->der, k->der_len) ? key_of_bytes(k->der + sizeof spki_head, POINT_LEN) : NULL;
}

result public_key_parse(struct slice der, struct public_key *ret, struct why *why)
{
    if (!is_p256_spki(der.at, der.len))
        return FAIL(why, MALFORMED, "not a P-256 public key (SubjectPublicKeyInfo, named curve, uncompressed)");
    struct public_key k = {.der_len = der.len};
    memcpy(k.der, der.at, der.len);
    EVP_PKEY *pkey = key_of(&k);
    if (!pkey) {
        ERR_clear_error();
        return FAIL(why, MALFORMED, "not a P-256 public key: the point is not on the curve");
    }
    EVP_PKEY_free(pkey);
    *ret = k;
    return DONE;
}

result public_key_parse_base64(struct slice text, struct public_key *ret, struct why *why)
{
    uint8_t der[SPKI_LEN];
    if (!base64_parse_exact(text, der, sizeof der))
        return FAIL(why, MALFORMED, "not the base64 of a P-256 public key (SubjectPublicKeyInfo, %d bytes)",
                    (int)SPKI_LEN);
    return public_key_parse(slice_of(der, sizeof der), ret, why);
}

result public_key_from_xy(const uint8_t x[32], const uint8_t y[32], struct public_key *ret, struct why *why)
{
    uint8_t der[SPKI_LEN];
    memcpy(der, spki_head, sizeof spki_head);
    der[sizeof spki_head] = 0x04;
    memcpy(der + sizeof spki_head + 1, x, COORDINATE_LEN);
    memcpy(der + sizeof spki_head + 1 + COORDINATE_LEN, y, COORDINATE_LEN);
    return public_key_parse(slice_of(der, sizeof der), ret, why);
}

/* --- signing keys ------------------------------------------------------------------------------ */

static bool is_of_kind(const EVP_PKEY *pkey, enum key_kind kind)
{
    char group[32];
    size_t len;
    if (kind == KEY_ED25519)
        return EVP_PKEY_is_a(pkey, "ED25519");
    return EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof group, &len) &&
           (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0);
}

/* Takes over pkey, which may be NULL after a failure of OpenSSL. */
static result key_wrap(EVP_PKEY *pkey, enum key_kind kind, struct signing_key **ret, struct why *why)
{
    if (!pkey)
        return FAIL(why, UNAVAILABLE, "a key could not be made: %s", openssl_says());
    struct signing_key *k = calloc(1, sizeof *k);
    if (!k) {
        EVP_PKEY_free(pkey);
        return FAIL(why, LIMIT, "no memory for a key");
    }
    k->pkey = pkey;
    k->kind = kind;
    *ret = k;
    return DONE;
}

result signing_key_new(enum key_kind kind, struct signing_key **ret, struct why *why)
{
    EVP_PKEY *pkey = kind == KEY_P256 ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return key_wrap(pkey, kind, ret, why);
}

result signing_key_from_seed(const uint8_t seed[32], struct signing_key **ret, struct why *why)
{
    return key_wrap(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32), KEY_ED25519, ret, why);
}

/* Never ask a terminal for a passphrase. */
int openssl_no_passphrase(char *to, int size, int writing, void *self)
{
    (void)to;
    (void)size;
    (void)writing;
    (void)self;
    return -1;
}

result signing_key_load(const struct host *host, const char *path, enum key_kind kind, struct signing_key **ret,
                        struct why *why)
{
    struct buffer pem;
    buffer_init(&pem, PEM_BYTES_MAX);
    result r = host_read_file(host, path, PEM_BYTES_MAX, &pem, why);
    if (!is_ok(r)) {
        buffer_wipe(&pem);
        return r;
    }
    BIO *bio = BIO_new_mem_buf(pem.at ? pem.at : (const uint8_t *)"", (int)pem.len);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, openssl_no_passphrase, NULL) : NULL;
    BIO_free(bio);
    buffer_wipe(&pem);
    ERR_clear_error();
    if (!pkey)
        return FAIL(why, MALFORMED, "%s: not a private key in PEM without a passphrase", path);
    if (!is_of_kind(pkey, kind)) {
        EVP_PKEY_free(pkey);
        return FAIL(why, MALFORMED, "%s: not a private key for %s", path, kind == KEY_P256 ? "P-256" : "Ed25519");
    }
    return key_wrap(pkey, kind, ret, why);
}

result signing_key_save(const struct host *host, const char *path, const struct signing_key *k, struct why *why)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (!bio || !PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL)) {
        BIO_free(bio);
        return FAIL(why, UNAVAILABLE, "the key could not be written: %s", openssl_says());
    }
    char *pem;
    long len = BIO_get_mem_data(bio, &pem);
    result r = host_write_file(host, path, 0600, slice_of(pem, (size_t)len), why);
    wipe(pem, (size_t)len);
    BIO_free(bio);
    return r;
}

EVP_PKEY *signing_key_openssl(const struct signing_key *k)
{
    return k->pkey;
}

void signing_key_free(struct signing_key *k)
{
    if (!k)
        return;
    EVP_PKEY_free(k->pkey);
    free(k);
}

void signing_key_freep(struct signing_key **k)
{
    signing_key_free(*k);
    *k = NULL;
}

result signing_key_public(const struct signing_key *k, struct public_key *ret, struct why *why)
{
    uint8_t der[SPKI_LEN];
    size_t len = 0;
    if (k->kind != KEY_P256)
        return FAIL(why, MALFORMED, "not a P-256 key");
    memcpy(der, spki_head, sizeof spki_head);
    if (!EVP_PKEY_get_octet_string_param(k->pkey, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, der + sizeof spki_head,
                                         POINT_LEN, &len))
        return FAIL(why, BROKEN, "a key without a public part: %s", openssl_says());
    if (len != POINT_LEN)
        return FAIL(why, MALFORMED, "a key whose public part is not an uncompressed point");
    return public_key_parse(slice_of(der, sizeof der), ret, why);
}

result signing_key_ed25519(const struct signing_key *k, uint8_t ret[ED25519_KEY_LEN], struct why *why)
{
    uint8_t key[ED25519_KEY_LEN];
    size_t len = sizeof key;
    if (k->kind != KEY_ED25519)
        return FAIL(why, MALFORMED, "not an Ed25519 key");
    if (!EVP_PKEY_get_raw_public_key(k->pkey, key, &len) || len != sizeof key)
        return FAIL(why, BROKEN, "a key without a public part: %s", openssl_says());
    memcpy(ret, key, sizeof key);
    return DONE;
}

/* --- signatures -------------------------------------------------------------------------------- */

/* r||s from and to DER.  Between them OpenSSL checks nothing but the form: verification refuses 0 and
 * what is not below the group's order. */
static bool raw_from_der(const uint8_t *der, size_t len, uint8_t ret[SIGNATURE_LEN])
{
    const uint8_t *at = der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
    bool good = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret, COORDINATE_LEN) == COORDINATE_LEN &&
                BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret + COORDINATE_LEN, COORDINATE_LEN) == COORDINATE_LEN;
    ECDSA_SIG_free(sig);
    return good;
}

/* One DER INTEGER of 32 big-endian bytes; returns its length. */
static size_t der_integer(const uint8_t number[COORDINATE_LEN], uint8_t *to)
{
    size_t zeros = 0;
    while (zeros < COORDINATE_LEN - 1 && !number[zeros])
        zeros++;
    size_t pad = number[zeros] >= 0x80, len = COORDINATE_LEN - zeros + pad;
    to[0] = 0x02;
    to[1] = (uint8_t)len;
    to[2] = 0;
    memcpy(to + 2 + pad, number + zeros, COORDINATE_LEN - zeros);
    return 2 + len;
}

static size_t der_from_raw(const uint8_t raw[SIGNATURE_LEN], uint8_t to[ECDSA_DER_MAX])
{
    size_t len = der_integer(raw, to + 2);
    len += der_integer(raw + COORDINATE_LEN, to + 2 + len);
    to[0] = 0x30;
    to[1] = (uint8_t)len;
    return 2 + len;
}

result key_sign(const struct signing_key *k, struct slice bytes, uint8_t ret[SIGNATURE_LEN], struct why *why)
{
    uint8_t out[ECDSA_DER_MAX], raw[SIGNATURE_LEN];
    size_t len = sizeof out;
    bool good = false;
    if (k->kind == KEY_ED25519) {
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        good = c && EVP_DigestSignInit_ex(c, NULL, NULL, NULL, NULL, k->pkey, NULL) &&
               EVP_DigestSign(c, out, &len, bytes.at, bytes.len) && len == SIGNATURE_LEN;
        EVP_MD_CTX_free(c);
        if (good)
            memcpy(raw, out, SIGNATURE_LEN);
    } else {
        struct hash h = sha256(bytes);
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
        good = c && EVP_PKEY_sign_init(c) > 0 && EVP_PKEY_sign(c, out, &len, h.at, HASH_LEN) > 0 &&
               raw_from_der(out, len, raw);
        EVP_PKEY_CTX_free(c);
    }
    if (!good)
        return FAIL(why, UNAVAILABLE, "signing failed: %s", openssl_says());
    memcpy(ret, raw, SIGNATURE_LEN);
    return DONE;
}

result p256_verify(const struct public_key *k, struct slice bytes, const uint8_t signature[SIGNATURE_LEN], struct why *why)
{
    uint8_t der[ECDSA_DER_MAX];
    struct hash what = held_what(KEY_P256, slice_of(k->der, k->der_len), bytes, signature);
    if (held_before(&what))
        return DONE;
    EVP_PKEY *pkey = key_of(k);
    if (!pkey) {
        ERR_clear_error();
        return FAIL(why, DENIED, "no P-256 key to check the signature with");
    }
    size_t len = der_from_raw(signature, der);
    struct hash h = sha256(bytes);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool good = c && EVP_PKEY_verify_init(c) > 0 && EVP_PKEY_verify(c, der, len, h.at, HASH_LEN) == 1;
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    if (!good)
        return FAIL(why, DENIED, "the signature does not hold");
    held_remember(&what);
    return DONE;
}

/* The y coordinates of the points of order 1, 2, 4 and 8 (little-endian, canonical). */
static const uint8_t low_order[][ED25519_KEY_LEN] = {
    {0x00},
    {0x01},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
     0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
     0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

static bool ed25519_key_is_sound(const uint8_t key[ED25519_KEY_LEN])
{
    uint8_t y[ED25519_KEY_LEN];
    memcpy(y, key, sizeof y);
    y[31] &= 0x7F; /* the sign of x */
    /* Canonical: y < p = 2^255 - 19. */
    bool full = y[31] == 0x7F && y[0] >= 0xed;
    for (unsigned i = 1; full && i < 31; i++)
        full = y[i] == 0xFF;
    if (full)
        return false;
    for (size_t i = 0; i < sizeof low_order / sizeof low_order[0]; i++)
        if (memcmp(y, low_order[i], sizeof y) == 0)
            return false;
    return true;
}

result ed25519_verify(const uint8_t key[ED25519_KEY_LEN], struct slice bytes, const uint8_t signature[SIGNATURE_LEN],
                      struct why *why)
{
    if (!ed25519_key_is_sound(key))
        return FAIL(why, DENIED, "an Ed25519 key of low order or in a form that is not canonical");
    struct hash what = held_what(KEY_ED25519, slice_of(key, ED25519_KEY_LEN), bytes, signature);
    if (held_before(&what))
        return DONE;
    EVP_PKEY *pkey = key_of_bytes(key, ED25519_KEY_LEN);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool good = pkey && c && EVP_DigestVerifyInit_ex(c, NULL, NULL, NULL, NULL, pkey, NULL) &&
                EVP_DigestVerify(c, signature, SIGNATURE_LEN, bytes.at ? bytes.at : (const uint8_t *)"", bytes.len) == 1;
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    if (!good)
        return FAIL(why, DENIED, "the signature does not hold");
    held_remember(&what);
    return DONE;
}
