/*
 * Invariants, true between calls:
 *   the newest file is `file`, of `bytes` bytes, and ends in a whole line
 *   every line of the files that were read at opening or written since has its place in the table
 */
#include "agents/guard/answers.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/fields.h"

enum { PATH_SIZE = ANSWERS_FOLDER_MAX + 16, LINE_BYTES_MAX = ANSWER_BYTES_MAX + 1024, FILE_BYTES_MAX = ANSWERS_FILE_BYTES + LINE_BYTES_MAX,
       FILES_MAX = 1 << 30, ROOM_FIRST = 1024, MOMENT_DIGITS = 13 };

/* A line's place; len 0: the slot is free.  The id is the beginning of a hash: the line says whose it is. */
struct place {
    uint64_t id;
    uint32_t file, at, len;
};

struct answers {
    const struct host *host;
    char folder[ANSWERS_FOLDER_MAX];
    uint32_t file;
    size_t bytes;
    bool torn; /* an append failed and could not be cut off */
    struct place *places;
    size_t count, room; /* room: a power of two, at least twice the count */
};

static void file_path(const struct answers *a, uint32_t file, char to[PATH_SIZE])
{
    snprintf(to, PATH_SIZE, "%s/%08u", a->folder, file);
}

/* --- places ------------------------------------------------------------------------------------ */

static uint64_t id_of(const struct document_id *query)
{
    struct hash h = sha256(slice_str(query->text));
    uint64_t id;
    memcpy(&id, h.at, sizeof id);
    return id;
}

static void put(struct place *places, size_t room, const struct place *p)
{
    size_t slot = p->id & (room - 1);
    while (places[slot].len) /* ends: half of the slots are free */
        slot = (slot + 1) & (room - 1);
    places[slot] = *p;
}

/* Room for one more. */
static result grow(struct answers *a, struct why *why)
{
    if (a->count >= ANSWERS_MAX)
        return FAIL(why, LIMIT, "this site gave %d answers in %d days, and keeps no more in mind", ANSWERS_MAX, (int)(ANSWERS_KNOWN_MS / 86400000));
    if (2 * (a->count + 1) <= a->room)
        return DONE;
    size_t room = a->room ? 2 * a->room : ROOM_FIRST;
    struct place *places = calloc(room, sizeof *places);
    if (!places)
        return FAIL(why, LIMIT, "no memory for the places of %zu answers", room);
    for (size_t i = 0; i < a->room; i++)
        if (a->places[i].len)
            put(places, room, &a->places[i]);
    free(a->places);
    a->places = places;
    a->room = room;
    return DONE;
}

static result remember(struct answers *a, const struct document_id *query, uint32_t file, size_t at, size_t len, struct why *why)
{
    struct place p = {id_of(query), file, (uint32_t)at, (uint32_t)len};
    TRY(grow(a, why));
    put(a->places, a->room, &p);
    a->count++;
    return DONE;
}

/* --- lines ------------------------------------------------------------------------------------- */

/* "<query id> <moment> {...}": *ret_json is the rest. */
static bool line_read(struct slice line, struct document_id *ret_query, int64_t *ret_ms, struct slice *ret_json)
{
    size_t id_end = slice_find(line, ' ');
    struct slice rest = id_end < line.len ? slice_part(line, id_end + 1, line.len) : slice_str("");
    size_t end = slice_find(rest, ' ');
    if (end != MOMENT_DIGITS || end + 2 >= rest.len || rest.at[end + 1] != '{' || rest.at[rest.len - 1] != '}' ||
        !is_ok(document_id_parse(slice_part(line, 0, id_end), 'q', ret_query, NULL)))
        return false;
    int64_t ms = 0;
    for (size_t i = 0; i < end; i++) {
        if (rest.at[i] < '0' || rest.at[i] > '9')
            return false;
        ms = ms * 10 + (rest.at[i] - '0');
    }
    *ret_ms = ms;
    *ret_json = slice_part(rest, end + 1, rest.len);
    return true;
}

static result answer_read(struct slice text, struct stored_answer *ret, struct why *why)
{
    struct json *v CLEANUP(json_freep) = NULL;
    TRY(json_parse(text, ANSWER_BYTES_MAX, &v, why));
    struct fields f;
    struct slice kind, task;
    const struct json *envelope;
    TRY(fields_open(v, "", &f, why));
    TRY(need_text(&f, "innsyn", 32, &kind));
    TRY(need_text(&f, "task", DOCUMENT_ID_LEN, &task));
    TRY(need_hash(&f, "query_sha256", ret->query_hash.at));
    TRY(need_object(&f, "result", &envelope));
    TRY(fields_close(&f));
    TRY(document_id_parse(task, 't', &ret->task, why));
    buffer_init(&ret->result, ANSWER_BYTES_MAX);
    return json_print(envelope, &ret->result, why);
}

void stored_answer_done(struct stored_answer *a)
{
    buffer_done(&a->result);
    *a = (struct stored_answer){0};
}

/* --- opening ----------------------------------------------------------------------------------- */

static result file_is_there(const struct answers *a, uint32_t file, bool *ret, struct why *why)
{
    char path[PATH_SIZE];
    struct buffer none CLEANUP(buffer_done) = {0};
    buffer_init(&none, 1);
    file_path(a, file, path);
    result r = host_read_file(a->host, path, 0, &none, why);
    *ret = r.code != ABSENT;
    return r.code == ABSENT || r.code == LIMIT ? DONE : r; /* LIMIT: it has more than nothing in it */
}

/* How many files there are: they are numbered from 0 without a gap. */
static result count_files(const struct answers *a, uint32_t *ret, struct why *why)
{
    uint32_t low = 0, high = 1; /* file low - 1 is there, file high - 1 is not, once the first loop has ended */
    for (bool there = true; there && high < FILES_MAX;) {
        TRY(file_is_there(a, high - 1, &there, why));
        if (there) {
            low = high;
            high *= 2;
        }
    }
    while (high - low > 1) {
        bool there;
        uint32_t middle = low + (high - low) / 2;
        TRY(file_is_there(a, middle - 1, &there, why));
        *(there ? &low : &high) = middle;
    }
    *ret = low;
    return DONE;
}

/* *ret_ms: the newest answer's moment; *ret_whole: bytes up to the last newline. */
static result read_places(struct answers *a, uint32_t file, struct slice text, int64_t *ret_ms, size_t *ret_whole, struct why *why)
{
    struct document_id query;
    struct slice json;
    size_t at = 0;
    *ret_ms = 0;
    for (size_t end; (end = slice_find(slice_part(text, at, text.len), '\n')) < text.len - at; at += end + 1) {
        if (!line_read(slice_part(text, at, at + end), &query, ret_ms, &json))
            return FAIL(why, BROKEN, "%s/%08u: what begins at byte %zu is no answer", a->folder, file, at);
        TRY(remember(a, &query, file, at, end, why));
    }
    *ret_whole = at;
    return DONE;
}

/* From the newest file back to the first that holds nothing of the last ANSWERS_KNOWN_MS. */
static result recover(struct answers *a, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    char path[PATH_SIZE];
    uint32_t count = 0;
    int64_t newest_ms = 0, since_ms = host_now_ms(a->host) - ANSWERS_KNOWN_MS;
    buffer_init(&text, FILE_BYTES_MAX);
    TRY(count_files(a, &count, why));
    for (uint32_t file = count; file-- > 0 && (file + 1 == count || newest_ms >= since_ms);) {
        size_t whole = 0;
        file_path(a, file, path);
        buffer_clear(&text);
        TRY(host_read_file(a->host, path, FILE_BYTES_MAX, &text, why));
        TRY(read_places(a, file, buffer_slice(&text), &newest_ms, &whole, why));
        if (file + 1 < count && whole != text.len)
            return FAIL(why, BROKEN, "%s ends in a torn line, and is not the newest", path);
        if (whole != text.len)
            TRY(host_write_file(a->host, path, 0600, slice_part(buffer_slice(&text), 0, whole), why));
        if (file + 1 == count) {
            a->file = file;
            a->bytes = whole;
        }
    }
    return DONE;
}

result answers_open(const struct host *host, const char *folder, struct answers **ret, struct why *why)
{
    struct answers *a CLEANUP(answers_freep) = calloc(1, sizeof *a);
    if (!a)
        return FAIL(why, LIMIT, "no memory for the answers");
    if (!slice_copy_str(slice_str(folder), a->folder, sizeof a->folder))
        return FAIL(why, LIMIT, "the answers' folder has too long a name");
    a->host = host;
    TRY(recover(a, why));
    *ret = MOVE(a);
    return DONE;
}

void answers_free(struct answers *a)
{
    if (a)
        free(a->places);
    free(a);
}

void answers_freep(struct answers **a)
{
    answers_free(*a);
}

/* --- reading and writing ------------------------------------------------------------------------ */

/* The line at a place, if it is of this query: *ret_json then points into text. */
static result read_line(const struct answers *a, const struct place *p, const struct document_id *query, struct buffer *text,
                        struct slice *ret_json, struct why *why)
{
    char path[PATH_SIZE];
    struct document_id whose;
    int64_t at_ms;
    struct slice json;
    file_path(a, p->file, path);
    buffer_clear(text);
    TRY(host_read_file(a->host, path, FILE_BYTES_MAX, text, why));
    if ((size_t)p->at + p->len > text->len || !line_read(slice_part(buffer_slice(text), p->at, (size_t)p->at + p->len), &whose, &at_ms, &json))
        return FAIL(why, BROKEN, "%s: what begins at byte %u is not the answer that was written there", path, p->at);
    if (document_id_equal(&whose, query))
        *ret_json = json;
    return DONE;
}

result answers_read(struct answers *a, const struct document_id *query, struct stored_answer *ret, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    struct stored_answer found CLEANUP(stored_answer_done) = {0};
    struct slice json = {0};
    struct why inner = {0};
    uint64_t id = id_of(query);
    buffer_init(&text, FILE_BYTES_MAX);
    for (size_t slot = id & (a->room - 1); a->room && a->places[slot].len && !json.len; slot = (slot + 1) & (a->room - 1))
        if (a->places[slot].id == id)
            TRY(read_line(a, &a->places[slot], query, &text, &json, why));
    if (!json.len)
        return FAIL(why, ABSENT, "query %s was not answered here", query->text);
    if (!is_ok(answer_read(json, &found, &inner)))
        return FAIL(why, BROKEN, "the stored answer to query %s: %s", query->text, inner.text);
    *ret = found;
    found = (struct stored_answer){0};
    return DONE;
}

static result line_print(const struct answers *a, const struct document_id *query, const struct document_id *task,
                         const struct hash *query_hash, struct slice result_text, struct buffer *to, struct why *why)
{
    char hash[2 * HASH_LEN + 1];
    if (slice_find(result_text, '\n') < result_text.len)
        return FAIL(why, BROKEN, "an answer's text is not canonical");
    hash_print(query_hash, hash);
    TRY(buffer_printf(to, why, "%s %0*lld {\"innsyn\":\"answer/1\",\"query_sha256\":\"%s\",\"result\":", query->text, MOMENT_DIGITS,
                      (long long)host_now_ms(a->host), hash));
    TRY(buffer_add(to, result_text, why));
    return buffer_printf(to, why, ",\"task\":\"%s\"}\n", task->text);
}

result answers_write(struct answers *a, const struct document_id *query, const struct document_id *task, const struct hash *query_hash,
                     struct slice result_text, struct why *why)
{
    char path[PATH_SIZE];
    struct stored_answer before CLEANUP(stored_answer_done) = {0};
    struct buffer line CLEANUP(buffer_done) = {0};
    buffer_init(&line, LINE_BYTES_MAX);
    result r = answers_read(a, query, &before, NULL);
    if (r.code != ABSENT)
        return is_ok(r) ? FAIL(why, DENIED, "query %s has an answer already", query->text) : r;
    if (a->torn)
        return FAIL(why, UNAVAILABLE, "an append to the answers failed; they are opened anew with the next start");
    TRY(grow(a, why));
    TRY(line_print(a, query, task, query_hash, result_text, &line, why));
    uint32_t file = a->bytes >= ANSWERS_FILE_BYTES ? a->file + 1 : a->file;
    size_t at = file == a->file ? a->bytes : 0;
    file_path(a, file, path);
    r = host_append_file(a->host, path, 0600, buffer_slice(&line), why);
    a->torn = r.code == BROKEN;
    TRY(r);
    a->file = file;
    a->bytes = at + line.len;
    return remember(a, query, file, at, line.len - 1, why);
}
