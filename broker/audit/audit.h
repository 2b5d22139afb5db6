/* audit.h - the audit log: appending, signing, witnesses, tiles, the index that searches it. */
#ifndef INNSYN_BROKER_AUDIT_AUDIT_H
#define INNSYN_BROKER_AUDIT_AUDIT_H

#include "broker/call/call.h"

/* A parameter's value with %XX undone.  false: too long for `to`, or not well formed. (search.c) */
bool query_text_decode(struct slice text, char *to, size_t size);

/* --- log.c --- */
MUST_CHECK result log_load(struct core *c, struct why *why);
/* Appends an entry with the members of `fields` (taken over, also on failure); it names the request at hand, if there
 * is one. ret_index may be NULL. */
MUST_CHECK result log_append(struct core *c, const char *type, struct json *fields, uint64_t *ret_index, struct why *why);
/* As log_append of a whole entry that has its `at`. */
MUST_CHECK result log_append_entry(struct core *c, const char *type, int64_t at_ms, struct json *entry, uint64_t *ret_index, struct why *why);
int64_t log_time(const struct core *c); /* now, or the newest entry's time if that is later */
MUST_CHECK result log_sign(struct core *c, struct why *why);
MUST_CHECK result log_agree_with_keys(struct core *c, struct why *why);
MUST_CHECK result log_entry_bytes(struct core *c, uint64_t index, struct buffer *to, struct why *why);
/* After a rollback: the nodes that it may have taken back. */
void log_forget_nodes(struct core *c);
/* A merkle_node_fn over the store and what is known of it; self: the core. */
MUST_CHECK result log_node(void *self, unsigned level, uint64_t index, struct hash *ret, struct why *why);
/* Proofs in the checkpoint at hand or any tree before it, as arrays of base64. */
MUST_CHECK result log_inclusion_json(struct core *c, uint64_t index, uint64_t size, struct json **ret, struct why *why);
MUST_CHECK result log_consistency_json(struct core *c, uint64_t from, uint64_t to, struct json **ret, struct why *why);
handler_fn log_get_checkpoint, log_get_entries, log_get_inclusion, log_get_consistency;
handler_fn log_get_tile, log_get_bundle;

/* --- index.c, search.c: the search index over the log; derived from it, never trusted to verify it --- */
MUST_CHECK result index_add(struct core *c, uint64_t index, const struct json *entry, struct why *why);
MUST_CHECK result index_mark(struct core *c, struct why *why); /* all entries so far are indexed */
/* Indexes what the index lacks (at start: after an upgrade, or when it was thrown away). */
MUST_CHECK result index_catch_up(struct core *c, struct why *why);
handler_fn log_search, log_watch;
/* Adds the entries [from, to), base64, for one who is no auditor.  ABSENT: one of them does not concern the caller. */
MUST_CHECK result log_own_entries(struct call *c, uint64_t from, uint64_t to, struct json *ret_entries, struct why *why);
/* Answers with the entries from p->held_size on, if there are any or `final`. */
MUST_CHECK result watch_try(struct core *c, struct pending *p, bool final, bool *ret_answered, struct why *why);

/* --- texts.c: salted commitments to free text --- */
MUST_CHECK result text_commit(struct core *c, const char *document, const char *account, const char *kind, struct slice text,
                              char ret[2 * HASH_LEN + 1], struct why *why);
handler_fn texts_erase;
#define ACCOUNT_ERASED "erased" /* stands where an erased account's password hash was (ACCOUNT_ERASE) */

/* --- witness.c: one checkpoint at a time is offered to the witnesses, and tasks go out under it --- */
MUST_CHECK result offer_new(struct core *c, struct why *why);
void offer_free(struct core *c);
/* The trust document has changed: cosignatures are asked for anew, and what is kept is held to its witnesses. */
MUST_CHECK result offer_trust_changed(struct core *c, struct why *why);
/* At the end of a transaction: the newest checkpoint that a majority has cosigned goes into it, if it must be
 * stored now; and after the commit, when it was. */
MUST_CHECK result offer_keep(struct core *c, struct why *why);
void offer_kept(struct core *c);
/* After a commit, and when its time is over: moves on to the checkpoint at hand if that is wanted. */
MUST_CHECK result offer_settle(struct core *c, struct why *why);
uint64_t offer_size(const struct core *c);
/* Cosigned by a majority of the trust document's witnesses (true where it names none). */
bool offer_is_cosigned(const struct core *c);
/* How many have cosigned the offer, how many must, and who has not (as far as there is room). */
void offer_missing(const struct core *c, unsigned *ret_have, unsigned *ret_need, char *names, size_t size);
/* Does this site's agent stand among the witnesses, and is it still asked? */
bool offer_asks(const struct core *c, const struct line *line, uint64_t held_size);
int64_t offer_next_ms(const struct core *c); /* until offer_settle should look again; -1: no need */
/* The note with its cosignatures. */
MUST_CHECK result offer_print(const struct core *c, struct buffer *to, struct why *why);
/* A signature line over the checkpoint of this size; of another size than the one offered it comes too late and is
 * left alone.  DENIED: it is no witness's, or does not hold. */
MUST_CHECK result offer_cosign(struct core *c, uint64_t size, struct slice line, struct why *why);
/* Answers (and frees) one who waits for a cosigned checkpoint, or a standalone witness. */
MUST_CHECK result offer_answer(struct core *c, struct pending *p, bool final, bool *ret_answered, struct why *why);
handler_fn log_put_cosignature;

#endif
