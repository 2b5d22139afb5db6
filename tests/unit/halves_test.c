/* Aim: an answer is the same to the bit whether one thread makes it or two, over random tables and questions; the signs
 * of a second half go on where those of the first end; and halves are each run once, whoever does them. */
#include "agents/engine/halves.h"

#include <sys/resource.h>

#include "agents/engine/cube.h"
#include "agents/engine/weighted.h"
#include "tests/unit/random_snapshot.h"

enum { ROUNDS = 24, TURNS = 2000, SIGNS = 3000, NUMBER = 6, INTEGER = 5 };

struct turn {
    unsigned ran[2];
};

static void note(void *self, unsigned half)
{
    struct turn *t = self;
    t->ran[half]++;
}

static void expect_turns(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct turn t = {{0, 0}};
        halves_run(note, &t);
        assert_int_equal(t.ran[0], 1);
        assert_int_equal(t.ran[1], 1);
    }
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 }; /* whose own memory would be refused */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

/* The first of the tests: the stack of a thread that has ended would be used again. */
static void test_no_thread_to_be_had(void **state)
{
    (void)state;
    struct rlimit before, none;
    struct why why = {0};
    if (SANITIZED)
        skip();
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    none = (struct rlimit){1 << 20, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    result r = halves_begin(&why);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(r.code, UNAVAILABLE);
    expect_turns(3);
    halves_end();
}

static void test_each_half_once(void **state)
{
    (void)state;
    expect_turns(3); /* no second thread */
    for (unsigned i = 0; i < 3; i++) {
        assert_ok(halves_begin(NULL));
        assert_ok(halves_begin(NULL));
        expect_turns(TURNS);
        halves_end();
        halves_end();
    }
    expect_turns(3);
}

static void test_signs_go_on(void **state)
{
    (void)state;
    struct jitter *j CLEANUP(jitter_freep) = NULL;
    static bool plus[SIGNS];
    assert_ok(jitter_new(slice_str("a key of thirty-two bytes, quite"), &j, NULL));
    assert_ok(jitter_edition(j, slice_str("e"), NULL));
    struct signs all = jitter_signs(77, JITTER_MAC_PERSONS_MAX + 1), first = all;
    for (unsigned i = 0; i < SIGNS; i++)
        plus[i] = jitter_next(j, &all, 0);
    for (unsigned from = 0; from < SIGNS; from += from < 1100 ? 1 : 97) {
        struct signs s = jitter_signs_after(j, &first, from, 1);
        for (unsigned i = from; i < SIGNS && i < from + 600; i++)
            assert_int_equal(jitter_next(j, &s, 0), plus[i]);
    }
}

static void answer(const struct snapshot *s, const struct question *q, struct jitter *j, struct buffer *to)
{
    struct engine_answer a;
    struct why why = {0};
    engine_answer_init(&a);
    result r = q->statistic == STATISTIC_SUMMARY ? weighted_summary(s, q, j, slice_str("e"), &a, &why) : cube_count(s, q, true, &a, &why);
    if (is_ok(r))
        r = engine_answer_encode(&a, to, &why);
    if (!is_ok(r))
        fail_msg("%s", why.text);
    engine_answer_done(&a);
}

static void compare(const struct snapshot *s, const char *where, const char *statistic, struct jitter *j)
{
    char text[8192];
    struct buffer one, two;
    snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"r\"%s,\"statistic\":{%s}}", where, statistic);
    struct question *q = test_question(s->dictionary, text);
    buffer_init(&one, 16 * 1024 * 1024);
    buffer_init(&two, 16 * 1024 * 1024);
    answer(s, q, j, &one);
    assert_ok(halves_begin(NULL));
    answer(s, q, j, &two);
    halves_end();
    assert_int_equal(one.len, two.len);
    if (memcmp(one.at, two.at, one.len) != 0)
        fail_msg("%s: one thread and two do not agree", text);
    buffer_done(&one);
    buffer_done(&two);
    question_free(q);
}

static void clamp(struct dictionary *d, unsigned v)
{
    d->variables[v].has_clamps = true;
    d->variables[v].clamp_low = -20;
    d->variables[v].clamp_high = 30;
}

static void test_one_thread_or_two(void **state)
{
    static const unsigned sizes[] = {65535, 65536, 65537, 70001, 131072, 150013};
    struct chance c = {20261122};
    struct jitter *j CLEANUP(jitter_freep) = NULL;
    (void)state;
    assert_ok(jitter_new(slice_str("a key of thirty-two bytes, quite"), &j, NULL));
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct dictionary *d = random_dictionary(false);
        clamp(d, NUMBER);
        clamp(d, INTEGER);
        struct snapshot *s = random_snapshot(&c, d, sizes[round % COUNT_OF(sizes)], round % 3);
        char where[4096], by[64], summary[256];
        unsigned level = 1;
        while (!RANDOM_LEVELS[level])
            level++;
        random_where(&c, where, sizeof where);
        snprintf(by, sizeof by, "\"table\":{\"by\":[\"%s\"]}", RANDOM_NAMES[level]);
        snprintf(summary, sizeof summary, "\"summary\":{\"variables\":[\"%s\",\"%s\"]}", RANDOM_NAMES[NUMBER], RANDOM_NAMES[INTEGER]);
        const char *box = round % 4 ? where : "";
        compare(s, box, "\"count\":{}", j);
        compare(s, box, by, j);
        compare(s, box, summary, j);
        snprintf(summary, sizeof summary, "\"summary\":{\"variables\":[\"%s\"],\"by\":\"%s\"}", RANDOM_NAMES[NUMBER], RANDOM_NAMES[level]);
        compare(s, box, summary, j);
        snprintf(summary, sizeof summary, "\"summary\":{\"variables\":[\"%s\"],\"by\":{\"variable\":\"wide\",\"grouping\":\"by12\"}}", RANDOM_NAMES[NUMBER]);
        compare(s, box, summary, j);
        random_snapshot_free(s);
        dictionary_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_thread_to_be_had),
        cmocka_unit_test(test_each_half_once),
        cmocka_unit_test(test_signs_go_on),
        cmocka_unit_test(test_one_thread_or_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
