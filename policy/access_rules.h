/*
 * access_rules.h - rules for access as data, of the same form at each level: the network's (GET /v1/policy) and a
 * dataset's own (its dictionary's member "access_rules").  They only tighten: each can deny or ask for a human, none can
 * allow what another denies.  Pure.
 *
 * {"innsyn":"access-rules/1", every other member optional:
 *  "effect":"review",                   to whom this applies: permit (default), review or deny
 *  "purposes":["53.1.e"],               no other
 *  "countries":["NO","EEA"],            where the applicant's organisation is at home; no other
 *  "statistics":["count","table"],      no other
 *  "months_max":24,                     of a permit
 *  "variables_max":20,                  of one dataset in an application, or of one question
 *  "questions_max":500,                 under one permit; of a dataset's own rules: about this dataset
 *  "sensitive":"review",                asking for variables that the dictionary marks as sensitive
 *  "variables":{"review":["x"],"deny":["y"]},
 *  "combinations":[{"variables":["municipality","birth"],"effect":"deny"}],  all of them in one question
 *  "training":["privacy"],              everyone named has done it, and it is still valid
 *  "terms":["terms-1"],                 everyone named has signed them
 *  "organisations":{"company":{...}}}   beside the above, for public, research or company: the same members
 */
#ifndef INNSYN_POLICY_ACCESS_RULES_H
#define INNSYN_POLICY_ACCESS_RULES_H

#include "policy/purpose.h"
#include "proto/data_use.h"
#include "proto/dictionary.h"
#include "proto/question.h"

enum { ACCESS_RULES_BYTES_MAX = 64 * 1024, ACCESS_NAMES_MAX = 64, ACCESS_COMBINATIONS_MAX = 32, ACCESS_COMBINED_MAX = 8, ORGANISATION_KINDS = 3 };

struct access_rules;

/* v NULL: no rules.  MALFORMED: with the path and what is allowed.  Keeps a reference to v. */
MUST_CHECK result access_rules_read(const struct json *v, const char *path, struct access_rules **ret, struct why *why);
void access_rules_free(struct access_rules *r);
void access_rules_freep(struct access_rules **r);

/* Training that an account has done, or terms that it has signed. */
struct attestation {
    struct label account;
    bool terms;           /* else training */
    struct slice name;
    int64_t until_ms;     /* valid before; 0: for good */
};

/* What is asked, as far as it is known; the parts that a caller checks say what they read. */
struct access_ask {
    struct slice purpose;
    const struct organisation *organisation;   /* not given: unknown, which is reviewed where a rule asks about it */
    const struct dictionary *dictionary;       /* for variables; NULL: not said which */
    const struct slice *variables;             /* names; NULL: all of the dictionary's */
    unsigned variable_count;
    bool one_question;                         /* else an application, whose variables need not meet in one question */
    const bool *statistics;                    /* STATISTIC_KINDS flags; NULL: none asked yet */
    int64_t from_ms, to_ms;                    /* the permit's period; 0: unknown */
    uint64_t questions;                        /* asked so far under the permit: of this dataset for its own rules, of any for the network's */
    const struct label *people;
    unsigned people_count;
    const struct attestation *attestations;    /* of anyone */
    unsigned attestation_count;
    int64_t now_ms;
};
enum access_part {
    ACCESS_PURPOSE, ACCESS_ORGANISATION, ACCESS_TRAINING, ACCESS_TERMS, ACCESS_COUNTRY, ACCESS_VARIABLES, ACCESS_STATISTICS,
    ACCESS_PERIOD, ACCESS_BUDGET, ACCESS_PARTS,
};
/* Is there a rule about how many questions? */
bool access_rules_count_questions(const struct access_rules *r);
const char *access_part_name(enum access_part p); /* "purpose", "organisation", ... */

/* Adds what this part of the rules says against it (rule_not_met or questions_used_up, with what would be allowed).
 * level: whose rules ("the network"), as the reasons name it; field: of what is asked ("/datasets/0"), "" at the top. */
void access_rules_check(const struct access_rules *r, enum access_part part, const struct access_ask *a, const char *level, const char *field,
                        struct verdict *v);

#endif
