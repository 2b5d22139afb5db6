/*
 * store.h - the one seam between the broker and where it keeps things.  Two backends stand under it:
 * sqlite.c ("sqlite:<path>") and postgres.c ("postgres:<conninfo>"); one test suite runs on both.
 *
 * The caller names a numbered statement (statements.h) and gives typed parameters; SQL text never
 * crosses the seam.  Rows come back whole and are read by typed getters.
 *
 * One writer: SQLite by its lock file, PostgreSQL by an advisory lock, so that a second broker on the
 * same store is refused at store_open with that reason.
 *
 * What a caller does about a failure:
 *   DENIED       a constraint refused the row; inside a transaction roll back to the savepoint
 *   UNAVAILABLE  disk or server failed; roll back, store_recover, and try the whole turn again
 *   BROKEN       stored data contradict themselves or the schema: stop
 *   LIMIT        more rows or bytes than STORE_ROWS_MAX, STORE_RESULT_BYTES_MAX
 */
#ifndef INNSYN_BROKER_STORE_STORE_H
#define INNSYN_BROKER_STORE_STORE_H

#include <stdint.h>

#include "base/host.h"
#include "base/result.h"
#include "base/slice.h"
#include "broker/store/rows.h"
#include "broker/store/statements.h"

enum {
    STORE_PARAMETERS_MAX = 16,
    STORE_BUSY_MS = 5000,        /* waited for another's lock */
    STORE_STATEMENT_MS = 20000,  /* longest a statement may take at a server */
    STORE_MARK_LEN = 16,
};

struct store;

enum store_type { STORE_NULL, STORE_INTEGER, STORE_TEXT, STORE_BYTES };
struct store_value {
    enum store_type type;
    int64_t integer;
    struct slice bytes; /* text or bytes, borrowed during the call */
};
static inline struct store_value store_null(void)
{
    return (struct store_value){.type = STORE_NULL};
}
static inline struct store_value store_integer(int64_t v)
{
    return (struct store_value){.type = STORE_INTEGER, .integer = v};
}
static inline struct store_value store_text(struct slice v)
{
    return (struct store_value){.type = STORE_TEXT, .bytes = v};
}
static inline struct store_value store_str(const char *v)
{
    return store_text(slice_str(v));
}
static inline struct store_value store_bytes(struct slice v)
{
    return (struct store_value){.type = STORE_BYTES, .bytes = v};
}

/* where: "sqlite:<path>" or "postgres:<conninfo>".  Takes the writer's lock.  Every page of an SQLite database is
 * read first if it may have been damaged since the last run: the machine went down under it, or somebody wrote it.  DENIED: another broker holds it.  MALFORMED: no such kind of store. */
MUST_CHECK result store_open(const struct host *host, const char *where, struct store **ret, struct why *why);
void store_close(struct store *s); /* NULL is welcome */
void store_closep(struct store **s);
/* Not every page was read when it was opened: store_check has to. */
bool store_is_unchecked(const struct store *s);
/* Reads every page.  Takes seconds a gigabyte, on a connection of its own: another thread may run it while the store
 * is used, and closed.  BROKEN: it is damaged.  UNAVAILABLE: it cannot be read just now. */
MUST_CHECK result store_check(const char *where, struct why *why);
/* It is damaged: the next store_open reads every page before it returns. */
void store_doubt(struct store *s);
const char *store_kind(const struct store *s); /* "sqlite", "postgres" */

/* Brings the schema to this program's version, each step in a transaction of its own.
 * BROKEN: the store was written by a later version. */
MUST_CHECK result store_migrate(struct store *s, struct why *why);

/* A transaction; after commit returns OK everything in it is on disk (synced). */
MUST_CHECK result store_begin(struct store *s, struct why *why);
/* UNAVAILABLE: it is not known whether it was committed; store_recover, then look at the mark. */
MUST_CHECK result store_commit(struct store *s, struct why *why);
void store_rollback(struct store *s); /* also when none is open */

/* Between these two a store whose reads cost locks (SQLite) takes them once; nothing is written.  Where the
 * first cannot be had each statement takes its own, and says what is wrong.  The second is welcome alone. */
void store_reads_begin(struct store *s);
void store_reads_end(struct store *s);

/* One savepoint at a time, inside a transaction. */
MUST_CHECK result store_savepoint(struct store *s, struct why *why);
MUST_CHECK result store_release(struct store *s, struct why *why);
MUST_CHECK result store_rollback_to(struct store *s, struct why *why); /* and releases it */

/* ret may be NULL when no rows are wanted.  The caller frees *ret with rows_free. */
MUST_CHECK result store_run(struct store *s, enum statement statement, const struct store_value *parameters,
                            unsigned count, struct rows **ret, struct why *why);
/* STORE_RUN(store, STATEMENT, &rows, why, store_integer(1), ...) */
#define STORE_RUN(store, statement, ret, why, ...)                                                 \
    store_run((store), (statement), (const struct store_value[]){__VA_ARGS__},                     \
              (unsigned)(sizeof((const struct store_value[]){__VA_ARGS__}) / sizeof(struct store_value)), \
              (ret), (why))

/* Is the store there? */
MUST_CHECK result store_ping(struct store *s, struct why *why);
/* After UNAVAILABLE: rolls back what is open and connects anew if the connection is gone, trying for
 * at most wait_ms.  The transaction that was open is lost. */
MUST_CHECK result store_recover(struct store *s, int64_t wait_ms, struct why *why);
/* The mark of the last batch that was committed: written inside a batch's transaction, looked at
 * after a commit that ended UNAVAILABLE. */
MUST_CHECK result store_mark(struct store *s, const uint8_t mark[STORE_MARK_LEN], struct why *why);
MUST_CHECK result store_mark_is(struct store *s, const uint8_t mark[STORE_MARK_LEN], bool *ret, struct why *why);

/* For tests: let the n-th call into the backend from now on fail as a lost disk or server would
 * (0: none) and every one after it. */
void store_fail_at(struct store *s, uint64_t call);
/* The same, but only that one call fails. */
void store_fail_once(struct store *s, uint64_t call);

#endif
