/*
 * feasibility.c - could it be done, and at what cost in money and time?  Made from what is published: the
 * catalogue's datasets, sites, variables and editions, the fee schedule, and how long decisions took lately.
 * Numbers of persons as far as the sites publish them: to the person of open data, in hundreds of protected ones.
 */
#include "broker/applications/applications.h"
#include "broker/sites/sites.h"

#include "policy/fee.h"

enum { LOOK_BACK_DAYS = 365, LISTED_MAX = 50 };

/* --- fee --- */

/* Sites named by any of the datasets, each once; a dataset that names none counts every site that publishes it. */
static result count_sites(struct core *c, const struct json *datasets, unsigned *ret, struct why *why)
{
    struct json *seen CLEANUP(json_freep) = json_object();
    for (size_t i = 0; i < json_size(datasets); i++) {
        const struct json *sites = json_get(json_item(datasets, i), "sites");
        struct dataset_entry *e = NULL;
        struct label name;
        char site[SITE_ID_MAX + 1];
        for (size_t k = 0; k < json_size(sites); k++)
            if (slice_copy_str(json_text(json_item(sites, k)), site, sizeof site))
                json_set(seen, site, json_of_bool(true));
        if (json_size(sites) || !is_ok(label_parse(json_text(json_get(json_item(datasets, i), "dataset")), &name, NULL)))
            continue;
        result r = catalogue_find(c, &name, "", &e, why);
        if (!is_ok(r) && r.code != MALFORMED)
            return r;
        for (unsigned k = 0; is_ok(r) && k < e->site_count; k++)
            json_set(seen, e->sites[k].text, json_of_bool(true));
    }
    *ret = (unsigned)json_size(seen);
    return DONE;
}

result fee_of(struct core *c, const struct json *datasets, int64_t *ret, struct why *why)
{
    unsigned sites = 0;
    TRY(count_sites(c, datasets, &sites, why));
    *ret = fee_estimate((unsigned)json_size(datasets), sites);
    return DONE;
}

struct json *fee_json(int64_t estimate)
{
    struct json *v = json_object();
    json_set(v, "estimate", json_of_integer(estimate));
    json_set(v, "currency", json_of_str(fee_schedule()->currency));
    json_set(v, "schedule", json_of_str(fee_schedule()->name));
    return v;
}

result fee_of_application(struct core *c, const struct application *a, struct json **ret, struct why *why)
{
    int64_t estimate = a->fee;
    if (estimate < 0)
        TRY(fee_of(c, json_get(a->body, "datasets"), &estimate, why));
    struct json *v = fee_json(estimate);
    json_set(v, "agreed", json_of_bool(a->fee >= 0 && a->fee_agreed >= a->fee));
    /* One who withdrew is asked for what was done until then, and that is what stands as the estimate. */
    json_set(v, "incurred", json_of_integer(a->state == APPLICATION_WITHDRAWN ? a->fee > 0 ? a->fee : 0 : fee_incurred(estimate, a->state)));
    *ret = v;
    return DONE;
}

/* --- time --- */

result median_days(struct core *c, int64_t from_ms, int64_t to_ms, struct json **ret, struct why *why)
{
    struct rows *count CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, DECIDED_COUNT, &count, why, store_integer(from_ms), store_integer(to_ms)));
    int64_t n = rows_next(count) ? rows_integer(count, 0) : 0, middle[2] = {0};
    if (n) { /* of an even number the mean of the two in the middle */
        struct rows *both CLEANUP(rows_freep) = NULL;
        TRY(RUN(c, DECIDED_NTH, &both, why, store_integer(from_ms), store_integer(to_ms), store_integer((n - 1) / 2)));
        for (unsigned i = 0; i < 2; i++)
            middle[i] = rows_next(both) ? rows_integer(both, 0) : middle[0];
        if (n % 2)
            middle[1] = middle[0];
    }
    *ret = n ? json_of_number((double)((middle[0] + middle[1]) / 2 * 10 / DAY_MS) / 10) : json_of_null();
    return DONE;
}

/* --- data --- */

/* What the sites together say: the sum of those that say a number, how many say only that they are few, or nothing. */
struct persons {
    int64_t sum;
    bool exact;
    unsigned said, few, silent;
};

static result add_persons(struct slice text, struct json *site, struct persons *to, struct why *why)
{
    struct json *v = NULL;
    if (!text.len) {
        to->silent++;
        return DONE;
    }
    if (!is_ok(json_parse(text, 64, &v, why)))
        return FAIL(why, BROKEN, "a published number of persons cannot be read");
    const struct json *count = json_get(v, "count"), *about = json_get(v, "about");
    if (count || about) {
        to->said++;
        to->sum += json_integer(count ? count : about);
        to->exact = to->exact && count;
    } else {
        to->few++;
    }
    json_set(site, "persons", v);
    return DONE;
}

static struct json *persons_json(const struct persons *p)
{
    struct json *v = json_object();
    if (p->said)
        json_set(v, p->exact ? "count" : "about", json_of_integer(p->sum));
    json_set(v, "sites", json_of_integer(p->said));
    json_set(v, "fewer_than_1000", json_of_integer(p->few));
    json_set(v, "not_published", json_of_integer(p->silent));
    return v;
}

static result sites_json(struct core *c, const struct label *dataset, const struct json *wanted, struct json *to, bool *ret_all, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct json *sites = json_array();
    struct persons persons = {.exact = true};
    size_t found = 0;
    json_set(to, "sites", sites);
    TRY(RUN(c, CATALOGUE_DATASET, &rows, why, store_str(dataset->text)));
    while (rows_next(rows)) {
        bool is_wanted = json_size(wanted) == 0;
        for (size_t i = 0; i < json_size(wanted) && !is_wanted; i++)
            is_wanted = slice_equal(json_text(json_item(wanted, i)), rows_text(rows, 0));
        if (!is_wanted)
            continue;
        struct json *site = json_object();
        json_set(site, "site", json_of_text(rows_text(rows, 0)));
        json_set(site, "edition", json_of_text(rows_text(rows, 1)));
        json_set(site, "snapshot_at", json_of_instant(rows_integer(rows, 2)));
        TRY(add_persons(rows_text(rows, 5), site, &persons, why));
        json_add(sites, site);
        found++;
    }
    json_set(to, "persons", persons_json(&persons));
    *ret_all = found > 0 && found >= json_size(wanted);
    return DONE;
}

/* Which of the variables there are, and for the others the nearest name. */
static bool variables_json(const struct dictionary *d, const struct json *wanted, struct json *to)
{
    struct json *found = json_array(), *unknown = json_array();
    for (size_t i = 0; i < json_size(wanted); i++) {
        struct slice name = json_text(json_item(wanted, i));
        if (slice_is(name, "*") || dictionary_find(d, name) >= 0) {
            json_add(found, json_of_text(name));
            continue;
        }
        struct json *one = json_object();
        json_set(one, "variable", json_of_text(name));
        struct slice near = dictionary_nearest(d, name);
        if (near.len)
            json_set(one, "nearest", json_of_text(near));
        json_add(unknown, one);
    }
    bool all = json_size(unknown) == 0;
    json_set(to, "variables", json_of_integer(d->variable_count));
    json_set(to, "found", found);
    json_set(to, "unknown", unknown);
    return all;
}

/* *ret: 2 all of it is there, 1 some, 0 nothing. */
static result dataset_json(struct core *c, const struct json *wanted, struct json *to, unsigned *ret, struct why *why)
{
    struct label name;
    struct dataset_entry *e = NULL;
    bool sites = false;
    struct slice text = json_text(json_get(wanted, "dataset"));
    json_set(to, "dataset", json_of_text(text));
    result r = label_parse(text, &name, why);
    if (is_ok(r))
        r = catalogue_find(c, &name, "", &e, why);
    json_set(to, "published", json_of_bool(is_ok(r)));
    *ret = 0;
    if (!is_ok(r))
        return r.code == MALFORMED ? DONE : r;
    json_set(to, "title", json_of_text(e->dictionary->title));
    json_set(to, "profile", json_of_str(profile_name(e->dictionary->profile)));
    TRY(sites_json(c, &name, json_get(wanted, "sites"), to, &sites, why));
    *ret = (variables_json(e->dictionary, json_get(wanted, "variables"), to) && sites) ? 2 : 1;
    return DONE;
}

/* For one who names no data: what there is. */
static result everything_published(struct core *c, struct json *to, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, CATALOGUE_LIST, &rows, why, store_str(""), store_integer(LISTED_MAX)));
    while (rows_next(rows)) {
        struct json *one = json_object();
        json_set(one, "dataset", json_of_text(rows_text(rows, 0)));
        json_add(to, one);
    }
    return DONE;
}

result feasibility(struct core *c, const struct json *datasets, struct json **ret, struct why *why)
{
    static const char *const words[] = {"no", "partly", "yes"};
    struct json *v CLEANUP(json_freep) = json_object(), *all CLEANUP(json_freep) = json_array(), *days = NULL;
    struct json *list = json_array();
    unsigned worst = 2, best = 0;
    int64_t now = host_now_ms(c->host), fee = 0;
    bool named = json_size(datasets) > 0;
    json_set(v, "datasets", list);
    if (!named)
        TRY(everything_published(c, all, why));
    const struct json *wanted = named ? datasets : all;
    for (size_t i = 0; i < json_size(wanted); i++) {
        unsigned one = 0;
        struct json *item = json_object();
        json_add(list, item);
        TRY(dataset_json(c, json_item(wanted, i), item, &one, why));
        worst = one < worst ? one : worst;
        best = one > best ? one : best;
    }
    json_set(v, "at", json_of_instant(now));
    if (named) { /* else nobody asked whether anything can be done */
        json_set(v, "feasible", json_of_str(words[worst == best ? worst : 1]));
        TRY(fee_of(c, datasets, &fee, why));
        json_set(v, "fee", fee_json(fee));
    }
    TRY(median_days(c, now - LOOK_BACK_DAYS * DAY_MS, now, &days, why));
    json_set(v, "median_days", days);
    *ret = MOVE(v);
    return DONE;
}
