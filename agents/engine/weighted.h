/* weighted.h - a summary as it may be handed over under protection: moments with jittered weights, and what the rules
 * of disclosure control need to decide whether they may leave. */
#ifndef INNSYN_AGENTS_ENGINE_WEIGHTED_H
#define INNSYN_AGENTS_ENGINE_WEIGHTED_H

#include "agents/engine/jitter.h"
#include "agents/engine/plan.h"
#include "agents/snapshot/snapshot.h"

/* Fills weighted, counts, histograms where quantiles are asked, summary_groups and summary_variables of an initialised answer.  edition: its name, as text.
 * The question is a summary of a person table whose variables have clamps (question_read sees to it).
 * LIMIT: too many slots, or no memory.  DENIED: the question is another.  BROKEN: a computed fault.
 * On failure the answer is empty. */
MUST_CHECK result weighted_summary(const struct snapshot *s, const struct question *q, struct jitter *jitter, struct slice edition,
                                   struct engine_answer *ret, struct why *why);

#endif
