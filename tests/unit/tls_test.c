/* Aim: the TLS profile holds whatever a peer would like instead, and only a certificate of our CA for a client
 * gets through where one is asked for.  Method: handshakes in memory with clients of many kinds. */
#include "proto/tls.h"
#include "base/instant.h"
#include "proto/certificate.h"
#include "vector.h"

#include "proto/crypto_key.h"
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

static struct why why;
static char folder[] = "/tmp/innsyn-tls-XXXXXX";
static char ca_path[64], cert_path[64], key_path[64], other_ca_path[64], absent_path[64];
static struct signing_key *ca_key, *other_ca_key, *server_key, *site_key;
static struct buffer ca_pem, other_ca_pem, server_pem, site_pem, foreign_pem, old_pem;

static int64_t long_ago(void *self)
{
    (void)self;
    return host_now_ms(host_real()) - 8 * DAY_MS;
}

static result real_random(void *self, uint8_t *to, size_t len, struct why *w)
{
    (void)self;
    return host_random(host_real(), to, len, w);
}

static const struct host_calls past_calls = {.now_ms = long_ago, .random = real_random};
static const struct host past = {&past_calls, NULL};

static void site_certificate(const struct signing_key *ca, const struct buffer *pem, const struct host *host, struct buffer *ret)
{
    struct buffer request;
    struct site_id site;
    buffer_init(&request, CERTIFICATE_PEM_MAX);
    buffer_init(ret, CERTIFICATE_PEM_MAX);
    assert_ok(site_id_parse(slice_str("ulm"), &site, &why));
    assert_ok(certificate_request(site_key, &site, &request, &why));
    assert_ok(certificate_issue_site(buffer_slice(&request), &site, ca, buffer_slice(pem), host, 7, ret, &why));
    buffer_done(&request);
}

static int make(void **state)
{
    (void)state;
    const struct host *host = host_real();
    const char *names[] = {"localhost", NULL};
    assert_non_null(mkdtemp(folder));
    (void)snprintf(ca_path, sizeof ca_path, "%s/ca.pem", folder);
    (void)snprintf(other_ca_path, sizeof other_ca_path, "%s/other.pem", folder);
    (void)snprintf(cert_path, sizeof cert_path, "%s/server.pem", folder);
    (void)snprintf(key_path, sizeof key_path, "%s/server.key", folder);
    (void)snprintf(absent_path, sizeof absent_path, "%s/absent", folder);
    struct signing_key **keys[] = {&ca_key, &other_ca_key, &server_key, &site_key};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        assert_ok(signing_key_new(KEY_P256, keys[i], &why));
    buffer_init(&ca_pem, CERTIFICATE_PEM_MAX);
    buffer_init(&other_ca_pem, CERTIFICATE_PEM_MAX);
    buffer_init(&server_pem, CERTIFICATE_PEM_MAX);
    int64_t begin = host_now_ms(host) - 30 * DAY_MS;
    assert_ok(certificate_make_ca(ca_key, "CA", begin, &ca_pem, &why));
    assert_ok(certificate_make_ca(other_ca_key, "CA", begin, &other_ca_pem, &why)); /* the same name, too */
    assert_ok(certificate_issue_server(server_key, names, ca_key, buffer_slice(&ca_pem), host, 7, &server_pem, &why));
    site_certificate(ca_key, &ca_pem, host, &site_pem);
    site_certificate(other_ca_key, &other_ca_pem, host, &foreign_pem);
    site_certificate(ca_key, &ca_pem, &past, &old_pem);
    assert_ok(host_write_file(host, ca_path, 0644, buffer_slice(&ca_pem), &why));
    assert_ok(host_write_file(host, other_ca_path, 0644, buffer_slice(&other_ca_pem), &why));
    assert_ok(host_write_file(host, cert_path, 0644, buffer_slice(&server_pem), &why));
    assert_ok(signing_key_save(host, key_path, server_key, &why));
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    struct signing_key **keys[] = {&ca_key, &other_ca_key, &server_key, &site_key};
    struct buffer *pems[] = {&ca_pem, &other_ca_pem, &server_pem, &site_pem, &foreign_pem, &old_pem};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        signing_key_freep(keys[i]);
    for (size_t i = 0; i < COUNT_OF(pems); i++)
        buffer_done(pems[i]);
    (void)unlink(ca_path);
    (void)unlink(other_ca_path);
    (void)unlink(cert_path);
    (void)unlink(key_path);
    (void)rmdir(folder);
    return 0;
}

struct client {
    const char *suites, *groups;
    int version_max;
    const struct buffer *certificate; /* NULL: none */
    const struct signing_key *key;
};

struct outcome {
    bool connected, resumed;
    char suite[64];
    int group;
    bool ticket;
};

/* A handshake and one byte each way, in memory. */
static struct outcome handshake(SSL_CTX *server, const struct client *as)
{
    struct outcome o = {.connected = false};
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);
    BIO *bio = BIO_new_mem_buf(ca_pem.at, (int)ca_pem.len);
    X509 *ca = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca);
    X509_free(ca);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (as->suites)
        assert_true(SSL_CTX_set_ciphersuites(context, as->suites));
    if (as->groups) {
        char groups[64]; /* the macro drops a const */
        (void)snprintf(groups, sizeof groups, "%s", as->groups);
        assert_true(SSL_CTX_set1_groups_list(context, groups));
    }
    if (as->version_max)
        SSL_CTX_set_max_proto_version(context, as->version_max);
    if (as->certificate) {
        bio = BIO_new_mem_buf(as->certificate->at, (int)as->certificate->len);
        X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        BIO_free(bio);
        assert_true(SSL_CTX_use_certificate(context, x) && SSL_CTX_use_PrivateKey(context, signing_key_openssl(as->key)));
        X509_free(x);
    }
    SSL *c = SSL_new(context), *s = SSL_new(server);
    BIO *one, *two;
    assert_true(BIO_new_bio_pair(&one, 0, &two, 0));
    SSL_set_bio(c, one, one);
    SSL_set_bio(s, two, two);
    SSL_set_connect_state(c);
    SSL_set_accept_state(s);
    assert_true(SSL_set_tlsext_host_name(c, "localhost") && SSL_set1_host(c, "localhost"));
    bool client_up = false, server_up = false;
    for (int i = 0; i < 20; i++) {
        client_up = SSL_do_handshake(c) == 1;
        server_up = SSL_do_handshake(s) == 1;
    }
    char byte = 'x';
    /* A client of TLS 1.3 believes in the connection before the server has looked at its certificate. */
    o.connected = client_up && server_up && SSL_write(s, &byte, 1) == 1 && SSL_read(c, &byte, 1) == 1 &&
                  SSL_write(c, &byte, 1) == 1 && SSL_read(s, &byte, 1) == 1;
    if (o.connected) {
        (void)snprintf(o.suite, sizeof o.suite, "%s", SSL_get_cipher_name(c));
        o.group = (int)SSL_get_negotiated_group(c);
        o.ticket = SSL_SESSION_has_ticket(SSL_get_session(c));
        assert_int_equal(SSL_version(c), TLS1_3_VERSION);
    }
    SSL_free(c);
    SSL_free(s);
    SSL_CTX_free(context);
    return o;
}

static SSL_CTX *server_for(const char *client_ca)
{
    void *context = NULL;
    const struct tls_files files = {cert_path, key_path, client_ca};
    assert_ok(tls_server_context(&files, &context, &why));
    return context;
}

static void the_profile(void **state)
{
    (void)state;
    SSL_CTX *server = server_for(NULL);
    const struct {
        struct client as;
        const char *suite; /* NULL: no connection */
        int group;
    } rows[] = {
        {{.suites = NULL}, "TLS_AES_256_GCM_SHA384", NID_X9_62_prime256v1},
        {{.suites = "TLS_AES_128_GCM_SHA256"}, "TLS_AES_128_GCM_SHA256", NID_X9_62_prime256v1},
        {{.groups = "P-384"}, "TLS_AES_256_GCM_SHA384", NID_secp384r1},
        {{.groups = "X25519:P-256"}, "TLS_AES_256_GCM_SHA384", NID_X9_62_prime256v1},
        {{.groups = "X25519"}, NULL, 0},
        {{.groups = "P-521"}, NULL, 0},
        {{.suites = "TLS_CHACHA20_POLY1305_SHA256"}, NULL, 0},
        {{.suites = "TLS_AES_128_CCM_SHA256"}, NULL, 0},
        {{.version_max = TLS1_2_VERSION}, NULL, 0},
        {{.version_max = TLS1_VERSION}, NULL, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct outcome o = handshake(server, &rows[i].as);
        if (o.connected != (rows[i].suite != NULL)) {
            print_error("client %zu: %s\n", i, o.connected ? "connected" : "refused");
            fail();
        }
        if (o.connected) {
            assert_string_equal(o.suite, rows[i].suite);
            assert_int_equal(o.group, rows[i].group);
            assert_false(o.ticket); /* nothing to resume with */
        }
    }
    assert_int_equal(SSL_CTX_get_session_cache_mode(server), SSL_SESS_CACHE_OFF);
    assert_int_equal(SSL_CTX_get_max_early_data(server), 0);
    tls_context_free(server);
    tls_context_free(NULL);
}

static void client_certificates(void **state)
{
    (void)state;
    SSL_CTX *server = server_for(ca_path);
    assert_int_equal(SSL_CTX_get_verify_mode(server), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    const struct {
        const char *what;
        struct client as;
        bool connected;
    } rows[] = {
        {"a site's", {.certificate = &site_pem, .key = site_key}, true},
        {"none", {.certificate = NULL}, false},
        {"another CA's of the same name", {.certificate = &foreign_pem, .key = site_key}, false},
        {"one that has ended", {.certificate = &old_pem, .key = site_key}, false},
        {"a server's", {.certificate = &server_pem, .key = server_key}, false},
        {"the CA's own", {.certificate = &ca_pem, .key = ca_key}, false},
        {"another CA's own", {.certificate = &other_ca_pem, .key = other_ca_key}, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct outcome o = handshake(server, &rows[i].as);
        if (o.connected != rows[i].connected) {
            print_error("%s: %s\n", rows[i].what, o.connected ? "connected" : "refused");
            fail();
        }
    }
    tls_context_free(server);
}

static void files_that_do_not_fit(void **state)
{
    (void)state;
    void *context = NULL;
    const struct {
        struct tls_files files;
        const char *names;
    } rows[] = {
        {{absent_path, key_path, NULL}, absent_path}, {{cert_path, absent_path, NULL}, absent_path},
        {{cert_path, key_path, absent_path}, absent_path}, {{ca_path, key_path, NULL}, key_path},
        {{key_path, key_path, NULL}, key_path}, {{cert_path, cert_path, NULL}, cert_path}, {{cert_path, key_path, key_path}, key_path},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_status(tls_server_context(&rows[i].files, &context, &why), MALFORMED);
        assert_non_null(strstr(why.text, rows[i].names));
    }
    assert_null(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_profile), cmocka_unit_test(client_certificates), cmocka_unit_test(files_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
