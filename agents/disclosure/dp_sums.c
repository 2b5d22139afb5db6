#include "agents/disclosure/dp_sums.h"

#include <assert.h>
#include <stdlib.h>

#include "agents/parameters.h"
#include "agents/snapshot/snapshot.h"
#include "stats/lattice.h"

static_assert(DP_SHARES_COUNT + DP_SHARES_SUM + DP_SHARES_SQUARES == DP_SUMMARY_SHARES, "no more is spent than was taken");
static_assert(SNAPSHOT_ROWS_MAX * LATTICE_REACH_MAX < UINT64_C(1) << 52, "with its noise a sum is a number that JSON readers keep exactly");

enum { UNITS_A_SHARE_MIN = 1 << 20 };

result dp_lattice(const struct variable *v, unsigned variables, uint64_t units, struct published_lattice *ret, struct why *why)
{
    struct lattice l;
    uint64_t share = units / variables / DP_SUMMARY_SHARES; /* rounded down: the shares are never more than the whole */
    if (share < UNITS_A_SHARE_MIN)
        return FAIL(why, DENIED, "so many variables leave too little of the privacy budget to each");
    TRY(lattice_of(v, &l, why));
    *ret = (struct published_lattice){.centre = l.centre, .unit = l.unit, .reach = l.reach, .square_reach = l.square_reach, .square_unit = INT64_C(1) << l.square_shift,
                                      .noise_n = zcdp_sigma2_of(DP_SHARES_COUNT * share, 1),
                                      .noise_sum = zcdp_sigma2_of(DP_SHARES_SUM * share, (uint64_t)l.reach),
                                      .noise_squares = zcdp_sigma2_of(DP_SHARES_SQUARES * share, (uint64_t)l.square_reach)};
    return DONE;
}

static result noised(const struct random_words *w, int64_t x, uint64_t sigma2, int64_t *ret, struct why *why)
{
    int64_t noise;
    TRY(dp_gaussian(w, sigma2, 1, &noise, why));
    *ret = x + noise; /* below 2^52 and below 2^36 */
    return DONE;
}

/* What so many persons can make at most. */
static bool is_within(int64_t sum, uint64_t n, int64_t reach)
{
    int64_t most = (int64_t)n * reach;
    return sum >= -most && sum <= most;
}

static result noise_one(const struct lattice_sums *s, const struct published_lattice *l, const struct random_words *w, struct published_sums *ret, struct why *why)
{
    struct published_sums p;
    if (s->n > SNAPSHOT_ROWS_MAX || s->n_missing > SNAPSHOT_ROWS_MAX || !is_within(s->sum, s->n, l->reach) || !is_within(s->squares, s->n, l->square_reach))
        return FAIL(why, BROKEN, "the engine's sums are more than its persons can make");
    TRY(noised(w, (int64_t)s->n, l->noise_n, &p.n, why));
    TRY(noised(w, (int64_t)s->n_missing, l->noise_n, &p.n_missing, why));
    TRY(noised(w, s->sum, l->noise_sum, &p.sum, why));
    TRY(noised(w, s->squares, l->noise_squares, &p.squares, why));
    *ret = p;
    return DONE;
}

result dp_summary(const struct question *q, const struct engine_answer *a, uint64_t units, const struct random_words *w,
                  struct published *ret, struct why *why)
{
    struct published p CLEANUP(published_done);
    published_init(&p);
    if (q->statistic != STATISTIC_SUMMARY || q->dictionary->profile != PROFILE_DP || q->dictionary->event_table || q->quantile_count)
        return FAIL(why, DENIED, "only a summary of persons, without quantiles, is made of sums under profile dp");
    unsigned groups = question_groups(q);
    if (!a->lattice_sums || a->summary_groups < groups || a->summary_variables != q->variable_count)
        return FAIL(why, BROKEN, "the engine's summary does not fit the question");
    p.statistic = STATISTIC_SUMMARY;
    p.group_count = groups;
    p.variable_count = q->variable_count;
    p.sums = calloc((size_t)groups * q->variable_count, sizeof *p.sums);
    p.lattices = calloc(q->variable_count, sizeof *p.lattices);
    if (!p.sums || !p.lattices)
        return FAIL(why, LIMIT, "no memory for a summary");
    for (unsigned v = 0; v < q->variable_count; v++)
        TRY(dp_lattice(&q->dictionary->variables[q->variables[v]], q->variable_count, units, &p.lattices[v], why));
    for (size_t i = 0; i < (size_t)groups * q->variable_count; i++)
        TRY(noise_one(&a->lattice_sums[i], &p.lattices[i % q->variable_count], w, &p.sums[i], why));
    *ret = p;
    published_init(&p);
    return DONE;
}
