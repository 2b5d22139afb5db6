/*
 * rows.h - the rows a statement gave, read one by one.
 */
#ifndef INNSYN_BROKER_STORE_ROWS_H
#define INNSYN_BROKER_STORE_ROWS_H

#include "base/result.h"
#include "base/slice.h"

enum { STORE_COLUMNS_MAX = 24, STORE_ROWS_MAX = 20000, STORE_RESULT_BYTES_MAX = 64 * 1024 * 1024 };

struct rows;
/* Moves to the next row (the first, at the first call); false at the end. */
bool rows_next(struct rows *r);
unsigned rows_count(const struct rows *r);
/* Of the row at hand.  A getter of another type than the column's, or of a column that is not there,
 * stops the process: statements and their readers are written together. */
int64_t rows_integer(const struct rows *r, unsigned column); /* NULL reads as 0 */
struct slice rows_text(const struct rows *r, unsigned column); /* NULL reads as empty; borrowed from r */
struct slice rows_bytes(const struct rows *r, unsigned column);
bool rows_is_null(const struct rows *r, unsigned column);
void rows_free(struct rows *r);
void rows_freep(struct rows **r);

#endif
