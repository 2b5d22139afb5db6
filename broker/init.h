/*
 * init.h - makes what a broker's folder holds before its first start: keys, the two CAs, the server
 * certificate, the settings, and what the trust ceremony needs of it.
 */
#ifndef INNSYN_BROKER_INIT_H
#define INNSYN_BROKER_INIT_H

#include "base/host.h"
#include "broker/roles.h"

enum { SERVER_CERTIFICATE_DAYS = 397, SERVER_NAMES_MAX = 16 };

/* settings->dir must exist; broker.json is written last, so that a folder with one is whole.
 * DENIED: there is a broker already.  MALFORMED: the network's name, or the names of the certificate. */
MUST_CHECK result broker_init(const struct host *host, const struct broker_settings *settings, struct why *why);

/* A new server key and certificate from the same CA, for the names in the settings.  Nothing that agents
 * or people hold changes: they know the CA.  Takes effect at the next start. */
MUST_CHECK result broker_renew_server(const struct host *host, const struct broker_settings *settings, struct why *why);

#endif
