#include "agents/loader/number.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

#define INTEGER_MAX 9007199254740992.0 /* 2^53 */

enum { EXACT_DIGITS = 15, EXACT_POWER = 22, EXPONENT_MAX = 9999 };

/* 10^0 .. 10^22 are exact as doubles, and so is a mantissa of 15 digits: one rounding, thus the right one. */
static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

struct parts {
    bool negative;
    uint64_t mantissa; /* of the first EXACT_DIGITS significant digits */
    unsigned digits;   /* significant ones */
    unsigned any;      /* digits at all */
    int fraction;      /* digits after the point */
    int exponent;
};

static inline bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static void take_digit(struct parts *p, uint8_t c)
{
    p->any++;
    if (p->digits == 0 && c == '0')
        return;
    if (p->digits++ < EXACT_DIGITS)
        p->mantissa = p->mantissa * 10 + (uint64_t)(c - '0');
}

static bool split(struct slice text, struct parts *p)
{
    size_t i = 0;
    *p = (struct parts){0};
    if (text.len == 0 || text.len > NUMBER_TEXT_MAX)
        return false;
    if (text.at[0] == '-' || text.at[0] == '+')
        p->negative = text.at[i++] == '-';
    for (; i < text.len && is_digit(text.at[i]); i++)
        take_digit(p, text.at[i]);
    if (i < text.len && text.at[i] == '.')
        for (i++; i < text.len && is_digit(text.at[i]); i++) {
            take_digit(p, text.at[i]);
            p->fraction++;
        }
    if (!p->any)
        return false;
    if (i < text.len && (text.at[i] == 'e' || text.at[i] == 'E')) {
        bool down = ++i < text.len && text.at[i] == '-';
        if (i < text.len && (text.at[i] == '-' || text.at[i] == '+'))
            i++;
        if (i == text.len)
            return false;
        for (; i < text.len && is_digit(text.at[i]); i++)
            if (p->exponent <= EXPONENT_MAX)
                p->exponent = p->exponent * 10 + (text.at[i] - '0');
        p->exponent = down ? -p->exponent : p->exponent;
    }
    return i == text.len;
}

/* The long way, for what has many digits or a great exponent. */
static double by_library(struct slice text)
{
    static locale_t plain;
    char copy[NUMBER_TEXT_MAX + 1];
    if (!plain)
        plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain || !slice_copy_str(text, copy, sizeof copy))
        return NAN;
    return strtod_l(copy, NULL, plain);
}

bool number_parse(struct slice text, double *ret, unsigned *ret_decimals)
{
    struct parts p;
    if (!split(text, &p))
        return false;
    int scale = p.exponent - p.fraction;
    double v;
    if (p.digits <= EXACT_DIGITS && scale >= -EXACT_POWER && scale <= EXACT_POWER) {
        v = scale < 0 ? (double)p.mantissa / powers[-scale] : (double)p.mantissa * powers[scale];
        v = p.negative ? -v : v;
    } else {
        v = by_library(text);
    }
    if (!isfinite(v))
        return false;
    *ret = v + 0.0; /* minus zero is zero */
    *ret_decimals = scale < 0 ? (unsigned)-scale : 0;
    return true;
}

bool integer_parse(struct slice text, double *ret)
{
    double v;
    unsigned decimals;
    for (size_t i = 0; i < text.len; i++)
        if (!is_digit(text.at[i]) && (i > 0 || (text.at[i] != '-' && text.at[i] != '+')))
            return false;
    /* The text is compared with 2^53 as a rounded double: 2^53 + 1 rounds to 2^53 and must not pass. */
    if (!number_parse(text, &v, &decimals) || fabs(v) > INTEGER_MAX)
        return false;
    if (fabs(v) == INTEGER_MAX) {
        size_t last = text.len - 1;
        if (text.at[last] != '2')
            return false;
    }
    *ret = v;
    return true;
}
