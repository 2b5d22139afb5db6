/*
 * document.h - small things done to any JSON document: a copy, and its plain form for people.
 */
#ifndef INNSYN_CLIENT_DOCUMENT_H
#define INNSYN_CLIENT_DOCUMENT_H

#include "proto/json.h"

enum { OUTPUT_BYTES_MAX = 256 * 1024 * 1024 };

/* A deep copy of a borrowed value, owned by the caller; NULL when memory is out. */
struct json *json_copy(const struct json *v);

/* Appends "name  value" lines, nested parts indented; null members and empty lists are left out. */
MUST_CHECK result document_show(const struct json *v, struct buffer *to, struct why *why);

/* Appends a value on one line: texts as they are, lists of texts joined by ", ", the rest as JSON. */
MUST_CHECK result document_line(const struct json *v, struct buffer *to, struct why *why);

#endif
