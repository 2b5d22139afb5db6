#include <stdio.h>
#include <stdlib.h>

#include "agents/guard/inside.h"
#include "base/log.h"

enum { RESULT_PATH_MAX = 128 };

static struct json *hash_json(const struct hash *h)
{
    return json_of_hex(slice_of(h->at, HASH_LEN));
}

static struct json *site_result(struct guard *g, const struct outcome *o)
{
    struct json *v = json_object();
    json_set(v, "innsyn", json_of_str("site-result/1"));
    json_set(v, "network", json_of_str(g->trust->network.text));
    json_set(v, "site", json_of_str(g->settings->site.text));
    json_set(v, "task", json_of_str(o->task->text));
    json_set(v, "query", json_of_str(o->query->text));
    json_set(v, "query_sha256", hash_json(o->query_hash));
    json_set(v, "question_sha256", hash_json(o->question_hash));
    json_set(v, "at", json_of_instant(host_now_ms(g->host)));
    json_set(v, "status", json_of_str(o->waits_until_ms ? "waiting" : o->refusal ? "refused" : "answered"));
    if (o->waits_until_ms)
        json_set(v, "until", json_of_instant(o->waits_until_ms));
    if (o->refusal) {
        struct json *reason = json_object();
        json_set(reason, "class", json_of_str(o->refusal->class));
        json_set(reason, "code", json_of_str(o->refusal->code));
        json_set(reason, "field", json_of_str(o->refusal->field));
        json_set(reason, "text", json_of_str(o->refusal->text));
        json_set(v, "reason", reason);
        return v;
    }
    json_set(v, "edition", hash_json(&o->dataset->edition));
    json_set(v, "profile", json_of_str(profile_name(o->dataset->dictionary->profile)));
    json_set(v, "engine_us", json_of_integer(o->engine_us));
    json_set(v, "statistic", o->statistic);
    if (o->budget)
        json_set(v, "budget", o->budget);
    return v;
}

result result_sign(struct guard *g, const struct outcome *o, struct buffer *ret_text, struct hash *ret_hash, struct why *why)
{
    struct json *v CLEANUP(json_freep) = site_result(g, o);
    struct buffer payload CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done) = {0};
    buffer_init(&payload, ENVELOPE_PAYLOAD_MAX);
    TRY(json_print(v, &payload, why));
    TRY(envelope_make(TYPE_SITE_RESULT, buffer_slice(&payload), &e, why));
    TRY(envelope_sign(&e, g->site_key, why));
    TRY(envelope_print(&e, ret_text, why));
    *ret_hash = envelope_hash(&e);
    return DONE;
}

static void owed_free(struct owed *o)
{
    buffer_done(&o->body);
    free(o);
}

static void forget(struct guard *g, struct owed *o)
{
    for (struct owed **at = &g->owed; *at; at = &(*at)->next) {
        if (*at == o) {
            *at = o->next;
            g->owed_count--;
            owed_free(o);
            return;
        }
    }
}

void results_done(struct guard *g)
{
    while (g->owed)
        forget(g, g->owed);
}

static void send_owed(struct guard *g, struct owed *o)
{
    char path[RESULT_PATH_MAX];
    struct why why = {0};
    struct json *body = json_object(), *envelope = NULL;
    snprintf(path, sizeof path, "/v1/tasks/%s/result", o->task.text);
    result r = json_parse(buffer_slice(&o->body), ANSWER_BYTES_MAX, &envelope, &why);
    json_set(body, "result", envelope);
    if (is_ok(r))
        r = guard_ask(g, TRANSPORT_POST, path, body, REQUEST_TIMEOUT_MS, &o->tag, &why);
    else
        json_free(body);
    if (!is_ok(r)) {
        log_failure(LOG_ERROR, "result_not_sent", r, &why);
        guard_stop(g, 1); /* link is gone; the stored answer is sent after the restart */
    }
}

void results_tick(void *guard)
{
    struct guard *g = guard;
    int64_t now = host_monotonic_ms(g->host), next = INT64_MAX;
    results_retry(g);
    for (const struct owed *o = g->owed; o; o = o->next)
        if (o->tag == 0 && o->next_try_ms < next)
            next = o->next_try_ms;
    if (next != INT64_MAX)
        loop_timer_set(g->tick_timer, next > now ? next - now : 1);
}

void result_owe(struct guard *g, const struct document_id *task, const struct document_id *query, struct slice text, bool journalled,
                int64_t due_ms)
{
    struct owed *o = g->owed_count < OWED_MAX ? calloc(1, sizeof *o) : NULL;
    if (o)
        buffer_init(&o->body, ANSWER_BYTES_MAX);
    if (!o || !is_ok(buffer_add(&o->body, text, NULL))) {
        log_event(LOG_ERROR, "result_dropped", "task", task->text, "why", "too many answers wait for the broker", NULL);
        free(o);
        return; /* it is stored: the broker hands the task out again and gets it then */
    }
    o->task = *task;
    o->query = *query;
    o->journalled = journalled;
    o->next = g->owed;
    g->owed = o;
    g->owed_count++;
    o->next_try_ms = due_ms;
    results_tick(g);
}

bool result_is_owed(const struct guard *g, const struct document_id *task)
{
    for (const struct owed *o = g->owed; o; o = o->next)
        if (document_id_equal(&o->task, task))
            return true;
    return false;
}

void results_retry(struct guard *g)
{
    int64_t now = host_monotonic_ms(g->host);
    for (struct owed *o = g->owed, *next; o; o = next) {
        next = o->next;
        if (g->paused && o->journalled)
            continue; /* a paused site answers nothing; refusals leave */
        if (o->tag == 0 && o->next_try_ms <= now)
            send_owed(g, o);
    }
}

/* The broker has it, or will never take it: either way it is no longer owed.  If a power cut takes the note, the
 * answer is sent once more. */
static void settle(struct guard *g, struct owed *o, const char *type)
{
    if (o->journalled) {
        struct json *fields = json_object();
        json_set(fields, "task", json_of_str(o->task.text));
        json_set(fields, "query", json_of_str(o->query.text));
        if (!guard_note(g, type, fields))
            return;
    }
    forget(g, o);
}

static bool is_final(unsigned status)
{
    return status >= 400 && status < 500 && status != 401 && status != 408 && status != 429;
}

bool result_answered(struct guard *g, uint64_t tag, result r, unsigned status, struct slice body, const struct why *why)
{
    struct owed *o = g->owed;
    while (o && o->tag != tag)
        o = o->next;
    if (!o)
        return false;
    o->tag = 0;
    if (is_ok(r) && status == 200) {
        settle(g, o, "sent");
        return true;
    }
    if (is_ok(r))
        guard_log_problem("result_refused", status, body);
    else
        log_failure(LOG_WARNING, "result_not_sent", r, why);
    if (is_ok(r) && is_final(status)) {
        settle(g, o, "rejected");
        return true;
    }
    o->attempts++;
    o->next_try_ms = host_monotonic_ms(g->host) + guard_backoff_ms(g, o->attempts);
    return true;
}
