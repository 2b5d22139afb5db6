/* Aim: quantiles of what sites release are what they say: R's type 7 of values, interpolation in cells, whatever the
 * number of sites; the cells of a protected variable hang on its dictionary alone.  Method: random values against a sort,
 * cells against the distribution function that they describe, tables of cases. */
#include <stdlib.h>

#include "check.h"
#include "stats/quantile.h"

static uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
static double uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) * 0x1p-53;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double type7(const double *sorted, size_t n, double p)
{
    double h = (double)(n - 1) * p;
    size_t low = (size_t)floor(h);
    return low + 1 < n ? (1 - (h - (double)low)) * sorted[low] + (h - (double)low) * sorted[low + 1] : sorted[n - 1];
}

static void values_are_type_7(void **state)
{
    (void)state;
    enum { MOST = 400 };
    for (unsigned round = 0; round < 200; round++) {
        double x[MOST];
        size_t n = 1 + (size_t)(uniform() * (MOST - 1));
        struct quantile_pool pool CLEANUP(quantile_pool_done);
        quantile_pool_init(&pool);
        for (size_t i = 0; i < n; i++) { /* ties within a site and between sites */
            x[i] = round % 2 ? floor(uniform() * 30) : uniform() * 1e6 - 5e5;
            assert_ok(quantile_pool_value(&pool, x[i], 1, NULL));
        }
        assert_ok(quantile_pool_settle(&pool, NULL));
        qsort(x, n, sizeof *x, by_number);
        static const double points[] = {0, 0.01, 0.05, 0.1, 0.25, 1.0 / 3, 0.5, 0.75, 0.9, 0.99, 1};
        for (unsigned k = 0; k < sizeof points / sizeof points[0]; k++)
            assert_close(quantile_pool_at(&pool, points[k]), type7(x, n, points[k]), 1e-9);
    }
}

/* R: quantile(c(1, 2, 3, 4, 10), c(0.1, 0.5, 0.9)) is 1.4, 3.0, 7.6; weights stand for repeats. */
static void values_by_hand(void **state)
{
    (void)state;
    struct quantile_pool pool CLEANUP(quantile_pool_done);
    quantile_pool_init(&pool);
    assert_true(isnan(quantile_pool_at(&pool, 0.5)));
    double x[] = {10, 1, 4, 2, 3};
    for (unsigned i = 0; i < 5; i++)
        assert_ok(quantile_pool_value(&pool, x[i], 1, NULL));
    assert_ok(quantile_pool_value(&pool, 99, 0, NULL)); /* nobody */
    assert_ok(quantile_pool_settle(&pool, NULL));
    assert_close(quantile_pool_at(&pool, 0.1), 1.4, 1e-12);
    assert_close(quantile_pool_at(&pool, 0.5), 3, 1e-12);
    assert_close(quantile_pool_at(&pool, 0.9), 7.6, 1e-12);
    assert_close(quantile_pool_at(&pool, 1), 10, 1e-12);
}

static double share_below(const struct quantile_piece *pieces, size_t n, double x)
{
    double below = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        all += pieces[i].persons;
        below += pieces[i].persons * fmin(fmax((x - pieces[i].from) / (pieces[i].to - pieces[i].from), 0), 1);
    }
    return below / all;
}

/* Sites with cells of their own: p of all persons lie below the quantile. */
static void cells_of_several_sites(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 100; round++) {
        struct quantile_piece pieces[60];
        size_t n = 0;
        struct quantile_pool pool CLEANUP(quantile_pool_done);
        quantile_pool_init(&pool);
        for (unsigned site = 0; site < 3; site++) {
            double from = floor(uniform() * 5), width = 1 + floor(uniform() * 4);
            for (unsigned c = 0; c < 20; c++, n++) {
                pieces[n] = (struct quantile_piece){from + c * width, from + (c + 1) * width, 1 + floor(uniform() * 50)};
                assert_ok(quantile_pool_cell(&pool, pieces[n].from, pieces[n].to, 0, pieces[n].persons, NULL));
            }
        }
        assert_ok(quantile_pool_settle(&pool, NULL));
        for (double p = 0.02; p < 1; p += 0.07)
            assert_close(share_below(pieces, n, quantile_pool_at(&pool, p)), p, 1e-9);
    }
}

static void cells_by_hand(void **state)
{
    (void)state;
    struct quantile_pool pool CLEANUP(quantile_pool_done);
    quantile_pool_init(&pool);
    assert_ok(quantile_pool_cell(&pool, 0, 1, 1, 60, NULL)); /* one whole number each: no interpolation */
    assert_ok(quantile_pool_cell(&pool, 1, 2, 1, 20, NULL));
    assert_ok(quantile_pool_cell(&pool, 2, 3, 1, -4, NULL)); /* noise */
    assert_ok(quantile_pool_cell(&pool, 3, 4, 1, 20, NULL));
    assert_ok(quantile_pool_settle(&pool, NULL));
    assert_close(quantile_pool_at(&pool, 0.5), 0, 1e-12);
    assert_close(quantile_pool_at(&pool, 0.7), 1, 1e-12);
    assert_close(quantile_pool_at(&pool, 0.95), 3, 1e-12);
    assert_close(pool.persons, 100, 1e-12);
    struct quantile_pool wide CLEANUP(quantile_pool_done);
    quantile_pool_init(&wide);
    assert_ok(quantile_pool_cell(&wide, 50, 55, 1, 10, NULL)); /* 50 to 54, whose middle is 52 */
    assert_ok(quantile_pool_settle(&wide, NULL));
    assert_close(quantile_pool_at(&wide, 0.5), 52, 1e-12);
    struct quantile_pool nobody CLEANUP(quantile_pool_done);
    quantile_pool_init(&nobody);
    assert_ok(quantile_pool_cell(&nobody, 0, 5, 0, 0, NULL));
    assert_ok(quantile_pool_settle(&nobody, NULL));
    assert_true(isnan(quantile_pool_at(&nobody, 0.5)));
}

static void rule_by_persons_on_each_side(void **state)
{
    (void)state;
    static const struct {
        double n, p;
        bool allowed;
    } rows[] = {{20, 0.5, true}, {19, 0.5, false}, {200, 0.05, true}, {199, 0.05, false}, {200, 0.95, true}, {199, 0.95, false},
                {1e9, 0, false}, {1e9, 1, false}, {0, 0.5, false}, {1000, 0.99, true}, {999, 0.99, false}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(quantile_allowed(rows[i].n, rows[i].p), rows[i].allowed);
}

static void cells_hang_on_the_dictionary(void **state)
{
    (void)state;
    static const struct {
        enum variable_type type;
        double origin, step, low, high, first, last;
        unsigned cells;
    } rows[] = {
        {VARIABLE_INTEGER, 0, 1, 0, 120, 0, 120, 24},
        {VARIABLE_INTEGER, 0, 1, 20, 90, 20, 90, 14},
        {VARIABLE_INTEGER, 0, 1, 0, 3, 0, 4, 4},        /* the last cell is closed and must hold 3 alone */
        {VARIABLE_INTEGER, 0, 1, 0, 23, 0, 24, 24},
        {VARIABLE_INTEGER, 0, 1, 60, 250, 60, 250, 19},
        {VARIABLE_NUMBER, 0, 0.1, 0, 6.2, 0, 6.5, 13},
        {VARIABLE_NUMBER, 0, 0.001, 0, 6.2, 0, 6.5, 13}, /* a finer grid, the same cells */
        {VARIABLE_NUMBER, 0.5, 1, 0, 10, -0.5, 10.5, 11},
        {VARIABLE_NUMBER, 0, 5, 1, 4, 0, 5, 1},
        {VARIABLE_NUMBER, 0, 1, -1e9, 1e9, -1e9, 1e9, 20},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct variable v = {.type = rows[i].type, .grid_origin = rows[i].origin, .grid_step = rows[i].step, .has_clamps = true,
                             .clamp_low = rows[i].low, .clamp_high = rows[i].high};
        double breaks[QUANTILE_CELLS_MAX + 1], on, below, above;
        unsigned n = quantile_breaks(&v, breaks);
        assert_int_equal(n, rows[i].cells + 1);
        assert_close(breaks[0], rows[i].first, 1e-12);
        assert_close(breaks[n - 1], rows[i].last, 1e-12);
        for (unsigned k = 0; k < n; k++)
            assert_true(variable_on_grid(&v, breaks[k], &on, &below, &above) && on >= breaks[k] && on <= breaks[k]);
        v.has_clamps = false;
        assert_int_equal(quantile_breaks(&v, breaks), 0);
        v.has_clamps = true;
        v.grid_step = 0;
        assert_int_equal(quantile_breaks(&v, breaks), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_type_7),
        cmocka_unit_test(values_by_hand),
        cmocka_unit_test(cells_of_several_sites),
        cmocka_unit_test(cells_by_hand),
        cmocka_unit_test(rule_by_persons_on_each_side),
        cmocka_unit_test(cells_hang_on_the_dictionary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
