/* Aim: one text for each byte string, and nothing else accepted.  Method: RFC 4648 vectors and near misses. */
#include "base/codec.h"
#include "check.h"

static void hex_both_ways(void **state)
{
    (void)state;
    char text[7];
    uint8_t bytes[3] = {9, 9, 9};
    hex_print(slice_of("\x00\xaf\xff", 3), text, sizeof text);
    assert_string_equal(text, "00afff");
    assert_true(hex_parse(slice_str("00AFff"), bytes, 3));
    assert_memory_equal(bytes, "\x00\xaf\xff", 3);
    const char *bad[] = {"00afff0", "00aff", "00af", "00afffff", "00affg", "00af f", "0x00af", ""};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(hex_parse(slice_str(bad[i]), bytes, 3));
    assert_memory_equal(bytes, "\x00\xaf\xff", 3);
    assert_true(hex_parse(slice_str(""), bytes, 0));
}

static void base64_vectors(void **state)
{
    (void)state;
    const struct {
        const char *plain, *text;
    } rows[] = {
        {"", ""},          {"f", "Zg=="},         {"fo", "Zm8="},          {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "+/+/"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buffer b CLEANUP(buffer_done) = {0};
        char text[16];
        buffer_init(&b, 64);
        assert_ok(base64_print(slice_str(rows[i].plain), &b, NULL));
        assert_slice(buffer_slice(&b), rows[i].text);
        base64_print_str(slice_str(rows[i].plain), text, strlen(rows[i].text) + 1);
        assert_string_equal(text, rows[i].text);
        buffer_clear(&b);
        assert_ok(base64_parse(slice_str(rows[i].text), &b, NULL));
        assert_slice(buffer_slice(&b), rows[i].plain);
    }
}

static void base64_refuses_what_is_not_canonical(void **state)
{
    (void)state;
    const char *bad[] = {"Z",    "Zg",   "Zg=",  "Zh==", "Zm9=", "Zm8",  "=",       "==",       "====",     "Zg==Zg==",
                         "Z===", "Zm 8", "Zm8=\n", "Z=8=", "Zm9v=", "*m9v", "Zm9v====", "Zg==\n\n\n\n"};
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, 64);
    assert_ok(buffer_add_str(&b, "kept", NULL));
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_status(base64_parse(slice_str(bad[i]), &b, NULL), MALFORMED);
        assert_slice(buffer_slice(&b), "kept");
    }
    uint8_t three[3];
    assert_true(base64_parse_exact(slice_str("-_-_"), three, 3)); /* the URL-safe alphabet */
    assert_memory_equal(three, "\xfb\xff\xbf", 3);
    assert_false(base64_parse_exact(slice_str("Zm8="), three, 3));
    assert_false(base64_parse_exact(slice_str("Zm9vYg=="), three, 3));
}

static void base64_keeps_the_ceiling(void **state)
{
    (void)state;
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, 4);
    assert_status(base64_print(slice_str("foob"), &b, NULL), LIMIT);
    assert_ok(base64_print(slice_str("foo"), &b, NULL));
    buffer_clear(&b);
    assert_status(base64_parse(slice_str("Zm9vYmE="), &b, NULL), LIMIT);
    assert_ok(base64_parse(slice_str("Zm9vYg=="), &b, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_both_ways),
        cmocka_unit_test(base64_vectors),
        cmocka_unit_test(base64_refuses_what_is_not_canonical),
        cmocka_unit_test(base64_keeps_the_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
