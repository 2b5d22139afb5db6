#include "proto/note.h"

#include "base/codec.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    KEY_ID_LEN = 4,
    NAME_SIZE = NOTE_NAME_MAX + 1,
    KEY_BYTES_LEN = 1 + ED25519_KEY_LEN,
    TIMESTAMP_LEN = 8,
    SIGNATURE_BYTES_MAX = 4096, /* of a signature line; kinds we do not know may be long */
};

static const char dash[] = "\xe2\x80\x94 "; /* an em dash and a blank begin a signature line */

/* Unicode's White_Space beyond ASCII, in UTF-8. */
static const char *const spaces[] = {
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83",
    "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a",
    "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
};

/* A key name: UTF-8 without white space, control characters and '+'. */
static bool name_copy(struct slice name, char to[NAME_SIZE])
{
    if (!name.len || !slice_is_utf8(name) || !slice_copy_str(name, to, NAME_SIZE))
        return false;
    for (const char *c = to; *c; c++)
        if ((unsigned char)*c <= 0x20 || *c == 0x7F || *c == '+')
            return false;
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
        if (strstr(to, spaces[i]))
            return false;
    return true;
}

/* --- keys -------------------------------------------------------------------------------------- */

static void key_id(const char *name, uint8_t type, const uint8_t key[ED25519_KEY_LEN], uint8_t ret[KEY_ID_LEN])
{
    uint8_t bytes[1 + KEY_BYTES_LEN] = {'\n', type};
    memcpy(bytes + 2, key, ED25519_KEY_LEN);
    struct hash h = sha256_two(slice_str(name), slice_of(bytes, sizeof bytes));
    memcpy(ret, h.at, KEY_ID_LEN);
}

result note_key_make(const char *name, uint8_t type, const uint8_t key[ED25519_KEY_LEN], struct note_key *ret,
                     struct why *why)
{
    struct note_key k = {.type = type};
    if (!name_copy(slice_str(name), k.name))
        return FAIL(why, MALFORMED, "a key name is 1 to %d bytes of UTF-8 without blanks and '+'", (int)NOTE_NAME_MAX);
    if (type != NOTE_ED25519 && type != NOTE_COSIGNATURE)
        return FAIL(why, MALFORMED, "a verifier key is of type 1 (Ed25519) or 4 (cosignature)");
    memcpy(k.key, key, ED25519_KEY_LEN);
    key_id(k.name, type, key, k.id);
    *ret = k;
    return DONE;
}

result note_key_parse(struct slice vkey, struct note_key *ret, struct why *why)
{
    struct note_key k;
    char name[NAME_SIZE];
    uint8_t id[KEY_ID_LEN], bytes[KEY_BYTES_LEN];
    size_t plus = slice_find(vkey, '+');
    struct slice rest = slice_part(vkey, plus + 1, vkey.len);
    size_t plus2 = slice_find(rest, '+');
    if (vkey.len > VKEY_TEXT_MAX || plus == vkey.len || plus2 == rest.len || !name_copy(slice_part(vkey, 0, plus), name) ||
        !hex_parse(slice_part(rest, 0, plus2), id, KEY_ID_LEN) ||
        !base64_parse_exact(slice_part(rest, plus2 + 1, rest.len), bytes, KEY_BYTES_LEN))
        return FAIL(why, MALFORMED, "a verifier key is name+id+key: 8 hex digits, base64 of %d bytes", (int)KEY_BYTES_LEN);
    TRY(note_key_make(name, bytes[0], bytes + 1, &k, why));
    if (memcmp(k.id, id, KEY_ID_LEN) != 0)
        return FAIL(why, MALFORMED, "the verifier key's id does not belong to its name and key");
    *ret = k;
    return DONE;
}

void note_key_print(const struct note_key *k, char to[VKEY_TEXT_MAX + 1])
{
    char id[2 * KEY_ID_LEN + 1], base64[BASE64_LEN(KEY_BYTES_LEN) + 1];
    uint8_t bytes[KEY_BYTES_LEN] = {k->type};
    memcpy(bytes + 1, k->key, ED25519_KEY_LEN);
    hex_print(slice_of(k->id, KEY_ID_LEN), id, sizeof id);
    base64_print_str(slice_of(bytes, sizeof bytes), base64, sizeof base64);
    (void)snprintf(to, VKEY_TEXT_MAX + 1, "%s+%s+%s", k->name, id, base64);
}

/* --- notes ------------------------------------------------------------------------------------- */

/* What may be signed: whole lines of UTF-8 without other control characters. */
static result text_check(struct slice text, struct why *why)
{
    if (text.len > NOTE_TEXT_MAX)
        return FAIL(why, LIMIT, "a note's text has at most %d bytes", (int)NOTE_TEXT_MAX);
    if (!text.len || text.at[text.len - 1] != '\n')
        return FAIL(why, MALFORMED, "a note's text ends with a newline");
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < 0x20 && text.at[i] != '\n')
            return FAIL(why, MALFORMED, "a note holds no control characters but newlines");
    if (!slice_is_utf8(text))
        return FAIL(why, MALFORMED, "a note is UTF-8");
    return DONE;
}

/* One line without its newline.  A signature longer than any we know is checked for its form and
 * dropped: those who know it will look at it. */
static result line_parse(struct slice line, struct note *n, struct why *why)
{
    struct note_signature s = {.len = 0};
    if (!slice_starts(line, dash))
        return FAIL(why, MALFORMED, "a signature line begins with an em dash and a blank");
    struct slice rest = slice_part(line, strlen(dash), line.len);
    size_t blank = slice_find(rest, ' ');
    if (blank == rest.len || !name_copy(slice_part(rest, 0, blank), s.name))
        return FAIL(why, MALFORMED, "a signature line is a dash, a key name and base64");
    struct buffer bytes;
    buffer_init(&bytes, SIGNATURE_BYTES_MAX);
    result r = base64_parse(slice_part(rest, blank + 1, rest.len), &bytes, why);
    if (is_ok(r) && bytes.len <= KEY_ID_LEN)
        r = FAIL(why, MALFORMED, "a signature without bytes behind its key id");
    if (is_ok(r) && bytes.len - KEY_ID_LEN <= sizeof s.bytes) {
        if (n->count == NOTE_SIGNATURES_MAX) {
            r = FAIL(why, LIMIT, "a note holds at most %d signatures", (int)NOTE_SIGNATURES_MAX);
        } else {
            memcpy(s.id, bytes.at, KEY_ID_LEN);
            s.len = bytes.len - KEY_ID_LEN;
            memcpy(s.bytes, bytes.at + KEY_ID_LEN, s.len);
            n->signatures[n->count++] = s;
        }
    }
    buffer_done(&bytes);
    return r;
}

static result parse(struct slice note, struct note *ret, unsigned *unreadable, struct why *why)
{
    if (note.len > CHECKPOINT_NOTE_MAX)
        return FAIL(why, LIMIT, "a note has at most %d bytes", (int)CHECKPOINT_NOTE_MAX);
    if (!note.len || note.at[note.len - 1] != '\n')
        return FAIL(why, MALFORMED, "a note ends with a newline");
    /* The last empty line divides text from signatures. */
    size_t cut = 0;
    for (size_t i = 1; i < note.len; i++)
        if (note.at[i] == '\n' && note.at[i - 1] == '\n')
            cut = i;
    if (!cut)
        return FAIL(why, MALFORMED, "a note has an empty line before its signatures");
    struct note n;
    n.count = 0;
    n.text = slice_part(note, 0, cut);
    TRY(text_check(n.text, why));
    struct slice rest = slice_part(note, cut + 1, note.len);
    if (!rest.len)
        return FAIL(why, MALFORMED, "a note without signatures");
    while (rest.len) {
        size_t end = slice_find(rest, '\n'); /* there is one: the note ends with it */
        result r = line_parse(slice_part(rest, 0, end), &n, why);
        if (!is_ok(r) && (!unreadable || r.code == LIMIT))
            return r;
        if (!is_ok(r))
            (*unreadable)++;
        rest = slice_part(rest, end + 1, rest.len);
    }
    *ret = n;
    return DONE;
}

result note_parse(struct slice note, struct note *ret, struct why *why)
{
    return parse(note, ret, NULL, why);
}

result note_parse_readable(struct slice note, struct note *ret, unsigned *ret_unreadable, struct why *why)
{
    unsigned unreadable = 0;
    TRY(parse(note, ret, &unreadable, why));
    *ret_unreadable = unreadable;
    return DONE;
}

/* What a cosignature/v1 signs: its time and the whole text. */
static result cosigned_message(struct slice text, uint64_t time_s, struct buffer *to, struct why *why)
{
    buffer_init(to, NOTE_TEXT_MAX + 64);
    TRY(buffer_printf(to, why, "cosignature/v1\ntime %" PRIu64 "\n", time_s));
    return buffer_add(to, text, why);
}

/* Eight bytes of time, then the signature. */
static result cosignature_verify(const struct note *n, const struct note_key *key, const struct note_signature *s,
                                 uint64_t *ret_time_s, struct why *why)
{
    if (s->len != TIMESTAMP_LEN + SIGNATURE_LEN)
        return FAIL(why, DENIED, "the cosignature of %s has a wrong length", key->name);
    uint64_t time_s = 0;
    for (unsigned i = 0; i < TIMESTAMP_LEN; i++)
        time_s = time_s << 8 | s->bytes[i];
    struct buffer message;
    result r = cosigned_message(n->text, time_s, &message, why);
    if (is_ok(r))
        r = ed25519_verify(key->key, buffer_slice(&message), s->bytes + TIMESTAMP_LEN, why);
    buffer_done(&message);
    if (is_ok(r))
        *ret_time_s = time_s;
    return r;
}

static bool is_by(const struct note_signature *s, const struct note_key *key)
{
    return strcmp(s->name, key->name) == 0 && memcmp(s->id, key->id, KEY_ID_LEN) == 0;
}

result note_cosigned(const struct note *n, const struct note_key *witness, int64_t *ret_time_s, struct why *why)
{
    uint64_t newest = 0, time_s = 0;
    struct why inner = {0};
    for (unsigned i = 0; i < n->count; i++)
        if (witness->type == NOTE_COSIGNATURE && is_by(&n->signatures[i], witness) &&
            is_ok(cosignature_verify(n, witness, &n->signatures[i], &time_s, &inner)) && time_s > newest && time_s <= INT64_MAX)
            newest = time_s;
    if (newest == 0)
        return FAIL(why, DENIED, "no cosignature of %s that holds", witness->name);
    *ret_time_s = (int64_t)newest;
    return DONE;
}

unsigned witnesses_count(const struct note *n, const struct note_key *witnesses, unsigned count, int64_t from_s, int64_t to_s)
{
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++) {
        int64_t time_s = 0;
        found += is_ok(note_cosigned(n, &witnesses[i], &time_s, NULL)) && time_s >= from_s && time_s <= to_s;
    }
    return found;
}

result note_verify(const struct note *n, const struct note_key *key, struct why *why)
{
    bool found = false;
    for (unsigned i = 0; i < n->count; i++) {
        const struct note_signature *s = &n->signatures[i];
        uint64_t time_s = 0;
        if (!is_by(s, key))
            continue;
        if (key->type == NOTE_COSIGNATURE) {
            TRY(cosignature_verify(n, key, s, &time_s, why));
        } else {
            if (s->len != SIGNATURE_LEN)
                return FAIL(why, DENIED, "the signature of %s has a wrong length", key->name);
            TRY(ed25519_verify(key->key, n->text, s->bytes, why));
        }
        found = true;
    }
    if (!found)
        return FAIL(why, DENIED, "the note is not signed by %s", key->name);
    return DONE;
}

result note_sign(struct slice text, const struct note_key *as, const struct signing_key *key, struct buffer *to,
                 struct why *why)
{
    uint8_t public[ED25519_KEY_LEN], bytes[KEY_ID_LEN + SIGNATURE_LEN];
    char base64[BASE64_LEN(sizeof bytes) + 1];
    TRY(text_check(text, why));
    TRY(signing_key_ed25519(key, public, why));
    if (as->type != NOTE_ED25519 || memcmp(public, as->key, sizeof public) != 0)
        return FAIL(why, MALFORMED, "the key is not that of %s", as->name);
    memcpy(bytes, as->id, KEY_ID_LEN);
    TRY(key_sign(key, text, bytes + KEY_ID_LEN, why));
    base64_print_str(slice_of(bytes, sizeof bytes), base64, sizeof base64);
    size_t len = to->len;
    result r = buffer_add(to, text, why);
    if (is_ok(r))
        r = buffer_printf(to, why, "\n%s%s %s\n", dash, as->name, base64);
    if (!is_ok(r))
        to->len = len;
    return r;
}

result note_cosign(struct slice text, const struct note_key *as, const struct signing_key *key, int64_t time_s,
                   struct buffer *to, struct why *why)
{
    uint8_t public[ED25519_KEY_LEN], bytes[KEY_ID_LEN + TIMESTAMP_LEN + SIGNATURE_LEN];
    char base64[BASE64_LEN(sizeof bytes) + 1];
    struct buffer message CLEANUP(buffer_done) = {0};
    TRY(text_check(text, why));
    TRY(signing_key_ed25519(key, public, why));
    if (as->type != NOTE_COSIGNATURE || memcmp(public, as->key, sizeof public) != 0)
        return FAIL(why, MALFORMED, "the key is not that of the witness %s", as->name);
    if (time_s <= 0)
        return FAIL(why, MALFORMED, "a cosignature has a time after 1970");
    memcpy(bytes, as->id, KEY_ID_LEN);
    for (unsigned i = 0; i < TIMESTAMP_LEN; i++)
        bytes[KEY_ID_LEN + i] = (uint8_t)((uint64_t)time_s >> (8 * (TIMESTAMP_LEN - 1 - i)));
    TRY(cosigned_message(text, (uint64_t)time_s, &message, why));
    TRY(key_sign(key, buffer_slice(&message), bytes + KEY_ID_LEN + TIMESTAMP_LEN, why));
    base64_print_str(slice_of(bytes, sizeof bytes), base64, sizeof base64);
    return buffer_printf(to, why, "%s%s %s\n", dash, as->name, base64);
}

/* --- checkpoints ------------------------------------------------------------------------------- */

/* The next line without its newline; false at the end. */
static bool line_next(struct slice *rest, struct slice *ret)
{
    size_t end = slice_find(*rest, '\n');
    if (end == rest->len)
        return false;
    *ret = slice_part(*rest, 0, end);
    *rest = slice_part(*rest, end + 1, rest->len);
    return true;
}

result checkpoint_parse(struct slice text, struct checkpoint *ret, struct why *why)
{
    struct checkpoint c;
    struct slice line, rest = text;
    TRY(text_check(text, why));
    if (!line_next(&rest, &line) || !line.len || !slice_copy_str(line, c.origin, sizeof c.origin))
        return FAIL(why, MALFORMED, "line 1 of a checkpoint is its origin, at most %d bytes", (int)NOTE_NAME_MAX);
    if (!line_next(&rest, &line) || !slice_parse_u64(line, INT64_MAX, &c.size))
        return FAIL(why, MALFORMED, "line 2 of a checkpoint is the log's size, a whole number");
    if (!line_next(&rest, &line) || !base64_parse_exact(line, c.root.at, HASH_LEN))
        return FAIL(why, MALFORMED, "line 3 of a checkpoint is the base64 of the root hash");
    while (line_next(&rest, &line))
        if (!line.len)
            return FAIL(why, MALFORMED, "a checkpoint holds no empty line");
    *ret = c;
    return DONE;
}

result checkpoint_print(const struct checkpoint *c, struct buffer *to, struct why *why)
{
    char root[BASE64_LEN(HASH_LEN) + 1];
    base64_print_str(slice_of(c->root.at, HASH_LEN), root, sizeof root);
    return buffer_printf(to, why, "%s\n%" PRIu64 "\n%s\n", c->origin, c->size, root);
}

result checkpoint_open(struct slice note, const struct note_key *log, struct checkpoint *ret, struct why *why)
{
    struct note n;
    struct checkpoint c;
    TRY(note_parse(note, &n, why));
    TRY(note_verify(&n, log, why));
    TRY(checkpoint_parse(n.text, &c, why));
    if (strcmp(c.origin, log->name) != 0)
        return FAIL(why, DENIED, "a checkpoint of another log than %s", log->name);
    *ret = c;
    return DONE;
}
