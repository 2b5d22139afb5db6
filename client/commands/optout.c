/*
 * optout.c - the citizen desk: register an opt-out, withdraw it with its receipt, which lists the sites keep.
 * The person's number is read from a file or standard input (never from the command line, which others on the machine
 * can see), checked here, sealed here to each site's key of the verified trust document, and printed nowhere.
 */
#include "client/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/instant.h"
#include "base/secret.h"
#include "client/trust_store.h"
#include "policy/purpose.h"
#include "proto/crypto_cms.h"
#include "proto/document.h"
#include "proto/fields.h"
#include "proto/optout.h"

enum { RECEIPT_BYTES_MAX = 64 * 1024, NUMBER_FILE_MAX = 256 };

struct receipt {
    struct document_id id;
    uint8_t code[OPTOUT_CODE_LEN];
    struct site_id sites[TRUST_KEYS_MAX];
    unsigned site_count;
};

/* --- the number -------------------------------------------------------------------------------- */

static result read_input(struct client *c, const char *path, struct buffer *to, struct why *why)
{
    uint8_t *at;
    if (strcmp(path, "-") != 0)
        return host_read_file(c->host, path, NUMBER_FILE_MAX, to, why);
    TRY(buffer_reserve(to, NUMBER_FILE_MAX, &at, why));
    buffer_commit(to, fread(at, 1, NUMBER_FILE_MAX, stdin));
    return ferror(stdin) ? FAIL(why, UNAVAILABLE, "standard input cannot be read") : DONE;
}

static result read_person(struct client *c, const struct arguments *a, struct optout_request *r, struct why *why)
{
    struct buffer text CLEANUP(buffer_wipe) = {0};
    const char *kind = arguments_value(a, "id-kind"), *file = arguments_value(a, "id-file");
    buffer_init(&text, NUMBER_FILE_MAX);
    if (!kind || !file)
        return FAIL(why, MALFORMED, "give --id-kind fnr|id and --id-file FILE (- for standard input)");
    TRY(person_kind_parse(slice_str(kind), &r->kind, why));
    TRY(read_input(c, file, &text, why));
    struct slice number = buffer_slice(&text);
    while (number.len && (number.at[number.len - 1] == '\n' || number.at[number.len - 1] == '\r'))
        number.len--;
    TRY(person_check(r->kind, number, why));
    return slice_copy_str(number, r->person, sizeof r->person) ? DONE : FAIL(why, MALFORMED, "not a plain text");
}

static result read_purposes(const struct arguments *a, struct optout_purposes *ret, struct why *why)
{
    const char *given = arguments_value(a, "purposes");
    struct json *array CLEANUP(json_freep) = json_array();
    for (struct slice rest = slice_str(given ? given : "*"); rest.len > 0;) {
        size_t end = slice_find(rest, ',');
        struct slice one = slice_part(rest, 0, end);
        if (!slice_is(one, "*") && !purpose_find(one))
            return FAIL(why, MALFORMED, "'%.*s' is no purpose of Article 53(1) (innsyn policy explain lists them)", SLICE_ARG(slice_part(one, 0, 20)));
        json_add(array, json_of_text(one));
        rest = slice_part(rest, end + 1, rest.len);
    }
    return optout_purposes_read(array, "--purposes", ret, why);
}

/* --- the sites --------------------------------------------------------------------------------- */

static result choose_sites(const struct arguments *a, const struct trust *t, struct receipt *r, struct why *why)
{
    const char *given = arguments_value(a, "sites");
    r->site_count = 0;
    for (unsigned i = 0; i < t->site_count && !given; i++)
        if (t->sites[i].optout_key.der_len)
            r->sites[r->site_count++] = t->sites[i].site;
    for (struct slice rest = slice_str(given ? given : ""); rest.len > 0 && r->site_count < TRUST_KEYS_MAX;) {
        size_t end = slice_find(rest, ',');
        TRY(site_id_parse(slice_part(rest, 0, end), &r->sites[r->site_count], why));
        if (!trust_optout_key(t, &r->sites[r->site_count]))
            return FAIL(why, DENIED, "the trust document names no key for opt-outs at site '%s'", r->sites[r->site_count].text);
        r->site_count++;
        rest = slice_part(rest, end + 1, rest.len);
    }
    return r->site_count ? DONE : FAIL(why, DENIED, "no site of the trust document takes opt-outs");
}

/* Sealed to the site, then signed by the desk: a site takes what its network's desks have signed, and nothing else. */
static result seal_for(const struct trust *t, const struct signing_key *desk, struct optout_request *r, const struct site_id *site, struct json *items,
                       struct why *why)
{
    struct envelope e CLEANUP(envelope_done) = {0};
    struct buffer plain CLEANUP(buffer_wipe) = {0}, sealed CLEANUP(buffer_done) = {0};
    const struct public_key *key = trust_optout_key(t, site);
    if (!key)
        return FAIL(why, DENIED, "the trust document names no key for opt-outs at site '%s'", site->text);
    buffer_init(&plain, OPTOUT_PLAIN_LEN);
    buffer_init(&sealed, OPTOUT_SEALED_MAX);
    r->site = *site;
    TRY(optout_request_print(r, &plain, why));
    TRY(cms_seal(key, buffer_slice(&plain), &sealed, why));
    TRY(envelope_make(TYPE_OPTOUT_SEALED, buffer_slice(&sealed), &e, why));
    TRY(envelope_sign(&e, desk, why));
    struct json *one = json_object();
    json_set(one, "site", json_of_str(site->text));
    json_set(one, "sealed", envelope_json(&e));
    json_add(items, one);
    return DONE;
}

static result body_for(struct client *c, const struct trust *t, struct optout_request *r, const struct receipt *receipt, struct json **ret, struct why *why)
{
    struct signing_key *desk CLEANUP(signing_key_freep) = NULL;
    TRY(profile_key(c->host, &c->profile, &desk, why));
    struct json *body CLEANUP(json_freep) = json_object(), *items = json_array();
    json_set(body, "items", items);
    json_set(body, "id", json_of_str(r->id.text));
    json_set(body, "action", json_of_str(optout_action_name(r->action)));
    for (unsigned i = 0; i < receipt->site_count; i++)
        TRY(seal_for(t, desk, r, &receipt->sites[i], items, why));
    *ret = MOVE(body);
    return DONE;
}

/* --- the receipt ------------------------------------------------------------------------------- */

static result write_receipt(struct client *c, const char *path, const struct optout_request *r, const struct receipt *receipt, struct why *why)
{
    struct json *v CLEANUP(json_freep) = json_object(), *sites = json_array();
    struct buffer text CLEANUP(buffer_wipe) = {0};
    buffer_init(&text, RECEIPT_BYTES_MAX);
    for (unsigned i = 0; i < receipt->site_count; i++)
        json_add(sites, json_of_str(receipt->sites[i].text));
    json_set(v, "innsyn", json_of_str("optout-receipt/1"));
    json_set(v, "id", json_of_str(r->id.text));
    json_set(v, "network", json_of_str(r->network.text));
    json_set(v, "sites", sites);
    json_set(v, "purposes", optout_purposes_json(&r->purposes));
    json_set(v, "at", json_of_instant(r->at_ms));
    json_set(v, "code", json_of_base64(slice_of(receipt->code, sizeof receipt->code)));
    TRY(json_print(v, &text, why));
    TRY(buffer_add_byte(&text, '\n', why));
    return host_write_file(c->host, path, 0600, buffer_slice(&text), why);
}

static result read_receipt(const struct json *v, struct label *ret_network, struct receipt *ret, struct why *why)
{
    struct fields f;
    const struct json *sites, *purposes;
    struct slice code;
    int64_t at_ms;
    TRY(fields_open(v, "", &f, why));
    TRY(need_kind(&f, "optout-receipt/1"));
    TRY(need_document_id(&f, "id", 'o', &ret->id));
    TRY(need_label(&f, "network", ret_network));
    TRY(need_array(&f, "sites", TRUST_KEYS_MAX, &sites));
    TRY(need_array(&f, "purposes", OPTOUT_PURPOSES_MAX, &purposes));
    TRY(need_instant(&f, "at", &at_ms));
    TRY(need_text(&f, "code", BASE64_LEN(OPTOUT_CODE_LEN), &code));
    TRY(fields_close(&f));
    if (!base64_parse_exact(code, ret->code, sizeof ret->code))
        return FAIL_AT(why, MALFORMED, "/code", "not the code of a receipt");
    for (size_t i = 0; i < json_size(sites); i++)
        TRY(site_id_parse(json_text(json_item(sites, i)), &ret->sites[ret->site_count++], why));
    return DONE;
}

/* --- commands ---------------------------------------------------------------------------------- */

static int send(struct client *c, const struct json *body, const char *done)
{
    struct json *answer CLEANUP(json_freep) = NULL;
    int code = client_call(c, &(struct call){.method = "POST", .path = "/v1/optouts", .body = body, .idempotent = true}, &answer);
    if (code != EXIT_DONE)
        return code;
    if (c->json)
        return client_print_json(answer);
    (void)printf("%.*s\n", SLICE_ARG(json_text(json_get(answer, "id"))));
    client_say(c, "%s", done);
    return EXIT_DONE;
}

static result prepare(struct client *c, const struct arguments *a, const struct trust *t, struct optout_request *r, struct receipt *receipt,
                      struct why *why)
{
    r->action = OPTOUT_REGISTER;
    r->network = t->network;
    r->at_ms = host_now_ms(c->host);
    TRY(read_person(c, a, r, why));
    TRY(read_purposes(a, &r->purposes, why));
    TRY(choose_sites(a, t, receipt, why));
    TRY(document_id_new(c->host, 'o', &r->id, why));
    TRY(host_random(c->host, receipt->code, sizeof receipt->code, why));
    r->code_hash = sha256(slice_of(receipt->code, sizeof receipt->code));
    return DONE;
}

int optout_register(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    static struct receipt receipt;
    struct optout_request r CLEANUP(optout_request_done) = {.action = OPTOUT_REGISTER};
    struct trust *t CLEANUP(trust_freep) = NULL;
    struct json *body CLEANUP(json_freep) = NULL;
    const char *path = arguments_value(a, "receipt");
    if (!path)
        return client_usage("give --receipt FILE: it is what the opt-out can be withdrawn with");
    int code = trust_store_get(c, true, &t);
    if (code != EXIT_DONE)
        return code;
    result done = prepare(c, a, t, &r, &receipt, &why);
    if (is_ok(done))
        done = body_for(c, t, &r, &receipt, &body, &why);
    if (is_ok(done))
        done = write_receipt(c, path, &r, &receipt, &why); /* before it is sent: nobody is left without one */
    wipe(receipt.code, sizeof receipt.code);
    if (!is_ok(done))
        return client_fail(done.code == DENIED ? EXIT_REFUSED : EXIT_USAGE, &why);
    return send(c, body, "Registered; the sites have it with their next poll. The receipt withdraws it (innsyn optout withdraw FILE).");
}

int optout_withdraw(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    static struct receipt receipt;
    struct optout_request r CLEANUP(optout_request_done) = {.action = OPTOUT_WITHDRAW};
    struct trust *t CLEANUP(trust_freep) = NULL;
    struct json *document CLEANUP(json_freep) = NULL, *body CLEANUP(json_freep) = NULL;
    struct label network;
    int code = client_read_json(c, a->words[0], &document);
    if (code == EXIT_DONE)
        code = trust_store_get(c, true, &t);
    if (code != EXIT_DONE)
        return code;
    result done = read_receipt(document, &network, &receipt, &why);
    if (is_ok(done) && !label_equal(&network, &t->network))
        done = FAIL(&why, DENIED, "the receipt is of network '%s'", network.text);
    r.id = receipt.id;
    r.network = t->network;
    r.at_ms = host_now_ms(c->host);
    memcpy(r.code, receipt.code, sizeof r.code);
    wipe(receipt.code, sizeof receipt.code);
    if (is_ok(done))
        done = body_for(c, t, &r, &receipt, &body, &why);
    if (!is_ok(done))
        return client_fail(done.code == DENIED ? EXIT_REFUSED : EXIT_USAGE, &why);
    return send(c, body, "Withdrawn; what was computed without the person stays as it is.");
}

int optout_show(struct client *c, const struct arguments *a)
{
    struct document_id id;
    char path[CALL_PATH_MAX];
    int code = need_id(a, 0, 'o', &id);
    if (code != EXIT_DONE)
        return code;
    (void)snprintf(path, sizeof path, "/v1/optouts/%s", id.text);
    return show_document(c, path);
}

int optout_versions(struct client *c, const struct arguments *a)
{
    static const struct list_column columns[] = {{"site", "site"}, {"version", "version"}, {"at", "at"}, {"SHA-256 of the list", "list_sha256"}};
    (void)a;
    return show_list(c, "/v1/optouts/lists", columns, 4);
}
