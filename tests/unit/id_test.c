/* Aim: identifiers have one text each, and nothing near one passes.  Method: tables of both sides. */
#include "proto/id.h"
#include "check.h"

static struct why why;

static void labels(void **state)
{
    (void)state;
    char longest[LABEL_MAX + 2];
    memset(longest, 'a', sizeof longest);
    struct label l = {"before"};
    const char *good[] = {"a", "0", "Heart-ck_2", "9-", "researcher"};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_ok(label_parse(slice_str(good[i]), &l, &why));
        assert_string_equal(l.text, good[i]);
    }
    assert_ok(label_parse(slice_of(longest, LABEL_MAX), &l, &why));
    const char *bad[] = {"", "-a", "_a", "a.b", "a b", "a/b", "\xc3\xa6", "a\n", "a\"", " a"};
    struct label before = l;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_status(label_parse(slice_str(bad[i]), &l, &why), MALFORMED);
    assert_status(label_parse(slice_of(longest, LABEL_MAX + 1), &l, &why), MALFORMED);
    assert_status(label_parse(slice_of("a\0b", 3), &l, &why), MALFORMED);
    assert_true(label_equal(&l, &before));
}

static void sites(void **state)
{
    (void)state;
    struct site_id s = {"x"}, t;
    const char *good[] = {"cleveland", "ulm.south", "a.b.c.d", "neu-ulm.broker"};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_ok(site_id_parse(slice_str(good[i]), &s, &why));
        assert_string_equal(s.text, good[i]);
    }
    const char *bad[] = {"", ".", "a.", ".a", "a..b", "a.b.c.d.e", "-a", "a.-b", "a b", "a:b", "a/b", "ulm\xc3\xa6"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_status(site_id_parse(slice_str(bad[i]), &s, &why), MALFORMED);
    char text[SITE_ID_MAX + 2];
    memset(text, 'a', sizeof text);
    text[63] = '.';
    assert_ok(site_id_parse(slice_of(text, SITE_ID_MAX), &s, &why));
    assert_status(site_id_parse(slice_of(text, SITE_ID_MAX + 1), &s, &why), MALFORMED);
    /* The flaw of others: one id is the end of the other. */
    assert_ok(site_id_parse(slice_str("ulm.broker"), &s, &why));
    assert_ok(site_id_parse(slice_str("neu-ulm.broker"), &t, &why));
    assert_false(site_id_equal(&s, &t));
    assert_false(site_id_equal(&t, &s));
    assert_true(site_id_equal(&s, &s));
}

static void urns(void **state)
{
    (void)state;
    struct site_id s;
    assert_ok(site_id_from_urn(slice_str("urn:innsyn:site:ulm.south"), &s, &why));
    assert_string_equal(s.text, "ulm.south");
    const char *bad[] = {"", "ulm", "urn:innsyn:site:", "urn:innsyn:site", "URN:innsyn:site:a", "urn:innsyn:site:a b",
                         "urn:innsyn:site:urn:innsyn:site:a", "xurn:innsyn:site:a", "urn:innsyn:person:a"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_status(site_id_from_urn(slice_str(bad[i]), &s, &why), MALFORMED);
    assert_string_equal(s.text, "ulm.south");
}

static void variables(void **state)
{
    (void)state;
    const char *good[] = {"age", "_x", "A1.b-c_d"}, *bad[] = {"", "1a", ".a", "-a", "a b", "a\"", "\xc3\xa6"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(variable_name_valid(slice_str(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(variable_name_valid(slice_str(bad[i])));
    char text[VARIABLE_MAX + 1];
    memset(text, 'a', sizeof text);
    assert_true(variable_name_valid(slice_of(text, VARIABLE_MAX)));
    assert_false(variable_name_valid(slice_of(text, VARIABLE_MAX + 1)));
    assert_false(variable_name_valid(slice_of("a\0", 2)));
}

static uint8_t fill;

static result same_bytes(void *self, uint8_t *to, size_t len, struct why *w)
{
    (void)self;
    (void)w;
    memset(to, fill, len);
    return DONE;
}

static void documents(void **state)
{
    (void)state;
    const struct host_calls calls = {.random = same_bytes};
    const struct host host = {&calls, NULL};
    struct document_id d, e;
    fill = 0;
    assert_ok(document_id_new(&host, 'q', &d, &why));
    assert_string_equal(d.text, "q-00000000000000000000000000");
    fill = 0xFF; /* 128 ones and two zeros */
    assert_ok(document_id_new(&host, 'p', &d, &why));
    assert_string_equal(d.text, "p-zzzzzzzzzzzzzzzzzzzzzzzzzw");
    assert_ok(document_id_parse(slice_str(d.text), 'p', &e, &why));
    assert_true(document_id_equal(&d, &e));
    fill = 0x84; /* 10000 10010 00010 01000 01001 ... */
    assert_ok(document_id_new(&host, 't', &d, &why));
    assert_memory_equal(d.text, "t-gj2", 5);
    const char *bad[] = {"", "q-", "q-zzzzzzzzzzzzzzzzzzzzzzzzzw", "p-zzzzzzzzzzzzzzzzzzzzzzzzzx", "p_zzzzzzzzzzzzzzzzzzzzzzzzzw",
                         "p-zzzzzzzzzzzzzzzzzzzzzzzzw", "p-zzzzzzzzzzzzzzzzzzzzzzzzzz0", "p-Zzzzzzzzzzzzzzzzzzzzzzzzzw",
                         "p-izzzzzzzzzzzzzzzzzzzzzzzzw", "p-lzzzzzzzzzzzzzzzzzzzzzzzzw", "p-ozzzzzzzzzzzzzzzzzzzzzzzzw",
                         "p-uzzzzzzzzzzzzzzzzzzzzzzzzw", "p-/zzzzzzzzzzzzzzzzzzzzzzzzw"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_status(document_id_parse(slice_str(bad[i]), 'p', &e, &why), MALFORMED);
    assert_status(document_id_parse(slice_of("p-\0zzzzzzzzzzzzzzzzzzzzzzzzw", 28), 'p', &e, &why), MALFORMED);
    assert_string_equal(e.text, "p-zzzzzzzzzzzzzzzzzzzzzzzzzw");
    struct document_id many[64];
    for (unsigned i = 0; i < COUNT_OF(many); i++) {
        assert_ok(document_id_new(host_real(), 'a', &many[i], &why));
        assert_ok(document_id_parse(slice_str(many[i].text), 'a', &e, &why));
        for (unsigned k = 0; k < i; k++)
            assert_false(document_id_equal(&many[i], &many[k]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels), cmocka_unit_test(sites), cmocka_unit_test(urns),
        cmocka_unit_test(variables), cmocka_unit_test(documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
