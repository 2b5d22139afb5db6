#include "client/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "base/secret.h"

enum { URL_MAX = 255, HEADER_MAX = 512, TOKEN_MAX = 256, RETRY_AFTER_MAX_S = 10 };

struct transport {
    CURL *curl; /* kept between calls, and with it the connection */
    char url[URL_MAX + 1];
    char *ca_file;
    bool loopback;
};

static bool names_loopback(const char *url)
{
    const char *host = url + strlen("https://");
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 || strncmp(host, "[::1]", 5) == 0;
}

result transport_new(const char *url, const char *ca_file, struct transport **ret, struct why *why)
{
    static bool started; /* one thread */
    if (!started && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return FAIL(why, LIMIT, "libcurl cannot start");
    started = true;
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/')
        len--;
    if (strncmp(url, "https://", 8) != 0 || len <= 8 || len > URL_MAX || memchr(url + 8, '/', len - 8) || strpbrk(url, " ?#@\\"))
        return FAIL_AT(why, MALFORMED, "/url", "the address must be https://HOST:PORT without a path");
    struct transport *t = calloc(1, sizeof *t);
    if (!t || !(t->curl = curl_easy_init()) || !(t->ca_file = strdup(ca_file))) {
        transport_free(t);
        return FAIL(why, LIMIT, "no memory for a connection");
    }
    memcpy(t->url, url, len);
    t->loopback = names_loopback(t->url);
    *ret = t;
    return DONE;
}

void transport_free(struct transport *t)
{
    if (!t)
        return;
    curl_easy_cleanup(t->curl);
    free(t->ca_file);
    free(t);
}

void answer_init(struct answer *a)
{
    *a = (struct answer){0};
    buffer_init(&a->body, TRANSPORT_ANSWER_BYTES_MAX);
}

void answer_done(struct answer *a)
{
    buffer_wipe(&a->body); /* an answer may hold a token */
}

struct receiving {
    struct answer *answer;
    bool too_large;
};

static size_t take_body(char *at, size_t size, size_t count, void *self)
{
    struct receiving *r = self;
    if (buffer_add(&r->answer->body, slice_of(at, size * count), NULL).code == OK)
        return size * count;
    r->too_large = true;
    return 0;
}

static void keep(struct slice value, char *to, size_t size)
{
    while (value.len > 0 && (value.at[0] == ' ' || value.at[0] == '\t'))
        value = slice_part(value, 1, value.len);
    while (value.len > 0 && value.at[value.len - 1] <= ' ')
        value.len--;
    if (!slice_copy_str(value, to, size))
        to[0] = '\0';
}

static size_t take_header(char *at, size_t size, size_t count, void *self)
{
    struct receiving *r = self;
    struct slice line = slice_of(at, size * count);
    size_t colon = slice_find(line, ':');
    struct slice value = slice_part(line, colon + 1, line.len);
    char name[32] = "", seconds[16];
    if (colon == line.len || !slice_copy_str(slice_part(line, 0, colon), name, sizeof name))
        return line.len;
    if (strcasecmp(name, "content-type") == 0)
        keep(value, r->answer->content_type, sizeof r->answer->content_type);
    else if (strcasecmp(name, "x-request-id") == 0)
        keep(value, r->answer->request_id, sizeof r->answer->request_id);
    else if (strcasecmp(name, "retry-after") == 0) {
        uint64_t wait = 0;
        keep(value, seconds, sizeof seconds);
        if (slice_parse_u64(slice_str(seconds), RETRY_AFTER_MAX_S, &wait))
            r->answer->retry_after_s = (unsigned)wait;
    }
    return line.len;
}

static result say(const struct transport *t, CURLcode code, const char *detail, const struct receiving *r, size_t bytes_max, struct why *why)
{
    if (r->too_large || code == CURLE_FILESIZE_EXCEEDED)
        return FAIL(why, LIMIT, "the answer of %s is larger than %zu bytes", t->url, bytes_max);
    const char *text = detail[0] ? detail : curl_easy_strerror(code);
    switch ((int)code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return FAIL(why, DENIED, "the certificate of %s does not hold under the profile's CA %s: %s", t->url, t->ca_file, text);
    case CURLE_SSL_CACERT_BADFILE:
        return FAIL(why, DENIED, "the profile's CA file %s cannot be used: %s", t->ca_file, text);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return FAIL(why, DENIED, "no TLS 1.3 connection to %s: %s", t->url, text);
    case CURLE_OPERATION_TIMEDOUT:
        return FAIL(why, UNAVAILABLE, "%s did not answer in time: %s", t->url, text);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
        return FAIL(why, MALFORMED, "%s does not speak HTTP/1.1: %s", t->url, text);
    default:
        return FAIL(why, UNAVAILABLE, "cannot reach %s: %s", t->url, text);
    }
}

static bool add_header(struct curl_slist **list, const char *header)
{
    struct curl_slist *longer = curl_slist_append(*list, header);
    if (!longer)
        return false;
    *list = longer;
    return true;
}

static void set_up(struct transport *t, const struct exchange *e, const char *url, struct curl_slist *headers, char *detail,
                   struct receiving *r, size_t bytes_max)
{
    CURL *c = t->curl;
    curl_easy_reset(c); /* options only: the connection stays */
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "innsyn");
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)(CURL_SSLVERSION_TLSv1_3 | CURL_SSLVERSION_MAX_TLSv1_3));
    curl_easy_setopt(c, CURLOPT_TLS13_CIPHERS, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384");
    curl_easy_setopt(c, CURLOPT_SSL_EC_CURVES, "P-256:P-384");
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    curl_easy_setopt(c, CURLOPT_CAINFO, t->ca_file);
    curl_easy_setopt(c, CURLOPT_CAPATH, NULL); /* the system's authorities vouch for nothing here */
    if (t->loopback)
        curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)TRANSPORT_CONNECT_MS);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(e->answer_ms ? e->answer_ms : TRANSPORT_ANSWER_MS) + (long)e->wait_ms);
    curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)bytes_max);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, e->method);
    if (strcmp(e->method, "GET") != 0 && (e->body.len > 0 || strcmp(e->method, "DELETE") != 0)) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, e->body.len > 0 ? (const char *)e->body.at : "");
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)e->body.len);
    }
}

static result call_once(struct transport *t, const struct exchange *e, struct answer *ret, struct why *why)
{
    size_t bytes_max = e->answer_bytes_max ? e->answer_bytes_max : TRANSPORT_ANSWER_BYTES_MAX;
    char url[URL_MAX + 2048], header[HEADER_MAX], detail[CURL_ERROR_SIZE] = "";
    int len = snprintf(url, sizeof url, "%s%s", t->url, e->path);
    if (len < 0 || (size_t)len >= sizeof url || e->token.len > TOKEN_MAX)
        return FAIL(why, LIMIT, "the address or the token is too long");
    struct curl_slist *headers = NULL;
    bool made = add_header(&headers, "Accept: application/json, application/problem+json, text/plain") &&
                add_header(&headers, "Expect:");
    (void)snprintf(header, sizeof header, "Content-Type: %s", e->content_type ? e->content_type : "application/json");
    if (e->body.len > 0)
        made = made && add_header(&headers, header);
    if (e->token.len > 0) {
        (void)snprintf(header, sizeof header, "Authorization: Bearer %.*s", SLICE_ARG(e->token));
        made = made && add_header(&headers, header);
        wipe(header, sizeof header);
    }
    if (e->idempotency_key) {
        (void)snprintf(header, sizeof header, "Idempotency-Key: %s", e->idempotency_key);
        made = made && add_header(&headers, header);
    }
    answer_done(ret);
    answer_init(ret);
    ret->body.max = bytes_max;
    struct receiving receiving = {.answer = ret};
    result r;
    if (!made) {
        r = FAIL(why, LIMIT, "no memory for a request");
    } else {
        set_up(t, e, url, headers, detail, &receiving, bytes_max);
        CURLcode code = curl_easy_perform(t->curl);
        long status = 0;
        if (code == CURLE_OK)
            curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
        ret->status = (unsigned)status;
        r = code == CURLE_OK ? DONE : say(t, code, detail, &receiving, bytes_max, why);
    }
    curl_slist_free_all(headers);
    return r;
}

static void pause_ms(unsigned ms)
{
    struct timespec wait = {ms / 1000, (long)(ms % 1000) * 1000000};
    (void)nanosleep(&wait, NULL);
}

result transport_call(struct transport *t, const struct exchange *e, struct answer *ret, struct why *why)
{
    static const unsigned delays_ms[TRANSPORT_TRIES_MAX - 1] = {100, 400, 1600};
    for (unsigned tried = 0;; tried++) {
        result r = call_once(t, e, ret, why);
        bool busy = r.code == OK && (ret->status == 429 || ret->status == 503);
        if (!e->idempotent || tried + 1 >= TRANSPORT_TRIES_MAX || !(r.code == UNAVAILABLE || busy))
            return r;
        pause_ms(busy && ret->retry_after_s ? ret->retry_after_s * 1000 : delays_ms[tried]);
    }
}
