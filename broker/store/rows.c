/* rows.c - the rows a statement gave: filled by a backend, read by whoever asked. */
#include "broker/store/backend.h"

#include <stdio.h>
#include <stdlib.h>

struct cell *rows_add(struct rows *r, struct why *why)
{
    if (r->count == STORE_ROWS_MAX) {
        tolerate(FAIL(why, LIMIT, "more than %d rows", STORE_ROWS_MAX));
        return NULL;
    }
    if (r->count == r->room) {
        unsigned room = r->room ? r->room * 2 : 8;
        struct cell *cells = reallocarray(r->cells, (size_t)room * r->columns + 1, sizeof *cells);
        if (!cells) {
            tolerate(FAIL(why, LIMIT, "no memory for rows"));
            return NULL;
        }
        r->cells = cells;
        r->room = room;
    }
    struct cell *row = r->cells + (size_t)r->count++ * r->columns;
    memset(row, 0, r->columns * sizeof *row);
    return row;
}

result rows_put_bytes(struct rows *r, struct cell *c, enum store_type type, struct slice bytes, struct why *why)
{
    size_t offset = r->bytes.len;
    TRY(buffer_add(&r->bytes, bytes, why));
    *c = (struct cell){.type = type, .offset = offset, .len = bytes.len};
    return DONE;
}

bool rows_next(struct rows *r)
{
    if (r->at >= r->count) {
        r->at = r->count + 1;
        return false;
    }
    r->at++;
    return true;
}

unsigned rows_count(const struct rows *r)
{
    return r->count;
}

static const struct cell *cell_at(const struct rows *r, unsigned column, enum store_type type)
{
    if (r->at == 0 || r->at > r->count || column >= r->columns) {
        fprintf(stderr, "store: no such cell\n");
        abort();
    }
    const struct cell *c = r->cells + (size_t)(r->at - 1) * r->columns + column;
    if (c->type != STORE_NULL && type != STORE_NULL && c->type != type) {
        fprintf(stderr, "store: column %u is of another type\n", column);
        abort();
    }
    return c;
}

int64_t rows_integer(const struct rows *r, unsigned column)
{
    return cell_at(r, column, STORE_INTEGER)->integer;
}

static struct slice cell_slice(const struct rows *r, const struct cell *c)
{
    return c->type == STORE_NULL || c->len == 0 ? slice_str("") : slice_of(r->bytes.at + c->offset, c->len);
}

struct slice rows_text(const struct rows *r, unsigned column)
{
    return cell_slice(r, cell_at(r, column, STORE_TEXT));
}

struct slice rows_bytes(const struct rows *r, unsigned column)
{
    return cell_slice(r, cell_at(r, column, STORE_BYTES));
}

bool rows_is_null(const struct rows *r, unsigned column)
{
    return cell_at(r, column, STORE_NULL)->type == STORE_NULL;
}

void rows_free(struct rows *r)
{
    if (!r)
        return;
    buffer_done(&r->bytes);
    free(r->cells);
    free(r);
}

void rows_freep(struct rows **r)
{
    rows_free(*r);
}
