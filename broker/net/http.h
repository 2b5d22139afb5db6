/*
 * http.h - one listening socket that speaks HTTP/1.1 over TLS 1.3 (libevent's evhttp and OpenSSL
 * underneath; only http.c sees them).  A complete, checked request comes out; an answer goes in by tag.
 *
 * What it closes (each has a test that names it in tests/unit/http_test.c or tests/e2e/http_test.py):
 *  plaintext   a connection without TLS never reaches the parser; failing to make one ends the process
 *  resumption  no tickets, no session cache; a certificate's end is checked at every request
 *  nagle       TCP_NODELAY on the listening socket
 *  gone        a peer that leaves while its request waits is noticed at once, and on_gone is called
 *  slow        one timer from accept to the complete request, one for idling, one for taking the answer
 *  limits      head 16 KiB (431), body 4 MiB (413), connections, requests in flight (503)
 *  descriptors when they run out, accepting pauses ACCEPT_PAUSE_MS
 *  lenience    heads pass head.h before the library sees them; one request at a time a connection:
 *              bytes behind a complete request are dropped and the connection ends after the answer
 *  thread      calls from another thread than the one that made the front end the process
 *  sigpipe     ignored; idle TLS connections give their buffers back
 *  drain       http_front_drain
 * Behind a proxy: not built.  The listener takes identity from its own TLS handshake only.
 */
#ifndef INNSYN_BROKER_NET_HTTP_H
#define INNSYN_BROKER_NET_HTTP_H

#include "base/host.h"
#include "base/loop.h"
#include "broker/net/head.h"
#include "proto/tls.h"

enum { CONNECTIONS_MAX = 60000, IN_FLIGHT_MAX = 32768, ACCEPT_PAUSE_MS = 100 };

struct http_front;

/* Borrowed until on_request returns. */
struct http_incoming {
    uint64_t tag;               /* names the request for http_front_answer; never used twice */
    const struct http_head *head;
    const char *path;           /* decoded */
    struct slice body;
    const char *site;           /* the peer's site id; "" where no client certificate is asked */
    uint8_t certificate[32];    /* SHA-256 of its DER, else zero */
    int64_t certificate_ends_ms;
    const char *request_id;     /* "r-..." */
};

/* Empty slices and zeros are left out of the answer.  Borrowed during the call. */
struct http_answer {
    unsigned status;
    struct slice content_type; /* with a body; empty: application/json */
    struct slice set_cookie, location, etag, allow, cache_control;
    unsigned retry_after_s;
    struct slice body;
};

struct http_front_settings {
    const struct host *host;
    struct loop *loop;
    int listen_fd;        /* taken over, also on failure */
    struct tls_files tls; /* client_ca set: every peer is a site, named by exactly one URI in its certificate */
    unsigned connections_max, in_flight_max;
    unsigned request_ms;  /* from accept (later: from the first byte) to the complete request */
    unsigned idle_ms;     /* between requests */
    unsigned answer_ms;   /* a request not answered by then is given up: 503 */
    unsigned write_ms;    /* for the peer to take an answer */
    uint64_t tag_mark;    /* 0 or 1, the lowest bit of every tag: tells two fronts of a process apart */
    void (*on_request)(void *self, const struct http_incoming *in);
    void (*on_gone)(void *self, uint64_t tag); /* the peer left, or answer_ms passed: an answer is not wanted any more */
    void *self;
};

/* UNAVAILABLE, MALFORMED: the TLS files or the socket do not serve. */
MUST_CHECK result http_front_new(const struct http_front_settings *s, struct http_front **ret, struct why *why);
void http_front_free(struct http_front *f); /* ends every connection, without on_gone; NULL is welcome */

/* A tag whose peer has left is welcome: nothing happens. */
void http_front_answer(struct http_front *f, uint64_t tag, const struct http_answer *a);
/* The same with a problem document. */
void http_front_refuse(struct http_front *f, uint64_t tag, const struct problem *p, unsigned retry_after_s);

/* Refuses every request that waits for its answer. */
void http_front_refuse_all(struct http_front *f, const struct problem *p, unsigned retry_after_s);

/* Ends every connection of this site, answered or not. */
void http_front_cut(struct http_front *f, struct slice site);
/* Accepts no more, ends idle connections, ends the others after their answer. */
void http_front_drain(struct http_front *f);
unsigned http_front_connections(const struct http_front *f);
unsigned http_front_in_flight(const struct http_front *f);

#ifdef INNSYN_TEST_HOOKS
extern int http_test_fail_tls; /* 1: making the next TLS connection fails */
#endif

#endif
