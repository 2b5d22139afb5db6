/* crypto_held.c - see crypto_held.h. */
#include "proto/crypto_held.h"

#include <pthread.h>
#include <string.h>

static struct hash held[HELD_SIGNATURES]; /* each at the place its first byte names; a newer one takes an older one's */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct hash held_what(enum key_kind kind, struct slice key, struct slice bytes, const uint8_t signature[SIGNATURE_LEN])
{
    uint8_t head[2 + PUBLIC_KEY_DER_MAX + SIGNATURE_LEN];
    size_t len = key.len < PUBLIC_KEY_DER_MAX ? key.len : PUBLIC_KEY_DER_MAX;
    head[0] = (uint8_t)kind;
    head[1] = (uint8_t)len; /* so that key and signature do not run together */
    memcpy(head + 2, key.at, len);
    memcpy(head + 2 + len, signature, SIGNATURE_LEN);
    return sha256_two(slice_of(head, 2 + len + SIGNATURE_LEN), bytes);
}

bool held_before(const struct hash *what)
{
    (void)pthread_mutex_lock(&lock);
    bool before = hash_equal(&held[what->at[0] % HELD_SIGNATURES], what);
    (void)pthread_mutex_unlock(&lock);
    return before;
}

void held_remember(const struct hash *what)
{
    (void)pthread_mutex_lock(&lock);
    held[what->at[0] % HELD_SIGNATURES] = *what;
    (void)pthread_mutex_unlock(&lock);
}
