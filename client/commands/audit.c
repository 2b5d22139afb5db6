#include "client/command.h"

#include <stdio.h>

#include "base/codec.h"
#include "base/instant.h"
#include "client/log/audit.h"
#include "client/clean_text.h"
#include "client/commands/proof.h"
#include "client/log/log_file.h"
#include "client/show/table_print.h"
#include "client/trust_store.h"
#include "proto/tiles.h"

enum { PAGE_ENTRIES = 1000, SHOW_DEFAULT = 50 };

/* A checkpoint of a log that was succeeded: what it says of entries that the successor begins with still holds. */
static result seen_of_older_log(struct slice note, const struct trust *trust, struct checkpoint *ret, struct why *why)
{
    for (unsigned i = 0; i < trust->succession_count; i++) {
        if (!is_ok(checkpoint_open(note, &trust->successions[i].old_log, ret, NULL)))
            continue;
        TRY(succession_allows(&trust->successions[i], ret, why));
        for (; i < trust->succession_count; i++)
            if (ret->size > trust->successions[i].start.size)
                *ret = trust->successions[i].start; /* the rest was lost, and the root quorum says so */
        return DONE;
    }
    return FAIL(why, DENIED, "the checkpoint verified last is signed by no log that the trust document names");
}

/* The checkpoint this profile verified last; *ret_has false when there is none. */
static int load_seen(struct client *c, const struct trust *trust, struct checkpoint *ret, bool *ret_has)
{
    struct why why = {0};
    char path[PROFILE_PATH_MAX];
    struct buffer note CLEANUP(buffer_done) = {0};
    buffer_init(&note, CHECKPOINT_NOTE_MAX);
    *ret_has = false;
    result r = profile_path(&c->profile, "checkpoint", path, &why);
    if (r.code == OK)
        r = host_read_file(c->host, path, CHECKPOINT_NOTE_MAX, &note, &why);
    if (r.code == ABSENT)
        return EXIT_DONE;
    if (r.code == OK)
        r = checkpoint_open(buffer_slice(&note), &trust->log, ret, &why);
    if (r.code != OK && trust->succession_count)
        r = seen_of_older_log(buffer_slice(&note), trust, ret, &why);
    *ret_has = r.code == OK;
    return r.code == OK ? EXIT_DONE : client_fail(EXIT_UNVERIFIED, &why);
}

static int store_seen(struct client *c, struct slice note)
{
    struct why why = {0};
    char path[PROFILE_PATH_MAX];
    result r = profile_path(&c->profile, "checkpoint", path, &why);
    if (r.code == OK)
        r = host_write_file(c->host, path, 0600, note, &why);
    return r.code == OK ? EXIT_DONE : client_fail(EXIT_USAGE, &why);
}

/* What to do with each entry of a range. */
typedef result entry_fn(void *self, uint64_t index, struct slice bytes, struct why *why);

static result hand_over(const struct json *entries, uint64_t from, uint64_t to, entry_fn *fn, void *self, uint64_t *ret_next, struct why *why)
{
    uint64_t index = from;
    struct buffer bytes CLEANUP(buffer_done) = {0};
    buffer_init(&bytes, AUDIT_ENTRY_MAX);
    for (size_t i = 0; i < json_size(entries) && index < to; i++, index++) {
        buffer_clear(&bytes);
        TRY(base64_parse(json_text(json_item(entries, i)), &bytes, why));
        TRY(fn(self, index, buffer_slice(&bytes), why));
    }
    *ret_next = index;
    return DONE;
}

/* Entries [from, to) in pages; memory holds one page. */
static int each_entry(struct client *c, uint64_t from, uint64_t to, entry_fn *fn, void *self)
{
    struct why why = {0};
    struct progress progress;
    progress_start(&progress, &c->terminal, c->host);
    for (uint64_t at = from; at < to;) {
        char path[CALL_PATH_MAX];
        struct json *page CLEANUP(json_freep) = NULL;
        uint64_t end = to - at > PAGE_ENTRIES ? at + PAGE_ENTRIES : to, next = at;
        (void)snprintf(path, sizeof path, "/v1/log/entries?from=%llu&to=%llu", (unsigned long long)at, (unsigned long long)end);
        int code = client_call(c, &(struct call){.method = "GET", .path = path}, &page);
        if (code != EXIT_DONE) {
            progress_end(&progress);
            return code;
        }
        result r = hand_over(json_get(page, "entries"), at, end, fn, self, &next, &why);
        if (r.code == OK && next == at)
            r = FAIL(&why, DENIED, "the log holds no entry %llu, though its checkpoint counts it", (unsigned long long)at);
        if (r.code != OK) {
            progress_end(&progress);
            return client_fail(EXIT_UNVERIFIED, &why);
        }
        at = next;
        progress_say(&progress, "Rebuilding the log: %llu of %llu entries", (unsigned long long)at, (unsigned long long)to);
    }
    progress_end(&progress);
    return EXIT_DONE;
}

static result verify_entry(void *self, uint64_t index, struct slice bytes, struct why *why)
{
    (void)index;
    return audit_add(self, bytes, why);
}

int log_joined(struct client *c, const struct checkpoint *seen, const struct checkpoint *now)
{
    struct why why = {0};
    char path[CALL_PATH_MAX];
    struct json *answer CLEANUP(json_freep) = NULL;
    if (seen->size == 0 || seen->size >= now->size)
        return EXIT_DONE;
    (void)snprintf(path, sizeof path, "/v1/log/consistency?from=%llu&to=%llu", (unsigned long long)seen->size, (unsigned long long)now->size);
    int code = client_call(c, &(struct call){.method = "GET", .path = path, .anonymous = true}, &answer);
    if (code != EXIT_DONE)
        return code;
    const struct json *list = json_get(answer, "proof");
    struct merkle_proof proof = {.count = (unsigned)json_size(list)};
    result r = proof.count <= MERKLE_PROOF_MAX ? DONE : FAIL(&why, DENIED, "the consistency proof is too long");
    for (unsigned i = 0; r.code == OK && i < proof.count; i++)
        if (!base64_parse_exact(json_text(json_item(list, i)), proof.hashes[i].at, HASH_LEN))
            r = FAIL(&why, DENIED, "the consistency proof is not one");
    if (r.code == OK)
        r = merkle_check_consistency(seen->size, now->size, &proof, &seen->root, &now->root, &why);
    return r.code == OK ? EXIT_DONE : client_fail(EXIT_UNVERIFIED, &why);
}

static bool is_start(const struct trust *trust, const struct checkpoint *c)
{
    const struct succession *s = trust->succession_count ? &trust->successions[trust->succession_count - 1] : NULL;
    return s && c->size == s->start.size && hash_equal(&c->root, &s->start.root);
}

/* Does the log begin as the root quorum says? */
static int check_start(struct client *c, const struct succession *s, const struct checkpoint *now)
{
    struct why why = {0};
    if (now->size > s->start.size)
        return log_joined(c, &s->start, now);
    if (now->size == s->start.size && hash_equal(&now->root, &s->start.root))
        return EXIT_DONE;
    tolerate(FAIL(&why, DENIED, "the log does not begin with the %llu entries of '%s' that the root quorum signed for", (unsigned long long)s->start.size, s->old_log.name));
    return client_fail(EXIT_UNVERIFIED, &why);
}

static struct json *verdict_json(const struct audit *a, const struct checkpoint *now, const struct trust *trust, const struct log_policy *policy,
                                 const struct policy_verdict *verdict)
{
    struct json *v = json_object(), *types = json_object();
    json_set(v, "verified", json_of_bool(true));
    json_set(v, "origin", json_of_str(now->origin));
    json_set(v, "size", json_of_integer((int64_t)now->size));
    json_set(v, "root", json_of_hex(slice_of(now->root.at, HASH_LEN)));
    log_cosigners_json(policy, verdict, v);
    if (a->has_seen && !is_start(trust, &a->seen))
        json_set(v, "consistent_with", json_of_integer((int64_t)a->seen.size));
    if (now->size > 0) {
        json_set(v, "first", json_of_instant(a->first_at_ms));
        json_set(v, "last", json_of_instant(a->last_at_ms));
    }
    if (trust->succession_count) {
        struct json *succeeds = json_array();
        for (unsigned i = 0; i < trust->succession_count; i++) {
            const struct succession *s = &trust->successions[i];
            struct json *one = json_object();
            json_set(one, "origin", json_of_str(s->old_log.name));
            json_set(one, "size", json_of_integer((int64_t)s->last.size));
            json_set(one, "lost", json_of_integer((int64_t)(s->last.size - s->start.size)));
            json_add(succeeds, one);
        }
        json_set(v, "succeeds", succeeds);
    }
    for (unsigned i = 0; i < a->type_count; i++)
        json_set(types, a->types[i].name, json_of_integer((int64_t)a->types[i].count));
    json_set(v, "types", types);
    return v;
}

static result succession_words(const struct trust *trust, struct buffer *to, struct why *why)
{
    for (unsigned i = 0; i < trust->succession_count; i++) {
        const struct succession *s = &trust->successions[i];
        TRY(buffer_printf(to, why, "  succeeds   %s, which ended at %llu entries; it begins with the first %llu, by a document of the root quorum\n", s->old_log.name,
                          (unsigned long long)s->last.size, (unsigned long long)s->start.size));
        if (s->start.size < s->last.size)
            TRY(buffer_printf(to, why, "  LOST       entries %llu to %llu of %s\n", (unsigned long long)s->start.size, (unsigned long long)s->last.size - 1, s->old_log.name));
    }
    return DONE;
}

static result verdict_words(const struct audit *a, const struct checkpoint *now, const struct trust *trust, const struct log_policy *policy,
                            const struct policy_verdict *verdict, struct buffer *to, struct why *why)
{
    char root[2 * HASH_LEN + 1], first[INSTANT_TEXT_SIZE], last[INSTANT_TEXT_SIZE];
    hash_print(&now->root, root);
    TRY(buffer_add_str(to, "The log ", why));
    TRY(clean_text(slice_str(now->origin), to, why));
    TRY(buffer_printf(to, why, " is complete and unaltered.\n  entries    %llu\n  root       %s\n  signature  holds under the log key of the trusted document\n",
                      (unsigned long long)now->size, root));
    TRY(log_cosigners_words(policy, verdict, to, why));
    if (now->size > 0) {
        instant_print(a->first_at_ms, first);
        instant_print(a->last_at_ms, last);
        TRY(buffer_printf(to, why, "  from       %s\n  to         %s\n", first, last));
    }
    TRY(succession_words(trust, to, why));
    if (a->has_seen && !is_start(trust, &a->seen))
        TRY(buffer_printf(to, why, "  consistent with the %llu entries verified before\n", (unsigned long long)a->seen.size));
    struct table *t CLEANUP(table_freep) = NULL;
    TRY(table_new(&t, why));
    TRY(table_column(t, slice_str("type"), ALIGN_LEFT, why));
    TRY(table_column(t, slice_str("entries"), ALIGN_RIGHT, why));
    for (unsigned i = 0; i < a->type_count; i++) {
        char count[24];
        (void)snprintf(count, sizeof count, "%llu", (unsigned long long)a->types[i].count);
        TRY(table_row(t, why));
        TRY(table_cell_str(t, a->types[i].name, why));
        TRY(table_cell_str(t, count, why));
    }
    TRY(buffer_add_byte(to, '\n', why));
    return table_print(t, true, to, why);
}

static int get_checkpoint(struct client *c, const struct note_key *log, struct buffer *note, struct checkpoint *ret)
{
    struct why why = {0};
    buffer_init(note, CHECKPOINT_NOTE_MAX);
    int code = client_text(c, "/v1/log/checkpoint", note);
    if (code != EXIT_DONE)
        return code;
    return checkpoint_open(buffer_slice(note), log, ret, &why).code == OK ? EXIT_DONE : client_fail(EXIT_UNVERIFIED, &why);
}

/* The checkpoint at hand, held to the policy; an export says who is missing, and needs the quorum of a policy that is given. */
static int judge(struct client *c, const struct arguments *arguments, struct slice note, struct log_policy *policy, struct policy_verdict *ret)
{
    struct why why = {0};
    int code = log_policy_get(c, arguments, policy);
    if (code != EXIT_DONE)
        return code;
    bool strict = arguments_value(arguments, "policy") || !arguments_value(arguments, "file");
    result r = strict ? policy_check(policy, note, ret, &why) : policy_read(policy, note, ret, &why);
    return r.code == OK ? EXIT_DONE : client_fail(EXIT_UNVERIFIED, &why);
}

static int say_verified(struct client *c, const struct audit *audit, const struct checkpoint *now, const struct trust *trust, const struct log_policy *policy,
                        const struct policy_verdict *verdict)
{
    struct why why = {0};
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    if (c->json) {
        struct json *v CLEANUP(json_freep) = verdict_json(audit, now, trust, policy, verdict);
        return client_print_json(v);
    }
    return verdict_words(audit, now, trust, policy, verdict, &text, &why).code == OK ? client_print(&text) : client_fail(EXIT_UNREACHABLE, &why);
}

static void say_progress(void *self, uint64_t entries, uint64_t bytes)
{
    progress_say(self, "Verifying: %llu entries, %llu MiB", (unsigned long long)entries, (unsigned long long)(bytes >> 20));
}

/* An export and the checkpoint beside it; the broker is not asked for anything. */
static int verify_file(struct client *c, const struct arguments *arguments, const char *path, const char *checkpoint)
{
    struct why why = {0};
    char beside[PROFILE_PATH_MAX];
    struct trust *trust CLEANUP(trust_freep) = NULL;
    struct buffer note CLEANUP(buffer_done) = {0};
    struct checkpoint seen, now;
    struct progress progress;
    static struct audit audit; /* large: kept off the stack, as the next */
    static struct log_policy policy;
    struct policy_verdict verdict;
    bool has_seen = false;
    buffer_init(&note, CHECKPOINT_NOTE_MAX);
    (void)snprintf(beside, sizeof beside, "%.*s.checkpoint", (int)sizeof beside - 12, path);
    int code = trust_store_get(c, false, &trust);
    if (code == EXIT_DONE)
        code = load_seen(c, trust, &seen, &has_seen);
    if (code != EXIT_DONE)
        return code;
    result r = host_read_file(c->host, checkpoint ? checkpoint : beside, CHECKPOINT_NOTE_MAX, &note, &why);
    if (r.code == OK)
        r = checkpoint_open(buffer_slice(&note), &trust->log, &now, &why);
    if (r.code != OK)
        return client_fail(EXIT_UNVERIFIED, &why);
    code = judge(c, arguments, buffer_slice(&note), &policy, &verdict);
    if (code != EXIT_DONE)
        return code;
    if (!has_seen && trust->succession_count) { /* it must begin as the root quorum says */
        seen = trust->successions[trust->succession_count - 1].start;
        has_seen = true;
    }
    /* An export may be older than what was verified since: that does not make it false. */
    audit_init(&audit, has_seen && seen.size <= now.size ? &seen : NULL);
    progress_start(&progress, &c->terminal, c->host);
    r = log_file_audit(path, &audit, say_progress, &progress, &why);
    progress_end(&progress);
    if (r.code == OK)
        r = audit_end(&audit, &now, &why);
    return r.code == OK ? say_verified(c, &audit, &now, trust, &policy, &verdict) : client_fail(EXIT_UNVERIFIED, &why);
}

/* Something is wrong: which entry is the first that is not the one whose hash stands in the log's tiles? */
struct holding {
    struct client *client;
    uint64_t size, tile; /* tile: the one at hand, counted from 1; 0: none */
    struct buffer hashes;
};

static result hold_to_tile(void *self, uint64_t index, struct slice bytes, struct why *why)
{
    struct holding *h = self;
    if (h->tile != index / TILE_WIDTH + 1) {
        char name[TILE_PATH_SIZE], path[CALL_PATH_MAX];
        struct tile t = tile_of(false, 0, index / TILE_WIDTH, h->size);
        tile_print(&t, name);
        (void)snprintf(path, sizeof path, "/v1/log/%s", name);
        buffer_clear(&h->hashes);
        if (client_bytes(h->client, path, true, &h->hashes) != EXIT_DONE || h->hashes.len != (size_t)t.width * HASH_LEN)
            return FAIL(why, DENIED, "%s cannot be read whole: the first bad entry cannot be named", name);
        h->tile = index / TILE_WIDTH + 1;
    }
    struct hash leaf = merkle_leaf(bytes);
    if (memcmp(leaf.at, h->hashes.at + index % TILE_WIDTH * HASH_LEN, HASH_LEN) != 0)
        return FAIL(why, DENIED, "the first bad entry: entry %llu is not the one whose hash stands in its tile", (unsigned long long)index);
    return DONE;
}

static int name_first_bad(struct client *c, uint64_t size)
{
    struct holding h = {.client = c, .size = size};
    buffer_init(&h.hashes, (size_t)TILE_WIDTH * HASH_LEN);
    if (each_entry(c, 0, size, hold_to_tile, &h) == EXIT_DONE)
        client_say(c, "Every entry is the one whose hash stands in its tile: the hashes were altered with the entries, or the checkpoint is of another history.");
    buffer_done(&h.hashes);
    return EXIT_UNVERIFIED;
}

static int verify_log(struct client *c, const struct arguments *arguments)
{
    struct why why = {0};
    struct trust *trust CLEANUP(trust_freep) = NULL;
    struct buffer note CLEANUP(buffer_done) = {0};
    struct checkpoint seen, now;
    static struct audit audit; /* large: kept off the stack, as the next */
    static struct log_policy policy;
    struct policy_verdict verdict;
    bool has_seen = false;
    buffer_init(&note, 0);
    int code = trust_store_get(c, true, &trust);
    if (code == EXIT_DONE)
        code = load_seen(c, trust, &seen, &has_seen);
    if (code == EXIT_DONE)
        code = get_checkpoint(c, &trust->log, &note, &now);
    if (code != EXIT_DONE)
        return code;
    audit_init(&audit, has_seen ? &seen : NULL);
    if (has_seen && now.size < seen.size) { /* worse than too few witnesses, who saw it too */
        tolerate(audit_end(&audit, &now, &why));
        return client_fail(EXIT_UNVERIFIED, &why);
    }
    if (has_seen)
        code = log_joined(c, &seen, &now); /* the rebuilt tree proves it again */
    if (code == EXIT_DONE)
        code = judge(c, arguments, buffer_slice(&note), &policy, &verdict);
    for (unsigned i = 0; code == EXIT_DONE && i < trust->succession_count; i++)
        code = check_start(c, &trust->successions[i], &now);
    if (code == EXIT_DONE)
        code = each_entry(c, 0, now.size, verify_entry, &audit);
    if (code == EXIT_DONE && audit_end(&audit, &now, &why).code != OK)
        code = client_fail(EXIT_UNVERIFIED, &why);
    if (code == EXIT_UNVERIFIED && audit.tree.size > 0) /* found while the entries were read */
        return name_first_bad(c, now.size);
    if (code != EXIT_DONE)
        return code;
    code = store_seen(c, buffer_slice(&note));
    return code == EXIT_DONE ? say_verified(c, &audit, &now, trust, &policy, &verdict) : code;
}

int audit_verify(struct client *c, const struct arguments *arguments)
{
    int given = (arguments_value(arguments, "folder") != NULL) + (arguments_value(arguments, "proof") != NULL) +
                (arguments_value(arguments, "evidence") != NULL) + (arguments_value(arguments, "file") != NULL);
    if (given > 1)
        return client_usage("give one of --file, --folder, --proof and --evidence");
    if (arguments_value(arguments, "folder"))
        return log_verify_folder(c, arguments);
    if (arguments_value(arguments, "proof"))
        return log_verify_proof(c, arguments);
    if (arguments_value(arguments, "evidence"))
        return log_verify_evidence(c, arguments);
    if (arguments_value(arguments, "file"))
        return verify_file(c, arguments, arguments_value(arguments, "file"), arguments_value(arguments, "checkpoint"));
    return verify_log(c, arguments);
}

struct shown {
    struct json *entries; /* under --json */
    struct table *table;
};

static result show_entry(void *self, uint64_t index, struct slice bytes, struct why *why)
{
    struct shown *s = self;
    struct json *entry CLEANUP(json_freep) = NULL;
    TRY(json_parse(bytes, AUDIT_ENTRY_MAX, &entry, why));
    if (s->entries) {
        json_add(s->entries, MOVE(entry));
        return DONE;
    }
    static const char *const own[] = {"at", "type", "account", "site"};
    char number[24];
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)index);
    TRY(table_row(s->table, why));
    TRY(table_cell_str(s->table, number, why));
    for (size_t i = 0; i < 4; i++)
        TRY(table_cell(s->table, json_text(json_get(entry, own[i])), why));
    struct buffer rest CLEANUP(buffer_done) = {0};
    buffer_init(&rest, (size_t)4 * AUDIT_ENTRY_MAX);
    struct slice name;
    const struct json *value;
    for (size_t i = 0; json_next(entry, &i, &name, &value);) {
        if (slice_is(name, "innsyn") || slice_is(name, "at") || slice_is(name, "type") || slice_is(name, "account") || slice_is(name, "site"))
            continue;
        TRY(buffer_printf(&rest, why, "%s%.*s=", rest.len > 0 ? " " : "", SLICE_ARG(name)));
        if (json_kind(value) == JSON_STRING && json_text(value).len == (size_t)2 * HASH_LEN)
            TRY(buffer_printf(&rest, why, "%.12s...", (const char *)json_text(value).at));
        else
            TRY(json_print(value, &rest, why));
    }
    return table_cell(s->table, buffer_slice(&rest), why);
}

int audit_show(struct client *c, const struct arguments *a)
{
    static const char *const titles[] = {"entry", "at", "type", "account", "site", "fields"};
    struct why why = {0};
    struct trust *trust CLEANUP(trust_freep) = NULL;
    struct buffer note CLEANUP(buffer_done) = {0}, text CLEANUP(buffer_done) = {0};
    struct table *table CLEANUP(table_freep) = NULL;
    struct checkpoint now;
    buffer_init(&note, 0);
    buffer_init(&text, OUTPUT_BYTES_MAX);
    int code = trust_store_get(c, false, &trust);
    if (code == EXIT_DONE)
        code = get_checkpoint(c, &trust->log, &note, &now);
    if (code != EXIT_DONE)
        return code;
    uint64_t to = now.size, from;
    result r = arguments_number(a, "to", 0, INT64_MAX, &to, &why);
    to = to > now.size ? now.size : to;
    from = to > SHOW_DEFAULT && !arguments_value(a, "from") ? to - SHOW_DEFAULT : 0;
    if (r.code == OK)
        r = arguments_number(a, "from", 0, INT64_MAX, &from, &why);
    if (r.code == OK && a->word_count) {
        if (!slice_parse_u64(slice_str(a->words[0]), INT64_MAX - 1, &from) || from >= now.size)
            return client_usage("the log has %llu entries: ENTRY is a number below that", (unsigned long long)now.size);
        to = from + 1;
    }
    if (r.code == OK && !c->json)
        r = table_new(&table, &why);
    for (size_t i = 0; r.code == OK && table && i < 6; i++)
        r = table_column(table, slice_str(titles[i]), i == 0 ? ALIGN_RIGHT : ALIGN_LEFT, &why);
    if (r.code != OK)
        return client_fail(EXIT_USAGE, &why);
    struct json *document CLEANUP(json_freep) = json_object();
    struct shown shown = {.table = table, .entries = c->json ? json_array() : NULL};
    if (shown.entries)
        json_set(document, "entries", shown.entries);
    code = each_entry(c, from, to, show_entry, &shown);
    if (code != EXIT_DONE)
        return code;
    if (c->json)
        return client_print_json(document);
    return table_print(table, true, &text, &why).code == OK ? client_print(&text) : client_fail(EXIT_UNREACHABLE, &why);
}
