/* answer.c - a request's end, and what the rooms ask of keys and store. */
#include "broker/call/call.h"

#include <stdlib.h>

void pending_free(struct pending *p)
{
    if (!p)
        return;
    buffer_wipe(&p->payload); /* may hold a password */
    buffer_wipe(&p->body);    /* may hold a token */
    wipe(p->cookie, sizeof p->cookie);
    password_job_free(p->job);
    free(p->running);
    free(p);
}

void pending_freep(struct pending **p)
{
    pending_free(*p);
}

void core_answer(struct core *c, struct pending *p)
{
    struct http_reply reply = {
        .status = (uint16_t)p->status,
        .content_type = slice_str(p->content_type),
        .set_cookie = slice_str(p->cookie),
        .location = slice_str(p->location),
        .retry_after_s = (uint16_t)p->retry_after_s,
        .body = buffer_slice(&p->body),
    };
    if (!p->gone)
        c->ports.reply(c->ports.self, p->net, p->tag, &reply);
    pending_free(p);
}

void core_answer_json(struct core *c, struct pending *p, unsigned status, const struct json *body)
{
    struct why why = {0};
    buffer_clear(&p->body);
    p->status = status;
    p->content_type = NULL;
    result r = json_print(body, &p->body, &why);
    if (!is_ok(r))
        refusal_write(p, r, &why, NULL);
    core_answer(c, p);
}

result core_keys(struct core *c, uint16_t kind, struct slice payload, struct buffer *ret, struct why *why)
{
    result r = c->ports.keys(c->ports.self, kind, payload, ret, why);
    if (r.code == UNAVAILABLE)
        c->keys_gone = true;
    return r;
}

result core_run(struct core *c, enum statement statement, const struct store_value *parameters, unsigned count,
                struct rows **ret, struct why *why)
{
    if (statement_writes(statement)) {
        c->wrote = true;
        if (!statement_is_upkeep(statement))
            c->effect = true;
    }
    return store_run(c->store, statement, parameters, count, ret, why);
}

void core_cut_after_commit(struct core *c, const struct site_id *site)
{
    if (c->cut_count < CUTS_MAX)
        c->cuts[c->cut_count++] = *site;
}
