/*
 * zcdp.h - the accounting of profile dp: zero-concentrated differential privacy, whose rho adds up (section 1.7).
 * Budgets are whole units of 2^-40 rho; a spend is rounded up, so that the sum never claims less than was spent.
 */
#ifndef INNSYN_AGENTS_DISCLOSURE_ZCDP_H
#define INNSYN_AGENTS_DISCLOSURE_ZCDP_H

#include <stdint.h>

#include "base/result.h"

#define ZCDP_UNITS_A_RHO (UINT64_C(1) << 40)

/* num/den rho in units, rounded up.  MALFORMED: den is 0.  LIMIT: over 2^20 rho. */
MUST_CHECK result zcdp_units(uint64_t num, uint64_t den, uint64_t *ret, struct why *why);

struct zcdp_budget {
    uint64_t cap, spent; /* units; spent <= cap */
};
uint64_t zcdp_left(const struct zcdp_budget *b);
/* Takes the units.  DENIED: they are more than is left; nothing was taken. */
MUST_CHECK result zcdp_spend(struct zcdp_budget *b, uint64_t units, struct why *why);

/* The smallest whole sigma^2 of Gaussian noise on counts in which a person counts once, for that spend:
 * 1 / (2 rho), rounded up.  units must not be 0. */
uint64_t zcdp_sigma2(uint64_t units);
/* The same where a person moves a sum by `reach` at most: reach^2 / (2 rho), rounded up.  reach: at most 2^18;
 * units: at least 2^20, so that it fits. */
uint64_t zcdp_sigma2_of(uint64_t units, uint64_t reach);

/* epsilon at delta of rho: by rho + 2 sqrt(rho ln(1/delta)), and the smallest that follows from rho
 * (Canonne, Kamath, Steinke 2020, proposition 12); rho of epsilon by the second.  All above 0, delta below 1. */
double zcdp_epsilon_standard(double rho, double delta);
double zcdp_epsilon(double rho, double delta);
double zcdp_rho(double epsilon, double delta);
/* The exact delta at epsilon of one count with discrete Gaussian noise. */
double zcdp_gaussian_delta(double sigma2, double epsilon);

#endif
