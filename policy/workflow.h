/*
 * workflow.h - the life of an application and of a permit, and of an enquiry, as tables: in which
 * state who may do what, and what becomes of it.  The broker is driven by these tables, docs/PERMISSIONS.md is printed from them,
 * and a test tries every cell: what is not listed is refused.  Pure.
 *
 * States: EHDS permit systems' (TEHDAS2 D6.4).  Legal clocks: EHDS Articles 68 and 69.
 */
#ifndef INNSYN_POLICY_WORKFLOW_H
#define INNSYN_POLICY_WORKFLOW_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/result.h"
#include "base/slice.h"

/* Who stands in which relation to one application or permit; an account may stand in several. */
enum actor {
    ACTOR_APPLICANT = 1 << 0, /* the account that applied */
    ACTOR_MEMBER = 1 << 1,    /* named in it, and not the applicant */
    ACTOR_OFFICER = 1 << 2,
    ACTOR_HOLDER = 1 << 3,    /* speaks for a site that it names */
    ACTOR_TIME = 1 << 4,      /* nobody: a deadline that passed */
};
enum { ACTOR_COUNT = 5, ACTORS_DECIDING = ACTOR_OFFICER | ACTOR_HOLDER, ACTORS_ASKING = ACTOR_APPLICANT | ACTOR_MEMBER };
const char *actor_name(unsigned actor); /* one bit; else "?" */

enum application_state {
    APPLICATION_DRAFT,
    APPLICATION_SUBMITTED,
    APPLICATION_PRE_SCREENING,
    APPLICATION_PROCESSING,
    APPLICATION_AWAITING, /* "awaiting_information": the clock stands still */
    APPLICATION_DECIDED,
    APPLICATION_WITHDRAWN,
    APPLICATION_APPEALED, /* a refusal that the applicant does not accept */
    APPLICATION_STATES,
};
const char *application_state_name(enum application_state s);
/* MALFORMED: no such state. */
MUST_CHECK result application_state_parse(struct slice text, enum application_state *ret, struct why *why);

enum step {
    STEP_EDIT,
    STEP_SUBMIT,
    STEP_ACCEPT,
    STEP_DECLINE,
    STEP_SCREEN,
    STEP_COMPLETE,
    STEP_ASK,
    STEP_ANSWER,
    STEP_OPINION,
    STEP_EXTEND,
    STEP_GRANT,
    STEP_REFUSE,
    STEP_WITHDRAW,
    STEP_ESTIMATE,
    STEP_AGREE,
    STEP_TRANSFER,
    STEP_APPEAL,
    STEP_UPHOLD,
    STEP_REOPEN,
    STEP_DETACH,
    STEP_ATTACH, /* a call of its own: the body is the file */
    STEP_LAPSE,
    STEPS,
};
const char *step_name(enum step s);

enum effect {
    EFFECT_FORM = 1 << 0,         /* takes a new form (answer: may) */
    EFFECT_RECEIVE = 1 << 1,      /* the form must be whole; the moment of receipt */
    EFFECT_MEMBERSHIP = 1 << 2,
    EFFECT_START_CLOCK = 1 << 3,  /* three months, or what was left of them */
    EFFECT_STOP_CLOCK = 1 << 4,   /* and starts the applicant's four weeks */
    EFFECT_EXTEND = 1 << 5,       /* once, three months more */
    EFFECT_OPINION = 1 << 6,
    EFFECT_DECIDE = 1 << 7,
    EFFECT_TEXT = 1 << 8,         /* a text must be given */
    EFFECT_ESTIMATE = 1 << 9,     /* the fee: another estimate than the schedule's, or the applicant's agreement to it */
    EFFECT_TRANSFER = 1 << 10,    /* a member becomes the applicant */
    EFFECT_APPEAL = 1 << 11,
    EFFECT_ATTACHMENT = 1 << 13,
    EFFECT_JUDGE = 1 << 12,       /* an appeal: by another officer than the one who decided */
};
struct workflow_row {
    enum application_state state;
    enum step step;
    unsigned actors;
    enum application_state next;
    unsigned effects;
    const char *also; /* what else must hold, NULL: nothing */
};
/* NULL: this step is not taken in this state. */
const struct workflow_row *workflow_find(enum application_state state, enum step step);
/* Who may take the step in any state at all. */
unsigned workflow_actors(enum step step);
/* The steps that one who is `actors` may take in this state: "answer, withdraw"; "" when there is none. */
MUST_CHECK result workflow_allowed(enum application_state state, unsigned actors, struct buffer *to, struct why *why);

/* Why an application is refused, for the register's figures; the officer's own words stand beside it. */
struct ground {
    const char *code, *nb, *en;
};
const struct ground *ground_at(unsigned index); /* NULL behind the last */
const struct ground *ground_find(struct slice code); /* NULL: there is none */

/* --- permits; the numbers are stored --- */
enum permit_stage {
    STAGE_DRAFT = 0,
    STAGE_LIVE = 1,
    STAGE_SUSPENDED = 2,
    STAGE_REVOKED = 3,
    STAGE_EXPIRED = 4,
    STAGE_REPLACED = 5, /* an amended permit took its place */
    STAGES,
};
const char *stage_name(enum permit_stage s);
enum permit_step {
    PERMIT_SIGN,
    PERMIT_RESUME,
    PERMIT_SUSPEND,
    PERMIT_REVOKE,
    PERMIT_AMEND,
    PERMIT_RENEW,
    PERMIT_REPLACE,
    PERMIT_EXPIRE,
    PERMIT_STEPS,
};
const char *permit_step_name(enum permit_step s);
struct permit_workflow_row {
    enum permit_stage stage;
    enum permit_step step;
    unsigned actors;
    enum permit_stage next;
    const char *also;
};
const struct permit_workflow_row *permit_workflow_find(enum permit_stage stage, enum permit_step step);
MUST_CHECK result permit_workflow_allowed(enum permit_stage stage, unsigned actors, struct buffer *to, struct why *why);

/* --- enquiries: for those who do not know yet what they need --- */
enum enquiry_state {
    ENQUIRY_OPEN,
    ENQUIRY_ANSWERED,
    ENQUIRY_APPLIED, /* an application was made of it */
    ENQUIRY_CLOSED,
    ENQUIRY_STATES,
};
const char *enquiry_state_name(enum enquiry_state s);
/* MALFORMED: no such state. */
MUST_CHECK result enquiry_state_parse(struct slice text, enum enquiry_state *ret, struct why *why);
enum enquiry_step {
    ENQUIRY_ANSWER,
    ENQUIRY_REPLY,
    ENQUIRY_APPLY,
    ENQUIRY_CLOSE,
    ENQUIRY_STEPS,
};
const char *enquiry_step_name(enum enquiry_step s);
struct enquiry_workflow_row {
    enum enquiry_state state;
    enum enquiry_step step;
    unsigned actors; /* ACTOR_APPLICANT: the account that asked */
    enum enquiry_state next;
    bool text;       /* a text must be given */
    const char *also;
};
const struct enquiry_workflow_row *enquiry_workflow_find(enum enquiry_state state, enum enquiry_step step);
unsigned enquiry_workflow_actors(enum enquiry_step step);
MUST_CHECK result enquiry_workflow_allowed(enum enquiry_state state, unsigned actors, struct buffer *to, struct why *why);

/* --- clocks --- */
enum {
    DECISION_MONTHS = 3,      /* from a complete application, Article 68(4) */
    EXTENSION_MONTHS = 3,     /* once, with reasons */
    COMPLETION_DAYS = 28,     /* the applicant's four weeks */
    OPINION_DAYS = 28,        /* the holders' */
    DRAFT_MONTHS = 6,         /* a draft nobody touched lapses */
    APPEAL_DAYS = 21,         /* three weeks, Public Administration Act section 29 */
    RENEWAL_NOTICE_DAYS = 30, /* a renewal is asked a month before the end, Article 68(12) */
};
/* The same day and time of day `months` later, or the month's last day. */
int64_t add_months(int64_t at_ms, unsigned months);

#endif
