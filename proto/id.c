#include "proto/id.h"

#include <string.h>

enum { DOCUMENT_DIGITS = 26, DOCUMENT_RANDOM_LEN = 16, DOCUMENT_TIME_LEN = 6 };

static bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_label(struct slice text)
{
    if (!text.len || text.len > LABEL_MAX || !(is_letter(text.at[0]) || is_digit(text.at[0])))
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (!is_letter(text.at[i]) && !is_digit(text.at[i]) && text.at[i] != '_' && text.at[i] != '-')
            return false;
    return true;
}

result label_parse(struct slice text, struct label *ret, struct why *why)
{
    if (!is_label(text))
        return FAIL(why, MALFORMED,
                    "a name is 1 to %d letters, digits, '_' or '-', and begins with a letter or digit",
                    (int)LABEL_MAX);
    struct label label = {{0}};
    memcpy(label.text, text.at, text.len);
    *ret = label;
    return DONE;
}

result site_id_parse(struct slice text, struct site_id *ret, struct why *why)
{
    if (text.len > SITE_ID_MAX)
        return FAIL(why, MALFORMED, "a site id has at most %d characters", (int)SITE_ID_MAX);
    struct slice rest = text;
    for (unsigned labels = 1;; labels++) {
        size_t dot = slice_find(rest, '.');
        if (labels > SITE_LABELS_MAX || !is_label(slice_part(rest, 0, dot)))
            return FAIL(why, MALFORMED, "a site id is 1 to %d names joined by '.', like 'ulm.south'",
                        (int)SITE_LABELS_MAX);
        if (dot == rest.len)
            break;
        rest = slice_part(rest, dot + 1, rest.len);
    }
    struct site_id site = {{0}};
    memcpy(site.text, text.at, text.len);
    *ret = site;
    return DONE;
}

bool variable_name_valid(struct slice text)
{
    if (!text.len || text.len > VARIABLE_MAX || !(is_letter(text.at[0]) || text.at[0] == '_'))
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (!is_letter(text.at[i]) && !is_digit(text.at[i]) && (!text.at[i] || !strchr("_.-", text.at[i])))
            return false;
    return true;
}

/* Crockford's alphabet: no i, l, o, u. */
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

result document_id_parse(struct slice text, char kind, struct document_id *ret, struct why *why)
{
    bool good = text.len == DOCUMENT_ID_LEN && text.at[0] == (uint8_t)kind && text.at[1] == '-';
    for (size_t i = 2; good && i < DOCUMENT_ID_LEN; i++)
        good = text.at[i] && strchr(digits, text.at[i]);
    /* 26 digits hold 130 bits: the last two are zero, so that each id has one text. */
    if (good)
        good = ((strchr(digits, text.at[DOCUMENT_ID_LEN - 1]) - digits) & 3) == 0;
    if (!good)
        return FAIL(why, MALFORMED, "an id here is '%c-' and %d characters of 0-9, a-z without i, l, o, u", kind,
                    (int)DOCUMENT_DIGITS);
    struct document_id id = {{0}};
    memcpy(id.text, text.at, text.len);
    *ret = id;
    return DONE;
}

static struct document_id id_of(char kind, const uint8_t bytes[DOCUMENT_RANDOM_LEN])
{
    struct document_id id = {{kind, '-'}};
    for (unsigned i = 0; i < DOCUMENT_DIGITS; i++) {
        unsigned bit = 5 * i, value = 0;
        for (unsigned b = bit; b < bit + 5; b++)
            value = value << 1 | (b < 8 * DOCUMENT_RANDOM_LEN ? (unsigned)(bytes[b / 8] >> (7 - b % 8)) & 1 : 0);
        id.text[2 + i] = digits[value];
    }
    return id;
}

result document_id_new(const struct host *host, char kind, struct document_id *ret, struct why *why)
{
    uint8_t bytes[DOCUMENT_RANDOM_LEN];
    TRY(host_random(host, bytes, sizeof bytes, why));
    *ret = id_of(kind, bytes);
    return DONE;
}

result document_id_new_in_order(const struct host *host, char kind, struct document_id *ret, struct why *why)
{
    uint8_t bytes[DOCUMENT_RANDOM_LEN];
    uint64_t now_ms = (uint64_t)host_now_ms(host);
    TRY(host_random(host, bytes, sizeof bytes, why));
    for (unsigned i = 0; i < DOCUMENT_TIME_LEN; i++)
        bytes[i] = (uint8_t)(now_ms >> 8 * (DOCUMENT_TIME_LEN - 1 - i));
    *ret = id_of(kind, bytes);
    return DONE;
}

bool label_equal(const struct label *a, const struct label *b)
{
    return strcmp(a->text, b->text) == 0;
}

bool site_id_equal(const struct site_id *a, const struct site_id *b)
{
    return strcmp(a->text, b->text) == 0;
}

bool document_id_equal(const struct document_id *a, const struct document_id *b)
{
    return strcmp(a->text, b->text) == 0;
}

result site_id_from_urn(struct slice urn, struct site_id *ret, struct why *why)
{
    if (!slice_starts(urn, SITE_URN_PREFIX))
        return FAIL(why, MALFORMED, "a site's name in a certificate is '" SITE_URN_PREFIX "<site>'");
    return site_id_parse(slice_part(urn, strlen(SITE_URN_PREFIX), urn.len), ret, why);
}
