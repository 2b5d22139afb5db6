/*
 * slice.h - a borrowed view of bytes.  Owns nothing; the text need not end in NUL.
 */
#ifndef INNSYN_BASE_SLICE_H
#define INNSYN_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *at;
    size_t len;
};

/* printf("%.*s", SLICE_ARG(s)) */
#define SLICE_ARG(s) (int)((s).len > 4096 ? 4096 : (s).len), (const char *)((s).at ? (s).at : (const uint8_t *)"")

static inline struct slice slice_of(const void *at, size_t len)
{
    return (struct slice){at, len};
}

/* The bytes of a C string without its NUL; NULL gives the empty slice. */
static inline struct slice slice_str(const char *text)
{
    return (struct slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_str(text));
}

/* Bytewise order, shorter first on a tie: <0, 0, >0. */
int slice_compare(struct slice a, struct slice b);
bool slice_starts(struct slice a, const char *prefix);
bool slice_ends(struct slice a, const char *suffix);

/* Position of the first such byte, or len when there is none. */
size_t slice_find(struct slice a, uint8_t byte);

/* [from, to) clipped to the slice. */
struct slice slice_part(struct slice a, size_t from, size_t to);

/* Copies at most size-1 bytes and a NUL; false (and "" in `to`) if it does not fit or holds a NUL. */
bool slice_copy_str(struct slice a, char *to, size_t size);

/* A decimal integer without sign, leading zeros or blanks, at most max; false leaves *ret alone. */
bool slice_parse_u64(struct slice a, uint64_t max, uint64_t *ret);

/* Valid UTF-8 (no surrogates, no overlong forms). */
bool slice_is_utf8(struct slice a);

#endif
