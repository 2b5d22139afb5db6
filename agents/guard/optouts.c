/*
 * Invariants: entry i was in the list of version v if added <= v and not (removed and removed <= v).  An entry that no
 * version in force holds any more is forgotten, with its sealed request.
 */
#include "agents/guard/optouts.h"

#include <stdio.h>
#include <stdlib.h>

#include "agents/disclosure/cellkey.h"
#include "base/codec.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/wire.h"
#include "proto/crypto_cms.h"
#include "proto/document.h"
#include "proto/fields.h"

enum { IN_FORCE_MAX = HELD_DATASETS_MAX, NAME_MAX_BYTES = 64 };

struct entry {
    struct document_id id;
    struct hash pseudonym, code_hash;
    struct optout_purposes purposes;
    int64_t at_ms;
    uint64_t added, removed; /* versions; removed 0: stands */
};

struct list_version {
    uint64_t version;
    struct hash hash;
};

struct in_force {
    struct label dataset;
    struct hash snapshot;
    struct list_version list;
    int64_t pending_since_ms; /* of the first version after it; 0: it is the newest */
};

/* Record keys of the first `count` entries in one dataset. */
struct column {
    struct label dataset;
    uint64_t *keys;
    size_t count;
};

struct said {
    struct document_id id;
    enum optout_action action;
    bool taken;
};

struct optouts {
    const struct host *host;
    const struct agent_settings *settings;
    const struct signing_key *site_key;
    struct signing_key *key; /* NULL: takes none */
    struct mac *pseudonyms;
    struct recordkey *recordkey;
    struct entry *entries; /* in the order they came */
    size_t count;
    struct list_version newest;
    struct in_force in_force[IN_FORCE_MAX];
    unsigned in_force_count;
    struct column columns[IN_FORCE_MAX];
    unsigned column_count;
    struct said said[OPTOUTS_A_POLL_MAX];
    unsigned said_count;
    bool report_due;
    struct buffer report; /* the envelope */
    int64_t checked_ms;
    bool keep;               /* what earlier versions held is not forgotten */
    uint64_t forgotten;      /* the highest version at which an entry ended that is forgotten: no version before it can be made again */
};

static void columns_clear(struct optouts *o)
{
    for (unsigned i = 0; i < o->column_count; i++) {
        wipe(o->columns[i].keys, o->columns[i].count * sizeof(uint64_t));
        free(o->columns[i].keys);
    }
    o->column_count = 0;
}

void optouts_free(struct optouts *o)
{
    if (!o)
        return;
    columns_clear(o);
    signing_key_free(o->key);
    mac_free(o->pseudonyms);
    recordkey_free(o->recordkey);
    buffer_done(&o->report);
    free(o->entries);
    free(o);
}

static void optouts_freep(struct optouts **o)
{
    optouts_free(*o);
}

static void path_of(const struct optouts *o, const char *name, char to[AGENT_PATH_SIZE])
{
    agent_path(o->settings, name, to);
}

static void sealed_path(const struct optouts *o, const struct document_id *id, char to[AGENT_PATH_SIZE])
{
    char name[NAME_MAX_BYTES];
    (void)snprintf(name, sizeof name, "guard/optouts/%s.cms", id->text);
    path_of(o, name, to);
}

/* --- the index --------------------------------------------------------------------------------- */

static struct json *hash_text(const struct hash *h)
{
    return json_of_hex(slice_of(h->at, HASH_LEN));
}

static struct json *index_json(const struct optouts *o)
{
    struct json *v = json_object(), *entries = json_array(), *in_force = json_array();
    json_set(v, "innsyn", json_of_str("optouts/1"));
    json_set(v, "version", json_of_integer((int64_t)o->newest.version));
    json_set(v, "list_sha256", hash_text(&o->newest.hash));
    for (size_t i = 0; i < o->count; i++) {
        const struct entry *e = &o->entries[i];
        struct json *one = json_object();
        json_set(one, "id", json_of_str(e->id.text));
        json_set(one, "pseudonym", hash_text(&e->pseudonym));
        json_set(one, "code_sha256", hash_text(&e->code_hash));
        json_set(one, "purposes", optout_purposes_json(&e->purposes));
        json_set(one, "at", json_of_instant(e->at_ms));
        json_set(one, "added", json_of_integer((int64_t)e->added));
        json_set(one, "removed", json_of_integer((int64_t)e->removed));
        json_add(entries, one);
    }
    for (unsigned i = 0; i < o->in_force_count; i++) {
        const struct in_force *f = &o->in_force[i];
        struct json *one = json_object();
        json_set(one, "dataset", json_of_str(f->dataset.text));
        json_set(one, "snapshot", hash_text(&f->snapshot));
        json_set(one, "version", json_of_integer((int64_t)f->list.version));
        json_set(one, "list_sha256", hash_text(&f->list.hash));
        json_set(one, "pending_since", json_of_integer(f->pending_since_ms));
        json_add(in_force, one);
    }
    json_set(v, "entries", entries);
    json_set(v, "in_force", in_force);
    json_set(v, "forgotten", json_of_integer((int64_t)o->forgotten));
    return v;
}

static result write_index(const struct optouts *o, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = index_json(o);
    if (!o->site_key)
        return DONE; /* a look changes nothing */
    buffer_init(&text, OPTOUTS_INDEX_BYTES_MAX);
    TRY(json_print(v, &text, why));
    path_of(o, "guard/optouts.json", path);
    return host_write_file(o->host, path, 0600, buffer_slice(&text), why);
}

static result need_version(struct fields *f, const char *key, uint64_t *ret)
{
    int64_t n;
    TRY(need_integer(f, key, 0, INT64_C(1) << 53, &n));
    *ret = (uint64_t)n;
    return DONE;
}

static result read_entry(struct fields *f, struct entry *e)
{
    const struct json *purposes;
    TRY(need_document_id(f, "id", 'o', &e->id));
    TRY(need_hash(f, "pseudonym", e->pseudonym.at));
    TRY(need_hash(f, "code_sha256", e->code_hash.at));
    TRY(need_array(f, "purposes", OPTOUT_PURPOSES_MAX, &purposes));
    TRY(optout_purposes_read(purposes, "/purposes", &e->purposes, f->why));
    TRY(need_instant(f, "at", &e->at_ms));
    TRY(need_version(f, "added", &e->added));
    TRY(need_version(f, "removed", &e->removed));
    return fields_close(f);
}

static result read_in_force(struct fields *f, struct in_force *to)
{
    TRY(need_label(f, "dataset", &to->dataset));
    TRY(need_hash(f, "snapshot", to->snapshot.at));
    TRY(need_version(f, "version", &to->list.version));
    TRY(need_hash(f, "list_sha256", to->list.hash.at));
    TRY(need_integer(f, "pending_since", 0, INT64_C(1) << 53, &to->pending_since_ms));
    return fields_close(f);
}

static result read_index_from(struct optouts *o, const struct json *v, struct why *why)
{
    struct fields f, one;
    const struct json *entries, *in_force;
    int64_t forgotten = -1;
    TRY(fields_open(v, "", &f, why));
    TRY(need_kind(&f, "optouts/1"));
    TRY(need_version(&f, "version", &o->newest.version));
    TRY(need_hash(&f, "list_sha256", o->newest.hash.at));
    TRY(need_array(&f, "entries", OPTOUTS_MAX, &entries));
    TRY(need_array(&f, "in_force", IN_FORCE_MAX, &in_force));
    TRY(may_integer(&f, "forgotten", 0, INT64_C(1) << 53, &forgotten)); /* an index of before this was kept: take all as forgotten */
    TRY(fields_close(&f));
    o->forgotten = forgotten < 0 ? o->newest.version : (uint64_t)forgotten;
    for (; o->count < json_size(entries); o->count++) {
        TRY(open_item(&f, "entries", entries, o->count, &one));
        TRY(read_entry(&one, &o->entries[o->count]));
    }
    for (; o->in_force_count < json_size(in_force); o->in_force_count++) {
        TRY(open_item(&f, "in_force", in_force, o->in_force_count, &one));
        TRY(read_in_force(&one, &o->in_force[o->in_force_count]));
    }
    return DONE;
}

static result read_index(struct optouts *o, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = NULL;
    struct why inner = {0};
    buffer_init(&text, OPTOUTS_INDEX_BYTES_MAX);
    o->newest.hash = sha256((struct slice){0}); /* the empty list that every site begins with */
    path_of(o, "guard/optouts.json", path);
    result r = host_read_file(o->host, path, OPTOUTS_INDEX_BYTES_MAX, &text, why);
    if (r.code == ABSENT)
        return DONE;
    TRY(r);
    r = json_parse(buffer_slice(&text), OPTOUTS_INDEX_BYTES_MAX, &v, &inner);
    if (is_ok(r))
        r = read_index_from(o, v, &inner);
    return is_ok(r) ? DONE : FAIL_AT(why, BROKEN, inner.field, "%.100s cannot be read: %.120s", path, inner.text);
}

/* --- opening ----------------------------------------------------------------------------------- */

static result read_secret(struct optouts *o, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer bytes CLEANUP(buffer_wipe) = {0};
    struct secret *secret CLEANUP(secret_freep) = NULL;
    buffer_init(&bytes, SITE_SECRET_LEN);
    path_of(o, "keys/secret", path);
    TRY(host_read_file(o->host, path, SITE_SECRET_LEN, &bytes, why));
    if (bytes.len != SITE_SECRET_LEN)
        return FAIL(why, BROKEN, "%.100s is not %d bytes long", path, SITE_SECRET_LEN);
    TRY(secret_new(buffer_slice(&bytes), &secret, why));
    struct hash key = hmac_sha256(secret_bytes(secret), slice_str(LABEL_OPTOUT));
    result r = mac_new(slice_of(key.at, sizeof key.at), &o->pseudonyms, why);
    wipe(&key, sizeof key);
    TRY(r);
    return recordkey_new(secret, LABEL_RECORD_KEY, &o->recordkey, why);
}

static result make_report(struct optouts *o, const struct list_version *l, struct buffer *to, struct why *why)
{
    struct buffer payload CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done) = {0};
    struct optout_report r = {.network = o->settings->network, .site = o->settings->site, .version = l->version, .list = l->hash,
                              .at_ms = host_now_ms(o->host)};
    buffer_init(&payload, ENVELOPE_PAYLOAD_MAX);
    TRY(optout_report_print(&r, &payload, why));
    TRY(envelope_make(TYPE_OPTOUT_REPORT, buffer_slice(&payload), &e, why));
    TRY(envelope_sign(&e, o->site_key, why));
    return envelope_print(&e, to, why);
}

result optouts_open(const struct host *host, const struct agent_settings *s, const struct signing_key *site_key,
                    struct optouts **ret, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct optouts *o CLEANUP(optouts_freep) = calloc(1, sizeof *o);
    if (!o)
        return FAIL(why, LIMIT, "no memory for the list of opt-outs");
    o->host = host;
    o->settings = s;
    o->site_key = site_key;
    buffer_init(&o->report, ENVELOPE_PAYLOAD_MAX);
    o->entries = calloc(OPTOUTS_MAX, sizeof *o->entries);
    if (!o->entries)
        return FAIL(why, LIMIT, "no memory for the list of opt-outs");
    path_of(o, "keys/optout.pem", path);
    result r = signing_key_load(host, path, KEY_P256, &o->key, why);
    if (!is_ok(r) && r.code != ABSENT)
        return r;
    TRY(read_secret(o, why));
    TRY(read_index(o, why));
    if (site_key) {
        path_of(o, "guard/optouts", path);
        TRY(host_make_folder(host, path, 0700, why));
        TRY(make_report(o, &o->newest, &o->report, why));
        o->report_due = true;
    }
    *ret = MOVE(o);
    return DONE;
}

/* --- taking ------------------------------------------------------------------------------------ */

static bool holds(const struct entry *e, uint64_t version)
{
    return e->added <= version && (e->removed == 0 || e->removed > version);
}

static struct entry *find_entry(struct optouts *o, const struct document_id *id)
{
    for (size_t i = 0; i < o->count; i++)
        if (document_id_equal(&o->entries[i].id, id))
            return &o->entries[i];
    return NULL;
}

static result open_request(const struct optouts *o, struct slice sealed, struct optout_request *ret, struct why *why)
{
    struct buffer plain CLEANUP(buffer_wipe) = {0};
    buffer_init(&plain, CMS_PLAIN_MAX);
    if (!o->key)
        return FAIL(why, DENIED, "this site has no key for opt-outs (keys/optout.pem)");
    TRY(cms_open(o->key, sealed, &plain, why));
    TRY(optout_request_read(buffer_slice(&plain), ret, why));
    if (!label_equal(&ret->network, &o->settings->network) || !site_id_equal(&ret->site, &o->settings->site)) {
        optout_request_done(ret);
        return FAIL(why, DENIED, "the request is for another site");
    }
    return DONE;
}

static result add_entry(struct optouts *o, const struct optout_request *r, struct slice sealed, uint64_t version, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    if (find_entry(o, &r->id))
        return DONE; /* sent again: it is here already */
    if (o->count == OPTOUTS_MAX)
        return FAIL(why, LIMIT, "the list holds %d opt-outs and no more", OPTOUTS_MAX);
    sealed_path(o, &r->id, path);
    TRY(host_write_file(o->host, path, 0600, sealed, why));
    o->entries[o->count++] = (struct entry){.id = r->id,
                                            .pseudonym = mac_of(o->pseudonyms, slice_str(r->person)),
                                            .code_hash = r->code_hash,
                                            .purposes = r->purposes,
                                            .at_ms = r->at_ms,
                                            .added = version};
    return DONE;
}

static result remove_entry(struct optouts *o, const struct optout_request *r, uint64_t version, struct why *why)
{
    struct entry *e = find_entry(o, &r->id);
    struct hash h = sha256(slice_of(r->code, sizeof r->code));
    if (!e || !equal_constant_time(slice_of(h.at, HASH_LEN), slice_of(e->code_hash.at, HASH_LEN)))
        return FAIL(why, DENIED, "no opt-out here has this receipt");
    if (e->removed == 0)
        e->removed = version;
    return DONE;
}

/* One item.  What is wrong with it is said to the broker by "refused" alone. */
static result take_item(struct optouts *o, const struct json *item, const struct trust *trust, uint64_t version, struct said *ret, struct why *why)
{
    struct optout_request r;
    struct envelope sealed CLEANUP(envelope_done) = {0};
    struct why inner = {0};
    struct slice action = json_text(json_get(item, "action"));
    TRY(document_id_parse(json_text(json_get(item, "id")), 'o', &ret->id, why));
    ret->action = slice_is(action, optout_action_name(OPTOUT_WITHDRAW)) ? OPTOUT_WITHDRAW : OPTOUT_REGISTER;
    ret->taken = false;
    result opened = envelope_parse(json_get(item, "sealed"), "/sealed", TYPE_OPTOUT_SEALED, &sealed, &inner);
    if (is_ok(opened) && !trust_desk_signer(trust, &sealed))
        opened = FAIL(&inner, DENIED, "no citizen desk that the trust document names has signed it");
    if (is_ok(opened))
        opened = open_request(o, buffer_slice(&sealed.payload), &r, &inner);
    if (!is_ok(opened)) {
        log_failure(LOG_WARNING, "optout_refused", opened, &inner);
        return DONE;
    }
    result done = !document_id_equal(&r.id, &ret->id) || r.action != ret->action
                      ? FAIL(&inner, DENIED, "the sealed request is another than its cover says")
                  : r.action == OPTOUT_REGISTER       ? add_entry(o, &r, buffer_slice(&sealed.payload), version, &inner)
                                                      : remove_entry(o, &r, version, &inner);
    optout_request_done(&r);
    ret->taken = is_ok(done);
    if (is_ok(done) || done.code == DENIED || done.code == LIMIT) {
        if (!is_ok(done))
            log_failure(LOG_WARNING, "optout_refused", done, &inner);
        return DONE;
    }
    if (why)
        *why = inner;
    return done;
}

static int by_pseudonym(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;
    int c = memcmp((*x)->pseudonym.at, (*y)->pseudonym.at, HASH_LEN);
    return c ? c : strcmp((*x)->id.text, (*y)->id.text);
}

/* optout-list/1, ordered by pseudonym so that it does not tell who came when. */
static result list_text(const struct optouts *o, uint64_t version, struct buffer *to, struct why *why)
{
    struct json *v CLEANUP(json_freep) = json_object(), *entries = json_array();
    const struct entry **sorted = calloc(o->count + 1, sizeof *sorted);
    size_t n = 0;
    for (size_t i = 0; i < o->count && sorted; i++)
        if (holds(&o->entries[i], version))
            sorted[n++] = &o->entries[i];
    if (sorted)
        qsort(sorted, n, sizeof *sorted, by_pseudonym);
    for (size_t i = 0; i < n; i++) {
        struct json *one = json_object();
        json_set(one, "pseudonym", hash_text(&sorted[i]->pseudonym));
        json_set(one, "purposes", optout_purposes_json(&sorted[i]->purposes));
        json_set(one, "from", json_of_instant(sorted[i]->at_ms));
        json_add(entries, one);
    }
    bool whole = sorted != NULL;
    free(sorted);
    json_set(v, "innsyn", json_of_str("optout-list/1"));
    json_set(v, "network", json_of_str(o->settings->network.text));
    json_set(v, "site", json_of_str(o->settings->site.text));
    json_set(v, "version", json_of_integer((int64_t)version));
    json_set(v, "issued", json_of_instant(host_now_ms(o->host)));
    json_set(v, "entries", entries);
    return whole ? json_print(v, to, why) : FAIL(why, LIMIT, "no memory for the list of opt-outs");
}

static result write_list(const struct optouts *o, struct slice list, struct slice report, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    path_of(o, "guard/optout-list.json", path);
    TRY(host_write_file(o->host, path, 0600, list, why));
    path_of(o, "guard/optout-list.sig", path);
    return host_write_file(o->host, path, 0600, report, why);
}

/* The new version: recorded, then written, then in the index, which is what counts. */
static result make_version(struct optouts *o, uint64_t version, optouts_record_fn *record, void *self, struct why *why)
{
    struct buffer list CLEANUP(buffer_done) = {0}, report CLEANUP(buffer_done) = {0};
    struct list_version before = o->newest;
    struct json *fields = json_object();
    buffer_init(&list, OPTOUTS_INDEX_BYTES_MAX);
    buffer_init(&report, ENVELOPE_PAYLOAD_MAX);
    result r = list_text(o, version, &list, why);
    struct list_version now = {version, sha256(buffer_slice(&list))};
    json_set(fields, "version", json_of_integer((int64_t)version));
    json_set(fields, "list_sha256", hash_text(&now.hash));
    if (is_ok(r))
        r = make_report(o, &now, &report, why);
    if (!is_ok(r)) {
        json_free(fields);
        return r;
    }
    if (!record(self, fields)) /* takes fields over */
        return FAIL(why, UNAVAILABLE, "the new list of opt-outs could not be recorded");
    TRY(write_list(o, buffer_slice(&list), buffer_slice(&report), why));
    o->newest = now;
    for (unsigned i = 0; i < o->in_force_count; i++)
        if (o->in_force[i].pending_since_ms == 0)
            o->in_force[i].pending_since_ms = host_now_ms(o->host);
    r = write_index(o, why);
    if (!is_ok(r)) {
        o->newest = before;
        return r;
    }
    buffer_clear(&o->report);
    o->report_due = true;
    return buffer_add(&o->report, buffer_slice(&report), why);
}

static bool any_change(const struct optouts *o, uint64_t version)
{
    for (size_t i = 0; i < o->count; i++)
        if (o->entries[i].added == version || o->entries[i].removed == version)
            return true;
    return false;
}

static void undo(struct optouts *o, size_t count, uint64_t version)
{
    o->count = count;
    for (size_t i = 0; i < o->count; i++)
        if (o->entries[i].removed == version)
            o->entries[i].removed = 0;
}

result optouts_take(struct optouts *o, const struct json *items, const struct trust *trust, optouts_record_fn *record, void *self, bool *ret_changed,
                    struct why *why)
{
    uint64_t version = o->newest.version + 1;
    size_t before = o->count;
    unsigned said_before = o->said_count;
    result r = DONE;
    *ret_changed = false;
    for (size_t i = 0; i < json_size(items) && o->said_count < OPTOUTS_A_POLL_MAX && is_ok(r); i++) {
        r = take_item(o, json_item(items, i), trust, version, &o->said[o->said_count], why);
        o->said_count += is_ok(r);
    }
    if (is_ok(r) && any_change(o, version)) {
        r = make_version(o, version, record, self, why);
        *ret_changed = is_ok(r);
    }
    if (!is_ok(r)) {
        undo(o, before, version);
        o->said_count = said_before;
        columns_clear(o);
    }
    return r;
}

void optouts_checked(struct optouts *o, int64_t now_ms)
{
    o->checked_ms = now_ms;
}

int64_t optouts_checked_ms(const struct optouts *o)
{
    return o->checked_ms;
}

struct json *optouts_say(const struct optouts *o)
{
    if (!o->report_due && o->said_count == 0)
        return NULL;
    struct json *v = json_object(), *taken = json_array(), *report = NULL;
    for (unsigned i = 0; i < o->said_count; i++) {
        struct json *one = json_object();
        json_set(one, "id", json_of_str(o->said[i].id.text));
        json_set(one, "action", json_of_str(optout_action_name(o->said[i].action)));
        json_set(one, "taken", json_of_bool(o->said[i].taken));
        json_add(taken, one);
    }
    json_set(v, "taken", taken);
    if (o->report_due && is_ok(json_parse(buffer_slice(&o->report), ENVELOPE_PAYLOAD_MAX, &report, NULL)))
        json_set(v, "list", report);
    return v;
}

void optouts_said(struct optouts *o)
{
    o->said_count = 0;
    o->report_due = false;
}

uint64_t optouts_version(const struct optouts *o)
{
    return o->newest.version;
}

/* --- editions ---------------------------------------------------------------------------------- */

static struct in_force *find_in_force(struct optouts *o, const struct label *dataset)
{
    for (unsigned i = 0; i < o->in_force_count; i++)
        if (label_equal(&o->in_force[i].dataset, dataset))
            return &o->in_force[i];
    return NULL;
}

/* What no version in force holds is forgotten.  An open dataset follows the newest version. */
static void forget(struct optouts *o)
{
    uint64_t oldest = o->newest.version;
    size_t kept = 0;
    for (unsigned i = 0; i < o->in_force_count; i++)
        oldest = o->in_force[i].list.version < oldest ? o->in_force[i].list.version : oldest;
    for (size_t i = 0; i < o->count; i++) {
        char path[AGENT_PATH_SIZE];
        if (o->keep || o->entries[i].removed == 0 || o->entries[i].removed > oldest) {
            o->entries[kept++] = o->entries[i];
            continue;
        }
        if (o->entries[i].removed > o->forgotten)
            o->forgotten = o->entries[i].removed;
        sealed_path(o, &o->entries[i].id, path);
        tolerate(host_remove_file(o->host, path, NULL)); /* nobody looks for it any more */
    }
    if (kept != o->count)
        columns_clear(o);
    o->count = kept;
}

static bool is_due(const struct optouts *o, const struct in_force *f)
{
    return f->pending_since_ms != 0 && host_now_ms(o->host) - f->pending_since_ms >= o->settings->optout_batch_ms;
}

static result version_for(struct optouts *o, const struct held_dataset *h, bool apply, struct list_version *ret, bool *changed,
                          struct why *why)
{
    const struct label *dataset = &h->dictionary->dataset;
    struct in_force *f = find_in_force(o, dataset);
    bool follows = h->dictionary->profile == PROFILE_OPEN;
    if (!f && o->in_force_count == IN_FORCE_MAX)
        return FAIL(why, LIMIT, "more than %d datasets have had editions here", IN_FORCE_MAX);
    if (!f) {
        f = &o->in_force[o->in_force_count++];
        *f = (struct in_force){.dataset = *dataset, .snapshot = h->snapshot, .list = o->newest};
        *changed = true;
    } else if (f->list.version != o->newest.version && (follows || apply || is_due(o, f) || !hash_equal(&f->snapshot, &h->snapshot))) {
        *f = (struct in_force){.dataset = *dataset, .snapshot = h->snapshot, .list = o->newest};
        *changed = true;
    } else if (!hash_equal(&f->snapshot, &h->snapshot)) {
        f->snapshot = h->snapshot;
        *changed = true;
    }
    *ret = f->list;
    return DONE;
}

result optouts_name_editions(struct optouts *o, struct datasets *d, bool apply, bool *ret_changed, struct why *why)
{
    bool moved = false;
    *ret_changed = false;
    for (unsigned i = 0; i < d->count; i++) {
        struct list_version l;
        struct hash edition;
        TRY(version_for(o, &d->held[i], apply, &l, &moved, why));
        TRY(edition_of(&d->held[i].snapshot, d->held[i].dictionary, &l.hash, &edition, why));
        if (hash_equal(&edition, &d->held[i].edition))
            continue;
        d->held[i].edition = edition;
        *ret_changed = true;
    }
    if (!moved || !o->site_key)
        return DONE;
    forget(o);
    return write_index(o, why);
}

result optouts_edition_at(const struct optouts *o, const struct held_dataset *d, uint64_t version, const struct hash *list,
                          struct hash *ret, struct why *why)
{
    if (version > o->newest.version)
        return FAIL(why, DENIED, "this site never had version %llu of its list of opt-outs, which the permit names", (unsigned long long)version);
    if (version < o->forgotten)
        return FAIL(why, DENIED, "version %llu of the list of opt-outs, which the permit keeps, is forgotten here: ask for an amendment",
                    (unsigned long long)version);
    return edition_of(&d->snapshot, d->dictionary, list, ret, why);
}

void optouts_keep_versions(struct optouts *o, bool keep)
{
    o->keep = keep;
}

/* --- who is left out --------------------------------------------------------------------------- */

static result key_of(struct optouts *o, const struct entry *e, const struct label *dataset, uint64_t *ret, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct optout_request r;
    struct buffer sealed CLEANUP(buffer_done) = {0};
    buffer_init(&sealed, CMS_SEALED_MAX);
    sealed_path(o, &e->id, path);
    TRY(host_read_file(o->host, path, CMS_SEALED_MAX, &sealed, why));
    TRY(open_request(o, buffer_slice(&sealed), &r, why));
    struct hash pseudonym = mac_of(o->pseudonyms, slice_str(r.person));
    result done = !hash_equal(&pseudonym, &e->pseudonym) ? FAIL(why, BROKEN, "a stored opt-out is of another person than its entry")
                                                         : recordkey_of(o->recordkey, slice_str(dataset->text), slice_str(r.person), ret, why);
    optout_request_done(&r);
    return done;
}

static result column_of(struct optouts *o, const struct label *dataset, struct column **ret, struct why *why)
{
    struct column *c = NULL;
    for (unsigned i = 0; i < o->column_count && !c; i++)
        if (label_equal(&o->columns[i].dataset, dataset))
            c = &o->columns[i];
    if (!c) {
        if (o->column_count == IN_FORCE_MAX)
            columns_clear(o);
        uint64_t *keys = calloc(OPTOUTS_MAX, sizeof *keys);
        if (!keys)
            return FAIL(why, LIMIT, "no memory for an edition");
        c = &o->columns[o->column_count++];
        *c = (struct column){.dataset = *dataset, .keys = keys};
    }
    for (; c->count < o->count; c->count++)
        TRY(key_of(o, &o->entries[c->count], dataset, &c->keys[c->count], why));
    *ret = c;
    return DONE;
}

static int rising(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

result optouts_left_out(struct optouts *o, const struct held_dataset *d, const uint64_t *version, struct slice purpose, struct buffer *to, struct why *why)
{
    const struct in_force *f = find_in_force(o, &d->dictionary->dataset);
    struct column *c;
    if (!f)
        return FAIL(why, BROKEN, "the dataset has no edition");
    if (o->count == 0)
        return DONE;
    TRY(column_of(o, &d->dictionary->dataset, &c, why));
    uint64_t *keys = calloc(o->count, sizeof *keys);
    size_t n = 0;
    if (!keys)
        return FAIL(why, LIMIT, "no memory for an edition");
    for (size_t i = 0; i < o->count; i++)
        if (holds(&o->entries[i], version ? *version : f->list.version) &&
            (d->dictionary->profile != PROFILE_OPEN || optout_purposes_cover(&o->entries[i].purposes, purpose)))
            keys[n++] = c->keys[i];
    qsort(keys, n, sizeof *keys, rising);
    result r = DONE;
    for (size_t i = 0; i < n && is_ok(r); i++)
        if (i == 0 || keys[i] != keys[i - 1]) /* who opted out twice is left out once */
            r = wire_u64(to, keys[i], why);
    wipe(keys, o->count * sizeof *keys);
    free(keys);
    return r;
}
