#include "broker/messages.h"

#include "base/wire.h"
#include "proto/crypto.h"

/* Every length has one bound, used by both directions: what may be sent can be read. */
enum { CONTENT_TYPE_MAX = 96, COOKIE_MAX = 1024, LOCATION_MAX = 512, IDEMPOTENCY_KEY_MAX = 128, REQUEST_ID_MAX = 64 };

static result put(struct buffer *to, struct slice bytes, size_t max, const char *field, struct why *why)
{
    if (bytes.len > max)
        return FAIL_AT(why, LIMIT, field, "%zu bytes; at most %zu", bytes.len, max);
    return wire_bytes(to, bytes, why);
}

static result put_request(const struct http_request *r, struct buffer *to, struct why *why)
{
    TRY(wire_u8(to, r->method, why));
    TRY(wire_u8(to, r->listener, why));
    TRY(put(to, r->path, HTTP_PATH_MAX, "path", why));
    TRY(put(to, r->query, HTTP_QUERY_MAX, "query", why));
    TRY(put(to, r->token, HTTP_TOKEN_MAX, "token", why));
    TRY(wire_u8(to, r->token_from_cookie, why));
    TRY(put(to, r->site, SITE_ID_MAX, "site", why));
    TRY(buffer_add(to, slice_of(r->certificate, sizeof r->certificate), why));
    TRY(wire_i64(to, r->certificate_ends_ms, why));
    TRY(put(to, r->idempotency_key, IDEMPOTENCY_KEY_MAX, "idempotency_key", why));
    TRY(put(to, r->request_id, REQUEST_ID_MAX, "request_id", why));
    return put(to, r->body, HTTP_UPLOAD_MAX, "body", why);
}

result http_request_encode(const struct http_request *r, struct buffer *to, struct why *why)
{
    size_t before = to->len;
    result done = put_request(r, to, why);
    if (!is_ok(done))
        to->len = before;
    return done;
}

static bool take_hash(struct reader *r, uint8_t to[HASH_LEN])
{
    if (r->rest.len < HASH_LEN)
        return false;
    memcpy(to, r->rest.at, HASH_LEN);
    r->rest = slice_part(r->rest, HASH_LEN, r->rest.len);
    return true;
}

bool http_request_decode(struct slice payload, struct http_request *ret)
{
    struct reader r = reader_of(payload);
    struct http_request q = {0};
    if (!reader_u8(&r, &q.method) || q.method < HTTP_GET || q.method > HTTP_DELETE || !reader_u8(&r, &q.listener) ||
        q.listener < LISTENER_AGENTS || q.listener > LISTENER_PEOPLE || !reader_bytes(&r, HTTP_PATH_MAX, &q.path) ||
        !reader_bytes(&r, HTTP_QUERY_MAX, &q.query) || !reader_bytes(&r, HTTP_TOKEN_MAX, &q.token) ||
        !reader_u8(&r, &q.token_from_cookie) || q.token_from_cookie > 1 || !reader_bytes(&r, SITE_ID_MAX, &q.site) ||
        !take_hash(&r, q.certificate) || !reader_i64(&r, &q.certificate_ends_ms) ||
        !reader_bytes(&r, IDEMPOTENCY_KEY_MAX, &q.idempotency_key) || !reader_bytes(&r, REQUEST_ID_MAX, &q.request_id) ||
        !reader_bytes(&r, HTTP_UPLOAD_MAX, &q.body) || !reader_ends(&r))
        return false;
    *ret = q;
    return true;
}

static result put_reply(const struct http_reply *r, struct buffer *to, struct why *why)
{
    TRY(wire_u16(to, r->status, why));
    TRY(put(to, r->content_type, CONTENT_TYPE_MAX, "content_type", why));
    TRY(put(to, r->set_cookie, COOKIE_MAX, "set_cookie", why));
    TRY(put(to, r->location, LOCATION_MAX, "location", why));
    TRY(wire_u16(to, r->retry_after_s, why));
    return put(to, r->body, HTTP_REPLY_MAX, "body", why);
}

result http_reply_encode(const struct http_reply *r, struct buffer *to, struct why *why)
{
    size_t before = to->len;
    result done = put_reply(r, to, why);
    if (!is_ok(done))
        to->len = before;
    return done;
}

bool http_reply_decode(struct slice payload, struct http_reply *ret)
{
    struct reader r = reader_of(payload);
    struct http_reply p = {0};
    if (!reader_u16(&r, &p.status) || p.status < 200 || p.status > 599 ||
        !reader_bytes(&r, CONTENT_TYPE_MAX, &p.content_type) || !reader_bytes(&r, COOKIE_MAX, &p.set_cookie) ||
        !reader_bytes(&r, LOCATION_MAX, &p.location) || !reader_u16(&r, &p.retry_after_s) ||
        !reader_bytes(&r, HTTP_REPLY_MAX, &p.body) || !reader_ends(&r))
        return false;
    *ret = p;
    return true;
}

/* --- mail --- */

enum { LANGUAGE_MAX = 2 };

result mail_order_encode(const struct mail_order *m, struct buffer *to, struct why *why)
{
    TRY(put(to, m->id, DOCUMENT_ID_LEN, "id", why));
    TRY(put(to, m->address, MAIL_ADDRESS_MAX, "address", why));
    TRY(put(to, m->language, LANGUAGE_MAX, "language", why));
    TRY(put(to, m->subject, MAIL_SUBJECT_MAX, "subject", why));
    return put(to, m->text, MAIL_TEXT_MAX, "text", why);
}

bool mail_order_decode(struct slice payload, struct mail_order *ret)
{
    struct reader r = reader_of(payload);
    struct mail_order m = {0};
    if (!reader_bytes(&r, DOCUMENT_ID_LEN, &m.id) || !reader_bytes(&r, MAIL_ADDRESS_MAX, &m.address) ||
        !reader_bytes(&r, LANGUAGE_MAX, &m.language) || !reader_bytes(&r, MAIL_SUBJECT_MAX, &m.subject) ||
        !reader_bytes(&r, MAIL_TEXT_MAX, &m.text) || !reader_ends(&r))
        return false;
    *ret = m;
    return true;
}

static bool is_mail_letter(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("._+-=!#$%&'*/?^`{|}~", c) != NULL;
}

result mail_address_check(struct slice address, const char *field, struct why *why)
{
    size_t at = slice_find(address, '@');
    bool good = at > 0 && at <= 64 && at + 3 < address.len && address.len <= MAIL_ADDRESS_MAX && address.at[0] != '-';
    for (size_t i = 0; i < address.len && good; i++)
        good = i == at || (address.at[i] != 0 && is_mail_letter(address.at[i]) && (i < at || address.at[i] != '%'));
    return good ? DONE : FAIL_AT(why, MALFORMED, field, "must be one mail address, as in kari@example.org");
}
