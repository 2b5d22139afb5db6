/*
 * assess.h - what a machine says of an application before people decide: one verdict, and for each rule what it says and
 * why.  The broker shows it to officers and holders, `innsyn policy explain` to whoever is about to apply: the same code
 * on the same facts.  Pure.
 */
#ifndef INNSYN_POLICY_ASSESS_H
#define INNSYN_POLICY_ASSESS_H

#include "policy/access_rules.h"

enum { ASSESS_DATASETS_MAX = 64, ASSESS_PEOPLE_MAX = 64 };

struct assess_facts {
    const struct json *form;                                     /* the filled form */
    const struct dictionary *dictionaries[ASSESS_DATASETS_MAX];  /* of the form's datasets in order; NULL: not published */
    const struct organisation *organisation;                     /* the applicant's; not given: not registered */
    const struct access_rules *network;
    const struct attestation *attestations;                      /* of the people named, as far as they may be seen */
    unsigned attestation_count;
    const struct label *attestations_of;                         /* the only account of which they are known; NULL: of everyone named */
    int64_t now_ms;
};

/* {"verdict":"review","rules":[{"rule":"purpose","verdict":"permit","reasons":[...]}, ...]}, each rule in the same place:
 * purpose, prohibited_use, data_use, organisation, training, terms, country, variables, statistics, period, budget.
 * A draft that lacks something is assessed as far as it goes.
 * MALFORMED: the form's research or a dataset's rules cannot be read.  LIMIT: no memory.  The caller frees *ret. */
MUST_CHECK result assess(const struct assess_facts *f, struct json **ret, enum verdict_kind *ret_kind, struct why *why);

#endif
