/* What a person's own machine must notice: a receipt with any part altered, a log that is not the one
 * seen before, a trust document that does not follow.  Each altered case stands beside the one that holds. */
#include "tests/unit/check.h"

#include "base/codec.h"
#include "base/instant.h"
#include "client/log/audit.h"
#include "client/document.h"
#include "client/log/receipt.h"
#include "client/trust_make.h"
#include "client/trust_store.h"

#define ORIGIN "innsyn.demo/log"

struct log {
    struct signing_key *key;
    struct note_key public;
};

static void log_open(struct log *log)
{
    uint8_t raw[ED25519_KEY_LEN];
    *log = (struct log){0};
    assert_ok(signing_key_new(KEY_ED25519, &log->key, NULL));
    assert_ok(signing_key_ed25519(log->key, raw, NULL));
    assert_ok(note_key_make(ORIGIN, NOTE_ED25519, raw, &log->public, NULL));
}

static void sign_checkpoint(const struct log *log, const struct checkpoint *c, struct buffer *note)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 4096);
    buffer_init(note, CHECKPOINT_NOTE_MAX);
    assert_ok(checkpoint_print(c, &text, NULL));
    assert_ok(note_sign(buffer_slice(&text), &log->public, log->key, note, NULL));
}

static struct json *parse(const char *text)
{
    struct json *v = NULL;
    assert_ok(json_parse(slice_str(text), JSON_BYTES_MAX, &v, NULL));
    return v;
}

/* --- receipts ------------------------------------------------------------------------------- */

#define H64(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c

static struct json *hash_of(const struct json *v)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 65536);
    assert_ok(json_print(v, &text, NULL));
    struct hash h = sha256(buffer_slice(&text));
    return json_of_hex(slice_of(h.at, HASH_LEN));
}

/* A result with its receipt, its release entry at index 1 of a log of two. */
static struct json *make_result(const struct log *log)
{
    struct json *d = parse("{\"innsyn\":\"result/1\",\"question\":{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"statistic\":{\"count\":{}}},"
                           "\"protection\":{\"profile\":\"open\",\"noise_sd_per_site\":null,\"withheld\":[],\"budget\":null},"
                           "\"sites\":[{\"site\":\"va\",\"status\":\"answered\",\"edition\":\"" H64("e") "\"},{\"site\":\"oslo\",\"status\":\"missing\"}],"
                           "\"result\":{\"count\":200}}");
    struct json *entry CLEANUP(json_freep) = parse("{\"innsyn\":\"entry/1\",\"at\":\"2026-11-21T22:00:00.000Z\",\"type\":\"release\",\"account\":\"researcher\","
                                                   "\"permit\":\"p-1\",\"permit_sha256\":\"" H64("a") "\",\"query\":\"q-1\",\"query_sha256\":\"" H64("b") "\","
                                                   "\"sites\":[{\"site\":\"va\",\"edition\":\"" H64("e") "\",\"result_sha256\":\"" H64("c") "\"}]}");
    json_set(entry, "question_sha256", hash_of(json_get(d, "question")));
    json_set(entry, "result_sha256", hash_of(d));
    struct buffer bytes CLEANUP(buffer_done) = {0}, note CLEANUP(buffer_done) = {0};
    buffer_init(&bytes, 65536);
    assert_ok(json_print(entry, &bytes, NULL));
    struct hash first = merkle_leaf(slice_str("{}")), leaf = merkle_leaf(buffer_slice(&bytes)), is = sha256(buffer_slice(&bytes));
    struct checkpoint c = {.origin = ORIGIN, .size = 2, .root = merkle_node(&first, &leaf)};
    sign_checkpoint(log, &c, &note);

    static const char *const shared[] = {"permit", "permit_sha256", "query", "query_sha256", "question_sha256", "at", "sites"};
    struct json *receipt = json_object(), *at = json_object(), *proof = json_array();
    for (size_t i = 0; i < COUNT_OF(shared); i++)
        json_set(receipt, shared[i], json_copy(json_get(entry, shared[i])));
    json_set(at, "index", json_of_integer(1));
    json_set(at, "sha256", json_of_hex(slice_of(is.at, HASH_LEN)));
    json_set(at, "bytes", json_of_base64(buffer_slice(&bytes)));
    json_add(proof, json_of_base64(slice_of(first.at, HASH_LEN)));
    json_set(receipt, "entry", at);
    json_set(receipt, "checkpoint", json_of_text(buffer_slice(&note)));
    json_set(receipt, "proof", proof);
    json_set(d, "receipt", receipt);
    return d;
}

static void a_receipt_that_holds(void **state)
{
    (void)state;
    struct log log;
    struct receipt_facts facts;
    struct why why = {0};
    log_open(&log);
    struct json *d CLEANUP(json_freep) = make_result(&log);
    result r = receipt_check(d, &log.public, &facts, &why);
    if (r.code != OK)
        print_error("%s %s\n", why.field, why.text);
    assert_int_equal(r.code, OK);
    assert_int_equal(facts.entry, 1);
    assert_int_equal(facts.log_size, 2);
    assert_string_equal(facts.query, "q-1");
    signing_key_free(log.key);
}

/* The document's text with one part replaced. */
static struct json *altered(const struct json *d, const char *from, const char *to)
{
    struct buffer text CLEANUP(buffer_done) = {0}, changed CLEANUP(buffer_done) = {0};
    buffer_init(&text, 65536);
    buffer_init(&changed, 65536);
    assert_ok(json_print(d, &text, NULL));
    const char *whole = buffer_str(&text), *at = strstr(whole, from);
    if (!at)
        fail_msg("'%s' is not in %s", from, whole);
    assert_ok(buffer_add(&changed, slice_of(whole, (size_t)(at - whole)), NULL));
    assert_ok(buffer_add_str(&changed, to, NULL));
    assert_ok(buffer_add_str(&changed, at + strlen(from), NULL));
    return parse(buffer_str(&changed));
}

static void any_altered_part_is_noticed(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        enum status want;
    } cases[] = {
        {"\"count\":200", "\"count\":201", DENIED},
        {"\"profile\":\"open\"", "\"profile\":\"ck\"", DENIED},
        {"\"dataset\":\"heart\"", "\"dataset\":\"hearts\"", DENIED},
        {"\"status\":\"missing\"", "\"status\":\"refused\"", DENIED},
        {"\"permit\":\"p-1\"", "\"permit\":\"p-2\"", DENIED},
        {"\"query\":\"q-1\"", "\"query\":\"q-2\"", DENIED},
        {"\"permit_sha256\":\"a", "\"permit_sha256\":\"b", DENIED},
        {"\"query_sha256\":\"b", "\"query_sha256\":\"c", DENIED},
        {"\"result_sha256\":\"c", "\"result_sha256\":\"d", DENIED},
        {"T22:00:00.000Z", "T22:00:00.001Z", DENIED},
        {"\"index\":1", "\"index\":0", DENIED},
        {"\"index\":1", "\"index\":2", DENIED},
        {"\"index\":1", "\"index\":-1", MALFORMED},
        {"\"innsyn\":\"result/1\"", "\"innsyn\":\"result/2\"", MALFORMED},
        {"\"receipt\":{", "\"receipts\":{", MALFORMED},
        {"\"bytes\":\"", "\"bytez\":\"", MALFORMED},
        {"\\n2\\n", "\\n3\\n", DENIED}, /* the checkpoint's size, which the log signed */
        {"\"proof\":[\"", "\"proof\":[\"AA", MALFORMED},
    };
    struct log log, other;
    struct receipt_facts facts;
    log_open(&log);
    log_open(&other);
    struct json *d CLEANUP(json_freep) = make_result(&log);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct why why = {0};
        struct json *bad CLEANUP(json_freep) = altered(d, cases[i].from, cases[i].to);
        enum status got = receipt_check(bad, &log.public, &facts, &why).code;
        if (got != cases[i].want)
            fail_msg("%s -> %s: %s %s", cases[i].from, cases[i].to, status_name(got), why.text);
    }
    assert_status(receipt_check(d, &other.public, &facts, NULL), DENIED);
    signing_key_free(log.key);
    signing_key_free(other.key);
}

/* --- the log -------------------------------------------------------------------------------- */

static const char *const entries[] = {
    "{\"at\":\"2026-11-21T22:00:00.000Z\",\"innsyn\":\"entry/1\",\"type\":\"startup\"}",
    "{\"account\":\"a\",\"at\":\"2026-11-21T22:00:00.000Z\",\"innsyn\":\"entry/1\",\"type\":\"login\"}",
    "{\"account\":\"b\",\"at\":\"2026-11-21T22:00:01.000Z\",\"innsyn\":\"entry/1\",\"type\":\"login\"}",
    "{\"at\":\"2026-11-21T22:00:02.000Z\",\"innsyn\":\"entry/1\",\"type\":\"dispatch\"}",
    "{\"at\":\"2026-11-21T22:00:03.000Z\",\"innsyn\":\"entry/1\",\"type\":\"release\"}",
};

static struct checkpoint checkpoint_of(const char *const *lines, size_t count)
{
    struct merkle_frontier f;
    merkle_frontier_init(&f);
    for (size_t i = 0; i < count; i++) {
        struct hash leaf = merkle_leaf(slice_str(lines[i]));
        assert_ok(merkle_append(&f, &leaf, NULL, NULL, NULL));
    }
    return (struct checkpoint){.origin = ORIGIN, .size = count, .root = merkle_root(&f)};
}

/* The first failure of a whole verification. */
static enum status verify(const char *const *lines, size_t count, const struct checkpoint *seen, const struct checkpoint *now)
{
    static struct audit a;
    audit_init(&a, seen);
    for (size_t i = 0; i < count; i++) {
        result r = audit_add(&a, slice_str(lines[i]), NULL);
        if (r.code != OK)
            return r.code;
    }
    return audit_end(&a, now, NULL).code;
}

static void the_log_is_rebuilt(void **state)
{
    (void)state;
    struct checkpoint all = checkpoint_of(entries, 5), three = checkpoint_of(entries, 3);
    assert_int_equal(verify(entries, 5, NULL, &all), OK);
    assert_int_equal(verify(entries, 5, &three, &all), OK);
    assert_int_equal(verify(entries, 5, &all, &all), OK);
    assert_int_equal(verify(entries, 0, NULL, &(struct checkpoint){.origin = ORIGIN, .size = 0, .root = merkle_empty_root()}), OK);

    static struct audit a;
    audit_init(&a, NULL);
    for (size_t i = 0; i < 5; i++)
        assert_ok(audit_add(&a, slice_str(entries[i]), NULL));
    assert_int_equal(a.type_count, 4);
    assert_string_equal(a.types[1].name, "login");
    assert_int_equal(a.types[1].count, 2);
}

static void an_altered_log_is_noticed(void **state)
{
    (void)state;
    struct checkpoint all = checkpoint_of(entries, 5), three = checkpoint_of(entries, 3), four = checkpoint_of(entries, 4);
    const char *lines[5];
    memcpy(lines, entries, sizeof lines);
    assert_int_equal(verify(lines, 4, NULL, &all), DENIED);   /* one left out at the end */
    assert_int_equal(verify(lines, 3, &four, &three), DENIED); /* shrunk */
    lines[3] = entries[4];
    lines[4] = entries[3];
    assert_int_equal(verify(lines, 5, NULL, &all), DENIED); /* times go back */
    lines[3] = entries[3];
    lines[4] = entries[4];
    lines[1] = "{\"account\":\"x\",\"at\":\"2026-11-21T22:00:00.000Z\",\"innsyn\":\"entry/1\",\"type\":\"login\"}";
    assert_int_equal(verify(lines, 5, NULL, &all), DENIED); /* rewritten, checkpoint kept */
    struct checkpoint rewritten = checkpoint_of(lines, 5);
    assert_int_equal(verify(lines, 5, NULL, &rewritten), OK);       /* whoever sees it first cannot know */
    assert_int_equal(verify(lines, 5, &three, &rewritten), DENIED); /* whoever saw the log before does */
    static const char *const forms[] = {
        "{}", "not json", "{\"innsyn\":\"entry/1\",\"at\":\"2026-11-21T22:00:00.000Z\",\"type\":\"login\"}", /* not canonical */
        "{\"at\":\"2026-11-21T22:00:00.000Z\",\"innsyn\":\"entry/1\"}", "{\"at\":\"yesterday\",\"innsyn\":\"entry/1\",\"type\":\"login\"}",
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct checkpoint c = checkpoint_of(&forms[i], 1);
        assert_int_equal(verify(&forms[i], 1, NULL, &c), DENIED);
    }
}

/* --- trust ---------------------------------------------------------------------------------- */

struct ceremony {
    struct signing_key *roots[3], *person[5];
    struct log log;
    char site_ca[64];
};

static void spki_of(const struct signing_key *key, char to[256])
{
    struct public_key public;
    assert_ok(signing_key_public(key, &public, NULL));
    base64_print_str(slice_of(public.der, public.der_len), to, 256);
}

static void ceremony_open(struct ceremony *c)
{
    for (size_t i = 0; i < 3; i++)
        assert_ok(signing_key_new(KEY_P256, &c->roots[i], NULL));
    for (size_t i = 0; i < 5; i++)
        assert_ok(signing_key_new(KEY_P256, &c->person[i], NULL));
    log_open(&c->log);
}

static void ceremony_end(struct ceremony *c)
{
    for (size_t i = 0; i < 3; i++)
        signing_key_free(c->roots[i]);
    for (size_t i = 0; i < 5; i++)
        signing_key_free(c->person[i]);
    signing_key_free(c->log.key);
}

static void make_version(struct ceremony *c, uint64_t version, unsigned signatures, struct envelope *ret)
{
    struct trust_parts parts CLEANUP(trust_parts_done);
    char spki[256], site[512], vkey[VKEY_TEXT_MAX + 1];
    trust_parts_init(&parts);
    for (size_t i = 0; i < 3; i++) {
        spki_of(c->roots[i], spki);
        assert_ok(trust_add_root(&parts, slice_str(spki), NULL));
    }
    for (size_t i = 0; i < 2; i++) {
        spki_of(c->person[i], spki);
        assert_ok(trust_add_officer(&parts, slice_str(i ? "officer2" : "officer1"), slice_str(spki), NULL));
    }
    spki_of(c->person[2], spki);
    assert_ok(trust_add_holder(&parts, slice_str("holder-va"), slice_str("va"), slice_str(spki), NULL));
    spki_of(c->person[3], spki);
    (void)snprintf(site, sizeof site, "{\"site\":\"va\",\"key\":\"%s\"}", spki);
    struct json *site_public CLEANUP(json_freep) = parse(site), *broker CLEANUP(json_freep) = json_object();
    assert_ok(trust_add_site(&parts, site_public, NULL));
    assert_status(trust_add_site(&parts, site_public, NULL), MALFORMED);
    note_key_print(&c->log.public, vkey);
    json_set(broker, "log", json_of_str(vkey));
    spki_of(c->person[4], spki);
    json_set(broker, "seal", json_of_str(spki));
    assert_status(trust_make_envelope(&parts, slice_str("demo"), version, 2, broker, 0, ret, NULL), MALFORMED); /* no site CA */
    json_set(broker, "site_ca", json_of_str("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"));
    assert_status(trust_make_envelope(&parts, slice_str("demo"), version, 4, broker, 0, ret, NULL), MALFORMED); /* 4 of 3 */
    assert_ok(trust_make_envelope(&parts, slice_str("demo"), version, 2, broker, 1700000000000, ret, NULL));
    for (unsigned i = 0; i < signatures; i++)
        assert_ok(envelope_sign(ret, c->roots[i], NULL));
}

static void trust_only_goes_forward(void **state)
{
    (void)state;
    struct ceremony c;
    struct envelope one CLEANUP(envelope_done), two CLEANUP(envelope_done), weak CLEANUP(envelope_done);
    struct trust *t1 CLEANUP(trust_freep) = NULL, *t2 CLEANUP(trust_freep) = NULL, *none = NULL;
    struct why why = {0};
    envelope_init(&one);
    envelope_init(&two);
    envelope_init(&weak);
    ceremony_open(&c);
    make_version(&c, 1, 2, &one);
    make_version(&c, 2, 2, &two);
    make_version(&c, 1, 1, &weak);
    struct hash pin = envelope_hash(&one), wrong = envelope_hash(&two), weak_pin = envelope_hash(&weak);

    assert_status(trust_store_accept(&one, NULL, NULL, &none, &why), DENIED); /* nothing pinned */
    assert_status(trust_store_accept(&one, NULL, &wrong, &none, &why), DENIED);
    assert_status(trust_store_accept(&weak, NULL, &weak_pin, &none, &why), DENIED); /* one signature of two */
    assert_ok(trust_store_accept(&one, NULL, &pin, &t1, &why));
    assert_int_equal(t1->version, 1);
    assert_string_equal(t1->network.text, "demo");
    assert_ok(trust_store_accept(&two, t1, NULL, &t2, &why));
    assert_status(trust_store_accept(&one, t2, &pin, &none, &why), DENIED); /* back to version 1 */
    struct trust *again CLEANUP(trust_freep) = NULL;
    assert_ok(trust_store_accept(&two, t2, NULL, &again, &why)); /* the same bytes */
    assert_null(none);
    ceremony_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_receipt_that_holds),
        cmocka_unit_test(any_altered_part_is_noticed),
        cmocka_unit_test(the_log_is_rebuilt),
        cmocka_unit_test(an_altered_log_is_noticed),
        cmocka_unit_test(trust_only_goes_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
