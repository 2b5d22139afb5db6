/* Aim: nothing runs without the right signatures, and a task is what its log entry says (I2, I3, R-40..R-44).
 * Method: one good permit, query and task; each signature and each field changed alone. */
#include "base/codec.h"
#include "check.h"
#include "proto/query.h"

#define P1 "p-00000000000000000000000000"
#define A1 "a-00000000000000000000000000"
#define Q1 "q-00000000000000000000000000"
#define T1 "t-00000000000000000000000000"

enum who { OFFICER1, OFFICER1B, OFFICER2, HOLDER_C, HOLDER_V, RESEARCHER, SEAL, STRANGER, KEYS };
static struct signing_key *keys[KEYS];
static struct public_key spki[KEYS];
static struct trust trust;
static struct trust_person officers[3];
static struct trust_holder holders[2];

static struct label label(const char *text)
{
    struct label l = {""};
    assert_ok(label_parse(slice_str(text), &l, NULL));
    return l;
}

static struct site_id site(const char *text)
{
    struct site_id s = {""};
    assert_ok(site_id_parse(slice_str(text), &s, NULL));
    return s;
}

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS; i++) {
        assert_ok(signing_key_new(KEY_P256, &keys[i], NULL));
        assert_ok(signing_key_public(keys[i], &spki[i], NULL));
    }
    officers[0] = (struct trust_person){label("officer1"), spki[OFFICER1]};
    officers[1] = (struct trust_person){label("officer1"), spki[OFFICER1B]}; /* her second key */
    officers[2] = (struct trust_person){label("officer2"), spki[OFFICER2]};
    holders[0] = (struct trust_holder){label("holder-c"), site("cleveland"), spki[HOLDER_C]};
    holders[1] = (struct trust_holder){label("holder-v"), site("va"), spki[HOLDER_V]};
    trust = (struct trust){.network = label("demo"), .officers = officers, .officer_count = 3, .holders = holders, .holder_count = 2, .seal = spki[SEAL]};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS; i++)
        signing_key_free(keys[i]);
    return 0;
}

static const char *base64_of(enum who w)
{
    static char text[KEYS][BASE64_LEN(PUBLIC_KEY_DER_MAX) + 1];
    base64_print_str(slice_of(spki[w].der, spki[w].der_len), text[w], sizeof text[w]);
    return text[w];
}

static char document[8192];
static const char *permit_text(const char *people)
{
    (void)snprintf(document, sizeof document,
                   "{\"innsyn\":\"permit/1\",\"id\":\"" P1 "\",\"network\":\"demo\",\"application\":\"" A1 "\",\"purpose\":\"53.1.e\","
                   "\"from\":\"2026-01-01T00:00:00Z\",\"to\":\"2027-01-01T00:00:00Z\",\"datasets\":["
                   "{\"dataset\":\"heart\",\"sites\":[\"cleveland\",\"va\"],\"variables\":[\"*\"],\"statistics\":[\"count\",\"table\"]},"
                   "{\"dataset\":\"heart-ck\",\"sites\":[\"cleveland\"],\"variables\":[\"age\"],\"statistics\":[\"count\"]}],"
                   "\"people\":[%s]}",
                   people);
    return document;
}

static const char *person(const char *account, enum who key)
{
    static char text[512];
    (void)snprintf(text, sizeof text, "{\"account\":\"%s\",\"key\":\"%s\"}", account, base64_of(key));
    return text;
}

static void seal_with(struct envelope *e, const char *type, const char *payload, const enum who *signers, unsigned count)
{
    envelope_init(e);
    assert_ok(envelope_make(type, slice_str(payload), e, NULL));
    for (unsigned i = 0; i < count; i++)
        assert_ok(envelope_sign(e, keys[signers[i]], NULL));
}

static void permit_signatures(void **state)
{
    (void)state;
    const struct {
        enum who signers[5];
        unsigned count;
        const char *site; /* NULL: all */
        enum status want;
        const char *says;
    } rows[] = {
        {{OFFICER1, OFFICER2, HOLDER_C, HOLDER_V}, 4, NULL, OK, ""},
        {{HOLDER_V, OFFICER2, HOLDER_C, OFFICER1B}, 4, NULL, OK, ""},
        {{OFFICER1, OFFICER2, HOLDER_C}, 3, NULL, DENIED, "'va'"},
        {{OFFICER1, OFFICER2, HOLDER_C}, 3, "cleveland", OK, ""},
        {{OFFICER1, OFFICER2, HOLDER_C}, 3, "va", DENIED, "'va'"},
        {{OFFICER1, OFFICER2, HOLDER_C, HOLDER_V}, 4, "hungarian", DENIED, "hungarian"},
        {{OFFICER1, HOLDER_C, HOLDER_V}, 3, NULL, DENIED, "1 of 2 officers: officer1"},
        {{OFFICER1, OFFICER1B, HOLDER_C, HOLDER_V}, 4, NULL, DENIED, "1 of 2 officers"}, /* one officer, twice */
        {{HOLDER_C, HOLDER_V}, 2, NULL, DENIED, "0 of 2 officers"},
        {{OFFICER1, STRANGER, HOLDER_C, HOLDER_V}, 4, NULL, DENIED, "1 of 2 officers"},
        {{OFFICER1, SEAL, HOLDER_C, HOLDER_V}, 4, NULL, DENIED, "1 of 2 officers"},
        {{OFFICER1, RESEARCHER, HOLDER_C, HOLDER_V}, 4, NULL, DENIED, "1 of 2 officers"},
        {{OFFICER1, OFFICER2, HOLDER_C, STRANGER}, 4, NULL, DENIED, "'va'"},
        {{OFFICER1, OFFICER2, OFFICER1B}, 3, "cleveland", DENIED, "'cleveland'"},
        {{0}, 0, NULL, DENIED, "0 of 2 officers"},
    };
    struct permit *p CLEANUP(permit_freep) = NULL;
    assert_ok(permit_read(slice_str(permit_text(person("researcher", RESEARCHER))), &p, NULL));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct envelope e;
        struct why why = {0};
        struct site_id s = {""};
        if (rows[i].site)
            s = site(rows[i].site);
        seal_with(&e, TYPE_PERMIT, document, rows[i].signers, rows[i].count);
        result r = permit_check_signatures(&e, p, &trust, rows[i].site ? &s : NULL, &why);
        if (r.code != rows[i].want || (r.code != OK && !strstr(why.text, rows[i].says))) {
            print_error("row %zu: %s %s\n", i, status_name(r.code), why.text);
            fail();
        }
        envelope_done(&e);
    }
}

static void deciders_may_not_be_people_of_the_permit(void **state)
{
    (void)state;
    const enum who all[] = {OFFICER1, OFFICER2, HOLDER_C, HOLDER_V};
    const struct {
        const char *account;
        enum who key;
        enum status want;
    } rows[] = {
        {"researcher", RESEARCHER, OK},     {"officer2", RESEARCHER, DENIED}, {"researcher", OFFICER2, DENIED},
        {"holder-v", RESEARCHER, DENIED}, {"researcher", HOLDER_C, DENIED},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct permit *p CLEANUP(permit_freep) = NULL;
        struct envelope e;
        assert_ok(permit_read(slice_str(permit_text(person(rows[i].account, rows[i].key))), &p, NULL));
        seal_with(&e, TYPE_PERMIT, document, all, 4);
        assert_status(permit_check_signatures(&e, p, &trust, NULL, NULL), rows[i].want);
        envelope_done(&e);
    }
}

/* A holder who is an officer too decides once: her two keys are one person's. */
static void one_person_does_not_count_as_officer_and_holder(void **state)
{
    (void)state;
    const enum who all[] = {OFFICER1, OFFICER2, HOLDER_C, HOLDER_V};
    struct site_id va = site("va"), cleveland = site("cleveland");
    struct permit *p CLEANUP(permit_freep) = NULL;
    struct envelope e;
    struct why why = {0};
    assert_ok(permit_read(slice_str(permit_text(person("researcher", RESEARCHER))), &p, NULL));
    holders[1].account = label("officer1");
    seal_with(&e, TYPE_PERMIT, document, all, 4);
    assert_status(permit_check_signatures(&e, p, &trust, &va, &why), DENIED);
    assert_string_equal(why.code, "signatures_missing");
    assert_ok(permit_check_signatures(&e, p, &trust, &cleveland, NULL));
    envelope_done(&e);
    /* An officer who did not sign as one may sign as the holder. */
    struct trust_person three[] = {officers[0], {label("officer3"), spki[STRANGER]}, officers[2]};
    const enum who others[] = {OFFICER2, STRANGER, HOLDER_V};
    trust.officers = three;
    seal_with(&e, TYPE_PERMIT, document, others, 3);
    assert_ok(permit_check_signatures(&e, p, &trust, &va, NULL));
    envelope_done(&e);
    trust.officers = officers;
    holders[1].account = label("holder-v");
}

static void altered_or_foreign_permits(void **state)
{
    (void)state;
    const enum who all[] = {OFFICER1, OFFICER2, HOLDER_C, HOLDER_V};
    struct permit *p CLEANUP(permit_freep) = NULL, *other CLEANUP(permit_freep) = NULL;
    struct envelope e;
    struct why why = {0};
    assert_ok(permit_read(slice_str(permit_text(person("researcher", RESEARCHER))), &p, NULL));
    seal_with(&e, TYPE_PERMIT, document, all, 4);
    assert_ok(permit_check_signatures(&e, p, &trust, NULL, NULL));

    /* Another person slipped in: the signatures do not hold for it, nor the good envelope for that permit. */
    assert_ok(permit_read(slice_str(permit_text(person("intruder", STRANGER))), &other, NULL));
    assert_status(permit_check_signatures(&e, other, &trust, NULL, &why), DENIED);
    assert_string_equal(why.code, "signature_invalid");
    struct envelope forged;
    seal_with(&forged, TYPE_PERMIT, document, all, 0);
    memcpy(forged.signatures, e.signatures, sizeof e.signatures);
    forged.count = e.count;
    assert_status(permit_check_signatures(&forged, other, &trust, NULL, &why), DENIED);
    assert_string_equal(why.code, "signatures_missing");
    envelope_done(&forged);

    /* Every byte of the payload counts. */
    for (size_t i = 0; i < e.payload.len; i += 7) {
        e.payload.at[i] ^= 1;
        assert_status(permit_check_signatures(&e, p, &trust, NULL, NULL), DENIED);
        e.payload.at[i] ^= 1;
    }
    /* And so does each signature. */
    e.signatures[0].sig[9] ^= 1;
    assert_status(permit_check_signatures(&e, p, &trust, NULL, NULL), DENIED);
    e.signatures[0].sig[9] ^= 1;
    assert_ok(permit_check_signatures(&e, p, &trust, NULL, NULL));

    trust.network = label("elsewhere");
    assert_status(permit_check_signatures(&e, p, &trust, NULL, &why), DENIED);
    assert_string_equal(why.code, "wrong_network");
    trust.network = label("demo");
    envelope_done(&e);
    /* Signed as another kind of document. */
    (void)permit_text(person("researcher", RESEARCHER));
    seal_with(&e, TYPE_QUERY, document, all, 4);
    assert_status(permit_check_signatures(&e, p, &trust, NULL, NULL), DENIED);
    envelope_done(&e);
}

/* One text of the good permit replaced by another. */
static const char *edited(const char *from, const char *to)
{
    static char text[sizeof document + 256];
    const char *good = permit_text(person("researcher", RESEARCHER)), *hit = strstr(good, from);
    assert_non_null(hit);
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(hit - good), good, to, hit + strlen(from));
    return text;
}

static void permit_form(void **state)
{
    (void)state;
    const struct {
        const char *from, *to, *field;
    } rows[] = {
        {"permit/1", "permit/2", "/innsyn"},
        {P1, "q-00000000000000000000000000", "/id"},
        {A1, "x", "/application"},
        {"\"network\":\"demo\"", "\"network\":\"de mo\"", "/network"},
        {"\"purpose\"", "\"because\":1,\"purpose\"", "/because"},
        {"2027-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "/to"},
        {"2027-01-01T00:00:00Z", "2027-01-01", "/to"},
        {"\"heart-ck\"", "\"heart\"", "/datasets"},
        {"[\"cleveland\",\"va\"]", "[\"cleveland\",\"cleveland\"]", "/datasets/0/sites/1"},
        {"[\"cleveland\",\"va\"]", "[]", "/datasets/0/sites"},
        {"[\"cleveland\",\"va\"]", "[7]", "/datasets/0/sites/0"},
        {"[\"*\"]", "[\"*\",\"age\"]", "/datasets/0/variables/0"},
        {"[\"*\"]", "[]", "/datasets/0/variables"},
        {"[\"count\",\"table\"]", "[\"count\",\"count\"]", "/datasets/0/statistics/1"},
        {"[\"count\",\"table\"]", "[\"mean\"]", "/datasets/0/statistics/0"},
        {"[\"count\",\"table\"]", "[]", "/datasets/0/statistics"},
        {"\"account\":\"researcher\"", "\"account\":\"\"", "/people/0/account"},
        {"\"key\":\"", "\"key\":\"A", "/people/0/key"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct permit *p CLEANUP(permit_freep) = NULL;
        struct why why = {0};
        assert_status(permit_read(slice_str(edited(rows[i].from, rows[i].to)), &p, &why), MALFORMED);
        if (strcmp(why.field, rows[i].field) != 0)
            print_error("row %zu: %s: %s\n", i, why.field, why.text);
        assert_string_equal(why.field, rows[i].field);
    }
    /* Two people with one key: nobody would know who asked. */
    char two[1024];
    struct permit *p CLEANUP(permit_freep) = NULL;
    (void)snprintf(two, sizeof two, "%s,{\"account\":\"b\",\"key\":\"%s\"}", person("a", RESEARCHER), base64_of(RESEARCHER));
    assert_status(permit_read(slice_str(permit_text(two)), &p, NULL), MALFORMED);
    (void)snprintf(two, sizeof two, "%s,{\"account\":\"b\",\"key\":\"%s\"}", person("a", RESEARCHER), base64_of(STRANGER));
    assert_ok(permit_read(slice_str(permit_text(two)), &p, NULL));
    struct label heart = label("heart"), ck = label("heart-ck"), none = label("lung");
    struct site_id va = site("va"), c = site("cleveland");
    assert_null(permit_find_dataset(p, &none));
    assert_true(permit_dataset_covers_site(permit_find_dataset(p, &heart), &va));
    assert_false(permit_dataset_covers_site(permit_find_dataset(p, &ck), &va));
    assert_true(permit_dataset_covers_site(permit_find_dataset(p, &ck), &c));
    assert_true(permit_dataset_covers_variable(permit_find_dataset(p, &heart), slice_str("anything")));
    assert_true(permit_dataset_covers_variable(permit_find_dataset(p, &ck), slice_str("age")));
    assert_false(permit_dataset_covers_variable(permit_find_dataset(p, &ck), slice_str("ag")));
}

static void status_round_trip(void **state)
{
    (void)state;
    const enum who seal[] = {SEAL}, officer[] = {OFFICER1};
    struct permit_status s = {.state = PERMIT_SUSPENDED, .serial = 3, .at_ms = 1763762501123}, back;
    struct label network = label("demo"), elsewhere = label("other");
    struct buffer text CLEANUP(buffer_done) = {0};
    struct envelope e;
    struct why why = {0};
    assert_ok(document_id_parse(slice_str(P1), 'p', &s.permit, NULL));
    s.permit_hash = sha256(slice_str("x"));
    buffer_init(&text, 4096);
    assert_ok(permit_status_print(&s, &network, &text, NULL));
    seal_with(&e, TYPE_PERMIT_STATUS, buffer_str(&text), seal, 1);
    assert_ok(permit_status_open(&e, &trust, &back, NULL));
    assert_memory_equal(&back, &s, sizeof s);
    envelope_done(&e);
    seal_with(&e, TYPE_PERMIT_STATUS, buffer_str(&text), officer, 1);
    assert_status(permit_status_open(&e, &trust, &back, &why), DENIED);
    assert_string_equal(why.code, "signature_invalid");
    envelope_done(&e);
    seal_with(&e, TYPE_TASK, buffer_str(&text), seal, 1);
    assert_status(permit_status_open(&e, &trust, &back, NULL), DENIED);
    envelope_done(&e);
    buffer_clear(&text);
    assert_ok(permit_status_print(&s, &elsewhere, &text, NULL));
    seal_with(&e, TYPE_PERMIT_STATUS, buffer_str(&text), seal, 1);
    assert_status(permit_status_open(&e, &trust, &back, &why), DENIED);
    assert_string_equal(why.code, "wrong_network");
    envelope_done(&e);
}

static const char *query_text(const char *sites, const char *issued, const char *expires)
{
    (void)snprintf(document, sizeof document,
                   "{\"innsyn\":\"query/1\",\"id\":\"" Q1 "\",\"network\":\"demo\",\"permit\":\"" P1 "\",\"sites\":[%s],"
                   "\"issued\":\"%s\",\"expires\":\"%s\",\"question\":{\"dataset\":\"heart\"}}",
                   sites, issued, expires);
    return document;
}

static void query_form_and_life(void **state)
{
    (void)state;
    const struct {
        const char *sites, *issued, *expires, *field; /* field NULL: good */
    } rows[] = {
        {"\"va\",\"cleveland\"", "2026-06-01T00:00:00Z", "2026-06-01T00:10:00Z", NULL},
        {"\"va\"", "2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z", NULL},
        {"\"va\"", "2026-06-01T00:00:00Z", "2026-06-02T00:00:00.001Z", "/expires"},
        {"\"va\"", "2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z", "/expires"},
        {"\"va\"", "2026-06-01T00:00:00Z", "2026-05-31T00:00:00Z", "/expires"},
        {"", "2026-06-01T00:00:00Z", "2026-06-01T00:10:00Z", "/sites"},
        {"\"va\",\"va\"", "2026-06-01T00:00:00Z", "2026-06-01T00:10:00Z", "/sites"},
        {"\"va\",\"a b\"", "2026-06-01T00:00:00Z", "2026-06-01T00:10:00Z", "/sites/1"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct query *q CLEANUP(query_freep) = NULL;
        struct why why = {0};
        result r = query_read(slice_str(query_text(rows[i].sites, rows[i].issued, rows[i].expires)), &q, &why);
        assert_status(r, rows[i].field ? MALFORMED : OK);
        if (rows[i].field)
            assert_string_equal(why.field, rows[i].field);
        else if (q->site_count == 2)
            assert_string_equal(q->sites[0].text, "cleveland"); /* sorted */
    }
}

static void query_signers(void **state)
{
    (void)state;
    char two[1024];
    struct permit *p CLEANUP(permit_freep) = NULL;
    (void)snprintf(two, sizeof two, "%s,{\"account\":\"b\",\"key\":\"%s\"}", person("a", RESEARCHER), base64_of(STRANGER));
    assert_ok(permit_read(slice_str(permit_text(two)), &p, NULL));
    const struct {
        enum who signer;
        const char *type, *account;
    } rows[] = {{RESEARCHER, TYPE_QUERY, "a"}, {STRANGER, TYPE_QUERY, "b"}, {OFFICER1, TYPE_QUERY, NULL}, {SEAL, TYPE_QUERY, NULL}, {RESEARCHER, TYPE_PERMIT, NULL}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct envelope e;
        seal_with(&e, rows[i].type, query_text("\"va\"", "2026-06-01T00:00:00Z", "2026-06-01T00:10:00Z"), &rows[i].signer, 1);
        const struct permit_person *who = query_signer(&e, p);
        assert_int_equal(who != NULL, rows[i].account != NULL);
        if (who)
            assert_string_equal(who->account.text, rows[i].account);
        e.payload.at[20] ^= 1;
        assert_null(query_signer(&e, p));
        envelope_done(&e);
    }
}

static struct task a_task(void)
{
    struct task t = {.network = label("demo"), .site = site("cleveland"), .issued_ms = 1763762501123, .expires_ms = 1763762501123 + 600000, .entry = 17};
    assert_ok(document_id_parse(slice_str(T1), 't', &t.id, NULL));
    assert_ok(document_id_parse(slice_str(Q1), 'q', &t.query, NULL));
    assert_ok(document_id_parse(slice_str(P1), 'p', &t.permit, NULL));
    t.query_hash = sha256(slice_str("query"));
    t.permit_hash = sha256(slice_str("permit"));
    return t;
}

static void task_round_trip(void **state)
{
    (void)state;
    const enum who seal[] = {SEAL}, stranger[] = {STRANGER};
    struct task t = a_task(), back;
    struct buffer text CLEANUP(buffer_done) = {0};
    struct envelope e;
    struct why why = {0};
    buffer_init(&text, 4096);
    assert_ok(task_print(&t, &text, NULL));
    seal_with(&e, TYPE_TASK, buffer_str(&text), seal, 1);
    assert_ok(task_open(&e, &trust, &back, NULL));
    assert_memory_equal(&back, &t, sizeof t);
    e.payload.at[30] ^= 1;
    assert_status(task_open(&e, &trust, &back, NULL), DENIED);
    envelope_done(&e);
    seal_with(&e, TYPE_TASK, buffer_str(&text), stranger, 1);
    assert_status(task_open(&e, &trust, &back, &why), DENIED);
    assert_string_equal(why.code, "signature_invalid");
    envelope_done(&e);
    t.expires_ms = t.issued_ms + QUERY_LIFE_MAX_MS + 1;
    buffer_clear(&text);
    assert_ok(task_print(&t, &text, NULL));
    seal_with(&e, TYPE_TASK, buffer_str(&text), seal, 1);
    assert_status(task_open(&e, &trust, &back, NULL), MALFORMED);
    envelope_done(&e);
}

static void an_entry_must_say_what_the_task_says(void **state)
{
    (void)state;
    struct task t = a_task();
    struct label account = label("researcher"), read;
    struct hash question = sha256(slice_str("question")), other = sha256(slice_str("other"));
    struct json *v CLEANUP(json_freep) = task_entry(&t, &account, &question, 1763762501000);
    struct buffer text CLEANUP(buffer_done) = {0};
    struct why why = {0};
    buffer_init(&text, 4096);
    assert_ok(json_print(v, &text, NULL));
    struct slice good = buffer_slice(&text);
    assert_ok(task_check_entry(&t, &question, good, NULL));
    assert_ok(entry_account(good, &read, NULL));
    assert_string_equal(read.text, "researcher");

    /* Each field of the task, and each of the entry, changed alone. */
    struct task changed[6];
    const char *const field[] = {"/task", "/site", "/query", "/permit", "/query_sha256", "/permit_sha256"};
    for (int i = 0; i < 6; i++)
        changed[i] = t;
    changed[0].id.text[5] = '1';
    changed[1].site = site("cleveland.west");
    changed[2].query.text[5] = '1';
    changed[3].permit.text[5] = '1';
    changed[4].query_hash = other;
    changed[5].permit_hash = other;
    for (int i = 0; i < 6; i++) {
        assert_status(task_check_entry(&changed[i], &question, good, &why), DENIED);
        assert_string_equal(why.code, "entry_differs");
        assert_string_equal(why.field, field[i]);
    }
    assert_status(task_check_entry(&t, &other, good, &why), DENIED);
    assert_string_equal(why.field, "/question_sha256");

    const struct {
        const char *from, *to;
        enum status want;
    } rows[] = {
        {"\"type\":\"dispatch\"", "\"type\":\"release\"", DENIED},
        {"entry/1", "entry/2", DENIED},
        {"\"account\":\"researcher\",", "", DENIED},
        {"\"site\":\"cleveland\",", "", DENIED},
        {"{\"account\"", "{ \"account\"", DENIED}, /* the same value, other bytes */
        {"\"task\":", "\"also\":1,\"task\":", DENIED},
        {"\"account\":\"researcher\"", "\"account\":\"researcher2\"", OK}, /* the caller's to compare: entry_account */
        {"{", "", MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char entry[2048];
        const char *whole = buffer_str(&text), *hit = strstr(whole, rows[i].from);
        assert_non_null(hit);
        (void)snprintf(entry, sizeof entry, "%.*s%s%s", (int)(hit - whole), whole, rows[i].to, hit + strlen(rows[i].from));
        assert_status(task_check_entry(&t, &question, slice_str(entry), &why), rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permit_signatures), cmocka_unit_test(deciders_may_not_be_people_of_the_permit),
        cmocka_unit_test(one_person_does_not_count_as_officer_and_holder),
        cmocka_unit_test(altered_or_foreign_permits), cmocka_unit_test(permit_form), cmocka_unit_test(status_round_trip),
        cmocka_unit_test(query_form_and_life), cmocka_unit_test(query_signers), cmocka_unit_test(task_round_trip),
        cmocka_unit_test(an_entry_must_say_what_the_task_says),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
