#include "policy/duo.h"

#include <stdio.h>
#include <string.h>

#include "base/instant.h"
#include "policy/purpose.h"
#include "policy/workflow.h"

/* --- the table ---------------------------------------------------------------------------------- */

/* Yes, no, a human looks; or it depends: on whether every disease asked for lies within one of the dataset's; for methods,
 * on whether a disease is named that the dataset's permission covers; on a fact about who asks and until when. */
enum cell { Y, N, R, IF_DISEASE, IF_METHODS_OF_DISEASE, IF_REGION, IF_MONTHS, IF_USERS, IF_PROJECT, IF_INSTITUTION };
static const char *const CELLS[] = {"permit", "deny", "review", "disease", "disease", "region", "months", "users", "project", "institution"};

struct row {
    unsigned number; /* DUO:00000nn */
    enum cell cells[DUO_REQUESTS]; /* disease, health, general, ancestry, methods, control, care; commercial */
};

#define ALL(x) {x, x, x, x, x, x, x, Y}
static const struct row ROWS[] = {
    /* permissions */
    {4, ALL(Y)},                                                /* NRES */
    {42, {Y, Y, Y, Y, Y, Y, R, Y}},                             /* GRU */
    {6, {Y, Y, N, N, Y, Y, R, Y}},                              /* HMB */
    {7, {IF_DISEASE, N, N, N, Y, IF_DISEASE, N, Y}},            /* DS */
    {11, {N, N, N, Y, Y, N, N, Y}},                             /* POA */
    /* modifiers */
    {43, ALL(Y)},                                               /* CC: see decide() for care */
    {12, ALL(R)},                                               /* RS */
    {15, {Y, Y, Y, Y, IF_METHODS_OF_DISEASE, Y, Y, Y}},         /* NMDS */
    {16, ALL(R)},                                               /* GSO */
    {18, {Y, Y, Y, Y, Y, Y, Y, N}},                             /* NPUNCU */
    {45, {Y, Y, Y, Y, Y, Y, Y, N}},                             /* NPU */
    {46, {Y, Y, Y, Y, Y, Y, Y, N}},                             /* NCU */
    {19, ALL(R)},                                               /* PUB */
    {20, ALL(R)},                                               /* COL */
    {21, ALL(R)},                                               /* IRB */
    {22, ALL(IF_REGION)},                                       /* GS */
    {24, ALL(R)},                                               /* MOR */
    {25, ALL(IF_MONTHS)},                                       /* TS */
    {26, ALL(IF_USERS)},                                        /* US */
    {27, ALL(IF_PROJECT)},                                      /* PS */
    {28, ALL(IF_INSTITUTION)},                                  /* IS */
    {29, ALL(R)},                                               /* RTN */
    {44, {Y, Y, Y, N, Y, Y, Y, Y}},                             /* NPOA */
};
enum { ROW_COUNT = sizeof ROWS / sizeof ROWS[0], COMMERCIAL = RESEARCH_KINDS, CODE_DS = 7, CODE_CC = 43 };

static const struct row *row_of(const struct use_code *code)
{
    for (unsigned i = 0; i < ROW_COUNT; i++)
        if (ROWS[i].number == code->number)
            return &ROWS[i];
    return NULL;
}

const char *duo_request_name(unsigned request)
{
    return request == COMMERCIAL ? "commercial" : research_kind_name((enum research_kind)request);
}

const char *duo_cell_name(unsigned request, const struct use_code *code)
{
    const struct row *row = row_of(code);
    return row && request < DUO_REQUESTS ? CELLS[row->cells[request]] : "?";
}

/* --- diseases ----------------------------------------------------------------------------------- */

static const struct duo_edge DISEASES[] = {
    {"MONDO:0004995", "MONDO:0000001"},  /* cardiovascular disorder < disease */
    {"MONDO:0005267", "MONDO:0004995"},  /* heart disorder */
    {"MONDO:0005010", "MONDO:0005267"},  /* coronary artery disorder */
    {"MONDO:0005068", "MONDO:0005010"},  /* myocardial infarction */
    {"MONDO:0004994", "MONDO:0005267"},  /* cardiomyopathy */
    {"MONDO:0005015", "MONDO:0000001"},  /* diabetes mellitus < disease */
    {"MONDO:0005147", "MONDO:0005015"},  /* type 1 diabetes mellitus */
    {"MONDO:0005148", "MONDO:0005015"},  /* type 2 diabetes mellitus */
    {"MONDO:0005070", "MONDO:0000001"},  /* neoplasm < disease */
    {"MONDO:0004992", "MONDO:0005070"},  /* cancer */
    {"MONDO:0007254", "MONDO:0004992"},  /* breast cancer */
    {"ICD10:I00-I99", "MONDO:0004995"},  /* diseases of the circulatory system */
    {"ICD10:I20-I25", "MONDO:0005267"},  /* ischaemic heart diseases */
    {"ICD10:I21-I22", "MONDO:0005068"},  /* myocardial infarction */
    {"ICD10:I42-I43", "MONDO:0004994"},
    {"ICD10:E10-E14", "MONDO:0005015"},
    {"ICD10:E10-E10", "MONDO:0005147"},
    {"ICD10:E11-E11", "MONDO:0005148"},
    {"ICD10:C00-D48", "MONDO:0005070"},
    {"ICD10:C00-C97", "MONDO:0004992"},
    {"ICD10:C50-C50", "MONDO:0007254"},
};
enum { DISEASE_COUNT = sizeof DISEASES / sizeof DISEASES[0], ICD_PREFIX_LEN = 6, ICD_CODE_LEN = 3 };

const struct duo_edge *duo_diseases(unsigned *ret_count)
{
    *ret_count = DISEASE_COUNT;
    return DISEASES;
}

static bool is_icd(struct slice code)
{
    return slice_starts(code, "ICD10:") && code.len >= ICD_PREFIX_LEN + ICD_CODE_LEN;
}

/* "ICD10:I21.4", "ICD10:I21" and "ICD10:I20-I25": the categories from and to. */
static void icd_span(struct slice code, struct slice *ret_from, struct slice *ret_to)
{
    size_t dash = slice_find(code, '-');
    *ret_from = slice_part(code, ICD_PREFIX_LEN, ICD_PREFIX_LEN + ICD_CODE_LEN);
    *ret_to = dash + 1 + ICD_CODE_LEN <= code.len ? slice_part(code, dash + 1, dash + 1 + ICD_CODE_LEN) : *ret_from;
}

static bool icd_within(struct slice code, struct slice ancestor)
{
    struct slice from, to, low, high;
    bool whole = slice_find(ancestor, '.') == ancestor.len; /* I21 holds I21.4; I21.4 holds I21.40 */
    if (!whole)
        return code.len >= ancestor.len && slice_equal(slice_part(code, 0, ancestor.len), ancestor);
    icd_span(code, &from, &to);
    icd_span(ancestor, &low, &high);
    return slice_compare(low, from) <= 0 && slice_compare(to, high) <= 0;
}

static bool is_under(struct slice disease, const char *child)
{
    return slice_is(disease, child) || (is_icd(disease) && is_icd(slice_str(child)) && icd_within(disease, slice_str(child)));
}

static bool disease_known(struct slice disease)
{
    for (unsigned i = 0; i < DISEASE_COUNT; i++)
        if (is_under(disease, DISEASES[i].child) || slice_is(disease, DISEASES[i].parent))
            return true;
    return false;
}

enum known duo_disease_within(struct slice disease, struct slice ancestor)
{
    struct slice seen[DUO_ANCESTORS_MAX] = {disease};
    unsigned count = 1;
    for (unsigned at = 0; at < count; at++) { /* a disease may have several parents; a ring ends at the bound */
        if (slice_equal(seen[at], ancestor) || (is_icd(seen[at]) && is_icd(ancestor) && icd_within(seen[at], ancestor)))
            return KNOWN_YES;
        for (unsigned i = 0; i < DISEASE_COUNT && count < DUO_ANCESTORS_MAX; i++)
            if (is_under(seen[at], DISEASES[i].child))
                seen[count++] = slice_str(DISEASES[i].parent);
    }
    if (is_icd(disease) && is_icd(ancestor))
        return KNOWN_NO;
    return disease_known(disease) && disease_known(ancestor) ? KNOWN_NO : KNOWN_NOT;
}

static enum cell of_known(enum known k)
{
    return k == KNOWN_YES ? Y : k == KNOWN_NO ? N : R;
}

/* Every disease asked for must lie within one of the dataset's.  One that nobody knows is for a human. */
static enum cell diseases_match(const struct research *r, const struct use_condition *c)
{
    enum cell all = r->disease_count ? Y : N;
    for (unsigned i = 0; i < r->disease_count; i++) {
        enum known best = KNOWN_NO;
        for (unsigned k = 0; k < c->value_count && best != KNOWN_YES; k++) {
            enum known one = duo_disease_within(r->diseases[i], c->values[k]);
            best = one == KNOWN_NO ? best : one;
        }
        if (best == KNOWN_NO)
            return N;
        all = best == KNOWN_NOT ? R : all;
    }
    return all;
}

/* --- facts --------------------------------------------------------------------------------------- */

/* The European Union, and with the last three the European Economic Area. */
static const char *const AREA[] = {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE",
                                   "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "IS", "LI", "NO"};
enum { AREA_COUNT = sizeof AREA / sizeof AREA[0], UNION_COUNT = AREA_COUNT - 3 };

static bool in_area(struct slice country, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (slice_is(country, AREA[i]))
            return true;
    return false;
}

bool region_has(const struct slice *regions, unsigned count, struct slice country)
{
    for (unsigned i = 0; i < count; i++)
        if (slice_equal(regions[i], country) || (slice_is(regions[i], "EU") && in_area(country, UNION_COUNT)) ||
            (slice_is(regions[i], "EEA") && in_area(country, AREA_COUNT)))
            return true;
    return false;
}

static bool has_value(const struct use_condition *c, struct slice text)
{
    for (unsigned i = 0; i < c->value_count; i++)
        if (slice_equal(c->values[i], text))
            return true;
    return false;
}

/* In the region a human still looks: where the work is done is not where the organisation is at home. */
static enum cell region(const struct duo_request *r, const struct use_condition *c)
{
    if (!r->organisation->given)
        return R;
    return region_has(c->values, c->value_count, r->organisation->country) ? R : N;
}

static enum cell months(const struct duo_request *r, const struct use_condition *c)
{
    if (!r->from_ms || !r->until_ms)
        return R;
    return r->until_ms <= add_months(r->from_ms, (unsigned)c->months) ? Y : N;
}

static enum cell users(const struct duo_request *r, const struct use_condition *c)
{
    for (unsigned i = 0; i < r->user_count; i++)
        if (!has_value(c, slice_str(r->users[i].text)))
            return N;
    return r->user_count ? Y : R;
}

static enum cell institution(const struct duo_request *r, const struct use_condition *c)
{
    const struct organisation *o = r->organisation;
    if (!o->given)
        return R;
    return has_value(c, slice_str(o->id.text)) || (o->number.len && has_value(c, o->number)) ? Y : N;
}

/* Commercial use, or an organisation that is for profit: to a condition they are one (DUOS). */
static enum known commercial(const struct duo_request *r)
{
    const struct organisation *o = r->organisation;
    if (r->research->commercial == KNOWN_YES || (o->given && o->kind == ORGANISATION_COMPANY))
        return KNOWN_YES;
    return o->given ? r->research->commercial : KNOWN_NOT;
}

/* --- matching ------------------------------------------------------------------------------------ */

static const struct use_condition *permission_of(const struct use_conditions *all)
{
    for (unsigned i = 0; i < all->count; i++)
        if (all->at[i].code->permission)
            return &all->at[i];
    return NULL;
}

/* Would disease research pass the dataset's permission? */
static enum cell disease_passes(const struct duo_request *r, const struct use_conditions *all)
{
    const struct use_condition *p = permission_of(all);
    if (!r->research->disease_count)
        return N;
    if (!p)
        return R;
    enum cell cell = row_of(p->code)->cells[RESEARCH_DISEASE];
    return cell == IF_DISEASE ? diseases_match(r->research, p) : cell;
}

static enum cell decide(unsigned request, const struct duo_request *r, const struct use_condition *c, const struct use_conditions *all)
{
    enum cell cell = row_of(c->code)->cells[request];
    if (request == RESEARCH_CARE && c->code->permission && use_condition_find(all, CODE_CC))
        return Y; /* CC allows care beside whatever the permission allows */
    switch (cell) {
    case Y:
    case N:
    case R: return cell;
    case IF_DISEASE: return diseases_match(r->research, c);
    case IF_METHODS_OF_DISEASE: return disease_passes(r, all);
    case IF_REGION: return region(r, c);
    case IF_MONTHS: return months(r, c);
    case IF_USERS: return users(r, c);
    case IF_PROJECT: return !r->research->project.len ? R : has_value(c, r->research->project) ? Y : N;
    case IF_INSTITUTION: return institution(r, c);
    }
    return R;
}

/* What the signers of a permit have settled: what a machine cannot know, and what they let pass in so many words. */
static bool is_settled(enum cell cell, const struct use_condition *c, const struct use_conditions *accepted)
{
    const struct use_condition *seen = accepted ? use_condition_find(accepted, c->code->number) : NULL;
    return seen && use_condition_equal(seen, c) && (cell == R || seen->deviation);
}

static void say(enum cell cell, unsigned request, const struct use_condition *c, const char *field, struct verdict *v)
{
    static const char *const FACTS[] = {[USE_ARGUMENT_REGIONS] = "the region", [USE_ARGUMENT_INSTITUTIONS] = "the institution", [USE_ARGUMENT_USERS] = "who uses it",
                                        [USE_ARGUMENT_PROJECTS] = "the project", [USE_ARGUMENT_MONTHS] = "the period", [USE_ARGUMENT_DATE] = "publication",
                                        [USE_ARGUMENT_NOTE] = NULL};
    const char *what = FACTS[c->code->argument] ? FACTS[c->code->argument] : "";
    verdict_add(v, cell == N ? VERDICT_DENY : VERDICT_REVIEW, "use_condition", field, c->note.len ? "see the condition's note" : NULL, "%s (%s): %s%s%s",
                c->code->name, c->code->text, *what ? what : duo_request_name(request), *what ? "" : request == COMMERCIAL ? " use" : " research",
                cell == N ? (*what ? " does not fit" : " is not covered") : " must be looked at by a human");
}

static void check_condition(const struct duo_request *r, const struct use_conditions *all, unsigned i, const struct use_conditions *accepted,
                            const char *field, struct verdict *v)
{
    const struct use_condition *c = &all->at[i];
    bool by_fact = row_of(c->code)->cells[0] == row_of(c->code)->cells[1] && row_of(c->code)->cells[0] != Y; /* says the same of every kind */
    for (unsigned k = 0; k < RESEARCH_KINDS; k++) {
        if (!r->research->kinds[k])
            continue;
        enum cell cell = decide(k, r, c, all);
        if (cell != Y && !is_settled(cell, c, accepted)) {
            say(cell, k, c, field, v);
            if (by_fact)
                break;
        }
    }
    enum known profit = commercial(r);
    if (row_of(c->code)->cells[COMMERCIAL] != N || profit == KNOWN_NO)
        return;
    enum cell cell = of_known(profit == KNOWN_YES ? KNOWN_NO : KNOWN_NOT);
    if (!is_settled(cell, c, accepted))
        say(cell, COMMERCIAL, c, field, v);
}

void duo_check(const struct duo_request *r, const struct use_conditions *c, const struct use_conditions *accepted, const char *field,
               struct verdict *v)
{
    char path[96];
    bool settled = accepted != NULL;
    for (unsigned i = 0; i < c->count; i++) {
        (void)snprintf(path, sizeof path, "%.60s/use_conditions/%u", field, i);
        check_condition(r, c, i, accepted, path, v);
        settled = settled && is_settled(R, &c->at[i], accepted);
    }
    if (!c->count || settled)
        return;
    (void)snprintf(path, sizeof path, "%.60s/use_conditions", field);
    if (!permission_of(c))
        verdict_add(v, VERDICT_REVIEW, "use_condition", path, NULL, "the dataset names modifiers and no permission: a human must look");
}

void duo_check_topics(const struct research *r, struct verdict *v)
{
    for (unsigned t = 0; t < RESEARCH_TOPICS; t++)
        if (r->topics[t])
            verdict_add(v, VERDICT_REVIEW, "use_condition", "/research/topics", NULL, "research on '%s' must be looked at by a human", research_topic_name(t));
}
