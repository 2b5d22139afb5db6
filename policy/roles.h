/*
 * roles.h - who may give which command: one table of role by command (docs/PROTOCOL.md section 8), read by
 * the broker at each call, by tests and by docs.  What else a command asks (that the thing is the caller's
 * own) stands in `relation` and is checked where the thing is known.  Pure.
 */
#ifndef INNSYN_POLICY_ROLES_H
#define INNSYN_POLICY_ROLES_H

#include "base/result.h"
#include "base/slice.h"

enum role {
    ROLE_RESEARCHER = 1 << 0,
    ROLE_OFFICER = 1 << 1,
    ROLE_HOLDER = 1 << 2,
    ROLE_AUDITOR = 1 << 3,
    ROLE_OPERATOR = 1 << 4,
    ROLE_DESK = 1 << 5,
};
enum { ROLE_COUNT = 6, ROLES_ALL = (1 << ROLE_COUNT) - 1, ROLES_TEXT_SIZE = 64 };

/* Callers that hold no role, in the same table. */
enum { CALLER_ANYONE = 1 << 8, CALLER_AGENT = 1 << 9 /* a verified site certificate */ };

const char *role_name(unsigned role); /* one role: "researcher", ...; else "?" */
/* One name.  MALFORMED lists the roles. */
MUST_CHECK result role_parse(struct slice text, unsigned *ret, struct why *why);
/* Names joined by ',' ("officer,holder"; "" is 0), each at most once, and back in the order of the enum. */
MUST_CHECK result roles_parse(struct slice text, unsigned *ret, struct why *why);
void roles_print(unsigned roles, char to[ROLES_TEXT_SIZE]);
/* I9: who asks does not decide, watch or run.  DENIED (duties_not_apart) names the pair. */
MUST_CHECK result roles_check_apart(unsigned roles, struct why *why);

enum command {
    /* agents */
    COMMAND_ENROL,
    COMMAND_RENEW,
    COMMAND_CATALOGUE_PUT,
    COMMAND_POLL,
    COMMAND_TASK_RESULT,
    /* people */
    COMMAND_LOGIN,
    COMMAND_LOGOUT,
    COMMAND_ME,
    COMMAND_ME_MAIL,
    COMMAND_TOKEN_ADD,
    COMMAND_TOKEN_LIST,
    COMMAND_TOKEN_REMOVE,
    COMMAND_ACCOUNT_ADD,
    COMMAND_ACCOUNT_LIST,
    COMMAND_SITE_ADD,
    COMMAND_SITE_LIST,
    COMMAND_TRUST_GET,
    COMMAND_TRUST_PUT,
    COMMAND_CATALOGUE_LIST,
    COMMAND_CATALOGUE_GET,
    COMMAND_APPLICATION_ADD,
    COMMAND_APPLICATION_LIST,
    COMMAND_APPLICATION_GET,
    COMMAND_APPLICATION_STEP,
    COMMAND_APPLICATION_COPY,
    COMMAND_APPLICATION_LETTER,
    COMMAND_APPLICATION_EXPORT,
    COMMAND_ATTACHMENT_ADD,
    COMMAND_ATTACHMENT_GET,
    COMMAND_ENQUIRY_ADD,
    COMMAND_ENQUIRY_LIST,
    COMMAND_ENQUIRY_GET,
    COMMAND_ENQUIRY_STEP,
    COMMAND_APPLICATION_ASSESSMENT,
    COMMAND_FORM_LIST,
    COMMAND_POLICY_GET,
    COMMAND_POLICY_PUT,
    COMMAND_ORGANISATION_PUT,
    COMMAND_ORGANISATION_LIST,
    COMMAND_TRAINING_ADD,
    COMMAND_TERMS_SIGN,
    COMMAND_ATTESTATION_LIST,
    COMMAND_REGISTER_LIST,
    COMMAND_REGISTER_REPORT,
    COMMAND_PERMIT_LIST,
    COMMAND_PERMIT_GET,
    COMMAND_PERMIT_SIGNATURE,
    COMMAND_PERMIT_STATUS,
    COMMAND_PERMIT_AMEND,
    COMMAND_PERMIT_RENEW,
    COMMAND_QUERY_ADD,
    COMMAND_QUERY_CHECK,
    COMMAND_QUERY_LIST,
    COMMAND_QUERY_GET,
    COMMAND_QUERY_CANCEL,
    COMMAND_QUERY_SITE_RESULTS,
    COMMAND_OPTOUT_ADD,
    COMMAND_OPTOUT_LISTS,
    COMMAND_OPTOUT_GET,
    COMMAND_LOG_CHECKPOINT,
    COMMAND_LOG_ENTRIES,
    COMMAND_LOG_INCLUSION,
    COMMAND_LOG_CONSISTENCY,
    COMMAND_LOG_TILE,
    COMMAND_LOG_BUNDLE,
    COMMAND_LOG_SEARCH,
    COMMAND_LOG_WATCH,
    COMMAND_ERASE,
    COMMAND_LOG_COSIGNATURE,
    COMMAND_COUNT,
};

struct command_rule {
    enum command command;
    const char *method;   /* "GET" */
    const char *path;     /* "/v1/queries/{id}"; {name*} stands for the rest, with its '/' */
    unsigned callers;     /* roles, CALLER_ANYONE or CALLER_AGENT */
    const char *relation; /* what else must hold, NULL: nothing */
};
const struct command_rule *command_rule(enum command c);

/* roles: those of the account signed in (0: nobody), or CALLER_AGENT. */
bool policy_role_may(unsigned roles, enum command c);
/* The command of a method and a path ("/v1/queries/q-0..."); COMMAND_COUNT when there is none.  *ret_id: the
 * part that stands where the table says {..}, empty when there is none. */
enum command policy_command_find(const char *method, struct slice path, struct slice *ret_id);

#endif
