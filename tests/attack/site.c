#include "agents/disclosure/release.h"
#include "tests/attack/site.h"

#include <string.h>

static struct why trouble;

/* The rig itself must work; `why` is `trouble`. */
static void must_at(result r, int line)
{
    if (is_ok(r))
        return;
    fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, line, trouble.field, trouble.text);
    exit(2);
}
#define MUST(call) must_at((call), __LINE__)

double phi(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

uint64_t draw(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

unsigned below(uint64_t *seed, unsigned n)
{
    return (unsigned)((draw(seed) >> 32) * n >> 32);
}

/* --- files that go nowhere ---------------------------------------------------------------------- */

static int64_t clock_ms = INT64_C(1767225600000);

static int64_t host_clock(void *self)
{
    (void)self;
    return clock_ms++;
}

static result host_nothing(void *self, const char *path, size_t max, struct buffer *to, struct why *why)
{
    (void)self, (void)max, (void)to;
    return FAIL(why, ABSENT, "%s", path);
}

static result host_swallow(void *self, const char *path, unsigned mode, struct slice bytes, struct why *why)
{
    (void)self, (void)path, (void)mode, (void)bytes, (void)why;
    return DONE;
}

static const struct host_calls nowhere_calls = {.now_ms = host_clock, .monotonic_ms = host_clock, .read_file = host_nothing,
                                                .write_file = host_swallow, .append_file = host_swallow,
                                                .append_later = host_swallow};
static const struct host nowhere = {&nowhere_calls, NULL};

/* --- population --------------------------------------------------------------------------------- */

static void *array(size_t count, size_t size)
{
    void *at = calloc(count + 1, size);
    if (!at)
        abort();
    return at;
}

void population_init(struct population *p, unsigned persons, unsigned zips, uint64_t seed)
{
    *p = (struct population){.persons = persons, .zips = zips, .seed = seed};
    p->zip = array(persons, sizeof *p->zip);
    p->age = array(persons, 1);
    p->dx = array(persons, 1);
    p->secret = array(persons, 1);
    p->x = array(persons, sizeof *p->x);
    for (unsigned b = 0; b < BITS; b++)
        p->bit[b] = array(persons, 1);
    for (unsigned i = 0; i < persons; i++) {
        p->zip[i] = (uint16_t)(i % zips);
        p->age[i] = (uint8_t)below(&seed, 8);
        p->dx[i] = (uint8_t)below(&seed, 8);
        p->secret[i] = (uint8_t)below(&seed, 2);
        p->x[i] = (int)below(&seed, 60);
        for (unsigned b = 0; b < BITS; b++)
            p->bit[b][i] = (uint8_t)below(&seed, 2);
    }
}

double *population_number(struct population *p, unsigned number)
{
    p->y[number] = array(p->persons, sizeof *p->y[number]);
    return p->y[number];
}

void population_done(struct population *p)
{
    for (unsigned y = 0; y < NUMBERS; y++)
        free(p->y[y]);
    free(p->zip);
    free(p->age);
    free(p->dx);
    free(p->secret);
    free(p->x);
    for (unsigned b = 0; b < BITS; b++)
        free(p->bit[b]);
}

/* --- the site ----------------------------------------------------------------------------------- */

struct cellkey *key_of(uint64_t seed)
{
    uint8_t bytes[32];
    struct secret *secret CLEANUP(secret_freep) = NULL;
    struct cellkey *key = NULL;
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)draw(&seed);
    MUST(secret_new(slice_of(bytes, sizeof bytes), &secret, &trouble));
    MUST(cellkey_new(secret, LABEL_CELL_KEY, &key, &trouble));
    return key;
}

static size_t levels_text(char *to, size_t room, unsigned levels)
{
    size_t n = (size_t)snprintf(to, room, ",\"levels\":[");
    for (unsigned l = 0; l < levels; l++)
        n += (size_t)snprintf(to + n, room - n, "%s{\"code\":\"%u\"}", l ? "," : "", l);
    return n + (size_t)snprintf(to + n, room - n, "]}");
}

static const char AGE_GROUPINGS[] =
    ",\"groupings\":[{\"name\":\"pairs\",\"groups\":[{\"code\":\"01\",\"levels\":[\"0\",\"1\"]},{\"code\":\"23\",\"levels\":[\"2\",\"3\"]},"
    "{\"code\":\"45\",\"levels\":[\"4\",\"5\"]},{\"code\":\"67\",\"levels\":[\"6\",\"7\"]}]},"
    "{\"name\":\"halves\",\"groups\":[{\"code\":\"low\",\"levels\":[\"01\",\"23\"]},{\"code\":\"high\",\"levels\":[\"45\",\"67\"]}]}]}";

static struct dictionary *dictionary_of(unsigned zips)
{
    static char text[SITE_TEXT_MAX * 16];
    static const char *const names[SITE_VARIABLES] = {"pid", "zip", "age", "dx", "secret", "x", "b0", "b1", "b2", "b3", "b4", "b5"};
    char number[8];
    size_t room = sizeof text, n = (size_t)snprintf(text, room, "{\"dataset\":\"town\",\"profile\":\"ck\",\"variables\":[{\"name\":\"pid\",\"type\":\"id\"}");
    for (unsigned v = 1; v < SITE_VARIABLES; v++) {
        if (v == X) {
            n += (size_t)snprintf(text + n, room - n, ",{\"name\":\"x\",\"type\":\"integer\",\"grid\":{\"origin\":0,\"step\":1},\"clamps\":[0,60]}");
            continue;
        }
        if (v >= Y0) {
            snprintf(number, sizeof number, "y%u", v - Y0);
            n += (size_t)snprintf(text + n, room - n, ",{\"name\":\"%s\",\"type\":\"number\",\"clamps\":[0,1000]}", number);
            continue;
        }
        n += (size_t)snprintf(text + n, room - n, ",{\"name\":\"%s\",\"type\":\"category\"", names[v]);
        n += levels_text(text + n, room - n, v == ZIP ? zips : v == AGE || v == DX ? 8 : 2);
        if (v == AGE)
            n += (size_t)snprintf(text + n - 1, room - n, "%s", AGE_GROUPINGS) - 1;
    }
    snprintf(text + n, room - n, "]}");
    struct json *tree CLEANUP(json_freep) = NULL;
    struct dictionary *d = NULL;
    MUST(json_parse(slice_str(text), JSON_BYTES_MAX, &tree, &trouble));
    MUST(dictionary_read(tree, NULL, PROFILE_CK, &d, &trouble));
    return d;
}

static void column(struct site *s, unsigned v, const uint8_t *codes, unsigned persons)
{
    uint8_t *at = array(persons, 1);
    for (unsigned i = 0; i < persons; i++)
        at[i] = (uint8_t)(codes[i] + 1);
    s->owned[v] = at;
    s->columns[v] = (struct snapshot_column){COLUMN_U8, at};
}

static void fill_columns(struct site *s, const struct population *p)
{
    bool wide = column_kind_of(&s->d->variables[ZIP]) == COLUMN_U16;
    uint8_t *zip = array(p->persons, 2);
    double *x = array(p->persons, sizeof *x);
    for (unsigned i = 0; i < p->persons; i++) {
        uint16_t code = (uint16_t)(p->zip[i] + 1);
        if (wide)
            memcpy(zip + 2 * (size_t)i, &code, 2);
        else
            zip[i] = (uint8_t)code;
        x[i] = p->x[i] < 0 ? (double)NAN : p->x[i];
    }
    s->owned[ZIP] = zip;
    s->columns[ZIP] = (struct snapshot_column){wide ? COLUMN_U16 : COLUMN_U8, zip};
    s->owned[X] = x;
    s->columns[X] = (struct snapshot_column){COLUMN_DOUBLE, x};
    column(s, AGE, p->age, p->persons);
    column(s, DX, p->dx, p->persons);
    column(s, SECRET, p->secret, p->persons);
    for (unsigned b = 0; b < BITS; b++)
        column(s, B0 + b, p->bit[b], p->persons);
    double *nobody = NULL;
    for (unsigned y = 0; y < NUMBERS; y++) {
        double *values = p->y[y] ? array(p->persons, sizeof *values) : nobody;
        if (p->y[y])
            memcpy(values, p->y[y], p->persons * sizeof *values);
        if (!values) {
            values = nobody = array(p->persons, sizeof *values);
            for (unsigned i = 0; i < p->persons; i++)
                values[i] = (double)NAN;
        }
        s->owned[Y0 + y] = values == nobody && s->nobody ? NULL : values;
        s->nobody = s->nobody || values == nobody;
        s->columns[Y0 + y] = (struct snapshot_column){COLUMN_DOUBLE, values};
    }
}

void site_leave_out(struct site *s, const uint64_t *rows, size_t count)
{
    s->edition++;
    s->s.left_out = rows;
    s->s.left_out_count = count;
    s->s.left_out_name = (struct hash){{(uint8_t)s->edition}};
}

void site_forget(struct site *s)
{
    ledger_free(s->ledger);
    s->ledger = NULL;
    MUST(ledger_open(&nowhere, "nowhere", false, &s->ledger, &trouble));
}

void site_init(struct site *s, const struct population *p, struct defences on)
{
    uint64_t seed = p->seed ^ UINT64_C(0x517cc1b727220a95);
    *s = (struct site){.d = dictionary_of(p->zips), .on = on};
    fill_columns(s, p);
    s->keys = array(p->persons, sizeof *s->keys);
    for (unsigned i = 0; i < p->persons; i++)
        s->keys[i] = draw(&seed);
    s->s = (struct snapshot){.facts = {.rows = p->persons, .persons = p->persons}, .dictionary = s->d, .columns = s->columns, .keys = s->keys};
    s->key = key_of(seed);
    MUST(jitter_new(slice_of(&seed, sizeof seed), &s->jitter, &trouble));
    MUST(bitmaps_new(&s->bitmaps, &trouble));
    site_forget(s);
}

void site_done(struct site *s)
{
    for (unsigned v = 0; v < SITE_VARIABLES; v++)
        free(s->owned[v]);
    free(s->keys);
    cellkey_free(s->key);
    jitter_free(s->jitter);
    bitmaps_free(s->bitmaps);
    ledger_free(s->ledger);
    dictionary_free(s->d);
}

static bool audit(struct site *s, const struct question *q, const char *edition, struct cohorts_asked *about)
{
    bool holds;
    struct ledger_cohorts before = ledger_cohorts(s->ledger, "town");
    MUST(cohorts_compare(about, before.boxes, before.texts, before.count, false, &trouble));
    for (unsigned c = 0; c < about->count; c++)
        for (size_t i = 0; i < about->at[c].audit.pair_count; i++) {
            struct audit_pair *p = &about->at[c].audit.pairs[i];
            struct slice name = {0};
            for (unsigned v = 0; v < q->dictionary->variable_count; v++)
                if (audited_variable(q->dictionary->variables[v].name) == p->variable)
                    name = q->dictionary->variables[v].name;
            struct projection x = {buffer_slice(&about->at[c].text), name}, y = {before.texts[p->box], name};
            MUST(bitmaps_difference(s->bitmaps, &s->s, &x, &y, &p->difference, &trouble));
        }
    MUST(cohorts_decide(about, s->key, slice_str(edition), before.texts, &holds, &trouble));
    return holds;
}

/* As if the box were all that a summary is about. */
static void forget_valued(struct cohorts_asked *about)
{
    for (unsigned c = 1; c < about->count; c++) {
        free(about->at[c].box);
        buffer_done(&about->at[c].text);
    }
    about->count = 1;
}

static double charged(const struct question *q, const struct charge *c)
{
    double most = 0;
    for (unsigned i = 0; i < c->count; i++) {
        if (c->items[i].variable == SECRET)
            return (double)c->items[i].micro / CHARGE_ONE;
        most = fmax(most, (double)c->items[i].micro / CHARGE_ONE);
    }
    (void)q;
    return most;
}

struct said_so site_ask(struct site *s, unsigned permit, const char *where, const char *statistic)
{
    static char text[SITE_TEXT_MAX];
    char permit_id[DOCUMENT_ID_LEN + 1], edition_text[16];
    struct json *tree CLEANUP(json_freep) = NULL;
    struct question *q CLEANUP(question_freep) = NULL;
    struct engine_answer a CLEANUP(engine_answer_done);
    static struct cohorts_asked about;
    struct charge c;
    struct ledger_alarm alarm;
    struct said_so so = {.said = ANSWERED};
    struct hash edition = {{(uint8_t)s->edition}};
    engine_answer_init(&a);
    published_init(&so.p);
    snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"town\",\"statistic\":%s%s%s}", statistic, *where ? ",\"where\":" : "", where);
    snprintf(permit_id, sizeof permit_id, "p-%026u", permit);
    snprintf(edition_text, sizeof edition_text, "edition %u", s->edition);
    MUST(json_parse(slice_str(text), QUESTION_BYTES_MAX, &tree, &trouble));
    MUST(question_read(tree, s->d, &q, &trouble));
    if (q->statistic == STATISTIC_SUMMARY && s->on.noise)
        MUST(weighted_summary(&s->s, q, s->jitter, slice_str(edition_text), &a, &trouble));
    else
        MUST(engine_compute(&s->s, q, true, &a, &trouble));
    MUST(cohorts_of(q, &a, &about, &trouble));
    if (!s->on.valued)
        forget_valued(&about);
    bool holds = !s->on.parents_and_audit || audit(s, q, edition_text, &about);
    result r = DONE;
    if (s->on.noise) {
        struct why why = {0};
        r = release_protected(q, &a, s->key, slice_str(edition_text), &so.p, &why);
    } else { /* the true values, by the open profile's way */
        struct dictionary open = *s->d;
        struct question as_open = *q;
        open.profile = PROFILE_OPEN;
        as_open.dictionary = &open;
        MUST(release_open(&as_open, &a, &so.p, &trouble));
    }
    bool refused = r.code == DENIED || !holds;
    struct ledger_ask ask = {"town", permit_id, &q->hash, &edition, s->d};
    uint64_t difference = cohorts_least(&about);
    charge_variables(q, &c);
    if (s->on.editions && ledger_crosses(s->ledger, &ask, &c) && difference > CHARGE_STEP_EDITION)
        difference = CHARGE_STEP_EDITION;
    MUST(charge_of(q, &a, s->key, slice_str(edition_text), profile_rules(PROFILE_CK)->noise, difference, &c, &trouble));
    so.charge = charged(q, &c);
    if (s->on.ledger || s->on.parents_and_audit) {
        struct charge free_of = {0};
        struct why why = {0};
        result spent = ledger_spend(s->ledger, &ask, s->on.ledger ? &c : &free_of, &about, !refused, &alarm, &why);
        if (spent.code == DENIED)
            so.said = EXHAUSTED;
        else
            MUST(spent);
    }
    if (so.said == ANSWERED && refused) {
        so.said = REFUSED;
        so.charge = (double)CHARGE_REFUSAL / CHARGE_ONE;
    }
    cohorts_done(&about);
    return so;
}
