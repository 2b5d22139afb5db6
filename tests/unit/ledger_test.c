/* Aim: what was spent is never less than what was answered and never more than the cap; a question is charged
 * once; locks and freezes last; and all of this survives a fault at any call into the world, and a restart. */
#include "agents/disclosure/zcdp.h"
#include "agents/guard/ledger.h"
#include "tests/unit/agent_data.h"
#include "tests/unit/fault_host.h"

static const char DICTIONARY[] =
    "{\"dataset\":\"l\",\"variables\":[{\"name\":\"pid\",\"type\":\"id\"},{\"name\":\"age\",\"type\":\"integer\"},"
    "{\"name\":\"dx\",\"type\":\"category\",\"sensitive\":true,\"levels\":[{\"code\":\"0\"},{\"code\":\"1\"}]}]}";
static const char PERMIT[] = "p-00000000000000000000000001", OTHER[] = "p-00000000000000000000000002";

struct bench {
    char folder[SCRATCH_PATH];
    struct dictionary *d;
    struct question *q;
    struct cohorts_asked about;
    struct hash question, edition;
};

static void bench_init(struct bench *b)
{
    *b = (struct bench){.edition = {{7}}};
    scratch_make(b->folder, "ledger");
    b->d = test_dictionary(DICTIONARY, PROFILE_OPEN);
    b->q = test_question(b->d, "{\"innsyn\":\"question/1\",\"dataset\":\"l\",\"statistic\":{\"count\":{}},"
                               "\"where\":{\"age\":{\"from\":40},\"dx\":[\"1\"]}}");
    struct cohort_asked *own = &b->about.at[b->about.count++];
    assert_ok(audited_box_of(b->q, &own->box, NULL));
    own->box->persons = 30;
    own->box->terms[0].persons = 100;
    own->box->terms[1].persons = 200;
    buffer_init(&own->text, QUESTION_BYTES_MAX);
    assert_ok(question_cohort(b->q, &own->text, NULL));
}

static void bench_done(struct bench *b)
{
    scratch_remove(b->folder);
    cohorts_done(&b->about);
    question_free(b->q);
    dictionary_free(b->d);
}

/* Question number n, charged micro of age alone. */
static result spend(struct bench *b, struct ledger *l, const char *permit, unsigned n, uint32_t micro, bool answered, struct ledger_alarm *alarm,
                    struct why *why)
{
    struct charge c = {.items = {{1, micro}}, .count = 1};
    struct ledger_alarm ignored;
    memcpy(b->question.at, &n, sizeof n);
    struct ledger_ask a = {"l", permit, &b->question, &b->edition, b->d};
    return ledger_spend(l, &a, &c, &b->about, answered, alarm ? alarm : &ignored, why);
}

static struct ledger *opened(struct bench *b)
{
    struct ledger *l = NULL;
    struct why why = {0};
    if (!is_ok(ledger_open(host_real(), b->folder, false, &l, &why)))
        fail_msg("%s", why.text);
    return l;
}

static void spends_to_the_cap_and_not_over(void **state)
{
    (void)state;
    struct bench b CLEANUP(bench_done);
    bench_init(&b);
    struct ledger *l = opened(&b);
    const struct variable *age = &b.d->variables[1], *dx = &b.d->variables[2];
    assert_int_equal(ledger_left(l, "l", PERMIT, age), 1000000);
    assert_int_equal(ledger_left(l, "l", PERMIT, dx), 250000); /* sensitive */
    for (unsigned i = 0; i < 9; i++)
        assert_ok(spend(&b, l, PERMIT, i, 105264, true, NULL, NULL));
    assert_int_equal(ledger_left(l, "l", PERMIT, age), 1000000 - 9 * 105264);
    assert_ok(spend(&b, l, PERMIT, 3, 105264, true, NULL, NULL)); /* a repeat is free */
    struct why why = {0};
    assert_status(spend(&b, l, PERMIT, 10, 105264, true, NULL, &why), DENIED);
    assert_string_equal(why.code, "budget_exhausted");
    assert_int_equal(ledger_left(l, "l", PERMIT, age), 52624 - CHARGE_REFUSAL); /* that it did not suffice tells something */
    assert_status(spend(&b, l, PERMIT, 10, 105264, false, NULL, NULL), DENIED); /* whatever was decided; once a question */
    assert_int_equal(ledger_left(l, "l", PERMIT, age), 52624 - CHARGE_REFUSAL);
    assert_ok(spend(&b, l, PERMIT, 10, 52624 - CHARGE_REFUSAL, true, NULL, NULL)); /* to the last millionth */
    assert_int_equal(ledger_left(l, "l", PERMIT, age), 0);
    assert_int_equal(ledger_left(l, "l", OTHER, age), 1000000);
    assert_int_equal(ledger_left(l, "m", PERMIT, age), 1000000);
    struct charge named = {.items = {{1, 0}}, .count = 1};
    unsigned n = 99;
    memcpy(b.question.at, &n, sizeof n);
    struct ledger_ask a = {"l", PERMIT, &b.question, &b.edition, b.d};
    assert_int_equal(ledger_may(l, &a, &named), LEDGER_EXHAUSTED);
    ledger_free(l);

    l = opened(&b);
    assert_int_equal(ledger_left(l, "l", PERMIT, age), 0);
    assert_int_equal(ledger_entries(l), 11);
    struct ledger_cohorts c = ledger_cohorts(l, "l");
    assert_int_equal(c.count, 1); /* the same box each time */
    assert_int_equal(c.boxes[0]->persons, 30);
    assert_int_equal(c.boxes[0]->terms[1].persons, 200);
    assert_true(audited_box_equal(c.boxes[0], b.about.at[0].box));
    assert_true(slice_equal(c.texts[0], buffer_slice(&b.about.at[0].text)));
    struct ledger_act top_up = {.kind = ACT_TOP_UP, .id = "0a", .dataset = "l", .variable = "age", .micro = 500000, .reason = "a reason"};
    bool new;
    memcpy(top_up.permit, PERMIT, sizeof PERMIT);
    assert_ok(ledger_do(l, &top_up, &new, NULL));
    assert_true(new);
    assert_ok(ledger_do(l, &top_up, &new, NULL));
    assert_false(new); /* once */
    assert_int_equal(ledger_left(l, "l", PERMIT, age), 500000);
    ledger_free(l);
}

static result reserve(struct bench *b, struct ledger *l, const char *permit, unsigned n, uint64_t units, bool stored, struct why *why)
{
    memcpy(b->question.at, &n, sizeof n);
    struct ledger_ask a = {"l", permit, &b->question, &b->edition, b->d};
    return ledger_reserve(l, &a, units, stored, why);
}

/* Profile dp: 20 questions a permit, 200 a dataset and year, each once, and all of it still there after a restart. */
static void rho_is_reserved_to_the_cap_and_not_over(void **state)
{
    (void)state;
    struct bench b CLEANUP(bench_done);
    bench_init(&b);
    struct ledger *l = opened(&b);
    struct why why = {0};
    uint64_t units;
    char permit[sizeof PERMIT];
    memcpy(permit, PERMIT, sizeof permit);
    assert_ok(zcdp_units(1, DP_QUERY_RHO_INVERSE, &units, NULL));
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(ledger_rho_left(l, "l", PERMIT), (20 - i) * units);
        assert_ok(reserve(&b, l, PERMIT, i, units, false, NULL));
        assert_ok(reserve(&b, l, PERMIT, i, units, false, NULL)); /* once */
    }
    assert_status(reserve(&b, l, PERMIT, 20, units, false, &why), DENIED);
    assert_string_equal(why.code, "budget_exhausted");
    ledger_free(l);
    l = opened(&b);
    assert_int_equal(ledger_rho_left(l, "l", PERMIT), 0);
    assert_ok(reserve(&b, l, PERMIT, 19, units, false, NULL)); /* what a crash interrupted is computed again for nothing */
    struct ledger_act top_up = {.kind = ACT_TOP_UP, .id = "0b", .dataset = "l", .variable = LEDGER_RHO, .micro = 5000, .reason = "a reason"};
    bool new;
    memcpy(top_up.permit, PERMIT, sizeof PERMIT);
    assert_ok(ledger_do(l, &top_up, &new, NULL));
    assert_ok(reserve(&b, l, PERMIT, 20, units, false, NULL));
    assert_status(reserve(&b, l, PERMIT, 21, units, false, NULL), DENIED);
    /* Another permit that is told the same: its own budget pays, the dataset's year does not. */
    for (unsigned i = 0; i < 20; i++)
        assert_ok(reserve(&b, l, OTHER, i, units, true, NULL));
    assert_status(reserve(&b, l, OTHER, 20, units, true, NULL), DENIED);
    /* Many permits: the year's end. */
    for (unsigned i = 21; i < 200; i++) {
        permit[sizeof PERMIT - 2] = (char)('3' + i / 20 % 7);
        permit[sizeof PERMIT - 3] = (char)('0' + i / 140);
        assert_ok(reserve(&b, l, permit, i, units, false, NULL));
    }
    permit[sizeof PERMIT - 4] = '9';
    assert_int_equal(ledger_rho_left(l, "l", permit), 0);
    assert_status(reserve(&b, l, permit, 300, units, false, &why), DENIED);
    assert_int_equal(ledger_rho_left(l, "m", permit), 20 * units); /* another dataset */
    ledger_free(l);
}

static void refusals_lock_until_released(void **state)
{
    (void)state;
    struct bench b CLEANUP(bench_done);
    bench_init(&b);
    struct ledger *l = opened(&b);
    struct charge named = {.items = {{1, 0}}, .count = 1};
    struct ledger_alarm alarm;
    struct hash other = {{9}};
    struct ledger_ask a = {"l", PERMIT, &other, &b.edition, b.d};
    for (unsigned i = 0; i < LEDGER_REFUSALS_DAY; i++) {
        assert_int_equal(ledger_may(l, &a, &named), LEDGER_OPEN);
        assert_ok(spend(&b, l, PERMIT, i, 3000, false, &alarm, NULL));
        assert_true(alarm.locked == (i + 1 == LEDGER_REFUSALS_DAY));
    }
    assert_int_equal(ledger_left(l, "l", PERMIT, &b.d->variables[1]), 1000000 - 20 * 20000);
    assert_int_equal(ledger_may(l, &a, &named), LEDGER_LOCKED);
    assert_int_equal(ledger_cohorts(l, "l").count, 0); /* a refused cohort was not told */
    ledger_free(l);
    l = opened(&b);
    assert_int_equal(ledger_may(l, &a, &named), LEDGER_LOCKED);
    struct ledger_act act = {.kind = ACT_RELEASE, .id = "0b", .reason = "talked to them"};
    bool new;
    memcpy(act.permit, PERMIT, sizeof PERMIT);
    assert_ok(ledger_do(l, &act, &new, NULL));
    assert_int_equal(ledger_may(l, &a, &named), LEDGER_OPEN);
    act.kind = ACT_FREEZE;
    act.id[0] = '1';
    assert_ok(ledger_do(l, &act, &new, NULL));
    assert_int_equal(ledger_may(l, &a, &named), LEDGER_FROZEN);
    ledger_free(l);
}

static void many_permits_ring_the_alarm(void **state)
{
    (void)state;
    struct bench b CLEANUP(bench_done);
    bench_init(&b);
    struct ledger *l = opened(&b);
    unsigned rang = 0;
    for (unsigned i = 0; i < 25; i++) {
        char permit[DOCUMENT_ID_LEN + 1];
        struct ledger_alarm alarm;
        snprintf(permit, sizeof permit, "p-%026u", i);
        assert_ok(spend(&b, l, permit, i, 500000, true, &alarm, NULL));
        rang += alarm.rang;
        assert_true(alarm.rang == (i == 19));
    }
    assert_int_equal(rang, 1);
    ledger_free(l);
}

/* Let the n-th call into the world fail, before or after its effect. */
static void survives_every_fault(void **state)
{
    (void)state;
    for (unsigned after = 0; after < 2; after++)
        for (unsigned long n = 0;; n++) {
            struct bench b CLEANUP(bench_done);
            struct fault_host f;
            struct ledger *l = NULL;
            unsigned told = 0;
            bench_init(&b);
            fault_host_init(&f, n);
            f.after = after;
            if (is_ok(ledger_open(&f.host, b.folder, false, &l, NULL)))
                for (unsigned i = 0; i < 4; i++)
                    told += is_ok(spend(&b, l, PERMIT, i, 300000, true, NULL, NULL));
            assert_true(told <= 3);
            ledger_free(l);
            l = opened(&b);
            int64_t left = ledger_left(l, "l", PERMIT, &b.d->variables[1]);
            assert_true(1000000 - left >= 300000 * (int64_t)told);
            for (unsigned i = 0; i < 4; i++) /* asked again: what was charged is not charged twice */
                tolerate(spend(&b, l, PERMIT, i, 300000, true, NULL, NULL));
            assert_int_equal(ledger_left(l, "l", PERMIT, &b.d->variables[1]), 100000 - CHARGE_REFUSAL);
            ledger_free(l);
            if (!f.hit)
                break;
        }
}

static void a_torn_line_is_cut_and_a_damaged_one_is_not(void **state)
{
    (void)state;
    struct bench b CLEANUP(bench_done);
    char path[128];
    struct ledger *l;
    bench_init(&b);
    l = opened(&b);
    assert_ok(spend(&b, l, PERMIT, 1, 300000, true, NULL, NULL));
    ledger_free(l);
    snprintf(path, sizeof path, "%s/00000000.jsonl", b.folder);
    assert_ok(host_append_file(host_real(), path, 0600, slice_str("{\"innsyn\":\"ledger/1\",\"type\":\"sp"), NULL));
    l = opened(&b);
    assert_ok(spend(&b, l, PERMIT, 2, 300000, true, NULL, NULL));
    ledger_free(l);
    l = opened(&b);
    assert_int_equal(ledger_left(l, "l", PERMIT, &b.d->variables[1]), 400000);
    ledger_free(l);
    assert_ok(host_append_file(host_real(), path, 0600, slice_str("{\"innsyn\":\"ledger/1\"}\n"), NULL));
    assert_status(ledger_open(host_real(), b.folder, false, &l, NULL), BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spends_to_the_cap_and_not_over),
        cmocka_unit_test(rho_is_reserved_to_the_cap_and_not_over),
        cmocka_unit_test(refusals_lock_until_released),
        cmocka_unit_test(many_permits_ring_the_alarm),
        cmocka_unit_test(survives_every_fault),
        cmocka_unit_test(a_torn_line_is_cut_and_a_damaged_one_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
