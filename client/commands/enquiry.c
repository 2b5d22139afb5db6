#include "client/command.h"

#include <stdio.h>

static int path_of(const struct arguments *a, const char *what, char path[CALL_PATH_MAX])
{
    struct document_id id;
    int code = need_id(a, 0, 'e', &id);
    (void)snprintf(path, CALL_PATH_MAX, "/v1/enquiries/%s%s", code == EXIT_DONE ? id.text : "", what);
    return code;
}

static struct json *datasets_of(const struct arguments *a)
{
    struct json *list = json_array();
    for (unsigned i = 0; arguments_nth(a, "dataset", i); i++) {
        struct json *one = json_object();
        json_set(one, "dataset", json_of_str(arguments_nth(a, "dataset", i)));
        json_add(list, one);
    }
    return list;
}

/* Either a file, or what a person who knows little can say on the command line. */
int enquiry_ask(struct client *c, const struct arguments *a)
{
    static const struct {
        const char *option, *key;
    } texts[] = {{"title", "title"}, {"question", "question"}, {"kind", "organisation_kind"}, {"country", "country"}, {"purpose", "purpose"}};
    struct json *body CLEANUP(json_freep) = NULL;
    if (a->word_count == 1) {
        int code = client_read_json(c, a->words[0], &body);
        if (code != EXIT_DONE)
            return code;
    } else {
        if (!arguments_value(a, "title") || !arguments_value(a, "question"))
            return client_usage("give a file, or --title TEXT and --question TEXT");
        body = json_object();
        if (arguments_nth(a, "dataset", 0))
            json_set(body, "datasets", datasets_of(a));
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (arguments_value(a, texts[i].option))
            json_set(body, texts[i].key, json_of_str(arguments_value(a, texts[i].option)));
    return send_and_show(c, &(struct call){.method = "POST", .path = "/v1/enquiries", .body = body});
}

int enquiry_list(struct client *c, const struct arguments *a)
{
    (void)a;
    static const struct list_column columns[] = {{"id", "id"}, {"state", "state"}, {"account", "account"}, {"created", "created"},
                                                 {"title", "title"}, {"application", "application"}};
    return show_list(c, "/v1/enquiries", columns, 6);
}

int enquiry_show(struct client *c, const struct arguments *a)
{
    char path[CALL_PATH_MAX];
    int code = path_of(a, "", path);
    return code == EXIT_DONE ? show_document(c, path) : code;
}

static int step(struct client *c, const struct arguments *a, const char *command)
{
    char path[CALL_PATH_MAX];
    int64_t version = 0;
    int code = path_of(a, "", path);
    if (code == EXIT_DONE)
        code = version_for_step(c, a, path, &version);
    if (code == EXIT_DONE)
        code = path_of(a, "/steps", path);
    if (code != EXIT_DONE)
        return code;
    struct json *body CLEANUP(json_freep) = json_object();
    json_set(body, "command", json_of_str(command));
    json_set(body, "version", json_of_integer(version));
    if (arguments_value(a, "text"))
        json_set(body, "text", json_of_str(arguments_value(a, "text")));
    return send_and_show(c, &(struct call){.method = "POST", .path = path, .body = body});
}

int enquiry_answer(struct client *c, const struct arguments *a)
{
    return step(c, a, "answer");
}

int enquiry_reply(struct client *c, const struct arguments *a)
{
    return step(c, a, "reply");
}

int enquiry_apply(struct client *c, const struct arguments *a)
{
    return step(c, a, "apply");
}

int enquiry_close(struct client *c, const struct arguments *a)
{
    return step(c, a, "close");
}
