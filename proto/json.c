/*
 * Strict JSON in, canonical JSON out.
 *
 * The text is read by jansson; what it lacks (a small depth, numbers that lose nothing) is checked by a
 * scan before it.  The tree is our own: members of an object always lie in canonical order, so that
 * looking up, walking and printing need no sorting.
 * Invariants: texts and keys are UTF-8 without NUL; reals are finite; integers are within +-2^53; a whole
 * number within +-2^53 is always an integer node.
 */

/* jansson's enumerators, under other names: json.h defines its own. */
#define JSON_NULL JANSSON_NULL
#define JSON_INTEGER JANSSON_INTEGER
#define JSON_REAL JANSSON_REAL
#define JSON_STRING JANSSON_STRING
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_OBJECT JANSSON_OBJECT
#include <jansson.h>
#undef JSON_NULL
#undef JSON_INTEGER
#undef JSON_REAL
#undef JSON_STRING
#undef JSON_ARRAY
#undef JSON_OBJECT
#undef json_is_number

#include "proto/json.h"

#include "base/arith.h"
#include "base/codec.h"
#include "base/instant.h"
#include "proto/json_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { INTEGER_DIGITS_SAFE = 15 }; /* so many digits are always within 2^53 */

struct member {
    uint8_t *key;
    size_t key_len;
    struct json *value;
};

struct json {
    enum json_kind kind;
    unsigned refs;
    union {
        bool truth;
        int64_t integer;
        double real;
        size_t text_len; /* the bytes follow the node */
        struct {
            struct json **at;
            size_t count, room;
        } array;
        struct {
            struct member *at;
            size_t count, room;
        } object;
    };
    uint8_t text[];
};

/* --- memory ------------------------------------------------------------------------------------ */

/* Why the tree being built on this thread is not whole: OK, LIMIT (memory) or MALFORMED (a value). */
static _Thread_local enum status building;

static void building_failed(enum status code)
{
    if (building == OK)
        building = code;
}

#ifdef INNSYN_TEST_HOOKS
static _Thread_local long fail_in = -1;

void json_fail_allocation(long n)
{
    fail_in = n;
}

static bool must_fail(void)
{
    return fail_in >= 0 && fail_in-- == 0;
}
#else
static bool must_fail(void)
{
    return false;
}
#endif

static void *take(size_t bytes)
{
    void *at = must_fail() ? NULL : malloc(bytes);
    if (!at)
        building_failed(LIMIT);
    return at;
}

/* Room for one more of `size` bytes in a growing array. */
static bool grow(void **at, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return true;
    size_t more = *room ? *room : 4, bytes;
    void *wider = NULL;
    if (ck_add(*room, more, &more) && ck_mul(more, size, &bytes) && !must_fail())
        wider = realloc(*at, bytes);
    if (!wider) {
        building_failed(LIMIT);
        return false;
    }
    *at = wider;
    *room = more;
    return true;
}

static struct json *node(enum json_kind kind, size_t text_len)
{
    struct json *v = take(sizeof *v + text_len + 1);
    if (v) {
        memset(v, 0, sizeof *v);
        v->kind = kind;
        v->refs = 1;
    }
    return v;
}

struct json *json_hold(struct json *v)
{
    if (v)
        v->refs++;
    return v;
}

struct json *json_share(const struct json *v)
{
    /* The count is not part of the value that the borrower promised to leave alone. */
    union {
        const struct json *borrowed;
        struct json *held;
    } u = {v};
    return json_hold(u.held);
}

void json_free(struct json *v)
{
    if (!v || --v->refs)
        return;
    if (v->kind == JSON_ARRAY) {
        for (size_t i = 0; i < v->array.count; i++)
            json_free(v->array.at[i]);
        free(v->array.at);
    } else if (v->kind == JSON_OBJECT) {
        for (size_t i = 0; i < v->object.count; i++) {
            free(v->object.at[i].key);
            json_free(v->object.at[i].value);
        }
        free(v->object.at);
    }
    free(v);
}

void json_freep(struct json **v)
{
    json_free(*v);
    *v = NULL;
}

/* --- order of keys ----------------------------------------------------------------------------- */

/* RFC 8785 3.2.3: by UTF-16 code units.  UTF-8 bytes order the same, except that code points over U+FFFF
 * (lead bytes F0..F4, surrogates in UTF-16) come before U+E000..U+FFFF (lead bytes EE, EF). */
static int key_compare(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < shorter; i++) {
        uint8_t x = a.at[i], y = b.at[i];
        if (x == y)
            continue;
        if (x >= 0xEE && y >= 0xEE && (x >= 0xF0) != (y >= 0xF0))
            return x >= 0xF0 ? -1 : 1;
        return x < y ? -1 : 1;
    }
    return (a.len > b.len) - (a.len < b.len);
}

static struct slice member_key(const struct member *m)
{
    return slice_of(m->key, m->key_len);
}

static int member_compare(const void *a, const void *b)
{
    return key_compare(member_key(a), member_key(b));
}

/* Where the key is, or belongs. */
static size_t member_place(const struct json *object, struct slice key, bool *ret_found)
{
    size_t low = 0, high = object->object.count;
    *ret_found = false;
    /* Keys are mostly set and read in order: look at the end first. */
    if (high && key_compare(member_key(&object->object.at[high - 1]), key) < 0)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = key_compare(member_key(&object->object.at[middle]), key);
        if (!order) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* --- reading ----------------------------------------------------------------------------------- */

static void place_of(struct slice text, size_t at, int *ret_line, int *ret_column)
{
    int line = 1, column = 1;
    for (size_t i = 0; i < at && i < text.len; i++) {
        if (text.at[i] == '\n') {
            line++;
            column = 1;
        } else if ((text.at[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    *ret_line = line;
    *ret_column = column;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Length of the number that starts here. */
static size_t number_len(struct slice rest)
{
    size_t n = 0;
    while (n < rest.len && (is_digit(rest.at[n]) || (rest.at[n] && strchr("+-.eE", rest.at[n]))))
        n++;
    return n;
}

enum digits { DIGITS_SMALL, DIGITS_REAL, DIGITS_LOSSY };

/* What a number token is: within 2^53 (or not digits alone), exact beyond it, or not what it says. */
static enum digits classify(struct slice token)
{
    size_t sign = token.len && token.at[0] == '-';
    if (token.len - sign <= INTEGER_DIGITS_SAFE)
        return DIGITS_SMALL;
    for (size_t i = sign; i < token.len; i++)
        if (!is_digit(token.at[i]))
            return DIGITS_SMALL; /* a fraction or an exponent: a double already */
    uint64_t value;
    if (slice_parse_u64(slice_part(token, sign, token.len), (uint64_t)JSON_INTEGER_MAX, &value))
        return DIGITS_SMALL;
    char text[JSON_NUMBER_TEXT_SIZE], canonical[JSON_NUMBER_TEXT_SIZE];
    if (!slice_copy_str(token, text, sizeof text))
        return DIGITS_LOSSY;
    double v = strtod(text, NULL);
    if (!isfinite(v))
        return DIGITS_LOSSY;
    json_number_text(v, canonical);
    return slice_is(token, canonical) ? DIGITS_REAL : DIGITS_LOSSY;
}

/* Checks depth and numbers.  Counts the numbers that are digits alone beyond 2^53: jansson reads them
 * as integers, so they are handed to it with ".0" behind (into `to`, if that is not NULL). */
static result scan(struct slice text, uint8_t *to, size_t *ret_reals, struct why *why)
{
    size_t reals = 0, i = 0, written = 0;
    unsigned depth = 0;
    int line, column;
    bool quoted = false;
    while (i < text.len) {
        uint8_t c = text.at[i];
        size_t len = 1;
        bool real = false;
        if (quoted) {
            if (c == '\\' && i + 1 < text.len)
                len = 2;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_DEPTH_MAX) {
                place_of(text, i, &line, &column);
                return FAIL(why, LIMIT, "line %d, column %d: deeper than %d levels", line, column,
                            (int)JSON_DEPTH_MAX);
            }
        } else if ((c == ']' || c == '}') && depth) {
            depth--;
        } else if (c == '-' || is_digit(c)) {
            len = number_len(slice_part(text, i, text.len));
            enum digits kind = classify(slice_part(text, i, i + len));
            if (kind == DIGITS_LOSSY) {
                place_of(text, i, &line, &column);
                return FAIL(why, MALFORMED,
                            "line %d, column %d: a whole number beyond 2^53 that no double holds exactly",
                            line, column);
            }
            real = kind == DIGITS_REAL;
        }
        if (to) {
            memcpy(to + written, text.at + i, len);
            written += len;
            if (real) {
                memcpy(to + written, ".0", 2);
                written += 2;
            }
        }
        reals += real;
        i += len;
    }
    *ret_reals = reals;
    return DONE;
}

/* Our tree from jansson's.  NULL with `building` set when memory is out. */
static struct json *adopt(const json_t *from)
{
    struct json *v = NULL;
    switch (json_typeof(from)) {
    case JANSSON_NULL:
        return node(JSON_NULL, 0);
    case JSON_TRUE:
        return json_of_bool(true);
    case JSON_FALSE:
        return json_of_bool(false);
    case JANSSON_INTEGER:
        return json_of_integer(json_integer_value(from));
    case JANSSON_REAL:
        return json_of_number(json_real_value(from));
    case JANSSON_STRING: {
        size_t len = json_string_length(from);
        v = node(JSON_STRING, len);
        if (v) {
            memcpy(v->text, json_string_value(from), len);
            v->text[len] = 0;
            v->text_len = len;
        }
        return v;
    }
    case JANSSON_ARRAY: {
        v = json_array();
        size_t count = json_array_size(from);
        for (size_t i = 0; v && building == OK && i < count; i++)
            json_add(v, adopt(json_array_get(from, i)));
        return v;
    }
    case JANSSON_OBJECT: {
        v = json_object();
        size_t count = json_object_size(from);
        if (!v || !count)
            return v;
        v->object.at = take(count * sizeof *v->object.at);
        if (!v->object.at)
            return v;
        v->object.room = count;
        /* Not json_set: a stranger's keys in the worst order would make it quadratic. */
        union {
            const json_t *borrowed;
            json_t *object;
        } u = {from};
        for (void *i = json_object_iter(u.object); i; i = json_object_iter_next(u.object, i)) {
            const char *key = json_object_iter_key(i);
            size_t key_len = strlen(key);
            struct member *m = &v->object.at[v->object.count];
            m->key = take(key_len + 1);
            if (!m->key)
                return v;
            memcpy(m->key, key, key_len + 1);
            m->key_len = key_len;
            m->value = adopt(json_object_iter_value(i));
            v->object.count++;
            if (building != OK)
                return v;
        }
        qsort(v->object.at, v->object.count, sizeof *v->object.at, member_compare);
        return v;
    }
    }
    return NULL;
}

result json_parse(struct slice text, size_t bytes_max, struct json **ret, struct why *why)
{
    if (text.len > bytes_max)
        return FAIL(why, LIMIT, "%zu bytes of JSON; at most %zu are allowed here", text.len, bytes_max);
    size_t reals;
    if (slice_find(text, 0) != text.len) /* jansson takes one behind a number for the end */
        return FAIL(why, MALFORMED, "a NUL byte in the text");
    TRY(scan(text, NULL, &reals, why));
    uint8_t *marked = NULL;
    if (reals) {
        marked = malloc(text.len + 2 * reals);
        if (!marked)
            return FAIL(why, LIMIT, "no memory for %zu bytes of JSON", text.len);
        tolerate(scan(text, marked, &reals, NULL)); /* it held a moment ago */
    }
    json_error_t error = {0};
    json_t *tree = json_loadb(marked ? (const char *)marked : text.at ? (const char *)text.at : "",
                              marked ? text.len + 2 * reals : text.len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    free(marked);
    if (!tree) {
        if (json_error_code(&error) == json_error_out_of_memory)
            return FAIL(why, LIMIT, "no memory for %zu bytes of JSON", text.len);
        /* jansson quotes what it stands at; that may be a password, so the quotation is cut off. */
        char *quotation = strstr(error.text, " near ");
        if (quotation)
            *quotation = 0;
        return FAIL(why, MALFORMED, "line %d, column %d: %s", error.line, error.column, error.text);
    }
    enum status outer = building;
    building = OK;
    struct json *v = adopt(tree);
    json_decref(tree);
    enum status code = building;
    building = outer;
    if (code != OK) {
        json_free(v);
        return FAIL(why, LIMIT, "no memory for %zu bytes of JSON", text.len);
    }
    *ret = v;
    return DONE;
}

/* --- looking ----------------------------------------------------------------------------------- */

enum json_kind json_kind(const struct json *v)
{
    return v ? v->kind : JSON_NULL;
}

const char *json_kind_name(enum json_kind kind)
{
    switch (kind) {
    case JSON_NULL: return "null";
    case JSON_BOOL: return "true or false";
    case JSON_INTEGER: return "integer";
    case JSON_REAL: return "number";
    case JSON_STRING: return "text";
    case JSON_ARRAY: return "array";
    case JSON_OBJECT: return "object";
    }
    return "?";
}

struct slice json_text(const struct json *v)
{
    return json_kind(v) == JSON_STRING ? slice_of(v->text, v->text_len) : slice_of(NULL, 0);
}

int64_t json_integer(const struct json *v)
{
    return json_kind(v) == JSON_INTEGER ? v->integer : 0;
}

double json_number(const struct json *v)
{
    if (json_kind(v) == JSON_REAL)
        return v->real;
    return (double)json_integer(v);
}

bool json_is_number(const struct json *v)
{
    return json_kind(v) == JSON_INTEGER || json_kind(v) == JSON_REAL;
}

bool json_truth(const struct json *v)
{
    return json_kind(v) == JSON_BOOL && v->truth;
}

size_t json_size(const struct json *v)
{
    if (json_kind(v) == JSON_ARRAY)
        return v->array.count;
    return json_kind(v) == JSON_OBJECT ? v->object.count : 0;
}

const struct json *json_item(const struct json *array, size_t index)
{
    return json_kind(array) == JSON_ARRAY && index < array->array.count ? array->array.at[index] : NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
    bool found;
    if (json_kind(object) != JSON_OBJECT)
        return NULL;
    size_t place = member_place(object, slice_str(key), &found);
    return found ? object->object.at[place].value : NULL;
}

bool json_next(const struct json *object, size_t *index, struct slice *ret_key, const struct json **ret_value)
{
    if (json_kind(object) != JSON_OBJECT || *index >= object->object.count)
        return false;
    const struct member *m = &object->object.at[(*index)++];
    *ret_key = member_key(m);
    *ret_value = m->value;
    return true;
}

/* --- building ---------------------------------------------------------------------------------- */

struct json *json_object(void)
{
    return node(JSON_OBJECT, 0);
}

struct json *json_array(void)
{
    return node(JSON_ARRAY, 0);
}

struct json *json_of_null(void)
{
    return node(JSON_NULL, 0);
}

/* A value that JSON cannot hold. */
static struct json *refused(void)
{
    building_failed(MALFORMED);
    return json_of_null();
}

struct json *json_of_text(struct slice text)
{
    if (!slice_is_utf8(text) || slice_find(text, 0) != text.len)
        return refused();
    struct json *v = node(JSON_STRING, text.len);
    if (!v)
        return NULL;
    if (text.len)
        memcpy(v->text, text.at, text.len);
    v->text[text.len] = 0;
    v->text_len = text.len;
    return v;
}

struct json *json_of_str(const char *text)
{
    return json_of_text(slice_str(text));
}

struct json *json_of_integer(int64_t number)
{
    if (number < -JSON_INTEGER_MAX || number > JSON_INTEGER_MAX)
        return refused();
    struct json *v = node(JSON_INTEGER, 0);
    if (v)
        v->integer = number;
    return v;
}

struct json *json_of_number(double number)
{
    if (!isfinite(number))
        return refused();
    if (json_number_is_whole(number))
        return json_of_integer((int64_t)number);
    struct json *v = node(JSON_REAL, 0);
    if (v)
        v->real = number;
    return v;
}

struct json *json_of_bool(bool truth)
{
    struct json *v = node(JSON_BOOL, 0);
    if (v)
        v->truth = truth;
    return v;
}

struct json *json_of_instant(int64_t at_ms)
{
    char text[INSTANT_TEXT_SIZE];
    instant_print(at_ms, text);
    return json_of_str(text);
}

/* A text node to be filled with len characters; NULL when memory is out or len overflows. */
static struct json *blank_text(size_t bytes, size_t len)
{
    if (bytes > SIZE_MAX / 4) {
        building_failed(LIMIT);
        return NULL;
    }
    struct json *v = node(JSON_STRING, len);
    if (v)
        v->text_len = len;
    return v;
}

struct json *json_of_hex(struct slice bytes)
{
    struct json *v = blank_text(bytes.len, 2 * bytes.len);
    if (v)
        hex_print(bytes, (char *)v->text, 2 * bytes.len + 1);
    return v;
}

struct json *json_of_base64(struct slice bytes)
{
    struct json *v = blank_text(bytes.len, BASE64_LEN(bytes.len));
    if (v)
        base64_print_str(bytes, (char *)v->text, BASE64_LEN(bytes.len) + 1);
    return v;
}

void json_set(struct json *object, const char *key, struct json *value)
{
    if (!object || !value) {
        building_failed(LIMIT); /* their allocation failed */
        json_free(value);
        return;
    }
    if (object->kind != JSON_OBJECT)
        abort();
    struct slice k = slice_str(key);
    if (!slice_is_utf8(k)) {
        building_failed(MALFORMED);
        json_free(value);
        return;
    }
    bool found;
    size_t place = member_place(object, k, &found);
    if (found) {
        json_free(object->object.at[place].value);
        object->object.at[place].value = value;
        return;
    }
    void *at = object->object.at;
    uint8_t *copy = take(k.len + 1);
    if (!copy || !grow(&at, object->object.count, &object->object.room, sizeof *object->object.at)) {
        free(copy);
        json_free(value);
        return;
    }
    object->object.at = at;
    memcpy(copy, key, k.len + 1);
    struct member *m = &object->object.at[place];
    memmove(m + 1, m, (object->object.count - place) * sizeof *m);
    *m = (struct member){copy, k.len, value};
    object->object.count++;
}

void json_add(struct json *array, struct json *value)
{
    if (!array || !value) {
        building_failed(LIMIT);
        json_free(value);
        return;
    }
    if (array->kind != JSON_ARRAY)
        abort();
    void *at = array->array.at;
    if (!grow(&at, array->array.count, &array->array.room, sizeof(struct json *))) {
        json_free(value);
        return;
    }
    array->array.at = at;
    array->array.at[array->array.count++] = value;
}

/* --- printing ---------------------------------------------------------------------------------- */

static result print_text(struct slice text, struct buffer *to, struct why *why)
{
    static const char hex[] = "0123456789abcdef";
    TRY(buffer_add_byte(to, '"', why));
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        char escape[6] = {'\\', (char)c};
        size_t len = 2;
        switch (c) {
        case '"': case '\\': break;
        case '\b': escape[1] = 'b'; break;
        case '\t': escape[1] = 't'; break;
        case '\n': escape[1] = 'n'; break;
        case '\f': escape[1] = 'f'; break;
        case '\r': escape[1] = 'r'; break;
        default:
            memcpy(escape + 1, "u00", 3);
            escape[4] = hex[c >> 4];
            escape[5] = hex[c & 15];
            len = 6;
        }
        TRY(buffer_add(to, slice_part(text, from, i), why));
        TRY(buffer_add(to, slice_of(escape, len), why));
        from = i + 1;
    }
    TRY(buffer_add(to, slice_part(text, from, text.len), why));
    return buffer_add_byte(to, '"', why);
}

static result print(const struct json *v, struct buffer *to, struct why *why)
{
    char number[JSON_NUMBER_TEXT_SIZE];
    switch (json_kind(v)) {
    case JSON_NULL:
        return buffer_add_str(to, "null", why);
    case JSON_BOOL:
        return buffer_add_str(to, v->truth ? "true" : "false", why);
    case JSON_INTEGER:
        (void)snprintf(number, sizeof number, "%lld", (long long)v->integer);
        return buffer_add_str(to, number, why);
    case JSON_REAL:
        json_number_text(v->real, number);
        return buffer_add_str(to, number, why);
    case JSON_STRING:
        return print_text(json_text(v), to, why);
    case JSON_ARRAY:
        TRY(buffer_add_byte(to, '[', why));
        for (size_t i = 0; i < v->array.count; i++) {
            if (i)
                TRY(buffer_add_byte(to, ',', why));
            TRY(print(v->array.at[i], to, why));
        }
        return buffer_add_byte(to, ']', why);
    case JSON_OBJECT:
        TRY(buffer_add_byte(to, '{', why));
        for (size_t i = 0; i < v->object.count; i++) {
            if (i)
                TRY(buffer_add_byte(to, ',', why));
            TRY(print_text(member_key(&v->object.at[i]), to, why));
            TRY(buffer_add_byte(to, ':', why));
            TRY(print(v->object.at[i].value, to, why));
        }
        return buffer_add_byte(to, '}', why);
    }
    return DONE;
}

result json_print(const struct json *v, struct buffer *to, struct why *why)
{
    enum status code = building;
    building = OK;
    if (code == MALFORMED)
        return FAIL(why, MALFORMED, "a text that is no UTF-8, or a number that JSON cannot hold");
    if (code != OK)
        return FAIL(why, LIMIT, "memory ran out while a document was built");
    size_t len = to->len;
    result r = print(v, to, why);
    if (!is_ok(r))
        to->len = len;
    return r;
}
