/*
 * witness.c - one checkpoint at a time is offered to the trust document's witnesses.
 *
 * All witnesses are given the same checkpoint, the offer, until a majority has cosigned it; only then
 * does it make way for a newer one, and only under a cosigned offer are tasks handed out (I3: no site
 * would answer otherwise).  A dispatch, someone who asks for the checkpoint, or the end of a poll
 * make a newer one wanted.  An offer that finds no majority makes way after OFFER_LIFE_MS.
 *
 * Cosignatures live in memory: after a restart the start-up entry makes a new checkpoint, which every
 * witness is asked to cosign at its first poll.
 */
#include "broker/core/call.h"

#include <stdlib.h>

#include "base/log.h"

struct offer {
    uint64_t size;
    struct buffer note;        /* with the log's signature */
    struct slice text;         /* what is cosigned: its part before the empty line */
    bool wanted;               /* a newer one should be offered */
    int64_t until_ms;          /* monotonic: without a majority it makes way then */
    unsigned count;
    struct {
        int64_t time_s;        /* 0: not cosigned */
        char line[NOTE_LINE_MAX + 1];
    } held[TRUST_WITNESSES_MAX]; /* in the order of the trust document's witnesses */
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

void offer_want(struct core *c)
{
    if (c->log.offer)
        c->log.offer->wanted = true;
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

void offer_forget_cosignatures(struct core *c)
{
    if (c->log.offer)
        forget_cosignatures(c->log.offer);
}

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
    o->wanted = false;
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
    return advance(c, why);
}

void offer_free(struct core *c)
{
    if (c->log.offer)
        buffer_done(&c->log.offer->note);
    free(c->log.offer);
    c->log.offer = NULL;
}

result offer_settle(struct core *c, struct why *why)
{
    struct offer *o = c->log.offer;
    if (c->log.signed_size <= o->size) {
        o->wanted = false;
        return DONE;
    }
    if (witness_count(c) == 0 || (o->wanted && (offer_is_cosigned(c) || o->until_ms <= host_monotonic_ms(c->host))))
        return advance(c, why);
    return DONE;
}

int64_t offer_next_ms(const struct core *c)
{
    const struct offer *o = c->log.offer;
    int64_t now = host_monotonic_ms(c->host);
    if (!o->wanted || c->log.signed_size <= o->size)
        return -1;
    return o->until_ms > now ? o->until_ms - now : 0;
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
        return DONE;
    }
    return FAIL_CODE(why, DENIED, "unknown_key", "/cosignature",
                     "this is no cosignature over the checkpoint of %llu entries by a witness that the trust document names", (unsigned long long)size);
}

/* --- those who wait ---------------------------------------------------------------------------- */

static result answer_checkpoint(struct core *c, struct pending *p, struct why *why)
{
    buffer_clear(&p->body);
    if (offer_size(c) >= p->held_size)
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
    bool ready = p->outcome == OUTCOME_WITNESS ? offer_size(c) > p->held_size : offer_size(c) >= p->held_size && offer_is_cosigned(c);
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
