#include "agents/settings.h"

#include <assert.h>
#include <stdio.h>

#include "proto/fields.h"
#include "proto/json.h"

void agent_path(const struct agent_settings *s, const char *name, char to[AGENT_PATH_SIZE])
{
    int n = snprintf(to, AGENT_PATH_SIZE, "%s/%s", s->dir, name);
    assert(n > 0 && n < AGENT_PATH_SIZE);
}

static result read_url(struct fields *f, const char *key, const char *scheme, char to[AGENT_URL_MAX + 1])
{
    struct slice text = {0};
    char path[JSON_PATH_MAX];
    TRY(may_text(f, key, AGENT_URL_MAX, &text));
    fields_path(f, key, path);
    if (text.len > 0 && !slice_starts(text, scheme))
        return FAIL_AT(f->why, MALFORMED, path, "an address beginning with %s is asked for", scheme);
    return slice_copy_str(text, to, AGENT_URL_MAX + 1) ? DONE : FAIL_AT(f->why, MALFORMED, path, "not a plain text");
}

static result settings_from(struct slice text, struct agent_settings *ret, struct why *why)
{
    struct json *v CLEANUP(json_freep) = NULL;
    TRY(json_parse(text, SETTINGS_BYTES_MAX, &v, why));
    struct fields f;
    struct slice kind, site, network = {0};
    int64_t wait = POLL_WAIT_DEFAULT_MS, batch_days = OPTOUT_BATCH_DAYS_MAX, age_hours = OPTOUT_AGE_HOURS_DEFAULT;
    TRY(fields_open(v, "", &f, why));
    TRY(need_text(&f, "innsyn", 32, &kind));
    if (!slice_is(kind, "agent/1"))
        return FAIL_AT(why, MALFORMED, "/innsyn", "agent/1 is asked for");
    TRY(need_text(&f, "site", SITE_ID_MAX, &site));
    TRY(site_id_parse(site, &ret->site, why));
    TRY(may_text(&f, "network", LABEL_MAX, &network));
    if (network.len > 0)
        TRY(label_parse(network, &ret->network, why));
    TRY(read_url(&f, "agents_url", "https://", ret->agents_url));
    TRY(read_url(&f, "proxy", "http", ret->proxy));
    TRY(may_integer(&f, "poll_wait_ms", 100, POLL_WAIT_MAX_MS, &wait));
    TRY(may_integer(&f, "optout_batch_days", 0, OPTOUT_BATCH_DAYS_MAX, &batch_days));
    TRY(may_integer(&f, "optout_list_age_max_hours", 1, OPTOUT_AGE_HOURS_MAX, &age_hours));
    ret->poll_wait_ms = (unsigned)wait;
    ret->optout_batch_ms = batch_days * DAY_MS;
    ret->optout_age_max_ms = age_hours * HOUR_MS;
    return fields_close(&f);
}

result agent_settings_read(const struct host *host, const char *dir, struct agent_settings *ret, struct why *why)
{
    struct agent_settings s = {0};
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, SETTINGS_BYTES_MAX);
    if (!slice_copy_str(slice_str(dir), s.dir, sizeof s.dir) || !s.dir[0])
        return FAIL(why, LIMIT, "the agent's folder needs a name of 1 to %d bytes", AGENT_DIR_MAX);
    agent_path(&s, "agent.json", path);
    result r = host_read_file(host, path, SETTINGS_BYTES_MAX, &text, why);
    if (r.code == ABSENT)
        return FAIL(why, ABSENT, "%s: there is no agent in this folder; make one with: innsyn-agent init %s --site ID", path, dir);
    TRY(r);
    struct why inner = {0};
    r = settings_from(buffer_slice(&text), &s, &inner);
    if (!is_ok(r))
        return FAIL_AT(why, r.code, inner.field, "%.80s: %.140s", path, inner.text);
    *ret = s;
    return DONE;
}

result agent_settings_write(const struct host *host, const struct agent_settings *s, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = json_object();
    buffer_init(&text, SETTINGS_BYTES_MAX);
    json_set(v, "innsyn", json_of_str("agent/1"));
    json_set(v, "site", json_of_str(s->site.text));
    if (s->network.text[0])
        json_set(v, "network", json_of_str(s->network.text));
    if (s->agents_url[0])
        json_set(v, "agents_url", json_of_str(s->agents_url));
    if (s->proxy[0])
        json_set(v, "proxy", json_of_str(s->proxy));
    json_set(v, "poll_wait_ms", json_of_integer(s->poll_wait_ms));
    json_set(v, "optout_batch_days", json_of_integer(s->optout_batch_ms / DAY_MS));
    json_set(v, "optout_list_age_max_hours", json_of_integer(s->optout_age_max_ms / HOUR_MS));
    TRY(json_print(v, &text, why));
    TRY(buffer_add_byte(&text, '\n', why));
    agent_path(s, "agent.json", path);
    return host_write_file(host, path, 0600, buffer_slice(&text), why);
}
