/* applications.h - enquiries and applications, up to the decision, and what the public sees of them. */
#ifndef INNSYN_BROKER_APPLICATIONS_APPLICATIONS_H
#define INNSYN_BROKER_APPLICATIONS_APPLICATIONS_H

#include "broker/call/call.h"

/* --- assessment.c --- */
handler_fn application_assessment;
MUST_CHECK result application_assess(struct core *c, const struct application *a, struct json **ret, enum verdict_kind *ret_kind, struct why *why);
/* At a decision: makes a->assessment, keeps it, and says verdict and hash in the entry.  DENIED (deviation_unexplained):
 * a grant that the assessment denies, without a written reason. */
MUST_CHECK result assessment_settle(struct call *c, struct application *a, struct slice deviation, bool grant, struct json *fields, struct why *why);
/* Does the assessment deny by this condition of use of this dataset (their indices in the form and the dictionary)? */
bool assessment_denies(const struct json *assessment, unsigned dataset, unsigned condition);

/* --- applications.c, application_form.c, application_steps.c, letter.c, register.c --- */
struct application {
    struct rows *rows;  /* owned; the slices below are its */
    struct json *body;  /* owned: the filled form */
    struct json *assessment; /* owned: made when it is decided */
    struct document_id id;
    enum application_state state;
    int64_t version, created_ms, changed_ms, received_ms, decided_ms;
    int64_t due_ms, left_ms, opinions_due_ms, answer_due_ms; /* 0: not running */
    bool extended;
    bool rewritten;     /* the body is not what was loaded */
    int64_t fee, fee_agreed; /* estimate, and the highest that the applicant agreed to; -1: none yet */
    int64_t appealed_ms;     /* of the decision at hand; 0: it was not appealed */
    struct slice account, permit, decided_by, reason, outcome, origin, succeeds, ground;
};
void application_done(struct application *a);

/* --- steps.c: what applications and enquiries have in common --- */
enum { CHANGES_MAX = 100 };
struct standing {
    const char *what; /* "application" */
    const char *id, *state;
    int64_t version;
};
/* Rows of (version, at_ms, account, command, state, text). */
struct json *events_json(struct rows *rows, bool with_text);
/* The refusal (409) of a step that was decided on an older version, with what changed since. */
MUST_CHECK result refuse_stale(struct call *c, const struct standing *s, int64_t version, enum statement events, struct why *why);
/* The refusal (409) of a step that is not for this state, with what the caller may do. */
MUST_CHECK result refuse_step(struct call *c, const struct standing *s, const char *step, struct buffer *allowed, struct why *why);
/* The refusal (403) of a step that is never the caller's; may: whose it is. */
MUST_CHECK result refuse_actor(const char *step, unsigned may, struct why *why);

/* --- feasibility.c: from what is published --- */
MUST_CHECK result feasibility(struct core *c, const struct json *datasets, struct json **ret, struct why *why);
/* What the schedule estimates for these datasets. */
MUST_CHECK result fee_of(struct core *c, const struct json *datasets, int64_t *ret, struct why *why);
struct json *fee_json(int64_t estimate);
/* An application's: the estimate (a draft's from the schedule), what was agreed to, what withdrawing now costs. */
MUST_CHECK result fee_of_application(struct core *c, const struct application *a, struct json **ret, struct why *why);
/* From receipt to decision, of the decisions made in [from_ms, to_ms), to a tenth of a day; null: there was none. */
MUST_CHECK result median_days(struct core *c, int64_t from_ms, int64_t to_ms, struct json **ret, struct why *why);

/* --- enquiries.c --- */
/* The enquiry that an application was made of, with its history; null: there is none. */
MUST_CHECK result enquiry_of_application(struct core *c, const char *application, struct json **ret, struct why *why);
handler_fn enquiry_create, enquiry_list, enquiry_get, enquiry_step;

/* --- applications.c --- */
/* ABSENT: there is none. */
MUST_CHECK result application_load(struct core *c, const struct document_id *id, struct application *ret, struct why *why);
/* As application_load of the path's id, if the caller may see it: a draft is for those named in it. */
MUST_CHECK result application_of_call(struct call *c, struct application *ret, struct why *why);
/* Makes an empty draft row for the body, with its parties and members.  origin: "granted", or with
 * `succeeds` "amended", "renewed". */
MUST_CHECK result application_add(struct call *c, const struct json *body, const char *origin, struct slice succeeds,
                                  struct application *ret, struct why *why);
/* Takes a step that the workflow allows: writes version, state and clocks as they stand in *a, the event and
 * the log entry (`fields`, taken over, gets what every step says). */
MUST_CHECK result application_write(struct call *c, struct application *a, enum step step, enum application_state next,
                                    struct slice text, struct json *fields, struct why *why);
/* 201 with id, state and version of one that was made. */
void application_say_made(struct call *c, const struct application *a);
/* Holds the body against its form, the catalogue and the accounts; whole: nothing required may be missing. */
MUST_CHECK result application_check(struct call *c, const struct json *body, const struct application *a, bool whole, struct why *why);
/* Who may see it (parties) and who must accept (members), anew from the body. */
MUST_CHECK result application_parties(struct call *c, const struct json *body, const struct document_id *id, struct slice applicant, struct why *why);
/* The applicant's submission of a draft, or of an application made in the same call. */
MUST_CHECK result application_submit(struct call *c, struct application *a, struct why *why);
MUST_CHECK result applications_lapse(struct core *c, struct why *why); /* drafts nobody touched */
/* Sets `<kind>_commitment` in the entry: a text of the application that the log holds only so (texts.c). */
MUST_CHECK result entry_text(struct core *c, struct json *entry, const struct application *a, const char *account, const char *kind,
                             struct slice text, struct why *why);
MUST_CHECK result permit_draft(struct call *c, const struct application *a, struct document_id *ret, struct why *why);
/* All that GET of an application says; the caller's. */
MUST_CHECK result application_json(struct call *c, const struct application *a, struct json **ret, struct why *why);
enum { LETTER_BYTES_MAX = 64 * 1024 };
/* The decision as a letter in "nb" or "en"; before it, the fee estimate and the right to withdraw. */
MUST_CHECK result letter_write(struct core *c, const struct application *a, const char *language, struct buffer *to, struct why *why);
handler_fn application_create, application_list, application_get, application_step, application_copy, application_letter;
handler_fn application_export;
/* As application_of_call, of another id than the path's. */
MUST_CHECK result application_visible(struct call *c, const struct document_id *id, struct application *ret, struct why *why);
/* May the caller take this step now, on this version?  Each refusal says why. */
MUST_CHECK result application_step_check(struct call *c, const struct application *a, enum step step, int64_t version,
                                         const struct workflow_row **ret, struct why *why);

/* --- attachments.c --- */
handler_fn attachment_add, attachment_get;
MUST_CHECK result attachments_of(struct core *c, const struct application *a, struct json **ret, struct why *why);
MUST_CHECK result attachment_drop(struct call *c, const struct application *a, const struct document_id *id, struct json *fields, struct why *why);
handler_fn register_list, form_list;
handler_fn register_report;
handler_fn permit_amend, permit_renew;

#endif
