/*
 * transport.h - requests to the broker over TLS 1.3 (libcurl underneath; only transport.c sees it).
 * The server must chain to the pinned CA; the environment's proxies and CAs are not looked at;
 * redirects are not followed.  Several requests run at once on one loop.
 */
#ifndef INNSYN_AGENTS_LINK_TRANSPORT_H
#define INNSYN_AGENTS_LINK_TRANSPORT_H

#include "base/buffer.h"
#include "base/loop.h"
#include "base/result.h"
#include "base/slice.h"

enum {
    TRANSPORT_REQUESTS_MAX = 64,
    TRANSPORT_ANSWER_BYTES_MAX = 12 * 1024 * 1024,
    TRANSPORT_CONNECT_TIMEOUT_MS = 10000,
    TRANSPORT_TIMEOUT_MAX_MS = 180000,
    TRANSPORT_PATH_MAX = 512,
};

enum transport_method { TRANSPORT_GET = 1, TRANSPORT_POST, TRANSPORT_PUT };

struct transport_settings {
    const char *url;         /* "https://host:port", borrowed for the transport's life, as all texts here */
    const char *ca_path;     /* PEM file of the pinned CA, or NULL: then ca_pem */
    struct slice ca_pem;
    const char *certificate_path, *key_path; /* of the client; NULL: none */
    const char *proxy;       /* NULL or "": none */
};

struct transport_request {
    enum transport_method method;
    struct slice path; /* "/v1/poll" */
    struct slice body; /* JSON; copied */
    unsigned timeout_ms;
};

/* r.code OK: status and body.  Else why says what failed and what to look at:
 * DENIED: a certificate was refused, ours or theirs.  LIMIT: an answer over the ceiling.  UNAVAILABLE: all else. */
typedef void transport_fn(void *self, uint64_t tag, result r, unsigned status, struct slice body, const struct why *why);

struct transport;
MUST_CHECK result transport_new(struct loop *loop, const struct transport_settings *s, transport_fn *fn, void *self,
                                struct transport **ret, struct why *why);
void transport_free(struct transport *t); /* requests under way are dropped without a call */
/* `fn` is called once with this tag, from the loop.  LIMIT: TRANSPORT_REQUESTS_MAX are under way. */
MUST_CHECK result transport_send(struct transport *t, uint64_t tag, const struct transport_request *r, struct why *why);
/* Connections made from now on use the certificate files as they are now. */
void transport_reload(struct transport *t);

/* One request, waited for (commands). */
MUST_CHECK result transport_once(const struct transport_settings *s, const struct transport_request *r,
                                 unsigned *ret_status, struct buffer *ret_body, struct why *why);

#endif
