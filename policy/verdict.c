#include "policy/verdict.h"

#include <stdarg.h>
#include <stdio.h>

const char *verdict_name(enum verdict_kind k)
{
    switch (k) {
    case VERDICT_PERMIT: return "permit";
    case VERDICT_REVIEW: return "review";
    case VERDICT_DENY: return "deny";
    }
    return "?";
}

void verdict_init(struct verdict *v)
{
    *v = (struct verdict){.kind = VERDICT_PERMIT};
}

void verdict_add(struct verdict *v, enum verdict_kind effect, const char *code, const char *field, const char *allowed,
                 const char *format, ...)
{
    if (effect > v->kind)
        v->kind = effect;
    if (v->count == REASONS_MAX) {
        v->more++;
        return;
    }
    struct reason *r = &v->reasons[v->count++];
    *r = (struct reason){.effect = effect, .code = problem_find(code)};
    if (!r->code)
        r->code = problem_find("refused");
    (void)snprintf(r->field, sizeof r->field, "%s", field ? field : "");
    (void)snprintf(r->allowed, sizeof r->allowed, "%s", allowed ? allowed : "");
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->text, sizeof r->text, format, args);
    va_end(args);
}

void verdict_join(struct verdict *v, const struct verdict *other)
{
    if (other->kind > v->kind)
        v->kind = other->kind;
    v->more += other->more;
    for (unsigned i = 0; i < other->count; i++) {
        if (v->count < REASONS_MAX)
            v->reasons[v->count++] = other->reasons[i];
        else
            v->more++;
    }
}

/* Reasons hold the names of this project and texts that were cut to fit: mend what the cut broke. */
static struct json *text_json(const char *text)
{
    size_t len = strlen(text);
    while (len && !slice_is_utf8(slice_of(text, len)))
        len--;
    return json_of_text(slice_of(text, len));
}

static struct json *reasons_json(const struct verdict *v)
{
    struct json *a = json_array();
    for (unsigned i = 0; i < v->count; i++) {
        const struct reason *r = &v->reasons[i];
        struct json *o = json_object();
        json_set(o, "effect", json_of_str(verdict_name(r->effect)));
        json_set(o, "code", json_of_str(r->code->code));
        json_set(o, "class", json_of_str(problem_class_name(r->code->class)));
        json_set(o, "field", text_json(r->field));
        json_set(o, "text", text_json(r->text));
        if (*r->allowed)
            json_set(o, "allowed", text_json(r->allowed));
        json_add(a, o);
    }
    return a;
}

struct json *verdict_json(const struct verdict *v)
{
    struct json *o = json_object();
    json_set(o, "verdict", json_of_str(verdict_name(v->kind)));
    json_set(o, "reasons", reasons_json(v));
    return o;
}

const struct reason *verdict_first(const struct verdict *v)
{
    for (unsigned i = 0; i < v->count; i++)
        if (v->reasons[i].effect == v->kind && v->kind != VERDICT_PERMIT)
            return &v->reasons[i];
    return NULL;
}

result verdict_result(const struct verdict *v, struct why *why)
{
    const struct reason *r = verdict_first(v);
    if (v->kind == VERDICT_PERMIT)
        return DONE;
    if (!r) /* the strictest rule was one too many to be kept */
        return FAIL_CODE(why, DENIED, "refused", "", "%u rules do not allow it", v->count + v->more);
    return FAIL_CODE(why, DENIED, r->code->code, r->field, "%s%s%s", r->text, *r->allowed ? "; allowed: " : "", r->allowed);
}

struct json *verdict_problem(const struct verdict *v, const char *instance)
{
    const struct reason *r = verdict_first(v);
    struct json *params = json_object();
    json_set(params, "reasons", reasons_json(v));
    if (!r)
        return problem_json(problem_find("refused"), "", "", NULL, params, instance);
    return problem_json(r->code, r->field, r->text, r->allowed, params, instance);
}
