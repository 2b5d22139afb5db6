/* Aim: comparing, cutting and validating byte views at their edges.  Method: tables of cases. */
#include "check.h"

static void orders_bytewise(void **state)
{
    (void)state;
    const struct {
        const char *a, *b;
        int sign;
    } rows[] = {{"", "", 0}, {"", "a", -1}, {"a", "", 1}, {"a", "ab", -1}, {"b", "ab", 1}, {"\xff", "a", 1}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int got = slice_compare(slice_str(rows[i].a), slice_str(rows[i].b));
        assert_int_equal((got > 0) - (got < 0), rows[i].sign);
    }
    assert_true(slice_is(slice_str(NULL), ""));
}

static void finds_and_cuts(void **state)
{
    (void)state;
    struct slice s = slice_str("heart-ck");
    assert_true(slice_starts(s, "heart") && slice_starts(s, "") && slice_starts(s, "heart-ck"));
    assert_false(slice_starts(s, "heart-ck2"));
    assert_true(slice_ends(s, "-ck") && slice_ends(s, ""));
    assert_false(slice_ends(s, "heart-"));
    assert_int_equal(slice_find(s, '-'), 5);
    assert_int_equal(slice_find(s, 'x'), 8);
    assert_slice(slice_part(s, 0, 5), "heart");
    assert_slice(slice_part(s, 6, 99), "ck");
    assert_slice(slice_part(s, 7, 3), "");
    assert_slice(slice_part(slice_str(NULL), 0, 9), "");
}

static void copies_only_what_fits(void **state)
{
    (void)state;
    char to[4];
    assert_true(slice_copy_str(slice_str("abc"), to, sizeof to));
    assert_string_equal(to, "abc");
    assert_false(slice_copy_str(slice_str("abcd"), to, sizeof to));
    assert_string_equal(to, "");
    assert_false(slice_copy_str(slice_of("a\0b", 3), to, sizeof to));
    assert_string_equal(to, "");
    assert_false(slice_copy_str(slice_str(""), to, 0));
}

static void parses_plain_integers(void **state)
{
    (void)state;
    const struct {
        const char *text;
        uint64_t max;
        bool ok;
        uint64_t value;
    } rows[] = {
        {"0", 0, true, 0},
        {"1", 0, false, 0},
        {"7", 7, true, 7},
        {"8", 7, false, 0},
        {"70", 71, true, 70},
        {"72", 71, false, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999", UINT64_MAX, false, 0},
        {"", 9, false, 0},
        {"00", 9, false, 0},
        {"01", 9, false, 0},
        {"+1", 9, false, 0},
        {"-1", 9, false, 0},
        {" 1", 9, false, 0},
        {"1 ", 9, false, 0},
        {"0x1", 9, false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t got = 42;
        assert_int_equal(slice_parse_u64(slice_str(rows[i].text), rows[i].max, &got), rows[i].ok);
        assert_int_equal(got, rows[i].ok ? rows[i].value : 42);
    }
}

static void knows_utf8(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"", true},
        {"bl\xc3\xa5 \xe2\x82\xac \xf0\x9f\x98\x80", true},
        {"\x7f", true},
        {"\x80", false},
        {"\xc1\xbf", false}, /* overlong U+007F */
        {"\xc2\x80", true},
        {"\xdf\xbf", true},
        {"\xe0\x9f\xbf", false}, /* overlong U+07FF */
        {"\xe0\xa0\x80", true},
        {"\xed\x9f\xbf", true},
        {"\xed\xa0\x80", false}, /* surrogate */
        {"\xed\xbf\xbf", false},
        {"\xee\x80\x80", true},
        {"\xf0\x8f\xbf\xbf", false}, /* overlong U+FFFF */
        {"\xf0\x90\x80\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\xf4\x90\x80\x80", false}, /* over U+10FFFF */
        {"\xf5\x80\x80\x80", false},
        {"\xc3", false},
        {"\xe2\x82", false},
        {"\xf0\x9f\x98", false},
        {"\xe2\x82\x41", false},
        {"\xc3\xc3", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (slice_is_utf8(slice_str(rows[i].text)) != rows[i].ok)
            fail_msg("row %zu", i);
    assert_true(slice_is_utf8(slice_of("a\0b", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_bytewise),    cmocka_unit_test(finds_and_cuts), cmocka_unit_test(copies_only_what_fits),
        cmocka_unit_test(parses_plain_integers), cmocka_unit_test(knows_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
