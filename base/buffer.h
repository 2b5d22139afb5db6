/*
 * buffer.h - growing bytes with a ceiling that is named at birth.
 */
#ifndef INNSYN_BASE_BUFFER_H
#define INNSYN_BASE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "base/slice.h"

struct buffer {
    uint8_t *at;
    size_t len;
    size_t room;
    size_t max;
};

/* An empty buffer that never holds more than max bytes; allocates nothing yet. */
void buffer_init(struct buffer *b, size_t max);
void buffer_done(struct buffer *b);  /* frees; zeroed and NULL buffers are welcome */
void buffer_clear(struct buffer *b); /* forgets the bytes, keeps the room */
void buffer_wipe(struct buffer *b);  /* overwrites the bytes, then frees */

/* On LIMIT the buffer is as it was. */
MUST_CHECK result buffer_add(struct buffer *b, struct slice bytes, struct why *why);
MUST_CHECK result buffer_add_str(struct buffer *b, const char *text, struct why *why);
MUST_CHECK result buffer_add_byte(struct buffer *b, uint8_t byte, struct why *why);
MUST_CHECK result buffer_printf(struct buffer *b, struct why *why, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Room for n more bytes at *ret; buffer_commit says how many were written. */
MUST_CHECK result buffer_reserve(struct buffer *b, size_t n, uint8_t **ret, struct why *why);
void buffer_commit(struct buffer *b, size_t n);

/* Drops the first n bytes. */
void buffer_consume(struct buffer *b, size_t n);

/* Adds a NUL that is not counted in len, and returns the text; NULL only at the ceiling. */
const char *buffer_str(struct buffer *b);

static inline struct slice buffer_slice(const struct buffer *b)
{
    return (struct slice){b->at, b->len};
}

#endif
