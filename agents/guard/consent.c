/* consent.c - the guard's dealings with opt-outs: what a poll brings, and when editions change. */
#include <stdlib.h>

#include "agents/guard/inside.h"
#include "base/log.h"

result consent_open(struct guard *g, struct why *why)
{
    return optouts_open(g->host, g->settings, g->site_key, &g->optouts, why);
}

static bool record(void *self, struct json *fields)
{
    return guard_journal(self, "optouts", fields);
}

void consent_take(struct guard *g, const struct json *items)
{
    struct why why = {0};
    bool changed = false;
    if (!items)
        return; /* the list gets older */
    result r = optouts_take(g->optouts, items, g->trust, record, g, &changed, &why);
    if (!is_ok(r)) {
        log_failure(LOG_ERROR, "optouts_not_taken", r, &why);
        return;
    }
    if (json_size(items) < OPTOUTS_A_POLL_MAX) /* else more may be waiting */
        optouts_checked(g->optouts, host_now_ms(g->host));
    g->optouts_moved = g->optouts_moved || changed;
    consent_settle(g);
}

/* *ret: the holder asked for it.  The file goes when the wish is fulfilled. */
static bool is_wanted(struct guard *g, char path[AGENT_PATH_SIZE])
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 64);
    agent_path(g->settings, "optout-apply", path);
    return host_read_file(g->host, path, 64, &text, NULL).code != ABSENT;
}

static void name_editions(struct guard *g, bool apply)
{
    struct why why = {0};
    bool changed = false;
    optouts_keep_versions(g->optouts, site_rules_say_at_grant(g->rules));
    result r = optouts_name_editions(g->optouts, &g->datasets, apply, &changed, &why);
    if (!is_ok(r)) { /* without names that hold nothing may be answered */
        log_failure(LOG_ERROR, "editions_not_named", r, &why);
        guard_stop(g, 1);
        return;
    }
    g->optouts_moved = false;
    if (!changed)
        return;
    g->catalogue_due = true;
    for (unsigned i = 0; i < g->datasets.count; i++) {
        char edition[2 * HASH_LEN + 1];
        hash_print(&g->datasets.held[i].edition, edition);
        log_event(LOG_NOTICE, "edition", "dataset", g->datasets.held[i].dictionary->dataset.text, "edition", edition, NULL);
    }
}

bool consent_choose(struct guard *g, struct verified *v, struct refusal *ret)
{
    const struct permit_optout_list *l = NULL;
    struct why why = {0};
    bool at_grant = site_rules_optouts_at_grant(g->rules, &v->dataset->dictionary->dataset);
    for (unsigned i = 0; i < v->permit->optout_list_count; i++)
        if (site_id_equal(&v->permit->optout_lists[i].site, &g->settings->site))
            l = &v->permit->optout_lists[i];
    if (!at_grant || !l || v->dataset->dictionary->profile != PROFILE_OPEN)
        return true; /* the one in force */
    v->own = calloc(1, sizeof *v->own);
    if (!v->own)
        return refuse(ret, "site", "fault", "", "no memory for an edition");
    *v->own = *v->dataset;
    if (!is_ok(optouts_edition_at(g->optouts, v->dataset, l->version, &l->hash, &v->own->edition, &why)))
        return refuse_why(ret, "consent", "optout_list_gone", "/permit/optout_lists", &why);
    v->dataset = v->own;
    v->own_version = l->version;
    return true;
}

void consent_settle(struct guard *g)
{
    if (g->computing || !g->optouts_moved)
        return;
    name_editions(g, false);
}

void consent_upkeep(struct guard *g)
{
    char path[AGENT_PATH_SIZE];
    if (g->computing)
        return;
    bool apply = is_wanted(g, path);
    name_editions(g, apply);
    if (apply)
        tolerate(host_remove_file(g->host, path, NULL)); /* else it is fulfilled again, which changes nothing */
}
