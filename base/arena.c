/*
 * Blocks stand in a list, the newest first; only the newest is handed out from.
 * Every byte of a block beyond `used` is zero: blocks come zeroed, and are wiped when cleared.
 */
#include "base/arena.h"

#include "base/arith.h"
#include "base/secret.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 16 * 1024, ALIGN = _Alignof(max_align_t) };

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t room;
    _Alignas(max_align_t) uint8_t at[];
};

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

static void block_free(struct arena_block *b)
{
    wipe(b->at, b->used);
    free(b);
}

void arena_done(struct arena *a)
{
    if (!a)
        return;
    for (struct arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        block_free(b);
    }
    *a = (struct arena){.max = a->max};
}

void arena_clear(struct arena *a)
{
    struct arena_block *kept = a->blocks;
    /* A block made for one large object would be held for nothing. */
    if (!kept || kept->room > BLOCK_BYTES) {
        arena_done(a);
        return;
    }
    a->blocks = kept->next;
    arena_done(a);
    wipe(kept->at, kept->used);
    kept->used = 0;
    kept->next = NULL;
    a->blocks = kept;
}

void *arena_take(struct arena *a, size_t bytes)
{
    size_t padded;
    if (!bytes)
        bytes = 1;
    if (!ck_add(bytes, (size_t)ALIGN - 1, &padded))
        return NULL;
    padded -= padded % ALIGN;
    if (padded > a->max - a->used)
        return NULL;
    struct arena_block *b = a->blocks;
    if (!b || padded > b->room - b->used) {
        size_t room = padded > BLOCK_BYTES ? padded : BLOCK_BYTES, whole;
        if (!ck_add(room, sizeof *b, &whole))
            return NULL;
        b = calloc(1, whole);
        if (!b)
            return NULL;
        b->room = room;
        b->next = a->blocks;
        a->blocks = b;
    }
    void *at = b->at + b->used;
    b->used += padded;
    a->used += padded;
    return at;
}

void *arena_take_many(struct arena *a, size_t count, size_t size)
{
    size_t bytes;
    return ck_mul(count, size, &bytes) ? arena_take(a, bytes) : NULL;
}

char *arena_str(struct arena *a, struct slice text)
{
    char *copy = text.len < SIZE_MAX ? arena_take(a, text.len + 1) : NULL;
    if (copy && text.len)
        memcpy(copy, text.at, text.len);
    return copy;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return NULL;
    char *text = arena_take(a, (size_t)len + 1);
    if (!text)
        return NULL;
    va_start(args, format);
    (void)vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}
