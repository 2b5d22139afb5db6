/*
 * instant.h - moments as milliseconds since 1970 UTC, and days as days since 1970-01-01,
 * with their text forms (RFC 3339, always UTC with 'Z'; ISO 8601 calendar dates).
 */
#ifndef INNSYN_BASE_INSTANT_H
#define INNSYN_BASE_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { INSTANT_TEXT_SIZE = 25, DATE_TEXT_SIZE = 11 };

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

/* "2026-11-21T21:42:01.123Z"; years 1970..9999; what lies outside prints as the nearest. */
void instant_print(int64_t at_ms, char to[INSTANT_TEXT_SIZE]);
/* Accepts that form with or without the fraction (1 to 3 digits); false leaves *ret alone. */
bool instant_parse(struct slice text, int64_t *ret);

void date_print(int32_t day, char to[DATE_TEXT_SIZE]);
bool date_parse(struct slice text, int32_t *ret); /* years 0001..9999, real calendar days only */

#endif
