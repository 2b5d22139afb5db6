/* persons.h - which persons a load has seen, told apart by 128-bit prints. */
#ifndef INNSYN_AGENTS_LOADER_PERSONS_H
#define INNSYN_AGENTS_LOADER_PERSONS_H

#include <stdint.h>

#include "base/result.h"

struct person_print {
    uint64_t high, low; /* uniform bits */
};

struct persons {
    struct person_print *prints; /* by ordinal */
    uint32_t *first_row;         /* by ordinal */
    uint32_t *slots;             /* ordinal + 1, 0: empty; open addressing by `low` */
    uint64_t count, room, slot_count;
};

void persons_init(struct persons *p);
void persons_done(struct persons *p); /* wipes */

/* The person's ordinal; *ret_new tells whether this is the first row of theirs.  LIMIT: no memory, or
 * more persons than 32 bits can number. */
MUST_CHECK result persons_find(struct persons *p, struct person_print print, uint32_t row, uint32_t *ret_ordinal,
                               bool *ret_new, struct why *why);

#endif
