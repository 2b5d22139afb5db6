/*
 * X.509 over OpenSSL.  Who a certificate is for stands in its SAN alone: the subject is the same for all
 * and nobody reads it.
 */
#include "proto/certificate.h"

#include "base/instant.h"
#include "proto/crypto_key.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SERIAL_LEN = 16, URN_MAX = sizeof SITE_URN_PREFIX + SITE_ID_MAX, TEST_LIFE_SECONDS_MAX = 1000000 };

static void x509_freep(X509 **x)
{
    X509_free(*x);
}

static void request_freep(X509_REQ **r)
{
    X509_REQ_free(*r);
}

static void names_freep(GENERAL_NAMES **n)
{
    GENERAL_NAMES_free(*n);
}

static void pkey_freep(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}

static void bio_freep(BIO **b)
{
    BIO_free(*b);
}

#define NO_OPENSSL(why) FAIL((why), UNAVAILABLE, "the certificate could not be made: %s", openssl_says())

/* --- parts ------------------------------------------------------------------------------------- */

/* One PEM block and nothing of that kind after it; NULL if not. */
static X509 *x509_from(struct slice pem)
{
    if (!pem.len || pem.len > CERTIFICATE_PEM_MAX)
        return NULL;
    BIO *bio CLEANUP(bio_freep) = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, openssl_no_passphrase, NULL) : NULL;
    X509 *second = x ? PEM_read_bio_X509(bio, NULL, openssl_no_passphrase, NULL) : NULL;
    if (second) {
        X509_free(second);
        X509_free(x);
        x = NULL;
    }
    ERR_clear_error();
    return x;
}

static result bio_into(BIO *bio, struct buffer *to, struct why *why)
{
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    return buffer_add(to, slice_of(at, (size_t)len), why);
}

/* Appends the name; false when memory is out. */
static bool name_add(GENERAL_NAMES *names, int type, ASN1_STRING *value)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (!name || !value || !sk_GENERAL_NAME_push(names, name)) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(name, type, value); /* takes the value over */
    return true;
}

static ASN1_STRING *text_of(const char *text)
{
    ASN1_STRING *s = ASN1_IA5STRING_new();
    if (s && !ASN1_STRING_set(s, text, -1)) {
        ASN1_STRING_free(s);
        s = NULL;
    }
    return s;
}

static GENERAL_NAMES *names_of_site(const struct site_id *site)
{
    char urn[URN_MAX];
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    (void)snprintf(urn, sizeof urn, "%s%s", SITE_URN_PREFIX, site->text);
    if (names && !name_add(names, GEN_URI, text_of(urn))) {
        GENERAL_NAMES_free(names);
        names = NULL;
    }
    return names;
}

/* The site named; *ret_count says how many site URNs and *ret_others how many other names there are.
 * MALFORMED: a site URN that holds no site id. */
static result names_read(const GENERAL_NAMES *names, struct site_id *ret, unsigned *ret_count, unsigned *ret_others,
                         struct why *why)
{
    *ret_count = *ret_others = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        struct slice urn = {0};
        if (type == GEN_URI)
            urn = slice_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
        if (!slice_starts(urn, SITE_URN_PREFIX)) {
            ++*ret_others;
            continue;
        }
        TRY(site_id_from_urn(urn, ret, why));
        ++*ret_count;
    }
    return DONE;
}

/* Times, serial number, names: what every certificate has.  NULL issuer: its own. */
static bool frame(X509 *x, X509 *issuer, EVP_PKEY *key, const char *subject, int64_t from_ms, int64_t to_ms,
                  const uint8_t serial[SERIAL_LEN])
{
    uint8_t number[SERIAL_LEN];
    memcpy(number, serial, SERIAL_LEN);
    number[0] = (uint8_t)((number[0] & 0x7F) | 0x40); /* positive, and always as long */
    BIGNUM *bn = BN_bin2bn(number, SERIAL_LEN, NULL);
    bool good = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) && X509_set_version(x, X509_VERSION_3) &&
                ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(from_ms / SECOND_MS)) &&
                ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(to_ms / SECOND_MS)) && X509_set_pubkey(x, key) &&
                X509_NAME_add_entry_by_NID(X509_get_subject_name(x), subject ? NID_commonName : NID_organizationName,
                                           MBSTRING_UTF8, (const unsigned char *)(subject ? subject : "Innsyn"), -1, -1, 0) &&
                X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
    BN_free(bn);
    return good;
}

static bool extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool good = e && X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    return good;
}

static result ms_of(const ASN1_TIME *at, int64_t *ret, struct why *why)
{
    struct tm tm;
    if (!ASN1_TIME_to_tm(at, &tm))
        return FAIL(why, MALFORMED, "a certificate's time cannot be read");
    *ret = (int64_t)timegm(&tm) * SECOND_MS;
    return DONE;
}

static result print(X509 *x, struct buffer *to, struct why *why)
{
    BIO *bio CLEANUP(bio_freep) = BIO_new(BIO_s_mem());
    if (!bio || !PEM_write_bio_X509(bio, x))
        return NO_OPENSSL(why);
    return bio_into(bio, to, why);
}

/* --- the CA ------------------------------------------------------------------------------------ */

result certificate_make_ca(const struct signing_key *key, const char *common_name, int64_t now_ms,
                           struct buffer *ret_pem, struct why *why)
{
    X509 *x CLEANUP(x509_freep) = X509_new();
    EVP_PKEY *pkey = signing_key_openssl(key);
    uint8_t serial[SERIAL_LEN];
    if (!x || RAND_bytes(serial, sizeof serial) != 1 ||
        !frame(x, NULL, pkey, common_name, now_ms - CERTIFICATE_BACKDATE_MINUTES * MINUTE_MS,
               now_ms + CA_CERTIFICATE_DAYS * DAY_MS, serial) ||
        !extend(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !extend(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !extend(x, x, NID_subject_key_identifier, "hash") || !X509_sign(x, pkey, EVP_sha256()))
        return NO_OPENSSL(why);
    return print(x, ret_pem, why);
}

/* A test may shorten a site certificate's life, so that its renewal and its end can be waited for. */
#ifdef INNSYN_TEST_HOOKS
static void test_life(const char *usage, int64_t *life_ms, int64_t *backdate_ms)
{
    uint64_t seconds;
    const char *text = getenv("INNSYN_TEST_CERTIFICATE_SECONDS");
    if (!text || strcmp(usage, "clientAuth") != 0 || !slice_parse_u64(slice_str(text), TEST_LIFE_SECONDS_MAX, &seconds))
        return;
    *life_ms = (int64_t)seconds * SECOND_MS;
    *backdate_ms = SECOND_MS;
}
#else
static void test_life(const char *usage, int64_t *life_ms, int64_t *backdate_ms)
{
    (void)usage, (void)life_ms, (void)backdate_ms;
}
#endif

/* A certificate of the CA for the key and names. */
static result issue(EVP_PKEY *key, GENERAL_NAMES *names, const char *usage, const struct signing_key *ca_key,
                    struct slice ca_pem, const struct host *host, unsigned days, struct buffer *ret_pem, struct why *why)
{
    uint8_t serial[SERIAL_LEN];
    int64_t now_ms = host_now_ms(host), end_ms = 0, life_ms = (int64_t)days * DAY_MS, backdate_ms = CERTIFICATE_BACKDATE_MINUTES * MINUTE_MS;
    test_life(usage, &life_ms, &backdate_ms);
    int64_t to_ms = now_ms + life_ms;
    X509 *ca CLEANUP(x509_freep) = x509_from(ca_pem);
    if (!ca || !X509_check_private_key(ca, signing_key_openssl(ca_key)) || !X509_check_ca(ca)) {
        ERR_clear_error();
        return FAIL(why, BROKEN, "the CA certificate does not belong to the CA key");
    }
    TRY(ms_of(X509_get0_notAfter(ca), &end_ms, why));
    if (end_ms <= now_ms)
        return FAIL(why, BROKEN, "the CA certificate has ended");
    if (to_ms > end_ms)
        to_ms = end_ms;
    TRY(host_random(host, serial, sizeof serial, why));
    X509 *x CLEANUP(x509_freep) = X509_new();
    if (!x || !frame(x, ca, key, NULL, now_ms - backdate_ms, to_ms, serial) ||
        !extend(x, ca, NID_basic_constraints, "critical,CA:FALSE") ||
        !extend(x, ca, NID_key_usage, "critical,digitalSignature") || !extend(x, ca, NID_ext_key_usage, usage) ||
        !extend(x, ca, NID_subject_key_identifier, "hash") || !extend(x, ca, NID_authority_key_identifier, "keyid:always") ||
        X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1 ||
        !X509_sign(x, signing_key_openssl(ca_key), EVP_sha256()))
        return NO_OPENSSL(why);
    return print(x, ret_pem, why);
}

/* --- sites ------------------------------------------------------------------------------------- */

result certificate_request(const struct signing_key *key, const struct site_id *site, struct buffer *ret_pem, struct why *why)
{
    X509_REQ *request CLEANUP(request_freep) = X509_REQ_new();
    GENERAL_NAMES *names CLEANUP(names_freep) = names_of_site(site);
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    EVP_PKEY *pkey = signing_key_openssl(key);
    bool good = request && names && X509_REQ_set_version(request, X509_REQ_VERSION_1) && X509_REQ_set_pubkey(request, pkey) &&
                X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1 &&
                X509_REQ_add_extensions(request, extensions) && X509_REQ_sign(request, pkey, EVP_sha256());
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    BIO *bio CLEANUP(bio_freep) = BIO_new(BIO_s_mem());
    if (!good || !bio || !PEM_write_bio_X509_REQ(bio, request))
        return NO_OPENSSL(why);
    return bio_into(bio, ret_pem, why);
}

/* The key's bytes in our one form; false when it is no such key. */
static bool key_read(EVP_PKEY *pkey, struct public_key *ret)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);
    bool good = len > 0 && is_ok(public_key_parse(slice_of(der, (size_t)len), ret, NULL));
    OPENSSL_free(der);
    ERR_clear_error();
    return good;
}

result certificate_issue_site(struct slice request_pem, const struct site_id *site, const struct signing_key *ca_key,
                              struct slice ca_pem, const struct host *host, unsigned days, struct buffer *ret_pem,
                              struct why *why)
{
    if (!request_pem.len || request_pem.len > CERTIFICATE_PEM_MAX)
        return FAIL(why, MALFORMED, "a certificate request has 1 to %d bytes", (int)CERTIFICATE_PEM_MAX);
    BIO *bio CLEANUP(bio_freep) = BIO_new_mem_buf(request_pem.at, (int)request_pem.len);
    X509_REQ *request CLEANUP(request_freep) = bio ? PEM_read_bio_X509_REQ(bio, NULL, openssl_no_passphrase, NULL) : NULL;
    EVP_PKEY *key CLEANUP(pkey_freep) = request ? X509_REQ_get_pubkey(request) : NULL;
    struct public_key known;
    ERR_clear_error();
    if (!request)
        return FAIL(why, MALFORMED, "not a certificate request in PEM");
    if (!key || !key_read(key, &known))
        return FAIL(why, MALFORMED, "a certificate request must be for a P-256 key");
    int holds = X509_REQ_verify(request, key);
    ERR_clear_error();
    if (holds != 1)
        return FAIL(why, DENIED, "the certificate request is not signed with its own key");

    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    GENERAL_NAMES *asked CLEANUP(names_freep) = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    ERR_clear_error();
    struct site_id named;
    unsigned count, others;
    if (!asked)
        return FAIL(why, MALFORMED, "a certificate request names one site: '" SITE_URN_PREFIX "%s'", site->text);
    TRY(names_read(asked, &named, &count, &others, why));
    if (count != 1 || others)
        return FAIL(why, MALFORMED, "a certificate request names one site and nothing else: '" SITE_URN_PREFIX "%s'",
                    site->text);
    if (!site_id_equal(&named, site))
        return FAIL(why, DENIED, "the certificate request names the site '%s', not '%s'", named.text, site->text);

    /* The names are written anew from the parsed id, not copied. */
    GENERAL_NAMES *names CLEANUP(names_freep) = names_of_site(site);
    if (!names)
        return FAIL(why, LIMIT, "no memory for a certificate");
    return issue(key, names, "clientAuth", ca_key, ca_pem, host, days, ret_pem, why);
}

result certificate_issue_server(const struct signing_key *server_key, const char *const *names, const struct signing_key *ca_key,
                                struct slice ca_pem, const struct host *host, unsigned days, struct buffer *ret_pem,
                                struct why *why)
{
    GENERAL_NAMES *list CLEANUP(names_freep) = GENERAL_NAMES_new();
    if (!list)
        return FAIL(why, LIMIT, "no memory for a certificate");
    unsigned count = 0;
    for (; names[count]; count++) {
        if (count == CERTIFICATE_NAMES_MAX)
            return FAIL(why, MALFORMED, "a server certificate holds at most %d names", (int)CERTIFICATE_NAMES_MAX);
        if (!names[count][0])
            return FAIL(why, MALFORMED, "an empty name for a server certificate");
        ASN1_OCTET_STRING *address = a2i_IPADDRESS(names[count]);
        if (!name_add(list, address ? GEN_IPADD : GEN_DNS, address ? address : text_of(names[count])))
            return FAIL(why, LIMIT, "no memory for a certificate");
    }
    ERR_clear_error(); /* a name that is no address left a reason behind */
    if (!count)
        return FAIL(why, MALFORMED, "a server certificate needs a name");
    return issue(signing_key_openssl(server_key), list, "serverAuth", ca_key, ca_pem, host, days, ret_pem, why);
}

/* --- reading ----------------------------------------------------------------------------------- */

result certificate_read(struct slice pem, struct certificate_facts *ret, struct why *why)
{
    struct certificate_facts facts = {.key.der_len = 0};
    X509 *x CLEANUP(x509_freep) = x509_from(pem);
    if (!x)
        return FAIL(why, MALFORMED, "not exactly one certificate in PEM");
    int critical;
    GENERAL_NAMES *names CLEANUP(names_freep) = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
    if (!names && critical != -1) /* -1: there is none; else it is broken or there are two */
        return FAIL(why, MALFORMED, "a certificate whose alternative names cannot be read");
    unsigned count = 0, others;
    if (names)
        TRY(names_read(names, &facts.site, &count, &others, why));
    if (count > 1)
        return FAIL(why, MALFORMED, "a certificate that names %u sites", count);
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    if (len <= 0)
        return FAIL(why, LIMIT, "no memory for a certificate");
    facts.sha256 = sha256(slice_of(der, (size_t)len));
    OPENSSL_free(der);
    EVP_PKEY *pkey = X509_get0_pubkey(x);
    if (!pkey || !key_read(pkey, &facts.key))
        facts.key = (struct public_key){.der_len = 0};
    ERR_clear_error();
    TRY(ms_of(X509_get0_notBefore(x), &facts.not_before_ms, why));
    TRY(ms_of(X509_get0_notAfter(x), &facts.not_after_ms, why));
    *ret = facts;
    return DONE;
}
