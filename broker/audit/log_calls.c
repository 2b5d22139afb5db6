/* log_calls.c - the log as it is asked for: checkpoint, proofs, entries.  Everybody may see the first two. */
#include "broker/audit/audit.h"

enum { ENTRIES_A_CALL_MAX = 1000 };

/* The newest one; it waits a moment for its cosignatures. */
result log_get_checkpoint(struct call *c, struct why *why)
{
    (void)why;
    struct pending *p = c->pending;
    p->outcome = OUTCOME_CHECKPOINT;
    p->held_size = c->core->log.signed_size;
    p->until_ms = host_monotonic_ms(c->core->host) + CHECKPOINT_WAIT_MS;
    c->core->log.offer_wanted = true;
    return DONE;
}

result log_get_inclusion(struct call *c, struct why *why)
{
    uint64_t size, index;
    TRY(call_number(c, "size", c->core->log.signed_size, false, c->core->log.signed_size, &size, why));
    TRY(call_number(c, "index", size ? size - 1 : 0, true, 0, &index, why));
    if (size == 0)
        return FAIL_AT(why, MALFORMED, "size", "the log has no entry in a tree of size 0");
    struct json *proof = NULL;
    TRY(log_inclusion_json(c->core, index, size, &proof, why));
    json_set(c->answer, "proof", proof);
    return DONE;
}

result log_get_consistency(struct call *c, struct why *why)
{
    uint64_t to, from;
    TRY(call_number(c, "to", c->core->log.signed_size, false, c->core->log.signed_size, &to, why));
    TRY(call_number(c, "from", to, true, 0, &from, why));
    struct json *proof = NULL;
    TRY(log_consistency_json(c->core, from, to, &proof, why));
    json_set(c->answer, "proof", proof);
    return DONE;
}

/* Reading the log is in the log too (design 10). */
result log_get_entries(struct call *c, struct why *why)
{
    uint64_t from, to;
    uint64_t size = c->core->log.signed_size;
    TRY(call_number(c, "from", size, false, 0, &from, why));
    TRY(call_number(c, "to", UINT32_MAX, false, size, &to, why));
    if (to > size)
        to = size;
    if (to > from + ENTRIES_A_CALL_MAX)
        to = from + ENTRIES_A_CALL_MAX;
    struct json *entries = json_array();
    json_set(c->answer, "entries", entries);
    if (from >= to)
        return DONE;
    if (call_has_role(c, ROLE_AUDITOR)) {
        struct rows *rows CLEANUP(rows_freep) = NULL;
        TRY(RUN(c->core, LOG_RANGE, &rows, why, store_integer((int64_t)from), store_integer((int64_t)to)));
        while (rows_next(rows))
            json_add(entries, json_of_base64(rows_bytes(rows, 0)));
    } else {
        TRY(log_own_entries(c, from, to, entries, why));
    }
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "from", json_of_integer((int64_t)from));
    json_set(entry, "to", json_of_integer((int64_t)to));
    return log_append(c->core, "log_read", entry, NULL, why);
}
