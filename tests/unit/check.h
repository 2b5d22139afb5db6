/* check.h - what every unit test includes: cmocka, and asserts for result and double. */
#ifndef INNSYN_TESTS_UNIT_CHECK_H
#define INNSYN_TESTS_UNIT_CHECK_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/result.h"
#include "base/slice.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* The call ends OK. */
#define assert_ok(call) check_status((call), OK, #call, __FILE__, __LINE__)
/* The call ends with this status: assert_status(permit_parse(...), DENIED). */
#define assert_status(call, code) check_status((call), (code), #call, __FILE__, __LINE__)
/* |got - want| <= relative * |want| (or <= relative when want is 0); NaN only equals NaN. */
#define assert_close(got, want, relative) check_close((got), (want), (relative), #got, __FILE__, __LINE__)
/* The bytes of a slice, against a C string. */
#define assert_slice(got, text) check_slice((got), (text), #got, __FILE__, __LINE__)

static inline void check_status(result r, enum status want, const char *call, const char *file, int line)
{
    if (r.code == want)
        return;
    print_error("%s: %s, not %s\n", call, status_name(r.code), status_name(want));
    _fail(file, line);
}

static inline void check_close(double got, double want, double relative, const char *what, const char *file, int line)
{
    double allowed = want != 0 ? relative * fabs(want) : relative;
    if (isnan(want) ? isnan(got) : !isnan(got) && (got == want || fabs(got - want) <= allowed))
        return;
    print_error("%s: %.17g, not %.17g within %g\n", what, got, want, relative);
    _fail(file, line);
}

static inline void check_slice(struct slice got, const char *want, const char *what, const char *file, int line)
{
    if (slice_is(got, want))
        return;
    print_error("%s: \"%.*s\", not \"%s\"\n", what, SLICE_ARG(got), want);
    _fail(file, line);
}

#endif
