/* Aim: trust moves forward only, by quorum, from what was pinned.
 * Method: a first version and its successors, each signature and each member changed alone. */
#include "base/codec.h"
#include "check.h"
#include "proto/trust.h"

enum { ROOT1, ROOT2, ROOT3, ROOT4, OFFICER, HOLDER, SITE, SEAL, KEYS };
static struct signing_key *keys[KEYS];
static char spki[KEYS][BASE64_LEN(PUBLIC_KEY_DER_MAX) + 1];
static char log_key[VKEY_TEXT_MAX + 1], other_log[VKEY_TEXT_MAX + 1], witness[VKEY_TEXT_MAX + 1];
static char second_name[VKEY_TEXT_MAX + 1], log_as_witness[VKEY_TEXT_MAX + 1];

static int set_up(void **state)
{
    (void)state;
    struct note_key n;
    const uint8_t ed25519[ED25519_KEY_LEN] = {1, 2, 3}, another[ED25519_KEY_LEN] = {4, 5, 6};
    for (int i = 0; i < KEYS; i++) {
        struct public_key k;
        assert_ok(signing_key_new(KEY_P256, &keys[i], NULL));
        assert_ok(signing_key_public(keys[i], &k, NULL));
        base64_print_str(slice_of(k.der, k.der_len), spki[i], sizeof spki[i]);
    }
    assert_ok(note_key_make("innsyn.demo/log", NOTE_ED25519, ed25519, &n, NULL));
    note_key_print(&n, log_key);
    assert_ok(note_key_make("innsyn.other/log", NOTE_ED25519, ed25519, &n, NULL));
    note_key_print(&n, other_log);
    assert_ok(note_key_make("witness.example", NOTE_COSIGNATURE, another, &n, NULL));
    note_key_print(&n, witness);
    assert_ok(note_key_make("second.example", NOTE_COSIGNATURE, another, &n, NULL));
    note_key_print(&n, second_name);
    assert_ok(note_key_make("third.example", NOTE_COSIGNATURE, ed25519, &n, NULL));
    note_key_print(&n, log_as_witness);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS; i++)
        signing_key_free(keys[i]);
    return 0;
}

static char text[16384];
static const char *trust_text(const char *network, int version, int threshold, const char *roots)
{
    bool demo = strcmp(network, "demo") == 0;
    (void)snprintf(text, sizeof text,
                   "{\"innsyn\":\"trust/1\",\"network\":\"%s\",\"version\":%d,\"issued\":\"2026-01-01T00:00:00Z\","
                   "\"root\":{\"threshold\":%d,\"keys\":[%s]},"
                   "\"officers\":[{\"account\":\"officer1\",\"key\":\"%s\"}],"
                   "\"holders\":[{\"account\":\"holder\",\"site\":\"va\",\"key\":\"%s\"},{\"account\":\"holder\",\"site\":\"ulm.south\",\"key\":\"%s\"}],"
                   "\"sites\":[{\"site\":\"va\",\"key\":\"%s\"}],"
                   "\"log\":\"%s\",\"witnesses\":[\"%s\"],\"seal\":\"%s\",\"site_ca\":\"-----BEGIN CERTIFICATE-----\\n\"}",
                   network, version, threshold, roots, spki[OFFICER], spki[HOLDER], spki[HOLDER], spki[SITE], demo ? log_key : other_log, witness,
                   spki[SEAL]);
    return text;
}

static const char *roots(int a, int b, int c)
{
    static char list[1024];
    (void)snprintf(list, sizeof list, "\"%s\",\"%s\",\"%s\"", spki[a], spki[b], spki[c]);
    return list;
}

/* signers: bits of ROOT1..SEAL. */
static void sign(struct envelope *e, const char *payload, unsigned signers)
{
    envelope_init(e);
    assert_ok(envelope_make(TYPE_TRUST, slice_str(payload), e, NULL));
    for (int i = 0; i < KEYS; i++)
        if (signers >> i & 1)
            assert_ok(envelope_sign(e, keys[i], NULL));
}

static result open_text(const char *payload, unsigned signers, const struct trust *previous, const struct hash *pin, struct trust **ret, struct why *why)
{
    struct envelope e;
    sign(&e, payload, signers);
    result r = trust_open(&e, previous, pin, ret, why);
    envelope_done(&e);
    return r;
}

#define R1 (1u << ROOT1)
#define R2 (1u << ROOT2)
#define R3 (1u << ROOT3)
#define R4 (1u << ROOT4)

static void the_first_version(void **state)
{
    (void)state;
    const char *first = trust_text("demo", 1, 2, roots(ROOT1, ROOT2, ROOT3));
    struct hash pin = sha256(slice_str(first)), wrong = sha256(slice_str("x"));
    const struct {
        unsigned signers;
        const struct hash *pin;
        const char *code; /* NULL: opened */
    } rows[] = {
        {R1 | R2, &pin, NULL},          {R1 | R3, NULL, NULL},           {R1 | R2 | R3, &pin, NULL},
        {R1, &pin, "trust_quorum"},     {0, &pin, "trust_quorum"},       {R1 | R4, &pin, "trust_quorum"},
        {R1 | 1u << SEAL, &pin, "trust_quorum"}, {R1 | R2, &wrong, "trust_pin"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct trust *t CLEANUP(trust_freep) = NULL;
        struct why why = {0};
        assert_status(open_text(first, rows[i].signers, NULL, rows[i].pin, &t, &why), rows[i].code ? DENIED : OK);
        if (rows[i].code) {
            assert_string_equal(why.code, rows[i].code);
            assert_null(t);
            continue;
        }
        struct site_id va = {"va"}, ulm = {"ulm.south"};
        assert_true(hash_equal(&t->hash, &pin));
        assert_int_equal(t->version, 1);
        assert_int_equal(t->holder_count, 2);
        assert_int_equal(t->witness_count, 1);
        assert_non_null(trust_site_key(t, &va));
        assert_null(trust_site_key(t, &ulm));
    }
    /* One root that signs twice is one root; an altered payload has none. */
    struct envelope e;
    struct trust *t CLEANUP(trust_freep) = NULL;
    sign(&e, first, R1);
    e.signatures[1] = e.signatures[0];
    e.count = 2;
    assert_status(trust_open(&e, NULL, NULL, &t, NULL), DENIED);
    envelope_done(&e);
    sign(&e, first, R1 | R2);
    e.payload.at[e.payload.len - 8] ^= 1;
    assert_false(is_ok(trust_open(&e, NULL, NULL, &t, NULL)));
    envelope_done(&e);
}

static void successors(void **state)
{
    (void)state;
    struct trust *held CLEANUP(trust_freep) = NULL;
    static char first[sizeof text];
    (void)snprintf(first, sizeof first, "%s", trust_text("demo", 4, 2, roots(ROOT1, ROOT2, ROOT3)));
    assert_ok(open_text(first, R1 | R2, NULL, NULL, &held, NULL));
    const struct {
        const char *network;
        int version, threshold, roots[3];
        unsigned signers;
        const char *code;
    } rows[] = {
        {"demo", 5, 2, {ROOT1, ROOT2, ROOT3}, R1 | R2, NULL},
        {"demo", 5, 2, {ROOT1, ROOT2, ROOT3}, R1, "trust_quorum"},
        {"demo", 6, 2, {ROOT1, ROOT2, ROOT3}, R1 | R2, "trust_version"}, /* skips */
        {"demo", 3, 2, {ROOT1, ROOT2, ROOT3}, R1 | R2, "trust_version"}, /* goes back */
        {"demo", 4, 1, {ROOT1, ROOT2, ROOT3}, R1 | R2, "trust_version"}, /* another fourth */
        {"other", 5, 2, {ROOT1, ROOT2, ROOT3}, R1 | R2, "wrong_network"},
        /* A root is exchanged: both quorums must sign. */
        {"demo", 5, 2, {ROOT2, ROOT3, ROOT4}, R2 | R3, NULL},
        {"demo", 5, 2, {ROOT2, ROOT3, ROOT4}, R3 | R4, "trust_quorum"}, /* the old has one */
        {"demo", 5, 2, {ROOT2, ROOT3, ROOT4}, R1 | R2, "trust_quorum"}, /* the new has one */
        {"demo", 5, 2, {ROOT2, ROOT3, ROOT4}, R1 | R2 | R4, NULL},
        {"demo", 5, 3, {ROOT1, ROOT2, ROOT3}, R1 | R2, "trust_quorum"}, /* a higher threshold counts at once */
        {"demo", 5, 1, {ROOT1, ROOT2, ROOT3}, R1, "trust_quorum"},      /* a lower one does not */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct trust *t CLEANUP(trust_freep) = NULL;
        struct why why = {0};
        const char *next = trust_text(rows[i].network, rows[i].version, rows[i].threshold, roots(rows[i].roots[0], rows[i].roots[1], rows[i].roots[2]));
        result r = open_text(next, rows[i].signers, held, NULL, &t, &why);
        if (r.code != (rows[i].code ? DENIED : OK) || (rows[i].code && strcmp(why.code, rows[i].code) != 0)) {
            print_error("row %zu: %s %s\n", i, status_name(r.code), why.text);
            fail();
        }
    }
    /* The same version again is no step back: polls repeat it. */
    struct trust *again CLEANUP(trust_freep) = NULL;
    assert_ok(open_text(first, R2 | R3, held, NULL, &again, NULL));
}

static void form(void **state)
{
    (void)state;
    const struct {
        const char *from, *to, *field;
    } rows[] = {
        {"trust/1", "trust/2", "/innsyn"},
        {"\"threshold\":2", "\"threshold\":0", "/root/threshold"},
        {"\"threshold\":2", "\"threshold\":4", "/root/threshold"},
        {"\"version\":1", "\"version\":0", "/version"},
        {"\"site\":\"va\"", "\"site\":\"\"", "/holders/0/site"},
        {"\"account\":\"officer1\"", "\"account\":\"officer 1\"", "/officers/0/account"},
        {"\"witnesses\":[\"", "\"witnesses\":[\"x", "/witnesses/0"},
        {"\"log\":\"innsyn.demo/log", "\"log\":\"innsyn.demo/leg", "/log"},
        {"\"seal\"", "\"seal2\"", "/seal"},
        {"\"network\"", "\"more\":1,\"network\"", "/more"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        static char edited[sizeof text + 64];
        struct trust *t CLEANUP(trust_freep) = NULL;
        struct why why = {0};
        const char *good = trust_text("demo", 1, 2, roots(ROOT1, ROOT2, ROOT3)), *hit = strstr(good, rows[i].from);
        assert_non_null(hit);
        (void)snprintf(edited, sizeof edited, "%.*s%s%s", (int)(hit - good), good, rows[i].to, hit + strlen(rows[i].from));
        assert_status(open_text(edited, R1 | R2, NULL, NULL, &t, &why), MALFORMED);
        assert_string_equal(why.field, rows[i].field);
    }
    /* One key, one use. */
    const int twice[] = {ROOT1, OFFICER, HOLDER, SITE, SEAL};
    for (size_t i = 0; i < COUNT_OF(twice); i++) {
        struct trust *t CLEANUP(trust_freep) = NULL;
        assert_status(open_text(trust_text("demo", 1, 2, roots(ROOT1, ROOT2, twice[i])), R1 | R2, NULL, NULL, &t, NULL), MALFORMED);
    }
}

/* A majority of witnesses is one of different keys, whatever they are called; the log is no witness of its own. */
static void witnesses_are_different_keys(void **state)
{
    (void)state;
    const char *const others[] = {witness, second_name, log_as_witness};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        static char edited[sizeof text + VKEY_TEXT_MAX + 8];
        struct trust *t CLEANUP(trust_freep) = NULL;
        struct why why = {0};
        const char *good = trust_text("demo", 1, 2, roots(ROOT1, ROOT2, ROOT3)), *hit = strstr(good, "\"witnesses\":[");
        size_t head = (size_t)(hit - good) + strlen("\"witnesses\":[");
        (void)snprintf(edited, sizeof edited, "%.*s\"%s\",%s", (int)head, good, others[i], good + head);
        assert_status(open_text(edited, R1 | R2, NULL, NULL, &t, &why), MALFORMED);
        assert_string_equal(why.field, i == 2 ? "/witnesses/0" : "/witnesses/1");
    }
}

/* A trust document whose log is `log`, with these succession envelopes (comma between). */
static const char *with_log(int version, const char *log, const char *successions)
{
    static char edited[sizeof text + 8192];
    const char *good = trust_text("demo", version, 2, roots(ROOT1, ROOT2, ROOT3)), *hit = strstr(good, "\"log\":\"");
    const char *after = strchr(hit + strlen("\"log\":\""), '"') + 1;
    (void)snprintf(edited, sizeof edited, "%.*s\"log\":\"%s\",\"successions\":[%s]%s", (int)(hit - good), good, log, successions, after);
    return edited;
}

static const struct {
    const char *name;
    uint8_t key;
} log_names[] = {{"innsyn.demo/log", 1}, {"innsyn.demo/log-2", 71}, {"innsyn.demo/log-3", 72}, {"innsyn.demo/other", 73}};

static struct note_key log_at(unsigned i)
{
    struct note_key n;
    uint8_t key[ED25519_KEY_LEN] = {log_names[i].key, i == 0 ? 2 : 0, i == 0 ? 3 : 0}; /* 0: as set_up has it */
    assert_ok(note_key_make(log_names[i].name, NOTE_ED25519, key, &n, NULL));
    return n;
}

static const char *vkey(unsigned i)
{
    static char to[4][VKEY_TEXT_MAX + 1];
    struct note_key n = log_at(i);
    note_key_print(&n, to[i]);
    return to[i];
}

/* From log `from` with `last` entries to log `into`, which begins with `start` of them. */
static const char *succession_text(unsigned from, unsigned into, unsigned last, unsigned start, unsigned signers, const char *network)
{
    static char to[16][4096];
    static unsigned next;
    char *at = to[next++ % 16];
    struct succession s = {.issued_ms = 1, .old_log = log_at(from), .new_log = log_at(into), .last = {.size = last}, .start = {.size = start}};
    struct buffer payload CLEANUP(buffer_done) = {0}, out CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done);
    assert_ok(label_parse(slice_str(network), &s.network, NULL));
    if (start != last)
        s.start.root.at[0] = 1;
    buffer_init(&payload, 4096);
    buffer_init(&out, 4096);
    envelope_init(&e);
    assert_ok(succession_print(&s, &payload, NULL));
    assert_ok(envelope_make(TYPE_LOG_SUCCESSION, buffer_slice(&payload), &e, NULL));
    for (int i = 0; i < KEYS; i++)
        if (signers >> i & 1)
            assert_ok(envelope_sign(&e, keys[i], NULL));
    assert_ok(envelope_print(&e, &out, NULL));
    (void)snprintf(at, 4096, "%.*s", (int)out.len, (const char *)out.at);
    return at;
}

static void a_log_is_succeeded_by_the_quorum_alone(void **state)
{
    (void)state;
    struct trust *first CLEANUP(trust_freep) = NULL, *second CLEANUP(trust_freep) = NULL;
    assert_ok(open_text(trust_text("demo", 1, 2, roots(ROOT1, ROOT2, ROOT3)), R1 | R2, NULL, NULL, &first, NULL));
    const struct {
        const char *what, *log, *successions;
        enum status want;
    } cases[] = {
        {"two root keys", vkey(1), succession_text(0, 1, 20, 20, R1 | R3, "demo"), OK},
        {"entries were lost", vkey(1), succession_text(0, 1, 20, 7, R1 | R3, "demo"), OK},
        {"one root key", vkey(1), succession_text(0, 1, 20, 20, R1, "demo"), DENIED},
        {"keys that are no root's", vkey(1), succession_text(0, 1, 20, 20, 1u << OFFICER | 1u << SEAL, "demo"), DENIED},
        {"no document", vkey(1), "", MALFORMED},
        {"more entries than there were", vkey(1), succession_text(0, 1, 20, 21, R1 | R2, "demo"), MALFORMED},
        {"another network's", vkey(1), succession_text(0, 1, 20, 20, R1 | R2, "other"), MALFORMED},
        {"a name that is not the next", vkey(3), succession_text(0, 3, 20, 20, R1 | R2, "demo"), MALFORMED},
        {"of another log", vkey(2), succession_text(1, 2, 20, 20, R1 | R2, "demo"), MALFORMED},
        {"leads elsewhere", vkey(2), succession_text(0, 1, 20, 20, R1 | R2, "demo"), MALFORMED},
        {"the log is the same", vkey(0), succession_text(0, 1, 20, 20, R1 | R2, "demo"), MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct trust *t CLEANUP(trust_freep) = NULL;
        result r = open_text(with_log(2, cases[i].log, cases[i].successions), R1 | R2, first, NULL, &t, NULL);
        if (r.code != cases[i].want)
            fail_msg("%s: %d", cases[i].what, (int)r.code);
    }
    /* Carried on as it was, or the next is refused; the log that ended is found by its key. */
    static char one[4096], both[8192], other[8192];
    (void)snprintf(one, sizeof one, "%s", succession_text(0, 1, 20, 7, R1 | R3, "demo"));
    assert_ok(open_text(with_log(2, vkey(1), one), R1 | R2, first, NULL, &second, NULL));
    struct note_key old = log_at(0), now = log_at(1);
    assert_int_equal(trust_succession_of(second, &old)->start.size, 7);
    assert_null(trust_succession_of(second, &now));
    (void)snprintf(both, sizeof both, "%s,%s", one, succession_text(1, 2, 30, 30, R2 | R3, "demo"));
    (void)snprintf(other, sizeof other, "%s,%s", succession_text(0, 1, 20, 8, R1 | R3, "demo"), succession_text(1, 2, 30, 30, R2 | R3, "demo"));
    const struct {
        const char *log, *successions;
        enum status want;
    } next[] = {{vkey(1), one, OK}, {vkey(2), both, OK}, {vkey(2), other, DENIED}, {vkey(0), "", DENIED}, {vkey(2), one, MALFORMED}};
    for (size_t i = 0; i < COUNT_OF(next); i++) {
        struct trust *t CLEANUP(trust_freep) = NULL;
        result r = open_text(with_log(3, next[i].log, next[i].successions), R1 | R2, second, NULL, &t, NULL);
        if (r.code != next[i].want)
            fail_msg("version 3, case %zu: %d", i, (int)r.code);
    }
}

/* Who holds more than the document says there was does not go over. */
static void a_succession_allows_what_it_covers(void **state)
{
    (void)state;
    struct succession s = {.last = {.size = 20, .root = {{2}}}, .start = {.size = 7, .root = {{1}}}};
    const struct {
        uint64_t size;
        uint8_t root;
        enum status want;
    } cases[] = {{0, 0, OK}, {5, 9, OK}, {7, 1, OK}, {7, 9, DENIED}, {19, 9, OK}, {20, 2, OK}, {20, 9, DENIED}, {21, 2, DENIED}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct checkpoint held = {.size = cases[i].size, .root = {{cases[i].root}}};
        assert_status(succession_allows(&s, &held, NULL), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_log_is_succeeded_by_the_quorum_alone), cmocka_unit_test(a_succession_allows_what_it_covers),
                                       cmocka_unit_test(the_first_version), cmocka_unit_test(successors), cmocka_unit_test(form),
                                       cmocka_unit_test(witnesses_are_different_keys)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
