/* libFuzzer target: what one role of the broker could be sent by another.  A message that decodes
 * must encode to the same bytes again: there is one spelling of each. */
#include "broker/messages.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct buffer *b, struct slice in)
{
    if (!slice_equal(buffer_slice(b), in))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of(data, size);
    struct http_request q;
    struct http_reply p;
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, size + 64);
    if (http_request_decode(in, &q)) {
        if (!is_ok(http_request_encode(&q, &b, NULL)))
            abort();
        same(&b, in);
    }
    buffer_clear(&b);
    if (http_reply_decode(in, &p)) {
        if (!is_ok(http_reply_encode(&p, &b, NULL)))
            abort();
        same(&b, in);
    }
    return 0;
}
