/* Aim: what guard must remember survives a failure at any call into the world, and is either the old or the
 * new; the journal's tree is what was signed, and a changed journal is noticed. */
#include <stdlib.h>
#include <unistd.h>

#include "agents/disclosure/cellkey.h"
#include "agents/guard/asked.h"
#include "agents/guard/answers.h"
#include "agents/guard/blocks.h"
#include "agents/guard/datasets.h"
#include "agents/guard/held.h"
#include "agents/guard/journal.h"
#include "agents/guard/store.h"
#include "agents/settings.h"
#include "base/instant.h"
#include "check.h"
#include "scratch.h"
#include "fault_host.h"
#include "proto/envelope.h"
#include "proto/query.h"

enum { NOW_MS = 2000000 };
static char folder[SCRATCH_PATH];
static struct signing_key *site_key;
static struct site_id site = {"one"};

static struct document_id id(const char *text)
{
    struct document_id d = {0};
    assert_ok(document_id_parse(slice_str(text), text[0], &d, NULL));
    return d;
}

static int set_up(void **state)
{
    (void)state;
    scratch_make(folder, "guard");
    assert_ok(signing_key_new(KEY_P256, &site_key, NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(folder);
    signing_key_free(site_key);
    return 0;
}

/* --- settings --- */

static void settings_round_trip_and_refusals(void **state)
{
    (void)state;
    struct agent_settings s = {.site = site, .agents_url = "https://127.0.0.1:1", .poll_wait_ms = 500,
                               .optout_batch_ms = 7 * DAY_MS, .optout_age_max_ms = 2 * HOUR_MS}, got;
    char path[AGENT_PATH_SIZE];
    struct why why = {0};
    scratch_empty(folder);
    snprintf(s.dir, sizeof s.dir, "%s", folder);
    assert_status(agent_settings_read(host_real(), folder, &got, &why), ABSENT);
    assert_non_null(strstr(why.text, "innsyn-agent init"));
    assert_ok(agent_settings_write(host_real(), &s, NULL));
    assert_ok(agent_settings_read(host_real(), folder, &got, NULL));
    assert_string_equal(got.site.text, "one");
    assert_string_equal(got.agents_url, "https://127.0.0.1:1");
    assert_int_equal(got.poll_wait_ms, 500);
    assert_true(got.optout_batch_ms == 7 * DAY_MS && got.optout_age_max_ms == 2 * HOUR_MS);
    static const struct {
        const char *text, *field;
    } bad[] = {
        {"{\"innsyn\":\"agent/1\"}", "/site"},
        {"{\"innsyn\":\"agent/2\",\"site\":\"one\"}", "/innsyn"},
        {"{\"innsyn\":\"agent/1\",\"site\":\"one\",\"colour\":1}", "/colour"},
        {"{\"innsyn\":\"agent/1\",\"site\":\"one\",\"poll_wait_ms\":99}", "/poll_wait_ms"},
        {"{\"innsyn\":\"agent/1\",\"site\":\"one\",\"agents_url\":\"http://x\"}", "/agents_url"},
    };
    agent_path(&s, "agent.json", path);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_ok(host_write_file(host_real(), path, 0600, slice_str(bad[i].text), NULL));
        assert_status(agent_settings_read(host_real(), folder, &got, &why), MALFORMED);
        assert_string_equal(why.field, bad[i].field);
    }
}

/* --- state and answers --- */

static struct agent_state *state_with(uint64_t size)
{
    struct agent_state *s = calloc(1, sizeof *s);
    bool changed;
    struct permit_status status = {.permit = id("p-0000000000000000000000000g"), .state = PERMIT_REVOKED, .serial = size, .at_ms = 1000000};
    s->checkpoint.size = size;
    snprintf(s->checkpoint.origin, sizeof s->checkpoint.origin, "innsyn.demo/log");
    s->time_floor_ms = 1000000 + (int64_t)size;
    s->trust_version = 2;
    assert_ok(state_see(s, &status, NOW_MS, &changed, NULL));
    assert_true(changed);
    return s;
}

static void statuses_never_go_back(void **state)
{
    (void)state;
    struct agent_state *s = state_with(7);
    bool changed;
    struct permit_status status = s->statuses[0];
    status.serial = 6, status.at_ms += 5000, status.state = PERMIT_LIVE;
    assert_status(state_see(s, &status, NOW_MS, &changed, NULL), DENIED);
    status.serial = 8, status.at_ms = 999999;
    assert_status(state_see(s, &status, NOW_MS, &changed, NULL), DENIED);
    assert_int_equal(state_status(s, &status.permit)->state, PERMIT_REVOKED);
    status.serial = 7; /* the same, sealed earlier: the newest stays */
    assert_ok(state_see(s, &status, NOW_MS, &changed, NULL));
    assert_false(changed);
    assert_int_equal(s->statuses[0].at_ms, 1000000);
    status.serial = 8, status.at_ms = 1000001;
    assert_ok(state_see(s, &status, NOW_MS, &changed, NULL));
    assert_true(changed);
    assert_int_equal(s->status_count, 1);
    /* One of the future would shut out every later one, and outlive the clock that was wrong. */
    status.serial = 9, status.at_ms = NOW_MS + CLOCK_SKEW_MAX_MS + 1;
    assert_status(state_see(s, &status, NOW_MS, &changed, NULL), DENIED);
    assert_int_equal(s->statuses[0].serial, 8);
    status.at_ms = NOW_MS + CLOCK_SKEW_MAX_MS;
    assert_ok(state_see(s, &status, NOW_MS, &changed, NULL));
    free(s);
}

static result remember(const struct host *h, struct why *why)
{
    struct store s;
    struct agent_state *b = state_with(8);
    struct document_id query = id("q-0000000000000000000000000g"), task = id("t-0000000000000000000000000g");
    struct hash hash = sha256(slice_str("query")), edition = sha256(slice_str("edition"));
    result r = store_open(h, folder, &s, why);
    if (is_ok(r))
        r = store_write_state(&s, b, why);
    if (is_ok(r))
        r = store_write_statistic(&s, &hash, &edition, slice_str("{\"innsyn\":\"statistic/1\"}"), why);
    struct answers *answers CLEANUP(answers_freep) = NULL;
    if (is_ok(r))
        r = answers_open(h, folder, &answers, why);
    if (is_ok(r))
        r = answers_write(answers, &query, &task, &hash, slice_str("{\"payload\":\"x\"}"), why);
    free(b);
    return r;
}

/* Old or new, never torn; what was reported done is there. */
static void any_call_may_fail(void **state)
{
    (void)state;
    for (unsigned after = 0; after < 2; after++) {
        for (unsigned long n = 0;; n++) {
            struct fault_host f;
            struct store s;
            struct agent_state *a = state_with(5), *got = calloc(1, sizeof *got);
            struct stored_answer answer = {0};
            struct document_id query = id("q-0000000000000000000000000g");
            scratch_empty(folder);
            assert_ok(store_open(host_real(), folder, &s, NULL));
            assert_ok(store_write_state(&s, a, NULL));
            fault_host_init(&f, n);
            f.after = after;
            bool done = is_ok(remember(&f.host, NULL));
            assert_true(done != f.hit);
            assert_ok(store_read_state(&s, got, NULL));
            assert_true(got->checkpoint.size == 8 || (!done && got->checkpoint.size == 5));
            assert_int_equal(got->statuses[0].serial, got->checkpoint.size);
            assert_int_equal(got->statuses[0].state, PERMIT_REVOKED);
            struct answers *answers CLEANUP(answers_freep) = NULL;
            assert_ok(answers_open(host_real(), folder, &answers, NULL));
            result r = answers_read(answers, &query, &answer, NULL);
            assert_true(r.code == OK || (!done && r.code == ABSENT));
            if (is_ok(r)) {
                assert_slice(buffer_slice(&answer.result), "{\"payload\":\"x\"}");
                assert_status(answers_write(answers, &query, &answer.task, &answer.query_hash, slice_str("{}"), NULL), DENIED);
            }
            stored_answer_done(&answer);
            free(a);
            free(got);
            if (!f.hit)
                break;
        }
    }
}

/* --- how much was asked --- */

static void questions_are_counted_once(void **state)
{
    (void)state;
    struct agent_settings s = {.site = site};
    const struct document_id p = id("p-0000000000000000000000000g"), other = id("p-1000000000000000000000000g");
    const struct document_id q[3] = {id("q-0000000000000000000000000g"), id("q-1000000000000000000000000g"), id("q-2000000000000000000000000g")};
    const struct label heart = {"heart"}, second = {"heart-2"};
    char path[AGENT_PATH_SIZE];
    uint64_t others = 9;
    scratch_empty(folder);
    snprintf(s.dir, sizeof s.dir, "%s", folder);
    agent_path(&s, "guard", path);
    assert_ok(host_make_folder(host_real(), path, 0700, NULL));
    assert_false(is_ok(asked_add(host_real(), &s, &p, &heart, &q[0], NULL))); /* no folder: it is not counted, and that is said */
    agent_path(&s, "guard/asked", path);
    assert_ok(host_make_folder(host_real(), path, 0700, NULL));
    assert_ok(asked_count(host_real(), &s, &p, &heart, &q[0], &others, NULL));
    assert_int_equal(others, 0);
    for (unsigned again = 0; again < 2; again++)
        for (unsigned i = 0; i < 2; i++)
            assert_ok(asked_add(host_real(), &s, &p, &heart, &q[i], NULL));
    assert_ok(asked_count(host_real(), &s, &p, &heart, &q[0], &others, NULL));
    assert_int_equal(others, 1); /* not itself */
    assert_ok(asked_count(host_real(), &s, &p, &heart, &q[2], &others, NULL));
    assert_int_equal(others, 2);
    assert_ok(asked_count(host_real(), &s, &p, &second, &q[2], &others, NULL)); /* each dataset and each permit has its own */
    assert_int_equal(others, 0);
    assert_ok(asked_count(host_real(), &s, &other, &heart, &q[2], &others, NULL));
    assert_int_equal(others, 0);
    /* a line that the power cut short was never answered to */
    agent_path(&s, "guard/asked/p-0000000000000000000000000g.heart", path);
    assert_ok(host_append_file(host_real(), path, 0600, slice_str("q-00000"), NULL));
    assert_ok(asked_count(host_real(), &s, &p, &heart, &q[2], &others, NULL));
    assert_int_equal(others, 2);
    assert_ok(asked_add(host_real(), &s, &p, &heart, &q[2], NULL));
    assert_ok(asked_count(host_real(), &s, &p, &heart, &q[0], &others, NULL));
    assert_int_equal(others, 2);
}

/* Whatever fails: what was said to be counted is. */
static void counting_may_fail(void **state)
{
    (void)state;
    struct agent_settings s = {.site = site};
    const struct document_id p = id("p-0000000000000000000000000g"), q = id("q-0000000000000000000000000g"), next = id("q-1000000000000000000000000g");
    const struct label heart = {"heart"};
    char path[AGENT_PATH_SIZE];
    for (unsigned after = 0; after < 2; after++)
        for (unsigned long n = 0;; n++) {
            struct fault_host f;
            uint64_t others;
            scratch_empty(folder);
            snprintf(s.dir, sizeof s.dir, "%s", folder);
            agent_path(&s, "guard", path);
            assert_ok(host_make_folder(host_real(), path, 0700, NULL));
            agent_path(&s, "guard/asked", path);
            assert_ok(host_make_folder(host_real(), path, 0700, NULL));
            agent_path(&s, "guard/asked/p-0000000000000000000000000g.heart", path);
            assert_ok(host_append_file(host_real(), path, 0600, slice_str("torn"), NULL));
            fault_host_init(&f, n);
            f.after = after;
            bool done = is_ok(asked_add(&f.host, &s, &p, &heart, &q, NULL));
            assert_true(done != f.hit);
            assert_ok(asked_count(host_real(), &s, &p, &heart, &next, &others, NULL));
            assert_true(others == 1 || (!done && others == 0));
            if (!f.hit)
                break;
        }
}

/* --- how many persons the catalogue says there are --- */

static int64_t said(enum profile profile, uint64_t persons, const char *dataset, struct cellkey *key, const char **ret_form)
{
    static const char *const forms[] = {"count", "about", "below"};
    struct dictionary d = {.profile = profile};
    struct json *v CLEANUP(json_freep) = NULL;
    snprintf(d.dataset.text, sizeof d.dataset.text, "%s", dataset);
    assert_ok(persons_published(&d, persons, key, &v, NULL));
    *ret_form = NULL;
    for (unsigned i = 0; i < 3; i++)
        if (json_get(v, forms[i])) {
            assert_null(*ret_form);
            *ret_form = forms[i];
        }
    return *ret_form ? json_integer(json_get(v, *ret_form)) : -1;
}

/* Never finer than hundreds, never below a thousand, near the truth; the same for the same number, and no step at a known
 * place: who knows all persons but one learns next to nothing from which hundred it is. */
static void persons_in_hundreds(void **state)
{
    (void)state;
    const uint8_t bytes[32] = {7};
    struct secret *secret CLEANUP(secret_freep) = NULL;
    struct cellkey *key CLEANUP(cellkey_freep) = NULL;
    const char *form, *again;
    assert_ok(secret_new(slice_of(bytes, sizeof bytes), &secret, NULL));
    assert_ok(cellkey_new(secret, LABEL_CELL_KEY, &key, NULL));
    assert_int_equal(said(PROFILE_OPEN, 303, "heart", key, &form), 303);
    assert_string_equal(form, "count");
    assert_int_equal(said(PROFILE_DP, 5000, "heart", key, &form), -1);
    static const enum profile protected[] = {PROFILE_CK, PROFILE_STRICT};
    for (unsigned p = 0; p < 2; p++) {
        unsigned moved = 0, at_the_edge = 0;
        for (uint64_t n = 0; n < 4000; n++) {
            int64_t about = said(protected[p], n, "heart", key, &form);
            assert_int_equal(about, said(protected[p], n, "heart", key, &again));
            assert_ptr_equal(form, again);
            assert_true(about % 100 == 0 && about >= 1000);
            if (n < 930)
                assert_string_equal(form, "below");
            if (n > 970) {
                assert_string_equal(form, "about");
                assert_in_range(about + 1000, n + 1000 - 65, n + 1000 + 65);
            }
            if (n > 1000 && n % 100 == 50) { /* plain rounding would step between n - 1 and n, always */
                at_the_edge++;
                moved += said(protected[p], n - 1, "heart", key, &again) < about;
            }
        }
        assert_true(moved > 0 && moved < at_the_edge);
    }
}

static void broken_state_is_said_so(void **state)
{
    (void)state;
    struct store s;
    struct agent_state *got = calloc(1, sizeof *got);
    char path[128];
    scratch_empty(folder);
    assert_ok(store_open(host_real(), folder, &s, NULL));
    assert_ok(store_read_state(&s, got, NULL));
    assert_int_equal(got->checkpoint.size, 0);
    snprintf(path, sizeof path, "%s/state.json", folder);
    assert_ok(host_write_file(host_real(), path, 0600, slice_str("{\"innsyn\":\"agent-state/1\"}"), NULL));
    assert_status(store_read_state(&s, got, NULL), BROKEN);
    free(got);
}

/* --- answers --- */

static struct document_id query_of(unsigned n)
{
    char text[DOCUMENT_ID_LEN + 1];
    snprintf(text, sizeof text, "q-%021u0000g", n);
    return id(text);
}

static struct answers *answers_here(const struct host *h)
{
    struct answers *a = NULL;
    assert_ok(answers_open(h, folder, &a, NULL));
    return a;
}

static void write_one(struct answers *a, unsigned n, struct slice text)
{
    struct document_id query = query_of(n), task = id("t-0000000000000000000000000g");
    struct hash hash = sha256(slice_str(query.text));
    assert_ok(answers_write(a, &query, &task, &hash, text, NULL));
    assert_status(answers_write(a, &query, &task, &hash, slice_str("{}"), NULL), DENIED);
}

static void assert_answered(struct answers *a, unsigned n, struct slice text)
{
    struct document_id query = query_of(n);
    struct hash hash = sha256(slice_str(query.text));
    struct stored_answer got = {0};
    assert_ok(answers_read(a, &query, &got, NULL));
    assert_true(slice_equal(buffer_slice(&got.result), text) && hash_equal(&got.query_hash, &hash));
    stored_answer_done(&got);
}

static void assert_not_answered(struct answers *a, unsigned n)
{
    struct document_id query = query_of(n);
    struct stored_answer got = {0};
    assert_status(answers_read(a, &query, &got, NULL), ABSENT);
}

/* A new file begins when one is full, the places of all are found again, and only the newest file may end torn. */
static void answers_go_on_over_files(void **state)
{
    (void)state;
    enum { BIG = 1024 * 1024, COUNT = 11 };
    struct buffer big CLEANUP(buffer_done) = {0};
    buffer_init(&big, BIG + 16);
    scratch_empty(folder);
    assert_ok(buffer_add_str(&big, "{\"x\":\"", NULL));
    while (big.len < BIG)
        assert_ok(buffer_add_byte(&big, 'a', NULL));
    assert_ok(buffer_add_str(&big, "\"}", NULL));
    for (unsigned n = 0; n < COUNT; n++) { /* each by a program that has just started */
        struct answers *a CLEANUP(answers_freep) = answers_here(host_real());
        for (unsigned before = 0; before < n; before++)
            assert_answered(a, before, buffer_slice(&big));
        assert_not_answered(a, n);
        write_one(a, n, buffer_slice(&big));
        assert_answered(a, n, buffer_slice(&big));
    }
    char path[SCRATCH_PATH + 16];
    snprintf(path, sizeof path, "%s/00000002", folder); /* 4, 4 and 3 of a little over 1 MiB */
    assert_ok(host_append_file(host_real(), path, 0600, slice_str("q-000000000000000000000110000g 17000000000"), NULL));
    struct answers *a CLEANUP(answers_freep) = answers_here(host_real());
    for (unsigned n = 0; n < COUNT; n++)
        assert_answered(a, n, buffer_slice(&big));
    assert_not_answered(a, COUNT);
    write_one(a, COUNT, slice_str("{}"));
    assert_answered(a, COUNT, slice_str("{}"));
    struct answers *none = NULL;
    struct why why = {0};
    snprintf(path, sizeof path, "%s/00000001", folder);
    assert_ok(host_append_file(host_real(), path, 0600, slice_str("q-"), NULL));
    assert_status(answers_open(host_real(), folder, &none, &why), BROKEN);
    assert_non_null(strstr(why.text, "00000001"));
    assert_ok(host_append_file(host_real(), path, 0600, slice_str("\n"), NULL));
    assert_status(answers_open(host_real(), folder, &none, &why), BROKEN);
}

/* The memory of many: their table grows, and none is lost or taken for another. */
static void many_answers_are_found(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    struct host_calls calls = *host_real()->calls;
    struct host quick = {&calls, host_real()->self};
    calls.append_file = host_real()->calls->append_later;
    char text[32];
    scratch_empty(folder);
    for (unsigned round = 0; round < 2; round++) {
        struct answers *a CLEANUP(answers_freep) = answers_here(&quick);
        for (unsigned n = round * MANY / 2; n < (round + 1) * MANY / 2; n++) {
            snprintf(text, sizeof text, "{\"n\":%u}", n);
            write_one(a, n, slice_str(text));
        }
        for (unsigned n = 0; n < MANY; n += 7) {
            snprintf(text, sizeof text, "{\"n\":%u}", n);
            if (n < (round + 1) * MANY / 2)
                assert_answered(a, n, slice_str(text));
            else
                assert_not_answered(a, n);
        }
    }
}

/* --- the journal --- */

struct seen {
    uint64_t count, last;
};

static result count_entry(void *self, uint64_t index, struct slice line, const struct json *entry, struct why *why)
{
    struct seen *s = self;
    (void)line;
    (void)why;
    s->count++;
    s->last = (uint64_t)json_integer(json_get(entry, "n"));
    assert_int_equal(s->last, index);
    return DONE;
}

static struct json *numbered(uint64_t n)
{
    struct json *v = json_object();
    json_set(v, "n", json_of_integer((int64_t)n));
    return v;
}

static result verify(struct journal_facts *ret, struct why *why)
{
    struct public_key key;
    struct seen s = {0};
    assert_ok(signing_key_public(site_key, &key, NULL));
    return journal_verify(host_real(), folder, &site, &key, count_entry, &s, ret, why);
}

/* The real world without its syncs, which would make thousands of entries slow. */
static result append_unsynced(void *self, const char *path, unsigned mode, struct slice bytes, struct why *why)
{
    (void)self;
    (void)mode;
    FILE *f = fopen(path, "ab");
    bool ok = f && fwrite(bytes.at, 1, bytes.len, f) == bytes.len;
    if (f)
        ok = fclose(f) == 0 && ok;
    return ok ? DONE : FAIL(why, UNAVAILABLE, "append");
}

static result append_counted(void *self, const char *path, unsigned mode, struct slice bytes, struct why *why)
{
    (*(unsigned *)self)++;
    return host_append_file(host_real(), path, mode, bytes, why);
}

/* A note is there at once, and synced by the next entry, or before the journal is signed. */
static void notes_last_with_the_next_entry(void **state)
{
    (void)state;
    unsigned synced = 0;
    struct host_calls calls = *host_real()->calls;
    struct host counting = {&calls, &synced};
    struct journal *j CLEANUP(journal_freep) = NULL;
    struct journal_facts facts;
    calls.append_file = append_counted;
    scratch_empty(folder);
    assert_ok(journal_open(&counting, folder, &site, site_key, NULL, NULL, &j, NULL));
    assert_ok(journal_append(j, "asked", numbered(0), NULL));
    assert_ok(journal_note(j, "sent", numbered(1), NULL));
    assert_int_equal(synced, 1);
    assert_int_equal(journal_size(j), 2);
    assert_ok(journal_sign(j, NULL));
    assert_int_equal(synced, 2);
    assert_ok(verify(&facts, NULL));
    assert_int_equal(facts.signed_size, 2);
    assert_ok(journal_append(j, "asked", numbered(2), NULL));
    assert_ok(journal_sign(j, NULL));
    assert_int_equal(synced, 3); /* nothing was loose */
    for (uint64_t n = 3; n <= JOURNAL_SEGMENT_ENTRIES; n++) /* over the end of a segment */
        assert_ok(journal_note(j, "sent", numbered(n), NULL));
    assert_int_equal(synced, 4); /* before the next segment begins */
    assert_ok(journal_sign(j, NULL));
    assert_int_equal(synced, 5);
    assert_ok(verify(&facts, NULL));
    assert_int_equal(facts.size, JOURNAL_SEGMENT_ENTRIES + 1);
}

static void journal_goes_on_over_segments(void **state)
{
    (void)state;
    struct host_calls calls = *host_real()->calls;
    struct host quick = {&calls, host_real()->self};
    calls.append_file = append_unsynced;
    struct journal_facts facts;
    uint64_t n = 0;
    scratch_empty(folder);
    for (unsigned round = 0; round < 5; round++) {
        struct journal *j = NULL;
        struct seen s = {0};
        assert_ok(journal_open(&quick, folder, &site, site_key, count_entry, &s, &j, NULL));
        assert_int_equal(journal_size(j), n);
        assert_true(n == 0 || s.last == n - 1);
        assert_true(s.count <= 2 * JOURNAL_SEGMENT_ENTRIES && (s.count >= JOURNAL_SEGMENT_ENTRIES || s.count == n));
        uint64_t end = n + (round == 3 ? JOURNAL_SEGMENT_ENTRIES : JOURNAL_SEGMENT_ENTRIES / 2); /* ends on a boundary too */
        for (; n < end; n++)
            assert_ok(journal_append(j, "asked", numbered(n), NULL));
        if (round != 4)
            assert_ok(journal_sign(j, NULL));
        struct hash root = journal_root(j);
        journal_free(j);
        assert_ok(verify(&facts, NULL));
        assert_int_equal(facts.size, n);
        assert_true(hash_equal(&facts.root, &root));
        assert_int_equal(facts.signed_size, round == 4 ? n - JOURNAL_SEGMENT_ENTRIES / 2 : n);
    }
}

static void write_journal(unsigned entries, unsigned signed_entries)
{
    struct journal *j = NULL;
    scratch_empty(folder);
    assert_ok(journal_open(host_real(), folder, &site, site_key, NULL, NULL, &j, NULL));
    for (unsigned i = 0; i < entries; i++) {
        assert_ok(journal_append(j, "asked", numbered(i), NULL));
        if (i + 1 == signed_entries)
            assert_ok(journal_sign(j, NULL));
    }
    journal_free(j);
}

static void change_segment(struct buffer *bytes, const char *from, const char *to)
{
    char path[128];
    snprintf(path, sizeof path, "%s/00000000.jsonl", folder);
    buffer_init(bytes, 100000);
    assert_ok(host_read_file(host_real(), path, 100000, bytes, NULL));
    uint8_t *at = memmem(bytes->at, bytes->len, from, strlen(from));
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    assert_ok(host_write_file(host_real(), path, 0600, buffer_slice(bytes), NULL));
}

static void changed_journal_is_noticed(void **state)
{
    (void)state;
    struct journal_facts facts;
    struct why why = {0};
    struct buffer bytes = {0};
    write_journal(5, 5);
    assert_ok(verify(&facts, NULL));
    change_segment(&bytes, "\"asked\"", "\"ASKED\""); /* one entry rewritten */
    assert_status(verify(&facts, &why), BROKEN);
    buffer_done(&bytes);
    write_journal(5, 5);
    char path[128];
    snprintf(path, sizeof path, "%s/00000000.jsonl", folder);
    buffer_init(&bytes, 100000);
    assert_ok(host_read_file(host_real(), path, 100000, &bytes, NULL));
    size_t cut = bytes.len / 5 * 4; /* the last entry removed (all are of one length) */
    assert_ok(host_write_file(host_real(), path, 0600, slice_of(bytes.at, cut), NULL));
    assert_status(verify(&facts, &why), BROKEN);
    buffer_done(&bytes);
}

static void torn_last_line_is_cut_off(void **state)
{
    (void)state;
    struct journal *j = NULL;
    struct journal_facts facts;
    char path[128];
    write_journal(3, 2);
    snprintf(path, sizeof path, "%s/00000000.jsonl", folder);
    assert_ok(host_append_file(host_real(), path, 0600, slice_str("{\"innsyn\":\"journ"), NULL));
    assert_ok(journal_open(host_real(), folder, &site, site_key, NULL, NULL, &j, NULL));
    assert_int_equal(journal_size(j), 3);
    assert_ok(journal_append(j, "asked", numbered(3), NULL));
    journal_free(j);
    assert_ok(verify(&facts, NULL));
    assert_int_equal(facts.size, 4);
}

/* An entry is there if and only if the call said so (or its end could not be known), and the tree holds. */
static void journal_when_any_call_fails(void **state)
{
    (void)state;
    for (unsigned long n = 0;; n++) {
        struct fault_host f;
        struct journal *j = NULL;
        struct journal_facts facts;
        uint64_t done = 0;
        scratch_empty(folder);
        fault_host_init(&f, n);
        result r = journal_open(&f.host, folder, &site, site_key, NULL, NULL, &j, NULL);
        for (unsigned i = 0; i < 3 && is_ok(r); i++) {
            r = journal_append(j, "asked", numbered(i), NULL);
            done += is_ok(r);
            if (is_ok(r))
                r = journal_sign(j, NULL);
        }
        assert_true(is_ok(r) != f.hit);
        journal_free(j);
        assert_ok(verify(&facts, NULL));
        assert_int_equal(facts.size, done);
        if (!f.hit)
            break;
    }
}

/* --- what waits for the holder, and what the holder blocks --- */

static struct agent_settings here(void)
{
    struct agent_settings s = {.site = site};
    char path[AGENT_PATH_SIZE];
    snprintf(s.dir, sizeof s.dir, "%s", folder);
    agent_path(&s, "guard", path);
    assert_ok(host_make_folder(host_real(), path, 0700, NULL));
    agent_path(&s, "guard/held", path);
    assert_ok(host_make_folder(host_real(), path, 0700, NULL));
    return s;
}

static struct held_answer held_one(void)
{
    struct held_answer h = {.task = id("t-0000000000000000000000000g"), .query = id("q-0000000000000000000000000g"),
                            .permit = id("p-0000000000000000000000000g"), .account = {"researcher"}, .held_ms = 1000, .until_ms = 2000};
    struct envelope e = {0};
    assert_ok(envelope_make(TYPE_SITE_RESULT, slice_str("{\"innsyn\":\"site-result/1\"}"), &e, NULL));
    assert_ok(envelope_sign(&e, site_key, NULL));
    h.result = envelope_hash(&e);
    h.record = json_object();
    json_set(h.record, "dataset", json_of_str("heart"));
    json_set(h.record, "why", json_of_str("by hand"));
    json_set(h.record, "permit_document", json_object());
    json_set(h.record, "question", json_object());
    json_set(h.record, "result", envelope_json(&e));
    envelope_done(&e);
    return h;
}

static void what_waits_is_what_was_signed(void **state)
{
    (void)state;
    struct held_answer h = held_one(), got = {0};
    struct held_act act = {.release = true, .result = h.result}, act_got;
    struct document_id ids[HELD_ANSWERS_MAX];
    struct buffer text CLEANUP(buffer_done) = {0};
    char path[AGENT_PATH_SIZE];
    unsigned count;
    scratch_empty(folder);
    struct agent_settings s = here();
    assert_status(held_read(host_real(), &s, &h.query, &got, NULL), ABSENT);
    assert_ok(held_write(host_real(), &s, &h, NULL));
    assert_ok(held_read(host_real(), &s, &h.query, &got, NULL));
    assert_true(hash_equal(&got.result, &h.result) && document_id_equal(&got.task, &h.task) && got.until_ms == 2000);
    held_answer_done(&got);
    assert_ok(held_list(&s, ids, &count, NULL));
    assert_int_equal(count, 1);
    assert_status(held_act_read(host_real(), &s, &h.query, &act_got, NULL), ABSENT);
    assert_ok(held_act_write(host_real(), &s, &h.query, &act, NULL));
    assert_ok(held_act_read(host_real(), &s, &h.query, &act_got, NULL));
    assert_true(act_got.release && hash_equal(&act_got.result, &h.result));
    act.release = false; /* without a reason */
    assert_ok(held_act_write(host_real(), &s, &h.query, &act, NULL));
    assert_status(held_act_read(host_real(), &s, &h.query, &act_got, NULL), MALFORMED);
    /* one byte of the answer changed */
    buffer_init(&text, HELD_BYTES_MAX);
    snprintf(path, sizeof path, "%s/guard/held/%s.json", folder, h.query.text);
    assert_ok(host_read_file(host_real(), path, HELD_BYTES_MAX, &text, NULL));
    char *payload = strstr((char *)text.at, "\"payload\":\"");
    payload[12] ^= 1;
    assert_ok(host_write_file(host_real(), path, 0600, buffer_slice(&text), NULL));
    assert_status(held_read(host_real(), &s, &h.query, &got, NULL), BROKEN);
    assert_ok(held_remove(host_real(), &s, &h.query, NULL));
    assert_ok(held_list(&s, ids, &count, NULL));
    assert_int_equal(count, 0);
    held_answer_done(&h);
}

static void holding_when_any_call_fails(void **state)
{
    (void)state;
    for (unsigned long n = 0;; n++) {
        struct held_answer h = held_one(), got = {0};
        struct fault_host f;
        scratch_empty(folder);
        struct agent_settings s = here();
        fault_host_init(&f, n);
        bool done = is_ok(held_write(&f.host, &s, &h, NULL));
        result r = held_read(host_real(), &s, &h.query, &got, NULL);
        assert_true(done != f.hit && (r.code == OK || (!done && r.code == ABSENT)));
        held_answer_done(&got);
        held_answer_done(&h);
        if (!f.hit)
            break;
    }
}

static void blocks_are_kept_and_a_broken_list_is_said_so(void **state)
{
    (void)state;
    static struct blocks b, got;
    char path[AGENT_PATH_SIZE];
    scratch_empty(folder);
    struct agent_settings s = here();
    struct document_id one = id("p-0000000000000000000000000g"), two = id("p-1000000000000000000000000g");
    assert_ok(blocks_read(host_real(), &s, &got, NULL));
    assert_int_equal(got.count, 0);
    b.permits[b.count++] = one;
    assert_ok(blocks_write(host_real(), &s, &b, NULL));
    assert_ok(blocks_read(host_real(), &s, &got, NULL));
    assert_true(blocks_hold(&got, &one) && !blocks_hold(&got, &two) && blocks_equal(&b, &got));
    agent_path(&s, "blocked.json", path);
    assert_ok(host_write_file(host_real(), path, 0644, slice_str("{\"innsyn\":\"blocked/1\",\"permits\":[\"q-1\"]}"), NULL));
    assert_status(blocks_read(host_real(), &s, &got, NULL), BROKEN);
    assert_true(blocks_hold(&got, &one)); /* untouched */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_round_trip_and_refusals),
        cmocka_unit_test(statuses_never_go_back),
        cmocka_unit_test(any_call_may_fail), cmocka_unit_test(questions_are_counted_once), cmocka_unit_test(counting_may_fail), cmocka_unit_test(persons_in_hundreds),
        cmocka_unit_test(broken_state_is_said_so),
        cmocka_unit_test(answers_go_on_over_files),
        cmocka_unit_test(many_answers_are_found),
        cmocka_unit_test(notes_last_with_the_next_entry),
        cmocka_unit_test(journal_goes_on_over_segments),
        cmocka_unit_test(changed_journal_is_noticed),
        cmocka_unit_test(torn_last_line_is_cut_off),
        cmocka_unit_test(journal_when_any_call_fails),
        cmocka_unit_test(what_waits_is_what_was_signed),
        cmocka_unit_test(holding_when_any_call_fails),
        cmocka_unit_test(blocks_are_kept_and_a_broken_list_is_said_so),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
