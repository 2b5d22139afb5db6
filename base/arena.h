/*
 * arena.h - memory of one request: handed out in small pieces, wiped and given back at once,
 * with a ceiling.  Pointers live until arena_done or arena_clear.
 */
#ifndef INNSYN_BASE_ARENA_H
#define INNSYN_BASE_ARENA_H

#include <stddef.h>

#include "base/result.h"
#include "base/slice.h"

struct arena {
    struct arena_block *blocks;
    size_t used; /* bytes handed out, with padding */
    size_t max;
};

void arena_init(struct arena *a, size_t max);
void arena_done(struct arena *a);  /* wipes and frees; zeroed arenas are welcome */
void arena_clear(struct arena *a); /* wipes, keeps at most one block */

/* Zeroed memory, aligned for any object; NULL at the ceiling or when memory is out. */
void *arena_take(struct arena *a, size_t bytes);
/* As arena_take for count objects of size bytes, overflow-checked. */
void *arena_take_many(struct arena *a, size_t count, size_t size);
/* A copy ending in NUL; NULL at the ceiling. */
char *arena_str(struct arena *a, struct slice text);
/* A formatted copy; NULL at the ceiling. */
char *arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
