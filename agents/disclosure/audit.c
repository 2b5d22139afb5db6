#include "agents/disclosure/audit.h"

#include <stdlib.h>

#include "agents/disclosure/profile.h"
#include "base/secret.h"

enum { TERM_TEXT_MAX = 256 * 1024, PAIRS_FIRST = 64 };

static uint64_t eight_bytes(const uint8_t *at)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++)
        v = v << 8 | at[i];
    return v;
}

uint64_t audited_variable(struct slice name)
{
    struct hash h = sha256(name);
    return eight_bytes(h.at);
}

static result term_of(const struct question *q, unsigned b, struct audited_term *ret, struct why *why)
{
    static const int free_of_all[TABLE_DIMENSIONS_MAX] = {CELL_FREE, CELL_FREE, CELL_FREE, CELL_FREE};
    struct question alone = *q; /* borrows everything */
    struct buffer text CLEANUP(buffer_done) = {0};
    alone.box = &q->box[b];
    alone.box_count = 1;
    alone.dimension_count = 0;
    buffer_init(&text, TERM_TEXT_MAX);
    TRY(question_cell_box(&alone, free_of_all, &text, why));
    struct hash h = sha256(buffer_slice(&text));
    *ret = (struct audited_term){.variable = audited_variable(q->dictionary->variables[q->box[b].variable].name),
                                 .set = {eight_bytes(h.at), eight_bytes(h.at + 8)}};
    return DONE;
}

result audited_box_of(const struct question *q, struct audited_box **ret, struct why *why)
{
    struct audited_box *box = calloc(1, sizeof *box + q->box_count * sizeof box->terms[0]);
    if (!box)
        return FAIL(why, LIMIT, "no memory for a cohort");
    for (unsigned b = 0; b < q->box_count; b++) {
        result r = term_of(q, b, &box->terms[b], why);
        if (!is_ok(r)) {
            free(box);
            return r;
        }
        box->whole.a += box->terms[b].set.a;
        box->whole.b += box->terms[b].set.b;
        box->term_count++;
    }
    *ret = box;
    return DONE;
}

result audited_box_count(struct audited_box *box, const struct engine_answer *a, struct why *why)
{
    if (a->parent_count != box->term_count)
        return FAIL(why, BROKEN, "the engine handed over %u parents for %u variables", a->parent_count, box->term_count);
    box->persons = a->cohort;
    for (unsigned b = 0; b < box->term_count; b++)
        box->terms[b].persons = a->parent_cohorts[b];
    return DONE;
}

bool audited_box_equal(const struct audited_box *a, const struct audited_box *b)
{
    return a->whole.a == b->whole.a && a->whole.b == b->whole.b && a->term_count == b->term_count;
}

void audit_done(struct audit *a)
{
    if (a->pairs)
        wipe(a->pairs, a->pair_room * sizeof *a->pairs);
    free(a->pairs);
    *a = (struct audit){0};
}

static const struct audited_term *term(const struct audited_box *box, uint64_t variable)
{
    for (unsigned i = 0; i < box->term_count; i++)
        if (box->terms[i].variable == variable)
            return &box->terms[i];
    return NULL;
}

struct projected {
    struct box_mark mark;
    uint64_t persons;
};

static struct projected without(const struct audited_box *box, uint64_t variable)
{
    const struct audited_term *t = term(box, variable);
    if (!t)
        return (struct projected){box->whole, box->persons};
    return (struct projected){{box->whole.a - t->set.a, box->whole.b - t->set.b}, t->persons};
}

static result add_pair(struct audit *a, struct audit_pair pair, struct why *why)
{
    if (a->pair_count == a->pair_room) {
        size_t room = a->pair_room ? 2 * a->pair_room : PAIRS_FIRST;
        struct audit_pair *more = realloc(a->pairs, room * sizeof *more);
        if (!more)
            return FAIL(why, LIMIT, "no memory for the difference audit");
        a->pairs = more;
        a->pair_room = room;
    }
    a->pairs[a->pair_count++] = pair;
    return DONE;
}

static result compare_without(const struct audited_box *x, const struct audited_box *y, size_t at, uint64_t variable,
                              uint64_t exact_below, struct audit *ret, struct why *why)
{
    struct projected a = without(x, variable), b = without(y, variable);
    if (a.mark.a == b.mark.a && a.mark.b == b.mark.b)
        return DONE; /* the same box: its noise is the same too */
    uint64_t apart = a.persons > b.persons ? a.persons - b.persons : b.persons - a.persons;
    uint64_t at_least = apart > AUDIT_REMEMBERED_SLACK ? apart - AUDIT_REMEMBERED_SLACK : 0;
    return at_least < exact_below ? add_pair(ret, (struct audit_pair){at, variable, at_least}, why) : DONE;
}

static result compare_whole(const struct audited_box *x, const struct audited_box *y, size_t at, uint64_t exact_below,
                            struct audit *ret, struct why *why)
{
    return compare_without(x, y, at, AUDIT_WHOLE, exact_below, ret, why); /* no variable's hash is 0 */
}

static result compare(const struct audited_box *x, const struct audited_box *y, size_t at, uint64_t exact_below,
                      struct audit *ret, struct why *why)
{
    for (unsigned i = 0; i < x->term_count; i++)
        TRY(compare_without(x, y, at, x->terms[i].variable, exact_below, ret, why));
    for (unsigned i = 0; i < y->term_count; i++)
        if (!term(x, y->terms[i].variable))
            TRY(compare_without(x, y, at, y->terms[i].variable, exact_below, ret, why));
    return compare_whole(x, y, at, exact_below, ret, why);
}

result audit_compare(const struct audited_box *new_box, struct audited_box *const *before, size_t count, uint64_t exact_below,
                     struct audit *ret, struct why *why)
{
    for (size_t i = 0; i < count; i++) {
        result r = audited_box_equal(new_box, before[i]) ? DONE : compare(new_box, before[i], i, exact_below, ret, why);
        if (!is_ok(r)) {
            audit_done(ret);
            return r;
        }
    }
    return DONE;
}

uint64_t audit_least(const struct audit *a)
{
    uint64_t least = AUDIT_EXACT_BELOW;
    for (size_t i = 0; i < a->pair_count; i++)
        least = a->pairs[i].difference < least ? a->pairs[i].difference : least;
    return least;
}

bool audit_holds(const struct audit *a)
{
    bool holds = true;
    for (size_t i = 0; i < a->pair_count; i++)
        holds &= a->pairs[i].variable == AUDIT_WHOLE || a->pairs[i].difference >= AUDIT_PERSONS_MIN;
    return holds;
}

/* Name for the noise of a difference of whole boxes. */
#define AUDIT_STATISTIC_WHOLE "audit-whole"

static result whole_holds(const struct audit_pair *p, struct cellkey *key, struct slice edition, struct slice cohort, struct slice before,
                          bool *ret, struct why *why)
{
    const struct ptable *noise = profile_rules(PROFILE_CK)->noise;
    struct buffer text CLEANUP(buffer_done) = {0};
    uint32_t r;
    buffer_init(&text, 2 * QUESTION_BYTES_MAX + 1);
    TRY(buffer_add(&text, cohort, why));
    TRY(buffer_add_byte(&text, 0, why));
    TRY(buffer_add(&text, before, why));
    TRY(cellkey_draw(key, AUDIT_STATISTIC_WHOLE, edition, buffer_slice(&text), 0, p->difference, &r, why));
    *ret = (int64_t)p->difference + ptable_noise(noise, p->difference, r) >= AUDIT_PERSONS_MIN;
    return DONE;
}

result audit_decide(const struct audit *a, struct cellkey *key, struct slice edition, struct slice cohort, const struct slice *before,
                    bool *ret_holds, struct why *why)
{
    bool holds = audit_holds(a);
    for (size_t i = 0; i < a->pair_count; i++) {
        bool one = true;
        if (a->pairs[i].variable == AUDIT_WHOLE && a->pairs[i].difference < AUDIT_EXACT_BELOW)
            TRY(whole_holds(&a->pairs[i], key, edition, cohort, before[a->pairs[i].box], &one, why));
        holds &= one;
    }
    *ret_holds = holds;
    return DONE;
}
