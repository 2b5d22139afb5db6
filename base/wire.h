/*
 * wire.h - typed fields packed into one message between roles: fixed-width big-endian numbers and
 * length-prefixed bytes.  Reading never advances on failure; a message must end where it says.
 */
#ifndef INNSYN_BASE_WIRE_H
#define INNSYN_BASE_WIRE_H

#include "base/buffer.h"
#include "base/slice.h"

struct reader {
    struct slice rest;
};

static inline struct reader reader_of(struct slice bytes)
{
    return (struct reader){bytes};
}

bool reader_u8(struct reader *r, uint8_t *ret);
bool reader_u16(struct reader *r, uint16_t *ret);
bool reader_u32(struct reader *r, uint32_t *ret);
bool reader_u64(struct reader *r, uint64_t *ret);
bool reader_i64(struct reader *r, int64_t *ret);
bool reader_double(struct reader *r, double *ret); /* IEEE 754 binary64, big-endian */
/* u32 length, then that many bytes, at most max; *ret is borrowed from the message. */
bool reader_bytes(struct reader *r, size_t max, struct slice *ret);
bool reader_ends(const struct reader *r); /* nothing left over */

MUST_CHECK result wire_u8(struct buffer *b, uint8_t v, struct why *why);
MUST_CHECK result wire_u16(struct buffer *b, uint16_t v, struct why *why);
MUST_CHECK result wire_u32(struct buffer *b, uint32_t v, struct why *why);
MUST_CHECK result wire_u64(struct buffer *b, uint64_t v, struct why *why);
MUST_CHECK result wire_i64(struct buffer *b, int64_t v, struct why *why);
MUST_CHECK result wire_double(struct buffer *b, double v, struct why *why);
MUST_CHECK result wire_bytes(struct buffer *b, struct slice bytes, struct why *why);
MUST_CHECK result wire_str(struct buffer *b, const char *text, struct why *why);

#endif
