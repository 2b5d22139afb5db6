/*
 * engine.h - the process that reads snapshots: no network, no key but that of the jitter, no files to write.
 * It takes plans from guard over one channel, one at a time, and hands back aggregates (plan.h) or a
 * refusal.  Before the first plan guard may hand it the jitter key, once.  A frame of another kind, or one that
 * is not a plan, ends the process.
 */
#ifndef INNSYN_AGENTS_ENGINE_ENGINE_H
#define INNSYN_AGENTS_ENGINE_ENGINE_H

#include "agents/engine/plan.h"
#include "agents/snapshot/snapshot.h"
#include "base/host.h"

enum { ENGINE_SNAPSHOTS_MAX = 16 }; /* kept mapped; the least recently used goes first */

struct engine_start {
    const struct host *host;
    const char *data_folder; /* <agent>/data; a dataset's folder is below it */
    int channel_fd;          /* the engine's end; taken over */
};

/* A role's main (base/role.h); self: struct engine_start *.  Hides the process, enters the sandbox
 * (files to read, nothing else), serves until ENGINE_STOP or the end of the channel.  0 on either. */
int engine_main(void *self);

/* What the process does with one plan, for tests and benches: computes into an initialised answer.
 * The statuses are engine_refusal's. */
MUST_CHECK result engine_compute(const struct snapshot *s, const struct question *q, bool protect, struct engine_answer *ret,
                                 struct why *why);

#endif
