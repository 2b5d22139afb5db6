/*
 * entries.h - every type of entry the log may hold, in one table: what it is called, which members it
 * may have, what it records.  docs/LOG.md is checked against this table, and log.c refuses an entry
 * that is not in it, so that nothing new reaches the log unnamed (I11: no person in the log).
 *
 * Members that entries of every type may have (innsyn, at, type, request) are not listed.
 */
#ifndef INNSYN_BROKER_AUDIT_ENTRIES_H
#define INNSYN_BROKER_AUDIT_ENTRIES_H

#include "base/result.h"
#include "proto/json.h"

struct entry_type {
    const char *name;
    const char *members; /* separated by blanks */
    const char *records; /* one line, for people */
};

const struct entry_type *entry_type_at(unsigned i); /* NULL: no more */
/* BROKEN: the type or a member is not in the table. */
MUST_CHECK result entry_check(const char *type, const struct json *entry, struct why *why);

#endif
