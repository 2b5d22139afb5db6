/*
 * dp_noise.h - exact discrete Laplace and discrete Gaussian noise (Canonne, Kamath, Steinke 2020), in integers only:
 * no floating point comes near the noise, since a floating Laplace tells the true count by its low bits.
 * The random bits are a parameter, consumed by a fixed protocol, so that a trace can be repeated in a test:
 *   below(m): m = 1 costs nothing; else one word, cut to the bits of m-1, again while it is not below m;
 *   above 2^64 two words each time, the high one first.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_DP_NOISE_H
#define INNSYN_AGENTS_DISCLOSURE_DP_NOISE_H

#include "base/host.h"

/* Uniform 64-bit words. */
struct random_words {
    result (*next)(void *self, uint64_t *ret, struct why *why);
    void *self;
};

/* Words from the system's generator, by the block; what was handed out is wiped. */
enum { SYSTEM_WORDS_BLOCK = 64 };
struct system_words {
    const struct host *host;
    uint64_t block[SYSTEM_WORDS_BLOCK];
    unsigned left;
};
void system_words_init(struct system_words *s, const struct host *h);
struct random_words system_words(struct system_words *s); /* borrows s */
void system_words_done(struct system_words *s);

/* Largest parts of a fraction taken, and largest whole scale and variance: within them nothing overflows 128 bits. */
#define DP_SCALE_MAX (UINT64_C(1) << 20)
#define DP_WHOLE_SCALE_MAX (UINT64_C(1) << 29)
#define DP_VARIANCE_MAX (UINT64_C(1) << 56)

/* Discrete Laplace of scale num/den: P(x) proportional to exp(-|x| den/num).
 * MALFORMED: num or den is 0 or over DP_SCALE_MAX
 * (num over DP_WHOLE_SCALE_MAX if den is 1).  UNAVAILABLE: no random words; *ret is as it was. */
MUST_CHECK result dp_laplace(const struct random_words *w, uint64_t num, uint64_t den, int64_t *ret, struct why *why);
/* Discrete Gaussian of sigma^2 = num/den: P(x) proportional to exp(-x^2 den / (2 num)).  The same statuses,
 * with DP_VARIANCE_MAX for den 1; LIMIT: an intermediate value did not fit (probability below 2^-80). */
MUST_CHECK result dp_gaussian(const struct random_words *w, uint64_t num, uint64_t den, int64_t *ret, struct why *why);

#endif
