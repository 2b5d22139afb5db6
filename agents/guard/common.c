/* What every part of guard does alike: journal, ask, remember, wait, and end. */
#include <stdio.h>

#include "agents/guard/inside.h"
#include "base/log.h"

void guard_stop(struct guard *g, int status)
{
    if (status != 0)
        g->status = status;
    loop_stop(g->loop);
}

int64_t guard_backoff_ms(struct guard *g, unsigned failures)
{
    int64_t most = BACKOFF_FIRST_MS;
    uint16_t chance = UINT16_MAX;
    for (unsigned i = 1; i < failures && most < BACKOFF_MAX_MS; i++)
        most *= 2;
    if (most > BACKOFF_MAX_MS)
        most = BACKOFF_MAX_MS;
    tolerate(host_random(g->host, (uint8_t *)&chance, sizeof chance, NULL)); /* without it all wait longest */
    return most / 2 + most / 2 * chance / UINT16_MAX;
}

void guard_time_floor(struct guard *g, int64_t at_ms)
{
    /* A moment of the future, from a clock that was wrong, must not stop this site for good. */
    if (at_ms <= g->state.time_floor_ms || at_ms - host_now_ms(g->host) > CLOCK_SKEW_MAX_MS)
        return;
    g->state.time_floor_ms = at_ms;
    g->state_dirty = true;
}

static bool journalled(struct guard *g, result r, const struct why *why)
{
    if (is_ok(r))
        return true;
    log_failure(LOG_ERROR, "journal_not_written", r, why);
    guard_stop(g, 1);
    return false;
}

bool guard_journal(struct guard *g, const char *type, struct json *fields)
{
    struct why why = {0};
    return journalled(g, journal_append(g->journal, type, fields, &why), &why);
}

bool guard_note(struct guard *g, const char *type, struct json *fields)
{
    struct why why = {0};
    return journalled(g, journal_note(g->journal, type, fields, &why), &why);
}

result guard_ask(struct guard *g, enum transport_method method, const char *path, struct json *body,
                 unsigned timeout_ms, uint64_t *ret_tag, struct why *why)
{
    struct json *owned CLEANUP(json_freep) = body;
    struct buffer text CLEANUP(buffer_done) = {0}, frame CLEANUP(buffer_done) = {0};
    buffer_init(&text, TRANSPORT_ANSWER_BYTES_MAX);
    buffer_init(&frame, CHANNEL_FRAME_BYTES_MAX);
    if (owned)
        TRY(json_print(owned, &text, why));
    struct transport_request r = {method, slice_str(path), buffer_slice(&text), timeout_ms};
    TRY(link_ask_encode(&r, &frame, why));
    uint64_t tag = ++g->next_tag;
    TRY(channel_send(g->link, LINK_ASK, tag, buffer_slice(&frame), why));
    *ret_tag = tag;
    return DONE;
}

void guard_log_problem(const char *event, unsigned status, struct slice body)
{
    struct json *v CLEANUP(json_freep) = NULL;
    char number[16], code[64] = "", detail[240] = "";
    snprintf(number, sizeof number, "%u", status);
    if (is_ok(json_parse(body, JSON_BYTES_MAX, &v, NULL))) {
        (void)slice_copy_str(json_text(json_get(v, "code")), code, sizeof code); /* too long: shown as "" */
        (void)slice_copy_str(json_text(json_get(v, "detail")), detail, sizeof detail);
    }
    log_event(LOG_WARNING, event, "status", number, "code", code, "detail", detail, NULL);
}

void guard_flush_state(struct guard *g)
{
    struct why why = {0};
    if (!g->state_dirty)
        return;
    result r = store_write_state(&g->store, &g->state, &why);
    if (is_ok(r)) {
        g->state_dirty = false;
        return;
    }
    log_failure(LOG_ERROR, "state_not_written", r, &why);
    guard_stop(g, 1); /* what was accepted must be remembered */
}

void guard_poll_now(struct guard *g)
{
    if (g->poll_tag == 0)
        return; /* one begins soon anyway */
    g->poll_tag = 0; /* the broker answers the older one with nothing; what comes under its tag is left alone */
    loop_timer_set(g->poll_timer, 0);
}
