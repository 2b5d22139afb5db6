/*
 * profile.h - a person's folder: where the broker is, whom to trust, who one is.
 *   profile.json  {"url","ca","account","network"?,"trust"?,"permit"?}   strict JSON
 *   token         API or session token (0600)       key.pem     the signing key, P-256 (0600)
 *   trust.json    the trust envelope last accepted   checkpoint  the log's checkpoint last verified
 */
#ifndef INNSYN_CLIENT_PROFILE_H
#define INNSYN_CLIENT_PROFILE_H

#include "base/secret.h"
#include "proto/crypto.h"
#include "proto/id.h"

enum { PROFILE_PATH_MAX = 512, PROFILE_URL_MAX = 255, PROFILE_BYTES_MAX = 16 * 1024, TOKEN_BYTES_MAX = 256 };

struct profile_settings {
    char dir[PROFILE_PATH_MAX];
    char url[PROFILE_URL_MAX + 1];
    char ca[PROFILE_PATH_MAX]; /* as written; a relative path is below dir */
    struct label account;
    struct label network; /* "" when not known yet */
    bool has_trust;
    struct hash trust;          /* payload hash of the first trust document accepted */
    struct document_id permit;  /* "" when there is no default */
};

/* $INNSYN_PROFILE, else ~/.config/innsyn/default. */
MUST_CHECK result profile_default_dir(char to[PROFILE_PATH_MAX], struct why *why);
/* ABSENT: no profile there (says how to make one).  MALFORMED: with the path of the field.
 * Without "permit" the id in a file `permit` beside or one above the folder of profiles is the default. */
MUST_CHECK result profile_read(const struct host *host, const char *dir, struct profile_settings *ret, struct why *why);
MUST_CHECK result profile_write(const struct host *host, const struct profile_settings *p, struct why *why);

/* dir/name.  LIMIT: too long. */
MUST_CHECK result profile_path(const struct profile_settings *p, const char *name, char to[PROFILE_PATH_MAX], struct why *why);
/* ABSENT: not signed in. */
MUST_CHECK result profile_token(const struct host *host, const struct profile_settings *p, struct secret **ret, struct why *why);
/* DENIED: others may read the key file.  ABSENT: there is none (says how to make one). */
MUST_CHECK result profile_key(const struct host *host, const struct profile_settings *p, struct signing_key **ret, struct why *why);

#endif
