/* What protection costs in accuracy, measured with the functions that protect, beside the design's figures, and beside
 * what two other systems' rules would have returned on the same counts.  Prints a Markdown table; fixed seed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "agents/disclosure/dp_noise.h"
#include "agents/disclosure/dp_sums.h"
#include "agents/disclosure/profile.h"
#include "agents/disclosure/quantile.h"
#include "agents/disclosure/summary.h"
#include "agents/engine/jitter.h"
#include "stats/lattice.h"
#include "stats/noised.h"

enum { DRAWS = 200000, FITS = 20000, PERSONS_MAX = 1000, SITES = 10 };

static uint64_t state = 88172645463325252u;

static uint64_t word(void)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state * UINT64_C(0x9E3779B97F4A7C15);
}

static result next_word(void *self, uint64_t *ret, struct why *why)
{
    (void)self, (void)why;
    *ret = word();
    return DONE;
}

static double uniform(void)
{
    return ((double)(word() >> 11) + 0.5) / 9007199254740992.0;
}

enum rule { CK, STRICT, DP, THRESHOLD_3, LAPLACE_ROUND_10, RULES };
static const char *const names[RULES] = {"ck", "strict", "dp (rho 0.005)", "exact from 3 on, else nothing", "Laplace 1/0.28, to tens, 1-9 as 10"};

static double publish(enum rule r, uint64_t n)
{
    const struct random_words words = {next_word, NULL};
    int64_t noise = 0;
    switch (r) {
    case CK: return (double)n + ptable_noise(profile_rules(PROFILE_CK)->noise, n, (uint32_t)(word() >> 32));
    case STRICT: return (double)n + ptable_noise(profile_rules(PROFILE_STRICT)->noise, n, (uint32_t)(word() >> 32));
    case DP:
        if (!is_ok(dp_gaussian(&words, DP_QUERY_RHO_INVERSE / 2, 1, &noise, NULL)))
            abort();
        return (double)n + (double)noise;
    case THRESHOLD_3: return n < 3 ? 0 : (double)n;
    case LAPLACE_ROUND_10: {
        double u = uniform() - 0.5, x = n == 0 ? 0 : (double)n - copysign(log(1 - 2 * fabs(u)), u) / 0.28;
        return n == 0 ? 0 : n < 10 ? 10 : fmax(0, 10 * round(x / 10));
    }
    case RULES: break;
    }
    return 0;
}

/* Bias and standard deviation of the sum over `sites` sites with n each. */
static void count_error(enum rule r, uint64_t n, unsigned sites, unsigned draws, double *bias, double *sd)
{
    double sum = 0, squares = 0;
    for (unsigned i = 0; i < draws; i++) {
        double off = -(double)n * sites;
        for (unsigned s = 0; s < sites; s++)
            off += publish(r, n);
        sum += off;
        squares += off * off;
    }
    *bias = sum / draws;
    *sd = sqrt(squares / draws - *bias * *bias);
}

static void line_of_counts(const char *what, uint64_t n, unsigned sites, const char *design)
{
    printf("| %s |", what);
    for (enum rule r = CK; r < RULES; r++) {
        double bias, sd, total = (double)n * sites;
        count_error(r, n, sites, DRAWS / sites, &bias, &sd);
        printf(" %.2f %%", 100 * sd / total);
        if (fabs(bias) > 0.02 * total)
            printf(" (bias %+.0f %%)", 100 * bias / total);
        printf(" |");
    }
    printf(" %s |\n", design);
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

/* How much larger the standard error of a mean gets: by jitter, and by the rounding too. */
static double mean_inflation(unsigned n, bool rounded)
{
    static double x[PERSONS_MAX];
    double squares = 0, sampling = 0;
    for (unsigned fit = 0; fit < FITS; fit++) {
        struct jittered s = {.centre = 120};
        double sum = 0, mean, variance;
        for (unsigned i = 0; i < n; i++) {
            x[i] = 120 + 20 * normal();
            sum += x[i];
            jittered_add(&s, x[i], word() >> 63);
        }
        jittered_moments(&s, &mean, &variance);
        mean = rounded ? released_digits(mean) : mean;
        squares += (mean - 120) * (mean - 120);
        sampling += (sum / n - 120) * (sum / n - 120);
    }
    return 100 * (sqrt(squares / sampling) - 1);
}

/* The same under dp with clamps 40 and 240, as the sites' whole numbers and what is made of them give it; -1: no mean in
 * most of them, because n is too small beside its noise. */
static double noised_inflation(unsigned n)
{
    const struct random_words words = {next_word, NULL};
    const struct variable v = {.name = slice_str("x"), .type = VARIABLE_NUMBER, .has_clamps = true, .clamp_low = 40, .clamp_high = 240};
    struct published_lattice p;
    struct lattice l;
    uint64_t units;
    unsigned given = 0;
    double squares = 0, sampling = 0;
    if (!is_ok(zcdp_units(1, DP_QUERY_RHO_INVERSE, &units, NULL)) || !is_ok(lattice_of(&v, &l, NULL)) || !is_ok(dp_lattice(&v, 1, units, &p, NULL)))
        abort();
    for (unsigned fit = 0; fit < FITS; fit++) {
        struct noised_site s = {.n = n, .centre = p.centre, .unit = p.unit, .square_reach = (double)p.square_reach, .square_unit = (double)p.square_unit,
                                .noise_n = (double)p.noise_n, .noise_sum = (double)p.noise_sum, .noise_squares = (double)p.noise_squares};
        struct noised_moments m;
        int64_t noise[3];
        double sum = 0;
        for (unsigned i = 0; i < n; i++) {
            double x = 120 + 20 * normal();
            int32_t place = lattice_place(&l, x);
            sum += x;
            s.sum += place;
            s.squares += lattice_square(&l, place);
        }
        if (!is_ok(dp_gaussian(&words, p.noise_n, 1, &noise[0], NULL)) || !is_ok(dp_gaussian(&words, p.noise_sum, 1, &noise[1], NULL)) ||
            !is_ok(dp_gaussian(&words, p.noise_squares, 1, &noise[2], NULL)))
            abort();
        s.n += noise[0], s.sum += noise[1], s.squares += noise[2];
        noised_combine(&s, 1, &m);
        if (!m.has_mean)
            continue;
        given++;
        squares += (m.mean - 120) * (m.mean - 120);
        sampling += (sum / n - 120) * (sum / n - 120);
    }
    return given > FITS / 2 ? 100 * (sqrt(squares / sampling) - 1) : -1;
}

static void print_noised(void)
{
    static const unsigned persons[] = {50, 200, 1000};
    for (unsigned i = 0; i < 3; i++) {
        double more = noised_inflation(persons[i]);
        if (more < 0)
            printf("%snone", i ? " / " : "");
        else
            printf("%s+%.0f", i ? " / " : "", more);
    }
}

/* Mean of the chi-square statistic of a 2x2 table without association beyond 1, 100 expected in each cell. */
static double chi_excess(enum rule r)
{
    double all = 0;
    for (unsigned t = 0; t < DRAWS; t++) {
        double cell[4] = {0};
        uint64_t true_cell[4] = {0};
        for (unsigned i = 0; i < 2; i++) /* margins of 200: split by a normal approximation */
            true_cell[2 * i] = (uint64_t)fmax(0, round(100 + sqrt(50) * normal())), true_cell[2 * i + 1] = 200 - true_cell[2 * i];
        for (unsigned i = 0; i < 4; i++)
            cell[i] = publish(r, true_cell[i]);
        double row[2] = {cell[0] + cell[1], cell[2] + cell[3]}, col[2] = {cell[0] + cell[2], cell[1] + cell[3]}, n = row[0] + row[1];
        for (unsigned i = 0; i < 4; i++) {
            double e = row[i / 2] * col[i % 2] / n;
            all += (cell[i] - e) * (cell[i] - e) / e;
        }
    }
    return all / DRAWS - 1;
}

/* As the broker reads it, of one site's cells. */
static double median_of(const double *breaks, const int64_t *counts, unsigned cells)
{
    struct quantile_pool p;
    result r = DONE;
    quantile_pool_init(&p);
    for (unsigned i = 0; i < cells && is_ok(r); i++)
        r = quantile_pool_cell(&p, breaks[i], breaks[i + 1], 0, (double)counts[i], NULL);
    if (!is_ok(r) || !is_ok(quantile_pool_settle(&p, NULL)))
        abort();
    double median = quantile_pool_at(&p, 0.5);
    quantile_pool_done(&p);
    return median;
}

/* Median of 1,000 ages on 5-year cells: root mean square of what the noise moves it. */
static double median_error(enum rule r)
{
    enum { CELLS = 16, TRIES = 2000 };
    double breaks[CELLS + 1], squares = 0;
    int64_t counts[CELLS], noised[CELLS];
    for (unsigned i = 0; i <= CELLS; i++)
        breaks[i] = 20 + 5.0 * i;
    for (unsigned i = 0; i < CELLS; i++)
        counts[i] = (int64_t)(125 * exp(-pow((breaks[i] + 2.5 - 55) / 16, 2) / 2));
    for (unsigned t = 0; t < TRIES; t++) {
        for (unsigned i = 0; i < CELLS; i++)
            noised[i] = (int64_t)publish(r, (uint64_t)counts[i]);
        double off = median_of(breaks, noised, CELLS) - median_of(breaks, counts, CELLS);
        squares += off * off;
    }
    return sqrt(squares / TRIES);
}

int main(void)
{
    printf("| output |");
    for (enum rule r = CK; r < RULES; r++)
        printf(" %s |", names[r]);
    printf(" design: ck / strict / dp |\n| --- | --- | --- | --- | --- | --- | --- |\n");
    line_of_counts("count of 20, relative sd", 20, 1, "13 / 27 / 50 %");
    line_of_counts("count of 100", 100, 1, "2.6 / 5.5 / 10 %");
    line_of_counts("count of 1,000", 1000, 1, "0.26 / 0.55 / 1 %");
    line_of_counts("total of 1,000 over 10 sites", 100, SITES, "0.84 / 1.7 / 3.2 %");
    line_of_counts("total of 30 over 10 sites of 3", 3, SITES, "–");
    printf("| false zero at a true 3 |");
    for (enum rule r = CK; r < RULES; r++) {
        unsigned zeros = 0;
        for (unsigned i = 0; i < DRAWS; i++)
            zeros += publish(r, 3) <= 0;
        printf(" %.0f %% |", 100.0 * zeros / DRAWS);
    }
    printf(" 43 / 76 / – |\n| chi-square 2×2, 100 expected a cell: mean excess |");
    for (enum rule r = CK; r < RULES; r++)
        printf(" %+.2f |", chi_excess(r));
    printf(" +0.28 / +1.2 / +4 |\n| KM hazard of 30 events: variance |");
    for (enum rule r = CK; r < RULES; r++) {
        double bias, sd;
        count_error(r, 30, 1, DRAWS, &bias, &sd);
        printf(" +%.0f %% |", 100 * sd * sd / 30);
    }
    printf(" +23 / +100 / +333 %% |\n| median of 1,000 ages on 5-year cells: moved by (rms, years) |");
    for (enum rule r = CK; r < RULES; r++)
        printf(" %.2f |", median_error(r));
    printf(" – |\n");
    for (int rounded = 0; rounded < 2; rounded++) {
        printf("| mean 120, sd 20: standard error at n = 50 / 200 / 1,000, %s | +%.0f / +%.0f / +%.1f %% | the same | ",
               rounded ? "with three digits" : "jitter alone", mean_inflation(50, rounded), mean_inflation(200, rounded), mean_inflation(1000, rounded));
        if (rounded)
            printf("–");
        else
            print_noised();
        printf("%s | exact | not offered | %s |\n", rounded ? "" : " % (clamps 40 to 240)", rounded ? "–" : "+22 / +6 / +1.2 % / clamp-dependent");
    }
    return 0;
}
