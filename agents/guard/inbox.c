/*
 * inbox.c - answers that wait for the holder (held.h): put there, and brought to their one end.
 *
 *   state   event                                    end
 *   held    the holder releases what was shown       the answer that was held is stored, journalled, sent
 *   held    the holder refuses, time is over, the    a refusal is stored, journalled, sent
 *           permit or a rule stands against it
 *   held    the broker takes the task back           a refusal is stored and journalled; nobody waits for it
 *
 * Each end is stored as the query's answer before what was held is forgotten: a task that is handed out again gets
 * that end, and never the answer that was not released.
 */
#include <stdlib.h>

#include "agents/guard/inside.h"
#include "base/instant.h"
#include "base/log.h"
#include "policy/verdict.h"

static struct held_answer *find_task(const struct guard *g, const struct document_id *task)
{
    for (struct held_answer *h = g->held; h; h = h->next)
        if (document_id_equal(&h->task, task))
            return h;
    return NULL;
}

bool inbox_holds_task(const struct guard *g, const struct document_id *task)
{
    return find_task(g, task) != NULL;
}

const struct held_answer *inbox_of_query(const struct guard *g, const struct document_id *query)
{
    for (const struct held_answer *h = g->held; h; h = h->next)
        if (document_id_equal(&h->query, query))
            return h;
    return NULL;
}

void inbox_name_tasks(const struct guard *g, struct json *list)
{
    for (const struct held_answer *h = g->held; h; h = h->next)
        json_add(list, json_of_str(h->task.text));
}

void inbox_done(struct guard *g)
{
    while (g->held) {
        struct held_answer *h = g->held;
        g->held = h->next;
        held_answer_done(h);
        free(h);
    }
    g->held_count = 0;
}

static void forget(struct guard *g, struct held_answer *gone)
{
    for (struct held_answer **at = &g->held; *at; at = &(*at)->next)
        if (*at == gone) {
            *at = gone->next;
            g->held_count--;
            held_answer_done(gone);
            free(gone);
            return;
        }
}

/* Keeps the figures of what is on disk; the record is read again when its end comes. */
static result remember(struct guard *g, const struct held_answer *h, struct why *why)
{
    struct held_answer *kept = calloc(1, sizeof *kept);
    if (!kept)
        return FAIL(why, LIMIT, "no memory for an answer that waits");
    *kept = *h;
    kept->record = NULL;
    kept->next = g->held;
    g->held = kept;
    g->held_count++;
    return DONE;
}

static void set_hash(struct json *o, const char *key, const struct hash *h)
{
    json_set(o, key, json_of_hex(slice_of(h->at, HASH_LEN)));
}

static struct json *names_json(const struct held_answer *h)
{
    struct json *fields = json_object();
    json_set(fields, "task", json_of_str(h->task.text));
    json_set(fields, "query", json_of_str(h->query.text));
    json_set(fields, "permit", json_of_str(h->permit.text));
    return fields;
}

/* --- the broker is told that it waits ------------------------------------------------------------ */

static result tell(struct guard *g, const struct held_answer *h, struct why *why)
{
    struct refusal reason;
    char until[INSTANT_TEXT_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct hash hash;
    instant_print(h->until_ms, until);
    refuse(&reason, "policy", "release_by_hand", "", "the answer waits for the data holder, who releases each by hand, until %s", until);
    struct outcome o = {.task = &h->task, .query = &h->query, .query_hash = &h->query_hash, .question_hash = &h->question_hash,
                        .refusal = &reason, .waits_until_ms = h->until_ms};
    buffer_init(&text, ANSWER_BYTES_MAX);
    TRY(result_sign(g, &o, &text, &hash, why));
    result_owe(g, &h->task, &h->query, buffer_slice(&text), false, 0);
    return DONE;
}

/* --- holding ------------------------------------------------------------------------------------- */

static struct json *record_of(const struct verified *v, struct slice result_text, struct why *why, result *ret)
{
    struct json *record = json_object(), *envelope = NULL;
    *ret = json_parse(result_text, ANSWER_BYTES_MAX, &envelope, why);
    json_set(record, "dataset", json_of_str(v->dataset->dictionary->dataset.text));
    json_set(record, "why", json_of_str(v->by_hand));
    json_set(record, "permit_document", json_share(v->permit->tree));
    json_set(record, "question", json_share(v->query->question));
    json_set(record, "result", envelope);
    return record;
}

result inbox_hold(struct guard *g, const struct verified *v, struct slice result_text, const struct hash *result_hash, struct why *why)
{
    int64_t now = host_now_ms(g->host);
    result r = DONE;
    struct held_answer h CLEANUP(held_answer_done) = {
        .task = v->task.id, .query = v->query->id, .permit = v->permit->id, .account = v->account, .query_hash = v->query->hash,
        .question_hash = v->question->hash, .permit_hash = v->permit->hash, .result = *result_hash, .held_ms = now,
        .until_ms = now + (g->rules ? site_rules_release_ms(g->rules, &v->dataset->dictionary->dataset) : RELEASE_HOURS_DEFAULT * HOUR_MS)};
    if (h.until_ms > v->permit->to_ms)
        h.until_ms = v->permit->to_ms;
    if (g->held_count == HELD_ANSWERS_MAX)
        return FAIL(why, LIMIT, "%d answers wait here for the holder already", HELD_ANSWERS_MAX);
    h.record = record_of(v, result_text, why, &r);
    TRY(r);
    struct json *fields = names_json(&h);
    json_set(fields, "account", json_of_str(h.account.text));
    set_hash(fields, "result_sha256", &h.result);
    json_set(fields, "until", json_of_instant(h.until_ms));
    if (!guard_journal(g, "held", fields))
        return FAIL(why, UNAVAILABLE, "the journal cannot be written");
    TRY(held_write(g->host, g->settings, &h, why));
    TRY(remember(g, &h, why));
    log_event(LOG_NOTICE, "answer_held", "task", h.task.text, "permit", h.permit.text, NULL);
    return tell(g, &h, why);
}

/* --- its end ------------------------------------------------------------------------------------- */

/* What was stored before a crash cut the end short is the end. */
static result store_end(struct guard *g, const struct held_answer *h, struct buffer *text, struct hash *hash, struct why *why)
{
    struct stored_answer before CLEANUP(stored_answer_done) = {0};
    struct envelope e CLEANUP(envelope_done) = {0};
    result r = answers_write(g->answers, &h->query, &h->task, &h->query_hash, buffer_slice(text), why);
    if (r.code != DENIED)
        return r;
    TRY(answers_read(g->answers, &h->query, &before, why));
    buffer_clear(text);
    TRY(buffer_add(text, buffer_slice(&before.result), why));
    TRY(envelope_parse_text(buffer_slice(text), TYPE_SITE_RESULT, &e, why));
    *hash = envelope_hash(&e);
    return DONE;
}

/* event: the journal's word.  why_not NULL: the record's own answer leaves. */
static result finish(struct guard *g, struct held_answer *h, const struct json *record, const char *event, const struct refusal *why_not,
                  bool send, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    struct hash hash = h->result;
    struct document_id query = h->query;
    buffer_init(&text, ANSWER_BYTES_MAX);
    if (why_not) {
        struct outcome o = {.task = &h->task, .query = &h->query, .query_hash = &h->query_hash, .question_hash = &h->question_hash,
                            .refusal = why_not};
        TRY(result_sign(g, &o, &text, &hash, why));
    } else {
        TRY(json_print(json_get(record, "result"), &text, why));
    }
    struct json *said = names_json(h);
    set_hash(said, "held_sha256", &h->result);
    if (why_not)
        json_set(said, "code", json_of_str(why_not->code));
    if (!guard_journal(g, event, said))
        return FAIL(why, UNAVAILABLE, "the journal cannot be written");
    TRY(store_end(g, h, &text, &hash, why));
    struct json *fields = json_object();
    json_set(fields, "task", json_of_str(h->task.text));
    json_set(fields, "query", json_of_str(h->query.text));
    json_set(fields, "status", json_of_str(why_not ? "refused" : "answered"));
    if (why_not)
        json_set(fields, "class", json_of_str(why_not->class));
    set_hash(fields, "result_sha256", &hash);
    json_set(fields, "bytes", json_of_integer((int64_t)text.len));
    if (send && !guard_journal(g, "answered", fields))
        return FAIL(why, UNAVAILABLE, "the journal cannot be written");
    if (!send)
        json_free(fields);
    log_event(LOG_NOTICE, "answer_ends_waiting", "task", h->task.text, "how", event, NULL);
    if (send)
        result_owe(g, &h->task, &h->query, buffer_slice(&text), true, 0);
    forget(g, h);
    return held_remove(g->host, g->settings, &query, why);
}

void inbox_cancel(struct guard *g, const struct document_id *task)
{
    struct held_answer *h = find_task(g, task);
    struct refusal gone;
    struct why why = {0};
    if (!h)
        return;
    refuse(&gone, "policy", "release_refused", "", "the task was taken back before the holder released its answer");
    result r = finish(g, h, NULL, "cancelled", &gone, false, &why);
    if (!is_ok(r))
        log_failure(LOG_ERROR, "held_answer_not_ended", r, &why); /* it stays held: the broker will take it back again */
}

/* May it leave now that the holder says so?  *ret_later: not now (paused, or the permit's status must be heard again
 * first).  False: *ret says why it never may. */
static bool may_leave(struct guard *g, const struct held_answer *h, const struct json *record, bool *ret_later, struct refusal *ret)
{
    int64_t now = host_now_ms(g->host);
    const struct permit_status *s = state_status(&g->state, &h->permit);
    struct why why = {0};
    guard_read_stops(g);
    *ret_later = g->paused || g->forked || !s || now - s->at_ms > PERMIT_STATUS_AGE_MAX_MS;
    if (*ret_later)
        return true;
    if (blocks_hold(&g->blocks, &h->permit))
        return refuse(ret, "policy", "permit_blocked", "/permit/id", "the data holder has blocked permit %s at this site", h->permit.text);
    if (s->state != PERMIT_LIVE || !hash_equal(&s->permit_hash, &h->permit_hash))
        return refuse(ret, "permit", s->state == PERMIT_EXPIRED ? "permit_expired" : "permit_not_live", "/status/state",
                      "the permit is %s", permit_state_name(s->state));
    struct buffer text CLEANUP(buffer_done) = {0};
    struct permit *permit CLEANUP(permit_freep) = NULL;
    struct question *question CLEANUP(question_freep) = NULL;
    const struct held_dataset *d = NULL;
    struct slice dataset = json_text(json_get(record, "dataset"));
    for (unsigned i = 0; i < g->datasets.count && !d; i++)
        if (slice_is(dataset, g->datasets.held[i].dictionary->dataset.text))
            d = &g->datasets.held[i];
    buffer_init(&text, PERMIT_BYTES_MAX);
    if (!d || !is_ok(json_print(json_get(record, "permit_document"), &text, &why)) ||
        !is_ok(permit_read(buffer_slice(&text), &permit, &why)) ||
        !is_ok(question_read(json_get(record, "question"), d->dictionary, &question, &why)))
        return refuse(ret, "site", "snapshot_missing", "", "the dataset was replaced while the answer waited");
    if (now >= permit->to_ms)
        return refuse(ret, "permit", "permit_expired", "/permit/to", "the permit's period has ended");
    struct verdict *verdict = calloc(1, sizeof *verdict); /* large */
    if (!verdict)
        return refuse(ret, "site", "fault", "", "no memory to decide");
    verdict_init(verdict);
    if (g->rules)
        site_rules_check(g->rules, permit, question, &h->account, verdict);
    const struct reason *reason = verdict_first(verdict);
    bool denied = verdict->kind == VERDICT_DENY && reason;
    if (denied)
        refuse(ret, problem_class_name(reason->code->class), reason->code->code, reason->field, "%s", reason->text);
    free(verdict);
    return !denied;
}

static result act(struct guard *g, struct held_answer *h, struct why *why)
{
    struct held_act a;
    struct held_answer on_disk CLEANUP(held_answer_done) = {0};
    struct refusal refusal;
    bool later = false;
    TRY(held_act_read(g->host, g->settings, &h->query, &a, why));
    TRY(held_read(g->host, g->settings, &h->query, &on_disk, why));
    if (!hash_equal(&a.result, &h->result) || !hash_equal(&on_disk.result, &h->result))
        return FAIL(why, DENIED, "what was shown is not what waits");
    if (!a.release) {
        refuse(&refusal, "policy", "release_refused", "", "the data holder does not release the answer: %s", a.reason);
        return finish(g, h, NULL, "withheld", &refusal, true, why);
    }
    if (!may_leave(g, h, on_disk.record, &later, &refusal))
        return finish(g, h, NULL, "withheld", &refusal, true, why);
    return later ? DONE : finish(g, h, on_disk.record, "released", NULL, true, why);
}

static result lapse(struct guard *g, struct held_answer *h, struct why *why)
{
    struct refusal refusal;
    char until[INSTANT_TEXT_SIZE];
    instant_print(h->until_ms, until);
    refuse(&refusal, "policy", "release_lapsed", "", "the data holder did not release the answer before %s; ask again", until);
    return finish(g, h, NULL, "lapsed", &refusal, true, why);
}

void inbox_upkeep(struct guard *g)
{
    int64_t now = host_now_ms(g->host);
    for (struct held_answer *h = g->held, *next; h; h = next) {
        struct why why = {0};
        struct document_id query = h->query;
        next = h->next;
        result r = act(g, h, &why);
        bool there = inbox_of_query(g, &query) != NULL;
        if (!is_ok(r) && r.code != ABSENT) {
            log_failure(LOG_ERROR, "inbox_act_refused", r, &why);
            if (r.code == MALFORMED || r.code == DENIED || r.code == LIMIT)
                tolerate(held_act_remove(g->host, g->settings, &query, NULL)); /* it would be refused again every second */
        }
        r = there && now >= h->until_ms ? lapse(g, h, &why) : DONE;
        if (!is_ok(r))
            log_failure(LOG_ERROR, "held_answer_not_ended", r, &why);
    }
}

/* --- starting ------------------------------------------------------------------------------------ */

/* An end that a crash cut short after it was stored is brought to its end here. */
static result open_one(struct guard *g, const struct document_id *query, struct why *why)
{
    struct held_answer h CLEANUP(held_answer_done) = {0};
    struct stored_answer stored CLEANUP(stored_answer_done) = {0};
    TRY(held_read(g->host, g->settings, query, &h, why));
    result r = answers_read(g->answers, query, &stored, why);
    if (r.code == ABSENT) {
        TRY(remember(g, &h, why));
        return tell(g, &h, why);
    }
    TRY(r);
    if (!result_is_owed(g, &h.task))
        result_owe(g, &h.task, &h.query, buffer_slice(&stored.result), true, 0);
    return held_remove(g->host, g->settings, query, why);
}

result inbox_open(struct guard *g, struct why *why)
{
    static struct document_id queries[HELD_ANSWERS_MAX];
    char path[AGENT_PATH_SIZE];
    unsigned count = 0;
    agent_path(g->settings, "guard/held", path);
    TRY(host_make_folder(g->host, path, 0700, why));
    TRY(held_list(g->settings, queries, &count, why));
    for (unsigned i = 0; i < count; i++)
        TRY(open_one(g, &queries[i], why));
    return DONE;
}
