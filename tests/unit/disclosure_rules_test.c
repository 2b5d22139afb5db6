/* Aim: the rules of sums, models and survival curves decide as the vectors say, at and beside each boundary. */
#include <stdlib.h>

#include "agents/disclosure/dominance.h"
#include "agents/disclosure/km_grid.h"
#include "agents/disclosure/model_rules.h"
#include "agents/parameters.h"
#include "agents/disclosure/quantile.h"
#include "proto/json.h"
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

/* "12", "9.999", "1/1000000" or a number. */
static double number_of(const struct json *v)
{
    char text[64], *end;
    if (json_is_number(v))
        return json_number(v);
    assert_true(slice_copy_str(json_text(v), text, sizeof text));
    double x = strtod(text, &end);
    return *end == '/' ? x / strtod(end + 1, NULL) : x;
}

/* --- dominance --- */

static struct contributions contributions_of(const struct json *list)
{
    struct contributions c = {.persons = json_size(list), .smallest = INFINITY};
    for (size_t i = 0; i < json_size(list); i++) {
        double x = number_of(json_item(list, i));
        c.total += x;
        c.smallest = fmin(c.smallest, x);
        c.second = x > c.largest ? c.largest : fmax(c.second, x);
        c.largest = fmax(c.largest, x);
    }
    return c;
}

static void dominance_equals_vectors(void **state)
{
    (void)state;
    struct json *v CLEANUP(json_freep) = vectors("dominance.json");
    const struct json *cases = json_get(v, "cases");
    assert_int_equal(json_size(cases), 13);
    for (size_t i = 0; i < json_size(cases); i++) {
        const struct json *one = json_item(cases, i), *params = json_get(one, "params"), *want = json_get(one, "result");
        struct contributions c = contributions_of(json_get(one, "contributions"));
        struct dominance_limits l = {number_of(json_get(params, "p")), number_of(json_get(params, "k")),
                                     (uint64_t)json_integer(json_get(params, "minn"))};
        struct dominance d = dominance_of(&c, &l);
        assert_int_equal(json_integer(json_get(params, "n")), DOMINANCE_LARGEST);
        assert_int_equal(d.unsafe, json_truth(json_get(want, "unsafe")));
        assert_int_equal(d.undefined, json_get(want, "negative") && json_truth(json_get(want, "negative")));
        if (d.undefined)
            continue;
        assert_int_equal(d.p_percent, json_truth(json_get(want, "p_percent_unsafe")));
        assert_int_equal(d.nk, json_truth(json_get(want, "nk_unsafe")));
        assert_int_equal(d.too_few, json_truth(json_get(want, "min_n_unsafe")));
    }
    struct contributions unknown = {.persons = 100, .total = 100, .largest = 1, .second = 1, .smallest = NAN};
    struct dominance_limits l = dominance_limits_default();
    assert_true(dominance_of(&unknown, &l).unsafe);
}

/* --- models --- */

static void say(const struct model_violation *v, char *to, size_t size)
{
    switch (v->rule) {
    case MODEL_FEW_PERSONS: snprintf(to, size, "n<50"); return;
    case MODEL_FEW_A_COLUMN: snprintf(to, size, "n<10p"); return;
    case MODEL_LITTLE_FREEDOM: snprintf(to, size, "dof"); return;
    case MODEL_MANY_COLUMNS: snprintf(to, size, "p>50"); return;
    case MODEL_SINGULAR: snprintf(to, size, "singular"); return;
    case MODEL_LEVERAGE: snprintf(to, size, "leverage"); return;
    case MODEL_COLUMN_NEAR_CONSTANT: snprintf(to, size, "column %u non-modal=%d<10", v->column, (int)v->count); return;
    case MODEL_PAIR_CELL: snprintf(to, size, "pair (%u,%u) cell %u%u=%d", v->column, v->other, v->cell / 2, v->cell % 2, (int)v->count); return;
    case MODEL_COLUMN_EVENTS: snprintf(to, size, "column %u y=%u count=%d", v->column, v->cell, (int)v->count); return;
    case MODEL_OUTCOME_CLASS: snprintf(to, size, "outcome class %d", (int)v->count); return;
    case MODEL_WEIGHTS: snprintf(to, size, "ESS"); return;
    }
}

enum { VIOLATIONS_MAX = 200 };

static void model_rules_equal_vectors(void **state)
{
    (void)state;
    struct json *v CLEANUP(json_freep) = vectors("glm_rules.json");
    const struct json *cases = json_get(v, "cases");
    assert_int_equal(json_size(cases), 10);
    for (size_t i = 0; i < json_size(cases); i++) {
        const struct json *one = json_item(cases, i), *rows = json_get(one, "X"), *outcomes = json_get(one, "y");
        const struct json *weights = json_get(one, "W"), *want = json_get(one, "result"), *said = json_get(want, "violations");
        size_t n = json_size(rows), p = json_size(json_item(rows, 0));
        double *x = calloc(n * p, sizeof *x), *y = calloc(n, sizeof *y), *w = calloc(n, sizeof *w);
        bool weighted = json_kind(weights) == JSON_ARRAY;
        for (size_t r = 0; r < n; r++) {
            for (size_t c = 0; c < p; c++)
                x[r * p + c] = number_of(json_item(json_item(rows, r), c));
            y[r] = number_of(json_item(outcomes, r));
            w[r] = weighted ? number_of(json_item(weights, r)) : 1;
        }
        struct model_facts f CLEANUP(model_facts_done) = {0};
        struct model_violation found[VIOLATIONS_MAX];
        assert_ok(model_facts_of(x, y, weighted ? w : NULL, n, (unsigned)p, MODEL_BINOMIAL, &f, NULL));
        unsigned count = model_check(&f, found, VIOLATIONS_MAX);
        assert_close(f.leverage_max, number_of(json_get(want, "max_leverage")), 1e-9);
        assert_close(f.weight_sum * f.weight_sum / f.weight_squares, number_of(json_get(want, "ess")), 1e-6);
        assert_int_equal(count, json_size(said));
        for (unsigned k = 0; k < count; k++) {
            char text[80];
            say(&found[k], text, sizeof text);
            assert_slice(json_text(json_item(said, k)), text);
        }
        assert_int_equal(count == 0, json_truth(json_get(want, "release")));
        assert_int_equal(model_check(&f, NULL, 0), count);
        free(x), free(y), free(w);
    }
}

static void a_design_whose_columns_depend_on_each_other_is_singular(void **state)
{
    (void)state;
    double x[120 * 3], y[120];
    for (unsigned i = 0; i < 120; i++) {
        x[i * 3] = 1, x[i * 3 + 1] = i * 0.37, x[i * 3 + 2] = 2 - i * 0.74;
        y[i] = i % 3 == 0;
    }
    struct model_facts f CLEANUP(model_facts_done) = {0};
    struct model_violation found[2];
    assert_ok(model_facts_of(x, y, NULL, 120, 3, MODEL_GAUSSIAN, &f, NULL));
    assert_true(f.singular);
    assert_int_equal(model_check(&f, found, 2), 1);
    assert_int_equal(found[0].rule, MODEL_SINGULAR);
}

/* The broker chooses beta: at first it may not, later it may not choose what is not a number, nor for ever. */
static void rounds_begin_at_zero_and_end(void **state)
{
    (void)state;
    double zero[2] = {0, -0.0}, some[2] = {0.5, 1}, wild[2] = {0, INFINITY};
    assert_true(model_round_allowed(0, zero, 2));
    assert_false(model_round_allowed(0, some, 2));
    assert_true(model_round_allowed(1, some, 2));
    assert_false(model_round_allowed(1, wild, 2));
    assert_true(model_round_allowed(MODEL_ITERATIONS_MAX - 1, some, 2));
    assert_false(model_round_allowed(MODEL_ITERATIONS_MAX, some, 2));
    assert_close(model_eta(1e6), MODEL_ETA_MAX, 0);
    assert_close(model_eta(-21), -MODEL_ETA_MAX, 0);
    assert_close(model_eta(3.5), 3.5, 0);
}

/* --- survival curves --- */

static void km_grid_equals_vectors(void **state)
{
    (void)state;
    enum { INTERVALS = 9 };
    struct json *v CLEANUP(json_freep) = vectors("km_grid.json");
    const struct json *grid = json_get(v, "grid"), *times = json_get(v, "times"), *events = json_get(v, "events");
    const struct json *want = json_get(v, "intervals");
    struct km_interval intervals[INTERVALS] = {0};
    double survival[INTERVALS];
    assert_int_equal(json_size(grid), INTERVALS + 1);
    for (size_t k = 0; k < INTERVALS; k++)
        for (size_t i = 0; i < json_size(times); i++) {
            double t = json_number(json_item(times, i));
            bool in = t >= json_number(json_item(grid, k)) && t < json_number(json_item(grid, k + 1));
            intervals[k].at_risk += t >= json_number(json_item(grid, k));
            intervals[k].events += in && json_integer(json_item(events, i));
            intervals[k].censored += in && !json_integer(json_item(events, i));
        }
    size_t released = km_released(intervals, INTERVALS);
    assert_int_equal(released + 1, json_size(want)); /* the vectors show the first that is cut off, too */
    km_survival(intervals, released, survival);
    for (size_t k = 0; k <= released; k++) {
        const struct json *one = json_item(want, k);
        assert_int_equal(intervals[k].at_risk, json_integer(json_get(one, "at_risk")));
        assert_int_equal(intervals[k].events, json_integer(json_get(one, "events")));
        assert_int_equal(intervals[k].censored, json_integer(json_get(one, "censored")));
        assert_int_equal(json_get(one, "actuarial_S_true") != NULL, k < released);
        if (k < released)
            assert_close(survival[k], number_of(json_get(one, "actuarial_S_true")), 1e-11);
    }
    struct km_interval edge[2] = {{10, 0, 0}, {9, 0, 0}};
    assert_int_equal(km_released(edge, 2), 1);
}

/* --- quantiles --- */

/* Of one site's cells, as the broker reads them; withheld ones count as nobody. */
static double of_histogram(const double *breaks, const int64_t *counts, size_t cells, double p)
{
    struct quantile_pool pool;
    struct why why = {0};
    quantile_pool_init(&pool);
    for (size_t i = 0; i < cells; i++)
        assert_ok(quantile_pool_cell(&pool, breaks[i], breaks[i + 1], 0, counts[i] == CELL_WITHHELD ? 0 : (double)counts[i], &why));
    assert_ok(quantile_pool_settle(&pool, &why));
    double at = quantile_pool_at(&pool, p);
    quantile_pool_done(&pool);
    return at;
}

static void quantiles_come_from_the_histogram(void **state)
{
    (void)state;
    double breaks[5] = {0, 10, 20, 30, 40};
    int64_t counts[4] = {10, 0, 20, 10}, withheld[4] = {-1, 0, 20, -1}, none[4] = {0};
    assert_true(quantile_allowed(20, 0.5));
    assert_false(quantile_allowed(19, 0.5));
    assert_true(quantile_allowed(200, 0.05));
    assert_false(quantile_allowed(199, 0.05));
    assert_true(quantile_allowed(200, 0.95));
    assert_false(quantile_allowed(1000000, 0));
    assert_false(quantile_allowed(1000000, 1)); /* never the largest */
    assert_close(of_histogram(breaks, counts, 4, 0.25), 10, 1e-12);
    assert_close(of_histogram(breaks, counts, 4, 0.5), 25, 1e-12);
    assert_close(of_histogram(breaks, counts, 4, 0.75), 30, 1e-12);
    assert_close(of_histogram(breaks, withheld, 4, 0.5), 25, 1e-12);
    assert_true(isnan(of_histogram(breaks, none, 4, 0.5)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dominance_equals_vectors),
        cmocka_unit_test(model_rules_equal_vectors),
        cmocka_unit_test(a_design_whose_columns_depend_on_each_other_is_singular),
        cmocka_unit_test(rounds_begin_at_zero_and_end),
        cmocka_unit_test(km_grid_equals_vectors),
        cmocka_unit_test(quantiles_come_from_the_histogram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
