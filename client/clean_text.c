#include "client/clean_text.h"

/* The character at the start of a slice; its length in *ret_len, 0 when the bytes are not UTF-8. */
static uint32_t first_character(struct slice text, size_t *ret_len)
{
    uint8_t lead = text.at[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    if (len == 0 || len > text.len || !slice_is_utf8(slice_of(text.at, len))) {
        *ret_len = 0;
        return lead;
    }
    *ret_len = len;
    if (len == 1)
        return lead;
    uint32_t character = (uint32_t)lead & (0x7FU >> len);
    for (size_t i = 1; i < len; i++)
        character = character << 6 | (text.at[i] & 0x3FU);
    return character;
}

static bool is_unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

result clean_text(struct slice text, struct buffer *to, struct why *why)
{
    while (text.len > 0) {
        size_t len;
        uint32_t c = first_character(text, &len);
        if (len == 0 || c < 0x20 || c == 0x7F) {
            TRY(buffer_printf(to, why, "\\x%02x", (unsigned)text.at[0]));
            len = 1;
        } else if (is_unsafe(c)) {
            TRY(buffer_printf(to, why, "\\u{%04x}", (unsigned)c));
        } else {
            TRY(buffer_add(to, slice_of(text.at, len), why));
        }
        text = slice_part(text, len, text.len);
    }
    return DONE;
}

result clean_json(struct slice json, struct buffer *to, struct why *why)
{
    while (json.len > 0) {
        size_t len;
        uint32_t c = first_character(json, &len);
        if (len == 0)
            return FAIL(why, MALFORMED, "the document is not UTF-8");
        if (is_unsafe(c) && c != '\n')
            TRY(buffer_printf(to, why, "\\u%04x", (unsigned)c));
        else
            TRY(buffer_add(to, slice_of(json.at, len), why));
        json = slice_part(json, len, json.len);
    }
    return DONE;
}
