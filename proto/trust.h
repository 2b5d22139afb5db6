/*
 * trust.h - the trust document: which keys mean what in a network, signed by a root quorum.
 * Version n+1 must carry version n's quorum too; nobody goes back.  A version that names another log must carry its
 * succession, signed by version n's quorum; later versions carry it on, so that what the old log signed can be checked.
 */
#ifndef INNSYN_PROTO_TRUST_H
#define INNSYN_PROTO_TRUST_H

#include "proto/envelope.h"
#include "proto/id.h"
#include "proto/note.h"
#include "proto/succession.h"

enum { TRUST_KEYS_MAX = 512, TRUST_ROOTS_MAX = 16, TRUST_WITNESSES_MAX = 64, TRUST_BYTES_MAX = 512 * 1024 };

struct trust_person {
    struct label account;
    struct public_key key;
};
struct trust_holder {
    struct label account;
    struct site_id site;
    struct public_key key;
};
struct trust_site {
    struct site_id site;
    struct public_key key; /* signs site results and site rules */
    struct public_key optout_key; /* what is sealed to the site for its list of opt-outs; der_len 0: it takes none */
};
struct trust {
    struct label network;
    uint64_t version;
    int64_t issued_ms;
    struct public_key roots[TRUST_ROOTS_MAX];
    unsigned root_count, root_threshold;
    struct trust_person *officers;
    unsigned officer_count;
    struct trust_person *desks; /* citizen desks: they sign what they send to the lists of opt-outs */
    unsigned desk_count;
    struct trust_holder *holders;
    unsigned holder_count;
    struct trust_site *sites;
    unsigned site_count;
    struct note_key log;
    struct succession *successions; /* oldest first; the newest leads to `log` */
    unsigned succession_count;
    struct note_key *witnesses;
    unsigned witness_count;
    struct public_key seal; /* the unit's seal: tasks and permit statuses */
    struct slice site_ca_pem; /* borrowed from `payload` tree */
    struct json *tree;
    struct hash hash; /* of the payload */
};

/* Every key has one use: root, officer, holder, desk, site and seal keys are all different (one account may hold
 * several sites with one key), and so are the log's and the witnesses'; the log's key is named by log_name_print.
 * Verifies and reads.  previous: the version held now, or NULL for the first (then pinned must equal
 * the payload's hash unless it is NULL).  DENIED: quorum missing, version not previous+1 or the same
 * bytes, wrong network, wrong pin, or another log without a succession. */
MUST_CHECK result trust_open(const struct envelope *e, const struct trust *previous, const struct hash *pinned, struct trust **ret, struct why *why);
void trust_free(struct trust *t);
void trust_freep(struct trust **t);

/* Whose desk key has signed this envelope; NULL: none that the document names. */
const struct trust_person *trust_desk_signer(const struct trust *t, const struct envelope *e);
const struct public_key *trust_site_key(const struct trust *t, const struct site_id *site); /* NULL: not a site */
/* The succession that ended this log, by its key; NULL: none did. */
const struct succession *trust_succession_of(const struct trust *t, const struct note_key *old_log);
/* NULL: not a site, or it takes no opt-outs. */
const struct public_key *trust_optout_key(const struct trust *t, const struct site_id *site);

#endif
