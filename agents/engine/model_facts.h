/*
 * model_facts.h - what the release rules of models need to know of a design matrix: counts and extremes, no rows.
 */
#ifndef INNSYN_AGENTS_ENGINE_MODEL_FACTS_H
#define INNSYN_AGENTS_ENGINE_MODEL_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

enum { MODEL_FACTS_COLUMNS_MAX = 256 };
enum model_family { MODEL_GAUSSIAN, MODEL_BINOMIAL, MODEL_POISSON };

struct model_column {
    bool constant, zero_one; /* zero_one: both values occur, and no other */
    uint64_t off_mode;       /* persons whose value is not the most frequent one */
    uint64_t with[2];        /* zero_one, binomial: persons with 1 here whose outcome is 0, is 1 */
};

struct model_facts {
    uint64_t persons;
    unsigned columns;
    enum model_family family;
    bool singular;             /* X'WX cannot be inverted */
    double leverage_max;       /* of w_i x_i' (X'WX)^-1 x_i; 0 when singular */
    double weight_sum, weight_squares;
    uint64_t smaller_outcome;  /* binomial: persons in the smaller outcome class */
    struct model_column *column;
    uint64_t (*pairs)[4];      /* [a * columns + b], a < b, both zero_one: persons by 2 * value in a + value in b */
};
const uint64_t *model_pair(const struct model_facts *f, unsigned a, unsigned b);

/* x: row-major, persons x columns, a row a person.  y: outcomes (0 or 1 for binomial).  w: weights, not negative; NULL: all 1.
 * LIMIT: over MODEL_FACTS_COLUMNS_MAX, or no memory. */
MUST_CHECK result model_facts_of(const double *x, const double *y, const double *w, uint64_t persons, unsigned columns,
                                 enum model_family family, struct model_facts *ret, struct why *why);
void model_facts_done(struct model_facts *f); /* wipes; zeroed ones are welcome */

#endif
