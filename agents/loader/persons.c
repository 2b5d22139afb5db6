#include "agents/loader/persons.h"

#include <stdlib.h>

#include "base/secret.h"

enum { ROOM_FIRST = 1024, SLOTS_A_PERSON = 2 };

void persons_init(struct persons *p)
{
    *p = (struct persons){0};
}

void persons_done(struct persons *p)
{
    if (p->prints)
        wipe(p->prints, p->room * sizeof *p->prints);
    free(p->prints);
    free(p->first_row);
    free(p->slots);
    persons_init(p);
}

static uint64_t slot_of(const struct persons *p, struct person_print print)
{
    uint64_t i = print.low & (p->slot_count - 1);
    while (p->slots[i]) {
        const struct person_print *there = &p->prints[p->slots[i] - 1];
        if (there->high == print.high && there->low == print.low)
            break;
        i = (i + 1) & (p->slot_count - 1);
    }
    return i;
}

/* At most half of the slots are taken, so that a search ends, and soon. */
static result grow(struct persons *p, struct why *why)
{
    uint64_t room = p->room ? 2 * p->room : ROOM_FIRST;
    if (room > UINT64_C(1) << 32)
        return FAIL(why, LIMIT, "more than 4,294,967,295 persons");
    struct person_print *prints = realloc(p->prints, room * sizeof *prints);
    if (prints)
        p->prints = prints;
    uint32_t *first_row = realloc(p->first_row, room * sizeof *first_row);
    if (first_row)
        p->first_row = first_row;
    uint32_t *slots = calloc(room * SLOTS_A_PERSON, sizeof *slots);
    if (!prints || !first_row || !slots) {
        free(slots);
        return FAIL(why, LIMIT, "no memory to tell %llu persons apart", (unsigned long long)room);
    }
    free(p->slots);
    p->slots = slots;
    p->slot_count = room * SLOTS_A_PERSON;
    p->room = room;
    for (uint64_t i = 0; i < p->count; i++)
        p->slots[slot_of(p, p->prints[i])] = (uint32_t)(i + 1);
    return DONE;
}

result persons_find(struct persons *p, struct person_print print, uint32_t row, uint32_t *ret_ordinal, bool *ret_new,
                    struct why *why)
{
    if (p->count == p->room)
        TRY(grow(p, why));
    uint64_t i = slot_of(p, print);
    *ret_new = p->slots[i] == 0;
    if (*ret_new) {
        p->prints[p->count] = print;
        p->first_row[p->count] = row;
        p->slots[i] = (uint32_t)++p->count;
    }
    *ret_ordinal = p->slots[i] - 1;
    return DONE;
}
