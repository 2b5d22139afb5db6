/*
 * scope.h - does a permit cover this question, asked by this account, now, at these sites?
 * Says everything that speaks against it, not only the first.  Signatures are permit.h's matter.  Pure.
 */
#ifndef INNSYN_POLICY_SCOPE_H
#define INNSYN_POLICY_SCOPE_H

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
};

/* Adds to v (which the caller has initialised). */
void scope_check(const struct scope_facts *f, struct verdict *v);

#endif
