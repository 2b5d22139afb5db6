/*
 * Aim: a store that any earlier version of the schema left behind, with applications in it, is brought to this
 * one, and the work goes on where it stood.
 * Method: for each earlier version and each backend the schema is built step by step up to it, rows are written as
 * the program of that time wrote them, and the broker is started on it: what was decided stands, what was not can be.
 */
#include "core_rig.h"
#include "postgres_group.h"

#include "broker/applications/applications.h"
#include "broker/store/backend.h"
#include "broker/store/schema.h"

enum { SUBMITTED, REFUSED, GRANTED, APPLICATIONS };
enum { OLD_TEXT_MAX = 32 * 1024, WORKFLOW_VERSION = 3, CASES_VERSION = 9 /* the schema that has them */ };
struct old {
    const struct backend *backend;
    void *self;
    struct document_id id[APPLICATIONS], permit;
    int64_t now_ms;
};

PRINTF_LIKE(2, 3) static void sql(const struct old *o, const char *format, ...)
{
    static char text[OLD_TEXT_MAX];
    struct why why = {0};
    va_list list;
    va_start(list, format);
    int len = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    assert_true(len > 0 && (size_t)len < sizeof text);
    if (!is_ok(o->backend->execute(o->self, text, &why)))
        fail_msg("%s: %.200s", why.text, text);
}

static void open_backend(struct old *o, const char *store)
{
    if (strncmp(store, "sqlite:", 7) == 0)
        assert_ok(sqlite_open(host_real(), store + 7, &o->backend, &o->self, NULL));
    else {
        assert_ok(postgres_open(host_real(), store + 9, &o->backend, &o->self, NULL));
        sql(o, "DROP SCHEMA public CASCADE");
        sql(o, "CREATE SCHEMA public");
    }
}

/* What GET said of a filled form then, as it was stored. */
static void body_of(char to[2048])
{
    char from[INSTANT_TEXT_SIZE], until[INSTANT_TEXT_SIZE];
    rig_moment(-HOUR_MS, from);
    rig_moment(90 * DAY_MS, until);
    snprintf(to, 2048,
             "{\"datasets\":[{\"dataset\":\"heart\",\"sites\":[\"alpha\"],\"statistics\":[\"count\"],\"variables\":[\"*\"]}],\"from\":\"%s\",\"legal_basis\":\"6(1)(e)\","
             "\"people\":[\"researcher\"],\"purpose\":\"53.1.e\",\"safeguards\":\"few\",\"statistical_content\":\"counts\",\"summary\":\"why\",\"title\":\"Old hearts\",\"to\":\"%s\"}",
             from, until);
}

static void write_accounts(struct rig *g, const struct old *o)
{
    char encoded[160], key[2 * PUBLIC_KEY_DER_MAX + 1];
    assert_ok(password_hash(slice_str(RIG_PASSWORD), encoded, sizeof encoded, NULL));
    hex_print(slice_of(g->spki[RESEARCHER].der, g->spki[RESEARCHER].der_len), key, sizeof key);
    static const struct {
        const char *account;
        unsigned role;
    } rows[] = {{"officer1", ROLE_OFFICER}, {"officer2", ROLE_OFFICER}, {"researcher", ROLE_RESEARCHER}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        sql(o, "INSERT INTO accounts (account, password, roles, organisation, key, created_ms) VALUES ('%s', '%s', %u, 'Old University', %s%s', %lld)",
            rows[i].account, encoded, rows[i].role, o->backend->bytea ? "'\\x" : "x'", key, (long long)(o->now_ms - 60 * DAY_MS));
}

static void write_application(const struct old *o, unsigned version, unsigned which)
{
    static const char *const then[] = {"submitted", "refused", "granted"};
    char body[2048];
    int64_t made_ms = o->now_ms - 40 * DAY_MS, decided_ms = which == SUBMITTED ? 0 : o->now_ms - DAY_MS;
    bool workflow = version >= WORKFLOW_VERSION;
    const char *id = o->id[which].text;
    body_of(body);
    sql(o, "INSERT INTO applications (id, account, state, body, created_ms, decided_ms, decided_by, reason, permit) VALUES ('%s', 'researcher', '%s', '%s', %lld, %lld, '%s', '%s', '%s')",
        id, workflow && which != SUBMITTED ? "decided" : then[which], body, (long long)made_ms, (long long)decided_ms, which == SUBMITTED ? "" : "officer1",
        which == REFUSED ? "Too wide." : which == GRANTED ? "In order." : "", which == GRANTED ? o->permit.text : "");
    if (workflow)
        sql(o, "UPDATE applications SET received_ms = created_ms, changed_ms = created_ms, outcome = '%s' WHERE id = '%s'", which == SUBMITTED ? "" : then[which], id);
    if (version >= CASES_VERSION)
        sql(o, "UPDATE applications SET purpose = '53.1.e', ground = '%s' WHERE id = '%s'", which == REFUSED ? "other" : "", id);
    sql(o, "INSERT INTO parties (document, kind, name) VALUES ('%s', 0, 'researcher')", id);
    sql(o, "INSERT INTO parties (document, kind, name) VALUES ('%s', 1, 'alpha')", id);
    sql(o, "INSERT INTO opinions (application, site, account, opinion, text, at_ms) VALUES ('%s', 'alpha', 'holder-a', 'approve', 'fine', %lld)", id, (long long)made_ms);
}

static void write_permit(struct rig *g, const struct old *o)
{
    char from[INSTANT_TEXT_SIZE], until[INSTANT_TEXT_SIZE];
    int64_t to_ms = o->now_ms + 90 * DAY_MS;
    instant_print(o->now_ms - DAY_MS, from);
    instant_print(to_ms, until);
    const char *zero = o->backend->bytea ? "'\\x00'" : "x'00'";
    sql(o, "INSERT INTO permits (id, application, state, serial, payload, hash, envelope, from_ms, to_ms, created_ms, changed_ms) VALUES ('%s', '%s', 1, 1,"
        " '{\"application\":\"%s\",\"datasets\":[{\"dataset\":\"heart\",\"sites\":[\"alpha\"],\"statistics\":[\"count\"],\"variables\":[\"*\"]}],\"from\":\"%s\",\"id\":\"%s\","
        "\"innsyn\":\"permit/1\",\"network\":\"demo\",\"people\":[{\"account\":\"researcher\",\"key\":\"%s\"}],\"purpose\":\"53.1.e\",\"to\":\"%s\"}',"
        " %s, '', %lld, %lld, %lld, %lld)",
        o->permit.text, o->id[GRANTED].text, o->id[GRANTED].text, from, o->permit.text, rig_key64(g, RESEARCHER), until, zero, (long long)(o->now_ms - DAY_MS),
        (long long)to_ms, (long long)(o->now_ms - DAY_MS), (long long)(o->now_ms - DAY_MS));
    sql(o, "INSERT INTO parties (document, kind, name) VALUES ('%s', 0, 'researcher')", o->permit.text);
}

/* The store as version `version` of the schema left it. */
static void make_old(struct rig *g, struct old *o, unsigned version)
{
    o->now_ms = host_now_ms(host_real());
    open_backend(o, g->settings.store);
    sql(o, "CREATE TABLE IF NOT EXISTS schema_version (one BIGINT PRIMARY KEY, version BIGINT NOT NULL)");
    for (unsigned i = 0; i < version; i++)
        assert_ok(o->backend->execute(o->self, schema_step(i, o->backend->bytea), NULL));
    sql(o, "INSERT INTO schema_version (one, version) VALUES (1, %u)", version);
    for (unsigned i = 0; i < APPLICATIONS; i++)
        assert_ok(document_id_new(host_real(), 'a', &o->id[i], NULL));
    assert_ok(document_id_new(host_real(), 'p', &o->permit, NULL));
    write_accounts(g, o);
    for (unsigned i = 0; i < APPLICATIONS; i++)
        write_application(o, version, i);
    write_permit(g, o);
    o->backend->close(o->self);
}

static const struct rig_answer *get(struct rig *g, int person, const char *path, const char *id)
{
    char text[160];
    snprintf(text, sizeof text, "%s%s", path, id);
    const struct rig_answer *a = rig_call(g, person, HTTP_GET, text, NULL);
    EXPECT(a, 200, NULL);
    return a;
}

static void step(struct rig *g, int person, const char *id, const char *body, const char *state)
{
    char path[160];
    snprintf(path, sizeof path, "/v1/applications/%s/steps", id);
    const struct rig_answer *a = rig_call(g, person, HTTP_POST, path, body);
    EXPECT(a, 200, NULL);
    assert_slice(json_text(json_get(a->body, "state")), state);
}

static void what_was_decided_stands(struct rig *g, const struct old *o)
{
    const struct rig_answer *a = get(g, P_OFFICER1, "/v1/applications/", o->id[REFUSED].text);
    assert_slice(json_text(json_get(a->body, "state")), "decided");
    const struct json *decision = json_get(a->body, "decision");
    assert_slice(json_text(json_get(decision, "outcome")), "refused");
    assert_slice(json_text(json_get(decision, "reason")), "Too wide.");
    assert_slice(json_text(json_get(decision, "ground")), "other");
    a = get(g, P_RESEARCHER, "/v1/applications/", o->id[GRANTED].text);
    assert_slice(json_text(json_get(json_get(a->body, "decision"), "outcome")), "granted");
    assert_int_equal(json_size(json_get(a->body, "opinions")), 1);
    a = get(g, P_RESEARCHER, "/v1/permits/", o->permit.text);
    assert_slice(json_text(json_get(a->body, "state")), "live");
    assert_slice(json_text(json_get(a->body, "origin")), "granted");
    assert_int_equal(json_size(json_get(get(g, P_OFFICER1, "/v1/applications", "")->body, "items")), APPLICATIONS);
    assert_int_equal(json_size(json_get(get(g, P_RESEARCHER, "/v1/applications", "")->body, "items")), APPLICATIONS);
    assert_int_equal(json_size(json_get(get(g, P_RESEARCHER, "/v1/permits", "")->body, "items")), 1);
    assert_int_equal(json_size(json_get(get(g, -1, "/v1/register", "")->body, "items")), APPLICATIONS);
    a = get(g, -1, "/v1/register/report", "");
    assert_slice(json_text(json_get(json_item(json_get(a->body, "by_purpose"), 0), "purpose")), "53.1.e");
    assert_int_equal(json_integer(json_get(json_item(json_get(a->body, "by_purpose"), 0), "count")), json_integer(json_get(a->body, "received")));
}

static void the_work_goes_on(struct rig *g, const struct old *o)
{
    char path[160];
    const char *id = o->id[SUBMITTED].text;
    step(g, P_OFFICER1, id, "{\"command\":\"screen\",\"version\":1}", "pre_screening");
    step(g, P_OFFICER1, id, "{\"command\":\"complete\",\"version\":2}", "processing");
    step(g, P_OFFICER2, id, "{\"command\":\"refuse\",\"version\":3,\"text\":\"no\",\"ground\":\"ethics\"}", "decided");
    step(g, P_RESEARCHER, o->id[REFUSED].text, "{\"command\":\"appeal\",\"version\":1,\"text\":\"not so wide\"}", "appealed");
    step(g, P_OFFICER2, o->id[REFUSED].text, "{\"command\":\"reopen\",\"version\":2,\"text\":\"a look\"}", "processing");
    snprintf(path, sizeof path, "/v1/permits/%s/amendments", o->permit.text);
    EXPECT(rig_call(g, P_RESEARCHER, HTTP_POST, path, "{}"), 201, NULL);
    EXPECT(rig_call(g, P_RESEARCHER, HTTP_POST, "/v1/enquiries", "{\"title\":\"a\",\"question\":\"b\"}"), 201, NULL);
    snprintf(path, sizeof path, "/v1/applications/%s/export", id);
    EXPECT(rig_call(g, P_OFFICER1, HTTP_GET, path, NULL), 200, NULL);
}

static void sign_in(struct rig *g)
{
    static const int people[] = {P_OPERATOR, P_OFFICER1, P_OFFICER2, P_RESEARCHER};
    for (size_t i = 0; i < COUNT_OF(people); i++)
        rig_login(g, people[i]);
}

static void upgrade(const char *store, unsigned version)
{
    struct rig g;
    struct old o = {0};
    struct why why = {0};
    rig_prepare(&g, store);
    make_old(&g, &o, version);
    result r = core_bootstrap(host_real(), &g.settings, slice_str("op"), slice_str(RIG_PASSWORD), &why);
    if (!is_ok(r))
        fail_msg("a %s store of version %u: %s", store ? "postgres" : "sqlite", version, why.text);
    rig_start_core(&g);
    sign_in(&g);
    what_was_decided_stands(&g, &o);
    the_work_goes_on(&g, &o);
    core_free(g.core);
    rig_start_core(&g); /* and once more: nothing is upgraded twice */
    sign_in(&g);
    assert_int_equal(json_size(json_get(get(&g, P_OFFICER1, "/v1/applications", "")->body, "items")), APPLICATIONS);
    rig_close(&g);
}

static void every_earlier_store_is_upgraded(void **state)
{
    (void)state;
    unsigned stores = 0;
    for (unsigned version = 1; version < SCHEMA_VERSIONS; version++, stores++)
        upgrade(NULL, version);
    for (unsigned version = 1; pg_store[0] && version < SCHEMA_VERSIONS; version++, stores++)
        upgrade(pg_store, version);
    print_message("%u stores upgraded to version %d\n", stores, SCHEMA_VERSIONS);
}

static void a_later_store_is_left_alone(void **state)
{
    (void)state;
    struct rig g;
    struct old o = {0};
    struct why why = {0};
    rig_prepare(&g, NULL);
    make_old(&g, &o, SCHEMA_VERSIONS);
    open_backend(&o, g.settings.store);
    sql(&o, "UPDATE schema_version SET version = %d", SCHEMA_VERSIONS + 1);
    o.backend->close(o.self);
    result r = core_bootstrap(host_real(), &g.settings, slice_str("op"), slice_str(RIG_PASSWORD), &why);
    assert_int_equal(r.code, BROKEN);
    assert_non_null(strstr(why.text, "start the newer broker"));
    rig_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_earlier_store_is_upgraded),
        cmocka_unit_test(a_later_store_is_left_alone),
    };
    return cmocka_run_group_tests(tests, start_postgres, stop_postgres);
}
