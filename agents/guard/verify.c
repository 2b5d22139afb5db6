/*
 * The order is from the outside in: clock and log first (without them nothing else means anything), then
 * the task that seals the hashes of all that follows, then permit, status, query, question, log entry,
 * scope, own rules, and last whether it was run before.
 */
#include "agents/guard/verify.h"

#include <stdio.h>
#include <stdlib.h>

#include "agents/guard/blocks.h"
#include "base/codec.h"
#include "base/instant.h"
#include "policy/purpose.h"
#include "policy/scope.h"
#include "policy/site_rules.h"

void verified_init(struct verified *v)
{
    *v = (struct verified){0};
}

void verified_done(struct verified *v)
{
    question_free(v->question);
    query_free(v->query);
    permit_free(v->permit);
    free(v->own);
    verified_init(v);
}

result proof_read(const struct json *v, const char *path, struct merkle_proof *ret, struct why *why)
{
    struct merkle_proof p = {0};
    if (v && json_kind(v) != JSON_ARRAY)
        return FAIL_AT(why, MALFORMED, path, "a proof is an array of base64 hashes");
    if (json_size(v) > MERKLE_PROOF_MAX)
        return FAIL_AT(why, MALFORMED, path, "a proof has at most %d hashes", MERKLE_PROOF_MAX);
    for (size_t i = 0; i < json_size(v); i++)
        if (!base64_parse_exact(json_text(json_item(v, i)), p.hashes[i].at, HASH_LEN))
            return FAIL_AT(why, MALFORMED, path, "hash %zu of the proof is not the base64 of 32 bytes", i);
    p.count = (unsigned)json_size(v);
    *ret = p;
    return DONE;
}

result verify_checkpoint(const struct trust *t, const struct checkpoint *held, struct slice note,
                         const struct merkle_proof *proof, struct checkpoint *ret, struct why *why)
{
    struct checkpoint c;
    result r = checkpoint_open(note, &t->log, &c, why);
    if (r.code != OK)
        return (result){DENIED};
    if (held->size > 0 && c.size < held->size)
        return FAIL(why, DENIED, "the log shrank from %llu to %llu entries", (unsigned long long)held->size,
                    (unsigned long long)c.size);
    if (held->size > 0 && c.size == held->size && !hash_equal(&c.root, &held->root))
        return FAIL(why, DENIED, "the log has another root at %llu entries than before", (unsigned long long)c.size);
    if (held->size > 0 && c.size > held->size &&
        !is_ok(merkle_check_consistency(held->size, c.size, proof, &held->root, &c.root, why)))
        return FAIL(why, DENIED, "the log at %llu entries does not continue the one seen at %llu",
                    (unsigned long long)c.size, (unsigned long long)held->size);
    *ret = c;
    return DONE;
}

/* --- one step each ------------------------------------------------------------------------------ */

/* What the steps share. */
struct checking {
    const struct verify_facts *f;
    struct envelope task_e, permit_e, status_e, query_e;
    struct buffer entry;
    struct merkle_proof proof;
    struct verified v;
    struct verify_names *names;
    struct refusal *why;
};

static void checking_done(struct checking *c)
{
    envelope_done(&c->task_e);
    envelope_done(&c->permit_e);
    envelope_done(&c->status_e);
    envelope_done(&c->query_e);
    buffer_done(&c->entry);
    verified_done(&c->v);
}

static bool check_clock(struct checking *c)
{
    const struct verify_facts *f = c->f;
    char floor[INSTANT_TEXT_SIZE];
    if (f->now_ms < f->time_floor_ms - CLOCK_SKEW_MAX_MS) {
        instant_print(f->time_floor_ms, floor);
        return refuse(c->why, "clock", "clock", "", "this site's clock is behind %s, which the unit has signed; set the clock", floor);
    }
    int64_t off = f->now_ms - f->peer_time_ms;
    if (f->peer_time_ms != 0 && (off > CLOCK_SKEW_MAX_MS || off < -CLOCK_SKEW_MAX_MS))
        return refuse(c->why, "clock", "clock", "", "this site's clock and the broker's are more than 2 minutes apart; set the clock");
    return true;
}

static bool check_log(struct checking *c)
{
    const struct verify_facts *f = c->f;
    if (!f->log_consistent)
        return refuse(c->why, "log", "inconsistent", "/checkpoint", "the broker's log does not continue the log this site has seen");
    if (f->checkpoint.size == 0)
        return refuse(c->why, "log", "no_entry", "/checkpoint", "there is no checkpoint of the log");
    if (f->now_ms - f->checkpoint_at_ms > CHECKPOINT_AGE_MAX_MS || f->checkpoint_at_ms - f->now_ms > CLOCK_SKEW_MAX_MS)
        return refuse(c->why, "log", "checkpoint_too_old", "/checkpoint", "the checkpoint at hand is more than 10 minutes old");
    if (f->witnesses_seen < f->witnesses_needed)
        return refuse(c->why, "log", "not_cosigned", "/checkpoint", "%u of the log's witnesses have cosigned the checkpoint at hand in the last 10 minutes, %u must",
                      f->witnesses_seen, f->witnesses_needed);
    return true;
}

/* A member of the bundle that must be an envelope of this type. */
static bool open_member(struct checking *c, const struct json *bundle, const char *key, const char *path,
                        const char *type, const char *class, const char *code, struct envelope *ret)
{
    struct why why = {0};
    const struct json *v = json_get(bundle, key);
    if (!v)
        return refuse(c->why, class, code, path, "the task came without its %s", key);
    return is_ok(envelope_parse(v, path, type, ret, &why)) || refuse_why(c->why, class, code, path, &why);
}

static bool open_bundle(struct checking *c, const struct json *bundle)
{
    if (json_kind(bundle) != JSON_OBJECT)
        return refuse(c->why, "grammar", "malformed", "", "a task is an object");
    return open_member(c, bundle, "task", "/task", TYPE_TASK, "grammar", "malformed", &c->task_e) &&
           open_member(c, bundle, "permit", "/permit", TYPE_PERMIT, "permit", "no_permit", &c->permit_e) &&
           open_member(c, bundle, "status", "/status", TYPE_PERMIT_STATUS, "permit", "status_too_old", &c->status_e) &&
           open_member(c, bundle, "query", "/query", TYPE_QUERY, "permit", "signature_invalid", &c->query_e);
}

static bool check_pause(const struct verify_facts *f, struct refusal *why)
{
    return !f->paused || refuse(why, "paused", "paused", "", "the data holder has paused this site");
}

static bool check_task(struct checking *c)
{
    const struct verify_facts *f = c->f;
    struct task *t = &c->v.task;
    struct why why = {0};
    if (!is_ok(task_open(&c->task_e, f->trust, t, &why)))
        return refuse_why(c->why, "trust", "unknown_key", "/task", &why);
    if (!label_equal(&t->network, &f->trust->network))
        return refuse(c->why, "trust", "wrong_network", "/task/network", "the task is of network %s, this site of %s",
                      t->network.text, f->trust->network.text);
    if (!site_id_equal(&t->site, &f->site))
        return refuse(c->why, "trust", "wrong_site", "/task/site", "the task is addressed to %s, this is %s", t->site.text, f->site.text);
    if (t->issued_ms > f->now_ms + CLOCK_SKEW_MAX_MS)
        return refuse(c->why, "clock", "clock", "/task/issued", "the task was sealed in this site's future; set the clock");
    if (t->expires_ms <= f->now_ms)
        return refuse(c->why, "clock", "query_expired", "/task/expires", "the task has expired");
    return check_pause(f, c->why);
}

static bool check_period(const struct verify_facts *f, const struct permit *p, struct refusal *why)
{
    if (f->now_ms < p->from_ms)
        return refuse(why, "permit", "permit_not_live", "/permit/from", "the permit's period has not begun");
    if (f->now_ms >= p->to_ms)
        return refuse(why, "permit", "permit_expired", "/permit/to", "the permit's period has ended");
    return true;
}

static bool check_block(const struct verify_facts *f, const struct document_id *permit, struct refusal *why)
{
    return !f->blocks || !blocks_hold(f->blocks, permit) ||
           refuse(why, "policy", "permit_blocked", "/permit/id", "the data holder has blocked permit %s at this site", permit->text);
}

enum { PERMIT_CHECK_BYTES_MAX = 64 * 1024 };

/* All that permit_check_signatures() reads: the permit itself was parsed from these very bytes. */
static bool permit_check_hash(const struct checking *c, struct hash *ret)
{
    const struct envelope *e = &c->permit_e;
    const struct hash payload = envelope_hash(e);
    struct buffer all CLEANUP(buffer_done) = {0};
    buffer_init(&all, PERMIT_CHECK_BYTES_MAX);
    bool whole = is_ok(buffer_add(&all, slice_of(c->f->trust->hash.at, HASH_LEN), NULL)) &&
                 is_ok(buffer_add(&all, slice_of(c->f->site.text, sizeof c->f->site.text), NULL)) &&
                 is_ok(buffer_add(&all, slice_of(payload.at, HASH_LEN), NULL));
    for (unsigned i = 0; i < e->count && whole; i++)
        whole = is_ok(buffer_add(&all, slice_of(e->signatures[i].keyid, sizeof e->signatures[i].keyid), NULL)) &&
                is_ok(buffer_add(&all, slice_of(e->signatures[i].sig, sizeof e->signatures[i].sig), NULL));
    *ret = sha256(buffer_slice(&all));
    return whole;
}

/* Only what held is remembered: a permit that lacks signatures is looked at anew each time. */
static result check_permit_signatures(struct checking *c, struct why *why)
{
    struct permits_checked *checked = c->f->permits_checked;
    struct hash h;
    bool can_keep = checked && permit_check_hash(c, &h);
    for (unsigned i = 0; can_keep && i < PERMITS_CHECKED_MAX; i++)
        if (hash_equal(&checked->held[i], &h))
            return DONE;
    TRY(permit_check_signatures(&c->permit_e, c->v.permit, c->f->trust, &c->f->site, why));
    if (can_keep) {
        checked->held[checked->next] = h;
        checked->next = (checked->next + 1) % PERMITS_CHECKED_MAX;
    }
    return DONE;
}

static bool check_permit(struct checking *c)
{
    const struct verify_facts *f = c->f;
    struct why why = {0};
    struct hash hash = envelope_hash(&c->permit_e);
    if (!hash_equal(&hash, &c->v.task.permit_hash))
        return refuse(c->why, "permit", "signature_invalid", "/permit", "the permit's bytes are not those the task names");
    if (!is_ok(permit_read(buffer_slice(&c->permit_e.payload), &c->v.permit, &why)))
        return refuse_why(c->why, "permit", "no_permit", "/permit", &why);
    const struct permit *p = c->v.permit;
    if (!document_id_equal(&p->id, &c->v.task.permit))
        return refuse(c->why, "permit", "no_permit", "/permit/id", "the permit is not the one the task names");
    if (!label_equal(&p->network, &f->trust->network))
        return refuse(c->why, "trust", "wrong_network", "/permit/network", "the permit is of another network");
    if (!is_ok(check_permit_signatures(c, &why)))
        return refuse_why(c->why, "permit", "signatures_missing", "/permit/signatures", &why);
    if (!purpose_find(p->purpose))
        return refuse(c->why, "policy", "purpose_unknown", "/permit/purpose", "the permit's purpose is none of Article 53(1)");
    return check_block(f, &p->id, c->why) && check_period(f, p, c->why);
}

static bool check_state(const struct verify_facts *f, const struct permit_status *s, struct refusal *why)
{
    if (f->now_ms - s->at_ms > PERMIT_STATUS_AGE_MAX_MS)
        return refuse(why, "permit", "status_too_old", "/status/at", "the permit's status is more than 15 minutes old");
    if (s->at_ms - f->now_ms > CLOCK_SKEW_MAX_MS)
        return refuse(why, "clock", "clock", "/status/at", "the status was sealed in this site's future; set the clock");
    if (s->state != PERMIT_LIVE)
        return refuse(why, "permit", s->state == PERMIT_EXPIRED ? "permit_expired" : "permit_not_live", "/status/state",
                      "the permit is %s", permit_state_name(s->state));
    return true;
}

static bool check_status(struct checking *c)
{
    const struct verify_facts *f = c->f;
    struct permit_status *s = &c->v.status, seen;
    struct why why = {0};
    if (!is_ok(permit_status_open(&c->status_e, f->trust, s, &why)))
        return refuse_why(c->why, "permit", "signature_invalid", "/status", &why);
    if (!document_id_equal(&s->permit, &c->v.permit->id) || !hash_equal(&s->permit_hash, &c->v.permit->hash))
        return refuse(c->why, "permit", "signature_invalid", "/status/permit", "the status is of another permit");
    bool known = f->status_seen(f->self, &s->permit, &seen);
    if (!known && f->statuses_full) /* it could be taken back later by an older one */
        return refuse(c->why, "permit", "status_not_kept", "/status", "this site remembers the statuses of as many permits as it can");
    if (known && hash_equal(&seen.permit_hash, &s->permit_hash)) {
        if (s->serial == seen.serial && s->at_ms < seen.at_ms)
            *s = seen; /* the same status, sealed anew since: the newest is in force */
        if (s->serial < seen.serial || s->at_ms < seen.at_ms)
            return refuse(c->why, "permit", "status_too_old", "/status/serial", "this site has seen a later status of the permit");
    }
    return check_state(f, s, c->why);
}

static bool query_names_site(const struct query *q, const struct site_id *site)
{
    for (unsigned i = 0; i < q->site_count; i++)
        if (site_id_equal(&q->sites[i], site))
            return true;
    return false;
}

static bool check_query(struct checking *c)
{
    const struct verify_facts *f = c->f;
    struct why why = {0};
    struct hash hash = envelope_hash(&c->query_e);
    if (!hash_equal(&hash, &c->v.task.query_hash))
        return refuse(c->why, "permit", "signature_invalid", "/query", "the query's bytes are not those the task names");
    /* Who signed is known before the query is read. */
    const struct permit_person *person = query_signer(&c->query_e, c->v.permit);
    if (!person)
        return refuse(c->why, "permit", "not_a_person_of_the_permit", "/query/signatures", "no person of the permit has signed the query");
    c->v.account = person->account;
    c->names->account = person->account;
    if (!is_ok(query_read(buffer_slice(&c->query_e.payload), &c->v.query, &why)))
        return refuse_why(c->why, "grammar", "malformed", "/query", &why);
    const struct query *q = c->v.query;
    if (!label_equal(&q->network, &f->trust->network))
        return refuse(c->why, "trust", "wrong_network", "/query/network", "the query is of another network");
    if (!document_id_equal(&q->id, &c->v.task.query))
        return refuse(c->why, "log", "entry_differs", "/query/id", "the query is not the one the task names");
    if (!document_id_equal(&q->permit, &c->v.permit->id))
        return refuse(c->why, "permit", "no_permit", "/query/permit", "the query was asked under another permit");
    if (!query_names_site(q, &f->site))
        return refuse(c->why, "trust", "wrong_site", "/query/sites", "the query is not addressed to this site");
    if (q->expires_ms - q->issued_ms > QUERY_LIFE_MAX_MS)
        return refuse(c->why, "clock", "query_expired", "/query/expires", "a query lives at most 24 hours");
    if (q->issued_ms - f->now_ms > CLOCK_SKEW_MAX_MS)
        return refuse(c->why, "clock", "clock", "/query/issued", "the query was signed in this site's future");
    if (q->expires_ms <= f->now_ms)
        return refuse(c->why, "clock", "query_expired", "/query/expires", "the query has expired; ask again");
    return true;
}

static bool question_names_site(const struct question *q, const struct site_id *site)
{
    for (unsigned i = 0; i < q->site_count; i++)
        if (slice_is(q->sites[i], site->text))
            return true;
    return q->site_count == 0;
}

static bool question_is_grouped(const struct question *q)
{
    bool grouped = q->by_grouping != NULL;
    for (unsigned d = 0; d < q->dimension_count; d++)
        grouped = grouped || (q->dimensions[d].grouping && !q->dimensions[d].breaks);
    return grouped;
}

static bool check_question(struct checking *c)
{
    const struct verify_facts *f = c->f;
    struct why why = {0};
    struct label name;
    const struct json *text = c->v.query->question;
    if (!is_ok(question_dataset(text, &name, &why)))
        return refuse_why(c->why, "grammar", "malformed", "/question/dataset", &why);
    for (unsigned i = 0; i < f->dataset_count && !c->v.dataset; i++)
        if (label_equal(&f->datasets[i].dictionary->dataset, &name))
            c->v.dataset = &f->datasets[i];
    if (!c->v.dataset)
        return refuse(c->why, "site", "snapshot_missing", "/question/dataset", "no dataset %s is loaded at this site", name.text);
    result r = question_read(text, c->v.dataset->dictionary, &c->v.question, &why);
    if (r.code != OK)
        return refuse_why(c->why, r.code == DENIED ? "policy" : "grammar", r.code == LIMIT ? "too_large" : "malformed", "/question", &why);
    /* A refusal names the question as the entry does: the broker takes no result of another. */
    static const struct hash unread;
    bool told = !hash_equal(&c->names->question_hash, &unread);
    if (told && question_is_grouped(c->v.question) && !hash_equal(&c->names->question_hash, &c->v.question->hash))
        return refuse(c->why, "grammar", "unknown_grouping", "/question/statistic",
                      "this site's dictionary has other groups by that name than the catalogue; ask without the grouping");
    if (!told)
        c->names->question_hash = c->v.question->hash;
    if (!question_names_site(c->v.question, &f->site))
        return refuse(c->why, "trust", "wrong_site", "/question/where/site", "the question is not for this site");
    return true;
}

/* The account in the entry must be whose key signed; the other fields are the task's. */
static bool check_entry(struct checking *c, const struct json *bundle)
{
    struct why why = {0};
    const struct json *text = json_get(bundle, "entry");
    if (!text || json_text(text).len == 0)
        return refuse(c->why, "log", "no_entry", "/entry", "the task came without its log entry");
    buffer_init(&c->entry, ENTRY_BYTES_MAX);
    if (!is_ok(base64_parse(json_text(text), &c->entry, &why)))
        return refuse_why(c->why, "log", "no_entry", "/entry", &why);
    if (!is_ok(task_check_entry(&c->v.task, &c->v.question->hash, buffer_slice(&c->entry), &why)))
        return refuse_why(c->why, "log", "entry_differs", "/entry", &why);
    struct json *entry CLEANUP(json_freep) = NULL;
    if (!is_ok(json_parse(buffer_slice(&c->entry), ENTRY_BYTES_MAX, &entry, &why)))
        return refuse_why(c->why, "log", "entry_differs", "/entry", &why);
    if (!slice_is(json_text(json_get(entry, "account")), c->v.account.text))
        return refuse(c->why, "log", "entry_differs", "/entry/account", "the log names another account than the one that signed");
    if (!is_ok(proof_read(json_get(bundle, "proof"), "/proof", &c->proof, &why)))
        return refuse_why(c->why, "log", "proof_invalid", "/proof", &why);
    struct hash leaf = merkle_leaf(buffer_slice(&c->entry));
    const struct checkpoint *cp = &c->f->checkpoint;
    if (c->v.task.entry >= cp->size ||
        !is_ok(merkle_check_inclusion(&leaf, c->v.task.entry, cp->size, &c->proof, &cp->root, &why)))
        return refuse(c->why, "log", "proof_invalid", "/proof", "the entry is not proven to be in the log at index %llu",
                      (unsigned long long)c->v.task.entry);
    return true;
}

/* I4: who does not know who has opted out answers nothing. */
static bool check_consent(struct checking *c)
{
    const struct verify_facts *f = c->f;
    if (f->optouts_age_max_ms > 0 && f->now_ms - f->optouts_checked_ms > f->optouts_age_max_ms)
        return refuse(c->why, "consent", "optout_list_too_old", "", "this site has not heard of opt-outs for longer than it allows");
    return true;
}

/* False: a rule denies, and *ret says which.  by_hand: where the first rule goes that wants a human; NULL: not asked. */
static bool take_verdict(const struct verdict *verdict, char *by_hand, size_t by_hand_size, struct refusal *ret)
{
    const struct reason *reason = verdict_first(verdict);
    if (verdict->kind == VERDICT_PERMIT)
        return true;
    if (verdict->kind == VERDICT_REVIEW && reason) {
        if (by_hand)
            snprintf(by_hand, by_hand_size, "%s", reason->text);
        return true;
    }
    if (!reason)
        return refuse(ret, "policy", "refused", "", "the rules refuse it");
    return refuse(ret, problem_class_name(reason->code->class), reason->code->code, reason->field, "%s", reason->text);
}

/* The permit's scope and the site's own rules, by the same library that the broker asks (I5: rules here only
 * tighten).  A verdict of review lets the task be computed; its answer waits for the holder (inbox.c). */
static bool check_policy(struct checking *c)
{
    const struct verify_facts *f = c->f;
    const struct dictionary *d = c->v.dataset->dictionary;
    uint64_t questions = 0;
    if (d->rules && f->asked && !f->asked(f->self, &c->v.permit->id, &d->dataset, &c->v.query->id, &questions))
        return refuse(c->why, "site", "fault", "", "this site cannot read how much was asked under the permit; its operator has been told why");
    struct verdict *verdict = calloc(1, sizeof *verdict); /* large */
    if (!verdict)
        return refuse(c->why, "site", "fault", "", "no memory to decide");
    struct scope_facts scope = {.permit = c->v.permit, .state = c->v.status.state, .question = c->v.question,
                                .account = &c->v.account, .now_ms = f->now_ms, .sites = &f->site, .site_count = 1,
                                .questions = questions};
    verdict_init(verdict);
    scope_check(&scope, verdict);
    if (f->rules)
        site_rules_check(f->rules, c->v.permit, c->v.question, &c->v.account, verdict);
    bool may = take_verdict(verdict, c->v.by_hand, sizeof c->v.by_hand, c->why);
    free(verdict);
    return may;
}

/* The site's rules may have changed since the task was taken. */
static bool check_rules_still(const struct verify_facts *f, const struct verified *v, struct refusal *why)
{
    if (!f->rules)
        return true;
    struct verdict *verdict = calloc(1, sizeof *verdict); /* large */
    if (!verdict)
        return refuse(why, "site", "fault", "", "no memory to decide");
    verdict_init(verdict);
    site_rules_check(f->rules, v->permit, v->question, &v->account, verdict);
    bool may = take_verdict(verdict, NULL, 0, why);
    free(verdict);
    return may;
}

static bool check_replay(struct checking *c)
{
    struct document_id task;
    struct hash query_hash;
    if (!c->f->run_before(c->f->self, &c->v.query->id, &task, &query_hash))
        return true;
    if (!document_id_equal(&task, &c->v.task.id) || !hash_equal(&query_hash, &c->v.task.query_hash))
        return refuse(c->why, "clock", "replayed", "/query/id", "this site has run the query before, under another task");
    c->v.replay = true;
    return true;
}

/* Names for journal and refusal from bytes that are not believed: only well-formed identifiers and hashes
 * are taken, as the task and its entry say them, so that the broker knows what is refused. */
static void read_names(struct checking *c, const struct json *bundle)
{
    struct json *task CLEANUP(json_freep) = NULL, *entry CLEANUP(json_freep) = NULL;
    struct buffer bytes CLEANUP(buffer_done) = {0};
    if (c->task_e.payload.len > 0 && is_ok(json_parse(buffer_slice(&c->task_e.payload), ENVELOPE_PAYLOAD_MAX, &task, NULL))) {
        tolerate(document_id_parse(json_text(json_get(task, "id")), 't', &c->names->task, NULL));
        tolerate(document_id_parse(json_text(json_get(task, "query")), 'q', &c->names->query, NULL));
        tolerate(document_id_parse(json_text(json_get(task, "permit")), 'p', &c->names->permit, NULL));
        (void)hex_parse(json_text(json_get(task, "query_sha256")), c->names->query_hash.at, HASH_LEN);
    }
    buffer_init(&bytes, ENTRY_BYTES_MAX);
    if (is_ok(base64_parse(json_text(json_get(bundle, "entry")), &bytes, NULL)) &&
        is_ok(json_parse(buffer_slice(&bytes), ENTRY_BYTES_MAX, &entry, NULL)))
        (void)hex_parse(json_text(json_get(entry, "question_sha256")), c->names->question_hash.at, HASH_LEN);
}

bool verify_task(const struct verify_facts *f, const struct json *bundle, struct verified *ret,
                 struct verify_names *ret_names, struct refusal *ret_refusal)
{
    struct checking c CLEANUP(checking_done) = {.f = f, .names = ret_names, .why = ret_refusal};
    *ret_names = (struct verify_names){0};
    verified_init(ret);
    bool opened = open_bundle(&c, bundle);
    read_names(&c, bundle);
    if (!opened || !check_clock(&c) || !check_log(&c) || !check_task(&c) || !check_permit(&c) || !check_status(&c) ||
        !check_query(&c) || !check_question(&c) || !check_entry(&c, bundle) || !check_consent(&c) || !check_policy(&c) || !check_replay(&c))
        return false;
    *ret = c.v;
    verified_init(&c.v);
    return true;
}

bool verify_still(const struct verify_facts *f, const struct verified *v, struct refusal *ret_refusal)
{
    struct permit_status newest = v->status, seen;
    if (v->task.expires_ms <= f->now_ms)
        return refuse(ret_refusal, "clock", "query_expired", "/task/expires", "the task has expired");
    if (f->status_seen(f->self, &v->permit->id, &seen) && hash_equal(&seen.permit_hash, &v->permit->hash) && seen.serial >= newest.serial)
        newest = seen;
    return check_pause(f, ret_refusal) && check_block(f, &v->permit->id, ret_refusal) && check_rules_still(f, v, ret_refusal) && check_period(f, v->permit, ret_refusal) && check_state(f, &newest, ret_refusal);
}
