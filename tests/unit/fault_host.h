/*
 * fault_host.h - the real world, with one call that fails: for torture tests.
 *
 *   for (unsigned long n = 0;; n++) {
 *       struct fault_host f;
 *       fault_host_init(&f, n);
 *       assert_true(is_ok(scenario(&f.host)) != f.hit);
 *       ... what must hold after a failure ...
 *       if (!f.hit) break;
 *   }
 *
 * Counted are the calls that can fail: random and everything with files.  Clocks are not.
 */
#ifndef INNSYN_TESTS_UNIT_FAULT_HOST_H
#define INNSYN_TESTS_UNIT_FAULT_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/host.h"

struct fault_host {
    struct host host;      /* hand &f.host to the code under test */
    unsigned long fail_at; /* the call that fails, from 0 */
    unsigned long calls;   /* so far */
    bool hit;              /* the failure has happened */
    bool after;            /* false: the call fails and does nothing; true: it is done and yet reports failure
                              (a sync that failed after the rename) */
    enum status status;    /* what the call fails with; UNAVAILABLE unless set */
    int64_t now_ms;        /* the clock, unless 0: then the real one */
};

void fault_host_init(struct fault_host *f, unsigned long fail_at);

#endif
