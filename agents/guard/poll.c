/*
 * The poll: one outstanding at any time, begun again as soon as the last one ends.  Of what it brings,
 * trust comes first (keys), then checkpoint and statuses, then cancellations, then tasks.
 */
#include "agents/guard/inside.h"
#include "base/instant.h"
#include "base/log.h"
#include "proto/fields.h"

struct polled {
    int64_t time_ms;
    struct slice checkpoint;
    const struct json *consistency, *trust, *statuses, *tasks, *cancel, *optouts;
};

static result polled_read(const struct json *v, struct polled *ret, struct why *why)
{
    struct fields f;
    *ret = (struct polled){0};
    TRY(fields_open(v, "", &f, why));
    TRY(need_instant(&f, "time", &ret->time_ms));
    TRY(need_text(&f, "checkpoint", CHECKPOINT_NOTE_MAX, &ret->checkpoint));
    TRY(may_array(&f, "consistency", MERKLE_PROOF_MAX, &ret->consistency));
    TRY(may_object(&f, "trust", &ret->trust));
    TRY(may_array(&f, "statuses", STATE_STATUSES_MAX, &ret->statuses));
    TRY(may_array(&f, "tasks", POLL_TASKS_MAX, &ret->tasks));
    TRY(may_array(&f, "cancel", POLL_TASKS_MAX, &ret->cancel));
    TRY(may_array(&f, "optouts", OPTOUTS_A_POLL_MAX, &ret->optouts));
    return fields_close(&f);
}

/* a later version, with the quorum of the one held. */
static result take_trust(struct guard *g, const struct json *v, struct why *why)
{
    struct envelope e CLEANUP(envelope_done) = {0};
    struct trust *t CLEANUP(trust_freep) = NULL;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 2 * TRUST_BYTES_MAX);
    TRY(envelope_parse(v, "/trust", TYPE_TRUST, &e, why));
    TRY(trust_open(&e, g->trust, NULL, &t, why));
    if (t->version == g->trust->version)
        return DONE;
    TRY(witness_allows(g, t, why));
    TRY(envelope_print(&e, &text, why));
    TRY(store_write_trust(&g->store, buffer_slice(&text), why));
    struct json *fields = json_object();
    json_set(fields, "version", json_of_integer((int64_t)t->version));
    json_set(fields, "sha256", json_of_hex(slice_of(t->hash.at, HASH_LEN)));
    if (!guard_journal(g, "trust", fields))
        return FAIL(why, UNAVAILABLE, "the journal cannot be written");
    g->state.trust_version = t->version;
    g->state_dirty = true;
    guard_time_floor(g, t->issued_ms);
    trust_free(g->trust);
    g->trust = MOVE(t);
    TRY(witness_succeed(g, why));
    guard_flush_state(g);
    return DONE;
}

/* A log that fails is refused until it continues what was seen; the checkpoint held stays. */
static result take_checkpoint(struct guard *g, const struct polled *p, struct why *why)
{
    TRY(witness_see(g, p->checkpoint, p->consistency, why));
    g->checkpoint_at_ms = host_now_ms(g->host);
    return DONE;
}

static void note_inconsistency(struct guard *g, result r, const struct why *why)
{
    log_event(LOG_ERROR, "log_refused", "class", "log", "code", "inconsistent", "status", status_name(r.code), "why", why->text, NULL);
    if (!g->was_inconsistent) { /* once a time, not once a poll */
        struct json *fields = json_object();
        json_set(fields, "class", json_of_str("log"));
        json_set(fields, "code", json_of_str("inconsistent"));
        json_set(fields, "size_held", json_of_integer((int64_t)g->state.checkpoint.size));
        tolerate((result){guard_journal(g, "log_refused", fields) ? OK : UNAVAILABLE}); /* guard_journal ends the role itself */
    }
    g->was_inconsistent = true;
}

static void take_status(struct guard *g, const struct json *v, bool *must_write)
{
    struct envelope e CLEANUP(envelope_done) = {0};
    struct permit_status s;
    struct why why = {0};
    bool changed = false;
    result r = envelope_parse(v, "/statuses", TYPE_PERMIT_STATUS, &e, &why);
    if (is_ok(r))
        r = permit_status_open(&e, g->trust, &s, &why);
    if (is_ok(r))
        r = state_see(&g->state, &s, host_now_ms(g->host), &changed, &why);
    if (!is_ok(r)) {
        log_failure(LOG_WARNING, "status_refused", r, &why);
        return;
    }
    guard_time_floor(g, s.at_ms);
    g->state_dirty = true;
    *must_write = *must_write || changed;
}

static void take_cancel(struct guard *g, const struct json *v)
{
    struct document_id task;
    if (is_ok(document_id_parse(json_text(v), 't', &task, NULL)))
        task_cancel(g, &task);
}

/* false: the log is another one now; what came with it was made for the old one, and is asked for again. */
static bool take(struct guard *g, const struct polled *p)
{
    struct why why = {0};
    bool must_write = false;
    unsigned generation = g->trust->succession_count;
    g->peer_time_ms = p->time_ms;
    if (p->trust) {
        result r = take_trust(g, p->trust, &why);
        if (!is_ok(r))
            log_failure(LOG_ERROR, "trust_refused", r, &why);
        if (g->trust->succession_count != generation)
            return false;
    }
    result r = take_checkpoint(g, p, &why);
    g->log_consistent = is_ok(r);
    if (g->log_consistent)
        g->was_inconsistent = false;
    else
        note_inconsistency(g, r, &why);
    consent_take(g, p->optouts);
    for (size_t i = 0; i < json_size(p->statuses); i++)
        take_status(g, json_item(p->statuses, i), &must_write);
    if (must_write)
        guard_flush_state(g); /* the checkpoint is durable already */
    for (size_t i = 0; i < json_size(p->cancel); i++)
        take_cancel(g, json_item(p->cancel, i));
    guard_read_stops(g);
    if (json_size(p->tasks))
        guard_new_rules(g);
    for (size_t i = 0; i < json_size(p->tasks); i++)
        task_take(g, json_item(p->tasks, i));
    return true;
}

static struct json *running_tasks(const struct guard *g)
{
    struct json *list = json_array();
    if (g->computing)
        json_add(list, json_of_str(g->computing->v.task.id.text));
    for (const struct job *j = g->queue; j; j = j->next)
        json_add(list, json_of_str(j->v.task.id.text));
    for (const struct owed *o = g->owed; o; o = o->next)
        if (!inbox_holds_task(g, &o->task))
            json_add(list, json_of_str(o->task.text));
    inbox_name_tasks(g, list);
    return list;
}

static struct json *blocked_permits(const struct guard *g)
{
    struct json *list = json_array();
    for (unsigned i = 0; i < g->blocks.count; i++)
        json_add(list, json_of_str(g->blocks.permits[i].text));
    return list;
}

void poll_begin(void *guard)
{
    struct guard *g = guard;
    struct why why = {0};
    if (g->poll_tag != 0)
        return;
    struct json *body = json_object();
    json_set(body, "checkpoint", json_of_integer((int64_t)g->state.checkpoint.size));
    json_set(body, "trust", json_of_integer((int64_t)g->trust->version));
    json_set(body, "running", running_tasks(g));
    json_set(body, "paused", json_of_bool(g->paused));
    if (g->blocks.count)
        json_set(body, "blocked", blocked_permits(g));
    json_set(body, "wait_ms", json_of_integer(g->poll_failures > 0 ? 0 : g->settings->poll_wait_ms)); /* back soon after trouble */
    if (g->state.rules_version > 0) {
        struct json *rules = json_object();
        json_set(rules, "version", json_of_integer((int64_t)g->state.rules_version));
        json_set(rules, "sha256", json_of_hex(slice_of(g->state.rules_hash.at, HASH_LEN)));
        json_set(body, "rules", rules);
    }
    struct json *optouts = optouts_say(g->optouts);
    if (optouts)
        json_set(body, "optouts", optouts);
    json_set(body, "build", json_of_str(AGENT_BUILD));
    if (g->cosignature[0])
        json_set(body, "cosignature", json_of_str(g->cosignature));
    result r = guard_ask(g, TRANSPORT_POST, "/v1/poll", body, g->settings->poll_wait_ms + POLL_MARGIN_MS, &g->poll_tag, &why);
    if (!is_ok(r)) {
        log_failure(LOG_ERROR, "poll_failed", r, &why);
        guard_stop(g, 1); /* link is gone */
    }
}

static void again_later(struct guard *g)
{
    g->poll_failures++;
    loop_timer_set(g->poll_timer, guard_backoff_ms(g, g->poll_failures));
}

void poll_answered(struct guard *g, result r, unsigned status, struct slice body, const struct why *why)
{
    struct json *v CLEANUP(json_freep) = NULL;
    struct polled p;
    struct why inner = {0};
    g->poll_tag = 0;
    if (!is_ok(r)) {
        log_failure(LOG_WARNING, "poll_failed", r, why);
        again_later(g);
        return;
    }
    if (status != 200) {
        guard_log_problem("poll_refused", status, body);
        again_later(g);
        return;
    }
    r = json_parse(body, POLL_ANSWER_BYTES_MAX, &v, &inner);
    if (is_ok(r))
        r = polled_read(v, &p, &inner);
    if (!is_ok(r)) {
        log_failure(LOG_ERROR, "poll_answer_refused", r, &inner);
        again_later(g);
        return;
    }
    if (g->poll_failures > 0)
        log_event(LOG_NOTICE, "connected", NULL);
    g->poll_failures = 0;
    optouts_said(g->optouts);
    if (!take(g, &p) || g->log_consistent)
        poll_begin(g);
    else
        again_later(g);
}
