#include "agents/guard/refusal.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/problem.h"

bool refuse(struct refusal *r, const char *class, const char *code, const char *field, const char *format, ...)
{
    *r = (struct refusal){0};
    snprintf(r->class, sizeof r->class, "%s", class);
    snprintf(r->code, sizeof r->code, "%s", code);
    snprintf(r->field, sizeof r->field, "%s", field);
    va_list args;
    va_start(args, format);
    vsnprintf(r->text, sizeof r->text, format, args);
    va_end(args);
    return false;
}

bool refuse_why(struct refusal *r, const char *class, const char *code, const char *field, const struct why *why)
{
    const struct problem_code *known = why->code ? problem_find(why->code) : NULL;
    return refuse(r, known ? problem_class_name(known->class) : class, known ? known->code : code,
                  why->field[0] ? why->field : field, "%s", why->text);
}
