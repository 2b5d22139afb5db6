/*
 * data_use.h - the conditions under which data may be used, in terms of the GA4GH Data Use Ontology (DUO,
 * release 2021-02-23, CC BY 4.0), and the use that is asked for.  Documents only: dictionaries, applications and
 * permits carry them; what fits what is policy/duo.h's matter.
 */
#ifndef INNSYN_PROTO_DATA_USE_H
#define INNSYN_PROTO_DATA_USE_H

#include "proto/id.h"
#include "proto/json.h"

enum { USE_CONDITIONS_MAX = 32, USE_VALUES_MAX = 32, USE_VALUE_MAX = 100, USE_NOTE_MAX = 1000, USE_MONTHS_MAX = 1200, USE_CODE_SIZE = 12,
       COUNTRY_LEN = 2, ORGANISATION_NAME_MAX = 200 };

/* What a condition says beside its code, and the member that holds it. */
enum use_argument {
    USE_ARGUMENT_NONE,
    USE_ARGUMENT_DISEASES,     /* "diseases": ["MONDO:0005010", "ICD10:I20-I25"] */
    USE_ARGUMENT_REGIONS,      /* "regions": ["NO", "EU", "EEA"]: ISO 3166 or one of these two */
    USE_ARGUMENT_INSTITUTIONS, /* "institutions": an organisation's id or number here */
    USE_ARGUMENT_USERS,        /* "users": accounts */
    USE_ARGUMENT_PROJECTS,     /* "projects": as an application names its project */
    USE_ARGUMENT_MONTHS,       /* "months": from the permit's beginning */
    USE_ARGUMENT_DATE,         /* "until": a day, the first on which results may be published */
    USE_ARGUMENT_NOTE,         /* "note", which is needed here */
};
const char *use_argument_name(enum use_argument a); /* the member's name; "" for none */

struct use_code {
    unsigned number;             /* 44 of DUO:0000044 */
    const char *name;            /* "NPOA" */
    const char *text, *text_nb;  /* what it means */
    enum use_argument argument;
    bool permission;             /* of which a dataset has one; else a modifier */
};
const struct use_code *use_codes(unsigned *ret_count);
/* "DUO:0000044", and "DUO:00000044" as the OWL file spells it.  NULL: no condition (a heading, withdrawn, unknown). */
const struct use_code *use_code_find(struct slice code);
void use_code_print(const struct use_code *c, char to[USE_CODE_SIZE]); /* seven digits */

struct use_condition {
    const struct use_code *code;
    struct slice values[USE_VALUES_MAX]; /* borrowed from the tree */
    unsigned value_count;
    int64_t months;                      /* USE_ARGUMENT_MONTHS */
    int32_t until_day;                   /* USE_ARGUMENT_DATE, days since 1970 */
    struct slice note;                   /* for people; empty if none */
    bool deviation;                      /* in a permit only: its signers let it pass although a machine would not */
};
struct use_conditions {
    struct use_condition at[USE_CONDITIONS_MAX];
    unsigned count;
};
/* An array of {"code", argument, "note", and in a permit "deviation"}; NULL reads as none.  Borrows from the tree.
 * MALFORMED with the path below `path`: an unknown, withdrawn or repeated code, a second permission, a missing or
 * foreign argument. */
MUST_CHECK result use_conditions_read(const struct json *array, const char *path, bool in_permit, struct use_conditions *ret, struct why *why);
struct json *use_condition_json(const struct use_condition *c); /* the one form; the caller frees */
struct json *use_conditions_json(const struct use_conditions *c);
/* The same code with the same argument and note; deviation is not looked at. */
bool use_condition_equal(const struct use_condition *a, const struct use_condition *b);
const struct use_condition *use_condition_find(const struct use_conditions *c, unsigned number); /* NULL: not there */

/* --- the use asked for: an application's and a permit's member "research" --- */
enum research_kind { RESEARCH_DISEASE, RESEARCH_HEALTH, RESEARCH_GENERAL, RESEARCH_ANCESTRY, RESEARCH_METHODS, RESEARCH_CONTROL, RESEARCH_CARE };
enum { RESEARCH_KINDS = 7, RESEARCH_TOPICS = 9 };
const char *research_kind_name(enum research_kind k); /* "disease", "health", "general", "ancestry", "methods", "control", "care" */
const char *research_topic_name(unsigned topic);      /* "single_gender", ...; what a human always looks at */

enum known { KNOWN_NOT, KNOWN_NO, KNOWN_YES };
struct research {
    bool given;                              /* false: only what the purpose implies */
    bool kinds[RESEARCH_KINDS];              /* with several all must be allowed */
    bool topics[RESEARCH_TOPICS];
    struct slice diseases[USE_VALUES_MAX];   /* borrowed */
    unsigned disease_count;
    enum known commercial;
    struct slice project;                    /* the approved project's id, if it has one */
};
/* {"kinds":["disease"],"diseases":["MONDO:0005010"],"commercial":false,"topics":[],"project":"x"}, all but kinds optional.
 * NULL: what the purpose of Article 53(1) implies: d general, others health; product development (e.i) does not say
 * whether it is commercial, others are not.  MALFORMED: with the path below `path`. */
MUST_CHECK result research_read(const struct json *v, struct slice purpose, const char *path, struct research *ret, struct why *why);

/* --- who asks: an organisation as the broker's register and a permit's member "organisation" hold it --- */
struct organisation {
    bool given;
    struct label id;
    struct slice name;
    unsigned kind;        /* enum organisation_kind of policy/purpose.h */
    struct slice country; /* "NO" */
    struct slice number;  /* "0192:974760673"; empty if none */
    bool mandate;         /* acts for a public body (Article 53(2)) */
};
bool country_valid(struct slice text);
/* {"id","name","kind":"public"|"research"|"company","country","number","mandate"}; NULL: not given. */
MUST_CHECK result organisation_read(const struct json *v, const char *path, struct organisation *ret, struct why *why);
struct json *organisation_json(const struct organisation *o);

#endif
