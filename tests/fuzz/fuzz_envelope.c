/* An envelope that is accepted prints and reads back as the same envelope, and nobody signed it. */
#include "proto/envelope.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct public_key key;
    struct envelope e, again;
    struct buffer text;
    struct why why;
    if (!key.der_len) {
        struct signing_key *k;
        if (!is_ok(signing_key_new(KEY_P256, &k, &why)) || !is_ok(signing_key_public(k, &key, &why)))
            abort();
        signing_key_free(k);
    }
    if (!is_ok(envelope_parse_text(slice_of(data, size), TYPE_QUERY, &e, &why)))
        return 0;
    buffer_init(&text, 4 * 1024 * 1024);
    if (!is_ok(envelope_print(&e, &text, &why)) || !is_ok(envelope_parse_text(buffer_slice(&text), TYPE_QUERY, &again, &why)) ||
        e.count != again.count || !slice_equal(buffer_slice(&e.payload), buffer_slice(&again.payload)) ||
        envelope_signed_by(&e, &key))
        abort();
    envelope_done(&e);
    envelope_done(&again);
    buffer_done(&text);
    return 0;
}
