#include "client/query_build.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/instant.h"
#include "client/document.h"

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct site_id *)a)->text, ((const struct site_id *)b)->text);
}

static result add_site(struct query_plan *plan, const struct permit_dataset *d, const struct site_id *site, struct why *why)
{
    for (unsigned i = 0; i < plan->site_count; i++)
        if (site_id_equal(&plan->sites[i], site))
            return DONE;
    if (d && !permit_dataset_covers_site(d, site))
        return FAIL_AT(why, DENIED, "/sites", "the permit does not cover dataset '%s' at site '%.60s'", d->dataset.text, site->text);
    if (plan->site_count >= PERMIT_SITES_MAX)
        return FAIL_AT(why, LIMIT, "/sites", "at most %d sites", PERMIT_SITES_MAX);
    plan->sites[plan->site_count++] = *site;
    return DONE;
}

/* Sites named by hand are asked as named: the broker decides, and says what the permit covers. */
static result add_chosen(struct query_plan *plan, const char *chosen, struct why *why)
{
    for (struct slice rest = slice_str(chosen); rest.len > 0;) {
        size_t end = slice_find(rest, ',');
        struct site_id site;
        TRY(site_id_parse(slice_part(rest, 0, end), &site, why));
        TRY(add_site(plan, NULL, &site, why));
        rest = slice_part(rest, end + 1, rest.len);
    }
    return DONE;
}

static result not_covered(const struct permit *permit, const struct label *dataset, struct why *why)
{
    char covered[128] = "";
    size_t used = 0;
    for (unsigned i = 0; i < permit->dataset_count && used < sizeof covered; i++)
        used += (size_t)snprintf(covered + used, sizeof covered - used, "%s%s", i ? ", " : "", permit->datasets[i].dataset.text);
    return FAIL_AT(why, DENIED, "/dataset", "the permit %s does not cover dataset '%s'; it covers %s", permit->id.text, dataset->text, covered);
}

result query_plan_sites(struct query_plan *plan, const struct permit *permit, const struct json *question, const char *chosen, struct why *why)
{
    struct label dataset;
    TRY(question_dataset(question, &dataset, why));
    const struct permit_dataset *d = permit_find_dataset(permit, &dataset);
    if (!d && !chosen)
        return not_covered(permit, &dataset, why);
    const struct json *own = json_get(json_get(question, "where"), "site");
    plan->site_count = 0;
    if (chosen) {
        TRY(add_chosen(plan, chosen, why));
    } else if (json_size(own) > 0) {
        for (size_t i = 0; i < json_size(own); i++) {
            struct site_id site;
            TRY(site_id_parse(json_text(json_item(own, i)), &site, why));
            TRY(add_site(plan, d, &site, why));
        }
    } else {
        for (unsigned i = 0; i < d->site_count; i++)
            TRY(add_site(plan, d, &d->sites[i], why));
    }
    if (plan->site_count == 0)
        return FAIL_AT(why, MALFORMED, "/sites", "there is no site to ask");
    qsort(plan->sites, plan->site_count, sizeof plan->sites[0], by_text);
    return DONE;
}

result query_build(const struct query_plan *plan, const struct json *question, const struct signing_key *key,
                   const struct host *host, struct document_id *ret_id, struct envelope *ret, struct why *why)
{
    int64_t now = host_now_ms(host);
    struct document_id id;
    if (plan->life_ms <= 0 || plan->life_ms > QUERY_LIFE_MAX_MS)
        return FAIL_AT(why, LIMIT, "/expires", "a query lives at most 24 hours");
    TRY(document_id_new(host, 'q', &id, why));
    struct json *query CLEANUP(json_freep) = json_object(), *sites = json_array();
    for (unsigned i = 0; i < plan->site_count; i++)
        json_add(sites, json_of_str(plan->sites[i].text));
    json_set(query, "innsyn", json_of_str("query/1"));
    json_set(query, "id", json_of_str(id.text));
    json_set(query, "network", json_of_str(plan->network.text));
    json_set(query, "permit", json_of_str(plan->permit.text));
    json_set(query, "sites", sites);
    json_set(query, "issued", json_of_instant(now));
    json_set(query, "expires", json_of_instant(now + plan->life_ms));
    json_set(query, "question", json_copy(question));
    struct buffer payload CLEANUP(buffer_done) = {0};
    buffer_init(&payload, ENVELOPE_PAYLOAD_MAX);
    TRY(json_print(query, &payload, why));
    TRY(envelope_make(TYPE_QUERY, buffer_slice(&payload), ret, why));
    TRY(envelope_sign(ret, key, why));
    *ret_id = id;
    return DONE;
}
