/* Aim: a dictionary registers one hierarchy of groupings a variable, nested and whole, or is refused with member, rule
 * and remedy; what asks for the same groups has the same bytes and the same boxes, and no other groups are to be had.
 * Method: one small dictionary changed in one place at a time; questions in several words; 2,000 random sets of codes. */
#include <stdlib.h>

#include "check.h"
#include "proto/question.h"

#define LEVELS "\"levels\":[{\"code\":\"a\"},{\"code\":\"b\"},{\"code\":\"c\"},{\"code\":\"d\"},{\"code\":\"E\"},{\"code\":\"f\"}]"
#define PARTS                                                                                                                              \
    "{\"name\":\"part\",\"label\":{\"nb\":\"Landsdel\",\"en\":\"Part\"},\"groups\":["                                                      \
    "{\"code\":\"north\",\"label\":\"The north\",\"levels\":[\"b\",\"a\"]},{\"code\":\"c\",\"levels\":[\"c\"]},"                           \
    "{\"code\":\"south\",\"label\":{\"nb\":\"S\u00f8r\",\"en\":\"South\"},\"levels\":[\"d\",\"E\",\"f\"]}]}"
#define HALVES "{\"name\":\"half\",\"groups\":[{\"code\":\"upper\",\"levels\":[\"north\",\"c\"]},{\"code\":\"south\",\"levels\":[\"south\"]}]}"

/* Members of the variable `region` of type `type` with `groupings`; the other variables stand. */
static result read_as(const char *head, const char *region, struct dictionary **ret, struct why *why)
{
    char text[8192];
    struct json *tree CLEANUP(json_freep) = NULL;
    (void)snprintf(text, sizeof text,
                   "{\"dataset\":\"d\",%s\"variables\":[{\"name\":\"pid\",\"type\":\"id\"},{\"name\":\"region\",%s},"
                   "{\"name\":\"sex\",\"type\":\"category\",\"levels\":[{\"code\":\"1\"},{\"code\":\"0\"}]},"
                   "{\"name\":\"age\",\"type\":\"integer\",\"clamps\":[0,120],\"groupings\":[{\"name\":\"decades\",\"breaks\":[0,10,20,30,40]},"
                   "{\"name\":\"twenties\",\"breaks\":[0,20,40]}]},"
                   "{\"name\":\"x\",\"type\":\"number\",\"groupings\":[{\"name\":\"tenths\",\"breaks\":[0,0.1,0.25]}]}]}",
                   head, region);
    assert_ok(json_parse(slice_str(text), sizeof text, &tree, NULL));
    return dictionary_read(tree, NULL, PROFILE_CK, ret, why);
}

static struct dictionary *good(const char *head)
{
    struct dictionary *d = NULL;
    struct why why = {0};
    if (!is_ok(read_as(head, "\"type\":\"category\"," LEVELS ",\"groupings\":[" PARTS "," HALVES "]", &d, &why)))
        fail_msg("%s: %s", why.field, why.text);
    return d;
}

static void a_hierarchy_is_read(void **state)
{
    (void)state;
    struct dictionary *d CLEANUP(dictionary_freep) = good("");
    const struct variable *v = &d->variables[dictionary_find(d, slice_str("region"))];
    assert_int_equal(v->grouping_count, 2);
    const struct grouping *part = variable_find_grouping(v, slice_str("part")), *half = variable_find_grouping(v, slice_str("half"));
    assert_non_null(part);
    assert_non_null(half);
    assert_null(variable_find_grouping(v, slice_str("par")));
    assert_int_equal(part->group_count, 3);
    assert_int_equal(part->groups[2].level_count, 3);
    assert_int_equal(part->groups[2].levels[0], 3);
    assert_int_equal(part->groups[2].by_code[0], 4); /* 'E' before 'd' */
    static const unsigned parts[] = {0, 1, 1, 2, 3, 3, 3}, halves[] = {0, 1, 1, 1, 2, 2, 2};
    assert_memory_equal(part->cell_of, parts, sizeof parts);
    assert_memory_equal(half->cell_of, halves, sizeof halves);
    assert_int_equal(v->group_name_count, 4); /* south is there once */
    assert_int_equal(variable_find_group(v, slice_str("nort")), -1);

    /* The published form says the same, levels in full, and prints the same bytes again. */
    struct json *once CLEANUP(json_freep) = dictionary_json(d), *again CLEANUP(json_freep) = NULL;
    struct buffer one CLEANUP(buffer_done) = {0}, two CLEANUP(buffer_done) = {0};
    struct dictionary *e CLEANUP(dictionary_freep) = NULL;
    buffer_init(&one, DICTIONARY_BYTES_MAX);
    buffer_init(&two, DICTIONARY_BYTES_MAX);
    assert_ok(json_print(once, &one, NULL));
    assert_ok(dictionary_read(once, NULL, PROFILE_OPEN, &e, NULL));
    again = dictionary_json(e);
    assert_ok(json_print(again, &two, NULL));
    assert_true(slice_equal(buffer_slice(&one), buffer_slice(&two)));
    assert_ok(buffer_add_byte(&one, 0, NULL));
    assert_non_null(strstr((const char *)one.at, "{\"code\":\"upper\",\"levels\":[\"a\",\"b\",\"c\"]}"));
    assert_non_null(strstr((const char *)one.at, "\"label\":{\"en\":\"Part\",\"nb\":\"Landsdel\"}"));
    assert_non_null(strstr((const char *)one.at, "{\"breaks\":[0,20,40],\"name\":\"twenties\"}"));
}

static void refusals_name_member_rule_and_remedy(void **state)
{
    (void)state;
#define G(groupings) "\"type\":\"category\"," LEVELS ",\"groupings\":[" groupings "]"
    static const struct {
        const char *region, *field, *says;
    } rows[] = {
        {G("{\"name\":\"p\",\"groups\":[{\"code\":\"n\",\"levels\":[\"a\",\"b\"]},{\"code\":\"s\",\"levels\":[\"c\",\"d\",\"E\"]}]}"),
         "/variables/1/groupings/0/groups", "level 'f' lies in no group: each level belongs to exactly one"},
        {G("{\"name\":\"p\",\"groups\":[{\"code\":\"n\",\"levels\":[\"a\",\"b\",\"c\"]},{\"code\":\"s\",\"levels\":[\"c\",\"d\",\"E\",\"f\"]}]}"),
         "/variables/1/groupings/0/groups/1/levels/0", "level 'c' lies in the groups 'n' and 's'"},
        {G("{\"name\":\"p\",\"groups\":[{\"code\":\"n\",\"levels\":[\"a\",\"a\"]}]}"), "/variables/1/groupings/0/groups/0/levels/1", "'n' and 'n'"},
        {G("{\"name\":\"p\",\"groups\":[{\"code\":\"n\",\"levels\":[\"g\"]}]}"), "/variables/1/groupings/0/groups/0/levels/0", "'g' is no level"},
        {G("{\"name\":\"p\",\"groups\":[{\"code\":\"n\",\"levels\":[1]}]}"), "/variables/1/groupings/0/groups/0/levels/0", "codes of levels"},
        {G("{\"name\":\"p\",\"groups\":[{\"code\":\"n\",\"levels\":[]}]}"), "/variables/1/groupings/0/groups/0", "at least one level"},
        {G("{\"name\":\"p\",\"groups\":[]}"), "/variables/1/groupings/0/groups", "at least two groups"},
        {G("{\"name\":\"p\",\"groups\":[{\"code\":\"n\",\"levels\":[\"a\",\"b\",\"c\",\"d\",\"E\",\"f\"]}]}"), "/variables/1/groupings/0/groups", "at least two"},
        {G("{\"name\":\"p\",\"groups\":[{\"code\":\"1\",\"levels\":[\"a\"]},{\"code\":\"2\",\"levels\":[\"b\"]},{\"code\":\"3\",\"levels\":[\"c\"]},"
           "{\"code\":\"4\",\"levels\":[\"d\"]},{\"code\":\"5\",\"levels\":[\"E\"]},{\"code\":\"6\",\"levels\":[\"f\"]}]}"),
         "/variables/1/groupings/0/groups", "fewer than what it groups has (6): this has 6"},
        {G(PARTS ",{\"name\":\"h\",\"groups\":[{\"code\":\"u\",\"levels\":[\"a\",\"c\"]},{\"code\":\"l\",\"levels\":[\"b\",\"south\"]}]}"),
         "/variables/1/groupings/1/groups", "'north' of 'part' is torn: levels 'a' and 'b' are apart here; list groupings from the finest"},
        {G("{\"name\":\"h\",\"groups\":[{\"code\":\"u\",\"levels\":[\"a\",\"b\",\"c\"]},{\"code\":\"l\",\"levels\":[\"d\",\"E\",\"f\"]}]}," PARTS),
         "/variables/1/groupings/1/groups", "fewer than what it groups has (2)"},
        {G(PARTS ",{\"name\":\"h\",\"groups\":[{\"code\":\"north\",\"levels\":[\"north\",\"c\"]},{\"code\":\"l\",\"levels\":[\"south\"]}]}"),
         "/variables/1/groupings/1/groups", "'north' stands for two groups"},
        {G("{\"name\":\"p\",\"groups\":[{\"code\":\"a\",\"levels\":[\"a\",\"b\"]},{\"code\":\"s\",\"levels\":[\"c\",\"d\",\"E\",\"f\"]}]}"),
         "/variables/1/groupings/0/groups", "'a' is a level and a group of others"},
        {G(PARTS "," PARTS), "/variables/1/groupings/1/name", "there twice"},
        {G("{\"name\":\"9\",\"groups\":[]}"), "/variables/1/groupings/0/name", "a name is a letter"},
        {G("{\"name\":\"p\"}"), "/variables/1/groupings/0", "type category has groups"},
        {G("{\"name\":\"p\",\"breaks\":[1,2]}"), "/variables/1/groupings/0", "type category has groups"},
        {G("{\"name\":\"p\",\"label\":{\"nb\":\"P\"},\"groups\":[]}"), "/variables/1/groupings/0/label/en", ""},
        {G("{\"name\":\"p\",\"label\":7,\"groups\":[]}"), "/variables/1/groupings/0/label", ""},
        {G("{\"name\":\"p\",\"cells\":[]}"), "/variables/1/groupings/0/cells", ""},
        {"\"type\":\"integer\",\"groupings\":[{\"name\":\"p\",\"groups\":[]}]", "/variables/1/groupings/0", "type integer has breaks"},
        {"\"type\":\"integer\",\"groupings\":[{\"name\":\"p\",\"breaks\":[1]}]", "/variables/1/groupings/0/breaks", "two breaks"},
        {"\"type\":\"integer\",\"groupings\":[{\"name\":\"p\",\"breaks\":[2,1]}]", "/variables/1/groupings/0/breaks/1", "rise"},
        {"\"type\":\"integer\",\"groupings\":[{\"name\":\"p\",\"breaks\":[1,2.5]}]", "/variables/1/groupings/0/breaks/1", "whole"},
        {"\"type\":\"integer\",\"groupings\":[{\"name\":\"p\",\"breaks\":[1,5,9]},{\"name\":\"q\",\"breaks\":[1,6]}]", "/variables/1/groupings/1/breaks/1",
         "not a break of 'p': list groupings from the finest"},
        {"\"type\":\"integer\",\"groupings\":[{\"name\":\"p\",\"breaks\":[1,5]},{\"name\":\"q\",\"breaks\":[1,5]}]", "/variables/1/groupings/1/breaks", "the same breaks"},
        {"\"type\":\"date\",\"groupings\":[{\"name\":\"p\",\"breaks\":[\"2020-01-01\",\"2020\"]}]", "/variables/1/groupings/0/breaks/1", "YYYY-MM-DD"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dictionary *d CLEANUP(dictionary_freep) = NULL;
        struct why why = {0};
        result r = read_as("", rows[i].region, &d, &why);
        if (r.code != MALFORMED || strcmp(why.field, rows[i].field) != 0 || !strstr(why.text, rows[i].says)) {
            print_error("row %zu: %s at %s: %s\n", i, status_name(r.code), why.field, why.text);
            fail();
        }
        assert_null(d);
    }
}

static result ask(const struct dictionary *d, const char *where, const char *statistic, struct question **ret, struct why *why)
{
    char text[16384];
    struct json *v CLEANUP(json_freep) = NULL;
    (void)snprintf(text, sizeof text, "{\"innsyn\":\"question/1\",\"dataset\":\"d\",\"where\":{%s},\"statistic\":{%s}}", where, statistic);
    assert_ok(json_parse(slice_str(text), sizeof text, &v, NULL));
    return question_read(v, d, ret, why);
}

/* want: with %P and %H for the definitions of part and half. */
static void same(const struct dictionary *d, const char *where, const char *statistic, const char *wanted)
{
    char want[1024];
    size_t len = 0;
    const struct variable *region = &d->variables[dictionary_find(d, slice_str("region"))];
    for (const char *at = wanted; *at; at++) {
        if (*at != '%') {
            want[len++] = *at;
            continue;
        }
        hash_print(&variable_find_grouping(region, slice_str(*++at == 'P' ? "part" : "half"))->definition, want + len);
        len += 2 * HASH_LEN;
    }
    want[len] = '\0';
    struct question *q CLEANUP(question_freep) = NULL, *again CLEANUP(question_freep) = NULL;
    struct json *canonical CLEANUP(json_freep) = NULL;
    struct why why = {0};
    if (!is_ok(ask(d, where, statistic, &q, &why)))
        fail_msg("%s %s: %s: %s", where, statistic, why.field, why.text);
    if (q->canonical.len != strlen(want) || memcmp(q->canonical.at, want, q->canonical.len) != 0)
        fail_msg("%.*s\nis not\n%s", SLICE_ARG(buffer_slice(&q->canonical)), want);
    assert_ok(json_parse(buffer_slice(&q->canonical), QUESTION_BYTES_MAX, &canonical, NULL));
    assert_ok(question_read(canonical, d, &again, &why));
    assert_true(hash_equal(&q->hash, &again->hash));
}

#define HEAD "{\"dataset\":\"d\",\"innsyn\":\"question/1\",\"statistic\":"
#define COUNT_STATISTIC "\"count\":{}"

static void what_asks_the_same_has_the_same_bytes(void **state)
{
    (void)state;
    struct dictionary *d CLEANUP(dictionary_freep) = good("");
    same(d, "", "\"table\":{\"by\":[{\"grouping\":\"part\",\"variable\":\"region\"},\"sex\"]}",
         HEAD "{\"table\":{\"by\":[{\"definition\":\"%P\",\"grouping\":\"part\",\"variable\":\"region\"},\"sex\"]}}}");
    same(d, "", "\"summary\":{\"by\":{\"variable\":\"region\",\"grouping\":\"half\"},\"variables\":[\"age\"]}",
         HEAD "{\"summary\":{\"by\":{\"definition\":\"%H\",\"grouping\":\"half\",\"variable\":\"region\"},\"variables\":[\"age\"]}}}");
    /* Named breaks are those breaks, on the grid or not; other cuts keep to the grid. */
    same(d, "", "\"table\":{\"by\":[{\"variable\":\"age\",\"grouping\":\"twenties\"}]}",
         HEAD "{\"table\":{\"by\":[{\"breaks\":[0,20,40],\"variable\":\"age\"}]}}}");
    same(d, "", "\"histogram\":{\"variable\":\"age\",\"grouping\":\"decades\"}",
         HEAD "{\"histogram\":{\"breaks\":[0,10,20,30,40],\"variable\":\"age\"}}}");
    same(d, "", "\"histogram\":{\"variable\":\"x\",\"grouping\":\"tenths\"}", HEAD "{\"histogram\":{\"breaks\":[0,0.1,0.25],\"variable\":\"x\"}}}");
    same(d, "", "\"histogram\":{\"variable\":\"x\",\"breaks\":[0,0.1,0.25]}", HEAD "{\"histogram\":{\"breaks\":[0,0.1,0.25],\"variable\":\"x\"}}}");
    /* Boxes take groups by their codes and keep levels. */
    same(d, "\"region\":[\"north\"]", COUNT_STATISTIC, HEAD "{\"count\":{}},\"where\":{\"region\":[\"a\",\"b\"]}}");
    same(d, "\"region\":[\"upper\",\"b\",\"c\"]", COUNT_STATISTIC, HEAD "{\"count\":{}},\"where\":{\"region\":[\"a\",\"b\",\"c\"]}}");
    same(d, "\"region\":[\"south\",\"f\",null]", COUNT_STATISTIC, HEAD "{\"count\":{}},\"where\":{\"region\":[\"d\",\"E\",\"f\",null]}}");
    same(d, "\"region\":[\"south\",\"c\",null,\"north\"]", COUNT_STATISTIC, HEAD "{\"count\":{}}}");
    same(d, "\"region\":[\"north\"]", "\"table\":{\"by\":[{\"variable\":\"region\",\"grouping\":\"half\"}]}",
         HEAD "{\"table\":{\"by\":[{\"definition\":\"%H\",\"grouping\":\"half\",\"variable\":\"region\"}]}},\"where\":{\"region\":[\"a\",\"b\"]}}");
}

static void other_groups_are_not_to_be_had(void **state)
{
    (void)state;
    struct dictionary *d CLEANUP(dictionary_freep) = good("");
    static const struct {
        const char *where, *statistic, *code, *field, *says;
    } rows[] = {
        {"", "\"table\":{\"by\":[{\"variable\":\"region\",\"groups\":[[\"a\",\"c\"]]}]}", "unknown_field", "/statistic/table/by/0/groups", "grouping"},
        {"", "\"table\":{\"by\":[{\"variable\":\"region\",\"grouping\":[[\"a\"]]}]}", NULL, "/statistic/table/by/0/grouping", ""},
        {"", "\"table\":{\"by\":[{\"variable\":\"region\",\"grouping\":\"parts\"}]}", "unknown_grouping", "/statistic/table/by/0/grouping", "it has part, half"},
        {"", "\"table\":{\"by\":[{\"variable\":\"sex\",\"grouping\":\"part\"}]}", "unknown_grouping", "/statistic/table/by/0/grouping", "no groupings are registered for 'sex'"},
        {"", "\"table\":{\"by\":[{\"variable\":\"age\",\"grouping\":\"twenties\",\"breaks\":[0,1]}]}", NULL, "/statistic/table/by/0", "not both"},
        {"", "\"table\":{\"by\":[{\"variable\":\"region\",\"grouping\":\"part\"},\"region\"]}", NULL, "/statistic/table/by/1", "already"},
        {"", "\"summary\":{\"variables\":[\"age\"],\"by\":{\"variable\":\"age\",\"grouping\":\"decades\"}}", NULL, "/statistic/summary/by", "category"},
        {"", "\"summary\":{\"variables\":[\"age\"],\"by\":{\"variable\":\"region\"}}", NULL, "/statistic/summary/by/grouping", ""},
        {"", "\"summary\":{\"variables\":[\"age\"],\"by\":{\"variable\":\"region\",\"grouping\":\"x\"}}", "unknown_grouping", "/statistic/summary/by/grouping", "part"},
        {"", "\"table\":{\"by\":[{\"variable\":\"region\",\"grouping\":\"part\",\"definition\":\"00\"}]}", "unknown_grouping", "/statistic/table/by/0/grouping", "other groups here"},
        {"", "\"table\":{\"by\":[{\"variable\":\"region\",\"definition\":\"00\"}]}", NULL, "/statistic/table/by/0", "not both"},
        {"", "\"summary\":{\"variables\":[\"age\"],\"by\":{\"variable\":\"region\",\"grouping\":\"half\",\"definition\":\"00\"}}", "unknown_grouping",
         "/statistic/summary/by/grouping", "other groups here"},
        {"", "\"histogram\":{\"variable\":\"region\",\"grouping\":\"part\"}", NULL, "/statistic/histogram/grouping", "a table"},
        {"", "\"histogram\":{\"variable\":\"age\",\"grouping\":\"decades\",\"breaks\":[1,2]}", NULL, "/statistic/histogram", "not both"},
        {"", "\"histogram\":{\"variable\":\"x\",\"breaks\":[0,0.25]}", "off_grid", "/statistic/histogram/breaks/0", "no public grid"},
        {"\"region\":[\"west\"]", COUNT_STATISTIC, "unknown_level", "/where/region/0", "no level or group 'west'"},
        {"\"region\":[\"part\"]", COUNT_STATISTIC, "unknown_level", "/where/region/0", "no level or group"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct question *q CLEANUP(question_freep) = NULL;
        struct why why = {0};
        result r = ask(d, rows[i].where, rows[i].statistic, &q, &why);
        if (r.code != MALFORMED || strcmp(why.field, rows[i].field) != 0 || !strstr(why.text, rows[i].says) ||
            (rows[i].code && (!why.code || strcmp(why.code, rows[i].code) != 0))) {
            print_error("row %zu: %s (%s) at %s: %s\n", i, status_name(r.code), why.code ? why.code : "-", why.field, why.text);
            fail();
        }
    }
}

static void box_of(const struct question *q, int slot, char to[256])
{
    struct buffer box CLEANUP(buffer_done) = {0};
    int index[TABLE_DIMENSIONS_MAX] = {slot, CELL_FREE, CELL_FREE, CELL_FREE};
    buffer_init(&box, 255);
    assert_ok(question_cell_box(q, index, &box, NULL));
    (void)snprintf(to, 256, "%.*s", SLICE_ARG(buffer_slice(&box)));
}

/* A group's cell is the set of its levels, however it is asked: so a group of one level has that level's noise. */
static void a_group_is_the_set_of_its_levels(void **state)
{
    (void)state;
    struct dictionary *d CLEANUP(dictionary_freep) = good("");
    struct question *q CLEANUP(question_freep) = NULL, *levels CLEANUP(question_freep) = NULL, *half CLEANUP(question_freep) = NULL,
                    *narrowed CLEANUP(question_freep) = NULL;
    char one[256], two[256];
    assert_ok(ask(d, "", "\"table\":{\"by\":[{\"variable\":\"region\",\"grouping\":\"part\"}]}", &q, NULL));
    assert_ok(ask(d, "", "\"table\":{\"by\":[{\"variable\":\"region\",\"grouping\":\"half\"}]}", &half, NULL));
    assert_ok(ask(d, "", "\"table\":{\"by\":[\"region\"]}", &levels, NULL));
    assert_ok(ask(d, "\"region\":[\"f\",\"a\",\"d\",null]", "\"table\":{\"by\":[{\"variable\":\"region\",\"grouping\":\"part\"}]}", &narrowed, NULL));
    assert_int_equal(question_cells(q), 3);
    static const struct {
        int slot;
        const char *want, *narrowed;
    } rows[] = {{0, "region=a,b", "region=a"},      {1, "region=c", "region="},   {2, "region=E,d,f", "region=d,f"},
                {3, "region=", "region="},          {4, "region=", "region="},    {5, "region=?", "region=?"},
                {CELL_FREE, "", "region=a,d,f,?"}, {CELL_INSIDE, "region=E,a,b,c,d,f", "region=a,d,f"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        box_of(q, rows[i].slot, one);
        assert_string_equal(one, rows[i].want);
        box_of(narrowed, rows[i].slot, one);
        assert_string_equal(one, rows[i].narrowed);
    }
    box_of(q, 1, one);
    box_of(levels, 2, two);
    assert_string_equal(one, two);
    box_of(q, 2, one);
    box_of(half, 1, two);
    assert_string_equal(one, two);
}

/* Any mixture of codes of levels and groups asks what the levels alone ask. */
static void random_mixtures(void **state)
{
    (void)state;
    struct dictionary *d CLEANUP(dictionary_freep) = good("");
    static const char *const codes[] = {"a", "b", "c", "d", "E", "f", "north", "upper", "south"};
    static const unsigned holds[] = {1, 2, 4, 8, 16, 32, 3, 7, 56};
    uint64_t seed = 4711;
    for (unsigned round = 0; round < 2000; round++) {
        char mixed[512] = "", plain[512] = "";
        unsigned set = 0, count = 0;
        size_t n = 0, m = 0;
        do {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            unsigned i = (unsigned)(seed >> 33) % COUNT_OF(codes);
            n += (size_t)snprintf(mixed + n, sizeof mixed - n, "%s\"%s\"", count++ ? "," : "\"region\":[", codes[i]);
            set |= holds[i];
        } while (seed >> 62);
        (void)snprintf(mixed + n, sizeof mixed - n, "]");
        for (unsigned l = 0; l < 6; l++)
            if (set >> l & 1)
                m += (size_t)snprintf(plain + m, sizeof plain - m, "%s\"%s\"", m ? "," : "\"region\":[", codes[l]);
        (void)snprintf(plain + m, sizeof plain - m, "]");
        struct question *q CLEANUP(question_freep) = NULL, *p CLEANUP(question_freep) = NULL;
        assert_ok(ask(d, mixed, COUNT_STATISTIC, &q, NULL));
        assert_ok(ask(d, plain, COUNT_STATISTIC, &p, NULL));
        assert_true(hash_equal(&q->hash, &p->hash));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hierarchy_is_read),
        cmocka_unit_test(refusals_name_member_rule_and_remedy),
        cmocka_unit_test(what_asks_the_same_has_the_same_bytes),
        cmocka_unit_test(other_groups_are_not_to_be_had),
        cmocka_unit_test(a_group_is_the_set_of_its_levels),
        cmocka_unit_test(random_mixtures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
