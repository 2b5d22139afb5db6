/*
 * Bytes are taken from `in`, and the row's text is gathered in `text` with its quotes undone, every field
 * after the last.  Fields are remembered as ends, because `text` never moves but slices should not
 * outlive the row.  Invariant between calls: the cursor stands at the first byte of a row.
 */
#include "agents/loader/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/secret.h"

enum { CSV_READ_BYTES = 256 * 1024, END = -1 };

enum place { FIELD_START, PLAIN, QUOTED, QUOTE_SEEN };

struct csv {
    struct csv_source source;
    uint8_t separator;
    bool started, ended;
    uint64_t row, line, bytes;
    size_t at, len; /* the cursor in `in`, and what it holds */
    size_t text_len;
    size_t text_most, in_most; /* as far as they were ever filled: so much is overwritten at the end */
    unsigned count;
    struct slice fields[CSV_COLUMNS_MAX];
    uint8_t text[CSV_ROW_BYTES_MAX];
    uint8_t in[CSV_READ_BYTES];
};

result csv_read_fd(void *self, uint8_t *to, size_t room, size_t *ret_len, struct why *why)
{
    const int *fd = self;
    for (;;) {
        ssize_t n = read(*fd, to, room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FAIL(why, UNAVAILABLE, "the source cannot be read: %s", strerrordesc_np(errno));
        *ret_len = (size_t)n;
        return DONE;
    }
}

result csv_new(struct csv_source source, char separator, struct csv **ret, struct why *why)
{
    if (separator != ',' && separator != ';' && separator != '\t')
        return FAIL(why, MALFORMED, "a separator is ',', ';' or a tab");
    struct csv *c = calloc(1, sizeof *c);
    if (!c)
        return FAIL(why, LIMIT, "no memory to read the source");
    c->source = source;
    c->separator = (uint8_t)separator;
    c->line = 1;
    *ret = c;
    return DONE;
}

void csv_free(struct csv *c)
{
    if (!c)
        return;
    wipe(c->text, c->text_most);
    wipe(c->in, c->in_most);
    free(c);
}

void csv_freep(struct csv **c)
{
    csv_free(*c);
    *c = NULL;
}

uint64_t csv_bytes(const struct csv *c)
{
    return c->bytes;
}

static result refill(struct csv *c, struct why *why)
{
    size_t n = 0;
    c->at = c->len = 0;
    if (c->ended)
        return DONE;
    TRY(c->source.read(c->source.self, c->in, sizeof c->in, &n, why));
    c->ended = n == 0;
    c->len = n;
    c->in_most = n > c->in_most ? n : c->in_most;
    c->bytes += n;
    return DONE;
}

/* The next byte without taking it, or END. */
static inline result look(struct csv *c, int *ret, struct why *why)
{
    if (c->at == c->len)
        TRY(refill(c, why));
    *ret = c->at < c->len ? c->in[c->at] : END;
    return DONE;
}

/* The mark may come in pieces (a pipe). */
static result skip_byte_order_mark(struct csv *c, struct why *why)
{
    static const uint8_t mark[3] = {0xef, 0xbb, 0xbf};
    for (unsigned i = 0; i < sizeof mark; i++) {
        int byte;
        TRY(look(c, &byte, why));
        if (i == 0 && (byte == 0xff || byte == 0xfe))
            return FAIL(why, MALFORMED, "line 1: the file begins as UTF-16 does; save it as UTF-8");
        if (byte != mark[i] && i == 0)
            return DONE;
        if (byte != mark[i])
            return FAIL(why, MALFORMED, "line 1: the file begins with a part of a byte order mark; save it as UTF-8");
        c->at++;
    }
    return DONE;
}

/* The row and line a refusal names; `line` is where the fault stands. */
static result bad(const struct csv *c, uint64_t line, const char *rule, struct why *why)
{
    if (c->row == 0)
        return FAIL(why, MALFORMED, "header (line %llu): %s", (unsigned long long)line, rule);
    return FAIL(why, MALFORMED, "row %llu (line %llu): %s", (unsigned long long)c->row, (unsigned long long)line, rule);
}

static result end_field(struct csv *c, size_t *begin, struct why *why)
{
    struct slice field = slice_of(c->text + *begin, c->text_len - *begin);
    if (c->count == CSV_COLUMNS_MAX)
        return bad(c, c->line, "more than 4096 fields", why);
    if (field.len > CSV_FIELD_BYTES_MAX)
        return bad(c, c->line, "a field is longer than 65536 bytes", why);
    if (!slice_is_utf8(field))
        return bad(c, c->line, "a field is not UTF-8; save the file as UTF-8", why);
    c->fields[c->count++] = field;
    *begin = c->text_len;
    return DONE;
}

static inline bool is_plain(const struct csv *c, uint8_t byte)
{
    return byte != c->separator && byte != '\n' && byte != '\r' && byte != '"' && byte != 0;
}

/* Copies what needs no thought: up to the next byte that may mean something where we are. */
static void take_run(struct csv *c, enum place place)
{
    size_t room = sizeof c->text - c->text_len, n = c->len - c->at, i = 0;
    const uint8_t *from = c->in + c->at;
    uint8_t *to = c->text + c->text_len;
    if (n > room)
        n = room;
    if (place == QUOTED)
        while (i < n && from[i] != '"' && from[i] != '\n' && from[i] != 0) {
            to[i] = from[i];
            i++;
        }
    else
        while (i < n && is_plain(c, from[i])) {
            to[i] = from[i];
            i++;
        }
    c->at += i;
    c->text_len += i;
}

static result keep_byte(struct csv *c, uint8_t byte, struct why *why)
{
    if (c->text_len == sizeof c->text)
        return bad(c, c->line, "the row is longer than 1048576 bytes (a quote that is never closed?)", why);
    c->text[c->text_len++] = byte;
    return DONE;
}

/* The row from the cursor on; *line ends at the line after it. */
static result read_row(struct csv *c, uint64_t *line, struct why *why)
{
    enum place place = FIELD_START;
    size_t begin = 0;
    for (;;) {
        int byte;
        if (place != QUOTE_SEEN)
            take_run(c, place == QUOTED ? QUOTED : PLAIN);
        if (place == FIELD_START && c->text_len > begin)
            place = PLAIN;
        TRY(look(c, &byte, why));
        if (byte == 0)
            return bad(c, *line, "a NUL byte; this is not text", why);
        if (place == QUOTED) {
            if (byte == END)
                return bad(c, c->line, "a quote is opened in this row and never closed", why);
            if (byte == '"')
                place = QUOTE_SEEN;
            else
                TRY(keep_byte(c, (uint8_t)byte, why));
            *line += byte == '\n';
            c->at++;
            continue;
        }
        if (byte == c->separator || byte == '\n' || byte == '\r' || byte == END) {
            TRY(end_field(c, &begin, why));
            place = FIELD_START;
            if (byte == END)
                return DONE;
            c->at++;
            if (byte == '\r') {
                TRY(look(c, &byte, why));
                if (byte != '\n')
                    return bad(c, *line, "a carriage return without a line feed; lines end in LF or CRLF", why);
                c->at++;
            }
            if (byte == '\n') {
                ++*line;
                return DONE;
            }
        } else if (byte == '"' && place == PLAIN) {
            return bad(c, *line, "a quote inside a field that does not begin with one; double it and quote the field", why);
        } else if (byte == '"') {
            if (place == QUOTE_SEEN) /* "" inside quotes is one quote */
                TRY(keep_byte(c, '"', why));
            place = QUOTED;
            c->at++;
        } else if (place == QUOTE_SEEN) {
            return bad(c, *line, "text after a closing quote", why);
        } else {
            /* take_run took nothing of a plain byte: there is no room */
            if (c->text_len == sizeof c->text)
                TRY(keep_byte(c, (uint8_t)byte, why));
        }
    }
}

result csv_next(struct csv *c, struct csv_row *ret, struct why *why)
{
    int byte;
    if (!c->started) {
        TRY(skip_byte_order_mark(c, why));
        c->started = true;
    } else {
        c->row++;
    }
    TRY(look(c, &byte, why));
    if (byte == END)
        return FAIL(why, ABSENT, "the file has ended");
    uint64_t line = c->line;
    c->text_len = 0;
    c->count = 0;
    result r = read_row(c, &line, why);
    c->text_most = c->text_len > c->text_most ? c->text_len : c->text_most;
    TRY(r);
    *ret = (struct csv_row){.fields = c->fields, .count = c->count, .row = c->row, .line = c->line};
    c->line = line;
    return DONE;
}
