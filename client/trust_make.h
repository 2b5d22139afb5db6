/*
 * trust_make.h - the trust document of a key ceremony, from the public halves that people bring.  Pure.
 */
#ifndef INNSYN_CLIENT_TRUST_MAKE_H
#define INNSYN_CLIENT_TRUST_MAKE_H

#include "proto/trust.h"

struct trust_parts {
    struct json *roots, *officers, *desks, *holders, *sites, *witnesses, *successions; /* arrays under construction */
};
void trust_parts_init(struct trust_parts *p);
void trust_parts_done(struct trust_parts *p);

/* Each checks its key and refuses a second one of the same kind and name (MALFORMED, with what). */
MUST_CHECK result trust_add_root(struct trust_parts *p, struct slice spki_base64, struct why *why);
MUST_CHECK result trust_add_officer(struct trust_parts *p, struct slice account, struct slice spki_base64, struct why *why);
MUST_CHECK result trust_add_desk(struct trust_parts *p, struct slice account, struct slice spki_base64, struct why *why);
MUST_CHECK result trust_add_holder(struct trust_parts *p, struct slice account, struct slice site, struct slice spki_base64, struct why *why);
/* {"site","key","witness"?} */
MUST_CHECK result trust_add_site(struct trust_parts *p, const struct json *site_public, struct why *why);

MUST_CHECK result trust_add_witness(struct trust_parts *p, struct slice vkey, struct why *why);
/* A log-succession/1 envelope with its signatures; all of them, the oldest first. */
MUST_CHECK result trust_add_succession(struct trust_parts *p, const struct json *envelope, struct why *why);

/* The whole, as an unsigned envelope.  broker_public: {"log","seal","site_ca"}.
 * MALFORMED: a threshold that the roots cannot meet, fewer than two officers, a site without holder, a missing member. */
MUST_CHECK result trust_make_envelope(struct trust_parts *p, struct slice network, uint64_t version, unsigned threshold,
                                      const struct json *broker_public, int64_t issued_ms, struct envelope *ret, struct why *why);

#endif
