/*
 * attachment.h - may this file be attached to an application?  Its type is told by its content, never by its
 * name; the name must agree with it and be a plain file's name.  What the content says beyond its type is not
 * looked at: this is no virus scanner.  Pure.
 */
#ifndef INNSYN_POLICY_ATTACHMENT_H
#define INNSYN_POLICY_ATTACHMENT_H

#include "proto/json.h"

enum { ATTACHMENT_BYTES_MAX = 10 * 1024 * 1024, ATTACHMENT_NAME_MAX = 120, ATTACHMENTS_MAX = 20 };

/* The media type by its content: PDF, PNG, JPEG, DOCX and XLSX without macros, plain text.  NULL: none of these. */
const char *attachment_type(struct slice content);

/* Holds name and content against the form's `attachments` {"count","bytes","types"}.  *ret_type: a media type.
 * MALFORMED (malformed): field `name` or `content`, with what is allowed.  LIMIT (too_large): over the form's bytes. */
MUST_CHECK result attachment_check(const struct json *form, struct slice name, struct slice content, const char **ret_type, struct why *why);

#endif
