#include "client/log/audit_tiles.h"

#include <stdlib.h>

/* The tile that is being filled at each level, and how much of it. */
struct level {
    struct hash hashes[TILE_WIDTH];
    unsigned count;
    uint64_t tile;
};
struct walk {
    audit_read_fn *read;
    void *self;
    uint64_t size;
    struct level levels[TILE_LEVEL_MAX + 1];
    struct buffer bytes;
    struct entry_shapes shapes;
};

result audit_bundle(struct slice bundle, struct slice hashes, uint64_t first, unsigned count, struct why *why)
{
    struct slice entry;
    if (hashes.len != (size_t)count * HASH_LEN)
        return FAIL(why, DENIED, "entry %llu: its hash tile has %zu bytes, %u were due", (unsigned long long)first, hashes.len, count * HASH_LEN);
    for (unsigned i = 0; i < count; i++) {
        if (!bundle_next(&bundle, &entry))
            return FAIL(why, DENIED, "entry %llu: the bundle ends in the middle of it", (unsigned long long)(first + i));
        struct hash leaf = merkle_leaf(entry);
        if (memcmp(leaf.at, hashes.at + (size_t)i * HASH_LEN, HASH_LEN) != 0)
            return FAIL(why, DENIED, "entry %llu is not the one whose hash stands in its tile", (unsigned long long)(first + i));
    }
    if (bundle.len > 0)
        return FAIL(why, DENIED, "entry %llu: the bundle goes on after it", (unsigned long long)(first + count - 1));
    return DONE;
}

static result read_tile(struct walk *w, const struct tile *t, size_t max, struct why *why)
{
    char path[TILE_PATH_SIZE];
    tile_print(t, path);
    buffer_clear(&w->bytes);
    return w->read(w->self, path, max, &w->bytes, why);
}

static struct hash tile_root(const struct level *l)
{
    struct merkle_frontier f;
    merkle_frontier_init(&f);
    for (unsigned i = 0; i < l->count; i++)
        tolerate(merkle_append(&f, &l->hashes[i], NULL, NULL, NULL)); /* cannot fail without a callback */
    return merkle_root(&f);
}

/* A tile above the lowest is whole: is it the one that is stored? */
static result check_upper(struct walk *w, unsigned level, struct why *why)
{
    struct level *l = &w->levels[level];
    struct tile t = {.level = level, .index = l->tile, .width = l->count};
    char path[TILE_PATH_SIZE];
    tile_print(&t, path);
    TRY(read_tile(w, &t, TILE_BYTES, why));
    for (unsigned i = 0; i < l->count; i++)
        if (w->bytes.len < (size_t)(i + 1) * HASH_LEN || memcmp(w->bytes.at + (size_t)i * HASH_LEN, l->hashes[i].at, HASH_LEN) != 0)
            return FAIL(why, DENIED, "entry %llu: hash %u of %s is not that of the entries below it",
                        (unsigned long long)((l->tile * TILE_WIDTH + i) << (TILE_LEVEL_BITS * level)), i, path);
    if (w->bytes.len != (size_t)l->count * HASH_LEN)
        return FAIL(why, DENIED, "%s has %zu bytes, %u were due", path, w->bytes.len, l->count * HASH_LEN);
    return DONE;
}

/* A full tile's root is a hash of the tile above. */
static result close_tile(struct walk *w, unsigned level, struct why *why)
{
    for (; level < TILE_LEVEL_MAX; level++) {
        struct level *l = &w->levels[level], *above = &w->levels[level + 1];
        if (level > 0)
            TRY(check_upper(w, level, why));
        above->hashes[above->count++] = tile_root(l);
        l->count = 0;
        l->tile++;
        if (above->count < TILE_WIDTH)
            return DONE;
    }
    return DONE;
}

static result walk_bundle(struct walk *w, uint64_t index, struct audit *a, struct buffer *bundle, struct why *why)
{
    struct tile hashes = tile_of(false, 0, index, w->size), entries = tile_of(true, 0, index, w->size);
    struct level *l = &w->levels[0];
    struct slice entry;
    TRY(read_tile(w, &entries, BUNDLE_BYTES_MAX, why));
    buffer_clear(bundle);
    TRY(buffer_add(bundle, buffer_slice(&w->bytes), why));
    TRY(read_tile(w, &hashes, TILE_BYTES, why));
    TRY(audit_bundle(buffer_slice(bundle), buffer_slice(&w->bytes), index * TILE_WIDTH, hashes.width, why));
    struct slice rest = buffer_slice(bundle);
    for (l->count = 0; l->count < hashes.width; l->count++) {
        memcpy(l->hashes[l->count].at, w->bytes.at + (size_t)l->count * HASH_LEN, HASH_LEN);
        if (!bundle_next(&rest, &entry))
            return FAIL(why, BROKEN, "a bundle changed while it was read");
        TRY(audit_add_hashed(a, entry, &l->hashes[l->count], why)); /* audit_bundle has compared it */
    }
    return l->count == TILE_WIDTH ? close_tile(w, 0, why) : DONE;
}

static result walk(struct walk *w, audit_progress_fn *progress, const struct log_policy *p, struct audit *a, struct policy_verdict *ret,
                   struct buffer *bundle, struct why *why)
{
    TRY(w->read(w->self, "checkpoint", CHECKPOINT_NOTE_MAX, &w->bytes, why));
    struct policy_verdict v;
    TRY(policy_read(p, buffer_slice(&w->bytes), &v, why));
    w->size = v.checkpoint.size;
    for (uint64_t index = 0; index * TILE_WIDTH < w->size; index++) {
        TRY(walk_bundle(w, index, a, bundle, why));
        if (progress)
            progress(w->self, a->tree.size, w->size);
    }
    for (unsigned level = 1; level <= TILE_LEVEL_MAX; level++)
        if (w->levels[level].count > 0)
            TRY(check_upper(w, level, why));
    TRY(audit_end(a, &v.checkpoint, why));
    *ret = v;
    return DONE;
}

result audit_tiles(audit_read_fn *read, audit_progress_fn *progress, void *self, const struct log_policy *p, struct audit *a,
                   struct policy_verdict *ret, struct why *why)
{
    struct walk *w = calloc(1, sizeof *w); /* large */
    struct buffer bundle CLEANUP(buffer_done) = {0};
    if (!w)
        return FAIL(why, LIMIT, "no memory for a log");
    w->read = read;
    w->self = self;
    buffer_init(&w->bytes, BUNDLE_BYTES_MAX);
    buffer_init(&bundle, BUNDLE_BYTES_MAX);
    a->shapes = &w->shapes;
    result r = walk(w, progress, p, a, ret, &bundle, why);
    a->shapes = NULL;
    buffer_done(&w->bytes);
    free(w);
    return r;
}
