/* Aim: every dictionary in the documented form is read, with its defaults, and nothing else is (R-20..R-22).
 * Method: the dictionaries of six public data sets; one small document changed in one place at a time. */
#include <stdlib.h>

#include <math.h>

#include "check.h"
#include "proto/dictionary.h"
#include "vector.h"

static struct json *parse(const char *text)
{
    struct json *v = NULL;
    assert_ok(json_parse(slice_str(text), JSON_BYTES_MAX, &v, NULL));
    return v;
}

static struct json *parse_file(const char *path)
{
    struct buffer b CLEANUP(buffer_done) = {0};
    struct json *v = NULL;
    vector_read(path, &b);
    assert_ok(json_parse(buffer_slice(&b), DICTIONARY_BYTES_MAX, &v, NULL));
    return v;
}

static void print(const struct dictionary *d, struct buffer *to)
{
    struct json *v CLEANUP(json_freep) = dictionary_json(d);
    assert_ok(json_print(v, to, NULL));
}

static void reads_the_public_sets(void **state)
{
    (void)state;
    const struct {
        const char *name;
        unsigned variables;
        const char *key;
    } sets[] = {{"heart", 16, "pid"},  {"cnsim", 12, "pid"},     {"flchain", 13, "pid"},
                {"omop", 9, "person_id"}, {"population", 11, "pid"}, {"rotterdam_gbsg", 17, "pid"}};
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        char path[128];
        struct why why = {0};
        (void)snprintf(path, sizeof path, "dictionaries/%s.json", sets[i].name);
        struct json *tree CLEANUP(json_freep) = parse_file(path);
        struct dictionary *d CLEANUP(dictionary_freep) = NULL;
        result r = dictionary_read(tree, NULL, PROFILE_CK, &d, &why);
        if (!is_ok(r))
            print_error("%s: %s %s\n", path, why.field, why.text);
        assert_ok(r);
        assert_string_equal(d->dataset.text, sets[i].name);
        assert_int_equal(d->variable_count, sets[i].variables);
        assert_int_equal(d->profile, PROFILE_CK);
        if (sets[i].key)
            assert_slice(d->variables[d->key].name, sets[i].key);

        /* The published form is read again, and prints the same bytes. */
        struct buffer once CLEANUP(buffer_done) = {0}, twice CLEANUP(buffer_done) = {0};
        buffer_init(&once, DICTIONARY_BYTES_MAX);
        buffer_init(&twice, DICTIONARY_BYTES_MAX);
        print(d, &once);
        struct json *published CLEANUP(json_freep) = NULL;
        struct dictionary *e CLEANUP(dictionary_freep) = NULL;
        assert_ok(json_parse(buffer_slice(&once), DICTIONARY_BYTES_MAX, &published, NULL));
        assert_ok(dictionary_read(published, NULL, PROFILE_OPEN, &e, &why));
        assert_int_equal(e->profile, PROFILE_CK);
        print(e, &twice);
        assert_true(slice_equal(buffer_slice(&once), buffer_slice(&twice)));
        /* Descriptive members of the data set's own form stay behind. */
        assert_null(json_get(published, "sites"));
        assert_null(json_get(published, "attribution"));
        assert_null(json_get(json_item(json_get(published, "variables"), 0), "missing_codes"));
        assert_int_equal(json_kind(json_get(published, "license")), JSON_STRING);
    }
}

static void the_heart_dictionary_in_detail(void **state)
{
    (void)state;
    struct json *tree CLEANUP(json_freep) = parse_file("dictionaries/heart.json");
    struct dictionary *d CLEANUP(dictionary_freep) = NULL;
    assert_ok(dictionary_read(tree, "heart-ck", PROFILE_OPEN, &d, NULL));
    assert_string_equal(d->dataset.text, "heart-ck");
    assert_int_equal(d->profile, PROFILE_OPEN);
    const struct variable *age = &d->variables[dictionary_find(d, slice_str("age"))];
    assert_int_equal(age->type, VARIABLE_INTEGER);
    assert_close(age->grid_step, 1, 0);
    assert_close(age->grid_origin, 0, 0);
    assert_slice(age->unit, "years");
    const struct variable *chol = &d->variables[dictionary_find(d, slice_str("chol"))];
    assert_int_equal(chol->missing_count, 2);
    assert_slice(chol->missing_codes[1], "0");
    const struct variable *cp = &d->variables[dictionary_find(d, slice_str("cp"))];
    assert_int_equal(cp->level_count, 4);
    assert_int_equal(variable_find_level(cp, slice_str("3")), 2);
    assert_int_equal(variable_find_level(cp, slice_str("5")), -1);
    assert_int_equal(variable_find_level(age, slice_str("5")), -1);
    assert_slice(cp->level_labels[3], "asymptomatic");
    assert_int_equal(dictionary_find(d, slice_str("ages")), -1);
    assert_int_equal(dictionary_find(d, slice_str("")), -1);
    assert_slice(dictionary_nearest(d, slice_str("sx")), "sex");
    assert_slice(dictionary_nearest(d, slice_str("SEX")), "sex");
    assert_slice(dictionary_nearest(d, slice_str("smoker")), "");
    const struct variable *oldpeak = &d->variables[dictionary_find(d, slice_str("oldpeak"))];
    assert_int_equal(oldpeak->type, VARIABLE_NUMBER);
    assert_close(oldpeak->grid_step, 0, 0); /* known only when the data are loaded */
}

static void many_levels_are_found(void **state)
{
    (void)state;
    struct json *tree CLEANUP(json_freep) = parse_file("dictionaries/population.json");
    struct dictionary *d CLEANUP(dictionary_freep) = NULL;
    assert_ok(dictionary_read(tree, NULL, PROFILE_CK, &d, NULL));
    const struct variable *kommune = &d->variables[dictionary_find(d, slice_str("kommune"))];
    assert_true(kommune->level_count > 300);
    for (unsigned i = 0; i < kommune->level_count; i++)
        assert_int_equal(variable_find_level(kommune, kommune->levels[i]), i);
}

#define V "{\"dataset\":\"d\",\"variables\":["
#define CAT(x) "{\"name\":\"c\",\"type\":\"category\"" x "}"
#define INT(x) "{\"name\":\"i\",\"type\":\"integer\"" x "}"
#define NUM(x) "{\"name\":\"n\",\"type\":\"number\"" x "}"
#define DAY(x) "{\"name\":\"t\",\"type\":\"date\"" x "}"
#define E "]}"

static void both_sides_of_each_rule(void **state)
{
    (void)state;
    const struct {
        const char *text;
        enum status want;
        const char *field;
    } rows[] = {
        {V INT("") E, OK, ""},
        {V E, MALFORMED, "/variables"},
        {"{\"dataset\":\"d\"}", MALFORMED, "/variables"},
        {"{\"dataset\":\"d d\",\"variables\":[" INT("") E, MALFORMED, "/dataset"},
        {"{\"dataset\":\"d\",\"anything\":{\"at\":\"top\"},\"variables\":[" INT("") E, OK, ""},
        {V INT(",\"colour\":1") E, MALFORMED, "/variables/0/colour"},
        {V INT("") "," INT("") E, MALFORMED, "/variables"},
        {V "{\"name\":\"1a\",\"type\":\"integer\"}" E, MALFORMED, "/variables/0/name"},
        {V "{\"name\":\"a\",\"type\":\"float\"}" E, MALFORMED, "/variables/0/type"},
        {V "{\"name\":\"a\",\"type\":\"id\"},{\"name\":\"b\",\"type\":\"integer\"}" E, OK, ""},
        {V "{\"name\":\"a\",\"type\":\"id\"},{\"name\":\"b\",\"type\":\"id\"}" E, MALFORMED, "/variables/1"},
        {V CAT(",\"levels\":[{\"code\":\"1\",\"label\":\"one\"}]") E, OK, ""},
        {V CAT(",\"levels\":[{\"code\":\"1\"}]") E, OK, ""},
        {V CAT(",\"levels\":[{\"code\":1}]") E, MALFORMED, "/variables/0/levels/0/code"},
        {V CAT(",\"levels\":[{\"code\":\"\"}]") E, MALFORMED, "/variables/0/levels/0"},
        {V CAT(",\"levels\":[{\"code\":\"1\",\"x\":1}]") E, MALFORMED, "/variables/0/levels/0/x"},
        {V CAT(",\"levels\":[{\"code\":\"1\"},{\"code\":\"1\"}]") E, MALFORMED, "/variables/0/levels"},
        {V CAT(",\"levels\":[]") E, MALFORMED, "/variables/0/levels"},
        {V CAT("") E, MALFORMED, "/variables/0/levels"},
        {V INT(",\"levels\":[{\"code\":\"1\"}]") E, MALFORMED, "/variables/0/levels"},
        {V INT(",\"levels\":null") E, OK, ""},
        {V CAT(",\"levels\":[{\"code\":\"1\"}],\"grid\":{\"step\":1}") E, MALFORMED, "/variables/0/grid"},
        {V INT(",\"grid\":{\"origin\":2,\"step\":5}") E, OK, ""},
        {V INT(",\"grid\":{\"step\":0}") E, MALFORMED, "/variables/0/grid/step"},
        {V INT(",\"grid\":{\"step\":0.5}") E, MALFORMED, "/variables/0/grid/step"},
        {V NUM(",\"grid\":{\"step\":0.5}") E, OK, ""},
        {V NUM(",\"grid\":{\"step\":-0.5}") E, MALFORMED, "/variables/0/grid/step"},
        {V NUM(",\"grid\":{\"origin\":1}") E, MALFORMED, "/variables/0/grid/step"},
        {V DAY(",\"grid\":{\"origin\":\"2020-01-06\",\"step\":7}") E, OK, ""},
        {V DAY(",\"grid\":{\"origin\":\"2020-02-30\",\"step\":7}") E, MALFORMED, "/variables/0/grid/origin"},
        {V NUM(",\"clamps\":[0,1]") E, OK, ""},
        {V NUM(",\"clamps\":[1,1]") E, MALFORMED, "/variables/0/clamps"},
        {V NUM(",\"clamps\":[1]") E, MALFORMED, "/variables/0/clamps"},
        {V INT(",\"missing_codes\":[\"\",\"-9\"]") E, OK, ""},
        {V INT(",\"missing_codes\":[-9]") E, MALFORMED, "/variables/0/missing_codes"},
        {"{\"dataset\":\"d\",\"profile\":\"ck\",\"variables\":[" INT("") E, OK, ""},
        {"{\"dataset\":\"d\",\"profile\":\"free\",\"variables\":[" INT("") E, MALFORMED, "/profile"},
        {"{\"dataset\":\"d\",\"profile\":\"open\",\"variables\":[" INT("") E, MALFORMED, "/profile"},
        {"{\"dataset\":\"d\",\"profile\":\"open\",\"public\":true,\"variables\":[" INT("") E, OK, ""},
        {"{\"innsyn\":\"dictionary/1\",\"dataset\":\"d\",\"title\":\"t\",\"profile\":\"open\",\"event_table\":false,\"variables\":[" INT("") E, OK, ""},
        {"{\"innsyn\":\"dictionary/1\",\"dataset\":\"d\",\"title\":\"t\",\"event_table\":false,\"variables\":[" INT("") E, MALFORMED, "/profile"},
        {"{\"innsyn\":\"dictionary/1\",\"dataset\":\"d\",\"profile\":\"ck\",\"note\":\"x\",\"variables\":[" INT("") E, MALFORMED, "/note"},
        {"{\"innsyn\":\"dictionary/1\",\"dataset\":\"d\",\"profile\":\"ck\",\"variables\":[" INT(",\"role\":\"x\"") E, MALFORMED, "/variables/0/role"},
        {"{\"innsyn\":\"dictionary/2\",\"dataset\":\"d\",\"profile\":\"ck\",\"variables\":[" INT("") E, MALFORMED, "/innsyn"},
        {"[]", MALFORMED, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct json *tree CLEANUP(json_freep) = parse(rows[i].text);
        struct dictionary *d CLEANUP(dictionary_freep) = NULL;
        struct why why = {0};
        result r = dictionary_read(tree, NULL, PROFILE_CK, &d, &why);
        if (r.code != rows[i].want || (rows[i].want != OK && strcmp(why.field, rows[i].field) != 0)) {
            print_error("row %zu: %s\n  %s at '%s': %s\n", i, rows[i].text, status_name(r.code), why.field, why.text);
            fail();
        }
        assert_true((d != NULL) == is_ok(r));
    }
}

static void defaults(void **state)
{
    (void)state;
    struct json *tree CLEANUP(json_freep) =
        parse(V INT(",\"role\":\"sensitive\"") "," DAY(",\"role\":\"sensitive\",\"sensitive\":false") "," NUM("") E);
    struct dictionary *d CLEANUP(dictionary_freep) = NULL;
    assert_ok(dictionary_read(tree, NULL, PROFILE_STRICT, &d, NULL));
    assert_int_equal(d->profile, PROFILE_STRICT);
    assert_int_equal(d->key, -1);
    assert_false(d->event_table);
    assert_slice(d->title, "d");
    assert_slice(d->variables[0].label, "i");
    assert_true(d->variables[0].sensitive);
    assert_false(d->variables[1].sensitive);
    assert_int_equal(d->variables[0].missing_count, 1); /* an empty field is never a value */
    assert_slice(d->variables[0].missing_codes[0], "");
    assert_close(d->variables[1].grid_step, 1, 0);

    /* What the loader learns is published. */
    d->variables[2].grid_step = 0.01;
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, 4096);
    print(d, &b);
    assert_slice(buffer_slice(&b),
                 "{\"dataset\":\"d\",\"event_table\":false,\"innsyn\":\"dictionary/1\",\"profile\":\"strict\",\"title\":\"d\","
                 "\"variables\":[{\"grid\":{\"origin\":0,\"step\":1},\"label\":\"i\",\"name\":\"i\",\"sensitive\":true,\"type\":\"integer\"},"
                 "{\"grid\":{\"origin\":\"1970-01-01\",\"step\":1},\"label\":\"t\",\"name\":\"t\",\"sensitive\":false,\"type\":\"date\"},"
                 "{\"grid\":{\"origin\":0,\"step\":0.01},\"label\":\"n\",\"name\":\"n\",\"sensitive\":false,\"type\":\"number\"}]}");
}

/* Neither origin nor step need be such that origin + k * step is the decimal that stands in the data; and two
 * sites whose grids differ must come to the same cut. */
static void cuts_are_the_decimals_whatever_origin_and_step(void **state)
{
    (void)state;
    static const struct {
        double origin, step, asked, cut;
    } rows[] = {
        {0.1, 0.1, 0.3, 0.3},   {0.1, 0.1, 0.1 + 0.2, 0.3}, {0, 0.3, 0.9, 0.9},    {0, 0.3, 3 * 0.3, 0.9},
        {0.7, 0.1, 0.8, 0.8},   {36.6, 0.2, 37.8, 37.8},    {0, 1.1, 3.3, 3.3},    {-0.1, 0.1, 0.2, 0.2},
        {0.05, 0.1, 0.35, 0.35}, {0, 0.25, 0.75, 0.75},     {0, 2.5, 7.5, 7.5},    {-0.3, 0.3, 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct variable v = {.type = VARIABLE_NUMBER, .grid_origin = rows[i].origin, .grid_step = rows[i].step};
        double cut, below, above;
        if (!variable_on_grid(&v, rows[i].asked, &cut, &below, &above))
            fail_msg("row %zu is not on its grid", i);
        if (!(cut <= rows[i].cut && cut >= rows[i].cut) || signbit(cut) != signbit(rows[i].cut))
            fail_msg("row %zu: %.17g, not %.17g", i, cut, rows[i].cut);
    }
}

static void cuts_on_a_decimal_grid_are_the_decimals(void **state)
{
    (void)state;
    struct variable v = {.type = VARIABLE_NUMBER, .grid_step = 0.1};
    double cut, below, above;
    assert_true(variable_on_grid(&v, 0.1 + 0.2, &cut, &below, &above));
    assert_true(cut == 0.3);
    for (int k = -100000; k <= 100000; k += 7) { /* every decimal text is its own cut */
        char text[32];
        (void)snprintf(text, sizeof text, "%d.%d", k / 10, abs(k % 10));
        double x = strtod(text, NULL);
        assert_true(variable_on_grid(&v, x, &cut, &below, &above));
        assert_true(cut == x);
    }
    assert_false(variable_on_grid(&v, 0.35, &cut, &below, &above));
    assert_true(below == 0.3 && above == 0.4);
    assert_false(variable_on_grid(&v, 0.3001, &cut, &below, &above));
    v.grid_step = 0;
    assert_false(variable_on_grid(&v, 0.3, &cut, &below, &above));
    v = (struct variable){.type = VARIABLE_INTEGER, .grid_step = 5, .grid_origin = 2};
    assert_true(variable_on_grid(&v, -3, &cut, &below, &above));
    assert_true(cut == -3);
    assert_false(variable_on_grid(&v, 5, &cut, &below, &above));
    assert_true(below == 2 && above == 7);
    assert_false(variable_on_grid(&v, INFINITY, &cut, &below, &above));
    assert_false(variable_on_grid(&v, 1e300, &cut, &below, &above));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_public_sets),     cmocka_unit_test(the_heart_dictionary_in_detail),
        cmocka_unit_test(many_levels_are_found),     cmocka_unit_test(both_sides_of_each_rule),
        cmocka_unit_test(defaults),                  cmocka_unit_test(cuts_on_a_decimal_grid_are_the_decimals),
        cmocka_unit_test(cuts_are_the_decimals_whatever_origin_and_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
