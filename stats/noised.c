#include "stats/noised.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DIGITS_MAX = 17, PLACE_TEXT = 400 };

/* Sums about a centre of their own, brought to centre c. */
struct about {
    double a, b, shift; /* shift: own centre less c */
};

static struct about about(const struct noised_site *s, double c)
{
    double n = (double)s->n, own = s->unit * (double)s->sum, shift = s->centre - c;
    double squares = s->unit * s->unit * s->square_unit / 2 * (s->square_reach * n + (double)s->squares);
    return (struct about){own + n * shift, squares + 2 * shift * own + n * shift * shift, shift};
}

/* Variances of the noise of mean and variance, times n^2. */
static void add_noise(const struct noised_site *s, double shift, double m, double e, double *mean, double *variance)
{
    double square = s->unit * s->unit * s->square_unit / 2;
    double mean_n = shift - m;
    double variance_n = square * s->square_reach + shift * shift - 2 * m * shift - (e - 2 * m * m);
    double variance_sum = 2 * s->unit * (shift - m);
    *mean += s->unit * s->unit * s->noise_sum + mean_n * mean_n * s->noise_n;
    *variance += square * square * s->noise_squares + variance_sum * variance_sum * s->noise_sum + variance_n * variance_n * s->noise_n;
}

void noised_combine(const struct noised_site *sites, unsigned count, struct noised_moments *ret)
{
    struct noised_moments r = {0};
    double a = 0, b = 0, noise_n = 0, noise_mean = 0, noise_variance = 0, c = count ? sites[0].centre : 0;
    for (unsigned i = 0; i < count; i++) {
        struct about one = about(&sites[i], c);
        r.n += sites[i].n;
        r.n_missing += sites[i].n_missing;
        a += one.a;
        b += one.b;
        noise_n += sites[i].noise_n;
    }
    double n = (double)r.n, m = a / n, e = b / n;
    r.n_sd = sqrt(noise_n);
    r.has_mean = count && n > 1 && n >= NOISED_DIVISOR_SDS * r.n_sd;
    for (unsigned i = 0; r.has_mean && i < count; i++)
        add_noise(&sites[i], about(&sites[i], c).shift, m, e, &noise_mean, &noise_variance);
    if (r.has_mean) {
        r.mean = c + m;
        r.mean_sd = sqrt(noise_mean) / n;
        r.variance = (e - m * m) * (n / (n - 1));
        r.variance_sd = sqrt(noise_variance) / n;
        r.has_variance = r.variance > 0 && isfinite(r.variance);
    }
    *ret = r;
}

double noised_digits(double x, double sd)
{
    char text[PLACE_TEXT];
    int place = (int)floor(log10(sd)) - 1; /* the last digit that is kept stands for 10^place */
    if (!isfinite(x) || !isfinite(sd) || !(sd > 0) || place < -DIGITS_MAX)
        return x;
    if (place <= 0) {
        snprintf(text, sizeof text, "%.*f", -place, x);
        return strtod(text, NULL) + 0.0; /* no negative zero */
    }
    double unit = pow(10, place);
    return round(x / unit) * unit + 0.0;
}
