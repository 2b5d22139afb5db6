#include "client/audit.h"

#include "base/instant.h"

void audit_init(struct audit *a, const struct checkpoint *seen)
{
    *a = (struct audit){.has_seen = seen != NULL, .last_at_ms = INT64_MIN};
    merkle_frontier_init(&a->tree);
    if (seen)
        a->seen = *seen;
}

static void count_type(struct audit *a, struct slice type)
{
    char name[AUDIT_TYPE_MAX + 1];
    if (!slice_copy_str(type, name, sizeof name))
        memcpy(name, "...", sizeof "...");
    for (unsigned i = 0; i < a->type_count; i++)
        if (strcmp(a->types[i].name, name) == 0) {
            a->types[i].count++;
            return;
        }
    if (a->type_count < AUDIT_TYPES_MAX) {
        memcpy(a->types[a->type_count].name, name, sizeof name);
        a->types[a->type_count++].count = 1;
    } else {
        memcpy(a->types[AUDIT_TYPES_MAX - 1].name, "...", sizeof "...");
        a->types[AUDIT_TYPES_MAX - 1].count++;
    }
}

static result check_form(struct audit *a, struct slice entry, uint64_t index, struct why *why)
{
    int64_t at_ms;
    struct json *tree CLEANUP(json_freep) = NULL;
    struct buffer canonical CLEANUP(buffer_done);
    buffer_init(&canonical, (size_t)2 * AUDIT_ENTRY_MAX);
    if (json_parse(entry, AUDIT_ENTRY_MAX, &tree, NULL).code != OK || json_print(tree, &canonical, NULL).code != OK ||
        !slice_equal(entry, buffer_slice(&canonical)))
        return FAIL(why, DENIED, "entry %llu is not canonical JSON", (unsigned long long)index);
    struct slice type = json_text(json_get(tree, "type"));
    if (!slice_is(json_text(json_get(tree, "innsyn")), "entry/1") || type.len == 0 || !instant_parse(json_text(json_get(tree, "at")), &at_ms))
        return FAIL(why, DENIED, "entry %llu is not of the form entry/1 with `type` and `at`", (unsigned long long)index);
    if (at_ms < a->last_at_ms)
        return FAIL(why, DENIED, "entry %llu is earlier than the one before it", (unsigned long long)index);
    if (index == 0)
        a->first_at_ms = at_ms;
    a->last_at_ms = at_ms;
    count_type(a, type);
    return DONE;
}

result audit_add(struct audit *a, struct slice entry, struct why *why)
{
    TRY(check_form(a, entry, a->tree.size, why));
    struct hash leaf = merkle_leaf(entry);
    TRY(merkle_append(&a->tree, &leaf, NULL, NULL, why));
    if (!a->has_seen || a->tree.size != a->seen.size)
        return DONE;
    struct hash root = merkle_root(&a->tree);
    if (!hash_equal(&root, &a->seen.root))
        return FAIL(why, DENIED, "the log was rewritten: its first %llu entries are not those verified before", (unsigned long long)a->seen.size);
    return DONE;
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
