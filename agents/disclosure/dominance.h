/*
 * dominance.h - may a sum leave, or would it tell what its largest contributors contributed (section 1.3)?
 * p % rule: what is left without the two largest is how wrong the second's best estimate of the largest is.
 * (n,k) rule: the n largest make too much of the sum.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_DOMINANCE_H
#define INNSYN_AGENTS_DISCLOSURE_DOMINANCE_H

#include <stdbool.h>
#include <stdint.h>

/* What the rules need of the contributions of `persons` persons, one each. */
struct contributions {
    uint64_t persons;
    double total, largest, second; /* second: 0 for less than two */
    double smallest;
};

/* Limits as shares: p_percent 10 and (n,k) = (2, k_percent 90) by parameters.inc. */
struct dominance_limits {
    double p_percent, k_percent;
    uint64_t persons_min;
};
struct dominance_limits dominance_limits_default(void);

struct dominance {
    bool undefined;  /* a negative contribution: the rules mean nothing, so nothing leaves */
    bool p_percent, nk, too_few;
    bool unsafe;     /* any of them */
};
struct dominance dominance_of(const struct contributions *c, const struct dominance_limits *l);

#endif
