/*
 * fields.h - a JSON object read field by field: each read knows its path, names the rule it holds, and a member that
 * nobody asked for is refused.
 */
#ifndef INNSYN_PROTO_FIELDS_H
#define INNSYN_PROTO_FIELDS_H

#include "proto/json.h"

enum { FIELDS_KEYS_MAX = 48 }; /* different keys one struct fields may ask for */

struct fields {
    const struct json *object;
    char path[JSON_PATH_MAX]; /* of the object, "" at the top, else "/where/age" */
    unsigned asked;           /* members found so far */
    const char *keys[FIELDS_KEYS_MAX]; /* asked for so far; borrowed until fields_close */
    unsigned key_count;
    struct why *why;
};

/* MALFORMED unless v is an object.  path: borrowed only during the call. */
MUST_CHECK result fields_open(const struct json *v, const char *path, struct fields *ret, struct why *why);
/* Keys are borrowed until fields_close; string literals do.
 * Every need_ refuses an absent member, a wrong kind, or a value out of bounds, with MALFORMED and the path.
 * Every may_ leaves *ret alone when the member is absent (null counts as absent). Borrowed from the tree. */
MUST_CHECK result need_text(struct fields *f, const char *key, size_t bytes_max, struct slice *ret);
MUST_CHECK result may_text(struct fields *f, const char *key, size_t bytes_max, struct slice *ret);
MUST_CHECK result need_integer(struct fields *f, const char *key, int64_t min, int64_t max, int64_t *ret);
MUST_CHECK result may_integer(struct fields *f, const char *key, int64_t min, int64_t max, int64_t *ret);
MUST_CHECK result need_number(struct fields *f, const char *key, double *ret); /* finite */
MUST_CHECK result may_number(struct fields *f, const char *key, double *ret);
MUST_CHECK result need_bool(struct fields *f, const char *key, bool *ret);
MUST_CHECK result may_bool(struct fields *f, const char *key, bool *ret);
MUST_CHECK result need_object(struct fields *f, const char *key, const struct json **ret);
MUST_CHECK result may_object(struct fields *f, const char *key, const struct json **ret);
MUST_CHECK result need_array(struct fields *f, const char *key, size_t items_max, const struct json **ret);
MUST_CHECK result may_array(struct fields *f, const char *key, size_t items_max, const struct json **ret);
MUST_CHECK result need_any(struct fields *f, const char *key, const struct json **ret);
MUST_CHECK result may_any(struct fields *f, const char *key, const struct json **ret);
/* The text must be one of `choices` (NULL-terminated); *ret is its index. */
MUST_CHECK result need_choice(struct fields *f, const char *key, const char *const *choices, unsigned *ret);
MUST_CHECK result may_choice(struct fields *f, const char *key, const char *const *choices, unsigned *ret);
/* An RFC 3339 moment in UTC, as milliseconds. */
MUST_CHECK result need_instant(struct fields *f, const char *key, int64_t *ret_ms);
MUST_CHECK result may_instant(struct fields *f, const char *key, int64_t *ret_ms);
/* 64 hex digits (SHA-256). */
MUST_CHECK result need_hash(struct fields *f, const char *key, uint8_t ret[32]);
/* Refuses members that no call above asked for, naming the first and listing what is allowed. */
MUST_CHECK result fields_close(struct fields *f);
/* Path of a member of this object, for FAIL_AT. */
void fields_path(const struct fields *f, const char *key, char to[JSON_PATH_MAX]);

#endif
