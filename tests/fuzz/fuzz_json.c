/* What json_parse accepts prints canonically, and reads back to the same bytes. */
#include "proto/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *v = NULL, *again = NULL;
    struct why why;
    struct buffer one, two;
    if (!is_ok(json_parse(slice_of(data, size), 64 * 1024, &v, &why))) {
        if (v || !slice_is_utf8(slice_str(why.text)))
            abort();
        return 0;
    }
    /* A real of 17 digits may print longer than it was written, by less than this. */
    buffer_init(&one, 32 * (size + 1));
    buffer_init(&two, 32 * (size + 1));
    if (!is_ok(json_print(v, &one, &why)) || !is_ok(json_parse(buffer_slice(&one), one.len, &again, &why)) ||
        !is_ok(json_print(again, &two, &why)) || !slice_equal(buffer_slice(&one), buffer_slice(&two)))
        abort();
    json_free(v);
    json_free(again);
    buffer_done(&one);
    buffer_done(&two);
    return 0;
}
