/*
 * Aim: the log is found again by account, organisation, dataset, variable, purpose, permit, site,
 * outcome and time, page by page, on both stores; and the index can be thrown away.
 * Method: the main job in one process (core_rig.h), then searches whose answers are known.
 */
#include "core_rig.h"
#include "private_postgres.h"

#define COUNT_Q "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"where\":{\"age\":{\"from\":40}},\"statistic\":{\"count\":{}}}"

static char pg_dir[SCRATCH_PATH];
static char pg_store[POSTGRES_STORE];

static int start_postgres(void **state)
{
    (void)state;
    scratch_make(pg_dir, "searchpg");
    private_postgres_start(pg_dir, pg_store, "searches run on SQLite only");
    return 0;
}

static int stop_postgres(void **state)
{
    (void)state;
    private_postgres_stop(pg_dir, pg_store);
    scratch_remove(pg_dir);
    return 0;
}

static const struct rig_answer *search(struct rig *g, const char *parameters)
{
    char path[512];
    snprintf(path, sizeof path, "/v1/log/search?limit=1000&%s", parameters);
    const struct rig_answer *a = rig_call(g, P_AUDITOR, HTTP_GET, path, NULL);
    EXPECT(a, 200, NULL);
    return a;
}

static size_t count(struct rig *g, const char *parameters)
{
    return json_size(json_get(search(g, parameters)->body, "items"));
}

/* Every entry found is of one of the types, and there are so many. */
static void expect(struct rig *g, const char *parameters, const char *types, size_t at_least)
{
    const struct rig_answer *a = search(g, parameters);
    const struct json *items = json_get(a->body, "items");
    if (json_size(items) < at_least)
        fail_msg("%s: %zu found, %zu wanted", parameters, json_size(items), at_least);
    for (size_t i = 0; types && i < json_size(items); i++) {
        char type[40];
        rig_text(json_get(json_item(items, i), "entry"), "type", type, sizeof type);
        if (!strstr(types, type))
            fail_msg("%s finds a '%s'", parameters, type);
    }
}

static void searches(const char *store)
{
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1], text[300], before[INSTANT_TEXT_SIZE], after[INSTANT_TEXT_SIZE];
    rig_open(&g, store);
    rig_network(&g);
    rig_permit(&g, "[\"count\"]", DAY_MS, permit);
    rig_moment(0, before);
    usleep(2000);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    rig_answer_task(&g, 0, "{\"cells\":[303],\"total\":303,\"n_missing\":0}");
    rig_answer_task(&g, 1, NULL);
    usleep(2000);
    rig_moment(0, after);
    char other[DOCUMENT_ID_LEN + 1];
    EXPECT(rig_query(&g, P_RESEARCHER2, RESEARCHER2, permit, COUNT_Q, other), 403, "no_permit");

    expect(&g, "account=researcher&dataset=heart", "query", 1);
    expect(&g, "dataset=heart", "query catalogue", 3);
    expect(&g, "variable=age", "query", 1);
    assert_int_equal(count(&g, "variable=sex"), 0);
    expect(&g, "purpose=53.1.e", "query query_refused application permit", 4);
    expect(&g, "site=beta&outcome=refused", "site_result refused", 1);
    expect(&g, "outcome=statistic_not_allowed", "site_result", 1);
    expect(&g, "account=researcher2&outcome=refused", "query_refused", 1);
    snprintf(text, sizeof text, "permit=%s", permit);
    expect(&g, text, "query dispatch release permit permit_draft permit_signature permit_status query_refused", 9);
    snprintf(text, sizeof text, "query=%s", id);
    expect(&g, text, "query dispatch site_result release", 6);
    snprintf(text, sizeof text, "query=%s&from=%s&to=%s", id, before, after);
    expect(&g, text, NULL, 6);
    snprintf(text, sizeof text, "query=%s&to=%s", id, before);
    assert_int_equal(count(&g, text), 0);
    snprintf(text, sizeof text, "query=%s&from=%s", id, after);
    assert_int_equal(count(&g, text), 0);
    assert_int_equal(count(&g, "organisation=Nowhere"), 0);
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/accounts",
                    "{\"account\":\"guest\",\"password\":\"" RIG_PASSWORD "\",\"roles\":[\"desk\"],\"organisation\":\"Helse \\u00d8st\"}"), 201, NULL);
    expect(&g, "organisation=Helse+%C3%98st", "account", 1);
    EXPECT(rig_call(&g, P_AUDITOR, HTTP_GET, "/v1/log/search?from=yesterday", NULL), 400, "malformed");
    EXPECT(rig_call(&g, P_AUDITOR, HTTP_GET, "/v1/log/search?account=%zz", NULL), 400, "malformed");
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/log/search?account=researcher", NULL), 403, "wrong_role");

    /* page by page, both ways, every entry once */
    for (int up = 0; up < 2; up++) {
        char cursor[64] = "", path[200];
        int64_t last = up ? -1 : INT64_MAX;
        size_t found = 0;
        for (int page = 0; page < 100; page++) {
            snprintf(path, sizeof path, "/v1/log/search?account=op&limit=3%s%s%s", up ? "&order=up" : "", cursor[0] ? "&cursor=" : "", cursor);
            const struct rig_answer *a = rig_call(&g, P_AUDITOR, HTTP_GET, path, NULL);
            EXPECT(a, 200, NULL);
            const struct json *items = json_get(a->body, "items");
            for (size_t i = 0; i < json_size(items); i++, found++) {
                int64_t index = json_integer(json_get(json_item(items, i), "index"));
                assert_true(up ? index > last : index < last);
                last = index;
            }
            if (!json_get(a->body, "next"))
                break;
            rig_text(a->body, "next", cursor, sizeof cursor);
        }
        assert_int_equal(found, count(&g, "account=op"));
    }

    /* the index is thrown away and comes back the same at the next start */
    size_t known = count(&g, "account=researcher");
    assert_ok(store_begin(core_store(g.core), NULL));
    assert_ok(store_run(core_store(g.core), LOG_TERMS_CLEAR, NULL, 0, NULL, NULL));
    assert_ok(STORE_RUN(core_store(g.core), LOG_INDEXED_SET, NULL, NULL, store_integer(0)));
    assert_ok(store_commit(core_store(g.core), NULL));
    assert_int_equal(count(&g, "account=researcher"), 0);
    assert_ok(store_begin(core_store(g.core), NULL)); /* the search above was an entry and moved the mark */
    assert_ok(STORE_RUN(core_store(g.core), LOG_INDEXED_SET, NULL, NULL, store_integer(0)));
    assert_ok(store_commit(core_store(g.core), NULL));
    core_free(g.core);
    rig_start_core(&g);
    assert_int_equal(count(&g, "account=researcher"), known);
    rig_close(&g);
}

static void searches_on_sqlite(void **state)
{
    (void)state;
    searches(NULL);
}

static void searches_on_postgres(void **state)
{
    (void)state;
    if (pg_store[0])
        searches(pg_store);
    else
        skip();
}

/* A watch is logged once, shows what comes, and does not wake itself. */
static void a_watch_follows(void **state)
{
    (void)state;
    struct rig g;
    char path[100];
    rig_open(&g, NULL);
    rig_network(&g);
    const struct rig_answer *a = rig_call(&g, P_AUDITOR, HTTP_GET, "/v1/log/watch?wait_ms=20000", NULL);
    EXPECT(a, 200, NULL);
    assert_int_equal(json_size(json_get(a->body, "items")), 1); /* its own beginning */
    int64_t next = json_integer(json_get(a->body, "next"));
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "/v1/log/watch?from=%lld&wait_ms=20000", (long long)next);
        struct http_request wait = rig_request(HTTP_GET, path, NULL);
        wait.token = slice_str(g.token[P_AUDITOR]);
        rig_forget(&g);
        uint64_t tag = rig_send(&g, &wait);
        rig_turn(&g);
        rig_turn(&g);
        assert_null(rig_find(&g, tag)); /* nothing new: it waits, and has written nothing */
        struct http_request login = rig_request(HTTP_POST, "/v1/login", "{\"account\":\"op\",\"password\":\"" RIG_PASSWORD "\"}");
        rig_send(&g, &login);
        rig_turn(&g);
        rig_turn(&g);
        const struct rig_answer *news = rig_find(&g, tag);
        assert_non_null(news);
        assert_int_equal(json_size(json_get(news->body, "items")), 1);
        assert_slice(json_text(json_get(json_get(json_item(json_get(news->body, "items"), 0), "entry"), "type")), "login");
        next = json_integer(json_get(news->body, "next"));
    }
    rig_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches_on_sqlite),
        cmocka_unit_test(searches_on_postgres),
        cmocka_unit_test(a_watch_follows),
    };
    return cmocka_run_group_tests_name("log_search", tests, start_postgres, stop_postgres);
}
