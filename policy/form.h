/*
 * form.h - application forms as data: policy/forms/<kind>-<version>.json, built into the programs.
 * A form names its fields with labels in nb and en, their types and bounds, which are required, and which
 * are asked only when another field has a certain value.  Pure; what a dataset or an account is, the
 * broker knows.
 *
 * request-N: health data request (EHDS Article 69).  application-N: health data access application (67).
 */
#ifndef INNSYN_POLICY_FORM_H
#define INNSYN_POLICY_FORM_H

#include "proto/json.h"

enum { FORM_FIELDS_MAX = 64, FORM_BYTES_MAX = 64 * 1024, FORM_NAME_MAX = 32 };

/* The forms that are built in, newest version of a kind first. */
unsigned form_count(void);
const char *form_name(unsigned index); /* "request-1"; NULL when there is none */
struct slice form_text(unsigned index); /* its JSON */
/* Parses the built-in form of that name (the caller's).  MALFORMED lists the names. */
MUST_CHECK result form_open(struct slice name, struct json **ret, struct why *why);

/* Types of fields: text, choice, codes (several of the options), bool, moment, datasets, people, research
 * (proto/data_use.h). */
/* Holds a filled form (an object) against it: unknown fields, types, bounds, choices, fields that are not
 * asked here.  whole: required fields must be there too.  MALFORMED (unknown_field, malformed) with the
 * field's path and what is allowed. */
MUST_CHECK result form_check(const struct json *form, const struct json *filled, bool whole, struct why *why);

#endif
