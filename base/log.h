/*
 * log.h - what a program tells its operator: one event a line on standard error,
 * `2026-11-21T21:42:01.123Z level role event key="value" ...`.
 * Values are quoted and escaped, so that a peer's text can never forge a line.
 * Programs log; libraries return `why`.  Record contents, keys and person numbers are never values.
 */
#ifndef INNSYN_BASE_LOG_H
#define INNSYN_BASE_LOG_H

#include <stdint.h>

#include "base/host.h"
#include "base/result.h"
#include "base/slice.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_DEBUG };

/* Once at start: the role's name ("net", "guard") and the most talkative level wanted. */
void log_init(const struct host *host, const char *role, enum log_level most);

/* Fields are pairs of name and value; end with NULL: log_event(LOG_NOTICE, "task_refused", "task", id, NULL). */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));
/* As log_event with a "why" field (status and text). */
void log_failure(enum log_level level, const char *event, result r, const struct why *why);

#endif
