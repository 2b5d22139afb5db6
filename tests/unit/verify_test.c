/* Aim: a task that is right in every part is answered, and each single defect is refused with its reason.
 * Method: one world of keys and documents, built anew for each case with one thing wrong in it. */
#include <stdlib.h>

#include "agents/guard/verify.h"
#include "base/codec.h"
#include "base/instant.h"
#include "check.h"

enum defect {
    NONE,
    /* clock and log */
    CLOCK_BEHIND_FLOOR, CLOCK_OFF_BROKER, LOG_INCONSISTENT, NO_CHECKPOINT, OLD_CHECKPOINT, NOT_COSIGNED,
    /* task */
    TASK_FOREIGN_KEY, TASK_OTHER_SITE, TASK_OTHER_NETWORK, TASK_EXPIRED, TASK_FROM_FUTURE, TASK_MISSING, PAUSED,
    /* permit */
    PERMIT_MISSING, PERMIT_ALTERED, PERMIT_ONE_OFFICER, PERMIT_ONE_OFFICER_TWICE, PERMIT_NO_HOLDER, PERMIT_OTHER_HOLDER,
    PERMIT_OFFICER_IS_PERSON, PERMIT_PURPOSE_UNKNOWN, PERMIT_ENDED, PERMIT_NOT_BEGUN,
    /* status */
    STATUS_OLD, STATUS_REVOKED, STATUS_SUSPENDED, STATUS_LOWER_SERIAL, STATUS_FOREIGN_KEY, STATUS_FROM_FUTURE, STATUS_OTHER_PERMIT, STATUSES_FULL, OPTOUTS_OLD, OPTOUTS_NEVER_CHECKED,
    /* query */
    QUERY_STRANGER, QUERY_ALTERED, QUERY_OTHER_SITES, QUERY_EXPIRED, QUERY_FROM_FUTURE,
    /* question */
    QUESTION_DATASET_NOT_HERE, QUESTION_UNKNOWN_VARIABLE, QUESTION_OUTSIDE_VARIABLES, QUESTION_OUTSIDE_STATISTICS, QUESTION_OTHER_SITE,
    CONDITION_ADDED, CONDITION_DENIES, RULE_DENIES, QUESTIONS_USED_UP, QUESTIONS_UNKNOWN,
    /* entry and proof */
    ENTRY_MISSING, ENTRY_OF_OTHER_TASK, ENTRY_OTHER_ACCOUNT, ENTRY_OTHER_INDEX, PROOF_WRONG, PROOF_MISSING,
    /* replay */
    REPLAY_OTHER_TASK,
};

enum { LOG_SIZE = 5, ENTRY_AT = 2 };
static const int64_t now = INT64_C(1800000000000);

struct world {
    enum defect defect;
    struct signing_key *root[2], *officer[2], *holder[2], *site, *seal, *log, *researcher, *stranger;
    struct json *dictionary_tree;
    struct dictionary *dictionary;
    struct held_dataset held;
    struct trust *trust;
    struct checkpoint checkpoint;
    struct json *bundle;
    struct permit_status seen;
    bool has_seen;
    struct document_id ran_task;
    struct hash ran_query;
    bool has_run;
};

static struct signing_key *keys[12]; /* made once: the cases differ in what is signed, not in keys */

static struct signing_key *key(unsigned i, enum key_kind kind)
{
    if (!keys[i])
        assert_ok(signing_key_new(kind, &keys[i], NULL));
    return keys[i];
}

static struct json *spki(const struct signing_key *k)
{
    struct public_key p;
    assert_ok(signing_key_public(k, &p, NULL));
    return json_of_base64(slice_of(p.der, p.der_len));
}

static struct json *object(const char *kind)
{
    struct json *v = json_object();
    json_set(v, "innsyn", json_of_str(kind));
    json_set(v, "network", json_of_str("demo"));
    return v;
}

static void print(struct json *v, struct buffer *to)
{
    buffer_init(to, JSON_BYTES_MAX);
    assert_ok(json_print(v, to, NULL));
    json_free(v);
}

static void seal(const char *type, const struct buffer *payload, struct signing_key *const *by, unsigned count, struct envelope *ret)
{
    assert_ok(envelope_make(type, buffer_slice(payload), ret, NULL));
    for (unsigned i = 0; i < count; i++)
        assert_ok(envelope_sign(ret, by[i], NULL));
}

static void make_trust(struct world *w)
{
    struct json *v = object("trust/1"), *root = json_object(), *roots = json_array(), *officers = json_array(),
                *holders = json_array(), *sites = json_array(), *one;
    char vkey[VKEY_TEXT_MAX + 1];
    uint8_t log[ED25519_KEY_LEN];
    struct note_key note;
    static const char *const holder_sites[] = {"one", "two"};
    for (unsigned i = 0; i < 2; i++) {
        json_add(roots, spki(w->root[i]));
        one = json_object();
        json_set(one, "account", json_of_str(i ? "officer2" : "officer1"));
        json_set(one, "key", spki(w->officer[i]));
        json_add(officers, one);
        one = json_object();
        json_set(one, "account", json_of_str(i ? "holder-two" : "holder-one"));
        json_set(one, "site", json_of_str(holder_sites[i]));
        json_set(one, "key", spki(w->holder[i]));
        json_add(holders, one);
        one = json_object();
        json_set(one, "site", json_of_str(holder_sites[i]));
        json_set(one, "key", spki(i ? key(11, KEY_P256) : w->site));
        json_add(sites, one);
    }
    json_set(root, "threshold", json_of_integer(2));
    json_set(root, "keys", roots);
    assert_ok(signing_key_ed25519(w->log, log, NULL));
    assert_ok(note_key_make("innsyn.demo/log", NOTE_ED25519, log, &note, NULL));
    note_key_print(&note, vkey);
    json_set(v, "version", json_of_integer(1));
    json_set(v, "issued", json_of_instant(now - DAY_MS));
    json_set(v, "root", root);
    json_set(v, "officers", officers);
    json_set(v, "holders", holders);
    json_set(v, "sites", sites);
    json_set(v, "log", json_of_str(vkey));
    json_set(v, "witnesses", json_array());
    json_set(v, "seal", spki(w->seal));
    json_set(v, "site_ca", json_of_str("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"));
    struct buffer payload CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done) = {0};
    struct why why = {0};
    print(v, &payload);
    seal(TYPE_TRUST, &payload, w->root, 2, &e);
    if (!is_ok(trust_open(&e, NULL, NULL, &w->trust, &why)))
        fail_msg("%s %s", why.field, why.text);
}

/* What the data may be used for, and what of it a permit carries: a moratorium is for people to look at. */
#define MORATORIUM "{\"code\":\"DUO:0000024\",\"until\":\"2030-01-01\"}"
static const char conditions[] = "[{\"code\":\"DUO:0000042\"}," MORATORIUM "]", fewer_conditions[] = "[{\"code\":\"DUO:0000042\"}]",
                  denying_conditions[] = "[{\"code\":\"DUO:0000011\"}]";
static const char dictionary_form[] =
    "{\"dataset\":\"heart\",\"title\":\"Heart\",\"profile\":\"ck\",\"sites\":[],\"use_conditions\":%s,\"access_rules\":"
    "{\"innsyn\":\"access-rules/1\",\"statistics\":[\"%s\"],\"questions_max\":5},\"variables\":["
    "{\"name\":\"pid\",\"type\":\"id\"},{\"name\":\"age\",\"type\":\"integer\"},"
    "{\"name\":\"sex\",\"type\":\"categorical\",\"levels\":[{\"code\":\"0\",\"label\":\"F\"},{\"code\":\"1\",\"label\":\"M\"}]}]}";

static struct document_id id(const char *text)
{
    struct document_id d = {0};
    assert_ok(document_id_parse(slice_str(text), text[0], &d, NULL));
    return d;
}
#define PERMIT "p-0000000000000000000000000g"
#define QUERY "q-0000000000000000000000000g"
#define TASK "t-0000000000000000000000000g"
#define TASK_2 "t-00000000000000000000000010"
#define PERMIT_2 "p-00000000000000000000000010"

static struct json *texts(const char *a, const char *b)
{
    struct json *v = json_array();
    json_add(v, json_of_str(a));
    if (b)
        json_add(v, json_of_str(b));
    return v;
}

static void make_permit(struct world *w, struct envelope *ret)
{
    enum defect d = w->defect;
    struct json *v = object("permit/1"), *dataset = json_object(), *datasets = json_array(), *person = json_object(), *people = json_array();
    json_set(v, "id", json_of_str(PERMIT));
    json_set(v, "application", json_of_str("a-0000000000000000000000000g"));
    json_set(v, "purpose", json_of_str(d == PERMIT_PURPOSE_UNKNOWN ? "53.1.z" : "53.1.e"));
    json_set(v, "from", json_of_instant(d == PERMIT_NOT_BEGUN ? now + HOUR_MS : now - DAY_MS));
    json_set(v, "to", json_of_instant(d == PERMIT_ENDED ? now : now + DAY_MS));
    json_set(dataset, "dataset", json_of_str("heart"));
    json_set(dataset, "sites", texts("one", "two"));
    json_set(dataset, "variables", d == QUESTION_OUTSIDE_VARIABLES ? texts("sex", NULL) : texts("*", NULL));
    json_set(dataset, "statistics", d == QUESTION_OUTSIDE_STATISTICS ? texts("histogram", NULL) : texts("count", "table"));
    struct json *carried = NULL;
    assert_ok(json_parse(slice_str(d == CONDITION_ADDED ? fewer_conditions : d == CONDITION_DENIES ? denying_conditions : conditions), 1000, &carried, NULL));
    json_set(dataset, "use_conditions", carried);
    json_add(datasets, dataset);
    json_set(v, "datasets", datasets);
    json_set(person, "account", json_of_str("researcher"));
    json_set(person, "key", spki(w->researcher));
    json_add(people, person);
    if (d == PERMIT_OFFICER_IS_PERSON) {
        person = json_object();
        json_set(person, "account", json_of_str("officer1"));
        json_set(person, "key", spki(w->officer[0]));
        json_add(people, person);
    }
    json_set(v, "people", people);
    struct signing_key *by[4] = {w->officer[0], w->officer[1], w->holder[0], w->holder[1]};
    if (d == PERMIT_ONE_OFFICER)
        by[1] = w->stranger;
    if (d == PERMIT_ONE_OFFICER_TWICE)
        by[1] = w->officer[0];
    if (d == PERMIT_NO_HOLDER || d == PERMIT_OTHER_HOLDER)
        by[2] = d == PERMIT_NO_HOLDER ? w->stranger : w->holder[1];
    struct buffer payload CLEANUP(buffer_done) = {0};
    print(v, &payload);
    seal(TYPE_PERMIT, &payload, by, 4, ret);
}

static void make_query(struct world *w, struct envelope *ret)
{
    enum defect d = w->defect;
    struct json *v = object("query/1"), *question = NULL;
    const char *text = d == QUESTION_DATASET_NOT_HERE ? "{\"innsyn\":\"question/1\",\"dataset\":\"lung\",\"statistic\":{\"count\":{}}}"
                       : d == QUESTION_UNKNOWN_VARIABLE ? "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"where\":{\"agee\":{\"from\":40}},\"statistic\":{\"count\":{}}}"
                       : d == QUESTION_OTHER_SITE ? "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"where\":{\"site\":[\"two\"]},\"statistic\":{\"count\":{}}}"
                                                  : "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"where\":{\"age\":{\"from\":40}},\"statistic\":{\"count\":{}}}";
    assert_ok(json_parse(slice_str(text), JSON_BYTES_MAX, &question, NULL));
    json_set(v, "id", json_of_str(QUERY));
    json_set(v, "permit", json_of_str(PERMIT));
    json_set(v, "sites", d == QUERY_OTHER_SITES ? texts("two", NULL) : texts("one", "two"));
    json_set(v, "issued", json_of_instant(d == QUERY_FROM_FUTURE ? now + 3 * MINUTE_MS : now - HOUR_MS));
    json_set(v, "expires", json_of_instant(d == QUERY_EXPIRED ? now : now + HOUR_MS));
    json_set(v, "question", question);
    struct buffer payload CLEANUP(buffer_done) = {0};
    print(v, &payload);
    seal(TYPE_QUERY, &payload, d == QUERY_STRANGER ? &w->stranger : &w->researcher, 1, ret);
}

static void make_status(struct world *w, const struct envelope *permit, struct envelope *ret)
{
    enum defect d = w->defect;
    struct permit_status s = {.permit = id(d == STATUS_OTHER_PERMIT ? PERMIT_2 : PERMIT), .permit_hash = envelope_hash(permit), .serial = 3,
                              .at_ms = d == STATUS_OLD ? now - 15 * MINUTE_MS - 1 : d == STATUS_FROM_FUTURE ? now + 3 * MINUTE_MS : now - 15 * MINUTE_MS,
                              .state = d == STATUS_REVOKED ? PERMIT_REVOKED : d == STATUS_SUSPENDED ? PERMIT_SUSPENDED : PERMIT_LIVE};
    struct buffer payload CLEANUP(buffer_done) = {0};
    buffer_init(&payload, 10000);
    assert_ok(permit_status_print(&s, &w->trust->network, &payload, NULL));
    seal(TYPE_PERMIT_STATUS, &payload, d == STATUS_FOREIGN_KEY ? &w->stranger : &w->seal, 1, ret);
    w->has_seen = d == STATUS_LOWER_SERIAL;
    w->seen = s;
    w->seen.serial = 4;
    w->seen.at_ms = s.at_ms - MINUTE_MS;
}

static struct task make_task(struct world *w, const struct envelope *permit, const struct envelope *query, struct envelope *ret)
{
    enum defect d = w->defect;
    struct task t = {.id = id(TASK), .network = w->trust->network, .query = id(QUERY), .permit = id(PERMIT),
                     .query_hash = envelope_hash(query), .permit_hash = envelope_hash(permit),
                     .issued_ms = d == TASK_FROM_FUTURE ? now + 3 * MINUTE_MS : now - MINUTE_MS,
                     .expires_ms = d == TASK_EXPIRED ? now : now + MINUTE_MS * 10,
                     .entry = d == ENTRY_OTHER_INDEX ? ENTRY_AT + 1 : ENTRY_AT};
    if (d == TASK_OTHER_NETWORK)
        assert_ok(label_parse(slice_str("other"), &t.network, NULL));
    assert_ok(site_id_parse(slice_str(d == TASK_OTHER_SITE ? "two" : "one"), &t.site, NULL));
    struct buffer payload CLEANUP(buffer_done) = {0};
    buffer_init(&payload, 10000);
    assert_ok(task_print(&t, &payload, NULL));
    seal(TYPE_TASK, &payload, d == TASK_FOREIGN_KEY ? &w->stranger : &w->seal, 1, ret);
    return t;
}

struct leaves {
    struct hash at[LOG_SIZE];
};

static result node(void *self, unsigned level, uint64_t index, struct hash *ret, struct why *why)
{
    struct leaves *l = self;
    if (level == 0) {
        *ret = l->at[index];
        return DONE;
    }
    struct hash left, right;
    TRY(node(self, level - 1, 2 * index, &left, why));
    TRY(node(self, level - 1, 2 * index + 1, &right, why));
    *ret = merkle_node(&left, &right);
    return DONE;
}

static void make_entry(struct world *w, const struct task *t)
{
    enum defect d = w->defect;
    struct label account;
    struct question *q CLEANUP(question_freep) = NULL;
    struct json *v CLEANUP(json_freep) = NULL;
    struct hash question_hash = {{0}};
    /* The question's hash as the broker would write it. */
    assert_ok(json_parse(slice_str("{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"where\":{\"age\":{\"from\":40}},\"statistic\":{\"count\":{}}}"), 1000, &v, NULL));
    assert_ok(question_read(v, w->dictionary, &q, NULL));
    question_hash = q->hash;
    assert_ok(label_parse(slice_str(d == ENTRY_OTHER_ACCOUNT ? "officer1" : "researcher"), &account, NULL));
    struct task said = *t;
    if (d == ENTRY_OF_OTHER_TASK)
        said.id = id(TASK_2);
    struct buffer entry CLEANUP(buffer_done) = {0};
    print(task_entry(&said, &account, &question_hash, now - MINUTE_MS), &entry);
    struct leaves l;
    for (unsigned i = 0; i < LOG_SIZE; i++)
        l.at[i] = i == ENTRY_AT ? merkle_leaf(buffer_slice(&entry)) : merkle_leaf(slice_of(&i, sizeof i));
    struct merkle_proof proof;
    assert_ok(merkle_root_at(node, &l, LOG_SIZE, &w->checkpoint.root, NULL));
    assert_ok(merkle_prove_inclusion(node, &l, ENTRY_AT, LOG_SIZE, &proof, NULL));
    w->checkpoint.size = d == NO_CHECKPOINT ? 0 : LOG_SIZE;
    if (d == PROOF_WRONG)
        proof.hashes[1].at[5] ^= 1;
    struct json *list = json_array();
    for (unsigned i = 0; i < proof.count && d != PROOF_MISSING; i++)
        json_add(list, json_of_base64(slice_of(proof.hashes[i].at, HASH_LEN)));
    json_set(w->bundle, "proof", list);
    if (d != ENTRY_MISSING)
        json_set(w->bundle, "entry", json_of_base64(buffer_slice(&entry)));
}

/* Signed by the right people, changed afterwards. */
static void alter(struct envelope *e)
{
    uint8_t *at = memmem(e->payload.at, e->payload.len, "researcher", 10);
    if (!at)
        at = memmem(e->payload.at, e->payload.len, "40", 2);
    assert_non_null(at);
    at[1]++;
}

static void world_init(struct world *w, enum defect d)
{
    *w = (struct world){.defect = d};
    for (unsigned i = 0; i < 2; i++) {
        w->root[i] = key(i, KEY_P256);
        w->officer[i] = key(2 + i, KEY_P256);
        w->holder[i] = key(4 + i, KEY_P256);
    }
    w->site = key(6, KEY_P256), w->seal = key(7, KEY_P256), w->researcher = key(8, KEY_P256), w->stranger = key(9, KEY_P256);
    w->log = key(10, KEY_ED25519);
    make_trust(w);
    char dictionary_text[1000];
    (void)snprintf(dictionary_text, sizeof dictionary_text, dictionary_form, d == CONDITION_DENIES ? denying_conditions : conditions,
                   d == RULE_DENIES ? "table" : "count");
    assert_ok(json_parse(slice_str(dictionary_text), JSON_BYTES_MAX, &w->dictionary_tree, NULL));
    assert_ok(dictionary_read(w->dictionary_tree, NULL, PROFILE_CK, &w->dictionary, NULL));
    w->held.dictionary = w->dictionary;
    w->bundle = json_object();
    struct envelope permit CLEANUP(envelope_done) = {0}, query CLEANUP(envelope_done) = {0}, status CLEANUP(envelope_done) = {0},
                    task CLEANUP(envelope_done) = {0};
    make_permit(w, &permit);
    make_query(w, &query);
    make_status(w, &permit, &status);
    struct task t = make_task(w, &permit, &query, &task);
    if (d == PERMIT_ALTERED)
        alter(&permit);
    if (d == QUERY_ALTERED)
        alter(&query);
    make_entry(w, &t);
    if (d != TASK_MISSING)
        json_set(w->bundle, "task", envelope_json(&task));
    if (d != PERMIT_MISSING)
        json_set(w->bundle, "permit", envelope_json(&permit));
    json_set(w->bundle, "query", envelope_json(&query));
    json_set(w->bundle, "status", envelope_json(&status));
    w->has_run = d == REPLAY_OTHER_TASK;
    w->ran_task = id(TASK_2);
    w->ran_query = t.query_hash;
}

static void world_done(struct world *w)
{
    json_free(w->bundle);
    dictionary_free(w->dictionary);
    json_free(w->dictionary_tree);
    trust_free(w->trust);
}

static bool seen(void *self, const struct document_id *permit, struct permit_status *ret)
{
    struct world *w = self;
    (void)permit;
    *ret = w->seen;
    return w->has_seen;
}

static bool ran(void *self, const struct document_id *query, struct document_id *ret_task, struct hash *ret_query_hash)
{
    struct world *w = self;
    assert_string_equal(query->text, QUERY);
    *ret_task = w->ran_task;
    *ret_query_hash = w->ran_query;
    return w->has_run;
}

static bool asked(void *self, const struct document_id *permit, const struct label *dataset, const struct document_id *query, uint64_t *ret_others)
{
    struct world *w = self;
    assert_string_equal(permit->text, PERMIT);
    assert_string_equal(dataset->text, "heart");
    assert_string_equal(query->text, QUERY);
    *ret_others = w->defect == QUESTIONS_USED_UP ? 5 : 4;
    return w->defect != QUESTIONS_UNKNOWN;
}

static struct verify_facts facts(struct world *w)
{
    enum defect d = w->defect;
    struct verify_facts f = {
        .trust = w->trust, .now_ms = now, .time_floor_ms = d == CLOCK_BEHIND_FLOOR ? now + 2 * MINUTE_MS + 1 : now + 2 * MINUTE_MS,
        .peer_time_ms = d == CLOCK_OFF_BROKER ? now - 2 * MINUTE_MS - 1 : now - 2 * MINUTE_MS, .paused = d == PAUSED,
        .log_consistent = d != LOG_INCONSISTENT, .checkpoint = w->checkpoint,
        .checkpoint_at_ms = d == OLD_CHECKPOINT ? now - 10 * MINUTE_MS - 1 : now - 10 * MINUTE_MS, .datasets = &w->held, .dataset_count = 1,
        .witnesses_needed = 3, .witnesses_seen = d == NOT_COSIGNED ? 2 : 3,
        .statuses_full = d == STATUSES_FULL, .optouts_age_max_ms = 60 * MINUTE_MS,
        .optouts_checked_ms = d == OPTOUTS_NEVER_CHECKED ? 0 : d == OPTOUTS_OLD ? now - 60 * MINUTE_MS - 1 : now - 60 * MINUTE_MS,
        .status_seen = seen, .run_before = ran, .asked = asked, .self = w};
    assert_ok(site_id_parse(slice_str("one"), &f.site, NULL));
    return f;
}

static const struct {
    enum defect defect;
    const char *name, *class, *code;
} cases[] = {
    {CLOCK_BEHIND_FLOOR, "the clock is behind what was signed", "clock", "clock"},
    {CLOCK_OFF_BROKER, "the clocks are apart", "clock", "clock"},
    {LOG_INCONSISTENT, "the log does not continue", "log", "inconsistent"},
    {NO_CHECKPOINT, "no checkpoint", "log", "no_entry"},
    {OLD_CHECKPOINT, "an old checkpoint", "log", "checkpoint_too_old"},
    {NOT_COSIGNED, "one witness short of a majority", "log", "not_cosigned"},
    {TASK_FOREIGN_KEY, "sealed by a foreign key", "permit", "signature_invalid"},
    {TASK_OTHER_SITE, "re-addressed", "trust", "wrong_site"},
    {TASK_OTHER_NETWORK, "another network", "trust", "wrong_network"},
    {TASK_EXPIRED, "an expired task", "clock", "query_expired"},
    {TASK_FROM_FUTURE, "a task from the future", "clock", "clock"},
    {TASK_MISSING, "no task", "grammar", "malformed"},
    {PAUSED, "the site is paused", "paused", "paused"},
    {PERMIT_MISSING, "no permit", "permit", "no_permit"},
    {PERMIT_ALTERED, "an altered permit", "permit", "signature_invalid"},
    {PERMIT_ONE_OFFICER, "one officer", "permit", "signatures_missing"},
    {PERMIT_ONE_OFFICER_TWICE, "one officer twice", "permit", "signatures_missing"},
    {PERMIT_NO_HOLDER, "no holder", "permit", "signatures_missing"},
    {PERMIT_OTHER_HOLDER, "only another site's holder", "permit", "signatures_missing"},
    {PERMIT_OFFICER_IS_PERSON, "an officer among its people", "permit", "signatures_missing"},
    {PERMIT_PURPOSE_UNKNOWN, "a purpose that is none of Article 53", "policy", "purpose_unknown"},
    {PERMIT_ENDED, "an ended permit", "permit", "permit_expired"},
    {PERMIT_NOT_BEGUN, "a permit not begun", "permit", "permit_not_live"},
    {STATUS_OLD, "a status 15 minutes and 1 ms old", "permit", "status_too_old"},
    {STATUS_REVOKED, "revoked", "permit", "permit_not_live"},
    {STATUS_SUSPENDED, "suspended", "permit", "permit_not_live"},
    {STATUS_LOWER_SERIAL, "a lower serial than seen", "permit", "status_too_old"},
    {STATUSES_FULL, "a new permit's status that cannot be remembered", "permit", "status_not_kept"},
    {OPTOUTS_OLD, "a list of opt-outs that was not checked for too long", "consent", "optout_list_too_old"},
    {OPTOUTS_NEVER_CHECKED, "a list of opt-outs that was never checked", "consent", "optout_list_too_old"},
    {STATUS_FOREIGN_KEY, "a status sealed by a foreign key", "permit", "signature_invalid"},
    {STATUS_FROM_FUTURE, "a status from the future", "clock", "clock"},
    {STATUS_OTHER_PERMIT, "a status of another permit", "permit", "signature_invalid"},
    {QUERY_STRANGER, "a query by someone not on the permit", "permit", "not_a_person_of_the_permit"},
    {QUERY_ALTERED, "an altered query", "permit", "signature_invalid"},
    {QUERY_OTHER_SITES, "a query to other sites", "trust", "wrong_site"},
    {QUERY_EXPIRED, "an expired query", "clock", "query_expired"},
    {QUERY_FROM_FUTURE, "a query from the future", "clock", "clock"},
    {QUESTION_DATASET_NOT_HERE, "a dataset not loaded", "site", "snapshot_missing"},
    {QUESTION_UNKNOWN_VARIABLE, "an unknown variable", "grammar", "unknown_variable"},
    {QUESTION_OUTSIDE_VARIABLES, "a variable outside the permit", "permit", "outside_scope"},
    {QUESTION_OUTSIDE_STATISTICS, "a statistic outside the permit", "permit", "outside_scope"},
    {QUESTION_OTHER_SITE, "a question for another site", "trust", "wrong_site"},
    {CONDITION_ADDED, "a condition of use that the permit does not carry", "policy", "use_condition"},
    {CONDITION_DENIES, "a condition of use that denies", "policy", "use_condition"},
    {RULE_DENIES, "a rule of the dataset that denies", "policy", "rule_not_met"},
    {QUESTIONS_USED_UP, "one question more than a rule of the dataset gives", "policy", "questions_used_up"},
    {QUESTIONS_UNKNOWN, "a site that cannot tell how many were asked", "site", "fault"},
    {ENTRY_MISSING, "no entry", "log", "no_entry"},
    {ENTRY_OF_OTHER_TASK, "another task's entry", "log", "entry_differs"},
    {ENTRY_OTHER_ACCOUNT, "an entry that names another account", "log", "entry_differs"},
    {ENTRY_OTHER_INDEX, "an entry at another index", "log", "proof_invalid"},
    {PROOF_WRONG, "a wrong proof", "log", "proof_invalid"},
    {PROOF_MISSING, "no proof", "log", "proof_invalid"},
    {REPLAY_OTHER_TASK, "a query that ran under another task", "clock", "replayed"},
};

static void right_task_is_answered(void **state)
{
    (void)state;
    struct world w;
    struct verified v CLEANUP(verified_done);
    struct verify_names names;
    struct refusal refusal = {0};
    world_init(&w, NONE);
    struct verify_facts f = facts(&w);
    if (!verify_task(&f, w.bundle, &v, &names, &refusal))
        fail_msg("%s %s %s: %s", refusal.class, refusal.code, refusal.field, refusal.text);
    assert_string_equal(v.account.text, "researcher");
    assert_string_equal(names.task.text, TASK);
    assert_true(hash_equal(&names.question_hash, &v.question->hash));
    assert_ptr_equal(v.dataset, &w.held);
    assert_false(v.replay);
    verified_done(&v);
    /* The same task again is no replay attack: it gets its stored answer. */
    w.has_run = true;
    w.ran_task = id(TASK);
    f = facts(&w);
    assert_true(verify_task(&f, w.bundle, &v, &names, &refusal));
    assert_true(v.replay);
    verified_done(&v);
    world_done(&w);
}

static void each_defect_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world w;
        struct verified v;
        struct verify_names names;
        struct refusal r = {0};
        world_init(&w, cases[i].defect);
        struct verify_facts f = facts(&w);
        bool may = verify_task(&f, w.bundle, &v, &names, &r);
        if (may || strcmp(r.class, cases[i].class) != 0 || strcmp(r.code, cases[i].code) != 0 || !r.text[0])
            fail_msg("%s: %s/%s (%s: %s), not %s/%s", cases[i].name, may ? "answered" : r.class, r.code, r.field, r.text,
                     cases[i].class, cases[i].code);
        assert_null(v.permit);
        assert_null(v.question);
        if (cases[i].defect != TASK_MISSING)
            assert_string_equal(names.task.text, TASK); /* there is somebody to tell */
        static const struct hash unknown;
        assert_false(hash_equal(&names.question_hash, &unknown)); /* nor anything to tell apart by */
        verified_done(&v);
        world_done(&w);
    }
    assert_int_equal(COUNT_OF(cases), REPLAY_OTHER_TASK); /* every defect has its case */
}

/* The same status sealed before the one seen is in force as the one seen, and no excuse for an old one. */
static void newest_status_is_in_force(void **state)
{
    (void)state;
    struct world w;
    struct verified v CLEANUP(verified_done);
    struct verify_names names;
    struct refusal r = {0};
    world_init(&w, NONE);
    w.has_seen = true;
    w.seen.serial = 3;
    w.seen.at_ms = now - MINUTE_MS;
    struct verify_facts f = facts(&w);
    assert_true(verify_task(&f, w.bundle, &v, &names, &r));
    assert_int_equal(v.status.at_ms, now - MINUTE_MS);
    verified_done(&v);
    w.seen.state = PERMIT_REVOKED;
    assert_false(verify_task(&f, w.bundle, &v, &names, &r));
    assert_string_equal(r.code, "permit_not_live");
    world_done(&w);
}

/* What was right when it came is refused when the site is paused, the permit's newest status is no longer live or
 * grew old, or the time is over, before it is computed or its answer leaves. */
static void what_ended_meanwhile_is_refused(void **state)
{
    (void)state;
    struct world w;
    struct verified v CLEANUP(verified_done);
    struct verify_names names;
    struct refusal r = {0};
    world_init(&w, NONE);
    struct verify_facts f = facts(&w);
    assert_true(verify_task(&f, w.bundle, &v, &names, &r));
    assert_true(verify_still(&f, &v, &r));
    f.paused = true;
    assert_false(verify_still(&f, &v, &r));
    assert_string_equal(r.class, "paused");
    f.paused = false;
    w.has_seen = true;
    w.seen = v.status;
    w.seen.serial = v.status.serial + 1;
    w.seen.at_ms = now;
    w.seen.state = PERMIT_SUSPENDED;
    assert_false(verify_still(&f, &v, &r));
    assert_string_equal(r.code, "permit_not_live");
    w.seen.state = PERMIT_LIVE;
    assert_true(verify_still(&f, &v, &r));
    w.seen.serial = v.status.serial - 1; /* an older one says nothing */
    w.seen.state = PERMIT_REVOKED;
    assert_true(verify_still(&f, &v, &r));
    w.has_seen = false;
    f.now_ms = v.status.at_ms + 15 * MINUTE_MS + 1;
    assert_false(verify_still(&f, &v, &r));
    assert_string_equal(r.code, "status_too_old");
    f.now_ms = v.task.expires_ms;
    assert_false(verify_still(&f, &v, &r));
    assert_string_equal(r.code, "query_expired");
    f.now_ms = now;
    v.permit->to_ms = now;
    assert_false(verify_still(&f, &v, &r));
    assert_string_equal(r.code, "permit_expired");
    world_done(&w);
}

static void garbage_is_refused(void **state)
{
    (void)state;
    static const char *const texts_[] = {"null", "[]", "{}", "{\"task\":1}", "{\"task\":{},\"permit\":{},\"query\":{},\"status\":{}}"};
    struct world w;
    world_init(&w, NONE);
    struct verify_facts f = facts(&w);
    for (size_t i = 0; i < COUNT_OF(texts_); i++) {
        struct json *v CLEANUP(json_freep) = NULL;
        struct verified ret;
        struct verify_names names;
        struct refusal r = {0};
        assert_ok(json_parse(slice_str(texts_[i]), 1000, &v, NULL));
        assert_false(verify_task(&f, v, &ret, &names, &r));
        assert_true(r.code[0] && r.class[0]);
        assert_string_equal(names.task.text, "");
    }
    world_done(&w);
}

/* --- the log --- */

static void sign_checkpoint(const struct leaves *l, uint64_t size, struct signing_key *by, struct buffer *ret)
{
    struct checkpoint c = {.origin = "innsyn.demo/log", .size = size};
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 1000);
    buffer_clear(ret);
    assert_ok(merkle_root_at(node, (void *)(uintptr_t)l, size, &c.root, NULL));
    assert_ok(checkpoint_print(&c, &text, NULL));
    uint8_t public[ED25519_KEY_LEN];
    struct note_key as;
    assert_ok(signing_key_ed25519(by, public, NULL));
    assert_ok(note_key_make("innsyn.demo/log", NOTE_ED25519, public, &as, NULL));
    assert_ok(note_sign(buffer_slice(&text), &as, by, ret, NULL));
}

static void log_must_continue(void **state)
{
    (void)state;
    struct world w;
    struct leaves l, other;
    struct checkpoint held = {.size = 0}, got;
    struct merkle_proof proof = {.count = 0}, none = {.count = 0};
    struct buffer note CLEANUP(buffer_done) = {0};
    buffer_init(&note, CHECKPOINT_NOTE_MAX);
    world_init(&w, NONE);
    for (unsigned i = 0; i < LOG_SIZE; i++)
        other.at[i] = l.at[i] = merkle_leaf(slice_of(&i, sizeof i));
    other.at[1].at[0] ^= 1; /* one entry rewritten */
    /* The first checkpoint is taken as it is, if the log's key signed it. */
    sign_checkpoint(&l, 3, w.log, &note);
    assert_ok(verify_checkpoint(w.trust, &held, buffer_slice(&note), &none, &held, NULL));
    assert_int_equal(held.size, 3);
    assert_ok(verify_checkpoint(w.trust, &held, buffer_slice(&note), &none, &got, NULL)); /* no news */
    sign_checkpoint(&l, 5, w.log, &note);
    assert_ok(merkle_prove_consistency(node, &l, 3, 5, &proof, NULL));
    assert_ok(verify_checkpoint(w.trust, &held, buffer_slice(&note), &proof, &got, NULL));
    assert_int_equal(got.size, 5);
    /* no proof; a rewritten entry with its own proof; the same size rewritten; shrunk; signed by another key */
    assert_status(verify_checkpoint(w.trust, &held, buffer_slice(&note), &none, &got, NULL), DENIED);
    sign_checkpoint(&other, 5, w.log, &note);
    assert_ok(merkle_prove_consistency(node, &other, 3, 5, &proof, NULL));
    assert_status(verify_checkpoint(w.trust, &held, buffer_slice(&note), &proof, &got, NULL), DENIED);
    sign_checkpoint(&other, 3, w.log, &note);
    assert_status(verify_checkpoint(w.trust, &held, buffer_slice(&note), &none, &got, NULL), DENIED);
    sign_checkpoint(&l, 2, w.log, &note);
    assert_status(verify_checkpoint(w.trust, &held, buffer_slice(&note), &none, &got, NULL), DENIED);
    struct signing_key *foreign CLEANUP(signing_key_freep) = NULL;
    assert_ok(signing_key_new(KEY_ED25519, &foreign, NULL));
    sign_checkpoint(&l, 3, foreign, &note);
    assert_status(verify_checkpoint(w.trust, &held, buffer_slice(&note), &none, &got, NULL), DENIED);
    assert_int_equal(got.size, 5); /* untouched by every refusal */
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_task_is_answered),
        cmocka_unit_test(each_defect_is_refused),
        cmocka_unit_test(newest_status_is_in_force),
        cmocka_unit_test(what_ended_meanwhile_is_refused),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(log_must_continue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
