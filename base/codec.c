#include "base/codec.h"

#include <stdlib.h>

void hex_print(struct slice bytes, char *to, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    if (!size || bytes.len > (size - 1) / 2)
        abort();
    for (size_t i = 0; i < bytes.len; i++) {
        to[2 * i] = digits[bytes.at[i] >> 4];
        to[2 * i + 1] = digits[bytes.at[i] & 15];
    }
    to[2 * bytes.len] = 0;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_parse(struct slice text, uint8_t *to, size_t len)
{
    if (text.len % 2 || text.len / 2 != len)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (hex_digit(text.at[i]) < 0)
            return false;
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(hex_digit(text.at[2 * i]) << 4 | hex_digit(text.at[2 * i + 1]));
    return true;
}

static void base64_write(struct slice bytes, uint8_t *to)
{
    static const uint8_t alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)bytes.at[i] << 16;
        if (left > 1)
            group |= (uint32_t)bytes.at[i + 1] << 8;
        if (left > 2)
            group |= bytes.at[i + 2];
        *to++ = alphabet[group >> 18];
        *to++ = alphabet[group >> 12 & 63];
        *to++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
        *to++ = left > 2 ? alphabet[group & 63] : '=';
    }
}

result base64_print(struct slice bytes, struct buffer *to, struct why *why)
{
    uint8_t *at;
    if (bytes.len > SIZE_MAX / 2)
        return FAIL(why, LIMIT, "too many bytes for base64");
    TRY(buffer_reserve(to, BASE64_LEN(bytes.len), &at, why));
    base64_write(bytes, at);
    buffer_commit(to, BASE64_LEN(bytes.len));
    return DONE;
}

void base64_print_str(struct slice bytes, char *to, size_t size)
{
    if (bytes.len > SIZE_MAX / 2 || BASE64_LEN(bytes.len) >= size)
        abort();
    base64_write(bytes, (uint8_t *)to);
    to[BASE64_LEN(bytes.len)] = 0;
}

static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

/* The length the text decodes to, if every character is in place.  Each byte string has one padded
 * text a alphabet: bits under the padding must be zero. */
static bool base64_check(struct slice text, size_t *ret_len)
{
    size_t pads = 0;
    if (text.len % 4)
        return false;
    while (pads < 2 && pads < text.len && text.at[text.len - 1 - pads] == '=')
        pads++;
    size_t digits = text.len - pads;
    for (size_t i = 0; i < digits; i++)
        if (base64_digit(text.at[i]) < 0)
            return false;
    if (pads && (base64_digit(text.at[digits - 1]) & (pads == 1 ? 3 : 15)) != 0)
        return false;
    *ret_len = text.len / 4 * 3 - pads;
    return true;
}

/* text: checked. */
static void base64_read(struct slice text, uint8_t *to, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        size_t at = i / 3 * 4 + i % 3;
        unsigned pair = (unsigned)base64_digit(text.at[at]) << 6 | (unsigned)base64_digit(text.at[at + 1]);
        to[i] = (uint8_t)(pair >> (4 - 2 * (i % 3)));
    }
}

result base64_parse(struct slice text, struct buffer *to, struct why *why)
{
    size_t len;
    uint8_t *at;
    if (!base64_check(text, &len))
        return FAIL(why, MALFORMED, "not base64 with canonical padding");
    TRY(buffer_reserve(to, len, &at, why));
    base64_read(text, at, len);
    buffer_commit(to, len);
    return DONE;
}

bool base64_parse_exact(struct slice text, uint8_t *to, size_t len)
{
    size_t have;
    if (!base64_check(text, &have) || have != len)
        return false;
    base64_read(text, to, len);
    return true;
}
