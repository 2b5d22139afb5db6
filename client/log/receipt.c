#include "client/log/receipt.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "client/document.h"

/* Fields that the receipt repeats from its entry, word for word. */
static const char *const shared_fields[] = {"permit", "permit_sha256", "query", "query_sha256", "question_sha256", "at", "sites"};

static result canonical(const struct json *v, struct buffer *to, struct why *why)
{
    buffer_init(to, OUTPUT_BYTES_MAX);
    return json_print(v, to, why);
}

result receipt_result_hash(const struct json *document, struct hash *ret, struct why *why)
{
    struct json *bare CLEANUP(json_freep) = json_object();
    struct slice key;
    const struct json *value;
    for (size_t i = 0; json_next(document, &i, &key, &value);) {
        char name[64];
        if (slice_is(key, "receipt"))
            continue;
        if (!slice_copy_str(key, name, sizeof name))
            return FAIL(why, MALFORMED, "the document has a member it should not have");
        json_set(bare, name, json_copy(value));
    }
    struct buffer text CLEANUP(buffer_done) = {0};
    TRY(canonical(bare, &text, why));
    *ret = sha256(buffer_slice(&text));
    return DONE;
}

static result same(const struct json *a, const struct json *b, const char *field, struct why *why)
{
    struct buffer one CLEANUP(buffer_done) = {0}, two CLEANUP(buffer_done) = {0};
    buffer_init(&two, 0); /* so that it can be done whatever comes first */
    TRY(canonical(a, &one, why));
    TRY(canonical(b, &two, why));
    if (json_kind(a) == JSON_NULL || !slice_equal(buffer_slice(&one), buffer_slice(&two)))
        return FAIL_AT(why, DENIED, field, "the receipt and its log entry do not say the same");
    return DONE;
}

static result same_hash(const struct json *named, const struct hash *is, const char *field, const char *what, struct why *why)
{
    struct hash said;
    if (!hex_parse(json_text(named), said.at, HASH_LEN))
        return FAIL_AT(why, MALFORMED, field, "must be a SHA-256 as 64 hex digits");
    if (!hash_equal(&said, is))
        return FAIL_AT(why, DENIED, field, "%s", what);
    return DONE;
}

static result open_entry(const struct json *entry, struct buffer *bytes, struct json **ret, struct why *why)
{
    struct slice text = json_text(json_get(entry, "bytes"));
    buffer_init(bytes, ENTRY_BYTES_MAX);
    if (text.len == 0)
        return FAIL_AT(why, MALFORMED, "/receipt/entry/bytes", "the receipt must carry its log entry");
    TRY(base64_parse(text, bytes, why));
    struct hash is = sha256(buffer_slice(bytes));
    TRY(same_hash(json_get(entry, "sha256"), &is, "/receipt/entry/sha256", "the entry's bytes do not have the hash the receipt names", why));
    TRY(json_parse(buffer_slice(bytes), ENTRY_BYTES_MAX, ret, why));
    if (!slice_is(json_text(json_get(*ret, "innsyn")), "entry/1") || !slice_is(json_text(json_get(*ret, "type")), "release"))
        return FAIL_AT(why, DENIED, "/receipt/entry/bytes", "the entry is not the release of a result");
    return DONE;
}

static result open_proof(const struct json *array, struct merkle_proof *ret, struct why *why)
{
    if (json_kind(array) != JSON_ARRAY || json_size(array) > MERKLE_PROOF_MAX)
        return FAIL_AT(why, MALFORMED, "/receipt/proof", "must be at most %d hashes", MERKLE_PROOF_MAX);
    ret->count = (unsigned)json_size(array);
    for (unsigned i = 0; i < ret->count; i++)
        if (!base64_parse_exact(json_text(json_item(array, i)), ret->hashes[i].at, HASH_LEN))
            return FAIL_AT(why, MALFORMED, "/receipt/proof", "hash %u is not 32 bytes in base64", i);
    return DONE;
}

static result check_inclusion(const struct json *receipt, const struct note_key *log, struct slice entry, struct receipt_facts *ret, struct why *why)
{
    struct checkpoint checkpoint;
    struct merkle_proof *proof = calloc(1, sizeof *proof);
    if (!proof)
        return FAIL(why, LIMIT, "no memory for a proof");
    const struct json *index = json_get(json_get(receipt, "entry"), "index");
    result r = DONE;
    if (json_kind(index) != JSON_INTEGER || json_integer(index) < 0)
        r = FAIL_AT(why, MALFORMED, "/receipt/entry/index", "must be the entry's index in the log");
    if (r.code == OK)
        r = checkpoint_open(json_text(json_get(receipt, "checkpoint")), log, &checkpoint, why);
    if (r.code == OK)
        r = open_proof(json_get(receipt, "proof"), proof, why);
    if (r.code == OK) {
        struct hash leaf = merkle_leaf(entry);
        ret->entry = (uint64_t)json_integer(index);
        ret->log_size = checkpoint.size;
        r = ret->entry >= checkpoint.size ? FAIL_AT(why, DENIED, "/receipt/entry/index", "the entry lies beyond the checkpoint")
                                          : merkle_check_inclusion(&leaf, ret->entry, checkpoint.size, proof, &checkpoint.root, why);
    }
    free(proof);
    return r;
}

/* The document's own list of sites says what the receipt says: same sites answered, same editions. */
static result check_sites(const struct json *document, const struct json *receipt, struct why *why)
{
    const struct json *sites = json_get(document, "sites"), *named = json_get(receipt, "sites");
    size_t answered = 0;
    for (size_t i = 0; i < json_size(sites); i++) {
        const struct json *site = json_item(sites, i);
        if (!slice_is(json_text(json_get(site, "status")), "answered"))
            continue;
        answered++;
        bool found = false;
        for (size_t k = 0; k < json_size(named) && !found; k++)
            found = slice_equal(json_text(json_get(json_item(named, k), "site")), json_text(json_get(site, "site"))) &&
                    slice_equal(json_text(json_get(json_item(named, k), "edition")), json_text(json_get(site, "edition")));
        if (!found)
            return FAIL_AT(why, DENIED, "/receipt/sites", "a site that answered is not in the receipt with its edition");
    }
    if (answered != json_size(named))
        return FAIL_AT(why, DENIED, "/receipt/sites", "the receipt names %zu sites, %zu answered", json_size(named), answered);
    return DONE;
}

result receipt_check(const struct json *document, const struct note_key *log, struct receipt_facts *ret, struct why *why)
{
    const struct json *receipt = json_get(document, "receipt");
    if (!slice_is(json_text(json_get(document, "innsyn")), "result/1"))
        return FAIL_AT(why, MALFORMED, "/innsyn", "this is not a result/1 document");
    if (json_kind(receipt) != JSON_OBJECT)
        return FAIL_AT(why, MALFORMED, "/receipt", "the document has no receipt");
    struct receipt_facts facts = {0};
    struct json *entry CLEANUP(json_freep) = NULL;
    struct buffer bytes CLEANUP(buffer_done) = {0}, question CLEANUP(buffer_done) = {0};
    buffer_init(&question, 0);
    TRY(open_entry(json_get(receipt, "entry"), &bytes, &entry, why));
    for (size_t i = 0; i < sizeof shared_fields / sizeof shared_fields[0]; i++) {
        char field[JSON_PATH_MAX];
        (void)snprintf(field, sizeof field, "/receipt/%s", shared_fields[i]);
        TRY(same(json_get(receipt, shared_fields[i]), json_get(entry, shared_fields[i]), field, why));
    }
    TRY(receipt_result_hash(document, &facts.result, why));
    TRY(same_hash(json_get(entry, "result_sha256"), &facts.result, "/result", "the document is not the one that was released: its hash differs from the log entry's", why));
    TRY(canonical(json_get(document, "question"), &question, why));
    struct hash asked = sha256(buffer_slice(&question));
    TRY(same_hash(json_get(receipt, "question_sha256"), &asked, "/question", "the question is not the one the receipt is for", why));
    TRY(check_sites(document, receipt, why));
    TRY(check_inclusion(receipt, log, buffer_slice(&bytes), &facts, why));
    if (!slice_copy_str(json_text(json_get(receipt, "permit")), facts.permit, sizeof facts.permit) ||
        !slice_copy_str(json_text(json_get(receipt, "query")), facts.query, sizeof facts.query) ||
        !slice_copy_str(json_text(json_get(receipt, "at")), facts.at, sizeof facts.at))
        return FAIL_AT(why, MALFORMED, "/receipt", "permit, query and at must be ids and a moment");
    *ret = facts;
    return DONE;
}
