/* Results as people see them: every statistic, both protections, golden texts.  The documents here are
 * what the API sends; the texts are what a terminal of 60 columns shows. */
#include "tests/unit/check.h"

#include <locale.h>

#include "client/clean_text.h"
#include "client/problem.h"
#include "client/show/result_render.h"
#include "client/show/table_print.h"

static const char dictionary_text[] =
    "{\"variables\":["
    "{\"name\":\"sex\",\"label\":\"sex\",\"type\":\"category\",\"unit\":null,\"levels\":[{\"code\":\"0\",\"label\":\"female\"},{\"code\":\"1\",\"label\":\"male\"}]},"
    "{\"name\":\"age\",\"label\":\"age\",\"type\":\"integer\",\"unit\":\"years\"},"
    "{\"name\":\"cp\",\"label\":\"chest pain\",\"type\":\"category\",\"levels\":[{\"code\":\"1\",\"label\":\"typical\"},{\"code\":\"2\",\"label\":\"br\\u00f8sk\"}]}]}";

static struct json *parse(const char *text)
{
    struct json *v = NULL;
    struct why why = {0};
    if (json_parse(slice_str(text), JSON_BYTES_MAX, &v, &why).code != OK)
        print_error("%s\n", why.text);
    assert_non_null(v);
    return v;
}

static void renders(const char *document_text, bool utf8, const char *want)
{
    struct why why = {0};
    struct json *document CLEANUP(json_freep) = parse(document_text), *dictionary CLEANUP(json_freep) = parse(dictionary_text);
    struct buffer got CLEANUP(buffer_done) = {0};
    buffer_init(&got, 1 << 20);
    struct render_options options = {utf8, 60};
    result r = result_render(document, dictionary, &options, &got, &why);
    if (r.code != OK || !slice_is(buffer_slice(&got), want))
        print_error("%s %s\ngot:\n%.*s\nwant:\n%s\n", status_name(r.code), why.text, SLICE_ARG(buffer_slice(&got)), want);
    assert_int_equal(r.code, OK);
    assert_true(slice_is(buffer_slice(&got), want));
}

#define OPEN "\"protection\":{\"profile\":\"open\",\"noise_sd_per_site\":null,\"withheld\":[],\"budget\":null}"
#define CK(withheld) "\"protection\":{\"profile\":\"ck\",\"noise_sd_per_site\":2.65,\"withheld\":" withheld ",\"budget\":null}"
#define TWO_SITES "\"sites\":[{\"site\":\"a\",\"status\":\"answered\"},{\"site\":\"b\",\"status\":\"answered\"}]"
#define DOCUMENT(rest) "{\"innsyn\":\"result/1\",\"question\":{\"dataset\":\"heart\"}," rest "}"

static void a_count_is_a_sentence(void **state)
{
    (void)state;
    renders(DOCUMENT(OPEN "," TWO_SITES ",\"result\":{\"count\":920}"), true,
            "920 persons in heart (2 of 2 sites).\n\n"
            "No protection: the dataset is public (profile open).\n");
    renders(DOCUMENT(OPEN "," TWO_SITES ",\"result\":{\"count\":0}"), true,
            "0 persons in heart (2 of 2 sites).\n\n"
            "No protection: the dataset is public (profile open).\n");
}

static void a_protected_count_says_its_noise(void **state)
{
    (void)state;
    renders(DOCUMENT(CK("[]") "," TWO_SITES ",\"result\":{\"count\":917}"), true,
            "About 917 persons in heart (2 of 2 sites; noise with standard deviation 3.7).\n\n"
            "Protected (profile ck): every figure carries its own noise, standard deviation 2.65 a site; margins do not add up.\n");
    renders(DOCUMENT(CK("[]") "," TWO_SITES ",\"result\":{\"count\":0}"), true,
            "Fewer than 5 persons at each site in heart (2 of 2 sites; noise with standard deviation 3.7).\n\n"
            "Protected (profile ck): every figure carries its own noise, standard deviation 2.65 a site; margins do not add up.\n"
            "<5  published as 0: a small number or none\n");
}

#define CROSS                                                                                                          \
    "\"result\":{\"dimensions\":[{\"variable\":\"sex\",\"levels\":[\"0\",\"1\"]},{\"variable\":\"age\",\"breaks\":[40,50,60]}]," \
    "\"cells\":[12,0,null,40],\"margins\":{\"sex\":[13,44],\"age\":[15,null]},\"total\":57,\"n_missing\":0}"

static void a_table_has_labels_and_margins(void **state)
{
    (void)state;
    renders(DOCUMENT(OPEN "," TWO_SITES "," CROSS), true,
            "Persons; columns: age (years)\n"
            "sex     [40,50)  [50,60]  total\n"
            "female       12        0     13\n"
            "male          \u00b7       40     44\n"
            "total        15        \u00b7     57\n"
            "Without a value: 0\n\n"
            "No protection: the dataset is public (profile open).\n"
            "\u00b7   withheld: the group, or a group it would reveal, is too small\n");
}

static void protection_shows_in_the_cells(void **state)
{
    (void)state;
    renders(DOCUMENT(CK("[{\"cell\":3,\"sites\":[\"b\"]},{\"margin\":1,\"cell\":0,\"sites\":[\"b\"]},{\"total\":true,\"sites\":[\"b\"]}]") "," TWO_SITES "," CROSS), false,
            "Persons; columns: age (years)\n"
            "sex     [40,50)  [50,60]  total\n"
            "female       12       <5     13\n"
            "male          .      40*     44\n"
            "total       15*        .    57*\n"
            "Without a value: <5\n\n"
            "Protected (profile ck): every figure carries its own noise, standard deviation 2.65 a site; margins do not add up.\n"
            "<5  published as 0: a small number or none\n"
            ".   withheld: the group, or a group it would reveal, is too small\n"
            "*   some sites withheld this figure; the sum of the others is shown\n");
}

static void one_dimension_is_a_list(void **state)
{
    (void)state;
    renders(DOCUMENT(OPEN "," TWO_SITES ",\"result\":{\"dimensions\":[{\"variable\":\"cp\",\"levels\":[\"1\",\"2\",\"9\"]}],\"cells\":[3,4,5],\"total\":12,\"n_missing\":2}"), true,
            "chest pain  persons\n"
            "typical           3\n"
            "br\u00f8sk             4\n"
            "9                 5\n"
            "total            12\n"
            "Without a value: 2\n\n"
            "No protection: the dataset is public (profile open).\n");
}

static void three_dimensions_keep_every_margin(void **state)
{
    (void)state;
    renders(DOCUMENT(OPEN "," TWO_SITES ",\"result\":{\"dimensions\":[{\"variable\":\"sex\",\"levels\":[\"0\",\"1\"]},{\"variable\":\"cp\",\"levels\":[\"1\",\"2\"]},"
                     "{\"variable\":\"age\",\"breaks\":[40,50,60]}],\"cells\":[1,2,3,4,5,6,7,8],\"margins\":{\"sex\":[10,26],\"cp\":[14,22],\"age\":[16,20]},\"total\":36,\"n_missing\":0}"),
            true,
            "Persons; columns: age (years)\n"
            "sex     chest pain  [40,50)  [50,60]\n"
            "female  typical           1        2\n"
            "female  br\u00f8sk             3        4\n"
            "male    typical           5        6\n"
            "male    br\u00f8sk             7        8\n"
            "total                    16       20\n"
            "\n"
            "sex     persons\n"
            "female       10\n"
            "male         26\n"
            "\n"
            "chest pain  persons\n"
            "typical          14\n"
            "br\u00f8sk            22\n"
            "Total: 36\n"
            "Without a value: 0\n\n"
            "No protection: the dataset is public (profile open).\n");
}

static void a_summary_is_a_table(void **state)
{
    (void)state;
    renders(DOCUMENT(OPEN "," TWO_SITES ",\"result\":{\"variables\":[{\"variable\":\"age\",\"n\":920,\"n_missing\":0,\"mean\":53.51087,\"variance\":88.81,\"sd\":9.424,\"quantiles\":[{\"p\":0.5,\"value\":54}]}]}"), true,
            "variable       n  missing     mean     sd  variance  50%\n"
            "age (years)  920        0  53.5109  9.424     88.81   54\n\n"
            "No protection: the dataset is public (profile open).\n");
}

static void quantiles_say_how_they_were_made(void **state)
{
    (void)state;
    renders(DOCUMENT(OPEN "," TWO_SITES ",\"result\":{\"variables\":[{\"variable\":\"age\",\"n\":920,\"n_missing\":0,\"mean\":53.5,\"variance\":88.81,\"sd\":9.424,\"quantiles\":[{\"p\":0.5,\"value\":54}],"
                     "\"quantiles_from\":{\"form\":\"values\",\"n\":920}}]}"), true,
            "variable       n  missing  mean     sd  variance  50%\n"
            "age (years)  920        0  53.5  9.424     88.81   54\n"
            "Quantiles of age: exact, over all sites (type 7)\n\n"
            "No protection: the dataset is public (profile open).\n");
    renders(DOCUMENT("\"protection\":{\"profile\":\"ck\",\"noise_sd_per_site\":2.65,\"withheld\":[{\"variable\":\"age\",\"quantiles\":true,\"sites\":[\"va\"]},"
                     "{\"variable\":\"age\",\"quantile_cells\":true,\"sites\":[\"cleveland\"]}],\"budget\":null}," TWO_SITES
                     ",\"result\":{\"variables\":[{\"variable\":\"age\",\"n\":151,\"n_missing\":7,\"mean\":53.5,\"variance\":88.8,\"sd\":9.42,\"quantiles\":[{\"p\":0.01,\"value\":null,\"why\":\"few_persons\"},{\"p\":0.5,\"value\":53.7}],"
                     "\"quantiles_from\":{\"form\":\"cells\",\"n\":149,\"width\":5}}]}"), true,
            "variable       n  missing  mean    sd  variance  1%   50%\n"
            "age (years)  151        7  53.5  9.42      88.8   -  53.7\n"
            "Quantiles of age: read from counts in cells of width 5, between their edges by linear interpolation\n\n"
            "Protected (profile ck): every figure carries its own noise, standard deviation 2.65 a site; margins do not add up.\n"
            "-   a quantile needs 10 persons on either side, by the published counts: n x min(p, 1 - p)\n"
            "Quantiles of age: withheld by va\n"
            "Quantiles of age: cells of few persons count as nobody at cleveland\n");
}

static void a_histogram_is_bars(void **state)
{
    (void)state;
    static const char document[] = DOCUMENT(OPEN "," TWO_SITES ",\"result\":{\"variable\":\"age\",\"breaks\":[20,40,60,80],\"counts\":[10,80,45],\"below\":0,\"above\":3,\"n_missing\":2}");
    renders(document, true,
            "age (years)\n"
            "[20,40)  10  \u2588\u2588\u2588\u2588\u2588\u2589\n"
            "[40,60)  80  \u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\n"
            "[60,80]  45  \u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u258c\n"
            "Above the last break: 3\n"
            "Without a value: 2\n\n"
            "No protection: the dataset is public (profile open).\n");
    renders(document, false,
            "age (years)\n"
            "[20,40)  10  ######\n"
            "[40,60)  80  ###############################################\n"
            "[60,80]  45  ##########################\n"
            "Above the last break: 3\n"
            "Without a value: 2\n\n"
            "No protection: the dataset is public (profile open).\n");
}

static void sites_that_are_missing_are_named(void **state)
{
    (void)state;
    renders(DOCUMENT(OPEN ",\"sites\":[{\"site\":\"a\",\"status\":\"answered\"},{\"site\":\"b\",\"status\":\"refused\",\"reason\":{\"class\":\"paused\",\"code\":\"paused\",\"text\":\"the site is paused\"}},"
                     "{\"site\":\"c\",\"status\":\"missing\"}],\"result\":{\"count\":1},\"by_site\":{\"a\":{\"count\":1}}"),
            true,
            "1 person in heart (1 of 3 sites).\n\n"
            "At a:\n1 person.\n\n"
            "No protection: the dataset is public (profile open).\n"
            "Site b: refused, the site is paused [paused]\n"
            "Site c: missing\n");
}

static void a_document_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        DOCUMENT(OPEN "," TWO_SITES ",\"result\":{\"dimensions\":[{\"variable\":\"sex\",\"levels\":[\"0\",\"1\"]}],\"cells\":[1]}"),
        DOCUMENT(OPEN "," TWO_SITES ",\"result\":{\"dimensions\":[],\"cells\":[1]}"),
        DOCUMENT(OPEN "," TWO_SITES ",\"result\":{\"variable\":\"age\",\"breaks\":[1,2],\"counts\":[1,2]}"),
        DOCUMENT(OPEN "," TWO_SITES ",\"result\":{\"oracle\":1}"),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct why why = {0};
        struct json *document CLEANUP(json_freep) = parse(bad[i]);
        struct buffer got CLEANUP(buffer_done) = {0};
        buffer_init(&got, 1 << 20);
        struct render_options options = {true, 60};
        assert_status(result_render(document, NULL, &options, &got, &why), MALFORMED);
        assert_true(why.field[0] == '/');
    }
}

static void a_peers_text_cannot_move_the_cursor(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain \u00e6\u00f8\u00e5", "plain \u00e6\u00f8\u00e5"},
        {"\033[2J", "\\x1b[2J"},
        {"a\r\nb\t", "a\\x0d\\x0ab\\x09"},
        {"\177", "\\x7f"},
        {"\xc2\x9b" "31m", "\\u{009b}31m"},
        {"\u202egpj", "\\u{202e}gpj"},
        {"\u200b", "\\u{200b}"},
        {"\xff\xc0\x80", "\\xff\\xc0\\x80"},
        {"\xe2\x82", "\\xe2\\x82"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer got CLEANUP(buffer_done) = {0};
        buffer_init(&got, 4096);
        assert_ok(clean_text(slice_str(cases[i].in), &got, NULL));
        assert_slice(buffer_slice(&got), cases[i].out);
    }
    struct buffer got CLEANUP(buffer_done) = {0};
    buffer_init(&got, 4096);
    assert_ok(clean_json(slice_str("{\"a\":\"\xc2\x9b\177\u00f8\"}"), &got, NULL));
    assert_slice(buffer_slice(&got), "{\"a\":\"\\u009b\\u007f\u00f8\"}");
}

static void a_refusal_says_what_to_do_next(void **state)
{
    (void)state;
    struct json *problem CLEANUP(json_freep) = parse("{\"type\":\"urn:innsyn:problem:off_grid\",\"title\":\"Off the grid\",\"detail\":\"41.5 is not a cut of age\",\"status\":422,"
                                                     "\"code\":\"off_grid\",\"class\":\"grammar\",\"field\":\"/where/age/from\",\"params\":{},\"allowed\":[41,42]}");
    struct buffer got CLEANUP(buffer_done) = {0};
    enum exit_code code;
    buffer_init(&got, 4096);
    assert_ok(problem_render(problem, 422, "r-1\033[2J", &got, &code, NULL));
    assert_int_equal(code, EXIT_REFUSED);
    assert_slice(buffer_slice(&got), "innsyn: refused: 41.5 is not a cut of age\n"
                                     "  code     off_grid\n"
                                     "  class    grammar\n"
                                     "  field    /where/age/from\n"
                                     "  allowed  [41,42]\n"
                                     "  next     use cuts on the variable's grid: innsyn catalogue DATASET\n"
                                     "  request  r-1\\x1b[2J\n");
    buffer_clear(&got);
    assert_ok(problem_render(NULL, 502, "", &got, &code, NULL));
    assert_int_equal(code, EXIT_UNREACHABLE);
    assert_slice(buffer_slice(&got), "innsyn: the server answered 502 without saying why\n");
}

int main(void)
{
    /* Widths follow the locale; without a UTF-8 one the golden texts would not line up. */
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_count_is_a_sentence),
        cmocka_unit_test(a_protected_count_says_its_noise),
        cmocka_unit_test(a_table_has_labels_and_margins),
        cmocka_unit_test(protection_shows_in_the_cells),
        cmocka_unit_test(one_dimension_is_a_list),
        cmocka_unit_test(three_dimensions_keep_every_margin),
        cmocka_unit_test(a_summary_is_a_table),
        cmocka_unit_test(quantiles_say_how_they_were_made),
        cmocka_unit_test(a_histogram_is_bars),
        cmocka_unit_test(sites_that_are_missing_are_named),
        cmocka_unit_test(a_document_that_contradicts_itself_is_refused),
        cmocka_unit_test(a_peers_text_cannot_move_the_cursor),
        cmocka_unit_test(a_refusal_says_what_to_do_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
