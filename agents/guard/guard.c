/*
 * The guard role: decides, signs, remembers.  It has no network (link carries its requests) and no rows
 * (the engine hands it aggregates); it alone holds the site's signing key and secret.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "agents/engine/jitter.h"
#include "agents/guard/inside.h"
#include "agents/roles.h"
#include "base/codec.h"
#include "base/log.h"
#include "base/sandbox.h"

/* --- link -------------------------------------------------------------------------------------- */

static void answered(struct guard *g, uint64_t tag, result r, unsigned status, struct slice body, const struct why *why)
{
    if (tag == g->poll_tag)
        poll_answered(g, r, status, body, why);
    else if (!result_answered(g, tag, r, status, body, why))
        (void)upkeep_answered(g, tag, r, status, body, why); /* nobody's: its asker has gone */
}

static void link_said(void *self, const struct message *m)
{
    struct guard *g = self;
    unsigned status = 0;
    struct slice body = {0}, text = {0};
    enum status code;
    struct why why = {0};
    if (m->kind == LINK_ANSWER && link_answer_decode(m->payload, &status, &body)) {
        answered(g, m->tag, DONE, status, body, &why);
    } else if (m->kind == LINK_FAILURE && link_failure_decode(m->payload, &code, &text) && code != OK) {
        result r = FAIL(&why, code, "%.*s", SLICE_ARG(text));
        answered(g, m->tag, r, 0, body, &why);
    } else if (m->kind == LINK_CSR_PEM && m->tag == g->csr_tag) {
        upkeep_request_made(g, m->payload);
    } else {
        log_event(LOG_ERROR, "link_sent_nonsense", NULL);
        guard_stop(g, 1);
    }
}

static void other_ended(void *self)
{
    guard_stop(self, 0); /* the parent ends the rest, and has its status from who ended first */
}

static void on_terminate(void *self)
{
    guard_stop(self, 0);
}

/* --- starting ---------------------------------------------------------------------------------- */

/* Recent journal entries tell which stored answers the broker may not have, and which checkpoint was
 * accepted last. */
static result replay_entry(void *self, uint64_t index, struct slice line, const struct json *entry, struct why *why)
{
    (void)index;
    (void)line;
    struct guard *g = self;
    struct slice type = json_text(json_get(entry, "type"));
    struct document_id task, query;
    const struct json *checkpoint = json_get(entry, "checkpoint");
    struct checkpoint c = {.size = (uint64_t)json_integer(json_get(checkpoint, "size"))};
    if (slice_is(type, "asked") && c.size > g->state.checkpoint.size &&
        hex_parse(json_text(json_get(checkpoint, "root")), c.root.at, HASH_LEN) &&
        slice_copy_str(json_text(json_get(checkpoint, "origin")), c.origin, sizeof c.origin) &&
        strcmp(c.origin, g->trust->log.name) == 0) { /* what an older log said ended with its succession */
        g->state.checkpoint = c;
        g->state_dirty = true;
    }
    if (!is_ok(document_id_parse(json_text(json_get(entry, "task")), 't', &task, NULL)) ||
        !is_ok(document_id_parse(json_text(json_get(entry, "query")), 'q', &query, NULL)))
        return DONE;
    if (slice_is(type, "sent") || slice_is(type, "rejected")) {
        for (struct owed **at = &g->owed; *at; at = &(*at)->next) {
            struct owed *o = *at;
            if (!document_id_equal(&o->task, &task))
                continue;
            *at = o->next;
            g->owed_count--;
            buffer_done(&o->body);
            free(o);
            break;
        }
    } else if (slice_is(type, "answered") && g->owed_count < OWED_MAX) {
        struct owed *o = calloc(1, sizeof *o);
        if (!o)
            return FAIL(why, LIMIT, "no memory for what is owed");
        *o = (struct owed){.task = task, .query = query, .journalled = true, .next = g->owed};
        buffer_init(&o->body, ANSWER_BYTES_MAX);
        g->owed = o;
        g->owed_count++;
    }
    return DONE;
}

/* Fills in the bytes of what is owed; an answer that is gone is not owed. */
static void load_owed(struct guard *g)
{
    for (struct owed **at = &g->owed; *at;) {
        struct owed *o = *at;
        struct stored_answer a CLEANUP(stored_answer_done) = {0};
        if (is_ok(answers_read(g->answers, &o->query, &a, NULL)) && document_id_equal(&a.task, &o->task) &&
            is_ok(buffer_add(&o->body, buffer_slice(&a.result), NULL))) {
            log_event(LOG_NOTICE, "answer_sent_again", "task", o->task.text, NULL);
            at = &o->next;
            continue;
        }
        *at = o->next;
        g->owed_count--;
        buffer_done(&o->body);
        free(o);
    }
}

static result open_trust(struct guard *g, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done) = {0};
    buffer_init(&text, 2 * TRUST_BYTES_MAX);
    result r = store_read_trust(&g->store, &text, why);
    if (r.code == ABSENT)
        return FAIL(why, ABSENT, "this site is not enrolled; run: innsyn-agent enrol %s --token TOKEN", g->settings->dir);
    TRY(r);
    TRY(envelope_parse_text(buffer_slice(&text), TYPE_TRUST, &e, why));
    TRY(trust_open(&e, NULL, NULL, &g->trust, why));
    if (!label_equal(&g->trust->network, &g->settings->network))
        return FAIL(why, DENIED, "the trust document is of network %s, this site of %s", g->trust->network.text, g->settings->network.text);
    if (g->trust->version < g->state.trust_version)
        return FAIL(why, BROKEN, "trust version %llu is older than version %llu, which this site has used",
                    (unsigned long long)g->trust->version, (unsigned long long)g->state.trust_version);
    const struct public_key *mine = trust_site_key(g->trust, &g->settings->site);
    struct public_key key;
    TRY(signing_key_public(g->site_key, &key, why));
    if (!mine || !public_key_equal(mine, &key))
        log_event(LOG_WARNING, "not_in_trust", "why", "the trust document does not name this site's signing key: the broker will refuse its answers", NULL);
    g->state.trust_version = g->trust->version;
    guard_time_floor(g, g->trust->issued_ms);
    return DONE;
}

static result read_secret(struct guard *g, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer bytes CLEANUP(buffer_wipe) = {0};
    struct secret *secret CLEANUP(secret_freep) = NULL;
    buffer_init(&bytes, SITE_SECRET_LEN);
    agent_path(g->settings, "keys/secret", path);
    TRY(host_read_file(g->host, path, SITE_SECRET_LEN, &bytes, why));
    if (bytes.len != SITE_SECRET_LEN)
        return FAIL(why, BROKEN, "%s is not %d bytes long", path, SITE_SECRET_LEN);
    TRY(secret_new(buffer_slice(&bytes), &secret, why));
    TRY(cellkey_new(secret, LABEL_CELL_KEY, &g->cellkey, why));
    struct hash jitter = hmac_sha256(secret_bytes(secret), slice_str(LABEL_JITTER_KEY));
    result r = channel_send(g->engine, ENGINE_JITTER_KEY, 0, slice_of(jitter.at, sizeof jitter.at), why);
    wipe(&jitter, sizeof jitter);
    return r;
}

static result open_files(struct guard *g, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    agent_path(g->settings, "keys/site.pem", path);
    TRY(signing_key_load(g->host, path, KEY_P256, &g->site_key, why));
    TRY(read_secret(g, why));
    agent_path(g->settings, "guard", path);
    TRY(store_open(g->host, path, &g->store, why));
    TRY(store_read_state(&g->store, &g->state, why));
    TRY(open_trust(g, why));
    agent_path(g->settings, "guard/asked", path);
    TRY(host_make_folder(g->host, path, 0700, why));
    agent_path(g->settings, "guard/answers", path);
    TRY(host_make_folder(g->host, path, 0700, why));
    TRY(answers_open(g->host, path, &g->answers, why));
    agent_path(g->settings, "guard/ledger", path);
    TRY(host_make_folder(g->host, path, 0700, why));
    TRY(ledger_open(g->host, path, false, &g->ledger, why));
    TRY(witness_start(g, why));
    agent_path(g->settings, "guard/journal", path);
    TRY(host_make_folder(g->host, path, 0700, why));
    TRY(journal_open(g->host, path, &g->settings->site, g->site_key, replay_entry, g, &g->journal, why));
    load_owed(g);
    TRY(inbox_open(g, why));
    TRY(witness_succeed(g, why));
    return consent_open(g, why);
}

static result open_channels(struct guard *g, const struct guard_start *s, struct why *why)
{
    TRY(loop_new(&g->loop, why));
    TRY(channel_new(g->loop, s->link_fd, link_said, other_ended, g, &g->link, why));
    TRY(channel_new(g->loop, s->engine_fd, engine_said, other_ended, g, &g->engine, why));
    TRY(loop_timer(g->loop, poll_begin, g, &g->poll_timer, why));
    TRY(loop_timer(g->loop, engine_late, g, &g->engine_timer, why));
    TRY(loop_timer(g->loop, upkeep, g, &g->upkeep_timer, why));
    TRY(loop_timer(g->loop, results_tick, g, &g->tick_timer, why));
    return loop_signal(g->loop, SIGTERM, on_terminate, g, &g->terminate, why);
}

static result start(struct guard *g, const struct guard_start *s, struct why *why)
{
    g->host = host_real();
    g->settings = s->settings;
    g->log_consistent = false; /* until the first poll */
    TRY(open_channels(g, s, why));
    TRY(open_files(g, why));
    TRY(sandbox_enter(SANDBOX_FILES_READ | SANDBOX_FILES_WRITE, why));
    struct json *fields = json_object();
    json_set(fields, "build", json_of_str(AGENT_BUILD));
    json_set(fields, "trust_sha256", json_of_hex(slice_of(g->trust->hash.at, HASH_LEN)));
    TRY(journal_append(g->journal, "startup", fields, why));
    TRY(journal_sign(g->journal, why));
    guard_read_stops(g);
    return upkeep_start(g, why);
}

static void guard_done(struct guard *g)
{
    struct why why = {0};
    if (g->journal && !is_ok(journal_sign(g->journal, &why)))
        log_failure(LOG_WARNING, "journal_not_signed", (result){UNAVAILABLE}, &why);
    jobs_done(g);
    results_done(g);
    inbox_done(g);
    datasets_done(&g->datasets);
    optouts_free(g->optouts);
    buffer_wipe(&g->left_out);
    site_rules_free(g->rules);
    ledger_free(g->ledger);
    answers_free(g->answers);
    journal_free(g->journal);
    witness_done(g);
    trust_free(g->trust);
    cellkey_free(g->cellkey);
    signing_key_free(g->site_key);
    loop_unwatch(g->terminate);
    loop_unwatch(g->tick_timer);
    loop_unwatch(g->upkeep_timer);
    loop_unwatch(g->engine_timer);
    loop_unwatch(g->poll_timer);
    channel_free(g->engine);
    channel_free(g->link);
    loop_free(g->loop);
}

int guard_main(void *guard_start)
{
    static struct guard g; /* large */
    struct why why = {0};
    process_hide();
    log_init(host_real(), "guard", LOG_NOTICE);
    result r = start(&g, guard_start, &why);
    if (is_ok(r)) {
        upkeep(&g);
        poll_begin(&g);
        loop_run(g.loop);
    } else {
        log_failure(LOG_ERROR, "start_failed", r, &why);
        g.status = 1;
    }
    guard_done(&g);
    return g.status;
}
