/* condition_words.h - a condition of use as a person reads it before signing or applying. */
#ifndef INNSYN_CLIENT_SHOW_CONDITION_WORDS_H
#define INNSYN_CLIENT_SHOW_CONDITION_WORDS_H

#include "proto/data_use.h"

/* "DUO:0000007 DS research on the diseases named: MONDO:0005010 (note)", on one line. */
MUST_CHECK result condition_words(const struct use_condition *c, struct buffer *to, struct why *why);

#endif
