#include "client/log/entry_scan.h"

#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

enum { DEPTH_MAX = 8, DIGITS_MAX = 15 };

struct scan {
    const uint8_t *at, *end;
    const uint8_t *from;
    uint8_t *fixed; /* NULL, or where bytes inside values' texts are marked with 0 */
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

static inline bool text_value(struct scan *s, struct slice *ret)
{
    if (!text(s, ret))
        return false;
    if (s->fixed)
        memset(s->fixed + (ret->at - s->from), 0, ret->len);
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
            if (!(name.len == 2 ? text_value(s, &word) : text(s, &word))) /* type and form stand fast */
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
    case '"': return text_value(s, &unused);
    case '{': return object(s, depth, NULL);
    case '[': return array(s, depth);
    case 't': return take(s, "true");
    case 'f': return take(s, "false");
    case 'n': return take(s, "null");
    default: return whole_number(s);
    }
}

static bool scan_entry(struct slice entry, uint8_t *fixed, struct slice *ret_type, struct slice *ret_at)
{
    struct scan s = {entry.at, entry.at + entry.len, entry.at, fixed};
    struct top top = {.entry = false};
    if (entry.len == 0 || !object(&s, 0, &top) || s.at != s.end || !top.entry || top.type.len == 0 || top.at.len == 0)
        return false;
    *ret_type = top.type;
    *ret_at = top.at;
    return true;
}

bool entry_scan(struct slice entry, struct slice *ret_type, struct slice *ret_at)
{
    return scan_entry(entry, NULL, ret_type, ret_at);
}

/* --- shapes --- */

#ifdef __SSE2__
static inline __m128i load(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* What is amiss in 16 bytes: other than the shape's where those stand fast, not plain where they do not. */
static inline __m128i amiss(const uint8_t *entry, const uint8_t *shape, const uint8_t *fixed)
{
    __m128i x = load(entry), stands = load(fixed);
    __m128i special = _mm_or_si128(_mm_cmplt_epi8(x, _mm_set1_epi8(0x20)),
                                   _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))));
    return _mm_or_si128(_mm_and_si128(stands, _mm_xor_si128(x, load(shape))), _mm_andnot_si128(stands, special));
}

static bool has_shape(const struct entry_shape *p, const uint8_t *entry)
{
    __m128i wrong = amiss(entry + p->len - 16, p->bytes + p->len - 16, p->fixed + p->len - 16); /* what is left of the last step */
    for (unsigned i = 0; i + 16 <= p->len; i += 16)
        wrong = _mm_or_si128(wrong, amiss(entry + i, p->bytes + i, p->fixed + i));
    return _mm_movemask_epi8(_mm_cmpeq_epi8(wrong, _mm_setzero_si128())) == 0xffff;
}
#else
static bool has_shape(const struct entry_shape *p, const uint8_t *entry)
{
    uint8_t wrong = 0;
    for (unsigned i = 0; i < p->len; i++) {
        uint8_t x = entry[i], special = x < 0x20 || x >= 0x80 || x == '"' || x == '\\' ? 0xff : 0;
        wrong |= (uint8_t)((p->fixed[i] & (x ^ p->bytes[i])) | (~p->fixed[i] & special));
    }
    return wrong == 0;
}
#endif

static struct entry_shape *place_of(struct entry_shapes *shapes, struct slice entry)
{
    uint64_t last;
    memcpy(&last, entry.at + entry.len - sizeof last, sizeof last);
    return &shapes->places[(last * UINT64_C(0x9e3779b97f4a7c15) + entry.len * UINT64_C(0xd6e8feb86659fd93)) >> 56];
}

bool entry_scan_again(struct entry_shapes *shapes, struct slice entry, struct slice *ret_type, struct slice *ret_at)
{
    if (!shapes || entry.len < SHAPE_BYTES_MIN || entry.len > SHAPE_BYTES_MAX)
        return entry_scan(entry, ret_type, ret_at);
    struct entry_shape *p = place_of(shapes, entry);
    if (p->len != entry.len || !has_shape(p, entry.at)) {
        p->len = 0;
        memset(p->fixed, 0xff, entry.len);
        if (!scan_entry(entry, p->fixed, ret_type, ret_at))
            return false;
        memcpy(p->bytes, entry.at, entry.len);
        p->type_at = (uint16_t)(ret_type->at - entry.at);
        p->type_len = (uint16_t)ret_type->len;
        p->at_at = (uint16_t)(ret_at->at - entry.at);
        p->at_len = (uint16_t)ret_at->len;
        p->len = (uint16_t)entry.len;
    }
    *ret_type = slice_of(entry.at + p->type_at, p->type_len);
    *ret_at = slice_of(entry.at + p->at_at, p->at_len);
    return true;
}
_Static_assert(SHAPES == 256, "place_of takes eight bits");
