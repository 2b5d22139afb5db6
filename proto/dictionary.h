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
#include "proto/variable.h"

enum profile { PROFILE_CK, PROFILE_STRICT, PROFILE_DP, PROFILE_OPEN };

const char *profile_name(enum profile p);             /* "ck", "strict", "dp", "open" */
MUST_CHECK result profile_parse(struct slice text, enum profile *ret, struct why *why);

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
    bool round5;       /* under ck and strict: counts leave rounded to multiples of 5 (agents/disclosure/cellkey.h) */
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
/* The nearest name for an error that helps ("sx" -> "sex"); empty when nothing is near. */
struct slice dictionary_nearest(const struct dictionary *d, struct slice variable);
/* The published form, made from the struct: what a loader set there (grid_step, grid_origin, clamps,
 * profile) is printed.  Members that say nothing (no unit, no levels, unknown grid) are left out.
 * The caller frees. */
struct json *dictionary_json(const struct dictionary *d);

#endif
