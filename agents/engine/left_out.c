#include "agents/engine/left_out.h"

#include <stdlib.h>

#include "agents/engine/plan.h"
#include "base/secret.h"

/* Record keys are spread evenly: the first 16 bits of a key tell most persons apart from everybody on the list. */
enum { PREFIX_BITS = 16, PREFIXES = 1 << PREFIX_BITS };

struct wanted {
    const uint64_t *keys;
    size_t count;
    uint8_t prefix[PREFIXES];
};

void left_out_done(struct left_out *l)
{
    if (l->rows)
        wipe(l->rows, l->count * sizeof *l->rows);
    free(l->rows);
    *l = (struct left_out){0};
}

static bool is_wanted(const struct wanted *w, uint64_t key)
{
    size_t low = 0, high = w->count;
    if (!w->prefix[key >> (64 - PREFIX_BITS)])
        return false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (w->keys[middle] == key)
            return true;
        if (w->keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static result read_keys(struct slice bytes, uint64_t *to, struct why *why)
{
    for (size_t i = 0; i < bytes.len / RECORD_KEY_LEN; i++) {
        uint64_t key = 0;
        for (unsigned b = 0; b < RECORD_KEY_LEN; b++)
            key = key << 8 | bytes.at[i * RECORD_KEY_LEN + b];
        if (i > 0 && key <= to[i - 1])
            return FAIL(why, MALFORMED, "the record keys of a plan must rise");
        to[i] = key;
    }
    return DONE;
}

/* Two rounds: how many rows, then which.  An event table repeats its persons. */
static result find_rows(const struct wanted *w, const struct snapshot *s, uint64_t **ret, size_t *ret_count, struct why *why)
{
    size_t count = 0, at = 0;
    uint8_t *person = calloc(s->facts.persons + 1, 1);
    if (!person)
        return FAIL(why, LIMIT, "no memory for an edition");
    for (uint64_t p = 0; p < s->facts.persons; p++)
        person[p] = is_wanted(w, s->keys[p]);
    for (uint64_t row = 0; row < s->facts.rows; row++)
        count += person[s->person ? s->person[row] : row];
    uint64_t *rows = calloc(count + 1, sizeof *rows);
    for (uint64_t row = 0; rows && row < s->facts.rows; row++)
        if (person[s->person ? s->person[row] : row])
            rows[at++] = row;
    wipe(person, s->facts.persons + 1);
    free(person);
    if (!rows)
        return FAIL(why, LIMIT, "no memory for an edition");
    *ret = rows;
    *ret_count = count;
    return DONE;
}

static result find(struct slice keys, const struct snapshot *s, uint64_t **ret, size_t *ret_count, struct why *why)
{
    size_t count = keys.len / RECORD_KEY_LEN;
    uint64_t *sorted = calloc(count + 1, sizeof *sorted);
    struct wanted *w = calloc(1, sizeof *w);
    result r = sorted && w ? read_keys(keys, sorted, why) : FAIL(why, LIMIT, "no memory for an edition");
    if (is_ok(r)) {
        w->keys = sorted;
        w->count = count;
        for (size_t i = 0; i < count; i++)
            w->prefix[sorted[i] >> (64 - PREFIX_BITS)] = 1;
        r = find_rows(w, s, ret, ret_count, why);
    }
    if (sorted)
        wipe(sorted, (count + 1) * sizeof *sorted);
    free(sorted);
    free(w);
    return r;
}

result left_out_apply(struct left_out *l, struct slice keys, struct snapshot *s, struct why *why)
{
    struct hash name = sha256(keys);
    if (!l->known || !hash_equal(&l->keys, &name)) {
        uint64_t *rows = NULL;
        size_t count = 0;
        if (keys.len)
            TRY(find(keys, s, &rows, &count, why));
        left_out_done(l);
        *l = (struct left_out){.keys = name, .known = true, .rows = rows, .count = count};
    }
    s->left_out = l->rows;
    s->left_out_count = l->count;
    s->left_out_name = l->keys;
    return DONE;
}
