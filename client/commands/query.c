#include "client/command.h"

#include <stdio.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/instant.h"
#include "client/commands/permit.h"
#include "client/commands/proof.h"
#include "client/query_build.h"
#include "client/log/receipt.h"
#include "client/show/result_render.h"
#include "client/trust_store.h"
#include "stats/round5.h"

enum { TIMEOUT_DEFAULT_S = 120, TIMEOUT_MAX_S = 86400, WAIT_EACH_MS = 10000, GRACE_MS = 15000, AGAIN_AFTER_MS = 500 };

/* --- showing a result ----------------------------------------------------------------------- */

/* The dataset's dictionary for labels; NULL when the catalogue does not answer (codes are shown then). */
static struct json *fetch_dictionary(struct client *c, const struct json *result_document)
{
    struct label dataset;
    struct json *entry CLEANUP(json_freep) = NULL;
    char path[CALL_PATH_MAX];
    if (label_parse(json_text(json_get(json_get(result_document, "question"), "dataset")), &dataset, NULL).code != OK)
        return NULL;
    (void)snprintf(path, sizeof path, "/v1/catalogue/%s", dataset.text);
    if (client_call(c, &(struct call){.method = "GET", .path = path, .quiet = true}, &entry) != EXIT_DONE)
        return NULL;
    return json_copy(json_get(entry, "dictionary"));
}

/* A copy whose counts are multiples of 5: what is printed, not what was released. */
static result rounded(const struct json *document, const struct json *dictionary, struct json **ret, struct why *why)
{
    struct json *copy CLEANUP(json_freep) = json_copy(document), *tree CLEANUP(json_freep) = json_copy(dictionary);
    struct dictionary *d CLEANUP(dictionary_freep) = NULL;
    struct question *q CLEANUP(question_freep) = NULL;
    if (!dictionary)
        return FAIL(why, UNAVAILABLE, "the catalogue does not answer, and without the data set's dictionary nothing can be rounded");
    TRY(dictionary_read(tree, NULL, PROFILE_CK, &d, why));
    TRY(question_read(json_get(document, "question"), d, &q, why));
    TRY(round5_document(q, copy, why));
    *ret = MOVE(copy);
    return DONE;
}

static result round5_is_for_people(const struct client *c, const struct arguments *a, struct why *why)
{
    return c->json && arguments_flag(a, "round5") ? FAIL(why, MALFORMED, "--round5 is for printing; --json shows what was released and signed") : DONE;
}

static const char ROUNDED_NOTE[] = "Counts are rounded to multiples of 5 here, up or down by a draw (standard deviation 2 beside the noise); --json has what was released.\n";

int result_print(struct client *c, const struct json *document, bool round5)
{
    struct why why = {0};
    if (c->json)
        return client_print_json(document);
    struct json *dictionary CLEANUP(json_freep) = fetch_dictionary(c, document), *shown CLEANUP(json_freep) = NULL;
    if (round5) {
        result r = rounded(document, dictionary, &shown, &why);
        if (r.code != OK)
            return client_fail(r.code == DENIED ? EXIT_USAGE : EXIT_UNREACHABLE, &why);
        document = shown;
    }
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    struct render_options options = {c->terminal.utf8, c->terminal.width};
    if (result_render(document, dictionary, &options, &text, &why).code != OK || (round5 && buffer_add_str(&text, ROUNDED_NOTE, &why).code != OK))
        return client_fail(EXIT_UNREACHABLE, &why);
    return client_print(&text);
}

/* A result that some sites are not part of is partial; one that no site answered is none. */
static int exit_of_sites(const struct json *sites_holder)
{
    unsigned answered, asked;
    result_count_sites(sites_holder, &answered, &asked);
    if (answered == asked)
        return EXIT_DONE;
    if (answered > 0)
        return EXIT_PARTIAL;
    const struct json *sites = json_get(sites_holder, "sites");
    for (size_t i = 0; i < json_size(sites); i++)
        if (slice_is(json_text(json_get(json_item(sites, i), "status")), "refused"))
            return EXIT_REFUSED;
    return EXIT_UNREACHABLE;
}

/* The log whose key signed the receipt's checkpoint: the one at hand, or one that it succeeded. */
static const struct note_key *log_of_receipt(const struct trust *t, const struct json *document)
{
    struct checkpoint checkpoint;
    struct slice note = json_text(json_get(json_get(document, "receipt"), "checkpoint"));
    for (unsigned i = 0; i < t->succession_count; i++)
        if (checkpoint_open(note, &t->successions[i].old_log, &checkpoint, NULL).code == OK)
            return &t->successions[i].old_log;
    return &t->log;
}

static int check_receipt(struct client *c, const struct json *document, struct receipt_facts *ret)
{
    struct why why = {0};
    struct trust *trust CLEANUP(trust_freep) = NULL, *newer CLEANUP(trust_freep) = NULL;
    int code = trust_store_get(c, false, &trust);
    if (code != EXIT_DONE)
        return code;
    if (receipt_check(document, log_of_receipt(trust, document), ret, &why).code == OK)
        return EXIT_DONE;
    /* The log's key may have been changed by a newer trust document. */
    code = trust_store_get(c, true, &newer);
    if (code != EXIT_DONE)
        return code;
    return receipt_check(document, log_of_receipt(newer, document), ret, &why).code == OK ? EXIT_DONE : client_fail(EXIT_UNVERIFIED, &why);
}

/* A finished query: checks, prints, and says by the exit code what it is. */
static int conclude(struct client *c, const struct json *query, bool check, bool round5)
{
    const struct json *document = json_get(query, "result");
    if (json_kind(document) != JSON_OBJECT) {
        int code = exit_of_sites(query);
        (void)fprintf(stderr, "innsyn: the query ended without a result\n");
        if (c->json)
            (void)client_print_json(query); /* the reason for having none matters more */
        else
            (void)result_print(c, query, false);
        return code == EXIT_DONE || code == EXIT_PARTIAL ? EXIT_REFUSED : code;
    }
    int code = EXIT_DONE;
    bool pinned = c->profile.has_trust;
    struct receipt_facts facts;
    if (check && pinned)
        code = check_receipt(c, document, &facts);
    if (code != EXIT_DONE)
        return code;
    code = result_print(c, document, round5);
    if (code != EXIT_DONE)
        return code;
    if (check && pinned)
        client_say(c, "The receipt holds: log entry %llu of %llu.", (unsigned long long)facts.entry, (unsigned long long)facts.log_size);
    else if (check)
        client_say(c, "The receipt was not checked: the profile pins no trust document (innsyn trust pin HASH).");
    return exit_of_sites(document);
}

/* --- asking --------------------------------------------------------------------------------- */

static int choose_permit(struct client *c, const struct arguments *a, struct document_id *ret)
{
    struct why why = {0};
    const char *given = arguments_value(a, "permit");
    if (given) {
        if (document_id_parse(slice_str(given), 'p', ret, &why).code != OK)
            return client_fail(EXIT_USAGE, &why);
        return EXIT_DONE;
    }
    if (!c->profile.permit.text[0])
        return client_usage("the profile names no permit: give --permit ID (innsyn permit list)");
    *ret = c->profile.permit;
    return EXIT_DONE;
}

int query_check(struct client *c, const struct arguments *a)
{
    struct document_id permit;
    struct json *question = NULL, *body CLEANUP(json_freep) = json_object(), *answer CLEANUP(json_freep) = NULL;
    int code = choose_permit(c, a, &permit);
    if (code == EXIT_DONE)
        code = client_read_json(c, a->words[0], &question);
    if (code != EXIT_DONE)
        return code;
    json_set(body, "permit", json_of_str(permit.text));
    json_set(body, "question", question);
    code = client_call(c, &(struct call){.method = "POST", .path = "/v1/queries/check", .body = body, .idempotent = true}, &answer);
    if (code != EXIT_DONE)
        return code;
    if (c->json) {
        code = client_print_json(answer);
    } else {
        struct why why = {0};
        struct buffer text CLEANUP(buffer_done) = {0};
        buffer_init(&text, OUTPUT_BYTES_MAX);
        if (document_show(answer, &text, &why).code != OK)
            return client_fail(EXIT_UNREACHABLE, &why);
        code = client_print(&text);
    }
    if (code != EXIT_DONE)
        return code;
    return slice_is(json_text(json_get(answer, "verdict")), "deny") ? EXIT_REFUSED : EXIT_DONE;
}

/* Sends the query until the broker has it: the id makes that safe, a second copy is no second query. */
static int submit(struct client *c, const struct envelope *envelope, const struct document_id *id)
{
    struct json *body CLEANUP(json_freep) = json_object(), *answer CLEANUP(json_freep) = NULL, *seen CLEANUP(json_freep) = NULL;
    char path[CALL_PATH_MAX];
    unsigned http;
    json_set(body, "query", envelope_json(envelope));
    struct call call = {.method = "POST", .path = "/v1/queries", .body = body, .idempotent = true};
    int code = client_call_status(c, &call, &answer, &http);
    if (code == EXIT_DONE || http != 409)
        return code;
    /* An answer that was lost on its way: the broker may have the query from the first attempt. */
    (void)snprintf(path, sizeof path, "/v1/queries/%s", id->text);
    return client_call(c, &(struct call){.method = "GET", .path = path, .quiet = true}, &seen) == EXIT_DONE ? EXIT_DONE : code;
}

static void say_waiting(struct progress *p, const struct json *query, int64_t left_ms)
{
    unsigned answered, asked;
    result_count_sites(query, &answered, &asked);
    progress_say(p, "Waiting for the sites: %u of %u answered, %lld s left", answered, asked, (long long)(left_ms / SECOND_MS));
}

/* The sites that have not ended wait for their data holders: hours, or days. */
static int stop_for_holders(const struct json *query, const struct document_id *id)
{
    const struct json *sites = json_get(query, "sites");
    for (size_t i = 0; i < json_size(sites); i++) {
        const struct json *s = json_item(sites, i);
        char name[SITE_ID_MAX + 1] = "", text[240] = "";
        if (!slice_is(json_text(json_get(s, "status")), "waiting"))
            continue;
        (void)slice_copy_str(json_text(json_get(s, "site")), name, sizeof name);
        (void)slice_copy_str(json_text(json_get(json_get(s, "reason"), "text")), text, sizeof text);
        (void)fprintf(stderr, "innsyn: %s: %s\n", name, text);
    }
    (void)fprintf(stderr, "innsyn: query %s waits for data holders; see later: innsyn query show %s\n", id->text, id->text);
    return EXIT_UNREACHABLE;
}

static bool waits_for_holders(const struct json *query)
{
    const struct json *sites = json_get(query, "sites");
    bool any = false;
    for (size_t i = 0; i < json_size(sites); i++) {
        struct slice status = json_text(json_get(json_item(sites, i), "status"));
        if (slice_is(status, "running"))
            return false;
        any = any || slice_is(status, "waiting");
    }
    return any;
}

/* Until the query is no longer running.  A broker that goes away meanwhile is asked again. */
static int wait_for(struct client *c, const struct document_id *id, int64_t timeout_ms, struct json **ret)
{
    struct progress progress;
    struct json *query = NULL;
    char path[CALL_PATH_MAX];
    int64_t end = host_monotonic_ms(c->host) + timeout_ms;
    progress_start(&progress, &c->terminal, c->host);
    for (;;) {
        int64_t left = end - host_monotonic_ms(c->host);
        /* Short turns at a terminal, so that progress moves. */
        unsigned each = c->terminal.err_is_tty ? 1000 : WAIT_EACH_MS, wait = left <= 0 ? 0 : left < each ? (unsigned)left : each;
        unsigned http;
        (void)snprintf(path, sizeof path, "/v1/queries/%s?wait_ms=%u&or_held=1", id->text, wait);
        json_free(query);
        query = NULL;
        int code = client_call_status(c, &(struct call){.method = "GET", .path = path, .wait_ms = wait, .quiet = left > 0}, &query, &http);
        if (code == EXIT_DONE && !slice_is(json_text(json_get(query, "state")), "running")) {
            progress_end(&progress);
            *ret = query;
            return EXIT_DONE;
        }
        if (code == EXIT_DONE && waits_for_holders(query)) {
            progress_end(&progress);
            code = stop_for_holders(query, id);
            json_free(query);
            return code;
        }
        bool hopeless = http >= 400 && http < 500 && http != 429;
        if (left <= 0 || hopeless) {
            progress_end(&progress);
            json_free(query);
            if (hopeless && left > 0) /* once more, to show the reason */
                return client_call(c, &(struct call){.method = "GET", .path = path}, ret);
            (void)fprintf(stderr, "innsyn: query %s is still running; see later: innsyn query show %s\n", id->text, id->text);
            return EXIT_UNREACHABLE;
        }
        if (code != EXIT_DONE)
            (void)usleep(AGAIN_AFTER_MS * 1000);
        say_waiting(&progress, query, left);
    }
}

static int plan_query(struct client *c, const struct arguments *a, const struct json *question, struct query_plan *plan)
{
    struct why why = {0};
    struct buffer payload CLEANUP(buffer_done) = {0};
    struct permit *permit CLEANUP(permit_freep) = NULL;
    buffer_init(&payload, 0);
    int code = choose_permit(c, a, &plan->permit);
    if (code == EXIT_DONE)
        code = permit_fetch(c, &plan->permit, &payload, &permit);
    if (code != EXIT_DONE)
        return code;
    plan->network = permit->network;
    result r = query_plan_sites(plan, permit, question, arguments_value(a, "sites"), &why);
    return r.code == OK ? EXIT_DONE : client_fail(r.code == DENIED ? EXIT_REFUSED : EXIT_USAGE, &why);
}

int query_run(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    uint64_t timeout_s = TIMEOUT_DEFAULT_S;
    struct json *question CLEANUP(json_freep) = NULL, *query CLEANUP(json_freep) = NULL;
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    struct query_plan plan = {0};
    struct document_id id;
    struct envelope envelope CLEANUP(envelope_done);
    envelope_init(&envelope);
    result r = arguments_number(a, "timeout", 1, TIMEOUT_MAX_S, &timeout_s, &why);
    if (r.code == OK)
        r = round5_is_for_people(c, a, &why);
    if (r.code == OK)
        r = profile_key(c->host, &c->profile, &key, &why);
    if (r.code != OK)
        return client_fail(EXIT_USAGE, &why);
    int code = client_read_json(c, a->words[0], &question);
    if (code == EXIT_DONE)
        code = plan_query(c, a, question, &plan);
    if (code != EXIT_DONE)
        return code;
    plan.life_ms = (int64_t)timeout_s * SECOND_MS;
    if (query_build(&plan, question, key, c->host, &id, &envelope, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    code = submit(c, &envelope, &id);
    if (code == EXIT_DONE)
        code = wait_for(c, &id, plan.life_ms + GRACE_MS, &query);
    return code == EXIT_DONE ? conclude(c, query, true, arguments_flag(a, "round5")) : code;
}

/* --- looking -------------------------------------------------------------------------------- */

int query_list(struct client *c, const struct arguments *a)
{
    (void)a;
    static const struct list_column columns[] = {{"id", "id"}, {"state", "state"}, {"at", "at"}, {"dataset", "dataset"}, {"permit", "permit"}, {"account", "account"}};
    return show_list(c, "/v1/queries", columns, 6);
}

static int fetch_query(struct client *c, const struct arguments *a, struct json **ret)
{
    struct document_id id;
    char path[CALL_PATH_MAX];
    int code = need_id(a, 0, 'q', &id);
    if (code != EXIT_DONE)
        return code;
    (void)snprintf(path, sizeof path, "/v1/queries/%s", id.text);
    return client_call(c, &(struct call){.method = "GET", .path = path}, ret);
}

static bool is_running(const struct json *query)
{
    return slice_is(json_text(json_get(query, "state")), "running");
}

int query_show(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    struct json *query CLEANUP(json_freep) = NULL;
    int code = fetch_query(c, a, &query);
    if (code != EXIT_DONE)
        return code;
    if (c->json)
        return client_print_json(query);
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    struct json *head CLEANUP(json_freep) = json_object();
    struct slice name;
    const struct json *value;
    for (size_t i = 0; json_next(query, &i, &name, &value);) {
        char key[64];
        if (!slice_is(name, "result") && slice_copy_str(name, key, sizeof key))
            json_set(head, key, json_copy(value));
    }
    if (document_show(head, &text, &why).code != OK || buffer_add_byte(&text, '\n', &why).code != OK)
        return client_fail(EXIT_UNREACHABLE, &why);
    code = client_print(&text);
    return code == EXIT_DONE && json_kind(json_get(query, "result")) == JSON_OBJECT ? result_print(c, json_get(query, "result"), false) : code;
}

int query_cancel(struct client *c, const struct arguments *a)
{
    struct document_id id;
    char path[CALL_PATH_MAX];
    int code = need_id(a, 0, 'q', &id);
    if (code != EXIT_DONE)
        return code;
    (void)snprintf(path, sizeof path, "/v1/queries/%s/cancel", id.text);
    return send_and_show(c, &(struct call){.method = "POST", .path = path});
}

int result_show(struct client *c, const struct arguments *a)
{
    struct json *query CLEANUP(json_freep) = NULL;
    struct why why = {0};
    if (round5_is_for_people(c, a, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    int code = fetch_query(c, a, &query);
    if (code != EXIT_DONE)
        return code;
    if (is_running(query)) {
        (void)fprintf(stderr, "innsyn: the query is still running\n");
        return EXIT_UNREACHABLE;
    }
    return conclude(c, query, false, arguments_flag(a, "round5"));
}

/* --- holding a result to the log and its witnesses ------------------------------------------------ */

/* A receipt that was made before the witnesses' round proves its entry under the log's signature alone: the log is asked
 * for the checkpoint that they have cosigned since, which must continue the receipt's own and hold the same entry. */
static int prove_anew(struct client *c, const struct log_policy *p, const struct checkpoint *shown, const struct succession *ended, const struct json *receipt,
                      const struct receipt_facts *facts, struct log_proof *proof, struct buffer *note, struct policy_verdict *ret)
{
    struct why why = {0};
    struct checkpoint own = *shown;
    if (base64_parse(json_text(json_get(json_get(receipt, "entry"), "bytes")), &proof->entry, &why).code != OK)
        return client_fail(EXIT_UNVERIFIED, &why);
    proof->index = facts->entry;
    int code = log_prove(c, p, proof, note, ret);
    if (ended && own.size > ended->start.size)
        own = ended->start; /* what came after was lost: no proof joins it to the successor */
    if (code == EXIT_DONE && own.size > ret->checkpoint.size)
        code = client_fail(EXIT_UNVERIFIED, &(struct why){.text = "the log shows an older checkpoint than the receipt's"});
    if (code == EXIT_DONE && own.size == ret->checkpoint.size && !hash_equal(&own.root, &ret->checkpoint.root))
        code = client_fail(EXIT_UNVERIFIED, &(struct why){.text = "the log has signed another root than the receipt's, of the same size: it was forked"});
    return code == EXIT_DONE ? log_joined(c, &own, &ret->checkpoint) : code;
}

/* The result with the proof that the witnesses stand behind: it can be checked without the broker. */
static int write_result(struct client *c, const char *file, const struct json *document, const struct log_proof *proof)
{
    struct why why = {0};
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = json_copy(document), *receipt CLEANUP(json_freep) = json_copy(json_get(document, "receipt"));
    buffer_init(&text, OUTPUT_BYTES_MAX);
    if (proof->checkpoint.len) {
        struct json *hashes = json_array();
        for (unsigned i = 0; i < proof->proof.count; i++)
            json_add(hashes, json_of_base64(slice_of(proof->proof.hashes[i].at, HASH_LEN)));
        json_set(receipt, "checkpoint", json_of_text(proof->checkpoint));
        json_set(receipt, "proof", hashes);
        json_set(v, "receipt", json_hold(receipt));
    }
    if (json_print(v, &text, &why).code != OK || buffer_add_byte(&text, '\n', &why).code != OK ||
        host_write_file(c->host, file, 0644, buffer_slice(&text), &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    client_say(c, "Wrote %s, with the checkpoint that the witnesses cosigned.", file);
    return EXIT_DONE;
}

static int say_receipt(struct client *c, const struct json *document, const struct receipt_facts *facts, const struct log_policy *p,
                       const struct policy_verdict *v)
{
    struct why why = {0};
    char hash[2 * HASH_LEN + 1];
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 64 * 1024);
    if (c->json) {
        struct json *receipt CLEANUP(json_freep) = json_copy(json_get(document, "receipt"));
        log_cosigners_json(p, v, receipt);
        return client_print_json(receipt);
    }
    hash_print(&facts->result, hash);
    result r = buffer_printf(&text, &why,
                             "The receipt holds.\n  result     %s\n  permit     %s\n  query      %s\n  released   %s\n  log entry  %llu, proven in a signed checkpoint of %llu entries\n",
                             hash, facts->permit, facts->query, facts->at, (unsigned long long)facts->entry, (unsigned long long)v->checkpoint.size);
    if (r.code == OK)
        r = log_cosigners_words(p, v, &text, &why);
    return r.code == OK ? client_print(&text) : client_fail(EXIT_UNREACHABLE, &why);
}

/* The receipt under the policy's log, and the quorum of its witnesses. */
static int hold_to_policy(struct client *c, const struct arguments *a, const struct json *document, const struct log_policy *p, const struct note_key *now,
                          const struct succession *ended)
{
    struct why why = {0};
    struct receipt_facts facts;
    struct policy_verdict v;
    struct log_proof proof;
    struct buffer note CLEANUP(buffer_done) = {0};
    const struct json *receipt = json_get(document, "receipt");
    const char *out = arguments_value(a, "out");
    buffer_init(&note, CHECKPOINT_NOTE_MAX);
    if (receipt_check(document, &p->log, &facts, &why).code != OK || policy_read(p, json_text(json_get(receipt, "checkpoint")), &v, &why).code != OK ||
        (ended && succession_allows(ended, &v.checkpoint, &why).code != OK))
        return client_fail(EXIT_UNVERIFIED, &why);
    if (ended)
        client_say(c, "The receipt is of the log %s, which another has succeeded.", p->log.name);
    log_proof_init(&proof);
    int code = EXIT_DONE;
    if (!v.quorum) {
        client_say(c, "The receipt's own checkpoint is cosigned by %u of %u witnesses, which is no quorum: asking the log for a newer one.", v.cosigned, v.witnesses);
        static struct log_policy newest; /* large */
        struct checkpoint own = v.checkpoint;
        newest = *p;
        newest.log = *now;
        code = prove_anew(c, &newest, &own, ended, receipt, &facts, &proof, &note, &v);
        if (code == EXIT_UNREACHABLE) /* nothing was found wrong, and nothing is shown to be right */
            code = client_fail(EXIT_UNVERIFIED, &(struct why){.text = "without the log, no quorum of witnesses stands behind this receipt"});
    }
    if (code == EXIT_DONE)
        code = say_receipt(c, document, &facts, p, &v);
    if (code == EXIT_DONE && out)
        code = write_result(c, out, document, &proof);
    log_proof_done(&proof);
    return code;
}

int result_verify(struct client *c, const struct arguments *a)
{
    struct json *loaded CLEANUP(json_freep) = NULL;
    struct receipt_facts facts;
    struct document_id id;
    static struct log_policy policy; /* large */
    /* An id is an id; anything else is a file. */
    int code = document_id_parse(slice_str(a->words[0]), 'q', &id, NULL).code == OK ? fetch_query(c, a, &loaded)
                                                                                     : client_read_json(c, a->words[0], &loaded);
    if (code != EXIT_DONE)
        return code;
    const struct json *document = slice_is(json_text(json_get(loaded, "innsyn")), "result/1") ? loaded : json_get(loaded, "result");
    bool own_policy = !arguments_value(a, "policy");
    struct trust *trust CLEANUP(trust_freep) = NULL;
    if (own_policy)
        code = check_receipt(c, document, &facts); /* takes a newer trust document where it is needed */
    if (code == EXIT_DONE)
        code = log_policy_get(c, a, &policy);
    if (code == EXIT_DONE && own_policy)
        code = trust_store_get(c, false, &trust);
    if (code != EXIT_DONE)
        return code;
    const struct note_key now = policy.log;
    if (trust)
        policy.log = *log_of_receipt(trust, document);
    return hold_to_policy(c, a, document, &policy, &now, trust ? trust_succession_of(trust, &policy.log) : NULL);
}
