#include "agents/disclosure/cellkey.h"

#include <assert.h>
#include <stdlib.h>

#include "agents/weakened.h"
#include "base/wire.h"
#include "proto/crypto.h"

enum { DRAW_MESSAGE_MAX = 1024, PERSON_MESSAGE_MAX = 8192 };

/* Both kinds of key are a MAC under a key derived from the site's secret by a label. */
struct cellkey {
    struct mac *mac;
};
struct recordkey {
    struct mac *mac;
};

static result derive(const struct secret *site_secret, const char *label, struct mac **ret, struct why *why)
{
    struct hash key = hmac_sha256(secret_bytes(site_secret), slice_str(label));
    result r = mac_new(slice_of(key.at, sizeof key.at), ret, why);
    wipe(&key, sizeof key);
    return r;
}

result cellkey_new(const struct secret *site_secret, const char *label, struct cellkey **ret, struct why *why)
{
    struct cellkey *k CLEANUP(cellkey_freep) = calloc(1, sizeof *k);
    if (!k)
        return FAIL(why, LIMIT, "no memory for the cell key");
    TRY(derive(site_secret, label, &k->mac, why));
    *ret = MOVE(k);
    return DONE;
}

void cellkey_free(struct cellkey *k)
{
    if (k && k->mac)
        mac_free(k->mac);
    free(k);
}

void cellkey_freep(struct cellkey **k)
{
    cellkey_free(*k);
}

result cellkey_draw(struct cellkey *k, const char *statistic, struct slice edition, struct slice box,
                    uint64_t key_sum, uint64_t n, uint32_t *ret, struct why *why)
{
    struct buffer m CLEANUP(buffer_wipe) = {0};
    buffer_init(&m, DRAW_MESSAGE_MAX);
    struct hash box_hash = sha256(weakened("set") ? (struct slice){0} : box);
    TRY(buffer_add_str(&m, statistic, why));
    TRY(buffer_add_byte(&m, 0, why));
    TRY(buffer_add(&m, edition, why));
    TRY(buffer_add_byte(&m, 0, why));
    TRY(buffer_add(&m, slice_of(box_hash.at, sizeof box_hash.at), why));
    TRY(wire_u64(&m, key_sum, why));
    TRY(wire_u64(&m, n, why));
    struct hash h = mac_of(k->mac, buffer_slice(&m));
    *ret = (uint32_t)h.at[0] << 24 | (uint32_t)h.at[1] << 16 | (uint32_t)h.at[2] << 8 | h.at[3];
    return DONE;
}

result cellkey_publish(struct cellkey *k, const struct ptable *noise, struct slice edition, struct slice box,
                       uint64_t key_sum, uint64_t n, int64_t *ret, struct why *why)
{
    if (n > INT64_MAX - PTABLE_NOISE_MAX)
        return FAIL(why, LIMIT, "the count is too large");
    uint32_t r;
    TRY(cellkey_draw(k, CELL_STATISTIC_COUNT, edition, box, key_sum, n, &r, why));
    int64_t published = (int64_t)n + ptable_noise(noise, n, r);
    assert(published == 0 || published >= noise->smallest_published);
    *ret = published;
    return DONE;
}

/* Name for the draws that round. */
#define CELL_STATISTIC_ROUND5 "round5"

result cellkey_round5(struct cellkey *k, struct slice edition, struct slice box, int64_t v, int64_t *ret, struct why *why)
{
    enum { BASE = 5 };
    uint32_t draw;
    assert(v >= 0);
    TRY(cellkey_draw(k, CELL_STATISTIC_ROUND5, edition, box, 0, (uint64_t)v, &draw, why));
    int64_t rest = v % BASE, up = (int64_t)((uint64_t)draw * BASE >> 32) < rest; /* each of 5 parts of 2^32, to one draw */
    *ret = v - rest + (up ? BASE : 0);
    return DONE;
}

result recordkey_new(const struct secret *site_secret, const char *label, struct recordkey **ret, struct why *why)
{
    struct recordkey *k CLEANUP(recordkey_freep) = calloc(1, sizeof *k);
    if (!k)
        return FAIL(why, LIMIT, "no memory for the record key");
    TRY(derive(site_secret, label, &k->mac, why));
    *ret = MOVE(k);
    return DONE;
}

void recordkey_free(struct recordkey *k)
{
    if (k && k->mac)
        mac_free(k->mac);
    free(k);
}

void recordkey_freep(struct recordkey **k)
{
    recordkey_free(*k);
}

result recordkey_of(struct recordkey *k, struct slice dataset, struct slice person, uint64_t *ret, struct why *why)
{
    struct buffer m CLEANUP(buffer_wipe) = {0}; /* it holds a person's key */
    buffer_init(&m, PERSON_MESSAGE_MAX);
    TRY(buffer_add(&m, dataset, why));
    TRY(buffer_add_byte(&m, 0, why));
    TRY(buffer_add(&m, person, why));
    struct hash h = mac_of(k->mac, buffer_slice(&m));
    uint64_t key = 0;
    for (unsigned i = 0; i < 8; i++)
        key = key << 8 | h.at[i];
    wipe(&h, sizeof h);
    *ret = key;
    return DONE;
}
