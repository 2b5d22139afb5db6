#include "client/log/audit.h"

#include "base/instant.h"

void audit_init(struct audit *a, const struct checkpoint *seen)
{
    *a = (struct audit){.has_seen = seen != NULL, .last_at_ms = INT64_MIN};
    merkle_frontier_init(&a->tree);
    if (seen)
        a->seen = *seen;
}

static void count_type(struct audit *a, struct slice type, uint64_t many)
{
    char name[AUDIT_TYPE_MAX + 1];
    for (unsigned i = 0; i < a->type_count; i++)
        if (slice_is(type, a->types[i].name)) {
            a->types[i].count += many;
            return;
        }
    if (!slice_copy_str(type, name, sizeof name))
        memcpy(name, "...", sizeof "...");
    if (a->type_count < AUDIT_TYPES_MAX) {
        memcpy(a->types[a->type_count].name, name, sizeof name);
        a->types[a->type_count++].count = many;
    } else {
        memcpy(a->types[AUDIT_TYPES_MAX - 1].name, "...", sizeof "...");
        a->types[AUDIT_TYPES_MAX - 1].count += many;
    }
}

static int two_digits(const uint8_t *at, int below)
{
    int v = at[0] >= '0' && at[0] <= '9' && at[1] >= '0' && at[1] <= '9' ? (at[0] - '0') * 10 + at[1] - '0' : -1;
    return v < below ? v : -1;
}

/* A moment "YYYY-MM-DDThh:mm:ss.mmmZ" on the day of the one before; anything else is parsed in full. */
static bool read_moment(struct audit *a, struct slice text, int64_t *ret)
{
    enum { DAY_LEN = 11, FULL_LEN = 24 };
    if (text.len == FULL_LEN && memcmp(text.at, a->day, DAY_LEN) == 0 && text.at[13] == ':' && text.at[16] == ':' && text.at[19] == '.' &&
        text.at[23] == 'Z' && text.at[20] >= '0' && text.at[20] <= '9') {
        int h = two_digits(text.at + 11, 24), m = two_digits(text.at + 14, 60), s = two_digits(text.at + 17, 60), ms = two_digits(text.at + 21, 100);
        if (h >= 0 && m >= 0 && s >= 0 && ms >= 0) {
            *ret = a->day_ms + ((h * 60 + m) * 60 + s) * INT64_C(1000) + (text.at[20] - '0') * 100 + ms;
            return true;
        }
    }
    if (!instant_parse(text, ret))
        return false;
    if (text.len == FULL_LEN) {
        memcpy(a->day, text.at, DAY_LEN);
        a->day_ms = *ret - (*ret % DAY_MS + DAY_MS) % DAY_MS;
    }
    return true;
}

/* What the scan does not vouch for is parsed and printed again: it must be the same bytes. */
static result look_closer(struct slice entry, uint64_t index, struct json **ret, struct slice *ret_type, struct slice *ret_at, struct why *why)
{
    struct json *tree CLEANUP(json_freep) = NULL;
    struct buffer canonical CLEANUP(buffer_done) = {0};
    buffer_init(&canonical, (size_t)2 * AUDIT_ENTRY_MAX);
    if (json_parse(entry, AUDIT_ENTRY_MAX, &tree, NULL).code != OK || json_print(tree, &canonical, NULL).code != OK ||
        !slice_equal(entry, buffer_slice(&canonical)))
        return FAIL(why, DENIED, "entry %llu is not canonical JSON", (unsigned long long)index);
    *ret_type = json_text(json_get(tree, "type"));
    *ret_at = json_text(json_get(tree, "at"));
    if (!slice_is(json_text(json_get(tree, "innsyn")), "entry/1") || ret_type->len == 0)
        return FAIL(why, DENIED, "entry %llu is not of the form entry/1 with `type` and `at`", (unsigned long long)index);
    *ret = MOVE(tree);
    return DONE;
}

result audit_form(struct audit *a, struct slice entry, uint64_t index, struct why *why)
{
    int64_t at_ms;
    struct slice type, at;
    struct json *tree CLEANUP(json_freep) = NULL;
    if (entry.len > AUDIT_ENTRY_MAX)
        return FAIL(why, DENIED, "entry %llu has more than %d bytes", (unsigned long long)index, AUDIT_ENTRY_MAX);
    if (!entry_scan_again(a->shapes, entry, &type, &at))
        TRY(look_closer(entry, index, &tree, &type, &at, why));
    if (!read_moment(a, at, &at_ms))
        return FAIL(why, DENIED, "entry %llu is not of the form entry/1 with `type` and `at`", (unsigned long long)index);
    if (at_ms < a->last_at_ms)
        return FAIL(why, DENIED, "entry %llu is earlier than the one before it", (unsigned long long)index);
    if (a->last_at_ms == INT64_MIN)
        a->first_at_ms = at_ms;
    a->last_at_ms = at_ms;
    count_type(a, type, 1);
    return DONE;
}

static result check_seen(const struct audit *a, struct why *why)
{
    if (!a->has_seen || a->tree.size != a->seen.size)
        return DONE;
    struct hash root = merkle_root(&a->tree);
    if (!hash_equal(&root, &a->seen.root))
        return FAIL(why, DENIED, "the log was rewritten: its first %llu entries are not those verified before", (unsigned long long)a->seen.size);
    return DONE;
}

result audit_join(struct audit *a, const struct audit *part, const struct hash *leaves, unsigned count, const struct hash *root, struct why *why)
{
    uint64_t end = a->tree.size + count;
    if (part->first_at_ms < a->last_at_ms)
        return FAIL(why, DENIED, "entry %llu is earlier than the one before it", (unsigned long long)a->tree.size);
    if (a->tree.size == 0)
        a->first_at_ms = part->first_at_ms;
    a->last_at_ms = part->last_at_ms;
    for (unsigned i = 0; i < part->type_count; i++)
        count_type(a, slice_str(part->types[i].name), part->types[i].count);
    bool inside = a->has_seen && a->seen.size > a->tree.size && a->seen.size < end;
    if (count == AUDIT_PART && !inside) {
        TRY(merkle_append_subtree(&a->tree, AUDIT_PART_LEVEL, root, why));
        return check_seen(a, why);
    }
    for (unsigned i = 0; i < count; i++) {
        TRY(merkle_append(&a->tree, &leaves[i], NULL, NULL, why));
        TRY(check_seen(a, why));
    }
    return DONE;
}

result audit_add_hashed(struct audit *a, struct slice entry, const struct hash *leaf, struct why *why)
{
    TRY(audit_form(a, entry, a->tree.size, why));
    TRY(merkle_append(&a->tree, leaf, NULL, NULL, why));
    return check_seen(a, why);
}

result audit_add(struct audit *a, struct slice entry, struct why *why)
{
    struct hash leaf = merkle_leaf(entry);
    return audit_add_hashed(a, entry, &leaf, why);
}

result audit_end(const struct audit *a, const struct checkpoint *now, struct why *why)
{
    if (a->has_seen && now->size < a->seen.size)
        return FAIL(why, DENIED, "the log shrank: it had %llu entries, it has %llu", (unsigned long long)a->seen.size, (unsigned long long)now->size);
    if (a->tree.size != now->size)
        return FAIL(why, DENIED, "the checkpoint is of %llu entries, there are %llu", (unsigned long long)now->size, (unsigned long long)a->tree.size);
    struct hash root = merkle_root(&a->tree);
    if (!hash_equal(&root, &now->root))
        return FAIL(why, DENIED, "the entries do not make the root that the log signed");
    return DONE;
}
