#include "client/log/log_proof.h"

#include <inttypes.h>

#include "base/codec.h"
#include "proto/fields.h"

static const char header[] = "c2sp.org/tlog-proof@v1";

void log_proof_init(struct log_proof *p)
{
    *p = (struct log_proof){0};
    buffer_init(&p->entry, PROOF_ENTRY_MAX);
}

void log_proof_done(struct log_proof *p)
{
    buffer_done(&p->entry);
}

/* --- a proof ------------------------------------------------------------------------------------ */

static bool line_next(struct slice *rest, struct slice *ret)
{
    size_t end = slice_find(*rest, '\n');
    if (end == rest->len)
        return false;
    *ret = slice_part(*rest, 0, end);
    *rest = slice_part(*rest, end + 1, rest->len);
    return true;
}

result log_proof_parse(struct slice text, struct log_proof *ret, struct why *why)
{
    struct slice line;
    if (!line_next(&text, &line) || !slice_is(line, header))
        return FAIL(why, MALFORMED, "line 1 of a proof is %s", header);
    if (!line_next(&text, &line))
        return FAIL(why, MALFORMED, "the proof ends after its first line");
    if (slice_starts(line, "extra ")) {
        TRY(base64_parse(slice_part(line, strlen("extra "), line.len), &ret->entry, why));
        if (!line_next(&text, &line))
            return FAIL(why, MALFORMED, "the proof ends without its index");
    }
    if (!slice_starts(line, "index ") || !slice_parse_u64(slice_part(line, strlen("index "), line.len), INT64_MAX, &ret->index))
        return FAIL(why, MALFORMED, "a proof has a line 'index' with a whole number");
    while (line_next(&text, &line) && line.len > 0) {
        if (ret->proof.count == MERKLE_PROOF_MAX || !base64_parse_exact(line, ret->proof.hashes[ret->proof.count++].at, HASH_LEN))
            return FAIL(why, MALFORMED, "a line of the proof is not the base64 of a hash");
    }
    ret->checkpoint = text;
    return text.len > 0 ? DONE : FAIL(why, MALFORMED, "the proof comes without its checkpoint");
}

result log_proof_print(const struct log_proof *p, struct buffer *to, struct why *why)
{
    char hash[BASE64_LEN(HASH_LEN) + 1];
    TRY(buffer_printf(to, why, "%s\n", header));
    if (p->entry.len > 0) {
        TRY(buffer_add_str(to, "extra ", why));
        TRY(base64_print(buffer_slice(&p->entry), to, why));
        TRY(buffer_add_byte(to, '\n', why));
    }
    TRY(buffer_printf(to, why, "index %" PRIu64 "\n", p->index));
    for (unsigned i = 0; i < p->proof.count; i++) {
        base64_print_str(slice_of(p->proof.hashes[i].at, HASH_LEN), hash, sizeof hash);
        TRY(buffer_printf(to, why, "%s\n", hash));
    }
    TRY(buffer_add_byte(to, '\n', why));
    return buffer_add(to, p->checkpoint, why);
}

result log_proof_check(const struct log_proof *p, const struct log_policy *policy, struct policy_verdict *ret, struct why *why)
{
    struct policy_verdict v;
    TRY(policy_check(policy, p->checkpoint, &v, why));
    if (p->entry.len == 0)
        return FAIL(why, DENIED, "the proof has no `extra`: it does not say which entry it is of");
    struct hash leaf = merkle_leaf(buffer_slice(&p->entry));
    if (p->index >= v.checkpoint.size)
        return FAIL(why, DENIED, "entry %" PRIu64 " lies beyond the checkpoint of %" PRIu64 " entries", p->index, v.checkpoint.size);
    TRY(merkle_check_inclusion(&leaf, p->index, v.checkpoint.size, &p->proof, &v.checkpoint.root, why));
    *ret = v;
    return DONE;
}

/* --- evidence ----------------------------------------------------------------------------------- */

static result read_consistency(const struct json *array, struct merkle_proof *ret, struct why *why)
{
    if (json_size(array) > MERKLE_PROOF_MAX)
        return FAIL(why, MALFORMED, "the consistency proof is too long");
    for (size_t i = 0; i < json_size(array); i++)
        if (!base64_parse_exact(json_text(json_item(array, i)), ret->hashes[ret->count++].at, HASH_LEN))
            return FAIL(why, MALFORMED, "hash %zu of the consistency proof is not one", i);
    return DONE;
}

result log_evidence_check(const struct json *document, const struct note_key *log, struct log_evidence *ret, struct why *why)
{
    struct fields f;
    struct slice kind, site, vkey, held, shown;
    struct note_key named;
    const struct json *consistency = NULL;
    struct merkle_proof proof = {.count = 0};
    struct log_evidence e = {.by_roots = false};
    int64_t at_ms;
    TRY(fields_open(document, "", &f, why));
    TRY(need_text(&f, "innsyn", 64, &kind));
    if (!slice_is(kind, "log-evidence/1"))
        return FAIL_AT(why, MALFORMED, "/innsyn", "must be \"log-evidence/1\"");
    TRY(need_text(&f, "site", 256, &site));
    TRY(need_instant(&f, "at", &at_ms));
    TRY(need_text(&f, "log", VKEY_TEXT_MAX, &vkey));
    TRY(need_text(&f, "held", CHECKPOINT_NOTE_MAX, &held));
    TRY(need_text(&f, "shown", CHECKPOINT_NOTE_MAX, &shown));
    TRY(may_array(&f, "consistency", MERKLE_PROOF_MAX, &consistency));
    TRY(fields_close(&f));
    TRY(note_key_parse(vkey, &named, why));
    if (memcmp(named.key, log->key, ED25519_KEY_LEN) != 0 || strcmp(named.name, log->name) != 0)
        return FAIL_AT(why, DENIED, "/log", "the evidence is about another log than %s", log->name);
    TRY(checkpoint_open(held, log, &e.held, why));
    TRY(checkpoint_open(shown, log, &e.shown, why));
    TRY(read_consistency(consistency, &proof, why));
    e.by_roots = e.held.size == e.shown.size;
    if (e.shown.size < e.held.size)
        return FAIL(why, DENIED, "the checkpoint shown is older than the one held: that is no fork by itself");
    if (e.by_roots ? hash_equal(&e.held.root, &e.shown.root)
                   : is_ok(merkle_check_consistency(e.held.size, e.shown.size, &proof, &e.held.root, &e.shown.root, NULL)))
        return FAIL(why, DENIED, "the two checkpoints belong to one history");
    *ret = e;
    return DONE;
}
