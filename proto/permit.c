#include "proto/permit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "proto/document.h"
#include "proto/fields.h"

enum { PERMIT_MEMORY_MAX = 16 * 1024 * 1024, PURPOSE_MAX = 16 };

static result no_memory(struct why *why)
{
    return FAIL_CODE(why, LIMIT, "too_large", "", "the permit needs more than %d bytes of memory", PERMIT_MEMORY_MAX);
}

/* --- reading ----------------------------------------------------------------------------------- */

static result read_sites(struct fields *f, struct permit_dataset *d, struct arena *memory)
{
    const struct json *sites;
    char path[JSON_PATH_MAX];
    fields_path(f, "sites", path);
    TRY(need_array(f, "sites", PERMIT_SITES_MAX, &sites));
    d->sites = arena_take_many(memory, json_size(sites) + 1, sizeof *d->sites);
    if (!d->sites)
        return no_memory(f->why);
    for (; d->site_count < json_size(sites); d->site_count++) {
        char at[JSON_PATH_MAX];
        path_of_item(f, "sites", d->site_count, at);
        TRY(fail_there(site_id_parse(json_text(json_item(sites, d->site_count)), &d->sites[d->site_count], f->why), f->why, at));
        for (unsigned i = 0; i < d->site_count; i++)
            if (site_id_equal(&d->sites[i], &d->sites[d->site_count]))
                return FAIL_AT(f->why, MALFORMED, at, "site '%s' is there twice", d->sites[i].text);
    }
    if (!d->site_count)
        return FAIL_AT(f->why, MALFORMED, path, "a permit names at least one site of each dataset");
    return DONE;
}

static result read_variables(struct fields *f, struct permit_dataset *d, struct arena *memory)
{
    const struct json *variables;
    char path[JSON_PATH_MAX];
    fields_path(f, "variables", path);
    TRY(need_array(f, "variables", VARIABLES_MAX, &variables));
    if (!json_size(variables))
        return FAIL_AT(f->why, MALFORMED, path, "name the variables, or [\"*\"] for all");
    if (json_size(variables) == 1 && slice_is(json_text(json_item(variables, 0)), "*"))
        return DONE;
    d->variables = arena_take_many(memory, json_size(variables), sizeof *d->variables);
    if (!d->variables)
        return no_memory(f->why);
    for (; d->variable_count < json_size(variables); d->variable_count++) {
        struct slice name = json_text(json_item(variables, d->variable_count));
        if (!variable_name_valid(name)) {
            char at[JSON_PATH_MAX];
            path_of_item(f, "variables", d->variable_count, at);
            return FAIL_AT(f->why, MALFORMED, at, "must be a variable's name; \"*\" stands alone");
        }
        d->variables[d->variable_count] = name;
    }
    return DONE;
}

static result read_statistics(struct fields *f, struct permit_dataset *d)
{
    const struct json *statistics;
    char path[JSON_PATH_MAX];
    fields_path(f, "statistics", path);
    TRY(need_array(f, "statistics", STATISTIC_KINDS, &statistics));
    if (!json_size(statistics))
        return FAIL_AT(f->why, MALFORMED, path, "name at least one of count, table, summary, histogram");
    for (size_t i = 0; i < json_size(statistics); i++) {
        unsigned kind = 0;
        while (kind < STATISTIC_KINDS && !slice_is(json_text(json_item(statistics, i)), statistic_name((enum statistic)kind)))
            kind++;
        if (kind == STATISTIC_KINDS || d->statistics[kind]) {
            path_of_item(f, "statistics", i, path);
            return FAIL_AT(f->why, MALFORMED, path, "must be one of count, table, summary, histogram, each at most once");
        }
        d->statistics[kind] = true;
    }
    return DONE;
}

static result read_conditions(struct fields *f, struct permit_dataset *d, struct arena *memory)
{
    const struct json *conditions = NULL;
    char path[JSON_PATH_MAX];
    fields_path(f, "use_conditions", path);
    TRY(may_array(f, "use_conditions", USE_CONDITIONS_MAX, &conditions));
    if (!conditions)
        return DONE;
    d->use_conditions = arena_take_many(memory, 1, sizeof *d->use_conditions);
    if (!d->use_conditions)
        return no_memory(f->why);
    return use_conditions_read(conditions, path, true, d->use_conditions, f->why);
}

static result read_datasets(struct fields *f, struct permit *p)
{
    const struct json *datasets;
    TRY(need_array(f, "datasets", PERMIT_DATASETS_MAX, &datasets));
    if (!json_size(datasets))
        return FAIL_AT(f->why, MALFORMED, "/datasets", "a permit covers at least one dataset");
    p->datasets = arena_take_many(p->memory, json_size(datasets), sizeof *p->datasets);
    if (!p->datasets)
        return no_memory(f->why);
    for (; p->dataset_count < json_size(datasets); p->dataset_count++) {
        struct permit_dataset *d = &p->datasets[p->dataset_count];
        struct fields o;
        TRY(open_item(f, "datasets", datasets, p->dataset_count, &o));
        TRY(need_label(&o, "dataset", &d->dataset));
        TRY(read_sites(&o, d, p->memory));
        TRY(read_variables(&o, d, p->memory));
        TRY(read_statistics(&o, d));
        TRY(read_conditions(&o, d, p->memory));
        TRY(fields_close(&o));
        for (unsigned i = 0; i < p->dataset_count; i++)
            if (label_equal(&p->datasets[i].dataset, &d->dataset))
                return FAIL_AT(f->why, MALFORMED, "/datasets", "dataset '%s' is there twice", d->dataset.text);
    }
    return DONE;
}

static result read_people(struct fields *f, struct permit *p)
{
    const struct json *people;
    TRY(need_array(f, "people", PERMIT_PEOPLE_MAX, &people));
    if (!json_size(people))
        return FAIL_AT(f->why, MALFORMED, "/people", "a permit names at least one person");
    for (; p->person_count < json_size(people); p->person_count++) {
        struct fields o;
        TRY(open_item(f, "people", people, p->person_count, &o));
        TRY(need_label(&o, "account", &p->people[p->person_count].account));
        TRY(need_public_key(&o, "key", &p->people[p->person_count].key));
        TRY(fields_close(&o));
        /* One account may have several keys; one key belongs to one account, or nobody knows who asked. */
        for (unsigned i = 0; i < p->person_count; i++)
            if (public_key_equal(&p->people[i].key, &p->people[p->person_count].key))
                return FAIL_AT(f->why, MALFORMED, "/people", "the keys of '%s' and '%s' are the same", p->people[i].account.text,
                               p->people[p->person_count].account.text);
    }
    return DONE;
}

static result read_obligations(struct fields *f, struct permit *p)
{
    const struct json *list = NULL;
    TRY(may_array(f, "obligations", PERMIT_SITES_MAX, &list));
    p->obligations = arena_take_many(p->memory, json_size(list) + 1, sizeof *p->obligations);
    if (!p->obligations)
        return no_memory(f->why);
    for (; p->obligation_count < json_size(list); p->obligation_count++) {
        struct permit_obligation *o = &p->obligations[p->obligation_count];
        struct fields item;
        TRY(open_item(f, "obligations", list, p->obligation_count, &item));
        TRY(need_site_id(&item, "site", &o->site));
        TRY(need_text(&item, "text", OBLIGATION_BYTES_MAX, &o->text));
        TRY(fields_close(&item));
    }
    return DONE;
}

static result read_optout_lists(struct fields *f, struct permit *p)
{
    const struct json *lists = NULL;
    TRY(may_array(f, "optout_lists", PERMIT_SITES_MAX * PERMIT_DATASETS_MAX, &lists));
    p->optout_lists = arena_take_many(p->memory, json_size(lists) + 1, sizeof *p->optout_lists);
    if (!p->optout_lists)
        return no_memory(f->why);
    for (; p->optout_list_count < json_size(lists); p->optout_list_count++) {
        struct permit_optout_list *l = &p->optout_lists[p->optout_list_count];
        struct fields o;
        int64_t version;
        TRY(open_item(f, "optout_lists", lists, p->optout_list_count, &o));
        TRY(need_site_id(&o, "site", &l->site));
        TRY(need_integer(&o, "version", 0, INT64_C(1) << 53, &version));
        TRY(need_hash(&o, "list_sha256", l->hash.at));
        TRY(fields_close(&o));
        l->version = (uint64_t)version;
    }
    return DONE;
}

result permit_read(struct slice payload, struct permit **ret, struct why *why)
{
    struct fields f;
    const struct json *research = NULL, *organisation = NULL;
    struct permit *p CLEANUP(permit_freep) = calloc(1, sizeof *p);
    if (!p)
        return no_memory(why);
    p->memory = calloc(1, sizeof *p->memory);
    if (!p->memory)
        return no_memory(why);
    arena_init(p->memory, PERMIT_MEMORY_MAX);
    TRY(json_parse(payload, PERMIT_BYTES_MAX, &p->tree, why));
    TRY(fields_open(p->tree, "", &f, why));
    TRY(need_kind(&f, "permit/1"));
    TRY(need_document_id(&f, "id", 'p', &p->id));
    TRY(need_document_id(&f, "application", 'a', &p->application));
    TRY(need_label(&f, "network", &p->network));
    TRY(need_text(&f, "purpose", PURPOSE_MAX, &p->purpose));
    TRY(need_instant(&f, "from", &p->from_ms));
    TRY(need_instant(&f, "to", &p->to_ms));
    TRY(may_object(&f, "research", &research));
    TRY(research_read(research, p->purpose, "/research", &p->research, why));
    TRY(may_object(&f, "organisation", &organisation));
    TRY(organisation_read(organisation, "/organisation", &p->organisation, why));
    TRY(read_datasets(&f, p));
    TRY(read_people(&f, p));
    TRY(read_obligations(&f, p));
    TRY(read_optout_lists(&f, p));
    TRY(fields_close(&f));
    if (p->from_ms >= p->to_ms)
        return FAIL_AT(why, MALFORMED, "/to", "a permit ends after it begins");
    p->hash = sha256(payload);
    *ret = MOVE(p);
    return DONE;
}

void permit_free(struct permit *p)
{
    if (!p)
        return;
    if (p->memory)
        arena_done(p->memory);
    free(p->memory);
    json_free(p->tree);
    free(p);
}

void permit_freep(struct permit **p)
{
    permit_free(*p);
    *p = NULL;
}

/* --- signatures (I2) --------------------------------------------------------------------------- */

static bool is_person(const struct permit *p, const struct label *account, const struct public_key *key)
{
    for (unsigned i = 0; i < p->person_count; i++)
        if (label_equal(&p->people[i].account, account) || public_key_equal(&p->people[i].key, key))
            return true;
    return false;
}

/* Officers are counted by account: several keys of one officer are one officer. */
static result check_officers(const struct envelope *e, const struct permit *p, const struct trust *t, struct why *why)
{
    const struct trust_person *signers[PERMIT_OFFICERS];
    unsigned count = 0;
    for (unsigned i = 0; i < t->officer_count && count < PERMIT_OFFICERS; i++) {
        const struct trust_person *o = &t->officers[i];
        bool counted = is_person(p, &o->account, &o->key);
        for (unsigned j = 0; j < count; j++)
            counted = counted || label_equal(&signers[j]->account, &o->account) || public_key_equal(&signers[j]->key, &o->key);
        if (!counted && envelope_signed_by(e, &o->key))
            signers[count++] = o;
    }
    if (count >= PERMIT_OFFICERS)
        return DONE;
    return FAIL_CODE(why, DENIED, "signatures_missing", "/signatures",
                     "signed by %u of %d officers%s%s; two different officers must sign, neither a person of the permit", count,
                     PERMIT_OFFICERS, count ? ": " : "", count ? signers[0]->account.text : "");
}

static bool signed_as_officer(const struct envelope *e, const struct trust *t, const struct label *account)
{
    for (unsigned i = 0; i < t->officer_count; i++)
        if (label_equal(&t->officers[i].account, account) && envelope_signed_by(e, &t->officers[i].key))
            return true;
    return false;
}

/* A person decides once: who has signed as an officer is not the holder too. */
static result check_holder(const struct envelope *e, const struct permit *p, const struct trust *t, const struct site_id *site,
                           struct why *why)
{
    for (unsigned i = 0; i < t->holder_count; i++) {
        const struct trust_holder *h = &t->holders[i];
        if (site_id_equal(&h->site, site) && !is_person(p, &h->account, &h->key) && envelope_signed_by(e, &h->key) &&
            !signed_as_officer(e, t, &h->account))
            return DONE;
    }
    return FAIL_CODE(why, DENIED, "signatures_missing", "/signatures", "no holder of site '%s' has signed (a person of the permit does not count, nor who signs as an officer)",
                     site->text);
}

result permit_check_signatures(const struct envelope *e, const struct permit *p, const struct trust *t, const struct site_id *site,
                               struct why *why)
{
    struct hash hash = envelope_hash(e);
    bool named = false;
    if (strcmp(e->type, TYPE_PERMIT) != 0 || !hash_equal(&hash, &p->hash))
        return FAIL_CODE(why, DENIED, "signature_invalid", "", "the envelope holds another document than this permit");
    if (!label_equal(&p->network, &t->network))
        return FAIL_CODE(why, DENIED, "wrong_network", "/network", "the permit is for network '%s'; this is '%s'", p->network.text, t->network.text);
    TRY(check_officers(e, p, t, why));
    for (unsigned i = 0; i < p->dataset_count; i++) {
        const struct permit_dataset *d = &p->datasets[i];
        for (unsigned j = 0; j < d->site_count; j++) {
            if (site && !site_id_equal(site, &d->sites[j]))
                continue;
            named = true;
            TRY(check_holder(e, p, t, &d->sites[j], why));
            if (site)
                return DONE;
        }
    }
    if (!named)
        return FAIL_CODE(why, DENIED, "outside_scope", "/datasets", "the permit does not name site '%s'", site ? site->text : "");
    return DONE;
}

/* --- scope ------------------------------------------------------------------------------------- */

const struct permit_dataset *permit_find_dataset(const struct permit *p, const struct label *dataset)
{
    for (unsigned i = 0; i < p->dataset_count; i++)
        if (label_equal(&p->datasets[i].dataset, dataset))
            return &p->datasets[i];
    return NULL;
}

bool permit_dataset_covers_site(const struct permit_dataset *d, const struct site_id *site)
{
    for (unsigned i = 0; i < d->site_count; i++)
        if (site_id_equal(&d->sites[i], site))
            return true;
    return false;
}

bool permit_dataset_covers_variable(const struct permit_dataset *d, struct slice variable)
{
    if (!d->variable_count)
        return true;
    for (unsigned i = 0; i < d->variable_count; i++)
        if (slice_equal(d->variables[i], variable))
            return true;
    return false;
}

/* --- status ------------------------------------------------------------------------------------ */

static const char *const STATES[] = {"live", "suspended", "revoked", "expired", NULL};

const char *permit_state_name(enum permit_state s)
{
    return s <= PERMIT_EXPIRED ? STATES[s] : "?";
}

result permit_status_open(const struct envelope *e, const struct trust *t, struct permit_status *ret, struct why *why)
{
    struct json *tree CLEANUP(json_freep) = NULL;
    struct fields f;
    struct permit_status s = {0};
    struct label network;
    unsigned state;
    int64_t serial;
    if (strcmp(e->type, TYPE_PERMIT_STATUS) != 0 || !envelope_signed_by(e, &t->seal))
        return FAIL_CODE(why, DENIED, "signature_invalid", "", "the permit status is not sealed by the unit");
    TRY(json_parse(buffer_slice(&e->payload), PERMIT_BYTES_MAX, &tree, why));
    TRY(fields_open(tree, "", &f, why));
    TRY(need_kind(&f, "permit-status/1"));
    TRY(need_label(&f, "network", &network));
    TRY(need_document_id(&f, "permit", 'p', &s.permit));
    TRY(need_hash(&f, "permit_sha256", s.permit_hash.at));
    TRY(need_choice(&f, "state", STATES, &state));
    TRY(need_integer(&f, "serial", 0, INT64_C(1) << 53, &serial));
    TRY(need_instant(&f, "at", &s.at_ms));
    TRY(fields_close(&f));
    if (!label_equal(&network, &t->network))
        return FAIL_CODE(why, DENIED, "wrong_network", "/network", "the status is for network '%s'; this is '%s'", network.text, t->network.text);
    s.state = (enum permit_state)state;
    s.serial = (uint64_t)serial;
    *ret = s;
    return DONE;
}

result permit_status_print(const struct permit_status *s, const struct label *network, struct buffer *to, struct why *why)
{
    struct json *o CLEANUP(json_freep) = json_object();
    json_set(o, "innsyn", json_of_str("permit-status/1"));
    json_set(o, "network", json_of_str(network->text));
    json_set(o, "permit", json_of_str(s->permit.text));
    json_set(o, "permit_sha256", json_of_hex(slice_of(s->permit_hash.at, HASH_LEN)));
    json_set(o, "state", json_of_str(permit_state_name(s->state)));
    json_set(o, "serial", json_of_integer((int64_t)s->serial));
    json_set(o, "at", json_of_instant(s->at_ms));
    return json_print(o, to, why);
}
