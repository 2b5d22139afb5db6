#include "agents/guard/held.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "base/codec.h"
#include "proto/document.h"
#include "proto/envelope.h"
#include "proto/fields.h"

enum { NAME_SIZE = DOCUMENT_ID_LEN + 32 };

void held_answer_done(struct held_answer *h)
{
    json_free(h->record);
    *h = (struct held_answer){0};
}

static void path_of(const struct agent_settings *s, const struct document_id *query, const char *ending, char to[AGENT_PATH_SIZE])
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "guard/held/%s.%s", query->text, ending);
    agent_path(s, name, to);
}

static struct json *hash_json(const struct hash *h)
{
    return json_of_hex(slice_of(h->at, HASH_LEN));
}

result held_write(const struct host *host, const struct agent_settings *s, const struct held_answer *h, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v = h->record;
    json_set(v, "innsyn", json_of_str("held-answer/1"));
    json_set(v, "task", json_of_str(h->task.text));
    json_set(v, "query", json_of_str(h->query.text));
    json_set(v, "permit", json_of_str(h->permit.text));
    json_set(v, "account", json_of_str(h->account.text));
    json_set(v, "query_sha256", hash_json(&h->query_hash));
    json_set(v, "question_sha256", hash_json(&h->question_hash));
    json_set(v, "permit_sha256", hash_json(&h->permit_hash));
    json_set(v, "result_sha256", hash_json(&h->result));
    json_set(v, "held", json_of_instant(h->held_ms));
    json_set(v, "until", json_of_instant(h->until_ms));
    buffer_init(&text, HELD_BYTES_MAX);
    TRY(json_print(v, &text, why));
    path_of(s, &h->query, "json", path);
    return host_write_file(host, path, 0600, buffer_slice(&text), why);
}

static result read_fields(const struct json *v, struct held_answer *h, struct why *why)
{
    struct fields f;
    struct slice text;
    const struct json *any;
    TRY(fields_open(v, "", &f, why));
    TRY(need_kind(&f, "held-answer/1"));
    TRY(need_document_id(&f, "task", 't', &h->task));
    TRY(need_document_id(&f, "query", 'q', &h->query));
    TRY(need_document_id(&f, "permit", 'p', &h->permit));
    TRY(need_label(&f, "account", &h->account));
    TRY(need_hash(&f, "query_sha256", h->query_hash.at));
    TRY(need_hash(&f, "question_sha256", h->question_hash.at));
    TRY(need_hash(&f, "permit_sha256", h->permit_hash.at));
    TRY(need_hash(&f, "result_sha256", h->result.at));
    TRY(need_instant(&f, "held", &h->held_ms));
    TRY(need_instant(&f, "until", &h->until_ms));
    TRY(need_text(&f, "dataset", LABEL_MAX, &text));
    TRY(need_text(&f, "why", HELD_ACT_BYTES_MAX, &text));
    TRY(need_object(&f, "permit_document", &any));
    TRY(need_object(&f, "question", &any));
    TRY(need_object(&f, "result", &any));
    TRY(fields_close(&f));
    struct envelope e CLEANUP(envelope_done) = {0};
    TRY(envelope_parse(any, "/result", TYPE_SITE_RESULT, &e, why));
    struct hash result_hash = envelope_hash(&e);
    return hash_equal(&result_hash, &h->result) ? DONE : FAIL_AT(why, DENIED, "/result", "is not the one with this hash");
}

result held_read(const struct host *host, const struct agent_settings *s, const struct document_id *query,
                 struct held_answer *ret, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct held_answer h CLEANUP(held_answer_done) = {0};
    struct why inner = {0};
    buffer_init(&text, HELD_BYTES_MAX);
    path_of(s, query, "json", path);
    TRY(host_read_file(host, path, HELD_BYTES_MAX, &text, why));
    result r = json_parse(buffer_slice(&text), HELD_BYTES_MAX, &h.record, &inner);
    if (is_ok(r))
        r = read_fields(h.record, &h, &inner);
    if (is_ok(r) && !document_id_equal(&h.query, query))
        r = FAIL(&inner, DENIED, "it is of another query than its name says");
    if (!is_ok(r))
        return FAIL_AT(why, BROKEN, inner.field, "%.90s cannot be read: %.100s", path, inner.text);
    *ret = h;
    h = (struct held_answer){0};
    return DONE;
}

static result remove_if_there(const struct host *host, const char *path, struct why *why)
{
    result r = host_remove_file(host, path, why);
    return r.code == ABSENT ? DONE : r;
}

result held_act_remove(const struct host *host, const struct agent_settings *s, const struct document_id *query, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    path_of(s, query, "act", path);
    return remove_if_there(host, path, why);
}

result held_remove(const struct host *host, const struct agent_settings *s, const struct document_id *query, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    path_of(s, query, "json", path);
    TRY(remove_if_there(host, path, why));
    return held_act_remove(host, s, query, why); /* an act without its answer means nothing */
}

result held_list(const struct agent_settings *s, struct document_id *ret, unsigned *ret_count, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    unsigned count = 0;
    agent_path(s, "guard/held", path);
    DIR *folder = opendir(path);
    if (!folder && errno != ENOENT)
        return FAIL(why, UNAVAILABLE, "%s cannot be read: %s", path, strerror(errno));
    for (struct dirent *e; folder && count < HELD_ANSWERS_MAX && (e = readdir(folder)) != NULL;) {
        struct slice name = slice_str(e->d_name);
        if (slice_ends(name, ".json") && is_ok(document_id_parse(slice_part(name, 0, name.len - 5), 'q', &ret[count], NULL)))
            count++;
    }
    if (folder)
        closedir(folder);
    *ret_count = count;
    return DONE;
}

static const char *const ACTS[] = {"refuse", "release", NULL};

result held_act_write(const struct host *host, const struct agent_settings *s, const struct document_id *query,
                      const struct held_act *a, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = json_object();
    json_set(v, "innsyn", json_of_str("inbox-act/1"));
    json_set(v, "act", json_of_str(ACTS[a->release]));
    json_set(v, "result_sha256", hash_json(&a->result));
    json_set(v, "reason", json_of_str(a->reason));
    buffer_init(&text, HELD_ACT_BYTES_MAX);
    TRY(json_print(v, &text, why));
    path_of(s, query, "act", path);
    return host_write_file(host, path, 0600, buffer_slice(&text), why);
}

result held_act_read(const struct host *host, const struct agent_settings *s, const struct document_id *query,
                     struct held_act *ret, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = NULL;
    struct held_act a = {0};
    struct fields f;
    struct slice reason;
    unsigned act;
    buffer_init(&text, HELD_ACT_BYTES_MAX);
    path_of(s, query, "act", path);
    TRY(host_read_file(host, path, HELD_ACT_BYTES_MAX, &text, why));
    TRY(json_parse(buffer_slice(&text), HELD_ACT_BYTES_MAX, &v, why));
    TRY(fields_open(v, "", &f, why));
    TRY(need_kind(&f, "inbox-act/1"));
    TRY(need_choice(&f, "act", ACTS, &act));
    TRY(need_hash(&f, "result_sha256", a.result.at));
    TRY(need_text(&f, "reason", HELD_REASON_MAX, &reason));
    TRY(fields_close(&f));
    a.release = act == 1;
    if (!slice_copy_str(reason, a.reason, sizeof a.reason))
        return FAIL_AT(why, MALFORMED, "/reason", "must be a plain text");
    if (!a.release && !a.reason[0])
        return FAIL_AT(why, MALFORMED, "/reason", "who refuses gives a reason");
    *ret = a;
    return DONE;
}
