/*
 * register.c - the public register (EHDS Article 57(1)(j)): every application received, every permit and
 * every refusal with its justification.  Anyone may read it.  It names organisations, datasets and sites,
 * never an account; what an officer gives as reason is published, which the officer is told.
 */
#include "broker/applications/applications.h"
#include "broker/permits/permits.h"

static result permit_of(struct core *c, struct slice id, struct json *item, struct why *why)
{
    struct permit_row p CLEANUP(permit_row_done) = {0};
    struct json *permit = json_object();
    json_set(item, "permit", permit);
    TRY(permit_load(c, id, &p, why));
    json_set(permit, "id", json_of_text(id));
    json_set(permit, "state", json_of_str(stage_name((enum permit_stage)p.state)));
    json_set(permit, "origin", json_of_text(p.origin));
    if (p.succeeds.len)
        json_set(permit, "succeeds", json_of_text(p.succeeds));
    json_set(permit, "from", json_of_instant(p.permit->from_ms));
    json_set(permit, "to", json_of_instant(p.permit->to_ms));
    return DONE;
}

/* Which data of whom: the sites are the holders. */
static struct json *datasets_of(const struct json *body)
{
    const struct json *datasets = json_get(body, "datasets");
    struct json *list = json_array();
    for (size_t i = 0; i < json_size(datasets); i++) {
        struct json *item = json_object();
        json_set(item, "dataset", json_deep_copy(json_get(json_item(datasets, i), "dataset")));
        json_set(item, "sites", json_deep_copy(json_get(json_item(datasets, i), "sites")));
        json_add(list, item);
    }
    return list;
}

static result item_of(struct core *c, const struct rows *rows, struct json *item, struct why *why)
{
    struct json *body CLEANUP(json_freep) = NULL;
    TRY(json_parse(rows_text(rows, 2), APPLICATION_BYTES_MAX, &body, why));
    json_set(item, "application", json_of_text(rows_text(rows, 0)));
    json_set(item, "form", json_get(body, "form") ? json_deep_copy(json_get(body, "form")) : json_of_str("request-1"));
    json_set(item, "title", json_deep_copy(json_get(body, "title")));
    json_set(item, "organisation", json_of_text(rows_text(rows, 9)));
    json_set(item, "purpose", json_deep_copy(json_get(body, "purpose")));
    json_set(item, "datasets", datasets_of(body));
    json_set(item, "from", json_deep_copy(json_get(body, "from")));
    json_set(item, "to", json_deep_copy(json_get(body, "to")));
    json_set(item, "received", json_of_instant(rows_integer(rows, 3)));
    json_set(item, "state", json_of_text(rows_text(rows, 1)));
    if (rows_integer(rows, 4)) {
        json_set(item, "decided", json_of_instant(rows_integer(rows, 4)));
        json_set(item, "outcome", json_of_text(rows_text(rows, 5)));
        json_set(item, "justification", json_of_text(rows_text(rows, 6)));
        if (rows_text(rows, 10).len)
            json_set(item, "ground", json_of_text(rows_text(rows, 10)));
    }
    return rows_text(rows, 7).len ? permit_of(c, rows_text(rows, 7), item, why) : DONE;
}

result register_list(struct call *c, struct why *why)
{
    struct page page;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(page_read(c, &page, why));
    TRY(RUN(c->core, REGISTER_LIST, &rows, why, store_integer(page.before_ms), store_integer(page.before_ms), store_text(page.after),
            store_integer(page.limit)));
    struct json *items = json_array();
    int64_t last_ms = 0;
    struct slice last = slice_str("");
    while (rows_next(rows)) {
        struct json *item = json_object();
        json_add(items, item);
        result r = item_of(c->core, rows, item, why);
        if (!is_ok(r)) {
            json_free(items);
            return r;
        }
        last_ms = rows_integer(rows, 3);
        last = rows_text(rows, 0);
    }
    json_free(c->answer);
    c->answer = page_json_newest(&page, items, last_ms, last);
    return DONE;
}
