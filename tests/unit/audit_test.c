/* Aim: the difference audit decides as the vectors do, with the engine's own counts of differing persons; the
 * engine's bitmaps agree with a naive walk over the rows; a charge is 1/(V + s/4), rounded up, and its steps
 * are no finer than published counts. */
#include "agents/disclosure/audit.h"
#include "agents/disclosure/charge.h"
#include "agents/engine/difference.h"
#include "agents/engine/engine.h"
#include "agents/disclosure/ptable.h"
#include "base/codec.h"
#include "tests/unit/random_snapshot.h"

enum { QUERIES_MAX = 16, PERSONS_MAX = 512 };

static struct json *vectors(const char *name)
{
    char path[512];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v = NULL;
    snprintf(path, sizeof path, "%s/vectors/sdc/%s", TEST_DATA, name);
    read_test_file(path, &text);
    assert_ok(json_parse(buffer_slice(&text), JSON_BYTES_MAX, &v, NULL));
    return v;
}

/* --- the vectors --- */

static const char DICTIONARY[] =
    "{\"dataset\":\"v\",\"variables\":[{\"name\":\"pid\",\"type\":\"id\"},"
    "{\"name\":\"zip\",\"type\":\"category\",\"levels\":[{\"code\":\"1\"},{\"code\":\"2\"}]},"
    "{\"name\":\"age\",\"type\":\"category\",\"levels\":[{\"code\":\"a\"},{\"code\":\"b\"},{\"code\":\"c\"},{\"code\":\"d\"}]},"
    "{\"name\":\"dx\",\"type\":\"category\",\"levels\":[{\"code\":\"0\"},{\"code\":\"1\"}]}]}";
static const char *const NAMES[4] = {NULL, "zip", "age", "dx"};

struct town {
    struct dictionary *d;
    struct snapshot s;
    struct snapshot_column columns[4];
    uint8_t codes[4][PERSONS_MAX];
    uint64_t keys[PERSONS_MAX];
};

static uint8_t code_of(const struct dictionary *d, unsigned variable, struct slice level)
{
    for (unsigned l = 0; l < d->variables[variable].level_count; l++)
        if (slice_equal(d->variables[variable].levels[l], level))
            return (uint8_t)(l + 1);
    fail_msg("no level %.*s", SLICE_ARG(level));
    return 0;
}

/* flip: the person in zip 1, age c has the other dx. */
static void town_build(struct town *t, const struct json *persons, bool flip)
{
    *t = (struct town){.d = test_dictionary(DICTIONARY, PROFILE_OPEN)};
    size_t n = json_size(persons);
    assert_true(n <= PERSONS_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct json *p = json_item(persons, i);
        for (unsigned v = 1; v < 4; v++)
            t->codes[v][i] = code_of(t->d, v, json_text(json_get(p, NAMES[v])));
        if (flip && slice_is(json_text(json_get(p, "zip")), "1") && slice_is(json_text(json_get(p, "age")), "c"))
            t->codes[3][i] = (uint8_t)(3 - t->codes[3][i]);
        t->keys[i] = i * UINT64_C(0x9e3779b97f4a7c15);
    }
    for (unsigned v = 1; v < 4; v++)
        t->columns[v] = (struct snapshot_column){COLUMN_U8, t->codes[v]};
    t->s = (struct snapshot){.facts = {.rows = n, .persons = n, .name = {{flip}}}, .dictionary = t->d, .columns = t->columns, .keys = t->keys};
}

static struct question *town_question(const struct town *t, const struct json *box)
{
    struct json *v CLEANUP(json_freep) = json_object(), *statistic = json_object();
    struct question *q = NULL;
    json_set(statistic, "count", json_object());
    json_set(v, "innsyn", json_of_str("question/1"));
    json_set(v, "dataset", json_of_str("v"));
    json_set(v, "where", json_share(box));
    json_set(v, "statistic", statistic);
    assert_ok(question_read(v, t->d, &q, NULL));
    return q;
}

struct asked {
    struct audited_box *boxes[QUERIES_MAX];
    struct buffer texts[QUERIES_MAX];
    const char *labels[QUERIES_MAX];
    size_t count;
};

/* The vectors give a reason for each projection; those of a variable that neither box names compare the
 * unprojected boxes, which this audit does with noise (agents/disclosure/audit.h). */
static bool has_reason(const struct json *reasons, const char *text)
{
    for (size_t i = 0; i < json_size(reasons); i++)
        if (slice_is(json_text(json_item(reasons, i)), text))
            return true;
    return false;
}

static bool decide(const struct town *t, const struct json *query, struct bitmaps *bitmaps, struct asked *asked, bool check_reasons)
{
    struct question *q CLEANUP(question_freep) = town_question(t, json_get(query, "box"));
    struct engine_answer a CLEANUP(engine_answer_done);
    struct audit audit CLEANUP(audit_done) = {0};
    struct audited_box *box;
    const struct json *reasons = json_get(query, "reasons");
    char reason[256];
    bool parents = true;
    size_t found = 0;
    engine_answer_init(&a);
    assert_ok(engine_compute(&t->s, q, true, &a, NULL));
    assert_int_equal(audited_box_of(q, &box, NULL).code, OK);
    assert_ok(audited_box_count(box, &a, NULL));
    struct buffer *text = &asked->texts[asked->count];
    buffer_init(text, QUESTION_BYTES_MAX);
    assert_ok(question_cohort(q, text, NULL));
    for (unsigned b = 0; b < q->box_count; b++)
        if (a.parent_cohorts[b] < AUDIT_PERSONS_MIN) {
            parents = false;
            snprintf(reason, sizeof reason, "own parent without %.*s = %u", SLICE_ARG(t->d->variables[q->box[b].variable].name),
                     (unsigned)a.parent_cohorts[b]);
            assert_true(!check_reasons || has_reason(reasons, reason));
            found++;
        }
    assert_ok(audit_compare(box, asked->boxes, asked->count, AUDIT_EXACT_BELOW, &audit, NULL));
    for (size_t i = 0; i < audit.pair_count; i++) {
        struct audit_pair *p = &audit.pairs[i];
        unsigned v = 1;
        if (p->variable == AUDIT_WHOLE)
            continue; /* these decide with noise: whole_boxes_are_compared_with_noise */
        while (audited_variable(slice_str(NAMES[v])) != p->variable)
            v++;
        struct projection x = {buffer_slice(text), slice_str(NAMES[v])}, y = {buffer_slice(&asked->texts[p->box]), slice_str(NAMES[v])};
        uint64_t difference;
        assert_ok(bitmaps_difference(bitmaps, &t->s, &x, &y, &difference, NULL));
        assert_true(difference >= p->difference);
        p->difference = difference;
        if (difference >= AUDIT_PERSONS_MIN)
            continue;
        snprintf(reason, sizeof reason, "vs '%s' ignoring %s: %u persons", asked->labels[p->box], NAMES[v], (unsigned)difference);
        if (check_reasons && !has_reason(reasons, reason))
            fail_msg("%s is no reason of the vectors", reason);
        found++;
    }
    bool answered = parents && audit_holds(&audit);
    if (check_reasons) {
        static char labels[QUERIES_MAX][128];
        assert_int_equal(a.cohort, json_integer(json_get(query, "true_count")));
        assert_true(slice_copy_str(json_text(json_get(query, "label")), labels[asked->count], sizeof labels[0]));
        asked->labels[asked->count] = labels[asked->count];
        assert_true(answered ? json_size(reasons) == 0 : found > 0);
    }
    if (answered)
        asked->boxes[asked->count++] = box;
    else
        free(box), buffer_done(text);
    return answered;
}

static void asked_done(struct asked *a)
{
    for (size_t i = 0; i < a->count; i++) {
        free(a->boxes[i]);
        buffer_done(&a->texts[i]);
    }
}

static void decisions_equal_vectors(void **state)
{
    (void)state;
    struct json *v CLEANUP(json_freep) = vectors("audit.json");
    const struct json *queries = json_get(v, "queries");
    struct bitmaps *bitmaps CLEANUP(bitmaps_freep) = NULL;
    static struct town town;
    assert_ok(bitmaps_new(&bitmaps, NULL));
    for (int flip = 0; flip < 2; flip++) { /* the isolated person's secret moves no decision */
        struct asked asked CLEANUP(asked_done) = {0};
        town_build(&town, json_get(v, "persons"), flip);
        for (size_t i = 0; i < json_size(queries); i++) {
            const struct json *query = json_item(queries, i);
            bool answered = decide(&town, query, bitmaps, &asked, !flip);
            if (answered != slice_is(json_text(json_get(query, "decision")), "answer"))
                fail_msg("query %zu is decided otherwise", i);
        }
        assert_int_equal(asked.count, 5);
        dictionary_free(town.d);
    }
}

/* --- the engine's differences --- */

static uint64_t naive_difference(const struct snapshot *s, const struct question *x, int wx, const struct question *y, int wy)
{
    uint64_t persons = 0;
    uint8_t *in = calloc(s->facts.persons + 1, 1);
    for (uint64_t row = 0; row < s->facts.rows; row++) {
        uint64_t person = s->person ? s->person[row] : row;
        in[person] |= (uint8_t)(naive_in_box(s, x, row, wx) | naive_in_box(s, y, row, wy) << 1);
    }
    for (uint64_t p = 0; p < s->facts.persons; p++)
        persons += in[p] == 1 || in[p] == 2;
    free(in);
    return persons;
}

static int box_index(const struct question *q, const char *name)
{
    for (unsigned b = 0; b < q->box_count; b++)
        if (slice_is(q->dictionary->variables[q->box[b].variable].name, name))
            return (int)b;
    return -1;
}

/* The same pair as the audit asks it: exact where that decides, and never more than the truth. */
static void beside_many(struct bitmaps *bitmaps, const struct snapshot *s, const char *new_text, const char *earlier, const char *without, uint64_t truth)
{
    static struct difference_plan p;
    uint64_t *got = NULL;
    p.question = slice_str(new_text);
    p.pair_count = 2;
    p.pairs[0] = (struct difference_pair){slice_str(earlier), slice_str(without), 0};
    p.pairs[1] = (struct difference_pair){slice_str("{\"innsyn\":\"question/1\",\"dataset\":\"other\"}"), slice_str(without), 0};
    assert_ok(difference_compute(bitmaps, s, &p, &got, NULL));
    if (truth < DIFFERENCE_SURE || s->person)
        assert_int_equal(got[0], truth);
    else
        assert_true(got[0] >= DIFFERENCE_SURE && got[0] <= truth);
    assert_true(got[1] == DIFFERENCE_UNKNOWN);
    free(got);
}

static void differences_equal_naive(void **state)
{
    (void)state;
    struct chance c = {20260101};
    for (int events = 0; events < 2; events++) {
        struct bitmaps *bitmaps CLEANUP(bitmaps_freep) = NULL;
        struct dictionary *d CLEANUP(dictionary_freep) = random_dictionary(events);
        struct snapshot *s = random_snapshot(&c, d, 9000, 1);
        assert_ok(bitmaps_new(&bitmaps, NULL));
        for (unsigned i = 0; i < 40; i++) {
            char where[2][16384], text[2][40000];
            struct question *q[2];
            struct engine_answer a;
            for (int k = 0; k < 2; k++) {
                random_where(&c, where[k], sizeof where[k]);
                snprintf(text[k], sizeof text[k], "{\"innsyn\":\"question/1\",\"dataset\":\"r\",\"statistic\":{\"count\":{}}%s}", where[k]);
                q[k] = test_question(d, text[k]);
            }
            const char *without = RANDOM_NAMES[1 + chance_below(&c, RANDOM_VARIABLES - 1)];
            struct projection x = {slice_str(text[0]), slice_str(without)}, y = {slice_str(text[1]), slice_str(without)};
            uint64_t got;
            assert_ok(bitmaps_difference(bitmaps, s, &x, &y, &got, NULL));
            assert_int_equal(got, naive_difference(s, q[0], box_index(q[0], without), q[1], box_index(q[1], without)));
            beside_many(bitmaps, s, text[0], text[1], without, got);
            engine_answer_init(&a);
            assert_ok(engine_compute(s, q[0], true, &a, NULL));
            struct question none = {.dictionary = d};
            for (unsigned b = 0; b < q[0]->box_count; b++) { /* the parents' persons, against everything minus nothing */
                uint64_t outside = naive_difference(s, &none, -1, q[0], (int)b);
                uint64_t everybody = naive_difference(s, &none, -1, &(struct question){.dictionary = d, .box_count = 0}, -1);
                assert_int_equal(everybody, 0);
                uint64_t with_rows = 0;
                uint8_t *seen = calloc(s->facts.persons + 1, 1);
                for (uint64_t row = 0; row < s->facts.rows; row++)
                    seen[s->person ? s->person[row] : row] = 1;
                for (uint64_t p = 0; p < s->facts.persons; p++)
                    with_rows += seen[p];
                free(seen);
                assert_int_equal(a.parent_cohorts[b], with_rows - outside);
            }
            engine_answer_done(&a);
            question_free(q[0]);
            question_free(q[1]);
        }
        assert_true(bitmaps_bytes(bitmaps) <= BITMAPS_BYTES_MAX);
        random_snapshot_free(s);
    }
}

/* One person never passes, 18 always do; between them the noise of a published count decides. */
static void whole_boxes_are_compared_with_noise(void **state)
{
    (void)state;
    enum { DRAWS = 2000 };
    struct secret *secret CLEANUP(secret_freep) = NULL;
    struct cellkey *key CLEANUP(cellkey_freep) = NULL;
    struct slice before[1] = {slice_str("{\"where\":{}}")};
    assert_ok(secret_new(slice_of("01234567890123456789012345678901", 32), &secret, NULL));
    assert_ok(cellkey_new(secret, LABEL_CELL_KEY, &key, NULL));
    double last = -1;
    for (uint64_t n = 0; n <= 2 * CK_NOISE_MAX + 2; n++) {
        struct audit_pair pair = {0, AUDIT_WHOLE, n};
        struct audit a = {&pair, 1, 1};
        unsigned held = 0;
        assert_true(audit_holds(&a)); /* no projection */
        assert_int_equal(audit_least(&a), n);
        for (unsigned i = 0; i < DRAWS; i++) {
            char edition[16];
            bool holds, again;
            snprintf(edition, sizeof edition, "%u", i);
            assert_ok(audit_decide(&a, key, slice_str(edition), slice_str("{}"), before, &holds, NULL));
            assert_ok(audit_decide(&a, key, slice_str(edition), slice_str("{}"), before, &again, NULL));
            assert_int_equal(holds, again);
            held += holds;
        }
        assert_true(n > 1 || held == 0);
        assert_true(n < AUDIT_PERSONS_MIN + CK_NOISE_MAX || held == DRAWS);
        assert_true(n != AUDIT_PERSONS_MIN || (held > DRAWS / 3 && held < DRAWS));
        assert_true((double)held >= last - 0.05 * DRAWS); /* more persons pass more often */
        last = held;
    }
    /* A projection is decided by itself. */
    struct audit_pair both[2] = {{0, AUDIT_WHOLE, 500}, {0, 7, AUDIT_PERSONS_MIN - 1}};
    struct audit a = {both, 2, 2};
    bool holds;
    assert_ok(audit_decide(&a, key, slice_str("e"), slice_str("{}"), before, &holds, NULL));
    assert_false(holds);
    both[1].difference++;
    assert_ok(audit_decide(&a, key, slice_str("e"), slice_str("{}"), before, &holds, NULL));
    assert_true(holds);
}

static void boxes_without_a_common_value_are_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool disjoint;
    } cases[] = {
        {"{\"zip\":[\"1\"]}", "{\"zip\":[\"2\"]}", true},
        {"{\"zip\":[\"1\",\"3\"]}", "{\"zip\":[\"2\",\"3\"]}", false},
        {"{\"zip\":[\"1\"],\"dx\":[\"1\"]}", "{\"zip\":[\"2\"],\"dx\":[\"1\"]}", true},
        {"{\"zip\":[\"1\"],\"dx\":[\"1\"]}", "{\"age\":[\"2\"],\"dx\":[\"1\"]}", false},
        {"{\"zip\":[\"1\"]}", "{}", false},
        {"{\"zip\":[\"1\",null]}", "{\"zip\":[\"2\",null]}", false},
        {"{\"zip\":[null]}", "{\"zip\":[\"2\"]}", true},
        {"{\"x\":{\"from\":0,\"to\":59}}", "{\"x\":{\"from\":59}}", true},
        {"{\"x\":{\"from\":0,\"to\":60}}", "{\"x\":{\"from\":59}}", false},
        {"{\"x\":{\"to\":60}}", "{\"x\":{\"to\":3}}", false},
        {"{\"x\":[{\"to\":3},{\"from\":9,\"to\":12}]}", "{\"x\":[{\"from\":3,\"to\":9},{\"from\":12}]}", true},
        {"{\"x\":[{\"to\":3},null]}", "{\"x\":[{\"from\":3},null]}", false},
        {"{\"d\":{\"to\":\"2020-02-01\"}}", "{\"d\":{\"from\":\"2020-02-01\"}}", true},
        {"{\"d\":{\"to\":\"2020-02-02\"}}", "{\"d\":{\"from\":\"2020-02-01\"}}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int swap = 0; swap < 2; swap++) {
            char texts[2][200];
            struct audit_pair pairs[2] = {{0, AUDIT_WHOLE, 3}, {0, 7, 30}};
            struct audit a = {pairs, 2, 2};
            snprintf(texts[0], sizeof texts[0], "{\"where\":%s}", swap ? cases[i].b : cases[i].a);
            snprintf(texts[1], sizeof texts[1], "{\"where\":%s}", swap ? cases[i].a : cases[i].b);
            struct slice before = slice_str(texts[1]);
            audit_leave_disjoint(&a, slice_str(texts[0]), &before);
            if (a.pair_count != (cases[i].disjoint ? 1u : 2u))
                fail_msg("case %zu", i);
            assert_int_equal(a.pairs[a.pair_count - 1].variable, 7); /* a projection is never left out */
        }
}

/* Boxes that name one variable are not told apart by a projection: whole they are. */
static void one_variable_boxes_are_compared(void **state)
{
    (void)state;
    struct json *v CLEANUP(json_freep) = vectors("audit.json");
    static struct town town;
    struct engine_answer a CLEANUP(engine_answer_done), b CLEANUP(engine_answer_done);
    struct audited_box *x, *y;
    struct audit audit CLEANUP(audit_done) = {0};
    town_build(&town, json_get(v, "persons"), false);
    struct question *all CLEANUP(question_freep) = test_question(town.d, "{\"innsyn\":\"question/1\",\"dataset\":\"v\",\"statistic\":{\"table\":{\"by\":[\"dx\"]}}}");
    struct question *most CLEANUP(question_freep) = test_question(town.d, "{\"innsyn\":\"question/1\",\"dataset\":\"v\",\"statistic\":{\"table\":{\"by\":[\"dx\"]}},"
                                                                  "\"where\":{\"age\":[\"a\",\"b\",\"d\"]}}");
    engine_answer_init(&a);
    engine_answer_init(&b);
    assert_ok(engine_compute(&town.s, all, true, &a, NULL));
    assert_ok(engine_compute(&town.s, most, true, &b, NULL));
    assert_ok(audited_box_of(all, &x, NULL));
    assert_ok(audited_box_of(most, &y, NULL));
    assert_ok(audited_box_count(x, &a, NULL));
    assert_ok(audited_box_count(y, &b, NULL));
    assert_ok(audit_compare(y, &x, 1, AUDIT_EXACT_BELOW, &audit, NULL));
    assert_int_equal(audit.pair_count, 1);
    assert_int_equal(audit.pairs[0].variable, AUDIT_WHOLE);
    free(x);
    free(y);
    dictionary_free(town.d);
}

/* --- charges --- */

static void charge_is_the_formula(void **state)
{
    (void)state;
    assert_int_equal(charge_micro(28, 10), 105264);  /* 1/(7 + 2.5): 9 of them fit in 1 */
    assert_int_equal(charge_micro(28, 40), 58824);   /* a cell of 50 */
    assert_int_equal(charge_micro(28, 160), 21277);  /* of 200 */
    assert_int_equal(charge_micro(28, 640), 5989);   /* of 1,000 */
    assert_int_equal(charge_micro(25, 0), 160000);
    /* Two groups and more: 2/(V + s/g).  With large s two groups cost what one costs, since one tells of the other. */
    assert_int_equal(charge_micro_of_cells(28, 10, 1), 105264);
    assert_int_equal(charge_micro_of_cells(28, 10, 2), 166667);  /* 2/(7 + 5): 6 tables */
    assert_int_equal(charge_micro_of_cells(28, 160, 2), 22989);  /* 43 */
    assert_int_equal(charge_micro_of_cells(28, 1280, 2), 3092);  /* 323; one: 327 */
    assert_int_equal(charge_micro_of_cells(28, 40, 4), 117648);  /* 2/(7 + 10) */
    assert_int_equal(charge_micro_of_cells(28, 20, 10), 222223); /* 2/(7 + 2) */
    assert_int_equal(charge_step(0), 10);
    assert_int_equal(charge_step(19), 10);
    assert_int_equal(charge_step(20), 20);
    assert_int_equal(charge_step(1279), 640);
    assert_int_equal(charge_step(UINT64_MAX), CHARGE_STEP_LAST);
}

static void charge_of_a_question(void **state)
{
    (void)state;
    struct json *v CLEANUP(json_freep) = vectors("audit.json");
    static struct town town;
    struct secret *secret CLEANUP(secret_freep) = NULL;
    struct cellkey *key CLEANUP(cellkey_freep) = NULL;
    town_build(&town, json_get(v, "persons"), false);
    assert_ok(secret_new(slice_of("01234567890123456789012345678901", 32), &secret, NULL));
    assert_ok(cellkey_new(secret, LABEL_CELL_KEY, &key, NULL));
    struct question *q CLEANUP(question_freep) = test_question(town.d, "{\"innsyn\":\"question/1\",\"dataset\":\"v\","
        "\"statistic\":{\"table\":{\"by\":[\"age\"]}},\"where\":{\"dx\":[\"1\"]}}");
    struct engine_answer a CLEANUP(engine_answer_done);
    struct charge c;
    engine_answer_init(&a);
    assert_ok(engine_compute(&town.s, q, true, &a, NULL));
    assert_ok(charge_of(q, &a, key, slice_str("e"), ptable_find(slice_str("default_k5")), AUDIT_EXACT_BELOW, &c, NULL));
    assert_int_equal(c.count, 2);
    uint64_t groups[5] = {0}, smallest = UINT64_MAX;
    for (size_t i = 0; i < town.s.facts.persons; i++)
        groups[town.codes[2][i]]++;
    for (unsigned l = 1; l <= 4; l++)
        smallest = groups[l] < smallest ? groups[l] : smallest;
    for (unsigned i = 0; i < c.count; i++) { /* dx: the smallest age group; age: the 50 with dx 1; each with noise */
        uint64_t n = c.items[i].variable == 3 ? smallest : 50;
        unsigned cells = c.items[i].variable == 3 ? 1 : dimension_cells(q, 0);
        assert_true(c.items[i].micro <= charge_micro_of_cells(28, charge_step(n - CK_NOISE_MAX), cells));
        assert_true(c.items[i].micro >= charge_micro_of_cells(28, charge_step(n + CK_NOISE_MAX), cells));
    }
    /* A narrowed box that is divided never pays less than for groups of 80, whatever their size. */
    for (unsigned narrowed = 0; narrowed < 2; narrowed++) {
        char text[200];
        struct engine_answer many CLEANUP(engine_answer_done);
        snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"v\",\"statistic\":{\"table\":{\"by\":[\"zip\"]}}%s}", narrowed ? ",\"where\":{\"dx\":[\"0\"]}" : "");
        struct question *wide CLEANUP(question_freep) = test_question(town.d, text);
        engine_answer_init(&many);
        assert_ok(engine_compute(&town.s, wide, true, &many, NULL));
        for (uint64_t i = 0; i < many.base.slot_count; i++)
            many.base.persons[i] = 100000;
        for (unsigned b = 0; b < many.parent_count; b++)
            for (uint64_t i = 0; i < many.parents[b].slot_count; i++)
                many.parents[b].persons[i] = 100000;
        assert_ok(charge_of(wide, &many, key, slice_str("e"), ptable_find(slice_str("default_k5")), AUDIT_EXACT_BELOW, &c, NULL));
        for (unsigned i = 0; i < c.count; i++)
            if (c.items[i].variable == 3) /* dx narrows */
                assert_int_equal(c.items[i].micro, charge_micro(28, CHARGE_STEP_NARROWED));
            else /* zip divides: two cells that each cost what the narrowed one costs */
                assert_int_equal(c.items[i].micro, narrowed ? (2 * 4 * CHARGE_ONE + 107) / 108
                                                            : charge_micro_of_cells(28, CHARGE_STEP_LAST, dimension_cells(wide, 0)));
    }
    assert_ok(charge_of(q, &a, key, slice_str("e"), ptable_find(slice_str("default_k5")), 10, &c, NULL));
    for (unsigned i = 0; i < c.count; i++) /* a nested chain of large cohorts pays for its differences */
        assert_int_equal(c.items[i].micro, charge_micro_of_cells(28, 10, c.items[i].variable == 3 ? 1 : dimension_cells(q, 0)));
    dictionary_free(town.d);
}

/* Each summarized variable has an n of its own in each group, with noise of its own: what it is summarized by and of is
 * charged as often.  A registered grouping is charged by its groups. */
static void a_summary_pays_for_each_variable(void **state)
{
    (void)state;
    struct chance c = {7};
    struct dictionary *d CLEANUP(dictionary_freep) = random_dictionary(false);
    struct snapshot *s = random_snapshot(&c, d, 4000, 1);
    struct secret *secret CLEANUP(secret_freep) = NULL;
    struct cellkey *key CLEANUP(cellkey_freep) = NULL;
    static const char *const rows[] = {"\"age\"],\"by\":\"b\"", "\"age\",\"lab\"],\"by\":\"b\"", "\"age\"],\"by\":{\"variable\":\"b\",\"grouping\":\"parity\"}"};
    struct charge got[COUNT_OF(rows)];
    assert_ok(secret_new(slice_of("01234567890123456789012345678901", 32), &secret, NULL));
    assert_ok(cellkey_new(secret, LABEL_CELL_KEY, &key, NULL));
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        char text[256];
        struct engine_answer a CLEANUP(engine_answer_done);
        snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"r\",\"where\":{\"a\":[\"0\"]},\"statistic\":{\"summary\":{\"variables\":[%s}}}", rows[i]);
        struct question *q CLEANUP(question_freep) = test_question(d, text);
        engine_answer_init(&a);
        assert_ok(engine_compute(s, q, true, &a, NULL));
        assert_ok(charge_of(q, &a, key, slice_str("e"), ptable_find(slice_str("default_k5")), AUDIT_EXACT_BELOW, &got[i], NULL));
    }
    enum { A = 1, B = 2, AGE = 5 };
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        unsigned variables = i == 1 ? 2 : 1;
        assert_int_equal(got[i].count, 2 + variables);
        for (unsigned k = 0; k < got[i].count; k++) {
            const struct charge_item *one = &got[i].items[k];
            if (one->variable == A) /* narrows, and all are many */
                assert_int_equal(one->micro, variables * charge_micro(28, CHARGE_STEP_NARROWED));
            else if (one->variable == B) /* divides: 2/(V + 20) however many groups there are */
                assert_int_equal(one->micro, variables * charge_micro_of_cells(28, CHARGE_STEP_NARROWED / 4 * (i == 2 ? 2u : 5u), i == 2 ? 2 : 5));
            else
                assert_true(one->micro <= charge_micro(CHARGE_MODEL_QUARTERS, 10));
        }
    }
    random_snapshot_free(s);
}

/* Quantiles cost a summary what the table costs that they are read from, in every variable of it. */
static void quantiles_pay_for_their_table(void **state)
{
    (void)state;
    struct chance c = {7};
    struct dictionary *d CLEANUP(dictionary_freep) = random_dictionary(false);
    struct snapshot *s = random_snapshot(&c, d, 4000, 1);
    struct secret *secret CLEANUP(secret_freep) = NULL;
    struct cellkey *key CLEANUP(cellkey_freep) = NULL;
    enum { A = 1, B = 2, AGE = 5 };
    struct variable *age = &d->variables[AGE];
    age->has_clamps = true, age->clamp_low = 0, age->clamp_high = 80, age->grid_step = 1, age->grid_origin = 0;
    static const char *const rows[] = {"\"summary\":{\"variables\":[\"age\"],\"by\":\"b\"}", "\"summary\":{\"variables\":[\"age\"],\"by\":\"b\",\"quantiles\":[0.5]}",
                                       "\"table\":{\"by\":[\"b\",{\"variable\":\"age\",\"breaks\":[0,5,10,15,20,25,30,35,40,45,50,55,60,65,70,75,80]}]}"};
    struct charge got[COUNT_OF(rows)];
    assert_ok(secret_new(slice_of("01234567890123456789012345678901", 32), &secret, NULL));
    assert_ok(cellkey_new(secret, LABEL_CELL_KEY, &key, NULL));
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        char text[512];
        struct engine_answer a CLEANUP(engine_answer_done);
        snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"r\",\"where\":{\"a\":[\"0\"]},\"statistic\":{%s}}", rows[i]);
        struct question *q CLEANUP(question_freep) = test_question(d, text);
        engine_answer_init(&a);
        assert_ok(engine_compute(s, q, true, &a, NULL));
        assert_ok(charge_of(q, &a, key, slice_str("e"), ptable_find(slice_str("default_k5")), AUDIT_EXACT_BELOW, &got[i], NULL));
        assert_int_equal(got[i].count, 3);
    }
    for (unsigned k = 0; k < 3; k++) {
        uint32_t micro[COUNT_OF(rows)] = {0};
        for (unsigned i = 0; i < COUNT_OF(rows); i++)
            for (unsigned n = 0; n < 3; n++)
                micro[i] += got[i].items[n].variable == got[0].items[k].variable ? got[i].items[n].micro : 0;
        assert_true(micro[2] > 0);
        assert_int_equal(micro[1], micro[0] + micro[2]);
    }
    random_snapshot_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions_equal_vectors),
        cmocka_unit_test(differences_equal_naive),
        cmocka_unit_test(whole_boxes_are_compared_with_noise),
        cmocka_unit_test(boxes_without_a_common_value_are_left_out),
        cmocka_unit_test(one_variable_boxes_are_compared),
        cmocka_unit_test(charge_is_the_formula),
        cmocka_unit_test(charge_of_a_question),
        cmocka_unit_test(a_summary_pays_for_each_variable),
        cmocka_unit_test(quantiles_pay_for_their_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
