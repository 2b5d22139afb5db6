/*
 * json_number.h - the text of a number in canonical JSON (RFC 8785 section 3.2.2.3, which is ECMA-262 Number::toString).
 */
#ifndef INNSYN_PROTO_JSON_NUMBER_H
#define INNSYN_PROTO_JSON_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#define JSON_INTEGER_MAX (INT64_C(1) << 53) /* whole numbers up to here, either sign, are doubles without loss */

enum { JSON_NUMBER_TEXT_SIZE = 32 };

/* No fraction, and within +-JSON_INTEGER_MAX. */
bool json_number_is_whole(double v);

/* The shortest text that reads back as v, which is finite. */
void json_number_text(double v, char to[JSON_NUMBER_TEXT_SIZE]);

#endif
