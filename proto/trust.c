#include "proto/trust.h"

#include "proto/document.h"
#include "proto/fields.h"

#include <stdio.h>
#include <stdlib.h>

enum { WITNESSES_MAX = TRUST_WITNESSES_MAX, SITE_CA_BYTES_MAX = 16 * 1024 };

static result read_roots(struct fields *f, struct trust *t)
{
    const struct json *root, *keys;
    struct fields r;
    int64_t threshold;
    TRY(need_object(f, "root", &root));
    TRY(fields_open(root, "/root", &r, f->why));
    TRY(need_integer(&r, "threshold", 1, TRUST_ROOTS_MAX, &threshold));
    TRY(need_array(&r, "keys", TRUST_ROOTS_MAX, &keys));
    TRY(fields_close(&r));
    t->root_threshold = (unsigned)threshold;
    for (size_t i = 0; i < json_size(keys); i++) {
        char path[JSON_PATH_MAX];
        path_of_item(&r, "keys", i, path);
        TRY(fail_there(public_key_parse_base64(json_text(json_item(keys, i)), &t->roots[t->root_count], f->why), f->why, path));
        t->root_count++;
    }
    if (t->root_threshold > t->root_count)
        return FAIL_AT(f->why, MALFORMED, "/root/threshold", "%u signatures cannot come from %u keys", t->root_threshold, t->root_count);
    return DONE;
}

static result read_people(struct fields *f, struct trust *t)
{
    const struct json *officers, *holders, *sites, *desks = NULL;
    TRY(need_array(f, "officers", TRUST_KEYS_MAX, &officers));
    TRY(may_array(f, "desks", TRUST_KEYS_MAX, &desks));
    TRY(need_array(f, "holders", TRUST_KEYS_MAX, &holders));
    TRY(need_array(f, "sites", TRUST_KEYS_MAX, &sites));
    t->officers = calloc(json_size(officers) + 1, sizeof *t->officers);
    t->holders = calloc(json_size(holders) + 1, sizeof *t->holders);
    t->sites = calloc(json_size(sites) + 1, sizeof *t->sites);
    t->desks = calloc(json_size(desks) + 1, sizeof *t->desks);
    if (!t->officers || !t->holders || !t->sites || !t->desks)
        return FAIL(f->why, LIMIT, "no memory for a trust document");
    for (; t->officer_count < json_size(officers); t->officer_count++) {
        struct fields o;
        TRY(open_item(f, "officers", officers, t->officer_count, &o));
        TRY(need_label(&o, "account", &t->officers[t->officer_count].account));
        TRY(need_public_key(&o, "key", &t->officers[t->officer_count].key));
        TRY(fields_close(&o));
    }
    for (; t->desk_count < json_size(desks); t->desk_count++) {
        struct fields d;
        TRY(open_item(f, "desks", desks, t->desk_count, &d));
        TRY(need_label(&d, "account", &t->desks[t->desk_count].account));
        TRY(need_public_key(&d, "key", &t->desks[t->desk_count].key));
        TRY(fields_close(&d));
    }
    for (; t->holder_count < json_size(holders); t->holder_count++) {
        struct fields h;
        TRY(open_item(f, "holders", holders, t->holder_count, &h));
        TRY(need_label(&h, "account", &t->holders[t->holder_count].account));
        TRY(need_site_id(&h, "site", &t->holders[t->holder_count].site));
        TRY(need_public_key(&h, "key", &t->holders[t->holder_count].key));
        TRY(fields_close(&h));
    }
    for (; t->site_count < json_size(sites); t->site_count++) {
        struct fields s;
        TRY(open_item(f, "sites", sites, t->site_count, &s));
        TRY(need_site_id(&s, "site", &t->sites[t->site_count].site));
        TRY(need_public_key(&s, "key", &t->sites[t->site_count].key));
        if (json_get(s.object, "optout_key"))
            TRY(need_public_key(&s, "optout_key", &t->sites[t->site_count].optout_key));
        TRY(fields_close(&s));
        for (unsigned i = 0; i < t->site_count; i++)
            if (site_id_equal(&t->sites[i].site, &t->sites[t->site_count].site))
                return FAIL_AT(f->why, MALFORMED, "/sites", "site '%s' is there twice", t->sites[i].site.text);
    }
    return DONE;
}

/* Each leads from the log that the one before led to; whose quorum signed the newest is check_succession's. */
static result read_successions(struct fields *f, struct trust *t)
{
    const struct json *list = NULL;
    TRY(may_array(f, "successions", SUCCESSIONS_MAX, &list));
    t->successions = calloc(json_size(list) + 1, sizeof *t->successions);
    if (!t->successions)
        return FAIL(f->why, LIMIT, "no memory for a trust document");
    for (; t->succession_count < json_size(list); t->succession_count++) {
        struct envelope e CLEANUP(envelope_done);
        struct succession *s = &t->successions[t->succession_count];
        char path[JSON_PATH_MAX], old_name[NOTE_NAME_MAX + 1], new_name[NOTE_NAME_MAX + 1];
        envelope_init(&e);
        path_of_item(f, "successions", t->succession_count, path);
        TRY(envelope_parse(json_item(list, t->succession_count), path, TYPE_LOG_SUCCESSION, &e, f->why));
        TRY(succession_read(&e, s, f->why));
        log_name_print(&t->network, t->succession_count + 1, old_name);
        log_name_print(&t->network, t->succession_count + 2, new_name);
        bool follows = label_equal(&s->network, &t->network) && strcmp(s->old_log.name, old_name) == 0 && strcmp(s->new_log.name, new_name) == 0;
        for (unsigned i = 0; i < t->succession_count; i++)
            follows = follows && memcmp(t->successions[i].old_log.key, s->new_log.key, ED25519_KEY_LEN) != 0;
        if (t->succession_count > 0)
            follows = follows && memcmp(s[-1].new_log.key, s->old_log.key, ED25519_KEY_LEN) == 0 && s->last.size >= s[-1].start.size;
        if (!follows)
            return FAIL_AT(f->why, MALFORMED, path, "must lead from the log '%s' of this network to '%s'", old_name, new_name);
    }
    return DONE;
}

static result read_log(struct fields *f, struct trust *t)
{
    const struct json *witnesses;
    struct slice text;
    char origin[NOTE_NAME_MAX + 1];
    TRY(need_text(f, "log", VKEY_TEXT_MAX, &text));
    TRY(fail_there(note_key_parse(text, &t->log, f->why), f->why, "/log"));
    TRY(read_successions(f, t));
    log_name_print(&t->network, t->succession_count + 1, origin);
    if (t->succession_count && memcmp(t->successions[t->succession_count - 1].new_log.key, t->log.key, ED25519_KEY_LEN) != 0)
        return FAIL_AT(f->why, MALFORMED, "/log", "is not the log that the newest succession leads to");
    if (t->log.type != NOTE_ED25519 || strcmp(t->log.name, origin) != 0)
        return FAIL_AT(f->why, MALFORMED, "/log", "must be an Ed25519 key named '%s' (R-60)", origin);
    TRY(need_array(f, "witnesses", WITNESSES_MAX, &witnesses));
    t->witnesses = calloc(json_size(witnesses) + 1, sizeof *t->witnesses);
    if (!t->witnesses)
        return FAIL(f->why, LIMIT, "no memory for a trust document");
    for (; t->witness_count < json_size(witnesses); t->witness_count++) {
        char path[JSON_PATH_MAX];
        path_of_item(f, "witnesses", t->witness_count, path);
        struct slice vkey = json_text(json_item(witnesses, t->witness_count));
        struct note_key *w = &t->witnesses[t->witness_count];
        TRY(fail_there(note_key_parse(vkey, w, f->why), f->why, path));
        /* A majority of them is one of different keys, whatever their names. */
        bool known = memcmp(w->key, t->log.key, sizeof w->key) == 0;
        for (unsigned i = 0; i < t->witness_count; i++)
            known = known || memcmp(w->key, t->witnesses[i].key, sizeof w->key) == 0;
        if (known)
            return FAIL_AT(f->why, MALFORMED, path, "the key of '%s' is the log's or another witness's: each needs one of its own", w->name);
    }
    return DONE;
}

/* One key, one use: a person must not count as two, nor the unit's seal as an officer. */
static result check_keys_apart(const struct trust *t, struct why *why)
{
    unsigned count = 0, max = t->root_count + t->officer_count + t->desk_count + t->holder_count + 2 * t->site_count + 1;
    struct owner {
        const struct public_key *key;
        const struct label *holder; /* one account may hold several sites with one key */
    } *owners = calloc(max, sizeof *owners);
    if (!owners)
        return FAIL(why, LIMIT, "no memory for a trust document");
    for (unsigned i = 0; i < t->root_count; i++)
        owners[count++].key = &t->roots[i];
    for (unsigned i = 0; i < t->officer_count; i++)
        owners[count++].key = &t->officers[i].key;
    for (unsigned i = 0; i < t->desk_count; i++)
        owners[count++].key = &t->desks[i].key;
    for (unsigned i = 0; i < t->holder_count; i++)
        owners[count++] = (struct owner){&t->holders[i].key, &t->holders[i].account};
    for (unsigned i = 0; i < t->site_count; i++)
        owners[count++].key = &t->sites[i].key;
    for (unsigned i = 0; i < t->site_count; i++)
        if (t->sites[i].optout_key.der_len)
            owners[count++].key = &t->sites[i].optout_key;
    owners[count++].key = &t->seal;
    result r = DONE;
    for (unsigned i = 0; i < count && is_ok(r); i++)
        for (unsigned j = 0; j < i && is_ok(r); j++) {
            bool same_holder = owners[i].holder && owners[j].holder && label_equal(owners[i].holder, owners[j].holder);
            if (!same_holder && public_key_equal(owners[i].key, owners[j].key)) {
                char id[2 * HASH_LEN + 1];
                public_key_id(owners[i].key, id);
                r = FAIL(why, MALFORMED, "key %.16s... has two uses: every root, officer, holder, desk, site and the seal needs a key of its own", id);
            }
        }
    free(owners);
    return r;
}

static result read_trust(struct slice payload, struct trust **ret, struct why *why)
{
    struct fields f;
    int64_t version;
    struct trust *t CLEANUP(trust_freep) = calloc(1, sizeof *t);
    if (!t)
        return FAIL(why, LIMIT, "no memory for a trust document");
    TRY(json_parse(payload, TRUST_BYTES_MAX, &t->tree, why));
    TRY(fields_open(t->tree, "", &f, why));
    TRY(need_kind(&f, "trust/1"));
    TRY(need_label(&f, "network", &t->network));
    TRY(need_integer(&f, "version", 1, INT64_C(1) << 53, &version));
    t->version = (uint64_t)version;
    TRY(need_instant(&f, "issued", &t->issued_ms));
    TRY(read_roots(&f, t));
    TRY(read_people(&f, t));
    TRY(read_log(&f, t));
    TRY(need_public_key(&f, "seal", &t->seal));
    TRY(need_text(&f, "site_ca", SITE_CA_BYTES_MAX, &t->site_ca_pem));
    TRY(fields_close(&f));
    TRY(check_keys_apart(t, why));
    t->hash = sha256(payload);
    *ret = MOVE(t);
    return DONE;
}

/* The root keys are all different (check_keys_apart), so signatures counted are signers counted. */
static result check_quorum(const struct envelope *e, const struct trust *t, struct why *why)
{
    unsigned signers = 0;
    for (unsigned i = 0; i < t->root_count; i++)
        signers += envelope_signed_by(e, &t->roots[i]);
    if (signers < t->root_threshold)
        return FAIL_CODE(why, DENIED, "trust_quorum", "", "%u of the %u root signatures that version %llu asks for", signers,
                         t->root_threshold, (unsigned long long)t->version);
    return DONE;
}

/* A log is followed by another only by a document that the quorum of the version before has signed. */
static result check_succession(const struct trust *t, const struct trust *previous, struct why *why)
{
    struct envelope e CLEANUP(envelope_done);
    envelope_init(&e);
    bool other = memcmp(t->log.key, previous->log.key, ED25519_KEY_LEN) != 0;
    if (t->succession_count != previous->succession_count + other)
        return FAIL_CODE(why, DENIED, "trust_quorum", "/successions",
                         other ? "the log is another one, without a document by which it succeeds '%s'" : "no succession belongs here: the log is the same as before; '%s'",
                         previous->log.name);
    for (unsigned i = 0; i < previous->succession_count; i++)
        if (!hash_equal(&t->successions[i].hash, &previous->successions[i].hash))
            return FAIL_CODE(why, DENIED, "trust_quorum", "/successions", "an earlier succession was altered");
    if (!other)
        return DONE;
    const struct succession *s = &t->successions[t->succession_count - 1];
    if (memcmp(s->old_log.key, previous->log.key, ED25519_KEY_LEN) != 0)
        return FAIL_CODE(why, DENIED, "trust_quorum", "/successions", "the succession is of another log than '%s'", previous->log.name);
    TRY(envelope_parse(json_item(json_get(t->tree, "successions"), t->succession_count - 1), "/successions", TYPE_LOG_SUCCESSION, &e, why));
    return check_quorum(&e, previous, why);
}

result trust_open(const struct envelope *e, const struct trust *previous, const struct hash *pinned, struct trust **ret,
                  struct why *why)
{
    struct trust *t CLEANUP(trust_freep) = NULL;
    struct hash hash = envelope_hash(e);
    if (strcmp(e->type, TYPE_TRUST) != 0)
        return FAIL_CODE(why, DENIED, "signature_invalid", "/payloadType", "not a trust document");
    /* What can be checked before the payload is parsed, is. */
    if (previous)
        TRY(check_quorum(e, previous, why));
    else if (pinned && !hash_equal(pinned, &hash))
        return FAIL_CODE(why, DENIED, "trust_pin", "", "not the trust document that was pinned at enrolment");
    TRY(read_trust(buffer_slice(&e->payload), &t, why));
    TRY(check_quorum(e, t, why));
    if (previous) {
        if (!label_equal(&t->network, &previous->network))
            return FAIL_CODE(why, DENIED, "wrong_network", "/network", "the network is '%s' here, not '%s'", previous->network.text,
                             t->network.text);
        if (!hash_equal(&t->hash, &previous->hash) && t->version != previous->version + 1)
            return FAIL_CODE(why, DENIED, "trust_version", "/version", "version %llu is held: only version %llu may follow, not %llu",
                             (unsigned long long)previous->version, (unsigned long long)previous->version + 1,
                             (unsigned long long)t->version);
        TRY(check_succession(t, previous, why));
    }
    *ret = MOVE(t);
    return DONE;
}

void trust_free(struct trust *t)
{
    if (!t)
        return;
    free(t->officers);
    free(t->desks);
    free(t->holders);
    free(t->sites);
    free(t->witnesses);
    free(t->successions);
    json_free(t->tree);
    free(t);
}

void trust_freep(struct trust **t)
{
    trust_free(*t);
    *t = NULL;
}

const struct trust_person *trust_desk_signer(const struct trust *t, const struct envelope *e)
{
    for (unsigned i = 0; i < t->desk_count; i++)
        if (envelope_signed_by(e, &t->desks[i].key))
            return &t->desks[i];
    return NULL;
}

const struct public_key *trust_site_key(const struct trust *t, const struct site_id *site)
{
    for (unsigned i = 0; i < t->site_count; i++)
        if (site_id_equal(&t->sites[i].site, site))
            return &t->sites[i].key;
    return NULL;
}

const struct succession *trust_succession_of(const struct trust *t, const struct note_key *old_log)
{
    for (unsigned i = 0; i < t->succession_count; i++)
        if (memcmp(t->successions[i].old_log.key, old_log->key, ED25519_KEY_LEN) == 0)
            return &t->successions[i];
    return NULL;
}

const struct public_key *trust_optout_key(const struct trust *t, const struct site_id *site)
{
    for (unsigned i = 0; i < t->site_count; i++)
        if (site_id_equal(&t->sites[i].site, site) && t->sites[i].optout_key.der_len)
            return &t->sites[i].optout_key;
    return NULL;
}
