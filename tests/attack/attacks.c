/*
 * attacks.c - A1 to A9, A12, A15, A16, A21 and A22 of docs/ATTACKS.md against a site in one process; A17, A18 and
 * A24 are in numbers.c, B1 to B4 and C1 in outside.c, from B5 on in hostile.c.
 * Each attack is run without the defences first: if it does not win there, it proves nothing, and the test is void.
 * One line an attack: accuracy (or what else it measures), bound, runs, charge.  Exit 0 only if every bound holds.
 * usage: attacks [--full] [--noise] [A1 B2 ...]
 */
#include <string.h>

#include "tests/attack/attack.h"

enum { PLACE = 40 }; /* persons in a zip */

bool full, failed;

double sigma(double runs)
{
    return sqrt(0.25 / runs);
}

void report(const char *name, double off, double floor, double reached, double bound, unsigned runs, double charge, const char *what)
{
    bool is_void = off < floor, holds = reached <= bound;
    failed = failed || is_void || !holds;
    printf("%-7s %-4s off %.4f (at least %.4f)  on %.4f (at most %.4f)  runs %-6u charge %.3f  %s\n", is_void ? "VOID" : holds ? "ok" : "FAILED",
           name, off, floor, reached, bound, runs, charge, what);
}

static const char COUNT[] = "{\"count\":{}}";
const char WITHOUT_7[] = "[\"0\",\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]";

/* Every zip has exactly one person of age 7: the targets. */
static void one_target_a_zip(struct population *p, unsigned zips, uint64_t seed)
{
    population_init(p, zips * PLACE, zips, seed);
    for (unsigned i = 0; i < p->persons; i++) {
        bool target = i / zips == 0; /* the first round of zips */
        if (target)
            p->age[i] = 7;
        else if (p->age[i] == 7)
            p->age[i] = 0;
    }
}

static int64_t count_of(struct said_so *so)
{
    int64_t n = so->said == ANSWERED ? so->p.total : CELL_WITHHELD;
    published_done(&so->p);
    return n;
}

static unsigned guess_of(int64_t difference, uint64_t *seed)
{
    return difference > 0 ? 1 : difference < 0 ? 0 : below(seed, 2);
}

/* --- A1: one predicate apart ---------------------------------------------------------------------- */

struct pair_run {
    unsigned runs, right, refused[2], arm[2], equal_right;
    double charge;
};

static struct pair_run difference_pairs(unsigned runs, struct defences on, uint64_t seed)
{
    struct pair_run r = {0};
    while (r.runs < runs) {
        struct population p;
        struct site s;
        one_target_a_zip(&p, 50, draw(&seed));
        site_init(&s, &p, on);
        for (unsigned z = 0; z < 50 && r.runs < runs; z++, r.runs++) {
            char first[256], second[256];
            snprintf(first, sizeof first, "{\"zip\":[\"%u\"],\"secret\":[\"1\"],\"age\":%s}", z, WITHOUT_7);
            snprintf(second, sizeof second, "{\"zip\":[\"%u\"],\"secret\":[\"1\"]}", z);
            unsigned secret = p.secret[z];
            site_forget(&s);
            struct said_so a = site_ask(&s, z, first, COUNT), b = site_ask(&s, z, second, COUNT);
            r.charge += a.charge + b.charge;
            r.arm[secret]++;
            bool refused = b.said == REFUSED;
            r.refused[secret] += refused;
            int64_t x = count_of(&a), y = count_of(&b);
            unsigned guess = refused || x < 0 || y < 0 ? below(&seed, 2) : guess_of(2 * (y - x) - 1, &seed);
            r.right += guess == secret;
        }
        site_done(&s);
        population_done(&p);
    }
    r.charge /= r.runs;
    return r;
}

static void a1(void)
{
    unsigned runs = full ? 4000 : 1000;
    struct defences noise_only = {true, false, false};
    struct pair_run off = difference_pairs(runs, NO_DEFENCES, 11), on = difference_pairs(runs, ALL_DEFENCES, 12),
                    bare = difference_pairs(runs, noise_only, 13);
    double refused = (double)(on.refused[0] + on.refused[1]) / on.runs;
    double apart = fabs((double)on.refused[1] / on.arm[1] - (double)on.refused[0] / on.arm[0]);
    report("A1", (double)off.right / off.runs, 0.99, 1 - refused, 0, on.runs, on.charge, "second query answered");
    report("A1", (double)off.right / off.runs, 0.99, apart, 3 * sqrt(0.5 / (runs / 2.0)), on.runs, on.charge, "refusals of secret 1 and 0 apart");
    report("A1", (double)off.right / off.runs, 0.99, (double)bare.right / bare.runs, 0.553 + 3 * sigma(bare.runs), bare.runs, 0,
           "guess from the noise layer alone");
}

/* --- white box: the noise of one cell ----------------------------------------------------------------- */

static int64_t published(struct cellkey *key, const char *edition, const char *box, uint64_t keys, uint64_t n)
{
    int64_t v;
    struct why why = {0};
    if (!is_ok(cellkey_publish(key, profile_rules(PROFILE_CK)->noise, slice_str(edition), slice_str(box), keys, n, &v, &why)))
        abort();
    return v;
}

/* G and ill, and G minus one and ill: equal means that the one is not ill. */
static double equality_oracle(unsigned runs, bool box_in_key, uint64_t seed)
{
    struct cellkey *key = key_of(seed);
    unsigned right = 0;
    for (unsigned i = 0; i < runs; i++) {
        char one[64], two[64];
        uint64_t keys = draw(&seed), target = draw(&seed);
        unsigned secret = below(&seed, 2), n = 20 + below(&seed, 50);
        snprintf(one, sizeof one, "g=%u", i);
        snprintf(two, sizeof two, "h=%u", i);
        if (!box_in_key)
            one[0] = two[0] = '\0';
        bool equal = published(key, "e", one, keys + (secret ? target : 0), n + secret) == published(key, "e", two, keys, n);
        right += equal ? secret == 0 : secret == 1;
    }
    cellkey_free(key);
    return (double)right / runs;
}

static void a2(void)
{
    unsigned runs = full ? 100000 : 20000;
    report("A2", equality_oracle(runs, false, 21), 0.94, equality_oracle(runs, true, 22), 0.553 + 3 * sigma(runs), runs, 0, "equal, so not ill");
}

/* --- A3, A4: the same question ------------------------------------------------------------------------ */

static void a3(void)
{
    struct population p;
    struct site s;
    unsigned runs = 10000, different = 0, distinct_off = 0;
    uint64_t seed = 31;
    bool seen[64] = {0};
    population_init(&p, 4000, 10, 30);
    site_init(&s, &p, ALL_DEFENCES);
    struct said_so so = site_ask(&s, 1, "{\"zip\":[\"3\"]}", COUNT);
    int64_t first = count_of(&so);
    for (unsigned i = 0; i < runs; i++) {
        if (i % 1000 == 0) { /* a restart: new state from the same secret */
            site_done(&s);
            site_init(&s, &p, ALL_DEFENCES);
        }
        so = site_ask(&s, 1, "{\"zip\":[\"3\"]}", COUNT);
        different += count_of(&so) != first;
        int64_t fresh = (int64_t)ptable_noise(profile_rules(PROFILE_CK)->noise, 400, (uint32_t)draw(&seed)) + 20;
        distinct_off += !seen[fresh];
        seen[fresh] = true;
    }
    report("A3", distinct_off, 2, 1 + different, 1, runs, 0, "distinct outputs of one question");
    site_done(&s);
    population_done(&p);
}

static void shuffle(unsigned *order, unsigned n, uint64_t *seed)
{
    for (unsigned i = n; i > 1; i--) {
        unsigned k = below(seed, i), t = order[i - 1];
        order[i - 1] = order[k];
        order[k] = t;
    }
}

static void a4(void)
{
    struct population p;
    struct site s;
    unsigned runs = 1000, distinct = 0, distinct_off = 0;
    int64_t first = -1, first_off = -1;
    uint64_t seed = 41;
    population_init(&p, 8000, 10, 40);
    site_init(&s, &p, ALL_DEFENCES);
    struct cellkey *key = key_of(4);
    for (unsigned i = 0; i < runs; i++) {
        unsigned ages[8] = {0, 1, 2, 3, 4, 5, 6, 7}, cut = 10 + below(&seed, 20);
        char where[512], by[64];
        size_t n = (size_t)snprintf(where, sizeof where, "{");
        bool as_dimension = below(&seed, 2);
        shuffle(ages, 4, &seed); /* of ages 0 to 3 */
        if (!as_dimension)
            n += (size_t)snprintf(where + n, sizeof where - n, "\"secret\":[\"1\"%s],", below(&seed, 2) ? ",\"1\"" : "");
        if (below(&seed, 2)) /* complete, and so nothing */
            n += (size_t)snprintf(where + n, sizeof where - n, "\"dx\":[null,\"7\",\"6\",\"5\",\"4\",\"3\",\"2\",\"1\",\"0\"],");
        n += (size_t)snprintf(where + n, sizeof where - n, "\"age\":[\"%u\",\"%u\",\"%u\",\"%u\"],", ages[0], ages[1], ages[2], ages[3]);
        snprintf(where + n, sizeof where - n, below(&seed, 2) ? "\"x\":[{\"from\":%u,\"to\":45},{\"from\":5,\"to\":%u}]}" : "\"x\":[{\"from\":5,\"to\":45}]}",
                 cut, cut);
        snprintf(by, sizeof by, as_dimension ? "{\"table\":{\"by\":[\"secret\"]}}" : "%s", COUNT);
        site_forget(&s);
        struct said_so so = site_ask(&s, 1, where, by);
        int64_t v = so.said != ANSWERED ? -1 : as_dimension ? so.p.cells[1] : so.p.total;
        published_done(&so.p);
        int64_t raw = published(key, "e", where, 7, 500); /* noise from the text as written */
        distinct += v != first;
        distinct_off += raw != first_off;
        first = i ? first : v;
        first_off = i ? first_off : raw;
    }
    report("A4", distinct_off, 2, distinct, 1, runs, 0, "distinct outputs of equal forms");
    cellkey_free(key);
    site_done(&s);
    population_done(&p);
}

/* --- A5: clones --------------------------------------------------------------------------------------- */

/* In every zip some values of dx do not occur; boxes with and without them hold the same persons. */
static double clones(unsigned runs, struct defences on, uint64_t seed, double *ret_charge, double *ret_admitted)
{
    unsigned right = 0, done = 0;
    double spent = 0, admitted = 0;
    while (done < runs) {
        struct population p;
        struct site s;
        population_init(&p, 50 * PLACE, 50, draw(&seed));
        for (unsigned i = 0; i < p.persons; i++)
            p.dx[i] = 0;
        site_init(&s, &p, on);
        for (unsigned z = 0; z < 50 && done < runs; z++, done++) {
            double sum = 0;
            unsigned m = 0, others = 0, target = z; /* one person of the zip; the rest is known to the attacker */
            for (unsigned i = 0; i < p.persons; i++)
                others += p.zip[i] == z && i != target && p.secret[i];
            site_forget(&s);
            for (unsigned k = 0; k < 127; k++) { /* subsets of dx 1..7, none in use */
                char where[256];
                size_t n = (size_t)snprintf(where, sizeof where, "{\"zip\":[\"%u\"],\"secret\":[\"1\"],\"dx\":[\"0\"", z);
                for (unsigned b = 0; b < 7; b++)
                    if (k >> b & 1)
                        n += (size_t)snprintf(where + n, sizeof where - n, ",\"%u\"", b + 1);
                snprintf(where + n, sizeof where - n, "]}");
                struct said_so so = site_ask(&s, z, where, COUNT);
                bool told = so.said == ANSWERED && so.p.total != CELL_WITHHELD;
                sum += told ? (double)so.p.total : 0;
                m += told;
                spent += told ? so.charge : 0; /* what a refusal costs buys nothing */
                published_done(&so.p);
                if (so.said == EXHAUSTED)
                    break;
            }
            admitted += m;
            unsigned guess = m ? sum / m > others + 0.5 : below(&seed, 2);
            right += guess == p.secret[target];
        }
        site_done(&s);
        population_done(&p);
    }
    *ret_charge = spent / runs;
    *ret_admitted = admitted / runs;
    return (double)right / runs;
}

static void a5(void)
{
    unsigned runs = full ? 1000 : 250;
    double charge, m, charge_off, m_off;
    struct defences noise_only = {true, false, false};
    double off = clones(runs, noise_only, 51, &charge_off, &m_off), on = clones(runs, ALL_DEFENCES, 52, &charge, &m);
    char what[64];
    snprintf(what, sizeof what, "clones admitted %.1f (off: %.0f)", m, m_off);
    report("A5", off, 0.95, on, phi(sqrt(charge < 1 ? charge : 1) / 2) + 0.03 + 3 * sigma(runs), runs, charge, what);
}

/* --- A6: averaging over partitions ------------------------------------------------------------------------ */

static double partitions(unsigned runs, struct defences on, uint64_t seed, double *ret_charge, double *ret_m)
{
    unsigned right = 0;
    double spent = 0, tables = 0;
    struct population p;
    struct site s;
    population_init(&p, 40 * 400, 40, seed);
    for (unsigned i = 0; i < runs; i++) {
        if (i % 40 == 0) {
            if (i)
                site_done(&s);
            p.seed = draw(&seed);
            site_init(&s, &p, on);
        }
        unsigned z = i % 40, truth = 0, m = 0;
        double sum = 0;
        char where[128];
        for (unsigned k = 0; k < p.persons; k++)
            truth += p.zip[k] == z && p.secret[k];
        site_forget(&s);
        snprintf(where, sizeof where, "{\"zip\":[\"%u\"],\"secret\":[\"1\"]}", z);
        for (unsigned b = 0; b < BITS; b++) {
            char by[64];
            snprintf(by, sizeof by, "{\"table\":{\"by\":[\"b%u\"]}}", b);
            struct said_so so = site_ask(&s, z, where, by);
            if (so.said == ANSWERED && so.p.cells[0] >= 0 && so.p.cells[1] >= 0) {
                sum += (double)(so.p.cells[0] + so.p.cells[1]);
                m++;
            }
            spent += so.said == EXHAUSTED ? 0 : so.charge;
            published_done(&so.p);
        }
        tables += m;
        right += m && llround(sum / m) == (long long)truth;
    }
    site_done(&s);
    population_done(&p);
    *ret_charge = spent / runs;
    *ret_m = tables / runs;
    return (double)right / runs;
}

static void a6(void)
{
    unsigned runs = full ? 4000 : 400;
    double charge, m;
    double off = partitions(runs, NO_DEFENCES, 61, &charge, &m), on = partitions(runs, ALL_DEFENCES, 62, &charge, &m);
    char what[64];
    snprintf(what, sizeof what, "rounded mean is true; tables admitted %.1f", m);
    report("A6", off, 1, on, erf(0.5 / sqrt(2 * 2 * 7 / m)) + 3 * sigma(runs), runs, charge, what);
}

/* --- A7: tracker --------------------------------------------------------------------------------------------- */

static double tracker(unsigned runs, struct defences on, uint64_t seed, unsigned *ret_refused)
{
    double squares = 0;
    unsigned done = 0;
    struct population p;
    struct site s;
    population_init(&p, 50 * 400, 50, seed);
    for (unsigned i = 0; i < runs; i++) {
        if (i % 50 == 0) {
            if (i)
                site_done(&s);
            p.seed = draw(&seed);
            site_init(&s, &p, on);
        }
        unsigned z = i % 50;
        char where[3][128];
        int64_t v[3];
        double truth = 0;
        for (unsigned k = 0; k < p.persons; k++)
            truth += p.zip[k] == z && p.dx[k] == 1;
        snprintf(where[0], 128, "{\"zip\":[\"%u\"],\"dx\":[\"1\",\"2\",\"3\",\"4\"]}", z); /* C or T */
        snprintf(where[1], 128, "{\"zip\":[\"%u\"],\"dx\":[\"1\",\"0\",\"5\",\"6\",\"7\"]}", z); /* C or not T */
        snprintf(where[2], 128, "{\"zip\":[\"%u\"]}", z);
        site_forget(&s);
        for (unsigned k = 0; k < 3; k++) {
            struct said_so so = site_ask(&s, z, where[k], COUNT);
            v[k] = count_of(&so);
        }
        if (v[0] < 0 || v[1] < 0 || v[2] < 0)
            continue;
        double error = (double)(v[0] + v[1] - v[2]) - truth;
        squares += error * error;
        done++;
    }
    site_done(&s);
    population_done(&p);
    *ret_refused = runs - done;
    return done ? squares / done : INFINITY;
}

static void a7(void)
{
    unsigned runs = full ? 4000 : 500, refused;
    double off = tracker(runs, NO_DEFENCES, 71, &refused), on = tracker(runs, ALL_DEFENCES, 72, &refused);
    double bound = 3 * 7 * (1 - 3 * sqrt(2.0 / runs));
    report("A7", off == 0, 1, -on, -bound, runs, 0, "variance of the tracker's estimate (negative: at least)");
}

/* --- A8: complement ------------------------------------------------------------------------------------------ */

static double complement(unsigned runs, bool noise, uint64_t seed)
{
    struct cellkey *key = key_of(seed);
    unsigned right = 0;
    for (unsigned i = 0; i < runs; i++) {
        char box[2][64];
        unsigned all = 40 + below(&seed, 100), known = 15 + below(&seed, 20), secret = below(&seed, 2), x = known + secret;
        snprintf(box[0], 64, "g=%u", i);
        snprintf(box[1], 64, "g=%u;x=0", i);
        uint64_t k = draw(&seed);
        int64_t n = noise ? published(key, "e", box[0], k, all) : all, not_x = noise ? published(key, "e", box[1], k / 3, all - x) : all - x;
        right += guess_of(2 * (n - not_x - known) - 1, &seed) == secret;
    }
    cellkey_free(key);
    return (double)right / runs;
}

static void a8(void)
{
    unsigned runs = full ? 100000 : 20000;
    report("A8", complement(runs, false, 81), 0.99, complement(runs, true, 82), 0.575 + 3 * sigma(runs), runs, 0, "N - count(not x)");
}

/* --- A9: a cell from its margins ---------------------------------------------------------------------------------- */

static double from_margins(unsigned runs, bool noise, uint64_t seed)
{
    struct cellkey *key = key_of(seed);
    double squares = 0;
    for (unsigned i = 0; i < runs; i++) {
        uint64_t sum_keys = 0, sum = 0;
        int64_t estimate = 0, cell = 0;
        char box[64];
        for (unsigned c = 0; c < 4; c++) {
            uint64_t n = c == 0 ? 1 + below(&seed, 9) : 10 + below(&seed, 40), k = draw(&seed);
            snprintf(box, sizeof box, "r=%u;c=%u", i, c);
            int64_t v = noise ? published(key, "e", box, k, n) : (int64_t)n;
            estimate -= c ? v : 0;
            cell = c ? cell : (int64_t)n;
            sum += n;
            sum_keys += k;
        }
        snprintf(box, sizeof box, "r=%u", i);
        estimate += noise ? published(key, "e", box, sum_keys, sum) : (int64_t)sum;
        squares += (double)((estimate - cell) * (estimate - cell));
    }
    cellkey_free(key);
    return sqrt(squares / runs);
}

static void a9(void)
{
    unsigned runs = full ? 20000 : 2000;
    report("A9", from_margins(runs, false, 91) == 0, 1, -from_margins(runs, true, 92), -sqrt(7) * (1 - 3 / sqrt(2.0 * runs)), runs, 0,
           "error of a cell from its margin (negative: at least)");
}

/* --- A12: who is the largest? ---------------------------------------------------------------------------------------- */

/* The quantile 1 is refused by grammar. */
static void site_is_asked_for_the_largest(void)
{
    static const char largest[] = "{\"innsyn\":\"question/1\",\"dataset\":\"town\",\"statistic\":{\"summary\":{\"variables\":[\"x\"],\"quantiles\":[1]}}}";
    struct population p;
    struct site s;
    struct json *tree = NULL;
    struct question *q = NULL;
    struct why why = {0};
    population_init(&p, 100, 10, 122);
    site_init(&s, &p, ALL_DEFENCES);
    bool refused = is_ok(json_parse(slice_str(largest), QUESTION_BYTES_MAX, &tree, &why)) && question_read(tree, s.d, &q, &why).code == DENIED;
    report("A12", 1, 1, refused ? 0 : 1, 0, 1, 0, "the quantile 1 is read");
    question_free(q);
    json_free(tree);
    site_done(&s);
    population_done(&p);
}

/* Where the largest value lies, by 64 quantiles nearer and nearer to 1: the width of what is left for it. */
static double largest_within(struct site *s, unsigned *ret_answered, double *ret_charge)
{
    enum { PROBES = 64, A_QUESTION = 16 };
    double low = -INFINITY, high = INFINITY, p = 0.5;
    *ret_answered = 0;
    *ret_charge = 0;
    for (unsigned probe = 0; probe < PROBES; probe += A_QUESTION) {
        char text[1024];
        size_t n = (size_t)snprintf(text, sizeof text, "{\"summary\":{\"variables\":[\"x\"],\"quantiles\":[");
        for (unsigned k = 0; k < A_QUESTION; k++, p = (1 + p) / 2)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%.17g", k ? "," : "", fmin(p, 1 - 0x1p-53));
        snprintf(text + n, sizeof text - n, "]}}");
        struct said_so so = site_ask(s, 1 + probe, "", text);
        *ret_charge += so.charge;
        if (so.said == ANSWERED) {
            const struct published_quantiles *of = &so.p.quantiles[0];
            ++*ret_answered;
            for (unsigned k = 0; k < of->count; k++)
                if (of->counts[k] > 0) { /* what the quantiles are read from: nothing finer leaves */
                    low = fmax(low, of->at[k]);
                    high = of->cells ? of->at[of->count] : of->at[k];
                }
        }
        published_done(&so.p);
    }
    return high - low;
}

static void a12_by_quantiles(void)
{
    enum { TOP_BIN = 5 }; /* x: clamps 0 to 60 on a grid of 1 */
    struct defences none = NO_DEFENCES;
    struct population p;
    double least = INFINITY, off = 0, charge = 0;
    unsigned runs = full ? 100 : 20, read = 0;
    for (unsigned i = 0; i < runs; i++) {
        struct site s;
        unsigned answered;
        population_init(&p, 4000, 10, 1200 + i);
        p.x[below(&p.seed, 4000)] = 59; /* one person at the top */
        site_init(&s, &p, none);
        off += largest_within(&s, &answered, &charge) <= 0;
        site_done(&s);
        site_init(&s, &p, ALL_DEFENCES);
        least = fmin(least, largest_within(&s, &answered, &charge));
        read += answered;
        site_done(&s);
        population_done(&p);
    }
    report("A12", off / runs, 0.99, least < TOP_BIN, 0, runs, charge, "the largest value is found to less than the top cell, by 64 quantiles");
    if (!read)
        failed = true; /* what is never answered proves nothing */
    site_is_asked_for_the_largest();
}

static void a12(void)
{
    unsigned runs = full ? 100000 : 20000, positive = 0;
    uint64_t seed = 121;
    struct cellkey *key = key_of(seed);
    for (unsigned i = 0; i < runs; i++) {
        char box[64];
        snprintf(box, sizeof box, "x=[%u,%u)", i, i + 1);
        positive += published(key, "e", box, draw(&seed), 1) > 0;
    }
    report("A12", 1, 0.99, (double)positive / runs, 0.164 + 3 * sigma(runs), runs, 0, "a single person's bin is not empty");
    cellkey_free(key);

    struct population p;
    struct site s;
    struct json *tree = NULL;
    struct question *q = NULL;
    struct why why = {0};
    population_init(&p, 4000, 10, 120);
    site_init(&s, &p, ALL_DEFENCES);
    static const char off_grid[] = "{\"innsyn\":\"question/1\",\"dataset\":\"town\",\"statistic\":{\"count\":{}},\"where\":{\"x\":{\"from\":58.5}}}";
    bool refused = is_ok(json_parse(slice_str(off_grid), QUESTION_BYTES_MAX, &tree, &why)) && question_read(tree, s.d, &q, &why).code == MALFORMED;
    report("A12", 1, 1, refused ? 0 : 1, 0, 1, 0, "a cut off the grid is read");
    question_free(q);
    json_free(tree);
    site_done(&s);
    population_done(&p);
    a12_by_quantiles();
}

/* --- A15, A16: reconstruction ---------------------------------------------------------------------------------------- */

/* A secret of `levels` values that are equally frequent; n persons; tables by a random partition into cells of `size` crossed with
 * the secret, as long as the ledger allows `cap`.  All cells are fitted, by least squares within bounds (projected
 * gradient); where they are more than two, the share of persons whose own value is told from another one. */
struct guessing {
    unsigned n, size, levels, tables;
    unsigned *cell;          /* [table][person] */
    double *y, *x, *gradient; /* [table][cell][level], [person][level] */
};

static void descend(const struct guessing *g, bool noise)
{
    enum { ROUNDS = 400 };
    unsigned cells = g->n / g->size, levels = g->levels;
    double *sum = calloc((size_t)cells * levels, sizeof *sum), share = 1.0 / levels;
    for (unsigned r = 0; r < ROUNDS; r++) {
        memset(g->gradient, 0, (size_t)g->n * levels * sizeof *g->gradient);
        for (unsigned t = 0; t < g->tables; t++) {
            const unsigned *cell = g->cell + (size_t)t * g->n;
            for (unsigned c = 0; c < cells * levels; c++)
                sum[c] = -g->y[(size_t)t * cells * levels + c];
            for (unsigned i = 0; i < g->n; i++)
                for (unsigned l = 0; l < levels; l++)
                    sum[cell[i] * levels + l] += g->x[i * levels + l];
            for (unsigned i = 0; i < g->n; i++)
                for (unsigned l = 0; l < levels; l++)
                    g->gradient[i * levels + l] += sum[cell[i] * levels + l];
        }
        for (unsigned i = 0; i < g->n; i++) {
            double all = 0;
            for (unsigned l = 0; l < levels; l++) {
                double *x = &g->x[i * levels + l], pull = noise ? 3.5 / (share * (1 - share)) * (*x - share) : 0; /* towards what is frequent */
                *x -= (g->gradient[i * levels + l] + pull) / (double)(g->size * g->tables + 28);
                *x = *x < 0 ? 0 : *x > 1 ? 1 : *x;
                all += *x;
            }
            for (unsigned l = 0; l < levels; l++) /* one value a person */
                g->x[i * levels + l] += (1 - all) / levels;
        }
    }
    free(sum);
}

static double reconstruct(unsigned n, unsigned size, unsigned levels, double cap, unsigned tables_max, bool noise, uint64_t seed, double *ret_charge)
{
    struct cellkey *key = key_of(seed);
    struct guessing g = {n, size, levels, 0, calloc((size_t)tables_max * n, sizeof *g.cell), calloc((size_t)tables_max * (n / size) * levels, sizeof *g.y),
                         calloc((size_t)n * levels, sizeof *g.x), calloc((size_t)n * levels, sizeof *g.gradient)};
    unsigned *order = calloc(n, sizeof *order);
    uint64_t *keys = calloc(n, sizeof *keys);
    uint8_t *secret = calloc(n, 1);
    double spent = 0, charge = (double)charge_micro_of_cells(28, charge_step(size), levels) / CHARGE_ONE;
    for (unsigned i = 0; i < n; i++) {
        keys[i] = draw(&seed);
        order[i] = i;
    }
    for (unsigned i = 0; i < n * levels; i++)
        g.x[i] = 1.0 / levels;
    shuffle(order, n, &seed);
    for (unsigned i = 0; i < n; i++)
        secret[order[i]] = (uint8_t)(i % levels); /* balanced */
    for (; g.tables < tables_max && (!noise || spent + charge <= cap); g.tables++) {
        shuffle(order, n, &seed);
        for (unsigned c = 0; c < n / size; c++) {
            uint64_t counts[8] = {0}, key_sums[8] = {0};
            for (unsigned k = 0; k < size; k++) {
                unsigned i = order[c * size + k];
                g.cell[(size_t)g.tables * n + i] = c;
                counts[secret[i]]++;
                key_sums[secret[i]] += keys[i];
            }
            for (unsigned l = 0; l < levels; l++) {
                char box[64];
                snprintf(box, sizeof box, "p%u=%u;secret=%u", g.tables, c, l);
                g.y[((size_t)g.tables * (n / size) + c) * levels + l] = noise ? (double)published(key, "e", box, key_sums[l], counts[l]) : (double)counts[l];
            }
        }
        spent += charge;
    }
    descend(&g, noise);
    unsigned right = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned other = (secret[i] + 1 + below(&seed, levels - 1)) % levels;
        right += g.x[i * levels + secret[i]] > g.x[i * levels + other];
    }
    free(g.cell), free(g.y), free(g.x), free(g.gradient), free(order), free(keys), free(secret);
    cellkey_free(key);
    *ret_charge = spent;
    return (double)right / n;
}

static void reconstruction(const char *name, unsigned n, unsigned size, unsigned levels, double cap, unsigned runs, unsigned tables_off)
{
    double on = 0, off = 0, charge = 0, ignored;
    unsigned tables_max = (unsigned)(cap / ((double)charge_micro_of_cells(28, charge_step(size), levels) / CHARGE_ONE)) + 1;
    for (unsigned r = 0; r < runs; r++) {
        on += reconstruct(n, size, levels, cap, tables_max, true, 1600 + 7 * r + n + size, &charge) / runs;
        off += r < 3 ? reconstruct(n, size, levels, 0, tables_off, false, 1700 + r + n, &ignored) / (runs < 3 ? runs : 3) : 0;
    }
    char what[96];
    snprintf(what, sizeof what, "n %u, cells of %u, a secret of %u values; off: %u exact tables", n, size, levels, tables_off);
    report(name, off, 0.95, on, phi(sqrt(charge) / 2) + 0.03 + 3 * sqrt(0.25 / (n * (double)runs)), runs, charge, what);
}

static void a15(void)
{
    struct population p;
    struct site s;
    unsigned different = 0;
    population_init(&p, 8000, 20, 150);
    site_init(&s, &p, ALL_DEFENCES);
    for (unsigned z = 0; z < 20; z++) {
        char where[64];
        snprintf(where, sizeof where, "{\"zip\":[\"%u\"]}", z);
        struct said_so a = site_ask(&s, 1, where, COUNT), b = site_ask(&s, 2, where, COUNT);
        different += count_of(&a) != count_of(&b);
    }
    report("A15", 1, 1, different, 0, 20, 0, "two permits, one question: answers that differ");
    site_done(&s);
    population_done(&p);
    reconstruction("A15", 200, 10, 2, 2.0, full ? 60 : 20, 20);
}

static void a16(void)
{
    reconstruction("A16", 200, 10, 2, 1.0, full ? 100 : 30, 20);
    reconstruction("A16", 500, 10, 2, 1.0, full ? 40 : 10, 30);
    reconstruction("A16", 1000, 50, 2, 1.0, full ? 20 : 3, 60);
    reconstruction("A16", 200, 10, 4, 1.0, full ? 100 : 30, 20);
    reconstruction("A16", 200, 20, 5, 1.0, full ? 100 : 20, 30);
    if (full) {
        reconstruction("A16", 2000, 10, 2, 1.0, 10, 40);
        reconstruction("A16", 1000, 50, 5, 1.0, 20, 100);
    }
}

/* --- A21: what a refusal says --------------------------------------------------------------------------------------- */

static void a21(void)
{
    unsigned runs = full ? 4000 : 1000, told[2] = {0}, arm[2] = {0}, naive_right = 0;
    uint64_t seed = 211;
    for (unsigned done = 0; done < runs;) {
        struct population p;
        struct site s;
        one_target_a_zip(&p, 50, draw(&seed));
        for (unsigned i = 0; i < p.persons; i++) /* 4 ill besides the target: the threshold of 5 hangs on the target */
            if (p.age[i] != 7)
                p.secret[i] = i / 50 >= 1 && i / 50 <= 4;
        site_init(&s, &p, ALL_DEFENCES);
        for (unsigned z = 0; z < 50 && done < runs; z++, done++) {
            char where[128];
            unsigned ill = 0;
            for (unsigned i = 0; i < p.persons; i++)
                ill += p.zip[i] == z && p.secret[i];
            naive_right += (ill >= 5) == p.secret[z];
            snprintf(where, sizeof where, "{\"zip\":[\"%u\"],\"secret\":[\"1\"]}", z);
            site_forget(&s);
            struct said_so so = site_ask(&s, z, where, COUNT);
            told[p.secret[z]] += so.said == ANSWERED && so.p.total != CELL_WITHHELD;
            arm[p.secret[z]]++;
            published_done(&so.p);
        }
        site_done(&s);
        population_done(&p);
    }
    double apart = fabs((double)told[1] / arm[1] - (double)told[0] / arm[0]);
    report("A21", (double)naive_right / runs, 0.99, apart, 3 * sqrt(0.5 / (runs / 2.0)), runs, 0, "status by secret (off: exact threshold of 5)");
}

/* --- A22: a new edition --------------------------------------------------------------------------------------------- */

static double refresh(unsigned runs, bool noise, uint64_t seed)
{
    struct cellkey *key = key_of(seed);
    unsigned right = 0;
    for (unsigned i = 0; i < runs; i++) {
        char box[64];
        uint64_t keys = draw(&seed), added = draw(&seed);
        unsigned secret = below(&seed, 2), n = 20 + below(&seed, 50);
        snprintf(box, sizeof box, "g=%u;secret=1", i);
        int64_t before = noise ? published(key, "edition 1", box, keys, n) : n;
        int64_t after = noise ? published(key, "edition 2", box, keys + (secret ? added : 0), n + secret) : n + secret;
        right += guess_of(2 * (after - before) - 1, &seed) == secret;
    }
    cellkey_free(key);
    return (double)right / runs;
}

static void a22(void)
{
    unsigned runs = full ? 100000 : 20000;
    report("A22", refresh(runs, false, 221), 0.99, refresh(runs, true, 222), 0.553 + 3 * sigma(runs), runs, 0, "one person more in the next edition");
}

/* --- the noise itself ------------------------------------------------------------------------------------------------- */

/* For each true value the mean over keyed cells is within 4 standard errors of it, and what leaves is 0 or at least 5. */
static void noise_is_unbiased(void)
{
    enum { CELLS = 100000, TRUE_MAX = 20 };
    uint64_t seed = 5;
    struct cellkey *key = key_of(seed);
    for (unsigned n = 0; n <= TRUE_MAX; n++) {
        double sum = 0, squares = 0;
        unsigned small = 0;
        for (unsigned i = 0; i < CELLS; i++) {
            char box[64];
            snprintf(box, sizeof box, "cell=%u", i);
            int64_t v = published(key, "e", box, draw(&seed), n), noise = v - (int64_t)n;
            small += v != 0 && v < CK_SMALLEST_PUBLISHED;
            sum += (double)noise;
            squares += (double)(noise * noise);
        }
        double mean = sum / CELLS, error = sqrt(squares / CELLS / CELLS);
        bool holds = fabs(mean) <= 4 * error && small == 0;
        failed = failed || !holds;
        printf("%-7s true %-2u mean of the noise %+.5f (at most %.5f)  variance %.3f  published 1 to 4: %u of %d\n", holds ? "ok" : "FAILED", n, mean,
               4 * error, squares / CELLS, small, CELLS);
    }
    cellkey_free(key);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*attack)(void);
    } attacks[] = {{"A1", a1}, {"A2", a2}, {"A3", a3}, {"A4", a4}, {"A5", a5}, {"A6", a6}, {"A7", a7}, {"A8", a8}, {"A9", a9}, {"A12", a12},
                   {"A15", a15}, {"A16", a16}, {"A17", a17}, {"A18", a18}, {"A21", a21}, {"A22", a22}, {"A24", a24},
                   {"B1", b1}, {"B2", b2}, {"B3", b3}, {"B4", b4}, {"B5", b5}, {"B6", b6},
                   {"B7", b7}, {"B8", b8}, {"B9", b9}, {"B10", b10}, {"C1", c1}};
    unsigned chosen = 0, run = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--noise") == 0) {
            noise_is_unbiased();
            return failed;
        }
        full = full || strcmp(argv[i], "--full") == 0;
        chosen += argv[i][0] != '-';
    }
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        bool wanted = chosen == 0;
        for (int k = 1; k < argc; k++)
            wanted = wanted || strcmp(argv[k], attacks[i].name) == 0;
        if (!wanted)
            continue;
        attacks[i].attack();
        fflush(stdout);
        run++;
    }
    printf(failed ? "an attack won\n" : "%u attacks won without the defences and lost with them\n", run);
    return failed || run == 0;
}
