/*
 * crypto_held.h - signatures that held before, so that the same one is not computed again: a checkpoint comes
 * with every poll, its cosignatures too, and a status with every task.
 *
 * What is remembered is a SHA-256 over kind, key, signature and bytes of what held; a signature that did not
 * hold leaves nothing.  For one process; from any thread.
 */
#ifndef INNSYN_PROTO_CRYPTO_HELD_H
#define INNSYN_PROTO_CRYPTO_HELD_H

#include "proto/crypto.h"

enum { HELD_SIGNATURES = 256 }; /* the newest so many */

/* What this check is: the key as its kind has it (SPKI for P-256, 32 bytes for Ed25519). */
struct hash held_what(enum key_kind kind, struct slice key, struct slice bytes, const uint8_t signature[SIGNATURE_LEN]);
bool held_before(const struct hash *what);
void held_remember(const struct hash *what);

#endif
