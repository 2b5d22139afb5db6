/* What dictionary_read accepts has one published form, which reads back to itself. */
#include "proto/dictionary.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void publish(const struct dictionary *d, struct buffer *to)
{
    struct json *v = dictionary_json(d);
    buffer_init(to, JSON_BYTES_MAX);
    if (!is_ok(json_print(v, to, NULL)))
        abort();
    json_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *v CLEANUP(json_freep) = NULL, *published CLEANUP(json_freep) = NULL;
    struct dictionary *d CLEANUP(dictionary_freep) = NULL, *again CLEANUP(dictionary_freep) = NULL;
    struct buffer one CLEANUP(buffer_done) = {0}, two CLEANUP(buffer_done) = {0};
    struct why why = {0};
    if (!is_ok(json_parse(slice_of(data, size), 256 * 1024, &v, NULL)))
        return 0;
    if (!is_ok(dictionary_read(v, NULL, PROFILE_CK, &d, &why))) {
        if (d || !why.text[0])
            abort();
        return 0;
    }
    for (unsigned i = 0; i < d->variable_count; i++)
        if (dictionary_find(d, d->variables[i].name) != (int)i)
            abort();
    publish(d, &one);
    if (!is_ok(json_parse(buffer_slice(&one), JSON_BYTES_MAX, &published, &why)) ||
        !is_ok(dictionary_read(published, NULL, PROFILE_OPEN, &again, &why)))
        abort();
    publish(again, &two);
    if (!slice_equal(buffer_slice(&one), buffer_slice(&two)))
        abort();
    return 0;
}
