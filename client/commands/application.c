#include "client/command.h"

#include <stdio.h>

#include "client/clean_text.h"
#include "policy/attachment.h"
#include "policy/fee.h"
#include "proto/crypto.h"

static int path_of(const struct arguments *a, const char *what, char path[CALL_PATH_MAX])
{
    struct document_id id;
    int code = need_id(a, 0, 'a', &id);
    (void)snprintf(path, CALL_PATH_MAX, "/v1/applications/%s%s", code == EXIT_DONE ? id.text : "", what);
    return code;
}

/* body (taken over) holds what the step needs beside command and version. */
static int step(struct client *c, const struct arguments *a, const char *command, struct json *body)
{
    struct json *held CLEANUP(json_freep) = body;
    char path[CALL_PATH_MAX];
    int64_t version = 0;
    int code = path_of(a, "", path);
    if (code == EXIT_DONE)
        code = version_for_step(c, a, path, &version);
    if (code == EXIT_DONE)
        code = path_of(a, "/steps", path);
    if (code != EXIT_DONE)
        return code;
    json_set(held, "command", json_of_str(command));
    json_set(held, "version", json_of_integer(version));
    return send_and_show(c, &(struct call){.method = "POST", .path = path, .body = held});
}

static struct json *text_body(const char *text)
{
    struct json *body = json_object();
    if (text)
        json_set(body, "text", json_of_str(text));
    return body;
}

static int step_with_text(struct client *c, const struct arguments *a, const char *command, const char *option)
{
    struct why why = {0};
    const char *text;
    if (arguments_need(a, option, &text, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    return step(c, a, command, text_body(text));
}

/* A file: makes the application and submits it.  An id: submits the draft. */
int application_submit(struct client *c, const struct arguments *a)
{
    struct document_id id;
    struct json *body CLEANUP(json_freep) = NULL;
    if (document_id_parse(slice_str(a->words[0]), 'a', &id, NULL).code == OK)
        return step(c, a, "submit", json_object());
    int code = client_read_json(c, a->words[0], &body);
    if (code != EXIT_DONE)
        return code;
    return send_and_show(c, &(struct call){.method = "POST", .path = "/v1/applications", .body = body});
}

int application_create(struct client *c, const struct arguments *a)
{
    struct json *body CLEANUP(json_freep) = NULL;
    int code = client_read_json(c, a->words[0], &body);
    if (code != EXIT_DONE)
        return code;
    return send_and_show(c, &(struct call){.method = "POST", .path = "/v1/applications?draft=1", .body = body});
}

int application_list(struct client *c, const struct arguments *a)
{
    char path[CALL_PATH_MAX];
    const char *state = arguments_value(a, "state");
    static const struct list_column columns[] = {{"id", "id"}, {"state", "state"}, {"outcome", "outcome"}, {"due", "due"},
                                                 {"title", "title"}, {"purpose", "purpose"}, {"permit", "permit"}};
    if (state && strspn(state, "abcdefghijklmnopqrstuvwxyz_") != strlen(state)) {
        (void)fprintf(stderr, "innsyn: --state: '%.40s' is no state of an application\n", state);
        return EXIT_USAGE;
    }
    (void)snprintf(path, sizeof path, "/v1/applications%s%.40s", state ? "?state=" : "", state ? state : "");
    return show_list(c, path, columns, 7);
}

int application_show(struct client *c, const struct arguments *a)
{
    char path[CALL_PATH_MAX];
    int code = path_of(a, "", path);
    return code == EXIT_DONE ? show_document(c, path) : code;
}

static int with_form(struct client *c, const struct arguments *a, const char *command, const char *file, struct json *body)
{
    struct json *held = body, *form = NULL;
    int code = file ? client_read_json(c, file, &form) : EXIT_DONE;
    if (code != EXIT_DONE) {
        json_free(held);
        return code;
    }
    if (form)
        json_set(held, "form", form);
    return step(c, a, command, held);
}

int application_edit(struct client *c, const struct arguments *a)
{
    return with_form(c, a, "edit", a->words[1], json_object());
}

int application_answer(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    const char *text;
    if (arguments_need(a, "text", &text, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    return with_form(c, a, "answer", arguments_value(a, "form"), text_body(text));
}

int application_accept(struct client *c, const struct arguments *a)
{
    return step(c, a, "accept", json_object());
}

int application_decline(struct client *c, const struct arguments *a)
{
    return step(c, a, "decline", json_object());
}

int application_screen(struct client *c, const struct arguments *a)
{
    return step(c, a, "screen", text_body(arguments_value(a, "text")));
}

int application_complete(struct client *c, const struct arguments *a)
{
    return step(c, a, "complete", text_body(arguments_value(a, "text")));
}

int application_ask(struct client *c, const struct arguments *a)
{
    return step_with_text(c, a, "ask", "text");
}

int application_extend(struct client *c, const struct arguments *a)
{
    return step_with_text(c, a, "extend", "reason");
}

int application_withdraw(struct client *c, const struct arguments *a)
{
    return step(c, a, "withdraw", text_body(arguments_value(a, "reason")));
}

int application_copy(struct client *c, const struct arguments *a)
{
    char path[CALL_PATH_MAX];
    int code = path_of(a, "/copies", path);
    return code == EXIT_DONE ? send_and_show(c, &(struct call){.method = "POST", .path = path}) : code;
}

int application_opinion(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    const char *site, *opinion = a->words[1];
    struct site_id parsed;
    if (strcmp(opinion, "approve") != 0 && strcmp(opinion, "deny") != 0 && strcmp(opinion, "conditions") != 0)
        return client_usage("the opinion must be approve, conditions (in --text; they become obligations) or deny");
    result r = arguments_need(a, "site", &site, &why);
    if (r.code == OK)
        r = site_id_parse(slice_str(site), &parsed, &why);
    if (r.code != OK)
        return client_fail(EXIT_USAGE, &why);
    struct json *body = text_body(arguments_value(a, "text"));
    json_set(body, "site", json_of_str(parsed.text));
    json_set(body, "opinion", json_of_str(opinion));
    return step(c, a, "opinion", body);
}

int application_decide(struct client *c, const struct arguments *a)
{
    const char *decision = a->words[1];
    if (strcmp(decision, "grant") != 0 && strcmp(decision, "refuse") != 0)
        return client_usage("the decision must be grant or refuse");
    struct why why = {0};
    const char *reason, *ground = arguments_value(a, "ground"), *deviation = arguments_value(a, "deviation");
    if (arguments_need(a, "reason", &reason, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    struct json *body = text_body(reason);
    if (ground)
        json_set(body, "ground", json_of_str(ground));
    if (deviation)
        json_set(body, "deviation", json_of_str(deviation));
    return step(c, a, decision, body);
}

int application_estimate(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    const char *text, *given;
    uint64_t fee = 0;
    result r = arguments_need(a, "fee", &given, &why);
    if (r.code == OK)
        r = arguments_number(a, "fee", 0, FEE_MAX, &fee, &why);
    if (r.code == OK)
        r = arguments_need(a, "text", &text, &why);
    if (r.code != OK)
        return client_fail(EXIT_USAGE, &why);
    struct json *body = text_body(text);
    json_set(body, "fee", json_of_integer((int64_t)fee));
    return step(c, a, "estimate", body);
}

int application_agree(struct client *c, const struct arguments *a)
{
    return step(c, a, "agree", json_object());
}

int application_transfer(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    const char *text;
    if (arguments_need(a, "text", &text, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    struct json *body = text_body(text);
    json_set(body, "account", json_of_str(a->words[1]));
    return step(c, a, "transfer", body);
}

int application_appeal(struct client *c, const struct arguments *a)
{
    return step_with_text(c, a, "appeal", "text");
}

int application_judge(struct client *c, const struct arguments *a)
{
    const char *judgement = a->words[1];
    if (strcmp(judgement, "uphold") != 0 && strcmp(judgement, "reopen") != 0)
        return client_usage("the judgement must be uphold (the refusal stands) or reopen");
    return step_with_text(c, a, judgement, "reason");
}

int application_assessment(struct client *c, const struct arguments *a)
{
    struct document_id id;
    char path[CALL_PATH_MAX];
    struct json *document CLEANUP(json_freep) = NULL;
    int code = need_id(a, 0, 'a', &id);
    (void)snprintf(path, sizeof path, "/v1/applications/%s/assessment", code == EXIT_DONE ? id.text : "");
    if (code == EXIT_DONE)
        code = client_call(c, &(struct call){.method = "GET", .path = path}, &document);
    return code == EXIT_DONE ? assessment_show(c, document) : code;
}

/* --- letter, forms, register --- */

static result clean_lines(struct slice text, struct buffer *to, struct why *why)
{
    while (text.len) {
        size_t end = slice_find(text, '\n');
        TRY(clean_text(slice_part(text, 0, end), to, why));
        TRY(buffer_add_byte(to, '\n', why));
        text = slice_part(text, end + 1, text.len);
    }
    return DONE;
}

static int letter(struct client *c, const struct arguments *a, const char *about)
{
    struct why why = {0};
    char path[CALL_PATH_MAX], what[64];
    const char *language = arguments_value(a, "lang");
    struct json *document CLEANUP(json_freep) = NULL;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    if (language && strcmp(language, "nb") != 0 && strcmp(language, "en") != 0)
        return client_usage("the letter is written in nb or en");
    (void)snprintf(what, sizeof what, "/letter?lang=%s&about=%s", language ? language : "nb", about);
    int code = path_of(a, what, path);
    if (code == EXIT_DONE)
        code = client_call(c, &(struct call){.method = "GET", .path = path}, &document);
    if (code != EXIT_DONE)
        return code;
    if (c->json)
        return client_print_json(document);
    if (clean_lines(json_text(json_get(document, "text")), &text, &why).code != OK)
        return client_fail(EXIT_UNREACHABLE, &why);
    return client_print(&text);
}

int application_letter(struct client *c, const struct arguments *a)
{
    return letter(c, a, "decision");
}

int application_fee(struct client *c, const struct arguments *a)
{
    return letter(c, a, "fee");
}

/* --- attachments --- */

static const char *file_name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int application_attach(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    char path[CALL_PATH_MAX];
    const char *file = a->words[1], *name = arguments_value(a, "name") ? arguments_value(a, "name") : file_name_of(file);
    int64_t version = 0;
    struct buffer content CLEANUP(buffer_done) = {0}, where CLEANUP(buffer_done) = {0};
    buffer_init(&content, ATTACHMENT_BYTES_MAX);
    buffer_init(&where, CALL_PATH_MAX);
    if (host_read_file(c->host, file, ATTACHMENT_BYTES_MAX, &content, &why).code != OK) {
        (void)fprintf(stderr, "innsyn: %s: ", file);
        return client_fail(EXIT_USAGE, &why);
    }
    int code = path_of(a, "", path);
    if (code == EXIT_DONE)
        code = version_for_step(c, a, path, &version);
    if (code != EXIT_DONE)
        return code;
    result r = buffer_printf(&where, &why, "%s/attachments?version=%lld&name=", path, (long long)version);
    if (r.code == OK)
        r = add_escaped(slice_str(name), &where, &why);
    if (r.code != OK || !buffer_str(&where))
        return client_usage("the file's name is too long");
    return send_and_show(c, &(struct call){.method = "POST", .path = buffer_str(&where), .raw = buffer_slice(&content)});
}

int application_detach(struct client *c, const struct arguments *a)
{
    struct document_id id;
    int code = need_id(a, 1, 'f', &id);
    if (code != EXIT_DONE)
        return code;
    struct json *body = json_object();
    json_set(body, "attachment", json_of_str(id.text));
    return step(c, a, "detach", body);
}

/* Written where the person says: a name that came from elsewhere never chooses a place here. */
int application_attachment(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    struct document_id id;
    char path[CALL_PATH_MAX];
    const char *file;
    struct buffer content CLEANUP(buffer_done) = {0};
    buffer_init(&content, ATTACHMENT_BYTES_MAX);
    int code = need_id(a, 0, 'f', &id);
    if (code == EXIT_DONE && arguments_need(a, "out", &file, &why).code != OK)
        code = client_fail(EXIT_USAGE, &why);
    if (code != EXIT_DONE)
        return code;
    (void)snprintf(path, sizeof path, "/v1/attachments/%s", id.text);
    code = client_bytes(c, path, false, &content);
    if (code == EXIT_DONE && host_write_file(c->host, file, 0600, buffer_slice(&content), &why).code != OK)
        code = client_fail(EXIT_USAGE, &why);
    return code;
}

/* --- the whole case as one file --- */

/* The files' content, checked against the hashes that the case names. */
static int add_contents(struct client *c, struct json *document)
{
    struct why why = {0};
    const struct json *list = json_get(json_get(document, "application"), "attachments");
    struct json *contents = json_array();
    json_set(document, "attachments", contents);
    for (size_t i = 0; i < json_size(list); i++) {
        char path[CALL_PATH_MAX], hex[2 * HASH_LEN + 1];
        struct document_id id;
        struct buffer content CLEANUP(buffer_done) = {0};
        struct slice text = json_text(json_get(json_item(list, i), "id"));
        buffer_init(&content, ATTACHMENT_BYTES_MAX);
        if (document_id_parse(text, 'f', &id, &why).code != OK)
            return client_fail(EXIT_UNREACHABLE, &why);
        (void)snprintf(path, sizeof path, "/v1/attachments/%s", id.text);
        int code = client_bytes(c, path, false, &content);
        if (code != EXIT_DONE)
            return code;
        struct hash h = sha256(buffer_slice(&content));
        hash_print(&h, hex);
        if (!slice_is(json_text(json_get(json_item(list, i), "sha256")), hex)) {
            tolerate(FAIL(&why, DENIED, "the attachment %s is not the one whose hash the case names", id.text));
            return client_fail(EXIT_UNVERIFIED, &why);
        }
        struct json *one = json_object();
        json_set(one, "id", json_of_str(id.text));
        json_set(one, "content", json_of_base64(buffer_slice(&content)));
        json_add(contents, one);
    }
    return EXIT_DONE;
}

int application_export(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    char path[CALL_PATH_MAX];
    const char *file;
    struct json *document CLEANUP(json_freep) = NULL;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    if (arguments_need(a, "out", &file, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    int code = path_of(a, "/export", path);
    if (code == EXIT_DONE)
        code = client_call(c, &(struct call){.method = "GET", .path = path}, &document);
    if (code == EXIT_DONE)
        code = add_contents(c, document);
    if (code != EXIT_DONE)
        return code;
    if (json_print(document, &text, &why).code != OK)
        return client_fail(EXIT_UNREACHABLE, &why);
    if (host_write_file(c->host, file, 0600, buffer_slice(&text), &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    struct json *said CLEANUP(json_freep) = json_object();
    struct hash h = sha256(buffer_slice(&text));
    json_set(said, "file", json_of_str(file));
    json_set(said, "sha256", json_of_hex(slice_of(h.at, HASH_LEN)));
    json_set(said, "entries", json_of_integer((int64_t)json_size(json_get(json_get(document, "log"), "entries"))));
    if (c->json)
        return client_print_json(said);
    buffer_clear(&text);
    return document_show(said, &text, &why).code == OK ? client_print(&text) : client_fail(EXIT_UNREACHABLE, &why);
}

int application_forms(struct client *c, const struct arguments *a)
{
    (void)a;
    return send_and_show(c, &(struct call){.method = "GET", .path = "/v1/forms", .anonymous = true});
}

/* The year's figures, for anyone. */
static int register_year(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    char path[CALL_PATH_MAX], year_text[24] = "";
    uint64_t year = 0;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    if (arguments_number(a, "year", 2000, 9998, &year, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    if (year)
        (void)snprintf(year_text, sizeof year_text, "&year=%u", (unsigned)year);
    bool csv = arguments_flag(a, "csv");
    (void)snprintf(path, sizeof path, "/v1/register/report?format=%s%s", csv ? "csv" : "json", year_text);
    if (!csv)
        return send_and_show(c, &(struct call){.method = "GET", .path = path, .anonymous = true});
    int code = client_text(c, path, &text);
    return code == EXIT_DONE ? client_print(&text) : code;
}

int register_show(struct client *c, const struct arguments *a)
{
    if (a->word_count == 1)
        return strcmp(a->words[0], "report") == 0 ? register_year(c, a) : client_usage("the form is: innsyn register [report [--year Y] [--csv]]");
    static const struct list_column columns[] = {{"application", "application"}, {"received", "received"}, {"state", "state"},
                                                 {"outcome", "outcome"}, {"organisation", "organisation"}, {"purpose", "purpose"},
                                                 {"title", "title"}, {"justification", "justification"}};
    return show_public_list(c, "/v1/register", columns, 8);
}
