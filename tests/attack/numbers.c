/*
 * numbers.c - A17, A18 and A24 of docs/ATTACKS.md: what the arithmetic itself tells.
 */
#include <string.h>

#include "agents/disclosure/dp_counts.h"
#include "agents/disclosure/summary.h"
#include "tests/attack/attack.h"

static struct system_words words;
static struct random_words source;

static void words_init(void)
{
    system_words_init(&words, host_real());
    source = system_words(&words);
}

static int64_t gaussian(uint64_t sigma2)
{
    int64_t v;
    struct why why = {0};
    if (!is_ok(dp_gaussian(&source, sigma2, 1, &v, &why)))
        abort();
    return v;
}

/* --- A17: low bits ------------------------------------------------------------------------------------------------- */

/* The textbook: count + sign * -b log(u), u one of 2^53 numbers. */
static double textbook(double count, double b, uint64_t *seed)
{
    double u = ((double)(draw(seed) >> 11) + 1) / 9007199254740992.0;
    return count + (draw(seed) & 1 ? 1 : -1) * -b * log(u);
}

/* Is there a u that gives this output from that count? */
static bool can_be(double output, double count, double b)
{
    enum { NEAR = 40 };
    double u = exp(-fabs(output - count) / b) * 9007199254740992.0;
    for (int k = -NEAR; k <= NEAR; k++) {
        double at = (floor(u) + k) / 9007199254740992.0;
        if (at > 0 && at <= 1 && (count + -b * log(at) == output || count + b * log(at) == output))
            return true;
    }
    return false;
}

void a17(void)
{
    unsigned runs = 100000, runs_off = 4000, certain = 0, certain_on = 0;
    uint64_t seed = 171;
    double b = 1 / 0.28;
    for (unsigned i = 0; i < runs_off; i++) {
        unsigned count = below(&seed, 2);
        double output = textbook(count, b, &seed);
        certain += can_be(output, count, b) && !can_be(output, 1 - count, b);
    }
    words_init();
    for (unsigned i = 0; i < runs; i++) {
        /* Whole numbers, whose law is above 0 everywhere: an output excludes a count only where its neighbour's
         * probability has vanished, which is beyond any that is drawn. */
        int64_t output = below(&seed, 2) + gaussian(100);
        double from_0 = exp(-(double)(output * output) / 200), from_1 = exp(-(double)((output - 1) * (output - 1)) / 200);
        certain_on += from_0 == 0 || from_1 == 0 || fabs(log(from_0 / from_1)) > 2;
    }
    system_words_done(&words);
    report("A17", (double)certain / runs_off, 0.60, certain_on, 0, runs, 1 / 200.0,
           "outputs that exclude a count of 0 or 1 (off: textbook Laplace in floating point)");
}

/* --- A18: the sampler, and two neighbours ----------------------------------------------------------------------------- */

enum { BINS = 63, BIN_MOST = 30, BIN_SIGMA2 = 100 }; /* -31 and less, -30 .. 30, 31 and more */

static unsigned bin_of(int64_t v)
{
    return (unsigned)((v < -BIN_MOST - 1 ? -BIN_MOST - 1 : v > BIN_MOST + 1 ? BIN_MOST + 1 : v) + BIN_MOST + 1);
}

static double chi_square(const double *seen, double runs)
{
    double law[BINS] = {0}, all = 0, sum = 0;
    for (int v = -400; v <= 400; v++) {
        double p = exp(-(double)(v * v) / (2.0 * BIN_SIGMA2));
        law[bin_of(v)] += p;
        all += p;
    }
    for (unsigned i = 0; i < BINS; i++)
        sum += (seen[i] - runs * law[i] / all) * (seen[i] - runs * law[i] / all) / (runs * law[i] / all);
    return sum;
}

void a18(void)
{
    unsigned runs = full ? 1000000 : 100000, right = 0, right_20 = 0, runs_20 = runs / 20;
    double seen[BINS] = {0}, seen_off[BINS] = {0}, df = BINS - 1, z = 4.753424; /* 10^-6, one-sided */
    double critical = df * pow(1 - 2 / (9 * df) + z * sqrt(2 / (9 * df)), 3); /* Wilson and Hilferty */
    uint64_t seed = 181;
    words_init();
    for (unsigned i = 0; i < runs; i++) {
        int64_t v = gaussian(BIN_SIGMA2);
        seen[bin_of(v)]++;
        /* off: rounded towards zero, as a cast does */
        double u = ((double)(draw(&seed) >> 11) + 1) / 9007199254740992.0, angle = 6.283185307179586 * (double)(draw(&seed) >> 11) / 9007199254740992.0;
        seen_off[bin_of((int64_t)(10 * sqrt(-2 * log(u)) * cos(angle)))]++;
        unsigned n = below(&seed, 2);
        right += (gaussian(BIN_SIGMA2) + n > 0) == n;
    }
    double fit = chi_square(seen, runs), fit_off = chi_square(seen_off, runs);
    report("A18", fit_off / critical, 1, fit / critical, 1, runs, 1 / 200.0, "chi-square over its critical value at 10^-6 (off: a cast Gaussian)");
    for (unsigned i = 0; i < runs_20; i++) { /* a permit's whole budget: 20 answers on neighbours */
        unsigned n = below(&seed, 2);
        int64_t sum = 0;
        for (unsigned k = 0; k < 20; k++)
            sum += n + gaussian(BIN_SIGMA2);
        right_20 += (sum > 10 || (sum == 10 && below(&seed, 2))) == n;
    }
    system_words_done(&words);
    report("A18", 1, 0.99, (double)right / runs, phi(sqrt(1 / 400.0)) + 0.005 + 3 * sigma(runs), runs, 1 / 200.0, "0 or 1 from one answer, rho 1/200 (off: the count itself)");
    report("A18", 1, 0.99, (double)right_20 / runs_20, phi(sqrt(0.1 / 2)) + 0.005 + 3 * sigma(runs_20), runs_20, 0.1, "0 or 1 from 20 answers, rho 1/10");
    a18_sums();
}

/* --- A24: edges ---------------------------------------------------------------------------------------------------------- */

static struct published_moments ask_mean(struct site *s, struct population *p, const double *values)
{
    double *x = s->owned[X];
    memcpy(x, values, p->persons * sizeof *x);
    struct said_so so = site_ask(s, 1, "", "{\"summary\":{\"variables\":[\"x\"]}}");
    struct published_moments m = {0, 0, (double)NAN, (double)NAN};
    if (so.said == ANSWERED)
        m = so.p.protected_moments[0];
    published_done(&so.p);
    site_forget(s);
    return m;
}

/* What one person can do to a mean of values between 0 and 60, whatever number stands there. */
static void one_persons_number(void)
{
    static const double edges[] = {9223372036854775807.0, -9223372036854775808.0, 1.7976931348623157e308, -1.7976931348623157e308, -0.0, 5e-324,
                                   (double)INFINITY, (double)-INFINITY};
    enum { EDGES = sizeof edges / sizeof edges[0], PERSONS = 400 };
    struct population p;
    struct site s;
    double values[PERSONS], most = 0, least_off = (double)INFINITY;
    uint64_t seed = 241;
    population_init(&p, PERSONS, 4, 240);
    site_init(&s, &p, ALL_DEFENCES);
    for (unsigned i = 0; i < PERSONS; i++)
        values[i] = below(&seed, 60);
    struct published_moments before = ask_mean(&s, &p, values);
    double sum = 0;
    for (unsigned i = 1; i < PERSONS; i++)
        sum += values[i];
    for (unsigned e = 0; e < EDGES; e++) {
        values[0] = edges[e];
        struct published_moments after = ask_mean(&s, &p, values);
        most = isfinite(after.mean) ? fmax(most, fabs(after.mean - before.mean)) : (double)INFINITY;
        if (fabs(edges[e]) > 1)
            least_off = fmin(least_off, fabs((sum + edges[e]) / PERSONS - before.mean));
    }
    values[0] = (double)NAN; /* no value: one person less, all weights anew */
    struct published_moments without = ask_mean(&s, &p, values);
    bool is_missing = isfinite(without.mean) && without.mean >= 0 && without.mean <= 60;
    /* The weights do not hang on the values: his weight is at most (1 + e) of n, and 3 digits round by 0.05 twice. */
    double bound = 60 * (1 + 5 / sqrt(PERSONS)) / PERSONS / (1 - 5 / sqrt(PERSONS)) + 0.1;
    report("A24", least_off > 1e6, 1, most, bound, EDGES, 0, "one person's number moves the mean (off: moves it by 10^6 and more)");
    report("A24", 1, 1, is_missing ? 0 : 1, 0, 1, 0, "a value that is no number enters a mean");
    site_done(&s);
    population_done(&p);
}

void a24(void)
{
    enum { PERSONS = 60 };
    unsigned runs = 1000000, distinct = 0, distinct_off = 0;
    uint64_t seed = 242;
    double values[PERSONS], first[2] = {0}, first_off = 0;
    bool plus[PERSONS];
    one_persons_number();
    for (unsigned i = 0; i < PERSONS; i++) {
        values[i] = (double)below(&seed, 200000) / 7;
        plus[i] = below(&seed, 2);
    }
    for (unsigned r = 0; r < runs; r++) {
        struct jittered sums = {.centre = 14000};
        double mean, variance, sum = 0;
        for (unsigned i = 0; i < PERSONS; i++) {
            unsigned k = i + below(&seed, PERSONS - i);
            double v = values[k];
            bool b = plus[k];
            values[k] = values[i], plus[k] = plus[i];
            values[i] = v, plus[i] = b;
            jittered_add(&sums, v, b);
            sum += v * (b ? 1.1 : 0.9);
        }
        jittered_moments(&sums, &mean, &variance);
        mean = released_digits(mean);
        variance = released_digits(variance);
        distinct += r == 0 || mean != first[0] || variance != first[1];
        distinct_off += r == 0 || sum != first_off;
        first[0] = mean, first[1] = variance;
        first_off = r == 0 ? sum : first_off;
    }
    report("A24", distinct_off, 2, distinct, 1, runs, 0, "distinct means of one set in another order (off: a sum in floating point)");
    a24_sums();
}
