/*
 * envelope.h - DSSE 1.0.2 envelopes: the bytes that were signed are the bytes that are parsed.
 * Each kind of document has a payload type of its own, so that no signature serves two uses.
 *   {"payload": base64, "payloadType": text, "signatures": [{"keyid": hex, "sig": base64}]}
 * Signed is PAE = "DSSEv1" SP len(type) SP type SP len(body) SP body.
 */
#ifndef INNSYN_PROTO_ENVELOPE_H
#define INNSYN_PROTO_ENVELOPE_H

#include "proto/crypto.h"
#include "proto/json.h"

enum { ENVELOPE_PAYLOAD_MAX = 1024 * 1024, ENVELOPE_SIGNATURES_MAX = 64 };

#define TYPE_TRUST "application/vnd.innsyn.trust.v1+json"
#define TYPE_LOG_SUCCESSION "application/vnd.innsyn.log-succession.v1+json"
#define TYPE_PERMIT "application/vnd.innsyn.permit.v1+json"
#define TYPE_PERMIT_STATUS "application/vnd.innsyn.permit-status.v1+json"
#define TYPE_QUERY "application/vnd.innsyn.query.v1+json"
#define TYPE_TASK "application/vnd.innsyn.task.v1+json"
#define TYPE_SITE_RESULT "application/vnd.innsyn.site-result.v1+json"
#define TYPE_OPTOUT_SEALED "application/vnd.innsyn.optout-sealed.v1"
#define TYPE_SITE_RULES "application/vnd.innsyn.site-rules.v1+json"

struct envelope_signature {
    char keyid[2 * HASH_LEN + 1]; /* "" when absent: says which key to try, proves nothing */
    uint8_t sig[SIGNATURE_LEN];
};

struct envelope {
    struct buffer payload; /* decoded; unverified until envelope_signed_by says so */
    char type[96];
    struct envelope_signature signatures[ENVELOPE_SIGNATURES_MAX];
    unsigned count;
};

void envelope_init(struct envelope *e);
void envelope_done(struct envelope *e); /* zeroed envelopes are welcome */

/* MALFORMED: not an envelope, its type is not `type`, or a signature of a trust document, succession, permit or query (which many
 * keys may have signed) does not name its key.  The payload is not looked at. */
MUST_CHECK result envelope_parse(const struct json *v, const char *path, const char *type, struct envelope *ret, struct why *why);
MUST_CHECK result envelope_parse_text(struct slice text, const char *type, struct envelope *ret, struct why *why);

/* True if one of the signatures holds under this key (every signature is tried whose keyid is absent or matches). */
bool envelope_signed_by(const struct envelope *e, const struct public_key *key);

/* A new envelope around payload (copied), unsigned. */
MUST_CHECK result envelope_make(const char *type, struct slice payload, struct envelope *ret, struct why *why);
MUST_CHECK result envelope_sign(struct envelope *e, const struct signing_key *key, struct why *why);
/* Adds a signature made elsewhere (a browser, a card), after checking it.  DENIED: it does not hold. */
MUST_CHECK result envelope_add(struct envelope *e, const struct public_key *key, const uint8_t sig[SIGNATURE_LEN], struct why *why);
struct json *envelope_json(const struct envelope *e);
MUST_CHECK result envelope_print(const struct envelope *e, struct buffer *to, struct why *why);

/* SHA-256 of the payload bytes: how documents refer to one another. */
struct hash envelope_hash(const struct envelope *e);

/* The bytes that are signed, for vectors and for signers outside. */
MUST_CHECK result envelope_pae(const char *type, struct slice payload, struct buffer *to, struct why *why);

#endif
