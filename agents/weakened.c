#include "agents/weakened.h"

#ifdef INNSYN_TEST_HOOKS
#include <stdlib.h>
#include <string.h>

bool weakened(const char *what)
{
    const char *off = getenv("INNSYN_TEST_DEFENCES_OFF");
    return off && strcmp(off, what) == 0;
}
#else
extern int weakened_is_for_test_builds; /* a translation unit needs a declaration */
#endif
