/* Permits, queries, entries and trust documents from strangers: read or refused, and never good without signatures. */
#include "proto/query.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void permit(struct slice bytes)
{
    static const struct trust nobody;
    struct permit *p CLEANUP(permit_freep) = NULL;
    struct envelope e CLEANUP(envelope_done) = {0};
    struct why why = {0};
    if (!is_ok(permit_read(bytes, &p, &why))) {
        if (p || !why.text[0])
            abort();
        return;
    }
    if (!p->dataset_count || !p->person_count || p->from_ms >= p->to_ms)
        abort();
    if (is_ok(envelope_make(TYPE_PERMIT, bytes, &e, NULL)) && is_ok(permit_check_signatures(&e, p, &nobody, NULL, NULL)))
        abort();
}

static void trust(struct slice bytes)
{
    struct trust *t CLEANUP(trust_freep) = NULL;
    struct envelope e CLEANUP(envelope_done) = {0};
    if (is_ok(envelope_make(TYPE_TRUST, bytes, &e, NULL)) && is_ok(trust_open(&e, NULL, NULL, &t, NULL)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_of(data, size);
    struct query *q CLEANUP(query_freep) = NULL;
    struct task t = {0};
    struct hash h = {{0}};
    struct label account;
    permit(bytes);
    trust(bytes);
    if (is_ok(query_read(bytes, &q, NULL)) && (!q->site_count || q->expires_ms - q->issued_ms > QUERY_LIFE_MAX_MS))
        abort();
    if (is_ok(task_check_entry(&t, &h, bytes, NULL))) /* an empty task has no entry that could be written */
        abort();
    if (is_ok(entry_account(bytes, &account, NULL)) && !account.text[0])
        abort();
    return 0;
}
