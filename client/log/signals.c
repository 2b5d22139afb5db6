#include "client/log/signals.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/instant.h"

enum {
    KEY_MAX = 160, EVENTS_MAX = 4000000, EVIDENCE_MAX = 20,
    SITE_RESULTS_MIN = 10, SITE_SHARE_MIN = 20, /* percent */
};

enum rule { NEAR_IDENTICAL, BURST, REFUSALS, OUT_OF_HOURS, PEOPLE_CHANGED, SITE_REFUSES, RULES };
static const struct {
    const char *name, *says;
    unsigned many;    /* entries of one key ... */
    int64_t span_ms;  /* ... within this time */
} rules[RULES] = {
    [NEAR_IDENTICAL] = {"near_identical", "one account asks many questions of the same statistic of the same variables", 10, DAY_MS},
    [BURST] = {"burst", "one account asks many questions in a short time", 30, 5 * MINUTE_MS},
    [REFUSALS] = {"repeated_refusals", "one account or site is refused again and again", 5, HOUR_MS},
    [OUT_OF_HOURS] = {"out_of_hours", "decisions, changes of trust or questions outside the hours of work", 1, DAY_MS},
    [PEOPLE_CHANGED] = {"people_changed", "a permit is used after an account that signed it or asked under it was erased", 1, DAY_MS},
    [SITE_REFUSES] = {"site_refuses", "a site refuses much more often than the others", 0, 0},
};

struct event {
    char key[KEY_MAX];
    int64_t at_ms;
    uint64_t index;
};
struct events {
    struct event *at;
    unsigned count, room;
};
struct signals {
    struct events events[RULES];   /* of PEOPLE_CHANGED: uses of permits, key "permit account" */
    struct events signed_by;       /* key "permit account" */
    struct events erased;          /* key account */
    struct events results;         /* key site; at_ms: 1 when it refused */
    unsigned hour_from, hour_to;
    struct json *found;
};

static int by_key(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : x->index < y->index ? -1 : x->index > y->index;
}

static result add(struct events *e, const char *key, int64_t at_ms, uint64_t index, struct why *why)
{
    if (e->count == e->room) {
        unsigned room = e->room ? 2 * e->room : 256;
        struct event *at = room <= EVENTS_MAX ? reallocarray(e->at, room, sizeof *at) : NULL;
        if (!at)
            return FAIL(why, LIMIT, "too many entries; narrow the time with --from and --to");
        e->at = at;
        e->room = room;
    }
    struct event *one = &e->at[e->count++];
    *one = (struct event){.at_ms = at_ms, .index = index};
    (void)snprintf(one->key, sizeof one->key, "%s", key);
    return DONE;
}

static void two(struct slice a, struct slice b, char to[KEY_MAX])
{
    (void)snprintf(to, KEY_MAX, "%.*s %.*s", SLICE_ARG(slice_part(a, 0, 70)), SLICE_ARG(slice_part(b, 0, 70)));
}

static bool is_one_of(struct slice type, const char *const *list)
{
    for (; *list; list++)
        if (slice_is(type, *list))
            return true;
    return false;
}

static result near_identical(struct signals *s, const struct json *e, int64_t at_ms, uint64_t index, struct why *why)
{
    char key[KEY_MAX];
    struct buffer names CLEANUP(buffer_done) = {0};
    buffer_init(&names, 16 * 1024);
    if (json_get(e, "variables"))
        TRY(json_print(json_get(e, "variables"), &names, why));
    (void)snprintf(key, sizeof key, "%.*s %.*s %.*s %.*s", SLICE_ARG(slice_part(json_text(json_get(e, "account")), 0, 40)),
                   SLICE_ARG(slice_part(json_text(json_get(e, "dataset")), 0, 40)), SLICE_ARG(slice_part(json_text(json_get(e, "statistic")), 0, 16)),
                   SLICE_ARG(slice_part(buffer_slice(&names), 0, 60)));
    return add(&s->events[NEAR_IDENTICAL], key, at_ms, index, why);
}

result signals_look(void *self, uint64_t index, const struct json *e, struct why *why)
{
    static const char *const refusals[] = {"query_refused", "refused", "login_failed", NULL};
    static const char *const deeds[] = {"query", "permit_signature", "permit_status", "trust", "account", "erasure", "site", "opinion", NULL};
    struct signals *s = self;
    struct slice type = json_text(json_get(e, "type")), account = json_text(json_get(e, "account")), site = json_text(json_get(e, "site"));
    struct slice permit = json_text(json_get(e, "permit"));
    char who[KEY_MAX], pair[KEY_MAX];
    int64_t at_ms = 0;
    if (!instant_parse(json_text(json_get(e, "at")), &at_ms))
        return FAIL(why, DENIED, "entry %llu has no time", (unsigned long long)index);
    (void)snprintf(who, sizeof who, "%.*s", SLICE_ARG(slice_part(account.len ? account : site, 0, 100)));
    two(permit, account, pair);
    if (slice_is(type, "query")) {
        TRY(near_identical(s, e, at_ms, index, why));
        TRY(add(&s->events[BURST], who, at_ms, index, why));
        TRY(add(&s->events[PEOPLE_CHANGED], pair, at_ms, index, why));
    }
    if (is_one_of(type, refusals) && who[0])
        TRY(add(&s->events[REFUSALS], who, at_ms, index, why));
    unsigned hour = (unsigned)((at_ms % DAY_MS + DAY_MS) % DAY_MS / HOUR_MS);
    if (is_one_of(type, deeds) && account.len && (hour < s->hour_from || hour >= s->hour_to))
        TRY(add(&s->events[OUT_OF_HOURS], who, at_ms, index, why));
    if (slice_is(type, "permit_signature"))
        TRY(add(&s->signed_by, pair, at_ms, index, why));
    if (slice_is(type, "erasure") && json_text(json_get(e, "of")).len) {
        (void)snprintf(who, sizeof who, "%.*s", SLICE_ARG(slice_part(json_text(json_get(e, "of")), 0, 100)));
        TRY(add(&s->erased, who, at_ms, index, why));
    }
    if (slice_is(type, "site_result"))
        TRY(add(&s->results, who, slice_is(json_text(json_get(e, "status")), "refused"), index, why));
    return DONE;
}

static struct json *signal_new(struct signals *s, enum rule rule, const char *of, unsigned count, struct json **ret_entries)
{
    struct json *v = json_object(), *entries = json_array();
    json_set(v, "rule", json_of_str(rules[rule].name));
    json_set(v, "says", json_of_str(rules[rule].says));
    json_set(v, "of", json_of_str(of));
    json_set(v, "count", json_of_integer(count));
    json_set(v, "entries", entries);
    json_add(s->found, v);
    *ret_entries = entries;
    return v;
}

/* One signal a key: the widest run of entries within the span; evidence is its first entries. */
static void windows(struct signals *s, enum rule rule)
{
    struct events *e = &s->events[rule];
    if (e->count)
        qsort(e->at, e->count, sizeof *e->at, by_key);
    for (unsigned from = 0, end; from < e->count; from = end) {
        unsigned best = 0, best_from = from;
        for (end = from; end < e->count && strcmp(e->at[end].key, e->at[from].key) == 0; end++)
            ;
        for (unsigned low = from, high = from; high < end; high++) {
            while (e->at[high].at_ms - e->at[low].at_ms > rules[rule].span_ms)
                low++;
            if (high - low + 1 > best) {
                best = high - low + 1;
                best_from = low;
            }
        }
        if (best < rules[rule].many)
            continue;
        struct json *entries;
        (void)signal_new(s, rule, e->at[from].key, best, &entries);
        for (unsigned i = 0; i < best && i < EVIDENCE_MAX; i++)
            json_add(entries, json_of_integer((int64_t)e->at[best_from + i].index));
    }
}

/* Erased at entry x; the permit was signed or used by that account before, and is used after. */
static void people_changed(struct signals *s)
{
    const struct events *uses = &s->events[PEOPLE_CHANGED], *lists[] = {uses, &s->signed_by};
    for (unsigned i = 0; i < s->erased.count; i++) {
        const struct event *gone = &s->erased.at[i];
        for (unsigned k = 0; k < uses->count; k++) {
            const char *blank = strchr(uses->at[k].key, ' ');
            size_t permit_len = blank ? (size_t)(blank - uses->at[k].key) : 0;
            const struct event *tie = NULL;
            if (uses->at[k].index < gone->index)
                continue;
            for (unsigned l = 0; l < 2 && !tie; l++)
                for (unsigned n = 0; n < lists[l]->count && !tie; n++)
                    if (lists[l]->at[n].index < gone->index && strncmp(lists[l]->at[n].key, uses->at[k].key, permit_len + 1) == 0 &&
                        strcmp(lists[l]->at[n].key + permit_len + 1, gone->key) == 0)
                        tie = &lists[l]->at[n];
            if (!tie)
                continue;
            struct json *entries;
            (void)signal_new(s, PEOPLE_CHANGED, uses->at[k].key, 1, &entries);
            json_add(entries, json_of_integer((int64_t)tie->index));
            json_add(entries, json_of_integer((int64_t)gone->index));
            json_add(entries, json_of_integer((int64_t)uses->at[k].index));
            break; /* the first use is enough */
        }
    }
}

/* At least a fifth of its results, and three times the share of all the others. */
static void site_refuses(struct signals *s)
{
    struct events *e = &s->results;
    uint64_t refused = 0;
    if (e->count)
        qsort(e->at, e->count, sizeof *e->at, by_key);
    for (unsigned i = 0; i < e->count; i++)
        refused += e->at[i].at_ms != 0;
    for (unsigned from = 0, end; from < e->count; from = end) {
        uint64_t mine = 0;
        for (end = from; end < e->count && strcmp(e->at[end].key, e->at[from].key) == 0; end++)
            mine += e->at[end].at_ms != 0;
        uint64_t all = end - from, others = e->count - all, theirs = refused - mine;
        if (all < SITE_RESULTS_MIN || others == 0 || mine * 100 < all * SITE_SHARE_MIN || mine * others < 3 * theirs * all)
            continue;
        struct json *entries;
        (void)signal_new(s, SITE_REFUSES, e->at[from].key, (unsigned)mine, &entries);
        for (unsigned i = from; i < end && json_size(entries) < EVIDENCE_MAX; i++)
            if (e->at[i].at_ms)
                json_add(entries, json_of_integer((int64_t)e->at[i].index));
    }
}

result signals_new(unsigned hour_from, unsigned hour_to, struct signals **ret, struct why *why)
{
    struct signals *s = calloc(1, sizeof *s);
    if (!s)
        return FAIL(why, LIMIT, "no memory for signals");
    s->hour_from = hour_from;
    s->hour_to = hour_to;
    *ret = s;
    return DONE;
}

struct json *signals_end(struct signals *s)
{
    s->found = json_array();
    windows(s, NEAR_IDENTICAL);
    windows(s, BURST);
    windows(s, REFUSALS);
    windows(s, OUT_OF_HOURS);
    people_changed(s);
    site_refuses(s);
    return s->found;
}

void signals_free(struct signals *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < RULES; i++)
        free(s->events[i].at);
    free(s->signed_by.at);
    free(s->erased.at);
    free(s->results.at);
    free(s);
}

void signals_freep(struct signals **s)
{
    signals_free(*s);
}
