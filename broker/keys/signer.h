/*
 * signer.h - what the broker's keys sign, and what must hold before they do: the decisions of the keys
 * process, apart from the process.  Core asks; core is not believed.
 *   checkpoint  only if it extends the one signed last, which is remembered durably before the
 *               signature leaves (so that no crash and no request makes two histories)
 *   task        only a canonical task/1 of this network
 *   status      "live" only for a permit that carries the signatures of two officers and of every
 *               site's holder, under the trust document at hand, within its period
 *   site        a certificate of SITE_CERTIFICATE_DAYS for a request that names exactly that site
 *   trust       never goes back; kept in <dir>/keys; must name the very keys held here
 * Which sites exist and who may renew is core's to know; a captured core could have certificates made
 * for any site's name, but no permit, no query and no site's answer: those are signed elsewhere.
 */
#ifndef INNSYN_BROKER_KEYS_SIGNER_H
#define INNSYN_BROKER_KEYS_SIGNER_H

#include "base/channel.h"
#include "base/host.h"
#include "broker/messages.h"
#include "proto/certificate.h"
#include "proto/crypto.h"
#include "proto/id.h"
#include "proto/note.h"
#include "proto/trust.h"

enum { SIGNER_PATH_SIZE = 512, MEMORY_REWRITE_BYTES = 64 * 1024 };

struct signer {
    const struct host *host;
    struct label network;
    char memory_path[SIGNER_PATH_SIZE]; /* one line a checkpoint: "size root\n"; the last whole line counts */
    char trust_path[SIGNER_PATH_SIZE];
    size_t memory_bytes;                /* of the file at memory_path */
    struct signing_key *log, *seal, *site_ca;
    struct note_key log_name;
    struct public_key seal_public;
    struct buffer site_ca_pem;
    struct trust *trust;                /* NULL until core brings the first */
    struct checkpoint last;             /* size 0: none signed */
};

/* Writes the memory of a log that is still empty: for init, once.  Without it signer_open refuses. */
MUST_CHECK result signer_first_memory(const struct host *host, const char *dir, struct why *why);

/* Reads the keys and what was remembered.  ABSENT: a key file is missing.  BROKEN: the memory is missing, says
 * nothing or contradicts itself.  On failure *ret needs no signer_done. */
MUST_CHECK result signer_open(const struct host *host, const char *dir, const char *network, struct signer *ret,
                              struct why *why);
void signer_done(struct signer *s);

/* The name under which the log signs: origin "innsyn.<network>/log". */
MUST_CHECK result signer_log_name(const struct signing_key *log, const char *network, struct note_key *ret, struct why *why);

/* Decides one message of core and appends the answer's payload to `to`.
 * DENIED, MALFORMED, LIMIT, UNAVAILABLE: refused, nothing is signed, `to` is as it was.
 * BROKEN: no message of a kind that core may send; the process must end. */
MUST_CHECK result signer_answer(struct signer *s, uint16_t kind, struct slice payload, struct buffer *to, struct why *why);

#endif
