/*
 * cohorts.h - the sets of persons that an answer is about, each of which L2 audits (disclosure.md 1.4, 1.5).
 * The first is the question's box.  A summary leaves out who has no value of its variable: for each such variable the
 * set that is left, "box, and the variable not missing", is a cohort of its own, as if the box had named it.  Two boxes
 * that differ by many persons may differ by one in those who have a value, and a box that names the variable may be a
 * set that a summary already told of.
 *
 * Sets of one box are not compared with each other (audit_compare): n and n_missing are two cells of that box, as a
 * table's are, and the charge is what meters them (agents/disclosure/charge.h).  Where nobody lacks a value, neither in the
 * box nor in a parent of it, the set is the box itself and is not listed again.  The groups of `by` are a table's cells.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_COHORTS_H
#define INNSYN_AGENTS_DISCLOSURE_COHORTS_H

#include "agents/disclosure/audit.h"

enum { COHORTS_MAX = 1 + SUMMARY_VARIABLES_MAX };

struct cohort_asked {
    struct audited_box *box; /* owned; with its counts */
    struct buffer text;      /* of a count question on it */
    unsigned variable;       /* not the first: the summarized one, an index in the dictionary */
    struct audit audit;      /* beside the earlier ones */
};
struct cohorts_asked {
    struct cohort_asked at[COHORTS_MAX];
    unsigned count;
};
/* With counts.  LIMIT: no memory.  BROKEN: the answer is not this question's, or was made without protect. */
MUST_CHECK result cohorts_of(const struct question *q, const struct engine_answer *a, struct cohorts_asked *ret, struct why *why);
void cohorts_done(struct cohorts_asked *c); /* wipes; zeroed ones are welcome */

/* Each beside the earlier ones of a person table or, events, of an event table: what the rows must decide. */
MUST_CHECK result cohorts_compare(struct cohorts_asked *c, struct audited_box *const *before, const struct slice *texts, size_t count, bool events,
                                  struct why *why);
/* Over all of them, all pairs evaluated. */
uint64_t cohorts_least(const struct cohorts_asked *c);
MUST_CHECK result cohorts_decide(const struct cohorts_asked *c, struct cellkey *key, struct slice edition, const struct slice *texts,
                                 bool *ret_holds, struct why *why);

/* The text of such a set, from its box's (as the ledger keeps it).  MALFORMED: the text is no question; or nobody is left. */
MUST_CHECK result cohort_with_value(struct slice text, const char *variable, struct buffer *to, struct why *why);

#endif
