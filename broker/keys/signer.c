#include "broker/keys/signer.h"

#include <stdio.h>

#include "base/codec.h"
#include "base/instant.h"
#include "base/wire.h"
#include "broker/roles.h"
#include "proto/permit.h"
#include "proto/query.h"

#define TRUST_FILE "keys/trust.json"

enum { MEMORY_FILE_MAX = 1024 * 1024, MEMORY_LINE_SIZE = 128, TRUST_FILE_MAX = 2 * TRUST_BYTES_MAX, ENVELOPE_TEXT_MAX = 3 * 1024 * 1024 };

static bool print_path(char to[SIGNER_PATH_SIZE], const char *dir, const char *name)
{
    int n = snprintf(to, SIGNER_PATH_SIZE, "%s/%s", dir, name);
    return n > 0 && n < SIGNER_PATH_SIZE;
}

/* Each log of the network has a key and a memory of its own: keys/log.pem, then keys/log-2.pem, ... */
static void generation_file(const char *stem, const char *end, unsigned generation, char to[SIGNER_NAME_SIZE])
{
    if (generation < 2)
        (void)snprintf(to, SIGNER_NAME_SIZE, "keys/%s%s", stem, end);
    else
        (void)snprintf(to, SIGNER_NAME_SIZE, "keys/%s-%u%s", stem, generation, end);
}

void signer_log_file(unsigned generation, char to[SIGNER_NAME_SIZE])
{
    generation_file("log", ".pem", generation, to);
}

static void memory_file(unsigned generation, char to[SIGNER_NAME_SIZE])
{
    generation_file("last-checkpoint", "", generation, to);
}

/* --- what was signed last --------------------------------------------------------------------------------- */

static bool parse_memory_line(struct slice line, struct checkpoint *ret)
{
    size_t blank = slice_find(line, ' ');
    struct checkpoint c = {0};
    if (!slice_parse_u64(slice_part(line, 0, blank), INT64_MAX, &c.size) ||
        !hex_parse(slice_part(line, blank + 1, line.len), c.root.at, HASH_LEN))
        return false;
    ret->size = c.size;
    ret->root = c.root;
    return true;
}

static size_t print_memory_line(const struct checkpoint *c, char to[MEMORY_LINE_SIZE])
{
    char root[2 * HASH_LEN + 1];
    hash_print(&c->root, root);
    return (size_t)snprintf(to, MEMORY_LINE_SIZE, "%llu %s\n", (unsigned long long)c->size, root);
}

/* One line instead of many; the file is old or new, never torn. */
static result rewrite_memory(struct signer *s, const struct checkpoint *c, struct why *why)
{
    char line[MEMORY_LINE_SIZE];
    size_t len = print_memory_line(c, line);
    TRY(host_write_file(s->host, s->memory_path, 0600, slice_of(line, len), why));
    s->memory_bytes = len;
    return DONE;
}

result signer_first_memory(const struct host *host, const char *dir, struct why *why)
{
    struct signer s = {.host = host};
    struct checkpoint none = {.root = sha256((struct slice){0})}; /* the root of the empty log */
    char name[SIGNER_NAME_SIZE];
    memory_file(1, name);
    if (!print_path(s.memory_path, dir, name))
        return FAIL(why, LIMIT, "the folder's path is too long");
    return rewrite_memory(&s, &none, why);
}

static result remember(struct signer *s, const struct checkpoint *c, struct why *why)
{
    char line[MEMORY_LINE_SIZE];
    if (s->memory_bytes > MEMORY_REWRITE_BYTES)
        return rewrite_memory(s, c, why);
    size_t len = print_memory_line(c, line);
    TRY(host_append_file(s->host, s->memory_path, 0600, slice_of(line, len), why));
    s->memory_bytes += len;
    return DONE;
}

static result recall(struct signer *s, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, MEMORY_FILE_MAX);
    bool said = false;
    result r = host_read_file(s->host, s->memory_path, MEMORY_FILE_MAX, &text, why);
    if (r.code == ABSENT)
        return FAIL(why, BROKEN, "%s is missing: without it a second history of the log could be signed; put it back from "
                    "the newest backup, or write into it the size and root of the newest checkpoint that a site or auditor holds", s->memory_path);
    TRY(r);
    struct slice rest = buffer_slice(&text);
    for (size_t end = slice_find(rest, '\n'); end < rest.len; end = slice_find(rest, '\n')) {
        struct checkpoint next = {0};
        if (!parse_memory_line(slice_part(rest, 0, end), &next) || next.size < s->last.size)
            return FAIL(why, BROKEN, "%s does not say which checkpoint was signed last", s->memory_path);
        s->last.size = next.size;
        s->last.root = next.root;
        said = true;
        rest = slice_part(rest, end + 1, rest.len);
    }
    if (!said)
        return FAIL(why, BROKEN, "%s does not say which checkpoint was signed last", s->memory_path);
    /* What follows the last newline was cut off by a crash, before its signature left. */
    return rewrite_memory(s, &s->last, why);
}

/* --- trust ---------------------------------------------------------------------------------------------------- */

static bool names_our_keys(const struct signer *s, const struct trust *t)
{
    struct slice pem = buffer_slice(&s->site_ca_pem);
    return label_equal(&t->network, &s->network) && strcmp(t->log.name, s->log_name.name) == 0 &&
           memcmp(t->log.key, s->log_name.key, sizeof t->log.key) == 0 && public_key_equal(&t->seal, &s->seal_public) &&
           slice_equal(t->site_ca_pem, pem);
}

static result open_trust(struct signer *s, struct slice text, struct trust **ret, struct why *why)
{
    struct envelope e CLEANUP(envelope_done);
    struct trust *t CLEANUP(trust_freep) = NULL;
    envelope_init(&e);
    TRY(envelope_parse_text(text, TYPE_TRUST, &e, why));
    /* The first one is taken as it comes: it cannot help a captured core, since it must name our keys
     * and agents pin its hash themselves. */
    TRY(trust_open(&e, s->trust, NULL, &t, why));
    if (s->generation != t->succession_count + 1)
        return FAIL(why, DENIED, "this version names another log than the one at hand: stop the broker, and give it to innsyn-broker succeed");
    if (!names_our_keys(s, t))
        return FAIL(why, DENIED, "the trust document names another network, log, seal or site CA than this broker's");
    *ret = MOVE(t);
    return DONE;
}

static result take_trust(struct signer *s, struct slice text, struct why *why)
{
    struct trust *t CLEANUP(trust_freep) = NULL;
    TRY(open_trust(s, text, &t, why));
    if (s->trust && hash_equal(&t->hash, &s->trust->hash))
        return DONE;
    TRY(host_write_file(s->host, s->trust_path, 0600, text, why));
    trust_free(s->trust);
    s->trust = MOVE(t);
    return DONE;
}

static result recall_trust(struct signer *s, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, TRUST_FILE_MAX);
    result r = host_read_file(s->host, s->trust_path, TRUST_FILE_MAX, &text, why);
    if (r.code == ABSENT)
        return DONE;
    TRY(r);
    return open_trust(s, buffer_slice(&text), &s->trust, why);
}

static result need_trust(const struct signer *s, struct why *why)
{
    return s->trust ? DONE : FAIL(why, UNAVAILABLE, "there is no trust document yet");
}

/* --- signing ------------------------------------------------------------------------------------------------------ */

static result check_extends(const struct signer *s, const struct checkpoint *c, const struct merkle_proof *proof, struct why *why)
{
    if (c->size < s->last.size)
        return FAIL(why, DENIED, "a checkpoint of size %llu after one of %llu was signed", (unsigned long long)c->size,
                    (unsigned long long)s->last.size);
    if (s->last.size == 0 || c->size == s->last.size) {
        if (proof->count > 0)
            return FAIL(why, MALFORMED, "no proof belongs here");
        if (c->size == s->last.size && c->size > 0 && !hash_equal(&c->root, &s->last.root))
            return FAIL(why, DENIED, "another root of the size that was signed last");
        return DONE;
    }
    return merkle_check_consistency(s->last.size, c->size, proof, &s->last.root, &c->root, why);
}

static bool read_hash(struct reader *r, struct hash *ret)
{
    struct slice bytes;
    if (!reader_bytes(r, HASH_LEN, &bytes) || bytes.len != HASH_LEN)
        return false;
    memcpy(ret->at, bytes.at, HASH_LEN);
    return true;
}

static result sign_checkpoint(struct signer *s, struct slice payload, struct buffer *to, struct why *why)
{
    struct reader r = reader_of(payload);
    struct checkpoint c = {0};
    struct merkle_proof proof = {0};
    struct buffer text CLEANUP(buffer_done) = {0};
    uint8_t count;
    buffer_init(&text, NOTE_TEXT_MAX);
    bool whole = reader_u64(&r, &c.size) && c.size > 0 && c.size <= INT64_MAX && read_hash(&r, &c.root) && reader_u8(&r, &count) &&
                 count <= MERKLE_PROOF_MAX;
    for (proof.count = 0; whole && proof.count < count; proof.count++)
        whole = read_hash(&r, &proof.hashes[proof.count]);
    if (!whole || !reader_ends(&r))
        return FAIL(why, MALFORMED, "not a checkpoint to sign");
    TRY(check_extends(s, &c, &proof, why));
    memcpy(c.origin, s->log_name.name, sizeof c.origin);
    TRY(checkpoint_print(&c, &text, why));
    if (c.size != s->last.size) {
        TRY(remember(s, &c, why));
        s->last = c;
    }
    return note_sign(buffer_slice(&text), &s->log_name, s->log, to, why);
}

static result seal(const struct signer *s, const char *type, struct slice payload, struct envelope *ret, struct why *why)
{
    TRY(need_trust(s, why));
    TRY(envelope_make(type, payload, ret, why));
    return envelope_sign(ret, s->seal, why);
}

static result need_same(struct slice payload, const struct buffer *printed, struct why *why)
{
    if (!slice_equal(payload, buffer_slice(printed)))
        return FAIL(why, MALFORMED, "the document is not in its canonical form");
    return DONE;
}

static result seal_task(struct signer *s, struct slice payload, struct buffer *to, struct why *why)
{
    struct envelope e CLEANUP(envelope_done);
    struct buffer printed CLEANUP(buffer_done) = {0};
    struct task t;
    envelope_init(&e);
    buffer_init(&printed, payload.len + MEMORY_LINE_SIZE);
    TRY(seal(s, TYPE_TASK, payload, &e, why));
    TRY(task_open(&e, s->trust, &t, why)); /* read as every agent will */
    TRY(task_print(&t, &printed, why));
    TRY(need_same(payload, &printed, why));
    if (!label_equal(&t.network, &s->network))
        return FAIL(why, DENIED, "a task of another network");
    if (t.expires_ms <= t.issued_ms || t.expires_ms - t.issued_ms > QUERY_LIFE_MAX_MS)
        return FAIL(why, DENIED, "a task lives at most a day");
    return envelope_print(&e, to, why);
}

static result check_live(const struct signer *s, const struct permit_status *status, struct slice permit_text, struct why *why)
{
    struct envelope e CLEANUP(envelope_done);
    struct permit *p CLEANUP(permit_freep) = NULL;
    int64_t now = host_now_ms(s->host);
    envelope_init(&e);
    TRY(envelope_parse_text(permit_text, TYPE_PERMIT, &e, why));
    TRY(permit_read(buffer_slice(&e.payload), &p, why));
    if (!label_equal(&p->network, &s->network) || !document_id_equal(&p->id, &status->permit) ||
        !hash_equal(&p->hash, &status->permit_hash))
        return FAIL(why, DENIED, "the status names another permit");
    TRY(permit_check_signatures(&e, p, s->trust, NULL, why));
    if (now >= p->to_ms)
        return FAIL(why, DENIED, "the permit's period has ended");
    if (status->at_ms > now + CLOCK_SKEW_MAX_MS || status->at_ms < now - CLOCK_SKEW_MAX_MS)
        return FAIL(why, DENIED, "the status is not of now");
    return DONE;
}

static result seal_status(struct signer *s, struct slice payload, struct buffer *to, struct why *why)
{
    struct reader r = reader_of(payload);
    struct slice permit_text, document;
    struct envelope e CLEANUP(envelope_done);
    struct buffer printed CLEANUP(buffer_done) = {0};
    struct permit_status status;
    envelope_init(&e);
    buffer_init(&printed, PERMIT_BYTES_MAX + MEMORY_LINE_SIZE);
    if (!reader_bytes(&r, ENVELOPE_TEXT_MAX, &permit_text) || !reader_bytes(&r, PERMIT_BYTES_MAX, &document) || !reader_ends(&r))
        return FAIL(why, MALFORMED, "not a status to seal");
    TRY(seal(s, TYPE_PERMIT_STATUS, document, &e, why));
    TRY(permit_status_open(&e, s->trust, &status, why));
    TRY(permit_status_print(&status, &s->network, &printed, why)); /* also holds the network to ours */
    TRY(need_same(document, &printed, why));
    if (status.state == PERMIT_LIVE)
        TRY(check_live(s, &status, permit_text, why));
    return envelope_print(&e, to, why);
}

static result issue_site(struct signer *s, struct slice payload, struct buffer *to, struct why *why)
{
    struct reader r = reader_of(payload);
    struct slice name, request;
    struct site_id site;
    if (!reader_bytes(&r, SITE_ID_MAX, &name) || !reader_bytes(&r, CERTIFICATE_PEM_MAX, &request) || !reader_ends(&r))
        return FAIL(why, MALFORMED, "not a certificate request");
    TRY(site_id_parse(name, &site, why));
    return certificate_issue_site(request, &site, s->site_ca, buffer_slice(&s->site_ca_pem), s->host, SITE_CERTIFICATE_DAYS, to, why);
}

static result last_checkpoint(const struct signer *s, struct slice payload, struct buffer *to, struct why *why)
{
    if (payload.len > 0)
        return FAIL(why, MALFORMED, "nothing belongs in this question");
    TRY(wire_u64(to, s->last.size, why));
    return wire_bytes(to, slice_of(s->last.root.at, HASH_LEN), why);
}

static result answer(struct signer *s, uint16_t kind, struct slice payload, struct buffer *to, struct why *why)
{
    switch (kind) {
    case MESSAGE_SIGN_CHECKPOINT: return sign_checkpoint(s, payload, to, why);
    case MESSAGE_SEAL_TASK: return seal_task(s, payload, to, why);
    case MESSAGE_SEAL_STATUS: return seal_status(s, payload, to, why);
    case MESSAGE_ISSUE_SITE: return issue_site(s, payload, to, why);
    case MESSAGE_TRUST: return take_trust(s, payload, why);
    case MESSAGE_LAST_CHECKPOINT: return last_checkpoint(s, payload, to, why);
    default: return FAIL(why, BROKEN, "message %u is none that core may send to keys", (unsigned)kind);
    }
}

result signer_answer(struct signer *s, uint16_t kind, struct slice payload, struct buffer *to, struct why *why)
{
    size_t before = to->len;
    result r = answer(s, kind, payload, to, why);
    if (!is_ok(r))
        to->len = before;
    return r;
}

/* --- another log (offline, R-67) ----------------------------------------------------------------------------------- */

result signer_successor(const struct signer *s, struct note_key *ret, struct why *why)
{
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    char name[SIGNER_NAME_SIZE], path[SIGNER_PATH_SIZE];
    signer_log_file(s->generation + 1, name);
    if (!print_path(path, s->dir, name))
        return FAIL(why, LIMIT, "the folder's path is too long");
    result r = signing_key_load(s->host, path, KEY_ED25519, &key, why);
    if (r.code == ABSENT) {
        TRY(signing_key_new(KEY_ED25519, &key, why));
        r = signing_key_save(s->host, path, key, why);
    }
    TRY(r);
    return signer_log_name(key, s->network.text, s->generation + 1, ret, why);
}

/* The store must begin the new log with exactly the entries that the root quorum has signed for. */
static result check_start(const struct signer *s, const struct succession *next, const struct checkpoint *here, struct why *why)
{
    if (s->last.size > next->last.size || (s->last.size == next->last.size && !hash_equal(&s->last.root, &next->last.root)))
        return FAIL(why, DENIED, "a checkpoint of %llu entries was signed here; the succession says that the old log had %llu, or had others",
                    (unsigned long long)s->last.size, (unsigned long long)next->last.size);
    if (here && (here->size != next->start.size || !hash_equal(&here->root, &next->start.root)))
        return FAIL(why, DENIED, "the store holds %llu entries; the succession begins with %llu, or with others", (unsigned long long)here->size,
                    (unsigned long long)next->start.size);
    return DONE;
}

/* The memory of the new log begins where it begins; one that is there already has signed more. */
static result begin_memory(const struct signer *s, const struct succession *next, struct why *why)
{
    struct signer begun = {.host = s->host};
    struct buffer there CLEANUP(buffer_done) = {0};
    char name[SIGNER_NAME_SIZE];
    buffer_init(&there, MEMORY_FILE_MAX);
    memory_file(s->generation + 1, name);
    if (!print_path(begun.memory_path, s->dir, name))
        return FAIL(why, LIMIT, "the folder's path is too long");
    result r = host_read_file(s->host, begun.memory_path, MEMORY_FILE_MAX, &there, why);
    return r.code == ABSENT ? rewrite_memory(&begun, &next->start, why) : r;
}

result signer_prepare(const struct signer *s, const struct trust *t, const struct checkpoint *here, struct why *why)
{
    struct note_key name;
    if (!s->trust || t->succession_count <= s->trust->succession_count)
        return DONE; /* the log stays */
    const struct succession *next = &t->successions[t->succession_count - 1];
    TRY(check_start(s, next, here, why));
    TRY(signer_successor(s, &name, why));
    if (memcmp(name.key, t->log.key, ED25519_KEY_LEN) != 0 || strcmp(name.name, t->log.name) != 0)
        return FAIL(why, DENIED, "the trust document names another successor than the key in this folder (innsyn-broker successor)");
    if (!public_key_equal(&t->seal, &s->seal_public) || !slice_equal(t->site_ca_pem, buffer_slice(&s->site_ca_pem)))
        return FAIL(why, DENIED, "the trust document names another seal or site CA than this broker's");
    return begin_memory(s, next, why);
}

result signer_keep_trust(const struct signer *s, struct slice text, struct why *why)
{
    struct envelope e CLEANUP(envelope_done);
    struct trust *t CLEANUP(trust_freep) = NULL;
    envelope_init(&e);
    TRY(envelope_parse_text(text, TYPE_TRUST, &e, why));
    TRY(trust_open(&e, NULL, NULL, &t, why));
    if (s->trust && t->version <= s->trust->version)
        return DONE; /* the store caught up with what is kept here */
    return host_write_file(s->host, s->trust_path, 0600, text, why);
}

/* --- opening ---------------------------------------------------------------------------------------------------------- */

result signer_log_name(const struct signing_key *log, const char *network, unsigned generation, struct note_key *ret, struct why *why)
{
    uint8_t key[ED25519_KEY_LEN];
    char name[NOTE_NAME_MAX + 1];
    struct label label;
    TRY(label_parse(slice_str(network), &label, why));
    TRY(signing_key_ed25519(log, key, why));
    log_name_print(&label, generation, name);
    return note_key_make(name, NOTE_ED25519, key, ret, why);
}

static result load(const struct host *host, const char *dir, const char *name, enum key_kind kind, struct signing_key **ret,
                   struct why *why)
{
    char path[SIGNER_PATH_SIZE];
    if (!print_path(path, dir, name))
        return FAIL(why, LIMIT, "the folder's path is too long");
    return signing_key_load(host, path, kind, ret, why);
}

/* Which of the network's logs is signed here: the one after as many successions as the trust document kept names. */
static result find_generation(struct signer *s, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done);
    struct trust *t CLEANUP(trust_freep) = NULL;
    buffer_init(&text, TRUST_FILE_MAX);
    envelope_init(&e);
    s->generation = 1;
    result r = host_read_file(s->host, s->trust_path, TRUST_FILE_MAX, &text, why);
    if (r.code == ABSENT)
        return DONE;
    TRY(r);
    TRY(envelope_parse_text(buffer_slice(&text), TYPE_TRUST, &e, why));
    TRY(trust_open(&e, NULL, NULL, &t, why));
    s->generation = t->succession_count + 1;
    return DONE;
}

static result open_signer(struct signer *s, const char *dir, const char *network, struct why *why)
{
    char path[SIGNER_PATH_SIZE], log[SIGNER_NAME_SIZE], memory[SIGNER_NAME_SIZE];
    TRY(label_parse(slice_str(network), &s->network, why));
    if (!print_path(s->trust_path, dir, TRUST_FILE) || !print_path(path, dir, SITE_CA_FILE) || !slice_copy_str(slice_str(dir), s->dir, sizeof s->dir))
        return FAIL(why, LIMIT, "the folder's path is too long");
    TRY(find_generation(s, why));
    signer_log_file(s->generation, log);
    memory_file(s->generation, memory);
    if (!print_path(s->memory_path, dir, memory))
        return FAIL(why, LIMIT, "the folder's path is too long");
    TRY(load(s->host, dir, log, KEY_ED25519, &s->log, why));
    TRY(load(s->host, dir, SEAL_KEY_FILE, KEY_P256, &s->seal, why));
    TRY(load(s->host, dir, SITE_CA_KEY_FILE, KEY_P256, &s->site_ca, why));
    TRY(signing_key_public(s->seal, &s->seal_public, why));
    TRY(signer_log_name(s->log, network, s->generation, &s->log_name, why));
    TRY(host_read_file(s->host, path, CERTIFICATE_PEM_MAX, &s->site_ca_pem, why));
    TRY(recall(s, why));
    return recall_trust(s, why);
}

result signer_open(const struct host *host, const char *dir, const char *network, struct signer *ret, struct why *why)
{
    struct signer s = {.host = host};
    buffer_init(&s.site_ca_pem, CERTIFICATE_PEM_MAX);
    result r = open_signer(&s, dir, network, why);
    if (is_ok(r))
        *ret = s;
    else
        signer_done(&s);
    return r;
}

void signer_done(struct signer *s)
{
    signing_key_free(s->log);
    signing_key_free(s->seal);
    signing_key_free(s->site_ca);
    buffer_done(&s->site_ca_pem);
    trust_free(s->trust);
    *s = (struct signer){0};
}
