#include "agents/disclosure/ptable.h"

#include <assert.h>

static const struct ptable_row rows[PTABLE_ROWS] = {
#include "agents/disclosure/ptable_default.inc"
};

const struct ptable_row *ptable_row(uint64_t n)
{
    assert(n > 0);
    return &rows[(n < PTABLE_ROWS ? n : PTABLE_ROWS) - 1];
}

int ptable_noise(uint64_t n, uint32_t r)
{
    if (n == 0)
        return 0;
    const struct ptable_row *row = ptable_row(n);
    unsigned i = 0;
    while (r >= row->cumulative[i]) /* ends: r < 2^32, the last bound */
        i++;
    return row->v[i];
}
