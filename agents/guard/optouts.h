/*
 * optouts.h - the site's list of persons who opted out: taken sealed, kept as pseudonyms, signed and versioned.
 *
 *   <dir>/keys/optout.pem           opens what a citizen desk seals to this site
 *   <dir>/guard/optouts.json        the index: pseudonyms, purposes, versions (0600)
 *   <dir>/guard/optouts/<id>.cms    the request as it came, sealed: opened again for a dataset that is loaded later
 *   <dir>/guard/optout-list.json    optout-list/1, the list of the newest version
 *   <dir>/guard/optout-list.sig     its signed report (proto/optout.h): version and SHA-256
 *   <dir>/optout-apply              there when the holder wants the list in force at once (innsyn-agent optout apply)
 *
 * Nobody learns from here how many have opted out, or whether a person is in a dataset: a request is taken, makes
 * a version and an edition whether or not any row is its person's.
 *
 * Which version is in force for a dataset: under profile open the newest, from the next task on; under the others the
 * one with which its edition was made, until the holder applies it, a snapshot is loaded, or `batch_ms` have passed since
 * the first change, because a new edition is a new draw of noise.  Under open a person is left out for the purposes
 * named; under the others for all, so that two purposes never differ by the persons who opted out of one.
 *
 * The site's rules may say `optouts: at_grant` (policy/site_rules.h): a permit is then answered under the version that it
 * names (that of its grant), as long as the dataset is open and nothing of that version was forgotten.  Protected datasets
 * follow their batch always: an edition a permit would be a draw of noise a permit.  With that rule in force what a version
 * held is not forgotten.
 */
#ifndef INNSYN_AGENTS_GUARD_OPTOUTS_H
#define INNSYN_AGENTS_GUARD_OPTOUTS_H

#include "agents/guard/datasets.h"
#include "agents/settings.h"
#include "proto/optout.h"
#include "proto/trust.h"

enum { OPTOUTS_MAX = 20000, OPTOUTS_A_POLL_MAX = 100, OPTOUTS_INDEX_BYTES_MAX = 24 * 1024 * 1024 };
#define LABEL_OPTOUT "innsyn/v1/optout"

struct optouts;

/* site_key: borrowed, signs the report; NULL for a look (nothing may be taken then).
 * ABSENT is no failure: a site without keys/optout.pem takes none.  BROKEN: names the file. */
MUST_CHECK result optouts_open(const struct host *host, const struct agent_settings *s, const struct signing_key *site_key,
                               struct optouts **ret, struct why *why);
void optouts_free(struct optouts *o);

/* Called before what it names is in force; false: it could not be recorded, and nothing changes. */
typedef bool optouts_record_fn(void *self, struct json *fields);

/* items: [{"id","action","sealed"}] of a poll; sealed: an envelope that a desk of the trust document has signed.  A request that cannot be taken is refused (and said so to the broker), the others
 * are taken.  *ret_changed: there is a new version.  On failure everything is as it was, and the broker will send them again. */
MUST_CHECK result optouts_take(struct optouts *o, const struct json *items, const struct trust *trust, optouts_record_fn *record, void *self,
                               bool *ret_changed, struct why *why);
/* The list is now known to lack nothing that the broker holds. */
void optouts_checked(struct optouts *o, int64_t now_ms);
int64_t optouts_checked_ms(const struct optouts *o); /* 0: not since start */

/* Member "optouts" of the next poll: what was taken, and the signed report until the broker has it.  NULL: nothing to say. */
struct json *optouts_say(const struct optouts *o);
void optouts_said(struct optouts *o); /* the broker has it */

/* The edition of an open dataset with an earlier version of the list, which a permit keeps.  DENIED: this site never had that
 * version, or has forgotten what it held. */
MUST_CHECK result optouts_edition_at(const struct optouts *o, const struct held_dataset *d, uint64_t version, const struct hash *list,
                                     struct hash *ret, struct why *why);
/* keep: entries that only earlier versions hold are kept (a rule of at_grant is in force). */
void optouts_keep_versions(struct optouts *o, bool keep);

/* Names the editions anew.  apply: the holder wants the newest version everywhere.  *ret_changed: an edition got another name. */
MUST_CHECK result optouts_name_editions(struct optouts *o, struct datasets *d, bool apply, bool *ret_changed, struct why *why);

/* Record keys of the persons left out of this dataset's edition for this purpose, in the form of a plan.  version: NULL for
 * the one in force. */
MUST_CHECK result optouts_left_out(struct optouts *o, const struct held_dataset *d, const uint64_t *version, struct slice purpose, struct buffer *to, struct why *why);

uint64_t optouts_version(const struct optouts *o);

#endif
