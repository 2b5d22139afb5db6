/* turn.h - from route.c to core.c. */
#ifndef INNSYN_BROKER_CORE_TURN_H
#define INNSYN_BROKER_CORE_TURN_H

#include "broker/call/call.h"

/* Finds the route, checks who asks, handles.  After OK the answer stands in the pending request. */
MUST_CHECK result call_decide(struct call *c, struct why *why);

#endif
