/*
 * result_render.h - a result/1 document for people: a sentence, a cross table, a table of moments or
 * bars; then what protection did to it and which sites are missing.  Pure.
 */
#ifndef INNSYN_CLIENT_SHOW_RESULT_RENDER_H
#define INNSYN_CLIENT_SHOW_RESULT_RENDER_H

#include "proto/json.h"

struct render_options {
    bool utf8;      /* false: ASCII only */
    unsigned width; /* columns, for bars */
};

/* dictionary: the dataset's published dictionary, for labels; NULL: codes and names are shown.
 * MALFORMED: the document contradicts itself (names the field); `to` may then hold a beginning. */
MUST_CHECK result result_render(const struct json *document, const struct json *dictionary,
                                const struct render_options *options, struct buffer *to, struct why *why);

/* Sites that answered, and all that were asked. */
void result_count_sites(const struct json *document, unsigned *ret_answered, unsigned *ret_asked);

#endif
