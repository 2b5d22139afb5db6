/*
 * entry_scan.h - the quick look at a log entry: is it, beyond doubt, canonical JSON of the form entry/1?
 * Most entries are plain ASCII with whole numbers, and building a tree of each would cost more than
 * hashing it.  Whatever is not plain is left to the parser, so that "no" here means only "look closer".
 */
#ifndef INNSYN_CLIENT_ENTRY_SCAN_H
#define INNSYN_CLIENT_ENTRY_SCAN_H

#include <stdbool.h>

#include "base/slice.h"

/* true: entry is canonical JSON, an object with innsyn "entry/1", type and at; both are texts in it. */
bool entry_scan(struct slice entry, struct slice *ret_type, struct slice *ret_at);

#endif
