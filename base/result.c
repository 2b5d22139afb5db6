#include "base/result.h"

#include <stdarg.h>
#include <stdio.h>

PRINTF_LIKE(4, 0)
static void explain(struct why *why, const char *at, const char *field, const char *format, va_list args)
{
    if (!why)
        return;
    why->at = at;
    (void)snprintf(why->field, sizeof why->field, "%s", field);
    (void)vsnprintf(why->text, sizeof why->text, format, args);
}

result result_fail(struct why *why, const char *at, enum status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    explain(why, at, "", format, args);
    va_end(args);
    return (result){code};
}

result result_fail_at(struct why *why, const char *at, enum status code, const char *field,
                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    explain(why, at, field, format, args);
    va_end(args);
    return (result){code};
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
