#include "proto/document.h"
#include "proto/fields.h"

#include <stdio.h>

result fail_there(result r, struct why *why, const char *path)
{
    if (!is_ok(r) && why)
        (void)snprintf(why->field, sizeof why->field, "%s", path);
    return r;
}

static result fail_at_member(result r, const struct fields *f, const char *key)
{
    char path[JSON_PATH_MAX];
    if (is_ok(r))
        return r;
    fields_path(f, key, path);
    return fail_there(r, f->why, path);
}

result need_kind(struct fields *f, const char *kind)
{
    struct slice text;
    TRY(need_text(f, "innsyn", 64, &text));
    if (slice_is(text, kind))
        return DONE;
    char path[JSON_PATH_MAX];
    fields_path(f, "innsyn", path);
    return FAIL_AT(f->why, MALFORMED, path, "must be \"%s\"", kind);
}

result need_label(struct fields *f, const char *key, struct label *ret)
{
    struct slice text;
    TRY(need_text(f, key, LABEL_MAX, &text));
    return fail_at_member(label_parse(text, ret, f->why), f, key);
}

result need_site_id(struct fields *f, const char *key, struct site_id *ret)
{
    struct slice text;
    TRY(need_text(f, key, SITE_ID_MAX, &text));
    return fail_at_member(site_id_parse(text, ret, f->why), f, key);
}

result need_document_id(struct fields *f, const char *key, char kind, struct document_id *ret)
{
    struct slice text;
    TRY(need_text(f, key, DOCUMENT_ID_LEN, &text));
    return fail_at_member(document_id_parse(text, kind, ret, f->why), f, key);
}

result need_public_key(struct fields *f, const char *key, struct public_key *ret)
{
    struct slice text;
    TRY(need_text(f, key, 2 * PUBLIC_KEY_DER_MAX, &text));
    return fail_at_member(public_key_parse_base64(text, ret, f->why), f, key);
}

void path_of_item(const struct fields *f, const char *key, size_t index, char to[JSON_PATH_MAX])
{
    char path[JSON_PATH_MAX];
    fields_path(f, key, path);
    (void)snprintf(to, JSON_PATH_MAX, "%.80s/%u", path, (unsigned)index);
}

result open_item(const struct fields *f, const char *key, const struct json *array, size_t index, struct fields *ret)
{
    char path[JSON_PATH_MAX];
    path_of_item(f, key, index, path);
    return fields_open(json_item(array, index), path, ret, f->why);
}
