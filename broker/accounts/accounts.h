/* accounts.h - accounts, their passwords, sessions and tokens. */
#ifndef INNSYN_BROKER_ACCOUNTS_ACCOUNTS_H
#define INNSYN_BROKER_ACCOUNTS_ACCOUNTS_H

#include "broker/call/call.h"

/* --- session.c, accounts.c --- */
struct login_guard;
MUST_CHECK result login_guard_new(const struct host *host, struct login_guard **ret, struct why *why);
void login_guard_free(struct login_guard *g);
MUST_CHECK result session_identify(struct call *c, struct why *why); /* fills who from the token, if there is one */
struct json *roles_json(unsigned roles);
MUST_CHECK result roles_read(const struct json *array, const char *field, unsigned *ret, struct why *why);
handler_fn session_login, session_logout, session_me, token_create, token_list, token_drop;
handler_fn account_create, account_list;

/* --- access.c: the network's rules, organisations, training and terms --- */
enum { ATTESTATIONS_MAX = 200 /* of one account */ };
handler_fn policy_get, policy_put, organisation_put, organisation_list, training_add, terms_sign, attestation_list;
/* The newest rules; NULL: none were made.  Borrowed until the next call. */
MUST_CHECK result rules_current(struct core *c, const struct access_rules **ret, struct why *why);
void rules_forget(struct core *c);
/* The registered organisation of an account; not given if there is none.  It borrows from *ret_tree, the caller's. */
MUST_CHECK result organisation_of(struct core *c, struct slice account, struct json **ret_tree, struct organisation *ret, struct why *why);

#endif
