/* Aim: the sets that a summary is about are, to the person, what a question says that names its variable; they are
 * audited beside all others but not beside their own box; and the ledger brings them back as they were. */
#include "agents/disclosure/cohorts.h"
#include "agents/engine/difference.h"
#include "agents/engine/engine.h"
#include "agents/engine/weighted.h"
#include "agents/guard/ledger.h"
#include "tests/unit/random_snapshot.h"

static const char PERMIT[] = "p-00000000000000000000000001";

struct rig {
    struct chance c;
    struct dictionary *d;
    struct snapshot *s;
    struct jitter *j;
};

static void rig_init(struct rig *x, unsigned missing_of_8)
{
    *x = (struct rig){.c = {20260102}, .d = random_dictionary(false)};
    for (unsigned v = 5; v < 7; v++) {
        x->d->variables[v].has_clamps = true;
        x->d->variables[v].clamp_low = -50;
        x->d->variables[v].clamp_high = 100;
    }
    x->s = random_snapshot(&x->c, x->d, 5000, missing_of_8);
    assert_ok(jitter_new(slice_str("01234567890123456789012345678901"), &x->j, NULL));
}

static void rig_done(struct rig *x)
{
    jitter_free(x->j);
    random_snapshot_free(x->s);
    dictionary_free(x->d);
}

static void ask(struct rig *x, const char *where, const char *statistic, struct cohorts_asked *ret)
{
    static char text[40000];
    struct engine_answer a CLEANUP(engine_answer_done);
    snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"r\",\"where\":%s,\"statistic\":%s}", where, statistic);
    struct question *q CLEANUP(question_freep) = test_question(x->d, text);
    engine_answer_init(&a);
    if (q->statistic == STATISTIC_SUMMARY)
        assert_ok(weighted_summary(x->s, q, x->j, slice_str("e"), &a, NULL));
    else
        assert_ok(engine_compute(x->s, q, true, &a, NULL));
    assert_ok(cohorts_of(q, &a, ret, NULL));
}

static const struct audited_term *term_of(const struct audited_box *box, uint64_t variable)
{
    for (unsigned t = 0; t < box->term_count; t++)
        if (box->terms[t].variable == variable)
            return &box->terms[t];
    fail_msg("a term is not there");
    return NULL;
}

/* What the same set is when a question names it. */
static void check_named(struct rig *x, const struct cohort_asked *c, const struct cohort_asked *own)
{
    struct json *tree CLEANUP(json_freep) = NULL;
    struct question *q CLEANUP(question_freep) = NULL;
    struct engine_answer a CLEANUP(engine_answer_done);
    struct audited_box *box = NULL;
    struct buffer again CLEANUP(buffer_done) = {0};
    char name[VARIABLE_MAX + 1];
    buffer_init(&again, QUESTION_BYTES_MAX);
    assert_ok(json_parse(buffer_slice(&c->text), QUESTION_BYTES_MAX, &tree, NULL));
    assert_ok(question_read(tree, x->d, &q, NULL));
    assert_true(slice_equal(buffer_slice(&q->canonical), buffer_slice(&c->text)));
    engine_answer_init(&a);
    assert_ok(engine_compute(x->s, q, true, &a, NULL));
    assert_ok(audited_box_of(q, &box, NULL));
    assert_ok(audited_box_count(box, &a, NULL));
    assert_true(box->whole.a == c->box->whole.a && box->whole.b == c->box->whole.b);
    assert_int_equal(box->persons, c->box->persons);
    assert_int_equal(box->term_count, c->box->term_count);
    for (unsigned t = 0; t < box->term_count; t++)
        assert_int_equal(box->terms[t].persons, term_of(c->box, box->terms[t].variable)->persons);
    assert_true(c->box->base.a == own->box->whole.a && c->box->base.b == own->box->whole.b);
    assert_true(slice_copy_str(x->d->variables[c->variable].name, name, sizeof name));
    assert_ok(cohort_with_value(buffer_slice(&own->text), name, &again, NULL));
    assert_true(slice_equal(buffer_slice(&again), buffer_slice(&c->text)));
    free(box);
}

static const char BOTH[] = "{\"summary\":{\"variables\":[\"age\",\"lab\"]}}", BOTH_BY[] = "{\"summary\":{\"variables\":[\"age\",\"lab\"],\"by\":\"b\"}}";

static void a_set_is_what_its_question_says(void **state)
{
    (void)state;
    static const struct {
        const char *where;
        unsigned count;
    } cases[] = {
        {"{}", 3},
        {"{\"a\":[\"1\"]}", 3},
        {"{\"a\":[\"1\",null],\"b\":[\"0\",\"2\"],\"seen\":{\"from\":\"1970-01-01\"}}", 3},
        {"{\"age\":{\"from\":10,\"to\":60}}", 2}, /* the box says already who has an age */
        {"{\"age\":[{\"from\":10,\"to\":60},null],\"b\":[\"1\"]}", 3},
        {"{\"age\":[{\"from\":10,\"to\":60},{\"from\":70},null],\"lab\":[{\"from\":0},null]}", 3},
        {"{\"age\":[null],\"b\":[\"1\"]}", 2}, /* nobody there has an age */
        {"{\"age\":{},\"lab\":{\"to\":20}}", 1},
    };
    for (unsigned by = 0; by < 2; by++) {
        struct rig x CLEANUP(rig_done);
        rig_init(&x, 1);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            static struct cohorts_asked c;
            ask(&x, cases[i].where, by ? BOTH_BY : BOTH, &c);
            if (c.count != cases[i].count)
                fail_msg("case %zu: %u sets", i, c.count);
            for (unsigned k = 1; k < c.count; k++)
                check_named(&x, &c.at[k], &c.at[0]);
            cohorts_done(&c);
        }
    }
    struct rig whole CLEANUP(rig_done);
    static struct cohorts_asked c;
    rig_init(&whole, 0); /* nobody lacks a value: the sets are the box */
    ask(&whole, "{\"a\":[\"1\"]}", BOTH, &c);
    assert_int_equal(c.count, 1);
    cohorts_done(&c);
}

static size_t near(struct rig *x, const char *where, const char *statistic, const char *before_where, const char *before_statistic)
{
    static struct cohorts_asked a, b;
    struct audited_box *boxes[COHORTS_MAX];
    struct slice texts[COHORTS_MAX];
    size_t pairs = 0;
    ask(x, before_where, before_statistic, &b);
    ask(x, where, statistic, &a);
    for (unsigned i = 0; i < b.count; i++) {
        boxes[i] = b.at[i].box;
        texts[i] = buffer_slice(&b.at[i].text);
    }
    assert_ok(cohorts_compare(&a, boxes, texts, b.count, false, NULL));
    for (unsigned i = 0; i < a.count; i++)
        for (size_t k = 0; k < a.at[i].audit.pair_count; k++) {
            struct audit_pair *p = &a.at[i].audit.pairs[k];
            struct slice name = {0};
            struct bitmaps *bitmaps CLEANUP(bitmaps_freep) = NULL;
            for (unsigned v = 0; v < RANDOM_VARIABLES; v++)
                if (audited_variable(slice_str(RANDOM_NAMES[v])) == p->variable)
                    name = slice_str(RANDOM_NAMES[v]);
            struct projection mine = {buffer_slice(&a.at[i].text), name}, earlier = {texts[p->box], name};
            assert_ok(bitmaps_new(&bitmaps, NULL));
            assert_ok(bitmaps_difference(bitmaps, x->s, &mine, &earlier, &p->difference, NULL));
            pairs += p->difference < AUDIT_PERSONS_MIN;
        }
    assert_true((cohorts_least(&a) < AUDIT_PERSONS_MIN) == (pairs > 0));
    cohorts_done(&a);
    cohorts_done(&b);
    return pairs;
}

/* Everybody of b = 0 lacks an age but one: boxes with and without b = 0 differ by hundreds, those with an age by one. */
static void sets_are_compared_where_boxes_are_far_apart(void **state)
{
    (void)state;
    static const char count[] = "{\"count\":{}}", age[] = "{\"summary\":{\"variables\":[\"age\"]}}", most[] = "{\"b\":[\"1\",\"2\",\"3\",\"4\",null]}";
    struct rig x CLEANUP(rig_done);
    rig_init(&x, 1);
    double *ages = (double *)(uintptr_t)x.s->columns[5].at;
    bool one = false;
    for (unsigned i = 0; i < x.s->facts.rows; i++)
        if (naive_level(x.s, 2, i) == 0) {
            ages[i] = one ? (double)NAN : 30;
            one = true;
        }
    assert_int_equal(near(&x, most, count, "{}", count), 0);
    assert_true(near(&x, most, age, "{}", age) > 0);
    /* A box that names the variable is the set that a summary told of, less one. */
    assert_true(near(&x, "{\"age\":{},\"b\":[\"1\",\"2\",\"3\",\"4\",null]}", count, "{}", age) > 0);
    assert_true(near(&x, most, age, "{\"age\":{}}", count) > 0);
    /* The same box, whoever lacks what: two cells of it. */
    for (unsigned i = 0; i < x.s->facts.rows; i++)
        ages[i] = i == 0 ? (double)NAN : 30 + i % 40;
    assert_int_equal(near(&x, "{}", age, "{}", count), 0);
    assert_int_equal(near(&x, "{\"a\":[\"1\"]}", age, "{\"a\":[\"1\"]}", "{\"summary\":{\"variables\":[\"lab\"]}}"), 0);
    assert_int_equal(near(&x, "{\"a\":[\"0\"]}", age, "{\"a\":[\"1\"]}", "{\"summary\":{\"variables\":[\"lab\"]}}"), 0);
    assert_true(near(&x, "{\"age\":{}}", count, "{}", count) > 0); /* who says it himself is asked about it */
}

static void the_ledger_brings_them_back(void **state)
{
    (void)state;
    char folder[SCRATCH_PATH];
    struct rig x CLEANUP(rig_done);
    static struct cohorts_asked c;
    struct ledger *l = NULL;
    struct hash question = {{1}}, edition = {{2}};
    struct charge charge = {0};
    struct ledger_alarm alarm;
    scratch_make(folder, "cohorts");
    rig_init(&x, 1);
    ask(&x, "{\"a\":[\"1\"],\"age\":[{\"from\":10,\"to\":60},null]}", BOTH_BY, &c);
    assert_int_equal(c.count, 3);
    assert_ok(ledger_open(host_real(), folder, false, &l, NULL));
    struct ledger_ask who = {"r", PERMIT, &question, &edition, x.d};
    assert_ok(ledger_spend(l, &who, &charge, &c, true, &alarm, NULL));
    for (unsigned turn = 0; turn < 2; turn++) {
        struct ledger_cohorts before = ledger_cohorts(l, "r");
        assert_int_equal(before.count, c.count);
        for (unsigned i = 0; i < c.count; i++) {
            unsigned found = 0;
            for (size_t k = 0; k < before.count; k++) {
                const struct audited_box *got = before.boxes[k], *want = c.at[i].box;
                if (!audited_box_equal(got, want))
                    continue;
                found++;
                assert_true(slice_equal(before.texts[k], buffer_slice(&c.at[i].text)));
                assert_true(got->valued == want->valued);
                assert_int_equal(got->persons, want->persons);
                for (unsigned t = 0; t < want->term_count; t++)
                    assert_int_equal(term_of(got, want->terms[t].variable)->persons, want->terms[t].persons);
            }
            assert_int_equal(found, 1);
        }
        ledger_free(l);
        assert_ok(ledger_open(host_real(), folder, false, &l, NULL));
    }
    ledger_free(l);
    cohorts_done(&c);
    scratch_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_is_what_its_question_says),
        cmocka_unit_test(sets_are_compared_where_boxes_are_far_apart),
        cmocka_unit_test(the_ledger_brings_them_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
