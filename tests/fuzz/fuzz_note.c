/* Notes, checkpoints and verifier keys: whatever comes, no crash; what is accepted prints as it was. */
#include "proto/note.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void checkpoint(struct slice text)
{
    struct checkpoint c;
    struct buffer b;
    if (!is_ok(checkpoint_parse(text, &c, NULL)))
        return;
    buffer_init(&b, NOTE_TEXT_MAX);
    struct checkpoint again;
    if (!is_ok(checkpoint_print(&c, &b, NULL)) || !is_ok(checkpoint_parse(buffer_slice(&b), &again, NULL)) ||
        again.size != c.size || !hash_equal(&again.root, &c.root))
        abort();
    buffer_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct note n;
    struct note_key key, again;
    struct why why;
    checkpoint(input);
    if (is_ok(note_parse(input, &n, &why))) {
        static const uint8_t some[ED25519_KEY_LEN] = {9};
        checkpoint(n.text);
        if (n.count && is_ok(note_key_make(n.signatures[0].name, NOTE_ED25519, some, &key, NULL)) &&
            is_ok(note_verify(&n, &key, &why)))
            abort(); /* nobody has that key */
    }
    if (is_ok(note_key_parse(input, &key, &why))) {
        char text[VKEY_TEXT_MAX + 1];
        note_key_print(&key, text);
        if (!is_ok(note_key_parse(slice_str(text), &again, &why)))
            abort();
    }
    return 0;
}
