/*
 * A core for tests of the processes around it: answers net by itself and asks keys what the request says.
 * It decides nothing and stores nothing; it is linked into tests alone.
 *   /v1/echo          who asked, as net told it
 *   /v1/hold          is not answered; every other answer says how many were held, and how many peers left
 *   /v1/cut?<site>    ends that site's connections
 *   /v1/cookie        sets the cookie; /v1/clear ends it
 *   POST /v1/certificate?<site>   body: a request in PEM -> the certificate in PEM
 *   /v1/last          what keys signed last: "size"
 *   /v1/captured      sends net what it does not take
 */
#include <stdio.h>

#include "base/channel.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/wire.h"
#include "broker/messages.h"
#include "broker/roles.h"

enum { KEYS_WAIT_MS = 5000, ANSWER_MAX = 1024 * 1024 };

static struct {
    struct loop *loop;
    struct channel *net, *keys;
    unsigned held, gone;
    int status;
} double_;

static void reply(uint64_t tag, unsigned status, const char *cookie, struct slice body)
{
    struct buffer to CLEANUP(buffer_done) = {0};
    struct why why = {0};
    buffer_init(&to, ANSWER_MAX);
    struct http_reply r = {.status = (uint16_t)status, .content_type = slice_str("text/plain"), .set_cookie = slice_str(cookie), .body = body};
    result done = http_reply_encode(&r, &to, &why);
    if (is_ok(done))
        done = channel_send(double_.net, MESSAGE_REPLY, tag, buffer_slice(&to), &why);
    if (!is_ok(done))
        log_failure(LOG_ERROR, "double", done, &why);
}

static void ask_keys(uint64_t tag, uint16_t kind, struct slice payload)
{
    struct message m;
    struct why why = {0};
    if (!is_ok(channel_send_now(double_.keys, kind, tag, payload, &why)) || !is_ok(channel_receive(double_.keys, KEYS_WAIT_MS, &m, &why)) ||
        m.tag != tag)
        reply(tag, 500, NULL, slice_str(why.text));
    else
        reply(tag, m.kind == MESSAGE_SIGNED ? 200 : 403, NULL, m.payload);
}

static void ask_certificate(uint64_t tag, const struct http_request *q)
{
    struct buffer m CLEANUP(buffer_done) = {0};
    struct why why;
    buffer_init(&m, ANSWER_MAX);
    if (is_ok(wire_bytes(&m, q->query, &why)) && is_ok(wire_bytes(&m, q->body, &why)))
        ask_keys(tag, MESSAGE_ISSUE_SITE, buffer_slice(&m));
}

static void on_message(void *self, const struct message *m)
{
    (void)self;
    struct http_request q;
    char text[512];
    struct why why;
    if (m->kind == MESSAGE_GONE) {
        double_.gone++;
        return;
    }
    if (m->kind != MESSAGE_REQUEST || !http_request_decode(m->payload, &q)) {
        double_.status = 1;
        loop_stop(double_.loop);
        return;
    }
    if (slice_is(q.path, "/v1/hold")) {
        double_.held++;
        return;
    }
    if (slice_is(q.path, "/v1/cut"))
        tolerate(channel_send(double_.net, MESSAGE_SITE_CUT, 0, q.query, &why));
    else if (slice_is(q.path, "/v1/captured"))
        tolerate(channel_send(double_.net, MESSAGE_SIGNED, m->tag, q.query, &why));
    else if (slice_is(q.path, "/v1/certificate")) {
        ask_certificate(m->tag, &q);
        return;
    } else if (slice_is(q.path, "/v1/last")) {
        ask_keys(m->tag, MESSAGE_LAST_CHECKPOINT, (struct slice){0});
        return;
    }
    (void)snprintf(text, sizeof text, "method %u listener %u path %.*s token '%.*s' cookie %u site '%.*s' ends %d body %zu gone %u held %u", q.method,
                   q.listener, SLICE_ARG(q.path), SLICE_ARG(q.token), q.token_from_cookie, SLICE_ARG(q.site), q.certificate_ends_ms > 0,
                   q.body.len, double_.gone, double_.held);
    reply(m->tag, 200, slice_is(q.path, "/v1/cookie") ? "secret" : slice_is(q.path, "/v1/clear") ? "clear" : NULL, slice_str(text));
}

static void on_end(void *self)
{
    (void)self;
    loop_stop(double_.loop);
}

int core_main(void *core_start)
{
    const struct core_start *start = core_start;
    struct why why = {0};
    log_init(host_real(), "core", LOG_NOTICE);
    if (!is_ok(loop_new(&double_.loop, &why)) || !is_ok(channel_new(NULL, start->keys_fd, NULL, NULL, NULL, &double_.keys, &why)) ||
        !is_ok(channel_new(double_.loop, start->net_fds[0], on_message, on_end, NULL, &double_.net, &why)) || !is_ok(sandbox_enter(0, &why)))
        return 1;
    loop_run(double_.loop);
    channel_free(double_.net);
    channel_free(double_.keys);
    loop_free(double_.loop);
    return double_.status;
}

result core_log_at(const struct host *host, const struct broker_settings *settings, struct checkpoint *ret, struct why *why)
{
    (void)host, (void)settings, (void)ret;
    return FAIL(why, UNAVAILABLE, "the double keeps no log");
}

result core_take_trust(const struct host *host, const struct broker_settings *settings, struct slice text, core_prepare_fn *prepare,
                       void *self, struct why *why)
{
    (void)host, (void)settings, (void)text, (void)prepare, (void)self;
    return FAIL(why, UNAVAILABLE, "the double keeps no log");
}

result core_bootstrap(const struct host *host, const struct broker_settings *settings, struct slice account, struct slice password,
                      struct why *why)
{
    (void)host, (void)settings, (void)password;
    return FAIL(why, DENIED, "%.*s: the double has no store", SLICE_ARG(account));
}
