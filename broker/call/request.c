/* request.c - what handlers read of a request, and the pages they answer with. */
#include "broker/call/call.h"
#include "proto/fields.h"

#include <inttypes.h>

enum { BODY_MAX = HTTP_BODY_MAX };

result no_such_thing(struct why *why)
{
    return FAIL_CODE(why, ABSENT, "no_such_thing", "", "there is no such thing, or it is not yours to see");
}

result call_fields(struct call *c, struct fields *ret, struct why *why)
{
    if (!c->body)
        TRY(json_parse(c->request->body.len ? c->request->body : slice_str("{}"), BODY_MAX, &c->body, why));
    return fields_open(c->body, "", ret, why);
}

bool call_parameter(const struct call *c, const char *name, struct slice *ret)
{
    struct slice rest = c->request->query;
    size_t len = strlen(name);
    while (rest.len) {
        size_t end = slice_find(rest, '&');
        struct slice one = slice_part(rest, 0, end);
        if (one.len > len && one.at[len] == '=' && memcmp(one.at, name, len) == 0) {
            *ret = slice_part(one, len + 1, one.len);
            return true;
        }
        rest = slice_part(rest, end + 1, rest.len);
    }
    return false;
}

result call_number(const struct call *c, const char *name, uint64_t max, bool needed, uint64_t fallback,
                   uint64_t *ret, struct why *why)
{
    struct slice text;
    if (!call_parameter(c, name, &text)) {
        if (needed)
            return FAIL_AT(why, MALFORMED, name, "the parameter '%s' is needed", name);
        *ret = fallback;
        return DONE;
    }
    if (!slice_parse_u64(text, max, ret))
        return FAIL_AT(why, MALFORMED, name, "'%s' must be a whole number from 0 to %" PRIu64, name, max);
    return DONE;
}

result call_document_id(const struct call *c, char kind, struct document_id *ret, struct why *why)
{
    if (!is_ok(document_id_parse(c->id, kind, ret, NULL)))
        return no_such_thing(why);
    return DONE;
}

bool call_has_role(const struct call *c, unsigned role)
{
    return c->who.roles & role;
}

/* --- pages --- */

static result page_limit(const struct call *c, struct page *ret, struct why *why)
{
    uint64_t limit;
    TRY(call_number(c, "limit", PAGE_MAX, false, PAGE_DEFAULT, &limit, why));
    ret->limit = limit ? (int64_t)limit : 1;
    return DONE;
}

result page_read(const struct call *c, struct page *ret, struct why *why)
{
    struct slice cursor;
    struct page p = {.before_ms = INT64_MAX};
    TRY(page_limit(c, &p, why));
    if (call_parameter(c, "cursor", &cursor)) {
        size_t dot = slice_find(cursor, '.');
        uint64_t ms;
        if (dot == cursor.len || !slice_parse_u64(slice_part(cursor, 0, dot), INT64_MAX, &ms))
            return FAIL_AT(why, MALFORMED, "cursor", "use the 'next' of the page before");
        p.before_ms = (int64_t)ms;
        p.after = slice_part(cursor, dot + 1, cursor.len);
    }
    if (!slice_is_utf8(p.after))
        return FAIL_AT(why, MALFORMED, "cursor", "use the 'next' of the page before");
    *ret = p;
    return DONE;
}

result page_read_names(const struct call *c, struct page *ret, struct why *why)
{
    struct page p = {0};
    TRY(page_limit(c, &p, why));
    if (call_parameter(c, "cursor", &p.after) && !slice_is_utf8(p.after))
        return FAIL_AT(why, MALFORMED, "cursor", "use the 'next' of the page before");
    *ret = p;
    return DONE;
}

struct json *page_json(const struct page *p, struct json *items, const char *cursor)
{
    struct json *v = json_object();
    if ((int64_t)json_size(items) >= p->limit && cursor)
        json_set(v, "next", json_of_str(cursor));
    json_set(v, "items", items);
    return v;
}

struct json *page_json_newest(const struct page *p, struct json *items, int64_t last_ms, struct slice last_id)
{
    char cursor[96];
    snprintf(cursor, sizeof cursor, "%" PRId64 ".%.*s", last_ms, SLICE_ARG(last_id));
    return page_json(p, items, cursor);
}
