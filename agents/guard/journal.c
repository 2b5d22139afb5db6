/*
 * Invariants, true between calls:
 *   tree        = the tree over all entries that are on disk
 *   before      = the tree at the start of segment `segment`, which holds `in_segment` entries
 *   all segments but the last are synced
 *   head.json   = the tree at the start of segment max(segment - 1, 0), or of an earlier one after a crash
 */
#include "agents/guard/journal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "proto/fields.h"

struct journal {
    const struct host *host;
    const struct signing_key *key;
    struct site_id site;
    char folder[JOURNAL_FOLDER_MAX];
    struct merkle_frontier tree, before;
    uint64_t segment, in_segment;
    uint64_t signed_size;
    bool loose; /* the segment ends in notes that are not synced */
};

enum { JOURNAL_PATH_MAX = JOURNAL_FOLDER_MAX + 32, HEAD_BYTES_MAX = 16 * 1024 };

static void segment_path(const char *folder, uint64_t segment, char to[JOURNAL_PATH_MAX])
{
    snprintf(to, JOURNAL_PATH_MAX, "%s/%08llu.jsonl", folder, (unsigned long long)segment);
}

static void file_path(const char *folder, const char *name, char to[JOURNAL_PATH_MAX])
{
    snprintf(to, JOURNAL_PATH_MAX, "%s/%s", folder, name);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct replay {
    struct merkle_frontier *tree;
    journal_fn *each;
    void *self;
};

static result replay_line(const struct replay *x, struct slice line, const char *path, struct why *why)
{
    struct json *entry CLEANUP(json_freep) = NULL;
    struct why inner = {0};
    if (!is_ok(json_parse(line, JOURNAL_ENTRY_BYTES_MAX, &entry, &inner)) || !slice_is(json_text(json_get(entry, "innsyn")), "journal/1"))
        return FAIL(why, BROKEN, "%s: entry %llu is no journal entry", path, (unsigned long long)x->tree->size);
    uint64_t index = x->tree->size;
    struct hash leaf = merkle_leaf(line);
    TRY(merkle_append(x->tree, &leaf, NULL, NULL, why));
    return x->each ? x->each(x->self, index, line, entry, why) : DONE;
}

/* Replays a segment.  ABSENT: there is none.  *ret_torn: bytes after the last newline. */
static result replay_segment(const struct host *host, const char *folder, uint64_t segment, const struct replay *x,
                             uint64_t *ret_entries, struct buffer *bytes, size_t *ret_whole, struct why *why)
{
    char path[JOURNAL_PATH_MAX];
    segment_path(folder, segment, path);
    buffer_clear(bytes);
    TRY(host_read_file(host, path, JOURNAL_SEGMENT_BYTES_MAX, bytes, why));
    struct slice rest = buffer_slice(bytes);
    uint64_t entries = 0;
    for (size_t end; (end = slice_find(rest, '\n')) < rest.len; entries++) {
        if (entries == JOURNAL_SEGMENT_ENTRIES)
            return FAIL(why, BROKEN, "%s holds more than %d entries", path, JOURNAL_SEGMENT_ENTRIES);
        TRY(replay_line(x, slice_part(rest, 0, end), path, why));
        rest = slice_part(rest, end + 1, rest.len);
    }
    *ret_entries = entries;
    *ret_whole = bytes->len - rest.len;
    return DONE;
}

static result head_read(struct journal *j, struct why *why)
{
    char path[JOURNAL_PATH_MAX];
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, HEAD_BYTES_MAX);
    file_path(j->folder, "head.json", path);
    result r = host_read_file(j->host, path, HEAD_BYTES_MAX, &text, why);
    if (r.code == ABSENT)
        return DONE;
    TRY(r);
    struct json *v CLEANUP(json_freep) = NULL;
    TRY(json_parse(buffer_slice(&text), HEAD_BYTES_MAX, &v, why));
    struct fields f;
    struct slice kind;
    int64_t segment, size;
    const struct json *peaks;
    TRY(fields_open(v, "", &f, why));
    TRY(need_text(&f, "innsyn", 32, &kind));
    TRY(need_integer(&f, "segment", 0, INT64_C(1) << 40, &segment));
    TRY(need_integer(&f, "size", 0, INT64_C(1) << 52, &size));
    TRY(need_array(&f, "peaks", 64, &peaks));
    TRY(fields_close(&f));
    if (!slice_is(kind, "journal-head/1") || size != segment * JOURNAL_SEGMENT_ENTRIES)
        return FAIL(why, BROKEN, "%s contradicts itself", path);
    size_t used = 0;
    for (unsigned level = 0; level < 64; level++) {
        if (!((uint64_t)size >> level & 1))
            continue;
        if (!hex_parse(json_text(json_item(peaks, used++)), j->before.peaks[level].at, HASH_LEN))
            return FAIL(why, BROKEN, "%s lacks a peak of the tree", path);
    }
    j->before.size = (uint64_t)size;
    j->segment = (uint64_t)segment;
    return DONE;
}

static result head_write(const struct journal *j, uint64_t segment, const struct merkle_frontier *at, struct why *why)
{
    char path[JOURNAL_PATH_MAX];
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, HEAD_BYTES_MAX);
    struct json *v CLEANUP(json_freep) = json_object(), *peaks = json_array();
    for (unsigned level = 0; level < 64; level++)
        if (at->size >> level & 1)
            json_add(peaks, json_of_hex(slice_of(at->peaks[level].at, HASH_LEN)));
    json_set(v, "innsyn", json_of_str("journal-head/1"));
    json_set(v, "segment", json_of_integer((int64_t)segment));
    json_set(v, "size", json_of_integer((int64_t)at->size));
    json_set(v, "peaks", peaks);
    TRY(json_print(v, &text, why));
    file_path(j->folder, "head.json", path);
    return host_write_file(j->host, path, 0600, buffer_slice(&text), why);
}

/* --- opening ---------------------------------------------------------------------------------- */

static result cut_torn_line(const struct journal *j, const struct buffer *bytes, size_t whole, struct why *why)
{
    char path[JOURNAL_PATH_MAX];
    if (whole == bytes->len)
        return DONE;
    segment_path(j->folder, j->segment, path);
    return host_write_file(j->host, path, 0600, slice_of(bytes->at, whole), why);
}

static result recover(struct journal *j, journal_fn *recent, void *self, struct why *why)
{
    struct buffer bytes CLEANUP(buffer_done) = {0};
    buffer_init(&bytes, JOURNAL_SEGMENT_BYTES_MAX + 1);
    TRY(head_read(j, why));
    j->tree = j->before;
    struct replay x = {&j->tree, recent, self};
    for (;;) { /* ends at the last segment; at most two after a clean life */
        size_t whole = 0;
        j->in_segment = 0;
        result r = replay_segment(j->host, j->folder, j->segment, &x, &j->in_segment, &bytes, &whole, why);
        if (r.code == ABSENT)
            return DONE;
        TRY(r);
        if (j->in_segment < JOURNAL_SEGMENT_ENTRIES)
            return cut_torn_line(j, &bytes, whole, why);
        if (whole != bytes.len)
            return FAIL(why, BROKEN, "journal segment %llu holds more than its entries", (unsigned long long)j->segment);
        j->segment++;
        j->before = j->tree;
    }
}

result journal_open(const struct host *host, const char *folder, const struct site_id *site,
                    const struct signing_key *site_key, journal_fn *recent, void *self,
                    struct journal **ret, struct why *why)
{
    struct journal *j CLEANUP(journal_freep) = calloc(1, sizeof *j);
    if (!j)
        return FAIL(why, LIMIT, "no memory for the journal");
    if (!slice_copy_str(slice_str(folder), j->folder, sizeof j->folder))
        return FAIL(why, LIMIT, "the journal's folder has too long a name");
    j->host = host;
    j->site = *site;
    j->key = site_key;
    merkle_frontier_init(&j->before);
    merkle_frontier_init(&j->tree);
    TRY(recover(j, recent, self, why));
    *ret = MOVE(j);
    return DONE;
}

void journal_free(struct journal *j)
{
    free(j);
}

void journal_freep(struct journal **j)
{
    journal_free(*j);
}

/* --- appending -------------------------------------------------------------------------------- */

static result settle_notes(struct journal *j, struct why *why)
{
    char path[JOURNAL_PATH_MAX];
    if (!j->loose)
        return DONE;
    segment_path(j->folder, j->segment, path);
    TRY(host_append_file(j->host, path, 0600, slice_str(""), why));
    j->loose = false;
    return DONE;
}

/* The segment is full: the next entry begins another.  head.json trails one segment behind, so that
 * opening always shows at least a segment's worth of recent entries. */
static result roll(struct journal *j, struct why *why)
{
    if (j->in_segment < JOURNAL_SEGMENT_ENTRIES)
        return DONE;
    TRY(settle_notes(j, why));
    TRY(head_write(j, j->segment, &j->before, why));
    j->segment++;
    j->in_segment = 0;
    j->before = j->tree;
    return DONE;
}

static result append(struct journal *j, const char *type, struct json *fields, bool sync, struct why *why)
{
    struct json *entry CLEANUP(json_freep) = fields ? fields : json_object();
    struct buffer line CLEANUP(buffer_done) = {0};
    buffer_init(&line, JOURNAL_ENTRY_BYTES_MAX);
    json_set(entry, "innsyn", json_of_str("journal/1"));
    json_set(entry, "at", json_of_instant(host_now_ms(j->host)));
    json_set(entry, "type", json_of_str(type));
    TRY(json_print(entry, &line, why));
    struct merkle_frontier next = j->tree;
    struct hash leaf = merkle_leaf(buffer_slice(&line));
    TRY(merkle_append(&next, &leaf, NULL, NULL, why));
    TRY(buffer_add_byte(&line, '\n', why));
    TRY(roll(j, why));
    char path[JOURNAL_PATH_MAX];
    segment_path(j->folder, j->segment, path);
    TRY(sync ? host_append_file(j->host, path, 0600, buffer_slice(&line), why)
             : host_append_later(j->host, path, 0600, buffer_slice(&line), why));
    j->loose = !sync;
    j->tree = next;
    j->in_segment++;
    return DONE;
}

result journal_append(struct journal *j, const char *type, struct json *fields, struct why *why)
{
    return append(j, type, fields, true, why);
}

result journal_note(struct journal *j, const char *type, struct json *fields, struct why *why)
{
    return append(j, type, fields, false, why);
}

static struct json *checkpoint_json(const struct journal *j)
{
    struct hash root = merkle_root(&j->tree);
    struct json *v = json_object();
    json_set(v, "innsyn", json_of_str("journal-checkpoint/1"));
    json_set(v, "site", json_of_str(j->site.text));
    json_set(v, "size", json_of_integer((int64_t)j->tree.size));
    json_set(v, "root", json_of_hex(slice_of(root.at, HASH_LEN)));
    json_set(v, "at", json_of_instant(host_now_ms(j->host)));
    return v;
}

result journal_sign(struct journal *j, struct why *why)
{
    if (j->signed_size == j->tree.size)
        return DONE;
    TRY(settle_notes(j, why));
    char path[JOURNAL_PATH_MAX];
    struct buffer payload CLEANUP(buffer_done) = {0}, text CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done) = {0};
    struct json *v CLEANUP(json_freep) = checkpoint_json(j);
    buffer_init(&payload, HEAD_BYTES_MAX);
    buffer_init(&text, HEAD_BYTES_MAX);
    TRY(json_print(v, &payload, why));
    TRY(envelope_make(TYPE_JOURNAL_CHECKPOINT, buffer_slice(&payload), &e, why));
    TRY(envelope_sign(&e, j->key, why));
    TRY(envelope_print(&e, &text, why));
    file_path(j->folder, "checkpoint.json", path);
    TRY(host_write_file(j->host, path, 0600, buffer_slice(&text), why));
    j->signed_size = j->tree.size;
    return DONE;
}

uint64_t journal_size(const struct journal *j)
{
    return j->tree.size;
}

struct hash journal_root(const struct journal *j)
{
    return merkle_root(&j->tree);
}

/* --- verifying -------------------------------------------------------------------------------- */

struct signed_root {
    uint64_t size; /* 0: nothing signed yet */
    struct hash root;
};

static result signed_root_read(const struct host *host, const char *folder, const struct site_id *site,
                               const struct public_key *key, struct signed_root *ret, struct why *why)
{
    char path[JOURNAL_PATH_MAX];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done) = {0};
    buffer_init(&text, HEAD_BYTES_MAX);
    file_path(folder, "checkpoint.json", path);
    *ret = (struct signed_root){0};
    result r = host_read_file(host, path, HEAD_BYTES_MAX, &text, why);
    if (r.code == ABSENT)
        return DONE;
    TRY(r);
    TRY(envelope_parse_text(buffer_slice(&text), TYPE_JOURNAL_CHECKPOINT, &e, why));
    if (!envelope_signed_by(&e, key))
        return FAIL(why, BROKEN, "%s is not signed by the site's key", path);
    struct json *v CLEANUP(json_freep) = NULL;
    TRY(json_parse(buffer_slice(&e.payload), HEAD_BYTES_MAX, &v, why));
    int64_t size = json_integer(json_get(v, "size"));
    if (!slice_is(json_text(json_get(v, "site")), site->text) || size < 0 ||
        !hex_parse(json_text(json_get(v, "root")), ret->root.at, HASH_LEN))
        return FAIL(why, BROKEN, "%s is not a checkpoint of this site", path);
    ret->size = (uint64_t)size;
    return DONE;
}

struct verifying {
    struct merkle_frontier tree;
    struct signed_root signed_root;
    bool seen_signed;
    journal_fn *each;
    void *self;
};

static result verify_line(void *self, uint64_t index, struct slice line, const struct json *entry, struct why *why)
{
    struct verifying *x = self;
    if (x->tree.size == x->signed_root.size) { /* this entry is already in the tree */
        struct hash root = merkle_root(&x->tree);
        if (!hash_equal(&root, &x->signed_root.root))
            return FAIL(why, BROKEN, "the journal's first %llu entries are not those the site's key signed",
                        (unsigned long long)x->signed_root.size);
        x->seen_signed = true;
    }
    return x->each ? x->each(x->self, index, line, entry, why) : DONE;
}

result journal_verify(const struct host *host, const char *folder, const struct site_id *site,
                      const struct public_key *site_key, journal_fn *each, void *self,
                      struct journal_facts *ret, struct why *why)
{
    struct verifying x = {.each = each, .self = self};
    merkle_frontier_init(&x.tree);
    TRY(signed_root_read(host, folder, site, site_key, &x.signed_root, why));
    struct buffer bytes CLEANUP(buffer_done) = {0};
    buffer_init(&bytes, JOURNAL_SEGMENT_BYTES_MAX + 1);
    struct replay replay = {&x.tree, verify_line, &x};
    uint64_t entries = JOURNAL_SEGMENT_ENTRIES;
    for (uint64_t segment = 0; entries == JOURNAL_SEGMENT_ENTRIES; segment++) { /* ends at the first that is not full */
        size_t whole = 0;
        result r = replay_segment(host, folder, segment, &replay, &entries, &bytes, &whole, why);
        if (r.code == ABSENT)
            break;
        TRY(r);
    }
    if (x.signed_root.size > 0 && !x.seen_signed)
        return FAIL(why, BROKEN, "the site's key signed %llu entries, but only %llu are there",
                    (unsigned long long)x.signed_root.size, (unsigned long long)x.tree.size);
    *ret = (struct journal_facts){x.tree.size, x.signed_root.size, merkle_root(&x.tree)};
    return DONE;
}
