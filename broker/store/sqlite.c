/*
 * sqlite.c - the embedded store.  The only file that sees sqlite3.
 * WAL with synchronous=FULL: a commit that returned is on disk.  The write lock is held for the life
 * of the process by a lock on a file beside the database, so that a second broker is told so at once.
 *
 * Reading every page takes seconds a gigabyte, so it stands before the first answer only where pages may have
 * been lost or changed while nobody watched.  The lock file's content says how the last run left the database:
 *
 *   it says                                 and it is               so at the start
 *   clean DEVICE INODE SIZE MTIME           so                      nobody wrote it since: pages are read later
 *   open BOOT                               this boot               the process died, the kernel did not, and what
 *                                                                   was written is there: pages are read later
 *   anything else, or nothing               (power lost, restored   every page is read before anything is built
 *                                           from a backup, edited)  on them
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

enum { PATH_BYTES_MAX = 400, LEFT_BYTES_MAX = 160, LOCK_TRIES = 30, LOCK_PAUSE_US = 100 * 1000 };

struct prepared {
    sqlite3_stmt *statement;
    int index[STORE_PARAMETERS_MAX + 1]; /* SQLite's number of $n */
};

struct sqlite_store {
    sqlite3 *db;
    int lock_fd;
    bool down; /* the last recover failed: the handle is of no use */
    bool opened; /* whole and in use: its end may be called clean */
    bool unchecked; /* opened without reading every page */
    char path[PATH_BYTES_MAX];
    struct prepared prepared[STATEMENT_COUNT];
};

/* Left as if nothing were known of it. */
static void sqlite_doubt(void *self)
{
    struct sqlite_store *s = self;
    s->opened = false;
    if (s->lock_fd >= 0 && ftruncate(s->lock_fd, 0) == 0)
        (void)fsync(s->lock_fd);
}

/* What the caller does next, from what SQLite says. */
static result refuse(struct sqlite_store *s, int code, const char *doing, struct why *why)
{
    int primary = code & 0xff;
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB)
        sqlite_doubt(s);
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

/* --- how a run left the database --- */

static bool mark_open(const struct host *host, char to[LEFT_BYTES_MAX])
{
    struct buffer boot CLEANUP(buffer_done) = {0};
    buffer_init(&boot, LEFT_BYTES_MAX / 2);
    if (!is_ok(host_read_file(host, "/proc/sys/kernel/random/boot_id", LEFT_BYTES_MAX / 2, &boot, NULL)))
        return false;
    snprintf(to, LEFT_BYTES_MAX, "open %.*s", SLICE_ARG(buffer_slice(&boot)));
    return true;
}

static bool mark_clean(const struct sqlite_store *s, char to[LEFT_BYTES_MAX])
{
    struct stat file;
    char wal[PATH_BYTES_MAX + 8];
    snprintf(wal, sizeof wal, "%s-wal", s->path);
    if (stat(s->path, &file) != 0 || access(wal, F_OK) == 0) /* what still stands in its log is not in the database */
        return false;
    snprintf(to, LEFT_BYTES_MAX, "clean %llu %llu %lld %lld.%09ld\n", (unsigned long long)file.st_dev, (unsigned long long)file.st_ino,
             (long long)file.st_size, (long long)file.st_mtim.tv_sec, file.st_mtim.tv_nsec);
    return true;
}

/* "" when it cannot be read. */
static void read_left(const struct sqlite_store *s, char to[LEFT_BYTES_MAX])
{
    ssize_t n = pread(s->lock_fd, to, LEFT_BYTES_MAX - 1, 0);
    to[n > 0 ? n : 0] = 0;
}

/* Not written whole, it reads as nothing: the next start then takes longer, and is as safe. */
static void write_left(const struct sqlite_store *s, const char *text)
{
    size_t len = strlen(text);
    if (ftruncate(s->lock_fd, 0) == 0 && pwrite(s->lock_fd, text, len, 0) == (ssize_t)len)
        (void)fsync(s->lock_fd);
}

static void sqlite_close(void *self)
{
    struct sqlite_store *s = self;
    char left[LEFT_BYTES_MAX];
    forget(s);
    if (s->lock_fd >= 0 && s->opened && mark_clean(s, left))
        write_left(s, left);
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
    /* temp_store: what a savepoint may have to undo is held in memory; a turn's requests bound it. */
    TRY(sqlite_execute(s, "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;"
                          "PRAGMA trusted_schema=OFF;PRAGMA cell_size_check=ON;PRAGMA temp_store=MEMORY", why));
    return DONE;
}

static result check_pages(struct sqlite_store *s, struct why *why)
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

static bool sqlite_is_unchecked(const void *self)
{
    const struct sqlite_store *s = self;
    return s->unchecked;
}

static const struct backend sqlite_backend = {
    .kind = "sqlite", .execute = sqlite_execute, .run = sqlite_run, .recover = sqlite_recover,
    .close = sqlite_close, .doubt = sqlite_doubt, .is_unchecked = sqlite_is_unchecked, .begin = "BEGIN IMMEDIATE",
    .begin_reads = "BEGIN", .bytea = false,
};

static result take_lock(struct sqlite_store *s, struct why *why)
{
    char path[PATH_BYTES_MAX + 8];
    snprintf(path, sizeof path, "%s.lock", s->path);
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return FAIL(why, UNAVAILABLE, "%s: %s", path, strerror(errno));
    /* One that is ending, or was just killed, still holds it for a moment. */
    int tries = LOCK_TRIES;
    while (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK && --tries > 0)
        (void)usleep(LOCK_PAUSE_US);
    if (tries == 0 || flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return FAIL(why, DENIED, "%s: another broker uses this store; several brokers on one store are not supported yet", s->path);
    return DONE;
}

/* Nobody can have written the database, or lost what was written, since the last run. */
static bool is_as_it_was_left(const struct sqlite_store *s, const struct host *host)
{
    char left[LEFT_BYTES_MAX], is[LEFT_BYTES_MAX];
    read_left(s, left);
    return (mark_clean(s, is) && strcmp(left, is) == 0) || (mark_open(host, is) && strcmp(left, is) == 0);
}

static result open_checked(struct sqlite_store *s, const struct host *host, struct why *why)
{
    char left[LEFT_BYTES_MAX];
    TRY(take_lock(s, why));
    s->unchecked = is_as_it_was_left(s, host); /* before it is connected, which may write */
    TRY(connect_db(s, why));
    if (!s->unchecked)
        TRY(check_pages(s, why));
    write_left(s, mark_open(host, left) ? left : "");
    s->opened = true;
    return DONE;
}

result sqlite_open(const struct host *host, const char *path, const struct backend **ret, void **ret_self, struct why *why)
{
    struct sqlite_store *s = calloc(1, sizeof *s);
    if (!s)
        return FAIL(why, LIMIT, "no memory for the store");
    s->lock_fd = -1;
    result r = slice_copy_str(slice_str(path), s->path, sizeof s->path) && s->path[0]
                   ? DONE : FAIL(why, MALFORMED, "the store's path has 1 to %d bytes", PATH_BYTES_MAX - 1);
    mode_t mask = umask(0077); /* the database and its log are the broker's alone */
    if (is_ok(r))
        r = open_checked(s, host, why);
    umask(mask);
    if (!is_ok(r)) {
        sqlite_close(s);
        return r;
    }
    *ret = &sqlite_backend;
    *ret_self = s;
    return DONE;
}

result sqlite_check(const char *path, struct why *why)
{
    struct sqlite_store s = {.lock_fd = -1};
    if (!slice_copy_str(slice_str(path), s.path, sizeof s.path))
        return FAIL(why, MALFORMED, "the store's path has 1 to %d bytes", PATH_BYTES_MAX - 1);
    int code = sqlite3_open_v2(s.path, &s.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    result r = code == SQLITE_OK ? DONE : refuse(&s, code, s.path, why);
    if (is_ok(r)) {
        sqlite3_busy_timeout(s.db, STORE_BUSY_MS);
        r = sqlite_execute(&s, "PRAGMA trusted_schema=OFF;PRAGMA cell_size_check=ON", why);
    }
    if (is_ok(r))
        r = check_pages(&s, why);
    sqlite3_close(s.db);
    return r;
}
