/*
 * call.h - one request in one turn, and the state the files of broker/core share.
 * Only files of broker/core include it.
 */
#ifndef INNSYN_BROKER_CORE_CALL_H
#define INNSYN_BROKER_CORE_CALL_H

#include <stdio.h>

#include "base/instant.h"
#include "broker/core/core.h"
#include "policy/access_rules.h"
#include "policy/roles.h"
#include "policy/workflow.h"
#include "proto/merkle.h"
#include "proto/permit.h"
#include "proto/query.h"

/* --- scopes of tokens (bits, as stored); roles are policy/roles.h's --- */
enum {
    SCOPE_READ = 1, SCOPE_QUERY = 2, SCOPE_APPLY = 4, SCOPE_DECIDE = 8, SCOPE_ADMIN = 16, SCOPE_ACCOUNT = 32,
    SCOPE_ALL = 63,
};

/* --- the log --- */
struct log {
    struct merkle_frontier frontier;
    int64_t last_ms;           /* of the newest entry: entries never decrease in time */
    uint64_t signed_size;      /* of the checkpoint at hand */
    struct hash signed_root;
    struct buffer note;        /* its text */
    struct offer *offer;       /* what witnesses are given (witness.c) */
};

/* --- a dataset's dictionary as all its sites publish it --- */
struct dataset_entry {
    struct dataset_entry *next;
    struct label dataset;
    struct dictionary *dictionary; /* with the coarsest grid of its sites */
    struct site_id sites[PERMIT_SITES_MAX];
    char editions[PERMIT_SITES_MAX][2 * HASH_LEN + 1];
    unsigned site_count;
};

/* --- what is known of a site only while the process lives --- */
struct lease {
    struct document_id task;
    int64_t until_ms; /* monotonic */
};
struct told {
    struct document_id permit;
    uint64_t serial;
};
struct line {
    struct site_id site;
    struct pending *poll;      /* the one parked poll; newest connection wins */
    struct lease leases[LEASES_MAX];
    unsigned lease_count;
    struct told told[POLL_STATUSES_MAX];
    unsigned told_count;
    int64_t seen_ms;           /* wall clock; 0: not since start */
    bool paused, wake;
    struct hash said;          /* of what its polls say of it (site_says.c), as the store has it */
#ifdef INNSYN_TEST_HOOKS
    bool told_tasks;           /* split_view: the other history is shown from now on */
#endif
    bool awaits;               /* looks for its tasks once a majority has cosigned */
    char build[64];
};

/* A sealed status, renewed every STATUS_RENEW_MS and at every change. */
struct sealed {
    struct document_id permit;
    uint64_t serial;
    int64_t at_ms;
    struct buffer envelope;
};

/* Who follows the log, and up to where: a watch is logged when it begins, not at each of its calls,
 * or two auditors who watch would keep each other awake. */
enum { WATCHES_MAX = 64, REPEATS_MAX = 64 };
struct watch {
    struct document_id token;
    uint64_t next;
    int64_t until_ms; /* monotonic */
};
/* Refusals of sites that were written lately. */
struct repeat {
    struct hash what;
    int64_t until_ms; /* monotonic */
};

enum { CUTS_MAX = 16 };

struct core {
    const struct broker_settings *settings;
    const struct host *host;
    struct core_ports ports;
    struct label network;
    struct store *store;
    bool stale;                /* the store failed: what is below must be read again */
    int64_t lost_ms;           /* monotonic; when the store went away; 0: it is there */
    bool keys_gone;
    struct log log;
    struct access_rules *rules; /* as parsed when last looked up (access.c); NULL: none, or not yet */
    int64_t rules_version;
    struct trust *trust;       /* NULL until the first version arrives */
    struct buffer trust_text;  /* its envelope */
    struct dataset_entry *datasets;
    struct line **lines;       /* sorted by site */
    unsigned line_count;
    struct sealed *sealed;
    unsigned sealed_count, sealed_room;
    struct pending *first, *last; /* waiting for a turn */
    unsigned pending_count;
    struct pending *waiters;   /* GETs parked for a result */
    unsigned parked_count;
    struct pending *working;   /* their password is being hashed */
    struct login_guard *guard;
    int64_t next_due_ms;       /* wall clock: a query's deadline or a permit's end; INT64_MAX: none */
    int64_t next_sweep_ms;     /* monotonic */
    bool ended;                /* a query ended since those who wait were looked at */
    bool wrote;                /* this turn has something to commit */
    bool clock_known;          /* clock_base_ms: wall clock less monotonic clock, when last looked at and committed */
    int64_t clock_base_ms, clock_next_ms;
    bool effect;               /* the request at hand changed something that must be in the log */
    struct outbox *outbox;     /* notifications (outbox.c) */
    struct watch watches[WATCHES_MAX];
    struct repeat repeats[REPEATS_MAX];
    unsigned repeat_next;
    struct site_id cuts[CUTS_MAX]; /* sites to cut after the commit */
    unsigned cut_count;
};

/* --- one request --- */
enum outcome { OUTCOME_ANSWER, OUTCOME_POLL, OUTCOME_WAIT, OUTCOME_WORK, OUTCOME_WATCH,
               OUTCOME_CHECKPOINT, OUTCOME_WITNESS };

struct pending {
    struct pending *next;
    unsigned net;
    uint64_t tag;
    struct buffer payload;
    struct http_request request;
    struct password_job *job;  /* to be run (OUTCOME_WORK), or done, in the second turn */
    bool worked;
    bool gone;
    /* decided in the turn at hand, sent after its commit */
    enum outcome outcome;
    unsigned status;
    struct buffer body;
    const char *content_type;
    char cookie[HTTP_TOKEN_MAX + 1];
    char location[80];
    unsigned retry_after_s;
    /* a poll or a waiter */
    struct document_id waits_for; /* the query */
    bool with_result, or_held; /* or_held: also when only data holders are waited for */
    struct site_id site;
    int64_t until_ms;          /* monotonic */
    uint64_t held_size, held_trust;
    struct document_id *running;
    unsigned running_count;
};

struct who {
    struct label account;        /* "" when nobody is signed in */
    unsigned roles, scopes;
    struct document_id token_id;
    int64_t expires_ms;
    struct site_id site;         /* agents */
};

struct route;
struct call {
    struct core *core;
    struct pending *pending;
    const struct http_request *request;
    const struct route *route;
    bool anyone;                 /* the call needs nobody signed in */
    struct slice id;             /* the {id} of the path, unparsed */
    struct who who;
    int64_t now_ms;
    struct json *body;           /* the request's, owned */
    struct json *answer;         /* owned: printed when the handler is done */
    /* An entry that a refusal leaves behind; written after its effects were rolled back. */
    const char *refusal_type;
    struct json *refusal_entry;  /* owned */
    unsigned touched;            /* TOUCHED_... */
    struct json *problem;        /* owned: the refusal's document, if the handler made it */
};

/* What memory must read again when the request's effects are undone. */
enum { TOUCHED_TRUST = 1, TOUCHED_CATALOGUE = 2 };

typedef result handler_fn(struct call *c, struct why *why);

/* What a command needs beside its roles (policy/roles.h). */
struct route {
    enum command command;
    unsigned scope;    /* of the token; 0: none needed */
    bool once;         /* honours Idempotency-Key */
    handler_fn *handle;
};

/* Finds the route, checks who asks, handles.  After OK the answer stands in the pending request. */
MUST_CHECK result call_decide(struct call *c, struct why *why);
/* Parses the request's body as an object; an empty body is {}. */
MUST_CHECK result call_fields(struct call *c, struct fields *ret, struct why *why);
/* The value of a parameter of the query string; false if it is not there. */
bool call_parameter(const struct call *c, const char *name, struct slice *ret);
/* A parameter's value with %XX undone.  false: too long for `to`, or not well formed. (search.c) */
bool query_text_decode(struct slice text, char *to, size_t size);
/* The value as a whole number; fallback when it is absent (needed: then MALFORMED). */
MUST_CHECK result call_number(const struct call *c, const char *name, uint64_t max, bool needed, uint64_t fallback,
                              uint64_t *ret, struct why *why);
/* The {id} of the path; ABSENT when it is no such id, as if there were no such thing. */
MUST_CHECK result call_document_id(const struct call *c, char kind, struct document_id *ret, struct why *why);
bool call_has_role(const struct call *c, unsigned role);
/* ABSENT, the same for what is not there and what is not to be seen. */
MUST_CHECK result no_such_thing(struct why *why);

/* Pages: the newest first, a cursor is "<created_ms>.<id>"; or by name, a cursor is the last name. */
struct page {
    int64_t before_ms;
    struct slice after;
    int64_t limit;
};
MUST_CHECK result page_read(const struct call *c, struct page *ret, struct why *why);
MUST_CHECK result page_read_names(const struct call *c, struct page *ret, struct why *why);
/* {"items":items,"next":cursor}; items is taken over; next only if the page is full. */
struct json *page_json(const struct page *p, struct json *items, const char *cursor);
struct json *page_json_newest(const struct page *p, struct json *items, int64_t last_ms, struct slice last_id);

/* --- newest.c: lists of documents, newest first, of those that the caller may see --- */
struct newest_first {
    enum statement all, all_in_state;      /* for officers and auditors: rows as `head` gives them */
    enum statement of_party;               /* (id, created_ms) of one account's or site's */
    enum statement of_holder_in_state;     /* the same of a holder's sites in one state that few are in */
    enum statement head;                   /* one row, by id */
    unsigned created;                      /* its column */
    result (*item)(struct core *c, const struct rows *row, struct json *item, struct why *why);
};
/* Answers with a page of it; state "": in any. */
MUST_CHECK result newest_list(struct call *c, const struct newest_first *list, struct slice state, struct why *why);

/* --- refusal.c: what a refusal looks like to its reader --- */
/* document: the problem+json if the handler made it itself (a verdict with all its reasons), else NULL. */
void refusal_write(struct pending *p, result r, const struct why *why, const struct json *document);

/* --- log.c --- */
MUST_CHECK result log_load(struct core *c, struct why *why);
/* Appends an entry with the members of `fields` (taken over, also on failure). ret_index may be NULL. */
MUST_CHECK result log_append(struct core *c, const char *type, struct json *fields, uint64_t *ret_index, struct why *why);
/* As log_append of a whole entry that has its `at`. */
MUST_CHECK result log_append_entry(struct core *c, const char *type, int64_t at_ms, struct json *entry, uint64_t *ret_index, struct why *why);
int64_t log_time(const struct core *c); /* now, or the newest entry's time if that is later */
MUST_CHECK result log_sign(struct core *c, struct why *why);
MUST_CHECK result log_agree_with_keys(struct core *c, struct why *why);
MUST_CHECK result log_entry_bytes(struct core *c, uint64_t index, struct buffer *to, struct why *why);
/* A merkle_node_fn over the store; self: the core. */
MUST_CHECK result log_node(void *self, unsigned level, uint64_t index, struct hash *ret, struct why *why);
/* Proofs in the checkpoint at hand or any tree before it, as arrays of base64. */
MUST_CHECK result log_inclusion_json(struct core *c, uint64_t index, uint64_t size, struct json **ret, struct why *why);
MUST_CHECK result log_consistency_json(struct core *c, uint64_t from, uint64_t to, struct json **ret, struct why *why);
handler_fn log_get_checkpoint, log_get_entries, log_get_inclusion, log_get_consistency;
handler_fn log_get_tile, log_get_bundle; /* tiles.c */

/* --- index.c, search.c: the search index over the log; derived from it, never trusted to verify it --- */
MUST_CHECK result index_add(struct core *c, uint64_t index, const struct json *entry, struct why *why);
MUST_CHECK result index_mark(struct core *c, struct why *why); /* all entries so far are indexed */
/* Indexes what the index lacks (at start: after an upgrade, or when it was thrown away). */
MUST_CHECK result index_catch_up(struct core *c, struct why *why);
handler_fn log_search, log_watch;
/* Adds the entries [from, to), base64, for one who is no auditor.  ABSENT: one of them does not concern the caller. */
MUST_CHECK result log_own_entries(struct call *c, uint64_t from, uint64_t to, struct json *ret_entries, struct why *why);
/* Answers with the entries from p->held_size on, if there are any or `final`. */
MUST_CHECK result watch_try(struct core *c, struct pending *p, bool final, bool *ret_answered, struct why *why);

/* --- texts.c: salted commitments to free text --- */
MUST_CHECK result text_commit(struct core *c, const char *document, const char *account, const char *kind, struct slice text,
                              char ret[2 * HASH_LEN + 1], struct why *why);
handler_fn texts_erase;
#define ACCOUNT_ERASED "erased" /* stands where an erased account's password hash was (ACCOUNT_ERASE) */

/* --- witness.c: one checkpoint at a time is offered to the witnesses, and tasks go out under it --- */
MUST_CHECK result offer_new(struct core *c, struct why *why);
void offer_free(struct core *c);
/* The trust document has changed: cosignatures are asked for anew, and what is kept is held to its witnesses. */
MUST_CHECK result offer_trust_changed(struct core *c, struct why *why);
/* At the end of a transaction: the newest checkpoint that a majority has cosigned goes into it, if it must be
 * stored now; and after the commit, when it was. */
MUST_CHECK result offer_keep(struct core *c, struct why *why);
void offer_kept(struct core *c);
/* There is something that should be cosigned soon. */
void offer_want(struct core *c);
/* After a commit, and when its time is over: moves on to the checkpoint at hand if that is wanted. */
MUST_CHECK result offer_settle(struct core *c, struct why *why);
uint64_t offer_size(const struct core *c);
/* Cosigned by a majority of the trust document's witnesses (true where it names none). */
bool offer_is_cosigned(const struct core *c);
/* How many have cosigned the offer, how many must, and who has not (as far as there is room). */
void offer_missing(const struct core *c, unsigned *ret_have, unsigned *ret_need, char *names, size_t size);
/* Does this site's agent stand among the witnesses, and is it still asked? */
bool offer_asks(const struct core *c, const struct line *line, uint64_t held_size);
int64_t offer_next_ms(const struct core *c); /* until offer_settle should look again; -1: no need */
/* The note with its cosignatures. */
MUST_CHECK result offer_print(const struct core *c, struct buffer *to, struct why *why);
/* A signature line over the checkpoint of this size; of another size than the one offered it comes too late and is
 * left alone.  DENIED: it is no witness's, or does not hold. */
MUST_CHECK result offer_cosign(struct core *c, uint64_t size, struct slice line, struct why *why);
/* Answers (and frees) one who waits for a cosigned checkpoint, or a standalone witness. */
MUST_CHECK result offer_answer(struct core *c, struct pending *p, bool final, bool *ret_answered, struct why *why);
handler_fn log_put_cosignature;

/* --- session.c, password.c, accounts.c --- */
struct login_guard;
MUST_CHECK result login_guard_new(const struct host *host, struct login_guard **ret, struct why *why);
void login_guard_free(struct login_guard *g);
MUST_CHECK result session_identify(struct call *c, struct why *why); /* fills who from the token, if there is one */
/* check_against NULL: make a hash. */
MUST_CHECK result password_job_new(struct slice password, const char *check_against, struct password_job **ret, struct why *why);
void password_job_free(struct password_job *job);
MUST_CHECK result password_hash(struct slice password, char *to, size_t size, struct why *why);
MUST_CHECK result password_check_form(struct slice password, const char *field, struct why *why);
struct json *roles_json(unsigned roles);
MUST_CHECK result roles_read(const struct json *array, const char *field, unsigned *ret, struct why *why);
handler_fn session_login, session_logout, session_me, token_create, token_list, token_drop;
handler_fn account_create, account_list, account_mail;

/* --- trust.c, sites.c, catalogue.c --- */
MUST_CHECK result trust_load(struct core *c, struct why *why);
/* Writes an opened version and its holders to the store; no entry. */
MUST_CHECK result trust_keep(struct core *c, const struct envelope *e, const struct trust *t, struct why *why);
handler_fn trust_get, trust_put;
struct line *line_of(struct core *c, const struct site_id *site); /* made at need; NULL: SITES_MAX or no memory */
MUST_CHECK result site_check_certificate(struct call *c, struct why *why);
handler_fn site_create, site_list, site_enrol, site_renew;
handler_fn catalogue_put, catalogue_list, catalogue_get;
/* MALFORMED (unknown_dataset): no site publishes it.  Borrowed until the catalogue changes. */
MUST_CHECK result catalogue_find(struct core *c, const struct label *dataset, const char *field, struct dataset_entry **ret, struct why *why);
bool catalogue_has_site(const struct dataset_entry *e, const struct site_id *site);
void catalogue_forget(struct core *c);

/* --- site_says.c --- */
/* What a poll says of its site: changes are logged.  blocked, rules: NULL where the poll has none. */
MUST_CHECK result site_said(struct call *c, bool paused, const struct json *blocked, const struct json *rules, struct why *why);

/* --- optouts.c --- */
handler_fn optout_add, optout_get, optout_lists;
/* Member `optouts` of a poll: which requests the site has taken, and its report on its list. */
MUST_CHECK result optouts_heard(struct call *c, const struct json *said, struct why *why);
/* Member `optouts` of a poll's answer: the sealed requests that wait for the site. */
MUST_CHECK result optouts_waiting(struct core *c, const struct site_id *site, struct json **ret, struct why *why);
/* A permit's `optout_lists`: the versions in force at its sites now. */
MUST_CHECK result optouts_in_force(struct core *c, const struct permit *p, struct json **ret, struct why *why);

/* --- access.c: the network's rules, organisations, training and terms --- */
enum { ATTESTATIONS_MAX = 200 /* of one account */ };
handler_fn policy_get, policy_put, organisation_put, organisation_list, training_add, terms_sign, attestation_list;
/* The newest rules; NULL: none were made.  Borrowed until the next call. */
MUST_CHECK result rules_current(struct core *c, const struct access_rules **ret, struct why *why);
void rules_forget(struct core *c);
/* The registered organisation of an account; not given if there is none.  It borrows from *ret_tree, the caller's. */
MUST_CHECK result organisation_of(struct core *c, struct slice account, struct json **ret_tree, struct organisation *ret, struct why *why);

/* --- assessment.c --- */
struct application;
handler_fn application_assessment;
MUST_CHECK result application_assess(struct core *c, const struct application *a, struct json **ret, enum verdict_kind *ret_kind, struct why *why);
/* At a decision: makes a->assessment, keeps it, and says verdict and hash in the entry.  DENIED (deviation_unexplained):
 * a grant that the assessment denies, without a written reason. */
MUST_CHECK result assessment_settle(struct call *c, struct application *a, struct slice deviation, bool grant, struct json *fields, struct why *why);
/* Does the assessment deny by this condition of use of this dataset (their indices in the form and the dictionary)? */
bool assessment_denies(const struct json *assessment, unsigned dataset, unsigned condition);

/* --- applications.c, application_form.c, application_steps.c, letter.c, register.c, permits.c --- */
enum { PARTY_ACCOUNT = 0, PARTY_SITE = 1, APPLICATION_BYTES_MAX = 256 * 1024 };
enum { DRAFT = STAGE_DRAFT, LIVE = STAGE_LIVE, SUSPENDED = STAGE_SUSPENDED, REVOKED = STAGE_REVOKED, EXPIRED = STAGE_EXPIRED,
       REPLACED = STAGE_REPLACED }; /* permits.state */
struct application {
    struct rows *rows;  /* owned; the slices below are its */
    struct json *body;  /* owned: the filled form */
    struct json *assessment; /* owned: made when it is decided */
    struct document_id id;
    enum application_state state;
    int64_t version, created_ms, changed_ms, received_ms, decided_ms;
    int64_t due_ms, left_ms, opinions_due_ms, answer_due_ms; /* 0: not running */
    bool extended;
    bool rewritten;     /* the body is not what was loaded */
    int64_t fee, fee_agreed; /* estimate, and the highest that the applicant agreed to; -1: none yet */
    int64_t appealed_ms;     /* of the decision at hand; 0: it was not appealed */
    struct slice account, permit, decided_by, reason, outcome, origin, succeeds, ground;
};
void application_done(struct application *a);
/* --- steps.c: what applications and enquiries have in common --- */
enum { CHANGES_MAX = 100 };
struct standing {
    const char *what; /* "application" */
    const char *id, *state;
    int64_t version;
};
/* Rows of (version, at_ms, account, command, state, text). */
struct json *events_json(struct rows *rows, bool with_text);
/* The refusal (409) of a step that was decided on an older version, with what changed since. */
MUST_CHECK result refuse_stale(struct call *c, const struct standing *s, int64_t version, enum statement events, struct why *why);
/* The refusal (409) of a step that is not for this state, with what the caller may do. */
MUST_CHECK result refuse_step(struct call *c, const struct standing *s, const char *step, struct buffer *allowed, struct why *why);
/* The refusal (403) of a step that is never the caller's; may: whose it is. */
MUST_CHECK result refuse_actor(const char *step, unsigned may, struct why *why);

struct application;
/* --- feasibility.c: from what is published --- */
MUST_CHECK result feasibility(struct core *c, const struct json *datasets, struct json **ret, struct why *why);
/* What the schedule estimates for these datasets. */
MUST_CHECK result fee_of(struct core *c, const struct json *datasets, int64_t *ret, struct why *why);
struct json *fee_json(int64_t estimate);
/* An application's: the estimate (a draft's from the schedule), what was agreed to, what withdrawing now costs. */
MUST_CHECK result fee_of_application(struct core *c, const struct application *a, struct json **ret, struct why *why);
/* From receipt to decision, of the decisions made in [from_ms, to_ms), to a tenth of a day; null: there was none. */
MUST_CHECK result median_days(struct core *c, int64_t from_ms, int64_t to_ms, struct json **ret, struct why *why);
/* --- enquiries.c --- */
/* The enquiry that an application was made of, with its history; null: there is none. */
MUST_CHECK result enquiry_of_application(struct core *c, const char *application, struct json **ret, struct why *why);
handler_fn enquiry_create, enquiry_list, enquiry_get, enquiry_step;

/* --- applications.c and its neighbours --- */
/* ABSENT: there is none. */
MUST_CHECK result application_load(struct core *c, const struct document_id *id, struct application *ret, struct why *why);
/* As application_load of the path's id, if the caller may see it: a draft is for those named in it. */
MUST_CHECK result application_of_call(struct call *c, struct application *ret, struct why *why);
/* Makes an empty draft row for the body, with its parties and members.  origin: "granted", or with
 * `succeeds` "amended", "renewed". */
MUST_CHECK result application_add(struct call *c, const struct json *body, const char *origin, struct slice succeeds,
                                  struct application *ret, struct why *why);
/* Takes a step that the workflow allows: writes version, state and clocks as they stand in *a, the event and
 * the log entry (`fields`, taken over, gets what every step says). */
MUST_CHECK result application_write(struct call *c, struct application *a, enum step step, enum application_state next,
                                    struct slice text, struct json *fields, struct why *why);
/* 201 with id, state and version of one that was made. */
void application_say_made(struct call *c, const struct application *a);
/* May this account see the document?  ABSENT if not: it looks as if it did not exist. */
MUST_CHECK result party_check(struct call *c, struct slice document, struct why *why);
/* Which actors the caller is towards a document that `applicant` applied for. */
MUST_CHECK result actors_of(struct call *c, struct slice document, struct slice applicant, unsigned *ret, struct why *why);
/* Holds the body against its form, the catalogue and the accounts; whole: nothing required may be missing. */
MUST_CHECK result application_check(struct call *c, const struct json *body, const struct application *a, bool whole, struct why *why);
/* Who may see it (parties) and who must accept (members), anew from the body. */
MUST_CHECK result application_parties(struct call *c, const struct json *body, const struct document_id *id, struct slice applicant, struct why *why);
/* The applicant's submission of a draft, or of an application made in the same call. */
MUST_CHECK result application_submit(struct call *c, struct application *a, struct why *why);
MUST_CHECK result applications_lapse(struct core *c, struct why *why); /* drafts nobody touched */
struct json *json_deep_copy(const struct json *v); /* null when memory is out */
/* Sets `<kind>_commitment` in the entry: a text of the application that the log holds only so (texts.c). */
MUST_CHECK result entry_text(struct core *c, struct json *entry, const struct application *a, const char *account, const char *kind,
                             struct slice text, struct why *why);
MUST_CHECK result permit_draft(struct call *c, const struct application *a, struct document_id *ret, struct why *why);
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
/* All that GET of an application says; the caller's. */
MUST_CHECK result application_json(struct call *c, const struct application *a, struct json **ret, struct why *why);
enum { LETTER_BYTES_MAX = 64 * 1024 };
/* The decision as a letter in "nb" or "en"; before it, the fee estimate and the right to withdraw. */
MUST_CHECK result letter_write(struct core *c, const struct application *a, const char *language, struct buffer *to, struct why *why);
handler_fn application_create, application_list, application_get, application_step, application_copy, application_letter;
handler_fn application_export; /* case_export.c */
/* As application_of_call, of another id than the path's. */
MUST_CHECK result application_visible(struct call *c, const struct document_id *id, struct application *ret, struct why *why);
/* May the caller take this step now, on this version?  Each refusal says why. */
MUST_CHECK result application_step_check(struct call *c, const struct application *a, enum step step, int64_t version,
                                         const struct workflow_row **ret, struct why *why);
/* --- attachments.c --- */
handler_fn attachment_add, attachment_get;
MUST_CHECK result attachments_of(struct core *c, const struct application *a, struct json **ret, struct why *why);
MUST_CHECK result attachment_drop(struct call *c, const struct application *a, const struct document_id *id, struct json *fields, struct why *why);
handler_fn register_list, form_list;
handler_fn register_report; /* report.c */
handler_fn permit_list, permit_get, permit_sign, permit_change, permit_amend, permit_renew;

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
void lines_free(struct core *c);
void lines_wake(struct core *c); /* every site has news (trust) */
MUST_CHECK result line_wake(struct core *c, struct slice site, struct why *why);

/* --- core.c --- */
MUST_CHECK result core_keys(struct core *c, uint16_t kind, struct slice payload, struct buffer *ret, struct why *why);
void core_answer(struct core *c, struct pending *p); /* sends and frees */
void core_answer_json(struct core *c, struct pending *p, unsigned status, const struct json *body); /* sends and frees */
void core_cut_after_commit(struct core *c, const struct site_id *site);
void pending_free(struct pending *p);
/* store_run that remembers that the turn wrote. */
MUST_CHECK result core_run(struct core *c, enum statement statement, const struct store_value *parameters, unsigned count,
                           struct rows **ret, struct why *why);
#define RUN(core, statement, ret, why, ...)                                                        \
    core_run((core), (statement), (const struct store_value[]){__VA_ARGS__},                       \
             (unsigned)(sizeof((const struct store_value[]){__VA_ARGS__}) / sizeof(struct store_value)), \
             (ret), (why))

#ifdef INNSYN_TEST_HOOKS
#include "broker/core/misbehave.h"
#else
#define misbehaves(what) false
#endif

#endif
