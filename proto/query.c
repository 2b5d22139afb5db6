#include "proto/query.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/document.h"
#include "proto/fields.h"

enum { QUERY_BYTES_MAX = QUESTION_BYTES_MAX + 32 * 1024, TASK_BYTES_MAX = 16 * 1024, ENTRY_BYTES_MAX = 16 * 1024 };

/* --- query (R-42) ------------------------------------------------------------------------------- */

static int site_order(const void *a, const void *b)
{
    return strcmp(((const struct site_id *)a)->text, ((const struct site_id *)b)->text);
}

static result read_sites(struct fields *f, struct query *q)
{
    const struct json *sites;
    TRY(need_array(f, "sites", PERMIT_SITES_MAX, &sites));
    if (!json_size(sites))
        return FAIL_AT(f->why, MALFORMED, "/sites", "a query goes to at least one site");
    for (; q->site_count < json_size(sites); q->site_count++) {
        char path[JSON_PATH_MAX];
        path_of_item(f, "sites", q->site_count, path);
        struct slice text = json_text(json_item(sites, q->site_count));
        TRY(fail_there(site_id_parse(text, &q->sites[q->site_count], f->why), f->why, path));
    }
    qsort(q->sites, q->site_count, sizeof q->sites[0], site_order);
    for (unsigned i = 1; i < q->site_count; i++)
        if (site_id_equal(&q->sites[i], &q->sites[i - 1]))
            return FAIL_AT(f->why, MALFORMED, "/sites", "site '%s' is there twice", q->sites[i].text);
    return DONE;
}

static result check_life(int64_t issued_ms, int64_t expires_ms, struct why *why)
{
    if (expires_ms <= issued_ms || expires_ms - issued_ms > QUERY_LIFE_MAX_MS)
        return FAIL_AT(why, MALFORMED, "/expires", "must be after `issued` and at most 24 hours later");
    return DONE;
}

result query_read(struct slice payload, struct query **ret, struct why *why)
{
    struct fields f;
    struct query *q CLEANUP(query_freep) = calloc(1, sizeof *q);
    if (!q)
        return FAIL(why, LIMIT, "no memory for a query");
    TRY(json_parse(payload, QUERY_BYTES_MAX, &q->tree, why));
    TRY(fields_open(q->tree, "", &f, why));
    TRY(need_kind(&f, "query/1"));
    TRY(need_document_id(&f, "id", 'q', &q->id));
    TRY(need_label(&f, "network", &q->network));
    TRY(need_document_id(&f, "permit", 'p', &q->permit));
    TRY(read_sites(&f, q));
    TRY(need_instant(&f, "issued", &q->issued_ms));
    TRY(need_instant(&f, "expires", &q->expires_ms));
    TRY(need_object(&f, "question", &q->question));
    TRY(fields_close(&f));
    TRY(check_life(q->issued_ms, q->expires_ms, why));
    q->hash = sha256(payload);
    *ret = MOVE(q);
    return DONE;
}

void query_free(struct query *q)
{
    if (!q)
        return;
    json_free(q->tree);
    free(q);
}

void query_freep(struct query **q)
{
    query_free(*q);
    *q = NULL;
}

const struct permit_person *query_signer(const struct envelope *e, const struct permit *p)
{
    if (strcmp(e->type, TYPE_QUERY) != 0)
        return NULL;
    for (unsigned i = 0; i < p->person_count; i++)
        if (envelope_signed_by(e, &p->people[i].key))
            return &p->people[i];
    return NULL;
}

/* --- task (R-43) -------------------------------------------------------------------------------- */

result task_open(const struct envelope *e, const struct trust *t, struct task *ret, struct why *why)
{
    struct json *tree CLEANUP(json_freep) = NULL;
    struct fields f;
    struct task task = {0};
    int64_t entry;
    if (strcmp(e->type, TYPE_TASK) != 0 || !envelope_signed_by(e, &t->seal))
        return FAIL_CODE(why, DENIED, "signature_invalid", "", "the task is not sealed by the unit");
    TRY(json_parse(buffer_slice(&e->payload), TASK_BYTES_MAX, &tree, why));
    TRY(fields_open(tree, "", &f, why));
    TRY(need_kind(&f, "task/1"));
    TRY(need_document_id(&f, "id", 't', &task.id));
    TRY(need_label(&f, "network", &task.network));
    TRY(need_site_id(&f, "site", &task.site));
    TRY(need_document_id(&f, "query", 'q', &task.query));
    TRY(need_document_id(&f, "permit", 'p', &task.permit));
    TRY(need_hash(&f, "query_sha256", task.query_hash.at));
    TRY(need_hash(&f, "permit_sha256", task.permit_hash.at));
    TRY(need_instant(&f, "issued", &task.issued_ms));
    TRY(need_instant(&f, "expires", &task.expires_ms));
    TRY(need_integer(&f, "entry", 0, INT64_C(1) << 53, &entry));
    TRY(fields_close(&f));
    TRY(check_life(task.issued_ms, task.expires_ms, why));
    if (!label_equal(&task.network, &t->network))
        return FAIL_CODE(why, DENIED, "wrong_network", "/network", "the task is for network '%s'; this is '%s'", task.network.text, t->network.text);
    task.entry = (uint64_t)entry;
    *ret = task;
    return DONE;
}

static void set_hash(struct json *o, const char *key, const struct hash *h)
{
    json_set(o, key, json_of_hex(slice_of(h->at, HASH_LEN)));
}

result task_print(const struct task *t, struct buffer *to, struct why *why)
{
    struct json *o CLEANUP(json_freep) = json_object();
    json_set(o, "innsyn", json_of_str("task/1"));
    json_set(o, "id", json_of_str(t->id.text));
    json_set(o, "network", json_of_str(t->network.text));
    json_set(o, "site", json_of_str(t->site.text));
    json_set(o, "query", json_of_str(t->query.text));
    json_set(o, "permit", json_of_str(t->permit.text));
    set_hash(o, "query_sha256", &t->query_hash);
    set_hash(o, "permit_sha256", &t->permit_hash);
    json_set(o, "issued", json_of_instant(t->issued_ms));
    json_set(o, "expires", json_of_instant(t->expires_ms));
    json_set(o, "entry", json_of_integer((int64_t)t->entry));
    return json_print(o, to, why);
}

/* --- its entry in the log (R-44) ---------------------------------------------------------------- */

struct json *task_entry(const struct task *t, const struct label *account, const struct hash *question_hash, int64_t at_ms)
{
    struct json *o = json_object();
    json_set(o, "innsyn", json_of_str("entry/1"));
    json_set(o, "at", json_of_instant(at_ms));
    json_set(o, "type", json_of_str("dispatch"));
    json_set(o, "task", json_of_str(t->id.text));
    json_set(o, "site", json_of_str(t->site.text));
    json_set(o, "account", json_of_str(account->text));
    json_set(o, "query", json_of_str(t->query.text));
    json_set(o, "permit", json_of_str(t->permit.text));
    set_hash(o, "query_sha256", &t->query_hash);
    set_hash(o, "permit_sha256", &t->permit_hash);
    set_hash(o, "question_sha256", question_hash);
    return o;
}

struct entry {
    int64_t at_ms;
    struct label account;
};

static result differs(struct why *why, const char *field)
{
    return FAIL_CODE(why, DENIED, "entry_differs", field, "the log's entry says another %s than the task", field + 1);
}

static result check_text(struct fields *f, const char *key, const char *path, const char *want)
{
    struct slice got;
    TRY(need_text(f, key, SITE_ID_MAX, &got));
    return slice_is(got, want) ? DONE : differs(f->why, path);
}

static result check_hash(struct fields *f, const char *key, const char *path, const struct hash *want)
{
    struct hash got;
    TRY(need_hash(f, key, got.at));
    return hash_equal(&got, want) ? DONE : differs(f->why, path);
}

static result check_fields(const struct task *t, const struct hash *question_hash, const struct json *tree, struct entry *ret,
                           struct why *why)
{
    struct fields f;
    TRY(fields_open(tree, "", &f, why));
    TRY(check_text(&f, "innsyn", "/innsyn", "entry/1"));
    TRY(check_text(&f, "type", "/type", "dispatch"));
    TRY(check_text(&f, "task", "/task", t->id.text));
    TRY(check_text(&f, "site", "/site", t->site.text));
    TRY(check_text(&f, "query", "/query", t->query.text));
    TRY(check_text(&f, "permit", "/permit", t->permit.text));
    TRY(check_hash(&f, "query_sha256", "/query_sha256", &t->query_hash));
    TRY(check_hash(&f, "permit_sha256", "/permit_sha256", &t->permit_hash));
    TRY(check_hash(&f, "question_sha256", "/question_sha256", question_hash));
    TRY(need_instant(&f, "at", &ret->at_ms));
    TRY(need_label(&f, "account", &ret->account));
    return fields_close(&f);
}

result task_check_entry(const struct task *t, const struct hash *question_hash, struct slice entry, struct why *why)
{
    struct json *tree CLEANUP(json_freep) = NULL, *want CLEANUP(json_freep) = NULL;
    struct buffer text CLEANUP(buffer_done) = {0};
    struct entry said;
    TRY(json_parse(entry, ENTRY_BYTES_MAX, &tree, why));
    result r = check_fields(t, question_hash, tree, &said, why);
    if (r.code == MALFORMED) { /* what is no dispatch entry is no entry of this task */
        char field[JSON_PATH_MAX] = "";
        if (why)
            (void)snprintf(field, sizeof field, "%s", why->field);
        return FAIL_CODE(why, DENIED, "entry_differs", field, "not the dispatch entry of this task: a field is absent, malformed or too many");
    }
    TRY(r);
    /* Its bytes too: a log holds one spelling of what it says. */
    want = task_entry(t, &said.account, question_hash, said.at_ms);
    buffer_init(&text, ENTRY_BYTES_MAX);
    TRY(json_print(want, &text, why));
    if (!slice_equal(buffer_slice(&text), entry))
        return FAIL_CODE(why, DENIED, "entry_differs", "", "the log's entry is not canonical");
    return DONE;
}

result entry_account(struct slice entry, struct label *ret, struct why *why)
{
    struct json *tree CLEANUP(json_freep) = NULL;
    struct fields f;
    TRY(json_parse(entry, ENTRY_BYTES_MAX, &tree, why));
    TRY(fields_open(tree, "", &f, why));
    return need_label(&f, "account", ret);
}
