/* Aim: one calendar, both ways, leap years included.  Method: tables, and every day of the calendar once. */
#include "base/instant.h"
#include "check.h"

static void dates(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool ok;
        int32_t day;
    } rows[] = {
        {"1970-01-01", true, 0},       {"1969-12-31", true, -1},     {"2000-02-29", true, 11016},
        {"1900-02-29", false, 0},      {"1900-02-28", true, -25509}, {"2023-02-29", false, 0},
        {"2024-02-29", true, 19782},   {"2024-02-30", false, 0},     {"0001-01-01", true, -719162},
        {"0000-12-31", false, 0},      {"9999-12-31", true, 2932896}, {"2026-11-21", true, 20778},
        {"2026-04-31", false, 0},      {"2026-00-10", false, 0},     {"2026-13-10", false, 0},
        {"2026-10-00", false, 0},      {"2026-1-01", false, 0},      {"2026-01-1", false, 0},
        {"2026/01/01", false, 0},      {" 2026-01-01", false, 0},    {"2026-01-01 ", false, 0},
        {"+026-01-01", false, 0},      {"", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int32_t day = 4242;
        char text[DATE_TEXT_SIZE];
        if (date_parse(slice_str(rows[i].text), &day) != rows[i].ok)
            fail_msg("%s", rows[i].text);
        assert_int_equal(day, rows[i].ok ? rows[i].day : 4242);
        if (rows[i].ok) {
            date_print(day, text);
            assert_string_equal(text, rows[i].text);
        }
    }
}

static void every_day_both_ways(void **state)
{
    (void)state;
    for (int32_t day = -719162; day <= 2932896; day++) {
        char text[DATE_TEXT_SIZE];
        int32_t back;
        date_print(day, text);
        if (!date_parse(slice_str(text), &back) || back != day)
            fail_msg("day %d prints as %s", day, text);
    }
}

static void instants(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool ok;
        int64_t at_ms;
    } rows[] = {
        {"1970-01-01T00:00:00.000Z", true, 0},
        {"1970-01-01T00:00:00Z", true, 0},
        {"1970-01-01T00:00:00.1Z", true, 100},
        {"1970-01-01T00:00:00.12Z", true, 120},
        {"1970-01-01T00:00:00.123Z", true, 123},
        {"1970-01-01T00:00:00.1234Z", false, 0},
        {"1970-01-01T00:00:00.Z", false, 0},
        {"1969-12-31T23:59:59Z", false, 0},
        {"2001-09-09T01:46:40.000Z", true, INT64_C(1000000000000)},
        {"9999-12-31T23:59:59.999Z", true, INT64_C(253402300799999)},
        {"2026-11-21T24:00:00Z", false, 0},
        {"2026-11-21T23:60:00Z", false, 0},
        {"2026-11-21T23:59:60Z", false, 0},
        {"2026-11-21T21:42:01", false, 0},
        {"2026-11-21T21:42:01z", false, 0},
        {"2026-11-21t21:42:01Z", false, 0},
        {"2026-11-21 21:42:01Z", false, 0},
        {"2026-11-21T21:42:01+00:00", false, 0},
        {"2026-11-21T21:42:01Z ", false, 0},
        {"2026-02-29T00:00:00Z", false, 0},
        {"2026-11-21", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t at = -42;
        char text[INSTANT_TEXT_SIZE];
        if (instant_parse(slice_str(rows[i].text), &at) != rows[i].ok)
            fail_msg("%s", rows[i].text);
        assert_int_equal(at, rows[i].ok ? rows[i].at_ms : -42);
        if (rows[i].ok && strlen(rows[i].text) == INSTANT_TEXT_SIZE - 1) {
            instant_print(at, text);
            assert_string_equal(text, rows[i].text);
        }
    }
    char text[INSTANT_TEXT_SIZE];
    instant_print(INT64_MIN, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    instant_print(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates),
        cmocka_unit_test(every_day_both_ways),
        cmocka_unit_test(instants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
