/* application_may.c - may the caller take this step now, on this version?  The table is policy/workflow.c. */
#include "broker/applications/applications.h"

enum { ALLOWED_TEXT_MAX = 512 };

static result refuse_state(struct call *c, const struct application *a, const struct standing *stands, enum step step, unsigned actors, struct why *why)
{
    struct buffer allowed CLEANUP(buffer_done) = {0};
    buffer_init(&allowed, ALLOWED_TEXT_MAX);
    TRY(workflow_allowed(a->state, actors, &allowed, why));
    return refuse_step(c, stands, step_name(step), &allowed, why);
}

static result check_actor(struct call *c, enum step step, unsigned actors, struct why *why)
{
    unsigned may = workflow_actors(step);
    if (!(actors & may))
        return refuse_actor(step_name(step), may, why);
    bool asks = actors & may & ACTORS_ASKING;
    if (!asks && actors & ACTORS_ASKING)
        return FAIL_CODE(why, DENIED, "duties_not_apart", "/command", "nobody decides on an application in which he or she takes part");
    unsigned scope = asks ? SCOPE_APPLY : SCOPE_DECIDE;
    if (!(c->who.scopes & scope))
        return FAIL_CODE(why, DENIED, "wrong_role", "", "the token's scopes do not cover this step");
    return DONE;
}

result application_step_check(struct call *c, const struct application *a, enum step step, int64_t version, const struct workflow_row **ret,
                              struct why *why)
{
    unsigned actors;
    TRY(actors_of(c, slice_str(a->id.text), a->account, &actors, why));
    TRY(check_actor(c, step, actors, why));
    const struct standing stands = {"application", a->id.text, application_state_name(a->state), a->version};
    if (version != a->version)
        return refuse_stale(c, &stands, version, EVENT_LIST, why);
    const struct workflow_row *row = workflow_find(a->state, step);
    if (!row || !(row->actors & actors))
        return refuse_state(c, a, &stands, step, actors, why);
    *ret = row;
    return DONE;
}
