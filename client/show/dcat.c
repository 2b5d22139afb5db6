#include "client/show/dcat.h"

#include <stdio.h>

enum { IRI_SIZE = 1200 };

static const struct {
    const char *prefix, *iri;
} CONTEXT[] = {
    {"dcat", "http://www.w3.org/ns/dcat#"},
    {"dct", "http://purl.org/dc/terms/"},
    {"dcatap", "http://data.europa.eu/r5r/"},
    {"healthdcatap", "http://healthdataportal.eu/ns/health#"},
    {"odrl", "http://www.w3.org/ns/odrl/2/"},
    {"obo", "http://purl.obolibrary.org/obo/"},
    {"rdfs", "http://www.w3.org/2000/01/rdf-schema#"},
    {"csvw", "http://www.w3.org/ns/csvw#"},
};

static struct json *iri(const char *text)
{
    struct json *o = json_object();
    json_set(o, "@id", json_of_str(text));
    return o;
}

static struct json *context(void)
{
    struct json *o = json_object();
    for (size_t i = 0; i < sizeof CONTEXT / sizeof CONTEXT[0]; i++)
        json_set(o, CONTEXT[i].prefix, json_of_str(CONTEXT[i].iri));
    return o;
}

/* The ontology's file spells one of its IRIs with eight digits. */
static struct json *term(const struct use_code *c)
{
    enum { NPOA = 44 };
    char text[32];
    (void)snprintf(text, sizeof text, c->number == NPOA ? "obo:DUO_%08u" : "obo:DUO_%07u", c->number % 10000000u);
    return iri(text);
}

/* What a condition says beside its code, as constraint of the rule. */
static struct json *rule(const struct use_condition *c)
{
    struct json *o = json_object(), *said = use_condition_json(c);
    const char *key = use_argument_name(c->code->argument);
    json_set(o, "dct:source", term(c->code));
    json_set(o, "rdfs:label", json_of_str(c->code->text));
    if (c->note.len)
        json_set(o, "rdfs:comment", json_of_text(c->note));
    if (*key && c->code->argument != USE_ARGUMENT_NOTE) {
        struct json *constraint = json_object();
        json_set(constraint, "odrl:leftOperand", json_of_str(key));
        json_set(constraint, "odrl:operator", iri(c->value_count ? "odrl:isAnyOf" : c->code->argument == USE_ARGUMENT_DATE ? "odrl:gteq" : "odrl:lteq"));
        json_set(constraint, "odrl:rightOperand", json_share(json_get(said, key)));
        json_set(o, "odrl:constraint", constraint);
    }
    json_free(said);
    return o;
}

static struct json *policy(const struct use_conditions *c)
{
    struct json *o = json_object(), *permissions = json_array(), *duties = json_array();
    json_set(o, "@type", json_of_str("odrl:Offer"));
    for (unsigned i = 0; i < c->count; i++) {
        struct json *one = rule(&c->at[i]);
        if (c->at[i].code->permission)
            json_set(one, "odrl:action", iri("odrl:use"));
        json_add(c->at[i].code->permission ? permissions : duties, one);
    }
    json_set(o, "odrl:permission", permissions);
    json_set(o, "odrl:obligation", duties);
    return o;
}

static struct json *variables(const struct dictionary *d)
{
    static const char *const TYPES[] = {"string", "string", "integer", "double", "date", "string"}; /* of variable_type */
    struct json *group = json_object(), *table = json_object(), *columns = json_array();
    for (unsigned i = 0; i < d->variable_count; i++) {
        struct json *column = json_object();
        json_set(column, "@type", json_of_str("csvw:Column"));
        json_set(column, "csvw:name", json_of_text(d->variables[i].name));
        json_set(column, "csvw:title", json_of_text(d->variables[i].label));
        json_set(column, "csvw:datatype", json_of_str(TYPES[d->variables[i].type]));
        json_add(columns, column);
    }
    json_set(table, "@type", json_of_str("csvw:Table"));
    json_set(table, "csvw:column", columns);
    json_set(group, "@type", json_of_str("csvw:TableGroup"));
    json_set(group, "csvw:table", table);
    return group;
}

struct json *dcat_dataset(const struct dictionary *d, const char *url)
{
    char id[IRI_SIZE];
    struct json *o = json_object();
    const struct json *description = json_get(d->tree, "description");
    (void)snprintf(id, sizeof id, "%.1000s/v1/catalogue/%s", url, d->dataset.text);
    json_set(o, "@context", context());
    json_set(o, "@id", json_of_str(id));
    json_set(o, "@type", json_of_str("dcat:Dataset"));
    json_set(o, "dct:identifier", json_of_str(d->dataset.text));
    json_set(o, "dct:title", json_of_text(d->title));
    if (json_kind(description) == JSON_STRING)
        json_set(o, "dct:description", json_of_text(json_text(description)));
    json_set(o, "dct:accessRights", iri(d->profile == PROFILE_OPEN ? "http://publications.europa.eu/resource/authority/access-right/PUBLIC"
                                                                   : "http://publications.europa.eu/resource/authority/access-right/NON_PUBLIC"));
    json_set(o, "dcatap:applicableLegislation", iri("http://data.europa.eu/eli/reg/2025/327/oj"));
    json_set(o, "dcat:theme", iri("http://publications.europa.eu/resource/authority/data-theme/HEAL"));
    json_set(o, "healthdcatap:hasStructuredData", json_of_bool(true));
    json_set(o, "healthdcatap:hasVariables", variables(d));
    if (d->use_conditions.count)
        json_set(o, "odrl:hasPolicy", policy(&d->use_conditions));
    return o;
}

struct json *dcat_catalogue(struct json *datasets, const char *url)
{
    char id[IRI_SIZE];
    struct json *o = json_object();
    (void)snprintf(id, sizeof id, "%.1000s/v1/catalogue", url);
    json_set(o, "@context", context());
    json_set(o, "@id", json_of_str(id));
    json_set(o, "@type", json_of_str("dcat:Catalog"));
    json_set(o, "dcat:dataset", datasets);
    return o;
}
