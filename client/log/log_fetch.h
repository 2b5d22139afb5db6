/* log_fetch.h - entries of the broker's log for commands that look at many: found by search, oldest first. */
#ifndef INNSYN_CLIENT_LOG_LOG_FETCH_H
#define INNSYN_CLIENT_LOG_LOG_FETCH_H

#include "client/client.h"

typedef result found_fn(void *self, uint64_t index, const struct json *entry, struct why *why);

/* filters: "&site=x&type=y", escaped; "" for all.  Ends at the first entry that the fetching itself added. */
int log_fetch(struct client *c, const char *filters, const char *doing, found_fn *fn, void *self);

#endif
