/*
 * trust_store.h - which keys this profile believes: the trust document it has accepted, never an older one.
 * The first is held to the profile's pin; later ones carry the quorum of the one before.
 */
#ifndef INNSYN_CLIENT_TRUST_STORE_H
#define INNSYN_CLIENT_TRUST_STORE_H

#include "client/client.h"
#include "proto/trust.h"

/* The stored trust, or (when there is none, or refresh is asked) the broker's after verification; a newer
 * one is stored.  EXIT_UNVERIFIED: no pin, or the broker's does not follow from what is held. */
int trust_store_get(struct client *c, bool refresh, struct trust **ret);
/* The pure part: `offered` against the pin (held NULL) or the version held.  DENIED: it does not follow.
 * The same bytes as held are accepted; an older version is not. */
MUST_CHECK result trust_store_accept(const struct envelope *offered, const struct trust *held, const struct hash *pin,
                                     struct trust **ret, struct why *why);

#endif
