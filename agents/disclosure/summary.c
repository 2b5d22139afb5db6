#include "agents/disclosure/summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "agents/disclosure/dominance.h"
#include "agents/disclosure/profile.h"
#include "agents/disclosure/quantile.h"

enum { BOX_TEXT_MAX = 256 * 1024 };

bool summary_allowed(const struct weighted *w)
{
    struct dominance_limits limits = dominance_limits_default();
    struct contributions c = {w->n, w->total, w->largest, w->second, w->smallest};
    struct dominance d = dominance_of(&c, &limits);
    bool enough = w->n >= SUMMARY_PERSONS_MIN && w->n >= JITTER_PERSONS_MIN, varied = w->smallest < w->largest;
    bool computed = isfinite(w->mean) && w->variance > 0 && isfinite(w->variance);
    return enough & varied & computed & !d.unsafe;
}

double released_digits(double x)
{
    char text[32];
    snprintf(text, sizeof text, "%.*e", RELEASED_DIGITS - 1, x);
    return strtod(text, NULL) + 0.0; /* no negative zero */
}

static struct published_moments withheld(int64_t n, int64_t n_missing)
{
    return (struct published_moments){n, n_missing, (double)NAN, (double)NAN};
}

uint64_t summary_off_the_ends(const struct weighted *w)
{
    return w->off_smallest < w->off_largest ? w->off_smallest : w->off_largest;
}

bool summary_is_spread(const struct weighted *w, double contributors)
{
    double above = w->largest - w->total / (double)w->n, below = w->smallest - w->total / (double)w->n;
    double square = fmax(above * above, below * below);
    return w->total >= contributors * w->largest && w->squares >= contributors * square;
}

/* Names for the noise of a group near a threshold. */
#define SUMMARY_STATISTIC_LEAST "summary-least"
#define SUMMARY_STATISTIC_APART "summary-apart"
#define SUMMARY_STATISTIC_OFF "summary-off"
#define SUMMARY_STATISTIC_CONTRIBUTORS "summary-contributors"

struct part summary_part(const struct counts_context *x, int group, bool with)
{
    unsigned last = x->q->dimension_count - 1;
    struct part p = {{group, CELL_FREE, CELL_FREE, CELL_FREE}};
    p.at[last] = with ? 0 : (int)x->a->base.slots[last] - 1;
    return p;
}

/* A threshold carries noise, as a parent's does: else a mean that is there and one that is not would tell of one
 * person on which side of it the group is.  The noise is not that of the published n. */
static result is_least(const struct counts_context *x, const char *statistic, const struct part *p, uint64_t n, int64_t least, bool *ret, struct why *why)
{
    const struct ptable *noise = profile_rules(PROFILE_CK)->noise;
    struct buffer box CLEANUP(buffer_done) = {0};
    uint32_t r;
    buffer_init(&box, BOX_TEXT_MAX);
    TRY(question_cell_box(x->q, p->at, &box, why));
    TRY(cellkey_draw(x->key, statistic, x->edition, buffer_slice(&box), 0, n, &r, why));
    *ret = (int64_t)n + ptable_noise(noise, n, r) >= least;
    return DONE;
}

/* How many make the sum, or its deviations, told by true values alone, would tell of the few who do: so each set of persons
 * has a threshold of its own. */
static result is_spread(const struct counts_context *x, const struct part *p, const struct weighted *w, bool *ret, struct why *why)
{
    struct buffer box CLEANUP(buffer_done) = {0};
    uint32_t r;
    buffer_init(&box, BOX_TEXT_MAX);
    TRY(question_cell_box(x->q, p->at, &box, why));
    TRY(cellkey_draw(x->key, SUMMARY_STATISTIC_CONTRIBUTORS, x->edition, buffer_slice(&box), part_sum(&x->a->base, p).key_sum, w->n, &r, why));
    *ret = summary_is_spread(w, CONTRIBUTORS_MIN + CONTRIBUTORS_NOISE * (double)r / 4294967296.0);
    return DONE;
}

result summary_shown_of(const struct counts_context *x, int group, const struct weighted *w, struct summary_shown *ret, struct why *why)
{
    const int64_t persons_min = JITTER_PERSONS_MIN > SUMMARY_PERSONS_MIN ? JITTER_PERSONS_MIN : SUMMARY_PERSONS_MIN;
    struct part with = summary_part(x, group, true), without = summary_part(x, group, false);
    int64_t n;
    bool large, varied, spread;
    TRY(is_least(x, SUMMARY_STATISTIC_APART, &without, part_sum(&x->a->base, &without).persons, PARENT_PERSONS_MIN, &ret->apart, why));
    TRY(counts_publish_part(x, &with, &n, why));
    TRY(is_least(x, SUMMARY_STATISTIC_LEAST, &with, w->n, persons_min, &large, why));
    /* A rare 1 among zeros is a count. */
    _Static_assert(OFF_SURE >= PARENT_PERSONS_MIN + CK_NOISE_MAX, "what the engine does not count is enough");
    TRY(is_least(x, SUMMARY_STATISTIC_OFF, &with, summary_off_the_ends(w), PARENT_PERSONS_MIN, &varied, why));
    TRY(is_spread(x, &with, w, &spread, why));
    ret->mean = n != CELL_WITHHELD && large && varied && spread && summary_allowed(w);
    return DONE;
}

/* One variable in one group. */
static result publish_one(const struct counts_context *x, int group, const struct weighted *w, const struct variable *v,
                          struct published_moments *ret, struct why *why)
{
    int64_t n, n_missing;
    struct summary_shown shown;
    struct part with = summary_part(x, group, true), without = summary_part(x, group, false);
    TRY(summary_shown_of(x, group, w, &shown, why));
    if (!shown.apart)
        with.at[x->q->dimension_count - 1] = CELL_FREE;
    TRY(counts_publish_part(x, &with, &n, why));
    TRY(counts_publish_part(x, &without, &n_missing, why));
    *ret = withheld(n, n_missing);
    if (!shown.mean)
        return DONE;
    ret->mean = released_digits(fmin(fmax(w->mean, v->clamp_low), v->clamp_high));
    ret->variance = released_digits(w->variance);
    return DONE;
}

result summary_protect(const struct question *q, const struct engine_answer *a, struct cellkey *key, struct slice edition,
                       struct published *ret, struct why *why)
{
    const struct profile_rules *rules = profile_rules(q->dictionary->profile);
    if (!rules || q->statistic != STATISTIC_SUMMARY || q->dictionary->event_table)
        return FAIL(why, DENIED, "a %s is not released under profile %s", statistic_name(q->statistic), profile_name(q->dictionary->profile));
    unsigned groups = question_groups(q);
    if (!a->weighted || a->summary_groups < groups || a->summary_variables != q->variable_count || a->counts_count != q->variable_count)
        return FAIL(why, BROKEN, "the engine's summary does not fit the question");
    struct published p CLEANUP(published_done);
    published_init(&p);
    p.statistic = STATISTIC_SUMMARY;
    p.group_count = groups;
    p.variable_count = q->variable_count;
    p.protected_moments = calloc((size_t)groups * q->variable_count, sizeof *p.protected_moments);
    if (!p.protected_moments)
        return FAIL(why, LIMIT, "no memory for a summary");
    for (unsigned v = 0; v < q->variable_count; v++) {
        struct question counts = summary_counts(q, v);
        struct counts_context x = {&counts, &a->counts[v], key, rules, edition};
        TRY(counts_check(&x, why));
        for (unsigned g = 0; g < groups; g++) {
            size_t i = (size_t)g * q->variable_count + v;
            TRY(publish_one(&x, (int)g, &a->weighted[i], &q->dictionary->variables[q->variables[v]], &p.protected_moments[i], why));
        }
    }
    if (q->quantile_count)
        TRY(quantiles_protect(q, a, key, edition, &p, why));
    *ret = p;
    published_init(&p);
    return DONE;
}

result summary_open(const struct question *q, const struct engine_answer *a, struct published *ret, struct why *why)
{
    unsigned groups = question_groups(q);
    if (q->dictionary->profile != PROFILE_OPEN)
        return FAIL(why, DENIED, "true values leave under profile open only");
    if (!a->summary || a->summary_groups < groups || a->summary_variables != q->variable_count)
        return FAIL(why, BROKEN, "the engine's summary does not fit the question");
    struct published p CLEANUP(published_done);
    published_init(&p);
    p.statistic = q->statistic;
    p.group_count = groups;
    p.variable_count = q->variable_count;
    size_t count = (size_t)groups * q->variable_count;
    p.moments = calloc(count, sizeof *p.moments);
    if (!p.moments)
        return FAIL(why, LIMIT, "no memory for %zu moments", count);
    for (size_t i = 0; i < count; i++)
        p.moments[i] = a->summary[i];
    if (q->quantile_count)
        TRY(quantiles_open(q, a, &p, why));
    *ret = p;
    published_init(&p);
    return DONE;
}
