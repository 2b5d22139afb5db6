#include "client/command.h"

#include <stdio.h>

/* A list of roles or scopes written "a,b". */
static struct json *comma_list(const char *text)
{
    struct json *list = json_array();
    for (struct slice rest = slice_str(text); rest.len > 0;) {
        size_t end = slice_find(rest, ',');
        if (end > 0)
            json_add(list, json_of_text(slice_part(rest, 0, end)));
        rest = slice_part(rest, end + 1, rest.len);
    }
    return list;
}

static int get_password(const struct arguments *a, const char *prompt, struct secret **ret)
{
    struct why why = {0};
    const char *file = arguments_value(a, "password-file");
    result r = file ? terminal_read_password(file, ret, &why) : terminal_ask_password(prompt, ret, &why);
    return r.code == OK ? EXIT_DONE : client_fail(EXIT_USAGE, &why);
}

int login_run(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    char path[PROFILE_PATH_MAX], prompt[128];
    struct secret *password CLEANUP(secret_freep) = NULL;
    (void)snprintf(prompt, sizeof prompt, "Password of %s: ", c->profile.account.text);
    int code = get_password(a, prompt, &password);
    if (code != EXIT_DONE)
        return code;
    struct json *body CLEANUP(json_freep) = json_object(), *answer CLEANUP(json_freep) = NULL;
    json_set(body, "account", json_of_str(c->profile.account.text));
    json_set(body, "password", json_of_text(secret_bytes(password)));
    json_set(body, "cookie", json_of_bool(false));
    code = client_call(c, &(struct call){.method = "POST", .path = "/v1/login", .body = body, .anonymous = true}, &answer);
    if (code != EXIT_DONE)
        return code;
    struct slice token = json_text(json_get(answer, "token"));
    result r = token.len > 0 && token.len < TOKEN_BYTES_MAX ? profile_path(&c->profile, "token", path, &why)
                                                            : FAIL(&why, MALFORMED, "the server's answer holds no token");
    if (r.code == OK)
        r = host_write_file(c->host, path, 0600, token, &why);
    if (r.code != OK)
        return client_fail(EXIT_UNREACHABLE, &why);
    if (c->json) { /* all but the token: it is in the profile now */
        struct json *shown CLEANUP(json_freep) = json_object();
        json_set(shown, "account", json_copy(json_get(answer, "account")));
        json_set(shown, "roles", json_copy(json_get(answer, "roles")));
        json_set(shown, "expires", json_copy(json_get(answer, "expires")));
        return client_print_json(shown);
    }
    client_say(c, "Signed in as %s.", c->profile.account.text);
    return EXIT_DONE;
}

int logout_run(struct client *c, const struct arguments *a)
{
    (void)a;
    struct why why = {0};
    char path[PROFILE_PATH_MAX];
    struct json *answer CLEANUP(json_freep) = NULL;
    int code = client_call(c, &(struct call){.method = "POST", .path = "/v1/logout"}, &answer);
    result r = profile_path(&c->profile, "token", path, &why);
    if (r.code == OK)
        r = host_remove_file(c->host, path, &why);
    if (code != EXIT_DONE)
        return code;
    if (r.code != OK && r.code != ABSENT)
        return client_fail(EXIT_USAGE, &why);
    client_say(c, "Signed out.");
    return EXIT_DONE;
}

int account_list(struct client *c, const struct arguments *a)
{
    (void)a;
    static const struct list_column columns[] = {{"account", "account"}, {"roles", "roles"}, {"organisation", "organisation"}, {"state", "state"}};
    return show_list(c, "/v1/accounts", columns, 4);
}

int account_create(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    struct label account;
    const char *roles, *organisation = arguments_value(a, "organisation"), *key = arguments_value(a, "key");
    struct secret *password CLEANUP(secret_freep) = NULL;
    result r = label_parse(slice_str(a->words[0]), &account, &why);
    if (r.code == OK)
        r = arguments_need(a, "roles", &roles, &why);
    struct public_key checked;
    if (r.code == OK && key)
        r = public_key_parse_base64(slice_str(key), &checked, &why);
    if (r.code != OK)
        return client_fail(EXIT_USAGE, &why);
    int code = get_password(a, "Password of the new account: ", &password);
    if (code != EXIT_DONE)
        return code;
    struct json *body CLEANUP(json_freep) = json_object();
    json_set(body, "account", json_of_str(account.text));
    json_set(body, "password", json_of_text(secret_bytes(password)));
    json_set(body, "roles", comma_list(roles));
    if (organisation)
        json_set(body, "organisation", json_of_str(organisation));
    if (key)
        json_set(body, "key", json_of_str(key));
    return send_and_show(c, &(struct call){.method = "POST", .path = "/v1/accounts", .body = body});
}

int account_me(struct client *c, const struct arguments *a)
{
    (void)a;
    return show_document(c, "/v1/me");
}

int account_mail(struct client *c, const struct arguments *a)
{
    const char *language = arguments_value(a, "lang");
    struct json *body CLEANUP(json_freep) = json_object();
    json_set(body, "mail", json_of_str(a->word_count ? a->words[0] : ""));
    json_set(body, "language", json_of_str(language ? language : "nb"));
    return send_and_show(c, &(struct call){.method = "PUT", .path = "/v1/me/mail", .body = body});
}

int token_create(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    uint64_t days = 0;
    result r = arguments_number(a, "days", 1, 366, &days, &why);
    if (r.code == OK && days == 0)
        r = FAIL(&why, MALFORMED, "option --days is missing: how many days the token lives");
    if (r.code != OK)
        return client_fail(EXIT_USAGE, &why);
    const char *scopes = arguments_value(a, "scopes");
    struct json *body CLEANUP(json_freep) = json_object(), *answer CLEANUP(json_freep) = NULL;
    json_set(body, "name", json_of_str(a->words[0]));
    json_set(body, "scopes", comma_list(scopes ? scopes : ""));
    json_set(body, "days", json_of_integer((int64_t)days));
    int code = client_call(c, &(struct call){.method = "POST", .path = "/v1/tokens", .body = body}, &answer);
    if (code != EXIT_DONE)
        return code;
    if (c->json)
        return client_print_json(answer);
    struct buffer text CLEANUP(buffer_wipe) = {0};
    buffer_init(&text, 4096);
    client_say(c, "The token is shown this once:");
    if (document_line(json_get(answer, "token"), &text, &why).code != OK || buffer_add_byte(&text, '\n', &why).code != OK)
        return client_fail(EXIT_UNREACHABLE, &why);
    return client_print(&text);
}

int token_list(struct client *c, const struct arguments *a)
{
    (void)a;
    static const struct list_column columns[] = {{"id", "id"}, {"name", "name"}, {"scopes", "scopes"}, {"expires", "expires"}};
    return show_list(c, "/v1/tokens", columns, 4);
}

int token_revoke(struct client *c, const struct arguments *a)
{
    struct document_id id;
    char path[CALL_PATH_MAX];
    int code = need_id(a, 0, 'k', &id);
    if (code != EXIT_DONE)
        return code;
    (void)snprintf(path, sizeof path, "/v1/tokens/%s", id.text);
    return send_and_show(c, &(struct call){.method = "DELETE", .path = path});
}
