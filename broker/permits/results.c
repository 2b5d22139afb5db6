/*
 * results.c - a site's signed answer comes in, and a query ends.
 *
 *   task       event                        next
 *   open       waiting (for its holder)     open, and its query's deadline is the holder's
 *   open       answered | refused           answered | refused
 *   open       deadline | cancelled         missing | cancelled
 *
 * A task's state never goes back; the same result twice is answered as the first time.  The envelope
 * is stored as it came.  When the last task has ended, the sites are combined and released, in the
 * transaction of what ended it.
 */
#include "broker/audit/audit.h"
#include "broker/permits/permits.h"
#include "broker/sites/sites.h"

#include <stdlib.h>

#include "base/codec.h"
#include "base/log.h"
#include "proto/fields.h"
#include "stats/combine.h"

enum { REASON_TEXT_MAX = 1000, REASON_BYTES_MAX = 2048, CODE_TEXT_MAX = 64, RESULT_TEXT_MAX = 8 * 1024 * 1024, WAIT_GRACE_MS = 5 * 60 * 1000 };
static const int64_t BUDGET_MICRO_MAX = INT64_C(1) << 50;
static const int64_t WAIT_MAX_MS = INT64_C(31) * 24 * 60 * 60 * 1000;

struct site_result {
    struct envelope envelope;
    struct json *tree;  /* of the payload */
    bool answered, waiting;
    int64_t until_ms; /* waiting: for the holder's hand, at most so long */
    char edition[2 * HASH_LEN + 1];
    int64_t at_ms;    /* when the site signed it */
    const struct json *statistic, *reason, *budget; /* budget NULL: it said nothing of it */
};

static void site_result_done(struct site_result *s)
{
    envelope_done(&s->envelope);
    json_free(s->tree);
}

static result need_same(struct fields *f, const char *key, const char *want, struct why *why)
{
    struct slice got;
    char path[JSON_PATH_MAX];
    TRY(need_text(f, key, SITE_ID_MAX, &got));
    fields_path(f, key, path);
    return slice_is(got, want) ? DONE : FAIL_AT(why, MALFORMED, path, "is not that of the task");
}

/* may_be_zero: a site that refuses before it has read so far names zeros. */
static result need_same_hash(struct fields *f, const char *key, struct slice want, bool may_be_zero, struct why *why)
{
    static const uint8_t zero[HASH_LEN];
    uint8_t got[HASH_LEN];
    char path[JSON_PATH_MAX];
    TRY(need_hash(f, key, got));
    if (may_be_zero && memcmp(got, zero, HASH_LEN) == 0)
        return DONE;
    fields_path(f, key, path);
    return slice_equal(slice_of(got, HASH_LEN), want) ? DONE : FAIL_AT(why, MALFORMED, path, "is not that of the task");
}

static result read_reason(const struct json *reason, struct why *why)
{
    struct fields f;
    struct slice text;
    TRY(fields_open(reason, "/reason", &f, why));
    TRY(need_text(&f, "class", CODE_TEXT_MAX, &text));
    TRY(need_text(&f, "code", CODE_TEXT_MAX, &text));
    TRY(may_text(&f, "field", JSON_PATH_MAX, &text));
    TRY(may_text(&f, "text", REASON_TEXT_MAX, &text));
    return fields_close(&f);
}

static result read_budget(const struct json *budget, struct why *why)
{
    struct fields f;
    struct slice variable;
    double left, spent;
    TRY(fields_open(budget, "/budget", &f, why));
    if (json_get(budget, "rho")) { /* profile dp */
        TRY(need_number(&f, "rho", &spent));
        TRY(need_number(&f, "rho_left", &left));
        TRY(fields_close(&f));
        return spent >= 0 && left >= 0 ? DONE : FAIL_AT(why, MALFORMED, "/budget", "must not be negative");
    }
    TRY(need_text(&f, "variable", VARIABLE_MAX, &variable));
    TRY(need_number(&f, "left", &left));
    TRY(fields_close(&f));
    return left >= 0 ? DONE : FAIL_AT(why, MALFORMED, "/budget/left", "must not be negative");
}

/* Reads the payload against the task and its query (rows at hand). */
static result read_payload(struct core *c, const char *task, const struct rows *task_row, const struct rows *query_row,
                           struct site_result *s, struct why *why)
{
    static const char *const statuses[] = {"answered", "refused", "waiting", NULL};
    struct fields f;
    struct slice profile = {0};
    char site[SITE_ID_MAX + 1], query[DOCUMENT_ID_LEN + 1];
    unsigned status;
    int64_t engine_us = 0;
    uint8_t edition[HASH_LEN];
    TRY(json_parse(buffer_slice(&s->envelope.payload), ENVELOPE_PAYLOAD_MAX, &s->tree, why));
    if (!slice_is(json_text(json_get(s->tree, "innsyn")), "site-result/1"))
        return FAIL_AT(why, MALFORMED, "/innsyn", "must be \"site-result/1\"");
    slice_copy_str(rows_text(task_row, 1), site, sizeof site);
    slice_copy_str(rows_text(task_row, 0), query, sizeof query);
    TRY(fields_open(s->tree, "", &f, why));
    TRY(need_same(&f, "innsyn", "site-result/1", why));
    TRY(need_same(&f, "network", c->network.text, why));
    TRY(need_same(&f, "site", site, why));
    TRY(need_same(&f, "task", task, why));
    TRY(need_same(&f, "query", query, why));
    TRY(need_choice(&f, "status", statuses, &status));
    TRY(need_same_hash(&f, "query_sha256", rows_bytes(query_row, 5), status != 0, why));
    TRY(need_same_hash(&f, "question_sha256", rows_bytes(query_row, 7), status != 0, why));
    TRY(need_instant(&f, "at", &s->at_ms));
    TRY(may_text(&f, "profile", 16, &profile));
    TRY(may_integer(&f, "engine_us", 0, INT64_C(1) << 53, &engine_us));
    s->answered = status == 0;
    s->waiting = status == 2;
    if (s->waiting)
        TRY(need_instant(&f, "until", &s->until_ms));
    if (s->answered) {
        struct hash h;
        TRY(need_hash(&f, "edition", edition));
        memcpy(h.at, edition, HASH_LEN);
        hash_print(&h, s->edition);
        TRY(need_object(&f, "statistic", &s->statistic));
        TRY(may_object(&f, "budget", &s->budget));
        if (s->budget)
            TRY(read_budget(s->budget, why));
    } else {
        const struct json *unused = NULL;
        TRY(may_any(&f, "edition", &unused));
        TRY(need_object(&f, "reason", &s->reason));
        TRY(read_reason(s->reason, why));
    }
    return fields_close(&f);
}

/* The question of a stored query, read against the catalogue's dictionary. */
static result stored_question(struct core *c, const struct rows *query_row, struct question **ret, struct why *why)
{
    struct label dataset;
    struct dataset_entry *e;
    struct json *tree CLEANUP(json_freep) = NULL;
    TRY(label_parse(rows_text(query_row, 3), &dataset, why));
    TRY(catalogue_find(c, &dataset, "", &e, why));
    TRY(json_parse(rows_text(query_row, 6), QUESTION_BYTES_MAX, &tree, why));
    return question_read(tree, e->dictionary, ret, why);
}

/* The same bytes again are answered as before; anything else for a task that has ended is refused. */
static result answered_already(struct call *c, const struct rows *task_row, const struct hash *payload, struct why *why)
{
    if (!rows_is_null(task_row, 7) && slice_equal(rows_bytes(task_row, 7), slice_of(payload->at, HASH_LEN))) {
        json_set(c->answer, "entry", json_of_integer(rows_integer(task_row, 8)));
        return DONE;
    }
    return FAIL_CODE(why, DENIED, "conflict", "", "the task has ended; this result comes too late or is another one");
}

/* The holder of this site releases each answer by hand: the query waits for it as long as the site says. */
static result take_wait(struct call *c, const char *task, const struct rows *task_row, const struct site_result *s, struct slice text,
                        struct why *why)
{
    struct core *core = c->core;
    uint64_t index = 0;
    if (rows_integer(task_row, 9) != 0) { /* said before */
        json_set(c->answer, "entry", json_of_integer(rows_integer(task_row, 8)));
        return DONE;
    }
    if (s->until_ms <= c->now_ms || s->until_ms - c->now_ms > WAIT_MAX_MS)
        return FAIL_AT(why, MALFORMED, "/until", "must be a moment to come, at most 31 days away");
    struct json *entry = json_object();
    json_set(entry, "task", json_of_str(task));
    json_set(entry, "site", json_of_str(c->who.site.text));
    json_set(entry, "query", json_of_text(rows_text(task_row, 0)));
    json_set(entry, "until", json_of_instant(s->until_ms));
    TRY(log_append(core, "site_waits", entry, &index, why));
    TRY(RUN(core, TASK_WAITS, NULL, why, store_str(task), store_text(text), store_integer(s->until_ms), store_integer((int64_t)index)));
    TRY(RUN(core, QUERY_EXTEND, NULL, why, store_text(rows_text(task_row, 0)), store_integer(s->until_ms + WAIT_GRACE_MS)));
    json_set(c->answer, "entry", json_of_integer((int64_t)index));
    core->ended = true; /* those who wait for no more than this are answered */
    return DONE;
}

/* What the site says is left, for those who look at the permit later: figures that left with the answer, no others. */
static result note_budget(struct call *c, const struct rows *query_row, const struct site_result *s, struct why *why)
{
    const struct json *rho = json_get(s->budget, "rho_left"), *left = rho ? rho : json_get(s->budget, "left");
    double micro = json_number(left) * BUDGET_MICRO;
    if (!s->budget)
        return DONE;
    return RUN(c->core, BUDGET_TOLD_PUT, NULL, why, store_text(rows_text(query_row, 1)), store_text(rows_text(query_row, 3)),
               store_str(c->who.site.text), store_text(rho ? slice_str("") : json_text(json_get(s->budget, "variable"))),
               store_integer(micro < (double)BUDGET_MICRO_MAX ? (int64_t)(micro + 0.5) : BUDGET_MICRO_MAX), store_integer(s->at_ms));
}

static result take(struct call *c, const char *task, const struct rows *task_row, struct site_result *s, struct slice text, struct why *why)
{
    struct core *core = c->core;
    struct rows *query_row CLEANUP(rows_freep) = NULL;
    const struct public_key *key = core->trust ? trust_site_key(core->trust, &c->who.site) : NULL;
    struct hash payload = envelope_hash(&s->envelope);
    if (!key)
        return FAIL_CODE(why, DENIED, "unknown_key", "/result", "the trust document names no signing key of the site '%s'", c->who.site.text);
    if (!envelope_signed_by(&s->envelope, key))
        return FAIL_CODE(why, DENIED, "signature_invalid", "/result", "the result is not signed with the site's key");
    if (rows_integer(task_row, 2) != TASK_OPEN)
        return answered_already(c, task_row, &payload, why);
    TRY(RUN(core, QUERY_GET, &query_row, why, store_text(rows_text(task_row, 0))));
    if (!rows_next(query_row))
        return FAIL(why, BROKEN, "a task without its query");
    TRY(read_payload(core, task, task_row, query_row, s, why));
    if (s->waiting)
        return take_wait(c, task, task_row, s, text, why);
    if (s->answered) {
        struct question *q CLEANUP(question_freep) = NULL;
        TRY(stored_question(core, query_row, &q, why));
        TRY(combine_check(q, s->statistic, "/statistic", why));
        TRY(note_budget(c, query_row, s, why));
    }
    uint64_t index = 0;
    struct json *entry = json_object();
    json_set(entry, "task", json_of_str(task));
    json_set(entry, "site", json_of_str(c->who.site.text));
    json_set(entry, "query", json_of_text(rows_text(task_row, 0)));
    json_set(entry, "status", json_of_str(s->answered ? "answered" : "refused"));
    json_set(entry, "result_sha256", json_of_hex(slice_of(payload.at, HASH_LEN)));
    if (s->answered)
        json_set(entry, "edition", json_of_str(s->edition));
    else
        json_set(entry, "code", json_of_text(json_text(json_get(s->reason, "code"))));
    TRY(log_append(core, "site_result", entry, &index, why));
    TRY(RUN(core, TASK_FINISH, NULL, why, store_str(task), store_integer(s->answered ? TASK_ANSWERED : TASK_REFUSED), store_text(text),
            store_bytes(slice_of(payload.at, HASH_LEN)), store_integer((int64_t)index)));
    json_set(c->answer, "entry", json_of_integer((int64_t)index));
    return query_end(core, rows_text(task_row, 0), TASK_OPEN, "", why);
}

result task_result(struct call *c, struct why *why)
{
    struct fields f;
    const struct json *envelope;
    struct document_id id;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct site_result s CLEANUP(site_result_done) = {0};
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 2 * ENVELOPE_PAYLOAD_MAX);
    envelope_init(&s.envelope);
    TRY(call_document_id(c, 't', &id, why));
    TRY(call_fields(c, &f, why));
    TRY(need_object(&f, "result", &envelope));
    TRY(fields_close(&f));
    TRY(RUN(c->core, TASK_GET, &rows, why, store_str(id.text)));
    if (!rows_next(rows) || !slice_is(rows_text(rows, 1), c->who.site.text))
        return no_such_thing(why);
    TRY(envelope_parse(envelope, "/result", TYPE_SITE_RESULT, &s.envelope, why));
    TRY(json_print(envelope, &text, why));
    return take(c, id.text, rows, &s, buffer_slice(&text), why);
}

static struct json *held(const struct json *v)
{
    return v ? json_hold((struct json *)(uintptr_t)v) : NULL;
}

result site_result_said(struct slice text, struct json **ret_reason, struct json **ret_edition, struct why *why)
{
    struct site_result s CLEANUP(site_result_done) = {0};
    envelope_init(&s.envelope);
    TRY(envelope_parse_text(text, TYPE_SITE_RESULT, &s.envelope, why));
    TRY(json_parse(buffer_slice(&s.envelope.payload), ENVELOPE_PAYLOAD_MAX, &s.tree, why));
    *ret_reason = held(json_get(s.tree, "reason"));
    *ret_edition = held(json_get(s.tree, "edition"));
    return DONE;
}

/* --- the end of a query --- */

/* What the sites said, read again from what was stored. */
struct gathered {
    struct site_said said[PERMIT_SITES_MAX];
    struct json *trees[PERMIT_SITES_MAX]; /* owned: payloads */
    unsigned tree_count, answer_count, task_count, open, waiting; /* waiting: of the open ones, for their holders */
    struct json *receipt_sites;           /* owned until handed on */
};

static void gathered_done(struct gathered *g)
{
    for (unsigned i = 0; i < g->tree_count; i++)
        json_free(g->trees[i]);
    json_free(g->receipt_sites);
}

static result gather_site(struct gathered *g, const struct rows *row, struct why *why)
{
    static const char *const names[] = {"running", "answered", "refused", "missing", "cancelled"};
    int64_t state = rows_integer(row, 2);
    struct json *named = NULL, *payload = NULL;
    struct site_said *said = &g->said[g->task_count++];
    *said = (struct site_said){.status = names[state], .answered = state == TASK_ANSWERED};
    TRY(site_id_parse(rows_text(row, 1), &said->site, why));
    g->open += state == TASK_OPEN;
    g->waiting += state == TASK_OPEN && rows_integer(row, 6) != 0;
    if (rows_text(row, 4).len) {
        struct envelope e;
        envelope_init(&e);
        result r = envelope_parse_text(rows_text(row, 4), TYPE_SITE_RESULT, &e, why);
        if (is_ok(r))
            r = json_parse(buffer_slice(&e.payload), ENVELOPE_PAYLOAD_MAX, &payload, why);
        envelope_done(&e);
        if (!is_ok(r))
            return FAIL(why, BROKEN, "a stored site result cannot be read");
        g->trees[g->tree_count++] = payload;
        said->payload = payload;
    }
    if (state != TASK_ANSWERED)
        return DONE;
    g->answer_count++;
    named = json_object();
    json_set(named, "site", json_of_text(rows_text(row, 1)));
    json_set(named, "edition", json_of_text(json_text(json_get(payload, "edition"))));
    json_set(named, "result_sha256", json_of_hex(rows_bytes(row, 5)));
    json_add(g->receipt_sites, named);
    return DONE;
}

static result gather(struct core *c, struct slice id, struct gathered *g, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, TASKS_OF_QUERY, &rows, why, store_text(id)));
    g->receipt_sites = json_array();
    while (rows_next(rows) && g->task_count < PERMIT_SITES_MAX)
        TRY(gather_site(g, rows, why));
    return DONE;
}

/* The result without its receipt: what result_sha256 of the release entry stands for. */
static result build_document(struct core *c, const struct rows *query_row, const struct gathered *g, struct json **ret, struct why *why)
{
    struct question *q CLEANUP(question_freep) = NULL;
    struct json *question CLEANUP(json_freep) = NULL;
    TRY(stored_question(c, query_row, &q, why));
    TRY(json_parse(rows_text(query_row, 6), QUESTION_BYTES_MAX, &question, why));
    TRY(combine_document(q, question, g->said, g->task_count, ret, why));
    if (misbehaves("other_sum")) { /* a count that the sites did not give */
        struct json *r = json_hold((struct json *)(uintptr_t)json_get(*ret, "result"));
        json_set(r, "count", json_of_integer(json_integer(json_get(r, "count")) + 1));
        json_free(r);
    }
    return DONE;
}

static struct json *receipt_fields(const struct rows *query_row, struct slice id, const struct hash *permit, struct gathered *g)
{
    struct json *v = json_object();
    json_set(v, "permit", json_of_text(rows_text(query_row, 1)));
    json_set(v, "permit_sha256", json_of_hex(slice_of(permit->at, HASH_LEN)));
    json_set(v, "query", json_of_text(id));
    json_set(v, "query_sha256", json_of_hex(rows_bytes(query_row, 5)));
    json_set(v, "question_sha256", json_of_hex(rows_bytes(query_row, 7)));
    json_set(v, "sites", json_hold(g->receipt_sites));
    return v;
}

static result release(struct core *c, struct slice id, const struct rows *query_row, struct gathered *g, struct why *why)
{
    struct json *document CLEANUP(json_freep) = NULL;
    struct buffer text CLEANUP(buffer_done) = {0};
    struct permit_row p CLEANUP(permit_row_done) = {0};
    buffer_init(&text, RESULT_TEXT_MAX);
    TRY(permit_load(c, rows_text(query_row, 1), &p, why));
    TRY(build_document(c, query_row, g, &document, why));
    TRY(json_print(document, &text, why));
    struct hash h = sha256(buffer_slice(&text));
    struct json *entry = receipt_fields(query_row, id, &p.permit->hash, g);
    struct json *receipt = receipt_fields(query_row, id, &p.permit->hash, g);
    uint64_t index = 0;
    json_set(receipt, "at", json_of_instant(log_time(c)));
    json_set(document, "receipt", receipt);
    json_set(entry, "account", json_of_text(rows_text(query_row, 0)));
    json_set(entry, "result_sha256", json_of_hex(slice_of(h.at, HASH_LEN)));
    int64_t at_ms = log_time(c);
    json_set(receipt, "at", json_of_instant(at_ms));
    json_set(entry, "innsyn", json_of_str("entry/1"));
    json_set(entry, "at", json_of_instant(at_ms));
    json_set(entry, "type", json_of_str("release"));
    TRY(log_append_entry(c, "release", at_ms, entry, &index, why));
    buffer_clear(&text);
    TRY(json_print(document, &text, why));
    return RUN(c, QUERY_FINISH, NULL, why, store_text(id), store_integer(QUERY_DONE), store_integer(host_now_ms(c->host)),
               store_text(buffer_slice(&text)), store_integer((int64_t)index));
}

/* Nothing to release: nobody answered, or it was cancelled. */
static result end_without(struct core *c, struct slice id, const struct rows *query_row, struct gathered *g, bool cancelled,
                          const char *account, const char *code, struct why *why)
{
    uint64_t index = 0;
    struct json *entry = json_object();
    json_set(entry, "query", json_of_text(id));
    json_set(entry, "account", json_of_str(account));
    json_set(entry, "query_sha256", json_of_hex(rows_bytes(query_row, 5)));
    json_set(entry, "code", json_of_str(code));
    (void)g;
    TRY(log_append(c, "cancel", entry, &index, why));
    return RUN(c, QUERY_FINISH, NULL, why, store_text(id), store_integer(cancelled ? QUERY_CANCELLED : QUERY_FAILED),
               store_integer(host_now_ms(c->host)), store_str(""), store_integer((int64_t)index));
}

/* Why nothing came from a site: nobody cosigned the log, the site is away, or it was too slow.  I10: rule and remedy. */
static result missing_reason(struct core *c, struct slice site_text, bool waited, struct buffer *to, struct why *why)
{
    char text[400], names[160], seen[INSTANT_TEXT_SIZE] = "this broker's start";
    unsigned have = 0, need = 0;
    struct site_id site;
    TRY(site_id_parse(site_text, &site, why));
    struct line *line = line_of(c, &site);
    bool log = !offer_is_cosigned(c) && !waited, away = !log && (!line || !line->poll);
    offer_missing(c, &have, &need, names, sizeof names);
    if (line && line->seen_ms)
        instant_print(line->seen_ms, seen);
    if (log)
        snprintf(text, sizeof text, "%u of the log's witnesses have cosigned its newest checkpoint and %u must before a site is asked; not heard of: %s. "
                                    "Their operators must bring them back (innsyn site list), or the root quorum names others; then ask again", have, need, names);
    else if (away)
        snprintf(text, sizeof text, "the site has not been connected since %s; its operator must start its agent (innsyn-agent check); then ask again", seen);
    else if (waited)
        snprintf(text, sizeof text, "the site did not say before its deadline whether its holder releases the answer; ask again");
    else
        snprintf(text, sizeof text, "the site did not answer before the query's deadline; ask again with a longer --timeout");
    struct json *v CLEANUP(json_freep) = json_object();
    json_set(v, "class", json_of_str(log ? "log" : waited ? "policy" : "site"));
    json_set(v, "code", json_of_str(log ? "not_cosigned" : waited ? "release_lapsed" : "unavailable"));
    json_set(v, "field", json_of_str(log ? "/checkpoint" : ""));
    json_set(v, "text", json_of_str(text));
    return json_print(v, to, why);
}

static result end_open_tasks(struct core *c, struct slice id, int64_t as, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, TASKS_OF_QUERY, &rows, why, store_text(id)));
    while (rows_next(rows)) {
        if (rows_integer(rows, 2) != TASK_OPEN)
            continue;
        struct buffer reason CLEANUP(buffer_done) = {0};
        buffer_init(&reason, REASON_BYTES_MAX);
        if (as == TASK_MISSING)
            TRY(missing_reason(c, rows_text(rows, 1), rows_integer(rows, 6) != 0, &reason, why));
        TRY(RUN(c, TASK_FINISH, NULL, why, store_text(rows_text(rows, 0)), store_integer(as), store_str(""), store_null(), store_integer(-1)));
        if (reason.len)
            TRY(RUN(c, TASK_REASON, NULL, why, store_text(rows_text(rows, 0)), store_text(buffer_slice(&reason))));
        TRY(line_wake(c, rows_text(rows, 1), why)); /* tell the agent to stop */
    }
    return DONE;
}

result query_end(struct core *c, struct slice id, int64_t open_as, const char *account, struct why *why)
{
    struct gathered g CLEANUP(gathered_done) = {0};
    struct rows *query_row CLEANUP(rows_freep) = NULL;
    if (open_as != TASK_OPEN)
        TRY(end_open_tasks(c, id, open_as, why));
    TRY(gather(c, id, &g, why));
    if (g.open) {
        c->ended = c->ended || g.open == g.waiting; /* some want to know that only holders are waited for */
        return DONE;
    }
    TRY(RUN(c, QUERY_GET, &query_row, why, store_text(id)));
    if (!rows_next(query_row))
        return FAIL(why, BROKEN, "a query that is not there ends");
    c->ended = true;
    if (open_as == TASK_CANCELLED)
        return end_without(c, id, query_row, &g, true, account, "cancelled", why);
    if (g.answer_count == 0)
        return end_without(c, id, query_row, &g, false, account, "no_answer", why);
    result r = release(c, id, query_row, &g, why);
    if (r.code == MALFORMED || r.code == LIMIT) {
        /* The dictionary changed under the question, or the answer is too large: said, not lost. */
        log_failure(LOG_ERROR, "not_combined", r, why);
        return end_without(c, id, query_row, &g, false, account, "not_combined", why);
    }
    return r;
}
