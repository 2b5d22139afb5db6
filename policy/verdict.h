/*
 * verdict.h - may it be done, and why: permit, review (a human must look) or deny, with every rule that spoke.
 * A verdict only ever gets stricter: rules are added, none is taken back.  Pure.
 */
#ifndef INNSYN_POLICY_VERDICT_H
#define INNSYN_POLICY_VERDICT_H

#include "proto/problem.h"

enum { REASONS_MAX = 32 };

enum verdict_kind { VERDICT_PERMIT, VERDICT_REVIEW, VERDICT_DENY }; /* in order of strictness */
const char *verdict_name(enum verdict_kind k); /* "permit", "review", "deny" */

struct reason {
    enum verdict_kind effect;         /* VERDICT_REVIEW or VERDICT_DENY */
    const struct problem_code *code;  /* with its class */
    char field[96];                   /* path of the part that the rule speaks of, "" if none */
    char text[240];                   /* the rule */
    char allowed[240];                /* what would be allowed, "" if nothing */
};

struct verdict {
    enum verdict_kind kind;
    struct reason reasons[REASONS_MAX];
    unsigned count;
    unsigned more; /* rules that spoke beyond REASONS_MAX; they count in kind */
};

void verdict_init(struct verdict *v); /* VERDICT_PERMIT, no reasons */
/* Adds a rule that spoke.  code: one of the table in proto/problem.h (else it counts as "refused");
 * allowed: NULL or "" for nothing. */
void verdict_add(struct verdict *v, enum verdict_kind effect, const char *code, const char *field, const char *allowed,
                 const char *format, ...) PRINTF_LIKE(6, 7);
/* Appends the reasons of another verdict. */
void verdict_join(struct verdict *v, const struct verdict *other);

/* {"verdict","reasons":[{"effect","code","class","field","text","allowed"}]} */
struct json *verdict_json(const struct verdict *v);
/* The first reason of the strictest kind, NULL for a permit. */
const struct reason *verdict_first(const struct verdict *v);
/* DONE for a permit; else DENIED with code, field and text of verdict_first. */
MUST_CHECK result verdict_result(const struct verdict *v, struct why *why);
/* problem+json of verdict_first, with all reasons in `params`.  Not for a permit. */
struct json *verdict_problem(const struct verdict *v, const char *instance);

#endif
