/*
 * variable.h - one variable of a dataset: its type, levels, groupings, public grid, and values on its axis.
 */
#ifndef INNSYN_PROTO_VARIABLE_H
#define INNSYN_PROTO_VARIABLE_H

#include "base/slice.h"
#include "proto/id.h"
#include "proto/json.h"

/* Limits: a dictionary that passes one is refused with LIMIT. */
enum { VARIABLES_MAX = 1000, LEVELS_MAX = 20000, LEVEL_CODE_MAX = 64, LABEL_TEXT_MAX = 1000, MISSING_CODES_MAX = 16, DICTIONARY_BYTES_MAX = 4 * 1024 * 1024 };

enum variable_type { VARIABLE_ID, VARIABLE_CATEGORY, VARIABLE_INTEGER, VARIABLE_NUMBER, VARIABLE_DATE, VARIABLE_CODE };
const char *variable_type_name(enum variable_type t); /* "id", "category", "integer", "number", "date", "code" */

struct grouping;
struct group_name;

struct variable {
    struct slice name;  /* all slices are borrowed from the dictionary's tree */
    struct slice label;
    struct slice unit;  /* empty when there is none */
    enum variable_type type;
    struct slice *levels; /* codes in dictionary order, VARIABLE_CATEGORY and VARIABLE_CODE; else NULL */
    struct slice *level_labels;
    unsigned *level_order; /* indices of the levels, sorted bytewise by code */
    unsigned level_count;
    struct grouping *groupings; /* owned; from the finest to the coarsest; NULL: none */
    unsigned grouping_count, grouping_room;
    struct group_name *group_names; /* owned; what a code of a group stands for */
    unsigned group_name_count;
    struct slice missing_codes[MISSING_CODES_MAX];
    unsigned missing_count;
    double grid_step;   /* public grid: allowed cuts are grid_origin + k*grid_step; 0: any finite cut (open only) */
    double grid_origin;
    bool has_clamps;    /* public [clamp_low, clamp_high] */
    double clamp_low, clamp_high;
    bool sensitive;
};

int variable_find_level(const struct variable *v, struct slice code);
/* The variable's own lattice of values: 1 for integers and dates, 0 (none) for numbers. */
double variable_lattice(const struct variable *v);
/* A JSON value as a number on the variable's axis (a date's text is its day), and back. */
MUST_CHECK result variable_read_axis(const struct variable *v, const struct json *json, const char *path, double *ret, struct why *why);
struct json *variable_axis_json(const struct variable *v, double x);
/* Is x on the public grid?  *ret: the grid's own double nearest to x (so that 0.30000000000000004 and 0.3
 * are one cut); false: *ret_below and *ret_above are the nearest cuts (equal to x when there is no grid). */
bool variable_on_grid(const struct variable *v, double x, double *ret, double *ret_below, double *ret_above);

/* The same for a type alone. */
MUST_CHECK result axis_read(const struct json *v, enum variable_type type, const char *path, double *ret, struct why *why);
struct json *axis_json_of(enum variable_type type, double x);

/* Indices of the texts, sorted bytewise; the caller frees.  NULL: no memory. */
unsigned *texts_order(struct slice *texts, unsigned count);
/* The index of a text, by binary search in that order; -1 when there is none. */
int texts_find(const struct slice *texts, const unsigned *order, unsigned count, struct slice text);

#endif
