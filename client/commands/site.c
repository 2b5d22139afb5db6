#include "client/command.h"

#include "client/clean_text.h"

int site_list(struct client *c, const struct arguments *a)
{
    (void)a;
    static const struct list_column columns[] = {{"site", "site"}, {"title", "title"}, {"state", "state"}, {"last seen", "seen"}, {"certificate ends", "certificate_ends"}};
    return show_list(c, "/v1/sites", columns, 5);
}

int site_add(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    struct site_id site;
    const char *title;
    result r = site_id_parse(slice_str(a->words[0]), &site, &why);
    if (r.code == OK)
        r = arguments_need(a, "title", &title, &why);
    if (r.code != OK)
        return client_fail(EXIT_USAGE, &why);
    struct json *body CLEANUP(json_freep) = json_object(), *answer CLEANUP(json_freep) = NULL;
    json_set(body, "site", json_of_str(site.text));
    json_set(body, "title", json_of_str(title));
    int code = client_call(c, &(struct call){.method = "POST", .path = "/v1/sites", .body = body}, &answer);
    if (code != EXIT_DONE)
        return code;
    if (c->json)
        return client_print_json(answer);
    struct buffer text CLEANUP(buffer_wipe) = {0};
    buffer_init(&text, 256 * 1024);
    client_say(c, "Give this token to the site; it works once (innsyn-agent enrol):");
    if (clean_text(json_text(json_get(answer, "token")), &text, &why).code != OK || buffer_add_byte(&text, '\n', &why).code != OK)
        return client_fail(EXIT_UNREACHABLE, &why);
    return client_print(&text);
}
