/*
 * store.c - what both backends share: transactions, migration, the mark of a batch.
 */
#include "broker/store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "broker/store/backend.h"
#include "broker/store/schema.h"

enum { RECOVER_PAUSE_MS = 200 };

struct store {
    const struct host *host;
    const struct backend *backend;
    void *self;
    bool open;      /* a transaction */
    bool savepoint;
    bool reading;   /* between store_reads_begin and _end */
    uint64_t calls, fail_at;
    bool fail_once;
};

result store_open(const struct host *host, const char *where, struct store **ret, struct why *why)
{
    const struct backend *backend = NULL;
    void *self = NULL;
    if (strncmp(where, "sqlite:", 7) == 0)
        TRY(sqlite_open(host, where + 7, &backend, &self, why));
    else if (strncmp(where, "postgres:", 9) == 0)
        TRY(postgres_open(host, where + 9, &backend, &self, why));
    else
        return FAIL_AT(why, MALFORMED, "/store", "the store must be \"sqlite:<path>\" or \"postgres:<conninfo>\"");
    struct store *s = calloc(1, sizeof *s);
    if (!s) {
        backend->close(self);
        return FAIL(why, LIMIT, "no memory for the store");
    }
    *s = (struct store){.host = host, .backend = backend, .self = self};
    *ret = s;
    return DONE;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_rollback(s);
    s->backend->close(s->self);
    free(s);
}

void store_closep(struct store **s)
{
    store_close(*s);
}

bool store_is_unchecked(const struct store *s)
{
    return s->backend->is_unchecked && s->backend->is_unchecked(s->self);
}

void store_doubt(struct store *s)
{
    if (s->backend->doubt)
        s->backend->doubt(s->self);
}

result store_check(const char *where, struct why *why)
{
    return strncmp(where, "sqlite:", 7) == 0 ? sqlite_check(where + 7, why) : DONE; /* a server checks its own pages */
}

const char *store_kind(const struct store *s)
{
    return s->backend->kind;
}

void store_fail_at(struct store *s, uint64_t call)
{
    s->fail_at = call ? s->calls + call : 0;
    s->fail_once = false;
}

void store_fail_once(struct store *s, uint64_t call)
{
    store_fail_at(s, call);
    s->fail_once = true;
}

static result fault(struct store *s, struct why *why)
{
    s->calls++;
    if (s->fail_at && (s->fail_once ? s->calls == s->fail_at : s->calls > s->fail_at - 1))
        return FAIL(why, UNAVAILABLE, "the store did not answer (injected)");
    return DONE;
}

static result execute(struct store *s, const char *sql, struct why *why)
{
    TRY(fault(s, why));
    return s->backend->execute(s->self, sql, why);
}

/* --- transactions --- */

result store_begin(struct store *s, struct why *why)
{
    if (s->open || s->reading)
        return FAIL(why, BROKEN, "a transaction is open already");
    TRY(execute(s, s->backend->begin, why));
    s->open = true;
    s->savepoint = false;
    return DONE;
}

result store_commit(struct store *s, struct why *why)
{
    if (!s->open || s->savepoint)
        return FAIL(why, BROKEN, "no transaction is open, or its savepoint is");
    TRY(execute(s, "COMMIT", why));
    s->open = false;
    return DONE;
}

void store_rollback(struct store *s)
{
    if (!s->open && !s->reading)
        return;
    s->open = s->savepoint = s->reading = false;
    /* A rollback that fails means the connection is gone, and with it the transaction. */
    tolerate(s->backend->execute(s->self, "ROLLBACK", NULL));
}

void store_reads_begin(struct store *s)
{
    if (!s->open && !s->reading && s->backend->begin_reads)
        s->reading = is_ok(execute(s, s->backend->begin_reads, NULL));
}

void store_reads_end(struct store *s)
{
    if (s->reading)
        store_rollback(s);
}

result store_savepoint(struct store *s, struct why *why)
{
    if (!s->open || s->savepoint)
        return FAIL(why, BROKEN, "a savepoint needs a transaction, and there is one at a time");
    TRY(execute(s, "SAVEPOINT one", why));
    s->savepoint = true;
    return DONE;
}

result store_release(struct store *s, struct why *why)
{
    if (!s->savepoint)
        return FAIL(why, BROKEN, "no savepoint is open");
    TRY(execute(s, "RELEASE SAVEPOINT one", why));
    s->savepoint = false;
    return DONE;
}

result store_rollback_to(struct store *s, struct why *why)
{
    if (!s->savepoint)
        return FAIL(why, BROKEN, "no savepoint is open");
    TRY(execute(s, "ROLLBACK TO SAVEPOINT one", why));
    return store_release(s, why);
}

/* --- statements --- */

result store_run(struct store *s, enum statement statement, const struct store_value *parameters, unsigned count,
                 struct rows **ret, struct why *why)
{
    if (count != statement_parameters(statement))
        return FAIL(why, BROKEN, "statement %s takes %u parameters, not %u", statement_name(statement),
                    statement_parameters(statement), count);
    TRY(fault(s, why));
    if (!ret)
        return s->backend->run(s->self, statement, parameters, count, NULL, why);
    struct rows *r CLEANUP(rows_freep) = calloc(1, sizeof *r);
    if (!r)
        return FAIL(why, LIMIT, "no memory for rows");
    buffer_init(&r->bytes, STORE_RESULT_BYTES_MAX);
    TRY(s->backend->run(s->self, statement, parameters, count, r, why));
    *ret = MOVE(r);
    return DONE;
}

/* --- schema --- */

result store_migrate(struct store *s, struct why *why)
{
    /* The first step makes the table that holds the version; all steps can be repeated. */
    TRY(execute(s, "CREATE TABLE IF NOT EXISTS schema_version (one BIGINT PRIMARY KEY, version BIGINT NOT NULL)", why));
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(store_run(s, SCHEMA_VERSION, NULL, 0, &rows, why));
    int64_t version = rows_next(rows) ? rows_integer(rows, 0) : 0;
    if (version > SCHEMA_VERSIONS)
        return FAIL(why, BROKEN, "the store has schema %" PRId64 ", this program knows %d: start the newer broker",
                    version, SCHEMA_VERSIONS);
    for (; version < SCHEMA_VERSIONS; version++) {
        TRY(store_begin(s, why));
        result r = execute(s, schema_step((unsigned)version, s->backend->bytea), why);
        if (is_ok(r))
            r = STORE_RUN(s, SCHEMA_SET, NULL, why, store_integer(version + 1));
        if (is_ok(r))
            r = store_commit(s, why);
        if (!is_ok(r)) {
            store_rollback(s);
            return r;
        }
    }
    return DONE;
}

/* --- being there --- */

result store_ping(struct store *s, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    return store_run(s, PING, NULL, 0, &rows, why);
}

result store_recover(struct store *s, int64_t wait_ms, struct why *why)
{
    store_rollback(s);
    int64_t until = host_monotonic_ms(s->host) + wait_ms;
    for (;;) {
        result r = s->backend->recover(s->self, why);
        if (is_ok(r))
            r = store_ping(s, why);
        if (r.code != UNAVAILABLE && r.code != DENIED)
            return r;
        if (host_monotonic_ms(s->host) >= until)
            return FAIL(why, UNAVAILABLE, "the store is not there");
        struct timespec pause = {.tv_nsec = RECOVER_PAUSE_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
}

result store_mark(struct store *s, const uint8_t mark[STORE_MARK_LEN], struct why *why)
{
    return STORE_RUN(s, MARK_SET, NULL, why, store_bytes(slice_of(mark, STORE_MARK_LEN)));
}

result store_mark_is(struct store *s, const uint8_t mark[STORE_MARK_LEN], bool *ret, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(store_run(s, MARK_GET, NULL, 0, &rows, why));
    *ret = rows_next(rows) && slice_equal(rows_bytes(rows, 0), slice_of(mark, STORE_MARK_LEN));
    return DONE;
}
