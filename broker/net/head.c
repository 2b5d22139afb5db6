#include "broker/net/head.h"

#include <ctype.h>

static bool refuse(struct problem *ret, unsigned status, const char *code, const char *title, const char *detail)
{
    *ret = (struct problem){.status = status, .code = code, .group = "grammar", .title = title, .detail = detail};
    return false;
}

static bool malformed(struct problem *ret, const char *detail)
{
    return refuse(ret, 400, "malformed", "The request is not valid HTTP", detail);
}

size_t head_length(struct slice bytes, size_t from)
{
    for (size_t i = from >= 3 ? from - 3 : 0; i + 4 <= bytes.len; i++)
        if (memcmp(bytes.at + i, "\r\n\r\n", 4) == 0)
            return i + 4;
    return 0;
}

/* RFC 9110 section 5.6.2. */
static bool is_token_byte(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* RFC 3986: pchar, '/', '?'; nothing else may stand in a target. */
static bool is_target_byte(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr("-._~!$&'()*+,;=:@%/?", c) != NULL);
}

/* The next line without its CRLF; false when a bare CR or LF, or no line end, is found. */
static bool take_line(struct slice *rest, struct slice *ret)
{
    for (size_t i = 0; i < rest->len; i++) {
        if (rest->at[i] == '\n')
            return false;
        if (rest->at[i] != '\r')
            continue;
        if (i + 1 >= rest->len || rest->at[i + 1] != '\n')
            return false;
        *ret = slice_part(*rest, 0, i);
        *rest = slice_part(*rest, i + 2, rest->len);
        return true;
    }
    return false;
}

static bool name_is(struct slice name, const char *lower)
{
    if (name.len != strlen(lower))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (tolower(name.at[i]) != lower[i])
            return false;
    return true;
}

static bool parse_request_line(struct slice line, struct http_head *h, struct problem *ret)
{
    static const struct {
        const char *name;
        uint8_t method;
    } methods[] = {{"GET", HTTP_GET}, {"POST", HTTP_POST}, {"PUT", HTTP_PUT}, {"DELETE", HTTP_DELETE}, {"HEAD", HTTP_HEAD}};
    size_t first = slice_find(line, ' ');
    struct slice method = slice_part(line, 0, first);
    struct slice after = slice_part(line, first + 1, line.len);
    size_t second = slice_find(after, ' ');
    struct slice target = slice_part(after, 0, second);
    struct slice version = slice_part(after, second + 1, after.len);

    if (method.len == 0 || target.len == 0)
        return malformed(ret, "The first line must be METHOD SP target SP HTTP/1.1.");
    for (size_t i = 0; i < method.len; i++)
        if (!is_token_byte(method.at[i]))
            return malformed(ret, "The method must be a token.");
    if (!slice_is(version, "HTTP/1.1"))
        return refuse(ret, 505, "malformed", "HTTP version not supported", "Only HTTP/1.1 is spoken here.");
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (slice_is(method, methods[i].name))
            h->method = methods[i].method;
    if (h->method == 0) {
        (void)refuse(ret, 405, "method_not_allowed", "Method not allowed", "Allowed are GET, HEAD, POST, PUT and DELETE.");
        ret->group = "access";
        return false;
    }
    if (target.at[0] != '/')
        return malformed(ret, "The target must begin with '/'.");
    for (size_t i = 0; i < target.len; i++)
        if (!is_target_byte(target.at[i]))
            return malformed(ret, "The target holds a byte that must be percent-encoded.");
    size_t mark = slice_find(target, '?');
    h->target = slice_part(target, 0, mark);
    h->query = slice_part(target, mark + 1, target.len);
    if (h->target.len > 3 * (size_t)HTTP_PATH_MAX || h->query.len > HTTP_QUERY_MAX)
        return refuse(ret, 414, "too_large", "The target is too long", "A path may have 512 bytes, a query 1024.");
    return true;
}

static bool parse_length(struct slice value, uint64_t *ret)
{
    return value.len <= 15 && slice_parse_u64(value, UINT64_MAX, ret);
}

struct seen {
    bool host, length, authorization, cookie, origin, key, none_match, connection, expect;
};

static bool once(bool *seen, struct problem *ret, const char *detail)
{
    if (*seen)
        return malformed(ret, detail);
    *seen = true;
    return true;
}

static bool parse_known_field(struct slice name, struct slice value, struct http_head *h, struct seen *seen, struct problem *ret)
{
    if (name_is(name, "host")) {
        h->host = value;
        return once(&seen->host, ret, "Host may be given once.");
    }
    if (name_is(name, "content-length")) {
        if (!parse_length(value, &h->content_length))
            return malformed(ret, "Content-Length must be one decimal number.");
        return once(&seen->length, ret, "Content-Length may be given once.");
    }
    if (name_is(name, "transfer-encoding"))
        return refuse(ret, 411, "malformed", "Length required", "Transfer-Encoding is not accepted; send Content-Length.");
    if (name_is(name, "authorization")) {
        h->authorization = value;
        return once(&seen->authorization, ret, "Authorization may be given once.");
    }
    if (name_is(name, "cookie")) {
        h->cookie = value;
        return once(&seen->cookie, ret, "Cookie may be given once.");
    }
    if (name_is(name, "origin")) {
        h->origin = value;
        return once(&seen->origin, ret, "Origin may be given once.");
    }
    if (name_is(name, "idempotency-key")) {
        h->idempotency_key = value;
        if (value.len > 128)
            return malformed(ret, "Idempotency-Key may have 128 bytes.");
        return once(&seen->key, ret, "Idempotency-Key may be given once.");
    }
    if (name_is(name, "if-none-match")) {
        h->if_none_match = value;
        return once(&seen->none_match, ret, "If-None-Match may be given once.");
    }
    if (name_is(name, "connection")) {
        h->close = name_is(value, "close");
        return once(&seen->connection, ret, "Connection may be given once.");
    }
    if (name_is(name, "upgrade"))
        return malformed(ret, "Upgrade is not offered.");
    if (name_is(name, "expect")) {
        if (!name_is(value, "100-continue"))
            return refuse(ret, 417, "malformed", "Expectation failed", "Only 100-continue may be expected.");
        return once(&seen->expect, ret, "Expect may be given once.");
    }
    return true;
}

static bool parse_field(struct slice line, struct http_head *h, struct seen *seen, struct problem *ret)
{
    size_t colon = slice_find(line, ':');
    struct slice name = slice_part(line, 0, colon);
    struct slice value = slice_part(line, colon + 1, line.len);
    if (name.len == 0 || colon == line.len || name.len > HEAD_FIELD_NAME_MAX)
        return malformed(ret, "A header must be name ':' value on one line.");
    for (size_t i = 0; i < name.len; i++)
        if (!is_token_byte(name.at[i])) /* also refuses folded lines and a blank before the colon */
            return malformed(ret, "A header's name must be a token; folded lines are not accepted.");
    for (size_t i = 0; i < value.len; i++)
        if ((value.at[i] < 0x20 && value.at[i] != '\t') || value.at[i] == 0x7f)
            return malformed(ret, "A header's value holds a control character.");
    while (value.len > 0 && (value.at[0] == ' ' || value.at[0] == '\t'))
        value = slice_part(value, 1, value.len);
    while (value.len > 0 && (value.at[value.len - 1] == ' ' || value.at[value.len - 1] == '\t'))
        value.len--;
    return parse_known_field(name, value, h, seen, ret);
}

/* A file for an application, of somebody who says who he or she is: the one call with a large body. */
static bool is_upload(const struct http_head *h)
{
    return h->method == HTTP_POST && slice_starts(h->target, "/v1/applications/") && slice_ends(h->target, "/attachments") &&
           (h->authorization.len || h->cookie.len);
}

bool head_parse(struct slice head, struct http_head *ret, struct problem *ret_problem)
{
    struct http_head h = {0};
    struct seen seen = {0};
    struct slice rest = head, line;

    if (head.len > HEAD_BYTES_MAX)
        return refuse(ret_problem, 431, "too_large", "The header is too large", "A request's head may have 16384 bytes.");
    if (!take_line(&rest, &line))
        return malformed(ret_problem, "Lines must end in CRLF.");
    if (!parse_request_line(line, &h, ret_problem))
        return false;
    for (unsigned count = 0;; count++) {
        if (!take_line(&rest, &line))
            return malformed(ret_problem, "Lines must end in CRLF.");
        if (line.len == 0)
            break;
        if (count == HEAD_FIELDS_MAX)
            return refuse(ret_problem, 431, "too_large", "The header is too large", "A request may have 64 headers.");
        if (!parse_field(line, &h, &seen, ret_problem))
            return false;
    }
    if (rest.len != 0)
        return malformed(ret_problem, "The head must end with an empty line.");
    if (!seen.host || h.host.len == 0)
        return malformed(ret_problem, "Host is required.");
    if (h.content_length > HTTP_BODY_MAX && !is_upload(&h))
        return refuse(ret_problem, 413, "too_large", "The body is too large", "A body may have 4194304 bytes.");
    if (h.content_length > HTTP_UPLOAD_MAX)
        return refuse(ret_problem, 413, "too_large", "The file is too large", "An attachment may have 10485760 bytes.");
    if (h.content_length > 0 && h.method != HTTP_POST && h.method != HTTP_PUT)
        return malformed(ret_problem, "Only POST and PUT may have a body.");
    *ret = h;
    return true;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (uint8_t)tolower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool segments_are_plain(struct slice path)
{
    struct slice rest = slice_part(path, 1, path.len);
    while (rest.len > 0) {
        size_t end = slice_find(rest, '/');
        struct slice segment = slice_part(rest, 0, end);
        if (segment.len == 0 || slice_is(segment, ".") || slice_is(segment, ".."))
            return false;
        rest = slice_part(rest, end + 1, rest.len);
    }
    return true;
}

bool head_path(struct slice target, char to[HTTP_PATH_MAX + 1], struct problem *ret_problem)
{
    char path[HTTP_PATH_MAX + 1];
    size_t len = 0;
    for (size_t i = 0; i < target.len; i++) {
        uint8_t c = target.at[i];
        if (c == '%') {
            bool whole = i + 2 < target.len;
            int high = whole ? hex_value(target.at[i + 1]) : -1;
            int low = whole ? hex_value(target.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return malformed(ret_problem, "A '%' in the path must be followed by two hex digits.");
            c = (uint8_t)(high * 16 + low);
            i += 2;
            if (c == '/' || c == '\\' || c < 0x20 || c == 0x7f)
                return malformed(ret_problem, "The path holds an encoded slash, backslash or control character.");
        }
        if (len == HTTP_PATH_MAX)
            return refuse(ret_problem, 414, "too_large", "The target is too long", "A path may have 512 bytes.");
        path[len++] = (char)c;
    }
    path[len] = '\0';
    struct slice decoded = slice_of(path, len);
    if (len == 0 || path[0] != '/' || !slice_is_utf8(decoded) || !segments_are_plain(decoded))
        return malformed(ret_problem, "The path must be plain segments: no '.', '..' or empty ones, and UTF-8.");
    memcpy(to, path, len + 1);
    return true;
}

struct slice head_cookie(struct slice cookie, const char *name)
{
    struct slice found = {0}, rest = cookie;
    bool twice = false;
    while (rest.len > 0) {
        size_t end = slice_find(rest, ';');
        struct slice pair = slice_part(rest, 0, end);
        rest = slice_part(rest, end + 1, rest.len);
        while (pair.len > 0 && pair.at[0] == ' ')
            pair = slice_part(pair, 1, pair.len);
        size_t equals = slice_find(pair, '=');
        if (equals == pair.len || !slice_is(slice_part(pair, 0, equals), name))
            continue;
        twice = twice || found.at;
        found = slice_part(pair, equals + 1, pair.len);
    }
    return twice ? (struct slice){0} : found;
}

struct slice head_bearer(struct slice authorization)
{
    if (authorization.len < 8 || !name_is(slice_part(authorization, 0, 7), "bearer "))
        return (struct slice){0};
    return slice_part(authorization, 7, authorization.len);
}

result problem_print(const struct problem *p, const char *instance, struct buffer *to, struct why *why)
{
    /* All texts are our own constants, so that nothing needs escaping. */
    return buffer_printf(to, why,
                         "{\"class\":\"%s\",\"code\":\"%s\",\"detail\":\"%s\",\"instance\":\"%s\",\"status\":%u,"
                         "\"title\":\"%s\",\"type\":\"urn:innsyn:problem:%s\"}",
                         p->group, p->code, p->detail, instance, p->status, p->title, p->code);
}
