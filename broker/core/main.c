/*
 * main.c - the core as a process: its channels, its loop, its workers.  All deciding is in core.c.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/channel.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/secret.h"
#include "base/wire.h"
#include "base/worker.h"
#include "broker/core.h"

enum { PASSWORD_THREADS = 2, CHECK_NICE = 19, KEYS_TIMEOUT_MS = 30000, REPLY_ENVELOPE_MAX = HTTP_REPLY_MAX + 4096 };

struct net_side {
    struct process *process;
    unsigned index;
    struct channel *channel;
};

/* Every page of the store is read while the broker answers already (store.h). */
struct store_job {
    struct process *process;
    const char *where;
    bool under_way;
    int64_t began_ms;
    result outcome;
    struct why why;
};

static struct store_job check; /* outlives core_main: whoever reads a whole store is not waited for */

struct process {
    struct loop *loop;
    struct loop_watch *timer, *stop_term, *stop_int;
    struct workers *workers, *checker;
    struct channel *keys, *mail;
    struct net_side nets[NET_PROCESSES_MAX];
    struct core *core;
    uint64_t keys_tag;
    int exit_status;
};

static void fail(struct process *p, const char *event, result r, const struct why *why)
{
    log_failure(LOG_ERROR, event, r, why);
    p->exit_status = 1;
    loop_stop(p->loop);
}

/* Another role is gone: its end says why, and the parent ends the rest. */
static void told_nobody(struct process *p, const char *event, result r, const struct why *why)
{
    if (r.code != UNAVAILABLE) {
        fail(p, event, r, why);
        return;
    }
    log_failure(LOG_NOTICE, event, r, why);
    loop_stop(p->loop);
}

/* --- ports --- */

static void port_reply(void *self, unsigned net, uint64_t tag, const struct http_reply *reply)
{
    struct process *p = self;
    struct why why = {0};
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, REPLY_ENVELOPE_MAX);
    result r = http_reply_encode(reply, &b, &why);
    if (is_ok(r))
        r = channel_send(p->nets[net].channel, MESSAGE_REPLY, tag, buffer_slice(&b), &why);
    if (!is_ok(r))
        told_nobody(p, "reply_not_sent", r, &why);
}

static void port_cut(void *self, struct slice site)
{
    struct process *p = self;
    struct why why = {0};
    for (unsigned i = 0; i < NET_PROCESSES_MAX; i++) {
        if (!p->nets[i].channel)
            continue;
        result r = channel_send(p->nets[i].channel, MESSAGE_SITE_CUT, 0, site, &why);
        if (!is_ok(r))
            told_nobody(p, "cut_not_sent", r, &why);
    }
}

static result port_keys(void *self, uint16_t kind, struct slice payload, struct buffer *ret, struct why *why)
{
    struct process *p = self;
    struct message m;
    result r = channel_send_now(p->keys, kind, ++p->keys_tag, payload, why);
    if (is_ok(r))
        r = channel_receive(p->keys, KEYS_TIMEOUT_MS, &m, why);
    if (!is_ok(r))
        return (result){UNAVAILABLE};
    struct reader reader = reader_of(m.payload);
    uint8_t status;
    struct slice text;
    if (m.tag != p->keys_tag)
        return FAIL(why, UNAVAILABLE, "keys answered another question");
    if (m.kind == MESSAGE_SIGNED)
        return buffer_add(ret, m.payload, why);
    if (m.kind != MESSAGE_REFUSED || !reader_u8(&reader, &status) || !reader_bytes(&reader, 1024, &text) || status == OK || status > BROKEN)
        return FAIL(why, UNAVAILABLE, "keys answered something that is no answer");
    /* A refusal of keys is final for this document; only the channel's end makes keys gone. */
    return FAIL(why, status == UNAVAILABLE ? BROKEN : (enum status)status, "keys: %.*s", SLICE_ARG(text));
}

static void on_worked(void *self)
{
    struct password_job *job = self;
    struct process *p = job->owner;
    core_worked(job->core, job);
    loop_timer_set(p->timer, 0);
}

static result port_work(void *self, struct password_job *job, struct why *why)
{
    struct process *p = self;
    return workers_run(p->workers, password_work, on_worked, job, why);
}

static void port_mail(void *self, uint16_t kind, uint64_t tag, struct slice payload)
{
    struct process *p = self;
    struct why why = {0};
    result r = channel_send(p->mail, kind, tag, payload, &why);
    if (!is_ok(r))
        told_nobody(p, "mail_not_told", r, &why);
}

/* --- the loop --- */

static void on_turn(void *self)
{
    struct process *p = self;
    struct why why = {0};
    int64_t next_ms = 0;
    result r = core_turn(p->core, &next_ms, &why);
    if (!is_ok(r))
        fail(p, "core_ends", r, &why);
    else
        loop_timer_set(p->timer, next_ms);
}

static void on_message(void *self, const struct message *m)
{
    struct net_side *side = self;
    struct process *p = side->process;
    struct why why = {0};
    if (m->kind == MESSAGE_GONE) {
        core_gone(p->core, side->index, m->tag);
        return;
    }
    result r = m->kind == MESSAGE_REQUEST ? core_take(p->core, side->index, m->tag, m->payload, &why)
                                          : FAIL(&why, MALFORMED, "net sent a message it may not send");
    if (!is_ok(r))
        fail(p, "net_is_not_believed", r, &why);
    else
        loop_timer_set(p->timer, 0); /* after the other messages that are here already: one batch */
}

static void on_end(void *self)
{
    struct net_side *side = self;
    loop_stop(side->process->loop);
}

static void on_mail(void *self, const struct message *m)
{
    struct process *p = self;
    struct why why = {0};
    result r = core_mail(p->core, m->kind, m->tag, m->payload, &why);
    if (!is_ok(r))
        fail(p, "mail_is_not_believed", r, &why);
    else
        loop_timer_set(p->timer, 0);
}

static void on_mail_end(void *self)
{
    struct process *p = self;
    loop_stop(p->loop);
}

static void on_signal(void *self)
{
    struct process *p = self;
    loop_stop(p->loop);
}

/* --- reading the whole store --- */

static void check_run(void *self)
{
    struct store_job *job = self;
    (void)setpriority(PRIO_PROCESS, 0, CHECK_NICE); /* of this thread alone, on Linux: requests come first */
    job->outcome = store_check(job->where, &job->why);
}

/* What is damaged is not built on any further: nobody is answered from here on, and a start after this reads every page
 * before the first answer. */
static void on_checked(void *self)
{
    struct store_job *job = self;
    char ms[24];
    job->under_way = false;
    (void)snprintf(ms, sizeof ms, "%lld", (long long)(host_monotonic_ms(host_real()) - job->began_ms));
    if (job->outcome.code == BROKEN) {
        core_store_is_damaged(job->process->core);
        fail(job->process, "store_damaged", job->outcome, &job->why);
    } else if (!is_ok(job->outcome))
        log_failure(LOG_WARNING, "store_not_checked", job->outcome, &job->why);
    else
        log_event(LOG_NOTICE, "store_checked", "ms", ms, NULL);
}

static result check_start(struct process *p, const char *where, struct why *why)
{
    if (!core_store_is_unchecked(p->core))
        return DONE;
    check = (struct store_job){.process = p, .where = where, .under_way = true, .began_ms = host_monotonic_ms(host_real())};
    TRY(workers_new(p->loop, 1, &p->checker, why));
    return workers_run(p->checker, check_run, on_checked, &check, why);
}

static result start(struct process *p, const struct core_start *s, struct why *why)
{
    const struct core_ports ports = {.self = p, .reply = port_reply, .cut = port_cut, .keys = port_keys, .work = port_work,
                                     .mail = s->mail_fd >= 0 ? port_mail : NULL};
    TRY(loop_new(&p->loop, why));
    TRY(loop_timer(p->loop, on_turn, p, &p->timer, why));
    TRY(loop_signal(p->loop, SIGTERM, on_signal, p, &p->stop_term, why));
    TRY(loop_signal(p->loop, SIGINT, on_signal, p, &p->stop_int, why));
    TRY(workers_new(p->loop, PASSWORD_THREADS, &p->workers, why));
    TRY(channel_new(NULL, s->keys_fd, NULL, NULL, NULL, &p->keys, why));
    TRY(sandbox_enter(SANDBOX_FILES_READ | SANDBOX_FILES_WRITE | SANDBOX_CONNECT | SANDBOX_THREADS, why));
    TRY(core_new(s->settings, host_real(), &ports, &p->core, why));
    if (s->mail_fd >= 0)
        TRY(channel_new(p->loop, s->mail_fd, on_mail, on_mail_end, p, &p->mail, why));
    for (unsigned i = 0; i < s->net_count; i++) {
        p->nets[i] = (struct net_side){.process = p, .index = i};
        TRY(channel_new(p->loop, s->net_fds[i], on_message, on_end, &p->nets[i], &p->nets[i].channel, why));
    }
    return check_start(p, s->settings->store, why);
}

int core_main(void *core_start)
{
    struct process p = {0};
    struct why why = {0};
    process_hide(); /* passwords, tokens and results pass through: no core files */
    log_init(host_real(), "core", LOG_NOTICE);
    result r = start(&p, core_start, &why);
    if (is_ok(r)) {
        log_event(LOG_NOTICE, "started", NULL);
        loop_timer_set(p.timer, 0);
        loop_run(p.loop);
    } else
        fail(&p, "core_does_not_start", r, &why);
    workers_free(p.workers);
    if (!check.under_way) /* else it ends with the process: nobody waits for a whole store to be read */
        workers_free(p.checker);
    core_free(p.core);
    for (unsigned i = 0; i < NET_PROCESSES_MAX; i++)
        channel_free(p.nets[i].channel);
    channel_free(p.keys);
    channel_free(p.mail);
    loop_unwatch(p.timer);
    loop_unwatch(p.stop_term);
    loop_unwatch(p.stop_int);
    loop_free(p.loop);
    return p.exit_status;
}
