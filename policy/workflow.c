#include "policy/workflow.h"

#include <stdio.h>

#include "base/instant.h"

static const char *const ACTORS[ACTOR_COUNT] = {"applicant", "member", "officer", "holder", "time"};
static const char *const STATES[APPLICATION_STATES] = {
    "draft", "submitted", "pre_screening", "processing", "awaiting_information", "decided", "withdrawn", "appealed",
};
static const char *const STEP_NAMES[STEPS] = {
    "edit", "submit", "accept", "decline", "screen", "complete", "ask", "answer", "opinion", "extend", "grant", "refuse", "withdraw",
    "estimate", "agree", "transfer", "appeal", "uphold", "reopen", "detach", "attach", "lapse",
};
static const char *const STAGE_NAMES[STAGES] = {"draft", "live", "suspended", "revoked", "expired", "replaced"};
static const char *const PERMIT_STEP_NAMES[PERMIT_STEPS] = {"sign", "resume", "suspend", "revoke", "amend", "renew", "replace", "expire"};

static const char *const ENQUIRY_STATE_NAMES[ENQUIRY_STATES] = {"open", "answered", "applied", "closed"};
static const char *const ENQUIRY_STEP_NAMES[ENQUIRY_STEPS] = {"answer", "reply", "apply", "close"};

const char *actor_name(unsigned actor)
{
    for (unsigned i = 0; i < ACTOR_COUNT; i++)
        if (actor == 1u << i)
            return ACTORS[i];
    return "?";
}

const char *application_state_name(enum application_state s)
{
    return s < APPLICATION_STATES ? STATES[s] : "?";
}

result application_state_parse(struct slice text, enum application_state *ret, struct why *why)
{
    for (unsigned i = 0; i < APPLICATION_STATES; i++)
        if (slice_is(text, STATES[i])) {
            *ret = (enum application_state)i;
            return DONE;
        }
    return FAIL(why, MALFORMED, "'%.*s' is no state of an application", SLICE_ARG(slice_part(text, 0, 40)));
}

const char *step_name(enum step s)
{
    return s < STEPS ? STEP_NAMES[s] : "?";
}

const char *stage_name(enum permit_stage s)
{
    return s < STAGES ? STAGE_NAMES[s] : "?";
}

const char *permit_step_name(enum permit_step s)
{
    return s < PERMIT_STEPS ? PERMIT_STEP_NAMES[s] : "?";
}

const char *enquiry_state_name(enum enquiry_state s)
{
    return s < ENQUIRY_STATES ? ENQUIRY_STATE_NAMES[s] : "?";
}

result enquiry_state_parse(struct slice text, enum enquiry_state *ret, struct why *why)
{
    for (unsigned i = 0; i < ENQUIRY_STATES; i++)
        if (slice_is(text, ENQUIRY_STATE_NAMES[i])) {
            *ret = (enum enquiry_state)i;
            return DONE;
        }
    return FAIL(why, MALFORMED, "'%.*s' is no state of an enquiry", SLICE_ARG(slice_part(text, 0, 40)));
}

const char *enquiry_step_name(enum enquiry_step s)
{
    return s < ENQUIRY_STEPS ? ENQUIRY_STEP_NAMES[s] : "?";
}

static const struct ground GROUNDS[] = {
    {"incomplete", "Søknaden er ikke fullstendig", "The application is not complete"},
    {"purpose", "Formålet er ikke tillatt", "The purpose is not allowed"},
    {"necessity", "Det bes om mer enn formålet krever", "More is asked for than the purpose needs"},
    {"safeguards", "Tiltakene mot misbruk er ikke gode nok", "The safeguards against misuse are not sufficient"},
    {"legal_basis", "Behandlingsgrunnlag mangler", "There is no legal basis"},
    {"ethics", "Etisk godkjenning mangler", "There is no ethics approval"},
    {"holder", "En dataforvalter har gått imot", "A data holder has denied"},
    {"risk", "Risikoen er for høy (artikkel 68(2))", "The risk is too high (Article 68(2))"},
    {"other", "Annet", "Other"},
};

const struct ground *ground_at(unsigned index)
{
    return index < sizeof GROUNDS / sizeof GROUNDS[0] ? &GROUNDS[index] : NULL;
}

const struct ground *ground_find(struct slice code)
{
    for (unsigned i = 0; ground_at(i); i++)
        if (slice_is(code, GROUNDS[i].code))
            return &GROUNDS[i];
    return NULL;
}

#define ALL_ACCEPTED "everyone named has accepted; the applicant has agreed to the fee estimate; each site's holder has spoken for it, or the holders' deadline passed; none denied"
#define TO_MEMBER "to a member who has accepted"
#define NOT_THE_SAME "did not make the decision; " NO_PART
#define NO_PART "takes no part in the application"
#define APPLIES "is a researcher's account with a key; makes a draft application"

/* clang-format off */
static const struct workflow_row ROWS[] = {
    {APPLICATION_DRAFT,         STEP_EDIT,     ACTOR_APPLICANT, APPLICATION_DRAFT,         EFFECT_FORM, NULL},
    {APPLICATION_DRAFT,         STEP_SUBMIT,   ACTOR_APPLICANT, APPLICATION_SUBMITTED,     EFFECT_RECEIVE, "the form is whole"},
    {APPLICATION_DRAFT,         STEP_ACCEPT,   ACTOR_MEMBER,    APPLICATION_DRAFT,         EFFECT_MEMBERSHIP, NULL},
    {APPLICATION_DRAFT,         STEP_DECLINE,  ACTOR_MEMBER,    APPLICATION_DRAFT,         EFFECT_MEMBERSHIP, NULL},
    {APPLICATION_DRAFT,         STEP_WITHDRAW, ACTOR_APPLICANT, APPLICATION_WITHDRAWN,     0, NULL},
    {APPLICATION_DRAFT,         STEP_TRANSFER, ACTOR_APPLICANT, APPLICATION_DRAFT, EFFECT_TRANSFER | EFFECT_TEXT, TO_MEMBER},
    {APPLICATION_DRAFT,         STEP_ATTACH,   ACTORS_ASKING,   APPLICATION_DRAFT,                 EFFECT_ATTACHMENT, "a type and size that the form takes; at most 20"},
    {APPLICATION_DRAFT,         STEP_DETACH,   ACTORS_ASKING,   APPLICATION_DRAFT,                 EFFECT_ATTACHMENT, NULL},
    {APPLICATION_DRAFT,         STEP_LAPSE,    ACTOR_TIME,      APPLICATION_WITHDRAWN,     0, "untouched for six months"},

    {APPLICATION_SUBMITTED,     STEP_ACCEPT,   ACTOR_MEMBER,    APPLICATION_SUBMITTED,     EFFECT_MEMBERSHIP, NULL},
    {APPLICATION_SUBMITTED,     STEP_DECLINE,  ACTOR_MEMBER,    APPLICATION_SUBMITTED,     EFFECT_MEMBERSHIP, NULL},
    {APPLICATION_SUBMITTED,     STEP_SCREEN,   ACTOR_OFFICER,   APPLICATION_PRE_SCREENING, 0, NO_PART},
    {APPLICATION_SUBMITTED,     STEP_WITHDRAW, ACTOR_APPLICANT, APPLICATION_WITHDRAWN,     0, NULL},
    {APPLICATION_SUBMITTED,     STEP_TRANSFER, ACTOR_APPLICANT | ACTOR_OFFICER, APPLICATION_SUBMITTED, EFFECT_TRANSFER | EFFECT_TEXT, TO_MEMBER},

    {APPLICATION_PRE_SCREENING, STEP_ACCEPT,   ACTOR_MEMBER,    APPLICATION_PRE_SCREENING, EFFECT_MEMBERSHIP, NULL},
    {APPLICATION_PRE_SCREENING, STEP_DECLINE,  ACTOR_MEMBER,    APPLICATION_PRE_SCREENING, EFFECT_MEMBERSHIP, NULL},
    {APPLICATION_PRE_SCREENING, STEP_COMPLETE, ACTOR_OFFICER,   APPLICATION_PROCESSING,    EFFECT_START_CLOCK, NO_PART},
    {APPLICATION_PRE_SCREENING, STEP_ASK,      ACTOR_OFFICER,   APPLICATION_AWAITING,      EFFECT_STOP_CLOCK | EFFECT_TEXT, NO_PART},
    {APPLICATION_PRE_SCREENING, STEP_REFUSE,   ACTOR_OFFICER,   APPLICATION_DECIDED,       EFFECT_DECIDE | EFFECT_TEXT, NO_PART},
    {APPLICATION_PRE_SCREENING, STEP_WITHDRAW, ACTOR_APPLICANT, APPLICATION_WITHDRAWN,     0, NULL},
    {APPLICATION_PRE_SCREENING, STEP_ESTIMATE, ACTOR_OFFICER,   APPLICATION_PRE_SCREENING, EFFECT_ESTIMATE | EFFECT_TEXT, NO_PART},
    {APPLICATION_PRE_SCREENING, STEP_AGREE,    ACTOR_APPLICANT, APPLICATION_PRE_SCREENING, EFFECT_ESTIMATE, "the estimate is higher than what was agreed to"},
    {APPLICATION_PRE_SCREENING, STEP_TRANSFER, ACTOR_APPLICANT | ACTOR_OFFICER, APPLICATION_PRE_SCREENING, EFFECT_TRANSFER | EFFECT_TEXT, TO_MEMBER},

    {APPLICATION_PROCESSING,    STEP_ACCEPT,   ACTOR_MEMBER,    APPLICATION_PROCESSING,    EFFECT_MEMBERSHIP, NULL},
    {APPLICATION_PROCESSING,    STEP_DECLINE,  ACTOR_MEMBER,    APPLICATION_PROCESSING,    EFFECT_MEMBERSHIP, NULL},
    {APPLICATION_PROCESSING,    STEP_ASK,      ACTOR_OFFICER,   APPLICATION_AWAITING,      EFFECT_STOP_CLOCK | EFFECT_TEXT, NO_PART},
    {APPLICATION_PROCESSING,    STEP_OPINION,  ACTOR_HOLDER,    APPLICATION_PROCESSING,    EFFECT_OPINION, "speaks for the site; within the holders' deadline; " NO_PART},
    {APPLICATION_PROCESSING,    STEP_EXTEND,   ACTOR_OFFICER,   APPLICATION_PROCESSING,    EFFECT_EXTEND | EFFECT_TEXT, "once; " NO_PART},
    {APPLICATION_PROCESSING,    STEP_GRANT,    ACTOR_OFFICER,   APPLICATION_DECIDED,       EFFECT_DECIDE | EFFECT_TEXT, ALL_ACCEPTED "; " NO_PART ", nor gave an opinion on it"},
    {APPLICATION_PROCESSING,    STEP_REFUSE,   ACTOR_OFFICER,   APPLICATION_DECIDED,       EFFECT_DECIDE | EFFECT_TEXT, NO_PART ", nor gave an opinion on it"},
    {APPLICATION_PROCESSING,    STEP_WITHDRAW, ACTOR_APPLICANT, APPLICATION_WITHDRAWN,     0, NULL},
    {APPLICATION_PROCESSING,    STEP_ESTIMATE, ACTOR_OFFICER,   APPLICATION_PROCESSING,    EFFECT_ESTIMATE | EFFECT_TEXT, NO_PART},
    {APPLICATION_PROCESSING,    STEP_AGREE,    ACTOR_APPLICANT, APPLICATION_PROCESSING,    EFFECT_ESTIMATE, "the estimate is higher than what was agreed to"},
    {APPLICATION_PROCESSING,    STEP_TRANSFER, ACTOR_APPLICANT | ACTOR_OFFICER, APPLICATION_PROCESSING, EFFECT_TRANSFER | EFFECT_TEXT, TO_MEMBER},

    {APPLICATION_AWAITING,      STEP_ACCEPT,   ACTOR_MEMBER,    APPLICATION_AWAITING,      EFFECT_MEMBERSHIP, NULL},
    {APPLICATION_AWAITING,      STEP_DECLINE,  ACTOR_MEMBER,    APPLICATION_AWAITING,      EFFECT_MEMBERSHIP, NULL},
    {APPLICATION_AWAITING,      STEP_ANSWER,   ACTOR_APPLICANT, APPLICATION_PRE_SCREENING, EFFECT_FORM | EFFECT_TEXT, "the form stays whole"},
    {APPLICATION_AWAITING,      STEP_REFUSE,   ACTOR_OFFICER,   APPLICATION_DECIDED,       EFFECT_DECIDE | EFFECT_TEXT, "the applicant's four weeks have passed; " NO_PART},
    {APPLICATION_AWAITING,      STEP_WITHDRAW, ACTOR_APPLICANT, APPLICATION_WITHDRAWN,     0, NULL},
    {APPLICATION_AWAITING,      STEP_ATTACH,   ACTORS_ASKING,   APPLICATION_AWAITING,              EFFECT_ATTACHMENT, "a type and size that the form takes; at most 20"},
    {APPLICATION_AWAITING,      STEP_DETACH,   ACTORS_ASKING,   APPLICATION_AWAITING,              EFFECT_ATTACHMENT, NULL},
    {APPLICATION_AWAITING,      STEP_AGREE,    ACTOR_APPLICANT, APPLICATION_AWAITING,      EFFECT_ESTIMATE, "the estimate is higher than what was agreed to"},
    {APPLICATION_AWAITING,      STEP_TRANSFER, ACTOR_APPLICANT | ACTOR_OFFICER, APPLICATION_AWAITING, EFFECT_TRANSFER | EFFECT_TEXT, TO_MEMBER},

    {APPLICATION_DECIDED,       STEP_APPEAL,   ACTOR_APPLICANT, APPLICATION_APPEALED,      EFFECT_APPEAL | EFFECT_TEXT, "it was refused; within three weeks; once"},
    {APPLICATION_APPEALED,      STEP_ATTACH,   ACTORS_ASKING,   APPLICATION_APPEALED,              EFFECT_ATTACHMENT, "a type and size that the form takes; at most 20"},
    {APPLICATION_APPEALED,      STEP_UPHOLD,   ACTOR_OFFICER,   APPLICATION_DECIDED,       EFFECT_JUDGE | EFFECT_TEXT, NOT_THE_SAME},
    {APPLICATION_APPEALED,      STEP_REOPEN,   ACTOR_OFFICER,   APPLICATION_PROCESSING,    EFFECT_JUDGE | EFFECT_START_CLOCK | EFFECT_TEXT, NOT_THE_SAME},
    {APPLICATION_APPEALED,      STEP_WITHDRAW, ACTOR_APPLICANT, APPLICATION_DECIDED,       0, "takes the appeal back"},
};

static const struct permit_workflow_row PERMIT_ROWS[] = {
    {STAGE_DRAFT,     PERMIT_SIGN,    ACTORS_DECIDING, STAGE_LIVE,      "with the last signature needed: two officers' and one of each site's holders'; nobody signs for what he or she takes part in"},
    {STAGE_LIVE,      PERMIT_SUSPEND, ACTOR_OFFICER,   STAGE_SUSPENDED, NO_PART},
    {STAGE_LIVE,      PERMIT_REVOKE,  ACTOR_OFFICER,   STAGE_REVOKED,   NO_PART},
    {STAGE_LIVE,      PERMIT_AMEND,   ACTORS_ASKING,   STAGE_LIVE,      "makes a draft application; a member becomes its applicant"},
    {STAGE_LIVE,      PERMIT_RENEW,   ACTORS_ASKING,   STAGE_LIVE,      "once in all; a month before the end at the latest; makes a draft application"},
    {STAGE_LIVE,      PERMIT_REPLACE, ACTOR_TIME,      STAGE_REPLACED,  "when the amended permit has its last signature"},
    {STAGE_LIVE,      PERMIT_EXPIRE,  ACTOR_TIME,      STAGE_EXPIRED,   "at its end"},
    {STAGE_SUSPENDED, PERMIT_RESUME,  ACTOR_OFFICER,   STAGE_LIVE,      NO_PART},
    {STAGE_SUSPENDED, PERMIT_REVOKE,  ACTOR_OFFICER,   STAGE_REVOKED,   NO_PART},
    {STAGE_SUSPENDED, PERMIT_EXPIRE,  ACTOR_TIME,      STAGE_EXPIRED,   "at its end"},
};

static const struct enquiry_workflow_row ENQUIRY_ROWS[] = {
    {ENQUIRY_OPEN,     ENQUIRY_ANSWER, ACTOR_OFFICER,                   ENQUIRY_ANSWERED, true,  "did not ask it"},
    {ENQUIRY_OPEN,     ENQUIRY_REPLY,  ACTOR_APPLICANT,                 ENQUIRY_OPEN,     true,  NULL},
    {ENQUIRY_OPEN,     ENQUIRY_APPLY,  ACTOR_APPLICANT,                 ENQUIRY_APPLIED,  false, APPLIES},
    {ENQUIRY_OPEN,     ENQUIRY_CLOSE,  ACTOR_APPLICANT | ACTOR_OFFICER, ENQUIRY_CLOSED,   false, NULL},
    {ENQUIRY_ANSWERED, ENQUIRY_ANSWER, ACTOR_OFFICER,                   ENQUIRY_ANSWERED, true,  "did not ask it"},
    {ENQUIRY_ANSWERED, ENQUIRY_REPLY,  ACTOR_APPLICANT,                 ENQUIRY_OPEN,     true,  NULL},
    {ENQUIRY_ANSWERED, ENQUIRY_APPLY,  ACTOR_APPLICANT,                 ENQUIRY_APPLIED,  false, APPLIES},
    {ENQUIRY_ANSWERED, ENQUIRY_CLOSE,  ACTOR_APPLICANT | ACTOR_OFFICER, ENQUIRY_CLOSED,   false, NULL},
};
/* clang-format on */
enum { ROW_COUNT = sizeof ROWS / sizeof ROWS[0], PERMIT_ROW_COUNT = sizeof PERMIT_ROWS / sizeof PERMIT_ROWS[0],
       ENQUIRY_ROW_COUNT = sizeof ENQUIRY_ROWS / sizeof ENQUIRY_ROWS[0] };

const struct workflow_row *workflow_find(enum application_state state, enum step step)
{
    for (unsigned i = 0; i < ROW_COUNT; i++)
        if (ROWS[i].state == state && ROWS[i].step == step)
            return &ROWS[i];
    return NULL;
}

unsigned workflow_actors(enum step step)
{
    unsigned actors = 0;
    for (unsigned i = 0; i < ROW_COUNT; i++)
        if (ROWS[i].step == step)
            actors |= ROWS[i].actors;
    return actors;
}

static result add_word(struct buffer *to, const char *word, bool *any, struct why *why)
{
    TRY(buffer_printf(to, why, "%s%s", *any ? ", " : "", word));
    *any = true;
    return DONE;
}

result workflow_allowed(enum application_state state, unsigned actors, struct buffer *to, struct why *why)
{
    bool any = false;
    for (unsigned i = 0; i < ROW_COUNT; i++)
        if (ROWS[i].state == state && ROWS[i].actors & actors)
            TRY(add_word(to, STEP_NAMES[ROWS[i].step], &any, why));
    return DONE;
}

const struct permit_workflow_row *permit_workflow_find(enum permit_stage stage, enum permit_step step)
{
    for (unsigned i = 0; i < PERMIT_ROW_COUNT; i++)
        if (PERMIT_ROWS[i].stage == stage && PERMIT_ROWS[i].step == step)
            return &PERMIT_ROWS[i];
    return NULL;
}

result permit_workflow_allowed(enum permit_stage stage, unsigned actors, struct buffer *to, struct why *why)
{
    bool any = false;
    for (unsigned i = 0; i < PERMIT_ROW_COUNT; i++)
        if (PERMIT_ROWS[i].stage == stage && PERMIT_ROWS[i].actors & actors)
            TRY(add_word(to, PERMIT_STEP_NAMES[PERMIT_ROWS[i].step], &any, why));
    return DONE;
}

const struct enquiry_workflow_row *enquiry_workflow_find(enum enquiry_state state, enum enquiry_step step)
{
    for (unsigned i = 0; i < ENQUIRY_ROW_COUNT; i++)
        if (ENQUIRY_ROWS[i].state == state && ENQUIRY_ROWS[i].step == step)
            return &ENQUIRY_ROWS[i];
    return NULL;
}

unsigned enquiry_workflow_actors(enum enquiry_step step)
{
    unsigned actors = 0;
    for (unsigned i = 0; i < ENQUIRY_ROW_COUNT; i++)
        if (ENQUIRY_ROWS[i].step == step)
            actors |= ENQUIRY_ROWS[i].actors;
    return actors;
}

result enquiry_workflow_allowed(enum enquiry_state state, unsigned actors, struct buffer *to, struct why *why)
{
    bool any = false;
    for (unsigned i = 0; i < ENQUIRY_ROW_COUNT; i++)
        if (ENQUIRY_ROWS[i].state == state && ENQUIRY_ROWS[i].actors & actors)
            TRY(add_word(to, ENQUIRY_STEP_NAMES[ENQUIRY_ROWS[i].step], &any, why));
    return DONE;
}

int64_t add_months(int64_t at_ms, unsigned months)
{
    char text[DATE_TEXT_SIZE];
    int32_t day = (int32_t)(at_ms / DAY_MS);
    unsigned year, month, of_month;
    date_print(day, text);
    if (sscanf(text, "%4u-%2u-%2u", &year, &month, &of_month) != 3)
        return at_ms; /* date_print writes nothing else */
    month += months;
    year += (month - 1) / 12;
    month = (month - 1) % 12 + 1;
    for (; of_month > 27; of_month--) { /* the 31st of a month that has none: its last day */
        (void)snprintf(text, sizeof text, "%04u-%02u-%02u", year % 10000, month % 100, of_month % 100);
        if (date_parse(slice_str(text), &day))
            return day * DAY_MS + at_ms % DAY_MS;
    }
    (void)snprintf(text, sizeof text, "%04u-%02u-%02u", year % 10000, month % 100, of_month % 100);
    return date_parse(slice_str(text), &day) ? day * DAY_MS + at_ms % DAY_MS : at_ms;
}
