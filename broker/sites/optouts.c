/*
 * optouts.c - relays opt-outs from the citizen desk to the sites.  What is relayed is sealed to each site's own key
 * (proto/optout.h): nothing here can read it, and it is forgotten as soon as the site has it.
 *
 *   state     event            next
 *   waiting   site has taken   taken
 *   waiting   site refuses     refused
 */
#include "broker/audit/audit.h"
#include "broker/sites/sites.h"

#include "base/codec.h"
#include "proto/document.h"
#include "proto/fields.h"
#include "proto/optout.h"

enum { WAITING = 0, TAKEN = 1, REFUSED = 2, OPTOUT_SITES_MAX = 64, OPTOUTS_A_POLL_MAX = 100 };

static const char *const STATES[] = {"waiting", "taken", "refused"};
static const char *const ACTIONS[] = {"register", "withdraw", NULL};

/* --- the desk ---------------------------------------------------------------------------------- */

static result add_item(struct call *c, const struct fields *f, const struct json *items, size_t i, const struct document_id *id,
                       unsigned action, struct json *logged, struct why *why)
{
    struct fields item;
    struct site_id site;
    const struct json *sealed;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct envelope e CLEANUP(envelope_done) = {0};
    struct buffer text CLEANUP(buffer_done) = {0};
    char path[JSON_PATH_MAX];
    buffer_init(&text, 4 * OPTOUT_SEALED_MAX);
    TRY(open_item(f, "items", items, i, &item));
    TRY(need_site_id(&item, "site", &site));
    TRY(need_object(&item, "sealed", &sealed));
    fields_path(&item, "sealed", path);
    TRY(fields_close(&item));
    TRY(envelope_parse(sealed, path, TYPE_OPTOUT_SEALED, &e, why));
    if (e.payload.len > OPTOUT_SEALED_MAX)
        return FAIL_AT(why, MALFORMED, path, "a sealed opt-out has at most %d bytes", OPTOUT_SEALED_MAX);
    TRY(json_print(sealed, &text, why));
    if (!c->core->trust || !trust_optout_key(c->core->trust, &site))
        return FAIL_CODE(why, DENIED, "wrong_site", "/items", "the trust document names no key for opt-outs at site '%s'", site.text);
    const struct trust_person *desk = trust_desk_signer(c->core->trust, &e);
    if (!desk || !label_equal(&desk->account, &c->who.account))
        return FAIL_CODE(why, DENIED, "signature_invalid", path, "the sealed opt-out is not signed with a key that the trust document names for the desk '%s'",
                         c->who.account.text);
    TRY(RUN(c->core, OPTOUT_ADD, &rows, why, store_str(id->text), store_str(ACTIONS[action]), store_str(site.text), store_text(buffer_slice(&text)),
            store_integer(c->now_ms)));
    if (!rows_next(rows))
        return FAIL_CODE(why, DENIED, "conflict", "/id", "this opt-out has been sent to '%s' before", site.text);
    struct hash h = envelope_hash(&e);
    struct json *one = json_object();
    json_set(one, "site", json_of_str(site.text));
    json_set(one, "sealed_sha256", json_of_hex(slice_of(h.at, HASH_LEN)));
    json_add(logged, one);
    return line_wake(c->core, slice_str(site.text), why);
}

result optout_add(struct call *c, struct why *why)
{
    struct fields f;
    struct document_id id;
    const struct json *items;
    unsigned action;
    uint64_t index = 0;
    TRY(call_fields(c, &f, why));
    TRY(need_document_id(&f, "id", 'o', &id));
    TRY(need_choice(&f, "action", ACTIONS, &action));
    TRY(need_array(&f, "items", OPTOUT_SITES_MAX, &items));
    TRY(fields_close(&f));
    if (json_size(items) == 0)
        return FAIL_AT(why, MALFORMED, "/items", "name at least one site");
    struct json *entry CLEANUP(json_freep) = json_object(), *logged = json_array();
    json_set(entry, "items", logged);
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "optout", json_of_str(id.text));
    json_set(entry, "action", json_of_str(ACTIONS[action]));
    for (size_t i = 0; i < json_size(items); i++)
        TRY(add_item(c, &f, items, i, &id, action, logged, why));
    TRY(log_append(c->core, "optout", MOVE(entry), &index, why));
    c->pending->status = 201;
    json_set(c->answer, "id", json_of_str(id.text));
    json_set(c->answer, "entry", json_of_integer((int64_t)index));
    return DONE;
}

result optout_get(struct call *c, struct why *why)
{
    struct document_id id;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(call_document_id(c, 'o', &id, why));
    TRY(RUN(c->core, OPTOUT_GET, &rows, why, store_str(id.text)));
    struct json *items = json_array();
    while (rows_next(rows)) {
        struct json *one = json_object();
        int64_t state = rows_integer(rows, 2);
        json_set(one, "action", json_of_text(rows_text(rows, 0)));
        json_set(one, "site", json_of_text(rows_text(rows, 1)));
        json_set(one, "state", json_of_str(state >= WAITING && state <= REFUSED ? STATES[state] : "?"));
        json_set(one, "sent", json_of_instant(rows_integer(rows, 3)));
        if (state != WAITING)
            json_set(one, "answered", json_of_instant(rows_integer(rows, 4)));
        json_add(items, one);
    }
    bool any = json_size(items) > 0;
    json_set(c->answer, "id", json_of_str(id.text));
    json_set(c->answer, "items", items);
    return any ? DONE : no_such_thing(why);
}

result optout_lists(struct call *c, struct why *why)
{
    struct page page;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    char last[SITE_ID_MAX + 1] = "";
    TRY(page_read_names(c, &page, why));
    TRY(RUN(c->core, OPTOUT_LISTS, &rows, why, store_text(page.after), store_integer(page.limit)));
    struct json *items = json_array();
    while (rows_next(rows)) {
        struct json *one = json_object();
        json_set(one, "site", json_of_text(rows_text(rows, 0)));
        json_set(one, "version", json_of_integer(rows_integer(rows, 1)));
        json_set(one, "list_sha256", json_of_hex(rows_bytes(rows, 2)));
        json_set(one, "at", json_of_instant(rows_integer(rows, 3)));
        (void)slice_copy_str(rows_text(rows, 0), last, sizeof last);
        json_add(items, one);
    }
    json_free(c->answer);
    c->answer = page_json(&page, items, last);
    return DONE;
}

/* --- the sites --------------------------------------------------------------------------------- */

static result take_report(struct call *c, const struct json *v, struct why *why)
{
    struct envelope e CLEANUP(envelope_done) = {0};
    struct optout_report r;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    const struct public_key *key = c->core->trust ? trust_site_key(c->core->trust, &c->who.site) : NULL;
    TRY(envelope_parse(v, "/optouts/list", TYPE_OPTOUT_REPORT, &e, why));
    if (!key)
        return FAIL_CODE(why, DENIED, "unknown_key", "/optouts/list", "the trust document does not name the site");
    TRY(optout_report_open(&e, key, &r, why));
    if (!site_id_equal(&r.site, &c->who.site) || !label_equal(&r.network, &c->core->network))
        return FAIL_CODE(why, DENIED, "wrong_site", "/optouts/list", "the report is of another site");
    TRY(RUN(c->core, OPTOUT_LIST_GET, &rows, why, store_str(r.site.text)));
    bool held = rows_next(rows);
    if (held && (uint64_t)rows_integer(rows, 0) >= r.version)
        return DONE; /* known, or older than what is known: a list is never taken back */
    TRY(RUN(c->core, OPTOUT_LIST_PUT, NULL, why, store_str(r.site.text), store_integer((int64_t)r.version),
            store_bytes(slice_of(r.list.at, HASH_LEN)), store_integer(r.at_ms)));
    struct json *entry = json_object();
    json_set(entry, "site", json_of_str(r.site.text));
    json_set(entry, "version", json_of_integer((int64_t)r.version));
    json_set(entry, "list_sha256", json_of_hex(slice_of(r.list.at, HASH_LEN)));
    return log_append(c->core, "optout_list", entry, NULL, why);
}

static result take_answer(struct call *c, struct fields *f, struct why *why)
{
    struct document_id id;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    unsigned action;
    bool taken;
    TRY(need_document_id(f, "id", 'o', &id));
    TRY(need_choice(f, "action", ACTIONS, &action));
    TRY(need_bool(f, "taken", &taken));
    TRY(fields_close(f));
    TRY(RUN(c->core, OPTOUT_DONE, &rows, why, store_str(id.text), store_str(ACTIONS[action]), store_str(c->who.site.text),
            store_integer(taken ? TAKEN : REFUSED), store_integer(c->now_ms)));
    if (!rows_next(rows))
        return DONE; /* said before */
    struct json *entry = json_object();
    json_set(entry, "site", json_of_str(c->who.site.text));
    json_set(entry, "optout", json_of_str(id.text));
    json_set(entry, "action", json_of_str(ACTIONS[action]));
    json_set(entry, "taken", json_of_bool(taken));
    return log_append(c->core, "optout_answer", entry, NULL, why);
}

result optouts_heard(struct call *c, const struct json *said, struct why *why)
{
    struct fields f;
    const struct json *taken, *list = NULL;
    TRY(fields_open(said, "/optouts", &f, why));
    TRY(need_array(&f, "taken", OPTOUTS_A_POLL_MAX, &taken));
    TRY(may_object(&f, "list", &list));
    TRY(fields_close(&f));
    for (size_t i = 0; i < json_size(taken); i++) {
        struct fields one;
        TRY(open_item(&f, "taken", taken, i, &one));
        TRY(take_answer(c, &one, why));
    }
    return list ? take_report(c, list, why) : DONE;
}

result optouts_waiting(struct core *c, const struct site_id *site, struct json **ret, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, OPTOUTS_WAITING, &rows, why, store_str(site->text), store_integer(OPTOUTS_A_POLL_MAX)));
    struct json *items CLEANUP(json_freep) = json_array();
    while (rows_next(rows)) {
        struct json *one = json_object();
        json_add(items, one);
        json_set(one, "id", json_of_text(rows_text(rows, 0)));
        json_set(one, "action", json_of_text(rows_text(rows, 1)));
        struct json *sealed = NULL;
        TRY(json_parse(rows_text(rows, 2), 4 * OPTOUT_SEALED_MAX, &sealed, why));
        json_set(one, "sealed", sealed);
    }
    *ret = MOVE(items);
    return DONE;
}

result optouts_in_force(struct core *c, const struct permit *p, struct json **ret, struct why *why)
{
    struct json *items CLEANUP(json_freep) = json_array();
    for (unsigned i = 0; i < p->dataset_count; i++)
        for (unsigned k = 0; k < p->datasets[i].site_count; k++) {
            const char *site = p->datasets[i].sites[k].text;
            struct rows *rows CLEANUP(rows_freep) = NULL;
            bool there = false;
            for (size_t n = 0; n < json_size(items) && !there; n++)
                there = slice_is(json_text(json_get(json_item(items, n), "site")), site);
            if (there)
                continue;
            TRY(RUN(c, OPTOUT_LIST_GET, &rows, why, store_str(site)));
            if (!rows_next(rows))
                continue; /* the site keeps none */
            struct json *one = json_object();
            json_set(one, "site", json_of_str(site));
            json_set(one, "version", json_of_integer(rows_integer(rows, 0)));
            json_set(one, "list_sha256", json_of_hex(rows_bytes(rows, 1)));
            json_add(items, one);
        }
    *ret = MOVE(items);
    return DONE;
}
