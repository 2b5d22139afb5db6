#include "proto/person.h"

#include <string.h>

#include "base/instant.h"

#include <stdio.h>

enum { D_NUMBER_DAYS = 40 };

static const char *const KINDS[] = {"fnr", "id"};

const char *person_kind_name(enum person_kind k)
{
    return k <= PERSON_ID ? KINDS[k] : "?";
}

result person_kind_parse(struct slice text, enum person_kind *ret, struct why *why)
{
    for (unsigned i = 0; i <= PERSON_ID; i++)
        if (slice_is(text, KINDS[i])) {
            *ret = (enum person_kind)i;
            return DONE;
        }
    return FAIL(why, MALFORMED, "a person is named by 'fnr' (fødselsnummer or D-number) or 'id' (the data set's own)");
}

/* 0 when the individual number fits no century for these two digits. */
static int year_of(int two, int individual)
{
    if (individual < 500)
        return 1900 + two;
    if (individual < 750 && two >= 54)
        return 1800 + two;
    if (two < 40)
        return 2000 + two;
    return individual >= 900 ? 1900 + two : 0;
}

static bool date_exists(const int *d)
{
    char text[DATE_TEXT_SIZE + 16];
    int32_t day_number;
    int day = d[0] * 10 + d[1], month = d[2] * 10 + d[3], year = year_of(d[4] * 10 + d[5], d[6] * 100 + d[7] * 10 + d[8]);
    if (day > D_NUMBER_DAYS)
        day -= D_NUMBER_DAYS;
    if (month > 80)
        month -= 80;
    else if (month > 40)
        month -= 40;
    if (year == 0 || day < 1 || day > 31 || month < 1 || month > 12)
        return false;
    (void)snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
    return date_parse(slice_str(text), &day_number);
}

/* The digit after `count` digits: 11 less the weighted sum mod 11; a remainder of 10 is given to nobody. */
static bool check_digit_holds(const int *d, const int *weights, int count)
{
    int sum = 0;
    for (int i = 0; i < count; i++)
        sum += d[i] * weights[i];
    int want = (11 - sum % 11) % 11;
    return want != 10 && want == d[count];
}

static result check_fnr(struct slice text, struct why *why)
{
    static const int first[] = {3, 7, 6, 1, 8, 9, 4, 5, 2}, second[] = {5, 4, 3, 2, 7, 6, 5, 4, 3, 2};
    int d[FNR_LEN];
    for (size_t i = 0; i < FNR_LEN && text.len == FNR_LEN; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return FAIL(why, MALFORMED, "a fødselsnummer or D-number is eleven digits without blanks");
        d[i] = text.at[i] - '0';
    }
    if (text.len != FNR_LEN)
        return FAIL(why, MALFORMED, "a fødselsnummer or D-number is eleven digits without blanks");
    bool date = date_exists(d), digits = check_digit_holds(d, first, 9) && check_digit_holds(d, second, 10);
    for (size_t i = 0; i < FNR_LEN; i++)
        d[i] = 0;
    if (!date)
        return FAIL(why, MALFORMED, "the first digits are no date of birth that exists: look for a slip");
    if (!digits)
        return FAIL(why, MALFORMED, "the check digits do not hold: look for a slip");
    return DONE;
}

result person_check(enum person_kind kind, struct slice text, struct why *why)
{
    if (kind == PERSON_FNR)
        return check_fnr(text, why);
    bool good = text.len > 0 && text.len <= PERSON_TEXT_MAX;
    for (size_t i = 0; i < text.len && good; i++)
        good = text.at[i] > ' ' && text.at[i] < 0x7f && !strchr("\"',;", text.at[i]);
    return good ? DONE : FAIL(why, MALFORMED, "an id is 1 to %d printable characters without blanks, quotes or commas", PERSON_TEXT_MAX);
}
