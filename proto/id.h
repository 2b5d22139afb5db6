/*
 * id.h - identifiers as parsed values.  They are parsed once, where they enter, and compared as
 * values ever after; nobody compares the ends of texts.
 *
 * label      [A-Za-z0-9][A-Za-z0-9_-]{0,62}       accounts, datasets, networks
 * site id    1 to 4 labels joined by '.'          "cleveland", "ulm.south"
 * variable   [A-Za-z_][A-Za-z0-9_.-]{0,63}
 * document   one kind letter, '-', 26 characters of Crockford base32 in lower case (128 random bits
 *            + 2 zero bits): "q-0v6x..." ; kinds: a application, p permit, q query, t task, k token,
 *            r request, c certificate/enrolment
 */
#ifndef INNSYN_PROTO_ID_H
#define INNSYN_PROTO_ID_H

#include "base/host.h"
#include "base/result.h"
#include "base/slice.h"

enum { LABEL_MAX = 63, SITE_ID_MAX = 127, SITE_LABELS_MAX = 4, VARIABLE_MAX = 64, DOCUMENT_ID_LEN = 28 };

struct label {
    char text[LABEL_MAX + 1];
};
struct site_id {
    char text[SITE_ID_MAX + 1];
};
struct document_id {
    char text[DOCUMENT_ID_LEN + 1];
};

/* MALFORMED names the rule; *ret is untouched then. */
MUST_CHECK result label_parse(struct slice text, struct label *ret, struct why *why);
MUST_CHECK result site_id_parse(struct slice text, struct site_id *ret, struct why *why);
MUST_CHECK result document_id_parse(struct slice text, char kind, struct document_id *ret, struct why *why);
bool variable_name_valid(struct slice text);

MUST_CHECK result document_id_new(const struct host *host, char kind, struct document_id *ret, struct why *why);
/* One that begins with the time (48 bits of milliseconds, then 80 random ones): ids made one after another stand near
 * each other in an index. */
MUST_CHECK result document_id_new_in_order(const struct host *host, char kind, struct document_id *ret, struct why *why);

bool label_equal(const struct label *a, const struct label *b);
bool site_id_equal(const struct site_id *a, const struct site_id *b);
bool document_id_equal(const struct document_id *a, const struct document_id *b);

/* The site named by a certificate's SAN URI "urn:innsyn:site:<id>", and back. */
#define SITE_URN_PREFIX "urn:innsyn:site:"
MUST_CHECK result site_id_from_urn(struct slice urn, struct site_id *ret, struct why *why);

#endif
