#include "client/document.h"

#include "client/clean_text.h"

enum { NAME_WIDTH = 14, INDENT = 2 };

struct json *json_copy(const struct json *v)
{
    struct json *copy = NULL;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    if (json_print(v, &text, NULL).code != OK || json_parse(buffer_slice(&text), OUTPUT_BYTES_MAX, &copy, NULL).code != OK)
        return NULL;
    return copy;
}

static bool is_scalar(const struct json *v)
{
    return json_kind(v) != JSON_ARRAY && json_kind(v) != JSON_OBJECT;
}

static bool is_plain_list(const struct json *v)
{
    if (json_kind(v) != JSON_ARRAY)
        return false;
    for (size_t i = 0; i < json_size(v); i++)
        if (!is_scalar(json_item(v, i)))
            return false;
    return true;
}

result document_line(const struct json *v, struct buffer *to, struct why *why)
{
    if (json_kind(v) == JSON_STRING)
        return clean_text(json_text(v), to, why);
    if (is_plain_list(v)) {
        for (size_t i = 0; i < json_size(v); i++) {
            if (i > 0)
                TRY(buffer_add_str(to, ", ", why));
            TRY(document_line(json_item(v, i), to, why));
        }
        return DONE;
    }
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    TRY(json_print(v, &text, why));
    return clean_text(buffer_slice(&text), to, why);
}

static result indent(struct buffer *to, unsigned depth, struct why *why)
{
    return buffer_printf(to, why, "%*s", (int)(depth * INDENT), "");
}

static result show(const struct json *v, unsigned depth, struct buffer *to, struct why *why); /* depth: json_parse bounds it */

static result show_member(struct slice name, const struct json *value, unsigned depth, struct buffer *to, struct why *why)
{
    if (json_kind(value) == JSON_NULL || (!is_scalar(value) && json_size(value) == 0))
        return DONE;
    TRY(indent(to, depth, why));
    size_t before = to->len;
    TRY(clean_text(name, to, why));
    if (is_scalar(value) || is_plain_list(value)) {
        size_t wide = to->len - before;
        TRY(buffer_printf(to, why, "%*s", wide < NAME_WIDTH ? (int)(NAME_WIDTH - wide) : 1, ""));
        TRY(document_line(value, to, why));
        return buffer_add_byte(to, '\n', why);
    }
    TRY(buffer_add_byte(to, '\n', why));
    return show(value, depth + 1, to, why);
}

static result show(const struct json *v, unsigned depth, struct buffer *to, struct why *why)
{
    struct slice name;
    const struct json *value;
    if (json_kind(v) == JSON_OBJECT) {
        for (size_t i = 0; json_next(v, &i, &name, &value);)
            TRY(show_member(name, value, depth, to, why));
        return DONE;
    }
    if (json_kind(v) == JSON_ARRAY && !is_plain_list(v)) {
        for (size_t i = 0; i < json_size(v); i++) {
            if (i > 0) {
                TRY(indent(to, depth, why));
                TRY(buffer_add_str(to, "-\n", why));
            }
            TRY(show(json_item(v, i), depth, to, why));
        }
        return DONE;
    }
    TRY(indent(to, depth, why));
    TRY(document_line(v, to, why));
    return buffer_add_byte(to, '\n', why);
}

result document_show(const struct json *v, struct buffer *to, struct why *why)
{
    return show(v, 0, to, why);
}
