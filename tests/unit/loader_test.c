/* Sources against a dictionary: a table of CSV texts, each with the faults that are to be reported or the
 * counts that are to be loaded; then what came out of it, column by column. */
#include "tests/unit/agent_data.h"

#include "agents/loader/number.h"

static const char DICTIONARY[] =
    "{\"dataset\":\"t\",\"variables\":["
    "{\"name\":\"pid\",\"type\":\"id\"},"
    "{\"name\":\"age\",\"type\":\"integer\",\"missing_codes\":[\"\",\"-9\"]},"
    "{\"name\":\"sex\",\"type\":\"categorical\",\"levels\":[{\"code\":\"0\"},{\"code\":\"1\"}],\"missing_codes\":[\"9\"]},"
    "{\"name\":\"lab\",\"type\":\"real\"},"
    "{\"name\":\"seen\",\"type\":\"date\"}]}";

struct told {
    char text[8192];
    size_t len;
    unsigned count, progress;
};

static void tell(void *self, const struct load_fault *f)
{
    struct told *t = self;
    t->count++;
    t->len += (size_t)snprintf(t->text + t->len, sizeof t->text - t->len, "%s%s%s%s\n", f->text, *f->shown ? " <" : "", f->shown,
                               *f->shown ? ">" : "");
}

static void told_progress(void *self, uint64_t rows, uint64_t bytes, int64_t elapsed_ms)
{
    (void)rows;
    (void)bytes;
    (void)elapsed_ms;
    ((struct told *)self)->progress++;
}

struct loaded {
    struct told told;
    struct load_report report;
    struct why why;
    result r;
    uint64_t keys_asked;
};

static void load_text(struct loaded *l, const char *dictionary, const char *folder, struct slice csv, size_t step, bool dry_run)
{
    struct dictionary *d CLEANUP(dictionary_freep) = test_dictionary(dictionary, PROFILE_OPEN);
    struct text_source source = {csv, step};
    memset(l, 0, sizeof *l);
    struct load_options options = {.dataset_folder = folder,
                                   .dry_run = dry_run,
                                   .keys = test_keys,
                                   .keys_self = &l->keys_asked,
                                   .fault = tell,
                                   .progress = told_progress,
                                   .self = &l->told};
    l->r = loader_run(host_real(), d, (struct csv_source){text_read, &source}, &options, &l->report, &l->why);
}

#define HEADER "pid,age,sex,lab,seen\n"

static void test_faults(void **state)
{
    static const struct {
        const char *csv, *want;
    } cases[] = {
        {"", "the file is empty; a header with the names of the variables is asked\n"},
        {"p1,40,1,2,2020-01-01\n", "header: the first row names none of the dictionary's variables; a header is asked\n"},
        {"pid,age,sex,lab\n", "header: the variable seen has no column\n"},
        {"pid,age,sex,lab,seen,weight\n", "header: field 6 is not a variable of the dictionary; remove the column or describe it <weight>\n"},
        {"pid,aeg,sex,lab,seen\n",
         "header: field 2 is not a variable of the dictionary (did you mean age?); remove the column or describe it <aeg>\n"
         "header: the variable age has no column\n"},
        {"pid,age,sex,age,lab,seen\n", "header: fields 2 and 4 both are called age; a variable has one column\n"},
        {HEADER "p1,40,1,2\n", "row 1 (line 2): 4 fields where the header has 5\n"},
        {HEADER "p1,40,1,2,2020-01-01,\n", "row 1 (line 2): 6 fields where the header has 5\n"},
        {HEADER "p1,forty,1,2,2020-01-01\n", "row 1 (line 2), column age: not an integer between -2^53 and 2^53 <forty>\n"},
        {HEADER "p1,40.0,1,2,2020-01-01\n", "row 1 (line 2), column age: not an integer between -2^53 and 2^53 <40.0>\n"},
        {HEADER "p1,9007199254740993,1,2,2020-01-01\n",
         "row 1 (line 2), column age: not an integer between -2^53 and 2^53 <9007199254740993>\n"},
        {HEADER "p1,40,2,2,2020-01-01\n", "row 1 (line 2), column sex: not one of the 2 levels (0, 1) <2>\n"},
        {HEADER "p1,40, 1,2,2020-01-01\n", "row 1 (line 2), column sex: not one of the 2 levels (0, 1) < 1>\n"},
        {HEADER "p1,40,1,nan,2020-01-01\n", "row 1 (line 2), column lab: not a number such as 12, -0.5 or 1e-3 <nan>\n"},
        {HEADER "p1,40,1,\"1,5\",2020-01-01\n", "row 1 (line 2), column lab: not a number such as 12, -0.5 or 1e-3 <1,5>\n"},
        {HEADER "p1,40,1,0x10,2020-02-30\n",
         "row 1 (line 2), column lab: not a number such as 12, -0.5 or 1e-3 <0x10>\n"
         "row 1 (line 2), column seen: not a calendar day as YYYY-MM-DD <2020-02-30>\n"},
        {HEADER ",40,1,2,2020-01-01\n", "row 1 (line 2), column pid: the person key is missing\n"},
        {HEADER "\"p\n1\",40,1,2,2020-01-01\np2,x,1,2,2020-01-01\n",
         "row 2 (line 4), column age: not an integer between -2^53 and 2^53 <x>\n"},
        {HEADER "secret1,40,1,2,2020-01-01\np2,41,1,2,2020-01-01\nsecret1,42,0,2,2020-01-01\n",
         "row 3 (line 4), column pid: the same person key as in row 1; one row a person is asked, or declare "
         "\"event_table\": true in the dictionary\n"},
        {HEADER "p1,40,1,2,2020-01-01\np2,4\"1\",1,2,2020-01-01\n",
         "row 2 (line 3): a quote inside a field that does not begin with one; double it and quote the field\n"},
        {HEADER "p1,40,1,123456789012345678901234567890123456789012345678901234567890x,2020-01-01\n",
         "row 1 (line 2), column lab: not a number such as 12, -0.5 or 1e-3 <1234567890123456789012345678901234567890...>\n"},
        {HEADER "p1,40,1,\"\x1b[31m\",2020-01-01\n", "row 1 (line 2), column lab: not a number such as 12, -0.5 or 1e-3 <?[31m>\n"},
    };
    char folder[SCRATCH_PATH], path[128];
    (void)state;
    scratch_make(folder, "loader");
    snprintf(path, sizeof path, "%s/t", folder);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (int dry_run = 0; dry_run < 2; dry_run++) {
            struct loaded l;
            struct hash name;
            load_text(&l, DICTIONARY, path, slice_str(cases[i].csv), 0, dry_run);
            assert_status(l.r, MALFORMED);
            if (strcmp(l.told.text, cases[i].want) != 0) {
                print_error("case %zu:\n got %s\nwant %s\n", i, l.told.text, cases[i].want);
                fail();
            }
            assert_int_equal(l.report.faults, l.told.count);
            assert_null(strstr(l.told.text, "secret"));
            assert_null(strstr(l.why.text, "forty")); /* what is logged holds no value */
            if (!dry_run)
                assert_status(snapshot_current(host_real(), path, &name, NULL), ABSENT);
        }
    scratch_remove(folder);
}

/* A bad number in row 12,345 is found there, and the load ends after LOAD_FAULTS_MAX. */
static void test_far_rows(void **state)
{
    char *csv = malloc(TEST_TEXT_MAX);
    size_t len = (size_t)snprintf(csv, TEST_TEXT_MAX, HEADER);
    struct loaded l;
    (void)state;
    for (unsigned i = 1; i <= 20000; i++)
        len += (size_t)snprintf(csv + len, TEST_TEXT_MAX - len, "p%u,%s,1,0.5,2020-01-01\r\n", i, i == 12345 ? "3O" : "30");
    load_text(&l, DICTIONARY, "", slice_of(csv, len), 0, true);
    assert_status(l.r, MALFORMED);
    assert_string_equal(l.told.text, "row 12345 (line 12346), column age: not an integer between -2^53 and 2^53 <3O>\n");
    assert_string_equal(l.why.text, "1 fault, nothing was loaded; the first: row 12345 (line 12346), column age: not an "
                                    "integer between -2^53 and 2^53");
    len = (size_t)snprintf(csv, TEST_TEXT_MAX, HEADER);
    for (unsigned i = 1; i <= 100; i++)
        len += (size_t)snprintf(csv + len, TEST_TEXT_MAX - len, "p%u,x,1,0.5,2020-01-01\n", i);
    load_text(&l, DICTIONARY, "", slice_of(csv, len), 0, true);
    assert_int_equal(l.report.faults, LOAD_FAULTS_MAX);
    assert_int_equal(l.told.count, LOAD_FAULTS_MAX);
    assert_int_equal(l.report.rows, LOAD_FAULTS_MAX);
    free(csv);
}

static struct snapshot *open_current(const char *folder)
{
    struct hash name;
    struct snapshot *s = NULL;
    struct why why = {0};
    assert_ok(snapshot_current(host_real(), folder, &name, NULL));
    if (!is_ok(snapshot_open(host_real(), folder, &name, true, &s, &why)))
        fail_msg("%s", why.text);
    return s;
}

/* What was loaded is what was there: any order of columns, BOM, CRLF, missing codes, the grid that was seen. */
static void test_columns(void **state)
{
    static const char csv[] = "\xef\xbb\xbfseen,lab,sex,age,pid\r\n"
                              "2020-01-01,0.5,1,40,p1\r\n"
                              ",1.25,0,-9,p2\r\n"
                              "1969-12-31,-3,9,,\"p\"\"3\"\r\n"
                              "0001-01-01,,,-9.0,\"p\r\n4\"\r\n"
                              "9999-12-31,1e-3,1,+7,p5";
    char folder[SCRATCH_PATH], path[128];
    (void)state;
    scratch_make(folder, "loader");
    snprintf(path, sizeof path, "%s/t", folder);
    for (size_t step = 0; step < 8; step += 7) {
        struct loaded l;
        load_text(&l, DICTIONARY, path, slice_of(csv, sizeof csv - 1), step, false);
        /* "-9.0" is no integer's text, although -9 is a missing code */
        assert_string_equal(l.told.text, "row 4 (line 5), column age: not an integer between -2^53 and 2^53 <-9.0>\n");
    }
    char fixed[sizeof csv];
    memcpy(fixed, csv, sizeof csv);
    memcpy(strstr(fixed, "-9.0"), "-09,", 4); /* a number's missing code is compared as a number */
    memcpy(strstr(fixed, "-09,,"), "-009,", 5);
    struct loaded l;
    load_text(&l, DICTIONARY, path, slice_of(fixed, sizeof fixed - 1), 0, false);
    assert_ok(l.r);
    assert_int_equal(l.report.rows, 5);
    assert_int_equal(l.report.persons, 5);
    assert_int_equal(l.keys_asked, 5);
    struct snapshot *s CLEANUP(snapshot_closep) = open_current(path);
    assert_true(hash_equal(&s->facts.name, &l.report.snapshot));
    const double *age = s->columns[1].at, *lab = s->columns[3].at;
    const uint8_t *sex = s->columns[2].at;
    const int32_t *seen = s->columns[4].at;
    const double ages[] = {40, NAN, NAN, NAN, 7}, labs[] = {0.5, 1.25, -3, NAN, 0.001};
    const uint8_t sexes[] = {2, 1, 0, 0, 2};
    const int32_t days[] = {18262, SNAPSHOT_DATE_MISSING, -1, -719162, 2932896};
    assert_int_equal(s->columns[0].kind, COLUMN_NONE);
    for (unsigned i = 0; i < 5; i++) {
        assert_close(age[i], ages[i], 0);
        assert_close(lab[i], labs[i], 0);
        assert_int_equal(sex[i], sexes[i]);
        assert_int_equal(seen[i], days[i]);
    }
    assert_true(s->keys[2] == test_key(slice_str("p\"3")));
    assert_true(s->keys[3] == test_key(slice_str("p\r\n4")));
    assert_null(s->person);
    assert_close(s->dictionary->variables[3].grid_step, 0.001, 1e-12);
    assert_close(s->dictionary->variables[1].grid_step, 1, 0);
    scratch_remove(folder);
}

static const char EVENTS[] =
    "{\"dataset\":\"e\",\"event_table\":true,\"variables\":[{\"name\":\"pid\",\"type\":\"id\"},"
    "{\"name\":\"code\",\"type\":\"categorical\",\"levels\":[{\"code\":\"a\"},{\"code\":\"b\"}]}]}";
static const char NO_KEY[] =
    "{\"dataset\":\"n\",\"variables\":[{\"name\":\"code\",\"type\":\"categorical\",\"levels\":[{\"code\":\"a\"},{\"code\":\"b\"}]}]}";

static void test_events(void **state)
{
    char folder[SCRATCH_PATH], path[128];
    (void)state;
    scratch_make(folder, "loader");
    snprintf(path, sizeof path, "%s/e", folder);
    struct loaded l;
    load_text(&l, EVENTS, path, slice_str("pid,code\nx,a\ny,b\nx,b\nz,\ny,b\n"), 0, false);
    assert_ok(l.r);
    assert_int_equal(l.report.rows, 5);
    assert_int_equal(l.report.persons, 3);
    assert_int_equal(l.keys_asked, 3);
    struct snapshot *s CLEANUP(snapshot_closep) = open_current(path);
    const uint32_t person[] = {0, 1, 0, 2, 1}, order[] = {0, 2, 1, 4, 3};
    assert_memory_equal(s->person, person, sizeof person);
    assert_memory_equal(s->by_person, order, sizeof order);
    assert_true(s->keys[2] == test_key(slice_str("z")));
    scratch_remove(folder);
}

static void test_no_key(void **state)
{
    char folder[SCRATCH_PATH], path[128];
    (void)state;
    scratch_make(folder, "loader");
    snprintf(path, sizeof path, "%s/n", folder);
    struct loaded l;
    load_text(&l, NO_KEY, path, slice_str("code\na\na\n\n"), 0, false);
    assert_ok(l.r);
    assert_int_equal(l.report.persons, 3);
    struct snapshot *s CLEANUP(snapshot_closep) = open_current(path);
    assert_true(s->keys[1] == test_key(slice_str("2")));
    assert_int_equal(((const uint8_t *)s->columns[0].at)[2], 0);
    scratch_remove(folder);
}

/* No rows is a snapshot too; and many rows go through many batches. */
static void test_sizes(void **state)
{
    static const unsigned sizes[] = {0, 1, LOAD_BATCH_ROWS - 1, LOAD_BATCH_ROWS, LOAD_BATCH_ROWS + 1, 250000};
    char folder[SCRATCH_PATH], path[128], *csv = malloc(TEST_TEXT_MAX);
    (void)state;
    scratch_make(folder, "loader");
    snprintf(path, sizeof path, "%s/t", folder);
    for (size_t k = 0; k < COUNT_OF(sizes); k++) {
        size_t len = (size_t)snprintf(csv, TEST_TEXT_MAX, HEADER);
        for (unsigned i = 0; i < sizes[k]; i++)
            len += (size_t)snprintf(csv + len, TEST_TEXT_MAX - len, "q%u,%u,1,0.5,\n", i, i);
        struct loaded l;
        load_text(&l, DICTIONARY, path, slice_of(csv, len), 0, false);
        assert_ok(l.r);
        assert_int_equal(l.report.persons, sizes[k]);
        if (sizes[k] > LOAD_PROGRESS_ROWS)
            assert_in_range(l.told.progress, 2, 1000);
        struct snapshot *s CLEANUP(snapshot_closep) = open_current(path);
        assert_int_equal(s->facts.rows, sizes[k]);
        const double *age = s->columns[1].at;
        for (unsigned i = 0; i < sizes[k]; i++)
            assert_true(age[i] == i);
    }
    free(csv);
    scratch_remove(folder);
}

static void test_dry_run(void **state)
{
    struct loaded l;
    (void)state;
    load_text(&l, DICTIONARY, "/nonexistent/x", slice_str(HEADER "p1,40,1,2,2020-01-01\n"), 0, true);
    assert_ok(l.r);
    assert_int_equal(l.report.rows, 1);
    assert_int_equal(l.keys_asked, 0);
    load_text(&l, DICTIONARY, "/nonexistent/x", slice_str(HEADER "p1,40,1,2,2020-01-01\n"), 0, false);
    assert_status(l.r, ABSENT);
}

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        double want;
        unsigned decimals;
    } cases[] = {
        {"0", true, 0, 0},        {"-0", true, 0, 0},         {"12", true, 12, 0},         {"+12", true, 12, 0},
        {".5", true, 0.5, 1},     {"5.", true, 5, 0},         {"2.50", true, 2.5, 2},      {"1e3", true, 1000, 0},
        {"1e-3", true, 1e-3, 3},  {"1.5E+2", true, 150, 0},   {"0.1", true, 0.1, 1},       {"1e308", true, 1e308, 0},
        {"1e309", false, 0, 0},   {"1e99999999", false, 0, 0}, {"", false, 0, 0},          {"-", false, 0, 0},
        {".", false, 0, 0},       {"e5", false, 0, 0},        {"1e", false, 0, 0},         {"1e+", false, 0, 0},
        {"1 ", false, 0, 0},      {" 1", false, 0, 0},        {"0x1", false, 0, 0},        {"inf", false, 0, 0},
        {"nan", false, 0, 0},     {"1.2.3", false, 0, 0},     {"1,2", false, 0, 0},        {"--1", false, 0, 0},
        {"0.30000000000000004", true, 0.30000000000000004, 17},
        {"123456789.123456789123", true, 123456789.123456789123, 12},
        {"4.9406564584124654e-324", true, 4.9406564584124654e-324, 340},
        {"9007199254740993", true, 9007199254740992.0, 0},
        {"00000000000000000000000000000001", true, 1, 0},
    };
    double v;
    unsigned decimals;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool ok = number_parse(slice_str(cases[i].text), &v, &decimals);
        if (ok != cases[i].ok || (ok && (v != cases[i].want || signbit(v) != signbit(cases[i].want) || decimals != cases[i].decimals)))
            fail_msg("%s: %d %.17g %u", cases[i].text, ok, v, decimals);
    }
    /* Against the C library, on texts of all lengths. */
    for (unsigned i = 0; i < 200000; i++) {
        char text[64];
        uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        snprintf(text, sizeof text, "%s%llu.%0*llue%d", i & 1 ? "-" : "", (unsigned long long)(x >> 40), (int)(i % 12) + 1,
                 (unsigned long long)(x & 0xfff), (int)(x >> 20 & 63) - 32);
        assert_true(number_parse(slice_str(text), &v, &decimals));
        assert_true(v == strtod(text, NULL));
    }
    assert_true(integer_parse(slice_str("9007199254740992"), &v));
    assert_true(integer_parse(slice_str("-9007199254740992"), &v));
    assert_false(integer_parse(slice_str("9007199254740993"), &v));
    assert_false(integer_parse(slice_str("1e3"), &v));
    assert_false(integer_parse(slice_str("1."), &v));
    assert_false(integer_parse(slice_str("-"), &v));
}

/* Every set of real and synthetic data that the tests hold loads as its own dictionary describes it. */
static void test_sets(void **state)
{
    static const char *const sets[] = {"tests/data/sets/cnsim",      "tests/data/sets/flchain",        "tests/data/sets/omop",
                                       "tests/data/sets/population", "tests/data/sets/rotterdam_gbsg", "deploy/data/heart"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        char path[512];
        struct buffer text, csv;
        struct json *tree = NULL;
        snprintf(path, sizeof path, SOURCE_DIR "/%s/dictionary.json", sets[i]);
        read_test_file(path, &text);
        assert_ok(json_parse(buffer_slice(&text), JSON_BYTES_MAX, &tree, NULL));
        const struct json *sites = json_get(tree, "sites");
        assert_true(json_size(sites) > 0);
        for (size_t k = 0; k < json_size(sites); k++) {
            struct slice file = json_text(json_get(json_item(sites, k), "file"));
            struct loaded l;
            snprintf(path, sizeof path, SOURCE_DIR "/%s/%.*s", sets[i], SLICE_ARG(file));
            read_test_file(path, &csv);
            load_text(&l, buffer_str(&text), "", buffer_slice(&csv), 0, true);
            if (!is_ok(l.r))
                fail_msg("%s: %s", path, l.told.text);
            assert_int_equal(l.report.rows, json_integer(json_get(json_item(sites, k), "rows")));
            buffer_done(&csv);
        }
        json_free(tree);
        buffer_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_faults), cmocka_unit_test(test_far_rows),
        cmocka_unit_test(test_columns), cmocka_unit_test(test_events), cmocka_unit_test(test_no_key),
        cmocka_unit_test(test_sizes),   cmocka_unit_test(test_dry_run),  cmocka_unit_test(test_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
