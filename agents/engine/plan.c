#include "agents/engine/plan.h"

#include <math.h>
#include <stdlib.h>

#include "base/secret.h"
#include "base/wire.h"

/* A cube travels as its shape and either all of its slots or only those that are not 0. */
enum { CUBE_DENSE = 0, CUBE_SPARSE = 1, SUMMARY_PLAIN = 0, SUMMARY_WEIGHTED = 1, SUMMARY_LATTICE = 2, QUANTILES_NONE = 0, QUANTILES_VALUES = 1, QUANTILES_HISTOGRAMS = 2, STATUS_LAST = BROKEN };

/* --- the plan --------------------------------------------------------------------------------- */

result plan_encode(const struct plan *p, struct buffer *to, struct why *why)
{
    TRY(wire_str(to, p->dataset, why));
    TRY(wire_bytes(to, slice_of(p->snapshot.at, sizeof p->snapshot.at), why));
    TRY(wire_bytes(to, slice_of(p->edition.at, sizeof p->edition.at), why));
    TRY(wire_u8(to, p->protect, why));
    TRY(wire_bytes(to, p->left_out, why));
    return wire_bytes(to, buffer_slice(&p->question->canonical), why);
}

result plan_decode(struct slice bytes, struct plan *ret, struct slice *ret_question, struct why *why)
{
    struct reader r = reader_of(bytes);
    struct slice dataset, snapshot, edition, question, left_out;
    struct label label;
    uint8_t protect;
    if (!reader_bytes(&r, LABEL_MAX, &dataset) || !reader_bytes(&r, HASH_LEN, &snapshot) || snapshot.len != HASH_LEN ||
        !reader_bytes(&r, HASH_LEN, &edition) || edition.len != HASH_LEN || !reader_u8(&r, &protect) || protect > 1 || !reader_bytes(&r, LEFT_OUT_MAX * RECORD_KEY_LEN, &left_out) || left_out.len % RECORD_KEY_LEN ||
        !reader_bytes(&r, QUESTION_BYTES_MAX, &question) || !reader_ends(&r))
        return FAIL(why, MALFORMED, "not a plan");
    TRY(label_parse(dataset, &label, why)); /* it becomes a part of a path */
    *ret = (struct plan){.protect = protect, .left_out = left_out};
    memcpy(ret->dataset, label.text, sizeof ret->dataset);
    memcpy(ret->snapshot.at, snapshot.at, HASH_LEN);
    memcpy(ret->edition.at, edition.at, HASH_LEN);
    *ret_question = question;
    return DONE;
}

/* --- differences ------------------------------------------------------------------------------ */

result difference_plan_encode(const struct difference_plan *p, struct buffer *to, struct why *why)
{
    TRY(wire_str(to, p->dataset, why));
    TRY(wire_bytes(to, slice_of(p->snapshot.at, sizeof p->snapshot.at), why));
    TRY(wire_bytes(to, p->left_out, why));
    TRY(wire_bytes(to, p->question, why));
    TRY(wire_u32(to, p->pair_count, why));
    for (unsigned i = 0; i < p->pair_count; i++) {
        TRY(wire_bytes(to, p->pairs[i].box, why));
        TRY(wire_bytes(to, p->pairs[i].without, why));
        TRY(wire_u64(to, p->pairs[i].persons_least, why));
    }
    return DONE;
}

result difference_plan_decode(struct slice bytes, struct difference_plan *ret, struct why *why)
{
    struct reader r = reader_of(bytes);
    struct slice dataset, snapshot;
    struct label label;
    uint32_t count;
    if (!reader_bytes(&r, LABEL_MAX, &dataset) || !reader_bytes(&r, HASH_LEN, &snapshot) || snapshot.len != HASH_LEN ||
        !reader_bytes(&r, (size_t)LEFT_OUT_MAX * RECORD_KEY_LEN, &ret->left_out) || ret->left_out.len % RECORD_KEY_LEN != 0 ||
        !reader_bytes(&r, QUESTION_BYTES_MAX, &ret->question) || !reader_u32(&r, &count) || count > DIFFERENCE_PAIRS_MAX)
        return FAIL(why, MALFORMED, "not a difference plan");
    TRY(label_parse(dataset, &label, why));
    memcpy(ret->dataset, label.text, sizeof ret->dataset);
    memcpy(ret->snapshot.at, snapshot.at, HASH_LEN);
    ret->pair_count = count;
    for (unsigned i = 0; i < count; i++)
        if (!reader_bytes(&r, QUESTION_BYTES_MAX, &ret->pairs[i].box) || !reader_bytes(&r, VARIABLE_MAX, &ret->pairs[i].without) ||
            !reader_u64(&r, &ret->pairs[i].persons_least))
            return FAIL(why, MALFORMED, "not a difference plan: a pair is cut short");
    return reader_ends(&r) ? DONE : FAIL(why, MALFORMED, "not a difference plan: something is left over");
}

result differences_encode(const uint64_t *differences, unsigned count, struct buffer *to, struct why *why)
{
    for (unsigned i = 0; i < count; i++)
        TRY(wire_u64(to, differences[i], why));
    return DONE;
}

result differences_decode(struct slice bytes, unsigned count, uint64_t *ret, struct why *why)
{
    struct reader r = reader_of(bytes);
    for (unsigned i = 0; i < count; i++)
        if (!reader_u64(&r, &ret[i]))
            return FAIL(why, MALFORMED, "the engine's differences are cut short");
    return reader_ends(&r) ? DONE : FAIL(why, MALFORMED, "the engine sent more differences than were asked");
}

/* --- refusals --------------------------------------------------------------------------------- */

result engine_refusal_encode(const struct engine_refusal *r, struct buffer *to, struct why *why)
{
    TRY(wire_u8(to, (uint8_t)r->status, why));
    TRY(wire_str(to, r->code, why));
    TRY(wire_str(to, r->field, why));
    return wire_str(to, r->text, why);
}

result engine_refusal_decode(struct slice bytes, struct engine_refusal *ret, struct why *why)
{
    struct reader r = reader_of(bytes);
    struct engine_refusal got = {0};
    struct slice code, field, text;
    uint8_t status;
    if (!reader_u8(&r, &status) || status == OK || status > STATUS_LAST || !reader_bytes(&r, sizeof got.code - 1, &code) ||
        !reader_bytes(&r, sizeof got.field - 1, &field) || !reader_bytes(&r, sizeof got.text - 1, &text) || !reader_ends(&r) ||
        !slice_copy_str(code, got.code, sizeof got.code) || !slice_copy_str(field, got.field, sizeof got.field) ||
        !slice_copy_str(text, got.text, sizeof got.text))
        return FAIL(why, MALFORMED, "not a refusal of the engine");
    got.status = (enum status)status;
    *ret = got;
    return DONE;
}

struct question summary_counts(const struct question *q, unsigned variable)
{
    static double everything[2] = {-INFINITY, INFINITY};
    struct question one = *q;
    one.statistic = STATISTIC_TABLE;
    one.dimension_count = 0;
    if (q->by >= 0)
        one.dimensions[one.dimension_count++] = (struct dimension){.variable = (unsigned)q->by, .grouping = q->by_grouping};
    one.dimensions[one.dimension_count++] = (struct dimension){.variable = q->variables[variable], .breaks = everything, .break_count = 2};
    return one;
}

result summary_histogram(const struct question *q, unsigned variable, struct summary_histogram *ret, struct why *why)
{
    struct question *one = &ret->question;
    const struct variable *v = &q->dictionary->variables[q->variables[variable]];
    unsigned count = quantile_breaks(v, ret->breaks);
    if (!count)
        return FAIL_CODE(why, MALFORMED, "off_grid", "/statistic/summary/quantiles", "'%.*s' has no public grid here", SLICE_ARG(v->name));
    *one = summary_counts(q, variable);
    one->dimensions[one->dimension_count - 1].breaks = ret->breaks;
    one->dimensions[one->dimension_count - 1].break_count = count;
    one->variable_count = 0;
    one->by = -1;
    one->quantile_count = 0;
    return DONE;
}

/* --- cubes ------------------------------------------------------------------------------------ */

result cube_shape(const struct question *q, unsigned copies, struct cube *ret, struct why *why)
{
    struct cube shape = {.slot_count = 1};
    if (q->statistic != STATISTIC_SUMMARY)
        shape.dimension_count = q->dimension_count;
    for (unsigned d = 0; d < shape.dimension_count; d++) {
        shape.slots[d] = dimension_cells(q, d) + CUBE_SLOTS_EXTRA;
        shape.slot_count *= shape.slots[d];
        if (shape.slot_count > CUBE_SLOTS_MAX)
            break; /* so that the product cannot overflow */
    }
    if (shape.slot_count * copies > CUBE_SLOTS_MAX)
        return FAIL_CODE(why, LIMIT, "too_many_cells", "/statistic",
                         "the table and its %u parents need more than %d slots; use coarser breaks or fewer dimensions", copies - 1,
                         CUBE_SLOTS_MAX);
    *ret = shape;
    return DONE;
}

static void cube_done(struct cube *c)
{
    if (c->persons)
        wipe(c->persons, c->slot_count * sizeof *c->persons);
    if (c->key_sums)
        wipe(c->key_sums, c->slot_count * sizeof *c->key_sums);
    free(c->persons);
    free(c->key_sums);
    *c = (struct cube){0};
}

static bool slot_is_empty(const struct cube *c, uint64_t i)
{
    return c->persons[i] == 0 && (!c->key_sums || c->key_sums[i] == 0);
}

static result cube_encode(const struct cube *c, struct buffer *to, struct why *why)
{
    uint64_t filled = 0, width = c->key_sums ? 16 : 8;
    for (uint64_t i = 0; i < c->slot_count; i++)
        filled += !slot_is_empty(c, i);
    bool sparse = filled * (width + 4) < c->slot_count * width;
    TRY(wire_u8(to, c->key_sums != NULL, why));
    TRY(wire_u8(to, sparse ? CUBE_SPARSE : CUBE_DENSE, why));
    TRY(wire_u64(to, sparse ? filled : c->slot_count, why));
    for (uint64_t i = 0; i < c->slot_count; i++) {
        if (sparse && slot_is_empty(c, i))
            continue;
        if (sparse)
            TRY(wire_u32(to, (uint32_t)i, why));
        TRY(wire_u64(to, c->persons[i], why));
        if (c->key_sums)
            TRY(wire_u64(to, c->key_sums[i], why));
    }
    return DONE;
}

static bool cube_read_slots(struct reader *r, struct cube *c, bool sparse, uint64_t filled)
{
    for (uint64_t k = 0; k < filled; k++) {
        uint32_t at = (uint32_t)k;
        if (sparse && !reader_u32(r, &at))
            return false;
        if (at >= c->slot_count || !reader_u64(r, &c->persons[at]) || (c->key_sums && !reader_u64(r, &c->key_sums[at])))
            return false;
    }
    return true;
}

static result cube_decode(struct reader *r, const struct cube *shape, struct cube *ret, struct why *why)
{
    uint8_t keys, form;
    uint64_t filled;
    if (!reader_u8(r, &keys) || keys > 1 || !reader_u8(r, &form) || form > CUBE_SPARSE || !reader_u64(r, &filled) ||
        filled > shape->slot_count || (form == CUBE_DENSE && filled != shape->slot_count))
        return FAIL(why, MALFORMED, "not an answer of the engine: a cube has another shape");
    *ret = *shape;
    ret->persons = calloc(shape->slot_count, sizeof *ret->persons);
    ret->key_sums = keys ? calloc(shape->slot_count, sizeof *ret->key_sums) : NULL;
    if (!ret->persons || (keys && !ret->key_sums))
        return FAIL(why, LIMIT, "no memory for an answer");
    if (!cube_read_slots(r, ret, form == CUBE_SPARSE, filled))
        return FAIL(why, MALFORMED, "not an answer of the engine: a cube is cut short");
    return DONE;
}

/* --- answers ---------------------------------------------------------------------------------- */

void engine_answer_init(struct engine_answer *a)
{
    *a = (struct engine_answer){0};
}

void engine_answer_done(struct engine_answer *a)
{
    unsigned dimensions = a->base.dimension_count;
    for (unsigned d = 0; d < dimensions && d < TABLE_DIMENSIONS_MAX; d++)
        if (a->margins[d])
            wipe(a->margins[d], (a->base.slots[d] - CUBE_SLOTS_EXTRA) * sizeof *a->margins[d]);
    for (unsigned d = 0; d < TABLE_DIMENSIONS_MAX; d++)
        free(a->margins[d]);
    cube_done(&a->base);
    for (unsigned i = 0; i < a->parent_count; i++)
        cube_done(&a->parents[i]);
    if (a->summary)
        wipe(a->summary, (size_t)a->summary_groups * a->summary_variables * sizeof *a->summary);
    free(a->summary);
    if (a->weighted)
        wipe(a->weighted, (size_t)a->summary_groups * a->summary_variables * sizeof *a->weighted);
    free(a->weighted);
    if (a->lattice_sums)
        wipe(a->lattice_sums, (size_t)a->summary_groups * a->summary_variables * sizeof *a->lattice_sums);
    free(a->lattice_sums);
    for (unsigned i = 0; i < a->counts_count; i++)
        engine_answer_done(&a->counts[i]); /* these have no counts of their own */
    free(a->counts);
    for (unsigned i = 0; i < a->histogram_count; i++)
        engine_answer_done(&a->histograms[i]);
    free(a->histograms);
    for (size_t i = 0; i < a->value_count; i++) {
        free(a->values[i].at);
        free(a->values[i].persons);
    }
    free(a->values);
    wipe(a, sizeof *a);
}

static result weighted_encode(const struct engine_answer *a, struct buffer *to, struct why *why)
{
    for (size_t i = 0; i < (size_t)a->summary_groups * a->summary_variables; i++) {
        const struct weighted *w = &a->weighted[i];
        const double all[] = {w->total, w->largest, w->second, w->smallest, w->squares, w->mean, w->variance};
        TRY(wire_u64(to, w->n, why));
        TRY(wire_u64(to, w->off_smallest, why));
        TRY(wire_u64(to, w->off_largest, why));
        for (unsigned k = 0; k < sizeof all / sizeof all[0]; k++)
            TRY(wire_double(to, all[k], why));
    }
    for (unsigned i = 0; i < a->counts_count; i++)
        TRY(engine_answer_encode(&a->counts[i], to, why));
    return DONE;
}

static result lattice_encode(const struct engine_answer *a, struct buffer *to, struct why *why)
{
    for (size_t i = 0; i < (size_t)a->summary_groups * a->summary_variables; i++) {
        const struct lattice_sums *s = &a->lattice_sums[i];
        TRY(wire_u64(to, s->n, why));
        TRY(wire_u64(to, s->n_missing, why));
        TRY(wire_i64(to, s->sum, why));
        TRY(wire_i64(to, s->squares, why));
    }
    return DONE;
}

static result summary_encode(const struct engine_answer *a, struct buffer *to, struct why *why)
{
    TRY(wire_u8(to, a->weighted ? SUMMARY_WEIGHTED : a->lattice_sums ? SUMMARY_LATTICE : SUMMARY_PLAIN, why));
    TRY(wire_u32(to, a->summary_groups, why));
    TRY(wire_u32(to, a->summary_variables, why));
    if (a->weighted)
        return weighted_encode(a, to, why);
    if (a->lattice_sums)
        return lattice_encode(a, to, why);
    for (size_t i = 0; i < (size_t)a->summary_groups * a->summary_variables; i++) {
        TRY(wire_u64(to, a->summary[i].n, why));
        TRY(wire_u64(to, a->summary[i].n_missing, why));
        TRY(wire_double(to, a->summary[i].mean, why));
        TRY(wire_double(to, a->summary[i].m2, why));
    }
    return DONE;
}

static result quantiles_encode(const struct engine_answer *a, struct buffer *to, struct why *why)
{
    TRY(wire_u8(to, a->histograms ? QUANTILES_HISTOGRAMS : a->values ? QUANTILES_VALUES : QUANTILES_NONE, why));
    for (unsigned i = 0; i < a->histogram_count; i++)
        TRY(engine_answer_encode(&a->histograms[i], to, why));
    for (size_t i = 0; !a->histograms && i < a->value_count; i++) {
        const struct value_counts *v = &a->values[i];
        TRY(wire_u8(to, v->cells, why));
        TRY(wire_u32(to, v->count, why));
        for (uint32_t k = 0; k < v->count + (v->cells ? 1u : 0u); k++)
            TRY(wire_double(to, v->at[k], why));
        for (uint32_t k = 0; k < v->count; k++)
            TRY(wire_u64(to, v->persons[k], why));
    }
    return DONE;
}

result engine_answer_encode(const struct engine_answer *a, struct buffer *to, struct why *why)
{
    TRY(wire_u64(to, a->cohort, why));
    TRY(wire_u64(to, a->table_persons, why));
    TRY(wire_u64(to, a->missing_persons, why));
    TRY(wire_u8(to, a->event_table, why));
    TRY(wire_i64(to, a->engine_us, why));
    TRY(cube_encode(&a->base, to, why));
    for (unsigned d = 0; d < a->base.dimension_count; d++)
        for (unsigned i = 0; i < a->base.slots[d] - CUBE_SLOTS_EXTRA; i++)
            TRY(wire_u64(to, a->margins[d][i], why));
    TRY(wire_u32(to, a->parent_count, why));
    for (unsigned i = 0; i < a->parent_count; i++)
        TRY(cube_encode(&a->parents[i], to, why));
    for (unsigned i = 0; i < a->parent_count; i++)
        TRY(wire_u64(to, a->parent_cohorts[i], why));
    TRY(summary_encode(a, to, why));
    return quantiles_encode(a, to, why);
}

static result margins_decode(struct reader *r, const struct cube *shape, struct engine_answer *ret, struct why *why)
{
    for (unsigned d = 0; d < shape->dimension_count; d++) {
        unsigned cells = shape->slots[d] - CUBE_SLOTS_EXTRA;
        ret->margins[d] = calloc(cells, sizeof *ret->margins[d]);
        if (!ret->margins[d])
            return FAIL(why, LIMIT, "no memory for an answer");
        for (unsigned i = 0; i < cells; i++)
            if (!reader_u64(r, &ret->margins[d][i]))
                return FAIL(why, MALFORMED, "not an answer of the engine: a margin is cut short");
    }
    return DONE;
}

static unsigned summary_groups(const struct question *q)
{
    return q->by < 0 ? 1 : question_groups(q) + 1;
}

static result answer_read(struct reader *r, const struct question *q, struct engine_answer *ret, struct why *why);

static result weighted_decode(struct reader *r, const struct question *q, struct engine_answer *ret, struct why *why)
{
    size_t count = (size_t)ret->summary_groups * ret->summary_variables;
    ret->weighted = calloc(count, sizeof *ret->weighted);
    ret->counts = calloc(ret->summary_variables, sizeof *ret->counts);
    if (!ret->weighted || !ret->counts)
        return FAIL(why, LIMIT, "no memory for an answer");
    for (size_t i = 0; i < count; i++) {
        struct weighted *w = &ret->weighted[i];
        if (!reader_u64(r, &w->n) || !reader_u64(r, &w->off_smallest) || !reader_u64(r, &w->off_largest) || !reader_double(r, &w->total) || !reader_double(r, &w->largest) || !reader_double(r, &w->second) ||
            !reader_double(r, &w->smallest) || !reader_double(r, &w->squares) || !reader_double(r, &w->mean) || !reader_double(r, &w->variance))
            return FAIL(why, MALFORMED, "not an answer of the engine: the summary is cut short");
    }
    for (unsigned v = 0; v < q->variable_count; v++) {
        struct question one = summary_counts(q, v);
        ret->counts_count = v + 1;
        TRY(answer_read(r, &one, &ret->counts[v], why));
    }
    return DONE;
}

static result lattice_decode(struct reader *r, struct engine_answer *ret, struct why *why)
{
    size_t count = (size_t)ret->summary_groups * ret->summary_variables;
    ret->lattice_sums = calloc(count, sizeof *ret->lattice_sums);
    if (!ret->lattice_sums)
        return FAIL(why, LIMIT, "no memory for an answer");
    for (size_t i = 0; i < count; i++) {
        struct lattice_sums *s = &ret->lattice_sums[i];
        if (!reader_u64(r, &s->n) || !reader_u64(r, &s->n_missing) || !reader_i64(r, &s->sum) || !reader_i64(r, &s->squares))
            return FAIL(why, MALFORMED, "not an answer of the engine: the summary is cut short");
    }
    return DONE;
}

static result summary_decode(struct reader *r, const struct question *q, struct engine_answer *ret, struct why *why)
{
    uint32_t groups, variables;
    uint8_t form;
    bool asked = q->statistic == STATISTIC_SUMMARY;
    if (!reader_u8(r, &form) || form > SUMMARY_LATTICE || !reader_u32(r, &groups) || !reader_u32(r, &variables) || groups != (asked ? summary_groups(q) : 0) ||
        variables != (asked ? q->variable_count : 0))
        return FAIL(why, MALFORMED, "not an answer of the engine: the summary has another shape");
    size_t count = (size_t)groups * variables;
    if (!count)
        return DONE;
    ret->summary_groups = groups;
    ret->summary_variables = variables;
    if (form == SUMMARY_WEIGHTED)
        return weighted_decode(r, q, ret, why);
    if (form == SUMMARY_LATTICE)
        return lattice_decode(r, ret, why);
    ret->summary = calloc(count, sizeof *ret->summary);
    if (!ret->summary)
        return FAIL(why, LIMIT, "no memory for an answer");
    for (size_t i = 0; i < count; i++) {
        struct moments *m = &ret->summary[i];
        if (!reader_u64(r, &m->n) || !reader_u64(r, &m->n_missing) || !reader_double(r, &m->mean) || !reader_double(r, &m->m2))
            return FAIL(why, MALFORMED, "not an answer of the engine: the summary is cut short");
    }
    return DONE;
}

static result value_counts_decode(struct reader *r, struct value_counts *ret, uint32_t *left, struct why *why)
{
    uint8_t cells;
    uint32_t count;
    if (!reader_u8(r, &cells) || cells > 1 || !reader_u32(r, &count) || count > *left)
        return FAIL(why, MALFORMED, "not an answer of the engine: values have another shape");
    *left -= count;
    *ret = (struct value_counts){.cells = cells, .count = count};
    ret->at = calloc(count + 1u, sizeof *ret->at);
    ret->persons = calloc(count + 1u, sizeof *ret->persons);
    if (!ret->at || !ret->persons)
        return FAIL(why, LIMIT, "no memory for an answer");
    for (uint32_t k = 0; k < count + cells; k++)
        if (!reader_double(r, &ret->at[k]))
            return FAIL(why, MALFORMED, "not an answer of the engine: values are cut short");
    for (uint32_t k = 0; k < count; k++)
        if (!reader_u64(r, &ret->persons[k]))
            return FAIL(why, MALFORMED, "not an answer of the engine: values are cut short");
    return DONE;
}

static result histograms_decode(struct reader *r, const struct question *q, struct engine_answer *ret, struct why *why)
{
    ret->histograms = calloc(q->variable_count, sizeof *ret->histograms);
    if (!ret->histograms)
        return FAIL(why, LIMIT, "no memory for an answer");
    for (unsigned v = 0; v < q->variable_count; v++) {
        struct summary_histogram h;
        TRY(summary_histogram(q, v, &h, why));
        ret->histogram_count = v + 1;
        TRY(answer_read(r, &h.question, &ret->histograms[v], why));
    }
    return DONE;
}

static result quantiles_decode(struct reader *r, const struct question *q, struct engine_answer *ret, struct why *why)
{
    uint8_t form;
    uint32_t left = QUANTILE_VALUES_MAX;
    bool asked = q->statistic == STATISTIC_SUMMARY && q->quantile_count > 0;
    if (!reader_u8(r, &form) || form > QUANTILES_HISTOGRAMS || asked != (form != QUANTILES_NONE))
        return FAIL(why, MALFORMED, "not an answer of the engine: it has other quantiles");
    if (form == QUANTILES_HISTOGRAMS)
        return histograms_decode(r, q, ret, why);
    size_t count = asked ? (size_t)question_groups(q) * q->variable_count : 0;
    if (!count)
        return DONE;
    ret->values = calloc(count, sizeof *ret->values);
    if (!ret->values)
        return FAIL(why, LIMIT, "no memory for an answer");
    for (size_t i = 0; i < count; i++) {
        ret->value_count = i + 1;
        TRY(value_counts_decode(r, &ret->values[i], &left, why));
    }
    return DONE;
}

static result answer_read(struct reader *r, const struct question *q, struct engine_answer *ret, struct why *why)
{
    struct cube shape;
    uint32_t parents;
    uint8_t events;
    TRY(cube_shape(q, 1, &shape, why));
    if (!reader_u64(r, &ret->cohort) || !reader_u64(r, &ret->table_persons) || !reader_u64(r, &ret->missing_persons) ||
        !reader_u8(r, &events) || events > 1 || !reader_i64(r, &ret->engine_us))
        return FAIL(why, MALFORMED, "not an answer of the engine");
    ret->event_table = events;
    TRY(cube_decode(r, &shape, &ret->base, why));
    TRY(margins_decode(r, &shape, ret, why));
    if (!reader_u32(r, &parents) || (parents != 0 && parents != q->box_count))
        return FAIL(why, MALFORMED, "not an answer of the engine: it has other parents");
    for (unsigned i = 0; i < parents; i++) {
        ret->parent_count = i + 1;
        TRY(cube_decode(r, &shape, &ret->parents[i], why));
    }
    for (unsigned i = 0; i < parents; i++)
        if (!reader_u64(r, &ret->parent_cohorts[i]))
            return FAIL(why, MALFORMED, "not an answer of the engine: its parents are cut short");
    TRY(summary_decode(r, q, ret, why));
    return quantiles_decode(r, q, ret, why);
}

result engine_answer_decode(struct slice bytes, const struct question *q, struct engine_answer *ret, struct why *why)
{
    struct reader reader = reader_of(bytes);
    result r = answer_read(&reader, q, ret, why);
    if (is_ok(r) && !reader_ends(&reader))
        r = FAIL(why, MALFORMED, "not an answer of the engine: something is left over");
    if (!is_ok(r))
        engine_answer_done(ret);
    return r;
}
