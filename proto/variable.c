#include "proto/variable.h"

#include <math.h>
#include <stdlib.h>

#include "base/instant.h"

/* Up to here a grid is looked for among decimals, and a step's inverse is taken as whole (R-21: at most 6 decimals). */
static const double INVERSE_MAX = 1e9;
static const double GRID_TOLERANCE = 1e-9; /* of a step */
static const double WHOLE_TOLERANCE = 1e-12; /* relative: some roundings of a decimal */
static const double DAY_MIN = -719162, DAY_MAX = 2932896; /* 0001-01-01 to 9999-12-31: what has a text */
static const double WHOLE_MAX = 9007199254740992.0; /* 2^53 */

const char *variable_type_name(enum variable_type t)
{
    switch (t) {
    case VARIABLE_ID: return "id";
    case VARIABLE_CATEGORY: return "category";
    case VARIABLE_INTEGER: return "integer";
    case VARIABLE_NUMBER: return "number";
    case VARIABLE_DATE: return "date";
    case VARIABLE_CODE: return "code";
    }
    return "?";
}

double variable_lattice(const struct variable *v)
{
    return v->type == VARIABLE_INTEGER || v->type == VARIABLE_DATE ? 1 : 0;
}

static bool is_whole(double x)
{
    return fabs(x - round(x)) <= WHOLE_TOLERANCE * fabs(x);
}

/* The k-th cut.  Decimals such as 0.1 have no exact double: (1 + 2 * 1) / 10 is the double nearest to the
 * decimal, 0.1 + 2 * 0.1 is not, and the data hold the nearest. */
static double grid_at(const struct variable *v, double k)
{
    for (double scale = 1; scale <= INVERSE_MAX; scale *= 10) {
        double origin = v->grid_origin * scale, step = v->grid_step * scale;
        if (!is_whole(origin) || !is_whole(step))
            continue;
        double whole = round(origin) + k * round(step);
        if (fabs(whole) < WHOLE_MAX)
            return whole / scale + 0.0; /* + 0.0: no negative zero */
        break;
    }
    double inverse = 1 / v->grid_step, whole = round(inverse); /* a third, say */
    double distance = v->grid_step < 1 && whole <= INVERSE_MAX && fabs(inverse - whole) <= GRID_TOLERANCE * whole
                          ? k / whole
                          : k * v->grid_step;
    return v->grid_origin + distance + 0.0;
}

bool variable_on_grid(const struct variable *v, double x, double *ret, double *ret_below, double *ret_above)
{
    *ret_below = *ret_above = x;
    if (!(v->grid_step > 0) || !isfinite(x))
        return false;
    double k = (x - v->grid_origin) / v->grid_step, nearest = round(k);
    if (!(fabs(k) < WHOLE_MAX))
        return false;
    if (fabs(k - nearest) <= GRID_TOLERANCE) {
        *ret = grid_at(v, nearest);
        return true;
    }
    *ret_below = grid_at(v, floor(k));
    *ret_above = grid_at(v, ceil(k));
    return false;
}

/* A JSON value as a number on the variable's axis: a date's text becomes its day. */
result axis_read(const struct json *v, enum variable_type type, const char *path, double *ret, struct why *why)
{
    int32_t day;
    if (type == VARIABLE_DATE && json_kind(v) == JSON_STRING) {
        if (!date_parse(json_text(v), &day))
            return FAIL_AT(why, MALFORMED, path, "not a day: write YYYY-MM-DD");
        *ret = day;
        return DONE;
    }
    if (!json_is_number(v))
        return FAIL_AT(why, MALFORMED, path, "must be a number%s", type == VARIABLE_DATE ? " of days or a day YYYY-MM-DD" : "");
    double x = json_number(v);
    if (!isfinite(x) || fabs(x) > WHOLE_MAX)
        return FAIL_AT(why, MALFORMED, path, "must lie within 2^53 of zero");
    if (type != VARIABLE_NUMBER && x != floor(x))
        return FAIL_AT(why, MALFORMED, path, "must be whole for a variable of type %s", variable_type_name(type));
    if (type == VARIABLE_DATE && (x < DAY_MIN || x > DAY_MAX))
        return FAIL_AT(why, MALFORMED, path, "must be a day of the years 0001 to 9999");
    *ret = x;
    return DONE;
}

result variable_read_axis(const struct variable *v, const struct json *json, const char *path, double *ret, struct why *why)
{
    return axis_read(json, v->type, path, ret, why);
}

/* qsort_r's order of indices by the texts they name. */
static int by_text(const void *a, const void *b, void *texts)
{
    const struct slice *t = texts;
    return slice_compare(t[*(const unsigned *)a], t[*(const unsigned *)b]);
}

unsigned *texts_order(struct slice *texts, unsigned count)
{
    unsigned *order = calloc(count ? count : 1, sizeof *order);
    if (!order)
        return NULL;
    for (unsigned i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof *order, by_text, texts);
    return order;
}

/* Binary search; -1 when there is none. */
int texts_find(const struct slice *texts, const unsigned *order, unsigned count, struct slice text)
{
    unsigned low = 0, high = count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int c = slice_compare(text, texts[order[middle]]);
        if (c == 0)
            return (int)order[middle];
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

int variable_find_level(const struct variable *v, struct slice code)
{
    return v->level_order ? texts_find(v->levels, v->level_order, v->level_count, code) : -1;
}

struct json *axis_json_of(enum variable_type type, double x)
{
    char text[DATE_TEXT_SIZE];
    if (type != VARIABLE_DATE || fabs(x) > INT32_MAX)
        return json_of_number(x);
    date_print((int32_t)x, text);
    return json_of_str(text);
}

struct json *variable_axis_json(const struct variable *v, double x)
{
    return axis_json_of(v->type, x);
}
