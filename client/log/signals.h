/*
 * signals.h - rules over the log that point at what an auditor would want to see.  A signal is no verdict:
 * it names its rule and the entries that made it (docs/LOG.md).  Pure.
 */
#ifndef INNSYN_CLIENT_LOG_SIGNALS_H
#define INNSYN_CLIENT_LOG_SIGNALS_H

#include "proto/json.h"

enum { SIGNALS_HOUR_FROM = 6, SIGNALS_HOUR_TO = 20 }; /* hours of work, UTC: from, and to which hour */

struct signals;
MUST_CHECK result signals_new(unsigned hour_from, unsigned hour_to, struct signals **ret, struct why *why);
/* Looks at one entry; entries come in their order.  DENIED: it has no time.  LIMIT: there are too many. */
MUST_CHECK result signals_look(void *signals, uint64_t index, const struct json *entry, struct why *why);
/* After the last: [{"rule","says","of","count","entries":[index…]}], the caller's.  Once. */
struct json *signals_end(struct signals *s);
void signals_free(struct signals *s);
void signals_freep(struct signals **s);

#endif
