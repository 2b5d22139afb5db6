/*
 * log.c - the log for people who search it: `audit search`, `watch`, `export`, and the erasure
 * of texts (`account erase`, `text erase`).  Verifying it is command_audit.c.
 */
#include "client/command.h"

#include <stdio.h>
#include <string.h>

#include "client/log/audit.h"
#include "client/log/audit_event.h"
#include "client/clean_text.h"
#include "client/show/table_print.h"
#include "client/trust_store.h"

enum { SEARCH_SHOWN = 100, SEARCH_PAGE = 500, EXPORT_PAGES_MAX = 1000000, WATCH_MS = 25000, VALUE_MAX = 180 };
static const char *const filters[] = {"account", "organisation", "dataset", "variable", "purpose", "permit", "query", "request", "site", "outcome", "type", "from", "to"};

/* "&name=value", escaped. */
static result add_parameter(struct buffer *path, const char *name, const char *value, struct why *why)
{
    if (strlen(value) > VALUE_MAX)
        return FAIL_AT(why, MALFORMED, name, "is longer than %d bytes", VALUE_MAX);
    TRY(buffer_printf(path, why, "&%s=", name));
    for (const char *at = value; *at; at++) {
        uint8_t c = (uint8_t)*at;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~:", c);
        TRY(plain ? buffer_add_byte(path, c, why) : buffer_printf(path, why, "%%%02X", c));
    }
    return DONE;
}

static result search_path(const struct arguments *a, unsigned limit, const char *more, struct buffer *path, struct why *why)
{
    buffer_clear(path);
    TRY(buffer_printf(path, why, "/v1/log/search?limit=%u%s", limit, more));
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        const char *value = arguments_value(a, filters[i]);
        if (value)
            TRY(add_parameter(path, filters[i], value, why));
    }
    return DONE;
}

/* --- a table of entries --- */

static result table_begin(struct table **t, struct why *why)
{
    static const char *const titles[] = {"entry", "at", "type", "account", "site", "fields"};
    TRY(table_new(t, why));
    for (size_t i = 0; i < 6; i++)
        TRY(table_column(*t, slice_str(titles[i]), i == 0 ? ALIGN_RIGHT : ALIGN_LEFT, why));
    return DONE;
}

static result rest_of(const struct json *entry, struct buffer *to, struct why *why)
{
    struct slice name;
    const struct json *value;
    for (size_t i = 0; json_next(entry, &i, &name, &value);) {
        if (slice_is(name, "innsyn") || slice_is(name, "at") || slice_is(name, "type") || slice_is(name, "account") || slice_is(name, "site"))
            continue;
        TRY(buffer_printf(to, why, "%s%.*s=", to->len > 0 ? " " : "", SLICE_ARG(name)));
        if (json_kind(value) == JSON_STRING && json_text(value).len == (size_t)2 * HASH_LEN)
            TRY(buffer_printf(to, why, "%.12s...", (const char *)json_text(value).at));
        else
            TRY(json_print(value, to, why));
    }
    return DONE;
}

static result table_entry(struct table *t, const struct json *item, struct why *why)
{
    static const char *const own[] = {"at", "type", "account", "site"};
    const struct json *entry = json_get(item, "entry");
    char number[24];
    struct buffer rest CLEANUP(buffer_done) = {0};
    buffer_init(&rest, (size_t)4 * AUDIT_ENTRY_MAX);
    (void)snprintf(number, sizeof number, "%lld", (long long)json_integer(json_get(item, "index")));
    TRY(table_row(t, why));
    TRY(table_cell_str(t, number, why));
    for (size_t i = 0; i < 4; i++)
        TRY(table_cell(t, json_text(json_get(entry, own[i])), why));
    TRY(rest_of(entry, &rest, why));
    return table_cell(t, buffer_slice(&rest), why);
}

static int show_items(struct client *c, const struct json *items, bool head)
{
    struct why why = {0};
    struct table *t CLEANUP(table_freep) = NULL;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    result r = table_begin(&t, &why);
    for (size_t i = 0; is_ok(r) && i < json_size(items); i++)
        r = table_entry(t, json_item(items, i), &why);
    if (is_ok(r))
        r = table_print(t, head, &text, &why);
    (void)c;
    return is_ok(r) ? client_print(&text) : client_fail(EXIT_UNREACHABLE, &why);
}

int audit_search(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    uint64_t limit = SEARCH_SHOWN;
    struct buffer path CLEANUP(buffer_done) = {0};
    struct json *answer CLEANUP(json_freep) = NULL;
    buffer_init(&path, CALL_PATH_MAX);
    result r = arguments_number(a, "limit", 1, 1000, &limit, &why);
    if (is_ok(r))
        r = search_path(a, (unsigned)limit, "", &path, &why);
    if (is_ok(r) && arguments_value(a, "cursor"))
        r = add_parameter(&path, "cursor", arguments_value(a, "cursor"), &why);
    if (!is_ok(r))
        return client_fail(EXIT_USAGE, &why);
    int code = client_call(c, &(struct call){.method = "GET", .path = buffer_str(&path)}, &answer);
    if (code != EXIT_DONE)
        return code;
    if (c->json)
        return client_print_json(answer);
    code = show_items(c, json_get(answer, "items"), true);
    if (code == EXIT_DONE && json_get(answer, "next"))
        client_say(c, "there are more, older: --cursor %.*s", SLICE_ARG(json_text(json_get(answer, "next"))));
    return code;
}

/* --- following --- */

int audit_watch(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    uint64_t calls = UINT64_MAX;
    char path[CALL_PATH_MAX] = "/v1/log/watch?wait_ms=25000";
    const char *from = arguments_value(a, "from");
    if (!is_ok(arguments_number(a, "calls", 1, INT64_MAX, &calls, &why)))
        return client_fail(EXIT_USAGE, &why);
    if (from)
        (void)snprintf(path, sizeof path, "/v1/log/watch?wait_ms=25000&from=%.20s", from);
    for (; calls > 0; calls--) { /* until it is interrupted, or --calls are made */
        struct json *answer CLEANUP(json_freep) = NULL;
        int code = client_call(c, &(struct call){.method = "GET", .path = path, .wait_ms = WATCH_MS}, &answer);
        if (code != EXIT_DONE)
            return code;
        const struct json *items = json_get(answer, "items");
        for (size_t i = 0; c->json && i < json_size(items); i++)
            if (client_print_json(json_item(items, i)) != EXIT_DONE)
                return EXIT_UNREACHABLE;
        if (!c->json && json_size(items) && show_items(c, items, false) != EXIT_DONE)
            return EXIT_UNREACHABLE;
        (void)fflush(stdout);
        (void)snprintf(path, sizeof path, "/v1/log/watch?wait_ms=25000&from=%lld", (long long)json_integer(json_get(answer, "next")));
    }
    return EXIT_DONE;
}

/* --- exporting --- */

enum format { FORMAT_NDJSON, FORMAT_CSV, FORMAT_FHIR, FORMATS };
static const char *const format_names[FORMATS] = {"ndjson", "csv", "fhir"};

struct export {
    struct client *client;
    const struct arguments *arguments;
    enum format format;
    FILE *file;
    struct checkpoint now;
    uint64_t entries;
};

static result write_item(struct export *x, const struct json *item, struct why *why)
{
    const struct json *entry = json_get(item, "entry");
    uint64_t index = (uint64_t)json_integer(json_get(item, "index"));
    struct buffer bytes CLEANUP(buffer_done) = {0}, line CLEANUP(buffer_done) = {0};
    buffer_init(&bytes, (size_t)2 * AUDIT_ENTRY_MAX);
    buffer_init(&line, (size_t)16 * AUDIT_ENTRY_MAX);
    TRY(json_print(entry, &bytes, why));
    if (x->format == FORMAT_CSV)
        TRY(audit_csv(entry, buffer_slice(&bytes), index, &line, why));
    if (x->format == FORMAT_NDJSON)
        TRY(buffer_add(&line, buffer_slice(&bytes), why));
    if (x->format == FORMAT_FHIR) {
        struct json *event CLEANUP(json_freep) = audit_event(entry, buffer_slice(&bytes), index, x->now.origin);
        TRY(json_print(event, &line, why));
    }
    if (x->format != FORMAT_CSV)
        TRY(buffer_add_byte(&line, '\n', why));
    x->entries++;
    return fwrite(line.at, 1, line.len, x->file) == line.len ? DONE : FAIL(why, UNAVAILABLE, "the export cannot be written");
}

/* Oldest first, page by page, up to the checkpoint at the start: what the export itself adds is not in it. */
static int export_pages(struct export *x)
{
    struct why why = {0};
    struct progress progress;
    char more[64], cursor[32] = "0";
    struct buffer path CLEANUP(buffer_done) = {0};
    buffer_init(&path, CALL_PATH_MAX);
    progress_start(&progress, &x->client->terminal, x->client->host);
    int code = EXIT_DONE;
    for (unsigned page = 0; code == EXIT_DONE && cursor[0] && page < EXPORT_PAGES_MAX; page++) {
        struct json *answer CLEANUP(json_freep) = NULL;
        (void)snprintf(more, sizeof more, "&order=up&export=%s&cursor=%s", format_names[x->format], cursor);
        result r = search_path(x->arguments, SEARCH_PAGE, more, &path, &why);
        if (!is_ok(r))
            code = client_fail(EXIT_USAGE, &why);
        else
            code = client_call(x->client, &(struct call){.method = "GET", .path = buffer_str(&path)}, &answer);
        if (code != EXIT_DONE)
            break;
        const struct json *items = json_get(answer, "items");
        cursor[0] = 0;
        if (json_get(answer, "next"))
            (void)slice_copy_str(json_text(json_get(answer, "next")), cursor, sizeof cursor);
        for (size_t i = 0; is_ok(r) && i < json_size(items); i++) {
            if ((uint64_t)json_integer(json_get(json_item(items, i), "index")) >= x->now.size) {
                cursor[0] = 0;
                break;
            }
            r = write_item(x, json_item(items, i), &why);
        }
        if (!is_ok(r))
            code = client_fail(EXIT_UNREACHABLE, &why);
        progress_say(&progress, "Exporting: %llu entries", (unsigned long long)x->entries);
    }
    progress_end(&progress);
    return code;
}

int audit_export(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    const char *format = arguments_value(a, "format"), *out = arguments_value(a, "out");
    char path[PROFILE_PATH_MAX];
    struct trust *trust CLEANUP(trust_freep) = NULL;
    struct buffer note CLEANUP(buffer_done) = {0};
    struct export x = {.client = c, .arguments = a};
    buffer_init(&note, CHECKPOINT_NOTE_MAX);
    while (x.format < FORMATS && (!format || strcmp(format, format_names[x.format]) != 0))
        x.format++;
    if (x.format == FORMATS || !out)
        return client_usage("the form is: innsyn audit export --format ndjson|csv|fhir --out FILE");
    int code = trust_store_get(c, false, &trust);
    if (code == EXIT_DONE)
        code = client_text(c, "/v1/log/checkpoint", &note);
    if (code != EXIT_DONE)
        return code;
    if (!is_ok(checkpoint_open(buffer_slice(&note), &trust->log, &x.now, &why)))
        return client_fail(EXIT_UNVERIFIED, &why);
    x.file = fopen(out, "wxe");
    if (!x.file)
        return client_usage("%.200s cannot be written, or is there already", out);
    if (x.format == FORMAT_CSV && fputs(audit_csv_head, x.file) < 0)
        code = EXIT_UNREACHABLE;
    if (code == EXIT_DONE)
        code = export_pages(&x);
    if (fclose(x.file) != 0 && code == EXIT_DONE)
        code = client_usage("%.200s cannot be written", out);
    if (code != EXIT_DONE)
        return code;
    (void)snprintf(path, sizeof path, "%.*s.checkpoint", (int)sizeof path - 12, out);
    if (!is_ok(host_write_file(c->host, path, 0644, buffer_slice(&note), &why)))
        return client_fail(EXIT_UNREACHABLE, &why);
    client_say(c, "%llu entries in %s, the checkpoint they lie under in %s", (unsigned long long)x.entries, out, path);
    if (!c->json)
        return EXIT_DONE;
    struct json *v CLEANUP(json_freep) = json_object();
    json_set(v, "entries", json_of_integer((int64_t)x.entries));
    json_set(v, "size", json_of_integer((int64_t)x.now.size));
    return client_print_json(v);
}

/* --- erasing --- */

static int erase(struct client *c, const char *member, const char *name)
{
    struct json *body CLEANUP(json_freep) = json_object();
    json_set(body, member, json_of_str(name));
    return send_and_show(c, &(struct call){.method = "POST", .path = "/v1/erasures", .body = body, .idempotent = true});
}

int account_erase(struct client *c, const struct arguments *a)
{
    return erase(c, "account", a->words[0]);
}

int text_erase(struct client *c, const struct arguments *a)
{
    return erase(c, "document", a->words[0]);
}
