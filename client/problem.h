/*
 * problem.h - a refusal (problem+json, docs/PROTOCOL.md section 9) in words: what, which part of the
 * input, what would be allowed, what to do next.  Pure.
 */
#ifndef INNSYN_CLIENT_PROBLEM_H
#define INNSYN_CLIENT_PROBLEM_H

#include "client/exit_codes.h"
#include "proto/json.h"

/* What a person does next about a code; "" when the reason says it all. */
const char *problem_advice(struct slice code);

/* Appends the lines.  problem: NULL when the answer was no problem document.
 * *ret_exit: EXIT_UNREACHABLE for a fault at the server (5xx), else EXIT_REFUSED. */
MUST_CHECK result problem_render(const struct json *problem, unsigned http_status, const char *request_id,
                                 struct buffer *to, enum exit_code *ret_exit, struct why *why);

#endif
