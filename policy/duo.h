/*
 * duo.h - may data under these conditions of use serve this research?  (GA4GH Data Use Ontology.)
 * A table, because the ontology's own tree gives wrong answers (NPU and NCU stand under NPUNCU; NRES, GRU and POA are
 * siblings); matching as in DUOS version 4, whose abstention is `review` here: a human must look.  Pure.
 */
#ifndef INNSYN_POLICY_DUO_H
#define INNSYN_POLICY_DUO_H

#include "policy/verdict.h"
#include "proto/data_use.h"

enum { DUO_VERSION = 1, DUO_ANCESTORS_MAX = 64 };

/* What is asked for, by whom.  What is not known is reviewed where a condition asks about it. */
struct duo_request {
    const struct research *research;
    const struct organisation *organisation; /* not given: unknown */
    const struct label *users;               /* everyone who would use the data; none: unknown */
    unsigned user_count;
    int64_t from_ms, until_ms;               /* the use's beginning and its last moment; 0: unknown */
};

/* Adds each condition that speaks against it, and each that a human must look at (use_condition).
 * accepted: the conditions that a permit carries, which its signers have looked at: what a machine cannot know is settled
 * by them, and what it denies only where they say so (deviation); NULL: none.  No conditions at all: nothing is said.
 * field: where the conditions stand ("/datasets/0"). */
void duo_check(const struct duo_request *r, const struct use_conditions *c, const struct use_conditions *accepted, const char *field,
               struct verdict *v);

/* What a human looks at whatever the dataset allows: research on one gender, children, ... */
void duo_check_topics(const struct research *r, struct verdict *v);

/* One cell of the matrix: request kinds are the rows of enum research_kind and, last, commercial use. */
enum { DUO_REQUESTS = RESEARCH_KINDS + 1 };
const char *duo_request_name(unsigned request); /* as research_kind_name; "commercial" */
/* What the table holds there: "permit", "deny", "review", or what it depends on. */
const char *duo_cell_name(unsigned request, const struct use_code *code);

/* --- diseases: which lies within which, as data --- */
struct duo_edge {
    const char *child, *parent;
};
/* A small part of MONDO (heart and vessels, diabetes, cancer), and where chapters and blocks of ICD-10 lie in it. */
const struct duo_edge *duo_diseases(unsigned *ret_count);
/* KNOWN_YES: the disease is the other or one of its kinds; KNOWN_NO: both are known and it is not; KNOWN_NOT: who knows. */
enum known duo_disease_within(struct slice disease, struct slice ancestor);

/* Is the country among these regions (countries, "EU", "EEA")? */
bool region_has(const struct slice *regions, unsigned count, struct slice country);

#endif
