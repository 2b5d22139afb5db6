/*
 * audit.h - L2: would this cohort, beside one that was answered before, single out a few persons?
 * Two cohorts A and B are compared without each variable w that either of them names, in turn: if A without w
 * and B without w are different boxes, at least AUDIT_PERSONS_MIN persons must lie in exactly one of them
 * (0 counts as too few).  Looking only at these projections keeps a refusal from being an oracle: the
 * isolated cell itself decides nothing (disclosure.md 1.5).
 * The whole boxes are compared too, since the secret may be a dimension that neither names: there the number of
 * persons in exactly one of them carries the noise of a published count (always ck's, so that one person never
 * passes), and so a refusal tells no more than such a count.  The exact number is what both pay for (audit_least).
 *
 * Pure.  The difference of two counts is a lower bound of the difference of two sets; only pairs below
 * AUDIT_EXACT_BELOW need the rows, and those are handed to the engine (agents/engine/difference.h).
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_AUDIT_H
#define INNSYN_AGENTS_DISCLOSURE_AUDIT_H

#include "agents/disclosure/cellkey.h"
#include "agents/parameters.h"
#include "agents/disclosure/ptable.h"
#include "agents/engine/plan.h"

/* Which box it is, whoever wrote it and in which edition: the sum of 128 bits of the SHA-256 of each of its
 * variables' canonical texts, so that dropping a variable is a subtraction. */
struct box_mark {
    uint64_t a, b;
};

struct audited_term {
    uint64_t variable;   /* 64 bits of the SHA-256 of its name */
    struct box_mark set; /* of "name=values" */
    uint64_t persons;    /* in the box without this variable */
};

struct audited_box {
    struct box_mark whole;
    struct box_mark base; /* of the question's own box: another than `whole` where `valued` narrows it */
    uint64_t valued;      /* the variable without whose values persons are left out; 0: nobody is */
    uint64_t persons;
    unsigned term_count;
    struct audited_term terms[]; /* in the order of the question's box; `valued` among them */
};

/* The box of a question, without its counts; free with free().  LIMIT: no memory. */
MUST_CHECK result audited_box_of(const struct question *q, struct audited_box **ret, struct why *why);
/* Its counts.  BROKEN: the answer is not this box's, or was made without protect. */
MUST_CHECK result audited_box_count(struct audited_box *box, const struct engine_answer *a, struct why *why);
uint64_t audited_variable(struct slice name);
/* The term of one variable's set; its persons are not counted. */
MUST_CHECK result audited_term_of(const struct dictionary *d, const struct value_set *set, struct audited_term *ret, struct why *why);
/* The same box of the same question's box. */
bool audited_box_equal(const struct audited_box *a, const struct audited_box *b);

#define AUDIT_WHOLE 0
/* One pair of projections that the rows must decide. */
struct audit_pair {
    size_t box;           /* index of the earlier box */
    uint64_t variable;    /* dropped from both; AUDIT_WHOLE: none */
    uint64_t difference;  /* a lower bound at first; then what the engine counted */
};

struct audit {
    struct audit_pair *pairs; /* owned */
    size_t pair_count, pair_room;
};
/* At least so many persons lie in a remembered box without a variable: its count less its noise. */
uint64_t audited_persons_least(const struct audited_box *box, uint64_t variable);
void audit_done(struct audit *a); /* zeroed ones are welcome; wipes */

/* What is remembered of a cohort need not be exact: its counts with up to PTABLE_NOISE_MAX of noise, rounded down to
 * tens, are what the prefilter allows for. */
enum { AUDIT_REMEMBERED_STEP = 10, AUDIT_REMEMBERED_SLACK = PTABLE_NOISE_MAX + AUDIT_REMEMBERED_STEP };

/* All pairs whose projections differ and whose counts do not show at least `exact_below` persons between them.  Where the
 * questions' own boxes are one there is no pair: those with a value and those without are two cells of that box
 * (agents/disclosure/cohorts.h).
 * LIMIT: no memory; refuse then. */
MUST_CHECK result audit_compare(const struct audited_box *new_box, struct audited_box *const *before, size_t count,
                                uint64_t exact_below, struct audit *ret, struct why *why);

/* Leaves out the whole boxes that no person can lie in both of, since a variable that both name has no value in common:
 * two small groups are not one group with a person more.  Decided by the texts alone.  Not for event tables, where a
 * person has many values.  cohort: the new cohort's text;
 * before: the earlier ones', as audit_compare was given their boxes.  A text that cannot be read stays compared. */
void audit_leave_disjoint(struct audit *a, struct slice cohort, const struct slice *before);

/* The smallest difference, all pairs evaluated; AUDIT_EXACT_BELOW when there is no pair. */
uint64_t audit_least(const struct audit *a);
/* Over the pairs that are projections. */
bool audit_holds(const struct audit *a);
/* Over all pairs, the whole boxes with noise.  cohort and before as above.  LIMIT: no memory; refuse then. */
MUST_CHECK result audit_decide(const struct audit *a, struct cellkey *key, struct slice edition, struct slice cohort,
                               const struct slice *before, bool *ret_holds, struct why *why);

#endif
