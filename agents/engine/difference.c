#include "agents/engine/difference.h"

#include <stdlib.h>

#include "agents/engine/cohort.h"
#include "base/secret.h"

enum { WORD_ROWS = 64, SAMPLE_ROWS_MAX = 4096 };

struct bitmap {
    struct hash name; /* of snapshot, persons left out, question and dropped variable */
    uint64_t *words;
    size_t word_count;
    uint64_t used; /* number of the request that used it last; 0: free */
};

/* Some persons of a set, drawn from rows far apart, with their values side by side: a snapshot of its own. */
struct sample {
    struct snapshot s; /* rows are those drawn; columns are gathered when they are first asked for */
    struct snapshot_column columns[VARIABLES_MAX];
    uint64_t rows[SAMPLE_ROWS_MAX];
    bool all; /* the whole set */
};

/* The new cohort of a person table: of whole box and of the box without each variable, a bit a row. */
struct near {
    struct hash name; /* of snapshot, persons left out and question */
    struct question *question;
    struct json *tree; /* behind it */
    uint64_t *sets[1 + BOX_VARIABLES_MAX]; /* [0] the whole, [1 + b] without b */
    struct sample *samples[1 + BOX_VARIABLES_MAX]; /* NULL until asked for */
    size_t word_count;
};

struct bitmaps {
    struct bitmap kept[BITMAPS_MAX];
    size_t bytes;
    uint64_t requests;
    struct near near;
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

static void sample_free(struct sample *m)
{
    for (unsigned v = 0; m && v < VARIABLES_MAX; v++) {
        void *at = (void *)(uintptr_t)m->columns[v].at;
        if (at)
            wipe(at, m->s.facts.rows * column_width(m->columns[v].kind));
        free(at);
    }
    if (m)
        wipe(m, sizeof *m);
    free(m);
}

static void near_done(struct near *n)
{
    for (unsigned i = 0; i <= BOX_VARIABLES_MAX; i++) {
        sample_free(n->samples[i]);
        if (n->sets[i])
            wipe(n->sets[i], n->word_count * sizeof *n->sets[i]);
        free(n->sets[i]);
    }
    question_free(n->question);
    json_free(n->tree);
    *n = (struct near){0};
}

void bitmaps_free(struct bitmaps *b)
{
    for (unsigned i = 0; b && i < BITMAPS_MAX; i++)
        forget(b, &b->kept[i]);
    if (b)
        near_done(&b->near);
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

/* --- a new cohort beside many ----------------------------------------------------------------------- */

static result near_read(struct slice text, const struct snapshot *s, struct json **ret_tree, struct question **ret, struct why *why)
{
    struct json *tree CLEANUP(json_freep) = NULL;
    TRY(json_parse(text, QUESTION_BYTES_MAX, &tree, why));
    TRY(question_read(tree, s->dictionary, ret, why));
    *ret_tree = MOVE(tree);
    return DONE;
}

/* One round over the rows makes all the sets: a row that fails one variable only is in the set without it. */
static void near_fill(struct near *n, const struct cohort *c)
{
    uint8_t fails[CHUNK_ROWS], which[CHUNK_ROWS];
    const struct snapshot *s = c->snapshot;
    const unsigned boxes = c->question->box_count;
    for (uint64_t first = 0; first < s->facts.rows; first += CHUNK_ROWS) {
        size_t rows = s->facts.rows - first < CHUNK_ROWS ? (size_t)(s->facts.rows - first) : CHUNK_ROWS;
        cohort_chunk(c, first, rows, fails, which);
        for (size_t i = 0; i < rows; i++) {
            uint64_t bit = UINT64_C(1) << i % WORD_ROWS, word = (first + i) / WORD_ROWS;
            if (fails[i] == 0)
                n->sets[0][word] |= bit;
            else if (fails[i] == 1)
                n->sets[1 + which[i]][word] |= bit;
        }
    }
    for (unsigned b = 0; b <= boxes; b++)
        for (size_t w = 0; b && w < n->word_count; w++)
            n->sets[b][w] |= n->sets[0][w];
}

static result near_make(struct near *n, const struct snapshot *s, struct slice text, const struct hash *name, struct why *why)
{
    struct cohort c CLEANUP(cohort_done) = {0};
    near_done(n);
    TRY(near_read(text, s, &n->tree, &n->question, why));
    TRY(cohort_init(&c, s, n->question, why));
    n->word_count = (size_t)(s->facts.rows / WORD_ROWS + 1);
    for (unsigned b = 0; b <= n->question->box_count; b++) {
        n->sets[b] = calloc(n->word_count, sizeof *n->sets[b]);
        if (!n->sets[b])
            return FAIL(why, LIMIT, "no memory for a cohort");
    }
    near_fill(n, &c);
    n->name = *name;
    return DONE;
}

/* The new cohort; kept for the next request, which is about the same one while its pairs last. */
static result near_find(struct near *n, const struct snapshot *s, struct slice text, struct why *why)
{
    struct hash parts[3] = {s->facts.name, s->left_out_name, sha256(text)}, name = sha256(slice_of(parts, sizeof parts));
    if (n->question && hash_equal(&n->name, &name))
        return DONE;
    result r = near_make(n, s, text, &name, why);
    if (!is_ok(r))
        near_done(n);
    return r;
}

/* An earlier cohort: pairs of one box stand together, so it is read once. */
struct earlier {
    struct slice text;
    struct json *tree;
    struct question *question;
};

static void earlier_done(struct earlier *e)
{
    question_free(e->question);
    json_free(e->tree);
    *e = (struct earlier){0};
}

static result earlier_read(struct earlier *e, const struct snapshot *s, struct slice text, struct why *why)
{
    if (e->question && slice_equal(e->text, text))
        return DONE;
    earlier_done(e);
    TRY(near_read(text, s, &e->tree, &e->question, why));
    e->text = text;
    return DONE;
}

/* The k-th step through `count` things, each once, far apart: neighbours in a snapshot may be alike. */
static uint64_t step_through(uint64_t count)
{
    uint64_t step = (uint64_t)((double)count * 0.6180339887) | 1;
    for (;; step += 2) {
        uint64_t a = count, b = step;
        while (b) {
            uint64_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1)
            return step;
    }
}

static result sample_make(const uint64_t *set, size_t word_count, const struct snapshot *s, struct sample **ret, struct why *why)
{
    struct sample *m = calloc(1, sizeof *m);
    if (!m)
        return FAIL(why, LIMIT, "no memory for a cohort");
    uint64_t step = step_through(word_count), w = 0, seen = 0;
    for (size_t k = 0; k < word_count; k++, w = (w + step) % word_count)
        for (uint64_t bits = set[w]; bits; bits &= bits - 1, seen++)
            if (seen < SAMPLE_ROWS_MAX)
                m->rows[seen] = w * WORD_ROWS + (unsigned)__builtin_ctzll(bits);
    m->all = seen <= SAMPLE_ROWS_MAX;
    m->s = (struct snapshot){.facts = {.rows = m->all ? seen : SAMPLE_ROWS_MAX}, .dictionary = s->dictionary, .columns = m->columns};
    m->s.facts.persons = m->s.facts.rows;
    *ret = m;
    return DONE;
}

/* The values of a variable, once for all pairs. */
static result sample_column(struct sample *m, const struct snapshot *s, unsigned variable, struct why *why)
{
    const struct snapshot_column *from = &s->columns[variable];
    size_t width = column_width(from->kind);
    if (m->columns[variable].at || !width)
        return DONE;
    uint8_t *to = calloc(m->s.facts.rows + 1, width);
    if (!to)
        return FAIL(why, LIMIT, "no memory for a cohort");
    for (uint64_t i = 0; i < m->s.facts.rows; i++)
        memcpy(to + i * width, (const uint8_t *)from->at + m->rows[i] * width, width);
    m->columns[variable] = (struct snapshot_column){from->kind, to};
    return DONE;
}

/* Persons of the sample who lie outside a box; *ret_seen of them were looked at, until DIFFERENCE_FAR were outside. */
static result outside(struct sample *m, const struct snapshot *s, const struct question *q, uint64_t *ret_out, uint64_t *ret_seen, struct why *why)
{
    struct cohort c CLEANUP(cohort_done) = {0};
    uint8_t fails[CHUNK_ROWS];
    uint64_t out = 0, first = 0;
    for (unsigned b = 0; b < q->box_count; b++)
        TRY(sample_column(m, s, q->box[b].variable, why));
    TRY(cohort_init(&c, &m->s, q, why));
    for (; first < m->s.facts.rows && out < DIFFERENCE_FAR; first += CHUNK_ROWS) {
        size_t n = m->s.facts.rows - first < CHUNK_ROWS ? (size_t)(m->s.facts.rows - first) : CHUNK_ROWS;
        cohort_chunk(&c, first, n, fails, NULL);
        for (size_t i = 0; i < n; i++)
            out += fails[i] != 0;
    }
    *ret_out = out;
    *ret_seen = first < m->s.facts.rows ? first : m->s.facts.rows;
    return DONE;
}

/* All rows, until DIFFERENCE_FAR differ. */
static uint64_t apart(const uint64_t *set, const struct cohort *c)
{
    uint8_t fails[CHUNK_ROWS];
    const uint64_t rows = c->snapshot->facts.rows, chunks = (rows + CHUNK_ROWS - 1) / CHUNK_ROWS;
    uint64_t persons = 0, step = chunks ? step_through(chunks) : 1, chunk = 0;
    for (uint64_t k = 0; k < chunks && persons < DIFFERENCE_FAR; k++, chunk = (chunk + step) % chunks) {
        uint64_t first = chunk * CHUNK_ROWS;
        size_t n = rows - first < CHUNK_ROWS ? (size_t)(rows - first) : CHUNK_ROWS;
        cohort_chunk(c, first, n, fails, NULL);
        for (size_t i = 0; i < n; i += WORD_ROWS) {
            uint64_t bits = 0;
            for (size_t m = 0; m < WORD_ROWS && i + m < n; m++)
                bits |= (uint64_t)(fails[i + m] == 0) << m;
            persons += (unsigned)__builtin_popcountll(bits ^ set[(first + i) / WORD_ROWS]);
        }
    }
    return persons;
}

static result near_difference(struct near *n, const struct snapshot *s, const struct difference_pair *p, struct earlier *e, uint64_t *ret,
                              struct why *why)
{
    struct cohort c CLEANUP(cohort_done) = {0};
    struct value_set left[BOX_VARIABLES_MAX];
    unsigned which = 0;
    TRY(earlier_read(e, s, p->box, why));
    struct question projected = *e->question; /* borrows all but the box */
    projected.box = left;
    projected.box_count = 0;
    for (unsigned i = 0; i < e->question->box_count; i++)
        if (!slice_equal(s->dictionary->variables[e->question->box[i].variable].name, p->without))
            left[projected.box_count++] = e->question->box[i];
    for (unsigned b = 0; b < n->question->box_count; b++)
        if (slice_equal(s->dictionary->variables[n->question->box[b].variable].name, p->without))
            which = 1 + b;
    if (!n->samples[which])
        TRY(sample_make(n->sets[which], n->word_count, s, &n->samples[which], why));
    uint64_t seen, out;
    TRY(outside(n->samples[which], s, &projected, &out, &seen, why));
    uint64_t both = seen - out;
    /* As remembered: a set that has shrunk since to next to nothing would be of another edition, with other noise. */
    uint64_t beyond = p->persons_least > both ? p->persons_least - both : 0;
    if (out >= DIFFERENCE_FAR) {
        *ret = out;
    } else if (n->samples[which]->all && (out >= DIFFERENCE_SURE || out + beyond >= 2 * DIFFERENCE_SURE)) {
        *ret = out + beyond;
    } else {
        TRY(cohort_init(&c, s, &projected, why));
        *ret = apart(n->sets[which], &c);
    }
    return DONE;
}

static result compute_one(struct bitmaps *b, const struct snapshot *s, const struct difference_plan *p, unsigned i, struct earlier *e,
                          uint64_t *ret, struct why *why)
{
    if (!s->person)
        return near_difference(&b->near, s, &p->pairs[i], e, ret, why);
    struct projection x = {p->question, p->pairs[i].without}, y = {p->pairs[i].box, p->pairs[i].without};
    return bitmaps_difference(b, s, &x, &y, ret, why);
}

result difference_compute(struct bitmaps *b, const struct snapshot *s, const struct difference_plan *p, uint64_t **ret, struct why *why)
{
    struct earlier e CLEANUP(earlier_done) = {0};
    uint64_t *all = calloc(p->pair_count + 1, sizeof *all);
    result r = all ? DONE : FAIL(why, LIMIT, "no memory for differences");
    if (is_ok(r) && !s->person)
        r = near_find(&b->near, s, p->question, why);
    for (unsigned i = 0; is_ok(r) && i < p->pair_count; i++) {
        r = compute_one(b, s, p, i, &e, &all[i], why);
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
