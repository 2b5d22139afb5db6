/*
 * backend.h - what a backend gives store.c, and the rows it fills.  Only the files of this folder include it.
 */
#ifndef INNSYN_BROKER_STORE_BACKEND_H
#define INNSYN_BROKER_STORE_BACKEND_H

#include "base/buffer.h"
#include "broker/store/store.h"

/* One value read: number in `integer`, or len bytes at `offset` of the rows' memory. */
struct cell {
    enum store_type type;
    int64_t integer;
    size_t offset, len;
};
struct rows {
    unsigned columns;
    unsigned count;   /* rows read */
    unsigned room;
    unsigned at;      /* 1 + the row at hand; 0 before the first */
    struct cell *cells;
    struct buffer bytes;
};
/* A new row of r->columns empty cells; NULL over STORE_ROWS_MAX or without memory. */
struct cell *rows_add(struct rows *r, struct why *why);
MUST_CHECK result rows_put_bytes(struct rows *r, struct cell *c, enum store_type type, struct slice bytes, struct why *why);

struct backend {
    const char *kind;
    /* SQL without parameters or rows: begin, commit, savepoints, schema. */
    result (*execute)(void *self, const char *sql, struct why *why);
    /* rows: NULL, or with columns == 0 to be filled. */
    result (*run)(void *self, enum statement statement, const struct store_value *parameters, unsigned count,
                  struct rows *rows, struct why *why);
    /* Connects anew if needed, no transaction open afterwards. */
    result (*recover)(void *self, struct why *why);
    void (*close)(void *self);
    void (*doubt)(void *self); /* NULL: nothing to do */
    bool (*is_unchecked)(const void *self); /* NULL: what it opens is checked, or another's to check */
    const char *begin;
    const char *begin_reads; /* NULL: reads are not cheaper together */
    bool bytea; /* which spelling of the schema */
};

MUST_CHECK result sqlite_open(const struct host *host, const char *path, const struct backend **ret, void **ret_self, struct why *why);
/* Reads every page, on a connection of its own.  BROKEN: damaged. */
MUST_CHECK result sqlite_check(const char *path, struct why *why);
MUST_CHECK result postgres_open(const struct host *host, const char *conninfo, const struct backend **ret, void **ret_self, struct why *why);

#endif
