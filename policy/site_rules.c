#include "policy/site_rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy/purpose.h"
#include "proto/document.h"

enum { PURPOSES_MAX = 16 };

struct site_rules {
    bool has_statistics, statistics[STATISTIC_KINDS];
    const struct purpose *purposes[PURPOSES_MAX];
    bool has_purposes;
    unsigned purpose_count;
    bool all_paused;
    struct label *paused, *accounts;
    struct document_id *permits;
    unsigned paused_count, account_count, permit_count;
    uint64_t max_cells; /* 0: no rule */
    bool ask;
    int64_t release_hours;
};

static result read_statistics(struct fields *f, struct site_rules *r)
{
    const struct json *list = NULL;
    TRY(may_array(f, "statistics", STATISTIC_KINDS, &list));
    r->has_statistics = list != NULL;
    for (size_t i = 0; list && i < json_size(list); i++) {
        unsigned kind = 0;
        while (kind < STATISTIC_KINDS && !slice_is(json_text(json_item(list, i)), statistic_name((enum statistic)kind)))
            kind++;
        if (kind == STATISTIC_KINDS) {
            char path[JSON_PATH_MAX];
            path_of_item(f, "statistics", i, path);
            return FAIL_AT(f->why, MALFORMED, path, "must be one of count, table, summary, histogram");
        }
        r->statistics[kind] = true;
    }
    return DONE;
}

static result read_purposes(struct fields *f, struct site_rules *r)
{
    const struct json *list = NULL;
    TRY(may_array(f, "purposes", PURPOSES_MAX, &list));
    r->has_purposes = list != NULL;
    for (size_t i = 0; list && i < json_size(list); i++) {
        const struct purpose *p = purpose_find(json_text(json_item(list, i)));
        if (!p) {
            char path[JSON_PATH_MAX];
            path_of_item(f, "purposes", i, path);
            return FAIL_AT(f->why, MALFORMED, path, "must be a purpose such as 53.1.e");
        }
        r->purposes[r->purpose_count++] = p;
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

result site_rules_read(const struct json *v, struct site_rules **ret, struct why *why)
{
    static const char *const RELEASES[] = {"auto", "ask", NULL};
    struct fields f;
    int64_t max_cells = 0;
    unsigned release = 0;
    struct site_rules *r CLEANUP(site_rules_freep) = calloc(1, sizeof *r);
    if (!r)
        return FAIL(why, LIMIT, "no memory for the site's rules");
    r->release_hours = RELEASE_HOURS_DEFAULT;
    if (v) {
        TRY(fields_open(v, "", &f, why));
        TRY(need_kind(&f, "site-rules/1"));
        TRY(read_statistics(&f, r));
        TRY(read_purposes(&f, r));
        TRY(read_labels(&f, "paused", &r->paused, &r->paused_count, &r->all_paused));
        TRY(read_labels(&f, "blocked_accounts", &r->accounts, &r->account_count, NULL));
        TRY(read_permits(&f, r));
        TRY(may_integer(&f, "max_cells", 1, TABLE_CELLS_OPEN_MAX, &max_cells));
        TRY(may_choice(&f, "release", RELEASES, &release));
        TRY(may_integer(&f, "release_hours", 1, RELEASE_HOURS_MAX, &r->release_hours));
        TRY(fields_close(&f));
        r->max_cells = (uint64_t)max_cells;
        r->ask = release == 1;
    }
    *ret = MOVE(r);
    return DONE;
}

void site_rules_free(struct site_rules *r)
{
    if (!r)
        return;
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

int64_t site_rules_release_ms(const struct site_rules *r)
{
    return r->release_hours * 60 * 60 * 1000;
}

static bool has_label(const struct label *list, unsigned count, const struct label *label)
{
    for (unsigned i = 0; i < count; i++)
        if (label_equal(&list[i], label))
            return true;
    return false;
}

static void check_purpose(const struct site_rules *r, const struct permit *p, struct verdict *v)
{
    char allowed[240] = "";
    size_t len = 0;
    if (!r->has_purposes)
        return;
    for (unsigned i = 0; i < r->purpose_count; i++) {
        if (slice_is(p->purpose, r->purposes[i]->code))
            return;
        if (len + 12 < sizeof allowed)
            len += (size_t)snprintf(allowed + len, sizeof allowed - len, "%s%s", i ? ", " : "", r->purposes[i]->code);
    }
    verdict_add(v, VERDICT_DENY, "purpose_not_allowed", "", allowed, "the site does not answer questions for purpose %.*s",
                SLICE_ARG(slice_part(p->purpose, 0, 16)));
}

static void check_statistic(const struct site_rules *r, const struct question *q, struct verdict *v)
{
    char allowed[80] = "";
    size_t len = 0;
    if (r->has_statistics && !r->statistics[q->statistic]) {
        for (unsigned i = 0; i < STATISTIC_KINDS; i++)
            if (r->statistics[i])
                len += (size_t)snprintf(allowed + len, sizeof allowed - len, "%s%s", len ? ", " : "", statistic_name((enum statistic)i));
        verdict_add(v, VERDICT_DENY, "statistic_not_allowed", "/question/statistic", allowed, "the site does not answer %s",
                    statistic_name(q->statistic));
    }
    if (r->max_cells && question_cells(q) > r->max_cells) {
        (void)snprintf(allowed, sizeof allowed, "%llu cells", (unsigned long long)r->max_cells);
        verdict_add(v, VERDICT_DENY, "cells_not_allowed", "/question/statistic", allowed, "the site does not answer tables of %llu cells",
                    (unsigned long long)question_cells(q));
    }
}

void site_rules_check(const struct site_rules *r, const struct permit *p, const struct question *q, const struct label *account,
                      struct verdict *v)
{
    const struct label *dataset = &q->dictionary->dataset;
    if (r->all_paused || has_label(r->paused, r->paused_count, dataset))
        verdict_add(v, VERDICT_DENY, "paused", "/question/dataset", NULL, "the site has paused '%s'", dataset->text);
    if (has_label(r->accounts, r->account_count, account))
        verdict_add(v, VERDICT_DENY, "account_blocked", "", NULL, "the site does not answer '%s'", account->text);
    for (unsigned i = 0; i < r->permit_count; i++)
        if (document_id_equal(&r->permits[i], &p->id))
            verdict_add(v, VERDICT_DENY, "permit_blocked", "", NULL, "the site does not answer under permit %s", p->id.text);
    check_purpose(r, p, v);
    check_statistic(r, q, v);
    if (r->ask)
        verdict_add(v, VERDICT_REVIEW, "release_by_hand", "", NULL, "the site's holder releases each answer by hand");
}
