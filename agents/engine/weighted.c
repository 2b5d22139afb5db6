/*
 * Two passes over the rows.  The first tells who is counted (persons and record keys, by group, with a value and
 * without, in the cohort and in each parent) and the extremes; the second sums deviations, those of the persons with
 * the larger weight apart.  A set's signs come in the order of its rows (jitter.h), so the second pass reads the
 * cohort from a bitmap that the first has left.  Each pass goes in parts of the rows, which two threads share
 * (halves.h): cut at the same rows and gathered in their order, so that sums are rounded alike.
 *
 * Without `by`, rows go two at a time and 64 share a word of signs; with it, each goes to its group.
 */
#include "agents/engine/weighted.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "agents/engine/cells.h"
#include "agents/engine/cohort.h"
#include "agents/engine/cube.h"
#include "agents/engine/halves.h"
#include "agents/engine/quantiles.h"
#include "agents/weakened.h"
#include "base/secret.h"

enum { BOX_TEXT_MAX = 256 * 1024, WORD_ROWS = 64, EMPTY_ROWS_A_GROUP = 64, PARTS_MAX = 16, PARTS_ROWS_MIN = 64 * 1024, PARTS_ROWS_A_PLACE = 4096, CHUNK_WORDS = CHUNK_ROWS / WORD_ROWS,
       /* states of the one cell of summary_counts (agents/engine/cells.h) */
       VALUE_STATES = 4, VALUE_THERE = 1, VALUE_MISSING = 3 };

typedef double two __attribute__((vector_size(16)));
typedef int64_t two_masks __attribute__((vector_size(16)));
typedef uint64_t two_words __attribute__((vector_size(16)));

/* `part` gathers a stretch of rows in double, and is then emptied into the long sums. */
struct one {
    struct weighted w;
    struct signs signs;
    uint64_t before; /* persons with a value in the parts before this one */
    struct jittered sums;
    struct gathered {
        uint64_t n;
        double sum, squares;
    } part[2];
};

struct weighing {
    const struct snapshot *snapshot;
    const struct question *question;
    struct jitter *jitter;
    struct cohort cohort;
    struct cells by;
    uint32_t groups; /* as states: 0 missing, 1.. levels; one without `by` */
    uint32_t blocks, places; /* places: blocks * groups */
    uint64_t from, to;       /* rows of this part */
    struct one *one;                            /* [group][variable] */
    tally *tallies[SUMMARY_VARIABLES_MAX];      /* [block][group][VALUE_STATES], as cube_of_tallies takes them */
    tally *cohorts;                             /* [block] */
    uint64_t *selected;                         /* a bit a row, least significant first; NULL: all of them */
};

static struct one *at(const struct weighing *x, uint32_t group, unsigned variable)
{
    return &x->one[(size_t)group * x->question->variable_count + variable];
}

static void wipe_and_free(void *at_, size_t bytes)
{
    if (at_)
        wipe(at_, bytes);
    free(at_);
}

/* What each part fills for itself. */
static void own_done(struct weighing *x)
{
    wipe_and_free(x->one, (size_t)x->groups * x->question->variable_count * sizeof *x->one);
    for (unsigned v = 0; v < x->question->variable_count; v++)
        wipe_and_free(x->tallies[v], (size_t)x->places * VALUE_STATES * sizeof *x->tallies[v]);
}

static void weighing_done(struct weighing *x)
{
    cohort_done(&x->cohort);
    own_done(x);
    wipe_and_free(x->cohorts, x->blocks * sizeof *x->cohorts);
    wipe_and_free(x->selected, (x->snapshot->facts.rows / WORD_ROWS + 1) * sizeof *x->selected);
}

static double clamped(double value, const struct variable *v)
{
    double low = value < v->clamp_low ? v->clamp_low : value;
    return low > v->clamp_high ? v->clamp_high : low;
}

/* Most values are neither: one comparison each, that the processor foresees. */
static inline void extremes(struct weighted *w, double value)
{
    if (value > w->second) {
        w->second = value > w->largest ? w->largest : value;
        w->largest = value > w->largest ? value : w->largest;
    }
    if (value < w->smallest)
        w->smallest = value;
}

/* --- rows of a chunk ---------------------------------------------------------------------------- */

struct chunk {
    uint64_t first;
    size_t n;
    uint32_t group[CHUNK_ROWS];
    uint8_t fails[CHUNK_ROWS], which[CHUNK_ROWS]; /* of no meaning where everybody is in the cohort */
    uint64_t bits[CHUNK_WORDS];                   /* the cohort */
};

/* Bit i: byte i is 0 (of 8 bytes, each 0 or not). */
static uint64_t bits_of_zeros(const uint8_t *bytes, size_t n)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++)
        bits |= (uint64_t)(bytes[i] == 0) << i;
    return bits;
}

static void chunk_cohort(const struct weighing *x, struct chunk *c)
{
    for (size_t i = 0; i < c->n; i += WORD_ROWS) {
        size_t left = c->n - i < WORD_ROWS ? c->n - i : WORD_ROWS;
        c->bits[i / WORD_ROWS] = left < WORD_ROWS ? (UINT64_C(1) << left) - 1 : UINT64_MAX;
    }
    if (!x->selected)
        return;
    cohort_chunk(&x->cohort, c->first, c->n, c->fails, c->which);
    for (size_t i = 0; i < c->n; i += WORD_ROWS) {
        size_t left = c->n - i < WORD_ROWS ? c->n - i : WORD_ROWS;
        c->bits[i / WORD_ROWS] = bits_of_zeros(c->fails + i, left);
        x->selected[(c->first + i) / WORD_ROWS] = c->bits[i / WORD_ROWS];
    }
}

static void chunk_again(const struct weighing *x, struct chunk *c)
{
    for (size_t i = 0; i < c->n; i += WORD_ROWS) {
        size_t left = c->n - i < WORD_ROWS ? c->n - i : WORD_ROWS;
        c->bits[i / WORD_ROWS] = x->selected ? x->selected[(c->first + i) / WORD_ROWS] : left < WORD_ROWS ? (UINT64_C(1) << left) - 1 : UINT64_MAX;
    }
}

static void chunk_groups(const struct weighing *x, struct chunk *c)
{
    memset(c->group, 0, c->n * sizeof *c->group);
    if (x->question->by >= 0)
        cells_chunk(&x->by, c->first, c->n, c->group);
}

/* --- the first pass ------------------------------------------------------------------------------ */

/* Rows that fail one box variable only: counted with the parent that forgets it. */
static void count_parents(const struct weighing *x, const struct chunk *c, const double *values, tally *tallies)
{
    const uint32_t groups = x->groups;
    for (size_t i = 0; i < c->n; i++)
        if (c->fails[i] == 1)
            tallies[((1u + c->which[i]) * groups + c->group[i]) * VALUE_STATES + (isnan(values[i]) ? VALUE_MISSING : VALUE_THERE)] += (tally){1, 0};
}

static const two_masks pair_masks[4] = {{0, 0}, {-1, 0}, {0, -1}, {-1, -1}};

/* 64 rows, or fewer: all of those whose bit is set. */
struct stretch {
    two_words n, keys, keys_all;
    two total, largest, smallest;
};

static inline two pick(two_masks m, two a, two b)
{
    return (two)(((two_masks)a & m) | ((two_masks)b & ~m));
}

/* Pairs of rows: `pairs` of them, at least two pairs together. */
static void look_pairs(struct stretch *t, const double *values, const uint64_t *keys, size_t pairs, uint64_t bits, two low, two high)
{
    struct stretch s = *t;
    const two least = {-INFINITY, -INFINITY}, most = {INFINITY, INFINITY};
    for (size_t i = 0; i < pairs; i++, bits >>= 2) {
        two v;
        two_words k;
        memcpy(&v, values + 2 * i, sizeof v);
        memcpy(&k, keys + 2 * i, sizeof k);
        two_masks in = pair_masks[bits & 3], there = in & (v == v);
        v = pick(v < low, low, v);
        v = pick(v > high, high, v);
        s.n -= (two_words)there;
        s.keys += k & (two_words)there;
        s.keys_all += k & (two_words)in;
        s.total += (two)((two_masks)v & there);
        two up = pick(there, v, least), down = pick(there, v, most);
        s.largest = pick(up > s.largest, up, s.largest);
        s.smallest = pick(down < s.smallest, down, s.smallest);
    }
    *t = s;
}

/* A chunk of one variable, no groups. */
static void look_chunk(const struct weighing *x, const struct chunk *c, unsigned v)
{
    const struct variable *variable = &x->question->dictionary->variables[x->question->variables[v]];
    const double *values = (const double *)x->snapshot->columns[x->question->variables[v]].at + c->first;
    const uint64_t *keys = x->snapshot->keys + c->first;
    const two low = {variable->clamp_low, variable->clamp_low}, high = {variable->clamp_high, variable->clamp_high};
    struct stretch s = {.largest = {-INFINITY, -INFINITY}, .smallest = {INFINITY, INFINITY}};
    uint64_t in = 0;
    struct one *o = at(x, 0, v);
    for (size_t i = 0; i < c->n; i += WORD_ROWS) {
        size_t left = c->n - i < WORD_ROWS ? c->n - i : WORD_ROWS;
        uint64_t bits = c->bits[i / WORD_ROWS];
        in += (unsigned)__builtin_popcountll(bits);
        if (bits)
            look_pairs(&s, values + i, keys + i, left / 2, bits, low, high);
        if (left % 2 && bits >> (left - 1)) { /* the very last row */
            double alone[2] = {values[i + left - 1], (double)NAN};
            uint64_t key[2] = {keys[i + left - 1], 0};
            look_pairs(&s, alone, key, 1, 1, low, high);
        }
    }
    uint64_t n = s.n[0] + s.n[1], with = s.keys[0] + s.keys[1];
    double largest = fmax(s.largest[0], s.largest[1]), smallest = fmin(s.smallest[0], s.smallest[1]);
    x->tallies[v][VALUE_THERE] += (tally){n, with};
    x->tallies[v][VALUE_MISSING] += (tally){in - n, s.keys_all[0] + s.keys_all[1] - with};
    o->w.total += s.total[0] + s.total[1];
    bool news = largest > o->w.second || smallest < o->w.smallest;
    for (size_t i = 0; news && i < c->n; i++)
        if (c->bits[i / WORD_ROWS] >> i % WORD_ROWS & 1 && !isnan(values[i]))
            extremes(&o->w, clamped(values[i], variable));
}

static void look_groups(const struct weighing *x, const struct chunk *c, unsigned v)
{
    const struct variable *variable = &x->question->dictionary->variables[x->question->variables[v]];
    const double *values = (const double *)x->snapshot->columns[x->question->variables[v]].at + c->first;
    const uint64_t *keys = x->snapshot->keys + c->first;
    tally *tallies = x->tallies[v];
    struct one *ones = at(x, 0, v);
    const size_t step = x->question->variable_count;
    for (size_t i = 0; i < c->n; i++) {
        if (!(c->bits[i / WORD_ROWS] >> i % WORD_ROWS & 1))
            continue;
        bool there = !isnan(values[i]);
        tallies[c->group[i] * VALUE_STATES + (there ? VALUE_THERE : VALUE_MISSING)] += (tally){1, keys[i]};
        if (there) {
            struct weighted *w = &ones[c->group[i] * step].w;
            double value = clamped(values[i], variable);
            w->total += value;
            extremes(w, value);
        }
    }
}

static void first_pass(const struct weighing *x, struct chunk *c)
{
    const struct snapshot *s = x->snapshot;
    for (c->first = x->from; c->first < x->to; c->first += CHUNK_ROWS) {
        c->n = x->to - c->first < CHUNK_ROWS ? (size_t)(x->to - c->first) : CHUNK_ROWS;
        chunk_groups(x, c);
        chunk_cohort(x, c);
        for (unsigned v = 0; v < x->question->variable_count; v++) {
            if (x->blocks > 1)
                count_parents(x, c, (const double *)s->columns[x->question->variables[v]].at + c->first, x->tallies[v]);
            (x->question->by >= 0 ? look_groups : look_chunk)(x, c, v);
        }
    }
}

/* --- the second pass ----------------------------------------------------------------------------- */

/* bits of `from`, lowest first, to where `mask` has bits: what the processor calls pdep. */
static uint64_t spread_slowly(uint64_t from, uint64_t mask)
{
    uint64_t to = 0;
    for (; mask; mask &= mask - 1, from >>= 1)
        if (from & 1)
            to |= mask & -mask;
    return to;
}

#if defined(__x86_64__)
__attribute__((target("bmi2"))) static uint64_t spread_at_once(uint64_t from, uint64_t mask)
{
    return __builtin_ia32_pdep_di(from, mask);
}
#endif

static uint64_t (*spread_of_processor(void))(uint64_t, uint64_t)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("bmi2"))
        return spread_at_once;
#endif
    return spread_slowly;
}

/* The next signs of a large set, for the rows whose bits are set. */
static uint64_t signs_for(struct jitter *j, struct signs *s, uint64_t bits, uint64_t (*spread)(uint64_t, uint64_t))
{
    unsigned wanted = (unsigned)__builtin_popcountll(bits);
    uint64_t word = s->rest;
    unsigned have = s->left;
    if (have < wanted) {
        uint64_t more = jitter_word(j, s);
        word |= have < 64 ? more << have : 0;
        s->rest = wanted - have < 64 ? more >> (wanted - have) : 0;
        s->left = 64 - (wanted - have);
    } else {
        s->rest = wanted < 64 ? word >> wanted : 0;
        s->left = have - wanted;
    }
    return bits == UINT64_MAX ? word : spread(word, bits);
}

struct sums {
    two all, squares, plus, plus_squares;
};

static void add_pairs(struct sums *t, const double *values, size_t pairs, uint64_t bits, uint64_t plus, two low, two high, two centre)
{
    struct sums s = *t;
    for (size_t i = 0; i < pairs; i++, bits >>= 2, plus >>= 2) {
        two v;
        memcpy(&v, values + 2 * i, sizeof v);
        v = pick(v < low, low, v);
        v = pick(v > high, high, v);
        two d = (two)((two_masks)(v - centre) & pair_masks[bits & 3]), e = (two)((two_masks)d & pair_masks[plus & 3]);
        s.all += d;
        s.squares += d * d;
        s.plus += e;
        s.plus_squares += e * e;
    }
    *t = s;
}

/* Bit i: values[i] is one. */
static uint64_t bits_of_values(const double *values, size_t n)
{
    uint8_t missing[WORD_ROWS];
    for (size_t i = 0; i < n; i++)
        missing[i] = (uint8_t)(isnan(values[i]) != 0);
    uint64_t bits = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) { /* a byte each, gathered by a multiplication */
        uint64_t eight = 0;
        for (unsigned k = 0; k < 8; k++)
            eight |= (uint64_t)missing[i + k] << 8 * k;
        bits |= (~(eight * UINT64_C(0x0102040810204080) >> 56) & 0xff) << i;
    }
    for (; i < n; i++)
        bits |= (uint64_t)!missing[i] << i;
    return bits;
}

static void add_chunk(const struct weighing *x, const struct chunk *c, unsigned v, uint64_t (*spread)(uint64_t, uint64_t))
{
    const struct variable *variable = &x->question->dictionary->variables[x->question->variables[v]];
    const double *values = (const double *)x->snapshot->columns[x->question->variables[v]].at + c->first;
    const uint64_t *keys = x->snapshot->keys + c->first;
    struct one *o = at(x, 0, v);
    const two low = {variable->clamp_low, variable->clamp_low}, high = {variable->clamp_high, variable->clamp_high};
    const two centre = {o->sums.centre, o->sums.centre};
    struct sums s = {0};
    uint64_t n[2] = {0};
    for (size_t i = 0; i < c->n; i += WORD_ROWS) {
        size_t left = c->n - i < WORD_ROWS ? c->n - i : WORD_ROWS;
        uint64_t bits = c->bits[i / WORD_ROWS], plus = 0;
        if (bits)
            bits &= bits_of_values(values + i, left);
        if (!bits)
            continue;
        if (o->signs.by_mac) {
            for (uint64_t rest = bits; rest; rest &= rest - 1) {
                unsigned k = (unsigned)__builtin_ctzll(rest);
                plus |= (uint64_t)jitter_next(x->jitter, &o->signs, keys[i + k]) << k;
            }
        } else {
            plus = signs_for(x->jitter, &o->signs, bits, spread);
        }
        unsigned all = (unsigned)__builtin_popcountll(bits), more = (unsigned)__builtin_popcountll(plus);
        n[0] += all - more;
        n[1] += more;
        add_pairs(&s, values + i, left / 2, bits, plus, low, high, centre);
        if (left % 2 && bits >> (left - 1)) {
            double alone[2] = {values[i + left - 1], 0};
            add_pairs(&s, alone, 1, 1, plus >> (left - 1), low, high, centre);
        }
    }
    long double all = (long double)s.all[0] + s.all[1], squares = (long double)s.squares[0] + s.squares[1];
    long double plus = (long double)s.plus[0] + s.plus[1], plus_squares = (long double)s.plus_squares[0] + s.plus_squares[1];
    o->sums.n[0] += n[0];
    o->sums.n[1] += n[1];
    o->sums.sum[0] += all - plus;
    o->sums.sum[1] += plus;
    o->sums.squares[0] += squares - plus_squares;
    o->sums.squares[1] += plus_squares;
}

static void add_groups(const struct weighing *x, const struct chunk *c, unsigned v)
{
    const struct variable *variable = &x->question->dictionary->variables[x->question->variables[v]];
    const double *values = (const double *)x->snapshot->columns[x->question->variables[v]].at + c->first;
    const uint64_t *keys = x->snapshot->keys + c->first;
    struct one *ones = at(x, 0, v);
    const size_t step = x->question->variable_count;
    for (size_t i = 0; i < c->n; i++) {
        if (!(c->bits[i / WORD_ROWS] >> i % WORD_ROWS & 1) || isnan(values[i]))
            continue;
        struct one *o = &ones[c->group[i] * step];
        struct gathered *part = &o->part[jitter_next(x->jitter, &o->signs, keys[i])];
        double d = clamped(values[i], variable) - o->sums.centre;
        part->n++;
        part->sum += d;
        part->squares += d * d;
    }
}

static void empty(const struct weighing *x)
{
    for (size_t i = 0; i < (size_t)x->groups * x->question->variable_count; i++)
        for (unsigned plus = 0; plus < 2; plus++) {
            struct gathered *part = &x->one[i].part[plus];
            x->one[i].sums.n[plus] += part->n;
            x->one[i].sums.sum[plus] += part->sum;
            x->one[i].sums.squares[plus] += part->squares;
            *part = (struct gathered){0};
        }
}

static void second_pass(const struct weighing *x, struct chunk *c)
{
    uint64_t (*spread)(uint64_t, uint64_t) = spread_of_processor();
    uint64_t gathered = 0, stretch = (uint64_t)x->groups * EMPTY_ROWS_A_GROUP; /* so that emptying costs little */
    for (c->first = x->from; c->first < x->to; c->first += CHUNK_ROWS) {
        c->n = x->to - c->first < CHUNK_ROWS ? (size_t)(x->to - c->first) : CHUNK_ROWS;
        chunk_groups(x, c);
        chunk_again(x, c);
        for (unsigned v = 0; v < x->question->variable_count; v++) {
            if (x->question->by >= 0)
                add_groups(x, c, v);
            else
                add_chunk(x, c, v, spread);
        }
        gathered += c->n;
        if (gathered >= stretch) {
            empty(x);
            gathered = 0;
        }
    }
    empty(x);
}

/* --- the answer ---------------------------------------------------------------------------------- */

/* Weights that hung on the persons alone would tell two equal sets by equal means: one box is another's without a
 * person, the means are the same, so he was not in the first either.  So the box is in the key, as it is in a cell's;
 * it is public, and the sum it is added to is not.  The variable is not: a set has one weight a person for all. */
static result mark_of_box(const struct weighing *x, uint32_t group, unsigned variable, uint64_t *ret, struct why *why)
{
    struct question counted = summary_counts(x->question, variable);
    int slot[TABLE_DIMENSIONS_MAX] = {CELL_FREE, CELL_FREE, CELL_FREE, CELL_FREE};
    struct buffer box CLEANUP(buffer_done) = {0};
    if (x->question->by >= 0) /* missing comes first here, and last among a dimension's slots */
        slot[0] = group == 0 ? (int)dimension_cells(&counted, 0) + CUBE_SLOTS_EXTRA - 1 : (int)group - 1;
    buffer_init(&box, BOX_TEXT_MAX);
    TRY(question_cell_box(&counted, slot, &box, why));
    struct hash h = sha256(buffer_slice(&box));
    memcpy(ret, h.at, sizeof *ret);
    *ret = weakened("set") ? 0 : *ret;
    return DONE;
}

static result between(const struct weighing *x, struct why *why)
{
    for (uint32_t g = 0; g < x->groups; g++)
        for (unsigned v = 0; v < x->question->variable_count; v++) {
            struct one *o = at(x, g, v);
            uint64_t mark;
            TRY(mark_of_box(x, g, v, &mark, why));
            if (o->w.second < o->w.smallest) /* one person, or none */
                o->w.second = 0;
            tally there = x->tallies[v][g * VALUE_STATES + VALUE_THERE];
            o->w.n = there[0];
            o->signs = jitter_signs(there[1] + mark, there[0]);
            o->sums.centre = o->w.n ? o->w.total / (double)o->w.n : 0;
        }
    return DONE;
}

/* --- who is off the ends -------------------------------------------------------------------------- */

/* In units of the range, how far all are from the smallest value together, or from the largest: at least so many persons
 * are off it. */
static bool is_near_an_end(const struct one *o)
{
    double range = o->w.largest - o->w.smallest, n = (double)o->w.n;
    return o->w.n > 0 && range > 0 && (o->w.total - n * o->w.smallest < OFF_SURE * range || n * o->w.largest - o->w.total < OFF_SURE * range);
}

static void count_off(struct one *o, double value)
{
    o->w.off_smallest += value > o->w.smallest;
    o->w.off_largest += value < o->w.largest;
}

/* A third pass, for the few variables that need it. */
static void off_the_ends(const struct weighing *part, struct chunk *c)
{
    struct weighing x = *part;
    bool wanted[SUMMARY_VARIABLES_MAX] = {false}, any = false;
    x.from = 0;
    x.to = x.snapshot->facts.rows;
    for (uint32_t g = 0; g < x.groups; g++)
        for (unsigned v = 0; v < x.question->variable_count; v++) {
            struct one *o = at(&x, g, v);
            wanted[v] |= is_near_an_end(o);
            if (!is_near_an_end(o) && o->w.largest > o->w.smallest)
                o->w.off_smallest = o->w.off_largest = OFF_SURE;
        }
    for (unsigned v = 0; v < x.question->variable_count; v++)
        any |= wanted[v];
    for (c->first = x.from; any && c->first < x.to; c->first += CHUNK_ROWS) {
        c->n = x.to - c->first < CHUNK_ROWS ? (size_t)(x.to - c->first) : CHUNK_ROWS;
        chunk_groups(&x, c);
        chunk_again(&x, c);
        for (unsigned v = 0; v < x.question->variable_count; v++) {
            const double *values = (const double *)x.snapshot->columns[x.question->variables[v]].at + c->first;
            const struct variable *variable = &x.question->dictionary->variables[x.question->variables[v]];
            for (size_t i = 0; wanted[v] && i < c->n; i++)
                if ((c->bits[i / WORD_ROWS] >> i % WORD_ROWS & 1) && !isnan(values[i]))
                    count_off(at(&x, c->group[i], v), clamped(values[i], variable));
        }
    }
}

static void finish(const struct weighing *x, struct weighted *ret)
{
    for (uint32_t g = 0; g < x->groups; g++) {
        /* levels first, missing last */
        uint32_t slot = x->question->by < 0 ? g : g == 0 ? x->groups - 1 : g - 1;
        for (unsigned v = 0; v < x->question->variable_count; v++) {
            struct one *o = at(x, g, v);
            if (o->w.n == 0)
                o->w.largest = o->w.smallest = 0;
            o->w.squares = (double)(o->sums.squares[0] + o->sums.squares[1]); /* about the mean, but for its rounding */
            jittered_moments(&o->sums, &o->w.mean, &o->w.variance);
            ret[(size_t)slot * x->question->variable_count + v] = o->w;
        }
    }
}

/* The cohort and its parents; then, for each variable, persons with and without a value of it. */
static result counts(const struct weighing *x, struct engine_answer *ret, struct why *why)
{
    const struct question *q = x->question;
    for (uint32_t block = 0; block < x->blocks; block++)
        for (uint32_t i = 0; i < x->groups * VALUE_STATES; i++)
            x->cohorts[block] += x->tallies[0][block * x->groups * VALUE_STATES + i];
    TRY(cube_of_tallies(x->snapshot, q, x->cohorts, ret, why));
    ret->counts = calloc(q->variable_count, sizeof *ret->counts);
    if (!ret->counts)
        return FAIL(why, LIMIT, "no memory to count in");
    for (unsigned v = 0; v < q->variable_count; v++) {
        struct question one = summary_counts(q, v);
        ret->counts_count = v + 1;
        TRY(cube_of_tallies(x->snapshot, &one, x->tallies[v], &ret->counts[v], why));
    }
    return DONE;
}

static bool own_room(struct weighing *x)
{
    const struct question *q = x->question;
    x->one = calloc((size_t)x->groups * q->variable_count, sizeof *x->one);
    bool whole = x->one != NULL;
    for (size_t i = 0; x->one && i < (size_t)x->groups * q->variable_count; i++)
        x->one[i].w = (struct weighted){.largest = -INFINITY, .second = -INFINITY, .smallest = INFINITY};
    for (unsigned v = 0; v < q->variable_count; v++) {
        x->tallies[v] = calloc((size_t)x->places * VALUE_STATES, sizeof *x->tallies[v]);
        whole = whole && x->tallies[v];
    }
    return whole;
}

static result room(struct weighing *x, struct why *why)
{
    const struct question *q = x->question;
    TRY(cohort_init(&x->cohort, x->snapshot, q, why));
    x->blocks = 1 + q->box_count;
    x->places = x->blocks * x->groups;
    x->cohorts = calloc(x->blocks, sizeof *x->cohorts);
    bool whole = own_room(x) && x->cohorts;
    if (!cohort_is_all(&x->cohort)) {
        x->selected = calloc(x->snapshot->facts.rows / WORD_ROWS + 1, sizeof *x->selected);
        whole = whole && x->selected;
    }
    return whole ? DONE : FAIL(why, LIMIT, "no memory to sum in");
}

/* --- in parts ------------------------------------------------------------------------------------ */

/* The quicker thread takes more of them.  What is to be rounded is gathered part by part, whoever did which. */
struct parts {
    unsigned count;
    struct weighing part[PARTS_MAX]; /* the first gathers; cohort, by and selected are shared */
    struct chunk *chunk[2];          /* of each thread */
    _Atomic unsigned taken;
};

static void look_at_parts(void *self, unsigned half)
{
    struct parts *p = self;
    unsigned i;
    while ((i = atomic_fetch_add_explicit(&p->taken, 1, memory_order_relaxed)) < p->count)
        first_pass(&p->part[i], p->chunk[half]);
}

/* Signs are drawn by the thread that needs them. */
static void sum_parts(void *self, unsigned half)
{
    struct parts *p = self;
    unsigned i;
    while ((i = atomic_fetch_add_explicit(&p->taken, 1, memory_order_relaxed)) < p->count) {
        const struct weighing *x = &p->part[i];
        for (size_t k = 0; k < (size_t)x->groups * x->question->variable_count; k++)
            x->one[k].signs = jitter_signs_after(x->jitter, &x->one[k].signs, x->one[k].before, half);
        second_pass(x, p->chunk[half]);
    }
}

/* Into the first part: who was counted in this one, and the extremes. */
static void gather_looks(const struct weighing *x, const struct weighing *y)
{
    for (unsigned v = 0; v < x->question->variable_count; v++)
        for (size_t i = 0; i < (size_t)x->places * VALUE_STATES; i++)
            x->tallies[v][i] += y->tallies[v][i];
    for (size_t i = 0; i < (size_t)x->groups * x->question->variable_count; i++) {
        struct weighted *a = &x->one[i].w;
        const struct weighted *b = &y->one[i].w;
        a->total += b->total;
        a->smallest = fmin(a->smallest, b->smallest);
        a->second = fmax(fmin(a->largest, b->largest), fmax(a->second, b->second));
        a->largest = fmax(a->largest, b->largest);
    }
}

/* A part's signs begin after the persons of the parts before, whom the first part has gathered so far. */
static void note_before(const struct weighing *x, const struct weighing *y)
{
    for (uint32_t g = 0; g < x->groups; g++)
        for (unsigned v = 0; v < x->question->variable_count; v++)
            at(y, g, v)->before = x->tallies[v][(size_t)g * VALUE_STATES + VALUE_THERE][0];
}

static void hand_on(const struct weighing *x, const struct weighing *y)
{
    for (size_t i = 0; i < (size_t)x->groups * x->question->variable_count; i++) {
        y->one[i].signs = x->one[i].signs;
        y->one[i].sums.centre = x->one[i].sums.centre;
    }
}

static void gather_sums(const struct weighing *x, const struct weighing *y)
{
    for (size_t i = 0; i < (size_t)x->groups * x->question->variable_count; i++)
        for (unsigned plus = 0; plus < 2; plus++) {
            struct jittered *a = &x->one[i].sums;
            const struct jittered *b = &y->one[i].sums;
            a->n[plus] += b->n[plus];
            a->sum[plus] += b->sum[plus];
            a->squares[plus] += b->squares[plus];
        }
}

static void run(struct parts *p, halves_fn *of_each)
{
    atomic_store_explicit(&p->taken, 0, memory_order_relaxed);
    if (p->count > 1)
        halves_run(of_each, p);
    else
        of_each(p, 0);
}

static result sum(struct parts *p, struct why *why)
{
    const struct weighing *x = &p->part[0];
    run(p, look_at_parts);
    for (unsigned i = 1; i < p->count; i++) {
        note_before(x, &p->part[i]);
        gather_looks(x, &p->part[i]);
    }
    TRY(between(x, why));
    for (unsigned i = 1; i < p->count; i++)
        hand_on(x, &p->part[i]);
    run(p, sum_parts);
    for (unsigned i = 1; i < p->count; i++)
        gather_sums(x, &p->part[i]);
    off_the_ends(x, p->chunk[0]);
    return DONE;
}

/* Parts meet at a word of the bitmap, so that no word is written by two. */
static result sum_in_parts(struct weighing *x, struct why *why)
{
    const uint64_t rows = x->snapshot->facts.rows, chunks = rows / CHUNK_ROWS;
    struct parts *p = calloc(1, sizeof *p);
    if (!p)
        return FAIL(why, LIMIT, "no memory to sum in");
    p->count = rows < PARTS_ROWS_MIN ? 1 : (uint64_t)x->places * PARTS_ROWS_A_PLACE > rows ? 2 : PARTS_MAX;
    bool whole = true;
    for (unsigned i = 0; i < p->count; i++) {
        struct weighing *y = &p->part[i];
        *y = *x;
        y->from = chunks * i / p->count * CHUNK_ROWS;
        y->to = i + 1 < p->count ? chunks * (i + 1) / p->count * CHUNK_ROWS : rows;
        whole = (i == 0 || own_room(y)) && whole;
    }
    for (unsigned half = 0; half < 2; half++) {
        p->chunk[half] = malloc(sizeof *p->chunk[half]);
        whole = whole && p->chunk[half];
    }
    result r = whole ? sum(p, why) : FAIL(why, LIMIT, "no memory to sum in");
    for (unsigned i = 1; i < p->count; i++)
        own_done(&p->part[i]);
    free(p->chunk[0]);
    free(p->chunk[1]);
    free(p);
    return r;
}

static result weigh(struct weighing *x, struct engine_answer *ret, struct why *why)
{
    const struct question *q = x->question;
    TRY(room(x, why));
    TRY(sum_in_parts(x, why));
    TRY(counts(x, ret, why));
    ret->weighted = calloc((size_t)x->groups * q->variable_count, sizeof *ret->weighted);
    if (!ret->weighted)
        return FAIL(why, LIMIT, "no memory to sum in");
    ret->summary_groups = x->groups;
    ret->summary_variables = q->variable_count;
    finish(x, ret->weighted);
    return DONE;
}

result weighted_summary(const struct snapshot *s, const struct question *q, struct jitter *jitter, struct slice edition,
                        struct engine_answer *ret, struct why *why)
{
    if (q->statistic != STATISTIC_SUMMARY || s->person)
        return FAIL_CODE(why, DENIED, "statistic_not_allowed", "/statistic/summary", "only a summary of persons is released");
    struct weighing x CLEANUP(weighing_done) = {.snapshot = s, .question = q, .jitter = jitter, .groups = 1};
    for (unsigned v = 0; v < q->variable_count; v++)
        if (s->columns[q->variables[v]].kind != COLUMN_DOUBLE || !q->dictionary->variables[q->variables[v]].has_clamps)
            return FAIL(why, BROKEN, "a variable of a summary has no clamps");
    TRY(jitter_edition(jitter, edition, why));
    if (q->by >= 0) {
        cells_init_category(&x.by, s, (unsigned)q->by, q->by_grouping);
        x.groups = x.by.states;
    }
    result r = weigh(&x, ret, why);
    if (is_ok(r) && q->quantile_count)
        r = quantile_histograms(s, q, ret, why);
    if (!is_ok(r))
        engine_answer_done(ret);
    return r;
}
