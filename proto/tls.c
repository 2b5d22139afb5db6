#include "proto/tls.h"

#include "proto/crypto_key.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#define SUITES "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"
#define GROUPS "P-256:P-384"
#define SIGNATURES_SERVER "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384"
#define SIGNATURES_CLIENT "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384"

enum { CHAIN_DEPTH_MAX = 3 };

/* What holds for every connection, whichever files there are. */
static bool profile(SSL_CTX *c)
{
    static const unsigned char session_context[] = "innsyn";
    /* No tickets, no cache, no early data: a resumed session would skip the check of the certificate. */
    SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS); /* an idle agent should cost little */
    SSL_CTX_set_verify_depth(c, CHAIN_DEPTH_MAX);
    SSL_CTX_set_default_passwd_cb(c, openssl_no_passphrase);
    return SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) && SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) &&
           SSL_CTX_set_ciphersuites(c, SUITES) && SSL_CTX_set1_groups_list(c, GROUPS) &&
           SSL_CTX_set1_sigalgs_list(c, SIGNATURES_SERVER) && SSL_CTX_set_num_tickets(c, 0) &&
           SSL_CTX_set_max_early_data(c, 0) && SSL_CTX_set_recv_max_early_data(c, 0) &&
           SSL_CTX_set_session_id_context(c, session_context, sizeof session_context - 1);
}

static result fill(SSL_CTX *c, const struct tls_files *files, struct why *why)
{
    if (!profile(c))
        return FAIL(why, UNAVAILABLE, "the TLS profile is not to be had here: %s", openssl_says());
    if (SSL_CTX_use_certificate_chain_file(c, files->certificate) != 1)
        return FAIL(why, MALFORMED, "%s: no certificate in PEM (%s)", files->certificate, openssl_says());
    if (SSL_CTX_use_PrivateKey_file(c, files->key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(c) != 1)
        return FAIL(why, MALFORMED, "%s: not the private key of %s (%s)", files->key, files->certificate, openssl_says());
    if (!files->client_ca)
        return DONE;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(files->client_ca);
    if (!names || SSL_CTX_load_verify_file(c, files->client_ca) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return FAIL(why, MALFORMED, "%s: no CA certificate in PEM (%s)", files->client_ca, openssl_says());
    }
    SSL_CTX_set_client_CA_list(c, names);
    if (!SSL_CTX_set1_client_sigalgs_list(c, SIGNATURES_CLIENT))
        return FAIL(why, UNAVAILABLE, "the TLS profile is not to be had here: %s", openssl_says());
    /* OpenSSL checks the purpose too: a certificate without clientAuth is refused. */
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return DONE;
}

result tls_server_context(const struct tls_files *files, void **ret, struct why *why)
{
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    if (!c)
        return FAIL(why, LIMIT, "no memory for TLS: %s", openssl_says());
    result r = fill(c, files, why);
    ERR_clear_error();
    if (!is_ok(r)) {
        SSL_CTX_free(c);
        return r;
    }
    *ret = c;
    return DONE;
}

void tls_context_free(void *context)
{
    SSL_CTX_free(context);
}
