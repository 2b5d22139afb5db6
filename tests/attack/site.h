/*
 * site.h - a site in one process, for attackers that ask often: a synthetic population and the agent's own engine,
 * rules, audit, charge and ledger, one after the other as guard calls them.  Each defence can be left out here,
 * because an attack that fails without it proves nothing; the programs themselves have no such switch.
 * Files go nowhere (tests/attack/kill.c is about files).  Everything is fixed by the seed.
 */
#ifndef INNSYN_TESTS_ATTACK_SITE_H
#define INNSYN_TESTS_ATTACK_SITE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "agents/disclosure/audit.h"
#include "agents/disclosure/charge.h"
#include "agents/disclosure/counts.h"
#include "agents/disclosure/profile.h"
#include "agents/engine/difference.h"
#include "agents/engine/engine.h"
#include "agents/engine/weighted.h"
#include "agents/guard/ledger.h"

enum { NUMBERS = 16, SITE_VARIABLES = 12 + NUMBERS, SITE_TEXT_MAX = 65536, BITS = 6 };
/* Variables: pid, zip (levels), age (8; groupings pairs and halves), dx (8), secret (2), x (integer, grid 1 from 0, clamps 0 to 60), b0 .. b5 (2). */
enum { ZIP = 1, AGE, DX, SECRET, X, B0, Y0 = B0 + BITS };

struct defences {
    bool noise, parents_and_audit, ledger;
    bool editions; /* who was answered on another edition pays more */
    bool valued; /* who has a value of a summarized variable is audited apart */
};
#define ALL_DEFENCES ((struct defences){true, true, true, true, true})
#define NO_DEFENCES ((struct defences){false, false, false, false, false})

struct population {
    unsigned persons, zips;
    uint16_t *zip;
    uint8_t *age, *dx, *secret, *bit[BITS];
    int *x; /* below 0: missing */
    double *y[NUMBERS]; /* NULL: nobody has one; population_number makes it */
    uint64_t seed;
};

struct site {
    struct dictionary *d;
    struct snapshot s;
    struct snapshot_column columns[SITE_VARIABLES];
    void *owned[SITE_VARIABLES];
    uint64_t *keys;
    struct cellkey *key;
    struct jitter *jitter;
    struct bitmaps *bitmaps;
    struct ledger *ledger;
    struct defences on;
    unsigned edition;
    bool nobody; /* has a column of missing values, which its numbers share */
};

enum said { ANSWERED, REFUSED, EXHAUSTED };

struct said_so {
    enum said said;
    struct published p;  /* ANSWERED */
    double charge;       /* of the secret, if the question names it; else the largest */
    size_t bytes;        /* of the refusal or answer as it would be sent */
};

double phi(double x); /* the normal distribution function */
uint64_t draw(uint64_t *seed);
unsigned below(uint64_t *seed, unsigned n);

void population_init(struct population *p, unsigned persons, unsigned zips, uint64_t seed);
double *population_number(struct population *p, unsigned number); /* of all, 0 at first */
void population_done(struct population *p);

/* New keys and an empty ledger.  The population is copied. */
void site_init(struct site *s, const struct population *p, struct defences on);
void site_done(struct site *s);
/* A new edition, without these rows (rising; borrowed). */
void site_leave_out(struct site *s, const uint64_t *rows, size_t count);
void site_forget(struct site *s); /* an empty ledger again */

/* where and statistic: JSON, "" for no where.  permit: a number.  The caller frees with published_done. */
struct said_so site_ask(struct site *s, unsigned permit, const char *where, const char *statistic);
struct cellkey *key_of(uint64_t seed);

#endif
