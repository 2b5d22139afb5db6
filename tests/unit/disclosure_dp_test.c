/* Aim: the noise of profile dp is exactly the traces', fits its law by chi-square, and its budget adds up as the vectors. */
#include <stdlib.h>

#include "agents/disclosure/dp_counts.h"
#include "agents/parameters.h"
#include "base/codec.h"
#include "fault_host.h"
#include "proto/crypto.h"
#include "vector.h"

static struct json *vectors(const char *name)
{
    char path[VECTOR_PATH_MAX];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v = NULL;
    snprintf(path, sizeof path, "vectors/sdc/%s", name);
    vector_read(path, &text);
    assert_ok(json_parse(buffer_slice(&text), JSON_BYTES_MAX, &v, NULL));
    return v;
}

static double number_of(const struct json *v)
{
    char text[64], *end;
    if (json_is_number(v))
        return json_number(v);
    assert_true(slice_copy_str(json_text(v), text, sizeof text));
    double x = strtod(text, &end);
    return *end == '/' ? x / strtod(end + 1, NULL) : x;
}

static void ratio_of(const struct json *v, uint64_t *ret_num, uint64_t *ret_den)
{
    char text[64], *end;
    assert_true(slice_copy_str(json_text(v), text, sizeof text));
    *ret_num = strtoull(text, &end, 10);
    *ret_den = strtoull(end + 1, NULL, 10);
}

/* --- words by the vectors' protocol: HMAC-SHA256(key, label || be64(c)) --- */

struct trace {
    uint8_t key[32];
    struct slice label;
    struct hash block;
    uint64_t words;
};

static result trace_next(void *self, uint64_t *ret, struct why *why)
{
    struct trace *t = self;
    unsigned at = (unsigned)(t->words % 4);
    if (at == 0) {
        uint8_t message[200];
        uint64_t c = t->words / 4;
        memcpy(message, t->label.at, t->label.len);
        for (unsigned i = 0; i < 8; i++)
            message[t->label.len + i] = (uint8_t)(c >> (56 - 8 * i));
        t->block = hmac_sha256(slice_of(t->key, sizeof t->key), slice_of(message, t->label.len + 8));
    }
    memcpy(ret, t->block.at + 8 * at, 8);
    t->words++;
    (void)why;
    return DONE;
}

static void noise_equals_traces(void **state)
{
    (void)state;
    struct json *v CLEANUP(json_freep) = vectors("dp_sampler_trace.json");
    const struct json *traces = json_get(v, "traces");
    assert_int_equal(json_size(traces), 7);
    for (size_t i = 0; i < json_size(traces); i++) {
        const struct json *one = json_item(traces, i), *want = json_get(one, "first64");
        struct trace t = {.label = json_text(json_get(one, "label"))};
        struct random_words words = {trace_next, &t};
        uint64_t num = (uint64_t)json_integer(json_get(one, "num")), den = (uint64_t)json_integer(json_get(one, "den"));
        bool laplace = slice_is(json_text(json_get(one, "kind")), "discrete_laplace");
        assert_true(hex_parse(json_text(json_get(v, "key")), t.key, sizeof t.key));
        for (size_t k = 0; k < 64; k++) {
            int64_t x;
            assert_ok((laplace ? dp_laplace : dp_gaussian)(&words, num, den, &x, NULL));
            assert_int_equal(x, json_integer(json_item(want, k)));
        }
        assert_int_equal(t.words, json_integer(json_get(one, "words_consumed")));
    }
}

/* With the system's own randomness: chi-square below the critical value of 10^-6, mean within 5 standard errors.
 * 13 laws: one false alarm in about 50,000 runs. */
static void noise_fits_its_law(void **state)
{
    (void)state;
    enum { DRAWS = 10000 };
    struct json *v CLEANUP(json_freep) = vectors("dp_pmf.json");
    const struct json *laws = json_get(v, "distributions");
    struct system_words system;
    system_words_init(&system, host_real());
    struct random_words words = system_words(&system);
    assert_int_equal(json_size(laws), 13);
    for (size_t i = 0; i < json_size(laws); i++) {
        const struct json *law = json_item(laws, i), *test = json_item(json_get(law, "tests"), 0), *expected = json_get(test, "expected");
        bool laplace = slice_is(json_text(json_get(law, "kind")), "discrete_laplace");
        int64_t bins = json_integer(json_get(test, "n_bins")), edge = bins / 2, sum = 0;
        uint64_t num, den, *seen = calloc((size_t)bins, sizeof *seen);
        ratio_of(json_get(law, laplace ? "scale" : "sigma2"), &num, &den);
        assert_int_equal(json_integer(json_get(test, "n")), DRAWS);
        for (unsigned k = 0; k < DRAWS; k++) {
            int64_t x;
            assert_ok((laplace ? dp_laplace : dp_gaussian)(&words, num, den, &x, NULL));
            sum += x;
            x = x < -edge ? -edge : x > edge ? edge : x;
            seen[x + edge]++;
        }
        double chi = 0;
        for (int64_t b = 0; b < bins; b++) {
            double want = number_of(json_item(expected, (size_t)b)), off = (double)seen[b] - want;
            chi += off * off / want;
        }
        assert_true(chi < json_number(json_get(json_get(test, "critical"), "1e-06")));
        assert_true(fabs((double)sum / DRAWS) <= json_number(json_get(test, "mean_abs_bound_5sigma")));
        free(seen);
    }
    system_words_done(&system);
}

static void bad_scales_and_no_randomness_are_refused(void **state)
{
    (void)state;
    struct trace t = {.label = slice_str("x")};
    struct random_words words = {trace_next, &t};
    int64_t x = 77;
    assert_status(dp_laplace(&words, 0, 1, &x, NULL), MALFORMED);
    assert_status(dp_laplace(&words, 1, 0, &x, NULL), MALFORMED);
    assert_status(dp_gaussian(&words, DP_SCALE_MAX + 1, 2, &x, NULL), MALFORMED);
    assert_status(dp_gaussian(&words, DP_VARIANCE_MAX + 1, 1, &x, NULL), MALFORMED);
    assert_ok(dp_gaussian(&words, DP_SCALE_MAX, 1, &x, NULL));
    struct fault_host fault;
    fault_host_init(&fault, 0);
    struct system_words system;
    system_words_init(&system, &fault.host);
    struct random_words none = system_words(&system);
    x = 77;
    assert_false(is_ok(dp_gaussian(&none, 100, 1, &x, NULL)));
    assert_int_equal(x, 77);
}

/* --- accounting --- */

static void epsilon_and_rho_equal_vectors(void **state)
{
    (void)state;
    struct json *v CLEANUP(json_freep) = vectors("zcdp.json");
    const struct json *to = json_get(v, "rho_to_eps"), *back = json_get(v, "eps_to_rho"), *exact = json_get(v, "discrete_gaussian_exact_delta");
    assert_int_equal(json_size(to), 52);
    assert_int_equal(json_size(back), 24);
    assert_int_equal(json_size(exact), 20);
    for (size_t i = 0; i < json_size(to); i++) {
        const struct json *one = json_item(to, i);
        double rho = number_of(json_get(one, "rho")), delta = number_of(json_get(one, "delta"));
        assert_close(zcdp_epsilon_standard(rho, delta), number_of(json_get(one, "eps_standard")), 1e-13);
        assert_close(zcdp_epsilon(rho, delta), number_of(json_get(one, "eps_optimal")), 1e-12);
    }
    for (size_t i = 0; i < json_size(back); i++) {
        const struct json *one = json_item(back, i);
        double rho = zcdp_rho(number_of(json_get(one, "eps")), number_of(json_get(one, "delta")));
        assert_true(fabs(rho - number_of(json_get(one, "rho"))) < 1e-14);
    }
    for (size_t i = 0; i < json_size(exact); i++) {
        const struct json *one = json_item(exact, i);
        assert_close(zcdp_gaussian_delta(number_of(json_get(one, "sigma2")), number_of(json_get(one, "eps"))), number_of(json_get(one, "delta")), 1e-11);
    }
}

static void budget_adds_up_as_the_vectors(void **state)
{
    (void)state;
    struct json *v CLEANUP(json_freep) = vectors("zcdp.json");
    const struct json *ledger = json_get(v, "ledger"), *steps = json_get(ledger, "steps");
    struct zcdp_budget b = {0};
    bool seen[26] = {0};
    assert_ok(zcdp_units(1, DP_PERMIT_RHO_INVERSE, &b.cap, NULL));
    assert_int_equal(b.cap, json_integer(json_get(ledger, "cap_units")));
    assert_int_equal(json_size(steps), 9);
    for (size_t i = 0; i < json_size(steps); i++) {
        const struct json *one = json_item(steps, i);
        unsigned key = json_text(json_get(one, "query_key")).at[0] - 'A';
        uint64_t num, den, units, before = b.spent;
        ratio_of(json_get(one, "rho"), &num, &den);
        assert_ok(zcdp_units(num, den, &units, NULL));
        assert_int_equal(units, json_integer(json_get(one, "units")));
        bool refused = slice_is(json_text(json_get(one, "decision")), "refuse: budget");
        if (!seen[key]) { /* a question that was asked before costs nothing */
            result r = zcdp_spend(&b, units, NULL);
            assert_int_equal(r.code, refused ? DENIED : OK);
            seen[key] = is_ok(r);
        }
        assert_int_equal(b.spent - before, json_integer(json_get(one, "charged_units")));
        assert_int_equal(b.spent, json_integer(json_get(one, "spent_units")));
        assert_int_equal(zcdp_left(&b), json_integer(json_get(one, "remaining_units")));
    }
    uint64_t units;
    assert_status(zcdp_units(1, 0, &units, NULL), MALFORMED);
    assert_status(zcdp_units(UINT64_MAX, 1, &units, NULL), LIMIT);
    assert_ok(zcdp_units(1, DP_QUERY_RHO_INVERSE, &units, NULL));
    assert_int_equal(zcdp_sigma2(units), 100);
}

/* --- counts --- */

static void counts_get_noise_a_slot_and_sums_are_sums(void **state)
{
    (void)state;
    enum { SLOTS = 5 * 5, RUNS = 2000 };
    uint64_t persons[SLOTS], units;
    struct dictionary d = {.profile = PROFILE_DP}, events = {.profile = PROFILE_DP, .event_table = true}, ck = {.profile = PROFILE_CK};
    struct question q = {.dictionary = &d};
    struct cube c = {2, {5, 5}, SLOTS, persons, NULL};
    struct trace t = {.label = slice_str("counts")};
    struct random_words words = {trace_next, &t};
    int64_t *slots = NULL;
    assert_ok(zcdp_units(1, DP_QUERY_RHO_INVERSE, &units, NULL));
    for (unsigned i = 0; i < SLOTS; i++)
        persons[i] = i < 3 ? 0 : i;
    double squares = 0, sum = 0;
    for (unsigned run = 0; run < RUNS; run++) {
        struct part cell = {{0, 0, CELL_FREE, CELL_FREE}}, row = {{1, CELL_INSIDE, CELL_FREE, CELL_FREE}}, all = {{CELL_FREE, CELL_FREE, CELL_FREE, CELL_FREE}};
        assert_ok(dp_counts(&q, &c, units, &words, &slots, NULL));
        int64_t total = 0;
        for (unsigned i = 0; i < SLOTS; i++) {
            double off = (double)slots[i] - (double)persons[i];
            squares += off * off;
            sum += off;
            total += slots[i];
        }
        assert_int_equal(dp_part(&c, slots, &cell), slots[0]);
        assert_int_equal(dp_part(&c, slots, &row), slots[5] + slots[6]);
        assert_int_equal(dp_part(&c, slots, &all), total);
        free(slots);
        slots = NULL;
    }
    assert_close(squares / (SLOTS * RUNS), 100, 0.03); /* sigma^2 at rho = 0.005; its own error is 0.6 % */
    assert_true(fabs(sum / (SLOTS * RUNS)) < 5 * 10 / sqrt(SLOTS * RUNS));
    q.dictionary = &events;
    assert_status(dp_counts(&q, &c, units, &words, &slots, NULL), DENIED);
    q.dictionary = &ck;
    assert_status(dp_counts(&q, &c, units, &words, &slots, NULL), DENIED);
    q.dictionary = &d;
    assert_status(dp_counts(&q, &c, 0, &words, &slots, NULL), DENIED);
    persons[3] = UINT64_MAX;
    assert_status(dp_counts(&q, &c, units, &words, &slots, NULL), LIMIT);
    assert_null(slots);
}

/* What leaves is sums of noised slots, as the same random words give them. */
static void published_values_are_sums_of_slots(void **state)
{
    (void)state;
    enum { SLOTS = 5 * 6 };
    uint64_t persons[SLOTS], units;
    struct level_dictionary {
        struct variable variables[2];
        struct dictionary d;
    } l = {.variables = {{.name = slice_str("a"), .type = VARIABLE_CATEGORY, .level_count = 2}, {.name = slice_str("b"), .type = VARIABLE_CATEGORY, .level_count = 3}}};
    l.d = (struct dictionary){.profile = PROFILE_DP, .variables = l.variables, .variable_count = 2};
    struct question q = {.dictionary = &l.d, .statistic = STATISTIC_TABLE, .dimension_count = 2, .dimensions = {{.variable = 0}, {.variable = 1}}};
    struct engine_answer a = {.base = {2, {5, 6}, SLOTS, persons, NULL}};
    struct trace t = {.label = slice_str("published")}, same = t;
    struct random_words words = {trace_next, &t}, again = {trace_next, &same};
    struct published p CLEANUP(published_done);
    int64_t *slots = NULL, missing = 0, total = 0;
    assert_ok(zcdp_units(1, DP_QUERY_RHO_INVERSE, &units, NULL));
    for (unsigned i = 0; i < SLOTS; i++)
        persons[i] = i;
    published_init(&p);
    assert_ok(dp_protect(&q, &a, units, &words, &p, NULL));
    assert_ok(dp_counts(&q, &a.base, units, &again, &slots, NULL));
    for (unsigned i = 0; i < SLOTS; i++)
        missing += i / 6 == 4 || i % 6 == 5 ? slots[i] : 0;
    assert_int_equal(p.cell_count, 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(p.cells[i], slots[i / 3 * 6 + i % 3]);
        total += p.cells[i];
    }
    assert_int_equal(p.total, total);
    assert_int_equal(p.n_missing, missing);
    assert_int_equal(p.margins[0][1], p.cells[3] + p.cells[4] + p.cells[5]);
    assert_int_equal(p.margins[1][2], p.cells[2] + p.cells[5]);
    free(slots);
    q.statistic = STATISTIC_SUMMARY; /* an answer without sums */
    struct published none = {0};
    assert_status(dp_protect(&q, &a, units, &words, &none, NULL), BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_equals_traces),
        cmocka_unit_test(noise_fits_its_law),
        cmocka_unit_test(bad_scales_and_no_randomness_are_refused),
        cmocka_unit_test(epsilon_and_rho_equal_vectors),
        cmocka_unit_test(budget_adds_up_as_the_vectors),
        cmocka_unit_test(counts_get_noise_a_slot_and_sums_are_sums),
        cmocka_unit_test(published_values_are_sums_of_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
