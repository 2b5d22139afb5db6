#include "agents/snapshot/layout.h"

#include <stdio.h>

enum column_kind column_kind_of(const struct variable *v)
{
    switch (v->type) {
    case VARIABLE_ID:
        return COLUMN_NONE;
    case VARIABLE_CATEGORY:
    case VARIABLE_CODE:
        return v->level_count < UINT8_MAX ? COLUMN_U8 : v->level_count < UINT16_MAX ? COLUMN_U16 : COLUMN_U32;
    case VARIABLE_INTEGER:
    case VARIABLE_NUMBER:
        return COLUMN_DOUBLE;
    case VARIABLE_DATE:
        return COLUMN_DAY;
    }
    return COLUMN_NONE;
}

size_t column_width(enum column_kind k)
{
    switch (k) {
    case COLUMN_U8:
        return 1;
    case COLUMN_U16:
        return 2;
    case COLUMN_U32:
    case COLUMN_DAY:
        return 4;
    case COLUMN_DOUBLE:
        return 8;
    case COLUMN_NONE:
        break;
    }
    return 0;
}

static const char *column_ending(enum column_kind k)
{
    switch (k) {
    case COLUMN_U8:
        return "u8";
    case COLUMN_U16:
        return "u16";
    case COLUMN_U32:
        return "u32";
    case COLUMN_DOUBLE:
        return "f64";
    case COLUMN_DAY:
        return "day";
    case COLUMN_NONE:
        break;
    }
    return "none";
}

unsigned layout_files(const struct dictionary *d, struct layout_file ret[LAYOUT_FILES_MAX])
{
    unsigned n = 0;
    for (unsigned i = 0; i < d->variable_count && n < VARIABLES_MAX; i++) {
        enum column_kind kind = column_kind_of(&d->variables[i]);
        if (kind == COLUMN_NONE)
            continue;
        ret[n] = (struct layout_file){.variable = i, .width = column_width(kind)};
        /* Numbered and not named: variable names may differ in case alone, and file systems may not. */
        (void)snprintf(ret[n].name, sizeof ret[n].name, "c%04u.%s", i, column_ending(kind));
        n++;
    }
    if (d->event_table)
        ret[n++] = (struct layout_file){.name = "persons.u32", .width = 4};
    ret[n++] = (struct layout_file){.name = "keys.u64", .width = 8, .by_person = true};
    return n;
}

result layout_path(const char *folder, const char *name, char ret[PATH_MAX], struct why *why)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (len < 0 || (size_t)len >= sizeof path || strlen(folder) > SNAPSHOT_PATH_MAX)
        return FAIL(why, LIMIT, "the path of a snapshot is longer than %d bytes", SNAPSHOT_PATH_MAX);
    memcpy(ret, path, (size_t)len + 1);
    return DONE;
}

result layout_snapshot(const char *dataset_folder, const struct hash *name, char ret[PATH_MAX], struct why *why)
{
    char part[sizeof "snapshots/" + 2 * HASH_LEN] = "snapshots/";
    hash_print(name, part + strlen("snapshots/"));
    return layout_path(dataset_folder, part, ret, why);
}
