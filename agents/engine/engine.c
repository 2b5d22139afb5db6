#include "agents/engine/engine.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agents/engine/cube.h"
#include "agents/engine/difference.h"
#include "agents/engine/halves.h"
#include "agents/engine/lattice_sums.h"
#include "agents/engine/left_out.h"
#include "agents/engine/moments.h"
#include "agents/engine/quantiles.h"
#include "agents/engine/weighted.h"
#include "base/channel.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/secret.h"

enum { ENGINE_WAIT_MS = 60 * 1000, REFUSAL_BYTES_MAX = 1024 };

struct mapped {
    struct label dataset;
    struct snapshot *snapshot;
    struct left_out left_out;
    uint64_t used; /* number of the plan that used it last */
};

struct engine {
    const struct engine_start *start;
    struct channel *channel;
    struct mapped mapped[ENGINE_SNAPSHOTS_MAX];
    struct bitmaps *bitmaps;
    struct difference_plan differences; /* large */
    struct jitter *jitter; /* NULL until guard has handed over its key */
    uint64_t plans;
};

static int64_t now_us(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        abort();
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

result engine_compute(const struct snapshot *s, const struct question *q, bool protect, struct engine_answer *ret, struct why *why)
{
    int64_t begun = now_us();
    TRY(cube_count(s, q, protect, ret, why));
    if (q->statistic == STATISTIC_SUMMARY) {
        result r = moments_summary(s, q, ret, why);
        if (is_ok(r) && q->quantile_count)
            r = quantile_values(s, q, ret, why);
        if (is_ok(r) && q->quantile_count && protect)
            r = quantile_histograms(s, q, ret, why);
        if (!is_ok(r)) {
            engine_answer_done(ret);
            return r;
        }
    }
    ret->engine_us = now_us() - begun;
    return DONE;
}

/* --- snapshots -------------------------------------------------------------------------------- */

static struct mapped *place_for(struct engine *e)
{
    struct mapped *oldest = &e->mapped[0];
    for (unsigned i = 0; i < ENGINE_SNAPSHOTS_MAX; i++)
        if (e->mapped[i].used < oldest->used)
            oldest = &e->mapped[i];
    snapshot_close(oldest->snapshot);
    left_out_done(&oldest->left_out);
    *oldest = (struct mapped){0};
    return oldest;
}

static result find_snapshot(struct engine *e, const char *name, const struct hash *hash, struct mapped **ret, struct why *why)
{
    char folder[PATH_MAX];
    struct label dataset;
    TRY(label_parse(slice_str(name), &dataset, why));
    for (unsigned i = 0; i < ENGINE_SNAPSHOTS_MAX; i++) {
        struct mapped *m = &e->mapped[i];
        if (m->snapshot && label_equal(&m->dataset, &dataset) && hash_equal(&m->snapshot->facts.name, hash)) {
            m->used = e->plans;
            *ret = m;
            return DONE;
        }
    }
    int len = snprintf(folder, sizeof folder, "%s/%s", e->start->data_folder, dataset.text);
    if (len < 0 || (size_t)len >= sizeof folder)
        return FAIL(why, LIMIT, "the path of the data folder is too long");
    struct snapshot *s CLEANUP(snapshot_closep) = NULL;
    TRY(snapshot_open(e->start->host, folder, hash, true, &s, why));
    if (!label_equal(&s->facts.dataset, &dataset))
        return FAIL(why, BROKEN, "the snapshot in the folder of %s is one of %s", dataset.text, s->facts.dataset.text);
    struct mapped *m = place_for(e);
    *m = (struct mapped){.dataset = dataset, .snapshot = MOVE(s), .used = e->plans};
    *ret = m;
    return DONE;
}

/* --- one plan --------------------------------------------------------------------------------- */

static result read_question(struct slice text, const struct snapshot *s, struct question **ret, struct why *why)
{
    struct json *tree CLEANUP(json_freep) = NULL;
    TRY(json_parse(text, QUESTION_BYTES_MAX, &tree, why));
    return question_read(tree, s->dictionary, ret, why);
}

static result answer(struct engine *e, const struct plan *p, struct slice text, struct buffer *to, struct why *why)
{
    struct mapped *m = NULL;
    struct question *q CLEANUP(question_freep) = NULL;
    struct engine_answer a CLEANUP(engine_answer_done);
    engine_answer_init(&a);
    TRY(find_snapshot(e, p->dataset, &p->snapshot, &m, why));
    TRY(left_out_apply(&m->left_out, p->left_out, m->snapshot, why));
    const struct snapshot *s = m->snapshot;
    TRY(read_question(text, s, &q, why));
    if (p->protect && q->statistic == STATISTIC_SUMMARY && q->dictionary->profile == PROFILE_DP) {
        int64_t begun = now_us();
        TRY(lattice_summary(s, q, &a, why));
        a.engine_us = now_us() - begun;
    } else if (p->protect && q->statistic == STATISTIC_SUMMARY) {
        char edition[2 * HASH_LEN + 1];
        int64_t begun = now_us();
        hash_print(&p->edition, edition);
        if (!e->jitter)
            return FAIL(why, BROKEN, "the engine has no jitter key");
        TRY(weighted_summary(s, q, e->jitter, slice_str(edition), &a, why));
        a.engine_us = now_us() - begun;
    } else {
        TRY(engine_compute(s, q, p->protect, &a, why));
    }
    return engine_answer_encode(&a, to, why);
}

/* Persons in exactly one of two cohorts, for each pair. */
static result differ(struct engine *e, struct slice payload, struct buffer *to, struct why *why)
{
    struct mapped *m = NULL;
    uint64_t *all = NULL;
    TRY(difference_plan_decode(payload, &e->differences, why));
    TRY(find_snapshot(e, e->differences.dataset, &e->differences.snapshot, &m, why));
    TRY(left_out_apply(&m->left_out, e->differences.left_out, m->snapshot, why));
    TRY(difference_compute(e->bitmaps, m->snapshot, &e->differences, &all, why));
    result r = differences_encode(all, e->differences.pair_count, to, why);
    wipe(all, e->differences.pair_count * sizeof *all);
    free(all);
    return r;
}

static const char *refusal_code(result r, const struct why *why)
{
    if (why->code && *why->code)
        return why->code;
    return r.code == ABSENT ? "snapshot_missing" : r.code == LIMIT ? "too_large" : r.code == MALFORMED ? "malformed" : "fault";
}

/* Refusals travel on to those who asked: paths and what is wrong with a disk are for this site's log alone. */
static const char *refusal_text(result r, const struct why *why)
{
    if (r.code == DENIED || r.code == MALFORMED || (r.code == LIMIT && why->code))
        return why->text;
    if (r.code == ABSENT)
        return "the site no longer has the snapshot that was asked";
    if (r.code == LIMIT)
        return "the question needs more memory than the site's engine may use";
    return "the site could not read its snapshot; its operator has been told why";
}

static result refuse(struct engine *e, uint64_t tag, result r, const struct why *why)
{
    struct engine_refusal refusal = {.status = r.code};
    struct buffer bytes CLEANUP(buffer_done) = {0};
    struct why ignored;
    buffer_init(&bytes, REFUSAL_BYTES_MAX);
    (void)snprintf(refusal.code, sizeof refusal.code, "%s", refusal_code(r, why));
    (void)snprintf(refusal.field, sizeof refusal.field, "%s", why->field);
    (void)snprintf(refusal.text, sizeof refusal.text, "%s", refusal_text(r, why));
    TRY(engine_refusal_encode(&refusal, &bytes, &ignored));
    return channel_send_now(e->channel, ENGINE_REFUSAL, tag, buffer_slice(&bytes), &ignored);
}

static void wipe_buffer(struct buffer *b)
{
    buffer_wipe(b); /* true counts */
}

static result serve(struct engine *e, const struct message *m, struct why *why)
{
    struct plan p;
    struct slice question;
    struct buffer bytes CLEANUP(wipe_buffer) = {0};
    buffer_init(&bytes, CHANNEL_FRAME_BYTES_MAX);
    uint64_t tag = m->tag;
    bool differences = m->kind == ENGINE_DIFFER;
    result r;
    e->plans++;
    if (differences) {
        r = differ(e, m->payload, &bytes, why);
    } else {
        TRY(plan_decode(m->payload, &p, &question, why));
        r = answer(e, &p, question, &bytes, why);
    }
    if (is_ok(r))
        return channel_send_now(e->channel, differences ? ENGINE_DIFFERENCES : ENGINE_ANSWER, tag, buffer_slice(&bytes), why);
    log_failure(LOG_WARNING, "plan_refused", r, why);
    return refuse(e, tag, r, why);
}

static result live(struct engine *e, struct why *why)
{
    for (;;) {
        struct message m;
        result r = channel_receive(e->channel, ENGINE_WAIT_MS, &m, why);
        if (r.code == LIMIT)
            continue; /* nobody asked for a while */
        TRY(r);
        if (m.kind == ENGINE_STOP)
            return DONE;
        if (m.kind == ENGINE_JITTER_KEY && e->plans == 0 && !e->jitter && m.payload.len == HASH_LEN) {
            TRY(jitter_new(m.payload, &e->jitter, why));
            continue;
        }
        if (m.kind != ENGINE_ASK && m.kind != ENGINE_DIFFER)
            return FAIL(why, MALFORMED, "the engine takes plans, not messages of kind %u", (unsigned)m.kind);
        *why = (struct why){0};
        TRY(serve(e, &m, why));
    }
}

static result begin(struct engine *e, struct why *why)
{
    process_hide();
    TRY(bitmaps_new(&e->bitmaps, why));
    TRY(channel_new(NULL, e->start->channel_fd, NULL, NULL, NULL, &e->channel, why));
    if (!is_ok(halves_begin(why))) { /* before the sandbox, where no thread can be made */
        log_failure(LOG_NOTICE, "one_thread", (result){UNAVAILABLE}, why);
        *why = (struct why){0};
    }
    return sandbox_enter(SANDBOX_FILES_READ, why);
}

int engine_main(void *self)
{
    struct engine *e = calloc(1, sizeof *e);
    struct why why = {0};
    if (!e)
        return 1;
    e->start = self;
    log_init(e->start->host, "engine", LOG_NOTICE);
    result r = begin(e, &why);
    if (is_ok(r))
        r = live(e, &why);
    if (r.code == UNAVAILABLE)
        r = DONE; /* guard has gone, and so does the engine */
    if (!is_ok(r))
        log_failure(LOG_ERROR, "engine_stopped", r, &why);
    halves_end();
    channel_free(e->channel);
    jitter_free(e->jitter);
    for (unsigned i = 0; i < ENGINE_SNAPSHOTS_MAX; i++) {
        snapshot_close(e->mapped[i].snapshot);
        left_out_done(&e->mapped[i].left_out);
    }
    bitmaps_free(e->bitmaps);
    free(e);
    return is_ok(r) ? 0 : 1;
}
