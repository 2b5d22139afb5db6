#include "agents/disclosure/audit.h"

#include <stdlib.h>

#include "agents/disclosure/profile.h"
#include "base/secret.h"

enum { TERM_TEXT_MAX = 256 * 1024, PAIRS_FIRST = 64, DISJOINT_PAIRS_MAX = 1000000 };

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

result audited_term_of(const struct dictionary *d, const struct value_set *set, struct audited_term *ret, struct why *why)
{
    static const int free_of_all[TABLE_DIMENSIONS_MAX] = {CELL_FREE, CELL_FREE, CELL_FREE, CELL_FREE};
    struct value_set box = *set; /* borrows its values */
    struct question alone = {.dictionary = d, .box = &box, .box_count = 1};
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, TERM_TEXT_MAX);
    TRY(question_cell_box(&alone, free_of_all, &text, why));
    struct hash h = sha256(buffer_slice(&text));
    *ret = (struct audited_term){.variable = audited_variable(d->variables[set->variable].name), .set = {eight_bytes(h.at), eight_bytes(h.at + 8)}};
    return DONE;
}

result audited_box_of(const struct question *q, struct audited_box **ret, struct why *why)
{
    struct audited_box *box = calloc(1, sizeof *box + q->box_count * sizeof box->terms[0]);
    if (!box)
        return FAIL(why, LIMIT, "no memory for a cohort");
    for (unsigned b = 0; b < q->box_count; b++) {
        result r = audited_term_of(q->dictionary, &q->box[b], &box->terms[b], why);
        if (!is_ok(r)) {
            free(box);
            return r;
        }
        box->whole.a += box->terms[b].set.a;
        box->whole.b += box->terms[b].set.b;
        box->term_count++;
    }
    box->base = box->whole;
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

static bool mark_equal(struct box_mark a, struct box_mark b)
{
    return a.a == b.a && a.b == b.b;
}

static struct box_mark mark_less(struct box_mark a, struct box_mark b)
{
    return (struct box_mark){a.a - b.a, a.b - b.b};
}

bool audited_box_equal(const struct audited_box *a, const struct audited_box *b)
{
    return mark_equal(a->whole, b->whole) && mark_equal(a->base, b->base) && a->term_count == b->term_count;
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
    struct box_mark mark, base;
    uint64_t persons;
};

static struct projected without(const struct audited_box *box, uint64_t variable)
{
    const struct audited_term *t = term(box, variable);
    if (!t)
        return (struct projected){box->whole, box->base, box->persons};
    struct box_mark mark = mark_less(box->whole, t->set);
    return (struct projected){mark, variable == box->valued ? mark : mark_less(box->base, t->set), t->persons};
}

uint64_t audited_persons_least(const struct audited_box *box, uint64_t variable)
{
    uint64_t persons = without(box, variable).persons;
    return persons > PTABLE_NOISE_MAX ? persons - PTABLE_NOISE_MAX : 0;
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
    if (mark_equal(a.mark, b.mark) || mark_equal(a.base, b.base))
        return DONE; /* the same box, and its noise is the same too; or cells of one box */
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

/* --- boxes without a person in common ------------------------------------------------------------- */

static const struct json *item(const struct json *set, size_t i)
{
    return json_kind(set) == JSON_ARRAY ? json_item(set, i) : set;
}

static size_t items(const struct json *set)
{
    return json_kind(set) == JSON_ARRAY ? json_size(set) : 1;
}

/* Does a range end before another begins?  Ends are not in their ranges; a missing end is none. */
static bool ends_before(const struct json *a, const struct json *b)
{
    const struct json *to = json_get(a, "to"), *from = json_get(b, "from");
    if (!to || !from)
        return false;
    if (json_kind(to) == JSON_STRING && json_kind(from) == JSON_STRING) /* dates: year first */
        return slice_compare(json_text(to), json_text(from)) <= 0;
    return json_is_number(to) && json_is_number(from) && json_number(to) <= json_number(from);
}

static bool have_common(const struct json *a, const struct json *b)
{
    if (json_kind(a) == JSON_STRING && json_kind(b) == JSON_STRING)
        return slice_equal(json_text(a), json_text(b));
    if (json_kind(a) == JSON_OBJECT && json_kind(b) == JSON_OBJECT)
        return !ends_before(a, b) && !ends_before(b, a);
    return json_kind(a) == json_kind(b); /* both missing; text and range never */
}

static bool sets_disjoint(const struct json *a, const struct json *b)
{
    if (items(a) * items(b) > DISJOINT_PAIRS_MAX)
        return false;
    for (size_t i = 0; i < items(a); i++)
        for (size_t k = 0; k < items(b); k++)
            if (have_common(item(a, i), item(b, k)))
                return false;
    return true;
}

static bool boxes_disjoint(const struct json *a, const struct json *b)
{
    struct slice name;
    char text[VARIABLE_MAX + 1];
    const struct json *set, *other;
    for (size_t i = 0; json_next(a, &i, &name, &set);) {
        if (!slice_copy_str(name, text, sizeof text))
            continue;
        other = json_get(b, text);
        if (other && sets_disjoint(set, other))
            return true;
    }
    return false;
}

void audit_leave_disjoint(struct audit *a, struct slice cohort, const struct slice *before)
{
    struct json *new CLEANUP(json_freep) = NULL;
    size_t kept = 0;
    if (!is_ok(json_parse(cohort, QUESTION_BYTES_MAX, &new, NULL)))
        return;
    for (size_t i = 0; i < a->pair_count; i++) {
        struct json *old CLEANUP(json_freep) = NULL;
        if (a->pairs[i].variable != AUDIT_WHOLE || !is_ok(json_parse(before[a->pairs[i].box], QUESTION_BYTES_MAX, &old, NULL)) ||
            !boxes_disjoint(json_get(new, "where"), json_get(old, "where")))
            a->pairs[kept++] = a->pairs[i];
    }
    a->pair_count = kept;
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
