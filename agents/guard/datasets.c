#include "agents/guard/datasets.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agents/snapshot/snapshot.h"

enum { DATASET_PATH_MAX = 1024 };

void datasets_done(struct datasets *d)
{
    for (unsigned i = 0; i < d->count; i++)
        dictionary_free(d->dictionaries[i]);
    d->count = 0;
}

result edition_of(const struct hash *snapshot, const struct dictionary *d, const struct hash *optout_list, struct hash *ret, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = dictionary_json(d);
    uint8_t all[3 * HASH_LEN];
    buffer_init(&text, 2 * DICTIONARY_BYTES_MAX);
    TRY(json_print(v, &text, why));
    struct hash dictionary = sha256(buffer_slice(&text));
    memcpy(all, snapshot->at, HASH_LEN);
    memcpy(all + HASH_LEN, optout_list->at, HASH_LEN);
    memcpy(all + 2 * HASH_LEN, dictionary.at, HASH_LEN);
    *ret = sha256(slice_of(all, sizeof all));
    return DONE;
}

static int find(const struct datasets *d, const struct label *name)
{
    for (unsigned i = 0; i < d->count; i++)
        if (label_equal(&d->held[i].dictionary->dataset, name))
            return (int)i;
    return -1;
}

static result describe(const struct host *host, const char *folder, const struct hash *name, struct datasets *to, struct why *why)
{
    struct snapshot_facts facts;
    struct dictionary *dictionary CLEANUP(dictionary_freep) = NULL;
    struct held_dataset h = {.snapshot = *name};
    TRY(snapshot_describe(host, folder, name, &facts, &dictionary, why));
    struct hash nobody = sha256((struct slice){0});
    TRY(edition_of(name, dictionary, &nobody, &h.edition, why));
    h.snapshot_at_ms = facts.created_ms;
    h.dictionary = dictionary;
    to->held[to->count] = h;
    to->dictionaries[to->count++] = MOVE(dictionary);
    return DONE;
}

/* One dataset's folder: taken over from `before` if its snapshot is the same, else read. */
static result refresh_one(const struct host *host, const char *data_folder, const struct label *name,
                          struct datasets *before, struct datasets *now, bool *changed, struct why *why)
{
    char folder[DATASET_PATH_MAX];
    struct hash current;
    snprintf(folder, sizeof folder, "%s/%s", data_folder, name->text);
    result r = snapshot_current(host, folder, &current, why);
    if (r.code == ABSENT)
        return DONE; /* made, but nothing loaded yet */
    TRY(r);
    int at = find(before, name);
    if (at >= 0 && hash_equal(&before->held[at].snapshot, &current)) {
        now->held[now->count] = before->held[at];
        now->dictionaries[now->count++] = MOVE(before->dictionaries[at]);
        return DONE;
    }
    TRY(describe(host, folder, &current, now, why));
    *changed = true;
    return DONE;
}

result datasets_refresh(const struct host *host, const char *data_folder, struct datasets *d, bool *ret_changed, struct why *why)
{
    static struct datasets now; /* large; one guard a process */
    bool changed = false;
    DIR *folder = opendir(data_folder);
    if (!folder && errno != ENOENT)
        return FAIL(why, UNAVAILABLE, "%s cannot be read: %s", data_folder, strerror(errno));
    now.count = 0;
    for (struct dirent *e; folder && now.count < HELD_DATASETS_MAX && (e = readdir(folder)) != NULL;) {
        struct label name;
        if (is_ok(label_parse(slice_str(e->d_name), &name, NULL)))
            tolerate(refresh_one(host, data_folder, &name, d, &now, &changed, why)); /* left out, named in why */
    }
    if (folder)
        closedir(folder);
    for (unsigned i = 0; i < d->count; i++) {
        if (d->dictionaries[i])
            changed = true; /* was not taken over: gone, or replaced */
        dictionary_free(d->dictionaries[i]);
    }
    *d = now;
    now.count = 0;
    *ret_changed = changed;
    return DONE;
}

struct json *datasets_catalogue(const struct datasets *d)
{
    struct json *v = json_object(), *list = json_array();
    for (unsigned i = 0; i < d->count; i++) {
        struct json *one = json_object();
        json_set(one, "dictionary", dictionary_json(d->held[i].dictionary));
        json_set(one, "edition", json_of_hex(slice_of(d->held[i].edition.at, HASH_LEN)));
        json_set(one, "snapshot_at", json_of_instant(d->held[i].snapshot_at_ms));
        json_add(list, one);
    }
    json_set(v, "datasets", list);
    return v;
}
