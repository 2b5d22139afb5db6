/* Aim: statistics of parts combine to those of the whole, exactly enough.  Method: random splits of random
 * data from a fixed seed against two passes in long double. */
#include "check.h"
#include "stats/aggregate.h"

static uint64_t seed = UINT64_C(88172645463325252);
static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}
static double uniform(void)
{
    return (double)(draw() >> 11) * 0x1p-53;
}

enum { VALUES = 5000, PARTS_MAX = 20, ROUNDS = 200 };

static struct moments two_pass(const double *x, size_t n)
{
    struct moments m;
    moments_init(&m);
    long double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    long double mean = n ? sum / (long double)n : 0;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    m.n = n;
    m.mean = (double)mean;
    m.m2 = (double)squares;
    return m;
}

static void random_splits(void **state)
{
    (void)state;
    static double x[VALUES];
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = 1 + draw() % VALUES, parts = 1 + draw() % PARTS_MAX, from = 0;
        /* From small numbers to those where the squares drown everything (birth years, bytes). */
        double scale = pow(10, (double)(draw() % 7) - 3), shift = (double)(draw() % 3) * 2000 * scale;
        for (size_t i = 0; i < n; i++)
            x[i] = shift + scale * (uniform() - 0.3);
        struct moments whole = two_pass(x, n), combined;
        moments_init(&combined);
        for (size_t p = 0; p < parts; p++) {
            size_t to = p + 1 == parts ? n : from + draw() % (n - from + 1);
            struct moments part = two_pass(x + from, to - from);
            part.n_missing = p;
            moments_combine(&combined, &part);
            from = to;
        }
        assert_true(combined.n == n);
        assert_true(combined.n_missing == parts * (parts - 1) / 2);
        assert_close(combined.mean, whole.mean, 1e-12);
        assert_close(combined.m2, whole.m2, 1e-12);
    }
}

static void edges(void **state)
{
    (void)state;
    struct moments none, one = {.n = 1, .mean = 5}, other = {.n = 1, .mean = 7, .n_missing = 3};
    moments_init(&none);
    assert_true(isnan(moments_variance(&none)));
    assert_true(isnan(moments_variance(&one)));
    moments_combine(&none, &one);
    assert_close(none.mean, 5, 0);
    assert_true(isnan(moments_variance(&none)));
    moments_combine(&none, &other);
    assert_close(none.mean, 6, 0);
    assert_close(moments_variance(&none), 2, 1e-15);
    assert_int_equal(none.n_missing, 3);
    struct moments empty = {.n_missing = 2};
    moments_combine(&none, &empty);
    assert_int_equal(none.n, 2);
    assert_int_equal(none.n_missing, 5);
    assert_close(none.mean, 6, 0);
}

static void withheld_cells(void **state)
{
    (void)state;
    const int64_t W = CELL_WITHHELD;
    int64_t into[4] = {W, W, W, W};
    unsigned missing[4] = {0};
    const int64_t a[4] = {3, W, 0, W}, b[4] = {4, 5, W, W};
    cells_combine(into, missing, a, 4);
    cells_combine(into, missing, b, 4);
    const int64_t want[4] = {7, 5, 0, W};
    const unsigned want_missing[4] = {0, 1, 1, 2};
    assert_memory_equal(into, want, sizeof want);
    assert_memory_equal(missing, want_missing, sizeof want_missing);
    int64_t noised[1] = {W}; /* profile dp: below 0, and nothing is withheld */
    const int64_t low[1] = {-7}, up[1] = {4};
    unsigned none[1] = {0};
    cells_combine(noised, none, low, 1);
    cells_combine(noised, none, up, 1);
    assert_true(noised[0] == -3 && none[0] == 0);
    int64_t high[1] = {INT64_MAX - 1};
    const int64_t more[1] = {5};
    cells_combine(high, missing, more, 1);
    assert_true(high[0] == INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_splits), cmocka_unit_test(edges), cmocka_unit_test(withheld_cells)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
