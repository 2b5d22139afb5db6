/* Aim: the keys sign nothing that a captured core would need (I2, I3): no second history, no live status for a
 * permit without its signatures, no certificate for another site's request; and what must be remembered is
 * remembered before a signature leaves, whichever call fails.
 * Method: a broker's folder made by broker_init; each request beside the nearest that must be refused. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/instant.h"
#include "base/wire.h"
#include "broker/init.h"
#include "broker/keys/signer.h"
#include "check.h"
#include "scratch.h"
#include "fault_host.h"
#include "proto/permit.h"
#include "proto/query.h"

#define P1 "p-00000000000000000000000000"
#define P2 "p-00000000000000000000000004"

enum who { ROOT1, ROOT2, OFFICER1, OFFICER2, HOLDER, RESEARCHER, STRANGER, KEYS };
enum { LEAVES = 20, ANSWER_MAX = 1024 * 1024 };
static struct signing_key *keys[KEYS];
static struct public_key spki[KEYS];
static char dir[SCRATCH_PATH];
static struct broker_settings settings;
static struct hash leaves[LEAVES];

static int set_up(void **state)
{
    (void)state;
    scratch_make(dir, "signer");
    for (int i = 0; i < KEYS; i++) {
        assert_ok(signing_key_new(KEY_P256, &keys[i], NULL));
        assert_ok(signing_key_public(keys[i], &spki[i], NULL));
    }
    for (uint8_t i = 0; i < LEAVES; i++)
        leaves[i] = merkle_leaf(slice_of(&i, 1));
    settings = (struct broker_settings){.network = "demo", .agents_listen = "127.0.0.1:0", .people_listen = "127.0.0.1:0",
                                        .store = "sqlite:x", .names = "localhost,127.0.0.1"};
    (void)snprintf(settings.dir, sizeof settings.dir, "%s", dir);
    struct why why = {0};
    if (!is_ok(broker_init(host_real(), &settings, &why)))
        fail_msg("%s", why.text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS; i++)
        signing_key_free(keys[i]);
    scratch_remove(dir);
    return 0;
}

static const char *in_dir(const char *name)
{
    static char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void open_it(struct signer *s)
{
    struct why why = {0};
    if (!is_ok(signer_open(host_real(), dir, "demo", s, &why)))
        fail_msg("%s", why.text);
}

static const char *base64_of(const struct public_key *k)
{
    static char text[8][BASE64_LEN(PUBLIC_KEY_DER_MAX) + 1];
    static unsigned next;
    char *to = text[next++ % 8];
    base64_print_str(slice_of(k->der, k->der_len), to, sizeof text[0]);
    return to;
}

/* As after init. */
static void forget(void)
{
    assert_ok(signer_first_memory(host_real(), dir, NULL));
}

/* --- init -------------------------------------------------------------------------------------------------- */

static void init_makes_a_whole_folder_once(void **state)
{
    (void)state;
    static const char *const secret[] = {"keys/log.pem", "keys/seal.pem", "keys/site-ca.pem", "keys/server-ca.pem", "tls/server-key.pem", "broker.json"};
    struct stat st;
    for (unsigned i = 0; i < COUNT_OF(secret); i++) {
        assert_int_equal(stat(in_dir(secret[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    assert_int_equal(stat(in_dir("keys"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_status(broker_init(host_real(), &settings, NULL), DENIED); /* keys are never overwritten */
    struct broker_settings read;
    assert_ok(broker_settings_read(host_real(), dir, &read, NULL));
    assert_string_equal(read.network, "demo");
    assert_string_equal(read.dir, dir);
    assert_int_equal(read.net_processes, 1);
    struct buffer before CLEANUP(buffer_done) = {0}, after CLEANUP(buffer_done) = {0};
    buffer_init(&before, CERTIFICATE_PEM_MAX);
    buffer_init(&after, CERTIFICATE_PEM_MAX);
    assert_ok(host_read_file(host_real(), in_dir("tls/server.pem"), CERTIFICATE_PEM_MAX, &before, NULL));
    assert_ok(broker_renew_server(host_real(), &settings, NULL));
    assert_ok(host_read_file(host_real(), in_dir("tls/server.pem"), CERTIFICATE_PEM_MAX, &after, NULL));
    assert_false(slice_equal(buffer_slice(&before), buffer_slice(&after)));
}

static void settings_are_strict(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status want;
        const char *field;
    } rows[] = {
        {"{\"network\":\"n\",\"agents_listen\":\"a:1\",\"people_listen\":\"b:1\",\"store\":\"sqlite:x\"}", OK, ""},
        {"{\"network\":\"n\",\"agents_listen\":\"a:1\",\"people_listen\":\"b:1\",\"store\":\"sqlite:x\",\"lease\":1}", MALFORMED, "/lease"},
        {"{\"network\":\"n\",\"agents_listen\":\"a:1\",\"people_listen\":\"b:1\",\"store\":\"mysql:x\"}", MALFORMED, "/store"},
        {"{\"network\":\"n\",\"agents_listen\":\"a:1\",\"people_listen\":\"b:1\",\"store\":\"sqlite:x\",\"net_processes\":9}", MALFORMED, "/net_processes"},
        {"{\"network\":\"n\",\"people_listen\":\"b:1\",\"store\":\"sqlite:x\"}", MALFORMED, "/agents_listen"},
        {"{\"network\":\"n n\",\"agents_listen\":\"a:1\",\"people_listen\":\"b:1\",\"store\":\"sqlite:x\"}", MALFORMED, ""},
        {"{\"network\":\"n\",\"network\":\"n\"}", MALFORMED, ""},
    };
    char place[] = "/tmp/innsyn-settings-XXXXXX", path[64];
    assert_non_null(mkdtemp(place));
    (void)snprintf(path, sizeof path, "%s/broker.json", place);
    struct broker_settings s;
    assert_status(broker_settings_read(host_real(), place, &s, NULL), ABSENT);
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        struct why why = {0};
        assert_ok(host_write_file(host_real(), path, 0600, slice_str(rows[i].text), NULL));
        result r = broker_settings_read(host_real(), place, &s, &why);
        if (r.code != rows[i].want || (rows[i].field[0] && strcmp(why.field, rows[i].field) != 0))
            fail_msg("row %u: %s at '%s' %s", i, status_name(r.code), why.field, why.text);
    }
    (void)unlink(path);
    (void)rmdir(place);
}

/* --- checkpoints ------------------------------------------------------------------------------------------------ */

static result node(void *self, unsigned level, uint64_t index, struct hash *ret, struct why *why)
{
    if (level == 0) {
        *ret = leaves[index];
        return DONE;
    }
    struct hash left, right;
    TRY(node(self, level - 1, 2 * index, &left, why));
    TRY(node(self, level - 1, 2 * index + 1, &right, why));
    *ret = merkle_node(&left, &right);
    return DONE;
}

/* change: 1 another root, 2 the proof's first hash altered, 3 no proof */
static result ask_checkpoint(struct signer *s, uint64_t old, uint64_t size, int change, struct buffer *to)
{
    struct buffer m CLEANUP(buffer_done) = {0};
    struct merkle_proof proof = {0};
    struct hash root;
    buffer_init(&m, 64 * 1024);
    assert_ok(merkle_root_at(node, NULL, size, &root, NULL));
    if (old > 0 && old < size)
        assert_ok(merkle_prove_consistency(node, NULL, old, size, &proof, NULL));
    if (change == 1)
        root.at[0] ^= 1;
    if (change == 2)
        proof.hashes[0].at[0] ^= 1;
    if (change == 3)
        proof.count = 0;
    assert_ok(wire_u64(&m, size, NULL));
    assert_ok(wire_bytes(&m, slice_of(root.at, HASH_LEN), NULL));
    assert_ok(wire_u8(&m, (uint8_t)proof.count, NULL));
    for (unsigned i = 0; i < proof.count; i++)
        assert_ok(wire_bytes(&m, slice_of(proof.hashes[i].at, HASH_LEN), NULL));
    return signer_answer(s, MESSAGE_SIGN_CHECKPOINT, buffer_slice(&m), to, NULL);
}

static void one_history_of_checkpoints(void **state)
{
    (void)state;
    struct signer s;
    struct buffer to CLEANUP(buffer_done) = {0};
    struct checkpoint c;
    buffer_init(&to, ANSWER_MAX);
    forget();
    open_it(&s);
    assert_ok(signer_answer(&s, MESSAGE_LAST_CHECKPOINT, (struct slice){0}, &to, NULL));
    struct reader r = reader_of(buffer_slice(&to));
    uint64_t size;
    struct slice root;
    assert_true(reader_u64(&r, &size) && size == 0 && reader_bytes(&r, HASH_LEN, &root) && root.len == HASH_LEN && reader_ends(&r));
    buffer_clear(&to);
    assert_ok(ask_checkpoint(&s, 0, 3, 0, &to));
    assert_ok(checkpoint_open(buffer_slice(&to), &s.log_name, &c, NULL));
    assert_int_equal(c.size, 3);
    assert_string_equal(c.origin, "innsyn.demo/log");
    buffer_clear(&to);
    assert_ok(ask_checkpoint(&s, 3, 3, 0, &to)); /* the same again: harmless */
    buffer_clear(&to);
    assert_status(ask_checkpoint(&s, 3, 3, 1, &to), DENIED);
    assert_status(ask_checkpoint(&s, 2, 2, 0, &to), DENIED);
    assert_status(ask_checkpoint(&s, 3, 7, 1, &to), DENIED);
    assert_status(ask_checkpoint(&s, 3, 7, 2, &to), DENIED);
    assert_status(ask_checkpoint(&s, 3, 7, 3, &to), DENIED);
    assert_status(ask_checkpoint(&s, 2, 7, 0, &to), DENIED); /* a proof from elsewhere */
    assert_int_equal(to.len, 0);
    assert_ok(ask_checkpoint(&s, 3, 7, 0, &to));
    signer_done(&s);
    /* A new process knows; what a crash left of a line does not count. */
    assert_ok(host_append_file(host_real(), in_dir("keys/last-checkpoint"), 0600, slice_str("9 00ff"), NULL));
    open_it(&s);
    assert_int_equal(s.last.size, 7);
    buffer_clear(&to);
    assert_status(ask_checkpoint(&s, 5, 5, 0, &to), DENIED);
    assert_status(ask_checkpoint(&s, 0, 8, 0, &to), DENIED);
    assert_ok(ask_checkpoint(&s, 7, 8, 0, &to));
    signer_done(&s);
    /* Nor does what a crash left of the very first line: the next one begins a line of its own. */
    forget();
    assert_ok(host_append_file(host_real(), in_dir("keys/last-checkpoint"), 0600, slice_str("3 00ff"), NULL));
    open_it(&s);
    assert_int_equal(s.last.size, 0);
    buffer_clear(&to);
    assert_ok(ask_checkpoint(&s, 0, 8, 0, &to));
    signer_done(&s);
    open_it(&s);
    assert_int_equal(s.last.size, 8);
    signer_done(&s);
    /* A file that goes back in size is no memory. */
    assert_ok(host_append_file(host_real(), in_dir("keys/last-checkpoint"), 0600,
                               slice_str("2 0000000000000000000000000000000000000000000000000000000000000000\n"), NULL));
    assert_status(signer_open(host_real(), dir, "demo", &s, NULL), BROKEN);
    forget();
}

/* A memory that was lost is no beginning: whoever removes it gets no second history. */
static void no_memory_no_signer(void **state)
{
    (void)state;
    struct signer s;
    struct why why = {0};
    forget();
    open_it(&s);
    assert_int_equal(s.last.size, 0);
    signer_done(&s);
    assert_int_equal(unlink(in_dir("keys/last-checkpoint")), 0);
    assert_status(signer_open(host_real(), dir, "demo", &s, &why), BROKEN);
    assert_non_null(strstr(why.text, "last-checkpoint is missing"));
    static const char *const none[] = {"", "3 00ff", "\n"};
    for (unsigned i = 0; i < COUNT_OF(none); i++) {
        assert_ok(host_write_file(host_real(), in_dir("keys/last-checkpoint"), 0600, slice_str(none[i]), NULL));
        assert_status(signer_open(host_real(), dir, "demo", &s, &why), BROKEN);
    }
    forget();
}

static void remembered_before_the_signature_leaves(void **state)
{
    (void)state;
    bool hit = true;
    for (unsigned long n = 0; hit && n < 100; n++) {
        for (int after = 0; after < 2; after++) {
            struct fault_host f;
            struct signer s, again;
            struct buffer to CLEANUP(buffer_done) = {0};
            buffer_init(&to, ANSWER_MAX);
            forget();
            open_it(&s);
            assert_ok(ask_checkpoint(&s, 0, 3, 0, &to));
            buffer_clear(&to);
            fault_host_init(&f, n);
            f.after = after == 1;
            s.host = &f.host;
            result r = ask_checkpoint(&s, 3, 7, 0, &to);
            open_it(&again); /* as after kill -9 */
            assert_true((r.code == OK) != f.hit);
            assert_true(again.last.size == 7 || (r.code != OK && again.last.size == 3 && to.len == 0));
            hit = f.hit;
            signer_done(&again);
            signer_done(&s);
        }
    }
    assert_false(hit);
    forget();
}

/* --- trust ---------------------------------------------------------------------------------------------------------- */

static void print_trust(const struct signer *s, int version, const char *network, const struct public_key *seal, struct buffer *to)
{
    char vkey[VKEY_TEXT_MAX + 1], issued[INSTANT_TEXT_SIZE];
    struct json *t CLEANUP(json_freep) = json_object();
    struct json *root = json_object(), *roots = json_array(), *officers = json_array(), *holders = json_array(), *sites = json_array();
    struct buffer payload CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done);
    buffer_init(&payload, TRUST_BYTES_MAX);
    envelope_init(&e);
    note_key_print(&s->log_name, vkey);
    instant_print(host_now_ms(host_real()), issued);
    json_add(roots, json_of_str(base64_of(&spki[ROOT1])));
    json_add(roots, json_of_str(base64_of(&spki[ROOT2])));
    json_set(root, "threshold", json_of_integer(2));
    json_set(root, "keys", roots);
    for (int i = 0; i < 2; i++) {
        struct json *o = json_object();
        json_set(o, "account", json_of_str(i ? "officer2" : "officer1"));
        json_set(o, "key", json_of_str(base64_of(&spki[OFFICER1 + i])));
        json_add(officers, o);
    }
    struct json *h = json_object(), *site = json_object();
    json_set(h, "account", json_of_str("holder"));
    json_set(h, "site", json_of_str("va"));
    json_set(h, "key", json_of_str(base64_of(&spki[HOLDER])));
    json_add(holders, h);
    json_set(site, "site", json_of_str("va"));
    json_set(site, "key", json_of_str(base64_of(&spki[STRANGER])));
    json_add(sites, site);
    json_set(t, "innsyn", json_of_str("trust/1"));
    json_set(t, "network", json_of_str(network));
    json_set(t, "version", json_of_integer(version));
    json_set(t, "issued", json_of_str(issued));
    json_set(t, "root", root);
    json_set(t, "officers", officers);
    json_set(t, "holders", holders);
    json_set(t, "sites", sites);
    json_set(t, "log", json_of_str(vkey));
    json_set(t, "witnesses", json_array());
    json_set(t, "seal", json_of_str(base64_of(seal)));
    json_set(t, "site_ca", json_of_text(buffer_slice(&s->site_ca_pem)));
    assert_ok(json_print(t, &payload, NULL));
    assert_ok(envelope_make(TYPE_TRUST, buffer_slice(&payload), &e, NULL));
    assert_ok(envelope_sign(&e, keys[ROOT1], NULL));
    assert_ok(envelope_sign(&e, keys[ROOT2], NULL));
    buffer_clear(to);
    assert_ok(envelope_print(&e, to, NULL));
}

static void give_trust(struct signer *s, int version)
{
    struct buffer text CLEANUP(buffer_done) = {0}, to CLEANUP(buffer_done) = {0};
    struct why why = {0};
    buffer_init(&text, ANSWER_MAX);
    buffer_init(&to, ANSWER_MAX);
    print_trust(s, version, "demo", &s->seal_public, &text);
    if (!is_ok(signer_answer(s, MESSAGE_TRUST, buffer_slice(&text), &to, &why)))
        fail_msg("%s %s", why.field, why.text);
    assert_int_equal(to.len, 0);
}

static void trust_never_goes_back_and_names_our_keys(void **state)
{
    (void)state;
    struct signer s;
    struct buffer first CLEANUP(buffer_done) = {0}, text CLEANUP(buffer_done) = {0}, to CLEANUP(buffer_done) = {0};
    buffer_init(&first, ANSWER_MAX);
    buffer_init(&text, ANSWER_MAX);
    buffer_init(&to, ANSWER_MAX);
    (void)unlink(in_dir("keys/trust.json"));
    open_it(&s);
    print_trust(&s, 1, "demo", &spki[RESEARCHER], &text); /* another seal */
    assert_status(signer_answer(&s, MESSAGE_TRUST, buffer_slice(&text), &to, NULL), DENIED);
    print_trust(&s, 1, "other", &s.seal_public, &text);
    assert_false(is_ok(signer_answer(&s, MESSAGE_TRUST, buffer_slice(&text), &to, NULL)));
    assert_status(signer_answer(&s, MESSAGE_TRUST, slice_str("{}"), &to, NULL), MALFORMED);
    assert_null(s.trust);
    print_trust(&s, 1, "demo", &s.seal_public, &first);
    assert_ok(signer_answer(&s, MESSAGE_TRUST, buffer_slice(&first), &to, NULL));
    assert_ok(signer_answer(&s, MESSAGE_TRUST, buffer_slice(&first), &to, NULL)); /* at each start */
    give_trust(&s, 2);
    assert_status(signer_answer(&s, MESSAGE_TRUST, buffer_slice(&first), &to, NULL), DENIED);
    signer_done(&s);
    open_it(&s);
    assert_int_equal(s.trust->version, 2);
    assert_status(signer_answer(&s, MESSAGE_TRUST, buffer_slice(&first), &to, NULL), DENIED);
    signer_done(&s);
}

/* --- seals ---------------------------------------------------------------------------------------------------------------- */

static void tasks_are_read_before_they_are_sealed(void **state)
{
    (void)state;
    struct signer s;
    struct buffer text CLEANUP(buffer_done) = {0}, to CLEANUP(buffer_done) = {0};
    int64_t now = host_now_ms(host_real());
    buffer_init(&text, ANSWER_MAX);
    buffer_init(&to, ANSWER_MAX);
    (void)unlink(in_dir("keys/trust.json"));
    open_it(&s);
    struct task t = {.issued_ms = now, .expires_ms = now + HOUR_MS, .entry = 17};
    strcpy(t.id.text, "t-00000000000000000000000000");
    strcpy(t.query.text, "q-00000000000000000000000000");
    strcpy(t.permit.text, P1);
    strcpy(t.network.text, "demo");
    strcpy(t.site.text, "va");
    assert_ok(task_print(&t, &text, NULL));
    assert_status(signer_answer(&s, MESSAGE_SEAL_TASK, buffer_slice(&text), &to, NULL), UNAVAILABLE); /* no trust yet */
    give_trust(&s, 1);
    assert_ok(signer_answer(&s, MESSAGE_SEAL_TASK, buffer_slice(&text), &to, NULL));
    struct envelope e CLEANUP(envelope_done);
    struct task got;
    envelope_init(&e);
    assert_ok(envelope_parse_text(buffer_slice(&to), TYPE_TASK, &e, NULL));
    assert_ok(task_open(&e, s.trust, &got, NULL));
    assert_int_equal(got.entry, 17);
    buffer_clear(&to);
    assert_ok(buffer_add_byte(&text, ' ', NULL)); /* the same, not canonical */
    assert_false(is_ok(signer_answer(&s, MESSAGE_SEAL_TASK, buffer_slice(&text), &to, NULL)));
    strcpy(t.network.text, "other");
    buffer_clear(&text);
    assert_ok(task_print(&t, &text, NULL));
    assert_false(is_ok(signer_answer(&s, MESSAGE_SEAL_TASK, buffer_slice(&text), &to, NULL)));
    strcpy(t.network.text, "demo");
    t.expires_ms = now + QUERY_LIFE_MAX_MS + 1000;
    buffer_clear(&text);
    assert_ok(task_print(&t, &text, NULL));
    assert_false(is_ok(signer_answer(&s, MESSAGE_SEAL_TASK, buffer_slice(&text), &to, NULL)));
    assert_false(is_ok(signer_answer(&s, MESSAGE_SEAL_TASK, slice_str("{\"innsyn\":\"permit/1\"}"), &to, NULL)));
    assert_int_equal(to.len, 0);
    signer_done(&s);
}

static void print_permit(struct envelope *e, const char *to_instant, unsigned signers)
{
    char text[2048];
    envelope_init(e);
    (void)snprintf(text, sizeof text,
                   "{\"innsyn\":\"permit/1\",\"id\":\"" P1 "\",\"network\":\"demo\",\"application\":\"a-00000000000000000000000000\","
                   "\"purpose\":\"53.1.e\",\"from\":\"2020-01-01T00:00:00Z\",\"to\":\"%s\",\"datasets\":[{\"dataset\":\"heart\","
                   "\"sites\":[\"va\"],\"variables\":[\"*\"],\"statistics\":[\"count\"]}],\"people\":[{\"account\":\"researcher\",\"key\":\"%s\"}]}",
                   to_instant, base64_of(&spki[RESEARCHER]));
    assert_ok(envelope_make(TYPE_PERMIT, slice_str(text), e, NULL));
    for (unsigned i = 0; i < KEYS; i++)
        if (signers >> i & 1)
            assert_ok(envelope_sign(e, keys[i], NULL));
}

static void live_only_with_every_signature(void **state)
{
    (void)state;
    enum { ALL = 1 << OFFICER1 | 1 << OFFICER2 | 1 << HOLDER };
    static const struct {
        const char *name, *ends;
        unsigned signers;
        enum permit_state status;
        const char *permit;
        int64_t late_ms;
        bool other_hash, no_permit;
        enum status want;
    } rows[] = {
        {"whole", "2100-01-01T00:00:00Z", ALL, PERMIT_LIVE, P1, 0, false, false, OK},
        {"one officer", "2100-01-01T00:00:00Z", ALL & ~(1 << OFFICER2), PERMIT_LIVE, P1, 0, false, false, DENIED},
        {"no holder", "2100-01-01T00:00:00Z", ALL & ~(1 << HOLDER), PERMIT_LIVE, P1, 0, false, false, DENIED},
        {"unsigned", "2100-01-01T00:00:00Z", 0, PERMIT_LIVE, P1, 0, false, false, DENIED},
        {"over", "2021-01-01T00:00:00Z", ALL, PERMIT_LIVE, P1, 0, false, false, DENIED},
        {"another permit's", "2100-01-01T00:00:00Z", ALL, PERMIT_LIVE, P2, 0, false, false, DENIED},
        {"another hash", "2100-01-01T00:00:00Z", ALL, PERMIT_LIVE, P1, 0, true, false, DENIED},
        {"of the past", "2100-01-01T00:00:00Z", ALL, PERMIT_LIVE, P1, -10 * MINUTE_MS, false, false, DENIED},
        {"of the future", "2100-01-01T00:00:00Z", ALL, PERMIT_LIVE, P1, 10 * MINUTE_MS, false, false, DENIED},
        {"live without the permit", "2100-01-01T00:00:00Z", ALL, PERMIT_LIVE, P1, 0, false, true, MALFORMED},
        {"revoked without the permit", "2100-01-01T00:00:00Z", ALL, PERMIT_REVOKED, P1, 0, false, true, OK},
        {"suspended, unsigned", "2100-01-01T00:00:00Z", 0, PERMIT_SUSPENDED, P1, 0, false, false, OK},
    };
    struct signer s;
    struct label network;
    assert_ok(label_parse(slice_str("demo"), &network, NULL));
    (void)unlink(in_dir("keys/trust.json"));
    open_it(&s);
    give_trust(&s, 1);
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        struct envelope e CLEANUP(envelope_done), sealed CLEANUP(envelope_done);
        struct buffer permit CLEANUP(buffer_done) = {0}, status CLEANUP(buffer_done) = {0}, m CLEANUP(buffer_done) = {0}, to CLEANUP(buffer_done) = {0};
        struct why why = {0};
        buffer_init(&permit, ANSWER_MAX);
        buffer_init(&status, ANSWER_MAX);
        buffer_init(&m, ANSWER_MAX);
        buffer_init(&to, ANSWER_MAX);
        envelope_init(&sealed);
        print_permit(&e, rows[i].ends, rows[i].signers);
        if (!rows[i].no_permit)
            assert_ok(envelope_print(&e, &permit, NULL));
        struct permit_status st = {.permit_hash = envelope_hash(&e), .state = rows[i].status, .serial = 3,
                                   .at_ms = host_now_ms(host_real()) + rows[i].late_ms};
        strcpy(st.permit.text, rows[i].permit);
        if (rows[i].other_hash)
            st.permit_hash.at[0] ^= 1;
        assert_ok(permit_status_print(&st, &network, &status, NULL));
        assert_ok(wire_bytes(&m, buffer_slice(&permit), NULL));
        assert_ok(wire_bytes(&m, buffer_slice(&status), NULL));
        result r = signer_answer(&s, MESSAGE_SEAL_STATUS, buffer_slice(&m), &to, &why);
        if (r.code != rows[i].want)
            fail_msg("%s: %s %s %s", rows[i].name, status_name(r.code), why.field, why.text);
        if (is_ok(r)) {
            struct permit_status got;
            assert_ok(envelope_parse_text(buffer_slice(&to), TYPE_PERMIT_STATUS, &sealed, NULL));
            assert_ok(permit_status_open(&sealed, s.trust, &got, NULL));
            assert_int_equal(got.state, rows[i].status);
        } else {
            assert_int_equal(to.len, 0);
        }
    }
    signer_done(&s);
}

/* --- certificates ------------------------------------------------------------------------------------------------------------ */

static void certificates_name_the_site_of_the_request(void **state)
{
    (void)state;
    struct signer s;
    struct buffer request CLEANUP(buffer_done) = {0}, m CLEANUP(buffer_done) = {0}, to CLEANUP(buffer_done) = {0};
    struct site_id va;
    struct certificate_facts facts;
    buffer_init(&request, CERTIFICATE_PEM_MAX);
    buffer_init(&m, ANSWER_MAX);
    buffer_init(&to, ANSWER_MAX);
    open_it(&s);
    assert_ok(site_id_parse(slice_str("va"), &va, NULL));
    assert_ok(certificate_request(keys[STRANGER], &va, &request, NULL));
    static const struct {
        const char *site;
        enum status want;
    } rows[] = {{"va", OK}, {"cleveland", DENIED}, {"va.va", DENIED}, {"-", MALFORMED}};
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        buffer_clear(&m);
        buffer_clear(&to);
        assert_ok(wire_str(&m, rows[i].site, NULL));
        assert_ok(wire_bytes(&m, buffer_slice(&request), NULL));
        assert_status(signer_answer(&s, MESSAGE_ISSUE_SITE, buffer_slice(&m), &to, NULL), rows[i].want);
        if (rows[i].want != OK)
            continue;
        assert_ok(certificate_read(buffer_slice(&to), &facts, NULL));
        assert_true(site_id_equal(&facts.site, &va));
        assert_true(facts.not_after_ms - host_now_ms(host_real()) <= SITE_CERTIFICATE_DAYS * DAY_MS + HOUR_MS);
    }
    signer_done(&s);
}

static void nothing_else_is_taken(void **state)
{
    (void)state;
    struct signer s;
    struct buffer to CLEANUP(buffer_done) = {0};
    buffer_init(&to, ANSWER_MAX);
    open_it(&s);
    for (uint16_t kind = 0; kind < 64; kind++) {
        bool known = kind >= MESSAGE_SIGN_CHECKPOINT && kind <= MESSAGE_LAST_CHECKPOINT;
        result r = signer_answer(&s, kind, slice_str("x"), &to, NULL);
        assert_int_equal(r.code == BROKEN, !known);
        assert_false(is_ok(r));
        assert_int_equal(to.len, 0);
    }
    signer_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_makes_a_whole_folder_once),
        cmocka_unit_test(settings_are_strict),
        cmocka_unit_test(one_history_of_checkpoints),
        cmocka_unit_test(no_memory_no_signer),
        cmocka_unit_test(remembered_before_the_signature_leaves),
        cmocka_unit_test(trust_never_goes_back_and_names_our_keys),
        cmocka_unit_test(tasks_are_read_before_they_are_sealed),
        cmocka_unit_test(live_only_with_every_signature),
        cmocka_unit_test(certificates_name_the_site_of_the_request),
        cmocka_unit_test(nothing_else_is_taken),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
