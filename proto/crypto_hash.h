/*
 * crypto_hash.h - SHA-256 (FIPS 180-4), HMAC over it (RFC 2104), and AES-256 as a keyed function of blocks (OpenSSL underneath).
 */
#ifndef INNSYN_PROTO_CRYPTO_HASH_H
#define INNSYN_PROTO_CRYPTO_HASH_H

#include "base/result.h"
#include "base/slice.h"

enum { HASH_LEN = 32 };

struct hash {
    uint8_t at[HASH_LEN];
};

struct hash sha256(struct slice bytes);
struct hash sha256_two(struct slice first, struct slice second); /* of the two behind one another */
/* Of a byte and bytes behind it, for the many short hashes of a Merkle tree; bytes are public: copies are not wiped. */
struct hash sha256_prefixed(uint8_t prefix, struct slice bytes);
bool hash_equal(const struct hash *a, const struct hash *b);
void hash_print(const struct hash *h, char to[2 * HASH_LEN + 1]);

/* Hashing in pieces. */
struct hasher;
MUST_CHECK result hasher_new(struct hasher **ret, struct why *why);
void hasher_add(struct hasher *h, struct slice bytes);
struct hash hasher_end(struct hasher *h); /* and ready for the next */
void hasher_free(struct hasher *h);

/* HMAC-SHA256 (RFC 2104).  struct mac keeps the key schedule for many messages. */
struct hash hmac_sha256(struct slice key, struct slice message);
struct mac;
MUST_CHECK result mac_new(struct slice key, struct mac **ret, struct why *why);
struct hash mac_of(struct mac *m, struct slice message);
void mac_free(struct mac *m);

/* AES-256, each block on its own: a keyed function from 16 bytes to 16, many at a time. */
enum { BLOCK_LEN = 16, BLOCK_KEY_LEN = 32 };
struct block_cipher;
MUST_CHECK result block_cipher_new(const uint8_t key[BLOCK_KEY_LEN], struct block_cipher **ret, struct why *why);
void block_cipher_run(struct block_cipher *c, uint8_t *blocks, size_t bytes); /* in place; whole blocks */
void block_cipher_free(struct block_cipher *c); /* NULL is welcome */

#endif
