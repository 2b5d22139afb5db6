#include "agents/disclosure/dp_noise.h"

#include <math.h>

#include "agents/weakened.h"
#include "base/arith.h"
#include "base/secret.h"

typedef unsigned __int128 wide;

enum { LAPLACE_TRIES_MAX = 100000 }; /* each ends with probability above 1/4 */

/* --- words --- */

void system_words_init(struct system_words *s, const struct host *h)
{
    *s = (struct system_words){.host = h};
}

static result system_next(void *self, uint64_t *ret, struct why *why)
{
    struct system_words *s = self;
    if (s->left == 0) {
        uint8_t bytes[sizeof s->block];
        TRY(host_random(s->host, bytes, sizeof bytes, why));
        memcpy(s->block, bytes, sizeof bytes);
        wipe(bytes, sizeof bytes);
        s->left = SYSTEM_WORDS_BLOCK;
    }
    uint64_t *at = &s->block[--s->left];
    *ret = *at;
    wipe(at, sizeof *at);
    return DONE;
}

struct random_words system_words(struct system_words *s)
{
    return (struct random_words){system_next, s};
}

void system_words_done(struct system_words *s)
{
    wipe(s, sizeof *s);
}

/* --- Bernoulli --- */

static result below(const struct random_words *w, wide m, wide *ret, struct why *why)
{
    if (m == 1) {
        *ret = 0;
        return DONE;
    }
    uint64_t most = (uint64_t)((m - 1) >> 64), mask = UINT64_MAX, high = 0, low;
    if (!most)
        mask >>= __builtin_clzll((uint64_t)(m - 1));
    wide word;
    do { /* each turn ends it with probability above 1/2 */
        if (most) {
            TRY(w->next(w->self, &high, why));
            high &= UINT64_MAX >> __builtin_clzll(most);
        }
        TRY(w->next(w->self, &low, why));
        word = (wide)high << 64 | (low & mask);
    } while (word >= m);
    *ret = word;
    return DONE;
}

/* exp(-a/b) for a <= b: the number of successes before the first failure of a/b, a/2b, a/3b ... is even. */
static result bernoulli_exp_one(const struct random_words *w, wide a, wide b, bool *ret, struct why *why)
{
    for (wide k = 1;; k++) { /* k turns have probability below 1/k! */
        wide bk, u;
        if (!ck_mul(b, k, &bk))
            return FAIL(why, LIMIT, "the noise's scale is too fine");
        TRY(below(w, bk, &u, why));
        if (u >= a) {
            *ret = k & 1;
            return DONE;
        }
    }
}

static result bernoulli_exp(const struct random_words *w, wide a, wide b, bool *ret, struct why *why)
{
    for (; a > b; a -= b) {
        bool one;
        TRY(bernoulli_exp_one(w, 1, 1, &one, why));
        if (!one) {
            *ret = false;
            return DONE;
        }
    }
    return bernoulli_exp_one(w, a, b, ret, why);
}

/* --- the laws --- */

static result magnitude(const struct random_words *w, uint64_t num, uint64_t den, uint64_t *ret, struct why *why)
{
    wide u;
    uint64_t v = 0;
    bool hit = false;
    do {
        TRY(below(w, num, &u, why));
        TRY(bernoulli_exp(w, u, num, &hit, why));
    } while (!hit);
    for (;; v++) {
        TRY(bernoulli_exp_one(w, 1, 1, &hit, why));
        if (!hit)
            break;
    }
    uint64_t x;
    if (!ck_mul(num, v, &x) || !ck_add(x, (uint64_t)u, &x))
        return FAIL(why, LIMIT, "the noise is too large");
    *ret = x / den;
    return DONE;
}

static bool scale_is_good(uint64_t num, uint64_t den, uint64_t whole_max)
{
    return num > 0 && den > 0 && num <= (den == 1 ? whole_max : DP_SCALE_MAX) && den <= DP_SCALE_MAX;
}

result dp_laplace(const struct random_words *w, uint64_t num, uint64_t den, int64_t *ret, struct why *why)
{
    if (!scale_is_good(num, den, DP_WHOLE_SCALE_MAX))
        return FAIL(why, MALFORMED, "a scale lies between 0 and 2^20, a whole one and 2^29");
    for (unsigned tries = 0; tries < LAPLACE_TRIES_MAX; tries++) {
        uint64_t x;
        wide sign;
        TRY(magnitude(w, num, den, &x, why));
        TRY(below(w, 2, &sign, why));
        if (sign && x == 0)
            continue; /* or 0 would come twice as often */
        *ret = sign ? -(int64_t)x : (int64_t)x;
        return DONE;
    }
    return FAIL(why, UNAVAILABLE, "the random words are not random");
}

static uint64_t square_root(uint64_t x)
{
    uint64_t r = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit; bit >>= 1)
        if ((r + bit) * (r + bit) <= x) /* bits from 2^31 down: no overflow */
            r += bit;
    return r;
}

static wide common_divisor(wide a, wide b)
{
    while (b) {
        wide rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

#ifdef INNSYN_TEST_HOOKS
/* What A18 finds out (agents/weakened.h): Box and Muller, cut towards zero as a cast does. */
static result cast_gaussian(const struct random_words *w, double sigma2, int64_t *ret, struct why *why)
{
    double u[2];
    for (unsigned i = 0; i < 2; i++) {
        uint64_t word;
        TRY(w->next(w->self, &word, why));
        u[i] = ((double)(word >> 11) + 1) / 9007199254740992.0;
    }
    *ret = (int64_t)(sqrt(-2 * sigma2 * log(u[0])) * cos(6.283185307179586 * u[1]));
    return DONE;
}
#else
#define cast_gaussian(w, sigma2, ret, why) (DONE)
#endif

result dp_gaussian(const struct random_words *w, uint64_t num, uint64_t den, int64_t *ret, struct why *why)
{
    if (!scale_is_good(num, den, DP_VARIANCE_MAX))
        return FAIL(why, MALFORMED, "a variance lies between 0 and 2^20, a whole one and 2^56");
    if (weakened("cast"))
        return cast_gaussian(w, (double)num / (double)den, ret, why);
    uint64_t t = square_root(num / den) + 1;
    for (unsigned tries = 0; tries < LAPLACE_TRIES_MAX; tries++) {
        int64_t y;
        bool keep;
        TRY(dp_laplace(w, t, 1, &y, why));
        /* Keep y with probability exp(-(|y| - sigma^2/t)^2 / (2 sigma^2)), as a fraction a/b. */
        wide at = (wide)(y < 0 ? -y : y) * t * den;
        wide distance = at > num ? at - num : num - at;
        if (distance >> 63) /* |y| above 64 scales */
            return FAIL(why, LIMIT, "the noise is too large");
        wide a = distance * distance, b = (wide)2 * num * den * t * t, g = common_divisor(a, b);
        a /= g, b /= g;
        TRY(bernoulli_exp(w, a, b, &keep, why));
        if (keep) {
            *ret = y;
            return DONE;
        }
    }
    return FAIL(why, UNAVAILABLE, "the random words are not random");
}
