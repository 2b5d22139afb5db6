/*
 * site_rules.h - a site's own rules: a document that a holder of the site signs.  They only tighten: each can deny or ask
 * for a human, none can allow what permit or network do not.
 * {"innsyn":"site-rules/1","network":"demo","site":"va",
 *  "version":3,                   rises with every change; an older one is never taken again
 *  "issued":"...Z",
 *  "statistics":["count"],        answered here; left out: all
 *  "purposes":["53.1.e"],         answered here; left out: all
 *  "organisations":["public","research"]  kinds whose permits are answered; left out: all
 *  "variables_denied":["x"],      a question that touches one is not answered
 *  "max_cells":500,               of one table or histogram
 *  "release":"auto" or "ask",     ask: a human releases each answer
 *  "release_hours":72,            how long an answer may wait for that
 *  "optouts":"current" or "at_grant",  which list of opt-outs a permit is answered under (agents/guard/optouts.h)
 *  "paused":["heart"] or ["*"],   datasets that are not answered for now
 *  "blocked_accounts":["x"], "blocked_permits":["p-..."],
 *  "datasets":{"heart":{...}}}    from statistics to optouts, and "variables":["age"] (no others): for this dataset, beside
 *                                 the above (`optouts` and `release_hours`: instead)
 */
#ifndef INNSYN_POLICY_SITE_RULES_H
#define INNSYN_POLICY_SITE_RULES_H

#include "policy/verdict.h"
#include "proto/permit.h"

enum { SITE_RULES_LIST_MAX = 1000, SITE_RULES_DATASETS_MAX = 64, SITE_RULES_BYTES_MAX = 256 * 1024, RELEASE_HOURS_DEFAULT = 72,
       RELEASE_HOURS_MAX = 720 };

struct site_rules;

/* v NULL: no rules of its own (version 0).  MALFORMED: with the path and what is allowed.  v may be let go. */
MUST_CHECK result site_rules_read(struct json *v, struct site_rules **ret, struct why *why);
void site_rules_free(struct site_rules *r);
void site_rules_freep(struct site_rules **r);

/* The signed document (JSON text of an envelope of TYPE_SITE_RULES) for this site, whose rules so far have this version
 * (0: none) and hash.  DENIED: not signed by a holder whom the trust document names for the site, of another network or
 * site, or not newer; the same document again is welcome.  *ret_hash: of the payload. */
MUST_CHECK result site_rules_open(struct slice text, const struct trust *t, const struct site_id *site, uint64_t version_before,
                                  const struct hash *hash_before, struct site_rules **ret, struct hash *ret_hash, struct why *why);

uint64_t site_rules_version(const struct site_rules *r);
const struct json *site_rules_tree(const struct site_rules *r); /* NULL: none */
/* How long an answer about this dataset may wait for the holder's hand. */
int64_t site_rules_release_ms(const struct site_rules *r, const struct label *dataset);
/* A permit keeps the list of opt-outs that was in force when it was granted. */
bool site_rules_optouts_at_grant(const struct site_rules *r, const struct label *dataset);

/* Do the rules say so of this very dataset, by its name? */
bool site_rules_name_at_grant(const struct site_rules *r, const struct label *dataset);
bool site_rules_say_at_grant(const struct site_rules *r); /* of any dataset; r may be NULL */

/* Adds every rule that speaks against answering this question, asked by this account under this permit. */
void site_rules_check(const struct site_rules *r, const struct permit *p, const struct question *q, const struct label *account,
                      struct verdict *v);
/* The same where there is no permit yet.  kind: of the organisation that asks, "" unknown; permit: NULL for none. */
struct site_rules_ask {
    struct slice purpose, kind;
    const struct document_id *permit;
    const struct label *account;
    const struct question *question;
};
void site_rules_check_ask(const struct site_rules *r, const struct site_rules_ask *a, struct verdict *v);

#endif
