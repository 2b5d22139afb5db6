/*
 * A connection's life:
 *
 *   accept -> HEAD -> BODY -> WAITING -> ANSWERING -> HEAD ...
 *               \-> REFUSED (answered here, then closed)
 *
 * `gate` sees every byte before evhttp does.  In HEAD it holds the bytes back until the head is whole and
 * has passed head_parse, then hands it over at once; in BODY it counts; in every other state it
 * drops what comes and marks the connection to be closed.  So evhttp never meets a head that is
 * partial, too long or ambiguous, nor a second request while one is pending (which could end the process).
 *
 * `struct conn` belongs to its SSL (ex_data): it dies when evhttp has let go of the connection.
 * A connection is ended by shutdown() alone; evhttp then finds the end and frees it.
 */
#include "broker/net/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/instant.h"
#include "base/log.h"
#include "proto/id.h"

enum { LISTEN_BACKLOG = 1024, LINGER_MS = 2000, SLOT_BITS = 16 };

enum state { STATE_HEAD, STATE_BODY, STATE_WAITING, STATE_ANSWERING, STATE_REFUSED };

struct exchange {
    uint64_t tag; /* 0: the slot is free */
    struct conn *conn;
    struct evhttp_request *req;
    char request_id[DOCUMENT_ID_LEN + 1];
};

struct conn {
    LIST_ENTRY(conn) next;
    struct http_front *front;
    struct bufferevent *bev;
    struct event *timer; /* what it means follows from state */
    enum state state;
    bool gating;  /* the gate's own changes to the input do not pass the gate */
    bool close_after;
    bool identified;
    bool without_nagle;
    struct buffer head; /* kept until the answer: head's slices lie in it */
    struct http_head parsed;
    size_t searched;
    uint64_t body_left;
    struct exchange *exchange; /* WAITING */
    struct problem problem;    /* REFUSED */
    bool refusal_sent;
    struct site_id site;
    uint8_t certificate[32];
    int64_t certificate_ends_ms;
};

struct http_front {
    LIST_ENTRY(http_front) next;
    struct http_front_settings s;
    SSL_CTX *tls;
    struct event_base *base;
    struct evhttp *http;
    struct evconnlistener *listener;
    struct event *accept_again;
    LIST_HEAD(, conn) conns;
    unsigned conn_count;
    struct exchange *exchanges; /* s.in_flight_max */
    unsigned *free_slots;
    unsigned free_count;
    uint64_t serial;
    bool draining, freeing;
    pthread_t thread;
};

#ifdef INNSYN_TEST_HOOKS
int http_test_fail_tls;
#endif

static int conn_index = -1; /* SSL ex_data */
static LIST_HEAD(, http_front) fronts = LIST_HEAD_INITIALIZER(fronts);

static const char security_policy[] =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/* --- the thread rule ---------------------------------------------------------------------------- */

static void need_own_thread(const struct http_front *f)
{
    if (!pthread_equal(f->thread, pthread_self())) {
        log_event(LOG_ERROR, "http_wrong_thread", NULL);
        abort(); /* evhttp has no locks: going on would corrupt memory */
    }
}

/* --- timers and endings ---------------------------------------------------------------------------- */

static void set_timer(struct conn *c, unsigned ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    evtimer_add(c->timer, &tv);
}

/* Reading must be on, or evhttp would not notice. */
static void end_connection(struct conn *c)
{
    evutil_socket_t fd = bufferevent_getfd(c->bev);
    bufferevent_enable(c->bev, EV_READ);
    if (fd >= 0)
        (void)shutdown(fd, SHUT_RDWR);
}

static void drop_exchange(struct exchange *e)
{
    struct http_front *f = e->conn->front;
    if (e->tag == 0)
        return; /* an answer without a slot */
    e->conn->exchange = NULL;
    f->free_slots[f->free_count++] = (unsigned)(e - f->exchanges);
    *e = (struct exchange){0};
}

static void conn_free(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
    (void)parent, (void)data, (void)index, (void)argl, (void)argp;
    struct conn *c = ptr;
    if (!c)
        return;
    struct http_front *f = c->front;
    LIST_REMOVE(c, next);
    f->conn_count--;
    if (!f->draining && !f->freeing && f->conn_count + 1 == f->s.connections_max)
        evconnlistener_enable(f->listener);
    event_free(c->timer);
    buffer_done(&c->head);
    free(c);
}

/* --- answers ---------------------------------------------------------------------------------------- */

static const char *reason(unsigned status)
{
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return status < 400 ? "OK" : "Refused";
    }
}

static void put_header(struct evkeyvalq *to, const char *name, struct slice value)
{
    char text[1200];
    if (value.len > 0 && slice_copy_str(value, text, sizeof text))
        evhttp_add_header(to, name, text); /* refuses CR and LF in values */
}

static void put_headers(struct evkeyvalq *to, const struct http_answer *a, const char *request_id, bool close)
{
    char number[16];
    evhttp_add_header(to, "X-Request-Id", request_id);
    evhttp_add_header(to, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(to, "Referrer-Policy", "no-referrer");
    evhttp_add_header(to, "Strict-Transport-Security", "max-age=31536000");
    evhttp_add_header(to, "Content-Security-Policy", security_policy);
    put_header(to, "Cache-Control", a->cache_control.len ? a->cache_control : slice_str("no-store"));
    if (a->body.len > 0)
        put_header(to, "Content-Type", a->content_type.len ? a->content_type : slice_str("application/json"));
    put_header(to, "Set-Cookie", a->set_cookie);
    put_header(to, "Location", a->location);
    put_header(to, "ETag", a->etag);
    put_header(to, "Allow", a->allow);
    if (a->retry_after_s > 0) {
        (void)snprintf(number, sizeof number, "%u", a->retry_after_s);
        evhttp_add_header(to, "Retry-After", number);
    }
    if (close)
        evhttp_add_header(to, "Connection", "close");
}

/* The answer is with the kernel. */
static void on_answered(struct evhttp_request *req, void *self)
{
    struct conn *c = self;
    (void)req;
    buffer_done(&c->head);
    buffer_init(&c->head, HEAD_BYTES_MAX + 1);
    c->searched = 0;
    c->parsed = (struct http_head){0};
    c->state = STATE_HEAD;
    set_timer(c, c->front->s.idle_ms);
    if (c->close_after || c->front->draining)
        end_connection(c);
}

static void send_answer(struct exchange *e, const struct http_answer *a)
{
    struct conn *c = e->conn;
    struct evhttp_request *req = e->req;
    struct evbuffer *body = evbuffer_new();
    char length[32];
    bool head_only = c->parsed.method == HTTP_HEAD;

    if (!body || (!head_only && evbuffer_add(body, a->body.at, a->body.len) != 0)) {
        log_event(LOG_ERROR, "http_memory", "request", e->request_id, NULL);
        if (body)
            evbuffer_free(body);
        end_connection(c);
        return;
    }
    put_headers(evhttp_request_get_output_headers(req), a, e->request_id,
                c->close_after || c->parsed.close || c->front->draining);
    (void)snprintf(length, sizeof length, "%zu", a->body.len);
    if (a->status != 204 && a->status != 304)
        evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Length", length);
    c->state = STATE_ANSWERING;
    set_timer(c, c->front->s.write_ms);
    drop_exchange(e);
    evhttp_request_set_on_complete_cb(req, on_answered, c);
    evhttp_send_reply(req, (int)a->status, reason(a->status), body);
    evbuffer_free(body);
}

static struct exchange *find_exchange(struct http_front *f, uint64_t tag)
{
    uint64_t slot = tag >> 1 & ((1u << SLOT_BITS) - 1);
    if (slot >= f->s.in_flight_max || tag == 0 || f->exchanges[slot].tag != tag)
        return NULL;
    return &f->exchanges[slot];
}

void http_front_answer(struct http_front *f, uint64_t tag, const struct http_answer *a)
{
    need_own_thread(f);
    struct exchange *e = find_exchange(f, tag);
    if (e)
        send_answer(e, a);
}

static void answer_problem(struct exchange *e, const struct problem *p, unsigned retry_after_s)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, PROBLEM_BYTES_MAX);
    tolerate(problem_print(p, e->request_id, &text, NULL)); /* without a body the status still says it */
    struct http_answer a = {.status = p->status, .retry_after_s = retry_after_s, .body = buffer_slice(&text),
                            .content_type = slice_str("application/problem+json")};
    if (p->status == 405)
        a.allow = slice_str("GET, HEAD, POST, PUT, DELETE");
    send_answer(e, &a);
}

void http_front_refuse(struct http_front *f, uint64_t tag, const struct problem *p, unsigned retry_after_s)
{
    need_own_thread(f);
    struct exchange *e = find_exchange(f, tag);
    if (e)
        answer_problem(e, p, retry_after_s);
}

void http_front_refuse_all(struct http_front *f, const struct problem *p, unsigned retry_after_s)
{
    need_own_thread(f);
    for (unsigned i = 0; i < f->s.in_flight_max; i++)
        if (f->exchanges[i].tag != 0)
            answer_problem(&f->exchanges[i], p, retry_after_s);
}

/* --- a request that evhttp never sees ---------------------------------------------------------------- */

static void refusal_written(struct bufferevent *bev, void *evcon)
{
    (void)evcon;
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    (void)SSL_shutdown(ssl); /* close_notify; the peer's own is not waited for */
    (void)shutdown(bufferevent_getfd(bev), SHUT_WR);
}

/* Written by hand: evhttp's own error pages are HTML and carry no request id. */
static void send_refusal(struct conn *c)
{
    struct document_id id = {"r-"};
    struct buffer text CLEANUP(buffer_done) = {0};
    bufferevent_event_cb on_event;
    void *evcon;

    buffer_init(&text, PROBLEM_BYTES_MAX);
    tolerate(document_id_new(c->front->s.host, 'r', &id, NULL));
    tolerate(problem_print(&c->problem, id.text, &text, NULL));
    c->refusal_sent = true;
    set_timer(c, LINGER_MS);
    bufferevent_getcb(c->bev, NULL, NULL, &on_event, &evcon);
    bufferevent_setcb(c->bev, NULL, refusal_written, on_event, evcon);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    struct evbuffer *out = bufferevent_get_output(c->bev);
    evbuffer_add_printf(out,
                        "HTTP/1.1 %u %s\r\nX-Request-Id: %s\r\nContent-Type: application/problem+json\r\n"
                        "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n%s"
                        "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                        c->problem.status, reason(c->problem.status), id.text,
                        c->problem.status == 405 ? "Allow: GET, HEAD, POST, PUT, DELETE\r\n" : "", text.len);
    evbuffer_add(out, text.at, text.len);
    log_event(LOG_NOTICE, "http_refused", "request", id.text, "why", c->problem.detail, NULL);
}

static void refuse_connection(struct conn *c, const struct problem *p)
{
    c->problem = *p;
    c->state = STATE_REFUSED;
    set_timer(c, 0); /* written from the loop, not from within the library's reading */
}

static void on_timer(evutil_socket_t fd, short what, void *self)
{
    (void)fd, (void)what;
    struct conn *c = self;
    switch (c->state) {
    case STATE_REFUSED:
        if (!c->refusal_sent) {
            send_refusal(c);
            return;
        }
        break;
    case STATE_WAITING: {
        static const struct problem late = {503, "unavailable", "site", "The broker is busy", "No answer in time; ask again."};
        uint64_t tag = c->exchange->tag;
        answer_problem(c->exchange, &late, 1);
        c->front->s.on_gone(c->front->s.self, tag);
        return;
    }
    case STATE_HEAD:
    case STATE_BODY:
    case STATE_ANSWERING: break;
    }
    end_connection(c);
}

/* --- the gate ------------------------------------------------------------------------------------------ */

static bool gate_head(struct conn *c, struct evbuffer *in)
{
    static const struct problem too_large = {431, "too_large", "grammar", "The header is too large",
                                             "A request's head may have 16384 bytes."};
    static const struct problem no_memory = {503, "unavailable", "site", "The broker is busy", "No memory for the request."};
    size_t n = evbuffer_get_length(in), room = HEAD_BYTES_MAX + 1 - c->head.len;
    uint8_t *at;
    if (c->head.len == 0)
        set_timer(c, c->front->s.request_ms);
    if (!c->without_nagle) { /* accepted sockets inherit it, but not those that came before it was set */
        int on = 1;
        c->without_nagle = setsockopt(bufferevent_getfd(c->bev), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
    }
    if (n > room)
        n = room;
    if (!is_ok(buffer_reserve(&c->head, n, &at, NULL))) {
        refuse_connection(c, &no_memory);
        return false;
    }
    buffer_commit(&c->head, (size_t)evbuffer_remove(in, at, n));
    size_t len = head_length(buffer_slice(&c->head), c->searched);
    c->searched = c->head.len;
    if (len == 0 || len > HEAD_BYTES_MAX) {
        if (c->head.len > HEAD_BYTES_MAX)
            refuse_connection(c, &too_large);
        return false;
    }
    struct problem problem;
    if (!head_parse(slice_of(c->head.at, len), &c->parsed, &problem)) {
        refuse_connection(c, &problem);
        return false;
    }
    c->body_left = c->parsed.content_length;
    /* Back in front of what may follow it: head, then the body's first bytes. */
    if (evbuffer_prepend(in, c->head.at, c->head.len) != 0) {
        refuse_connection(c, &no_memory);
        return false;
    }
    c->head.len = len;
    c->state = STATE_BODY;
    return true;
}

/* Called when bytes arrived, before evhttp's own reading. */
static void gate(struct evbuffer *in, const struct evbuffer_cb_info *info, void *self)
{
    struct conn *c = self;
    if (info->n_added == 0 || c->gating)
        return;
    c->gating = true;
    size_t fresh = info->n_added;
    if (c->state == STATE_HEAD && gate_head(c, in))
        fresh = evbuffer_get_length(in) - c->head.len; /* of the body, and beyond */
    if (c->state == STATE_BODY) {
        if (fresh > c->body_left) { /* a second request behind the first: cannot be cut off here, is dropped by on_complete_request */
            c->close_after = true;
            fresh = (size_t)c->body_left;
        }
        c->body_left -= fresh;
    } else {
        if (c->state == STATE_WAITING || c->state == STATE_ANSWERING) {
            c->close_after = true;
            bufferevent_disable(c->bev, EV_READ); /* no more of it; the answer still goes out */
        }
        evbuffer_drain(in, evbuffer_get_length(in));
    }
    c->gating = false;
}

/* --- who is there ------------------------------------------------------------------------------------------ */

static bool read_site(X509 *certificate, struct site_id *ret)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int uris = 0;
    bool found = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI)
            continue;
        const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
        uris++;
        found = is_ok(site_id_from_urn(slice_of(ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri)), ret, NULL));
    }
    GENERAL_NAMES_free(names);
    return uris == 1 && found;
}

static bool read_end(X509 *certificate, int64_t *ret_ms)
{
    int days, seconds;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    bool done = epoch && ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(certificate)) == 1;
    ASN1_TIME_free(epoch);
    if (done)
        *ret_ms = (int64_t)days * DAY_MS + (int64_t)seconds * SECOND_MS;
    return done;
}

static bool identify(struct conn *c, SSL *ssl)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    unsigned len = sizeof c->certificate;
    if (c->identified)
        return true;
    c->identified = certificate && SSL_get_verify_result(ssl) == X509_V_OK && read_site(certificate, &c->site) &&
                    read_end(certificate, &c->certificate_ends_ms) &&
                    X509_digest(certificate, EVP_sha256(), c->certificate, &len) == 1;
    return c->identified;
}

/* --- complete requests ---------------------------------------------------------------------------------------- */

/* evhttp is about to free the connection. */
static void on_closed(struct evhttp_connection *evcon, void *self)
{
    (void)evcon;
    struct conn *c = self;
    struct http_front *f = c->front;
    if (!c->exchange)
        return;
    struct evhttp_request *req = c->exchange->req;
    uint64_t tag = c->exchange->tag;
    drop_exchange(c->exchange);
    if (!evhttp_request_get_connection(req))
        evhttp_request_free(req); /* evhttp has disowned it */
    if (!f->freeing)
        f->s.on_gone(f->s.self, tag);
}

/* evhttp stops reading while a request waits, and would then not see the peer leave.  Reading goes on,
 * without evhttp's read callback, which would end the process; the gate drops what comes. */
static void watch_for_leaving(struct conn *c, struct evhttp_request *req)
{
    bufferevent_data_cb on_write;
    bufferevent_event_cb on_event;
    void *evcon;
    bufferevent_getcb(c->bev, NULL, &on_write, &on_event, &evcon);
    bufferevent_setcb(c->bev, NULL, on_write, on_event, evcon);
    evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_closed, c);
    bufferevent_enable(c->bev, EV_READ);
}

static const struct problem *check_request(struct conn *c, SSL *ssl, char path[HTTP_PATH_MAX + 1], struct problem *room)
{
    static const struct problem no_site = {403, "not_signed_in", "access", "No site is named",
                                           "The client certificate must hold exactly one urn:innsyn:site URI."};
    static const struct problem ended = {403, "certificate_expired", "access", "The client certificate has ended",
                                         "Renew the site's certificate and connect again."};
    if (c->front->s.tls.client_ca) {
        if (!identify(c, ssl))
            return &no_site;
        if (c->certificate_ends_ms <= host_now_ms(c->front->s.host))
            return &ended;
    }
    return head_path(c->parsed.target, path, room) ? NULL : room;
}

static void hand_over(struct conn *c, struct exchange *e, SSL *ssl)
{
    struct http_front *f = c->front;
    struct evbuffer *body = evhttp_request_get_input_buffer(e->req);
    size_t len = evbuffer_get_length(body);
    char path[HTTP_PATH_MAX + 1];
    struct problem room;
    const struct problem *problem = check_request(c, ssl, path, &room);

    if (problem) {
        c->close_after = true;
        answer_problem(e, problem, 0);
        return;
    }
    struct http_incoming in = {.tag = e->tag, .head = &c->parsed, .path = path, .site = c->site.text,
                               .body = slice_of(evbuffer_pullup(body, -1), len),
                               .certificate_ends_ms = c->certificate_ends_ms, .request_id = e->request_id};
    memcpy(in.certificate, c->certificate, sizeof in.certificate);
    f->s.on_request(f->s.self, &in);
}

static void on_complete_request(struct evhttp_request *req, void *self)
{
    static const struct problem busy = {503, "unavailable", "site", "The broker is busy", "Too many requests are waiting; ask again later."};
    struct http_front *f = self;
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    struct conn *c = ssl ? SSL_get_ex_data(ssl, conn_index) : NULL;
    struct document_id id;

    if (!c || c->state != STATE_BODY) {
        log_event(LOG_ERROR, "http_without_tls", NULL);
        abort(); /* a connection that did not pass make_connection and the gate */
    }
    if (!is_ok(document_id_new_in_order(f->s.host, 'r', &id, NULL)))
        id = (struct document_id){"r-"}; /* no randomness: answered without a name rather than not at all */
    if (f->free_count == 0) {
        struct exchange aside = {.conn = c, .req = req};
        memcpy(aside.request_id, id.text, sizeof aside.request_id);
        answer_problem(&aside, &busy, 1);
        return;
    }
    struct exchange *e = &f->exchanges[f->free_slots[--f->free_count]];
    *e = (struct exchange){.tag = (++f->serial << SLOT_BITS | (uint64_t)(e - f->exchanges)) << 1 | f->s.tag_mark,
                           .conn = c, .req = req};
    memcpy(e->request_id, id.text, sizeof e->request_id);
    c->exchange = e;
    c->state = STATE_WAITING;
    struct evbuffer *in = bufferevent_get_input(bev);
    if (evbuffer_get_length(in) > 0) { /* what lay behind the request */
        c->close_after = true;
        evbuffer_drain(in, evbuffer_get_length(in));
    }
    set_timer(c, f->s.answer_ms);
    watch_for_leaving(c, req);
    hand_over(c, e, ssl);
}

/* --- accepting ------------------------------------------------------------------------------------------------- */

static SSL *make_tls(struct http_front *f)
{
#ifdef INNSYN_TEST_HOOKS
    if (http_test_fail_tls)
        return NULL;
#endif
    return SSL_new(f->tls);
}

/* Returning NULL would make evhttp serve the connection in plaintext: rather no process than that. */
static struct bufferevent *make_connection(struct event_base *base, void *self)
{
    struct http_front *f = self;
    SSL *ssl = make_tls(f);
    struct conn *c = calloc(1, sizeof *c);
    struct event *timer = c ? evtimer_new(base, on_timer, c) : NULL;
    struct bufferevent *bev =
        ssl && timer ? bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE) : NULL;
    if (!bev || !SSL_set_ex_data(ssl, conn_index, c) || !evbuffer_add_cb(bufferevent_get_input(bev), gate, c)) {
        log_event(LOG_ERROR, "http_no_tls", "then", "the process ends", NULL);
        abort();
    }
    c->front = f;
    c->bev = bev;
    c->timer = timer;
    buffer_init(&c->head, HEAD_BYTES_MAX + 1);
    LIST_INSERT_HEAD(&f->conns, c, next);
    set_timer(c, f->s.request_ms);
    if (++f->conn_count == f->s.connections_max) {
        log_event(LOG_WARNING, "http_connections_max", NULL);
        evconnlistener_disable(f->listener); /* conn_free enables it again */
    }
    return bev;
}

static void on_accept_again(evutil_socket_t fd, short what, void *self)
{
    (void)fd, (void)what;
    struct http_front *f = self;
    if (!f->draining && f->conn_count < f->s.connections_max)
        evconnlistener_enable(f->listener);
}

/* Out of descriptors: without a pause the loop would do nothing but fail to accept. */
static void on_accept_failed(struct evconnlistener *listener, void *evhttp)
{
    (void)evhttp; /* the listener's argument is the library's own */
    struct http_front *f;
    LIST_FOREACH(f, &fronts, next)
        if (f->listener == listener)
            break;
    if (!f)
        return;
    struct timeval pause = {.tv_usec = ACCEPT_PAUSE_MS * 1000};
    log_event(LOG_WARNING, "http_accept_failed", "why", strerror(errno), NULL);
    evconnlistener_disable(listener);
    evtimer_add(f->accept_again, &pause);
}

static result prepare_tls(struct http_front *f, struct why *why)
{
    void *context;
    TRY(tls_server_context(&f->s.tls, &context, why));
    f->tls = context;
    if (conn_index < 0)
        conn_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, conn_free);
    /* The profile sets these too; what this file promises does not hang on another. */
    SSL_CTX_set_options(f->tls, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(f->tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(f->tls, SSL_MODE_RELEASE_BUFFERS);
    if (conn_index < 0 || SSL_CTX_set_num_tickets(f->tls, 0) != 1 || SSL_CTX_set_max_early_data(f->tls, 0) != 1 ||
        SSL_CTX_set_min_proto_version(f->tls, TLS1_3_VERSION) != 1)
        return FAIL(why, UNAVAILABLE, "TLS could not be set up as the profile asks");
    return DONE;
}

static result listen_on(struct http_front *f, struct why *why)
{
    int on = 1;
    if (evutil_make_socket_nonblocking(f->s.listen_fd) != 0 || evutil_make_socket_closeonexec(f->s.listen_fd) != 0 ||
        setsockopt(f->s.listen_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) /* accepted sockets inherit it */
        return FAIL(why, UNAVAILABLE, "the listening socket refuses its options: %s", strerror(errno));
    f->listener = evconnlistener_new(f->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, LISTEN_BACKLOG,
                                     f->s.listen_fd);
    if (!f->listener)
        return FAIL(why, UNAVAILABLE, "cannot listen: %s", strerror(errno));
    f->s.listen_fd = -1;
    evconnlistener_set_error_cb(f->listener, on_accept_failed);
    if (!evhttp_bind_listener(f->http, f->listener))
        return FAIL(why, LIMIT, "no memory for the HTTP listener");
    return DONE;
}

static result open_front(struct http_front *f, struct why *why)
{
    TRY(prepare_tls(f, why));
    f->base = loop_event_base(f->s.loop);
    f->http = evhttp_new(f->base);
    f->accept_again = evtimer_new(f->base, on_accept_again, f);
    f->exchanges = calloc(f->s.in_flight_max, sizeof *f->exchanges);
    f->free_slots = calloc(f->s.in_flight_max, sizeof *f->free_slots);
    if (!f->http || !f->accept_again || !f->exchanges || !f->free_slots)
        return FAIL(why, LIMIT, "no memory for the HTTP front");
    for (unsigned i = 0; i < f->s.in_flight_max; i++)
        f->free_slots[f->free_count++] = f->s.in_flight_max - 1 - i;
    evhttp_set_allowed_methods(f->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE);
    evhttp_set_max_headers_size(f->http, HEAD_BYTES_MAX + 2); /* the second line; the gate is the first */
    evhttp_set_max_body_size(f->http, HTTP_UPLOAD_MAX); /* the gate holds each call to its own */
    evhttp_set_default_content_type(f->http, NULL);
    evhttp_set_bevcb(f->http, make_connection, f);
    evhttp_set_gencb(f->http, on_complete_request, f);
    return listen_on(f, why);
}

result http_front_new(const struct http_front_settings *s, struct http_front **ret, struct why *why)
{
    struct http_front *f = calloc(1, sizeof *f);
    if (!f) {
        (void)close(s->listen_fd);
        return FAIL(why, LIMIT, "no memory for the HTTP front");
    }
    f->s = *s;
    f->thread = pthread_self();
    LIST_INIT(&f->conns);
    LIST_INSERT_HEAD(&fronts, f, next);
    (void)signal(SIGPIPE, SIG_IGN);
    result r = s->in_flight_max == 0 || s->in_flight_max > IN_FLIGHT_MAX || s->connections_max == 0 || s->connections_max > CONNECTIONS_MAX
                   ? FAIL(why, MALFORMED, "connections or requests in flight are out of bounds")
                   : open_front(f, why);
    if (!is_ok(r)) {
        http_front_free(f);
        return r;
    }
    *ret = f;
    return DONE;
}

/* --- endings --------------------------------------------------------------------------------------------------- */

enum { LAST_TURNS_MAX = 64 };

void http_front_free(struct http_front *f)
{
    if (!f)
        return;
    need_own_thread(f);
    f->freeing = true;
    LIST_REMOVE(f, next);
    if (f->s.listen_fd >= 0)
        (void)close(f->s.listen_fd);
    if (f->http)
        evhttp_free(f->http); /* with its listener and connections */
    /* libevent finalizes bufferevents from the loop: until then their conns point here. */
    for (unsigned i = 0; i < LAST_TURNS_MAX && !LIST_EMPTY(&f->conns); i++)
        loop_turn(f->s.loop, 0);
    if (f->accept_again)
        event_free(f->accept_again);
    SSL_CTX_free(f->tls);
    free(f->exchanges);
    free(f->free_slots);
    free(f);
}

void http_front_cut(struct http_front *f, struct slice site)
{
    need_own_thread(f);
    struct conn *c;
    LIST_FOREACH(c, &f->conns, next)
        if (c->identified && slice_is(site, c->site.text))
            end_connection(c);
}

void http_front_drain(struct http_front *f)
{
    need_own_thread(f);
    struct conn *c;
    f->draining = true;
    evconnlistener_disable(f->listener);
    LIST_FOREACH(c, &f->conns, next) {
        c->close_after = true;
        if (c->state == STATE_HEAD && c->head.len == 0)
            end_connection(c);
    }
}

unsigned http_front_connections(const struct http_front *f)
{
    return f->conn_count;
}

unsigned http_front_in_flight(const struct http_front *f)
{
    return f->s.in_flight_max - f->free_count;
}
