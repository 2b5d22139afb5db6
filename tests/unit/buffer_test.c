/* Aim: a buffer grows to its ceiling and not a byte further, and a refusal changes nothing. */
#include "base/buffer.h"
#include "check.h"

static void grows_to_the_ceiling(void **state)
{
    (void)state;
    struct buffer b CLEANUP(buffer_done) = {0};
    struct why why;
    buffer_init(&b, 1000);
    for (int i = 0; i < 1000; i++)
        assert_ok(buffer_add_byte(&b, (uint8_t)i, NULL));
    assert_status(buffer_add_byte(&b, 0, &why), LIMIT);
    assert_non_null(strstr(why.text, "1000"));
    assert_int_equal(b.len, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(b.at[i], (uint8_t)i);
    assert_null(buffer_str(&b));
    buffer_consume(&b, 999);
    assert_int_equal(b.at[0], (uint8_t)999);
    assert_non_null(buffer_str(&b));
    assert_status(buffer_add(&b, slice_of("", SIZE_MAX), NULL), LIMIT);
}

static void formats(void **state)
{
    (void)state;
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, 600);
    assert_ok(buffer_printf(&b, NULL, "%d-%s", 7, "x"));
    assert_string_equal(buffer_str(&b), "7-x");
    assert_int_equal(b.len, 3);
    assert_ok(buffer_printf(&b, NULL, "%0500d", 1)); /* longer than the small array inside */
    assert_int_equal(b.len, 503);
    assert_int_equal(b.at[502], '1');
    assert_status(buffer_printf(&b, NULL, "%0300d", 1), LIMIT);
    assert_int_equal(b.len, 503);
}

static void reserves_and_ends(void **state)
{
    (void)state;
    struct buffer b;
    uint8_t *at;
    buffer_init(&b, 10);
    assert_ok(buffer_reserve(&b, 10, &at, NULL));
    memcpy(at, "0123456789", 10);
    buffer_commit(&b, 10);
    assert_status(buffer_reserve(&b, 1, &at, NULL), LIMIT);
    assert_ok(buffer_add_str(&b, "", NULL));
    buffer_wipe(&b);
    assert_int_equal(b.len, 0);
    assert_ok(buffer_add_str(&b, "again", NULL));
    buffer_done(&b);
    buffer_done(NULL);
    buffer_wipe(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_to_the_ceiling),
        cmocka_unit_test(formats),
        cmocka_unit_test(reserves_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
