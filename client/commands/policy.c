#include "client/command.h"

#include <stdio.h>

#include "client/show/table_print.h"
#include "policy/roles.h"

static result callers_text(const struct command_rule *rule, struct buffer *to, struct why *why)
{
    if (rule->callers & CALLER_ANYONE)
        return buffer_add_str(to, "anyone", why);
    if (rule->callers & CALLER_AGENT)
        return buffer_add_str(to, "agent", why);
    if ((rule->callers & ROLES_ALL) == ROLES_ALL)
        return buffer_add_str(to, "signed in", why);
    char roles[ROLES_TEXT_SIZE];
    roles_print(rule->callers & ROLES_ALL, roles);
    return buffer_add_str(to, roles, why);
}

static struct json *rules_json(void)
{
    struct json *document = json_object(), *items = json_array();
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        const struct command_rule *rule = command_rule((enum command)i);
        struct json *item = json_object();
        struct buffer callers CLEANUP(buffer_done) = {0};
        buffer_init(&callers, 256);
        tolerate(callers_text(rule, &callers, NULL)); /* 256 bytes hold every role */
        json_set(item, "method", json_of_str(rule->method));
        json_set(item, "path", json_of_str(rule->path));
        json_set(item, "who", json_of_text(buffer_slice(&callers)));
        json_set(item, "relation", rule->relation ? json_of_str(rule->relation) : json_of_null());
        json_add(items, item);
    }
    json_set(document, "items", items);
    return document;
}

static result rules_table(struct buffer *to, struct why *why)
{
    static const char *const titles[] = {"call", "who", "and"};
    struct table *t CLEANUP(table_freep) = NULL;
    TRY(table_new(&t, why));
    for (size_t i = 0; i < 3; i++)
        TRY(table_column(t, slice_str(titles[i]), ALIGN_LEFT, why));
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        const struct command_rule *rule = command_rule((enum command)i);
        char call[128];
        struct buffer callers CLEANUP(buffer_done) = {0};
        buffer_init(&callers, 256);
        TRY(callers_text(rule, &callers, why));
        (void)snprintf(call, sizeof call, "%-6s %s", rule->method, rule->path);
        TRY(table_row(t, why));
        TRY(table_cell_str(t, call, why));
        TRY(table_cell(t, buffer_slice(&callers), why));
        TRY(table_cell_str(t, rule->relation ? rule->relation : "", why));
    }
    return table_print(t, true, to, why);
}

int policy_roles(struct client *c, const struct arguments *a)
{
    (void)a;
    struct why why = {0};
    if (c->json) {
        struct json *document CLEANUP(json_freep) = rules_json();
        return client_print_json(document);
    }
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 256 * 1024);
    return rules_table(&text, &why).code == OK ? client_print(&text) : client_fail(EXIT_UNREACHABLE, &why);
}
