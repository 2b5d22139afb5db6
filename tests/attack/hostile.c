/*
 * hostile.c - attacks that make use of what a data set is like (docs/ATTACKS.md, from B5 on): missing values, rare
 * categories, outliers.
 */
#include <string.h>

#include "tests/attack/attack.h"

enum { ASKED_MAX = 400 };

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
    unsigned runs = full ? 400 : 60;
    double charge, asked, ignored;
    boxes_only.valued = false;
    double off = who_has_a_value(full ? 100 : 10, boxes_only, 351, &ignored, &ignored), on = who_has_a_value(runs, ALL_DEFENCES, 352, &charge, &asked);
    char what[80];
    snprintf(what, sizeof what, "boxes differ by many, one of whom has a value; %.0f asked", asked);
    report("B5", off, 0.85, on, phi(sqrt(charge < 1 ? charge : 1) / 2) + 0.03 + 3 * sigma(runs), runs, charge, what);
}
