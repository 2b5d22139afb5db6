/*
 * asked.h - how many questions were asked here under a permit about a dataset whose access rules have a limit
 * (`questions_max`): durable, each query once, whatever becomes of it afterwards.
 *
 *   <dir>/guard/asked/<permit>.<dataset>   the query's id, a line each; made with the first one
 *
 * A line is synced before the question is computed or answered from the store.  A torn last line counts for nothing and
 * is written over.
 */
#ifndef INNSYN_AGENTS_GUARD_ASKED_H
#define INNSYN_AGENTS_GUARD_ASKED_H

#include "agents/settings.h"
#include "base/host.h"

enum { ASKED_MAX = 1000000 /* as many as a rule can give */, ASKED_LINE_BYTES = DOCUMENT_ID_LEN + 1,
       ASKED_BYTES_MAX = (ASKED_MAX + 1) * ASKED_LINE_BYTES };

/* *ret_others: queries counted, without this one.  What cannot be read is not nothing: do not answer then. */
MUST_CHECK result asked_count(const struct host *host, const struct agent_settings *s, const struct document_id *permit, const struct label *dataset,
                              const struct document_id *query, uint64_t *ret_others, struct why *why);
/* Counts the query, if it is not counted yet; durable on return.  UNAVAILABLE, LIMIT: it is not. */
MUST_CHECK result asked_add(const struct host *host, const struct agent_settings *s, const struct document_id *permit, const struct label *dataset,
                            const struct document_id *query, struct why *why);

#endif
