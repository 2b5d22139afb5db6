/*
 * head.h - the head of an HTTP/1.1 request, read strictly: what two parsers could read differently is
 * refused.  CRLF only, no folding, no NUL or other control characters, one Host, one Content-Length,
 * no Transfer-Encoding at all (our bodies always have a length), origin-form targets only.
 * Pure: bytes in, a struct or a refusal out.  The HTTP library behind http.h sees only heads that
 * passed here.
 */
#ifndef INNSYN_BROKER_NET_HEAD_H
#define INNSYN_BROKER_NET_HEAD_H

#include "base/buffer.h"
#include "base/slice.h"
#include "broker/messages.h"

enum { HEAD_BYTES_MAX = 16 * 1024, HEAD_FIELDS_MAX = 64, HEAD_FIELD_NAME_MAX = 64, PROBLEM_BYTES_MAX = 1024 };

/* After the four of messages.h: answered by net itself, never forwarded. */
enum { HTTP_HEAD = HTTP_DELETE + 1 };

struct http_head {
    uint8_t method;          /* enum http_method or HTTP_HEAD */
    struct slice target;     /* as sent, without the query; all slices are borrowed from the head's bytes */
    struct slice query;      /* without '?' */
    struct slice host;
    struct slice authorization, cookie, origin, idempotency_key, if_none_match; /* empty when absent */
    uint64_t content_length; /* 0 when absent */
    bool close;              /* the peer asked to close afterwards */
};

/* What net itself refuses, as a problem of docs/PROTOCOL.md section 9. */
struct problem {
    unsigned status;
    const char *code;
    const char *group; /* the problem's class */
    const char *title;
    const char *detail; /* names the rule and what would be allowed; never the peer's text */
};

/* The length of the head at the start of `bytes`, with its empty line; 0 if the end is not there yet.
 * Looks from `from` on (what was searched before). */
size_t head_length(struct slice bytes, size_t from);

/* head: the whole head with its empty line.  False: *ret_problem says why, *ret is untouched. */
bool head_parse(struct slice head, struct http_head *ret, struct problem *ret_problem);

/* The target with percent-encoding decoded.  Refused: %00 and other controls, encoded slashes and
 * backslashes, dot segments (encoded or not), empty segments, what is not UTF-8 or longer than
 * HTTP_PATH_MAX. */
bool head_path(struct slice target, char to[HTTP_PATH_MAX + 1], struct problem *ret_problem);

/* The value of the cookie `name`; empty when there is none, or when it is there twice. */
struct slice head_cookie(struct slice cookie, const char *name);

/* "Bearer <token>" -> token; empty otherwise. */
struct slice head_bearer(struct slice authorization);

/* Appends the problem+json document; instance: the request's id. */
MUST_CHECK result problem_print(const struct problem *p, const char *instance, struct buffer *to, struct why *why);

#endif
