/*
 * messages.h - what the broker's roles say to one another, packed by base/wire.h.
 * net <-> core: requests and their answers.  core <-> keys: things to sign.  core <-> mail: notifications.  Nothing else is permitted;
 * a role that receives another kind treats its peer as captured and ends.
 */
#ifndef INNSYN_BROKER_MESSAGES_H
#define INNSYN_BROKER_MESSAGES_H

#include "base/buffer.h"
#include "base/slice.h"
#include "proto/id.h"
#include "proto/merkle.h"

enum broker_message {
    /* net -> core.  The tag names the request; it is never reused while the process lives. */
    MESSAGE_REQUEST = 1, /* struct http_request */
    MESSAGE_GONE = 2,    /* the peer of request `tag` went away; no payload */
    /* core -> net */
    MESSAGE_REPLY = 3,   /* struct http_reply */
    MESSAGE_SITE_CUT = 4, /* close every connection of this site (revoked certificate): raw site id; tag 0 */

    /* core -> keys (blocking), keys -> core with the same tag.  "raw": the payload is that text and
     * nothing else; all other fields are packed by base/wire.h in the order named. */
    MESSAGE_SIGN_CHECKPOINT = 16, /* u64 size, bytes root[32], u8 count, count x bytes hash[32]: the consistency
                                   * proof from the size signed last (none when that is 0 or the same) -> raw note */
    MESSAGE_SEAL_TASK = 17,       /* raw task payload (canonical JSON) -> raw envelope JSON text */
    MESSAGE_SEAL_STATUS = 18,     /* bytes permit envelope JSON, bytes status payload -> raw envelope JSON text;
                                   * live only for a permit whose signatures hold */
    MESSAGE_ISSUE_SITE = 19,      /* bytes site id, bytes CSR PEM -> raw certificate PEM */
    MESSAGE_TRUST = 20,           /* raw trust envelope JSON (start-up and each new version) -> empty */
    MESSAGE_LAST_CHECKPOINT = 21, /* empty -> u64 size, bytes root[32] that keys signed last (size 0: none, root zero) */
    MESSAGE_SIGNED = 32,          /* keys' answer, as named after the arrow */
    MESSAGE_REFUSED = 33,         /* keys' answer: u8 status, bytes text */

    /* core <-> mail (broker/mail/mail.c): one notification at a time, named by the tag. */
    MESSAGE_MAIL = 48,            /* core -> mail: struct mail_order */
    MESSAGE_MAIL_READY = 49,      /* mail -> core: the server waits for the text; empty */
    MESSAGE_MAIL_GO = 50,         /* core -> mail: that it leaves is written; empty */
    MESSAGE_MAIL_ENDED = 51,      /* mail -> core: u8 enum smtp_end */
};

enum { HTTP_PATH_MAX = 512, HTTP_QUERY_MAX = 1024, HTTP_TOKEN_MAX = 128, HTTP_BODY_MAX = 4 * 1024 * 1024, HTTP_UPLOAD_MAX = 10 * 1024 * 1024 /* an attachment */, HTTP_REPLY_MAX = 12 * 1024 * 1024 };
enum http_method { HTTP_GET = 1, HTTP_POST, HTTP_PUT, HTTP_DELETE };
enum http_listener { LISTENER_AGENTS = 1, LISTENER_PEOPLE = 2 };

/* All slices are borrowed from the message. */
struct http_request {
    uint8_t method;
    uint8_t listener;
    struct slice path;         /* "/v1/poll": decoded, no dot segments, no NUL */
    struct slice query;        /* raw, without '?' */
    struct slice token;        /* bearer token or the innsyn cookie's value, empty if none */
    uint8_t token_from_cookie; /* 1: state-changing methods then also need Origin to be our own (net checks it) */
    struct slice site;         /* agents: the verified site id, else empty */
    uint8_t certificate[32];   /* agents: SHA-256 of the DER, else zero */
    int64_t certificate_ends_ms;
    struct slice idempotency_key;
    struct slice request_id;   /* "r-..." made by net */
    struct slice body;
};
MUST_CHECK result http_request_encode(const struct http_request *r, struct buffer *to, struct why *why);
bool http_request_decode(struct slice payload, struct http_request *ret);

struct http_reply {
    uint16_t status;
    struct slice content_type; /* empty: application/json */
    struct slice set_cookie;   /* empty: none.  "clear": ends the cookie */
    struct slice location;     /* empty: none */
    uint16_t retry_after_s;    /* 0: none */
    struct slice body;
};
MUST_CHECK result http_reply_encode(const struct http_reply *r, struct buffer *to, struct why *why);
bool http_reply_decode(struct slice payload, struct http_reply *ret);

/* A notification to be sent.  All slices are borrowed. */
enum { MAIL_ADDRESS_MAX = 254, MAIL_SUBJECT_MAX = 200, MAIL_TEXT_MAX = 4000 };
struct mail_order {
    struct slice id;       /* "n-..." */
    struct slice address;
    struct slice language; /* "nb", "en" */
    struct slice subject, text; /* UTF-8; lines end in LF */
};
MUST_CHECK result mail_order_encode(const struct mail_order *m, struct buffer *to, struct why *why);
bool mail_order_decode(struct slice payload, struct mail_order *ret);
/* One address of ASCII letters, digits and what mail allows unquoted, with one '@'; nothing that could end a line
 * or name a second addressee.  MALFORMED at `field`. */
MUST_CHECK result mail_address_check(struct slice address, const char *field, struct why *why);

#endif
