/*
 * crypto.h - the keys and signatures every party agrees on (OpenSSL underneath).
 * Documents: ECDSA P-256 with SHA-256, signatures as raw r||s (64 bytes, the form WebCrypto and JWS use).
 * Log and witness keys: Ed25519 (RFC 8032), as the C2SP formats ask.
 */
#ifndef INNSYN_PROTO_CRYPTO_H
#define INNSYN_PROTO_CRYPTO_H

#include "base/host.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/slice.h"
#include "proto/crypto_hash.h"

enum { SIGNATURE_LEN = 64, ED25519_KEY_LEN = 32, PUBLIC_KEY_DER_MAX = 128, PEM_BYTES_MAX = 4096 };

/* --- ECDSA P-256 --- */
struct public_key {
    uint8_t der[PUBLIC_KEY_DER_MAX]; /* SubjectPublicKeyInfo */
    size_t der_len;                  /* 0: no key */
};
struct signing_key; /* P-256 or Ed25519; never printable */

bool public_key_equal(const struct public_key *a, const struct public_key *b);
/* Key id: SHA-256 of the SPKI, as 64 hex digits.  Only ever a hint. */
void public_key_id(const struct public_key *k, char to[2 * HASH_LEN + 1]);
/* MALFORMED: not the DER of a P-256 public key on the curve (named curve, uncompressed: one form a key,
 * since keys are compared by their bytes). */
MUST_CHECK result public_key_parse(struct slice der, struct public_key *ret, struct why *why);
MUST_CHECK result public_key_parse_base64(struct slice text, struct public_key *ret, struct why *why);
/* From affine coordinates (test vectors, JWK). */
MUST_CHECK result public_key_from_xy(const uint8_t x[32], const uint8_t y[32], struct public_key *ret, struct why *why);

enum key_kind { KEY_P256, KEY_ED25519 };
MUST_CHECK result signing_key_new(enum key_kind kind, struct signing_key **ret, struct why *why);
/* PKCS#8 PEM without passphrase (files are 0600; the profile or agent folder guards them). */
MUST_CHECK result signing_key_load(const struct host *host, const char *path, enum key_kind kind,
                                   struct signing_key **ret, struct why *why);
MUST_CHECK result signing_key_save(const struct host *host, const char *path, const struct signing_key *k, struct why *why);
/* Ed25519 from its 32-byte seed (vectors). */
MUST_CHECK result signing_key_from_seed(const uint8_t seed[32], struct signing_key **ret, struct why *why);
void signing_key_free(struct signing_key *k);
void signing_key_freep(struct signing_key **k);
MUST_CHECK result signing_key_public(const struct signing_key *k, struct public_key *ret, struct why *why); /* P-256 */
MUST_CHECK result signing_key_ed25519(const struct signing_key *k, uint8_t ret[ED25519_KEY_LEN], struct why *why);

/* Signature over the bytes (hashed inside).  64 bytes for both kinds. */
MUST_CHECK result key_sign(const struct signing_key *k, struct slice bytes, uint8_t ret[SIGNATURE_LEN], struct why *why);
/* DENIED: the signature does not hold.
 * Ed25519: R and S must be canonical (S below the group's order), the equation holds without cofactor,
 * and the key is canonical and not of low order. */
MUST_CHECK result p256_verify(const struct public_key *k, struct slice bytes, const uint8_t signature[SIGNATURE_LEN], struct why *why);
MUST_CHECK result ed25519_verify(const uint8_t key[ED25519_KEY_LEN], struct slice bytes,
                                 const uint8_t signature[SIGNATURE_LEN], struct why *why);

#endif
