#include "client/client.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "client/clean_text.h"
#include "client/problem.h"

void client_done(struct client *c)
{
    transport_free(c->transport);
    c->transport = NULL;
}

int client_fail(enum exit_code code, const struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 16 * 1024);
    if (clean_text(slice_str(why->text), &text, NULL).code == OK && why->field[0]) {
        tolerate(buffer_add_str(&text, " (", NULL));
        tolerate(clean_text(slice_str(why->field), &text, NULL));
        tolerate(buffer_add_byte(&text, ')', NULL));
    }
    (void)fprintf(stderr, "innsyn: %s%.*s\n", code == EXIT_UNVERIFIED ? "NOT VERIFIED: " : "", SLICE_ARG(buffer_slice(&text)));
    return (int)code;
}

int client_usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("innsyn: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return EXIT_USAGE;
}

void client_say(const struct client *c, const char *format, ...)
{
    if (c->json)
        return;
    va_list args;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
}

int client_print(const struct buffer *text)
{
    if (fwrite(text->at, 1, text->len, stdout) == text->len && fflush(stdout) == 0)
        return EXIT_DONE;
    struct why why = {.text = "standard output cannot be written"};
    return client_fail(EXIT_UNREACHABLE, &why);
}

int client_print_json(const struct json *document)
{
    struct why why = {0};
    struct buffer text CLEANUP(buffer_done) = {0}, clean CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    buffer_init(&clean, OUTPUT_BYTES_MAX);
    result r = json_print(document, &text, &why);
    if (r.code == OK)
        r = clean_json(buffer_slice(&text), &clean, &why);
    if (r.code == OK)
        r = buffer_add_byte(&clean, '\n', &why);
    return r.code == OK ? client_print(&clean) : client_fail(EXIT_UNREACHABLE, &why);
}

int client_read_file(struct client *c, const char *path, struct buffer *ret)
{
    struct why why = {0};
    buffer_init(ret, LOCAL_FILE_MAX);
    if (strcmp(path, "-") == 0)
        path = "/dev/stdin";
    result r = host_read_file(c->host, path, LOCAL_FILE_MAX, ret, &why);
    if (r.code == OK)
        return EXIT_DONE;
    (void)fprintf(stderr, "innsyn: %s: %s\n", path, why.text);
    return EXIT_USAGE;
}

int client_read_json(struct client *c, const char *path, struct json **ret)
{
    struct why why = {0};
    struct buffer text CLEANUP(buffer_done) = {0};
    int code = client_read_file(c, path, &text);
    if (code != EXIT_DONE)
        return code;
    if (json_parse(buffer_slice(&text), LOCAL_FILE_MAX, ret, &why).code == OK)
        return EXIT_DONE;
    (void)fprintf(stderr, "innsyn: %s: ", path);
    return client_fail(EXIT_USAGE, &why);
}

static int connect_once(struct client *c)
{
    struct why why = {0};
    char ca[PROFILE_PATH_MAX];
    if (c->transport)
        return EXIT_DONE;
    if (profile_path(&c->profile, c->profile.ca, ca, &why).code != OK ||
        transport_new(c->profile.url, ca, &c->transport, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    return EXIT_DONE;
}

static int say_problem(const struct client *c, const struct answer *a, bool quiet)
{
    struct why why = {0};
    struct json *problem CLEANUP(json_freep) = NULL;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 64 * 1024);
    tolerate(json_parse(buffer_slice(&a->body), JSON_BYTES_MAX, &problem, NULL)); /* NULL is shown as "did not say why" */
    enum exit_code code = EXIT_REFUSED;
    if (problem_render(problem, a->status, a->request_id, &text, &code, &why).code != OK)
        return client_fail(EXIT_REFUSED, &why);
    if (quiet)
        return (int)code;
    (void)fwrite(text.at, 1, text.len, stderr);
    if (c->json && problem)
        (void)client_print_json(problem); /* the code of the refusal matters more than this */
    return (int)code;
}

static bool is_method(const struct call *call, const char *method)
{
    return strcmp(call->method, method) == 0;
}

/* Sends and receives; *ret holds an answer of status 2xx on EXIT_DONE. */
static int exchange(struct client *c, const struct call *call, struct answer *ret)
{
    struct why why = {0};
    int code = connect_once(c);
    if (code != EXIT_DONE)
        return code;
    struct secret *token CLEANUP(secret_freep) = NULL;
    struct buffer body CLEANUP(buffer_wipe) = {0};
    buffer_init(&body, JSON_BYTES_MAX);
    struct exchange e = {.method = call->method, .path = call->path, .wait_ms = call->wait_ms};
    if (!call->anonymous) {
        if (profile_token(c->host, &c->profile, &token, &why).code != OK)
            return client_fail(EXIT_REFUSED, &why);
        e.token = secret_bytes(token);
    }
    if (call->body && json_print(call->body, &body, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    e.body = call->raw.len ? call->raw : buffer_slice(&body);
    e.content_type = call->raw.len ? "application/octet-stream" : NULL;
    e.idempotent = call->idempotent || is_method(call, "GET") || is_method(call, "PUT") || is_method(call, "DELETE");
    struct document_id key;
    if (is_method(call, "POST")) {
        if (document_id_new(c->host, 'r', &key, &why).code != OK)
            return client_fail(EXIT_UNREACHABLE, &why);
        e.idempotency_key = key.text;
    }
    result r = transport_call(c->transport, &e, ret, &why);
    if (r.code != OK)
        return call->quiet ? EXIT_UNREACHABLE : client_fail(EXIT_UNREACHABLE, &why);
    if (ret->status < 200 || ret->status > 299)
        return say_problem(c, ret, call->quiet);
    return EXIT_DONE;
}

int client_call_status(struct client *c, const struct call *call, struct json **ret, unsigned *ret_http)
{
    struct why why = {0};
    struct answer answer CLEANUP(answer_done);
    answer_init(&answer);
    *ret_http = 0;
    int code = exchange(c, call, &answer);
    *ret_http = answer.status;
    if (code != EXIT_DONE)
        return code;
    struct slice body = answer.body.len > 0 ? buffer_slice(&answer.body) : slice_str("{}");
    if (json_parse(body, TRANSPORT_ANSWER_BYTES_MAX, ret, &why).code == OK)
        return EXIT_DONE;
    return call->quiet ? EXIT_UNREACHABLE : client_fail(EXIT_UNREACHABLE, &why);
}

int client_call(struct client *c, const struct call *call, struct json **ret)
{
    unsigned http;
    return client_call_status(c, call, ret, &http);
}

int client_bytes(struct client *c, const char *path, bool anonymous, struct buffer *ret)
{
    struct why why = {0};
    struct answer answer CLEANUP(answer_done);
    answer_init(&answer);
    int code = exchange(c, &(struct call){.method = "GET", .path = path, .anonymous = anonymous}, &answer);
    if (code != EXIT_DONE)
        return code;
    return buffer_add(ret, buffer_slice(&answer.body), &why).code == OK ? EXIT_DONE : client_fail(EXIT_UNREACHABLE, &why);
}

int client_text(struct client *c, const char *path, struct buffer *ret)
{
    return client_bytes(c, path, true, ret);
}

/* Everything but letters, digits, '-', '_', '.' and '~' as %XX. */
result add_escaped(struct slice text, struct buffer *to, struct why *why)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t b = text.at[i];
        if ((b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || strchr("-_.~", b ? b : ' '))
            TRY(buffer_add_byte(to, b, why));
        else
            TRY(buffer_printf(to, why, "%%%02X", b));
    }
    return DONE;
}

static int next_path(const char *path, struct slice cursor, struct buffer *to)
{
    struct why why = {0};
    buffer_clear(to);
    result r = buffer_add_str(to, path, &why);
    if (r.code == OK && cursor.len > 0) {
        r = buffer_add_str(to, strchr(path, '?') ? "&cursor=" : "?cursor=", &why);
        if (r.code == OK)
            r = add_escaped(cursor, to, &why);
    }
    if (r.code == OK && !buffer_str(to))
        r = FAIL(&why, LIMIT, "the list's cursor is too long");
    return r.code == OK ? EXIT_DONE : client_fail(EXIT_UNREACHABLE, &why);
}

static int all_pages(struct client *c, const char *path, bool anonymous, struct json **ret)
{
    struct why why = {0};
    struct json *all CLEANUP(json_freep) = json_object(), *page CLEANUP(json_freep) = NULL;
    struct json *items = json_array();
    json_set(all, "items", items);
    struct buffer where CLEANUP(buffer_done) = {0};
    buffer_init(&where, CALL_PATH_MAX);
    for (unsigned pages = 0; pages < LIST_PAGES_MAX; pages++) {
        struct slice cursor = json_text(json_get(page, "next"));
        int code = next_path(path, cursor, &where);
        struct json *next = NULL;
        if (code == EXIT_DONE)
            code = client_call(c, &(struct call){.method = "GET", .path = buffer_str(&where), .anonymous = anonymous}, &next);
        if (code != EXIT_DONE)
            return code;
        json_free(page);
        page = next;
        const struct json *got = json_get(page, "items");
        for (size_t i = 0; i < json_size(got); i++)
            json_add(items, json_copy(json_item(got, i)));
        bool more = json_text(json_get(page, "next")).len > 0;
        if (json_size(items) > LIST_ITEMS_MAX)
            break;
        if (!more) {
            *ret = MOVE(all);
            return EXIT_DONE;
        }
    }
    tolerate(FAIL(&why, LIMIT, "the list has more than %d items or %d pages", LIST_ITEMS_MAX, LIST_PAGES_MAX));
    return client_fail(EXIT_UNREACHABLE, &why);
}

int client_list(struct client *c, const char *path, struct json **ret)
{
    return all_pages(c, path, false, ret);
}

int client_public_list(struct client *c, const char *path, struct json **ret)
{
    return all_pages(c, path, true, ret);
}
