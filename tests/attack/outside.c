/*
 * outside.c - attacks that are not in the design's list (docs/ATTACKS.md, B1 to B4, C1): what an outsider finds who reads the
 * rules and asks for what they do not look at.
 */
#include <string.h>

#include "tests/attack/attack.h"

enum { ASKED_MAX = 400 };

/* --- B1: a value that one person has, told apart without naming the secret -------------------------------------- */

/* x = 59 is one person's.  Boxes that name x alone, with and without 59, written in ever other ways by values that
 * nobody has; the secret is the table's dimension.  Averaged, their difference is the person's secret. */
static double lone_value(unsigned runs, struct defences on, uint64_t seed, double *ret_charge, double *ret_asked)
{
    static const char by[] = "{\"table\":{\"by\":[\"secret\"]}}";
    unsigned right = 0, asked = 0;
    double charge = 0;
    for (unsigned r = 0; r < runs; r++) {
        struct population p;
        struct site s;
        double sum[2] = {0}, spent = 0;
        unsigned m[2] = {0}, refused = 0;
        population_init(&p, 4000, 4, draw(&seed));
        for (unsigned i = 1; i < p.persons; i++)
            p.x[i] = p.x[i] == 59 ? 58 : p.x[i];
        p.x[0] = 59;
        site_init(&s, &p, on);
        for (unsigned k = 0; k < ASKED_MAX && refused < LEDGER_REFUSALS_DAY; k++) {
            char where[96];
            unsigned with = k & 1, clone = 61 + k / 2;
            snprintf(where, sizeof where, with ? "{\"x\":[{\"from\":0,\"to\":%u}]}" : "{\"x\":[{\"from\":0,\"to\":59},{\"from\":60,\"to\":%u}]}", clone);
            struct said_so so = site_ask(&s, r, where, by);
            if (so.said == EXHAUSTED)
                break;
            spent += so.said == ANSWERED ? so.charge : 0; /* what a refusal costs buys nothing */
            if (so.said == ANSWERED && so.p.cells[1] != CELL_WITHHELD) {
                sum[with] += (double)so.p.cells[1];
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

void b1(void)
{
    unsigned runs = full ? 400 : 100;
    double charge, asked, ignored;
    double off = lone_value(runs, NO_DEFENCES, 311, &ignored, &ignored), on = lone_value(runs, ALL_DEFENCES, 312, &charge, &asked);
    char what[64];
    snprintf(what, sizeof what, "a lone value, cloned boxes; %.0f asked", asked);
    report("B1", off, 0.99, on, phi(sqrt(charge < 1 ? charge : 1) / 2) + 0.03 + 3 * sigma(runs), runs, charge, what);
}

/* --- B2: equal means, so not ill ------------------------------------------------------------------------------------ */

/* The mean of x among the ill of each zip, with and without the one person of age 7 there: weights that hang on the
 * persons alone are the same when he is not ill. */
static double equal_means(unsigned runs, uint64_t seed, double *ret_charge)
{
    enum { ZIPS = 50, IN_A_ZIP = 100 };
    unsigned right = 0, done = 0;
    double spent = 0;
    while (done < runs) {
        struct population p;
        struct site s;
        struct said_so so[2];
        static const char mean[] = "{\"summary\":{\"variables\":[\"x\"],\"by\":\"zip\"}}";
        char where[128];
        population_init(&p, ZIPS * IN_A_ZIP, ZIPS, draw(&seed));
        for (unsigned i = 0; i < p.persons; i++)
            p.age[i] = i < ZIPS ? 7 : p.age[i] == 7 ? 0 : p.age[i];
        site_init(&s, &p, ALL_DEFENCES);
        snprintf(where, sizeof where, "{\"secret\":[\"1\"],\"age\":%s}", WITHOUT_7);
        so[0] = site_ask(&s, 1, "{\"secret\":[\"1\"]}", mean);
        so[1] = site_ask(&s, 1, where, mean);
        for (unsigned z = 0; z < ZIPS && done < runs; z++, done++) {
            const struct published_moments *a = so[0].said == ANSWERED ? &so[0].p.protected_moments[z] : NULL,
                                           *b = so[1].said == ANSWERED ? &so[1].p.protected_moments[z] : NULL;
            unsigned guess = !a || !b || isnan(a->mean) || isnan(b->mean) ? below(&seed, 2) : a->mean != b->mean || a->variance != b->variance;
            right += guess == p.secret[z];
            spent += so[0].charge + so[1].charge;
        }
        published_done(&so[0].p);
        published_done(&so[1].p);
        site_done(&s);
        population_done(&p);
    }
    *ret_charge = spent / runs;
    return (double)right / runs;
}

/* The same with weights that hang on the persons alone. */
static double equal_means_by_persons(unsigned runs, uint64_t seed)
{
    enum { PERSONS = 50 };
    unsigned right = 0;
    struct jitter *j = NULL;
    struct why why;
    if (!is_ok(jitter_new(slice_of(&seed, sizeof seed), &j, &why)))
        abort();
    for (unsigned r = 0; r < runs; r++) {
        uint64_t keys[PERSONS], sum = 0;
        double x[PERSONS], mean[2], variance[2];
        unsigned secret = below(&seed, 2);
        for (unsigned i = 0; i < PERSONS; i++) {
            keys[i] = draw(&seed);
            x[i] = below(&seed, 60);
            sum += keys[i];
        }
        for (unsigned k = 0; k < 2; k++) { /* with the last, who is there if ill; without */
            struct jittered sums = {.centre = 30};
            unsigned n = k == 0 && secret ? PERSONS : PERSONS - 1;
            for (unsigned i = 0; i < n; i++)
                jittered_add(&sums, x[i], jitter_plus(j, slice_str("e"), n == PERSONS ? sum : sum - keys[PERSONS - 1], keys[i]));
            jittered_moments(&sums, &mean[k], &variance[k]);
        }
        right += (mean[0] != mean[1]) == secret;
    }
    jitter_free(j);
    return (double)right / runs;
}

void b2(void)
{
    unsigned runs = full ? 4000 : 1000;
    double charge, off = equal_means_by_persons(runs, 321), on = equal_means(runs, 322, &charge);
    report("B2", off, 0.94, on, 0.553 + 3 * sigma(runs), runs, charge, "equal means, so not ill");
}

/* --- B3: which cells are blank --------------------------------------------------------------------------------------- */

/* A cell is blank when a group that forgets one variable holds fewer than 10, by true counts.  In zips of about 20 the
 * ill are about 10: blank without the one person of age 7, and not with him, he is ill for certain. */
static double blanks(unsigned runs, bool exact, uint64_t seed, double *ret_charge, unsigned *ret_told, unsigned *ret_told_right)
{
    enum { ZIPS = 50, IN_A_ZIP = 20 };
    unsigned right = 0, done = 0;
    double spent = 0;
    *ret_told = *ret_told_right = 0;
    while (done < runs) {
        struct population p;
        struct site s;
        struct said_so so[2];
        static const char by[] = "{\"table\":{\"by\":[\"zip\",\"secret\"]}}";
        char where[2][160];
        population_init(&p, ZIPS * IN_A_ZIP, ZIPS, draw(&seed));
        for (unsigned i = 0; i < p.persons; i++) {
            p.age[i] = i < ZIPS ? 7 : p.age[i] == 7 ? 0 : p.age[i];
            p.dx[i] = i >= ZIPS && i < 2 * ZIPS && i % 2 ? 7 : p.dx[i] == 7 ? 0 : p.dx[i]; /* 7 is hardly anybody's */
        }
        site_init(&s, &p, exact ? NO_DEFENCES : ALL_DEFENCES);
        snprintf(where[0], sizeof where[0], "{\"dx\":%s}", WITHOUT_7);
        snprintf(where[1], sizeof where[1], "{\"dx\":%s,\"age\":%s}", WITHOUT_7, WITHOUT_7);
        for (unsigned k = 0; k < 2; k++)
            so[k] = site_ask(&s, 1, where[k], by);
        for (unsigned z = 0; z < ZIPS && done < runs; z++, done++) {
            unsigned guess = below(&seed, 2);
            bool is_told = false;
            for (unsigned c = 0; c < 2 && so[0].said == ANSWERED && so[1].said == ANSWERED; c++) {
                int64_t a = so[0].p.cells[2 * z + c], b = so[1].p.cells[2 * z + c];
                if (exact ? a != b : a != CELL_WITHHELD && b == CELL_WITHHELD) {
                    guess = c;
                    is_told = true;
                }
            }
            right += guess == p.secret[z];
            *ret_told += is_told;
            *ret_told_right += is_told && guess == p.secret[z];
            spent += so[0].charge + so[1].charge;
        }
        published_done(&so[0].p);
        published_done(&so[1].p);
        site_done(&s);
        population_done(&p);
    }
    *ret_charge = spent / runs;
    return (double)right / runs;
}

void b3(void)
{
    unsigned runs = full ? 4000 : 1000, told, told_right, told_off, right_off;
    double charge, ignored, off = blanks(runs, true, 331, &ignored, &told_off, &right_off), on = blanks(runs, false, 332, &charge, &told, &told_right);
    report("B3", off, 0.99, on, phi(sqrt(charge) / 2) + 0.03 + 3 * sigma(runs), runs, charge, "a cell is blank without him and not with him");
    /* By true counts such a blank was certain. */
    report("B3", (double)right_off / told_off, 0.99, (double)told_right / told, 0.75, told, charge, "right among those of whom blanks tell");
}

/* --- B4: boxes that differ elsewhere ---------------------------------------------------------------------------------- */

/* The audit compares boxes as a whole.  In zip 0 nobody has x of 20 and more: boxes that differ there in half of
 * the town are clones in zip 0, and each costs what a large cohort costs. */
static double elsewhere(unsigned runs, bool divided, struct defences on, unsigned asked_max, uint64_t seed, double *ret_charge, double *ret_asked)
{
    enum { IN_A_ZIP = 3000 };
    const char *by = divided ? "{\"table\":{\"by\":[\"zip\",\"secret\"]}}" : "{\"table\":{\"by\":[\"zip\"]}}";
    unsigned right = 0, asked = 0;
    double charge = 0;
    for (unsigned r = 0; r < runs; r++) {
        struct population p;
        struct site s;
        double sum[2] = {0}, spent = 0;
        unsigned m[2] = {0}, refused = 0;
        population_init(&p, 3 * IN_A_ZIP, 3, draw(&seed));
        for (unsigned i = 0; i < p.persons; i++)
            p.x[i] = p.zip[i] == 0 ? 1 + (int)below(&seed, 19) : 20 + (int)below(&seed, 40);
        p.x[0] = 0; /* of zip 0 */
        for (unsigned i = 1; i <= 60; i++)
            p.x[3 * i + 1] = 0; /* and of some elsewhere */
        site_init(&s, &p, on);
        for (unsigned k = 0; k < asked_max && refused < LEDGER_REFUSALS_DAY; k++) {
            char where[2048];
            unsigned with = k & 1, half[40];
            size_t n = (size_t)snprintf(where, sizeof where, "{%s\"x\":[{\"from\":%u,\"to\":20}", divided ? "" : "\"secret\":[\"1\"],", 1 - with);
            for (unsigned i = 0; i < 40; i++)
                half[i] = below(&seed, 100) < 70;
            for (unsigned i = 0; i < 40; i++)
                if (half[i])
                    n += (size_t)snprintf(where + n, sizeof where - n, ",{\"from\":%u,\"to\":%u}", 20 + i, 21 + i);
            snprintf(where + n, sizeof where - n, "]}");
            struct said_so so = site_ask(&s, r, where, by);
            if (so.said == EXHAUSTED)
                break;
            spent += so.said == ANSWERED ? so.charge : 0;
            if (so.said == ANSWERED && so.p.cells[0] != CELL_WITHHELD) {
                /* Divided, the cells of zip 0 are those with secret 0 and with 1: he is in one of them. */
                sum[with] += divided ? (double)(so.p.cells[1] - so.p.cells[0]) / 2 : (double)so.p.cells[0];
                m[with]++;
            }
            refused += so.said == REFUSED;
            published_done(&so.p);
            asked++;
        }
        unsigned guess = m[0] && m[1] ? sum[1] / m[1] - sum[0] / m[0] > (divided ? 0 : 0.5) : below(&seed, 2);
        right += guess == p.secret[0];
        charge += spent;
        site_done(&s);
        population_done(&p);
    }
    *ret_charge = charge / runs;
    *ret_asked = (double)asked / runs;
    return (double)right / runs;
}

static void elsewhere_divided(bool divided)
{
    unsigned runs = full ? 400 : 60;
    double charge, asked, ignored;
    double off = elsewhere(runs, divided, NO_DEFENCES, 4, 341, &ignored, &ignored), on = elsewhere(runs, divided, ALL_DEFENCES, ASKED_MAX, 342, &charge, &asked);
    char what[96];
    snprintf(what, sizeof what, "boxes that differ elsewhere%s; %.0f asked", divided ? ", the secret as dimension" : "", asked);
    report("B4", off, 0.99, on, phi(sqrt(charge < 1 ? charge : 1) / 2) + 0.03 + 3 * sigma(runs), runs, charge, what);
}

void b4(void)
{
    elsewhere_divided(false);
    elsewhere_divided(true);
}

/* --- C1: differences of registered groupings ------------------------------------------------------------------------- */

enum { AGES = 8, LONE = 7, SUMS = AGES - 1 + 4 + 2 + 1 };

/* Which ages each published sum holds: the levels but the lone one, whose cell is blank; pairs; halves; all. */
static unsigned ages_of(unsigned sum)
{
    if (sum < AGES - 1)
        return 1u << sum;
    sum -= AGES - 1;
    return sum < 4 ? 3u << 2 * sum : sum < 6 ? 15u << 4 * (sum - 4) : 255;
}

/* The weights of the sums in the least-squares estimate of the lone age's count: all noises have one variance. */
static void weights_of_lone(double weight[SUMS])
{
    double a[AGES][AGES + 1] = {{0}}; /* normal equations; the right side picks the lone one */
    for (unsigned s = 0; s < SUMS; s++)
        for (unsigned i = 0; i < AGES; i++)
            for (unsigned k = 0; k < AGES; k++)
                a[i][k] += (ages_of(s) >> i & 1) && (ages_of(s) >> k & 1);
    a[LONE][AGES] = 1;
    for (unsigned p = 0; p < AGES; p++) /* positive definite: no pivoting */
        for (unsigned i = 0; i < AGES; i++) {
            double f = i == p ? 0 : a[i][p] / a[p][p];
            for (unsigned k = p; i != p && k <= AGES; k++)
                a[i][k] -= f * a[p][k];
        }
    for (unsigned s = 0; s < SUMS; s++) {
        weight[s] = 0;
        for (unsigned i = 0; i < AGES; i++)
            weight[s] += (ages_of(s) >> i & 1) ? a[i][AGES] / a[i][i] : 0;
    }
}

/* One person of age 7 in each zip of 400: his own cell is blank, but a pair less its other age is he, and a half less three
 * ages, and the zip less seven.  Every table that can be had is asked, and all are weighed together.  The same persons
 * as boxes, the group's and its other level's, meet the audit. */
static double nested(unsigned runs, struct defences on, uint64_t seed, double *ret_charge, double *ret_answered)
{
    enum { ZIPS = 20, IN_A_ZIP = 400 };
    static const char *const tables[] = {"\"age\"", "{\"variable\":\"age\",\"grouping\":\"pairs\"}", "{\"variable\":\"age\",\"grouping\":\"halves\"}"};
    double weight[SUMS], charge = 0;
    unsigned right = 0, done = 0, answered = 0, asked = 0;
    weights_of_lone(weight);
    while (done < runs) {
        struct population p;
        struct site s;
        int64_t sums[SUMS][ZIPS][2];
        unsigned at = 0;
        population_init(&p, ZIPS * IN_A_ZIP, ZIPS, draw(&seed));
        for (unsigned i = 0; i < p.persons; i++)
            p.age[i] = i < ZIPS ? LONE : p.age[i] == LONE ? (uint8_t)below(&seed, LONE) : p.age[i];
        site_init(&s, &p, on);
        for (unsigned t = 0; t <= 3; t++) {
            char statistic[256];
            unsigned cells = t < 3 ? (unsigned)AGES >> t : 1, used = t == 0 ? AGES - 1 : cells;
            snprintf(statistic, sizeof statistic, "{\"table\":{\"by\":[%s%s\"zip\",\"secret\"]}}", t < 3 ? tables[t] : "", t < 3 ? "," : "");
            struct said_so so = site_ask(&s, 1, "", statistic);
            charge += so.charge * ZIPS;
            for (unsigned c = 0; c < used; c++)
                for (unsigned z = 0; z < ZIPS; z++)
                    for (unsigned b = 0; b < 2; b++)
                        sums[at + c][z][b] = so.said == ANSWERED ? so.p.cells[(c * ZIPS + z) * 2 + b] : CELL_WITHHELD;
            at += used;
            published_done(&so.p);
        }
        for (unsigned z = 0; z < ZIPS; z++, done++) {
            double apart = 0;
            bool whole = true;
            for (unsigned k = 0; k < SUMS; k++) {
                whole = whole && sums[k][z][0] != CELL_WITHHELD && sums[k][z][1] != CELL_WITHHELD;
                apart += whole ? weight[k] * (double)(sums[k][z][1] - sums[k][z][0]) : 0;
            }
            right += (whole ? apart > 0 : below(&seed, 2)) == p.secret[z];
        }
        for (unsigned z = 0; z < 5; z++) {
            char where[128];
            site_forget(&s);
            snprintf(where, sizeof where, "{\"zip\":[\"%u\"],\"secret\":[\"1\"],\"age\":[\"67\"]}", z);
            struct said_so group = site_ask(&s, z, where, "{\"count\":{}}");
            snprintf(where, sizeof where, "{\"zip\":[\"%u\"],\"secret\":[\"1\"],\"age\":[\"6\"]}", z);
            struct said_so level = site_ask(&s, z, where, "{\"count\":{}}");
            answered += level.said == ANSWERED;
            asked++;
            published_done(&group.p);
            published_done(&level.p);
        }
        site_done(&s);
        population_done(&p);
    }
    *ret_charge = charge / done;
    *ret_answered = (double)answered / asked;
    return (double)right / done;
}

void c1(void)
{
    unsigned runs = full ? 2000 : 400;
    double charge, ignored, off_answered, on_answered, off = nested(40, NO_DEFENCES, 351, &ignored, &off_answered), on = nested(runs, ALL_DEFENCES, 352, &charge, &on_answered);
    report("C1", off, 0.99, on, phi(sqrt(charge) / 2) + 0.03 + 3 * sigma(runs), runs, charge, "a lone level by differences of nested groupings");
    report("C1", off_answered, 0.99, on_answered, 0, runs / 4, charge, "a group and its other level as boxes: second query answered");
}
