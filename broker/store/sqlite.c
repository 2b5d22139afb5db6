/*
 * sqlite.c - the embedded store.  The only file that sees sqlite3.
 * WAL with synchronous=FULL: a commit that returned is on disk.  The write lock is held for the life
 * of the process by a lock on a file beside the database, so that a second broker is told so at once.
 */
#include <sqlite3.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/store/backend.h"

enum { PATH_BYTES_MAX = 400 };

struct prepared {
    sqlite3_stmt *statement;
    int index[STORE_PARAMETERS_MAX + 1]; /* SQLite's number of $n */
};

struct sqlite_store {
    sqlite3 *db;
    int lock_fd;
    bool down; /* the last recover failed: the handle is of no use */
    char path[PATH_BYTES_MAX];
    struct prepared prepared[STATEMENT_COUNT];
};

/* What the caller does next, from what SQLite says. */
static result refuse(struct sqlite_store *s, int code, const char *doing, struct why *why)
{
    int primary = code & 0xff;
    const char *says = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(code);
    if (primary == SQLITE_CONSTRAINT)
        return FAIL(why, DENIED, "%s: %s", doing, says);
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR ||
        primary == SQLITE_MISMATCH || primary == SQLITE_MISUSE || primary == SQLITE_RANGE)
        return FAIL(why, BROKEN, "%s: %s", doing, says);
    if (primary == SQLITE_TOOBIG || primary == SQLITE_NOMEM)
        return FAIL(why, LIMIT, "%s: %s", doing, says);
    return FAIL(why, UNAVAILABLE, "%s: %s (%.120s%s)", doing, says, s->path,
                primary == SQLITE_FULL || primary == SQLITE_IOERR ? "; is the disk full?" : "");
}

static result sqlite_execute(void *self, const char *sql, struct why *why)
{
    struct sqlite_store *s = self;
    if (s->down)
        return FAIL(why, UNAVAILABLE, "%s is not open", s->path);
    int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? DONE : refuse(s, code, "store", why);
}

static result prepare(struct sqlite_store *s, enum statement which, struct prepared **ret, struct why *why)
{
    struct prepared *p = &s->prepared[which];
    if (!p->statement) {
        int code = sqlite3_prepare_v3(s->db, statement_sql(which), -1, SQLITE_PREPARE_PERSISTENT, &p->statement, NULL);
        if (code != SQLITE_OK)
            return refuse(s, code, statement_name(which), why);
        for (unsigned n = 1; n <= statement_parameters(which); n++) {
            char name[8];
            snprintf(name, sizeof name, "$%u", n);
            p->index[n] = sqlite3_bind_parameter_index(p->statement, name);
        }
    }
    *ret = p;
    return DONE;
}

static int bind(sqlite3_stmt *statement, int index, const struct store_value *v)
{
    const void *at = v->bytes.at ? (const void *)v->bytes.at : "";
    switch (v->type) {
    case STORE_NULL: return sqlite3_bind_null(statement, index);
    case STORE_INTEGER: return sqlite3_bind_int64(statement, index, v->integer);
    case STORE_TEXT: return sqlite3_bind_text64(statement, index, at, v->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
    case STORE_BYTES: return sqlite3_bind_blob64(statement, index, at, v->bytes.len, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static result read_row(sqlite3_stmt *statement, struct rows *rows, struct why *why)
{
    struct cell *row = rows_add(rows, why);
    if (!row)
        return (result){LIMIT};
    for (unsigned i = 0; i < rows->columns; i++) {
        int column = (int)i;
        int type = sqlite3_column_type(statement, column);
        if (type == SQLITE_NULL)
            row[i] = (struct cell){.type = STORE_NULL};
        else if (type == SQLITE_INTEGER)
            row[i] = (struct cell){.type = STORE_INTEGER, .integer = sqlite3_column_int64(statement, column)};
        else if (type == SQLITE_TEXT || type == SQLITE_BLOB) {
            const void *at = type == SQLITE_TEXT ? (const void *)sqlite3_column_text(statement, column)
                                                 : sqlite3_column_blob(statement, column);
            size_t len = (size_t)sqlite3_column_bytes(statement, column);
            TRY(rows_put_bytes(rows, &row[i], type == SQLITE_TEXT ? STORE_TEXT : STORE_BYTES, slice_of(at, len), why));
        } else
            return FAIL(why, BROKEN, "a column holds neither integer, text nor bytes");
    }
    return DONE;
}

static result sqlite_run(void *self, enum statement which, const struct store_value *parameters, unsigned count,
                         struct rows *rows, struct why *why)
{
    struct sqlite_store *s = self;
    struct prepared *p;
    if (s->down)
        return FAIL(why, UNAVAILABLE, "%s is not open", s->path);
    TRY(prepare(s, which, &p, why));
    result r = DONE;
    for (unsigned n = 1; n <= count; n++) {
        int code = bind(p->statement, p->index[n], &parameters[n - 1]);
        if (code != SQLITE_OK) {
            r = refuse(s, code, statement_name(which), why);
            break;
        }
    }
    if (rows)
        rows->columns = (unsigned)sqlite3_column_count(p->statement);
    while (is_ok(r)) {
        int code = sqlite3_step(p->statement);
        if (code == SQLITE_DONE)
            break;
        if (code != SQLITE_ROW)
            r = refuse(s, code, statement_name(which), why);
        else if (rows)
            r = read_row(p->statement, rows, why);
    }
    sqlite3_reset(p->statement); /* repeats the step's error, which is known already */
    sqlite3_clear_bindings(p->statement);
    return r;
}

static void forget(struct sqlite_store *s)
{
    for (unsigned i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(s->prepared[i].statement);
        s->prepared[i].statement = NULL;
    }
    sqlite3_close(s->db);
    s->db = NULL;
}

static void sqlite_close(void *self)
{
    struct sqlite_store *s = self;
    forget(s);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s);
}

static result connect_db(struct sqlite_store *s, struct why *why)
{
    int code = sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return refuse(s, code, s->path, why);
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
    TRY(sqlite_execute(s, "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;"
                          "PRAGMA trusted_schema=OFF;PRAGMA cell_size_check=ON", why));
    return DONE;
}

static result check_integrity(struct sqlite_store *s, struct why *why)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (code != SQLITE_OK)
        return refuse(s, code, s->path, why);
    result r = DONE;
    code = sqlite3_step(statement);
    if (code != SQLITE_ROW)
        r = refuse(s, code, s->path, why);
    else if (strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0)
        r = FAIL(why, BROKEN, "%s is damaged: %s; restore a backup", s->path, (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return r;
}

/* SQLite keeps no connection that could be lost; a fresh handle also forgets a failed file state. */
static result sqlite_recover(void *self, struct why *why)
{
    struct sqlite_store *s = self;
    forget(s);
    s->down = false;
    result r = connect_db(s, why);
    s->down = !is_ok(r);
    return r;
}

static const struct backend sqlite_backend = {
    .kind = "sqlite", .execute = sqlite_execute, .run = sqlite_run, .recover = sqlite_recover,
    .close = sqlite_close, .begin = "BEGIN IMMEDIATE", .bytea = false,
};

static result take_lock(struct sqlite_store *s, struct why *why)
{
    char path[PATH_BYTES_MAX + 8];
    snprintf(path, sizeof path, "%s.lock", s->path);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return FAIL(why, UNAVAILABLE, "%s: %s", path, strerror(errno));
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return FAIL(why, DENIED, "%s: another broker uses this store; several brokers on one store are not supported yet", s->path);
    return DONE;
}

result sqlite_open(const struct host *host, const char *path, const struct backend **ret, void **ret_self, struct why *why)
{
    (void)host;
    struct sqlite_store *s = calloc(1, sizeof *s);
    if (!s)
        return FAIL(why, LIMIT, "no memory for the store");
    s->lock_fd = -1;
    result r = slice_copy_str(slice_str(path), s->path, sizeof s->path) && s->path[0]
                   ? DONE : FAIL(why, MALFORMED, "the store's path has 1 to %d bytes", PATH_BYTES_MAX - 1);
    mode_t mask = umask(0077); /* the database and its log are the broker's alone */
    if (is_ok(r))
        r = take_lock(s, why);
    if (is_ok(r))
        r = connect_db(s, why);
    umask(mask);
    if (is_ok(r))
        r = check_integrity(s, why);
    if (!is_ok(r)) {
        sqlite_close(s);
        return r;
    }
    *ret = &sqlite_backend;
    *ret_self = s;
    return DONE;
}
