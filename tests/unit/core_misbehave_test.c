/*
 * Aim: a broker that lies (test builds) does lie, and what an agent checks catches each lie.
 * Method: the honest network of core_rig.h up to the poll; then one lie at a time, and the check of
 * proto/ that must fail.
 */
#include "core_rig.h"

#define COUNT_Q "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"statistic\":{\"count\":{}}}"
#define TABLE_Q "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"statistic\":{\"table\":{\"by\":[\"sex\"]}}}"

#ifdef INNSYN_TEST_HOOKS

static void lie(const char *what)
{
    if (what)
        assert_int_equal(setenv("INNSYN_TEST_MISBEHAVE", what, 1), 0);
    else
        assert_int_equal(unsetenv("INNSYN_TEST_MISBEHAVE"), 0);
}

/* What is wrong with the one task that the poll hands out: the code of the first check that fails. */
static const char *first_fault(struct rig *g, const struct json *item)
{
    struct buffer trust_text CLEANUP(buffer_done) = {0}, entry CLEANUP(buffer_done) = {0};
    struct envelope e;
    struct trust *trust CLEANUP(trust_freep) = NULL;
    struct permit *permit CLEANUP(permit_freep) = NULL;
    struct task t;
    buffer_init(&trust_text, 2 * RIG_TEXT);
    buffer_init(&entry, RIG_TEXT);
    rig_trust_text(g, 1, &trust_text);
    envelope_init(&e);
    assert_ok(envelope_parse_text(buffer_slice(&trust_text), TYPE_TRUST, &e, NULL));
    assert_ok(trust_open(&e, NULL, NULL, &trust, NULL));
    envelope_done(&e);
    assert_ok(envelope_parse(json_get(item, "permit"), "", TYPE_PERMIT, &e, NULL));
    assert_ok(permit_read(buffer_slice(&e.payload), &permit, NULL));
    bool is_signed = is_ok(permit_check_signatures(&e, permit, trust, NULL, NULL));
    envelope_done(&e);
    if (!is_signed)
        return "signatures";
    assert_ok(envelope_parse(json_get(item, "task"), "", TYPE_TASK, &e, NULL));
    assert_ok(task_open(&e, trust, &t, NULL));
    envelope_done(&e);
    assert_ok(base64_parse(json_text(json_get(item, "entry")), &entry, NULL));
    if (entry.len == 0)
        return "no entry";
    struct json *tree CLEANUP(json_freep) = NULL;
    struct hash question = {0}, leaf = merkle_leaf(buffer_slice(&entry));
    assert_ok(json_parse(buffer_slice(&entry), RIG_TEXT, &tree, NULL));
    if (!hex_parse(json_text(json_get(tree, "question_sha256")), question.at, HASH_LEN))
        return "entry differs";
    if (!is_ok(task_check_entry(&t, &question, buffer_slice(&entry), NULL)))
        return "entry differs";
    struct merkle_proof proof = {.count = 0};
    const struct json *hashes = json_get(item, "proof");
    for (size_t i = 0; i < json_size(hashes); i++)
        assert_true(base64_parse_exact(json_text(json_item(hashes, i)), proof.hashes[proof.count++].at, HASH_LEN));
    if (!is_ok(merkle_check_inclusion(&leaf, t.entry, g->held[0].size, &proof, &g->held[0].root, NULL)))
        return "proof";
    return "";
}

static void each_lie_is_caught(void **state)
{
    (void)state;
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1];
    rig_open(&g, NULL);
    rig_network(&g);
    rig_permit(&g, "[\"count\"]", DAY_MS, permit);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    const struct {
        const char *what, *fault;
    } rows[] = {
        {NULL, ""},
        {"drop_entry", "entry differs"},
        {"rewrite_entry", "proof"},
        {"reorder_entries", "proof"},
        {"no_entry", "no entry"},
        {"add_person", "signatures"},
        {NULL, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        lie(rows[i].what);
        const struct rig_answer *a = rig_poll(&g, 0, "");
        assert_int_equal(json_size(json_get(a->body, "tasks")), 1);
        assert_string_equal(first_fault(&g, json_item(json_get(a->body, "tasks"), 0)), rows[i].fault);
    }
    lie(NULL);
    rig_close(&g);
}

static void checks_are_skipped(void **state)
{
    (void)state;
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1];
    rig_open(&g, NULL);
    rig_network(&g);
    rig_permit(&g, "[\"count\"]", DAY_MS, permit);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, TABLE_Q, id), 403, "outside_scope");
    lie("skip_checks");
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, TABLE_Q, id), 201, NULL);
    EXPECT(rig_query(&g, P_RESEARCHER2, RESEARCHER2, permit, COUNT_Q, id), 201, NULL);
    assert_int_equal(json_size(json_get(rig_poll(&g, 0, "")->body, "tasks")), 2);
    lie(NULL);
    rig_close(&g);
}

/* A permit that lacks a signature goes live at the liar's: keys seal no status for it, agents see what is missing. */
static void a_forged_permit(void **state)
{
    (void)state;
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1];
    rig_open(&g, NULL);
    rig_network(&g);
    rig_draft(&g, "[\"count\"]", DAY_MS, permit);
    lie("forged_permit");
    rig_sign_permit(&g, P_OFFICER1, OFFICER1, permit, 200, NULL);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    const struct rig_answer *a = rig_poll(&g, 0, "");
    assert_int_equal(json_size(json_get(a->body, "tasks")), 1);
    const struct json *item = json_item(json_get(a->body, "tasks"), 0);
    assert_int_equal(json_kind(json_get(item, "status")), JSON_NULL);
    assert_string_equal(first_fault(&g, item), "signatures");
    lie(NULL);
    rig_close(&g);
}

static void an_old_status(void **state)
{
    (void)state;
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1], path[128];
    rig_open(&g, NULL);
    rig_network(&g);
    rig_permit(&g, "[\"count\"]", DAY_MS, permit);
    lie("old_status,skip_checks");
    rig_poll(&g, 0, "");
    snprintf(path, sizeof path, "/v1/permits/%s/status", permit);
    EXPECT(rig_call(&g, P_OFFICER2, HTTP_POST, path, "{\"state\":\"revoked\",\"reason\":\"asked\"}"), 200, NULL);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    const struct rig_answer *a = rig_poll(&g, 0, "");
    struct task t;
    rig_check_task(&g, 0, json_item(json_get(a->body, "tasks"), 0), &t); /* still sealed as live: only its age tells */
    lie(NULL);
    rig_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_lie_is_caught),
        cmocka_unit_test(checks_are_skipped),
        cmocka_unit_test(a_forged_permit),
        cmocka_unit_test(an_old_status),
    };
    return cmocka_run_group_tests_name("core_misbehave", tests, NULL, NULL);
}

#else
int main(void)
{
    puts("skipped: not a test build (-Dtest_hooks=true)");
    return 77;
}
#endif
