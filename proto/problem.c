#include "proto/problem.h"

#include <stdio.h>

enum { TEXT_MAX = 512 };

static const char *const CLASSES[] = {"grammar", "policy",     "permit", "trust",  "log", "clock",
                                      "consent", "disclosure", "paused", "access", "site"};

const char *problem_class_name(enum problem_class c)
{
    return c <= PROBLEM_SITE ? CLASSES[c] : "?";
}

static const struct problem_code CODES[] = {
    {"malformed", PROBLEM_GRAMMAR, 400, "The input does not have the form that is asked for."},
    {"unknown_field", PROBLEM_GRAMMAR, 400, "The input holds a field that is not known."},
    {"unknown_dataset", PROBLEM_GRAMMAR, 404, "There is no such dataset."},
    {"unknown_variable", PROBLEM_GRAMMAR, 400, "The dataset has no such variable to ask about."},
    {"unknown_level", PROBLEM_GRAMMAR, 400, "The variable has no such level."},
    {"unknown_grouping", PROBLEM_GRAMMAR, 400, "The variable has no such grouping."},
    {"unknown_statistic", PROBLEM_GRAMMAR, 400, "There is no such statistic."},
    {"off_grid", PROBLEM_GRAMMAR, 400, "The cut is not on the variable's public grid."},
    {"too_many_cells", PROBLEM_GRAMMAR, 400, "The table has more cells than are allowed."},
    {"too_large", PROBLEM_GRAMMAR, 413, "The input is larger than is allowed."},

    {"refused", PROBLEM_POLICY, 403, "A rule does not allow it."},
    {"purpose_not_allowed", PROBLEM_POLICY, 403, "The purpose is not allowed here."},
    {"purpose_unknown", PROBLEM_POLICY, 400, "There is no such purpose."},
    {"use_prohibited", PROBLEM_POLICY, 403, "The use is prohibited."},
    {"statistic_not_allowed", PROBLEM_POLICY, 403, "The statistic is not allowed here."},
    {"summary_not_released", PROBLEM_POLICY, 403, "A summary is not released under this profile."},
    {"quantile_not_released", PROBLEM_POLICY, 403, "This quantile is not released under this profile."},
    {"account_blocked", PROBLEM_POLICY, 403, "The site does not answer this account."},
    {"permit_blocked", PROBLEM_POLICY, 403, "The site does not answer under this permit."},
    {"cells_not_allowed", PROBLEM_POLICY, 403, "The site does not answer tables of this size."},
    {"organisation_not_allowed", PROBLEM_POLICY, 403, "The site does not answer organisations of this kind."},
    {"variable_not_allowed", PROBLEM_POLICY, 403, "The site does not answer questions about this variable."},
    {"budget_exhausted", PROBLEM_POLICY, 403, "The information budget does not cover the question."},
    {"permit_locked", PROBLEM_POLICY, 403, "Too many refusals have locked the permit at the site."},
    {"permit_frozen", PROBLEM_POLICY, 403, "The site has frozen the permit."},
    {"release_by_hand", PROBLEM_POLICY, 403, "The site releases answers by hand."},
    {"use_condition", PROBLEM_POLICY, 403, "The data's conditions of use do not allow it."},
    {"rule_not_met", PROBLEM_POLICY, 403, "A rule for access is not met."},
    {"questions_used_up", PROBLEM_POLICY, 403, "The questions that a rule gives a permit are used up."},
    {"deviation_unexplained", PROBLEM_POLICY, 422, "A decision against the assessment needs a written reason."},
    {"release_refused", PROBLEM_POLICY, 403, "The data holder does not release the answer."},
    {"release_lapsed", PROBLEM_POLICY, 403, "The data holder did not release the answer in time."},
    {"duties_not_apart", PROBLEM_POLICY, 403, "One account may not hold these roles together."},

    {"no_permit", PROBLEM_PERMIT, 403, "There is no such permit."},
    {"permit_not_live", PROBLEM_PERMIT, 403, "The permit is not live."},
    {"permit_expired", PROBLEM_PERMIT, 403, "The permit's period is over."},
    {"outside_scope", PROBLEM_PERMIT, 403, "The permit does not cover it."},
    {"not_a_person_of_the_permit", PROBLEM_PERMIT, 403, "The account is not a person of the permit."},
    {"signatures_missing", PROBLEM_PERMIT, 403, "Signatures are missing."},
    {"signature_invalid", PROBLEM_PERMIT, 403, "A signature does not hold."},
    {"status_too_old", PROBLEM_PERMIT, 403, "The permit's status is too old."},
    {"status_not_kept", PROBLEM_PERMIT, 403, "The site cannot remember the permit's status."},

    {"wrong_network", PROBLEM_TRUST, 403, "The document is for another network."},
    {"wrong_site", PROBLEM_TRUST, 403, "It is addressed to another site."},
    {"unknown_key", PROBLEM_TRUST, 403, "The trust document does not name this key."},
    {"trust_quorum", PROBLEM_TRUST, 403, "The trust document lacks root signatures."},
    {"trust_version", PROBLEM_TRUST, 409, "The trust document is not the next version."},
    {"trust_pin", PROBLEM_TRUST, 403, "It is not the trust document that was pinned."},

    {"no_entry", PROBLEM_LOG, 403, "The task has no entry in the log."},
    {"entry_differs", PROBLEM_LOG, 403, "The log's entry differs from the task."},
    {"proof_invalid", PROBLEM_LOG, 403, "The proof does not hold."},
    {"inconsistent", PROBLEM_LOG, 403, "The log is not consistent with what was seen."},
    {"not_cosigned", PROBLEM_LOG, 403, "No majority of the witnesses has cosigned the log."},
    {"checkpoint_too_old", PROBLEM_LOG, 403, "The checkpoint is too old."},

    {"clock", PROBLEM_CLOCK, 403, "The clocks differ by more than is allowed."},
    {"query_expired", PROBLEM_CLOCK, 403, "The query has expired."},
    {"replayed", PROBLEM_CLOCK, 409, "The document was used before."},

    {"optout_list_too_old", PROBLEM_CONSENT, 403, "The list of opt-outs is too old."},
    {"optout_list_gone", PROBLEM_CONSENT, 403, "The list of opt-outs that the permit keeps cannot be made again."},
    {"disclosure", PROBLEM_DISCLOSURE, 403, "The answer is withheld to protect the persons in the data."},
    {"paused", PROBLEM_PAUSED, 409, "The site has paused."},

    {"certificate_expired", PROBLEM_ACCESS, 403, "The client certificate has ended."},
    {"wrong_origin", PROBLEM_ACCESS, 403, "With a cookie, a change must come from the portal's own pages."},
    {"not_signed_in", PROBLEM_ACCESS, 401, "Sign in first."},
    {"wrong_role", PROBLEM_ACCESS, 403, "The account's roles do not allow it."},
    {"not_yours", PROBLEM_ACCESS, 403, "It belongs to somebody else."},
    {"no_such_thing", PROBLEM_ACCESS, 404, "There is no such thing."},
    {"certificate_replaced", PROBLEM_ACCESS, 403, "The certificate is not the site's current one."},
    {"method_not_allowed", PROBLEM_ACCESS, 405, "The path does not know this method."},
    {"conflict", PROBLEM_ACCESS, 409, "It contradicts what is there."},
    {"too_many_requests", PROBLEM_ACCESS, 429, "Too many requests: try again later."},

    {"fault", PROBLEM_SITE, 500, "Something failed here; it is in the log under the request's id."},
    {"unavailable", PROBLEM_SITE, 503, "Not available at the moment: try again later."},
    {"snapshot_missing", PROBLEM_SITE, 503, "The site has no snapshot of the dataset."},
};
enum { CODE_COUNT = sizeof CODES / sizeof CODES[0] };

const struct problem_code *problem_codes(unsigned *ret_count)
{
    *ret_count = CODE_COUNT;
    return CODES;
}

const struct problem_code *problem_find(const char *code)
{
    for (unsigned i = 0; code && i < CODE_COUNT; i++)
        if (strcmp(CODES[i].code, code) == 0)
            return &CODES[i];
    return NULL;
}

static const char *code_of_status(enum status status)
{
    switch (status) {
    case MALFORMED: return "malformed";
    case DENIED: return "refused";
    case ABSENT: return "no_such_thing";
    case LIMIT: return "too_large";
    case AGAIN: return "too_many_requests";
    case UNAVAILABLE: return "unavailable";
    case OK:
    case BROKEN: break;
    }
    return "fault";
}

const struct problem_code *problem_of(result r, const struct why *why)
{
    /* What broke here is nobody's input: a code set below must not make it look so. */
    const struct problem_code *code = why && r.code != BROKEN ? problem_find(why->code) : NULL;
    return code ? code : problem_find(code_of_status(r.code));
}

/* A text cut in the middle of a character, or quoted from a stranger, must not spoil the document. */
static struct json *mended(const char *text)
{
    char to[TEXT_MAX];
    struct slice s = slice_str(text);
    if (slice_is_utf8(s))
        return json_of_text(s);
    (void)snprintf(to, sizeof to, "%s", text);
    for (char *c = to; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    return json_of_str(to);
}

static bool is_discreet(const struct problem_code *code)
{
    return code->class == PROBLEM_DISCLOSURE || code->http >= 500;
}

struct json *problem_json(const struct problem_code *code, const char *field, const char *text, const char *allowed,
                          struct json *params, const char *instance)
{
    struct json *o = json_object();
    char type[96];
    (void)snprintf(type, sizeof type, "urn:innsyn:problem:%s", code->code);
    json_set(o, "type", json_of_str(type));
    json_set(o, "title", json_of_str(code->title));
    json_set(o, "status", json_of_integer(code->http));
    json_set(o, "code", json_of_str(code->code));
    json_set(o, "class", json_of_str(problem_class_name(code->class)));
    if (instance && *instance)
        json_set(o, "instance", mended(instance));
    if (is_discreet(code)) {
        json_free(params);
        return o;
    }
    if (text && *text)
        json_set(o, "detail", mended(text));
    if (field && *field)
        json_set(o, "field", mended(field));
    if (allowed && *allowed)
        json_set(o, "allowed", mended(allowed));
    if (params)
        json_set(o, "params", params);
    return o;
}

struct json *problem_from_why(result r, const struct why *why, const char *instance)
{
    return problem_json(problem_of(r, why), why ? why->field : "", why ? why->text : "", NULL, NULL, instance);
}

struct json *problem_reason(result r, const struct why *why)
{
    const struct problem_code *code = problem_of(r, why);
    struct json *o = json_object();
    bool discreet = is_discreet(code);
    json_set(o, "class", json_of_str(problem_class_name(code->class)));
    json_set(o, "code", json_of_str(code->code));
    json_set(o, "field", discreet || !why ? json_of_str("") : mended(why->field));
    json_set(o, "text", discreet || !why || !*why->text ? json_of_str(code->title) : mended(why->text));
    return o;
}
