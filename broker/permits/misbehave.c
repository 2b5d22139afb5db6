/* misbehave.c - see misbehave.h. */
#include "broker/audit/audit.h"
#include "broker/permits/permits.h"

#ifdef INNSYN_TEST_HOOKS

#include <stdlib.h>

#include "base/codec.h"

bool misbehaves(const char *what)
{
    const char *list = getenv("INNSYN_TEST_MISBEHAVE");
    struct slice rest = slice_str(list);
    while (rest.len) {
        size_t end = slice_find(rest, ',');
        if (slice_is(slice_part(rest, 0, end), what))
            return true;
        rest = slice_part(rest, end + 1, rest.len);
    }
    return false;
}

/* Seals the task again, pointing at another entry. */
static result move_task(struct core *c, const struct task *t, uint64_t entry, struct json *item, struct why *why)
{
    struct task moved = *t;
    struct buffer payload CLEANUP(buffer_done) = {0}, sealed CLEANUP(buffer_done) = {0};
    struct json *task = NULL, *proof = NULL;
    buffer_init(&payload, 65536);
    buffer_init(&sealed, 65536);
    moved.entry = entry;
    TRY(task_print(&moved, &payload, why));
    TRY(core_keys(c, MESSAGE_SEAL_TASK, buffer_slice(&payload), &sealed, why));
    TRY(json_parse(buffer_slice(&sealed), JSON_BYTES_MAX, &task, why));
    json_set(item, "task", task);
    TRY(log_inclusion_json(c, entry, offer_size(c), &proof, why));
    json_set(item, "proof", proof);
    return DONE;
}

static result put_entry(struct json *item, const struct json *entry, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 65536);
    TRY(json_print(entry, &text, why));
    json_set(item, "entry", json_of_base64(buffer_slice(&text)));
    return DONE;
}

static result rewrite(struct core *c, const struct task *t, struct json *item, struct why *why)
{
    struct buffer bytes CLEANUP(buffer_done) = {0};
    struct json *entry CLEANUP(json_freep) = NULL;
    buffer_init(&bytes, 65536);
    TRY(log_entry_bytes(c, t->entry, &bytes, why));
    TRY(json_parse(buffer_slice(&bytes), 65536, &entry, why));
    json_set(entry, "account", json_of_str("somebody-else"));
    return put_entry(item, entry, why);
}

static result drop(struct core *c, const struct task *t, struct json *item, struct why *why)
{
    struct buffer bytes CLEANUP(buffer_done) = {0};
    struct json *proof = NULL;
    uint64_t other = t->entry > 0 ? t->entry - 1 : 0;
    buffer_init(&bytes, 65536);
    TRY(log_entry_bytes(c, other, &bytes, why));
    json_set(item, "entry", json_of_base64(buffer_slice(&bytes)));
    TRY(log_inclusion_json(c, other, offer_size(c), &proof, why));
    json_set(item, "proof", proof);
    return move_task(c, t, other, item, why);
}

static result add_person(struct json *item, struct why *why)
{
    struct json *permit = json_hold((struct json *)(uintptr_t)json_get(item, "permit")), *payload = NULL;
    struct buffer bytes CLEANUP(buffer_done) = {0}, text CLEANUP(buffer_done) = {0};
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    struct public_key public;
    buffer_init(&bytes, PERMIT_BYTES_MAX);
    buffer_init(&text, PERMIT_BYTES_MAX);
    TRY(base64_parse(json_text(json_get(permit, "payload")), &bytes, why));
    TRY(json_parse(buffer_slice(&bytes), PERMIT_BYTES_MAX, &payload, why));
    TRY(signing_key_new(KEY_P256, &key, why));
    TRY(signing_key_public(key, &public, why));
    struct json *people = json_hold((struct json *)(uintptr_t)json_get(payload, "people")), *person = json_object();
    json_set(person, "account", json_of_str("broker-itself"));
    json_set(person, "key", json_of_base64(slice_of(public.der, public.der_len)));
    json_add(people, person);
    result r = json_print(payload, &text, why);
    if (is_ok(r))
        json_set(permit, "payload", json_of_base64(buffer_slice(&text)));
    json_free(people);
    json_free(payload);
    json_free(permit);
    return r;
}

result misbehave_task(struct core *c, const struct task *t, struct json *item, struct why *why)
{
    if (misbehaves("no_entry")) {
        json_set(item, "entry", json_of_str(""));
        json_set(item, "proof", json_array());
    }
    if (misbehaves("rewrite_entry"))
        TRY(rewrite(c, t, item, why));
    if (misbehaves("drop_entry"))
        TRY(drop(c, t, item, why));
    if (misbehaves("reorder_entries"))
        TRY(move_task(c, t, t->entry > 0 ? t->entry - 1 : 0, item, why));
    if (misbehaves("add_person"))
        TRY(add_person(item, why));
    return DONE;
}

/* --- split_view --- */

static uint64_t fork_at; /* the entry that is another one in the second history; 0: not begun */

static result other_node(void *self, unsigned level, uint64_t index, struct hash *ret, struct why *why)
{
    struct hash left, right;
    if (index << level > fork_at || (index + 1) << level <= fork_at)
        return log_node(self, level, index, ret, why);
    if (level == 0) {
        *ret = merkle_leaf(slice_str("another entry"));
        return DONE;
    }
    TRY(other_node(self, level - 1, 2 * index, &left, why));
    TRY(other_node(self, level - 1, 2 * index + 1, &right, why));
    *ret = merkle_node(&left, &right);
    return DONE;
}

static struct json *hashes_json(const struct merkle_proof *p)
{
    struct json *array = json_array();
    for (unsigned i = 0; i < p->count; i++)
        json_add(array, json_of_base64(slice_of(p->hashes[i].at, HASH_LEN)));
    return array;
}

static result other_checkpoint(struct core *c, struct buffer *to, struct why *why)
{
    char path[600];
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    struct checkpoint cp = {.size = offer_size(c)};
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, NOTE_TEXT_MAX);
    snprintf(path, sizeof path, "%s/" LOG_KEY_FILE, c->settings->dir);
    TRY(signing_key_load(c->host, path, KEY_ED25519, &key, why));
    memcpy(cp.origin, c->trust->log.name, sizeof cp.origin);
    TRY(merkle_root_at(other_node, c, cp.size, &cp.root, why));
    TRY(checkpoint_print(&cp, &text, why));
    return note_sign(buffer_slice(&text), &c->trust->log, key, to, why);
}

result misbehave_split(struct core *c, struct line *line, uint64_t held_size, struct json *answer, struct why *why)
{
    unsigned at = 0;
    struct merkle_proof proof = {.count = 0};
    struct buffer note CLEANUP(buffer_done) = {0};
    const struct json *tasks = json_get(answer, "tasks");
    if (!misbehaves("split_view") || !c->trust)
        return DONE;
    if (fork_at == 0)
        fork_at = offer_size(c); /* nobody was told of that entry yet */
    while (at < c->line_count && c->lines[at] != line)
        at++;
    bool other = (at % 2 == 1) != line->told_tasks;
    line->told_tasks = line->told_tasks || json_size(tasks) > 0;
    if (!other || offer_size(c) <= fork_at)
        return DONE;
    buffer_init(&note, CHECKPOINT_NOTE_MAX);
    TRY(other_checkpoint(c, &note, why));
    json_set(answer, "checkpoint", json_of_text(buffer_slice(&note)));
    if (held_size > 0 && held_size < offer_size(c))
        TRY(merkle_prove_consistency(other_node, c, held_size, offer_size(c), &proof, why));
    json_set(answer, "consistency", hashes_json(&proof));
    for (size_t i = 0; i < json_size(tasks); i++) {
        struct json *item = json_hold((struct json *)(uintptr_t)json_item(tasks, i));
        struct buffer text CLEANUP(buffer_done) = {0};
        struct json *task CLEANUP(json_freep) = NULL;
        buffer_init(&text, 65536);
        result r = base64_parse(json_text(json_get(json_get(item, "task"), "payload")), &text, why);
        if (is_ok(r))
            r = json_parse(buffer_slice(&text), 65536, &task, why);
        if (is_ok(r))
            r = merkle_prove_inclusion(other_node, c, (uint64_t)json_integer(json_get(task, "entry")), offer_size(c), &proof, why);
        if (is_ok(r))
            json_set(item, "proof", hashes_json(&proof));
        json_free(item);
        TRY(r);
    }
    return DONE;
}

#else
typedef int misbehave_is_not_built; /* a translation unit is not empty */
#endif
