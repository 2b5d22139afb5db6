/*
 * plan.h - what guard asks the engine, and what the engine hands back.
 * A plan is typed and holds no text of a stranger; an answer holds aggregates only: there is no type
 * here that could carry a row (I1).  Both travel packed by base/wire.h over the channel.
 *
 * A cube is counts over the dimensions of a question.  Each dimension i has slots:
 *   0 .. cells-1   the cells;   cells: below the first break;   cells+1: above the last;   cells+2: missing
 * (categories use only the missing slot of the three).  Row-major, the last dimension fastest.
 * A slot counts distinct persons.  In a person table slots add up to margins; in an event table they do not,
 * because one person may have rows in several: margins[d] and table_persons are then counted on their own.
 */
#ifndef INNSYN_AGENTS_ENGINE_PLAN_H
#define INNSYN_AGENTS_ENGINE_PLAN_H

#include "proto/question.h"
#include "stats/aggregate.h"
#include "stats/quantile.h"

enum { CUBE_SLOTS_EXTRA = 3, CUBE_SLOTS_MAX = 1000000, ENGINE_ANSWER_TIMEOUT_MS = 120000,
       RECORD_KEY_LEN = 8, LEFT_OUT_MAX = 100000 };
/* CUBE_SLOTS_MAX bounds the slots of base and parents together, so that an answer fits a channel frame. */

/* ENGINE_ASK carries a plan; ENGINE_ANSWER an answer; ENGINE_REFUSAL a refusal; ENGINE_STOP ends the engine.
 * ENGINE_DIFFER carries a difference plan; ENGINE_DIFFERENCES its numbers.
 * ENGINE_JITTER_KEY: 32 bytes, from guard, once, before the first plan (agents/engine/jitter.h). */
enum { ENGINE_ASK = 1, ENGINE_ANSWER = 2, ENGINE_REFUSAL = 3, ENGINE_STOP = 4, ENGINE_DIFFER = 5, ENGINE_DIFFERENCES = 6,
       ENGINE_JITTER_KEY = 7 }; /* channel kinds */

struct cube {
    unsigned dimension_count;
    unsigned slots[TABLE_DIMENSIONS_MAX]; /* cells + CUBE_SLOTS_EXTRA */
    uint64_t slot_count;                  /* product; 1 when there is no dimension */
    uint64_t *persons;                    /* distinct persons in each slot */
    uint64_t *key_sums;                   /* sum of their record keys mod 2^64; NULL when not asked for */
};

struct plan {
    char dataset[LABEL_MAX + 1];
    struct hash edition;         /* what jittered weights are bound to */
    struct hash snapshot;        /* the manifest's hash; the engine refuses any other */
    const struct question *question;
    struct slice left_out;       /* record keys of the persons whom the edition leaves out: 8 bytes each, big-endian,
                                  * rising; borrowed.  How many there are reaches nobody (docs/decisions). */
    bool protect;                /* also hand over key sums and the parents */
};

enum { OFF_SURE = 18 }; /* so many are enough with any noise of a count */
/* A variable of a summary in one group, of values clamped to the dictionary's clamps. */
struct weighted {
    uint64_t n;                      /* persons with a value */
    double total, largest, second, smallest; /* unweighted; second: 0 when n is 1 */
    double squares;                  /* unweighted, of the deviations from the mean */
    uint64_t off_smallest, off_largest; /* persons with another value than that; OFF_SURE or more may stand for more */
    double mean, variance;           /* with jittered weights (agents/engine/jitter.h); NAN for fewer than 25 persons */
};

/* The same under profile dp, in whole numbers of the variable's public lattice (stats/lattice.h). */
struct lattice_sums {
    uint64_t n, n_missing;
    int64_t sum, squares;
};

/* Under profile open: how often each value of a variable is there in one group; of more values than may leave, how many
 * lie in cells of one width from the smallest to the largest. */
struct value_counts {
    bool cells;
    uint32_t count;
    double *at;        /* `count` values, rising; or the cells' count + 1 edges */
    uint64_t *persons; /* rows, in an event table */
};

struct engine_answer {
    struct cube base;                           /* the question's own box (summary: empty cube, the cohort) */
    struct cube parents[BOX_VARIABLES_MAX];     /* [i]: the box without its i-th variable; persons only */
    unsigned parent_count;                      /* box_count when protect, else 0 */
    uint64_t parent_cohorts[BOX_VARIABLES_MAX]; /* [i]: distinct persons in all of parents[i] */
    /* Over the rows that fall in a cell (no extra slot) in every dimension; margins[d]: by the cells of dimension d.
     * Missing: in at least one dimension. */
    uint64_t *margins[TABLE_DIMENSIONS_MAX];    /* dimension_cells() each; NULL beyond dimension_count */
    uint64_t table_persons, missing_persons;
    uint64_t cohort;                            /* persons in the box */
    bool event_table;                           /* then slots do not add up */
    struct moments *summary;                    /* [group][variable], over rows of the cohort */
    /* Under protection a summary has no true moments but, as many and in the same order, weighted ones; and for each
     * variable the answer to summary_counts. */
    struct weighted *weighted;
    struct engine_answer *counts;
    unsigned counts_count;
    struct lattice_sums *lattice_sums;          /* profile dp: these and nothing else, as many and in the same order */
    /* Where quantiles are asked: under protection, for each variable the answer to summary_histogram; else [group][variable],
     * rows without a value of `by` left out. */
    struct engine_answer *histograms;
    unsigned histogram_count;
    struct value_counts *values;
    size_t value_count;
    unsigned summary_groups, summary_variables; /* groups: levels of `by` and then missing; one without `by` */
    int64_t engine_us;                          /* time spent computing */
};
void engine_answer_init(struct engine_answer *a);
void engine_answer_done(struct engine_answer *a); /* wipes: true counts */

/* How many persons lie in exactly one of two cohorts, each without one variable (agents/disclosure/audit.h). */
enum { DIFFERENCE_PAIRS_MAX = 1000 };
#define DIFFERENCE_UNKNOWN UINT64_MAX /* the earlier cohort is no question on this snapshot */
struct difference_pair {
    struct slice box;     /* the earlier cohort: text of a question, as question_cohort writes it */
    struct slice without; /* a variable's name */
    uint64_t persons_least; /* at least so many lie in the earlier cohort without it (its remembered count, less its noise) */
};
struct difference_plan {
    char dataset[LABEL_MAX + 1];
    struct hash snapshot;
    struct slice left_out; /* as a plan's */
    struct slice question; /* the new cohort */
    unsigned pair_count;
    struct difference_pair pairs[DIFFERENCE_PAIRS_MAX];
};
MUST_CHECK result difference_plan_encode(const struct difference_plan *p, struct buffer *to, struct why *why);
/* Borrows from bytes. */
MUST_CHECK result difference_plan_decode(struct slice bytes, struct difference_plan *ret, struct why *why);
MUST_CHECK result differences_encode(const uint64_t *differences, unsigned count, struct buffer *to, struct why *why);
MUST_CHECK result differences_decode(struct slice bytes, unsigned count, uint64_t *ret, struct why *why);

/* Why there is no answer.  OK never.  Nothing in it comes from the rows. */
struct engine_refusal {
    enum status status; /* ABSENT: no such snapshot.  BROKEN: its files are damaged.  LIMIT: too many slots or no
                         * memory.  DENIED: not offered.  MALFORMED: the question does not fit the snapshot. */
    char code[32];      /* docs/PROTOCOL.md section 9: "snapshot_missing", "too_many_cells", "fault" ... */
    char field[96];
    char text[240];
};

/* The question travels as its canonical bytes and is read again against the snapshot's dictionary. */
MUST_CHECK result plan_encode(const struct plan *p, struct buffer *to, struct why *why);
/* ret->question stays NULL; *ret_question is its text, borrowed from bytes. */
MUST_CHECK result plan_decode(struct slice bytes, struct plan *ret, struct slice *ret_question, struct why *why);
MUST_CHECK result engine_refusal_encode(const struct engine_refusal *r, struct buffer *to, struct why *why);
MUST_CHECK result engine_refusal_decode(struct slice bytes, struct engine_refusal *ret, struct why *why);

/* The table behind a summary's n and n_missing: by its groups, if any, and by one cell of all values of its
 * variable-th variable.  Shares the arrays of q. */
struct question summary_counts(const struct question *q, unsigned variable);

/* The table behind its quantiles: by its groups, if any, and by the cells of its variable-th variable's public grid
 * (quantile_breaks).  Shares the arrays of q; not to be copied.  `question` names box, groups and variable only, so that
 * it is charged as that table is. */
struct summary_histogram {
    struct question question;
    double breaks[QUANTILE_CELLS_MAX + 1];
};
/* MALFORMED: the variable has no grid or no clamps. */
MUST_CHECK result summary_histogram(const struct question *q, unsigned variable, struct summary_histogram *ret, struct why *why);

/* The shape of the cube of a question, without memory.  LIMIT: over CUBE_SLOTS_MAX with `copies` of it. */
MUST_CHECK result cube_shape(const struct question *q, unsigned copies, struct cube *ret, struct why *why);
MUST_CHECK result engine_answer_encode(const struct engine_answer *a, struct buffer *to, struct why *why);
/* An answer must have the shape that q gives it.  *ret must be initialised; on failure it is empty. */
MUST_CHECK result engine_answer_decode(struct slice bytes, const struct question *q, struct engine_answer *ret, struct why *why);

#endif
