#include "client/entry_scan.h"

#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

enum { DEPTH_MAX = 8, DIGITS_MAX = 15 };

struct scan {
    const uint8_t *at, *end;
};

/* How many of the bytes ahead stand for themselves: no quote, no backslash, ASCII, no control character.
 * Sixteen at a time where there is SSE2: bytes of 0x80 and more are negative there, and so below a blank. */
static size_t plain_bytes(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *from = at;
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i stop = _mm_or_si128(_mm_cmplt_epi8(x, _mm_set1_epi8(0x20)),
                                    _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))));
        unsigned mask = (unsigned)_mm_movemask_epi8(stop);
        if (mask)
            return (size_t)(at - from) + (unsigned)__builtin_ctz(mask);
    }
#endif
    while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return (size_t)(at - from);
}

static inline bool text(struct scan *s, struct slice *ret)
{
    if (s->at == s->end || *s->at != '"')
        return false;
    const uint8_t *from = ++s->at;
    s->at += plain_bytes(s->at, s->end);
    if (s->at == s->end || *s->at != '"')
        return false;
    *ret = slice_of(from, (size_t)(s->at - from));
    s->at++;
    return true;
}

static inline bool byte(struct scan *s, uint8_t wanted)
{
    if (s->at == s->end || *s->at != wanted)
        return false;
    s->at++;
    return true;
}

static bool take(struct scan *s, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return false;
    s->at += len;
    return true;
}

static bool whole_number(struct scan *s)
{
    const uint8_t *from = s->at;
    bool zero = s->at < s->end && *s->at == '0';
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    size_t digits = (size_t)(s->at - from);
    return digits > 0 && digits <= DIGITS_MAX && (!zero || digits == 1) &&
           (s->at == s->end || (*s->at != '.' && *s->at != 'e' && *s->at != 'E'));
}

struct top {
    struct slice type, at;
    bool entry;
};

static bool value(struct scan *s, unsigned depth);

/* The first name has none before it. */
static inline bool ascends(struct slice before, struct slice name)
{
    if (!before.at || (before.len && name.len && before.at[0] < name.at[0]))
        return true;
    size_t shared = before.len < name.len ? before.len : name.len;
    int order = shared ? memcmp(before.at, name.at, shared) : 0;
    return order < 0 || (order == 0 && before.len < name.len);
}

static inline bool is_own(struct slice name)
{
    return name.len == 2 ? memcmp(name.at, "at", 2) == 0 : name.len == 4 ? memcmp(name.at, "type", 4) == 0 : name.len == 6 && memcmp(name.at, "innsyn", 6) == 0;
}

/* Names ascend strictly: for ASCII the order of bytes is that of RFC 8785. */
static bool object(struct scan *s, unsigned depth, struct top *top)
{
    struct slice before = {0}, name, word;
    if (!byte(s, '{'))
        return false;
    if (byte(s, '}'))
        return true;
    do {
        if (!text(s, &name) || !byte(s, ':'))
            return false;
        if (!ascends(before, name))
            return false;
        before = name;
        if (top && is_own(name)) {
            if (!text(s, &word))
                return false;
            if (name.len == 6)
                top->entry = slice_is(word, "entry/1");
            else
                *(name.len == 2 ? &top->at : &top->type) = word;
        } else if (!value(s, depth + 1)) {
            return false;
        }
    } while (byte(s, ','));
    return byte(s, '}');
}

static bool array(struct scan *s, unsigned depth)
{
    if (!byte(s, '['))
        return false;
    if (byte(s, ']'))
        return true;
    do
        if (!value(s, depth + 1))
            return false;
    while (byte(s, ','));
    return byte(s, ']');
}

static bool value(struct scan *s, unsigned depth)
{
    struct slice unused;
    if (s->at == s->end || depth > DEPTH_MAX)
        return false;
    switch (*s->at) {
    case '"': return text(s, &unused);
    case '{': return object(s, depth, NULL);
    case '[': return array(s, depth);
    case 't': return take(s, "true");
    case 'f': return take(s, "false");
    case 'n': return take(s, "null");
    default: return whole_number(s);
    }
}

bool entry_scan(struct slice entry, struct slice *ret_type, struct slice *ret_at)
{
    struct scan s = {entry.at, entry.at + entry.len};
    struct top top = {.entry = false};
    if (entry.len == 0 || !object(&s, 0, &top) || s.at != s.end || !top.entry || top.type.len == 0 || top.at.len == 0)
        return false;
    *ret_type = top.type;
    *ret_at = top.at;
    return true;
}
