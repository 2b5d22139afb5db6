#include "agents/link/transport.h"
#include "base/host.h"
#include "base/instant.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CIPHERS "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"
#define CURVES "P-256:P-384"

enum { URL_SIZE = 1024, KEEPALIVE_SECONDS = 15, CONNECTION_LIFE_SECONDS = 3600 };

/* One request under way. */
struct flight {
    struct transport *transport; /* NULL for transport_once */
    uint64_t tag;
    CURL *curl;
    struct curl_slist *headers;
    struct buffer request, answer;
    bool too_large;
    char error[CURL_ERROR_SIZE];
    struct flight *next;
};

enum { FRESH_MS = 2 * SECOND_MS };

struct transport {
    struct transport_settings settings;
    struct loop *loop;
    struct loop_watch *timer;
    CURLM *multi;
    transport_fn *fn;
    void *self;
    struct flight *flights;
    unsigned flight_count;
    int64_t reloaded_ms; /* monotonic; connections made before this are not used again; 0: all may be */
};

static result library_init(struct why *why)
{
    static bool done; /* one thread a role */
    if (!done && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return FAIL(why, UNAVAILABLE, "the HTTP library did not start");
    done = true;
    return DONE;
}

static size_t take_answer(char *at, size_t size, size_t count, void *self)
{
    struct flight *f = self;
    if (is_ok(buffer_add(&f->answer, slice_of(at, size * count), NULL)))
        return size * count;
    f->too_large = true;
    return 0; /* ends the transfer */
}

static void flight_free(struct flight *f)
{
    if (!f)
        return;
    if (f->curl)
        curl_easy_cleanup(f->curl);
    curl_slist_free_all(f->headers);
    buffer_done(&f->request);
    buffer_done(&f->answer);
    free(f);
}

static void flight_freep(struct flight **f)
{
    flight_free(*f);
}

static bool set_tls(CURL *c, const struct transport_settings *s)
{
    bool ok = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_TLS13_CIPHERS, CIPHERS) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_SSL_EC_CURVES, CURVES) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK && /* resumption would skip checks */
              curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK;
    if (ok && s->ca_path) {
        ok = curl_easy_setopt(c, CURLOPT_CAINFO, s->ca_path) == CURLE_OK;
    } else if (ok) {
        char *pem = strndup((const char *)s->ca_pem.at, s->ca_pem.len);
        struct curl_blob blob = {pem, s->ca_pem.len, CURL_BLOB_COPY};
        ok = pem && curl_easy_setopt(c, CURLOPT_CAINFO, NULL) == CURLE_OK && curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK;
        free(pem);
    }
    if (ok && s->certificate_path)
        ok = curl_easy_setopt(c, CURLOPT_SSLCERT, s->certificate_path) == CURLE_OK &&
             curl_easy_setopt(c, CURLOPT_SSLKEY, s->key_path) == CURLE_OK;
    return ok;
}

static bool set_http(struct flight *f, const struct transport_settings *s, const struct transport_request *r)
{
    CURL *c = f->curl;
    char url[URL_SIZE];
    const char *method = r->method == TRANSPORT_GET ? "GET" : r->method == TRANSPORT_PUT ? "PUT" : "POST";
    int n = snprintf(url, sizeof url, "%s%.*s", s->url, SLICE_ARG(r->path));
    if (n < 0 || (size_t)n >= sizeof url || r->path.len > TRANSPORT_PATH_MAX)
        return false;
    f->headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *more = f->headers ? curl_slist_append(f->headers, "Expect:") : NULL; /* no 100-continue round trip */
    if (!more)
        return false;
    f->headers = more;
    bool ok = curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_HTTPHEADER, f->headers) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_USERAGENT, "innsyn-agent") == CURLE_OK &&
              curl_easy_setopt(c, CURLOPT_PROXY, s->proxy ? s->proxy : "") == CURLE_OK;
    if (ok && r->method != TRANSPORT_GET)
        ok = curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->request.len) == CURLE_OK &&
             curl_easy_setopt(c, CURLOPT_POSTFIELDS, f->request.len > 0 ? (const char *)f->request.at : "") == CURLE_OK;
    return ok;
}

static bool set_life(struct flight *f, const struct transport_request *r)
{
    CURL *c = f->curl;
    unsigned timeout_ms = r->timeout_ms < TRANSPORT_TIMEOUT_MAX_MS ? r->timeout_ms : TRANSPORT_TIMEOUT_MAX_MS;
    return curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)TRANSPORT_CONNECT_TIMEOUT_MS) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_SECONDS) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_SECONDS) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFE_SECONDS) == CURLE_OK && /* renewed certificates */
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_answer) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEDATA, (void *)f) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, f->error) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PRIVATE, (void *)f) == CURLE_OK;
}

static result flight_new(const struct transport_settings *s, const struct transport_request *r, struct flight **ret, struct why *why)
{
    TRY(library_init(why));
    struct flight *f CLEANUP(flight_freep) = calloc(1, sizeof *f);
    if (!f)
        return FAIL(why, LIMIT, "no memory for a request");
    buffer_init(&f->request, TRANSPORT_ANSWER_BYTES_MAX);
    buffer_init(&f->answer, TRANSPORT_ANSWER_BYTES_MAX);
    TRY(buffer_add(&f->request, r->body, why));
    f->curl = curl_easy_init();
    if (!f->curl)
        return FAIL(why, LIMIT, "no memory for a request");
    if (!set_tls(f->curl, s) || !set_http(f, s, r) || !set_life(f, r))
        return FAIL(why, UNAVAILABLE, "the HTTP library lacks an option that the TLS profile needs");
    *ret = MOVE(f);
    return DONE;
}

/* What the operator should look at, by what failed. */
static result explain(const struct flight *f, CURLcode code, struct why *why)
{
    const char *text = f->error[0] ? f->error : curl_easy_strerror(code);
    if (f->too_large)
        return FAIL(why, LIMIT, "the broker's answer is over %d bytes", TRANSPORT_ANSWER_BYTES_MAX);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR)
        return FAIL(why, DENIED, "the broker's certificate does not hold (%s); is it the broker this site enrolled with?", text);
    if (code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE)
        return FAIL(why, DENIED, "this site's certificate or CA file cannot be used (%s)", text);
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY)
        return FAIL(why, UNAVAILABLE, "the name of the broker or proxy is not known (%s)", text);
    if (code == CURLE_COULDNT_CONNECT)
        return FAIL(why, UNAVAILABLE, "no connection to the broker (%s); is it running, and does the firewall let it through?", text);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return FAIL(why, UNAVAILABLE, "the broker did not answer in time (%s)", text);
    return FAIL(why, UNAVAILABLE, "%s", text);
}

result transport_once(const struct transport_settings *s, const struct transport_request *r, unsigned *ret_status,
                      struct buffer *ret_body, struct why *why)
{
    struct flight *f CLEANUP(flight_freep) = NULL;
    TRY(flight_new(s, r, &f, why));
    CURLcode code = curl_easy_perform(f->curl);
    if (code != CURLE_OK)
        return explain(f, code, why);
    long status = 0;
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    TRY(buffer_add(ret_body, buffer_slice(&f->answer), why));
    *ret_status = (unsigned)status;
    return DONE;
}

/* --- many at once ------------------------------------------------------------------------------ */

static void take_off_list(struct transport *t, struct flight *f)
{
    for (struct flight **at = &t->flights; *at; at = &(*at)->next) {
        if (*at == f) {
            *at = f->next;
            t->flight_count--;
            return;
        }
    }
}

static void finish(struct transport *t)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(t->multi, &left)) != NULL;) {
        if (m->msg != CURLMSG_DONE)
            continue;
        struct flight *f = NULL;
        CURLcode code = m->data.result;
        long status = 0;
        struct why why = {0};
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&f);
        curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        curl_multi_remove_handle(t->multi, f->curl);
        take_off_list(t, f);
        result r = code == CURLE_OK ? DONE : explain(f, code, &why);
        t->fn(t->self, f->tag, r, (unsigned)status, buffer_slice(&f->answer), &why);
        flight_free(f);
    }
}

/* A descriptor the library wants to hear of. */
struct wire_watch {
    struct transport *transport;
    int fd;
    struct loop_watch *read, *write;
};

static void act(struct transport *t, int fd, int events)
{
    int running;
    curl_multi_socket_action(t->multi, fd, events, &running);
    finish(t);
}

static void on_readable(void *self)
{
    struct wire_watch *w = self;
    act(w->transport, w->fd, CURL_CSELECT_IN);
}

static void on_writable(void *self)
{
    struct wire_watch *w = self;
    act(w->transport, w->fd, CURL_CSELECT_OUT);
}

static void on_timer(void *self)
{
    act(self, CURL_SOCKET_TIMEOUT, 0);
}

static int on_library_socket(CURL *easy, curl_socket_t fd, int what, void *self, void *socket_self)
{
    (void)easy;
    struct transport *t = self;
    struct wire_watch *w = socket_self;
    if (w) {
        loop_unwatch(w->read);
        loop_unwatch(w->write);
        w->read = w->write = NULL;
    }
    if (what == CURL_POLL_REMOVE) {
        curl_multi_assign(t->multi, fd, NULL);
        free(w);
        return 0;
    }
    if (!w) {
        w = calloc(1, sizeof *w);
        if (!w)
            return -1;
        *w = (struct wire_watch){.transport = t, .fd = fd};
        curl_multi_assign(t->multi, fd, w);
    }
    bool in = what == CURL_POLL_IN || what == CURL_POLL_INOUT, out = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
    if (in && !is_ok(loop_watch_fd(t->loop, fd, LOOP_READ, on_readable, w, &w->read, NULL)))
        return -1;
    if (out && !is_ok(loop_watch_fd(t->loop, fd, LOOP_WRITE, on_writable, w, &w->write, NULL)))
        return -1;
    return 0;
}

static int on_library_timer(CURLM *multi, long after_ms, void *self)
{
    (void)multi;
    struct transport *t = self;
    loop_timer_set(t->timer, after_ms);
    return 0;
}

static void transport_freep(struct transport **t)
{
    transport_free(*t);
}

result transport_new(struct loop *loop, const struct transport_settings *s, transport_fn *fn, void *self,
                     struct transport **ret, struct why *why)
{
    TRY(library_init(why));
    struct transport *t CLEANUP(transport_freep) = calloc(1, sizeof *t);
    if (!t)
        return FAIL(why, LIMIT, "no memory for the transport");
    t->settings = *s;
    t->loop = loop;
    t->fn = fn;
    t->self = self;
    t->multi = curl_multi_init();
    if (!t->multi)
        return FAIL(why, LIMIT, "no memory for the transport");
    TRY(loop_timer(loop, on_timer, t, &t->timer, why));
    if (curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, on_library_socket) != CURLM_OK ||
        curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, (void *)t) != CURLM_OK ||
        curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, on_library_timer) != CURLM_OK ||
        curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, (void *)t) != CURLM_OK)
        return FAIL(why, UNAVAILABLE, "the HTTP library did not start");
    *ret = MOVE(t);
    return DONE;
}

void transport_free(struct transport *t)
{
    if (!t)
        return;
    while (t->flights) {
        struct flight *f = t->flights;
        curl_multi_remove_handle(t->multi, f->curl);
        take_off_list(t, f);
        flight_free(f);
    }
    if (t->multi)
        curl_multi_cleanup(t->multi);
    loop_unwatch(t->timer);
    free(t);
}

/* A connection shows the certificate it was made with, and the broker refuses the replaced one: none from before
 * the reload may come back from the pool.  The library counts ages in seconds, so the first two make new ones. */
static bool leave_old_connections(const struct transport *t, CURL *curl)
{
    int64_t since_ms = t->reloaded_ms ? host_monotonic_ms(host_real()) - t->reloaded_ms : 0;
    if (!t->reloaded_ms || since_ms > CONNECTION_LIFE_SECONDS * SECOND_MS) /* by then the usual life has ended them */
        return true;
    if (since_ms < FRESH_MS)
        return curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
    return curl_easy_setopt(curl, CURLOPT_MAXLIFETIME_CONN, (long)(since_ms / SECOND_MS - 1)) == CURLE_OK;
}

result transport_send(struct transport *t, uint64_t tag, const struct transport_request *r, struct why *why)
{
    if (t->flight_count == TRANSPORT_REQUESTS_MAX)
        return FAIL(why, LIMIT, "%d requests are under way", TRANSPORT_REQUESTS_MAX);
    struct flight *f CLEANUP(flight_freep) = NULL;
    TRY(flight_new(&t->settings, r, &f, why));
    f->transport = t;
    f->tag = tag;
    if (!leave_old_connections(t, f->curl))
        return FAIL(why, UNAVAILABLE, "the HTTP library cannot make a fresh connection");
    if (curl_multi_add_handle(t->multi, f->curl) != CURLM_OK)
        return FAIL(why, UNAVAILABLE, "the HTTP library did not take the request");
    f->next = t->flights;
    t->flights = MOVE(f);
    t->flight_count++;
    return DONE;
}

void transport_reload(struct transport *t)
{
    t->reloaded_ms = host_monotonic_ms(host_real());
}
