#include "base/wire.h"

static bool take(struct reader *r, size_t width, uint64_t *ret)
{
    uint64_t value = 0;
    if (r->rest.len < width)
        return false;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | r->rest.at[i];
    r->rest = slice_part(r->rest, width, r->rest.len);
    *ret = value;
    return true;
}

bool reader_u8(struct reader *r, uint8_t *ret)
{
    uint64_t v;
    if (!take(r, 1, &v))
        return false;
    *ret = (uint8_t)v;
    return true;
}

bool reader_u16(struct reader *r, uint16_t *ret)
{
    uint64_t v;
    if (!take(r, 2, &v))
        return false;
    *ret = (uint16_t)v;
    return true;
}

bool reader_u32(struct reader *r, uint32_t *ret)
{
    uint64_t v;
    if (!take(r, 4, &v))
        return false;
    *ret = (uint32_t)v;
    return true;
}

bool reader_u64(struct reader *r, uint64_t *ret)
{
    return take(r, 8, ret);
}

bool reader_i64(struct reader *r, int64_t *ret)
{
    uint64_t v;
    if (!take(r, 8, &v))
        return false;
    memcpy(ret, &v, sizeof v);
    return true;
}

bool reader_double(struct reader *r, double *ret)
{
    uint64_t v;
    if (!take(r, 8, &v))
        return false;
    memcpy(ret, &v, sizeof v);
    return true;
}

bool reader_bytes(struct reader *r, size_t max, struct slice *ret)
{
    struct reader try = *r;
    uint32_t len;
    if (!reader_u32(&try, &len) || len > max || len > try.rest.len)
        return false;
    *ret = slice_part(try.rest, 0, len);
    try.rest = slice_part(try.rest, len, try.rest.len);
    *r = try;
    return true;
}

bool reader_ends(const struct reader *r)
{
    return r->rest.len == 0;
}

static result put(struct buffer *b, size_t width, uint64_t v, struct why *why)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < width; i++)
        bytes[i] = (uint8_t)(v >> 8 * (width - 1 - i));
    return buffer_add(b, slice_of(bytes, width), why);
}

result wire_u8(struct buffer *b, uint8_t v, struct why *why)
{
    return put(b, 1, v, why);
}

result wire_u16(struct buffer *b, uint16_t v, struct why *why)
{
    return put(b, 2, v, why);
}

result wire_u32(struct buffer *b, uint32_t v, struct why *why)
{
    return put(b, 4, v, why);
}

result wire_u64(struct buffer *b, uint64_t v, struct why *why)
{
    return put(b, 8, v, why);
}

result wire_i64(struct buffer *b, int64_t v, struct why *why)
{
    return put(b, 8, (uint64_t)v, why);
}

result wire_double(struct buffer *b, double v, struct why *why)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return put(b, 8, bits, why);
}

result wire_bytes(struct buffer *b, struct slice bytes, struct why *why)
{
    uint8_t *at;
    if (bytes.len > UINT32_MAX - 4)
        return FAIL(why, LIMIT, "a field of %zu bytes is too long for a message", bytes.len);
    TRY(buffer_reserve(b, 4 + bytes.len, &at, why)); /* so that all of it is added, or nothing */
    TRY(put(b, 4, bytes.len, why));
    return buffer_add(b, bytes, why);
}

result wire_str(struct buffer *b, const char *text, struct why *why)
{
    return wire_bytes(b, slice_str(text), why);
}
