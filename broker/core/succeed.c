/*
 * succeed.c - offline, while no broker runs: what the store's log holds, and the taking of a trust document by which
 * another log succeeds it.  The successor begins with the store's entries: their rows stay where they are, and
 * the first entry after them says which log ended, where, and which one began.
 */
#include "broker/audit/audit.h"
#include "broker/sites/sites.h"

static result open_store(struct core *c, struct why *why)
{
    TRY(store_open(c->host, c->settings->store, &c->store, why));
    TRY(store_migrate(c->store, why));
    TRY(label_parse(slice_str(c->settings->network), &c->network, why));
    return log_load(c, why);
}

static void close_store(struct core *c)
{
    trust_free(c->trust);
    buffer_done(&c->trust_text);
    store_close(c->store);
}

static struct core offline(const struct host *host, const struct broker_settings *settings)
{
    struct core c = {.settings = settings, .host = host};
    buffer_init(&c.trust_text, 2 * TRUST_BYTES_MAX);
    return c;
}

static void read_log(const struct core *c, struct checkpoint *ret)
{
    ret->size = c->log.frontier.size;
    ret->root = merkle_root(&c->log.frontier);
}

result core_log_at(const struct host *host, const struct broker_settings *settings, struct checkpoint *ret, struct why *why)
{
    struct core c = offline(host, settings);
    result r = open_store(&c, why);
    if (is_ok(r))
        read_log(&c, ret);
    close_store(&c);
    return r;
}

static result entries(struct core *c, const struct trust *t, struct why *why)
{
    struct json *entry = json_object();
    json_set(entry, "version", json_of_integer((int64_t)t->version));
    json_set(entry, "trust_sha256", json_of_hex(slice_of(t->hash.at, HASH_LEN)));
    TRY(log_append(c, "trust", entry, NULL, why));
    if (!c->trust || t->succession_count == c->trust->succession_count)
        return DONE;
    const struct succession *s = &t->successions[t->succession_count - 1];
    char old_log[VKEY_TEXT_MAX + 1], new_log[VKEY_TEXT_MAX + 1];
    note_key_print(&s->old_log, old_log);
    note_key_print(&s->new_log, new_log);
    entry = json_object();
    json_set(entry, "succession_sha256", json_of_hex(slice_of(s->hash.at, HASH_LEN)));
    json_set(entry, "old_log", json_of_str(old_log));
    json_set(entry, "old_size", json_of_integer((int64_t)s->last.size));
    json_set(entry, "old_root", json_of_hex(slice_of(s->last.root.at, HASH_LEN)));
    json_set(entry, "new_log", json_of_str(new_log));
    json_set(entry, "lost", json_of_integer((int64_t)(s->last.size - s->start.size)));
    return log_append(c, "log_succession", entry, NULL, why);
}

static result write(struct core *c, const struct envelope *e, const struct trust *t, struct why *why)
{
    TRY(store_begin(c->store, why));
    result r = trust_keep(c, e, t, why);
    if (is_ok(r))
        r = entries(c, t, why);
    if (is_ok(r))
        r = index_mark(c, why);
    if (is_ok(r))
        r = store_commit(c->store, why);
    if (!is_ok(r))
        store_rollback(c->store);
    return r;
}

static result take(struct core *c, const struct envelope *e, core_prepare_fn *prepare, void *self, struct why *why)
{
    struct checkpoint here;
    struct trust *t CLEANUP(trust_freep) = NULL;
    TRY(open_store(c, why));
    TRY(trust_load(c, why));
    TRY(trust_open(e, c->trust, NULL, &t, why));
    if (!label_equal(&t->network, &c->network))
        return FAIL(why, DENIED, "the trust document is of the network '%s', this broker serves '%s'", t->network.text, c->network.text);
    if (c->trust && t->version == c->trust->version)
        return prepare(self, t, NULL, why);
    read_log(c, &here);
    TRY(prepare(self, t, &here, why));
    TRY(index_catch_up(c, why));
    return write(c, e, t, why);
}

result core_take_trust(const struct host *host, const struct broker_settings *settings, struct slice text, core_prepare_fn *prepare,
                       void *self, struct why *why)
{
    struct core c = offline(host, settings);
    struct envelope e CLEANUP(envelope_done);
    envelope_init(&e);
    TRY(envelope_parse_text(text, TYPE_TRUST, &e, why));
    result r = take(&c, &e, prepare, self, why);
    close_store(&c);
    return r;
}
