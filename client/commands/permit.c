#include "client/commands/permit.h"

#include <stdio.h>

#include "base/codec.h"
#include "client/command.h"
#include "client/show/permit_words.h"

int permit_list(struct client *c, const struct arguments *a)
{
    (void)a;
    static const struct list_column columns[] = {{"id", "id"}, {"state", "state"}, {"application", "application"}, {"needs", "needs"}};
    return show_list(c, "/v1/permits", columns, 4);
}

int permit_fetch(struct client *c, const struct document_id *id, struct buffer *ret_payload, struct permit **ret)
{
    struct why why = {0};
    char path[CALL_PATH_MAX];
    struct json *document CLEANUP(json_freep) = NULL;
    buffer_init(ret_payload, PERMIT_BYTES_MAX);
    (void)snprintf(path, sizeof path, "/v1/permits/%s", id->text);
    int code = client_call(c, &(struct call){.method = "GET", .path = path}, &document);
    if (code != EXIT_DONE)
        return code;
    struct permit *p CLEANUP(permit_freep) = NULL;
    result r = base64_parse(json_text(json_get(document, "payload")), ret_payload, &why);
    if (r.code == OK)
        r = permit_read(buffer_slice(ret_payload), &p, &why);
    if (r.code == OK && !document_id_equal(&p->id, id))
        r = FAIL(&why, DENIED, "the broker sent permit %s instead of %s", p->id.text, id->text);
    if (r.code == OK && c->profile.network.text[0] && !label_equal(&p->network, &c->profile.network))
        r = FAIL(&why, DENIED, "the permit is of network '%s', the profile says '%s'", p->network.text, c->profile.network.text);
    if (r.code != OK)
        return client_fail(EXIT_UNVERIFIED, &why);
    *ret = MOVE(p);
    return EXIT_DONE;
}

int permit_show(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    struct document_id id;
    char path[CALL_PATH_MAX];
    int code = need_id(a, 0, 'p', &id);
    if (code != EXIT_DONE)
        return code;
    (void)snprintf(path, sizeof path, "/v1/permits/%s", id.text);
    struct json *document CLEANUP(json_freep) = NULL;
    code = client_call(c, &(struct call){.method = "GET", .path = path}, &document);
    if (code != EXIT_DONE)
        return code;
    if (c->json)
        return client_print_json(document);
    struct buffer payload CLEANUP(buffer_done) = {0}, text CLEANUP(buffer_done) = {0};
    buffer_init(&payload, PERMIT_BYTES_MAX);
    buffer_init(&text, OUTPUT_BYTES_MAX);
    struct permit *p CLEANUP(permit_freep) = NULL;
    result r = base64_parse(json_text(json_get(document, "payload")), &payload, &why);
    if (r.code == OK)
        r = permit_read(buffer_slice(&payload), &p, &why);
    if (r.code == OK)
        r = permit_words(p, &text, &why);
    if (r.code == OK)
        r = used_words(json_get(document, "used"), &text, &why);
    if (r.code == OK)
        r = buffer_add_str(&text, "  state       ", &why);
    if (r.code == OK)
        r = document_line(json_get(document, "state"), &text, &why);
    if (r.code == OK)
        r = buffer_add_byte(&text, '\n', &why);
    if (r.code == OK && json_size(json_get(document, "needs")) > 0) {
        r = buffer_add_str(&text, "  needs       ", &why);
        if (r.code == OK)
            r = document_line(json_get(document, "needs"), &text, &why);
        if (r.code == OK)
            r = buffer_add_byte(&text, '\n', &why);
    }
    return r.code == OK ? client_print(&text) : client_fail(EXIT_UNVERIFIED, &why);
}

/* Shows in words what will be signed, and asks. */
static int agree(const struct permit *p, const struct arguments *a)
{
    struct why why = {0};
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 4 * PERMIT_BYTES_MAX);
    if (permit_words(p, &text, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    (void)fprintf(stderr, "You are about to sign:\n\n%.*s\n", (int)text.len, (const char *)text.at);
    if (arguments_flag(a, "yes"))
        return EXIT_DONE;
    bool yes = false;
    if (terminal_ask_yes("Sign it with your key? [y/N] ", &yes, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    return yes ? EXIT_DONE : client_usage("not signed");
}

static result sign(struct client *c, struct slice payload, struct json *body, struct why *why)
{
    struct signing_key *key CLEANUP(signing_key_freep) = NULL;
    struct public_key public;
    uint8_t signature[SIGNATURE_LEN];
    char keyid[2 * HASH_LEN + 1];
    struct buffer pae CLEANUP(buffer_done) = {0};
    buffer_init(&pae, 2 * PERMIT_BYTES_MAX);
    TRY(profile_key(c->host, &c->profile, &key, why));
    TRY(signing_key_public(key, &public, why));
    TRY(envelope_pae(TYPE_PERMIT, payload, &pae, why));
    TRY(key_sign(key, buffer_slice(&pae), signature, why));
    public_key_id(&public, keyid);
    json_set(body, "keyid", json_of_str(keyid));
    json_set(body, "sig", json_of_base64(slice_of(signature, sizeof signature)));
    return DONE;
}

int permit_sign(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    struct document_id id;
    char path[CALL_PATH_MAX];
    struct buffer payload CLEANUP(buffer_done) = {0};
    struct permit *p CLEANUP(permit_freep) = NULL;
    struct json *body CLEANUP(json_freep) = json_object();
    buffer_init(&payload, 0);
    int code = need_id(a, 0, 'p', &id);
    if (code == EXIT_DONE)
        code = permit_fetch(c, &id, &payload, &p);
    if (code == EXIT_DONE)
        code = agree(p, a);
    if (code != EXIT_DONE)
        return code;
    if (sign(c, buffer_slice(&payload), body, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    (void)snprintf(path, sizeof path, "/v1/permits/%s/signatures", id.text);
    return send_and_show(c, &(struct call){.method = "POST", .path = path, .body = body});
}

static int change_state(struct client *c, const struct arguments *a, const char *state)
{
    struct why why = {0};
    struct document_id id;
    const char *reason;
    char path[CALL_PATH_MAX];
    int code = need_id(a, 0, 'p', &id);
    if (code != EXIT_DONE)
        return code;
    if (arguments_need(a, "reason", &reason, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    struct json *body CLEANUP(json_freep) = json_object();
    json_set(body, "state", json_of_str(state));
    json_set(body, "reason", json_of_str(reason));
    (void)snprintf(path, sizeof path, "/v1/permits/%s/status", id.text);
    return send_and_show(c, &(struct call){.method = "POST", .path = path, .body = body});
}

int permit_revoke(struct client *c, const struct arguments *a)
{
    return change_state(c, a, "revoked");
}

int permit_suspend(struct client *c, const struct arguments *a)
{
    return change_state(c, a, "suspended");
}

int permit_resume(struct client *c, const struct arguments *a)
{
    return change_state(c, a, "live");
}

static int follow(struct client *c, const struct arguments *a, const char *what, const struct json *body)
{
    struct document_id id;
    char path[CALL_PATH_MAX];
    int code = need_id(a, 0, 'p', &id);
    (void)snprintf(path, sizeof path, "/v1/permits/%s/%s", code == EXIT_DONE ? id.text : "", what);
    return code == EXIT_DONE ? send_and_show(c, &(struct call){.method = "POST", .path = path, .body = body}) : code;
}

int permit_amend(struct client *c, const struct arguments *a)
{
    return follow(c, a, "amendments", NULL);
}

int permit_renew(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    const char *to;
    if (arguments_need(a, "to", &to, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    struct json *body CLEANUP(json_freep) = json_object();
    json_set(body, "to", json_of_str(to));
    return follow(c, a, "renewals", body);
}
