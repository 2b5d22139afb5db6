/*
 * Aim: nothing changes without an entry in the log, and the log's types are those of docs/LOG.md.
 * Method: every command of the role table that can change state or reads the log is driven once, and
 * the entries it leaves are looked for; a command that this test does not drive fails it.  The core's
 * own guard (an effect without an entry is undone) is what the other tests run under all the time.
 */
#include "broker/audit/entries.h"
#include "core_rig.h"
#include "proto/optout.h"
#include "policy/roles.h"

#define COUNT_Q "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"where\":{\"age\":{\"from\":40}},\"statistic\":{\"count\":{}}}"

static bool driven[COMMAND_COUNT];

static uint64_t log_size(struct rig *g)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    assert_ok(store_run(core_store(g->core), LOG_LAST, NULL, 0, &rows, NULL));
    return rows_next(rows) ? (uint64_t)rows_integer(rows, 0) + 1 : 0;
}

/* Is there an entry of the type from this index on? */
static bool has_entry(struct rig *g, uint64_t from, const char *type, struct buffer *ret)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    assert_ok(STORE_RUN(core_store(g->core), LOG_RANGE, &rows, NULL, store_integer((int64_t)from), store_integer((int64_t)from + 1000)));
    while (rows_next(rows)) {
        struct json *entry CLEANUP(json_freep) = NULL;
        assert_ok(json_parse(rows_bytes(rows, 0), RIG_TEXT, &entry, NULL));
        if (!slice_is(json_text(json_get(entry, "type")), type))
            continue;
        if (ret) {
            buffer_clear(ret);
            assert_ok(buffer_add(ret, rows_bytes(rows, 0), NULL));
        }
        return true;
    }
    return false;
}

#define DRIVE(command, type, ...)                                                                  \
    do {                                                                                           \
        uint64_t before_ = log_size(&g);                                                           \
        __VA_ARGS__;                                                                               \
        if (!has_entry(&g, before_, (type), NULL))                                                 \
            fail_msg("%s %s leaves no '%s' entry", command_rule(command)->method, command_rule(command)->path, (type)); \
        driven[command] = true;                                                                    \
    } while (0)

static void renew(struct rig *g, int site)
{
    struct site_id id;
    struct signing_key *tls CLEANUP(signing_key_freep) = NULL;
    struct buffer request CLEANUP(buffer_done) = {0}, ask CLEANUP(buffer_done) = {0};
    struct certificate_facts facts;
    buffer_init(&request, RIG_TEXT);
    buffer_init(&ask, RIG_TEXT);
    assert_ok(signing_key_new(KEY_P256, &tls, NULL));
    assert_ok(site_id_parse(slice_str(rig_sites[site]), &id, NULL));
    assert_ok(certificate_request(tls, &id, &request, NULL));
    assert_ok(buffer_add_str(&ask, "{", NULL));
    rig_member(&ask, "request", buffer_slice(&request));
    assert_ok(buffer_add_str(&ask, "}", NULL));
    const struct rig_answer *a = rig_site_call(g, site, HTTP_POST, "/v1/renew", buffer_str(&ask));
    EXPECT(a, 200, NULL);
    assert_ok(certificate_read(json_text(json_get(a->body, "certificate")), &facts, NULL));
    memcpy(g->certificate[site], facts.sha256.at, 32);
}

/* The first entry says exactly which program runs, and with which settings. */
static void a_start_says_what_started(struct rig *g)
{
    struct buffer text CLEANUP(buffer_done) = {0}, program CLEANUP(buffer_done) = {0}, again CLEANUP(buffer_done) = {0};
    struct json *entry CLEANUP(json_freep) = NULL, *next CLEANUP(json_freep) = NULL;
    char build[64], program_hash[2 * HASH_LEN + 1], want[2 * HASH_LEN + 1], settings[2 * HASH_LEN + 1], changed[2 * HASH_LEN + 1];
    buffer_init(&text, RIG_TEXT);
    buffer_init(&again, RIG_TEXT);
    buffer_init(&program, 256 * 1024 * 1024);
    assert_true(has_entry(g, 0, "startup", &text));
    assert_ok(json_parse(buffer_slice(&text), RIG_TEXT, &entry, NULL));
    assert_ok(host_read_file(host_real(), "/proc/self/exe", 256 * 1024 * 1024, &program, NULL));
    struct hash h = sha256(buffer_slice(&program));
    hash_print(&h, want);
    assert_true(strlen(rig_text(entry, "build", build, sizeof build)) > 0);
    assert_string_equal(rig_text(entry, "program_sha256", program_hash, sizeof program_hash), want);
    assert_int_equal(strlen(rig_text(entry, "settings_sha256", settings, sizeof settings)), 2 * HASH_LEN);
    /* other settings: another hash, in the next start's entry */
    uint64_t before = log_size(g);
    core_free(g->core);
    g->settings.lease_ms++;
    rig_start_core(g);
    assert_true(has_entry(g, before, "startup", &again));
    assert_ok(json_parse(buffer_slice(&again), RIG_TEXT, &next, NULL));
    assert_string_equal(rig_text(next, "program_sha256", program_hash, sizeof program_hash), want);
    assert_string_not_equal(rig_text(next, "settings_sha256", changed, sizeof changed), settings);
}

/* What a site says of its opt-outs in its poll. */
static void report_optouts(struct rig *g, int site)
{
    struct optout_report r = {.version = 1, .at_ms = host_now_ms(host_real()), .list = sha256(slice_str("list"))};
    struct buffer payload CLEANUP(buffer_done) = {0}, body CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done);
    buffer_init(&payload, RIG_TEXT);
    buffer_init(&body, RIG_TEXT);
    envelope_init(&e);
    assert_ok(label_parse(slice_str("demo"), &r.network, NULL));
    assert_ok(site_id_parse(slice_str(rig_sites[site]), &r.site, NULL));
    assert_ok(optout_report_print(&r, &payload, NULL));
    assert_ok(envelope_make(TYPE_OPTOUT_REPORT, buffer_slice(&payload), &e, NULL));
    assert_ok(envelope_sign(&e, g->keys[site ? SITE2 : SITE1], NULL));
    assert_ok(buffer_add_str(&body, "{\"checkpoint\":0,\"trust\":1,\"running\":[],\"paused\":false,\"wait_ms\":0,\"build\":\"test\",\"optouts\":{\"taken\":[],\"list\":", NULL));
    assert_ok(envelope_print(&e, &body, NULL));
    assert_ok(buffer_add_str(&body, "}}", NULL));
    EXPECT(rig_site_call(g, site, HTTP_POST, "/v1/poll", buffer_str(&body)), 200, NULL);
}

/* Every type of the table was written, but for those that another test writes. */
static void every_type_was_written(struct rig *g)
{
    static const char *const elsewhere[] = {
        "clock",          /* a_clock_that_jumps_is_noted */
        "log_succession", /* tests/show/audit-log-10 */
        "notification",   /* needs a mail server: tests/e2e/mail_test.py */
        "optout", "optout_answer",                               /* need a desk and its sites' keys: tests/show/governance-4 */
        "site_pause", "site_block", "site_rules", "site_waits", /* tests/e2e/holder_test.py */
    };
    for (unsigned i = 0; entry_type_at(i); i++) {
        bool away = false;
        for (size_t k = 0; k < COUNT_OF(elsewhere); k++)
            away = away || strcmp(elsewhere[k], entry_type_at(i)->name) == 0;
        if (!away && !has_entry(g, 0, entry_type_at(i)->name, NULL))
            fail_msg("nothing here writes a '%s': drive it, or say where it is written", entry_type_at(i)->name);
    }
}

static void every_command_leaves_its_entry(void **state)
{
    (void)state;
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1], permit[DOCUMENT_ID_LEN + 1], path[200], application[DOCUMENT_ID_LEN + 1];
    rig_open(&g, NULL);
    if (!has_entry(&g, 0, "startup", NULL) || !has_entry(&g, 0, "account", NULL))
        fail_msg("a start leaves no entry");
    a_start_says_what_started(&g);
    DRIVE(COMMAND_ACCOUNT_ADD, "account", rig_people(&g));
    driven[COMMAND_LOGIN] = has_entry(&g, 0, "login", NULL);
    DRIVE(COMMAND_LOGIN, "login_failed",
          EXPECT(rig_call(&g, -1, HTTP_POST, "/v1/login", "{\"account\":\"op\",\"password\":\"not this one\"}"), 401, "not_signed_in"));
    DRIVE(COMMAND_TRUST_PUT, "trust", rig_give_trust(&g, 1));
    DRIVE(COMMAND_SITE_ADD, "site", rig_enrol(&g, 0));
    DRIVE(COMMAND_ENROL, "refused", rig_enrol(&g, 1)); /* which also tries its token twice */
    assert_true(has_entry(&g, 0, "enrol", NULL));
    DRIVE(COMMAND_CATALOGUE_PUT, "catalogue", EXPECT(rig_site_call(&g, 0, HTTP_PUT, "/v1/site/catalogue", rig_catalogue), 200, NULL));
    EXPECT(rig_site_call(&g, 1, HTTP_PUT, "/v1/site/catalogue", rig_catalogue), 200, NULL);
    DRIVE(COMMAND_RENEW, "renew", renew(&g, 1));
    DRIVE(COMMAND_RENEW, "certificate", rig_poll(&g, 1, ""));
    DRIVE(COMMAND_APPLICATION_STEP, "application", rig_draft(&g, "[\"count\"]", DAY_MS, permit));
    if (!has_entry(&g, 0, "permit_draft", NULL))
        fail_msg("a draft leaves no entry");
    const struct rig_answer *a = rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/applications", NULL);
    rig_text(json_item(json_get(a->body, "items"), 0), "id", application, sizeof application);
    DRIVE(COMMAND_PERMIT_SIGNATURE, "permit_signature", rig_sign_permit(&g, P_OFFICER1, OFFICER1, permit, 200, NULL));
    rig_sign_permit(&g, P_OFFICER1, OFFICER1, permit, 200, NULL); /* again: nothing changes, nothing is refused */
    rig_sign_permit(&g, P_OFFICER2, OFFICER2, permit, 200, NULL);
    rig_sign_permit(&g, P_HOLDER1, HOLDER1, permit, 200, NULL);
    DRIVE(COMMAND_PERMIT_SIGNATURE, "permit", rig_sign_permit(&g, P_HOLDER2, HOLDER2, permit, 200, NULL));
    DRIVE(COMMAND_QUERY_ADD, "query_refused", rig_query(&g, P_RESEARCHER2, RESEARCHER2, permit, COUNT_Q, id));
    DRIVE(COMMAND_QUERY_ADD, "query", EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL));
    DRIVE(COMMAND_TASK_RESULT, "site_result", rig_answer_task(&g, 0, "{\"cells\":[303],\"total\":303,\"n_missing\":0}"));
    DRIVE(COMMAND_TASK_RESULT, "release", rig_answer_task(&g, 1, "{\"cells\":[617],\"total\":617,\"n_missing\":0}"));
    snprintf(path, sizeof path, "/v1/queries/%s/site-results", id);
    DRIVE(COMMAND_QUERY_SITE_RESULTS, "result_read", EXPECT(rig_call(&g, P_AUDITOR, HTTP_GET, path, NULL), 200, NULL));
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    snprintf(path, sizeof path, "/v1/queries/%s/cancel", id);
    DRIVE(COMMAND_QUERY_CANCEL, "cancel", EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, path, "{}"), 200, NULL));
    /* a site that refuses says so, signed, and the log says which code */
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    uint64_t refusing = log_size(&g);
    struct buffer refusal CLEANUP(buffer_done) = {0};
    struct json *refused CLEANUP(json_freep) = NULL;
    buffer_init(&refusal, RIG_TEXT);
    DRIVE(COMMAND_TASK_RESULT, "site_result", rig_answer_task(&g, 0, NULL));
    assert_true(has_entry(&g, refusing, "site_result", &refusal));
    assert_ok(json_parse(buffer_slice(&refusal), RIG_TEXT, &refused, NULL));
    assert_slice(json_text(json_get(refused, "status")), "refused");
    assert_slice(json_text(json_get(refused, "code")), "statistic_not_allowed");
    DRIVE(COMMAND_POLL, "optout_list", report_optouts(&g, 0));
    snprintf(path, sizeof path, "/v1/permits/%s/status", permit);
    DRIVE(COMMAND_PERMIT_STATUS, "permit_status",
          EXPECT(rig_call(&g, P_OFFICER2, HTTP_POST, path, "{\"state\":\"revoked\",\"reason\":\"asked\"}"), 200, NULL));
    DRIVE(COMMAND_ME_MAIL, "account_mail",
          EXPECT(rig_call(&g, P_AUDITOR, HTTP_PUT, "/v1/me/mail", "{\"mail\":\"a@example.org\",\"language\":\"en\"}"), 200, NULL));
    DRIVE(COMMAND_TOKEN_ADD, "token",
          a = rig_call(&g, P_AUDITOR, HTTP_POST, "/v1/tokens", "{\"name\":\"t\",\"scopes\":[\"read\"],\"days\":3}"));
    snprintf(path, sizeof path, "/v1/tokens/%.*s", SLICE_ARG(json_text(json_get(a->body, "id"))));
    DRIVE(COMMAND_TOKEN_REMOVE, "token", EXPECT(rig_call(&g, P_AUDITOR, HTTP_DELETE, path, NULL), 200, NULL));
    DRIVE(COMMAND_LOG_ENTRIES, "log_read", EXPECT(rig_call(&g, P_AUDITOR, HTTP_GET, "/v1/log/entries?from=0&to=5", NULL), 200, NULL));
    DRIVE(COMMAND_LOG_BUNDLE, "log_read", EXPECT(rig_call(&g, P_AUDITOR, HTTP_GET, "/v1/log/tile/entries/000.p/5", NULL), 200, NULL));
    DRIVE(COMMAND_LOG_SEARCH, "log_search", EXPECT(rig_call(&g, P_AUDITOR, HTTP_GET, "/v1/log/search?account=researcher", NULL), 200, NULL));
    DRIVE(COMMAND_LOG_WATCH, "log_watch", EXPECT(rig_call(&g, P_AUDITOR, HTTP_GET, "/v1/log/watch", NULL), 200, NULL));
    DRIVE(COMMAND_LOG_WATCH, "refused", EXPECT(rig_call(&g, P_OFFICER1, HTTP_GET, "/v1/log/watch", NULL), 403, "wrong_role"));
    DRIVE(COMMAND_LOG_SEARCH, "log_search", EXPECT(rig_call(&g, P_HOLDER1, HTTP_GET, "/v1/log/search", NULL), 200, NULL));
    DRIVE(COMMAND_LOG_ENTRIES, "refused", EXPECT(rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/log/entries?from=0&to=1", NULL), 404, "no_such_thing"));
    /* taken opt-outs need a desk and its sites' keys: tests/show/governance-4 finds those entries */
    DRIVE(COMMAND_OPTOUT_ADD, "refused", EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/optouts", "{}"), 403, "wrong_role"));
    rig_draft(&g, "[\"count\"]", DAY_MS, permit);
    driven[COMMAND_APPLICATION_ADD] = true; /* rig_draft: its entry has the commitment, looked at below */
    assert_true(has_entry(&g, 0, "opinion", NULL));
    snprintf(path, sizeof path, "/v1/applications/%s/export", application);
    DRIVE(COMMAND_APPLICATION_EXPORT, "case_export", EXPECT(rig_call(&g, P_OFFICER1, HTTP_GET, path, NULL), 200, NULL));
    snprintf(path, sizeof path, "/v1/applications/%s/copies", application);
    DRIVE(COMMAND_APPLICATION_COPY, "application", EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, path, "{}"), 201, NULL));
    a = rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/applications", NULL);
    snprintf(path, sizeof path, "/v1/applications/%.*s/copies", SLICE_ARG(json_text(json_get(json_item(json_get(a->body, "items"), 0), "id"))));
    a = rig_call(&g, P_RESEARCHER, HTTP_POST, path, "{}");
    snprintf(path, sizeof path, "/v1/applications/%.*s/attachments?version=1&name=a.txt", SLICE_ARG(json_text(json_get(a->body, "id"))));
    DRIVE(COMMAND_ATTACHMENT_ADD, "application", EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, path, "hello"), 201, NULL));
    DRIVE(COMMAND_POLICY_PUT, "rules", EXPECT(rig_call(&g, P_OPERATOR, HTTP_PUT, "/v1/policy", "{\"innsyn\":\"access-rules/1\"}"), 200, NULL));
    DRIVE(COMMAND_ORGANISATION_PUT, "organisation",
          EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/organisations", "{\"id\":\"uni\",\"name\":\"U\",\"kind\":\"research\",\"country\":\"NO\"}"), 201, NULL));
    DRIVE(COMMAND_TRAINING_ADD, "attestation",
          EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/training", "{\"account\":\"researcher\",\"training\":\"privacy\"}"), 201, NULL));
    DRIVE(COMMAND_TERMS_SIGN, "attestation", EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/terms", "{\"terms\":\"use-1\"}"), 201, NULL));
    DRIVE(COMMAND_ENQUIRY_ADD, "enquiry", a = rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/enquiries", "{\"title\":\"Hearts\",\"question\":\"could I?\"}"));
    snprintf(path, sizeof path, "/v1/enquiries/%.*s/steps", SLICE_ARG(json_text(json_get(a->body, "id"))));
    DRIVE(COMMAND_ENQUIRY_STEP, "enquiry", EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, path, "{\"command\":\"apply\",\"version\":1}"), 200, NULL));
    rig_permit(&g, "[\"count\"]", 60 * DAY_MS, permit);
    char to[INSTANT_TEXT_SIZE], body[64];
    rig_moment(90 * DAY_MS, to);
    snprintf(body, sizeof body, "{\"to\":\"%s\"}", to);
    snprintf(path, sizeof path, "/v1/permits/%s/amendments", permit);
    DRIVE(COMMAND_PERMIT_AMEND, "application", EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, path, "{}"), 201, NULL));
    snprintf(path, sizeof path, "/v1/permits/%s/renewals", permit);
    DRIVE(COMMAND_PERMIT_RENEW, "application", EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, path, body), 201, NULL));
    snprintf(path, sizeof path, "{\"document\":\"%s\"}", application);
    DRIVE(COMMAND_ERASE, "erasure", EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/erasures", path), 200, NULL));
    DRIVE(COMMAND_LOGOUT, "token", EXPECT(rig_call(&g, P_AUDITOR, HTTP_POST, "/v1/logout", "{}"), 200, NULL));
    /* these change nothing that is kept; an entry a cosignature would never let the log rest */
    driven[COMMAND_QUERY_CHECK] = driven[COMMAND_LOG_COSIGNATURE] = true;
    for (unsigned c = 0; c < COMMAND_COUNT; c++)
        if (!driven[c] && strcmp(command_rule(c)->method, "GET") != 0)
            fail_msg("%s %s is not driven here: add a DRIVE line with the entry it leaves", command_rule(c)->method, command_rule(c)->path);
    every_type_was_written(&g);
    rig_close(&g);
}

/* Every document an account wrote, gone; and the log as it was. */
static void erased_texts_leave_the_log_whole(void **state)
{
    (void)state;
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1];
    struct buffer entry CLEANUP(buffer_done) = {0};
    buffer_init(&entry, RIG_TEXT);
    rig_open(&g, NULL);
    rig_network(&g);
    rig_draft(&g, "[\"count\"]", DAY_MS, permit);
    assert_true(has_entry(&g, 0, "application", &entry));
    struct json *made CLEANUP(json_freep) = NULL;
    assert_ok(json_parse(buffer_slice(&entry), RIG_TEXT, &made, NULL));
    assert_int_equal(json_text(json_get(made, "application_commitment")).len, 2 * HASH_LEN);
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/erasures", "{\"account\":\"nobody\"}"), 404, NULL);
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/erasures", "{\"account\":\"op\"}"), 409, "conflict");
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/erasures", "{}"), 400, "malformed");
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_POST, "/v1/erasures", "{\"account\":\"researcher\"}"), 403, "wrong_role");
    const struct rig_answer *a = rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/erasures", "{\"account\":\"researcher\"}");
    EXPECT(a, 200, NULL);
    assert_int_equal(json_integer(json_get(a->body, "texts")), 1);
    a = rig_call(&g, P_OFFICER1, HTTP_GET, "/v1/applications", NULL);
    assert_slice(json_text(json_get(json_item(json_get(a->body, "items"), 0), "title")), "(erased)");
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/me", NULL), 401, "not_signed_in");
    EXPECT(rig_call(&g, -1, HTTP_POST, "/v1/login", "{\"account\":\"researcher\",\"password\":\"" RIG_PASSWORD "\"}"), 401, "not_signed_in");
    /* the entry is the same bytes, and the whole log still makes the root that is signed after a restart */
    struct buffer again CLEANUP(buffer_done) = {0};
    buffer_init(&again, RIG_TEXT);
    assert_true(has_entry(&g, 0, "application", &again));
    assert_true(slice_equal(buffer_slice(&entry), buffer_slice(&again)));
    core_free(g.core);
    rig_start_core(&g);
    struct merkle_frontier tree;
    struct checkpoint c;
    merkle_frontier_init(&tree);
    struct rows *rows CLEANUP(rows_freep) = NULL;
    assert_ok(STORE_RUN(core_store(g.core), LOG_RANGE, &rows, NULL, store_integer(0), store_integer(10000)));
    while (rows_next(rows)) {
        struct hash leaf = merkle_leaf(rows_bytes(rows, 0));
        assert_ok(merkle_append(&tree, &leaf, NULL, NULL, NULL));
    }
    a = rig_call(&g, -1, HTTP_GET, "/v1/log/checkpoint", NULL);
    assert_ok(checkpoint_open(buffer_slice(&a->text), &g.log_key, &c, NULL));
    struct hash root = merkle_root(&tree);
    assert_true(c.size == tree.size && hash_equal(&root, &c.root));
    rig_close(&g);
}

/* docs/LOG.md says what the table says, no more and no less. */
static void the_table_is_documented(void **state)
{
    (void)state;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 256 * 1024);
    assert_ok(host_read_file(host_real(), SOURCE_DIR "/docs/LOG.md", 256 * 1024, &text, NULL));
    const char *all = buffer_str(&text);
    unsigned rows = 0;
    for (const char *at = all; (at = strstr(at, "\n| `")); at++)
        rows++;
    unsigned types = 0;
    for (const struct entry_type *t; (t = entry_type_at(types)); types++) {
        char row[1024], members[512] = "";
        for (struct slice rest = slice_str(t->members); rest.len;) {
            size_t end = slice_find(rest, ' '), len = strlen(members);
            snprintf(members + len, sizeof members - len, "%s`%.*s`", len ? ", " : "", SLICE_ARG(slice_part(rest, 0, end)));
            rest = slice_part(rest, end + 1, rest.len);
        }
        snprintf(row, sizeof row, "\n| `%s` | %s | %s |\n", t->name, members, t->records);
        if (!strstr(all, row))
            fail_msg("docs/LOG.md lacks the row:%s", row);
    }
    if (rows != types)
        fail_msg("docs/LOG.md has %u rows, the table %u types", rows, types);
}

static int64_t clock_shift_ms;

static int64_t shifted_now_ms(void *self)
{
    (void)self;
    return host_now_ms(host_real()) + clock_shift_ms;
}

static int64_t last_at_ms(struct rig *g)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    assert_ok(store_run(core_store(g->core), LOG_LAST, NULL, 0, &rows, NULL));
    assert_true(rows_next(rows));
    return rows_integer(rows, 1);
}

/* A clock that goes back, forth, and back over a restart: noted each time, and the order holds. */
static void a_clock_that_jumps_is_noted(void **state)
{
    (void)state;
    enum { JUMP_MS = 10 * 60 * 1000 };
    static const int64_t shifts[] = {-JUMP_MS, 0};
    struct rig g;
    struct buffer text CLEANUP(buffer_done) = {0};
    struct host_calls calls = *host_real()->calls;
    const struct host host = {&calls, host_real()->self};
    calls.now_ms = shifted_now_ms;
    buffer_init(&text, RIG_TEXT);
    clock_shift_ms = 0;
    rig_open(&g, NULL);
    struct core_ports ports = rig_ports(&g);
    core_free(g.core);
    assert_ok(core_new(&g.settings, &host, &ports, &g.core, NULL));
    rig_login(&g, P_OPERATOR);
    assert_false(has_entry(&g, 0, "clock", NULL));
    for (size_t i = 0; i < 2; i++) {
        uint64_t before = log_size(&g);
        int64_t at_ms = last_at_ms(&g);
        clock_shift_ms = shifts[i];
        rig_login(&g, P_OPERATOR);
        assert_true(has_entry(&g, before, "clock", &text));
        struct json *entry CLEANUP(json_freep) = NULL;
        assert_ok(json_parse(buffer_slice(&text), RIG_TEXT, &entry, NULL));
        int64_t jump = json_integer(json_get(entry, "jump_ms")), want = i ? JUMP_MS : -JUMP_MS;
        assert_true(jump > want - 5000 && jump < want + 5000);
        assert_true(last_at_ms(&g) >= at_ms);
        before = log_size(&g);
        rig_login(&g, P_OPERATOR);
        assert_false(has_entry(&g, before, "clock", NULL)); /* once */
    }
    uint64_t before = log_size(&g);
    core_free(g.core);
    clock_shift_ms = -JUMP_MS;
    assert_ok(core_new(&g.settings, &host, &ports, &g.core, NULL));
    rig_login(&g, P_OPERATOR);
    assert_true(has_entry(&g, before, "clock", NULL));
    rig_close(&g);
}

static void an_unknown_entry_is_refused(void **state)
{
    (void)state;
    struct json *v CLEANUP(json_freep) = json_object();
    json_set(v, "account", json_of_str("x"));
    assert_ok(entry_check("login", v, NULL));
    assert_int_equal(entry_check("logged_in", v, NULL).code, BROKEN);
    json_set(v, "name", json_of_str("Kari Nordmann"));
    assert_int_equal(entry_check("login", v, NULL).code, BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_leaves_its_entry),
        cmocka_unit_test(erased_texts_leave_the_log_whole),
        cmocka_unit_test(the_table_is_documented),
        cmocka_unit_test(a_clock_that_jumps_is_noted),
        cmocka_unit_test(an_unknown_entry_is_refused),
    };
    return cmocka_run_group_tests_name("log_complete", tests, NULL, NULL);
}
