/*
 * permit.h - the decision that machines obey, and its status.
 * Signed by two different officers and by a holder of every site it names (I2).
 */
#ifndef INNSYN_PROTO_PERMIT_H
#define INNSYN_PROTO_PERMIT_H

#include "proto/data_use.h"
#include "proto/question.h"
#include "proto/trust.h"

enum { PERMIT_PEOPLE_MAX = 64, PERMIT_DATASETS_MAX = 64, PERMIT_SITES_MAX = 64, OBLIGATION_BYTES_MAX = 4000, PERMIT_BYTES_MAX = 256 * 1024,
       PERMIT_OFFICERS = 2, PERMIT_STATUS_AGE_MAX_MS = 15 * 60 * 1000 };

struct permit_dataset {
    struct label dataset;
    struct site_id *sites;
    unsigned site_count;
    struct slice *variables; /* NULL with variable_count 0: all ("*") */
    unsigned variable_count;
    bool statistics[STATISTIC_KINDS];
    struct use_conditions *use_conditions; /* as they were when it was granted: obligations; none: NULL */
};
struct permit_person {
    struct label account;
    struct public_key key;
};
struct permit_optout_list {
    struct site_id site;
    uint64_t version;
    struct hash hash;
};
/* What a site's holder asked for when approving it. */
struct permit_obligation {
    struct site_id site;
    struct slice text;
};
struct permit {
    struct document_id id;
    struct document_id application;
    struct label network;
    struct slice purpose; /* "53.1.e" */
    struct research research;         /* what the data are used for */
    struct organisation organisation; /* the applicant's */
    int64_t from_ms, to_ms; /* [from, to) */
    struct permit_dataset *datasets;
    unsigned dataset_count;
    struct permit_person people[PERMIT_PEOPLE_MAX];
    unsigned person_count;
    struct permit_obligation *obligations;
    unsigned obligation_count;
    struct permit_optout_list *optout_lists; /* in force when it was granted; none for sites that keep none */
    unsigned optout_list_count;
    struct hash hash; /* of the payload */
    struct json *tree;
    struct arena *memory;
};

/* Reads the payload; signatures are permit_check_signatures' matter. */
MUST_CHECK result permit_read(struct slice payload, struct permit **ret, struct why *why);
void permit_free(struct permit *p);
void permit_freep(struct permit **p);

/* Two officers with different accounts, none of them among the permit's people, and one holder of
 * every named site (site == NULL), or of that one site, who has not signed as an officer.  DENIED names what is missing. */
MUST_CHECK result permit_check_signatures(const struct envelope *e, const struct permit *p, const struct trust *t,
                                          const struct site_id *site, struct why *why);
const struct permit_dataset *permit_find_dataset(const struct permit *p, const struct label *dataset);
bool permit_dataset_covers_site(const struct permit_dataset *d, const struct site_id *site);
bool permit_dataset_covers_variable(const struct permit_dataset *d, struct slice variable);

enum permit_state { PERMIT_LIVE, PERMIT_SUSPENDED, PERMIT_REVOKED, PERMIT_EXPIRED };
const char *permit_state_name(enum permit_state s);
struct permit_status {
    struct document_id permit;
    struct hash permit_hash;
    enum permit_state state;
    uint64_t serial; /* rises with every change of state */
    int64_t at_ms;
};
/* Verifies the unit's seal and reads.  Age is the caller's to judge. */
MUST_CHECK result permit_status_open(const struct envelope *e, const struct trust *t, struct permit_status *ret, struct why *why);
MUST_CHECK result permit_status_print(const struct permit_status *s, const struct label *network, struct buffer *to, struct why *why);

#endif
