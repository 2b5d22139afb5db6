/*
 * codec.h - hex (lower case) and base64 (RFC 4648 section 4; decoding accepts the URL-safe
 * alphabet too and refuses anything but canonical padding).
 */
#ifndef INNSYN_BASE_CODEC_H
#define INNSYN_BASE_CODEC_H

#include "base/buffer.h"
#include "base/result.h"
#include "base/slice.h"

/* Writes 2*len characters and a NUL; size must be at least 2*len+1 (else the process stops). */
void hex_print(struct slice bytes, char *to, size_t size);

/* Exactly `len` bytes from 2*len hex digits of either case; false leaves `to` alone. */
bool hex_parse(struct slice text, uint8_t *to, size_t len);

/* Length of the base64 text of n bytes, without NUL. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Appends the base64 text.  LIMIT: the buffer's maximum. */
MUST_CHECK result base64_print(struct slice bytes, struct buffer *to, struct why *why);

/* Appends the decoded bytes.  MALFORMED: not base64.  LIMIT: the buffer's maximum. */
MUST_CHECK result base64_parse(struct slice text, struct buffer *to, struct why *why);

/* As base64_parse into a fixed array: exactly len bytes or false. */
bool base64_parse_exact(struct slice text, uint8_t *to, size_t len);

/* Writes BASE64_LEN(len) characters and a NUL; size must suffice (else the process stops). */
void base64_print_str(struct slice bytes, char *to, size_t size);

#endif
