#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/snapshot/layout.h"
#include "base/codec.h"
#include "proto/fields.h"

enum { CURRENT_BYTES_MAX = 128 };

struct snapshot_map {
    void *at;
    size_t len;
};

struct snapshot_maps {
    struct snapshot_map map[LAYOUT_FILES_MAX];
    uint32_t *by_person; /* ours, not mapped */
};

struct manifest {
    struct json *tree;
    struct snapshot_facts facts;
    const struct json *files;
    int64_t dictionary_bytes;
    struct hash dictionary_hash;
};

static void manifest_done(struct manifest *m)
{
    json_free(m->tree);
}

/* Whatever made a check of a stored file fail, the caller learns that the file is damaged, and which. */
static result broken(struct why *why, const char *folder, const char *name, const char *what)
{
    return FAIL(why, BROKEN, "%s/%s %s; load the dataset again", folder, name, what);
}

result snapshot_current(const struct host *h, const char *dataset_folder, struct hash *ret, struct why *why)
{
    char path[PATH_MAX];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct hash name;
    buffer_init(&text, CURRENT_BYTES_MAX);
    TRY(layout_path(dataset_folder, "current", path, why));
    result r = host_read_file(h, path, CURRENT_BYTES_MAX, &text, why);
    if (r.code == ABSENT)
        return FAIL(why, ABSENT, "%s holds no snapshot; load the dataset first", dataset_folder);
    TRY(r);
    if (text.len != 2 * HASH_LEN + 1 || text.at[text.len - 1] != '\n' ||
        !hex_parse(slice_part(buffer_slice(&text), 0, 2 * HASH_LEN), name.at, sizeof name.at))
        return broken(why, dataset_folder, "current", "does not hold the name of a snapshot");
    *ret = name;
    return DONE;
}

/* --- manifest and dictionary ------------------------------------------------------------------ */

static result read_manifest(struct slice text, struct manifest *m, struct why *why)
{
    struct fields f, g;
    const struct json *dictionary, *missing;
    struct slice kind, dataset;
    int64_t rows, persons;
    TRY(json_parse(text, SNAPSHOT_MANIFEST_BYTES_MAX, &m->tree, why));
    TRY(fields_open(m->tree, "", &f, why));
    TRY(need_text(&f, "innsyn", 32, &kind));
    TRY(need_text(&f, "dataset", LABEL_MAX, &dataset));
    TRY(need_integer(&f, "rows", 0, (int64_t)SNAPSHOT_ROWS_MAX, &rows));
    TRY(need_integer(&f, "persons", 0, (int64_t)SNAPSHOT_ROWS_MAX, &persons));
    TRY(need_instant(&f, "created", &m->facts.created_ms));
    TRY(may_bool(&f, "publish_persons", &m->facts.publish_persons));
    TRY(need_object(&f, "missing_codes", &missing));
    TRY(need_array(&f, "files", LAYOUT_FILES_MAX, &m->files));
    TRY(need_object(&f, "dictionary", &dictionary));
    TRY(fields_close(&f));
    TRY(fields_open(dictionary, "/dictionary", &g, why));
    TRY(need_integer(&g, "bytes", 2, DICTIONARY_BYTES_MAX, &m->dictionary_bytes));
    TRY(need_hash(&g, "sha256", m->dictionary_hash.at));
    TRY(fields_close(&g));
    TRY(label_parse(dataset, &m->facts.dataset, why));
    if (!slice_is(kind, LAYOUT_FORMAT))
        return FAIL(why, MALFORMED, "the format is not " LAYOUT_FORMAT);
    m->facts.rows = (uint64_t)rows;
    m->facts.persons = (uint64_t)persons;
    return DONE;
}

static result load_manifest(const struct host *h, const char *folder, const struct hash *name, struct buffer *text,
                            struct manifest *m, struct why *why)
{
    char path[PATH_MAX];
    struct hash sum;
    TRY(layout_path(folder, "manifest.json", path, why));
    result r = host_read_file(h, path, SNAPSHOT_MANIFEST_BYTES_MAX, text, why);
    if (r.code == ABSENT)
        return FAIL(why, ABSENT, "there is no snapshot %s", folder);
    if (r.code == LIMIT)
        return broken(why, folder, "manifest.json", "is too large");
    TRY(r);
    sum = sha256(buffer_slice(text));
    if (!hash_equal(&sum, name) || !is_ok(read_manifest(buffer_slice(text), m, NULL)))
        return broken(why, folder, "manifest.json", "is damaged (its hash is not its name)");
    m->facts.name = *name;
    return DONE;
}

static result parse_dictionary(struct slice text, const struct manifest *m, struct dictionary **ret, struct why *why)
{
    struct json *tree CLEANUP(json_freep) = NULL;
    TRY(json_parse(text, DICTIONARY_BYTES_MAX, &tree, why));
    return dictionary_read(tree, m->facts.dataset.text, PROFILE_CK, ret, why);
}

static result load_dictionary(const struct host *h, const char *folder, const struct manifest *m, struct buffer *text,
                              struct dictionary **ret, struct why *why)
{
    char path[PATH_MAX];
    struct why inner = {0};
    TRY(layout_path(folder, "dictionary.json", path, why));
    result r = host_read_file(h, path, DICTIONARY_BYTES_MAX, text, why);
    if (r.code == ABSENT || r.code == LIMIT)
        return broken(why, folder, "dictionary.json", r.code == ABSENT ? "is missing" : "is too large");
    TRY(r);
    struct hash sum = sha256(buffer_slice(text));
    if (text->len != (size_t)m->dictionary_bytes || !hash_equal(&sum, &m->dictionary_hash))
        return broken(why, folder, "dictionary.json", "is damaged (its hash is not the manifest's)");
    if (!is_ok(parse_dictionary(buffer_slice(text), m, ret, &inner)))
        return FAIL(why, BROKEN, "%s/dictionary.json cannot be read: %.150s", folder, inner.text);
    return DONE;
}

static result describe(const struct host *h, const char *folder, const struct hash *name, struct manifest *m,
                       struct dictionary **ret, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0}, dictionary CLEANUP(buffer_done) = {0};
    buffer_init(&text, SNAPSHOT_MANIFEST_BYTES_MAX);
    buffer_init(&dictionary, DICTIONARY_BYTES_MAX);
    TRY(load_manifest(h, folder, name, &text, m, why));
    return load_dictionary(h, folder, m, &dictionary, ret, why);
}

result snapshot_describe(const struct host *h, const char *dataset_folder, const struct hash *name,
                         struct snapshot_facts *ret, struct dictionary **ret_dictionary, struct why *why)
{
    char folder[PATH_MAX];
    struct manifest m CLEANUP(manifest_done) = {0};
    struct dictionary *d CLEANUP(dictionary_freep) = NULL;
    TRY(layout_snapshot(dataset_folder, name, folder, why));
    TRY(describe(h, folder, name, &m, &d, why));
    *ret = m.facts;
    if (ret_dictionary)
        *ret_dictionary = MOVE(d);
    return DONE;
}

/* --- columns ---------------------------------------------------------------------------------- */

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static result map_file(const char *folder, const struct layout_file *file, const struct json *entry, uint64_t values,
                       bool verify, struct snapshot_map *ret, struct why *why)
{
    char path[PATH_MAX];
    struct stat st;
    struct hash want;
    uint64_t bytes = values * file->width;
    struct slice sum = json_text(json_get(entry, "sha256"));
    if (!slice_is(json_text(json_get(entry, "name")), file->name) || !hex_parse(sum, want.at, sizeof want.at) ||
        json_integer(json_get(entry, "bytes")) != (int64_t)bytes)
        return broken(why, folder, "manifest.json", "names other files than its dictionary asks for");
    TRY(layout_path(folder, file->name, path, why));
    int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return broken(why, folder, file->name, "is missing");
    if (fd < 0 || fstat(fd, &st) != 0)
        return FAIL(why, UNAVAILABLE, "cannot open %s: %s", path, strerrordesc_np(errno));
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != bytes)
        return broken(why, folder, file->name, "is not as long as the manifest says");
    if (bytes) {
        void *at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED)
            return FAIL(why, LIMIT, "cannot map %s: %s", path, strerrordesc_np(errno));
        *ret = (struct snapshot_map){at, bytes};
        (void)madvise(at, bytes, MADV_DONTDUMP); /* rows in no core file, whatever the settings */
    }
    if (verify) {
        struct hash got = sha256(slice_of(ret->at, ret->len));
        if (!hash_equal(&got, &want))
            return broken(why, folder, file->name, "is damaged (its hash is not the manifest's)");
    }
    return DONE;
}

static bool all_within(const struct snapshot_map *m, size_t width, uint64_t last)
{
    const uint8_t *u8 = m->at;
    const uint16_t *u16 = m->at;
    const uint32_t *u32 = m->at;
    uint64_t most = 0;
    for (size_t i = 0, n = m->len / width; i < n; i++) {
        uint64_t v = width == 1 ? u8[i] : width == 2 ? u16[i] : u32[i];
        most = v > most ? v : most;
    }
    return m->len == 0 || most <= last;
}

/* Kernels index by what stands in these files; a number out of range must not get that far. */
static result check_range(const struct snapshot *s, const char *folder, const struct layout_file *file,
                          const struct snapshot_map *m, struct why *why)
{
    bool person = strcmp(file->name, "persons.u32") == 0;
    if (file->by_person)
        return DONE;
    const struct variable *v = &s->dictionary->variables[file->variable];
    if (!person && v->type != VARIABLE_CATEGORY && v->type != VARIABLE_CODE)
        return DONE;
    if (person && s->facts.persons == 0 && m->len)
        return broken(why, folder, file->name, "names persons where there are none");
    if (!all_within(m, file->width, person ? s->facts.persons - 1 : v->level_count))
        return broken(why, folder, file->name, person ? "names a person who is not there" : "names a level that is not there");
    return DONE;
}

/* Rows by person, by counting, unless they stand so already. */
static result order_by_person(struct snapshot *s, struct why *why)
{
    uint64_t n = s->facts.rows;
    bool sorted = true;
    for (uint64_t i = 1; i < n && sorted; i++)
        sorted = s->person[i - 1] <= s->person[i];
    if (sorted)
        return DONE;
    uint32_t *next = calloc(s->facts.persons + 1, sizeof *next), *rows = malloc(n * sizeof *rows);
    s->maps->by_person = rows;
    if (!next || !rows) {
        free(next);
        return FAIL(why, LIMIT, "no memory to order %" PRIu64 " rows by person", n);
    }
    for (uint64_t i = 0; i < n; i++)
        next[s->person[i] + 1]++;
    for (uint64_t p = 0; p < s->facts.persons; p++)
        next[p + 1] += next[p];
    for (uint64_t i = 0; i < n; i++)
        rows[next[s->person[i]]++] = (uint32_t)i;
    s->by_person = rows;
    free(next);
    return DONE;
}

static result map_all(struct snapshot *s, const char *folder, const struct manifest *m, bool verify, struct why *why)
{
    struct layout_file *layout = calloc(LAYOUT_FILES_MAX, sizeof *layout);
    result r = DONE;
    if (!layout)
        return FAIL(why, LIMIT, "no memory to open a snapshot");
    unsigned n = layout_files(s->dictionary, layout);
    if (json_size(m->files) != n || (!s->dictionary->event_table && s->facts.rows != s->facts.persons))
        r = broken(why, folder, "manifest.json", "names other files than its dictionary asks for");
    for (unsigned i = 0; i < n && is_ok(r); i++) {
        struct snapshot_map *map = &s->maps->map[i];
        r = map_file(folder, &layout[i], json_item(m->files, i), layout[i].by_person ? s->facts.persons : s->facts.rows,
                     verify, map, why);
        if (is_ok(r) && verify)
            r = check_range(s, folder, &layout[i], map, why);
        if (layout[i].by_person)
            s->keys = map->at;
        else if (s->dictionary->event_table && i == n - 2)
            s->person = map->at;
        else
            s->columns[layout[i].variable] = (struct snapshot_column){
                column_kind_of(&s->dictionary->variables[layout[i].variable]), map->at};
    }
    free(layout);
    return r;
}

result snapshot_open(const struct host *h, const char *dataset_folder, const struct hash *name, bool verify,
                     struct snapshot **ret, struct why *why)
{
    char folder[PATH_MAX];
    struct manifest m CLEANUP(manifest_done) = {0};
    struct snapshot *s CLEANUP(snapshot_closep) = calloc(1, sizeof *s);
    if (!s)
        return FAIL(why, LIMIT, "no memory to open a snapshot");
    TRY(layout_snapshot(dataset_folder, name, folder, why));
    TRY(describe(h, folder, name, &m, &s->dictionary, why));
    s->facts = m.facts;
    s->maps = calloc(1, sizeof *s->maps);
    s->columns = calloc(s->dictionary->variable_count ? s->dictionary->variable_count : 1, sizeof *s->columns);
    if (!s->maps || !s->columns)
        return FAIL(why, LIMIT, "no memory to open a snapshot");
    TRY(map_all(s, folder, &m, verify, why));
    if (s->dictionary->event_table)
        TRY(order_by_person(s, why));
    *ret = MOVE(s);
    return DONE;
}

void snapshot_close(struct snapshot *s)
{
    if (!s)
        return;
    if (s->maps) {
        for (unsigned i = 0; i < LAYOUT_FILES_MAX; i++)
            if (s->maps->map[i].len)
                (void)munmap(s->maps->map[i].at, s->maps->map[i].len);
        free(s->maps->by_person);
    }
    free(s->maps);
    free(s->columns);
    dictionary_free(s->dictionary);
    free(s);
}

void snapshot_closep(struct snapshot **s)
{
    snapshot_close(*s);
    *s = NULL;
}
