/*
 * postgres.c - the store at a PostgreSQL server.  The only file that sees libpq.
 * Statements are prepared on first use; parameters go as text (integers) or binary (text, bytes),
 * rows come back binary.  A session-level advisory lock makes this broker the only writer.
 */
#include <libpq-fe.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "broker/store/backend.h"

enum { CONNINFO_BYTES_MAX = 400, CONNECT_SECONDS = 5, LOCK_TRIES = 25, LOCK_PAUSE_MS = 200 };

#define WRITER_LOCK "6517264001" /* the advisory lock's number: any, but the same for all brokers */

/* pg_type.oid of what the schema and the statements can give */
enum { TYPE_BOOL = 16, TYPE_BYTEA = 17, TYPE_INT8 = 20, TYPE_INT2 = 21, TYPE_INT4 = 23, TYPE_TEXT = 25, TYPE_VARCHAR = 1043, TYPE_UNKNOWN = 705 };

struct postgres_store {
    PGconn *db;
    char conninfo[CONNINFO_BYTES_MAX];
    bool prepared[STATEMENT_COUNT];
};

/* libpq's messages end in a newline and may have several lines: the first says it. */
static void first_line(const char *text, char to[160])
{
    size_t len = strcspn(text ? text : "", "\n");
    snprintf(to, 160, "%.*s", (int)(len > 150 ? 150 : len), text ? text : "");
}

static result refuse(struct postgres_store *s, const PGresult *answer, const char *doing, struct why *why)
{
    char says[160];
    const char *state = answer ? PQresultErrorField(answer, PG_DIAG_SQLSTATE) : NULL;
    const char *message = answer ? PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    first_line(message ? message : PQerrorMessage(s->db), says);
    if (state && strncmp(state, "23", 2) == 0) /* integrity constraint violation */
        return FAIL(why, DENIED, "%s: %s", doing, says);
    /* 08 connection, 53 resources, 57 operator intervention, 58 system error, 25006 read only, 40 rollback */
    if (!state || PQstatus(s->db) != CONNECTION_OK || strncmp(state, "08", 2) == 0 || strncmp(state, "53", 2) == 0 ||
        strncmp(state, "57", 2) == 0 || strncmp(state, "58", 2) == 0 || strncmp(state, "40", 2) == 0 ||
        strcmp(state, "25006") == 0)
        return FAIL(why, UNAVAILABLE, "%s: %s", doing, says);
    return FAIL(why, BROKEN, "%s: %s (%s)", doing, says, state);
}

static result postgres_execute(void *self, const char *sql, struct why *why)
{
    struct postgres_store *s = self;
    PGresult *answer = PQexec(s->db, sql);
    ExecStatusType status = PQresultStatus(answer);
    result r = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? DONE : refuse(s, answer, "store", why);
    /* COMMIT of a failed transaction answers ROLLBACK and no error. */
    if (is_ok(r) && strcmp(sql, "COMMIT") == 0 && strcmp(PQcmdStatus(answer), "COMMIT") != 0)
        r = FAIL(why, BROKEN, "the server rolled the transaction back");
    PQclear(answer);
    return r;
}

static int64_t big_endian(const char *at, int len)
{
    uint64_t v = len > 0 && ((uint8_t)at[0] & 0x80) ? UINT64_MAX : 0;
    for (int i = 0; i < len; i++)
        v = v << 8 | (uint8_t)at[i];
    return (int64_t)v;
}

static result read_rows(const PGresult *answer, struct rows *rows, struct why *why)
{
    int count = PQntuples(answer);
    rows->columns = (unsigned)PQnfields(answer);
    for (int row = 0; row < count; row++) {
        struct cell *cells = rows_add(rows, why);
        if (!cells)
            return (result){LIMIT};
        for (int i = 0; i < PQnfields(answer); i++) {
            const char *at = PQgetvalue(answer, row, i);
            int len = PQgetlength(answer, row, i);
            unsigned type = PQftype(answer, i);
            if (PQgetisnull(answer, row, i))
                cells[i] = (struct cell){.type = STORE_NULL};
            else if (type == TYPE_INT8 || type == TYPE_INT4 || type == TYPE_INT2)
                cells[i] = (struct cell){.type = STORE_INTEGER, .integer = big_endian(at, len)};
            else if (type == TYPE_TEXT || type == TYPE_VARCHAR || type == TYPE_BYTEA || type == TYPE_UNKNOWN)
                TRY(rows_put_bytes(rows, &cells[i], type == TYPE_BYTEA ? STORE_BYTES : STORE_TEXT,
                                   slice_of(at, (size_t)len), why));
            else
                return FAIL(why, BROKEN, "a column holds neither integer, text nor bytes");
        }
    }
    return DONE;
}

static result postgres_run(void *self, enum statement which, const struct store_value *parameters, unsigned count,
                           struct rows *rows, struct why *why)
{
    struct postgres_store *s = self;
    const char *name = statement_name(which);
    if (!s->prepared[which]) {
        PGresult *answer = PQprepare(s->db, name, statement_sql(which), 0, NULL);
        result r = PQresultStatus(answer) == PGRES_COMMAND_OK ? DONE : refuse(s, answer, name, why);
        PQclear(answer);
        TRY(r);
        s->prepared[which] = true;
    }
    const char *values[STORE_PARAMETERS_MAX];
    int lengths[STORE_PARAMETERS_MAX], formats[STORE_PARAMETERS_MAX];
    char numbers[STORE_PARAMETERS_MAX][24];
    for (unsigned i = 0; i < count; i++) {
        const struct store_value *v = &parameters[i];
        lengths[i] = 0;
        formats[i] = 1;
        values[i] = NULL;
        if (v->type == STORE_INTEGER) {
            snprintf(numbers[i], sizeof numbers[i], "%" PRId64, v->integer);
            values[i] = numbers[i];
            formats[i] = 0;
        } else if (v->type != STORE_NULL) {
            if (v->bytes.len > INT32_MAX)
                return FAIL(why, LIMIT, "%s: a value over 2 GiB", name);
            values[i] = v->bytes.at ? (const char *)v->bytes.at : "";
            lengths[i] = (int)v->bytes.len;
        }
    }
    PGresult *answer = PQexecPrepared(s->db, name, (int)count, values, lengths, formats, 1);
    ExecStatusType status = PQresultStatus(answer);
    result r = DONE;
    if (status == PGRES_TUPLES_OK)
        r = rows ? read_rows(answer, rows, why) : DONE;
    else if (status != PGRES_COMMAND_OK)
        r = refuse(s, answer, name, why);
    PQclear(answer);
    return r;
}

/* The lock of a broker that was killed lasts until its server process notices: ask for a few seconds. */
static result take_lock(struct postgres_store *s, struct why *why)
{
    for (unsigned i = 0; i < LOCK_TRIES; i++) {
        PGresult *answer = PQexec(s->db, "SELECT pg_try_advisory_lock(" WRITER_LOCK ")");
        bool got = PQresultStatus(answer) == PGRES_TUPLES_OK;
        result r = got ? DONE : refuse(s, answer, "store", why);
        got = got && strcmp(PQgetvalue(answer, 0, 0), "t") == 0;
        PQclear(answer);
        TRY(r);
        if (got)
            return DONE;
        struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
    return FAIL(why, DENIED, "another broker uses this database; several brokers on one store are not supported yet");
}

static void quiet(void *self, const PGresult *notice)
{
    (void)self;
    (void)notice;
}

static result connect_db(struct postgres_store *s, struct why *why)
{
    const char *keys[] = {"connect_timeout", "application_name", "client_encoding", "keepalives_idle", "dbname", NULL};
    char seconds[8];
    snprintf(seconds, sizeof seconds, "%d", CONNECT_SECONDS);
    /* dbname last and expanded: what the settings say stands over what is said here */
    const char *values[] = {seconds, "innsyn-broker", "UTF8", "10", s->conninfo, NULL};
    s->db = PQconnectdbParams(keys, values, 1);
    if (PQstatus(s->db) != CONNECTION_OK) {
        char says[160];
        first_line(PQerrorMessage(s->db), says);
        return FAIL(why, UNAVAILABLE, "PostgreSQL: %s", says);
    }
    PQsetNoticeReceiver(s->db, quiet, NULL);
    char set[160];
    snprintf(set, sizeof set, "SET synchronous_commit = on; SET statement_timeout = %d; SET lock_timeout = %d",
             STORE_STATEMENT_MS, STORE_BUSY_MS);
    TRY(postgres_execute(s, set, why));
    return take_lock(s, why);
}

static void disconnect(struct postgres_store *s)
{
    PQfinish(s->db);
    s->db = NULL;
    memset(s->prepared, 0, sizeof s->prepared);
}

static result postgres_recover(void *self, struct why *why)
{
    struct postgres_store *s = self;
    if (s->db && PQstatus(s->db) == CONNECTION_OK && PQtransactionStatus(s->db) == PQTRANS_IDLE)
        return DONE;
    disconnect(s);
    return connect_db(s, why);
}

static void postgres_close(void *self)
{
    struct postgres_store *s = self;
    disconnect(s);
    free(s);
}

static const struct backend postgres_backend = {
    .kind = "postgres", .execute = postgres_execute, .run = postgres_run, .recover = postgres_recover,
    .close = postgres_close, .begin = "BEGIN", .bytea = true,
};

result postgres_open(const struct host *host, const char *conninfo, const struct backend **ret, void **ret_self, struct why *why)
{
    (void)host;
    struct postgres_store *s = calloc(1, sizeof *s);
    if (!s)
        return FAIL(why, LIMIT, "no memory for the store");
    result r = slice_copy_str(slice_str(conninfo), s->conninfo, sizeof s->conninfo)
                   ? connect_db(s, why) : FAIL(why, MALFORMED, "the connection text has at most %d bytes", CONNINFO_BYTES_MAX - 1);
    if (!is_ok(r)) {
        postgres_close(s);
        return r;
    }
    *ret = &postgres_backend;
    *ret_self = s;
    return DONE;
}
