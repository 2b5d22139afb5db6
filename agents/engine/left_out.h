/*
 * left_out.h - the rows of the persons whom an edition leaves out (opt-outs).
 * Guard names them by record key; the engine finds their rows once, and keeps them while the list stays the same.
 */
#ifndef INNSYN_AGENTS_ENGINE_LEFT_OUT_H
#define INNSYN_AGENTS_ENGINE_LEFT_OUT_H

#include "agents/snapshot/snapshot.h"

struct left_out {
    struct hash keys; /* of the list that `rows` came from */
    bool known;
    uint64_t *rows;   /* owned; rising */
    size_t count;
};
void left_out_done(struct left_out *l); /* wipes: it names persons; zeroed ones are welcome */

/* Makes the snapshot leave out the persons with these record keys (form of plan.h), and nobody else.
 * *l belongs to the snapshot and outlives its use.  MALFORMED: not rising.  LIMIT: no memory; then the snapshot is as it was. */
MUST_CHECK result left_out_apply(struct left_out *l, struct slice keys, struct snapshot *s, struct why *why);

#endif
