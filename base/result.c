#include "base/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A text that filled its array may end in half a UTF-8 character: drop it, so that it can still be
 * printed as JSON. */
static void end_between_characters(char *text, size_t size)
{
    size_t len = strlen(text), start = len;
    if (len + 1 < size)
        return;
    while (start && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (!start)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (len - start + 1 < want)
        text[start - 1] = 0;
}

PRINTF_LIKE(5, 0)
static void explain(struct why *why, const char *at, const char *problem, const char *field, const char *format,
                    va_list args)
{
    if (!why)
        return;
    why->at = at;
    why->code = problem;
    (void)snprintf(why->field, sizeof why->field, "%s", field);
    (void)vsnprintf(why->text, sizeof why->text, format, args);
    end_between_characters(why->field, sizeof why->field);
    end_between_characters(why->text, sizeof why->text);
}

result result_fail(struct why *why, const char *at, enum status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    explain(why, at, NULL, "", format, args);
    va_end(args);
    return (result){code};
}

result result_fail_at(struct why *why, const char *at, enum status code, const char *field,
                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    explain(why, at, NULL, field, format, args);
    va_end(args);
    return (result){code};
}

result result_fail_code(struct why *why, const char *at, enum status status, const char *code, const char *field,
                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    explain(why, at, code, field, format, args);
    va_end(args);
    return (result){status};
}

const char *status_name(enum status code)
{
    switch (code) {
    case OK: return "OK";
    case AGAIN: return "AGAIN";
    case MALFORMED: return "MALFORMED";
    case DENIED: return "DENIED";
    case ABSENT: return "ABSENT";
    case LIMIT: return "LIMIT";
    case UNAVAILABLE: return "UNAVAILABLE";
    case BROKEN: return "BROKEN";
    }
    return "?";
}
