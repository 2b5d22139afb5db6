/* Aim: what asks the same has the same bytes, and what is refused says why and what would be allowed
 * (R-30..R-35).  Method: tables of near misses; 2,000 random rewordings of random questions from a fixed
 * seed; the box of every cell of a table against the same set asked as a filter. */
#include <stdlib.h>

#include "check.h"
#include "proto/question.h"

static const char DICTIONARY[] =
    "{\"dataset\":\"d\",%s\"variables\":["
    "{\"name\":\"pid\",\"type\":\"id\"},"
    "{\"name\":\"sex\",\"type\":\"category\",\"levels\":[{\"code\":\"1\"},{\"code\":\"0\"}]},"
    "{\"name\":\"age\",\"type\":\"integer\"},"
    "{\"name\":\"wide\",\"type\":\"integer\",\"grid\":{\"origin\":2,\"step\":5}},"
    "{\"name\":\"x\",\"type\":\"number\",\"grid\":{\"step\":0.1}},"
    "{\"name\":\"raw\",\"type\":\"number\"},"
    "{\"name\":\"day\",\"type\":\"date\"},"
    "{\"name\":\"Odd\",\"type\":\"category\",\"levels\":[{\"code\":\"a,b\"},{\"code\":\"?\"},{\"code\":\"%%;\"},{\"code\":\"<=20\"}]},"
    "{\"name\":\"many\",\"type\":\"code\",\"levels\":["
    "{\"code\":\"A1\"},{\"code\":\"A2\"},{\"code\":\"A3\"},{\"code\":\"A4\"},{\"code\":\"A5\"},{\"code\":\"A6\"},{\"code\":\"A7\"}]}"
    "]}";

static struct dictionary *dictionaries[2]; /* [0] ck, [1] open */
#define CK dictionaries[0]
#define OPEN dictionaries[1]

static struct json *parse(const char *text)
{
    struct json *v = NULL;
    struct why why = {0};
    result r = json_parse(slice_str(text), JSON_BYTES_MAX, &v, &why);
    if (!is_ok(r))
        print_error("%s\n  %s\n", text, why.text);
    assert_ok(r);
    return v;
}

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        char text[4096];
        (void)snprintf(text, sizeof text, DICTIONARY, i ? "\"profile\":\"open\",\"public\":true," : "");
        struct json *tree CLEANUP(json_freep) = parse(text);
        assert_ok(dictionary_read(tree, NULL, PROFILE_CK, &dictionaries[i], NULL));
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dictionary_free(CK);
    dictionary_free(OPEN);
    return 0;
}

/* The question, or the test fails with the reason. */
static struct question *read(const struct dictionary *d, const char *text)
{
    struct json *v CLEANUP(json_freep) = parse(text);
    struct question *q = NULL;
    struct why why = {0};
    result r = question_read(v, d, &q, &why);
    if (!is_ok(r))
        print_error("%s\n  %s at %s: %s\n", text, status_name(r.code), why.field, why.text);
    assert_ok(r);
    return q;
}

static char ask_text[4][16384];

/* A count with this cohort; `which` of four static buffers. */
static const char *ask(int which, const char *where, const char *statistic)
{
    (void)snprintf(ask_text[which], sizeof ask_text[which],
                   "{\"innsyn\":\"question/1\",\"dataset\":\"d\",\"where\":{%s},\"statistic\":{%s}}", where, statistic);
    return ask_text[which];
}

#define COUNT "\"count\":{}"

static void canonical_forms(void **state)
{
    (void)state;
    const struct {
        int open;
        const char *where, *statistic, *want_where, *want_statistic;
    } rows[] = {
        {0, "", COUNT, "", COUNT},
        {0, "\"sex\":[\"0\",\"1\"]", COUNT, "\"sex\":[\"1\",\"0\"]", COUNT}, /* dictionary order */
        {0, "\"sex\":[\"0\",\"1\",null,\"0\"]", COUNT, "", COUNT},
        {0, "\"sex\":[null,\"0\",null]", COUNT, "\"sex\":[\"0\",null]", COUNT},
        {0, "\"age\":{\"from\":40,\"to\":70}", COUNT, "\"age\":{\"from\":40,\"to\":70}", COUNT},
        {0, "\"age\":[{\"from\":50,\"to\":70},{\"from\":40,\"to\":50}]", COUNT, "\"age\":{\"from\":40,\"to\":70}", COUNT},
        {0, "\"age\":[{\"from\":50,\"to\":70},{\"from\":40,\"to\":49}]", COUNT,
         "\"age\":[{\"from\":40,\"to\":49},{\"from\":50,\"to\":70}]", COUNT},
        {0, "\"age\":[{\"from\":50},null,{\"to\":50}]", COUNT, "", COUNT},
        {0, "\"age\":[{\"from\":50},{\"to\":50}]", COUNT, "\"age\":{}", COUNT}, /* all who have a value */
        {0, "\"age\":[null]", COUNT, "\"age\":[null]", COUNT},
        {0, "\"age\":[{},null]", COUNT, "", COUNT},
        {0, "\"age\":{\"from\":40.0,\"to\":7e1}", COUNT, "\"age\":{\"from\":40,\"to\":70}", COUNT},
        {0, "\"age\":{\"from\":-0.0}", COUNT, "\"age\":{\"from\":0}", COUNT},
        {0, "\"wide\":{\"from\":-3,\"to\":7}", COUNT, "\"wide\":{\"from\":-3,\"to\":7}", COUNT},
        {0, "\"x\":{\"from\":0.30000000000000004}", COUNT, "\"x\":{\"from\":0.3}", COUNT},
        {1, "\"x\":{\"from\":0.30000000000000004}", COUNT, "\"x\":{\"from\":0.30000000000000004}", COUNT},
        {1, "\"age\":{\"from\":39.5,\"to\":70.5}", COUNT, "\"age\":{\"from\":40,\"to\":71}", COUNT},
        {1, "\"age\":[{\"from\":39.5,\"to\":50},{\"from\":49.2,\"to\":55}]", COUNT, "\"age\":{\"from\":40,\"to\":55}", COUNT},
        {1, "\"wide\":{\"from\":3}", COUNT, "\"wide\":{\"from\":3}", COUNT}, /* open: any whole number */
        {1, "\"raw\":{\"from\":0.123}", COUNT, "\"raw\":{\"from\":0.123}", COUNT},
        {0, "\"day\":[{\"from\":\"2020-01-01\",\"to\":\"2020-02-01\"},{\"from\":\"2020-02-01\"}]", COUNT,
         "\"day\":{\"from\":\"2020-01-01\"}", COUNT},
        {0, "\"site\":[\"va\",\"cleveland\",\"va\"]", COUNT, "\"site\":[\"cleveland\",\"va\"]", COUNT},
        {0, "", "\"table\":{\"by\":[{\"variable\":\"sex\"},{\"breaks\":[40,50.0],\"variable\":\"age\"}]}", "",
         "\"table\":{\"by\":[\"sex\",{\"breaks\":[40,50],\"variable\":\"age\"}]}"},
        {0, "", "\"table\":{\"by\":[{\"variable\":\"age\",\"breaks\":[40,50]},\"sex\"]}", "", /* the order is kept: R-33 */
         "\"table\":{\"by\":[{\"breaks\":[40,50],\"variable\":\"age\"},\"sex\"]}"},
        {1, "", "\"table\":{\"by\":[{\"variable\":\"age\",\"breaks\":[39.5,50.5]}]}", "", /* shown with the result */
         "\"table\":{\"by\":[{\"breaks\":[39.5,50.5],\"variable\":\"age\"}]}"},
        {0, "", "\"histogram\":{\"variable\":\"day\",\"breaks\":[\"2020-01-01\",\"2021-01-01\"]}", "",
         "\"histogram\":{\"breaks\":[\"2020-01-01\",\"2021-01-01\"],\"variable\":\"day\"}"},
        {1, "", "\"summary\":{\"variables\":[\"x\",\"age\"],\"quantiles\":[0.75,0.5,0.75,5e-1],\"by\":\"sex\"}", "",
         "\"summary\":{\"by\":\"sex\",\"quantiles\":[0.5,0.75],\"variables\":[\"x\",\"age\"]}"},
        {1, "", "\"summary\":{\"variables\":[\"x\"],\"quantiles\":[],\"by\":null}", "", "\"summary\":{\"variables\":[\"x\"]}"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char want[1024];
        struct question *q CLEANUP(question_freep) = read(dictionaries[rows[i].open], ask(0, rows[i].where, rows[i].statistic));
        (void)snprintf(want, sizeof want, "{\"dataset\":\"d\",\"innsyn\":\"question/1\",\"statistic\":{%s}%s%s%s}", rows[i].want_statistic,
                       *rows[i].want_where ? ",\"where\":{" : "", rows[i].want_where, *rows[i].want_where ? "}" : "");
        assert_slice(buffer_slice(&q->canonical), want);
        struct hash h = sha256(slice_str(want));
        assert_true(hash_equal(&h, &q->hash));
        /* The canonical form is its own canonical form. */
        struct question *again CLEANUP(question_freep) = read(dictionaries[rows[i].open], want);
        assert_slice(buffer_slice(&again->canonical), want);
    }
}

static void by_site_is_left_out_when_false(void **state)
{
    (void)state;
    const char *texts[] = {"", ",\"by_site\":false", ",\"by_site\":true"};
    for (int i = 0; i < 3; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"d\",\"statistic\":{\"count\":{}}%s}", texts[i]);
        struct question *q CLEANUP(question_freep) = read(CK, text);
        assert_int_equal(q->by_site, i == 2);
        assert_slice(buffer_slice(&q->canonical),
                     i == 2 ? "{\"by_site\":true,\"dataset\":\"d\",\"innsyn\":\"question/1\",\"statistic\":{\"count\":{}}}"
                            : "{\"dataset\":\"d\",\"innsyn\":\"question/1\",\"statistic\":{\"count\":{}}}");
    }
}

static void refusals_name_path_and_remedy(void **state)
{
    (void)state;
    const struct {
        int open;
        const char *where, *statistic;
        enum status want;
        const char *code, *field, *says;
    } rows[] = {
        {0, "\"sx\":[\"1\"]", COUNT, MALFORMED, "unknown_variable", "/where/sx", "did you mean 'sex'"},
        {0, "\"nonsense\":[\"1\"]", COUNT, MALFORMED, "unknown_variable", "/where/nonsense", "catalogue"},
        {0, "\"pid\":[\"1\"]", COUNT, MALFORMED, "unknown_variable", "/where/pid", "person key"},
        {0, "\"sex\":[\"2\"]", COUNT, MALFORMED, "unknown_level", "/where/sex/0", "it has 1, 0"},
        {0, "\"sex\":[1]", COUNT, MALFORMED, NULL, "/where/sex/0", "texts"},
        {0, "\"sex\":[]", COUNT, MALFORMED, NULL, "/where/sex", "empty set"},
        {0, "\"sex\":\"1\"", COUNT, MALFORMED, NULL, "/where/sex", "array"},
        {0, "\"sex\":{\"from\":1}", COUNT, MALFORMED, NULL, "/where/sex", "array"},
        {0, "\"age\":[]", COUNT, MALFORMED, NULL, "/where/age", "empty set"},
        {0, "\"age\":[40]", COUNT, MALFORMED, NULL, "/where/age", "range"},
        {0, "\"age\":{\"from\":39.5}", COUNT, MALFORMED, "off_grid", "/where/age/from", "39 and 40"},
        {0, "\"wide\":{\"from\":3}", COUNT, MALFORMED, "off_grid", "/where/wide/from", "2 and 7"},
        {0, "\"x\":{\"from\":0.35}", COUNT, MALFORMED, "off_grid", "/where/x/from", "0.3 and 0.4"},
        {0, "\"raw\":{\"from\":1}", COUNT, MALFORMED, "off_grid", "/where/raw/from", "no public grid"},
        {0, "\"age\":{\"from\":40,\"to\":40}", COUNT, MALFORMED, NULL, "/where/age", "below"},
        {1, "\"age\":{\"from\":39.2,\"to\":39.8}", COUNT, MALFORMED, NULL, "/where/age", "no value"},
        {0, "\"age\":{\"from\":\"40\"}", COUNT, MALFORMED, NULL, "/where/age/from", "number"},
        {0, "\"age\":{\"above\":40}", COUNT, MALFORMED, "unknown_field", "/where/age/above", "from, to"},
        {1, "\"raw\":{\"from\":1e300}", COUNT, MALFORMED, NULL, "/where/raw/from", "2^53"},
        {0, "\"day\":{\"from\":\"2020-02-30\"}", COUNT, MALFORMED, NULL, "/where/day/from", "YYYY-MM-DD"},
        {0, "\"day\":{\"from\":18262}", COUNT, MALFORMED, NULL, "/where/day/from", "YYYY-MM-DD"},
        {0, "\"site\":[]", COUNT, MALFORMED, NULL, "/where/site", "1 to"},
        {0, "\"site\":[\"a b\"]", COUNT, MALFORMED, NULL, "/where/site/0", ""},
        {0, "\"site\":[null]", COUNT, MALFORMED, NULL, "/where/site/0", ""},
        {0, "", "", MALFORMED, NULL, "/statistic", "exactly one"},
        {0, "", "\"count\":{},\"table\":{\"by\":[\"sex\"]}", MALFORMED, NULL, "/statistic", "exactly one"},
        {0, "", "\"median\":{}", MALFORMED, "unknown_statistic", "/statistic", "histogram"},
        {0, "", "\"count\":{\"of\":1}", MALFORMED, "unknown_field", "/statistic/count/of", ""},
        {0, "", "\"table\":{\"by\":[]}", MALFORMED, NULL, "/statistic/table/by", "1 to 4"},
        {0, "", "\"table\":{\"by\":[\"sex\",\"sex\"]}", MALFORMED, NULL, "/statistic/table/by/1", "already"},
        {0, "", "\"table\":{\"by\":[\"age\"]}", MALFORMED, NULL, "/statistic/table/by/0", "breaks"},
        {0, "", "\"table\":{\"by\":[{\"variable\":\"sex\",\"breaks\":[0,1]}]}", MALFORMED, NULL, "/statistic/table/by/0/breaks", "levels"},
        {0, "", "\"table\":{\"by\":[{\"variable\":\"age\",\"breaks\":[40]}]}", MALFORMED, NULL, "/statistic/table/by/0/breaks", "two"},
        {0, "", "\"table\":{\"by\":[{\"variable\":\"age\",\"breaks\":[40,40]}]}", MALFORMED, NULL, "/statistic/table/by/0/breaks/1", "rise"},
        {0, "", "\"table\":{\"by\":[{\"variable\":\"age\",\"breaks\":[40,50.5]}]}", MALFORMED, "off_grid", "/statistic/table/by/0/breaks/1", "50 and 51"},
        {0, "", "\"table\":{\"by\":[\"ag\"]}", MALFORMED, "unknown_variable", "/statistic/table/by/0", "'age'"},
        {0, "", "\"histogram\":{\"variable\":\"sex\",\"breaks\":[0,1]}", MALFORMED, NULL, "/statistic/histogram/breaks", "levels"},
        {0, "", "\"histogram\":{\"variable\":\"age\"}", MALFORMED, NULL, "/statistic/histogram/breaks", ""},
        {0, "", "\"summary\":{\"variables\":[\"age\"]}", DENIED, "summary_not_released", "/statistic/summary/variables/0", "profile ck"},
        {1, "", "\"summary\":{\"variables\":[]}", MALFORMED, NULL, "/statistic/summary/variables", "1 to"},
        {1, "", "\"summary\":{\"variables\":[\"age\",\"age\"]}", MALFORMED, NULL, "/statistic/summary/variables/1", "twice"},
        {1, "", "\"summary\":{\"variables\":[\"day\"]}", MALFORMED, NULL, "/statistic/summary/variables/0", "mean"},
        {1, "", "\"summary\":{\"variables\":[\"sex\"]}", MALFORMED, NULL, "/statistic/summary/variables/0", "mean"},
        {1, "", "\"summary\":{\"variables\":[\"age\"],\"by\":\"x\"}", MALFORMED, NULL, "/statistic/summary/by", "category"},
        {1, "", "\"summary\":{\"variables\":[\"age\"],\"quantiles\":[1.1]}", MALFORMED, NULL, "/statistic/summary/quantiles", "0 to 1"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct json *v CLEANUP(json_freep) = parse(ask(0, rows[i].where, rows[i].statistic));
        struct question *q CLEANUP(question_freep) = NULL;
        struct why why = {0};
        result r = question_read(v, dictionaries[rows[i].open], &q, &why);
        if (r.code != rows[i].want || strcmp(why.field, rows[i].field) != 0 || !strstr(why.text, rows[i].says) ||
            (rows[i].code && (!why.code || strcmp(why.code, rows[i].code) != 0))) {
            print_error("row %zu: %s\n  %s (%s) at %s: %s\n", i, ask_text[0], status_name(r.code), why.code ? why.code : "-", why.field, why.text);
            fail();
        }
        assert_null(q);
    }
}

static void the_frame_is_strict(void **state)
{
    (void)state;
    const struct {
        const char *text, *field;
    } rows[] = {
        {"{\"dataset\":\"d\",\"statistic\":{\"count\":{}}}", "/innsyn"},
        {"{\"innsyn\":\"question/2\",\"dataset\":\"d\",\"statistic\":{\"count\":{}}}", "/innsyn"},
        {"{\"innsyn\":\"question/1\",\"statistic\":{\"count\":{}}}", "/dataset"},
        {"{\"innsyn\":\"question/1\",\"dataset\":\"e\",\"statistic\":{\"count\":{}}}", "/dataset"},
        {"{\"innsyn\":\"question/1\",\"dataset\":\"d\"}", "/statistic"},
        {"{\"innsyn\":\"question/1\",\"dataset\":\"d\",\"statistic\":{\"count\":{}},\"limit\":1}", "/limit"},
        {"{\"innsyn\":\"question/1\",\"dataset\":\"d\",\"statistic\":{\"count\":{}},\"by_site\":1}", "/by_site"},
        {"{\"innsyn\":\"question/1\",\"dataset\":\"d\",\"where\":[],\"statistic\":{\"count\":{}}}", "/where"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct json *v CLEANUP(json_freep) = parse(rows[i].text);
        struct question *q CLEANUP(question_freep) = NULL;
        struct why why = {0};
        assert_status(question_read(v, CK, &q, &why), MALFORMED);
        assert_string_equal(why.field, rows[i].field);
    }
    struct json *v CLEANUP(json_freep) = parse("{\"dataset\":\"d\"}");
    struct label dataset;
    assert_ok(question_dataset(v, &dataset, NULL));
    assert_string_equal(dataset.text, "d");
}

/* --- limits, both sides ------------------------------------------------------------------------ */

static result read_breaks(const struct dictionary *d, unsigned first, unsigned second)
{
    static char text[65536];
    size_t n = (size_t)snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"d\",\"statistic\":{\"table\":{\"by\":[");
    for (int k = 0; k < 2; k++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%s{\"variable\":\"%s\",\"breaks\":[", k ? "," : "", k ? "day" : "age");
        for (unsigned i = 0; i <= (k ? second : first); i++) {
            if (k)
                n += (size_t)snprintf(text + n, sizeof text - n, "%s\"%04u-01-01\"", i ? "," : "", 1000 + i);
            else
                n += (size_t)snprintf(text + n, sizeof text - n, "%s%u", i ? "," : "", i);
        }
        n += (size_t)snprintf(text + n, sizeof text - n, "]}");
    }
    (void)snprintf(text + n, sizeof text - n, "]}}}");
    struct json *v CLEANUP(json_freep) = parse(text);
    struct question *q CLEANUP(question_freep) = NULL;
    struct why why = {0};
    result r = question_read(v, d, &q, &why);
    if (is_ok(r))
        assert_int_equal(question_cells(q), first * second);
    else if (r.code == LIMIT)
        assert_string_equal(why.code, "too_many_cells");
    return r;
}

static void limits(void **state)
{
    (void)state;
    assert_ok(read_breaks(CK, 500, 4));
    assert_status(read_breaks(CK, 667, 3), LIMIT);
    assert_ok(read_breaks(OPEN, 667, 3));
    assert_ok(read_breaks(OPEN, 1000, 100));
    assert_status(read_breaks(OPEN, 1000, 101), LIMIT);
    assert_false(is_ok(read_breaks(OPEN, 1001, 1)));
    for (unsigned count = RANGES_MAX; count <= RANGES_MAX + 1; count++) {
        char where[8192];
        size_t n = (size_t)snprintf(where, sizeof where, "\"age\":[");
        for (unsigned i = 0; i < count; i++)
            n += (size_t)snprintf(where + n, sizeof where - n, "%s{\"from\":%u,\"to\":%u}", i ? "," : "", 2 * i, 2 * i + 1);
        (void)snprintf(where + n, sizeof where - n, "]");
        struct json *v CLEANUP(json_freep) = parse(ask(0, where, COUNT));
        struct question *q CLEANUP(question_freep) = NULL;
        assert_status(question_read(v, CK, &q, NULL), count > RANGES_MAX ? LIMIT : OK);
    }
}

/* --- rewordings -------------------------------------------------------------------------------- */

/* xorshift64*: the same questions on every machine. */
static uint64_t seed;
static unsigned draw(unsigned below)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (unsigned)((seed * UINT64_C(2685821657736338717)) >> 33) % below;
}

enum { AXIS_PIECES = 8, LEVELS_MANY = 7, AXES = 3 };
static const char *const AXIS[AXES] = {"age", "x", "day"};
/* The cuts between the pieces of each axis, in several spellings of the same number. */
static const char *const CUTS[AXES][AXIS_PIECES - 1][3] = {
    {{"-5", "-5.0", "-50e-1"}, {"0", "-0", "0e7"}, {"10", "1e1", "10.000"}, {"30", "3E1", "30.0"}, {"31", "31", "3.1e1"}, {"60", "6e1", "60"}, {"100", "1e2", "100.0"}},
    {{"-0.1", "-1e-1", "-0.10"}, {"0.3", "0.30000000000000004", "3e-1"}, {"0.6", "0.6000000000000001", "0.60"}, {"0.7", "0.7", "7e-1"},
     {"1", "1.0", "10e-1"}, {"1.1", "1.1", "11e-1"}, {"12.3", "12.3", "123e-1"}},
    {{"\"1999-12-31\"", "\"1999-12-31\"", "\"1999-12-31\""}, {"\"2000-01-01\"", "\"2000-01-01\"", "\"2000-01-01\""},
     {"\"2000-02-29\"", "\"2000-02-29\"", "\"2000-02-29\""}, {"\"2010-01-01\"", "\"2010-01-01\"", "\"2010-01-01\""},
     {"\"2011-01-01\"", "\"2011-01-01\"", "\"2011-01-01\""}, {"\"2020-05-05\"", "\"2020-05-05\"", "\"2020-05-05\""},
     {"\"2021-01-01\"", "\"2021-01-01\"", "\"2021-01-01\""}},
};

/* What is asked: which pieces of each axis, which levels; the bit above the last is `missing`. */
struct asked {
    unsigned axis[AXES]; /* AXIS_PIECES + 1 bits */
    unsigned sex;        /* 2 + 1 bits */
    unsigned many;       /* LEVELS_MANY + 1 bits */
    unsigned sites;      /* 3 bits, 0: not asked */
    bool by_site;
};

static struct asked draw_asked(void)
{
    struct asked a;
    for (int i = 0; i < AXES; i++)
        do
            a.axis[i] = draw(4) ? draw(1u << (AXIS_PIECES + 1)) : (1u << (AXIS_PIECES + 1)) - 1;
        while (!a.axis[i]);
    a.sex = 1 + draw(7);
    a.many = draw(3) ? 1 + draw((1u << (LEVELS_MANY + 1)) - 1) : (1u << (LEVELS_MANY + 1)) - 1;
    a.sites = draw(8);
    a.by_site = draw(2);
    return a;
}

struct writer {
    char text[32768];
    size_t n;
};
PRINTF_LIKE(2, 3)
static void put(struct writer *w, const char *format, ...)
{
    static const char *const blanks[] = {"", "", "", " ", "\n", "\t "};
    va_list args;
    va_start(args, format);
    w->n += (size_t)vsnprintf(w->text + w->n, sizeof w->text - w->n, format, args);
    va_end(args);
    assert_true(w->n < sizeof w->text - 16);
    w->n += (size_t)snprintf(w->text + w->n, sizeof w->text - w->n, "%s", blanks[draw(COUNT_OF(blanks))]);
}

/* The members of a set in random order, some of them twice. */
static unsigned shuffled(unsigned mask, unsigned bits, unsigned to[64])
{
    unsigned n = 0;
    for (unsigned i = 0; i < bits; i++) {
        if (!(mask >> i & 1))
            continue;
        to[n++] = i;
        while (n < 60 && draw(4) == 0)
            to[n++] = i;
    }
    for (unsigned i = n; i > 1; i--) {
        unsigned j = draw(i), t = to[i - 1];
        to[i - 1] = to[j];
        to[j] = t;
    }
    return n;
}

static void put_levels(struct writer *w, const char *const *codes, unsigned count, unsigned mask)
{
    unsigned order[64], n = shuffled(mask, count + 1, order);
    put(w, "[");
    for (unsigned i = 0; i < n; i++) {
        if (order[i] == count)
            put(w, "%snull", i ? "," : "");
        else
            put(w, "%s\"%s\"", i ? "," : "", codes[order[i]]);
    }
    put(w, "]");
}

static void put_range(struct writer *w, int axis, unsigned first, unsigned last)
{
    bool from_first = draw(2);
    put(w, "{");
    for (int k = 0; k < 2; k++) {
        bool from = (k == 0) == from_first;
        if (from && first > 0)
            put(w, "\"from\":%s%s", CUTS[axis][first - 1][draw(3)], from_first && last < AXIS_PIECES - 1 ? "," : "");
        if (!from && last < AXIS_PIECES - 1)
            put(w, "\"to\":%s%s", CUTS[axis][last][draw(3)], !from_first && first > 0 ? "," : "");
    }
    put(w, "}");
}

static void put_axis(struct writer *w, int axis, unsigned mask)
{
    unsigned order[64], n = shuffled(mask, AXIS_PIECES + 1, order);
    put(w, "[");
    for (unsigned i = 0; i < n; i++) {
        unsigned first = order[i], last = order[i];
        put(w, "%s", i ? "," : "");
        if (first == AXIS_PIECES) {
            put(w, "null");
            continue;
        }
        /* A piece may be written as part of a longer run; overlaps are allowed. */
        while (first > 0 && (mask >> (first - 1) & 1) && draw(2))
            first--;
        while (last < AXIS_PIECES - 1 && (mask >> (last + 1) & 1) && draw(2))
            last++;
        put_range(w, axis, first, last);
    }
    put(w, "]");
}

static const char *reword(const struct asked *a, struct writer *w)
{
    static const char *const SEX[] = {"1", "0"}, *const MANY[] = {"A1", "A2", "A3", "A4", "A5", "A6", "A7"},
                                   *const SITES[] = {"cleveland", "va", "ulm.south"};
    unsigned order[8] = {0, 1, 2, 3, 4, 5}, top[4] = {0, 1, 2, 3};
    w->n = 0;
    for (unsigned i = 6; i > 1; i--) {
        unsigned j = draw(i), t = order[i - 1];
        order[i - 1] = order[j];
        order[j] = t;
    }
    for (unsigned i = 4; i > 1; i--) {
        unsigned j = draw(i), t = top[i - 1];
        top[i - 1] = top[j];
        top[j] = t;
    }
    put(w, "{");
    put(w, "\"innsyn\":\"question/1\"");
    for (unsigned k = 0; k < 4; k++) {
        if (top[k] == 0) {
            put(w, ",\"dataset\" : \"d\"");
        } else if (top[k] == 1) {
            if (a->by_site || draw(2))
                put(w, ",\"by_site\":%s", a->by_site ? "true" : "false");
        } else if (top[k] == 2) {
            put(w, ",\"statistic\":{\"table\":{\"by\":[\"sex\",");
            if (draw(2))
                put(w, "{\"variable\":\"age\",\"breaks\":[%s,%s]}", CUTS[0][2][draw(3)], CUTS[0][5][draw(3)]);
            else
                put(w, "{\"breaks\":[%s,%s],\"variable\":\"age\"}", CUTS[0][2][draw(3)], CUTS[0][5][draw(3)]);
            put(w, ",\"many\"]}}");
        } else {
            bool some = false;
            put(w, ",\"where\":{");
            for (unsigned i = 0; i < 6; i++) {
                unsigned v = order[i];
                unsigned full = v < AXES ? (1u << (AXIS_PIECES + 1)) - 1 : v == 3 ? 7u : (1u << (LEVELS_MANY + 1)) - 1;
                unsigned mask = v < AXES ? a->axis[v] : v == 3 ? a->sex : a->many;
                if (v == 5 ? !a->sites : mask == full && draw(2))
                    continue; /* a complete set may be left out */
                put(w, "%s", some ? "," : "");
                some = true;
                if (v < AXES) {
                    put(w, "\"%s\":", AXIS[v]);
                    put_axis(w, (int)v, mask);
                } else if (v == 5) {
                    put(w, "\"site\":");
                    put_levels(w, SITES, 3, a->sites);
                } else {
                    put(w, "\"%s\":", v == 3 ? "sex" : "many");
                    put_levels(w, v == 3 ? SEX : MANY, v == 3 ? 2 : LEVELS_MANY, mask);
                }
            }
            put(w, "}");
        }
    }
    put(w, "}");
    return w->text;
}

enum { QUESTIONS = 100, REWORDINGS = 20, ASKED_FIELDS = AXES + 4 };

static void rewordings_are_one_question(void **state)
{
    (void)state;
    static struct writer w;
    static struct hash seen[QUESTIONS];
    static struct asked asked[QUESTIONS];
    seed = UINT64_C(0x5eed0f1a55);
    for (int i = 0; i < QUESTIONS; i++) {
        asked[i] = draw_asked();
        struct question *first CLEANUP(question_freep) = read(CK, reword(&asked[i], &w));
        for (int j = 1; j < REWORDINGS; j++) {
            struct question *q CLEANUP(question_freep) = read(CK, reword(&asked[i], &w));
            if (!slice_equal(buffer_slice(&q->canonical), buffer_slice(&first->canonical))) {
                print_error("%.*s\n%.*s\n%s\n", SLICE_ARG(buffer_slice(&first->canonical)), SLICE_ARG(buffer_slice(&q->canonical)), w.text);
                fail();
            }
            assert_true(hash_equal(&q->hash, &first->hash));
            /* Every cell has the same box too. */
            for (int cell = CELL_INSIDE; cell < 5; cell++) {
                struct buffer a CLEANUP(buffer_done) = {0}, b CLEANUP(buffer_done) = {0};
                int index[TABLE_DIMENSIONS_MAX] = {cell, cell < 4 ? cell : CELL_FREE, cell + 2};
                buffer_init(&a, 8192);
                buffer_init(&b, 8192);
                assert_ok(question_cell_box(first, index, &a, NULL));
                assert_ok(question_cell_box(q, index, &b, NULL));
                assert_true(slice_equal(buffer_slice(&a), buffer_slice(&b)));
            }
        }
        /* And what asks something else is another question. */
        seen[i] = first->hash;
        for (int j = 0; j < i; j++) {
            bool same = asked[i].sex == asked[j].sex && asked[i].many == asked[j].many && asked[i].sites == asked[j].sites &&
                        asked[i].by_site == asked[j].by_site && memcmp(asked[i].axis, asked[j].axis, sizeof asked[i].axis) == 0;
            assert_int_equal(hash_equal(&seen[i], &seen[j]), same);
        }
    }
}

/* --- boxes ------------------------------------------------------------------------------------- */

static void check_box(const struct dictionary *d, const char *where, const char *statistic, int a, int b, const char *want)
{
    struct question *q CLEANUP(question_freep) = read(d, ask(0, where, statistic));
    struct buffer text CLEANUP(buffer_done) = {0};
    int index[TABLE_DIMENSIONS_MAX] = {a, b, CELL_FREE, CELL_FREE};
    buffer_init(&text, 4096);
    assert_ok(question_cell_box(q, index, &text, NULL));
    assert_slice(buffer_slice(&text), want);
}

#define TABLE2 "\"table\":{\"by\":[\"sex\",{\"variable\":\"age\",\"breaks\":[40,50,60]}]}"
#define HIST(v, breaks) "\"histogram\":{\"variable\":\"" v "\",\"breaks\":[" breaks "]}"

static void box_texts(void **state)
{
    (void)state;
    const int FREE = CELL_FREE, INSIDE = CELL_INSIDE;
    check_box(CK, "", COUNT, FREE, FREE, "");
    check_box(CK, "\"sex\":[\"1\",\"0\"]", COUNT, FREE, FREE, "sex=0,1"); /* byte order, not dictionary order */
    check_box(CK, "\"sex\":[null,\"1\"]", COUNT, FREE, FREE, "sex=1,?");
    check_box(CK, "", TABLE2, 0, 0, "age=[40,50);sex=1");
    check_box(CK, "", TABLE2, 1, 1, "age=[50,61);sex=0"); /* the last cell is closed: 60 belongs to it */
    check_box(CK, "", TABLE2, FREE, 1, "age=[50,61)");
    check_box(CK, "", TABLE2, INSIDE, INSIDE, "age=[40,61);sex=0,1");
    check_box(CK, "", TABLE2, 0, 2, "age=[-inf,40);sex=1");
    check_box(CK, "", TABLE2, 0, 3, "age=[61,inf);sex=1");
    check_box(CK, "", TABLE2, 0, 4, "age=?;sex=1");
    check_box(CK, "", TABLE2, 4, FREE, "sex=?");
    check_box(CK, "", TABLE2, 2, FREE, "sex="); /* levels have no outside: nobody */
    check_box(CK, "\"age\":{\"from\":45,\"to\":55},\"x\":{\"from\":0.3}", TABLE2, 0, 0, "age=[45,50);sex=1;x=[0.3,inf)");
    check_box(CK, "\"age\":{\"from\":45,\"to\":55}", TABLE2, 0, 1, "age=[50,55);sex=1");
    check_box(CK, "\"age\":{\"from\":45,\"to\":50}", TABLE2, 0, 1, "age=;sex=1");
    check_box(CK, "\"sex\":[\"0\"]", TABLE2, 0, 1, "age=[50,61);sex=");
    check_box(CK, "\"sex\":[\"0\"]", TABLE2, FREE, FREE, "sex=0");
    check_box(CK, "\"age\":[{\"to\":42},{\"from\":44,\"to\":46},null]", TABLE2, FREE, 0, "age=[40,42),[44,46)");
    check_box(CK, "\"age\":[{\"to\":42},null]", TABLE2, FREE, 4, "age=?");
    check_box(CK, "\"age\":[{\"to\":42}]", TABLE2, FREE, 4, "age=");
    check_box(CK, "", HIST("day", "\"1970-01-02\",\"1970-01-11\""), 0, FREE, "day=[1,11)");
    check_box(CK, "", HIST("wide", "2,7"), 0, FREE, "wide=[2,8)");
    check_box(CK, "", HIST("x", "0.1,0.3"), 0, FREE, "x=[0.1,0.30000000000000004)"); /* 0.3 itself, no more */
    check_box(CK, "", HIST("x", "0.1,0.3"), 2, FREE, "x=[0.30000000000000004,inf)");
    check_box(OPEN, "", HIST("age", "39.5,50.5"), 0, FREE, "age=[40,51)");
    check_box(OPEN, "", HIST("age", "39.5,50.5"), 1, FREE, "age=[-inf,40)");
    check_box(CK, "\"Odd\":[\"a,b\",\"?\",\"%;\",\"<=20\"]", COUNT, FREE, FREE, "Odd=%25%3B,<=20,%3F,a%2Cb");
    check_box(CK, "\"site\":[\"va\"]", COUNT, FREE, FREE, "");
    struct question *q CLEANUP(question_freep) = read(CK, ask(0, "", TABLE2));
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, 10);
    assert_ok(buffer_add_str(&b, "kept", NULL));
    int index[TABLE_DIMENSIONS_MAX] = {0, 0}, beyond[TABLE_DIMENSIONS_MAX] = {5, 0};
    assert_status(question_cell_box(q, index, &b, NULL), LIMIT);
    assert_status(question_cell_box(q, beyond, &b, NULL), LIMIT);
    assert_slice(buffer_slice(&b), "kept");
}

/* The box of every slot of a table equals the box of a count with that set as its filter. */
static void filter_and_dimension_are_one_box(void **state)
{
    (void)state;
    static const char *const SEX[] = {"\"1\"", "\"0\"", NULL, NULL, "null"};
    static const char *const AGE[] = {"{\"from\":40,\"to\":50}", "{\"from\":50,\"to\":61}", "{\"to\":40}", "{\"from\":61}", "[null]"};
    for (int with_x = 0; with_x < 2; with_x++) {
        const char *x = with_x ? "\"x\":{\"from\":0.3,\"to\":1.1}" : "";
        struct question *table CLEANUP(question_freep) = read(CK, ask(0, x, TABLE2));
        for (int i = 0; i < 5; i++)
            for (int j = 0; j < 5; j++) {
                char where[256];
                struct buffer a CLEANUP(buffer_done) = {0}, b CLEANUP(buffer_done) = {0};
                int cell[TABLE_DIMENSIONS_MAX] = {i, j}, none[TABLE_DIMENSIONS_MAX] = {CELL_FREE, CELL_FREE, CELL_FREE, CELL_FREE};
                if (!SEX[i])
                    continue;
                (void)snprintf(where, sizeof where, "\"sex\":[%s],\"age\":%s%s%s", SEX[i], AGE[j], with_x ? "," : "", x);
                struct question *count CLEANUP(question_freep) = read(CK, ask(1, where, COUNT));
                buffer_init(&a, 4096);
                buffer_init(&b, 4096);
                assert_ok(question_cell_box(table, cell, &a, NULL));
                assert_ok(question_cell_box(count, none, &b, NULL));
                assert_true(a.len > 0);
                assert_true(slice_equal(buffer_slice(&a), buffer_slice(&b)));
                /* Narrowing a filter that already says part of it changes nothing. */
                struct question *both CLEANUP(question_freep) = read(CK, ask(2, where, TABLE2));
                buffer_clear(&b);
                assert_ok(question_cell_box(both, cell, &b, NULL));
                assert_true(slice_equal(buffer_slice(&a), buffer_slice(&b)));
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_forms),
        cmocka_unit_test(by_site_is_left_out_when_false),
        cmocka_unit_test(refusals_name_path_and_remedy),
        cmocka_unit_test(the_frame_is_strict),
        cmocka_unit_test(limits),
        cmocka_unit_test(rewordings_are_one_question),
        cmocka_unit_test(box_texts),
        cmocka_unit_test(filter_and_dimension_are_one_box),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
