/*
 * init.h - makes what a broker's folder holds before its first start: keys, the two CAs, the server
 * certificate, the settings, and what the trust ceremony needs of it.
 */
#ifndef INNSYN_BROKER_INIT_H
#define INNSYN_BROKER_INIT_H

#include "base/host.h"
#include "broker/roles.h"
#include "proto/succession.h"

enum { SERVER_CERTIFICATE_DAYS = 397, SERVER_NAMES_MAX = 16 };

/* settings->dir must exist; broker.json is written last, so that a folder with one is whole.
 * DENIED: there is a broker already.  MALFORMED: the network's name, or the names of the certificate. */
MUST_CHECK result broker_init(const struct host *host, const struct broker_settings *settings, struct why *why);

/* A new server key and certificate from the same CA, for the names in the settings.  Nothing that agents
 * or people hold changes: they know the CA.  Takes effect at the next start. */
MUST_CHECK result broker_renew_server(const struct host *host, const struct broker_settings *settings, struct why *why);

/* Offline: what the root quorum is to sign so that another log succeeds this broker's.  Makes the successor's key,
 * and writes <dir>/succession.json (unsigned) and successor-public.json.  here: what the store's log holds; note: a
 * checkpoint that a site or an auditor holds, or empty.  DENIED: the store or the note is of another history. */
MUST_CHECK result broker_successor(const struct host *host, const struct broker_settings *settings, const struct checkpoint *here,
                                   struct slice note, struct succession *ret, struct why *why);

#endif
