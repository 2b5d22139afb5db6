#include "client/command.h"

#include <stdio.h>

#include "client/clean_text.h"
#include "client/show/condition_words.h"
#include "client/show/dcat.h"
#include "client/show/table_print.h"
#include "proto/json_number.h"

enum { LEVELS_SHOWN_MAX = 12 };

/* " (303 persons)", where the site publishes how many. */
static result persons_words(const struct json *persons, struct buffer *to, struct why *why)
{
    static const struct {
        const char *key, *word;
    } forms[] = {{"count", ""}, {"about", "about "}, {"below", "fewer than "}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (json_get(persons, forms[i].key))
            return buffer_printf(to, why, " (%s%lld persons)", forms[i].word, (long long)json_integer(json_get(persons, forms[i].key)));
    return DONE;
}

/* Sites and their editions, or just the names of sites given as texts. */
static result site_names(const struct json *sites, struct buffer *to, struct why *why)
{
    for (size_t i = 0; i < json_size(sites); i++) {
        const struct json *s = json_item(sites, i);
        if (i > 0)
            TRY(buffer_add_str(to, ", ", why));
        TRY(buffer_add(to, json_kind(s) == JSON_STRING ? json_text(s) : json_text(json_get(s, "site")), why));
        TRY(persons_words(json_get(s, "persons"), to, why));
    }
    return DONE;
}

static result number(struct buffer *to, const struct json *v, struct why *why)
{
    char text[JSON_NUMBER_TEXT_SIZE];
    if (json_kind(v) == JSON_STRING)
        return buffer_add(to, json_text(v), why);
    json_number_text(json_number(v), text);
    return buffer_add_str(to, text, why);
}

/* "0 female, 1 male", or the grid and the clamps: what a question may say of this variable. */
static result values_of(const struct json *variable, struct buffer *to, struct why *why)
{
    const struct json *levels = json_get(variable, "levels"), *grid = json_get(variable, "grid"), *clamps = json_get(variable, "clamps");
    for (size_t i = 0; i < json_size(levels) && i < LEVELS_SHOWN_MAX; i++) {
        struct slice code = json_text(json_get(json_item(levels, i), "code")), label = json_text(json_get(json_item(levels, i), "label"));
        if (i > 0)
            TRY(buffer_add_str(to, ", ", why));
        TRY(buffer_add(to, code, why));
        if (label.len > 0 && !slice_equal(label, code)) {
            TRY(buffer_add_byte(to, ' ', why));
            TRY(buffer_add(to, label, why));
        }
    }
    if (json_size(levels) > LEVELS_SHOWN_MAX)
        TRY(buffer_printf(to, why, ", ... (%zu levels)", json_size(levels)));
    if (json_kind(grid) == JSON_OBJECT) {
        TRY(buffer_add_str(to, "cuts every ", why));
        TRY(number(to, json_get(grid, "step"), why));
        TRY(buffer_add_str(to, " from ", why));
        TRY(number(to, json_get(grid, "origin"), why));
    }
    if (json_size(clamps) == 2) {
        TRY(buffer_add_str(to, to->len > 0 ? ", within " : "within ", why));
        TRY(number(to, json_item(clamps, 0), why));
        TRY(buffer_add_str(to, " to ", why));
        TRY(number(to, json_item(clamps, 1), why));
    }
    return DONE;
}

/* A text, or the English one of two. */
static struct slice label_of(const struct json *v)
{
    return json_text(json_kind(v) == JSON_OBJECT ? json_get(v, "en") : v);
}

/* "region by part (Part of the country): north, c, south": what `by` may name. */
static result groupings_of(const struct json *variables, struct buffer *to, struct why *why)
{
    bool first = true;
    for (size_t i = 0; i < json_size(variables); i++) {
        const struct json *v = json_item(variables, i), *groupings = json_get(v, "groupings");
        for (size_t k = 0; k < json_size(groupings); k++) {
            const struct json *g = json_item(groupings, k), *cells = json_get(g, "groups");
            struct slice label = label_of(json_get(g, "label"));
            TRY(buffer_printf(to, why, "%s", first ? "\ngroupings (\"by\": {\"variable\", \"grouping\"}):\n" : ""));
            first = false;
            TRY(buffer_printf(to, why, "  %.*s by %.*s%s", SLICE_ARG(json_text(json_get(v, "name"))), SLICE_ARG(json_text(json_get(g, "name"))),
                              label.len ? " (" : ""));
            TRY(clean_text(label, to, why));
            TRY(buffer_add_str(to, label.len ? "): " : ": ", why));
            if (!cells)
                cells = json_get(g, "breaks");
            for (size_t c = 0; c < json_size(cells) && c < LEVELS_SHOWN_MAX; c++) {
                const struct json *cell = json_item(cells, c);
                TRY(buffer_add_str(to, c ? ", " : "", why));
                if (json_kind(cell) == JSON_OBJECT)
                    TRY(clean_text(json_text(json_get(cell, "code")), to, why));
                else
                    TRY(number(to, cell, why));
            }
            TRY(buffer_add_str(to, json_size(cells) > LEVELS_SHOWN_MAX ? ", ...\n" : "\n", why));
        }
    }
    return DONE;
}

static result conditions_of(const struct json *dictionary, struct buffer *to, struct why *why)
{
    struct use_conditions c;
    TRY(use_conditions_read(json_get(dictionary, "use_conditions"), "/dictionary/use_conditions", false, &c, why));
    for (unsigned i = 0; i < c.count; i++) {
        TRY(buffer_add_str(to, i ? "             " : "may be used: ", why));
        TRY(condition_words(&c.at[i], to, why));
        TRY(buffer_add_byte(to, '\n', why));
    }
    return DONE;
}

static result dataset_page(const struct json *d, struct buffer *to, struct why *why)
{
    static const char *const titles[] = {"variable", "type", "unit", "label", "values"};
    const struct json *variables = json_get(json_get(d, "dictionary"), "variables");
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 16 * 1024);
    TRY(site_names(json_get(d, "sites"), &text, why));
    TRY(clean_text(json_text(json_get(d, "dataset")), to, why));
    TRY(buffer_add_str(to, ": ", why));
    TRY(clean_text(json_text(json_get(d, "title")), to, why));
    TRY(buffer_add_str(to, "\nprofile ", why));
    TRY(clean_text(json_text(json_get(d, "profile")), to, why));
    TRY(buffer_add_str(to, "; sites ", why));
    TRY(clean_text(buffer_slice(&text), to, why));
    TRY(buffer_add_byte(to, '\n', why));
    TRY(conditions_of(json_get(d, "dictionary"), to, why));
    TRY(buffer_add_byte(to, '\n', why));
    struct table *t CLEANUP(table_freep) = NULL;
    TRY(table_new(&t, why));
    for (size_t i = 0; i < 5; i++)
        TRY(table_column(t, slice_str(titles[i]), ALIGN_LEFT, why));
    for (size_t i = 0; i < json_size(variables); i++) {
        const struct json *v = json_item(variables, i);
        buffer_clear(&text);
        TRY(table_row(t, why));
        TRY(table_cell(t, json_text(json_get(v, "name")), why));
        TRY(table_cell(t, json_text(json_get(v, "type")), why));
        TRY(table_cell(t, json_text(json_get(v, "unit")), why));
        TRY(table_cell(t, json_text(json_get(v, "label")), why));
        TRY(values_of(v, &text, why));
        TRY(table_cell(t, buffer_slice(&text), why));
    }
    TRY(table_print(t, true, to, why));
    return groupings_of(variables, to, why);
}

static result catalogue_page(const struct json *items, struct buffer *to, struct why *why)
{
    static const char *const titles[] = {"dataset", "title", "profile", "sites"};
    struct table *t CLEANUP(table_freep) = NULL;
    TRY(table_new(&t, why));
    for (size_t i = 0; i < 4; i++)
        TRY(table_column(t, slice_str(titles[i]), ALIGN_LEFT, why));
    for (size_t i = 0; i < json_size(items); i++) {
        const struct json *d = json_item(items, i);
        struct buffer sites CLEANUP(buffer_done) = {0};
        buffer_init(&sites, 16 * 1024);
        TRY(site_names(json_get(d, "sites"), &sites, why));
        TRY(table_row(t, why));
        TRY(table_cell(t, json_text(json_get(d, "dataset")), why));
        TRY(table_cell(t, json_text(json_get(d, "title")), why));
        TRY(table_cell(t, json_text(json_get(d, "profile")), why));
        TRY(table_cell(t, buffer_slice(&sites), why));
    }
    return table_print(t, true, to, why);
}

static result read_entry(const struct json *entry, struct dictionary **ret, struct why *why)
{
    struct json *tree CLEANUP(json_freep) = json_copy(json_get(entry, "dictionary"));
    return dictionary_read(tree, NULL, PROFILE_CK, ret, why);
}

/* The whole catalogue, or one dataset of it (one != NULL), as JSON-LD. */
static int print_dcat(struct client *c, const struct json *one, const struct json *items)
{
    struct why why = {0};
    struct json *datasets = json_array(), *document CLEANUP(json_freep) = NULL;
    for (size_t i = 0; i < (one ? 1 : json_size(items)); i++) {
        struct json *entry CLEANUP(json_freep) = NULL;
        struct dictionary *d CLEANUP(dictionary_freep) = NULL;
        char path[CALL_PATH_MAX];
        int code = EXIT_DONE;
        (void)snprintf(path, sizeof path, "/v1/catalogue/%.*s", SLICE_ARG(json_text(json_get(json_item(items, i), "dataset"))));
        if (!one)
            code = client_call(c, &(struct call){.method = "GET", .path = path}, &entry);
        if (code == EXIT_DONE && read_entry(one ? one : entry, &d, &why).code != OK)
            code = client_fail(EXIT_UNREACHABLE, &why);
        if (code != EXIT_DONE) {
            json_free(datasets);
            return code;
        }
        json_add(datasets, dcat_dataset(d, c->profile.url));
    }
    if (one) {
        document = json_copy(json_item(datasets, 0));
        json_free(datasets);
    } else {
        document = dcat_catalogue(datasets, c->profile.url);
    }
    return client_print_json(document);
}

int catalogue_run(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    struct json *document CLEANUP(json_freep) = NULL;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    char path[CALL_PATH_MAX] = "/v1/catalogue";
    struct label dataset;
    bool one = a->word_count > 0;
    if (one) {
        if (label_parse(slice_str(a->words[0]), &dataset, &why).code != OK)
            return client_fail(EXIT_USAGE, &why);
        (void)snprintf(path, sizeof path, "/v1/catalogue/%s", dataset.text);
    }
    int code = one ? client_call(c, &(struct call){.method = "GET", .path = path}, &document) : client_list(c, path, &document);
    if (code != EXIT_DONE)
        return code;
    if (arguments_flag(a, "dcat"))
        return print_dcat(c, one ? document : NULL, json_get(document, "items"));
    if (c->json)
        return client_print_json(document);
    result r = one ? dataset_page(document, &text, &why) : catalogue_page(json_get(document, "items"), &text, &why);
    if (r.code != OK)
        return client_fail(EXIT_UNREACHABLE, &why);
    if (text.len == 0)
        client_say(c, "No dataset is published yet.");
    return client_print(&text);
}
