/* Aim: a site gets a certificate for itself and for nobody else; what is read of one is what is written.
 * Method: requests by others' names, with two names, altered, for other keys; ends at the CA's end. */
#include "proto/certificate.h"
#include "base/codec.h"
#include "base/instant.h"
#include "vector.h"

/* OpenSSL here makes what our own code refuses to make. */
#include "proto/crypto_key.h"
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static struct why why;
static struct signing_key *ca_key, *site_key, *other_key;
static struct buffer ca_pem;
static struct site_id ulm, neu_ulm;
static int64_t now_ms = INT64_C(1795297321000);

static int64_t fixed_now(void *self)
{
    (void)self;
    return now_ms;
}

static result fixed_random(void *self, uint8_t *to, size_t len, struct why *w)
{
    (void)self;
    (void)w;
    memset(to, 0xAB, len);
    return DONE;
}

static const struct host_calls calls = {.now_ms = fixed_now, .random = fixed_random};
static const struct host host = {&calls, NULL};

static int make(void **state)
{
    (void)state;
    buffer_init(&ca_pem, CERTIFICATE_PEM_MAX);
    assert_ok(signing_key_new(KEY_P256, &ca_key, &why));
    assert_ok(signing_key_new(KEY_P256, &site_key, &why));
    assert_ok(signing_key_new(KEY_P256, &other_key, &why));
    assert_ok(certificate_make_ca(ca_key, "Innsyn demo sites", now_ms, &ca_pem, &why));
    assert_ok(site_id_parse(slice_str("ulm.broker"), &ulm, &why));
    assert_ok(site_id_parse(slice_str("neu-ulm.broker"), &neu_ulm, &why));
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    signing_key_freep(&ca_key);
    signing_key_freep(&site_key);
    signing_key_freep(&other_key);
    buffer_done(&ca_pem);
    return 0;
}

static result issue(struct slice request, const struct site_id *site, struct buffer *ret)
{
    buffer_init(ret, CERTIFICATE_PEM_MAX);
    return certificate_issue_site(request, site, ca_key, buffer_slice(&ca_pem), &host, SITE_CERTIFICATE_DAYS, ret, &why);
}

static X509 *x509_of(const struct buffer *pem)
{
    BIO *bio = BIO_new_mem_buf(pem->at, (int)pem->len);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(x);
    return x;
}

/* Does OpenSSL accept it for the purpose at the time?  X509_V_OK or the error. */
static int chain_verdict(const struct buffer *pem, int purpose, int64_t at_ms)
{
    X509 *ca = x509_of(&ca_pem), *x = x509_of(pem);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    assert_true(X509_STORE_add_cert(store, ca) && X509_STORE_CTX_init(c, store, x, NULL));
    X509_STORE_CTX_set_purpose(c, purpose);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(c), (time_t)(at_ms / 1000));
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(c), X509_V_FLAG_X509_STRICT);
    (void)X509_verify_cert(c);
    int verdict = X509_STORE_CTX_get_error(c);
    X509_STORE_CTX_free(c);
    X509_STORE_free(store);
    X509_free(ca);
    X509_free(x);
    return verdict;
}

static void a_site_for_itself(void **state)
{
    (void)state;
    struct buffer request, pem;
    struct certificate_facts facts;
    struct public_key key;
    buffer_init(&request, CERTIFICATE_PEM_MAX);
    assert_ok(certificate_request(site_key, &ulm, &request, &why));
    assert_ok(issue(buffer_slice(&request), &ulm, &pem));
    assert_ok(certificate_read(buffer_slice(&pem), &facts, &why));
    assert_true(site_id_equal(&facts.site, &ulm));
    assert_ok(signing_key_public(site_key, &key, &why));
    assert_true(public_key_equal(&facts.key, &key));
    assert_true(facts.not_before_ms == now_ms - CERTIFICATE_BACKDATE_MINUTES * MINUTE_MS);
    assert_true(facts.not_after_ms == now_ms + SITE_CERTIFICATE_DAYS * DAY_MS);
    /* Good for a client, while it lasts, and for nothing else. */
    assert_int_equal(chain_verdict(&pem, X509_PURPOSE_SSL_CLIENT, now_ms), X509_V_OK);
    assert_int_equal(chain_verdict(&pem, X509_PURPOSE_SSL_SERVER, now_ms), X509_V_ERR_INVALID_PURPOSE);
    assert_int_equal(chain_verdict(&pem, X509_PURPOSE_SSL_CLIENT, facts.not_after_ms + 1000), X509_V_ERR_CERT_HAS_EXPIRED);
    assert_int_equal(chain_verdict(&pem, X509_PURPOSE_SSL_CLIENT, facts.not_before_ms - 1000), X509_V_ERR_CERT_NOT_YET_VALID);
    /* The hash is the DER's. */
    X509 *x = x509_of(&pem);
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    struct hash h = sha256(slice_of(der, (size_t)len));
    assert_true(hash_equal(&h, &facts.sha256));
    OPENSSL_free(der);
    X509_free(x);
    buffer_done(&request);
    buffer_done(&pem);
}

static void for_nobody_else(void **state)
{
    (void)state;
    struct buffer request, pem;
    buffer_init(&request, CERTIFICATE_PEM_MAX);
    assert_ok(certificate_request(site_key, &neu_ulm, &request, &why));
    assert_status(issue(buffer_slice(&request), &ulm, &pem), DENIED);
    assert_non_null(strstr(why.text, "neu-ulm.broker"));
    assert_int_equal(pem.len, 0);
    buffer_clear(&request);
    assert_ok(certificate_request(site_key, &ulm, &request, &why));
    assert_status(issue(buffer_slice(&request), &neu_ulm, &pem), DENIED);
    /* Altered: the name in it exchanged for another of the same length, signature as it was. */
    BIO *bio = BIO_new_mem_buf(request.at, (int)request.len);
    X509_REQ *r = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    unsigned char *der = NULL;
    int len = i2d_X509_REQ(r, &der);
    X509_REQ_free(r);
    for (int i = 0; i + 10 < len; i++)
        if (memcmp(der + i, "ulm.broker", 10) == 0)
            memcpy(der + i, "alm.broker", 10);
    struct buffer altered;
    buffer_init(&altered, CERTIFICATE_PEM_MAX);
    char text[2000];
    base64_print_str(slice_of(der, (size_t)len), text, sizeof text);
    OPENSSL_free(der);
    assert_ok(buffer_printf(&altered, NULL, "-----BEGIN CERTIFICATE REQUEST-----\n%s\n-----END CERTIFICATE REQUEST-----\n", text));
    struct site_id alm;
    assert_ok(site_id_parse(slice_str("alm.broker"), &alm, &why));
    assert_status(issue(buffer_slice(&altered), &alm, &pem), DENIED);
    assert_non_null(strstr(why.text, "not signed"));
    buffer_done(&altered);
    buffer_done(&request);
}

/* A request with these names (as X509V3_EXT_conf_nid takes them; NULL: none), for this key. */
static void request_with(EVP_PKEY *key, const char *names, struct buffer *ret)
{
    X509_REQ *r = X509_REQ_new();
    X509_REQ_set_pubkey(r, key);
    if (names) {
        STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
        assert_non_null(e);
        sk_X509_EXTENSION_push(list, e);
        X509_REQ_add_extensions(r, list);
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    }
    assert_true(X509_REQ_sign(r, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()));
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_REQ(bio, r);
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    buffer_init(ret, CERTIFICATE_PEM_MAX);
    assert_ok(buffer_add(ret, slice_of(at, (size_t)len), NULL));
    BIO_free(bio);
    X509_REQ_free(r);
}

static void refused_requests(void **state)
{
    (void)state;
    const struct {
        const char *names;
        enum status want;
    } rows[] = {
        {"URI:urn:innsyn:site:ulm.broker", OK},
        {NULL, MALFORMED},
        {"DNS:ulm.broker", MALFORMED},
        {"URI:urn:innsyn:site:ulm.broker,DNS:ulm.broker", MALFORMED},
        {"URI:urn:innsyn:site:ulm.broker,URI:urn:innsyn:site:neu-ulm.broker", MALFORMED},
        {"URI:urn:innsyn:site:ulm.broker,URI:urn:innsyn:site:ulm.broker", MALFORMED},
        {"URI:urn:innsyn:site:ulm.broker.", MALFORMED},
        {"URI:urn:innsyn:site:", MALFORMED},
        {"URI:urn:innsyn:person:ulm.broker", MALFORMED},
        {"email:urn:innsyn:site:ulm.broker", MALFORMED},
        {"URI:urn:innsyn:site:ULM.broker", DENIED},
        {"URI:urn:innsyn:site:broker", DENIED},
    };
    struct buffer request, pem;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        request_with(signing_key_openssl(site_key), rows[i].names, &request);
        result r = issue(buffer_slice(&request), &ulm, &pem);
        if (r.code != rows[i].want) {
            print_error("%s: %s, %s\n", rows[i].names, status_name(r.code), why.text);
            fail();
        }
        buffer_done(&request);
        buffer_done(&pem);
    }
    EVP_PKEY *keys[] = {EVP_EC_gen("P-384"), EVP_RSA_gen(2048), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        request_with(keys[i], "URI:urn:innsyn:site:ulm.broker", &request);
        assert_status(issue(buffer_slice(&request), &ulm, &pem), MALFORMED);
        assert_non_null(strstr(why.text, "P-256"));
        buffer_done(&request);
        EVP_PKEY_free(keys[i]);
    }
    const char *texts[] = {"", "x", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_status(issue(slice_str(texts[i]), &ulm, &pem), MALFORMED);
    assert_status(issue(buffer_slice(&ca_pem), &ulm, &pem), MALFORMED);
    static uint8_t large[CERTIFICATE_PEM_MAX + 1];
    assert_status(issue(slice_of(large, sizeof large), &ulm, &pem), MALFORMED);
}

static void the_ca(void **state)
{
    (void)state;
    struct buffer request, pem, small_pem;
    struct certificate_facts facts;
    buffer_init(&request, CERTIFICATE_PEM_MAX);
    buffer_init(&pem, CERTIFICATE_PEM_MAX);
    buffer_init(&small_pem, 100);
    assert_ok(certificate_request(site_key, &ulm, &request, &why));
    assert_ok(certificate_read(buffer_slice(&ca_pem), &facts, &why));
    assert_string_equal(facts.site.text, "");
    assert_int_equal(chain_verdict(&ca_pem, X509_PURPOSE_ANY, now_ms), X509_V_OK);
    /* Another's key, no certificate at all, a site's certificate in place of the CA's. */
    assert_status(certificate_issue_site(buffer_slice(&request), &ulm, other_key, buffer_slice(&ca_pem), &host, 7, &pem, &why), BROKEN);
    assert_status(certificate_issue_site(buffer_slice(&request), &ulm, ca_key, slice_str("x"), &host, 7, &pem, &why), BROKEN);
    assert_status(certificate_issue_site(buffer_slice(&request), &ulm, ca_key, buffer_slice(&ca_pem), &host, 7, &small_pem, &why), LIMIT);
    assert_int_equal(small_pem.len, 0);
    assert_ok(certificate_issue_site(buffer_slice(&request), &ulm, ca_key, buffer_slice(&ca_pem), &host, 7, &pem, &why));
    struct buffer again;
    buffer_init(&again, CERTIFICATE_PEM_MAX);
    assert_status(certificate_issue_site(buffer_slice(&request), &ulm, site_key, buffer_slice(&pem), &host, 7, &again, &why), BROKEN);
    buffer_done(&pem);
    /* Nothing outlives the CA. */
    int64_t start = now_ms;
    now_ms = facts.not_after_ms - DAY_MS;
    assert_ok(issue(buffer_slice(&request), &ulm, &pem));
    struct certificate_facts late;
    assert_ok(certificate_read(buffer_slice(&pem), &late, &why));
    assert_true(late.not_after_ms == facts.not_after_ms);
    buffer_done(&pem);
    now_ms = facts.not_after_ms;
    assert_status(issue(buffer_slice(&request), &ulm, &pem), BROKEN);
    now_ms = start;
    buffer_done(&request);
}

static void servers(void **state)
{
    (void)state;
    struct buffer pem;
    const char *names[] = {"localhost", "127.0.0.1", "::1", NULL}, *none[] = {NULL}, *empty[] = {"", NULL};
    buffer_init(&pem, CERTIFICATE_PEM_MAX);
    assert_ok(certificate_issue_server(site_key, names, ca_key, buffer_slice(&ca_pem), &host, 30, &pem, &why));
    assert_int_equal(chain_verdict(&pem, X509_PURPOSE_SSL_SERVER, now_ms), X509_V_OK);
    assert_int_equal(chain_verdict(&pem, X509_PURPOSE_SSL_CLIENT, now_ms), X509_V_ERR_INVALID_PURPOSE);
    X509 *x = x509_of(&pem);
    assert_int_equal(X509_check_host(x, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(x, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "::1", 0), 1);
    assert_int_equal(X509_check_host(x, "example.org", 0, 0, NULL), 0);
    assert_int_equal(X509_check_host(x, "Innsyn", 0, 0, NULL), 0);
    X509_free(x);
    struct certificate_facts facts;
    assert_ok(certificate_read(buffer_slice(&pem), &facts, &why));
    assert_string_equal(facts.site.text, "");
    assert_status(certificate_issue_server(site_key, none, ca_key, buffer_slice(&ca_pem), &host, 30, &pem, &why), MALFORMED);
    assert_status(certificate_issue_server(site_key, empty, ca_key, buffer_slice(&ca_pem), &host, 30, &pem, &why), MALFORMED);
    buffer_done(&pem);
}

/* A certificate as the CA would never issue it. */
static void odd_certificate(const char *names, EVP_PKEY *key, struct buffer *ret)
{
    X509 *x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 1000);
    X509_set_pubkey(x, key);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    assert_true(X509_sign(x, signing_key_openssl(ca_key), EVP_sha256()));
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    buffer_init(ret, CERTIFICATE_PEM_MAX);
    assert_ok(buffer_add(ret, slice_of(at, (size_t)len), NULL));
    BIO_free(bio);
    X509_free(x);
}

static void reading(void **state)
{
    (void)state;
    struct certificate_facts facts = {.not_after_ms = 77};
    struct buffer pem;
    odd_certificate("URI:urn:innsyn:site:ulm,URI:urn:innsyn:site:va", signing_key_openssl(site_key), &pem);
    assert_status(certificate_read(buffer_slice(&pem), &facts, &why), MALFORMED);
    assert_non_null(strstr(why.text, "2 sites"));
    buffer_done(&pem);
    odd_certificate("URI:urn:innsyn:site:ulm..x", signing_key_openssl(site_key), &pem);
    assert_status(certificate_read(buffer_slice(&pem), &facts, &why), MALFORMED);
    assert_int_equal(facts.not_after_ms, 77);
    buffer_done(&pem);
    odd_certificate("URI:urn:innsyn:site:ulm,DNS:ulm", signing_key_openssl(site_key), &pem);
    assert_ok(certificate_read(buffer_slice(&pem), &facts, &why));
    assert_string_equal(facts.site.text, "ulm");
    /* Two in one file. */
    assert_ok(buffer_add(&pem, buffer_slice(&ca_pem), NULL));
    assert_status(certificate_read(buffer_slice(&pem), &facts, &why), MALFORMED);
    buffer_done(&pem);
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    odd_certificate("DNS:example.org", rsa, &pem);
    assert_ok(certificate_read(buffer_slice(&pem), &facts, &why));
    assert_int_equal(facts.key.der_len, 0);
    EVP_PKEY_free(rsa);
    buffer_done(&pem);
    assert_status(certificate_read(slice_str(""), &facts, &why), MALFORMED);
    assert_status(certificate_read(slice_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), &facts, &why), MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_for_itself), cmocka_unit_test(for_nobody_else), cmocka_unit_test(refused_requests),
        cmocka_unit_test(the_ca), cmocka_unit_test(servers), cmocka_unit_test(reading),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
