/*
 * sums.c - A18 and A24 of docs/ATTACKS.md on sums under profile dp: two neighbours, and what order and size of numbers do.
 * Asked of the engine's own sums and the site's own noise.
 */
#include <string.h>

#include "agents/disclosure/dp_counts.h"
#include "agents/engine/lattice_sums.h"
#include "stats/lattice.h"
#include "tests/attack/attack.h"

struct asked {
    struct population p;
    struct site s;
    struct json *tree;
    struct question *q;
    uint64_t units;
    struct why why;
};

static void must(const struct asked *a, result r)
{
    if (is_ok(r))
        return;
    fprintf(stderr, "sums.c: %s: %s\n", a->why.field, a->why.text);
    exit(2);
}

static void asked_init(struct asked *a, unsigned persons)
{
    static const char text[] = "{\"innsyn\":\"question/1\",\"dataset\":\"town\",\"statistic\":{\"summary\":{\"variables\":[\"x\"]}}}";
    *a = (struct asked){0};
    population_init(&a->p, persons, 4, 1800);
    site_init(&a->s, &a->p, ALL_DEFENCES);
    a->s.d->profile = PROFILE_DP;
    must(a, json_parse(slice_str(text), JSON_BYTES_MAX, &a->tree, &a->why));
    must(a, question_read(a->tree, a->s.d, &a->q, &a->why));
    must(a, zcdp_units(1, DP_QUERY_RHO_INVERSE, &a->units, &a->why));
}

static void asked_done(struct asked *a)
{
    question_free(a->q);
    json_free(a->tree);
    site_done(&a->s);
    population_done(&a->p);
}

/* The first so many persons. */
static struct engine_answer sums_of(struct asked *a, unsigned persons)
{
    struct engine_answer answer;
    engine_answer_init(&answer);
    a->s.s.facts.rows = a->s.s.facts.persons = persons;
    must(a, lattice_summary(&a->s.s, a->q, &answer, &a->why));
    return answer;
}

/* The likeliest of the two, by all three figures: the last person has the largest value there is, so all his parts are
 * as large as they may be. */
static double evidence(const struct published *p, const struct lattice_sums *without, const struct lattice_sums *with)
{
    const struct published_lattice *l = p->lattices;
    const struct published_sums *y = p->sums;
    const double saw[3] = {(double)(y->n - (int64_t)without->n), (double)(y->sum - without->sum), (double)(y->squares - without->squares)};
    const double step[3] = {1, (double)(with->sum - without->sum), (double)(with->squares - without->squares)};
    const double noise[3] = {(double)l->noise_n, (double)l->noise_sum, (double)l->noise_squares};
    double sum = 0;
    for (unsigned i = 0; i < 3; i++)
        sum += step[i] * (saw[i] - step[i] / 2) / noise[i];
    return sum;
}

static double told_apart(struct asked *a, const struct engine_answer answers[2], unsigned runs, unsigned times, uint64_t *seed)
{
    struct system_words words;
    unsigned right = 0;
    system_words_init(&words, host_real());
    struct random_words source = system_words(&words);
    for (unsigned r = 0; r < runs; r++) {
        unsigned secret = below(seed, 2);
        double all = 0;
        for (unsigned t = 0; t < times; t++) {
            struct published p;
            published_init(&p);
            must(a, dp_protect(a->q, &answers[secret], a->units, &source, &p, &a->why));
            all += evidence(&p, answers[0].lattice_sums, answers[1].lattice_sums);
            published_done(&p);
        }
        right += (all > 0) == secret;
    }
    system_words_done(&words);
    return (double)right / runs;
}

void a18_sums(void)
{
    enum { PERSONS = 401, PERMIT = 20 };
    unsigned runs = full ? 400000 : 100000, runs_20 = runs / 20;
    uint64_t seed = 1801;
    struct asked a;
    asked_init(&a, PERSONS);
    ((double *)a.s.owned[X])[PERSONS - 1] = 60;
    struct engine_answer answers[2] = {sums_of(&a, PERSONS - 1), sums_of(&a, PERSONS)};
    double once = told_apart(&a, answers, runs, 1, &seed), permit = told_apart(&a, answers, runs_20, PERMIT, &seed);
    /* off: the sums as the engine has them */
    bool apart = answers[0].lattice_sums->sum != answers[1].lattice_sums->sum;
    report("A18", apart, 0.99, once, phi(sqrt(1 / 400.0)) + 0.005 + 3 * sigma(runs), runs, 1 / 200.0, "a person more, from n, sum and squares, rho 1/200 (off: the sums)");
    report("A18", apart, 0.99, permit, phi(sqrt(0.1 / 2)) + 0.005 + 3 * sigma(runs_20), runs_20, 0.1, "a person more, from 20 such answers, rho 1/10");
    engine_answer_done(&answers[0]);
    engine_answer_done(&answers[1]);
    asked_done(&a);
}

static void one_number(struct asked *a)
{
    static const double edges[] = {9223372036854775807.0, -9223372036854775808.0, 1.7976931348623157e308, -1.7976931348623157e308, -0.0, 5e-324, 4294967296.5,
                                   (double)INFINITY, (double)-INFINITY, (double)NAN};
    enum { EDGES = sizeof edges / sizeof edges[0] };
    unsigned persons = a->p.persons;
    double *x = a->s.owned[X], most = 0, most_off = 0;
    struct lattice l;
    must(a, lattice_of(&a->s.d->variables[X], &l, &a->why));
    for (unsigned e = 0; e < EDGES; e++) {
        x[persons - 1] = edges[e];
        struct engine_answer with = sums_of(a, persons), without = sums_of(a, persons - 1);
        most = fmax(most, fabs((double)(with.lattice_sums->sum - without.lattice_sums->sum)) / l.reach);
        most = fmax(most, fabs((double)(with.lattice_sums->squares - without.lattice_sums->squares)) / l.square_reach);
        most_off = fmax(most_off, isnan(edges[e]) ? 0 : fabs(edges[e]) / 30);
        engine_answer_done(&with);
        engine_answer_done(&without);
    }
    report("A24", most_off > 1e6 ? 1e6 : most_off, 1e6, most, 1, EDGES, 0, "one person's number moves a sum under dp, in times what its noise is made for (off: as it stands)");
}

void a24_sums(void)
{
    enum { PERSONS = 60 };
    unsigned runs = full ? 1000000 : 100000, distinct = 0, distinct_off = 0;
    uint64_t seed = 2402;
    struct lattice_sums first = {0};
    double first_off = 0;
    struct asked a;
    asked_init(&a, PERSONS);
    double *x = a.s.owned[X];
    one_number(&a);
    for (unsigned i = 0; i < PERSONS; i++)
        x[i] = (double)below(&seed, 420) / 7;
    for (unsigned r = 0; r < runs; r++) {
        double sum = 0;
        for (unsigned i = 0; i < PERSONS; i++) {
            unsigned k = i + below(&seed, PERSONS - i);
            double v = x[k];
            x[k] = x[i];
            x[i] = v;
            sum += v;
        }
        struct engine_answer answer = sums_of(&a, PERSONS);
        distinct += r == 0 || memcmp(&first, answer.lattice_sums, sizeof first) != 0;
        distinct_off += r == 0 || sum != first_off;
        first_off = sum;
        first = *answer.lattice_sums;
        engine_answer_done(&answer);
    }
    report("A24", distinct_off, 2, distinct, 1, runs, 0, "distinct sums under dp of one set in another order (off: a sum in floating point)");
    asked_done(&a);
}
