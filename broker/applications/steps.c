/*
 * steps.c - what applications and enquiries have in common: a history of steps, and how a step is refused
 * that was decided on an older version or is not for the state that the thing is in.
 */
#include "broker/applications/applications.h"

#include "proto/problem.h"

struct json *events_json(struct rows *rows, bool with_text)
{
    struct json *list = json_array();
    while (rows_next(rows)) {
        struct json *item = json_object();
        json_set(item, "version", json_of_integer(rows_integer(rows, 0)));
        json_set(item, "at", json_of_instant(rows_integer(rows, 1)));
        json_set(item, "account", json_of_text(rows_text(rows, 2)));
        json_set(item, "command", json_of_text(rows_text(rows, 3)));
        json_set(item, "state", json_of_text(rows_text(rows, 4)));
        if (with_text && rows_text(rows, 5).len)
            json_set(item, "text", json_of_text(rows_text(rows, 5)));
        json_add(list, item);
    }
    return list;
}

static struct json *where_it_stands(const struct standing *s)
{
    struct json *params = json_object();
    json_set(params, "state", json_of_str(s->state));
    json_set(params, "version", json_of_integer(s->version));
    return params;
}

static const char *instance_of(const struct call *c, char to[96])
{
    if (!slice_copy_str(c->request->request_id, to, 96))
        to[0] = 0;
    return to;
}

result refuse_stale(struct call *c, const struct standing *s, int64_t version, enum statement events, struct why *why)
{
    char instance[96], text[160];
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, events, &rows, why, store_str(s->id), store_integer(version), store_integer(CHANGES_MAX)));
    struct json *params = where_it_stands(s);
    json_set(params, "changes", events_json(rows, false));
    (void)snprintf(text, sizeof text, "the %s is at version %lld, not %lld: look at what changed and decide again", s->what,
                   (long long)s->version, (long long)version);
    c->problem = problem_json(problem_find("conflict"), "/version", text, NULL, params, instance_of(c, instance));
    return FAIL_CODE(why, DENIED, "conflict", "/version", "%s", text);
}

result refuse_step(struct call *c, const struct standing *s, const char *step, struct buffer *allowed, struct why *why)
{
    char instance[96], text[260];
    const char *list = allowed->len ? buffer_str(allowed) : "nothing";
    (void)snprintf(text, sizeof text, "'%s' is not for an %s that is %s; you may: %s", step, s->what, s->state, list ? list : "");
    c->problem = problem_json(problem_find("conflict"), "/command", text, list, where_it_stands(s), instance_of(c, instance));
    return FAIL_CODE(why, DENIED, "conflict", "/command", "%s", text);
}

result refuse_actor(const char *step, unsigned may, struct why *why)
{
    char text[96] = "";
    for (unsigned i = 0; i < ACTOR_COUNT; i++)
        if (may >> i & 1)
            (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", text[0] ? " or " : "", actor_name(1u << i));
    return FAIL_CODE(why, DENIED, "wrong_role", "/command", "'%s' is for its %s", step, text);
}
