/*
 * A task's way.  Nothing is computed before it is verified and journalled as asked; nothing is sent before
 * it is stored and journalled as answered.  The engine works on one task at a time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "agents/disclosure/dp_counts.h"
#include "agents/disclosure/release.h"
#include "agents/guard/asked.h"
#include "agents/guard/inside.h"
#include "agents/guard/true_values.h"
#include "agents/weakened.h"
#include "base/instant.h"
#include "base/log.h"
#include "policy/access_rules.h"
#include "proto/note.h"

enum { TIME_BUCKET_US = 10000, PLAN_BYTES_MAX = 2 * 1024 * 1024, STATISTIC_BYTES_MAX = ENVELOPE_PAYLOAD_MAX };

/* The one text of every refusal that depends on the data (I10). */
static const char disclosure_text[] = "the answer would tell too much about few persons; ask for fewer or wider cells";

static void job_free(struct job *j)
{
    if (j) {
        verified_done(&j->v);
        engine_answer_done(&j->answer);
        cohorts_done(&j->about);
    }
    free(j);
}

void jobs_done(struct guard *g)
{
    job_free(g->computing);
    while (g->queue) {
        struct job *j = g->queue;
        g->queue = j->next;
        job_free(j);
    }
}

bool task_is_running(const struct guard *g, const struct document_id *task)
{
    if (g->computing && document_id_equal(&g->computing->v.task.id, task))
        return true;
    for (const struct job *j = g->queue; j; j = j->next)
        if (document_id_equal(&j->v.task.id, task))
            return true;
    return inbox_holds_task(g, task);
}

static void set_hash(struct json *o, const char *key, const struct hash *h)
{
    json_set(o, key, json_of_hex(slice_of(h->at, HASH_LEN)));
}

static void set_id(struct json *o, const char *key, const char *id)
{
    if (id[0])
        json_set(o, key, json_of_str(id));
}

/* --- what is known ----------------------------------------------------------------------------- */

static bool seen_status(void *self, const struct document_id *permit, struct permit_status *ret)
{
    struct guard *g = self;
    const struct permit_status *s = state_status(&g->state, permit);
    if (s)
        *ret = *s;
    return s != NULL;
}

static bool ran_before(void *self, const struct document_id *query, struct document_id *ret_task, struct hash *ret_query_hash)
{
    struct guard *g = self;
    struct stored_answer a CLEANUP(stored_answer_done) = {0};
    const struct held_answer *held = inbox_of_query(g, query);
    if (held) {
        *ret_task = held->task;
        *ret_query_hash = held->query_hash;
        return true;
    }
    result r = answers_read(g->answers, query, &a, NULL);
    if (r.code == ABSENT)
        return false;
    *ret_task = a.task; /* an answer that cannot be read names no task: the query is then refused as replayed */
    *ret_query_hash = a.query_hash;
    return true;
}

static bool asked(void *self, const struct document_id *permit, const struct label *dataset, const struct document_id *query, uint64_t *ret_others)
{
    struct guard *g = self;
    struct why why = {0};
    result r = asked_count(g->host, g->settings, permit, dataset, query, ret_others, &why);
    if (!is_ok(r))
        log_failure(LOG_ERROR, "asked_unreadable", r, &why);
    return is_ok(r);
}

static struct verify_facts facts(struct guard *g)
{
    return (struct verify_facts){
        .permits_checked = &g->permits_checked, .site = g->settings->site, .trust = g->trust, .now_ms = host_now_ms(g->host),
        .time_floor_ms = g->state.time_floor_ms,
        .peer_time_ms = g->peer_time_ms, .paused = g->paused, .blocks = &g->blocks, .log_consistent = g->log_consistent,
        .checkpoint = g->state.checkpoint, .checkpoint_at_ms = g->checkpoint_at_ms,
        .witnesses_needed = witnesses_majority(g->trust->witness_count), .witnesses_seen = g->witnesses_seen, .datasets = g->datasets.held,
        .dataset_count = g->datasets.count, .statuses_full = g->state.status_count == STATE_STATUSES_MAX, .rules = g->rules,
        .status_seen = seen_status, .run_before = ran_before, .asked = asked, .optouts_checked_ms = optouts_checked_ms(g->optouts),
        .optouts_age_max_ms = g->settings->optout_age_max_ms, .self = g};
}

/* --- refusing ---------------------------------------------------------------------------------- */

/* A refusal before anything ran is not stored: the same task may be handed out again and then pass. */
static void refuse_task(struct guard *g, const struct verify_names *n, const struct refusal *why_not)
{
    struct json *fields = json_object();
    set_id(fields, "task", n->task.text);
    set_id(fields, "query", n->query.text);
    set_id(fields, "permit", n->permit.text);
    set_id(fields, "account", n->account.text);
    set_hash(fields, "query_sha256", &n->query_hash);
    set_hash(fields, "question_sha256", &n->question_hash);
    json_set(fields, "class", json_of_str(why_not->class));
    json_set(fields, "code", json_of_str(why_not->code));
    set_id(fields, "field", why_not->field);
    if (!guard_journal(g, "refused", fields))
        return;
    log_event(LOG_NOTICE, "task_refused", "task", n->task.text, "class", why_not->class, "code", why_not->code,
              "field", why_not->field, "why", why_not->text, NULL);
    if (!n->task.text[0] || !n->query.text[0])
        return; /* nobody to answer to */
    struct buffer text CLEANUP(buffer_done) = {0};
    struct why why = {0};
    struct hash hash;
    buffer_init(&text, ANSWER_BYTES_MAX);
    struct outcome o = {.task = &n->task, .query = &n->query, .query_hash = &n->query_hash,
                        .question_hash = &n->question_hash, .refusal = why_not};
    result r = result_sign(g, &o, &text, &hash, &why);
    if (is_ok(r))
        result_owe(g, &n->task, &n->query, buffer_slice(&text), false, 0);
    else
        log_failure(LOG_ERROR, "refusal_not_signed", r, &why);
}

static struct verify_names names_of(const struct verified *v)
{
    return (struct verify_names){v->task.id, v->query->id, v->permit->id, v->account, v->query->hash, v->question->hash};
}

static void fail_task(struct guard *g, const struct verified *v, const struct refusal *why_not)
{
    struct verify_names n = names_of(v);
    refuse_task(g, &n, why_not);
}

/* The holder may have paused the site and the unit suspended the permit since the task was verified: this is asked
 * before anything is computed, and before an answer leaves.  False: it was refused. */
static bool still_may(struct guard *g, const struct verified *v)
{
    struct refusal refusal;
    guard_read_stops(g);
    guard_new_rules(g);
    struct verify_facts f = facts(g);
    if (verify_still(&f, v, &refusal))
        return true;
    fail_task(g, v, &refusal);
    return false;
}

/* What protects persons takes a time of its own: answers and refusals leave on a clock that starts with the task. */
static int64_t next_tick(const struct guard *g, const struct verified *v)
{
    int64_t since = host_monotonic_ms(g->host) - v->taken_ms;
    return v->taken_ms + (since / ANSWER_TICK_MS + 1) * ANSWER_TICK_MS;
}

/* --- answering --------------------------------------------------------------------------------- */

/* Stored, journalled, then sent (I7, I8). */
static result answer(struct guard *g, const struct verified *v, struct json *statistic, const struct refusal *why_not,
                     int64_t engine_us, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    struct hash hash;
    buffer_init(&text, ANSWER_BYTES_MAX);
    struct outcome o = {.task = &v->task.id, .query = &v->query->id, .query_hash = &v->query->hash,
                        .question_hash = &v->question->hash, .refusal = why_not, .dataset = v->dataset,
                        .statistic = statistic, .engine_us = engine_us,
                        .budget = why_not || v->dataset->dictionary->profile == PROFILE_OPEN ? NULL : decide_budget(g, v)};
    TRY(result_sign(g, &o, &text, &hash, why));
    if (v->by_hand[0] && !why_not)
        return inbox_hold(g, v, buffer_slice(&text), &hash, why);
    TRY(answers_write(g->answers, &v->query->id, &v->task.id, &v->query->hash, buffer_slice(&text), why));
    struct json *fields = json_object();
    json_set(fields, "task", json_of_str(v->task.id.text));
    json_set(fields, "query", json_of_str(v->query->id.text));
    json_set(fields, "status", json_of_str(why_not ? "refused" : "answered"));
    if (why_not)
        json_set(fields, "class", json_of_str(why_not->class));
    set_hash(fields, "result_sha256", &hash);
    json_set(fields, "bytes", json_of_integer((int64_t)text.len));
    if (!guard_journal(g, "answered", fields))
        return FAIL(why, UNAVAILABLE, "the journal cannot be written");
    bool open = v->dataset->dictionary->profile == PROFILE_OPEN;
    bool at_once = open || weakened("all") || weakened("alike");
    result_owe(g, &v->task.id, &v->query->id, buffer_slice(&text), true, at_once ? 0 : next_tick(g, v));
    return DONE;
}

static void answer_or_fail(struct guard *g, const struct verified *v, struct json *statistic, const struct refusal *why_not, int64_t engine_us)
{
    struct why why = {0};
    struct refusal fault;
    result r = answer(g, v, statistic, why_not, engine_us, &why);
    if (is_ok(r))
        return;
    log_failure(LOG_ERROR, "answer_not_stored", r, &why);
    refuse(&fault, "site", "fault", "", "the site could not store the answer; its operator has been told why");
    fail_task(g, v, &fault);
}

static void disclosure_refusal(struct refusal *r)
{
    refuse(r, "disclosure", "disclosure", "", "%s", disclosure_text);
}

/* Profile dp: budget is taken, durably, before anything is computed.  False: it was refused. */
static bool reserves(struct guard *g, const struct verified *v, bool stored)
{
    struct refusal refusal;
    struct why why = {0};
    if (v->dataset->dictionary->profile != PROFILE_DP)
        return true;
    result r = decide_reserve(g, v, stored, &refusal, &why);
    if (is_ok(r))
        return true;
    if (r.code != DENIED) {
        log_failure(LOG_ERROR, "budget_not_taken", r, &why);
        refuse(&refusal, "site", "fault", "", "the site's ledger cannot be written; its operator has been told why");
    }
    fail_task(g, v, &refusal);
    return false;
}

/* What was decided for this question on this edition before (I6).  True: it was, and is sent. */
static bool answer_as_before(struct guard *g, const struct verified *v)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *record CLEANUP(json_freep) = NULL;
    struct why why = {0};
    if (v->dataset->dictionary->profile == PROFILE_OPEN || weakened("memory"))
        return false;
    buffer_init(&text, STATISTIC_BYTES_MAX);
    result r = store_read_statistic(&g->store, &v->question->hash, &v->dataset->edition, &text, &why);
    if (r.code == ABSENT)
        return false;
    if (is_ok(r))
        r = json_parse(buffer_slice(&text), STATISTIC_BYTES_MAX, &record, &why);
    struct refusal refusal;
    if (!is_ok(r)) { /* fail closed: what was published cannot be known */
        log_failure(LOG_ERROR, "statistic_store_unreadable", r, &why);
        refuse(&refusal, "site", "fault", "", "the site's answer store cannot be read");
        fail_task(g, v, &refusal);
        return true;
    }
    const struct json *statistic = json_get(record, "statistic");
    struct json *copy = NULL;
    if (statistic && !reserves(g, v, true))
        return true;
    if (statistic) {
        struct buffer again CLEANUP(buffer_done) = {0};
        buffer_init(&again, STATISTIC_BYTES_MAX);
        if (!is_ok(json_print(statistic, &again, &why)) || !is_ok(json_parse(buffer_slice(&again), STATISTIC_BYTES_MAX, &copy, &why)))
            return false;
        answer_or_fail(g, v, copy, NULL, TIME_BUCKET_US);
    } else {
        disclosure_refusal(&refusal);
        answer_or_fail(g, v, NULL, &refusal, 0);
    }
    return true;
}

static result remember_statistic(struct guard *g, const struct verified *v, const struct published *p, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *record CLEANUP(json_freep) = json_object();
    buffer_init(&text, STATISTIC_BYTES_MAX);
    json_set(record, "innsyn", json_of_str("statistic/1"));
    if (p)
        json_set(record, "statistic", published_json(p));
    TRY(json_print(record, &text, why));
    return store_write_statistic(&g->store, &v->question->hash, &v->dataset->edition, buffer_slice(&text), why);
}

/* Disclosure control decides; only `published` goes on from here. */
static result protect(struct guard *g, const struct verified *v, const struct engine_answer *a, struct published *ret, struct why *why)
{
    char edition[2 * HASH_LEN + 1];
    if (v->dataset->dictionary->profile == PROFILE_OPEN)
        return release_open(v->question, a, ret, why);
    if (weakened("all"))
        return true_values(v->question, a, ret, why);
    if (v->dataset->dictionary->profile == PROFILE_DP) {
        struct system_words words;
        system_words_init(&words, g->host);
        struct random_words w = system_words(&words);
        result r = dp_protect(v->question, a, decide_rho_units(), &w, ret, why);
        system_words_done(&words);
        return r;
    }
    hash_print(&v->dataset->edition, edition);
    if (weakened("memory"))
        snprintf(edition, sizeof edition, "%llu", (unsigned long long)host_monotonic_ms(g->host));
    return release_protected(v->question, a, g->cellkey, slice_str(edition), ret, why);
}

static void fault(struct guard *g, const struct verified *v, const char *event, result r, const struct why *why, const char *text)
{
    struct refusal refusal;
    log_failure(LOG_ERROR, event, r, why);
    refuse(&refusal, "site", "fault", "", "%s", text);
    fail_task(g, v, &refusal);
}

/* Decided, charged, stored, then answered.  Every step that fails closes: nothing is answered. */
static void publish(struct guard *g, struct job *j)
{
    const struct verified *v = &j->v;
    struct published p CLEANUP(published_done);
    struct why why = {0};
    struct refusal refusal;
    bool open = v->dataset->dictionary->profile == PROFILE_OPEN;
    published_init(&p);
    if (weakened("alike") && j->answer.cohort < CK_SMALLEST_PUBLISHED) {
        refuse(&refusal, "disclosure", "too_few", "", "%llu persons are too few", (unsigned long long)j->answer.cohort);
        fail_task(g, v, &refusal);
        return;
    }
    result r = protect(g, v, &j->answer, &p, &why);
    if (!is_ok(r) && r.code != DENIED) {
        fault(g, v, "disclosure_control_failed", r, &why, "disclosure control could not decide; the site's operator has been told why");
        return;
    }
    bool metered = decide_is_metered(v), denied = r.code == DENIED, holds = true;
    r = metered ? decide_holds(g, j, &holds, &why) : DONE;
    if (!is_ok(r)) {
        fault(g, v, "audit_failed", r, &why, "disclosure control could not decide; the site's operator has been told why");
        return;
    }
    denied = denied || !holds;
    r = metered ? decide_spend(g, j, !denied, &why) : DONE;
    if (r.code == DENIED) { /* by figures that carry noise: it may explain itself (docs/DISCLOSURE.md) */
        refuse(&refusal, "policy", "budget_exhausted", "", "%s", why.text);
        fail_task(g, v, &refusal);
        return;
    }
    if (is_ok(r))
        r = open ? DONE : remember_statistic(g, v, denied ? NULL : &p, &why);
    if (!is_ok(r)) {
        fault(g, v, "decision_not_stored", r, &why, "the site's ledger or answer store cannot be written");
        return;
    }
    /* Under protection the time tells nothing finer than a bucket. */
    int64_t us = open ? j->answer.engine_us : (j->answer.engine_us / TIME_BUCKET_US + 1) * TIME_BUCKET_US;
    if (denied)
        disclosure_refusal(&refusal);
    answer_or_fail(g, v, denied ? NULL : published_json(&p), denied ? &refusal : NULL, us);
}

/* --- the engine -------------------------------------------------------------------------------- */

static result ask_engine(struct guard *g, const struct verified *v, struct why *why)
{
    struct buffer bytes CLEANUP(buffer_done) = {0};
    struct plan p = {.edition = v->dataset->edition, .snapshot = v->dataset->snapshot, .question = v->question,
                     .protect = v->dataset->dictionary->profile != PROFILE_OPEN && !weakened("all")};
    buffer_init(&bytes, PLAN_BYTES_MAX);
    buffer_wipe(&g->left_out);
    buffer_init(&g->left_out, LEFT_OUT_MAX * RECORD_KEY_LEN);
    TRY(optouts_left_out(g->optouts, v->dataset, v->own ? &v->own_version : NULL, v->permit->purpose, &g->left_out, why));
    p.left_out = buffer_slice(&g->left_out);
    if (!slice_copy_str(slice_str(v->dataset->dictionary->dataset.text), p.dataset, sizeof p.dataset))
        return FAIL(why, LIMIT, "the dataset's name is too long");
    TRY(plan_encode(&p, &bytes, why));
    g->engine_tag = ++g->next_tag;
    return channel_send(g->engine, ENGINE_ASK, g->engine_tag, buffer_slice(&bytes), why);
}

/* Before anything is computed; nothing of the data decides. */
static bool meter_allows(struct guard *g, const struct verified *v)
{
    struct refusal refusal;
    if (decide_may_ask(g, v, &refusal))
        return true;
    fail_task(g, v, &refusal);
    return false;
}

static void next_job(struct guard *g)
{
    while (!g->computing && g->queue) {
        struct job *j = g->queue;
        struct why why = {0};
        g->queue = j->next;
        j->next = NULL;
        if (!still_may(g, &j->v) || answer_as_before(g, &j->v) || !meter_allows(g, &j->v)) {
            g->job_count--;
            job_free(j);
            continue;
        }
        consent_settle(g);
        if (!reserves(g, &j->v, false)) {
            g->job_count--;
            job_free(j);
            continue;
        }
        result r = ask_engine(g, &j->v, &why);
        if (is_ok(r)) {
            g->computing = j;
            loop_timer_set(g->engine_timer, ENGINE_ANSWER_TIMEOUT_MS);
            return;
        }
        struct refusal fault;
        log_failure(LOG_ERROR, "engine_not_asked", r, &why);
        refuse(&fault, "site", "fault", "", "the site could not compute; its operator has been told why");
        fail_task(g, &j->v, &fault);
        g->job_count--;
        job_free(j);
    }
}

static const char *refusal_class(enum status s)
{
    return s == DENIED ? "policy" : s == MALFORMED || s == LIMIT ? "grammar" : "site";
}

/* What the engine said brings the job on.  *ret_more: it was asked again, and the job waits. */
static result advance(struct guard *g, struct job *j, const struct message *m, bool *ret_more, struct why *why)
{
    *ret_more = false;
    if (m->kind == ENGINE_ANSWER && j->batch == 0) {
        TRY(engine_answer_decode(m->payload, j->v.question, &j->answer, why));
        if (!decide_is_metered(&j->v))
            return DONE;
        TRY(decide_compare(g, j, why));
    } else if (m->kind == ENGINE_DIFFERENCES && j->batch > 0) {
        TRY(decide_take(j, m->payload, why));
    } else {
        return FAIL(why, MALFORMED, "kind %u", m->kind);
    }
    return decide_ask(g, j, ret_more, why);
}

/* True: the job is at its end. */
static bool finish(struct guard *g, const struct message *m)
{
    struct job *j = g->computing;
    struct why why = {0};
    struct refusal refusal;
    struct engine_refusal said;
    bool more;
    if (j->cancelled || !still_may(g, &j->v))
        return true;
    if (m->kind == ENGINE_REFUSAL && is_ok(engine_refusal_decode(m->payload, &said, &why))) {
        refuse(&refusal, refusal_class(said.status), said.code, said.field, "%s", said.text);
        fail_task(g, &j->v, &refusal);
        return true;
    }
    result r = advance(g, j, m, &more, &why);
    if (is_ok(r) && more)
        return false;
    if (is_ok(r))
        publish(g, j);
    else
        fault(g, &j->v, "engine_sent_nonsense", r, &why, "the site could not compute; its operator has been told why");
    return true;
}

void engine_said(void *guard, const struct message *m)
{
    struct guard *g = guard;
    if (!g->computing || m->tag != g->engine_tag)
        return; /* late: its task was given up */
    loop_timer_set(g->engine_timer, -1);
    if (!finish(g, m)) {
        loop_timer_set(g->engine_timer, ENGINE_ANSWER_TIMEOUT_MS);
        return;
    }
    job_free(g->computing);
    g->computing = NULL;
    g->job_count--;
    next_job(g);
}

void engine_late(void *guard)
{
    struct guard *g = guard;
    struct refusal fault;
    if (!g->computing)
        return;
    refuse(&fault, "site", "fault", "", "the engine did not answer within %d seconds", ENGINE_ANSWER_TIMEOUT_MS / 1000);
    fail_task(g, &g->computing->v, &fault);
    guard_stop(g, 1); /* the engine is busy with it still: the program starts anew */
}

/* --- taking ------------------------------------------------------------------------------------ */

static bool journal_asked(struct guard *g, const struct verified *v)
{
    struct json *fields = json_object(), *checkpoint = json_object();
    json_set(fields, "task", json_of_str(v->task.id.text));
    json_set(fields, "query", json_of_str(v->query->id.text));
    json_set(fields, "permit", json_of_str(v->permit->id.text));
    json_set(fields, "account", json_of_str(v->account.text));
    json_set(fields, "purpose", json_of_text(v->permit->purpose));
    json_set(fields, "dataset", json_of_str(v->dataset->dictionary->dataset.text));
    set_hash(fields, "edition", &v->dataset->edition);
    set_hash(fields, "query_sha256", &v->query->hash);
    set_hash(fields, "permit_sha256", &v->permit->hash);
    set_hash(fields, "question_sha256", &v->question->hash);
    json_set(fields, "entry", json_of_integer((int64_t)v->task.entry));
    json_set(checkpoint, "origin", json_of_str(g->state.checkpoint.origin));
    json_set(checkpoint, "size", json_of_integer((int64_t)g->state.checkpoint.size));
    set_hash(checkpoint, "root", &g->state.checkpoint.root);
    json_set(fields, "checkpoint", checkpoint);
    return guard_journal(g, "asked", fields);
}

/* A dataset whose rules give a permit so many questions: this is one of them, durably.  False: it was refused. */
static bool count_question(struct guard *g, const struct verified *v)
{
    struct access_rules *rules CLEANUP(access_rules_freep) = NULL;
    const struct dictionary *d = v->dataset->dictionary;
    struct why why = {0};
    if (!d->rules)
        return true;
    result r = access_rules_read(d->rules, "/access_rules", &rules, &why);
    if (is_ok(r) && access_rules_count_questions(rules))
        r = asked_add(g->host, g->settings, &v->permit->id, &d->dataset, &v->query->id, &why);
    if (!is_ok(r))
        fault(g, v, "question_not_counted", r, &why, "this site cannot count what is asked under the permit; its operator has been told why");
    return is_ok(r);
}

/* redelivery returns the stored bytes. */
static void send_again(struct guard *g, const struct verified *v)
{
    struct stored_answer a CLEANUP(stored_answer_done) = {0};
    struct why why = {0};
    result r = answers_read(g->answers, &v->query->id, &a, &why);
    if (is_ok(r))
        result_owe(g, &v->task.id, &v->query->id, buffer_slice(&a.result), true, 0);
    else
        log_failure(LOG_ERROR, "answer_unreadable", r, &why);
}

static void enqueue(struct guard *g, struct verified *v)
{
    struct refusal full;
    struct job *j = g->job_count < JOBS_MAX ? calloc(1, sizeof *j) : NULL;
    if (!j) {
        refuse(&full, "site", "fault", "", "%d tasks wait here already; ask again later", JOBS_MAX);
        fail_task(g, v, &full);
        return;
    }
    j->v = *v;
    engine_answer_init(&j->answer);
    verified_init(v);
    struct job **last = &g->queue;
    while (*last)
        last = &(*last)->next;
    *last = j;
    g->job_count++;
    next_job(g);
}

void task_take(struct guard *g, const struct json *bundle)
{
    struct verified v CLEANUP(verified_done);
    struct verify_names names;
    struct refusal refusal;
    struct verify_facts f = facts(g);
    bool may = verify_task(&f, bundle, &v, &names, &refusal);
    if (task_is_running(g, &names.task) || result_is_owed(g, &names.task))
        return; /* handed out twice; the answer is on its way */
    if (!may) {
        refuse_task(g, &names, &refusal);
        return;
    }
    bool changed = false;
    guard_time_floor(g, v.task.issued_ms);
    guard_time_floor(g, v.status.at_ms);
    struct why why = {0};
    result r = state_see(&g->state, &v.status, f.now_ms, &changed, &why);
    if (!is_ok(r)) { /* what cannot be remembered could be taken back by an older one */
        refuse(&refusal, "permit", r.code == LIMIT ? "status_not_kept" : "status_too_old", "/status", "%s", why.text);
        refuse_task(g, &names, &refusal);
        return;
    }
    g->state_dirty = true;
    if (changed)
        guard_flush_state(g);
    if (v.replay) {
        send_again(g, &v);
        return;
    }
    v.taken_ms = host_monotonic_ms(g->host);
    if (!consent_choose(g, &v, &refusal)) {
        fail_task(g, &v, &refusal);
        return;
    }
    if (!journal_asked(g, &v) || !count_question(g, &v) || answer_as_before(g, &v))
        return;
    enqueue(g, &v);
}

void task_cancel(struct guard *g, const struct document_id *task)
{
    struct json *fields;
    if (!task_is_running(g, task))
        return;
    if (inbox_holds_task(g, task)) {
        inbox_cancel(g, task);
        return;
    }
    fields = json_object();
    json_set(fields, "task", json_of_str(task->text));
    if (!guard_journal(g, "cancelled", fields))
        return;
    if (g->computing && document_id_equal(&g->computing->v.task.id, task))
        g->computing->cancelled = true; /* what it comes to is dropped */
    for (struct job **at = &g->queue; *at;) {
        struct job *j = *at;
        if (!document_id_equal(&j->v.task.id, task)) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        g->job_count--;
        job_free(j);
    }
}
