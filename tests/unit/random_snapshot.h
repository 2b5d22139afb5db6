/* random_snapshot.h - snapshots and questions by chance, from a fixed seed, in memory: for kernels against naive code. */
#ifndef INNSYN_TESTS_UNIT_RANDOM_SNAPSHOT_H
#define INNSYN_TESTS_UNIT_RANDOM_SNAPSHOT_H

#include "tests/unit/agent_data.h"

struct chance {
    uint64_t state;
};

static inline uint64_t chance_next(struct chance *c)
{
    c->state ^= c->state << 13;
    c->state ^= c->state >> 7;
    c->state ^= c->state << 17;
    return c->state * UINT64_C(0x2545f4914f6cdd1d);
}

static inline unsigned chance_below(struct chance *c, unsigned n)
{
    return (unsigned)((chance_next(c) >> 33) % n);
}

/* Variables: 0 pid, 1 a (2 levels), 2 b (5), 3 wide (300: u16), 4 one (1), 5 age (integer), 6 lab (number), 7 seen (date). */
enum { RANDOM_VARIABLES = 8 };
static const unsigned RANDOM_LEVELS[RANDOM_VARIABLES] = {0, 2, 5, 300, 1, 0, 0, 0};
static const char *const RANDOM_NAMES[RANDOM_VARIABLES] = {"pid", "a", "b", "wide", "one", "age", "lab", "seen"};

/* Of b: odd and even levels.  Of wide: by the rest by 12, then by 3.  Of age: two nested sets of breaks. */
static const char *const RANDOM_GROUPINGS[] = {"parity", "by12", "by3", "twenties", "halves"};

static inline unsigned naive_group(struct slice grouping, unsigned level)
{
    return level % (slice_is(grouping, "parity") ? 2 : slice_is(grouping, "by12") ? 12 : 3);
}

static inline size_t random_grouping(unsigned v, const char *name, unsigned groups, char *to, size_t size)
{
    size_t n = (size_t)snprintf(to, size, "{\"name\":\"%s\",\"groups\":[", name);
    for (unsigned g = 0; g < groups; g++) {
        n += (size_t)snprintf(to + n, size - n, "%s{\"code\":\"%s-%u\",\"levels\":[", g ? "," : "", name, g);
        for (unsigned l = g; l < RANDOM_LEVELS[v]; l += groups)
            n += (size_t)snprintf(to + n, size - n, "%s\"%u\"", l > g ? "," : "", l);
        n += (size_t)snprintf(to + n, size - n, "]}");
    }
    return n + (size_t)snprintf(to + n, size - n, "]}");
}

static inline size_t random_groupings(unsigned v, char *to, size_t size)
{
    size_t n = 0;
    if (v == 5)
        return (size_t)snprintf(to, size, ",\"groupings\":[{\"name\":\"twenties\",\"breaks\":[0,20,40,60,80]},{\"name\":\"halves\",\"breaks\":[0,40,80]}]");
    if (v != 2 && v != 3)
        return 0;
    n += (size_t)snprintf(to, size, ",\"groupings\":[");
    n += random_grouping(v, v == 2 ? "parity" : "by12", v == 2 ? 2 : 12, to + n, size - n);
    if (v == 3) {
        n += (size_t)snprintf(to + n, size - n, ",");
        n += random_grouping(v, "by3", 3, to + n, size - n);
    }
    return n + (size_t)snprintf(to + n, size - n, "]");
}

static inline struct dictionary *random_dictionary(bool events)
{
    static char text[65536];
    size_t n = (size_t)snprintf(text, sizeof text,
                                "{\"dataset\":\"r\",\"event_table\":%s,\"variables\":[{\"name\":\"pid\",\"type\":\"id\"}",
                                events ? "true" : "false");
    for (unsigned v = 1; v < RANDOM_VARIABLES; v++) {
        n += (size_t)snprintf(text + n, sizeof text - n, ",{\"name\":\"%s\",\"type\":\"%s\"", RANDOM_NAMES[v],
                              v < 5 ? "category" : v == 5 ? "integer" : v == 6 ? "number" : "date");
        for (unsigned l = 0; l < RANDOM_LEVELS[v]; l++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s{\"code\":\"%u\"}", l ? "," : ",\"levels\":[", l);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s", v < 5 ? "]" : "");
        n += random_groupings(v, text + n, sizeof text - n);
        n += (size_t)snprintf(text + n, sizeof text - n, "}");
    }
    snprintf(text + n, sizeof text - n, "]}");
    return test_dictionary(text, PROFILE_OPEN);
}

/* missing_of_8: how many of eight cells are empty; 8 is all. */
static inline struct snapshot *random_snapshot(struct chance *c, struct dictionary *d, unsigned rows, unsigned missing_of_8)
{
    struct snapshot *s = calloc(1, sizeof *s);
    unsigned persons = d->event_table ? (rows + 3) / 4 : rows;
    s->dictionary = d;
    s->facts.rows = rows;
    s->facts.persons = persons;
    s->columns = calloc(RANDOM_VARIABLES, sizeof *s->columns);
    for (unsigned v = 1; v < RANDOM_VARIABLES; v++) {
        enum column_kind k = column_kind_of(&d->variables[v]);
        uint8_t *at = calloc(rows + 1, 8);
        for (unsigned i = 0; i < rows; i++) {
            bool missing = chance_below(c, 8) < missing_of_8;
            unsigned code = missing ? 0 : 1 + chance_below(c, RANDOM_LEVELS[v] ? RANDOM_LEVELS[v] : 1);
            double number = missing ? NAN : v == 5 ? chance_below(c, 100) : chance_below(c, 1000) / 10.0 - 50;
            if (k == COLUMN_U8)
                at[i] = (uint8_t)code;
            else if (k == COLUMN_U16)
                memcpy(at + 2 * i, &(uint16_t){(uint16_t)code}, 2);
            else if (k == COLUMN_DOUBLE)
                memcpy(at + 8 * i, &number, 8);
            else
                memcpy(at + 4 * i, &(int32_t){missing ? SNAPSHOT_DATE_MISSING : (int32_t)chance_below(c, 400) - 200}, 4);
        }
        s->columns[v] = (struct snapshot_column){k, at};
    }
    uint64_t *keys = calloc(persons + 1, sizeof *keys);
    for (unsigned i = 0; i < persons; i++)
        keys[i] = chance_next(c);
    s->keys = keys;
    if (!d->event_table)
        return s;
    uint32_t *person = calloc(rows + 1, sizeof *person), *order = calloc(rows + 1, sizeof *order), n = 0;
    for (unsigned i = 0; i < rows; i++)
        person[i] = chance_below(c, persons);
    for (uint32_t p = 0; p < persons; p++)
        for (uint32_t i = 0; i < rows; i++)
            if (person[i] == p)
                order[n++] = i;
    s->person = person;
    s->by_person = order;
    return s;
}

static inline void free_const(const void *at)
{
    void *mine;
    memcpy(&mine, &at, sizeof mine);
    free(mine);
}

static inline void random_snapshot_free(struct snapshot *s)
{
    for (unsigned v = 0; v < RANDOM_VARIABLES; v++)
        free_const(s->columns[v].at);
    free(s->columns);
    free_const(s->keys);
    free_const(s->person);
    free_const(s->by_person);
    free(s);
}

/* A cell as the naive code sees it: the level's index or -1, and the number or NaN. */
static inline int naive_level(const struct snapshot *s, unsigned v, uint64_t row)
{
    if (s->columns[v].kind == COLUMN_U8)
        return ((const uint8_t *)s->columns[v].at)[row] - 1;
    if (s->columns[v].kind == COLUMN_U16)
        return ((const uint16_t *)s->columns[v].at)[row] - 1;
    return (int)((const uint32_t *)s->columns[v].at)[row] - 1;
}

static inline double naive_number(const struct snapshot *s, unsigned v, uint64_t row)
{
    if (s->columns[v].kind == COLUMN_DOUBLE)
        return ((const double *)s->columns[v].at)[row];
    int32_t day = ((const int32_t *)s->columns[v].at)[row];
    return day == SNAPSHOT_DATE_MISSING ? (double)NAN : (double)day;
}

static inline bool naive_in_set(const struct snapshot *s, const struct value_set *set, uint64_t row)
{
    if (s->dictionary->variables[set->variable].level_count) {
        int level = naive_level(s, set->variable, row);
        for (unsigned k = 0; k < set->level_count; k++)
            if (level == (int)set->levels[k])
                return true;
        return level < 0 && set->missing;
    }
    double x = naive_number(s, set->variable, row);
    for (unsigned k = 0; k < set->range_count; k++)
        if (set->ranges[k].from <= x && x < set->ranges[k].to)
            return true;
    return isnan(x) && set->missing;
}

/* without: a box variable that does not count, -1: all do. */
static inline bool naive_in_box(const struct snapshot *s, const struct question *q, uint64_t row, int without)
{
    for (unsigned b = 0; b < q->box_count; b++)
        if ((int)b != without && !naive_in_set(s, &q->box[b], row))
            return false;
    return true;
}

/* ",\"where\":{...}" of at most three variables; "" for none. */
static inline void random_where(struct chance *c, char *to, size_t size)
{
    size_t n = (size_t)snprintf(to, size, ",\"where\":{");
    unsigned count = 0;
    for (unsigned v = 1; v < RANDOM_VARIABLES; v++) {
        if (chance_below(c, 3) != 0 || count == 3)
            continue;
        n += (size_t)snprintf(to + n, size - n, "%s\"%s\":[", count++ ? "," : "", RANDOM_NAMES[v]);
        unsigned items = 0, wanted = 1 + chance_below(c, RANDOM_LEVELS[v] > 20 ? 150 : 3);
        for (unsigned i = 0; i < wanted; i++) {
            if (RANDOM_LEVELS[v]) {
                n += (size_t)snprintf(to + n, size - n, "%s\"%u\"", items++ ? "," : "", chance_below(c, RANDOM_LEVELS[v]));
            } else if (v == 7) {
                unsigned a = 1 + chance_below(c, 14);
                n += (size_t)snprintf(to + n, size - n, "%s{\"from\":\"1969-12-%02u\",\"to\":\"1970-01-%02u\"}", items++ ? "," : "", a + 10,
                                      a);
            } else {
                int a = (int)chance_below(c, 80) - 30;
                n += (size_t)snprintf(to + n, size - n, "%s{\"from\":%d,\"to\":%d}", items++ ? "," : "", a, a + 1 + (int)chance_below(c, 30));
            }
        }
        if (chance_below(c, 2))
            n += (size_t)snprintf(to + n, size - n, "%snull", items ? "," : "");
        n += (size_t)snprintf(to + n, size - n, "]");
    }
    snprintf(to + n, size - n, "}");
    if (!count)
        to[0] = 0;
}

#endif
