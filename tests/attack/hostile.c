/*
 * hostile.c - attacks that make use of what a data set is like (docs/ATTACKS.md, from B5 on): missing values, rare
 * categories, outliers.
 */
#include <string.h>

#include "tests/attack/attack.h"

enum { ASKED_MAX = 400 };

/* What an attacker learns from two families of answers that should differ by the target alone: the mean of each. */
struct averages {
    double sum[2];
    unsigned n[2], asked, refused;
    double charge;
};

static void averages_add(struct averages *a, unsigned with, double value)
{
    a->sum[with] += value;
    a->n[with]++;
}

/* apart: what the target adds if his secret is 1, less what he adds if it is 0, halved; middle: half way between. */
static unsigned averages_guess(const struct averages *a, double middle, uint64_t *seed)
{
    return a->n[0] && a->n[1] ? a->sum[1] / a->n[1] - a->sum[0] / a->n[0] > middle : below(seed, 2);
}

/* One question of a family; false: the budget is at its end. */
static bool averages_ask(struct averages *a, struct site *s, unsigned permit, unsigned with, const char *where, const char *statistic,
                         double (*read)(const struct published *p))
{
    struct said_so so = site_ask(s, permit, where, statistic);
    a->asked++;
    if (so.said == ANSWERED) {
        double value = read(&so.p);
        a->charge += so.charge;
        if (!isnan(value))
            averages_add(a, with, value);
    }
    a->refused += so.said == REFUSED;
    published_done(&so.p);
    return so.said != EXHAUSTED;
}

struct reached {
    double accuracy, charge, asked;
};

static double bound_of(double charge, unsigned runs)
{
    return phi(sqrt(charge < 1 ? charge : 1) / 2) + 0.03 + 3 * sigma(runs);
}

/* --- B5: boxes that differ by many, of whom one has a value ----------------------------------------------------- */

/* x is known in zip 0 alone.  Boxes that hold zip 0 and some of the others differ by thousands, and whoever has an x is
 * the same in all of them; dx 7 are many, and only the target among them has an x.  With his value in and out of it,
 * the n of a mean is averaged. */
static double who_has_a_value(unsigned runs, struct defences on, uint64_t seed, double *ret_charge, double *ret_asked)
{
    enum { ZIPS = 16, IN_A_ZIP = 2600 };
    static const char mean[] = "{\"summary\":{\"variables\":[\"x\"]}}";
    unsigned right = 0, asked = 0;
    double charge = 0;
    for (unsigned r = 0; r < runs; r++) {
        struct population p;
        struct site s;
        double sum[2] = {0}, spent = 0;
        unsigned m[2] = {0}, refused = 0;
        population_init(&p, ZIPS * IN_A_ZIP, ZIPS, draw(&seed));
        for (unsigned i = 0; i < p.persons; i++) {
            p.x[i] = p.zip[i] ? -1 : p.x[i];
            p.dx[i] = p.zip[i] ? p.dx[i] : (uint8_t)below(&seed, 7);
        }
        p.dx[0] = 7; /* of zip 0 */
        site_init(&s, &p, on);
        for (unsigned k = 0; k < ASKED_MAX && refused < LEDGER_REFUSALS_DAY; k++) {
            char where[1024];
            unsigned with = k & 1;
            size_t n = (size_t)snprintf(where, sizeof where, "{\"secret\":[\"1\"],\"dx\":[\"0\",\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"%s],\"zip\":[\"0\"", with ? ",\"7\"" : "");
            for (unsigned z = 1; z < ZIPS; z++)
                if (below(&seed, 2))
                    n += (size_t)snprintf(where + n, sizeof where - n, ",\"%u\"", z);
            snprintf(where + n, sizeof where - n, "]}");
            struct said_so so = site_ask(&s, r, where, mean);
            if (so.said == EXHAUSTED)
                break;
            spent += so.said == ANSWERED ? so.charge : 0;
            int64_t got = so.said != ANSWERED ? CELL_WITHHELD : on.noise ? so.p.protected_moments[0].n : (int64_t)so.p.moments[0].n;
            if (got != CELL_WITHHELD) {
                sum[with] += (double)got;
                m[with]++;
            }
            refused += so.said == REFUSED;
            published_done(&so.p);
            asked++;
        }
        unsigned guess = m[0] && m[1] ? sum[1] / m[1] - sum[0] / m[0] > 0.5 : below(&seed, 2);
        right += guess == p.secret[0];
        charge += spent;
        site_done(&s);
        population_done(&p);
    }
    *ret_charge = charge / runs;
    *ret_asked = (double)asked / runs;
    return (double)right / runs;
}

void b5(void)
{
    struct defences boxes_only = ALL_DEFENCES;
    unsigned runs = full ? 400 : 30;
    double charge, asked, ignored;
    boxes_only.valued = boxes_only.ledger = false; /* what the charge alone would hold is no matter here */
    double off = who_has_a_value(full ? 100 : 6, boxes_only, 351, &ignored, &ignored), on = who_has_a_value(runs, ALL_DEFENCES, 352, &charge, &asked);
    char what[80];
    snprintf(what, sizeof what, "boxes differ by many, one of whom has a value; %.0f asked", asked);
    report("B5", off, 0.8, on, phi(sqrt(charge < 1 ? charge : 1) / 2) + 0.03 + 3 * sigma(runs), runs, charge, what);
}

/* --- B6: both cells of the secret --------------------------------------------------------------------------------- */

/* As B4, but the secret is the table's dimension: he is in one of its cells, and both are read. */
static double ill_less_well(const struct published *p)
{
    return p->cells[0] == CELL_WITHHELD || p->cells[1] == CELL_WITHHELD ? (double)NAN : (double)(p->cells[1] - p->cells[0]);
}

static struct reached both_cells(unsigned runs, struct defences on, unsigned asked_max, uint64_t seed)
{
    enum { IN_A_ZIP = 3000 };
    struct reached all = {0};
    for (unsigned r = 0; r < runs; r++) {
        struct population p;
        struct site s;
        struct averages a = {0};
        population_init(&p, 3 * IN_A_ZIP, 3, draw(&seed));
        for (unsigned i = 0; i < p.persons; i++)
            p.x[i] = p.zip[i] == 0 ? 1 + (int)below(&seed, 19) : 20 + (int)below(&seed, 40);
        p.x[0] = 0; /* of zip 0 */
        for (unsigned i = 1; i <= 60; i++)
            p.x[3 * i + 1] = 0; /* and of some elsewhere */
        site_init(&s, &p, on);
        for (unsigned k = 0; k < asked_max && a.refused < LEDGER_REFUSALS_DAY; k++) {
            char where[2048];
            size_t n = (size_t)snprintf(where, sizeof where, "{\"x\":[{\"from\":%u,\"to\":20}", 1 - (k & 1));
            for (unsigned i = 0; i < 40; i++)
                if (below(&seed, 100) < 70)
                    n += (size_t)snprintf(where + n, sizeof where - n, ",{\"from\":%u,\"to\":%u}", 20 + i, 21 + i);
            snprintf(where + n, sizeof where - n, "]}");
            if (!averages_ask(&a, &s, r, k & 1, where, "{\"table\":{\"by\":[\"zip\",\"secret\"]}}", ill_less_well))
                break;
        }
        all.accuracy += averages_guess(&a, 0, &seed) == p.secret[0];
        all.charge += a.charge;
        all.asked += a.asked;
        site_done(&s);
        population_done(&p);
    }
    return (struct reached){all.accuracy / runs, all.charge / runs, all.asked / runs};
}

void b6(void)
{
    unsigned runs = full ? 400 : 60;
    struct reached off = both_cells(runs, NO_DEFENCES, 4, 361), on = both_cells(runs, ALL_DEFENCES, ASKED_MAX, 362);
    char what[80];
    snprintf(what, sizeof what, "boxes that differ elsewhere, both cells of the secret; %.0f asked", on.asked);
    report("B6", off.accuracy, 0.99, on.accuracy, bound_of(on.charge, runs), runs, on.charge, what);
}

/* --- B7: many variables in one summary --------------------------------------------------------------------------- */

/* Half of the numbers are everybody's, the target alone lacks the others: each brings its own count of the ill, with
 * him and without him, in one question. */
enum { HALF = NUMBERS / 2 };

static double of_groups(const struct published *p, unsigned first)
{
    double sum = 0;
    for (unsigned v = first; v < first + HALF; v++) {
        if (!p->protected_moments) {
            sum += (double)p->moments[NUMBERS + v].n - (double)p->moments[v].n;
            continue;
        }
        const struct published_moments *none = &p->protected_moments[v], *ill = &p->protected_moments[NUMBERS + v];
        if (none->n == CELL_WITHHELD || ill->n == CELL_WITHHELD)
            return (double)NAN;
        sum += (double)(ill->n - none->n);
    }
    return sum / HALF;
}

static double with_less_without(const struct published *p)
{
    return of_groups(p, 0) - of_groups(p, HALF);
}

static struct reached many_variables(unsigned runs, struct defences on, unsigned asked_max, uint64_t seed)
{
    enum { ZIPS = 8, IN_A_ZIP = 400 };
    struct reached all = {0};
    char statistic[512];
    size_t n = (size_t)snprintf(statistic, sizeof statistic, "{\"summary\":{\"by\":\"secret\",\"variables\":[");
    for (unsigned y = 0; y < NUMBERS; y++)
        n += (size_t)snprintf(statistic + n, sizeof statistic - n, "%s\"y%u\"", y ? "," : "", y);
    snprintf(statistic + n, sizeof statistic - n, "]}}");
    for (unsigned r = 0; r < runs; r++) {
        struct population p;
        struct site s;
        struct averages a = {0};
        population_init(&p, ZIPS * IN_A_ZIP, ZIPS, draw(&seed));
        for (unsigned y = 0; y < NUMBERS; y++) {
            double *values = population_number(&p, y);
            for (unsigned i = 0; i < p.persons; i++)
                values[i] = below(&seed, 900) + 50;
            if (y >= HALF)
                values[0] = (double)NAN;
        }
        site_init(&s, &p, on);
        for (unsigned k = 0; k < asked_max && a.refused < LEDGER_REFUSALS_DAY; k++) {
            char where[256] = "";
            if (k > 0)
                snprintf(where, sizeof where, "{\"zip\":[\"0\",\"%u\"]}", 1 + k % (ZIPS - 1));
            if (!averages_ask(&a, &s, r, 1, where, statistic, with_less_without))
                break;
        }
        averages_add(&a, 0, 0);
        all.accuracy += averages_guess(&a, 0, &seed) == p.secret[0];
        all.charge += a.charge;
        all.asked += a.asked;
        site_done(&s);
        population_done(&p);
    }
    return (struct reached){all.accuracy / runs, all.charge / runs, all.asked / runs};
}

void b7(void)
{
    unsigned runs = full ? 1000 : 100;
    struct reached off = many_variables(runs, NO_DEFENCES, 1, 370), one = many_variables(runs, ALL_DEFENCES, 1, 371),
                   on = many_variables(runs, ALL_DEFENCES, 8, 372);
    char what[80];
    snprintf(what, sizeof what, "many variables in a summary; %.0f asked", on.asked);
    report("B7", off.accuracy, 0.9, one.accuracy, bound_of(one.charge, runs), runs, one.charge, "many variables in one summary");
    report("B7", off.accuracy, 0.9, on.accuracy, bound_of(on.charge, runs), runs, on.charge, what);
}

/* --- B8: one outlier, by the variance ------------------------------------------------------------------------------ */

/* Everybody's value is near 500, one person's between 600 and 900: the variance is his alone.  Right: his value to 15. */
static struct reached outlier(unsigned runs, bool exact, uint64_t seed)
{
    enum { PERSONS = 400 };
    struct reached all = {0};
    for (unsigned r = 0; r < runs; r++) {
        struct population p;
        struct site s;
        population_init(&p, PERSONS, 1, draw(&seed));
        double *y = population_number(&p, 0), guess = 750, mean = 0, variance = 0;
        for (unsigned i = 0; i < PERSONS; i++)
            y[i] = 500 + below(&seed, 5);
        y[0] = 600 + below(&seed, 300);
        site_init(&s, &p, exact ? NO_DEFENCES : ALL_DEFENCES);
        struct said_so so = site_ask(&s, r, "", "{\"summary\":{\"variables\":[\"y0\"]}}");
        if (so.said == ANSWERED && exact) {
            mean = so.p.moments[0].mean;
            variance = so.p.moments[0].m2 / (PERSONS - 1);
        } else if (so.said == ANSWERED) {
            mean = so.p.protected_moments[0].mean;
            variance = so.p.protected_moments[0].variance;
        }
        if (variance > 0 && !isnan(mean)) /* his weight is 1.25 or 0.75 */
            guess = 502 + sqrt(variance * (PERSONS - 1) / (exact ? 1 : below(&seed, 2) ? 1.25 : 0.75));
        all.accuracy += fabs(guess - y[0]) <= 15;
        all.charge += so.charge;
        published_done(&so.p);
        site_done(&s);
        population_done(&p);
    }
    return (struct reached){all.accuracy / runs, all.charge / runs, 1};
}

void b8(void)
{
    unsigned runs = full ? 1000 : 200;
    struct reached off = outlier(runs, true, 381), on = outlier(runs, false, 382);
    report("B8", off.accuracy, 0.9, on.accuracy, 0.1 + 3 * sigma(runs), runs, on.charge, "one outlier, by mean and variance, to 15 of 300");
}

/* --- B9: which means are there -------------------------------------------------------------------------------------- */

/* A rare secret, written as a number of 0 and 1.  By true values its mean was there from three ill persons on: groups
 * that hold two, and the target, and ever others who are well; all there, and he is ill.  Its threshold carries the noise
 * of a count now, and is best asked about where it is. */
static struct reached which_means(unsigned runs, struct defences on, unsigned ill_before, uint64_t seed)
{
    enum { GROUPS = 40, IN_A_GROUP = 20, ASKED = 18 };
    struct reached all = {0};
    for (unsigned r = 0; r < runs; r++) {
        struct population p;
        struct site s;
        unsigned asked = 0;
        double charge = 0, shown = 0;
        population_init(&p, GROUPS * IN_A_GROUP, GROUPS, draw(&seed));
        double *y = population_number(&p, 0);
        const unsigned ill = below(&seed, 2);
        for (unsigned i = 0; i < p.persons; i++) /* the ill of zip 0; the target is the first of zip 1 */
            y[i] = i % GROUPS == 0 && i / GROUPS < ill_before ? 1 : 0;
        y[1] = ill;
        site_init(&s, &p, on);
        for (unsigned k = 0; k < ASKED; k++) {
            char where[128];
            snprintf(where, sizeof where, "{\"zip\":[\"0\",\"1\",\"%u\",\"%u\"]}", 2 + 2 * k, 3 + 2 * k);
            struct said_so so = site_ask(&s, r, where, "{\"summary\":{\"variables\":[\"y0\"]}}");
            if (so.said == ANSWERED) {
                asked++;
                charge += so.charge;
                shown += on.noise ? (isnan(so.p.protected_moments[0].mean) ? 0 : 1)
                                  : (so.p.moments[0].mean * (double)so.p.moments[0].n > ill_before + 0.5 ? 1 : 0);
            }
            published_done(&so.p);
        }
        double middle = ill_before == 2 ? 0 : 0.5 * asked; /* of 9 four in ten are there, of 10 six in ten */
        unsigned guess = asked ? shown > middle : below(&seed, 2);
        all.accuracy += guess == ill;
        all.charge += charge;
        all.asked += asked;
        site_done(&s);
        population_done(&p);
    }
    return (struct reached){all.accuracy / runs, all.charge / runs, all.asked / runs};
}

void b9(void)
{
    unsigned runs = full ? 1000 : 200;
    struct reached off = which_means(100, NO_DEFENCES, 2, 390), few = which_means(runs, ALL_DEFENCES, 2, 391), on = which_means(runs, ALL_DEFENCES, 9, 392);
    char what[80];
    report("B9", off.accuracy, 0.9, few.accuracy, bound_of(few.charge, runs), runs, few.charge, "a rare 1 among zeros: whether its mean is there");
    /* He knows everybody else's value, which the ledger does not cover: the bound is the noise's, of as many counts. */
    snprintf(what, sizeof what, "the same at its threshold, all others known; %.0f asked", on.asked);
    report("B9", off.accuracy, 0.9, on.accuracy, phi(sqrt(on.asked / CK_NOISE_VARIANCE) / 2) + 0.03 + 3 * sigma(runs), runs, on.charge, what);
}

/* --- B10: who left between two editions ------------------------------------------------------------------------------ */

/* The same tables before and after one person opted out.  They differ by him alone, and each combination of dimensions
 * is a fresh draw of the margin by the secret. */
static double margin(const struct published *p)
{
    const int64_t *m = p->margins[p->margin_count - 1];
    return m[0] == CELL_WITHHELD || m[1] == CELL_WITHHELD ? (double)NAN : (double)(m[1] - m[0]);
}

static struct reached editions(unsigned runs, struct defences on, uint64_t seed)
{
    enum { PERSONS = 24000, TABLES = 41 };
    static const uint64_t gone[1] = {0};
    struct reached all = {0};
    for (unsigned r = 0; r < runs; r++) {
        struct population p;
        struct site s;
        struct averages a = {0};
        population_init(&p, PERSONS, 2, draw(&seed));
        site_init(&s, &p, on);
        for (unsigned with = 2; with-- > 0;) {
            unsigned asked = 0;
            if (!with)
                site_leave_out(&s, gone, 1);
            for (unsigned bits = 1; bits < 1u << BITS && asked < TABLES; bits++) {
                char statistic[128];
                size_t n = 0;
                if (__builtin_popcount(bits) > 3)
                    continue;
                n = (size_t)snprintf(statistic, sizeof statistic, "{\"table\":{\"by\":[");
                for (unsigned b = 0; b < BITS; b++)
                    if (bits >> b & 1)
                        n += (size_t)snprintf(statistic + n, sizeof statistic - n, "\"b%u\",", b);
                snprintf(statistic + n, sizeof statistic - n, "\"secret\"]}}");
                asked++;
                if (!averages_ask(&a, &s, r, with, "", statistic, margin))
                    break;
            }
        }
        all.accuracy += averages_guess(&a, 0, &seed) == p.secret[0];
        all.charge += a.charge;
        all.asked += a.asked;
        site_done(&s);
        population_done(&p);
    }
    return (struct reached){all.accuracy / runs, all.charge / runs, all.asked / runs};
}

void b10(void)
{
    struct defences as_before = ALL_DEFENCES;
    as_before.editions = false;
    unsigned runs = full ? 400 : 60;
    struct reached off = editions(runs, as_before, 401), on = editions(runs, ALL_DEFENCES, 402);
    char what[80];
    snprintf(what, sizeof what, "who left between two editions; %.0f asked", on.asked);
    report("B10", off.accuracy, 0.75, on.accuracy, bound_of(on.charge, runs), runs, on.charge, what);
}
