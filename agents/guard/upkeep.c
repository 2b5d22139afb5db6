/*
 * The once-a-second round: did the holder press a stop button, was something loaded, is an answer still owed, does the
 * certificate need renewing, is there state to write or a journal to sign.
 */
#include <stdio.h>

#include "agents/guard/inside.h"
#include "base/instant.h"
#include "base/log.h"
#include "proto/certificate.h"
#include "proto/fields.h"

enum { RENEW_RETRY_MS = 60000, WARN_BEFORE_MS = 24 * 60 * 60 * 1000, END_TEXT_SIZE = AGENT_PATH_SIZE + 512 };

/* --- state ------------------------------------------------------------------------------------- */

static void sign_journal(struct guard *g)
{
    struct why why = {0};
    int64_t now = host_monotonic_ms(g->host);
    if (now - g->journal_signed_ms < JOURNAL_SIGN_MS)
        return;
    g->journal_signed_ms = now;
    result r = journal_sign(g->journal, &why);
    if (!is_ok(r))
        log_failure(LOG_ERROR, "journal_not_signed", r, &why);
}

/* --- catalogue --------------------------------------------------------------------------------- */

static void refresh_datasets(struct guard *g)
{
    char path[AGENT_PATH_SIZE];
    struct why why = {0};
    bool changed = false;
    if (g->job_count > 0)
        return; /* jobs borrow dictionaries */
    agent_path(g->settings, "data", path);
    result r = datasets_refresh(g->host, path, &g->datasets, &changed, &why);
    if (!is_ok(r) || (changed && why.text[0]))
        log_failure(LOG_ERROR, "datasets_unreadable", r, &why);
    if (!is_ok(r) || !changed)
        return;
    g->catalogue_due = true;
    g->optouts_moved = true;
    consent_settle(g);
    for (unsigned i = 0; i < g->datasets.count; i++) {
        char edition[2 * HASH_LEN + 1];
        hash_print(&g->datasets.held[i].edition, edition);
        log_event(LOG_NOTICE, "dataset", "dataset", g->datasets.held[i].dictionary->dataset.text, "edition", edition, NULL);
    }
}

static void publish_catalogue(struct guard *g)
{
    struct why why = {0};
    if (!g->catalogue_due || g->catalogue_tag != 0 || host_monotonic_ms(g->host) < g->catalogue_next_ms)
        return;
    g->catalogue_due = false;
    struct json *body = NULL;
    result r = datasets_catalogue(&g->datasets, g->cellkey, &body, &why);
    if (is_ok(r))
        r = guard_ask(g, TRANSPORT_PUT, "/v1/site/catalogue", body, REQUEST_TIMEOUT_MS, &g->catalogue_tag, &why);
    if (!is_ok(r)) {
        log_failure(LOG_ERROR, "catalogue_not_sent", r, &why);
        g->catalogue_due = true;
    }
}

static void catalogue_answered(struct guard *g, result r, unsigned status, struct slice body, const struct why *why)
{
    g->catalogue_tag = 0;
    if (is_ok(r) && status == 200) {
        g->catalogue_failures = 0;
        struct json *fields = json_object();
        json_set(fields, "datasets", json_of_integer(g->datasets.count));
        if (guard_journal(g, "catalogue", fields))
            log_event(LOG_NOTICE, "catalogue_published", NULL);
        return;
    }
    if (is_ok(r))
        guard_log_problem("catalogue_refused", status, body);
    else
        log_failure(LOG_WARNING, "catalogue_not_sent", r, why);
    g->catalogue_due = true;
    g->catalogue_next_ms = host_monotonic_ms(g->host) + guard_backoff_ms(g, ++g->catalogue_failures);
}

/* --- certificate ------------------------------------------------------------------------------- */

static result read_certificate(struct guard *g, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer pem CLEANUP(buffer_done) = {0};
    struct certificate_facts facts;
    buffer_init(&pem, CERTIFICATE_PEM_MAX);
    agent_path(g->settings, "tls/certificate.pem", path);
    TRY(host_read_file(g->host, path, CERTIFICATE_PEM_MAX, &pem, why));
    TRY(certificate_read(buffer_slice(&pem), &facts, why));
    g->tls_key = facts.key;
    g->certificate_ends_ms = facts.not_after_ms;
    g->told_of_end = false;
    g->renew_at_ms = facts.not_before_ms + (facts.not_after_ms - facts.not_before_ms) / 3 * 2;
    return DONE;
}

/* What the operator must do when it has ended, word by word. */
static void log_end(const struct guard *g, enum log_level level, const char *event, const char *what)
{
    char ends[INSTANT_TEXT_SIZE], text[END_TEXT_SIZE];
    instant_print(g->certificate_ends_ms, ends);
    snprintf(text, sizeof text, "%s: stop this agent, let the broker's operator run: innsyn site add %s, then run here: innsyn-agent enrol %s --token TOKEN, "
             "and start it again", what, g->settings->site.text, g->settings->dir);
    log_event(level, event, "ends", ends, "why", text, NULL);
}

static void renew_later(struct guard *g)
{
    g->renew_next_ms = host_monotonic_ms(g->host) + RENEW_RETRY_MS;
    if (g->certificate_ends_ms - host_now_ms(g->host) < WARN_BEFORE_MS)
        log_end(g, LOG_WARNING, "certificate_ends_soon", "it could not be renewed; once it has ended");
}

static void renew(struct guard *g)
{
    struct why why = {0};
    if (g->certificate_ends_ms <= host_now_ms(g->host)) { /* the broker refuses the connection: nothing can be renewed over it */
        if (!g->told_of_end)
            log_end(g, LOG_ERROR, "certificate_ended", "the broker takes no connection with it any more");
        g->told_of_end = true;
        return;
    }
    if (host_now_ms(g->host) < g->renew_at_ms || g->csr_tag != 0 || g->renew_tag != 0 || host_monotonic_ms(g->host) < g->renew_next_ms)
        return;
    g->csr_tag = ++g->next_tag;
    result r = channel_send(g->link, LINK_CSR, g->csr_tag, slice_str(g->settings->site.text), &why);
    if (!is_ok(r)) {
        g->csr_tag = 0;
        renew_later(g);
    }
}

void upkeep_request_made(struct guard *g, struct slice pem)
{
    struct why why = {0};
    struct json *body = json_object();
    g->csr_tag = 0;
    json_set(body, "request", json_of_text(pem));
    result r = guard_ask(g, TRANSPORT_POST, "/v1/renew", body, REQUEST_TIMEOUT_MS, &g->renew_tag, &why);
    if (!is_ok(r)) {
        log_failure(LOG_ERROR, "renewal_not_sent", r, &why);
        renew_later(g);
    }
}

/* A certificate of this site for the key that link holds, or nothing changes. */
static result take_certificate(struct guard *g, struct slice body, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct json *v CLEANUP(json_freep) = NULL;
    struct fields f;
    struct slice pem;
    struct certificate_facts facts;
    TRY(json_parse(body, CERTIFICATE_PEM_MAX * 2, &v, why));
    TRY(fields_open(v, "", &f, why));
    TRY(need_text(&f, "certificate", CERTIFICATE_PEM_MAX, &pem));
    TRY(fields_close(&f));
    TRY(certificate_read(pem, &facts, why));
    if (!site_id_equal(&facts.site, &g->settings->site) || !public_key_equal(&facts.key, &g->tls_key))
        return FAIL(why, DENIED, "the renewed certificate is of another site or key");
    if (facts.not_after_ms <= g->certificate_ends_ms)
        return FAIL(why, DENIED, "the renewed certificate ends no later than the one at hand");
    agent_path(g->settings, "tls/certificate.pem", path);
    TRY(host_write_file(g->host, path, 0644, pem, why));
    TRY(read_certificate(g, why));
    return channel_send(g->link, LINK_RELOAD, 0, (struct slice){0}, why);
}

static void renew_answered(struct guard *g, result r, unsigned status, struct slice body, const struct why *why)
{
    struct why inner = {0};
    g->renew_tag = 0;
    if (is_ok(r) && status == 200) {
        r = take_certificate(g, body, &inner);
        why = &inner;
        if (is_ok(r)) {
            struct json *fields = json_object();
            json_set(fields, "ends", json_of_instant(g->certificate_ends_ms));
            if (guard_journal(g, "renewed", fields))
                log_event(LOG_NOTICE, "certificate_renewed", NULL);
            return;
        }
    } else if (is_ok(r)) {
        guard_log_problem("renewal_refused", status, body);
        renew_later(g);
        return;
    }
    log_failure(LOG_ERROR, "renewal_failed", r, why);
    renew_later(g);
}

bool upkeep_answered(struct guard *g, uint64_t tag, result r, unsigned status, struct slice body, const struct why *why)
{
    if (tag == g->catalogue_tag)
        catalogue_answered(g, r, status, body, why);
    else if (tag == g->renew_tag || tag == g->csr_tag) /* an answer to the request for a CSR is a failure */
        g->csr_tag = 0, renew_answered(g, r, status, body, why);
    else
        return false;
    return true;
}

result upkeep_start(struct guard *g, struct why *why)
{
    TRY(read_certificate(g, why));
    TRY(guard_rules_start(g, why));
    refresh_datasets(g);
    g->catalogue_due = true;
    return DONE;
}

void upkeep(void *guard)
{
    struct guard *g = guard;
    guard_read_stops(g);
    guard_new_rules(g);
    refresh_datasets(g);
    consent_upkeep(g);
    publish_catalogue(g);
    results_tick(g);
    decide_acts(g);
    inbox_upkeep(g);
    renew(g);
    guard_flush_state(g);
    sign_journal(g);
    loop_timer_set(g->upkeep_timer, UPKEEP_MS);
}
