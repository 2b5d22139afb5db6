/*
 * worker.h - a bounded pool of threads for what would block a turn (password hashing).
 * Jobs share nothing with the loop but their own struct.
 */
#ifndef INNSYN_BASE_WORKER_H
#define INNSYN_BASE_WORKER_H

#include "base/loop.h"
#include "base/result.h"

struct workers;
typedef void worker_fn(void *job);

enum { WORKER_THREADS_MAX = 8, WORKER_QUEUE_MAX = 256 };

/* `done` is called on the loop's thread for every job that ran. */
MUST_CHECK result workers_new(struct loop *loop, unsigned threads, struct workers **ret, struct why *why);
/* Waits for running jobs and calls their `done`; queued ones are neither run nor told.  Not from a `done`. */
void workers_free(struct workers *w);
/* LIMIT: WORKER_QUEUE_MAX jobs are waiting. */
MUST_CHECK result workers_run(struct workers *w, worker_fn *run, worker_fn *done, void *job, struct why *why);

#endif
