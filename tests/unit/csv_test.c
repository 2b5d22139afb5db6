/* The CSV reader against a table of files and what is to come of them, read whole and byte by byte,
 * because a rule that holds only while the buffer happens to hold the row is no rule. */
#include "agents/loader/csv.h"

#include <stdlib.h>

#include "tests/unit/check.h"

struct text {
    struct slice rest;
    size_t step;
};

static result give(void *self, uint8_t *to, size_t room, size_t *ret_len, struct why *why)
{
    struct text *t = self;
    size_t n = t->rest.len < t->step ? t->rest.len : t->step;
    (void)why;
    if (n > room)
        n = room;
    if (n)
        memcpy(to, t->rest.at, n);
    t->rest = slice_part(t->rest, n, t->rest.len);
    *ret_len = n;
    return DONE;
}

/* Rows as "a|b/c|d/", then "!" and the refusal. */
static void flat(struct slice file, size_t step, char *to, size_t size)
{
    struct text text = {file, step};
    struct csv *c CLEANUP(csv_freep) = NULL;
    struct csv_row row;
    struct why why = {0};
    size_t len = 0;
    assert_ok(csv_new((struct csv_source){give, &text}, ',', &c, &why));
    result r;
    while (is_ok(r = csv_next(c, &row, &why))) {
        for (unsigned i = 0; i < row.count; i++)
            len += (size_t)snprintf(to + len, size - len, "%s%.*s", i ? "|" : "", SLICE_ARG(row.fields[i]));
        len += (size_t)snprintf(to + len, size - len, "@%llu.%llu/", (unsigned long long)row.row,
                                (unsigned long long)row.line);
    }
    if (r.code != ABSENT)
        snprintf(to + len, size - len, "!%s", why.text);
    else
        assert_int_equal(csv_bytes(c), file.len);
}

static void test_table(void **state)
{
    static const struct {
        const char *file, *want;
    } cases[] = {
        {"", ""},
        {"a", "a@0.1/"},
        {"a\n", "a@0.1/"},
        {"a,b\n1,2\n", "a|b@0.1/1|2@1.2/"},
        {"a,b\r\n1,2\r\n", "a|b@0.1/1|2@1.2/"},
        {"a,b\r\n1,2\n3,4", "a|b@0.1/1|2@1.2/3|4@2.3/"},
        {"\xef\xbb\xbf"
         "a,b\n1,2\n",
         "a|b@0.1/1|2@1.2/"},
        {"\xef\xbb\xbf\"a\",b\n", "a|b@0.1/"},
        {"a,b\n,\n", "a|b@0.1/|@1.2/"},
        {"a,b\n1,", "a|b@0.1/1|@1.2/"},
        {"a\n\nb\n", "a@0.1/@1.2/b@2.3/"},
        {"\"a,\"\"b\"\"\",c\n", "a,\"b\"|c@0.1/"},
        {"a,b\n\"1\n2\r\n3\",4\n5,6\n", "a|b@0.1/1\n2\r\n3|4@1.2/5|6@2.5/"},
        {"\"\",\"\"\n", "|@0.1/"},
        {"\"\"\"\"\n", "\"@0.1/"},
        {"a\n\"b\"", "a@0.1/b@1.2/"},
        {" a , b\n", " a | b@0.1/"},
        {"\xc3\xa6,\xe2\x82\xac\n", "\xc3\xa6|\xe2\x82\xac@0.1/"},
        {"a\nb\"c\n", "a@0.1/!row 1 (line 2): a quote inside a field that does not begin with one; double it and quote the field"},
        {"a\n\"b\"c\n", "a@0.1/!row 1 (line 2): text after a closing quote"},
        {"a\n\"b\" \n", "a@0.1/!row 1 (line 2): text after a closing quote"},
        {"a\n1\n\"b\n\nc", "a@0.1/1@1.2/!row 2 (line 3): a quote is opened in this row and never closed"},
        {"a\rb\n", "!header (line 1): a carriage return without a line feed; lines end in LF or CRLF"},
        {"a\r", "!header (line 1): a carriage return without a line feed; lines end in LF or CRLF"},
        {"a\n\xff\n", "a@0.1/!row 1 (line 2): a field is not UTF-8; save the file as UTF-8"},
        {"\xff\xfe"
         "a",
         "!line 1: the file begins as UTF-16 does; save it as UTF-8"},
        {"\xef\xbb"
         "a",
         "!line 1: the file begins with a part of a byte order mark; save it as UTF-8"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t step = 1; step <= 4096; step = step * 4 + (step == 1)) {
            char got[1024] = "";
            flat(slice_str(cases[i].file), step, got, sizeof got);
            if (strcmp(got, cases[i].want) != 0) {
                print_error("case %zu step %zu:\n got %s\nwant %s\n", i, step, got, cases[i].want);
                fail();
            }
        }
}

static void test_nul(void **state)
{
    char got[256] = "";
    (void)state;
    flat(slice_of("a\nb\0c\n", 6), 4096, got, sizeof got);
    assert_string_equal(got, "a@0.1/!row 1 (line 2): a NUL byte; this is not text");
    flat(slice_of("a\n\"b\0c\"\n", 8), 1, got, sizeof got);
    assert_string_equal(got, "a@0.1/!row 1 (line 2): a NUL byte; this is not text");
}

/* Each bound on both sides. */
static void test_bounds(void **state)
{
    size_t size = CSV_ROW_BYTES_MAX + CSV_FIELD_BYTES_MAX;
    uint8_t *file = malloc(size);
    struct csv_row row;
    (void)state;
    assert_non_null(file);
    static const struct {
        size_t len, fields_every;
        enum status want;
        bool quoted;
    } cases[] = {
        {CSV_FIELD_BYTES_MAX, 0, OK, false},
        {CSV_FIELD_BYTES_MAX + 1, 0, MALFORMED, false},
        {CSV_ROW_BYTES_MAX, 50000, OK, false},
        {CSV_ROW_BYTES_MAX + 100, 50000, MALFORMED, false},
        {CSV_ROW_BYTES_MAX + 100, 0, MALFORMED, true},
        {CSV_COLUMNS_MAX - 1, 1, OK, false},
        {CSV_COLUMNS_MAX, 1, MALFORMED, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t len = 0, text = 0;
        if (cases[i].quoted)
            file[len++] = '"';
        while (text < cases[i].len) {
            file[len++] = 'x';
            text++;
            if (cases[i].fields_every && text % cases[i].fields_every == 0)
                file[len++] = ',';
        }
        struct text t = {slice_of(file, len), 100000};
        struct csv *c CLEANUP(csv_freep) = NULL;
        assert_ok(csv_new((struct csv_source){give, &t}, ',', &c, NULL));
        assert_status(csv_next(c, &row, NULL), cases[i].want);
    }
    free(file);
}

static void test_separator(void **state)
{
    struct text t = {slice_str("a;b,c\n"), 10};
    struct csv *c CLEANUP(csv_freep) = NULL;
    struct csv_row row;
    (void)state;
    assert_status(csv_new((struct csv_source){give, &t}, '"', &c, NULL), MALFORMED);
    assert_ok(csv_new((struct csv_source){give, &t}, ';', &c, NULL));
    assert_ok(csv_next(c, &row, NULL));
    assert_int_equal(row.count, 2);
    assert_slice(row.fields[1], "b,c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_separator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
