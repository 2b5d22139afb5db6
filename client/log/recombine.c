#include "client/log/recombine.h"

#include <stdio.h>

#include "base/codec.h"
#include "client/document.h"
#include "proto/envelope.h"
#include "proto/fields.h"

enum { PAYLOAD_BYTES_MAX = ENVELOPE_PAYLOAD_MAX, DOCUMENT_BYTES_MAX = 16 * 1024 * 1024, RELEASE_BYTES_MAX = 64 * 1024, AT_SIZE = 512, KEY_SIZE = 128 };

void recombined_init(struct recombined *r)
{
    *r = (struct recombined){0};
}

void recombined_done(struct recombined *r)
{
    for (unsigned i = 0; i < r->count; i++)
        json_free(r->trees[i]);
    json_free(r->document);
    question_free(r->asked);
    recombined_init(r);
}

/* --- what a site signed ------------------------------------------------------------------------------ */

static result need_member(const struct json *payload, const char *key, const char *want, const struct site_said *said, struct why *why)
{
    if (!slice_is(json_text(json_get(payload, key)), want))
        return FAIL_AT(why, DENIED, "/sites", "what the site '%s' signed is of another %s", said->site.text, key);
    return DONE;
}

static result check_payload(const struct recombined *r, const struct json *payload, const struct trust *t, const struct site_said *said,
                            struct why *why)
{
    char question[2 * HASH_LEN + 1];
    hash_print(&r->question, question);
    TRY(need_member(payload, "innsyn", "site-result/1", said, why));
    TRY(need_member(payload, "network", t->network.text, said, why));
    TRY(need_member(payload, "site", said->site.text, said, why));
    TRY(need_member(payload, "query", r->query, said, why));
    if (said->answered)
        TRY(need_member(payload, "question_sha256", question, said, why));
    TRY(need_member(payload, "status", said->answered ? "answered" : "refused", said, why));
    return said->answered ? combine_check(r->asked, json_get(payload, "statistic"), "/statistic", why) : DONE;
}

static result take_envelope(struct recombined *r, const struct json *v, const struct trust *t, struct why *why)
{
    struct site_said *said = &r->said[r->count];
    struct envelope e CLEANUP(envelope_done);
    envelope_init(&e);
    const struct public_key *key = trust_site_key(t, &said->site);
    TRY(envelope_parse(v, "/sites", TYPE_SITE_RESULT, &e, why));
    if (!key)
        return FAIL_AT(why, DENIED, "/sites", "the trust document names no signing key of the site '%s'", said->site.text);
    if (!envelope_signed_by(&e, key))
        return FAIL_AT(why, DENIED, "/sites", "the result of the site '%s' is not signed with that site's key", said->site.text);
    r->payloads[r->count] = envelope_hash(&e);
    TRY(json_parse(buffer_slice(&e.payload), PAYLOAD_BYTES_MAX, &r->trees[r->count], why));
    said->payload = r->trees[r->count];
    return DONE;
}

static result take_site(struct recombined *r, const struct json *v, const struct trust *t, struct why *why)
{
    static const char *const names[] = {"answered", "refused", "missing", "cancelled", NULL};
    struct fields f;
    struct slice site;
    const struct json *envelope = NULL;
    unsigned status;
    struct site_said *said = &r->said[r->count];
    TRY(fields_open(v, "/sites", &f, why));
    TRY(need_text(&f, "site", SITE_ID_MAX, &site));
    TRY(need_choice(&f, "status", names, &status));
    TRY(may_object(&f, "result", &envelope));
    TRY(fields_close(&f));
    *said = (struct site_said){.status = names[status], .answered = status == 0};
    TRY(site_id_parse(site, &said->site, why));
    for (unsigned i = 0; i < r->count; i++)
        if (site_id_equal(&r->said[i].site, &said->site))
            return FAIL_AT(why, DENIED, "/sites", "the site '%s' is there twice", said->site.text);
    if (!envelope && status < 2)
        return FAIL_AT(why, DENIED, "/sites", "the site '%s' is said to have %s, and what it signed is missing", said->site.text, said->status);
    if (!envelope || status >= 2) {
        r->count++;
        return DONE;
    }
    result done = take_envelope(r, envelope, t, why);
    if (is_ok(done))
        done = check_payload(r, said->payload, t, said, why);
    r->count++; /* its tree is freed whatever came */
    r->answered += is_ok(done) && said->answered;
    return done;
}

result recombine(const struct json *site_results, const struct trust *t, const struct dictionary *d, struct recombined *ret, struct why *why)
{
    struct recombined r CLEANUP(recombined_done) = {0};
    struct fields f;
    struct slice query;
    const struct json *question, *sites;
    int64_t entry = 0;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, DOCUMENT_BYTES_MAX);
    TRY(fields_open(site_results, "", &f, why));
    TRY(need_text(&f, "query", DOCUMENT_ID_LEN, &query));
    TRY(need_object(&f, "question", &question));
    TRY(need_array(&f, "sites", PERMIT_SITES_MAX, &sites));
    TRY(may_integer(&f, "entry", 0, INT64_C(1) << 53, &entry));
    TRY(fields_close(&f));
    if (!slice_copy_str(query, r.query, sizeof r.query))
        return FAIL_AT(why, MALFORMED, "/query", "is no query's id");
    TRY(question_read(question, d, &r.asked, why));
    r.question = r.asked->hash;
    for (size_t i = 0; i < json_size(sites); i++)
        TRY(take_site(&r, json_item(sites, i), t, why));
    if (r.answered == 0)
        return FAIL(why, ABSENT, "no site answered this query: nothing was combined");
    TRY(combine_document(r.asked, question, r.said, r.count, &r.document, why));
    TRY(json_print(r.document, &text, why));
    r.hash = sha256(buffer_slice(&text));
    *ret = r;
    recombined_init(&r);
    return DONE;
}

/* --- what the log says ---------------------------------------------------------------------------------- */

static result same_hash(const struct json *named, const struct hash *is, const char *what, struct why *why)
{
    struct hash said;
    if (!hex_parse(json_text(named), said.at, HASH_LEN) || !hash_equal(&said, is))
        return FAIL(why, DENIED, "%s", what);
    return DONE;
}

static result check_named(const struct recombined *r, unsigned i, const struct json *sites, struct why *why)
{
    char what[160];
    for (size_t k = 0; k < json_size(sites); k++) {
        const struct json *named = json_item(sites, k);
        if (!slice_is(json_text(json_get(named, "site")), r->said[i].site.text))
            continue;
        (void)snprintf(what, sizeof what, "the release entry names another result of the site '%.60s' than the one it signed", r->said[i].site.text);
        TRY(same_hash(json_get(named, "result_sha256"), &r->payloads[i], what, why));
        if (!slice_equal(json_text(json_get(named, "edition")), json_text(json_get(r->said[i].payload, "edition"))))
            return FAIL(why, DENIED, "the release entry names another edition of the site '%s'", r->said[i].site.text);
        return DONE;
    }
    return FAIL(why, DENIED, "the site '%s' answered, and the release entry leaves it out", r->said[i].site.text);
}

result recombine_check_release(const struct recombined *r, struct slice bytes, bool *ret_same, struct why *why)
{
    struct json *entry CLEANUP(json_freep) = NULL;
    TRY(json_parse(bytes, RELEASE_BYTES_MAX, &entry, why));
    if (!slice_is(json_text(json_get(entry, "type")), "release") || !slice_is(json_text(json_get(entry, "query")), r->query))
        return FAIL(why, DENIED, "the log's entry is not the release of this query");
    TRY(same_hash(json_get(entry, "question_sha256"), &r->question, "the release entry is of another question", why));
    const struct json *sites = json_get(entry, "sites");
    for (unsigned i = 0; i < r->count; i++)
        if (r->said[i].answered)
            TRY(check_named(r, i, sites, why));
    if (json_size(sites) != r->answered)
        return FAIL(why, DENIED, "the release entry names %zu sites, %u have signed an answer", json_size(sites), r->answered);
    *ret_same = is_ok(same_hash(json_get(entry, "result_sha256"), &r->hash, "", NULL));
    return DONE;
}

result recombine_check_answer(const struct recombined *r, const struct json *entry, struct why *why)
{
    char what[160];
    if (!slice_is(json_text(json_get(entry, "type")), "site_result") || !slice_is(json_text(json_get(entry, "query")), r->query))
        return DONE;
    for (unsigned i = 0; i < r->count; i++) {
        if (!slice_is(json_text(json_get(entry, "site")), r->said[i].site.text))
            continue;
        if (!r->said[i].payload) /* it came after its task had ended */
            return DONE;
        (void)snprintf(what, sizeof what, "the log's result entry of the site '%.60s' is not of what the broker now shows as signed", r->said[i].site.text);
        return same_hash(json_get(entry, "result_sha256"), &r->payloads[i], what, why);
    }
    return FAIL(why, DENIED, "the log has a result of the site '%.*s', and the broker leaves it out", SLICE_ARG(slice_part(json_text(json_get(entry, "site")), 0, 60)));
}

/* --- value by value ------------------------------------------------------------------------------------- */

static void differ(const char *at, const struct json *released, const struct json *combined, struct json *differences)
{
    struct json *v = json_object();
    json_set(v, "at", json_of_str(at));
    if (released)
        json_set(v, "released", json_copy(released));
    if (combined)
        json_set(v, "combined", json_copy(combined));
    if (json_size(differences) < DIFFERENCES_MAX)
        json_add(differences, v);
    else
        json_free(v);
}

static bool same_text(const struct json *a, const struct json *b)
{
    struct buffer one CLEANUP(buffer_done) = {0}, two CLEANUP(buffer_done) = {0};
    buffer_init(&one, DOCUMENT_BYTES_MAX);
    buffer_init(&two, DOCUMENT_BYTES_MAX);
    return is_ok(json_print(a, &one, NULL)) && is_ok(json_print(b, &two, NULL)) && slice_equal(buffer_slice(&one), buffer_slice(&two));
}

static void compare(const struct json *a, const struct json *b, const char *at, unsigned depth, struct json *differences, uint64_t *values);

static void compare_members(const struct json *a, const struct json *b, const char *at, unsigned depth, struct json *differences, uint64_t *values)
{
    char path[AT_SIZE], key[KEY_SIZE];
    struct slice name;
    const struct json *value;
    for (size_t i = 0; json_next(a, &i, &name, &value);) {
        if (!slice_copy_str(name, key, sizeof key) || (depth == 0 && slice_is(name, "receipt")))
            continue;
        (void)snprintf(path, sizeof path, "%.380s/%.120s", at, key);
        compare(value, json_get(b, key), path, depth + 1, differences, values);
    }
    for (size_t i = 0; json_next(b, &i, &name, &value);) {
        if (!slice_copy_str(name, key, sizeof key) || json_get(a, key) || (depth == 0 && slice_is(name, "receipt")))
            continue;
        (void)snprintf(path, sizeof path, "%.380s/%.120s", at, key);
        compare(NULL, value, path, depth + 1, differences, values);
    }
}

static void compare(const struct json *a, const struct json *b, const char *at, unsigned depth, struct json *differences, uint64_t *values)
{
    char path[AT_SIZE];
    if (a && b && json_kind(a) == JSON_OBJECT && json_kind(b) == JSON_OBJECT) {
        compare_members(a, b, at, depth, differences, values);
        return;
    }
    if (a && b && json_kind(a) == JSON_ARRAY && json_kind(b) == JSON_ARRAY) {
        size_t most = json_size(a) > json_size(b) ? json_size(a) : json_size(b);
        for (size_t i = 0; i < most; i++) {
            (void)snprintf(path, sizeof path, "%.480s/%zu", at, i);
            compare(i < json_size(a) ? json_item(a, i) : NULL, i < json_size(b) ? json_item(b, i) : NULL, path, depth + 1, differences, values);
        }
        return;
    }
    ++*values;
    if (!a || !b || !same_text(a, b))
        differ(at, a, b, differences);
}

void recombine_compare(const struct json *released, const struct json *combined, struct json *differences, uint64_t *ret_values)
{
    *ret_values = 0;
    compare(released, combined, "", 0, differences, ret_values);
}
