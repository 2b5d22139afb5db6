#include "client/show/permit_words.h"

#include "base/instant.h"
#include "policy/purpose.h"
#include "client/clean_text.h"
#include "client/show/condition_words.h"

static result research_words(const struct research *r, struct buffer *to, struct why *why)
{
    TRY(buffer_add_str(to, "\n  research   ", why));
    for (unsigned k = 0; k < RESEARCH_KINDS; k++)
        if (r->kinds[k])
            TRY(buffer_printf(to, why, " %s", research_kind_name((enum research_kind)k)));
    for (unsigned i = 0; i < r->disease_count; i++) {
        TRY(buffer_add_byte(to, ' ', why));
        TRY(clean_text(r->diseases[i], to, why));
    }
    if (r->commercial != KNOWN_NOT)
        TRY(buffer_add_str(to, r->commercial == KNOWN_YES ? ", commercial" : ", not commercial", why));
    return DONE;
}

static result dataset_words(const struct permit_dataset *d, struct buffer *to, struct why *why)
{
    TRY(buffer_printf(to, why, "  dataset     %s\n    sites       ", d->dataset.text));
    for (unsigned i = 0; i < d->site_count; i++)
        TRY(buffer_printf(to, why, "%s%s", i > 0 ? ", " : "", d->sites[i].text));
    TRY(buffer_add_str(to, "\n    variables   ", why));
    if (d->variable_count == 0)
        TRY(buffer_add_str(to, "ALL variables", why));
    for (unsigned i = 0; i < d->variable_count; i++) {
        if (i > 0)
            TRY(buffer_add_str(to, ", ", why));
        TRY(clean_text(d->variables[i], to, why));
    }
    TRY(buffer_add_str(to, "\n    statistics  ", why));
    bool first = true;
    for (unsigned s = 0; s < STATISTIC_KINDS; s++) {
        if (!d->statistics[s])
            continue;
        TRY(buffer_printf(to, why, "%s%s", first ? "" : ", ", statistic_name((enum statistic)s)));
        first = false;
    }
    TRY(buffer_add_byte(to, '\n', why));
    for (unsigned i = 0; d->use_conditions && i < d->use_conditions->count; i++) {
        TRY(buffer_add_str(to, "    obligation  ", why));
        TRY(condition_words(&d->use_conditions->at[i], to, why));
        TRY(buffer_add_byte(to, '\n', why));
    }
    return DONE;
}

result permit_words(const struct permit *p, struct buffer *to, struct why *why)
{
    char from[INSTANT_TEXT_SIZE], until[INSTANT_TEXT_SIZE], hash[2 * HASH_LEN + 1];
    instant_print(p->from_ms, from);
    instant_print(p->to_ms, until);
    hash_print(&p->hash, hash);
    TRY(buffer_printf(to, why, "Permit %s of network %s\n  application %s\n  purpose     ", p->id.text, p->network.text, p->application.text));
    TRY(clean_text(p->purpose, to, why));
    if (p->research.given)
        TRY(research_words(&p->research, to, why));
    if (p->organisation.given) {
        TRY(buffer_printf(to, why, "\n  applicant   %s, ", p->organisation.id.text));
        TRY(clean_text(p->organisation.name, to, why));
        TRY(buffer_printf(to, why, " (%s, %.*s)", organisation_kind_name((enum organisation_kind)p->organisation.kind), SLICE_ARG(p->organisation.country)));
    }
    TRY(buffer_printf(to, why, "\n  from        %s\n  to          %s\n", from, until));
    for (unsigned i = 0; i < p->dataset_count; i++)
        TRY(dataset_words(&p->datasets[i], to, why));
    for (unsigned i = 0; i < p->obligation_count; i++) {
        TRY(buffer_printf(to, why, "  obligation  %s: ", p->obligations[i].site.text));
        TRY(clean_text(p->obligations[i].text, to, why));
        TRY(buffer_add_byte(to, '\n', why));
    }
    for (unsigned i = 0; i < p->person_count; i++) {
        char key[2 * HASH_LEN + 1];
        public_key_id(&p->people[i].key, key);
        TRY(buffer_printf(to, why, "  person      %s, with key %s\n", p->people[i].account.text, key));
    }
    return buffer_printf(to, why, "  SHA-256     %s\n", hash);
}

static result budget_words(const struct json *one, struct buffer *to, struct why *why)
{
    const struct json *rho = json_get(one, "rho_left");
    TRY(buffer_add_str(to, "  left        ", why));
    TRY(clean_text(json_text(json_get(one, "dataset")), to, why));
    TRY(buffer_add_str(to, " at ", why));
    TRY(clean_text(json_text(json_get(one, "site")), to, why));
    TRY(buffer_add_str(to, rho ? ": rho" : ": ", why));
    TRY(clean_text(json_text(json_get(one, "variable")), to, why));
    TRY(buffer_printf(to, why, " %.4g, as told at ", json_number(rho ? rho : json_get(one, "left"))));
    TRY(clean_text(json_text(json_get(one, "at")), to, why));
    return buffer_add_byte(to, '\n', why);
}

result used_words(const struct json *used, struct buffer *to, struct why *why)
{
    const struct json *datasets = json_get(used, "datasets"), *budgets = json_get(used, "budgets");
    if (!used)
        return DONE;
    TRY(buffer_printf(to, why, "  questions   %lld", (long long)json_integer(json_get(used, "questions"))));
    for (size_t i = 0; i < json_size(datasets); i++) {
        TRY(buffer_add_str(to, i ? ", " : ": ", why));
        TRY(clean_text(json_text(json_get(json_item(datasets, i), "dataset")), to, why));
        TRY(buffer_printf(to, why, " %lld", (long long)json_integer(json_get(json_item(datasets, i), "questions"))));
    }
    TRY(buffer_add_byte(to, '\n', why));
    for (size_t i = 0; i < json_size(budgets); i++)
        TRY(budget_words(json_item(budgets, i), to, why));
    return DONE;
}
