/*
 * grouping.h - named groups of a variable's values, registered in the dictionary: one hierarchy a variable.
 * A category's grouping divides its levels: each level lies in exactly one group.  An integer's, number's or date's is
 * a named set of breaks.  Groupings stand from the finest to the coarsest; each is made of whole groups (of some of the
 * breaks) of the one before.  So cells of two groupings are equal, disjoint or nested, and the difference of two of
 * them is a sum of cells that could be asked (docs/DISCLOSURE.md, 1.3): other groupings than these are not taken.
 *
 * A code stands for one set of levels: that of a group may be there in several groupings, or be a level's, if it means the same.
 */
#ifndef INNSYN_PROTO_GROUPING_H
#define INNSYN_PROTO_GROUPING_H

#include "proto/crypto.h"
#include "proto/fields.h"
#include "proto/json.h"

struct variable;

enum { GROUPINGS_MAX = 8, GROUPING_BREAKS_MAX = 1001 };

struct group {
    struct slice code;
    const struct json *label; /* a text or {"nb", "en"}; NULL: none; borrowed from the dictionary's tree */
    unsigned *levels;         /* indices of its levels, rising; owned by the grouping */
    unsigned *by_code;        /* the same, sorted bytewise by the levels' codes */
    unsigned level_count;
};

struct grouping {
    struct slice name;
    const struct json *label;
    struct group *groups; /* categories and codes; else NULL */
    unsigned group_count;
    unsigned *level_room; /* what the groups' levels and by_code point into */
    struct hash definition; /* of its groups: SHA-256 of their codes and levels, as canonical JSON without labels */
    unsigned *cell_of;    /* as columns store levels: [0] is 0, no value; [1 + level] is 1 + its group */
    double *breaks;       /* integers, numbers and dates; else NULL */
    unsigned break_count;
};

/* All groups of a variable, sorted bytewise by code; the same code is there once. */
struct group_name {
    struct slice code;
    const struct group *group;
};

/* The member `groupings` of a variable whose levels are read.  f: the variable's fields.
 * MALFORMED names the member, the rule and what to do. */
MUST_CHECK result groupings_read(struct fields *f, struct variable *v);
void groupings_done(struct variable *v);
/* For the published form; NULL when there is none. */
struct json *groupings_json(const struct variable *v);

/* NULL when there is none. */
const struct grouping *variable_find_grouping(const struct variable *v, struct slice name);
/* The registered grouping with exactly these breaks. */
const struct grouping *variable_find_breaks(const struct variable *v, const double *breaks, unsigned count);
/* Index in v->group_names, -1 when there is none. */
int variable_find_group(const struct variable *v, struct slice code);

#endif
