/*
 * What disclosure control costs in time, beside the same engine without it, in the same run: a table of 2,000 cells,
 * each statistic, and the difference audit of a new cohort against many stored ones.
 *
 * Times by the clock and of processor are both printed; bounds are on the clock.  Under protection the engine works in
 * two threads (agents/engine/halves.h); ONE_THREAD=1 in the environment shows what it takes with one.
 *
 * usage: disclosure_bench [PERSONS [COHORTS]]   (10,000,000 and 10,000 unless told; about 35 bytes a person below
 * $TMPDIR or /tmp).  Ends with 1 if a bound of BOUNDS does not hold.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agents/disclosure/audit.h"
#include "agents/disclosure/charge.h"
#include "agents/disclosure/counts.h"
#include "agents/disclosure/profile.h"
#include "agents/disclosure/release.h"
#include "agents/engine/difference.h"
#include "agents/engine/engine.h"
#include "agents/engine/halves.h"
#include "agents/engine/weighted.h"

enum { RUNS = 11, BATCH = 4096, SEX = 1, REGION = 2, GROUP = 3, AGE = 4, LAB = 5, PRESSURE = 6, COLUMNS = 7,
       AUDIT_PERSONS = 1000000, AUDIT_RUNS = 25 };

/* BOUNDS: what the design allows. */
static const double table_ms_max = 5, added_percent_max = 20, audit_ms_max = 100;
static bool all_hold = true;

static void die(const char *what, const struct why *why)
{
    fprintf(stderr, "disclosure_bench: %s: %s\n", what, why->text);
    exit(1);
}

/* Seconds by the clock, and of processor time, all threads together. */
struct times {
    double wall, processor;
};

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct times now(void)
{
    return (struct times){seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

static struct times since(struct times begin)
{
    struct times t = now();
    return (struct times){t.wall - begin.wall, t.processor - begin.processor};
}

/* --- data ------------------------------------------------------------------------------------- */

static size_t levels(char *to, size_t size, const char *name, unsigned count)
{
    size_t n = (size_t)snprintf(to, size, ",{\"name\":\"%s\",\"type\":\"category\",\"levels\":", name);
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
    size_t n = (size_t)snprintf(text, sizeof text, "{\"dataset\":\"bench\",\"profile\":\"ck\",\"variables\":[{\"name\":\"pid\",\"type\":\"id\"}");
    n += levels(text + n, sizeof text - n, "sex", 2);
    n += levels(text + n, sizeof text - n, "region", 10);
    n += levels(text + n, sizeof text - n, "grp", 10);
    snprintf(text + n, sizeof text - n,
             ",{\"name\":\"age\",\"type\":\"integer\",\"clamps\":[0,100]},"
             "{\"name\":\"lab\",\"type\":\"number\",\"grid\":{\"step\":5},\"clamps\":[0,160]},{\"name\":\"pressure\",\"type\":\"number\",\"grid\":{\"step\":5},\"clamps\":[60,220]}]}");
    if (!is_ok(json_parse(slice_str(text), sizeof text, &tree, &why)) || !is_ok(dictionary_read(tree, NULL, PROFILE_CK, &d, &why)))
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
    static double age[BATCH], lab[BATCH], pressure[BATCH];
    static uint64_t keys[BATCH];
    uint64_t state = 7;
    for (uint64_t at = 0; at < persons; at += BATCH) {
        size_t n = persons - at < BATCH ? (size_t)(persons - at) : BATCH;
        for (size_t i = 0; i < n; i++) {
            uint64_t x = chance(&state), y = chance(&state);
            keys[i] = x;
            sex[i] = (uint8_t)(1 + (x >> 20 & 1));
            region[i] = (uint8_t)(y >> 60 ? 1 + (x >> 24) % 10 : 0); /* one in 16 is missing */
            grp[i] = (uint8_t)(1 + (x >> 40) % 10);
            age[i] = (double)((x >> 44) % 100);
            lab[i] = y >> 32 & 15 ? (double)(x >> 50) / 100 : __builtin_nan("");
            pressure[i] = 80 + (double)(y >> 50) / 160;
        }
        TRY(snapshot_add(w, SEX, sex, n, why));
        TRY(snapshot_add(w, REGION, region, n, why));
        TRY(snapshot_add(w, GROUP, grp, n, why));
        TRY(snapshot_add(w, AGE, age, n, why));
        TRY(snapshot_add(w, LAB, lab, n, why));
        TRY(snapshot_add(w, PRESSURE, pressure, n, why));
        TRY(snapshot_add_keys(w, keys, n, why));
    }
    return DONE;
}

static char folder[256];

static struct snapshot *make_snapshot(struct dictionary *d, const char *name, uint64_t persons)
{
    char path[512];
    struct why why = {0};
    struct hash hash;
    struct snapshot_writer *w = NULL;
    struct snapshot *s = NULL;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    result r = snapshot_begin(host_real(), path, d, &w, &why);
    if (is_ok(r))
        r = fill(w, persons, &why);
    if (is_ok(r))
        r = snapshot_commit(w, persons, persons, &hash, &why);
    snapshot_writer_free(w);
    if (is_ok(r))
        r = snapshot_open(host_real(), path, &hash, true, &s, &why);
    if (!is_ok(r))
        die("snapshot", &why);
    return s;
}

static struct question *question_of(const struct snapshot *s, const char *text)
{
    struct json *tree = NULL;
    struct question *q = NULL;
    struct why why = {0};
    if (!is_ok(json_parse(slice_str(text), QUESTION_BYTES_MAX, &tree, &why)) || !is_ok(question_read(tree, s->dictionary, &q, &why)))
        die(text, &why);
    json_free(tree);
    return q;
}

/* --- statistics ------------------------------------------------------------------------------- */

/* The shortest of the runs: what else the machine does only ever adds. */
static struct times shortest(const struct times *times, unsigned n)
{
    struct times least = times[0];
    for (unsigned i = 1; i < n; i++) {
        least.wall = times[i].wall < least.wall ? times[i].wall : least.wall;
        least.processor = times[i].processor < least.processor ? times[i].processor : least.processor;
    }
    return least;
}

struct site {
    const struct snapshot *snapshot;
    struct cellkey *cellkey;
    struct jitter *jitter;
};
static const char edition_name[] = "5c0e7a1b5c0e7a1b5c0e7a1b5c0e7a1b5c0e7a1b5c0e7a1b5c0e7a1b5c0e7a1b";

static void protected_run(const struct site *x, const struct question *q, struct times *ret_engine, struct times *ret_decide)
{
    struct why why = {0};
    struct engine_answer a;
    struct published p;
    struct charge c;
    const struct slice edition = slice_str(edition_name);
    engine_answer_init(&a);
    published_init(&p);
    struct times t = now();
    result r = q->statistic == STATISTIC_SUMMARY ? weighted_summary(x->snapshot, q, x->jitter, edition, &a, &why)
                                                 : engine_compute(x->snapshot, q, true, &a, &why);
    *ret_engine = since(t);
    t = now();
    if (is_ok(r))
        r = release_protected(q, &a, x->cellkey, edition, &p, &why);
    if (is_ok(r))
        r = charge_of(q, &a, x->cellkey, edition, profile_rules(PROFILE_CK)->noise, AUDIT_EXACT_BELOW, &c, &why);
    *ret_decide = since(t);
    if (!is_ok(r))
        die("a protected answer", &why);
    published_done(&p);
    engine_answer_done(&a);
}

static struct times open_run(const struct site *x, const struct question *q)
{
    struct why why = {0};
    struct engine_answer a;
    engine_answer_init(&a);
    struct times t = now();
    if (!is_ok(engine_compute(x->snapshot, q, false, &a, &why)))
        die("an open answer", &why);
    t = since(t);
    engine_answer_done(&a);
    return t;
}

/* ms_max: 0 for none.  The bound is on the time by the clock, the shortest of runs that take turns. */
static void compare(const struct site *x, const char *name, double ms_max, const char *text)
{
    struct question *q = question_of(x->snapshot, text);
    struct times open[RUNS], engine[RUNS], decide[RUNS];
    for (unsigned i = 0; i < RUNS; i++) {
        open[i] = open_run(x, q);
        protected_run(x, q, &engine[i], &decide[i]);
    }
    struct times bare = shortest(open, RUNS), ours = shortest(engine, RUNS), rules = shortest(decide, RUNS);
    double added = (ours.wall + rules.wall - bare.wall) * 1e3, percent = 100 * added / (bare.wall * 1e3);
    double processor = (ours.processor + rules.processor - bare.processor) * 1e3;
    bool hold = ms_max > 0 ? added <= ms_max : percent <= added_percent_max;
    all_hold = all_hold && hold;
    printf("%-34s open %7.2f ms  engine %7.2f  rules %5.2f  added %+7.2f ms %+6.1f %%  (processor %+7.2f ms %+6.1f %%)  %s\n", name,
           bare.wall * 1e3, ours.wall * 1e3, rules.wall * 1e3, added, percent, processor, processor / (bare.processor * 10),
           hold ? "holds" : "DOES NOT HOLD");
    question_free(q);
}

#define QUESTION(where, statistic) "{\"innsyn\":\"question/1\",\"dataset\":\"bench\",\"where\":{" where "},\"statistic\":{" statistic "}}"
#define BOX "\"age\":{\"from\":40,\"to\":70},\"sex\":[\"1\"]"
#define TABLE_2000 "\"table\":{\"by\":[\"sex\",\"region\",\"grp\",{\"variable\":\"age\",\"breaks\":[0,10,20,30,40,50,60,70,80,90,100]}]}"
#define HISTOGRAM "\"histogram\":{\"variable\":\"age\",\"breaks\":[0,10,20,30,40,50,60,70,80,90,100]}"

static void statistics(const struct site *x)
{
    compare(x, "table of 2,000 cells", table_ms_max, QUESTION("", TABLE_2000));
    compare(x, "the same", 0, QUESTION("", TABLE_2000));
    compare(x, "count, box of 2", 0, QUESTION(BOX, "\"count\":{}"));
    compare(x, "table grp, box of 2", 0, QUESTION(BOX, "\"table\":{\"by\":[\"grp\"]}"));
    compare(x, "table sex x region", 0, QUESTION("", "\"table\":{\"by\":[\"sex\",\"region\"]}"));
    compare(x, "histogram", 0, QUESTION("", HISTOGRAM));
    compare(x, "histogram, box of 1", 0, QUESTION("\"sex\":[\"1\"]", HISTOGRAM));
    compare(x, "summary of 1 variable", 0, QUESTION("", "\"summary\":{\"variables\":[\"lab\"]}"));
    compare(x, "summary of 3 variables, box of 2", 0, QUESTION(BOX, "\"summary\":{\"variables\":[\"lab\",\"pressure\",\"age\"]}"));
    compare(x, "summary of 1 variable by region", 0, QUESTION("", "\"summary\":{\"variables\":[\"lab\"],\"by\":\"region\"}"));
}

/* --- the difference audit ---------------------------------------------------------------------- */

/* Questions as they come: one to four conditions, ranges on round numbers, some of them narrow. */
static void random_cohort(uint64_t *state, char *to, size_t size)
{
    size_t n = (size_t)snprintf(to, size, "{\"dataset\":\"bench\",\"innsyn\":\"question/1\",\"statistic\":{\"count\":{}},\"where\":{");
    unsigned wanted = 1 + (unsigned)(chance(state) >> 40) % 4, given = 0;
    for (unsigned v = SEX; v < COLUMNS; v++) {
        unsigned r = (unsigned)(chance(state) >> 33), width = 5 * (1 + (r >> 4) % 6);
        if (r % (COLUMNS - v) >= wanted - given)
            continue;
        const char *comma = given++ ? "," : "";
        r >>= 8;
        if (v == SEX)
            n += (size_t)snprintf(to + n, size - n, "%s\"sex\":[\"%u\"]", comma, r % 2);
        else if (v == REGION)
            n += (size_t)snprintf(to + n, size - n, "%s\"region\":[\"%u\",\"%u\"]", comma, r % 5, 5 + r / 8 % 5);
        else if (v == GROUP)
            n += (size_t)snprintf(to + n, size - n, "%s\"grp\":[\"%u\"]", comma, r % 10);
        else if (v == AGE)
            n += (size_t)snprintf(to + n, size - n, "%s\"age\":{\"from\":%u,\"to\":%u}", comma, 5 * (r % 14), 5 * (r % 14) + width);
        else if (v == LAB)
            n += (size_t)snprintf(to + n, size - n, "%s\"lab\":{\"from\":%u,\"to\":%u}", comma, 5 * (r % 26), 5 * (r % 26) + width);
        else
            n += (size_t)snprintf(to + n, size - n, "%s\"pressure\":{\"from\":%u,\"to\":%u}", comma, 80 + 5 * (r % 17), 80 + 5 * (r % 17) + width);
        if (given == wanted)
            break;
    }
    snprintf(to + n, size - n, "}}");
}

struct cohorts {
    struct audited_box **boxes;
    struct slice *texts;
    size_t count;
};

/* As the ledger remembers it: canonical text, counts with noise, in tens. */
static struct audited_box *remember(const struct site *x, const char *text, struct slice *ret_text, uint64_t *state)
{
    struct why why = {0};
    struct question *q = question_of(x->snapshot, text);
    struct engine_answer a;
    struct audited_box *box = NULL;
    struct buffer cohort;
    engine_answer_init(&a);
    buffer_init(&cohort, QUESTION_BYTES_MAX);
    result r = engine_compute(x->snapshot, q, true, &a, &why);
    if (is_ok(r))
        r = audited_box_of(q, &box, &why);
    if (is_ok(r))
        r = audited_box_count(box, &a, &why);
    if (is_ok(r))
        r = question_cohort(q, &cohort, &why);
    if (!is_ok(r))
        die("a cohort", &why);
    if (state) {
        box->persons = (box->persons + chance(state) % PTABLE_NOISE_MAX) / AUDIT_REMEMBERED_STEP * AUDIT_REMEMBERED_STEP;
        for (unsigned i = 0; i < box->term_count; i++)
            box->terms[i].persons = (box->terms[i].persons + chance(state) % PTABLE_NOISE_MAX) / AUDIT_REMEMBERED_STEP * AUDIT_REMEMBERED_STEP;
    }
    *ret_text = buffer_slice(&cohort);
    engine_answer_done(&a);
    question_free(q);
    return box;
}

static struct slice name_behind(const struct dictionary *d, uint64_t variable)
{
    for (unsigned v = 0; v < d->variable_count; v++)
        if (audited_variable(d->variables[v].name) == variable)
            return d->variables[v].name;
    return (struct slice){0};
}

/* What guard and engine do for one new cohort, the channel's frames included. */
static double audit(const struct site *x, const struct cohorts *before, struct bitmaps *bitmaps, const struct audited_box *box, struct slice text,
                    size_t *ret_pairs, bool *ret_holds)
{
    static struct difference_plan plan, read;
    struct why why = {0};
    struct audit a = {0};
    double t = seconds(CLOCK_MONOTONIC);
    result r = audit_compare(box, before->boxes, before->count, AUDIT_EXACT_BELOW, &a, &why);
    for (size_t done = 0; is_ok(r) && done < a.pair_count; done += plan.pair_count) {
        uint64_t *differences = NULL;
        struct buffer bytes;
        buffer_init(&bytes, 16 * 1024 * 1024);
        plan = (struct difference_plan){.dataset = "bench", .snapshot = x->snapshot->facts.name, .question = text};
        while (plan.pair_count < DIFFERENCE_PAIRS_MAX && done + plan.pair_count < a.pair_count) {
            const struct audit_pair *p = &a.pairs[done + plan.pair_count];
            plan.pairs[plan.pair_count++] = (struct difference_pair){before->texts[p->box], name_behind(x->snapshot->dictionary, p->variable),
                                                                     audited_persons_least(before->boxes[p->box], p->variable)};
        }
        r = difference_plan_encode(&plan, &bytes, &why);
        if (is_ok(r))
            r = difference_plan_decode(buffer_slice(&bytes), &read, &why);
        if (is_ok(r))
            r = difference_compute(bitmaps, x->snapshot, &read, &differences, &why);
        for (unsigned i = 0; is_ok(r) && i < plan.pair_count; i++)
            a.pairs[done + i].difference = differences[i];
        free(differences);
        buffer_done(&bytes);
    }
    *ret_holds = audit_holds(&a);
    t = seconds(CLOCK_MONOTONIC) - t;
    if (!is_ok(r))
        die("the audit", &why);
    *ret_pairs = a.pair_count;
    audit_done(&a);
    return t;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void audits(const struct site *x, size_t count)
{
    struct why why = {0};
    uint64_t state = 11;
    struct cohorts before = {calloc(count, sizeof *before.boxes), calloc(count, sizeof *before.texts), 0};
    struct bitmaps *bitmaps = NULL;
    double times[AUDIT_RUNS];
    size_t pairs = 0;
    unsigned held = 0;
    if (!before.boxes || !before.texts || !is_ok(bitmaps_new(&bitmaps, &why)))
        die("memory", &why);
    for (; before.count < count; before.count++) {
        char text[1024];
        random_cohort(&state, text, sizeof text);
        before.boxes[before.count] = remember(x, text, &before.texts[before.count], &state);
    }
    for (unsigned i = 0; i < AUDIT_RUNS; i++) {
        char text[1024];
        struct slice cohort;
        size_t some;
        bool holds;
        random_cohort(&state, text, sizeof text);
        struct audited_box *box = remember(x, text, &cohort, NULL);
        times[i] = audit(x, &before, bitmaps, box, cohort, &some, &holds);
        pairs += some;
        held += holds;
        free(box);
        free((void *)(uintptr_t)cohort.at);
    }
    qsort(times, AUDIT_RUNS, sizeof *times, rising);
    bool hold = times[AUDIT_RUNS / 2] * 1e3 <= audit_ms_max;
    all_hold = all_hold && hold;
    printf("audit beside %zu stored cohorts of %llu persons: median %.1f ms, longest of %d %.1f ms; %.0f pairs looked at in the rows; %u of %d pass  %s\n",
           count, (unsigned long long)x->snapshot->facts.persons, times[AUDIT_RUNS / 2] * 1e3, AUDIT_RUNS, times[AUDIT_RUNS - 1] * 1e3,
           (double)pairs / AUDIT_RUNS, held, AUDIT_RUNS, hold ? "holds" : "DOES NOT HOLD");
    for (size_t i = 0; i < before.count; i++) {
        free(before.boxes[i]);
        free((void *)(uintptr_t)before.texts[i].at);
    }
    free(before.boxes);
    free(before.texts);
    bitmaps_free(bitmaps);
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
    uint64_t persons = 10000000, cohorts = 10000;
    const char *tmp = getenv("TMPDIR");
    struct why why = {0};
    if ((argc > 1 && !slice_parse_u64(slice_str(argv[1]), SNAPSHOT_ROWS_MAX, &persons)) ||
        (argc > 2 && !slice_parse_u64(slice_str(argv[2]), 1000000, &cohorts))) {
        fprintf(stderr, "usage: disclosure_bench [PERSONS [COHORTS]]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(folder, sizeof folder, "%s/innsyn-bench-XXXXXX", tmp && strlen(tmp) < 200 ? tmp : "/tmp");
    if (!mkdtemp(folder))
        die("no folder for the snapshot", &why);
    static const uint8_t secret_text[32] = "the secret of a bench is none...";
    struct secret *secret = NULL;
    struct site x = {0};
    struct dictionary *d = make_dictionary();
    struct hash jitter_key = hmac_sha256(slice_of(secret_text, sizeof secret_text), slice_str(LABEL_JITTER_KEY));
    if (!is_ok(secret_new(slice_of(secret_text, sizeof secret_text), &secret, &why)))
        die("secret", &why);
    if (!is_ok(cellkey_new(secret, LABEL_CELL_KEY, &x.cellkey, &why)) ||
        !is_ok(jitter_new(slice_of(jitter_key.at, HASH_LEN), &x.jitter, &why)))
        die("keys", &why);
    struct snapshot *s = make_snapshot(d, "statistics", persons);
    if (!getenv("ONE_THREAD") && !is_ok(halves_begin(&why)))
        fprintf(stderr, "disclosure_bench: %s\n", why.text);
    printf("%llu persons; the shortest of %d runs that take turns, by the clock; protection uses %s, the open engine one\n",
           (unsigned long long)persons, RUNS, getenv("ONE_THREAD") ? "one thread" : "two threads");
    x.snapshot = s;
    if (!getenv("AUDIT_ONLY"))
        statistics(&x);
    if (cohorts) {
        if (persons > AUDIT_PERSONS) {
            snapshot_close(s);
            x.snapshot = s = make_snapshot(d, "audit", AUDIT_PERSONS);
        }
        audits(&x, (size_t)cohorts);
    }
    snapshot_close(s);
    cellkey_free(x.cellkey);
    jitter_free(x.jitter);
    secret_free(secret);
    dictionary_free(d);
    halves_end();
    (void)nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    return all_hold ? 0 : 1;
}
