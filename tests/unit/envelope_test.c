/* Aim: what was signed is what is read, under its own type only.
 * Method: the DSSE vector, each part of an envelope altered, signatures made here and elsewhere. */
#include "proto/envelope.h"
#include "base/codec.h"
#include "vector.h"

static struct why why;

static struct signing_key *alice, *bob;
static struct public_key alice_public, bob_public;

static int make_keys(void **state)
{
    (void)state;
    assert_ok(signing_key_new(KEY_P256, &alice, &why));
    assert_ok(signing_key_new(KEY_P256, &bob, &why));
    assert_ok(signing_key_public(alice, &alice_public, &why));
    assert_ok(signing_key_public(bob, &bob_public, &why));
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    signing_key_freep(&alice);
    signing_key_freep(&bob);
    return 0;
}

/* A decimal number of up to 78 digits as 32 big-endian bytes. */
static void big(struct slice text, uint8_t to[32])
{
    memset(to, 0, 32);
    for (size_t i = 0; i < text.len; i++) {
        unsigned carry = (unsigned)(text.at[i] - '0');
        for (int b = 31; b >= 0; b--) {
            carry += to[b] * 10u;
            to[b] = (uint8_t)carry;
            carry >>= 8;
        }
    }
}

static void published_vector(void **state)
{
    (void)state;
    struct buffer file, pae;
    struct json *v;
    struct envelope e;
    struct public_key key;
    uint8_t x[32], y[32];
    vector_read("vectors/dsse/vector.json", &file);
    assert_ok(json_parse(buffer_slice(&file), VECTOR_BYTES_MAX, &v, &why));
    const char *type = "http://example.com/HelloWorld";
    buffer_init(&pae, 1000);
    assert_ok(envelope_pae(type, json_text(json_get(v, "payload_utf8")), &pae, &why));
    assert_true(slice_equal(buffer_slice(&pae), json_text(json_get(v, "pae_utf8"))));
    big(json_text(json_get(v, "x")), x);
    big(json_text(json_get(v, "y")), y);
    assert_ok(public_key_from_xy(x, y, &key, &why));
    assert_ok(envelope_parse(json_get(v, "envelope"), "", type, &e, &why));
    assert_slice(buffer_slice(&e.payload), "hello world");
    assert_true(envelope_signed_by(&e, &key));
    assert_false(envelope_signed_by(&e, &alice_public));
    envelope_done(&e);
    assert_status(envelope_parse(json_get(v, "envelope"), "/x", TYPE_QUERY, &e, &why), MALFORMED);
    assert_string_equal(why.field, "/x/payloadType");
    buffer_done(&pae);
    buffer_done(&file);
    json_free(v);
}

static void there_and_back(void **state)
{
    (void)state;
    struct envelope e, back;
    struct buffer text;
    buffer_init(&text, 100000);
    assert_ok(envelope_make(TYPE_PERMIT, slice_str("{\"a\":1}"), &e, &why));
    assert_false(envelope_signed_by(&e, &alice_public));
    assert_ok(envelope_sign(&e, alice, &why));
    assert_true(envelope_signed_by(&e, &alice_public));
    assert_false(envelope_signed_by(&e, &bob_public));
    assert_ok(envelope_sign(&e, bob, &why));
    assert_true(envelope_signed_by(&e, &bob_public));
    assert_ok(envelope_print(&e, &text, &why));
    assert_ok(envelope_parse_text(buffer_slice(&text), TYPE_PERMIT, &back, &why));
    assert_int_equal(back.count, 2);
    assert_true(envelope_signed_by(&back, &alice_public) && envelope_signed_by(&back, &bob_public));
    struct hash a = envelope_hash(&e), b = envelope_hash(&back), c = sha256(slice_str("{\"a\":1}"));
    assert_true(hash_equal(&a, &b) && hash_equal(&a, &c));
    /* The id is a hint: a missing one is no hindrance, a wrong one none of ours. */
    back.signatures[0].keyid[0] = 0;
    assert_true(envelope_signed_by(&back, &alice_public));
    memcpy(back.signatures[0].keyid, back.signatures[1].keyid, sizeof back.signatures[0].keyid);
    assert_false(envelope_signed_by(&back, &alice_public));
    assert_true(envelope_signed_by(&back, &bob_public));
    /* Other bytes or another type: the signatures do not move along. */
    back.signatures[0].keyid[0] = 0;
    back.payload.at[5] = '2';
    assert_false(envelope_signed_by(&back, &alice_public));
    back.payload.at[5] = '1';
    assert_true(envelope_signed_by(&back, &alice_public));
    (void)snprintf(back.type, sizeof back.type, "%s", TYPE_QUERY);
    assert_false(envelope_signed_by(&back, &alice_public));
    struct public_key none = {.der_len = 0};
    assert_false(envelope_signed_by(&e, &none));
    envelope_done(&back);
    envelope_done(&e);
    buffer_done(&text);
}

/* Where many keys may have signed, a signature names its key: else each would cost a check for every key. */
static void many_keys_need_ids(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        enum status want;
    } cases[] = {{TYPE_TRUST, MALFORMED}, {TYPE_PERMIT, MALFORMED}, {TYPE_QUERY, MALFORMED}, {TYPE_TASK, OK}, {TYPE_SITE_RESULT, OK}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct envelope e, back;
        struct buffer text;
        buffer_init(&text, 100000);
        assert_ok(envelope_make(cases[i].type, slice_str("{}"), &e, &why));
        assert_ok(envelope_sign(&e, alice, &why));
        assert_ok(envelope_sign(&e, bob, &why));
        assert_ok(envelope_print(&e, &text, &why));
        assert_ok(envelope_parse_text(buffer_slice(&text), cases[i].type, &back, &why));
        envelope_done(&back);
        e.signatures[1].keyid[0] = 0;
        buffer_clear(&text);
        assert_ok(envelope_print(&e, &text, &why));
        assert_status(envelope_parse_text(buffer_slice(&text), cases[i].type, &back, &why), cases[i].want);
        if (cases[i].want == OK)
            envelope_done(&back);
        else
            assert_string_equal(why.field, "/signatures/1/keyid");
        envelope_done(&e);
        buffer_done(&text);
    }
}

static void signed_elsewhere(void **state)
{
    (void)state;
    struct envelope e;
    struct buffer pae;
    uint8_t sig[SIGNATURE_LEN];
    buffer_init(&pae, 1000);
    assert_ok(envelope_make(TYPE_PERMIT, slice_str("{}"), &e, &why));
    assert_ok(envelope_pae(TYPE_PERMIT, slice_str("{}"), &pae, &why));
    assert_ok(key_sign(alice, buffer_slice(&pae), sig, &why));
    assert_status(envelope_add(&e, &bob_public, sig, &why), DENIED);
    assert_int_equal(e.count, 0);
    assert_ok(envelope_add(&e, &alice_public, sig, &why));
    assert_true(envelope_signed_by(&e, &alice_public));
    while (e.count < ENVELOPE_SIGNATURES_MAX)
        assert_ok(envelope_add(&e, &alice_public, sig, &why));
    assert_status(envelope_add(&e, &alice_public, sig, &why), LIMIT);
    assert_status(envelope_sign(&e, alice, &why), LIMIT);
    /* Full as it is, it can be printed and read. */
    struct buffer text;
    buffer_init(&text, 100000);
    assert_ok(envelope_print(&e, &text, &why));
    envelope_done(&e);
    assert_ok(envelope_parse_text(buffer_slice(&text), TYPE_PERMIT, &e, &why));
    assert_int_equal(e.count, ENVELOPE_SIGNATURES_MAX);
    envelope_done(&e);
    /* A log key signs no documents. */
    struct signing_key *log;
    assert_ok(signing_key_new(KEY_ED25519, &log, &why));
    assert_ok(envelope_make(TYPE_PERMIT, slice_str("{}"), &e, &why));
    assert_status(envelope_sign(&e, log, &why), MALFORMED);
    envelope_done(&e);
    signing_key_free(log);
    buffer_done(&text);
    buffer_done(&pae);
}

#define ID "0000000000000000000000000000000000000000000000000000000000000000"
#define SIG "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
#define TYPE "\"payloadType\":\"" TYPE_QUERY "\""

static void refused(void **state)
{
    (void)state;
    const struct {
        const char *text, *field;
    } rows[] = {
        {"[]", ""},
        {"{\"payload\":\"e30=\",\"signatures\":[]}", "/payloadType"},
        {"{" TYPE ",\"signatures\":[]}", "/payload"},
        {"{" TYPE ",\"payload\":\"e30=\"}", "/signatures"},
        {"{" TYPE ",\"payload\":\"e30\",\"signatures\":[]}", "/payload"},
        {"{" TYPE ",\"payload\":\"e3 0=\",\"signatures\":[]}", "/payload"},
        {"{" TYPE ",\"payload\":1,\"signatures\":[]}", "/payload"},
        {"{" TYPE ",\"payload\":\"e30=\",\"signatures\":{}}", "/signatures"},
        {"{" TYPE ",\"payload\":\"e30=\",\"signatures\":[],\"x\":1}", "/x"},
        {"{" TYPE ",\"payload\":\"e30=\",\"signatures\":[1]}", "/signatures/0"},
        {"{" TYPE ",\"payload\":\"e30=\",\"signatures\":[{\"sig\":\"" SIG "\",\"keyid\":\"" ID "\"},{}]}", "/signatures/1/sig"},
        {"{" TYPE ",\"payload\":\"e30=\",\"signatures\":[{\"sig\":\"AAAA\"}]}", "/signatures/0/sig"},
        {"{" TYPE ",\"payload\":\"e30=\",\"signatures\":[{\"sig\":\"" SIG "\",\"keyid\":\"k\"}]}", "/signatures/0/keyid"},
        {"{" TYPE ",\"payload\":\"e30=\",\"signatures\":[{\"sig\":\"" SIG "\",\"cert\":\"k\"}]}", "/signatures/0/cert"},
    };
    struct envelope e;
    memset(&e, 0x5A, sizeof e);
    struct envelope before = e;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_status(envelope_parse_text(slice_str(rows[i].text), TYPE_QUERY, &e, &why), MALFORMED);
        assert_string_equal(why.field, rows[i].field);
    }
    assert_memory_equal(&e, &before, sizeof e);
    assert_ok(envelope_parse_text(slice_str("{" TYPE ",\"payload\":\"e30=\",\"signatures\":[{\"sig\":\"" SIG "\",\"keyid\":\"" ID "\"}]}"), TYPE_QUERY, &e, &why));
    assert_false(envelope_signed_by(&e, &alice_public));
    envelope_done(&e);
    struct envelope zero = {.count = 0};
    envelope_done(&zero);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vector), cmocka_unit_test(there_and_back), cmocka_unit_test(many_keys_need_ids),
        cmocka_unit_test(signed_elsewhere),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
