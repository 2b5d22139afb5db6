/* Aim: conditions of use are matched as the Data Use Ontology and DUOS say, for every pair of request and condition.
 * Method: the whole matrix, written out here by hand from the ontology's meaning and DUOS' rules; then what the matrix
 * cannot show: arguments, facts, several conditions together, what a permit's signers settle; and bad input. */
#include "check.h"
#include "base/instant.h"
#include "policy/duo.h"
#include "policy/purpose.h"

/* The columns: what is asked for. */
static const struct {
    const char *name, *research;
    bool company;
} REQUESTS[] = {
    {"disease: the dataset's own", "{\"kinds\":[\"disease\"],\"diseases\":[\"MONDO:0005010\"],\"commercial\":false}", false},
    {"disease: a kind of it", "{\"kinds\":[\"disease\"],\"diseases\":[\"MONDO:0005068\"],\"commercial\":false}", false},
    {"disease: a wider one", "{\"kinds\":[\"disease\"],\"diseases\":[\"MONDO:0005267\"],\"commercial\":false}", false},
    {"disease: another", "{\"kinds\":[\"disease\"],\"diseases\":[\"MONDO:0007254\"],\"commercial\":false}", false},
    {"disease: one nobody knows", "{\"kinds\":[\"disease\"],\"diseases\":[\"MONDO:9999999\"],\"commercial\":false}", false},
    {"health", "{\"kinds\":[\"health\"],\"commercial\":false}", false},
    {"general", "{\"kinds\":[\"general\"],\"commercial\":false}", false},
    {"ancestry", "{\"kinds\":[\"ancestry\"],\"commercial\":false}", false},
    {"methods", "{\"kinds\":[\"methods\"],\"commercial\":false}", false},
    {"methods for the disease", "{\"kinds\":[\"methods\"],\"diseases\":[\"MONDO:0005010\"],\"commercial\":false}", false},
    {"methods for another disease", "{\"kinds\":[\"methods\"],\"diseases\":[\"MONDO:0007254\"],\"commercial\":false}", false},
    {"control set", "{\"kinds\":[\"control\"],\"commercial\":false}", false},
    {"control set for the disease", "{\"kinds\":[\"control\"],\"diseases\":[\"MONDO:0005010\"],\"commercial\":false}", false},
    {"control set for another", "{\"kinds\":[\"control\"],\"diseases\":[\"MONDO:0007254\"],\"commercial\":false}", false},
    {"clinical care", "{\"kinds\":[\"care\"],\"commercial\":false}", false},
    {"commercial use", "{\"kinds\":[\"disease\"],\"diseases\":[\"MONDO:0005010\"],\"commercial\":true}", false},
    {"a company asks", "{\"kinds\":[\"disease\"],\"diseases\":[\"MONDO:0005010\"],\"commercial\":false}", true},
};
enum { REQUEST_COUNT = sizeof REQUESTS / sizeof REQUESTS[0] };

/* The rows: P permit, D deny, R review.  A modifier stands beside NRES, which matches everything. */
static const struct {
    const char *code, *argument, *expected;
} TABLE[] = {
    {"DUO:0000004", "", "PPPPPPPPPPPPPPPPP"},                                       /* NRES */
    {"DUO:0000042", "", "PPPPPPPPPPPPPPRPP"},                                       /* GRU */
    {"DUO:0000006", "", "PPPPPPDDPPPPPPRPP"},                                       /* HMB: not general, not ancestry */
    {"DUO:0000007", ",\"diseases\":[\"MONDO:0005010\"]", "PPDDRDDDPPPDPDDPP"},      /* DS: itself or an ancestor of what is asked */
    {"DUO:0000011", "", "DDDDDDDPPPPDDDDDD"},                                       /* POA: ancestry, and methods */
    {"DUO:0000043", "", "PPPPPPPPPPPPPPPPP"},                                       /* CC */
    {"DUO:0000012", ",\"note\":\"only this\"", "RRRRRRRRRRRRRRRRR"},                /* RS */
    {"DUO:0000015", "", "PPPPPPPPDPPPPPPPP"},                                       /* NMDS: methods only with a disease that matches */
    {"DUO:0000016", "", "RRRRRRRRRRRRRRRRR"},                                       /* GSO */
    {"DUO:0000018", "", "PPPPPPPPPPPPPPPDD"},                                       /* NPUNCU */
    {"DUO:0000045", "", "PPPPPPPPPPPPPPPDD"},                                       /* NPU */
    {"DUO:0000046", "", "PPPPPPPPPPPPPPPDD"},                                       /* NCU */
    {"DUO:0000019", "", "RRRRRRRRRRRRRRRRR"},                                       /* PUB */
    {"DUO:0000020", ",\"note\":\"the study's office\"", "RRRRRRRRRRRRRRRRR"},       /* COL */
    {"DUO:0000021", "", "RRRRRRRRRRRRRRRRR"},                                       /* IRB */
    {"DUO:0000022", ",\"regions\":[\"NO\"]", "RRRRRRRRRRRRRRRRR"},                  /* GS */
    {"DUO:0000024", ",\"until\":\"2030-01-01\"", "RRRRRRRRRRRRRRRRR"},              /* MOR */
    {"DUO:0000025", ",\"months\":12", "RRRRRRRRRRRRRRRRR"},                         /* TS */
    {"DUO:0000026", ",\"users\":[\"kari\"]", "RRRRRRRRRRRRRRRRR"},                  /* US */
    {"DUO:0000027", ",\"projects\":[\"p1\"]", "RRRRRRRRRRRRRRRRR"},                 /* PS */
    {"DUO:0000028", ",\"institutions\":[\"uni\",\"acme\"]", "RRRRRRRRRRRRRRRRP"},   /* IS: who the company is, is known */
    {"DUO:0000029", "", "RRRRRRRRRRRRRRRRR"},                                       /* RTN */
    {"DUO:0000044", "", "PPPPPPPDPPPPPPPPP"},                                       /* NPOA */
};

static const struct organisation NOBODY = {.given = false};
static struct organisation university, company;

/* Trees that borrowed views point into, freed at the end of each test. */
static struct json *trees[64];
static unsigned tree_count;

static const struct json *parse(const char *text)
{
    assert_true(tree_count < COUNT_OF(trees));
    assert_ok(json_parse(slice_str(text), JSON_BYTES_MAX, &trees[tree_count], NULL));
    return trees[tree_count++];
}

static int forget(void **state)
{
    (void)state;
    while (tree_count)
        json_free(trees[--tree_count]);
    return 0;
}

static void people(void)
{
    assert_ok(organisation_read(parse("{\"id\":\"uni\",\"name\":\"U\",\"kind\":\"research\",\"country\":\"NO\",\"number\":\"0192:971035854\"}"), "", &university, NULL));
    assert_ok(organisation_read(parse("{\"id\":\"acme\",\"name\":\"A\",\"kind\":\"company\",\"country\":\"NO\"}"), "", &company, NULL));
}

static struct use_conditions conditions(const char *text, bool in_permit)
{
    struct use_conditions c;
    struct why why = {0};
    result r = use_conditions_read(parse(text), "/use_conditions", in_permit, &c, &why);
    if (!is_ok(r))
        print_error("%s %s\n", why.field, why.text);
    assert_ok(r);
    return c;
}

static struct research research(const char *text)
{
    struct research r;
    assert_ok(research_read(text ? parse(text) : NULL, slice_str("53.1.e"), "/research", &r, NULL));
    return r;
}

/* 'P', 'D' or 'R', and every reason names the rule. */
static char match(const struct duo_request *q, const struct use_conditions *c, const struct use_conditions *accepted)
{
    struct verdict v;
    verdict_init(&v);
    duo_check(q, c, accepted, "", &v);
    for (unsigned i = 0; i < v.count; i++) {
        assert_string_equal(v.reasons[i].code->code, "use_condition");
        assert_true(v.reasons[i].text[0] && strncmp(v.reasons[i].field, "/use_conditions", 15) == 0);
    }
    assert_true((v.kind == VERDICT_PERMIT) == (v.count == 0));
    return "PRD"[v.kind];
}

static char ask(const char *what, const char *of, const struct organisation *by)
{
    struct research r = research(what);
    struct use_conditions c = conditions(of, false);
    struct duo_request q = {.research = &r, .organisation = by};
    return match(&q, &c, NULL);
}

static void every_pair(void **state)
{
    (void)state;
    unsigned code_count, pairs = 0;
    const struct use_code *codes = use_codes(&code_count);
    people();
    assert_int_equal(code_count, COUNT_OF(TABLE));
    for (unsigned i = 0; i < COUNT_OF(TABLE); i++) {
        const struct use_code *code = use_code_find(slice_str(TABLE[i].code));
        assert_ptr_equal(code, &codes[i]);
        assert_int_equal(strlen(TABLE[i].expected), REQUEST_COUNT);
        bool about_profit = strstr("DUO:0000018 DUO:0000045 DUO:0000046", TABLE[i].code) != NULL;
        for (unsigned k = 0; k < REQUEST_COUNT; k++) {
            char text[300];
            (void)snprintf(text, sizeof text, "[%s{\"code\":\"%s\"%s}]", code->permission ? "" : "{\"code\":\"DUO:0000004\"},", TABLE[i].code, TABLE[i].argument);
            char got = ask(REQUESTS[k].research, text, REQUESTS[k].company ? &company : about_profit ? &university : &NOBODY);
            if (got != TABLE[i].expected[k])
                print_error("%s, %s: %c, not %c\n", code->name, REQUESTS[k].name, got, TABLE[i].expected[k]);
            assert_int_equal(got, TABLE[i].expected[k]);
            pairs++;
            while (tree_count > 2)
                json_free(trees[--tree_count]);
        }
    }
    assert_int_equal(pairs, 23 * REQUEST_COUNT);
}

static void together(void **state)
{
    (void)state;
    people();
    const char *mi = "{\"kinds\":[\"disease\"],\"diseases\":[\"MONDO:0005068\"],\"commercial\":false}";
    /* NMDS: methods only where the disease that they are for would pass. */
    const char *methods = "{\"kinds\":[\"methods\"],\"commercial\":false}";
    const char *methods_mi = "{\"kinds\":[\"methods\"],\"diseases\":[\"MONDO:0005068\"],\"commercial\":false}";
    const char *methods_cancer = "{\"kinds\":[\"methods\"],\"diseases\":[\"MONDO:0004992\"],\"commercial\":false}";
    const char *ds = "[{\"code\":\"DUO:0000007\",\"diseases\":[\"MONDO:0005010\"]},{\"code\":\"DUO:0000015\"}]";
    assert_int_equal(ask(methods, ds, &NOBODY), 'D');
    assert_int_equal(ask(methods_mi, ds, &NOBODY), 'P');
    assert_int_equal(ask(methods_cancer, ds, &NOBODY), 'D');
    assert_int_equal(ask(methods_cancer, "[{\"code\":\"DUO:0000006\"},{\"code\":\"DUO:0000015\"}]", &NOBODY), 'P');
    assert_int_equal(ask(methods_mi, "[{\"code\":\"DUO:0000011\"},{\"code\":\"DUO:0000015\"}]", &NOBODY), 'D');
    assert_int_equal(ask(methods_mi, "[{\"code\":\"DUO:0000015\"}]", &NOBODY), 'R');
    /* CC allows care beside any permission; not the other way round. */
    assert_int_equal(ask("{\"kinds\":[\"care\"]}", "[{\"code\":\"DUO:0000006\"},{\"code\":\"DUO:0000043\"}]", &NOBODY), 'P');
    assert_int_equal(ask("{\"kinds\":[\"general\"]}", "[{\"code\":\"DUO:0000006\"},{\"code\":\"DUO:0000043\"}]", &NOBODY), 'D');
    /* Several kinds, several diseases: all must be allowed. */
    assert_int_equal(ask("{\"kinds\":[\"health\",\"ancestry\"]}", "[{\"code\":\"DUO:0000006\"}]", &NOBODY), 'D');
    assert_int_equal(ask("{\"kinds\":[\"disease\"],\"diseases\":[\"MONDO:0005068\",\"MONDO:0005148\"]}", ds, &NOBODY), 'D');
    /* Modifiers without a permission allow nothing by themselves; no conditions say nothing. */
    assert_int_equal(ask(mi, "[{\"code\":\"DUO:0000043\"}]", &NOBODY), 'R');
    assert_int_equal(ask(mi, "[]", &NOBODY), 'P');
    /* Profit: what is not known is looked at. */
    const char *npu = "[{\"code\":\"DUO:0000042\"},{\"code\":\"DUO:0000045\"}]";
    assert_int_equal(ask(mi, npu, &NOBODY), 'R');
    assert_int_equal(ask(mi, npu, &university), 'P');
    assert_int_equal(ask(mi, npu, &company), 'D');
}

static void diseases(void **state)
{
    (void)state;
    static const struct {
        const char *disease, *ancestor;
        enum known expected;
    } CASES[] = {
        {"MONDO:0005068", "MONDO:0004995", KNOWN_YES}, {"MONDO:0004995", "MONDO:0005068", KNOWN_NO}, {"MONDO:0007254", "MONDO:0005015", KNOWN_NO},
        {"MONDO:9999999", "MONDO:9999999", KNOWN_YES}, {"MONDO:9999999", "MONDO:0005010", KNOWN_NOT}, {"MONDO:0005010", "MONDO:9999999", KNOWN_NOT},
        {"ICD10:I21.4", "ICD10:I21", KNOWN_YES},       {"ICD10:I21", "ICD10:I21.4", KNOWN_NO},        {"ICD10:I21.40", "ICD10:I21.4", KNOWN_YES},
        {"ICD10:I21", "ICD10:I20-I25", KNOWN_YES},     {"ICD10:I26", "ICD10:I20-I25", KNOWN_NO},      {"ICD10:I20-I25", "ICD10:I21", KNOWN_NO},
        {"ICD10:I20-I25", "ICD10:I00-I99", KNOWN_YES}, {"ICD10:I21.4", "MONDO:0005010", KNOWN_YES},   {"ICD10:C50.1", "MONDO:0005010", KNOWN_NO},
        {"ICD10:E11", "MONDO:0005147", KNOWN_NO},      {"ICD10:E10.9", "MONDO:0005147", KNOWN_YES},   {"ICD10:Z00", "MONDO:0005010", KNOWN_NOT},
    };
    for (unsigned i = 0; i < COUNT_OF(CASES); i++) {
        enum known got = duo_disease_within(slice_str(CASES[i].disease), slice_str(CASES[i].ancestor));
        if (got != CASES[i].expected)
            print_error("%s within %s: %d\n", CASES[i].disease, CASES[i].ancestor, (int)got);
        assert_int_equal(got, CASES[i].expected);
    }
}

static int64_t at(const char *text)
{
    int64_t ms = 0;
    assert_true(instant_parse(slice_str(text), &ms));
    return ms;
}

/* Both sides of each fact's boundary. */
static void facts(void **state)
{
    (void)state;
    struct label users[2] = {{"kari"}, {"ola"}};
    people();
    struct research r = research("{\"kinds\":[\"health\"],\"project\":\"p1\",\"commercial\":false}");
    struct duo_request q = {.research = &r, .organisation = &university, .users = users, .user_count = 1, .from_ms = at("2026-01-31T00:00:00Z")};
    struct use_conditions c = conditions("[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000025\",\"months\":13}]", false);
    q.until_ms = at("2027-02-28T00:00:00Z");
    assert_int_equal(match(&q, &c, NULL), 'P');
    q.until_ms++;
    assert_int_equal(match(&q, &c, NULL), 'D');
    c = conditions("[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000026\",\"users\":[\"kari\"]}]", false);
    assert_int_equal(match(&q, &c, NULL), 'P');
    q.user_count = 2;
    assert_int_equal(match(&q, &c, NULL), 'D');
    assert_int_equal(ask("{\"kinds\":[\"health\"],\"project\":\"p1\"}", "[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000027\",\"projects\":[\"p1\"]}]", &NOBODY), 'P');
    assert_int_equal(ask("{\"kinds\":[\"health\"],\"project\":\"p2\"}", "[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000027\",\"projects\":[\"p1\"]}]", &NOBODY), 'D');
    const char *health = "{\"kinds\":[\"health\"]}";
    assert_int_equal(ask(health, "[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000028\",\"institutions\":[\"0192:971035854\"]}]", &university), 'P');
    assert_int_equal(ask(health, "[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000028\",\"institutions\":[\"other\"]}]", &university), 'D');
    assert_int_equal(ask(health, "[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000022\",\"regions\":[\"EEA\"]}]", &university), 'R');
    assert_int_equal(ask(health, "[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000022\",\"regions\":[\"EU\"]}]", &university), 'D');
}

/* What the signers of a permit have looked at is settled; what changed since is not; a denial only where they say so. */
static void settled(void **state)
{
    (void)state;
    people();
    struct research r = research("{\"kinds\":[\"general\"],\"commercial\":false}");
    struct duo_request q = {.research = &r, .organisation = &university};
    struct use_conditions now = conditions("[{\"code\":\"DUO:0000042\"},{\"code\":\"DUO:0000024\",\"until\":\"2030-01-01\"},{\"code\":\"DUO:0000019\"}]", false);
    struct use_conditions some = conditions("[{\"code\":\"DUO:0000042\"},{\"code\":\"DUO:0000024\",\"until\":\"2030-01-01\"}]", true);
    struct use_conditions other = conditions("[{\"code\":\"DUO:0000042\"},{\"code\":\"DUO:0000024\",\"until\":\"2029-01-01\"},{\"code\":\"DUO:0000019\"}]", true);
    assert_int_equal(match(&q, &now, &now), 'P');
    assert_int_equal(match(&q, &now, &some), 'R');
    assert_int_equal(match(&q, &now, &other), 'R');
    struct use_conditions health = conditions("[{\"code\":\"DUO:0000006\"}]", false);
    struct use_conditions let_pass = conditions("[{\"code\":\"DUO:0000006\",\"deviation\":true}]", true);
    assert_int_equal(match(&q, &health, &health), 'D');
    assert_int_equal(match(&q, &health, &let_pass), 'P');
    struct use_conditions modifiers = conditions("[{\"code\":\"DUO:0000043\"}]", false);
    assert_int_equal(match(&q, &modifiers, NULL), 'R');
    assert_int_equal(match(&q, &modifiers, &modifiers), 'P');
}

static void implied(void **state)
{
    (void)state;
    static const struct {
        const char *purpose;
        enum research_kind kind;
        enum known commercial;
    } CASES[] = {
        {"53.1.a", RESEARCH_HEALTH, KNOWN_NO}, {"53.1.d", RESEARCH_GENERAL, KNOWN_NO},   {"53.1.e", RESEARCH_HEALTH, KNOWN_NO},
        {"53.1.f", RESEARCH_HEALTH, KNOWN_NO}, {"53.1.e.i", RESEARCH_HEALTH, KNOWN_NOT}, {"53.1.e.ii", RESEARCH_HEALTH, KNOWN_NO},
    };
    for (unsigned i = 0; i < COUNT_OF(CASES); i++) {
        struct research r;
        assert_ok(research_read(NULL, slice_str(CASES[i].purpose), "/research", &r, NULL));
        for (unsigned k = 0; k < RESEARCH_KINDS; k++)
            assert_int_equal(r.kinds[k], k == (unsigned)CASES[i].kind);
        assert_int_equal(r.commercial, CASES[i].commercial);
        assert_false(r.given);
    }
}

static void topics(void **state)
{
    (void)state;
    struct research r = research("{\"kinds\":[\"health\"],\"topics\":[\"paediatric\",\"ethnicity\"]}");
    struct verdict v;
    verdict_init(&v);
    duo_check_topics(&r, &v);
    assert_int_equal(v.count, 2);
    assert_int_equal(v.kind, VERDICT_REVIEW);
}

static void bad_input(void **state)
{
    (void)state;
    static const struct {
        const char *text, *field;
    } CASES[] = {
        {"{}", "/use_conditions"},
        {"[5]", "/use_conditions/0"},
        {"[{}]", "/use_conditions/0/code"},
        {"[{\"code\":\"DUO:0000099\"}]", "/use_conditions/0/code"},
        {"[{\"code\":\"DUO:0000001\"}]", "/use_conditions/0/code"},
        {"[{\"code\":\"DUO:0000005\"}]", "/use_conditions/0/code"},
        {"[{\"code\":\"HMB\"}]", "/use_conditions/0/code"},
        {"[{\"code\":\"DUO:0000042\"},{\"code\":\"DUO:00000042\"}]", "/use_conditions/1/code"},
        {"[{\"code\":\"DUO:0000042\"},{\"code\":\"DUO:0000006\"}]", "/use_conditions/1/code"},
        {"[{\"code\":\"DUO:0000042\",\"months\":3}]", "/use_conditions/0/months"},
        {"[{\"code\":\"DUO:0000007\"}]", "/use_conditions/0/diseases"},
        {"[{\"code\":\"DUO:0000007\",\"diseases\":[\"heart\"]}]", "/use_conditions/0/diseases/0"},
        {"[{\"code\":\"DUO:0000022\",\"regions\":[\"Norway\"]}]", "/use_conditions/0/regions/0"},
        {"[{\"code\":\"DUO:0000024\",\"until\":\"2030-02-30\"}]", "/use_conditions/0/until"},
        {"[{\"code\":\"DUO:0000025\",\"months\":0}]", "/use_conditions/0/months"},
        {"[{\"code\":\"DUO:0000026\",\"users\":[\"Not An Account\"]}]", "/use_conditions/0/users/0"},
        {"[{\"code\":\"DUO:0000012\"}]", "/use_conditions/0/note"},
        {"[{\"code\":\"DUO:0000042\",\"deviation\":true}]", "/use_conditions/0/deviation"},
    };
    for (unsigned i = 0; i < COUNT_OF(CASES); i++) {
        struct use_conditions c;
        struct why why = {0};
        result r = use_conditions_read(parse(CASES[i].text), "/use_conditions", false, &c, &why);
        if (r.code != MALFORMED || strcmp(why.field, CASES[i].field) != 0)
            print_error("%s: %s at %s: %s\n", CASES[i].text, status_name(r.code), why.field, why.text);
        assert_int_equal(r.code, MALFORMED);
        assert_string_equal(why.field, CASES[i].field);
    }
    struct research r;
    assert_status(research_read(parse("{}"), slice_str("53.1.e"), "/research", &r, NULL), MALFORMED);
    assert_status(research_read(parse("{\"kinds\":[\"fun\"]}"), slice_str("53.1.e"), "/research", &r, NULL), MALFORMED);
    assert_status(research_read(parse("{\"kinds\":[\"disease\"]}"), slice_str("53.1.e"), "/research", &r, NULL), MALFORMED);
    assert_status(research_read(parse("{\"kinds\":[\"health\"],\"x\":1}"), slice_str("53.1.e"), "/research", &r, NULL), MALFORMED);
    struct organisation o;
    assert_status(organisation_read(parse("{\"id\":\"u\",\"name\":\"U\",\"kind\":\"club\",\"country\":\"NO\"}"), "", &o, NULL), MALFORMED);
    assert_status(organisation_read(parse("{\"id\":\"u\",\"name\":\"U\",\"kind\":\"public\",\"country\":\"no\"}"), "", &o, NULL), MALFORMED);
}

/* What is printed reads back to the same; the OWL file's eight digits become seven. */
static void printing(void **state)
{
    (void)state;
    struct use_conditions c = conditions("[{\"code\":\"DUO:0000007\",\"diseases\":[\"ICD10:I21\"]},{\"code\":\"DUO:00000044\"},{\"code\":\"DUO:0000025\",\"months\":6},"
                                         "{\"code\":\"DUO:0000024\",\"until\":\"2030-01-01\",\"note\":\"n\",\"deviation\":true}]", true);
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = use_conditions_json(&c);
    buffer_init(&text, 4096);
    assert_ok(json_print(v, &text, NULL));
    assert_slice(buffer_slice(&text), "[{\"code\":\"DUO:0000007\",\"diseases\":[\"ICD10:I21\"]},{\"code\":\"DUO:0000044\"},{\"code\":\"DUO:0000025\",\"months\":6},"
                                      "{\"code\":\"DUO:0000024\",\"deviation\":true,\"note\":\"n\",\"until\":\"2030-01-01\"}]");
    struct use_conditions again;
    assert_ok(use_conditions_read(v, "", true, &again, NULL));
    for (unsigned i = 0; i < c.count; i++)
        assert_true(use_condition_equal(&c.at[i], &again.at[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_pair, forget), cmocka_unit_test_teardown(together, forget), cmocka_unit_test(diseases),
        cmocka_unit_test_teardown(facts, forget),      cmocka_unit_test_teardown(settled, forget),  cmocka_unit_test(implied),
        cmocka_unit_test_teardown(topics, forget),     cmocka_unit_test_teardown(bad_input, forget), cmocka_unit_test_teardown(printing, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
