/*
 * rules.c - the site's own rules, signed by its holder (policy/site_rules.h).
 *
 *   <dir>/site-rules.json          what the holder laid down last (innsyn-agent rules set); looked at every second
 *   <dir>/guard/site-rules.json    the document in force; state.json names its version and hash
 *
 * A document that is not signed, of another site or older is refused in words, and the rules in force stay.  Nothing
 * takes them away but a newer version: who deletes the file deletes no rule.
 */
#include <stdio.h>

#include "agents/guard/inside.h"
#include "base/log.h"

enum { RULES_FILE_MAX = 2 * SITE_RULES_BYTES_MAX };

/* What is written is in force after a crash too: first the document, then the state that names it. */
static result put_in_force(struct guard *g, struct slice text, struct site_rules *rules, const struct hash *hash, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct site_rules *owned CLEANUP(site_rules_freep) = rules;
    struct json *fields = json_object();
    agent_path(g->settings, "guard/site-rules.json", path);
    json_set(fields, "version", json_of_integer((int64_t)site_rules_version(owned)));
    json_set(fields, "sha256", json_of_hex(slice_of(hash->at, HASH_LEN)));
    if (!guard_journal(g, "rules", fields))
        return FAIL(why, UNAVAILABLE, "the journal cannot be written");
    TRY(host_write_file(g->host, path, 0600, text, why));
    g->state.rules_version = site_rules_version(owned);
    g->state.rules_hash = *hash;
    g->state_dirty = true;
    guard_flush_state(g);
    site_rules_free(g->rules);
    g->rules = MOVE(owned);
    char version[24];
    snprintf(version, sizeof version, "%llu", (unsigned long long)g->state.rules_version);
    log_event(LOG_NOTICE, "site_rules", "version", version, NULL);
    guard_poll_now(g);
    return DONE;
}

static result take(struct guard *g, struct slice text, struct why *why)
{
    struct site_rules *rules CLEANUP(site_rules_freep) = NULL;
    struct hash hash;
    TRY(site_rules_open(text, g->trust, &g->settings->site, g->state.rules_version, &g->state.rules_hash, &rules, &hash, why));
    if (site_rules_version(rules) == g->state.rules_version && g->rules)
        return DONE; /* the very document that is in force */
    TRY(datasets_allow_rules(&g->datasets, rules, why));
    return put_in_force(g, text, MOVE(rules), &hash, why);
}

static void note_refusal(struct guard *g, const struct why *why)
{
    struct json *fields = json_object();
    json_set(fields, "code", json_of_str(why->code ? why->code : "malformed"));
    json_set(fields, "file_sha256", json_of_hex(slice_of(g->rules_hash.at, HASH_LEN)));
    json_set(fields, "version_in_force", json_of_integer((int64_t)g->state.rules_version));
    tolerate((result){guard_journal(g, "rules_refused", fields) ? OK : UNAVAILABLE}); /* it ends the role itself */
}

result guard_read_rules(struct guard *g, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct why inner = {0};
    buffer_init(&text, RULES_FILE_MAX);
    agent_path(g->settings, "site-rules.json", path);
    result r = host_read_file(g->host, path, RULES_FILE_MAX, &text, why);
    if (r.code == ABSENT)
        return DONE;
    TRY(r);
    struct hash hash = sha256(buffer_slice(&text));
    if (hash_equal(&hash, &g->rules_hash))
        return DONE;
    g->rules_hash = hash; /* a bad file is complained about once */
    r = take(g, buffer_slice(&text), &inner);
    if (is_ok(r))
        return DONE;
    if (r.code != UNAVAILABLE)
        note_refusal(g, &inner);
    return FAIL_AT(why, r.code, inner.field, "%.60s: %.170s", path, inner.text);
}

/* The document in force, as it was when this site last ran.  A key that the trust document names no more does not take
 * away the rules that it signed; that the bytes are the ones accepted, the state says. */
static result read_in_force(struct guard *g, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done) = {0};
    struct json *tree CLEANUP(json_freep) = NULL;
    struct site_rules *rules CLEANUP(site_rules_freep) = NULL;
    struct hash hash;
    struct why inner = {0};
    buffer_init(&text, RULES_FILE_MAX);
    agent_path(g->settings, "guard/site-rules.json", path);
    result r = host_read_file(g->host, path, RULES_FILE_MAX, &text, why);
    if (r.code == ABSENT && g->state.rules_version == 0)
        return DONE;
    if (r.code == ABSENT)
        return FAIL(why, BROKEN, "%.100s is gone: version %llu of the site's rules is in force", path, (unsigned long long)g->state.rules_version);
    TRY(r);
    r = envelope_parse_text(buffer_slice(&text), TYPE_SITE_RULES, &e, &inner);
    hash = envelope_hash(&e);
    if (is_ok(r) && hash_equal(&hash, &g->state.rules_hash)) {
        TRY(json_parse(buffer_slice(&e.payload), SITE_RULES_BYTES_MAX, &tree, why));
        TRY(site_rules_read(tree, &rules, why));
    } else if (is_ok(r)) { /* a crash came between document and state: it must then be a newer one, and hold */
        r = site_rules_open(buffer_slice(&text), g->trust, &g->settings->site, g->state.rules_version + 1, &hash, &rules, &hash, &inner);
        g->state.rules_version = site_rules_version(rules);
        g->state.rules_hash = hash;
        g->state_dirty = true;
    }
    if (!is_ok(r))
        return FAIL(why, BROKEN, "%.80s is not the document that is in force: %.120s", path, inner.text);
    g->rules = MOVE(rules);
    return DONE;
}

result guard_rules_start(struct guard *g, struct why *why)
{
    struct why inner = {0};
    TRY(read_in_force(g, why));
    result r = guard_read_rules(g, &inner);
    if (!is_ok(r) && !g->rules) { /* a site does not start without the rules its holder laid down */
        *why = inner;
        return r;
    }
    if (!is_ok(r))
        log_failure(LOG_ERROR, "site_rules_refused", r, &inner);
    return DONE;
}

void guard_new_rules(struct guard *g)
{
    struct why why = {0};
    result r = guard_read_rules(g, &why);
    if (!is_ok(r))
        log_failure(LOG_ERROR, "site_rules_refused", r, &why); /* the rules in force stay in force */
}
