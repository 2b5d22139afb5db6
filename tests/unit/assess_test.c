/* Aim: an application is assessed by each rule, with its reason, and rules of every level only tighten.
 * Method: one application that every rule permits; then one fact or rule moved at a time, and what each rule says. */
#include "check.h"
#include "base/instant.h"
#include "policy/assess.h"

static const char DICTIONARY[] =
    "{\"dataset\":\"heart\",\"profile\":\"open\",\"public\":true,\"use_conditions\":%s,%s\"variables\":["
    "{\"name\":\"sex\",\"type\":\"category\",\"levels\":[{\"code\":\"0\"},{\"code\":\"1\"}]},"
    "{\"name\":\"age\",\"type\":\"integer\"},{\"name\":\"chol\",\"type\":\"integer\",\"sensitive\":true}]}";
static const char FORM[] =
    "{\"title\":\"t\",\"purpose\":\"%s\",\"from\":\"2026-01-01T00:00:00Z\",\"to\":\"%s\",\"people\":[\"kari\",\"ola\"],%s"
    "\"datasets\":[{\"dataset\":\"heart\",\"sites\":[\"va\"],\"variables\":%s,\"statistics\":[\"count\",\"table\"]}]}";

static const char PUBLIC[] = "{\"id\":\"fhi\",\"name\":\"F\",\"kind\":\"public\",\"country\":\"NO\"}";
static const char UNIVERSITY[] = "{\"id\":\"uni\",\"name\":\"U\",\"kind\":\"research\",\"country\":\"NO\"}";
static const char COMPANY[] = "{\"id\":\"acme\",\"name\":\"A\",\"kind\":\"company\",\"country\":\"NO\"}";
static const char ABROAD[] = "{\"id\":\"mit\",\"name\":\"M\",\"kind\":\"research\",\"country\":\"US\"}";
#define RULES "{\"innsyn\":\"access-rules/1\","

static struct json *trees[16];
static unsigned tree_count;

static struct json *parse(const char *text)
{
    assert_true(tree_count < COUNT_OF(trees));
    assert_ok(json_parse(slice_str(text), JSON_BYTES_MAX, &trees[tree_count], NULL));
    return trees[tree_count++];
}

struct scene {
    const char *purpose, *to, *more, *variables;         /* of the form; NULL: as it is permitted */
    const char *conditions, *dataset_rules, *network, *organisation;
    const char *training;                                 /* what both have done; the terms "use-1" are signed always */
    const char *rule, *verdict;                           /* the one that speaks; NULL: none */
    const char *field;
};

static struct json *assessment_of(const struct scene *s)
{
    char text[2000], rules[600] = "";
    struct why why = {0};
    struct dictionary *d CLEANUP(dictionary_freep) = NULL;
    struct organisation o;
    struct access_rules *network CLEANUP(access_rules_freep) = NULL;
    struct attestation done[] = {
        {{"kari"}, true, slice_str("use-1"), 0},  {{"ola"}, true, slice_str("use-1"), 0},
        {{"kari"}, false, slice_str("privacy"), 0}, {{"ola"}, false, slice_str(s->training ? s->training : "privacy"), 0},
        {{"kari"}, false, slice_str("old"), 1},
    };
    struct json *ret = NULL;
    enum verdict_kind kind;
    if (s->dataset_rules)
        snprintf(rules, sizeof rules, "\"access_rules\":%s,", s->dataset_rules);
    snprintf(text, sizeof text, DICTIONARY, s->conditions ? s->conditions : "[]", rules);
    assert_ok(dictionary_read(parse(text), NULL, PROFILE_CK, &d, NULL));
    snprintf(text, sizeof text, FORM, s->purpose ? s->purpose : "53.1.e", s->to ? s->to : "2026-12-31T00:00:00Z", s->more ? s->more : "",
             s->variables ? s->variables : "[\"age\",\"sex\"]");
    assert_ok(organisation_read(s->organisation ? parse(s->organisation) : NULL, "", &o, NULL));
    result r = access_rules_read(s->network ? parse(s->network) : NULL, "", &network, &why);
    if (!is_ok(r))
        fail_msg("%s: %s %s", s->network, why.field, why.text);
    struct assess_facts f = {.form = parse(text), .dictionaries = {d}, .organisation = &o, .network = network, .attestations = done,
                             .attestation_count = COUNT_OF(done), .now_ms = 1000};
    assert_ok(assess(&f, &ret, &kind, NULL));
    assert_string_equal(verdict_name(kind), s->verdict ? s->verdict : "permit");
    return ret;
}

static void one_rule_at_a_time(void **state)
{
    (void)state;
    static const struct scene SCENES[] = {
        {.organisation = UNIVERSITY},
        {.organisation = NULL},
        /* purpose */
        {.purpose = "53.1.a", .organisation = PUBLIC},
        {.purpose = "53.1.a", .organisation = UNIVERSITY, .rule = "purpose", .verdict = "deny", .field = "/purpose"},
        {.purpose = "53.1.a", .organisation = UNIVERSITY, .more = "\"mandate\":\"for the ministry\",", .rule = "purpose", .verdict = "review", .field = "/mandate"},
        {.purpose = "53.1.a", .rule = "purpose", .verdict = "review", .field = "/purpose"},
        {.purpose = "53.1.z", .organisation = UNIVERSITY, .rule = "purpose", .verdict = "deny", .field = "/purpose"},
        {.network = RULES "\"purposes\":[\"53.1.d\"]}", .organisation = UNIVERSITY, .rule = "purpose", .verdict = "deny", .field = "/purpose"},
        {.dataset_rules = RULES "\"purposes\":[\"53.1.d\"]}", .organisation = UNIVERSITY, .rule = "purpose", .verdict = "deny", .field = "/purpose"},
        /* prohibited use */
        {.more = "\"prohibited_uses\":[\"54.c\"],", .organisation = UNIVERSITY, .rule = "prohibited_use", .verdict = "deny", .field = ""},
        {.more = "\"prohibited_uses\":[],", .organisation = UNIVERSITY},
        /* conditions of use */
        {.conditions = "[{\"code\":\"DUO:0000006\"},{\"code\":\"DUO:0000045\"}]", .organisation = UNIVERSITY},
        {.conditions = "[{\"code\":\"DUO:0000006\"},{\"code\":\"DUO:0000045\"}]", .organisation = COMPANY, .rule = "data_use", .verdict = "deny",
         .field = "/datasets/0/use_conditions/1"},
        {.conditions = "[{\"code\":\"DUO:0000006\"},{\"code\":\"DUO:0000045\"}]", .rule = "data_use", .verdict = "review", .field = "/datasets/0/use_conditions/1"},
        {.conditions = "[{\"code\":\"DUO:0000042\"},{\"code\":\"DUO:0000021\"}]", .organisation = UNIVERSITY, .rule = "data_use", .verdict = "review",
         .field = "/datasets/0/use_conditions/1"},
        {.conditions = "[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000025\",\"months\":12}]", .organisation = UNIVERSITY},
        {.conditions = "[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000025\",\"months\":11}]", .organisation = UNIVERSITY, .rule = "data_use", .verdict = "deny",
         .field = "/datasets/0/use_conditions/1"},
        {.conditions = "[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000026\",\"users\":[\"kari\",\"ola\"]}]", .organisation = UNIVERSITY},
        {.conditions = "[{\"code\":\"DUO:0000004\"},{\"code\":\"DUO:0000026\",\"users\":[\"kari\"]}]", .organisation = UNIVERSITY, .rule = "data_use",
         .verdict = "deny", .field = "/datasets/0/use_conditions/1"},
        {.more = "\"research\":{\"kinds\":[\"health\"],\"topics\":[\"paediatric\"]},", .organisation = UNIVERSITY, .rule = "data_use", .verdict = "review",
         .field = "/research/topics"},
        /* organisation: what the rules then demand */
        {.network = RULES "\"organisations\":{\"company\":{\"effect\":\"review\"}}}", .organisation = UNIVERSITY},
        {.network = RULES "\"organisations\":{\"company\":{\"effect\":\"review\"}}}", .organisation = COMPANY, .rule = "organisation", .verdict = "review",
         .field = "/organisation"},
        {.network = RULES "\"organisations\":{\"company\":{\"effect\":\"deny\"}}}", .organisation = COMPANY, .rule = "organisation", .verdict = "deny",
         .field = "/organisation"},
        {.network = RULES "\"organisations\":{\"company\":{\"effect\":\"deny\"}}}", .rule = "organisation", .verdict = "review", .field = "/organisation"},
        {.network = RULES "\"organisations\":{\"company\":{\"training\":[\"industry\"]}}}", .organisation = UNIVERSITY},
        {.network = RULES "\"organisations\":{\"company\":{\"training\":[\"industry\"]}}}", .organisation = COMPANY, .rule = "training", .verdict = "deny",
         .field = "/people/0"},
        {.network = RULES "\"organisations\":{\"company\":{\"months_max\":6}}}", .organisation = COMPANY, .rule = "period", .verdict = "deny", .field = "/to"},
        {.network = RULES "\"organisations\":{\"company\":{\"statistics\":[\"count\"]}}}", .organisation = COMPANY, .rule = "statistics", .verdict = "deny",
         .field = "/datasets/0/statistics"},
        {.network = RULES "\"organisations\":{\"company\":{\"purposes\":[\"53.1.e.i\"]}}}", .organisation = COMPANY, .rule = "purpose", .verdict = "deny",
         .field = "/purpose"},
        /* training and terms of everyone named */
        {.network = RULES "\"training\":[\"privacy\"]}", .organisation = UNIVERSITY},
        {.network = RULES "\"training\":[\"privacy\"]}", .organisation = UNIVERSITY, .training = "cooking", .rule = "training", .verdict = "deny", .field = "/people/1"},
        {.network = RULES "\"training\":[\"old\"]}", .organisation = UNIVERSITY, .rule = "training", .verdict = "deny", .field = "/people/0"},
        {.network = RULES "\"terms\":[\"use-1\"]}", .organisation = UNIVERSITY},
        {.network = RULES "\"terms\":[\"use-2\"]}", .organisation = UNIVERSITY, .rule = "terms", .verdict = "deny", .field = "/people/0"},
        {.dataset_rules = RULES "\"terms\":[\"use-2\"]}", .organisation = UNIVERSITY, .rule = "terms", .verdict = "deny", .field = "/people/0"},
        /* country */
        {.network = RULES "\"countries\":[\"EEA\"]}", .organisation = UNIVERSITY},
        {.network = RULES "\"countries\":[\"EEA\"]}", .organisation = ABROAD, .rule = "country", .verdict = "deny", .field = "/organisation/country"},
        {.network = RULES "\"countries\":[\"EU\"]}", .organisation = UNIVERSITY, .rule = "country", .verdict = "deny", .field = "/organisation/country"},
        {.network = RULES "\"countries\":[\"EEA\"]}", .rule = "country", .verdict = "review", .field = "/organisation"},
        /* variables, and combinations that matter only within one question */
        {.dataset_rules = RULES "\"variables_max\":2}", .organisation = UNIVERSITY},
        {.dataset_rules = RULES "\"variables_max\":1}", .organisation = UNIVERSITY, .rule = "variables", .verdict = "deny", .field = "/datasets/0/variables"},
        {.dataset_rules = RULES "\"variables_max\":2}", .variables = "[\"*\"]", .organisation = UNIVERSITY, .rule = "variables", .verdict = "deny",
         .field = "/datasets/0/variables"},
        {.network = RULES "\"sensitive\":\"review\"}", .organisation = UNIVERSITY},
        {.network = RULES "\"sensitive\":\"review\"}", .variables = "[\"*\"]", .organisation = UNIVERSITY, .rule = "variables", .verdict = "review",
         .field = "/datasets/0/variables"},
        {.dataset_rules = RULES "\"variables\":{\"deny\":[\"age\"]}}", .organisation = UNIVERSITY, .rule = "variables", .verdict = "deny",
         .field = "/datasets/0/variables"},
        {.dataset_rules = RULES "\"variables\":{\"review\":[\"chol\"]}}", .organisation = UNIVERSITY},
        {.dataset_rules = RULES "\"combinations\":[{\"variables\":[\"age\",\"sex\"]}]}", .organisation = UNIVERSITY},
        /* statistics, period */
        {.dataset_rules = RULES "\"statistics\":[\"count\"]}", .organisation = UNIVERSITY, .rule = "statistics", .verdict = "deny", .field = "/datasets/0/statistics"},
        {.network = RULES "\"months_max\":12}", .organisation = UNIVERSITY},
        {.network = RULES "\"months_max\":12}", .to = "2027-01-01T00:00:00.001Z", .organisation = UNIVERSITY, .rule = "period", .verdict = "deny", .field = "/to"},
    };
    for (size_t i = 0; i < COUNT_OF(SCENES); i++) {
        const struct scene *s = &SCENES[i];
        struct json *v CLEANUP(json_freep) = assessment_of(s);
        const struct json *rules = json_get(v, "rules");
        assert_int_equal(json_size(rules), 11);
        for (size_t k = 0; k < json_size(rules); k++) {
            const struct json *one = json_item(rules, k), *reasons = json_get(one, "reasons");
            bool speaks = s->rule && slice_is(json_text(json_get(one, "rule")), s->rule);
            struct slice field = json_text(json_get(json_item(reasons, 0), "field")), text = json_text(json_get(json_item(reasons, 0), "text"));
            if (speaks ? !json_size(reasons) || !slice_is(field, s->field) || !text.len : json_size(reasons) > 0)
                fail_msg("scene %zu: %.*s says %.*s: %.*s", i, SLICE_ARG(json_text(json_get(one, "rule"))), SLICE_ARG(field), SLICE_ARG(text));
        }
        while (tree_count)
            json_free(trees[--tree_count]);
    }
}

/* Both levels speak, and the organisation's kind beside each: nothing that one allows takes back what another denies. */
static void levels_only_tighten(void **state)
{
    (void)state;
    const struct scene s = {.network = RULES "\"statistics\":[\"count\"],\"organisations\":{\"company\":{\"statistics\":[\"count\",\"table\"]}}}",
                            .dataset_rules = RULES "\"statistics\":[\"count\",\"table\",\"summary\"],\"months_max\":1}", .organisation = COMPANY, .verdict = "deny"};
    struct json *v CLEANUP(json_freep) = assessment_of(&s);
    size_t spoke = 0;
    for (size_t k = 0; k < json_size(json_get(v, "rules")); k++)
        spoke += json_size(json_get(json_item(json_get(v, "rules"), k), "reasons"));
    assert_int_equal(spoke, 2); /* the network's statistics, the dataset's period */
    while (tree_count)
        json_free(trees[--tree_count]);
}

static void bad_rules(void **state)
{
    (void)state;
    static const struct {
        const char *text, *field;
    } CASES[] = {
        {"{}", "/innsyn"}, {"[]", ""}, {RULES "\"allow\":1}", "/allow"}, {RULES "\"effect\":\"maybe\"}", "/effect"},
        {RULES "\"purposes\":[\"x\"]}", "/purposes/0"}, {RULES "\"countries\":[\"Norway\"]}", "/countries/0"}, {RULES "\"statistics\":[\"mode\"]}", "/statistics/0"},
        {RULES "\"months_max\":0}", "/months_max"}, {RULES "\"training\":[\"No Label\"]}", "/training/0"},
        {RULES "\"combinations\":[{\"variables\":[\"a\"]}]}", "/combinations/0/variables"}, {RULES "\"variables\":{\"hide\":[]}}", "/variables/hide"},
        {RULES "\"organisations\":{\"club\":{}}}", "/organisations/club"}, {RULES "\"organisations\":{\"company\":{\"organisations\":{}}}}", "/organisations/company/organisations"},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct access_rules *r CLEANUP(access_rules_freep) = NULL;
        struct why why = {0};
        struct json *v CLEANUP(json_freep) = NULL;
        assert_ok(json_parse(slice_str(CASES[i].text), JSON_BYTES_MAX, &v, NULL));
        assert_status(access_rules_read(v, "", &r, &why), MALFORMED);
        if (strcmp(why.field, CASES[i].field) != 0)
            fail_msg("%s: at %s: %s", CASES[i].text, why.field, why.text);
    }
}

/* Questions under a permit are counted; the last that is allowed, and the one too many. */
static void questions_run_out(void **state)
{
    (void)state;
    struct access_rules *r CLEANUP(access_rules_freep) = NULL;
    assert_ok(access_rules_read(parse(RULES "\"questions_max\":3}"), "", &r, NULL));
    for (unsigned asked = 2; asked <= 3; asked++) {
        struct access_ask a = {.questions = asked};
        struct verdict v;
        verdict_init(&v);
        access_rules_check(r, ACCESS_BUDGET, &a, "the network", "", &v);
        assert_int_equal(v.kind, asked == 3 ? VERDICT_DENY : VERDICT_PERMIT);
    }
    while (tree_count)
        json_free(trees[--tree_count]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_rule_at_a_time), cmocka_unit_test(levels_only_tighten), cmocka_unit_test(bad_rules), cmocka_unit_test(questions_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
