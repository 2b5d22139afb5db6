/*
 * parent_rule.h - L1: may this cell be shown at all?  A cell is "those with a, b and c"; each of its
 * parents forgets one of the variables.  If a parent holds fewer persons than the profile asks (10), the
 * cell would tell something about them ("the only one such: is he ill?"), whatever its own count is.
 * The decision therefore looks at parents only, never at the cell.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_PARENT_RULE_H
#define INNSYN_AGENTS_DISCLOSURE_PARENT_RULE_H

#include "agents/disclosure/cells.h"

/* A group that forgets one variable of a part. */
struct parent {
    int box;          /* the box variable forgotten; -1: a dimension's */
    struct part part; /* of the question without that box variable */
    uint64_t persons;
};
/* The k-th, k from 0 below box_count + dimension_count; false: there is none with that number. */
bool parent_at(const struct question *q, const struct engine_answer *a, const struct part *cell, unsigned k, struct parent *ret);

/* True if every leave-one-variable-out parent of the part holds at least persons_min persons
 * (0 counts as too few).  Its variables are the box's and the dimensions that are not CELL_FREE; one
 * that is both is one variable.  The answer must carry a parent cube for every box variable. */
bool parent_rule_holds(const struct question *q, const struct engine_answer *a, const struct part *cell, uint64_t persons_min);

/* As parent_rule_holds for "missing in at least one dimension": dropping a dimension leaves the cohort,
 * dropping a box variable leaves that parent. */
bool parent_rule_holds_missing(const struct question *q, const struct engine_answer *a, uint64_t persons_min);

#endif
