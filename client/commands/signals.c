/*
 * signals.c - `audit signals`: the rules of signals.h over the log as it is now.
 */
#include "client/command.h"

#include <stdio.h>

#include "base/instant.h"
#include "client/clean_text.h"
#include "client/log/log_fetch.h"
#include "client/log/signals.h"

static result words(const struct json *found, struct buffer *to, struct why *why)
{
    TRY(buffer_printf(to, why, "%zu signals; each is a reason to look, no verdict\n", json_size(found)));
    for (size_t i = 0; i < json_size(found); i++) {
        const struct json *v = json_item(found, i), *entries = json_get(v, "entries");
        TRY(buffer_printf(to, why, "%.*s: %.*s\n  of ", SLICE_ARG(json_text(json_get(v, "rule"))), SLICE_ARG(json_text(json_get(v, "says")))));
        TRY(clean_text(json_text(json_get(v, "of")), to, why));
        TRY(buffer_printf(to, why, "\n  %lld times; entries", (long long)json_integer(json_get(v, "count"))));
        for (size_t k = 0; k < json_size(entries); k++)
            TRY(buffer_printf(to, why, " %lld", (long long)json_integer(json_item(entries, k))));
        TRY(buffer_add_byte(to, '\n', why));
    }
    return DONE;
}

static int read_period(const struct arguments *a, unsigned *hour_from, unsigned *hour_to, char *filters, size_t size)
{
    static const char *const names[] = {"from", "to"};
    const char *hours = arguments_value(a, "hours");
    size_t len = 0;
    filters[0] = 0;
    for (size_t i = 0; i < 2; i++) {
        const char *text = arguments_value(a, names[i]);
        int64_t at_ms;
        if (text && !instant_parse(slice_str(text), &at_ms))
            return client_usage("--%s takes a moment such as 2026-01-31T12:00:00Z", names[i]);
        if (text)
            len += (size_t)snprintf(filters + len, size - len, "&%s=%.40s", names[i], text);
    }
    if (hours && (sscanf(hours, "%2u-%2u", hour_from, hour_to) != 2 || *hour_from > 24 || *hour_to > 24))
        return client_usage("--hours takes the hours of work in UTC, such as 6-20");
    return EXIT_DONE;
}

int audit_signals(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    char filters[128];
    unsigned hour_from = SIGNALS_HOUR_FROM, hour_to = SIGNALS_HOUR_TO;
    struct signals *s CLEANUP(signals_freep) = NULL;
    struct json *v CLEANUP(json_freep) = json_object();
    int code = read_period(a, &hour_from, &hour_to, filters, sizeof filters);
    if (code == EXIT_DONE && !is_ok(signals_new(hour_from, hour_to, &s, &why)))
        code = client_fail(EXIT_UNREACHABLE, &why);
    if (code == EXIT_DONE)
        code = log_fetch(c, filters, "Reading the log", signals_look, s);
    if (code != EXIT_DONE)
        return code;
    struct json *found = signals_end(s);
    json_set(v, "signals", found);
    if (c->json)
        return client_print_json(v);
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, OUTPUT_BYTES_MAX);
    return is_ok(words(found, &text, &why)) ? client_print(&text) : client_fail(EXIT_UNREACHABLE, &why);
}
