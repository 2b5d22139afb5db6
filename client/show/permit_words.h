/*
 * permit_words.h - a permit in words: what somebody is about to sign.  Pure.
 */
#ifndef INNSYN_CLIENT_SHOW_PERMIT_WORDS_H
#define INNSYN_CLIENT_SHOW_PERMIT_WORDS_H

#include "proto/permit.h"

/* Everything the permit says, one thing a line; nothing it says is left out. */
MUST_CHECK result permit_words(const struct permit *p, struct buffer *to, struct why *why);

/* What was used of it, as the broker says (`used` of a permit): lines; none for nothing. */
MUST_CHECK result used_words(const struct json *used, struct buffer *to, struct why *why);

#endif
