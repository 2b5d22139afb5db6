/*
 * assessment.c - the machine's assessment of an application, beside the form when people decide.  A grant against it
 * needs a written reason; assessment and reason are kept with the decision, their hash and commitment are in the log.
 */
#include "broker/accounts/accounts.h"
#include "broker/applications/applications.h"
#include "broker/permits/permits.h"
#include "broker/sites/sites.h"

#include <stdlib.h>

#include "policy/assess.h"
#include "proto/problem.h"

enum { ASSESSMENT_BYTES_MAX = 1024 * 1024 };

/* What an assessment reads of the store; borrowed views point into rows and trees. */
struct gathered {
    struct assess_facts facts;
    struct organisation organisation;
    struct json *organisation_tree;
    struct rows *attested[ASSESS_PEOPLE_MAX];
    unsigned people;
    struct attestation attestations[ASSESS_PEOPLE_MAX * 8];
};

static void gathered_freep(struct gathered **g)
{
    if (!*g)
        return;
    json_free((*g)->organisation_tree);
    for (unsigned i = 0; i < (*g)->people; i++)
        rows_free((*g)->attested[i]);
    free(*g);
}

static result gather_attestations(struct core *c, struct gathered *g, const struct json *people, struct why *why)
{
    g->facts.attestations = g->attestations;
    for (; g->people < json_size(people) && g->people < ASSESS_PEOPLE_MAX; g->people++) {
        struct label account;
        struct slice name = json_text(json_item(people, g->people));
        if (!is_ok(label_parse(name, &account, NULL)))
            continue;
        TRY(RUN(c, ATTESTATIONS_OF, &g->attested[g->people], why, store_text(name), store_integer(ATTESTATIONS_MAX)));
        struct rows *rows = g->attested[g->people];
        while (rows_next(rows) && g->facts.attestation_count < sizeof g->attestations / sizeof g->attestations[0])
            g->attestations[g->facts.attestation_count++] = (struct attestation){account, rows_integer(rows, 0) != 0, rows_text(rows, 1), rows_integer(rows, 3)};
    }
    return DONE;
}

result application_assess(struct core *c, const struct application *a, struct json **ret, enum verdict_kind *ret_kind, struct why *why)
{
    struct gathered *g CLEANUP(gathered_freep) = calloc(1, sizeof *g);
    const struct json *datasets = json_get(a->body, "datasets");
    if (!g)
        return FAIL(why, LIMIT, "no memory for an assessment");
    g->facts.form = a->body;
    g->facts.now_ms = host_now_ms(c->host);
    g->facts.organisation = &g->organisation;
    for (unsigned i = 0; i < json_size(datasets) && i < ASSESS_DATASETS_MAX; i++) {
        struct label dataset;
        struct dataset_entry *e;
        if (is_ok(label_parse(json_text(json_get(json_item(datasets, i), "dataset")), &dataset, NULL)) &&
            is_ok(catalogue_find(c, &dataset, "", &e, NULL)))
            g->facts.dictionaries[i] = e->dictionary;
    }
    TRY(organisation_of(c, a->account, &g->organisation_tree, &g->organisation, why));
    TRY(gather_attestations(c, g, json_get(a->body, "people"), why));
    TRY(rules_current(c, &g->facts.network, why));
    return assess(&g->facts, ret, ret_kind, why);
}

static result text_of(const struct json *assessment, struct buffer *to, struct hash *ret_hash, struct why *why)
{
    buffer_init(to, ASSESSMENT_BYTES_MAX);
    TRY(json_print(assessment, to, why));
    *ret_hash = sha256(buffer_slice(to));
    return DONE;
}

/* GET /v1/applications/{id}/assessment: as things stand, and as they stood when it was decided. */
result application_assessment(struct call *c, struct why *why)
{
    struct application a CLEANUP(application_done) = {0};
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct json *now = NULL, *then = NULL;
    enum verdict_kind kind;
    TRY(application_of_call(c, &a, why));
    TRY(application_assess(c->core, &a, &now, &kind, why));
    json_free(c->answer);
    c->answer = now;
    json_set(now, "application", json_of_str(a.id.text));
    json_set(now, "version", json_of_integer(a.version));
    if (c->core->rules)
        json_set(now, "rules_version", json_of_integer(c->core->rules_version));
    if (a.succeeds.len && (c->who.roles & (ROLE_OFFICER | ROLE_AUDITOR))) { /* an amended or renewed permit begins with new budgets */
        char before[DOCUMENT_ID_LEN + 1] = "";
        struct json *used = NULL;
        (void)slice_copy_str(a.succeeds, before, sizeof before);
        TRY(permit_used(c->core, before, NULL, &used, why));
        json_set(used, "permit", json_of_str(before));
        json_set(now, "used", used);
    }
    TRY(RUN(c->core, ASSESSMENT_GET, &rows, why, store_str(a.id.text)));
    if (!rows_next(rows))
        return DONE;
    if (!is_ok(json_parse(rows_text(rows, 2), ASSESSMENT_BYTES_MAX, &then, why)))
        return FAIL(why, BROKEN, "a stored assessment cannot be read");
    struct json *decided = json_object();
    json_set(decided, "at", json_of_instant(rows_integer(rows, 0)));
    json_set(decided, "account", json_of_text(rows_text(rows, 1)));
    json_set(decided, "assessment", then);
    if (rows_text(rows, 3).len)
        json_set(decided, "deviation", json_of_text(rows_text(rows, 3)));
    json_set(now, "decided", decided);
    return DONE;
}

/* --- at the decision ----------------------------------------------------------------------------- */

/* The first rule that denies, and what it says. */
static const struct json *first_denial(const struct json *assessment, struct slice *ret_rule)
{
    const struct json *rules = json_get(assessment, "rules");
    for (size_t i = 0; i < json_size(rules); i++) {
        const struct json *reasons = json_get(json_item(rules, i), "reasons");
        for (size_t k = 0; k < json_size(reasons); k++)
            if (slice_is(json_text(json_get(json_item(reasons, k), "effect")), "deny")) {
                *ret_rule = json_text(json_get(json_item(rules, i), "rule"));
                return json_item(reasons, k);
            }
    }
    return NULL;
}

static result refuse_unexplained(struct call *c, const struct json *assessment, struct why *why)
{
    char instance[96], text[400];
    struct slice rule = {0};
    const struct json *reason = first_denial(assessment, &rule);
    struct json *params = json_object();
    (void)snprintf(text, sizeof text, "the assessment denies it by its rule '%.*s' (%.*s): %.*s", SLICE_ARG(rule),
                   SLICE_ARG(json_text(json_get(reason, "field"))), SLICE_ARG(slice_part(json_text(json_get(reason, "text")), 0, 240)));
    json_set(params, "rule", json_of_text(rule));
    json_set(params, "assessment", json_share(assessment));
    if (!slice_copy_str(c->request->request_id, instance, sizeof instance))
        instance[0] = 0;
    c->problem = problem_json(problem_find("deviation_unexplained"), "/deviation", text,
                              "refuse it, ask the applicant to change it, or say in `deviation` why it is granted all the same", params, instance);
    return FAIL_CODE(why, DENIED, "deviation_unexplained", "/deviation", "%s", text);
}

result assessment_settle(struct call *c, struct application *a, struct slice deviation, bool grant, struct json *fields, struct why *why)
{
    enum verdict_kind kind;
    struct hash hash;
    struct buffer text CLEANUP(buffer_done) = {0};
    TRY(application_assess(c->core, a, &a->assessment, &kind, why));
    bool deviates = grant && kind == VERDICT_DENY;
    if (deviates && !deviation.len)
        return refuse_unexplained(c, a->assessment, why);
    if (!deviates && deviation.len)
        return FAIL_AT(why, MALFORMED, "/deviation", "the assessment says %s: there is nothing to deviate from", verdict_name(kind));
    TRY(text_of(a->assessment, &text, &hash, why));
    json_set(fields, "assessment", json_of_str(verdict_name(kind)));
    json_set(fields, "assessment_sha256", json_of_hex(slice_of(hash.at, HASH_LEN)));
    if (deviates)
        TRY(entry_text(c->core, fields, a, c->who.account.text, "deviation", deviation, why));
    return RUN(c->core, ASSESSMENT_PUT, NULL, why, store_str(a->id.text), store_integer(c->now_ms), store_str(c->who.account.text),
               store_text(buffer_slice(&text)), store_text(deviation));
}

bool assessment_denies(const struct json *assessment, unsigned dataset, unsigned condition)
{
    char field[64];
    const struct json *rules = json_get(assessment, "rules");
    (void)snprintf(field, sizeof field, "/datasets/%u/use_conditions/%u", dataset, condition);
    for (size_t i = 0; i < json_size(rules); i++) {
        const struct json *reasons = json_get(json_item(rules, i), "reasons");
        for (size_t k = 0; k < json_size(reasons); k++)
            if (slice_is(json_text(json_get(json_item(reasons, k), "effect")), "deny") && slice_is(json_text(json_get(json_item(reasons, k), "field")), field))
                return true;
    }
    return false;
}
