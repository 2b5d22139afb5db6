#include "client/show/table_print.h"

#include <stdlib.h>

#include <libsmartcols.h>

#include "client/clean_text.h"

enum { CELL_BYTES_MAX = 16 * 1024 };

struct table {
    struct libscols_table *scols;
    struct libscols_line *row; /* borrowed: the last one */
    size_t columns, rows, next;
};

result table_new(struct table **ret, struct why *why)
{
    struct table *t CLEANUP(table_freep) = calloc(1, sizeof *t);
    if (!t || !(t->scols = scols_new_table()) || scols_table_set_column_separator(t->scols, "  ") != 0)
        return FAIL(why, LIMIT, "no memory for a table");
    /* Our width is the content's: cutting a number would show another number. */
    if (scols_table_set_termforce(t->scols, SCOLS_TERMFORCE_NEVER) != 0)
        return FAIL(why, LIMIT, "no memory for a table");
    *ret = MOVE(t);
    return DONE;
}

void table_free(struct table *t)
{
    if (!t)
        return;
    scols_unref_table(t->scols);
    free(t);
}

void table_freep(struct table **t)
{
    table_free(*t);
}

static result clean(struct slice text, struct buffer *to, const char **ret, struct why *why)
{
    buffer_init(to, CELL_BYTES_MAX);
    TRY(clean_text(text, to, why));
    *ret = buffer_str(to);
    return *ret ? DONE : FAIL(why, LIMIT, "a table cell is longer than %d bytes", CELL_BYTES_MAX);
}

result table_column(struct table *t, struct slice title, enum table_align align, struct why *why)
{
    if (t->columns >= TABLE_COLUMNS_MAX)
        return FAIL(why, LIMIT, "a table has at most %d columns", TABLE_COLUMNS_MAX);
    struct buffer text CLEANUP(buffer_done) = {0};
    const char *name;
    TRY(clean(title, &text, &name, why));
    if (!scols_table_new_column(t->scols, name, 0, align == ALIGN_RIGHT ? SCOLS_FL_RIGHT : 0))
        return FAIL(why, LIMIT, "no memory for a table");
    t->columns++;
    return DONE;
}

result table_row(struct table *t, struct why *why)
{
    if (t->rows >= TABLE_ROWS_MAX)
        return FAIL(why, LIMIT, "a table has at most %d rows", TABLE_ROWS_MAX);
    t->row = scols_table_new_line(t->scols, NULL);
    if (!t->row)
        return FAIL(why, LIMIT, "no memory for a table");
    t->rows++;
    t->next = 0;
    return DONE;
}

result table_cell(struct table *t, struct slice cell, struct why *why)
{
    if (!t->row || t->next >= t->columns)
        return FAIL(why, LIMIT, "the row has %zu cells", t->columns);
    struct buffer text CLEANUP(buffer_done) = {0};
    const char *shown;
    TRY(clean(cell, &text, &shown, why));
    if (scols_line_set_data(t->row, t->next, shown) != 0)
        return FAIL(why, LIMIT, "no memory for a table");
    t->next++;
    return DONE;
}

result table_cell_str(struct table *t, const char *text, struct why *why)
{
    return table_cell(t, slice_str(text), why);
}

result table_print(struct table *t, bool headings, struct buffer *to, struct why *why)
{
    char *text = NULL;
    if (t->rows == 0)
        return DONE;
    if (scols_table_enable_noheadings(t->scols, !headings) != 0 || scols_print_table_to_string(t->scols, &text) != 0)
        return FAIL(why, LIMIT, "no memory for a table");
    result r = DONE;
    for (struct slice rest = slice_str(text); r.code == OK && rest.len > 0;) {
        size_t end = slice_find(rest, '\n'), kept = end;
        while (kept > 0 && rest.at[kept - 1] == ' ')
            kept--;
        r = buffer_add(to, slice_part(rest, 0, kept), why);
        if (r.code == OK)
            r = buffer_add_byte(to, '\n', why);
        rest = slice_part(rest, end + 1, rest.len);
    }
    free(text);
    return r;
}
