#include "policy/site_rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy/purpose.h"
#include "proto/document.h"
#include "proto/fields.h"

enum { PURPOSES_MAX = 16, ORGANISATION_KINDS_MAX = 3 };

/* What can be said of the whole site, and of one dataset. */
struct part {
    struct label dataset; /* "": the whole site */
    bool has_statistics, statistics[STATISTIC_KINDS];
    const struct purpose *purposes[PURPOSES_MAX];
    bool has_purposes;
    unsigned purpose_count;
    bool has_kinds, kinds[ORGANISATION_KINDS_MAX];
    const struct json *variables, *denied; /* of the tree; NULL: no rule */
    uint64_t max_cells;                    /* 0: no rule */
    bool ask, has_optouts, at_grant;
    int64_t release_hours; /* 0: not said */
};

struct site_rules {
    struct json *tree; /* held; NULL: no rules */
    uint64_t version;
    struct label network;
    struct site_id site;
    struct part whole;
    struct part *parts;
    bool all_paused;
    struct label *paused, *accounts;
    struct document_id *permits;
    unsigned part_count, paused_count, account_count, permit_count;
};

/* --- reading ------------------------------------------------------------------------------------- */

static result read_statistics(struct fields *f, struct part *p)
{
    const struct json *list = NULL;
    TRY(may_array(f, "statistics", STATISTIC_KINDS, &list));
    p->has_statistics = list != NULL;
    for (size_t i = 0; list && i < json_size(list); i++) {
        unsigned kind = 0;
        while (kind < STATISTIC_KINDS && !slice_is(json_text(json_item(list, i)), statistic_name((enum statistic)kind)))
            kind++;
        if (kind == STATISTIC_KINDS) {
            char path[JSON_PATH_MAX];
            path_of_item(f, "statistics", i, path);
            return FAIL_AT(f->why, MALFORMED, path, "must be one of count, table, summary, histogram");
        }
        p->statistics[kind] = true;
    }
    return DONE;
}

static result read_purposes(struct fields *f, struct part *p)
{
    const struct json *list = NULL;
    TRY(may_array(f, "purposes", PURPOSES_MAX, &list));
    p->has_purposes = list != NULL;
    for (size_t i = 0; list && i < json_size(list); i++) {
        const struct purpose *one = purpose_find(json_text(json_item(list, i)));
        if (!one) {
            char path[JSON_PATH_MAX];
            path_of_item(f, "purposes", i, path);
            return FAIL_AT(f->why, MALFORMED, path, "must be a purpose such as 53.1.e");
        }
        p->purposes[p->purpose_count++] = one;
    }
    return DONE;
}

static result read_kinds(struct fields *f, struct part *p)
{
    const struct json *list = NULL;
    TRY(may_array(f, "organisations", ORGANISATION_KINDS_MAX, &list));
    p->has_kinds = list != NULL;
    for (size_t i = 0; list && i < json_size(list); i++) {
        enum organisation_kind kind = ORGANISATION_PUBLIC;
        char path[JSON_PATH_MAX];
        path_of_item(f, "organisations", i, path);
        TRY(fail_there(organisation_kind_parse(json_text(json_item(list, i)), &kind, f->why), f->why, path));
        p->kinds[kind] = true;
    }
    return DONE;
}

static result read_names(struct fields *f, const char *key, const struct json **ret)
{
    TRY(may_array(f, key, VARIABLES_MAX, ret));
    for (size_t i = 0; *ret && i < json_size(*ret); i++)
        if (!variable_name_valid(json_text(json_item(*ret, i)))) {
            char path[JSON_PATH_MAX];
            path_of_item(f, key, i, path);
            return FAIL_AT(f->why, MALFORMED, path, "must be a variable's name");
        }
    return DONE;
}

static result read_part(struct fields *f, bool of_dataset, struct part *p)
{
    static const char *const RELEASES[] = {"auto", "ask", NULL}, *const OPTOUTS[] = {"current", "at_grant", NULL};
    const struct json *optouts = NULL;
    int64_t max_cells = 0;
    unsigned release = 0, which = 0;
    TRY(read_statistics(f, p));
    TRY(read_purposes(f, p));
    TRY(read_kinds(f, p));
    if (of_dataset)
        TRY(read_names(f, "variables", &p->variables));
    TRY(read_names(f, "variables_denied", &p->denied));
    TRY(may_integer(f, "max_cells", 1, TABLE_CELLS_OPEN_MAX, &max_cells));
    TRY(may_choice(f, "release", RELEASES, &release));
    TRY(may_integer(f, "release_hours", 1, RELEASE_HOURS_MAX, &p->release_hours));
    optouts = json_get(f->object, "optouts");
    TRY(may_choice(f, "optouts", OPTOUTS, &which));
    p->max_cells = (uint64_t)max_cells;
    p->ask = release == 1;
    p->has_optouts = optouts != NULL;
    p->at_grant = which == 1;
    return DONE;
}

static result read_datasets(struct fields *f, struct site_rules *r)
{
    const struct json *datasets = NULL, *one;
    struct slice name;
    TRY(may_object(f, "datasets", &datasets));
    if (!datasets)
        return DONE;
    if (json_size(datasets) > SITE_RULES_DATASETS_MAX)
        return FAIL_AT(f->why, MALFORMED, "/datasets", "at most %d datasets", SITE_RULES_DATASETS_MAX);
    r->parts = calloc(json_size(datasets) + 1, sizeof *r->parts);
    if (!r->parts)
        return FAIL(f->why, LIMIT, "no memory for the site's rules");
    for (size_t i = 0; json_next(datasets, &i, &name, &one); r->part_count++) {
        char path[JSON_PATH_MAX];
        struct fields o;
        struct part *p = &r->parts[r->part_count];
        snprintf(path, sizeof path, "/datasets/%.*s", SLICE_ARG(slice_part(name, 0, LABEL_MAX)));
        TRY(fail_there(label_parse(name, &p->dataset, f->why), f->why, "/datasets"));
        TRY(fields_open(one, path, &o, f->why));
        TRY(read_part(&o, true, p));
        TRY(fields_close(&o));
    }
    return DONE;
}

/* An array of labels; all: may be ["*"], NULL where it may not. */
static result read_labels(struct fields *f, const char *key, struct label **ret, unsigned *ret_count, bool *all)
{
    const struct json *list = NULL;
    TRY(may_array(f, key, SITE_RULES_LIST_MAX, &list));
    size_t count = list ? json_size(list) : 0;
    if (all && count == 1 && slice_is(json_text(json_item(list, 0)), "*")) {
        *all = true;
        return DONE;
    }
    *ret = calloc(count + 1, sizeof **ret);
    if (!*ret)
        return FAIL(f->why, LIMIT, "no memory for the site's rules");
    for (; *ret_count < count; (*ret_count)++) {
        char path[JSON_PATH_MAX];
        path_of_item(f, key, *ret_count, path);
        TRY(fail_there(label_parse(json_text(json_item(list, *ret_count)), &(*ret)[*ret_count], f->why), f->why, path));
    }
    return DONE;
}

static result read_permits(struct fields *f, struct site_rules *r)
{
    const struct json *list = NULL;
    TRY(may_array(f, "blocked_permits", SITE_RULES_LIST_MAX, &list));
    size_t count = list ? json_size(list) : 0;
    r->permits = calloc(count + 1, sizeof *r->permits);
    if (!r->permits)
        return FAIL(f->why, LIMIT, "no memory for the site's rules");
    for (; r->permit_count < count; r->permit_count++) {
        char path[JSON_PATH_MAX];
        path_of_item(f, "blocked_permits", r->permit_count, path);
        TRY(fail_there(document_id_parse(json_text(json_item(list, r->permit_count)), 'p', &r->permits[r->permit_count], f->why), f->why, path));
    }
    return DONE;
}

result site_rules_read(struct json *v, struct site_rules **ret, struct why *why)
{
    struct fields f;
    int64_t version = 0, issued_ms;
    struct site_rules *r CLEANUP(site_rules_freep) = calloc(1, sizeof *r);
    if (!r)
        return FAIL(why, LIMIT, "no memory for the site's rules");
    if (v) {
        r->tree = json_hold(v);
        TRY(fields_open(v, "", &f, why));
        TRY(need_kind(&f, "site-rules/1"));
        TRY(need_label(&f, "network", &r->network));
        TRY(need_site_id(&f, "site", &r->site));
        TRY(need_integer(&f, "version", 1, INT64_C(1) << 53, &version));
        TRY(need_instant(&f, "issued", &issued_ms));
        TRY(read_part(&f, false, &r->whole));
        TRY(read_datasets(&f, r));
        TRY(read_labels(&f, "paused", &r->paused, &r->paused_count, &r->all_paused));
        TRY(read_labels(&f, "blocked_accounts", &r->accounts, &r->account_count, NULL));
        TRY(read_permits(&f, r));
        TRY(fields_close(&f));
        r->version = (uint64_t)version;
    }
    *ret = MOVE(r);
    return DONE;
}

void site_rules_free(struct site_rules *r)
{
    if (!r)
        return;
    json_free(r->tree);
    free(r->parts);
    free(r->paused);
    free(r->accounts);
    free(r->permits);
    free(r);
}

void site_rules_freep(struct site_rules **r)
{
    site_rules_free(*r);
    *r = NULL;
}

/* --- the signed document ------------------------------------------------------------------------- */

static bool signed_by_holder(const struct envelope *e, const struct trust *t, const struct site_id *site)
{
    for (unsigned i = 0; i < t->holder_count; i++)
        if (site_id_equal(&t->holders[i].site, site) && envelope_signed_by(e, &t->holders[i].key))
            return true;
    return false;
}

result site_rules_open(struct slice text, const struct trust *t, const struct site_id *site, uint64_t version_before,
                       const struct hash *hash_before, struct site_rules **ret, struct hash *ret_hash, struct why *why)
{
    struct json *v CLEANUP(json_freep) = NULL, *tree CLEANUP(json_freep) = NULL;
    struct envelope e CLEANUP(envelope_done) = {0};
    struct site_rules *r CLEANUP(site_rules_freep) = NULL;
    TRY(json_parse(text, 2 * SITE_RULES_BYTES_MAX, &v, why));
    if (json_get(v, "innsyn") && !json_get(v, "payload"))
        return FAIL_CODE(why, DENIED, "signature_invalid", "", "the rules are not signed; a holder of site '%s' signs them: innsyn site sign-rules FILE --out FILE",
                         site->text);
    TRY(envelope_parse(v, "", TYPE_SITE_RULES, &e, why));
    if (!signed_by_holder(&e, t, site))
        return FAIL_CODE(why, DENIED, "signature_invalid", "/signatures", "no holder whom the trust document names for site '%s' has signed these bytes", site->text);
    TRY(json_parse(buffer_slice(&e.payload), SITE_RULES_BYTES_MAX, &tree, why));
    TRY(site_rules_read(tree, &r, why));
    if (!label_equal(&r->network, &t->network))
        return FAIL_CODE(why, DENIED, "wrong_network", "/network", "the rules are of network '%s', this site of '%s'", r->network.text, t->network.text);
    if (!site_id_equal(&r->site, site))
        return FAIL_CODE(why, DENIED, "wrong_site", "/site", "the rules are of site '%s', this is '%s'", r->site.text, site->text);
    struct hash hash = envelope_hash(&e);
    if (r->version < version_before)
        return FAIL_CODE(why, DENIED, "conflict", "/version", "version %llu is older than version %llu, which is in force", (unsigned long long)r->version,
                         (unsigned long long)version_before);
    if (r->version == version_before && !hash_equal(&hash, hash_before))
        return FAIL_CODE(why, DENIED, "conflict", "/version", "version %llu is in force with other words; a change has a higher version",
                         (unsigned long long)r->version);
    *ret_hash = hash;
    *ret = MOVE(r);
    return DONE;
}

/* --- asking -------------------------------------------------------------------------------------- */

uint64_t site_rules_version(const struct site_rules *r)
{
    return r ? r->version : 0;
}

const struct json *site_rules_tree(const struct site_rules *r)
{
    return r ? r->tree : NULL;
}

static const struct part *part_of(const struct site_rules *r, const struct label *dataset)
{
    for (unsigned i = 0; i < r->part_count; i++)
        if (label_equal(&r->parts[i].dataset, dataset))
            return &r->parts[i];
    return NULL;
}

int64_t site_rules_release_ms(const struct site_rules *r, const struct label *dataset)
{
    const struct part *p = part_of(r, dataset);
    int64_t hours = p && p->release_hours ? p->release_hours : r->whole.release_hours ? r->whole.release_hours : RELEASE_HOURS_DEFAULT;
    return hours * 60 * 60 * 1000;
}

bool site_rules_optouts_at_grant(const struct site_rules *r, const struct label *dataset)
{
    const struct part *p = r ? part_of(r, dataset) : NULL;
    return r && (p && p->has_optouts ? p->at_grant : r->whole.at_grant);
}

bool site_rules_name_at_grant(const struct site_rules *r, const struct label *dataset)
{
    const struct part *p = r ? part_of(r, dataset) : NULL;
    return p && p->has_optouts && p->at_grant;
}

bool site_rules_say_at_grant(const struct site_rules *r)
{
    bool any = r && r->whole.at_grant;
    for (unsigned i = 0; r && i < r->part_count; i++)
        any = any || r->parts[i].at_grant;
    return any;
}

static bool has_label(const struct label *list, unsigned count, const struct label *label)
{
    for (unsigned i = 0; i < count; i++)
        if (label_equal(&list[i], label))
            return true;
    return false;
}

static bool has_name(const struct json *list, struct slice name)
{
    for (size_t i = 0; i < json_size(list); i++)
        if (slice_equal(json_text(json_item(list, i)), name))
            return true;
    return false;
}

/* Names joined by ", " as far as there is room. */
struct names {
    char text[240];
    size_t len;
};
static void names_add(struct names *n, struct slice name)
{
    if (n->len + name.len + 3 < sizeof n->text)
        n->len += (size_t)snprintf(n->text + n->len, sizeof n->text - n->len, "%s%.*s", n->len ? ", " : "", SLICE_ARG(name));
}

static void check_purpose(const struct part *r, struct slice purpose, struct verdict *v)
{
    struct names allowed = {0};
    if (!r->has_purposes)
        return;
    for (unsigned i = 0; i < r->purpose_count; i++) {
        if (slice_is(purpose, r->purposes[i]->code))
            return;
        names_add(&allowed, slice_str(r->purposes[i]->code));
    }
    verdict_add(v, VERDICT_DENY, "purpose_not_allowed", "", allowed.text, "the site does not answer questions for purpose %.*s",
                SLICE_ARG(slice_part(purpose, 0, 16)));
}

/* Who has not said of which kind it is, is of none of them. */
static void check_kind(const struct part *r, struct slice kind, struct verdict *v)
{
    struct names allowed = {0};
    if (!r->has_kinds)
        return;
    for (unsigned i = 0; i < ORGANISATION_KINDS_MAX; i++) {
        if (r->kinds[i] && slice_is(kind, organisation_kind_name((enum organisation_kind)i)))
            return;
        if (r->kinds[i])
            names_add(&allowed, slice_str(organisation_kind_name((enum organisation_kind)i)));
    }
    verdict_add(v, VERDICT_DENY, "organisation_not_allowed", "", allowed.text, "the site does not answer organisations of kind '%.*s'",
                SLICE_ARG(kind.len ? slice_part(kind, 0, 16) : slice_str("unknown")));
}

static void check_statistic(const struct part *r, const struct question *q, struct verdict *v)
{
    struct names allowed = {0};
    if (r->has_statistics && !r->statistics[q->statistic]) {
        for (unsigned i = 0; i < STATISTIC_KINDS; i++)
            if (r->statistics[i])
                names_add(&allowed, slice_str(statistic_name((enum statistic)i)));
        verdict_add(v, VERDICT_DENY, "statistic_not_allowed", "/question/statistic", allowed.text, "the site does not answer %s",
                    statistic_name(q->statistic));
    }
    if (r->max_cells && question_cells(q) > r->max_cells) {
        char most[40];
        (void)snprintf(most, sizeof most, "%llu cells", (unsigned long long)r->max_cells);
        verdict_add(v, VERDICT_DENY, "cells_not_allowed", "/question/statistic", most, "the site does not answer tables of %llu cells",
                    (unsigned long long)question_cells(q));
    }
}

static void check_variable(const struct part *r, const struct question *q, unsigned variable, const char *field, struct verdict *v)
{
    struct slice name = q->dictionary->variables[variable].name;
    struct names allowed = {0};
    if (!has_name(r->denied, name) && (!r->variables || has_name(r->variables, name)))
        return;
    for (size_t i = 0; i < json_size(r->variables); i++)
        names_add(&allowed, json_text(json_item(r->variables, i)));
    verdict_add(v, VERDICT_DENY, "variable_not_allowed", field, allowed.text, "the site does not answer questions about '%.*s'", SLICE_ARG(name));
}

static void check_variables(const struct part *r, const struct question *q, struct verdict *v)
{
    if (!r->variables && !r->denied)
        return;
    for (unsigned i = 0; i < q->box_count; i++)
        check_variable(r, q, q->box[i].variable, "/question/where", v);
    for (unsigned i = 0; i < q->dimension_count; i++)
        check_variable(r, q, q->dimensions[i].variable, "/question/statistic", v);
    for (unsigned i = 0; i < q->variable_count; i++)
        check_variable(r, q, q->variables[i], "/question/statistic", v);
    if (q->statistic == STATISTIC_SUMMARY && q->by >= 0)
        check_variable(r, q, (unsigned)q->by, "/question/statistic", v);
}

static void check_part(const struct part *r, const struct site_rules_ask *a, struct verdict *v)
{
    check_purpose(r, a->purpose, v);
    check_kind(r, a->kind, v);
    check_statistic(r, a->question, v);
    check_variables(r, a->question, v);
    if (r->ask)
        verdict_add(v, VERDICT_REVIEW, "release_by_hand", "", NULL, "the site's holder releases each answer by hand");
}

void site_rules_check_ask(const struct site_rules *r, const struct site_rules_ask *a, struct verdict *v)
{
    const struct label *dataset = &a->question->dictionary->dataset;
    if (r->all_paused || has_label(r->paused, r->paused_count, dataset))
        verdict_add(v, VERDICT_DENY, "paused", "/question/dataset", NULL, "the site has paused '%s'", dataset->text);
    if (has_label(r->accounts, r->account_count, a->account))
        verdict_add(v, VERDICT_DENY, "account_blocked", "", NULL, "the site does not answer '%s'", a->account->text);
    for (unsigned i = 0; a->permit && i < r->permit_count; i++)
        if (document_id_equal(&r->permits[i], a->permit))
            verdict_add(v, VERDICT_DENY, "permit_blocked", "", NULL, "the site does not answer under permit %s", a->permit->text);
    check_part(&r->whole, a, v);
    const struct part *p = part_of(r, dataset);
    if (p)
        check_part(p, a, v);
}

void site_rules_check(const struct site_rules *r, const struct permit *p, const struct question *q, const struct label *account,
                      struct verdict *v)
{
    const struct site_rules_ask a = {.purpose = p->purpose, .kind = slice_str(p->organisation.given ? organisation_kind_name((enum organisation_kind)p->organisation.kind) : ""),
                                     .permit = &p->id, .account = account, .question = q};
    site_rules_check_ask(r, &a, v);
}
