#include "proto/json_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool json_number_is_whole(double v)
{
    return v == trunc(v) && fabs(v) <= (double)JSON_INTEGER_MAX;
}

/* Do these digits times 10^exponent read back as v?  Written without a point, so in any locale. */
static bool reads_back(const char *digits, unsigned count, int exponent, double v)
{
    char text[JSON_NUMBER_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%.*se%d", (int)count, digits, exponent - (int)count + 1);
    return strtod(text, NULL) == v;
}

/* `count` significant digits of v > 0, rounded correctly, and the exponent of the first. */
static void digits_of(double v, unsigned count, char digits[20], int *ret_exponent)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%.*e", (int)count - 1, v);
    const char *e = strchr(text, 'e');
    unsigned n = 0;
    for (const char *c = text; c < e; c++)
        if (*c >= '0' && *c <= '9')
            digits[n++] = *c;
    digits[n] = 0;
    *ret_exponent = (int)strtol(e + 1, NULL, 10);
}

/* The next number up with as many digits. */
static void digits_next(char *digits, unsigned count, int *exponent)
{
    unsigned i = count;
    while (i > 0 && digits[i - 1] == '9')
        digits[--i] = '0';
    if (i) {
        digits[i - 1]++;
    } else {
        digits[0] = '1';
        ++*exponent;
    }
}

/* The fewest digits that read back as v > 0 and, of those, the nearest to it (ECMA-262 Number::toString). */
static unsigned shortest(double v, char digits[20], int *ret_exponent)
{
    /* What 15 digits can tell apart they tell exactly, so that fewer need no trying; not so below DBL_MIN,
     * where doubles are scarce. */
    unsigned count = v < 2.2250738585072014e-308 ? 1 : 15;
    int unused;
    /* Below a power of two doubles lie twice as close: there the nearest digits may fall short of reading
     * back, and the next ones up hold. */
    bool uneven = frexp(v, &unused) == 0.5;
    for (;; count++) {
        digits_of(v, count, digits, ret_exponent);
        if (count >= 17 || reads_back(digits, count, *ret_exponent, v))
            break;
        if (uneven) {
            digits_next(digits, count, ret_exponent);
            if (reads_back(digits, count, *ret_exponent, v))
                break;
        }
    }
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return count;
}

void json_number_text(double v, char to[JSON_NUMBER_TEXT_SIZE])
{
    if (!isfinite(v))
        abort(); /* no such number in JSON; every way into a tree refuses it */
    if (json_number_is_whole(v)) {
        (void)snprintf(to, JSON_NUMBER_TEXT_SIZE, "%lld", (long long)v);
        return;
    }
    char digits[20], *at = to;
    int exponent;
    if (v < 0)
        *at++ = '-';
    int count = (int)shortest(fabs(v), digits, &exponent);
    int point = exponent + 1; /* digits before the point: n of ECMA-262 */
    size_t room = (size_t)(to + JSON_NUMBER_TEXT_SIZE - at);
    if (point > 0 && point <= 21) {
        if (count <= point)
            (void)snprintf(at, room, "%.*s%.*s", count, digits, point - count, "000000000000000000000");
        else
            (void)snprintf(at, room, "%.*s.%.*s", point, digits, count - point, digits + point);
    } else if (point > -6 && point <= 0) {
        (void)snprintf(at, room, "0.%.*s%.*s", -point, "000000", count, digits);
    } else if (count == 1) {
        (void)snprintf(at, room, "%ce%+d", digits[0], exponent);
    } else {
        (void)snprintf(at, room, "%c.%.*se%+d", digits[0], count - 1, digits + 1, exponent);
    }
}
