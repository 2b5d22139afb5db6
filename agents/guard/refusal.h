/*
 * refusal.h - a reason that travels: what a site answers when it does not compute.
 * Nothing in it depends on the data, except that a refusal of class `disclosure` was made at all.
 */
#ifndef INNSYN_AGENTS_GUARD_REFUSAL_H
#define INNSYN_AGENTS_GUARD_REFUSAL_H

#include <stdbool.h>

#include "base/result.h"

struct refusal {
    char class[16]; /* "permit" */
    char code[40];  /* "permit_expired" */
    char field[96]; /* part of the bundle or of the question; "" if none */
    char text[240]; /* one sentence: the rule, and what would be allowed */
};

/* Fills it and returns false, so that a check reads: return refuse(r, "permit", "no_permit", "/permit", "..."). */
bool refuse(struct refusal *r, const char *class, const char *code, const char *field, const char *format, ...)
    PRINTF_LIKE(5, 6);
/* As refuse, with why's text, and why's field and problem code if it has them. */
bool refuse_why(struct refusal *r, const char *class, const char *code, const char *field, const struct why *why);

#endif
