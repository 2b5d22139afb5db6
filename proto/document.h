/*
 * document.h - fields of documents that are identifiers, keys and kinds, read like those of json.h:
 * refused with MALFORMED and the path.
 */
#ifndef INNSYN_PROTO_DOCUMENT_H
#define INNSYN_PROTO_DOCUMENT_H

#include "proto/crypto.h"
#include "proto/fields.h"
#include "proto/id.h"
#include "proto/json.h"

/* Member "innsyn" must be exactly `kind` ("permit/1"). */
MUST_CHECK result need_kind(struct fields *f, const char *kind);
MUST_CHECK result need_label(struct fields *f, const char *key, struct label *ret);
MUST_CHECK result need_site_id(struct fields *f, const char *key, struct site_id *ret);
MUST_CHECK result need_document_id(struct fields *f, const char *key, char kind, struct document_id *ret);
MUST_CHECK result need_public_key(struct fields *f, const char *key, struct public_key *ret); /* base64 of the SPKI */

/* Writes "<path>/<key>/<index>" (cut if it is too long). */
void path_of_item(const struct fields *f, const char *key, size_t index, char to[JSON_PATH_MAX]);
/* Opens the index-th object of the array that is member `key` of f. */
MUST_CHECK result open_item(const struct fields *f, const char *key, const struct json *array, size_t index, struct fields *ret);
/* The same failure, saying where: for parsers that know no path. */
result fail_there(result r, struct why *why, const char *path);

#endif
