/* Aim: the weights are the vectors', and what the engine hands over under protection is what a slow computation of the
 * same persons gives: clamped values, weighted moments, counts with their key sums and parents. */
#include <math.h>

#include "agents/parameters.h"
#include "agents/engine/cube.h"
#include "agents/engine/weighted.h"
#include "base/codec.h"
#include "proto/json.h"
#include "tests/unit/agent_data.h"

static struct json *vectors(const char *name)
{
    char path[512];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v = NULL;
    buffer_init(&text, JSON_BYTES_MAX);
    snprintf(path, sizeof path, "%s/tests/data/vectors/sdc/%s", SOURCE_DIR, name);
    assert_ok(host_read_file(host_real(), path, JSON_BYTES_MAX, &text, NULL));
    assert_ok(json_parse(buffer_slice(&text), JSON_BYTES_MAX, &v, NULL));
    return v;
}

static uint64_t hex_key(struct slice text)
{
    uint8_t bytes[8];
    uint64_t key = 0;
    assert_true(hex_parse(text, bytes, sizeof bytes));
    for (unsigned i = 0; i < 8; i++)
        key = key << 8 | bytes[i];
    return key;
}

static double decimal(const struct json *v)
{
    char text[64];
    assert_true(slice_copy_str(json_text(v), text, sizeof text));
    return strtod(text, NULL);
}

static bool listed(const struct json *list, struct slice name)
{
    for (size_t i = 0; i < json_size(list); i++)
        if (slice_equal(json_text(json_item(list, i)), name))
            return true;
    return false;
}

static void test_vectors(void **state)
{
    (void)state;
    struct json *v CLEANUP(json_freep) = vectors("jitter.json"), *keys CLEANUP(json_freep) = vectors("cellkey_e2e.json");
    const struct json *cases = json_get(v, "cases"), *persons = json_get(keys, "persons"), *person;
    struct slice edition = json_text(json_get(keys, "snapshot")), name;
    struct jitter *j CLEANUP(jitter_freep) = NULL;
    uint8_t key[32];
    assert_true(hex_parse(json_text(json_get(v, "K_J")), key, sizeof key));
    assert_ok(jitter_new(slice_of(key, sizeof key), &j, NULL));
    assert_int_equal(json_size(cases), 2);
    for (size_t c = 0; c < 2; c++) {
        const struct json *one = json_item(cases, c);
        struct jittered sums = {.centre = decimal(json_get(one, "plain_mean"))};
        uint64_t cohort = hex_key(json_text(json_get(one, "cell_key"))), sum = 0;
        unsigned n = 0;
        for (size_t i = 0; json_next(persons, &i, &name, &person);) {
            char text[LABEL_MAX + 1];
            if (c == 1 && slice_is(name, "p0007"))
                continue;
            uint64_t record = hex_key(json_text(json_get(person, "record_key")));
            bool plus = jitter_plus(j, edition, cohort, record);
            assert_int_equal(plus, listed(json_get(one, "plus"), name));
            assert_true(slice_copy_str(name, text, sizeof text));
            jittered_add(&sums, json_number(json_get(json_get(v, "x"), text)), plus);
            sum += record;
            n++;
        }
        double mean, variance;
        jittered_moments(&sums, &mean, &variance);
        assert_int_equal(n, json_integer(json_get(one, "n")));
        assert_int_equal(sum, cohort);
        assert_close(jitter_strength(n), decimal(json_get(one, "eps")), 1e-14);
        assert_close(mean, decimal(json_get(one, "weighted_mean")), 2e-14);
        assert_close(variance, decimal(json_get(one, "weighted_variance")), 1e-12);
    }
}

/* 24 persons have no weighted mean: some weight would be negative. */
static void test_few(void **state)
{
    (void)state;
    struct jittered s = {0};
    double mean, variance;
    for (unsigned i = 0; i < 24; i++)
        jittered_add(&s, i, i % 2);
    jittered_moments(&s, &mean, &variance);
    assert_true(isnan(mean) && isnan(variance));
    jittered_add(&s, 24, true);
    jittered_moments(&s, &mean, &variance);
    assert_close(mean, 168.0 / 13, 1e-12); /* at 25 the weights are 0 and 2: the odd ones and 24 */
    assert_true(variance > 0);
}

/* --- the engine --- */

static const char DICTIONARY[] =
    "{\"dataset\":\"t\",\"profile\":\"ck\",\"variables\":[{\"name\":\"pid\",\"type\":\"id\"},{\"name\":\"age\",\"type\":\"integer\",\"clamps\":[20,80]},"
    "{\"name\":\"bp\",\"type\":\"number\",\"clamps\":[0,200]},"
    "{\"name\":\"sex\",\"type\":\"categorical\",\"levels\":[{\"code\":\"0\"},{\"code\":\"1\"}]},"
    "{\"name\":\"few\",\"type\":\"categorical\",\"levels\":[{\"code\":\"0\"},{\"code\":\"1\"}]}]}";

enum { PERSONS = 70000, CSV_MAX = 3000000 }; /* enough for two halves */

struct row {
    double age, bp;
    int sex, few; /* sex: -1 for none */
    uint64_t key;
};

static void make_rows(struct row *rows, char *csv)
{
    uint64_t r = 88172645463325252u;
    int len = snprintf(csv, CSV_MAX, "pid,age,bp,sex,few\n");
    for (unsigned i = 0; i < PERSONS; i++) {
        char name[16], age[16] = "";
        r ^= r << 13, r ^= r >> 7, r ^= r << 17;
        snprintf(name, sizeof name, "p%u", i);
        rows[i] = (struct row){.age = i % 17 == 3 ? (double)NAN : (double)(r % 90), .bp = (double)(r / 128 % 2500) / 10, .sex = (int)(r / 7 % 3) - 1};
        rows[i].few = i % (PERSONS / 250) != 0;
        rows[i].key = test_key(slice_str(name));
        if (!isnan(rows[i].age))
            snprintf(age, sizeof age, "%d", (int)rows[i].age);
        len += snprintf(csv + len, (size_t)(CSV_MAX - len), "%s,%s,%.1f,%s,%d\n", name, age, rows[i].bp, rows[i].sex < 0 ? "" : rows[i].sex ? "1" : "0",
                        rows[i].few);
    }
}

/* The weight of the j-th person of a large set, as jitter.h defines it. */
static bool stream_plus(struct slice key, const char *edition, uint64_t cohort, uint64_t j)
{
    uint8_t message[128], block[BLOCK_LEN];
    size_t len = strlen(edition);
    struct block_cipher *c;
    memcpy(message, edition, len);
    memcpy(message + len, "\0stream", 7);
    struct hash h = hmac_sha256(key, slice_of(message, len + 7));
    for (unsigned i = 0; i < 8; i++) {
        block[i] = (uint8_t)(cohort >> (56 - 8 * i));
        block[8 + i] = (uint8_t)(j / 128 >> (56 - 8 * i));
    }
    assert_ok(block_cipher_new(h.at, &c, NULL));
    block_cipher_run(c, block, sizeof block);
    block_cipher_free(c);
    return block[j % 128 / 8] >> j % 8 & 1;
}

#define JITTER_KEY "0123456789abcdef0123456789abcdef"

static bool plus_of(struct jitter *j, uint64_t cohort, uint64_t n, uint64_t at, uint64_t record)
{
    return n <= JITTER_MAC_PERSONS_MAX ? jitter_plus(j, slice_str("e"), cohort, record) : stream_plus(slice_str(JITTER_KEY), "e", cohort, at);
}

/* One group and variable, a person at a time. */
/* sex: of those only; 10 and 11: of a level of `few`; -1: all. */
static void expect(const struct row *rows, struct jitter *j, int sex, bool bp, const struct weighted *got)
{
    static const char *const boxes[3] = {"bp=[20,inf)", "bp=[20,inf);sex=0", "bp=[20,inf);sex=1"}; /* equal sets of other boxes have other weights */
    struct hash box = sha256(slice_str(sex >= 10 ? sex == 10 ? "bp=[20,inf);few=0" : "bp=[20,inf);few=1" : boxes[sex + 1]));
    uint64_t mark;
    memcpy(&mark, box.at, sizeof mark);
    uint64_t key = mark, n = 0;
    double weight = 0, mean = 0, variance = 0, total = 0, largest = -1, smallest = 1e9, squares = 0;
    uint64_t off_smallest = 0, off_largest = 0;
    for (unsigned pass = 0; pass < 3; pass++)
        for (unsigned i = 0, order = 0; i < PERSONS; i++) {
            double x = bp ? rows[i].bp : rows[i].age;
            if (isnan(x) || (sex >= 10 ? rows[i].few != sex - 10 : sex >= 0 && rows[i].sex != sex) || !(rows[i].bp >= 20))
                continue;
            x = bp ? fmin(x, 200) : fmin(fmax(x, 20), 80);
            double w = pass ? 1 + (plus_of(j, key, n, order++, rows[i].key) ? 1 : -1) * 5 / sqrt((double)n) : 0;
            if (pass == 0) {
                key += rows[i].key;
                n++;
                total += x;
                largest = fmax(largest, x);
                smallest = fmin(smallest, x);
            } else if (pass == 1) {
                weight += w;
                mean += w * x;
            } else {
                squares += (x - total / (double)n) * (x - total / (double)n);
                off_smallest += x > smallest;
                off_largest += x < largest;
                variance += w * (x - mean / weight) * (x - mean / weight);
            }
        }
    assert_int_equal(got->n, n);
    assert_close(got->total, total, 1e-12);
    assert_close(got->squares, squares, 1e-11);
    assert_true(got->off_smallest == off_smallest || (got->off_smallest >= OFF_SURE && off_smallest >= OFF_SURE));
    assert_true(got->off_largest == off_largest || (got->off_largest >= OFF_SURE && off_largest >= OFF_SURE));
    assert_close(got->largest, largest, 0);
    assert_close(got->smallest, smallest, 0);
    assert_close(got->mean, mean / weight, 1e-12);
    assert_close(got->variance, variance / weight * (double)n / (double)(n - 1), 1e-11);
}

static void test_engine(void **state)
{
    (void)state;
    static struct row rows[PERSONS];
    static char csv[CSV_MAX];
    char root[SCRATCH_PATH], folder[128];
    struct dictionary *d CLEANUP(dictionary_freep) = test_dictionary(DICTIONARY, PROFILE_CK);
    struct load_report report;
    struct snapshot *s CLEANUP(snapshot_closep) = NULL;
    struct jitter *j CLEANUP(jitter_freep) = NULL;
    struct engine_answer a CLEANUP(engine_answer_done), again CLEANUP(engine_answer_done);
    struct buffer bytes CLEANUP(buffer_done) = {0};
    make_rows(rows, csv);
    scratch_make(root, "jitter");
    snprintf(folder, sizeof folder, "%s/t", root);
    struct text_source source = {slice_str(csv), 0};
    struct load_options options = {.dataset_folder = folder, .keys = test_keys};
    assert_ok(loader_run(host_real(), d, (struct csv_source){text_read, &source}, &options, &report, NULL));
    assert_ok(snapshot_open(host_real(), folder, &report.snapshot, true, &s, NULL));
    assert_ok(jitter_new(slice_str(JITTER_KEY), &j, NULL));
    struct question *q = test_question(s->dictionary, "{\"innsyn\":\"question/1\",\"dataset\":\"t\",\"where\":{\"bp\":{\"from\":20}},"
                                                      "\"statistic\":{\"summary\":{\"variables\":[\"age\",\"bp\"],\"by\":\"sex\"}}}");
    struct question *all = test_question(s->dictionary, "{\"innsyn\":\"question/1\",\"dataset\":\"t\",\"where\":{\"bp\":{\"from\":20}},"
                                                        "\"statistic\":{\"summary\":{\"variables\":[\"age\",\"bp\"]}}}");
    engine_answer_init(&a);
    engine_answer_init(&again);
    buffer_init(&bytes, 1000000);
    assert_ok(weighted_summary(s, q, j, slice_str("e"), &a, NULL));
    assert_null(a.summary);
    assert_int_equal(a.summary_groups, 3);
    for (int sex = 0; sex < 2; sex++)
        for (unsigned v = 0; v < 2; v++)
            expect(rows, j, sex, v == 1, &a.weighted[(unsigned)sex * 2 + v]);
    /* The counts behind it: with a value, without, of the cohort. */
    assert_int_equal(a.counts_count, 2);
    for (unsigned g = 0; g < 2; g++)
        for (unsigned v = 0; v < 2; v++)
            assert_int_equal(a.counts[v].base.persons[g * 4], a.weighted[g * 2 + v].n);
    uint64_t cohort = 0;
    for (uint64_t i = 0; i < a.counts[0].base.slot_count; i++)
        cohort += a.counts[0].base.persons[i];
    assert_int_equal(cohort, a.cohort);
    assert_int_equal(a.counts[0].parent_count, 1);
    /* And over the channel, whole and cut short. */
    assert_ok(engine_answer_encode(&a, &bytes, NULL));
    assert_ok(engine_answer_decode(buffer_slice(&bytes), q, &again, NULL));
    assert_memory_equal(again.weighted, a.weighted, 6 * sizeof *a.weighted);
    assert_int_equal(again.counts[1].base.persons[4], a.counts[1].base.persons[4]);
    for (size_t i = 0; i < bytes.len; i += 7) {
        struct engine_answer none = {0};
        assert_status(engine_answer_decode(slice_part(buffer_slice(&bytes), 0, i), q, &none, NULL), MALFORMED);
    }
    engine_answer_done(&a);
    assert_ok(weighted_summary(s, all, j, slice_str("e"), &a, NULL));
    expect(rows, j, -1, false, &a.weighted[0]);
    expect(rows, j, -1, true, &a.weighted[1]);
    /* A few persons of the same snapshot: each has a MAC. */
    struct question *few = test_question(s->dictionary, "{\"innsyn\":\"question/1\",\"dataset\":\"t\",\"where\":{\"bp\":{\"from\":20}},"
                                                        "\"statistic\":{\"summary\":{\"variables\":[\"bp\"],\"by\":\"few\"}}}");
    engine_answer_done(&a);
    assert_ok(weighted_summary(s, few, j, slice_str("e"), &a, NULL));
    assert_true(a.weighted[0].n > JITTER_PERSONS_MIN && a.weighted[0].n <= JITTER_MAC_PERSONS_MAX && a.weighted[1].n > JITTER_MAC_PERSONS_MAX);
    for (int group = 0; group < 2; group++)
        expect(rows, j, 10 + group, true, &a.weighted[group]);
    question_free(few);
    question_free(q);
    question_free(all);
    scratch_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
