/*
 * note.h - C2SP signed notes and checkpoints (signed-note, tlog-checkpoint v1.0.0), Ed25519.
 * Text ending in a newline, an empty line, then lines "— name base64(key id || signature)".
 */
#ifndef INNSYN_PROTO_NOTE_H
#define INNSYN_PROTO_NOTE_H

#include "proto/crypto.h"

enum { NOTE_NAME_MAX = 127, NOTE_TEXT_MAX = 4096, NOTE_SIGNATURES_MAX = 80, NOTE_LINE_MAX = 400, VKEY_TEXT_MAX = 255,
       CHECKPOINT_NOTE_MAX = 24 * 1024 };

enum note_key_type { NOTE_ED25519 = 0x01, NOTE_COSIGNATURE = 0x04 };

/* A verifier key: "name+hex8(id)+base64(type || key)". */
struct note_key {
    char name[NOTE_NAME_MAX + 1];
    uint8_t id[4];
    uint8_t type;
    uint8_t key[ED25519_KEY_LEN];
};
MUST_CHECK result note_key_parse(struct slice vkey, struct note_key *ret, struct why *why);
MUST_CHECK result note_key_make(const char *name, uint8_t type, const uint8_t key[ED25519_KEY_LEN], struct note_key *ret, struct why *why);
void note_key_print(const struct note_key *k, char to[VKEY_TEXT_MAX + 1]);

struct note_signature {
    char name[NOTE_NAME_MAX + 1];
    uint8_t id[4];
    uint8_t bytes[96]; /* what follows the key id: 64 for Ed25519, 72 for a cosignature */
    size_t len;
};
struct note {
    struct slice text; /* borrowed: the signed bytes, with the last newline */
    struct note_signature signatures[NOTE_SIGNATURES_MAX];
    unsigned count;
};
MUST_CHECK result note_parse(struct slice note, struct note *ret, struct why *why);
/* DENIED: no signature of this key, or one that fails. */
MUST_CHECK result note_verify(const struct note *n, const struct note_key *key, struct why *why);
/* Appends "text \n — name sig\n" to `to`. */
MUST_CHECK result note_sign(struct slice text, const struct note_key *as, const struct signing_key *key, struct buffer *to, struct why *why);

/* cosignature/v1: appends the line "— name base64(key id || time || signature)\n" over a checkpoint's text.
 * time_s: seconds since 1970 UTC, not 0. */
MUST_CHECK result note_cosign(struct slice text, const struct note_key *as, const struct signing_key *key, int64_t time_s,
                              struct buffer *to, struct why *why);
/* When the witness cosigned it (the newest of its cosignatures that hold).  DENIED: none of them holds. */
MUST_CHECK result note_cosigned(const struct note *n, const struct note_key *witness, int64_t *ret_time_s, struct why *why);
/* As note_parse, but signature lines that cannot be read are counted and left out: whose they were is then missing. */
MUST_CHECK result note_parse_readable(struct slice note, struct note *ret, unsigned *ret_unreadable, struct why *why);

/* --- witnesses --- */
/* More than half of them must have cosigned; none are asked for where none are named. */
static inline unsigned witnesses_majority(unsigned count)
{
    return count ? count / 2 + 1 : 0;
}
/* How many of the witnesses cosigned the note at from_s or later and not after to_s. */
unsigned witnesses_count(const struct note *n, const struct note_key *witnesses, unsigned count, int64_t from_s, int64_t to_s);

struct checkpoint {
    char origin[NOTE_NAME_MAX + 1];
    uint64_t size;
    struct hash root;
};
/* The body of a note; extension lines are accepted and left alone.  MALFORMED names the line. */
MUST_CHECK result checkpoint_parse(struct slice text, struct checkpoint *ret, struct why *why);
MUST_CHECK result checkpoint_print(const struct checkpoint *c, struct buffer *to, struct why *why);
/* Parses a note, checks the log's signature and that origin equals the key's name. */
MUST_CHECK result checkpoint_open(struct slice note, const struct note_key *log, struct checkpoint *ret, struct why *why);

#endif
