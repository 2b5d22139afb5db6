/*
 * blocks.h - permits that the holder does not answer, by hand and at once (innsyn-agent block, unblock).
 *   <dir>/blocked.json   {"innsyn":"blocked/1","permits":["p-..."]}; absent: none
 * The holder's signed rules can block permits too (policy/site_rules.h); this is the stop button that needs no key.
 */
#ifndef INNSYN_AGENTS_GUARD_BLOCKS_H
#define INNSYN_AGENTS_GUARD_BLOCKS_H

#include "agents/settings.h"
#include "base/host.h"

enum { BLOCKS_MAX = 256, BLOCKS_BYTES_MAX = 16 * 1024 };

struct blocks {
    struct document_id permits[BLOCKS_MAX]; /* each once */
    unsigned count;
};
bool blocks_hold(const struct blocks *b, const struct document_id *permit);
bool blocks_equal(const struct blocks *a, const struct blocks *b);
/* BROKEN: the file is none; *ret is untouched. */
MUST_CHECK result blocks_read(const struct host *host, const struct agent_settings *s, struct blocks *ret, struct why *why);
MUST_CHECK result blocks_write(const struct host *host, const struct agent_settings *s, const struct blocks *b, struct why *why);

#endif
