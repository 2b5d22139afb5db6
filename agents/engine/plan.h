/*
 * plan.h - what guard asks the engine, and what the engine hands back.
 * A plan is typed and holds no text of a stranger; an answer holds aggregates only: there is no type
 * here that could carry a row (I1).  Both travel packed by base/wire.h over the channel.
 *
 * A cube is counts over the dimensions of a question.  Each dimension i has slots:
 *   0 .. cells-1   the cells;   cells: below the first break;   cells+1: above the last;   cells+2: missing
 * (categories use only the missing slot of the three).  Row-major, the last dimension fastest.
 */
#ifndef INNSYN_AGENTS_ENGINE_PLAN_H
#define INNSYN_AGENTS_ENGINE_PLAN_H

#include "proto/question.h"
#include "stats/aggregate.h"

enum { CUBE_SLOTS_EXTRA = 3, CUBE_SLOTS_MAX = 4000000, ENGINE_ANSWER_TIMEOUT_MS = 120000 };

enum { ENGINE_ASK = 1, ENGINE_ANSWER = 2, ENGINE_REFUSAL = 3, ENGINE_STOP = 4 }; /* channel kinds */

struct cube {
    unsigned dimension_count;
    unsigned slots[TABLE_DIMENSIONS_MAX]; /* cells + CUBE_SLOTS_EXTRA */
    uint64_t slot_count;                  /* product; 1 when there is no dimension */
    uint64_t *persons;                    /* distinct persons in each slot */
    uint64_t *key_sums;                   /* sum of their record keys mod 2^64; NULL when not asked for */
};

struct plan {
    char dataset[LABEL_MAX + 1];
    struct hash snapshot;        /* the manifest's hash; the engine refuses any other */
    const struct question *question;
    bool protect;                /* also hand over key sums and the parents */
};

struct engine_answer {
    struct cube base;                           /* the question's own box (summary: empty cube, the cohort) */
    struct cube parents[BOX_VARIABLES_MAX];     /* [i]: the box without its i-th variable; persons only */
    unsigned parent_count;                      /* box_count when protect, else 0 */
    uint64_t cohort;                            /* persons in the box */
    struct moments *summary;                    /* [group][variable], groups: levels of `by` (or one) + missing */
    unsigned summary_groups, summary_variables;
    double *quantiles;                          /* [group][variable][p], NAN where undefined; open only */
    int64_t engine_us;                          /* time spent computing */
};
void engine_answer_init(struct engine_answer *a);
void engine_answer_done(struct engine_answer *a); /* wipes: true counts */

/* The question travels as its canonical bytes and is read again against the snapshot's dictionary. */
MUST_CHECK result plan_encode(const struct plan *p, struct buffer *to, struct why *why);
MUST_CHECK result engine_answer_encode(const struct engine_answer *a, struct buffer *to, struct why *why);
MUST_CHECK result engine_answer_decode(struct slice bytes, const struct question *q, struct engine_answer *ret, struct why *why);

#endif
