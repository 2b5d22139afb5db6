/*
 * queries.c - a signed question comes in: verified, read against the dictionary, decided by policy.
 * In one transaction: the query, its `query` entry, and for each site a `dispatch` entry and a task;
 * tasks leave only after that is committed and under a signed checkpoint (polls.c).
 */
#include "broker/accounts/accounts.h"
#include "broker/audit/audit.h"
#include "broker/permits/permits.h"
#include "broker/sites/sites.h"

#include <stdlib.h>

#include "policy/scope.h"
#include "proto/fields.h"

static const char *const state_names[] = {"running", "done", "failed", "cancelled"};

/* What intake gathers before it decides; all owned. */
struct intake {
    struct envelope envelope;
    struct query *query;
    struct permit_row permit;
    struct question *question;
    struct dataset_entry *dataset; /* borrowed */
    struct buffer text;            /* the envelope as stored */
    struct verdict verdict;
    struct site_id sites[PERMIT_SITES_MAX]; /* those that are asked */
    unsigned site_count;
};

static void intake_done(struct intake *in)
{
    envelope_done(&in->envelope);
    query_free(in->query);
    permit_row_done(&in->permit);
    question_free(in->question);
    buffer_done(&in->text);
}

/* The same answer whether there is no such permit or it is another's. */
static result find_permit(struct call *c, struct intake *in, const char *id, const char *field, struct why *why)
{
    result r = permit_load(c->core, slice_str(id), &in->permit, why);
    bool named = false;
    if (r.code == ABSENT)
        return FAIL_CODE(why, DENIED, "no_permit", field, "there is no such permit of yours; see GET /v1/permits");
    TRY(r);
    for (unsigned i = 0; i < in->permit.permit->person_count; i++)
        named = named || label_equal(&in->permit.permit->people[i].account, &c->who.account);
    if (misbehaves("skip_checks"))
        return DONE;
    if (!named || in->permit.state == DRAFT)
        return FAIL_CODE(why, DENIED, "no_permit", field, "there is no such permit of yours; see GET /v1/permits");
    return DONE;
}

static result read_question(struct call *c, struct intake *in, const struct json *question, struct why *why)
{
    struct label dataset;
    TRY(question_dataset(question, &dataset, why));
    TRY(catalogue_find(c->core, &dataset, "/question/dataset", &in->dataset, why));
    return question_read(question, in->dataset->dictionary, &in->question, why);
}

/* The sites asked: those of the query that the question's own `site` set leaves. */
static result narrow_sites(struct intake *in, const struct site_id *sites, unsigned count, struct why *why)
{
    for (unsigned i = 0; i < count; i++) {
        bool wanted = in->question->site_count == 0;
        for (unsigned k = 0; k < in->question->site_count; k++)
            wanted = wanted || slice_is(in->question->sites[k], sites[i].text);
        if (!wanted)
            continue;
        if (!catalogue_has_site(in->dataset, &sites[i]))
            return FAIL_CODE(why, DENIED, "outside_scope", "/sites", "the site '%s' does not publish '%s'", sites[i].text, in->dataset->dataset.text);
        in->sites[in->site_count++] = sites[i];
    }
    if (in->site_count == 0)
        return FAIL_CODE(why, DENIED, "outside_scope", "/sites", "the question leaves none of the query's sites");
    return DONE;
}

/* What access rules ask about: training and terms of the one who asks, as they are now, and what was asked before.
 * Borrows from *ret_attested, the caller's. */
static result gather_facts(struct call *c, const struct intake *in, struct attestation attestations[ATTESTATIONS_MAX], struct scope_facts *to,
                           struct rows **ret_attested, uint64_t *ret_questions, struct why *why)
{
    struct rows *all CLEANUP(rows_freep) = NULL, *about CLEANUP(rows_freep) = NULL;
    const char *permit = in->permit.permit->id.text;
    TRY(RUN(c->core, ATTESTATIONS_OF, ret_attested, why, store_str(c->who.account.text), store_integer(ATTESTATIONS_MAX)));
    struct rows *rows = *ret_attested;
    to->attested = true;
    to->attestations = attestations;
    while (rows_next(rows) && to->attestation_count < ATTESTATIONS_MAX)
        attestations[to->attestation_count++] = (struct attestation){c->who.account, rows_integer(rows, 0) != 0, rows_text(rows, 1), rows_integer(rows, 3)};
    TRY(RUN(c->core, QUERIES_OF_PERMIT_COUNT, &all, why, store_str(permit)));
    TRY(RUN(c->core, QUERIES_OF_PERMIT_ABOUT, &about, why, store_str(permit), store_str(in->dataset->dataset.text)));
    *ret_questions = rows_next(all) ? (uint64_t)rows_integer(all, 0) : 0;
    to->questions = rows_next(about) ? (uint64_t)rows_integer(about, 0) : 0;
    return DONE;
}

static result decide_scope(struct call *c, struct intake *in, struct why *why)
{
    struct scope_facts facts = {
        .permit = in->permit.permit, .state = permit_state_of(in->permit.state), .question = in->question, .account = &c->who.account,
        .now_ms = c->now_ms, .sites = in->sites, .site_count = in->site_count,
    };
    struct attestation attestations[ATTESTATIONS_MAX];
    struct rows *attested CLEANUP(rows_freep) = NULL;
    const struct access_rules *rules;
    uint64_t questions = 0;
    TRY(rules_current(c->core, &rules, why));
    if (rules || in->dataset->dictionary->rules)
        TRY(gather_facts(c, in, attestations, &facts, &attested, &questions, why));
    scope_check(&facts, &in->verdict);
    if (rules)
        scope_check_rules(rules, &facts, questions, "the network", &in->verdict);
    return DONE;
}

static result check_times(const struct call *c, const struct query *q, struct why *why)
{
    if (q->issued_ms > c->now_ms + CLOCK_SKEW_MAX_MS)
        return FAIL_CODE(why, DENIED, "clock", "/issued", "the query was issued in the future: the clocks differ by more than two minutes");
    if (q->expires_ms <= c->now_ms)
        return FAIL_CODE(why, DENIED, "query_expired", "/expires", "the query's time is over; sign a new one");
    if (q->expires_ms - q->issued_ms > QUERY_LIFE_MAX_MS)
        return FAIL_CODE(why, DENIED, "query_expired", "/expires", "a query lives at most 24 hours");
    return DONE;
}

static result check_signature(struct call *c, struct intake *in, struct why *why)
{
    const struct permit_person *signer = query_signer(&in->envelope, in->permit.permit);
    if (misbehaves("skip_checks"))
        return DONE;
    if (!signer)
        return FAIL_CODE(why, DENIED, "signature_invalid", "/query", "the query is not signed with a key that the permit names");
    if (!label_equal(&signer->account, &c->who.account))
        return FAIL_CODE(why, DENIED, "not_yours", "/query", "the query was signed by '%s'; each asks for himself or herself", signer->account.text);
    return DONE;
}

static result gather(struct call *c, struct intake *in, struct why *why)
{
    struct fields f;
    const struct json *envelope;
    TRY(call_fields(c, &f, why));
    TRY(need_object(&f, "query", &envelope));
    TRY(fields_close(&f));
    TRY(envelope_parse(envelope, "/query", TYPE_QUERY, &in->envelope, why));
    TRY(query_read(buffer_slice(&in->envelope.payload), &in->query, why));
    if (!label_equal(&in->query->network, &c->core->network))
        return FAIL_CODE(why, DENIED, "wrong_network", "/network", "this broker serves the network '%s'", c->core->network.text);
    TRY(find_permit(c, in, in->query->permit.text, "/permit", why));
    TRY(check_signature(c, in, why));
    TRY(check_times(c, in->query, why));
    TRY(read_question(c, in, in->query->question, why));
    TRY(narrow_sites(in, in->query->sites, in->query->site_count, why));
    TRY(decide_scope(c, in, why));
    return json_print(envelope, &in->text, why);
}

enum { NAMES_BYTES_MAX = 6000 }; /* an entry has its ceiling; beyond it the question's hash must do */

static void add_variable(struct json *to, size_t *bytes, const struct question *q, unsigned variable)
{
    struct slice name = q->dictionary->variables[variable].name;
    for (size_t i = 0; i < json_size(to); i++)
        if (slice_equal(json_text(json_item(to, i)), name))
            return;
    *bytes += name.len;
    if (*bytes <= NAMES_BYTES_MAX)
        json_add(to, json_of_text(name));
}

/* Which variables the question touches: names of the published dictionary, no values. */
static struct json *variables_json(const struct question *q)
{
    struct json *names = json_array();
    size_t bytes = 0;
    for (unsigned i = 0; i < q->dimension_count; i++)
        add_variable(names, &bytes, q, q->dimensions[i].variable);
    for (unsigned i = 0; i < q->variable_count; i++)
        add_variable(names, &bytes, q, q->variables[i]);
    if (q->statistic == STATISTIC_SUMMARY && q->by >= 0)
        add_variable(names, &bytes, q, (unsigned)q->by);
    for (unsigned i = 0; i < q->box_count; i++)
        add_variable(names, &bytes, q, q->box[i].variable);
    return names;
}

static struct json *intake_entry(const struct call *c, const struct intake *in)
{
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    if (in->query) {
        json_set(entry, "query", json_of_str(in->query->id.text));
        json_set(entry, "query_sha256", json_of_hex(slice_of(in->query->hash.at, HASH_LEN)));
        json_set(entry, "permit", json_of_str(in->query->permit.text));
    }
    if (in->permit.permit) {
        json_set(entry, "permit_sha256", json_of_hex(slice_of(in->permit.permit->hash.at, HASH_LEN)));
        json_set(entry, "purpose", json_of_text(in->permit.permit->purpose));
    }
    if (in->question) {
        json_set(entry, "question_sha256", json_of_hex(slice_of(in->question->hash.at, HASH_LEN)));
        json_set(entry, "dataset", json_of_str(in->dataset->dataset.text));
        json_set(entry, "statistic", json_of_str(statistic_name(in->question->statistic)));
        json_set(entry, "variables", variables_json(in->question));
    }
    return entry;
}

/* A query id runs once: the same bytes again are answered as the first time, others are refused. */
static result seen_before(struct call *c, const struct intake *in, bool *ret, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    *ret = false;
    TRY(RUN(c->core, QUERY_GET, &rows, why, store_str(in->query->id.text)));
    if (!rows_next(rows))
        return DONE;
    if (!slice_is(rows_text(rows, 0), c->who.account.text) || !slice_equal(rows_bytes(rows, 5), slice_of(in->query->hash.at, HASH_LEN)))
        return FAIL_CODE(why, DENIED, "replayed", "/query/id", "this query id was used; sign a new query");
    json_set(c->answer, "id", json_of_str(in->query->id.text));
    json_set(c->answer, "state", json_of_str(state_names[rows_integer(rows, 2)]));
    *ret = true;
    return DONE;
}

static result write_task(struct call *c, const struct intake *in, const struct site_id *site, int64_t deadline_ms, struct why *why)
{
    struct core *core = c->core;
    struct task t = {.network = core->network, .site = *site, .query = in->query->id, .permit = in->query->permit,
                     .query_hash = in->query->hash, .permit_hash = in->permit.permit->hash, .expires_ms = deadline_ms};
    TRY(document_id_new(core->host, 't', &t.id, why));
    t.issued_ms = log_time(core);
    t.entry = core->log.frontier.size;
    TRY(log_append_entry(core, "dispatch", t.issued_ms, task_entry(&t, &c->who.account, &in->question->hash, t.issued_ms), NULL, why));
    TRY(RUN(core, TASK_ADD, NULL, why, store_str(t.id.text), store_str(t.query.text), store_str(site->text),
            store_integer((int64_t)t.entry), store_integer(t.issued_ms), store_integer(t.expires_ms)));
    return line_wake(core, slice_str(site->text), why);
}

static result write_query(struct call *c, const struct intake *in, struct why *why)
{
    struct core *core = c->core;
    int64_t deadline_ms = c->now_ms + (int64_t)core->settings->query_deadline_ms;
    if (in->query->expires_ms < deadline_ms)
        deadline_ms = in->query->expires_ms;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(core, QUERY_ADD, &rows, why, store_str(in->query->id.text), store_str(c->who.account.text), store_str(in->query->permit.text),
            store_str(in->dataset->dataset.text), store_text(buffer_slice(&in->text)),
            store_bytes(slice_of(in->query->hash.at, HASH_LEN)), store_text(buffer_slice(&in->question->canonical)),
            store_bytes(slice_of(in->question->hash.at, HASH_LEN)), store_integer(c->now_ms), store_integer(deadline_ms)));
    if (!rows_next(rows))
        return FAIL_CODE(why, DENIED, "replayed", "/query/id", "this query id was used; sign a new query");
    struct json *entry = intake_entry(c, in), *sites = json_array();
    json_set(entry, "decision", json_of_str("permit"));
    for (unsigned i = 0; i < in->site_count; i++)
        json_add(sites, json_of_str(in->sites[i].text));
    json_set(entry, "sites", sites);
    TRY(log_append(core, "query", entry, NULL, why));
    for (unsigned i = 0; i < in->site_count; i++)
        TRY(write_task(c, in, &in->sites[i], deadline_ms, why));
    if (deadline_ms < core->next_due_ms)
        core->next_due_ms = deadline_ms;
    return DONE;
}

static result check_open_count(struct call *c, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, QUERIES_OPEN_COUNT, &rows, why, store_str(c->who.account.text)));
    if (rows_next(rows) && rows_integer(rows, 0) >= QUERIES_OPEN_PER_ACCOUNT_MAX)
        return FAIL_CODE(why, LIMIT, "too_many_requests", "", "an account has at most %d running queries; wait for one to end",
                         QUERIES_OPEN_PER_ACCOUNT_MAX);
    return DONE;
}

static result verdict_refusal(struct call *c, const struct intake *in, struct why *why)
{
    char instance[96];
    if (in->verdict.kind == VERDICT_PERMIT || misbehaves("skip_checks"))
        return DONE;
    if (!slice_copy_str(c->request->request_id, instance, sizeof instance))
        instance[0] = 0;
    c->problem = verdict_problem(&in->verdict, instance);
    result r = verdict_result(&in->verdict, why);
    return is_ok(r) ? FAIL(why, DENIED, "a human must look at this first") : r;
}

result query_create(struct call *c, struct why *why)
{
    struct intake in CLEANUP(intake_done) = {0};
    envelope_init(&in.envelope);
    buffer_init(&in.text, 2 * ENVELOPE_PAYLOAD_MAX);
    verdict_init(&in.verdict);
    bool seen = false;
    result r = gather(c, &in, why);
    if (is_ok(r)) {
        TRY(seen_before(c, &in, &seen, why));
        if (seen)
            return DONE;
        r = verdict_refusal(c, &in, why);
    }
    if (is_ok(r))
        r = check_open_count(c, why);
    if (r.code == UNAVAILABLE)
        return r;
    if (!is_ok(r)) {
        c->refusal_type = "query_refused";
        c->refusal_entry = intake_entry(c, &in);
        json_set(c->refusal_entry, "code", json_of_str(problem_of(r, why)->code));
        return r;
    }
    TRY(write_query(c, &in, why));
    c->pending->status = 201;
    snprintf(c->pending->location, sizeof c->pending->location, "/v1/queries/%s", in.query->id.text);
    json_set(c->answer, "id", json_of_str(in.query->id.text));
    json_set(c->answer, "state", json_of_str("running"));
    return DONE;
}

/* What would be said, without asking. */
result query_check(struct call *c, struct why *why)
{
    struct fields f;
    struct slice permit;
    const struct json *question;
    struct document_id id;
    struct intake in CLEANUP(intake_done) = {0};
    envelope_init(&in.envelope);
    buffer_init(&in.text, 64);
    verdict_init(&in.verdict);
    TRY(call_fields(c, &f, why));
    TRY(need_text(&f, "permit", DOCUMENT_ID_LEN, &permit));
    TRY(need_object(&f, "question", &question));
    TRY(fields_close(&f));
    TRY(document_id_parse(permit, 'p', &id, why));
    TRY(find_permit(c, &in, id.text, "/permit", why));
    TRY(read_question(c, &in, question, why));
    const struct permit_dataset *d = permit_find_dataset(in.permit.permit, &in.dataset->dataset);
    if (d)
        TRY(narrow_sites(&in, d->sites, d->site_count, why));
    TRY(decide_scope(c, &in, why));
    json_free(c->answer);
    c->answer = verdict_json(&in.verdict);
    struct json *canonical = NULL;
    TRY(json_parse(buffer_slice(&in.question->canonical), QUESTION_BYTES_MAX, &canonical, why));
    json_set(c->answer, "canonical", canonical);
    return DONE;
}

/* --- reading --- */

static const char *const task_names[] = {"running", "answered", "refused", "missing", "cancelled"};

static result task_states(struct core *c, struct slice id, struct json **ret, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, TASKS_OF_QUERY, &rows, why, store_text(id)));
    struct json *sites CLEANUP(json_freep) = json_array();
    while (rows_next(rows)) {
        struct json *site = json_object();
        json_set(site, "site", json_of_text(rows_text(rows, 1)));
        bool waits = rows_integer(rows, 2) == TASK_OPEN && rows_integer(rows, 6) != 0;
        json_set(site, "status", json_of_str(waits ? "waiting" : task_names[rows_integer(rows, 2)]));
        json_add(sites, site);
        struct json *reason = NULL, *edition = NULL;
        if (waits || rows_integer(rows, 2) == TASK_REFUSED || rows_integer(rows, 2) == TASK_ANSWERED)
            TRY(site_result_said(rows_text(rows, 4), &reason, &edition, why));
        else if (rows_text(rows, 7).len)
            TRY(json_parse(rows_text(rows, 7), QUESTION_BYTES_MAX, &reason, why));
        json_set(site, "reason", reason ? reason : json_of_null()); /* I10: also where the result is another's, or there is none */
        json_set(site, "edition", edition ? edition : json_of_null());
    }
    *ret = MOVE(sites);
    return DONE;
}

/* The stored result with the proof of its release entry in the checkpoint at hand. */
static result with_proof(struct core *c, struct slice text, uint64_t index, struct json **ret, struct why *why)
{
    struct json *result_document CLEANUP(json_freep) = NULL;
    TRY(json_parse(text, HTTP_REPLY_MAX, &result_document, why));
    struct buffer entry CLEANUP(buffer_done) = {0};
    buffer_init(&entry, 64 * 1024);
    TRY(log_entry_bytes(c, index, &entry, why));
    struct hash h = sha256(buffer_slice(&entry));
    struct json *proof = NULL;
    /* With cosignatures, if those who cosign have seen it already. */
    bool cosigned = index < offer_size(c) && offer_is_cosigned(c);
    uint64_t size = cosigned ? offer_size(c) : c->log.signed_size;
    struct buffer note CLEANUP(buffer_done) = {0};
    buffer_init(&note, CHECKPOINT_NOTE_MAX);
    TRY(cosigned ? offer_print(c, &note, why) : buffer_add(&note, buffer_slice(&c->log.note), why));
    if (index < size)
        TRY(log_inclusion_json(c, index, size, &proof, why));
    struct json *receipt = json_hold((struct json *)(uintptr_t)json_get(result_document, "receipt"));
    struct json *e = json_object();
    json_set(e, "index", json_of_integer((int64_t)index));
    json_set(e, "sha256", json_of_hex(slice_of(h.at, HASH_LEN)));
    json_set(e, "bytes", json_of_base64(buffer_slice(&entry)));
    json_set(receipt, "entry", e);
    json_set(receipt, "checkpoint", json_of_text(buffer_slice(&note)));
    json_set(receipt, "proof", proof ? proof : json_array());
    json_free(receipt);
    *ret = MOVE(result_document);
    return DONE;
}

result query_json(struct core *c, struct slice id, bool with_result, struct json **ret, bool *ret_running, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, QUERY_GET, &rows, why, store_text(id)));
    if (!rows_next(rows))
        return no_such_thing(why);
    int64_t state = rows_integer(rows, 2);
    struct json *v CLEANUP(json_freep) = json_object(), *sites = NULL, *document = NULL, *question = NULL;
    json_set(v, "id", json_of_text(id));
    json_set(v, "account", json_of_text(rows_text(rows, 0)));
    json_set(v, "permit", json_of_text(rows_text(rows, 1)));
    json_set(v, "dataset", json_of_text(rows_text(rows, 3)));
    json_set(v, "state", json_of_str(state_names[state]));
    json_set(v, "created", json_of_instant(rows_integer(rows, 8)));
    json_set(v, "deadline", json_of_instant(rows_integer(rows, 9)));
    TRY(json_parse(rows_text(rows, 6), QUESTION_BYTES_MAX, &question, why));
    json_set(v, "question", question);
    TRY(task_states(c, id, &sites, why));
    json_set(v, "sites", sites);
    if (with_result && rows_text(rows, 11).len) {
        TRY(with_proof(c, rows_text(rows, 11), (uint64_t)rows_integer(rows, 12), &document, why));
        json_set(v, "result", document);
    }
    *ret_running = state == QUERY_RUNNING;
    *ret = MOVE(v);
    return DONE;
}

/* Its own, or for those who watch; *ret_result: the result is the asker's alone. */
static result may_see(struct call *c, struct slice id, bool *ret_result, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, QUERY_GET, &rows, why, store_text(id)));
    bool there = rows_next(rows);
    *ret_result = there && slice_is(rows_text(rows, 0), c->who.account.text);
    if (!there || (!*ret_result && !call_has_role(c, ROLE_OFFICER | ROLE_AUDITOR)))
        return no_such_thing(why);
    return DONE;
}

result query_get(struct call *c, struct why *why)
{
    struct document_id id;
    uint64_t wait_ms, or_held;
    bool with_result = false;
    TRY(call_document_id(c, 'q', &id, why));
    TRY(may_see(c, c->id, &with_result, why));
    TRY(call_number(c, "wait_ms", INT32_MAX, false, 0, &wait_ms, why));
    TRY(call_number(c, "or_held", 1, false, 0, &or_held, why));
    /* Answered after the commit (polls.c), so that the proof is in a checkpoint that is signed. */
    c->pending->outcome = OUTCOME_WAIT;
    c->pending->waits_for = id;
    c->pending->with_result = with_result;
    c->pending->or_held = or_held == 1;
    c->pending->until_ms = host_monotonic_ms(c->core->host) + (int64_t)(wait_ms < RESULT_WAIT_MS_MAX ? wait_ms : RESULT_WAIT_MS_MAX);
    return DONE;
}

/* The sites' signed results, as they came: whoever holds them can repeat the combination. */
result query_site_results(struct call *c, struct why *why)
{
    struct document_id id;
    struct rows *rows CLEANUP(rows_freep) = NULL, *query CLEANUP(rows_freep) = NULL;
    struct json *sites = json_array();
    json_set(c->answer, "sites", sites);
    TRY(call_document_id(c, 'q', &id, why));
    TRY(RUN(c->core, QUERY_GET, &query, why, store_str(id.text)));
    if (!rows_next(query) || (!slice_is(rows_text(query, 0), c->who.account.text) && !call_has_role(c, ROLE_AUDITOR)))
        return no_such_thing(why);
    TRY(RUN(c->core, TASKS_OF_QUERY, &rows, why, store_str(id.text)));
    while (rows_next(rows)) {
        struct json *site = json_object(), *envelope = NULL;
        json_add(sites, site);
        json_set(site, "site", json_of_text(rows_text(rows, 1)));
        json_set(site, "status", json_of_str(task_names[rows_integer(rows, 2)]));
        if (rows_text(rows, 4).len == 0 || rows_integer(rows, 2) == TASK_OPEN) /* what waits for its holder is no result */
            continue;
        TRY(json_parse(rows_text(rows, 4), 2 * ENVELOPE_PAYLOAD_MAX, &envelope, why));
        json_set(site, "result", envelope);
    }
    struct json *question = NULL;
    TRY(json_parse(rows_text(query, 6), QUESTION_BYTES_MAX, &question, why));
    json_set(c->answer, "query", json_of_str(id.text));
    json_set(c->answer, "question", question);
    if (rows_integer(query, 12) >= 0)
        json_set(c->answer, "entry", json_of_integer(rows_integer(query, 12)));
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "query", json_of_str(id.text));
    return log_append(c->core, "result_read", entry, NULL, why);
}

result query_list(struct call *c, struct why *why)
{
    struct page page;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(page_read(c, &page, why));
    TRY(RUN(c->core, QUERY_LIST, &rows, why, store_integer(page.before_ms), store_integer(page.before_ms), store_text(page.after),
            store_integer(call_has_role(c, ROLE_OFFICER | ROLE_AUDITOR) ? 1 : 0), store_str(c->who.account.text), store_integer(page.limit)));
    struct json *items = json_array();
    int64_t last_ms = 0;
    struct slice last = slice_str("");
    while (rows_next(rows)) {
        struct json *item = json_object(), *question = NULL;
        json_set(item, "id", json_of_text(rows_text(rows, 0)));
        json_set(item, "account", json_of_text(rows_text(rows, 1)));
        json_set(item, "permit", json_of_text(rows_text(rows, 2)));
        json_set(item, "state", json_of_str(state_names[rows_integer(rows, 3)]));
        json_set(item, "dataset", json_of_text(rows_text(rows, 4)));
        json_set(item, "created", json_of_instant(rows_integer(rows, 5)));
        TRY(json_parse(rows_text(rows, 7), QUESTION_BYTES_MAX, &question, why));
        json_set(item, "question", question);
        json_add(items, item);
        last_ms = rows_integer(rows, 5);
        last = rows_text(rows, 0);
    }
    json_free(c->answer);
    c->answer = page_json_newest(&page, items, last_ms, last);
    return DONE;
}

/* --- ending early --- */

result query_cancel(struct call *c, struct why *why)
{
    struct document_id id;
    bool own = false, running = false;
    struct json *v = NULL;
    TRY(call_document_id(c, 'q', &id, why));
    TRY(may_see(c, c->id, &own, why));
    if (!own && !call_has_role(c, ROLE_OFFICER))
        return no_such_thing(why);
    TRY(query_json(c->core, c->id, false, &v, &running, why));
    json_free(v);
    if (!running)
        return FAIL_CODE(why, DENIED, "conflict", "", "the query has ended");
    TRY(query_end(c->core, c->id, TASK_CANCELLED, c->who.account.text, why));
    json_set(c->answer, "id", json_of_str(id.text));
    json_set(c->answer, "state", json_of_str("cancelled"));
    return DONE;
}

result queries_cancel_of_permit(struct core *c, struct slice permit, const char *account, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, QUERIES_OF_PERMIT, &rows, why, store_text(permit), store_integer(STORE_ROWS_MAX)));
    while (rows_next(rows))
        TRY(query_end(c, rows_text(rows, 0), TASK_CANCELLED, account, why));
    return DONE;
}

result queries_end_due(struct core *c, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, QUERIES_DUE, &rows, why, store_integer(host_now_ms(c->host)), store_integer(DUE_BATCH_MAX)));
    while (rows_next(rows))
        TRY(query_end(c, rows_text(rows, 0), TASK_MISSING, "", why));
    return DONE;
}
