/*
 * Aim: the log is found again by account, organisation, dataset, variable, purpose, permit, site,
 * outcome and time, page by page, on both stores; and the index can be thrown away.
 * Method: the main job in one process (core_rig.h), then searches whose answers are known.
 */
#include "core_rig.h"
#include "postgres_group.h"

#define COUNT_Q "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"where\":{\"age\":{\"from\":40}},\"statistic\":{\"count\":{}}}"

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

/* The entries that a request left, as this person finds them; 0: none. */
static size_t of_request(struct rig *g, int person, const char *request, const char *type)
{
    char path[200];
    snprintf(path, sizeof path, "/v1/log/search?limit=1000&request=%s%s%s", request, type ? "&type=" : "", type ? type : "");
    const struct rig_answer *a = rig_call(g, person, HTTP_GET, path, NULL);
    EXPECT(a, 200, NULL);
    for (size_t i = 0; i < json_size(json_get(a->body, "items")); i++) {
        char named[DOCUMENT_ID_LEN + 1];
        const struct json *entry = json_get(json_item(json_get(a->body, "items"), i), "entry");
        assert_string_equal(rig_text(entry, "request", named, sizeof named), request);
    }
    return json_size(json_get(a->body, "items"));
}

/* Who was answered or refused finds the entries by the request's id; who was not concerned does not. */
static void requests_are_found(struct rig *g, const char *permit)
{
    char id[DOCUMENT_ID_LEN + 1], asked[DOCUMENT_ID_LEN + 1], refused[DOCUMENT_ID_LEN + 1], reads[DOCUMENT_ID_LEN + 1], text[100];
    EXPECT(rig_query(g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    rig_request_id(g, asked);
    assert_int_equal(of_request(g, P_RESEARCHER, asked, NULL), 1); /* the tasks' entries are byte for byte R-44: the query's names them */
    assert_int_equal(of_request(g, P_AUDITOR, asked, "query"), 1);
    assert_int_equal(of_request(g, P_RESEARCHER2, asked, NULL), 0);
    snprintf(text, sizeof text, "query=%s&type=dispatch", id);
    const struct rig_answer *a = search(g, text);
    assert_int_equal(json_size(json_get(a->body, "items")), 2);
    assert_true(json_get(json_get(json_item(json_get(a->body, "items"), 0), "entry"), "request") == NULL);
    EXPECT(rig_call(g, P_OFFICER1, HTTP_POST, "/v1/queries", "{}"), 403, "wrong_role");
    rig_request_id(g, refused);
    assert_int_equal(of_request(g, P_OFFICER1, refused, "refused"), 1); /* every role finds what concerns it */
    assert_int_equal(of_request(g, P_OFFICER2, refused, NULL), 0);
    EXPECT(rig_call(g, P_RESEARCHER, HTTP_GET, "/v1/permits", NULL), 200, NULL);
    rig_request_id(g, reads);
    assert_int_equal(of_request(g, P_AUDITOR, reads, NULL), 0);
    a = search(g, "type=startup"); /* nobody asked for it */
    assert_true(json_get(json_get(json_item(json_get(a->body, "items"), 0), "entry"), "request") == NULL);
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
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_GET, "/v1/log/search?organisation=Nowhere", NULL), 400, "malformed"); /* as everybody but auditors */
    requests_are_found(&g, permit);

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

/* --- entries for those whom they concern --- */

enum { FOUND_MAX = 400 };
struct seen {
    int64_t index[FOUND_MAX];
    char text[FOUND_MAX][900];
    size_t count;
};

/* Everything that a person finds, page by page. */
static void see(struct rig *g, int person, const char *parameters, const char *order, unsigned limit, struct seen *ret)
{
    char cursor[64] = "", path[300];
    ret->count = 0;
    for (int page = 0; page < 200; page++) {
        snprintf(path, sizeof path, "/v1/log/search?limit=%u&order=%s%s%s%s", limit, order, parameters, cursor[0] ? "&cursor=" : "", cursor);
        const struct rig_answer *a = rig_call(g, person, HTTP_GET, path, NULL);
        EXPECT(a, 200, NULL);
        const struct json *items = json_get(a->body, "items");
        for (size_t i = 0; i < json_size(items); i++) {
            struct buffer text CLEANUP(buffer_done) = {0};
            buffer_init(&text, RIG_TEXT);
            assert_true(ret->count < FOUND_MAX);
            assert_ok(json_print(json_get(json_item(items, i), "entry"), &text, NULL));
            ret->index[ret->count] = json_integer(json_get(json_item(items, i), "index"));
            assert_true(slice_copy_str(buffer_slice(&text), ret->text[ret->count], sizeof ret->text[0]));
            ret->count++;
        }
        if (!json_get(a->body, "next"))
            return;
        rig_text(a->body, "next", cursor, sizeof cursor);
    }
    fail_msg("the pages do not end");
}

static size_t with(const struct seen *s, const char *what)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        n += strstr(s->text[i], what) != NULL;
    return n;
}

static void expect_entries(struct rig *g, int person, int64_t from, int64_t to, unsigned status, const char *code)
{
    char path[100];
    snprintf(path, sizeof path, "/v1/log/entries?from=%lld&to=%lld", (long long)from, (long long)to);
    const struct rig_answer *a = rig_call(g, person, HTTP_GET, path, NULL);
    EXPECT(a, status, code);
    if (status == 200)
        assert_int_equal(json_size(json_get(a->body, "entries")), to - from);
}

static void own_entries(const char *store)
{
    static struct rig g;
    static struct seen all, mine, others, holder, again;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1], refused[DOCUMENT_ID_LEN + 1];
    rig_open(&g, store);
    rig_network(&g);
    rig_permit(&g, "[\"count\"]", DAY_MS, permit);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    rig_answer_task(&g, 0, "{\"cells\":[303],\"total\":303,\"n_missing\":0}");
    rig_answer_task(&g, 1, NULL);
    rig_query(&g, P_RESEARCHER2, RESEARCHER2, permit, COUNT_Q, refused); /* is no person of the permit */
    see(&g, P_AUDITOR, "", "up", 1000, &all);

    /* the researcher: its account, application, permit, and what its question led to */
    see(&g, P_RESEARCHER, "", "down", 1000, &mine);
    static const struct { const char *what; size_t many; } wanted[] = {
        {"\"type\":\"query\"", 1}, {"\"type\":\"dispatch\"", 2}, {"\"type\":\"site_result\"", 2}, {"\"type\":\"release\"", 1},
        {"\"type\":\"permit\"", 1}, {"\"type\":\"permit_draft\"", 1}, {"\"type\":\"permit_signature\"", 4}, {"\"type\":\"opinion\"", 2},
        {"\"type\":\"account\"", 1}, {"\"type\":\"login\"", 1}, {"\"type\":\"trust\"", 0}, {"\"type\":\"startup\"", 0},
        {"\"account\":\"researcher2\"", 0}, {"\"account\":\"auditor\"", 0}, {"\"type\":\"enrol\"", 0},
    };
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        if (with(&mine, wanted[i].what) != wanted[i].many)
            fail_msg("a researcher finds %zu of %s, not %zu", with(&mine, wanted[i].what), wanted[i].what, wanted[i].many);
    /* the second researcher: nothing of the first's */
    see(&g, P_RESEARCHER2, "", "down", 1000, &others);
    assert_int_equal(with(&others, "\"account\":\"researcher\""), 0);
    assert_int_equal(with(&others, id), 0);
    for (size_t i = 0; i < others.count; i++)
        if (!strstr(others.text[i], "\"account\":\"researcher2\""))
            fail_msg("the second researcher finds %s", others.text[i]);
    assert_int_equal(with(&others, "\"type\":\"query_refused\""), 1);
    /* ... whatever it searches for */
    static const char *const tries[] = {"&account=researcher", "&type=query", "&dataset=heart", "&outcome=done", "&site=alpha", "&purpose=53.1.e"};
    for (size_t i = 0; i < COUNT_OF(tries); i++) {
        see(&g, P_RESEARCHER2, tries[i], "up", 1000, &again);
        for (size_t k = 0; k < again.count; k++)
            if (!strstr(again.text[k], "\"account\":\"researcher2\""))
                fail_msg("the second researcher finds by %s: %s", tries[i], again.text[k]);
    }
    /* a holder: its site, not the other's answers; the refused question on its data */
    see(&g, P_HOLDER1, "", "down", 1000, &holder);
    assert_int_equal(with(&holder, "\"type\":\"query\""), 1);
    assert_int_equal(with(&holder, "\"type\":\"query_refused\""), 1);
    assert_int_equal(with(&holder, "\"type\":\"dispatch\""), 1);
    assert_int_equal(with(&holder, "\"type\":\"site_result\""), 1);
    assert_int_equal(with(&holder, "\"site\":\"beta\""), with(&holder, "\"type\":\"opinion\"") / 2); /* what its holder said of the application */
    assert_int_equal(with(&holder, "\"type\":\"permit_signature\""), 4);
    assert_true(with(&holder, "\"type\":\"catalogue\"") == 1 && with(&holder, "\"type\":\"enrol\"") == 1);
    EXPECT(rig_call(&g, P_HOLDER1, HTTP_GET, "/v1/log/search?organisation=x", NULL), 400, "malformed");

    /* pages of two, both ways: the same entries, once each, in order */
    char until[60], last[INSTANT_TEXT_SIZE];
    usleep(2000);
    rig_moment(0, last);
    usleep(2000);
    snprintf(until, sizeof until, "&to=%s", last);
    for (int up = 0; up < 2; up++) {
        see(&g, P_RESEARCHER, until, up ? "up" : "down", 1000, &mine);
        see(&g, P_RESEARCHER, until, up ? "up" : "down", 2, &again);
        assert_int_equal(again.count, mine.count);
        for (size_t i = 0; i < mine.count; i++)
            assert_true(again.index[i] == mine.index[i] && (i == 0 || (up ? mine.index[i] > mine.index[i - 1] : mine.index[i] < mine.index[i - 1])));
    }

    /* entries by number: those that concern one, as the bytes that are in the tree */
    size_t own = 0, hidden = 0;
    for (size_t i = 0; i < all.count; i++) {
        bool concerned = false;
        for (size_t k = 0; k < mine.count; k++)
            concerned = concerned || mine.index[k] == all.index[i];
        expect_entries(&g, P_RESEARCHER, all.index[i], all.index[i] + 1, concerned ? 200 : 404, concerned ? NULL : "no_such_thing");
        own += concerned;
        hidden += !concerned;
    }
    assert_true(own > 10 && hidden > 10);
    expect_entries(&g, P_RESEARCHER, 0, 101, 400, "malformed");
    expect_entries(&g, P_AUDITOR, 0, 101, 200, NULL);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/log/watch", NULL), 403, "wrong_role");
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/log/tile/entries/000.p/5", NULL), 403, "wrong_role");

    /* every reading is an entry; and an index made again finds the same */
    see(&g, P_AUDITOR, "&type=log_search&account=researcher", "up", 1000, &again);
    assert_true(again.count > 3);
    see(&g, P_AUDITOR, "&type=log_read&account=researcher", "up", 1000, &again);
    assert_int_equal(again.count, own);
    see(&g, P_RESEARCHER2, "&to=2999-01-01T00:00:00Z&type=query_refused", "up", 1000, &others);
    see(&g, P_HOLDER1, "&type=query_refused", "up", 1000, &holder);
    see(&g, P_RESEARCHER, "&type=site_result", "up", 1000, &mine);
    assert_ok(store_begin(core_store(g.core), NULL));
    assert_ok(store_run(core_store(g.core), LOG_TERMS_CLEAR, NULL, 0, NULL, NULL));
    assert_ok(STORE_RUN(core_store(g.core), LOG_INDEXED_SET, NULL, NULL, store_integer(0)));
    assert_ok(store_commit(core_store(g.core), NULL));
    rig_forget(&g);
    core_free(g.core);
    rig_start_core(&g);
    see(&g, P_HOLDER1, "&type=query_refused", "up", 1000, &again);
    assert_int_equal(again.count, holder.count);
    see(&g, P_RESEARCHER, "&type=site_result", "up", 1000, &again);
    assert_int_equal(again.count, mine.count);
    rig_close(&g);
}

static void own_entries_on_sqlite(void **state)
{
    (void)state;
    own_entries(NULL);
}

static void own_entries_on_postgres(void **state)
{
    (void)state;
    char dir[SCRATCH_PATH], where[POSTGRES_STORE] = "";
    if (!pg_store[0])
        skip();
    scratch_make(dir, "ownpg"); /* a server of its own: the other has its network already */
    private_postgres_start(dir, where, "own entries are searched for on SQLite only");
    own_entries(where);
    private_postgres_stop(dir, where);
    scratch_remove(dir);
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
        cmocka_unit_test(own_entries_on_sqlite),
        cmocka_unit_test(own_entries_on_postgres),
        cmocka_unit_test(a_watch_follows),
    };
    return cmocka_run_group_tests_name("log_search", tests, start_postgres, stop_postgres);
}
