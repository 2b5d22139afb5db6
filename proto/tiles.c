#include "proto/tiles.h"

#include <inttypes.h>
#include <stdio.h>

enum { GROUP = 1000, GROUP_DIGITS = 3, GROUPS_MAX = 7, LENGTH_BYTES = 2, LEVEL_DIGITS_MAX = 63 };

/* --- names -------------------------------------------------------------------------------------- */

static bool group_parse(struct slice text, unsigned *ret)
{
    unsigned value = 0;
    if (text.len != GROUP_DIGITS)
        return false;
    for (size_t i = 0; i < GROUP_DIGITS; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text.at[i] - '0');
    }
    *ret = value;
    return true;
}

/* "x001/x234/067" off the front of *rest, up to its end or ".p". */
static bool number_parse(struct slice *rest, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < GROUPS_MAX; i++) {
        bool more = rest->len > 0 && rest->at[0] == 'x';
        struct slice group = slice_part(*rest, more ? 1 : 0, (more ? 1 : 0) + GROUP_DIGITS);
        unsigned digits;
        if (!group_parse(group, &digits) || value > (uint64_t)INT64_MAX / GROUP - GROUP)
            return false;
        if (more && i == 0 && digits == 0)
            return false; /* x000/... would be a second name of the same tile */
        value = value * GROUP + digits;
        *rest = slice_part(*rest, GROUP_DIGITS + (more ? 1 : 0), rest->len);
        if (!more) {
            *ret = value;
            return true;
        }
        if (!rest->len || rest->at[0] != '/')
            return false;
        *rest = slice_part(*rest, 1, rest->len);
    }
    return false;
}

result tile_parse(struct slice name, struct tile *ret, struct why *why)
{
    struct tile t = {.width = TILE_WIDTH};
    size_t slash = slice_find(name, '/');
    struct slice level = slice_part(name, 0, slash), rest = slice_part(name, slash + 1, name.len);
    uint64_t number;
    t.entries = slice_is(level, "entries");
    if (!t.entries) {
        if (!slice_parse_u64(level, LEVEL_DIGITS_MAX, &number))
            return FAIL(why, MALFORMED, "a tile's level is 0 to %d, or 'entries'", (int)LEVEL_DIGITS_MAX);
        t.level = (unsigned)number;
    }
    if (!number_parse(&rest, &t.index))
        return FAIL(why, MALFORMED, "a tile's number is written in groups of three digits: x001/x234/067");
    if (rest.len > 0) {
        if (!slice_starts(rest, ".p/") || !slice_parse_u64(slice_part(rest, 3, rest.len), TILE_WIDTH - 1, &number) || number == 0)
            return FAIL(why, MALFORMED, "a partial tile ends in .p/ and its width, 1 to 255");
        t.width = (unsigned)number;
    }
    *ret = t;
    return DONE;
}

void tile_print(const struct tile *t, char to[TILE_PATH_SIZE])
{
    unsigned groups[GROUPS_MAX], count = 0;
    uint64_t rest = t->index;
    size_t len;
    do {
        groups[count++] = (unsigned)(rest % GROUP);
        rest /= GROUP;
    } while (rest > 0 && count < GROUPS_MAX);
    if (t->entries)
        len = (size_t)snprintf(to, TILE_PATH_SIZE, "tile/entries");
    else
        len = (size_t)snprintf(to, TILE_PATH_SIZE, "tile/%u", t->level);
    while (count-- > 0)
        len += (size_t)snprintf(to + len, TILE_PATH_SIZE - len, count ? "/x%03u" : "/%03u", groups[count]);
    if (t->width < TILE_WIDTH)
        (void)snprintf(to + len, TILE_PATH_SIZE - len, ".p/%u", t->width);
}

/* --- arithmetic --------------------------------------------------------------------------------- */

uint64_t tile_hashes(unsigned level, uint64_t size)
{
    return level > TILE_LEVEL_MAX ? 0 : size >> (TILE_LEVEL_BITS * level);
}

bool tile_is_in(const struct tile *t, uint64_t size)
{
    uint64_t hashes = tile_hashes(t->level, size);
    return t->width > 0 && t->index <= hashes / TILE_WIDTH && t->index * TILE_WIDTH + t->width <= hashes;
}

struct tile tile_of(bool entries, unsigned level, uint64_t index, uint64_t size)
{
    struct tile t = {.entries = entries, .level = level, .index = index};
    uint64_t hashes = tile_hashes(level, size);
    if (index > hashes / TILE_WIDTH)
        return t;
    uint64_t left = hashes - index * TILE_WIDTH;
    t.width = left > TILE_WIDTH ? TILE_WIDTH : (unsigned)left;
    return t;
}

/* --- bundles ------------------------------------------------------------------------------------ */

result bundle_add(struct buffer *to, struct slice entry, struct why *why)
{
    size_t len = to->len;
    if (entry.len > BUNDLE_ENTRY_MAX)
        return FAIL(why, LIMIT, "an entry in a bundle has at most %d bytes", (int)BUNDLE_ENTRY_MAX);
    result r = buffer_add_byte(to, (uint8_t)(entry.len >> 8), why);
    if (is_ok(r))
        r = buffer_add_byte(to, (uint8_t)(entry.len & 0xFF), why);
    if (is_ok(r))
        r = buffer_add(to, entry, why);
    if (!is_ok(r))
        to->len = len;
    return r;
}

bool bundle_next(struct slice *rest, struct slice *ret)
{
    if (rest->len < LENGTH_BYTES)
        return false;
    size_t len = (size_t)rest->at[0] << 8 | rest->at[1];
    if (rest->len - LENGTH_BYTES < len)
        return false;
    *ret = slice_part(*rest, LENGTH_BYTES, LENGTH_BYTES + len);
    *rest = slice_part(*rest, LENGTH_BYTES + len, rest->len);
    return true;
}
