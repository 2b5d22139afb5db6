/*
 * SHA-256, HMAC and AES over OpenSSL 3.  Fetching an algorithm costs more than using it: it is done once.
 */
/* The one-piece hash below uses the plain SHA256_... calls. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "proto/crypto_hash.h"

#include "base/codec.h"

#include <endian.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

static EVP_MD *sha256_md;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
    sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
    /* Without SHA-256 nothing here means anything. */
    if (!sha256_md)
        abort();
}

struct hash sha256_two(struct slice first, struct slice second)
{
    /* Not through EVP: a log's entries and nodes are a few blocks each, and EVP's way in and out costs as
     * much as hashing them.  The code underneath is the same. */
    struct hash h;
    SHA256_CTX c;
    if (!SHA256_Init(&c) || (first.len && !SHA256_Update(&c, first.at, first.len)) ||
        (second.len && !SHA256_Update(&c, second.at, second.len)) || !SHA256_Final(h.at, &c))
        abort(); /* memory only, and a hash must not be wrong */
    return h;
}

enum { SHA256_BLOCK = SHA256_CBLOCK, PREFIXED_BYTES = 16 * SHA256_BLOCK };

/* With its padding made here, a short message is one run of whole blocks: the library is called once, not
 * for the prefix, the middle and the end each. */
struct hash sha256_prefixed(uint8_t prefix, struct slice bytes)
{
    static _Thread_local uint8_t padded[PREFIXED_BYTES];
    if (bytes.len > PREFIXED_BYTES - 1 - 9)
        return sha256_two(slice_of(&prefix, 1), bytes);
    size_t len = 1 + bytes.len, whole = (len + 9 + SHA256_BLOCK - 1) / SHA256_BLOCK * SHA256_BLOCK;
    struct hash h;
    SHA256_CTX c;
    padded[0] = prefix;
    if (bytes.len)
        memcpy(padded + 1, bytes.at, bytes.len);
    padded[len] = 0x80;
    memset(padded + len + 1, 0, whole - len - 1);
    padded[whole - 2] = (uint8_t)(len * 8 >> 8);
    padded[whole - 1] = (uint8_t)(len * 8);
    if (!SHA256_Init(&c) || !SHA256_Update(&c, padded, whole))
        abort(); /* as above */
    for (unsigned i = 0; i < HASH_LEN / 4; i++) {
        uint32_t word = htobe32(c.h[i]);
        memcpy(h.at + (size_t)4 * i, &word, sizeof word);
    }
    return h;
}

struct hash sha256(struct slice bytes)
{
    return sha256_two(bytes, slice_of(NULL, 0));
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
    return memcmp(a->at, b->at, HASH_LEN) == 0;
}

void hash_print(const struct hash *h, char to[2 * HASH_LEN + 1])
{
    hex_print(slice_of(h->at, HASH_LEN), to, 2 * HASH_LEN + 1);
}

struct hasher {
    EVP_MD_CTX *context;
};

result hasher_new(struct hasher **ret, struct why *why)
{
    struct hasher *h = calloc(1, sizeof *h);
    (void)pthread_once(&once, fetch);
    if (!h || !(h->context = EVP_MD_CTX_new()) || !EVP_DigestInit_ex2(h->context, sha256_md, NULL)) {
        hasher_free(h);
        return FAIL(why, LIMIT, "no memory for hashing");
    }
    *ret = h;
    return DONE;
}

void hasher_add(struct hasher *h, struct slice bytes)
{
    if (!EVP_DigestUpdate(h->context, bytes.at, bytes.len))
        abort();
}

struct hash hasher_end(struct hasher *h)
{
    struct hash out;
    if (!EVP_DigestFinal_ex(h->context, out.at, NULL) || !EVP_DigestInit_ex2(h->context, sha256_md, NULL))
        abort();
    return out;
}

void hasher_free(struct hasher *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->context);
    free(h);
}

/* --- HMAC -------------------------------------------------------------------------------------- */

struct mac {
    EVP_MAC_CTX *context;
};

result mac_new(struct slice key, struct mac **ret, struct why *why)
{
    struct mac *m = calloc(1, sizeof *m);
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    /* A NULL key means "the one before" to OpenSSL, an empty one does not. */
    const uint8_t *bytes = key.at ? key.at : (const uint8_t *)"";
    bool good = m && hmac && (m->context = EVP_MAC_CTX_new(hmac)) && EVP_MAC_init(m->context, bytes, key.len, params);
    EVP_MAC_free(hmac);
    if (!good) {
        mac_free(m);
        return FAIL(why, LIMIT, "no memory for a MAC");
    }
    *ret = m;
    return DONE;
}

struct hash mac_of(struct mac *m, struct slice message)
{
    struct hash h;
    size_t len = 0;
    if (!EVP_MAC_init(m->context, NULL, 0, NULL) || !EVP_MAC_update(m->context, message.at, message.len) ||
        !EVP_MAC_final(m->context, h.at, &len, sizeof h.at) || len != HASH_LEN)
        abort();
    return h;
}

void mac_free(struct mac *m)
{
    if (!m)
        return;
    EVP_MAC_CTX_free(m->context); /* wipes the key schedule */
    free(m);
}

struct block_cipher {
    EVP_CIPHER_CTX *context;
};

result block_cipher_new(const uint8_t key[BLOCK_KEY_LEN], struct block_cipher **ret, struct why *why)
{
    struct block_cipher *c = calloc(1, sizeof *c);
    bool good = c && (c->context = EVP_CIPHER_CTX_new()) && EVP_EncryptInit_ex(c->context, EVP_aes_256_ecb(), NULL, key, NULL) &&
                EVP_CIPHER_CTX_set_padding(c->context, 0);
    if (!good) {
        block_cipher_free(c);
        return FAIL(why, LIMIT, "no memory for a block cipher");
    }
    *ret = c;
    return DONE;
}

void block_cipher_run(struct block_cipher *c, uint8_t *blocks, size_t bytes)
{
    int done = 0;
    if (bytes > INT_MAX || bytes % BLOCK_LEN || !EVP_EncryptUpdate(c->context, blocks, &done, blocks, (int)bytes) || done != (int)bytes)
        abort();
}

void block_cipher_free(struct block_cipher *c)
{
    if (c)
        EVP_CIPHER_CTX_free(c->context); /* wipes the key schedule */
    free(c);
}

struct hash hmac_sha256(struct slice key, struct slice message)
{
    struct mac *m;
    if (!is_ok(mac_new(key, &m, NULL)))
        abort();
    struct hash h = mac_of(m, message);
    mac_free(m);
    return h;
}
