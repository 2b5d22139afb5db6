/*
 * search.c - which account asked what, of which data, for which purpose, when: searching the log over
 * its index, and following it.  The most selective term leads, the others are looked up beside it.
 * Time needs no index: entries never go back in time, so that a moment is a place in the log.
 *
 * Auditors search the whole log.  Researchers and holders find what concerns them: entries that name their
 * account, an application or a permit that names it, a question of theirs; and, for holders, entries that
 * name a site they speak for, or a document or dataset of it.
 */
#include "broker/audit/audit.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/codec.h"
#include "proto/problem.h"

enum {
    TERMS_MAX = 10, TERM_TEXT_MAX = 200, TERM_COUNT_MAX = 4000, SEARCH_LIMIT_MAX = 1000, ENTRY_JSON_MAX = 16 * 1024,
    ORGANISATION_ACCOUNTS_MAX = 500, HOLDER_SITES_MAX = 40, OWN_ENTRIES_MAX = 100, WATCH_ENTRIES_MAX = 500, WATCH_KEEP_MS = 2 * 60 * 1000, WATCH_WAIT_MS_MAX = 60 * 1000,
    LOOKED_AT_MAX = 4000, /* entries of the leading term held against the others in one call, which nobody else waits for longer */
};
static const char *const term_names[TERMS_MAX] = {"account", "dataset", "variable", "purpose", "permit", "query", "site", "outcome", "type", "request"};

struct search {
    char terms[TERMS_MAX][TERM_TEXT_MAX]; /* the given ones first */
    unsigned term_count;
    char organisation[TERM_TEXT_MAX];
    int64_t from, to; /* entries */
    int64_t limit;
    bool up;
    int64_t stopped; /* the entry at which looking stopped (LOOKED_AT_MAX); -1: everything was looked at */
};
struct found {
    int64_t index;
    struct buffer body;
};
struct finds {
    struct found *at;
    unsigned count, room;
};

static void finds_done(struct finds *f)
{
    for (unsigned i = 0; i < f->count; i++)
        buffer_done(&f->at[i].body);
    free(f->at);
}

/* --- the question --- */

static int digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of a parameter, %XX undone.  false: too long, or not well formed. */
bool query_text_decode(struct slice text, char *to, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        int c = text.at[i];
        if (c == '%') {
            int high = i + 2 < text.len ? digit(text.at[i + 1]) : -1, low = i + 2 < text.len ? digit(text.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = high * 16 + low;
            i += 2;
        } else if (c == '+')
            c = ' ';
        if (c == 0 || n + 1 >= size)
            return false;
        to[n++] = (char)c;
    }
    to[n] = 0;
    return slice_is_utf8(slice_of(to, n));
}

static result read_text(const struct call *c, const char *name, char *to, size_t size, bool *ret_given, struct why *why)
{
    struct slice raw = {0};
    *ret_given = call_parameter(c, name, &raw);
    to[0] = 0;
    if (*ret_given && (!query_text_decode(raw, to, size) || !to[0]))
        return FAIL_AT(why, MALFORMED, name, "'%s' must be a text of 1 to %zu bytes", name, size - 1);
    return DONE;
}

/* The first entry at or after a moment. */
static result entry_at(struct core *c, int64_t at_ms, int64_t *ret, struct why *why)
{
    int64_t low = 0, high = (int64_t)c->log.signed_size;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        struct rows *rows CLEANUP(rows_freep) = NULL;
        TRY(RUN(c, LOG_AT, &rows, why, store_integer(middle)));
        if (!rows_next(rows))
            return FAIL(why, BROKEN, "the log lacks entry %" PRId64, middle);
        if (rows_integer(rows, 0) < at_ms)
            low = middle + 1;
        else
            high = middle;
    }
    *ret = low;
    return DONE;
}

static result read_moment(const struct call *c, const char *name, int64_t *entry, struct json *said, struct why *why)
{
    char text[INSTANT_TEXT_SIZE + 8];
    bool given = false;
    int64_t at_ms;
    TRY(read_text(c, name, text, sizeof text, &given, why));
    if (!given)
        return DONE;
    if (!instant_parse(slice_str(text), &at_ms))
        return FAIL_AT(why, MALFORMED, name, "'%s' must be a moment such as 2026-01-31T12:00:00Z", name);
    json_set(said, name, json_of_instant(at_ms));
    return entry_at(c->core, at_ms, entry, why);
}

static result read_search(const struct call *c, struct search *s, struct json *said, struct why *why)
{
    uint64_t cursor, limit;
    char order[8];
    bool given = false;
    *s = (struct search){.stopped = -1, .to = (int64_t)c->core->log.signed_size};
    for (unsigned i = 0; i < TERMS_MAX; i++) {
        char value[TERM_TEXT_MAX - 16];
        TRY(read_text(c, term_names[i], value, sizeof value, &given, why));
        if (!given)
            continue;
        snprintf(s->terms[s->term_count++], TERM_TEXT_MAX, "%s=%s", term_names[i], value);
        json_set(said, term_names[i], json_of_str(value));
    }
    TRY(read_text(c, "organisation", s->organisation, sizeof s->organisation, &given, why));
    if (given) /* a name that people chose: the log keeps that one was asked for, not which */
        json_set(said, "organisation", json_of_bool(true));
    TRY(read_text(c, "order", order, sizeof order, &given, why));
    if (given && strcmp(order, "up") != 0 && strcmp(order, "down") != 0)
        return FAIL_AT(why, MALFORMED, "order", "'order' is up (oldest first) or down");
    s->up = strcmp(order, "up") == 0;
    TRY(read_moment(c, "from", &s->from, said, why));
    TRY(read_moment(c, "to", &s->to, said, why));
    TRY(call_number(c, "limit", SEARCH_LIMIT_MAX, false, PAGE_DEFAULT, &limit, why));
    s->limit = limit ? (int64_t)limit : 1;
    TRY(call_number(c, "cursor", INT64_MAX, false, s->up ? 0 : (uint64_t)INT64_MAX, &cursor, why));
    if (s->up && (int64_t)cursor > s->from)
        s->from = (int64_t)cursor;
    if (!s->up && (int64_t)cursor < s->to)
        s->to = (int64_t)cursor;
    return DONE;
}

/* --- the answer --- */

static result keep(struct finds *f, struct rows *rows, struct why *why)
{
    while (rows_next(rows)) {
        if (f->count == f->room) {
            unsigned room = f->room ? 2 * f->room : 64;
            struct found *at = reallocarray(f->at, room, sizeof *at);
            if (!at)
                return FAIL(why, LIMIT, "no memory for a search");
            f->at = at;
            f->room = room;
        }
        struct found *one = &f->at[f->count++];
        one->index = rows_integer(rows, 0);
        buffer_init(&one->body, ENTRY_JSON_MAX);
        TRY(buffer_add(&one->body, rows_bytes(rows, 1), why));
    }
    return DONE;
}

/* The rarest term leads; counting stops early, for beyond that any will do. */
static result choose_lead(struct core *c, const struct search *s, const char *terms[TERMS_MAX], struct why *why)
{
    int64_t least = INT64_MAX;
    unsigned lead = 0;
    for (unsigned i = 0; i < s->term_count && s->term_count > 1; i++) {
        struct rows *rows CLEANUP(rows_freep) = NULL;
        TRY(RUN(c, LOG_TERM_COUNT, &rows, why, store_str(s->terms[i]), store_integer(s->from), store_integer(s->to), store_integer(TERM_COUNT_MAX)));
        int64_t count = rows_next(rows) ? rows_integer(rows, 0) : 0;
        if (count < least) {
            least = count;
            lead = i;
        }
    }
    unsigned n = 0;
    terms[n++] = s->terms[lead];
    for (unsigned i = 0; i < s->term_count; i++)
        if (i != lead)
            terms[n++] = s->terms[i];
    while (n < TERMS_MAX)
        terms[n++] = "";
    return DONE;
}

/* Two terms may share next to nothing: what one call looks at is bounded, and the answer's `next` goes on from there. */
static result bound_look(struct core *c, struct search *s, const char *lead, int64_t *from, int64_t *to, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    *from = s->from;
    *to = s->to;
    if (s->term_count < 2)
        return DONE;
    TRY(RUN(c, s->up ? LOG_TERM_NTH_UP : LOG_TERM_NTH, &rows, why, store_str(lead), store_integer(s->from), store_integer(s->to),
            store_integer(LOOKED_AT_MAX)));
    if (!rows_next(rows))
        return DONE;
    int64_t at = rows_integer(rows, 0) + !s->up;
    *(s->up ? to : from) = at;
    if (s->stopped < 0 || (s->up ? at < s->stopped : at > s->stopped))
        s->stopped = at;
    return DONE;
}

static result run_search(struct core *c, struct search *s, struct finds *ret, struct why *why)
{
    const char *t[TERMS_MAX];
    int64_t from, to;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    if (s->term_count == 0)
        TRY(RUN(c, s->up ? LOG_PAGE_UP : LOG_PAGE, &rows, why, store_integer(s->from), store_integer(s->to), store_integer(s->limit)));
    else {
        TRY(choose_lead(c, s, t, why));
        TRY(bound_look(c, s, t[0], &from, &to, why));
        TRY(RUN(c, s->up ? LOG_SEARCH_UP : LOG_SEARCH, &rows, why, store_str(t[0]), store_integer(from), store_integer(to), store_str(t[1]),
                store_str(t[2]), store_str(t[3]), store_str(t[4]), store_str(t[5]), store_str(t[6]), store_str(t[7]), store_str(t[8]),
                store_str(t[9]), store_integer(s->limit)));
    }
    return keep(ret, rows, why);
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = ((const struct found *)a)->index, y = ((const struct found *)b)->index;
    return x < y ? 1 : x > y ? -1 : 0;
}

static int oldest_first(const void *a, const void *b)
{
    return newest_first(b, a);
}

/* Puts what several searches found in order: the limit, nothing twice, and nothing beyond where one of them was
 * looked at no more. */
static void merge(const struct search *s, struct finds *f)
{
    if (f->count)
        qsort(f->at, f->count, sizeof *f->at, s->up ? oldest_first : newest_first);
    unsigned n = 0;
    for (unsigned i = 0; i < f->count; i++) {
        struct found one = f->at[i];
        bool beyond = s->stopped >= 0 && (s->up ? one.index >= s->stopped : one.index < s->stopped);
        if ((int64_t)n == s->limit || beyond || (n && f->at[n - 1].index == one.index)) {
            buffer_done(&one.body);
            continue;
        }
        f->at[n++] = one;
    }
    f->count = n;
}

static result run_with(struct core *c, struct search *s, const char *key, struct slice value, struct finds *ret, struct why *why)
{
    snprintf(s->terms[s->term_count++], TERM_TEXT_MAX, "%s=%.*s", key, SLICE_ARG(value));
    result r = run_search(c, s, ret, why);
    s->term_count--;
    return r;
}

/* An organisation is its accounts: each is searched for, and the best of all kept. */
static result run_organisation(struct core *c, struct search *s, struct finds *ret, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, ACCOUNTS_OF_ORGANISATION, &rows, why, store_str(s->organisation), store_integer(ORGANISATION_ACCOUNTS_MAX + 1)));
    if (rows_count(rows) > ORGANISATION_ACCOUNTS_MAX)
        return FAIL_AT(why, LIMIT, "organisation", "this organisation has more than %d accounts; search by account", ORGANISATION_ACCOUNTS_MAX);
    if (s->term_count == TERMS_MAX)
        return FAIL_AT(why, MALFORMED, "organisation", "search by account or by organisation");
    while (rows_next(rows))
        TRY(run_with(c, s, "account", rows_text(rows, 0), ret, why));
    merge(s, ret);
    return DONE;
}

static bool sees_all(const struct call *c)
{
    return call_has_role(c, ROLE_AUDITOR);
}

/* Of what is searched for, what concerns the caller. */
static result run_own(const struct call *c, struct search *s, struct finds *ret, struct why *why)
{
    struct rows *sites CLEANUP(rows_freep) = NULL;
    struct slice account = slice_str(c->who.account.text);
    if (s->organisation[0])
        return FAIL_AT(why, MALFORMED, "organisation", "auditors search by organisation; you find what concerns you");
    if (s->term_count == TERMS_MAX)
        return FAIL_AT(why, MALFORMED, "type", "search by fewer things at once");
    TRY(run_with(c->core, s, "account", account, ret, why));
    TRY(run_with(c->core, s, "for", account, ret, why));
    TRY(RUN(c->core, HOLDER_SITES, &sites, why, store_text(account)));
    if (rows_count(sites) > HOLDER_SITES_MAX)
        return FAIL_AT(why, LIMIT, "site", "you speak for more than %d sites; ask an auditor", HOLDER_SITES_MAX);
    while (call_has_role(c, ROLE_HOLDER) && rows_next(sites)) {
        TRY(run_with(c->core, s, "site", rows_text(sites, 0), ret, why));
        TRY(run_with(c->core, s, "for_site", rows_text(sites, 0), ret, why));
    }
    merge(s, ret);
    return DONE;
}

result log_own_entries(struct call *c, uint64_t from, uint64_t to, struct json *ret_entries, struct why *why)
{
    struct finds found CLEANUP(finds_done) = {0};
    struct search s = {.stopped = -1, .from = (int64_t)from, .to = (int64_t)to, .limit = OWN_ENTRIES_MAX, .up = true};
    if (to - from > OWN_ENTRIES_MAX)
        return FAIL_AT(why, MALFORMED, "to", "name at most %d entries at once", OWN_ENTRIES_MAX);
    TRY(run_own(c, &s, &found, why));
    if (found.count != to - from)
        return no_such_thing(why);
    for (unsigned i = 0; i < found.count; i++)
        json_add(ret_entries, json_of_base64(buffer_slice(&found.at[i].body)));
    return DONE;
}

static result finds_json(const struct finds *f, struct json *items, struct why *why)
{
    for (unsigned i = 0; i < f->count; i++) {
        struct json *item = json_object(), *entry = NULL;
        json_add(items, item);
        json_set(item, "index", json_of_integer(f->at[i].index));
        TRY(json_parse(buffer_slice(&f->at[i].body), ENTRY_JSON_MAX, &entry, why));
        json_set(item, "entry", entry);
    }
    return DONE;
}

static result read_export(const struct call *c, struct json *entry, struct why *why)
{
    static const char *const formats[] = {"ndjson", "csv", "fhir"};
    char text[16];
    bool given = false, known = false;
    TRY(read_text(c, "export", text, sizeof text, &given, why));
    for (size_t i = 0; given && i < sizeof formats / sizeof formats[0]; i++)
        known = known || strcmp(text, formats[i]) == 0;
    if (given && !known)
        return FAIL_AT(why, MALFORMED, "export", "'export' is ndjson, csv or fhir");
    if (given)
        json_set(entry, "export", json_of_str(text));
    return DONE;
}

result log_search(struct call *c, struct why *why)
{
    struct search s;
    struct finds found CLEANUP(finds_done) = {0};
    struct json *entry CLEANUP(json_freep) = json_object(), *said = json_object(), *items = json_array();
    json_set(entry, "search", said);
    json_set(c->answer, "items", items);
    TRY(read_search(c, &s, said, why));
    TRY(read_export(c, entry, why));
    if (!sees_all(c))
        TRY(run_own(c, &s, &found, why));
    else
        TRY(s.organisation[0] ? run_organisation(c->core, &s, &found, why) : run_search(c->core, &s, &found, why));
    TRY(finds_json(&found, items, why));
    if ((int64_t)found.count == s.limit || s.stopped >= 0) {
        char next[24];
        int64_t last = (int64_t)found.count == s.limit ? found.at[found.count - 1].index + s.up : s.stopped;
        snprintf(next, sizeof next, "%" PRId64, last);
        json_set(c->answer, "next", json_of_str(next));
    }
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "found", json_of_integer(found.count));
    return log_append(c->core, "log_search", MOVE(entry), NULL, why);
}

/* --- following --- */

/* The watch that this call continues, or a place for a new one (the oldest). */
static struct watch *watch_of(struct core *c, const struct document_id *token, uint64_t from, bool *ret_continues)
{
    struct watch *oldest = &c->watches[0];
    int64_t now = host_monotonic_ms(c->host);
    for (unsigned i = 0; i < WATCHES_MAX; i++) {
        struct watch *w = &c->watches[i];
        *ret_continues = strcmp(w->token.text, token->text) == 0 && w->next == from && now < w->until_ms;
        if (*ret_continues)
            return w;
        if (w->until_ms < oldest->until_ms)
            oldest = w;
    }
    return oldest;
}

result log_watch(struct call *c, struct why *why)
{
    uint64_t from, wait_ms;
    bool continues = false;
    uint64_t size = c->core->log.frontier.size;
    TRY(call_number(c, "from", size, false, size, &from, why));
    TRY(call_number(c, "wait_ms", INT32_MAX, false, 0, &wait_ms, why));
    struct watch *w = watch_of(c->core, &c->who.token_id, from, &continues);
    if (!continues) {
        struct json *entry = json_object();
        json_set(entry, "account", json_of_str(c->who.account.text));
        json_set(entry, "from", json_of_integer((int64_t)from));
        TRY(log_append(c->core, "log_watch", entry, NULL, why));
    }
    int64_t now = host_monotonic_ms(c->core->host);
    wait_ms = wait_ms < WATCH_WAIT_MS_MAX ? wait_ms : WATCH_WAIT_MS_MAX;
    *w = (struct watch){.token = c->who.token_id, .next = from, .until_ms = now + WATCH_KEEP_MS};
    c->pending->outcome = OUTCOME_WATCH; /* answered after the commit, from what is signed */
    c->pending->waits_for = c->who.token_id;
    c->pending->held_size = from;
    c->pending->until_ms = now + (int64_t)wait_ms;
    return DONE;
}

result watch_try(struct core *c, struct pending *p, bool final, bool *ret_answered, struct why *why)
{
    struct finds found CLEANUP(finds_done) = {0};
    struct json *v CLEANUP(json_freep) = json_object(), *items = json_array();
    json_set(v, "items", items);
    *ret_answered = false;
    if (p->held_size >= c->log.signed_size && !final)
        return DONE;
    struct search s = {.from = (int64_t)p->held_size, .to = (int64_t)c->log.signed_size, .limit = WATCH_ENTRIES_MAX, .up = true};
    if (s.from < s.to)
        TRY(run_search(c, &s, &found, why));
    TRY(finds_json(&found, items, why));
    uint64_t next = p->held_size + found.count;
    bool continues = false;
    struct watch *w = watch_of(c, &p->waits_for, p->held_size, &continues);
    if (continues) {
        w->next = next;
        w->until_ms = host_monotonic_ms(c->host) + WATCH_KEEP_MS;
    }
    json_set(v, "next", json_of_integer((int64_t)next));
    core_answer_json(c, p, 200, v);
    *ret_answered = true;
    return DONE;
}
