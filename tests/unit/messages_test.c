/* Aim: a request and a reply come out as they went in; a message cut at any byte, with anything left over,
 * or with a field over its bound is refused, and the caller's struct is left alone. */
#include "base/wire.h"
#include "broker/messages.h"
#include "check.h"

static struct http_request a_request(void)
{
    struct http_request q = {
        .method = HTTP_POST,
        .listener = LISTENER_AGENTS,
        .path = slice_str("/v1/poll"),
        .query = slice_str("wait_ms=1"),
        .token = slice_str("secret"),
        .token_from_cookie = 1,
        .site = slice_str("ulm.south"),
        .certificate_ends_ms = INT64_C(1795298400000),
        .idempotency_key = slice_str("k-1"),
        .request_id = slice_str("r-00000000000000000000000000"),
        .body = slice_str("{}"),
    };
    for (unsigned i = 0; i < sizeof q.certificate; i++)
        q.certificate[i] = (uint8_t)(i * 7);
    return q;
}

static void request_round_trip_and_every_cut(void **state)
{
    (void)state;
    struct http_request q = a_request(), got = {0};
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, HTTP_BODY_MAX + 4096);
    assert_ok(http_request_encode(&q, &b, NULL));
    assert_true(http_request_decode(buffer_slice(&b), &got));
    assert_int_equal(got.method, HTTP_POST);
    assert_int_equal(got.listener, LISTENER_AGENTS);
    assert_slice(got.path, "/v1/poll");
    assert_slice(got.query, "wait_ms=1");
    assert_slice(got.token, "secret");
    assert_int_equal(got.token_from_cookie, 1);
    assert_slice(got.site, "ulm.south");
    assert_memory_equal(got.certificate, q.certificate, sizeof q.certificate);
    assert_true(got.certificate_ends_ms == q.certificate_ends_ms);
    assert_slice(got.idempotency_key, "k-1");
    assert_slice(got.request_id, "r-00000000000000000000000000");
    assert_slice(got.body, "{}");
    struct http_request untouched = {.method = 42};
    for (size_t len = 0; len < b.len; len++)
        assert_false(http_request_decode(slice_of(b.at, len), &untouched));
    assert_ok(wire_u8(&b, 0, NULL));
    assert_false(http_request_decode(buffer_slice(&b), &untouched));
    assert_int_equal(untouched.method, 42);
}

static void request_bounds(void **state)
{
    (void)state;
    static uint8_t many[HTTP_UPLOAD_MAX + 1];
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, 2 * (size_t)HTTP_UPLOAD_MAX);
    struct http_request q = a_request(), got;
    q.body = slice_of(many, HTTP_UPLOAD_MAX);
    assert_ok(http_request_encode(&q, &b, NULL));
    assert_true(http_request_decode(buffer_slice(&b), &got));
    buffer_clear(&b);
    struct why why;
    q.body = slice_of(many, sizeof many);
    assert_status(http_request_encode(&q, &b, &why), LIMIT);
    assert_string_equal(why.field, "body");
    assert_int_equal(b.len, 0); /* all or nothing */
    q = a_request();
    q.token = slice_of(many, HTTP_TOKEN_MAX + 1);
    assert_status(http_request_encode(&q, &b, &why), LIMIT);
    assert_string_equal(why.field, "token");
    /* What no encoder of ours writes: methods, listeners and flags out of range. */
    static const struct { size_t at; uint8_t value; } wrong[] = {{0, 0}, {0, 5}, {1, 0}, {1, 3}};
    for (unsigned i = 0; i < COUNT_OF(wrong); i++) {
        buffer_clear(&b);
        q = a_request();
        assert_ok(http_request_encode(&q, &b, NULL));
        b.at[wrong[i].at] = wrong[i].value;
        assert_false(http_request_decode(buffer_slice(&b), &got));
    }
    buffer_clear(&b);
    q.token_from_cookie = 2;
    assert_ok(http_request_encode(&q, &b, NULL));
    assert_false(http_request_decode(buffer_slice(&b), &got));
}

static void reply_round_trip_and_every_cut(void **state)
{
    (void)state;
    struct http_reply p = {.status = 201, .content_type = slice_str("text/plain"), .set_cookie = slice_str("clear"),
                           .location = slice_str("/v1/queries/q"), .retry_after_s = 7, .body = slice_str("hei")};
    struct http_reply got = {0};
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, 4096);
    assert_ok(http_reply_encode(&p, &b, NULL));
    assert_true(http_reply_decode(buffer_slice(&b), &got));
    assert_int_equal(got.status, 201);
    assert_slice(got.content_type, "text/plain");
    assert_slice(got.set_cookie, "clear");
    assert_slice(got.location, "/v1/queries/q");
    assert_int_equal(got.retry_after_s, 7);
    assert_slice(got.body, "hei");
    for (size_t len = 0; len < b.len; len++)
        assert_false(http_reply_decode(slice_of(b.at, len), &got));
    static const uint16_t bad[] = {0, 199, 600, 65535};
    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        b.at[0] = (uint8_t)(bad[i] >> 8);
        b.at[1] = (uint8_t)bad[i];
        assert_false(http_reply_decode(buffer_slice(&b), &got));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_round_trip_and_every_cut),
        cmocka_unit_test(request_bounds),
        cmocka_unit_test(reply_round_trip_and_every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
