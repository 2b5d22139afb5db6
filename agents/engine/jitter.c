#include "agents/engine/jitter.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "agents/disclosure/parameters.h"
#include "proto/crypto.h"

struct jitter {
    struct mac *mac;
};

result jitter_new(struct slice key, struct jitter **ret, struct why *why)
{
    struct jitter *j CLEANUP(jitter_freep) = calloc(1, sizeof *j);
    if (!j)
        return FAIL(why, LIMIT, "no memory for the jitter key");
    TRY(mac_new(key, &j->mac, why));
    *ret = MOVE(j);
    return DONE;
}

void jitter_free(struct jitter *j)
{
    if (j && j->mac)
        mac_free(j->mac);
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
    struct hash h = mac_of(j->mac, slice_of(message, len));
    return h.at[0] & 1;
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
