/* Aim: only whole numbers are taken, only the site addressed reads a request, and all requests look alike.
 * Method: every number near a valid synthetic one; every byte of a sealed message altered; lengths compared. */
#include "proto/optout.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "proto/crypto_cms.h"
#include "proto/json.h"
#include "tests/unit/check.h"

static struct why why;

/* --- numbers: synthetic persons only (month + 80, as in the Tax Administration's test population) ---------- */

static bool finish(char fnr[FNR_LEN + 1]) /* writes both check digits; false: this individual number has none */
{
    static const int first[] = {3, 7, 6, 1, 8, 9, 4, 5, 2}, second[] = {5, 4, 3, 2, 7, 6, 5, 4, 3, 2};
    int a = 0, b = 0;
    for (int i = 0; i < 9; i++)
        a += (fnr[i] - '0') * first[i];
    a = (11 - a % 11) % 11;
    fnr[9] = (char)('0' + a);
    for (int i = 0; i < 10; i++)
        b += (fnr[i] - '0') * second[i];
    b = (11 - b % 11) % 11;
    fnr[10] = (char)('0' + b);
    fnr[11] = 0;
    return a < 10 && b < 10;
}

static void numbers(void **state)
{
    unsigned made = 0, day, month, year;
    (void)state;
    for (unsigned n = 0; n < 4000; n++) {
        char fnr[32];
        day = 1 + n % 28 + (n % 5 == 0 ? 40 : 0);
        month = 81 + n % 12;
        year = n % 100;
        (void)snprintf(fnr, sizeof fnr, "%02u%02u%02u%03u00", day, month, year, year < 40 ? 500 + n % 400 : n % 500);
        if (!finish(fnr))
            continue;
        made++;
        if (!is_ok(person_check(PERSON_FNR, slice_str(fnr), &why)))
            fail_msg("%s: %s", fnr, why.text);
        for (unsigned at = 0; at < FNR_LEN; at++) /* every slip of one digit is found */
            for (char digit = '0'; digit <= '9'; digit++) {
                char other[FNR_LEN + 1];
                memcpy(other, fnr, sizeof other);
                other[at] = digit;
                assert_true(is_ok(person_check(PERSON_FNR, slice_str(other), &why)) == (digit == fnr[at]));
                assert_null(strstr(why.text, other)); /* the number is in no error */
            }
        for (unsigned at = 0; at + 1 < 9; at++) { /* neighbours exchanged */
            char other[FNR_LEN + 1];
            memcpy(other, fnr, sizeof other);
            other[at] = fnr[at + 1];
            other[at + 1] = fnr[at];
            assert_true(is_ok(person_check(PERSON_FNR, slice_str(other), NULL)) == (fnr[at] == fnr[at + 1]));
        }
    }
    assert_true(made > 2500);
}

static void forms(void **state)
{
    char leap[32] = "29822", id[PERSON_TEXT_MAX + 2];
    (void)state;
    static const char *const bad[] = {"", "1", "0101701234", "010170123456", "0101701234a", " 1017012345", "00000000000"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_status(person_check(PERSON_FNR, slice_str(bad[i]), &why), MALFORMED);
    (void)snprintf(leap, sizeof leap, "29820050000"); /* 29 February 2000 is a day, 29 February 1900 and 2001 are none */
    for (unsigned n = 500; n < 600; n++) {
        (void)snprintf(leap, sizeof leap, "298200%03u00", n);
        if (finish(leap))
            assert_ok(person_check(PERSON_FNR, slice_str(leap), &why));
        (void)snprintf(leap, sizeof leap, "298201%03u00", n);
        if (finish(leap))
            assert_status(person_check(PERSON_FNR, slice_str(leap), &why), MALFORMED);
        (void)snprintf(leap, sizeof leap, "298200%03u00", n - 500);
        if (finish(leap))
            assert_status(person_check(PERSON_FNR, slice_str(leap), &why), MALFORMED);
    }
    assert_ok(person_check(PERSON_ID, slice_str("cle-0001"), &why));
    static const char *const bad_ids[] = {"", "a b", "a,b", "a\"b", "a\nb", "\xc3\xb8"};
    for (size_t i = 0; i < COUNT_OF(bad_ids); i++)
        assert_status(person_check(PERSON_ID, slice_str(bad_ids[i]), &why), MALFORMED);
    memset(id, 'x', sizeof id);
    assert_ok(person_check(PERSON_ID, slice_of(id, PERSON_TEXT_MAX), &why));
    assert_status(person_check(PERSON_ID, slice_of(id, PERSON_TEXT_MAX + 1), &why), MALFORMED);
}

/* --- sealing ----------------------------------------------------------------------------------- */

static struct optout_request request_for(const char *person, unsigned purposes)
{
    struct optout_request r = {.action = OPTOUT_REGISTER, .at_ms = 1790000000000, .kind = PERSON_ID};
    assert_ok(document_id_new(host_real(), 'o', &r.id, &why));
    assert_ok(label_parse(slice_str("demo"), &r.network, &why));
    assert_ok(site_id_parse(slice_str("cleveland"), &r.site, &why));
    assert_true(slice_copy_str(slice_str(person), r.person, sizeof r.person));
    for (unsigned i = 0; i < purposes; i++)
        (void)snprintf(r.purposes.at[r.purposes.count++], sizeof r.purposes.at[0], "53.1.%c", (char)('a' + i));
    return r;
}

static void sealing(void **state)
{
    struct signing_key *mine, *other;
    struct public_key to;
    struct buffer plain, sealed, opened;
    (void)state;
    assert_ok(signing_key_new(KEY_P256, &mine, &why));
    assert_ok(signing_key_new(KEY_P256, &other, &why));
    assert_ok(signing_key_public(mine, &to, &why));
    buffer_init(&plain, 2 * OPTOUT_PLAIN_LEN);
    buffer_init(&sealed, OPTOUT_SEALED_MAX);
    buffer_init(&opened, CMS_PLAIN_MAX);
    struct optout_request r = request_for("cle-0001", 2), back;
    assert_ok(optout_request_print(&r, &plain, &why));
    assert_int_equal(plain.len, OPTOUT_PLAIN_LEN);
    assert_ok(cms_seal(&to, buffer_slice(&plain), &sealed, &why));
    assert_null(memmem(sealed.at, sealed.len, "cle-0001", 8));
    assert_ok(cms_open(mine, buffer_slice(&sealed), &opened, &why));
    assert_ok(optout_request_read(buffer_slice(&opened), &back, &why));
    assert_string_equal(back.person, "cle-0001");
    assert_true(document_id_equal(&back.id, &r.id) && back.purposes.count == 2 && back.at_ms == r.at_ms);
    buffer_clear(&opened);
    assert_status(cms_open(other, buffer_slice(&sealed), &opened, &why), MALFORMED);
    assert_int_equal(opened.len, 0);
    /* Altered anywhere it is not read, or reads as it was (the recipient's empty name is outside the seal). */
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.at[i] ^= 1;
        buffer_clear(&opened);
        if (is_ok(cms_open(mine, buffer_slice(&sealed), &opened, &why)))
            assert_true(slice_equal(buffer_slice(&opened), buffer_slice(&plain)));
        sealed.at[i] ^= 1;
    }
    for (size_t len = 0; len < sealed.len; len += 7)
        assert_status(cms_open(mine, slice_of(sealed.at, len), &opened, &why), MALFORMED);
    buffer_done(&plain);
    buffer_done(&sealed);
    buffer_done(&opened);
    signing_key_free(mine);
    signing_key_free(other);
}

/* Whoever opts out, of whatever, at whatever site: the relay sees one length. */
static void lengths(void **state)
{
    struct signing_key *key;
    struct public_key to;
    size_t least = SIZE_MAX, most = 0;
    (void)state;
    assert_ok(signing_key_new(KEY_P256, &key, &why));
    assert_ok(signing_key_public(key, &to, &why));
    for (unsigned i = 0; i < 60; i++) {
        struct buffer plain, sealed;
        char person[PERSON_TEXT_MAX + 1];
        memset(person, 'p', sizeof person);
        person[1 + i] = 0;
        struct optout_request r = request_for(person, i % 6);
        if (i % 7 == 0)
            r.action = OPTOUT_WITHDRAW;
        buffer_init(&plain, OPTOUT_PLAIN_LEN);
        buffer_init(&sealed, OPTOUT_SEALED_MAX);
        assert_ok(optout_request_print(&r, &plain, &why));
        assert_ok(cms_seal(&to, buffer_slice(&plain), &sealed, &why));
        least = sealed.len < least ? sealed.len : least;
        most = sealed.len > most ? sealed.len : most;
        buffer_done(&plain);
        buffer_done(&sealed);
    }
    assert_int_equal(least, most);
    signing_key_free(key);
}

static void refusals(void **state)
{
    struct optout_request r = request_for("cle-0001", 1), back;
    struct buffer text;
    (void)state;
    buffer_init(&text, OPTOUT_PLAIN_LEN);
    memcpy(r.person, "two words", 10);
    assert_ok(optout_request_print(&r, &text, &why));
    assert_status(optout_request_read(buffer_slice(&text), &back, &why), MALFORMED);
    assert_null(strstr(why.text, "two words"));
    static const char *const bad[] = {"", "{}", "[]", "{\"innsyn\":\"optout-request/2\"}", "cle-0001"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_status(optout_request_read(slice_str(bad[i]), &back, &why), MALFORMED);
        assert_null(strstr(why.text, "cle-0001"));
    }
    buffer_done(&text);
}

static void purposes(void **state)
{
    static const struct {
        const char *list, *purpose;
        bool covers;
    } rows[] = {
        {"[\"*\"]", "53.1.a", true},        {"[\"53.1.e\"]", "53.1.e", true},       {"[\"53.1.e\"]", "53.1.e.i", true},
        {"[\"53.1.e.i\"]", "53.1.e", false}, {"[\"53.1.e.i\"]", "53.1.e.ii", false}, {"[\"53.1.a\",\"53.1.b\"]", "53.1.b", true},
        {"[\"53.1.a\"]", "53.1.e", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct optout_purposes p;
        struct json *v;
        assert_ok(json_parse(slice_str(rows[i].list), 1000, &v, &why));
        assert_ok(optout_purposes_read(v, "/purposes", &p, &why));
        assert_true(optout_purposes_cover(&p, slice_str(rows[i].purpose)) == rows[i].covers);
        json_free(v);
    }
    static const char *const bad[] = {"[]", "[\"*\",\"53.1.a\"]", "[\"54.a\"]", "[1]", "\"*\"", "[\"53.1.abcdefghijk\"]"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct optout_purposes p;
        struct json *v;
        assert_ok(json_parse(slice_str(bad[i]), 1000, &v, &why));
        assert_status(optout_purposes_read(v, "/purposes", &p, &why), MALFORMED);
        json_free(v);
    }
}

static void reports(void **state)
{
    struct optout_report r = {.version = 3, .at_ms = 1790000000000, .list = sha256(slice_str("list"))}, back;
    struct signing_key *key, *other;
    struct public_key mine, theirs;
    struct envelope e;
    struct buffer payload;
    (void)state;
    assert_ok(label_parse(slice_str("demo"), &r.network, &why));
    assert_ok(site_id_parse(slice_str("cleveland"), &r.site, &why));
    assert_ok(signing_key_new(KEY_P256, &key, &why));
    assert_ok(signing_key_new(KEY_P256, &other, &why));
    assert_ok(signing_key_public(key, &mine, &why));
    assert_ok(signing_key_public(other, &theirs, &why));
    buffer_init(&payload, 4096);
    envelope_init(&e);
    assert_ok(optout_report_print(&r, &payload, &why));
    assert_ok(envelope_make(TYPE_OPTOUT_REPORT, buffer_slice(&payload), &e, &why));
    assert_ok(envelope_sign(&e, key, &why));
    assert_ok(optout_report_open(&e, &mine, &back, &why));
    assert_true(back.version == 3 && hash_equal(&back.list, &r.list) && site_id_equal(&back.site, &r.site));
    assert_status(optout_report_open(&e, &theirs, &back, &why), DENIED);
    envelope_done(&e);
    buffer_done(&payload);
    signing_key_free(key);
    signing_key_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers), cmocka_unit_test(forms),    cmocka_unit_test(sealing), cmocka_unit_test(lengths),
        cmocka_unit_test(refusals), cmocka_unit_test(purposes), cmocka_unit_test(reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
