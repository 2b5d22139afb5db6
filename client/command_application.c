#include "client/command.h"

#include <stdio.h>

int application_submit(struct client *c, const struct arguments *a)
{
    struct json *body CLEANUP(json_freep) = NULL;
    int code = client_read_json(c, a->words[0], &body);
    if (code != EXIT_DONE)
        return code;
    return send_and_show(c, &(struct call){.method = "POST", .path = "/v1/applications", .body = body});
}

int application_list(struct client *c, const struct arguments *a)
{
    (void)a;
    static const struct list_column columns[] = {{"id", "id"}, {"state", "state"}, {"title", "title"}, {"purpose", "purpose"}, {"permit", "permit"}};
    return show_list(c, "/v1/applications", columns, 5);
}

static int path_of(const struct arguments *a, const char *what, char path[CALL_PATH_MAX])
{
    struct document_id id;
    int code = need_id(a, 0, 'a', &id);
    (void)snprintf(path, CALL_PATH_MAX, "/v1/applications/%s%s", code == EXIT_DONE ? id.text : "", what);
    return code;
}

int application_show(struct client *c, const struct arguments *a)
{
    char path[CALL_PATH_MAX];
    int code = path_of(a, "", path);
    return code == EXIT_DONE ? show_document(c, path) : code;
}

int application_opinion(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    char path[CALL_PATH_MAX];
    const char *site, *text = arguments_value(a, "text"), *opinion = a->words[1];
    struct site_id parsed;
    int code = path_of(a, "/opinions", path);
    if (code != EXIT_DONE)
        return code;
    if (strcmp(opinion, "approve") != 0 && strcmp(opinion, "deny") != 0)
        return client_usage("the opinion must be approve or deny");
    result r = arguments_need(a, "site", &site, &why);
    if (r.code == OK)
        r = site_id_parse(slice_str(site), &parsed, &why);
    if (r.code != OK)
        return client_fail(EXIT_USAGE, &why);
    struct json *body CLEANUP(json_freep) = json_object();
    json_set(body, "site", json_of_str(parsed.text));
    json_set(body, "opinion", json_of_str(opinion));
    json_set(body, "text", json_of_str(text ? text : ""));
    return send_and_show(c, &(struct call){.method = "POST", .path = path, .body = body});
}

int application_decide(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    char path[CALL_PATH_MAX];
    const char *reason, *decision = a->words[1];
    int code = path_of(a, "/decision", path);
    if (code != EXIT_DONE)
        return code;
    if (strcmp(decision, "grant") != 0 && strcmp(decision, "refuse") != 0)
        return client_usage("the decision must be grant or refuse");
    if (arguments_need(a, "reason", &reason, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    struct json *body CLEANUP(json_freep) = json_object();
    json_set(body, "decision", json_of_str(decision));
    json_set(body, "reason", json_of_str(reason));
    return send_and_show(c, &(struct call){.method = "POST", .path = path, .body = body});
}
