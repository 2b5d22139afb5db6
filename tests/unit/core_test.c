/*
 * Aim: the main job through the core, from an empty store to a receipt that can be checked, on both
 * stores; and what must not happen on the way.
 * Method: a whole broker but for its sockets (core_rig.h), with the real signer and real keys; the
 * checks an agent makes are made here on everything that is handed out.
 */
#include "core_rig.h"
#include "postgres_group.h"

#define COUNT_Q "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"statistic\":{\"count\":{}}}"
#define TABLE_Q "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"by_site\":true,\"statistic\":{\"table\":{\"by\":[\"sex\",{\"variable\":\"age\",\"breaks\":[40,50,60]}]}}}"

/* The receipt proves that the release is in the log, and the release names the document. */
static void check_receipt(struct rig *g, const struct json *document)
{
    const struct json *receipt = json_get(document, "receipt"), *entry = json_get(receipt, "entry");
    struct checkpoint c;
    struct buffer bytes CLEANUP(buffer_done) = {0};
    struct merkle_proof proof = {.count = 0};
    buffer_init(&bytes, RIG_TEXT);
    assert_ok(checkpoint_open(json_text(json_get(receipt, "checkpoint")), &g->log_key, &c, NULL));
    assert_ok(base64_parse(json_text(json_get(entry, "bytes")), &bytes, NULL));
    const struct json *hashes = json_get(receipt, "proof");
    for (size_t i = 0; i < json_size(hashes); i++)
        assert_true(base64_parse_exact(json_text(json_item(hashes, i)), proof.hashes[proof.count++].at, HASH_LEN));
    struct hash leaf = merkle_leaf(buffer_slice(&bytes));
    assert_ok(merkle_check_inclusion(&leaf, (uint64_t)json_integer(json_get(entry, "index")), c.size, &proof, &c.root, NULL));
    struct json *tree CLEANUP(json_freep) = NULL;
    assert_ok(json_parse(buffer_slice(&bytes), RIG_TEXT, &tree, NULL));
    assert_slice(json_text(json_get(tree, "type")), "release");
    assert_true(slice_equal(json_text(json_get(tree, "at")), json_text(json_get(receipt, "at"))));
    assert_int_equal(json_size(json_get(tree, "sites")), json_size(json_get(receipt, "sites")));
}

static void main_job(struct rig *g)
{
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1];
    rig_network(g);
    rig_permit(g, "[\"count\",\"table\"]", DAY_MS, permit);

    EXPECT(rig_query(g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    rig_answer_task(g, 0, "{\"cells\":[303],\"total\":303,\"n_missing\":0}");
    assert_slice(json_text(json_get(rig_get_query(g, P_RESEARCHER, id)->body, "state")), "running");
    rig_answer_task(g, 1, "{\"cells\":[617],\"total\":617,\"n_missing\":0}");
    const struct rig_answer *a = rig_get_query(g, P_RESEARCHER, id);
    EXPECT(a, 200, NULL);
    assert_slice(json_text(json_get(a->body, "state")), "done");
    const struct json *document = json_get(a->body, "result");
    assert_int_equal(json_integer(json_get(json_get(document, "result"), "count")), 920);
    check_receipt(g, document);
    /* officers and auditors see that it ran, not what came of it */
    assert_null(json_get(rig_get_query(g, P_AUDITOR, id)->body, "result"));
    EXPECT(rig_get_query(g, P_RESEARCHER2, id), 404, "no_such_thing");

    /* a table, with a cell that one site withholds; by site too */
    EXPECT(rig_query(g, P_RESEARCHER, RESEARCHER, permit, TABLE_Q, id), 201, NULL);
    rig_answer_task(g, 0, "{\"cells\":[1,2,3,4],\"margins\":[[3,7],[4,6]],\"total\":10,\"n_missing\":1}");
    rig_answer_task(g, 1, "{\"cells\":[10,null,30,40],\"margins\":[[null,70],[40,60]],\"total\":100,\"n_missing\":0}");
    a = rig_get_query(g, P_RESEARCHER, id);
    document = json_get(a->body, "result");
    const struct json *result_part = json_get(document, "result"), *cells = json_get(result_part, "cells");
    assert_int_equal(json_integer(json_item(cells, 0)), 11);
    assert_int_equal(json_integer(json_item(cells, 1)), 2);
    assert_int_equal(json_integer(json_item(json_get(json_get(result_part, "margins"), "sex"), 0)), 3);
    assert_int_equal(json_integer(json_get(result_part, "total")), 110);
    const struct json *withheld = json_get(json_get(document, "protection"), "withheld");
    assert_int_equal(json_size(withheld), 2);
    assert_slice(json_text(json_item(json_get(json_item(withheld, 0), "sites"), 0)), "beta");
    assert_int_equal(json_size(json_get(document, "by_site")), 2);
    assert_slice(json_text(json_get(json_get(document, "protection"), "profile")), "open");
    check_receipt(g, document);
}

static void main_job_on_sqlite(void **state)
{
    (void)state;
    struct rig g;
    rig_open(&g, NULL);
    main_job(&g);
    rig_close(&g);
}

static void main_job_on_postgres(void **state)
{
    (void)state;
    if (!pg_store[0])
        skip();
    struct rig g;
    rig_open(&g, pg_store);
    main_job(&g);
    rig_close(&g);
}

static void permits_need_every_signature(void **state)
{
    (void)state;
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1], path[128];
    rig_open(&g, NULL);
    rig_network(&g);
    rig_draft(&g, "[\"count\"]", DAY_MS, permit);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 403, "no_permit"); /* a draft is none */
    snprintf(path, sizeof path, "/v1/permits/%s", permit);
    rig_sign_permit(&g, P_OFFICER1, OFFICER1, permit, 200, NULL);
    rig_sign_permit(&g, P_OFFICER1, OFFICER1, permit, 200, NULL);             /* twice is once */
    rig_sign_permit(&g, P_OFFICER1, OFFICER2, permit, 403, "unknown_key");    /* another's key */
    rig_sign_permit(&g, P_OFFICER2, RESEARCHER, permit, 403, "unknown_key");
    rig_sign_permit(&g, P_HOLDER1, HOLDER1, permit, 200, NULL);
    rig_sign_permit(&g, P_HOLDER2, HOLDER2, permit, 200, NULL);
    const struct rig_answer *a = rig_call(&g, P_RESEARCHER, HTTP_GET, path, NULL);
    assert_slice(json_text(json_get(a->body, "state")), "draft");
    assert_int_equal(json_size(json_get(a->body, "needs")), 1);
    assert_slice(json_text(json_item(json_get(a->body, "needs"), 0)), "officer");
    EXPECT(rig_call(&g, P_RESEARCHER2, HTTP_GET, path, NULL), 404, "no_such_thing");
    rig_sign_permit(&g, P_OFFICER2, OFFICER2, permit, 200, NULL);
    a = rig_call(&g, P_RESEARCHER, HTTP_GET, path, NULL);
    assert_slice(json_text(json_get(a->body, "state")), "live");
    rig_close(&g);
}

static void queries_are_refused_with_a_reason(void **state)
{
    (void)state;
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1];
    rig_open(&g, NULL);
    rig_network(&g);
    rig_permit(&g, "[\"count\"]", DAY_MS, permit);
    EXPECT(rig_query(&g, P_RESEARCHER2, RESEARCHER2, permit, COUNT_Q, id), 403, "no_permit");
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, "p-00000000000000000000000000", COUNT_Q, id), 403, "no_permit");
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER2, permit, COUNT_Q, id), 403, "signature_invalid");
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, TABLE_Q, id), 403, "outside_scope");
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, "{\"innsyn\":\"question/1\",\"dataset\":\"lung\",\"statistic\":{\"count\":{}}}", id), 404, "unknown_dataset");
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"where\":{\"sx\":[\"1\"]},\"statistic\":{\"count\":{}}}", id), 400, "unknown_variable");
    EXPECT(rig_query(&g, P_OFFICER1, RESEARCHER, permit, COUNT_Q, id), 403, "wrong_role");
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/queries", "{\"query\":{},\"query\":{}}"), 400, NULL);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/queries", "{\"more\":1}"), 400, NULL);
    /* nothing was sent out for any of them */
    for (int site = 0; site < RIG_SITES; site++)
        assert_int_equal(json_size(json_get(rig_poll(&g, site, "")->body, "tasks")), 0);
    /* the same bytes twice run once; the id with other bytes is a replay */
    struct buffer text CLEANUP(buffer_done) = {0}, other CLEANUP(buffer_done) = {0};
    buffer_init(&text, RIG_TEXT);
    buffer_init(&other, RIG_TEXT);
    rig_query_text(&g, RESEARCHER, permit, COUNT_Q, "q-00000000000000000000000000", &text);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/queries", buffer_str(&text)), 201, NULL);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/queries", buffer_str(&text)), 200, NULL);
    usleep(2000);
    rig_query_text(&g, RESEARCHER, permit, COUNT_Q, "q-00000000000000000000000000", &other);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/queries", buffer_str(&other)), 409, "replayed");
    assert_int_equal(json_size(json_get(rig_poll(&g, 0, "")->body, "tasks")), 1);
    rig_close(&g);
}

static void access_is_checked_at_each_call(void **state)
{
    (void)state;
    struct rig g;
    rig_open(&g, NULL);
    rig_network(&g);
    EXPECT(rig_call(&g, -1, HTTP_GET, "/v1/catalogue", NULL), 401, "not_signed_in");
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/accounts", NULL), 403, "wrong_role");
    EXPECT(rig_call(&g, P_AUDITOR, HTTP_POST, "/v1/applications", "{}"), 403, "wrong_role");
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_PUT, "/v1/catalogue", "{}"), 405, "method_not_allowed");
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/poll", "{}"), 404, "no_such_thing"); /* the agents' listener only */
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/accounts", "{\"account\":\"x\",\"password\":\"long enough it is\",\"roles\":[\"researcher\",\"officer\"]}"), 403, "duties_not_apart");
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/accounts", "{\"account\":\"researcher\",\"password\":\"long enough it is\",\"roles\":[\"researcher\"]}"), 409, "conflict");
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/accounts", "{\"account\":\"y\",\"password\":\"short\",\"roles\":[\"researcher\"]}"), 400, "malformed");
    /* a scoped token gives what it says and no more */
    const struct rig_answer *a = rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/tokens", "{\"name\":\"r\",\"scopes\":[\"read\"],\"days\":1}");
    EXPECT(a, 201, NULL);
    char session[HTTP_TOKEN_MAX + 1], id[DOCUMENT_ID_LEN + 1], path[128];
    memcpy(session, g.token[P_RESEARCHER], sizeof session);
    rig_text(a->body, "id", id, sizeof id);
    rig_text(a->body, "token", g.token[P_RESEARCHER], sizeof g.token[0]);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/catalogue", NULL), 200, NULL);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/queries", "{}"), 403, "wrong_role");
    char token[HTTP_TOKEN_MAX + 1];
    memcpy(token, g.token[P_RESEARCHER], sizeof token);
    memcpy(g.token[P_RESEARCHER], session, sizeof session);
    snprintf(path, sizeof path, "/v1/tokens/%s", id);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_DELETE, path, NULL), 200, NULL);
    memcpy(g.token[P_RESEARCHER], token, sizeof token);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/me", NULL), 401, "not_signed_in");
    memcpy(g.token[P_RESEARCHER], session, sizeof session);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/logout", NULL), 200, NULL);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/me", NULL), 401, "not_signed_in");
    /* unknown account and wrong password read the same; after five tries there is a wait for both */
    const char *const wrong[] = {"{\"account\":\"officer1\",\"password\":\"nonsense and more\"}", "{\"account\":\"nobody\",\"password\":\"nonsense and more\"}"};
    for (int who = 0; who < 2; who++) {
        for (int i = 0; i < 5; i++)
            EXPECT(rig_call(&g, -1, HTTP_POST, "/v1/login", wrong[who]), 401, "not_signed_in");
        EXPECT(rig_call(&g, -1, HTTP_POST, "/v1/login", wrong[who]), 429, "too_many_requests");
    }
    /* a site speaks with its current certificate only */
    g.certificate[0][0] ^= 1;
    EXPECT(rig_site_call(&g, 0, HTTP_POST, "/v1/poll", "{\"checkpoint\":0,\"trust\":0}"), 403, "certificate_replaced");
    g.certificate[0][0] ^= 1;
    rig_close(&g);
}

static void revocation_ends_what_runs(void **state)
{
    (void)state;
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1], path[128], task[DOCUMENT_ID_LEN + 3];
    struct task t;
    rig_open(&g, NULL);
    rig_network(&g);
    rig_permit(&g, "[\"count\"]", DAY_MS, permit);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    const struct rig_answer *a = rig_poll(&g, 0, "");
    rig_check_task(&g, 0, json_item(json_get(a->body, "tasks"), 0), &t);
    snprintf(task, sizeof task, "\"%s\"", t.id.text);
    /* what runs there is not handed out again; what the agent does not have is */
    assert_int_equal(json_size(json_get(rig_poll(&g, 0, task)->body, "tasks")), 0);
    assert_int_equal(json_size(json_get(rig_poll(&g, 0, "")->body, "tasks")), 1);
    snprintf(path, sizeof path, "/v1/permits/%s/status", permit);
    EXPECT(rig_call(&g, P_OFFICER2, HTTP_POST, path, "{\"state\":\"revoked\",\"reason\":\"asked\"}"), 200, NULL);
    a = rig_poll(&g, 0, task);
    assert_int_equal(json_size(json_get(a->body, "cancel")), 1);
    assert_true(json_size(json_get(a->body, "statuses")) >= 1);
    assert_slice(json_text(json_get(rig_get_query(&g, P_RESEARCHER, id)->body, "state")), "cancelled");
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 403, "permit_not_live");
    EXPECT(rig_call(&g, P_OFFICER2, HTTP_POST, path, "{\"state\":\"live\",\"reason\":\"again\"}"), 409, "conflict");
    rig_close(&g);
}

static void a_site_that_stays_away(void **state)
{
    (void)state;
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1];
    rig_open(&g, NULL);
    g.settings.query_deadline_ms = 400;
    rig_network(&g);
    rig_permit(&g, "[\"count\"]", DAY_MS, permit);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    rig_answer_task(&g, 0, "{\"cells\":[5],\"total\":5,\"n_missing\":0}");
    usleep(450 * 1000);
    rig_turn(&g);
    const struct rig_answer *a = rig_get_query(&g, P_RESEARCHER, id);
    assert_slice(json_text(json_get(a->body, "state")), "done");
    const struct json *sites = json_get(json_get(a->body, "result"), "sites");
    assert_slice(json_text(json_get(json_item(sites, 0), "status")), "answered");
    assert_slice(json_text(json_get(json_item(sites, 1), "status")), "missing");
    /* and why: it was never heard of */
    const struct json *reason = json_get(json_item(json_get(a->body, "sites"), 1), "reason");
    assert_slice(json_text(json_get(reason, "code")), "unavailable");
    struct slice text = json_text(json_get(reason, "text"));
    assert_non_null(memmem(text.at, text.len, "innsyn-agent check", 18));
    rig_close(&g);
}

/* I10: the asker learns why, also where nobody answered, and where a site refused before it read the question. */
static void every_site_refuses(void **state)
{
    (void)state;
    struct rig g;
    struct task t;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1], path[128];
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, RIG_TEXT);
    rig_open(&g, NULL);
    rig_network(&g);
    rig_permit(&g, "[\"count\"]", DAY_MS, permit);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    rig_question_unread = true;
    /* An answer must say what it answers. */
    const struct rig_answer *a = rig_poll(&g, 1, "");
    const struct json *item = json_item(json_get(a->body, "tasks"), 0);
    rig_check_task(&g, 1, item, &t);
    rig_result_text(&g, SITE2, &t, item, "{\"cells\":[5],\"total\":5,\"n_missing\":0}", &text);
    snprintf(path, sizeof path, "/v1/tasks/%s/result", t.id.text);
    EXPECT(rig_site_call(&g, 1, HTTP_POST, path, buffer_str(&text)), 400, "malformed");
    rig_answer_task(&g, 0, NULL);
    rig_question_unread = false;
    rig_answer_task(&g, 1, NULL);
    a = rig_get_query(&g, P_RESEARCHER, id);
    assert_slice(json_text(json_get(a->body, "state")), "failed");
    const struct json *sites = json_get(a->body, "sites");
    assert_int_equal(json_size(sites), RIG_SITES);
    for (size_t i = 0; i < RIG_SITES; i++) {
        assert_slice(json_text(json_get(json_item(sites, i), "status")), "refused");
        assert_slice(json_text(json_get(json_get(json_item(sites, i), "reason"), "code")), "statistic_not_allowed");
    }
    /* Whoever watches sees the same reasons, and no result. */
    a = rig_get_query(&g, P_OFFICER1, id);
    sites = json_get(a->body, "sites");
    assert_int_equal(json_size(sites), RIG_SITES);
    for (size_t i = 0; i < RIG_SITES; i++) {
        assert_slice(json_text(json_get(json_get(json_item(sites, i), "reason"), "code")), "statistic_not_allowed");
        assert_int_equal(json_kind(json_get(json_item(sites, i), "edition")), JSON_NULL);
    }
    /* Of an answer they see whose edition it is made of, not the statistic. */
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    for (int i = 0; i < RIG_SITES; i++)
        rig_answer_task(&g, i, "{\"cells\":[5],\"total\":5,\"n_missing\":0}");
    a = rig_get_query(&g, P_AUDITOR, id);
    assert_slice(json_text(json_get(a->body, "state")), "done");
    assert_null(json_get(a->body, "result"));
    sites = json_get(a->body, "sites");
    for (size_t i = 0; i < RIG_SITES; i++) {
        const struct json *site = json_item(sites, i);
        assert_slice(json_text(json_get(site, "status")), "answered");
        assert_int_equal(json_text(json_get(site, "edition")).len, 2 * HASH_LEN);
        assert_int_equal(json_kind(json_get(site, "reason")), JSON_NULL);
        assert_null(json_get(site, "statistic"));
    }
    rig_close(&g);
}

/* A dictionary of another form is refused with what to do about it, and goes once the old one is withdrawn. */
/* A site whose holder releases by hand: its task waits, the query's deadline moves, the answer comes later. */
static void a_site_waits_for_its_holder(void **state)
{
    (void)state;
    struct rig g;
    struct task t;
    char id[DOCUMENT_ID_LEN + 1], permit[DOCUMENT_ID_LEN + 1], path[128], until[INSTANT_TEXT_SIZE], body[64], long_body[64];
    struct buffer text CLEANUP(buffer_done) = {0}, again CLEANUP(buffer_done) = {0}, final CLEANUP(buffer_done) = {0};
    buffer_init(&text, RIG_TEXT);
    buffer_init(&again, RIG_TEXT);
    buffer_init(&final, RIG_TEXT);
    rig_open(&g, NULL);
    rig_network(&g);
    rig_permit(&g, "[\"count\"]", DAY_MS, permit);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    const struct rig_answer *a = rig_poll(&g, 0, "");
    const struct json *item = json_item(json_get(a->body, "tasks"), 0);
    rig_check_task(&g, 0, item, &t);
    rig_moment(40 * DAY_MS, until);
    snprintf(long_body, sizeof long_body, "until \"%s\"", until);
    rig_moment(3 * DAY_MS, until);
    snprintf(body, sizeof body, "until \"%s\"", until);
    rig_result_text(&g, SITE1, &t, item, long_body, &again);
    rig_result_text(&g, SITE1, &t, item, body, &text);
    rig_result_text(&g, SITE1, &t, item, "{\"cells\":[303],\"total\":303,\"n_missing\":0}", &final);
    snprintf(path, sizeof path, "/v1/tasks/%s/result", t.id.text);
    EXPECT(rig_site_call(&g, 0, HTTP_POST, path, buffer_str(&again)), 400, "malformed"); /* longer than anybody may wait */
    a = rig_site_call(&g, 0, HTTP_POST, path, buffer_str(&text));
    EXPECT(a, 200, NULL);
    int64_t entry = json_integer(json_get(a->body, "entry"));
    a = rig_site_call(&g, 0, HTTP_POST, path, buffer_str(&text)); /* said twice: one entry */
    EXPECT(a, 200, NULL);
    assert_int_equal(json_integer(json_get(a->body, "entry")), entry);
    rig_answer_task(&g, 1, "{\"cells\":[617],\"total\":617,\"n_missing\":0}");
    a = rig_get_query(&g, P_RESEARCHER, id);
    assert_slice(json_text(json_get(a->body, "state")), "running");
    const struct json *sites = json_get(a->body, "sites");
    assert_slice(json_text(json_get(json_item(sites, 0), "status")), "waiting");
    assert_slice(json_text(json_get(json_get(json_item(sites, 0), "reason"), "code")), "release_by_hand");
    assert_true(memcmp(json_text(json_get(a->body, "deadline")).at, until, 10) == 0);
    a = rig_poll(&g, 0, ""); /* it is not handed out again */
    assert_int_equal(json_size(json_get(a->body, "tasks")), 0);
    EXPECT(rig_site_call(&g, 0, HTTP_POST, path, buffer_str(&final)), 200, NULL);
    EXPECT(rig_site_call(&g, 0, HTTP_POST, path, buffer_str(&text)), 409, "conflict"); /* too late to wait */
    a = rig_get_query(&g, P_RESEARCHER, id);
    assert_slice(json_text(json_get(a->body, "state")), "done");
    rig_close(&g);
}

static void a_dictionary_changes_form(void **state)
{
    (void)state;
    struct rig g;
    char changed[RIG_TEXT];
    const char *at = strstr(rig_catalogue, "\"title\":\"");
    rig_open(&g, NULL);
    rig_network(&g);
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s\"title\":\"New %s", (int)(at - rig_catalogue), rig_catalogue, at + strlen("\"title\":\""));
    const struct rig_answer *a = rig_site_call(&g, 0, HTTP_PUT, "/v1/site/catalogue", changed);
    assert_int_equal(a->status, 409);
    struct slice detail = json_text(json_get(a->body, "detail"));
    assert_non_null(memmem(detail.at, detail.len, "--as", 4));
    assert_non_null(memmem(detail.at, detail.len, "old form", 8)); /* whole, not cut off */
    for (int i = 1; i < RIG_SITES; i++)
        EXPECT(rig_site_call(&g, i, HTTP_PUT, "/v1/site/catalogue", "{\"datasets\":[]}"), 200, NULL);
    for (int i = 0; i < RIG_SITES; i++)
        EXPECT(rig_site_call(&g, i, HTTP_PUT, "/v1/site/catalogue", changed), 200, NULL);
    rig_close(&g);
}

/* a site that was away for several versions takes them one at a time. */
static void trust_is_handed_out_in_order(void **state)
{
    (void)state;
    struct rig g;
    rig_open(&g, NULL);
    rig_network(&g);
    struct trust *held CLEANUP(trust_freep) = NULL;
    struct buffer first CLEANUP(buffer_done) = {0};
    struct envelope e;
    buffer_init(&first, 2 * RIG_TEXT);
    rig_trust_text(&g, 1, &first);
    envelope_init(&e);
    assert_ok(envelope_parse_text(buffer_slice(&first), TYPE_TRUST, &e, NULL));
    assert_ok(trust_open(&e, NULL, NULL, &held, NULL));
    envelope_done(&e);
    rig_give_trust(&g, 2);
    rig_give_trust(&g, 3);
    rig_give_trust(&g, 4);
    for (uint64_t version = 2; version <= 4; version++) {
        char body[128];
        struct trust *next = NULL;
        struct why why = {0};
        snprintf(body, sizeof body, "{\"checkpoint\":0,\"trust\":%d,\"wait_ms\":0}", (int)version - 1);
        const struct rig_answer *a = rig_site_call(&g, 0, HTTP_POST, "/v1/poll", body);
        EXPECT(a, 200, NULL);
        envelope_init(&e);
        assert_ok(envelope_parse(json_get(a->body, "trust"), "", TYPE_TRUST, &e, NULL));
        if (!is_ok(trust_open(&e, held, NULL, &next, &why)))
            fail_msg("%s", why.text);
        envelope_done(&e);
        assert_int_equal(next->version, version);
        trust_free(held);
        held = next;
    }
    rig_close(&g);
}

/* A parked poll is answered the moment there is a task; the newest connection wins. */
static void polls_park_and_wake(void **state)
{
    (void)state;
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1];
    rig_open(&g, NULL);
    rig_network(&g);
    rig_permit(&g, "[\"count\"]", DAY_MS, permit);
    rig_poll(&g, 0, "");
    const char *wait = "{\"checkpoint\":0,\"trust\":1,\"running\":[],\"paused\":false,\"wait_ms\":20000}";
    struct http_request first = rig_site_request(&g, 0, HTTP_POST, "/v1/poll", wait), second = first;
    rig_forget(&g);
    uint64_t one = rig_send(&g, &first);
    int64_t next = rig_turn(&g);
    assert_null(rig_find(&g, one));
    assert_true(next > 1000 && next <= 20000);
    uint64_t two = rig_send(&g, &second);
    rig_turn(&g);
    const struct rig_answer *a = rig_find(&g, one);
    assert_non_null(a);
    assert_int_equal(json_size(json_get(a->body, "tasks")), 0);
    assert_null(rig_find(&g, two));
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    a = rig_find(&g, two);
    assert_non_null(a); /* in the very turn of the query */
    assert_int_equal(json_size(json_get(a->body, "tasks")), 1);
    rig_close(&g);
}

static void restart(struct rig *g)
{
    core_free(g->core);
    g->core = NULL;
    rig_start_core(g);
}

/* Nothing acknowledged is lost, and what was owed is owed (I7, I8). */
static void restart_in_the_middle(void **state)
{
    (void)state;
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1];
    rig_open(&g, NULL);
    rig_network(&g);
    rig_permit(&g, "[\"count\"]", DAY_MS, permit);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    rig_answer_task(&g, 0, "{\"cells\":[5],\"total\":5,\"n_missing\":0}");
    restart(&g);
    rig_answer_task(&g, 1, "{\"cells\":[6],\"total\":6,\"n_missing\":0}");
    const struct rig_answer *a = rig_get_query(&g, P_RESEARCHER, id);
    assert_int_equal(json_integer(json_get(json_get(json_get(a->body, "result"), "result"), "count")), 11);
    rig_close(&g);
}

/* A store that is older than the last signed checkpoint is refused, in words. */
static void a_restored_backup_is_refused(void **state)
{
    (void)state;
    struct rig g;
    static const char *const beside[] = {"-wal", "-shm"};
    char store[80], backup[80], path[90];
    struct why why = {0};
    rig_open(&g, NULL);
    rig_people(&g);
    core_free(g.core);
    snprintf(store, sizeof store, "%s/store.db", g.dir);
    snprintf(backup, sizeof backup, "%s/backup.db", g.dir);
    scratch_copy(store, backup);
    rig_start_core(&g);
    core_free(g.core);
    g.core = NULL;
    for (size_t i = 0; i < COUNT_OF(beside); i++) {
        snprintf(path, sizeof path, "%s%s", store, beside[i]);
        (void)unlink(path);
    }
    assert_int_equal(rename(backup, store), 0);
    struct core_ports ports = rig_ports(&g);
    assert_status(core_new(&g.settings, host_real(), &ports, &g.core, &why), DENIED);
    assert_non_null(strstr(why.text, "a restored backup?"));
    rig_close(&g);
}

/* The store fails at its n-th call, for each n: the request is retried or answered 503, and the log
 * that follows extends the one before. */
static void the_store_fails_anywhere(void **state)
{
    (void)state;
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1];
    rig_open(&g, NULL);
    rig_network(&g);
    rig_permit(&g, "[\"count\"]", DAY_MS, permit);
    rig_poll(&g, 0, "");
    for (uint64_t n = 1; n <= 40; n++) {
        struct document_id fresh;
        struct buffer text CLEANUP(buffer_done) = {0};
        char path[128];
        buffer_init(&text, RIG_TEXT);
        assert_ok(document_id_new(host_real(), 'q', &fresh, NULL));
        memcpy(id, fresh.text, sizeof fresh.text);
        rig_query_text(&g, RESEARCHER, permit, COUNT_Q, id, &text);
        store_fail_once(core_store(g.core), n);
        const struct rig_answer *a = rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/queries", buffer_str(&text));
        store_fail_once(core_store(g.core), 0);
        if (a->status != 201)
            EXPECT(a, 503, "unavailable");
        /* whatever was said: asked again it runs exactly once */
        a = rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/queries", buffer_str(&text));
        assert_true(a->status == 200 || a->status == 201);
        const struct json *tasks = json_get(rig_poll(&g, 0, "")->body, "tasks");
        assert_int_equal(json_size(tasks), 1);
        snprintf(path, sizeof path, "/v1/queries/%s/cancel", id);
        EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, path, NULL), 200, NULL);
    }
    rig_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(main_job_on_sqlite),
        cmocka_unit_test(main_job_on_postgres),
        cmocka_unit_test(permits_need_every_signature),
        cmocka_unit_test(queries_are_refused_with_a_reason),
        cmocka_unit_test(access_is_checked_at_each_call),
        cmocka_unit_test(revocation_ends_what_runs),
        cmocka_unit_test(a_site_that_stays_away),
        cmocka_unit_test(every_site_refuses),
        cmocka_unit_test(a_site_waits_for_its_holder),
        cmocka_unit_test(a_dictionary_changes_form),
        cmocka_unit_test(trust_is_handed_out_in_order),
        cmocka_unit_test(polls_park_and_wake),
        cmocka_unit_test(restart_in_the_middle),
        cmocka_unit_test(a_restored_backup_is_refused),
        cmocka_unit_test(the_store_fails_anywhere),
    };
    return cmocka_run_group_tests_name("core", tests, start_postgres, stop_postgres);
}
