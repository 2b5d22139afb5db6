#include "agents/disclosure/release.h"
#include "agents/guard/true_values.h"

#ifdef INNSYN_TEST_HOOKS
#include <math.h>
#include <stdlib.h>

/* In the form of a protected answer, which is the only one that is read of such a dataset. */
static result as_protected(struct published *p, struct why *why)
{
    size_t count = (size_t)p->group_count * p->variable_count;
    p->protected_moments = calloc(count, sizeof *p->protected_moments);
    if (!p->protected_moments)
        return FAIL(why, LIMIT, "no memory for %zu moments", count);
    for (size_t i = 0; i < count; i++) {
        const struct moments *m = &p->moments[i];
        double variance = m->n > 1 ? m->m2 / ((double)m->n - 1) : 0;
        p->protected_moments[i] = (struct published_moments){(int64_t)m->n, (int64_t)m->n_missing, m->n ? m->mean : (double)NAN, variance};
    }
    return DONE;
}

result true_values(const struct question *q, const struct engine_answer *a, struct published *ret, struct why *why)
{
    struct dictionary open = *q->dictionary; /* both borrow everything */
    struct question as_open = *q;
    open.profile = PROFILE_OPEN;
    as_open.dictionary = &open;
    TRY(release_open(&as_open, a, ret, why));
    return q->statistic == STATISTIC_SUMMARY ? as_protected(ret, why) : DONE;
}
#else
extern int true_values_are_for_test_builds; /* a translation unit needs a declaration */
#endif
