/* agent_data.h - what the tests of the data side share: dictionaries and sources from text. */
#ifndef INNSYN_TESTS_UNIT_AGENT_DATA_H
#define INNSYN_TESTS_UNIT_AGENT_DATA_H

#include "agents/loader/load.h"
#include "agents/snapshot/snapshot.h"
#include "proto/question.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"

enum { TEST_TEXT_MAX = 8 * 1024 * 1024 };

struct text_source {
    struct slice rest;
    size_t step; /* bytes a read; 0: all there is room for */
};

static inline result text_read(void *self, uint8_t *to, size_t room, size_t *ret_len, struct why *why)
{
    struct text_source *t = self;
    size_t n = t->rest.len < room ? t->rest.len : room;
    (void)why;
    if (t->step && n > t->step)
        n = t->step;
    if (n)
        memcpy(to, t->rest.at, n);
    t->rest = slice_part(t->rest, n, t->rest.len);
    *ret_len = n;
    return DONE;
}

static inline uint64_t test_key(struct slice person)
{
    uint64_t h = UINT64_C(1469598103934665603);
    for (size_t i = 0; i < person.len; i++)
        h = (h ^ person.at[i]) * UINT64_C(1099511628211);
    return h;
}

/* Stands in for guard's secret: load_keys_fn. */
static inline result test_keys(void *self, const struct slice *persons, size_t count, uint64_t *ret, struct why *why)
{
    uint64_t *asked = self;
    (void)why;
    if (asked)
        *asked += count;
    for (size_t i = 0; i < count; i++)
        ret[i] = test_key(persons[i]);
    return DONE;
}

static inline struct dictionary *test_dictionary(const char *text, enum profile profile)
{
    struct json *tree = NULL;
    struct dictionary *d = NULL;
    struct why why = {0};
    assert_ok(json_parse(slice_str(text), JSON_BYTES_MAX, &tree, NULL));
    if (!is_ok(dictionary_read(tree, NULL, profile, &d, &why)))
        fail_msg("%s: %s", why.field, why.text);
    json_free(tree);
    return d;
}

static inline struct question *test_question(const struct dictionary *d, const char *text)
{
    struct json *tree = NULL;
    struct question *q = NULL;
    struct why why = {0};
    assert_ok(json_parse(slice_str(text), JSON_BYTES_MAX, &tree, NULL));
    if (!is_ok(question_read(tree, d, &q, &why)))
        fail_msg("%s: %s in %s", why.field, why.text, text);
    json_free(tree);
    return q;
}

static inline void read_test_file(const char *path, struct buffer *to)
{
    struct why why = {0};
    buffer_init(to, TEST_TEXT_MAX);
    if (!is_ok(host_read_file(host_real(), path, TEST_TEXT_MAX, to, &why)))
        fail_msg("%s", why.text);
}

#endif
