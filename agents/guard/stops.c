/*
 * stops.c - the holder's stop buttons: the whole site paused, one permit blocked.  Files say so; they are looked at every
 * second, before a task is taken or computed and before an answer leaves.  Every change is journalled, and the broker is
 * told by a poll at once, which logs it.
 */
#include "agents/guard/inside.h"
#include "base/log.h"

enum { PAUSE_BYTES_MAX = 4096 };

static void note_block(struct guard *g, const struct document_id *permit, bool blocked)
{
    struct json *fields = json_object();
    json_set(fields, "permit", json_of_str(permit->text));
    log_event(LOG_NOTICE, blocked ? "permit_blocked" : "permit_unblocked", "permit", permit->text, NULL);
    tolerate((result){guard_journal(g, blocked ? "block" : "unblock", fields) ? OK : UNAVAILABLE}); /* it ends the role itself */
}

/* *ret_broken: it cannot be known which are blocked. */
static bool read_blocks(struct guard *g, bool *ret_broken)
{
    static struct blocks now; /* large; one guard a process */
    struct why why = {0};
    now.count = 0;
    result r = blocks_read(g->host, g->settings, &now, &why);
    *ret_broken = !is_ok(r);
    if (!is_ok(r) && !g->paused)
        log_failure(LOG_ERROR, "blocks_unreadable", r, &why);
    if (!is_ok(r) || blocks_equal(&now, &g->blocks))
        return false;
    for (unsigned i = 0; i < now.count; i++)
        if (!blocks_hold(&g->blocks, &now.permits[i]))
            note_block(g, &now.permits[i], true);
    for (unsigned i = 0; i < g->blocks.count; i++)
        if (!blocks_hold(&now, &g->blocks.permits[i]))
            note_block(g, &g->blocks.permits[i], false);
    g->blocks = now;
    return true;
}

void guard_read_stops(struct guard *g)
{
    char path[AGENT_PATH_SIZE];
    struct buffer reason CLEANUP(buffer_done) = {0};
    bool broken = false, changed = read_blocks(g, &broken);
    buffer_init(&reason, PAUSE_BYTES_MAX);
    agent_path(g->settings, "paused", path);
    bool paused = broken || host_read_file(g->host, path, PAUSE_BYTES_MAX, &reason, NULL).code != ABSENT; /* unreadable: paused */
    if (paused != g->paused) {
        g->paused = paused;
        changed = true;
        log_event(LOG_NOTICE, paused ? "paused" : "resumed", NULL);
        if (!guard_journal(g, paused ? "pause" : "resume", NULL))
            return;
    }
    if (changed)
        guard_poll_now(g);
}
