/*
 * permit.c - a permit as it is stored, and the sealed statuses that tell sites of it.  The serial rises with every change of
 * state, so that an agent never goes back.
 */
#include "broker/permits/permits.h"

#include <stdlib.h>

#include "base/wire.h"

enum { SEALED_MAX = 4096, STATUS_TEXT_MAX = 8192 };

enum permit_state permit_state_of(int64_t stage)
{
    static const enum permit_state states[STAGES] = {[DRAFT] = PERMIT_SUSPENDED, [LIVE] = PERMIT_LIVE, [SUSPENDED] = PERMIT_SUSPENDED,
                                                     [REVOKED] = PERMIT_REVOKED, [EXPIRED] = PERMIT_EXPIRED, [REPLACED] = PERMIT_REVOKED};
    return stage >= 0 && stage < STAGES ? states[stage] : PERMIT_REVOKED;
}

void permit_row_done(struct permit_row *p)
{
    rows_free(p->rows);
    permit_free(p->permit);
}

result permit_load(struct core *c, struct slice id, struct permit_row *ret, struct why *why)
{
    struct permit_row p = {0};
    TRY(RUN(c, PERMIT_GET, &p.rows, why, store_text(id)));
    if (!rows_next(p.rows)) {
        permit_row_done(&p);
        return no_such_thing(why);
    }
    p.state = rows_integer(p.rows, 1);
    p.serial = (uint64_t)rows_integer(p.rows, 2);
    p.payload = rows_text(p.rows, 3);
    p.envelope = rows_text(p.rows, 5);
    p.origin = rows_text(p.rows, 10);
    p.succeeds = rows_text(p.rows, 11);
    p.renewals = rows_integer(p.rows, 12);
    p.renewed_by = rows_text(p.rows, 13);
    if (!is_ok(permit_read(p.payload, &p.permit, why))) {
        permit_row_done(&p);
        return FAIL(why, BROKEN, "a stored permit cannot be read");
    }
    *ret = p;
    return DONE;
}

void sealed_free(struct core *c)
{
    for (unsigned i = 0; i < c->sealed_count; i++)
        buffer_done(&c->sealed[i].envelope);
    c->sealed_count = 0;
}

static struct sealed *sealed_slot(struct core *c, const struct document_id *permit)
{
    struct sealed *oldest = NULL;
    for (unsigned i = 0; i < c->sealed_count; i++) {
        if (document_id_equal(&c->sealed[i].permit, permit))
            return &c->sealed[i];
        if (!oldest || c->sealed[i].at_ms < oldest->at_ms)
            oldest = &c->sealed[i];
    }
    if (c->sealed_count == SEALED_MAX) {
        oldest->permit = *permit;
        oldest->at_ms = 0;
        return oldest;
    }
    if (c->sealed_count == c->sealed_room) {
        unsigned room = c->sealed_room ? 2 * c->sealed_room : 16;
        struct sealed *more = reallocarray(c->sealed, room, sizeof *more);
        if (!more)
            return NULL;
        c->sealed = more;
        c->sealed_room = room;
    }
    struct sealed *s = &c->sealed[c->sealed_count++];
    *s = (struct sealed){.permit = *permit};
    buffer_init(&s->envelope, STATUS_TEXT_MAX);
    return s;
}

result permit_sealed_status(struct core *c, const struct permit_row *p, struct slice *ret, struct why *why)
{
    struct sealed *s = sealed_slot(c, &p->permit->id);
    if (!s)
        return FAIL(why, LIMIT, "no memory for a status");
    int64_t now = host_now_ms(c->host);
    bool fresh = s->envelope.len && s->serial == p->serial && now - s->at_ms < STATUS_RENEW_MS && now >= s->at_ms;
    if (misbehaves("old_status") && s->envelope.len)
        fresh = true;
    if (!fresh) {
        struct permit_status status = {.permit = p->permit->id, .permit_hash = p->permit->hash, .state = permit_state_of(p->state),
                                       .serial = p->serial, .at_ms = now};
        struct buffer payload CLEANUP(buffer_done) = {0}, ask CLEANUP(buffer_done) = {0}, answer CLEANUP(buffer_done) = {0};
        buffer_init(&payload, STATUS_TEXT_MAX);
        buffer_init(&ask, 2 * PERMIT_BYTES_MAX);
        buffer_init(&answer, STATUS_TEXT_MAX);
        TRY(permit_status_print(&status, &c->network, &payload, why));
        TRY(wire_bytes(&ask, p->envelope, why));
        TRY(wire_bytes(&ask, buffer_slice(&payload), why));
        TRY(core_keys(c, MESSAGE_SEAL_STATUS, buffer_slice(&ask), &answer, why));
        buffer_clear(&s->envelope);
        TRY(buffer_add(&s->envelope, buffer_slice(&answer), why));
        s->serial = p->serial;
        s->at_ms = now;
    }
    *ret = buffer_slice(&s->envelope);
    return DONE;
}
