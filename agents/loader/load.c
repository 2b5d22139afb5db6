/*
 * Rows are gathered in batches: every column's values in the form they are stored in, and the persons'
 * texts.  At the end of a batch the record keys are asked for, persons are told apart, and all of it is
 * written.  The first fault gives up the writer; from then on rows are only checked.
 */
#include "agents/loader/load.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "agents/loader/number.h"
#include "agents/loader/persons.h"
#include "base/instant.h"
#include "base/secret.h"

enum { GRID_DECIMALS_MAX = 6, LOAD_KEY_LEN = 32, LEVELS_SHOWN = 12 };

struct column {
    enum column_kind kind;
    uint8_t *values; /* LOAD_BATCH_ROWS of them */
    double missing[MISSING_CODES_MAX]; /* missing codes that are numbers */
    unsigned missing_count;
    unsigned decimals;
    uint32_t *slots; /* of codes: 1 + index of the level, or UINT32_MAX for a missing code; 0: empty */
    uint32_t slot_mask;
};

struct load {
    const struct host *host;
    struct dictionary *dictionary;
    const struct load_options *options;
    struct load_report *report;
    struct csv *csv;
    struct snapshot_writer *writer; /* NULL: nothing is written */
    struct mac *mac;
    struct persons persons;
    struct column *columns;            /* by variable */
    int variable_of[CSV_COLUMNS_MAX];  /* by field of the file */
    unsigned field_count;
    char first_fault[400];

    /* the batch */
    unsigned count;
    uint64_t rows[LOAD_BATCH_ROWS], lines[LOAD_BATCH_ROWS];
    struct slice texts[LOAD_BATCH_ROWS];
    uint64_t keys[LOAD_BATCH_ROWS];
    uint32_t ordinals[LOAD_BATCH_ROWS];
    uint8_t text[LOAD_BATCH_ROWS][LOAD_PERSON_BYTES_MAX];

    int64_t started_ms, told_ms;
    uint64_t told_rows;
};

/* --- faults ----------------------------------------------------------------------------------- */

static bool enough(const struct load *l)
{
    return l->report->faults >= LOAD_FAULTS_MAX;
}

static void show(struct slice value, char to[LOAD_SHOWN_MAX + 4])
{
    size_t n = value.len < LOAD_SHOWN_MAX ? value.len : LOAD_SHOWN_MAX;
    while (n < value.len && n > 0 && (value.at[n] & 0xc0) == 0x80) /* not in the middle of a character */
        n--;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = value.at[i];
        to[i] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
    }
    (void)snprintf(to + n, LOAD_SHOWN_MAX + 4 - n, "%s", n < value.len ? "..." : "");
}

/* column: "" when the fault is the row's.  value: NULL when it must not be shown. */
static void fault(struct load *l, uint64_t row, uint64_t line, const char *column, const struct slice *value, const char *format, ...)
    PRINTF_LIKE(6, 7);

static void fault(struct load *l, uint64_t row, uint64_t line, const char *column, const struct slice *value, const char *format, ...)
{
    struct load_fault f = {.row = row, .line = line};
    size_t len = 0;
    va_list args;
    if (enough(l))
        return;
    (void)snprintf(f.column, sizeof f.column, "%s", column);
    if (row)
        len = (size_t)snprintf(f.text, sizeof f.text, "row %" PRIu64 " (line %" PRIu64 ")%s%s: ", row, line,
                               *column ? ", column " : "", column);
    va_start(args, format);
    (void)vsnprintf(f.text + len, sizeof f.text - len, format, args);
    va_end(args);
    if (value)
        show(*value, f.shown);
    if (l->report->faults++ == 0)
        memcpy(l->first_fault, f.text, sizeof f.text);
    if (l->options->fault)
        l->options->fault(l->options->self, &f);
    snapshot_writer_free(l->writer); /* nothing will come of it: give the disk back */
    l->writer = NULL;
}

static const char *name_of(const struct load *l, unsigned variable, char to[VARIABLE_MAX + 1])
{
    (void)slice_copy_str(l->dictionary->variables[variable].name, to, VARIABLE_MAX + 1);
    return to;
}

/* --- beginning -------------------------------------------------------------------------------- */

static uint32_t code_hash(struct slice code)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < code.len; i++)
        h = (h ^ code.at[i]) * 16777619u;
    return h ^ h >> 15;
}

/* The slot that holds this code, or the empty one where it would stand. */
static uint32_t *find_code(const struct column *c, const struct variable *v, struct slice code)
{
    uint32_t i = code_hash(code) & c->slot_mask;
    for (; c->slots[i]; i = (i + 1) & c->slot_mask) {
        uint32_t there = c->slots[i];
        struct slice text = there <= v->level_count ? v->levels[there - 1] : v->missing_codes[UINT32_MAX - there];
        if (slice_equal(text, code))
            break;
    }
    return &c->slots[i];
}

static result column_prepare(struct column *c, const struct variable *v, struct why *why)
{
    c->kind = column_kind_of(v);
    if (c->kind == COLUMN_NONE)
        return DONE;
    c->values = calloc(LOAD_BATCH_ROWS, column_width(c->kind));
    if (!c->values)
        return FAIL(why, LIMIT, "no memory to load");
    for (unsigned i = 0; i < v->missing_count; i++) {
        unsigned decimals;
        if (number_parse(v->missing_codes[i], &c->missing[c->missing_count], &decimals))
            c->missing_count++;
    }
    if (v->type != VARIABLE_CATEGORY && v->type != VARIABLE_CODE)
        return DONE;
    uint32_t slots = 16;
    while (slots < 2 * (v->level_count + v->missing_count))
        slots *= 2;
    c->slots = calloc(slots, sizeof *c->slots);
    if (!c->slots)
        return FAIL(why, LIMIT, "no memory to load");
    c->slot_mask = slots - 1;
    /* What is declared missing is missing, even if it is a level too; of two equal codes the first stands. */
    for (unsigned i = 0; i < v->missing_count; i++)
        *find_code(c, v, v->missing_codes[i]) = UINT32_MAX - i;
    for (unsigned i = 0; i < v->level_count; i++) {
        uint32_t *slot = find_code(c, v, v->levels[i]);
        if (*slot == 0)
            *slot = i + 1;
    }
    return DONE;
}

static result load_prepare(struct load *l, struct why *why)
{
    const struct dictionary *d = l->dictionary;
    uint8_t key[LOAD_KEY_LEN];
    if (d->event_table && d->key < 0)
        return FAIL_AT(why, MALFORMED, "/event_table", "an event table needs a person key: a variable of type id");
    l->columns = calloc(d->variable_count ? d->variable_count : 1, sizeof *l->columns);
    if (!l->columns)
        return FAIL(why, LIMIT, "no memory to load");
    for (unsigned i = 0; i < d->variable_count; i++)
        TRY(column_prepare(&l->columns[i], &d->variables[i], why));
    TRY(host_random(l->host, key, sizeof key, why));
    result r = mac_new(slice_of(key, sizeof key), &l->mac, why);
    wipe(key, sizeof key);
    TRY(r);
    l->started_ms = l->told_ms = host_monotonic_ms(l->host);
    if (!l->options->dry_run)
        TRY(snapshot_begin(l->host, l->options->dataset_folder, d, &l->writer, why));
    if (l->writer && l->options->publish_persons)
        snapshot_publish_persons(l->writer);
    return DONE;
}

static void load_done(struct load *l)
{
    for (unsigned i = 0; l->columns && i < l->dictionary->variable_count; i++) {
        if (l->columns[i].values)
            wipe(l->columns[i].values, LOAD_BATCH_ROWS * column_width(l->columns[i].kind));
        free(l->columns[i].values);
        free(l->columns[i].slots);
    }
    free(l->columns);
    persons_done(&l->persons);
    mac_free(l->mac);
    csv_free(l->csv);
    snapshot_writer_free(l->writer);
    wipe(l, sizeof *l);
    free(l);
}

static void load_donep(struct load **l)
{
    if (*l)
        load_done(*l);
}

/* --- the header ------------------------------------------------------------------------------- */

static bool looks_like_a_header(const struct load *l, const struct csv_row *row)
{
    for (unsigned i = 0; i < row->count; i++)
        if (dictionary_find(l->dictionary, row->fields[i]) >= 0)
            return true;
    return false;
}

static void match_field(struct load *l, const struct csv_row *row, unsigned i, unsigned *field_of)
{
    struct slice name = row->fields[i];
    char text[VARIABLE_MAX + 1];
    int v = dictionary_find(l->dictionary, name);
    l->variable_of[i] = v;
    if (v >= 0 && field_of[v]) {
        fault(l, 0, row->line, name_of(l, (unsigned)v, text), NULL,
              "header: fields %u and %u both are called %s; a variable has one column", field_of[v], i + 1, text);
    } else if (v >= 0) {
        field_of[v] = i + 1;
    } else {
        struct slice near = dictionary_nearest(l->dictionary, name);
        fault(l, 0, row->line, "", &name,
              "header: field %u is not a variable of the dictionary%s%.*s%s; remove the column or describe it", i + 1,
              near.len ? " (did you mean " : "", SLICE_ARG(near), near.len ? "?)" : "");
    }
}

static result read_header(struct load *l, struct why *why)
{
    struct csv_row row;
    unsigned *field_of;
    char text[VARIABLE_MAX + 1];
    result r = csv_next(l->csv, &row, why);
    if (r.code == ABSENT) {
        fault(l, 0, 1, "", NULL, "the file is empty; a header with the names of the variables is asked");
        return DONE;
    }
    TRY(r);
    /* What stands there may be a person's row, and then it must not be shown. */
    if (!looks_like_a_header(l, &row)) {
        fault(l, 0, 1, "", NULL, "header: the first row names none of the dictionary's variables; a header is asked");
        return DONE;
    }
    field_of = calloc(l->dictionary->variable_count, sizeof *field_of);
    if (!field_of)
        return FAIL(why, LIMIT, "no memory to load");
    l->field_count = row.count;
    for (unsigned i = 0; i < row.count; i++)
        match_field(l, &row, i, field_of);
    for (unsigned v = 0; v < l->dictionary->variable_count; v++)
        if (!field_of[v])
            fault(l, 0, row.line, name_of(l, v, text), NULL, "header: the variable %s has no column", text);
    free(field_of);
    return DONE;
}

/* --- a cell ----------------------------------------------------------------------------------- */

static void bad_level(struct load *l, const struct csv_row *row, unsigned variable, struct slice value)
{
    const struct variable *v = &l->dictionary->variables[variable];
    char known[200] = "", name[VARIABLE_MAX + 1];
    size_t len = 0;
    for (unsigned i = 0; i < v->level_count && i < LEVELS_SHOWN && len < sizeof known - LEVEL_CODE_MAX - 4; i++)
        len += (size_t)snprintf(known + len, sizeof known - len, "%s%.*s", i ? ", " : "", (int)v->levels[i].len,
                                (const char *)v->levels[i].at);
    fault(l, row->row, row->line, name_of(l, variable, name), &value, "not one of the %u levels (%s%s)", v->level_count, known,
          v->level_count > LEVELS_SHOWN ? ", ..." : "");
}

static uint32_t take_level(struct load *l, const struct csv_row *row, unsigned variable, struct slice value)
{
    const struct variable *v = &l->dictionary->variables[variable];
    uint32_t found = *find_code(&l->columns[variable], v, value);
    if (found == 0 && value.len)
        bad_level(l, row, variable, value);
    return found <= v->level_count ? found : 0;
}

static bool is_missing(const struct variable *v, struct slice value)
{
    if (value.len == 0)
        return true;
    for (unsigned i = 0; i < v->missing_count; i++)
        if (slice_equal(v->missing_codes[i], value))
            return true;
    return false;
}

static double take_number(struct load *l, const struct csv_row *row, unsigned variable, struct slice value)
{
    const struct variable *v = &l->dictionary->variables[variable];
    struct column *c = &l->columns[variable];
    char name[VARIABLE_MAX + 1];
    unsigned decimals = 0;
    double n;
    if (is_missing(v, value))
        return NAN;
    bool whole = v->type == VARIABLE_INTEGER;
    if (whole ? !integer_parse(value, &n) : !number_parse(value, &n, &decimals)) {
        fault(l, row->row, row->line, name_of(l, variable, name), &value, "%s",
              whole ? "not an integer between -2^53 and 2^53" : "not a number such as 12, -0.5 or 1e-3");
        return NAN;
    }
    for (unsigned i = 0; i < c->missing_count; i++)
        if (c->missing[i] == n) /* "0.0" where "0" is declared missing */
            return NAN;
    if (decimals > c->decimals)
        c->decimals = decimals;
    return n;
}

static int32_t take_day(struct load *l, const struct csv_row *row, unsigned variable, struct slice value)
{
    char name[VARIABLE_MAX + 1];
    int32_t day;
    if (is_missing(&l->dictionary->variables[variable], value))
        return SNAPSHOT_DATE_MISSING;
    if (date_parse(value, &day))
        return day;
    fault(l, row->row, row->line, name_of(l, variable, name), &value, "not a calendar day as YYYY-MM-DD");
    return SNAPSHOT_DATE_MISSING;
}

static void take_person(struct load *l, const struct csv_row *row, unsigned variable, struct slice value)
{
    char name[VARIABLE_MAX + 1];
    if (is_missing(&l->dictionary->variables[variable], value))
        fault(l, row->row, row->line, name_of(l, variable, name), NULL, "the person key is missing");
    else if (value.len > LOAD_PERSON_BYTES_MAX)
        fault(l, row->row, row->line, name_of(l, variable, name), NULL, "the person key is longer than %d bytes",
              LOAD_PERSON_BYTES_MAX);
    else {
        memcpy(l->text[l->count], value.at, value.len);
        l->texts[l->count] = slice_of(l->text[l->count], value.len);
    }
}

static void take_cell(struct load *l, const struct csv_row *row, unsigned variable, struct slice value)
{
    struct column *c = &l->columns[variable];
    unsigned at = l->count;
    switch (c->kind) {
    case COLUMN_NONE:
        if ((int)variable == l->dictionary->key)
            take_person(l, row, variable, value);
        return;
    case COLUMN_U8:
        c->values[at] = (uint8_t)take_level(l, row, variable, value);
        return;
    case COLUMN_U16: {
        uint16_t v = (uint16_t)take_level(l, row, variable, value);
        memcpy(c->values + at * sizeof v, &v, sizeof v);
        return;
    }
    case COLUMN_U32: {
        uint32_t v = take_level(l, row, variable, value);
        memcpy(c->values + at * sizeof v, &v, sizeof v);
        return;
    }
    case COLUMN_DOUBLE: {
        double v = take_number(l, row, variable, value);
        memcpy(c->values + at * sizeof v, &v, sizeof v);
        return;
    }
    case COLUMN_DAY: {
        int32_t v = take_day(l, row, variable, value);
        memcpy(c->values + at * sizeof v, &v, sizeof v);
        return;
    }
    }
}

static void take_row(struct load *l, const struct csv_row *row)
{
    unsigned at = l->count;
    if (row->count != l->field_count) {
        fault(l, row->row, row->line, "", NULL, "%u fields where the header has %u", row->count, l->field_count);
        return;
    }
    l->texts[at] = slice_str("");
    for (unsigned i = 0; i < row->count; i++)
        take_cell(l, row, (unsigned)l->variable_of[i], row->fields[i]);
    if (l->dictionary->key < 0) {
        int len = snprintf((char *)l->text[at], sizeof l->text[at], "%" PRIu64, row->row);
        l->texts[at] = slice_of(l->text[at], (size_t)len);
    }
    l->rows[at] = row->row;
    l->lines[at] = row->line;
    if (l->texts[at].len) /* else that is a fault already, and no person */
        l->count++;
}

/* --- a batch ---------------------------------------------------------------------------------- */

static struct person_print print_of(struct load *l, struct slice person)
{
    struct hash h = mac_of(l->mac, person);
    struct person_print p;
    memcpy(&p.high, h.at, sizeof p.high);
    memcpy(&p.low, h.at + sizeof p.high, sizeof p.low);
    return p;
}

/* Numbers the batch's persons; *ret_new of them are new, and their texts come first in `texts` then. */
static result number_persons(struct load *l, unsigned *ret_new, struct why *why)
{
    const struct dictionary *d = l->dictionary;
    char name[VARIABLE_MAX + 1];
    unsigned fresh = 0;
    for (unsigned i = 0; i < l->count; i++) {
        bool new = true;
        if (d->key < 0) {
            l->ordinals[i] = (uint32_t)(l->report->persons + fresh);
        } else {
            TRY(persons_find(&l->persons, print_of(l, l->texts[i]), (uint32_t)l->rows[i], &l->ordinals[i], &new, why));
            if (!new && !d->event_table)
                fault(l, l->rows[i], l->lines[i], name_of(l, (unsigned)d->key, name), NULL,
                      "the same person key as in row %" PRIu32
                      "; one row a person is asked, or declare \"event_table\": true in the dictionary",
                      l->persons.first_row[l->ordinals[i]]);
        }
        if (new)
            l->texts[fresh++] = l->texts[i];
    }
    *ret_new = fresh;
    return DONE;
}

static result write_batch(struct load *l, unsigned fresh, struct why *why)
{
    if (fresh)
        TRY(l->options->keys(l->options->keys_self, l->texts, fresh, l->keys, why));
    TRY(snapshot_add_keys(l->writer, l->keys, fresh, why));
    if (l->dictionary->event_table)
        TRY(snapshot_add_persons(l->writer, l->ordinals, l->count, why));
    for (unsigned i = 0; i < l->dictionary->variable_count; i++)
        if (l->columns[i].kind != COLUMN_NONE)
            TRY(snapshot_add(l->writer, i, l->columns[i].values, l->count, why));
    return DONE;
}

static result end_batch(struct load *l, struct why *why)
{
    unsigned fresh;
    TRY(number_persons(l, &fresh, why));
    if (l->writer)
        TRY(write_batch(l, fresh, why));
    l->report->persons += fresh;
    l->count = 0;
    int64_t now = host_monotonic_ms(l->host);
    if (l->options->progress &&
        (now - l->told_ms >= LOAD_PROGRESS_MS || l->report->rows - l->told_rows >= LOAD_PROGRESS_ROWS)) {
        l->options->progress(l->options->self, l->report->rows, csv_bytes(l->csv), now - l->started_ms);
        l->told_ms = now;
        l->told_rows = l->report->rows;
    }
    return DONE;
}

static result read_rows(struct load *l, struct why *why)
{
    struct csv_row row;
    while (!enough(l)) {
        result r = csv_next(l->csv, &row, why);
        if (r.code == ABSENT)
            break;
        TRY(r);
        if (row.row > SNAPSHOT_ROWS_MAX)
            return FAIL(why, LIMIT, "more than %" PRIu64 " rows", SNAPSHOT_ROWS_MAX);
        l->report->rows = row.row;
        take_row(l, &row);
        if (l->count == LOAD_BATCH_ROWS)
            TRY(end_batch(l, why));
    }
    return end_batch(l, why);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void set_grids(struct load *l)
{
    static const double steps[GRID_DECIMALS_MAX + 1] = {1, 0.1, 0.01, 0.001, 0.0001, 0.00001, 0.000001};
    for (unsigned i = 0; i < l->dictionary->variable_count; i++) {
        struct variable *v = &l->dictionary->variables[i];
        unsigned d = l->columns[i].decimals;
        if (v->type == VARIABLE_NUMBER && v->grid_step == 0)
            v->grid_step = steps[d < GRID_DECIMALS_MAX ? d : GRID_DECIMALS_MAX];
    }
}

static result run(struct load *l, struct csv_source source, struct why *why)
{
    struct why inner = {0};
    TRY(csv_new(source, l->options->separator ? l->options->separator : ',', &l->csv, why));
    TRY(load_prepare(l, why));
    result r = read_header(l, &inner);
    if (is_ok(r) && l->report->faults == 0)
        r = read_rows(l, &inner);
    if (r.code == MALFORMED) /* of the CSV itself: the text names row and line, and no value */
        fault(l, 0, 0, "", NULL, "%s", inner.text);
    else if (!is_ok(r)) {
        if (why)
            *why = inner;
        return r;
    }
    if (l->report->faults)
        return FAIL(why, MALFORMED, "%" PRIu64 " fault%s%s, nothing was loaded; the first: %.150s", l->report->faults,
                    l->report->faults == 1 ? "" : "s", enough(l) ? " found before giving up" : "", l->first_fault);
    set_grids(l);
    if (l->writer)
        TRY(snapshot_commit(l->writer, l->report->rows, l->report->persons, &l->report->snapshot, why));
    return DONE;
}

result loader_run(const struct host *h, struct dictionary *d, struct csv_source source, const struct load_options *options,
                  struct load_report *ret, struct why *why)
{
    struct load *l CLEANUP(load_donep) = calloc(1, sizeof *l);
    *ret = (struct load_report){0};
    if (!l)
        return FAIL(why, LIMIT, "no memory to load");
    l->host = h;
    l->dictionary = d;
    l->options = options;
    l->report = ret;
    persons_init(&l->persons);
    return run(l, source, why);
}
