#include "agents/disclosure/ptable.h"

#include <assert.h>
#include <stddef.h>

#include "agents/disclosure/ptable_sets.inc"

const struct ptable *ptable_find(struct slice name)
{
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        if (slice_is(name, sets[i].name))
            return &sets[i];
    return NULL;
}

const struct ptable_row *ptable_row(const struct ptable *t, uint64_t n)
{
    assert(n > 0);
    return &t->rows[(n < t->row_count ? n : t->row_count) - 1];
}

int ptable_noise(const struct ptable *t, uint64_t n, uint32_t r)
{
    if (n == 0)
        return 0;
    const struct ptable_row *row = ptable_row(t, n);
    unsigned i = 0;
    while (r >= row->cumulative[i]) /* ends: r < 2^32, the last bound */
        i++;
    return row->v[i];
}
