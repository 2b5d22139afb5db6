#include "client/command.h"

#include <stdio.h>

#include "client/show/table_print.h"

enum { LIST_COLUMNS_MAX = 16 };

/* A column that no item has is left out. */
static bool is_there(const struct json *items, const char *key)
{
    for (size_t i = 0; i < json_size(items); i++) {
        const struct json *v = json_get(json_item(items, i), key);
        if (json_kind(v) != JSON_NULL && (json_kind(v) != JSON_ARRAY || json_size(v) > 0))
            return true;
    }
    return false;
}

static result list_table(const struct json *items, const struct list_column *columns, unsigned count, struct buffer *to, struct why *why)
{
    struct table *t CLEANUP(table_freep) = NULL;
    TRY(table_new(&t, why));
    bool shown[LIST_COLUMNS_MAX] = {false};
    for (unsigned k = 0; k < count && k < LIST_COLUMNS_MAX; k++) {
        shown[k] = is_there(items, columns[k].key);
        if (shown[k])
            TRY(table_column(t, slice_str(columns[k].title), ALIGN_LEFT, why));
    }
    for (size_t i = 0; i < json_size(items); i++) {
        TRY(table_row(t, why));
        for (unsigned k = 0; k < count && k < LIST_COLUMNS_MAX; k++) {
            if (!shown[k])
                continue;
            const struct json *v = json_get(json_item(items, i), columns[k].key);
            struct buffer text CLEANUP(buffer_done) = {0};
            buffer_init(&text, 8192);
            if (json_kind(v) == JSON_STRING) /* cleaned by the table */
                TRY(buffer_add(&text, json_text(v), why));
            else if (json_kind(v) != JSON_NULL)
                TRY(document_line(v, &text, why));
            TRY(table_cell(t, buffer_slice(&text), why));
        }
    }
    return table_print(t, true, to, why);
}

/* code: how fetching `list` ended. */
static int show_items(struct client *c, int code, const struct json *list, const struct list_column *columns, unsigned count)
{
    struct why why = {0};
    if (code != EXIT_DONE)
        return code;
    if (c->json)
        return client_print_json(list);
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    if (list_table(json_get(list, "items"), columns, count, &text, &why).code != OK)
        return client_fail(EXIT_UNREACHABLE, &why);
    if (text.len == 0)
        client_say(c, "None.");
    return client_print(&text);
}

int show_list(struct client *c, const char *path, const struct list_column *columns, unsigned count)
{
    struct json *list CLEANUP(json_freep) = NULL;
    int code = client_list(c, path, &list);
    return show_items(c, code, list, columns, count);
}

int show_public_list(struct client *c, const char *path, const struct list_column *columns, unsigned count)
{
    struct json *list CLEANUP(json_freep) = NULL;
    int code = client_public_list(c, path, &list);
    return show_items(c, code, list, columns, count);
}

int send_and_show(struct client *c, const struct call *call)
{
    struct why why = {0};
    struct json *document CLEANUP(json_freep) = NULL;
    int code = client_call(c, call, &document);
    if (code != EXIT_DONE)
        return code;
    if (c->json)
        return client_print_json(document);
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    if (document_show(document, &text, &why).code != OK)
        return client_fail(EXIT_UNREACHABLE, &why);
    if (text.len == 0)
        client_say(c, "Done.");
    return client_print(&text);
}

int show_document(struct client *c, const char *path)
{
    return send_and_show(c, &(struct call){.method = "GET", .path = path});
}

int need_id(const struct arguments *a, unsigned index, char kind, struct document_id *ret)
{
    struct why why = {0};
    if (document_id_parse(slice_str(a->words[index]), kind, ret, &why).code == OK)
        return EXIT_DONE;
    (void)fprintf(stderr, "innsyn: '%.60s': ", a->words[index]);
    return client_fail(EXIT_USAGE, &why);
}

int version_for_step(struct client *c, const struct arguments *a, const char *path, int64_t *ret)
{
    struct why why = {0};
    uint64_t given = 0;
    struct json *document CLEANUP(json_freep) = NULL;
    if (arguments_number(a, "version", 1, UINT64_C(1) << 52, &given, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    int code = given ? EXIT_DONE : client_call(c, &(struct call){.method = "GET", .path = path}, &document);
    *ret = given ? (int64_t)given : json_integer(json_get(document, "version"));
    return code;
}
