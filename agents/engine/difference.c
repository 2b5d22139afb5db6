#include "agents/engine/difference.h"

#include <stdlib.h>

#include "agents/engine/cohort.h"
#include "base/secret.h"

struct bitmap {
    struct hash name; /* of snapshot, persons left out, question and dropped variable */
    uint64_t *words;
    size_t word_count;
    uint64_t used; /* number of the request that used it last; 0: free */
};

struct bitmaps {
    struct bitmap kept[BITMAPS_MAX];
    size_t bytes;
    uint64_t requests;
};

result bitmaps_new(struct bitmaps **ret, struct why *why)
{
    struct bitmaps *b = calloc(1, sizeof *b);
    if (!b)
        return FAIL(why, LIMIT, "no memory for bitmaps");
    *ret = b;
    return DONE;
}

static void forget(struct bitmaps *b, struct bitmap *m)
{
    if (m->words)
        wipe(m->words, m->word_count * sizeof *m->words);
    free(m->words);
    b->bytes -= m->word_count * sizeof *m->words;
    *m = (struct bitmap){0};
}

void bitmaps_free(struct bitmaps *b)
{
    for (unsigned i = 0; b && i < BITMAPS_MAX; i++)
        forget(b, &b->kept[i]);
    free(b);
}

void bitmaps_freep(struct bitmaps **b)
{
    bitmaps_free(*b);
}

size_t bitmaps_bytes(const struct bitmaps *b)
{
    return b->bytes;
}

static struct hash name_of(const struct snapshot *s, const struct projection *p)
{
    struct hash parts[4] = {s->facts.name, s->left_out_name, sha256(p->question), sha256(p->without)};
    return sha256(slice_of(parts, sizeof parts));
}

/* The set of persons with a row in the box. */
static result fill(const struct snapshot *s, const struct question *q, uint64_t *words, struct why *why)
{
    struct cohort c CLEANUP(cohort_done) = {0};
    uint8_t fails[CHUNK_ROWS];
    TRY(cohort_init(&c, s, q, why));
    for (uint64_t first = 0; first < s->facts.rows; first += CHUNK_ROWS) {
        uint64_t left = s->facts.rows - first;
        size_t n = left < CHUNK_ROWS ? (size_t)left : CHUNK_ROWS;
        cohort_chunk(&c, first, n, fails, NULL);
        for (size_t i = 0; i < n; i++) {
            uint64_t person = s->person ? s->person[first + i] : first + i;
            words[person / 64] |= (uint64_t)(fails[i] == 0) << person % 64;
        }
    }
    return DONE;
}

static result make(const struct snapshot *s, const struct projection *p, uint64_t *words, struct why *why)
{
    struct json *tree CLEANUP(json_freep) = NULL;
    struct question *q CLEANUP(question_freep) = NULL;
    struct value_set left[BOX_VARIABLES_MAX];
    TRY(json_parse(p->question, QUESTION_BYTES_MAX, &tree, why));
    TRY(question_read(tree, s->dictionary, &q, why));
    struct question projected = *q; /* borrows all but the box */
    projected.box = left;
    projected.box_count = 0;
    for (unsigned i = 0; i < q->box_count; i++)
        if (!slice_equal(s->dictionary->variables[q->box[i].variable].name, p->without))
            left[projected.box_count++] = q->box[i];
    return fill(s, &projected, words, why);
}

/* Room for one more: the least recently used go first, but never the two that are being compared. */
static struct bitmap *place_for(struct bitmaps *b, size_t bytes)
{
    for (;;) {
        struct bitmap *oldest = NULL, *empty = NULL;
        for (unsigned i = 0; i < BITMAPS_MAX; i++) {
            struct bitmap *m = &b->kept[i];
            if (m->used == 0)
                empty = empty ? empty : m;
            else if (m->used < b->requests && (!oldest || m->used < oldest->used))
                oldest = m;
        }
        if (empty && (b->bytes + bytes <= BITMAPS_BYTES_MAX || !oldest))
            return empty;
        if (!oldest)
            return NULL;
        forget(b, oldest);
    }
}

static result find(struct bitmaps *b, const struct snapshot *s, const struct projection *p, const struct bitmap **ret, struct why *why)
{
    struct hash name = name_of(s, p);
    size_t count = (size_t)(s->facts.persons / 64 + 1);
    for (unsigned i = 0; i < BITMAPS_MAX; i++) {
        struct bitmap *m = &b->kept[i];
        if (m->used && m->word_count == count && hash_equal(&m->name, &name)) {
            m->used = b->requests;
            *ret = m;
            return DONE;
        }
    }
    uint64_t *words = calloc(count, sizeof *words);
    struct bitmap *place = words ? place_for(b, count * sizeof *words) : NULL;
    result r = place ? make(s, p, words, why) : FAIL(why, LIMIT, "no memory for a bitmap");
    if (!is_ok(r)) {
        free(words);
        return r;
    }
    *place = (struct bitmap){name, words, count, b->requests};
    b->bytes += count * sizeof *words;
    *ret = place;
    return DONE;
}

result bitmaps_difference(struct bitmaps *b, const struct snapshot *s, const struct projection *x, const struct projection *y,
                          uint64_t *ret, struct why *why)
{
    const struct bitmap *a, *c;
    uint64_t persons = 0;
    b->requests++;
    TRY(find(b, s, x, &a, why));
    TRY(find(b, s, y, &c, why));
    for (size_t i = 0; i < a->word_count; i++)
        persons += (unsigned)__builtin_popcountll(a->words[i] ^ c->words[i]);
    *ret = persons;
    return DONE;
}

result difference_compute(struct bitmaps *b, const struct snapshot *s, const struct difference_plan *p, uint64_t **ret, struct why *why)
{
    uint64_t *all = calloc(p->pair_count + 1, sizeof *all);
    result r = all ? DONE : FAIL(why, LIMIT, "no memory for differences");
    for (size_t i = 0; is_ok(r) && i < p->pair_count; i++) {
        struct projection x = {p->question, p->pairs[i].without}, y = {p->pairs[i].box, p->pairs[i].without};
        r = bitmaps_difference(b, s, &x, &y, &all[i], why);
        if (r.code == MALFORMED) { /* a box of an earlier edition that this one has no words for */
            all[i] = DIFFERENCE_UNKNOWN;
            r = DONE;
        }
    }
    if (!is_ok(r)) {
        free(all);
        return r;
    }
    *ret = all;
    return DONE;
}
