/*
 * cellkey.h - noise that depends on who is in a cell, on which cell was asked for, and on nothing else:
 * the same cell of the same edition has the same noise for everybody, however and how often it is asked.
 *   r = first 32 bits of HMAC-SHA256(K_CK, stat || 0 || edition || 0 || SHA-256(box) || be64(cell key) || be64(n))
 * (disclosure.md 1.1: a keyed PRF over the sum of the record keys, with the box in the key.)
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_CELLKEY_H
#define INNSYN_AGENTS_DISCLOSURE_CELLKEY_H

#include "agents/disclosure/ptable.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/slice.h"

/* Labels by which keys derive from a site's secret: key = HMAC-SHA256(secret, label). */
#define LABEL_CELL_KEY "innsyn/v1/cell-key"
#define LABEL_RECORD_KEY "innsyn/v1/record-key"

/* Counts, tables and histograms share one name: a cell is a cell, whichever of them asks for it. */
#define CELL_STATISTIC_COUNT "cnt"

struct cellkey; /* holds K_CK */

MUST_CHECK result cellkey_new(const struct secret *site_secret, const char *label, struct cellkey **ret, struct why *why);
void cellkey_free(struct cellkey *k); /* NULL is welcome */
void cellkey_freep(struct cellkey **k);

/* The 32 bits for one cell.  box: its canonical text (question_cell_box).  key_sum: sum mod 2^64 of
 * the record keys of the n distinct persons in it. */
MUST_CHECK result cellkey_draw(struct cellkey *k, const char *statistic, struct slice edition, struct slice box,
                               uint64_t key_sum, uint64_t n, uint32_t *ret, struct why *why);

/* n + noise by the table: 0 for 0, and otherwise 0 or at least the smallest that it publishes. */
MUST_CHECK result cellkey_publish(struct cellkey *k, const struct ptable *noise, struct slice edition, struct slice box,
                                  uint64_t key_sum, uint64_t n, int64_t *ret, struct why *why);

/* A published count as a multiple of 5: v - r or v - r + 5 (r the rest), the latter for r of 5 of the draws, which hang on the
 * site's key, the edition, the box and v, not on who is in the cell: so nothing is said that v does not say, the mean
 * over draws is v, and a cell has one rounded count.  0, and what is at least 5, stays so. */
MUST_CHECK result cellkey_round5(struct cellkey *k, struct slice edition, struct slice box, int64_t v, int64_t *ret, struct why *why);

/* --- record keys, while loading --- */
struct recordkey;
MUST_CHECK result recordkey_new(const struct secret *site_secret, const char *label, struct recordkey **ret, struct why *why);
void recordkey_free(struct recordkey *k);
void recordkey_freep(struct recordkey **k);
/* First 8 bytes, big-endian, of HMAC-SHA256(K_RK, dataset || 0 || person). */
MUST_CHECK result recordkey_of(struct recordkey *k, struct slice dataset, struct slice person, uint64_t *ret, struct why *why);

#endif
