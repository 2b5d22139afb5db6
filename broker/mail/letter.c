#include "broker/mail/letter.h"

#include <time.h>

#include "base/codec.h"
#include "base/instant.h"

enum { LINE_BASE64 = 76, SUBJECT_PART = 39 /* bytes: 52 characters of base64 within a word of at most 75 */ };

static result print_date(int64_t at_ms, struct buffer *to, struct why *why)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(at_ms / SECOND_MS);
    struct tm t;
    if (!gmtime_r(&seconds, &t))
        return FAIL(why, MALFORMED, "no such moment");
    return buffer_printf(to, why, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[t.tm_wday], t.tm_mday, months[t.tm_mon], t.tm_year + 1900,
                         t.tm_hour, t.tm_min, t.tm_sec);
}

/* RFC 2047, cut between characters. */
static result print_subject(struct slice text, struct buffer *to, struct why *why)
{
    TRY(buffer_add_str(to, "Subject:", why));
    for (size_t at = 0; at < text.len;) {
        size_t end = at + SUBJECT_PART < text.len ? at + SUBJECT_PART : text.len;
        while (end < text.len && end > at + 1 && (text.at[end] & 0xC0) == 0x80)
            end--;
        TRY(buffer_add_str(to, at ? "\r\n =?UTF-8?B?" : " =?UTF-8?B?", why));
        TRY(base64_print(slice_part(text, at, end), to, why));
        TRY(buffer_add_str(to, "?=", why));
        at = end;
    }
    return buffer_add_str(to, "\r\n", why);
}

static result print_text(struct slice text, struct buffer *to, struct why *why)
{
    struct buffer lines CLEANUP(buffer_done) = {0}, coded CLEANUP(buffer_done) = {0};
    buffer_init(&lines, LETTER_BYTES_MAX);
    buffer_init(&coded, LETTER_BYTES_MAX);
    for (size_t i = 0; i < text.len; i++)
        TRY(text.at[i] == '\n' ? buffer_add_str(&lines, "\r\n", why) : buffer_add_byte(&lines, text.at[i], why));
    TRY(base64_print(buffer_slice(&lines), &coded, why));
    struct slice all = buffer_slice(&coded);
    for (size_t at = 0; at < all.len; at += LINE_BASE64) {
        TRY(buffer_add(to, slice_part(all, at, at + LINE_BASE64 < all.len ? at + LINE_BASE64 : all.len), why));
        TRY(buffer_add_str(to, "\r\n", why));
    }
    return DONE;
}

result letter_print(const struct mail_order *m, const char *from, int64_t now_ms, struct buffer *to, struct why *why)
{
    const char *domain = strrchr(from, '@');
    TRY(buffer_printf(to, why, "From: Innsyn <%s>\r\nTo: <%.*s>\r\n", from, SLICE_ARG(m->address)));
    TRY(print_date(now_ms, to, why));
    TRY(buffer_printf(to, why, "Message-ID: <%.*s@%s>\r\n", SLICE_ARG(m->id), domain ? domain + 1 : "innsyn"));
    TRY(print_subject(m->subject, to, why));
    TRY(buffer_printf(to, why, "Content-Language: %.*s\r\n", SLICE_ARG(m->language)));
    TRY(buffer_add_str(to, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
                           "Auto-Submitted: auto-generated\r\n\r\n", why));
    return print_text(m->text, to, why);
}
