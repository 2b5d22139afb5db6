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

enum { SIGNER_PATH_SIZE = 512, SIGNER_NAME_SIZE = 64, MEMORY_REWRITE_BYTES = 64 * 1024 };

struct signer {
    const struct host *host;
    struct label network;
    char dir[SIGNER_PATH_SIZE];
    unsigned generation;                /* which of the network's logs is signed: 1, after one succession 2, ... */
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

/* The name under which the network's n-th log signs (log_name_print), and its key's file in <dir>. */
MUST_CHECK result signer_log_name(const struct signing_key *log, const char *network, unsigned generation, struct note_key *ret, struct why *why);
void signer_log_file(unsigned generation, char to[SIGNER_NAME_SIZE]);

/* --- offline, while no broker runs (R-67) --- */
/* The key of the log that is to succeed the one at hand, made if it is not there; *ret: its name. */
MUST_CHECK result signer_successor(const struct signer *s, struct note_key *ret, struct why *why);
/* Before the store takes a trust document (opened under s->trust): one that names another log must name the successor's
 * key, and begin with the entries that the store holds (here; NULL: it holds this version already).  The new log's
 * memory is begun.  May be repeated. */
MUST_CHECK result signer_prepare(const struct signer *s, const struct trust *t, const struct checkpoint *here, struct why *why);
/* After it: from the next signer_open on this trust document, and its log, are in force. */
MUST_CHECK result signer_keep_trust(const struct signer *s, struct slice text, struct why *why);

/* Decides one message of core and appends the answer's payload to `to`.
 * DENIED, MALFORMED, LIMIT, UNAVAILABLE: refused, nothing is signed, `to` is as it was.
 * BROKEN: no message of a kind that core may send; the process must end. */
MUST_CHECK result signer_answer(struct signer *s, uint16_t kind, struct slice payload, struct buffer *to, struct why *why);

#endif
