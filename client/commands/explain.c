/*
 * explain.c - `innsyn policy explain`: would it be allowed, and why, before anybody submits it.  The facts are
 * fetched, the verdict is made here, with the code that broker and agents decide by; nothing is sent.
 */
#include "client/command.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/instant.h"
#include "client/clean_text.h"
#include "client/commands/permit.h"
#include "client/show/permit_words.h"
#include "policy/assess.h"
#include "policy/scope.h"

enum { ATTESTATIONS_SEEN_MAX = 200 };

/* --- showing ------------------------------------------------------------------------------------- */

static result reason_line(const struct json *reason, struct buffer *to, struct why *why)
{
    static const char *const parts[] = {"effect", "field", "text"};
    for (size_t i = 0; i < 3; i++) {
        struct slice text = json_text(json_get(reason, parts[i]));
        TRY(buffer_add_str(to, i ? (text.len ? " " : "") : "    ", why));
        TRY(clean_text(text, to, why));
    }
    struct slice allowed = json_text(json_get(reason, "allowed"));
    if (allowed.len) {
        TRY(buffer_add_str(to, "; allowed: ", why));
        TRY(clean_text(allowed, to, why));
    }
    return buffer_add_byte(to, '\n', why);
}

static result rule_lines(const struct json *rules, struct buffer *to, struct why *why)
{
    for (size_t i = 0; i < json_size(rules); i++) {
        const struct json *rule = json_item(rules, i), *reasons = json_get(rule, "reasons");
        char name[32] = "", verdict[16] = "";
        (void)slice_copy_str(json_text(json_get(rule, "rule")), name, sizeof name);
        (void)slice_copy_str(json_text(json_get(rule, "verdict")), verdict, sizeof verdict);
        TRY(buffer_printf(to, why, "%-16s%s\n", name, verdict));
        for (size_t k = 0; k < json_size(reasons); k++)
            TRY(reason_line(json_item(reasons, k), to, why));
    }
    return DONE;
}

static result lines(const struct json *v, struct buffer *to, struct why *why)
{
    const struct json *reasons = json_get(v, "reasons"), *decided = json_get(v, "decided");
    TRY(buffer_add_str(to, "verdict         ", why));
    TRY(clean_text(json_text(json_get(v, "verdict")), to, why));
    TRY(buffer_add_byte(to, '\n', why));
    TRY(rule_lines(json_get(v, "rules"), to, why));
    for (size_t k = 0; k < json_size(reasons); k++)
        TRY(reason_line(json_item(reasons, k), to, why));
    if (json_get(json_get(v, "used"), "permit")) {
        TRY(buffer_add_str(to, "of the permit before it ", why));
        TRY(clean_text(json_text(json_get(json_get(v, "used"), "permit")), to, why));
        TRY(buffer_add_byte(to, '\n', why));
    }
    TRY(used_words(json_get(v, "used"), to, why));
    if (json_kind(decided) != JSON_OBJECT)
        return DONE;
    TRY(buffer_add_str(to, "when decided    ", why));
    TRY(clean_text(json_text(json_get(json_get(decided, "assessment"), "verdict")), to, why));
    if (json_text(json_get(decided, "deviation")).len) {
        TRY(buffer_add_str(to, "; granted all the same: ", why));
        TRY(clean_text(json_text(json_get(decided, "deviation")), to, why));
    }
    return buffer_add_byte(to, '\n', why);
}

int assessment_show(struct client *c, const struct json *assessment)
{
    struct why why = {0};
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    if (c->json)
        return client_print_json(assessment);
    return lines(assessment, &text, &why).code == OK ? client_print(&text) : client_fail(EXIT_UNREACHABLE, &why);
}

/* EXIT_REFUSED: it would be denied. */
static int explain(struct client *c, const struct json *v)
{
    int code = assessment_show(c, v);
    return code == EXIT_DONE && slice_is(json_text(json_get(v, "verdict")), "deny") ? EXIT_REFUSED : code;
}

/* --- facts ---------------------------------------------------------------------------------------- */

/* A dataset as the sites publish it; *ret NULL: none does. */
static int fetch_dictionary(struct client *c, struct slice dataset, struct dictionary **ret)
{
    struct why why = {0};
    struct label name;
    char path[CALL_PATH_MAX];
    unsigned http = 0;
    struct json *entry CLEANUP(json_freep) = NULL, *tree CLEANUP(json_freep) = NULL;
    *ret = NULL;
    if (label_parse(dataset, &name, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    (void)snprintf(path, sizeof path, "/v1/catalogue/%s", name.text);
    int code = client_call_status(c, &(struct call){.method = "GET", .path = path, .quiet = true}, &entry, &http);
    if (http == 404)
        return EXIT_DONE;
    if (code != EXIT_DONE)
        return client_call(c, &(struct call){.method = "GET", .path = path}, &tree); /* again, to say what failed */
    tree = json_copy(json_get(entry, "dictionary"));
    return dictionary_read(tree, NULL, PROFILE_CK, ret, &why).code == OK ? EXIT_DONE : client_fail(EXIT_UNREACHABLE, &why);
}

/* All that the verdict borrows from. */
struct gathered {
    struct assess_facts facts;
    struct dictionary *dictionaries[ASSESS_DATASETS_MAX];
    struct json *me, *organisations, *policy, *attested;
    struct organisation organisation;
    struct access_rules *rules;
    struct label account;
    struct attestation attestations[ATTESTATIONS_SEEN_MAX];
};

static void gathered_freep(struct gathered **k)
{
    if (!*k)
        return;
    for (unsigned i = 0; i < ASSESS_DATASETS_MAX; i++)
        dictionary_free((*k)->dictionaries[i]);
    json_free((*k)->me);
    json_free((*k)->organisations);
    json_free((*k)->policy);
    json_free((*k)->attested);
    access_rules_free((*k)->rules);
    free(*k);
}

static result read_organisation(struct gathered *k, struct why *why)
{
    const struct json *items = json_get(k->organisations, "items");
    struct slice mine = json_text(json_get(k->me, "organisation"));
    for (size_t i = 0; i < json_size(items); i++)
        if (mine.len && slice_equal(json_text(json_get(json_item(items, i), "id")), mine))
            return organisation_read(json_item(items, i), "/organisation", &k->organisation, why);
    return DONE;
}

static void read_attestations(struct gathered *k)
{
    const struct json *items = json_get(k->attested, "items");
    for (size_t i = 0; i < json_size(items) && k->facts.attestation_count < ATTESTATIONS_SEEN_MAX; i++) {
        const struct json *item = json_item(items, i);
        struct attestation *one = &k->attestations[k->facts.attestation_count++];
        one->account = k->account;
        one->terms = json_text(json_get(item, "terms")).len > 0;
        one->name = json_text(json_get(item, one->terms ? "terms" : "training"));
        if (!instant_parse(json_text(json_get(item, "until")), &one->until_ms))
            one->until_ms = 0;
    }
    k->facts.attestations = k->attestations;
    k->facts.attestations_of = &k->account;
}

static int fetch_rules(struct client *c, struct gathered *k)
{
    struct why why = {0};
    int code = client_call(c, &(struct call){.method = "GET", .path = "/v1/policy"}, &k->policy);
    if (code != EXIT_DONE)
        return code;
    if (access_rules_read(json_get(k->policy, "rules"), "/rules", &k->rules, &why).code != OK)
        return client_fail(EXIT_UNREACHABLE, &why);
    return EXIT_DONE;
}

static int fetch_facts(struct client *c, struct gathered *k, const struct json *form)
{
    struct why why = {0};
    const struct json *datasets = json_get(form, "datasets");
    int code = client_call(c, &(struct call){.method = "GET", .path = "/v1/me"}, &k->me);
    if (code == EXIT_DONE)
        code = client_list(c, "/v1/organisations", &k->organisations);
    if (code == EXIT_DONE)
        code = client_call(c, &(struct call){.method = "GET", .path = "/v1/attestations"}, &k->attested);
    if (code == EXIT_DONE)
        code = fetch_rules(c, k);
    for (unsigned i = 0; code == EXIT_DONE && i < json_size(datasets) && i < ASSESS_DATASETS_MAX; i++) {
        code = fetch_dictionary(c, json_text(json_get(json_item(datasets, i), "dataset")), &k->dictionaries[i]);
        k->facts.dictionaries[i] = k->dictionaries[i];
    }
    if (code != EXIT_DONE)
        return code;
    if (label_parse(json_text(json_get(k->me, "account")), &k->account, &why).code != OK || read_organisation(k, &why).code != OK)
        return client_fail(EXIT_UNREACHABLE, &why);
    read_attestations(k);
    k->facts.form = form;
    k->facts.organisation = &k->organisation;
    k->facts.network = k->rules;
    k->facts.now_ms = host_now_ms(c->host);
    return EXIT_DONE;
}

/* --- explaining ----------------------------------------------------------------------------------- */

static int explain_form(struct client *c, const struct json *form)
{
    struct why why = {0};
    enum verdict_kind kind;
    struct json *assessment CLEANUP(json_freep) = NULL;
    struct gathered *k CLEANUP(gathered_freep) = calloc(1, sizeof *k);
    if (!k)
        return client_usage("no memory");
    int code = fetch_facts(c, k, form);
    if (code != EXIT_DONE)
        return code;
    if (assess(&k->facts, &assessment, &kind, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    code = explain(c, assessment);
    if (json_size(json_get(form, "people")) > 1)
        client_say(c, "Training and terms of the others named are known to the unit only.");
    return code;
}

/* One's own is explained here; of another's the broker's assessment is shown, to whom it is for. */
static int explain_application(struct client *c, const struct document_id *id)
{
    char path[CALL_PATH_MAX];
    struct json *document CLEANUP(json_freep) = NULL, *me CLEANUP(json_freep) = NULL, *assessment CLEANUP(json_freep) = NULL;
    (void)snprintf(path, sizeof path, "/v1/applications/%s", id->text);
    int code = client_call(c, &(struct call){.method = "GET", .path = path}, &document);
    if (code == EXIT_DONE)
        code = client_call(c, &(struct call){.method = "GET", .path = "/v1/me"}, &me);
    if (code != EXIT_DONE)
        return code;
    if (slice_equal(json_text(json_get(document, "account")), json_text(json_get(me, "account"))))
        return explain_form(c, document);
    (void)snprintf(path, sizeof path, "/v1/applications/%s/assessment", id->text);
    code = client_call(c, &(struct call){.method = "GET", .path = path}, &assessment);
    return code == EXIT_DONE ? explain(c, assessment) : code;
}

static enum permit_state state_of(const struct json *document)
{
    struct slice state = json_text(json_get(document, "state"));
    for (unsigned s = PERMIT_LIVE; s <= PERMIT_EXPIRED; s++)
        if (slice_is(state, permit_state_name((enum permit_state)s)))
            return (enum permit_state)s;
    return slice_is(state, "replaced") ? PERMIT_REVOKED : PERMIT_SUSPENDED; /* a draft is not live either */
}

/* Of the permit's questions those about this dataset. */
static uint64_t asked_about(const struct json *used, const char *dataset)
{
    const struct json *list = json_get(used, "datasets");
    for (size_t i = 0; i < json_size(list); i++)
        if (slice_is(json_text(json_get(json_item(list, i), "dataset")), dataset))
            return (uint64_t)json_integer(json_get(json_item(list, i), "questions"));
    return 0;
}

static bool is_asked(const struct question *q, struct slice variable)
{
    int at = dictionary_find(q->dictionary, variable);
    bool asked = !variable.len || (q->by >= 0 && at == q->by); /* rho is the dataset's */
    for (unsigned i = 0; at >= 0 && i < q->box_count; i++)
        asked = asked || q->box[i].variable == (unsigned)at;
    for (unsigned i = 0; at >= 0 && i < q->dimension_count; i++)
        asked = asked || q->dimensions[i].variable == (unsigned)at;
    for (unsigned i = 0; at >= 0 && i < q->variable_count; i++)
        asked = asked || q->variables[i] == (unsigned)at;
    return asked;
}

/* What is left, as told last, of what this question draws on. */
static struct json *used_for(const struct json *used, const struct question *q)
{
    struct json *v = json_object(), *datasets = json_array(), *budgets = json_array();
    const struct json *all = json_get(used, "budgets"), *counts = json_get(used, "datasets");
    const char *dataset = q->dictionary->dataset.text;
    json_set(v, "questions", json_of_integer(json_integer(json_get(used, "questions"))));
    json_set(v, "datasets", datasets);
    json_set(v, "budgets", budgets);
    for (size_t i = 0; i < json_size(counts); i++)
        if (slice_is(json_text(json_get(json_item(counts, i), "dataset")), dataset))
            json_add(datasets, json_copy(json_item(counts, i)));
    for (size_t i = 0; i < json_size(all); i++)
        if (slice_is(json_text(json_get(json_item(all, i), "dataset")), dataset) && is_asked(q, json_text(json_get(json_item(all, i), "variable"))))
            json_add(budgets, json_copy(json_item(all, i)));
    return v;
}

static int judge_question(struct client *c, const struct json *tree, const struct permit *p, enum permit_state state, const struct json *used,
                          struct gathered *k, struct verdict *v, struct json **ret_used)
{
    struct why why = {0};
    struct label dataset;
    struct question *q CLEANUP(question_freep) = NULL;
    if (question_dataset(tree, &dataset, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    int code = fetch_dictionary(c, slice_str(dataset.text), &k->dictionaries[0]);
    if (code != EXIT_DONE)
        return code;
    if (!k->dictionaries[0])
        return client_usage("no site publishes a dataset '%s'", dataset.text);
    if (question_read(tree, k->dictionaries[0], &q, &why).code != OK)
        return client_fail(EXIT_REFUSED, &why);
    const struct permit_dataset *d = permit_find_dataset(p, &dataset);
    struct scope_facts facts = {.permit = p, .state = state, .question = q, .account = &k->account, .now_ms = host_now_ms(c->host),
                                .sites = d ? d->sites : NULL, .site_count = d ? d->site_count : 0, .attested = true,
                                .attestations = k->facts.attestations, .attestation_count = k->facts.attestation_count,
                                .questions = asked_about(used, dataset.text)};
    scope_check(&facts, v);
    scope_check_rules(k->rules, &facts, (uint64_t)json_integer(json_get(used, "questions")), "the network", v);
    *ret_used = used_for(used, q);
    return EXIT_DONE;
}

static int explain_question(struct client *c, const struct arguments *a, const struct json *tree)
{
    struct why why = {0};
    const char *given = arguments_value(a, "permit");
    struct document_id id = c->profile.permit;
    char path[CALL_PATH_MAX];
    struct buffer payload CLEANUP(buffer_done) = {0};
    struct permit *p CLEANUP(permit_freep) = NULL;
    struct json *document CLEANUP(json_freep) = NULL, *shown CLEANUP(json_freep) = NULL;
    struct gathered *k CLEANUP(gathered_freep) = calloc(1, sizeof *k);
    static struct verdict v;
    if (!k)
        return client_usage("no memory");
    if (given && document_id_parse(slice_str(given), 'p', &id, &why).code != OK)
        return client_fail(EXIT_USAGE, &why);
    if (!id.text[0])
        return client_usage("the profile names no permit: give --permit ID (innsyn permit list)");
    (void)snprintf(path, sizeof path, "/v1/permits/%s", id.text);
    int code = permit_fetch(c, &id, &payload, &p);
    if (code == EXIT_DONE)
        code = client_call(c, &(struct call){.method = "GET", .path = path}, &document);
    if (code == EXIT_DONE)
        code = client_call(c, &(struct call){.method = "GET", .path = "/v1/me"}, &k->me);
    if (code == EXIT_DONE)
        code = client_call(c, &(struct call){.method = "GET", .path = "/v1/attestations"}, &k->attested);
    if (code == EXIT_DONE)
        code = fetch_rules(c, k);
    if (code != EXIT_DONE)
        return code;
    if (label_parse(json_text(json_get(k->me, "account")), &k->account, &why).code != OK)
        return client_fail(EXIT_UNREACHABLE, &why);
    read_attestations(k);
    verdict_init(&v);
    struct json *used = NULL;
    code = judge_question(c, tree, p, state_of(document), json_get(document, "used"), k, &v, &used);
    if (code != EXIT_DONE)
        return code;
    shown = verdict_json(&v);
    json_set(shown, "used", used);
    code = explain(c, shown);
    client_say(c, "Each site decides again, by its own rules and what is left of the permit's budget there.");
    return code;
}

int policy_explain(struct client *c, const struct arguments *a)
{
    struct document_id id;
    struct json *tree CLEANUP(json_freep) = NULL;
    if (document_id_parse(slice_str(a->words[0]), 'a', &id, NULL).code == OK)
        return explain_application(c, &id);
    int code = client_read_json(c, a->words[0], &tree);
    if (code != EXIT_DONE)
        return code;
    return slice_is(json_text(json_get(tree, "innsyn")), "question/1") ? explain_question(c, a, tree) : explain_form(c, tree);
}
