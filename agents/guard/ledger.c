/*
 * Invariant, true between calls: what is held in memory is what `apply` makes of the entries on disk, in their
 * order.  An entry is written first and applied after.
 */
#include "agents/guard/ledger.h"

#include <stdio.h>
#include <stdlib.h>

#include "agents/disclosure/zcdp.h"
#include "base/codec.h"
#include "base/instant.h"
#include "base/secret.h"
#include "proto/fields.h"

enum { BUCKETS = 8192, NONE = UINT32_MAX, LEDGER_PATH_MAX = LEDGER_FOLDER_MAX + 32, ROOM_FIRST = 64, MARK_BYTES = 16,
       ACTS_SEEN = 16 };
#define LEDGER_SEGMENT_BYTES_MAX ((size_t)LEDGER_ENTRY_BYTES_MAX * LEDGER_SEGMENT_ENTRIES)
#define MONTH_MS (30 * DAY_MS)
#define YEAR_MS (365 * DAY_MS)
#define ALL_PERMITS "*"

struct account {
    char *dataset, *permit, *variable;
    int64_t spent, extra, year; /* year: of ALL_PERMITS, whose sum begins anew */
    struct hash edition;        /* of the last charge */
    bool charged, crossed;      /* crossed: an earlier one was of another edition */
    uint32_t next;
};

struct permit_held {
    char id[DOCUMENT_ID_LEN + 1];
    int64_t refused_ms[LEDGER_REFUSALS_MONTH]; /* the newest */
    unsigned refused, begun;                   /* how many, and where the next goes */
    bool locked, frozen;
};

struct dataset_held {
    char name[LABEL_MAX + 1];
    struct audited_box **boxes;
    struct slice *texts; /* owned */
    size_t count, room;
};

struct ledger {
    const struct host *host;
    char folder[LEDGER_FOLDER_MAX];
    uint64_t segment, in_segment, entries;
    int64_t last_ms;
    struct account *accounts;
    size_t account_count, account_room;
    uint32_t buckets[BUCKETS];
    struct permit_held *permits;
    size_t permit_count, permit_room;
    struct dataset_held *datasets;
    size_t dataset_count, dataset_room;
    uint64_t *charged; /* 64 bits of the hash of permit, question and edition; open addressing, 0: free */
    size_t charged_count, charged_room;
    char acts[ACTS_SEEN][33];
    unsigned act_next;
};

/* --- growing ---------------------------------------------------------------------------------- */

static result grow(void **at, size_t count, size_t *room, size_t size, struct why *why)
{
    if (count < *room)
        return DONE;
    size_t more = *room ? 2 * *room : ROOM_FIRST;
    void *new = realloc(*at, more * size);
    if (!new)
        return FAIL(why, LIMIT, "no memory for the ledger");
    *at = new;
    *room = more;
    return DONE;
}

static uint32_t bucket_of(const char *dataset, const char *permit, const char *variable)
{
    const char *parts[3] = {dataset, permit, variable};
    uint32_t h = 2166136261u;
    for (unsigned i = 0; i < 3; i++)
        for (const char *p = parts[i];; p++) {
            h = (h ^ (uint8_t)*p) * 16777619u;
            if (!*p)
                break;
        }
    return h % BUCKETS;
}

static struct account *account_find(const struct ledger *l, const char *dataset, const char *permit, const char *variable)
{
    for (uint32_t i = l->buckets[bucket_of(dataset, permit, variable)]; i != NONE; i = l->accounts[i].next) {
        struct account *a = &l->accounts[i];
        if (strcmp(a->dataset, dataset) == 0 && strcmp(a->permit, permit) == 0 && strcmp(a->variable, variable) == 0)
            return a;
    }
    return NULL;
}

static result account_get(struct ledger *l, const char *dataset, const char *permit, const char *variable, struct account **ret,
                          struct why *why)
{
    *ret = account_find(l, dataset, permit, variable);
    if (*ret)
        return DONE;
    void *at = l->accounts;
    TRY(grow(&at, l->account_count, &l->account_room, sizeof *l->accounts, why));
    l->accounts = at;
    struct account a = {.dataset = strdup(dataset), .permit = strdup(permit), .variable = strdup(variable)};
    if (!a.dataset || !a.permit || !a.variable) {
        free(a.dataset);
        free(a.permit);
        free(a.variable);
        return FAIL(why, LIMIT, "no memory for the ledger");
    }
    uint32_t bucket = bucket_of(dataset, permit, variable);
    a.next = l->buckets[bucket];
    l->buckets[bucket] = (uint32_t)l->account_count;
    l->accounts[l->account_count] = a;
    *ret = &l->accounts[l->account_count++];
    return DONE;
}

static struct permit_held *permit_find(const struct ledger *l, const char *permit)
{
    for (size_t i = 0; i < l->permit_count; i++)
        if (strcmp(l->permits[i].id, permit) == 0)
            return &l->permits[i];
    return NULL;
}

static result permit_get(struct ledger *l, const char *permit, struct permit_held **ret, struct why *why)
{
    *ret = permit_find(l, permit);
    if (*ret)
        return DONE;
    void *at = l->permits;
    TRY(grow(&at, l->permit_count, &l->permit_room, sizeof *l->permits, why));
    l->permits = at;
    struct permit_held *p = &l->permits[l->permit_count];
    *p = (struct permit_held){0};
    if (!slice_copy_str(slice_str(permit), p->id, sizeof p->id))
        return FAIL(why, BROKEN, "the ledger names a permit with too long an id");
    l->permit_count++;
    *ret = p;
    return DONE;
}

static result dataset_get(struct ledger *l, const char *name, struct dataset_held **ret, struct why *why)
{
    for (size_t i = 0; i < l->dataset_count; i++)
        if (strcmp(l->datasets[i].name, name) == 0) {
            *ret = &l->datasets[i];
            return DONE;
        }
    void *at = l->datasets;
    TRY(grow(&at, l->dataset_count, &l->dataset_room, sizeof *l->datasets, why));
    l->datasets = at;
    struct dataset_held *d = &l->datasets[l->dataset_count];
    *d = (struct dataset_held){0};
    if (!slice_copy_str(slice_str(name), d->name, sizeof d->name))
        return FAIL(why, BROKEN, "the ledger names a dataset with too long a name");
    l->dataset_count++;
    *ret = d;
    return DONE;
}

/* --- what was charged already -------------------------------------------------------------------- */

static uint64_t charge_mark(const char *permit, const struct hash *question, const struct hash *edition)
{
    struct hash parts[3] = {sha256(slice_str(permit)), *question, *edition};
    struct hash h = sha256(slice_of(parts, sizeof parts));
    uint64_t mark;
    memcpy(&mark, h.at, sizeof mark);
    return mark ? mark : 1;
}

static bool charged_has(const struct ledger *l, uint64_t mark)
{
    for (size_t i = mark; l->charged_room; i++) {
        uint64_t at = l->charged[i & (l->charged_room - 1)];
        if (at == mark || at == 0)
            return at == mark;
    }
    return false;
}

static result charged_add(struct ledger *l, uint64_t mark, struct why *why)
{
    if (2 * l->charged_count >= l->charged_room) {
        size_t room = l->charged_room ? 2 * l->charged_room : 2 * (size_t)ROOM_FIRST;
        uint64_t *more = calloc(room, sizeof *more);
        if (!more)
            return FAIL(why, LIMIT, "no memory for the ledger");
        for (size_t i = 0; i < l->charged_room; i++)
            if (l->charged[i]) {
                size_t k = l->charged[i];
                while (more[k & (room - 1)])
                    k++;
                more[k & (room - 1)] = l->charged[i];
            }
        free(l->charged);
        l->charged = more;
        l->charged_room = room;
    }
    if (charged_has(l, mark))
        return DONE;
    size_t i = mark;
    while (l->charged[i & (l->charged_room - 1)])
        i++;
    l->charged[i & (l->charged_room - 1)] = mark;
    l->charged_count++;
    return DONE;
}

/* --- applying an entry ------------------------------------------------------------------------ */

static result need_word(struct fields *f, const char *key, char *to, size_t size, struct why *why)
{
    struct slice text;
    TRY(need_text(f, key, size - 1, &text));
    return slice_copy_str(text, to, size) ? DONE : FAIL(why, BROKEN, "/%s holds a NUL", key);
}

static result cohort_remember(struct dataset_held *d, struct audited_box *box, struct slice text, struct why *why)
{
    for (size_t i = 0; i < d->count; i++)
        if (audited_box_equal(d->boxes[i], box)) { /* the newest edition's counts */
            free(d->boxes[i]);
            d->boxes[i] = box;
            return DONE;
        }
    if (d->count == LEDGER_COHORTS_MAX)
        return FAIL(why, LIMIT, "more than %d cohorts of one dataset", LEDGER_COHORTS_MAX);
    size_t room = d->room;
    void *boxes = d->boxes, *texts = d->texts;
    TRY(grow(&boxes, d->count, &room, sizeof *d->boxes, why));
    d->boxes = boxes;
    TRY(grow(&texts, d->count, &d->room, sizeof *d->texts, why));
    d->texts = texts;
    uint8_t *copy = malloc(text.len + 1);
    if (!copy)
        return FAIL(why, LIMIT, "no memory for the ledger");
    memcpy(copy, text.at, text.len);
    d->boxes[d->count] = box;
    d->texts[d->count++] = slice_of(copy, text.len);
    return DONE;
}

static uint64_t eight_bytes(const uint8_t *at)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++)
        v = v << 8 | at[i];
    return v;
}

static result box_read(const struct json *terms, uint64_t persons, struct audited_box **ret, struct why *why)
{
    size_t count = json_size(terms);
    struct audited_box *box = count <= BOX_VARIABLES_MAX ? calloc(1, sizeof *box + count * sizeof box->terms[0]) : NULL;
    if (!box)
        return FAIL(why, LIMIT, "no memory for a cohort");
    box->persons = persons;
    for (size_t i = 0; i < count; i++) {
        const struct json *t = json_item(terms, i);
        uint8_t mark[MARK_BYTES];
        if (!hex_parse(json_text(json_get(t, "set")), mark, sizeof mark) || json_integer(json_get(t, "persons")) < 0) {
            free(box);
            return FAIL(why, BROKEN, "a cohort's variable cannot be read");
        }
        box->terms[i] = (struct audited_term){audited_variable(json_text(json_get(t, "variable"))),
                                              {eight_bytes(mark), eight_bytes(mark + 8)},
                                              (uint64_t)json_integer(json_get(t, "persons"))};
        box->whole.a += box->terms[i].set.a;
        box->whole.b += box->terms[i].set.b;
        box->term_count++;
    }
    box->base = box->whole;
    *ret = box;
    return DONE;
}

/* The set of those in a box who have a value of a variable: the box's terms, the variable's own anew. */
static result valued_read(const struct json *v, const struct audited_box *base, struct audited_box **ret, struct why *why)
{
    const uint64_t variable = audited_variable(json_text(json_get(v, "variable")));
    const struct json *counts = json_get(v, "without");
    struct audited_term own = {.variable = variable, .persons = base->persons};
    uint8_t mark[MARK_BYTES];
    unsigned kept = 0;
    struct audited_box *box = calloc(1, sizeof *box + (base->term_count + 1u) * sizeof box->terms[0]);
    if (!box)
        return FAIL(why, LIMIT, "no memory for a cohort");
    *box = (struct audited_box){.whole = base->whole, .base = base->whole, .valued = variable, .persons = (uint64_t)json_integer(json_get(v, "persons"))};
    bool read = hex_parse(json_text(json_get(v, "set")), mark, sizeof mark) && json_integer(json_get(v, "persons")) >= 0;
    for (unsigned i = 0; i < base->term_count; i++) {
        struct audited_term t = base->terms[i];
        if (t.variable == variable) {
            box->whole.a -= t.set.a;
            box->whole.b -= t.set.b;
            own.persons = t.persons;
            continue;
        }
        t.persons = (uint64_t)json_integer(json_item(counts, kept++));
        box->terms[box->term_count++] = t;
    }
    if (!read || json_size(counts) != kept) {
        free(box);
        return FAIL(why, BROKEN, "a cohort's variable cannot be read");
    }
    own.set = (struct box_mark){eight_bytes(mark), eight_bytes(mark + 8)};
    box->whole.a += own.set.a;
    box->whole.b += own.set.b;
    box->terms[box->term_count++] = own;
    *ret = box;
    return DONE;
}

static result valued_apply(struct dataset_held *d, const struct json *v, const struct audited_box *base, struct slice base_text, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    struct audited_box *box = NULL;
    char variable[VARIABLE_MAX + 1];
    buffer_init(&text, QUESTION_BYTES_MAX);
    if (!slice_copy_str(json_text(json_get(v, "variable")), variable, sizeof variable))
        return FAIL(why, BROKEN, "a cohort's variable cannot be read");
    TRY(cohort_with_value(base_text, variable, &text, why));
    TRY(valued_read(v, base, &box, why));
    result r = cohort_remember(d, box, buffer_slice(&text), why);
    if (!is_ok(r))
        free(box);
    return r;
}

static result cohort_apply(struct ledger *l, const char *dataset, const struct json *cohort, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    struct dataset_held *d;
    struct audited_box *box = NULL;
    buffer_init(&text, QUESTION_BYTES_MAX);
    TRY(dataset_get(l, dataset, &d, why));
    TRY(json_print(json_get(cohort, "question"), &text, why));
    TRY(box_read(json_get(cohort, "without"), (uint64_t)json_integer(json_get(cohort, "persons")), &box, why));
    const struct json *valued = json_get(cohort, "valued");
    result r = json_size(valued) <= SUMMARY_VARIABLES_MAX ? DONE : FAIL(why, BROKEN, "a cohort has too many variables");
    for (size_t i = 0; is_ok(r) && i < json_size(valued); i++)
        r = valued_apply(d, json_item(valued, i), box, buffer_slice(&text), why);
    if (is_ok(r))
        r = cohort_remember(d, box, buffer_slice(&text), why);
    if (!is_ok(r))
        free(box);
    return r;
}

static unsigned refusals_since(const struct permit_held *p, int64_t from_ms)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->refused; i++)
        n += p->refused_ms[i] > from_ms;
    return n;
}

static result refusal_apply(struct ledger *l, const char *permit, int64_t at_ms, bool *ret_locked, struct why *why)
{
    struct permit_held *p;
    TRY(permit_get(l, permit, &p, why));
    p->refused_ms[p->begun] = at_ms;
    p->begun = (p->begun + 1) % LEDGER_REFUSALS_MONTH;
    p->refused += p->refused < LEDGER_REFUSALS_MONTH;
    bool lock = refusals_since(p, at_ms - DAY_MS) >= LEDGER_REFUSALS_DAY || refusals_since(p, at_ms - MONTH_MS) >= LEDGER_REFUSALS_MONTH;
    *ret_locked = lock && !p->locked;
    p->locked = p->locked || lock;
    return DONE;
}

static result charges_apply(struct ledger *l, const char *dataset, const char *permit, const struct json *charges, const struct hash *edition,
                            int64_t at_ms, struct ledger_alarm *alarm, struct why *why)
{
    struct slice name;
    const struct json *micro;
    for (size_t i = 0; json_next(charges, &i, &name, &micro);) {
        struct account *own, *all;
        char variable[VARIABLE_MAX + 1];
        if (!slice_copy_str(name, variable, sizeof variable) || json_integer(micro) < 0 || json_integer(micro) > LEDGER_ALARM)
            return FAIL(why, BROKEN, "a charge cannot be read");
        TRY(account_get(l, dataset, permit, variable, &own, why));
        own->spent += json_integer(micro);
        own->crossed |= own->charged && !hash_equal(&own->edition, edition);
        own->charged = true;
        own->edition = *edition;
        TRY(account_get(l, dataset, ALL_PERMITS, variable, &all, why)); /* own may have moved */
        if (all->year != at_ms / YEAR_MS) {
            all->year = at_ms / YEAR_MS;
            all->spent = 0;
        }
        bool before = all->spent < LEDGER_ALARM;
        all->spent += json_integer(micro);
        if (before && all->spent >= LEDGER_ALARM) {
            alarm->rang = true;
            memcpy(alarm->variable, variable, sizeof variable);
        }
    }
    return DONE;
}

static result spent_apply(struct ledger *l, const struct json *v, struct ledger_alarm *alarm, struct why *why)
{
    struct fields f;
    char dataset[LABEL_MAX + 1], permit[DOCUMENT_ID_LEN + 1], word[32];
    struct hash question, edition;
    const struct json *charges, *cohort = NULL;
    int64_t at_ms;
    bool answered;
    TRY(fields_open(v, "", &f, why));
    TRY(need_word(&f, "innsyn", word, sizeof word, why));
    TRY(need_word(&f, "type", word, sizeof word, why));
    TRY(need_instant(&f, "at", &at_ms));
    TRY(need_word(&f, "dataset", dataset, sizeof dataset, why));
    TRY(need_word(&f, "permit", permit, sizeof permit, why));
    TRY(need_hash(&f, "question", question.at));
    TRY(need_hash(&f, "edition", edition.at));
    TRY(need_bool(&f, "answered", &answered));
    TRY(need_object(&f, "charges", &charges));
    TRY(may_object(&f, "cohort", &cohort));
    TRY(fields_close(&f));
    TRY(charged_add(l, charge_mark(permit, &question, &edition), why));
    TRY(charges_apply(l, dataset, permit, charges, &edition, at_ms, alarm, why));
    if (cohort)
        TRY(cohort_apply(l, dataset, cohort, why));
    l->last_ms = at_ms > l->last_ms ? at_ms : l->last_ms;
    return answered ? DONE : refusal_apply(l, permit, at_ms, &alarm->locked, why);
}

/* Years count from the epoch: what one spent, the next does not lack. */
static result rho_apply(struct ledger *l, const struct json *v, struct why *why)
{
    struct fields f;
    char dataset[LABEL_MAX + 1], permit[DOCUMENT_ID_LEN + 1], word[32];
    struct hash question, edition;
    struct account *own, *all;
    int64_t at_ms, units;
    bool stored;
    TRY(fields_open(v, "", &f, why));
    TRY(need_word(&f, "innsyn", word, sizeof word, why));
    TRY(need_word(&f, "type", word, sizeof word, why));
    TRY(need_instant(&f, "at", &at_ms));
    TRY(need_word(&f, "dataset", dataset, sizeof dataset, why));
    TRY(need_word(&f, "permit", permit, sizeof permit, why));
    TRY(need_hash(&f, "question", question.at));
    TRY(need_hash(&f, "edition", edition.at));
    TRY(need_integer(&f, "units", 1, INT64_C(1) << 50, &units));
    TRY(need_bool(&f, "stored", &stored));
    TRY(fields_close(&f));
    TRY(charged_add(l, charge_mark(permit, &question, &edition), why));
    TRY(account_get(l, dataset, permit, LEDGER_RHO, &own, why));
    own->spent += units;
    TRY(account_get(l, dataset, ALL_PERMITS, LEDGER_RHO, &all, why)); /* own may have moved */
    if (all->year != at_ms / YEAR_MS) {
        all->year = at_ms / YEAR_MS;
        all->spent = 0;
    }
    all->spent += stored ? 0 : units;
    l->last_ms = at_ms > l->last_ms ? at_ms : l->last_ms;
    return DONE;
}

static bool act_seen(const struct ledger *l, const char *id)
{
    for (unsigned i = 0; i < ACTS_SEEN; i++)
        if (strcmp(l->acts[i], id) == 0)
            return true;
    return false;
}

static result act_apply(struct ledger *l, const struct json *v, struct why *why)
{
    struct ledger_act a;
    struct permit_held *p;
    TRY(ledger_act_read(json_get(v, "act"), &a, why));
    memcpy(l->acts[l->act_next], a.id, sizeof a.id);
    l->act_next = (l->act_next + 1) % ACTS_SEEN;
    TRY(permit_get(l, a.permit, &p, why));
    if (a.kind == ACT_FREEZE) {
        p->frozen = true;
    } else if (a.kind == ACT_RELEASE) {
        p->frozen = p->locked = false;
        p->refused = p->begun = 0;
    } else {
        struct account *account;
        TRY(account_get(l, a.dataset, a.permit, a.variable, &account, why));
        account->extra += a.micro;
    }
    return DONE;
}

static result apply(struct ledger *l, const struct json *v, struct ledger_alarm *alarm, struct why *why)
{
    struct slice type = json_text(json_get(v, "type"));
    if (!slice_is(json_text(json_get(v, "innsyn")), "ledger/1"))
        return FAIL(why, BROKEN, "not a ledger entry");
    TRY(slice_is(type, "spent") ? spent_apply(l, v, alarm, why)
        : slice_is(type, "rho") ? rho_apply(l, v, why)
        : slice_is(type, "act") ? act_apply(l, v, why) : FAIL(why, BROKEN, "an entry of an unknown type"));
    l->entries++;
    return DONE;
}

/* --- files ------------------------------------------------------------------------------------ */

static void segment_path(const struct ledger *l, char to[LEDGER_PATH_MAX])
{
    snprintf(to, LEDGER_PATH_MAX, "%s/%08llu.jsonl", l->folder, (unsigned long long)l->segment);
}

static result replay_segment(struct ledger *l, bool read_only, struct why *why)
{
    char path[LEDGER_PATH_MAX];
    struct buffer bytes CLEANUP(buffer_wipe) = {0};
    buffer_init(&bytes, LEDGER_SEGMENT_BYTES_MAX);
    segment_path(l, path);
    TRY(host_read_file(l->host, path, LEDGER_SEGMENT_BYTES_MAX, &bytes, why));
    struct slice rest = buffer_slice(&bytes);
    l->in_segment = 0;
    for (size_t end; (end = slice_find(rest, '\n')) < rest.len; l->in_segment++) {
        struct json *v CLEANUP(json_freep) = NULL;
        struct ledger_alarm ignored = {0};
        struct why inner = {0};
        result r = json_parse(slice_part(rest, 0, end), LEDGER_ENTRY_BYTES_MAX, &v, &inner);
        if (is_ok(r))
            r = apply(l, v, &ignored, &inner);
        if (!is_ok(r))
            return FAIL(why, r.code == LIMIT ? LIMIT : BROKEN, "%s, line %llu: %.100s", path, (unsigned long long)l->in_segment + 1, inner.text);
        rest = slice_part(rest, end + 1, rest.len);
    }
    if (rest.len == 0 || read_only)
        return DONE; /* a torn last line was never acted on: its writer had not gone on */
    return host_write_file(l->host, path, 0600, slice_of(bytes.at, bytes.len - rest.len), why);
}

result ledger_open(const struct host *host, const char *folder, bool read_only, struct ledger **ret, struct why *why)
{
    struct ledger *l CLEANUP(ledger_freep) = calloc(1, sizeof *l);
    if (!l)
        return FAIL(why, LIMIT, "no memory for the ledger");
    l->host = host;
    for (unsigned i = 0; i < BUCKETS; i++)
        l->buckets[i] = NONE;
    if (!slice_copy_str(slice_str(folder), l->folder, sizeof l->folder))
        return FAIL(why, LIMIT, "the ledger's folder has too long a name");
    for (;;) {
        result r = replay_segment(l, read_only, why);
        if (r.code == ABSENT)
            break;
        TRY(r);
        if (l->in_segment < LEDGER_SEGMENT_ENTRIES)
            break;
        l->segment++;
        l->in_segment = 0;
    }
    *ret = MOVE(l);
    return DONE;
}

void ledger_free(struct ledger *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->account_count; i++) {
        free(l->accounts[i].dataset);
        free(l->accounts[i].permit);
        free(l->accounts[i].variable);
    }
    for (size_t i = 0; i < l->dataset_count; i++) {
        struct dataset_held *d = &l->datasets[i];
        for (size_t k = 0; k < d->count; k++) {
            wipe(d->boxes[k], sizeof *d->boxes[k] + d->boxes[k]->term_count * sizeof d->boxes[k]->terms[0]);
            free(d->boxes[k]);
            free((void *)(uintptr_t)d->texts[k].at);
        }
        free(d->boxes);
        free(d->texts);
    }
    free(l->accounts);
    free(l->permits);
    free(l->datasets);
    free(l->charged);
    free(l);
}

void ledger_freep(struct ledger **l)
{
    ledger_free(*l);
}

/* Written, synced, then applied. */
static result append(struct ledger *l, const struct json *v, struct ledger_alarm *alarm, struct why *why)
{
    char path[LEDGER_PATH_MAX];
    struct buffer line CLEANUP(buffer_wipe) = {0};
    buffer_init(&line, LEDGER_ENTRY_BYTES_MAX);
    TRY(json_print(v, &line, why));
    TRY(buffer_add_byte(&line, '\n', why));
    if (l->in_segment == LEDGER_SEGMENT_ENTRIES) {
        l->segment++;
        l->in_segment = 0;
    }
    segment_path(l, path);
    struct why inner = {0};
    if (!is_ok(host_append_file(l->host, path, 0600, buffer_slice(&line), &inner)))
        return FAIL(why, UNAVAILABLE, "the ledger cannot be written: %.120s", inner.text);
    l->in_segment++;
    return apply(l, v, alarm, why);
}

static int64_t now(struct ledger *l)
{
    int64_t at = host_now_ms(l->host);
    return at > l->last_ms ? at : l->last_ms;
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool name_of(const struct variable *v, char to[VARIABLE_MAX + 1])
{
    return slice_copy_str(v->name, to, VARIABLE_MAX + 1);
}

int64_t ledger_left(const struct ledger *l, const char *dataset, const char *permit, const struct variable *v)
{
    char variable[VARIABLE_MAX + 1];
    const struct account *a = name_of(v, variable) ? account_find(l, dataset, permit, variable) : NULL;
    int64_t cap = v->sensitive ? LEDGER_CAP_SENSITIVE : LEDGER_CAP;
    int64_t left = a ? cap + a->extra - a->spent : cap;
    return left > 0 ? left : 0;
}

int64_t ledger_left_least(const struct ledger *l, const struct ledger_ask *a, const struct charge *variables)
{
    int64_t least = LEDGER_CAP;
    for (unsigned i = 0; i < variables->count; i++) {
        int64_t left = ledger_left(l, a->dataset, a->permit, &a->dictionary->variables[variables->items[i].variable]);
        least = left < least ? left : least;
    }
    return least;
}

bool ledger_crosses(const struct ledger *l, const struct ledger_ask *a, const struct charge *variables)
{
    bool crosses = false;
    for (unsigned i = 0; i < variables->count; i++) {
        char variable[VARIABLE_MAX + 1];
        const struct account *one = name_of(&a->dictionary->variables[variables->items[i].variable], variable) ? account_find(l, a->dataset, a->permit, variable) : NULL;
        crosses |= one && one->charged && (one->crossed || !hash_equal(&one->edition, a->edition));
    }
    return crosses;
}

enum ledger_stop ledger_may(const struct ledger *l, const struct ledger_ask *a, const struct charge *variables)
{
    const struct permit_held *p = permit_find(l, a->permit);
    if (p && p->frozen)
        return LEDGER_FROZEN;
    if (p && p->locked)
        return LEDGER_LOCKED;
    if (charged_has(l, charge_mark(a->permit, a->question, a->edition)))
        return LEDGER_OPEN;
    return variables->count && ledger_left_least(l, a, variables) == 0 ? LEDGER_EXHAUSTED : LEDGER_OPEN;
}

static struct json *mark_json(struct box_mark m)
{
    uint8_t mark[MARK_BYTES];
    for (unsigned k = 0; k < 8; k++) {
        mark[k] = (uint8_t)(m.a >> (56 - 8 * k));
        mark[8 + k] = (uint8_t)(m.b >> (56 - 8 * k));
    }
    return json_of_hex(slice_of(mark, sizeof mark));
}

/* Of those with a value of the variable: what is not the box's own. */
static struct json *valued_json(const struct cohort_asked *c, const struct audited_box *base, const struct dictionary *d)
{
    struct json *o = json_object(), *counts = json_array();
    json_set(o, "variable", json_of_text(d->variables[c->variable].name));
    for (unsigned i = 0; i < c->box->term_count; i++)
        if (c->box->terms[i].variable == c->box->valued)
            json_set(o, "set", mark_json(c->box->terms[i].set));
    for (unsigned i = 0; i < base->term_count; i++)
        for (unsigned k = 0; k < c->box->term_count; k++)
            if (c->box->terms[k].variable == base->terms[i].variable && c->box->terms[k].variable != c->box->valued)
                json_add(counts, json_of_integer((int64_t)c->box->terms[k].persons));
    json_set(o, "persons", json_of_integer((int64_t)c->box->persons));
    json_set(o, "without", counts);
    return o;
}

static struct json *cohort_json(const struct cohorts_asked *about, const struct ledger_ask *a, struct why *why)
{
    struct json *o = json_object(), *terms = json_array(), *valued = json_array(), *question = NULL;
    const struct audited_box *box = about->at[0].box;
    if (!is_ok(json_parse(buffer_slice(&about->at[0].text), QUESTION_BYTES_MAX, &question, why))) {
        json_free(valued);
        json_free(terms);
        json_free(o);
        return NULL;
    }
    for (unsigned i = 0; i < box->term_count; i++) {
        const struct audited_term *t = &box->terms[i];
        struct json *term = json_object();
        for (unsigned v = 0; v < a->dictionary->variable_count; v++)
            if (audited_variable(a->dictionary->variables[v].name) == t->variable)
                json_set(term, "variable", json_of_text(a->dictionary->variables[v].name));
        json_set(term, "set", mark_json(t->set));
        json_set(term, "persons", json_of_integer((int64_t)t->persons));
        json_add(terms, term);
    }
    for (unsigned i = 1; i < about->count; i++)
        json_add(valued, valued_json(&about->at[i], box, a->dictionary));
    json_set(o, "question", question);
    json_set(o, "persons", json_of_integer((int64_t)box->persons));
    json_set(o, "without", terms);
    if (about->count > 1)
        json_set(o, "valued", valued);
    else
        json_free(valued);
    return o;
}

/* Takes each variable's charge; false: one of them has less left. */
static bool charges_json(const struct ledger *l, const struct ledger_ask *a, const struct charge *c, bool answered, struct json *to)
{
    for (unsigned i = 0; i < c->count; i++) {
        const struct variable *v = &a->dictionary->variables[c->items[i].variable];
        int64_t left = ledger_left(l, a->dataset, a->permit, v), micro = c->items[i].micro;
        char variable[VARIABLE_MAX + 1];
        if (!name_of(v, variable) || micro > left)
            return false; /* also for what is then refused: the end of the budget tells nothing of the rules */
        if (!answered)
            micro = left < CHARGE_REFUSAL ? left : CHARGE_REFUSAL;
        json_set(to, variable, json_of_integer(micro));
    }
    return true;
}

static struct json *spent_json(struct ledger *l, const struct ledger_ask *a, const struct hash *question, bool answered, struct json *charges)
{
    struct json *v = json_object();
    json_set(v, "innsyn", json_of_str("ledger/1"));
    json_set(v, "type", json_of_str("spent"));
    json_set(v, "at", json_of_instant(now(l)));
    json_set(v, "dataset", json_of_str(a->dataset));
    json_set(v, "permit", json_of_str(a->permit));
    json_set(v, "question", json_of_hex(slice_of(question->at, HASH_LEN)));
    json_set(v, "edition", json_of_hex(slice_of(a->edition->at, HASH_LEN)));
    json_set(v, "answered", json_of_bool(answered));
    json_set(v, "charges", charges);
    return v;
}

/* That a charge is more than what is left tells a noised figure: of many boxes, asked for nothing, they would add up.
 * So it costs what a refusal costs, once a question; the question itself stays unpaid. */
static result pay_for_the_end(struct ledger *l, const struct ledger_ask *a, const struct charge *c, struct ledger_alarm *ret, struct why *why)
{
    struct hash attempt = sha256_two(slice_of(a->question->at, HASH_LEN), slice_str("exhausted"));
    if (charged_has(l, charge_mark(a->permit, &attempt, a->edition)))
        return DONE;
    struct json *charges = json_object();
    for (unsigned i = 0; i < c->count; i++) {
        const struct variable *v = &a->dictionary->variables[c->items[i].variable];
        int64_t left = ledger_left(l, a->dataset, a->permit, v);
        char variable[VARIABLE_MAX + 1];
        if (name_of(v, variable))
            json_set(charges, variable, json_of_integer(left < CHARGE_REFUSAL ? left : CHARGE_REFUSAL));
    }
    struct json *v CLEANUP(json_freep) = spent_json(l, a, &attempt, true, charges);
    return append(l, v, ret, why);
}

result ledger_spend(struct ledger *l, const struct ledger_ask *a, const struct charge *c, const struct cohorts_asked *about,
                    bool answered, struct ledger_alarm *ret, struct why *why)
{
    *ret = (struct ledger_alarm){0};
    if (charged_has(l, charge_mark(a->permit, a->question, a->edition)))
        return DONE; /* charged before a crash */
    struct json *charges = json_object();
    if (!charges_json(l, a, c, answered, charges)) {
        json_free(charges);
        TRY(pay_for_the_end(l, a, c, ret, why));
        return FAIL_CODE(why, DENIED, "budget_exhausted", "", "the permit's information budget does not cover this question");
    }
    struct json *v CLEANUP(json_freep) = spent_json(l, a, a->question, answered, charges);
    if (answered) {
        struct json *cohort_entry = cohort_json(about, a, why);
        if (!cohort_entry)
            return FAIL(why, UNAVAILABLE, "the cohort cannot be written down");
        json_set(v, "cohort", cohort_entry);
    }
    return append(l, v, ret, why);
}

/* So many whole questions: what a question takes is rounded up, and the last one shall not fail by a unit. */
static uint64_t rho_questions(uint64_t questions)
{
    uint64_t units;
    if (!is_ok(zcdp_units(1, DP_QUERY_RHO_INVERSE, &units, NULL)))
        abort();
    return questions * units;
}

/* A top-up is in millionths of a rho, rounded up; the dataset's year is not topped up. */
static uint64_t rho_cap(const struct account *own)
{
    uint64_t extra = own ? (uint64_t)own->extra : 0;
    return rho_questions(DP_QUERY_RHO_INVERSE / DP_PERMIT_RHO_INVERSE) + (extra * (ZCDP_UNITS_A_RHO / CHARGE_ONE + 1));
}

static uint64_t rho_year_left(const struct ledger *l, const char *dataset, int64_t at_ms)
{
    const struct account *all = account_find(l, dataset, ALL_PERMITS, LEDGER_RHO);
    uint64_t spent = all && all->year == at_ms / YEAR_MS ? (uint64_t)all->spent : 0, cap = rho_questions(DP_QUERY_RHO_INVERSE / DP_YEAR_RHO_INVERSE);
    return spent < cap ? cap - spent : 0;
}

static uint64_t rho_permit_left(const struct ledger *l, const char *dataset, const char *permit)
{
    const struct account *own = account_find(l, dataset, permit, LEDGER_RHO);
    uint64_t cap = rho_cap(own), spent = own ? (uint64_t)own->spent : 0;
    return spent < cap ? cap - spent : 0;
}

uint64_t ledger_rho_left(const struct ledger *l, const char *dataset, const char *permit)
{
    int64_t at = host_now_ms(l->host);
    uint64_t year = rho_year_left(l, dataset, at > l->last_ms ? at : l->last_ms), own = rho_permit_left(l, dataset, permit);
    return own < year ? own : year;
}

result ledger_reserve(struct ledger *l, const struct ledger_ask *a, uint64_t units, bool stored, struct why *why)
{
    struct json *v CLEANUP(json_freep) = NULL;
    struct ledger_alarm ignored = {0};
    int64_t at = now(l);
    if (charged_has(l, charge_mark(a->permit, a->question, a->edition)))
        return DONE;
    if (units > rho_permit_left(l, a->dataset, a->permit))
        return FAIL_CODE(why, DENIED, "budget_exhausted", "", "the permit's privacy budget for this dataset is used up; what was answered stays free, and the site's custodian can add to it");
    if (!stored && units > rho_year_left(l, a->dataset, at))
        return FAIL_CODE(why, DENIED, "budget_exhausted", "", "the dataset's privacy budget of this year is used up; what was answered to anyone stays free, and a new year begins anew");
    v = json_object();
    json_set(v, "innsyn", json_of_str("ledger/1"));
    json_set(v, "type", json_of_str("rho"));
    json_set(v, "at", json_of_instant(at));
    json_set(v, "dataset", json_of_str(a->dataset));
    json_set(v, "permit", json_of_str(a->permit));
    json_set(v, "question", json_of_hex(slice_of(a->question->at, HASH_LEN)));
    json_set(v, "edition", json_of_hex(slice_of(a->edition->at, HASH_LEN)));
    json_set(v, "units", json_of_integer((int64_t)units));
    json_set(v, "stored", json_of_bool(stored));
    return append(l, v, &ignored, why);
}

struct ledger_cohorts ledger_cohorts(const struct ledger *l, const char *dataset)
{
    for (size_t i = 0; i < l->dataset_count; i++)
        if (strcmp(l->datasets[i].name, dataset) == 0)
            return (struct ledger_cohorts){l->datasets[i].boxes, l->datasets[i].texts, l->datasets[i].count};
    return (struct ledger_cohorts){0};
}

/* --- the custodian ---------------------------------------------------------------------------- */

static const char *const acts[] = {"top-up", "freeze", "release", NULL}; /* enum ledger_act_kind */

const char *ledger_act_name(enum ledger_act_kind k)
{
    return k < ACT_KINDS ? acts[k] : "?";
}

struct json *ledger_act_json(const struct ledger_act *a)
{
    struct json *v = json_object();
    json_set(v, "innsyn", json_of_str("ledger-act/1"));
    json_set(v, "id", json_of_str(a->id));
    json_set(v, "act", json_of_str(acts[a->kind]));
    json_set(v, "permit", json_of_str(a->permit));
    if (a->kind == ACT_TOP_UP) {
        json_set(v, "dataset", json_of_str(a->dataset));
        json_set(v, "variable", json_of_str(a->variable));
        json_set(v, "micro", json_of_integer(a->micro));
    }
    json_set(v, "reason", json_of_str(a->reason));
    return v;
}

result ledger_act_read(const struct json *v, struct ledger_act *ret, struct why *why)
{
    struct fields f;
    char kind[32];
    unsigned act;
    *ret = (struct ledger_act){0};
    TRY(fields_open(v, "", &f, why));
    TRY(need_word(&f, "innsyn", kind, sizeof kind, why));
    TRY(need_word(&f, "id", ret->id, sizeof ret->id, why));
    TRY(need_choice(&f, "act", acts, &act));
    TRY(need_word(&f, "permit", ret->permit, sizeof ret->permit, why));
    ret->kind = (enum ledger_act_kind)act;
    if (ret->kind == ACT_TOP_UP) {
        TRY(need_word(&f, "dataset", ret->dataset, sizeof ret->dataset, why));
        TRY(need_word(&f, "variable", ret->variable, sizeof ret->variable, why));
        TRY(need_integer(&f, "micro", 1, LEDGER_TOP_UP_MAX, &ret->micro));
    }
    TRY(need_word(&f, "reason", ret->reason, sizeof ret->reason, why));
    TRY(fields_close(&f));
    return strcmp(kind, "ledger-act/1") == 0 && ret->reason[0] ? DONE : FAIL(why, MALFORMED, "not a ledger-act/1 with a reason");
}

result ledger_do(struct ledger *l, const struct ledger_act *a, bool *ret_new, struct why *why)
{
    struct json *v CLEANUP(json_freep) = json_object();
    struct ledger_alarm ignored = {0};
    *ret_new = !act_seen(l, a->id);
    if (!*ret_new)
        return DONE;
    json_set(v, "innsyn", json_of_str("ledger/1"));
    json_set(v, "type", json_of_str("act"));
    json_set(v, "at", json_of_instant(now(l)));
    json_set(v, "act", ledger_act_json(a));
    return append(l, v, &ignored, why);
}

/* --- looking ---------------------------------------------------------------------------------- */

bool ledger_account_at(const struct ledger *l, size_t index, struct ledger_account *ret)
{
    if (index >= l->account_count)
        return false;
    const struct account *a = &l->accounts[index];
    *ret = (struct ledger_account){slice_str(a->dataset), slice_str(a->permit), slice_str(a->variable), a->spent, a->extra};
    return true;
}

bool ledger_permit_at(const struct ledger *l, size_t index, struct ledger_permit_facts *ret)
{
    if (index >= l->permit_count)
        return false;
    const struct permit_held *p = &l->permits[index];
    *ret = (struct ledger_permit_facts){p->id, p->locked, p->frozen, refusals_since(p, l->last_ms - MONTH_MS)};
    return true;
}

uint64_t ledger_entries(const struct ledger *l)
{
    return l->entries;
}
