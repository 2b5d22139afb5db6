/*
 * answers.h - the signed answers that this site has given (I8): never changed, never overwritten.
 *
 *   <folder>/00000000 ...   one line an answer, oldest first; the newest file is appended to, and synced
 *
 *   line: <query id> <moment, ms> {"innsyn":"answer/1","query_sha256","result":<envelope>,"task"}
 *
 * Where the answers of the last ANSWERS_KNOWN_MS lie is held in memory (24 to 96 bytes each, ANSWERS_MAX of them) and
 * read from the files at opening.  An older one is on disk for people: its query expired long before (24 h after it
 * was issued at most), and what waited for its holder's hand has ended (31 days at most).
 * A crash leaves at most a torn last line, which the next opening cuts off: it never left.
 */
#ifndef INNSYN_AGENTS_GUARD_ANSWERS_H
#define INNSYN_AGENTS_GUARD_ANSWERS_H

#include "base/host.h"
#include "proto/crypto.h"
#include "proto/id.h"

enum { ANSWERS_MAX = 4 * 1024 * 1024, ANSWER_BYTES_MAX = 8 * 1024 * 1024, ANSWERS_FILE_BYTES = 4 * 1024 * 1024,
       ANSWERS_FOLDER_MAX = 512 };
#define ANSWERS_KNOWN_MS (INT64_C(40) * 24 * 60 * 60 * 1000)

struct answers;
/* In a folder that exists.  host is borrowed for the answers' life.  BROKEN: names the file that holds something else. */
MUST_CHECK result answers_open(const struct host *host, const char *folder, struct answers **ret, struct why *why);
void answers_free(struct answers *a); /* NULL is welcome */
void answers_freep(struct answers **a);

struct stored_answer {
    struct document_id task;
    struct hash query_hash;
    struct buffer result; /* the site-result envelope, JSON text */
};
void stored_answer_done(struct stored_answer *a);
/* ABSENT: the query was not answered here. */
MUST_CHECK result answers_read(struct answers *a, const struct document_id *query, struct stored_answer *ret, struct why *why);
/* Synced when it returns.  result_text: canonical JSON.  DENIED: the query has an answer already.
 * LIMIT: ANSWERS_MAX in ANSWERS_KNOWN_MS.  On failure there is none. */
MUST_CHECK result answers_write(struct answers *a, const struct document_id *query, const struct document_id *task,
                                const struct hash *query_hash, struct slice result_text, struct why *why);

#endif
