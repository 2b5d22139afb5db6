#include "base/slice.h"

int slice_compare(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.at, b.at, shorter) : 0;
    if (order)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool slice_starts(struct slice a, const char *prefix)
{
    struct slice p = slice_str(prefix);
    return a.len >= p.len && slice_equal(slice_part(a, 0, p.len), p);
}

bool slice_ends(struct slice a, const char *suffix)
{
    struct slice s = slice_str(suffix);
    return a.len >= s.len && slice_equal(slice_part(a, a.len - s.len, a.len), s);
}

size_t slice_find(struct slice a, uint8_t byte)
{
    const uint8_t *hit = a.len ? memchr(a.at, byte, a.len) : NULL;
    return hit ? (size_t)(hit - a.at) : a.len;
}

struct slice slice_part(struct slice a, size_t from, size_t to)
{
    if (to > a.len)
        to = a.len;
    if (from > to)
        from = to;
    /* Adding to a NULL pointer is undefined, even 0 of it in some readings. */
    return (struct slice){a.at ? a.at + from : NULL, to - from};
}

bool slice_copy_str(struct slice a, char *to, size_t size)
{
    if (!size)
        return false;
    to[0] = 0;
    if (a.len >= size || slice_find(a, 0) != a.len)
        return false;
    if (a.len)
        memcpy(to, a.at, a.len);
    to[a.len] = 0;
    return true;
}

bool slice_parse_u64(struct slice a, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    if (!a.len || (a.len > 1 && a.at[0] == '0'))
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (a.at[i] < '0' || a.at[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(a.at[i] - '0');
        if (value > max / 10 || digit > max - value * 10)
            return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

/* Length of the well-formed sequence at `at` (Unicode 15, table 3-7), or 0. */
static size_t utf8_sequence(const uint8_t *at, size_t len)
{
    uint8_t first = at[0], low = 0x80, high = 0xBF;
    size_t n;
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        n = 2;
    else if (first >= 0xE0 && first <= 0xEF)
        n = 3;
    else if (first >= 0xF0 && first <= 0xF4)
        n = 4;
    else
        return 0;
    /* The second byte's range keeps out overlong forms, surrogates and values over U+10FFFF. */
    if (first == 0xE0)
        low = 0xA0;
    else if (first == 0xED)
        high = 0x9F;
    else if (first == 0xF0)
        low = 0x90;
    else if (first == 0xF4)
        high = 0x8F;
    if (n > len || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return n;
}

bool slice_is_utf8(struct slice a)
{
    for (size_t i = 0; i < a.len;) {
        size_t n = utf8_sequence(a.at + i, a.len - i);
        if (!n)
            return false;
        i += n;
    }
    return true;
}
