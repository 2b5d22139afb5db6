#include "agents/engine/model_facts.h"

#include <math.h>
#include <stdlib.h>

#include "base/secret.h"

/* A pivot this small beside its column's length: the columns depend on each other. */
static const long double PIVOT_MIN = 1e-14L;

const uint64_t *model_pair(const struct model_facts *f, unsigned a, unsigned b)
{
    return f->pairs[(size_t)a * f->columns + b];
}

void model_facts_done(struct model_facts *f)
{
    free(f->column);
    free(f->pairs);
    wipe(f, sizeof *f);
}

static int number_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool same(double a, double b)
{
    return a >= b && a <= b;
}

/* values: the column's, sorted here. */
static void describe_column(double *values, uint64_t n, struct model_column *ret)
{
    uint64_t most = 0, run = 0;
    bool zero_one = true;
    qsort(values, n, sizeof *values, number_order);
    for (uint64_t i = 0; i < n; i++) {
        run = i > 0 && same(values[i], values[i - 1]) ? run + 1 : 1;
        most = run > most ? run : most;
        zero_one = zero_one && (same(values[i], 0) || same(values[i], 1));
    }
    ret->off_mode = n - most;
    ret->constant = most == n;
    ret->zero_one = zero_one && !ret->constant;
}

static void count_pairs(const double *x, const double *y, struct model_facts *f)
{
    for (uint64_t i = 0; i < f->persons; i++) {
        const double *row = x + i * f->columns;
        for (unsigned a = 0; a < f->columns; a++) {
            if (!f->column[a].zero_one)
                continue;
            unsigned one = row[a] > 0.5;
            if (f->family == MODEL_BINOMIAL && one)
                f->column[a].with[y[i] > 0.5]++;
            for (unsigned b = a + 1; b < f->columns; b++)
                if (f->column[b].zero_one)
                    f->pairs[(size_t)a * f->columns + b][2 * one + (row[b] > 0.5)]++;
        }
    }
}

/* Lower Cholesky factor of a (p x p) in place; false: singular. */
static bool factor(long double *a, unsigned p)
{
    for (unsigned c = 0; c < p; c++) {
        long double pivot = a[c * p + c], whole = pivot;
        for (unsigned k = 0; k < c; k++)
            pivot -= a[c * p + k] * a[c * p + k];
        if (!(pivot > PIVOT_MIN * whole))
            return false;
        a[c * p + c] = sqrtl(pivot);
        for (unsigned r = c + 1; r < p; r++) {
            long double v = a[r * p + c];
            for (unsigned k = 0; k < c; k++)
                v -= a[r * p + k] * a[c * p + k];
            a[r * p + c] = v / a[c * p + c];
        }
    }
    return true;
}

/* The square of the length of L^-1 x: x' (L L')^-1 x. */
static long double length_within(const long double *l, const double *x, unsigned p, long double *z)
{
    long double sum = 0;
    for (unsigned r = 0; r < p; r++) {
        long double v = x[r];
        for (unsigned k = 0; k < r; k++)
            v -= l[r * p + k] * z[k];
        z[r] = v / l[r * p + r];
        sum += z[r] * z[r];
    }
    return sum;
}

static void find_leverage(const double *x, const double *w, struct model_facts *f, long double *matrix, long double *room)
{
    unsigned p = f->columns;
    for (uint64_t i = 0; i < f->persons; i++)
        for (unsigned a = 0; a < p; a++)
            for (unsigned b = 0; b <= a; b++)
                matrix[a * p + b] += (long double)(w ? w[i] : 1) * x[i * p + a] * x[i * p + b];
    f->singular = !factor(matrix, p);
    long double most = 0;
    for (uint64_t i = 0; i < f->persons && !f->singular; i++) {
        long double h = (long double)(w ? w[i] : 1) * length_within(matrix, x + i * p, p, room);
        most = h > most ? h : most;
    }
    f->leverage_max = (double)most;
}

static void weigh(const double *y, const double *w, struct model_facts *f)
{
    long double sum = 0, squares = 0;
    uint64_t events = 0;
    for (uint64_t i = 0; i < f->persons; i++) {
        long double one = w ? w[i] : 1;
        sum += one;
        squares += one * one;
        events += y[i] > 0.5;
    }
    f->weight_sum = (double)sum;
    f->weight_squares = (double)squares;
    f->smaller_outcome = events < f->persons - events ? events : f->persons - events;
}

result model_facts_of(const double *x, const double *y, const double *w, uint64_t persons, unsigned columns,
                      enum model_family family, struct model_facts *ret, struct why *why)
{
    if (columns == 0 || columns > MODEL_FACTS_COLUMNS_MAX)
        return FAIL(why, LIMIT, "a model has 1 to %d columns", MODEL_FACTS_COLUMNS_MAX);
    size_t p = columns;
    struct model_facts f = {.persons = persons, .columns = columns, .family = family};
    f.column = calloc(p, sizeof *f.column);
    f.pairs = calloc(p * p, sizeof *f.pairs);
    long double *matrix = calloc(p * p + p, sizeof *matrix);
    double *values = calloc(persons ? persons : 1, sizeof *values);
    if (!f.column || !f.pairs || !matrix || !values) {
        model_facts_done(&f);
        free(matrix);
        free(values);
        return FAIL(why, LIMIT, "no memory for a model's facts");
    }
    for (unsigned a = 0; a < columns; a++) {
        for (uint64_t i = 0; i < persons; i++)
            values[i] = x[i * p + a];
        describe_column(values, persons, &f.column[a]);
    }
    count_pairs(x, y, &f);
    find_leverage(x, w, &f, matrix, matrix + p * p);
    weigh(y, w, &f);
    wipe(values, persons * sizeof *values);
    wipe(matrix, (p * p + p) * sizeof *matrix);
    free(values);
    free(matrix);
    *ret = f;
    return DONE;
}
