/*
 * One pass over the rows, in chunks (with tallies in two halves, each in its own): the index of each row's group is put together column by column,
 * then persons are counted there.  Blocks of the count array: 0 the cohort itself, 1+b the rows that
 * fail nothing but box variable b (the parent without b is the sum of the two), and a last one for
 * rows of no use, so that the loops need no branch.
 *
 * In an event table a person is counted once a slot: rows are visited person by person, and a slot
 * remembers the last person who was counted there.
 */
#include "agents/engine/cube.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "agents/engine/cells.h"
#include "agents/engine/cohort.h"
#include "agents/engine/halves.h"
#include "base/secret.h"

/* Neighbouring rows often share a slot; with LANES counters each, an increment need not wait for the last. */
enum { LANES = 4, LANES_SLOTS_MAX = 8192, TALLY_LANES_SLOTS_MAX = 512,
       /* A second half costs its tallies, to be cleared and added: worth it above so many rows, and rows a slot. */
       HALVES_ROWS_MIN = 64 * 1024, HALVES_ROWS_A_SLOT = 8, TAKE_ROWS = 16 * CHUNK_ROWS };

struct counting {
    const struct snapshot *snapshot;
    const struct question *question;
    struct cohort cohort;
    struct cells cells[TABLE_DIMENSIONS_MAX];
    uint32_t states; /* product over the dimensions: slots of a block */
    uint32_t blocks, slots; /* slots: of all blocks that are of use */
    uint32_t lanes, stride;
    uint32_t *counts; /* lanes * stride, when nothing is protected */
    tally *tallies;   /* as many, when it is, for each half */
    unsigned halves;  /* 1 or 2; of tallies */
    _Atomic uint64_t taken; /* rows that a half has taken on: the quicker one takes more */
};

static tally *tallies_of(const struct counting *c, unsigned half)
{
    return c->tallies + (size_t)half * c->lanes * c->stride;
}

static void counting_done(struct counting *c)
{
    cohort_done(&c->cohort);
    if (c->counts)
        wipe(c->counts, (size_t)c->lanes * c->stride * sizeof *c->counts);
    free(c->counts);
    if (c->tallies)
        wipe(c->tallies, (size_t)c->halves * c->lanes * c->stride * sizeof *c->tallies);
    free(c->tallies);
}

static void counting_shape(struct counting *c, const struct snapshot *s, const struct question *q, bool protect)
{
    *c = (struct counting){.snapshot = s, .question = q, .states = 1};
    for (unsigned d = 0; d < q->dimension_count; d++) {
        cells_init(&c->cells[d], s, &q->dimensions[d]);
        c->states *= c->cells[d].states; /* not above the cube's slots, which were bounded */
    }
    c->blocks = protect ? 1 + q->box_count : 1;
    c->slots = c->blocks * c->states;
}

static result counting_init(struct counting *c, const struct snapshot *s, const struct question *q, bool protect,
                            struct why *why)
{
    counting_shape(c, s, q, protect);
    c->stride = c->slots + c->states;
    c->lanes = c->slots < (protect ? TALLY_LANES_SLOTS_MAX : LANES_SLOTS_MAX) ? LANES : 1;
    TRY(cohort_init(&c->cohort, s, q, why));
    if (s->dictionary->event_table)
        return DONE; /* counted elsewhere */
    if (protect) {
        uint64_t rows = s->facts.rows;
        c->halves = rows >= HALVES_ROWS_MIN && rows / HALVES_ROWS_A_SLOT >= (uint64_t)c->lanes * c->stride ? 2 : 1;
        c->tallies = calloc((size_t)c->halves * c->lanes * c->stride, sizeof *c->tallies);
    }
    if (!protect)
        c->counts = calloc((size_t)c->lanes * c->stride, sizeof *c->counts);
    return c->tallies || c->counts ? DONE : FAIL(why, LIMIT, "no memory to count in");
}

/* Where each row of a chunk is counted: block * states + group, at `slots` and above for nowhere. */
static void place(const struct counting *c, uint64_t first, size_t n, uint32_t *restrict index, uint8_t *restrict fails)
{
    const struct question *q = c->question;
    uint8_t which[CHUNK_ROWS];
    const uint32_t nowhere = c->slots, blocks = c->blocks, states = c->states;
    memset(index, 0, n * sizeof *index);
    for (unsigned d = 0; d < q->dimension_count; d++)
        cells_chunk(&c->cells[d], first, n, index);
    if (cohort_is_all(&c->cohort))
        return;
    if (c->blocks == 1) {
        cohort_chunk(&c->cohort, first, n, fails, NULL);
        for (size_t i = 0; i < n; i++)
            index[i] = fails[i] ? nowhere : index[i];
        return;
    }
    cohort_chunk(&c->cohort, first, n, fails, which);
    for (size_t i = 0; i < n; i++) {
        uint8_t alone = (uint8_t)(which[i] + 1u);
        which[i] = fails[i] == 0 ? 0 : fails[i] == 1 ? alone : (uint8_t)blocks;
    }
    for (size_t i = 0; i < n; i++)
        index[i] += which[i] * states; /* the block after the last: nowhere */
}

/* --- person tables: a row is a person ---------------------------------------------------------- */

static void count_lanes(uint32_t *restrict counts, size_t stride, const uint32_t *restrict index, size_t n)
{
    uint32_t *a = counts, *b = counts + stride, *c = counts + 2 * stride, *d = counts + 3 * stride;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        a[index[i]]++;
        b[index[i + 1]]++;
        c[index[i + 2]]++;
        d[index[i + 3]]++;
    }
    for (; i < n; i++)
        a[index[i]]++;
}

static void tally_lanes(tally *restrict tallies, size_t stride, const uint32_t *restrict index, const uint64_t *restrict keys, size_t n)
{
    tally *a = tallies, *b = tallies + stride, *c = tallies + 2 * stride, *d = tallies + 3 * stride;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        a[index[i]] += (tally){1, keys[i]};
        b[index[i + 1]] += (tally){1, keys[i + 1]};
        c[index[i + 2]] += (tally){1, keys[i + 2]};
        d[index[i + 3]] += (tally){1, keys[i + 3]};
    }
    for (; i < n; i++)
        a[index[i]] += (tally){1, keys[i]};
}

static void count_chunk(const struct counting *c, tally *tallies, const uint32_t *index, const uint64_t *keys, size_t n)
{
    if (tallies && c->lanes == LANES)
        tally_lanes(tallies, c->stride, index, keys, n);
    else if (tallies)
        for (size_t i = 0; i < n; i++)
            tallies[index[i]] += (tally){1, keys[i]};
    else if (c->lanes == LANES)
        count_lanes(c->counts, c->stride, index, n);
    else
        for (size_t i = 0; i < n; i++)
            c->counts[index[i]]++;
}

static void count_rows(const struct counting *c, tally *tallies, uint64_t from, uint64_t to)
{
    uint32_t index[CHUNK_ROWS];
    uint8_t fails[CHUNK_ROWS];
    for (uint64_t first = from; first < to; first += CHUNK_ROWS) {
        size_t n = to - first < CHUNK_ROWS ? (size_t)(to - first) : CHUNK_ROWS;
        place(c, first, n, index, fails);
        count_chunk(c, tallies, index, c->snapshot->keys + first, n);
    }
}

/* Which rows a half counts is left to chance: whole numbers add up to the same. */
static void count_half(void *self, unsigned half)
{
    struct counting *c = self;
    const uint64_t rows = c->snapshot->facts.rows;
    uint64_t from;
    while ((from = atomic_fetch_add_explicit(&c->taken, TAKE_ROWS, memory_order_relaxed)) < rows)
        count_rows(c, tallies_of(c, half), from, rows - from < TAKE_ROWS ? rows : from + TAKE_ROWS);
}

static void count_persons(struct counting *c)
{
    if (c->halves == 2)
        halves_run(count_half, c);
    else
        count_rows(c, c->tallies, 0, c->snapshot->facts.rows);
    if (c->tallies)
        for (uint32_t lane = 1; lane < c->halves * c->lanes; lane++)
            for (uint32_t i = 0; i < c->slots; i++)
                c->tallies[i] += c->tallies[(size_t)lane * c->stride + i];
    else
        for (uint32_t lane = 1; lane < c->lanes; lane++)
            for (uint32_t i = 0; i < c->slots; i++)
                c->counts[i] += c->counts[(size_t)lane * c->stride + i];
}

static uint64_t persons_at(const struct counting *c, uint32_t slot)
{
    return c->tallies ? c->tallies[slot][0] : c->counts[slot];
}

/* --- the cube of the answer ------------------------------------------------------------------- */

/* The slot of the cube that a group stands for, and whether it is a cell in every dimension and a missing in any. */
struct position {
    uint64_t slot;
    uint32_t cell[TABLE_DIMENSIONS_MAX];
    bool inside, missing;
};

static struct position position_of(const struct counting *c, const struct cube *shape, uint32_t group)
{
    struct position p = {.inside = true};
    uint64_t weight = 1;
    for (unsigned d = c->question->dimension_count; d-- > 0;) {
        const struct cells *cells = &c->cells[d];
        uint32_t slot = cells_slot(cells, group % cells->states);
        group /= cells->states;
        p.slot += slot * weight;
        weight *= shape->slots[d];
        p.cell[d] = slot;
        p.inside = p.inside && slot < cells->cells;
        p.missing = p.missing || slot == cells->cells + 2;
    }
    return p;
}

static result answer_prepare(const struct question *q, bool protect, struct engine_answer *a, struct why *why)
{
    unsigned parents = protect ? q->box_count : 0;
    struct cube shape;
    TRY(cube_shape(q, 1 + parents, &shape, why));
    a->base = shape;
    a->base.persons = calloc(shape.slot_count, sizeof *a->base.persons);
    bool whole = a->base.persons != NULL;
    if (protect) {
        a->base.key_sums = calloc(shape.slot_count, sizeof *a->base.key_sums);
        whole = whole && a->base.key_sums;
    }
    for (unsigned b = 0; b < parents; b++) {
        a->parents[b] = shape;
        a->parents[b].persons = calloc(shape.slot_count, sizeof *a->parents[b].persons);
        whole = whole && a->parents[b].persons;
        a->parent_count++;
    }
    for (unsigned d = 0; d < q->dimension_count; d++) {
        a->margins[d] = calloc(dimension_cells(q, d), sizeof *a->margins[d]);
        whole = whole && a->margins[d];
    }
    return whole ? DONE : FAIL(why, LIMIT, "no memory to count in");
}

static void answer_from_persons(const struct counting *c, struct engine_answer *a)
{
    for (uint32_t g = 0; g < c->states; g++) {
        struct position p = position_of(c, &a->base, g);
        uint64_t n = persons_at(c, g);
        a->base.persons[p.slot] = n;
        a->cohort += n;
        if (a->base.key_sums)
            a->base.key_sums[p.slot] = c->tallies[g][1];
        for (unsigned b = 0; b < a->parent_count; b++) {
            uint64_t in_parent = n + persons_at(c, (b + 1) * c->states + g);
            a->parents[b].persons[p.slot] = in_parent;
            a->parent_cohorts[b] += in_parent;
        }
        if (p.missing)
            a->missing_persons += n;
        if (!p.inside)
            continue;
        a->table_persons += n;
        for (unsigned d = 0; d < c->question->dimension_count; d++)
            a->margins[d][p.cell[d]] += n;
    }
}

/* --- event tables: distinct persons ------------------------------------------------------------ */

struct stamps {
    uint32_t *slot;    /* by block * states + group: 1 + the person counted there last */
    uint32_t *margin[TABLE_DIMENSIONS_MAX];
    uint32_t table, missing, cohort, parents[BOX_VARIABLES_MAX];
};

static void stamps_done(struct stamps *s)
{
    free(s->slot);
    for (unsigned d = 0; d < TABLE_DIMENSIONS_MAX; d++)
        free(s->margin[d]);
}

static inline bool stamp(uint32_t *at, uint32_t person)
{
    bool new = *at != person + 1;
    *at = person + 1;
    return new;
}

static void count_event(const struct counting *c, struct stamps *s, uint32_t person, uint32_t at, struct engine_answer *a)
{
    struct position p = position_of(c, &a->base, at % c->states);
    if (at >= c->states) { /* fails one box variable: of that parent alone */
        uint32_t b = at / c->states - 1;
        a->parents[b].persons[p.slot] += stamp(&s->slot[at], person);
        a->parent_cohorts[b] += stamp(&s->parents[b], person);
        return;
    }
    for (unsigned b = 0; b < a->parent_count; b++) {
        a->parents[b].persons[p.slot] += stamp(&s->slot[(b + 1) * c->states + at], person);
        a->parent_cohorts[b] += stamp(&s->parents[b], person);
    }
    a->cohort += stamp(&s->cohort, person);
    if (stamp(&s->slot[at], person)) {
        a->base.persons[p.slot]++;
        if (a->base.key_sums)
            a->base.key_sums[p.slot] += c->snapshot->keys[person];
    }
    if (p.missing)
        a->missing_persons += stamp(&s->missing, person);
    if (!p.inside)
        return;
    a->table_persons += stamp(&s->table, person);
    for (unsigned d = 0; d < c->question->dimension_count; d++)
        a->margins[d][p.cell[d]] += stamp(&s->margin[d][p.cell[d]], person);
}

static result count_events(const struct counting *c, struct engine_answer *a, struct why *why)
{
    const struct snapshot *s = c->snapshot;
    struct stamps stamps CLEANUP(stamps_done) = {0};
    uint8_t fails[CHUNK_ROWS];
    uint64_t rows = s->facts.rows;
    stamps.slot = calloc(c->slots, sizeof *stamps.slot);
    bool whole = stamps.slot != NULL;
    for (unsigned d = 0; d < c->question->dimension_count; d++) {
        stamps.margin[d] = calloc(dimension_cells(c->question, d), sizeof *stamps.margin[d]);
        whole = whole && stamps.margin[d];
    }
    uint32_t *index = malloc((rows ? rows : 1) * sizeof *index);
    if (!whole || !index) {
        free(index);
        return FAIL(why, LIMIT, "no memory to count in");
    }
    for (uint64_t first = 0; first < rows; first += CHUNK_ROWS) {
        uint64_t left = rows - first;
        place(c, first, left < CHUNK_ROWS ? (size_t)left : CHUNK_ROWS, index + first, fails);
    }
    for (uint64_t k = 0; k < rows; k++) {
        uint64_t row = s->by_person ? s->by_person[k] : k;
        if (index[row] < c->slots)
            count_event(c, &stamps, s->person[row], index[row], a);
    }
    free(index);
    return DONE;
}

static result count(const struct snapshot *s, const struct question *q, bool protect, struct counting *c,
                    struct engine_answer *a, struct why *why)
{
    TRY(answer_prepare(q, protect, a, why));
    TRY(counting_init(c, s, q, protect, why));
    a->event_table = s->dictionary->event_table;
    if (a->event_table)
        return count_events(c, a, why);
    count_persons(c);
    answer_from_persons(c, a);
    return DONE;
}

result cube_of_tallies(const struct snapshot *s, const struct question *q, tally *tallies, struct engine_answer *ret, struct why *why)
{
    struct counting *c = calloc(1, sizeof *c); /* its cells are large */
    if (!c)
        return FAIL(why, LIMIT, "no memory to count in");
    result r = answer_prepare(q, true, ret, why);
    if (is_ok(r)) {
        counting_shape(c, s, q, true);
        c->tallies = tallies;
        answer_from_persons(c, ret);
    } else {
        engine_answer_done(ret);
    }
    free(c);
    return r;
}

result cube_count(const struct snapshot *s, const struct question *q, bool protect, struct engine_answer *ret, struct why *why)
{
    struct counting c CLEANUP(counting_done) = {0};
    result r = count(s, q, protect, &c, ret, why);
    if (!is_ok(r))
        engine_answer_done(ret);
    return r;
}
