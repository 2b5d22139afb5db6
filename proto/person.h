/*
 * person.h - how a person is named who opts out: a Norwegian fødselsnummer or D-number (fnr), or the data set's own id.
 * The number itself is never part of an error.
 */
#ifndef INNSYN_PROTO_PERSON_H
#define INNSYN_PROTO_PERSON_H

#include "base/result.h"
#include "base/slice.h"

enum { PERSON_TEXT_MAX = 64, FNR_LEN = 11 };
enum person_kind { PERSON_FNR, PERSON_ID };
const char *person_kind_name(enum person_kind k); /* "fnr", "id" */
MUST_CHECK result person_kind_parse(struct slice text, enum person_kind *ret, struct why *why);

/* fnr: eleven digits, a date that exists (day + 40 for D-numbers; month + 80 or + 40 for synthetic persons), a
 * century that its individual number allows, and both check digits (mod 11).
 * id: 1 to PERSON_TEXT_MAX printable characters without blanks, quotes or commas.
 * MALFORMED: the rule that it breaks, without the number. */
MUST_CHECK result person_check(enum person_kind kind, struct slice text, struct why *why);

#endif
