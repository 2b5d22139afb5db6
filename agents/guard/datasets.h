/*
 * datasets.h - what is loaded at this site: dictionaries and names of the snapshots in force, no rows.
 */
#ifndef INNSYN_AGENTS_GUARD_DATASETS_H
#define INNSYN_AGENTS_GUARD_DATASETS_H

#include "agents/guard/verify.h"

struct datasets {
    struct held_dataset held[HELD_DATASETS_MAX];
    struct dictionary *dictionaries[HELD_DATASETS_MAX]; /* owned; held[i].dictionary is dictionaries[i] */
    bool publish_persons[HELD_DATASETS_MAX];
    uint64_t persons[HELD_DATASETS_MAX];                /* of the snapshot as it was loaded, whoever opted out: the true number */
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

/* DENIED: the rules ask by its name for one protected dataset to be answered under lists of earlier days (`at_grant`): each
 * permit would have an edition of its own, and each edition is another draw of noise about nearly the same persons. */
struct site_rules;
MUST_CHECK result datasets_allow_rules(const struct datasets *d, const struct site_rules *rules, struct why *why);

/* How many persons the catalogue may say there are: under open the snapshot's; under ck and strict with the noise of a
 * count, drawn from the site's key for this number of this dataset and nothing else, and in hundreds, of those below
 * PERSONS_PUBLISHED_MIN only that.  Opt-outs do not move it, and loading the same number again draws no second noise.
 * {"count":303}, {"about":12300} or {"below":1000}; *ret NULL under dp, where no figure leaves but for its budget. */
struct cellkey;
MUST_CHECK result persons_published(const struct dictionary *d, uint64_t persons, struct cellkey *key, struct json **ret, struct why *why);

/* The body of PUT /v1/site/catalogue. */
MUST_CHECK result datasets_catalogue(const struct datasets *d, struct cellkey *key, struct json **ret, struct why *why);

#endif
