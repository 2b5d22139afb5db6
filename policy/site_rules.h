/*
 * site_rules.h - a site's own rules.  They only tighten: each can deny or ask for a human, none can allow.
 * {"innsyn":"site-rules/1",
 *  "statistics":["count"],        answered here; left out: all
 *  "purposes":["53.1.e"],         answered here; left out: all
 *  "paused":["heart"] or ["*"],   datasets that are not answered for now
 *  "blocked_accounts":["x"], "blocked_permits":["p-..."],
 *  "max_cells":500,               of one table or histogram
 *  "release":"auto" or "ask",     ask: a human releases each answer
 *  "release_hours":72}            how long an answer may wait for that
 */
#ifndef INNSYN_POLICY_SITE_RULES_H
#define INNSYN_POLICY_SITE_RULES_H

#include "policy/verdict.h"
#include "proto/permit.h"

enum { SITE_RULES_LIST_MAX = 1000, SITE_RULES_BYTES_MAX = 256 * 1024, RELEASE_HOURS_DEFAULT = 72, RELEASE_HOURS_MAX = 720 };

struct site_rules;

/* v NULL: no rules of its own.  MALFORMED: with the path and what is allowed.  v is not kept. */
MUST_CHECK result site_rules_read(const struct json *v, struct site_rules **ret, struct why *why);
void site_rules_free(struct site_rules *r);
void site_rules_freep(struct site_rules **r);

/* How long an answer may wait for the holder's hand. */
int64_t site_rules_release_ms(const struct site_rules *r);

/* Adds every rule that speaks against answering this question, asked by this account under this permit. */
void site_rules_check(const struct site_rules *r, const struct permit *p, const struct question *q, const struct label *account,
                      struct verdict *v);

#endif
