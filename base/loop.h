/*
 * loop.h - one event loop a role (libevent underneath; only loop.c and the HTTP front see it).
 * Callbacks run on the loop's thread and must not block.
 */
#ifndef INNSYN_BASE_LOOP_H
#define INNSYN_BASE_LOOP_H

#include <stdint.h>

#include "base/result.h"

struct loop;
struct loop_watch; /* a descriptor or a timer */
typedef void loop_fn(void *self);

enum loop_want { LOOP_READ = 1, LOOP_WRITE = 2 };

MUST_CHECK result loop_new(struct loop **ret, struct why *why);
void loop_free(struct loop *l); /* after every watch was ended; NULL is welcome */
void loop_run(struct loop *l);  /* returns after loop_stop */
void loop_stop(struct loop *l);
/* One pass: waits at most timeout_ms (-1: until something happens; 0: not at all). */
void loop_turn(struct loop *l, int timeout_ms);

/* Level-triggered; `fn` is called while the descriptor is ready.  Change with loop_want(). */
MUST_CHECK result loop_watch_fd(struct loop *l, int fd, unsigned want, loop_fn *fn, void *self,
                                struct loop_watch **ret, struct why *why);
void loop_want(struct loop_watch *w, unsigned want);
/* Fires once, after_ms from now; loop_timer_set rearms, a negative time disarms. */
MUST_CHECK result loop_timer(struct loop *l, loop_fn *fn, void *self, struct loop_watch **ret, struct why *why);
void loop_timer_set(struct loop_watch *w, int64_t after_ms);
/* Runs once per delivery of the signal, on the loop. */
MUST_CHECK result loop_signal(struct loop *l, int signal_number, loop_fn *fn, void *self,
                              struct loop_watch **ret, struct why *why);
/* NULL is welcome.  A signal stays blocked from then on: a role that tidies up is not ended by it. */
void loop_unwatch(struct loop_watch *w);

/* For the HTTP front alone: the struct event_base underneath. */
void *loop_event_base(struct loop *l);

#endif
