#include "agents/engine/jitter.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "agents/parameters.h"
#include "base/secret.h"
#include "proto/crypto.h"

struct jitter {
    pthread_mutex_t lock; /* of mac, which two halves share: only small sets ask it */
    struct mac *mac;
    struct block_cipher *stream[2]; /* of `edition`, one a half; NULL before the first */
    char edition[JITTER_EDITION_MAX];
    size_t edition_len;
};

enum { JITTER_STREAM_BYTES = JITTER_WORDS * 8, JITTER_PERSONS_A_BLOCK = 8 * BLOCK_LEN };

result jitter_new(struct slice key, struct jitter **ret, struct why *why)
{
    struct jitter *j CLEANUP(jitter_freep) = calloc(1, sizeof *j);
    if (!j)
        return FAIL(why, LIMIT, "no memory for the jitter key");
    (void)pthread_mutex_init(&j->lock, NULL); /* with default attributes it does not fail on Linux */
    TRY(mac_new(key, &j->mac, why));
    *ret = MOVE(j);
    return DONE;
}

void jitter_free(struct jitter *j)
{
    if (!j)
        return;
    if (j->mac)
        mac_free(j->mac);
    for (unsigned half = 0; half < 2; half++)
        block_cipher_free(j->stream[half]);
    (void)pthread_mutex_destroy(&j->lock);
    free(j);
}

void jitter_freep(struct jitter **j)
{
    jitter_free(*j);
}

static size_t put_u64(uint8_t *to, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        to[i] = (uint8_t)(v >> (56 - 8 * i));
    return 8;
}

bool jitter_plus(struct jitter *j, struct slice edition, uint64_t cohort_key, uint64_t record_key)
{
    uint8_t message[JITTER_EDITION_MAX + 1 + 8 + 8];
    assert(edition.len <= JITTER_EDITION_MAX);
    size_t len = edition.len;
    memcpy(message, edition.at, len);
    message[len++] = 0;
    len += put_u64(message + len, cohort_key);
    len += put_u64(message + len, record_key);
    (void)pthread_mutex_lock(&j->lock);
    struct hash h = mac_of(j->mac, slice_of(message, len));
    (void)pthread_mutex_unlock(&j->lock);
    return h.at[0] & 1;
}

result jitter_edition(struct jitter *j, struct slice edition, struct why *why)
{
    uint8_t message[JITTER_EDITION_MAX + 1 + 6];
    assert(edition.len <= JITTER_EDITION_MAX);
    if (j->stream[1] && slice_equal(slice_of(j->edition, j->edition_len), edition))
        return DONE;
    memcpy(message, edition.at, edition.len);
    message[edition.len] = 0;
    memcpy(message + edition.len + 1, "stream", 6);
    struct hash key = mac_of(j->mac, slice_of(message, edition.len + 7));
    struct block_cipher *stream[2] = {NULL, NULL};
    result r = block_cipher_new(key.at, &stream[0], why);
    if (is_ok(r))
        r = block_cipher_new(key.at, &stream[1], why);
    wipe(&key, sizeof key);
    if (!is_ok(r)) {
        block_cipher_free(stream[0]);
        return r;
    }
    for (unsigned half = 0; half < 2; half++) {
        block_cipher_free(j->stream[half]);
        j->stream[half] = stream[half];
    }
    memcpy(j->edition, edition.at, edition.len);
    j->edition_len = edition.len;
    return DONE;
}

struct signs jitter_signs(uint64_t cohort_key, uint64_t persons)
{
    return (struct signs){.cohort_key = cohort_key, .by_mac = persons <= JITTER_MAC_PERSONS_MAX};
}

struct signs jitter_signs_after(struct jitter *j, const struct signs *s, uint64_t persons, unsigned half)
{
    struct signs after = {.cohort_key = s->cohort_key, .by_mac = s->by_mac, .half = half};
    if (s->by_mac)
        return after;
    after.next = persons / 64 / JITTER_WORDS * JITTER_WORDS; /* where words are made */
    while (after.next < persons / 64)
        (void)jitter_word(j, &after);
    if (persons % 64) {
        after.rest = jitter_word(j, &after) >> persons % 64;
        after.left = 64 - (unsigned)(persons % 64);
    }
    return after;
}

uint64_t jitter_word(struct jitter *j, struct signs *s)
{
    uint8_t blocks[JITTER_STREAM_BYTES];
    unsigned at = s->next % JITTER_WORDS;
    if (at == 0) {
        uint64_t block = s->next * 64 / JITTER_PERSONS_A_BLOCK;
        for (unsigned i = 0; i < JITTER_STREAM_BYTES; i += BLOCK_LEN, block++) {
            (void)put_u64(blocks + i, s->cohort_key);
            (void)put_u64(blocks + i + 8, block);
        }
        block_cipher_run(j->stream[s->half], blocks, sizeof blocks);
        for (unsigned w = 0; w < JITTER_WORDS; w++) {
            s->words[w] = 0;
            for (unsigned b = 0; b < 8; b++)
                s->words[w] |= (uint64_t)blocks[8 * w + b] << 8 * b;
        }
    }
    s->next++;
    return s->words[at];
}

bool jitter_next(struct jitter *j, struct signs *s, uint64_t record_key)
{
    if (s->by_mac)
        return jitter_plus(j, slice_of(j->edition, j->edition_len), s->cohort_key, record_key);
    if (s->left == 0) {
        s->rest = jitter_word(j, s);
        s->left = 64;
    }
    bool plus = s->rest & 1;
    s->rest >>= 1;
    s->left--;
    return plus;
}

double jitter_strength(uint64_t n)
{
    return JITTER_STRENGTH / sqrt((double)n);
}

void jittered_add(struct jittered *s, double value, bool plus)
{
    long double d = (long double)value - s->centre;
    s->n[plus]++;
    s->sum[plus] += d;
    s->squares[plus] += d * d;
}

void jittered_moments(const struct jittered *s, double *ret_mean, double *ret_variance)
{
    uint64_t n = s->n[0] + s->n[1];
    *ret_mean = *ret_variance = (double)NAN;
    if (n < JITTER_PERSONS_MIN)
        return;
    long double e = jitter_strength(n), more = 1 + e, less = 1 - e;
    long double weight = more * (long double)s->n[1] + less * (long double)s->n[0];
    if (!(weight > 0))
        return; /* 25 persons, each with weight 0 */
    long double off = (more * s->sum[1] + less * s->sum[0]) / weight;
    long double squares = (more * s->squares[1] + less * s->squares[0]) / weight - off * off;
    *ret_mean = (double)(s->centre + off);
    *ret_variance = (double)(squares * (long double)n / (long double)(n - 1));
}
