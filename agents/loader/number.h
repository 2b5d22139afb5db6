/* number.h - the numbers that a cell of a source may hold. */
#ifndef INNSYN_AGENTS_LOADER_NUMBER_H
#define INNSYN_AGENTS_LOADER_NUMBER_H

#include "base/slice.h"

enum { NUMBER_TEXT_MAX = 64 };

/* Sign (minus or plus), digits, and for a real number a fraction and an exponent: "12", "-0.5", ".5", "1e-3".
 * No blanks, no hex, no infinities; correctly rounded.  *ret_decimals: digits that the value has after the
 * point ("2.50": 2, "1e-3": 3).  false: not that, or out of range (a double; for an integer -2^53..2^53). */
bool number_parse(struct slice text, double *ret, unsigned *ret_decimals);
bool integer_parse(struct slice text, double *ret);

#endif
