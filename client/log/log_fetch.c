#include "client/log/log_fetch.h"

#include <stdio.h>

enum { FETCH_PAGE = 500, FETCH_PAGES_MAX = 1000000 };

int log_fetch(struct client *c, const char *filters, const char *doing, found_fn *fn, void *self)
{
    struct why why = {0};
    struct progress progress;
    char path[CALL_PATH_MAX], cursor[32] = "0";
    uint64_t count = 0;
    int code = EXIT_DONE;
    progress_start(&progress, &c->terminal, c->host);
    for (unsigned page = 0; code == EXIT_DONE && cursor[0] && page < FETCH_PAGES_MAX; page++) {
        struct json *answer CLEANUP(json_freep) = NULL;
        (void)snprintf(path, sizeof path, "/v1/log/search?limit=%d&order=up&cursor=%s%s", FETCH_PAGE, cursor, filters);
        code = client_call(c, &(struct call){.method = "GET", .path = path}, &answer);
        if (code != EXIT_DONE)
            break;
        const struct json *items = json_get(answer, "items");
        result r = DONE;
        /* Less than a page: the rest is what this search adds to the log. */
        cursor[0] = 0;
        if (json_size(items) == FETCH_PAGE && json_get(answer, "next"))
            (void)slice_copy_str(json_text(json_get(answer, "next")), cursor, sizeof cursor);
        for (size_t i = 0; is_ok(r) && i < json_size(items); i++, count++) {
            const struct json *item = json_item(items, i);
            r = fn(self, (uint64_t)json_integer(json_get(item, "index")), json_get(item, "entry"), &why);
        }
        if (!is_ok(r))
            code = client_fail(EXIT_UNREACHABLE, &why);
        progress_say(&progress, "%s: %llu entries", doing, (unsigned long long)count);
    }
    progress_end(&progress);
    return code;
}
