#include "policy/roles.h"

#include <stdio.h>

static const char *const NAMES[ROLE_COUNT] = {"researcher", "officer", "holder", "auditor", "operator", "desk"};

const char *role_name(unsigned role)
{
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        if (role == 1u << i)
            return NAMES[i];
    return "?";
}

result role_parse(struct slice text, unsigned *ret, struct why *why)
{
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        if (slice_is(text, NAMES[i])) {
            *ret = 1u << i;
            return DONE;
        }
    return FAIL(why, MALFORMED, "'%.*s' is no role: researcher, officer, holder, auditor, operator or desk", SLICE_ARG(slice_part(text, 0, 40)));
}

result roles_parse(struct slice text, unsigned *ret, struct why *why)
{
    unsigned roles = 0;
    while (text.len) {
        size_t end = slice_find(text, ',');
        unsigned role;
        TRY(role_parse(slice_part(text, 0, end), &role, why));
        if (roles & role)
            return FAIL(why, MALFORMED, "role '%s' is there twice", role_name(role));
        roles |= role;
        if (end + 1 == text.len)
            return FAIL(why, MALFORMED, "a role's name is missing after the last ','");
        text = slice_part(text, end + 1, text.len);
    }
    *ret = roles;
    return DONE;
}

void roles_print(unsigned roles, char to[ROLES_TEXT_SIZE])
{
    size_t len = 0;
    to[0] = 0;
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        if (roles & 1u << i)
            len += (size_t)snprintf(to + len, ROLES_TEXT_SIZE - len, "%s%s", len ? "," : "", NAMES[i]);
}

result roles_check_apart(unsigned roles, struct why *why)
{
    static const unsigned APART = ROLE_OFFICER | ROLE_HOLDER | ROLE_AUDITOR | ROLE_OPERATOR;
    if (!(roles & ROLE_RESEARCHER) || !(roles & APART))
        return DONE;
    unsigned both = roles & APART;
    return FAIL_CODE(why, DENIED, "duties_not_apart", "/roles", "an account that asks may not also be %s: use two accounts",
                     role_name(both & (~both + 1)));
}

#define SIGNED_IN ROLES_ALL
#define FILE_READERS (ROLE_RESEARCHER | ROLE_OFFICER | ROLE_HOLDER | ROLE_AUDITOR)

/* In the order of the enum: command_rule checks it. */
static const struct command_rule RULES[COMMAND_COUNT] = {
    {COMMAND_ENROL, "POST", "/v1/enrol", CALLER_ANYONE, "holds an enrolment token that was not used"},
    {COMMAND_RENEW, "POST", "/v1/renew", CALLER_AGENT, "its own site"},
    {COMMAND_CATALOGUE_PUT, "PUT", "/v1/site/catalogue", CALLER_AGENT, "its own site"},
    {COMMAND_POLL, "POST", "/v1/poll", CALLER_AGENT, "its own site"},
    {COMMAND_TASK_RESULT, "POST", "/v1/tasks/{id}/result", CALLER_AGENT, "a task of its own site"},
    {COMMAND_LOGIN, "POST", "/v1/login", CALLER_ANYONE, NULL},
    {COMMAND_LOGOUT, "POST", "/v1/logout", SIGNED_IN, NULL},
    {COMMAND_ME, "GET", "/v1/me", SIGNED_IN, NULL},
    {COMMAND_ME_MAIL, "PUT", "/v1/me/mail", SIGNED_IN, NULL},
    {COMMAND_TOKEN_ADD, "POST", "/v1/tokens", SIGNED_IN, NULL},
    {COMMAND_TOKEN_LIST, "GET", "/v1/tokens", SIGNED_IN, "its own tokens"},
    {COMMAND_TOKEN_REMOVE, "DELETE", "/v1/tokens/{id}", SIGNED_IN, "its own token"},
    {COMMAND_ACCOUNT_ADD, "POST", "/v1/accounts", ROLE_OPERATOR, NULL},
    {COMMAND_ACCOUNT_LIST, "GET", "/v1/accounts", ROLE_OPERATOR, NULL},
    {COMMAND_SITE_ADD, "POST", "/v1/sites", ROLE_OPERATOR, NULL},
    {COMMAND_SITE_LIST, "GET", "/v1/sites", SIGNED_IN, NULL},
    {COMMAND_TRUST_GET, "GET", "/v1/trust", CALLER_ANYONE, NULL},
    {COMMAND_TRUST_PUT, "PUT", "/v1/trust", ROLE_OPERATOR, NULL},
    {COMMAND_CATALOGUE_LIST, "GET", "/v1/catalogue", SIGNED_IN, NULL},
    {COMMAND_CATALOGUE_GET, "GET", "/v1/catalogue/{dataset}", SIGNED_IN, NULL},
    {COMMAND_APPLICATION_ADD, "POST", "/v1/applications", ROLE_RESEARCHER, NULL},
    {COMMAND_APPLICATION_LIST, "GET", "/v1/applications", FILE_READERS, "a researcher sees those naming it, a holder those naming its sites"},
    {COMMAND_APPLICATION_GET, "GET", "/v1/applications/{id}", FILE_READERS, "a researcher must be named in it, a holder hold a site named in it"},
    {COMMAND_APPLICATION_STEP, "POST", "/v1/applications/{id}/steps", ROLE_RESEARCHER | ROLE_OFFICER | ROLE_HOLDER, "what the workflow allows (docs/PERMISSIONS.md)"},
    {COMMAND_APPLICATION_COPY, "POST", "/v1/applications/{id}/copies", ROLE_RESEARCHER, "is named in it"},
    {COMMAND_APPLICATION_LETTER, "GET", "/v1/applications/{id}/letter", FILE_READERS, "a researcher must be named in it, a holder hold a site named in it"},
    {COMMAND_APPLICATION_EXPORT, "GET", "/v1/applications/{id}/export", FILE_READERS, "a researcher must be named in it, a holder hold a site named in it; each is logged"},
    {COMMAND_ATTACHMENT_ADD, "POST", "/v1/applications/{id}/attachments", ROLE_RESEARCHER, "what the workflow allows"},
    {COMMAND_ATTACHMENT_GET, "GET", "/v1/attachments/{id}", FILE_READERS, "may see its application"},
    {COMMAND_ENQUIRY_ADD, "POST", "/v1/enquiries", SIGNED_IN, NULL},
    {COMMAND_ENQUIRY_LIST, "GET", "/v1/enquiries", SIGNED_IN, "its own; officers and auditors see all"},
    {COMMAND_ENQUIRY_GET, "GET", "/v1/enquiries/{id}", SIGNED_IN, "its own; officers and auditors see all"},
    {COMMAND_ENQUIRY_STEP, "POST", "/v1/enquiries/{id}/steps", SIGNED_IN, "who asked, or an officer who did not"},
    {COMMAND_APPLICATION_ASSESSMENT, "GET", "/v1/applications/{id}/assessment", ROLE_OFFICER | ROLE_HOLDER | ROLE_AUDITOR, "a holder must hold a site named in it"},
    {COMMAND_FORM_LIST, "GET", "/v1/forms", CALLER_ANYONE, NULL},
    {COMMAND_POLICY_GET, "GET", "/v1/policy", SIGNED_IN, NULL},
    {COMMAND_POLICY_PUT, "PUT", "/v1/policy", ROLE_OPERATOR, NULL},
    {COMMAND_ORGANISATION_PUT, "POST", "/v1/organisations", ROLE_OPERATOR, NULL},
    {COMMAND_ORGANISATION_LIST, "GET", "/v1/organisations", SIGNED_IN, NULL},
    {COMMAND_TRAINING_ADD, "POST", "/v1/training", ROLE_OPERATOR, NULL},
    {COMMAND_TERMS_SIGN, "POST", "/v1/terms", SIGNED_IN, "for oneself"},
    {COMMAND_ATTESTATION_LIST, "GET", "/v1/attestations", SIGNED_IN, "its own; officers, holders, auditors and operators see another's"},
    {COMMAND_REGISTER_LIST, "GET", "/v1/register", CALLER_ANYONE, NULL},
    {COMMAND_REGISTER_REPORT, "GET", "/v1/register/report", CALLER_ANYONE, NULL},
    {COMMAND_PERMIT_LIST, "GET", "/v1/permits", FILE_READERS, "a researcher sees those naming it, a holder those naming its sites"},
    {COMMAND_PERMIT_GET, "GET", "/v1/permits/{id}", FILE_READERS, "a researcher must be named in it, a holder hold a site named in it"},
    {COMMAND_PERMIT_SIGNATURE, "POST", "/v1/permits/{id}/signatures", ROLE_OFFICER | ROLE_HOLDER, "a holder of a site named in it; nobody named in it"},
    {COMMAND_PERMIT_STATUS, "POST", "/v1/permits/{id}/status", ROLE_OFFICER, "is not named in it"},
    {COMMAND_PERMIT_AMEND, "POST", "/v1/permits/{id}/amendments", ROLE_RESEARCHER, "is named in it"},
    {COMMAND_PERMIT_RENEW, "POST", "/v1/permits/{id}/renewals", ROLE_RESEARCHER, "is named in it"},
    {COMMAND_QUERY_ADD, "POST", "/v1/queries", ROLE_RESEARCHER, "is a person of the permit"},
    {COMMAND_QUERY_CHECK, "POST", "/v1/queries/check", ROLE_RESEARCHER, NULL},
    {COMMAND_QUERY_LIST, "GET", "/v1/queries", ROLE_RESEARCHER | ROLE_OFFICER | ROLE_AUDITOR, "a researcher sees its own; officers and auditors see no result"},
    {COMMAND_QUERY_GET, "GET", "/v1/queries/{id}", ROLE_RESEARCHER | ROLE_OFFICER | ROLE_AUDITOR, "a researcher sees its own; officers and auditors see no result"},
    {COMMAND_QUERY_CANCEL, "POST", "/v1/queries/{id}/cancel", ROLE_RESEARCHER | ROLE_OFFICER, "a researcher cancels its own"},
    {COMMAND_QUERY_SITE_RESULTS, "GET", "/v1/queries/{id}/site-results", ROLE_RESEARCHER | ROLE_AUDITOR, "a researcher sees its own; each reading is logged"},
    {COMMAND_OPTOUT_ADD, "POST", "/v1/optouts", ROLE_DESK, NULL},
    {COMMAND_OPTOUT_LISTS, "GET", "/v1/optouts/lists", SIGNED_IN, NULL},
    {COMMAND_OPTOUT_GET, "GET", "/v1/optouts/{id}", ROLE_DESK, NULL},
    {COMMAND_LOG_CHECKPOINT, "GET", "/v1/log/checkpoint", CALLER_ANYONE, NULL},
    {COMMAND_LOG_ENTRIES, "GET", "/v1/log/entries", SIGNED_IN, "auditors all; others those that concern them; each reading is logged"},
    {COMMAND_LOG_INCLUSION, "GET", "/v1/log/inclusion", CALLER_ANYONE, NULL},
    {COMMAND_LOG_CONSISTENCY, "GET", "/v1/log/consistency", CALLER_ANYONE, NULL},
    {COMMAND_LOG_TILE, "GET", "/v1/log/tile/{tile*}", CALLER_ANYONE, NULL},
    {COMMAND_LOG_BUNDLE, "GET", "/v1/log/tile/entries/{tile*}", ROLE_AUDITOR, NULL}, /* behind the wider one: it wins */
    {COMMAND_LOG_SEARCH, "GET", "/v1/log/search", SIGNED_IN, "auditors all; others find what concerns them; each search is logged"},
    {COMMAND_LOG_WATCH, "GET", "/v1/log/watch", ROLE_AUDITOR, "each watch is logged when it begins"},
    {COMMAND_ERASE, "POST", "/v1/erasures", ROLE_OPERATOR, NULL},
    {COMMAND_LOG_COSIGNATURE, "POST", "/v1/log/cosignature", CALLER_ANYONE | CALLER_AGENT, "a cosignature of a witness that the trust document names"},
};

const struct command_rule *command_rule(enum command c)
{
    return c < COMMAND_COUNT && RULES[c].command == c ? &RULES[c] : NULL;
}

bool policy_role_may(unsigned roles, enum command c)
{
    const struct command_rule *rule = command_rule(c);
    return rule && (rule->callers & (roles | CALLER_ANYONE)) != 0;
}

/* Does the path fit the pattern?  {..} stands for one part that is not empty, {..*} for all that is left. */
static bool path_fits(const char *pattern, struct slice path, struct slice *ret_id)
{
    *ret_id = (struct slice){0};
    size_t at = 0;
    for (const char *p = pattern; *p;) {
        if (*p == '{') {
            size_t from = at;
            const char *end = strchr(p, '}');
            while (at < path.len && (path.at[at] != '/' || end[-1] == '*'))
                at++;
            if (at == from)
                return false;
            *ret_id = slice_part(path, from, at);
            p = end + 1;
        } else if (at < path.len && path.at[at] == (uint8_t)*p) {
            at++;
            p++;
        } else {
            return false;
        }
    }
    return at == path.len;
}

enum command policy_command_find(const char *method, struct slice path, struct slice *ret_id)
{
    enum command found = COMMAND_COUNT;
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        struct slice id;
        if (strcmp(RULES[i].method, method) != 0 || !path_fits(RULES[i].path, path, &id))
            continue;
        if (!id.len) { /* what is spelled out wins over {..}: /v1/queries/check is no query */
            *ret_id = id;
            return RULES[i].command;
        }
        *ret_id = id;
        found = RULES[i].command;
    }
    return found;
}
