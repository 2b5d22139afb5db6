/*
 * core.h - the broker's core: it holds the store, decides, and answers.
 *
 * It works in turns: a bounded batch of requests is decided, all effects are applied in one
 * transaction (each request under its own savepoint), committed and synced once, one checkpoint is
 * signed, and only then is anything answered (I7).  Within a turn the order of requests is the order
 * of their log entries.
 *
 * This header is for core_main, for the tests that drive the core in one process, and for the other
 * rooms of the core.  One thread; only password jobs run elsewhere.
 */
#ifndef INNSYN_BROKER_CORE_H
#define INNSYN_BROKER_CORE_H

#include "base/arena.h"
#include "base/secret.h"
#include "broker/messages.h"
#include "broker/roles.h"
#include "broker/store/store.h"
#include "proto/json.h"
#include "proto/trust.h"

enum {
    TURN_REQUESTS_MAX = 256,      /* decided in one transaction */
    PENDING_MAX = 4096,           /* waiting for a turn; more are told to come back */
    PARKED_MAX = 8192,            /* long polls and waiters for results */
    PAGE_DEFAULT = 50,
    PAGE_MAX = 200,
    STORE_WAIT_MS = 10000,        /* a turn waits this long for a store that went away */
    DUE_BATCH_MAX = 64,           /* queries ended and permits expired in one turn */
    STATUS_RENEW_MS = 5 * 60 * 1000,
    POLL_WAIT_MS_MAX = 60 * 1000,
    RESULT_WAIT_MS_MAX = 60 * 1000,
    CHECKPOINT_WAIT_MS = 1500,    /* one who asks for the checkpoint waits this long for a majority of the witnesses */
    OFFER_LIFE_MS = 1000,         /* a checkpoint that no majority cosigns makes way for a newer one after this */
    POLL_RUNNING_MAX = 256,       /* tasks an agent says it has */
    POLL_OPEN_MAX = 64,           /* open tasks looked at for one answer */
    LEASES_MAX = 64,              /* a site; a task without one is handed out again, which harms nothing */
    POLL_TASKS_MAX = 16,
    POLL_STATUSES_MAX = 128,
    QUERIES_OPEN_PER_ACCOUNT_MAX = 32,
    SITES_MAX = 20000,
};

struct core;
struct pending;

/* A password to hash or to check, off the loop.  Made by session.c and accounts.c, run by password.c. */
struct password_job {
    struct secret *password;
    char encoded[160]; /* in: what to check against; out: the hash made */
    bool check;        /* else hash */
    bool holds;        /* out */
    result outcome;    /* out */
    struct core *core;
    void *owner;       /* the ports' self */
};

/* What the core asks of the world around it. */
struct core_ports {
    void *self;
    void (*reply)(void *self, unsigned net, uint64_t tag, const struct http_reply *r);
    void (*cut)(void *self, struct slice site);
    /* Asks the role that holds the keys, and waits.  UNAVAILABLE: it is gone. */
    result (*keys)(void *self, uint16_t kind, struct slice payload, struct buffer *ret, struct why *why);
    /* Runs password_work(job) somewhere and then core_worked(core, job) on the core's thread. */
    result (*work)(void *self, struct password_job *job, struct why *why);
    /* Tells the role that sends notifications.  NULL: there is none, and none are written. */
    void (*mail)(void *self, uint16_t kind, uint64_t tag, struct slice payload);
};

/* Opens and migrates the store, agrees with keys about the log, writes the start-up entry.
 * DENIED: the store is behind the last checkpoint that keys signed (a restored backup), or another
 * broker uses it.  Everything in settings, host and ports is borrowed for life (ports is copied). */
MUST_CHECK result core_new(const struct broker_settings *settings, const struct host *host,
                           const struct core_ports *ports, struct core **ret, struct why *why);
/* The store was opened without reading every page: store_check has to, beside the turns; if it says BROKEN, the
 * process must end. */
bool core_store_is_unchecked(const struct core *c);
void core_store_is_damaged(struct core *c); /* the next core_new refuses it */
void core_free(struct core *c);

/* A request (MESSAGE_REQUEST's payload, copied).  MALFORMED: net is captured. */
MUST_CHECK result core_take(struct core *c, unsigned net, uint64_t tag, struct slice payload, struct why *why);
void core_gone(struct core *c, unsigned net, uint64_t tag);
/* What the role `mail` says.  MALFORMED: it is captured. */
MUST_CHECK result core_mail(struct core *c, uint16_t kind, uint64_t tag, struct slice payload, struct why *why);
void core_worked(struct core *c, struct password_job *job);
void password_work(void *job); /* struct password_job */

/* One turn.  *ret_ms: time until the next is due even if nothing arrives; 0: more is waiting.
 * UNAVAILABLE: keys are gone; BROKEN: the store contradicts itself.  The process must end. */
MUST_CHECK result core_turn(struct core *c, int64_t *ret_ms, struct why *why);

struct store *core_store(struct core *c); /* tests look into it */

#endif
