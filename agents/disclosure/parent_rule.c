#include "agents/disclosure/parent_rule.h"

#include <assert.h>

/* Persons in a part, or fewer: in an event table a person may lie in several slots, and then only the
 * largest slot is certain. */
static uint64_t persons_at_least(const struct question *q, const struct cube *c, const struct part *p)
{
    struct part_sum s = part_sum(c, p);
    return q->dictionary->event_table ? s.persons_most : s.persons;
}

static bool in_box(const struct question *q, unsigned variable)
{
    for (unsigned b = 0; b < q->box_count; b++)
        if (q->box[b].variable == variable)
            return true;
    return false;
}

static struct part without(const struct question *q, const struct part *cell, unsigned variable)
{
    struct part p = *cell;
    for (unsigned d = 0; d < q->dimension_count; d++)
        if (q->dimensions[d].variable == variable)
            p.at[d] = CELL_FREE;
    return p;
}

bool parent_at(const struct question *q, const struct engine_answer *a, const struct part *cell, unsigned k, struct parent *ret)
{
    assert(a->parent_count == q->box_count);
    if (k < q->box_count) {
        struct part p = without(q, cell, q->box[k].variable);
        *ret = (struct parent){(int)k, p, persons_at_least(q, &a->parents[k], &p)};
        return true;
    }
    unsigned d = k - q->box_count;
    if (cell->at[d] == CELL_FREE || in_box(q, q->dimensions[d].variable))
        return false;
    struct part p = without(q, cell, q->dimensions[d].variable);
    *ret = (struct parent){-1, p, persons_at_least(q, &a->base, &p)};
    return true;
}

bool parent_rule_holds(const struct question *q, const struct engine_answer *a, const struct part *cell, uint64_t persons_min)
{
    struct parent p;
    for (unsigned k = 0; k < q->box_count + q->dimension_count; k++)
        if (parent_at(q, a, cell, k, &p) && p.persons < persons_min)
            return false;
    return true;
}

bool parent_rule_holds_missing(const struct question *q, const struct engine_answer *a, uint64_t persons_min)
{
    struct part all = {{CELL_FREE, CELL_FREE, CELL_FREE, CELL_FREE}};
    return parent_rule_holds(q, a, &all, persons_min) && persons_at_least(q, &a->base, &all) >= persons_min;
}
