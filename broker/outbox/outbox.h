/*
 * outbox.h - notifications: owed in the transaction of what they tell of, sent afterwards by the process `mail`.
 *
 * A notification says that something happened with a case, its number, a deadline and where to look: no text of
 * anybody's, no data, no name.  Nobody is told what they did themselves. 
 */
#ifndef INNSYN_BROKER_OUTBOX_OUTBOX_H
#define INNSYN_BROKER_OUTBOX_OUTBOX_H

#include "base/buffer.h"
#include "base/result.h"
#include "broker/call/call.h"
#include "policy/workflow.h"
#include "proto/id.h"

struct permit;

enum {
    OUTBOX_TRIES_MAX = 12,        /* over about a day and a half, then it is given up */
    OUTBOX_KEEP_DAYS = 90,        /* those that ended are kept so long */
    OUTBOX_RECOVER_MAX = 1000,
    REMIND_BATCH_MAX = 64,        /* of a kind in one sweep */
    REMIND_ANSWER_DAYS = 7,       /* before the applicant's four weeks are over */
    REMIND_OPINION_DAYS = 7,
    REMIND_DECISION_DAYS = 14,
    REMIND_END_DAYS = 45,         /* a renewal is asked for at least 30 days before the end */
    OUTBOX_OFFICERS_MAX = 64,
};
enum outbox_state { OUTBOX_WAITING = 0, OUTBOX_BEGUN = 1, OUTBOX_SENT = 2, OUTBOX_FAILED = 3, OUTBOX_UNKNOWN = 4, OUTBOX_DROPPED = 5 };

/* What core remembers of it; all else is in the store. */
struct outbox {
    bool on;                   /* there is a process that sends */
    bool read;                 /* next_ms is known */
    int64_t next_ms;           /* wall clock: the first that waits; INT64_MAX: none */
    bool flies;                /* one is with `mail` */
    struct document_id flying;
    enum { HEARD_NOTHING, HEARD_READY, HEARD_ENDED } heard;
    unsigned ended;            /* enum smtp_end */
    uint64_t tag;
    /* decided in the turn at hand, done after its commit */
    bool settled, lands;
    uint16_t tell;             /* MESSAGE_MAIL, MESSAGE_MAIL_GO, or 0 */
    struct document_id next;
    struct buffer order;
};

/* on: there is a process that sends.  outbox_free takes what outbox_new gave, or NULL. */
MUST_CHECK result outbox_new(struct core *c, bool on, struct why *why);
void outbox_free(struct core *c);

/* What a notification of a step needs of the application. */
struct stepped {
    const char *document;
    int64_t version, answer_due_ms, opinions_due_ms;
};
/* In the transaction of the step, the change or the deadline. */
MUST_CHECK result outbox_of_step(struct core *c, const struct stepped *a, enum step step, const char *by, struct why *why);
MUST_CHECK result outbox_of_permit(struct core *c, const struct permit *p, enum permit_stage stage, uint64_t serial, const char *by, struct why *why);
/* An account was named in an application (at most once a day of each, whatever is edited to and fro), and what its
 * applicant hears of the answer. */
MUST_CHECK result outbox_of_invitation(struct core *c, const char *document, struct slice account, const char *by, struct why *why);
MUST_CHECK result outbox_of_acceptance(struct core *c, const struct stepped *a, struct slice applicant, bool accepted, const char *by, struct why *why);
/* asked: it was made; else `step` was taken. */
MUST_CHECK result outbox_of_enquiry(struct core *c, const char *document, int64_t version, struct slice asker, bool asked, enum enquiry_step step,
                                    const char *by, struct why *why);
MUST_CHECK result outbox_remind(struct core *c, struct why *why); /* of deadlines that come near */

/* At the start, in its transaction: what was begun and whose end nobody wrote is not sent again. */
MUST_CHECK result outbox_recover(struct core *c, struct why *why);
/* In each turn's transaction; and after its commit. */
MUST_CHECK result outbox_turn(struct core *c, struct why *why);
void outbox_committed(struct core *c);
void outbox_forget(struct core *c); /* the store was read anew */
int64_t outbox_next_ms(const struct core *c); /* wall clock; INT64_MAX: nothing waits */

handler_fn account_mail;

#endif
