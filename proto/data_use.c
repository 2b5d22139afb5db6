#include "proto/data_use.h"

#include <stdio.h>

#include "base/instant.h"
#include "proto/document.h"
#include "proto/fields.h"

/* --- codes --------------------------------------------------------------------------------------- */

static const struct use_code CODES[] = {
    /* permissions */
    {4, "NRES", "no restriction", "ingen begrensning", USE_ARGUMENT_NONE, true},
    {42, "GRU", "general research use", "forskning generelt", USE_ARGUMENT_NONE, true},
    {6, "HMB", "health, medical and biomedical research", "helseforskning, medisinsk og biomedisinsk forskning", USE_ARGUMENT_NONE, true},
    {7, "DS", "research on the diseases named", "forskning på de sykdommene som er nevnt", USE_ARGUMENT_DISEASES, true},
    {11, "POA", "population origins and ancestry research only", "bare forskning på opphav og avstamning", USE_ARGUMENT_NONE, true},
    /* modifiers */
    {43, "CC", "clinical care is allowed", "klinisk bruk er tillatt", USE_ARGUMENT_NONE, false},
    {12, "RS", "only the type of research described", "bare den forskningen som er beskrevet", USE_ARGUMENT_NOTE, false},
    {15, "NMDS", "no general methods research", "ingen allmenn metodeforskning", USE_ARGUMENT_NONE, false},
    {16, "GSO", "genetic studies only", "bare genetiske studier", USE_ARGUMENT_NONE, false},
    {18, "NPUNCU", "not-for-profit organisations and non-commercial use only", "bare ideelle og offentlige virksomheter, ikke kommersiell bruk", USE_ARGUMENT_NONE, false},
    {45, "NPU", "not-for-profit organisations only", "bare ideelle og offentlige virksomheter", USE_ARGUMENT_NONE, false},
    {46, "NCU", "non-commercial use only", "ikke kommersiell bruk", USE_ARGUMENT_NONE, false},
    {19, "PUB", "results must be published", "resultatene skal publiseres", USE_ARGUMENT_NONE, false},
    {20, "COL", "collaboration with the study is required", "samarbeid med studien kreves", USE_ARGUMENT_NOTE, false},
    {21, "IRB", "ethics approval is required", "etisk godkjenning kreves", USE_ARGUMENT_NONE, false},
    {22, "GS", "only in the regions named", "bare i de områdene som er nevnt", USE_ARGUMENT_REGIONS, false},
    {24, "MOR", "publication not before the day named", "ingen publisering før den dagen som er nevnt", USE_ARGUMENT_DATE, false},
    {25, "TS", "only for the months named", "bare i det antall måneder som er nevnt", USE_ARGUMENT_MONTHS, false},
    {26, "US", "only the users named", "bare de brukerne som er nevnt", USE_ARGUMENT_USERS, false},
    {27, "PS", "only the projects named", "bare de prosjektene som er nevnt", USE_ARGUMENT_PROJECTS, false},
    {28, "IS", "only the institutions named", "bare de institusjonene som er nevnt", USE_ARGUMENT_INSTITUTIONS, false},
    {29, "RTN", "derived data must be returned", "avledede data skal leveres tilbake", USE_ARGUMENT_NONE, false},
    {44, "NPOA", "no population origins or ancestry research", "ingen forskning på opphav og avstamning", USE_ARGUMENT_NONE, false},
};
enum { CODE_COUNT = sizeof CODES / sizeof CODES[0], CODE_LEN = 11, CODE_LONG_LEN = 12 };

/* Terms of the ontology that are no conditions of a dataset, and what to write instead. */
static const struct {
    unsigned number;
    const char *remedy;
} NO_CONDITIONS[] = {
    {1, "is a heading of the ontology: name one of its permissions"},
    {17, "is a heading of the ontology: name one of its modifiers"},
    {5, "was withdrawn from the ontology: name DUO:0000042 (GRU) and DUO:0000043 (CC)"},
    {14, "was withdrawn from the ontology: name the modifier that is meant"},
};

static const char *const ARGUMENTS[] = {"", "diseases", "regions", "institutions", "users", "projects", "months", "until", "note"};

const char *use_argument_name(enum use_argument a)
{
    return a <= USE_ARGUMENT_NOTE ? ARGUMENTS[a] : "";
}

const struct use_code *use_codes(unsigned *ret_count)
{
    *ret_count = CODE_COUNT;
    return CODES;
}

/* 0: another text. */
static unsigned code_number(struct slice code)
{
    unsigned n = 0;
    if ((code.len != CODE_LEN && code.len != CODE_LONG_LEN) || !slice_starts(code, "DUO:"))
        return 0;
    for (size_t i = 4; i < code.len; i++) {
        if (code.at[i] < '0' || code.at[i] > '9')
            return 0;
        n = n * 10 + (unsigned)(code.at[i] - '0');
    }
    return n;
}

const struct use_code *use_code_find(struct slice code)
{
    unsigned n = code_number(code);
    for (unsigned i = 0; i < CODE_COUNT && n; i++)
        if (CODES[i].number == n)
            return &CODES[i];
    return NULL;
}

void use_code_print(const struct use_code *c, char to[USE_CODE_SIZE])
{
    (void)snprintf(to, USE_CODE_SIZE, "DUO:%07u", c->number % 10000000u);
}

/* --- conditions: reading ------------------------------------------------------------------------- */

static bool is_capital(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

bool country_valid(struct slice text)
{
    return text.len == COUNTRY_LEN && is_capital(text.at[0]) && is_capital(text.at[1]);
}

static bool value_valid(enum use_argument a, struct slice text)
{
    struct label account;
    if (!text.len || text.len > USE_VALUE_MAX)
        return false;
    if (a == USE_ARGUMENT_REGIONS)
        return country_valid(text) || slice_is(text, "EEA");
    if (a == USE_ARGUMENT_DISEASES) /* a vocabulary and its code */
        return is_capital(text.at[0]) && slice_find(text, ':') + 1 < text.len;
    return a != USE_ARGUMENT_USERS || is_ok(label_parse(text, &account, NULL));
}

static result read_values(struct fields *f, const char *key, enum use_argument a, bool needed, struct slice *to, unsigned *ret_count)
{
    const struct json *array = NULL;
    char path[JSON_PATH_MAX];
    TRY(may_array(f, key, USE_VALUES_MAX, &array));
    fields_path(f, key, path);
    if (needed && !json_size(array))
        return FAIL_AT(f->why, MALFORMED, path, "is needed here: name at least one");
    for (*ret_count = 0; *ret_count < json_size(array); ++*ret_count) {
        struct slice text = json_text(json_item(array, *ret_count));
        path_of_item(f, key, *ret_count, path);
        if (!value_valid(a, text))
            return FAIL_AT(f->why, MALFORMED, path, "%s",
                           a == USE_ARGUMENT_DISEASES  ? "a disease is a code such as MONDO:0005010 or ICD10:I21"
                           : a == USE_ARGUMENT_REGIONS ? "a region is a country's two letters, EU or EEA"
                           : a == USE_ARGUMENT_USERS   ? "a user is an account's name"
                                                       : "must be a text of 1 to 100 bytes");
        to[*ret_count] = text;
    }
    return DONE;
}

static result read_argument(struct fields *f, struct use_condition *c)
{
    char path[JSON_PATH_MAX];
    struct slice day = {0};
    const char *key = use_argument_name(c->code->argument);
    switch (c->code->argument) {
    case USE_ARGUMENT_NONE:
    case USE_ARGUMENT_NOTE: break;
    case USE_ARGUMENT_MONTHS: TRY(need_integer(f, key, 1, USE_MONTHS_MAX, &c->months)); break;
    case USE_ARGUMENT_DATE:
        TRY(need_text(f, key, DATE_TEXT_SIZE, &day));
        fields_path(f, key, path);
        if (!date_parse(day, &c->until_day))
            return FAIL_AT(f->why, MALFORMED, path, "not a day: write YYYY-MM-DD");
        break;
    case USE_ARGUMENT_DISEASES:
    case USE_ARGUMENT_REGIONS:
    case USE_ARGUMENT_INSTITUTIONS:
    case USE_ARGUMENT_USERS:
    case USE_ARGUMENT_PROJECTS: TRY(read_values(f, key, c->code->argument, true, c->values, &c->value_count)); break;
    }
    TRY(may_text(f, "note", USE_NOTE_MAX, &c->note));
    fields_path(f, "note", path);
    if (c->code->argument == USE_ARGUMENT_NOTE && !c->note.len)
        return FAIL_AT(f->why, MALFORMED, path, "%s needs a note: what is meant, or whom to turn to", c->code->name);
    return DONE;
}

static result read_code(struct fields *f, const struct use_conditions *before, struct use_condition *c)
{
    struct slice text;
    char path[JSON_PATH_MAX];
    TRY(need_text(f, "code", CODE_LONG_LEN, &text));
    fields_path(f, "code", path);
    c->code = use_code_find(text);
    if (!c->code) {
        for (unsigned i = 0; i < sizeof NO_CONDITIONS / sizeof NO_CONDITIONS[0]; i++)
            if (code_number(text) == NO_CONDITIONS[i].number)
                return FAIL_AT(f->why, MALFORMED, path, "'%.*s' %s", SLICE_ARG(text), NO_CONDITIONS[i].remedy);
        return FAIL_AT(f->why, MALFORMED, path, "'%.*s' is no condition of the Data Use Ontology, such as DUO:0000042", SLICE_ARG(text));
    }
    for (unsigned i = 0; i < before->count; i++) {
        if (before->at[i].code == c->code)
            return FAIL_AT(f->why, MALFORMED, path, "%s is there twice", c->code->name);
        if (before->at[i].code->permission && c->code->permission)
            return FAIL_AT(f->why, MALFORMED, path, "%s is a second permission beside %s: a dataset has one, and any number of modifiers", c->code->name,
                           before->at[i].code->name);
    }
    return DONE;
}

result use_conditions_read(const struct json *array, const char *path, bool in_permit, struct use_conditions *ret, struct why *why)
{
    struct use_conditions c = {.count = 0};
    if (json_kind(array) != JSON_NULL && json_kind(array) != JSON_ARRAY)
        return FAIL_AT(why, MALFORMED, path, "must be an array of conditions");
    if (json_size(array) > USE_CONDITIONS_MAX)
        return FAIL_AT(why, MALFORMED, path, "at most %d conditions", USE_CONDITIONS_MAX);
    for (; c.count < json_size(array); c.count++) {
        struct fields f;
        char at[JSON_PATH_MAX];
        struct use_condition *one = &c.at[c.count];
        (void)snprintf(at, sizeof at, "%.80s/%u", path, c.count);
        TRY(fields_open(json_item(array, c.count), at, &f, why));
        TRY(read_code(&f, &c, one));
        TRY(read_argument(&f, one));
        if (in_permit)
            TRY(may_bool(&f, "deviation", &one->deviation));
        TRY(fields_close(&f));
    }
    *ret = c;
    return DONE;
}

/* --- conditions: printing and comparing ----------------------------------------------------------- */

struct json *use_condition_json(const struct use_condition *c)
{
    struct json *o = json_object();
    char text[USE_CODE_SIZE + DATE_TEXT_SIZE];
    const char *key = use_argument_name(c->code->argument);
    use_code_print(c->code, text);
    json_set(o, "code", json_of_str(text));
    if (c->code->argument == USE_ARGUMENT_MONTHS)
        json_set(o, key, json_of_integer(c->months));
    if (c->code->argument == USE_ARGUMENT_DATE) {
        date_print(c->until_day, text);
        json_set(o, key, json_of_str(text));
    }
    if (c->value_count) {
        struct json *values = json_array();
        for (unsigned i = 0; i < c->value_count; i++)
            json_add(values, json_of_text(c->values[i]));
        json_set(o, key, values);
    }
    if (c->note.len)
        json_set(o, "note", json_of_text(c->note));
    if (c->deviation)
        json_set(o, "deviation", json_of_bool(true));
    return o;
}

struct json *use_conditions_json(const struct use_conditions *c)
{
    struct json *a = json_array();
    for (unsigned i = 0; i < c->count; i++)
        json_add(a, use_condition_json(&c->at[i]));
    return a;
}

bool use_condition_equal(const struct use_condition *a, const struct use_condition *b)
{
    if (a->code != b->code || a->months != b->months || a->until_day != b->until_day || a->value_count != b->value_count ||
        !slice_equal(a->note, b->note))
        return false;
    for (unsigned i = 0; i < a->value_count; i++)
        if (!slice_equal(a->values[i], b->values[i]))
            return false;
    return true;
}

const struct use_condition *use_condition_find(const struct use_conditions *c, unsigned number)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->at[i].code->number == number)
            return &c->at[i];
    return NULL;
}

/* --- the use asked for --------------------------------------------------------------------------- */

static const char *const KINDS[RESEARCH_KINDS] = {"disease", "health", "general", "ancestry", "methods", "control", "care"};
static const char *const TOPICS[RESEARCH_TOPICS] = {
    "single_gender", "paediatric", "stigmatised", "vulnerable", "illegal_behaviour", "sexual_behaviour", "psychological_traits", "ethnicity", "other",
};

const char *research_kind_name(enum research_kind k)
{
    return k <= RESEARCH_CARE ? KINDS[k] : "?";
}

const char *research_topic_name(unsigned topic)
{
    return topic < RESEARCH_TOPICS ? TOPICS[topic] : "?";
}

static result read_set(struct fields *f, const char *key, const char *const *names, unsigned count, bool *to)
{
    const struct json *array = NULL;
    TRY(may_array(f, key, count, &array));
    for (size_t i = 0; i < json_size(array); i++) {
        unsigned k = 0;
        char path[JSON_PATH_MAX], allowed[160] = "";
        while (k < count && !slice_is(json_text(json_item(array, i)), names[k]))
            k++;
        if (k < count) {
            to[k] = true;
            continue;
        }
        for (k = 0; k < count; k++)
            (void)snprintf(allowed + strlen(allowed), sizeof allowed - strlen(allowed), "%s%s", k ? ", " : "", names[k]);
        path_of_item(f, key, i, path);
        return FAIL_AT(f->why, MALFORMED, path, "must be one of %s", allowed);
    }
    return DONE;
}

static struct research implied(struct slice purpose)
{
    struct research r = {.commercial = slice_is(purpose, "53.1.e.i") ? KNOWN_NOT : KNOWN_NO};
    r.kinds[slice_is(purpose, "53.1.d") ? RESEARCH_GENERAL : RESEARCH_HEALTH] = true;
    return r;
}

result research_read(const struct json *v, struct slice purpose, const char *path, struct research *ret, struct why *why)
{
    struct research r = implied(purpose);
    struct fields f;
    char at[JSON_PATH_MAX];
    bool any = false, commercial = false;
    if (json_kind(v) == JSON_NULL) {
        *ret = r;
        return DONE;
    }
    TRY(fields_open(v, path, &f, why));
    memset(r.kinds, 0, sizeof r.kinds);
    r.given = true;
    TRY(read_set(&f, "kinds", KINDS, RESEARCH_KINDS, r.kinds));
    TRY(read_set(&f, "topics", TOPICS, RESEARCH_TOPICS, r.topics));
    TRY(read_values(&f, "diseases", USE_ARGUMENT_DISEASES, r.kinds[RESEARCH_DISEASE], r.diseases, &r.disease_count));
    if (json_kind(json_get(v, "commercial")) == JSON_BOOL)
        r.commercial = json_truth(json_get(v, "commercial")) ? KNOWN_YES : KNOWN_NO;
    TRY(may_bool(&f, "commercial", &commercial));
    TRY(may_text(&f, "project", USE_VALUE_MAX, &r.project));
    TRY(fields_close(&f));
    for (unsigned k = 0; k < RESEARCH_KINDS; k++)
        any = any || r.kinds[k];
    fields_path(&f, "kinds", at);
    if (!any)
        return FAIL_AT(why, MALFORMED, at, "name at least one kind of research");
    *ret = r;
    return DONE;
}

/* --- who asks ------------------------------------------------------------------------------------ */

static const char *const ORGANISATIONS[] = {"public", "research", "company", NULL}; /* as policy/purpose.c names them */

result organisation_read(const struct json *v, const char *path, struct organisation *ret, struct why *why)
{
    struct organisation o = {.given = false};
    struct fields f;
    char at[JSON_PATH_MAX];
    if (json_kind(v) == JSON_NULL) {
        *ret = o;
        return DONE;
    }
    TRY(fields_open(v, path, &f, why));
    TRY(need_label(&f, "id", &o.id));
    TRY(need_text(&f, "name", ORGANISATION_NAME_MAX, &o.name));
    TRY(need_choice(&f, "kind", ORGANISATIONS, &o.kind));
    TRY(need_text(&f, "country", COUNTRY_LEN, &o.country));
    TRY(may_text(&f, "number", USE_VALUE_MAX, &o.number));
    TRY(may_bool(&f, "mandate", &o.mandate));
    TRY(fields_close(&f));
    fields_path(&f, "country", at);
    if (!country_valid(o.country))
        return FAIL_AT(why, MALFORMED, at, "must be a country's two letters (ISO 3166), such as NO");
    o.given = true;
    *ret = o;
    return DONE;
}

struct json *organisation_json(const struct organisation *o)
{
    struct json *v = json_object();
    json_set(v, "id", json_of_str(o->id.text));
    json_set(v, "name", json_of_text(o->name));
    json_set(v, "kind", json_of_str(ORGANISATIONS[o->kind]));
    json_set(v, "country", json_of_text(o->country));
    if (o->number.len)
        json_set(v, "number", json_of_text(o->number));
    if (o->mandate)
        json_set(v, "mandate", json_of_bool(true));
    return v;
}
