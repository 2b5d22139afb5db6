/* Aim: a printed count is a multiple of 5 near its number, unbiased, and a cell that two tables share is rounded alike.
 * Method: many cells; one result document a statistic, made here. */
#include "stats/round5.h"

#include <math.h>

#include "check.h"

static struct json *parse(const char *text)
{
    struct json *v = NULL;
    assert_ok(json_parse(slice_str(text), JSON_BYTES_MAX, &v, NULL));
    return v;
}

static struct dictionary *dictionary(void)
{
    struct json *tree CLEANUP(json_freep) = parse(
        "{\"dataset\":\"d\",\"variables\":[{\"name\":\"sex\",\"type\":\"category\",\"levels\":[{\"code\":\"a\"},{\"code\":\"b\"}]},"
        "{\"name\":\"age\",\"type\":\"integer\",\"clamps\":[0,99]}]}");
    struct dictionary *d = NULL;
    assert_ok(dictionary_read(tree, NULL, PROFILE_CK, &d, NULL));
    return d;
}

static result round_result(const struct dictionary *d, const char *where, const char *statistic, const char *figures, struct json **ret)
{
    char text[1024];
    struct question *q CLEANUP(question_freep) = NULL;
    snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"d\",\"where\":{%s},\"statistic\":{%s}}", where, statistic);
    struct json *v CLEANUP(json_freep) = parse(text);
    assert_ok(question_read(v, d, &q, NULL));
    snprintf(text, sizeof text, "{\"result\":%s,\"by_site\":{\"va\":%s,\"gone\":null}}", figures, figures);
    *ret = parse(text);
    return round5_document(q, *ret, NULL);
}

static void rounding_is_unbiased(void **state)
{
    (void)state;
    enum { CELLS = 20000 };
    for (int64_t v = -7; v < 13; v++) {
        int64_t sum = 0;
        double rest = (double)((v % 5 + 5) % 5);
        for (unsigned i = 0; i < CELLS; i++) {
            char box[32];
            int64_t one;
            snprintf(box, sizeof box, "x=%u", i);
            assert_ok(round5_of(slice_str("d"), slice_str(""), slice_str(box), v, &one, NULL));
            assert_true(one % 5 == 0 && one > v - 5 && one < v + 5);
            sum += one - v;
        }
        assert_true(fabs((double)sum / CELLS) <= 4 * sqrt(rest * (5 - rest) / CELLS));
    }
}

static int64_t at(const struct json *v, const char *member, size_t i)
{
    const struct json *cell = json_item(json_get(json_get(v, "result"), member), i);
    return json_kind(cell) == JSON_NULL ? -1 : json_integer(cell);
}

static void a_shared_cell_is_rounded_alike(void **state)
{
    (void)state;
    struct dictionary *d CLEANUP(dictionary_freep) = dictionary();
    for (unsigned n = 10; n < 60; n++) {
        struct json *table CLEANUP(json_freep) = NULL, *turned CLEANUP(json_freep) = NULL, *alone CLEANUP(json_freep) = NULL, *bars CLEANUP(json_freep) = NULL;
        char text[400];
        snprintf(text, sizeof text, "{\"cells\":[1,%u,null,4],\"margins\":{\"sex\":[5,6],\"age\":[7,8]},\"total\":33,\"n_missing\":12}", n);
        assert_ok(round_result(d, "", "\"table\":{\"by\":[\"sex\",{\"variable\":\"age\",\"breaks\":[0,50,99]}]}", text, &table));
        snprintf(text, sizeof text, "{\"cells\":[1,null,%u,4],\"margins\":{\"sex\":[5,6],\"age\":[7,8]},\"total\":33,\"n_missing\":12}", n);
        assert_ok(round_result(d, "", "\"table\":{\"by\":[{\"variable\":\"age\",\"breaks\":[0,50,99]},\"sex\"]}", text, &turned));
        snprintf(text, sizeof text, "{\"count\":%u}", n);
        assert_ok(round_result(d, "\"sex\":[\"a\"],\"age\":{\"from\":50,\"to\":100}", "\"count\":{}", text, &alone));
        snprintf(text, sizeof text, "{\"counts\":[1,%u],\"below\":2,\"above\":3,\"n_missing\":4}", n);
        assert_ok(round_result(d, "\"sex\":[\"a\"]", "\"histogram\":{\"variable\":\"age\",\"breaks\":[0,50,99]}", text, &bars));
        int64_t v = at(table, "cells", 1);
        assert_true(v % 5 == 0 && v > (int64_t)n - 5 && v < (int64_t)n + 5);
        assert_int_equal(at(turned, "cells", 2), v);
        assert_int_equal(json_integer(json_get(json_get(alone, "result"), "count")), v);
        assert_int_equal(at(bars, "counts", 1), v);
        assert_int_equal(at(table, "cells", 2), -1); /* withheld stays so */
        assert_int_equal(json_integer(json_get(json_get(table, "result"), "total")), json_integer(json_get(json_get(turned, "result"), "total")));
        assert_int_equal(json_integer(json_item(json_get(json_get(json_get(table, "result"), "margins"), "age"), 1)) % 5, 0);
        assert_int_equal(json_integer(json_get(json_get(bars, "result"), "below")) % 5, 0);
        assert_int_equal(json_integer(json_get(json_get(json_get(alone, "by_site"), "va"), "count")) % 5, 0);
    }
    struct json *v CLEANUP(json_freep) = NULL, *w CLEANUP(json_freep) = NULL;
    assert_status(round_result(d, "", "\"summary\":{\"variables\":[\"age\"]}", "{\"variables\":[]}", &v), DENIED);
    assert_status(round_result(d, "", "\"table\":{\"by\":[\"sex\"]}", "{\"cells\":[1]}", &w), MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rounding_is_unbiased), cmocka_unit_test(a_shared_cell_is_rounded_alike)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
