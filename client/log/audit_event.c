#include "client/log/audit_event.h"

#include <stdio.h>

#define EVENT_TYPES "http://terminology.hl7.org/CodeSystem/audit-event-type"
#define DICOM "http://dicom.nema.org/resources/ontology/DCM"
#define REST "http://hl7.org/fhir/restful-interaction"
#define OBJECT_TYPES "http://terminology.hl7.org/CodeSystem/audit-entity-type"
#define OBJECT_ROLES "http://terminology.hl7.org/CodeSystem/object-role"
#define PARTICIPATION "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
#define BALP_TYPES "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
#define BALP "https://profiles.ihe.net/ITI/BALP/StructureDefinition/"

/* How each type of entry is told: DICOM's event, the subtype, the action. */
struct telling {
    const char *type, *system, *code, *display, *sub_system, *sub_code, *action;
};
static const struct telling tellings[] = {
    {"startup", DICOM, "110100", "Application Activity", DICOM, "110120", "E"},
    {"login", DICOM, "110114", "User Authentication", DICOM, "110122", "E"},
    {"login_failed", DICOM, "110114", "User Authentication", DICOM, "110122", "E"},
    {"token", DICOM, "110113", "Security Alert", DICOM, "110137", "U"},
    {"account", DICOM, "110113", "Security Alert", DICOM, "110136", "C"},
    {"trust", DICOM, "110113", "Security Alert", DICOM, "110129", "U"},
    {"permit", DICOM, "110113", "Security Alert", "urn:innsyn:audit", "AuthZ-Consent", "E"},
    {"permit_status", DICOM, "110113", "Security Alert", "urn:innsyn:audit", "AuthZ-Consent", "E"},
    {"permit_signature", DICOM, "110113", "Security Alert", "urn:innsyn:audit", "AuthZ-Consent", "E"},
    {"query", EVENT_TYPES, "rest", "RESTful Operation", REST, "search", "E"},
    {"query_refused", EVENT_TYPES, "rest", "RESTful Operation", REST, "search", "E"},
    {"dispatch", DICOM, "110106", "Export", "urn:innsyn:audit", "dispatch", "E"},
    {"release", DICOM, "110106", "Export", "urn:innsyn:audit", "disclose", "R"},
    {"log_read", DICOM, "110101", "Audit Log Used", REST, "read", "R"},
    {"log_search", DICOM, "110101", "Audit Log Used", REST, "search", "E"},
    {"log_watch", DICOM, "110101", "Audit Log Used", REST, "history", "R"},
    {NULL, EVENT_TYPES, "rest", "RESTful Operation", REST, "operation", "E"},
};

static struct json *coding(const char *system, const char *code, const char *display)
{
    struct json *v = json_object();
    json_set(v, "system", json_of_str(system));
    json_set(v, "code", json_of_str(code));
    if (display)
        json_set(v, "display", json_of_str(display));
    return v;
}

static struct json *concept(const char *system, const char *code)
{
    struct json *v = json_object(), *list = json_array();
    json_add(list, coding(system, code, NULL));
    json_set(v, "coding", list);
    return v;
}

static struct json *who(const char *kind, struct slice id)
{
    char system[64];
    struct json *v = json_object(), *identifier = json_object();
    snprintf(system, sizeof system, "urn:innsyn:%s", kind);
    json_set(identifier, "system", json_of_str(system));
    json_set(identifier, "value", json_of_text(id));
    json_set(v, "identifier", identifier);
    return v;
}

static void add_agent(struct json *agents, struct json *type, const char *kind, struct slice id, bool requestor, struct slice purpose)
{
    struct json *v = json_object();
    json_set(v, "type", type);
    json_set(v, "who", who(kind, id));
    json_set(v, "requestor", json_of_bool(requestor));
    if (purpose.len) {
        struct json *list = json_array(), *one = json_object(), *codings = json_array(), *code = json_object();
        json_set(code, "system", json_of_str("urn:innsyn:purpose"));
        json_set(code, "code", json_of_text(purpose));
        json_add(codings, code);
        json_set(one, "coding", codings);
        json_add(list, one);
        json_set(v, "purposeOfUse", list);
    }
    json_add(agents, v);
}

static void add_network(struct json *agents, const char *address)
{
    struct json *network = json_object();
    json_set(network, "address", json_of_str(address));
    json_set(network, "type", json_of_str("5")); /* a URI */
    struct json *last = (struct json *)(uintptr_t)json_item(agents, json_size(agents) - 1);
    json_set(last, "network", network);
}

static void add_entity(struct json *entities, const char *kind, struct slice id, const char *type, const char *role, struct slice query)
{
    struct json *v = json_object();
    if (id.len)
        json_set(v, "what", who(kind, id));
    json_set(v, "type", coding(OBJECT_TYPES, type, NULL));
    json_set(v, "role", coding(OBJECT_ROLES, role, NULL));
    if (query.len) {
        json_set(v, "query", json_of_base64(query));
        json_set(v, "description", json_of_str("the log's entry, which names the signed query by id and hash"));
    }
    json_add(entities, v);
}

static void add_transaction(struct json *entities, struct slice request)
{
    struct json *v = json_object(), *what = json_object(), *identifier = json_object();
    json_set(identifier, "value", json_of_text(request));
    json_set(what, "identifier", identifier);
    json_set(v, "what", what);
    json_set(v, "type", coding(BALP_TYPES, "XrequestId", NULL));
    json_add(entities, v);
}

static bool refused(const struct json *e, struct slice type)
{
    return slice_is(type, "query_refused") || slice_is(type, "refused") || slice_is(type, "login_failed") ||
           slice_is(json_text(json_get(e, "status")), "refused") || slice_is(json_text(json_get(e, "decision")), "refuse") ||
           slice_is(json_text(json_get(e, "opinion")), "deny");
}

static void add_agents(struct json *v, const struct json *e, const struct telling *t, const char *origin)
{
    struct json *agents = json_array();
    struct slice account = json_text(json_get(e, "account")), site = json_text(json_get(e, "site"));
    bool person = account.len > 0;
    json_set(v, "agent", agents);
    if (t->type && (slice_is(slice_str(t->type), "query") || slice_is(slice_str(t->type), "query_refused"))) {
        add_agent(agents, concept(DICOM, "110153"), "client", slice_str("client"), false, (struct slice){0});
        add_network(agents, "urn:innsyn:client");
    }
    add_agent(agents, concept(DICOM, "110152"), "log", slice_str(origin), !person && !site.len, (struct slice){0});
    add_network(agents, origin);
    if (person)
        add_agent(agents, concept(PARTICIPATION, "IRCP"), "account", account, true, json_text(json_get(e, "purpose")));
    if (site.len)
        add_agent(agents, concept(PARTICIPATION, "CST"), "site", site, !person, (struct slice){0});
}

static void add_entities(struct json *v, const struct json *e, struct slice bytes, uint64_t index)
{
    static const struct {
        const char *member, *role;
    } things[] = {{"query", "24"}, {"permit", "22"}, {"application", "20"}, {"dataset", "4"}, {"task", "20"}, {"token", "22"}, {"document", "4"}};
    struct json *entities = json_array();
    struct slice type = json_text(json_get(e, "type"));
    bool asks = slice_is(type, "query") || slice_is(type, "query_refused");
    char number[24];
    json_set(v, "entity", entities);
    if (asks)
        add_entity(entities, "query", json_text(json_get(e, "query")), "2", "24", bytes);
    for (size_t i = asks ? 1 : 0; i < sizeof things / sizeof things[0]; i++)
        if (json_text(json_get(e, things[i].member)).len)
            add_entity(entities, things[i].member, json_text(json_get(e, things[i].member)), "2", things[i].role, (struct slice){0});
    if (json_text(json_get(e, "request")).len) /* BALP's transaction */
        add_transaction(entities, json_text(json_get(e, "request")));
    snprintf(number, sizeof number, "%llu", (unsigned long long)index);
    add_entity(entities, "entry", slice_str(number), "2", "13", (struct slice){0});
}

struct json *audit_event(const struct json *e, struct slice bytes, uint64_t index, const char *origin)
{
    struct slice type = json_text(json_get(e, "type")), code = json_text(json_get(e, "code"));
    const struct telling *t = tellings;
    while (t->type && !slice_is(type, t->type))
        t++;
    struct json *v = json_object(), *subtypes = json_array(), *source = json_object(), *meta = json_object(), *profiles = json_array();
    char id[32];
    snprintf(id, sizeof id, "entry-%llu", (unsigned long long)index);
    json_set(v, "resourceType", json_of_str("AuditEvent"));
    json_set(v, "id", json_of_str(id));
    if (slice_is(type, "query"))
        json_add(profiles, json_of_str(BALP "IHE.BasicAudit.Query"));
    if (slice_is(type, "permit") || slice_is(type, "permit_status") || slice_is(type, "permit_signature"))
        json_add(profiles, json_of_str(BALP "IHE.BasicAudit.AuthZconsent"));
    if (json_size(profiles)) {
        json_set(meta, "profile", profiles);
        json_set(v, "meta", meta);
    } else {
        json_free(profiles);
        json_free(meta);
    }
    json_set(v, "type", coding(t->system, t->code, t->display));
    json_add(subtypes, coding(t->sub_system, t->sub_code, NULL));
    struct json *own = json_object(); /* the entry's own type, so that nothing is lost in the telling */
    json_set(own, "system", json_of_str("urn:innsyn:entry"));
    json_set(own, "code", json_of_text(type));
    json_add(subtypes, own);
    json_set(v, "subtype", subtypes);
    json_set(v, "action", json_of_str(t->action));
    json_set(v, "recorded", json_of_text(json_text(json_get(e, "at"))));
    json_set(v, "outcome", json_of_str(refused(e, type) ? "4" : "0"));
    if (code.len)
        json_set(v, "outcomeDesc", json_of_text(code));
    add_agents(v, e, t, origin);
    json_set(source, "observer", who("log", slice_str(origin)));
    json_set(v, "source", source);
    add_entities(v, e, bytes, index);
    return v;
}

/* --- CSV --- */

static const char *const csv_members[] = {"at", "type", "account", "site", "dataset", "purpose", "permit", "query", "application", "code"};
const char audit_csv_head[] = "entry,at,type,account,site,dataset,purpose,permit,query,application,code,json\r\n";

static result csv_cell(struct slice text, struct buffer *to, struct why *why)
{
    bool formula = text.len && strchr("=+-@\t", text.at[0]) != NULL;
    TRY(buffer_add_str(to, formula ? ",\"'" : ",\"", why));
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '"')
            TRY(buffer_add_byte(to, '"', why));
        TRY(buffer_add_byte(to, text.at[i], why));
    }
    return buffer_add_byte(to, '"', why);
}

result audit_csv(const struct json *e, struct slice bytes, uint64_t index, struct buffer *to, struct why *why)
{
    TRY(buffer_printf(to, why, "%llu", (unsigned long long)index));
    for (size_t i = 0; i < sizeof csv_members / sizeof csv_members[0]; i++)
        TRY(csv_cell(json_text(json_get(e, csv_members[i])), to, why));
    TRY(csv_cell(bytes, to, why));
    return buffer_add_str(to, "\r\n", why);
}
