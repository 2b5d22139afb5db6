/*
 * newest.c - a page of documents, newest first, of those that the caller may see.
 *
 * Officers and auditors see all: one walk along an index.  Others see what names them: one walk for the
 * account and one for each of its sites, along the parties' index, merged here.  No walk is longer than the
 * page, but for those skipped because of their state.  A holder who asks for one of the states that few
 * applications are in (those that are worked on) is served from that state's own index.
 */
#include "broker/call/call.h"

enum { PARTY_SITES_MAX = 64 };

struct listed {
    int64_t created_ms;
    char id[DOCUMENT_ID_LEN + 1];
};
struct merged {
    struct listed at[PAGE_MAX];
    unsigned count, room;
};

static bool is_before(const struct listed *a, const struct listed *b)
{
    return a->created_ms != b->created_ms ? a->created_ms > b->created_ms : strcmp(a->id, b->id) < 0;
}

/* Keeps the first `room` of all, each once. */
static void put(struct merged *m, const struct listed *one)
{
    unsigned at = m->count;
    while (at > 0 && is_before(one, &m->at[at - 1]))
        at--;
    if ((at > 0 && strcmp(m->at[at - 1].id, one->id) == 0) || at == m->room)
        return;
    if (m->count < m->room)
        m->count++;
    for (unsigned i = m->count - 1; i > at; i--)
        m->at[i] = m->at[i - 1];
    m->at[at] = *one;
}

static void put_rows(struct merged *m, struct rows *rows)
{
    while (rows_next(rows)) {
        struct listed one = {.created_ms = rows_integer(rows, 1)};
        if (slice_copy_str(rows_text(rows, 0), one.id, sizeof one.id))
            put(m, &one);
    }
}

static result add_party(struct core *c, enum statement of_party, const struct page *p, int kind, struct slice name, struct slice state,
                        struct merged *m, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    const struct store_value parameters[] = {
        store_integer(p->before_ms), store_integer(p->before_ms), store_text(p->after), store_integer(p->limit),
        store_integer(kind),         store_text(name),            store_text(state),    store_text(state),
    };
    TRY(core_run(c, of_party, parameters, statement_parameters(of_party), &rows, why));
    put_rows(m, rows);
    return DONE;
}

static result add_sites(struct call *c, const struct newest_first *list, const struct page *p, struct slice state, struct merged *m,
                        struct why *why)
{
    struct rows *sites CLEANUP(rows_freep) = NULL, *rows CLEANUP(rows_freep) = NULL;
    bool few = slice_is(state, "submitted") || slice_is(state, "pre_screening") || slice_is(state, "processing") ||
               slice_is(state, "awaiting_information");
    if (few) {
        TRY(RUN(c->core, list->of_holder_in_state, &rows, why, store_integer(p->before_ms), store_integer(p->before_ms), store_text(p->after),
                store_integer(p->limit), store_text(state), store_str(c->who.account.text)));
        put_rows(m, rows);
        return DONE;
    }
    TRY(RUN(c->core, HOLDER_SITES, &sites, why, store_str(c->who.account.text)));
    for (unsigned i = 0; i < PARTY_SITES_MAX && rows_next(sites); i++)
        TRY(add_party(c->core, list->of_party, p, PARTY_SITE, rows_text(sites, 0), state, m, why));
    return DONE;
}

static result add_items(struct core *c, const struct newest_first *list, struct rows *rows, struct json *items, struct listed *last,
                        struct why *why)
{
    while (rows_next(rows)) {
        struct json *item = json_object();
        json_add(items, item);
        TRY(list->item(c, rows, item, why));
        last->created_ms = rows_integer(rows, list->created);
        if (!slice_copy_str(rows_text(rows, 0), last->id, sizeof last->id))
            return FAIL(why, BROKEN, "a stored id is too long");
    }
    return DONE;
}

static result see_all(struct call *c, const struct newest_first *list, const struct page *p, struct slice state, struct json *items,
                      struct listed *last, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    const struct store_value parameters[] = {
        store_integer(p->before_ms), store_integer(p->before_ms), store_text(p->after), store_integer(p->limit), store_text(state),
    };
    TRY(core_run(c->core, state.len ? list->all_in_state : list->all, parameters, state.len ? 5 : 4, &rows, why));
    return add_items(c->core, list, rows, items, last, why);
}

static result see_own(struct call *c, const struct newest_first *list, const struct page *p, struct slice state, struct json *items,
                      struct listed *last, struct why *why)
{
    struct merged m = {.room = (unsigned)p->limit};
    TRY(add_party(c->core, list->of_party, p, PARTY_ACCOUNT, slice_str(c->who.account.text), state, &m, why));
    if (c->who.roles & ROLE_HOLDER)
        TRY(add_sites(c, list, p, state, &m, why));
    for (unsigned i = 0; i < m.count; i++) {
        struct rows *rows CLEANUP(rows_freep) = NULL;
        TRY(RUN(c->core, list->head, &rows, why, store_str(m.at[i].id)));
        TRY(add_items(c->core, list, rows, items, last, why));
    }
    return DONE;
}

result newest_list(struct call *c, const struct newest_first *list, struct slice state, struct why *why)
{
    struct page page;
    struct listed last = {.id = ""};
    TRY(page_read(c, &page, why));
    bool all = c->who.roles & (ROLE_OFFICER | ROLE_AUDITOR);
    struct json *items = json_array();
    result r = all ? see_all(c, list, &page, state, items, &last, why) : see_own(c, list, &page, state, items, &last, why);
    if (!is_ok(r)) {
        json_free(items);
        return r;
    }
    json_free(c->answer);
    c->answer = page_json_newest(&page, items, last.created_ms, slice_str(last.id));
    return DONE;
}
