#include "agents/disclosure/charge.h"

#include <stdlib.h>

#include "agents/disclosure/cells.h"
#include "agents/disclosure/parent_rule.h"
#include "agents/disclosure/profile.h"
#include "agents/disclosure/ptable.h"
#include "agents/disclosure/summary.h"
#include "base/secret.h"

enum { CHARGE_TEXT_MAX = 256 * 1024 };

/* What noises a figure: the profile's table, the site's key, the edition. */
struct noising {
    struct cellkey *key;
    const struct ptable *noise;
    struct slice edition;
};

/* Names for the noise of figures that are not published as cells. */
#define CHARGE_STATISTIC_PARENT "charge-parent"
#define CHARGE_STATISTIC_DIFFERENCE "charge-difference"
#define CHARGE_STATISTIC_GROUP "charge-group"

uint32_t charge_micro(unsigned quarters, uint64_t s)
{
    uint64_t below = quarters + s;
    return (uint32_t)((4 * (uint64_t)CHARGE_ONE + below - 1) / below);
}

uint32_t charge_micro_of_cells(unsigned quarters, uint64_t s, unsigned groups)
{
    if (groups < 2)
        return charge_micro(quarters, s);
    uint64_t below = (uint64_t)quarters * groups + 4 * s; /* s is at most CHARGE_STEP_LAST: nothing overflows */
    return (uint32_t)((8 * (uint64_t)groups * CHARGE_ONE + below - 1) / below);
}

uint64_t charge_step(uint64_t n)
{
    uint64_t step = CHARGE_STEP_FIRST;
    while (step < CHARGE_STEP_LAST && 2 * step <= n)
        step *= 2;
    return step;
}

static void name(struct charge *c, unsigned variable)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->items[i].variable == variable)
            return;
    c->items[c->count++] = (struct charge_item){.variable = variable};
}

void charge_variables(const struct question *q, struct charge *ret)
{
    *ret = (struct charge){0};
    for (unsigned b = 0; b < q->box_count; b++)
        name(ret, q->box[b].variable);
    for (unsigned d = 0; d < q->dimension_count; d++)
        name(ret, q->dimensions[d].variable);
    for (unsigned i = 0; i < q->variable_count; i++)
        name(ret, q->variables[i]);
    if (q->by >= 0)
        name(ret, (unsigned)q->by);
}

/* --- the smallest parent ------------------------------------------------------------------------ */

struct smallest {
    uint64_t persons;
    struct part part;
};

/* Over the cells of a cube, dimension `variable` free: slots that differ in it alone are gathered first, so that the
 * work is one round over the slots, however many share a parent.  An event table's slots do not add up: the largest
 * of them is certain. */
static result smallest_parent(const struct question *q, const struct cube *c, unsigned variable, struct smallest *ret, struct why *why)
{
    struct smallest least = {.persons = UINT64_MAX};
    uint64_t inner = 1, dropped = 1; /* slots behind the dropped dimension, and its own */
    bool seen = false;
    for (unsigned d = 0; d < c->dimension_count; d++) {
        if (q->dimensions[d].variable == variable)
            dropped = c->slots[d], seen = true;
        else if (seen)
            inner *= c->slots[d];
    }
    uint64_t outer = c->slot_count / (inner * dropped);
    uint64_t *gathered = calloc(outer * inner, sizeof *gathered);
    if (!gathered)
        return FAIL(why, LIMIT, "no memory for the groups of a table");
    for (uint64_t slot = 0; slot < c->slot_count; slot++) {
        uint64_t *at = &gathered[slot / (inner * dropped) * inner + slot % inner];
        uint64_t more = q->dictionary->event_table ? (c->persons[slot] > *at ? c->persons[slot] : *at) : *at + c->persons[slot];
        *at = more;
    }
    for (uint64_t k = 0; k < outer * inner; k++) {
        if (gathered[k] >= least.persons)
            continue;
        struct part p = part_of_slot(c, k / inner * inner * dropped + k % inner);
        bool inside = true;
        for (unsigned d = 0; d < c->dimension_count; d++) {
            bool is_dropped = q->dimensions[d].variable == variable;
            inside = inside && (is_dropped || p.at[d] < (int)dimension_cells(q, d));
            p.at[d] = is_dropped ? CELL_FREE : p.at[d];
        }
        if (inside)
            least = (struct smallest){gathered[k], p};
    }
    wipe(gathered, outer * inner * sizeof *gathered);
    free(gathered);
    *ret = least;
    return DONE;
}

/* The figure with keyed noise, as a step. */
static result noised_step(const struct noising *x, const char *statistic, struct slice text, uint64_t n, uint64_t *ret, struct why *why)
{
    uint32_t r;
    TRY(cellkey_draw(x->key, statistic, x->edition, text, 0, n, &r, why));
    int64_t noised = (int64_t)(n < INT64_MAX / 2 ? n : INT64_MAX / 2) + ptable_noise(x->noise, n, r);
    *ret = charge_step(noised < 0 ? 0 : (uint64_t)noised);
    return DONE;
}

/* The box of a parent: the question's without a box variable, narrowed to the part. */
static result parent_step(const struct question *q, int box_variable, const struct smallest *least, const struct noising *x,
                          uint64_t *ret, struct why *why)
{
    struct question parent = *q; /* borrows all but the box */
    struct value_set left[BOX_VARIABLES_MAX];
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, CHARGE_TEXT_MAX);
    parent.box = left;
    parent.box_count = 0;
    for (unsigned b = 0; b < q->box_count; b++)
        if ((int)b != box_variable)
            left[parent.box_count++] = q->box[b];
    TRY(question_cell_box(&parent, least->part.at, &text, why));
    return noised_step(x, CHARGE_STATISTIC_PARENT, buffer_slice(&text), least->persons, ret, why);
}

/* What a histogram shows beside its cells (below, above, missing) has parents too; only those that are shown count, by
 * the draw that blanks them, lest every variable that few lack be dear. */
static result smallest_beside(const struct question *q, const struct engine_answer *a, int box, const struct noising *x, struct smallest *least, struct why *why)
{
    struct counts_context c = {q, a, x->key, profile_rules(q->dictionary->profile), x->edition};
    if (q->statistic != STATISTIC_HISTOGRAM || box < 0 || !c.rules || q->box[box].variable == q->dimensions[0].variable)
        return DONE;
    for (unsigned extra = 0; extra < CUBE_SLOTS_EXTRA; extra++) {
        struct parent p = {box, {{(int)(dimension_cells(q, 0) + extra), CELL_FREE, CELL_FREE, CELL_FREE}}, 0};
        bool large;
        p.persons = part_sum(&a->parents[box], &p.part).persons;
        TRY(counts_parent_is_large(&c, &p, &large, why));
        if (large && p.persons < least->persons)
            *least = (struct smallest){p.persons, p.part};
    }
    return DONE;
}

static int in_box(const struct question *q, unsigned variable)
{
    for (unsigned b = 0; b < q->box_count; b++)
        if (q->box[b].variable == variable)
            return (int)b;
    return -1;
}

/* Persons by the groups of a summary: a table by `by`, from the counts of a variable with and without a value. */
static result groups_cube(const struct question *q, const struct engine_answer *a, int box, struct question *ret_table, struct cube *ret, struct why *why)
{
    const struct cube *c = box >= 0 ? &a->counts[0].parents[box] : &a->counts[0].base;
    *ret_table = summary_counts(q, 0);
    ret_table->dimension_count = 1;
    *ret = (struct cube){.dimension_count = 1, .slots = {c->slots[0]}, .slot_count = c->slots[0], .persons = calloc(c->slots[0], sizeof *ret->persons)};
    if (!ret->persons)
        return FAIL(why, LIMIT, "no memory for the groups of a summary");
    for (uint64_t i = 0; i < c->slot_count; i++)
        ret->persons[i / c->slots[1]] += c->persons[i];
    return DONE;
}

static result smallest_group(const struct question *q, const struct engine_answer *a, int box, unsigned variable, struct smallest *ret, struct question *ret_table,
                             struct why *why)
{
    struct cube groups;
    TRY(groups_cube(q, a, box, ret_table, &groups, why));
    result r = smallest_parent(ret_table, &groups, variable, ret, why);
    wipe(groups.persons, groups.slot_count * sizeof *groups.persons);
    free(groups.persons);
    return r;
}

static result step_without(const struct question *q, const struct engine_answer *a, unsigned variable, const struct noising *x,
                           uint64_t *ret, struct why *why)
{
    int box = in_box(q, variable);
    struct smallest least;
    if (q->by >= 0 && a->weighted) {
        struct question table;
        TRY(smallest_group(q, a, box, variable, &least, &table, why));
        return parent_step(&table, box, &least, x, ret, why);
    }
    TRY(smallest_parent(q, box >= 0 ? &a->parents[box] : &a->base, variable, &least, why));
    TRY(smallest_beside(q, a, box, x, &least, why));
    return parent_step(q, box, &least, x, ret, why);
}

/* --- summaries ---------------------------------------------------------------------------------- */

/* A group of a summary, of those with a value of its v-th variable: the same set is the same draw, whatever else is asked. */
static result group_step(const struct question *q, unsigned v, int group, uint64_t n, const struct noising *x, uint64_t *ret, struct why *why)
{
    struct question counted = summary_counts(q, v);
    int at[TABLE_DIMENSIONS_MAX] = {group, CELL_FREE, CELL_FREE, CELL_FREE};
    struct buffer text CLEANUP(buffer_done) = {0};
    at[counted.dimension_count - 1] = 0;
    buffer_init(&text, CHARGE_TEXT_MAX);
    TRY(question_cell_box(&counted, at, &text, why));
    return noised_step(x, CHARGE_STATISTIC_GROUP, buffer_slice(&text), n, ret, why);
}

/* The smallest group of a summarized variable, also where no mean is shown. */
static result step_of_group(const struct question *q, const struct engine_answer *a, unsigned variable, const struct noising *x,
                            uint64_t *ret, struct why *why)
{
    uint64_t least = UINT64_MAX;
    unsigned v = 0, group = 0;
    while (q->variables[v] != variable)
        v++;
    for (unsigned g = 0; (a->weighted || a->summary) && g < question_groups(q) && g < a->summary_groups; g++) {
        size_t i = (size_t)g * a->summary_variables + v;
        uint64_t n = a->weighted ? a->weighted[i].n : a->summary[i].n;
        if (n < least) {
            least = n;
            group = g;
        }
    }
    return group_step(q, v, (int)group, least < a->cohort ? least : a->cohort, x, ret, why);
}

/* Those with a value of some variable are told apart from the others: then the summary is about several sets of one box,
 * which the audit does not compare and which may differ by one person. */
static result is_of_several(const struct question *q, const struct engine_answer *a, const struct noising *x, bool *ret, struct why *why)
{
    *ret = false;
    for (unsigned v = 0; a->weighted && v < q->variable_count; v++) {
        struct question counted = summary_counts(q, v);
        struct counts_context c = {&counted, &a->counts[v], x->key, profile_rules(q->dictionary->profile), x->edition};
        if (!c.rules)
            return FAIL(why, BROKEN, "a summary that is not of a protected profile");
        for (unsigned g = 0; g < question_groups(q) && g < a->summary_groups; g++) {
            struct summary_shown shown;
            TRY(summary_shown_of(&c, (int)g, &a->weighted[(size_t)g * a->summary_variables + v], &shown, why));
            *ret |= shown.apart;
        }
    }
    return DONE;
}

static bool is_summarized(const struct question *q, unsigned variable)
{
    for (unsigned i = 0; i < q->variable_count; i++)
        if (q->variables[i] == variable)
            return true;
    return false;
}

/* A box that is narrowed and then divided: two such boxes may differ by many persons as a whole, and in one cell by
 * nobody or by one.  The audit sees the whole, so the step is what keeps half of the answers, less the other half, at
 * the bound of the cap: with 7 + s/4 answers the variance of their difference is 4V / (7 + s/4), which is 1 at s = 84. */
static bool is_narrowed_and_divided(const struct question *q)
{
    return q->box_count > 0 && (q->dimension_count > 0 || q->by >= 0);
}

/* How many groups of its values the answer tells a variable in: what a person's value moves is two of them. */
static unsigned groups_of(const struct question *q, unsigned variable)
{
    uint64_t groups = 1;
    for (unsigned d = 0; d < q->dimension_count; d++)
        if (q->dimensions[d].variable == variable)
            groups = dimension_cells(q, d);
    if (q->by == (int)variable)
        groups = question_groups(q);
    return groups < CHARGE_GROUPS_MAX ? (unsigned)groups : CHARGE_GROUPS_MAX;
}

/* What the others hide may count for no more than it does where CHARGE_STEP_NARROWED is one group's: s/4 there, s/groups here. */
static uint64_t narrowed_most(unsigned groups)
{
    return groups < 2 ? CHARGE_STEP_NARROWED : (uint64_t)CHARGE_STEP_NARROWED / 4 * groups;
}

/* A summary tells of its box and its groups anew with every variable: who has a value of it is a set of its own, with
 * noise of its own, though it be the same persons. */
static uint32_t times(uint32_t micro, unsigned count)
{
    uint64_t all = (uint64_t)micro * count;
    return all < UINT32_MAX ? (uint32_t)all : UINT32_MAX;
}

/* What a variable of a table takes: s of its smallest parent, and how many groups it is divided into. */
static result step_in_table(const struct question *q, const struct engine_answer *a, unsigned variable, const struct noising *x, bool several,
                            uint64_t apart, uint32_t *ret_micro, struct why *why)
{
    unsigned quarters = (unsigned)(4 * x->noise->variance + 0.5), groups = groups_of(q, variable);
    uint64_t most = is_narrowed_and_divided(q) || several ? narrowed_most(groups) : CHARGE_STEP_LAST, s;
    TRY(step_without(q, a, variable, x, &s, why));
    s = s < most ? s : most;
    *ret_micro = charge_micro_of_cells(quarters, s < apart ? s : apart, groups);
    return DONE;
}

static void more(struct charge *c, unsigned variable, uint32_t micro)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->items[i].variable == variable)
            c->items[i].micro = c->items[i].micro < UINT32_MAX - micro ? c->items[i].micro + micro : UINT32_MAX;
}

/* What quantiles of a variable are read from: charged to every variable in it as the table that it is. */
static result add_histogram(const struct question *q, const struct engine_answer *a, unsigned variable, const struct noising *x, uint64_t apart,
                            struct charge *c, struct why *why)
{
    struct summary_histogram h;
    struct charge named;
    uint32_t micro;
    if (variable >= a->histogram_count)
        return FAIL(why, BROKEN, "the engine's histograms do not fit the question");
    TRY(summary_histogram(q, variable, &h, why));
    charge_variables(&h.question, &named);
    for (unsigned i = 0; i < named.count; i++) {
        TRY(step_in_table(&h.question, &a->histograms[variable], named.items[i].variable, x, false, apart, &micro, why));
        more(c, named.items[i].variable, micro);
    }
    return DONE;
}

result charge_of(const struct question *q, const struct engine_answer *a, struct cellkey *key, struct slice edition,
                 const struct ptable *noise, uint64_t difference, struct charge *ret, struct why *why)
{
    struct noising x = {key, noise, edition};
    struct charge c;
    uint64_t apart, s;
    bool several;
    struct buffer cohort CLEANUP(buffer_done) = {0};
    if (a->parent_count != q->box_count)
        return FAIL(why, BROKEN, "the engine handed over %u parents for %u box variables", a->parent_count, q->box_count);
    buffer_init(&cohort, QUESTION_BYTES_MAX);
    TRY(question_cohort(q, &cohort, why));
    apart = CHARGE_STEP_LAST;
    if (difference < CHARGE_STEP_LAST)
        TRY(noised_step(&x, CHARGE_STATISTIC_DIFFERENCE, buffer_slice(&cohort), difference, &apart, why));
    charge_variables(q, &c);
    TRY(is_of_several(q, a, &x, &several, why));
    for (unsigned i = 0; i < c.count; i++) {
        bool model = is_summarized(q, c.items[i].variable);
        if (!model) {
            uint32_t micro;
            TRY(step_in_table(q, a, c.items[i].variable, &x, several, apart, &micro, why));
            c.items[i].micro = times(micro, q->variable_count > 1 ? q->variable_count : 1);
            continue;
        }
        uint64_t most = is_narrowed_and_divided(q) ? narrowed_most(1) : CHARGE_STEP_LAST;
        TRY(step_of_group(q, a, c.items[i].variable, &x, &s, why));
        s = s < most ? s : most;
        c.items[i].micro = charge_micro(CHARGE_MODEL_QUARTERS, s < apart ? s : apart);
    }
    for (unsigned v = 0; q->quantile_count && v < q->variable_count; v++)
        TRY(add_histogram(q, a, v, &x, apart, &c, why));
    *ret = c;
    return DONE;
}
