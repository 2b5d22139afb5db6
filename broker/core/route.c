/*
 * route.c - which call is whose: method, path, role, scope, handler, in one table.
 * Every right is checked here at each call (I9); handlers check what depends on the thing itself.
 */
#include "broker/accounts/accounts.h"
#include "broker/applications/applications.h"
#include "broker/audit/audit.h"
#include "broker/core/turn.h"
#include "broker/outbox/outbox.h"
#include "broker/permits/permits.h"
#include "broker/sites/sites.h"

#include "base/codec.h"

static const struct route routes[COMMAND_COUNT] = {
    [COMMAND_ENROL] = {COMMAND_ENROL, 0, false, site_enrol},
    [COMMAND_RENEW] = {COMMAND_RENEW, 0, false, site_renew},
    [COMMAND_CATALOGUE_PUT] = {COMMAND_CATALOGUE_PUT, 0, false, catalogue_put},
    [COMMAND_POLL] = {COMMAND_POLL, 0, false, site_poll},
    [COMMAND_TASK_RESULT] = {COMMAND_TASK_RESULT, 0, false, task_result},
    [COMMAND_LOGIN] = {COMMAND_LOGIN, 0, false, session_login},
    [COMMAND_LOGOUT] = {COMMAND_LOGOUT, SCOPE_ACCOUNT, false, session_logout},
    [COMMAND_ME] = {COMMAND_ME, SCOPE_READ, false, session_me},
    [COMMAND_ME_MAIL] = {COMMAND_ME_MAIL, SCOPE_ACCOUNT, false, account_mail},
    [COMMAND_TOKEN_ADD] = {COMMAND_TOKEN_ADD, SCOPE_ACCOUNT, false, token_create},
    [COMMAND_TOKEN_LIST] = {COMMAND_TOKEN_LIST, SCOPE_READ, false, token_list},
    [COMMAND_TOKEN_REMOVE] = {COMMAND_TOKEN_REMOVE, SCOPE_ACCOUNT, false, token_drop},
    [COMMAND_ACCOUNT_ADD] = {COMMAND_ACCOUNT_ADD, SCOPE_ADMIN, false, account_create},
    [COMMAND_ACCOUNT_LIST] = {COMMAND_ACCOUNT_LIST, SCOPE_READ, false, account_list},
    [COMMAND_SITE_ADD] = {COMMAND_SITE_ADD, SCOPE_ADMIN, false, site_create},
    [COMMAND_SITE_LIST] = {COMMAND_SITE_LIST, SCOPE_READ, false, site_list},
    [COMMAND_TRUST_GET] = {COMMAND_TRUST_GET, 0, false, trust_get},
    [COMMAND_TRUST_PUT] = {COMMAND_TRUST_PUT, SCOPE_ADMIN, false, trust_put},
    [COMMAND_CATALOGUE_LIST] = {COMMAND_CATALOGUE_LIST, SCOPE_READ, false, catalogue_list},
    [COMMAND_CATALOGUE_GET] = {COMMAND_CATALOGUE_GET, SCOPE_READ, false, catalogue_get},
    [COMMAND_APPLICATION_ADD] = {COMMAND_APPLICATION_ADD, SCOPE_APPLY, true, application_create},
    [COMMAND_APPLICATION_LIST] = {COMMAND_APPLICATION_LIST, SCOPE_READ, false, application_list},
    [COMMAND_APPLICATION_GET] = {COMMAND_APPLICATION_GET, SCOPE_READ, false, application_get},
    [COMMAND_APPLICATION_STEP] = {COMMAND_APPLICATION_STEP, SCOPE_APPLY | SCOPE_DECIDE, true, application_step},
    [COMMAND_APPLICATION_COPY] = {COMMAND_APPLICATION_COPY, SCOPE_APPLY, true, application_copy},
    [COMMAND_APPLICATION_LETTER] = {COMMAND_APPLICATION_LETTER, SCOPE_READ, false, application_letter},
    [COMMAND_APPLICATION_EXPORT] = {COMMAND_APPLICATION_EXPORT, SCOPE_READ, false, application_export},
    [COMMAND_ATTACHMENT_ADD] = {COMMAND_ATTACHMENT_ADD, SCOPE_APPLY, true, attachment_add},
    [COMMAND_ATTACHMENT_GET] = {COMMAND_ATTACHMENT_GET, SCOPE_READ, false, attachment_get},
    [COMMAND_ENQUIRY_ADD] = {COMMAND_ENQUIRY_ADD, SCOPE_APPLY, true, enquiry_create},
    [COMMAND_ENQUIRY_LIST] = {COMMAND_ENQUIRY_LIST, SCOPE_READ, false, enquiry_list},
    [COMMAND_ENQUIRY_GET] = {COMMAND_ENQUIRY_GET, SCOPE_READ, false, enquiry_get},
    [COMMAND_ENQUIRY_STEP] = {COMMAND_ENQUIRY_STEP, SCOPE_APPLY | SCOPE_DECIDE, true, enquiry_step},
    [COMMAND_APPLICATION_ASSESSMENT] = {COMMAND_APPLICATION_ASSESSMENT, SCOPE_READ, false, application_assessment},
    [COMMAND_POLICY_GET] = {COMMAND_POLICY_GET, SCOPE_READ, false, policy_get},
    [COMMAND_POLICY_PUT] = {COMMAND_POLICY_PUT, SCOPE_ADMIN, false, policy_put},
    [COMMAND_ORGANISATION_PUT] = {COMMAND_ORGANISATION_PUT, SCOPE_ADMIN, true, organisation_put},
    [COMMAND_ORGANISATION_LIST] = {COMMAND_ORGANISATION_LIST, SCOPE_READ, false, organisation_list},
    [COMMAND_TRAINING_ADD] = {COMMAND_TRAINING_ADD, SCOPE_ADMIN, true, training_add},
    [COMMAND_TERMS_SIGN] = {COMMAND_TERMS_SIGN, SCOPE_ACCOUNT | SCOPE_APPLY, true, terms_sign},
    [COMMAND_ATTESTATION_LIST] = {COMMAND_ATTESTATION_LIST, SCOPE_READ, false, attestation_list},
    [COMMAND_FORM_LIST] = {COMMAND_FORM_LIST, 0, false, form_list},
    [COMMAND_REGISTER_LIST] = {COMMAND_REGISTER_LIST, 0, false, register_list},
    [COMMAND_REGISTER_REPORT] = {COMMAND_REGISTER_REPORT, 0, false, register_report},
    [COMMAND_PERMIT_LIST] = {COMMAND_PERMIT_LIST, SCOPE_READ, false, permit_list},
    [COMMAND_PERMIT_GET] = {COMMAND_PERMIT_GET, SCOPE_READ, false, permit_get},
    [COMMAND_PERMIT_SIGNATURE] = {COMMAND_PERMIT_SIGNATURE, SCOPE_DECIDE, true, permit_sign},
    [COMMAND_PERMIT_STATUS] = {COMMAND_PERMIT_STATUS, SCOPE_DECIDE, true, permit_change},
    [COMMAND_PERMIT_AMEND] = {COMMAND_PERMIT_AMEND, SCOPE_APPLY, true, permit_amend},
    [COMMAND_PERMIT_RENEW] = {COMMAND_PERMIT_RENEW, SCOPE_APPLY, true, permit_renew},
    [COMMAND_QUERY_ADD] = {COMMAND_QUERY_ADD, SCOPE_QUERY, true, query_create},
    [COMMAND_QUERY_CHECK] = {COMMAND_QUERY_CHECK, SCOPE_QUERY, false, query_check},
    [COMMAND_QUERY_LIST] = {COMMAND_QUERY_LIST, SCOPE_READ, false, query_list},
    [COMMAND_QUERY_GET] = {COMMAND_QUERY_GET, SCOPE_READ, false, query_get},
    [COMMAND_QUERY_CANCEL] = {COMMAND_QUERY_CANCEL, SCOPE_QUERY | SCOPE_DECIDE, false, query_cancel},
    [COMMAND_QUERY_SITE_RESULTS] = {COMMAND_QUERY_SITE_RESULTS, SCOPE_READ, false, query_site_results},
    [COMMAND_OPTOUT_ADD] = {COMMAND_OPTOUT_ADD, SCOPE_DECIDE, true, optout_add},
    [COMMAND_OPTOUT_LISTS] = {COMMAND_OPTOUT_LISTS, SCOPE_READ, false, optout_lists},
    [COMMAND_OPTOUT_GET] = {COMMAND_OPTOUT_GET, SCOPE_READ, false, optout_get},
    [COMMAND_LOG_CHECKPOINT] = {COMMAND_LOG_CHECKPOINT, 0, false, log_get_checkpoint},
    [COMMAND_LOG_ENTRIES] = {COMMAND_LOG_ENTRIES, SCOPE_READ, false, log_get_entries},
    [COMMAND_LOG_INCLUSION] = {COMMAND_LOG_INCLUSION, 0, false, log_get_inclusion},
    [COMMAND_LOG_CONSISTENCY] = {COMMAND_LOG_CONSISTENCY, 0, false, log_get_consistency},
    [COMMAND_LOG_TILE] = {COMMAND_LOG_TILE, 0, false, log_get_tile},
    [COMMAND_LOG_COSIGNATURE] = {COMMAND_LOG_COSIGNATURE, 0, false, log_put_cosignature},
    [COMMAND_LOG_BUNDLE] = {COMMAND_LOG_BUNDLE, SCOPE_READ, false, log_get_bundle},
    [COMMAND_LOG_SEARCH] = {COMMAND_LOG_SEARCH, SCOPE_READ, false, log_search},
    [COMMAND_LOG_WATCH] = {COMMAND_LOG_WATCH, SCOPE_READ, false, log_watch},
    [COMMAND_ERASE] = {COMMAND_ERASE, SCOPE_ADMIN, true, texts_erase},
};

enum { IDEMPOTENCY_KEY_MAX = 64 };

static const char *method_name(unsigned method)
{
    static const char *const names[] = {[HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE"};
    return method <= HTTP_DELETE && names[method] ? names[method] : "";
}

static result find_route(struct call *c, struct why *why)
{
    enum command command = policy_command_find(method_name(c->request->method), c->request->path, &c->id);
    for (unsigned m = HTTP_GET; command == COMMAND_COUNT && m <= HTTP_DELETE; m++)
        if (policy_command_find(method_name(m), c->request->path, &c->id) != COMMAND_COUNT)
            return FAIL_CODE(why, DENIED, "method_not_allowed", "", "this path does not take that method");
    if (command == COMMAND_COUNT)
        return no_such_thing(why);
    unsigned callers = command_rule(command)->callers;
    /* Each listener serves its own callers: agents come with a certificate, people without. */
    bool agents = c->request->listener == LISTENER_AGENTS;
    if (agents ? !(callers & CALLER_AGENT) : !(callers & ~(unsigned)CALLER_AGENT))
        return no_such_thing(why);
    c->route = &routes[command];
    c->anyone = callers & CALLER_ANYONE;
    return DONE;
}

static result check_who(struct call *c, struct why *why)
{
    enum command command = c->route->command;
    unsigned callers = command_rule(command)->callers;
    if (c->request->listener == LISTENER_AGENTS)
        return site_check_certificate(c, why);
    TRY(session_identify(c, why));
    if (c->anyone)
        return DONE;
    if (!c->who.account.text[0])
        return FAIL_CODE(why, DENIED, "not_signed_in", "", "sign in (POST /v1/login) and send the token");
    if (!policy_role_may(c->who.roles, command)) {
        char text[ROLES_TEXT_SIZE];
        roles_print(callers & ROLES_ALL, text);
        return FAIL_CODE(why, DENIED, "wrong_role", "", "this call is for the role %s", text);
    }
    if (!(c->who.scopes & c->route->scope))
        return FAIL_CODE(why, DENIED, "wrong_role", "", "the token's scopes do not cover this call");
    return DONE;
}

static struct hash request_hash(const struct call *c)
{
    struct hash h = {0};
    struct hasher *hasher = NULL;
    if (!is_ok(hasher_new(&hasher, NULL)))
        return h;
    hasher_add(hasher, slice_of(&c->request->method, 1));
    hasher_add(hasher, c->request->path);
    hasher_add(hasher, slice_of("", 1));
    hasher_add(hasher, c->request->query);
    hasher_add(hasher, slice_of("", 1));
    hasher_add(hasher, c->request->body);
    h = hasher_end(hasher);
    hasher_free(hasher);
    return h;
}

/* *ret: this very request was answered before, and the answer stands in the pending request. */
static result answered_before(struct call *c, bool *ret, struct why *why)
{
    struct slice key = c->request->idempotency_key;
    *ret = false;
    if (key.len > IDEMPOTENCY_KEY_MAX || !slice_is_utf8(key))
        return FAIL_AT(why, MALFORMED, "Idempotency-Key", "has 1 to %d characters", IDEMPOTENCY_KEY_MAX);
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, IDEMPOTENCY_GET, &rows, why, store_str(c->who.account.text), store_text(key)));
    if (!rows_next(rows))
        return DONE;
    struct hash h = request_hash(c);
    if (!slice_equal(rows_bytes(rows, 0), slice_of(h.at, HASH_LEN)))
        return FAIL_CODE(why, DENIED, "conflict", "Idempotency-Key", "this key was used for another request");
    c->pending->status = (unsigned)rows_integer(rows, 1);
    TRY(buffer_add(&c->pending->body, rows_text(rows, 2), why));
    *ret = true;
    return DONE;
}

result call_decide(struct call *c, struct why *why)
{
    TRY(find_route(c, why));
    TRY(check_who(c, why));
    bool once = c->route->once && c->request->idempotency_key.len > 0;
    bool before = false;
    if (once)
        TRY(answered_before(c, &before, why));
    if (before)
        return DONE;
    TRY(c->route->handle(c, why));
    if (c->pending->outcome != OUTCOME_ANSWER)
        return DONE;
    if (c->pending->body.len == 0)
        TRY(json_print(c->answer, &c->pending->body, why));
    if (once) {
        struct hash h = request_hash(c);
        TRY(RUN(c->core, IDEMPOTENCY_PUT, NULL, why, store_str(c->who.account.text), store_text(c->request->idempotency_key),
                store_bytes(slice_of(h.at, HASH_LEN)), store_integer(c->pending->status),
                store_text(buffer_slice(&c->pending->body)), store_integer(c->now_ms)));
    }
    return DONE;
}
