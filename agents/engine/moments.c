#include "agents/engine/moments.h"

#include <math.h>
#include <stdlib.h>

#include "agents/engine/cells.h"
#include "agents/engine/cohort.h"
#include "base/secret.h"

enum { LANES = 4, FLUSH_ROWS_A_GROUP = 16 };

/* `part` and `rest_part` gather a stretch of rows in double, and are then emptied into the long sums. */
struct sums {
    uint64_t n, n_missing;
    double mean; /* of the first pass: near enough, the second corrects it */
    double part, rest_part;
    long double sum, squares, rest; /* rest: sum of deviations, which rounding leaves near but not at 0 */
};

struct summing {
    const struct snapshot *snapshot;
    const struct question *question;
    struct cohort cohort;
    struct cells by;
    uint32_t groups; /* as states: 0 missing, 1.. levels; one without `by` */
    unsigned variables;
    struct sums *sums; /* [group][variable] */
};

static void summing_done(struct summing *s)
{
    cohort_done(&s->cohort);
    if (s->sums)
        wipe(s->sums, (size_t)s->groups * s->variables * sizeof *s->sums);
    free(s->sums);
}

/* The values of a chunk as doubles, NaN for missing. */
static const double *values(const struct snapshot *s, unsigned variable, uint64_t first, size_t n, double *room)
{
    const struct snapshot_column *c = &s->columns[variable];
    if (c->kind == COLUMN_DOUBLE)
        return (const double *)c->at + first;
    if (c->kind != COLUMN_DAY)
        abort(); /* question_read lets numbers and dates pass */
    const int32_t *at = (const int32_t *)c->at + first;
    for (size_t i = 0; i < n; i++)
        room[i] = at[i] == SNAPSHOT_DATE_MISSING ? (double)NAN : (double)at[i];
    return room;
}

/* One group: lanes of their own, so that no addition waits for the one before.  fails: NULL for no box. */
static void add_lanes(struct sums *m, const double *restrict at, size_t n, const uint8_t *restrict fails, bool squares)
{
    double part[LANES] = {0}, rest[LANES] = {0};
    uint64_t with = 0, without = 0;
    const double mean = squares ? m->mean : 0;
    for (size_t i = 0; i < n; i++) {
        bool in = !fails || !fails[i], there = in && !isnan(at[i]);
        double d = there ? at[i] - mean : 0;
        part[i % LANES] += squares ? d * d : d;
        rest[i % LANES] += d;
        with += there;
        without += in && !there;
    }
    m->part += (part[0] + part[1]) + (part[2] + part[3]);
    m->rest_part += (rest[0] + rest[1]) + (rest[2] + rest[3]);
    if (!squares) {
        m->n += with;
        m->n_missing += without;
    }
}

static void add_values(const struct summing *s, const double *at, size_t n, unsigned v, const uint32_t *group, const uint8_t *fails)
{
    for (size_t i = 0; i < n; i++) {
        if (fails[i])
            continue;
        struct sums *m = &s->sums[(size_t)group[i] * s->variables + v];
        if (isnan(at[i])) {
            m->n_missing++;
        } else {
            m->n++;
            m->part += at[i];
        }
    }
}

static void add_squares(const struct summing *s, const double *at, size_t n, unsigned v, const uint32_t *group, const uint8_t *fails)
{
    for (size_t i = 0; i < n; i++) {
        if (fails[i] || isnan(at[i]))
            continue;
        struct sums *m = &s->sums[(size_t)group[i] * s->variables + v];
        double d = at[i] - m->mean;
        m->part += d * d;
        m->rest_part += d;
    }
}

static void flush(const struct summing *s, bool squares)
{
    for (size_t i = 0; i < (size_t)s->groups * s->variables; i++) {
        struct sums *m = &s->sums[i];
        if (squares) {
            m->squares += m->part;
            m->rest += m->rest_part;
        } else {
            m->sum += m->part;
        }
        m->part = m->rest_part = 0;
    }
}

static void add_chunk(const struct summing *s, uint64_t first, size_t n, bool squares)
{
    uint32_t group[CHUNK_ROWS];
    uint8_t fails[CHUNK_ROWS];
    double room[CHUNK_ROWS];
    bool grouped = s->question->by >= 0, boxed = !cohort_is_all(&s->cohort);
    if (grouped) {
        memset(group, 0, n * sizeof *group);
        cells_chunk(&s->by, first, n, group);
    }
    if (grouped || boxed)
        cohort_chunk(&s->cohort, first, n, fails, NULL);
    for (unsigned v = 0; v < s->variables; v++) {
        const double *at = values(s->snapshot, s->question->variables[v], first, n, room);
        if (!grouped && squares)
            add_lanes(&s->sums[v], at, n, boxed ? fails : NULL, true);
        else if (!grouped)
            add_lanes(&s->sums[v], at, n, boxed ? fails : NULL, false);
        else
            (squares ? add_squares : add_values)(s, at, n, v, group, fails);
    }
}

static void pass(const struct summing *s, bool squares)
{
    uint64_t rows = s->snapshot->facts.rows, gathered = 0;
    uint64_t stretch = (uint64_t)s->groups * FLUSH_ROWS_A_GROUP; /* so that emptying costs little beside gathering */
    for (uint64_t first = 0; first < rows; first += CHUNK_ROWS) {
        size_t n = rows - first < CHUNK_ROWS ? (size_t)(rows - first) : CHUNK_ROWS;
        add_chunk(s, first, n, squares);
        gathered += n;
        if (gathered >= stretch) {
            flush(s, squares);
            gathered = 0;
        }
    }
    flush(s, squares);
}

static void finish(const struct summing *s, struct moments *ret)
{
    for (uint32_t g = 0; g < s->groups; g++) {
        /* levels first, missing last */
        uint32_t slot = s->question->by < 0 ? g : g == 0 ? s->groups - 1 : g - 1;
        for (unsigned v = 0; v < s->variables; v++) {
            const struct sums *m = &s->sums[(size_t)g * s->variables + v];
            long double n = (long double)m->n, m2 = m->n ? m->squares - m->rest * m->rest / n : 0;
            ret[(size_t)slot * s->variables + v] = (struct moments){.n = m->n,
                                                                    .n_missing = m->n_missing,
                                                                    .mean = m->n ? (double)((long double)m->mean + m->rest / n) : 0,
                                                                    .m2 = m2 > 0 ? (double)m2 : 0};
        }
    }
}

result moments_summary(const struct snapshot *snapshot, const struct question *q, struct engine_answer *ret, struct why *why)
{
    struct summing s CLEANUP(summing_done) = {.snapshot = snapshot, .question = q, .groups = 1, .variables = q->variable_count};
    if (q->by >= 0) {
        cells_init_category(&s.by, snapshot, (unsigned)q->by, q->by_grouping);
        s.groups = s.by.states;
    }
    TRY(cohort_init(&s.cohort, snapshot, q, why));
    size_t count = (size_t)s.groups * s.variables;
    s.sums = calloc(count ? count : 1, sizeof *s.sums);
    struct moments *moments = calloc(count ? count : 1, sizeof *moments);
    if (!s.sums || !moments) {
        free(moments);
        return FAIL(why, LIMIT, "no memory to sum in");
    }
    pass(&s, false);
    for (size_t i = 0; i < count; i++)
        s.sums[i].mean = s.sums[i].n ? (double)(s.sums[i].sum / (long double)s.sums[i].n) : 0;
    pass(&s, true);
    finish(&s, moments);
    ret->summary = moments;
    ret->summary_groups = s.groups;
    ret->summary_variables = s.variables;
    return DONE;
}
