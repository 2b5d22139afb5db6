/* From a question to the signed query: sites, times, payload; and the command line's own rules. */
#include "tests/unit/check.h"

#include "base/codec.h"
#include "client/arguments.h"
#include "client/show/permit_words.h"
#include "client/query_build.h"

#define NETWORK "demo"

static struct json *parse(const char *text)
{
    struct json *v = NULL;
    assert_ok(json_parse(slice_str(text), JSON_BYTES_MAX, &v, NULL));
    return v;
}

/* A permit for heart at two sites and heart-ck at one, held by one person with this key. */
static struct permit *make_permit(const struct signing_key *key)
{
    struct public_key public;
    char spki[BASE64_LEN(PUBLIC_KEY_DER_MAX) + 1], text[2048];
    assert_ok(signing_key_public(key, &public, NULL));
    base64_print_str(slice_of(public.der, public.der_len), spki, sizeof spki);
    struct document_id permit, application;
    assert_ok(document_id_new(host_real(), 'p', &permit, NULL));
    assert_ok(document_id_new(host_real(), 'a', &application, NULL));
    (void)snprintf(text, sizeof text,
                   "{\"innsyn\":\"permit/1\",\"id\":\"%s\",\"network\":\"" NETWORK "\",\"application\":\"%s\",\"purpose\":\"53.1.e\","
                   "\"from\":\"2026-01-01T00:00:00.000Z\",\"to\":\"2027-01-01T00:00:00.000Z\","
                   "\"datasets\":[{\"dataset\":\"heart\",\"sites\":[\"va\",\"cleveland\"],\"variables\":[\"*\"],\"statistics\":[\"count\",\"table\"]},"
                   "{\"dataset\":\"heart-ck\",\"sites\":[\"va\"],\"variables\":[\"age\",\"sex\"],\"statistics\":[\"count\"]}],"
                   "\"people\":[{\"account\":\"researcher\",\"key\":\"%s\"}]}",
                   permit.text, application.text, spki);
    struct json *tree CLEANUP(json_freep) = parse(text);
    struct buffer payload CLEANUP(buffer_done) = {0};
    buffer_init(&payload, PERMIT_BYTES_MAX);
    assert_ok(json_print(tree, &payload, NULL));
    struct permit *p = NULL;
    struct why why = {0};
    if (permit_read(buffer_slice(&payload), &p, &why).code != OK)
        print_error("%s %s\n", why.field, why.text);
    assert_non_null(p);
    return p;
}

static void the_permit_says_which_sites(void **state)
{
    (void)state;
    static const struct {
        const char *question, *chosen;
        enum status want;
        const char *sites; /* joined by ' ' */
    } cases[] = {
        {"{\"dataset\":\"heart\"}", NULL, OK, "cleveland va"},
        {"{\"dataset\":\"heart-ck\"}", NULL, OK, "va"},
        {"{\"dataset\":\"heart\"}", "va", OK, "va"},
        {"{\"dataset\":\"heart\"}", "va,cleveland,va", OK, "cleveland va"},
        {"{\"dataset\":\"heart\",\"where\":{\"site\":[\"va\"]}}", NULL, OK, "va"},
        {"{\"dataset\":\"heart-ck\"}", "cleveland", OK, "cleveland"}, /* named by hand: the broker decides */
        {"{\"dataset\":\"heart-ck\",\"where\":{\"site\":[\"cleveland\"]}}", NULL, DENIED, NULL},
        {"{\"dataset\":\"cancer\"}", NULL, DENIED, NULL},
        {"{\"dataset\":\"heart\"}", "va,,", MALFORMED, NULL},
        {"{\"dataset\":\"heart\"}", "../x", MALFORMED, NULL},
        {"{\"data\":\"heart\"}", NULL, MALFORMED, NULL},
    };
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    assert_ok(signing_key_new(KEY_P256, &key, NULL));
    struct permit *permit CLEANUP(permit_freep) = make_permit(key);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json *question CLEANUP(json_freep) = parse(cases[i].question);
        struct query_plan plan = {0};
        struct why why = {0};
        assert_status(query_plan_sites(&plan, permit, question, cases[i].chosen, &why), cases[i].want);
        if (cases[i].want != OK) {
            assert_true(why.text[0] != '\0');
            continue;
        }
        char joined[256] = "";
        for (unsigned k = 0; k < plan.site_count; k++)
            (void)snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%s", k ? " " : "", plan.sites[k].text);
        assert_string_equal(joined, cases[i].sites);
    }
}

static void what_is_signed_is_a_query_of_the_protocol(void **state)
{
    (void)state;
    struct signing_key *key CLEANUP(signing_key_freep) = NULL, *other CLEANUP(signing_key_freep) = NULL;
    struct query *read CLEANUP(query_freep) = NULL;
    struct envelope e CLEANUP(envelope_done);
    struct document_id id;
    assert_ok(signing_key_new(KEY_P256, &key, NULL));
    assert_ok(signing_key_new(KEY_P256, &other, NULL));
    struct permit *permit CLEANUP(permit_freep) = make_permit(key);
    struct json *question CLEANUP(json_freep) = parse("{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"statistic\":{\"count\":{}}}");
    struct query_plan plan = {.network = permit->network, .permit = permit->id, .life_ms = 60000};
    assert_ok(query_plan_sites(&plan, permit, question, NULL, NULL));
    envelope_init(&e);
    assert_ok(query_build(&plan, question, key, host_real(), &id, &e, NULL));
    assert_ok(query_read(buffer_slice(&e.payload), &read, NULL));
    assert_true(document_id_equal(&read->id, &id));
    assert_true(document_id_equal(&read->permit, &permit->id));
    assert_string_equal(read->network.text, NETWORK);
    assert_int_equal(read->site_count, 2);
    assert_string_equal(read->sites[0].text, "cleveland");
    assert_int_equal(read->expires_ms - read->issued_ms, 60000);
    assert_true(query_signer(&e, permit) == &permit->people[0]);
    struct public_key stranger;
    assert_ok(signing_key_public(other, &stranger, NULL));
    assert_false(envelope_signed_by(&e, &stranger));

    plan.life_ms = QUERY_LIFE_MAX_MS + 1;
    struct envelope late CLEANUP(envelope_done);
    envelope_init(&late);
    assert_status(query_build(&plan, question, key, host_real(), &id, &late, NULL), LIMIT);
}

static void a_signer_reads_everything_the_permit_says(void **state)
{
    (void)state;
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    struct public_key public;
    char keyid[2 * HASH_LEN + 1];
    assert_ok(signing_key_new(KEY_P256, &key, NULL));
    struct permit *permit CLEANUP(permit_freep) = make_permit(key);
    assert_ok(signing_key_public(key, &public, NULL));
    public_key_id(&public, keyid);
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 65536);
    assert_ok(permit_words(permit, &text, NULL));
    const char *words = buffer_str(&text);
    const char *const must[] = {permit->id.text, permit->application.text, "network demo", "53.1.e", "2026-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z",
                                "dataset     heart\n", "dataset     heart-ck\n", "ALL variables", "age, sex", "count, table", "researcher, with key", keyid};
    for (size_t i = 0; i < COUNT_OF(must); i++)
        if (!strstr(words, must[i]))
            fail_msg("'%s' is not in:\n%s", must[i], words);
}

static char *words_of[16];
static int split(const char *line, char store[256])
{
    int n = 0;
    (void)snprintf(store, 256, "%s", line);
    for (char *at = store; *at && n < 16;) {
        words_of[n++] = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = '\0';
    }
    return n;
}

static void options_are_held_to_their_rules(void **state)
{
    (void)state;
    static const char rules[] = "json yes text= site=+";
    static const struct {
        const char *line;
        enum status want;
    } cases[] = {
        {"a b --text x --json", OK},    {"--text=x a", OK},         {"--site a b --site c -- --d", OK}, {"--text", MALFORMED},
        {"--text a --text b", MALFORMED}, {"--txt a", MALFORMED},   {"--json=1", MALFORMED},            {"--json --json", MALFORMED},
        {"1 2 3 4 5 6 7 8 9", MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char store[256];
        struct arguments a;
        int n = split(cases[i].line, store);
        assert_status(arguments_parse(n, words_of, rules, &a, NULL), cases[i].want);
    }
    char store[256];
    struct arguments a;
    uint64_t number = 7;
    int n = split("w --site a b --text= --site c --yes", store);
    assert_ok(arguments_parse(n, words_of, rules, &a, NULL));
    assert_int_equal(a.word_count, 1);
    assert_string_equal(arguments_nth(&a, "site", 0), "a");
    assert_string_equal(arguments_nth(&a, "site", 2), "c");
    assert_null(arguments_nth(&a, "site", 3));
    assert_string_equal(arguments_value(&a, "text"), "");
    assert_true(arguments_flag(&a, "yes"));
    assert_false(arguments_flag(&a, "json"));
    assert_ok(arguments_number(&a, "days", 1, 9, &number, NULL));
    assert_int_equal(number, 7);
    assert_status(arguments_number(&a, "text", 1, 9, &number, NULL), MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_permit_says_which_sites),
        cmocka_unit_test(what_is_signed_is_a_query_of_the_protocol),
        cmocka_unit_test(a_signer_reads_everything_the_permit_says),
        cmocka_unit_test(options_are_held_to_their_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
