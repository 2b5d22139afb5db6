/* attack.h - what the attacks share: how they report, and whether they run long. */
#ifndef INNSYN_TESTS_ATTACK_ATTACK_H
#define INNSYN_TESTS_ATTACK_ATTACK_H

#include "tests/attack/site.h"

extern bool full, failed;
extern const char WITHOUT_7[]; /* the levels of age but 7, as a JSON list */

/* off: what the attack reaches without defences; floor: what it must reach there, else the test is void.  reached must
 * not exceed bound. */
void report(const char *name, double off, double floor, double reached, double bound, unsigned runs, double charge, const char *what);
double sigma(double runs); /* standard error of a share near a half */

/* numbers.c */
void a17(void);
void a18(void);
void a24(void);
/* sums.c */
void a18_sums(void);
void a24_sums(void);
/* outside.c */
void b1(void);
void b2(void);
void b3(void);
void b4(void);
void c1(void);
/* hostile.c */
void b5(void);
void b6(void);
void b7(void);
void b8(void);
void b9(void);
void b10(void);

#endif
