/* An edition without some persons answers exactly as a snapshot that never held their rows: cubes, key sums,
 * parents and moments, over random tables and questions, person and event tables. */
#include "agents/engine/left_out.h"

#include "agents/engine/engine.h"
#include "tests/unit/random_snapshot.h"

enum { ROUNDS = 120, ANSWER_MAX = 4 * 1024 * 1024 };

static int rising(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

/* Record keys of the persons marked, in the form of a plan; and a stranger's, who is in no dataset. */
static size_t keys_of(const struct snapshot *s, const bool *gone, uint64_t stranger, uint8_t *to)
{
    uint64_t *keys = calloc(s->facts.persons + 1, sizeof *keys);
    size_t n = 0;
    for (uint64_t p = 0; p < s->facts.persons; p++)
        if (gone[p])
            keys[n++] = s->keys[p];
    keys[n++] = stranger;
    qsort(keys, n, sizeof *keys, rising);
    for (size_t i = 0; i < n; i++)
        for (unsigned b = 0; b < RECORD_KEY_LEN; b++)
            to[i * RECORD_KEY_LEN + b] = (uint8_t)(keys[i] >> (56 - 8 * b));
    free(keys);
    return n * RECORD_KEY_LEN;
}

/* The same snapshot without those rows.  Person tables lose the persons too. */
static struct snapshot *without(const struct snapshot *s, const bool *gone)
{
    struct snapshot *r = calloc(1, sizeof *r);
    bool events = s->person != NULL;
    uint64_t *keys = calloc(s->facts.persons + 1, sizeof *keys);
    uint32_t *person = calloc(s->facts.rows + 1, sizeof *person), *order = calloc(s->facts.rows + 1, sizeof *order);
    r->dictionary = s->dictionary;
    r->columns = calloc(RANDOM_VARIABLES, sizeof *r->columns);
    for (unsigned v = 1; v < RANDOM_VARIABLES; v++) {
        size_t width = column_width(s->columns[v].kind);
        uint8_t *at = calloc(s->facts.rows + 1, 8);
        uint64_t n = 0;
        for (uint64_t row = 0; row < s->facts.rows; row++)
            if (!gone[events ? s->person[row] : row])
                memcpy(at + width * n++, (const uint8_t *)s->columns[v].at + width * row, width);
        r->columns[v] = (struct snapshot_column){s->columns[v].kind, at};
        r->facts.rows = n;
    }
    for (uint64_t p = 0; p < s->facts.persons; p++)
        if (events || !gone[p])
            keys[r->facts.persons++] = s->keys[p];
    r->keys = keys;
    if (!events) {
        free(person);
        free(order);
        return r;
    }
    uint64_t n = 0;
    for (uint64_t row = 0; row < s->facts.rows; row++)
        if (!gone[s->person[row]])
            person[n++] = s->person[row];
    n = 0;
    for (uint32_t p = 0; p < s->facts.persons; p++)
        for (uint32_t row = 0; row < r->facts.rows; row++)
            if (person[row] == p)
                order[n++] = row;
    r->person = person;
    r->by_person = order;
    return r;
}

static void assert_same(const struct snapshot *s, const struct snapshot *r, const char *text, bool protect)
{
    struct question *q = test_question(s->dictionary, text);
    struct engine_answer a, b;
    struct buffer x, y;
    buffer_init(&x, ANSWER_MAX);
    buffer_init(&y, ANSWER_MAX);
    engine_answer_init(&a);
    engine_answer_init(&b);
    assert_ok(engine_compute(s, q, protect, &a, NULL));
    assert_ok(engine_compute(r, q, protect, &b, NULL));
    a.engine_us = b.engine_us = 0;
    for (unsigned i = 0; i < a.summary_groups * a.summary_variables; i++) { /* sums of doubles: in another order */
        assert_close(a.summary[i].mean, b.summary[i].mean, 1e-12);
        assert_close(a.summary[i].m2, b.summary[i].m2, 1e-11);
        a.summary[i].mean = b.summary[i].mean;
        a.summary[i].m2 = b.summary[i].m2;
    }
    assert_ok(engine_answer_encode(&a, &x, NULL));
    assert_ok(engine_answer_encode(&b, &y, NULL));
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.at, y.at, x.len);
    buffer_done(&x);
    buffer_done(&y);
    engine_answer_done(&a);
    engine_answer_done(&b);
    question_free(q);
}

static void test_random(void **state)
{
    static const char *const statistics[] = {
        "\"count\":{}",
        "\"table\":{\"by\":[\"a\",{\"variable\":\"age\",\"breaks\":[0,10,50]}]}",
        "\"histogram\":{\"variable\":\"lab\",\"breaks\":[-50,0,10,50]}",
        "\"summary\":{\"variables\":[\"age\",\"lab\"]}",
        "\"summary\":{\"variables\":[\"lab\"],\"by\":\"b\"}",
    };
    static const unsigned sizes[] = {1, 300, 4096, 9000};
    struct chance c = {20261121};
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct dictionary *d = random_dictionary(round % 3 == 2);
        struct snapshot *s = random_snapshot(&c, d, d->event_table ? 300 : sizes[round % COUNT_OF(sizes)], round % 2 * 3);
        bool *gone = calloc(s->facts.persons + 1, sizeof *gone);
        uint8_t *keys = calloc(s->facts.persons + 2, RECORD_KEY_LEN);
        struct left_out left = {0};
        unsigned one_of = (unsigned[]){1, 2, 50, 1000000}[round % 4];
        for (uint64_t p = 0; p < s->facts.persons; p++)
            gone[p] = chance_below(&c, one_of) == 0;
        struct snapshot *r = without(s, gone);
        size_t len = keys_of(s, gone, chance_next(&c), keys);
        assert_ok(left_out_apply(&left, slice_of(keys, len), s, NULL));
        char where[4096], text[8192];
        random_where(&c, where, sizeof where);
        for (size_t i = 0; i < COUNT_OF(statistics); i++) {
            snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"r\"%s,\"statistic\":{%s}}", where, statistics[i]);
            assert_same(s, r, text, i < 3);
        }
        /* and back: nobody is left out, everybody is there */
        assert_ok(left_out_apply(&left, slice_of("", 0), s, NULL));
        assert_int_equal(s->left_out_count, 0);
        left_out_done(&left);
        free(gone);
        free(keys);
        random_snapshot_free(r);
        random_snapshot_free(s);
        dictionary_free(d);
    }
}

static void test_bad_keys(void **state)
{
    static const uint8_t twice[16] = {0}, falling[16] = {1};
    struct chance c = {7};
    struct dictionary *d = random_dictionary(false);
    struct snapshot *s = random_snapshot(&c, d, 100, 0);
    struct left_out left = {0};
    (void)state;
    assert_status(left_out_apply(&left, slice_of(twice, 16), s, NULL), MALFORMED);
    assert_status(left_out_apply(&left, slice_of(falling, 16), s, NULL), MALFORMED);
    assert_int_equal(s->left_out_count, 0);
    left_out_done(&left);
    random_snapshot_free(s);
    dictionary_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_bad_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
