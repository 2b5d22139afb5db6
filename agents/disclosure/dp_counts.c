#include "agents/disclosure/dp_counts.h"

#include <stdlib.h>

#include "agents/disclosure/dp_sums.h"

#define DP_COUNT_MAX (INT64_C(1) << 42) /* times at most CUBE_SLOTS_MAX slots stays below 2^62 */

result dp_counts(const struct question *q, const struct cube *c, uint64_t units, const struct random_words *w,
                 int64_t **ret_slots, struct why *why)
{
    if (q->dictionary->profile != PROFILE_DP || q->dictionary->event_table || units == 0)
        return FAIL(why, DENIED, "profile dp counts persons, each once, and for a budget");
    int64_t *slots = calloc(c->slot_count, sizeof *slots);
    if (!slots)
        return FAIL(why, LIMIT, "no memory for %llu slots", (unsigned long long)c->slot_count);
    result r = DONE;
    for (uint64_t i = 0; i < c->slot_count && is_ok(r); i++) {
        int64_t noise = 0;
        if (c->persons[i] > (uint64_t)DP_COUNT_MAX)
            r = FAIL(why, LIMIT, "the count is too large");
        else
            r = dp_gaussian(w, zcdp_sigma2(units), 1, &noise, why);
        slots[i] = (int64_t)(c->persons[i] % (uint64_t)INT64_MAX) + noise;
    }
    if (!is_ok(r)) {
        free(slots);
        return r;
    }
    *ret_slots = slots;
    return DONE;
}

int64_t dp_part(const struct cube *c, const int64_t *slots, const struct part *p)
{
    int64_t sum = 0;
    for (uint64_t i = 0; i < c->slot_count; i++) {
        struct part at = part_of_slot(c, i);
        bool in = true;
        for (unsigned d = 0; d < c->dimension_count; d++) {
            int inside = (int)c->slots[d] - CUBE_SLOTS_EXTRA;
            in = in && (p->at[d] == CELL_FREE || p->at[d] == at.at[d] || (p->at[d] == CELL_INSIDE && at.at[d] < inside));
        }
        sum += in ? slots[i] : 0;
    }
    return sum;
}

/* --- what leaves ------------------------------------------------------------------------------- */

static struct part all_of(int at)
{
    return (struct part){{at, at, at, at}};
}

static result publish_cells(const struct question *q, const struct cube *c, const int64_t *slots, struct published *p, struct why *why)
{
    p->cell_count = question_cells(q);
    p->cells = calloc(p->cell_count, sizeof *p->cells);
    if (!p->cells)
        return FAIL(why, LIMIT, "no memory for %llu cells", (unsigned long long)p->cell_count);
    for (uint64_t i = 0; i < p->cell_count; i++) {
        uint64_t rest = i, slot = 0, weight = 1;
        for (unsigned d = q->dimension_count; d-- > 0; rest /= dimension_cells(q, d)) {
            slot += rest % dimension_cells(q, d) * weight;
            weight *= c->slots[d];
        }
        p->cells[i] = slots[slot];
    }
    return DONE;
}

static result publish_margins(const struct question *q, const struct cube *c, const int64_t *slots, struct published *p, struct why *why)
{
    p->margin_count = q->dimension_count > 1 ? q->dimension_count : 0;
    for (unsigned d = 0; d < p->margin_count; d++) {
        struct part part = all_of(CELL_INSIDE);
        p->margin_cells[d] = dimension_cells(q, d);
        p->margins[d] = calloc(p->margin_cells[d], sizeof *p->margins[d]);
        if (!p->margins[d])
            return FAIL(why, LIMIT, "no memory for a margin of %u cells", p->margin_cells[d]);
        for (unsigned i = 0; i < p->margin_cells[d]; i++) {
            part.at[d] = (int)i;
            p->margins[d][i] = dp_part(c, slots, &part);
        }
    }
    return DONE;
}

/* Slots that are missing in at least one dimension. */
static int64_t missing_of(const struct cube *c, const int64_t *slots)
{
    int64_t sum = 0;
    for (uint64_t i = 0; i < c->slot_count; i++) {
        struct part at = part_of_slot(c, i);
        bool missing = false;
        for (unsigned d = 0; d < c->dimension_count; d++)
            missing = missing || at.at[d] == (int)c->slots[d] - 1;
        sum += missing ? slots[i] : 0;
    }
    return sum;
}

static result publish(const struct question *q, const struct cube *c, const int64_t *slots, struct published *p, struct why *why)
{
    struct part inside = all_of(CELL_INSIDE);
    p->statistic = q->statistic;
    TRY(publish_cells(q, c, slots, p, why));
    p->n_missing = missing_of(c, slots);
    p->total = dp_part(c, slots, &inside);
    if (q->statistic == STATISTIC_HISTOGRAM) {
        struct part below = all_of(CELL_FREE), above = below;
        below.at[0] = (int)dimension_cells(q, 0);
        above.at[0] = below.at[0] + 1;
        p->below = dp_part(c, slots, &below);
        p->above = dp_part(c, slots, &above);
        return DONE;
    }
    return publish_margins(q, c, slots, p, why);
}

result dp_protect(const struct question *q, const struct engine_answer *a, uint64_t units, const struct random_words *w, struct published *ret,
                  struct why *why)
{
    struct published p CLEANUP(published_done);
    int64_t *slots = NULL;
    published_init(&p);
    if (q->statistic == STATISTIC_SUMMARY)
        return dp_summary(q, a, units, w, ret, why);
    if (q->statistic != STATISTIC_COUNT && q->statistic != STATISTIC_TABLE && q->statistic != STATISTIC_HISTOGRAM)
        return FAIL(why, DENIED, "a %s is not released under profile dp", statistic_name(q->statistic));
    TRY(dp_counts(q, &a->base, units, w, &slots, why));
    result r = publish(q, &a->base, slots, &p, why);
    free(slots);
    TRY(r);
    *ret = p;
    published_init(&p);
    return DONE;
}
