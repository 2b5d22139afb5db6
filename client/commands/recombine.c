/*
 * recombine.c - `audit recombine`: what a query released, made again from what the sites signed, and held
 * against the log and, where the released document is at hand, against it value by value.
 */
#include <stdio.h>

#include "base/codec.h"
#include "client/clean_text.h"
#include "client/commands/proof.h"
#include "client/log/log_fetch.h"
#include "client/log/recombine.h"
#include "client/trust_store.h"

enum { SHOWN_MAX = 40, WORDS_MAX = 256 * 1024 };

struct audited {
    struct client *client;
    const struct arguments *arguments;
    struct recombined made;
    struct json *released;      /* owned; NULL: not at hand */
    struct json *differences;   /* owned */
    struct log_proof release;   /* the release entry, proven */
    struct buffer note;
    struct policy_verdict verdict;
    uint64_t values;
    unsigned logged;            /* result entries of the log that were held against what the sites signed */
    bool same_hash, auditor;
};

static int dictionary_get(struct client *c, const struct arguments *a, const struct json *question, struct dictionary **ret)
{
    struct why why = {0};
    struct label dataset;
    char path[CALL_PATH_MAX];
    struct json *document CLEANUP(json_freep) = NULL, *tree CLEANUP(json_freep) = NULL;
    const char *file = arguments_value(a, "dictionary");
    int code = EXIT_DONE;
    if (question_dataset(question, &dataset, &why).code != OK)
        return client_fail(EXIT_UNVERIFIED, &why);
    (void)snprintf(path, sizeof path, "/v1/catalogue/%s", dataset.text);
    code = file ? client_read_json(c, file, &document) : client_call(c, &(struct call){.method = "GET", .path = path}, &document);
    if (code != EXIT_DONE)
        return code;
    tree = json_copy(json_get(document, "dictionary") ? json_get(document, "dictionary") : document);
    return dictionary_read(tree, NULL, PROFILE_CK, ret, &why).code == OK ? EXIT_DONE : client_fail(EXIT_UNVERIFIED, &why);
}

/* The released document: a file, or the query's own where the broker gives it to this account. */
static int released_get(struct audited *x, const char *id)
{
    char path[CALL_PATH_MAX];
    struct json *loaded CLEANUP(json_freep) = NULL;
    const char *file = arguments_value(x->arguments, "result");
    (void)snprintf(path, sizeof path, "/v1/queries/%s", id);
    int code = file ? client_read_json(x->client, file, &loaded) : client_call(x->client, &(struct call){.method = "GET", .path = path}, &loaded);
    if (code != EXIT_DONE)
        return code;
    const struct json *document = slice_is(json_text(json_get(loaded, "innsyn")), "result/1") ? loaded : json_get(loaded, "result");
    if (json_kind(document) == JSON_OBJECT)
        x->released = json_copy(document);
    return file && !x->released ? client_usage("%.200s holds no result/1 document", file) : EXIT_DONE;
}

/* The release entry: an auditor reads it in the log; whoever asked has it in the receipt. */
static int release_get(struct audited *x, const struct json *site_results)
{
    struct why why = {0};
    const struct json *entry = json_get(json_get(x->released, "receipt"), "entry"), *index = json_get(site_results, "entry");
    if (json_kind(index) != JSON_INTEGER)
        return client_usage("the query has not ended with a result: there is nothing to repeat");
    if (!x->auditor && json_kind(entry) != JSON_OBJECT)
        return client_usage("give the result with its receipt: --result FILE");
    if (!x->auditor) {
        x->release.index = (uint64_t)json_integer(json_get(entry, "index"));
        if (base64_parse(json_text(json_get(entry, "bytes")), &x->release.entry, &why).code != OK)
            return client_fail(EXIT_UNVERIFIED, &why);
        return EXIT_DONE;
    }
    return log_entry_at(x->client, (uint64_t)json_integer(index), &x->release);
}

static result hold_answer(void *self, uint64_t index, const struct json *entry, struct why *why)
{
    struct audited *x = self;
    (void)index;
    TRY(recombine_check_answer(&x->made, entry, why));
    x->logged += slice_is(json_text(json_get(entry, "type")), "site_result");
    return DONE;
}

/* The log's own entries of what the sites answered (auditor). */
static int hold_answers(struct audited *x)
{
    char filters[64];
    (void)snprintf(filters, sizeof filters, "&type=site_result&query=%s", x->made.query);
    return log_fetch(x->client, filters, "Reading the log", hold_answer, x);
}

static int find_out(struct audited *x, const char *id)
{
    struct why why = {0};
    char path[CALL_PATH_MAX];
    int code;
    struct trust *trust CLEANUP(trust_freep) = NULL;
    struct dictionary *dictionary CLEANUP(dictionary_freep) = NULL;
    struct json *site_results CLEANUP(json_freep) = NULL, *me CLEANUP(json_freep) = NULL;
    static struct log_policy policy; /* large */
    (void)snprintf(path, sizeof path, "/v1/queries/%s/site-results", id);
    code = trust_store_get(x->client, true, &trust);
    if (code == EXIT_DONE)
        code = log_policy_get(x->client, x->arguments, &policy);
    if (code == EXIT_DONE)
        code = client_call(x->client, &(struct call){.method = "GET", .path = "/v1/me"}, &me);
    for (size_t i = 0; i < json_size(json_get(me, "roles")); i++)
        x->auditor = x->auditor || slice_is(json_text(json_item(json_get(me, "roles"), i)), "auditor");
    if (code == EXIT_DONE)
        code = client_call(x->client, &(struct call){.method = "GET", .path = path}, &site_results);
    if (code == EXIT_DONE)
        code = dictionary_get(x->client, x->arguments, json_get(site_results, "question"), &dictionary);
    if (code == EXIT_DONE)
        code = released_get(x, id);
    if (code == EXIT_DONE)
        code = release_get(x, site_results);
    if (code == EXIT_DONE)
        code = log_prove(x->client, &policy, &x->release, &x->note, &x->verdict);
    if (code != EXIT_DONE)
        return code;
    result r = recombine(site_results, trust, dictionary, &x->made, &why);
    if (r.code == OK && !slice_is(slice_str(x->made.query), id))
        r = FAIL(&why, DENIED, "the broker shows the answers to another query");
    if (r.code == OK)
        r = recombine_check_release(&x->made, buffer_slice(&x->release.entry), &x->same_hash, &why);
    if (r.code != OK)
        return client_fail(r.code == ABSENT ? EXIT_REFUSED : EXIT_UNVERIFIED, &why);
    if (x->released)
        recombine_compare(x->released, x->made.document, x->differences, &x->values);
    return x->auditor ? hold_answers(x) : EXIT_DONE;
}

/* Equal: what was released is what the sites' answers make; the log says so, and so does every value at hand. */
static bool is_equal(const struct audited *x)
{
    return x->same_hash && json_size(x->differences) == 0;
}

static result say_value(const struct json *v, struct buffer *to, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, WORDS_MAX);
    if (!v)
        return buffer_add_str(to, "nothing", why);
    TRY(json_print(v, &text, why));
    return clean_text(slice_part(buffer_slice(&text), 0, 60), to, why);
}

static result words(const struct audited *x, struct buffer *to, struct why *why)
{
    char hash[2 * HASH_LEN + 1];
    hash_print(&x->made.hash, hash);
    TRY(buffer_printf(to, why, "%s: the result of %s %s what the sites' signed answers make.\n", is_equal(x) ? "EQUAL" : "DIFFERENT", x->made.query,
                      is_equal(x) ? "is" : "is NOT"));
    for (unsigned i = 0; i < x->made.count; i++)
        TRY(buffer_printf(to, why, "  site       %s: %s%s\n", x->made.said[i].site.text, x->made.said[i].status,
                          x->made.said[i].payload ? ", signed with the key of the trusted document" : ""));
    if (x->auditor)
        TRY(buffer_printf(to, why, "  answers    %u in the log, each the one that its site signed\n", x->logged));
    TRY(buffer_printf(to, why, "  release    entry %llu of %llu, cosigned by %u of %u witnesses, %s the hash made here\n", (unsigned long long)x->release.index,
                      (unsigned long long)x->verdict.checkpoint.size, x->verdict.cosigned, x->verdict.witnesses,
                      x->same_hash ? "names" : "DOES NOT NAME"));
    TRY(buffer_printf(to, why, "  combined   %s\n", hash));
    if (x->released)
        TRY(buffer_printf(to, why, "  values     %llu compared, %zu differ\n", (unsigned long long)x->values, json_size(x->differences)));
    else if (!x->same_hash)
        TRY(buffer_add_str(to, "  values     not compared: give the released document with --result FILE to see which differ\n", why));
    for (size_t i = 0; i < json_size(x->differences) && i < SHOWN_MAX; i++) {
        const struct json *d = json_item(x->differences, i);
        TRY(buffer_add_str(to, "  differs    ", why));
        TRY(clean_text(json_text(json_get(d, "at")), to, why));
        TRY(buffer_add_str(to, ": released ", why));
        TRY(say_value(json_get(d, "released"), to, why));
        TRY(buffer_add_str(to, ", the sites make ", why));
        TRY(say_value(json_get(d, "combined"), to, why));
        TRY(buffer_add_byte(to, '\n', why));
    }
    if (json_size(x->differences) > SHOWN_MAX)
        TRY(buffer_printf(to, why, "  ... and %zu more (--json lists them)\n", json_size(x->differences) - SHOWN_MAX));
    return DONE;
}

static int say(const struct audited *x)
{
    struct why why = {0};
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, WORDS_MAX);
    if (!x->client->json)
        return words(x, &text, &why).code == OK ? client_print(&text) : client_fail(EXIT_UNREACHABLE, &why);
    struct json *v CLEANUP(json_freep) = json_object();
    json_set(v, "query", json_of_str(x->made.query));
    json_set(v, "equal", json_of_bool(is_equal(x)));
    json_set(v, "combined_sha256", json_of_hex(slice_of(x->made.hash.at, HASH_LEN)));
    json_set(v, "entry", json_of_integer((int64_t)x->release.index));
    json_set(v, "answered", json_of_integer(x->made.answered));
    if (x->auditor)
        json_set(v, "answers_logged", json_of_integer(x->logged));
    if (x->released) {
        json_set(v, "values", json_of_integer((int64_t)x->values));
        json_set(v, "differences", json_copy(x->differences));
    }
    json_set(v, "combined", json_copy(x->made.document));
    return client_print_json(v);
}

int audit_recombine(struct client *c, const struct arguments *a)
{
    struct document_id id;
    static struct audited x; /* large */
    int code = need_id(a, 0, 'q', &id);
    if (code != EXIT_DONE)
        return code;
    x = (struct audited){.client = c, .arguments = a, .differences = json_array()};
    recombined_init(&x.made);
    log_proof_init(&x.release);
    buffer_init(&x.note, CHECKPOINT_NOTE_MAX);
    code = find_out(&x, id.text);
    if (code == EXIT_DONE)
        code = say(&x);
    if (code == EXIT_DONE && !is_equal(&x))
        code = EXIT_UNVERIFIED;
    recombined_done(&x.made);
    json_free(x.released);
    json_free(x.differences);
    log_proof_done(&x.release);
    buffer_done(&x.note);
    return code;
}
