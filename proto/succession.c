#include "proto/succession.h"

#include <stdio.h>

#include "base/codec.h"
#include "proto/document.h"
#include "proto/fields.h"

void log_name_print(const struct label *network, unsigned generation, char to[NOTE_NAME_MAX + 1])
{
    if (generation < 2)
        (void)snprintf(to, NOTE_NAME_MAX + 1, "innsyn.%s/log", network->text);
    else
        (void)snprintf(to, NOTE_NAME_MAX + 1, "innsyn.%s/log-%u", network->text, generation);
}

static result read_side(struct fields *f, const char *key, struct note_key *ret_log, struct checkpoint *ret, struct why *why)
{
    const struct json *v;
    struct fields side;
    struct slice vkey;
    char path[JSON_PATH_MAX];
    int64_t size;
    fields_path(f, key, path);
    TRY(need_object(f, key, &v));
    TRY(fields_open(v, path, &side, why));
    TRY(need_text(&side, "log", VKEY_TEXT_MAX, &vkey));
    TRY(fail_there(note_key_parse(vkey, ret_log, why), why, path));
    TRY(need_integer(&side, "size", 1, INT64_C(1) << 53, &size));
    TRY(need_hash(&side, "root", ret->root.at));
    TRY(fields_close(&side));
    if (ret_log->type != NOTE_ED25519)
        return FAIL_AT(why, MALFORMED, path, "a log's key is of type 1 (Ed25519)");
    ret->size = (uint64_t)size;
    memcpy(ret->origin, ret_log->name, sizeof ret->origin);
    return DONE;
}

result succession_read(const struct envelope *e, struct succession *ret, struct why *why)
{
    struct fields f;
    struct json *v CLEANUP(json_freep) = NULL;
    struct succession s = {.issued_ms = 0};
    if (strcmp(e->type, TYPE_LOG_SUCCESSION) != 0)
        return FAIL_AT(why, MALFORMED, "/payloadType", "not a log-succession document");
    TRY(json_parse(buffer_slice(&e->payload), SUCCESSION_BYTES_MAX, &v, why));
    TRY(fields_open(v, "", &f, why));
    TRY(need_kind(&f, "log-succession/1"));
    TRY(need_label(&f, "network", &s.network));
    TRY(need_instant(&f, "issued", &s.issued_ms));
    TRY(read_side(&f, "old", &s.old_log, &s.last, why));
    TRY(read_side(&f, "new", &s.new_log, &s.start, why));
    TRY(fields_close(&f));
    if (memcmp(s.old_log.key, s.new_log.key, ED25519_KEY_LEN) == 0 || strcmp(s.old_log.name, s.new_log.name) == 0)
        return FAIL_AT(why, MALFORMED, "/new/log", "a successor has a key and a name of its own");
    if (s.start.size > s.last.size)
        return FAIL_AT(why, MALFORMED, "/new/size", "a successor begins with entries of the old log: %llu of its %llu at most",
                       (unsigned long long)s.start.size, (unsigned long long)s.last.size);
    if (s.start.size == s.last.size && !hash_equal(&s.start.root, &s.last.root))
        return FAIL_AT(why, MALFORMED, "/new/root", "the same number of entries must have the same root");
    s.hash = envelope_hash(e);
    *ret = s;
    return DONE;
}

static struct json *side_json(const struct note_key *log, const struct checkpoint *c)
{
    char vkey[VKEY_TEXT_MAX + 1];
    struct json *v = json_object();
    note_key_print(log, vkey);
    json_set(v, "log", json_of_str(vkey));
    json_set(v, "size", json_of_integer((int64_t)c->size));
    json_set(v, "root", json_of_hex(slice_of(c->root.at, HASH_LEN)));
    return v;
}

result succession_print(const struct succession *s, struct buffer *to, struct why *why)
{
    struct json *v CLEANUP(json_freep) = json_object();
    json_set(v, "innsyn", json_of_str("log-succession/1"));
    json_set(v, "network", json_of_str(s->network.text));
    json_set(v, "issued", json_of_instant(s->issued_ms));
    json_set(v, "old", side_json(&s->old_log, &s->last));
    json_set(v, "new", side_json(&s->new_log, &s->start));
    return json_print(v, to, why);
}

result succession_allows(const struct succession *s, const struct checkpoint *held, struct why *why)
{
    if (held->size == 0)
        return DONE;
    if (held->size > s->last.size)
        return FAIL(why, DENIED, "the succession says that the old log had %llu entries, a checkpoint of %llu is held",
                    (unsigned long long)s->last.size, (unsigned long long)held->size);
    if ((held->size == s->last.size && !hash_equal(&held->root, &s->last.root)) ||
        (held->size == s->start.size && !hash_equal(&held->root, &s->start.root)))
        return FAIL(why, DENIED, "the succession names another root of the old log's first %llu entries than the one held",
                    (unsigned long long)held->size);
    return DONE;
}
