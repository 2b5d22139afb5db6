/*
 * messages.h - what guard and link say to each other, packed by base/wire.h.  Link understands none of
 * the bodies: it carries them.
 */
#ifndef INNSYN_AGENTS_LINK_MESSAGES_H
#define INNSYN_AGENTS_LINK_MESSAGES_H

#include "agents/link/transport.h"

enum link_message {
    /* guard -> link; the tag names the request */
    LINK_ASK = 1,         /* struct transport_request */
    LINK_RELOAD = 2,      /* the certificate file has changed; no payload, no answer */
    LINK_CSR = 3,         /* site id -> LINK_CSR_PEM: a certificate request signed with the TLS key */
    /* link -> guard, with the same tag */
    LINK_ANSWER = 16,     /* u16 HTTP status, bytes body */
    LINK_FAILURE = 17,    /* u8 status, text why */
    LINK_CSR_PEM = 18,    /* PEM */
};

MUST_CHECK result link_ask_encode(const struct transport_request *r, struct buffer *to, struct why *why);
bool link_ask_decode(struct slice bytes, struct transport_request *ret); /* borrowed from bytes */
MUST_CHECK result link_answer_encode(unsigned status, struct slice body, struct buffer *to, struct why *why);
bool link_answer_decode(struct slice bytes, unsigned *ret_status, struct slice *ret_body);
MUST_CHECK result link_failure_encode(result r, const struct why *from, struct buffer *to, struct why *why);
bool link_failure_decode(struct slice bytes, enum status *ret_status, struct slice *ret_text);

#endif
