/*
 * clean_text.h - a peer's text made safe for a terminal.
 * Control characters, DEL, C1 controls, line and paragraph separators, direction overrides and bytes
 * that are not UTF-8 are shown as \xNN or \u{NNNN}: an answer can neither move the cursor nor
 * write over what was printed before it.
 */
#ifndef INNSYN_CLIENT_CLEAN_TEXT_H
#define INNSYN_CLIENT_CLEAN_TEXT_H

#include "base/buffer.h"

/* Appends the visible form.  LIMIT: the buffer's maximum. */
MUST_CHECK result clean_text(struct slice text, struct buffer *to, struct why *why);

/* Appends JSON text (already valid) with the same characters as \uNNNN escapes: the same document. */
MUST_CHECK result clean_json(struct slice json, struct buffer *to, struct why *why);

#endif
