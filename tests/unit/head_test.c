/* Aim: what two HTTP parsers could read differently is refused, with its status; beside each refusal stands
 * the nearest head that must pass.  Pitfall names are those of broker/net/http.h. */
#include "broker/net/head.h"
#include "check.h"

#define OF(text) slice_of(text, sizeof(text) - 1)

static void good_head(void **state)
{
    (void)state;
    struct http_head h;
    struct problem p;
    assert_true(head_parse(OF("POST /v1/poll?a=1&b=/? HTTP/1.1\r\nHost: a:8443\r\ncontent-LENGTH:  12\t\r\nAuthorization: bearer t0\r\n"
                              "Cookie: a=b; innsyn=xyz\r\nOrigin: https://a\r\nIdempotency-Key: k\r\nIf-None-Match: \"e\"\r\n"
                              "Connection: Close\r\nExpect: 100-Continue\r\nX-Other:\r\n\r\n"), &h, &p));
    assert_int_equal(h.method, HTTP_POST);
    assert_slice(h.target, "/v1/poll");
    assert_slice(h.query, "a=1&b=/?");
    assert_slice(h.host, "a:8443");
    assert_int_equal(h.content_length, 12);
    assert_slice(head_bearer(h.authorization), "t0");
    assert_slice(head_cookie(h.cookie, "innsyn"), "xyz");
    assert_slice(h.origin, "https://a");
    assert_slice(h.idempotency_key, "k");
    assert_slice(h.if_none_match, "\"e\"");
    assert_true(h.close);
    assert_int_equal(head_cookie(OF("innsyn=a; innsyn=b"), "innsyn").len, 0); /* which one is meant? */
    assert_int_equal(head_cookie(OF("xinnsyn=a"), "innsyn").len, 0);
    assert_int_equal(head_bearer(OF("Basic abc=")).len, 0);
}

struct refused {
    const char *name;
    struct slice head;
    unsigned status; /* 0: passes */
};

static void every_refusal(void **state)
{
    (void)state;
#define ROW(name, text, status) {name, {(const uint8_t *)(text), sizeof(text) - 1}, status}
    static const struct refused rows[] = {
        ROW("smallest", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0),
        ROW("lenience: missing Host", "GET / HTTP/1.1\r\n\r\n", 400),
        ROW("lenience: empty Host", "GET / HTTP/1.1\r\nHost: \r\n\r\n", 400),
        ROW("lenience: duplicate Host", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ROW("lenience: duplicate Content-Length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        ROW("lenience: list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400),
        ROW("lenience: signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
        ROW("lenience: chunked and Content-Length",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        ROW("chunked alone", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        ROW("lenience: bare LF", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
        ROW("lenience: bare CR", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
        ROW("lenience: folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
        ROW("lenience: NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", 400),
        ROW("lenience: blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ROW("no colon", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
        ROW("no name", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
        ROW("two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 505),
        ROW("raw byte in the target", "GET /\xc3\xa6 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("absolute form", "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("asterisk form", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("fragment", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 505),
        ROW("HTTP/2", "PRI * HTTP/2.0\r\n\r\n", 505),
        ROW("unknown method", "PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ROW("method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ROW("method is no token", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ROW("limits: largest attachment", "POST /v1/applications/a-1/attachments?version=1 HTTP/1.1\r\nHost: a\r\nCookie: innsyn=x\r\nContent-Length: 10485760\r\n\r\n", 0),
        ROW("limits: attachment too large", "POST /v1/applications/a-1/attachments HTTP/1.1\r\nHost: a\r\nCookie: innsyn=x\r\nContent-Length: 10485761\r\n\r\n", 413),
        ROW("limits: attachment of a stranger", "POST /v1/applications/a-1/attachments HTTP/1.1\r\nHost: a\r\nContent-Length: 4194305\r\n\r\n", 413),
        ROW("limits: large body elsewhere", "POST /v1/applications HTTP/1.1\r\nHost: a\r\nCookie: innsyn=x\r\nContent-Length: 4194305\r\n\r\n", 413),
        ROW("limits: largest body", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n", 0),
        ROW("limits: body one too large", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4194305\r\n\r\n", 413),
        ROW("limits: length over 64 bits", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n", 400),
        ROW("empty body of a GET", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 0),
        ROW("body of a GET", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", 400),
        ROW("unknown expectation", "PUT / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
        ROW("upgrade", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n", 400),
        ROW("something behind the head", "GET / HTTP/1.1\r\nHost: a\r\n\r\nX", 400),
        ROW("nothing", "\r\n\r\n", 400),
    };
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        struct http_head h;
        struct problem p = {0};
        bool passed = head_parse(rows[i].head, &h, &p);
        if (passed != (rows[i].status == 0) || p.status != rows[i].status)
            fail_msg("%s: %u, not %u (%s)", rows[i].name, p.status, rows[i].status, p.detail ? p.detail : "passed");
    }
}

static void limits_of_the_head(void **state)
{
    (void)state;
    struct buffer b CLEANUP(buffer_done) = {0};
    struct http_head h;
    struct problem p = {0};
    for (unsigned over = 0; over < 2; over++) {
        buffer_init(&b, 64 * 1024);
        assert_ok(buffer_add_str(&b, "GET / HTTP/1.1\r\nHost: a\r\nX: ", NULL));
        while (b.len < HEAD_BYTES_MAX - 4 + over)
            assert_ok(buffer_add_byte(&b, 'x', NULL));
        assert_ok(buffer_add_str(&b, "\r\n\r\n", NULL));
        assert_int_equal(head_parse(buffer_slice(&b), &h, &p), !over);
        assert_int_equal(p.status, over ? 431 : 0);
        buffer_done(&b);
    }
    for (unsigned count = HEAD_FIELDS_MAX; count <= HEAD_FIELDS_MAX + 1; count++) {
        p.status = 0;
        buffer_init(&b, 64 * 1024);
        assert_ok(buffer_add_str(&b, "GET / HTTP/1.1\r\nHost: a\r\n", NULL));
        for (unsigned i = 1; i < count; i++)
            assert_ok(buffer_add_str(&b, "X: y\r\n", NULL));
        assert_ok(buffer_add_str(&b, "\r\n", NULL));
        assert_int_equal(head_parse(buffer_slice(&b), &h, &p), count == HEAD_FIELDS_MAX);
        buffer_done(&b);
    }
}

static void the_end_of_a_head(void **state)
{
    (void)state;
    struct slice s = OF("GET / HTTP/1.1\r\n\r\nrest");
    for (size_t from = 0; from <= s.len; from++)
        for (size_t len = 0; len <= s.len; len++)
            assert_int_equal(head_length(slice_part(s, 0, len), from <= 15 ? from : 15), len >= 18 ? 18 : 0);
}

static void paths(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path; /* NULL: refused */
    } rows[] = {
        {"/", "/"}, {"/v1/queries/q-1", "/v1/queries/q-1"}, {"/a%20b", "/a b"}, {"/%C3%A6", "/\xc3\xa6"}, {"/a/", "/a/"},
        {"/...", "/..."}, {"/v1/%73ites", "/v1/sites"},
        {"/v1/stats%00x", NULL}, {"/%0a", NULL}, {"/%7f", NULL}, {"/a%2fb", NULL}, {"/a%2Fb", NULL}, {"/a%5cb", NULL},
        {"/.", NULL}, {"/..", NULL}, {"/a/../b", NULL}, {"/a/./b", NULL}, {"/%2e%2e/b", NULL}, {"/a/%2e", NULL},
        {"//a", NULL}, {"/a//b", NULL}, {"/%", NULL}, {"/%4", NULL}, {"/%g0", NULL}, {"/%ff", NULL}, {"/%c0%af", NULL},
    };
    char path[HTTP_PATH_MAX + 1];
    struct problem p;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        bool passed = head_path(slice_str(rows[i].target), path, &p);
        if (passed != (rows[i].path != NULL) || (passed && strcmp(path, rows[i].path) != 0))
            fail_msg("%s: %s", rows[i].target, passed ? path : p.detail);
    }
    char longest[HTTP_PATH_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[0] = '/';
    assert_true(head_path(slice_of(longest, HTTP_PATH_MAX), path, &p));
    assert_false(head_path(slice_of(longest, HTTP_PATH_MAX + 1), path, &p));
    assert_int_equal(p.status, 414);
}

static void problem_document(void **state)
{
    (void)state;
    struct problem p = {404, "no_such_thing", "access", "T", "D"};
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, PROBLEM_BYTES_MAX);
    assert_ok(problem_print(&p, "r-1", &b, NULL));
    assert_slice(buffer_slice(&b), "{\"class\":\"access\",\"code\":\"no_such_thing\",\"detail\":\"D\",\"instance\":\"r-1\",\"status\":404,"
                                   "\"title\":\"T\",\"type\":\"urn:innsyn:problem:no_such_thing\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_head),         cmocka_unit_test(every_refusal), cmocka_unit_test(limits_of_the_head),
        cmocka_unit_test(the_end_of_a_head), cmocka_unit_test(paths),         cmocka_unit_test(problem_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
