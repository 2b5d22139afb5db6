/* duo.c - `innsyn policy duo`: the matrix of conditions of use, or the verdict on one pair; asks nobody. */
#include "client/command.h"

#include <stdio.h>

#include "client/show/table_print.h"
#include "policy/duo.h"

static struct json *matrix_json(void)
{
    unsigned count;
    const struct use_code *codes = use_codes(&count);
    struct json *document = json_object(), *items = json_array();
    for (unsigned i = 0; i < count; i++) {
        struct json *item = json_object(), *requests = json_object();
        char code[USE_CODE_SIZE];
        use_code_print(&codes[i], code);
        json_set(item, "code", json_of_str(code));
        json_set(item, "name", json_of_str(codes[i].name));
        json_set(item, "text", json_of_str(codes[i].text));
        json_set(item, "text_nb", json_of_str(codes[i].text_nb));
        json_set(item, "argument", json_of_str(use_argument_name(codes[i].argument)));
        json_set(item, "permission", json_of_bool(codes[i].permission));
        for (unsigned r = 0; r < DUO_REQUESTS; r++)
            json_set(requests, duo_request_name(r), json_of_str(duo_cell_name(r, &codes[i])));
        json_set(item, "requests", requests);
        json_add(items, item);
    }
    json_set(document, "version", json_of_integer(DUO_VERSION));
    json_set(document, "items", items);
    return document;
}

static result matrix_table(struct buffer *to, struct why *why)
{
    unsigned count;
    const struct use_code *codes = use_codes(&count);
    struct table *t CLEANUP(table_freep) = NULL;
    TRY(table_new(&t, why));
    TRY(table_column(t, slice_str("condition"), ALIGN_LEFT, why));
    for (unsigned r = 0; r < DUO_REQUESTS; r++)
        TRY(table_column(t, slice_str(duo_request_name(r)), ALIGN_LEFT, why));
    TRY(table_column(t, slice_str("meaning"), ALIGN_LEFT, why));
    for (unsigned i = 0; i < count; i++) {
        char code[USE_CODE_SIZE], name[USE_CODE_SIZE + 16];
        use_code_print(&codes[i], code);
        (void)snprintf(name, sizeof name, "%s %s", code, codes[i].name);
        TRY(table_row(t, why));
        TRY(table_cell_str(t, name, why));
        for (unsigned r = 0; r < DUO_REQUESTS; r++)
            TRY(table_cell_str(t, duo_cell_name(r, &codes[i]), why));
        TRY(table_cell_str(t, codes[i].text, why));
    }
    return table_print(t, true, to, why);
}

static int print_matrix(struct client *c)
{
    struct why why = {0};
    if (c->json) {
        struct json *document CLEANUP(json_freep) = matrix_json();
        return client_print_json(document);
    }
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 256 * 1024);
    return matrix_table(&text, &why).code == OK ? client_print(&text) : client_fail(EXIT_UNREACHABLE, &why);
}

static result judge(const struct json *request, const struct json *of, const struct json *by, struct verdict *v, struct why *why)
{
    struct research research;
    struct use_conditions conditions;
    struct organisation organisation;
    TRY(research_read(request, slice_str("53.1.e"), "/research", &research, why));
    TRY(use_conditions_read(of, "/use_conditions", false, &conditions, why));
    TRY(organisation_read(by, "/organisation", &organisation, why));
    const struct duo_request r = {.research = &research, .organisation = &organisation};
    verdict_init(v);
    duo_check(&r, &conditions, NULL, "", v);
    duo_check_topics(&research, v);
    return DONE;
}

static int show_verdict(struct client *c, const struct verdict *v)
{
    struct why why = {0};
    struct json *document CLEANUP(json_freep) = verdict_json(v);
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    if (c->json)
        return client_print_json(document);
    return document_show(document, &text, &why).code == OK ? client_print(&text) : client_fail(EXIT_UNREACHABLE, &why);
}

/* Without files: the matrix.  EXIT_REFUSED: the verdict is deny. */
int policy_duo(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    const char *request = arguments_value(a, "research"), *of = arguments_value(a, "conditions"), *by = arguments_value(a, "organisation");
    struct json *request_tree CLEANUP(json_freep) = NULL, *of_tree CLEANUP(json_freep) = NULL, *by_tree CLEANUP(json_freep) = NULL;
    static struct verdict v;
    if (!request && !of && !by)
        return print_matrix(c);
    if (!request || !of)
        return client_usage("one pair needs both --research FILE and --conditions FILE");
    int code = client_read_json(c, request, &request_tree);
    if (code == EXIT_DONE)
        code = client_read_json(c, of, &of_tree);
    if (code == EXIT_DONE && by)
        code = client_read_json(c, by, &by_tree);
    if (code != EXIT_DONE)
        return code;
    if (judge(request_tree, of_tree, by_tree, &v, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    code = show_verdict(c, &v);
    return code == EXIT_DONE && v.kind == VERDICT_DENY ? EXIT_REFUSED : code;
}
