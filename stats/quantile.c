#include "stats/quantile.h"

#include <math.h>
#include <stdlib.h>

enum { POOL_ROOM_FIRST = 64, STEPS_TRIED_MAX = 1000 };
static const double STEP_TOLERANCE = 1e-9, REACHED_TOLERANCE = 1e-9;

bool quantile_allowed(double n, double p)
{
    /* 200 * 0.05 is 10.000000000000002 and 200 * (1 - 0.95) is 10.000000000000009: near enough is enough */
    return p > 0 && p < 1 && n * fmin(p, 1 - p) >= QUANTILE_SIDE_MIN * (1 - REACHED_TOLERANCE);
}

/* --- the cells ------------------------------------------------------------------------------------- */

/* Steps of 1, 2, 5, 10, 20, 50 ... */
static double next_step(double each)
{
    double power = pow(10, floor(log10(each) + STEP_TOLERANCE)), lead = each / power;
    return power * (lead < 1.5 ? 2 : lead < 3 ? 5 : 10);
}

unsigned quantile_steps(double low, double high, double origin, double step, unsigned cells_max, double *ret_first, double *ret_each)
{
    double first = (low - origin) / step, last = (high - origin) / step, each = 1;
    for (unsigned tried = 0; tried < STEPS_TRIED_MAX; tried++, each = next_step(each)) {
        double from = floor(first / each + STEP_TOLERANCE), to = ceil(last / each - STEP_TOLERANCE);
        to = to > from ? to : from + 1;
        if (to - from > cells_max)
            continue;
        *ret_first = from * each;
        *ret_each = each;
        return (unsigned)(to - from);
    }
    return 0; /* ends that are no numbers */
}

unsigned quantile_breaks(const struct variable *v, double *breaks)
{
    double first, each, below, above;
    if (!v->has_clamps || !(v->grid_step > 0))
        return 0;
    unsigned cells = quantile_steps(v->clamp_low, v->clamp_high, v->grid_origin, v->grid_step, QUANTILE_CELLS_MAX - 1, &first, &each);
    /* The last cell is closed: where a cell holds one whole number, it must not hold two. */
    if (cells && variable_lattice(v) > 0 && each * v->grid_step <= variable_lattice(v))
        cells++;
    for (unsigned i = 0; cells && i <= cells; i++) {
        double cut = v->grid_origin + (first + i * each) * v->grid_step;
        if (!variable_on_grid(v, cut, &breaks[i], &below, &above) || (i && !(breaks[i] > breaks[i - 1])))
            return 0; /* so far out that the grid has no numbers of its own any more */
    }
    return cells ? cells + 1 : 0;
}

/* --- putting together ------------------------------------------------------------------------------ */

void quantile_pool_init(struct quantile_pool *p)
{
    *p = (struct quantile_pool){0};
}

void quantile_pool_done(struct quantile_pool *p)
{
    free(p->pieces);
    free(p->edges);
    free(p->on);
    free(p->inside);
    quantile_pool_init(p);
}

static result add(struct quantile_pool *p, double from, double to, double persons, struct why *why)
{
    if (p->count == p->room) {
        size_t room = p->room ? 2 * p->room : POOL_ROOM_FIRST;
        struct quantile_piece *more = p->count < QUANTILE_POOL_PIECES_MAX ? realloc(p->pieces, room * sizeof *more) : NULL;
        if (!more)
            return FAIL(why, LIMIT, "no memory for the values of a variable");
        p->pieces = more;
        p->room = room;
    }
    p->pieces[p->count++] = (struct quantile_piece){from, to, persons};
    p->persons += persons;
    return DONE;
}

result quantile_pool_value(struct quantile_pool *p, double value, double persons, struct why *why)
{
    return persons > 0 ? add(p, value, value, persons, why) : DONE;
}

result quantile_pool_cell(struct quantile_pool *p, double from, double to, double lattice, double persons, struct why *why)
{
    p->cells = true;
    p->width = fmax(p->width, to - from);
    if (!(persons > 0))
        return DONE; /* noise under profile dp may take a cell below nobody */
    if (lattice > 0 && to - from <= lattice)
        return add(p, ceil(from), ceil(from), persons, why);
    return add(p, from - lattice / 2, to - lattice / 2, persons, why);
}

static int by_place(const void *a, const void *b)
{
    const struct quantile_piece *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from ? 1 : (x->to > y->to) - (x->to < y->to);
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t edge_of(const struct quantile_pool *p, double x)
{
    size_t low = 0, high = p->edge_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (p->edges[middle] <= x)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Sites whose cells are the same share every edge, and their persons are added as whole numbers. */
static void spread(struct quantile_pool *p, const struct quantile_piece *piece)
{
    size_t i = edge_of(p, piece->from);
    if (!(piece->to > piece->from)) {
        p->on[i] += piece->persons;
        return;
    }
    for (; i + 1 < p->edge_count && p->edges[i] < piece->to; i++) {
        bool whole = p->edges[i] <= piece->from && p->edges[i + 1] >= piece->to;
        p->inside[i] += whole ? piece->persons : piece->persons * ((p->edges[i + 1] - p->edges[i]) / (piece->to - piece->from));
    }
}

result quantile_pool_settle(struct quantile_pool *p, struct why *why)
{
    size_t all = 0;
    qsort(p->pieces, p->count, sizeof *p->pieces, by_place);
    p->edges = malloc((2 * p->count + 1) * sizeof *p->edges);
    p->on = calloc(2 * p->count + 1, sizeof *p->on);
    p->inside = calloc(2 * p->count + 1, sizeof *p->inside);
    if (!p->edges || !p->on || !p->inside)
        return FAIL(why, LIMIT, "no memory for the values of a variable");
    for (size_t i = 0; i < p->count; i++) {
        p->edges[all++] = p->pieces[i].from;
        p->edges[all++] = p->pieces[i].to;
    }
    qsort(p->edges, all, sizeof *p->edges, by_number);
    for (size_t i = 0; i < all; i++)
        if (!i || p->edges[i] > p->edges[p->edge_count - 1])
            p->edges[p->edge_count++] = p->edges[i];
    for (size_t i = 0; i < p->count; i++)
        spread(p, &p->pieces[i]);
    return DONE;
}

/* R's type 7.  All pieces are values. */
static double of_values(const struct quantile_pool *p, double at)
{
    double place = (p->persons - 1) * at, low = floor(place), share = place - low, before = 0;
    for (size_t i = 0; i < p->edge_count; i++) {
        before += p->on[i];
        if (before <= low)
            continue;
        if (!(share > 0) || before > low + 1 || i + 1 == p->edge_count)
            return p->edges[i];
        return (1 - share) * p->edges[i] + share * p->edges[i + 1];
    }
    return p->edges[p->edge_count - 1]; /* at is at most 1 */
}

static double of_cells(const struct quantile_pool *p, double at)
{
    double wanted = at * p->persons * (1 - REACHED_TOLERANCE), below = 0;
    size_t last = 0;
    for (size_t i = 0; i < p->edge_count; i++) {
        if (p->on[i] > 0 && below + p->on[i] >= wanted)
            return p->edges[i];
        below += p->on[i];
        if (p->inside[i] > 0 && below + p->inside[i] >= wanted)
            return p->edges[i] + (p->edges[i + 1] - p->edges[i]) * fmin(fmax(0, (at * p->persons - below) / p->inside[i]), 1);
        below += p->inside[i];
        last = p->inside[i] > 0 ? i + 1 : p->on[i] > 0 ? i : last;
    }
    return p->edges[last];
}

double quantile_pool_at(const struct quantile_pool *p, double at)
{
    if (!p->edge_count)
        return (double)NAN;
    return p->cells ? of_cells(p, at) : of_values(p, at);
}
