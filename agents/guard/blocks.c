#include "agents/guard/blocks.h"

#include "proto/document.h"
#include "proto/fields.h"

bool blocks_hold(const struct blocks *b, const struct document_id *permit)
{
    for (unsigned i = 0; i < b->count; i++)
        if (document_id_equal(&b->permits[i], permit))
            return true;
    return false;
}

bool blocks_equal(const struct blocks *a, const struct blocks *b)
{
    for (unsigned i = 0; i < a->count; i++)
        if (!blocks_hold(b, &a->permits[i]))
            return false;
    return a->count == b->count;
}

static result read_list(struct slice text, struct blocks *b, struct why *why)
{
    struct json *v CLEANUP(json_freep) = NULL;
    struct fields f;
    const struct json *permits;
    TRY(json_parse(text, BLOCKS_BYTES_MAX, &v, why));
    TRY(fields_open(v, "", &f, why));
    TRY(need_kind(&f, "blocked/1"));
    TRY(need_array(&f, "permits", BLOCKS_MAX, &permits));
    TRY(fields_close(&f));
    for (size_t i = 0; i < json_size(permits); i++) {
        struct document_id id;
        TRY(document_id_parse(json_text(json_item(permits, i)), 'p', &id, why));
        if (!blocks_hold(b, &id))
            b->permits[b->count++] = id;
    }
    return DONE;
}

result blocks_read(const struct host *host, const struct agent_settings *s, struct blocks *ret, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct blocks b = {0};
    struct why inner = {0};
    buffer_init(&text, BLOCKS_BYTES_MAX);
    agent_path(s, "blocked.json", path);
    result r = host_read_file(host, path, BLOCKS_BYTES_MAX, &text, &inner);
    if (is_ok(r))
        r = read_list(buffer_slice(&text), &b, &inner);
    else if (r.code == ABSENT)
        r = DONE;
    if (!is_ok(r))
        return FAIL_AT(why, BROKEN, inner.field, "%.100s: %.120s", path, inner.text);
    *ret = b;
    return DONE;
}

result blocks_write(const struct host *host, const struct agent_settings *s, const struct blocks *b, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = json_object(), *permits = json_array();
    json_set(v, "innsyn", json_of_str("blocked/1"));
    json_set(v, "permits", permits);
    for (unsigned i = 0; i < b->count; i++)
        json_add(permits, json_of_str(b->permits[i].text));
    buffer_init(&text, BLOCKS_BYTES_MAX);
    TRY(json_print(v, &text, why));
    agent_path(s, "blocked.json", path);
    return host_write_file(host, path, 0644, buffer_slice(&text), why);
}
