/* layout.h - the names of a snapshot's files, shared by its writer and its reader. */
#ifndef INNSYN_AGENTS_SNAPSHOT_LAYOUT_H
#define INNSYN_AGENTS_SNAPSHOT_LAYOUT_H

#include <limits.h>

#include "agents/snapshot/snapshot.h"

enum { LAYOUT_NAME_SIZE = 32, LAYOUT_FILES_MAX = VARIABLES_MAX + 2, LAYOUT_ENTRIES_MAX = 100000 };
#define LAYOUT_FORMAT "snapshot/1"

struct layout_file {
    char name[LAYOUT_NAME_SIZE];
    unsigned variable; /* of a column */
    size_t width;      /* bytes a value */
    bool by_person;    /* one value a person, not a row */
};

/* The files that a snapshot of this dictionary has, beside manifest and dictionary, in the manifest's order:
 * columns, persons of rows, keys.  Returns how many. */
unsigned layout_files(const struct dictionary *d, struct layout_file ret[LAYOUT_FILES_MAX]);

/* <folder>/<name> and <folder>/snapshots/<hash>; LIMIT: over PATH_MAX. */
MUST_CHECK result layout_path(const char *folder, const char *name, char ret[PATH_MAX], struct why *why);
MUST_CHECK result layout_snapshot(const char *dataset_folder, const struct hash *name, char ret[PATH_MAX], struct why *why);

#endif
