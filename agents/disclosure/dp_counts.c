#include "agents/disclosure/dp_counts.h"

#include <stdlib.h>

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
