/*
 * used.c - how much of a permit was used, for those who decide about it and those who ask under it: its questions, which
 * this broker counts, and what the sites said is left of its budgets.  The latter are figures that left with answers (made
 * of noised counts, rounded); what is left now only the site knows.
 */
#include "broker/permits/permits.h"

enum { USED_ROWS_MAX = 1000 };

static result questions_json(struct core *c, const char *permit, struct json *to, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct json *list = json_array();
    int64_t all = 0;
    json_set(to, "datasets", list);
    TRY(RUN(c, QUERIES_OF_PERMIT_BY_DATASET, &rows, why, store_str(permit), store_integer(USED_ROWS_MAX)));
    while (rows_next(rows)) {
        struct json *one = json_object();
        json_set(one, "dataset", json_of_text(rows_text(rows, 0)));
        json_set(one, "questions", json_of_integer(rows_integer(rows, 1)));
        json_add(list, one);
        all += rows_integer(rows, 1);
    }
    json_set(to, "questions", json_of_integer(all));
    return DONE;
}

static bool is_among(const struct json *sites, struct slice site)
{
    for (size_t i = 0; i < json_size(sites); i++)
        if (slice_equal(json_text(json_item(sites, i)), site))
            return true;
    return false;
}

result permit_used(struct core *c, const char *permit, const struct json *sites, struct json **ret, struct why *why)
{
    struct json *v CLEANUP(json_freep) = json_object(), *budgets = json_array();
    struct rows *rows CLEANUP(rows_freep) = NULL;
    json_set(v, "budgets", budgets);
    TRY(questions_json(c, permit, v, why));
    TRY(RUN(c, BUDGETS_TOLD, &rows, why, store_str(permit), store_integer(USED_ROWS_MAX)));
    while (rows_next(rows)) {
        bool rho = !rows_text(rows, 2).len;
        if (sites && !is_among(sites, rows_text(rows, 1)))
            continue;
        struct json *one = json_object();
        json_add(budgets, one);
        json_set(one, "dataset", json_of_text(rows_text(rows, 0)));
        json_set(one, "site", json_of_text(rows_text(rows, 1)));
        if (!rho)
            json_set(one, "variable", json_of_text(rows_text(rows, 2)));
        json_set(one, rho ? "rho_left" : "left", json_of_number((double)rows_integer(rows, 3) / BUDGET_MICRO));
        json_set(one, "at", json_of_instant(rows_integer(rows, 4)));
    }
    *ret = MOVE(v);
    return DONE;
}
