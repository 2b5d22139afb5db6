/* arith.h - sums and products that say when they do not fit. */
#ifndef INNSYN_BASE_ARITH_H
#define INNSYN_BASE_ARITH_H

#include <stdbool.h>

/* ck_add(a, b, &sum): false, and *sum undefined, if it overflows sum's type. */
#define ck_add(a, b, ret) (!__builtin_add_overflow((a), (b), (ret)))
#define ck_sub(a, b, ret) (!__builtin_sub_overflow((a), (b), (ret)))
#define ck_mul(a, b, ret) (!__builtin_mul_overflow((a), (b), (ret)))

#endif
