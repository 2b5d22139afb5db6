/* draft.c - the draft of the permit that an approved application asks for: its bytes are what people sign. */
#include "broker/accounts/accounts.h"
#include "broker/applications/applications.h"
#include "broker/audit/audit.h"
#include "broker/permits/permits.h"
#include "broker/sites/sites.h"

static result people_json(struct core *c, const struct json *accounts, struct json *to, const char *document, int64_t created_ms,
                          struct why *why)
{
    for (size_t i = 0; i < json_size(accounts); i++) {
        struct rows *rows CLEANUP(rows_freep) = NULL;
        struct slice account = json_text(json_item(accounts, i));
        TRY(RUN(c, ACCOUNT_GET, &rows, why, store_text(account)));
        if (!rows_next(rows) || rows_is_null(rows, 3))
            return FAIL_CODE(why, DENIED, "conflict", "", "the account '%.*s' has no key any more", SLICE_ARG(account));
        struct json *person = json_object();
        json_set(person, "account", json_of_text(account));
        json_set(person, "key", json_of_base64(rows_bytes(rows, 3)));
        json_add(to, person);
        TRY(RUN(c, PARTY_ADD, NULL, why, store_str(document), store_integer(PARTY_ACCOUNT), store_text(account), store_integer(created_ms)));
    }
    return DONE;
}

/* EHDS Article 71: the lists of opt-outs in force when it is granted. */
static result add_optout_lists(struct core *core, struct json *v, struct buffer *payload, struct permit **permit, struct why *why)
{
    struct json *lists = NULL;
    TRY(optouts_in_force(core, *permit, &lists, why));
    if (json_size(lists) == 0) {
        json_free(lists);
        return DONE;
    }
    json_set(v, "optout_lists", lists);
    buffer_clear(payload);
    permit_free(MOVE(*permit));
    TRY(json_print(v, payload, why));
    return permit_read(buffer_slice(payload), permit, why);
}

/* What each dataset asks of its use goes into the permit as it stands today: obligations that the signers see. */
static result datasets_json(struct core *c, const struct application *a, struct json **ret, struct why *why)
{
    struct json *list CLEANUP(json_freep) = json_array();
    const struct json *asked = json_get(a->body, "datasets");
    for (size_t i = 0; i < json_size(asked); i++) {
        struct use_conditions carried;
        struct label dataset;
        struct dataset_entry *e;
        struct json *one = json_deep_copy(json_item(asked, i));
        json_add(list, one);
        TRY(label_parse(json_text(json_get(one, "dataset")), &dataset, why));
        TRY(catalogue_find(c, &dataset, "/datasets", &e, why));
        carried = e->dictionary->use_conditions;
        for (unsigned k = 0; k < carried.count; k++) /* decided against it, for reasons that are kept */
            carried.at[k].deviation = assessment_denies(a->assessment, (unsigned)i, k);
        if (carried.count)
            json_set(one, "use_conditions", use_conditions_json(&carried));
    }
    *ret = MOVE(list);
    return DONE;
}

/* Holders who approved with conditions: theirs are in the bytes that everyone signs. */
static result obligations_json(struct core *c, const struct application *a, struct json *to, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, OPINION_LIST, &rows, why, store_str(a->id.text)));
    struct json *list = json_array();
    while (rows_next(rows)) {
        if (!slice_is(rows_text(rows, 2), "conditions"))
            continue;
        struct json *one = json_object();
        json_set(one, "site", json_of_text(rows_text(rows, 0)));
        json_set(one, "text", json_of_text(rows_text(rows, 3)));
        json_add(list, one);
    }
    if (json_size(list))
        json_set(to, "obligations", list);
    else
        json_free(list);
    return DONE;
}

result permit_draft(struct call *c, const struct application *a, struct document_id *ret, struct why *why)
{
    struct core *core = c->core;
    const struct document_id *application = &a->id;
    const struct json *body = a->body;
    int64_t renewals;
    struct document_id id;
    TRY(check_predecessor(core, a->origin, a->succeeds, &renewals, why));
    TRY(document_id_new(core->host, 'p', &id, why));
    struct json *v CLEANUP(json_freep) = json_object(), *people = json_array();
    json_set(v, "people", people);
    json_set(v, "innsyn", json_of_str("permit/1"));
    json_set(v, "id", json_of_str(id.text));
    json_set(v, "network", json_of_str(core->network.text));
    json_set(v, "application", json_of_str(application->text));
    json_set(v, "purpose", json_deep_copy(json_get(body, "purpose")));
    json_set(v, "from", json_deep_copy(json_get(body, "from")));
    json_set(v, "to", json_deep_copy(json_get(body, "to")));
    struct json *datasets = NULL;
    TRY(datasets_json(core, a, &datasets, why));
    json_set(v, "datasets", datasets);
    if (json_kind(json_get(body, "research")) == JSON_OBJECT)
        json_set(v, "research", json_deep_copy(json_get(body, "research")));
    TRY(obligations_json(core, a, v, why));
    struct organisation organisation;
    struct json *organisation_tree = NULL;
    TRY(organisation_of(core, a->account, &organisation_tree, &organisation, why));
    if (organisation_tree)
        json_set(v, "organisation", organisation_tree);
    TRY(people_json(core, json_get(body, "people"), people, id.text, c->now_ms, why));
    struct buffer payload CLEANUP(buffer_done) = {0};
    struct permit *permit CLEANUP(permit_freep) = NULL;
    buffer_init(&payload, PERMIT_BYTES_MAX);
    TRY(json_print(v, &payload, why));
    TRY(permit_read(buffer_slice(&payload), &permit, why));
    TRY(add_optout_lists(core, v, &payload, &permit, why));
    for (unsigned i = 0; i < permit->dataset_count; i++)
        for (unsigned k = 0; k < permit->datasets[i].site_count; k++)
            TRY(RUN(core, PARTY_ADD, NULL, why, store_str(id.text), store_integer(PARTY_SITE), store_str(permit->datasets[i].sites[k].text),
                    store_integer(c->now_ms)));
    TRY(RUN(core, PERMIT_ADD, NULL, why, store_str(id.text), store_str(application->text), store_text(buffer_slice(&payload)),
            store_bytes(slice_of(permit->hash.at, HASH_LEN)), store_integer(permit->from_ms), store_integer(permit->to_ms),
            store_integer(c->now_ms), store_integer(c->now_ms), store_text(a->origin), store_text(a->succeeds), store_integer(renewals)));
    struct json *entry = json_object();
    if (a->succeeds.len) {
        json_set(entry, "origin", json_of_text(a->origin));
        json_set(entry, "succeeds", json_of_text(a->succeeds));
    }
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "application", json_of_str(application->text));
    json_set(entry, "permit", json_of_str(id.text));
    json_set(entry, "permit_sha256", json_of_hex(slice_of(permit->hash.at, HASH_LEN)));
    TRY(log_append(core, "permit_draft", entry, NULL, why));
    *ret = id;
    return DONE;
}
