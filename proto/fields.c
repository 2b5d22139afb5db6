#include "proto/fields.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "base/instant.h"

/* Copies what fits whole: a character cut in half would be no UTF-8. */
static void path_copy(char to[JSON_PATH_MAX], const char *from)
{
    size_t len = strlen(from);
    if (len >= JSON_PATH_MAX) {
        len = JSON_PATH_MAX - 1;
        while (len && ((uint8_t)from[len] & 0xC0) == 0x80)
            len--;
    }
    memcpy(to, from, len);
    to[len] = 0;
}

void fields_path(const struct fields *f, const char *key, char to[JSON_PATH_MAX])
{
    char whole[2 * JSON_PATH_MAX + 4];
    (void)snprintf(whole, sizeof whole, "%s/%.*s", f->path, JSON_PATH_MAX + 3, key);
    path_copy(to, whole);
}

result fields_open(const struct json *v, const char *path, struct fields *ret, struct why *why)
{
    if (json_kind(v) != JSON_OBJECT)
        return FAIL_AT(why, MALFORMED, path, "an object is wanted here, not %s", json_kind_name(json_kind(v)));
    struct fields f = {.object = v, .why = why};
    path_copy(f.path, path);
    *ret = f;
    return DONE;
}

/* Notes that the key is allowed; its value, or NULL. */
static const struct json *ask(struct fields *f, const char *key)
{
    const struct json *v = json_get(f->object, key);
    for (unsigned i = 0; i < f->key_count; i++)
        if (!strcmp(f->keys[i], key))
            return v;
    if (f->key_count == FIELDS_KEYS_MAX)
        abort(); /* a document with more fields needs a larger bound */
    f->keys[f->key_count++] = key;
    if (v)
        f->asked++;
    return v;
}

#define FAIL_FIELD(f, key, ...)                                                                    \
    do {                                                                                           \
        char path_[JSON_PATH_MAX];                                                                 \
        fields_path((f), (key), path_);                                                            \
        return FAIL_AT((f)->why, MALFORMED, path_, __VA_ARGS__);                                   \
    } while (0)

/* A need_ function: the may_ function on a member that must be there. */
static result must_be_there(struct fields *f, const char *key)
{
    const struct json *v = ask(f, key);
    if (!v)
        FAIL_FIELD(f, key, "'%s' is missing", key);
    if (json_kind(v) == JSON_NULL)
        FAIL_FIELD(f, key, "'%s' must not be null", key);
    return DONE;
}

static result of_kind(struct fields *f, const char *key, enum json_kind kind, const struct json **ret)
{
    const struct json *v = ask(f, key);
    *ret = NULL;
    if (json_kind(v) == JSON_NULL)
        return DONE;
    if (json_kind(v) != kind)
        FAIL_FIELD(f, key, "'%s' must be %s, not %s", key, json_kind_name(kind), json_kind_name(json_kind(v)));
    *ret = v;
    return DONE;
}

result may_text(struct fields *f, const char *key, size_t bytes_max, struct slice *ret)
{
    const struct json *v;
    TRY(of_kind(f, key, JSON_STRING, &v));
    if (!v)
        return DONE;
    if (json_text(v).len > bytes_max)
        FAIL_FIELD(f, key, "'%s' has %zu bytes; at most %zu are allowed", key, json_text(v).len, bytes_max);
    *ret = json_text(v);
    return DONE;
}

result may_integer(struct fields *f, const char *key, int64_t min, int64_t max, int64_t *ret)
{
    const struct json *v;
    TRY(of_kind(f, key, JSON_INTEGER, &v));
    if (!v)
        return DONE;
    if (json_integer(v) < min || json_integer(v) > max)
        FAIL_FIELD(f, key, "'%s' is %lld; allowed is %lld to %lld", key, (long long)json_integer(v),
                   (long long)min, (long long)max);
    *ret = json_integer(v);
    return DONE;
}

result may_number(struct fields *f, const char *key, double *ret)
{
    const struct json *v = ask(f, key);
    if (json_kind(v) == JSON_NULL)
        return DONE;
    if (!json_is_number(v))
        FAIL_FIELD(f, key, "'%s' must be a number, not %s", key, json_kind_name(json_kind(v)));
    *ret = json_number(v);
    return DONE;
}

result may_bool(struct fields *f, const char *key, bool *ret)
{
    const struct json *v;
    TRY(of_kind(f, key, JSON_BOOL, &v));
    if (v)
        *ret = json_truth(v);
    return DONE;
}

result may_object(struct fields *f, const char *key, const struct json **ret)
{
    const struct json *v;
    TRY(of_kind(f, key, JSON_OBJECT, &v));
    if (v)
        *ret = v;
    return DONE;
}

result may_array(struct fields *f, const char *key, size_t items_max, const struct json **ret)
{
    const struct json *v;
    TRY(of_kind(f, key, JSON_ARRAY, &v));
    if (!v)
        return DONE;
    if (json_size(v) > items_max)
        FAIL_FIELD(f, key, "'%s' has %zu items; at most %zu are allowed", key, json_size(v), items_max);
    *ret = v;
    return DONE;
}

result may_any(struct fields *f, const char *key, const struct json **ret)
{
    const struct json *v = ask(f, key);
    if (json_kind(v) != JSON_NULL)
        *ret = v;
    return DONE;
}

result may_choice(struct fields *f, const char *key, const char *const *choices, unsigned *ret)
{
    const struct json *v;
    TRY(of_kind(f, key, JSON_STRING, &v));
    if (!v)
        return DONE;
    for (unsigned i = 0; choices[i]; i++) {
        if (slice_is(json_text(v), choices[i])) {
            *ret = i;
            return DONE;
        }
    }
    char list[160];
    size_t len = 0;
    for (unsigned i = 0; choices[i] && len < sizeof list - 1; i++) {
        int n = snprintf(list + len, sizeof list - len, "%s'%s'", i ? ", " : "", choices[i]);
        len += n > 0 ? (size_t)n : 0;
    }
    FAIL_FIELD(f, key, "'%s' must be one of %s", key, list);
}

result may_instant(struct fields *f, const char *key, int64_t *ret_ms)
{
    const struct json *v;
    TRY(of_kind(f, key, JSON_STRING, &v));
    if (!v)
        return DONE;
    if (!instant_parse(json_text(v), ret_ms))
        FAIL_FIELD(f, key, "'%s' must be a moment in UTC like 2026-11-21T21:42:01.123Z", key);
    return DONE;
}

result need_text(struct fields *f, const char *key, size_t bytes_max, struct slice *ret)
{
    TRY(must_be_there(f, key));
    return may_text(f, key, bytes_max, ret);
}

result need_integer(struct fields *f, const char *key, int64_t min, int64_t max, int64_t *ret)
{
    TRY(must_be_there(f, key));
    return may_integer(f, key, min, max, ret);
}

result need_number(struct fields *f, const char *key, double *ret)
{
    TRY(must_be_there(f, key));
    return may_number(f, key, ret);
}

result need_bool(struct fields *f, const char *key, bool *ret)
{
    TRY(must_be_there(f, key));
    return may_bool(f, key, ret);
}

result need_object(struct fields *f, const char *key, const struct json **ret)
{
    TRY(must_be_there(f, key));
    return may_object(f, key, ret);
}

result need_array(struct fields *f, const char *key, size_t items_max, const struct json **ret)
{
    TRY(must_be_there(f, key));
    return may_array(f, key, items_max, ret);
}

result need_any(struct fields *f, const char *key, const struct json **ret)
{
    const struct json *v = ask(f, key);
    if (!v)
        FAIL_FIELD(f, key, "'%s' is missing", key);
    *ret = v;
    return DONE;
}

result need_choice(struct fields *f, const char *key, const char *const *choices, unsigned *ret)
{
    TRY(must_be_there(f, key));
    return may_choice(f, key, choices, ret);
}

result need_instant(struct fields *f, const char *key, int64_t *ret_ms)
{
    TRY(must_be_there(f, key));
    return may_instant(f, key, ret_ms);
}

result need_hash(struct fields *f, const char *key, uint8_t ret[32])
{
    struct slice text;
    TRY(need_text(f, key, 64, &text));
    if (!hex_parse(text, ret, 32))
        FAIL_FIELD(f, key, "'%s' must be a SHA-256 of 64 hex digits", key);
    return DONE;
}

/* A stranger's key, fit to be shown: whole characters, no control characters. */
static void key_shown(struct slice key, char *to, size_t size)
{
    size_t len = key.len < size - 1 ? key.len : size - 1;
    while (len < key.len && len && (key.at[len] & 0xC0) == 0x80)
        len--;
    for (size_t i = 0; i < len; i++)
        to[i] = key.at[i] < 0x20 || key.at[i] == 0x7F ? '?' : (char)key.at[i];
    to[len] = 0;
}

result fields_close(struct fields *f)
{
    if (f->asked == json_size(f->object))
        return DONE;
    size_t index = 0;
    struct slice key = {0};
    const struct json *value;
    while (json_next(f->object, &index, &key, &value)) {
        bool known = false;
        for (unsigned i = 0; i < f->key_count && !known; i++)
            known = slice_is(key, f->keys[i]);
        if (!known)
            break;
    }
    char shown[JSON_PATH_MAX], list[160] = "";
    size_t len = 0;
    key_shown(key, shown, sizeof shown);
    for (unsigned i = 0; i < f->key_count && len < sizeof list - 1; i++) {
        int n = snprintf(list + len, sizeof list - len, "%s%s", i ? ", " : "", f->keys[i]);
        len += n > 0 ? (size_t)n : 0;
    }
    char path[JSON_PATH_MAX];
    fields_path(f, shown, path);
    return FAIL_CODE(f->why, MALFORMED, "unknown_field", path, "unknown field; allowed are: %s", list);
}
