/* Moments against naive sums over random tables, against a series whose moments are known in closed form
 * (10 million rows far from zero), and the whole path from CSV to answer against R's numbers on real data. */
#include "agents/engine/engine.h"
#include "agents/engine/moments.h"

#include "tests/unit/random_snapshot.h"

static void check(const struct snapshot *s, const struct question *q, const struct engine_answer *a)
{
    unsigned groups = q->by < 0 ? 1 : question_groups(q) + 1;
    assert_int_equal(a->summary_groups, groups);
    assert_int_equal(a->summary_variables, q->variable_count);
    for (unsigned g = 0; g < groups; g++)
        for (unsigned v = 0; v < q->variable_count; v++) {
            long double sum = 0, squares = 0;
            uint64_t n = 0, missing = 0;
            for (unsigned pass = 0; pass < 2; pass++)
                for (uint64_t row = 0; row < s->facts.rows; row++) {
                    int level = q->by < 0 ? 0 : naive_level(s, (unsigned)q->by, row);
                    if (q->by_grouping && level >= 0)
                        level = (int)naive_group(q->by_grouping->name, (unsigned)level);
                    double x = naive_number(s, q->variables[v], row);
                    if (!naive_in_box(s, q, row, -1) || (level < 0 ? groups - 1 : (unsigned)level) != g)
                        continue;
                    if (pass) {
                        long double d = isnan(x) ? 0 : x - sum / (long double)n;
                        squares += d * d;
                    } else if (isnan(x)) {
                        missing++;
                    } else {
                        n++;
                        sum += x;
                    }
                }
            const struct moments *m = &a->summary[g * q->variable_count + v];
            assert_int_equal(m->n, n);
            assert_int_equal(m->n_missing, missing);
            assert_close(m->mean, n ? (double)(sum / (long double)n) : 0, 1e-13);
            assert_close(m->m2, n ? (double)squares : 0, 1e-12);
        }
}

static void test_random(void **state)
{
    static const unsigned sizes[] = {0, 1, 500, 4096, 4097};
    struct chance c = {4711};
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        struct dictionary *d = random_dictionary(round % 4 == 3);
        struct snapshot *s = random_snapshot(&c, d, d->event_table ? 300 : sizes[round % COUNT_OF(sizes)], round % 3 * 4);
        char where[4096], text[8192];
        random_where(&c, where, sizeof where);
        static const char *const by[] = {"", ",\"by\":\"b\"", ",\"by\":\"wide\"", ",\"by\":\"one\"",
                                         ",\"by\":{\"variable\":\"b\",\"grouping\":\"parity\"}", ",\"by\":{\"variable\":\"wide\",\"grouping\":\"by3\"}"};
        snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"r\"%s,\"statistic\":{\"summary\":{\"variables\":[\"age\",\"lab\"]%s}}}",
                 where, by[round % COUNT_OF(by)]);
        struct question *q = test_question(d, text);
        struct engine_answer a, again;
        struct buffer bytes;
        buffer_init(&bytes, 1024 * 1024);
        engine_answer_init(&a);
        engine_answer_init(&again);
        assert_ok(engine_compute(s, q, false, &a, NULL));
        check(s, q, &a);
        assert_ok(engine_answer_encode(&a, &bytes, NULL));
        assert_ok(engine_answer_decode(buffer_slice(&bytes), q, &again, NULL));
        check(s, q, &again);
        assert_int_equal(a.cohort, again.cohort);
        engine_answer_done(&a);
        engine_answer_done(&again);
        buffer_done(&bytes);
        question_free(q);
        random_snapshot_free(s);
        dictionary_free(d);
    }
}

/* 1e9 + 0.1 + (i mod 1000): mean 1e9 + 499.6, m2 = n * (1000^2 - 1) / 12.  Plain sums of squares would have no
 * digit left. */
static void test_far_from_zero(void **state)
{
    enum { ROWS = 10000000 };
    struct dictionary *d = random_dictionary(false);
    struct chance c = {1};
    struct snapshot *s = random_snapshot(&c, d, 0, 0);
    double *at = malloc(ROWS * sizeof *at);
    const void *was = s->columns[6].at;
    (void)state;
    assert_non_null(at);
    for (unsigned i = 0; i < ROWS; i++)
        at[i] = 1e9 + i % 1000;
    s->columns[6].at = at;
    s->facts.rows = s->facts.persons = ROWS;
    struct question *q = test_question(d, "{\"innsyn\":\"question/1\",\"dataset\":\"r\",\"statistic\":{\"summary\":{\"variables\":[\"lab\"]}}}");
    struct engine_answer a;
    engine_answer_init(&a);
    assert_ok(moments_summary(s, q, &a, NULL));
    assert_int_equal(a.summary[0].n, ROWS);
    assert_close(a.summary[0].mean, 1e9 + 499.5, 1e-15);
    assert_close(a.summary[0].m2, ROWS * (1000.0 * 1000.0 - 1) / 12, 1e-12);
    engine_answer_done(&a);
    question_free(q);
    s->columns[6].at = was;
    free(at);
    random_snapshot_free(s);
    dictionary_free(d);
}

/* How often each value is there, in every group, against counting by hand; over the wire and back. */
static void check_values(const struct snapshot *s, const struct question *q, const struct engine_answer *a)
{
    unsigned groups = question_groups(q);
    assert_int_equal(a->value_count, groups * q->variable_count);
    for (unsigned g = 0; g < groups; g++)
        for (unsigned v = 0; v < q->variable_count; v++) {
            const struct value_counts *c = &a->values[g * q->variable_count + v];
            uint64_t n = 0, *found = calloc(c->count + 1u, sizeof *found);
            assert_false(c->cells);
            for (unsigned k = 1; k < c->count; k++)
                assert_true(c->at[k] > c->at[k - 1]);
            for (uint64_t row = 0; row < s->facts.rows; row++) {
                int level = q->by < 0 ? 0 : naive_level(s, (unsigned)q->by, row);
                double x = naive_number(s, q->variables[v], row);
                if (level != (int)g || isnan(x) || !naive_in_box(s, q, row, -1))
                    continue;
                unsigned k = 0;
                while (k < c->count && c->at[k] < x)
                    k++;
                assert_true(k < c->count && !(c->at[k] > x));
                found[k]++;
                n++;
            }
            for (unsigned k = 0; k < c->count; k++)
                assert_int_equal(c->persons[k], found[k]);
            assert_int_equal(a->summary[g * q->variable_count + v].n, n);
            free(found);
        }
}

static void test_values(void **state)
{
    static const unsigned sizes[] = {0, 1, 700, 4097};
    struct chance c = {815};
    (void)state;
    for (unsigned round = 0; round < 24; round++) {
        struct dictionary *d = random_dictionary(round % 4 == 3);
        struct snapshot *s = random_snapshot(&c, d, d->event_table ? 300 : sizes[round % COUNT_OF(sizes)], round % 3 * 4);
        char where[4096], text[8192];
        random_where(&c, where, sizeof where);
        static const char *const by[] = {"", ",\"by\":\"b\"", ",\"by\":\"one\""};
        snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"r\"%s,\"statistic\":{\"summary\":{\"variables\":[\"age\",\"lab\"],\"quantiles\":[0.5]%s}}}",
                 where, by[round % COUNT_OF(by)]);
        struct question *q = test_question(d, text);
        struct engine_answer a, again;
        struct buffer bytes;
        buffer_init(&bytes, 4 * 1024 * 1024);
        engine_answer_init(&a);
        engine_answer_init(&again);
        assert_ok(engine_compute(s, q, false, &a, NULL));
        check_values(s, q, &a);
        assert_ok(engine_answer_encode(&a, &bytes, NULL));
        assert_ok(engine_answer_decode(buffer_slice(&bytes), q, &again, NULL));
        check_values(s, q, &again);
        engine_answer_done(&again);
        for (size_t cut = 0; cut < bytes.len; cut += 1 + bytes.len / 50)
            assert_status(engine_answer_decode(slice_of(bytes.at, cut), q, &again, NULL), MALFORMED);
        engine_answer_done(&a);
        buffer_done(&bytes);
        question_free(q);
        random_snapshot_free(s);
        dictionary_free(d);
    }
}

/* More values than may leave: as many cells as are bounded, which hold everybody. */
static void test_many_values(void **state)
{
    enum { ROWS = 50000 };
    struct chance c = {11};
    struct dictionary *d = random_dictionary(false);
    struct snapshot *s = random_snapshot(&c, d, ROWS, 0);
    double *at = malloc(ROWS * sizeof *at);
    const void *was = s->columns[6].at;
    (void)state;
    for (unsigned i = 0; i < ROWS; i++)
        at[i] = -3 + 7.25 * i / ROWS;
    s->columns[6].at = at;
    struct question *q = test_question(d, "{\"innsyn\":\"question/1\",\"dataset\":\"r\",\"statistic\":{\"summary\":{\"variables\":[\"lab\",\"age\"],"
                                          "\"quantiles\":[0.5]}}}");
    struct engine_answer a;
    engine_answer_init(&a);
    assert_ok(engine_compute(s, q, false, &a, NULL));
    const struct value_counts *v = &a.values[0];
    uint64_t all = 0;
    assert_true(v->cells && v->count <= QUANTILE_CELLS_OPEN_MAX && v->count > QUANTILE_CELLS_OPEN_MAX / 3);
    assert_true(v->at[0] <= -3 && v->at[v->count] >= at[ROWS - 1]);
    for (unsigned k = 0; k < v->count; k++) {
        uint64_t in = 0;
        for (unsigned i = 0; i < ROWS; i++)
            in += at[i] >= v->at[k] && (at[i] < v->at[k + 1] || (k + 1 == v->count && at[i] <= v->at[k + 1]));
        assert_int_equal(v->persons[k], in);
        all += in;
    }
    assert_int_equal(all, ROWS);
    assert_false(a.values[1].cells); /* age has few */
    engine_answer_done(&a);
    question_free(q);
    s->columns[6].at = was;
    free(at);
    random_snapshot_free(s);
    dictionary_free(d);
}

/* --- real data --------------------------------------------------------------------------------- */

static const char *const SITES[] = {"cleveland", "hungarian", "switzerland", "va"};

static struct snapshot *load_site(const char *root, const char *site)
{
    char path[512], folder[128];
    struct buffer csv, dictionary;
    struct why why = {0};
    struct load_report report;
    struct snapshot *s = NULL;
    snprintf(path, sizeof path, SOURCE_DIR "/deploy/data/heart/%s.csv", site);
    read_test_file(path, &csv);
    read_test_file(SOURCE_DIR "/deploy/data/heart/dictionary.json", &dictionary);
    struct dictionary *d = test_dictionary(buffer_str(&dictionary), PROFILE_OPEN);
    struct text_source source = {buffer_slice(&csv), 0};
    snprintf(folder, sizeof folder, "%s/%s", root, site);
    struct load_options options = {.dataset_folder = folder, .keys = test_keys};
    if (!is_ok(loader_run(host_real(), d, (struct csv_source){text_read, &source}, &options, &report, &why)) ||
        !is_ok(snapshot_open(host_real(), folder, &report.snapshot, true, &s, &why)))
        fail_msg("%s", why.text);
    dictionary_free(d);
    buffer_done(&csv);
    buffer_done(&dictionary);
    return s;
}

static struct engine_answer ask(const struct snapshot *s, const char *where, const char *statistic)
{
    char text[8192];
    struct engine_answer a;
    struct why why = {0};
    snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"where\":{%s},\"statistic\":{%s}}", where, statistic);
    struct question *q = test_question(s->dictionary, text);
    engine_answer_init(&a);
    if (!is_ok(engine_compute(s, q, false, &a, &why)))
        fail_msg("%s", why.text);
    question_free(q);
    return a;
}

static const struct json *at(const struct json *o, const char *key)
{
    const struct json *v = json_get(o, key);
    if (!v)
        fail_msg("the oracle has no %s", key);
    return v;
}

static char *text_of(const struct json *v, char *to, size_t size)
{
    assert_true(slice_copy_str(json_text(v), to, size));
    return to;
}

/* The oracle's filters as a box: == on codes, >= and < on numbers. */
static void where_of(const struct json *filter, char *to, size_t size)
{
    size_t n = 0;
    char var[64], value[64];
    to[0] = 0;
    for (size_t i = 0; i < json_size(filter); i++) {
        const struct json *f = json_item(filter, i);
        struct slice op = json_text(at(f, "op"));
        text_of(at(f, "var"), var, sizeof var);
        if (slice_is(op, "=="))
            n += (size_t)snprintf(to + n, size - n, "%s\"%s\":[\"%s\"]", i ? "," : "", var, text_of(at(f, "value"), value, sizeof value));
        else
            n += (size_t)snprintf(to + n, size - n, "%s\"%s\":{\"%s\":%g}", i ? "," : "", var, slice_is(op, ">=") ? "from" : "to",
                                  json_number(at(f, "value")));
    }
}

static void check_moments(const struct moments *m, const struct json *want)
{
    assert_int_equal(m->n, json_integer(at(want, "n")));
    assert_int_equal(m->n_missing, json_integer(at(want, "n_missing")));
    if (!m->n)
        return;
    assert_close(m->mean, json_number(at(want, "mean")), 1e-9);
    assert_close(m->m2, json_number(at(want, "m2_centred")), 1e-9);
    if (m->n > 1)
        assert_close(m->m2 / (double)(m->n - 1), json_number(at(want, "var")), 1e-9);
}

static void check_numeric(const struct snapshot *s, const struct json *spec, const struct json *want)
{
    char var[64], by[64], where[512], text[4096];
    where_of(json_get(spec, "filter"), where, sizeof where);
    text_of(at(spec, "var"), var, sizeof var);
    snprintf(text, sizeof text, "\"summary\":{\"variables\":[\"%s\"]}", var);
    struct engine_answer a = ask(s, where, text);
    check_moments(&a.summary[0], at(want, "moments"));
    engine_answer_done(&a);
    if (json_kind(json_get(spec, "by")) == JSON_STRING) {
        int v = dictionary_find(s->dictionary, json_text(json_get(spec, "by")));
        const struct json *groups = at(want, "by_group");
        snprintf(text, sizeof text, "\"summary\":{\"variables\":[\"%s\"],\"by\":\"%s\"}", var,
                 text_of(json_get(spec, "by"), by, sizeof by));
        a = ask(s, where, text);
        for (unsigned g = 0; g + 1 < a.summary_groups; g++) {
            char code[64];
            assert_true(slice_copy_str(s->dictionary->variables[v].levels[g], code, sizeof code));
            if (json_get(groups, code))
                check_moments(&a.summary[g], at(json_get(groups, code), "moments"));
        }
        engine_answer_done(&a);
    }
    const struct json *breaks = at(spec, "histogram_breaks"), *histogram = at(want, "histogram");
    size_t n = (size_t)snprintf(text, sizeof text, "\"histogram\":{\"variable\":\"%s\",\"breaks\":[", var);
    for (size_t i = 0; i < json_size(breaks); i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%.17g", i ? "," : "", json_number(json_item(breaks, i)));
    snprintf(text + n, sizeof text - n, "]}");
    a = ask(s, where, text);
    size_t cells = json_size(breaks) - 1;
    for (size_t i = 0; i < cells; i++)
        assert_int_equal(a.base.persons[i], json_integer(json_item(at(histogram, "left_closed"), i)));
    assert_int_equal(a.base.persons[cells], json_integer(at(histogram, "below")));
    assert_int_equal(a.base.persons[cells + 1], json_integer(at(histogram, "above")));
    assert_int_equal(a.missing_persons, json_integer(at(histogram, "n_missing")));
    engine_answer_done(&a);
}

/* The oracle's nested arrays, level by level, against the cube. */
static void check_counts(const struct engine_answer *a, const struct json *counts, unsigned dimension, uint64_t slot)
{
    if (dimension == a->base.dimension_count || dimension == TABLE_DIMENSIONS_MAX) {
        assert_int_equal(a->base.persons[slot], json_integer(counts));
        return;
    }
    assert_int_equal(json_size(counts), a->base.slots[dimension] - CUBE_SLOTS_EXTRA);
    for (size_t i = 0; i < json_size(counts); i++)
        check_counts(a, json_item(counts, i), dimension + 1, slot * a->base.slots[dimension] + i);
}

static void check_crosstab(const struct snapshot *s, const struct json *spec, const struct json *want)
{
    char where[512], text[512], var[64];
    size_t n = (size_t)snprintf(text, sizeof text, "\"table\":{\"by\":[");
    where_of(json_get(spec, "filter"), where, sizeof where);
    for (size_t i = 0; i < json_size(at(spec, "vars")); i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\"%s\"", i ? "," : "",
                              text_of(json_item(at(spec, "vars"), i), var, sizeof var));
    snprintf(text + n, sizeof text - n, "]}");
    struct engine_answer a = ask(s, where, text);
    check_counts(&a, at(want, "counts"), 0, 0);
    assert_int_equal(a.missing_persons, json_integer(at(want, "n_missing")));
    assert_int_equal(a.table_persons, json_integer(at(want, "n")));
    for (size_t i = 0; i < json_size(json_get(want, "row_totals")); i++)
        assert_int_equal(a.margins[0][i], json_integer(json_item(json_get(want, "row_totals"), i)));
    for (size_t i = 0; i < json_size(json_get(want, "col_totals")); i++)
        assert_int_equal(a.margins[1][i], json_integer(json_item(json_get(want, "col_totals"), i)));
    engine_answer_done(&a);
}

static void test_oracle(void **state)
{
    char root[SCRATCH_PATH];
    struct buffer text;
    struct json *oracle = NULL;
    unsigned numeric = 0, crosstab = 0;
    (void)state;
    scratch_make(root, "moments");
    read_test_file(SOURCE_DIR "/tests/data/oracle/heart.descriptive.json", &text);
    assert_ok(json_parse(buffer_slice(&text), TEST_TEXT_MAX, &oracle, NULL));
    for (size_t k = 0; k < COUNT_OF(SITES); k++) {
        struct snapshot *s = load_site(root, SITES[k]);
        for (size_t i = 0; i < json_size(at(oracle, "analyses")); i++) {
            const struct json *analysis = json_item(at(oracle, "analyses"), i);
            struct slice kind = json_text(at(analysis, "kind"));
            const struct json *sites = json_get(analysis, "sites");
            if (slice_is(kind, "numeric")) {
                check_numeric(s, at(analysis, "spec"), at(sites, SITES[k]));
                numeric++;
            } else if (slice_is(kind, "crosstab")) {
                check_crosstab(s, at(analysis, "spec"), at(sites, SITES[k]));
                crosstab++;
            }
        }
        snapshot_close(s);
    }
    assert_int_equal(numeric, 7 * COUNT_OF(SITES));
    assert_int_equal(crosstab, 7 * COUNT_OF(SITES));
    json_free(oracle);
    buffer_done(&text);
    scratch_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_far_from_zero),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_many_values),
        cmocka_unit_test(test_oracle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
