/*
 * core.c - the turn.
 *
 *   what holds                                                            at
 *   nothing is answered that is not committed and synced                  deliver()
 *   nothing leaves that is not under the newest signed checkpoint         turn(): sign before deliver
 *   memory (frontier, trust, catalogue) says what the store says          or c->stale is set
 *   a request's effects are all there or none                             decide_one(): savepoint
 *
 * When the store fails in the middle, the whole batch is decided again after it came back; a commit
 * whose fate is unknown is looked up by its mark, and then answered as committed.
 */
#include "broker/accounts/accounts.h"
#include "broker/applications/applications.h"
#include "broker/audit/audit.h"
#include "broker/core/turn.h"
#include "broker/outbox/outbox.h"
#include "broker/permits/permits.h"
#include "broker/sites/sites.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "proto/problem.h"

#ifndef INNSYN_BUILD
#define INNSYN_BUILD "0.1.0"
#endif

enum { CHANNEL_PAYLOAD_MAX = 16 * 1024 * 1024 }; /* base/channel.h's frame */
enum { PROGRAM_BYTES_MAX = 128 * 1024 * 1024, REFUSAL_REPEAT_MS = 10 * 60 * 1000 };
enum { SWEEP_EVERY_MS = 10 * 60 * 1000, IDEMPOTENCY_KEEP_MS = 24 * 60 * 60 * 1000, RETRIES_MAX = 2 };

struct store *core_store(struct core *c)
{
    return c->store;
}

bool core_store_is_unchecked(const struct core *c)
{
    return store_is_unchecked(c->store);
}

void core_store_is_damaged(struct core *c)
{
    store_doubt(c->store);
}

/* --- what memory holds of the store --- */

static result read_next_due(struct core *c, struct why *why)
{
    struct rows *due CLEANUP(rows_freep) = NULL, *ends CLEANUP(rows_freep) = NULL;
    TRY(store_run(c->store, QUERIES_NEXT_DUE, NULL, 0, &due, why));
    TRY(store_run(c->store, PERMITS_NEXT_END, NULL, 0, &ends, why));
    c->next_due_ms = rows_next(due) ? rows_integer(due, 0) : INT64_MAX;
    if (rows_next(ends) && rows_integer(ends, 0) < c->next_due_ms)
        c->next_due_ms = rows_integer(ends, 0);
    return DONE;
}

static result load(struct core *c, struct why *why)
{
    TRY(log_load(c, why));
    TRY(trust_load(c, why));
    catalogue_forget(c);
    sealed_free(c);
    TRY(read_next_due(c, why));
    outbox_forget(c);
    c->stale = false;
    return DONE;
}

/* Which program this is, exactly: its version alone says what it claims to be. */
static result program_hash(struct core *c, struct hash *ret, struct why *why)
{
    struct buffer program CLEANUP(buffer_done) = {0};
    buffer_init(&program, PROGRAM_BYTES_MAX);
    TRY(host_read_file(c->host, "/proc/self/exe", PROGRAM_BYTES_MAX, &program, why));
    *ret = sha256(buffer_slice(&program));
    return DONE;
}

static result start_entry(struct core *c, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 4096);
    const struct broker_settings *s = c->settings;
    TRY(buffer_printf(&text, why, "%s\n%s\n%s\n%s\n%s\n%s\n%s\n%u\n%u\n%u\n%u\n", s->network, s->agents_url, s->people_url,
                      s->agents_listen, s->people_listen, s->names,
                      store_kind(c->store), s->net_processes, s->poll_wait_ms_max, s->lease_ms, s->query_deadline_ms));
    struct hash h = sha256(buffer_slice(&text)), h_program;
    struct json *entry = json_object();
    json_set(entry, "build", json_of_str(INNSYN_BUILD));
    TRY(program_hash(c, &h_program, why));
    json_set(entry, "program_sha256", json_of_hex(slice_of(h_program.at, HASH_LEN)));
    json_set(entry, "settings_sha256", json_of_hex(slice_of(h.at, HASH_LEN)));
    json_set(entry, "store", json_of_str(store_kind(c->store)));
    return log_append(c, "startup", entry, NULL, why);
}

static result start(struct core *c, struct why *why)
{
    TRY(store_open(c->host, c->settings->store, &c->store, why));
    TRY(store_migrate(c->store, why));
    TRY(login_guard_new(c->host, &c->guard, why));
    TRY(load(c, why));
    TRY(log_agree_with_keys(c, why));
    TRY(index_catch_up(c, why));
    if (c->trust) {
        struct buffer none CLEANUP(buffer_done) = {0};
        buffer_init(&none, 64);
        /* Keys never go back either: after a crash between its taking of a version and our commit, it
         * holds the newer one, and the operator's next PUT /v1/trust brings us there too. */
        result r = core_keys(c, MESSAGE_TRUST, buffer_slice(&c->trust_text), &none, why);
        if (r.code == DENIED)
            log_failure(LOG_WARNING, "keys_hold_newer_trust", r, why);
        else
            TRY(r);
    }
    TRY(store_begin(c->store, why));
    TRY(start_entry(c, why));
    TRY(outbox_recover(c, why));
    TRY(index_mark(c, why));
    TRY(store_commit(c->store, why));
    TRY(log_sign(c, why));
    c->wrote = false;
    return offer_new(c, why);
}

result core_new(const struct broker_settings *settings, const struct host *host, const struct core_ports *ports,
                struct core **ret, struct why *why)
{
    struct core *c = calloc(1, sizeof *c);
    if (!c)
        return FAIL(why, LIMIT, "no memory for the core");
    c->settings = settings;
    c->host = host;
    c->ports = *ports;
    buffer_init(&c->log.note, CHECKPOINT_NOTE_MAX);
    buffer_init(&c->trust_text, 2 * TRUST_BYTES_MAX);
    result r = label_parse(slice_str(settings->network), &c->network, why);
    if (is_ok(r))
        r = outbox_new(c, ports->mail != NULL, why);
    if (is_ok(r))
        r = start(c, why);
    if (!is_ok(r)) {
        core_free(c);
        return r;
    }
    *ret = c;
    return DONE;
}

static void list_free(struct pending **list)
{
    while (*list) {
        struct pending *p = *list;
        *list = p->next;
        pending_free(p);
    }
}

void core_free(struct core *c)
{
    if (!c)
        return;
    list_free(&c->first);
    list_free(&c->waiters);
    for (struct pending *p = c->working; p; p = p->next)
        p->job = NULL; /* still with a worker, which frees it */
    list_free(&c->working);
    lines_free(c);
    sealed_free(c);
    free(c->sealed);
    rules_forget(c);
    catalogue_forget(c);
    trust_free(c->trust);
    login_guard_free(c->guard);
    offer_free(c);
    buffer_done(&c->trust_text);
    buffer_done(&c->log.note);
    outbox_free(c);
    store_close(c->store);
    free(c);
}

/* --- requests come and go --- */

static void enqueue(struct core *c, struct pending *p)
{
    p->next = NULL;
    if (c->last)
        c->last->next = p;
    else
        c->first = p;
    c->last = p;
    c->pending_count++;
}

result core_take(struct core *c, unsigned net, uint64_t tag, struct slice payload, struct why *why)
{
    struct pending *p CLEANUP(pending_freep) = calloc(1, sizeof *p);
    if (!p)
        return FAIL(why, LIMIT, "no memory for a request");
    p->net = net;
    p->tag = tag;
    buffer_init(&p->payload, CHANNEL_PAYLOAD_MAX);
    buffer_init(&p->body, HTTP_REPLY_MAX);
    TRY(buffer_add(&p->payload, payload, why));
    if (!http_request_decode(buffer_slice(&p->payload), &p->request))
        return FAIL(why, MALFORMED, "net sent something that is no request");
    if (c->pending_count >= PENDING_MAX) {
        struct why full = {0};
        p->retry_after_s = 1;
        result r = FAIL_CODE(&full, LIMIT, "too_many_requests", "", "the broker has more than it can take; come back in a second");
        refusal_write(p, r, &full, NULL);
        core_answer(c, MOVE(p));
        return DONE;
    }
    enqueue(c, MOVE(p));
    return DONE;
}

void core_gone(struct core *c, unsigned net, uint64_t tag)
{
    if (polls_drop(c, net, tag))
        return;
    struct pending *lists[] = {c->first, c->working};
    for (size_t i = 0; i < 2; i++)
        for (struct pending *p = lists[i]; p; p = p->next)
            if (p->net == net && p->tag == tag)
                p->gone = true; /* it is decided all the same: what was asked was asked */
}

void core_worked(struct core *c, struct password_job *job)
{
    for (struct pending **at = &c->working; *at; at = &(*at)->next)
        if ((*at)->job == job) {
            struct pending *p = *at;
            *at = p->next;
            p->worked = true;
            enqueue(c, p);
            return;
        }
    password_job_free(job);
}

/* --- deciding --- */

static void call_init(struct call *call, struct core *c, struct pending *p)
{
    *call = (struct call){.core = c, .pending = p, .request = &p->request, .now_ms = host_now_ms(c->host)};
    call->answer = json_object();
    if (!p->worked) {
        password_job_free(p->job);
        p->job = NULL;
    }
    p->outcome = OUTCOME_ANSWER;
    p->status = 200;
    p->content_type = NULL;
    p->cookie[0] = p->location[0] = 0;
    p->retry_after_s = 0;
    buffer_clear(&p->body);
}

static void call_done(struct call *call)
{
    json_free(call->body);
    json_free(call->answer);
    json_free(call->refusal_entry);
    json_free(call->problem);
}

/* A refusal's effects are undone; the entry it leaves is written after that. */
static result undo(struct core *c, struct call *call, const struct log *before, struct why *why)
{
    TRY(store_rollback_to(c->store, why));
    log_forget_nodes(c);
    c->log.frontier = before->frontier;
    c->log.last_ms = before->last_ms;
    if (call->touched & TOUCHED_CATALOGUE)
        catalogue_forget(c);
    if (call->touched & TOUCHED_TRUST)
        TRY(trust_load(c, why));
    if (call->refusal_type)
        TRY(log_append(c, call->refusal_type, MOVE(call->refusal_entry), NULL, why));
    return DONE;
}

/* The same refusal of a site is written once in a while: an agent that is refused asks again. */
static bool is_repeated(struct core *c, const struct call *call, const char *code)
{
    char text[SITE_ID_MAX + 160];
    int64_t now = host_monotonic_ms(c->host);
    snprintf(text, sizeof text, "%s %d %s", call->who.site.text, (int)call->route->command, code);
    struct hash what = sha256(slice_str(text));
    for (unsigned i = 0; i < REPEATS_MAX; i++)
        if (hash_equal(&c->repeats[i].what, &what) && now < c->repeats[i].until_ms)
            return true;
    c->repeats[c->repeat_next] = (struct repeat){what, now + REFUSAL_REPEAT_MS};
    c->repeat_next = (c->repeat_next + 1) % REPEATS_MAX;
    return false;
}

/* Every refusal of somebody known is an entry.  Strangers leave none but failed logins: they could fill
 * the log.  A form that was not understood is an entry where it might have changed something. */
static void note_refusal(struct call *call, result r, const struct why *why)
{
    bool person = call->who.account.text[0], site = call->who.site.text[0];
    if (call->refusal_type || !call->route || (!person && !site) || r.code == BROKEN)
        return;
    const struct command_rule *rule = command_rule(call->route->command);
    bool reads = strcmp(rule->method, "GET") == 0 || call->route->command == COMMAND_QUERY_CHECK;
    const char *code = problem_of(r, why)->code;
    if ((reads && (r.code == MALFORMED || r.code == LIMIT)) || (!person && is_repeated(call->core, call, code)))
        return;
    char command[96];
    snprintf(command, sizeof command, "%s %s", rule->method, rule->path);
    call->refusal_type = "refused";
    call->refusal_entry = json_object();
    if (person)
        json_set(call->refusal_entry, "account", json_of_str(call->who.account.text));
    if (site)
        json_set(call->refusal_entry, "site", json_of_str(call->who.site.text));
    json_set(call->refusal_entry, "command", json_of_str(command));
    json_set(call->refusal_entry, "code", json_of_str(code));
}

/* UNAVAILABLE and worse end the batch; any other refusal is this request's own answer. */
static result decide_one(struct core *c, struct pending *p, struct why *why)
{
    struct call call;
    struct log before = {.frontier = c->log.frontier, .last_ms = c->log.last_ms};
    struct why reason = {0};
    bool wrote = c->wrote;
    TRY(store_savepoint(c->store, why));
    c->wrote = c->effect = false;
    if (!is_ok(document_id_parse(p->request.request_id, 'r', &c->asking, NULL)))
        c->asking.text[0] = 0; /* net had no randomness to name it */
    call_init(&call, c, p);
    result r = call_decide(&call, &reason), ended = DONE;
    if (is_ok(r) && c->effect && c->log.frontier.size == before.frontier.size)
        r = FAIL(&reason, BROKEN, "a call had an effect and left no entry in the log; the effect was undone");
    bool lost = r.code == UNAVAILABLE;
    if (is_ok(r)) {
        ended = store_release(c->store, why);
    } else if (!lost) {
        note_refusal(&call, r, &reason);
        ended = undo(c, &call, &before, why);
        c->wrote = call.refusal_type != NULL;
        if (r.code == BROKEN)
            log_failure(LOG_ERROR, "request_failed", r, &reason);
        refusal_write(p, r, &reason, call.problem);
    }
    c->wrote = c->wrote || wrote;
    c->asking.text[0] = 0;
    call_done(&call);
    if (lost && why)
        *why = reason;
    return lost ? r : ended;
}

/* What time alone brings: deadlines, permits that end, old tokens. */
static result decide_due(struct core *c, struct why *why)
{
    if (host_now_ms(c->host) >= c->next_due_ms) {
        TRY(permits_expire(c, why));
        TRY(queries_end_due(c, why));
    }
    int64_t now = host_monotonic_ms(c->host);
    if (now >= c->next_sweep_ms) {
        TRY(RUN(c, TOKEN_SWEEP, NULL, why, store_integer(host_now_ms(c->host))));
        TRY(RUN(c, IDEMPOTENCY_SWEEP, NULL, why, store_integer(host_now_ms(c->host) - IDEMPOTENCY_KEEP_MS)));
        TRY(applications_lapse(c, why));
        TRY(outbox_remind(c, why));
        c->next_sweep_ms = now + SWEEP_EVERY_MS;
    }
    return DONE;
}

/* A clock that jumped is noted.  Order does not depend on it: no entry is earlier than the one before. */
static result note_clock(struct core *c, struct why *why)
{
    int64_t now = host_now_ms(c->host), base = now - host_monotonic_ms(c->host), jump = 0;
    if (c->clock_known)
        jump = base - c->clock_base_ms;
    else if (now < c->log.last_ms)
        jump = now - c->log.last_ms;
    bool jumped = jump < -CLOCK_SKEW_MAX_MS || jump > CLOCK_SKEW_MAX_MS;
    c->clock_next_ms = c->clock_known && !jumped ? c->clock_base_ms : base;
    if (jumped)
        c->next_sweep_ms = 0; /* what is due by the wall clock may be due now */
    if (!jumped)
        return DONE;
    struct json *entry = json_object();
    json_set(entry, "jump_ms", json_of_integer(jump));
    return log_append(c, "clock", entry, NULL, why);
}

/* The batch in one transaction.  After UNAVAILABLE: *ret_unknown says whether a commit was under way. */
static result decide_batch(struct core *c, struct pending *batch, const uint8_t mark[STORE_MARK_LEN], bool *ret_unknown,
                           struct why *why)
{
    *ret_unknown = false;
    c->wrote = false;
    c->cut_count = 0;
    TRY(store_begin(c->store, why));
    TRY(note_clock(c, why));
    TRY(decide_due(c, why));
    for (struct pending *p = batch; p; p = p->next)
        TRY(decide_one(c, p, why));
    TRY(outbox_turn(c, why));
    TRY(offer_keep(c, why));
    if (!c->wrote) {
        store_rollback(c->store); /* nothing to keep, nothing to sync */
        return DONE;
    }
    TRY(read_next_due(c, why));
    TRY(index_mark(c, why));
    TRY(store_mark(c->store, mark, why));
    *ret_unknown = true;
    return store_commit(c->store, why);
}

static void note_loss(struct core *c)
{
    c->stale = true;
    if (c->lost_ms == 0)
        c->lost_ms = host_monotonic_ms(c->host);
}

/* A store that went away is waited for once, STORE_WAIT_MS from then: a restart of it is not noticed.
 * Longer away, each request is told at once. */
static int64_t wait_left_ms(const struct core *c)
{
    if (c->lost_ms == 0)
        return STORE_WAIT_MS;
    int64_t left = c->lost_ms + STORE_WAIT_MS - host_monotonic_ms(c->host);
    return left > 0 ? left : 0;
}

static result commit_batch(struct core *c, struct pending *batch, struct why *why)
{
    uint8_t mark[STORE_MARK_LEN];
    result r = DONE;
    for (unsigned attempt = 0; attempt <= RETRIES_MAX; attempt++) {
        bool unknown = false;
        if (c->stale) {
            TRY(store_recover(c->store, wait_left_ms(c), why));
            TRY(load(c, why));
        }
        TRY(host_random(c->host, mark, sizeof mark, why));
        r = decide_batch(c, batch, mark, &unknown, why);
        if (is_ok(r)) {
            c->lost_ms = 0;
            return r;
        }
        store_rollback(c->store);
        note_loss(c);
        if (r.code != UNAVAILABLE || c->keys_gone)
            return r;
        log_failure(LOG_WARNING, "store_lost", r, why);
        TRY(store_recover(c->store, wait_left_ms(c), why));
        TRY(load(c, why));
        bool committed = false;
        if (unknown)
            TRY(store_mark_is(c->store, mark, &committed, why));
        if (committed) {
            c->lost_ms = 0;
            log_event(LOG_NOTICE, "commit_found", NULL);
            return DONE;
        }
    }
    return r;
}

/* --- delivering --- */

static result deliver(struct core *c, struct pending *batch, struct why *why)
{
    for (unsigned i = 0; i < c->cut_count; i++)
        c->ports.cut(c->ports.self, slice_str(c->cuts[i].text));
    c->cut_count = 0;
    outbox_committed(c);
    result r = offer_settle(c, why);
    while (batch) {
        struct pending *p = batch;
        batch = p->next;
        p->next = NULL;
        if (p->outcome == OUTCOME_ANSWER)
            core_answer(c, p);
        else if (p->outcome == OUTCOME_WORK) {
            struct password_job *job = p->job;
            job->core = c;
            job->owner = c->ports.self;
            p->next = c->working;
            c->working = p;
            struct why full = {0};
            result began = c->ports.work(c->ports.self, job, &full);
            if (!is_ok(began)) {
                c->working = p->next;
                p->next = NULL;
                began = FAIL_CODE(&full, LIMIT, "too_many_requests", "", "too many passwords are being checked; come back in a second");
                refusal_write(p, began, &full, NULL);
                core_answer(c, p);
            }
        } else {
            result parked = polls_park(c, p, why);
            if (!is_ok(parked))
                r = parked;
        }
    }
    TRY(r);
    return polls_settle(c, why);
}

static struct pending *take_batch(struct core *c)
{
    struct pending *batch = c->first, *end = NULL;
    for (unsigned i = 0; i < TURN_REQUESTS_MAX && c->first; i++) {
        end = c->first;
        c->first = end->next;
        c->pending_count--;
    }
    if (!c->first)
        c->last = NULL;
    if (end)
        end->next = NULL;
    return batch;
}

static void refuse_batch(struct core *c, struct pending *batch, result r, const struct why *why)
{
    while (batch) {
        struct pending *p = batch;
        batch = p->next;
        refusal_write(p, r, why, NULL);
        core_answer(c, p);
    }
}

result core_turn(struct core *c, int64_t *ret_ms, struct why *why)
{
    struct why local = {0};
    why = why ? why : &local;
    struct pending *batch = take_batch(c);
    result r = commit_batch(c, batch, why);
    if (is_ok(r)) {
        offer_kept(c);
        c->clock_known = true;
        c->clock_base_ms = c->clock_next_ms;
    }
    store_reads_begin(c->store);
    if (is_ok(r))
        r = log_sign(c, why);
    if (is_ok(r)) {
        r = deliver(c, batch, why);
    } else
        refuse_batch(c, batch, r, why);
    store_reads_end(c->store);
    /* A store that is away is waited for; keys that are gone, or data that contradict themselves, end us. */
    if (c->keys_gone || r.code == BROKEN || r.code == DENIED)
        return r.code == OK ? FAIL(why, UNAVAILABLE, "keys are gone") : r;
    bool waited = c->lost_ms && wait_left_ms(c) == 0;
    if (!is_ok(r)) {
        note_loss(c);
        if (!waited || batch) /* once a second would only fill the disk */
            log_failure(LOG_ERROR, "turn_failed", r, why);
    }
    if (c->first || (c->stale && !waited)) {
        *ret_ms = 0;
        return DONE;
    }
    int64_t next = SWEEP_EVERY_MS, now = host_now_ms(c->host), poll = polls_next_ms(c);
    if (c->next_due_ms - now < next)
        next = c->next_due_ms > now ? c->next_due_ms - now : 0;
    if (poll >= 0 && poll < next)
        next = poll;
    if (outbox_next_ms(c) - now < next)
        next = outbox_next_ms(c) > now ? outbox_next_ms(c) - now : 0;
    *ret_ms = c->stale && next < SECOND_MS ? SECOND_MS : next;
    return DONE;
}
