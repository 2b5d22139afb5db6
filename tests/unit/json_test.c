/* Aim: one meaning for every text that is accepted, one text for every value, and a helpful no for the rest
 * .  Method: the RFC 8785 vectors, tables of near misses, every allocation failing in turn. */
#include "proto/fields.h"
#include "proto/json.h"
#include "base/codec.h"
#include "proto/json_number.h"
#include "vector.h"

#include <locale.h>
#include <stdlib.h>

static struct why why;

static struct json *parsed(const char *text)
{
    struct json *v = NULL;
    assert_ok(json_parse(slice_str(text), JSON_BYTES_MAX, &v, &why));
    return v;
}

static void assert_prints(const struct json *v, const char *want)
{
    struct buffer b;
    buffer_init(&b, JSON_BYTES_MAX);
    assert_ok(json_print(v, &b, &why));
    assert_slice(buffer_slice(&b), want);
    buffer_done(&b);
}

static void canonical_vectors(void **state)
{
    (void)state;
    const char *names[] = {"arrays", "french", "structures", "unicode", "values", "weird"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[100];
        struct buffer in, want, hex, out;
        (void)snprintf(path, sizeof path, "vectors/jcs/input/%s.json", names[i]);
        vector_read(path, &in);
        (void)snprintf(path, sizeof path, "vectors/jcs/output/%s.json", names[i]);
        vector_read(path, &want);
        (void)snprintf(path, sizeof path, "vectors/jcs/outhex/%s.txt", names[i]);
        vector_read(path, &hex);
        struct json *v;
        buffer_init(&out, JSON_BYTES_MAX);
        assert_ok(json_parse(buffer_slice(&in), JSON_BYTES_MAX, &v, &why));
        assert_ok(json_print(v, &out, &why));
        assert_true(slice_equal(buffer_slice(&out), buffer_slice(&want)));
        size_t at = 0;
        const char *h = buffer_str(&hex);
        for (char *end; *h; h = end) {
            unsigned long byte = strtoul(h, &end, 16);
            if (end == h)
                break;
            assert_true(at < out.len && out.at[at] == byte);
            at++;
        }
        assert_int_equal(at, out.len);
        json_free(v);
        buffer_done(&in);
        buffer_done(&want);
        buffer_done(&hex);
        buffer_done(&out);
    }
}

static void refused_texts(void **state)
{
    (void)state;
    const struct {
        const char *text;
        enum status want;
        const char *says;
    } rows[] = {
        {"", MALFORMED, "line 1"},
        {" ", MALFORMED, "line 1"},
        {"{\"a\":1,\"b\":2,\"a\":1}", MALFORMED, "duplicate"},
        {"{\"a\":1,\"\\u0061\":1}", MALFORMED, "duplicate"},
        {"[{\"a\":{\"x\":1,\"x\":2}}]", MALFORMED, "duplicate"},
        {"{} {}", MALFORMED, "line 1, column 4"},
        {"1 2", MALFORMED, ""},
        {"{}x", MALFORMED, ""},
        {"[1,]", MALFORMED, ""},
        {"{\"a\":1,}", MALFORMED, ""},
        {"[1 2]", MALFORMED, ""},
        {"{a:1}", MALFORMED, ""},
        {"{\"a\" 1}", MALFORMED, ""},
        {"'a'", MALFORMED, ""},
        {"// no\n1", MALFORMED, ""},
        {"\xef\xbb\xbf{}", MALFORMED, ""}, /* a byte order mark */
        {"NaN", MALFORMED, ""},
        {"[Infinity]", MALFORMED, ""},
        {"-Infinity", MALFORMED, ""},
        {"nan", MALFORMED, ""},
        {"True", MALFORMED, ""},
        {"01", MALFORMED, ""},
        {"+1", MALFORMED, ""},
        {"-", MALFORMED, ""},
        {".5", MALFORMED, ""},
        {"1.", MALFORMED, ""},
        {"1e", MALFORMED, ""},
        {"0x10", MALFORMED, ""},
        {"1e999", MALFORMED, ""},
        {"-1e999", MALFORMED, ""},
        {"9007199254740993", MALFORMED, "2^53"}, /* 2^53 + 1 */
        {"-9007199254740993", MALFORMED, "2^53"},
        {"18446744073709551615", MALFORMED, "2^53"},
        {"[\n1,\n 123456789012345678901234567890]", MALFORMED, "line 3, column 2"},
        {"\"\\ud800\"", MALFORMED, ""}, /* lone surrogates */
        {"\"\\udc00\"", MALFORMED, ""},
        {"\"\\ud800\\ud800\"", MALFORMED, ""},
        {"\"\\ud800x\"", MALFORMED, ""},
        {"\"\xed\xa0\x80\"", MALFORMED, ""}, /* the same in bytes */
        {"\"\xc0\xaf\"", MALFORMED, ""},     /* overlong */
        {"\"\xff\"", MALFORMED, ""},
        {"\"\xe2\x82\"", MALFORMED, ""}, /* cut short */
        {"\"a\nb\"", MALFORMED, ""},
        {"\"\\u0000\"", MALFORMED, ""},
        {"{\"a\\u0000\":1}", MALFORMED, ""},
        {"\"\\x41\"", MALFORMED, ""},
        {"\"open", MALFORMED, ""},
        {"\"open\\", MALFORMED, ""},
        {"[", MALFORMED, ""},
        {"]", MALFORMED, ""},
        {"{]", MALFORMED, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct json *v = NULL;
        result r = json_parse(slice_str(rows[i].text), JSON_BYTES_MAX, &v, &why);
        if (r.code != rows[i].want || v || !strstr(why.text, rows[i].says)) {
            print_error("%s: %s, '%s'\n", rows[i].text, status_name(r.code), why.text);
            fail();
        }
    }
    struct json *v = NULL;
    assert_status(json_parse(slice_of("1\0", 2), JSON_BYTES_MAX, &v, &why), MALFORMED);
    assert_status(json_parse(slice_of("\"a\0b\"", 5), JSON_BYTES_MAX, &v, &why), MALFORMED);
    assert_status(json_parse(slice_of(NULL, 0), JSON_BYTES_MAX, &v, &why), MALFORMED);
    /* What the text said is nobody's business but the sender's. */
    assert_status(json_parse(slice_str("{\"password\": hunter2}"), JSON_BYTES_MAX, &v, &why), MALFORMED);
    assert_null(strstr(why.text, "hunter2"));
}

static void depth_and_size(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t depth = 31; depth <= 34; depth++) {
            char text[400] = "";
            for (size_t i = 0; i < depth; i++)
                strcat(text, round ? "{\"a\":" : "[");
            strcat(text, round ? "1" : "");
            for (size_t i = 0; i < depth; i++)
                strcat(text, round ? "}" : "]");
            struct json *v = NULL;
            assert_status(json_parse(slice_str(text), JSON_BYTES_MAX, &v, &why), depth <= JSON_DEPTH_MAX ? OK : LIMIT);
            json_free(v);
        }
    }
    /* Brackets in a text are no depth, and siblings do not add up. */
    json_free(parsed("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[\""));
    json_free(parsed("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]"));
    struct json *v = NULL;
    assert_ok(json_parse(slice_str("[1,2]"), 5, &v, &why));
    json_free(v);
    assert_status(json_parse(slice_str("[1,2]"), 4, &v, &why), LIMIT);
}

static void number_texts(void **state)
{
    (void)state;
    const struct {
        double v;
        const char *text;
    } rows[] = {
        {0.0, "0"}, {-0.0, "0"}, {1, "1"}, {-1, "-1"}, {4.5, "4.5"}, {0.1, "0.1"}, {1.0 / 3, "0.3333333333333333"},
        {5e-324, "5e-324"}, {-5e-324, "-5e-324"}, {1.7976931348623157e308, "1.7976931348623157e+308"},
        {-1.7976931348623157e308, "-1.7976931348623157e+308"}, {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {2.225073858507201e-308, "2.225073858507201e-308"}, {9007199254740992.0, "9007199254740992"},
        {-9007199254740992.0, "-9007199254740992"}, {9007199254740994.0, "9007199254740994"},
        {295147905179352830000.0, "295147905179352830000"}, {1e20, "100000000000000000000"}, {1e21, "1e+21"},
        {999999999999999900000.0, "999999999999999900000"}, {1e23, "1e+23"}, {9.999999999999997e22, "9.999999999999997e+22"},
        {1.0000000000000001e23, "1.0000000000000001e+23"}, {0.001, "0.001"}, {0.000001, "0.000001"},
        {0.0000001, "1e-7"}, {0.00000123, "0.00000123"}, {1.23e-7, "1.23e-7"}, {333333333.3333332, "333333333.3333332"},
        {333333333.33333325, "333333333.33333325"}, {333333333.3333333, "333333333.3333333"},
        {333333333.3333334, "333333333.3333334"}, {333333333.33333343, "333333333.33333343"},
        {-0.0000033333333333333333, "-0.0000033333333333333333"}, {1424953923781206.2, "1424953923781206.2"},
        {5.684341886080802e-14, "5.684341886080802e-14"}, {123456.789, "123456.789"}, {1e-5, "0.00001"},
        /* Powers of two, where the distance to the next lower double halves. */
        {0x1p-1022, "2.2250738585072014e-308"}, {0x1p-24, "5.960464477539063e-8"}, {0x1p70, "1.1805916207174113e+21"},
        {0x1p1023, "8.98846567431158e+307"}, {0x1p-1074, "5e-324"}, {0x1p-1073, "1e-323"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[JSON_NUMBER_TEXT_SIZE];
        json_number_text(rows[i].v, text);
        assert_string_equal(text, rows[i].text);
        assert_true(strlen(text) < JSON_NUMBER_TEXT_SIZE - 5);
        /* It reads back as the same number, and prints as the same text. */
        struct json *v = parsed(text);
        assert_true(json_is_number(v) && json_number(v) == rows[i].v);
        assert_prints(v, rows[i].text);
        json_free(v);
    }
    uint64_t seed = 88172645463325252ULL;
    for (int i = 0; i < 20000; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        double v;
        char text[JSON_NUMBER_TEXT_SIZE];
        memcpy(&v, &seed, sizeof v);
        if (!isfinite(v))
            continue;
        json_number_text(v, text);
        assert_true(strtod(text, NULL) == v);
    }
}

static void numbers_in_a_comma_locale(void **state)
{
    (void)state;
    /* Where the machine has one; numbers must not follow it. */
    if (!setlocale(LC_ALL, "nb_NO.UTF-8") && !setlocale(LC_ALL, "de_DE.UTF-8"))
        skip();
    struct json *v = parsed("[0.1,1e-7,1.5e300]");
    assert_prints(v, "[0.1,1e-7,1.5e+300]");
    json_free(v);
    setlocale(LC_ALL, "C");
}

static void kinds_of_numbers(void **state)
{
    (void)state;
    const struct {
        const char *text;
        enum json_kind kind;
        const char *prints;
    } rows[] = {
        {"40", JSON_INTEGER, "40"}, {"40.0", JSON_INTEGER, "40"}, {"4e1", JSON_INTEGER, "40"}, {"-0", JSON_INTEGER, "0"},
        {"-0.0", JSON_INTEGER, "0"}, {"40.5", JSON_REAL, "40.5"}, {"9007199254740992", JSON_INTEGER, "9007199254740992"},
        {"-9007199254740992", JSON_INTEGER, "-9007199254740992"}, {"9007199254740991", JSON_INTEGER, "9007199254740991"},
        {"9007199254740994", JSON_REAL, "9007199254740994"}, {"100000000000000000000", JSON_REAL, "100000000000000000000"},
        {"-100000000000000000000", JSON_REAL, "-100000000000000000000"}, {"1e300", JSON_REAL, "1e+300"}, {"1e-400", JSON_INTEGER, "0"},
        {"[9007199254740994,\"9007199254740993\",-9007199254740996]", JSON_ARRAY, "[9007199254740994,\"9007199254740993\",-9007199254740996]"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct json *v = parsed(rows[i].text);
        assert_int_equal(json_kind(v), rows[i].kind);
        assert_prints(v, rows[i].prints);
        json_free(v);
    }
}

static void order_of_keys(void **state)
{
    (void)state;
    /* U+1F602 (surrogates D83D DE02) comes before U+FB33 and U+E000, against the order of bytes. */
    struct json *v = json_object();
    json_set(v, "\xef\xac\xb3", json_of_integer(4));
    json_set(v, "\xee\x80\x80", json_of_integer(3));
    json_set(v, "\xf0\x9f\x98\x82", json_of_integer(2));
    json_set(v, "\xed\x9f\xbf", json_of_integer(1));
    json_set(v, "a", json_of_integer(0));
    json_set(v, "", json_of_integer(-1));
    json_set(v, "ab", json_of_integer(9));
    json_set(v, "ab", json_of_bool(true)); /* replaces */
    assert_prints(v, "{\"\":-1,\"a\":0,\"ab\":true,\"\xed\x9f\xbf\":1,\"\xf0\x9f\x98\x82\":2,\"\xee\x80\x80\":3,\"\xef\xac\xb3\":4}");
    size_t index = 0, n = 0;
    struct slice key;
    const struct json *member;
    while (json_next(v, &index, &key, &member)) {
        assert_int_equal(index, ++n);
        char copy[8];
        assert_true(slice_copy_str(key, copy, sizeof copy));
        assert_ptr_equal(json_get(v, copy), member);
    }
    assert_int_equal(n, 7);
    assert_null(json_get(v, "b"));
    json_free(v);
    /* From a text in the worst order. */
    v = parsed("{\"c\":1,\"b\":2,\"a\":{\"z\":1,\"y\":2}}");
    assert_prints(v, "{\"a\":{\"y\":2,\"z\":1},\"b\":2,\"c\":1}");
    assert_int_equal(json_integer(json_get(v, "b")), 2);
    json_free(v);
}

static void looking(void **state)
{
    (void)state;
    struct json *v = parsed("{\"t\":\"x\",\"a\":[1,2.5,null,true],\"o\":{}}");
    assert_int_equal(json_size(v), 3);
    assert_slice(json_text(json_get(v, "t")), "x");
    const struct json *a = json_get(v, "a");
    assert_int_equal(json_size(a), 4);
    assert_close(json_number(json_item(a, 1)), 2.5, 0);
    assert_int_equal(json_kind(json_item(a, 2)), JSON_NULL);
    assert_true(json_truth(json_item(a, 3)));
    assert_null(json_item(a, 4));
    /* The wrong kind, or nothing at all, is looked at without harm. */
    assert_int_equal(json_kind(NULL), JSON_NULL);
    assert_null(json_get(a, "t"));
    assert_null(json_get(NULL, "t"));
    assert_null(json_item(v, 0));
    assert_int_equal(json_text(NULL).len, 0);
    assert_int_equal(json_integer(json_get(v, "t")), 0);
    assert_false(json_truth(json_get(v, "t")));
    assert_int_equal(json_size(json_get(v, "t")), 0);
    /* A borrowed value outlives its tree once it is shared. */
    struct json *kept = json_share(a), *other = json_object();
    json_free(v);
    json_set(other, "kept", kept);
    assert_prints(other, "{\"kept\":[1,2.5,null,true]}");
    json_free(other);
    json_free(NULL);
}

static void fields_hold_the_rules(void **state)
{
    (void)state;
    const char *choices[] = {"live", "revoked", NULL};
    struct json *v = parsed("{\"t\":\"abc\",\"i\":5,\"n\":1.5,\"b\":true,\"o\":{},\"l\":[1,2],\"c\":\"revoked\","
                            "\"at\":\"2026-11-21T21:42:01.123Z\",\"nil\":null,"
                            "\"h\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}");
    struct fields f;
    struct slice t = {0};
    int64_t i = -1, at = 0;
    double n = 0;
    bool b = false;
    const struct json *o = NULL;
    unsigned c = 9;
    uint8_t h[32];
    assert_ok(fields_open(v, "/where", &f, &why));
    assert_ok(need_text(&f, "t", 3, &t));
    assert_slice(t, "abc");
    assert_ok(need_integer(&f, "i", 5, 5, &i));
    assert_int_equal(i, 5);
    assert_ok(need_number(&f, "n", &n));
    assert_ok(need_number(&f, "i", &n)); /* an integer is a number; asking twice is allowed */
    assert_close(n, 5, 0);
    assert_ok(need_bool(&f, "b", &b));
    assert_ok(need_object(&f, "o", &o));
    assert_ok(need_array(&f, "l", 2, &o));
    assert_int_equal(json_size(o), 2);
    assert_ok(need_choice(&f, "c", choices, &c));
    assert_int_equal(c, 1);
    assert_ok(need_instant(&f, "at", &at));
    assert_true(at == INT64_C(1795297321123));
    assert_ok(need_hash(&f, "h", h));
    assert_int_equal(h[0], 0xe3);
    /* Unknown until asked for. */
    assert_status(fields_close(&f), MALFORMED);
    assert_string_equal(why.field, "/where/nil");
    assert_non_null(strstr(why.text, "unknown field; allowed are: t, i, n, b, o, l, c, at, h"));
    /* Absent or null: may_ leaves the value alone. */
    assert_ok(may_integer(&f, "nil", 0, 9, &i));
    assert_ok(may_integer(&f, "no", 0, 9, &i));
    assert_ok(may_text(&f, "no", 1, &t));
    assert_ok(may_any(&f, "nil", &o));
    assert_int_equal(i, 5);
    assert_slice(t, "abc");
    assert_ok(fields_close(&f));
    /* need_any takes null, the others do not. */
    assert_ok(need_any(&f, "nil", &o));
    assert_int_equal(json_kind(o), JSON_NULL);

#define REFUSES(call, path, says)                                                                  \
    do {                                                                                           \
        assert_status(call, MALFORMED);                                                            \
        assert_string_equal(why.field, path);                                                      \
        assert_non_null(strstr(why.text, says));                                                   \
    } while (0)
    REFUSES(need_text(&f, "no", 3, &t), "/where/no", "missing");
    REFUSES(need_any(&f, "no", &o), "/where/no", "missing");
    REFUSES(need_text(&f, "nil", 3, &t), "/where/nil", "null");
    REFUSES(need_text(&f, "t", 2, &t), "/where/t", "at most 2");
    REFUSES(need_text(&f, "i", 2, &t), "/where/i", "must be text, not integer");
    REFUSES(need_integer(&f, "i", 6, 9, &i), "/where/i", "allowed is 6 to 9");
    REFUSES(need_integer(&f, "i", 0, 4, &i), "/where/i", "allowed is 0 to 4");
    REFUSES(need_integer(&f, "n", 0, 4, &i), "/where/n", "must be integer, not number");
    REFUSES(may_integer(&f, "t", 0, 4, &i), "/where/t", "must be integer, not text");
    REFUSES(need_number(&f, "t", &n), "/where/t", "must be a number");
    REFUSES(need_bool(&f, "i", &b), "/where/i", "must be true or false");
    REFUSES(need_object(&f, "l", &o), "/where/l", "must be object");
    REFUSES(need_array(&f, "o", 9, &o), "/where/o", "must be array");
    REFUSES(need_array(&f, "l", 1, &o), "/where/l", "at most 1");
    REFUSES(need_choice(&f, "t", choices, &c), "/where/t", "'live', 'revoked'");
    REFUSES(need_instant(&f, "t", &at), "/where/t", "moment");
    REFUSES(need_hash(&f, "t", h), "/where/t", "64 hex");
    json_free(v);

    v = parsed("[1]");
    REFUSES(fields_open(v, "/x", &f, &why), "/x", "an object is wanted");
    json_free(v);
    /* A stranger's key is shown whole or cut between characters, never raw. */
    v = parsed("{\"a\\nforged\\u007f\":1}");
    assert_ok(fields_open(v, "", &f, &why));
    REFUSES(fields_close(&f), "/a?forged?", "unknown field");
    json_free(v);
    char text[700] = "{\"x";
    for (int k = 0; k < 300; k++)
        strcat(text, "\xc3\xb8");
    v = parsed(strcat(text, "\":1}"));
    assert_ok(fields_open(v, "", &f, &why));
    assert_status(fields_close(&f), MALFORMED);
    assert_true(strlen(why.field) > 80 && slice_is_utf8(slice_str(why.field)));
    json_free(v);
}

static struct json *a_document(void)
{
    struct json *v = json_object(), *list = json_array();
    for (int i = 0; i < 6; i++)
        json_add(list, json_of_integer(i));
    json_set(v, "list", list);
    json_set(v, "text", json_of_str("line\n\"\\\x01\x1f\x7f"));
    json_set(v, "real", json_of_number(0.5));
    json_set(v, "whole", json_of_number(2));
    json_set(v, "no", json_of_bool(false));
    json_set(v, "nothing", json_of_null());
    json_set(v, "at", json_of_instant(0));
    json_set(v, "hex", json_of_hex(slice_str("\x0f\xff")));
    json_set(v, "base64", json_of_base64(slice_str("hello")));
    json_set(v, "empty", json_of_hex(slice_of(NULL, 0)));
    return v;
}

static void building(void **state)
{
    (void)state;
    struct json *v = a_document();
    const char *want = "{\"at\":\"1970-01-01T00:00:00.000Z\",\"base64\":\"aGVsbG8=\",\"empty\":\"\",\"hex\":\"0fff\","
                       "\"list\":[0,1,2,3,4,5],\"no\":false,\"nothing\":null,\"real\":0.5,"
                       "\"text\":\"line\\n\\\"\\\\\\u0001\\u001f\x7f\",\"whole\":2}";
    assert_prints(v, want);
    struct json *again = parsed(want);
    assert_prints(again, want);
    json_free(again);
    /* The ceiling of the buffer: as it was. */
    struct buffer b;
    for (size_t max = 0; max <= strlen(want) + 1; max++) {
        buffer_init(&b, max);
        bool room = max > strlen(want);
        if (max)
            assert_ok(buffer_add_byte(&b, '!', NULL));
        assert_status(json_print(v, &b, &why), room ? OK : LIMIT);
        assert_int_equal(b.len, room ? max : max > 0);
        buffer_done(&b);
    }
    json_free(v);
    assert_prints(NULL, "null");
}

static void what_json_cannot_hold(void **state)
{
    (void)state;
    struct buffer b;
    buffer_init(&b, 100);
    struct json *bad[] = {json_of_number((double)NAN)};
    for (int i = 0; i < 6; i++) {
        struct json *v = json_object();
        json_free(bad[0]);
        bad[0] = NULL;
        switch (i) {
        case 0: json_set(v, "x", json_of_number((double)INFINITY)); break;
        case 1: json_set(v, "x", json_of_number((double)NAN)); break;
        case 2: json_set(v, "x", json_of_integer((INT64_C(1) << 53) + 1)); break;
        case 3: json_set(v, "x", json_of_text(slice_of("a\0b", 3))); break;
        case 4: json_set(v, "x", json_of_str("\xff")); break;
        default: json_set(v, "\xff", json_of_str("x")); break;
        }
        assert_status(json_print(v, &b, &why), MALFORMED);
        assert_int_equal(b.len, 0);
        json_free(v);
        assert_prints(NULL, "null"); /* said once */
    }
    buffer_done(&b);
}

static void memory_runs_out(void **state)
{
    (void)state;
#ifdef INNSYN_TEST_HOOKS
    long n = 0;
    for (;; n++) {
        struct buffer b;
        buffer_init(&b, 1000);
        json_fail_allocation(n);
        struct json *v = a_document();
        json_fail_allocation(-1);
        result r = json_print(v, &b, &why);
        json_free(v);
        buffer_done(&b);
        if (is_ok(r))
            break;
        assert_int_equal(r.code, LIMIT);
    }
    assert_int_equal(n, 32); /* nodes, keys and arrays: each was refused once */
    for (n = 0;; n++) {
        struct json *v = NULL;
        json_fail_allocation(n);
        result r = json_parse(slice_str("{\"a\":[1,2,3,4,5,6,\"x\"],\"b\":{\"c\":null,\"d\":1.5}}"), 100, &v, &why);
        json_fail_allocation(-1);
        if (is_ok(r)) {
            json_free(v);
            break;
        }
        assert_int_equal(r.code, LIMIT);
        assert_null(v);
        assert_prints(NULL, "null"); /* parsing tells at once and leaves no mark */
    }
    assert_true(n > 15);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_vectors), cmocka_unit_test(refused_texts), cmocka_unit_test(depth_and_size),
        cmocka_unit_test(number_texts), cmocka_unit_test(numbers_in_a_comma_locale), cmocka_unit_test(kinds_of_numbers),
        cmocka_unit_test(order_of_keys), cmocka_unit_test(looking), cmocka_unit_test(fields_hold_the_rules),
        cmocka_unit_test(building), cmocka_unit_test(what_json_cannot_hold), cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
