/*
 * Aim: each pitfall that broker/net/http.h lists is tried from outside, over real TLS.  A child serves,
 * with test paths that make it hold, answer, cut, move its clock; the parent is a client that misbehaves.
 * The child dies with its test; every wait is bounded by CLIENT_SECONDS.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "broker/net/http.h"
#include "check.h"

enum { CLIENT_SECONDS = 10, SHORT_MS = 600, LONG_MS = 8000, ANSWER_SIZE = 64 * 1024, HELD_MAX = 64 };

/* --- certificates ----------------------------------------------------------------------------------------- */

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
};
static struct identity server_ca, site_ca, foreign_ca, server, site_one, two_names, no_name, foreign_site, expired_site, short_site;
static char folder[64], path_certificate[128], path_key[128], path_site_ca[128];

static void add_extension(X509 *x, X509V3_CTX *v, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, v, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static struct identity make(const char *name, const struct identity *issuer, const char *alt_names, long ends_s)
{
    static long serial = 1;
    struct identity i = {EVP_EC_gen("P-256"), X509_new()};
    X509_NAME *n = X509_NAME_new();
    X509V3_CTX v;
    assert_int_equal(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0), 1);
    X509_set_version(i.certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(i.certificate), serial++);
    X509_set_subject_name(i.certificate, n);
    X509_set_issuer_name(i.certificate, issuer ? X509_get_subject_name(issuer->certificate) : n);
    X509_gmtime_adj(X509_getm_notBefore(i.certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(i.certificate), ends_s);
    X509_set_pubkey(i.certificate, i.key);
    X509V3_set_ctx(&v, issuer ? issuer->certificate : i.certificate, i.certificate, NULL, NULL, 0);
    add_extension(i.certificate, &v, NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (alt_names)
        add_extension(i.certificate, &v, NID_subject_alt_name, alt_names);
    assert_true(X509_sign(i.certificate, issuer ? issuer->key : i.key, EVP_sha256()) > 0);
    X509_NAME_free(n);
    return i;
}

static void write_pem(char path[128], const char *name, const struct identity *i, bool key)
{
    (void)snprintf(path, 128, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(key ? PEM_write_PrivateKey(f, i->key, NULL, NULL, 0, NULL, NULL) : PEM_write_X509(f, i->certificate), 1);
    assert_int_equal(fclose(f), 0);
}

static int make_all(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/innsyn-http-XXXXXX");
    assert_non_null(mkdtemp(folder));
    server_ca = make("server CA", NULL, NULL, 86400);
    site_ca = make("site CA", NULL, NULL, 86400);
    foreign_ca = make("site CA", NULL, NULL, 86400);
    server = make("broker", &server_ca, "IP:127.0.0.1", 86400);
    site_one = make("one", &site_ca, "URI:urn:innsyn:site:ulm.south", 86400);
    short_site = make("short", &site_ca, "URI:urn:innsyn:site:short", 3600);
    two_names = make("two", &site_ca, "URI:urn:innsyn:site:ulm.south,URI:urn:innsyn:site:ulm.north", 86400);
    no_name = make("none", &site_ca, "DNS:ulm.south", 86400);
    foreign_site = make("foreign", &foreign_ca, "URI:urn:innsyn:site:ulm.south", 86400);
    expired_site = make("expired", &site_ca, "URI:urn:innsyn:site:ulm.south", -3600);
    write_pem(path_certificate, "server.pem", &server, false);
    write_pem(path_key, "server.key", &server, true);
    write_pem(path_site_ca, "site-ca.pem", &site_ca, false);
    return 0;
}

static int remove_all(void **state)
{
    (void)state;
    (void)unlink(path_certificate);
    (void)unlink(path_key);
    (void)unlink(path_site_ca);
    (void)rmdir(folder);
    struct identity *all[] = {&server_ca, &site_ca, &foreign_ca, &server, &site_one, &two_names, &no_name, &foreign_site, &expired_site, &short_site};
    for (unsigned i = 0; i < COUNT_OF(all); i++) {
        EVP_PKEY_free(all[i]->key);
        X509_free(all[i]->certificate);
    }
    return 0;
}

/* --- the serving child --------------------------------------------------------------------------------------- */

static struct {
    struct http_front *front;
    struct loop *loop;
    struct loop_watch *on_term, *timer;
    uint64_t held[HELD_MAX];
    unsigned held_count, gone_count;
    int64_t clock_shift_ms;
    uint16_t port;
    bool draining;
} child;

static int64_t shifted_now_ms(void *self)
{
    (void)self;
    return host_now_ms(host_real()) + child.clock_shift_ms;
}

PRINTF_LIKE(2, 3) static void answer_text(uint64_t tag, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct http_answer a = {.status = 200, .content_type = slice_str("text/plain"), .body = slice_str(text)};
    http_front_answer(child.front, tag, &a);
}

/* Every accepted socket has TCP_NODELAY. */
static bool all_without_nagle(void)
{
    struct sockaddr_in own;
    unsigned sockets = 0, without = 0;
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer, own_len = sizeof own, n = sizeof(int);
        int on = 0;
        if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0 || peer.ss_family != AF_INET ||
            getsockname(fd, (struct sockaddr *)&own, &own_len) != 0 || ntohs(own.sin_port) != child.port)
            continue;
        sockets++;
        if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &n) == 0 && on)
            without++;
    }
    return sockets > 0 && sockets == without;
}

static void *answer_from_thread(void *self)
{
    uint64_t *tag = self;
    answer_text(*tag, "from a thread");
    return NULL;
}

static void release_held(void)
{
    for (unsigned i = 0; i < child.held_count; i++) {
        struct http_answer a = {.status = 204};
        http_front_answer(child.front, child.held[i], &a);
    }
    child.held_count = 0;
}

static void on_request(void *self, const struct http_incoming *in)
{
    (void)self;
    uint64_t tag = in->tag;
    static uint8_t big[8 * 1024 * 1024];
    struct slice path = slice_str(in->path);
    if (slice_is(path, "/hold") && child.held_count < HELD_MAX)
        child.held[child.held_count++] = tag;
    else if (slice_is(path, "/release")) {
        release_held();
        answer_text(tag, "released");
    } else if (slice_is(path, "/count"))
        answer_text(tag, "gone %u in_flight %u connections %u", child.gone_count, http_front_in_flight(child.front),
                    http_front_connections(child.front));
    else if (slice_is(path, "/clock")) {
        child.clock_shift_ms = INT64_C(7200) * 1000;
        answer_text(tag, "moved");
    } else if (slice_is(path, "/nagle"))
        answer_text(tag, "%s", all_without_nagle() ? "off" : "on");
    else if (slice_is(path, "/cut"))
        http_front_cut(child.front, in->head->query);
    else if (slice_is(path, "/big")) {
        struct http_answer a = {.status = 200, .body = slice_of(big, sizeof big)};
        http_front_answer(child.front, tag, &a);
    } else if (slice_is(path, "/thread")) {
        pthread_t t;
        (void)pthread_create(&t, NULL, answer_from_thread, &tag);
        (void)pthread_join(t, NULL);
    } else if (slice_is(path, "/cpu")) {
        struct timespec used;
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
        answer_text(tag, "%lld", (long long)used.tv_sec * 1000 + used.tv_nsec / 1000000);
    } else
        answer_text(tag, "site '%s' path '%s' body %zu id %s", in->site, in->path, in->body.len, in->request_id);
}

static void on_gone(void *self, uint64_t tag)
{
    (void)self;
    child.gone_count++;
    for (unsigned i = 0; i < child.held_count; i++)
        if (child.held[i] == tag)
            child.held[i] = child.held[--child.held_count];
}

static void on_term(void *self)
{
    (void)self;
    child.draining = true;
    http_front_drain(child.front);
    loop_timer_set(child.timer, 200);
}

static void on_timer(void *self)
{
    (void)self;
    release_held();
    if (http_front_connections(child.front) == 0)
        loop_stop(child.loop);
    loop_timer_set(child.timer, 50);
}

struct shape {
    bool sites;
    unsigned connections_max, in_flight_max, request_ms, idle_ms, answer_ms, write_ms, descriptors_max;
    bool fail_tls;
};

static int serve(int fd, const struct shape *shape)
{
    struct host_calls calls = *host_real()->calls;
    struct host host = {&calls, host_real()->self};
    struct why why = {0};
    calls.now_ms = shifted_now_ms;
    (void)alarm(60); /* the child's own end, whatever its test does */
    if (loop_new(&child.loop, &why).code != OK || loop_signal(child.loop, SIGTERM, on_term, NULL, &child.on_term, &why).code != OK ||
        loop_timer(child.loop, on_timer, NULL, &child.timer, &why).code != OK)
        return 90;
#ifdef INNSYN_TEST_HOOKS
    http_test_fail_tls = shape->fail_tls;
#endif
    struct http_front_settings s = {
        .host = &host, .loop = child.loop, .listen_fd = fd,
        .tls = {path_certificate, path_key, shape->sites ? path_site_ca : NULL},
        .connections_max = shape->connections_max ? shape->connections_max : 2000,
        .in_flight_max = shape->in_flight_max ? shape->in_flight_max : 100,
        .request_ms = shape->request_ms ? shape->request_ms : LONG_MS, .idle_ms = shape->idle_ms ? shape->idle_ms : LONG_MS,
        .answer_ms = shape->answer_ms ? shape->answer_ms : LONG_MS, .write_ms = shape->write_ms ? shape->write_ms : LONG_MS,
        .on_request = on_request, .on_gone = on_gone};
    if (http_front_new(&s, &child.front, &why).code != OK) {
        print_error("%s\n", why.text);
        return 91;
    }
    if (shape->descriptors_max) {
        struct rlimit limit = {shape->descriptors_max, shape->descriptors_max};
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    loop_run(child.loop);
    http_front_free(child.front);
    loop_unwatch(child.on_term);
    loop_unwatch(child.timer);
    loop_free(child.loop);
    return 0;
}

struct served {
    pid_t pid;
    uint16_t port;
    int log_fd; /* what the child wrote to standard error */
};

static struct served start(struct shape shape)
{
    struct served s = {0};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char name[128];
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(name, sizeof name, "%s/log-XXXXXX", folder);
    s.log_fd = mkstemp(name);
    (void)unlink(name);
    s.port = ntohs(at.sin_port);
    s.pid = fork();
    if (s.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(s.log_fd, 2);
        const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}; /* cmocka's would run the parent's end */
        for (unsigned i = 0; i < COUNT_OF(fatal); i++)
            (void)signal(fatal[i], SIG_DFL);
        struct rlimit no_core = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        log_init(host_real(), "test", LOG_NOTICE);
        child.port = s.port;
        int status = serve(fd, &shape);
        _exit(status);
    }
    (void)close(fd);
    return s;
}

static void stop(struct served *s)
{
    (void)kill(s->pid, SIGKILL);
    (void)waitpid(s->pid, NULL, 0);
    (void)close(s->log_fd);
}

static bool is_serving(const struct served *s)
{
    return waitpid(s->pid, NULL, WNOHANG) == 0;
}

/* The child's end within CLIENT_SECONDS; -1 if it goes on. */
static int end_of(const struct served *s)
{
    int status = -1;
    for (int i = 0; i < CLIENT_SECONDS * 50 && waitpid(s->pid, &status, WNOHANG) == 0; i++)
        (void)usleep(20000);
    return status;
}

/* --- the client ------------------------------------------------------------------------------------------------- */

struct client {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    char text[ANSWER_SIZE];
    size_t len;
};

static int64_t now_ms(void)
{
    return host_monotonic_ms(host_real());
}

static void plain_connect(struct client *c, const struct served *s)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(s->port)};
    struct timeval tv = {CLIENT_SECONDS, 0};
    *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    int on = 1;
    (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    (void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, (struct sockaddr *)&at, sizeof at) != 0)
        fail_msg("connect: %s", strerror(errno));
}

/* True if the handshake went well as far as the client can see. */
static bool tls_connect(struct client *c, const struct served *s, const struct identity *who, SSL_SESSION *again)
{
    plain_connect(c, s);
    c->context = SSL_CTX_new(TLS_client_method());
    assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(c->context), server_ca.certificate), 1);
    SSL_CTX_set_verify(c->context, SSL_VERIFY_PEER, NULL);
    if (who) {
        assert_int_equal(SSL_CTX_use_certificate(c->context, who->certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(c->context, who->key), 1);
    }
    c->ssl = SSL_new(c->context);
    SSL_set_fd(c->ssl, c->fd);
    if (again)
        SSL_set_session(c->ssl, again);
    return SSL_connect(c->ssl) == 1;
}

static void hang_up(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    if (c->fd >= 0)
        (void)close(c->fd);
    *c = (struct client){.fd = -1};
    ERR_clear_error();
}

static bool put_bytes(struct client *c, const void *bytes, size_t len)
{
    return SSL_write(c->ssl, bytes, (int)len) == (int)len;
}

static bool put(struct client *c, const char *text)
{
    return put_bytes(c, text, strlen(text));
}

/* One answer (by Content-Length; 204 and 304 have none).  Its status; 0 when the connection ended first;
 * -1 when nothing came in time. */
static int take(struct client *c)
{
    c->len = 0;
    c->text[0] = '\0';
    for (;;) {
        char *end = strstr(c->text, "\r\n\r\n");
        if (end) {
            int status = (int)strtol(c->text + 9, NULL, 10);
            const char *length = strstr(c->text, "Content-Length: ");
            size_t want = length && length < end ? (size_t)strtol(length + 16, NULL, 10) : 0;
            if (c->len >= (size_t)(end + 4 - c->text) + want || want > ANSWER_SIZE / 2)
                return status;
        }
        int n = SSL_read(c->ssl, c->text + c->len, (int)(sizeof c->text - 1 - c->len));
        if (n <= 0)
            return SSL_get_error(c->ssl, n) == SSL_ERROR_SYSCALL && (errno == EAGAIN || errno == EWOULDBLOCK) ? -1 : 0;
        c->len += (size_t)n;
        c->text[c->len] = '\0';
    }
}

/* The peer ended the connection within CLIENT_SECONDS. */
static bool has_ended(struct client *c)
{
    char byte;
    if (!c->ssl)
        return recv(c->fd, &byte, 1, 0) <= 0 && errno != EAGAIN;
    for (;;) {
        int n = SSL_read(c->ssl, &byte, 1);
        if (n > 0)
            continue;
        return !(SSL_get_error(c->ssl, n) == SSL_ERROR_SYSCALL && (errno == EAGAIN || errno == EWOULDBLOCK));
    }
}

static int get(struct client *c, const char *path)
{
    char text[600];
    (void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    return put(c, text) ? take(c) : 0;
}

static const char *body_of(const struct client *c)
{
    const char *end = strstr(c->text, "\r\n\r\n");
    return end ? end + 4 : "";
}

#define assert_has(c, part)                                                                                            \
    do {                                                                                                               \
        if (!strstr((c)->text, part))                                                                                  \
            fail_msg("no '%s' in:\n%s", part, (c)->text);                                                              \
    } while (0)

/* --- what goes well ------------------------------------------------------------------------------------------------ */

static void answers_and_keeps_alive(void **state)
{
    (void)state;
    struct served s = start((struct shape){0});
    struct client c;
    assert_true(tls_connect(&c, &s, NULL, NULL));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(&c, "/a%20b?x=1"), 200);
        assert_has(&c, "path '/a b' body 0");
        assert_has(&c, "X-Request-Id: r-");
        assert_has(&c, "Content-Security-Policy: default-src 'self'");
        assert_has(&c, "frame-ancestors 'none'");
        assert_has(&c, "X-Content-Type-Options: nosniff");
        assert_has(&c, "Referrer-Policy: no-referrer");
        assert_has(&c, "Strict-Transport-Security: max-age=");
    }
    assert_true(put(&c, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
    assert_int_equal(take(&c), 100);
    assert_true(put(&c, "12345"));
    assert_int_equal(take(&c), 200);
    assert_has(&c, "body 5");
    assert_true(put(&c, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n"));
    char head[512];
    int n = SSL_read(c.ssl, head, sizeof head - 1);
    assert_true(n > 0 && strstr((head[n] = '\0', head), "200 OK"));
    hang_up(&c);
    /* In pieces of one byte, each its own TLS record. */
    assert_true(tls_connect(&c, &s, NULL, NULL));
    const char *text = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345";
    for (const char *at = text; *at; at++)
        assert_true(put_bytes(&c, at, 1));
    assert_int_equal(take(&c), 200);
    assert_has(&c, "body 5");
    assert_true(put(&c, "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_int_equal(take(&c), 200);
    assert_has(&c, "Connection: close");
    assert_true(has_ended(&c));
    hang_up(&c);
    stop(&s);
}

static void identity_from_the_certificate(void **state)
{
    (void)state;
    struct served s = start((struct shape){.sites = true});
    struct client c;
    assert_true(tls_connect(&c, &s, &site_one, NULL));
    assert_int_equal(get(&c, "/x"), 200);
    assert_has(&c, "site 'ulm.south'");
    hang_up(&c);
    const struct identity *unnamed[] = {&two_names, &no_name};
    for (unsigned i = 0; i < COUNT_OF(unnamed); i++) {
        assert_true(tls_connect(&c, &s, unnamed[i], NULL));
        assert_int_equal(get(&c, "/x"), 403);
        assert_has(&c, "application/problem+json");
        assert_true(has_ended(&c));
        hang_up(&c);
    }
    const struct identity *strangers[] = {NULL, &foreign_site, &expired_site};
    for (unsigned i = 0; i < COUNT_OF(strangers); i++) {
        bool shaken = tls_connect(&c, &s, strangers[i], NULL); /* in TLS 1.3 the client learns of the refusal afterwards */
        assert_true(!shaken || get(&c, "/x") == 0);
        hang_up(&c);
    }
    assert_true(is_serving(&s));
    stop(&s);
}

static void a_site_is_cut(void **state)
{
    (void)state;
    struct served s = start((struct shape){.sites = true});
    struct client holding, idle, other;
    assert_true(tls_connect(&holding, &s, &site_one, NULL) && tls_connect(&idle, &s, &site_one, NULL) && tls_connect(&other, &s, &short_site, NULL));
    assert_int_equal(get(&idle, "/x"), 200);
    assert_true(put(&holding, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    while (get(&other, "/count") == 200 && !strstr(other.text, "in_flight 2"))
        ;
    assert_true(put(&other, "GET /cut?ulm.south HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(has_ended(&holding));
    assert_true(has_ended(&idle));
    hang_up(&holding);
    hang_up(&idle);
    hang_up(&other);
    stop(&s);
}

/* --- the pitfalls ------------------------------------------------------------------------------------------------------ */

static void plaintext_is_never_served(void **state)
{
    (void)state;
    struct served s = start((struct shape){0});
    struct client c;
    char got[64] = "";
    plain_connect(&c, &s);
    const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_int_equal(send(c.fd, text, sizeof text - 1, 0), sizeof text - 1);
    (void)recv(c.fd, got, sizeof got - 1, 0); /* an alert, or the end */
    assert_null(strstr(got, "HTTP"));
    hang_up(&c);
    assert_true(is_serving(&s));
    stop(&s);
#ifdef INNSYN_TEST_HOOKS
    /* SSL_new fails: evhttp would go on in plaintext; the process must end instead. */
    s = start((struct shape){.fail_tls = true});
    plain_connect(&c, &s);
    memset(got, 0, sizeof got);
    (void)send(c.fd, text, sizeof text - 1, MSG_NOSIGNAL);
    assert_true(recv(c.fd, got, sizeof got - 1, 0) <= 0);
    int status = end_of(&s);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    hang_up(&c);
    (void)close(s.log_fd);
#endif
}

static void resumption_is_not_offered(void **state)
{
    (void)state;
    struct served s = start((struct shape){.sites = true});
    struct client c;
    assert_true(tls_connect(&c, &s, &site_one, NULL));
    assert_string_equal(SSL_get_version(c.ssl), "TLSv1.3");
    assert_int_equal(get(&c, "/x"), 200);
    SSL_SESSION *session = SSL_get1_session(c.ssl);
    assert_false(SSL_SESSION_is_resumable(session));
    hang_up(&c);
    assert_true(tls_connect(&c, &s, &site_one, session));
    assert_false(SSL_session_reused(c.ssl));
    SSL_SESSION_free(session);
    hang_up(&c);
    stop(&s);
}

static void resumption_by_keep_alive_checks_the_end_of_the_certificate(void **state)
{
    (void)state;
    struct served s = start((struct shape){.sites = true});
    struct client c;
    assert_true(tls_connect(&c, &s, &short_site, NULL));
    assert_int_equal(get(&c, "/x"), 200);
    assert_int_equal(get(&c, "/clock"), 200); /* two hours on: the certificate lasts one */
    assert_int_equal(get(&c, "/x"), 403);
    assert_has(&c, "certificate_expired");
    assert_true(has_ended(&c));
    hang_up(&c);
    stop(&s);
}

static void nagle_is_off(void **state)
{
    (void)state;
    struct served s = start((struct shape){0});
    struct client c;
    assert_true(tls_connect(&c, &s, NULL, NULL));
    assert_int_equal(get(&c, "/nagle"), 200);
    assert_string_equal(body_of(&c), "off");
    hang_up(&c);
    stop(&s);
}

static void gone_peers_are_noticed(void **state)
{
    (void)state;
    struct served s = start((struct shape){0});
    struct client c, watch;
    assert_true(tls_connect(&watch, &s, NULL, NULL));
    for (int how = 0; how < 3; how++) {
        char want[64];
        assert_true(tls_connect(&c, &s, NULL, NULL));
        assert_true(put(&c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
        for (int i = 0; i < 200 && get(&watch, "/count") == 200 && !strstr(watch.text, "in_flight 2"); i++)
            (void)usleep(10000);
        assert_has(&watch, "in_flight 2");
        struct linger reset = {1, 0};
        if (how == 1)
            (void)setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset); /* RST */
        else if (how == 2)
            (void)SSL_shutdown(c.ssl); /* close_notify */
        hang_up(&c);
        (void)snprintf(want, sizeof want, "gone %d in_flight 1", how + 1);
        for (int i = 0; i < 200 && get(&watch, "/count") == 200 && !strstr(watch.text, want); i++)
            (void)usleep(10000);
        assert_has(&watch, want);
    }
    /* After an RST nothing spins. */
    assert_int_equal(get(&watch, "/cpu"), 200);
    long before = strtol(body_of(&watch), NULL, 10);
    (void)usleep(300000);
    assert_int_equal(get(&watch, "/cpu"), 200);
    assert_true(strtol(body_of(&watch), NULL, 10) - before < 150);
    hang_up(&watch);
    stop(&s);
}

static void lenience_a_second_request_while_one_waits(void **state)
{
    (void)state;
    struct served s = start((struct shape){0});
    struct client c, other;
    assert_true(tls_connect(&c, &s, NULL, NULL) && tls_connect(&other, &s, NULL, NULL));
    assert_true(put(&c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    (void)usleep(100000);
    assert_true(put(&c, "GET /second HTTP/1.1\r\nHost: a\r\n\r\n")); /* would reach "illegal connection state" */
    (void)usleep(100000);
    assert_int_equal(get(&other, "/release"), 200);
    assert_int_equal(take(&c), 204);
    assert_has(&c, "Connection: close");
    assert_true(has_ended(&c)); /* and the second was never answered */
    hang_up(&c);
    /* In one record, behind a complete request: dropped, not read as a request of its own. */
    assert_true(tls_connect(&c, &s, NULL, NULL));
    assert_true(put(&c, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(take(&c), 200);
    assert_has(&c, "path '/x' body 3");
    assert_has(&c, "Connection: close");
    assert_true(has_ended(&c));
    assert_null(strstr(c.text, "smuggled"));
    hang_up(&c);
    hang_up(&other);
    assert_true(is_serving(&s));
    stop(&s);
}

static void slow_peers_are_ended(void **state)
{
    (void)state;
    struct served s = start((struct shape){.request_ms = SHORT_MS, .idle_ms = SHORT_MS, .write_ms = SHORT_MS});
    struct client c;
    int64_t began = now_ms();
    plain_connect(&c, &s); /* says nothing at all */
    assert_true(has_ended(&c));
    hang_up(&c);
    plain_connect(&c, &s); /* half a ClientHello */
    assert_int_equal(send(c.fd, "\x16\x03\x01\x02\x00\x01", 6, 0), 6);
    assert_true(has_ended(&c));
    hang_up(&c);
    assert_true(tls_connect(&c, &s, NULL, NULL)); /* no head */
    assert_true(has_ended(&c));
    hang_up(&c);
    assert_true(now_ms() - began < 3 * (SHORT_MS + 1500));
    const char *openings[] = {"GET /x HTTP/1.1\r\nHost: a\r\nX: ", "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"};
    for (unsigned i = 0; i < COUNT_OF(openings); i++) { /* dripping: each byte would restart an inactivity timer */
        began = now_ms();
        assert_true(tls_connect(&c, &s, NULL, NULL));
        (void)put(&c, openings[i]);
        bool dripping = true;
        for (int n = 0; n < 60 && dripping; n++) {
            char byte;
            (void)usleep(50000);
            dripping = put(&c, "x") && recv(c.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
        }
        assert_false(dripping);
        assert_true(now_ms() - began < SHORT_MS + 1500);
        hang_up(&c);
    }
    assert_true(tls_connect(&c, &s, NULL, NULL)); /* idle between requests */
    assert_int_equal(get(&c, "/x"), 200);
    assert_true(has_ended(&c));
    hang_up(&c);
    assert_true(tls_connect(&c, &s, NULL, NULL)); /* does not take its answer */
    assert_true(put(&c, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
    (void)usleep((SHORT_MS + 600) * 1000);
    size_t got = 0;
    static char sink[65536];
    for (int n; (n = SSL_read(c.ssl, sink, sizeof sink)) > 0;)
        got += (size_t)n;
    assert_true(got < 8u * 1024 * 1024);
    hang_up(&c);
    stop(&s);
}

static void slow_core_is_answered_for(void **state)
{
    (void)state;
    struct served s = start((struct shape){.answer_ms = SHORT_MS});
    struct client c;
    assert_true(tls_connect(&c, &s, NULL, NULL));
    assert_int_equal(get(&c, "/hold"), 503);
    assert_has(&c, "Retry-After: 1");
    assert_int_equal(get(&c, "/count"), 200);
    assert_has(&c, "gone 1 in_flight 1 ");
    hang_up(&c);
    stop(&s);
}

static void limits_of_head_and_body(void **state)
{
    (void)state;
    struct served s = start((struct shape){0});
    struct client c;
    static char much[HTTP_BODY_MAX + 64];
    memset(much, 'x', sizeof much);
    assert_true(tls_connect(&c, &s, NULL, NULL));
    (void)put(&c, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    (void)put_bytes(&c, much, HEAD_BYTES_MAX + 1);
    assert_int_equal(take(&c), 431);
    assert_has(&c, "application/problem+json");
    assert_has(&c, "X-Request-Id: r-");
    assert_has(&c, "\"status\":431");
    assert_true(has_ended(&c));
    hang_up(&c);
    assert_true(tls_connect(&c, &s, NULL, NULL));
    (void)put(&c, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4194305\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(take(&c), 413);
    assert_has(&c, "\"code\":\"too_large\"");
    assert_true(has_ended(&c));
    hang_up(&c);
    assert_true(tls_connect(&c, &s, NULL, NULL));
    (void)put(&c, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n");
    for (size_t sent = 0; sent < HTTP_BODY_MAX; sent += 65536)
        assert_true(put_bytes(&c, much, 65536));
    assert_int_equal(take(&c), 200);
    assert_has(&c, "body 4194304");
    hang_up(&c);
    stop(&s);
}

static void limits_of_requests_in_flight(void **state)
{
    (void)state;
    struct served s = start((struct shape){.in_flight_max = 2});
    struct client c[3];
    for (int i = 0; i < 3; i++)
        assert_true(tls_connect(&c[i], &s, NULL, NULL));
    for (int i = 0; i < 2; i++)
        assert_true(put(&c[i], "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    (void)usleep(200000);
    assert_int_equal(get(&c[2], "/x"), 503);
    assert_has(&c[2], "Retry-After: 1");
    assert_has(&c[2], "\"code\":\"unavailable\"");
    hang_up(&c[0]); /* its slot is free again */
    int status = 0;
    for (int i = 0; i < 100 && status != 200; i++, (void)usleep(20000))
        status = get(&c[2], "/x");
    assert_int_equal(status, 200);
    hang_up(&c[1]);
    hang_up(&c[2]);
    stop(&s);
}

static void limits_of_connections(void **state)
{
    (void)state;
    struct served s = start((struct shape){.connections_max = 3});
    struct client c[3], late;
    for (int i = 0; i < 3; i++) {
        assert_true(tls_connect(&c[i], &s, NULL, NULL));
        assert_int_equal(get(&c[i], "/x"), 200);
    }
    plain_connect(&late, &s); /* waits in the kernel's queue: nobody shakes hands */
    struct timeval brief = {0, 300000};
    char byte;
    (void)setsockopt(late.fd, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
    assert_true(send(late.fd, "\x16", 1, 0) == 1 && recv(late.fd, &byte, 1, 0) < 0 && errno == EAGAIN);
    hang_up(&late);
    hang_up(&c[0]);
    assert_true(tls_connect(&late, &s, NULL, NULL));
    assert_int_equal(get(&late, "/x"), 200);
    hang_up(&late);
    hang_up(&c[1]);
    hang_up(&c[2]);
    stop(&s);
}

static unsigned lines_with(int log_fd, const char *what)
{
    static char text[256 * 1024];
    ssize_t n = pread(log_fd, text, sizeof text - 1, 0);
    unsigned count = 0;
    text[n > 0 ? n : 0] = '\0';
    for (char *at = text; (at = strstr(at, what)); at++)
        count++;
    return count;
}

static void descriptors_run_out(void **state)
{
    (void)state;
    struct served s = start((struct shape){.descriptors_max = 40});
    static struct client c[60];
    struct client first;
    assert_true(tls_connect(&first, &s, NULL, NULL));
    assert_int_equal(get(&first, "/x"), 200);
    for (unsigned i = 0; i < COUNT_OF(c); i++)
        plain_connect(&c[i], &s);
    (void)usleep(1000000);
    unsigned lines = lines_with(s.log_fd, "http_accept_failed");
    assert_true(lines >= 1 && lines <= 15); /* one each ACCEPT_PAUSE_MS, not thousands */
    assert_int_equal(get(&first, "/x"), 200); /* who is there is served */
    for (unsigned i = 0; i < COUNT_OF(c); i++)
        hang_up(&c[i]);
    hang_up(&first);
    assert_true(tls_connect(&first, &s, NULL, NULL));
    assert_int_equal(get(&first, "/x"), 200);
    hang_up(&first);
    stop(&s);
}

static void lenience_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        size_t len;
        int status;
    } rows[] = {
#define RAW(name, text, status) {name, text, sizeof(text) - 1, status}
        RAW("duplicate Content-Length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        RAW("duplicate Host", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        RAW("missing Host", "GET / HTTP/1.1\r\nX: b\r\n\r\n", 400),
        RAW("chunked and Content-Length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        RAW("bare LF", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
        RAW("NUL in a value", "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 400),
        RAW("folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c: d\r\n\r\n", 400),
        RAW("garbage", "\x01\x02\x03\r\n\r\n", 400),
        RAW("encoded slash", "GET /v1/a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        RAW("encoded NUL", "GET /v1/stats%00x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        RAW("dot segment", "GET /v1/../etc HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        RAW("unknown method", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        RAW("HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 505),
    };
    struct served s = start((struct shape){0});
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        struct client c;
        assert_true(tls_connect(&c, &s, NULL, NULL));
        assert_true(put_bytes(&c, rows[i].text, rows[i].len));
        int status = take(&c);
        if (status != rows[i].status)
            fail_msg("%s: %d", rows[i].name, status);
        assert_has(&c, "Content-Type: application/problem+json");
        assert_has(&c, "X-Request-Id: r-");
        assert_has(&c, "\"instance\":\"r-");
        assert_true(has_ended(&c));
        hang_up(&c);
    }
    assert_true(is_serving(&s));
    stop(&s);
}

static void thread_rule_ends_the_process(void **state)
{
    (void)state;
    struct served s = start((struct shape){0});
    struct client c;
    assert_true(tls_connect(&c, &s, NULL, NULL));
    assert_int_equal(get(&c, "/thread"), 0);
    int status = end_of(&s);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_int_equal(lines_with(s.log_fd, "http_wrong_thread"), 1);
    hang_up(&c);
    (void)close(s.log_fd);
}

static void sigpipe_is_ignored(void **state)
{
    (void)state;
    struct served s = start((struct shape){0});
    for (int i = 0; i < 5; i++) {
        struct client c;
        struct linger reset = {1, 0};
        assert_true(tls_connect(&c, &s, NULL, NULL));
        assert_true(put(&c, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
        (void)usleep(30000);
        (void)setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        hang_up(&c);
    }
    (void)usleep(200000);
    assert_true(is_serving(&s));
    stop(&s);
}

static long resident_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    (void)fclose(f);
    return kib;
}

static void sigpipe_and_buffers_idle_connections_are_small(void **state)
{
    (void)state;
    enum { IDLE = 150, KIB_EACH_MAX = 48 };
    struct served s = start((struct shape){0});
    static struct client c[IDLE];
    assert_true(tls_connect(&c[0], &s, NULL, NULL));
    assert_int_equal(get(&c[0], "/x"), 200);
    long before = resident_kib(s.pid);
    for (int i = 1; i < IDLE; i++) {
        assert_true(tls_connect(&c[i], &s, NULL, NULL));
        assert_int_equal(get(&c[i], "/x"), 200);
    }
    long each = (resident_kib(s.pid) - before) / (IDLE - 1);
    print_message("%ld KiB for each idle connection\n", each);
#ifndef __SANITIZE_ADDRESS__
    assert_true(each < KIB_EACH_MAX);
#endif
    for (int i = 0; i < IDLE; i++)
        hang_up(&c[i]);
    stop(&s);
}

static void drain_answers_then_ends(void **state)
{
    (void)state;
    struct served s = start((struct shape){0});
    struct client held[3], idle;
    assert_true(tls_connect(&idle, &s, NULL, NULL));
    assert_int_equal(get(&idle, "/x"), 200);
    for (int i = 0; i < 3; i++) {
        assert_true(tls_connect(&held[i], &s, NULL, NULL));
        assert_true(put(&held[i], "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    (void)usleep(200000);
    (void)kill(s.pid, SIGTERM);
    assert_true(has_ended(&idle));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(take(&held[i]), 204);
        assert_has(&held[i], "Connection: close");
        assert_true(has_ended(&held[i]));
        hang_up(&held[i]);
    }
    hang_up(&idle);
    int status = end_of(&s);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)close(s.log_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_keeps_alive),
        cmocka_unit_test(identity_from_the_certificate),
        cmocka_unit_test(a_site_is_cut),
        cmocka_unit_test(plaintext_is_never_served),
        cmocka_unit_test(resumption_is_not_offered),
        cmocka_unit_test(resumption_by_keep_alive_checks_the_end_of_the_certificate),
        cmocka_unit_test(nagle_is_off),
        cmocka_unit_test(gone_peers_are_noticed),
        cmocka_unit_test(lenience_a_second_request_while_one_waits),
        cmocka_unit_test(lenience_is_refused),
        cmocka_unit_test(slow_peers_are_ended),
        cmocka_unit_test(slow_core_is_answered_for),
        cmocka_unit_test(limits_of_head_and_body),
        cmocka_unit_test(limits_of_requests_in_flight),
        cmocka_unit_test(limits_of_connections),
        cmocka_unit_test(descriptors_run_out),
        cmocka_unit_test(thread_rule_ends_the_process),
        cmocka_unit_test(sigpipe_is_ignored),
        cmocka_unit_test(sigpipe_and_buffers_idle_connections_are_small),
        cmocka_unit_test(drain_answers_then_ends),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    (void)alarm(120);
    return cmocka_run_group_tests(tests, make_all, remove_all);
}
