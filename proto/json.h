/*
 * json.h - strict JSON in, canonical JSON (RFC 8785) out.  Only json.c sees the library underneath.
 *
 * In: UTF-8, no duplicate keys, no NUL, no lone surrogates, bounded size and depth, nothing after the
 * value.  Numbers are doubles: one written with digits alone must be the exact text of its double, so
 * that 9007199254740993 (2^53 + 1) is refused and nothing is rounded unseen.  Objects are read through fields.h.
 * Out: values are built as trees and printed canonically, so that the same value has the same bytes.
 * An allocation that fails while building makes the next json_print of the thread fail with LIMIT.
 */
#ifndef INNSYN_PROTO_JSON_H
#define INNSYN_PROTO_JSON_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/result.h"
#include "base/slice.h"

/* The library underneath exports three of these names; ours get symbols of their own, so that neither
 * can stand in for the other when a program is linked. */
#define json_object innsyn_json_object
#define json_array innsyn_json_array
#define json_integer innsyn_json_integer

struct json; /* reference counted; one thread */

enum {
    JSON_DEPTH_MAX = 32,
    JSON_BYTES_MAX = 4 * 1024 * 1024, /* default ceiling; callers name a smaller one where they can */
    JSON_PATH_MAX = 96,
};

/* The kind is the value's, not the text's: 40, 40.0 and 4e1 are all the JSON_INTEGER 40.  A whole number
 * beyond +-2^53 is a JSON_REAL. */
enum json_kind { JSON_NULL, JSON_BOOL, JSON_INTEGER, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* MALFORMED: with line and column, and the rule.  LIMIT: longer than bytes_max or deeper than JSON_DEPTH_MAX. */
MUST_CHECK result json_parse(struct slice text, size_t bytes_max, struct json **ret, struct why *why);
struct json *json_hold(struct json *v); /* one more reference; NULL stays NULL */
void json_free(struct json *v);         /* one reference less; NULL is welcome */
void json_freep(struct json **v);
/* One more reference to a value borrowed from a tree, to put it into another; neither may change it then. */
struct json *json_share(const struct json *v);

/* --- looking (borrowed; NULL is treated as JSON_NULL) --- */
enum json_kind json_kind(const struct json *v);
const char *json_kind_name(enum json_kind kind);
struct slice json_text(const struct json *v);     /* JSON_STRING, else empty */
int64_t json_integer(const struct json *v);       /* JSON_INTEGER, else 0 */
double json_number(const struct json *v);         /* JSON_INTEGER or JSON_REAL, else 0 */
bool json_is_number(const struct json *v);
bool json_truth(const struct json *v);            /* JSON_BOOL true */
size_t json_size(const struct json *v);           /* members of an array or object */
const struct json *json_item(const struct json *array, size_t index); /* NULL if there is none */
const struct json *json_get(const struct json *object, const char *key); /* NULL if there is none */

/* Members of an object in the order of their keys' UTF-16 code units; *index starts at 0.
 * false at the end. */
bool json_next(const struct json *object, size_t *index, struct slice *ret_key, const struct json **ret_value);

/* --- building (a failed allocation shows at the next json_print) --- */
struct json *json_object(void);
struct json *json_array(void);
struct json *json_of_text(struct slice text); /* must be UTF-8 without NUL, else builds null and marks failure */
struct json *json_of_str(const char *text);
struct json *json_of_integer(int64_t v); /* beyond +-2^53: builds null and marks failure */
struct json *json_of_number(double v); /* finite, else as above; whole numbers within 2^53 print as integers */
struct json *json_of_bool(bool v);
struct json *json_of_null(void);
struct json *json_of_instant(int64_t at_ms);
struct json *json_of_hex(struct slice bytes);
struct json *json_of_base64(struct slice bytes);
/* Both take over `value` (NULL after a failed allocation is welcome).  json_set replaces a member. */
void json_set(struct json *object, const char *key, struct json *value);
void json_add(struct json *array, struct json *value);

/* Appends the canonical text.  LIMIT: the buffer's maximum, or memory ran out while building.
 * MALFORMED: something was built that JSON cannot hold.  On failure the buffer is as it was. */
MUST_CHECK result json_print(const struct json *v, struct buffer *to, struct why *why);

#ifdef INNSYN_TEST_HOOKS
/* The n-th allocation of a node from now on (0: the next) fails, once; negative: none. */
void json_fail_allocation(long n);
#endif

#endif
