/*
 * Order of the steps, and what a crash after each leaves in force:
 *   files written and synced in snapshots/new-<pid>     the old snapshot; the folder is a leftover
 *   dictionary, manifest written and synced there       the same
 *   folder renamed to its name                          the same
 *   `current` replaced                                  the new snapshot; the old one is removed at the next load
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/snapshot/layout.h"

enum { FILE_BUFFER_BYTES = 64 * 1024, CURRENT_TEXT_LEN = 2 * HASH_LEN + 1 };

struct column_file {
    int fd; /* -1: closed */
    struct hasher *hasher;
    uint64_t bytes;
    size_t held;
    uint8_t *buffer;
};

struct snapshot_writer {
    const struct host *host;
    const struct dictionary *dictionary;
    char dataset_folder[PATH_MAX];
    char folder[PATH_MAX]; /* snapshots/new-<pid>; "" once it is gone or committed */
    int lock;
    struct layout_file layout[LAYOUT_FILES_MAX];
    struct column_file files[LAYOUT_FILES_MAX];
    unsigned file_count;
    unsigned file_of[VARIABLES_MAX]; /* variable -> file */
    unsigned persons_file, keys_file;
    bool publish_persons;
};

static result disk(struct why *why, const char *deed, const char *folder, const char *name)
{
    return FAIL(why, UNAVAILABLE, "cannot %s %s/%s: %s", deed, folder, name, strerrordesc_np(errno));
}

/* --- what earlier loads left ------------------------------------------------------------------ */

/* A folder of plain files, as a snapshot is one.  Best effort: what stays is tried again at the next load. */
static void remove_folder(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    for (unsigned n = 0; n < LAYOUT_ENTRIES_MAX; n++) {
        const struct dirent *e = readdir(dir);
        if (!e)
            break;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            (void)unlinkat(dirfd(dir), e->d_name, 0);
    }
    (void)closedir(dir);
    (void)unlinkat(parent, name, AT_REMOVEDIR);
}

static void remove_leftovers(const char *snapshots, const char *kept)
{
    DIR *dir = opendir(snapshots);
    if (!dir)
        return;
    for (unsigned n = 0; n < LAYOUT_ENTRIES_MAX; n++) {
        const struct dirent *e = readdir(dir);
        if (!e)
            break;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && strcmp(e->d_name, kept) != 0)
            remove_folder(dirfd(dir), e->d_name);
    }
    (void)closedir(dir);
}

/* --- beginning -------------------------------------------------------------------------------- */

static result take_lock(struct snapshot_writer *w, struct why *why)
{
    char path[PATH_MAX];
    TRY(layout_path(w->dataset_folder, "load.lock", path, why));
    w->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (w->lock < 0)
        return disk(why, "open", w->dataset_folder, "load.lock");
    if (flock(w->lock, LOCK_EX | LOCK_NB) != 0)
        return FAIL(why, AGAIN, "another load of dataset %s is running; wait until it has ended",
                    w->dictionary->dataset.text);
    return DONE;
}

static result open_file(struct snapshot_writer *w, unsigned i, struct why *why)
{
    struct column_file *f = &w->files[i];
    char path[PATH_MAX];
    TRY(layout_path(w->folder, w->layout[i].name, path, why));
    TRY(hasher_new(&f->hasher, why));
    f->buffer = malloc(FILE_BUFFER_BYTES);
    if (!f->buffer)
        return FAIL(why, LIMIT, "no memory to write %u files", w->file_count);
    f->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->fd < 0)
        return disk(why, "create", w->folder, w->layout[i].name);
    return DONE;
}

static result begin(struct snapshot_writer *w, struct why *why)
{
    char snapshots[PATH_MAX], kept[2 * HASH_LEN + 1] = "", name[LAYOUT_NAME_SIZE];
    struct hash current;
    struct why found = {0};
    TRY(host_make_folder(w->host, w->dataset_folder, 0700, why));
    TRY(take_lock(w, why));
    TRY(layout_path(w->dataset_folder, "snapshots", snapshots, why));
    TRY(host_make_folder(w->host, snapshots, 0700, why));
    result r = snapshot_current(w->host, w->dataset_folder, &current, &found);
    if (is_ok(r)) {
        hash_print(&current, kept);
    } else if (r.code != ABSENT && r.code != BROKEN) {
        if (why)
            *why = found;
        return r;
    }
    if (r.code != BROKEN) /* else the last good one is unknown: nothing is removed until a load has put one in force */
        remove_leftovers(snapshots, kept);
    (void)snprintf(name, sizeof name, "new-%d", (int)getpid());
    TRY(layout_path(snapshots, name, w->folder, why));
    TRY(host_make_folder(w->host, w->folder, 0700, why));
    for (unsigned i = 0; i < w->file_count; i++)
        TRY(open_file(w, i, why));
    return DONE;
}

result snapshot_begin(const struct host *h, const char *dataset_folder, const struct dictionary *d,
                      struct snapshot_writer **ret, struct why *why)
{
    if (strlen(dataset_folder) > SNAPSHOT_PATH_MAX)
        return FAIL(why, LIMIT, "the path of a dataset is longer than %d bytes", SNAPSHOT_PATH_MAX);
    struct snapshot_writer *w CLEANUP(snapshot_writer_freep) = calloc(1, sizeof *w);
    if (!w)
        return FAIL(why, LIMIT, "no memory to write a snapshot");
    w->host = h;
    w->dictionary = d;
    w->lock = -1;
    memcpy(w->dataset_folder, dataset_folder, strlen(dataset_folder) + 1);
    w->file_count = layout_files(d, w->layout);
    w->keys_file = w->file_count - 1;
    w->persons_file = w->file_count - 2; /* of meaning in event tables only */
    for (unsigned i = 0; i < w->file_count; i++) {
        w->files[i].fd = -1;
        if (i < w->persons_file + !d->event_table)
            w->file_of[w->layout[i].variable] = i;
    }
    TRY(begin(w, why));
    *ret = MOVE(w);
    return DONE;
}

/* --- adding ----------------------------------------------------------------------------------- */

static result write_out(struct snapshot_writer *w, unsigned i, const uint8_t *at, size_t len, struct why *why)
{
    struct column_file *f = &w->files[i];
    hasher_add(f->hasher, slice_of(at, len));
    while (len) {
        ssize_t n = write(f->fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return disk(why, "write", w->folder, w->layout[i].name);
        at += n;
        len -= (size_t)n;
    }
    return DONE;
}

static result flush(struct snapshot_writer *w, unsigned i, struct why *why)
{
    size_t held = w->files[i].held;
    w->files[i].held = 0;
    return write_out(w, i, w->files[i].buffer, held, why);
}

static result add(struct snapshot_writer *w, unsigned i, const void *values, size_t count, struct why *why)
{
    struct column_file *f = &w->files[i];
    size_t len = count * w->layout[i].width;
    if (len > FILE_BUFFER_BYTES - f->held)
        TRY(flush(w, i, why));
    f->bytes += len;
    if (len > FILE_BUFFER_BYTES)
        return write_out(w, i, values, len, why);
    if (len)
        memcpy(f->buffer + f->held, values, len);
    f->held += len;
    return DONE;
}

result snapshot_add(struct snapshot_writer *w, unsigned variable, const void *values, size_t count, struct why *why)
{
    if (variable >= w->dictionary->variable_count || column_kind_of(&w->dictionary->variables[variable]) == COLUMN_NONE)
        abort(); /* a caller's mistake; the person key has no column */
    return add(w, w->file_of[variable], values, count, why);
}

result snapshot_add_persons(struct snapshot_writer *w, const uint32_t *persons, size_t count, struct why *why)
{
    if (!w->dictionary->event_table)
        abort();
    return add(w, w->persons_file, persons, count, why);
}

result snapshot_add_keys(struct snapshot_writer *w, const uint64_t *keys, size_t count, struct why *why)
{
    return add(w, w->keys_file, keys, count, why);
}

/* --- ending ----------------------------------------------------------------------------------- */

static result finish_file(struct snapshot_writer *w, unsigned i, uint64_t values, struct json *list, struct why *why)
{
    struct column_file *f = &w->files[i];
    if (f->bytes != values * w->layout[i].width)
        abort(); /* the loader has lost a value */
    TRY(flush(w, i, why));
    if (fsync(f->fd) != 0)
        return disk(why, "sync", w->folder, w->layout[i].name);
    int fd = f->fd;
    f->fd = -1;
    if (close(fd) != 0)
        return disk(why, "close", w->folder, w->layout[i].name);
    struct hash sum = hasher_end(f->hasher);
    struct json *entry = json_object();
    json_set(entry, "name", json_of_str(w->layout[i].name));
    json_set(entry, "bytes", json_of_integer((int64_t)f->bytes));
    json_set(entry, "sha256", json_of_hex(slice_of(sum.at, sizeof sum.at)));
    json_add(list, entry);
    return DONE;
}

static struct json *missing_codes(const struct dictionary *d)
{
    struct json *all = json_object();
    for (unsigned i = 0; i < d->variable_count; i++) {
        const struct variable *v = &d->variables[i];
        struct json *codes;
        char name[VARIABLE_MAX + 1];
        if (!v->missing_count || !slice_copy_str(v->name, name, sizeof name))
            continue;
        codes = json_array();
        for (unsigned k = 0; k < v->missing_count; k++)
            json_add(codes, json_of_text(v->missing_codes[k]));
        json_set(all, name, codes);
    }
    return all;
}

static result write_named(struct snapshot_writer *w, const char *name, const struct buffer *bytes, struct why *why)
{
    char path[PATH_MAX];
    TRY(layout_path(w->folder, name, path, why));
    return host_write_file(w->host, path, 0600, buffer_slice(bytes), why);
}

void snapshot_publish_persons(struct snapshot_writer *w)
{
    w->publish_persons = true;
}

static result describe(struct snapshot_writer *w, struct json *manifest, uint64_t rows, uint64_t persons,
                       struct buffer *dictionary, struct why *why)
{
    struct json *d CLEANUP(json_freep) = dictionary_json(w->dictionary), *files = json_array(), *entry = json_object();
    json_set(manifest, "innsyn", json_of_str(LAYOUT_FORMAT));
    json_set(manifest, "dataset", json_of_str(w->dictionary->dataset.text));
    json_set(manifest, "rows", json_of_integer((int64_t)rows));
    json_set(manifest, "persons", json_of_integer((int64_t)persons));
    json_set(manifest, "created", json_of_instant(host_now_ms(w->host)));
    if (w->publish_persons)
        json_set(manifest, "publish_persons", json_of_bool(true));
    json_set(manifest, "missing_codes", missing_codes(w->dictionary));
    json_set(manifest, "files", files);
    json_set(manifest, "dictionary", entry);
    for (unsigned i = 0; i < w->file_count; i++)
        TRY(finish_file(w, i, w->layout[i].by_person ? persons : rows, files, why));
    TRY(json_print(d, dictionary, why));
    struct hash sum = sha256(buffer_slice(dictionary));
    json_set(entry, "bytes", json_of_integer((int64_t)dictionary->len));
    json_set(entry, "sha256", json_of_hex(slice_of(sum.at, sizeof sum.at)));
    return DONE;
}

static result commit(struct snapshot_writer *w, uint64_t rows, uint64_t persons, struct buffer *dictionary,
                     struct buffer *text, struct hash *ret, struct why *why)
{
    struct json *manifest CLEANUP(json_freep) = json_object();
    char path[PATH_MAX], current[CURRENT_TEXT_LEN + 1];
    TRY(describe(w, manifest, rows, persons, dictionary, why));
    TRY(write_named(w, "dictionary.json", dictionary, why));
    TRY(json_print(manifest, text, why));
    TRY(write_named(w, "manifest.json", text, why));
    struct hash name = sha256(buffer_slice(text));
    TRY(layout_snapshot(w->dataset_folder, &name, path, why));
    if (access(path, F_OK) != 0) { /* else the same bytes, loaded in the same millisecond, are there already */
        TRY(host_rename(w->host, w->folder, path, why));
        w->folder[0] = 0;
    }
    TRY(layout_path(w->dataset_folder, "current", path, why));
    hash_print(&name, current);
    current[CURRENT_TEXT_LEN - 1] = '\n';
    TRY(host_write_file(w->host, path, 0600, slice_of(current, CURRENT_TEXT_LEN), why));
    *ret = name;
    return DONE;
}

result snapshot_commit(struct snapshot_writer *w, uint64_t rows, uint64_t persons, struct hash *ret, struct why *why)
{
    struct buffer dictionary CLEANUP(buffer_done) = {0}, manifest CLEANUP(buffer_done) = {0};
    buffer_init(&dictionary, DICTIONARY_BYTES_MAX);
    buffer_init(&manifest, SNAPSHOT_MANIFEST_BYTES_MAX);
    return commit(w, rows, persons, &dictionary, &manifest, ret, why);
}

void snapshot_writer_free(struct snapshot_writer *w)
{
    if (!w)
        return;
    for (unsigned i = 0; i < w->file_count; i++) {
        if (w->files[i].fd >= 0)
            (void)close(w->files[i].fd);
        hasher_free(w->files[i].hasher);
        if (w->files[i].buffer)
            wipe(w->files[i].buffer, FILE_BUFFER_BYTES);
        free(w->files[i].buffer);
    }
    if (w->folder[0])
        remove_folder(AT_FDCWD, w->folder);
    if (w->lock >= 0)
        (void)close(w->lock);
    free(w);
}

void snapshot_writer_freep(struct snapshot_writer **w)
{
    snapshot_writer_free(*w);
    *w = NULL;
}
