/*
 * Aim: what is wrong about a call is told, and nothing wrong is done: every step twice at once and on a stale version,
 * fields that are missing, unknown, oversized or of another language, decisions after their time, clocks that are
 * moved, calls of every role, permits in every stage, and duties that are not apart.
 * Method: through the core, with tables made from the same data that the broker reads; the clock is a parameter.
 */
#include "application_rig.h"

#include "policy/form.h"
#include "policy/roles.h"

#include <stdio.h>

/* --- a clock that is moved --- */

static int64_t clock_shift_ms;

static int64_t shifted_now_ms(void *self)
{
    (void)self;
    return host_now_ms(host_real()) + clock_shift_ms;
}

static struct host_calls shifted_calls;
static struct host shifted_host;

static void rig_open_shifted(struct rig *g)
{
    clock_shift_ms = 0;
    shifted_calls = *host_real()->calls;
    shifted_calls.now_ms = shifted_now_ms;
    shifted_host = (struct host){&shifted_calls, host_real()->self};
    rig_open(g, NULL);
    struct core_ports ports = rig_ports(g);
    core_free(g->core);
    assert_ok(core_new(&g->settings, &shifted_host, &ports, &g->core, NULL));
    rig_network(g);
}

/* Sessions end after half a day: everybody signs in again. */
static void at_shift(struct rig *g, int64_t shift_ms)
{
    clock_shift_ms = shift_ms;
    for (int i = 0; i < PEOPLE; i++)
        rig_login(g, i);
}

static bool last_entry_says(struct rig *g, const char *text)
{
    struct rows *last CLEANUP(rows_freep) = NULL, *rows CLEANUP(rows_freep) = NULL;
    assert_ok(store_run(core_store(g->core), LOG_LAST, NULL, 0, &last, NULL));
    assert_true(rows_next(last));
    assert_ok(STORE_RUN(core_store(g->core), LOG_ENTRY, &rows, NULL, store_integer(rows_integer(last, 0))));
    assert_true(rows_next(rows));
    return memmem(rows_bytes(rows, 0).at, rows_bytes(rows, 0).len, text, strlen(text)) != NULL;
}

/* --- twice at once, and stale --- */

static void more_of(enum step step, char more[4300])
{
    more[0] = 0;
    if (step == STEP_EDIT)
        snprintf(more, 4300, ",\"form\":%s", form_of("", "\"researcher\",\"researcher2\""));
    else if (step == STEP_OPINION)
        snprintf(more, 4300, ",\"site\":\"alpha\",\"opinion\":\"approve\"");
    else if (step == STEP_ESTIMATE)
        snprintf(more, 4300, ",\"fee\":100,\"text\":\"little work\"");
    else if (step == STEP_TRANSFER)
        snprintf(more, 4300, ",\"account\":\"researcher2\",\"text\":\"new post\"");
    else if (step == STEP_DETACH)
        snprintf(more, 4300, ",\"attachment\":\"%s\"", attached);
    else
        snprintf(more, 4300, ",\"text\":\"because\"");
}

static int first_of(unsigned actors)
{
    return actors & ACTOR_APPLICANT ? W_APPLICANT : actors & ACTOR_MEMBER ? W_MEMBER : actors & ACTOR_OFFICER ? P_OFFICER2 : P_HOLDER1;
}

/* One of two is taken; the other is told what the first one changed. */
static void check_told(const struct rig_answer *a, int64_t version, const char *step)
{
    EXPECT(a, 409, "conflict");
    assert_slice(json_text(json_get(a->body, "field")), "/version");
    const struct json *params = json_get(a->body, "params"), *changes = json_get(params, "changes");
    assert_int_equal(json_integer(json_get(params, "version")), version + 1);
    assert_int_equal(json_size(changes), 1);
    assert_slice(json_text(json_get(json_item(changes, 0), "command")), step);
}

static void every_step_twice_at_once(void **state)
{
    (void)state;
    struct rig g;
    unsigned steps = 0;
    rig_open(&g, NULL);
    rig_network(&g);
    for (unsigned s = 0; s < APPLICATION_STATES; s++)
        for (unsigned k = 0; k < STEP_ATTACH; k++) {
            const struct workflow_row *row = workflow_find((enum application_state)s, (enum step)k);
            char id[DOCUMENT_ID_LEN + 1], path[128], body[8192], more[4300];
            int64_t version;
            if (!row || k == STEP_AGREE || (s == APPLICATION_AWAITING && k == STEP_REFUSE)) /* those two need more than the state */
                continue;
            in_state(&g, (enum application_state)s, id, &version);
            more_of((enum step)k, more);
            snprintf(path, sizeof path, "/v1/applications/%s/steps", id);
            snprintf(body, sizeof body, "{\"command\":\"%s\",\"version\":%lld%s}", step_name((enum step)k), (long long)version, more);
            struct http_request one = rig_request(HTTP_POST, path, body), two;
            one.token = slice_str(g.token[first_of(row->actors)]);
            two = one;
            rig_forget(&g);
            uint64_t first = rig_send(&g, &one), second = rig_send(&g, &two);
            rig_turn(&g);
            EXPECT(rig_find(&g, first), 200, NULL);
            const struct rig_answer *late = rig_find(&g, second);
            /* Who gave it away, or takes no part any more, is told so first. */
            if (k == STEP_TRANSFER)
                assert_true(late->status == 403 || late->status == 409);
            else if (k == STEP_DECLINE)
                EXPECT(late, 404, "no_such_thing");
            else
                check_told(late, version, step_name((enum step)k));
            steps++;
        }
    print_message("%u steps twice at once: one taken each\n", steps);
    rig_close(&g);
}

/* --- forms --- */

static struct json *filled_form(const char *name)
{
    char text[4096], from[INSTANT_TEXT_SIZE], to[INSTANT_TEXT_SIZE];
    struct json *v = NULL;
    rig_moment(-HOUR_MS, from);
    rig_moment(60 * DAY_MS, to);
    snprintf(text, sizeof text,
             "{\"form\":\"%s\",\"title\":\"Hearts\",\"summary\":\"why\",\"safeguards\":\"few\",\"purpose\":\"53.1.e\",\"from\":\"%s\",\"to\":\"%s\","
             "\"datasets\":[{\"dataset\":\"heart\",\"sites\":[\"alpha\"],\"variables\":[\"*\"],\"statistics\":[\"count\"]}],\"people\":[\"researcher\"],%s}",
             name, from, to,
             strcmp(name, "request-1") == 0
                 ? "\"statistical_content\":\"counts\",\"legal_basis\":\"6(1)(e)\""
                 : "\"principal_investigator\":\"researcher\",\"functions\":\"leads\",\"data_form\":\"pseudonymised\",\"pseudonymised_reason\":\"linked\",\"gdpr_basis\":\"6.1.e\",\"own_data\":false,"
                   "\"period_reason\":\"short\",\"tools\":\"none\",\"ethics\":\"none needed\"");
    assert_ok(json_parse(slice_str(text), sizeof text, &v, NULL));
    return v;
}

static void expect_form(struct rig *g, const struct json *form, unsigned status, const char *field)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 1024 * 1024);
    assert_ok(json_print(form, &text, NULL));
    const struct rig_answer *a = rig_call(g, W_APPLICANT, HTTP_POST, "/v1/applications", buffer_str(&text));
    EXPECT(a, status, NULL);
    if (field)
        assert_slice(json_text(json_get(a->body, "field")), field);
}

/* A copy of the form in which one member is another value. */
static void with_member(struct rig *g, const char *form, const char *name, struct json *value, unsigned status)
{
    char path[80];
    struct json *v CLEANUP(json_freep) = filled_form(form);
    json_set(v, name, value);
    snprintf(path, sizeof path, "/%s", name);
    /* A field that others are asked by may be told by one of those: "asked only for certain values of ...". */
    expect_form(g, v, status, status == 201 || strcmp(name, "data_form") == 0 ? NULL : path);
}

static void every_field_of_every_form(void **state)
{
    (void)state;
    static const char *const foreign[] = {"tittel", "formål", "Title", "title_nb", "sammendrag"};
    static char long_text[20004];
    struct rig g;
    unsigned fields = 0, cases = 0;
    rig_open(&g, NULL);
    rig_network(&g);
    memset(long_text, 'a', sizeof long_text - 1);
    for (unsigned i = 0; i < form_count(); i++) {
        const char *name = form_name(i);
        struct json *form CLEANUP(json_freep) = NULL, *good CLEANUP(json_freep) = filled_form(name);
        assert_ok(form_open(slice_str(name), &form, NULL));
        expect_form(&g, good, 201, NULL);
        const struct json *list = json_get(form, "fields");
        for (size_t k = 0; k < json_size(list); k++, fields++) {
            const struct json *field = json_item(list, k);
            char key[64];
            struct slice type = json_text(json_get(field, "type"));
            assert_true(slice_copy_str(json_text(json_get(field, "name")), key, sizeof key));
            if (json_get(good, key) && json_truth(json_get(field, "required"))) { /* missing, empty, null */
                with_member(&g, name, key, json_of_null(), 400);
                with_member(&g, name, key, slice_is(type, "people") || slice_is(type, "datasets") ? json_array() : json_of_str(""), 400);
                cases += 2;
            }
            if (json_get(good, key)) { /* of another kind */
                with_member(&g, name, key, json_object(), 400);
                with_member(&g, name, key, slice_is(type, "bool") ? json_of_str("ja") : json_of_integer(7), 400);
                cases += 2;
            }
            int64_t max = json_integer(json_get(field, "max"));
            if (json_get(good, key) && slice_is(type, "text") && max < (int64_t)sizeof long_text) { /* to the byte */
                with_member(&g, name, key, json_of_text(slice_of(long_text, (size_t)max + 1)), 400);
                if (strcmp(key, "principal_investigator") != 0)
                    with_member(&g, name, key, json_of_text(slice_of(long_text, (size_t)max)), 201);
                cases += 2;
            }
        }
        for (size_t k = 0; k < COUNT_OF(foreign); k++, cases++) /* a field's name is one, whatever the reader's language */
            with_member(&g, name, foreign[k], json_of_str("x"), 400);
    }
    char body[256];
    snprintf(body, sizeof body, "{\"title\":{\"nb\":\"Hjerter\",\"en\":\"Hearts\"}}");
    EXPECT(rig_call(&g, W_APPLICANT, HTTP_POST, "/v1/applications?draft=1", body), 400, "malformed");
    EXPECT(rig_call(&g, W_APPLICANT, HTTP_POST, "/v1/applications", "[]"), 400, "malformed");
    EXPECT(rig_call(&g, W_APPLICANT, HTTP_POST, "/v1/applications", "{\"title\":\"a\",\"title\":\"b\"}"), 400, "malformed");
    EXPECT(rig_call(&g, W_APPLICANT, HTTP_POST, "/v1/applications", "{\"title\":\"\xff\"}"), 400, "malformed");
    print_message("%u fields of %u forms, %u wrong and right fillings\n", fields, form_count(), cases);
    rig_close(&g);
}

/* --- time --- */

static void decisions_after_their_time(void **state)
{
    (void)state;
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1], draft[DOCUMENT_ID_LEN + 1], asked[DOCUMENT_ID_LEN + 1], path[128];
    int64_t version, draft_version, asked_version;
    rig_open_shifted(&g);
    in_state(&g, APPLICATION_DRAFT, draft, &draft_version);
    in_state(&g, APPLICATION_PRE_SCREENING, id, &version);
    must(&g, P_OFFICER1, id, "complete", &version, "");
    in_state(&g, APPLICATION_AWAITING, asked, &asked_version);
    at_shift(&g, 27 * DAY_MS);
    EXPECT(take_step(&g, P_OFFICER1, asked, "refuse", asked_version, ",\"text\":\"no answer\""), 409, "conflict");
    at_shift(&g, 29 * DAY_MS);
    EXPECT(take_step(&g, P_HOLDER1, id, "opinion", version, ",\"site\":\"alpha\",\"opinion\":\"approve\""), 409, "conflict"); /* too late */
    must(&g, P_OFFICER1, asked, "refuse", &asked_version, ",\"text\":\"no answer\"");
    at_shift(&g, 51 * DAY_MS);
    EXPECT(take_step(&g, W_APPLICANT, asked, "appeal", asked_version, ",\"text\":\"sorry\""), 409, "conflict"); /* more than three weeks */
    at_shift(&g, 100 * DAY_MS); /* the legal three months have passed: it is decided all the same, and that is said */
    must(&g, P_OFFICER1, id, "refuse", &version, ",\"text\":\"late, and no\"");
    assert_true(last_entry_says(&g, "\"late\":true"));
    must(&g, W_APPLICANT, id, "appeal", &version, ",\"text\":\"in time\"");
    snprintf(path, sizeof path, "/v1/applications/%s", draft);
    at_shift(&g, 190 * DAY_MS);
    const struct rig_answer *a = rig_call(&g, W_APPLICANT, HTTP_GET, path, NULL);
    if (!slice_is(json_text(json_get(a->body, "state")), "withdrawn")) { /* the sweep comes once in a while, and at each start */
        struct core_ports ports = rig_ports(&g);
        core_free(g.core);
        assert_ok(core_new(&g.settings, &shifted_host, &ports, &g.core, NULL));
        at_shift(&g, 190 * DAY_MS);
        a = rig_call(&g, W_APPLICANT, HTTP_GET, path, NULL);
    }
    assert_slice(json_text(json_get(a->body, "state")), "withdrawn"); /* untouched for six months */
    EXPECT(take_step(&g, W_APPLICANT, draft, "submit", draft_version + 1, ""), 409, "conflict");
    rig_close(&g);
}

/* A clock that is put back gives nobody more time than the log's, and stops nothing. */
static void a_clock_put_back(void **state)
{
    (void)state;
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1], path[128];
    int64_t version, last_ms = 0;
    rig_open_shifted(&g);
    in_state(&g, APPLICATION_PROCESSING, id, &version);
    static const int64_t shifts[] = {-DAY_MS, 3 * DAY_MS, -10 * DAY_MS, 0};
    for (size_t i = 0; i < COUNT_OF(shifts); i++) {
        at_shift(&g, shifts[i]);
        must(&g, P_OFFICER1, id, "ask", &version, ",\"text\":\"which?\"");
        must(&g, W_APPLICANT, id, "answer", &version, ",\"text\":\"these\"");
        must(&g, P_OFFICER1, id, "complete", &version, "");
    }
    snprintf(path, sizeof path, "/v1/applications/%s", id);
    const struct rig_answer *a = rig_call(&g, P_OFFICER1, HTTP_GET, path, NULL);
    EXPECT(a, 200, NULL);
    assert_int_equal(json_size(json_get(a->body, "history")), version);
    struct rows *rows CLEANUP(rows_freep) = NULL;
    unsigned jumps = 0;
    assert_ok(STORE_RUN(core_store(g.core), LOG_RANGE, &rows, NULL, store_integer(0), store_integer(10000)));
    while (rows_next(rows)) { /* the order of the log holds, and each jump is in it */
        struct json *entry CLEANUP(json_freep) = NULL;
        int64_t at_ms;
        assert_ok(json_parse(rows_bytes(rows, 0), RIG_TEXT, &entry, NULL));
        assert_true(instant_parse(json_text(json_get(entry, "at")), &at_ms) && at_ms >= last_ms);
        last_ms = at_ms;
        jumps += slice_is(json_text(json_get(entry, "type")), "clock");
    }
    assert_int_equal(jumps, COUNT_OF(shifts));
    rig_close(&g);
}

/* --- permits --- */

static const char *permit_in(struct rig *g, enum permit_stage stage)
{
    static char permit[DOCUMENT_ID_LEN + 1];
    char path[128];
    if (stage == STAGE_DRAFT) {
        rig_draft(g, "[\"count\"]", 60 * DAY_MS, permit);
        return permit;
    }
    rig_permit(g, "[\"count\"]", stage == STAGE_EXPIRED ? DAY_MS : 60 * DAY_MS, permit);
    snprintf(path, sizeof path, "/v1/permits/%s/status", permit);
    if (stage == STAGE_SUSPENDED)
        EXPECT(rig_call(g, P_OFFICER1, HTTP_POST, path, "{\"state\":\"suspended\",\"reason\":\"a look\"}"), 200, NULL);
    if (stage == STAGE_REVOKED)
        EXPECT(rig_call(g, P_OFFICER1, HTTP_POST, path, "{\"state\":\"revoked\",\"reason\":\"misuse\"}"), 200, NULL);
    if (stage == STAGE_EXPIRED)
        at_shift(g, clock_shift_ms + 2 * DAY_MS);
    return permit;
}

static const struct {
    enum permit_step step;
    const char *call, *body;
} permit_calls[] = {
    {PERMIT_RESUME, "status", "{\"state\":\"live\",\"reason\":\"asked\"}"},      {PERMIT_SUSPEND, "status", "{\"state\":\"suspended\",\"reason\":\"asked\"}"},
    {PERMIT_REVOKE, "status", "{\"state\":\"revoked\",\"reason\":\"asked\"}"},  {PERMIT_AMEND, "amendments", "{}"},
    {PERMIT_RENEW, "renewals", "{\"to\":\"2029-01-01T00:00:00Z\"}"},
    {PERMIT_SIGN, "signatures", "{\"keyid\":\"00\",\"sig\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\"}"},
};

/* Each stage, step and caller; signing with a key that is nobody's gets as far as the key. */
static void every_permit_cell(void **state)
{
    (void)state;
    static const struct {
        int person;
        unsigned actor;
        bool sees;
    } callers[] = {{P_RESEARCHER, ACTOR_APPLICANT, true}, {P_RESEARCHER2, 0, false}, {P_OFFICER2, ACTOR_OFFICER, true}, {P_HOLDER1, ACTOR_HOLDER, true},
                   {P_AUDITOR, 0, true},                  {P_OPERATOR, 0, false},    {-1, 0, false}};
    struct rig g;
    unsigned cells = 0, allowed = 0;
    rig_open_shifted(&g);
    for (unsigned s = 0; s < STAGE_REPLACED; s++) { /* replaced: workflow_test */
        char permit[DOCUMENT_ID_LEN + 1], path[128];
        memcpy(permit, permit_in(&g, (enum permit_stage)s), sizeof permit);
        for (size_t k = 0; k < COUNT_OF(permit_calls); k++)
            for (size_t w = 0; w < COUNT_OF(callers); w++, cells++) {
                const struct permit_workflow_row *row = permit_workflow_find((enum permit_stage)s, permit_calls[k].step);
                unsigned may = 0;
                for (unsigned n = 0; n < STAGES; n++)
                    may |= permit_workflow_find((enum permit_stage)n, permit_calls[k].step) ? permit_workflow_find((enum permit_stage)n, permit_calls[k].step)->actors : 0;
                snprintf(path, sizeof path, "/v1/permits/%s/%s", permit, permit_calls[k].call);
                const struct rig_answer *a = rig_call(&g, callers[w].person, HTTP_POST, path, permit_calls[k].body);
                bool asks = may & ACTORS_ASKING, researcher = callers[w].person == P_RESEARCHER || callers[w].person == P_RESEARCHER2;
                if (callers[w].person < 0) {
                    EXPECT(a, 401, "not_signed_in");
                } else if (asks ? !researcher : !(may & callers[w].actor)) {
                    EXPECT(a, 403, "wrong_role");
                } else if (!callers[w].sees) {
                    EXPECT(a, 404, "no_such_thing");
                } else if (!row) {
                    EXPECT(a, 409, "conflict");
                } else if (permit_calls[k].step == PERMIT_SIGN) {
                    EXPECT(a, 403, "unknown_key");
                    allowed++;
                } else {
                    EXPECT(a, asks ? 201 : 200, NULL);
                    allowed++;
                    if (!asks)
                        memcpy(permit, permit_in(&g, (enum permit_stage)s), sizeof permit);
                }
            }
    }
    print_message("%u cells of permits, %u allowed\n", cells, allowed);
    rig_close(&g);
}

/* --- every call by every role --- */

static void plausible_path(const char *pattern, char to[200])
{
    size_t n = 0;
    for (const char *p = pattern; *p && n < 150; p++) {
        if (*p != '{') {
            to[n++] = *p;
            continue;
        }
        n += (size_t)snprintf(to + n, 200 - n, "%c-00000000000000000000000000", strstr(pattern, "permits") ? 'p' : strstr(pattern, "queries") ? 'q' : 'a');
        p = strchr(p, '}');
    }
    to[n] = 0;
}

static void every_call_by_every_role(void **state)
{
    (void)state;
    static const enum http_method methods[] = {HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_DELETE};
    static const char *const names[] = {"GET", "POST", "PUT", "DELETE"};
    static const unsigned roles[] = {ROLE_OPERATOR, ROLE_OFFICER, ROLE_HOLDER, ROLE_RESEARCHER, ROLE_AUDITOR, ROLE_DESK, 0};
    static const int people[] = {P_OPERATOR, P_OFFICER1, P_HOLDER1, P_RESEARCHER, P_AUDITOR};
    static char desk[HTTP_TOKEN_MAX + 1];
    struct rig g;
    unsigned cells = 0, allowed = 0;
    rig_open(&g, NULL);
    rig_network(&g);
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/accounts", "{\"account\":\"desk\",\"password\":\"" RIG_PASSWORD "\",\"roles\":[\"desk\"]}"), 201, NULL);
    const struct rig_answer *a = rig_call(&g, -1, HTTP_POST, "/v1/login", "{\"account\":\"desk\",\"password\":\"" RIG_PASSWORD "\"}");
    rig_text(a->body, "token", desk, sizeof desk);
    for (unsigned k = 0; k < COMMAND_COUNT; k++) {
        const struct command_rule *rule = command_rule((enum command)k);
        size_t m = 0;
        char path[200];
        while (strcmp(names[m], rule->method) != 0)
            m++;
        plausible_path(rule->path, path);
        if (k == COMMAND_LOGOUT || k == COMMAND_LOGIN || k == COMMAND_LOG_WATCH || k == COMMAND_LOG_COSIGNATURE || k == COMMAND_LOG_CHECKPOINT)
            continue; /* ends the session; waits: core_test, log_search_test, witness_test */
        for (size_t w = 0; w < COUNT_OF(roles); w++, cells++) {
            struct http_request r = rig_request(methods[m], path, m == 0 ? "" : "{}");
            if (roles[w])
                r.token = slice_str(roles[w] == ROLE_DESK ? desk : g.token[people[w]]);
            a = rig_ask(&g, &r);
            bool for_people = rule->callers & ~(unsigned)CALLER_AGENT;
            if (!for_people)
                assert_true(a->status == 404 || a->status == 405); /* an agent's call is not there for people */
            else if (!roles[w] && !(rule->callers & CALLER_ANYONE))
                EXPECT(a, 401, "not_signed_in");
            else if (!policy_role_may(roles[w], (enum command)k))
                EXPECT(a, 403, "wrong_role");
            else if (roles[w] && (a->status == 401 || (a->status == 403 && slice_is(json_text(json_get(a->body, "code")), "wrong_role"))))
                fail_msg("%s %s is refused to %s", rule->method, rule->path, role_name(roles[w]));
            else
                allowed++;
        }
    }
    print_message("%u cells of call x role, %u allowed\n", cells, allowed);
    rig_close(&g);
}

/* A right is looked at in each call: a token that gives less, an account that was closed a moment ago. */
static void rights_are_looked_at_each_time(void **state)
{
    (void)state;
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1], saved[HTTP_TOKEN_MAX + 1], body[128];
    int64_t version;
    static const struct {
        const char *scope;
        int person;
        const char *step;
        unsigned status;
    } rows[] = {{"read", P_OFFICER1, "screen", 403}, {"apply", P_OFFICER1, "screen", 403}, {"query", W_APPLICANT, "withdraw", 403}, {"decide", W_APPLICANT, "withdraw", 403},
                {"apply", W_APPLICANT, "withdraw", 200}, {"decide", P_OFFICER1, "screen", 200}};
    rig_open(&g, NULL);
    rig_network(&g);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        in_state(&g, APPLICATION_SUBMITTED, id, &version);
        snprintf(body, sizeof body, "{\"name\":\"t\",\"scopes\":[\"%s\"],\"days\":1}", rows[i].scope);
        const struct rig_answer *a = rig_call(&g, rows[i].person, HTTP_POST, "/v1/tokens", body);
        EXPECT(a, 201, NULL);
        memcpy(saved, g.token[rows[i].person], sizeof saved);
        rig_text(a->body, "token", g.token[rows[i].person], sizeof saved);
        EXPECT(take_step(&g, rows[i].person, id, rows[i].step, version, ""), rows[i].status, rows[i].status == 403 ? "wrong_role" : NULL);
        memcpy(g.token[rows[i].person], saved, sizeof saved);
    }
    in_state(&g, APPLICATION_SUBMITTED, id, &version);
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/erasures", "{\"account\":\"officer1\"}"), 200, NULL);
    EXPECT(take_step(&g, P_OFFICER1, id, "screen", version, ""), 401, "not_signed_in");
    must(&g, P_OFFICER2, id, "screen", &version, "");
    rig_close(&g);
}

/* --- duties that are apart --- */

static void nobody_decides_on_his_own(void **state)
{
    (void)state;
    static const char *const both[] = {"officer", "holder", "auditor", "operator"};
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1], permit[DOCUMENT_ID_LEN + 1], body[512], path[128];
    int64_t version;
    rig_open(&g, NULL);
    rig_network(&g);
    /* nobody both asks and decides, watches or runs: there is no such account */
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        snprintf(body, sizeof body, "{\"account\":\"both\",\"password\":\"" RIG_PASSWORD "\",\"roles\":[\"researcher\",\"%s\"]}", both[i]);
        const struct rig_answer *a = rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/accounts", body);
        EXPECT(a, 403, "duties_not_apart");
    }
    /* an account that a flawed store gave both roles is held by each step all the same */
    rig_draft(&g, "[\"count\"]", 60 * DAY_MS, permit);
    in_state(&g, APPLICATION_SUBMITTED, id, &version);
    assert_ok(STORE_RUN(core_store(g.core), PARTY_ADD, NULL, NULL, store_str(id), store_integer(0), store_str("officer2"), store_integer(0)));
    static const char *const decides[] = {"screen", "complete", "ask", "extend", "grant", "refuse", "estimate", "uphold", "reopen"};
    for (size_t i = 0; i < COUNT_OF(decides); i++)
        EXPECT(take_step(&g, P_OFFICER2, id, decides[i], version, strcmp(decides[i], "estimate") == 0 ? ",\"fee\":1,\"text\":\"x\"" : ",\"text\":\"x\""), 403, "duties_not_apart");
    EXPECT(take_step(&g, P_OFFICER2, id, "transfer", version, ",\"account\":\"researcher2\",\"text\":\"x\""), 403, "duties_not_apart");
    assert_ok(STORE_RUN(core_store(g.core), PARTY_ADD, NULL, NULL, store_str(id), store_integer(0), store_str("holder-a"), store_integer(0)));
    EXPECT(take_step(&g, P_HOLDER1, id, "opinion", version, ",\"site\":\"alpha\",\"opinion\":\"approve\""), 403, "duties_not_apart");
    /* nor signs, suspends or revokes a permit that names him or her */
    assert_ok(STORE_RUN(core_store(g.core), PARTY_ADD, NULL, NULL, store_str(permit), store_integer(0), store_str("officer2"), store_integer(0)));
    rig_sign_permit(&g, P_OFFICER2, OFFICER2, permit, 403, "duties_not_apart");
    snprintf(path, sizeof path, "/v1/permits/%s/status", permit);
    EXPECT(rig_call(&g, P_OFFICER2, HTTP_POST, path, "{\"state\":\"revoked\",\"reason\":\"x\"}"), 403, "duties_not_apart");
    /* who gave a holder's opinion does not decide */
    in_state(&g, APPLICATION_PROCESSING, id, &version);
    assert_ok(STORE_RUN(core_store(g.core), OPINION_PUT, NULL, NULL, store_str(id), store_str("alpha"), store_str("officer1"), store_str("approve"), store_str(""), store_integer(1)));
    EXPECT(take_step(&g, P_OFFICER1, id, "grant", version, ",\"text\":\"x\""), 403, "duties_not_apart");
    EXPECT(take_step(&g, P_OFFICER1, id, "refuse", version, ",\"text\":\"x\""), 403, "duties_not_apart");
    must(&g, P_OFFICER2, id, "grant", &version, ",\"text\":\"by another\"");
    /* who decides does not query */
    EXPECT(rig_query(&g, P_OFFICER1, OFFICER1, permit, "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"statistic\":{\"count\":{}}}", body), 403, "wrong_role");
    EXPECT(rig_query(&g, P_HOLDER1, HOLDER1, permit, "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"statistic\":{\"count\":{}}}", body), 403, "wrong_role");
    rig_close(&g);
}

/* One officer's signature twice is one: the permit waits for another's. */
static void two_officers_must_differ(void **state)
{
    (void)state;
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1], path[128];
    rig_open(&g, NULL);
    rig_network(&g);
    rig_draft(&g, "[\"count\"]", 60 * DAY_MS, permit);
    rig_sign_permit(&g, P_HOLDER1, HOLDER1, permit, 200, NULL);
    rig_sign_permit(&g, P_HOLDER2, HOLDER2, permit, 200, NULL);
    rig_sign_permit(&g, P_OFFICER1, OFFICER1, permit, 200, NULL);
    rig_sign_permit(&g, P_OFFICER1, OFFICER1, permit, 200, NULL);
    rig_sign_permit(&g, P_OFFICER1, OFFICER2, permit, 403, "unknown_key"); /* with another's key */
    rig_sign_permit(&g, P_RESEARCHER, RESEARCHER, permit, 403, "wrong_role");
    snprintf(path, sizeof path, "/v1/permits/%s", permit);
    const struct rig_answer *a = rig_call(&g, P_OFFICER1, HTTP_GET, path, NULL);
    assert_slice(json_text(json_get(a->body, "state")), "draft");
    assert_int_equal(json_size(json_get(a->body, "needs")), 1);
    assert_slice(json_text(json_item(json_get(a->body, "needs"), 0)), "officer");
    rig_sign_permit(&g, P_OFFICER2, OFFICER2, permit, 200, NULL);
    assert_slice(json_text(json_get(rig_call(&g, P_OFFICER1, HTTP_GET, path, NULL)->body, "state")), "live");
    rig_close(&g);
}

/* The principal investigator leaves: before the decision it is handed over, afterwards the permit is amended. */
static void another_principal_investigator(void **state)
{
    (void)state;
    struct rig g;
    struct json *form CLEANUP(json_freep) = filled_form("application-1"), *people = json_array();
    struct buffer text CLEANUP(buffer_done) = {0}, more CLEANUP(buffer_done) = {0};
    char id[DOCUMENT_ID_LEN + 1], permit[DOCUMENT_ID_LEN + 1], amended[DOCUMENT_ID_LEN + 1], path[128];
    int64_t version = 1;
    buffer_init(&text, RIG_TEXT);
    buffer_init(&more, RIG_TEXT);
    rig_open(&g, NULL);
    rig_network(&g);
    json_add(people, json_of_str("researcher"));
    json_add(people, json_of_str("researcher2"));
    json_set(form, "people", people);
    assert_ok(json_print(form, &text, NULL));
    const struct rig_answer *a = rig_call(&g, W_APPLICANT, HTTP_POST, "/v1/applications?draft=1", buffer_str(&text));
    EXPECT(a, 201, NULL);
    rig_text(a->body, "id", id, sizeof id);
    must(&g, W_MEMBER, id, "accept", &version, "");
    must(&g, W_APPLICANT, id, "submit", &version, "");
    must(&g, P_OFFICER1, id, "screen", &version, "");
    must(&g, P_OFFICER1, id, "complete", &version, "");
    must(&g, P_HOLDER1, id, "opinion", &version, ",\"site\":\"alpha\",\"opinion\":\"approve\"");
    must(&g, W_APPLICANT, id, "transfer", &version, ",\"account\":\"researcher2\",\"text\":\"a new post\"");
    snprintf(path, sizeof path, "/v1/applications/%s", id);
    a = rig_call(&g, W_MEMBER, HTTP_GET, path, NULL);
    assert_slice(json_text(json_get(a->body, "principal_investigator")), "researcher2");
    assert_slice(json_text(json_get(a->body, "account")), "researcher2");
    assert_int_equal(json_size(json_get(a->body, "opinions")), 0); /* they were about another's study */
    must(&g, P_HOLDER1, id, "opinion", &version, ",\"site\":\"alpha\",\"opinion\":\"approve\"");
    a = take_step(&g, P_OFFICER1, id, "grant", version, ",\"text\":\"good\"");
    EXPECT(a, 200, NULL);
    rig_text(a->body, "permit", permit, sizeof permit);
    rig_sign_permit(&g, P_OFFICER1, OFFICER1, permit, 200, NULL);
    rig_sign_permit(&g, P_OFFICER2, OFFICER2, permit, 200, NULL);
    rig_sign_permit(&g, P_HOLDER1, HOLDER1, permit, 200, NULL);
    /* the amendment: back to the first, who is then alone */
    snprintf(path, sizeof path, "/v1/permits/%s/amendments", permit);
    a = rig_call(&g, P_RESEARCHER, HTTP_POST, path, "{}");
    EXPECT(a, 201, NULL);
    rig_text(a->body, "id", id, sizeof id);
    people = json_array();
    json_add(people, json_of_str("researcher"));
    json_set(form, "people", people);
    buffer_clear(&text);
    assert_ok(json_print(form, &text, NULL));
    assert_ok(buffer_printf(&more, NULL, ",\"form\":%.*s", SLICE_ARG(buffer_slice(&text))));
    version = 1;
    must(&g, W_APPLICANT, id, "edit", &version, buffer_str(&more));
    must(&g, W_APPLICANT, id, "submit", &version, "");
    must(&g, P_OFFICER1, id, "screen", &version, "");
    must(&g, P_OFFICER1, id, "complete", &version, "");
    must(&g, P_HOLDER1, id, "opinion", &version, ",\"site\":\"alpha\",\"opinion\":\"approve\"");
    a = take_step(&g, P_OFFICER1, id, "grant", version, ",\"text\":\"good\"");
    EXPECT(a, 200, NULL);
    rig_text(a->body, "permit", amended, sizeof amended);
    rig_sign_permit(&g, P_OFFICER1, OFFICER1, amended, 200, NULL);
    rig_sign_permit(&g, P_OFFICER2, OFFICER2, amended, 200, NULL);
    rig_sign_permit(&g, P_HOLDER1, HOLDER1, amended, 200, NULL);
    char query[DOCUMENT_ID_LEN + 1];
    static const char count[] = "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"statistic\":{\"count\":{}}}";
    EXPECT(rig_query(&g, P_RESEARCHER2, RESEARCHER2, permit, count, query), 403, "permit_not_live");
    a = rig_query(&g, P_RESEARCHER2, RESEARCHER2, amended, count, query);
    assert_int_equal(a->status, 403); /* is no person of the new permit */
    rig_close(&g);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest cells[] = {
        cmocka_unit_test(every_permit_cell),
        cmocka_unit_test(every_call_by_every_role),
    };
    if (argc > 1 && strcmp(argv[1], "--cells") == 0)
        return cmocka_run_group_tests(cells, NULL, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_twice_at_once),
        cmocka_unit_test(every_field_of_every_form),
        cmocka_unit_test(decisions_after_their_time),
        cmocka_unit_test(a_clock_put_back),
        cmocka_unit_test(every_permit_cell),
        cmocka_unit_test(every_call_by_every_role),
        cmocka_unit_test(rights_are_looked_at_each_time),
        cmocka_unit_test(nobody_decides_on_his_own),
        cmocka_unit_test(two_officers_must_differ),
        cmocka_unit_test(another_principal_investigator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
