/*
 * problem.h - what a refusal is called: the problem codes of docs/PROTOCOL.md section 9, each with its class
 * and HTTP status, in one table; and the problem+json document (RFC 9457) that carries one.
 */
#ifndef INNSYN_PROTO_PROBLEM_H
#define INNSYN_PROTO_PROBLEM_H

#include "proto/json.h"

enum problem_class {
    PROBLEM_GRAMMAR,
    PROBLEM_POLICY,
    PROBLEM_PERMIT,
    PROBLEM_TRUST,
    PROBLEM_LOG,
    PROBLEM_CLOCK,
    PROBLEM_CONSENT,
    PROBLEM_DISCLOSURE,
    PROBLEM_PAUSED,
    PROBLEM_ACCESS,
    PROBLEM_SITE,
};
const char *problem_class_name(enum problem_class c); /* "grammar", ... */

struct problem_code {
    const char *code;
    enum problem_class class;
    unsigned http;     /* 400..599 */
    const char *title; /* a sentence without particulars */
};
/* All codes; *ret_count of them. */
const struct problem_code *problem_codes(unsigned *ret_count);
/* NULL when there is no such code. */
const struct problem_code *problem_find(const char *code);
/* The code of a failure: why->code when it is one, else what the status alone says.  Never NULL. */
const struct problem_code *problem_of(result r, const struct why *why);

/* {"type","title","status","detail","instance","code","class","field","params","allowed"}; members that say
 * nothing are left out.  instance: the request's id; allowed: a sentence or list, NULL for none; params:
 * taken over, NULL for none.  Text that is not UTF-8 is mended.
 * Data-dependent refusals (class disclosure) all look alike, and faults tell a peer nothing: for both, field,
 * text, allowed and params are dropped (I10). */
struct json *problem_json(const struct problem_code *code, const char *field, const char *text, const char *allowed,
                          struct json *params, const char *instance);
/* The same from a failed call. */
struct json *problem_from_why(result r, const struct why *why, const char *instance);
/* The reason of a refused site result: {"class","code","field","text"}, with the same discretion. */
struct json *problem_reason(result r, const struct why *why);

#endif
