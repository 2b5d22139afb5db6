/*
 * jitter.h - keyed case weights: what leaves as a mean or a variance counts each person 1 + 5/sqrt(n) or 1 - 5/sqrt(n)
 * times.  The sign is fixed for a person in a set of persons of an edition, whatever is computed and however often, so
 * asking again does not average it away; with one person more or less all signs are drawn anew.
 *   up to JITTER_MAC_PERSONS_MAX persons:
 *     plus = lowest bit of the first byte of HMAC-SHA256(K_J, edition || 0 || be64(cohort key) || be64(record key))
 *   more: the j-th person of the set in the snapshot's order has bit j mod 8 of byte j/8 mod 16 of
 *     AES-256_K(be64(cohort key) || be64(j / 128)),  K = HMAC-SHA256(K_J, edition || 0 || "stream")
 * One MAC a person would take a hundred times what the statistic takes (docs/decisions).
 * The cohort key is the sum of the record keys of those counted and of 64 bits of the SHA-256 of their box
 * (agents/engine/weighted.c says why).  The engine holds K_J and no other key.
 */
#ifndef INNSYN_AGENTS_ENGINE_JITTER_H
#define INNSYN_AGENTS_ENGINE_JITTER_H

#include "base/result.h"
#include "base/slice.h"

/* K_J = HMAC-SHA256(site's secret, label); guard derives it and hands it over. */
#define LABEL_JITTER_KEY "innsyn/v1/jitter-key"

struct jitter;
MUST_CHECK result jitter_new(struct slice key, struct jitter **ret, struct why *why);
void jitter_free(struct jitter *j); /* NULL is welcome */
void jitter_freep(struct jitter **j);

/* edition: its name, as text of at most JITTER_EDITION_MAX bytes. */
enum { JITTER_EDITION_MAX = 64, JITTER_MAC_PERSONS_MAX = 1024, JITTER_WORDS = 8 };
bool jitter_plus(struct jitter *j, struct slice edition, uint64_t cohort_key, uint64_t record_key);

/* The signs of a set of persons, one after the other, in the snapshot's order; the keys of all calls are the edition's
 * that jitter_edition was told last. */
struct signs {
    uint64_t cohort_key;
    bool by_mac;                  /* a small set: `word` and `bit` are not for it */
    unsigned half;                /* 0 or 1: who draws (agents/engine/halves.h); two may draw at the same time */
    uint64_t next;                /* word to come, 64 persons each */
    uint64_t words[JITTER_WORDS]; /* least significant bit first */
    uint64_t rest;                /* of the word at hand, and how many of its bits are left */
    unsigned left;
};
MUST_CHECK result jitter_edition(struct jitter *j, struct slice edition, struct why *why);
struct signs jitter_signs(uint64_t cohort_key, uint64_t persons);
/* The same set's signs, from the person after `persons` of them on, drawn by `half`. */
struct signs jitter_signs_after(struct jitter *j, const struct signs *s, uint64_t persons, unsigned half);
/* The next 64; large sets only.  Not to be mixed with jitter_next. */
uint64_t jitter_word(struct jitter *j, struct signs *s);
/* The next person's. */
bool jitter_next(struct jitter *j, struct signs *s, uint64_t record_key);

/* 5 / sqrt(n): below 25 persons it is over 1, and the weights mean nothing. */
double jitter_strength(uint64_t n);

/* Sums of values about a centre, those with the larger weight in [1]. */
struct jittered {
    double centre; /* anything near the mean */
    uint64_t n[2];
    long double sum[2], squares[2];
};
void jittered_add(struct jittered *s, double value, bool plus);
/* Weighted mean and n/(n-1) times the weighted variance.  NAN for fewer than 25 persons. */
void jittered_moments(const struct jittered *s, double *ret_mean, double *ret_variance);

#endif
