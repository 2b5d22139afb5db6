/*
 * refusal.c - a refusal becomes problem+json (docs/PROTOCOL.md section 9) in the pending request.
 */
#include "broker/call/call.h"

#include "proto/problem.h"

void refusal_write(struct pending *p, result r, const struct why *why, const struct json *document)
{
    char instance[96];
    if (!slice_copy_str(p->request.request_id, instance, sizeof instance))
        instance[0] = 0;
    struct json *made CLEANUP(json_freep) = document ? NULL : problem_from_why(r, why, instance);
    p->outcome = OUTCOME_ANSWER;
    p->status = problem_of(r, why)->http;
    p->content_type = "application/problem+json";
    p->cookie[0] = p->location[0] = 0;
    if (p->status == 503 && p->retry_after_s == 0)
        p->retry_after_s = 1;
    buffer_clear(&p->body);
    if (!is_ok(json_print(document ? document : made, &p->body, NULL)))
        buffer_clear(&p->body); /* no memory for the text: the status says it alone */
}
