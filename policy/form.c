#include "policy/form.h"

#include <stdio.h>

#include "base/instant.h"
#include "policy/form_files.h"
#include "proto/data_use.h"

enum { OPTIONS_TEXT_MAX = 200 };

unsigned form_count(void)
{
    return form_file_count;
}

const char *form_name(unsigned index)
{
    return index < form_file_count ? form_files[index].name : NULL;
}

struct slice form_text(unsigned index)
{
    return index < form_file_count ? slice_str(form_files[index].text) : (struct slice){0};
}

result form_open(struct slice name, struct json **ret, struct why *why)
{
    for (unsigned i = 0; i < form_file_count; i++)
        if (slice_is(name, form_files[i].name))
            return json_parse(form_text(i), FORM_BYTES_MAX, ret, why);
    return FAIL_AT(why, MALFORMED, "/form", "there is no form '%.*s'; GET /v1/forms lists them", SLICE_ARG(slice_part(name, 0, FORM_NAME_MAX)));
}

static struct slice member(const struct json *field, const char *key)
{
    return json_text(json_get(field, key));
}

static const struct json *field_named(const struct json *form, struct slice name)
{
    const struct json *fields = json_get(form, "fields");
    for (size_t i = 0; i < json_size(fields); i++)
        if (slice_equal(member(json_item(fields, i), "name"), name))
            return json_item(fields, i);
    return NULL;
}

/* A field without `when` is always asked. */
static bool is_asked(const struct json *field, const struct json *filled)
{
    const struct json *when = json_get(field, "when"), *is = json_get(when, "is");
    char key[64];
    if (json_kind(when) != JSON_OBJECT || !slice_copy_str(member(when, "field"), key, sizeof key))
        return true;
    const struct json *v = json_get(filled, key);
    for (size_t i = 0; i < json_size(is); i++) {
        const struct json *wanted = json_item(is, i);
        if (json_kind(v) != json_kind(wanted))
            continue;
        if (json_kind(v) == JSON_BOOL ? json_truth(v) == json_truth(wanted) : slice_equal(json_text(v), json_text(wanted)))
            return true;
    }
    return false;
}

static result check_choice(const struct json *field, const struct json *v, const char *path, struct why *why)
{
    char allowed[OPTIONS_TEXT_MAX] = "";
    size_t len = 0;
    const struct json *options = json_get(field, "options");
    for (size_t i = 0; i < json_size(options); i++) {
        struct slice value = member(json_item(options, i), "value");
        if (json_kind(v) == JSON_STRING && slice_equal(json_text(v), value))
            return DONE;
        if (len < sizeof allowed - 1)
            len += (size_t)snprintf(allowed + len, sizeof allowed - len, "%s%.*s", i ? ", " : "", SLICE_ARG(value));
    }
    return FAIL_AT(why, MALFORMED, path, "must be one of %s", allowed);
}

static result check_codes(const struct json *field, const struct json *v, const char *path, struct why *why)
{
    if (json_kind(v) != JSON_ARRAY || json_size(v) > (size_t)json_integer(json_get(field, "max")))
        return FAIL_AT(why, MALFORMED, path, "must be a list of at most %lld", (long long)json_integer(json_get(field, "max")));
    for (size_t i = 0; i < json_size(v); i++)
        TRY(check_choice(field, json_item(v, i), path, why));
    return DONE;
}

static result check_text(const struct json *field, const struct json *v, const char *path, struct why *why)
{
    int64_t max = json_integer(json_get(field, "max"));
    if (json_kind(v) != JSON_STRING)
        return FAIL_AT(why, MALFORMED, path, "must be a text");
    if (json_text(v).len > (size_t)max)
        return FAIL_AT(why, MALFORMED, path, "may be at most %lld bytes long", (long long)max);
    return DONE;
}

static result check_value(const struct json *field, const struct json *v, const char *path, struct why *why)
{
    struct slice type = member(field, "type");
    int64_t ms;
    if (slice_is(type, "text"))
        return check_text(field, v, path, why);
    if (slice_is(type, "choice"))
        return check_choice(field, v, path, why);
    if (slice_is(type, "codes"))
        return check_codes(field, v, path, why);
    if (slice_is(type, "research")) {
        struct research research;
        return research_read(v, slice_str(""), path, &research, why);
    }
    if (slice_is(type, "bool"))
        return json_kind(v) == JSON_BOOL ? DONE : FAIL_AT(why, MALFORMED, path, "must be true or false");
    if (slice_is(type, "moment"))
        return json_kind(v) == JSON_STRING && instant_parse(json_text(v), &ms)
                   ? DONE : FAIL_AT(why, MALFORMED, path, "must be a moment in UTC, as 2026-11-21T00:00:00Z");
    if (slice_is(type, "people") || slice_is(type, "datasets")) {
        int64_t max = json_integer(json_get(field, "max"));
        if (json_kind(v) != JSON_ARRAY || json_size(v) > (size_t)max)
            return FAIL_AT(why, MALFORMED, path, "must be a list of at most %lld", (long long)max);
        return DONE;
    }
    return FAIL(why, BROKEN, "the form has a field of a type that is not known");
}

static bool is_empty(const struct json *v)
{
    return json_kind(v) == JSON_NULL || (json_kind(v) == JSON_STRING && json_text(v).len == 0) || (json_kind(v) == JSON_ARRAY && json_size(v) == 0);
}

result form_check(const struct json *form, const struct json *filled, bool whole, struct why *why)
{
    size_t index = 0;
    struct slice key;
    const struct json *v, *fields = json_get(form, "fields");
    char path[JSON_PATH_MAX];
    if (json_kind(filled) != JSON_OBJECT)
        return FAIL_AT(why, MALFORMED, "", "a form is an object");
    while (json_next(filled, &index, &key, &v)) {
        const struct json *field = field_named(form, key);
        (void)snprintf(path, sizeof path, "/%.*s", SLICE_ARG(slice_part(key, 0, 64)));
        if (slice_is(key, "form"))
            continue;
        if (!field)
            return FAIL_CODE(why, MALFORMED, "unknown_field", path, "the form %.*s has no such field", SLICE_ARG(member(form, "name")));
        if (is_empty(v))
            continue;
        if (!is_asked(field, filled))
            return FAIL_AT(why, MALFORMED, path, "is asked only for certain values of '%.*s': leave it out", SLICE_ARG(member(json_get(field, "when"), "field")));
        TRY(check_value(field, v, path, why));
    }
    for (size_t i = 0; whole && i < json_size(fields); i++) {
        const struct json *field = json_item(fields, i);
        char name[64];
        if (!json_truth(json_get(field, "required")) || !is_asked(field, filled) || !slice_copy_str(member(field, "name"), name, sizeof name))
            continue;
        if (is_empty(json_get(filled, name))) {
            (void)snprintf(path, sizeof path, "/%s", name);
            return FAIL_AT(why, MALFORMED, path, "is needed: %.*s", SLICE_ARG(member(json_get(field, "label"), "en")));
        }
    }
    return DONE;
}
