/*
 * verify.h - may this site answer this task?  Everything is checked here again, from the delivered bytes
 * and the trust document alone; the broker is not believed (I2, I3; ).
 * Pure: time, trust, checkpoint and what was seen before are parameters.  No files, no network, no log.
 */
#ifndef INNSYN_AGENTS_GUARD_VERIFY_H
#define INNSYN_AGENTS_GUARD_VERIFY_H

#include "agents/guard/refusal.h"
#include "proto/merkle.h"
#include "proto/query.h"

enum {
    CHECKPOINT_AGE_MAX_MS = 10 * 60 * 1000,
    ENTRY_BYTES_MAX = 16 * 1024,
    HELD_DATASETS_MAX = 256,
};

struct blocks;
struct site_rules;

/* A dataset that is loaded here. */
struct held_dataset {
    const struct dictionary *dictionary;
    struct hash snapshot; /* the manifest's hash */
    struct hash edition;  /* snapshot, opt-out list and dictionary together */
    int64_t snapshot_at_ms;
};

/* What this site knows when it decides. */
/* Permits whose signatures held, so that a task under the same permit does not check them all again: each is a
 * hash over everything that check reads (trust document, site, payload, every signature).  Zeros: none. */
enum { PERMITS_CHECKED_MAX = 16 };
struct permits_checked {
    struct hash held[PERMITS_CHECKED_MAX];
    unsigned next; /* the place that is written over next */
};

struct verify_facts {
    struct permits_checked *permits_checked; /* NULL: every permit is checked anew */
    struct site_id site;
    const struct trust *trust;
    int64_t now_ms;        /* the local clock */
    int64_t time_floor_ms; /* newest moment in any document signed by the unit that was accepted; 0: none yet */
    int64_t peer_time_ms;  /* what the broker said with this delivery; 0: it did not say.  Can only refuse. */
    bool paused;
    const struct blocks *blocks;    /* permits that the holder does not answer; NULL: none */
    bool log_consistent;            /* the delivery's checkpoint was accepted (verify_checkpoint) */
    struct checkpoint checkpoint;   /* size 0: none */
    int64_t checkpoint_at_ms;       /* local time at which it was delivered */
    unsigned witnesses_needed, witnesses_seen; /* a majority of the trust document's, and whose cosignatures of the last 10 minutes hold */
    const struct held_dataset *datasets;
    unsigned dataset_count;
    bool statuses_full;             /* the status of a permit not seen before could not be remembered */
    int64_t optouts_checked_ms;     /* when the list of opt-outs was last known to lack nothing; 0: not since start */
    int64_t optouts_age_max_ms;     /* how old that may be; 0: no list is kept */
    const struct site_rules *rules; /* NULL: none of its own */
    /* The status accepted last for a permit; false: none. */
    bool (*status_seen)(void *self, const struct document_id *permit, struct permit_status *ret);
    /* The task under which a query id was run here; false: never. */
    bool (*run_before)(void *self, const struct document_id *query, struct document_id *ret_task, struct hash *ret_query_hash);
    /* How many other queries were asked here under the permit about the dataset; false: that cannot be known now.
     * Asked of datasets that have access rules; NULL: none count. */
    bool (*asked)(void *self, const struct document_id *permit, const struct label *dataset, const struct document_id *query, uint64_t *ret_others);
    void *self;
};

/* Who asks for what, as far as the delivery could be read: for journal and refusal, nothing is decided by it. */
struct verify_names {
    struct document_id task, query, permit; /* "" where unreadable */
    struct label account;
    struct hash query_hash, question_hash;  /* zero where unreadable */
};

/* A task that may be answered. */
struct verified {
    struct task task;
    struct permit *permit;
    struct permit_status status;
    struct query *query;
    const struct held_dataset *dataset; /* borrowed from the facts, or `own` */
    struct held_dataset *own;           /* another edition than the current one: with the list of opt-outs that the permit keeps */
    uint64_t own_version;               /* of that list */
    struct question *question;
    struct label account;
    int64_t taken_ms; /* monotonic; set by who took it */
    bool replay; /* the same task again: send the stored answer, compute nothing */
    char by_hand[240]; /* not "": the rule by which its answer waits for the holder */
};
void verified_init(struct verified *v);
void verified_done(struct verified *v); /* zeroed ones are welcome */

/* One item of a poll's `tasks`.  True: *ret is filled (release with verified_done).
 * False: *ret_refusal says why, *ret is empty.  *ret_names is filled as far as possible either way. */
bool verify_task(const struct verify_facts *f, const struct json *bundle, struct verified *ret,
                 struct verify_names *ret_names, struct refusal *ret_refusal);

/* May what was verified still be done?  Asked again right before a task is computed and right before its answer
 * leaves: a pause, a blocked permit, the site's rules, a permit that ended or whose newest status is not live or is too old, a task whose time
 * is over.  False: *ret_refusal says why. */
bool verify_still(const struct verify_facts *f, const struct verified *v, struct refusal *ret_refusal);

/* a checkpoint signed by the log's key that continues the one held (size 0: none held yet).
 * DENIED: not signed, smaller, another root at the same size, or the proof fails; *ret is untouched. */
MUST_CHECK result verify_checkpoint(const struct trust *t, const struct checkpoint *held, struct slice note,
                                    const struct merkle_proof *proof, struct checkpoint *ret, struct why *why);

/* An array of base64 hashes, at most MERKLE_PROOF_MAX.  NULL reads as the empty proof. */
MUST_CHECK result proof_read(const struct json *v, const char *path, struct merkle_proof *ret, struct why *why);

#endif
