/*
 * The broker's face: TLS keys, sockets and static files; no store, no signing keys.
 * What arrives complete and well-formed goes to core with who sent it; what core answers goes back by tag.
 * Two fronts: agents (their certificate names the site) and people (token or cookie).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/secret.h"
#include "broker/messages.h"
#include "broker/net/http.h"
#include "broker/net/portal.h"
#include "broker/roles.h"

enum {
    REQUEST_MS = 20 * 1000,
    IDLE_MS = 75 * 1000,
    WRITE_MS = 60 * 1000,
    ANSWER_SLACK_MS = 30 * 1000, /* core answers a poll within poll_wait_ms_max, and this for the rest */
    AGENT_CONNECTIONS_MAX = 20000,
    PEOPLE_CONNECTIONS_MAX = 10000,
    AGENT_IN_FLIGHT_MAX = 16384, /* an idle agent holds one poll */
    PEOPLE_IN_FLIGHT_MAX = 2048,
    BUSY_RETRY_S = 1,
    DRAIN_PEOPLE_MS = 1000, /* for core to answer what it has begun */
    DRAIN_TURN_MS = 50,     /* between looks whether all have gone */
    DRAIN_TURNS_MAX = 40,   /* for peers to take their answers */
    PATH_SIZE = 512,
};

struct net;
struct side {
    struct net *net;
    struct http_front *front;
    enum http_listener listener;
};

struct net {
    const struct net_start *start;
    const struct host *host;
    struct loop *loop;
    struct channel *core;
    struct side sides[2]; /* index: the lowest bit of a tag */
    struct portal portal;
    char own_origin[200];
    struct buffer message;
    struct loop_watch *on_term, *timer;
    bool draining, refused_all;
    unsigned drain_turns;
    int status;
};

static const struct problem busy = {503, "unavailable", "site", "The broker is busy", "Too many requests are waiting; ask again later."};
static const struct problem stopping = {503, "unavailable", "site", "The broker is stopping", "Ask again; it will be back."};

/* --- to core ----------------------------------------------------------------------------------------------- */

static bool is_state_changing(uint8_t method)
{
    return method == HTTP_POST || method == HTTP_PUT || method == HTTP_DELETE;
}

/* A browser sends its cookie along with whatever page asks; Origin says which page that was. */
static bool origin_is_ours(const struct net *n, const struct http_head *h, bool from_cookie)
{
    if (!is_state_changing(h->method) || (h->origin.len == 0 && !from_cookie))
        return true;
    return slice_is(h->origin, n->own_origin);
}

static void forward(struct side *side, const struct http_incoming *in)
{
    static const struct problem foreign = {403, "wrong_origin", "access", "Not from this portal",
                                           "With a cookie, a change must come from the portal's own pages (Origin)."};
    static const struct problem token_long = {401, "not_signed_in", "access", "Not signed in", "That is no token of this broker."};
    static const struct problem no_head = {405, "method_not_allowed", "access", "Method not allowed", "Use GET, POST, PUT or DELETE."};
    struct net *n = side->net;
    struct slice token = head_bearer(in->head->authorization);
    struct slice cookie = head_cookie(in->head->cookie, "innsyn");
    bool people = side->listener == LISTENER_PEOPLE;
    bool from_cookie = people && token.len == 0 && cookie.len > 0;
    const struct problem *refused = NULL;

    if (from_cookie)
        token = cookie;
    if (in->head->method == HTTP_HEAD)
        refused = &no_head;
    else if (token.len > HTTP_TOKEN_MAX)
        refused = &token_long;
    else if (people && !origin_is_ours(n, in->head, from_cookie))
        refused = &foreign;
    if (refused) {
        http_front_refuse(side->front, in->tag, refused, 0);
        return;
    }
    struct http_request q = {.method = in->head->method, .listener = (uint8_t)side->listener, .path = slice_str(in->path),
                             .query = in->head->query, .token = token, .token_from_cookie = from_cookie,
                             .site = slice_str(in->site), .certificate_ends_ms = in->certificate_ends_ms,
                             .idempotency_key = in->head->idempotency_key, .request_id = slice_str(in->request_id), .body = in->body};
    memcpy(q.certificate, in->certificate, sizeof q.certificate);
    struct why why = {0};
    buffer_clear(&n->message);
    result r = http_request_encode(&q, &n->message, &why);
    if (is_ok(r))
        r = channel_send(n->core, MESSAGE_REQUEST, in->tag, buffer_slice(&n->message), &why);
    buffer_wipe(&n->message); /* passwords and tokens pass through here */
    buffer_init(&n->message, HTTP_UPLOAD_MAX + 8192);
    if (!is_ok(r)) {
        log_failure(LOG_WARNING, "request_not_forwarded", r, &why);
        http_front_refuse(side->front, in->tag, &busy, BUSY_RETRY_S);
    }
}

static void serve_file(struct side *side, const struct http_incoming *in)
{
    static const struct problem absent = {404, "no_such_thing", "access", "Not found", "There is no such page."};
    static const struct problem only_read = {405, "method_not_allowed", "access", "Method not allowed", "Pages are read with GET or HEAD."};
    const struct portal_file *f = side->listener == LISTENER_PEOPLE ? portal_find(&side->net->portal, in->path) : NULL;
    if (!f || in->head->method > HTTP_HEAD || is_state_changing(in->head->method)) {
        http_front_refuse(side->front, in->tag, f ? &only_read : &absent, 0);
        return;
    }
    struct http_answer a = {.status = 200, .content_type = slice_str(f->content_type), .etag = slice_str(f->etag),
                            .cache_control = slice_str("no-cache"), .body = slice_of(f->bytes, f->len)};
    if (slice_is(in->head->if_none_match, f->etag))
        a = (struct http_answer){.status = 304, .etag = a.etag, .cache_control = a.cache_control};
    http_front_answer(side->front, in->tag, &a);
}

static void on_request(void *self, const struct http_incoming *in)
{
    struct side *side = self;
    if (side->net->draining)
        http_front_refuse(side->front, in->tag, &stopping, BUSY_RETRY_S);
    else if (slice_starts(slice_str(in->path), "/v1/"))
        forward(side, in);
    else
        serve_file(side, in);
}

static void on_gone(void *self, uint64_t tag)
{
    struct side *side = self;
    struct why why = {0};
    result r = channel_send(side->net->core, MESSAGE_GONE, tag, (struct slice){0}, &why);
    if (!is_ok(r)) /* core answers to nobody then, which is harmless */
        log_failure(LOG_WARNING, "gone_not_told", r, &why);
}

/* --- from core ------------------------------------------------------------------------------------------------ */

static void end_role(struct net *n, int status)
{
    n->status = status;
    loop_stop(n->loop);
}

static void captured(struct net *n, const char *what)
{
    log_event(LOG_ERROR, "core_broke_the_protocol", "what", what, NULL);
    end_role(n, 1);
}

static void on_reply(struct net *n, const struct message *m)
{
    struct http_reply r;
    char cookie[1200] = "";
    if (!http_reply_decode(m->payload, &r)) {
        captured(n, "a reply that does not decode");
        return;
    }
    if (slice_is(r.set_cookie, "clear"))
        (void)snprintf(cookie, sizeof cookie, "innsyn=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict");
    else if (slice_starts(r.set_cookie, "innsyn="))
        (void)snprintf(cookie, sizeof cookie, "%.*s", SLICE_ARG(r.set_cookie));
    else if (r.set_cookie.len > 0)
        (void)snprintf(cookie, sizeof cookie, "innsyn=%.*s; Path=/; Secure; HttpOnly; SameSite=Strict", SLICE_ARG(r.set_cookie));
    struct http_answer a = {.status = r.status, .content_type = r.content_type, .set_cookie = slice_str(cookie),
                            .location = r.location, .retry_after_s = r.retry_after_s, .body = r.body};
    http_front_answer(n->sides[m->tag & 1].front, m->tag, &a);
    wipe(cookie, sizeof cookie);
}

static void on_message(void *self, const struct message *m)
{
    struct net *n = self;
    switch (m->kind) {
    case MESSAGE_REPLY: on_reply(n, m); break;
    case MESSAGE_SITE_CUT: http_front_cut(n->sides[0].front, m->payload); break;
    default: captured(n, "a message of a kind net does not take");
    }
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static void refuse_all(struct net *n)
{
    n->refused_all = true;
    for (unsigned i = 0; i < 2; i++)
        http_front_refuse_all(n->sides[i].front, &stopping, BUSY_RETRY_S);
    loop_timer_set(n->timer, DRAIN_TURN_MS);
}

static void on_core_end(void *self)
{
    struct net *n = self;
    if (!n->draining)
        log_event(LOG_NOTICE, "core_ended", NULL);
    n->draining = true;
    for (unsigned i = 0; i < 2; i++)
        http_front_drain(n->sides[i].front);
    refuse_all(n);
}

static void on_timer(void *self)
{
    struct net *n = self;
    unsigned left = http_front_connections(n->sides[0].front) + http_front_connections(n->sides[1].front);
    if (!n->refused_all)
        refuse_all(n);
    else if (left > 0 && n->drain_turns++ < DRAIN_TURNS_MAX)
        loop_timer_set(n->timer, DRAIN_TURN_MS);
    else
        loop_stop(n->loop);
}

static void on_sigterm(void *self)
{
    struct net *n = self;
    if (n->draining)
        return;
    log_event(LOG_NOTICE, "draining", NULL);
    n->draining = true;
    for (unsigned i = 0; i < 2; i++)
        http_front_drain(n->sides[i].front);
    /* Agents wait in polls; what they sent is idempotent.  People's requests get a moment. */
    http_front_refuse_all(n->sides[0].front, &stopping, BUSY_RETRY_S);
    loop_timer_set(n->timer, DRAIN_PEOPLE_MS);
}

/* --- the beginning -------------------------------------------------------------------------------------------------- */

static void own_origin(const char *url, char to[200])
{
    struct slice s = slice_str(url);
    size_t scheme = slice_starts(s, "https://") ? 8 : 0;
    struct slice host = slice_part(s, scheme, s.len);
    (void)snprintf(to, 200, "https://%.*s", (int)slice_find(host, '/'), (const char *)host.at);
}

static result open_fronts(struct net *n, struct why *why)
{
    const struct broker_settings *s = n->start->settings;
    char certificate[PATH_SIZE], key[PATH_SIZE], site_ca[PATH_SIZE];
    (void)snprintf(certificate, sizeof certificate, "%s/" SERVER_CERTIFICATE_FILE, s->dir);
    (void)snprintf(key, sizeof key, "%s/" SERVER_KEY_FILE, s->dir);
    (void)snprintf(site_ca, sizeof site_ca, "%s/" SITE_CA_FILE, s->dir);
    for (unsigned i = 0; i < 2; i++) {
        bool agents = i == 0;
        struct side *side = &n->sides[i];
        *side = (struct side){.net = n, .listener = agents ? LISTENER_AGENTS : LISTENER_PEOPLE};
        struct http_front_settings f = {
            .host = n->host, .loop = n->loop, .listen_fd = agents ? n->start->agents_fd : n->start->people_fd,
            .tls = {.certificate = certificate, .key = key, .client_ca = agents ? site_ca : NULL},
            .connections_max = agents ? AGENT_CONNECTIONS_MAX : PEOPLE_CONNECTIONS_MAX,
            .in_flight_max = agents ? AGENT_IN_FLIGHT_MAX : PEOPLE_IN_FLIGHT_MAX,
            .request_ms = REQUEST_MS, .idle_ms = IDLE_MS, .answer_ms = s->poll_wait_ms_max + ANSWER_SLACK_MS, .write_ms = WRITE_MS,
            .tag_mark = i, .on_request = on_request, .on_gone = on_gone, .self = side};
        TRY(http_front_new(&f, &side->front, why));
    }
    return DONE;
}

static result prepare(struct net *n, struct why *why)
{
    TRY(loop_new(&n->loop, why));
    own_origin(n->start->settings->people_url, n->own_origin);
    buffer_init(&n->message, HTTP_UPLOAD_MAX + 8192);
    TRY(portal_read(n->start->settings->portal_dir, &n->portal, why));
    TRY(open_fronts(n, why));
    TRY(channel_new(n->loop, n->start->core_fd, on_message, on_core_end, n, &n->core, why));
    TRY(loop_timer(n->loop, on_timer, n, &n->timer, why));
    TRY(loop_signal(n->loop, SIGTERM, on_sigterm, n, &n->on_term, why));
    process_hide();
    return sandbox_enter(SANDBOX_SERVE, why);
}

static void release(struct net *n)
{
    for (unsigned i = 0; i < 2; i++)
        http_front_free(n->sides[i].front);
    loop_unwatch(n->timer);
    loop_unwatch(n->on_term);
    channel_free(n->core);
    portal_done(&n->portal);
    buffer_done(&n->message);
    loop_free(n->loop);
}

int net_main(void *net_start)
{
    struct net n = {.start = net_start, .host = host_real()};
    struct why why = {0};
    log_init(n.host, "net", LOG_NOTICE);
    result r = prepare(&n, &why);
    if (is_ok(r)) {
        log_event(LOG_NOTICE, "ready", "origin", n.own_origin, NULL);
        loop_run(n.loop);
    } else {
        log_failure(LOG_ERROR, "cannot_start", r, &why);
        n.status = 1;
    }
    release(&n);
    return n.status;
}
