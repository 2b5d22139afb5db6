/*
 * Aim: each documented signal (docs/LOG.md) is raised by the log that deserves it, with the entries that made
 * it, and by nothing that just falls short.
 * Method: logs written here, entry by entry, on both sides of each rule's bounds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/instant.h"
#include "check.h"
#include "client/log/signals.h"

static struct signals *s;
static uint64_t next_index;
static const int64_t noon = INT64_C(1767268800000); /* 2026-01-01T12:00:00Z */

static void begin(void)
{
    assert_ok(signals_new(SIGNALS_HOUR_FROM, SIGNALS_HOUR_TO, &s, NULL));
    next_index = 100;
}

/* members: what follows `type`, as JSON members, or "". */
static void entry(int64_t at_ms, const char *type, const char *members)
{
    char text[1024], at[INSTANT_TEXT_SIZE];
    struct json *v CLEANUP(json_freep) = NULL;
    instant_print(at_ms, at);
    snprintf(text, sizeof text, "{\"innsyn\":\"entry/1\",\"at\":\"%s\",\"type\":\"%s\"%s%s}", at, type, members[0] ? "," : "", members);
    assert_ok(json_parse(slice_str(text), sizeof text, &v, NULL));
    assert_ok(signals_look(s, next_index++, v, NULL));
}

static void query(int64_t at_ms, const char *account, unsigned variant)
{
    char members[256];
    snprintf(members, sizeof members, "\"account\":\"%s\",\"permit\":\"p-1\",\"dataset\":\"heart\",\"statistic\":\"table\",\"variables\":[\"v%u\"]", account, variant);
    entry(at_ms, "query", members);
}

/* How often the rule speaks; *ret_count, *ret_first: of its first signal, the count and the first entry of its evidence. */
static unsigned found(const char *rule, const char *of, int64_t *ret_count, int64_t *ret_first, size_t *ret_entries)
{
    struct json *all CLEANUP(json_freep) = signals_end(s);
    unsigned n = 0;
    for (size_t i = 0; i < json_size(all); i++) {
        const struct json *v = json_item(all, i), *entries = json_get(v, "entries");
        if (!slice_is(json_text(json_get(v, "rule")), rule))
            continue;
        assert_true(json_text(json_get(v, "says")).len > 0 && json_size(entries) > 0);
        if (of && !slice_is(json_text(json_get(v, "of")), of))
            fail_msg("%s is said of %.*s", rule, SLICE_ARG(json_text(json_get(v, "of"))));
        if (n++ == 0 && ret_count) {
            *ret_count = json_integer(json_get(v, "count"));
            *ret_first = json_integer(json_item(entries, 0));
            *ret_entries = json_size(entries);
        }
    }
    signals_free(s);
    s = NULL;
    return n;
}

#define EXPECT_SIGNAL(rule, of, many, first, entries)                                              \
    do {                                                                                           \
        int64_t count_ = 0, first_ = 0;                                                            \
        size_t entries_ = 0;                                                                       \
        assert_int_equal(found((rule), (of), &count_, &first_, &entries_), 1);                     \
        assert_int_equal(count_, (many));                                                          \
        assert_int_equal(first_, (first));                                                         \
        assert_int_equal(entries_, (entries));                                                     \
    } while (0)
#define EXPECT_NONE(rule) assert_int_equal(found((rule), NULL, NULL, NULL, NULL), 0)

static void near_identical(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 10; i++)
        query(noon + i * 2 * HOUR_MS, "ann", 1); /* within 18 hours */
    EXPECT_SIGNAL("near_identical", "ann heart table [\"v1\"]", 10, 100, 10);
    begin();
    for (int i = 0; i < 9; i++)
        query(noon + i * HOUR_MS, "ann", 1);
    EXPECT_NONE("near_identical");
    begin();
    for (int i = 0; i < 10; i++)
        query(noon + i * 3 * HOUR_MS, "ann", 1); /* never ten within a day */
    EXPECT_NONE("near_identical");
    begin();
    for (unsigned i = 0; i < 20; i++)
        query(noon + i * MINUTE_MS, i % 2 ? "ann" : "bo", i / 2); /* two people, ten questions each, no two alike */
    EXPECT_NONE("near_identical");
}

static void bursts(void **state)
{
    (void)state;
    begin();
    query(noon - HOUR_MS, "ann", 99);
    for (unsigned i = 0; i < 30; i++)
        query(noon + i * 10 * SECOND_MS, "ann", i); /* within 290 seconds */
    EXPECT_SIGNAL("burst", "ann", 30, 101, 20);     /* its first twenty as evidence */
    begin();
    for (unsigned i = 0; i < 29; i++)
        query(noon + i * SECOND_MS, "ann", i);
    EXPECT_NONE("burst");
    begin();
    for (unsigned i = 0; i < 60; i++)
        query(noon + i * 11 * SECOND_MS, "ann", i); /* 28 in any five minutes */
    EXPECT_NONE("burst");
    begin();
    for (unsigned i = 0; i < 58; i++)
        query(noon + i * SECOND_MS, i % 2 ? "ann" : "bo", i); /* two people, 29 each */
    EXPECT_NONE("burst");
}

static void repeated_refusals(void **state)
{
    (void)state;
    static const char *const types[] = {"query_refused", "refused", "login_failed"};
    begin();
    for (int i = 0; i < 5; i++)
        entry(noon + i * 15 * MINUTE_MS, types[i % 3], "\"account\":\"ann\""); /* of all kinds, in an hour */
    EXPECT_SIGNAL("repeated_refusals", "ann", 5, 100, 5);
    begin();
    for (int i = 0; i < 5; i++)
        entry(noon + i * MINUTE_MS, "refused", "\"site\":\"alpha\"");
    EXPECT_SIGNAL("repeated_refusals", "alpha", 5, 100, 5);
    begin();
    for (int i = 0; i < 4; i++)
        entry(noon + i * MINUTE_MS, "refused", "\"account\":\"ann\"");
    EXPECT_NONE("repeated_refusals");
    begin();
    for (int i = 0; i < 5; i++)
        entry(noon + i * 16 * MINUTE_MS, "refused", "\"account\":\"ann\"");
    EXPECT_NONE("repeated_refusals");
    begin();
    for (int i = 0; i < 9; i++)
        entry(noon + i * MINUTE_MS, "login_failed", ""); /* of nobody who exists */
    EXPECT_NONE("repeated_refusals");
}

static void out_of_hours(void **state)
{
    (void)state;
    static const char *const deeds[] = {"query", "permit_signature", "permit_status", "trust", "account", "erasure", "site", "opinion"};
    const int64_t midnight = noon - 12 * HOUR_MS;
    for (size_t i = 0; i < COUNT_OF(deeds); i++) {
        begin();
        entry(midnight + 6 * HOUR_MS - 1, deeds[i], "\"account\":\"ann\"");
        EXPECT_SIGNAL("out_of_hours", "ann", 1, 100, 1);
        begin();
        entry(midnight + 20 * HOUR_MS, deeds[i], "\"account\":\"ann\"");
        EXPECT_SIGNAL("out_of_hours", "ann", 1, 100, 1);
        begin();
        entry(midnight + 6 * HOUR_MS, deeds[i], "\"account\":\"ann\"");
        entry(midnight + 20 * HOUR_MS - 1, deeds[i], "\"account\":\"ann\"");
        EXPECT_NONE("out_of_hours");
    }
    begin();
    entry(midnight, "login", "\"account\":\"ann\""); /* reading is no deed */
    entry(midnight, "permit_status", "\"permit\":\"p-1\""); /* a permit that expired by itself */
    EXPECT_NONE("out_of_hours");
}

static void people_changed(void **state)
{
    (void)state;
    begin();
    entry(noon, "permit_signature", "\"account\":\"officer\",\"permit\":\"p-1\"");
    entry(noon, "erasure", "\"account\":\"op\",\"of\":\"officer\"");
    query(noon, "ann", 1);
    EXPECT_SIGNAL("people_changed", "p-1 ann", 1, 100, 3); /* the signature, the erasure, the use */
    begin();
    query(noon, "bo", 1);
    entry(noon, "erasure", "\"account\":\"op\",\"of\":\"bo\"");
    query(noon, "ann", 1);
    EXPECT_SIGNAL("people_changed", "p-1 ann", 1, 100, 3);
    begin();
    entry(noon, "permit_signature", "\"account\":\"officer\",\"permit\":\"p-1\"");
    query(noon, "ann", 1);
    entry(noon, "erasure", "\"account\":\"op\",\"of\":\"officer\""); /* not used since */
    EXPECT_NONE("people_changed");
    begin();
    entry(noon, "permit_signature", "\"account\":\"officer\",\"permit\":\"p-2\""); /* another permit */
    entry(noon, "erasure", "\"account\":\"op\",\"of\":\"officer\"");
    query(noon, "ann", 1);
    EXPECT_NONE("people_changed");
    begin();
    entry(noon, "permit_signature", "\"account\":\"officer\",\"permit\":\"p-1\"");
    entry(noon, "erasure", "\"account\":\"op\",\"document\":\"a-1\""); /* texts of a document, no account */
    query(noon, "ann", 1);
    EXPECT_NONE("people_changed");
}

static void results(const char *site, unsigned answered, unsigned refused)
{
    char members[128];
    for (unsigned i = 0; i < answered + refused; i++) {
        snprintf(members, sizeof members, "\"site\":\"%s\",\"status\":\"%s\"", site, i < refused ? "refused" : "answered");
        entry(noon + i, "site_result", members);
    }
}

static void a_site_refuses_more(void **state)
{
    (void)state;
    begin();
    results("alpha", 100, 0);
    results("beta", 8, 2); /* a fifth of ten */
    results("gamma", 95, 5);
    EXPECT_SIGNAL("site_refuses", "beta", 2, 200, 2);
    begin();
    results("alpha", 100, 0);
    results("beta", 81, 19); /* under a fifth */
    EXPECT_NONE("site_refuses");
    begin();
    results("alpha", 100, 0);
    results("beta", 0, 9); /* too few to say */
    EXPECT_NONE("site_refuses");
    begin();
    results("alpha", 90, 10);
    results("beta", 70, 30); /* three times the others' share */
    EXPECT_SIGNAL("site_refuses", "beta", 30, 200, 20);
    begin();
    results("alpha", 89, 11);
    results("beta", 70, 30); /* not quite */
    EXPECT_NONE("site_refuses");
    begin();
    results("alpha", 0, 100); /* there are no others */
    EXPECT_NONE("site_refuses");
}

static void nothing_and_no_time(void **state)
{
    (void)state;
    struct json *v CLEANUP(json_freep) = json_object();
    begin();
    EXPECT_NONE("burst");
    begin();
    json_set(v, "type", json_of_str("query"));
    assert_status(signals_look(s, 1, v, NULL), DENIED);
    signals_free(s);
    s = NULL;
    signals_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_identical), cmocka_unit_test(bursts),         cmocka_unit_test(repeated_refusals),
        cmocka_unit_test(out_of_hours),   cmocka_unit_test(people_changed), cmocka_unit_test(a_site_refuses_more),
        cmocka_unit_test(nothing_and_no_time),
    };
    return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
