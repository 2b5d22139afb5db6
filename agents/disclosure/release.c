#include "agents/disclosure/release.h"

#include "agents/disclosure/summary.h"

result release_protected(const struct question *q, const struct engine_answer *a, struct cellkey *key, struct slice edition,
                         struct published *ret, struct why *why)
{
    if (q->statistic == STATISTIC_SUMMARY)
        return summary_protect(q, a, key, edition, ret, why);
    return counts_protect(q, a, key, edition, ret, why);
}

result release_open(const struct question *q, const struct engine_answer *a, struct published *ret, struct why *why)
{
    if (q->statistic == STATISTIC_SUMMARY)
        return summary_open(q, a, ret, why);
    return counts_open(q, a, ret, why);
}
