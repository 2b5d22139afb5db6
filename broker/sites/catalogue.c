/*
 * catalogue.c - what the sites publish: one dictionary a dataset, the same at every site but for the
 * grid, of which the coarsest stands.
 */
#include "broker/audit/audit.h"
#include "broker/sites/sites.h"

#include <stdlib.h>

#include "policy/access_rules.h"
#include "proto/fields.h"

enum { DATASETS_A_SITE_MAX = 64, PERSONS_SAID_STEP = 100, PERSONS_SAID_MIN = 1000 };
static const int64_t PERSONS_SAID_MAX = 4000000000;

static void entry_free(struct dataset_entry *e)
{
    if (e)
        dictionary_free(e->dictionary);
    free(e);
}

static void entry_freep(struct dataset_entry **e)
{
    entry_free(*e);
}

void catalogue_forget(struct core *c)
{
    while (c->datasets) {
        struct dataset_entry *e = c->datasets;
        c->datasets = e->next;
        entry_free(e);
    }
}

bool catalogue_has_site(const struct dataset_entry *e, const struct site_id *site)
{
    for (unsigned i = 0; i < e->site_count; i++)
        if (site_id_equal(&e->sites[i], site))
            return true;
    return false;
}

static void coarsen(struct dictionary *d, const struct dictionary *other)
{
    for (unsigned i = 0; i < d->variable_count && i < other->variable_count; i++)
        if (other->variables[i].grid_step > d->variables[i].grid_step) {
            d->variables[i].grid_step = other->variables[i].grid_step;
            d->variables[i].grid_origin = other->variables[i].grid_origin;
        }
}

static result read_text(struct slice text, struct dictionary **ret, struct why *why)
{
    struct json *tree CLEANUP(json_freep) = NULL;
    TRY(json_parse(text, DICTIONARY_BYTES_MAX, &tree, why));
    return dictionary_read(tree, NULL, PROFILE_CK, ret, why);
}

static result entry_load(struct core *c, const struct label *dataset, struct dataset_entry **ret, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, CATALOGUE_DATASET, &rows, why, store_str(dataset->text)));
    struct dataset_entry *e CLEANUP(entry_freep) = calloc(1, sizeof *e);
    if (!e)
        return FAIL(why, LIMIT, "no memory for the catalogue");
    e->dataset = *dataset;
    while (rows_next(rows) && e->site_count < PERMIT_SITES_MAX) {
        struct dictionary *d CLEANUP(dictionary_freep) = NULL;
        TRY(site_id_parse(rows_text(rows, 0), &e->sites[e->site_count], why));
        slice_copy_str(rows_text(rows, 1), e->editions[e->site_count], sizeof e->editions[0]);
        slice_copy_str(rows_text(rows, 5), e->persons[e->site_count], sizeof e->persons[0]);
        if (!is_ok(read_text(rows_text(rows, 3), &d, why)))
            return FAIL(why, BROKEN, "the catalogue's dictionary of '%s' cannot be read", dataset->text);
        e->site_count++;
        if (e->dictionary)
            coarsen(e->dictionary, d);
        else
            e->dictionary = MOVE(d);
    }
    *ret = e->site_count ? MOVE(e) : NULL;
    return DONE;
}

result catalogue_find(struct core *c, const struct label *dataset, const char *field, struct dataset_entry **ret, struct why *why)
{
    for (struct dataset_entry *e = c->datasets; e; e = e->next)
        if (label_equal(&e->dataset, dataset)) {
            *ret = e;
            return DONE;
        }
    struct dataset_entry *e = NULL;
    TRY(entry_load(c, dataset, &e, why));
    if (!e)
        return FAIL_CODE(why, MALFORMED, "unknown_dataset", field, "no site publishes a dataset '%s'; see GET /v1/catalogue", dataset->text);
    e->next = c->datasets;
    c->datasets = e;
    *ret = e;
    return DONE;
}

/* --- PUT /v1/site/catalogue --- */

static result dictionary_text(const struct dictionary *d, struct buffer *to, struct why *why)
{
    struct json *v CLEANUP(json_freep) = dictionary_json(d);
    return json_print(v, to, why);
}

/* What must be equal at all sites: the dictionary without grids. */
static result shared_hash(struct dictionary *d, struct hash *ret, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, DICTIONARY_BYTES_MAX);
    for (unsigned i = 0; i < d->variable_count; i++)
        d->variables[i].grid_step = d->variables[i].grid_origin = 0;
    TRY(dictionary_text(d, &text, why));
    *ret = sha256(buffer_slice(&text));
    return DONE;
}

static bool prints_alike(const struct json *a, const struct json *b)
{
    struct buffer x CLEANUP(buffer_done) = {0}, y CLEANUP(buffer_done) = {0};
    struct why ignored;
    buffer_init(&x, DICTIONARY_BYTES_MAX);
    buffer_init(&y, DICTIONARY_BYTES_MAX);
    return a && b && is_ok(json_print(a, &x, &ignored)) && is_ok(json_print(b, &y, &ignored)) && slice_equal(buffer_slice(&x), buffer_slice(&y));
}

/* The first member of either object that the other has not, or has otherwise; false: none. */
static bool member_apart(const struct json *a, const struct json *b, char to[VARIABLE_MAX + 1])
{
    const struct json *const both[2] = {a, b};
    for (unsigned k = 0; k < 2; k++) {
        size_t index = 0;
        struct slice key;
        const struct json *value;
        while (json_next(both[k], &index, &key, &value))
            if (slice_copy_str(key, to, VARIABLE_MAX + 1) && !prints_alike(value, json_get(both[1 - k], to)))
                return true;
    }
    return false;
}

/* "groupings of the variable 'region'", or the member of the dictionary that is another: what two sites must agree on first. */
static void first_difference(const struct dictionary *mine, struct slice theirs, char to[160])
{
    struct dictionary *other CLEANUP(dictionary_freep) = NULL;
    struct why ignored;
    (void)snprintf(to, 160, "cannot be read");
    if (!is_ok(read_text(theirs, &other, &ignored)))
        return;
    for (unsigned i = 0; i < other->variable_count; i++)
        other->variables[i].grid_step = other->variables[i].grid_origin = 0;
    struct json *a CLEANUP(json_freep) = dictionary_json(mine), *b CLEANUP(json_freep) = dictionary_json(other);
    char member[VARIABLE_MAX + 1] = "nothing";
    bool apart = member_apart(a, b, member);
    (void)snprintf(to, 160, "%s", member);
    if (!apart || strcmp(member, "variables") != 0)
        return;
    const struct json *x = json_get(a, "variables"), *y = json_get(b, "variables");
    (void)snprintf(to, 160, "the number of variables");
    for (size_t i = 0; i < json_size(x) && i < json_size(y); i++) {
        if (member_apart(json_item(x, i), json_item(y, i), member)) {
            (void)snprintf(to, 160, "%s of the variable '%.*s'", member, SLICE_ARG(json_text(json_get(json_item(x, i), "name"))));
            return;
        }
    }
}

/* What a site lets the catalogue say of its number of persons; of protected data nothing finer than hundreds is taken. */
static result check_persons(const struct json *persons, const char *path, const struct dictionary *d, struct why *why)
{
    static const char *const forms[] = {"count", "about", "below"};
    char field[JSON_PATH_MAX];
    int64_t n = -1;
    unsigned form = 0;
    snprintf(field, sizeof field, "%.80s/persons", path);
    while (form < 2 && !json_get(persons, forms[form]))
        form++;
    if (json_kind(persons) != JSON_OBJECT || json_size(persons) != 1 || json_kind(json_get(persons, forms[form])) != JSON_INTEGER)
        return FAIL_AT(why, MALFORMED, field, "is {\"count\"}, {\"about\"} or {\"below\"} with a number");
    n = json_integer(json_get(persons, forms[form]));
    if (n < 0 || n > PERSONS_SAID_MAX)
        return FAIL_AT(why, MALFORMED, field, "must be a number of persons");
    if (form == 0 && d->profile != PROFILE_OPEN)
        return FAIL_AT(why, MALFORMED, field, "a number to the person is of open data only");
    if (form != 0 && (d->profile == PROFILE_OPEN || d->profile == PROFILE_DP || n % PERSONS_SAID_STEP || n < PERSONS_SAID_MIN || (form == 2 && n != PERSONS_SAID_MIN)))
        return FAIL_AT(why, MALFORMED, field, "is in steps of %d, and of fewer than %d nothing but that", PERSONS_SAID_STEP, PERSONS_SAID_MIN);
    return DONE;
}

static result put_one(struct call *c, const struct json *item, size_t index, struct label *ret_dataset, struct why *why)
{
    char path[JSON_PATH_MAX], field[JSON_PATH_MAX];
    struct fields f;
    const struct json *tree, *persons = NULL;
    uint8_t edition[HASH_LEN];
    char edition_text[2 * HASH_LEN + 1];
    int64_t at_ms;
    snprintf(path, sizeof path, "/datasets/%zu", index);
    snprintf(field, sizeof field, "/datasets/%zu/dictionary", index);
    TRY(fields_open(item, path, &f, why));
    TRY(need_object(&f, "dictionary", &tree));
    TRY(need_hash(&f, "edition", edition));
    TRY(need_instant(&f, "snapshot_at", &at_ms));
    TRY(may_object(&f, "persons", &persons));
    TRY(fields_close(&f));
    struct buffer text CLEANUP(buffer_done) = {0}, said CLEANUP(buffer_done) = {0};
    buffer_init(&said, 47);
    struct dictionary *d CLEANUP(dictionary_freep) = NULL;
    struct access_rules *rules CLEANUP(access_rules_freep) = NULL;
    struct hash h, edition_hash;
    buffer_init(&text, DICTIONARY_BYTES_MAX);
    TRY(json_print(tree, &text, why));
    TRY(read_text(buffer_slice(&text), &d, why));
    TRY(access_rules_read(d->rules, "/access_rules", &rules, why));
    if (persons) {
        TRY(check_persons(persons, path, d, why));
        TRY(json_print(persons, &said, why));
    }
    buffer_clear(&text);
    TRY(dictionary_text(d, &text, why)); /* the published form and no more */
    TRY(shared_hash(d, &h, why));
    memcpy(edition_hash.at, edition, HASH_LEN);
    hash_print(&edition_hash, edition_text);
    *ret_dataset = d->dataset;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, CATALOGUE_DATASET, &rows, why, store_str(d->dataset.text)));
    while (rows_next(rows))
        if (!slice_is(rows_text(rows, 0), c->who.site.text) && !slice_equal(rows_bytes(rows, 4), slice_of(h.at, HASH_LEN))) {
            char apart[160];
            first_difference(d, rows_text(rows, 3), apart);
            return FAIL_CODE(why, DENIED, "conflict", field,
                             "'%.*s' publishes '%s' with another dictionary (%s differs); all sites must agree in all but the grid: load it under a new name "
                             "(--as), or first remove its folder below data/ where the old form is",
                             SLICE_ARG(rows_text(rows, 0)), d->dataset.text, apart);
        }
    TRY(RUN(c->core, CATALOGUE_PUT, NULL, why, store_str(d->dataset.text), store_str(c->who.site.text), store_str(edition_text),
            store_integer(at_ms), store_text(buffer_slice(&text)), store_bytes(slice_of(h.at, HASH_LEN)), store_integer(c->now_ms),
            store_text(buffer_slice(&said))));
    struct hash whole = sha256(buffer_slice(&text));
    struct json *entry = json_object();
    json_set(entry, "site", json_of_str(c->who.site.text));
    json_set(entry, "dataset", json_of_str(d->dataset.text));
    json_set(entry, "edition", json_of_str(edition_text));
    json_set(entry, "dictionary_sha256", json_of_hex(slice_of(whole.at, HASH_LEN)));
    if (persons)
        json_set(entry, "persons", json_deep_copy(persons));
    return log_append(c->core, "catalogue", entry, NULL, why);
}

result catalogue_put(struct call *c, struct why *why)
{
    struct fields f;
    const struct json *array;
    struct label published[DATASETS_A_SITE_MAX];
    TRY(call_fields(c, &f, why));
    TRY(need_array(&f, "datasets", DATASETS_A_SITE_MAX, &array));
    TRY(fields_close(&f));
    c->touched |= TOUCHED_CATALOGUE;
    catalogue_forget(c->core);
    size_t count = json_size(array);
    for (size_t i = 0; i < count; i++)
        TRY(put_one(c, json_item(array, i), i, &published[i], why));
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, CATALOGUE_OF_SITE, &rows, why, store_str(c->who.site.text)));
    while (rows_next(rows)) {
        bool kept = false;
        for (size_t i = 0; i < count && !kept; i++)
            kept = slice_is(rows_text(rows, 0), published[i].text);
        if (kept)
            continue;
        TRY(RUN(c->core, CATALOGUE_DROP, NULL, why, store_text(rows_text(rows, 0)), store_str(c->who.site.text)));
        struct json *entry = json_object();
        json_set(entry, "site", json_of_str(c->who.site.text));
        json_set(entry, "dataset", json_of_text(rows_text(rows, 0)));
        json_set(entry, "withdrawn", json_of_bool(true));
        TRY(log_append(c->core, "catalogue", entry, NULL, why));
    }
    return DONE;
}

/* --- reading --- */

static struct json *entry_json(const struct dataset_entry *e, bool whole)
{
    struct json *v = json_object(), *sites = json_array();
    json_set(v, "dataset", json_of_str(e->dataset.text));
    json_set(v, "title", json_of_text(e->dictionary->title));
    json_set(v, "profile", json_of_str(profile_name(e->dictionary->profile)));
    for (unsigned i = 0; i < e->site_count; i++) {
        struct json *site = json_object();
        json_set(site, "site", json_of_str(e->sites[i].text));
        json_set(site, "edition", json_of_str(e->editions[i]));
        struct json *persons = NULL;
        if (e->persons[i][0] && is_ok(json_parse(slice_str(e->persons[i]), sizeof e->persons[i], &persons, NULL)))
            json_set(site, "persons", persons);
        json_add(sites, site);
    }
    json_set(v, "sites", sites);
    if (whole)
        json_set(v, "dictionary", dictionary_json(e->dictionary));
    return v;
}

result catalogue_list(struct call *c, struct why *why)
{
    struct page page;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(page_read_names(c, &page, why));
    TRY(RUN(c->core, CATALOGUE_LIST, &rows, why, store_text(page.after), store_integer(page.limit)));
    struct json *items = json_array();
    struct label last = {""};
    while (rows_next(rows)) {
        struct dataset_entry *e;
        TRY(label_parse(rows_text(rows, 0), &last, why));
        TRY(catalogue_find(c->core, &last, "", &e, why));
        json_add(items, entry_json(e, false));
    }
    json_free(c->answer);
    c->answer = page_json(&page, items, last.text);
    return DONE;
}

result catalogue_get(struct call *c, struct why *why)
{
    struct label dataset;
    struct dataset_entry *e;
    if (!is_ok(label_parse(c->id, &dataset, NULL)))
        return no_such_thing(why);
    TRY(catalogue_find(c->core, &dataset, "", &e, why));
    json_free(c->answer);
    c->answer = entry_json(e, true);
    return DONE;
}
