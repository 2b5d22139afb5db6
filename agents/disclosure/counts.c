/*
 * Every published count is one `part` of the cube: a cell, a margin's cell, the total, below, above,
 * missing.  `counts_publish_part` is the one place where a true count becomes a value that leaves.
 *
 * What an event table cannot tell exactly (distinct persons over several slots) is withheld under ck.
 */
#include "agents/disclosure/counts.h"

#include <stdlib.h>

#include "agents/disclosure/parent_rule.h"
#include "agents/disclosure/profile.h"

enum { BOX_TEXT_MAX = 256 * 1024 };

static bool part_is_slot(const struct counts_context *x, const struct part *p)
{
    for (unsigned d = 0; d < x->q->dimension_count; d++)
        if (p->at[d] < 0)
            return false;
    return true;
}

/* Name for the noise of a parent near the threshold. */
#define PARENT_STATISTIC "parent"

/* By true counts alone a blank cell would tell on which side of 10 a group is, and two blanks whether one person is in
 * it.  So a parent that is large enough must be so with the noise of a count too (always ck's: from 18 on it is). */
result counts_parent_is_large(const struct counts_context *x, const struct parent *p, bool *ret, struct why *why)
{
    uint64_t least = x->rules->parent_persons_min;
    const struct ptable *noise = profile_rules(PROFILE_CK)->noise;
    struct question parent = *x->q; /* borrows all but the box */
    struct value_set left[BOX_VARIABLES_MAX];
    struct buffer box CLEANUP(buffer_done) = {0};
    uint32_t r;
    *ret = p->persons >= least;
    if (!*ret || p->persons >= least + CK_NOISE_MAX)
        return DONE;
    parent.box = left;
    parent.box_count = 0;
    for (unsigned b = 0; b < x->q->box_count; b++)
        if ((int)b != p->box)
            left[parent.box_count++] = x->q->box[b];
    buffer_init(&box, BOX_TEXT_MAX);
    TRY(question_cell_box(&parent, p->part.at, &box, why));
    TRY(cellkey_draw(x->key, PARENT_STATISTIC, x->edition, buffer_slice(&box), 0, p->persons, &r, why));
    *ret = (int64_t)p->persons + ptable_noise(noise, p->persons, r) >= (int64_t)least;
    return DONE;
}

/* Every parent, without early exit. */
static result parents_are_large(const struct counts_context *x, const struct part *cell, bool *ret, struct why *why)
{
    struct parent p;
    bool all = true, one;
    for (unsigned k = 0; k < x->q->box_count + x->q->dimension_count; k++) {
        if (!parent_at(x->q, x->a, cell, k, &p))
            continue;
        TRY(counts_parent_is_large(x, &p, &one, why));
        all &= one;
    }
    *ret = all;
    return DONE;
}

/* The cell's noised count, rounded where the data holder wants it so. */
static result publish_cell(const struct counts_context *x, struct slice box, uint64_t key_sum, uint64_t persons, int64_t *ret, struct why *why)
{
    int64_t v;
    TRY(cellkey_publish(x->key, x->rules->noise, x->edition, box, key_sum, persons, &v, why));
    if (x->q->dictionary->round5)
        return cellkey_round5(x->key, x->edition, box, v, ret, why);
    *ret = v;
    return DONE;
}

result counts_publish_part(const struct counts_context *x, const struct part *p, int64_t *ret, struct why *why)
{
    struct part_sum s = part_sum(&x->a->base, p);
    if (!x->key) {
        *ret = (int64_t)s.persons;
        return DONE;
    }
    *ret = CELL_WITHHELD;
    bool large;
    TRY(parents_are_large(x, p, &large, why));
    if (!large || (x->q->dictionary->event_table && !part_is_slot(x, p)))
        return DONE;
    struct buffer box CLEANUP(buffer_done) = {0};
    buffer_init(&box, BOX_TEXT_MAX);
    TRY(question_cell_box(x->q, p->at, &box, why));
    return publish_cell(x, buffer_slice(&box), s.key_sum, s.persons, ret, why);
}

static int by_name(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* The box of "missing in at least one of the dimensions" is no product of sets, so it has a text of its
 * own: the question's box, then any(<names in byte order>)=?. */
static result missing_box(const struct question *q, struct buffer *to, struct why *why)
{
    struct part all = {{CELL_FREE, CELL_FREE, CELL_FREE, CELL_FREE}};
    struct slice names[TABLE_DIMENSIONS_MAX];
    TRY(question_cell_box(q, all.at, to, why));
    for (unsigned d = 0; d < q->dimension_count; d++)
        names[d] = q->dictionary->variables[q->dimensions[d].variable].name;
    qsort(names, q->dimension_count, sizeof names[0], by_name);
    TRY(buffer_add_str(to, to->len > 0 ? ";any(" : "any(", why));
    for (unsigned d = 0; d < q->dimension_count; d++) {
        TRY(buffer_add_str(to, d > 0 ? "," : "", why));
        TRY(buffer_add(to, names[d], why));
    }
    return buffer_add_str(to, ")=?", why);
}

/* Rows with a missing value in any dimension. */
static result publish_missing(const struct counts_context *x, int64_t *ret, struct why *why)
{
    const struct cube *c = &x->a->base;
    if (c->dimension_count == 0) {
        *ret = 0;
        return DONE;
    }
    if (c->dimension_count == 1) {
        struct part p = {{(int)c->slots[0] - 1, CELL_FREE, CELL_FREE, CELL_FREE}};
        return counts_publish_part(x, &p, ret, why);
    }
    struct part_sum s = {0};
    for (uint64_t slot = 0; slot < c->slot_count; slot++) {
        struct part p = part_of_slot(c, slot);
        bool missing = false;
        for (unsigned d = 0; d < c->dimension_count; d++)
            missing = missing || p.at[d] == (int)c->slots[d] - 1;
        if (missing) {
            s.persons += c->persons[slot];
            s.key_sum += c->key_sums ? c->key_sums[slot] : 0;
        }
    }
    if (!x->key) {
        *ret = (int64_t)s.persons;
        return DONE;
    }
    *ret = CELL_WITHHELD;
    struct part all = {{CELL_FREE, CELL_FREE, CELL_FREE, CELL_FREE}};
    bool large;
    TRY(parents_are_large(x, &all, &large, why));
    if (!large || x->q->dictionary->event_table || !parent_rule_holds_missing(x->q, x->a, x->rules->parent_persons_min))
        return DONE;
    struct buffer box CLEANUP(buffer_done) = {0};
    buffer_init(&box, BOX_TEXT_MAX);
    TRY(missing_box(x->q, &box, why));
    return publish_cell(x, buffer_slice(&box), s.key_sum, s.persons, ret, why);
}

/* The cells in row-major order, as parts. */
static struct part part_of_cell(const struct question *q, uint64_t cell)
{
    struct part p = {{CELL_FREE, CELL_FREE, CELL_FREE, CELL_FREE}};
    for (unsigned d = q->dimension_count; d-- > 0;) {
        unsigned cells = dimension_cells(q, d);
        p.at[d] = (int)(cell % cells);
        cell /= cells;
    }
    return p;
}

static result publish_cells(const struct counts_context *x, struct published *p, struct why *why)
{
    p->cell_count = question_cells(x->q);
    p->cells = calloc(p->cell_count, sizeof *p->cells);
    if (!p->cells)
        return FAIL(why, LIMIT, "no memory for %llu cells", (unsigned long long)p->cell_count);
    for (uint64_t i = 0; i < p->cell_count; i++) {
        struct part part = part_of_cell(x->q, i);
        TRY(counts_publish_part(x, &part, &p->cells[i], why));
    }
    return DONE;
}

/* Margins are over the rows that lie in a cell: the other dimensions are narrowed to all their cells. */
static result publish_margins(const struct counts_context *x, struct published *p, struct why *why)
{
    p->margin_count = x->q->dimension_count;
    for (unsigned d = 0; d < p->margin_count; d++) {
        p->margin_cells[d] = dimension_cells(x->q, d);
        p->margins[d] = calloc(p->margin_cells[d], sizeof *p->margins[d]);
        if (!p->margins[d])
            return FAIL(why, LIMIT, "no memory for a margin of %u cells", p->margin_cells[d]);
        struct part part = {{CELL_INSIDE, CELL_INSIDE, CELL_INSIDE, CELL_INSIDE}};
        for (unsigned i = 0; i < p->margin_cells[d]; i++) {
            part.at[d] = (int)i;
            TRY(counts_publish_part(x, &part, &p->margins[d][i], why));
        }
    }
    return DONE;
}

/* A sparse table is refused as a whole: most of what it would show as filled is hardly above nothing.  Judged
 * by what would be published, never by true counts: a refusal without noise, on cells that the parent rule
 * blanks even, would tell exactly whether anybody is in a cell of one's choice.  Under ck counts below 5 are
 * published as 0, 5 or 6, seldom more (the p-table).  One cell is no table: a lone small count is what the noise is for. */
bool counts_too_sparse(const int64_t *cells, uint64_t count, int64_t small_published_max)
{
    uint64_t filled = 0, small = 0;
    for (uint64_t i = 0; i < count; i++) {
        bool shown = cells[i] != CELL_WITHHELD && cells[i] > 0;
        filled += shown;
        small += shown && cells[i] <= small_published_max;
    }
    return count > 1 && 100 * small > SPARSE_PERCENT_MAX * filled;
}

static result publish(const struct counts_context *x, struct published *p, struct why *why)
{
    const struct question *q = x->q;
    struct part inside = {{CELL_INSIDE, CELL_INSIDE, CELL_INSIDE, CELL_INSIDE}};
    p->statistic = q->statistic;
    TRY(publish_cells(x, p, why));
    TRY(publish_missing(x, &p->n_missing, why));
    if (q->statistic == STATISTIC_COUNT) {
        p->total = p->cells[0];
        return DONE;
    }
    if (q->statistic == STATISTIC_HISTOGRAM) {
        int cells = (int)dimension_cells(q, 0);
        struct part below = {{cells, CELL_FREE, CELL_FREE, CELL_FREE}}, above = {{cells + 1, CELL_FREE, CELL_FREE, CELL_FREE}};
        TRY(counts_publish_part(x, &below, &p->below, why));
        return counts_publish_part(x, &above, &p->above, why);
    }
    if (q->dimension_count > 1)
        TRY(publish_margins(x, p, why));
    return counts_publish_part(x, &inside, &p->total, why);
}

static result check_cube(const struct cube *c, const struct question *q, bool keys, struct why *why)
{
    uint64_t slots = 1;
    bool fits = c->dimension_count == q->dimension_count && c->persons && (!keys || c->key_sums);
    for (unsigned d = 0; fits && d < q->dimension_count; d++) {
        fits = c->slots[d] == dimension_cells(q, d) + CUBE_SLOTS_EXTRA;
        slots *= c->slots[d];
    }
    return fits && c->slot_count == slots ? DONE : FAIL(why, BROKEN, "the engine's cube does not fit the question");
}

result counts_check(const struct counts_context *x, struct why *why)
{
    TRY(check_cube(&x->a->base, x->q, true, why));
    if (x->a->parent_count != x->q->box_count)
        return FAIL(why, BROKEN, "the engine handed over %u parents for %u box variables", x->a->parent_count, x->q->box_count);
    for (unsigned b = 0; b < x->q->box_count; b++)
        TRY(check_cube(&x->a->parents[b], x->q, false, why));
    return DONE;
}

result counts_protect(const struct question *q, const struct engine_answer *a, struct cellkey *key,
                      struct slice edition, struct published *ret, struct why *why)
{
    const struct profile_rules *rules = profile_rules(q->dictionary->profile);
    if (!rules) /* dp promises more than this gives */
        return FAIL(why, DENIED, "counts with noise of their cells are not what profile %s promises", profile_name(q->dictionary->profile));
    if (q->statistic != STATISTIC_COUNT && q->statistic != STATISTIC_TABLE && q->statistic != STATISTIC_HISTOGRAM)
        return FAIL(why, DENIED, "a %s is not released under profile %s", statistic_name(q->statistic), profile_name(q->dictionary->profile));
    struct counts_context x = {q, a, key, rules, edition};
    TRY(counts_check(&x, why));
    struct published p CLEANUP(published_done);
    published_init(&p);
    TRY(publish(&x, &p, why)); /* all rules are evaluated, also for what is then refused */
    if (counts_too_sparse(p.cells, p.cell_count, rules->small_published_max))
        return FAIL(why, DENIED, "most of the table's non-empty cells are too small; ask for fewer or wider cells");
    *ret = p;
    published_init(&p);
    return DONE;
}

/* The engine's own figures: in an event table slots do not add up to margins. */
static result open_counts(const struct question *q, const struct engine_answer *a, struct published *p, struct why *why)
{
    struct counts_context x = {.q = q, .a = a};
    TRY(check_cube(&a->base, q, false, why));
    TRY(publish(&x, p, why));
    if (q->statistic == STATISTIC_COUNT)
        return DONE;
    p->n_missing = (int64_t)a->missing_persons;
    if (q->statistic == STATISTIC_TABLE)
        p->total = (int64_t)a->table_persons;
    for (unsigned d = 0; d < p->margin_count; d++)
        for (unsigned i = 0; i < p->margin_cells[d]; i++)
            p->margins[d][i] = (int64_t)a->margins[d][i];
    return DONE;
}

result counts_open(const struct question *q, const struct engine_answer *a, struct published *ret, struct why *why)
{
    struct published p CLEANUP(published_done);
    published_init(&p);
    if (q->dictionary->profile != PROFILE_OPEN)
        return FAIL(why, DENIED, "true values leave under profile open only");
    TRY(open_counts(q, a, &p, why));
    *ret = p;
    published_init(&p);
    return DONE;
}
