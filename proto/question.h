/*
 * question.h - one statistic on one cohort (docs/PROTOCOL.md section 4).
 * question_read checks the form against the dictionary and brings it to its one canonical form:
 * what asks the same has the same bytes and the same hash.
 */
#ifndef INNSYN_PROTO_QUESTION_H
#define INNSYN_PROTO_QUESTION_H

#include "proto/crypto.h"
#include "proto/dictionary.h"

enum {
    BOX_VARIABLES_MAX = 32,
    TABLE_DIMENSIONS_MAX = 4,
    TABLE_CELLS_MAX = 2000,
    TABLE_CELLS_OPEN_MAX = 100000,
    BREAKS_MAX = 1001,
    SUMMARY_VARIABLES_MAX = 64,
    QUANTILES_MAX = 32,
    QUANTILE_CELLS_MAX = 25,     /* of a variable's public grid, which quantiles are read from under protection */
    QUANTILE_VALUES_MAX = 20000, /* that quantiles are read from under open, over all groups and variables */
    RANGES_MAX = 64,        /* of one variable, after merging */
    RANGES_ASKED_MAX = 1024, /* as written */
    SITES_ASKED_MAX = 64,
    QUESTION_BYTES_MAX = 64 * 1024,
};

enum statistic { STATISTIC_COUNT, STATISTIC_TABLE, STATISTIC_SUMMARY, STATISTIC_HISTOGRAM, STATISTIC_KINDS };
const char *statistic_name(enum statistic s);

/* [from, to); a missing end is -INFINITY or +INFINITY.  Dates are days since 1970-01-01. */
struct range {
    double from, to;
};

/* One variable's set of values: level indices, or ranges (sorted, disjoint, not touching). */
struct value_set {
    unsigned variable;      /* index in the dictionary */
    unsigned *levels;       /* sorted ascending by index; categories and codes */
    unsigned level_count;
    struct range *ranges;   /* integers, numbers, dates */
    unsigned range_count;
    bool missing;           /* rows without a value belong to the set too */
};

/* A variable with its cells: every level of a category, or every group of one of its registered groupings; or breaks
 * [b0,b1), ..., the last closed. */
struct dimension {
    unsigned variable;
    double *breaks;         /* NULL for categories */
    unsigned break_count;   /* cells: break_count - 1 */
    const struct grouping *grouping; /* the dictionary's; NULL: levels, or breaks that are not registered */
};

struct question {
    const struct dictionary *dictionary; /* borrowed: must outlive the question */
    enum statistic statistic;
    struct value_set *box;  /* sorted by variable name; complete sets are dropped */
    unsigned box_count;
    bool by_site;
    struct dimension dimensions[TABLE_DIMENSIONS_MAX]; /* table: by; histogram: the one variable */
    unsigned dimension_count;
    unsigned *variables;    /* summary: indices in the order asked */
    unsigned variable_count;
    int by;                 /* summary: grouping category, -1 none */
    const struct grouping *by_grouping; /* its groups; NULL: its levels */
    double *quantiles;      /* summary: probabilities, ascending */
    unsigned quantile_count;
    struct slice sites[SITES_ASKED_MAX]; /* the reserved variable `site` in where: sorted; none means all */
    unsigned site_count;
    struct buffer canonical; /* JCS bytes of the canonical question document */
    struct hash hash;        /* SHA-256 of those bytes */
    struct arena *memory;    /* owns all arrays above */
};

/* MALFORMED names path, rule and remedy (unknown variable with the nearest name; level with the levels;
 * a cut off the grid with the two nearest cuts).  LIMIT: more cells, variables or ranges than allowed.
 * DENIED: the profile does not release this statistic.  v is not kept. */
MUST_CHECK result question_read(const struct json *v, const struct dictionary *d, struct question **ret, struct why *why);
void question_free(struct question *q);
void question_freep(struct question **q);

/* Only the dataset's name, before its dictionary is known. */
MUST_CHECK result question_dataset(const struct json *v, struct label *ret, struct why *why);

/* Appends the canonical text of a count question on this question's box, whatever it asks and of whichever sites:
 * what two questions about the same cohort have in common. */
MUST_CHECK result question_cohort(const struct question *q, struct buffer *to, struct why *why);

/* Cells of a dimension without below, above and missing. */
unsigned dimension_cells(const struct question *q, unsigned dimension);
/* Groups of a summary, rows without a value of `by` not counted: 1 without `by`. */
unsigned question_groups(const struct question *q);
/* The code of a group, or of a level, of `by`. */
struct slice question_group_code(const struct question *q, unsigned group);
/* Cells of the whole table, margins not counted (a count has 1). */
uint64_t question_cells(const struct question *q);

enum { CELL_FREE = -1, CELL_INSIDE = -2 };

/* Appends the canonical text of the box of one cell: the question's own box narrowed to slot
 * index[i] of each dimension i: 0..cells-1 a cell, cells: below the first break, cells+1: above the
 * last, cells+2: missing; or CELL_FREE: not narrowed; CELL_INSIDE: to all cells together (neither
 * missing nor below nor above), as the other dimensions of a margin are.
 * "age=[40,50);sex=1": variables in byte order, level codes sorted bytewise and joined by ',',
 * ranges joined by ',', "?" for missing, complete sets dropped, joined by ';'.
 * The same set of values has the same text however it was asked (disclosure.md 1.1). */
MUST_CHECK result question_cell_box(const struct question *q, const int index[TABLE_DIMENSIONS_MAX], struct buffer *to, struct why *why);

#endif
