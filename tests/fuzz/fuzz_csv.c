/* libFuzzer target: csv_next.  A source comes to the same rows and the same end whether it is read whole or
 * byte by byte, and rows written again with quotes around every field are read back as they were. */
#include "agents/loader/csv.h"

#include <stdlib.h>

#include "base/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
    struct slice rest;
    size_t step;
};

static result give(void *self, uint8_t *to, size_t room, size_t *ret_len, struct why *why)
{
    struct text *t = self;
    size_t n = t->rest.len < t->step ? t->rest.len : t->step;
    (void)why;
    n = n < room ? n : room;
    if (n)
        memcpy(to, t->rest.at, n);
    t->rest = slice_part(t->rest, n, t->rest.len);
    *ret_len = n;
    return DONE;
}

static void must(result r)
{
    if (!is_ok(r))
        abort();
}

/* The rows with every field quoted, and the status the reading ended with. */
static enum status flat(struct slice in, size_t step, struct buffer *to)
{
    struct text text = {in, step};
    struct csv *c CLEANUP(csv_freep) = NULL;
    struct csv_row row;
    uint64_t line = 0;
    result r;
    must(csv_new((struct csv_source){give, &text}, ',', &c, NULL));
    while (is_ok(r = csv_next(c, &row, NULL))) {
        if (row.count == 0 || row.line <= line)
            abort();
        line = row.line;
        for (unsigned i = 0; i < row.count; i++) {
            must(buffer_add_str(to, i ? ",\"" : "\"", NULL));
            for (size_t k = 0; k < row.fields[i].len; k++) {
                must(buffer_add_byte(to, row.fields[i].at[k], NULL));
                if (row.fields[i].at[k] == '"')
                    must(buffer_add_byte(to, '"', NULL));
            }
            must(buffer_add_str(to, "\"", NULL));
        }
        must(buffer_add_str(to, "\n", NULL));
    }
    return r.code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer whole CLEANUP(buffer_done) = {0}, bytes CLEANUP(buffer_done) = {0}, again CLEANUP(buffer_done) = {0};
    size_t max = 8 * size + 64;
    buffer_init(&whole, max);
    buffer_init(&bytes, max);
    buffer_init(&again, max);
    enum status end = flat(slice_of(data, size), SIZE_MAX, &whole);
    if (flat(slice_of(data, size), 1, &bytes) != end || !slice_equal(buffer_slice(&whole), buffer_slice(&bytes)))
        abort();
    if (flat(buffer_slice(&whole), SIZE_MAX, &again) != ABSENT || !slice_equal(buffer_slice(&whole), buffer_slice(&again)))
        abort();
    return 0;
}
