#include "agents/guard/store.h"

#include <stdio.h>

#include "proto/fields.h"
#include "proto/query.h"

enum { STORE_PATH_MAX = STORE_FOLDER_MAX + 96 };

const struct permit_status *state_status(const struct agent_state *s, const struct document_id *permit)
{
    for (unsigned i = 0; i < s->status_count; i++)
        if (document_id_equal(&s->statuses[i].permit, permit))
            return &s->statuses[i];
    return NULL;
}

result state_see(struct agent_state *s, const struct permit_status *status, int64_t now_ms, bool *ret_changed, struct why *why)
{
    if (status->at_ms - now_ms > CLOCK_SKEW_MAX_MS)
        return FAIL(why, DENIED, "status of permit %s was sealed in this site's future; compare the clocks", status->permit.text);
    for (unsigned i = 0; i < s->status_count; i++) {
        struct permit_status *held = &s->statuses[i];
        if (!document_id_equal(&held->permit, &status->permit))
            continue;
        *ret_changed = false;
        if (status->serial == held->serial && status->at_ms < held->at_ms)
            return DONE; /* the same status, sealed earlier: the newest stays */
        if (status->serial < held->serial || status->at_ms < held->at_ms)
            return FAIL(why, DENIED, "status of permit %s is older than the one this site has seen", status->permit.text);
        *ret_changed = held->serial != status->serial || held->state != status->state;
        *held = *status;
        return DONE;
    }
    if (s->status_count == STATE_STATUSES_MAX)
        return FAIL(why, LIMIT, "statuses of more than %d permits", STATE_STATUSES_MAX);
    s->statuses[s->status_count++] = *status;
    *ret_changed = true;
    return DONE;
}

static void store_path(const struct store *s, const char *name, char to[STORE_PATH_MAX])
{
    snprintf(to, STORE_PATH_MAX, "%s/%s", s->folder, name);
}

result store_open(const struct host *host, const char *folder, struct store *ret, struct why *why)
{
    struct store s = {.host = host};
    char path[STORE_PATH_MAX];
    if (!slice_copy_str(slice_str(folder), s.folder, sizeof s.folder))
        return FAIL(why, LIMIT, "the guard's folder has too long a name");
    TRY(host_make_folder(host, s.folder, 0700, why));
    store_path(&s, "statistics", path);
    TRY(host_make_folder(host, path, 0700, why));
    *ret = s;
    return DONE;
}

/* --- state ------------------------------------------------------------------------------------ */

static const char *const permit_states[] = {"live", "suspended", "revoked", "expired", NULL}; /* enum permit_state */

static struct json *status_json(const struct permit_status *p)
{
    struct json *v = json_object();
    json_set(v, "permit", json_of_str(p->permit.text));
    json_set(v, "permit_sha256", json_of_hex(slice_of(p->permit_hash.at, HASH_LEN)));
    json_set(v, "state", json_of_str(permit_states[p->state]));
    json_set(v, "serial", json_of_integer((int64_t)p->serial));
    json_set(v, "at", json_of_instant(p->at_ms));
    return v;
}

static struct json *state_json(const struct agent_state *state)
{
    struct json *v = json_object(), *statuses = json_array();
    json_set(v, "innsyn", json_of_str("agent-state/1"));
    if (state->checkpoint.size > 0) {
        struct json *c = json_object();
        json_set(c, "origin", json_of_str(state->checkpoint.origin));
        json_set(c, "size", json_of_integer((int64_t)state->checkpoint.size));
        json_set(c, "root", json_of_hex(slice_of(state->checkpoint.root.at, HASH_LEN)));
        json_set(v, "checkpoint", c);
    }
    if (state->time_floor_ms > 0)
        json_set(v, "time_floor", json_of_instant(state->time_floor_ms));
    json_set(v, "trust_version", json_of_integer((int64_t)state->trust_version));
    if (state->rules_version > 0) {
        json_set(v, "rules_version", json_of_integer((int64_t)state->rules_version));
        json_set(v, "rules_sha256", json_of_hex(slice_of(state->rules_hash.at, HASH_LEN)));
    }
    for (unsigned i = 0; i < state->status_count; i++)
        json_add(statuses, status_json(&state->statuses[i]));
    json_set(v, "statuses", statuses);
    return v;
}

static result status_read(const struct json *v, struct permit_status *ret, struct why *why)
{
    struct fields f;
    struct slice permit;
    unsigned state;
    int64_t serial;
    TRY(fields_open(v, "/statuses", &f, why));
    TRY(need_text(&f, "permit", DOCUMENT_ID_LEN, &permit));
    TRY(document_id_parse(permit, 'p', &ret->permit, why));
    TRY(need_hash(&f, "permit_sha256", ret->permit_hash.at));
    TRY(need_choice(&f, "state", permit_states, &state));
    TRY(need_integer(&f, "serial", 0, INT64_C(1) << 53, &serial));
    TRY(need_instant(&f, "at", &ret->at_ms));
    ret->state = (enum permit_state)state;
    ret->serial = (uint64_t)serial;
    return fields_close(&f);
}

static result checkpoint_read(const struct json *v, struct checkpoint *ret, struct why *why)
{
    struct fields f;
    struct slice origin;
    int64_t size;
    TRY(fields_open(v, "/checkpoint", &f, why));
    TRY(need_text(&f, "origin", NOTE_NAME_MAX, &origin));
    TRY(need_integer(&f, "size", 1, INT64_C(1) << 53, &size));
    TRY(need_hash(&f, "root", ret->root.at));
    TRY(fields_close(&f));
    if (!slice_copy_str(origin, ret->origin, sizeof ret->origin))
        return FAIL_AT(why, MALFORMED, "/checkpoint/origin", "too long");
    ret->size = (uint64_t)size;
    return DONE;
}

static result state_read(struct slice text, struct agent_state *ret, struct why *why)
{
    struct json *v CLEANUP(json_freep) = NULL;
    TRY(json_parse(text, STATE_BYTES_MAX, &v, why));
    struct fields f;
    struct slice kind;
    const struct json *checkpoint = NULL, *statuses;
    int64_t version, rules = 0;
    TRY(fields_open(v, "", &f, why));
    TRY(need_text(&f, "innsyn", 32, &kind));
    TRY(may_object(&f, "checkpoint", &checkpoint));
    TRY(may_integer(&f, "rules_version", 1, INT64_C(1) << 53, &rules));
    if (rules > 0)
        TRY(need_hash(&f, "rules_sha256", ret->rules_hash.at));
    TRY(may_instant(&f, "time_floor", &ret->time_floor_ms));
    TRY(need_integer(&f, "trust_version", 0, INT64_C(1) << 53, &version));
    TRY(need_array(&f, "statuses", STATE_STATUSES_MAX, &statuses));
    TRY(fields_close(&f));
    ret->trust_version = (uint64_t)version;
    ret->rules_version = (uint64_t)rules;
    if (checkpoint)
        TRY(checkpoint_read(checkpoint, &ret->checkpoint, why));
    for (size_t i = 0; i < json_size(statuses); i++)
        TRY(status_read(json_item(statuses, i), &ret->statuses[ret->status_count++], why));
    return slice_is(kind, "agent-state/1") ? DONE : FAIL_AT(why, MALFORMED, "/innsyn", "not agent-state/1");
}

result store_read_state(const struct store *s, struct agent_state *ret, struct why *why)
{
    char path[STORE_PATH_MAX];
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, STATE_BYTES_MAX);
    store_path(s, "state.json", path);
    *ret = (struct agent_state){0};
    result r = host_read_file(s->host, path, STATE_BYTES_MAX, &text, why);
    if (r.code == ABSENT)
        return DONE;
    TRY(r);
    struct why inner = {0};
    if (!is_ok(state_read(buffer_slice(&text), ret, &inner)))
        return FAIL(why, BROKEN, "%s: %s", path, inner.text);
    return DONE;
}

result store_write_state(const struct store *s, const struct agent_state *state, struct why *why)
{
    char path[STORE_PATH_MAX];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = state_json(state);
    buffer_init(&text, STATE_BYTES_MAX);
    TRY(json_print(v, &text, why));
    store_path(s, "state.json", path);
    return host_write_file(s->host, path, 0600, buffer_slice(&text), why);
}

result store_read_trust(const struct store *s, struct buffer *ret, struct why *why)
{
    char path[STORE_PATH_MAX];
    store_path(s, "trust.json", path);
    return host_read_file(s->host, path, 2 * TRUST_BYTES_MAX, ret, why);
}

result store_write_trust(const struct store *s, struct slice text, struct why *why)
{
    char path[STORE_PATH_MAX];
    store_path(s, "trust.json", path);
    return host_write_file(s->host, path, 0644, text, why);
}

/* --- statistics ------------------------------------------------------------------------------- */

static void statistic_path(const struct store *s, const struct hash *question, const struct hash *edition, char to[STORE_PATH_MAX])
{
    uint8_t both[2 * HASH_LEN];
    char name[2 * HASH_LEN + 1];
    memcpy(both, question->at, HASH_LEN);
    memcpy(both + HASH_LEN, edition->at, HASH_LEN);
    struct hash h = sha256(slice_of(both, sizeof both));
    hash_print(&h, name);
    snprintf(to, STORE_PATH_MAX, "%s/statistics/%s", s->folder, name);
}

result store_read_statistic(const struct store *s, const struct hash *question, const struct hash *edition,
                            struct buffer *ret, struct why *why)
{
    char path[STORE_PATH_MAX];
    statistic_path(s, question, edition, path);
    return host_read_file(s->host, path, STATISTIC_STORED_MAX, ret, why);
}

result store_write_statistic(const struct store *s, const struct hash *question, const struct hash *edition,
                             struct slice text, struct why *why)
{
    char path[STORE_PATH_MAX];
    statistic_path(s, question, edition, path);
    return host_write_file(s->host, path, 0600, text, why);
}
