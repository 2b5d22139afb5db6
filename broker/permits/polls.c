/*
 * polls.c - the agents' long polls and the people who wait for a result.
 * A site has one parked poll; a newer connection takes its place.  Everything that leaves here is
 * committed, and proven in the checkpoint at hand.  Leases live in memory only: after a restart every
 * open task is handed out again, and an agent runs a query id once.
 */
#include "broker/audit/audit.h"
#include "broker/permits/permits.h"
#include "broker/sites/sites.h"

#include <stdlib.h>

#include "base/log.h"
#include "proto/fields.h"

enum { BUILD_BYTES_MAX = 63, POLL_BLOCKED_MAX = 256, STATUS_AFTER_END_MS = 24 * 60 * 60 * 1000, TASK_TEXT_MAX = 64 * 1024, PERMIT_TEXT_MAX = 2 * PERMIT_BYTES_MAX };

/* --- the call --- */

static result read_running(const struct json *array, struct pending *p, struct why *why)
{
    free(p->running);
    p->running_count = 0;
    p->running = calloc(json_size(array) + 1, sizeof *p->running);
    if (!p->running)
        return FAIL(why, LIMIT, "no memory for a poll");
    for (size_t i = 0; i < json_size(array); i++)
        TRY(document_id_parse(json_text(json_item(array, i)), 't', &p->running[p->running_count++], why));
    return DONE;
}

result site_poll(struct call *c, struct why *why)
{
    struct fields f;
    int64_t size = 0, trust = 0, wait_ms = 0;
    const struct json *running = NULL, *optouts = NULL, *blocked = NULL, *rules = NULL;
    struct slice build = {0}, cosignature = {0};
    bool paused = false;
    struct pending *p = c->pending;
    TRY(call_fields(c, &f, why));
    TRY(need_integer(&f, "checkpoint", 0, INT64_C(1) << 53, &size));
    TRY(need_integer(&f, "trust", 0, INT64_C(1) << 53, &trust));
    TRY(may_array(&f, "running", POLL_RUNNING_MAX, &running));
    TRY(may_bool(&f, "paused", &paused));
    TRY(may_array(&f, "blocked", POLL_BLOCKED_MAX, &blocked));
    TRY(may_object(&f, "rules", &rules));
    TRY(may_integer(&f, "wait_ms", 0, INT32_MAX, &wait_ms));
    TRY(may_text(&f, "build", BUILD_BYTES_MAX, &build));
    TRY(may_text(&f, "cosignature", NOTE_LINE_MAX, &cosignature));
    TRY(may_object(&f, "optouts", &optouts));
    TRY(fields_close(&f));
    if (optouts)
        TRY(optouts_heard(c, optouts, why));
    TRY(read_running(running, p, why));
    TRY(site_said(c, paused, blocked, rules, why));
    struct line *line = line_of(c->core, &c->who.site);
    if (!line)
        return FAIL_CODE(why, LIMIT, "too_many_requests", "", "more than %d sites", SITES_MAX);
    line->paused = paused;
    line->seen_ms = c->now_ms;
    slice_copy_str(build, line->build, sizeof line->build);
    unsigned most = c->core->settings->poll_wait_ms_max ? c->core->settings->poll_wait_ms_max : POLL_WAIT_MS_MAX;
    if (wait_ms > (int64_t)most)
        wait_ms = most;
    p->outcome = OUTCOME_POLL;
    p->site = c->who.site;
    p->held_size = (uint64_t)size;
    p->held_trust = (uint64_t)trust;
    p->until_ms = host_monotonic_ms(c->core->host) + wait_ms;
    struct why reason = {0};
    result r = cosignature.len ? offer_cosign(c->core, p->held_size, cosignature, &reason) : DONE;
    if (!is_ok(r)) /* a site that is no witness is served all the same */
        log_failure(LOG_WARNING, "cosignature_refused", r, &reason);
    return DONE;
}

/* --- leases --- */

static bool is_running(const struct pending *p, const struct document_id *task)
{
    for (unsigned i = 0; i < p->running_count; i++)
        if (document_id_equal(&p->running[i], task))
            return true;
    return false;
}

/* Was this task handed out in an answer that the agent cannot have acted on yet?  Leases are dropped
 * when a poll comes in that does not name the task as running: the agent does not have it. */
static bool is_leased(const struct line *line, const struct document_id *task, int64_t now)
{
    for (unsigned i = 0; i < line->lease_count; i++)
        if (document_id_equal(&line->leases[i].task, task))
            return line->leases[i].until_ms > now;
    return false;
}

static void lease(struct core *c, struct line *line, const struct document_id *task, int64_t now)
{
    unsigned at = line->lease_count;
    for (unsigned i = 0; i < line->lease_count && at == line->lease_count; i++)
        if (document_id_equal(&line->leases[i].task, task))
            at = i;
    for (unsigned i = 0; i < line->lease_count && at == line->lease_count; i++)
        if (line->leases[i].until_ms <= now)
            at = i;
    if (at == LEASES_MAX)
        at = 0;
    if (at == line->lease_count)
        line->lease_count++;
    line->leases[at] = (struct lease){.task = *task, .until_ms = now + (int64_t)c->settings->lease_ms};
}

/* A new poll says what the agent has: leases of what it does not have are void, and what it has from
 * before a restart of ours gets one. */
static void renew_leases(struct core *c, struct line *line, const struct pending *p)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < line->lease_count; i++)
        if (is_running(p, &line->leases[i].task))
            line->leases[kept++] = line->leases[i];
    line->lease_count = kept;
    for (unsigned i = 0; i < p->running_count; i++) {
        bool known = false;
        for (unsigned k = 0; k < kept; k++)
            known = known || document_id_equal(&line->leases[k].task, &p->running[i]);
        if (!known)
            lease(c, line, &p->running[i], host_monotonic_ms(c->host));
    }
}

/* --- the answer --- */

static result parsed(struct slice text, struct json **ret, struct why *why)
{
    return json_parse(text, JSON_BYTES_MAX, ret, why);
}

static bool was_told(const struct line *line, const struct document_id *permit, uint64_t serial)
{
    for (unsigned i = 0; i < line->told_count; i++)
        if (document_id_equal(&line->told[i].permit, permit))
            return line->told[i].serial == serial;
    return false;
}

static void tell(struct line *line, const struct document_id *permit, uint64_t serial)
{
    unsigned at = line->told_count;
    for (unsigned i = 0; i < line->told_count; i++)
        if (document_id_equal(&line->told[i].permit, permit))
            at = i;
    if (at == POLL_STATUSES_MAX) {
        memmove(line->told, line->told + 1, (POLL_STATUSES_MAX - 1) * sizeof *line->told);
        at--;
    }
    if (at == line->told_count)
        line->told_count++;
    line->told[at] = (struct told){.permit = *permit, .serial = serial};
}

/* Statuses of the permits that name the site: all, or those it has not been told of. */
static result add_statuses(struct core *c, struct line *line, bool all, struct json *statuses, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, PERMITS_OF_SITE, &rows, why, store_str(line->site.text), store_integer(host_now_ms(c->host) - STATUS_AFTER_END_MS),
            store_integer(POLL_STATUSES_MAX)));
    while (rows_next(rows)) {
        struct document_id id;
        uint64_t serial = (uint64_t)rows_integer(rows, 2);
        TRY(document_id_parse(rows_text(rows, 0), 'p', &id, why));
        if (!all && was_told(line, &id, serial))
            continue;
        struct permit_row p CLEANUP(permit_row_done) = {0};
        struct slice text;
        struct json *status = NULL;
        TRY(permit_load(c, rows_text(rows, 0), &p, why));
        result sealed = permit_sealed_status(c, &p, &text, why);
        if (sealed.code == UNAVAILABLE)
            return sealed;
        if (!is_ok(sealed)) {
            log_failure(LOG_ERROR, "status_not_sealed", sealed, why);
            continue;
        }
        TRY(parsed(text, &status, why));
        json_add(statuses, status);
        tell(line, &id, serial);
    }
    return DONE;
}

/* *ret NULL: the task cannot be handed out (its permit's status was not sealed), and why is logged. */
static result task_json(struct core *c, const struct line *line, const struct rows *row, struct json **ret, struct why *why)
{
    struct task t = {.network = c->network, .site = line->site};
    struct permit_row p CLEANUP(permit_row_done) = {0};
    struct slice status_text = {0};
    struct buffer payload CLEANUP(buffer_done) = {0}, sealed CLEANUP(buffer_done) = {0}, entry CLEANUP(buffer_done) = {0};
    buffer_init(&payload, TASK_TEXT_MAX);
    buffer_init(&sealed, TASK_TEXT_MAX);
    buffer_init(&entry, TASK_TEXT_MAX);
    *ret = NULL;
    TRY(document_id_parse(rows_text(row, 0), 't', &t.id, why));
    TRY(document_id_parse(rows_text(row, 1), 'q', &t.query, why));
    TRY(document_id_parse(rows_text(row, 5), 'p', &t.permit, why));
    t.entry = (uint64_t)rows_integer(row, 2);
    t.issued_ms = rows_integer(row, 3);
    t.expires_ms = rows_integer(row, 4);
    memcpy(t.query_hash.at, rows_bytes(row, 7).at, HASH_LEN);
    TRY(permit_load(c, rows_text(row, 5), &p, why));
    t.permit_hash = p.permit->hash;
    result r = permit_sealed_status(c, &p, &status_text, why);
    if (!is_ok(r) && !misbehaves("forged_permit")) {
        if (r.code != UNAVAILABLE)
            log_failure(LOG_ERROR, "status_not_sealed", r, why);
        return r.code == UNAVAILABLE ? r : DONE;
    }
    TRY(task_print(&t, &payload, why));
    TRY(core_keys(c, MESSAGE_SEAL_TASK, buffer_slice(&payload), &sealed, why));
    TRY(log_entry_bytes(c, t.entry, &entry, why));
    struct json *v CLEANUP(json_freep) = json_object(), *task = NULL, *permit = NULL, *query = NULL, *status = NULL, *proof = NULL;
    TRY(parsed(buffer_slice(&sealed), &task, why));
    json_set(v, "task", task);
    TRY(parsed(p.envelope, &permit, why));
    json_set(v, "permit", permit);
    TRY(parsed(rows_text(row, 6), &query, why));
    json_set(v, "query", query);
    if (status_text.len)
        TRY(parsed(status_text, &status, why));
    json_set(v, "status", status ? status : json_of_null());
    json_set(v, "entry", json_of_base64(buffer_slice(&entry)));
    TRY(log_inclusion_json(c, t.entry, offer_size(c), &proof, why));
    json_set(v, "proof", proof);
#ifdef INNSYN_TEST_HOOKS
    TRY(misbehave_task(c, &t, v, why));
#endif
    *ret = MOVE(v);
    return DONE;
}

static result add_tasks(struct core *c, struct line *line, struct json *tasks, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    int64_t now = host_monotonic_ms(c->host);
    line->awaits = false;
    if (!offer_is_cosigned(c) && !misbehaves("split_view")) { /* I3: no site would answer yet */
        line->awaits = true;
        return DONE;
    }
    /* A paused site gets its tasks too: it refuses them itself, signed, and nobody waits for the deadline. */
    TRY(RUN(c, TASKS_OPEN, &rows, why, store_str(line->site.text), store_integer(POLL_OPEN_MAX)));
    while (rows_next(rows) && json_size(tasks) < POLL_TASKS_MAX) {
        struct document_id id;
        struct json *task = NULL;
        TRY(document_id_parse(rows_text(rows, 0), 't', &id, why));
        /* what runs there is left alone until its lease ends */
        if (is_leased(line, &id, now))
            continue;
        if ((uint64_t)rows_integer(rows, 2) >= offer_size(c)) {
            line->awaits = true;
            c->log.offer_wanted = true;
            continue;
        }
        TRY(task_json(c, line, rows, &task, why));
        if (!task)
            continue;
        json_add(tasks, task);
        lease(c, line, &id, now);
    }
    return DONE;
}

/* A task that the site's own result ended is not cancelled: the site has that result's answer, and would
 * be woken, and poll again, for nothing. */
static bool is_moot(const struct rows *task, const struct pending *p)
{
    int64_t state = rows_integer(task, 2);
    return !slice_is(rows_text(task, 1), p->site.text) || (state != TASK_OPEN && state != TASK_ANSWERED && state != TASK_REFUSED);
}

static result add_cancels(struct core *c, const struct pending *p, struct json *cancels, struct why *why)
{
    for (unsigned i = 0; i < p->running_count; i++) {
        struct rows *rows CLEANUP(rows_freep) = NULL;
        TRY(RUN(c, TASK_GET, &rows, why, store_str(p->running[i].text)));
        if (!rows_next(rows) || is_moot(rows, p))
            json_add(cancels, json_of_str(p->running[i].text));
    }
    return DONE;
}

/* the version that follows the one the site holds.  It may have been away for several, and takes
 * them one at a time, since each is vouched for by the quorum of the one before. */
static result trust_after(struct core *c, uint64_t held, struct json **ret, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    if (c->trust->version == held + 1)
        return parsed(buffer_slice(&c->trust_text), ret, why);
    TRY(store_run(c->store, TRUST_ALL, NULL, 0, &rows, why));
    while (rows_next(rows))
        if ((uint64_t)rows_integer(rows, 0) > held)
            return parsed(rows_text(rows, 1), ret, why);
    return FAIL(why, BROKEN, "the store lacks a version of the trust document");
}

/* The checkpoint that is offered, and how it continues the one that the site holds. */
static result add_checkpoint(struct core *c, const struct pending *p, struct json *v, struct why *why)
{
    struct json *proof = NULL;
    struct buffer note CLEANUP(buffer_done) = {0};
    buffer_init(&note, CHECKPOINT_NOTE_MAX);
    TRY(offer_print(c, &note, why));
    json_set(v, "checkpoint", json_of_text(buffer_slice(&note)));
    /* An agent that holds a larger tree than ours knows more than we: it will say so. */
    TRY(log_consistency_json(c, p->held_size < offer_size(c) ? p->held_size : 0, offer_size(c), &proof, why));
    json_set(v, "consistency", proof);
    return DONE;
}

/* all: the last answer of this poll, with or without news; nothing: the answer of a poll that a newer one
 * replaced.  *ret stays NULL where there is no news and none of these. */
static result poll_json(struct core *c, struct line *line, const struct pending *p, bool all, bool nothing, bool *ret_news,
                        struct json **ret, struct why *why)
{
    struct json *v CLEANUP(json_freep) = json_object();
    struct json *statuses = json_array(), *tasks = json_array(), *cancels = json_array();
    json_set(v, "statuses", statuses);
    json_set(v, "tasks", tasks);
    json_set(v, "cancel", cancels);
    json_set(v, "time", json_of_instant(host_now_ms(c->host)));
    bool news = offer_asks(c, line, p->held_size);
    if (!nothing) {
        if (c->trust && c->trust->version > p->held_trust) {
            struct json *trust = NULL;
            TRY(trust_after(c, p->held_trust, &trust, why));
            json_set(v, "trust", trust);
            news = true;
        }
        struct json *optouts = NULL;
        if (!misbehaves("hold_optouts")) {
            TRY(optouts_waiting(c, &line->site, &optouts, why));
            json_set(v, "optouts", optouts);
        }
        TRY(add_statuses(c, line, all, statuses, why));
        TRY(add_tasks(c, line, tasks, why));
        TRY(add_cancels(c, p, cancels, why));
        news = news || json_size(statuses) || json_size(tasks) || json_size(cancels) || json_size(optouts);
    }
    *ret_news = news;
    if (!news && !all && !nothing)
        return DONE;
    TRY(add_checkpoint(c, p, v, why));
#ifdef INNSYN_TEST_HOOKS
    TRY(misbehave_split(c, line, p->held_size, v, why));
#endif
    *ret = MOVE(v);
    return DONE;
}

/* Answers (and frees) the poll if there is news or `final`; else leaves it. *ret_answered. */
static result try_answer(struct core *c, struct line *line, struct pending *p, bool final, bool *ret_answered, struct why *why)
{
    struct json *v CLEANUP(json_freep) = NULL;
    bool news = false;
    *ret_answered = false;
    struct why local = {0};
    result r = poll_json(c, line, p, final, false, &news, &v, why ? why : &local);
    if (!is_ok(r)) {
        line->lease_count = line->told_count = 0; /* what was meant for this answer has not left */
        return r;
    }
    if (!news && !final)
        return DONE;
    core_answer_json(c, p, 200, v);
    *ret_answered = true;
    return DONE;
}

static void refuse_parked(struct pending *p, struct core *c, result r, const struct why *why)
{
    refusal_write(p, r, why, NULL);
    core_answer(c, p);
}

static result park_poll(struct core *c, struct pending *p, struct why *why)
{
    struct line *line = line_of(c, &p->site);
    bool answered = false;
    result r;
    if (line->poll) { /* the newest connection wins */
        struct pending *old = MOVE(line->poll);
        struct json *v CLEANUP(json_freep) = NULL;
        bool news;
        c->parked_count--;
        r = poll_json(c, line, old, false, true, &news, &v, why);
        if (is_ok(r))
            core_answer_json(c, old, 200, v);
        else
            refuse_parked(old, c, r, why);
    }
    renew_leases(c, line, p);
    bool final = p->until_ms <= host_monotonic_ms(c->host) || c->parked_count >= PARKED_MAX;
    r = try_answer(c, line, p, final, &answered, why);
    if (!is_ok(r))
        refuse_parked(p, c, r, why);
    else if (!answered) {
        line->poll = p;
        c->parked_count++;
    }
    return r.code == UNAVAILABLE ? r : DONE;
}

/* --- waiting for a result --- */

/* Is every site that has not ended its task waiting for its holder's hand? */
static bool only_holders(const struct json *query)
{
    const struct json *sites = json_get(query, "sites");
    for (size_t i = 0; i < json_size(sites); i++)
        if (slice_is(json_text(json_get(json_item(sites, i), "status")), "running"))
            return false;
    return true;
}

static result try_waiter(struct core *c, struct pending *p, bool final, bool *ret_answered, struct why *why)
{
    struct json *v CLEANUP(json_freep) = NULL;
    bool running = false;
    *ret_answered = false;
    if (p->outcome == OUTCOME_CHECKPOINT || p->outcome == OUTCOME_WITNESS)
        return offer_answer(c, p, final, ret_answered, why);
    if (p->outcome == OUTCOME_WATCH)
        return watch_try(c, p, final, ret_answered, why);
    TRY(query_json(c, slice_str(p->waits_for.text), p->with_result, &v, &running, why));
    if (running && !final && !(p->or_held && only_holders(v)))
        return DONE;
    core_answer_json(c, p, 200, v);
    *ret_answered = true;
    return DONE;
}

result polls_park(struct core *c, struct pending *p, struct why *why)
{
    if (p->gone) {
        pending_free(p);
        return DONE;
    }
    if (p->outcome == OUTCOME_POLL)
        return park_poll(c, p, why);
    bool answered = false, final = p->until_ms <= host_monotonic_ms(c->host) || c->parked_count >= PARKED_MAX;
    result r = try_waiter(c, p, final, &answered, why);
    if (!is_ok(r) && (r.code != UNAVAILABLE || final))
        refuse_parked(p, c, r, why);
    else if (!answered) {
        c->ended = c->ended || !is_ok(r); /* the store went away: look again when it is back */
        p->next = c->waiters;
        c->waiters = p;
        c->parked_count++;
    }
    return r.code == UNAVAILABLE ? r : DONE;
}

static result settle_lines(struct core *c, int64_t now, struct why *why)
{
    result worst = DONE;
    for (unsigned i = 0; i < c->line_count; i++) {
        struct line *line = c->lines[i];
        struct pending *p = line->poll;
        bool final = p && p->until_ms <= now, answered = false;
        if (!p || (!line->wake && !final)) {
            line->wake = false; /* the next poll looks for itself */
            continue;
        }
        line->wake = false;
        result r = try_answer(c, line, p, final, &answered, why);
        if (!is_ok(r))
            refuse_parked(p, c, r, why);
        if (!is_ok(r) || answered) {
            line->poll = NULL;
            c->parked_count--;
        }
        if (r.code == UNAVAILABLE)
            worst = r;
    }
    return worst;
}

static result settle_waiters(struct core *c, int64_t now, struct why *why)
{
    result worst = DONE;
    for (struct pending **at = &c->waiters; *at;) {
        struct pending *p = *at;
        struct pending *next = p->next;
        bool answered = false, final = p->until_ms <= now;
        result r = c->ended || final || p->outcome != OUTCOME_WAIT ? try_waiter(c, p, final, &answered, why) : DONE;
        if (r.code == UNAVAILABLE)
            worst = r;
        if (!answered && (is_ok(r) || (r.code == UNAVAILABLE && !final))) {
            at = &p->next; /* it waits on, for its query or for the store */
            continue;
        }
        if (!is_ok(r))
            refuse_parked(p, c, r, why);
        *at = next;
        c->parked_count--;
    }
    return worst;
}

result polls_settle(struct core *c, struct why *why)
{
    int64_t now = host_monotonic_ms(c->host);
    for (unsigned i = 0; i < c->line_count; i++)
        if (c->lines[i]->poll && c->lines[i]->poll->until_ms <= now)
            c->log.offer_wanted = true; /* it goes home with the newest */
    TRY(offer_settle(c, why));
    result lines = settle_lines(c, now, why);
    result waiters = settle_waiters(c, now, why);
    c->ended = waiters.code == UNAVAILABLE;
    return is_ok(lines) ? waiters : lines;
}

int64_t polls_next_ms(const struct core *c)
{
    int64_t first = INT64_MAX, now = host_monotonic_ms(c->host);
    for (unsigned i = 0; i < c->line_count; i++)
        if (c->lines[i]->poll && c->lines[i]->poll->until_ms < first)
            first = c->lines[i]->poll->until_ms;
    for (const struct pending *p = c->waiters; p; p = p->next)
        if (p->until_ms < first)
            first = p->until_ms;
    int64_t offer = offer_next_ms(c);
    if (offer >= 0 && offer < first - now)
        first = now + offer;
    if (first == INT64_MAX)
        return -1;
    return first > now ? first - now : 0;
}

bool polls_drop(struct core *c, unsigned net, uint64_t tag)
{
    for (unsigned i = 0; i < c->line_count; i++) {
        struct pending *p = c->lines[i]->poll;
        if (!p || p->net != net || p->tag != tag)
            continue;
        c->lines[i]->poll = NULL;
        c->parked_count--;
        pending_free(p);
        return true;
    }
    for (struct pending **at = &c->waiters; *at; at = &(*at)->next) {
        struct pending *p = *at;
        if (p->net != net || p->tag != tag)
            continue;
        *at = p->next;
        c->parked_count--;
        pending_free(p);
        return true;
    }
    return false;
}
