#include "agents/guard/weakened.h"

#ifdef INNSYN_TEST_HOOKS
#include <stdlib.h>
#include <string.h>

bool weakened(const char *what)
{
    const char *off = getenv("INNSYN_TEST_DEFENCES_OFF");
    return off && strcmp(off, what) == 0;
}

result weakened_counts(const struct question *q, const struct engine_answer *a, struct published *ret, struct why *why)
{
    struct dictionary open = *q->dictionary; /* both borrow everything */
    struct question as_open = *q;
    open.profile = PROFILE_OPEN;
    as_open.dictionary = &open;
    return counts_open(&as_open, a, ret, why);
}
#else
extern int weakened_is_for_test_builds; /* a translation unit needs a declaration */
#endif
