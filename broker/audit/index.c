/*
 * index.c - which entries speak of what: the terms of each entry, "account=...", "dataset=...", in one
 * table.  Written in the transaction of the entry; made again from the entries when it is missing.
 * Nothing that proves anything reads it.
 */
#include "broker/audit/audit.h"

#include <inttypes.h>

enum { TERMS_A_STATEMENT = 12, TERM_BYTES_MAX = 200, CATCH_UP_BATCH = 1000, ENTRY_TEXT_MAX = 16 * 1024 };

struct terms {
    struct core *core;
    uint64_t index;
    char text[TERMS_A_STATEMENT][TERM_BYTES_MAX];
    unsigned count;
};

static result flush(struct terms *t, struct why *why)
{
    for (unsigned i = t->count; i < TERMS_A_STATEMENT; i++)
        t->text[i][0] = 0;
    if (t->count == 0)
        return DONE;
    t->count = 0;
    return RUN(t->core, LOG_TERMS_ADD, NULL, why, store_integer((int64_t)t->index), store_str(t->text[0]), store_str(t->text[1]),
               store_str(t->text[2]), store_str(t->text[3]), store_str(t->text[4]), store_str(t->text[5]), store_str(t->text[6]),
               store_str(t->text[7]), store_str(t->text[8]), store_str(t->text[9]), store_str(t->text[10]), store_str(t->text[11]));
}

static result add(struct terms *t, const char *key, struct slice value, struct why *why)
{
    if (value.len == 0 || value.len + strlen(key) + 2 > TERM_BYTES_MAX)
        return DONE;
    if (t->count == TERMS_A_STATEMENT)
        TRY(flush(t, why));
    snprintf(t->text[t->count++], TERM_BYTES_MAX, "%s=%.*s", key, SLICE_ARG(value));
    return DONE;
}

/* An array of texts, or of objects that name a site. */
static result add_each(struct terms *t, const char *key, const struct json *array, struct why *why)
{
    for (size_t i = 0; i < json_size(array); i++) {
        const struct json *item = json_item(array, i);
        TRY(add(t, key, json_text(json_kind(item) == JSON_OBJECT ? json_get(item, key) : item), why));
    }
    return DONE;
}

static result add_rows(struct terms *t, const char *key, struct rows *rows, struct why *why)
{
    while (rows_next(rows))
        TRY(add(t, key, rows_text(rows, 0), why));
    return DONE;
}

static result add_sites_of(struct terms *t, struct slice document, struct why *why)
{
    struct rows *sites CLEANUP(rows_freep) = NULL;
    TRY(RUN(t->core, PARTY_LIST, &sites, why, store_text(document), store_integer(PARTY_SITE)));
    return add_rows(t, "for_site", sites, why);
}

/* The people and sites that a document names; a draft is its makers' alone. */
static result add_parties(struct terms *t, struct slice document, bool draft, struct why *why)
{
    struct rows *people CLEANUP(rows_freep) = NULL;
    if (document.len == 0)
        return DONE;
    TRY(RUN(t->core, PARTY_LIST, &people, why, store_text(document), store_integer(PARTY_ACCOUNT)));
    TRY(add_rows(t, "for", people, why));
    return draft ? DONE : add_sites_of(t, document, why);
}

/* Whom an entry concerns that it does not name itself (search.c): "for=" an account, "for_site=" a site.  Who is
 * named beside somebody in a permit is not concerned by the other's questions. */
static result add_concerned(struct terms *t, const struct json *entry, struct why *why)
{
    struct rows *account CLEANUP(rows_freep) = NULL, *tasks CLEANUP(rows_freep) = NULL, *data CLEANUP(rows_freep) = NULL;
    struct slice query = json_text(json_get(entry, "query")), dataset = json_text(json_get(entry, "dataset"));
    bool names_site = json_get(entry, "site") || json_size(json_get(entry, "sites")) > 0;
    if (query.len && !json_get(entry, "account")) {
        TRY(RUN(t->core, QUERY_ACCOUNT, &account, why, store_text(query)));
        TRY(add_rows(t, "for", account, why));
    }
    if (query.len && !names_site) {
        TRY(RUN(t->core, QUERY_SITES, &tasks, why, store_text(query)));
        TRY(add_rows(t, "for_site", tasks, why));
    }
    if (dataset.len && !names_site) {
        TRY(RUN(t->core, CATALOGUE_SITES, &data, why, store_text(dataset)));
        TRY(add_rows(t, "for_site", data, why));
    }
    if (query.len) /* refused before it was read: the sites of the permit that it named */
        return names_site || dataset.len ? DONE : add_sites_of(t, json_text(json_get(entry, "permit")), why);
    bool draft = slice_is(json_text(json_get(entry, "state")), "draft");
    TRY(add_parties(t, json_text(json_get(entry, "application")), draft, why));
    return add_parties(t, json_text(json_get(entry, "permit")), draft, why);
}

/* How it ended: done, refused, or without an answer. */
static const char *outcome_of(const struct json *entry)
{
    struct slice type = json_text(json_get(entry, "type"));
    if (slice_is(type, "query_refused") || slice_is(type, "refused") || slice_is(type, "login_failed") ||
        slice_is(json_text(json_get(entry, "status")), "refused") || slice_is(json_text(json_get(entry, "decision")), "refuse") ||
        slice_is(json_text(json_get(entry, "opinion")), "deny"))
        return "refused";
    return slice_is(type, "cancel") ? "ended" : "done";
}

result index_add(struct core *c, uint64_t index, const struct json *entry, struct why *why)
{
    static const char *const one[] = {"type", "account", "dataset", "purpose", "permit", "query", "site", "application", "enquiry", "request"};
    struct terms t = {.core = c, .index = index};
    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++)
        TRY(add(&t, one[i], json_text(json_get(entry, one[i])), why));
    TRY(add(&t, "account", json_text(json_get(entry, "by")), why));
    TRY(add(&t, "account", json_text(json_get(entry, "of")), why));
    TRY(add(&t, "outcome", slice_str(outcome_of(entry)), why));
    TRY(add(&t, "outcome", json_text(json_get(entry, "code")), why));
    TRY(add_each(&t, "site", json_get(entry, "sites"), why));
    TRY(add_each(&t, "site", json_get(entry, "items"), why));
    TRY(add_each(&t, "variable", json_get(entry, "variables"), why));
    TRY(add_concerned(&t, entry, why));
    return flush(&t, why);
}

result index_mark(struct core *c, struct why *why)
{
    return RUN(c, LOG_INDEXED_SET, NULL, why, store_integer((int64_t)c->log.frontier.size));
}

static result catch_up_batch(struct core *c, uint64_t from, uint64_t *ret_next, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, LOG_RANGE, &rows, why, store_integer((int64_t)from), store_integer((int64_t)from + CATCH_UP_BATCH)));
    uint64_t index = from;
    for (; rows_next(rows); index++) {
        struct json *entry CLEANUP(json_freep) = NULL;
        if (!is_ok(json_parse(rows_bytes(rows, 0), ENTRY_TEXT_MAX, &entry, NULL)))
            continue; /* an entry that was tampered with: verification says so, a search need not find it */
        TRY(index_add(c, index, entry, why));
    }
    *ret_next = index;
    return RUN(c, LOG_INDEXED_SET, NULL, why, store_integer((int64_t)index));
}

result index_catch_up(struct core *c, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(store_run(c->store, LOG_INDEXED, NULL, 0, &rows, why));
    uint64_t at = rows_next(rows) ? (uint64_t)rows_integer(rows, 0) : 0, next = at;
    if (at > c->log.frontier.size) { /* of another life of this store */
        TRY(store_run(c->store, LOG_TERMS_CLEAR, NULL, 0, NULL, why));
        at = 0;
    }
    for (; at < c->log.frontier.size; at = next) {
        TRY(store_begin(c->store, why));
        result r = catch_up_batch(c, at, &next, why);
        if (is_ok(r) && next == at)
            r = FAIL(why, BROKEN, "the log lacks entry %" PRIu64, at);
        if (is_ok(r))
            r = store_commit(c->store, why);
        if (!is_ok(r)) {
            store_rollback(c->store);
            return r;
        }
    }
    return DONE;
}
