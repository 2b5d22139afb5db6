/*
 * certificate.h - X.509 for the network: the site-issuing CA, requests and short-lived site
 * certificates with the identity in the SAN URI (urn:innsyn:site:<id>), ECDSA P-256.
 */
#ifndef INNSYN_PROTO_CERTIFICATE_H
#define INNSYN_PROTO_CERTIFICATE_H

#include "proto/crypto.h"
#include "proto/id.h"

enum { CERTIFICATE_PEM_MAX = 16 * 1024, SITE_CERTIFICATE_DAYS = 7, CA_CERTIFICATE_DAYS = 3650,
       CERTIFICATE_BACKDATE_MINUTES = 5, /* certificates begin so much earlier, for clocks that are behind */
       CERTIFICATE_NAMES_MAX = 32 };

/* A self-signed CA certificate (PEM) for the key. */
MUST_CHECK result certificate_make_ca(const struct signing_key *key, const char *common_name, int64_t now_ms,
                                      struct buffer *ret_pem, struct why *why);
/* A certificate request (PEM, PKCS#10) with the SAN URI of the site, signed with its TLS key. */
MUST_CHECK result certificate_request(const struct signing_key *key, const struct site_id *site, struct buffer *ret_pem, struct why *why);
/* Checks the request's own signature and that it names exactly `site`, then issues a certificate
 * (clientAuth only) valid from now for `days`, not longer than the CA's own.  Nothing else is taken from the request.
 * DENIED: it names another site, or its signature does not hold.  MALFORMED: not a request for a P-256 key that
 * names one site.  BROKEN: ca_pem is no certificate of ca_key, or has ended. */
MUST_CHECK result certificate_issue_site(struct slice request_pem, const struct site_id *site, const struct signing_key *ca_key,
                                         struct slice ca_pem, const struct host *host, unsigned days,
                                         struct buffer *ret_pem, struct why *why);
/* A server certificate (serverAuth) for DNS names and IP addresses ("localhost", "127.0.0.1"); names end with NULL.
 * MALFORMED: no name, or more than CERTIFICATE_NAMES_MAX.  BROKEN: as above. */
MUST_CHECK result certificate_issue_server(const struct signing_key *server_key, const char *const *names, const struct signing_key *ca_key,
                                           struct slice ca_pem, const struct host *host, unsigned days,
                                           struct buffer *ret_pem, struct why *why);
struct certificate_facts {
    struct site_id site;  /* "" when the SAN holds no site URN */
    struct hash sha256;   /* of the DER */
    struct public_key key; /* der_len 0 when it is not P-256 */
    int64_t not_before_ms, not_after_ms;
};
/* MALFORMED: not one certificate, or a SAN with two site URNs or a bad one.
 * Says what is written, not whether it holds: a signature or an end is not checked. */
MUST_CHECK result certificate_read(struct slice pem, struct certificate_facts *ret, struct why *why);

#endif
