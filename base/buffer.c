#include "base/buffer.h"

#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROOM_LEAST = 64 };

void buffer_init(struct buffer *b, size_t max)
{
    *b = (struct buffer){.max = max};
}

void buffer_done(struct buffer *b)
{
    if (!b)
        return;
    free(b->at);
    *b = (struct buffer){.max = b->max};
}

void buffer_clear(struct buffer *b)
{
    b->len = 0;
}

void buffer_wipe(struct buffer *b)
{
    if (!b)
        return;
    wipe(b->at, b->room);
    buffer_done(b);
}

result buffer_reserve(struct buffer *b, size_t n, uint8_t **ret, struct why *why)
{
    if (n > b->max - b->len)
        return FAIL(why, LIMIT, "%zu more bytes do not fit: at most %zu are allowed here", n, b->max);
    size_t need = b->len + n;
    if (need > b->room || !b->at) {
        size_t room = b->room > b->max / 2 ? b->max : b->room * 2;
        if (room < ROOM_LEAST)
            room = ROOM_LEAST;
        if (room < need)
            room = need;
        /* Not realloc: a buffer may hold a secret, and must leave no copy behind as it grows. */
        uint8_t *at = malloc(room);
        if (!at)
            return FAIL(why, LIMIT, "no memory for %zu bytes", room);
        if (b->len)
            memcpy(at, b->at, b->len);
        wipe(b->at, b->room);
        free(b->at);
        b->at = at;
        b->room = room;
    }
    *ret = b->at + b->len;
    return DONE;
}

void buffer_commit(struct buffer *b, size_t n)
{
    if (n > b->room - b->len)
        abort(); /* more was written than there was room for */
    b->len += n;
}

result buffer_add(struct buffer *b, struct slice bytes, struct why *why)
{
    uint8_t *at;
    if (!bytes.len)
        return DONE;
    TRY(buffer_reserve(b, bytes.len, &at, why));
    memcpy(at, bytes.at, bytes.len);
    b->len += bytes.len;
    return DONE;
}

result buffer_add_str(struct buffer *b, const char *text, struct why *why)
{
    return buffer_add(b, slice_str(text), why);
}

result buffer_add_byte(struct buffer *b, uint8_t byte, struct why *why)
{
    return buffer_add(b, slice_of(&byte, 1), why);
}

result buffer_printf(struct buffer *b, struct why *why, const char *format, ...)
{
    char small[256];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (len < 0)
        return FAIL(why, MALFORMED, "the text cannot be formatted");
    size_t n = (size_t)len;
    if (n < sizeof small)
        return buffer_add(b, slice_of(small, n), why);
    if (n >= b->max - b->len)
        /* vsnprintf needs a byte for its NUL; a text that ends exactly at the ceiling pays for it. */
        return FAIL(why, LIMIT, "%zu more bytes do not fit: at most %zu are allowed here", n, b->max);
    uint8_t *at;
    TRY(buffer_reserve(b, n + 1, &at, why));
    va_start(args, format);
    (void)vsnprintf((char *)at, n + 1, format, args);
    va_end(args);
    b->len += n;
    return DONE;
}

void buffer_consume(struct buffer *b, size_t n)
{
    if (n > b->len)
        abort();
    b->len -= n;
    if (b->len && n)
        memmove(b->at, b->at + n, b->len);
}

const char *buffer_str(struct buffer *b)
{
    uint8_t *at;
    if (!is_ok(buffer_reserve(b, 1, &at, NULL)))
        return NULL;
    *at = 0;
    return (const char *)b->at;
}
