/*
 * crypto_key.h - a signing key as OpenSSL sees it, for the files of proto/ that make certificates.
 */
#ifndef INNSYN_PROTO_CRYPTO_KEY_H
#define INNSYN_PROTO_CRYPTO_KEY_H

#include "proto/crypto.h"

struct evp_pkey_st; /* EVP_PKEY */

struct evp_pkey_st *signing_key_openssl(const struct signing_key *k); /* borrowed */
const char *openssl_says(void);                             /* the last reason, which is then forgotten */

/* For every PEM that is read: a file with a passphrase is refused, no terminal is asked. */
int openssl_no_passphrase(char *to, int size, int writing, void *self);

#endif
