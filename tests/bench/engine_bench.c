/*
 * The engine's kernels beside bare loops over the same mapped columns, built with the same flags, in the same
 * run.  A bare loop knows its question at compile time and does nothing else; the ratio is what generality costs.
 *
 * usage: engine_bench [PERSONS]    (10,000,000 unless told; about 27 bytes a person below $TMPDIR or /tmp)
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agents/engine/engine.h"

enum { RUNS = 9, BATCH = 4096, SEX = 1, REGION = 2, GROUP = 3, AGE = 4, LAB = 5 };

static const char DICTIONARY_HEAD[] =
    "{\"dataset\":\"bench\",\"variables\":[{\"name\":\"pid\",\"type\":\"id\"},{\"name\":\"sex\",\"type\":\"category\",\"levels\":";

static void die(const char *what, const struct why *why)
{
    fprintf(stderr, "engine_bench: %s: %s\n", what, why->text);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t levels(char *to, size_t size, unsigned count)
{
    size_t n = 0;
    for (unsigned i = 0; i < count; i++)
        n += (size_t)snprintf(to + n, size - n, "%s{\"code\":\"%u\"}", i ? "," : "[", i);
    return n + (size_t)snprintf(to + n, size - n, "]}");
}

static struct dictionary *make_dictionary(void)
{
    static char text[16384];
    struct json *tree = NULL;
    struct dictionary *d = NULL;
    struct why why = {0};
    size_t n = (size_t)snprintf(text, sizeof text, "%s", DICTIONARY_HEAD);
    n += levels(text + n, sizeof text - n, 2);
    n += (size_t)snprintf(text + n, sizeof text - n, ",{\"name\":\"region\",\"type\":\"category\",\"levels\":");
    n += levels(text + n, sizeof text - n, 11);
    n += (size_t)snprintf(text + n, sizeof text - n, ",{\"name\":\"grp\",\"type\":\"category\",\"levels\":");
    n += levels(text + n, sizeof text - n, 8);
    snprintf(text + n, sizeof text - n, ",{\"name\":\"age\",\"type\":\"integer\"},{\"name\":\"lab\",\"type\":\"number\"}]}");
    if (!is_ok(json_parse(slice_str(text), sizeof text, &tree, &why)) || !is_ok(dictionary_read(tree, NULL, PROFILE_OPEN, &d, &why)))
        die("dictionary", &why);
    json_free(tree);
    return d;
}

static uint64_t chance(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static result fill(struct snapshot_writer *w, uint64_t persons, struct why *why)
{
    static uint8_t sex[BATCH], region[BATCH], grp[BATCH];
    static double age[BATCH], lab[BATCH];
    static uint64_t keys[BATCH];
    uint64_t state = 7;
    for (uint64_t at = 0; at < persons; at += BATCH) {
        size_t n = persons - at < BATCH ? (size_t)(persons - at) : BATCH;
        for (size_t i = 0; i < n; i++) {
            uint64_t x = chance(&state);
            keys[i] = x;
            sex[i] = (uint8_t)(1 + (x >> 20 & 1));
            region[i] = (uint8_t)((x >> 24) % 12);
            grp[i] = (uint8_t)(1 + (x >> 40 & 7));
            age[i] = (double)((x >> 44) % 100);
            lab[i] = (double)(x >> 50) / 100;
        }
        TRY(snapshot_add(w, SEX, sex, n, why));
        TRY(snapshot_add(w, REGION, region, n, why));
        TRY(snapshot_add(w, GROUP, grp, n, why));
        TRY(snapshot_add(w, AGE, age, n, why));
        TRY(snapshot_add(w, LAB, lab, n, why));
        TRY(snapshot_add_keys(w, keys, n, why));
    }
    return DONE;
}

/* --- the bare loops --------------------------------------------------------------------------- */

typedef uint64_t bare_fn(const struct snapshot *s);

static uint64_t bare_table(const struct snapshot *s)
{
    static uint32_t counts[4][3 * 12 * 9];
    const uint8_t *a = s->columns[SEX].at, *b = s->columns[REGION].at, *c = s->columns[GROUP].at;
    uint64_t rows = s->facts.rows, i = 0;
    memset(counts, 0, sizeof counts);
    for (; i + 4 <= rows; i += 4)
        for (unsigned k = 0; k < 4; k++)
            counts[k][(a[i + k] * 12u + b[i + k]) * 9u + c[i + k]]++;
    for (; i < rows; i++)
        counts[0][(a[i] * 12u + b[i]) * 9u + c[i]]++;
    return counts[0][100] + counts[1][100] + counts[2][100] + counts[3][100];
}

static uint64_t bare_breaks(const struct snapshot *s)
{
    static uint32_t counts[4][3 * 6];
    const uint8_t *a = s->columns[SEX].at;
    const double *b = s->columns[AGE].at;
    uint64_t rows = s->facts.rows;
    memset(counts, 0, sizeof counts);
    for (uint64_t i = 0; i < rows; i++) {
        double v = b[i];
        unsigned k = (unsigned)(v >= 40) + (v >= 50) + (v >= 60) + (v > 70);
        counts[i & 3][a[i] * 6u + k]++;
    }
    return counts[0][7] + counts[1][7] + counts[2][7] + counts[3][7];
}

static uint64_t bare_box(const struct snapshot *s)
{
    static uint32_t counts[4][16];
    const uint8_t *a = s->columns[SEX].at, *c = s->columns[GROUP].at;
    const double *b = s->columns[AGE].at;
    uint64_t rows = s->facts.rows;
    memset(counts, 0, sizeof counts);
    for (uint64_t i = 0; i < rows; i++)
        counts[i & 3][((b[i] >= 40) & (b[i] < 70) & (a[i] == 2)) ? c[i] : 15]++;
    return counts[0][3] + counts[1][3] + counts[2][3] + counts[3][3];
}

static uint64_t bare_keys(const struct snapshot *s)
{
    static uint64_t sums[9];
    static uint32_t counts[9];
    const uint8_t *c = s->columns[GROUP].at;
    memset(sums, 0, sizeof sums);
    memset(counts, 0, sizeof counts);
    for (uint64_t i = 0; i < s->facts.rows; i++) {
        counts[c[i]]++;
        sums[c[i]] += s->keys[i];
    }
    return sums[3] + counts[3];
}

static uint64_t bare_moments(const struct snapshot *s)
{
    const double *b = s->columns[LAB].at;
    long double sum = 0, squares = 0;
    for (uint64_t i = 0; i < s->facts.rows; i++)
        sum += b[i];
    long double mean = sum / (long double)s->facts.rows;
    for (uint64_t i = 0; i < s->facts.rows; i++)
        squares += (b[i] - mean) * (b[i] - mean);
    return (uint64_t)squares;
}

/* --- side by side ----------------------------------------------------------------------------- */

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void compare(const struct snapshot *s, const char *name, bare_fn *bare, bool protect, const char *question)
{
    struct json *tree = NULL;
    struct question *q = NULL;
    struct why why = {0};
    double ours[RUNS], theirs[RUNS];
    uint64_t kept = 0;
    if (!is_ok(json_parse(slice_str(question), QUESTION_BYTES_MAX, &tree, &why)) || !is_ok(question_read(tree, s->dictionary, &q, &why)))
        die(name, &why);
    for (int i = 0; i < RUNS; i++) {
        struct engine_answer a;
        engine_answer_init(&a);
        double t = now();
        kept += bare(s);
        theirs[i] = now() - t;
        t = now();
        if (!is_ok(engine_compute(s, q, protect, &a, &why)))
            die(name, &why);
        ours[i] = now() - t;
        kept += a.cohort;
        engine_answer_done(&a);
    }
    qsort(ours, RUNS, sizeof *ours, order);
    qsort(theirs, RUNS, sizeof *theirs, order);
    printf("%-44s engine %8.2f ms   bare %8.2f ms   ratio %.2f%s\n", name, ours[RUNS / 2] * 1e3, theirs[RUNS / 2] * 1e3,
           ours[RUNS / 2] / theirs[RUNS / 2], kept == 1 ? "!" : "");
    question_free(q);
    json_free(tree);
}

#define TABLE(where, by) "{\"innsyn\":\"question/1\",\"dataset\":\"bench\",\"where\":{" where "},\"statistic\":{\"table\":{\"by\":[" by "]}}}"

static void run(const struct snapshot *s)
{
    compare(s, "table sex x region x grp", bare_table, false, TABLE("", "\"sex\",\"region\",\"grp\""));
    compare(s, "table sex x age (4 breaks)", bare_breaks, false, TABLE("", "\"sex\",{\"variable\":\"age\",\"breaks\":[40,50,60,70]}"));
    compare(s, "table grp where age 40-70, sex 1", bare_box, false,
            TABLE("\"age\":{\"from\":40,\"to\":70},\"sex\":[\"1\"]", "\"grp\""));
    compare(s, "the same, protected (keys and 2 parents)", bare_box, true,
            TABLE("\"age\":{\"from\":40,\"to\":70},\"sex\":[\"1\"]", "\"grp\""));
    compare(s, "table grp, protected (keys)", bare_keys, true, TABLE("", "\"grp\""));
    compare(s, "summary lab", bare_moments, false,
            "{\"innsyn\":\"question/1\",\"dataset\":\"bench\",\"statistic\":{\"summary\":{\"variables\":[\"lab\"]}}}");
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

int main(int argc, char **argv)
{
    uint64_t persons = 10000000;
    const char *tmp = getenv("TMPDIR");
    char folder[256], path[512];
    struct why why = {0};
    struct hash name;
    struct snapshot_writer *w = NULL;
    struct snapshot *s = NULL;
    if (argc > 1 && !slice_parse_u64(slice_str(argv[1]), SNAPSHOT_ROWS_MAX, &persons)) {
        fprintf(stderr, "usage: engine_bench [PERSONS]\n");
        return 2;
    }
    snprintf(folder, sizeof folder, "%s/innsyn-bench-XXXXXX", tmp && strlen(tmp) < 200 ? tmp : "/tmp");
    if (!mkdtemp(folder))
        die("no folder for the snapshot", &why);
    snprintf(path, sizeof path, "%s/bench", folder);
    struct dictionary *d = make_dictionary();
    result r = snapshot_begin(host_real(), path, d, &w, &why);
    if (is_ok(r))
        r = fill(w, persons, &why);
    if (is_ok(r))
        r = snapshot_commit(w, persons, persons, &name, &why);
    snapshot_writer_free(w);
    double t = now();
    if (is_ok(r))
        r = snapshot_open(host_real(), path, &name, true, &s, &why);
    if (is_ok(r)) {
        printf("%llu persons; the snapshot opened and verified in %.0f ms; medians of %d runs\n", (unsigned long long)persons,
               (now() - t) * 1e3, RUNS);
        run(s);
    }
    snapshot_close(s);
    dictionary_free(d);
    (void)nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    if (!is_ok(r))
        die("snapshot", &why);
    return 0;
}
