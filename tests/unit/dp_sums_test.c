/* Aim: under profile dp sums are whole numbers from the engine on, one person moves them by no more than the noise is
 * made for, and what is said of mean, variance and their noise holds.  Method: the lattice's edges; the engine against
 * naive code over random tables, forwards and backwards; every random word failing in turn; the pooled figures over many draws. */
#include <stdlib.h>

#include "agents/disclosure/dp_counts.h"
#include "agents/disclosure/dp_sums.h"
#include "agents/engine/engine.h"
#include "agents/engine/lattice_sums.h"
#include "agents/parameters.h"
#include "stats/combine.h"
#include "stats/lattice.h"
#include "stats/noised.h"
#include "tests/unit/random_snapshot.h"

/* --- the lattice --- */

static void lattice_bounds_every_value(void **state)
{
    static const struct {
        enum variable_type type;
        double low, high;
        int32_t reach;
        double unit;
    } rows[] = {
        {VARIABLE_INTEGER, 0, 1, 1, 0.5}, {VARIABLE_INTEGER, 0, 110, 110, 0.5}, {VARIABLE_INTEGER, -5, 2, 7, 0.5},
        {VARIABLE_INTEGER, 0, LATTICE_REACH_MAX, LATTICE_REACH_MAX, 0.5}, {VARIABLE_INTEGER, 0, LATTICE_REACH_MAX + 1.0, LATTICE_REACH_MAX / 2 + 1, 1},
        {VARIABLE_INTEGER, 0, 1e9, 262124, 3815 / 2.0}, {VARIABLE_NUMBER, 0, 1, LATTICE_REACH_MAX, 0.5 / LATTICE_REACH_MAX},
        {VARIABLE_NUMBER, -1e300, 1e300, LATTICE_REACH_MAX, 1e300 / LATTICE_REACH_MAX}, {VARIABLE_NUMBER, 1e-9, 3e-9, LATTICE_REACH_MAX, 1e-9 / LATTICE_REACH_MAX},
    };
    static const double edges[] = {9223372036854775807.0, -9223372036854775808.0, 1.7976931348623157e308, -1.7976931348623157e308, -0.0, 0.0, 5e-324, -5e-324, 0.5, 2147483648.0,
                                   (double)INFINITY, (double)-INFINITY};
    struct chance c = {7};
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        struct variable v = {.name = slice_str("x"), .type = rows[i].type, .has_clamps = true, .clamp_low = rows[i].low, .clamp_high = rows[i].high};
        struct lattice l;
        assert_ok(lattice_of(&v, &l, NULL));
        assert_int_equal(l.reach, rows[i].reach);
        assert_close(l.unit, rows[i].unit, 1e-15);
        assert_true(l.square_reach <= LATTICE_REACH_MAX && l.square_reach >= 1);
        assert_true(lattice_place(&l, rows[i].low) == -l.reach && lattice_place(&l, rows[i].low + 2 * l.unit * l.reach) == l.reach);
        assert_true(lattice_square(&l, l.reach) == l.square_reach && lattice_square(&l, -l.reach) == l.square_reach);
        assert_true(lattice_square(&l, l.reach % 2) >= -l.square_reach);
        for (unsigned e = 0; e < COUNT_OF(edges); e++) {
            int32_t place = lattice_place(&l, edges[e]);
            assert_true(abs(place) <= l.reach && abs(lattice_square(&l, place)) <= l.square_reach);
        }
        for (unsigned k = 0; k < 1000; k++) {
            double x = rows[i].low + (rows[i].high - rows[i].low) * (chance_below(&c, 1000001) / 1e6);
            assert_true(fabs(l.centre + l.unit * lattice_place(&l, x) - x) <= l.unit * 1.0000001);
        }
    }
    struct variable none = {.name = slice_str("x"), .type = VARIABLE_NUMBER}, wide = none, near = none;
    struct lattice l;
    wide.has_clamps = near.has_clamps = true;
    wide.clamp_low = -1.7e308, wide.clamp_high = 1.7e308, near.clamp_high = 5e-324;
    assert_status(lattice_of(&none, &l, NULL), MALFORMED);
    assert_status(lattice_of(&wide, &l, NULL), MALFORMED);
    assert_status(lattice_of(&near, &l, NULL), MALFORMED);
}

/* --- the engine --- */

static struct dictionary *dp_dictionary(void)
{
    struct dictionary *d = random_dictionary(false);
    d->profile = PROFILE_DP;
    for (unsigned v = 5; v < 7; v++) {
        d->variables[v].grid_step = 1; /* for boxes */
        d->variables[v].has_clamps = true;
        d->variables[v].clamp_low = v == 5 ? 10 : -1;
        d->variables[v].clamp_high = v == 5 ? 75 : 2.5;
    }
    return d;
}

static void check(const struct snapshot *s, const struct question *q, const struct engine_answer *a)
{
    unsigned groups = q->by < 0 ? 1 : question_groups(q) + 1;
    assert_int_equal(a->summary_groups, groups);
    assert_int_equal(a->summary_variables, q->variable_count);
    assert_null(a->summary);
    assert_null(a->weighted);
    for (unsigned g = 0; g < groups; g++)
        for (unsigned v = 0; v < q->variable_count; v++) {
            struct lattice_sums want = {0};
            struct lattice l;
            assert_ok(lattice_of(&q->dictionary->variables[q->variables[v]], &l, NULL));
            for (uint64_t row = 0; row < s->facts.rows; row++) {
                int level = q->by < 0 ? 0 : naive_level(s, (unsigned)q->by, row);
                if (q->by_grouping && level >= 0)
                    level = (int)naive_group(q->by_grouping->name, (unsigned)level);
                double x = naive_number(s, q->variables[v], row);
                if (!naive_in_box(s, q, row, -1) || (level < 0 ? groups - 1 : (unsigned)level) != g)
                    continue;
                want.n += isnan(x) ? 0 : 1;
                want.n_missing += isnan(x) ? 1 : 0;
                want.sum += isnan(x) ? 0 : lattice_place(&l, x);
                want.squares += isnan(x) ? 0 : lattice_square(&l, lattice_place(&l, x));
            }
            assert_memory_equal(&want, &a->lattice_sums[g * q->variable_count + v], sizeof want);
        }
}

static void engine_sums_equal_naive_ones_in_any_order(void **state)
{
    static const unsigned sizes[] = {0, 1, 500, 4096, 4097};
    static const char *const by[] = {"", ",\"by\":\"b\"", ",\"by\":\"wide\"", ",\"by\":\"one\"", ",\"by\":{\"variable\":\"b\",\"grouping\":\"parity\"}"};
    struct chance c = {4712};
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        struct dictionary *d = dp_dictionary();
        struct snapshot *s = random_snapshot(&c, d, sizes[round % COUNT_OF(sizes)], round % 3 * 4);
        char where[4096], text[8192];
        struct engine_answer a, again, backwards;
        struct buffer bytes;
        if (round % 2)
            random_where(&c, where, sizeof where);
        else
            where[0] = 0;
        snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"r\"%s,\"statistic\":{\"summary\":{\"variables\":[\"age\",\"lab\"]%s}}}",
                 where, by[chance_below(&c, COUNT_OF(by))]);
        struct question *q = test_question(d, text);
        buffer_init(&bytes, 1024 * 1024);
        engine_answer_init(&a);
        engine_answer_init(&again);
        engine_answer_init(&backwards);
        assert_ok(lattice_summary(s, q, &a, NULL));
        check(s, q, &a);
        assert_ok(engine_answer_encode(&a, &bytes, NULL));
        assert_ok(engine_answer_decode(buffer_slice(&bytes), q, &again, NULL));
        check(s, q, &again);
        for (size_t cut = 1; cut < 40 && cut < bytes.len; cut++) { /* cut short: refused, and empty */
            struct engine_answer none;
            engine_answer_init(&none);
            assert_status(engine_answer_decode(slice_of(bytes.at, bytes.len - cut), q, &none, NULL), MALFORMED);
            assert_null(none.lattice_sums);
        }
        for (unsigned v = 1; v < RANDOM_VARIABLES; v++) { /* the same persons, the other way round */
            size_t width = column_width(s->columns[v].kind), rows = s->facts.rows;
            uint8_t *at = (uint8_t *)(uintptr_t)s->columns[v].at, one[8];
            for (size_t i = 0; i < rows / 2; i++) {
                memcpy(one, at + i * width, width);
                memcpy(at + i * width, at + (rows - 1 - i) * width, width);
                memcpy(at + (rows - 1 - i) * width, one, width);
            }
        }
        assert_ok(lattice_summary(s, q, &backwards, NULL));
        assert_memory_equal(a.lattice_sums, backwards.lattice_sums, (size_t)a.summary_groups * a.summary_variables * sizeof *a.lattice_sums);
        engine_answer_done(&a);
        engine_answer_done(&again);
        engine_answer_done(&backwards);
        buffer_done(&bytes);
        question_free(q);
        random_snapshot_free(s);
        dictionary_free(d);
    }
}

/* --- the noise --- */

struct words {
    uint64_t state, taken, fail_at;
};

static result words_next(void *self, uint64_t *ret, struct why *why)
{
    struct words *w = self;
    if (w->taken++ == w->fail_at)
        return FAIL(why, UNAVAILABLE, "no random words");
    uint64_t z = (w->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    *ret = z ^ (z >> 31);
    return DONE;
}

/* Chi-square over 20 bins of equal probability of the normal law, to which so wide a discrete one is the same to 10^-9. */
static void wide_noise_fits_its_law(void **state)
{
    enum { BINS = 20, DRAWS = 20000 };
    static const uint64_t sigma2s[] = {(UINT64_C(1) << 20) + 1, UINT64_C(1) << 33, UINT64_C(999999999999999), DP_VARIANCE_MAX};
    struct words w = {.state = 99, .fail_at = UINT64_MAX};
    struct random_words words = {words_next, &w};
    int64_t x;
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(sigma2s); i++) {
        unsigned seen[BINS] = {0};
        double chi = 0;
        for (unsigned k = 0; k < DRAWS; k++) {
            assert_ok(dp_gaussian(&words, sigma2s[i], 1, &x, NULL));
            double p = 0.5 * erfc(-((double)x / sqrt((double)sigma2s[i])) / sqrt(2));
            seen[(unsigned)(p * BINS) < BINS ? (unsigned)(p * BINS) : BINS - 1]++;
        }
        for (unsigned b = 0; b < BINS; b++)
            chi += ((double)seen[b] - DRAWS / BINS) * ((double)seen[b] - DRAWS / BINS) / (DRAWS / BINS);
        assert_true(chi < 65.4); /* 19 degrees of freedom, 5 * 10^-7; the seed is fixed */
    }
    assert_status(dp_gaussian(&words, DP_VARIANCE_MAX + 1, 1, &x, NULL), MALFORMED);
    assert_status(dp_gaussian(&words, DP_SCALE_MAX + 1, 2, &x, NULL), MALFORMED);
    assert_status(dp_laplace(&words, DP_WHOLE_SCALE_MAX + 1, 1, &x, NULL), MALFORMED);
}

struct rig {
    struct dictionary *d;
    struct snapshot *s;
    struct question *q;
    struct engine_answer a;
    uint64_t units;
};

static void rig_init(struct rig *r, const char *summary, unsigned rows)
{
    struct chance c = {11};
    char text[1024];
    r->d = dp_dictionary();
    r->s = random_snapshot(&c, r->d, rows, 1);
    snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"r\",\"statistic\":{\"summary\":%s}}", summary);
    r->q = test_question(r->d, text);
    engine_answer_init(&r->a);
    assert_ok(lattice_summary(r->s, r->q, &r->a, NULL));
    assert_ok(zcdp_units(1, DP_QUERY_RHO_INVERSE, &r->units, NULL));
}

static void rig_done(struct rig *r)
{
    engine_answer_done(&r->a);
    question_free(r->q);
    random_snapshot_free(r->s);
    dictionary_free(r->d);
}

/* What the noises say was spent is never more than what was taken, and hardly less. */
static void shares_spend_what_was_taken(void **state)
{
    (void)state;
    for (unsigned variables = 1; variables <= SUMMARY_VARIABLES_MAX; variables++) {
        struct variable v = {.name = slice_str("x"), .type = VARIABLE_NUMBER, .has_clamps = true, .clamp_low = 0, .clamp_high = 3};
        struct published_lattice l;
        uint64_t units;
        assert_ok(zcdp_units(1, DP_QUERY_RHO_INVERSE, &units, NULL));
        assert_ok(dp_lattice(&v, variables, units, &l, NULL));
        double rho = 1 / (2.0 * (double)l.noise_n) + (double)l.reach * (double)l.reach / (2.0 * (double)l.noise_sum) +
                     (double)l.square_reach * (double)l.square_reach / (2.0 * (double)l.noise_squares);
        assert_true(rho * variables <= 1.0 / DP_QUERY_RHO_INVERSE * (1 + 1e-9));
        assert_close(rho * variables, 1.0 / DP_QUERY_RHO_INVERSE, 3e-3);
        assert_true(l.noise_n == 400 * variables || l.noise_n == 400 * variables + 1); /* units are whole */
        assert_true(l.noise_squares < UINT64_C(1) << 53 && l.noise_sum <= DP_VARIANCE_MAX);
        assert_status(dp_lattice(&v, variables, variables * UINT64_C(4000000), &l, NULL), DENIED);
    }
}

static void noise_is_added_once_to_each_and_refused_whole(void **state)
{
    enum { RUNS = 3000 };
    struct rig r;
    struct published p = {0};
    double squares[4] = {0};
    struct words w = {.state = 5, .fail_at = UINT64_MAX};
    struct random_words words = {words_next, &w};
    (void)state;
    rig_init(&r, "{\"variables\":[\"age\",\"lab\"],\"by\":\"b\"}", 700);
    for (unsigned run = 0; run < RUNS; run++) {
        assert_ok(dp_protect(&r.q[0], &r.a, r.units, &words, &p, NULL));
        assert_true(p.group_count == 5 && p.variable_count == 2 && !p.moments && !p.protected_moments);
        for (unsigned i = 0; i < 10; i++) {
            const struct lattice_sums *t = &r.a.lattice_sums[i];
            const struct published_lattice *l = &p.lattices[i % 2];
            const double off[4] = {(double)(p.sums[i].n - (int64_t)t->n) / sqrt((double)l->noise_n), (double)(p.sums[i].n_missing - (int64_t)t->n_missing) / sqrt((double)l->noise_n),
                                   (double)(p.sums[i].sum - t->sum) / sqrt((double)l->noise_sum), (double)(p.sums[i].squares - t->squares) / sqrt((double)l->noise_squares)};
            for (unsigned k = 0; k < 4; k++)
                squares[k] += off[k] * off[k];
        }
        published_done(&p);
    }
    for (unsigned k = 0; k < 4; k++)
        assert_close(squares[k] / (10 * RUNS), 1, 0.04);
    /* No random words at some point: nothing is handed out. */
    bool answered = false;
    for (uint64_t n = 0; !answered; n += 1 + n / 16) {
        struct words fails = {.state = 6, .fail_at = n};
        struct random_words few = {words_next, &fails};
        struct published none = {0};
        result got = dp_summary(r.q, &r.a, r.units, &few, &none, NULL);
        answered = is_ok(got);
        assert_true(answered || (got.code == UNAVAILABLE && !none.sums && !none.lattices));
        assert_true(answered || fails.taken == n + 1);
        published_done(&none);
        assert_true(n < 100000);
    }
    /* An engine that says more than its persons can make is not believed. */
    r.a.lattice_sums[0].sum = (int64_t)r.a.lattice_sums[0].n * 65 + 1;
    assert_status(dp_summary(r.q, &r.a, r.units, &words, &p, NULL), BROKEN);
    r.a.lattice_sums[0].sum = 0;
    r.a.lattice_sums[0].n = UINT64_MAX;
    assert_status(dp_summary(r.q, &r.a, r.units, &words, &p, NULL), BROKEN);
    r.d->profile = PROFILE_CK;
    assert_status(dp_summary(r.q, &r.a, r.units, &words, &p, NULL), DENIED);
    r.d->profile = PROFILE_DP;
    r.d->event_table = true;
    assert_status(dp_summary(r.q, &r.a, r.units, &words, &p, NULL), DENIED);
    rig_done(&r);
}

/* Two neighbours: the true sums differ by at most what the noise is made for. */
static void one_person_moves_no_more_than_the_reach(void **state)
{
    static const double values[] = {9223372036854775807.0, -9223372036854775808.0, 1e308, -1e308, -0.0, 5e-324, 42.4999999, (double)INFINITY, (double)-INFINITY, (double)NAN};
    struct rig r;
    (void)state;
    rig_init(&r, "{\"variables\":[\"age\",\"lab\"]}", 500);
    for (unsigned v = 0; v < 2; v++) {
        struct lattice l;
        double *at = (double *)(uintptr_t)r.s->columns[5 + v].at;
        assert_ok(lattice_of(&r.d->variables[5 + v], &l, NULL));
        for (unsigned i = 0; i < COUNT_OF(values); i++) {
            struct engine_answer with, without;
            engine_answer_init(&with);
            engine_answer_init(&without);
            at[499] = values[i];
            r.s->facts.rows = 500;
            assert_ok(lattice_summary(r.s, r.q, &with, NULL));
            r.s->facts.rows = 499;
            assert_ok(lattice_summary(r.s, r.q, &without, NULL));
            const struct lattice_sums *a = &with.lattice_sums[v], *b = &without.lattice_sums[v];
            assert_true(llabs(a->sum - b->sum) <= l.reach && llabs(a->squares - b->squares) <= l.square_reach);
            assert_int_equal(a->n - b->n + a->n_missing - b->n_missing, 1);
            engine_answer_done(&with);
            engine_answer_done(&without);
        }
    }
    rig_done(&r);
}

/* --- what is made of it --- */

static void figures_are_as_uncertain_as_they_say(void **state)
{
    enum { RUNS = 4000, SITES = 3 };
    static const double centres[SITES] = {50, 40, 55}; /* sites may have other clamps */
    static const int64_t reaches[SITES] = {100, 120, 90}, persons[SITES] = {1200, 500, 900};
    struct words w = {.state = 17, .fail_at = UINT64_MAX};
    struct random_words words = {words_next, &w};
    struct chance c = {3};
    struct noised_site truth[SITES], sites[SITES];
    struct noised_moments m;
    double sum = 0, squares = 0, all = 0, error[2] = {0}, z[2] = {0}, bias[2] = {0};
    (void)state;
    for (unsigned s = 0; s < SITES; s++) {
        struct variable v = {.name = slice_str("x"), .type = VARIABLE_INTEGER, .has_clamps = true, .clamp_low = centres[s] - (double)reaches[s] / 2, .clamp_high = centres[s] + (double)reaches[s] / 2};
        struct lattice l;
        assert_ok(lattice_of(&v, &l, NULL));
        truth[s] = (struct noised_site){.n = persons[s], .centre = l.centre, .unit = l.unit, .square_reach = l.square_reach, .square_unit = (double)(1u << l.square_shift),
                                        .noise_n = 400, .noise_sum = 200 * (double)l.reach * l.reach, .noise_squares = 400 * (double)l.square_reach * l.square_reach};
        for (int64_t i = 0; i < persons[s]; i++) {
            double x = 30 + chance_below(&c, 40);
            truth[s].sum += lattice_place(&l, x);
            truth[s].squares += lattice_square(&l, lattice_place(&l, x));
            sum += x, squares += x * x, all++;
        }
    }
    double mean = sum / all, variance = (squares - sum * sum / all) / (all - 1);
    noised_combine(truth, SITES, &m);
    assert_true(m.has_mean && m.has_variance);
    assert_close(m.mean, mean, 1e-12); /* no noise: the figures themselves */
    assert_close(m.variance, variance, 1e-9);
    assert_close(m.n_sd, sqrt(1200), 1e-12);
    for (unsigned run = 0; run < RUNS; run++) {
        for (unsigned s = 0; s < SITES; s++) {
            int64_t noise[3];
            assert_ok(dp_gaussian(&words, (uint64_t)truth[s].noise_n, 1, &noise[0], NULL));
            assert_ok(dp_gaussian(&words, (uint64_t)truth[s].noise_sum, 1, &noise[1], NULL));
            assert_ok(dp_gaussian(&words, (uint64_t)truth[s].noise_squares, 1, &noise[2], NULL));
            sites[s] = truth[s];
            sites[s].n += noise[0], sites[s].sum += noise[1], sites[s].squares += noise[2];
        }
        noised_combine(sites, SITES, &m);
        assert_true(m.has_mean);
        error[0] += (m.mean - mean) * (m.mean - mean), z[0] += m.mean_sd * m.mean_sd, bias[0] += m.mean - mean;
        error[1] += (m.variance - variance) * (m.variance - variance), z[1] += m.variance_sd * m.variance_sd, bias[1] += m.variance - variance;
    }
    for (unsigned k = 0; k < 2; k++) {
        assert_close(error[k] / z[k], 1, 0.1);
        assert_true(fabs(bias[k] / RUNS) < 0.05 * sqrt(z[k] / RUNS)); /* a twentieth of the noise: what first order leaves out */
    }
}

static void no_mean_where_n_is_too_small(void **state)
{
    struct noised_site s = {.centre = 50, .unit = 0.5, .square_reach = 10000, .square_unit = 1, .noise_n = 400, .noise_sum = 2000000, .noise_squares = 40000000000.0};
    struct noised_moments m;
    static const struct {
        int64_t n;
        bool has;
    } rows[] = {{-40, false}, {0, false}, {1, false}, {99, false}, {100, true}, {5000, true}};
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        s.n = rows[i].n;
        noised_combine(&s, 1, &m);
        assert_int_equal(m.has_mean, rows[i].has);
        assert_int_equal(m.n, rows[i].n);
    }
    s.squares = -s.n * 10000 * 2; /* nothing but noise below 0 */
    noised_combine(&s, 1, &m);
    assert_true(m.has_mean && !m.has_variance);
    noised_combine(NULL, 0, &m);
    assert_true(!m.has_mean && !m.has_variance);
    assert_true(noised_digits(54.43712, 0.87) > 54.435 && noised_digits(54.43712, 0.87) < 54.445);
    assert_close(noised_digits(54.43712, 0.087), 54.437, 1e-15);
    assert_close(noised_digits(123456, 8700), 123500, 1e-15);
    assert_close(noised_digits(-0.001, 2), 0, 1e-15);
}

/* From the engine to the result document, by the forms that travel. */
static void result_is_made_of_what_travels(void **state)
{
    struct rig r;
    struct published p = {0};
    struct words w = {.state = 29, .fail_at = UINT64_MAX};
    struct random_words words = {words_next, &w};
    struct json *out = NULL, *withheld = NULL;
    (void)state;
    rig_init(&r, "{\"variables\":[\"age\",\"lab\"],\"by\":\"a\"}", 4000);
    assert_ok(dp_protect(r.q, &r.a, r.units, &words, &p, NULL));
    struct json *one CLEANUP(json_freep) = published_json(&p);
    published_done(&p);
    assert_ok(combine_check(r.q, one, "/statistic", NULL));
    struct site_answer answers[2] = {{slice_str("north"), one}, {slice_str("south"), one}};
    assert_ok(combine(r.q, answers, 2, &out, &withheld, NULL));
    assert_int_equal(json_size(json_get(out, "groups")), 2);
    for (unsigned g = 0; g < 2; g++) {
        const struct json *age = json_item(json_get(json_item(json_get(out, "groups"), g), "variables"), 0);
        const struct lattice_sums *t = &r.a.lattice_sums[g * 2];
        double n = (double)t->n, mean = 42.5 + 0.5 * (double)t->sum / n, sd = json_number(json_get(json_get(age, "noise_sd"), "mean"));
        assert_true(sd > 0 && fabs(json_number(json_get(age, "mean")) - mean) < 6 * sd + sd);
        assert_true(fabs(json_number(json_get(age, "n")) - 2 * n) < 6 * 2 * 40);
    }
    json_free(out);
    json_free(withheld);
    static const char *const bad[] = {"{\"groups\":[]}", "{\"groups\":[{\"variables\":[]},{\"variables\":[]}],\"lattice\":[]}"};
    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        struct json *v CLEANUP(json_freep) = NULL;
        assert_ok(json_parse(slice_str(bad[i]), JSON_BYTES_MAX, &v, NULL));
        assert_status(combine_check(r.q, v, "/statistic", NULL), MALFORMED);
    }
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lattice_bounds_every_value),
        cmocka_unit_test(engine_sums_equal_naive_ones_in_any_order),
        cmocka_unit_test(wide_noise_fits_its_law),
        cmocka_unit_test(shares_spend_what_was_taken),
        cmocka_unit_test(noise_is_added_once_to_each_and_refused_whole),
        cmocka_unit_test(one_person_moves_no_more_than_the_reach),
        cmocka_unit_test(figures_are_as_uncertain_as_they_say),
        cmocka_unit_test(no_mean_where_n_is_too_small),
        cmocka_unit_test(result_is_made_of_what_travels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
