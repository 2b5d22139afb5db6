/*
 * halves.h - work in two halves, at the same time where the process has a second thread.
 * The results must not hang on who did what: halves are cut by the rows alone, or add integers.
 * The thread belongs to the process, like the sandbox, which it must be started before.
 */
#ifndef INNSYN_AGENTS_ENGINE_HALVES_H
#define INNSYN_AGENTS_ENGINE_HALVES_H

#include "base/result.h"

typedef void halves_fn(void *self, unsigned half);

/* Starts the second thread; nothing where there is one.  UNAVAILABLE: it cannot be made, and one thread does it all. */
MUST_CHECK result halves_begin(struct why *why);
/* Ends it.  Nothing where there is none. */
void halves_end(void);

/* run(self, 0), and run(self, 1) on the second thread.  Without one, or where it is busy or has not begun when half 0
 * is done, both are run here, 0 first.  Returns when both are done.  Not from within a half. */
void halves_run(halves_fn *run, void *self);

#endif
