/*
 * crypto_cms.h - a message for one reader: CMS (RFC 5652, 5753, 5083) to a P-256 key by ephemeral-static ECDH
 * (X9.63 KDF with SHA-256, AES-256 key wrap), content under AES-256-GCM.
 * Equal lengths in give equal lengths out within a few bytes of DER (cms_seal's ephemeral key has one form).
 */
#ifndef INNSYN_PROTO_CRYPTO_CMS_H
#define INNSYN_PROTO_CRYPTO_CMS_H

#include "base/buffer.h"
#include "proto/crypto.h"

enum { CMS_PLAIN_MAX = 16 * 1024, CMS_SEALED_MAX = CMS_PLAIN_MAX + 2048 };

/* Appends the DER.  LIMIT: plain is longer than CMS_PLAIN_MAX.  MALFORMED: not a P-256 key. */
MUST_CHECK result cms_seal(const struct public_key *to, struct slice plain, struct buffer *ret, struct why *why);
/* Appends the plain bytes (wipe them).  MALFORMED: no CMS of this form, not for this key, or altered; nothing is appended. */
MUST_CHECK result cms_open(const struct signing_key *key, struct slice sealed, struct buffer *ret, struct why *why);

#endif
