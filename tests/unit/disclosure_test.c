/* Aim: noise that is exactly the vectors', unbiased, and bound to the cell; a parent rule that looks at
 * parents only; and replies that hold published values and nothing else. */
#include <math.h>
#include <stdlib.h>

#include "agents/disclosure/counts.h"
#include "agents/disclosure/parent_rule.h"
#include "agents/disclosure/profile.h"
#include "agents/disclosure/release.h"
#include "agents/disclosure/summary.h"
#include "base/codec.h"
#include "base/host.h"
#include "check.h"

static struct json *vectors(const char *name)
{
    char path[512];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v = NULL;
    buffer_init(&text, JSON_BYTES_MAX);
    snprintf(path, sizeof path, "%s/vectors/sdc/%s", TEST_DATA, name);
    assert_ok(host_read_file(host_real(), path, JSON_BYTES_MAX, &text, NULL));
    assert_ok(json_parse(buffer_slice(&text), JSON_BYTES_MAX, &v, NULL));
    return v;
}

/* --- the p-table --- */

static void ptables_equal_vectors(void **state)
{
    (void)state;
    struct json *v CLEANUP(json_freep) = vectors("ptable.json");
    const struct json *tables = json_get(v, "tables");
    assert_int_equal(json_size(tables), 6);
    for (size_t t = 0; t < json_size(tables); t++) {
        const struct json *want = json_item(tables, t), *rows = json_get(want, "rows");
        const struct ptable *table = ptable_find(json_text(json_get(want, "name")));
        assert_non_null(table);
        assert_int_equal(table->noise_max, json_integer(json_get(want, "D")));
        assert_close(table->variance, json_number(json_get(want, "V")), 0);
        assert_int_equal(table->smallest_published, json_integer(json_get(want, "js")) + 1);
        assert_int_equal(json_size(rows), table->row_count);
        for (unsigned i = 0; i < table->row_count; i++) {
            const struct ptable_row *row = ptable_row(table, i + 1);
            const struct json *one = json_item(rows, i), *values = json_get(one, "v"), *bounds = json_get(one, "cum_u64");
            assert_int_equal(row->count, json_size(values));
            for (unsigned k = 0; k < row->count; k++) {
                assert_int_equal(row->v[k], json_integer(json_item(values, k)));
                assert_int_equal(row->cumulative[k], json_integer(json_item(bounds, k)));
            }
        }
    }
    assert_null(ptable_find(slice_str("default")));
}

/* Over all 2^32 draws the noise of every true count sums to exactly nothing, and 1..js are never published. */
static void noise_is_unbiased_and_never_small(void **state)
{
    (void)state;
    static const enum profile both[] = {PROFILE_CK, PROFILE_STRICT};
    for (size_t t = 0; t < COUNT_OF(both); t++) {
        const struct ptable *table = profile_rules(both[t])->noise;
        for (uint64_t n = 1; n < 2000; n++) {
            const struct ptable_row *row = ptable_row(table, n);
            int64_t sum = 0, squares = 0;
            uint64_t from = 0;
            for (unsigned k = 0; k < row->count; k++) {
                int64_t weight = (int64_t)(row->cumulative[k] - from), published = (int64_t)n + row->v[k];
                assert_true(weight > 0);
                assert_true(published == 0 || published >= table->smallest_published);
                assert_int_equal(ptable_noise(table, n, (uint32_t)from), row->v[k]);
                assert_int_equal(ptable_noise(table, n, (uint32_t)(row->cumulative[k] - 1)), row->v[k]);
                sum += weight * row->v[k];
                squares += weight * row->v[k] * row->v[k];
                from = row->cumulative[k];
            }
            assert_int_equal(from, UINT64_C(1) << 32);
            assert_int_equal(sum, 0);
            assert_true((double)squares / 4294967296.0 <= table->variance + 1e-6);
        }
        assert_int_equal(ptable_noise(table, 0, 0), 0);
        assert_int_equal(ptable_noise(table, 0, UINT32_MAX), 0);
    }
}

/* --- the keys --- */

static void keys_equal_vectors(void **state)
{
    (void)state;
    struct json *v CLEANUP(json_freep) = vectors("cellkey_e2e.json");
    uint8_t master[32];
    struct secret *secret CLEANUP(secret_freep) = NULL;
    struct cellkey *ck CLEANUP(cellkey_freep) = NULL;
    struct recordkey *rk CLEANUP(recordkey_freep) = NULL;
    assert_true(hex_parse(json_text(json_get(json_get(v, "spec"), "master_key")), master, sizeof master));
    assert_ok(secret_new(slice_of(master, sizeof master), &secret, NULL));
    assert_ok(cellkey_new(secret, "fhdab/v1/cell-key", &ck, NULL));
    assert_ok(recordkey_new(secret, "fhdab/v1/record-key", &rk, NULL));

    const struct ptable *noise = profile_rules(PROFILE_CK)->noise;
    const struct json *persons = json_get(v, "persons"), *person, *cells = json_get(v, "cells");
    struct slice dataset = json_text(json_get(v, "dataset")), edition = json_text(json_get(v, "snapshot")), name;
    unsigned count = 0;
    for (size_t i = 0; json_next(persons, &i, &name, &person); count++) {
        uint64_t key;
        char text[17];
        assert_ok(recordkey_of(rk, dataset, name, &key, NULL));
        snprintf(text, sizeof text, "%016llx", (unsigned long long)key);
        assert_slice(json_text(json_get(person, "record_key")), text);
    }
    assert_int_equal(count, 60);
    assert_int_equal(json_size(cells), 11);
    for (size_t i = 0; i < json_size(cells); i++) {
        const struct json *cell = json_item(cells, i), *members = json_get(cell, "persons");
        uint64_t sum = 0, n = (uint64_t)json_integer(json_get(cell, "n"));
        for (size_t k = 0; k < json_size(members); k++) {
            uint64_t key;
            assert_ok(recordkey_of(rk, dataset, json_text(json_item(members, k)), &key, NULL));
            sum += key;
        }
        char text[17];
        uint32_t r;
        int64_t published;
        snprintf(text, sizeof text, "%016llx", (unsigned long long)sum);
        assert_slice(json_text(json_get(cell, "cell_key")), text);
        struct slice box = json_text(json_get(cell, "box"));
        assert_ok(cellkey_draw(ck, CELL_STATISTIC_COUNT, edition, box, sum, n, &r, NULL));
        assert_int_equal(r, json_integer(json_get(cell, "r_u32")));
        assert_int_equal(ptable_noise(noise, n, r), json_integer(json_get(cell, "noise")));
        assert_ok(cellkey_publish(ck, noise, edition, box, sum, n, &published, NULL));
        assert_int_equal(published, json_integer(json_get(cell, "published")));
    }
}

/* --- tables over a small population: sex x age group, some values missing --- */

static const char dictionary_text[] =
    "{\"dataset\":\"small\",\"title\":\"Small\",\"profile\":\"ck\",\"sites\":[],\"variables\":["
    "{\"name\":\"pid\",\"type\":\"id\"},"
    "{\"name\":\"sex\",\"type\":\"categorical\",\"levels\":[{\"code\":\"F\",\"label\":\"F\"},{\"code\":\"M\",\"label\":\"M\"}]},"
    "{\"name\":\"age\",\"type\":\"integer\"},"
    "{\"name\":\"ill\",\"type\":\"categorical\",\"levels\":[{\"code\":\"0\",\"label\":\"no\"},{\"code\":\"1\",\"label\":\"yes\"}]}]}";

struct person {
    int sex, age, ill; /* -1: missing */
    uint64_t key;
};
enum { PERSONS = 400 };

struct fixture {
    struct json *tree;
    struct dictionary *d;
    struct cellkey *key;
    struct person persons[PERSONS];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct secret *secret CLEANUP(secret_freep) = NULL;
    struct why why = {0};
    if (!is_ok(json_parse(slice_str(dictionary_text), JSON_BYTES_MAX, &f->tree, &why)) ||
        !is_ok(dictionary_read(f->tree, NULL, PROFILE_CK, &f->d, &why)))
        fail_msg("%s %s", why.field, why.text);
    assert_ok(secret_new(slice_of("01234567890123456789012345678901", 32), &secret, NULL));
    assert_ok(cellkey_new(secret, LABEL_CELL_KEY, &f->key, NULL));
    uint64_t r = 88172645463325252u;
    for (unsigned i = 0; i < PERSONS; i++) {
        r ^= r << 13, r ^= r >> 7, r ^= r << 17;
        f->persons[i] = (struct person){.sex = i % 50 == 7 ? -1 : (int)(r % 2), .age = i % 40 == 3 ? -1 : (int)(r / 2 % 60) + 20,
                                        .ill = (int)(r / 128 % 10 == 0), .key = r * 0x9E3779B97F4A7C15u};
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    cellkey_free(f->key);
    dictionary_free(f->d);
    json_free(f->tree);
    free(f);
    return 0;
}

static struct question *ask(const struct fixture *f, const char *text)
{
    struct json *v CLEANUP(json_freep) = NULL;
    struct question *q = NULL;
    struct why why = {0};
    assert_ok(json_parse(slice_str(text), JSON_BYTES_MAX, &v, &why));
    if (!is_ok(question_read(v, f->d, &q, &why)))
        fail_msg("%s %s", why.field, why.text);
    return q;
}

static double value_of(const struct fixture *f, const struct person *p, unsigned variable)
{
    struct slice name = f->d->variables[variable].name;
    int v = slice_is(name, "sex") ? p->sex : slice_is(name, "age") ? p->age : p->ill;
    return v < 0 ? (double)NAN : v;
}

static bool in_set(const struct value_set *s, double v)
{
    if (isnan(v))
        return s->missing;
    for (unsigned i = 0; i < s->level_count; i++)
        if (s->levels[i] == (unsigned)v)
            return true;
    for (unsigned i = 0; i < s->range_count; i++)
        if (s->ranges[i].from <= v && v < s->ranges[i].to)
            return true;
    return false;
}

static unsigned slot_of(const struct question *q, unsigned d, double v)
{
    const struct dimension *dim = &q->dimensions[d];
    unsigned cells = dimension_cells(q, d);
    if (isnan(v))
        return cells + 2;
    if (!dim->breaks && dim->grouping)
        return dim->grouping->cell_of[1 + (unsigned)v] - 1;
    if (!dim->breaks)
        return (unsigned)v;
    if (v < dim->breaks[0])
        return cells;
    for (unsigned i = 0; i < cells; i++)
        if (v < dim->breaks[i + 1] || (i + 1 == cells && v <= dim->breaks[cells]))
            return i;
    return cells + 1;
}

/* The slow engine: one person at a time. */
static void count_cube(const struct fixture *f, const struct question *q, int without, struct cube *c)
{
    c->dimension_count = q->dimension_count;
    c->slot_count = 1;
    for (unsigned d = 0; d < q->dimension_count; d++)
        c->slot_count *= c->slots[d] = dimension_cells(q, d) + CUBE_SLOTS_EXTRA;
    c->persons = calloc(c->slot_count, sizeof *c->persons);
    c->key_sums = calloc(c->slot_count, sizeof *c->key_sums);
    for (unsigned i = 0; i < PERSONS; i++) {
        const struct person *p = &f->persons[i];
        bool in = true;
        uint64_t slot = 0;
        for (unsigned b = 0; b < q->box_count; b++)
            in = in && ((int)b == without || in_set(&q->box[b], value_of(f, p, q->box[b].variable)));
        for (unsigned d = 0; d < q->dimension_count; d++)
            slot = slot * c->slots[d] + slot_of(q, d, value_of(f, p, q->dimensions[d].variable));
        c->persons[slot] += in;
        c->key_sums[slot] += in ? p->key : 0;
    }
}

static void compute(const struct fixture *f, const struct question *q, struct engine_answer *a)
{
    engine_answer_init(a);
    count_cube(f, q, -1, &a->base);
    a->parent_count = q->box_count;
    for (unsigned b = 0; b < q->box_count; b++)
        count_cube(f, q, (int)b, &a->parents[b]);
}

static void publish(const struct fixture *f, const char *text, struct published *ret)
{
    struct question *q CLEANUP(question_freep) = ask(f, text);
    struct engine_answer a CLEANUP(engine_answer_done);
    compute(f, q, &a);
    published_init(ret);
    assert_ok(release_protected(q, &a, f->key, slice_str("edition-1"), ret, NULL));
}

static void same_cell_same_noise(void **state)
{
    struct fixture *f = *state;
    struct published table CLEANUP(published_done), count CLEANUP(published_done), histogram CLEANUP(published_done), turned CLEANUP(published_done);
    publish(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"statistic\":{\"table\":{\"by\":[\"sex\",{\"variable\":\"age\",\"breaks\":[20,40,60,80]}]}}}", &table);
    publish(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"where\":{\"sex\":[\"M\"],\"age\":{\"from\":40,\"to\":60}},\"statistic\":{\"count\":{}}}", &count);
    publish(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"where\":{\"sex\":[\"M\"]},\"statistic\":{\"histogram\":{\"variable\":\"age\",\"breaks\":[20,40,60,80]}}}", &histogram);
    publish(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"statistic\":{\"table\":{\"by\":[{\"variable\":\"age\",\"breaks\":[20,40,60,80]},\"sex\"]}}}", &turned);
    assert_int_equal(table.cell_count, 6);
    assert_true(table.cells[4] >= CK_SMALLEST_PUBLISHED);
    assert_int_equal(table.cells[4], count.cells[0]);
    assert_int_equal(table.cells[4], histogram.cells[1]);
    for (unsigned s = 0; s < 2; s++)
        for (unsigned a = 0; a < 3; a++)
            assert_int_equal(table.cells[s * 3 + a], turned.cells[a * 2 + s]);
    assert_int_equal(table.total, turned.total);
    assert_int_equal(table.n_missing, turned.n_missing);
    assert_int_equal(table.margins[0][1], turned.margins[1][1]);
}

/* A group of one level is that level, a group that two groupings share is one group, and a box's or a table's group is
 * the same cell: equal noise.  The difference of two cells is no cell, but for a cell its noise is its own. */
static void a_group_has_its_levels_noise(void **state)
{
    (void)state;
    static const char TEXT[] =
        "{\"dataset\":\"small\",\"profile\":\"ck\",\"variables\":[{\"name\":\"pid\",\"type\":\"id\"},{\"name\":\"sex\",\"type\":\"category\","
        "\"levels\":[{\"code\":\"a\"},{\"code\":\"b\"},{\"code\":\"c\"},{\"code\":\"d\"},{\"code\":\"e\"}],\"groupings\":["
        "{\"name\":\"part\",\"groups\":[{\"code\":\"north\",\"levels\":[\"a\",\"b\"]},{\"code\":\"mid\",\"levels\":[\"c\"]},{\"code\":\"south\",\"levels\":[\"d\",\"e\"]}]},"
        "{\"name\":\"half\",\"groups\":[{\"code\":\"upper\",\"levels\":[\"north\",\"mid\"]},{\"code\":\"south\",\"levels\":[\"south\"]}]}]}]}";
    struct fixture f = *(struct fixture *)*state;
    struct json *tree CLEANUP(json_freep) = NULL;
    struct dictionary *d CLEANUP(dictionary_freep) = NULL;
    assert_ok(json_parse(slice_str(TEXT), JSON_BYTES_MAX, &tree, NULL));
    assert_ok(dictionary_read(tree, NULL, PROFILE_CK, &d, NULL));
    f.d = d;
    for (unsigned i = 0; i < PERSONS; i++)
        f.persons[i].sex = i % 29 == 5 ? -1 : (int)(i % 5);
    struct published level CLEANUP(published_done), part CLEANUP(published_done), half CLEANUP(published_done), box CLEANUP(published_done),
        narrowed CLEANUP(published_done);
#define ASK_SMALL "{\"innsyn\":\"question/1\",\"dataset\":\"small\","
    publish(&f, ASK_SMALL "\"statistic\":{\"table\":{\"by\":[\"sex\"]}}}", &level);
    publish(&f, ASK_SMALL "\"statistic\":{\"table\":{\"by\":[{\"variable\":\"sex\",\"grouping\":\"part\"}]}}}", &part);
    publish(&f, ASK_SMALL "\"statistic\":{\"table\":{\"by\":[{\"variable\":\"sex\",\"grouping\":\"half\"}]}}}", &half);
    publish(&f, ASK_SMALL "\"where\":{\"sex\":[\"north\"]},\"statistic\":{\"count\":{}}}", &box);
    publish(&f, ASK_SMALL "\"where\":{\"sex\":[\"c\",\"a\",\"b\"]},\"statistic\":{\"table\":{\"by\":[{\"variable\":\"sex\",\"grouping\":\"half\"}]}}}", &narrowed);
    assert_int_equal(part.cell_count, 3);
    assert_int_equal(part.cells[1], level.cells[2]);   /* mid is c */
    assert_int_equal(part.cells[2], half.cells[1]);    /* south is south */
    assert_int_equal(part.cells[0], box.total);        /* north, asked as a box */
    assert_int_equal(narrowed.cells[0], half.cells[0]); /* upper, narrowed to what it is */
    assert_int_equal(narrowed.cells[1], 0);            /* nobody */
    assert_int_equal(level.total, part.total);
    assert_int_equal(part.total, half.total);
    assert_int_equal(level.n_missing, half.n_missing);
    /* Near the truth, and not the sum of the levels' noises: a cell's own. */
    static const int64_t true_of_part[] = {155, 77, 154};
    unsigned apart = 0;
    for (unsigned g = 0; g < 3; g++) {
        int64_t n = 0;
        for (unsigned i = 0; i < PERSONS; i++)
            n += f.persons[i].sex >= 0 && (g == 0 ? f.persons[i].sex < 2 : g == 1 ? f.persons[i].sex == 2 : f.persons[i].sex > 2);
        assert_int_equal(n, true_of_part[g]);
        assert_true(part.cells[g] >= n - CK_NOISE_MAX && part.cells[g] <= n + CK_NOISE_MAX);
    }
    apart += part.cells[0] != level.cells[0] + level.cells[1];
    apart += part.cells[2] != level.cells[3] + level.cells[4];
    apart += half.cells[0] != part.cells[0] + part.cells[1];
    assert_true(apart > 0);
}

/* Rounding says nothing that the published count does not: it hangs on that count and the cell alone.  It is unbiased, and
 * the same for a cell wherever it stands. */
static void rounded_counts_are_of_published_ones(void **state)
{
    struct fixture *f = *state;
    enum { CELLS = 20000 };
    for (int64_t v = 0; v < 24; v = v ? v + 1 : 5) {
        int64_t sum = 0, one, again;
        for (unsigned i = 0; i < CELLS; i++) {
            char box[32];
            snprintf(box, sizeof box, "cell=%u", i);
            assert_ok(cellkey_round5(f->key, slice_str("e"), slice_str(box), v, &one, NULL));
            assert_ok(cellkey_round5(f->key, slice_str("e"), slice_str(box), v, &again, NULL));
            assert_int_equal(one, again);
            assert_true(one % 5 == 0 && one > v - 5 && one < v + 5 && (v == 0 ? one == 0 : one >= 5));
            sum += one - v;
        }
        double r = (double)(v % 5);
        assert_true(fabs((double)sum / CELLS) <= 4 * sqrt(r * (5 - r) / CELLS));
    }
    static const char TABLE[] = "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"statistic\":{\"table\":{\"by\":[\"sex\",{\"variable\":\"age\",\"breaks\":[20,40,60,80]}]}}}";
    static const char CELL[] = "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"where\":{\"sex\":[\"M\"],\"age\":{\"from\":40,\"to\":60}},\"statistic\":{\"count\":{}}}";
    struct published plain CLEANUP(published_done), table CLEANUP(published_done), count CLEANUP(published_done);
    publish(f, TABLE, &plain);
    f->d->round5 = true;
    publish(f, TABLE, &table);
    publish(f, CELL, &count);
    f->d->round5 = false;
    for (uint64_t i = 0; i < table.cell_count; i++) {
        assert_int_equal(table.cells[i] % 5, 0);
        assert_true(llabs(table.cells[i] - plain.cells[i]) < 5);
    }
    assert_int_equal(table.cells[4], count.cells[0]);
    assert_int_equal(table.total % 5, 0);
    assert_int_equal(table.n_missing % 5, 0);
    assert_int_equal(table.margins[1][2] % 5, 0);
}

static void open_is_exact(void **state)
{
    struct fixture *f = *state;
    struct question *q CLEANUP(question_freep) = ask(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"where\":{\"ill\":[\"1\"]},\"statistic\":{\"histogram\":{\"variable\":\"age\",\"breaks\":[30,40,60]}}}");
    struct engine_answer a CLEANUP(engine_answer_done);
    struct published p CLEANUP(published_done);
    int64_t want[2] = {0}, below = 0, above = 0, missing = 0;
    compute(f, q, &a);
    for (unsigned i = 0; i < PERSONS; i++) {
        const struct person *x = &f->persons[i];
        if (!x->ill)
            continue;
        missing += x->age < 0;
        below += x->age >= 0 && x->age < 30;
        above += x->age > 60;
        want[0] += x->age >= 30 && x->age < 40;
        want[1] += x->age >= 40 && x->age <= 60;
    }
    a.missing_persons = (uint64_t)missing;
    f->d->profile = PROFILE_OPEN;
    result r = release_open(q, &a, &p, NULL);
    f->d->profile = PROFILE_CK;
    assert_ok(r);
    assert_int_equal(p.cells[0], want[0]);
    assert_int_equal(p.cells[1], want[1]);
    assert_int_equal(p.below, below);
    assert_int_equal(p.above, above);
    assert_int_equal(p.n_missing, missing);
}

/* --- the parent rule --- */

/* A box {sex, ill} with a table by age: the cell's own count never matters, each parent does. */
static void parent_rule_looks_at_every_parent(void **state)
{
    struct fixture *f = *state;
    struct question *q CLEANUP(question_freep) = ask(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"where\":{\"sex\":[\"M\"],\"ill\":[\"1\"]},\"statistic\":{\"table\":{\"by\":[{\"variable\":\"age\",\"breaks\":[20,40,60]}]}}}");
    enum { SLOTS = 5 };
    uint64_t base[SLOTS] = {0, 0, 3, 3, 4}, one[SLOTS] = {10, 10, 0, 0, 0}, two[SLOTS] = {10, 0, 0, 0, 0};
    struct engine_answer a = {.parent_count = 2};
    a.base = (struct cube){1, {SLOTS}, SLOTS, base, NULL};
    a.parents[0] = (struct cube){1, {SLOTS}, SLOTS, one, NULL};
    a.parents[1] = (struct cube){1, {SLOTS}, SLOTS, two, NULL};
    struct part first = {{0, CELL_FREE, CELL_FREE, CELL_FREE}}, second = {{1, CELL_FREE, CELL_FREE, CELL_FREE}};
    assert_int_equal(q->box_count, 2);
    assert_true(parent_rule_holds(q, &a, &first, PARENT_PERSONS_MIN));   /* 10 in each parent: age dropped 10, sex 10, ill 10 */
    assert_false(parent_rule_holds(q, &a, &second, PARENT_PERSONS_MIN)); /* one parent is empty: 0 counts as too few */
    two[0] = 9;
    assert_false(parent_rule_holds(q, &a, &first, PARENT_PERSONS_MIN));
    two[0] = 10, one[0] = 9;
    assert_false(parent_rule_holds(q, &a, &first, PARENT_PERSONS_MIN));
    one[0] = 10, base[4] = 3; /* the cohort falls to 9 */
    assert_false(parent_rule_holds(q, &a, &first, PARENT_PERSONS_MIN));
    base[4] = 4, base[0] = 1; /* 11 */
    assert_true(parent_rule_holds(q, &a, &first, PARENT_PERSONS_MIN));
}

/* A variable that is both in the box and a dimension is one variable: dropping it drops both. */
static void parent_rule_drops_box_and_dimension_together(void **state)
{
    struct fixture *f = *state;
    struct question *q CLEANUP(question_freep) = ask(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"where\":{\"age\":{\"from\":20,\"to\":60}},\"statistic\":{\"table\":{\"by\":[{\"variable\":\"age\",\"breaks\":[20,40,60]}]}}}");
    uint64_t base[5] = {2, 2, 0, 0, 0}, all[5] = {2, 2, 0, 5, 1};
    struct engine_answer a = {.parent_count = 1};
    a.base = (struct cube){1, {5}, 5, base, NULL};
    a.parents[0] = (struct cube){1, {5}, 5, all, NULL};
    struct part cell = {{0, CELL_FREE, CELL_FREE, CELL_FREE}}, margin = {{CELL_FREE, CELL_FREE, CELL_FREE, CELL_FREE}};
    assert_true(parent_rule_holds(q, &a, &cell, PARENT_PERSONS_MIN)); /* everyone: 10 */
    assert_true(parent_rule_holds(q, &a, &margin, PARENT_PERSONS_MIN));
    all[4] = 0;
    assert_false(parent_rule_holds(q, &a, &cell, PARENT_PERSONS_MIN));
    assert_false(parent_rule_holds(q, &a, &margin, PARENT_PERSONS_MIN)); /* age is in its box still */
}

/* --- whole tables --- */

/* A table with one cell that everybody knows to be empty must not tell whether anybody is in the other: neither
 * where its parents are too small, nor in groups that may be shown, beyond what the noised count tells. */
static void refusal_of_a_table_is_no_oracle(void **state)
{
    struct fixture *f = *state;
    struct question *q CLEANUP(question_freep) = ask(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"where\":{\"ill\":[\"1\"]},\"statistic\":{\"table\":{\"by\":[{\"variable\":\"age\",\"breaks\":[20,60,900]}]}}}");
    enum { SLOTS = 5 };
    for (uint64_t n = 0; n <= 4; n++) {
        uint64_t base[SLOTS] = {n, 0}, keys[SLOTS] = {n * 77, 0}, group[SLOTS] = {9, 0};
        struct engine_answer a = {.base = {1, {SLOTS}, SLOTS, base, keys}, .parent_count = 1, .parents = {{1, {SLOTS}, SLOTS, group, NULL}}};
        struct published p CLEANUP(published_done);
        published_init(&p);
        assert_ok(release_protected(q, &a, f->key, slice_str("e"), &p, NULL));
        assert_true(p.cells[0] == CELL_WITHHELD && p.cells[1] == CELL_WITHHELD);
    }
    unsigned refused = 0, shown = 0;
    for (uint64_t key = 0; key < 400; key++) {
        uint64_t n = 3, base[SLOTS] = {n, 0, 0, 20}, keys[SLOTS] = {key, 0}, group[SLOTS] = {50, 0, 0, 20};
        struct engine_answer a = {.base = {1, {SLOTS}, SLOTS, base, keys}, .parent_count = 1, .parents = {{1, {SLOTS}, SLOTS, group, NULL}}};
        struct part cell = {{0, CELL_FREE, CELL_FREE, CELL_FREE}};
        struct buffer box CLEANUP(buffer_done) = {0};
        struct published p CLEANUP(published_done);
        int64_t noised;
        published_init(&p);
        buffer_init(&box, 1000);
        assert_ok(question_cell_box(q, cell.at, &box, NULL));
        assert_ok(cellkey_publish(f->key, profile_rules(PROFILE_CK)->noise, slice_str("e"), buffer_slice(&box), key, n, &noised, NULL));
        bool ok = is_ok(release_protected(q, &a, f->key, slice_str("e"), &p, NULL));
        assert_int_equal(ok, noised == 0 || noised > CK_SMALLEST_PUBLISHED + 1);
        refused += !ok;
        shown += ok;
    }
    assert_true(refused > 100 && shown > 100); /* by the p-table 55 of 100 of threes are published as 5 or 6 */
}

static void sparse_table_is_refused_lone_count_is_not(void **state)
{
    struct fixture *f = *state;
    struct question *table CLEANUP(question_freep) = ask(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"statistic\":{\"table\":{\"by\":[{\"variable\":\"age\",\"breaks\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]}]}}}");
    struct question *count CLEANUP(question_freep) = ask(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"statistic\":{\"count\":{}}}");
    uint64_t persons[23] = {0}, keys[23] = {0}, one[1] = {3}, one_key[1] = {42};
    struct engine_answer a = {.base = {1, {23}, 23, persons, keys}}, lone = {.base = {0, {0}, 1, one, one_key}};
    struct published p CLEANUP(published_done);
    published_init(&p);
    for (unsigned i = 0; i < 20; i++)
        persons[i] = 1 + i % 4, keys[i] = i * 1001;
    assert_status(release_protected(table, &a, f->key, slice_str("e"), &p, NULL), DENIED);
    assert_null(p.cells);
    for (unsigned i = 0; i < 20; i++)
        persons[i] = i < 6 ? 3 : 15;
    assert_ok(release_protected(table, &a, f->key, slice_str("e"), &p, NULL));
    published_done(&p);
    assert_ok(release_protected(count, &lone, f->key, slice_str("e"), &p, NULL));
    assert_true(p.cells[0] == 0 || p.cells[0] >= CK_SMALLEST_PUBLISHED);
}

/* Whatever is asked: each value that leaves is withheld, 0, or at least 5; failing cells are blanked. */
static void every_published_value_is_safe(void **state)
{
    struct fixture *f = *state;
    struct published p CLEANUP(published_done);
    unsigned blanked = 0, zeros = 0, near_blanked = 0, near_shown = 0;
    published_init(&p);
    for (int i = 0; i < 360; i++) {
        char text[400];
        int from = 20 + i / 6, width = 1 + i % 6;
        published_done(&p);
        snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"where\":{\"age\":{\"from\":%d,\"to\":%d}},\"statistic\":{\"table\":{\"by\":[\"ill\"]}}}", from, from + width);
        struct question *q CLEANUP(question_freep) = ask(f, text);
        struct engine_answer a CLEANUP(engine_answer_done);
        compute(f, q, &a);
        if (!is_ok(release_protected(q, &a, f->key, slice_str("e"), &p, NULL)))
            continue;
        for (unsigned k = 0; k < p.cell_count; k++) {
            struct part cell = {{(int)k, CELL_FREE, CELL_FREE, CELL_FREE}};
            assert_true(p.cells[k] == CELL_WITHHELD || p.cells[k] == 0 || p.cells[k] >= CK_SMALLEST_PUBLISHED);
            if (!parent_rule_holds(q, &a, &cell, PARENT_PERSONS_MIN))
                assert_int_equal(p.cells[k], CELL_WITHHELD);
            else if (parent_rule_holds(q, &a, &cell, PARENT_PERSONS_MIN + CK_NOISE_MAX))
                assert_int_not_equal(p.cells[k], CELL_WITHHELD);
            else
                p.cells[k] == CELL_WITHHELD ? near_blanked++ : near_shown++; /* the threshold carries noise */
            blanked += p.cells[k] == CELL_WITHHELD;
            zeros += p.cells[k] == 0;
        }
        assert_true(p.total == CELL_WITHHELD || p.total == 0 || p.total >= CK_SMALLEST_PUBLISHED);
    }
    assert_true(blanked > 0 && zeros > 0 && near_blanked > 0 && near_shown > 0);
}

/* The same question under strict: every value is withheld, 0 or at least 10, and cells differ from ck's. */
static void strict_is_stricter(void **state)
{
    struct fixture *f = *state;
    unsigned zeros = 0, ten = 0;
    f->d->profile = PROFILE_STRICT;
    for (int from = 20; from < 78; from++) {
        char text[300];
        struct published p CLEANUP(published_done);
        snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"where\":{\"age\":{\"from\":%d,\"to\":%d}},\"statistic\":{\"count\":{}}}", from, from + 2);
        publish(f, text, &p);
        assert_true(p.cells[0] == CELL_WITHHELD || p.cells[0] == 0 || p.cells[0] >= STRICT_SMALLEST_PUBLISHED);
        zeros += p.cells[0] == 0;
        ten += p.cells[0] >= STRICT_SMALLEST_PUBLISHED;
    }
    f->d->profile = PROFILE_CK;
    assert_true(zeros > 0 && ten > 0);
}

/* A holder who asked for dp must not get the weaker ck. */
static void a_profile_that_is_not_built_releases_nothing(void **state)
{
    struct fixture *f = *state;
    static const enum profile others[] = {PROFILE_DP, PROFILE_OPEN};
    struct question *q CLEANUP(question_freep) = ask(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"statistic\":{\"count\":{}}}");
    struct engine_answer a CLEANUP(engine_answer_done);
    compute(f, q, &a);
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct published p = {0};
        f->d->profile = others[i];
        assert_status(release_protected(q, &a, f->key, slice_str("e"), &p, NULL), DENIED);
        if (others[i] != PROFILE_OPEN)
            assert_status(release_open(q, &a, &p, NULL), DENIED);
    }
    f->d->profile = PROFILE_CK;
    struct published p = {0};
    assert_status(release_open(q, &a, &p, NULL), DENIED);
}

/* --- summaries --- */

static struct weighted plain(uint64_t n)
{
    return (struct weighted){.n = n, .total = 50.0 * (double)n, .largest = 70, .second = 69, .smallest = 20, .squares = 123 * (double)n, .off_smallest = n, .off_largest = n, .mean = 50.4321, .variance = 123.456};
}

/* Each rule alone withholds mean and variance; at its boundary they leave. */
static void summary_rules_each_withhold(void **state)
{
    (void)state;
    struct weighted w = plain(25);
    assert_true(summary_allowed(&w));
    w = plain(24);
    assert_false(summary_allowed(&w)); /* too few */
    w = plain(100), w.smallest = w.largest;
    assert_false(summary_allowed(&w)); /* constant */
    w = plain(100), w.smallest = -1;
    assert_false(summary_allowed(&w)); /* negative values: dominance is undefined */
    w = plain(100), w.total = 146, w.largest = 70, w.second = 69; /* the others have 7: exactly 10 % of 70, but (2,90) fires */
    assert_false(summary_allowed(&w));
    w = plain(100), w.total = 154.5;
    assert_true(summary_allowed(&w));
    w = plain(100), w.variance = 0;
    assert_false(summary_allowed(&w));
    w = plain(100), w.mean = NAN;
    assert_false(summary_allowed(&w));
    w = plain(100), w.largest = 90; /* 40 above the mean: a square of 1,600 */
    w.squares = 3 * 1600;
    assert_true(summary_is_spread(&w, 3));
    assert_false(summary_is_spread(&w, 3.01)); /* one person makes the variance */
    w.squares = 1e6, w.total = 271, w.largest = 90, w.smallest = 0;
    assert_true(summary_is_spread(&w, 3));
    assert_false(summary_is_spread(&w, 3.1)); /* or the sum */
    w.off_smallest = 3;
    assert_int_equal(summary_off_the_ends(&w), 3);
    assert_close(released_digits(0.0123456), 0.0123, 0);
    assert_close(released_digits(-98765), -98800, 0);
    assert_close(released_digits(0), 0, 0);
}

/* n is the same cell, with the same noise, as the histogram's or the count's of those who have a value. */
static void summary_counts_as_counts_do(void **state)
{
    struct fixture *f = *state;
    struct variable *age = &f->d->variables[2];
    age->has_clamps = true, age->clamp_low = 0, age->clamp_high = 100;
    struct question *q CLEANUP(question_freep) = ask(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"where\":{\"ill\":[\"0\"]},\"statistic\":{\"summary\":{\"variables\":[\"age\"],\"by\":\"sex\"}}}");
    struct question counts = summary_counts(q, 0);
    struct engine_answer one, a = {.summary_groups = 3, .summary_variables = 1, .counts = &one, .counts_count = 1};
    struct weighted weighted[3] = {plain(100), plain(20), plain(100)};
    struct published p CLEANUP(published_done), count CLEANUP(published_done);
    a.weighted = weighted;
    compute(f, &counts, &one);
    published_init(&p);
    assert_ok(release_protected(q, &a, f->key, slice_str("edition-1"), &p, NULL));
    assert_int_equal(p.group_count, 2);
    publish(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"where\":{\"ill\":[\"0\"],\"sex\":[\"F\"],\"age\":{}},\"statistic\":{\"count\":{}}}", &count);
    assert_int_equal(p.protected_moments[0].n, count.cells[0]);
    assert_true(count.cells[0] > 100);
    published_done(&count);
    publish(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"where\":{\"ill\":[\"0\"],\"sex\":[\"M\"],\"age\":[null]},\"statistic\":{\"count\":{}}}", &count);
    assert_int_equal(p.protected_moments[1].n_missing, count.cells[0]);
    assert_close(p.protected_moments[0].mean, 50.4, 0);
    assert_close(p.protected_moments[0].variance, 123, 0);
    assert_true(isnan(p.protected_moments[1].mean) && isnan(p.protected_moments[1].variance));
    /* A mean never leaves without the right to its count. */
    for (uint64_t i = 0; i < one.base.slot_count; i++)
        one.base.persons[i] = one.parents[0].persons[i] = 2;
    published_done(&p);
    assert_ok(release_protected(q, &a, f->key, slice_str("edition-1"), &p, NULL));
    assert_int_equal(p.protected_moments[0].n, CELL_WITHHELD);
    assert_true(isnan(p.protected_moments[0].mean));
    struct json *v CLEANUP(json_freep) = published_json(&p);
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 1000);
    assert_ok(json_print(json_item(json_get(v, "groups"), 0), &text, NULL));
    assert_slice(buffer_slice(&text), "{\"variables\":[{\"mean\":null,\"n\":null,\"n_missing\":null,\"variance\":null}]}");
    engine_answer_done(&one);
    age->has_clamps = false;
}

/* What quantiles are read from is, cell for cell, what a histogram of the group is answered with; a group's that would be
 * refused is withheld. */
static void quantiles_are_read_from_the_groups_histogram(void **state)
{
    struct fixture *f = *state;
    struct variable *age = &f->d->variables[2];
    age->has_clamps = true, age->clamp_low = 20, age->clamp_high = 70;
    age->grid_step = 1;
    struct question *q CLEANUP(question_freep) = ask(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"statistic\":{\"summary\":{\"variables\":[\"age\"],\"by\":\"ill\",\"quantiles\":[0.5]}}}");
    struct summary_histogram h;
    assert_ok(summary_histogram(q, 0, &h, NULL));
    struct question counts = summary_counts(q, 0);
    struct engine_answer one, histogram, a = {.summary_groups = 3, .summary_variables = 1, .counts = &one, .counts_count = 1};
    struct weighted weighted[3] = {plain(100), plain(20), plain(100)};
    struct published p CLEANUP(published_done), alone CLEANUP(published_done);
    a.weighted = weighted;
    compute(f, &counts, &one);
    compute(f, &h.question, &histogram);
    published_init(&p);
    assert_status(release_protected(q, &a, f->key, slice_str("edition-1"), &p, NULL), BROKEN); /* asked, and not there */
    a.histograms = &histogram;
    a.histogram_count = 1;
    assert_ok(release_protected(q, &a, f->key, slice_str("edition-1"), &p, NULL));
    assert_int_equal(h.question.dimensions[1].break_count, 11);
    publish(f, "{\"innsyn\":\"question/1\",\"dataset\":\"small\",\"where\":{\"ill\":[\"0\"]},\"statistic\":{\"histogram\":{\"variable\":\"age\","
               "\"breaks\":[20,25,30,35,40,45,50,55,60,65,70]}}}", &alone);
    const struct published_quantiles *of = &p.quantiles[0];
    assert_true(of->cells && of->count == 10);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(of->counts[i], alone.cells[i]);
        assert_close(of->at[i], 20 + 5.0 * i, 0);
    }
    assert_int_equal(of->below, alone.below);
    assert_int_equal(of->above, alone.above);
    assert_true(alone.above > 0); /* beyond the clamps */
    /* some forty persons in ten cells: mostly hardly above nothing */
    assert_true(p.quantiles[1].cells && p.quantiles[1].count == 0);
    struct json *v CLEANUP(json_freep) = published_json(&p);
    const struct json *first = json_item(json_get(json_item(json_get(v, "groups"), 0), "variables"), 0),
                      *second = json_item(json_get(json_item(json_get(v, "groups"), 1), "variables"), 0);
    assert_int_equal(json_size(json_get(json_get(first, "quantiles"), "breaks")), 11);
    assert_int_equal(json_size(json_get(json_get(first, "quantiles"), "cells")), 10);
    assert_int_equal(json_kind(json_get(second, "quantiles")), JSON_NULL);
    engine_answer_done(&one);
    engine_answer_done(&histogram);
    age->has_clamps = false;
}

/* The grammar refuses it before; disclosure control does not rely on that. */
static void true_moments_are_not_released(void **state)
{
    struct fixture *f = *state;
    unsigned variables[1] = {2};
    struct question q = {.dictionary = f->d, .statistic = STATISTIC_SUMMARY, .by = -1, .variables = variables, .variable_count = 1};
    struct moments m = {.n = 100, .mean = 1, .m2 = 1};
    struct engine_answer a = {.summary = &m, .summary_groups = 1, .summary_variables = 1};
    struct published p = {0};
    assert_status(release_protected(&q, &a, f->key, slice_str("e"), &p, NULL), BROKEN);
    f->d->event_table = true;
    assert_status(release_protected(&q, &a, f->key, slice_str("e"), &p, NULL), DENIED);
    f->d->event_table = false;
}

static void replies_hold_published_values_only(void **state)
{
    (void)state;
    int64_t cells[2] = {CELL_WITHHELD, 7};
    struct published p;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 1000);
    published_init(&p);
    p.statistic = STATISTIC_TABLE, p.cells = cells, p.cell_count = 2, p.total = 12;
    struct json *v CLEANUP(json_freep) = published_json(&p);
    assert_ok(json_print(v, &text, NULL));
    assert_slice(buffer_slice(&text), "{\"cells\":[null,7],\"n_missing\":null,\"total\":12}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ptables_equal_vectors),
        cmocka_unit_test(noise_is_unbiased_and_never_small),
        cmocka_unit_test(keys_equal_vectors),
        cmocka_unit_test(same_cell_same_noise),
        cmocka_unit_test(a_group_has_its_levels_noise),
        cmocka_unit_test(rounded_counts_are_of_published_ones),
        cmocka_unit_test(open_is_exact),
        cmocka_unit_test(parent_rule_looks_at_every_parent),
        cmocka_unit_test(parent_rule_drops_box_and_dimension_together),
        cmocka_unit_test(refusal_of_a_table_is_no_oracle),
        cmocka_unit_test(sparse_table_is_refused_lone_count_is_not),
        cmocka_unit_test(every_published_value_is_safe),
        cmocka_unit_test(strict_is_stricter),
        cmocka_unit_test(a_profile_that_is_not_built_releases_nothing),
        cmocka_unit_test(summary_rules_each_withhold),
        cmocka_unit_test(summary_counts_as_counts_do),
        cmocka_unit_test(quantiles_are_read_from_the_groups_histogram),
        cmocka_unit_test(true_moments_are_not_released),
        cmocka_unit_test(replies_hold_published_values_only),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
