/*
 * proof.c - the log in the public formats: policies, proofs, evidence, a copy as tiles, and a witness.
 */
#include "client/commands/proof.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/codec.h"
#include "client/log/audit_tiles.h"
#include "client/clean_text.h"
#include "client/trust_store.h"

enum { OTHERS_MAX = 100, OTHERS_BYTES_MAX = 16 * 1024 }; /* entries of one request that are named */
enum { LOG_PATH_MAX = PROFILE_PATH_MAX + TILE_PATH_SIZE, EVIDENCE_BYTES_MAX = 128 * 1024, WITNESS_WAIT_MS = 25000, WITNESS_RETRY_S = 5 };

/* --- whom one believes --------------------------------------------------------------------------- */

int log_policy_get(struct client *c, const struct arguments *a, struct log_policy *ret)
{
    struct why why = {0};
    struct trust *trust CLEANUP(trust_freep) = NULL;
    const char *file = arguments_value(a, "policy");
    if (file) {
        struct buffer text CLEANUP(buffer_done) = {0};
        int code = client_read_file(c, file, &text);
        if (code != EXIT_DONE)
            return code;
        return policy_parse(buffer_slice(&text), ret, &why).code == OK ? EXIT_DONE : client_fail(EXIT_USAGE, &why);
    }
    int code = trust_store_get(c, false, &trust);
    if (code != EXIT_DONE)
        return code;
    return policy_of_trust(trust, ret, &why).code == OK ? EXIT_DONE : client_fail(EXIT_UNVERIFIED, &why);
}

static struct log_policy *policy_new(struct client *c, const struct arguments *a, int *ret_code)
{
    struct why why = {0};
    struct log_policy *p = calloc(1, sizeof *p); /* large */
    if (!p) {
        tolerate(FAIL(&why, LIMIT, "no memory for a policy"));
        *ret_code = client_fail(EXIT_UNREACHABLE, &why);
        return NULL;
    }
    *ret_code = log_policy_get(c, a, p);
    if (*ret_code == EXIT_DONE)
        return p;
    free(p);
    return NULL;
}

result log_cosigners_words(const struct log_policy *p, const struct policy_verdict *v, struct buffer *to, struct why *why)
{
    if (v->witnesses == 0)
        return buffer_add_str(to, "  witnesses  none are named: a split view would not be noticed here\n", why);
    TRY(buffer_printf(to, why, "  witnesses  %u of %u have cosigned\n", v->cosigned, v->witnesses));
    for (unsigned i = 0; i < p->count; i++)
        if (p->parts[i].is_witness && !v->holds[i])
            TRY(buffer_printf(to, why, "  missing    the cosignature of %s\n", p->parts[i].name));
    return v->unreadable ? buffer_printf(to, why, "  unreadable %u signature lines\n", v->unreadable) : DONE;
}

void log_cosigners_json(const struct log_policy *p, const struct policy_verdict *v, struct json *to)
{
    struct json *cosigned = json_array(), *missing = json_array();
    for (unsigned i = 0; i < p->count; i++)
        if (p->parts[i].is_witness)
            json_add(v->holds[i] ? cosigned : missing, json_of_str(p->parts[i].name));
    json_set(to, "cosigned", cosigned);
    json_set(to, "missing", missing);
}

int audit_policy(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    int code;
    struct buffer text CLEANUP(buffer_done) = {0};
    struct log_policy *p = policy_new(c, a, &code);
    if (!p)
        return code;
    buffer_init(&text, POLICY_BYTES_MAX);
    result r = policy_print(p, &text, &why);
    free(p);
    return r.code == OK ? client_print(&text) : client_fail(EXIT_UNREACHABLE, &why);
}

/* --- proofs --------------------------------------------------------------------------------------- */

int log_verify_proof(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    int code;
    struct buffer text CLEANUP(buffer_done) = {0}, out CLEANUP(buffer_done) = {0};
    struct log_proof proof;
    struct policy_verdict v;
    struct log_policy *p = policy_new(c, a, &code);
    if (!p)
        return code;
    log_proof_init(&proof);
    buffer_init(&out, 4 * PROOF_ENTRY_MAX);
    code = client_read_file(c, arguments_value(a, "proof"), &text);
    result r = code == EXIT_DONE ? log_proof_parse(buffer_slice(&text), &proof, &why) : DONE;
    if (code == EXIT_DONE && r.code == OK)
        r = log_proof_check(&proof, p, &v, &why);
    if (code == EXIT_DONE && r.code == OK)
        r = buffer_printf(&out, &why, "The proof holds: entry %llu is in the log %s of %llu entries.\n", (unsigned long long)proof.index,
                          v.checkpoint.origin, (unsigned long long)v.checkpoint.size);
    if (code == EXIT_DONE && r.code == OK)
        r = log_cosigners_words(p, &v, &out, &why);
    if (code == EXIT_DONE && r.code == OK)
        r = clean_text(buffer_slice(&proof.entry), &out, &why);
    if (code == EXIT_DONE && r.code == OK)
        r = buffer_add_byte(&out, '\n', &why);
    log_proof_done(&proof);
    free(p);
    if (code != EXIT_DONE)
        return code;
    return r.code == OK ? client_print(&out) : client_fail(EXIT_UNVERIFIED, &why);
}

static result read_proof(const struct json *list, struct merkle_proof *ret, struct why *why)
{
    struct merkle_proof p = {.count = 0};
    if (json_size(list) > MERKLE_PROOF_MAX)
        return FAIL(why, DENIED, "the broker's proof is too long");
    for (size_t i = 0; i < json_size(list); i++)
        if (!base64_parse_exact(json_text(json_item(list, i)), p.hashes[p.count++].at, HASH_LEN))
            return FAIL(why, DENIED, "the broker's proof is not one");
    *ret = p;
    return DONE;
}

/* The entry of a finished query's release, from its receipt; EXIT_REFUSED without a word: there is none for this account. */
static int entry_of_receipt(struct client *c, const char *id, struct log_proof *proof)
{
    struct why why = {0};
    char path[CALL_PATH_MAX];
    struct json *query CLEANUP(json_freep) = NULL;
    (void)snprintf(path, sizeof path, "/v1/queries/%s", id);
    int code = client_call(c, &(struct call){.method = "GET", .path = path}, &query);
    if (code != EXIT_DONE)
        return code;
    const struct json *entry = json_get(json_get(json_get(query, "result"), "receipt"), "entry");
    if (json_kind(entry) != JSON_OBJECT)
        return EXIT_REFUSED;
    if (base64_parse(json_text(json_get(entry, "bytes")), &proof->entry, &why).code != OK)
        return client_fail(EXIT_UNVERIFIED, &why);
    proof->index = (uint64_t)json_integer(json_get(entry, "index"));
    return EXIT_DONE;
}

/* The newest entry of `type` that names the id (auditor); *ret_found false: there is none. */
static int entry_by_search(struct client *c, const char *term, const char *id, const char *type, struct log_proof *proof, bool *ret_found)
{
    struct why why = {0};
    char path[CALL_PATH_MAX];
    struct json *answer CLEANUP(json_freep) = NULL;
    (void)snprintf(path, sizeof path, "/v1/log/search?limit=1&%s=%s&type=%.40s", term, id, type);
    int code = client_call(c, &(struct call){.method = "GET", .path = path}, &answer);
    if (code != EXIT_DONE)
        return code;
    const struct json *items = json_get(answer, "items");
    *ret_found = json_size(items) > 0;
    if (!*ret_found)
        return EXIT_DONE;
    buffer_clear(&proof->entry);
    proof->index = (uint64_t)json_integer(json_get(json_item(items, 0), "index"));
    return json_print(json_get(json_item(items, 0), "entry"), &proof->entry, &why).code == OK ? EXIT_DONE : client_fail(EXIT_UNVERIFIED, &why);
}

/* The oldest entry that a request left (and of the type asked for): what it did itself comes before what followed from it.
 * The others are named, so that each can be proven by its index. */
static int entry_of_request(struct client *c, const char *id, const char *type, struct log_proof *proof)
{
    struct why why = {0};
    char path[CALL_PATH_MAX];
    struct json *answer CLEANUP(json_freep) = NULL;
    struct buffer others CLEANUP(buffer_done) = {0};
    buffer_init(&others, OTHERS_BYTES_MAX);
    (void)snprintf(path, sizeof path, "/v1/log/search?limit=%d&order=up&request=%s%s%.40s", OTHERS_MAX, id, type ? "&type=" : "", type ? type : "");
    int code = client_call(c, &(struct call){.method = "GET", .path = path}, &answer);
    if (code != EXIT_DONE)
        return code;
    const struct json *items = json_get(answer, "items");
    if (json_size(items) == 0) {
        tolerate(FAIL(&why, ABSENT, "no %s%sentry that you may see names the request %s: one is left by what changes something, is refused, or reads the log; "
                      "a question's answers stand under its query's id", type ? type : "", type ? " " : "", id));
        return client_fail(EXIT_REFUSED, &why);
    }
    result r = json_print(json_get(json_item(items, 0), "entry"), &proof->entry, &why);
    proof->index = (uint64_t)json_integer(json_get(json_item(items, 0), "index"));
    for (size_t i = 1; is_ok(r) && i < json_size(items); i++)
        r = buffer_printf(&others, &why, "%s%lld (%.*s)", i > 1 ? ", " : "", (long long)json_integer(json_get(json_item(items, i), "index")),
                          SLICE_ARG(json_text(json_get(json_get(json_item(items, i), "entry"), "type"))));
    if (!is_ok(r))
        return client_fail(EXIT_UNVERIFIED, &why);
    if (json_size(items) > 1)
        client_say(c, "The request left more: %s%s", buffer_str(&others), json_get(answer, "next") ? ", ..." : "");
    return EXIT_DONE;
}

/* The entry that an id stands for: of the type asked for, else the first of these that there is. */
static int entry_of(struct client *c, char kind, const char *id, const char *type, struct log_proof *proof)
{
    static const char *const query_types[] = {"release", "cancel", "query_refused", "query", NULL}, *const permit_types[] = {"permit", "permit_draft", NULL};
    struct why why = {0};
    bool found = false;
    const char *const given[] = {type, NULL}, *const *types = type ? given : kind == 'q' ? query_types : permit_types;
    int code = kind == 'q' && (!type || strcmp(type, "release") == 0) ? entry_of_receipt(c, id, proof) : EXIT_REFUSED;
    if (code != EXIT_REFUSED)
        return code;
    for (code = EXIT_DONE; code == EXIT_DONE && !found && *types; types++)
        code = entry_by_search(c, kind == 'q' ? "query" : "permit", id, *types, proof, &found);
    if (code == EXIT_DONE && !found) {
        tolerate(FAIL(&why, ABSENT, "the log has no %s entry of %s", type ? type : kind == 'q' ? "query's" : "permit's", id));
        return client_fail(EXIT_REFUSED, &why);
    }
    return code;
}

static bool is_type(const char *type)
{
    return strspn(type, "abcdefghijklmnopqrstuvwxyz_") == strlen(type);
}

int log_entry_at(struct client *c, uint64_t index, struct log_proof *proof)
{
    struct why why = {0};
    char path[CALL_PATH_MAX];
    struct json *page CLEANUP(json_freep) = NULL;
    (void)snprintf(path, sizeof path, "/v1/log/entries?from=%llu&to=%llu", (unsigned long long)index, (unsigned long long)index + 1);
    int code = client_call(c, &(struct call){.method = "GET", .path = path}, &page);
    if (code != EXIT_DONE)
        return code;
    proof->index = index;
    result r = json_size(json_get(page, "entries")) == 1 ? base64_parse(json_text(json_item(json_get(page, "entries"), 0)), &proof->entry, &why)
                                                         : FAIL(&why, ABSENT, "the log has no entry %llu", (unsigned long long)index);
    return r.code == OK ? EXIT_DONE : client_fail(EXIT_REFUSED, &why);
}

int log_prove(struct client *c, const struct log_policy *p, struct log_proof *proof, struct buffer *note, struct policy_verdict *ret)
{
    struct why why = {0};
    char path[CALL_PATH_MAX];
    struct json *answer CLEANUP(json_freep) = NULL;
    buffer_clear(note);
    int code = client_text(c, "/v1/log/checkpoint", note);
    if (code != EXIT_DONE)
        return code;
    result r = policy_check(p, buffer_slice(note), ret, &why);
    if (r.code != OK)
        return client_fail(EXIT_UNVERIFIED, &why);
    (void)snprintf(path, sizeof path, "/v1/log/inclusion?index=%llu&size=%llu", (unsigned long long)proof->index, (unsigned long long)ret->checkpoint.size);
    code = client_call(c, &(struct call){.method = "GET", .path = path, .anonymous = true}, &answer);
    if (code != EXIT_DONE)
        return code;
    r = read_proof(json_get(answer, "proof"), &proof->proof, &why);
    proof->checkpoint = buffer_slice(note);
    if (r.code == OK)
        r = log_proof_check(proof, p, ret, &why); /* nothing leaves here that does not hold */
    return r.code == OK ? EXIT_DONE : client_fail(EXIT_UNVERIFIED, &why);
}

/* The release entry from a result's receipt, with the proof that came with it; *ret_holds: the policy asks for no more. */
static int proof_of_receipt(struct client *c, const char *file, const struct log_policy *p, struct log_proof *proof, struct buffer *note, bool *ret_holds)
{
    struct why why = {0};
    struct policy_verdict v;
    struct json *document CLEANUP(json_freep) = NULL;
    int code = client_read_json(c, file, &document);
    if (code != EXIT_DONE)
        return code;
    const struct json *result_of = json_get(document, "receipt") ? document : json_get(document, "result"), *receipt = json_get(result_of, "receipt");
    const struct json *entry = json_get(receipt, "entry"), *index = json_get(entry, "index");
    if (json_kind(index) != JSON_INTEGER || json_integer(index) < 0)
        return client_usage("prove what? give an entry's index, the id of a query, a permit or a request, or a result with its receipt");
    proof->index = (uint64_t)json_integer(index);
    result r = base64_parse(json_text(json_get(entry, "bytes")), &proof->entry, &why);
    if (is_ok(r))
        r = buffer_add(note, json_text(json_get(receipt, "checkpoint")), &why);
    if (is_ok(r))
        r = read_proof(json_get(receipt, "proof"), &proof->proof, &why);
    proof->checkpoint = buffer_slice(note);
    *ret_holds = is_ok(r) && is_ok(log_proof_check(proof, p, &v, NULL));
    return is_ok(r) ? EXIT_DONE : client_fail(EXIT_UNVERIFIED, &why);
}

static int make_proof(struct client *c, const struct arguments *a, const struct log_policy *p, struct log_proof *proof, struct buffer *note, struct buffer *out)
{
    struct why why = {0};
    struct policy_verdict v;
    struct document_id id;
    uint64_t index;
    const char *type = arguments_value(a, "type");
    bool holds = false;
    int code;
    if (slice_parse_u64(slice_str(a->words[0]), INT64_MAX, &index))
        code = log_entry_at(c, index, proof);
    else if (type && !is_type(type))
        code = client_usage("--type takes a type of entry, as in: --type permit_signature");
    else if (document_id_parse(slice_str(a->words[0]), 'q', &id, NULL).code == OK)
        code = entry_of(c, 'q', id.text, type, proof);
    else if (document_id_parse(slice_str(a->words[0]), 'p', &id, NULL).code == OK)
        code = entry_of(c, 'p', id.text, type, proof);
    else if (document_id_parse(slice_str(a->words[0]), 'r', &id, NULL).code == OK)
        code = entry_of_request(c, id.text, type, proof);
    else
        code = type ? client_usage("--type chooses among the entries of an id") : proof_of_receipt(c, a->words[0], p, proof, note, &holds);
    if (code == EXIT_DONE && !holds)
        code = log_prove(c, p, proof, note, &v);
    if (code != EXIT_DONE)
        return code;
    return log_proof_print(proof, out, &why).code == OK ? EXIT_DONE : client_fail(EXIT_UNVERIFIED, &why);
}

int audit_prove(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    int code;
    struct buffer note CLEANUP(buffer_done) = {0}, out CLEANUP(buffer_done) = {0};
    struct log_proof proof;
    const char *file = arguments_value(a, "out");
    struct log_policy *p = policy_new(c, a, &code);
    if (!p)
        return code;
    buffer_init(&note, CHECKPOINT_NOTE_MAX);
    buffer_init(&out, PROOF_BYTES_MAX);
    log_proof_init(&proof);
    code = make_proof(c, a, p, &proof, &note, &out);
    log_proof_done(&proof);
    free(p);
    if (code != EXIT_DONE || !file)
        return code == EXIT_DONE ? client_print(&out) : code;
    if (host_write_file(c->host, file, 0644, buffer_slice(&out), &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    client_say(c, "Wrote %s; anyone checks it with: innsyn audit verify --proof %s --policy FILE", file, file);
    return EXIT_DONE;
}

/* --- evidence of a fork ------------------------------------------------------------------------------- */

int log_verify_evidence(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    int code;
    struct json *document CLEANUP(json_freep) = NULL;
    struct buffer out CLEANUP(buffer_done) = {0};
    struct log_evidence e;
    char held[2 * HASH_LEN + 1], shown[2 * HASH_LEN + 1];
    struct log_policy *p = policy_new(c, a, &code);
    if (!p)
        return code;
    code = client_read_json(c, arguments_value(a, "evidence"), &document);
    result r = code == EXIT_DONE ? log_evidence_check(document, &p->log, &e, &why) : DONE;
    free(p);
    if (code != EXIT_DONE)
        return code;
    if (r.code != OK)
        return client_fail(EXIT_UNVERIFIED, &why);
    hash_print(&e.held.root, held);
    hash_print(&e.shown.root, shown);
    buffer_init(&out, 4096);
    r = buffer_printf(&out, &why, "CONFIRMED: the log %s was forked; its key has signed both.\n  held       %llu entries, root %s\n  shown      %llu entries, root %s\n  %s\n",
                      e.held.origin, (unsigned long long)e.held.size, held, (unsigned long long)e.shown.size, shown,
                      e.by_roots ? "one size and two roots: no proof can join them" : "the consistency proof that came with it does not join them");
    return r.code == OK ? client_print(&out) : client_fail(EXIT_UNREACHABLE, &why);
}

/* --- a log as a folder --------------------------------------------------------------------------------- */

struct folder {
    struct client *client;
    const char *dir;
    struct progress progress;
};

static result folder_path(const struct folder *f, const char *name, char to[LOG_PATH_MAX], struct why *why)
{
    int n = snprintf(to, LOG_PATH_MAX, "%s/%s", f->dir, name);
    return n > 0 && n < LOG_PATH_MAX ? DONE : FAIL(why, LIMIT, "the folder's name is too long");
}

static result folder_read(void *self, const char *name, size_t max, struct buffer *to, struct why *why)
{
    struct folder *f = self;
    char path[LOG_PATH_MAX];
    struct why inner = {0};
    TRY(folder_path(f, name, path, why));
    result r = host_read_file(f->client->host, path, max, to, &inner);
    return is_ok(r) ? r : FAIL(why, DENIED, "%s cannot be read: %.120s", name, inner.text);
}

static void folder_progress(void *self, uint64_t done, uint64_t of)
{
    struct folder *f = self;
    progress_say(&f->progress, "Rebuilding the log: %llu of %llu entries", (unsigned long long)done, (unsigned long long)of);
}

static int say_folder(struct client *c, const struct log_policy *p, const struct policy_verdict *v)
{
    struct why why = {0};
    struct buffer out CLEANUP(buffer_done) = {0};
    char root[2 * HASH_LEN + 1];
    hash_print(&v->checkpoint.root, root);
    if (c->json) {
        struct json *o CLEANUP(json_freep) = json_object();
        json_set(o, "verified", json_of_bool(v->quorum));
        json_set(o, "origin", json_of_str(v->checkpoint.origin));
        json_set(o, "size", json_of_integer((int64_t)v->checkpoint.size));
        json_set(o, "root", json_of_str(root));
        log_cosigners_json(p, v, o);
        int code = client_print_json(o);
        return code == EXIT_DONE && !v->quorum ? EXIT_UNVERIFIED : code;
    }
    buffer_init(&out, 64 * 1024);
    result r = buffer_printf(&out, &why, "The log %s is whole%s.\n  entries    %llu\n  root       %s\n", v->checkpoint.origin,
                             v->quorum ? "" : ", BUT TOO FEW WITNESSES HAVE COSIGNED IT", (unsigned long long)v->checkpoint.size, root);
    if (r.code == OK)
        r = log_cosigners_words(p, v, &out, &why);
    int code = r.code == OK ? client_print(&out) : client_fail(EXIT_UNREACHABLE, &why);
    return code == EXIT_DONE && !v->quorum ? EXIT_UNVERIFIED : code;
}

static int verify_folder(struct client *c, const char *dir, const struct log_policy *p)
{
    struct why why = {0};
    static struct audit audit; /* large */
    struct policy_verdict v;
    struct folder f = {.client = c, .dir = dir};
    audit_init(&audit, NULL);
    progress_start(&f.progress, &c->terminal, c->host);
    result r = audit_tiles(folder_read, folder_progress, &f, p, &audit, &v, &why);
    progress_end(&f.progress);
    return r.code == OK ? say_folder(c, p, &v) : client_fail(EXIT_UNVERIFIED, &why);
}

int log_verify_folder(struct client *c, const struct arguments *a)
{
    int code;
    struct log_policy *p = policy_new(c, a, &code);
    if (!p)
        return code;
    code = verify_folder(c, arguments_value(a, "folder"), p);
    free(p);
    return code;
}

static result make_folders(const struct folder *f, char *path, struct why *why)
{
    for (char *slash = path + strlen(f->dir) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        result r = host_make_folder(f->client->host, path, 0755, why);
        *slash = '/';
        TRY(r);
    }
    return DONE;
}

/* A full tile never changes: it is fetched once. */
static int mirror_tile(struct folder *f, const struct tile *t)
{
    struct why why = {0};
    char name[TILE_PATH_SIZE], path[LOG_PATH_MAX], call[CALL_PATH_MAX];
    struct buffer bytes CLEANUP(buffer_done) = {0};
    buffer_init(&bytes, BUNDLE_BYTES_MAX);
    tile_print(t, name);
    result r = folder_path(f, name, path, &why);
    if (r.code == OK && t->width == TILE_WIDTH && host_read_file(f->client->host, path, BUNDLE_BYTES_MAX, &bytes, NULL).code == OK)
        return EXIT_DONE;
    if (r.code == OK)
        r = make_folders(f, path, &why);
    if (r.code != OK)
        return client_fail(EXIT_USAGE, &why);
    buffer_clear(&bytes);
    (void)snprintf(call, sizeof call, "/v1/log/%s", name);
    int code = client_bytes(f->client, call, !t->entries, &bytes);
    if (code != EXIT_DONE)
        return code;
    return host_write_file(f->client->host, path, 0644, buffer_slice(&bytes), &why).code == OK ? EXIT_DONE : client_fail(EXIT_USAGE, &why);
}

static int mirror(struct folder *f, const struct log_policy *p)
{
    struct why why = {0};
    struct policy_verdict v;
    struct buffer note CLEANUP(buffer_done) = {0};
    char path[LOG_PATH_MAX];
    buffer_init(&note, CHECKPOINT_NOTE_MAX);
    int code = client_text(f->client, "/v1/log/checkpoint", &note);
    if (code != EXIT_DONE)
        return code;
    if (policy_read(p, buffer_slice(&note), &v, &why).code != OK)
        return client_fail(EXIT_UNVERIFIED, &why);
    if (host_make_folder(f->client->host, f->dir, 0755, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    for (unsigned level = 0; level <= TILE_LEVEL_MAX; level++) {
        uint64_t hashes = tile_hashes(level, v.checkpoint.size);
        for (uint64_t index = 0; code == EXIT_DONE && index * TILE_WIDTH < hashes; index++) {
            struct tile t = tile_of(false, level, index, v.checkpoint.size), e = tile_of(true, 0, index, v.checkpoint.size);
            code = mirror_tile(f, &t);
            if (code == EXIT_DONE && level == 0)
                code = mirror_tile(f, &e);
            progress_say(&f->progress, "Copying the log: tile %llu of level %u", (unsigned long long)index, level);
        }
    }
    if (code != EXIT_DONE)
        return code;
    if (folder_path(f, "checkpoint", path, &why).code != OK || host_write_file(f->client->host, path, 0644, buffer_slice(&note), &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    return EXIT_DONE;
}

int audit_mirror(struct client *c, const struct arguments *a)
{
    int code;
    struct folder f = {.client = c, .dir = a->words[0]};
    struct log_policy *p = policy_new(c, a, &code);
    if (!p)
        return code;
    progress_start(&f.progress, &c->terminal, c->host);
    code = mirror(&f, p);
    progress_end(&f.progress);
    if (code == EXIT_DONE)
        code = verify_folder(c, f.dir, p);
    free(p);
    return code;
}

/* --- a standalone witness ------------------------------------------------------------------------------ */

struct witness {
    struct client *client;
    const char *dir;
    struct note_key log, name;
    bool follows;                        /* the trust document says which log; else a policy file does */
    struct signing_key *key;
    struct checkpoint held;
    struct buffer note;                  /* the checkpoint held, as it was signed */
    char line[NOTE_LINE_MAX + 1];        /* the cosignature over it */
};

static result witness_path(const struct witness *w, const char *name, char to[LOG_PATH_MAX], struct why *why)
{
    return folder_path(&(struct folder){.client = w->client, .dir = w->dir}, name, to, why);
}

/* DIR/witness.pem and witness.vkey; made at the first run, with --name. */
static result witness_key(struct witness *w, const char *name, bool *ret_made, struct why *why)
{
    char path[LOG_PATH_MAX], vkey[VKEY_TEXT_MAX + 2];
    uint8_t public[ED25519_KEY_LEN];
    struct buffer text CLEANUP(buffer_done) = {0};
    *ret_made = false;
    buffer_init(&text, VKEY_TEXT_MAX + 1);
    TRY(witness_path(w, "witness.vkey", path, why));
    result r = host_read_file(w->client->host, path, VKEY_TEXT_MAX + 1, &text, why);
    if (r.code == ABSENT) {
        if (!name)
            return FAIL(why, ABSENT, "%s holds no witness yet; make one with --name NAME (such as the body's domain and /witness)", w->dir);
        TRY(host_make_folder(w->client->host, w->dir, 0700, why));
        TRY(signing_key_new(KEY_ED25519, &w->key, why));
        TRY(signing_key_ed25519(w->key, public, why));
        TRY(note_key_make(name, NOTE_COSIGNATURE, public, &w->name, why));
        char key_path[LOG_PATH_MAX];
        TRY(witness_path(w, "witness.pem", key_path, why));
        TRY(signing_key_save(w->client->host, key_path, w->key, why));
        note_key_print(&w->name, vkey);
        *ret_made = true;
        return host_write_file(w->client->host, path, 0644, slice_str(vkey), why);
    }
    TRY(r);
    TRY(note_key_parse(buffer_slice(&text), &w->name, why));
    TRY(witness_path(w, "witness.pem", path, why));
    return signing_key_load(w->client->host, path, KEY_ED25519, &w->key, why);
}

static result witness_cosign(struct witness *w, struct why *why)
{
    struct note n;
    struct buffer line CLEANUP(buffer_done) = {0};
    buffer_init(&line, NOTE_LINE_MAX);
    TRY(note_parse(buffer_slice(&w->note), &n, why));
    TRY(note_cosign(n.text, &w->name, w->key, host_now_ms(w->client->host) / 1000, &line, why));
    return slice_copy_str(buffer_slice(&line), w->line, sizeof w->line) ? DONE : FAIL(why, LIMIT, "the cosignature is too long");
}

/* The log was succeeded: from now on what its successor began with is held.  The old checkpoint is kept aside, and
 * stays in its place too until the first of the successor takes it: whoever is stopped in between goes over again. */
static result witness_go_over(struct witness *w, const struct trust *trust, const char *held_path, struct why *why)
{
    char path[LOG_PATH_MAX], name[64];
    for (unsigned i = 0; i < trust->succession_count; i++) {
        struct checkpoint c;
        if (!is_ok(checkpoint_open(buffer_slice(&w->note), &trust->successions[i].old_log, &c, NULL)))
            continue;
        TRY(succession_allows(&trust->successions[i], &c, why));
        (void)snprintf(name, sizeof name, "checkpoint-of-log-%u", i + 1);
        TRY(witness_path(w, name, path, why));
        TRY(host_write_file(w->client->host, path, 0600, buffer_slice(&w->note), why));
        w->held = trust->successions[trust->succession_count - 1].start;
        buffer_clear(&w->note);
        client_say(w->client, "The log %s was succeeded by %s at %llu entries (a document of the root quorum); what was held of it is in %s.",
                   trust->successions[i].old_log.name, trust->log.name, (unsigned long long)w->held.size, path);
        return DONE;
    }
    return FAIL(why, DENIED, "%s is signed by no log that the trust document names", held_path);
}

/* While it runs: does a newer trust document name a successor?  true: it was gone over to, and the next round asks it. */
static bool witness_follow(struct witness *w)
{
    struct why why = {0};
    char path[LOG_PATH_MAX];
    struct trust *trust CLEANUP(trust_freep) = NULL;
    if (!w->follows || trust_store_get(w->client, true, &trust) != EXIT_DONE || strcmp(trust->log.name, w->log.name) == 0)
        return false;
    result r = witness_path(w, "checkpoint", path, &why);
    if (is_ok(r) && w->note.len)
        r = witness_go_over(w, trust, path, &why);
    if (!is_ok(r)) {
        (void)client_fail(EXIT_UNVERIFIED, &why);
        return false;
    }
    w->log = trust->log;
    w->line[0] = 0;
    return true;
}

static result witness_recall(struct witness *w, const struct trust *trust, struct why *why)
{
    char path[LOG_PATH_MAX];
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, EVIDENCE_BYTES_MAX);
    TRY(witness_path(w, "log-fork.json", path, why));
    if (host_read_file(w->client->host, path, EVIDENCE_BYTES_MAX, &text, NULL).code != ABSENT)
        return FAIL(why, DENIED, "this witness has seen a fork of the log and cosigns nothing; see: innsyn audit verify --evidence %s", path);
    TRY(witness_path(w, "checkpoint", path, why));
    result r = host_read_file(w->client->host, path, CHECKPOINT_NOTE_MAX, &w->note, why);
    if (r.code == ABSENT)
        return DONE;
    TRY(r);
    r = checkpoint_open(buffer_slice(&w->note), &w->log, &w->held, why);
    if (r.code != OK && trust)
        r = witness_go_over(w, trust, path, why);
    TRY(r);
    return w->note.len > 0 ? witness_cosign(w, why) : DONE;
}

static result keep_fork(struct witness *w, struct slice note, const struct json *consistency, struct why *why)
{
    char path[LOG_PATH_MAX], vkey[VKEY_TEXT_MAX + 1];
    struct json *v CLEANUP(json_freep) = json_object();
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, EVIDENCE_BYTES_MAX);
    note_key_print(&w->log, vkey);
    json_set(v, "innsyn", json_of_str("log-evidence/1"));
    json_set(v, "site", json_of_str(w->name.name));
    json_set(v, "at", json_of_instant(host_now_ms(w->client->host)));
    json_set(v, "log", json_of_str(vkey));
    json_set(v, "held", json_of_text(buffer_slice(&w->note)));
    json_set(v, "shown", json_of_text(note));
    json_set(v, "consistency", json_copy(consistency));
    TRY(json_print(v, &text, why));
    TRY(witness_path(w, "log-fork.json", path, why));
    TRY(host_write_file(w->client->host, path, 0600, buffer_slice(&text), why));
    return FAIL(why, DENIED, "THE LOG WAS FORKED: its key has signed two histories; both are kept in %s, and this witness cosigns nothing more", path);
}

/* Durable before it is cosigned. */
static result witness_take(struct witness *w, const struct json *answer, struct why *why)
{
    struct merkle_proof proof;
    struct checkpoint c;
    char path[LOG_PATH_MAX];
    struct slice note = json_text(json_get(answer, "checkpoint"));
    const struct json *consistency = json_get(answer, "consistency");
    result opened = checkpoint_open(note, &w->log, &c, why);
    if (!is_ok(opened) && witness_follow(w))
        return DONE; /* its proof joins what is held no more: the next round brings another */
    TRY(opened);
    TRY(read_proof(consistency, &proof, why));
    if (c.size < w->held.size)
        return FAIL(why, DENIED, "the log shrank from %llu to %llu entries", (unsigned long long)w->held.size, (unsigned long long)c.size);
    if (w->held.size > 0 && (c.size == w->held.size ? !hash_equal(&c.root, &w->held.root)
                                                    : !is_ok(merkle_check_consistency(w->held.size, c.size, &proof, &w->held.root, &c.root, NULL))))
        return keep_fork(w, note, consistency, why);
    if (c.size > w->held.size) {
        TRY(witness_path(w, "checkpoint", path, why));
        TRY(host_write_file(w->client->host, path, 0600, note, why));
        buffer_clear(&w->note);
        TRY(buffer_add(&w->note, note, why));
        w->held = c;
    }
    return witness_cosign(w, why);
}

static int witness_round(struct witness *w, unsigned wait_ms)
{
    struct why why = {0};
    struct json *body CLEANUP(json_freep) = json_object(), *answer CLEANUP(json_freep) = NULL;
    json_set(body, "checkpoint", json_of_integer((int64_t)w->held.size));
    if (w->line[0]) {
        json_set(body, "cosignature", json_of_str(w->line));
        json_set(body, "wait_ms", json_of_integer(wait_ms));
    }
    int code = client_call(w->client, &(struct call){.method = "POST", .path = "/v1/log/cosignature", .body = body, .anonymous = true, .idempotent = true, .wait_ms = wait_ms}, &answer);
    if (code == EXIT_REFUSED && w->line[0] && witness_follow(w))
        return EXIT_DONE; /* what was handed in was of the old log */
    if (code != EXIT_DONE)
        return code;
    return witness_take(w, answer, &why).code == OK ? EXIT_DONE : client_fail(EXIT_UNVERIFIED, &why);
}

static int witness_run(struct witness *w, bool once)
{
    int code = witness_round(w, 0);
    if (code == EXIT_DONE && once)
        code = witness_round(w, 0); /* hands over what the first made */
    while (!once && code != EXIT_UNVERIFIED) {
        if (code != EXIT_DONE)
            (void)sleep(WITNESS_RETRY_S);
        code = witness_round(w, WITNESS_WAIT_MS);
    }
    if (code == EXIT_DONE)
        client_say(w->client, "Cosigned the log %s at %llu entries.", w->held.origin, (unsigned long long)w->held.size);
    return code;
}

int audit_witness(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    int code;
    bool made = false;
    struct trust *trust CLEANUP(trust_freep) = NULL;
    if (!arguments_value(a, "policy") && (code = trust_store_get(c, true, &trust)) != EXIT_DONE) /* has the log been succeeded? */
        return code;
    struct log_policy *p = policy_new(c, a, &code);
    if (!p)
        return code;
    struct witness *w = calloc(1, sizeof *w); /* large */
    if (!w) {
        free(p);
        tolerate(FAIL(&why, LIMIT, "no memory for a witness"));
        return client_fail(EXIT_UNREACHABLE, &why);
    }
    w->client = c;
    w->dir = a->words[0];
    w->log = p->log;
    w->follows = trust != NULL;
    free(p);
    buffer_init(&w->note, CHECKPOINT_NOTE_MAX);
    result r = witness_key(w, arguments_value(a, "name"), &made, &why);
    if (r.code == OK && made) {
        char vkey[VKEY_TEXT_MAX + 1];
        note_key_print(&w->name, vkey);
        client_say(c, "Made a witness in %s.  Give its key to the trust ceremony (innsyn trust make --witness), then run this again:", w->dir);
        code = printf("%s\n", vkey) > 0 ? EXIT_DONE : EXIT_UNREACHABLE;
    } else {
        if (r.code == OK)
            r = witness_recall(w, trust, &why);
        code = r.code == OK ? witness_run(w, arguments_flag(a, "once")) : client_fail(r.code == ABSENT ? EXIT_USAGE : EXIT_UNVERIFIED, &why);
    }
    buffer_done(&w->note);
    signing_key_free(w->key);
    free(w);
    return code;
}
