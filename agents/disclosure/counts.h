/*
 * counts.h - what of an engine's answer may leave the site.  Replies are made from `struct published`
 * and from nothing else: what was not put there on purpose cannot leak.
 * Pure: no clock, no files.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_COUNTS_H
#define INNSYN_AGENTS_DISCLOSURE_COUNTS_H

#include "agents/disclosure/cellkey.h"
#include "agents/disclosure/cells.h"
#include "agents/engine/plan.h"

/* Of a summary under protection; mean and variance NAN where they are withheld. */
struct published_moments {
    int64_t n, n_missing;
    double mean, variance;
};

/* Of a summary under profile dp: whole numbers with their noise (stats/lattice.h), any of them below 0. */
struct published_sums {
    int64_t n, n_missing, sum, squares;
};

/* What they are numbers of, and what noise they carry.  Public: from the dictionary and the parameters. */
struct published_lattice {
    double centre, unit;
    int64_t reach, square_reach, square_unit;
    uint64_t noise_n, noise_sum, noise_squares; /* variances, in the units of the numbers */
};

/* What quantiles of one variable in one group are read from: how often each value is there, or persons in cells. */
struct published_quantiles {
    bool cells;
    unsigned count;  /* values or cells; cells and none: withheld */
    double *at;      /* the values, rising; or the cells' edges, one more */
    int64_t *counts; /* CELL_WITHHELD where the count stays here */
    int64_t below, above; /* of cells */
};

struct published {
    enum statistic statistic;
    /* count, table, histogram: CELL_WITHHELD where the value stays here */
    int64_t *cells; /* row-major, without below, above and missing */
    uint64_t cell_count;
    int64_t *margins[TABLE_DIMENSIONS_MAX];
    unsigned margin_cells[TABLE_DIMENSIONS_MAX];
    unsigned margin_count; /* 0 for less than two dimensions */
    int64_t total, n_missing, below, above;
    /* summary, open only: [group][variable] */
    struct moments *moments;
    struct published_moments *protected_moments; /* summary, the other profiles */
    struct published_sums *sums;                 /* summary, dp */
    struct published_lattice *lattices;          /* [variable], with sums */
    struct published_quantiles *quantiles;       /* where they are asked: [group][variable] */
    unsigned group_count, variable_count;
};
void published_init(struct published *p);
void published_done(struct published *p); /* zeroed ones are welcome */

/* Profiles ck and strict (L1, L3; sections 1.1 to 1.3).  edition: the edition's name, as text.
 * DENIED: the table is refused as a whole, the statistic is not released under it, or the profile is another; the text never
 * depends on the data beyond that. */
MUST_CHECK result counts_protect(const struct question *q, const struct engine_answer *a, struct cellkey *key,
                                 struct slice edition, struct published *ret, struct why *why);
/* Profile open: the true values.  DENIED: the profile is another. */
MUST_CHECK result counts_open(const struct question *q, const struct engine_answer *a, struct published *ret, struct why *why);

/* One published value: the persons of a part of the cube, or CELL_WITHHELD by the parent rule. */
struct profile_rules;
struct counts_context {
    const struct question *q;
    const struct engine_answer *a;
    struct cellkey *key; /* NULL: open, true values */
    const struct profile_rules *rules;
    struct slice edition;
};
MUST_CHECK result counts_publish_part(const struct counts_context *x, const struct part *p, int64_t *ret, struct why *why);
/* Is a parent large enough, by the draw that blanks its cells? */
struct parent;
MUST_CHECK result counts_parent_is_large(const struct counts_context *x, const struct parent *p, bool *ret, struct why *why);
/* BROKEN: the engine's cubes do not fit the question. */
MUST_CHECK result counts_check(const struct counts_context *x, struct why *why);

/* Are most of the filled ones hardly above nothing?  Judged by what is published. */
bool counts_too_sparse(const int64_t *cells, uint64_t count, int64_t small_published_max);

/* The `statistic` member of a site result. */
struct json *published_json(const struct published *p);

#endif
