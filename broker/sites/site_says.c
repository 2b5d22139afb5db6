/*
 * site_says.c - what a site says of itself with each poll: is it paused, which permits does its holder block, which
 * rules are in force there.  A change is an entry in the log, once; the site's own journal has its counterpart.
 */
#include "broker/audit/audit.h"
#include "broker/sites/sites.h"

#include <stdlib.h>

#include "proto/document.h"
#include "proto/fields.h"

enum { BLOCKED_MAX = 256, BLOCKED_TEXT_MAX = 16 * 1024 };

static bool names(const struct json *list, struct slice permit)
{
    for (size_t i = 0; i < json_size(list); i++)
        if (slice_equal(json_text(json_item(list, i)), permit))
            return true;
    return false;
}

static struct json *entry_of(const struct call *c)
{
    struct json *entry = json_object();
    json_set(entry, "site", json_of_str(c->who.site.text));
    return entry;
}

/* One entry for each permit of `list` that `other` does not name. */
static result log_blocks(struct call *c, const struct json *list, const struct json *other, bool blocked, struct why *why)
{
    for (size_t i = 0; i < json_size(list); i++) {
        struct slice permit = json_text(json_item(list, i));
        if (names(other, permit))
            continue;
        struct json *entry = entry_of(c);
        json_set(entry, "permit", json_of_text(permit));
        json_set(entry, "blocked", json_of_bool(blocked));
        TRY(log_append(c->core, "site_block", entry, NULL, why));
    }
    return DONE;
}

static result read_rules(const struct json *rules, int64_t *ret_version, struct hash *ret_hash, struct why *why)
{
    struct fields f;
    if (!rules)
        return DONE;
    TRY(fields_open(rules, "/rules", &f, why));
    TRY(need_integer(&f, "version", 1, INT64_C(1) << 53, ret_version));
    TRY(need_hash(&f, "sha256", ret_hash->at));
    return fields_close(&f);
}

/* What is said, as one hash: most polls say what the one before said. */
static result hash_of(bool paused, const struct json *blocked, const struct json *rules, struct hash *ret, struct why *why)
{
    struct json *all CLEANUP(json_freep) = json_object();
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 2 * BLOCKED_TEXT_MAX);
    json_set(all, "paused", json_of_bool(paused));
    json_set(all, "blocked", blocked ? json_share(blocked) : json_array());
    json_set(all, "rules", rules ? json_share(rules) : json_of_null());
    TRY(json_print(all, &text, why));
    *ret = sha256(buffer_slice(&text));
    return DONE;
}

result site_said(struct call *c, bool paused, const struct json *blocked, const struct json *rules, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct json *before CLEANUP(json_freep) = NULL, *none CLEANUP(json_freep) = json_array();
    struct buffer text CLEANUP(buffer_done) = {0};
    struct document_id id;
    struct hash hash = {{0}}, said;
    int64_t version = 0;
    struct line *line = line_of(c->core, &c->who.site);
    TRY(hash_of(paused, blocked, rules, &said, why));
    if (line && hash_equal(&line->said, &said))
        return DONE;
    for (size_t i = 0; i < json_size(blocked); i++)
        TRY(document_id_parse(json_text(json_item(blocked, i)), 'p', &id, why));
    TRY(read_rules(rules, &version, &hash, why));
    TRY(RUN(c->core, SITE_SAID_GET, &rows, why, store_str(c->who.site.text)));
    bool known = rows_next(rows), was_paused = known && rows_integer(rows, 0) != 0;
    int64_t rules_before = known ? rows_integer(rows, 2) : 0;
    buffer_init(&text, BLOCKED_TEXT_MAX);
    TRY(json_print(blocked ? blocked : none, &text, why));
    bool same_blocks = slice_equal(buffer_slice(&text), known ? rows_text(rows, 1) : slice_str("[]"));
    bool same_rules = version == rules_before && (version == 0 || slice_equal(rows_bytes(rows, 3), slice_of(hash.at, HASH_LEN)));
    if (paused == was_paused && same_blocks && same_rules) {
        if (line)
            line->said = said; /* only what is in the store already: this turn may yet be undone */
        return DONE;
    }
    TRY(json_parse(known ? rows_text(rows, 1) : slice_str("[]"), BLOCKED_TEXT_MAX, &before, why));
    if (paused != was_paused) {
        struct json *entry = entry_of(c);
        json_set(entry, "paused", json_of_bool(paused));
        TRY(log_append(c->core, "site_pause", entry, NULL, why));
    }
    TRY(log_blocks(c, blocked, before, true, why));
    TRY(log_blocks(c, before, blocked, false, why));
    if (!same_rules) {
        struct json *entry = entry_of(c);
        json_set(entry, "version", json_of_integer(version));
        json_set(entry, "rules_sha256", json_of_hex(slice_of(hash.at, HASH_LEN)));
        TRY(log_append(c->core, "site_rules", entry, NULL, why));
    }
    return RUN(c->core, SITE_SAID_PUT, NULL, why, store_str(c->who.site.text), store_integer(paused ? 1 : 0), store_text(buffer_slice(&text)),
               store_integer(version), store_bytes(slice_of(hash.at, HASH_LEN)));
}
