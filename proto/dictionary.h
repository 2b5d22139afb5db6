/*
 * dictionary.h - what a dataset holds: variables, types, levels, grids, missing codes, profile.
 * Read from the form of a data set's dictionary.json (docs/PROTOCOL.md section 3); what that form
 * lacks gets a default that is written down there.  The broker's catalogue holds the same document
 * without values that persons could be told apart by.
 */
#ifndef INNSYN_PROTO_DICTIONARY_H
#define INNSYN_PROTO_DICTIONARY_H

#include "proto/data_use.h"
#include "proto/grouping.h"
#include "proto/id.h"
#include "proto/json.h"

/* Limits: a dictionary that passes one is refused with LIMIT. */
enum { VARIABLES_MAX = 1000, LEVELS_MAX = 20000, LEVEL_CODE_MAX = 64, LABEL_TEXT_MAX = 1000, MISSING_CODES_MAX = 16, DICTIONARY_BYTES_MAX = 4 * 1024 * 1024 };

enum variable_type { VARIABLE_ID, VARIABLE_CATEGORY, VARIABLE_INTEGER, VARIABLE_NUMBER, VARIABLE_DATE, VARIABLE_CODE };
enum profile { PROFILE_CK, PROFILE_STRICT, PROFILE_DP, PROFILE_OPEN };

const char *variable_type_name(enum variable_type t); /* "id", "category", "integer", "number", "date", "code" */
const char *profile_name(enum profile p);             /* "ck", "strict", "dp", "open" */
MUST_CHECK result profile_parse(struct slice text, enum profile *ret, struct why *why);

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

struct dictionary {
    struct json *tree; /* owned */
    struct label dataset;
    struct slice title;
    enum profile profile;
    struct variable *variables; /* owned; in dictionary order */
    unsigned variable_count;
    unsigned *order;   /* owned; indices of the variables, sorted bytewise by name */
    struct use_conditions use_conditions; /* what the data may be used for; none: not said */
    const struct json *rules; /* who may ask for what of it (policy/access_rules.h reads them); NULL: none */
    int key;           /* index of the person key, -1: none (then every row is one person) */
    bool event_table;  /* rows are events: a person key may repeat */
};

/* Reads both forms: a data set's own dictionary.json (descriptive members at the top are passed over), and
 * the published form ("innsyn":"dictionary/1"), which is read strictly.
 * profile_default: used when the tree names none; a document's own form that names `open` must also say
 * "public": true.  A missing code that is also a level counts as missing.  dataset_as: the name to load under, or NULL for the document's own.
 * Holds its own reference to the tree.  MALFORMED: with the path and the rule. */
MUST_CHECK result dictionary_read(struct json *tree, const char *dataset_as, enum profile profile_default,
                                  struct dictionary **ret, struct why *why);
void dictionary_free(struct dictionary *d);
void dictionary_freep(struct dictionary **d);
/* -1 when there is none. */
int dictionary_find(const struct dictionary *d, struct slice variable);
int variable_find_level(const struct variable *v, struct slice code);
/* The nearest name for an error that helps ("sx" -> "sex"); empty when nothing is near. */
struct slice dictionary_nearest(const struct dictionary *d, struct slice variable);
/* The published form, made from the struct: what a loader set there (grid_step, grid_origin, clamps,
 * profile) is printed.  Members that say nothing (no unit, no levels, unknown grid) are left out.
 * The caller frees. */
struct json *dictionary_json(const struct dictionary *d);

/* The variable's own lattice of values: 1 for integers and dates, 0 (none) for numbers. */
double variable_lattice(const struct variable *v);
/* A JSON value as a number on the variable's axis (a date's text is its day), and back. */
MUST_CHECK result variable_read_axis(const struct variable *v, const struct json *json, const char *path, double *ret, struct why *why);
struct json *variable_axis_json(const struct variable *v, double x);
/* Is x on the public grid?  *ret: the grid's own double nearest to x (so that 0.30000000000000004 and 0.3
 * are one cut); false: *ret_below and *ret_above are the nearest cuts (equal to x when there is no grid). */
bool variable_on_grid(const struct variable *v, double x, double *ret, double *ret_below, double *ret_above);

#endif
