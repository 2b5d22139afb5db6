/*
 * Aim: the quick look never vouches for what the parser would not print the same way, and a log that is
 * verified in parts is the log that is verified entry by entry.
 * Method: every byte of an entry replaced by every byte, and a table; whatever the scan accepts is parsed
 * and printed.  Logs of many sizes are written to a file, verified, and changed in one place.
 */
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "client/log/entry_scan.h"
#include "client/log/log_file.h"

#define ENTRY "{\"account\":\"researcher\",\"at\":\"2026-01-31T12:00:00.120Z\",\"found\":12,\"innsyn\":\"entry/1\",\"search\":{\"a\":[true,null,\"x\"]},\"type\":\"login\"}"

static bool is_canonical(struct slice s)
{
    struct json *v CLEANUP(json_freep) = NULL;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 64 * 1024);
    return is_ok(json_parse(s, 64 * 1024, &v, NULL)) && is_ok(json_print(v, &text, NULL)) && slice_equal(s, buffer_slice(&text)) &&
           slice_is(json_text(json_get(v, "innsyn")), "entry/1");
}

static void the_scan_is_never_too_kind(void **state)
{
    (void)state;
    struct slice type, at;
    assert_true(entry_scan(slice_str(ENTRY), &type, &at));
    assert_slice(type, "login");
    assert_slice(at, "2026-01-31T12:00:00.120Z");
    uint8_t copy[sizeof ENTRY];
    unsigned accepted = 0;
    for (size_t i = 0; i + 1 < sizeof ENTRY; i++)
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(copy, ENTRY, sizeof ENTRY);
            copy[i] = (uint8_t)byte;
            struct slice s = slice_of(copy, sizeof ENTRY - 1);
            if (!entry_scan(s, &type, &at))
                continue;
            accepted++;
            if (!is_canonical(s))
                fail_msg("accepted, and not canonical: %.*s", SLICE_ARG(s));
        }
    assert_true(accepted > 1000); /* most letters may be other letters */
    for (size_t len = 0; len + 1 < sizeof ENTRY; len++)
        assert_false(entry_scan(slice_of(ENTRY, len), &type, &at));
    static const char *const refused[] = {
        "{\"at\":\"x\",\"innsyn\":\"entry/1\",\"type\":\"y\"} ", "{\"at\":\"x\",\"at\":\"x\",\"innsyn\":\"entry/1\",\"type\":\"y\"}",
        "{\"at\":\"x\",\"innsyn\":\"entry/1\",\"n\":01,\"type\":\"y\"}", "{\"at\":\"x\",\"innsyn\":\"entry/1\",\"n\":1.0,\"type\":\"y\"}",
        "{\"at\":\"x\",\"innsyn\":\"entry/1\",\"n\":-0,\"type\":\"y\"}", "{\"at\":\"x\",\"innsyn\":\"entry/2\",\"type\":\"y\"}",
        "{\"innsyn\":\"entry/1\",\"at\":\"x\",\"type\":\"y\"}", "[]", "",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_false(entry_scan(slice_str(refused[i]), &type, &at));
}

/* With what was learned of one entry, every other is judged as without. */
static void a_shape_changes_no_verdict(void **state)
{
    (void)state;
    static struct entry_shapes shapes;
    struct slice type, at, again_type, again_at;
    uint8_t copy[sizeof ENTRY + 1];
    unsigned accepted = 0, refused = 0;
    for (size_t i = 0; i + 1 < sizeof ENTRY; i++)
        for (unsigned byte = 0; byte < 256; byte++) {
            /* learned afresh: a change is not to be measured by the changed one before it */
            assert_true(entry_scan_again(&shapes, slice_of(ENTRY, sizeof ENTRY - 1), &type, &at));
            memcpy(copy, ENTRY, sizeof ENTRY);
            copy[i] = (uint8_t)byte;
            struct slice s = slice_of(copy, sizeof ENTRY - 1);
            bool good = entry_scan(s, &type, &at);
            for (int times = 0; times < 2; times++) {
                assert_int_equal(entry_scan_again(&shapes, s, &again_type, &again_at), good);
                if (good && (!slice_equal(type, again_type) || !slice_equal(at, again_at)))
                    fail_msg("read otherwise: %.*s", SLICE_ARG(s));
            }
            accepted += good;
            refused += !good;
        }
    assert_true(accepted > 1000 && refused > 1000);
    /* two changes that make up for one another: a quote that moves by one */
    static const char one[] = "{\"account\":\"abc\",\"at\":\"x\",\"innsyn\":\"entry/1\",\"type\":\"y\"}",
                      other[] = "{\"account\":\"ab\"c,\"at\":\"x\",\"innsyn\":\"entry/1\",\"type\":\"y\"}";
    assert_true(entry_scan_again(&shapes, slice_str(one), &type, &at));
    assert_false(entry_scan_again(&shapes, slice_str(other), &type, &at));
    for (size_t len = 0; len < sizeof copy && len < sizeof ENTRY; len++)
        assert_int_equal(entry_scan_again(&shapes, slice_of(ENTRY, len), &type, &at), len == sizeof ENTRY - 1);
    char longest[SHAPE_BYTES_MAX + 2];
    for (size_t len = SHAPE_BYTES_MAX - 1; len <= SHAPE_BYTES_MAX + 1; len++) {
        int head = snprintf(longest, sizeof longest, "{\"at\":\"x\",\"innsyn\":\"entry/1\",\"type\":\"");
        memset(longest + head, 't', len - (size_t)head);
        longest[len - 2] = '"';
        longest[len - 1] = '}';
        for (int times = 0; times < 2; times++) {
            assert_true(entry_scan_again(&shapes, slice_of(longest, len), &type, &at));
            assert_int_equal(type.len, len - (size_t)head - 2);
        }
    }
}

static void write_log(const char *path, unsigned count, unsigned change)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    for (unsigned i = 0; i < count; i++) {
        unsigned day = 1 + i / 2000, name = i == change ? 99999 : i;
        fprintf(f, "{\"account\":\"p%05u\",\"at\":\"2026-02-%02uT%02u:%02u:%02u.%03uZ\",\"innsyn\":\"entry/1\",\"type\":\"%s\"}\n", name, day,
                i % 2000 / 100, i % 100 / 2, 30 * (i % 2), i % 7, i % 3 ? "login" : "query");
    }
    fclose(f);
}

static result verify(const char *path, struct audit *a, const struct checkpoint *seen, struct why *why)
{
    audit_init(a, seen);
    return log_file_audit(path, a, NULL, NULL, why);
}

static void parts_make_the_same_log(void **state)
{
    (void)state;
    static const unsigned sizes[] = {0, 1, 5, 1023, 1024, 1025, 2048, 5000, 20000};
    char path[] = "/tmp/innsyn-scan-XXXXXX";
    static struct audit a, by_one;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct why why = {0};
        write_log(path, sizes[k], UINT32_MAX);
        result r = verify(path, &a, NULL, &why);
        if (!is_ok(r))
            fail_msg("%u entries: %s", sizes[k], why.text);
        assert_int_equal(a.tree.size, sizes[k]);
        char line[256];
        FILE *f = fopen(path, "re");
        struct checkpoint middle = {.size = sizes[k] * 2 / 3};
        audit_init(&by_one, NULL);
        while (fgets(line, sizeof line, f)) {
            assert_ok(audit_add(&by_one, slice_of(line, strlen(line) - 1), NULL));
            if (by_one.tree.size == middle.size)
                middle.root = merkle_root(&by_one.tree);
        }
        fclose(f);
        struct hash one = merkle_root(&by_one.tree), parts = merkle_root(&a.tree);
        assert_true(hash_equal(&one, &parts));
        assert_true(a.first_at_ms == by_one.first_at_ms && a.last_at_ms == by_one.last_at_ms && a.type_count == by_one.type_count);
        for (unsigned i = 0; i < a.type_count; i++)
            for (unsigned n = 0; n < a.type_count; n++)
                if (strcmp(a.types[i].name, by_one.types[n].name) == 0)
                    assert_int_equal(a.types[i].count, by_one.types[n].count);
        if (middle.size == 0)
            continue;
        assert_ok(verify(path, &a, &middle, NULL)); /* what was seen before lies inside a part */
        write_log(path, sizes[k], sizes[k] / 3);
        assert_int_equal(verify(path, &a, &middle, &why).code, DENIED);
        assert_non_null(strstr(why.text, "rewritten"));
    }
    FILE *f = fopen(path, "ae");
    fputs("{\"at\":\"2026-01-01T00:00:00.000Z\",\"innsyn\":\"entry/1\",\"type\":\"x\"}\n", f);
    fclose(f);
    struct why why = {0};
    assert_int_equal(verify(path, &a, NULL, &why).code, DENIED);
    assert_string_equal(why.text, "entry 20000 is earlier than the one before it");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scan_is_never_too_kind),
        cmocka_unit_test(a_shape_changes_no_verdict),
        cmocka_unit_test(parts_make_the_same_log),
    };
    return cmocka_run_group_tests_name("entry_scan", tests, NULL, NULL);
}
