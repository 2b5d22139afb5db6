/*
 * snapshot.h - an immutable copy of a dataset at a site, one file a column.
 *
 *   <dataset folder>/current                     the name of the snapshot in force
 *   <dataset folder>/load.lock                   held while something loads
 *   <dataset folder>/snapshots/<name>/manifest.json    canonical JSON; its SHA-256 is the name
 *                                     dictionary.json  with the grids seen and the missing codes
 *                                     c0003.u8 ...     column of the variable with index 3
 *                                     persons.u32      person of each row (event tables only)
 *                                     keys.u64         record key of each person, mode 0600
 *   <dataset folder>/snapshots/new-<pid>          a load in progress, or what a crash left of one
 *
 * Columns hold native little-endian numbers: categories and codes level index + 1 in the narrowest of
 * u8, u16 and u32, 0 for missing; integers and numbers double, NaN for missing; dates i32 days since
 * 1970-01-01, INT32_MIN for missing.  The person key has no column.  Persons are numbered 0 .. persons-1
 * in the order in which they are first seen; in a person table the row is the person.
 *
 * A snapshot is written aside, each file synced, then renamed, and only then does `current` change: at
 * every moment the last whole snapshot is in force.  What is not in force is removed at the next load.
 * Files are streamed and mapped, which struct host cannot, so this folder asks the kernel itself.
 */
#ifndef INNSYN_AGENTS_SNAPSHOT_SNAPSHOT_H
#define INNSYN_AGENTS_SNAPSHOT_SNAPSHOT_H

#include "base/host.h"
#include "proto/crypto.h"
#include "proto/dictionary.h"

enum {
    SNAPSHOT_MANIFEST_BYTES_MAX = 1024 * 1024,
    SNAPSHOT_PATH_MAX = 3072, /* of the dataset folder */
};
#define SNAPSHOT_ROWS_MAX UINT64_C(4000000000) /* persons and rows are numbered with 32 bits */
#define SNAPSHOT_DATE_MISSING INT32_MIN

enum column_kind { COLUMN_NONE, COLUMN_U8, COLUMN_U16, COLUMN_U32, COLUMN_DOUBLE, COLUMN_DAY };
enum column_kind column_kind_of(const struct variable *v);
size_t column_width(enum column_kind k); /* bytes a row; 0 for COLUMN_NONE */

/* --- looking --- */
struct snapshot_facts {
    struct hash name; /* SHA-256 of the manifest */
    struct label dataset;
    uint64_t rows, persons;
    int64_t created_ms;
    bool publish_persons; /* the holder lets the catalogue say how many persons there are, as far as the profile allows */
};

struct snapshot_column {
    enum column_kind kind;
    const void *at; /* rows values; never NULL unless COLUMN_NONE or there are no rows */
};

struct snapshot {
    struct snapshot_facts facts;
    struct dictionary *dictionary;
    struct snapshot_column *columns; /* by variable index */
    const uint64_t *keys;            /* by person */
    const uint32_t *person;          /* by row, event tables; NULL: the row is the person */
    const uint32_t *by_person;       /* rows ordered by person, event tables; NULL: they stand so already */
    /* Rows, rising, of the persons whom the edition at hand leaves out (agents/engine/left_out.h); set by the engine. */
    const uint64_t *left_out;
    size_t left_out_count;
    struct hash left_out_name; /* of the list, so that what was computed without them can be told apart */
    struct snapshot_maps *maps;      /* what stands behind the pointers above */
};

/* The snapshot in force.  ABSENT: nothing was loaded.  BROKEN: `current` holds no name. */
MUST_CHECK result snapshot_current(const struct host *h, const char *dataset_folder, struct hash *ret, struct why *why);

/* Manifest and dictionary, and nothing of the rows: for the process that holds no rows.  Both are checked
 * against the name.  ABSENT: no such snapshot.  BROKEN names the file.  ret_dictionary may be NULL. */
MUST_CHECK result snapshot_describe(const struct host *h, const char *dataset_folder, const struct hash *name,
                                    struct snapshot_facts *ret, struct dictionary **ret_dictionary, struct why *why);

/* Maps all of it read-only.  Lengths are always checked; contents (SHA-256 of every file) when `verify`,
 * which costs a reading of the whole: the engine does it at the first opening in a process.  Levels and
 * person numbers out of range are looked for then too, so that kernels need not.
 * ABSENT: no such snapshot.  BROKEN: names the file that is short, long or altered.  LIMIT: no memory. */
MUST_CHECK result snapshot_open(const struct host *h, const char *dataset_folder, const struct hash *name, bool verify,
                                struct snapshot **ret, struct why *why);
void snapshot_close(struct snapshot *s); /* NULL is welcome */
void snapshot_closep(struct snapshot **s);

/* --- writing --- */
struct snapshot_writer;

/* Takes the lock, removes what earlier loads left, begins a new folder.  The dictionary is borrowed until the
 * end; its grids may still change.  AGAIN: another load of this dataset is running.  UNAVAILABLE: the disk. */
MUST_CHECK result snapshot_begin(const struct host *h, const char *dataset_folder, const struct dictionary *d,
                                 struct snapshot_writer **ret, struct why *why);
/* Of the snapshot that is written: the holder lets the catalogue say how many persons there are. */
void snapshot_publish_persons(struct snapshot_writer *w);
/* The next `count` values of a column, in the form it is stored in. */
MUST_CHECK result snapshot_add(struct snapshot_writer *w, unsigned variable, const void *values, size_t count, struct why *why);
/* The persons of the next rows (event tables only), and the keys of the next persons. */
MUST_CHECK result snapshot_add_persons(struct snapshot_writer *w, const uint32_t *persons, size_t count, struct why *why);
MUST_CHECK result snapshot_add_keys(struct snapshot_writer *w, const uint64_t *keys, size_t count, struct why *why);
/* Syncs, names, and puts it in force.  rows, persons: checked against what was added (else the process stops).
 * On failure the last snapshot stays in force. */
MUST_CHECK result snapshot_commit(struct snapshot_writer *w, uint64_t rows, uint64_t persons, struct hash *ret, struct why *why);
/* Gives up what is not committed; NULL is welcome. */
void snapshot_writer_free(struct snapshot_writer *w);
void snapshot_writer_freep(struct snapshot_writer **w);

#endif
