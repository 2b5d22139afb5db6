/*
 * misbehave.h - a broker that lies, for the tests that prove that agents do not believe it.
 * Test builds only (-Dtest_hooks=true).  INNSYN_TEST_MISBEHAVE is a comma list of
 *   skip_checks      sends queries that its own policy refuses
 *   drop_entry       proves another entry in place of the dispatch entry, which it took out
 *   rewrite_entry    the dispatch entry names another account
 *   reorder_entries  the task points at its neighbour's place in the log
 *   no_entry         a task without entry and proof
 *   forged_permit    a permit goes live without all its signatures
 *   add_person       the permit's payload names one more researcher, with a key of the broker's own
 *   split_view       every second site (by name) is shown a history in which one entry is another, signed by the
 *                    log's key; tasks go out without cosignatures; whoever had one is shown the other history
 *   old_status       a change of a permit's status is not passed on
 *   keep_running     the queries of a permit that ended go on
 *   hold_optouts     opt-outs are not passed on, nor is it said that there are none
 *   other_sum        a count is released that is one more than the sites' answers make
 */
#ifndef INNSYN_BROKER_PERMITS_MISBEHAVE_H
#define INNSYN_BROKER_PERMITS_MISBEHAVE_H

struct core;
bool misbehaves(const char *what);
/* Alters one item of a poll's `tasks`. */
struct line;
/* Alters checkpoint, consistency proof and inclusion proofs of a poll's answer. */
MUST_CHECK result misbehave_split(struct core *c, struct line *line, uint64_t held_size, struct json *answer, struct why *why);
MUST_CHECK result misbehave_task(struct core *c, const struct task *t, struct json *item, struct why *why);

#endif
