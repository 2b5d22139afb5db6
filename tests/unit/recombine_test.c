/* Aim: a release that is not what the sites signed is found, value by value, and nothing is taken from a broker that a
 * site has not signed.  Method: three sites' answers are signed with their keys; the document they make stands beside
 * the same with one part altered. */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "client/document.h"
#include "client/log/recombine.h"
#include "proto/envelope.h"

#define QUERY "q-0123456789abcdefghjkmnpqrs"
static const char dictionary_text[] =
    "{\"innsyn\":\"dictionary/1\",\"dataset\":\"heart\",\"title\":\"Heart\",\"profile\":\"ck\",\"event_table\":false,\"variables\":["
    "{\"name\":\"sex\",\"label\":\"Sex\",\"type\":\"category\",\"levels\":[{\"code\":\"0\",\"label\":\"f\"},{\"code\":\"1\",\"label\":\"m\"}],\"sensitive\":false}]}";
static const char question_text[] =
    "{\"by_site\":true,\"dataset\":\"heart\",\"innsyn\":\"question/1\",\"statistic\":{\"table\":{\"by\":[\"sex\"]}}}";
static const char *const names[] = {"north", "south", "west"};
enum { SITES = 3 };

struct rig {
    struct dictionary *dictionary;
    struct question *question;
    struct trust trust;
    struct trust_site sites[SITES];
    struct signing_key *keys[SITES];
    struct json *results;
    char hashes[SITES][2 * HASH_LEN + 1];
};

static struct json *parse(const char *text)
{
    struct json *v = NULL;
    assert_ok(json_parse(slice_str(text), JSON_BYTES_MAX, &v, NULL));
    return v;
}

/* What a site signs: statistic, or a refusal where it is NULL. */
static struct json *signed_answer(struct rig *g, unsigned site, const char *statistic, const char *query, const struct signing_key *key)
{
    struct envelope e;
    struct json *v = json_object();
    struct buffer text CLEANUP(buffer_done) = {0};
    struct hash h;
    buffer_init(&text, 65536);
    envelope_init(&e);
    json_set(v, "innsyn", json_of_str("site-result/1"));
    json_set(v, "network", json_of_str("demo"));
    json_set(v, "site", json_of_str(names[site]));
    json_set(v, "query", json_of_str(query));
    json_set(v, "question_sha256", json_of_hex(slice_of(g->question->hash.at, HASH_LEN)));
    json_set(v, "status", json_of_str(statistic ? "answered" : "refused"));
    if (statistic) {
        json_set(v, "edition", json_of_str("e"));
        json_set(v, "statistic", parse(statistic));
    } else {
        json_set(v, "reason", parse("{\"class\":\"paused\",\"code\":\"paused\"}"));
    }
    assert_ok(json_print(v, &text, NULL));
    json_free(v);
    assert_ok(envelope_make(TYPE_SITE_RESULT, buffer_slice(&text), &e, NULL));
    assert_ok(envelope_sign(&e, key, NULL));
    h = envelope_hash(&e);
    hash_print(&h, g->hashes[site]);
    v = envelope_json(&e);
    envelope_done(&e);
    return v;
}

static void add(struct rig *g, unsigned site, const char *status, struct json *envelope)
{
    struct json *sites = json_hold((struct json *)(uintptr_t)json_get(g->results, "sites")), *v = json_object();
    json_set(v, "site", json_of_str(names[site]));
    json_set(v, "status", json_of_str(status));
    if (envelope)
        json_set(v, "result", envelope);
    json_add(sites, v);
    json_free(sites);
}

static void rig_open(struct rig *g)
{
    struct json *tree = parse(dictionary_text), *asked = parse(question_text);
    *g = (struct rig){0};
    assert_ok(dictionary_read(tree, NULL, PROFILE_CK, &g->dictionary, NULL));
    assert_ok(question_read(asked, g->dictionary, &g->question, NULL));
    assert_ok(label_parse(slice_str("demo"), &g->trust.network, NULL));
    g->trust.sites = g->sites;
    g->trust.site_count = SITES;
    for (unsigned i = 0; i < SITES; i++) {
        assert_ok(site_id_parse(slice_str(names[i]), &g->sites[i].site, NULL));
        assert_ok(signing_key_new(KEY_P256, &g->keys[i], NULL));
        assert_ok(signing_key_public(g->keys[i], &g->sites[i].key, NULL));
    }
    g->results = json_object();
    json_set(g->results, "query", json_of_str(QUERY));
    json_set(g->results, "question", asked);
    json_set(g->results, "entry", json_of_integer(7));
    json_set(g->results, "sites", json_array());
    json_free(tree);
}

static void rig_close(struct rig *g)
{
    json_free(g->results);
    for (unsigned i = 0; i < SITES; i++)
        signing_key_free(g->keys[i]);
    question_free(g->question);
    dictionary_free(g->dictionary);
}

static void three_answers(struct rig *g)
{
    add(g, 0, "answered", signed_answer(g, 0, "{\"cells\":[10,20],\"total\":30,\"n_missing\":0}", QUERY, g->keys[0]));
    add(g, 1, "answered", signed_answer(g, 1, "{\"cells\":[null,5],\"total\":8,\"n_missing\":null}", QUERY, g->keys[1]));
    add(g, 2, "refused", signed_answer(g, 2, NULL, QUERY, g->keys[2]));
}

static struct json *release_entry(const struct rig *g, const struct recombined *r)
{
    struct json *v = json_object(), *sites = json_array();
    json_set(v, "type", json_of_str("release"));
    json_set(v, "query", json_of_str(QUERY));
    json_set(v, "question_sha256", json_of_hex(slice_of(g->question->hash.at, HASH_LEN)));
    json_set(v, "result_sha256", json_of_hex(slice_of(r->hash.at, HASH_LEN)));
    for (unsigned i = 0; i < 2; i++) {
        struct json *s = json_object();
        json_set(s, "site", json_of_str(names[i]));
        json_set(s, "edition", json_of_str("e"));
        json_set(s, "result_sha256", json_of_str(g->hashes[i]));
        json_add(sites, s);
    }
    json_set(v, "sites", sites);
    return v;
}

static result check_release(const struct recombined *r, const struct json *entry, bool *same, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 65536);
    assert_ok(json_print(entry, &text, NULL));
    return recombine_check_release(r, buffer_slice(&text), same, why);
}

static void test_the_document_is_made_again(void **state)
{
    struct rig g;
    struct recombined r;
    struct why why = {0};
    bool same = false;
    (void)state;
    rig_open(&g);
    recombined_init(&r);
    three_answers(&g);
    assert_ok(recombine(g.results, &g.trust, g.dictionary, &r, &why));
    assert_int_equal(r.answered, 2);
    const struct json *made = json_get(r.document, "result");
    assert_int_equal(json_integer(json_item(json_get(made, "cells"), 0)), 10);
    assert_int_equal(json_integer(json_item(json_get(made, "cells"), 1)), 25);
    assert_int_equal(json_integer(json_get(made, "total")), 38);
    assert_int_equal(json_size(json_get(json_get(r.document, "protection"), "withheld")), 2);
    assert_true(json_get(json_get(r.document, "by_site"), "south") != NULL);

    struct json *entry = release_entry(&g, &r);
    assert_ok(check_release(&r, entry, &same, &why));
    assert_true(same);
    json_set(entry, "result_sha256", json_of_str(g.hashes[0]));
    assert_ok(check_release(&r, entry, &same, &why)); /* the sites are right, the sum is not */
    assert_false(same);

    /* The log names another answer, another edition, one too few, another question. */
    struct json *sites = json_hold((struct json *)(uintptr_t)json_get(entry, "sites")), *first = json_hold((struct json *)(uintptr_t)json_item(sites, 0));
    json_set(first, "result_sha256", json_of_str(g.hashes[1]));
    assert_int_equal(check_release(&r, entry, &same, &why).code, DENIED);
    assert_string_equal(why.text, "the release entry names another result of the site 'north' than the one it signed");
    json_set(first, "result_sha256", json_of_str(g.hashes[0]));
    json_set(first, "edition", json_of_str("f"));
    assert_int_equal(check_release(&r, entry, &same, &why).code, DENIED);
    assert_string_equal(why.text, "the release entry names another edition of the site 'north'");
    json_set(first, "edition", json_of_str("e"));
    json_set(first, "site", json_of_str("east"));
    assert_int_equal(check_release(&r, entry, &same, &why).code, DENIED);
    assert_string_equal(why.text, "the site 'north' answered, and the release entry leaves it out");
    json_set(first, "site", json_of_str("north"));
    json_set(entry, "question_sha256", json_of_str(g.hashes[0]));
    assert_int_equal(check_release(&r, entry, &same, &why).code, DENIED);
    json_free(first);
    json_free(sites);
    json_free(entry);
    recombined_done(&r);
    rig_close(&g);
}

static void test_each_value_is_compared(void **state)
{
    struct rig g;
    struct recombined r;
    uint64_t values = 0, all = 0;
    (void)state;
    rig_open(&g);
    recombined_init(&r);
    three_answers(&g);
    assert_ok(recombine(g.results, &g.trust, g.dictionary, &r, NULL));
    struct json *released = json_copy(r.document), *differences = json_array();
    json_set(released, "receipt", json_object()); /* not part of what is compared */
    recombine_compare(released, r.document, differences, &all);
    assert_int_equal(json_size(differences), 0);
    assert_true(all > 20);
    struct json *part = json_hold((struct json *)(uintptr_t)json_get(released, "result"));
    json_set(part, "cells", parse("[10,26]"));
    json_set(part, "more", json_of_integer(1));
    json_free(part);
    recombine_compare(released, r.document, differences, &values);
    assert_int_equal(values, all + 1);
    assert_int_equal(json_size(differences), 2);
    assert_true(slice_is(json_text(json_get(json_item(differences, 0), "at")), "/result/cells/1"));
    assert_int_equal(json_integer(json_get(json_item(differences, 0), "released")), 26);
    assert_int_equal(json_integer(json_get(json_item(differences, 0), "combined")), 25);
    assert_true(slice_is(json_text(json_get(json_item(differences, 1), "at")), "/result/more"));
    assert_true(json_get(json_item(differences, 1), "combined") == NULL);
    json_free(differences);
    json_free(released);
    recombined_done(&r);
    rig_close(&g);
}

static void refused(struct rig *g, const char *text)
{
    struct recombined r;
    struct why why = {0};
    recombined_init(&r);
    assert_int_equal(recombine(g->results, &g->trust, g->dictionary, &r, &why).code, DENIED);
    assert_string_equal(why.text, text);
    rig_close(g);
}

static void test_only_what_a_site_signed(void **state)
{
    static const char statistic[] = "{\"cells\":[10,20],\"total\":30,\"n_missing\":0}";
    struct rig g;
    (void)state;
    rig_open(&g);
    add(&g, 0, "answered", signed_answer(&g, 0, statistic, QUERY, g.keys[1]));
    refused(&g, "the result of the site 'north' is not signed with that site's key");
    rig_open(&g);
    add(&g, 0, "answered", signed_answer(&g, 1, statistic, QUERY, g.keys[0]));
    refused(&g, "what the site 'north' signed is of another site");
    rig_open(&g);
    add(&g, 0, "answered", signed_answer(&g, 0, statistic, "q-0000000000000000000000000", g.keys[0]));
    refused(&g, "what the site 'north' signed is of another query");
    rig_open(&g);
    add(&g, 0, "answered", signed_answer(&g, 0, NULL, QUERY, g.keys[0])); /* a refusal shown as an answer */
    refused(&g, "what the site 'north' signed is of another status");
    rig_open(&g);
    add(&g, 0, "answered", NULL);
    refused(&g, "the site 'north' is said to have answered, and what it signed is missing");
    rig_open(&g);
    three_answers(&g);
    add(&g, 0, "answered", signed_answer(&g, 0, statistic, QUERY, g.keys[0]));
    refused(&g, "the site 'north' is there twice");
}

static void test_the_logs_entries_of_answers(void **state)
{
    struct rig g;
    struct recombined r;
    struct why why = {0};
    char text[400];
    (void)state;
    rig_open(&g);
    recombined_init(&r);
    three_answers(&g);
    assert_ok(recombine(g.results, &g.trust, g.dictionary, &r, NULL));
    static const struct {
        const char *site;
        int of;
        enum status wanted;
    } cases[] = {{"north", 0, OK}, {"west", 2, OK}, {"north", 1, DENIED}, {"east", 1, DENIED}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(text, sizeof text, "{\"type\":\"site_result\",\"query\":\"" QUERY "\",\"site\":\"%s\",\"result_sha256\":\"%s\"}",
                       cases[i].site, g.hashes[cases[i].of]);
        struct json *entry = parse(text);
        assert_int_equal(recombine_check_answer(&r, entry, &why).code, cases[i].wanted);
        json_free(entry);
    }
    assert_string_equal(why.text, "the log has a result of the site 'east', and the broker leaves it out");
    recombined_done(&r);
    rig_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_document_is_made_again),
        cmocka_unit_test(test_each_value_is_compared),
        cmocka_unit_test(test_only_what_a_site_signed),
        cmocka_unit_test(test_the_logs_entries_of_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
