/*
 * datasets.h - what is loaded at this site: dictionaries and names of the snapshots in force, no rows.
 */
#ifndef INNSYN_AGENTS_GUARD_DATASETS_H
#define INNSYN_AGENTS_GUARD_DATASETS_H

#include "agents/guard/verify.h"

struct datasets {
    struct held_dataset held[HELD_DATASETS_MAX];
    struct dictionary *dictionaries[HELD_DATASETS_MAX]; /* owned; held[i].dictionary is dictionaries[i] */
    unsigned count;
};
void datasets_done(struct datasets *d);

/* Looks at <data folder>/<dataset>/current and reads the description of what is new.  *ret_changed: a
 * snapshot came, changed or went.  Dictionaries of before are freed: nobody may borrow them across the
 * call.  A dataset that cannot be read is left out, and named in why (the call still is OK). */
MUST_CHECK result datasets_refresh(const struct host *host, const char *data_folder, struct datasets *d,
                                   bool *ret_changed, struct why *why);

/* The name of an edition: SHA-256 over snapshot, opt-out list and dictionary (their hashes).  datasets_refresh names
 * those of the empty list; optouts.h names them anew. */
MUST_CHECK result edition_of(const struct hash *snapshot, const struct dictionary *d, const struct hash *optout_list, struct hash *ret,
                             struct why *why);

/* The body of PUT /v1/site/catalogue. */
struct json *datasets_catalogue(const struct datasets *d);

#endif
