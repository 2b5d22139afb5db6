/*
 * Between the engine's figures and the answer: the difference audit's talk with the engine, the charge, the
 * ledger.  All rules are evaluated, also for what an earlier one refuses: the time taken tells nothing.
 */
#include <stdlib.h>

#include "agents/disclosure/profile.h"
#include "agents/disclosure/zcdp.h"
#include "agents/guard/inside.h"
#include "agents/weakened.h"
#include "base/log.h"

enum { BATCH_BYTES_MAX = CHANNEL_FRAME_BYTES_MAX / 2 };

static struct ledger_ask ask_of(const struct verified *v)
{
    return (struct ledger_ask){v->dataset->dictionary->dataset.text, v->permit->id.text, &v->question->hash, &v->dataset->edition,
                               v->dataset->dictionary};
}

bool decide_is_metered(const struct verified *v)
{
    bool is_off = weakened("all") || weakened("noise") || weakened("set");
    return profile_rules(v->dataset->dictionary->profile) != NULL && !is_off;
}

bool decide_may_ask(const struct guard *g, const struct verified *v, struct refusal *ret)
{
    struct charge variables;
    struct ledger_ask a = ask_of(v);
    charge_variables(v->question, &variables);
    if (v->dataset->dictionary->profile == PROFILE_DP)
        variables.count = 0; /* frozen or locked; the budget is looked at when it is taken */
    switch (v->dataset->dictionary->profile != PROFILE_OPEN ? ledger_may(g->ledger, &a, &variables) : LEDGER_OPEN) {
    case LEDGER_OPEN: return true;
    case LEDGER_FROZEN:
        return refuse(ret, "policy", "permit_frozen", "", "the site's custodian has frozen this permit; ask the custodian");
    case LEDGER_LOCKED:
        return refuse(ret, "policy", "permit_locked", "", "too many of this permit's questions were refused to protect persons; the site's custodian can release it");
    case LEDGER_EXHAUSTED: break;
    }
    return refuse(ret, "policy", "budget_exhausted", "", "the permit's information budget for a variable of this question is used up; what was answered stays free, the custodian can add more");
}

uint64_t decide_rho_units(void)
{
    uint64_t units;
    if (!is_ok(zcdp_units(1, DP_QUERY_RHO_INVERSE, &units, NULL)))
        abort();
    return units;
}

result decide_reserve(struct guard *g, const struct verified *v, bool stored, struct refusal *ret, struct why *why)
{
    struct ledger_ask a = ask_of(v);
    result r = ledger_reserve(g->ledger, &a, decide_rho_units(), stored, why);
    if (r.code == DENIED)
        refuse(ret, "policy", "budget_exhausted", "", "%s", why->text);
    return r;
}

static struct ledger_cohorts answered_before(const struct guard *g, const struct job *j)
{
    return ledger_cohorts(g->ledger, j->v.dataset->dictionary->dataset.text);
}

result decide_compare(struct guard *g, struct job *j, struct why *why)
{
    struct ledger_cohorts before = answered_before(g, j);
    TRY(cohorts_of(j->v.question, &j->answer, &j->about, why));
    return cohorts_compare(&j->about, before.boxes, before.texts, before.count, j->v.dataset->dictionary->event_table, why);
}

/* The name behind each hash: a variable that this edition does not have drops nothing. */
static struct slice variable_name(const struct dictionary *d, const uint64_t *hashes, uint64_t wanted)
{
    for (unsigned v = 0; v < d->variable_count; v++)
        if (hashes[v] == wanted)
            return d->variables[v].name;
    return (struct slice){0};
}

static result batch(struct guard *g, struct job *j, struct difference_plan *p, const uint64_t *hashes, struct why *why)
{
    const struct dictionary *d = j->v.dataset->dictionary;
    const struct audit *audit = &j->about.at[j->auditing].audit;
    struct ledger_cohorts before = answered_before(g, j);
    size_t bytes = 0;
    for (size_t i = j->audited; i < audit->pair_count && p->pair_count < DIFFERENCE_PAIRS_MAX && bytes < BATCH_BYTES_MAX; i++) {
        const struct audit_pair *pair = &audit->pairs[i];
        if (pair->box >= before.count)
            return FAIL(why, BROKEN, "the ledger lost a cohort");
        p->pairs[p->pair_count++] = (struct difference_pair){before.texts[pair->box], variable_name(d, hashes, pair->variable),
                                                                  audited_persons_least(before.boxes[pair->box], pair->variable)};
        bytes += before.texts[pair->box].len + VARIABLE_MAX;
    }
    j->batch = p->pair_count;
    return DONE;
}

static result send_batch(struct guard *g, struct job *j, struct difference_plan *p, uint64_t *hashes, struct why *why)
{
    const struct dictionary *d = j->v.dataset->dictionary;
    struct buffer bytes CLEANUP(buffer_done) = {0};
    buffer_init(&bytes, CHANNEL_FRAME_BYTES_MAX);
    for (unsigned v = 0; v < d->variable_count; v++)
        hashes[v] = audited_variable(d->variables[v].name);
    memcpy(p->dataset, d->dataset.text, sizeof p->dataset);
    p->snapshot = j->v.dataset->snapshot;
    p->left_out = buffer_slice(&g->left_out);
    p->question = buffer_slice(&j->about.at[j->auditing].text);
    TRY(batch(g, j, p, hashes, why));
    TRY(difference_plan_encode(p, &bytes, why));
    g->engine_tag = ++g->next_tag;
    return channel_send(g->engine, ENGINE_DIFFER, g->engine_tag, buffer_slice(&bytes), why);
}

result decide_ask(struct guard *g, struct job *j, bool *ret_asked, struct why *why)
{
    while (j->auditing < j->about.count && j->audited == j->about.at[j->auditing].audit.pair_count) {
        j->auditing++;
        j->audited = 0;
    }
    *ret_asked = j->auditing < j->about.count;
    if (!*ret_asked)
        return DONE;
    struct difference_plan *p = calloc(1, sizeof *p);
    uint64_t *hashes = calloc(j->v.dataset->dictionary->variable_count + 1u, sizeof *hashes);
    result r = p && hashes ? send_batch(g, j, p, hashes, why) : FAIL(why, LIMIT, "no memory for the difference audit");
    free(p);
    free(hashes);
    return r;
}

result decide_take(struct job *j, struct slice payload, struct why *why)
{
    uint64_t differences[DIFFERENCE_PAIRS_MAX];
    TRY(differences_decode(payload, j->batch, differences, why));
    for (unsigned i = 0; i < j->batch; i++)
        j->about.at[j->auditing].audit.pairs[j->audited + i].difference = differences[i];
    j->audited += j->batch;
    j->batch = 0;
    return DONE;
}

result decide_holds(struct guard *g, const struct job *j, bool *ret, struct why *why)
{
    char edition[2 * HASH_LEN + 1];
    hash_print(&j->v.dataset->edition, edition);
    return cohorts_decide(&j->about, g->cellkey, slice_str(edition), answered_before(g, j).texts, ret, why);
}

/* The custodian is told, in log and journal. */
static bool tell(struct guard *g, const struct verified *v, const struct ledger_alarm *alarm)
{
    if (alarm->rang) {
        struct json *fields = json_object();
        json_set(fields, "dataset", json_of_str(v->dataset->dictionary->dataset.text));
        json_set(fields, "variable", json_of_str(alarm->variable));
        log_event(LOG_WARNING, "ledger_alarm", "dataset", v->dataset->dictionary->dataset.text, "variable", alarm->variable, NULL);
        if (!guard_journal(g, "ledger_alarm", fields))
            return false;
    }
    if (alarm->locked) {
        struct json *fields = json_object();
        json_set(fields, "permit", json_of_str(v->permit->id.text));
        log_event(LOG_WARNING, "permit_locked", "permit", v->permit->id.text, NULL);
        return guard_journal(g, "permit_locked", fields);
    }
    return true;
}

/* What the ledger remembers of a count: with noise, in tens, so that no true count is kept. */
static result blur(struct guard *g, const struct ptable *noise, struct slice edition, struct slice cohort, unsigned which, uint64_t *persons,
                   struct why *why)
{
    uint32_t r;
    TRY(cellkey_draw(g->cellkey, "remembered", edition, cohort, which, *persons, &r, why));
    int64_t noised = (int64_t)*persons + ptable_noise(noise, *persons, r);
    *persons = noised > 0 ? (uint64_t)noised / AUDIT_REMEMBERED_STEP * AUDIT_REMEMBERED_STEP : 0;
    return DONE;
}

static result blur_cohorts(struct guard *g, struct cohorts_asked *about, const struct ptable *noise, struct slice edition, struct why *why)
{
    for (unsigned c = 0; c < about->count; c++) {
        struct audited_box *box = about->at[c].box;
        struct slice text = buffer_slice(&about->at[c].text);
        TRY(blur(g, noise, edition, text, BOX_VARIABLES_MAX, &box->persons, why));
        for (unsigned i = 0; i < box->term_count; i++)
            TRY(blur(g, noise, edition, text, i, &box->terms[i].persons, why));
    }
    return DONE;
}

result decide_spend(struct guard *g, struct job *j, bool answered, struct why *why)
{
    const struct profile_rules *rules = profile_rules(j->v.dataset->dictionary->profile);
    char edition[2 * HASH_LEN + 1];
    struct charge c;
    struct ledger_alarm alarm;
    struct ledger_ask a = ask_of(&j->v);
    uint64_t difference = cohorts_least(&j->about);
    charge_variables(j->v.question, &c);
    if (ledger_crosses(g->ledger, &a, &c) && difference > CHARGE_STEP_EDITION)
        difference = CHARGE_STEP_EDITION;
    hash_print(&j->v.dataset->edition, edition);
    TRY(charge_of(j->v.question, &j->answer, g->cellkey, slice_str(edition), rules->noise, difference, &c, why));
    TRY(blur_cohorts(g, &j->about, rules->noise, slice_str(edition), why));
    TRY(ledger_spend(g->ledger, &a, &c, &j->about, answered, &alarm, why));
    return tell(g, &j->v, &alarm) ? DONE : FAIL(why, UNAVAILABLE, "the journal cannot be written");
}

static struct json *rho_budget(const struct guard *g, const struct verified *v)
{
    struct ledger_ask a = ask_of(v);
    struct json *budget = json_object();
    json_set(budget, "rho", json_of_number((double)decide_rho_units() / (double)ZCDP_UNITS_A_RHO));
    json_set(budget, "rho_left", json_of_number((double)ledger_rho_left(g->ledger, a.dataset, a.permit) / (double)ZCDP_UNITS_A_RHO));
    return budget;
}

struct json *decide_budget(const struct guard *g, const struct verified *v)
{
    if (v->dataset->dictionary->profile == PROFILE_DP)
        return rho_budget(g, v);
    struct charge variables;
    const struct variable *least = NULL;
    int64_t left = INT64_MAX;
    struct ledger_ask a = ask_of(v);
    charge_variables(v->question, &variables);
    for (unsigned i = 0; i < variables.count; i++) {
        const struct variable *one = &v->dataset->dictionary->variables[variables.items[i].variable];
        int64_t of_it = ledger_left(g->ledger, a.dataset, a.permit, one);
        if (of_it < left) {
            left = of_it;
            least = one;
        }
    }
    if (!least)
        return NULL; /* a question that names no variable is free */
    struct json *budget = json_object();
    json_set(budget, "variable", json_of_text(least->name));
    json_set(budget, "left", json_of_number((double)left / CHARGE_ONE));
    return budget;
}

/* --- the custodian's acts -------------------------------------------------------------------------- */

static result act(struct guard *g, const char *path, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = NULL;
    struct ledger_act a;
    bool new;
    buffer_init(&text, LEDGER_ENTRY_BYTES_MAX);
    TRY(host_read_file(g->host, path, LEDGER_ENTRY_BYTES_MAX, &text, why));
    TRY(json_parse(buffer_slice(&text), LEDGER_ENTRY_BYTES_MAX, &v, why));
    TRY(ledger_act_read(v, &a, why));
    TRY(ledger_do(g->ledger, &a, &new, why));
    if (new) {
        struct json *fields = json_object();
        json_set(fields, "act", json_of_str(ledger_act_name(a.kind)));
        json_set(fields, "permit", json_of_str(a.permit));
        json_set(fields, "reason", json_of_str(a.reason));
        if (a.kind == ACT_TOP_UP) {
            json_set(fields, "dataset", json_of_str(a.dataset));
            json_set(fields, "variable", json_of_str(a.variable));
            json_set(fields, "micro", json_of_integer(a.micro));
        }
        if (!guard_journal(g, "ledger_act", fields))
            return FAIL(why, UNAVAILABLE, "the journal cannot be written");
        log_event(LOG_NOTICE, "ledger_act", "act", ledger_act_name(a.kind), "permit", a.permit, NULL);
    }
    return host_remove_file(g->host, path, why);
}

void decide_acts(struct guard *g)
{
    char path[AGENT_PATH_SIZE];
    struct why why = {0};
    agent_path(g->settings, "guard/ledger-act.json", path);
    result r = act(g, path, &why);
    if (r.code == ABSENT || is_ok(r))
        return;
    log_failure(LOG_ERROR, "ledger_act_refused", r, &why);
    if (r.code != UNAVAILABLE)
        tolerate(host_remove_file(g->host, path, NULL)); /* it would be refused again every second */
}
