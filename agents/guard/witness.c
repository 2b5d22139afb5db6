/*
 * The log as this site saw it.  A checkpoint that continues the one held is first made durable (one synced
 * line in guard/checkpoint: the base64 of its note), then cosigned; the cosignature rides in the next poll.
 * So no crash makes this site cosign two histories.
 *
 * A checkpoint that the log's key has signed and that cannot be joined to the one held is a fork: both are
 * kept in evidence/log-fork.json, and from then on, also after a restart, nothing is answered or cosigned.
 */
#include <stdio.h>

#include "agents/guard/inside.h"
#include "agents/guard/verify.h"
#include "base/codec.h"
#include "base/log.h"

enum {
    HELD_FILE_MAX = 4 * 1024 * 1024,
    HELD_REWRITE_BYTES = 1024 * 1024,
    HELD_LINE_MAX = BASE64_LEN(CHECKPOINT_NOTE_MAX) + 2,
    COSIGN_AGAIN_S = 60, /* an unchanged checkpoint is cosigned anew, since the log was seen again */
    COSIGNATURE_AGE_MAX_S = CHECKPOINT_AGE_MAX_MS / 1000,
    SKEW_MAX_S = CLOCK_SKEW_MAX_MS / 1000,
};

/* --- what is remembered --------------------------------------------------------------------------- */

static result held_line(const struct guard *g, struct buffer *to, struct why *why)
{
    buffer_init(to, HELD_LINE_MAX);
    TRY(base64_print(buffer_slice(&g->held_note), to, why));
    return buffer_add_byte(to, '\n', why);
}

static result remember(struct guard *g, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer line CLEANUP(buffer_done) = {0};
    TRY(held_line(g, &line, why));
    agent_path(g->settings, "guard/checkpoint", path);
    if (g->held_bytes > HELD_REWRITE_BYTES) {
        TRY(host_write_file(g->host, path, 0600, buffer_slice(&line), why));
        g->held_bytes = 0;
    } else {
        TRY(host_append_file(g->host, path, 0600, buffer_slice(&line), why));
    }
    g->held_bytes += line.len;
    return DONE;
}

/* --- a log that succeeded the one seen ------------------------------------------------------------- */

/* Is what this site saw of the old log in the succession?  Asked before a trust document that names another log is
 * taken: a site that holds more than the root quorum says there was does not go over. */
result witness_allows(const struct guard *g, const struct trust *next, struct why *why)
{
    const struct succession *s = trust_succession_of(next, &g->trust->log);
    if (!s)
        return DONE; /* the log is the same */
    return succession_allows(s, &g->state.checkpoint, why);
}

/* From the entries that the trust document's log began with; what was held of an older log is kept for people. */
static result go_over(struct guard *g, struct why *why)
{
    char path[AGENT_PATH_SIZE], kept[AGENT_PATH_SIZE], name[64];
    const struct succession *s = &g->trust->successions[g->trust->succession_count - 1];
    if (g->held_note.len > 0) {
        (void)snprintf(name, sizeof name, "guard/checkpoint-of-log-%u", g->trust->succession_count);
        agent_path(g->settings, name, kept);
        TRY(host_write_file(g->host, kept, 0600, buffer_slice(&g->held_note), why));
    }
    agent_path(g->settings, "guard/checkpoint", path);
    result r = host_remove_file(g->host, path, why);
    if (!is_ok(r) && r.code != ABSENT)
        return r;
    buffer_clear(&g->held_note);
    g->held_bytes = 0;
    g->cosignature[0] = '\0';
    g->witnesses_seen = 0;
    g->state.checkpoint = s->start;
    g->state_dirty = true;
    return DONE;
}

result witness_succeed(struct guard *g, struct why *why)
{
    if (g->trust->succession_count == 0 || strcmp(g->state.checkpoint.origin, g->trust->log.name) == 0)
        return DONE;
    const struct succession *s = &g->trust->successions[g->trust->succession_count - 1];
    struct checkpoint before = g->state.checkpoint;
    char size[24], start[24], lost[24];
    TRY(go_over(g, why));
    struct json *fields = json_object();
    json_set(fields, "sha256", json_of_hex(slice_of(s->hash.at, HASH_LEN)));
    json_set(fields, "size_held", json_of_integer((int64_t)before.size));
    json_set(fields, "size_begun", json_of_integer((int64_t)s->start.size));
    json_set(fields, "size_ended", json_of_integer((int64_t)s->last.size));
    if (!guard_journal(g, "log_succession", fields))
        return FAIL(why, UNAVAILABLE, "the journal cannot be written");
    (void)snprintf(size, sizeof size, "%llu", (unsigned long long)before.size);
    (void)snprintf(start, sizeof start, "%llu", (unsigned long long)s->start.size);
    (void)snprintf(lost, sizeof lost, "%llu", (unsigned long long)(s->last.size - s->start.size));
    log_event(LOG_NOTICE, "log_succeeded", "log", g->trust->log.name, "held", size, "begins_with", start, "lost", lost, NULL);
    return DONE;
}

/* Is the note of a log that the trust document says was succeeded? */
static bool is_of_older_log(const struct guard *g, struct checkpoint *ret)
{
    for (unsigned i = 0; i < g->trust->succession_count; i++)
        if (is_ok(checkpoint_open(buffer_slice(&g->held_note), &g->trust->successions[i].old_log, ret, NULL)))
            return true;
    return false;
}

/* The last whole line; one that a crash cut off was never cosigned. */
static result recall(struct guard *g, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct checkpoint c;
    buffer_init(&text, HELD_FILE_MAX);
    agent_path(g->settings, "guard/checkpoint", path);
    result r = host_read_file(g->host, path, HELD_FILE_MAX, &text, why);
    if (r.code == ABSENT)
        return DONE;
    TRY(r);
    struct slice rest = buffer_slice(&text), last = {0};
    for (size_t end = slice_find(rest, '\n'); end < rest.len; end = slice_find(rest, '\n')) {
        last = slice_part(rest, 0, end);
        rest = slice_part(rest, end + 1, rest.len);
    }
    if (rest.len > 0 && last.len > 0) /* so that the next line begins a line */
        TRY(host_write_file(g->host, path, 0600, slice_part(buffer_slice(&text), 0, text.len - rest.len), why));
    else if (rest.len > 0)
        return host_remove_file(g->host, path, why);
    g->held_bytes = text.len - rest.len;
    if (last.len == 0)
        return DONE;
    struct why inner = {0};
    r = base64_parse(last, &g->held_note, &inner);
    if (is_ok(r))
        r = checkpoint_open(buffer_slice(&g->held_note), &g->trust->log, &c, &inner);
    if (!is_ok(r) && is_of_older_log(g, &c)) { /* a crash came between the trust document and this */
        if (strcmp(g->state.checkpoint.origin, g->trust->log.name) != 0)
            g->state.checkpoint = c;
        return DONE;
    }
    if (!is_ok(r))
        return FAIL(why, BROKEN, "%s does not hold the log's checkpoint: %.100s", path, inner.text);
    if (c.size >= g->state.checkpoint.size)
        g->state.checkpoint = c;
    else
        buffer_clear(&g->held_note);
    return DONE;
}

/* --- a fork --------------------------------------------------------------------------------------- */

static result write_evidence(struct guard *g, struct slice note, const struct json *consistency, struct why *why)
{
    char folder[AGENT_PATH_SIZE], path[AGENT_PATH_SIZE], vkey[VKEY_TEXT_MAX + 1];
    struct json *v CLEANUP(json_freep) = json_object(), *proof = json_array();
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, EVIDENCE_BYTES_MAX);
    note_key_print(&g->trust->log, vkey);
    json_set(v, "innsyn", json_of_str("log-evidence/1"));
    json_set(v, "site", json_of_str(g->settings->site.text));
    json_set(v, "at", json_of_instant(host_now_ms(g->host)));
    json_set(v, "log", json_of_str(vkey));
    json_set(v, "held", json_of_text(buffer_slice(&g->held_note)));
    json_set(v, "shown", json_of_text(note));
    for (size_t i = 0; i < json_size(consistency); i++)
        json_add(proof, json_of_text(json_text(json_item(consistency, i))));
    json_set(v, "consistency", proof);
    TRY(json_print(v, &text, why));
    TRY(buffer_add_byte(&text, '\n', why));
    agent_path(g->settings, "evidence", folder);
    TRY(host_make_folder(g->host, folder, 0700, why));
    agent_path(g->settings, EVIDENCE_FILE, path);
    return host_write_file(g->host, path, 0600, buffer_slice(&text), why);
}

/* Did the log's key sign this, and can nothing join it to what is held? */
static bool is_fork(const struct guard *g, struct slice note, const struct json *consistency)
{
    const struct checkpoint *held = &g->state.checkpoint;
    struct merkle_proof proof;
    struct checkpoint c;
    if (held->size == 0 || !is_ok(checkpoint_open(note, &g->trust->log, &c, NULL)) || c.size < held->size)
        return false; /* an older one is no fork yet; it is refused, and the next larger one will tell */
    if (c.size == held->size)
        return !hash_equal(&c.root, &held->root);
    return is_ok(proof_read(consistency, "/consistency", &proof, NULL)) &&
           !is_ok(merkle_check_consistency(held->size, c.size, &proof, &held->root, &c.root, NULL));
}

static void keep_fork(struct guard *g, struct slice note, const struct json *consistency)
{
    char path[AGENT_PATH_SIZE];
    struct why why = {0};
    struct json *fields = json_object();
    agent_path(g->settings, EVIDENCE_FILE, path);
    result r = write_evidence(g, note, consistency, &why);
    g->forked = true;
    if (!is_ok(r)) { /* it must be remembered: until it is, this site does not run */
        log_failure(LOG_ERROR, "evidence_not_written", r, &why);
        guard_stop(g, 1);
    }
    log_event(LOG_ERROR, "log_forked", "evidence", path, "why",
              "the broker's log shows this site two histories; it answers nothing from now on. Tell the unit and the other sites", NULL);
    json_set(fields, "size_held", json_of_integer((int64_t)g->state.checkpoint.size));
    tolerate((result){guard_journal(g, "log_forked", fields) ? OK : UNAVAILABLE}); /* guard_journal ends the role itself */
}

/* --- seeing ----------------------------------------------------------------------------------------- */

static bool is_own(const struct guard *g, const struct note_key *witness)
{
    return memcmp(witness->key, g->witness_name.key, ED25519_KEY_LEN) == 0;
}

static bool is_named(const struct guard *g)
{
    for (unsigned i = 0; i < g->trust->witness_count && g->witness_key; i++)
        if (is_own(g, &g->trust->witnesses[i]) &&
            strcmp(g->trust->witnesses[i].name, g->witness_name.name) == 0)
            return true;
    return false;
}

static result cosign(struct guard *g, struct slice text, bool is_new, struct why *why)
{
    int64_t now_s = host_now_ms(g->host) / 1000;
    struct buffer line CLEANUP(buffer_done) = {0};
    if (!is_new && g->cosignature[0] && now_s - g->cosigned_s < COSIGN_AGAIN_S && now_s >= g->cosigned_s)
        return DONE;
    g->cosignature[0] = '\0';
    if (!is_named(g))
        return DONE;
    buffer_init(&line, NOTE_LINE_MAX);
    TRY(note_cosign(text, &g->witness_name, g->witness_key, now_s, &line, why));
    if (!slice_copy_str(buffer_slice(&line), g->cosignature, sizeof g->cosignature))
        return FAIL(why, LIMIT, "the cosignature is too long");
    g->cosigned_s = now_s;
    return DONE;
}

/* How many witnesses' cosignatures of the last ten minutes hold; no more are looked at than make a majority.
 * This site's own counts as it was made. */
static void count_witnesses(struct guard *g, const struct note *n)
{
    const struct trust *t = g->trust;
    int64_t now_s = host_now_ms(g->host) / 1000, time_s = 0;
    for (unsigned i = 0; i < t->witness_count && g->cosignature[0]; i++)
        g->witnesses_seen += is_own(g, &t->witnesses[i]);
    for (unsigned i = 0; i < t->witness_count && g->witnesses_seen < witnesses_majority(t->witness_count); i++)
        if (!(g->cosignature[0] && is_own(g, &t->witnesses[i])) && is_ok(note_cosigned(n, &t->witnesses[i], &time_s, NULL)) &&
            time_s >= now_s - COSIGNATURE_AGE_MAX_S && time_s <= now_s + SKEW_MAX_S)
            g->witnesses_seen++;
}

result witness_see(struct guard *g, struct slice note, const struct json *consistency, struct why *why)
{
    struct merkle_proof proof;
    struct checkpoint c;
    static struct note n; /* large */
    g->witnesses_seen = 0;
    if (g->forked)
        return FAIL(why, DENIED, "this site has seen a fork of the log; see " EVIDENCE_FILE);
    TRY(proof_read(consistency, "/consistency", &proof, why));
    result r = verify_checkpoint(g->trust, &g->state.checkpoint, note, &proof, &c, why);
    if (!is_ok(r)) {
        if (is_fork(g, note, consistency))
            keep_fork(g, note, consistency);
        return r;
    }
    TRY(note_parse(note, &n, why));
    bool is_new = c.size != g->state.checkpoint.size || g->held_note.len == 0;
    if (is_new) {
        buffer_clear(&g->held_note);
        TRY(buffer_add(&g->held_note, note, why));
        r = remember(g, why);
        if (!is_ok(r)) {
            guard_stop(g, 1); /* what is accepted must be remembered */
            return r;
        }
        g->state.checkpoint = c;
    }
    TRY(cosign(g, n.text, is_new, why));
    count_witnesses(g, &n);
    return DONE;
}

/* --- starting ----------------------------------------------------------------------------------------- */

result witness_start(struct guard *g, struct why *why)
{
    char path[AGENT_PATH_SIZE], name[NOTE_NAME_MAX + 1];
    uint8_t key[ED25519_KEY_LEN];
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&g->held_note, CHECKPOINT_NOTE_MAX);
    buffer_init(&text, EVIDENCE_BYTES_MAX);
    agent_path(g->settings, EVIDENCE_FILE, path);
    g->forked = host_read_file(g->host, path, EVIDENCE_BYTES_MAX, &text, NULL).code != ABSENT; /* unreadable: stopped */
    if (g->forked)
        log_event(LOG_ERROR, "log_forked", "evidence", path, "why", "this site has seen a fork of the broker's log and answers nothing", NULL);
    TRY(recall(g, why));
    agent_path(g->settings, "keys/witness.pem", path);
    result r = signing_key_load(g->host, path, KEY_ED25519, &g->witness_key, why);
    if (r.code == ABSENT) {
        log_event(LOG_WARNING, "no_witness_key", "why", "keys/witness.pem is missing: this site cosigns nothing", NULL);
        return DONE;
    }
    TRY(r);
    TRY(signing_key_ed25519(g->witness_key, key, why));
    snprintf(name, sizeof name, "innsyn.site.%.100s", g->settings->site.text);
    return note_key_make(name, NOTE_COSIGNATURE, key, &g->witness_name, why);
}

void witness_done(struct guard *g)
{
    buffer_done(&g->held_note);
    signing_key_free(g->witness_key);
    g->witness_key = NULL;
}
