/*
 * Aim: the store keeps what it acknowledged and tells failures apart, the same on both backends.
 * Method: every test runs on SQLite in a fresh folder and on PostgreSQL through a private server
 * (tests/pg_private.sh); without the distribution's server package that half is skipped, in words.
 */
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/host.h"
#include "broker/store/schema.h"
#include "broker/store/store.h"
#include "tests/unit/check.h"
#include "tests/unit/private_postgres.h"

enum { SQLITE, POSTGRES, BACKENDS };
static char folder[SCRATCH_PATH];
static char where[BACKENDS][POSTGRES_STORE];
static bool have_postgres;

static int start(void **state)
{
    (void)state;
    scratch_make(folder, "store");
    snprintf(where[SQLITE], sizeof where[SQLITE], "sqlite:%s/store.db", folder);
    private_postgres_start(folder, where[POSTGRES], "its half of the suite is skipped");
    have_postgres = where[POSTGRES][0];
    return 0;
}

static int end(void **state)
{
    (void)state;
    private_postgres_stop(folder, where[POSTGRES]);
    scratch_remove(folder);
    return 0;
}

static struct store *opened(int backend)
{
    struct why why = {0};
    struct store *s = NULL;
    result r = store_open(host_real(), where[backend], &s, &why);
    if (!is_ok(r))
        print_error("%s\n", why.text);
    assert_ok(r);
    r = store_migrate(s, &why);
    if (!is_ok(r))
        print_error("%s\n", why.text);
    assert_ok(r);
    return s;
}

#define ON_BOTH(name)                                                                              \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        for (int backend = 0; backend < BACKENDS; backend++)                                       \
            if (backend == SQLITE || have_postgres)                                                \
                on_##name(backend);                                                                \
    }

static void append(struct store *s, int64_t index, const char *body, result *ret)
{
    struct why why = {0};
    *ret = STORE_RUN(s, LOG_APPEND, NULL, &why, store_integer(index), store_integer(INT64_C(1790000000123)),
                     store_str("login"), store_bytes(slice_str(body)), store_bytes(slice_of("\0\1\2", 3)));
}

static int64_t last(struct store *s)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    assert_ok(store_run(s, LOG_LAST, NULL, 0, &rows, NULL));
    return rows_next(rows) ? rows_integer(rows, 0) : -1;
}

static void on_values_come_back(int backend)
{
    struct store *s = opened(backend);
    struct rows *rows CLEANUP(rows_freep) = NULL;
    uint8_t all[256];
    for (unsigned i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    assert_ok(store_begin(s, NULL));
    assert_ok(STORE_RUN(s, ACCOUNT_ADD, &rows, NULL, store_str("kari"), store_str(""), store_integer(INT64_MAX),
                        store_str("Sjøbu — 日本"), store_bytes(slice_of(all, 256)), store_integer(INT64_MIN)));
    assert_int_equal(rows_count(rows), 1);
    rows_free(MOVE(rows));
    /* a second of the name is no error, and no row */
    assert_ok(STORE_RUN(s, ACCOUNT_ADD, &rows, NULL, store_str("kari"), store_str("x"), store_integer(0),
                        store_str(""), store_null(), store_integer(0)));
    assert_int_equal(rows_count(rows), 0);
    rows_free(MOVE(rows));
    assert_ok(STORE_RUN(s, ACCOUNT_ADD, NULL, NULL, store_str("ola"), store_str("x"), store_integer(-1),
                        store_str(""), store_null(), store_integer(0)));
    assert_ok(store_commit(s, NULL));
    store_close(s);

    s = opened(backend);
    assert_ok(STORE_RUN(s, ACCOUNT_LIST, &rows, NULL, store_str(""), store_integer(10)));
    assert_int_equal(rows_count(rows), 2);
    assert_true(rows_next(rows));
    assert_slice(rows_text(rows, 0), "kari");
    assert_true(rows_integer(rows, 1) == INT64_MAX);
    assert_slice(rows_text(rows, 2), "Sjøbu — 日本");
    assert_true(slice_equal(rows_bytes(rows, 3), slice_of(all, 256)));
    assert_true(rows_integer(rows, 4) == INT64_MIN);
    assert_true(rows_next(rows));
    assert_slice(rows_text(rows, 0), "ola");
    assert_slice(rows_text(rows, 2), "");
    assert_false(rows_is_null(rows, 2));
    assert_true(rows_is_null(rows, 3));
    assert_int_equal(rows_bytes(rows, 3).len, 0);
    assert_false(rows_next(rows));
    assert_false(rows_next(rows));
    store_close(s);
}
ON_BOTH(values_come_back)

/* Every statement can be prepared and run with parameters of the types it takes. */
static void on_every_statement_runs(int backend)
{
    struct store *s = opened(backend);
    for (enum statement which = 0; which < STATEMENT_COUNT; which++) {
        bool ran = false;
        unsigned count = statement_parameters(which);
        /* the types are not in the table: look for an assignment that the backend accepts */
        unsigned tries = 1;
        for (unsigned i = 0; i < count; i++)
            tries *= count > 10 ? 1 : 3;
        if (count > 10 || which == SCHEMA_SET)
            continue; /* the long inserts are used by the broker's own tests on both stores */
        for (unsigned attempt = 0; attempt < tries && !ran; attempt++) {
            struct store_value values[STORE_PARAMETERS_MAX];
            unsigned rest = attempt;
            for (unsigned i = 0; i < count; i++, rest /= 3)
                values[i] = rest % 3 == 0 ? store_integer(0) : rest % 3 == 1 ? store_str("") : store_bytes(slice_str(""));
            assert_ok(store_begin(s, NULL));
            struct rows *rows = NULL;
            struct why why = {0};
            result r = store_run(s, which, values, count, &rows, &why);
            ran = is_ok(r) || r.code == DENIED; /* a constraint was reached: the statement itself is good */
            rows_free(rows);
            store_rollback(s);
        }
        if (!ran)
            print_error("%s: %s does not run\n", store_kind(s), statement_name(which));
        assert_true(ran);
    }
    store_close(s);
}
ON_BOTH(every_statement_runs)

static void on_transactions_hold(int backend)
{
    struct store *s = opened(backend);
    result r;
    assert_status(store_savepoint(s, NULL), BROKEN); /* outside a transaction */
    int64_t from = last(s) + 1;
    assert_ok(store_begin(s, NULL));
    assert_status(store_begin(s, NULL), BROKEN);
    append(s, from, "{}", &r);
    assert_ok(r);
    assert_ok(store_savepoint(s, NULL));
    append(s, from + 1, "{}", &r);
    assert_ok(r);
    assert_ok(store_rollback_to(s, NULL));
    assert_int_equal(last(s), from);
    /* a refused row inside a savepoint leaves the transaction usable */
    assert_ok(store_savepoint(s, NULL));
    append(s, from, "{}", &r);
    assert_status(r, DENIED);
    assert_ok(store_rollback_to(s, NULL));
    assert_ok(store_savepoint(s, NULL));
    append(s, from + 1, "{}", &r);
    assert_ok(r);
    assert_ok(store_release(s, NULL));
    assert_ok(store_commit(s, NULL));
    assert_int_equal(last(s), from + 1);
    assert_ok(store_begin(s, NULL));
    append(s, from + 2, "{}", &r);
    assert_ok(r);
    store_rollback(s);
    store_rollback(s); /* nothing open: nothing happens */
    assert_int_equal(last(s), from + 1);
    /* a foreign key is held */
    assert_ok(store_begin(s, NULL));
    assert_status(STORE_RUN(s, OPINION_PUT, NULL, NULL, store_str("a-none"), store_str("s"), store_str("x"),
                            store_str("approve"), store_str(""), store_integer(0)), DENIED);
    store_rollback(s);
    store_close(s);
}
ON_BOTH(transactions_hold)

static void on_one_writer(int backend)
{
    struct store *s = opened(backend), *second = NULL;
    struct why why = {0};
    assert_status(store_open(host_real(), where[backend], &second, &why), DENIED);
    assert_non_null(strstr(why.text, "another broker uses this"));
    assert_null(second);
    store_close(s);
    store_close(opened(backend));
}
ON_BOTH(one_writer)

/* The commit's fate is told by the mark, and a lost store comes back. */
static void on_mark_and_recover(int backend)
{
    struct store *s = opened(backend);
    uint8_t a[STORE_MARK_LEN] = {1}, b[STORE_MARK_LEN] = {2};
    bool is = true;
    result r;
    int64_t from = last(s) + 1;
    assert_ok(store_begin(s, NULL));
    assert_ok(store_mark(s, a, NULL));
    assert_ok(store_commit(s, NULL));
    assert_ok(store_mark_is(s, a, &is, NULL));
    assert_true(is);
    /* lost before the commit: neither the row nor the mark */
    assert_ok(store_begin(s, NULL));
    append(s, from, "{}", &r);
    assert_ok(r);
    assert_ok(store_mark(s, b, NULL));
    store_fail_at(s, 1);
    assert_status(store_commit(s, NULL), UNAVAILABLE);
    assert_status(store_ping(s, NULL), UNAVAILABLE);
    store_fail_at(s, 0);
    assert_ok(store_recover(s, 1000, NULL));
    assert_ok(store_mark_is(s, b, &is, NULL));
    assert_false(is);
    assert_int_equal(last(s), from - 1);
    store_close(s);
}
ON_BOTH(mark_and_recover)

static void on_wrong_use_is_told(int backend)
{
    struct store *s = opened(backend);
    assert_status(store_run(s, LOG_ENTRY, NULL, 0, NULL, NULL), BROKEN); /* parameters missing */
    /* a store of a later version is left alone */
    assert_ok(STORE_RUN(s, SCHEMA_SET, NULL, NULL, store_integer(1000)));
    assert_status(store_migrate(s, NULL), BROKEN);
    assert_ok(STORE_RUN(s, SCHEMA_SET, NULL, NULL, store_integer(SCHEMA_VERSIONS)));
    assert_ok(store_migrate(s, NULL));
    store_close(s);
}
ON_BOTH(wrong_use_is_told)

static void postgres_server_dies(void **state)
{
    (void)state;
    if (!have_postgres) {
        print_message("skipped: no PostgreSQL server package\n");
        skip();
    }
    struct store *s = opened(POSTGRES);
    result r;
    int64_t from = last(s) + 1;
    assert_ok(store_begin(s, NULL));
    append(s, from, "{\"kept\":true}", &r);
    assert_ok(r);
    assert_ok(store_commit(s, NULL));
    assert_ok(store_begin(s, NULL));
    append(s, from + 1, "{}", &r);
    assert_ok(r);
    assert_int_equal(private_postgres("stop", folder, "immediate"), 0);
    assert_status(store_commit(s, NULL), UNAVAILABLE);
    assert_status(store_recover(s, 0, NULL), UNAVAILABLE);
    assert_status(store_begin(s, NULL), UNAVAILABLE);
    assert_int_equal(private_postgres("start", folder, "fast"), 0);
    assert_ok(store_recover(s, 20000, NULL));
    assert_int_equal(last(s), from); /* acknowledged: kept; not acknowledged: gone */
    assert_ok(store_begin(s, NULL));
    append(s, from + 1, "{}", &r);
    assert_ok(r);
    assert_ok(store_commit(s, NULL));
    store_close(s);
}

static void sqlite_damage_is_told(void **state)
{
    (void)state;
    char path[128], text[160];
    snprintf(path, sizeof path, "%s/broken.db", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 8192; i++)
        fputc('x', f);
    fclose(f);
    snprintf(text, sizeof text, "sqlite:%s", path);
    struct store *s = NULL;
    assert_status(store_open(host_real(), text, &s, NULL), BROKEN);
    assert_status(store_open(host_real(), "sqlite:/no/such/folder/x.db", &s, NULL), UNAVAILABLE);
    assert_status(store_open(host_real(), "oracle:x", &s, NULL), MALFORMED);
    assert_null(s);
}

/* --- how much is read at the start --- */

static char quick_path[128], quick_store[160];

/* A store of some pages, closed in good order. */
static void make_quick(void)
{
    struct store *s = NULL;
    result r;
    static char body[3000];
    memset(body, 'b', sizeof body - 1);
    snprintf(quick_path, sizeof quick_path, "%s/quick.db", folder);
    snprintf(quick_store, sizeof quick_store, "sqlite:%s", quick_path);
    (void)remove(quick_path);
    assert_ok(store_open(host_real(), quick_store, &s, NULL));
    assert_ok(store_migrate(s, NULL));
    assert_ok(store_begin(s, NULL));
    for (int i = 0; i < 100; i++) {
        append(s, i, body, &r);
        assert_ok(r);
    }
    assert_ok(store_commit(s, NULL));
    store_close(s);
}

static void expect_quick(bool unchecked)
{
    struct store *s = NULL;
    assert_ok(store_open(host_real(), quick_store, &s, NULL));
    assert_int_equal(store_is_unchecked(s), unchecked);
    assert_ok(store_check(quick_store, NULL));
    store_close(s);
}

/* Overwrites a page of entries: they were written last. */
static void damage(void)
{
    FILE *f = fopen(quick_path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long late = ftell(f) / 8 * 7 / 4096 * 4096;
    assert_int_equal(fseek(f, late, SEEK_SET), 0);
    for (int i = 0; i < 4096; i++)
        fputc(0x5a, f);
    fclose(f);
}

static void write_lock_file(const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s.lock", quick_path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* A process that is killed with the store open. */
static void die_with_it(void)
{
    struct store *s = NULL;
    result r;
    pid_t pid = fork();
    if (pid == 0) {
        if (!is_ok(store_open(host_real(), quick_store, &s, NULL)) || !is_ok(store_begin(s, NULL)))
            _exit(1);
        append(s, last(s) + 1, "{}", &r);
        _exit(is_ok(r) && is_ok(store_commit(s, NULL)) ? 0 : 2);
    }
    int status = -1;
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Pages that nobody can have lost or changed are not read before the store is used; all others are. */
static void sqlite_pages_are_read_when_they_must_be(void **state)
{
    (void)state;
    struct store *s = NULL;
    struct why why = {0};
    char other[160];
    make_quick();
    expect_quick(true);
    die_with_it();
    expect_quick(true);
    write_lock_file("open 00000000-0000-0000-0000-000000000000\n"); /* power was lost */
    expect_quick(false);
    expect_quick(true);
    write_lock_file("");
    expect_quick(false);
    snprintf(other, sizeof other, "%s.copy", quick_path); /* a backup was restored */
    scratch_copy(quick_path, other);
    assert_int_equal(rename(other, quick_path), 0);
    expect_quick(false);
    /* damaged while it was closed: told before it is used */
    damage();
    assert_status(store_open(host_real(), quick_store, &s, &why), BROKEN);
    assert_non_null(strstr(why.text, "is damaged: "));
    assert_status(store_open(host_real(), quick_store, &s, NULL), BROKEN); /* and again, every time */
    /* damaged after its process was killed: found beside the work, and from then on before it */
    make_quick();
    die_with_it();
    damage();
    assert_ok(store_open(host_real(), quick_store, &s, NULL));
    assert_true(store_is_unchecked(s));
    assert_status(store_check(quick_store, &why), BROKEN);
    store_doubt(s);
    store_close(s);
    s = NULL;
    assert_status(store_open(host_real(), quick_store, &s, NULL), BROKEN);
    /* met in use */
    make_quick();
    die_with_it();
    damage();
    assert_ok(store_open(host_real(), quick_store, &s, NULL));
    struct rows *rows = NULL;
    assert_status(STORE_RUN(s, LOG_RANGE, &rows, NULL, store_integer(0), store_integer(1000)), BROKEN);
    store_close(s);
    s = NULL;
    assert_status(store_open(host_real(), quick_store, &s, NULL), BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(every_statement_runs),
        cmocka_unit_test(transactions_hold),
        cmocka_unit_test(one_writer),
        cmocka_unit_test(mark_and_recover),
        cmocka_unit_test(wrong_use_is_told),
        cmocka_unit_test(postgres_server_dies),
        cmocka_unit_test(sqlite_damage_is_told),
        cmocka_unit_test(sqlite_pages_are_read_when_they_must_be),
    };
    return cmocka_run_group_tests_name("store", tests, start, end);
}
