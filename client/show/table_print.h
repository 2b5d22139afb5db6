/*
 * table_print.h - aligned tables for the terminal.  Only table_print.c sees libsmartcols.
 * Cells are made safe (clean_text) as they enter; column widths follow the characters' width in
 * the process's locale.
 */
#ifndef INNSYN_CLIENT_SHOW_TABLE_PRINT_H
#define INNSYN_CLIENT_SHOW_TABLE_PRINT_H

#include "base/buffer.h"

enum { TABLE_COLUMNS_MAX = 512, TABLE_ROWS_MAX = 200000 };

enum table_align { ALIGN_LEFT, ALIGN_RIGHT };

struct table;
MUST_CHECK result table_new(struct table **ret, struct why *why);
void table_free(struct table *t);
void table_freep(struct table **t);

/* Columns first, then rows.  LIMIT: too many, or no memory. */
MUST_CHECK result table_column(struct table *t, struct slice title, enum table_align align, struct why *why);
MUST_CHECK result table_row(struct table *t, struct why *why);
/* Sets the next cell of the last row, from left to right. */
MUST_CHECK result table_cell(struct table *t, struct slice text, struct why *why);
MUST_CHECK result table_cell_str(struct table *t, const char *text, struct why *why);

/* Appends the table, without trailing blanks.  headings: with the line of titles. */
MUST_CHECK result table_print(struct table *t, bool headings, struct buffer *to, struct why *why);

#endif
