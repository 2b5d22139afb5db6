/*
 * csv.h - strict CSV (RFC 4180), read as a stream, one row at a time.
 *
 * Accepted: fields in quotes with doubled quotes, separators and line ends inside; LF and CRLF line
 * ends, mixed; a UTF-8 byte order mark at the start; a last row without a line end.
 * Refused: a quote inside a field that does not begin with one, text after a closing quote, quotes that
 * are never closed, a lone CR, a NUL byte, bytes that are not UTF-8, fields and rows over the bounds.
 * An empty line is a row of one empty field, as the standard has it.
 *
 * Knows nothing of dictionaries; holds at most CSV_ROW_BYTES_MAX of the file.  Its errors name row
 * and line, and never the text that stands there.
 */
#ifndef INNSYN_AGENTS_LOADER_CSV_H
#define INNSYN_AGENTS_LOADER_CSV_H

#include <stdint.h>

#include "base/result.h"
#include "base/slice.h"

enum {
    CSV_FIELD_BYTES_MAX = 64 * 1024,
    CSV_ROW_BYTES_MAX = 1024 * 1024,
    CSV_COLUMNS_MAX = 4096,
};

/* Where the bytes come from: up to `room` of them; *ret_len 0 is the end. */
struct csv_source {
    result (*read)(void *self, uint8_t *to, size_t room, size_t *ret_len, struct why *why);
    void *self;
};

/* An open file as a source (self: int *, borrowed). */
MUST_CHECK result csv_read_fd(void *self, uint8_t *to, size_t room, size_t *ret_len, struct why *why);

struct csv_row {
    const struct slice *fields; /* borrowed until the next csv_next */
    unsigned count;
    uint64_t row;               /* 0 is the header, 1 the first row after it */
    uint64_t line;              /* of the file, where the row begins: 1 is the first */
};

struct csv;

/* separator: ',', ';' or a tab.  LIMIT: no memory. */
MUST_CHECK result csv_new(struct csv_source source, char separator, struct csv **ret, struct why *why);
void csv_free(struct csv *c); /* NULL is welcome; overwrites what was read */
void csv_freep(struct csv **c);

/* The next row.  ABSENT: the file has ended.  MALFORMED, LIMIT: row and line are named, and there is no
 * going on (where a quote is wrong, nobody knows where the next row begins).  Else the source's own. */
MUST_CHECK result csv_next(struct csv *c, struct csv_row *ret, struct why *why);
uint64_t csv_bytes(const struct csv *c); /* read from the source so far */

#endif
