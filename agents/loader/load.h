/*
 * load.h - a CSV source becomes a snapshot, or a list of what is wrong with it.
 *
 * Columns are found by name, in any order; the header must hold every variable of the dictionary and
 * nothing else.  A value is missing when it is one of its variable's missing codes (numbers are compared
 * as numbers too), or empty where the empty text is no level.  Up to LOAD_FAULTS_MAX faults are reported,
 * and with any fault nothing is written: the last snapshot stays in force.
 *
 * Persons are told apart by 128 bits of an HMAC under a key that lives as long as the load: a duplicate
 * person key is found without keeping its text, and no two persons are taken for one (at 10 million the
 * chance is 10^-25).  The 64-bit record key would not do for that.  30 to 60 bytes a person are held in
 * memory while loading.
 */
#ifndef INNSYN_AGENTS_LOADER_LOAD_H
#define INNSYN_AGENTS_LOADER_LOAD_H

#include "agents/loader/csv.h"
#include "agents/snapshot/snapshot.h"

enum {
    LOAD_FAULTS_MAX = 20,
    LOAD_BATCH_ROWS = 4096,      /* record keys are asked for this many persons at a time */
    LOAD_PERSON_BYTES_MAX = 256, /* of a person key */
    LOAD_PROGRESS_ROWS = 100000, /* rows, */
    LOAD_PROGRESS_MS = 1000,     /* or time, between two calls of `progress` */
    LOAD_SHOWN_MAX = 40,
};

/* Record keys of `count` persons (disclosure control's; guard holds the secret).  Persons are texts of
 * 1..LOAD_PERSON_BYTES_MAX bytes; without a person key column they are the row's number, from 1. */
typedef result load_keys_fn(void *self, const struct slice *persons, size_t count, uint64_t *ret_keys, struct why *why);

/* One fault.  `text` names row, line, column and rule and holds no value: it may be logged.  `shown` is
 * the offending value, cut, with control characters as '?': for the operator's terminal alone; "" for the person key. */
struct load_fault {
    uint64_t row, line; /* 0: the header, or the file as a whole */
    char column[VARIABLE_MAX + 1];
    char text[400];
    char shown[LOAD_SHOWN_MAX + 4];
};
typedef void load_fault_fn(void *self, const struct load_fault *fault);
typedef void load_progress_fn(void *self, uint64_t rows, uint64_t bytes, int64_t elapsed_ms);

struct load_options {
    const char *dataset_folder; /* <agent>/data/<dataset>; not touched by a dry run */
    bool dry_run;               /* everything is checked, nothing is written, no record keys are asked for */
    char separator;             /* 0: ',' */
    bool publish_persons;       /* snapshot.h */
    load_keys_fn *keys;
    void *keys_self;
    load_fault_fn *fault; /* these two may be NULL */
    load_progress_fn *progress;
    void *self;
};

struct load_report {
    uint64_t rows, persons, faults;
    struct hash snapshot; /* of no meaning after a dry run */
};

/* d: its number variables without a grid get one from the decimals seen (10^-d, d at most 6).
 * MALFORMED: faults were found, `why` says how many and the first.  Else as snapshot_begin and snapshot_commit,
 * or what the source or `keys` answered.  *ret is filled as far as it went, whatever the outcome. */
MUST_CHECK result loader_run(const struct host *h, struct dictionary *d, struct csv_source source,
                             const struct load_options *options, struct load_report *ret, struct why *why);

#endif
