/*
 * inside.h - the guard role's state, shared by its few files and by nobody else.
 *
 *   common.c   what all others use: journal, ask, remember, wait, end
 *   poll.c     one poll outstanding; what a poll brings is accepted or refused here
 *   witness.c  the log as this site saw it: remembered, cosigned, and what is kept of a fork
 *   tasks.c    a task's way: verify - journal - engine - disclosure - answer
 *   decide.c   difference audit, charge and ledger, between the engine's figures and the answer
 *   results.c  the signed answer, and its way to the broker until it is acknowledged
 *   inbox.c    answers that wait for the holder's hand, and how each ends
 *   consent.c  opt-outs: taken from a poll, put in force between two tasks
 *   rules.c    the site's own rules: taken when its holder signed them, in force until a newer version
 *   stops.c    the holder's stop buttons: pause, and blocked permits
 *   upkeep.c   the once-a-second round: stops, catalogue, certificate, state, journal's signature
 *   guard.c    the role: opens all of it, and hands on what link and engine say
 *
 * Each uses only those before it in this order: common, stops, rules, consent, decide, results, witness, inbox, tasks,
 * poll, upkeep, guard.
 */
#ifndef INNSYN_AGENTS_GUARD_INSIDE_H
#define INNSYN_AGENTS_GUARD_INSIDE_H

#include "agents/disclosure/cohorts.h"
#include "agents/disclosure/counts.h"
#include "agents/guard/answers.h"
#include "agents/guard/blocks.h"
#include "agents/guard/datasets.h"
#include "agents/guard/held.h"
#include "agents/guard/journal.h"
#include "agents/guard/ledger.h"
#include "agents/guard/optouts.h"
#include "agents/guard/store.h"
#include "agents/link/messages.h"
#include "agents/settings.h"
#include "base/channel.h"
#include "base/loop.h"
#include "policy/site_rules.h"

enum {
    JOBS_MAX = 256,
    OWED_MAX = 1024,
    BACKOFF_FIRST_MS = 250,
    BACKOFF_MAX_MS = 30000,
    UPKEEP_MS = 1000,
    JOURNAL_SIGN_MS = 60000,
    POLL_MARGIN_MS = 15000,      /* a poll may take its wait_ms and this much more */
    REQUEST_TIMEOUT_MS = 30000,
    POLL_ANSWER_BYTES_MAX = TRANSPORT_ANSWER_BYTES_MAX,
    POLL_TASKS_MAX = 256,
};

/* A verified task that waits for the engine. */
struct job {
    struct verified v;
    bool cancelled;
    struct engine_answer answer; /* true counts: wiped */
    struct cohorts_asked about;  /* what the audit looks at, metered profiles only */
    unsigned auditing;           /* the cohort whose pairs the engine counts */
    size_t audited;              /* of them it has counted so many */
    unsigned batch;              /* and is counting so many now */
    struct job *next;
};

/* An answer that the broker has not acknowledged. */
struct owed {
    struct document_id task, query;
    struct buffer body;
    uint64_t tag;        /* under way; 0: waits for its turn */
    unsigned attempts;
    int64_t next_try_ms; /* monotonic */
    bool journalled;     /* its delivery is journalled too (stored answers) */
    struct owed *next;
};

struct guard {
    const struct host *host;
    const struct agent_settings *settings;
    struct loop *loop;
    struct channel *link, *engine;
    struct loop_watch *poll_timer, *engine_timer, *upkeep_timer, *tick_timer, *terminate;
    struct signing_key *site_key, *witness_key; /* witness_key NULL: this site is no witness */
    struct note_key witness_name;
    struct cellkey *cellkey;
    struct store store;
    struct answers *answers;
    struct agent_state state;
    bool state_dirty;
    struct ledger *ledger;
    struct journal *journal;
    int64_t journal_signed_ms;
    struct trust *trust;
    struct datasets datasets;
    struct optouts *optouts;
    struct buffer left_out; /* record keys of those whom the edition of the job that is computed leaves out (wiped) */
    bool optouts_moved; /* editions are to be named anew as soon as the engine is idle */
    struct site_rules *rules; /* the site's own; NULL: none */
    struct hash rules_hash;   /* of the file looked at last */
    uint64_t next_tag;

    uint64_t poll_tag; /* 0: none outstanding */
    unsigned poll_failures;
    struct permits_checked permits_checked;
    bool log_consistent, was_inconsistent;
    bool forked;                 /* a fork of the log was seen: nothing is answered any more (evidence/log-fork.json) */
    struct buffer held_note;     /* the checkpoint held, as the log signed it */
    size_t held_bytes;           /* of guard/checkpoint */
    char cosignature[NOTE_LINE_MAX + 1]; /* this site's, over the checkpoint held; "": none */
    int64_t cosigned_s;
    unsigned witnesses_seen;     /* of the trust document's, in what the last poll brought */
    int64_t checkpoint_at_ms, peer_time_ms;
    bool paused;
    struct blocks blocks; /* permits that the holder does not answer */

    struct job *queue, *computing;
    unsigned job_count;
    uint64_t engine_tag;
    struct owed *owed;
    unsigned owed_count;
    struct held_answer *held; /* wait for the holder */
    unsigned held_count;

    uint64_t catalogue_tag, csr_tag, renew_tag;
    bool catalogue_due;
    unsigned catalogue_failures, renew_failures;
    int64_t catalogue_next_ms, renew_next_ms; /* monotonic */
    struct public_key tls_key;                /* of the certificate at hand */
    int64_t renew_at_ms, certificate_ends_ms; /* wall clock */
    bool told_of_end;
    int status;
};

/* common.c */
void guard_stop(struct guard *g, int status);
/* Sends a request to link; *ret_tag names it.  body: taken over, NULL: none. */
MUST_CHECK result guard_ask(struct guard *g, enum transport_method method, const char *path, struct json *body,
                            unsigned timeout_ms, uint64_t *ret_tag, struct why *why);
/* Milliseconds to wait after this many failures in a row: doubling, with jitter, at most BACKOFF_MAX_MS. */
int64_t guard_backoff_ms(struct guard *g, unsigned failures);
/* The floor of time never falls. */
void guard_time_floor(struct guard *g, int64_t at_ms);
/* Writes to the journal; a journal that cannot be written ends the role (nothing may be done unrecorded). */
MUST_CHECK bool guard_journal(struct guard *g, const char *type, struct json *fields);
/* The same without a sync (journal_note). */
MUST_CHECK bool guard_note(struct guard *g, const char *type, struct json *fields);
/* Logs an HTTP answer that is not 200, with the problem's code and detail. */
void guard_log_problem(const char *event, unsigned status, struct slice body);
/* Writes what changed of the agent's state; if that fails the role ends: what was accepted must be remembered. */
void guard_flush_state(struct guard *g);
/* There is something to say: a poll begins now, not after the one at hand. */
void guard_poll_now(struct guard *g);

/* poll.c */
void poll_begin(void *guard);
void poll_answered(struct guard *g, result r, unsigned status, struct slice body, const struct why *why);

/* witness.c */
/* Reads what is remembered: the newest checkpoint, the witness key, whether a fork was seen. */
MUST_CHECK result witness_start(struct guard *g, struct why *why);
void witness_done(struct guard *g);
/* may this site go over to the log that `next` names?  DENIED: it holds more of the old one than the root quorum
 * says there was, or another history. */
MUST_CHECK result witness_allows(const struct guard *g, const struct trust *next, struct why *why);
/* Goes over to the trust document's log where what is held is of an older one; else does nothing. */
MUST_CHECK result witness_succeed(struct guard *g, struct why *why);
/* a checkpoint that continues the one held is remembered durably, then cosigned.  DENIED: it does
 * not; a fork that the log's key has signed is kept as evidence, and this site stops answering. */
MUST_CHECK result witness_see(struct guard *g, struct slice note, const struct json *consistency, struct why *why);

/* tasks.c */
void task_take(struct guard *g, const struct json *bundle);
void task_cancel(struct guard *g, const struct document_id *task);
bool task_is_running(const struct guard *g, const struct document_id *task);
void engine_said(void *guard, const struct message *m);
void engine_late(void *guard);
void jobs_done(struct guard *g);

/* decide.c */
/* Profiles whose answers are audited and charged: those with cell-key noise. */
bool decide_is_metered(const struct verified *v);
/* Frozen, locked or used up: false, and why.  Nothing of the data decides. */
bool decide_may_ask(const struct guard *g, const struct verified *v, struct refusal *ret);
/* Profile dp: takes the budget before anything is computed (or, stored, before what another permit was told is told
 * again).  DENIED: it is used up, and *ret says so.  Else: do not answer. */
MUST_CHECK result decide_reserve(struct guard *g, const struct verified *v, bool stored, struct refusal *ret, struct why *why);
/* Units of budget that a question takes under profile dp. */
uint64_t decide_rho_units(void);
/* After the engine's answer: which earlier cohorts are near.  BROKEN: the answer has another shape. */
MUST_CHECK result decide_compare(struct guard *g, struct job *j, struct why *why);
/* Asks the engine for the next differences; *ret_asked: false when all are known. */
MUST_CHECK result decide_ask(struct guard *g, struct job *j, bool *ret_asked, struct why *why);
MUST_CHECK result decide_take(struct job *j, struct slice payload, struct why *why);
/* May it be answered beside what was answered before?  All differences must be there. */
MUST_CHECK result decide_holds(struct guard *g, const struct job *j, bool *ret, struct why *why);
/* Charges; durable on return.  DENIED: not enough is left, whatever was decided.  Else: do not answer. */
MUST_CHECK result decide_spend(struct guard *g, struct job *j, bool answered, struct why *why);
/* {"variable","left"}: of the variable with the least left, after this question; NULL for none.
 * Profile dp: {"rho","rho_left"}: what the question took and what the permit may still spend. */
struct json *decide_budget(const struct guard *g, const struct verified *v);
/* Does what the custodian left in guard/ledger-act.json. */
void decide_acts(struct guard *g);

/* results.c */
struct outcome {
    const struct document_id *task, *query;
    const struct hash *query_hash, *question_hash;
    const struct refusal *refusal;    /* NULL: answered */
    int64_t waits_until_ms;           /* not 0: neither yet; the answer waits for the holder, and `refusal` says so */
    const struct held_dataset *dataset;
    struct json *statistic;           /* taken over when answered */
    struct json *budget;              /* taken over; NULL: none is kept */
    int64_t engine_us;
};
/* The signed site-result envelope as JSON text, and the hash of its payload. */
MUST_CHECK result result_sign(struct guard *g, const struct outcome *o, struct buffer *ret_text, struct hash *ret_hash, struct why *why);
/* Sends it, again and again until the broker has it.  text: the envelope.  due_ms: monotonic; not before. */
void result_owe(struct guard *g, const struct document_id *task, const struct document_id *query, struct slice text, bool journalled,
                int64_t due_ms);
void results_tick(void *guard); /* sends what has fallen due */
bool result_is_owed(const struct guard *g, const struct document_id *task);
void results_retry(struct guard *g);
/* True if the tag was a result's. */
bool result_answered(struct guard *g, uint64_t tag, result r, unsigned status, struct slice body, const struct why *why);
void results_done(struct guard *g);

/* inbox.c */
MUST_CHECK result inbox_open(struct guard *g, struct why *why);
void inbox_done(struct guard *g);
/* Instead of sending it: holds this signed answer, and tells the broker that it waits. */
MUST_CHECK result inbox_hold(struct guard *g, const struct verified *v, struct slice result_text, const struct hash *result_hash, struct why *why);
bool inbox_holds_task(const struct guard *g, const struct document_id *task);
const struct held_answer *inbox_of_query(const struct guard *g, const struct document_id *query); /* NULL: none */
void inbox_name_tasks(const struct guard *g, struct json *list); /* adds their ids */
void inbox_cancel(struct guard *g, const struct document_id *task);
/* Does what the holder decided, and ends what nobody decided in time. */
void inbox_upkeep(struct guard *g);

/* consent.c */
MUST_CHECK result consent_open(struct guard *g, struct why *why);
/* items: of a poll; NULL: the broker said nothing of opt-outs. */
void consent_take(struct guard *g, const struct json *items);
/* Names editions anew if the list, a dataset or the holder's wish has changed.  Does nothing while the engine computes. */
void consent_settle(struct guard *g);
/* Chooses the edition by the rule of the site: the one in force, or that of the permit's grant.  False: it cannot be made. */
MUST_CHECK bool consent_choose(struct guard *g, struct verified *v, struct refusal *ret);
/* Looks for the holder's wish (innsyn-agent optout apply) and for batches that are due. */
void consent_upkeep(struct guard *g);

/* stops.c */
void guard_read_stops(struct guard *g);

/* rules.c */
MUST_CHECK result guard_rules_start(struct guard *g, struct why *why);
/* Looks at <dir>/site-rules.json.  On failure the rules in force stay. */
MUST_CHECK result guard_read_rules(struct guard *g, struct why *why);
/* Looks whether the holder laid down new ones; rules that cannot be read are logged, and those in force stay. */
void guard_new_rules(struct guard *g);

/* upkeep.c */
void upkeep(void *guard);
MUST_CHECK result upkeep_start(struct guard *g, struct why *why);
bool upkeep_answered(struct guard *g, uint64_t tag, result r, unsigned status, struct slice body, const struct why *why);
void upkeep_request_made(struct guard *g, struct slice pem);

#endif
