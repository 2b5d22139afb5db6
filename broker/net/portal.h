/*
 * portal.h - the portal's static files, read once at start: afterwards the process that holds strangers'
 * bytes opens no file any more.  Taken are plain files with names of an allow-list and a known ending,
 * no symbolic links, nothing hidden; all else in the folder is left out and logged.
 */
#ifndef INNSYN_BROKER_NET_PORTAL_H
#define INNSYN_BROKER_NET_PORTAL_H

#include "base/result.h"
#include "base/slice.h"

enum { PORTAL_FILES_MAX = 512, PORTAL_DEPTH_MAX = 6, PORTAL_BYTES_MAX = 32 * 1024 * 1024, PORTAL_NAME_MAX = 200 };

struct portal_file {
    char path[PORTAL_NAME_MAX + 1]; /* "/js/app.js" */
    const char *content_type;
    char etag[40];                  /* quoted */
    uint8_t *bytes;
    size_t len;
};
struct portal {
    struct portal_file *files; /* sorted by path */
    unsigned count;
    size_t bytes;
};

/* folder "": an empty portal.  ABSENT: no such folder.  LIMIT: more than the maxima above.
 * UNAVAILABLE: a file cannot be read. */
MUST_CHECK result portal_read(const char *folder, struct portal *ret, struct why *why);
void portal_done(struct portal *p); /* zeroed portals are welcome */

/* "/" and "/x/" stand for their index.html; NULL: there is no such file. */
const struct portal_file *portal_find(const struct portal *p, const char *path);

#endif
