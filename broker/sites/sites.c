/*
 * sites.c - enrolment, certificates, and what is known of the sites.
 * A site has one current certificate.  A renewal's certificate takes over at its first use, so that
 * an answer lost on the way locks nobody out; from then on the one before is refused.
 */
#include "broker/audit/audit.h"
#include "broker/sites/sites.h"

#include <stdlib.h>

#include "base/codec.h"
#include "base/wire.h"
#include "proto/certificate.h"
#include "proto/fields.h"

enum { ENROL_SECRET_LEN = 32, ENROL_LIFE_MS = 7 * 24 * 60 * 60 * 1000, TITLE_BYTES_MAX = 200, TOKEN_TEXT_MAX = 64 * 1024 };

/* --- lines: the sites' state in memory --- */

struct line *line_of(struct core *c, const struct site_id *site)
{
    unsigned low = 0, high = c->line_count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = strcmp(c->lines[middle]->site.text, site->text);
        if (order == 0)
            return c->lines[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (c->line_count == SITES_MAX)
        return NULL;
    struct line **lines = reallocarray(c->lines, c->line_count + 1, sizeof *lines);
    struct line *line = calloc(1, sizeof *line);
    if (lines)
        c->lines = lines;
    if (!lines || !line) {
        free(line);
        return NULL;
    }
    line->site = *site;
    memmove(lines + low + 1, lines + low, (c->line_count - low) * sizeof *lines);
    lines[low] = line;
    c->line_count++;
    return line;
}

void lines_free(struct core *c)
{
    for (unsigned i = 0; i < c->line_count; i++) {
        pending_free(c->lines[i]->poll);
        free(c->lines[i]);
    }
    free(c->lines);
    c->lines = NULL;
    c->line_count = 0;
}

void lines_wake(struct core *c)
{
    for (unsigned i = 0; i < c->line_count; i++)
        c->lines[i]->wake = true;
}

result line_wake(struct core *c, struct slice site, struct why *why)
{
    struct site_id id;
    TRY(site_id_parse(site, &id, why));
    struct line *line = line_of(c, &id);
    if (line)
        line->wake = true;
    return DONE;
}

/* --- certificates --- */

result site_check_certificate(struct call *c, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(site_id_parse(c->request->site, &c->who.site, why));
    TRY(RUN(c->core, SITE_GET, &rows, why, store_str(c->who.site.text)));
    if (!rows_next(rows) || rows_is_null(rows, 3))
        return FAIL_CODE(why, DENIED, "no_such_thing", "", "the site '%s' is not enrolled here; ask the operator for an enrolment token",
                         c->who.site.text);
    struct slice shown = slice_of(c->request->certificate, HASH_LEN);
    if (slice_equal(rows_bytes(rows, 3), shown))
        return DONE;
    if (!rows_is_null(rows, 5) && slice_equal(rows_bytes(rows, 5), shown)) {
        TRY(RUN(c->core, SITE_PROMOTE, NULL, why, store_str(c->who.site.text)));
        struct json *entry = json_object();
        json_set(entry, "site", json_of_str(c->who.site.text));
        json_set(entry, "certificate_sha256", json_of_hex(shown));
        return log_append(c->core, "certificate", entry, NULL, why);
    }
    return FAIL_CODE(why, DENIED, "certificate_replaced", "",
                     "this certificate of '%s' was replaced by a newer one; use that, or enrol again", c->who.site.text);
}

/* Asks keys for a certificate and reads what it is. */
static result issue(struct core *c, const struct site_id *site, struct slice request_pem, struct buffer *ret_pem,
                    struct certificate_facts *ret, struct why *why)
{
    struct buffer ask CLEANUP(buffer_done) = {0};
    buffer_init(&ask, 2 * CERTIFICATE_PEM_MAX);
    TRY(wire_str(&ask, site->text, why));
    TRY(wire_bytes(&ask, request_pem, why));
    TRY(core_keys(c, MESSAGE_ISSUE_SITE, buffer_slice(&ask), ret_pem, why));
    TRY(certificate_read(buffer_slice(ret_pem), ret, why));
    if (!site_id_equal(&ret->site, site))
        return FAIL(why, BROKEN, "keys issued a certificate for another site");
    return DONE;
}

static result certificate_entry(struct core *c, const char *type, const struct site_id *site,
                                const struct certificate_facts *facts, struct why *why)
{
    struct json *entry = json_object();
    json_set(entry, "site", json_of_str(site->text));
    json_set(entry, "certificate_sha256", json_of_hex(slice_of(facts->sha256.at, HASH_LEN)));
    json_set(entry, "ends", json_of_instant(facts->not_after_ms));
    return log_append(c, type, entry, NULL, why);
}

result site_enrol(struct call *c, struct why *why)
{
    struct fields f;
    struct slice secret_text, site_text, request;
    struct site_id site;
    uint8_t secret[ENROL_SECRET_LEN];
    TRY(call_fields(c, &f, why));
    TRY(need_text(&f, "secret", 64, &secret_text));
    TRY(need_text(&f, "site", SITE_ID_MAX, &site_text));
    TRY(need_text(&f, "request", CERTIFICATE_PEM_MAX, &request));
    TRY(fields_close(&f));
    TRY(site_id_parse(site_text, &site, why));
    if (!base64_parse_exact(secret_text, secret, sizeof secret))
        return FAIL_AT(why, MALFORMED, "/secret", "must be base64 of %d bytes", ENROL_SECRET_LEN);
    struct hash h = sha256(slice_of(secret, sizeof secret));
    wipe(secret, sizeof secret);
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, SITE_GET, &rows, why, store_str(site.text)));
    /* One answer for a wrong site, a wrong secret, a used and an expired token. */
    bool there = rows_next(rows);
    if (there)
        c->who.site = site; /* a refusal from here on is about this site, and is logged */
    if (!c->core->trust || !there || rows_is_null(rows, 1) || rows_integer(rows, 2) <= c->now_ms ||
        !equal_constant_time(rows_bytes(rows, 1), slice_of(h.at, HASH_LEN)))
        return FAIL_CODE(why, DENIED, "not_signed_in", "/secret",
                         "the enrolment token does not fit this site, was used, or has expired; ask the operator for a new one");
    bool again = !rows_is_null(rows, 3);
    struct buffer pem CLEANUP(buffer_done) = {0};
    struct certificate_facts facts;
    buffer_init(&pem, CERTIFICATE_PEM_MAX);
    TRY(issue(c->core, &site, request, &pem, &facts, why));
    TRY(RUN(c->core, SITE_ENROLLED, NULL, why, store_str(site.text), store_bytes(slice_of(facts.sha256.at, HASH_LEN)),
            store_integer(facts.not_after_ms), store_integer(c->now_ms)));
    TRY(certificate_entry(c->core, "enrol", &site, &facts, why));
    if (again)
        core_cut_after_commit(c->core, &site);
    struct json *trust = NULL;
    TRY(json_parse(buffer_slice(&c->core->trust_text), 2 * TRUST_BYTES_MAX, &trust, why));
    json_set(c->answer, "trust", trust);
    json_set(c->answer, "certificate", json_of_text(buffer_slice(&pem)));
    json_set(c->answer, "agents_url", json_of_str(c->core->settings->agents_url));
    return DONE;
}

result site_renew(struct call *c, struct why *why)
{
    struct fields f;
    struct slice request;
    TRY(call_fields(c, &f, why));
    TRY(need_text(&f, "request", CERTIFICATE_PEM_MAX, &request));
    TRY(fields_close(&f));
    struct buffer pem CLEANUP(buffer_done) = {0};
    struct certificate_facts facts;
    buffer_init(&pem, CERTIFICATE_PEM_MAX);
    TRY(issue(c->core, &c->who.site, request, &pem, &facts, why));
    TRY(RUN(c->core, SITE_NEXT, NULL, why, store_str(c->who.site.text), store_bytes(slice_of(facts.sha256.at, HASH_LEN)),
            store_integer(facts.not_after_ms)));
    TRY(certificate_entry(c->core, "renew", &c->who.site, &facts, why));
    json_set(c->answer, "certificate", json_of_text(buffer_slice(&pem)));
    return DONE;
}

/* --- the operator's side --- */

static result enrol_token(struct core *c, const struct site_id *site, const uint8_t secret[ENROL_SECRET_LEN], int64_t expires_ms,
                          struct buffer *to, struct why *why)
{
    char path[320];
    struct buffer ca CLEANUP(buffer_done) = {0}, text CLEANUP(buffer_done) = {0};
    buffer_init(&ca, CERTIFICATE_PEM_MAX);
    buffer_init(&text, TOKEN_TEXT_MAX);
    snprintf(path, sizeof path, "%s/%s", c->settings->dir, SERVER_CA_FILE);
    if (!is_ok(host_read_file(c->host, path, CERTIFICATE_PEM_MAX, &ca, why)))
        return FAIL(why, BROKEN, "%s cannot be read", path);
    struct json *v CLEANUP(json_freep) = json_object();
    json_set(v, "network", json_of_str(c->network.text));
    json_set(v, "site", json_of_str(site->text));
    json_set(v, "url", json_of_str(c->settings->people_url));
    json_set(v, "ca", json_of_text(buffer_slice(&ca)));
    json_set(v, "trust", json_of_hex(slice_of(c->trust->hash.at, HASH_LEN)));
    json_set(v, "secret", json_of_base64(slice_of(secret, ENROL_SECRET_LEN)));
    json_set(v, "expires", json_of_instant(expires_ms));
    TRY(json_print(v, &text, why));
    TRY(buffer_add_str(to, "innsyn-enrol:", why));
    result r = base64_print(buffer_slice(&text), to, why);
    wipe(text.at, text.len);
    return r;
}

result site_create(struct call *c, struct why *why)
{
    struct fields f;
    struct slice site_text, title = {0};
    struct site_id site;
    TRY(call_fields(c, &f, why));
    TRY(need_text(&f, "site", SITE_ID_MAX, &site_text));
    TRY(may_text(&f, "title", TITLE_BYTES_MAX, &title));
    TRY(fields_close(&f));
    TRY(site_id_parse(site_text, &site, why));
    if (!c->core->trust)
        return FAIL_CODE(why, DENIED, "conflict", "", "first give the broker a trust document (PUT /v1/trust): the token carries its hash");
    uint8_t secret[ENROL_SECRET_LEN];
    TRY(host_random(c->core->host, secret, sizeof secret, why));
    struct hash h = sha256(slice_of(secret, sizeof secret));
    int64_t expires_ms = c->now_ms + ENROL_LIFE_MS;
    TRY(RUN(c->core, SITE_ADD, NULL, why, store_str(site.text), store_text(title.len ? title : site_text), store_integer(c->now_ms)));
    TRY(RUN(c->core, SITE_TOKEN, NULL, why, store_str(site.text), store_bytes(slice_of(h.at, HASH_LEN)), store_integer(expires_ms)));
    struct buffer token CLEANUP(buffer_done) = {0};
    buffer_init(&token, TOKEN_TEXT_MAX);
    result r = enrol_token(c->core, &site, secret, expires_ms, &token, why);
    wipe(secret, sizeof secret);
    TRY(r);
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "site", json_of_str(site.text));
    TRY(log_append(c->core, "site", entry, NULL, why));
    c->pending->status = 201;
    json_set(c->answer, "site", json_of_str(site.text));
    json_set(c->answer, "token", json_of_text(buffer_slice(&token)));
    json_set(c->answer, "expires", json_of_instant(expires_ms));
    wipe(token.at, token.len);
    return DONE;
}

result site_list(struct call *c, struct why *why)
{
    struct page page;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(page_read_names(c, &page, why));
    TRY(RUN(c->core, SITE_LIST, &rows, why, store_text(page.after), store_integer(page.limit)));
    struct json *items = json_array();
    char last[SITE_ID_MAX + 1] = "";
    while (rows_next(rows)) {
        struct json *item = json_object();
        struct site_id site;
        TRY(site_id_parse(rows_text(rows, 0), &site, why));
        struct line *line = line_of(c->core, &site);
        json_set(item, "site", json_of_str(site.text));
        json_set(item, "title", json_of_text(rows_text(rows, 1)));
        json_set(item, "enrolled", rows_integer(rows, 5) ? json_of_instant(rows_integer(rows, 5)) : json_of_null());
        json_set(item, "certificate_ends", rows_integer(rows, 3) ? json_of_instant(rows_integer(rows, 3)) : json_of_null());
        json_set(item, "seen", line && line->seen_ms ? json_of_instant(line->seen_ms) : json_of_null());
        json_set(item, "connected", json_of_bool(line && line->poll));
        json_set(item, "paused", json_of_bool(line && line->paused));
        json_set(item, "build", json_of_str(line ? line->build : ""));
        json_add(items, item);
        memcpy(last, site.text, sizeof last);
    }
    json_free(c->answer);
    c->answer = page_json(&page, items, last);
    return DONE;
}
