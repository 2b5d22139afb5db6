/*
 * Aim: a notification as a mail message is well formed, the same at every try, and has room for nobody but its
 * addressee; every kind has its words in both languages.
 * Method: rows of addresses; a message taken apart; the table of kinds.
 */
#include "check.h"

#include "broker/outbox/outbox_texts.h"
#include "broker/mail/letter.h"

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"kari@example.org", true},     {"kari.nordmann+innsyn@post.example.org", true}, {"", false},          {"kari", false},
        {"@example.org", false},        {"kari@", false},                  {"kari@a@b.org", false},            {"kari @example.org", false},
        {"a@b.no\r\nBcc: c@d.no", false}, {"<kari@example.org>", false},   {"kari@example.org,ola@example.org", false}, {"-f@example.org", false},
        {"k\xC3\xA5re@example.org", false}, {"a@b%c.org", false},          {"\"a b\"@example.org", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (is_ok(mail_address_check(slice_str(rows[i].text), "/mail", NULL)) != rows[i].good)
            fail_msg("'%s' should be %s", rows[i].text, rows[i].good ? "taken" : "refused");
    char longest[MAIL_ADDRESS_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[64] = '@';
    assert_true(is_ok(mail_address_check(slice_of(longest, MAIL_ADDRESS_MAX), "", NULL)));
    assert_false(is_ok(mail_address_check(slice_of(longest, MAIL_ADDRESS_MAX + 1), "", NULL)));
}

static void a_letter(void **state)
{
    (void)state;
    const struct mail_order m = {.id = slice_str("n-0123456789abcdefghjkmnpqrs"), .address = slice_str("kari@example.org"), .language = slice_str("nb"),
                                 .subject = slice_str("Innsyn: en s\xC3\xB8knad med et langt emne som m\xC3\xA5 brytes over flere linjer"),
                                 .text = slice_str("En linje.\n.\nEn til.\n")};
    struct buffer first CLEANUP(buffer_done) = {0}, again CLEANUP(buffer_done) = {0};
    buffer_init(&first, LETTER_BYTES_MAX);
    buffer_init(&again, LETTER_BYTES_MAX);
    assert_ok(letter_print(&m, "innsyn@example.org", INT64_C(1795305600000), &first, NULL));
    assert_ok(letter_print(&m, "innsyn@example.org", INT64_C(1795305600000), &again, NULL));
    assert_true(slice_equal(buffer_slice(&first), buffer_slice(&again)));
    const char *text = buffer_str(&first);
    assert_non_null(strstr(text, "Message-ID: <n-0123456789abcdefghjkmnpqrs@example.org>\r\n"));
    assert_non_null(strstr(text, "To: <kari@example.org>\r\n"));
    assert_non_null(strstr(text, "Date: Sun, 22 Nov 2026 00:00:00 +0000\r\n"));
    assert_non_null(strstr(text, "Auto-Submitted: auto-generated\r\n"));
    for (const char *line = text; *line;) { /* RFC 5322: no line of more than 78, none that ends otherwise than in CR LF */
        const char *end = strstr(line, "\r\n");
        assert_non_null(end);
        assert_true(end - line <= 78);
        assert_null(memchr(line, '\n', (size_t)(end - line)));
        line = end + 2;
    }
    const char *body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    assert_null(strstr(body + 4, "En linje")); /* base64: no line of it can look like the end of the message */
}

static void orders(void **state)
{
    (void)state;
    struct mail_order m = {.id = slice_str("n-1"), .address = slice_str("a@example.org"), .language = slice_str("en"), .subject = slice_str("s"), .text = slice_str("t")}, back;
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, 1000);
    assert_ok(mail_order_encode(&m, &b, NULL));
    assert_true(mail_order_decode(buffer_slice(&b), &back));
    assert_true(slice_equal(back.address, m.address) && slice_equal(back.text, m.text) && slice_equal(back.language, m.language));
    assert_false(mail_order_decode(slice_part(buffer_slice(&b), 0, b.len - 1), &back));
    m.language = slice_str("nno");
    buffer_clear(&b);
    assert_int_equal(mail_order_encode(&m, &b, NULL).code, LIMIT);
}

static void every_kind_has_its_words(void **state)
{
    (void)state;
    unsigned kinds = 0;
    for (const char *kind; (kind = outbox_kind_at(kinds)) != NULL; kinds++) {
        struct buffer nb CLEANUP(buffer_done) = {0}, en CLEANUP(buffer_done) = {0}, subject CLEANUP(buffer_done) = {0};
        const struct slice document = slice_str(strstr(kind, "permit_") || strcmp(kind, "remind_end") == 0 ? "p-1" : strstr(kind, "enquiry_") ? "e-1" : "a-1");
        buffer_init(&nb, MAIL_TEXT_MAX);
        buffer_init(&en, MAIL_TEXT_MAX);
        buffer_init(&subject, MAIL_SUBJECT_MAX);
        assert_ok(outbox_text(slice_str(kind), slice_str("nb"), document, INT64_C(1795305600000), "https://innsyn.example", &subject, &nb, NULL));
        assert_ok(outbox_text(slice_str(kind), slice_str("en"), document, 0, "https://innsyn.example", &subject, &en, NULL));
        assert_non_null(strstr(buffer_str(&nb), "2026-11-22"));
        assert_null(strstr(buffer_str(&en), "2026"));
        assert_non_null(strstr(buffer_str(&nb), document.at[0] == 'p' ? "https://innsyn.example/#/permits/p-1" : document.at[0] == 'e' ? "https://innsyn.example/#/enquiries/e-1"
                                                                                                                        : "https://innsyn.example/#/applications/a-1"));
        assert_false(slice_equal(buffer_slice(&nb), buffer_slice(&en)));
    }
    assert_true(kinds >= 24);
    struct buffer none CLEANUP(buffer_done) = {0};
    buffer_init(&none, 100);
    assert_int_equal(outbox_text(slice_str("gossip"), slice_str("nb"), slice_str("a-1"), 0, "", &none, &none, NULL).code, BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(a_letter),
        cmocka_unit_test(orders),
        cmocka_unit_test(every_kind_has_its_words),
    };
    return cmocka_run_group_tests_name("mail", tests, NULL, NULL);
}
