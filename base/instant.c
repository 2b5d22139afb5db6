#include "base/instant.h"

#include <stdio.h>

/* Days from 1970-01-01 to 9999-12-31, the last day that has a text form. */
#define DAY_LAST 2932896

struct civil {
    int year, month, day;
};

/* The proleptic Gregorian calendar in eras of 400 years (146,097 days), years from March. */
static int32_t days_from_civil(struct civil c)
{
    int year = c.month <= 2 ? c.year - 1 : c.year;
    int era = (year >= 0 ? year : year - 399) / 400;
    int of_era = year - era * 400;
    int of_year = (153 * (c.month > 2 ? c.month - 3 : c.month + 9) + 2) / 5 + c.day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static struct civil civil_from_days(int32_t day)
{
    int32_t z = day + 719468;
    int32_t era = (z >= 0 ? z : z - 146096) / 146097;
    int32_t of_era = z - era * 146097;
    int32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int32_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int32_t march = (5 * of_year + 2) / 153;
    int month = march < 10 ? march + 3 : march - 9;
    return (struct civil){era * 400 + year + (month <= 2), month, of_year - (153 * march + 2) / 5 + 1};
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Exactly n digits at `from`. */
static bool digits(struct slice text, size_t from, size_t n, int *ret)
{
    int value = 0;
    if (from + n > text.len)
        return false;
    for (size_t i = from; i < from + n; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (text.at[i] - '0');
    }
    *ret = value;
    return true;
}

static bool is_at(struct slice text, size_t at, char c)
{
    return at < text.len && text.at[at] == (uint8_t)c;
}

bool date_parse(struct slice text, int32_t *ret)
{
    struct civil c;
    if (text.len != 10 || !digits(text, 0, 4, &c.year) || !is_at(text, 4, '-') || !digits(text, 5, 2, &c.month) ||
        !is_at(text, 7, '-') || !digits(text, 8, 2, &c.day))
        return false;
    if (c.year < 1 || c.month < 1 || c.month > 12 || c.day < 1 || c.day > days_in_month(c.year, c.month))
        return false;
    *ret = days_from_civil(c);
    return true;
}

void date_print(int32_t day, char to[DATE_TEXT_SIZE])
{
    int32_t first = days_from_civil((struct civil){1, 1, 1});
    struct civil c = civil_from_days(day < first ? first : day > DAY_LAST ? DAY_LAST : day);
    /* The remainders change nothing; they show the compiler that the text fits. */
    (void)snprintf(to, DATE_TEXT_SIZE, "%04u-%02u-%02u", (unsigned)c.year % 10000, (unsigned)c.month % 100,
                   (unsigned)c.day % 100);
}

void instant_print(int64_t at_ms, char to[INSTANT_TEXT_SIZE])
{
    const int64_t last = (DAY_LAST + 1) * DAY_MS - 1;
    char date[DATE_TEXT_SIZE];
    int64_t at = at_ms < 0 ? 0 : at_ms > last ? last : at_ms;
    unsigned ms = (unsigned)(at % DAY_MS);
    date_print((int32_t)(at / DAY_MS), date);
    (void)snprintf(to, INSTANT_TEXT_SIZE, "%sT%02u:%02u:%02u.%03uZ", date, ms / 3600000 % 24, ms / 60000 % 60,
                   ms / 1000 % 60, ms % 1000);
}

bool instant_parse(struct slice text, int64_t *ret)
{
    int32_t day;
    int hour, minute, second, fraction = 0;
    if (!date_parse(slice_part(text, 0, 10), &day) || day < 0 || !is_at(text, 10, 'T') ||
        !digits(text, 11, 2, &hour) || !is_at(text, 13, ':') || !digits(text, 14, 2, &minute) ||
        !is_at(text, 16, ':') || !digits(text, 17, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    size_t at = 19;
    if (is_at(text, at, '.')) {
        size_t n = 0;
        for (int unit = 100; n < 3; unit /= 10, n++) {
            int digit;
            if (!digits(text, at + 1 + n, 1, &digit))
                break;
            fraction += digit * unit;
        }
        if (!n)
            return false;
        at += 1 + n;
    }
    if (!is_at(text, at, 'Z') || text.len != at + 1)
        return false;
    *ret = day * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + fraction;
    return true;
}
