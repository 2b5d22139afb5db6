/*
 * core_rig.h - a whole broker but for the sockets, in one process: the core on a fresh store, the real
 * signer behind it, and people and sites with real keys.  Requests are handed in and answers kept.
 */
#ifndef INNSYN_TESTS_UNIT_CORE_RIG_H
#define INNSYN_TESTS_UNIT_CORE_RIG_H

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/instant.h"
#include "base/log.h"
#include "broker/core.h"
#include "broker/init.h"
#include "broker/keys/signer.h"
#include "check.h"
#include "proto/certificate.h"
#include "proto/merkle.h"
#include "proto/permit.h"
#include "proto/query.h"
#include "scratch.h"

enum { ANSWERS_MAX = 64, PEOPLE = 8, RIG_SITES = 2, RIG_TEXT = 64 * 1024 };
enum { ROOT1, ROOT2, OFFICER1, OFFICER2, HOLDER1, HOLDER2, RESEARCHER, RESEARCHER2, SITE1, SITE2, RIG_KEYS };

struct rig_answer {
    uint64_t tag;
    unsigned status;
    struct json *body; /* NULL when it is no JSON */
    struct buffer text;
};
struct rig {
    char dir[SCRATCH_PATH];
    struct broker_settings settings;
    struct signer signer;
    struct core *core;
    struct signing_key *keys[RIG_KEYS];
    struct public_key spki[RIG_KEYS];
    struct rig_answer answers[ANSWERS_MAX];
    unsigned answer_count, cut_count;
    uint64_t tag;
    char token[PEOPLE][HTTP_TOKEN_MAX + 1]; /* in the order of people_names */
    uint8_t certificate[RIG_SITES][32];
    bool keys_refuse_status;
    char witnesses[1024]; /* members of the trust document's array, as JSON */
    uint64_t sealed, signed_checkpoints;
    /* a poll's view, as an agent keeps it */
    struct note_key log_key;
    struct checkpoint held[RIG_SITES];
};
enum { P_OPERATOR, P_OFFICER1, P_OFFICER2, P_HOLDER1, P_HOLDER2, P_RESEARCHER, P_RESEARCHER2, P_AUDITOR };
static const char *const people_names[PEOPLE] = {"op", "officer1", "officer2", "holder-a", "holder-b", "researcher", "researcher2", "auditor"};
static const char *const rig_sites[RIG_SITES] = {"alpha", "beta"};
#define RIG_PASSWORD "correct horse battery"

/* --- ports --- */

static inline void rig_reply(void *self, unsigned net, uint64_t tag, const struct http_reply *r)
{
    struct rig *g = self;
    (void)net;
    assert_true(g->answer_count < ANSWERS_MAX);
    struct rig_answer *a = &g->answers[g->answer_count++];
    *a = (struct rig_answer){.tag = tag, .status = r->status};
    buffer_init(&a->text, HTTP_REPLY_MAX);
    assert_ok(buffer_add(&a->text, r->body, NULL));
    if (!is_ok(json_parse(r->body, HTTP_REPLY_MAX, &a->body, NULL)))
        a->body = NULL;
}

static inline void rig_cut(void *self, struct slice site)
{
    struct rig *g = self;
    (void)site;
    g->cut_count++;
}

static inline result rig_keys(void *self, uint16_t kind, struct slice payload, struct buffer *ret, struct why *why)
{
    struct rig *g = self;
    g->sealed += kind == MESSAGE_SEAL_TASK;
    g->signed_checkpoints += kind == MESSAGE_SIGN_CHECKPOINT;
    return signer_answer(&g->signer, kind, payload, ret, why);
}

static inline result rig_work(void *self, struct password_job *job, struct why *why)
{
    (void)self;
    (void)why;
    password_work(job);
    core_worked(job->core, job);
    return DONE;
}

static inline struct core_ports rig_ports(struct rig *g)
{
    return (struct core_ports){.self = g, .reply = rig_reply, .cut = rig_cut, .keys = rig_keys, .work = rig_work};
}

/* --- requests --- */

static inline void rig_forget(struct rig *g)
{
    for (unsigned i = 0; i < g->answer_count; i++) {
        json_free(g->answers[i].body);
        buffer_done(&g->answers[i].text);
    }
    g->answer_count = 0;
}

/* The id of the newest request, as net makes them. */
static inline const char *rig_request_id(const struct rig *g, char to[DOCUMENT_ID_LEN + 1])
{
    snprintf(to, DOCUMENT_ID_LEN + 1, "r-%025llu0", (unsigned long long)g->tag);
    return to;
}

static inline uint64_t rig_send(struct rig *g, struct http_request *r)
{
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, 16 * 1024 * 1024);
    char id[DOCUMENT_ID_LEN + 1];
    g->tag++;
    r->request_id = slice_str(rig_request_id(g, id));
    assert_ok(http_request_encode(r, &b, NULL));
    assert_ok(core_take(g->core, 0, g->tag, buffer_slice(&b), NULL));
    return g->tag;
}

static inline int64_t rig_turn(struct rig *g)
{
    int64_t next = 0;
    struct why why = {0};
    result r = core_turn(g->core, &next, &why);
    if (!is_ok(r))
        fail_msg("turn: %s %s", status_name(r.code), why.text);
    return next;
}

static inline const struct rig_answer *rig_find(const struct rig *g, uint64_t tag)
{
    for (unsigned i = 0; i < g->answer_count; i++)
        if (g->answers[i].tag == tag)
            return &g->answers[i];
    return NULL;
}

/* The answer of a request that is answered in at most three turns. */
static inline const struct rig_answer *rig_ask(struct rig *g, struct http_request *r)
{
    rig_forget(g);
    uint64_t tag = rig_send(g, r);
    for (int i = 0; i < 3 && !rig_find(g, tag); i++)
        rig_turn(g);
    const struct rig_answer *a = rig_find(g, tag);
    assert_non_null(a);
    return a;
}

static inline struct http_request rig_request(enum http_method method, const char *path, const char *body)
{
    const char *mark = strchr(path, '?');
    struct slice all = slice_str(path);
    return (struct http_request){.method = (uint8_t)method, .listener = LISTENER_PEOPLE,
                                 .path = mark ? slice_part(all, 0, (size_t)(mark - path)) : all,
                                 .query = mark ? slice_str(mark + 1) : slice_str(""), .body = slice_str(body ? body : "")};
}

static inline const struct rig_answer *rig_call(struct rig *g, int person, enum http_method method, const char *path, const char *body)
{
    struct http_request r = rig_request(method, path, body);
    if (person >= 0)
        r.token = slice_str(g->token[person]);
    return rig_ask(g, &r);
}

static inline struct http_request rig_site_request(struct rig *g, int site, enum http_method method, const char *path, const char *body)
{
    struct http_request r = rig_request(method, path, body);
    r.listener = LISTENER_AGENTS;
    r.site = slice_str(rig_sites[site]);
    memcpy(r.certificate, g->certificate[site], 32);
    return r;
}

static inline const struct rig_answer *rig_site_call(struct rig *g, int site, enum http_method method, const char *path, const char *body)
{
    struct http_request r = rig_site_request(g, site, method, path, body);
    return rig_ask(g, &r);
}

/* Status and, for a refusal, code. */
static inline void rig_expect(const struct rig_answer *a, unsigned status, const char *code, const char *where, int line)
{
    if (a->status == status && (!code || slice_is(json_text(json_get(a->body, "code")), code)))
        return;
    fail_msg("%s:%d: %u, not %u %s: %.*s", where, line, a->status, status, code ? code : "", SLICE_ARG(buffer_slice(&a->text)));
}
#define EXPECT(answer, status, code) rig_expect((answer), (status), (code), __FILE__, __LINE__)

static inline const char *rig_text(const struct json *v, const char *key, char *to, size_t size)
{
    assert_true(slice_copy_str(json_text(json_get(v, key)), to, size));
    return to;
}

/* --- building the network --- */

static inline const char *rig_key64(struct rig *g, int key)
{
    static char text[RIG_KEYS][BASE64_LEN(PUBLIC_KEY_DER_MAX) + 1];
    base64_print_str(slice_of(g->spki[key].der, g->spki[key].der_len), text[key], sizeof text[key]);
    return text[key];
}

static inline void rig_start_core(struct rig *g)
{
    struct core_ports ports = rig_ports(g);
    struct why why = {0};
    result r = core_new(&g->settings, host_real(), &ports, &g->core, &why);
    if (!is_ok(r))
        fail_msg("core: %s %s", status_name(r.code), why.text);
}

static inline void rig_login(struct rig *g, int person)
{
    char body[256];
    snprintf(body, sizeof body, "{\"account\":\"%s\",\"password\":\"" RIG_PASSWORD "\"}", people_names[person]);
    const struct rig_answer *a = rig_call(g, -1, HTTP_POST, "/v1/login", body);
    EXPECT(a, 200, NULL);
    rig_text(a->body, "token", g->token[person], sizeof g->token[person]);
}

static inline void rig_people(struct rig *g)
{
    static const char *const roles[PEOPLE] = {"operator", "officer", "officer", "holder", "holder", "researcher", "researcher", "auditor"};
    rig_login(g, P_OPERATOR);
    for (int i = P_OFFICER1; i < PEOPLE; i++) {
        char body[1024];
        int key = i == P_RESEARCHER ? RESEARCHER : RESEARCHER2;
        snprintf(body, sizeof body, "{\"account\":\"%s\",\"password\":\"" RIG_PASSWORD "\",\"roles\":[\"%s\"]%s%s%s}", people_names[i], roles[i],
                 i == P_RESEARCHER || i == P_RESEARCHER2 ? ",\"key\":\"" : "", i == P_RESEARCHER || i == P_RESEARCHER2 ? rig_key64(g, key) : "",
                 i == P_RESEARCHER || i == P_RESEARCHER2 ? "\"" : "");
        EXPECT(rig_call(g, P_OPERATOR, HTTP_POST, "/v1/accounts", body), 201, NULL);
        rig_login(g, i);
    }
}

static inline void rig_trust_text(struct rig *g, int version, struct buffer *to)
{
    char vkey[VKEY_TEXT_MAX + 1], payload[RIG_TEXT], seal[BASE64_LEN(PUBLIC_KEY_DER_MAX) + 1];
    struct json *ca CLEANUP(json_freep) = json_of_text(buffer_slice(&g->signer.site_ca_pem));
    struct buffer ca_text CLEANUP(buffer_done) = {0};
    struct envelope e CLEANUP(envelope_done);
    buffer_init(&ca_text, RIG_TEXT);
    envelope_init(&e);
    assert_ok(json_print(ca, &ca_text, NULL));
    note_key_print(&g->signer.log_name, vkey);
    base64_print_str(slice_of(g->signer.seal_public.der, g->signer.seal_public.der_len), seal, sizeof seal);
    snprintf(payload, sizeof payload,
             "{\"innsyn\":\"trust/1\",\"network\":\"demo\",\"version\":%d,\"issued\":\"2026-01-01T00:00:00Z\","
             "\"root\":{\"threshold\":2,\"keys\":[\"%s\",\"%s\"]},"
             "\"officers\":[{\"account\":\"officer1\",\"key\":\"%s\"},{\"account\":\"officer2\",\"key\":\"%s\"}],"
             "\"holders\":[{\"account\":\"holder-a\",\"site\":\"alpha\",\"key\":\"%s\"},{\"account\":\"holder-b\",\"site\":\"beta\",\"key\":\"%s\"}],"
             "\"sites\":[{\"site\":\"alpha\",\"key\":\"%s\"},{\"site\":\"beta\",\"key\":\"%s\"}],"
             "\"log\":\"%s\",\"witnesses\":[%s],\"seal\":\"%s\",\"site_ca\":%.*s}",
             version, rig_key64(g, ROOT1), rig_key64(g, ROOT2), rig_key64(g, OFFICER1), rig_key64(g, OFFICER2), rig_key64(g, HOLDER1),
             rig_key64(g, HOLDER2), rig_key64(g, SITE1), rig_key64(g, SITE2), vkey, g->witnesses, seal, SLICE_ARG(buffer_slice(&ca_text)));
    assert_ok(envelope_make(TYPE_TRUST, slice_str(payload), &e, NULL));
    assert_ok(envelope_sign(&e, g->keys[ROOT1], NULL));
    assert_ok(envelope_sign(&e, g->keys[ROOT2], NULL));
    assert_ok(envelope_print(&e, to, NULL));
    assert_non_null(buffer_str(to));
}

static inline void rig_give_trust(struct rig *g, int version)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 2 * RIG_TEXT);
    rig_trust_text(g, version, &text);
    EXPECT(rig_call(g, P_OPERATOR, HTTP_PUT, "/v1/trust", buffer_str(&text)), 200, NULL);
}

/* {"a":"...text..."} with the text as JSON needs it. */
static inline void rig_member(struct buffer *to, const char *name, struct slice text)
{
    struct json *v CLEANUP(json_freep) = json_of_text(text);
    assert_ok(buffer_printf(to, NULL, "\"%s\":", name));
    assert_ok(json_print(v, to, NULL));
}

static inline void rig_enrol(struct rig *g, int site)
{
    char body[256];
    struct site_id id;
    struct signing_key *tls CLEANUP(signing_key_freep) = NULL;
    struct buffer token CLEANUP(buffer_done) = {0}, request CLEANUP(buffer_done) = {0}, ask CLEANUP(buffer_done) = {0};
    struct json *inside CLEANUP(json_freep) = NULL;
    struct certificate_facts facts;
    buffer_init(&token, RIG_TEXT);
    buffer_init(&request, RIG_TEXT);
    buffer_init(&ask, RIG_TEXT);
    snprintf(body, sizeof body, "{\"site\":\"%s\",\"title\":\"Site\"}", rig_sites[site]);
    const struct rig_answer *a = rig_call(g, P_OPERATOR, HTTP_POST, "/v1/sites", body);
    EXPECT(a, 201, NULL);
    struct slice text = json_text(json_get(a->body, "token"));
    assert_true(slice_starts(text, "innsyn-enrol:"));
    assert_ok(base64_parse(slice_part(text, 13, text.len), &token, NULL));
    assert_ok(json_parse(buffer_slice(&token), RIG_TEXT, &inside, NULL));
    assert_ok(signing_key_new(KEY_P256, &tls, NULL));
    assert_ok(site_id_parse(slice_str(rig_sites[site]), &id, NULL));
    assert_ok(certificate_request(tls, &id, &request, NULL));
    assert_ok(buffer_printf(&ask, NULL, "{\"site\":\"%s\",\"secret\":\"%.*s\",", rig_sites[site], SLICE_ARG(json_text(json_get(inside, "secret")))));
    rig_member(&ask, "request", buffer_slice(&request));
    assert_ok(buffer_add_str(&ask, "}", NULL));
    a = rig_call(g, -1, HTTP_POST, "/v1/enrol", buffer_str(&ask));
    EXPECT(a, 200, NULL);
    assert_ok(certificate_read(json_text(json_get(a->body, "certificate")), &facts, NULL));
    memcpy(g->certificate[site], facts.sha256.at, 32);
    /* once */
    EXPECT(rig_call(g, -1, HTTP_POST, "/v1/enrol", buffer_str(&ask)), 401, "not_signed_in");
}

#define RIG_EDITION "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
static const char rig_catalogue[] =
    "{\"datasets\":[{\"dictionary\":{\"innsyn\":\"dictionary/1\",\"dataset\":\"heart\",\"title\":\"Heart\",\"profile\":\"open\",\"event_table\":false,"
    "\"variables\":["
    "{\"name\":\"sex\",\"label\":\"sex\",\"type\":\"category\",\"levels\":[{\"code\":\"0\",\"label\":\"f\"},{\"code\":\"1\",\"label\":\"m\"}],\"sensitive\":false},"
    "{\"name\":\"age\",\"label\":\"age\",\"type\":\"integer\",\"unit\":\"years\",\"grid\":{\"origin\":0,\"step\":1},\"sensitive\":false}]},"
    "\"edition\":\"" RIG_EDITION "\",\"snapshot_at\":\"2026-01-01T00:00:00Z\"}]}";

/* A broker's folder and everybody's keys; the store is not opened yet. */
static inline void rig_prepare(struct rig *g, const char *store)
{
    *g = (struct rig){.tag = 0};
    scratch_make(g->dir, "core");
    log_init(host_real(), "test", LOG_ERROR);
    g->settings = (struct broker_settings){.net_processes = 1, .poll_wait_ms_max = 30000, .lease_ms = 60000, .query_deadline_ms = 60000};
    snprintf(g->settings.dir, sizeof g->settings.dir, "%s", g->dir);
    snprintf(g->settings.network, sizeof g->settings.network, "demo");
    snprintf(g->settings.agents_listen, sizeof g->settings.agents_listen, "127.0.0.1:0");
    snprintf(g->settings.people_listen, sizeof g->settings.people_listen, "127.0.0.1:0");
    snprintf(g->settings.agents_url, sizeof g->settings.agents_url, "https://127.0.0.1:1");
    snprintf(g->settings.people_url, sizeof g->settings.people_url, "https://127.0.0.1:2");
    snprintf(g->settings.names, sizeof g->settings.names, "localhost,127.0.0.1");
    if (store)
        snprintf(g->settings.store, sizeof g->settings.store, "%s", store);
    else
        snprintf(g->settings.store, sizeof g->settings.store, "sqlite:%s/store.db", g->dir);
    struct why made = {0};
    if (!is_ok(broker_init(host_real(), &g->settings, &made)))
        fail_msg("init: %s %s", made.field, made.text);
    assert_ok(signer_open(host_real(), g->dir, "demo", &g->signer, NULL));
    g->log_key = g->signer.log_name;
    for (int i = 0; i < RIG_KEYS; i++) {
        assert_ok(signing_key_new(KEY_P256, &g->keys[i], NULL));
        assert_ok(signing_key_public(g->keys[i], &g->spki[i], NULL));
    }
}

static inline void rig_open(struct rig *g, const char *store)
{
    struct why why = {0};
    rig_prepare(g, store);
    result r = core_bootstrap(host_real(), &g->settings, slice_str("op"), slice_str(RIG_PASSWORD), &why);
    if (!is_ok(r))
        fail_msg("bootstrap: %s", why.text);
    rig_start_core(g);
}

static inline void rig_network(struct rig *g)
{
    rig_people(g);
    rig_give_trust(g, 1);
    for (int i = 0; i < RIG_SITES; i++) {
        rig_enrol(g, i);
        EXPECT(rig_site_call(g, i, HTTP_PUT, "/v1/site/catalogue", rig_catalogue), 200, NULL);
    }
}

static inline void rig_close(struct rig *g)
{
    rig_forget(g);
    core_free(g->core);
    signer_done(&g->signer);
    for (int i = 0; i < RIG_KEYS; i++)
        signing_key_free(g->keys[i]);
    scratch_remove(g->dir);
}

/* --- permit --- */

static inline void rig_moment(int64_t from_now_ms, char to[INSTANT_TEXT_SIZE])
{
    instant_print(host_now_ms(host_real()) + from_now_ms, to);
}

static inline void rig_sign_permit(struct rig *g, int person, int key, const char *permit, unsigned status, const char *code)
{
    char path[128], body[512], id[2 * HASH_LEN + 1], sig64[BASE64_LEN(SIGNATURE_LEN) + 1];
    uint8_t sig[SIGNATURE_LEN];
    struct buffer payload CLEANUP(buffer_done) = {0}, pae CLEANUP(buffer_done) = {0};
    buffer_init(&payload, RIG_TEXT);
    buffer_init(&pae, 2 * RIG_TEXT);
    snprintf(path, sizeof path, "/v1/permits/%s", permit);
    const struct rig_answer *a = rig_call(g, P_OFFICER1, HTTP_GET, path, NULL);
    EXPECT(a, 200, NULL);
    assert_ok(base64_parse(json_text(json_get(a->body, "payload")), &payload, NULL));
    assert_ok(envelope_pae(TYPE_PERMIT, buffer_slice(&payload), &pae, NULL));
    assert_ok(key_sign(g->keys[key], buffer_slice(&pae), sig, NULL));
    base64_print_str(slice_of(sig, sizeof sig), sig64, sizeof sig64);
    public_key_id(&g->spki[key], id);
    snprintf(body, sizeof body, "{\"keyid\":\"%s\",\"sig\":\"%s\"}", id, sig64);
    snprintf(path, sizeof path, "/v1/permits/%s/signatures", permit);
    EXPECT(rig_call(g, person, HTTP_POST, path, body), status, code);
}

/* An application for both sites by the researcher, granted by officer1: the draft's id. */
static inline void rig_draft(struct rig *g, const char *statistics, int64_t life_ms, char permit[DOCUMENT_ID_LEN + 1])
{
    char body[1024], path[128], id[DOCUMENT_ID_LEN + 1], from[INSTANT_TEXT_SIZE], to[INSTANT_TEXT_SIZE];
    rig_moment(-HOUR_MS, from);
    rig_moment(life_ms, to);
    snprintf(body, sizeof body,
             "{\"title\":\"Hearts\",\"summary\":\"why\",\"statistical_content\":\"counts\",\"safeguards\":\"few people\",\"legal_basis\":\"6(1)(e)\","
             "\"purpose\":\"53.1.e\",\"from\":\"%s\",\"to\":\"%s\",\"datasets\":[{\"dataset\":\"heart\","
             "\"sites\":[\"alpha\",\"beta\"],\"variables\":[\"*\"],\"statistics\":%s}],\"people\":[\"researcher\"]}", from, to, statistics);
    const struct rig_answer *a = rig_call(g, P_RESEARCHER, HTTP_POST, "/v1/applications", body);
    EXPECT(a, 201, NULL);
    rig_text(a->body, "id", id, sizeof id);
    snprintf(path, sizeof path, "/v1/applications/%s/steps", id);
    EXPECT(rig_call(g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"screen\",\"version\":2}"), 200, NULL);
    EXPECT(rig_call(g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"complete\",\"version\":3}"), 200, NULL);
    EXPECT(rig_call(g, P_HOLDER1, HTTP_POST, path, "{\"command\":\"opinion\",\"version\":4,\"site\":\"alpha\",\"opinion\":\"approve\",\"text\":\"fine\"}"), 200, NULL);
    EXPECT(rig_call(g, P_HOLDER1, HTTP_POST, path, "{\"command\":\"opinion\",\"version\":5,\"site\":\"beta\",\"opinion\":\"approve\"}"), 403, "not_yours");
    EXPECT(rig_call(g, P_HOLDER2, HTTP_POST, path, "{\"command\":\"opinion\",\"version\":5,\"site\":\"beta\",\"opinion\":\"approve\"}"), 200, NULL);
    EXPECT(rig_call(g, P_RESEARCHER, HTTP_POST, path, "{\"command\":\"grant\",\"version\":6,\"text\":\"good\"}"), 403, "wrong_role");
    a = rig_call(g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"grant\",\"version\":6,\"text\":\"good\"}");
    EXPECT(a, 200, NULL);
    rig_text(a->body, "permit", permit, DOCUMENT_ID_LEN + 1);
}

static inline void rig_permit(struct rig *g, const char *statistics, int64_t life_ms, char permit[DOCUMENT_ID_LEN + 1])
{
    rig_draft(g, statistics, life_ms, permit);
    rig_sign_permit(g, P_OFFICER1, OFFICER1, permit, 200, NULL);
    rig_sign_permit(g, P_OFFICER2, OFFICER2, permit, 200, NULL);
    rig_sign_permit(g, P_HOLDER1, HOLDER1, permit, 200, NULL);
    rig_sign_permit(g, P_HOLDER2, HOLDER2, permit, 200, NULL);
}

/* --- queries --- */

static inline void rig_query_text(struct rig *g, int key, const char *permit, const char *question, const char *id, struct buffer *to)
{
    char payload[4096], issued[INSTANT_TEXT_SIZE], expires[INSTANT_TEXT_SIZE];
    struct envelope e CLEANUP(envelope_done);
    envelope_init(&e);
    rig_moment(0, issued);
    rig_moment(HOUR_MS, expires);
    snprintf(payload, sizeof payload,
             "{\"innsyn\":\"query/1\",\"id\":\"%s\",\"network\":\"demo\",\"permit\":\"%s\",\"sites\":[\"alpha\",\"beta\"],\"issued\":\"%s\","
             "\"expires\":\"%s\",\"question\":%s}", id, permit, issued, expires, question);
    assert_ok(envelope_make(TYPE_QUERY, slice_str(payload), &e, NULL));
    assert_ok(envelope_sign(&e, g->keys[key], NULL));
    assert_ok(buffer_add_str(to, "{\"query\":", NULL));
    assert_ok(envelope_print(&e, to, NULL));
    assert_ok(buffer_add_str(to, "}", NULL));
    assert_non_null(buffer_str(to));
}

static inline const struct rig_answer *rig_query(struct rig *g, int person, int key, const char *permit, const char *question, char id[DOCUMENT_ID_LEN + 1])
{
    struct document_id fresh;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, RIG_TEXT);
    assert_ok(document_id_new(host_real(), 'q', &fresh, NULL));
    memcpy(id, fresh.text, sizeof fresh.text);
    rig_query_text(g, key, permit, question, id, &text);
    return rig_call(g, person, HTTP_POST, "/v1/queries", buffer_str(&text));
}

/* An agent's poll without waiting; checks checkpoint and consistency as an agent would. */
static inline const struct rig_answer *rig_poll(struct rig *g, int site, const char *running)
{
    char body[512];
    snprintf(body, sizeof body, "{\"checkpoint\":%llu,\"trust\":1,\"running\":[%s],\"paused\":false,\"wait_ms\":0,\"build\":\"test\"}",
             (unsigned long long)g->held[site].size, running);
    const struct rig_answer *a = rig_site_call(g, site, HTTP_POST, "/v1/poll", body);
    EXPECT(a, 200, NULL);
    struct checkpoint now;
    assert_ok(checkpoint_open(json_text(json_get(a->body, "checkpoint")), &g->log_key, &now, NULL));
    struct merkle_proof proof = {.count = 0};
    const struct json *hashes = json_get(a->body, "consistency");
    for (size_t i = 0; i < json_size(hashes); i++)
        assert_true(base64_parse_exact(json_text(json_item(hashes, i)), proof.hashes[proof.count++].at, HASH_LEN));
    if (g->held[site].size)
        assert_ok(merkle_check_consistency(g->held[site].size, now.size, &proof, &g->held[site].root, &now.root, NULL));
    g->held[site] = now;
    return a;
}

/* Does what an agent checks of task number n of a poll's answer. */
static inline void rig_check_task(struct rig *g, int site, const struct json *item, struct task *ret)
{
    struct buffer trust_text CLEANUP(buffer_done) = {0}, entry CLEANUP(buffer_done) = {0};
    struct envelope e;
    struct trust *trust CLEANUP(trust_freep) = NULL;
    struct permit *permit CLEANUP(permit_freep) = NULL;
    struct query *query CLEANUP(query_freep) = NULL;
    struct permit_status status;
    buffer_init(&trust_text, 2 * RIG_TEXT);
    buffer_init(&entry, RIG_TEXT);
    rig_trust_text(g, 1, &trust_text);
    envelope_init(&e);
    assert_ok(envelope_parse_text(buffer_slice(&trust_text), TYPE_TRUST, &e, NULL));
    assert_ok(trust_open(&e, NULL, NULL, &trust, NULL));
    envelope_done(&e);
    assert_ok(envelope_parse(json_get(item, "task"), "", TYPE_TASK, &e, NULL));
    assert_ok(task_open(&e, trust, ret, NULL));
    envelope_done(&e);
    assert_string_equal(ret->site.text, rig_sites[site]);
    assert_ok(envelope_parse(json_get(item, "permit"), "", TYPE_PERMIT, &e, NULL));
    assert_ok(permit_read(buffer_slice(&e.payload), &permit, NULL));
    assert_ok(permit_check_signatures(&e, permit, trust, NULL, NULL));
    envelope_done(&e);
    assert_true(hash_equal(&permit->hash, &ret->permit_hash));
    assert_ok(envelope_parse(json_get(item, "status"), "", TYPE_PERMIT_STATUS, &e, NULL));
    assert_ok(permit_status_open(&e, trust, &status, NULL));
    envelope_done(&e);
    assert_int_equal(status.state, PERMIT_LIVE);
    assert_ok(envelope_parse(json_get(item, "query"), "", TYPE_QUERY, &e, NULL));
    assert_ok(query_read(buffer_slice(&e.payload), &query, NULL));
    assert_non_null(query_signer(&e, permit));
    envelope_done(&e);
    assert_true(hash_equal(&query->hash, &ret->query_hash));
    assert_ok(base64_parse(json_text(json_get(item, "entry")), &entry, NULL));
    struct hash leaf = merkle_leaf(buffer_slice(&entry));
    struct merkle_proof proof = {.count = 0};
    const struct json *hashes = json_get(item, "proof");
    for (size_t i = 0; i < json_size(hashes); i++)
        assert_true(base64_parse_exact(json_text(json_item(hashes, i)), proof.hashes[proof.count++].at, HASH_LEN));
    assert_ok(merkle_check_inclusion(&leaf, ret->entry, g->held[site].size, &proof, &g->held[site].root, NULL));
    struct json *tree CLEANUP(json_freep) = NULL;
    struct hash question;
    assert_ok(json_parse(buffer_slice(&entry), RIG_TEXT, &tree, NULL));
    assert_true(hex_parse(json_text(json_get(tree, "question_sha256")), question.at, HASH_LEN));
    assert_ok(task_check_entry(ret, &question, buffer_slice(&entry), NULL));
}

static bool rig_question_unread; /* results then name zeros for the question, as one who refused before reading it */

/* A signed site result for a task; statistic NULL: refused; "until \"MOMENT\"": it waits for its holder. */
static inline void rig_result_text(struct rig *g, int key, const struct task *t, const struct json *item, const char *statistic, struct buffer *to)
{
    char payload[8192], at[INSTANT_TEXT_SIZE], query_hash[65], question_hash[65];
    struct buffer entry CLEANUP(buffer_done) = {0};
    struct json *tree CLEANUP(json_freep) = NULL;
    struct envelope e CLEANUP(envelope_done);
    buffer_init(&entry, RIG_TEXT);
    envelope_init(&e);
    assert_ok(base64_parse(json_text(json_get(item, "entry")), &entry, NULL));
    assert_ok(json_parse(buffer_slice(&entry), RIG_TEXT, &tree, NULL));
    rig_text(tree, "question_sha256", question_hash, sizeof question_hash);
    if (rig_question_unread)
        memset(question_hash, '0', sizeof question_hash - 1);
    hash_print(&t->query_hash, query_hash);
    rig_moment(0, at);
    snprintf(payload, sizeof payload,
             "{\"innsyn\":\"site-result/1\",\"network\":\"demo\",\"site\":\"%s\",\"task\":\"%s\",\"query\":\"%s\",\"query_sha256\":\"%s\","
             "\"question_sha256\":\"%s\",\"at\":\"%s\",%s%s}",
             t->site.text, t->id.text, t->query.text, query_hash, question_hash, at,
             statistic && strncmp(statistic, "until ", 6) == 0
                 ? "\"status\":\"waiting\",\"reason\":{\"class\":\"policy\",\"code\":\"release_by_hand\",\"field\":\"\",\"text\":\"wait\"},\"until\":"
             : statistic ? "\"status\":\"answered\",\"edition\":\"" RIG_EDITION "\",\"profile\":\"open\",\"engine_us\":12,\"statistic\":"
                       : "\"status\":\"refused\",\"reason\":{\"class\":\"policy\",\"code\":\"statistic_not_allowed\",\"field\":\"\",\"text\":\"no\"}",
             !statistic ? "" : strncmp(statistic, "until ", 6) == 0 ? statistic + 6 : statistic);
    assert_ok(envelope_make(TYPE_SITE_RESULT, slice_str(payload), &e, NULL));
    assert_ok(envelope_sign(&e, g->keys[key], NULL));
    assert_ok(buffer_add_str(to, "{\"result\":", NULL));
    assert_ok(envelope_print(&e, to, NULL));
    assert_ok(buffer_add_str(to, "}", NULL));
    assert_non_null(buffer_str(to));
}

/* The site polls, and answers its one task. */
static inline void rig_answer_task(struct rig *g, int site, const char *statistic)
{
    struct task t;
    char path[128];
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, RIG_TEXT);
    const struct rig_answer *a = rig_poll(g, site, "");
    assert_int_equal(json_size(json_get(a->body, "tasks")), 1);
    const struct json *item = json_item(json_get(a->body, "tasks"), 0);
    rig_check_task(g, site, item, &t);
    rig_result_text(g, site ? SITE2 : SITE1, &t, item, statistic, &text);
    snprintf(path, sizeof path, "/v1/tasks/%s/result", t.id.text);
    a = rig_site_call(g, site, HTTP_POST, path, buffer_str(&text));
    EXPECT(a, 200, NULL);
    int64_t entry = json_integer(json_get(a->body, "entry"));
    a = rig_site_call(g, site, HTTP_POST, path, buffer_str(&text)); /* the same again: the same answer */
    EXPECT(a, 200, NULL);
    assert_int_equal(json_integer(json_get(a->body, "entry")), entry);
}

static inline const struct rig_answer *rig_get_query(struct rig *g, int person, const char *id)
{
    char path[128];
    snprintf(path, sizeof path, "/v1/queries/%s", id);
    return rig_call(g, person, HTTP_GET, path, NULL);
}

#endif
