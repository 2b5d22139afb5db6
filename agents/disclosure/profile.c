#include "agents/disclosure/profile.h"

#include <assert.h>

/* The table must be what the parameters say: they are what a data holder reads. */
static const struct ptable *table(const char *name, int smallest_published, int noise_max, double variance)
{
    const struct ptable *t = ptable_find(slice_str(name));
    assert(t && t->smallest_published == smallest_published && t->noise_max == noise_max &&
           t->variance >= variance && t->variance <= variance);
    return t;
}

const struct profile_rules *profile_rules(enum profile p)
{
    static struct profile_rules ck = {NULL, PARENT_PERSONS_MIN, CK_SMALL_PUBLISHED_MAX},
                                strict = {NULL, STRICT_PARENT_PERSONS_MIN, STRICT_SMALL_PUBLISHED_MAX};
    switch (p) {
    case PROFILE_CK:
        ck.noise = table("default_k5", CK_SMALLEST_PUBLISHED, CK_NOISE_MAX, CK_NOISE_VARIANCE);
        return &ck;
    case PROFILE_STRICT:
        strict.noise = table("strict_k10", STRICT_SMALLEST_PUBLISHED, STRICT_NOISE_MAX, STRICT_NOISE_VARIANCE);
        return &strict;
    case PROFILE_DP:
    case PROFILE_OPEN: break;
    }
    return NULL;
}
