/*
 * transport.h - one HTTPS exchange with the broker.  Only transport.c sees libcurl.
 * TLS 1.3 only, AES-GCM, P-256/P-384; the server must chain to the profile's CA file and to nothing
 * else, under the name in the URL.  No redirects are followed, no cookies kept, answers have a ceiling,
 * every call has an end.
 */
#ifndef INNSYN_CLIENT_TRANSPORT_H
#define INNSYN_CLIENT_TRANSPORT_H

#include "base/buffer.h"
#include "base/result.h"

enum {
    TRANSPORT_CONNECT_MS = 5000,
    TRANSPORT_ANSWER_MS = 30000,                 /* on top of what the call itself asks the server to wait */
    TRANSPORT_ANSWER_BYTES_MAX = 24 * 1024 * 1024, /* a page of 1,000 log entries fits */
    TRANSPORT_TRIES_MAX = 4,                     /* idempotent calls only */
};

struct transport;
/* url: "https://host:port", no path.  ca_file: PEM.  MALFORMED: not such a URL. */
MUST_CHECK result transport_new(const char *url, const char *ca_file, struct transport **ret, struct why *why);
void transport_free(struct transport *t);

struct exchange {
    const char *method;          /* "GET", "POST", "PUT", "DELETE" */
    const char *path;            /* "/v1/..." with its query, already escaped */
    struct slice token;          /* bearer token; empty: none */
    struct slice body;           /* empty: none */
    const char *content_type;    /* of the body; NULL: JSON */
    const char *idempotency_key; /* NULL: none */
    unsigned wait_ms;            /* what the server was asked to wait */
    unsigned answer_ms;          /* 0: TRANSPORT_ANSWER_MS */
    size_t answer_bytes_max;     /* 0: TRANSPORT_ANSWER_BYTES_MAX */
    bool idempotent;             /* may be sent again when no answer came */
};
struct answer {
    unsigned status;
    char content_type[80];
    char request_id[64];
    unsigned retry_after_s;
    struct buffer body;
};
void answer_init(struct answer *a);
void answer_done(struct answer *a);

/* OK: an HTTP answer of any status.
 * UNAVAILABLE: no connection, or no answer in time (after the retries of an idempotent call).
 * DENIED: the server's certificate or TLS version is not what the profile asks.
 * LIMIT: the answer is larger than allowed.  MALFORMED: it is not HTTP. */
MUST_CHECK result transport_call(struct transport *t, const struct exchange *e, struct answer *ret, struct why *why);

#endif
