/*
 * ledger.h - L2 and L5 over time: what was told of a dataset, to whom, and how much more may be
 * (disclosure.md 1.5, 1.6).  Amounts are millionths of the ledger's unit (agents/disclosure/charge.h).
 *
 *   <folder>/00000000.jsonl ...   one entry a line, LEDGER_SEGMENT_ENTRIES a file, mode 0600
 *
 * An entry is synced before ledger_spend returns, so what was sent is never more than what is written here.  It
 * holds the charge and, for an answer, the cohort with its counts, noised and in tens (guard/decide.c), and for each
 * summarized variable that some lack the same of those who have it ("valued": its counts in the order of "without").
 * A question is charged once per permit and edition: a crash between charge and answer costs nothing twice.
 * Time in the ledger never goes back, whatever the clock does.
 */
#ifndef INNSYN_AGENTS_GUARD_LEDGER_H
#define INNSYN_AGENTS_GUARD_LEDGER_H

#include "agents/disclosure/charge.h"
#include "agents/disclosure/cohorts.h"
#include "base/host.h"
#include "proto/id.h"

enum {
    LEDGER_REASON_MAX = 200,
    LEDGER_SEGMENT_ENTRIES = 4096,
    LEDGER_ENTRY_BYTES_MAX = 2 * QUESTION_BYTES_MAX,
    LEDGER_FOLDER_MAX = 512,
    LEDGER_COHORTS_MAX = 1000000,
};

struct ledger;

/* The folder must exist.  read_only: for looking; a torn last line is then left as it is.
 * BROKEN: names the file that holds something else. */
MUST_CHECK result ledger_open(const struct host *host, const char *folder, bool read_only, struct ledger **ret, struct why *why);
void ledger_free(struct ledger *l); /* wipes; NULL is welcome */
void ledger_freep(struct ledger **l);

/* Who asks what. */
struct ledger_ask {
    const char *dataset, *permit; /* label, document id */
    const struct hash *question, *edition;
    const struct dictionary *dictionary;
};

enum ledger_stop { LEDGER_OPEN, LEDGER_FROZEN, LEDGER_LOCKED, LEDGER_EXHAUSTED };
/* Before anything is computed: nothing of the data decides here.  charge: the variables (charge_variables). */
enum ledger_stop ledger_may(const struct ledger *l, const struct ledger_ask *a, const struct charge *variables);

/* Was a variable of this question charged to this permit on another edition?  Then the same box may be two sets that differ
 * by one person, who left or came, and the charge is at CHARGE_STEP_EDITION. */
bool ledger_crosses(const struct ledger *l, const struct ledger_ask *a, const struct charge *variables);

/* What is left of a variable under a permit; never negative. */
int64_t ledger_left(const struct ledger *l, const char *dataset, const char *permit, const struct variable *v);
/* The smallest of them over the variables of a charge; LEDGER_CAP for none. */
int64_t ledger_left_least(const struct ledger *l, const struct ledger_ask *a, const struct charge *variables);

struct ledger_alarm {
    bool rang;                     /* a variable's yearly sum passed LEDGER_ALARM with this entry */
    char variable[VARIABLE_MAX + 1];
    bool locked;                   /* this refusal locked the permit */
};
/* Durable on return.  An answer takes the charge and remembers the cohorts it is about (their counts as they stand here); a
 * refusal takes CHARGE_REFUSAL of each variable, or what is left, and counts towards the lock.
 * DENIED: the charge is more than what is left of a variable; that costs CHARGE_REFUSAL, or what is left, once a question.
 * UNAVAILABLE: not synced, nothing was written: do not answer. */
MUST_CHECK result ledger_spend(struct ledger *l, const struct ledger_ask *a, const struct charge *c, const struct cohorts_asked *about,
                               bool answered, struct ledger_alarm *ret, struct why *why);

/* --- profile dp ---  Amounts are units of 2^-40 rho (agents/disclosure/zcdp.h), of a permit for a dataset
 * (DP_PERMIT_RHO_INVERSE) and of a dataset in a year (DP_YEAR_RHO_INVERSE).  Their account has no variable's name. */
#define LEDGER_RHO "(rho)"
/* What a permit may still spend: the smaller of what is left of its own and of the dataset's year. */
uint64_t ledger_rho_left(const struct ledger *l, const char *dataset, const char *permit);
/* Takes the units before anything is computed; durable on return.  A question is taken once per permit and edition.
 * stored: the answer was released before, to another permit: it adds to what this one knows, not to the dataset's year.
 * DENIED: more than is left; nothing was written.  UNAVAILABLE: not synced: do not compute. */
MUST_CHECK result ledger_reserve(struct ledger *l, const struct ledger_ask *a, uint64_t units, bool stored, struct why *why);

/* Cohorts that were answered of a dataset, all permits and editions. Borrowed until the next ledger_spend. */
struct ledger_cohorts {
    struct audited_box *const *boxes;
    const struct slice *texts;
    size_t count;
};
struct ledger_cohorts ledger_cohorts(const struct ledger *l, const char *dataset);

/* --- the custodian --- */
enum ledger_act_kind { ACT_TOP_UP, ACT_FREEZE, ACT_RELEASE, ACT_KINDS };
const char *ledger_act_name(enum ledger_act_kind k);
struct ledger_act {
    enum ledger_act_kind kind;
    char id[33];                       /* so that it is done once */
    char permit[DOCUMENT_ID_LEN + 1];
    char dataset[LABEL_MAX + 1], variable[VARIABLE_MAX + 1]; /* top-up only */
    int64_t micro;                     /* top-up: 1..LEDGER_TOP_UP_MAX */
    char reason[LEDGER_REASON_MAX + 1];
};
/* {"innsyn":"ledger-act/1","id","act","permit","dataset","variable","micro","reason"} */
struct json *ledger_act_json(const struct ledger_act *a);
MUST_CHECK result ledger_act_read(const struct json *v, struct ledger_act *ret, struct why *why);
/* Durable on return.  Release ends a freeze and a lock.  *ret_new: false if this id was done before. */
MUST_CHECK result ledger_do(struct ledger *l, const struct ledger_act *a, bool *ret_new, struct why *why);

/* --- looking --- */
struct ledger_account {
    struct slice dataset, permit, variable; /* permit "*": all of them, this year */
    int64_t spent, extra;
};
/* In the order in which they were opened; false: no more. */
bool ledger_account_at(const struct ledger *l, size_t index, struct ledger_account *ret);
struct ledger_permit_facts {
    const char *permit;
    bool locked, frozen;
    unsigned refusals; /* since the last release, of those within 30 days of the last entry */
};
bool ledger_permit_at(const struct ledger *l, size_t index, struct ledger_permit_facts *ret);
uint64_t ledger_entries(const struct ledger *l);

#endif
