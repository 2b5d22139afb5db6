/*
 * tiles.c - the log as C2SP tlog-tiles, made from its rows on request: hash tiles for anyone, bundles of
 * entries for auditors.  A tile never changes; the partial ones of every earlier size are served too.
 */
#include "broker/audit/audit.h"

#include "proto/tiles.h"

static result no_such_tile(struct why *why)
{
    return FAIL_CODE(why, ABSENT, "no_such_thing", "", "the log has no such tile: it is not that large, or the name is not one of tlog-tiles");
}

/* The tile that the path names, if the signed log has all of it. */
static result asked_tile(const struct call *c, bool entries, struct tile *ret, struct why *why)
{
    struct slice at = slice_str("/v1/log/tile/");
    if (!is_ok(tile_parse(slice_part(c->request->path, at.len, c->request->path.len), ret, NULL)) || ret->entries != entries ||
        !tile_is_in(ret, c->core->log.signed_size))
        return no_such_tile(why);
    return DONE;
}

result log_get_tile(struct call *c, struct why *why)
{
    struct tile t;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(asked_tile(c, false, &t, why));
    int64_t from = (int64_t)(t.index * TILE_WIDTH), to = from + (int64_t)t.width;
    if (t.level == 0)
        TRY(RUN(c->core, LOG_LEAVES, &rows, why, store_integer(from), store_integer(to)));
    else
        TRY(RUN(c->core, LOG_NODES, &rows, why, store_integer(t.level * TILE_LEVEL_BITS), store_integer(from), store_integer(to)));
    if (rows_count(rows) != t.width)
        return FAIL(why, BROKEN, "the log lacks hashes of level %u from %lld on", t.level * TILE_LEVEL_BITS, (long long)from);
    while (rows_next(rows))
        TRY(buffer_add(&c->pending->body, rows_bytes(rows, 0), why));
    c->pending->content_type = "application/octet-stream";
    return DONE;
}

/* Reading the log is in the log too (design 10). */
result log_get_bundle(struct call *c, struct why *why)
{
    struct tile t;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(asked_tile(c, true, &t, why));
    int64_t from = (int64_t)(t.index * TILE_WIDTH), to = from + (int64_t)t.width;
    TRY(RUN(c->core, LOG_RANGE, &rows, why, store_integer(from), store_integer(to)));
    if (rows_count(rows) != t.width)
        return FAIL(why, BROKEN, "the log lacks entries from %lld on", (long long)from);
    while (rows_next(rows))
        TRY(bundle_add(&c->pending->body, rows_bytes(rows, 0), why));
    c->pending->content_type = "application/octet-stream";
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "from", json_of_integer(from));
    json_set(entry, "to", json_of_integer(to));
    return log_append(c->core, "log_read", entry, NULL, why);
}
