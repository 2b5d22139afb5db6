/* Aim: each refusal has one code, class and HTTP status, and tells a peer no more than it may.
 * Method: the whole table against its own rules; one failure of each status. */
#include "check.h"
#include "proto/problem.h"

static void the_table(void **state)
{
    (void)state;
    unsigned count;
    const struct problem_code *codes = problem_codes(&count);
    for (unsigned i = 0; i < count; i++) {
        assert_ptr_equal(problem_find(codes[i].code), &codes[i]); /* no code is there twice */
        assert_true(codes[i].http >= 400 && codes[i].http < 600);
        assert_true(strlen(codes[i].title) > 10);
        assert_string_not_equal(problem_class_name(codes[i].class), "?");
    }
    assert_null(problem_find("no_such_code"));
    assert_null(problem_find(NULL));
}

static struct buffer text;
static const char *printed(struct json *v)
{
    buffer_done(&text);
    buffer_init(&text, 8192);
    assert_ok(json_print(v, &text, NULL));
    json_free(v);
    return buffer_str(&text);
}

static void from_a_failure(void **state)
{
    (void)state;
    struct why why = {0};
    result r = FAIL_CODE(&why, MALFORMED, "off_grid", "/where/age/from", "not on the grid");
    assert_string_equal(printed(problem_from_why(r, &why, "r-1")),
                        "{\"class\":\"grammar\",\"code\":\"off_grid\",\"detail\":\"not on the grid\",\"field\":\"/where/age/from\","
                        "\"instance\":\"r-1\",\"status\":400,\"title\":\"The cut is not on the variable's public grid.\","
                        "\"type\":\"urn:innsyn:problem:off_grid\"}");
    const struct {
        enum status status;
        const char *code;
    } rows[] = {{MALFORMED, "malformed"}, {DENIED, "refused"},         {ABSENT, "no_such_thing"}, {LIMIT, "too_large"},
                {AGAIN, "too_many_requests"}, {UNAVAILABLE, "unavailable"}, {BROKEN, "fault"},     {OK, "fault"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        why = (struct why){0};
        assert_string_equal(problem_of((result){rows[i].status}, &why)->code, rows[i].code);
        assert_string_equal(problem_of((result){rows[i].status}, NULL)->code, rows[i].code);
    }
    why.code = "off_grid"; /* left over from an earlier call */
    assert_string_equal(problem_of((result){BROKEN}, &why)->code, "fault");
    why.code = "not in the table";
    assert_string_equal(problem_of((result){DENIED}, &why)->code, "refused");
}

static void discretion(void **state)
{
    (void)state;
    struct why why = {0};
    /* I10: refusals that depend on data all look alike. */
    result a = FAIL_CODE(&why, DENIED, "disclosure", "/where/age", "only 3 persons");
    const char *first = printed(problem_from_why(a, &why, "r-1"));
    char kept[1024];
    (void)snprintf(kept, sizeof kept, "%s", first);
    result b = FAIL_CODE(&why, DENIED, "disclosure", "", "the difference is 1 person");
    assert_string_equal(printed(problem_from_why(b, &why, "r-1")), kept);
    assert_null(strstr(kept, "persons\","));
    assert_null(strstr(kept, "3"  " persons"));
    assert_string_equal(printed(problem_reason(b, &why)),
                        "{\"class\":\"disclosure\",\"code\":\"disclosure\",\"field\":\"\",\"text\":\"The answer is withheld to protect the persons in the data.\"}");
    /* And a fault keeps its cause for the log. */
    result c = FAIL_AT(&why, BROKEN, "/var/lib", "page 7 of the store is torn");
    assert_null(strstr(printed(problem_from_why(c, &why, "r-2")), "page"));
    result d = FAIL_CODE(&why, DENIED, "signatures_missing", "/signatures", "no holder of site 'va' has signed");
    assert_string_equal(printed(problem_reason(d, &why)),
                        "{\"class\":\"permit\",\"code\":\"signatures_missing\",\"field\":\"/signatures\",\"text\":\"no holder of site 'va' has signed\"}");
}

static void broken_text_is_mended(void **state)
{
    (void)state;
    struct why why = {0};
    result r = FAIL(&why, MALFORMED, "cut in the middle of \xc3");
    assert_non_null(strstr(printed(problem_from_why(r, &why, "")), "in the middle of ?"));
    r = FAIL(&why, MALFORMED, "whole: \xc3\xb8");
    assert_non_null(strstr(printed(problem_from_why(r, &why, "")), "whole: \xc3\xb8"));
}

static int tear_down(void **state)
{
    (void)state;
    buffer_done(&text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_table), cmocka_unit_test(from_a_failure), cmocka_unit_test(discretion),
                                       cmocka_unit_test(broken_text_is_mended)};
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
