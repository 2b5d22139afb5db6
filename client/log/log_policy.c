#include "client/log/log_policy.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE_WORDS_MAX = POLICY_NAMES_MAX + 3, MISSING_TEXT_SIZE = 120 };

/* --- reading ------------------------------------------------------------------------------------ */

static unsigned split(struct slice line, struct slice words[LINE_WORDS_MAX])
{
    unsigned count = 0;
    while (line.len && count < LINE_WORDS_MAX) {
        size_t end = 0;
        while (end < line.len && line.at[end] != ' ' && line.at[end] != '\t')
            end++;
        if (end > 0)
            words[count++] = slice_part(line, 0, end);
        line = slice_part(line, end + 1, line.len);
    }
    return line.len ? LINE_WORDS_MAX + 1 : count;
}

static int find(const struct log_policy *p, struct slice name)
{
    for (unsigned i = 0; i < p->count; i++)
        if (slice_is(name, p->parts[i].name))
            return (int)i;
    return -1;
}

static result add(struct log_policy *p, struct slice name, struct policy_part **ret, struct why *why)
{
    if (slice_is(name, "none") || find(p, name) >= 0)
        return FAIL(why, MALFORMED, "the name '%.*s' is taken", SLICE_ARG(slice_part(name, 0, 60)));
    if (p->count == POLICY_NAMES_MAX)
        return FAIL(why, LIMIT, "more than %d witnesses and groups", (int)POLICY_NAMES_MAX);
    struct policy_part *part = &p->parts[p->count];
    *part = (struct policy_part){.is_witness = true};
    if (!slice_copy_str(name, part->name, sizeof part->name))
        return FAIL(why, MALFORMED, "a name has at most %d bytes", (int)POLICY_NAME_MAX);
    *ret = part;
    return DONE;
}

static result read_group(struct log_policy *p, const struct slice *words, unsigned count, struct why *why)
{
    struct policy_part *group;
    uint64_t needs;
    TRY(add(p, words[1], &group, why));
    group->is_witness = false;
    group->member_count = count - 3;
    for (unsigned i = 3; i < count; i++) {
        int at = find(p, words[i]);
        if (at < 0)
            return FAIL(why, MALFORMED, "'%.*s' is no witness or group named before", SLICE_ARG(slice_part(words[i], 0, 60)));
        for (unsigned k = 0; k + 3 < i; k++)
            if (group->members[k] == at)
                return FAIL(why, MALFORMED, "'%s' is a member twice", p->parts[at].name);
        group->members[i - 3] = (uint8_t)at;
    }
    if (slice_is(words[2], "any"))
        group->needs = 1;
    else if (slice_is(words[2], "all"))
        group->needs = group->member_count;
    else if (slice_parse_u64(words[2], group->member_count, &needs) && needs > 0)
        group->needs = (unsigned)needs;
    else
        return FAIL(why, MALFORMED, "a group needs any, all, or a number from 1 to its %u members", group->member_count);
    p->count++;
    return DONE;
}

static result read_line(struct log_policy *p, bool *has_log, bool *has_quorum, struct slice line, struct why *why)
{
    struct slice words[LINE_WORDS_MAX];
    unsigned count = split(line, words);
    if (count == 0 || words[0].at[0] == '#')
        return DONE;
    if (slice_is(words[0], "log") && (count == 2 || count == 3)) {
        if (*has_log)
            return FAIL(why, MALFORMED, "this verifier checks one log at a time");
        *has_log = true;
        TRY(note_key_parse(words[1], &p->log, why));
        return p->log.type == NOTE_ED25519 ? DONE : FAIL(why, MALFORMED, "a log's key is of type 1 (Ed25519)");
    }
    if (slice_is(words[0], "witness") && (count == 3 || count == 4)) {
        struct policy_part *part;
        TRY(add(p, words[1], &part, why));
        TRY(note_key_parse(words[2], &part->key, why));
        for (unsigned i = 0; i < p->count; i++)
            if (p->parts[i].is_witness && memcmp(p->parts[i].key.key, part->key.key, ED25519_KEY_LEN) == 0)
                return FAIL(why, MALFORMED, "'%s' and '%s' have the same key", p->parts[i].name, part->name);
        p->count++;
        return part->key.type == NOTE_COSIGNATURE ? DONE : FAIL(why, MALFORMED, "a witness's key is of type 4 (cosignature/v1)");
    }
    if (slice_is(words[0], "group") && count >= 4 && count <= LINE_WORDS_MAX)
        return read_group(p, words, count, why);
    if (slice_is(words[0], "quorum") && count == 2 && !*has_quorum) {
        *has_quorum = true;
        p->quorum = find(p, words[1]);
        if (p->quorum < 0 && !slice_is(words[1], "none"))
            return FAIL(why, MALFORMED, "'%.*s' is no witness or group named before", SLICE_ARG(slice_part(words[1], 0, 60)));
        return DONE;
    }
    return FAIL(why, MALFORMED, "not a line of a policy: log, witness, group or quorum (once)");
}

result policy_parse(struct slice text, struct log_policy *ret, struct why *why)
{
    struct log_policy *p = calloc(1, sizeof *p); /* large */
    bool has_log = false, has_quorum = false;
    unsigned number = 0;
    result r = p ? DONE : FAIL(why, LIMIT, "no memory for a policy");
    if (is_ok(r) && text.len > POLICY_BYTES_MAX)
        r = FAIL(why, LIMIT, "a policy has at most %d bytes", (int)POLICY_BYTES_MAX);
    while (is_ok(r) && text.len) {
        size_t end = slice_find(text, '\n');
        struct why inner = {0};
        number++;
        r = read_line(p, &has_log, &has_quorum, slice_part(text, 0, end), &inner);
        if (!is_ok(r))
            r = FAIL(why, r.code, "line %u of the policy: %s", number, inner.text);
        text = slice_part(text, end + 1, text.len);
    }
    if (is_ok(r) && (!has_log || !has_quorum))
        r = FAIL(why, MALFORMED, "a policy has a line 'log' and a line 'quorum'");
    if (is_ok(r))
        *ret = *p;
    free(p);
    return r;
}

result policy_of_trust(const struct trust *t, struct log_policy *ret, struct why *why)
{
    struct log_policy *p = calloc(1, sizeof *p);
    if (!p)
        return FAIL(why, LIMIT, "no memory for a policy");
    p->log = t->log;
    p->quorum = -1;
    p->count = t->witness_count;
    for (unsigned i = 0; i < t->witness_count; i++) {
        p->parts[i].is_witness = true;
        p->parts[i].key = t->witnesses[i];
        memcpy(p->parts[i].name, t->witnesses[i].name, sizeof p->parts[i].name);
    }
    if (p->count > 0) {
        struct policy_part *group = &p->parts[p->count];
        (void)snprintf(group->name, sizeof group->name, "majority");
        group->needs = witnesses_majority(t->witness_count);
        group->member_count = t->witness_count;
        for (unsigned i = 0; i < t->witness_count; i++)
            group->members[i] = (uint8_t)i;
        p->quorum = (int)p->count++;
    }
    *ret = *p;
    free(p);
    return DONE;
}

result policy_print(const struct log_policy *p, struct buffer *to, struct why *why)
{
    char vkey[VKEY_TEXT_MAX + 1];
    note_key_print(&p->log, vkey);
    TRY(buffer_printf(to, why, "log %s\n", vkey));
    for (unsigned i = 0; i < p->count; i++) {
        const struct policy_part *part = &p->parts[i];
        if (part->is_witness) {
            note_key_print(&part->key, vkey);
            TRY(buffer_printf(to, why, "witness %s %s\n", part->name, vkey));
            continue;
        }
        TRY(buffer_printf(to, why, "group %s %u", part->name, part->needs));
        for (unsigned k = 0; k < part->member_count; k++)
            TRY(buffer_printf(to, why, " %s", p->parts[part->members[k]].name));
        TRY(buffer_add_byte(to, '\n', why));
    }
    return buffer_printf(to, why, "quorum %s\n", p->quorum < 0 ? "none" : p->parts[p->quorum].name);
}

/* --- checking ----------------------------------------------------------------------------------- */

static bool part_holds(const struct policy_part *part, const struct note *n, const bool *holds)
{
    int64_t time_s;
    unsigned have = 0;
    if (part->is_witness)
        return is_ok(note_cosigned(n, &part->key, &time_s, NULL));
    for (unsigned i = 0; i < part->member_count; i++)
        have += holds[part->members[i]];
    return have >= part->needs;
}

result policy_read(const struct log_policy *p, struct slice note, struct policy_verdict *ret, struct why *why)
{
    struct policy_verdict v = {0};
    struct note *n = calloc(1, sizeof *n); /* large */
    if (!n)
        return FAIL(why, LIMIT, "no memory for a checkpoint");
    result r = note_parse_readable(note, n, &v.unreadable, why);
    if (is_ok(r))
        r = note_verify(n, &p->log, why);
    if (is_ok(r))
        r = checkpoint_parse(n->text, &v.checkpoint, why);
    if (is_ok(r) && strcmp(v.checkpoint.origin, p->log.name) != 0)
        r = FAIL(why, DENIED, "a checkpoint of another log than %s", p->log.name);
    for (unsigned i = 0; is_ok(r) && i < p->count; i++) {
        v.holds[i] = part_holds(&p->parts[i], n, v.holds);
        v.witnesses += p->parts[i].is_witness;
        v.cosigned += p->parts[i].is_witness && v.holds[i];
    }
    free(n);
    TRY(r);
    v.quorum = p->quorum < 0 || v.holds[p->quorum];
    *ret = v;
    return DONE;
}

result policy_check(const struct log_policy *p, struct slice note, struct policy_verdict *ret, struct why *why)
{
    struct policy_verdict v;
    char missing[MISSING_TEXT_SIZE] = "";
    TRY(policy_read(p, note, &v, why));
    for (unsigned i = 0; i < p->count; i++) {
        size_t len = strlen(missing);
        if (p->parts[i].is_witness && !v.holds[i] && len + 1 < sizeof missing)
            (void)snprintf(missing + len, sizeof missing - len, "%s%s", len ? ", " : "", p->parts[i].name);
    }
    if (!v.quorum)
        return FAIL(why, DENIED, "the checkpoint is cosigned by %u of %u witnesses, which is no quorum; missing: %s", v.cosigned, v.witnesses, missing);
    *ret = v;
    return DONE;
}
