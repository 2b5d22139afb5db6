/* permits.h - permits, and what is done under them: queries, their tasks, the sites' polls and results. */
#ifndef INNSYN_BROKER_PERMITS_PERMITS_H
#define INNSYN_BROKER_PERMITS_PERMITS_H

#include "broker/call/call.h"

/* --- permits.c --- */
enum { DRAFT = STAGE_DRAFT, LIVE = STAGE_LIVE, SUSPENDED = STAGE_SUSPENDED, REVOKED = STAGE_REVOKED, EXPIRED = STAGE_EXPIRED,
       REPLACED = STAGE_REPLACED }; /* permits.state */
MUST_CHECK result permits_expire(struct core *c, struct why *why); /* those whose time is over */
struct permit_row {
    struct rows *rows; /* owned */
    int64_t state;
    uint64_t serial;
    struct slice payload, envelope, origin, succeeds, renewed_by;
    int64_t renewals;
    struct permit *permit; /* owned */
};
/* What sites are told of a stage: a draft is suspended, a replaced permit revoked. */
enum permit_state permit_state_of(int64_t stage);
void permit_row_done(struct permit_row *p);
MUST_CHECK result permit_load(struct core *c, struct slice id, struct permit_row *ret, struct why *why);
/* The sealed status of a permit, at most STATUS_RENEW_MS old.  Borrowed until the next call. */
MUST_CHECK result permit_sealed_status(struct core *c, const struct permit_row *p, struct slice *ret, struct why *why);
void sealed_free(struct core *c);
handler_fn permit_list, permit_get, permit_sign, permit_change;

/* --- queries.c, polls.c, results.c --- */
enum { QUERY_RUNNING = 0, QUERY_DONE = 1, QUERY_FAILED = 2, QUERY_CANCELLED = 3 };
enum { TASK_OPEN = 0, TASK_ANSWERED = 1, TASK_REFUSED = 2, TASK_MISSING = 3, TASK_CANCELLED = 4 };
handler_fn query_create, query_check, query_list, query_get, query_cancel, query_site_results;
/* What GET of a query says; *ret_running: it has not ended. */
MUST_CHECK result query_json(struct core *c, struct slice id, bool with_result, struct json **ret, bool *ret_running, struct why *why);
MUST_CHECK result queries_end_due(struct core *c, struct why *why);
/* Ends the open queries of a permit that is live no more. */
MUST_CHECK result queries_cancel_of_permit(struct core *c, struct slice permit, const char *account, struct why *why);
/* results.c: ends the query if every task has ended; open tasks become `open_as` first (TASK_OPEN: left alone). */
MUST_CHECK result query_end(struct core *c, struct slice id, int64_t open_as, const char *account, struct why *why);
handler_fn site_poll, task_result;
/* The `reason` and the `edition` of a stored site-result envelope, NULL where it gives none; the caller frees. */
MUST_CHECK result site_result_said(struct slice text, struct json **ret_reason, struct json **ret_edition, struct why *why);
/* After the commit: parks or answers what the turn decided (p: a poll or a waiter, taken over). */
MUST_CHECK result polls_park(struct core *c, struct pending *p, struct why *why);
/* Answers parked polls and waiters whose time has come or that the turn touched. */
MUST_CHECK result polls_settle(struct core *c, struct why *why);
int64_t polls_next_ms(const struct core *c); /* until the first parked request must be answered; -1: none */
bool polls_drop(struct core *c, unsigned net, uint64_t tag);
/* The permit that a draft amends or renews (origin) must still be there for it (DENIED, conflict); *ret_renewals: how often
 * the new one will have been renewed.  id "": it follows none. */
MUST_CHECK result check_predecessor(struct core *c, struct slice origin, struct slice id, int64_t *ret_renewals, struct why *why);
/* The refusal (409) of a step that is not for the permit's stage. */
MUST_CHECK result refuse_stage(int64_t state, enum permit_step step, unsigned actors, const char *field, struct why *why);

/* --- used.c --- */
enum { BUDGET_MICRO = 1000000 };
/* How much of a permit was used: {"questions":12,"datasets":[{"dataset","questions"}],"budgets":[{"dataset","site",
 * "variable","left","at"} or {"dataset","site","rho_left","at"}]}, the budgets as each site told them last with an answer.
 * sites: whose budgets, by their names; NULL: all.  The caller frees *ret. */
MUST_CHECK result permit_used(struct core *c, const char *permit, const struct json *sites, struct json **ret, struct why *why);

#ifdef INNSYN_TEST_HOOKS
#include "broker/permits/misbehave.h"
#else
#define misbehaves(what) false
#endif

#endif
