#include "agents/disclosure/cells.h"

#include <assert.h>

struct part part_of_slot(const struct cube *c, uint64_t slot)
{
    struct part p;
    for (unsigned d = 0; d < TABLE_DIMENSIONS_MAX; d++)
        p.at[d] = CELL_FREE;
    for (unsigned d = c->dimension_count; d-- > 0;) {
        p.at[d] = (int)(slot % c->slots[d]);
        slot /= c->slots[d];
    }
    return p;
}

/* [from, to) of the slots that p takes of dimension d. */
static void part_span(const struct cube *c, const struct part *p, unsigned d, unsigned *ret_from, unsigned *ret_to)
{
    int at = p->at[d];
    assert(at >= CELL_INSIDE && (at < 0 || (unsigned)at < c->slots[d]));
    *ret_from = at < 0 ? 0 : (unsigned)at;
    *ret_to = at == CELL_FREE ? c->slots[d] : at == CELL_INSIDE ? c->slots[d] - CUBE_SLOTS_EXTRA : (unsigned)at + 1;
}

struct part_sum part_sum(const struct cube *c, const struct part *p)
{
    unsigned from[TABLE_DIMENSIONS_MAX], to[TABLE_DIMENSIONS_MAX], at[TABLE_DIMENSIONS_MAX];
    struct part_sum sum = {0};
    for (unsigned d = 0; d < c->dimension_count; d++) {
        part_span(c, p, d, &from[d], &to[d]);
        if (from[d] == to[d])
            return sum;
        at[d] = from[d];
    }
    for (;;) { /* an odometer over the spans, at most slot_count turns */
        uint64_t slot = 0;
        for (unsigned d = 0; d < c->dimension_count; d++)
            slot = slot * c->slots[d] + at[d];
        assert(slot < c->slot_count);
        sum.persons += c->persons[slot];
        sum.key_sum += c->key_sums ? c->key_sums[slot] : 0;
        if (c->persons[slot] > sum.persons_most)
            sum.persons_most = c->persons[slot];
        unsigned d = c->dimension_count;
        while (d > 0 && ++at[d - 1] == to[d - 1]) {
            at[d - 1] = from[d - 1];
            d--;
        }
        if (d == 0)
            return sum;
    }
}
