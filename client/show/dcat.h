/*
 * dcat.h - a dataset of the catalogue as DCAT (JSON-LD), with its conditions of use as ODRL over DUO's terms: for
 * catalogues that harvest.  What only the unit knows (contact points, publisher, custodian) is not in it.
 */
#ifndef INNSYN_CLIENT_SHOW_DCAT_H
#define INNSYN_CLIENT_SHOW_DCAT_H

#include "proto/dictionary.h"

/* url: the broker's address, for identifiers.  The caller frees. */
struct json *dcat_dataset(const struct dictionary *d, const char *url);
/* The catalogue around datasets (an array, taken over). */
struct json *dcat_catalogue(struct json *datasets, const char *url);

#endif
