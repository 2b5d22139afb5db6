/*
 * charge.h - L5: what an answer takes from the information ledger (disclosure.md 1.6).
 * Each variable d that a question names is charged 1/(V + s/4), or 2/(V + s/g) where the answer divides it into g groups (two
 * and more; at most CHARGE_GROUPS_MAX count), in millionths rounded up: a person who has one value and not another is
 * in one cell more and in one less, and each has its own noise.  s is the smallest of
 *   - the smallest parent of a cell after dropping d, cells that stay blank included,
 *   - the smallest projected difference that the audit found (agents/disclosure/audit.h),
 * each with keyed noise as a published count has, then rounded down to 10 * 2^k, so that a charge tells no more
 * than a published count.  A summarized variable is charged as a model, 1/(6.25 + n/4), n its smallest group, and what it is
 * summarized by and of (by and box) once for each of them; where so many lack a value that n is of the others alone, at most as
 * a narrowed box that is divided.  Where quantiles are asked, each variable in the table that they are read from
 * (summary_histogram, agents/engine/plan.h) is charged for that table too.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_CHARGE_H
#define INNSYN_AGENTS_DISCLOSURE_CHARGE_H

#include "agents/disclosure/cellkey.h"
#include "agents/parameters.h"
#include "agents/engine/plan.h"

enum {
    CHARGE_ITEMS_MAX = BOX_VARIABLES_MAX + TABLE_DIMENSIONS_MAX + SUMMARY_VARIABLES_MAX + 1,
};

struct charge_item {
    unsigned variable; /* index in the dictionary */
    uint32_t micro;
};
struct charge {
    struct charge_item items[CHARGE_ITEMS_MAX];
    unsigned count;
};

/* 1/(quarters/4 + s/4) in millionths, rounded up. */
uint32_t charge_micro(unsigned quarters, uint64_t s);
/* 2/(quarters/4 + s/groups), alike; below two groups charge_micro. */
uint32_t charge_micro_of_cells(unsigned quarters, uint64_t s, unsigned groups);
/* The largest 10 * 2^k that is not above n, at least 10 and at most CHARGE_STEP_LAST. */
uint64_t charge_step(uint64_t n);

/* Variables that a question names, each once: box, dimensions, summarized, by.  micro is 0. */
void charge_variables(const struct question *q, struct charge *ret);

/* noise: the profile's.  difference: cohorts_least; at most CHARGE_STEP_EDITION if the permit was answered on another edition
 * (agents/guard/ledger.h).
 * BROKEN: the answer was made without protect. */
MUST_CHECK result charge_of(const struct question *q, const struct engine_answer *a, struct cellkey *key, struct slice edition,
                            const struct ptable *noise, uint64_t difference, struct charge *ret, struct why *why);

#endif
