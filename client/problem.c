#include "client/problem.h"

#include "client/clean_text.h"

enum { VALUE_BYTES_MAX = 4096 };

static const struct {
    const char *code, *advice;
} advices[] = {
    {"not_signed_in", "sign in: innsyn login"},
    {"wrong_role", "another role does this: innsyn policy roles"},
    {"no_such_thing", "list what there is (`... list`), and check the id"},
    {"conflict", "look at the present state with `... show`; somebody may have been first"},
    {"too_many_requests", "wait a little and ask again"},
    {"malformed", "correct the field named above; docs/PROTOCOL.md has the form"},
    {"unknown_field", "remove or rename the field"},
    {"unknown_variable", "see the variables: innsyn catalogue DATASET"},
    {"unknown_level", "see the levels: innsyn catalogue DATASET"},
    {"unknown_grouping", "see the groupings: innsyn catalogue DATASET"},
    {"off_grid", "use cuts on the variable's grid: innsyn catalogue DATASET"},
    {"too_many_cells", "ask for fewer dimensions, levels or breaks"},
    {"too_large", "send less at a time"},
    {"quantile_not_released", "ask for quantiles between 0 and 1, or for a histogram; a variable needs clamps and a public grid"},
    {"summary_not_released", "ask for a count or a table instead, or ask the data holder to name the variable's clamps"},
    {"statistic_not_allowed", "see what the permit allows: innsyn permit show ID"},
    {"purpose_not_allowed", "apply under an allowed purpose: innsyn application submit FILE"},
    {"no_permit", "see your permits: innsyn permit list"},
    {"permit_not_live", "see its state and what is missing: innsyn permit show ID"},
    {"permit_expired", "apply for a new one: innsyn application submit FILE"},
    {"outside_scope", "see what the permit covers: innsyn permit show ID"},
    {"not_a_person_of_the_permit", "the permit names the people and their keys: innsyn permit show ID, innsyn key show"},
    {"signatures_missing", "see who has yet to sign: innsyn permit show ID"},
    {"signature_invalid", "sign with the key that the trust document or the permit names: innsyn key show"},
    {"wrong_network", "check `network` in the profile"},
    {"unknown_key", "the key is not in the trust document: ask the unit"},
    {"clock", "set this machine's clock"},
    {"query_expired", "ask again, with a longer --timeout"},
    {"replayed", "ask again: every query has an id of its own"},
    {"paused", "the site is paused: ask again later, or leave it out with --sites"},
};

const char *problem_advice(struct slice code)
{
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++)
        if (slice_is(code, advices[i].code))
            return advices[i].advice;
    return "";
}

static result line(struct buffer *to, const char *label, const struct json *value, struct why *why)
{
    if (json_kind(value) == JSON_NULL || (json_kind(value) == JSON_STRING && json_text(value).len == 0) ||
        (json_kind(value) == JSON_OBJECT && json_size(value) == 0))
        return DONE;
    TRY(buffer_printf(to, why, "  %-8s ", label));
    if (json_kind(value) == JSON_STRING) {
        TRY(clean_text(json_text(value), to, why));
    } else {
        struct buffer text CLEANUP(buffer_done) = {0};
        buffer_init(&text, JSON_BYTES_MAX);
        TRY(json_print(value, &text, why));
        bool cut = text.len > VALUE_BYTES_MAX;
        TRY(clean_text(slice_part(buffer_slice(&text), 0, VALUE_BYTES_MAX), to, why));
        if (cut)
            TRY(buffer_add_str(to, " ...", why));
    }
    return buffer_add_byte(to, '\n', why);
}

result problem_render(const struct json *problem, unsigned http_status, const char *request_id,
                      struct buffer *to, enum exit_code *ret_exit, struct why *why)
{
    bool fault = http_status >= 500;
    if (json_kind(problem) != JSON_OBJECT) {
        TRY(buffer_printf(to, why, "innsyn: the server answered %u without saying why\n", http_status));
    } else {
        struct slice what = json_text(json_get(problem, "detail")), code = json_text(json_get(problem, "code"));
        if (what.len == 0)
            what = json_text(json_get(problem, "title"));
        TRY(buffer_add_str(to, fault ? "innsyn: fault at the server: " : "innsyn: refused: ", why));
        TRY(clean_text(what, to, why));
        TRY(buffer_add_byte(to, '\n', why));
        TRY(line(to, "code", json_get(problem, "code"), why));
        TRY(line(to, "class", json_get(problem, "class"), why));
        TRY(line(to, "field", json_get(problem, "field"), why));
        TRY(line(to, "values", json_get(problem, "params"), why));
        TRY(line(to, "allowed", json_get(problem, "allowed"), why));
        if (problem_advice(code)[0])
            TRY(buffer_printf(to, why, "  %-8s %s\n", "next", problem_advice(code)));
    }
    if (request_id[0]) {
        TRY(buffer_printf(to, why, "  %-8s ", "request"));
        TRY(clean_text(slice_str(request_id), to, why));
        TRY(buffer_add_byte(to, '\n', why));
    }
    *ret_exit = fault ? EXIT_UNREACHABLE : EXIT_REFUSED;
    return DONE;
}
