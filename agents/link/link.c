/*
 * The link role: carries guard's requests to the broker and the answers back.  It holds the TLS key and
 * the connection, and no other key, no document and no datum in the clear that is not on the wire anyway.
 */
#include "agents/link/messages.h"
#include "agents/roles.h"
#include "base/channel.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "proto/certificate.h"

struct link {
    const struct agent_settings *settings;
    struct loop *loop;
    struct channel *guard;
    struct transport *transport;
    struct signing_key *tls_key;
    char ca[AGENT_PATH_SIZE], certificate[AGENT_PATH_SIZE], key[AGENT_PATH_SIZE];
    int status;
};

static void stop(struct link *l, int status)
{
    l->status = status;
    loop_stop(l->loop);
}

static void send_frame(struct link *l, uint16_t kind, uint64_t tag, struct slice payload)
{
    struct why why = {0};
    result r = channel_send(l->guard, kind, tag, payload, &why);
    if (!is_ok(r)) {
        log_failure(LOG_ERROR, "guard_unreachable", r, &why);
        stop(l, 1);
    }
}

static void on_answer(void *self, uint64_t tag, result r, unsigned status, struct slice body, const struct why *reason)
{
    struct link *l = self;
    struct why why = {0};
    struct buffer frame CLEANUP(buffer_done) = {0};
    buffer_init(&frame, CHANNEL_FRAME_BYTES_MAX);
    result encoded = is_ok(r) ? link_answer_encode(status, body, &frame, &why) : link_failure_encode(r, reason, &frame, &why);
    if (!is_ok(encoded)) {
        log_failure(LOG_ERROR, "answer_too_large", encoded, &why);
        stop(l, 1);
        return;
    }
    send_frame(l, is_ok(r) ? LINK_ANSWER : LINK_FAILURE, tag, buffer_slice(&frame));
}

static void ask(struct link *l, const struct message *m)
{
    struct transport_request r;
    struct why why = {0};
    if (!link_ask_decode(m->payload, &r)) {
        log_event(LOG_ERROR, "guard_sent_nonsense", "kind", "ask", NULL);
        stop(l, 1);
        return;
    }
    result sent = transport_send(l->transport, m->tag, &r, &why);
    if (!is_ok(sent))
        on_answer(l, m->tag, sent, 0, (struct slice){0}, &why);
}

static void make_request(struct link *l, const struct message *m)
{
    struct why why = {0};
    struct site_id site;
    struct buffer pem CLEANUP(buffer_done) = {0};
    buffer_init(&pem, CERTIFICATE_PEM_MAX);
    result r = site_id_parse(m->payload, &site, &why);
    if (is_ok(r))
        r = certificate_request(l->tls_key, &site, &pem, &why);
    if (is_ok(r))
        send_frame(l, LINK_CSR_PEM, m->tag, buffer_slice(&pem));
    else
        on_answer(l, m->tag, r, 0, (struct slice){0}, &why);
}

static void on_message(void *self, const struct message *m)
{
    struct link *l = self;
    if (m->kind == LINK_ASK) {
        ask(l, m);
    } else if (m->kind == LINK_RELOAD) {
        transport_reload(l->transport);
    } else if (m->kind == LINK_CSR) {
        make_request(l, m);
    } else {
        log_event(LOG_ERROR, "guard_sent_nonsense", "kind", "unknown", NULL);
        stop(l, 1);
    }
}

static void on_end(void *self)
{
    stop(self, 0); /* guard is gone; the parent ends the program */
}

static result start(struct link *l, const struct link_start *s, struct why *why)
{
    l->settings = s->settings;
    agent_path(s->settings, "tls/ca.pem", l->ca);
    agent_path(s->settings, "tls/certificate.pem", l->certificate);
    agent_path(s->settings, "keys/tls.pem", l->key);
    TRY(signing_key_load(host_real(), l->key, KEY_P256, &l->tls_key, why));
    TRY(loop_new(&l->loop, why));
    TRY(channel_new(l->loop, s->guard_fd, on_message, on_end, l, &l->guard, why));
    struct transport_settings t = {.url = s->settings->agents_url, .ca_path = l->ca, .certificate_path = l->certificate,
                                   .key_path = l->key, .proxy = s->settings->proxy};
    TRY(transport_new(l->loop, &t, on_answer, l, &l->transport, why));
    return sandbox_enter(SANDBOX_FILES_READ | SANDBOX_CONNECT | SANDBOX_THREADS, why); /* threads: name resolution */
}

int link_main(void *link_start)
{
    static struct link l;
    struct why why = {0};
    log_init(host_real(), "link", LOG_NOTICE);
    process_hide();
    result r = start(&l, link_start, &why);
    if (is_ok(r)) {
        loop_run(l.loop);
    } else {
        log_failure(LOG_ERROR, "start_failed", r, &why);
        l.status = 1;
    }
    transport_free(l.transport);
    channel_free(l.guard);
    loop_free(l.loop);
    signing_key_free(l.tls_key);
    return l.status;
}
