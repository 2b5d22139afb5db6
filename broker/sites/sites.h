/* sites.h - sites, what they publish, the trust document, opt-outs on their way. */
#ifndef INNSYN_BROKER_SITES_SITES_H
#define INNSYN_BROKER_SITES_SITES_H

#include "broker/call/call.h"

/* --- trust.c, sites.c, catalogue.c --- */
MUST_CHECK result trust_load(struct core *c, struct why *why);
/* Writes an opened version and its holders to the store; no entry. */
MUST_CHECK result trust_keep(struct core *c, const struct envelope *e, const struct trust *t, struct why *why);
handler_fn trust_get, trust_put;
struct line *line_of(struct core *c, const struct site_id *site); /* made at need; NULL: SITES_MAX or no memory */
MUST_CHECK result site_check_certificate(struct call *c, struct why *why);
handler_fn site_create, site_list, site_enrol, site_renew;
handler_fn catalogue_put, catalogue_list, catalogue_get;
/* MALFORMED (unknown_dataset): no site publishes it.  Borrowed until the catalogue changes. */
MUST_CHECK result catalogue_find(struct core *c, const struct label *dataset, const char *field, struct dataset_entry **ret, struct why *why);
bool catalogue_has_site(const struct dataset_entry *e, const struct site_id *site);
void catalogue_forget(struct core *c);

/* --- site_says.c --- */
/* What a poll says of its site: changes are logged.  blocked, rules: NULL where the poll has none. */
MUST_CHECK result site_said(struct call *c, bool paused, const struct json *blocked, const struct json *rules, struct why *why);

/* --- optouts.c --- */
handler_fn optout_add, optout_get, optout_lists;
/* Member `optouts` of a poll: which requests the site has taken, and its report on its list. */
MUST_CHECK result optouts_heard(struct call *c, const struct json *said, struct why *why);
/* Member `optouts` of a poll's answer: the sealed requests that wait for the site. */
MUST_CHECK result optouts_waiting(struct core *c, const struct site_id *site, struct json **ret, struct why *why);
/* A permit's `optout_lists`: the versions in force at its sites now. */
MUST_CHECK result optouts_in_force(struct core *c, const struct permit *p, struct json **ret, struct why *why);
void lines_free(struct core *c);
void lines_wake(struct core *c); /* every site has news (trust) */
MUST_CHECK result line_wake(struct core *c, struct slice site, struct why *why);

#endif
