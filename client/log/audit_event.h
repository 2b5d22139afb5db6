/*
 * audit_event.h - an entry of the log in other people's forms: a FHIR R4 AuditEvent after the patterns
 * of IHE BALP (Basic Audit Log Patterns), and a line of CSV.  Pure.
 */
#ifndef INNSYN_CLIENT_LOG_AUDIT_EVENT_H
#define INNSYN_CLIENT_LOG_AUDIT_EVENT_H

#include "proto/json.h"

/* entry: parsed; bytes: its canonical JSON; origin: the log's.  The caller's.  BALP says what is not
 * recorded: no counts, no content.  Persons are account ids. */
struct json *audit_event(const struct json *entry, struct slice bytes, uint64_t index, const char *origin);

extern const char audit_csv_head[];
/* One line, ended by CR LF (RFC 4180); a text that a spreadsheet would take for a formula gets a ' before it. */
MUST_CHECK result audit_csv(const struct json *entry, struct slice bytes, uint64_t index, struct buffer *to, struct why *why);

#endif
