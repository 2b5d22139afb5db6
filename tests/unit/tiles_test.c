/*
 * Aim: tile names, widths and bundles are those of C2SP tlog-tiles.
 * Method: rows of names both ways and of names that are refused; widths at each boundary of 256; and the
 * published log of tests/data/vectors/tlog-tiles, whose every tile and bundle is made again from its entries.
 */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "proto/note.h"
#include "proto/tiles.h"

static void names_go_both_ways(void **state)
{
    static const struct {
        const char *name;
        struct tile tile;
    } rows[] = {
        {"0/000", {false, 0, 0, 256}},
        {"0/x001/x234/067", {false, 0, 1234067, 256}},
        {"1/x001/000.p/1", {false, 1, 1000, 1}},
        {"7/999.p/255", {false, 7, 999, 255}},
        {"entries/x005/123.p/17", {true, 0, 5123, 17}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tile t;
        char path[TILE_PATH_SIZE], want[TILE_PATH_SIZE + 8];
        assert_ok(tile_parse(slice_str(rows[i].name), &t, NULL));
        assert_memory_equal(&t.index, &rows[i].tile.index, sizeof t.index);
        assert_int_equal(t.level, rows[i].tile.level);
        assert_int_equal(t.width, rows[i].tile.width);
        assert_int_equal(t.entries, rows[i].tile.entries);
        tile_print(&t, path);
        snprintf(want, sizeof want, "tile/%s", rows[i].name);
        assert_string_equal(path, want);
    }
}

static void other_names_are_refused(void **state)
{
    static const char *const rows[] = {
        "", "0", "0/", "0/0", "0/00", "0/0000", "0/x000/001", "0/x001", "0/x001/", "0/001/002", "64/000", "-1/000", "00/000", "0/000.p/0",
        "0/000.p/256", "0/000.p/", "0/000.p/01", "0/000.p", "0/000.q/1", "0/000/", "entries/", "entrie/000", "0/00a", "0/x1/000",
        "0/x999/x999/x999/x999/x999/x999/999", "0/x999/x999/x999/x999/x999/x999/x999/999",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tile t = {.width = 7};
        if (tile_parse(slice_str(rows[i]), &t, NULL).code != MALFORMED || t.width != 7)
            fail_msg("'%s' was taken", rows[i]);
    }
}

static void widths_at_each_boundary(void **state)
{
    static const struct {
        unsigned level;
        uint64_t index, size;
        unsigned width;
    } rows[] = {
        {0, 0, 0, 0}, {0, 0, 1, 1}, {0, 0, 255, 255}, {0, 0, 256, 256}, {0, 1, 256, 0}, {0, 1, 257, 1}, {0, 2, 257, 0},
        {1, 0, 255, 0}, {1, 0, 256, 1}, {1, 0, 65535, 255}, {1, 0, 65536, 256}, {1, 1, 65536, 0}, {2, 0, 65536, 1},
        {7, 0, UINT64_C(1) << 56, 1}, {8, 0, UINT64_C(1) << 62, 0}, {63, 0, UINT64_C(1) << 62, 0}, {0, UINT64_MAX, 1000, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tile t = tile_of(false, rows[i].level, rows[i].index, rows[i].size);
        assert_int_equal(t.width, rows[i].width);
        assert_true(tile_is_in(&t, rows[i].size) == (rows[i].width > 0));
        t.width++;
        assert_false(tile_is_in(&t, rows[i].size) && rows[i].width < TILE_WIDTH);
    }
}

static void bundles_hold_what_was_put_in(void **state)
{
    (void)state;
    static uint8_t longest[BUNDLE_ENTRY_MAX + 1];
    struct buffer b CLEANUP(buffer_done) = {0};
    struct slice entry, rest;
    buffer_init(&b, 200000);
    assert_ok(bundle_add(&b, slice_str(""), NULL));
    assert_ok(bundle_add(&b, slice_of(longest, BUNDLE_ENTRY_MAX), NULL));
    size_t len = b.len;
    assert_status(bundle_add(&b, slice_of(longest, sizeof longest), NULL), LIMIT);
    assert_int_equal(b.len, len);
    rest = buffer_slice(&b);
    assert_true(bundle_next(&rest, &entry));
    assert_int_equal(entry.len, 0);
    struct slice torn = slice_part(rest, 0, rest.len - 1), before = torn;
    assert_false(bundle_next(&torn, &entry));
    assert_int_equal(torn.len, before.len);
    assert_true(bundle_next(&rest, &entry));
    assert_int_equal(entry.len, BUNDLE_ENTRY_MAX);
    assert_false(bundle_next(&rest, &entry));
}

static void read_vector(const char *path, struct buffer *to)
{
    char full[512];
    snprintf(full, sizeof full, TEST_DATA "/vectors/tlog-tiles/log/%s", path);
    buffer_init(to, 1 << 20);
    struct why why = {0};
    if (!is_ok(host_read_file(host_real(), full, 1 << 20, to, &why)))
        fail_msg("%s: %s", full, why.text);
}

/* Every size of the published log: its bundle's entries give its tile and its checkpoint's root. */
static void the_published_log_is_made_again(void **state)
{
    (void)state;
    unsigned checked = 0;
    for (uint64_t size = 1; size <= 15; size++) {
        struct tile t = tile_of(false, 0, 0, size), e = tile_of(true, 0, 0, size);
        char path[TILE_PATH_SIZE], name[32];
        struct buffer tile CLEANUP(buffer_done) = {0}, bundle CLEANUP(buffer_done) = {0}, note CLEANUP(buffer_done) = {0}, again CLEANUP(buffer_done) = {0};
        struct merkle_frontier tree;
        buffer_init(&again, 1 << 20);
        tile_print(&t, path);
        read_vector(path, &tile);
        tile_print(&e, path);
        read_vector(path, &bundle);
        merkle_frontier_init(&tree);
        struct slice rest = buffer_slice(&bundle), entry;
        while (bundle_next(&rest, &entry)) {
            struct hash leaf = merkle_leaf(entry);
            assert_memory_equal(leaf.at, tile.at + tree.size * HASH_LEN, HASH_LEN);
            assert_ok(merkle_append(&tree, &leaf, NULL, NULL, NULL));
            assert_ok(bundle_add(&again, entry, NULL));
        }
        assert_int_equal(rest.len, 0);
        assert_int_equal(tree.size, size);
        assert_true(slice_equal(buffer_slice(&again), buffer_slice(&bundle)));
        snprintf(name, sizeof name, "checkpoint.%u", (unsigned)size);
        read_vector(name, &note);
        struct note n;
        struct checkpoint c;
        assert_ok(note_parse(buffer_slice(&note), &n, NULL));
        assert_ok(checkpoint_parse(n.text, &c, NULL));
        struct hash root = merkle_root(&tree);
        assert_true(c.size == size && hash_equal(&c.root, &root));
        checked++;
    }
    assert_int_equal(checked, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_go_both_ways),        cmocka_unit_test(other_names_are_refused),
        cmocka_unit_test(widths_at_each_boundary),   cmocka_unit_test(bundles_hold_what_was_put_in),
        cmocka_unit_test(the_published_log_is_made_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
