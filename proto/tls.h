/*
 * tls.h - the TLS profile: 1.3 only, AES-GCM suites, P-256/P-384, no tickets, no resumption, no early data.
 * Servers and clients get an SSL_CTX from here and from nowhere else (void * so that callers which
 * only pass it on need no OpenSSL headers).
 */
#ifndef INNSYN_PROTO_TLS_H
#define INNSYN_PROTO_TLS_H

#include "base/result.h"

struct tls_files {
    const char *certificate; /* PEM chain */
    const char *key;         /* PEM */
    const char *client_ca;   /* PEM: client certificates are required and must chain to it; NULL: none asked */
};
/* *ret: an SSL_CTX *. */
MUST_CHECK result tls_server_context(const struct tls_files *files, void **ret, struct why *why);
void tls_context_free(void *context);

#endif
