#include "agents/guard/true_values.h"

#ifdef INNSYN_TEST_HOOKS
result true_values(const struct question *q, const struct engine_answer *a, struct published *ret, struct why *why)
{
    struct dictionary open = *q->dictionary; /* both borrow everything */
    struct question as_open = *q;
    open.profile = PROFILE_OPEN;
    as_open.dictionary = &open;
    return counts_open(&as_open, a, ret, why);
}
#else
extern int true_values_are_for_test_builds; /* a translation unit needs a declaration */
#endif
