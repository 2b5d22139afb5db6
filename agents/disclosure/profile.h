/*
 * profile.h - what a profile asks of counts.  A profile belongs to the dataset (I5); its numbers are parameters.inc's.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_PROFILE_H
#define INNSYN_AGENTS_DISCLOSURE_PROFILE_H

#include "agents/parameters.h"
#include "agents/disclosure/ptable.h"
#include "proto/dictionary.h"

struct profile_rules {
    const struct ptable *noise;
    uint64_t parent_persons_min;
    int64_t small_published_max; /* published counts above 0 and up to this are hardly above nothing */
};

/* The rules of the profiles whose counts carry cell-key noise (ck, strict); NULL for the others. */
const struct profile_rules *profile_rules(enum profile p);

#endif
