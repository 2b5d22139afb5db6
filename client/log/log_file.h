/*
 * log_file.h - verifying a whole log from a local file of entries, one a line (`innsyn audit export
 * --format ndjson`), as fast as its bytes can be hashed: the file is read in parts, which are checked
 * beside one another and joined in their order.  Memory does not grow with the log.
 */
#ifndef INNSYN_CLIENT_LOG_LOG_FILE_H
#define INNSYN_CLIENT_LOG_LOG_FILE_H

#include "client/log/audit.h"

/* Called now and then, by one thread at a time. */
typedef void log_file_said(void *self, uint64_t entries, uint64_t bytes);

/* a: from audit_init; afterwards it holds the tree, for audit_end.
 * UNAVAILABLE: the file cannot be read.  DENIED: an entry breaks a rule; names the first that does. */
MUST_CHECK result log_file_audit(const char *path, struct audit *a, log_file_said *said, void *self, struct why *why);

#endif
