/*
 * permit.h - reading a permit from the broker, for the commands that need what it says.
 */
#ifndef INNSYN_CLIENT_COMMANDS_PERMIT_H
#define INNSYN_CLIENT_COMMANDS_PERMIT_H

#include "client/client.h"
#include "proto/permit.h"

/* Fetches the permit `id` and reads its payload; checks that it is this permit, of the profile's network.
 * *ret_payload: the bytes that are signed (initialised by the callee, done by the caller). */
int permit_fetch(struct client *c, const struct document_id *id, struct buffer *ret_payload, struct permit **ret);

#endif
