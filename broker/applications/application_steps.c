/*
 * application_steps.c - what may be done with an application, as policy/workflow.c lists it: who, in which
 * state, and what becomes of it.  Every step names the version it was decided on; one that is not the
 * newest is refused with what changed since.
 */
#include "broker/applications/applications.h"
#include "broker/audit/audit.h"
#include "broker/outbox/outbox.h"

#include "policy/fee.h"
#include "proto/document.h"
#include "proto/fields.h"

enum { STEP_TEXT_MAX = 4000 };

static const char *const step_choices[] = {
    "edit", "submit", "accept", "decline", "screen", "complete", "ask", "answer", "opinion", "extend", "grant", "refuse", "withdraw",
    "estimate", "agree", "transfer", "appeal", "uphold", "reopen", "detach", NULL,
};

/* What a request for a step says. */
struct wanted {
    enum step step;
    int64_t version;
    struct slice text, site, deviation;
    unsigned opinion;
    int64_t fee;
    struct label to;            /* who becomes the applicant */
    const struct ground *ground; /* of a refusal */
    struct document_id attachment;
    const struct json *form;
};
static const char *const opinion_choices[] = {"approve", "deny", "conditions", NULL};

/* --- what a step needs and does --- */

static result read_wanted(struct call *c, struct wanted *ret, struct why *why)
{
    struct fields f;
    unsigned step, opinion = 0;
    struct slice text = {0};
    struct wanted w = {0};
    TRY(call_fields(c, &f, why));
    TRY(need_choice(&f, "command", step_choices, &step));
    TRY(need_integer(&f, "version", 1, INT64_C(1) << 52, &w.version));
    w.step = (enum step)step; /* the choices are in the order of the enum */
    TRY(may_text(&f, "text", STEP_TEXT_MAX, &w.text));
    if (w.step == STEP_EDIT)
        TRY(need_object(&f, "form", &w.form));
    if (w.step == STEP_GRANT)
        TRY(may_text(&f, "deviation", STEP_TEXT_MAX, &w.deviation));
    if (w.step == STEP_ANSWER)
        TRY(may_object(&f, "form", &w.form));
    if (w.step == STEP_OPINION) {
        TRY(need_text(&f, "site", SITE_ID_MAX, &w.site));
        TRY(need_choice(&f, "opinion", opinion_choices, &opinion));
        if (strcmp(opinion_choices[opinion], "conditions") == 0 && !w.text.len)
            return FAIL_AT(why, MALFORMED, "/text", "who approves with conditions says which: they become the permit's obligations");
    }
    w.opinion = opinion;
    if (w.step == STEP_ESTIMATE)
        TRY(need_integer(&f, "fee", 0, FEE_MAX, &w.fee));
    if (w.step == STEP_TRANSFER) {
        TRY(need_text(&f, "account", LABEL_MAX, &text));
        TRY(label_parse(text, &w.to, why));
    }
    if (w.step == STEP_DETACH)
        TRY(need_document_id(&f, "attachment", 'f', &w.attachment));
    if (w.step == STEP_REFUSE) {
        text = slice_str("other");
        TRY(may_text(&f, "ground", 32, &text));
        w.ground = ground_find(text);
        if (!w.ground)
            return FAIL_AT(why, MALFORMED, "/ground", "is one of incomplete, purpose, necessity, safeguards, legal_basis, ethics, holder, risk, other");
    }
    TRY(fields_close(&f));
    *ret = w;
    return DONE;
}

static result take_form(struct call *c, struct application *a, const struct wanted *w, struct why *why)
{
    if (!w->form)
        return DONE;
    int64_t before = a->fee;
    TRY(application_check(c, w->form, a, a->state != APPLICATION_DRAFT, why));
    if (a->fee >= 0)
        TRY(fee_of(c->core, json_get(a->body, "datasets"), &before, why));
    if (a->fee >= 0 && a->fee == before) { /* no officer's own estimate: it follows the form, which is the applicant's */
        TRY(fee_of(c->core, json_get(w->form, "datasets"), &a->fee, why));
        a->fee_agreed = a->fee;
    }
    json_free(a->body);
    a->body = json_deep_copy(w->form);
    a->rewritten = true;
    TRY(RUN(c->core, OPINION_CLEAR, NULL, why, store_str(a->id.text))); /* they were about another form */
    return application_parties(c, a->body, &a->id, a->account, why);
}

static result take_membership(struct call *c, struct application *a, const struct wanted *w, struct why *why)
{
    if (w->step == STEP_ACCEPT)
        return RUN(c->core, MEMBER_ACCEPT, NULL, why, store_str(a->id.text), store_str(c->who.account.text), store_integer(c->now_ms));
    const struct json *people = json_get(a->body, "people");
    struct json *left = json_array();
    for (size_t i = 0; i < json_size(people); i++)
        if (!slice_is(json_text(json_item(people, i)), c->who.account.text))
            json_add(left, json_of_text(json_text(json_item(people, i))));
    json_set(a->body, "people", left);
    a->rewritten = true;
    return application_parties(c, a->body, &a->id, a->account, why);
}

static result take_estimate(struct application *a, const struct wanted *w, struct json *fields, struct why *why)
{
    if (w->step == STEP_AGREE) {
        if (a->fee_agreed >= a->fee)
            return FAIL_CODE(why, DENIED, "conflict", "/command", "the estimate is not higher than what was agreed to");
        a->fee_agreed = a->fee;
    } else
        a->fee = w->fee;
    json_set(fields, "fee", json_of_integer(a->fee));
    return DONE;
}

/* The one who leaves stays a member until the form no longer names him or her; the form's own investigator follows. */
static result take_transfer(struct call *c, struct application *a, const struct wanted *w, struct json *fields, struct why *why)
{
    struct rows *members CLEANUP(rows_freep) = NULL;
    bool accepted = false;
    TRY(RUN(c->core, MEMBER_LIST, &members, why, store_str(a->id.text)));
    while (rows_next(members))
        accepted = accepted || (slice_is(rows_text(members, 0), w->to.text) && rows_integer(members, 1));
    if (!accepted)
        return FAIL_CODE(why, DENIED, "conflict", "/account", "'%s' is no member of it who has accepted", w->to.text);
    if (json_get(a->body, "principal_investigator")) {
        json_set(a->body, "principal_investigator", json_of_str(w->to.text));
        a->rewritten = true;
        TRY(RUN(c->core, OPINION_CLEAR, NULL, why, store_str(a->id.text))); /* they were about another's study */
    }
    TRY(RUN(c->core, APPLICATION_APPLICANT, NULL, why, store_str(a->id.text), store_str(w->to.text)));
    TRY(RUN(c->core, MEMBER_DROP, NULL, why, store_str(a->id.text), store_str(w->to.text)));
    TRY(RUN(c->core, MEMBER_ADD, NULL, why, store_str(a->id.text), store_text(a->account))); /* no new member: nobody invites one */
    TRY(application_parties(c, a->body, &a->id, slice_str(w->to.text), why));
    json_set(fields, "to", json_of_str(w->to.text));
    return RUN(c->core, MEMBER_ACCEPT, NULL, why, store_str(a->id.text), store_text(a->account), store_integer(c->now_ms));
}

/* Only a refusal is appealed, once, and in time. */
static result take_appeal(struct call *c, struct application *a, struct why *why)
{
    if (!slice_is(a->outcome, "refused"))
        return FAIL_CODE(why, DENIED, "conflict", "/command", "only a refusal can be appealed");
    if (a->appealed_ms)
        return FAIL_CODE(why, DENIED, "conflict", "/command", "the decision was appealed before; it is appealed once");
    if (c->now_ms > a->decided_ms + APPEAL_DAYS * DAY_MS)
        return FAIL_CODE(why, DENIED, "conflict", "/command", "the three weeks in which the decision could be appealed have passed");
    a->appealed_ms = c->now_ms;
    return DONE;
}

/* Another officer looks at it.  A case that is opened again has no decision until the next one. */
static result take_judgement(struct call *c, struct application *a, const struct wanted *w, struct why *why)
{
    if (slice_is(a->decided_by, c->who.account.text))
        return FAIL_CODE(why, DENIED, "duties_not_apart", "/command", "who made the decision does not judge the appeal against it");
    if (w->step != STEP_REOPEN)
        return DONE;
    a->appealed_ms = 0;
    return RUN(c->core, APPLICATION_DECIDE, NULL, why, store_str(a->id.text), store_str(""), store_integer(0), store_str(""), store_str(""),
               store_str(""), store_str(""));
}

static void take_clock(const struct call *c, struct application *a, unsigned effects)
{
    if (effects & EFFECT_START_CLOCK) {
        a->due_ms = a->left_ms ? c->now_ms + a->left_ms : add_months(c->now_ms, DECISION_MONTHS);
        a->opinions_due_ms = c->now_ms + OPINION_DAYS * DAY_MS;
        a->left_ms = a->answer_due_ms = 0;
    }
    if (effects & EFFECT_STOP_CLOCK) {
        a->left_ms = a->due_ms > c->now_ms ? a->due_ms - c->now_ms : a->due_ms ? 1 : 0;
        a->due_ms = a->opinions_due_ms = 0;
        a->answer_due_ms = c->now_ms + COMPLETION_DAYS * DAY_MS;
    }
    if (effects & EFFECT_EXTEND) {
        a->due_ms = add_months(a->due_ms, EXTENSION_MONTHS);
        a->extended = true;
    }
}

static result take_opinion(struct call *c, struct application *a, const struct wanted *w, struct json *fields, struct why *why)
{
    struct rows *sites CLEANUP(rows_freep) = NULL, *mine CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, PARTY_LIST, &sites, why, store_str(a->id.text), store_integer(PARTY_SITE)));
    TRY(RUN(c->core, HOLDER_SITES, &mine, why, store_str(c->who.account.text)));
    bool concerned = false, speaks = false;
    while (rows_next(sites))
        concerned = concerned || slice_equal(rows_text(sites, 0), w->site);
    while (rows_next(mine))
        speaks = speaks || slice_equal(rows_text(mine, 0), w->site);
    if (!concerned || !speaks)
        return FAIL_CODE(why, DENIED, "not_yours", "/site", "the application does not ask for that site, or the trust document does not name you as its holder");
    if (c->now_ms > a->opinions_due_ms)
        return FAIL_CODE(why, DENIED, "conflict", "/opinion", "the holders' deadline has passed; a holder who disagrees does not sign the permit");
    json_set(fields, "site", json_of_text(w->site));
    json_set(fields, "opinion", json_of_str(opinion_choices[w->opinion]));
    return RUN(c->core, OPINION_PUT, NULL, why, store_str(a->id.text), store_text(w->site), store_str(c->who.account.text),
               store_str(opinion_choices[w->opinion]), store_text(w->text), store_integer(c->now_ms));
}

/* Everyone named has accepted, and the applicant knows what it costs. */
static result check_members(struct call *c, const struct application *a, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, MEMBER_LIST, &rows, why, store_str(a->id.text)));
    while (rows_next(rows))
        if (!rows_integer(rows, 1))
            return FAIL_CODE(why, DENIED, "conflict", "/command", "'%.*s' was named and has not accepted yet", SLICE_ARG(rows_text(rows, 0)));
    if (a->fee_agreed < a->fee)
        return FAIL_CODE(why, DENIED, "conflict", "/command", "the applicant has not agreed to the new fee estimate yet, and may withdraw");
    return DONE;
}

static result check_opinions(struct call *c, const struct application *a, bool grant, struct why *why)
{
    struct rows *given CLEANUP(rows_freep) = NULL, *sites CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, OPINION_LIST, &given, why, store_str(a->id.text)));
    TRY(RUN(c->core, PARTY_LIST, &sites, why, store_str(a->id.text), store_integer(PARTY_SITE)));
    bool denied = false;
    unsigned count = rows_count(given);
    while (rows_next(given)) {
        if (slice_is(rows_text(given, 1), c->who.account.text))
            return FAIL_CODE(why, DENIED, "duties_not_apart", "/command", "who gave a holder's opinion does not decide");
        denied = denied || slice_is(rows_text(given, 2), "deny");
    }
    if (grant && denied)
        return FAIL_CODE(why, DENIED, "conflict", "/command", "a data holder has denied; ask for an application without that site");
    if (grant && count < rows_count(sites) && c->now_ms <= a->opinions_due_ms)
        return FAIL_CODE(why, DENIED, "conflict", "/command", "%u of %u sites' holders have spoken; the others may until their deadline", count, rows_count(sites));
    return DONE;
}

static result take_decision(struct call *c, struct application *a, const struct wanted *w, struct json *fields, struct why *why)
{
    bool grant = w->step == STEP_GRANT;
    struct document_id permit = {""};
    if (a->state == APPLICATION_AWAITING && c->now_ms <= a->answer_due_ms)
        return FAIL_CODE(why, DENIED, "conflict", "/command", "the applicant has four weeks to answer; they have not passed");
    TRY(check_opinions(c, a, grant, why));
    if (grant)
        TRY(check_members(c, a, why));
    TRY(assessment_settle(c, a, w->deviation, grant, fields, why));
    if (grant) {
        TRY(application_check(c, a->body, a, true, why)); /* the catalogue may have changed since */
        TRY(permit_draft(c, a, &permit, why));
    }
    const char *outcome = grant ? "granted" : "refused";
    json_set(fields, "decision", json_of_str(grant ? "grant" : "refuse"));
    if (w->ground)
        json_set(fields, "ground", json_of_str(w->ground->code));
    a->appealed_ms = 0;
    if (a->due_ms && c->now_ms > a->due_ms)
        json_set(fields, "late", json_of_bool(true));
    a->due_ms = a->left_ms = a->opinions_due_ms = a->answer_due_ms = 0;
    json_set(c->answer, "outcome", json_of_str(outcome));
    if (grant)
        json_set(c->answer, "permit", json_of_str(permit.text));
    return RUN(c->core, APPLICATION_DECIDE, NULL, why, store_str(a->id.text), store_str(outcome), store_integer(c->now_ms),
               store_str(c->who.account.text), store_text(w->text), store_str(permit.text), store_str(w->ground ? w->ground->code : ""));
}

static result take_effects(struct call *c, struct application *a, const struct workflow_row *row, const struct wanted *w,
                           struct json *fields, struct why *why)
{
    if (row->effects & EFFECT_TEXT && w->text.len == 0)
        return FAIL_AT(why, MALFORMED, "/text", "'%s' needs a text: the reason, the question or the answer", step_name(w->step));
    if (row->effects & EFFECT_EXTEND && a->extended)
        return FAIL_CODE(why, DENIED, "conflict", "/command", "the time was extended before; it is extended once");
    if (row->effects & EFFECT_FORM)
        TRY(take_form(c, a, w, why));
    if (row->effects & EFFECT_RECEIVE)
        TRY(application_check(c, a->body, a, true, why));
    if (row->effects & EFFECT_MEMBERSHIP)
        TRY(take_membership(c, a, w, why));
    if (row->effects & EFFECT_OPINION)
        TRY(take_opinion(c, a, w, fields, why));
    if (row->effects & EFFECT_ESTIMATE)
        TRY(take_estimate(a, w, fields, why));
    if (row->effects & EFFECT_ATTACHMENT)
        TRY(attachment_drop(c, a, &w->attachment, fields, why));
    if (row->effects & EFFECT_TRANSFER)
        TRY(take_transfer(c, a, w, fields, why));
    if (row->effects & EFFECT_APPEAL)
        TRY(take_appeal(c, a, why));
    if (row->effects & EFFECT_JUDGE)
        TRY(take_judgement(c, a, w, why));
    if (w->step == STEP_WITHDRAW && row->next == APPLICATION_WITHDRAWN && a->fee >= 0) {
        a->fee = fee_incurred(a->fee, a->state); /* who withdraws pays what was done */
        json_set(fields, "fee", json_of_integer(a->fee));
    }
    if (row->effects & EFFECT_DECIDE)
        TRY(take_decision(c, a, w, fields, why));
    take_clock(c, a, row->effects);
    return DONE;
}

static result take(struct call *c, struct application *a, const struct workflow_row *row, const struct wanted *w, struct why *why)
{
    struct json *fields = json_object();
    result r = take_effects(c, a, row, w, fields, why);
    if (!is_ok(r)) {
        json_free(fields);
        return r;
    }
    if (row->effects & EFFECT_RECEIVE) {
        json_free(fields);
        return application_submit(c, a, why);
    }
    return application_write(c, a, w->step, row->next, w->text, fields, why);
}

result application_step(struct call *c, struct why *why)
{
    struct application a CLEANUP(application_done) = {0};
    struct wanted w;
    const struct workflow_row *row;
    TRY(application_of_call(c, &a, why));
    TRY(read_wanted(c, &w, why));
    TRY(application_step_check(c, &a, w.step, w.version, &row, why));
    TRY(take(c, &a, row, &w, why));
    json_set(c->answer, "id", json_of_str(a.id.text));
    json_set(c->answer, "state", json_of_str(application_state_name(a.state)));
    json_set(c->answer, "version", json_of_integer(a.version));
    if (a.due_ms)
        json_set(c->answer, "due", json_of_instant(a.due_ms));
    return DONE;
}
