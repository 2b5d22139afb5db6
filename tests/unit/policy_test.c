/* Aim: a permit covers what it says and nothing beside it; rules only tighten; duties stay apart.
 * Method: one permit, each fact moved across its boundary alone; the role table as a whole. */
#include "check.h"
#include "base/instant.h"
#include "policy/purpose.h"
#include "policy/roles.h"
#include "policy/scope.h"
#include "policy/site_rules.h"

static const char DICTIONARY[] =
    "{\"dataset\":\"heart\",\"profile\":\"open\",\"public\":true,\"variables\":["
    "{\"name\":\"sex\",\"type\":\"category\",\"levels\":[{\"code\":\"0\"},{\"code\":\"1\"}]},"
    "{\"name\":\"age\",\"type\":\"integer\"},{\"name\":\"chol\",\"type\":\"integer\"}]}";
static struct dictionary *dictionary;
static struct permit *permit;

static struct json *parse(const char *text)
{
    struct json *v = NULL;
    assert_ok(json_parse(slice_str(text), JSON_BYTES_MAX, &v, NULL));
    return v;
}

static struct label label(const char *text)
{
    struct label l = {""};
    assert_ok(label_parse(slice_str(text), &l, NULL));
    return l;
}

static struct site_id site(const char *text)
{
    struct site_id s = {""};
    assert_ok(site_id_parse(slice_str(text), &s, NULL));
    return s;
}

static int64_t at(const char *text)
{
    int64_t ms = 0;
    assert_true(instant_parse(slice_str(text), &ms));
    return ms;
}

/* A permit as permit_read would make it; made by hand because its keys do not matter here. */
static int set_up(void **state)
{
    (void)state;
    struct json *tree CLEANUP(json_freep) = parse(DICTIONARY);
    assert_ok(dictionary_read(tree, NULL, PROFILE_CK, &dictionary, NULL));
    static struct site_id sites[2];
    static struct slice variables[2];
    static struct permit_dataset dataset;
    static struct permit p;
    sites[0] = site("cleveland");
    sites[1] = site("va");
    variables[0] = slice_str("age");
    variables[1] = slice_str("sex");
    dataset = (struct permit_dataset){.dataset = label("heart"), .sites = sites, .site_count = 2, .variables = variables, .variable_count = 2};
    dataset.statistics[STATISTIC_COUNT] = dataset.statistics[STATISTIC_TABLE] = dataset.statistics[STATISTIC_SUMMARY] = true;
    p = (struct permit){.network = label("demo"), .purpose = slice_str("53.1.e"), .from_ms = at("2026-01-01T00:00:00Z"),
                        .to_ms = at("2027-01-01T00:00:00Z"), .datasets = &dataset, .dataset_count = 1, .person_count = 1};
    p.people[0].account = label("researcher");
    assert_ok(document_id_parse(slice_str("p-00000000000000000000000000"), 'p', &p.id, NULL));
    permit = &p;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dictionary_free(dictionary);
    return 0;
}

static struct question *ask(const char *where, const char *statistic)
{
    char text[1024];
    struct question *q = NULL;
    struct why why = {0};
    (void)snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"where\":{%s},\"statistic\":{%s}}", where, statistic);
    struct json *v CLEANUP(json_freep) = parse(text);
    result r = question_read(v, dictionary, &q, &why);
    if (!is_ok(r))
        print_error("%s: %s\n", text, why.text);
    assert_ok(r);
    return q;
}

#define COUNT "\"count\":{}"

static void scope_one_fact_at_a_time(void **state)
{
    (void)state;
    const struct {
        const char *account, *now, *sites[2];
        enum permit_state state;
        const char *where, *statistic;
        const char *code, *field, *allowed; /* NULL: permitted */
    } rows[] = {
        {"researcher", "2026-06-01T00:00:00Z", {"va"}, PERMIT_LIVE, "", COUNT, NULL, NULL, NULL},
        {"researcher", "2026-06-01T00:00:00Z", {"va", "cleveland"}, PERMIT_LIVE, "\"age\":{\"from\":40}", COUNT, NULL, NULL, NULL},
        {"researcher2", "2026-06-01T00:00:00Z", {"va"}, PERMIT_LIVE, "", COUNT, "not_a_person_of_the_permit", "", ""},
        {"Researcher", "2026-06-01T00:00:00Z", {"va"}, PERMIT_LIVE, "", COUNT, "not_a_person_of_the_permit", "", ""},
        {"researcher", "2026-01-01T00:00:00Z", {"va"}, PERMIT_LIVE, "", COUNT, NULL, NULL, NULL},
        {"researcher", "2025-12-31T23:59:59.999Z", {"va"}, PERMIT_LIVE, "", COUNT, "permit_not_live", "", ""},
        {"researcher", "2026-12-31T23:59:59.999Z", {"va"}, PERMIT_LIVE, "", COUNT, NULL, NULL, NULL},
        {"researcher", "2027-01-01T00:00:00Z", {"va"}, PERMIT_LIVE, "", COUNT, "permit_expired", "", ""},
        {"researcher", "2026-06-01T00:00:00Z", {"va"}, PERMIT_SUSPENDED, "", COUNT, "permit_not_live", "", ""},
        {"researcher", "2026-06-01T00:00:00Z", {"va"}, PERMIT_REVOKED, "", COUNT, "permit_not_live", "", ""},
        {"researcher", "2026-06-01T00:00:00Z", {"va"}, PERMIT_EXPIRED, "", COUNT, "permit_expired", "", ""},
        {"researcher", "2026-06-01T00:00:00Z", {"va", "hungarian"}, PERMIT_LIVE, "", COUNT, "outside_scope", "/sites", "cleveland, va"},
        {"researcher", "2026-06-01T00:00:00Z", {NULL}, PERMIT_LIVE, "", COUNT, "outside_scope", "/sites", "cleveland, va"},
        {"researcher", "2026-06-01T00:00:00Z", {"va"}, PERMIT_LIVE, "\"site\":[\"va\"]", COUNT, NULL, NULL, NULL},
        {"researcher", "2026-06-01T00:00:00Z", {"va"}, PERMIT_LIVE, "\"site\":[\"ulm\"]", COUNT, "outside_scope", "/question/where/site", "cleveland, va"},
        {"researcher", "2026-06-01T00:00:00Z", {"va"}, PERMIT_LIVE, "\"chol\":{\"from\":1}", COUNT, "outside_scope", "/question/where/chol", "age, sex"},
        {"researcher", "2026-06-01T00:00:00Z", {"va"}, PERMIT_LIVE, "\"chol\":[{},null]", COUNT, NULL, NULL, NULL}, /* asks nothing of it */
        {"researcher", "2026-06-01T00:00:00Z", {"va"}, PERMIT_LIVE, "", "\"table\":{\"by\":[\"sex\",{\"variable\":\"age\",\"breaks\":[1,2]}]}", NULL, NULL, NULL},
        {"researcher", "2026-06-01T00:00:00Z", {"va"}, PERMIT_LIVE, "", "\"table\":{\"by\":[\"sex\",{\"variable\":\"chol\",\"breaks\":[1,2]}]}", "outside_scope",
         "/question/statistic/table/by/1", "age, sex"},
        {"researcher", "2026-06-01T00:00:00Z", {"va"}, PERMIT_LIVE, "", "\"summary\":{\"variables\":[\"age\"],\"by\":\"sex\"}", NULL, NULL, NULL},
        {"researcher", "2026-06-01T00:00:00Z", {"va"}, PERMIT_LIVE, "", "\"summary\":{\"variables\":[\"age\",\"chol\"]}", "outside_scope",
         "/question/statistic/summary/variables/1", "age, sex"},
        {"researcher", "2026-06-01T00:00:00Z", {"va"}, PERMIT_LIVE, "", "\"histogram\":{\"variable\":\"age\",\"breaks\":[1,2]}", "outside_scope",
         "/question/statistic", "count, table, summary"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct question *q CLEANUP(question_freep) = ask(rows[i].where, rows[i].statistic);
        struct label account = label(rows[i].account);
        struct site_id sites[2];
        struct scope_facts f = {.permit = permit, .state = rows[i].state, .question = q, .account = &account, .now_ms = at(rows[i].now), .sites = sites};
        struct verdict v;
        while (f.site_count < 2 && rows[i].sites[f.site_count]) {
            sites[f.site_count] = site(rows[i].sites[f.site_count]);
            f.site_count++;
        }
        verdict_init(&v);
        scope_check(&f, &v);
        const struct reason *r = verdict_first(&v);
        bool as_wanted = rows[i].code ? v.kind == VERDICT_DENY && v.count == 1 && strcmp(r->code->code, rows[i].code) == 0 &&
                                            strcmp(r->field, rows[i].field) == 0 && strcmp(r->allowed, rows[i].allowed) == 0
                                      : v.kind == VERDICT_PERMIT && !v.count;
        if (!as_wanted) {
            print_error("row %zu: %s, %u reasons: %s %s: %s (%s)\n", i, verdict_name(v.kind), v.count, r ? r->code->code : "", r ? r->field : "",
                        r ? r->text : "", r ? r->allowed : "");
            fail();
        }
    }
}

static void every_rule_speaks(void **state)
{
    (void)state;
    struct question *q CLEANUP(question_freep) = ask("\"chol\":{\"from\":1}", "\"histogram\":{\"variable\":\"chol\",\"breaks\":[1,2]}");
    struct label account = label("other");
    struct site_id sites[1] = {site("ulm")};
    struct scope_facts f = {.permit = permit, .state = PERMIT_SUSPENDED, .question = q, .account = &account, .now_ms = at("2027-06-01T00:00:00Z"), .sites = sites, .site_count = 1};
    struct verdict v;
    verdict_init(&v);
    scope_check(&f, &v);
    assert_int_equal(v.count, 7); /* person, state, end, site, statistic, filter, dimension */
    struct why why = {0};
    assert_status(verdict_result(&v, &why), DENIED);
    assert_string_equal(why.code, "not_a_person_of_the_permit");
    struct json *problem CLEANUP(json_freep) = verdict_problem(&v, "r-1");
    assert_int_equal(json_size(json_get(json_get(problem, "params"), "reasons")), 7);
    assert_int_equal(json_integer(json_get(problem, "status")), 403);
    struct json *printed CLEANUP(json_freep) = verdict_json(&v);
    assert_slice(json_text(json_get(printed, "verdict")), "deny");

    permit->datasets[0].dataset = label("other-set");
    verdict_init(&v);
    scope_check(&f, &v);
    permit->datasets[0].dataset = label("heart");
    assert_string_equal(v.reasons[v.count - 1].field, "/question/dataset");
    assert_string_equal(v.reasons[v.count - 1].allowed, "other-set");
}

static void verdicts_only_tighten(void **state)
{
    (void)state;
    struct verdict v, w;
    verdict_init(&v);
    assert_ok(verdict_result(&v, NULL));
    assert_null(verdict_first(&v));
    verdict_add(&v, VERDICT_REVIEW, "release_by_hand", "", NULL, "ask %s", "first");
    assert_int_equal(v.kind, VERDICT_REVIEW);
    verdict_add(&v, VERDICT_DENY, "no such code", "/x", "y", "no");
    assert_int_equal(v.kind, VERDICT_DENY);
    verdict_add(&v, VERDICT_REVIEW, "release_by_hand", "", NULL, "ask again");
    assert_int_equal(v.kind, VERDICT_DENY);
    assert_string_equal(verdict_first(&v)->code->code, "refused");
    verdict_init(&w);
    verdict_join(&w, &v);
    assert_int_equal(w.kind, VERDICT_DENY);
    assert_int_equal(w.count, 3);
    for (int i = 0; i < 2 * REASONS_MAX; i++)
        verdict_add(&w, VERDICT_REVIEW, "release_by_hand", "", NULL, "again");
    assert_int_equal(w.count, REASONS_MAX);
    assert_int_equal(w.count + w.more, 3 + 2 * REASONS_MAX);
    verdict_init(&v);
    for (int i = 0; i < REASONS_MAX; i++)
        verdict_add(&v, VERDICT_REVIEW, "release_by_hand", "", NULL, "again");
    verdict_add(&v, VERDICT_DENY, "paused", "", NULL, "the one too many still counts");
    assert_int_equal(v.kind, VERDICT_DENY);
    struct why why = {0};
    assert_status(verdict_result(&v, &why), DENIED);
}

static void purposes_and_who_may(void **state)
{
    (void)state;
    const struct {
        const char *code;
        enum organisation_kind kind;
        bool mandate;
        const char *want;
    } rows[] = {
        {"53.1.a", ORGANISATION_PUBLIC, false, NULL},    {"53.1.a", ORGANISATION_RESEARCH, false, "purpose_not_allowed"},
        {"53.1.a", ORGANISATION_RESEARCH, true, NULL},   {"53.1.b", ORGANISATION_COMPANY, false, "purpose_not_allowed"},
        {"53.1.b", ORGANISATION_COMPANY, true, NULL},    {"53.1.c", ORGANISATION_PUBLIC, false, NULL},
        {"53.1.c", ORGANISATION_COMPANY, false, "purpose_not_allowed"}, {"53.1.d", ORGANISATION_COMPANY, false, NULL},
        {"53.1.e", ORGANISATION_COMPANY, false, NULL},   {"53.1.e.i", ORGANISATION_COMPANY, false, NULL},
        {"53.1.e.iii", ORGANISATION_RESEARCH, false, "purpose_unknown"}, {"53.1.f", ORGANISATION_RESEARCH, false, NULL},
        {"53.1.g", ORGANISATION_PUBLIC, true, "purpose_unknown"}, {"", ORGANISATION_PUBLIC, true, "purpose_unknown"},
        {"53.1.E", ORGANISATION_PUBLIC, true, "purpose_unknown"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct verdict v;
        verdict_init(&v);
        purpose_check(slice_str(rows[i].code), rows[i].kind, rows[i].mandate, &v);
        assert_int_equal(v.kind, rows[i].want ? VERDICT_DENY : VERDICT_PERMIT);
        if (rows[i].want)
            assert_string_equal(v.reasons[0].code->code, rows[i].want);
    }
    unsigned count;
    const struct prohibited_use *uses = prohibited_uses(&count);
    assert_int_equal(count, 5);
    for (unsigned i = 0; i < count; i++) {
        struct verdict v;
        verdict_init(&v);
        prohibited_use_check(slice_str(uses[i].code), &v);
        assert_int_equal(v.kind, VERDICT_DENY);
    }
    struct verdict v;
    verdict_init(&v);
    prohibited_use_check(slice_str("54.f"), &v);
    assert_int_equal(v.kind, VERDICT_PERMIT);
    enum organisation_kind kind;
    assert_ok(organisation_kind_parse(slice_str("company"), &kind, NULL));
    assert_string_equal(organisation_kind_name(kind), "company");
    assert_status(organisation_kind_parse(slice_str("firm"), &kind, NULL), MALFORMED);
}

static void roles_as_text(void **state)
{
    (void)state;
    for (unsigned roles = 0; roles <= ROLES_ALL; roles++) {
        char text[ROLES_TEXT_SIZE];
        unsigned back = 99;
        roles_print(roles, text);
        assert_ok(roles_parse(slice_str(text), &back, NULL));
        assert_int_equal(back, roles);
        /* I9: researcher stands alone, but for the desk. */
        bool apart = !(roles & ROLE_RESEARCHER) || !(roles & ~(unsigned)(ROLE_RESEARCHER | ROLE_DESK));
        struct why why = {0};
        assert_status(roles_check_apart(roles, &why), apart ? OK : DENIED);
        if (!apart)
            assert_string_equal(why.code, "duties_not_apart");
    }
    unsigned r = 7;
    const char *bad[] = {"root", "officer,officer", "officer,", ",officer", "officer, holder", "Officer", ","};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_status(roles_parse(slice_str(bad[i]), &r, NULL), MALFORMED);
    assert_int_equal(r, 7);
}

static void the_role_table(void **state)
{
    (void)state;
    for (unsigned c = 0; c < COMMAND_COUNT; c++) {
        const struct command_rule *rule = command_rule((enum command)c);
        assert_non_null(rule); /* in the order of the enum */
        assert_true(rule->callers != 0);
        for (unsigned roles = 0; roles <= ROLES_ALL; roles++)
            assert_int_equal(policy_role_may(roles, (enum command)c), (rule->callers & CALLER_ANYONE) || (rule->callers & roles));
        assert_int_equal(policy_role_may(CALLER_AGENT, (enum command)c), (rule->callers & (CALLER_AGENT | CALLER_ANYONE)) != 0);
        /* Its path leads back to it. */
        struct slice id;
        assert_int_equal(policy_command_find(rule->method, slice_str(rule->path), &id), c);
    }
    assert_null(command_rule(COMMAND_COUNT));
    assert_false(policy_role_may(ROLES_ALL, COMMAND_COUNT));
    /* The rows that matter most, spelled out. */
    assert_false(policy_role_may(ROLE_OFFICER, COMMAND_QUERY_ADD));
    assert_false(policy_role_may(ROLE_AUDITOR, COMMAND_APPLICATION_STEP));
    assert_false(policy_role_may(ROLE_OFFICER, COMMAND_APPLICATION_ADD));
    assert_false(policy_role_may(ROLE_AUDITOR, COMMAND_PERMIT_SIGNATURE));
    assert_false(policy_role_may(ROLE_OPERATOR, COMMAND_PERMIT_STATUS));
    assert_false(policy_role_may(ROLES_ALL, COMMAND_POLL));
    assert_false(policy_role_may(CALLER_AGENT, COMMAND_QUERY_ADD));
    assert_true(policy_role_may(ROLE_HOLDER, COMMAND_PERMIT_SIGNATURE));
    for (unsigned c = 0; c < COMMAND_COUNT; c++) /* auditors only read */
        if (strcmp(command_rule((enum command)c)->method, "GET") != 0 && command_rule((enum command)c)->callers != ROLES_ALL)
            assert_int_equal(policy_role_may(ROLE_AUDITOR, (enum command)c), (command_rule((enum command)c)->callers & CALLER_ANYONE) != 0);

    struct slice id;
    assert_int_equal(policy_command_find("GET", slice_str("/v1/queries/q-1"), &id), COMMAND_QUERY_GET);
    assert_slice(id, "q-1");
    assert_int_equal(policy_command_find("POST", slice_str("/v1/queries/check"), &id), COMMAND_QUERY_CHECK);
    assert_int_equal(policy_command_find("POST", slice_str("/v1/tasks/t-1/result"), &id), COMMAND_TASK_RESULT);
    assert_slice(id, "t-1");
    const char *none[] = {"/v1/queries/", "/v1/queries/q/x", "/v1/query", "/v1", "", "/v1/tasks//result"};
    for (size_t i = 0; i < COUNT_OF(none); i++)
        assert_int_equal(policy_command_find("GET", slice_str(none[i]), &id), COMMAND_COUNT);
}

#define HEAD "\"innsyn\":\"site-rules/1\",\"network\":\"demo\",\"site\":\"va\",\"version\":1,\"issued\":\"2026-01-01T00:00:00Z\""

static void a_sites_own_rules(void **state)
{
    (void)state;
    const struct {
        const char *rules;
        enum verdict_kind want;
        const char *code;
    } rows[] = {
        {NULL, VERDICT_PERMIT, NULL},
        {"{" HEAD "}", VERDICT_PERMIT, NULL},
        {"{" HEAD ",\"statistics\":[\"table\"]}", VERDICT_PERMIT, NULL},
        {"{" HEAD ",\"statistics\":[\"count\"]}", VERDICT_DENY, "statistic_not_allowed"},
        {"{" HEAD ",\"statistics\":[]}", VERDICT_DENY, "statistic_not_allowed"},
        {"{" HEAD ",\"purposes\":[\"53.1.e\"]}", VERDICT_PERMIT, NULL},
        {"{" HEAD ",\"purposes\":[\"53.1.a\",\"53.1.e.i\"]}", VERDICT_DENY, "purpose_not_allowed"},
        {"{" HEAD ",\"paused\":[\"heart\"]}", VERDICT_DENY, "paused"},
        {"{" HEAD ",\"paused\":[\"heart-ck\"]}", VERDICT_PERMIT, NULL},
        {"{" HEAD ",\"paused\":[\"*\"]}", VERDICT_DENY, "paused"},
        {"{" HEAD ",\"blocked_accounts\":[\"researcher\"]}", VERDICT_DENY, "account_blocked"},
        {"{" HEAD ",\"blocked_accounts\":[\"researcher2\"]}", VERDICT_PERMIT, NULL},
        {"{" HEAD ",\"blocked_permits\":[\"p-00000000000000000000000000\"]}", VERDICT_DENY, "permit_blocked"},
        {"{" HEAD ",\"blocked_permits\":[\"p-10000000000000000000000000\"]}", VERDICT_PERMIT, NULL},
        {"{" HEAD ",\"max_cells\":4}", VERDICT_PERMIT, NULL},
        {"{" HEAD ",\"max_cells\":3}", VERDICT_DENY, "cells_not_allowed"},
        {"{" HEAD ",\"release\":\"auto\"}", VERDICT_PERMIT, NULL},
        {"{" HEAD ",\"release\":\"ask\"}", VERDICT_REVIEW, "release_by_hand"},
        {"{" HEAD ",\"release\":\"ask\",\"paused\":[\"heart\"]}", VERDICT_DENY, "paused"},
        {"{" HEAD ",\"variables_denied\":[\"chol\"]}", VERDICT_PERMIT, NULL},
        {"{" HEAD ",\"variables_denied\":[\"age\"]}", VERDICT_DENY, "variable_not_allowed"},
        {"{" HEAD ",\"organisations\":[\"public\"]}", VERDICT_DENY, "organisation_not_allowed"},
        {"{" HEAD ",\"datasets\":{\"heart\":{\"release\":\"ask\"}}}", VERDICT_REVIEW, "release_by_hand"},
        {"{" HEAD ",\"datasets\":{\"heart-ck\":{\"release\":\"ask\"}}}", VERDICT_PERMIT, NULL},
        {"{" HEAD ",\"datasets\":{\"heart\":{\"variables\":[\"sex\",\"age\"]}}}", VERDICT_PERMIT, NULL},
        {"{" HEAD ",\"datasets\":{\"heart\":{\"variables\":[\"sex\"]}}}", VERDICT_DENY, "variable_not_allowed"},
        {"{" HEAD ",\"statistics\":[\"count\"],\"datasets\":{\"heart\":{\"statistics\":[\"table\"]}}}", VERDICT_DENY, "statistic_not_allowed"}, /* a dataset's part loosens nothing */
    };
    struct question *q CLEANUP(question_freep) = ask("", "\"table\":{\"by\":[\"sex\",{\"variable\":\"age\",\"breaks\":[1,2,3]}]}");
    struct label account = label("researcher");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct json *v CLEANUP(json_freep) = rows[i].rules ? parse(rows[i].rules) : NULL;
        struct site_rules *rules CLEANUP(site_rules_freep) = NULL;
        struct verdict verdict;
        assert_ok(site_rules_read(v, &rules, NULL));
        verdict_init(&verdict);
        site_rules_check(rules, permit, q, &account, &verdict);
        assert_int_equal(verdict.kind, rows[i].want);
        if (rows[i].code)
            assert_string_equal(verdict_first(&verdict)->code->code, rows[i].code);
        else
            assert_int_equal(verdict.count, 0);
        /* They can not loosen: what was denied before stays denied. */
        verdict_init(&verdict);
        verdict_add(&verdict, VERDICT_DENY, "outside_scope", "", NULL, "before");
        site_rules_check(rules, permit, q, &account, &verdict);
        assert_int_equal(verdict.kind, VERDICT_DENY);
    }
    const struct {
        const char *text, *field;
    } bad[] = {
        {"{}", "/innsyn"},
        {"{\"innsyn\":\"site-rules/2\"}", "/innsyn"},
        {"{" HEAD ",\"allow\":[\"x\"]}", "/allow"},
        {"{" HEAD ",\"statistics\":[\"mean\"]}", "/statistics/0"},
        {"{" HEAD ",\"purposes\":[\"research\"]}", "/purposes/0"},
        {"{" HEAD ",\"paused\":[\"heart\",\"*\"]}", "/paused/1"},
        {"{" HEAD ",\"blocked_accounts\":[\"*\"]}", "/blocked_accounts/0"},
        {"{" HEAD ",\"blocked_permits\":[\"q-00000000000000000000000000\"]}", "/blocked_permits/0"},
        {"{" HEAD ",\"max_cells\":0}", "/max_cells"},
        {"{" HEAD ",\"release_hours\":721}", "/release_hours"},
        {"{" HEAD ",\"release\":\"never\"}", "/release"},
        {"{" HEAD ",\"optouts\":\"never\"}", "/optouts"},
        {"{" HEAD ",\"organisations\":[\"firm\"]}", "/organisations/0"},
        {"{" HEAD ",\"variables\":[\"age\"]}", "/variables"}, /* of a dataset only */
        {"{" HEAD ",\"datasets\":{\"heart\":{\"paused\":[]}}}", "/datasets/heart/paused"},
        {"{\"innsyn\":\"site-rules/1\",\"network\":\"demo\",\"site\":\"va\",\"issued\":\"2026-01-01T00:00:00Z\"}", "/version"},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct json *v CLEANUP(json_freep) = parse(bad[i].text);
        struct site_rules *rules CLEANUP(site_rules_freep) = NULL;
        struct why why = {0};
        assert_status(site_rules_read(v, &rules, &why), MALFORMED);
        assert_string_equal(why.field, bad[i].field);
    }
}

/* At each query: what the permit carries was decided by people, what came later was not; a machine's no needs their word. */
static void conditions_and_rules_at_each_query(void **state)
{
    (void)state;
#define UNTIL "{\"code\":\"DUO:0000024\",\"until\":\"2030-01-01\"}"
    static const struct {
        const char *now, *carried, *rules, *code; /* the dataset's conditions, the permit's, the dataset's rules */
    } rows[] = {
        {"[]", NULL, NULL, NULL},
        {"[{\"code\":\"DUO:0000042\"}]", NULL, NULL, NULL},
        {"[{\"code\":\"DUO:0000042\"}," UNTIL "]", NULL, NULL, "use_condition"},
        {"[{\"code\":\"DUO:0000042\"}," UNTIL "]", "[{\"code\":\"DUO:0000042\"}," UNTIL "]", NULL, NULL},
        {"[{\"code\":\"DUO:0000011\"}]", "[{\"code\":\"DUO:0000011\"}]", NULL, "use_condition"},
        {"[{\"code\":\"DUO:0000011\"}]", "[{\"code\":\"DUO:0000011\",\"deviation\":true}]", NULL, NULL},
        {"[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000025\",\"months\":6}]", NULL, NULL, NULL},
        {"[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000025\",\"months\":5}]", NULL, NULL, "use_condition"},
        {"[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000026\",\"users\":[\"researcher\"]}]", NULL, NULL, NULL},
        {"[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000026\",\"users\":[\"another\"]}]", NULL, NULL, "use_condition"},
        {"[]", NULL, "{\"innsyn\":\"access-rules/1\",\"statistics\":[\"table\"]}", NULL},
        {"[]", NULL, "{\"innsyn\":\"access-rules/1\",\"statistics\":[\"count\"]}", "rule_not_met"},
        {"[]", NULL, "{\"innsyn\":\"access-rules/1\",\"variables\":{\"deny\":[\"age\"]}}", "rule_not_met"},
        {"[]", NULL, "{\"innsyn\":\"access-rules/1\",\"variables\":{\"review\":[\"age\"],\"deny\":[\"chol\"]}}", NULL},
        {"[]", NULL, "{\"innsyn\":\"access-rules/1\",\"combinations\":[{\"variables\":[\"age\",\"sex\"]}]}", "rule_not_met"},
        {"[]", NULL, "{\"innsyn\":\"access-rules/1\",\"combinations\":[{\"variables\":[\"age\",\"chol\"]}]}", NULL},
        {"[]", NULL, "{\"innsyn\":\"access-rules/1\",\"purposes\":[\"53.1.d\"]}", "rule_not_met"},
        {"[]", NULL, "{\"innsyn\":\"access-rules/1\",\"effect\":\"review\"}", NULL},
        {"[]", NULL, "{\"innsyn\":\"access-rules/1\",\"effect\":\"deny\"}", "rule_not_met"},
        {"[]", NULL, "{\"no\":\"rules\"}", "rule_not_met"},
    };
    struct question *q CLEANUP(question_freep) = ask("\"age\":{\"from\":40}", "\"table\":{\"by\":[\"sex\"]}");
    struct label account = label("researcher");
    struct site_id sites[1] = {site("va")};
    struct scope_facts f = {.permit = permit, .state = PERMIT_LIVE, .question = q, .account = &account, .now_ms = at("2026-07-01T00:00:00Z"), .sites = sites, .site_count = 1};
    static struct use_conditions carried;
    assert_ok(research_read(NULL, slice_str("53.1.e"), "", &permit->research, NULL));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct json *now CLEANUP(json_freep) = parse(rows[i].now), *old CLEANUP(json_freep) = rows[i].carried ? parse(rows[i].carried) : NULL;
        struct json *rules CLEANUP(json_freep) = rows[i].rules ? parse(rows[i].rules) : NULL;
        struct verdict v;
        assert_ok(use_conditions_read(now, "", false, &dictionary->use_conditions, NULL));
        assert_ok(use_conditions_read(old, "", true, &carried, NULL));
        permit->datasets[0].use_conditions = old ? &carried : NULL;
        dictionary->rules = rules;
        verdict_init(&v);
        scope_check(&f, &v);
        const struct reason *r = verdict_first(&v);
        if (rows[i].code ? v.kind != VERDICT_DENY || strcmp(r->code->code, rows[i].code) != 0 : v.kind != VERDICT_PERMIT)
            fail_msg("row %zu: %s %s", i, verdict_name(v.kind), r ? r->text : "");
        dictionary->rules = NULL;
    }
    dictionary->use_conditions.count = 0;
    permit->datasets[0].use_conditions = NULL;
}

/* What a rule asks of people and of numbers is held against what is known at this moment, by whoever knows it. */
static void people_and_numbers_at_each_query(void **state)
{
    (void)state;
#define TRAINED "{\"innsyn\":\"access-rules/1\",\"training\":[\"privacy\"]}"
#define SIGNED "{\"innsyn\":\"access-rules/1\",\"terms\":[\"use-1\"]}"
#define THREE "{\"innsyn\":\"access-rules/1\",\"questions_max\":3}"
    static const char NOW[] = "2026-07-01T00:00:00Z";
    static const struct {
        const char *rules;
        bool attested;            /* training and terms are known here */
        const char *training, *terms, *until;
        uint64_t questions;
        const char *code, *says;  /* of the refusal */
    } rows[] = {
        {TRAINED, true, "privacy", NULL, NULL, 0, NULL, NULL},
        {TRAINED, true, "privacy", NULL, "2026-07-01T00:00:01Z", 0, NULL, NULL},
        {TRAINED, true, "privacy", NULL, "2026-07-01T00:00:00Z", 0, "rule_not_met", "'researcher' has not done the training 'privacy', or it is no longer valid"},
        {TRAINED, true, "cooking", NULL, NULL, 0, "rule_not_met", "privacy"},
        {TRAINED, false, NULL, NULL, NULL, 0, NULL, NULL}, /* an agent */
        {SIGNED, true, NULL, "use-1", NULL, 0, NULL, NULL},
        {SIGNED, true, NULL, "use-1", "2026-06-01T00:00:00Z", 0, "rule_not_met", "has not signed the terms 'use-1'"},
        {SIGNED, true, "use-1", NULL, NULL, 0, "rule_not_met", "has not signed"},
        {THREE, false, NULL, NULL, NULL, 2, NULL, NULL},
        {THREE, false, NULL, NULL, NULL, 3, "questions_used_up", "rules of dataset 'heart': 3 questions under one permit, 3 were asked; "},
        {THREE, true, NULL, NULL, NULL, 400, "questions_used_up", "400 were asked"},
    };
    struct question *q CLEANUP(question_freep) = ask("\"age\":{\"from\":40}", "\"table\":{\"by\":[\"sex\"]}");
    struct label account = label("researcher");
    struct site_id sites[1] = {site("va")};
    assert_ok(research_read(NULL, slice_str("53.1.e"), "", &permit->research, NULL));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct json *rules CLEANUP(json_freep) = parse(rows[i].rules);
        struct attestation done = {account, rows[i].terms != NULL, slice_str(rows[i].terms ? rows[i].terms : rows[i].training ? rows[i].training : "none"),
                                   rows[i].until ? at(rows[i].until) : 0};
        struct scope_facts f = {.permit = permit, .state = PERMIT_LIVE, .question = q, .account = &account, .now_ms = at(NOW), .sites = sites, .site_count = 1,
                                .questions = rows[i].questions, .attested = rows[i].attested, .attestations = &done, .attestation_count = 1};
        struct verdict v;
        dictionary->rules = rules;
        verdict_init(&v);
        scope_check(&f, &v);
        dictionary->rules = NULL;
        const struct reason *r = verdict_first(&v);
        if (rows[i].code ? v.kind != VERDICT_DENY || strcmp(r->code->code, rows[i].code) != 0 || !strstr(r->text, rows[i].says) : v.kind != VERDICT_PERMIT)
            fail_msg("row %zu: %s %s", i, verdict_name(v.kind), r ? r->text : "");
    }
}

/* Signed by a holder of the site, for this site, newer than what is in force: everything else is refused, in words. */
static void rules_are_a_holders_document(void **state)
{
    (void)state;
    enum { RIGHT, NOT_SIGNED, OFFICERS_KEY, OTHER_SITES_HOLDER, CHANGED_BYTE, OTHER_NETWORK, OTHER_SITE, OLDER, SAME_VERSION, THE_SAME_AGAIN };
    static const struct {
        int kind;
        enum status want;
        const char *says;
    } rows[] = {
        {RIGHT, OK, NULL},
        {NOT_SIGNED, DENIED, "are not signed"},
        {OFFICERS_KEY, DENIED, "no holder"},
        {OTHER_SITES_HOLDER, DENIED, "no holder"},
        {CHANGED_BYTE, DENIED, "no holder"},
        {OTHER_NETWORK, DENIED, "network 'other'"},
        {OTHER_SITE, DENIED, "site 'elsewhere'"},
        {OLDER, DENIED, "older than version 3"},
        {SAME_VERSION, DENIED, "other words"},
        {THE_SAME_AGAIN, OK, NULL},
    };
    struct signing_key *keys[3] = {NULL};
    struct trust t = {.network = label("demo"), .holder_count = 2};
    struct trust_holder holders[2] = {{.account = label("h1")}, {.account = label("h2")}};
    struct site_id va, other;
    for (int i = 0; i < 3; i++)
        assert_ok(signing_key_new(KEY_P256, &keys[i], NULL));
    assert_ok(site_id_parse(slice_str("va"), &va, NULL));
    assert_ok(site_id_parse(slice_str("elsewhere"), &other, NULL));
    holders[0].site = va;
    holders[1].site = other;
    assert_ok(signing_key_public(keys[0], &holders[0].key, NULL));
    assert_ok(signing_key_public(keys[1], &holders[1].key, NULL));
    t.holders = holders;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int k = rows[i].kind;
        char text[400];
        struct buffer bytes CLEANUP(buffer_done) = {0};
        struct envelope e CLEANUP(envelope_done) = {0};
        struct site_rules *rules CLEANUP(site_rules_freep) = NULL;
        struct hash before = sha256(slice_str("what is in force")), got;
        struct why why = {0};
        buffer_init(&bytes, 8192);
        snprintf(text, sizeof text, "{\"innsyn\":\"site-rules/1\",\"network\":\"%s\",\"site\":\"%s\",\"version\":%d,\"issued\":\"2026-01-01T00:00:00Z\"}",
                 k == OTHER_NETWORK ? "other" : "demo", k == OTHER_SITE ? "elsewhere" : "va", k == OLDER ? 2 : k == SAME_VERSION || k == THE_SAME_AGAIN ? 3 : 4);
        assert_ok(envelope_make(TYPE_SITE_RULES, slice_str(text), &e, NULL));
        assert_ok(envelope_sign(&e, keys[k == OFFICERS_KEY ? 2 : k == OTHER_SITES_HOLDER ? 1 : 0], NULL));
        if (k == THE_SAME_AGAIN)
            before = envelope_hash(&e);
        if (k == CHANGED_BYTE)
            e.payload.at[e.payload.len - 3] ^= 1;
        if (k == NOT_SIGNED)
            assert_ok(buffer_add_str(&bytes, text, NULL));
        else
            assert_ok(envelope_print(&e, &bytes, NULL));
        assert_status(site_rules_open(buffer_slice(&bytes), &t, &va, 3, &before, &rules, &got, &why), rows[i].want);
        if (rows[i].says && !strstr(why.text, rows[i].says))
            fail_msg("row %zu says: %s", i, why.text);
    }
    for (int i = 0; i < 3; i++)
        signing_key_free(keys[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scope_one_fact_at_a_time), cmocka_unit_test(every_rule_speaks), cmocka_unit_test(verdicts_only_tighten),
        cmocka_unit_test(purposes_and_who_may),     cmocka_unit_test(roles_as_text),     cmocka_unit_test(the_role_table),
        cmocka_unit_test(a_sites_own_rules),        cmocka_unit_test(conditions_and_rules_at_each_query), cmocka_unit_test(people_and_numbers_at_each_query),
        cmocka_unit_test(rules_are_a_holders_document),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
