/*
 * witness.c - one checkpoint at a time is offered to the trust document's witnesses.
 *
 * All witnesses are given the same checkpoint, the offer, until a majority has cosigned it; only then
 * does it make way for a newer one, and only under a cosigned offer are tasks handed out (I3: no site
 * would answer otherwise).  A dispatch, someone who asks for the checkpoint, or the end of a poll
 * make a newer one wanted.  An offer that finds no majority makes way after OFFER_LIFE_MS.
 *
 * The newest checkpoint that a majority has cosigned is kept, with all its cosignatures, in the store; what
 * people are given as the log's checkpoint was stored before (I7).  After a restart the start-up entry makes
 * a new checkpoint, which every witness is asked to cosign at its first poll; until a majority has, people are
 * given the one that was kept.  It is published as it was stored: a line that was tampered with is a
 * cosignature that its readers find missing.
 */
#include "broker/audit/audit.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "proto/fields.h"

enum { KEEP_AFTER_MS = 1000 }; /* without a transaction to go with, and nobody who waits for it */

struct kept {
    uint64_t size; /* 0: none */
    struct buffer note;
};

struct offer {
    uint64_t size;
    struct buffer note;        /* with the log's signature */
    struct slice text;         /* what is cosigned: its part before the empty line */
    int64_t until_ms;          /* monotonic: without a majority it makes way then */
    unsigned count;
    struct {
        int64_t time_s;        /* 0: not cosigned */
        char line[NOTE_LINE_MAX + 1];
    } held[TRUST_WITNESSES_MAX]; /* in the order of the trust document's witnesses */
    struct kept kept;          /* stored: what is published */
    struct kept next;          /* to be stored; next.size 0: nothing is */
    int64_t keep_by_ms;        /* monotonic */
    bool keeping;              /* `next` is in the transaction at hand */
};

static unsigned witness_count(const struct core *c)
{
    return c->trust ? c->trust->witness_count : 0;
}

uint64_t offer_size(const struct core *c)
{
    return c->log.offer->size;
}

bool offer_is_cosigned(const struct core *c)
{
    return c->log.offer->count >= witnesses_majority(witness_count(c));
}

void offer_missing(const struct core *c, unsigned *ret_have, unsigned *ret_need, char *names, size_t size)
{
    const struct offer *o = c->log.offer;
    size_t len = 0;
    *ret_have = o->count;
    *ret_need = witnesses_majority(witness_count(c));
    names[0] = 0;
    for (unsigned i = 0; i < witness_count(c); i++) {
        const char *name = c->trust->witnesses[i].name;
        if (o->held[i].time_s == 0 && len + strlen(name) + 3 < size)
            len += (size_t)snprintf(names + len, size - len, "%s%s", len ? ", " : "", name);
    }
}

static bool is_witness(const struct core *c, const struct site_id *site)
{
    static const char prefix[] = "innsyn.site.";
    for (unsigned i = 0; i < witness_count(c); i++)
        if (slice_starts(slice_str(c->trust->witnesses[i].name), prefix) &&
            strcmp(c->trust->witnesses[i].name + strlen(prefix), site->text) == 0)
            return true;
    return false;
}

bool offer_asks(const struct core *c, const struct line *line, uint64_t held_size)
{
    return held_size < offer_size(c) && is_witness(c, &line->site);
}

static void forget_cosignatures(struct offer *o)
{
    o->count = 0;
    for (unsigned i = 0; i < TRUST_WITNESSES_MAX; i++)
        o->held[i].time_s = 0;
}

/* --- what is kept ------------------------------------------------------------------------------ */

/* Is this our log's, and has a majority of the witnesses cosigned it? */
static result check_kept(struct core *c, struct note *n, struct slice text, uint64_t size, struct why *why)
{
    struct checkpoint at;
    struct hash here;
    unsigned unreadable = 0, holds;
    TRY(note_parse_readable(text, n, &unreadable, why));
    TRY(note_verify(n, &c->trust->log, why));
    TRY(checkpoint_parse(n->text, &at, why));
    if (at.size != size || size > c->log.frontier.size)
        return FAIL(why, DENIED, "it is of %" PRIu64 " entries; %" PRIu64 " were expected, the log has %" PRIu64, at.size, size, c->log.frontier.size);
    TRY(merkle_root_at(log_node, c, size, &here, why));
    if (!hash_equal(&here, &at.root))
        return FAIL(why, DENIED, "its root is not that of the log's first %" PRIu64 " entries", size);
    holds = witnesses_count(n, c->trust->witnesses, witness_count(c), 0, INT64_MAX);
    if (holds < witnesses_majority(witness_count(c)))
        return FAIL(why, DENIED, "%u of %u witnesses have cosigned it, %u lines cannot be read", holds, witness_count(c), unreadable);
    return DONE;
}

/* What cannot be published any more is not: verified readers would only be told so by it. */
static result review_kept(struct core *c, struct why *why)
{
    struct offer *o = c->log.offer;
    struct why reason = {0};
    if (o->kept.size == 0)
        return DONE;
    struct note *n = calloc(1, sizeof *n); /* large */
    result r = !n                     ? FAIL(&reason, LIMIT, "no memory for a checkpoint")
               : witness_count(c) > 0 ? check_kept(c, n, buffer_slice(&o->kept.note), o->kept.size, &reason)
                                      : FAIL(&reason, ABSENT, "there are no witnesses");
    free(n);
    if (r.code == UNAVAILABLE && why)
        *why = reason;
    if (is_ok(r) || r.code == UNAVAILABLE)
        return r;
    log_failure(LOG_WARNING, "kept_checkpoint_not_published", r, &reason);
    o->kept.size = 0;
    return DONE;
}

static result load_kept(struct core *c, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct kept *k = &c->log.offer->kept;
    TRY(store_run(c->store, LOG_COSIGNED_GET, NULL, 0, &rows, why));
    if (!rows_next(rows))
        return DONE;
    k->size = (uint64_t)rows_integer(rows, 0);
    buffer_clear(&k->note);
    if (!is_ok(buffer_add(&k->note, rows_bytes(rows, 1), why)))
        k->size = 0;
    return review_kept(c, why);
}

/* A majority has cosigned the offer, or one more has: it is to be stored. */
static result mark_to_keep(struct core *c, struct why *why)
{
    struct offer *o = c->log.offer;
    if (o->next.size == 0)
        o->keep_by_ms = host_monotonic_ms(c->host) + KEEP_AFTER_MS;
    o->next.size = 0;
    buffer_clear(&o->next.note);
    TRY(offer_print(c, &o->next.note, why));
    o->next.size = o->size;
    return DONE;
}

static bool somebody_waits(const struct core *c)
{
    for (const struct pending *p = c->waiters; p; p = p->next)
        if (p->outcome == OUTCOME_CHECKPOINT)
            return true;
    return false;
}

result offer_keep(struct core *c, struct why *why)
{
    struct offer *o = c->log.offer;
    if (!o)
        return DONE;
    o->keeping = false;
    if (o->next.size == 0)
        return DONE;
    o->keeping = c->wrote || somebody_waits(c) || o->keep_by_ms <= host_monotonic_ms(c->host);
    if (!o->keeping)
        return DONE;
    return RUN(c, LOG_COSIGNED_PUT, NULL, why, store_integer((int64_t)o->next.size), store_bytes(buffer_slice(&o->next.note)));
}

void offer_kept(struct core *c)
{
    struct offer *o = c->log.offer;
    if (!o || !o->keeping)
        return;
    struct kept before = o->kept;
    o->kept = o->next;
    o->next = (struct kept){.note = before.note};
    o->keeping = false;
}

result offer_trust_changed(struct core *c, struct why *why)
{
    if (!c->log.offer)
        return DONE;
    forget_cosignatures(c->log.offer);
    c->log.offer->next.size = 0;
    return review_kept(c, why);
}

/* --- the offer --------------------------------------------------------------------------------- */

/* The checkpoint at hand is offered from now on. */
static result advance(struct core *c, struct why *why)
{
    struct offer *o = c->log.offer;
    struct note n;
    buffer_clear(&o->note);
    TRY(buffer_add(&o->note, buffer_slice(&c->log.note), why));
    TRY(note_parse(buffer_slice(&o->note), &n, why));
    o->text = n.text;
    o->size = c->log.signed_size;
    c->log.offer_wanted = false;
    o->until_ms = host_monotonic_ms(c->host) + OFFER_LIFE_MS;
    forget_cosignatures(o);
    for (unsigned i = 0; i < c->line_count; i++) {
        struct line *line = c->lines[i];
        line->wake = line->wake || line->awaits || (line->poll && offer_asks(c, line, line->poll->held_size));
    }
    return DONE;
}

result offer_new(struct core *c, struct why *why)
{
    c->log.offer = calloc(1, sizeof *c->log.offer);
    if (!c->log.offer)
        return FAIL(why, LIMIT, "no memory for a checkpoint");
    buffer_init(&c->log.offer->note, CHECKPOINT_NOTE_MAX);
    buffer_init(&c->log.offer->kept.note, CHECKPOINT_NOTE_MAX);
    buffer_init(&c->log.offer->next.note, CHECKPOINT_NOTE_MAX);
    TRY(load_kept(c, why));
    return advance(c, why);
}

void offer_free(struct core *c)
{
    if (c->log.offer) {
        buffer_done(&c->log.offer->note);
        buffer_done(&c->log.offer->kept.note);
        buffer_done(&c->log.offer->next.note);
    }
    free(c->log.offer);
    c->log.offer = NULL;
}

result offer_settle(struct core *c, struct why *why)
{
    struct offer *o = c->log.offer;
    if (c->log.signed_size <= o->size) {
        c->log.offer_wanted = false;
        return DONE;
    }
    if (witness_count(c) == 0 || (c->log.offer_wanted && (offer_is_cosigned(c) || o->until_ms <= host_monotonic_ms(c->host))))
        return advance(c, why);
    return DONE;
}

int64_t offer_next_ms(const struct core *c)
{
    const struct offer *o = c->log.offer;
    int64_t now = host_monotonic_ms(c->host), at = INT64_MAX;
    if (c->log.offer_wanted && c->log.signed_size > o->size)
        at = o->until_ms;
    if (o->next.size > 0 && o->keep_by_ms < at)
        at = o->keep_by_ms;
    return at == INT64_MAX ? -1 : at > now ? at - now : 0;
}

result offer_print(const struct core *c, struct buffer *to, struct why *why)
{
    const struct offer *o = c->log.offer;
    TRY(buffer_add(to, buffer_slice(&o->note), why));
    for (unsigned i = 0; i < witness_count(c); i++)
        if (o->held[i].time_s)
            TRY(buffer_add_str(to, o->held[i].line, why));
    return DONE;
}

/* A majority now: those who look for tasks may look again. */
static void majority_reached(struct core *c)
{
    for (unsigned i = 0; i < c->line_count; i++)
        c->lines[i]->wake = c->lines[i]->wake || c->lines[i]->awaits;
}

result offer_cosign(struct core *c, uint64_t size, struct slice line, struct why *why)
{
    struct offer *o = c->log.offer;
    struct buffer text CLEANUP(buffer_done) = {0};
    struct note n;
    if (size != o->size)
        return DONE;
    buffer_init(&text, CHECKPOINT_NOTE_MAX);
    TRY(buffer_add(&text, o->text, why));
    TRY(buffer_add_byte(&text, '\n', why));
    TRY(buffer_add(&text, line, why));
    TRY(note_parse(buffer_slice(&text), &n, why));
    for (unsigned i = 0; i < witness_count(c) && n.count == 1; i++) {
        int64_t time_s = 0;
        if (!is_ok(note_cosigned(&n, &c->trust->witnesses[i], &time_s, NULL)))
            continue;
        bool before = offer_is_cosigned(c);
        if (time_s <= o->held[i].time_s || !slice_copy_str(line, o->held[i].line, sizeof o->held[i].line))
            return DONE;
        o->count += o->held[i].time_s == 0;
        o->held[i].time_s = time_s;
        if (!before && offer_is_cosigned(c))
            majority_reached(c);
        return offer_is_cosigned(c) ? mark_to_keep(c, why) : DONE;
    }
    return FAIL_CODE(why, DENIED, "unknown_key", "/cosignature",
                     "this is no cosignature over the checkpoint of %llu entries by a witness that the trust document names", (unsigned long long)size);
}

/* --- those who wait ---------------------------------------------------------------------------- */

/* The newest that a majority has cosigned; where none has, the newest. */
static result answer_checkpoint(struct core *c, struct pending *p, struct why *why)
{
    const struct kept *kept = &c->log.offer->kept;
    buffer_clear(&p->body);
    if (kept->size > 0)
        TRY(buffer_add(&p->body, buffer_slice(&kept->note), why));
    else if (offer_size(c) >= p->held_size)
        TRY(offer_print(c, &p->body, why));
    else
        TRY(buffer_add(&p->body, buffer_slice(&c->log.note), why));
    p->status = 200;
    p->content_type = "text/plain; charset=utf-8";
    core_answer(c, p);
    return DONE;
}

static result answer_witness(struct core *c, struct pending *p, struct why *why)
{
    struct json *v CLEANUP(json_freep) = json_object(), *proof = NULL;
    struct buffer note CLEANUP(buffer_done) = {0};
    buffer_init(&note, CHECKPOINT_NOTE_MAX);
    TRY(offer_print(c, &note, why));
    TRY(log_consistency_json(c, p->held_size < offer_size(c) ? p->held_size : 0, offer_size(c), &proof, why));
    json_set(v, "consistency", proof);
    json_set(v, "checkpoint", json_of_text(buffer_slice(&note)));
    core_answer_json(c, p, 200, v);
    return DONE;
}

result offer_answer(struct core *c, struct pending *p, bool final, bool *ret_answered, struct why *why)
{
    bool ready = p->outcome == OUTCOME_WITNESS ? offer_size(c) > p->held_size
                 : witness_count(c) == 0       ? offer_size(c) >= p->held_size
                                               : c->log.offer->kept.size > 0 && c->log.offer->kept.size >= p->held_size;
    *ret_answered = false;
    if (!ready && !final)
        return DONE;
    TRY(p->outcome == OUTCOME_WITNESS ? answer_witness(c, p, why) : answer_checkpoint(c, p, why));
    *ret_answered = true;
    return DONE;
}

/* A witness's own poll: its cosignature comes in, the next checkpoint goes out.  Only who shows a cosignature may wait. */
result log_put_cosignature(struct call *c, struct why *why)
{
    struct fields f;
    struct slice line = {0};
    int64_t size = 0, wait_ms = 0;
    struct pending *p = c->pending;
    TRY(call_fields(c, &f, why));
    TRY(need_integer(&f, "checkpoint", 0, INT64_C(1) << 53, &size));
    TRY(may_text(&f, "cosignature", NOTE_LINE_MAX, &line));
    TRY(may_integer(&f, "wait_ms", 0, POLL_WAIT_MS_MAX, &wait_ms));
    TRY(fields_close(&f));
    if (line.len)
        TRY(offer_cosign(c->core, (uint64_t)size, line, why));
    p->outcome = OUTCOME_WITNESS;
    p->held_size = (uint64_t)size;
    p->until_ms = host_monotonic_ms(c->core->host) + (line.len ? wait_ms : 0);
    return DONE;
}
