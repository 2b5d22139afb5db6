/*
 * scope.h - does a permit cover this question, asked by this account, now, at these sites?
 * Says everything that speaks against it, not only the first.  Signatures are permit.h's matter.  Pure.
 */
#ifndef INNSYN_POLICY_SCOPE_H
#define INNSYN_POLICY_SCOPE_H

#include "policy/access_rules.h"
#include "policy/verdict.h"
#include "proto/permit.h"

struct scope_facts {
    const struct permit *permit;
    enum permit_state state;
    const struct question *question;
    const struct label *account; /* who asks */
    int64_t now_ms;
    const struct site_id *sites; /* where: a broker all sites of the query, an agent its own */
    unsigned site_count;
    uint64_t questions;          /* asked so far under the permit about the question's dataset, by whoever decides; counted where its rules do */
    bool attested;               /* the asker's training and signed terms are known here (a broker; not an agent) */
    const struct attestation *attestations;
    unsigned attestation_count;
};

/* Access rules against one question: only what they deny; what they have reviewed, people decided with the permit.
 * Training and terms: of the one who asks, as they are now.  `questions`: asked so far, as struct access_ask has it.  level: whose rules, as the reasons say it. */
void scope_check_rules(const struct access_rules *r, const struct scope_facts *f, uint64_t questions, const char *level, struct verdict *v);

/* The permit, the dataset's conditions of use and its own access rules as they are now.  Adds to v (which the caller has initialised). */
void scope_check(const struct scope_facts *f, struct verdict *v);

#endif
