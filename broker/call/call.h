/*
 * call.h - one request in one turn, and the state that all rooms of the core share.
 * Only they include it: audit, accounts, sites, permits, applications, and core, which calls them.
 */
#ifndef INNSYN_BROKER_CALL_CALL_H
#define INNSYN_BROKER_CALL_CALL_H

#include <stdio.h>

#include "base/instant.h"
#include "broker/core.h"
#include "policy/access_rules.h"
#include "policy/roles.h"
#include "policy/workflow.h"
#include "proto/fields.h"
#include "proto/merkle.h"
#include "proto/permit.h"
#include "proto/query.h"

/* --- scopes of tokens (bits, as stored); roles are policy/roles.h's --- */
enum {
    SCOPE_READ = 1, SCOPE_QUERY = 2, SCOPE_APPLY = 4, SCOPE_DECIDE = 8, SCOPE_ADMIN = 16, SCOPE_ACCOUNT = 32,
    SCOPE_ALL = 63,
};

/* --- the log --- */
/* The newest nodes of each level of the log's tree, so that the proofs of a turn are not read from the store node
 * by node.  A node never changes once it is committed; what a rollback takes back is forgotten with all the
 * rest (log_forget_nodes). */
enum { LOG_LEVELS_KNOWN = 48, LOG_NODES_KNOWN = 32 };
struct log_node_known {
    uint64_t after; /* 1 + its index in the level; 0: none */
    struct hash hash;
};

struct log {
    struct merkle_frontier frontier;
    int64_t last_ms;           /* of the newest entry: entries never decrease in time */
    uint64_t signed_size;      /* of the checkpoint at hand */
    struct hash signed_root;
    struct buffer note;        /* its text */
    struct offer *offer;       /* what witnesses are given (witness.c) */
    bool offer_wanted;         /* something waits for cosignatures: witnesses are to be given a newer checkpoint */
};

/* --- a dataset's dictionary as all its sites publish it --- */
struct dataset_entry {
    struct dataset_entry *next;
    struct label dataset;
    struct dictionary *dictionary; /* with the coarsest grid of its sites */
    struct site_id sites[PERMIT_SITES_MAX];
    char editions[PERMIT_SITES_MAX][2 * HASH_LEN + 1];
    char persons[PERMIT_SITES_MAX][48]; /* how many the site publishes, as JSON; "": it does not say */
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
    struct log_node_known log_nodes[LOG_LEVELS_KNOWN][LOG_NODES_KNOWN];
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
    struct document_id asking; /* the request at hand, as its entries name it; "": none, time brought what is written */
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
/* Parses the request's body as an object; an empty body is {}. */
MUST_CHECK result call_fields(struct call *c, struct fields *ret, struct why *why);
/* The value of a parameter of the query string; false if it is not there. */
bool call_parameter(const struct call *c, const char *name, struct slice *ret);
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

/* --- password.c --- */
/* check_against NULL: make a hash. */
MUST_CHECK result password_job_new(struct slice password, const char *check_against, struct password_job **ret, struct why *why);
void password_job_free(struct password_job *job);
MUST_CHECK result password_hash(struct slice password, char *to, size_t size, struct why *why);
MUST_CHECK result password_check_form(struct slice password, const char *field, struct why *why);
struct application;
enum { PARTY_ACCOUNT = 0, PARTY_SITE = 1, APPLICATION_BYTES_MAX = 256 * 1024 };
struct application;
/* May this account see the document?  ABSENT if not: it looks as if it did not exist. */
MUST_CHECK result party_check(struct call *c, struct slice document, struct why *why);
/* Which actors the caller is towards a document that `applicant` applied for. */
MUST_CHECK result actors_of(struct call *c, struct slice document, struct slice applicant, unsigned *ret, struct why *why);
struct json *json_deep_copy(const struct json *v); /* null when memory is out */
MUST_CHECK result core_keys(struct core *c, uint16_t kind, struct slice payload, struct buffer *ret, struct why *why);
void core_answer(struct core *c, struct pending *p); /* sends and frees */
void core_answer_json(struct core *c, struct pending *p, unsigned status, const struct json *body); /* sends and frees */
void core_cut_after_commit(struct core *c, const struct site_id *site);
void pending_free(struct pending *p);
void pending_freep(struct pending **p);
/* store_run that remembers that the turn wrote. */
MUST_CHECK result core_run(struct core *c, enum statement statement, const struct store_value *parameters, unsigned count,
                           struct rows **ret, struct why *why);
#define RUN(core, statement, ret, why, ...)                                                        \
    core_run((core), (statement), (const struct store_value[]){__VA_ARGS__},                       \
             (unsigned)(sizeof((const struct store_value[]){__VA_ARGS__}) / sizeof(struct store_value)), \
             (ret), (why))

#endif
