/* The counting kernel against code that looks at one row and one cell at a time, over random tables and
 * questions of every shape: no persons, one level, all missing, chunks' edges, event tables. */
#include "agents/engine/cube.h"

#include "base/instant.h"

#include "tests/unit/random_snapshot.h"

static unsigned naive_slot(const struct snapshot *s, const struct dimension *d, uint64_t row)
{
    unsigned levels = s->dictionary->variables[d->variable].level_count;
    if (levels) {
        int level = naive_level(s, d->variable, row);
        if (d->grouping)
            return level < 0 ? d->grouping->group_count + 2 : naive_group(d->grouping->name, (unsigned)level);
        return level < 0 ? levels + 2 : (unsigned)level;
    }
    unsigned cells = d->break_count - 1;
    double x = naive_number(s, d->variable, row);
    if (isnan(x))
        return cells + 2;
    if (x < d->breaks[0])
        return cells;
    if (x > d->breaks[cells])
        return cells + 1;
    for (unsigned i = 0; i < cells; i++)
        if (x < d->breaks[i + 1])
            return i;
    return cells - 1; /* the last is closed */
}

/* Persons once each: seen[person * width + slot]. */
static bool first(uint8_t *seen, size_t width, uint32_t person, size_t slot)
{
    bool new = !seen[person * width + slot];
    seen[person * width + slot] = 1;
    return new;
}

static void check(const struct snapshot *s, const struct question *q, bool protect, const struct engine_answer *a)
{
    size_t slots = a->base.slot_count, persons = s->facts.persons + 1;
    uint64_t *want = calloc(slots, sizeof *want), *keys = calloc(slots, sizeof *keys);
    assert_int_equal(a->parent_count, protect ? q->box_count : 0);
    assert_int_equal(a->event_table, s->dictionary->event_table);
    assert_true((a->base.key_sums != NULL) == protect);
    for (int without = -1; without < (int)a->parent_count; without++) {
        uint8_t *seen = calloc(persons * slots, 1), *lone = calloc(persons * 3, 1);
        uint8_t *edge[TABLE_DIMENSIONS_MAX];
        uint64_t *margin[TABLE_DIMENSIONS_MAX], table = 0, missing = 0, cohort = 0;
        for (unsigned d = 0; d < q->dimension_count; d++) {
            edge[d] = calloc(persons * a->base.slots[d], 1);
            margin[d] = calloc(a->base.slots[d], sizeof *margin[d]);
        }
        memset(want, 0, slots * sizeof *want);
        for (uint64_t row = 0; row < s->facts.rows; row++) {
            uint32_t person = s->person ? s->person[row] : (uint32_t)row;
            size_t slot = 0;
            unsigned at[TABLE_DIMENSIONS_MAX];
            bool inside = true, empty = false;
            if (!naive_in_box(s, q, row, without))
                continue;
            for (unsigned d = 0; d < q->dimension_count; d++) {
                at[d] = naive_slot(s, &q->dimensions[d], row);
                slot = slot * a->base.slots[d] + at[d];
                inside = inside && at[d] < dimension_cells(q, d);
                empty = empty || at[d] == dimension_cells(q, d) + 2;
            }
            if (first(seen, slots, person, slot)) {
                want[slot]++;
                if (without < 0 && protect)
                    keys[slot] += s->keys[person];
            }
            cohort += first(lone, 3, person, 0);
            missing += empty && first(lone, 3, person, 1);
            table += inside && first(lone, 3, person, 2);
            for (unsigned d = 0; inside && d < q->dimension_count; d++)
                margin[d][at[d]] += first(edge[d], a->base.slots[d], person, at[d]);
        }
        const struct cube *got = without < 0 ? &a->base : &a->parents[without];
        assert_int_equal(got->slot_count, slots);
        assert_memory_equal(got->persons, want, slots * sizeof *want);
        if (without < 0) {
            assert_int_equal(a->cohort, cohort);
            assert_int_equal(a->table_persons, table);
            assert_int_equal(a->missing_persons, missing);
            if (protect)
                assert_memory_equal(a->base.key_sums, keys, slots * sizeof *keys);
        }
        for (unsigned d = 0; d < q->dimension_count; d++) {
            if (without < 0)
                assert_memory_equal(a->margins[d], margin[d], dimension_cells(q, d) * sizeof *margin[d]);
            free(edge[d]);
            free(margin[d]);
        }
        free(seen);
        free(lone);
    }
    free(want);
    free(keys);
}

static void random_statistic(struct chance *c, char *to, size_t size)
{
    unsigned count = chance_below(c, 4);
    size_t n = (size_t)snprintf(to, size, count ? "{\"table\":{\"by\":[" : "{\"count\":{}}");
    bool used[RANDOM_VARIABLES] = {true};
    for (unsigned i = 0; i < count; i++) {
        unsigned v = 1 + chance_below(c, RANDOM_VARIABLES - 1);
        if (used[v] || (v == 3 && count > 1)) {
            i--;
            continue;
        }
        used[v] = true;
        n += (size_t)snprintf(to + n, size - n, i ? "," : "");
        if ((v == 2 || v == 3 || v == 5) && chance_below(c, 2)) {
            unsigned grouping = v == 2 ? 0 : (v == 3 ? 1 : 3) + chance_below(c, 2);
            n += (size_t)snprintf(to + n, size - n, "{\"variable\":\"%s\",\"grouping\":\"%s\"}", RANDOM_NAMES[v], RANDOM_GROUPINGS[grouping]);
            continue;
        }
        if (RANDOM_LEVELS[v]) {
            n += (size_t)snprintf(to + n, size - n, "\"%s\"", RANDOM_NAMES[v]);
            continue;
        }
        n += (size_t)snprintf(to + n, size - n, "{\"variable\":\"%s\",\"breaks\":[", RANDOM_NAMES[v]);
        unsigned breaks = 2 + chance_below(c, count == 1 ? 40 : 4);
        int at = (int)chance_below(c, 60) - 40;
        for (unsigned k = 0; k < breaks; k++, at += 1 + (int)chance_below(c, 6)) {
            char day[DATE_TEXT_SIZE];
            date_print(at, day);
            n += v == 7 ? (size_t)snprintf(to + n, size - n, "%s\"%s\"", k ? "," : "", day)
                        : (size_t)snprintf(to + n, size - n, "%s%d%s", k ? "," : "", at, v == 6 && k % 2 ? ".5" : "");
        }
        n += (size_t)snprintf(to + n, size - n, "]}");
    }
    if (count)
        snprintf(to + n, size - n, "]}}");
}

static void test_random(void **state)
{
    static const unsigned sizes[] = {0, 1, 37, 500, 4095, 4096, 4097, 9000};
    struct chance c = {20261121};
    (void)state;
    for (unsigned round = 0; round < 160; round++) {
        bool events = round % 3 == 2, protect = chance_below(&c, 2);
        unsigned rows = sizes[events ? chance_below(&c, 4) : round % COUNT_OF(sizes)];
        static const unsigned missing[] = {0, 1, 4, 8};
        struct dictionary *d = random_dictionary(events);
        struct snapshot *s = random_snapshot(&c, d, rows, missing[chance_below(&c, 4)]);
        char where[4096], statistic[4096], text[16384];
        random_where(&c, where, sizeof where);
        random_statistic(&c, statistic, sizeof statistic);
        snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"r\"%s,\"statistic\":%s}", where, statistic);
        struct question *q = test_question(d, text);
        struct engine_answer a, again;
        struct cube shape;
        struct buffer bytes;
        struct why why = {0};
        engine_answer_init(&a);
        engine_answer_init(&again);
        buffer_init(&bytes, 16 * 1024 * 1024);
        if (s->facts.persons * 4 < 1000 || is_ok(cube_shape(q, 30, &shape, NULL))) { /* the naive code wants persons x slots bytes */
            if (!is_ok(cube_count(s, q, protect, &a, &why)))
                fail_msg("%s: %s", text, why.text);
            check(s, q, protect, &a);
            assert_ok(engine_answer_encode(&a, &bytes, NULL)); /* and what travels is what arrives */
            assert_ok(engine_answer_decode(buffer_slice(&bytes), q, &again, NULL));
            check(s, q, protect, &again);
            engine_answer_done(&again);
            assert_status(engine_answer_decode(slice_part(buffer_slice(&bytes), 0, bytes.len - 1), q, &again, NULL), MALFORMED);
            assert_ok(buffer_add_byte(&bytes, 0, NULL));
            assert_status(engine_answer_decode(buffer_slice(&bytes), q, &again, NULL), MALFORMED);
        }
        engine_answer_done(&a);
        buffer_done(&bytes);
        question_free(q);
        random_snapshot_free(s);
        dictionary_free(d);
    }
}

/* Values on the edges: `from` is included and `to` is not; cells are [a,b), the last closed. */
static void test_edges(void **state)
{
    struct dictionary *d = random_dictionary(false);
    struct chance c = {7};
    struct snapshot *s = random_snapshot(&c, d, 9, 0);
    const double lab[] = {-0.1, 0, 0.1, 0.3, 0.30000000000000004, 1, 1.0000000000000002, NAN, 0.99};
    double *at;
    memcpy(&at, &s->columns[6].at, sizeof at);
    memcpy(at, lab, sizeof lab);
    struct question *q = test_question(d, "{\"innsyn\":\"question/1\",\"dataset\":\"r\",\"statistic\":{\"table\":{\"by\":"
                                          "[{\"variable\":\"lab\",\"breaks\":[0,0.1,0.3,1]}]}}}");
    struct engine_answer a;
    (void)state;
    engine_answer_init(&a);
    assert_ok(cube_count(s, q, false, &a, NULL));
    const uint64_t want[] = {1, 1, 4, 1, 1, 1};
    assert_memory_equal(a.base.persons, want, sizeof want);
    engine_answer_done(&a);
    question_free(q);
    q = test_question(d, "{\"innsyn\":\"question/1\",\"dataset\":\"r\",\"where\":{\"lab\":{\"from\":0.1,\"to\":0.3}},\"statistic\":{\"count\":{}}}");
    assert_ok(cube_count(s, q, true, &a, NULL));
    assert_int_equal(a.cohort, 1);
    assert_int_equal(a.parents[0].persons[0], 9);
    assert_true(a.base.key_sums[0] == s->keys[2]);
    engine_answer_done(&a);
    question_free(q);
    random_snapshot_free(s);
    dictionary_free(d);
}

static void test_too_many_slots(void **state)
{
    struct dictionary *d = random_dictionary(false);
    struct chance c = {7};
    struct snapshot *s = random_snapshot(&c, d, 10, 0);
    char text[16384];
    size_t n = (size_t)snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"r\",\"where\":{\"a\":[\"1\"]},\"statistic\":"
                                                   "{\"table\":{\"by\":[\"wide\",\"one\",\"a\",{\"variable\":\"age\",\"breaks\":[");
    for (unsigned i = 0; i < 160; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%u", i ? "," : "", i);
    snprintf(text + n, sizeof text - n, "]}]}}}");
    struct question *q = test_question(d, text);
    struct engine_answer a;
    struct why why = {0};
    (void)state;
    engine_answer_init(&a);
    assert_status(cube_count(s, q, true, &a, &why), LIMIT);
    assert_string_equal(why.code, "too_many_cells");
    assert_ok(cube_count(s, q, false, &a, &why)); /* 303 * 4 * 5 * 162 slots; with the parent twice that */
    engine_answer_done(&a);
    question_free(q);
    random_snapshot_free(s);
    dictionary_free(d);
}

static void test_plan(void **state)
{
    struct dictionary *d = random_dictionary(false);
    struct question *q = test_question(d, "{\"innsyn\":\"question/1\",\"dataset\":\"r\",\"statistic\":{\"count\":{}}}");
    struct plan p = {.dataset = "r", .question = q, .protect = true, .snapshot = {{1, 2, 3}}}, back;
    struct slice text;
    struct buffer bytes CLEANUP(buffer_done) = {0};
    struct engine_refusal refusal = {.status = ABSENT, .code = "snapshot_missing", .text = "none"}, again;
    (void)state;
    buffer_init(&bytes, 100000);
    assert_ok(plan_encode(&p, &bytes, NULL));
    assert_ok(plan_decode(buffer_slice(&bytes), &back, &text, NULL));
    assert_string_equal(back.dataset, "r");
    assert_true(back.protect && hash_equal(&back.snapshot, &p.snapshot) && slice_equal(text, buffer_slice(&q->canonical)));
    for (size_t i = 0; i < bytes.len; i++)
        assert_status(plan_decode(slice_part(buffer_slice(&bytes), 0, i), &back, &text, NULL), MALFORMED);
    buffer_clear(&bytes);
    memcpy(p.dataset, "../x", 5);
    assert_ok(plan_encode(&p, &bytes, NULL));
    assert_status(plan_decode(buffer_slice(&bytes), &back, &text, NULL), MALFORMED);
    buffer_clear(&bytes);
    assert_ok(engine_refusal_encode(&refusal, &bytes, NULL));
    assert_ok(engine_refusal_decode(buffer_slice(&bytes), &again, NULL));
    assert_string_equal(again.code, "snapshot_missing");
    assert_int_equal(again.status, ABSENT);
    bytes.at[0] = OK;
    assert_status(engine_refusal_decode(buffer_slice(&bytes), &again, NULL), MALFORMED);
    question_free(q);
    dictionary_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_too_many_slots),
        cmocka_unit_test(test_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
