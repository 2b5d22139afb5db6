/*
 * purpose.h - the purposes of Regulation (EU) 2025/327 (EHDS) Article 53(1), who may pursue them, and the
 * uses that Article 54 prohibits.  Tables; pure.
 */
#ifndef INNSYN_POLICY_PURPOSE_H
#define INNSYN_POLICY_PURPOSE_H

#include "policy/verdict.h"

enum organisation_kind { ORGANISATION_PUBLIC, ORGANISATION_RESEARCH, ORGANISATION_COMPANY };
const char *organisation_kind_name(enum organisation_kind k); /* "public", "research", "company" */
MUST_CHECK result organisation_kind_parse(struct slice text, enum organisation_kind *ret, struct why *why);

struct purpose {
    const char *code; /* "53.1.e" */
    const char *text;
    bool public_bodies; /* public and Union bodies, or who acts for one with a mandate: Art. 53(2) */
};
const struct purpose *purposes(unsigned *ret_count);
const struct purpose *purpose_find(struct slice code); /* NULL: there is none */

/* Adds a denial for an unknown purpose, and for a, b and c without public body or mandate. */
void purpose_check(struct slice code, enum organisation_kind kind, bool has_mandate, struct verdict *v);

struct prohibited_use {
    const char *code; /* "54.a" */
    const char *text;
};
const struct prohibited_use *prohibited_uses(unsigned *ret_count);
/* Adds a denial for a use that the applicant or an officer named by its code. */
void prohibited_use_check(struct slice code, struct verdict *v);

#endif
