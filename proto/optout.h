/*
 * optout.h - what a citizen desk sends to a site, and what a site says of its list of opt-outs.
 *
 * The request travels sealed (crypto_cms.h) and padded: all requests have one length, whoever they are for.
 * {"innsyn":"optout-request/1","id":"o-...","network":"n","site":"s","at":"...",
 *  "action":"register","person":{"kind":"fnr","value":"..."},"purposes":["*"],"code_sha256":hex}
 * {... "action":"withdraw","code":base64 of 32 bytes}
 * Who holds the code (the receipt) can withdraw; a broker, which never sees it, cannot.
 *
 * The report is signed by the site's key and says which list is kept, not what is in it, nor how long it is:
 * {"innsyn":"optout-report/1","network":"n","site":"s","version":3,"list_sha256":hex,"at":"..."}
 */
#ifndef INNSYN_PROTO_OPTOUT_H
#define INNSYN_PROTO_OPTOUT_H

#include "proto/crypto.h"
#include "proto/envelope.h"
#include "proto/id.h"
#include "proto/person.h"

enum { OPTOUT_PLAIN_LEN = 1024, OPTOUT_SEALED_MAX = 4096, OPTOUT_CODE_LEN = 32, OPTOUT_PURPOSES_MAX = 16,
       OPTOUT_PURPOSE_MAX = 15 };

#define TYPE_OPTOUT_REPORT "application/vnd.innsyn.optout-report.v1+json"

enum optout_action { OPTOUT_REGISTER, OPTOUT_WITHDRAW };
const char *optout_action_name(enum optout_action a); /* "register", "withdraw" */

/* Purposes that a person opts out of; count 0: all. */
struct optout_purposes {
    char at[OPTOUT_PURPOSES_MAX][OPTOUT_PURPOSE_MAX + 1];
    unsigned count;
};
/* "53.1.e" covers "53.1.e.i" too. */
bool optout_purposes_cover(const struct optout_purposes *p, struct slice purpose);
/* ["*"] or codes of the form of Article 53.  MALFORMED: with the path. */
MUST_CHECK result optout_purposes_read(const struct json *array, const char *path, struct optout_purposes *ret, struct why *why);
struct json *optout_purposes_json(const struct optout_purposes *p);

struct optout_request {
    struct document_id id;
    struct label network;
    struct site_id site;
    enum optout_action action;
    int64_t at_ms;
    enum person_kind kind;                       /* these four: register */
    char person[PERSON_TEXT_MAX + 1];
    struct optout_purposes purposes;
    struct hash code_hash;
    uint8_t code[OPTOUT_CODE_LEN];               /* withdraw */
};
void optout_request_done(struct optout_request *r); /* wipes */

/* Appends OPTOUT_PLAIN_LEN bytes (wipe them). */
MUST_CHECK result optout_request_print(const struct optout_request *r, struct buffer *to, struct why *why);
/* MALFORMED: never with the person's number in why. */
MUST_CHECK result optout_request_read(struct slice text, struct optout_request *ret, struct why *why);

struct optout_report {
    struct label network;
    struct site_id site;
    uint64_t version;  /* 0: the empty list that every site begins with */
    struct hash list;
    int64_t at_ms;
};
MUST_CHECK result optout_report_print(const struct optout_report *r, struct buffer *to, struct why *why);
/* Verifies the site's signature, then reads.  DENIED: signed by another key. */
MUST_CHECK result optout_report_open(const struct envelope *e, const struct public_key *site_key, struct optout_report *ret, struct why *why);

#endif
