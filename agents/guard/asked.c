#include "agents/guard/asked.h"

#include <stdio.h>

static void path_of(const struct agent_settings *s, const struct document_id *permit, const struct label *dataset, char path[AGENT_PATH_SIZE])
{
    char name[sizeof "guard/asked/." + DOCUMENT_ID_LEN + LABEL_MAX];
    (void)snprintf(name, sizeof name, "guard/asked/%s.%s", permit->text, dataset->text);
    agent_path(s, name, path);
}

/* Lines are all of one length, so what stands behind the last whole one was torn. */
static result lines(const struct host *host, const char *path, struct buffer *to, struct slice *ret, struct why *why)
{
    buffer_init(to, ASKED_BYTES_MAX);
    result r = host_read_file(host, path, ASKED_BYTES_MAX, to, why);
    if (!is_ok(r) && r.code != ABSENT)
        return r;
    *ret = slice_of(to->at, is_ok(r) ? to->len / ASKED_LINE_BYTES * ASKED_LINE_BYTES : 0);
    return DONE;
}

static bool holds(struct slice all, const struct document_id *query)
{
    for (size_t at = 0; at < all.len; at += ASKED_LINE_BYTES)
        if (memcmp(all.at + at, query->text, DOCUMENT_ID_LEN) == 0)
            return true;
    return false;
}

result asked_count(const struct host *host, const struct agent_settings *s, const struct document_id *permit, const struct label *dataset,
                   const struct document_id *query, uint64_t *ret_others, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct slice all;
    path_of(s, permit, dataset, path);
    TRY(lines(host, path, &text, &all, why));
    *ret_others = all.len / ASKED_LINE_BYTES - (holds(all, query) ? 1 : 0);
    return DONE;
}

result asked_add(const struct host *host, const struct agent_settings *s, const struct document_id *permit, const struct label *dataset,
                 const struct document_id *query, struct why *why)
{
    char path[AGENT_PATH_SIZE], line[ASKED_LINE_BYTES + 1];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct slice all;
    path_of(s, permit, dataset, path);
    TRY(lines(host, path, &text, &all, why));
    if (holds(all, query))
        return DONE;
    if (all.len / ASKED_LINE_BYTES >= ASKED_MAX)
        return FAIL(why, LIMIT, "%.100s counts as many questions as it can", path);
    if (all.len != text.len)
        TRY(host_write_file(host, path, 0600, all, why));
    (void)snprintf(line, sizeof line, "%s\n", query->text);
    return host_append_file(host, path, 0600, slice_of(line, ASKED_LINE_BYTES), why);
}
