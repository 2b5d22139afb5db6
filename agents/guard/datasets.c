#include "agents/guard/datasets.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agents/disclosure/cellkey.h"
#include "agents/disclosure/profile.h"
#include "agents/snapshot/snapshot.h"
#include "policy/site_rules.h"

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
    to->publish_persons[to->count] = facts.publish_persons;
    to->persons[to->count] = facts.persons;
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
        now->publish_persons[now->count] = before->publish_persons[at];
        now->persons[now->count] = before->persons[at];
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

result datasets_allow_rules(const struct datasets *d, const struct site_rules *rules, struct why *why)
{
    for (unsigned i = 0; i < d->count; i++) {
        const struct dictionary *one = d->held[i].dictionary;
        char field[LABEL_MAX + 32];
        if (one->profile == PROFILE_OPEN || !site_rules_name_at_grant(rules, &one->dataset))
            continue;
        snprintf(field, sizeof field, "/datasets/%s/optouts", one->dataset.text);
        return FAIL_AT(why, DENIED, field,
                       "at_grant is for open data: '%s' is loaded under profile %s, where an edition for each permit would be a draw of noise for each; "
                       "it always follows its batch (say current)", one->dataset.text, profile_name(one->profile));
    }
    return DONE;
}

result persons_published(const struct dictionary *d, uint64_t persons, struct cellkey *key, struct json **ret, struct why *why)
{
    const struct profile_rules *rules = profile_rules(d->profile);
    int64_t noised;
    *ret = NULL;
    if (d->profile == PROFILE_OPEN) {
        *ret = json_object();
        json_set(*ret, "count", json_of_integer((int64_t)persons));
        return DONE;
    }
    if (!rules)
        return DONE;
    TRY(cellkey_publish(key, rules->noise, slice_str("catalogue"), slice_str(d->dataset.text), 0, persons, &noised, why));
    int64_t about = (noised + PERSONS_PUBLISHED_STEP / 2) / PERSONS_PUBLISHED_STEP * PERSONS_PUBLISHED_STEP;
    *ret = json_object();
    if (about < PERSONS_PUBLISHED_MIN)
        json_set(*ret, "below", json_of_integer(PERSONS_PUBLISHED_MIN));
    else
        json_set(*ret, "about", json_of_integer(about));
    return DONE;
}

result datasets_catalogue(const struct datasets *d, struct cellkey *key, struct json **ret, struct why *why)
{
    struct json *v CLEANUP(json_freep) = json_object(), *list = json_array();
    json_set(v, "datasets", list);
    for (unsigned i = 0; i < d->count; i++) {
        struct json *one = json_object(), *persons = NULL;
        json_add(list, one);
        json_set(one, "dictionary", dictionary_json(d->held[i].dictionary));
        json_set(one, "edition", json_of_hex(slice_of(d->held[i].edition.at, HASH_LEN)));
        json_set(one, "snapshot_at", json_of_instant(d->held[i].snapshot_at_ms));
        if (d->publish_persons[i])
            TRY(persons_published(d->held[i].dictionary, d->persons[i], key, &persons, why));
        if (persons)
            json_set(one, "persons", persons);
    }
    *ret = MOVE(v);
    return DONE;
}
