/*
 * reconcile.c - `audit reconcile`: the broker's log against the journals that the sites keep for
 * themselves (innsyn-agent journal DIR --json).  Every difference is listed; none is explained away.
 */
#include "client/command.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/clean_text.h"
#include "client/log/log_fetch.h"
#include "proto/id.h"

enum { LINE_BYTES_MAX = 64 * 1024, TASKS_MAX = 4000000, FIELD_MAX = 72, FIELDS = 6 };
static const char *const compared[FIELDS] = {"account", "permit", "query", "query_sha256", "permit_sha256", "question_sha256"};

/* What one side says of a task. */
struct side {
    bool begun, ended;          /* dispatched or asked; a result */
    int64_t entry;              /* of the dispatch */
    char field[FIELDS][FIELD_MAX];
    char status[16], result[FIELD_MAX];
};
struct about {
    char task[DOCUMENT_ID_LEN + 1];
    struct side log, journal;
};
struct tasks {
    struct about *at;
    unsigned count, room;
    bool journal; /* which side is being read */
};

static int by_task(const void *a, const void *b)
{
    return strcmp(((const struct about *)a)->task, ((const struct about *)b)->task);
}

/* The lines of one task become one (both sides' arrays are sorted together afterwards). */
static result about_new(struct tasks *t, struct slice task, struct about **ret, struct why *why)
{
    if (t->count == t->room) {
        unsigned room = t->room ? 2 * t->room : 256;
        struct about *at = room <= TASKS_MAX ? reallocarray(t->at, room, sizeof *at) : NULL;
        if (!at)
            return FAIL(why, LIMIT, "too many tasks to compare");
        t->at = at;
        t->room = room;
    }
    struct about *one = &t->at[t->count];
    memset(one, 0, sizeof *one);
    if (!slice_copy_str(task, one->task, sizeof one->task))
        return FAIL(why, MALFORMED, "'%.*s' is no task", SLICE_ARG(slice_part(task, 0, 40)));
    t->count++;
    *ret = one;
    return DONE;
}

static result note(struct tasks *t, int64_t index, const struct json *e, struct why *why)
{
    struct slice type = json_text(json_get(e, "type")), task = json_text(json_get(e, "task"));
    bool begins = slice_is(type, t->journal ? "asked" : "dispatch");
    bool ends = t->journal ? slice_is(type, "answered") || slice_is(type, "refused") : slice_is(type, "site_result");
    struct about *one;
    if (task.len == 0 || (!begins && !ends))
        return DONE;
    TRY(about_new(t, task, &one, why));
    struct side *s = t->journal ? &one->journal : &one->log;
    s->begun = begins;
    s->ended = ends;
    s->entry = t->journal ? json_integer(json_get(e, "entry")) : index;
    for (unsigned i = 0; i < FIELDS; i++)
        (void)slice_copy_str(json_text(json_get(e, compared[i])), s->field[i], FIELD_MAX);
    struct slice status = slice_is(type, "refused") ? type : json_text(json_get(e, "status"));
    (void)slice_copy_str(status, s->status, sizeof s->status);
    (void)slice_copy_str(json_text(json_get(e, "result_sha256")), s->result, sizeof s->result);
    return DONE;
}

static result note_entry(void *self, uint64_t index, const struct json *entry, struct why *why)
{
    return note(self, (int64_t)index, entry, why);
}

static result read_journal(struct tasks *t, const char *path, struct why *why)
{
    static char line[LINE_BYTES_MAX];
    unsigned number = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return FAIL(why, ABSENT, "%s cannot be read", path);
    result r = DONE;
    while (is_ok(r) && fgets(line, sizeof line, f)) {
        struct json *entry CLEANUP(json_freep) = NULL;
        number++;
        if (!is_ok(json_parse(slice_str(line), LINE_BYTES_MAX, &entry, NULL)) || !slice_is(json_text(json_get(entry, "innsyn")), "journal/1"))
            r = FAIL(why, DENIED, "%s: line %u is no journal entry (use: innsyn-agent journal DIR --json)", path, number);
        else
            r = note(t, -1, entry, why);
    }
    (void)fclose(f);
    return r;
}

static void merge_side(struct side *to, const struct side *from)
{
    if (from->begun) {
        to->begun = true;
        to->entry = from->entry;
        memcpy(to->field, from->field, sizeof to->field);
    }
    /* A task that was refused and handed out again may be answered later: the last word counts. */
    if (from->ended && (!to->ended || from->result[0])) {
        to->ended = true;
        memcpy(to->status, from->status, sizeof to->status);
        memcpy(to->result, from->result, sizeof to->result);
    }
}

static void merge(struct tasks *t)
{
    unsigned n = 0;
    if (t->count)
        qsort(t->at, t->count, sizeof *t->at, by_task);
    for (unsigned i = 0; i < t->count; i++) {
        if (n == 0 || strcmp(t->at[n - 1].task, t->at[i].task) != 0)
            t->at[n++] = t->at[i];
        else {
            merge_side(&t->at[n - 1].log, &t->at[i].log);
            merge_side(&t->at[n - 1].journal, &t->at[i].journal);
        }
    }
    t->count = n;
}

struct differences {
    const char *site;
    struct json *list;
};

static void differ(struct differences *d, const struct about *a, const char *what)
{
    struct json *v = json_object();
    json_set(v, "site", json_of_str(d->site));
    json_set(v, "task", json_of_str(a->task));
    if (a->log.begun)
        json_set(v, "entry", json_of_integer(a->log.entry));
    json_set(v, "difference", json_of_str(what));
    json_add(d->list, v);
}

static void compare(struct differences *d, const struct about *a)
{
    char text[160];
    const struct side *log = &a->log, *journal = &a->journal;
    if (journal->begun && !log->begun)
        differ(d, a, "the site was asked, and the log has no dispatch of it");
    if (log->ended && !journal->begun && !journal->ended)
        differ(d, a, "the log has a result, and the site's journal knows nothing of the task");
    if (journal->begun && log->begun && journal->entry != log->entry)
        differ(d, a, "the site was shown another entry of the log for it");
    for (unsigned i = 0; journal->begun && log->begun && i < FIELDS; i++)
        if (strcmp(log->field[i], journal->field[i]) != 0) {
            (void)snprintf(text, sizeof text, "%s: the log says %.40s, the journal %.40s", compared[i], log->field[i], journal->field[i]);
            differ(d, a, text);
        }
    if (journal->ended && journal->result[0] && !log->ended)
        differ(d, a, "the site made an answer, and the log has no result (not delivered, or left out)");
    if (log->ended && journal->begun && !journal->ended)
        differ(d, a, "the log has a result, and the journal says that the site made none");
    if (log->ended && journal->ended && journal->result[0] && strcmp(log->result, journal->result) != 0)
        differ(d, a, "the result in the log is not the one the site made");
    if (log->ended && journal->ended && strcmp(log->status, journal->status) != 0)
        differ(d, a, "answered on one side, refused on the other");
}

static int reconcile_site(struct client *c, const char *word, struct json *list, uint64_t *ret_tasks)
{
    struct why why = {0};
    struct site_id site;
    char filters[SITE_ID_MAX + 16];
    struct tasks t = {.journal = true};
    const char *sign = strchr(word, '=');
    if (!sign || !is_ok(site_id_parse(slice_of(word, (size_t)(sign - word)), &site, &why)))
        return client_usage("a site and its journal are written SITE=FILE");
    result r = read_journal(&t, sign + 1, &why);
    if (!is_ok(r)) {
        free(t.at);
        return client_fail(r.code == DENIED ? EXIT_UNVERIFIED : EXIT_USAGE, &why);
    }
    t.journal = false;
    (void)snprintf(filters, sizeof filters, "&site=%s", site.text);
    int code = log_fetch(c, filters, "Reading the log", note_entry, &t);
    if (code == EXIT_DONE) {
        struct differences d = {.site = site.text, .list = list};
        merge(&t);
        for (unsigned i = 0; i < t.count; i++)
            compare(&d, &t.at[i]);
        *ret_tasks += t.count;
    }
    free(t.at);
    return code;
}

int audit_reconcile(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    struct json *v CLEANUP(json_freep) = json_object(), *list = json_array();
    uint64_t tasks = 0;
    int code = EXIT_DONE;
    json_set(v, "differences", list);
    for (unsigned i = 0; code == EXIT_DONE && i < a->word_count; i++)
        code = reconcile_site(c, a->words[i], list, &tasks);
    if (code != EXIT_DONE)
        return code;
    json_set(v, "tasks", json_of_integer((int64_t)tasks));
    if (c->json) {
        code = client_print_json(v);
    } else {
        struct buffer text CLEANUP(buffer_done) = {0};
        buffer_init(&text, OUTPUT_BYTES_MAX);
        result r = buffer_printf(&text, &why, "%llu tasks compared, %zu differences\n", (unsigned long long)tasks, json_size(list));
        for (size_t i = 0; is_ok(r) && i < json_size(list); i++) {
            const struct json *d = json_item(list, i);
            r = buffer_printf(&text, &why, "  %.*s  %.*s  ", SLICE_ARG(json_text(json_get(d, "site"))), SLICE_ARG(json_text(json_get(d, "task"))));
            if (is_ok(r))
                r = clean_text(json_text(json_get(d, "difference")), &text, &why);
            if (is_ok(r))
                r = buffer_add_byte(&text, '\n', &why);
        }
        code = is_ok(r) ? client_print(&text) : client_fail(EXIT_UNREACHABLE, &why);
    }
    return code == EXIT_DONE && json_size(list) ? EXIT_UNVERIFIED : code;
}
